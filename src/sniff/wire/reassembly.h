/* SPDX-License-Identifier: Apache-2.0 */
/* reassembly.h — the bytes that one side of a TCP connection has sent, in order, whatever the
 * segments do: repeat, overlap, overtake each other, wrap around, or are missing in the capture.
 *
 *      taken │ pending ............... │ gap │ held │ gap │ held
 *            └ ready, not yet taken    next
 *
 * Where segments overlap, what was in order first stays. A gap is waited for until the other side
 * has acknowledged beyond it (it has the bytes, the capture never will), or until more is held
 * behind it than the ceiling allows; then it is given up, with the beginning of a packet that
 * waited before it.
 *
 * Bounded: NJ_REASSEMBLY_PENDING_MAX ready and NJ_REASSEMBLY_HELD_MAX held in a flow, and a pool
 * for all flows together, over which the table of streams watches. */
#ifndef NJ_SNIFF_REASSEMBLY_H
#define NJ_SNIFF_REASSEMBLY_H

#include "base/str.h"

#define NJ_REASSEMBLY_PENDING_MAX  (16u << 20)
#define NJ_REASSEMBLY_HELD_MAX     (1u << 20)
#define NJ_REASSEMBLY_SEGMENTS_MAX 1024u /* held */

/* What all flows keep together. */
struct nj_reassembly_pool {
    size_t used;
    uint64_t lost_bytes; /* that were there and are given up */
    uint64_t gaps;       /* that were given up */
};

struct nj_held;

/* In the flow it belongs to; zeroed is empty. */
struct nj_reassembly {
    /* private */
    uint32_t next;
    bool is_started, has_leapt;
    bool is_holed;  /* what comes next does not follow what is pending */
    bool is_acked;  /* `acked` is set */
    uint32_t acked; /* the other side has all before it */
    uint8_t *pending;
    size_t pending_bytes, pending_capacity, taken;
    struct nj_held *held; /* by sequence number */
    size_t held_bytes, held_count;
    struct nj_str lent; /* ready within a segment of the caller's */
};

struct nj_ready {
    struct nj_str bytes; /* all that is ready; lent until the next segment of this flow, or as long
                          * as the segment's own bytes */
    bool is_new;         /* something has come */
    bool is_behind_gap;  /* and does not follow what was taken last */
};

/* The next byte has this number. */
void nj_reassembly_begin(struct nj_reassembly *r, uint32_t seq);
/**
 * A segment's payload, of which `wire_bytes` were sent. What is not taken of the result, by
 * nj_reassembly_take(), comes again with the next one.
 */
struct nj_ready nj_reassembly_feed(struct nj_reassembly *r, struct nj_reassembly_pool *pool,
                                   uint32_t seq, struct nj_str payload, uint32_t wire_bytes);
void nj_reassembly_take(struct nj_reassembly *r, struct nj_reassembly_pool *pool, size_t n);
/* The other side has received all before `ack`. */
void nj_reassembly_acknowledge(struct nj_reassembly *r, uint32_t ack);
/* Whether each of these bytes has come already. */
bool nj_reassembly_has(const struct nj_reassembly *r, uint32_t seq, uint32_t n);
/* Whether it has come as far as it has without giving up a gap. */
static inline bool
nj_reassembly_is_whole(const struct nj_reassembly *r)
{
    return r->is_started && !r->has_leapt;
}
/* Give back what it keeps; it goes on behind a gap. */
void nj_reassembly_drop(struct nj_reassembly *r, struct nj_reassembly_pool *pool);

#endif
