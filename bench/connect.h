/* SPDX-License-Identifier: Apache-2.0 */
/* connect.h — the scenario `connect`: clients that come one after the other, hear CONNACK and go.
 *
 * What is counted is the broker's CPU time from accept() to the end of a connection. */
#ifndef NJ_BENCH_CONNECT_H
#define NJ_BENCH_CONNECT_H

#include "caller.h"

#include <sys/types.h>

struct nj_connect_opts {
    uint32_t connections;
    uint8_t version;
    bool resumes; /* TLS: each comes with what the one before it was given */
    pid_t pid;
};

struct nj_connect_result {
    int64_t cpu_ns;   /* of the broker, for all */
    uint32_t resumed; /* how many did not need a whole handshake */
};

void nj_connect_run(const struct nj_connect_opts *opts, const struct nj_bench_broker *broker,
                    struct nj_connect_result *out);

#endif
