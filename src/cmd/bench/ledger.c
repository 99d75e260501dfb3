/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/bench/ledger.h"

#include "base/assert.h"
#include "base/mem.h"

#include <string.h>

static void
remember_missing(struct nj_lane *l, uint64_t from, uint64_t to)
{
    if (l->missing == NULL) {
        l->missing = nj_alloc_array(NJ_LANE_MISSING_MAX, sizeof(*l->missing));
        NJ_ASSERT(l->missing != NULL);
    }
    for (uint64_t number = from; number < to; number++) {
        if (l->missing_count == NJ_LANE_MISSING_MAX) {
            l->forgotten += to - number;
            return;
        }
        l->missing[l->missing_count++] = number;
    }
}

static bool
was_missing(struct nj_lane *l, uint64_t number)
{
    for (size_t i = 0; i < l->missing_count; i++) {
        if (l->missing[i] != number)
            continue;
        l->missing_count--;
        memmove(&l->missing[i], &l->missing[i + 1], (l->missing_count - i) * sizeof(*l->missing));
        return true;
    }
    return false;
}

void
nj_lane_see_late(struct nj_lane *l, uint64_t number, struct nj_tally *t)
{
    if (number >= l->next) {
        remember_missing(l, l->next, number);
        l->next = number + 1;
        t->delivered++;
    } else if (was_missing(l, number)) {
        t->delivered++;
        t->reordered++;
    } else {
        t->doubled++;
    }
}

void
nj_lane_close(struct nj_lane *l, uint64_t sent, struct nj_tally *t)
{
    t->lost += l->missing_count + l->forgotten;
    if (l->next < sent)
        t->lost += sent - l->next;
    else
        t->strange += l->next - sent;
    nj_free(l->missing);
    *l = (struct nj_lane){.next = l->next};
}

void
nj_spread_init(struct nj_spread *p, uint64_t window)
{
    uint64_t slots = 64;

    while (slots < window)
        slots *= 2;
    p->floor = 0;
    p->mask = slots - 1;
    p->has_arrived = nj_zalloc(slots);
    NJ_ASSERT(p->has_arrived != NULL);
}

void
nj_spread_see(struct nj_spread *p, uint64_t number, struct nj_tally *t)
{
    if (number < p->floor) {
        t->doubled++;
        return;
    }
    if (number > p->floor + p->mask) {
        t->strange++;
        return;
    }

    uint8_t *slot = &p->has_arrived[number & p->mask];

    if (*slot != 0) {
        t->doubled++;
        return;
    }
    *slot = 1;
    t->delivered++;
    while (p->has_arrived[p->floor & p->mask] != 0) {
        p->has_arrived[p->floor & p->mask] = 0;
        p->floor++;
    }
}

void
nj_spread_close(struct nj_spread *p, uint64_t sent, struct nj_tally *t)
{
    for (uint64_t number = p->floor; number < sent; number++)
        if (p->has_arrived[number & p->mask] == 0)
            t->lost++;
    nj_free(p->has_arrived);
    p->has_arrived = NULL;
}

void
nj_tally_add(struct nj_tally *sum, const struct nj_tally *t)
{
    sum->delivered += t->delivered;
    sum->lost += t->lost;
    sum->doubled += t->doubled;
    sum->reordered += t->reordered;
    sum->strange += t->strange;
}

bool
nj_tally_is_clean(const struct nj_tally *t)
{
    return (t->lost | t->doubled | t->reordered | t->strange) == 0;
}
