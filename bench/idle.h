/* SPDX-License-Identifier: Apache-2.0 */
/* idle.h — the scenario `conns`: connections with one subscription each that say nothing.
 *
 * Memory is the broker's anonymous memory with them less that without them, divided by their
 * number. One client comes, subscribes, hears a message and goes before the first reading, so that
 * what a broker sets up once, at its first client, is not put down to the others. Afterwards each
 * connection is sent one message: a broker that saves memory by forgetting subscriptions is found
 * out. */
#ifndef NJ_BENCH_IDLE_H
#define NJ_BENCH_IDLE_H

#include "caller.h"
#include "ledger.h"

#include <sys/types.h>

/* From each of 127.0.0.2, 127.0.0.3 … at most this many, well below the ports there are. */
#define NJ_IDLE_PER_SOURCE 4000u
#define NJ_IDLE_MAX        (253u * NJ_IDLE_PER_SOURCE)

struct nj_idle_opts {
    uint32_t connections;
    uint8_t version;
    uint8_t qos;
    pid_t pid;
};

struct nj_idle_result {
    uint64_t bytes_before; /* anonymous, of the broker */
    uint64_t bytes_after;
    int64_t cpu_ns; /* of the broker, for connecting and subscribing all of them */
    struct nj_tally tally;
};

void nj_idle_run(const struct nj_idle_opts *opts, const struct nj_bench_broker *broker,
                 struct nj_idle_result *out);

#endif
