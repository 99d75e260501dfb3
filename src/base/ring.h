/* SPDX-License-Identifier: Apache-2.0 */
/* ring.h — things in the order in which they came, in an array that doubles when it is full: in at
 * the end, out at the front. It moves them and owns none: what they hold is the user's to give
 * back. `size` is that of one thing, the same in all calls.
 * Thread: the owner's. Zeroed is empty. */
#ifndef NJ_BASE_RING_H
#define NJ_BASE_RING_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nj_ring {
    void *items;
    uint32_t head, count, capacity; /* the capacity is a power of two, or 0 */
};

/* Counted from the first. */
static inline void *
nj_ring_at(const struct nj_ring *r, size_t size, uint32_t i)
{
    return (char *)r->items + ((r->head + i) & (r->capacity - 1)) * size;
}

/* To an array of another capacity, a power of two that has room for all. False without memory:
 * nothing has changed. */
bool nj_ring_resize(struct nj_ring *r, size_t size, uint32_t capacity);

/* Memory for one more: the next push cannot fail. False without: nothing has changed. */
static inline bool
nj_ring_reserve(struct nj_ring *r, size_t size, uint32_t first_capacity)
{
    return r->count < r->capacity ||
           (r->capacity <= UINT32_MAX / 2 &&
            nj_ring_resize(r, size, r->capacity > 0 ? r->capacity * 2 : first_capacity));
}

/* Room for one more, last; NULL without memory: nothing has changed. */
static inline void *
nj_ring_push(struct nj_ring *r, size_t size, uint32_t first_capacity)
{
    return nj_ring_reserve(r, size, first_capacity) ? nj_ring_at(r, size, r->count++) : NULL;
}

/* Without the first; there is one. */
static inline void
nj_ring_pop(struct nj_ring *r)
{
    r->head = (r->head + 1) & (r->capacity - 1);
    r->count--;
}

/* Empty, and without an array. */
void nj_ring_fini(struct nj_ring *r);

#endif
