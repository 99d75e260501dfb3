/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.h — how often each duration was seen, to 1 part in 128, whatever its size.
 *
 * Durations below 256 ns have a slot of their own; above, each power of two is cut into 128 equal
 * slots. One that is seen costs an addition; two histograms add up. Thread: the owner's. */
#ifndef NJ_CMD_BENCH_HISTOGRAM_H
#define NJ_CMD_BENCH_HISTOGRAM_H

#include <stdint.h>

#define NJ_HISTOGRAM_BITS  7
#define NJ_HISTOGRAM_MOST  ((INT64_C(1) << 42) - 1) /* ns, more than an hour; beyond: as this */
#define NJ_HISTOGRAM_SLOTS ((42 - NJ_HISTOGRAM_BITS + 1) << NJ_HISTOGRAM_BITS)

/* Zeroed: empty. */
struct nj_histogram {
    uint64_t count;
    int64_t most_ns; /* the longest, exactly */
    uint64_t slots[NJ_HISTOGRAM_SLOTS];
};

static inline uint32_t
nj_histogram_slot_of(int64_t ns)
{
    uint64_t v = ns < 0 ? 0 : ns > NJ_HISTOGRAM_MOST ? (uint64_t)NJ_HISTOGRAM_MOST : (uint64_t)ns;

    if (v < UINT64_C(2) << NJ_HISTOGRAM_BITS)
        return (uint32_t)v;

    uint32_t shift = 63 - (uint32_t)__builtin_clzll(v) - NJ_HISTOGRAM_BITS;

    return (shift << NJ_HISTOGRAM_BITS) + (uint32_t)(v >> shift);
}

static inline void
nj_histogram_see(struct nj_histogram *h, int64_t ns)
{
    h->count++;
    h->slots[nj_histogram_slot_of(ns)]++;
    if (ns > h->most_ns)
        h->most_ns = ns;
}

void nj_histogram_add(struct nj_histogram *sum, const struct nj_histogram *h);
/* The duration that `share` (0 to 1) of all did not exceed: the upper end of its slot. 0 when there
 * were none. */
int64_t nj_histogram_at(const struct nj_histogram *h, double share);

#endif
