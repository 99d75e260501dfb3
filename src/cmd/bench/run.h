/* SPDX-License-Identifier: Apache-2.0 */
/* run.h — one run: what was asked for, where it goes, what it has found; and every scenario's door.
 */
#ifndef NJ_CMD_BENCH_RUN_H
#define NJ_CMD_BENCH_RUN_H

#include "cmd/bench/caller.h"
#include "cmd/bench/cost.h"
#include "cmd/bench/figures.h"
#include "cmd/bench/ledger.h"
#include "cmd/bench/options.h"

#include <sys/types.h>

struct nj_bench_run {
    const struct nj_bench_opts *opts;
    struct nj_bench_broker broker;
    pid_t pid; /* the broker's; 0: not known */
    bool tells_progress;
    struct nj_figures figures;
    struct nj_tally tally;
    uint64_t closed; /* connections that the broker has cut */
    bool is_complete;
    /* private */
    int64_t told_ns;
};

/* A line on standard error, once a second at most, where it is wanted: `done` of `all`. */
void nj_bench_tell(struct nj_bench_run *r, const char *doing, uint64_t done, uint64_t all);

/* Broker's and generator's CPU for each of `count` and how many there were in a second, as figures;
 * the broker's only where its pid is known. */
void nj_bench_add_cost(struct nj_bench_run *r, const struct nj_cost *spent, uint64_t count);
/* The same for what is added, set or queued. */
void nj_bench_add_filling(struct nj_bench_run *r, const struct nj_cost *spent, uint64_t count);
/* The broker's memory with `count` more of something than before. */
void nj_bench_add_memory(struct nj_bench_run *r, uint64_t before, uint64_t after, uint64_t count);

/* The scenarios, each in the file of its name; what cannot be measured ends the process with 2. */
void nj_bench_flow(struct nj_bench_run *r); /* p2p, fanout, fanin, share */
void nj_bench_conns(struct nj_bench_run *r);
void nj_bench_subs(struct nj_bench_run *r);
void nj_bench_retained(struct nj_bench_run *r);
void nj_bench_queue(struct nj_bench_run *r);
void nj_bench_churn(struct nj_bench_run *r);
void nj_bench_connect(struct nj_bench_run *r);

#endif
