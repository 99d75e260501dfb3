/* SPDX-License-Identifier: Apache-2.0 */
/* Eleven wheels of 64 slots: the hand of wheel 0 moves every millisecond, that of wheel n every
 * 64^n of them, and together they reach as far as nj_time does.
 *
 * Written in base 64, a due time and the wheel's time agree in their leading digits. The first
 * digit in which they differ names the wheel, and the value of the due time's digit names the slot:
 *
 *   now   …  0  3 17 60
 *   due   …  0  5  2  9      lies in wheel 2, slot 5
 *
 * So every timer lies ahead of its wheel's hand, and all of wheel n come before any of wheel n + 1:
 * the next thing to do is in the lowest wheel that holds anything, at its lowest slot. When the
 * time reaches a slot of wheel n > 0, its timers are dealt out to the wheels below. A timer is
 * dealt out at most ten times in its life, and empty slots are stepped over, however many. */
#include "io/timer.h"

#include "base/mem.h"

#include <stdint.h>

#define LEVELS     11
#define DIGIT_BITS 6
#define SLOTS      (1 << DIGIT_BITS)

struct nj_wheel {
    nj_time now;               /* whatever is due until here is in `ready`, or was */
    struct nj_list ready;      /* in the order in which it fires */
    struct nj_list firing;     /* what was ready when the run began; empty between runs */
    uint64_t occupied[LEVELS]; /* a bit for each slot that is not empty */
    struct nj_list slots[LEVELS * SLOTS];
};

struct nj_wheel *
nj_wheel_new(nj_time now)
{
    struct nj_wheel *w = nj_zalloc(sizeof(*w));

    if (w == NULL)
        return NULL;
    w->now = now > 0 ? now : 0;
    nj_list_init(&w->ready);
    nj_list_init(&w->firing);
    for (int i = 0; i < LEVELS * SLOTS; i++)
        nj_list_init(&w->slots[i]);
    return w;
}

void
nj_wheel_free(struct nj_wheel *w)
{
    nj_free(w);
}

void
nj_timer_init(struct nj_timer *t, void (*on_time)(struct nj_timer *, nj_time))
{
    t->on_time = on_time;
    nj_list_init(&t->link);
    t->due = NJ_NEVER;
}

static void
enter(struct nj_wheel *w, struct nj_timer *t)
{
    unsigned level, slot;

    if (t->due <= w->now) {
        nj_list_push(&w->ready, &t->link);
        return;
    }
    level = (63u - (unsigned)__builtin_clzll((uint64_t)(t->due ^ w->now))) / DIGIT_BITS;
    slot = (unsigned)((uint64_t)t->due >> (level * DIGIT_BITS)) & (SLOTS - 1);
    nj_list_push(&w->slots[level * SLOTS + slot], &t->link);
    w->occupied[level] |= UINT64_C(1) << slot;
}

static void
leave(struct nj_wheel *w, struct nj_timer *t)
{
    struct nj_list *rest = t->link.next;

    nj_list_remove(&t->link);
    /* If it was alone, `rest` is the head that it lay under: a slot's, mostly. */
    if (nj_list_is_empty(rest) && rest != &w->ready && rest != &w->firing) {
        unsigned i = (unsigned)(rest - w->slots);

        w->occupied[i / SLOTS] &= ~(UINT64_C(1) << i % SLOTS);
    }
}

void
nj_timer_set(struct nj_wheel *w, struct nj_timer *t, nj_time due)
{
    if (due == t->due)
        return;
    nj_timer_cancel(w, t);
    if (due == NJ_NEVER)
        return;
    t->due = due;
    enter(w, t);
}

void
nj_timer_cancel(struct nj_wheel *w, struct nj_timer *t)
{
    if (!nj_timer_is_set(t))
        return;
    leave(w, t);
    t->due = NJ_NEVER;
}

/* Where the hands next meet a slot that holds something; false: nowhere. */
static bool
find_next_slot(const struct nj_wheel *w, unsigned *level, unsigned *slot, nj_time *begin)
{
    for (unsigned i = 0; i < LEVELS; i++) {
        unsigned shift = i * DIGIT_BITS;
        uint64_t leading;

        if (w->occupied[i] == 0)
            continue;
        leading = i + 1 < LEVELS ? (uint64_t)w->now >> (shift + DIGIT_BITS) << DIGIT_BITS : 0;
        *level = i;
        *slot = (unsigned)__builtin_ctzll(w->occupied[i]);
        *begin = (nj_time)((leading | *slot) << shift);
        return true;
    }
    return false;
}

/* Move everything that is due until `now` to the end of `ready`, in order of time. */
static void
advance(struct nj_wheel *w, nj_time now)
{
    unsigned level, slot;
    nj_time begin;

    while (find_next_slot(w, &level, &slot, &begin) && begin <= now) {
        struct nj_list moved, *link;

        w->now = begin;
        nj_list_init(&moved);
        nj_list_move_all(&moved, &w->slots[level * SLOTS + slot]);
        w->occupied[level] &= ~(UINT64_C(1) << slot);
        while ((link = nj_list_pop(&moved)) != NULL)
            enter(w, nj_container_of(link, struct nj_timer, link));
    }
    if (now > w->now)
        w->now = now;
}

unsigned
nj_wheel_run(struct nj_wheel *w, nj_time now, unsigned limit)
{
    struct nj_list *link;
    unsigned fired = 0;

    advance(w, now);
    /* Apart, so that what a callback sets for now waits for the next run. */
    nj_list_move_all(&w->firing, &w->ready);

    while ((limit == 0 || fired < limit) && (link = nj_list_pop(&w->firing)) != NULL) {
        struct nj_timer *t = nj_container_of(link, struct nj_timer, link);

        t->due = NJ_NEVER;
        fired++;
        t->on_time(t, now);
    }
    nj_list_move_all(&w->firing, &w->ready);
    nj_list_move_all(&w->ready, &w->firing);
    return fired;
}

nj_time
nj_wheel_next(const struct nj_wheel *w)
{
    unsigned level, slot;
    nj_time begin;

    if (!nj_list_is_empty(&w->ready))
        return w->now;
    return find_next_slot(w, &level, &slot, &begin) ? begin : NJ_NEVER;
}
