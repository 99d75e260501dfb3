/* SPDX-License-Identifier: Apache-2.0 */
#include "client/bytes.h"

#include "base/mem.h"

#define FIRST_BYTES 4096
#define KEPT_BYTES  ((size_t)4 << 20)

bool
nj_bytes_grow(struct nj_bytes *b, size_t n)
{
    size_t waiting = nj_bytes_waiting(b);
    size_t wanted, cap;
    uint8_t *p;

    if (__builtin_add_overflow(waiting, n, &wanted))
        return false;
    /* Moving pays when what is moved is small beside the room that it wins. */
    if (wanted <= b->cap && waiting <= b->cap / 2) {
        if (waiting > 0)
            memmove(b->p, b->p + b->begin, waiting);
        b->begin = 0;
        b->end = waiting;
        return true;
    }
    for (cap = b->cap > 0 ? b->cap : FIRST_BYTES; cap < wanted || cap == b->cap;) {
        if (__builtin_mul_overflow(cap, (size_t)2, &cap))
            return false;
    }
    p = nj_alloc(cap);
    if (p == NULL)
        return false;
    if (waiting > 0)
        memcpy(p, b->p + b->begin, waiting);
    nj_free(b->p);
    *b = (struct nj_bytes){p, 0, waiting, cap};
    return true;
}

void
nj_bytes_take(struct nj_bytes *b, size_t n)
{
    b->begin += n;
    if (b->begin == b->end) {
        b->begin = b->end = 0;
        if (b->cap > KEPT_BYTES)
            nj_bytes_fini(b);
    }
}

void
nj_bytes_clear(struct nj_bytes *b)
{
    nj_bytes_take(b, nj_bytes_waiting(b));
}

void
nj_bytes_fini(struct nj_bytes *b)
{
    nj_free(b->p);
    *b = (struct nj_bytes){0};
}
