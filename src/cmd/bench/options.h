/* SPDX-License-Identifier: Apache-2.0 */
/* options.h — the command line of `nightjar bench`, read; its words, printed. */
#ifndef NJ_CMD_BENCH_OPTIONS_H
#define NJ_CMD_BENCH_OPTIONS_H

#include "base/secret.h"
#include "cmd/verbs.h"

/* The scenarios, as bits, in the order of the help. */
enum nj_bench_scenario {
    NJ_BENCH_P2P = 0x1,
    NJ_BENCH_FANOUT = 0x2,
    NJ_BENCH_FANIN = 0x4,
    NJ_BENCH_SHARE = 0x8,
    NJ_BENCH_CONNS = 0x10,
    NJ_BENCH_SUBS = 0x20,
    NJ_BENCH_RETAINED = 0x40,
    NJ_BENCH_QUEUE = 0x80,
    NJ_BENCH_CHURN = 0x100,
    NJ_BENCH_CONNECT = 0x200,
};

/* Numbers that were not given are 0, but for those that are the same everywhere. */
struct nj_bench_opts {
    enum nj_bench_scenario scenario;
    const char *name;  /* of the scenario */
    const char *thing; /* what it has many of */
    const char *host, *username, *prefix, *cafile, *certfile, *keyfile;
    struct nj_secret password; /* terminated; empty: none */
    uint32_t port, pid, payload, publishers, subscribers, rate, burst, window, batch, count,
        clients, messages, threads, turn_us, warmup_ms, measure_ms, hold_ms, patience_ms, qos;
    uint8_t version; /* 3: MQTT 3.1, 4: 3.1.1, 5 */
    bool is_persistent, is_offline, takes, leaves, resumes, is_json, tells_progress, is_quiet;
};

/* Texts are lent from argv, in which the password is overwritten. nj_bench_opts_fini() in every
 * case. */
enum nj_parsed nj_bench_opts_load(struct nj_bench_opts *o, int argc, char **argv);
void nj_bench_opts_fini(struct nj_bench_opts *o);

#endif
