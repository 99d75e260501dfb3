/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/queue.h"

#include "base/assert.h"

#include <string.h>

#define FIRST_PARCELS 8u
#define PAGE_PARCELS  128u
#define FIRST_PAGES   4u

static struct nj_parcel **
page_at(const struct nj_queue *q, uint32_t i)
{
    return nj_ring_at(&q->pages, sizeof(struct nj_parcel *), i);
}

struct nj_parcel *
nj_queue_at(const struct nj_queue *q, uint32_t i)
{
    return *page_at(q, (q->head + i) / PAGE_PARCELS) + (q->head + i) % PAGE_PARCELS;
}

/* --- room --- */

static bool
add_page(struct nj_queue *q, uint32_t parcels)
{
    struct nj_parcel *page = NULL, **last;

    if (q->capacity <= UINT32_MAX - 2 * parcels) /* no place is counted beyond 32 bits */
        page = nj_alloc_array(parcels, sizeof(*page));
    if (page == NULL)
        return false;
    last = nj_ring_push(&q->pages, sizeof(page), FIRST_PAGES);
    if (last == NULL) {
        nj_free(page);
        return false;
    }
    *last = page;
    q->capacity += parcels;
    return true;
}

/* The only page, small as yet, gets twice as large; or half of it has been left already. */
static bool
widen_page(struct nj_queue *q)
{
    struct nj_parcel **page = page_at(q, 0), *wider;

    memmove(*page, *page + q->head, q->count * sizeof(**page));
    q->head = 0;
    if (q->count <= q->capacity / 2)
        return true;
    wider = nj_realloc(*page, 2 * q->capacity * sizeof(*wider));
    if (wider == NULL)
        return false;
    *page = wider;
    q->capacity *= 2;
    return true;
}

bool
nj_queue_reserve(struct nj_queue *q)
{
    if (q->head + q->count < q->capacity)
        return true;
    if (q->capacity == 0)
        return add_page(q, FIRST_PARCELS);
    return q->capacity < PAGE_PARCELS ? widen_page(q) : add_page(q, PAGE_PARCELS);
}

static void
drop_page(struct nj_queue *q, uint32_t i)
{
    nj_free(*page_at(q, i));
    q->capacity -= PAGE_PARCELS;
}

/* What the last ones have left behind; a single page stays. */
static void
drop_last_pages(struct nj_queue *q)
{
    while (q->capacity >= q->head + q->count + PAGE_PARCELS && q->pages.count > 1)
        drop_page(q, --q->pages.count);
}

/* --- parcels --- */

bool
nj_queue_push(struct nj_queue *q, const struct nj_parcel *p)
{
    if (!nj_queue_reserve(q))
        return false;
    *nj_queue_at(q, q->count++) = *p;
    q->expiring = q->count > 1 ? NJ_MIN(q->expiring, p->msg->expires) : p->msg->expires;
    q->qos0 += p->qos == 0;
    q->bytes += nj_msg_bytes(p->msg);
    return true;
}

struct nj_parcel *
nj_queue_first(struct nj_queue *q)
{
    return q->count > 0 ? nj_queue_at(q, 0) : NULL;
}

struct nj_parcel
nj_queue_pop(struct nj_queue *q)
{
    struct nj_parcel p;

    NJ_ASSERT(q->count > 0);
    p = *nj_queue_at(q, 0);
    q->qos0 -= p.qos == 0;
    q->bytes -= nj_msg_bytes(p.msg);
    q->head++;
    if (--q->count == 0) {
        nj_queue_fini(q);
    } else if (q->head == PAGE_PARCELS) {
        drop_page(q, 0);
        nj_ring_pop(&q->pages);
        q->head = 0;
    }
    return p;
}

struct nj_parcel
nj_queue_take(struct nj_queue *q, uint32_t i)
{
    struct nj_parcel p;

    NJ_ASSERT(i < q->count);
    p = *nj_queue_at(q, i);
    q->qos0 -= p.qos == 0;
    q->bytes -= nj_msg_bytes(p.msg);
    q->count--;
    for (; i < q->count; i++)
        *nj_queue_at(q, i) = *nj_queue_at(q, i + 1);
    drop_last_pages(q);
    if (q->count == 0)
        nj_queue_fini(q);
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
    removed = q->count - kept;
    q->count = kept;
    drop_last_pages(q);
    if (kept == 0)
        nj_queue_fini(q);
    return removed;
}

void
nj_queue_fini(struct nj_queue *q)
{
    for (uint32_t i = 0; i < q->count; i++)
        nj_parcel_fini(nj_queue_at(q, i));
    for (uint32_t i = 0; i < q->pages.count; i++)
        nj_free(*page_at(q, i));
    nj_ring_fini(&q->pages);
    *q = (struct nj_queue){0};
}
