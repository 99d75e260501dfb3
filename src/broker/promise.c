/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/promise.h"

#include "base/mem.h"

#define FIRST_PROMISES 64

bool
nj_promises_reserve(struct nj_promises *q)
{
    return nj_ring_reserve(&q->ring, sizeof(struct nj_promise), FIRST_PROMISES);
}

bool
nj_promises_push(struct nj_promises *q, const struct nj_promise *p)
{
    struct nj_promise *last = nj_ring_push(&q->ring, sizeof(*p), FIRST_PROMISES);

    if (last == NULL)
        return false;
    *last = *p;
    return true;
}

bool
nj_promises_take(struct nj_promises *q, uint64_t upto, struct nj_promise *out)
{
    const struct nj_promise *first;

    if (q->ring.count == 0)
        return false;
    first = nj_ring_at(&q->ring, sizeof(*first), 0);
    if (first->number > upto)
        return false;
    *out = *first;
    nj_ring_pop(&q->ring);
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
    nj_ring_fini(&q->ring);
}
