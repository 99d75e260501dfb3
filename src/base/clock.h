/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h — points in time, as numbers that are passed around: pure rooms read no clock. */
#ifndef NJ_BASE_CLOCK_H
#define NJ_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds of the monotonic clock. Durations carry their unit in their name. */
typedef int64_t nj_time;

#define NJ_NEVER INT64_MAX

/* `now` plus `seconds`; NJ_NEVER stays NJ_NEVER. */
static inline nj_time
nj_time_after_s(nj_time now, uint32_t seconds)
{
    return now + (nj_time)seconds * 1000;
}

/* The clocks themselves: for io, daemon and cmd. */
nj_time nj_clock_monotonic_ms(void);
int64_t nj_clock_monotonic_ns(void);
int64_t nj_clock_wall_ms(void);
/* Sleep for less than a second; the kernel adds its slack, a signal cuts it short. For io's moment
 * (io/gather.h) alone: all else sets a timer. */
void nj_clock_sleep_ns(int64_t ns);

#endif
