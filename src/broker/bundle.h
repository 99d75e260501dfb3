/* SPDX-License-Identifier: Apache-2.0 */
/* bundle.h — deliveries for sessions at home on another worker: what one worker has for another in
 * one turn, in the order in which it was routed.
 *
 *   items:    [publication, 2 targets] [publication, 1 target] …
 *   targets:  [session, QoS …] [session …] [session …]
 *   numbers:  subscription identifiers, where a target has any
 *   pages:    topics, properties and payloads of small publications, copied
 *
 * A small publication travels as a copy: a message would be made here and given back there, and
 * each of its cache lines, its count among them, would cross twice. Who has to keep it there makes
 * a message of its own. What is a message already, or large, travels as that. */
#ifndef NJ_BROKER_BUNDLE_H
#define NJ_BROKER_BUNDLE_H

#include "broker/publication.h"
#include "io/mailbox.h"
#include "topic/index.h"

struct nj_bundle_target {
    nj_handle session;
    uint64_t group; /* nj_group_id(), 0: no share group */
    uint32_t first_number, number_count;
    uint8_t qos;
    bool retain;
    bool is_moved;  /* a share group's message that has changed its member already */
    bool is_stored; /* for this receiver */
};

struct nj_bundle_item {
    struct nj_publication publication; /* of bytes in the bundle's pages, or of a message */
    uint32_t first_target, target_count;
};

struct nj_bundle_page;

struct nj_bundle {
    struct nj_letter letter; /* its poster's: to post it takes no memory, and cannot fail */
    struct nj_bundle_item *items;
    struct nj_bundle_target *targets;
    uint32_t *numbers;
    struct nj_bundle_page *pages, *page; /* all of them, and the one that is being filled */
    uint32_t item_count, item_capacity;
    uint32_t target_count, target_capacity;
    uint32_t number_count, number_capacity;
    uint32_t reserved_targets, reserved_numbers; /* room that is spoken for */
    uint32_t crowds; /* receivers for whom more is under way with it than should be: crowd.h */
    size_t weight;   /* what it holds, for the mailbox's limit */
};

/* A delivery takes as long as a KiB takes to copy, and weighs so much beside the message's bytes. A
 * full bundle (some 4,096 deliveries: a millisecond) is posted before another is begun. */
#define NJ_BUNDLE_DELIVERY 1024u
#define NJ_BUNDLE_FULL     (4096u * NJ_BUNDLE_DELIVERY)

/* Up to here a publication is copied. */
#define NJ_BUNDLE_COPY_BYTES 1024u

#define NJ_BUNDLE_KEPT_BYTES (256u * 1024)

/* NULL without memory. */
struct nj_bundle *nj_bundle_new(void);
void nj_bundle_free(struct nj_bundle *b);

/* Empty, for the next turn: its arrays stay, and pages of up to NJ_BUNDLE_KEPT_BYTES. */
void nj_bundle_clear(struct nj_bundle *b);

/* Memory for one more target, beside those that were reserved before and are not added yet; `pub`
 * is a message already. Adding it cannot fail then. False without memory. */
bool nj_bundle_reserve(struct nj_bundle *b, const struct nj_publication *pub,
                       uint32_t number_count);

/* One more target for `pub`; consecutive calls with the same publication share an item. Its session
 * and numbers are filled in; all else is zero, for the caller to fill in before the next call. NULL
 * without memory: nothing has changed. */
struct nj_bundle_target *nj_bundle_add(struct nj_bundle *b, struct nj_publication *pub,
                                       nj_handle session, const uint32_t *numbers,
                                       uint32_t number_count);

#endif
