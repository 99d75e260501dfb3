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

static uint32_t
left_out(const struct nj_inflight *f)
{
    return f->leapt_from != 0 ? NJ_INFLIGHT_LEAP : 0;
}

bool
nj_inflight_is_exhausted(const struct nj_inflight *f)
{
    return f->ring.count + left_out(f) >= IDENTIFIERS;
}

static uint16_t
after(uint16_t packet_id)
{
    return packet_id == IDENTIFIERS ? 1 : (uint16_t)(packet_id + 1);
}

static uint32_t
first_capacity(const struct nj_inflight *f)
{
    return NJ_MAX(f->regrown, FIRST_INFLIGHT);
}

bool
nj_inflight_reserve(struct nj_inflight *f)
{
    return nj_ring_reserve(&f->ring, sizeof(struct nj_parcel), first_capacity(f));
}

struct nj_parcel *
nj_inflight_add(struct nj_inflight *f, struct nj_msg *msg)
{
    struct nj_parcel *slot;

    if (nj_inflight_is_exhausted(f))
        return NULL;
    slot = nj_ring_push(&f->ring, sizeof(*slot), first_capacity(f));
    if (slot == NULL)
        return NULL;
    f->last_given = after(f->last_given);
    *slot = (struct nj_parcel){.msg = msg, .packet_id = f->last_given};
    return slot;
}

bool
nj_inflight_restore(struct nj_inflight *f, const struct nj_parcel *p)
{
    uint16_t id = f->ring.count == 0 ? p->packet_id : after(f->last_given);

    for (;; id = after(id)) {
        bool is_it = id == p->packet_id;
        struct nj_parcel *slot = nj_ring_push(&f->ring, sizeof(*p), FIRST_INFLIGHT);

        if (slot == NULL)
            return false;
        *slot = is_it ? *p : (struct nj_parcel){.state = NJ_PARCEL_DONE, .packet_id = id};
        f->last_given = id;
        if (is_it)
            break;
    }
    return true;
}

void
nj_inflight_leap(struct nj_inflight *f, uint64_t drawn)
{
    if (f->ring.count == 0) {
        f->last_given = (uint16_t)(drawn % IDENTIFIERS + 1);
        return;
    }
    /* The next start has to see which end of the window is the first: what lies around it must stay
     * wider than what was left out in it. */
    if (f->ring.count >= NJ_INFLIGHT_LEAP)
        return;
    f->leapt_from = f->last_given;
    f->last_given = (uint16_t)((f->last_given - 1u + NJ_INFLIGHT_LEAP) % IDENTIFIERS + 1);
}

static uint32_t
distance(uint32_t from, uint32_t to)
{
    return to >= from ? to - from : to + IDENTIFIERS - from;
}

/* Counted from the first; the ring is not empty. Beyond its end: not there. */
static uint32_t
place_of(struct nj_inflight *f, uint16_t packet_id)
{
    uint32_t first = nj_inflight_at(f, 0)->packet_id;
    uint32_t place = distance(first, packet_id);
    uint32_t seam;

    if (f->leapt_from == 0)
        return place;
    seam = distance(first, f->leapt_from);
    if (place <= seam)
        return place;
    return place - seam > NJ_INFLIGHT_LEAP ? place - NJ_INFLIGHT_LEAP : UINT32_MAX;
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
nj_inflight_count(struct nj_inflight *f, struct nj_parcel *p)
{
    if (p->is_counted)
        return;
    p->is_counted = true;
    f->counted++;
    f->bytes += p->msg->payload_n;
}

void
nj_inflight_drop_message(struct nj_inflight *f, struct nj_parcel *p)
{
    if (p->msg == NULL)
        return;
    if (p->is_counted)
        f->bytes -= p->msg->payload_n;
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
        if (nj_inflight_at(f, 0)->packet_id == f->leapt_from)
            f->leapt_from = 0;
        nj_ring_pop(&f->ring);
        if (f->next > 0)
            f->next--;
    }
    if (f->ring.count == 0 && f->ring.capacity > FIRST_INFLIGHT * 16) {
        f->regrown = f->ring.capacity > f->regrown ? f->ring.capacity : f->ring.capacity / 2;
        nj_ring_fini(&f->ring);
    }
}

void
nj_inflight_restart(struct nj_inflight *f)
{
    f->next = 0;
    f->counted = 0;
    f->bytes = 0;
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
