/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/queue.h"

#include "base/assert.h"

#define FIRST_CAPACITY 8

static struct nj_parcel *
at(const struct nj_queue *q, uint32_t i)
{
    return &q->ring[(q->head + i) & (q->capacity - 1)];
}

/* Move everything to a ring of another size, oldest first. */
static bool
resize(struct nj_queue *q, uint32_t capacity)
{
    struct nj_parcel *ring = nj_alloc_array(capacity, sizeof(*ring));

    if (ring == NULL)
        return false;
    for (uint32_t i = 0; i < q->count; i++)
        ring[i] = *at(q, i);
    nj_free(q->ring);
    q->ring = ring;
    q->capacity = capacity;
    q->head = 0;
    return true;
}

bool
nj_queue_push(struct nj_queue *q, const struct nj_parcel *p)
{
    if (q->count == q->capacity && (q->capacity > UINT32_MAX / 2 ||
                                    !resize(q, q->capacity > 0 ? q->capacity * 2 : FIRST_CAPACITY)))
        return false;
    *at(q, q->count) = *p;
    q->expiring = q->count > 0 ? NJ_MIN(q->expiring, p->msg->expires) : p->msg->expires;
    q->count++;
    q->qos0 += p->qos == 0;
    q->bytes += nj_msg_bytes(p->msg);
    return true;
}

struct nj_parcel *
nj_queue_first(struct nj_queue *q)
{
    return q->count > 0 ? at(q, 0) : NULL;
}

struct nj_parcel
nj_queue_pop(struct nj_queue *q)
{
    struct nj_parcel p;

    NJ_ASSERT(q->count > 0);
    p = *at(q, 0);
    q->head = (q->head + 1) & (q->capacity - 1);
    q->count--;
    q->qos0 -= p.qos == 0;
    q->bytes -= nj_msg_bytes(p.msg);
    if (q->count == 0) {
        nj_free(q->ring);
        *q = (struct nj_queue){0};
    } else if (q->capacity > 64 && q->count < q->capacity / 8) {
        (void)resize(q, q->capacity / 4); /* only a wish: the larger ring serves as well */
    }
    return p;
}

uint32_t
nj_queue_sweep(struct nj_queue *q, nj_time now,
               void (*expired)(void *ctx, const struct nj_parcel *p), void *ctx)
{
    uint32_t kept = 0, removed;

    if (q->count == 0 || q->expiring > now)
        return 0;
    q->expiring = NJ_NEVER;
    for (uint32_t i = 0; i < q->count; i++) {
        struct nj_parcel *p = at(q, i);

        if (p->msg->expires <= now) {
            q->bytes -= nj_msg_bytes(p->msg);
            q->qos0 -= p->qos == 0;
            expired(ctx, p);
            nj_parcel_fini(p);
        } else {
            q->expiring = NJ_MIN(q->expiring, p->msg->expires);
            *at(q, kept++) = *p;
        }
    }
    removed = q->count - kept;
    q->count = kept;
    if (kept == 0)
        nj_queue_fini(q);
    return removed;
}

void
nj_queue_fini(struct nj_queue *q)
{
    for (uint32_t i = 0; i < q->count; i++)
        nj_parcel_fini(at(q, i));
    nj_free(q->ring);
    *q = (struct nj_queue){0};
}
