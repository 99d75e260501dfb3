/* SPDX-License-Identifier: Apache-2.0 */
/* bundle.h — deliveries for sessions at home on another worker: what one worker has for another in
 * one turn, in the order in which it was routed.
 *
 *   items:    [msg, 2 targets] [msg, 1 target] …
 *   targets:  [session, QoS …] [session …] [session …]
 *   numbers:  subscription identifiers, where a target has any */
#ifndef NJ_BROKER_BUNDLE_H
#define NJ_BROKER_BUNDLE_H

#include "mqtt/msg.h"
#include "topic/index.h"

struct nj_bundle_target {
    nj_handle session;
    uint64_t group; /* nj_group_id(), 0: no share group */
    uint32_t first_number, number_count;
    uint8_t qos;
    bool retain;
    bool is_moved; /* a share group's message that has changed its member already */
};

struct nj_bundle_item {
    struct nj_msg *msg; /* a reference of the bundle's */
    uint32_t first_target, target_count;
};

struct nj_bundle {
    struct nj_bundle_item *items;
    struct nj_bundle_target *targets;
    uint32_t *numbers;
    uint32_t item_count, item_capacity;
    uint32_t target_count, target_capacity;
    uint32_t number_count, number_capacity;
    size_t bytes; /* what it holds, for the mailbox's limit */
};

/* NULL without memory. */
struct nj_bundle *nj_bundle_new(void);
void nj_bundle_free(struct nj_bundle *b);

/* One more target for `msg`; consecutive calls with the same message share an item. `target`'s
 * numbers are filled in. False without memory: nothing has changed. */
bool nj_bundle_add(struct nj_bundle *b, struct nj_msg *msg, struct nj_bundle_target target,
                   const uint32_t *numbers, uint32_t number_count);

#endif
