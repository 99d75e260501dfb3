/* SPDX-License-Identifier: Apache-2.0 */
/* capture.h — the frames of a capture file: pcap in both byte orders, microseconds and nanoseconds,
 * and pcapng with several sections and interfaces. Why it is not libpcap that reads them:
 * docs/decisions/0019.
 *
 * A file is read from its beginning to its end and never goes back, so that it may be a pipe.
 * Bounded: one buffer of NJ_CAPTURE_FRAME_MAX bytes, whatever a length in the file says, and
 * NJ_CAPTURE_INTERFACES_MAX interfaces. Thread: one. */
#ifndef NJ_SNIFF_CAPTURE_H
#define NJ_SNIFF_CAPTURE_H

#include "base/err.h"
#include "base/str.h"

#include <stdio.h>

#define NJ_CAPTURE_FRAME_MAX      262144u /* what every reader of captures takes */
#define NJ_CAPTURE_INTERFACES_MAX 4096u

/* One frame. `bytes` and `comment` are lent until the next one is asked for. */
struct nj_captured {
    uint64_t number;      /* from 1 */
    int64_t time_ns;      /* since 1970 */
    unsigned time_digits; /* behind the point that the file keeps: 6 or 9, mostly */
    uint32_t link_type;   /* LINKTYPE_… as in the file */
    uint32_t interface;   /* 0 in a pcap */
    uint32_t wire_bytes;  /* how long it was; more than bytes.n: it was cut */
    struct nj_str bytes;
    struct nj_str comment; /* empty: none */
};

struct nj_capture;

/* `file` is lent until nj_capture_free(). NJ_EINVAL: it is no capture. */
NJ_NODISCARD enum nj_err nj_capture_new(struct nj_capture **out, FILE *file, struct nj_diag *diag);
void nj_capture_free(struct nj_capture *c);

/* Who is told of the secrets that a pcapng keeps for its readers, before the next frame: what kind
 * they are, and the bytes, which are lent for the call. */
#define NJ_CAPTURE_SECRETS_TLS 0x544c534bu /* a key log of NSS's format */
void nj_capture_on_secrets(struct nj_capture *c,
                           void (*told)(void *context, uint32_t kind, struct nj_str bytes),
                           void *context);

enum nj_capture_next {
    NJ_CAPTURE_FRAME,
    NJ_CAPTURE_END,
    NJ_CAPTURE_FAULT, /* what comes now cannot be read; diag says why */
};
enum nj_capture_next nj_capture_next(struct nj_capture *c, struct nj_captured *out,
                                     struct nj_diag *diag);

#endif
