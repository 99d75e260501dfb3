/* SPDX-License-Identifier: Apache-2.0 */
/* place_priv.h — the two kinds of places in the index on which subscriptions hang.
 *
 *   filter  text: the whole of it
 *   group   the members of a share group of a filter, text: the group's name
 *
 * Each is the entry of a table and begins with a struct nj_place; its text follows it, not
 * terminated. A place without subscriptions and groups is taken away. */
#ifndef NJ_TOPIC_PLACE_PRIV_H
#define NJ_TOPIC_PLACE_PRIV_H

#include "topic/sub_priv.h"
#include "topic/table_priv.h"

enum nj_place_kind {
    NJ_PLACE_FILTER,
    NJ_PLACE_GROUP,
};

/* What readers look at lies together: from the first subscription's `opts` to the text. */
struct nj_place {
    struct nj_rcu_head rcu;
    struct nj_sub_set subs;
    struct nj_entry entry;
    _Atomic(struct nj_group *) groups; /* of a filter: linked */
    uint16_t text_n;
    uint8_t kind; /* enum nj_place_kind */
};

struct nj_group {
    struct nj_place place;
    struct nj_place *of;
    _Atomic(struct nj_group *) next; /* of the same filter */
    struct nj_group *prev;           /* writer */
    uint64_t id;
    _Atomic uint32_t cursor;
};

static inline struct nj_group *
nj_group_of(const struct nj_place *place)
{
    return nj_container_of((uintptr_t)place, struct nj_group, place);
}

static inline struct nj_place *
nj_place_of(const struct nj_entry *e)
{
    return nj_container_of((uintptr_t)e, struct nj_place, entry);
}

static inline size_t
nj_place_head_bytes(const struct nj_place *place)
{
    return place->kind == NJ_PLACE_GROUP ? sizeof(struct nj_group) : sizeof(struct nj_place);
}

static inline struct nj_str
nj_place_text(const struct nj_place *place)
{
    return (struct nj_str){(const char *)place + nj_place_head_bytes(place), place->text_n};
}

static inline size_t
nj_place_bytes(const struct nj_place *place)
{
    return nj_place_head_bytes(place) + place->text_n;
}

/* The filter as it was subscribed: the place's own text, or written to `buffer`, which has room for
 * NJ_PLACE_TEXT_MAX. */
#define NJ_PLACE_TEXT_MAX 65535
struct nj_str nj_place_spell(const struct nj_place *place, char *buffer);

#endif
