/* SPDX-License-Identifier: Apache-2.0 */
/* gather.h — whether to let things gather before looking for them.
 *
 * Who sleeps until something comes is woken by the first that comes, and finds little else. Where
 * many peers send a little each, falling asleep and being woken costs more than what there is to
 * do. Then it is cheaper to sleep for a fixed moment first, and to find much.
 *
 * But those who wait for an answer before they send again lose that moment each time. So it is
 * tried, and kept only while each look finds several things and no fewer come in the same time than
 * came without. A few peers do not gather; many do, and are served sooner on the whole, for what is
 * saved is there for them.
 *
 * It reads no clock and does not sleep itself. Thread: its owner's. Cost: a few additions. */
#ifndef NJ_IO_GATHER_H
#define NJ_IO_GATHER_H

#include <stdbool.h>
#include <stdint.h>

/* The moment. The kernel may make twice as much of it: a thread's timers have 50 µs of slack. */
#define NJ_GATHER_NS INT64_C(50000)

/* Zeroed before use. */
struct nj_gather {
    bool is_on; /* sleep for NJ_GATHER_NS before the next wait */
    /* private: the stretch of waits that is being counted */
    int64_t began_ns;
    int64_t slept_ns;
    uint64_t came;
    uint32_t waits;
    double plain_rate; /* things in a nanosecond, in the last stretch without gathering */
    uint32_t pause;    /* stretches without, after the last try that was in vain */
    uint32_t left;     /* of these, still to come */
};

/* After each wait that may have slept: what the clock says now (monotonic), how long the wait took,
 * and how many things have come since the call before. */
void nj_gather_count(struct nj_gather *g, int64_t now_ns, int64_t slept_ns, uint32_t came);

#endif
