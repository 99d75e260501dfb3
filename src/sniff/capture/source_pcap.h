/* SPDX-License-Identifier: Apache-2.0 */
/* source_pcap.h — frames as they pass an interface, by libpcap. A file has capture.h; what both
 * have in common is struct nj_captured.
 *
 *     nj_source_open(…)            takes the right to capture; nothing later does
 *     for (;;)
 *         switch (nj_source_next(…))
 *             FRAME: look at it    WAIT: poll nj_source_fd() for reading
 *
 * Bounded: the kernel keeps `buffer_mib` of frames that were not asked for yet, and counts those
 * that it has no room for. Thread: one. */
#ifndef NJ_SNIFF_SOURCE_PCAP_H
#define NJ_SNIFF_SOURCE_PCAP_H

#include "base/err.h"
#include "sniff/capture/capture.h"

#include <stdio.h>

#define NJ_SOURCE_BUFFER_MIB     16u
#define NJ_SOURCE_BUFFER_MIB_MAX 2047u /* libpcap counts its bytes in an int */
/* A frame is handed out at most so long after it came. */
#define NJ_SOURCE_DELAY_MS 100
#define NJ_SOURCE_DIGITS   9 /* of its time */

struct nj_source_opts {
    const char *interface; /* "any": all */
    const char *filter;    /* pcap-filter(7); empty: every frame */
    uint32_t snap_bytes;   /* of a frame that are kept; 1..NJ_CAPTURE_FRAME_MAX */
    uint32_t buffer_mib;   /* 1..NJ_SOURCE_BUFFER_MIB_MAX */
};

struct nj_source;

/* Errors: NJ_ENOENT (no such interface; the diag names the nearest), NJ_ESYS (a right is missing,
 * and the hint says which and how it is granted; or the system refuses), NJ_EINVAL (the filter,
 * with libpcap's words), NJ_EUNSUPPORTED (the interface's link type is none of link.h). */
NJ_NODISCARD enum nj_err nj_source_open(struct nj_source **out, const struct nj_source_opts *opts,
                                        struct nj_diag *diag);
void nj_source_close(struct nj_source *s);

int nj_source_fd(const struct nj_source *s);
/* As a capture file names it. */
uint32_t nj_source_link_type(const struct nj_source *s);

enum nj_source_next {
    NJ_SOURCE_FRAME,
    NJ_SOURCE_WAIT,
    NJ_SOURCE_FAULT, /* no more will come; diag says why */
};
/* Never blocks. `out` is lent until the next call. */
enum nj_source_next nj_source_next(struct nj_source *s, struct nj_captured *out,
                                   struct nj_diag *diag);

struct nj_source_drops {
    uint64_t by_kernel; /* its buffer was full */
    uint64_t by_interface;
};
struct nj_source_drops nj_source_drops(const struct nj_source *s);

/* One line for each interface that can be captured on: "1. lo (Loopback)". */
NJ_NODISCARD enum nj_err nj_source_list(FILE *out, struct nj_diag *diag);

/* The interface that stands first in that list: captured on where none is named, as tshark has it.
 * Errors: NJ_ENOENT (there is none), those of nj_source_list(). */
#define NJ_SOURCE_NAME_BYTES 16u
NJ_NODISCARD enum nj_err nj_source_first(char out[NJ_SOURCE_NAME_BYTES], struct nj_diag *diag);

#endif
