/* SPDX-License-Identifier: Apache-2.0 */
/* timetable.h — when each message of a fixed rate is due, computed and not remembered.
 *
 * All publishers take turns: slot n, from 0 on, is due at start + n * burst / rate and belongs to
 * publisher n mod publishers, whose burst n / publishers it is. A message stays due whatever the
 * broker does, so a broker that stalls is charged for all that waited meanwhile. */
#ifndef NJ_CMD_BENCH_TIMETABLE_H
#define NJ_CMD_BENCH_TIMETABLE_H

#include <stdint.h>

#define NJ_SECOND_NS INT64_C(1000000000)

struct nj_timetable {
    int64_t start_ns; /* the monotonic clock */
    int64_t from_ns;  /* latency counts for what is due from here … */
    int64_t end_ns;   /* … to here; nothing is due after it */
    uint32_t rate;    /* in a second, all publishers together; 0: there is none */
    uint32_t burst;   /* messages that a publisher has due at once; at least 1 */
    uint32_t publishers;
};

static inline int64_t
nj_timetable_slot_ns(const struct nj_timetable *t, uint64_t slot)
{
    uint64_t messages = slot * t->burst;
    uint64_t rest_ns =
        messages % t->rate * NJ_SECOND_NS / t->rate; /* whole seconds apart: no overflow */

    return t->start_ns + (int64_t)(messages / t->rate) * NJ_SECOND_NS + (int64_t)rest_ns;
}

static inline int64_t
nj_timetable_due_ns(const struct nj_timetable *t, uint32_t publisher, uint64_t number)
{
    return nj_timetable_slot_ns(t, number / t->burst * t->publishers + publisher);
}

/* How many slots are due at `now`, itself included. */
static inline uint64_t
nj_timetable_slots(const struct nj_timetable *t, int64_t now)
{
    if (now >= t->end_ns)
        now = t->end_ns - 1;
    if (now < t->start_ns)
        return 0;

    uint64_t elapsed = (uint64_t)(now - t->start_ns) + 1;

    uint64_t messages = elapsed / NJ_SECOND_NS * t->rate +
                        (elapsed % NJ_SECOND_NS * t->rate + NJ_SECOND_NS - 1) / NJ_SECOND_NS;

    return (messages + t->burst - 1) / t->burst;
}

/* How many messages the first `slots` have for `publisher`. */
static inline uint64_t
nj_timetable_share(const struct nj_timetable *t, uint32_t publisher, uint64_t slots)
{
    return slots > publisher ? ((slots - 1 - publisher) / t->publishers + 1) * t->burst : 0;
}

#endif
