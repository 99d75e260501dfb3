/* SPDX-License-Identifier: Apache-2.0 */
/* collector.h — for the scenarios that go step by step: write a volley, then take what must come of
 * it, connection after connection, and acknowledge.
 *
 * One for all connections of a scenario; its counts are of everything since the scenario has set
 * them to 0.
 * Thread: one. */
#ifndef NJ_CMD_BENCH_COLLECTOR_H
#define NJ_CMD_BENCH_COLLECTOR_H

#include "cmd/bench/run.h"

/* Magic, a number that the scenario knows, and a pattern: what every payload of these scenarios is.
 */
#define NJ_COLLECTOR_HEAD_BYTES 16u

struct nj_collector {
    struct nj_bench_run *run;
    /* A message for who is `who`, with the number that was written into it. */
    void (*on_message)(struct nj_collector *c, const struct nj_wire_incoming *in, uint64_t number);
    void *who;
    uint64_t messages; /* PUBLISH */
    uint64_t acked;    /* PUBACK and PUBCOMP */
    uint64_t granted;  /* filters in SUBACK */
    uint64_t pongs;
    /* private */
    uint8_t *buffer; /* owned */
    size_t buffer_bytes;
    uint8_t *filler; /* owned */
};

void nj_collector_init(struct nj_collector *c, struct nj_bench_run *run);
void nj_collector_fini(struct nj_collector *c);

/* A PUBLISH with `number` in it, into the output of `p`. */
void nj_collector_write(struct nj_collector *c, struct nj_caller *p, const char *topic, uint8_t qos,
                        bool is_retained, uint64_t number);

/* Take what comes for `p` until `*count`, which is one of the collector's, has come to `wanted`;
 * false when the run's patience has ended with nothing coming, or the connection is gone. */
bool nj_collector_await(struct nj_collector *c, struct nj_caller *p, const uint64_t *count,
                        uint64_t wanted);
/* Until the broker has done all that `p` has asked of it: PINGREQ, PINGRESP. */
bool nj_collector_settle(struct nj_collector *c, struct nj_caller *p);
/* Until the broker has closed `p`, which has said DISCONNECT. */
void nj_collector_await_end(struct nj_collector *c, struct nj_caller *p);

#endif
