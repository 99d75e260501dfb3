/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/inflight.h"

#include "base/assert.h"

#define IDENTIFIERS    65535u
#define FIRST_CAPACITY 4

struct nj_parcel *
nj_inflight_at(struct nj_inflight *f, uint32_t i)
{
    return &f->ring[(f->head + i) & (f->capacity - 1)];
}

static bool
grow(struct nj_inflight *f)
{
    uint32_t capacity = f->capacity > 0 ? f->capacity * 2 : FIRST_CAPACITY;
    struct nj_parcel *ring = nj_alloc_array(capacity, sizeof(*ring));

    if (ring == NULL)
        return false;
    for (uint32_t i = 0; i < f->count; i++)
        ring[i] = *nj_inflight_at(f, i);
    nj_free(f->ring);
    f->ring = ring;
    f->capacity = capacity;
    f->head = 0;
    return true;
}

bool
nj_inflight_is_exhausted(const struct nj_inflight *f)
{
    return f->count == IDENTIFIERS;
}

struct nj_parcel *
nj_inflight_add(struct nj_inflight *f, const struct nj_parcel *p)
{
    struct nj_parcel *slot;

    if (nj_inflight_is_exhausted(f) || (f->count == f->capacity && !grow(f)))
        return NULL;
    f->last_given = f->last_given == IDENTIFIERS ? 1 : (uint16_t)(f->last_given + 1);
    slot = nj_inflight_at(f, f->count++);
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

    if (f->count == 0 || packet_id == 0)
        return NULL;
    place = place_of(f, packet_id);
    if (place >= f->count)
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

    while (f->count > 0 && nj_inflight_at(f, 0)->state == NJ_PARCEL_DONE) {
        f->head = (f->head + 1) & (f->capacity - 1);
        f->count--;
        if (f->next > 0)
            f->next--;
    }
    if (f->count == 0 && f->capacity > FIRST_CAPACITY * 16) {
        nj_free(f->ring);
        f->ring = NULL;
        f->capacity = f->head = 0;
    }
}

void
nj_inflight_restart(struct nj_inflight *f)
{
    f->next = 0;
    f->counted = 0;
    for (uint32_t i = 0; i < f->count; i++)
        nj_inflight_at(f, i)->is_counted = false;
}

void
nj_inflight_fini(struct nj_inflight *f)
{
    for (uint32_t i = 0; i < f->count; i++)
        nj_parcel_fini(nj_inflight_at(f, i));
    nj_free(f->ring);
    *f = (struct nj_inflight){0};
}
