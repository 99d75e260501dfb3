/* SPDX-License-Identifier: Apache-2.0 */
/* sub_priv.h — one subscription, and the set of them that hangs on a filter or a share group.
 *
 * Most filters have one subscriber, some have a hundred thousand. So what readers see of a set is
 * one word: nothing, the only subscription, or an array with a gap where one was removed. A reader
 * takes a view of it and looks at each; a gap is skipped. Appending stores the slot, then the
 * count. When half of the slots are gaps the array is replaced by a shorter one.
 *
 * The first subscription lies in the set itself, beside the filter's text that a reader has just
 * looked at. It is used once: whoever still looks at it must not see another.
 *
 * Thread: one writer (the index's mutex); readers any, registered with RCU. */
#ifndef NJ_TOPIC_SUB_PRIV_H
#define NJ_TOPIC_SUB_PRIV_H

#include "topic/index.h"
#include "topic/ledger_priv.h"

struct nj_place;

/* Readers look at `opts` and `who` only. */
struct nj_sub {
    union {
        struct {
            struct nj_sub *prev, *next; /* the subscriber's others */
        };
        struct nj_rcu_head rcu; /* once it is on none of the subscriber's and is dropped */
    };
    struct nj_place *place; /* what it hangs on */
    uint32_t slot;          /* in the place's set */
    _Atomic uint32_t opts;  /* all four in one word, so that they change together */
    struct nj_subscriber *who;
};

uint32_t nj_sub_opts_pack(const struct nj_sub_opts *opts);

static inline struct nj_sub_opts
nj_sub_opts_of(const struct nj_sub *sub)
{
    /* Relaxed: old or new, and nothing else depends on it. */
    uint32_t word = atomic_load_explicit(&sub->opts, memory_order_relaxed);

    return (struct nj_sub_opts){
        .qos = word & 3,
        .no_local = word >> 2 & 1,
        .retain_as_published = word >> 3 & 1,
        .identifier = word >> 4,
    };
}

struct nj_sub_array {
    struct nj_rcu_head rcu;
    uint32_t capacity;
    uint32_t gaps;          /* writer */
    _Atomic uint32_t count; /* slots in use, gaps among them */
    _Atomic(struct nj_sub *) slot[];
};

struct nj_sub_set {
    struct nj_sub first;    /* used if it has a place */
    _Atomic uintptr_t list; /* 0; a struct nj_sub; or, with the lowest bit set, an array */
};

/* One that is to be added to the set of `place`, from memory of the set's or the ledger's. NULL
 * without any. */
struct nj_sub *nj_sub_new(struct nj_sub_set *set, struct nj_place *place,
                          struct nj_ledger *ledger) NJ_NODISCARD;
/* One that is in no set: nobody has seen it, or nobody finds it any more. */
void nj_sub_drop(struct nj_sub_set *set, struct nj_sub *sub, struct nj_ledger *ledger);
/* NJ_ENOMEM: unchanged. */
NJ_NODISCARD enum nj_err nj_sub_set_add(struct nj_sub_set *set, struct nj_sub *sub,
                                        struct nj_ledger *ledger);
/* `sub` itself is not dropped. Without memory for a shorter array the gap remains. */
void nj_sub_set_remove(struct nj_sub_set *set, struct nj_sub *sub, struct nj_ledger *ledger);
/* Writer. */
uint32_t nj_sub_set_count(const struct nj_sub_set *set);

/* What a reader saw of a set at one moment. */
struct nj_sub_view {
    struct nj_sub *only; /* if there is no array */
    const struct nj_sub_array *array;
    uint32_t count;
};

static inline struct nj_sub_view
nj_sub_set_view(const struct nj_sub_set *set)
{
    /* Acquire, here and below: what is reached is complete. */
    uintptr_t list = atomic_load_explicit(&set->list, memory_order_acquire);
    const struct nj_sub_array *array;

    if ((list & 1) == 0)
        return (struct nj_sub_view){.only = (struct nj_sub *)list, .count = list != 0};
    array = (const struct nj_sub_array *)(list & ~(uintptr_t)1);
    return (struct nj_sub_view){
        .array = array,
        .count = atomic_load_explicit(&array->count, memory_order_acquire),
    };
}

/* NULL: a gap. i < count. */
static inline struct nj_sub *
nj_sub_view_at(const struct nj_sub_view *view, uint32_t i)
{
    if (view->array == NULL)
        return view->only;
    return atomic_load_explicit(&view->array->slot[i], memory_order_acquire);
}

#endif
