/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/received.h"

#include "base/mem.h"

#include <string.h>

/* Where it is, or would be. */
static uint32_t
place_in_order(const struct nj_received *r, uint16_t packet_id)
{
    uint32_t low = 0, high = r->count;

    if (r->count > 0 && r->ids[r->count - 1] < packet_id)
        return r->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (r->ids[middle] < packet_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool
nj_received_has(const struct nj_received *r, uint16_t packet_id)
{
    uint32_t place = place_in_order(r, packet_id);

    return place < r->count && r->ids[place] == packet_id;
}

bool
nj_received_add(struct nj_received *r, uint16_t packet_id)
{
    uint32_t place = place_in_order(r, packet_id);

    if (r->count == r->capacity) {
        uint32_t capacity = r->capacity > 0 ? r->capacity * 2 : 16;
        uint16_t *ids = nj_realloc(r->ids, capacity * sizeof(*ids));

        if (ids == NULL)
            return false;
        r->ids = ids;
        r->capacity = capacity;
    }
    memmove(r->ids + place + 1, r->ids + place, (r->count - place) * sizeof(*r->ids));
    r->ids[place] = packet_id;
    r->count++;
    return true;
}

bool
nj_received_remove(struct nj_received *r, uint16_t packet_id)
{
    uint32_t place = place_in_order(r, packet_id);

    if (place >= r->count || r->ids[place] != packet_id)
        return false;
    r->count--;
    memmove(r->ids + place, r->ids + place + 1, (r->count - place) * sizeof(*r->ids));
    if (r->count == 0 && r->capacity > 16)
        nj_received_fini(r);
    return true;
}

void
nj_received_fini(struct nj_received *r)
{
    nj_free(r->ids);
    *r = (struct nj_received){0};
}
