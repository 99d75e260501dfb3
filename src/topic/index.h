/* SPDX-License-Identifier: Apache-2.0 */
/* index.h — who wants what: one subscription index for all workers.
 *
 * All filters lie in one hash table. One without wildcards is found by the hash of the name that it
 * is; to those with wildcards lead ways, which tell level by level how such filters go on. Readers
 * follow both under RCU without a lock; writers hold one short mutex for one filter. The generation
 * grows with every change, before what was replaced goes to nj_rcu_call(): a result that was found
 * under an older generation is stale.
 *
 * A subscriber is one session. It is embedded in the session, which is freed through RCU and only
 * after nj_index_remove_all(). */
#ifndef NJ_TOPIC_INDEX_H
#define NJ_TOPIC_INDEX_H

#include "base/err.h"
#include "base/rcu.h"
#include "mqtt/topic.h"

#include <stdatomic.h>

struct nj_index;
struct nj_sub;

/* Names a session in mail between workers: where it lives, its slot there, and a generation that
 * makes a reused slot a different session. */
typedef struct {
    uint32_t slot;
    uint32_t generation;
} nj_handle;

/* Bits of nj_subscriber.status, written by the session's home, read by publishers' workers. */
enum nj_subscriber_status {
    NJ_SUBSCRIBER_ONLINE = 0x01,
    NJ_SUBSCRIBER_FULL = 0x02,    /* its queue takes no more */
    NJ_SUBSCRIBER_DURABLE = 0x04, /* outlives its connection: what it is sent must be stored */
    NJ_SUBSCRIBER_CROWDED = 0x08, /* its queue fills: who publishes to it is to wait a moment */
};

struct nj_subscriber {
    _Atomic uint8_t status;
    uint16_t home; /* worker */
    nj_handle handle;
    uint64_t number; /* of the session, unique in the life of the store; never changes */
    /* private to the index, under its mutex */
    struct nj_sub *subs; /* all of this subscriber's, linked */
    uint32_t sub_count;
    /* What is on its way to its home: more by who posts it, less by the home. broker/crowd.h */
    _Atomic uint32_t mailed;
};

struct nj_sub_opts {
    uint8_t qos;
    bool no_local;
    bool retain_as_published;
    uint32_t identifier; /* subscription identifier, 0: none */
};

struct nj_index_opts {
    size_t max_levels; /* of a filter; deeper ones are refused with NJ_EINVAL; 0: no limit */
};

NJ_NODISCARD enum nj_err nj_index_new(struct nj_index **out, const struct nj_index_opts *opts);
/* No reader and no subscriber is left. */
void nj_index_free(struct nj_index *index);

/**
 * Subscribe, or replace the options of the same filter's subscription. [MQTT5-3.8.4-3]
 *
 * existed  written on NJ_OK: it was a replacement.
 * Thread   the subscriber's home (a registered RCU reader); takes the index's mutex.
 * Cost     O(levels); amortized O(1) in the number of other subscribers of the filter.
 * Errors   NJ_ENOMEM, NJ_EINVAL (too deep, or longer than 65,535 bytes): nothing has changed.
 */
NJ_NODISCARD enum nj_err nj_index_subscribe(struct nj_index *index, struct nj_subscriber *who,
                                            const struct nj_filter *filter,
                                            const struct nj_sub_opts *opts, bool *existed);
/* False when there was none. Never fails otherwise. */
bool nj_index_unsubscribe(struct nj_index *index, struct nj_subscriber *who,
                          const struct nj_filter *filter);
/* Every subscription of one that ends. Mutex held per subscription, not for all of them. */
void nj_index_remove_all(struct nj_index *index, struct nj_subscriber *who);

/* All subscriptions of `who`, for lists and for taking them elsewhere. Thread: its home. `text` is
 * the filter as subscribed, $share included, lent for the call. */
void nj_index_each(struct nj_index *index, struct nj_subscriber *who,
                   void (*fn)(void *ctx, struct nj_str text, const struct nj_sub_opts *opts),
                   void *ctx);

/* Acquire: what was found before the generation was read is not newer than it. */
uint64_t nj_index_generation(const struct nj_index *index);

/* A share group: its members take turns. Lives until the generation has changed and a grace period
 * has passed. */
struct nj_group;

/* One subscription that matches: a subscriber of its own, or a group of which one member gets it.
 */
struct nj_match {
    struct nj_subscriber *who; /* NULL: */
    struct nj_group *group;
    struct nj_sub_opts opts; /* for a group: of no meaning, see nj_group_pick() */
};

/* A look-up in steps, each of which asks for the memory that the next one reads: whoever knows the
 * names that follow does each step for all of them. Zeroed to begin with, and used again and again.
 */
struct nj_search {
    /* private */
    const struct nj_table_lines *ways, *filters;
    uint64_t plus, hash; /* of the levels `+` and `#` */
    struct nj_str name;
    uint64_t name_hash;
    uint32_t depth;              /* of the deepest filter with a wildcard: ways have fewer levels */
    uint32_t end;                /* levels of the name; UINT32_MAX: more than `depth` */
    struct nj_name_level *level; /* of the name */
    size_t level_capacity;
    struct nj_fork *fork; /* ways to come back to */
    size_t forks, fork_capacity;
    struct nj_candidate *candidate; /* filters with a wildcard that may be there */
    size_t candidates, candidate_capacity;
    enum nj_err err;
};
void nj_search_fini(struct nj_search *s);

/* A growing list that its owner keeps and reuses. Zeroed to begin with. */
struct nj_matches {
    struct nj_match *list;
    size_t count, capacity;
    struct nj_search search; /* private */
};
void nj_matches_fini(struct nj_matches *m);

/**
 * Append all subscriptions that match `name`; a subscriber with several appears several times.
 *
 * hash     nj_hash() of the name.
 * Thread   any registered RCU reader; no lock. Valid until its next quiescent state.
 * Cost     a hash for each level, a step for each way that filters go; not the number of other
 *          subscriptions.
 * Errors   NJ_ENOMEM: the list is incomplete.
 */
NJ_NODISCARD enum nj_err nj_index_match(struct nj_index *index, struct nj_str name, uint64_t hash,
                                        struct nj_matches *m);

/* The same, all four steps in this order before the reader's next quiescent state; `name` is lent
 * until then. It finds what there was when it began: a change of the generation meanwhile makes it
 * worthless. */
void nj_search_begin(struct nj_search *s, struct nj_index *index, struct nj_str name,
                     uint64_t hash);
void nj_search_follow(struct nj_search *s);
void nj_search_fetch(const struct nj_search *s);
NJ_NODISCARD enum nj_err nj_search_finish(const struct nj_search *s, struct nj_matches *m);

/**
 * The member whose turn it is: round robin among those online and not full; if there is none, among
 * those that are durable (it will be queued), then any. `avoid` (may be NULL) is passed over.
 *
 * Thread   any registered RCU reader; one atomic increment, two where somebody is passed over.
 * False when nobody is left; `out` is unwritten. out->group stays the group.
 */
bool nj_group_pick(struct nj_group *group, const struct nj_subscriber *avoid, struct nj_match *out);
/* Never 0; of its share name and its filter alone, and so the same after a restart: with it a
 * message in flight remembers by which of the matching groups it was given, long after the group
 * itself may be gone. */
uint64_t nj_group_id(const struct nj_group *group);

struct nj_index_stats {
    uint64_t subscriptions, shared_subscriptions;
    uint64_t filters, nodes;
    size_t bytes;
};
void nj_index_stats(const struct nj_index *index, struct nj_index_stats *out);
/* For SIGUSR2: each filter with its number of subscribers, at most `max` lines. Takes the mutex. */
void nj_index_summary(struct nj_index *index, size_t max,
                      void (*line)(void *ctx, struct nj_str filter, size_t subscribers), void *ctx);

#endif
