/* SPDX-License-Identifier: Apache-2.0 */
/* capture_priv.h — what the two formats share: numbers in the file's byte order, and its buffer. */
#ifndef NJ_SNIFF_CAPTURE_PRIV_H
#define NJ_SNIFF_CAPTURE_PRIV_H

#include "sniff/capture/capture.h"

struct nj_capture_interface {
    uint32_t link_type;
    uint32_t snap_bytes;  /* 0: whole frames */
    unsigned time_digits; /* of its clock, or what comes next to it */
    uint64_t per_second;  /* ticks */
    int64_t offset_s;
};

struct nj_capture {
    FILE *file;
    bool is_big_endian;
    bool is_ng;
    uint64_t frames;
    uint8_t *buffer;
    size_t buffer_bytes;
    struct nj_capture_interface *interface;
    size_t interface_count, interface_capacity;
    void (*told_secrets)(void *context, uint32_t kind, struct nj_str bytes);
    void *secrets_context;
};

/* Two or four bytes in the file's order. */
uint32_t nj_capture_number(const struct nj_capture *c, const uint8_t *p, size_t bytes);
/* `n` bytes of the file into its buffer, behind the `have` that are there. On an end in the middle
 * the diag says so. */
NJ_NODISCARD enum nj_err nj_capture_fill(struct nj_capture *c, size_t have, size_t n,
                                         struct nj_diag *diag);
/* Ticks of the interface's clock, as nanoseconds since 1970; what is beyond them is the last one.
 */
int64_t nj_capture_time(const struct nj_capture_interface *i, uint64_t ticks);

/* pcapng: the rest of the section header whose first four bytes are read; the next frame. */
NJ_NODISCARD enum nj_err nj_pcapng_begin(struct nj_capture *c, struct nj_diag *diag);
enum nj_capture_next nj_pcapng_next(struct nj_capture *c, struct nj_captured *out,
                                    struct nj_diag *diag);

#endif
