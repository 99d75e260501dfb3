/* SPDX-License-Identifier: Apache-2.0 */
/* place_priv.h — the three kinds of places in the index on which subscriptions hang.
 *
 *   filter  a filter without wildcards, text: the whole of it
 *   branch  one level of the wildcard filters that begin alike, text: that level
 *   group   the members of a share group of one of the former, text: the group's name
 *
 * Each is the entry of a table and begins with a struct nj_place; its text follows it, not
 * terminated. A place without subscriptions, groups and branches below it is taken away. */
#ifndef NJ_TOPIC_PLACE_PRIV_H
#define NJ_TOPIC_PLACE_PRIV_H

#include "topic/sub_priv.h"
#include "topic/table_priv.h"

enum nj_place_kind {
    NJ_PLACE_FILTER,
    NJ_PLACE_BRANCH,
    NJ_PLACE_GROUP,
};

struct nj_place {
    struct nj_rcu_head rcu;
    struct nj_entry entry;
    struct nj_sub_set subs;
    _Atomic(struct nj_group *) groups; /* of a filter or branch: linked */
    _Atomic uint32_t children;         /* of a branch: how many below it lie in the table */
    uint16_t text_n;
    uint8_t kind; /* enum nj_place_kind */
};

struct nj_branch {
    struct nj_place place;
    struct nj_branch *parent; /* NULL: the root, which has no text */
    _Atomic(struct nj_branch *) plus, hash;
};

struct nj_group {
    struct nj_place place;
    struct nj_place *of;
    _Atomic(struct nj_group *) next; /* of the same place */
    struct nj_group *prev;           /* writer */
    uint64_t id;
    _Atomic uint32_t cursor;
};

struct nj_str nj_place_text(const struct nj_place *place);
size_t nj_place_bytes(const struct nj_place *place);

/* The filter as it was subscribed, written to the end of `buffer`, which has room for
 * NJ_PLACE_TEXT_MAX. */
#define NJ_PLACE_TEXT_MAX 65535
struct nj_str nj_place_spell(const struct nj_place *place, char *buffer);

static inline struct nj_branch *
nj_branch_of(const struct nj_place *place)
{
    return nj_container_of((uintptr_t)place, struct nj_branch, place);
}

static inline struct nj_group *
nj_group_of(const struct nj_place *place)
{
    return nj_container_of((uintptr_t)place, struct nj_group, place);
}

#endif
