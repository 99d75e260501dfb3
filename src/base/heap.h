/* SPDX-License-Identifier: Apache-2.0 */
/* heap.h — deadlines in a binary heap, for pure rooms: the earliest is found at once, setting and
 * cancelling cost O(log n). Each deadline lies inside what it belongs to and knows its place. */
#ifndef NJ_BASE_HEAP_H
#define NJ_BASE_HEAP_H

#include "base/clock.h"
#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/* Zeroed is not set. */
struct nj_deadline {
    nj_time due;
    size_t place; /* 1..; 0: not in the heap */
};

/* Zeroed is empty. */
struct nj_heap {
    struct nj_deadline **array;
    size_t count, capacity;
};

/* Room for `count` deadlines, so that setting one cannot fail. False without memory. */
NJ_NODISCARD bool nj_heap_reserve(struct nj_heap *h, size_t count);
/* Set or move; NJ_NEVER cancels. Room was reserved. */
void nj_heap_set(struct nj_heap *h, struct nj_deadline *d, nj_time due);
void nj_heap_cancel(struct nj_heap *h, struct nj_deadline *d);
/* The earliest if it is due at `now`, taken out; else NULL. */
struct nj_deadline *nj_heap_take_due(struct nj_heap *h, nj_time now);
/* NJ_NEVER when empty. */
nj_time nj_heap_next(const struct nj_heap *h);
void nj_heap_fini(struct nj_heap *h);

#endif
