/* SPDX-License-Identifier: Apache-2.0 */
/* timer.h — a wheel of timers for one thread: setting, moving and cancelling cost O(1), and an
 * idle wheel costs nothing. Resolution 1 ms, and a timer never fires early. However far a timer is
 * (sessions may expire in 136 years) and however far time jumps, only timers that are set cost. */
#ifndef NJ_IO_TIMER_H
#define NJ_IO_TIMER_H

#include "base/clock.h"
#include "base/list.h"

/* Embedded in whoever waits. nj_timer_init() before use. */
struct nj_timer {
    void (*on_time)(struct nj_timer *t, nj_time now);
    /* private */
    struct nj_list link;
    nj_time due; /* NJ_NEVER: not set */
};

struct nj_wheel;

struct nj_wheel *nj_wheel_new(nj_time now);
/* Timers still set are forgotten, without being touched. NULL is accepted. */
void nj_wheel_free(struct nj_wheel *w);

void nj_timer_init(struct nj_timer *t, void (*on_time)(struct nj_timer *, nj_time));
/* Set it, or move it. A time in the past fires at the next run; NJ_NEVER cancels. */
void nj_timer_set(struct nj_wheel *w, struct nj_timer *t, nj_time due);
void nj_timer_cancel(struct nj_wheel *w, struct nj_timer *t);
static inline bool
nj_timer_is_set(const struct nj_timer *t)
{
    return t->due != NJ_NEVER;
}

/* Fire what is due, in order of time, and advance. Timers due in the same millisecond fire in the
 * order in which they were set; one that is set for the past counts as set for the time of the last
 * run. A callback may set and cancel any timer, its own too (it is no longer set when it is
 * called), and may free what the timer lies in; what it sets for `now` or earlier fires at the next
 * run. At most `limit` fire (0: all); the rest at the next run. */
unsigned nj_wheel_run(struct nj_wheel *w, nj_time now, unsigned limit);
/* When nj_wheel_run() must be called next (may be earlier than the first timer); NJ_NEVER: no
 * timer. */
nj_time nj_wheel_next(const struct nj_wheel *w);

#endif
