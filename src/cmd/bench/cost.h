/* SPDX-License-Identifier: Apache-2.0 */
/* cost.h — what a process has used so far, as the kernel counts it. Thread: any. */
#ifndef NJ_BENCH_COST_H
#define NJ_BENCH_COST_H

#include <stdint.h>
#include <sys/types.h>

/* One reading of everything that is paid with time. */
struct nj_cost {
    int64_t wall_ns;
    int64_t broker_ns; /* 0 without a pid */
    int64_t load_ns;   /* the generator's own CPU; both of all threads, ended ones too */
};

/* Ends the process when the broker, `pid`, is gone; 0: its cost is not asked for. */
struct nj_cost nj_cost_read(pid_t pid);
/* What has been paid since `before`. */
struct nj_cost nj_cost_since(const struct nj_cost *before, pid_t pid);

/* Anonymous memory that is resident now: heap, stacks, what it mapped for itself; not its program
 * text, not the kernel's socket buffers. The first waits up to two seconds until two readings in a
 * row agree. 0 without a pid; ends the process when it cannot be read. */
uint64_t nj_cost_memory(pid_t pid);
uint64_t nj_cost_memory_now(pid_t pid);

#endif
