/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/promise.h"

#include "base/mem.h"

#define FIRST_CAPACITY 64

bool
nj_promises_push(struct nj_promises *q, const struct nj_promise *p)
{
    if (q->count == q->capacity) {
        uint32_t capacity = q->capacity > 0 ? q->capacity * 2 : FIRST_CAPACITY;
        struct nj_promise *ring = nj_alloc_array(capacity, sizeof(*ring));

        if (ring == NULL)
            return false;
        for (uint32_t i = 0; i < q->count; i++)
            ring[i] = q->ring[(q->head + i) & (q->capacity - 1)];
        nj_free(q->ring);
        q->ring = ring;
        q->capacity = capacity;
        q->head = 0;
    }
    q->ring[(q->head + q->count++) & (q->capacity - 1)] = *p;
    return true;
}

bool
nj_promises_take(struct nj_promises *q, uint64_t upto, struct nj_promise *out)
{
    if (q->count == 0 || q->ring[q->head].number > upto)
        return false;
    *out = q->ring[q->head];
    q->head = (q->head + 1) & (q->capacity - 1);
    q->count--;
    return true;
}

size_t
nj_promise_bytes(const struct nj_promise *p)
{
    return p->kind == NJ_PROMISE_ROUTE ? nj_msg_bytes(p->msg) : p->codes_n;
}

void
nj_promise_fini(struct nj_promise *p)
{
    if (p->kind == NJ_PROMISE_ROUTE)
        nj_msg_unref(p->msg);
    else if (p->answer == NJ_SUBACK || p->answer == NJ_UNSUBACK)
        nj_free(p->codes);
}

void
nj_promises_fini(struct nj_promises *q)
{
    struct nj_promise p;

    while (nj_promises_take(q, UINT64_MAX, &p))
        nj_promise_fini(&p);
    nj_free(q->ring);
    *q = (struct nj_promises){0};
}
