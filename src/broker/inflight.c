/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/inflight.h"

#include "base/assert.h"

#define IDENTIFIERS    65535u
#define FIRST_INFLIGHT 4

struct nj_parcel *
nj_inflight_at(struct nj_inflight *f, uint32_t i)
{
    return nj_ring_at(&f->ring, sizeof(struct nj_parcel), i);
}

bool
nj_inflight_is_exhausted(const struct nj_inflight *f)
{
    return f->ring.count == IDENTIFIERS;
}

struct nj_parcel *
nj_inflight_add(struct nj_inflight *f, const struct nj_parcel *p)
{
    struct nj_parcel *slot;

    if (nj_inflight_is_exhausted(f))
        return NULL;
    slot = nj_ring_push(&f->ring, sizeof(*p), FIRST_INFLIGHT);
    if (slot == NULL)
        return NULL;
    f->last_given = f->last_given == IDENTIFIERS ? 1 : (uint16_t)(f->last_given + 1);
    *slot = *p;
    slot->packet_id = f->last_given;
    f->bytes += nj_msg_bytes(p->msg);
    return slot;
}

/* Counted from the first; the ring is not empty. */
static uint32_t
place_of(struct nj_inflight *f, uint16_t packet_id)
{
    uint32_t first = nj_inflight_at(f, 0)->packet_id;

    return packet_id >= first ? packet_id - first : packet_id + IDENTIFIERS - first;
}

bool
nj_inflight_is_passed(struct nj_inflight *f, const struct nj_parcel *p)
{
    return place_of(f, p->packet_id) < f->next;
}

struct nj_parcel *
nj_inflight_find(struct nj_inflight *f, uint16_t packet_id)
{
    uint32_t place;
    struct nj_parcel *p;

    if (f->ring.count == 0 || packet_id == 0)
        return NULL;
    place = place_of(f, packet_id);
    if (place >= f->ring.count)
        return NULL;
    p = nj_inflight_at(f, place);
    return p->state == NJ_PARCEL_DONE ? NULL : p;
}

void
nj_inflight_drop_message(struct nj_inflight *f, struct nj_parcel *p)
{
    if (p->msg == NULL)
        return;
    f->bytes -= nj_msg_bytes(p->msg);
    nj_parcel_fini(p);
}

void
nj_inflight_done(struct nj_inflight *f, struct nj_parcel *p)
{
    NJ_ASSERT(p->state != NJ_PARCEL_DONE);
    nj_inflight_drop_message(f, p);
    if (p->is_counted)
        f->counted--;
    p->is_counted = false;
    p->state = NJ_PARCEL_DONE;

    while (f->ring.count > 0 && nj_inflight_at(f, 0)->state == NJ_PARCEL_DONE) {
        nj_ring_pop(&f->ring);
        if (f->next > 0)
            f->next--;
    }
    if (f->ring.count == 0 && f->ring.capacity > FIRST_INFLIGHT * 16)
        nj_ring_fini(&f->ring);
}

void
nj_inflight_restart(struct nj_inflight *f)
{
    f->next = 0;
    f->counted = 0;
    for (uint32_t i = 0; i < f->ring.count; i++)
        nj_inflight_at(f, i)->is_counted = false;
}

void
nj_inflight_fini(struct nj_inflight *f)
{
    for (uint32_t i = 0; i < f->ring.count; i++)
        nj_parcel_fini(nj_inflight_at(f, i));
    nj_ring_fini(&f->ring);
    *f = (struct nj_inflight){0};
}
