/* SPDX-License-Identifier: Apache-2.0 */
/* capture_write.h — frames into a capture file, front to back, so that it may be a pipe. pcapng
 * keeps what struct nj_captured has; pcap has no room for comments, secrets, or a second link type.
 *
 * Bounded: NJ_CAPTURE_INTERFACES_MAX interfaces. Thread: one. Whether the file took it all, its
 * ferror() says. */
#ifndef NJ_SNIFF_CAPTURE_WRITE_H
#define NJ_SNIFF_CAPTURE_WRITE_H

#include "base/err.h"
#include "sniff/capture/capture.h"

#include <stdio.h>

enum nj_capture_format {
    NJ_CAPTURE_PCAPNG,
    NJ_CAPTURE_PCAP,
};

struct nj_capture_writer;

/* `file` is lent until nj_capture_writer_free(). */
NJ_NODISCARD enum nj_err nj_capture_writer_new(struct nj_capture_writer **out, FILE *file,
                                               enum nj_capture_format format);
/* A file without frames is made a capture all the same. */
void nj_capture_writer_free(struct nj_capture_writer *w);

/* The interface of the frames to come, where it is known before the first of them. */
NJ_NODISCARD enum nj_err nj_capture_writer_interface(struct nj_capture_writer *w, const char *name,
                                                     uint32_t link_type, unsigned time_digits,
                                                     uint32_t snap_bytes);

/* Errors: NJ_EINVAL, the format has no room for it. */
NJ_NODISCARD enum nj_err nj_capture_writer_frame(struct nj_capture_writer *w,
                                                 const struct nj_captured *frame,
                                                 struct nj_diag *diag);
void nj_capture_writer_secrets(struct nj_capture_writer *w, uint32_t kind, struct nj_str bytes);

#endif
