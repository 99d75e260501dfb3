/* SPDX-License-Identifier: Apache-2.0 */
/* flow.h — publishers and subscribers around a broker, who play the same rounds in every run: each
 * publisher writes a batch, then all read and answer until there is silence. */
#ifndef NJ_BENCH_FLOW_H
#define NJ_BENCH_FLOW_H

#include "mqtt/packet.h"

struct nj_flow {
    enum nj_version version;
    uint8_t qos;
    uint32_t publishers;
    uint32_t subscribers;
    const char *topic;  /* with %u for the publisher's number where it has its own */
    const char *filter; /* with %u for the subscriber's number where it has its own */
    uint32_t batch;     /* of each publisher, in one write */
    uint32_t rounds;    /* that are counted; others come before them */
    uint32_t receivers; /* of one message */
};

/* Returns the messages delivered in the rounds that were counted. A message that is not delivered
 * or not acknowledged ends the process. */
uint64_t nj_flow_play(const struct nj_flow *flow);

#endif
