/* SPDX-License-Identifier: Apache-2.0 */
/* cost.h — what a process has used so far, as the kernel counts it. Thread: any. */
#ifndef NJ_BENCH_COST_H
#define NJ_BENCH_COST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* CPU time of all threads of process `pid`, ended ones too, user and system, in nanoseconds.
 * False when there is no such process. */
bool nj_cost_cpu_ns(pid_t pid, int64_t *out);

/* Anonymous memory that is resident now: heap, stacks, what it mapped for itself; not its program
 * text, not the kernel's socket buffers. Waits up to two seconds until two readings in a row agree.
 * False when it cannot be read. */
bool nj_cost_anonymous_bytes(pid_t pid, uint64_t *out);

#endif
