/* SPDX-License-Identifier: Apache-2.0 */
/* index_priv.h — what changing the index (index.c) and looking into it (match.c) share. */
#ifndef NJ_TOPIC_INDEX_PRIV_H
#define NJ_TOPIC_INDEX_PRIV_H

#include "base/hash.h"
#include "base/mutex.h"
#include "topic/index.h"
#include "topic/place_priv.h"

struct nj_index {
    _Atomic uint64_t generation; /* read in every turn of every worker: a cache line without the */
    char apart[56];              /* mutex in it */
    struct nj_mutex mutex;
    struct nj_ledger ledger;
    size_t max_levels;
    struct nj_table filters, branches, groups;
    struct nj_branch root; /* always there */
    uint64_t last_group_id;
    _Atomic uint32_t depth; /* levels of the deepest branch there ever was */
    _Atomic uint64_t subscriptions, shared_subscriptions, used, nodes;
};

/* Acquire, in both: what is found is complete. */
static inline struct nj_group *
nj_place_groups(const struct nj_place *place)
{
    return atomic_load_explicit(&place->groups, memory_order_acquire);
}

static inline struct nj_branch *
nj_branch_follow(const _Atomic(struct nj_branch *) *link)
{
    return atomic_load_explicit(link, memory_order_acquire);
}

static inline struct nj_place *
nj_place_of(struct nj_entry *e)
{
    return nj_container_of(e, struct nj_place, entry);
}

/* The hash of what lies under `text` below the place, in its table. */
static inline uint64_t
nj_place_hash_below(const struct nj_place *parent, struct nj_str text)
{
    return nj_hash_under(parent->entry.key, text);
}

/* `hash`: nj_hash() of the text. */
struct nj_place *nj_index_find_filter(const struct nj_index *index, struct nj_str text,
                                      uint64_t hash);
/* One of those in the table alone: not `+` nor `#`. `hash`: nj_place_hash_below(). */
struct nj_branch *nj_index_find_child(const struct nj_index *index, const struct nj_branch *parent,
                                      struct nj_str level, uint64_t hash);

#endif
