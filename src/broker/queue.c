/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/queue.h"

#include "base/assert.h"

#define FIRST_QUEUED 8

struct nj_parcel *
nj_queue_at(const struct nj_queue *q, uint32_t i)
{
    return nj_ring_at(&q->ring, sizeof(struct nj_parcel), i);
}

bool
nj_queue_reserve(struct nj_queue *q)
{
    return nj_ring_reserve(&q->ring, sizeof(struct nj_parcel), FIRST_QUEUED);
}

bool
nj_queue_push(struct nj_queue *q, const struct nj_parcel *p)
{
    struct nj_parcel *last = nj_ring_push(&q->ring, sizeof(*p), FIRST_QUEUED);

    if (last == NULL)
        return false;
    *last = *p;
    q->expiring = q->ring.count > 1 ? NJ_MIN(q->expiring, p->msg->expires) : p->msg->expires;
    q->qos0 += p->qos == 0;
    q->bytes += nj_msg_bytes(p->msg);
    return true;
}

struct nj_parcel *
nj_queue_first(struct nj_queue *q)
{
    return q->ring.count > 0 ? nj_queue_at(q, 0) : NULL;
}

struct nj_parcel
nj_queue_pop(struct nj_queue *q)
{
    struct nj_parcel p;

    NJ_ASSERT(q->ring.count > 0);
    p = *nj_queue_at(q, 0);
    nj_ring_pop(&q->ring);
    q->qos0 -= p.qos == 0;
    q->bytes -= nj_msg_bytes(p.msg);
    if (q->ring.count == 0) {
        nj_queue_fini(q);
    } else if (q->ring.capacity > 64 && q->ring.count < q->ring.capacity / 8) {
        /* Only a wish: the larger ring serves as well. */
        (void)nj_ring_resize(&q->ring, sizeof(p), q->ring.capacity / 4);
    }
    return p;
}

struct nj_parcel
nj_queue_take(struct nj_queue *q, uint32_t i)
{
    struct nj_parcel p;

    NJ_ASSERT(i < q->ring.count);
    p = *nj_queue_at(q, i);
    q->qos0 -= p.qos == 0;
    q->bytes -= nj_msg_bytes(p.msg);
    q->ring.count--;
    for (; i < q->ring.count; i++)
        *nj_queue_at(q, i) = *nj_queue_at(q, i + 1);
    if (q->ring.count == 0)
        nj_queue_fini(q);
    return p;
}

uint32_t
nj_queue_sweep(struct nj_queue *q, nj_time now,
               void (*expired)(void *ctx, const struct nj_parcel *p), void *ctx)
{
    uint32_t kept = 0, removed;

    if (q->ring.count == 0 || q->expiring > now)
        return 0;
    q->expiring = NJ_NEVER;
    for (uint32_t i = 0; i < q->ring.count; i++) {
        struct nj_parcel *p = nj_queue_at(q, i);

        if (p->msg->expires <= now) {
            q->bytes -= nj_msg_bytes(p->msg);
            q->qos0 -= p->qos == 0;
            expired(ctx, p);
            nj_parcel_fini(p);
        } else {
            q->expiring = NJ_MIN(q->expiring, p->msg->expires);
            *nj_queue_at(q, kept++) = *p;
        }
    }
    removed = q->ring.count - kept;
    q->ring.count = kept;
    if (kept == 0)
        nj_queue_fini(q);
    return removed;
}

void
nj_queue_fini(struct nj_queue *q)
{
    for (uint32_t i = 0; i < q->ring.count; i++)
        nj_parcel_fini(nj_queue_at(q, i));
    nj_ring_fini(&q->ring);
    *q = (struct nj_queue){0};
}
