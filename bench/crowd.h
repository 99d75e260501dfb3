/* SPDX-License-Identifier: Apache-2.0 */
/* crowd.h — a subscription index with very many in it, and topics of which each matches one.
 *
 * Filters have seven levels; of ten, eight name a topic, one has a `+` in its middle, one ends in
 * `#`. Thread: one, registered with RCU. Ends the process without memory. */
#ifndef NJ_BENCH_CROWD_H
#define NJ_BENCH_CROWD_H

#include "topic/index.h"

#define NJ_CROWD_TOPIC_BYTES 96
#define NJ_CROWD_TOPICS      4096u

struct nj_crowd {
    struct nj_index *index;
    struct nj_subscriber *who; /* `count` of them, one subscription each; owned */
    struct nj_matches matches;
    uint32_t count;
    char (*topics)[NJ_CROWD_TOPIC_BYTES]; /* NJ_CROWD_TOPICS, in random order; owned */
};

void nj_crowd_init(struct nj_crowd *c, uint32_t count);
void nj_crowd_fini(struct nj_crowd *c);
/* Find the one subscription of topics[i]. */
void nj_crowd_look_up(struct nj_crowd *c, uint32_t i);

#endif
