/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/sub_priv.h"

#include "base/assert.h"

uint32_t
nj_sub_opts_pack(const struct nj_sub_opts *opts)
{
    /* 2 + 1 + 1 + 28 bits: an identifier is at most 268,435,455, which is what a variable byte
     * integer can say. [MQTT5-3.8.2.1.2] */
    NJ_ASSERT(opts->qos <= 2 && opts->identifier < 1u << 28);
    return opts->qos | (uint32_t)opts->no_local << 2 | (uint32_t)opts->retain_as_published << 3 |
           opts->identifier << 4;
}

struct nj_sub *
nj_sub_new(struct nj_sub_set *set, struct nj_place *place, struct nj_ledger *ledger)
{
    struct nj_sub *sub = &set->first;

    if (sub->place != NULL)
        sub = nj_ledger_alloc(ledger, sizeof(*sub));
    if (sub != NULL)
        sub->place = place;
    return sub;
}

void
nj_sub_drop(struct nj_sub_set *set, struct nj_sub *sub, struct nj_ledger *ledger)
{
    if (sub != &set->first)
        nj_ledger_drop(ledger, &sub->rcu, sizeof(*sub));
}

static size_t
array_bytes(uint32_t capacity)
{
    return sizeof(struct nj_sub_array) + capacity * sizeof(struct nj_sub *);
}

static struct nj_sub_array *
array_new(struct nj_ledger *ledger, uint32_t capacity)
{
    struct nj_sub_array *array = nj_ledger_alloc(ledger, array_bytes(capacity));

    if (array != NULL)
        array->capacity = capacity;
    return array;
}

static void
append(struct nj_sub_array *array, struct nj_sub *sub)
{
    uint32_t count = atomic_load_explicit(&array->count, memory_order_relaxed);

    sub->slot = count;
    atomic_store_explicit(&array->slot[count], sub, memory_order_release);
    /* Release: who counts the slot finds it filled. */
    atomic_store_explicit(&array->count, count + 1, memory_order_release);
}

/* Release: who finds the array, or the subscription, finds it complete. */
static void
publish(struct nj_sub_set *set, uintptr_t list)
{
    atomic_store_explicit(&set->list, list, memory_order_release);
}

static struct nj_sub_array *
array_of(const struct nj_sub_set *set)
{
    return (struct nj_sub_array *)(uintptr_t)nj_sub_set_view(set).array;
}

static void
drop_array(struct nj_ledger *ledger, struct nj_sub_array *array)
{
    nj_ledger_drop(ledger, &array->rcu, array_bytes(array->capacity));
}

/* Put a copy without gaps, with room to grow by half, in the place of `old`. */
static struct nj_sub_array *
replace_array(struct nj_sub_set *set, struct nj_sub_array *old, struct nj_ledger *ledger)
{
    uint32_t count = atomic_load_explicit(&old->count, memory_order_relaxed);
    uint32_t live = count - old->gaps;
    struct nj_sub_array *array = array_new(ledger, live + live / 2 + 2);

    if (array == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct nj_sub *sub = atomic_load_explicit(&old->slot[i], memory_order_relaxed);

        if (sub != NULL)
            append(array, sub);
    }
    publish(set, (uintptr_t)array | 1);
    drop_array(ledger, old);
    return array;
}

enum nj_err
nj_sub_set_add(struct nj_sub_set *set, struct nj_sub *sub, struct nj_ledger *ledger)
{
    struct nj_sub_view view = nj_sub_set_view(set);
    struct nj_sub_array *array = array_of(set);

    if (view.count == 0 && array == NULL) {
        sub->slot = 0;
        publish(set, (uintptr_t)sub);
        return NJ_OK;
    }
    if (array == NULL) {
        array = array_new(ledger, 4);
        if (array == NULL)
            return NJ_ENOMEM;
        NJ_ASSERT_HOT(view.only != NULL); /* without an array, what is not empty is one */
        append(array, view.only);
        append(array, sub);
        publish(set, (uintptr_t)array | 1);
        return NJ_OK;
    }
    if (view.count == array->capacity)
        array = replace_array(set, array, ledger);
    if (array == NULL)
        return NJ_ENOMEM;
    append(array, sub);
    return NJ_OK;
}

static struct nj_sub *
only_one_left(const struct nj_sub_view *view)
{
    for (uint32_t i = 0; i < view->count; i++) {
        struct nj_sub *sub = nj_sub_view_at(view, i);

        if (sub != NULL)
            return sub;
    }
    return NULL;
}

void
nj_sub_set_remove(struct nj_sub_set *set, struct nj_sub *sub, struct nj_ledger *ledger)
{
    struct nj_sub_view view = nj_sub_set_view(set);
    struct nj_sub_array *array = array_of(set);
    uint32_t live;

    NJ_ASSERT(sub->slot < view.count && nj_sub_view_at(&view, sub->slot) == sub);
    if (array == NULL) {
        publish(set, 0);
        return;
    }
    /* Release is not needed to take away. */
    atomic_store_explicit(&array->slot[sub->slot], NULL, memory_order_relaxed);
    array->gaps++;
    live = view.count - array->gaps;
    if (live <= 1) {
        struct nj_sub *left = only_one_left(&view);

        if (left != NULL)
            left->slot = 0;
        publish(set, (uintptr_t)left);
        drop_array(ledger, array);
    } else if (array->gaps >= live) {
        (void)replace_array(set, array, ledger); /* without memory: at the next removal */
    }
}

uint32_t
nj_sub_set_count(const struct nj_sub_set *set)
{
    struct nj_sub_view view = nj_sub_set_view(set);

    return view.array == NULL ? view.count : view.count - view.array->gaps;
}
