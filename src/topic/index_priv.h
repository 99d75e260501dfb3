/* SPDX-License-Identifier: Apache-2.0 */
/* index_priv.h — what changing the index (index.c) and looking into it (match.c) share. */
#ifndef NJ_TOPIC_INDEX_PRIV_H
#define NJ_TOPIC_INDEX_PRIV_H

#include "base/mutex.h"
#include "topic/index.h"
#include "topic/place_priv.h"
#include "topic/way_priv.h"

struct nj_index {
    _Atomic uint64_t generation; /* read in every turn of every worker: a cache line without the */
    char apart[56];              /* mutex in it */
    struct nj_mutex mutex;
    struct nj_ledger ledger;
    size_t max_levels;
    _Atomic uint64_t subscriptions, shared_subscriptions;
    struct nj_table filters; /* under nj_hash(), or nj_way_key_of() those with a wildcard */
    struct nj_table groups;
    struct nj_ways ways;
};

/* Acquire: what is found is complete. */
static inline struct nj_group *
nj_place_groups(const struct nj_place *place)
{
    return atomic_load_explicit(&place->groups, memory_order_acquire);
}

#endif
