/* SPDX-License-Identifier: Apache-2.0 */
/* powerloss.h — the page by which a test and the programs under the shim know of each other.
 * powerloss.py has the same list: all are 64-bit numbers, in this order. */
#ifndef NJ_TESTS_POWERLOSS_H
#define NJ_TESTS_POWERLOSS_H

#include <stdatomic.h>
#include <stdint.h>

/* Fails the calls from the `from`th (1 is the first; 0: none) on, `count` of them, with errno
 * `number`. */
struct powerloss_fault {
    _Atomic int64_t from, count, number;
};

struct powerloss_control {
    _Atomic int64_t steps;   /* moments before and after each operation below the place */
    _Atomic int64_t kill_at; /* the step at which the process ends by SIGKILL; 0: none */
    _Atomic int64_t writes, shorts, syncs, sync_numbers;
    struct powerloss_fault write_fault;
    struct powerloss_fault short_fault; /* writes only half; no error number */
    struct powerloss_fault sync_fault;
    _Atomic int64_t is_fast;        /* syncs are recorded and not made */
    _Atomic int64_t wall_offset_ns; /* added to CLOCK_REALTIME */
    _Atomic int64_t allocations;
    struct powerloss_fault allocation_fault;
    _Atomic int64_t allocation_every; /* besides, each such allocation; 0: none */
    _Atomic int64_t allocations_failed;
};

extern struct powerloss_control *powerloss_control;

#endif
