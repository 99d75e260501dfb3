/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h — a queue of bytes in one piece of memory: filled at the end, taken at the beginning.
 *
 *        p           begin            end             cap
 *        │  taken    │  waiting       │  room         │
 *
 * Grows by doubling up to what is asked for, and gives the memory back when it is emptied after
 * having been large. Ceilings are the caller's to watch. */
#ifndef NJ_CLIENT_BYTES_H
#define NJ_CLIENT_BYTES_H

#include "base/str.h"

struct nj_bytes {
    uint8_t *p;
    size_t begin, end, cap;
};

static inline size_t
nj_bytes_waiting(const struct nj_bytes *b)
{
    return b->end - b->begin;
}

static inline struct nj_str
nj_bytes_view(const struct nj_bytes *b)
{
    return (struct nj_str){b->p != NULL ? (const char *)b->p + b->begin : "", b->end - b->begin};
}

/* Make room for n bytes after `end`; false without memory, and nothing has changed. What is waiting
 * may move. */
bool nj_bytes_grow(struct nj_bytes *b, size_t n);

/* Room for n bytes at `end`, or NULL. */
static inline uint8_t *
nj_bytes_reserve(struct nj_bytes *b, size_t n)
{
    if (NJ_UNLIKELY(b->cap - b->end < n) && !nj_bytes_grow(b, n))
        return NULL;
    return b->p + b->end;
}

/* The first n waiting bytes are done with. */
void nj_bytes_take(struct nj_bytes *b, size_t n);
void nj_bytes_clear(struct nj_bytes *b);
void nj_bytes_fini(struct nj_bytes *b);

#endif
