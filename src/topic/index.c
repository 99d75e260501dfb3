/* SPDX-License-Identifier: Apache-2.0 */
/* Three tables hold all places: filters without wildcards under their hash, branches under the
 * hash of (parent, level), groups under the hash of (place, name). A branch also points at its `+`
 * and `#` children, since every name that passes asks for these.
 *
 *   root ─┬─ "sport" ─┬─ "tennis" ── "+"        sport/tennis/+
 *         │           └─ "#"                    sport/#
 *         └─ "+" ────── "finals"                +/finals
 *
 * A change is made in this order: what readers see, the generation, then RCU is given what was
 * unlinked. A reader that still finds the old generation is one that the grace period waits for;
 * one that reads the generation first and matches then, finds nothing older than its stamp says. */
#include "topic/index_priv.h"

#include "base/assert.h"
#include "base/mem.h"

/* ---- counting ---- */

/* One writer, who holds the mutex; relaxed: numbers for people. */
static void
add(_Atomic uint64_t *number, int by)
{
    atomic_fetch_add_explicit(number, (uint64_t)(int64_t)by, memory_order_relaxed);
}

static uint64_t
number(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

/* ---- places ---- */

static bool
is_used(const struct nj_place *place)
{
    return nj_sub_set_count(&place->subs) > 0 || nj_place_groups(place) != NULL;
}

struct nj_place *
nj_index_find_filter(const struct nj_index *index, struct nj_str text, uint64_t hash)
{
    struct nj_entry *e = nj_table_find(&index->filters, hash);

    for (; e != NULL; e = nj_table_find_next(e))
        if (nj_str_eq(nj_place_text(nj_place_of(e)), text))
            return nj_place_of(e);
    return NULL;
}

struct nj_branch *
nj_index_find_child(const struct nj_index *index, const struct nj_branch *parent,
                    struct nj_str level, uint64_t hash)
{
    struct nj_entry *e = nj_table_find(&index->branches, hash);

    for (; e != NULL; e = nj_table_find_next(e)) {
        struct nj_branch *b = nj_branch_of(nj_place_of(e));

        if (b->parent == parent && nj_str_eq(nj_place_text(&b->place), level))
            return b;
    }
    return NULL;
}

/* Where a branch points at its wildcard child, NULL for a plain level. */
static _Atomic(struct nj_branch *) *
wildcard_link(struct nj_branch *parent, struct nj_str level)
{
    if (nj_str_eq(level, NJ_STR("+")))
        return &parent->plus;
    if (nj_str_eq(level, NJ_STR("#")))
        return &parent->hash;
    return NULL;
}

static struct nj_branch *
find_branch(const struct nj_index *index, struct nj_branch *parent, struct nj_str level)
{
    const _Atomic(struct nj_branch *) *link = wildcard_link(parent, level);

    if (link != NULL)
        return nj_branch_follow(link);
    return nj_index_find_child(index, parent, level, nj_place_hash_below(&parent->place, level));
}

static struct nj_place *
find_place(struct nj_index *index, struct nj_str filter)
{
    struct nj_branch *b = &index->root;
    bool done = false;

    if (!nj_topic_has_wildcard(filter))
        return nj_index_find_filter(index, filter, nj_hash(filter));
    while (!done && b != NULL)
        b = find_branch(index, b, nj_topic_level(&filter, &done));
    return b != NULL ? &b->place : NULL;
}

/* A new place of a kind whose struct takes `head` bytes, linked nowhere. */
static struct nj_place *
place_new(struct nj_index *index, enum nj_place_kind kind, size_t head, struct nj_str text)
{
    struct nj_place *place = nj_ledger_alloc(&index->ledger, head + text.n);

    if (place == NULL)
        return NULL;
    place->kind = (uint8_t)kind;
    place->text_n = (uint16_t)text.n;
    if (text.n > 0)
        memcpy((char *)place + head, text.p, text.n);
    add(&index->nodes, 1);
    return place;
}

static void
drop_place(struct nj_index *index, struct nj_place *place)
{
    add(&index->nodes, -1);
    nj_ledger_drop(&index->ledger, &place->rcu, nj_place_bytes(place));
}

static struct nj_place *
add_filter(struct nj_index *index, struct nj_str text)
{
    struct nj_place *place = place_new(index, NJ_PLACE_FILTER, sizeof(*place), text);

    if (place != NULL)
        nj_table_insert(&index->filters, &place->entry, nj_hash(text));
    return place;
}

static struct nj_branch *
add_branch(struct nj_index *index, struct nj_branch *parent, struct nj_str level)
{
    _Atomic(struct nj_branch *) *link = wildcard_link(parent, level);
    struct nj_place *place = place_new(index, NJ_PLACE_BRANCH, sizeof(struct nj_branch), level);
    struct nj_branch *b;

    if (place == NULL)
        return NULL;
    b = nj_branch_of(place);
    b->parent = parent;
    /* `+` and `#` lie in the table as well, which makes it the list of all branches. */
    nj_table_insert(&index->branches, &place->entry, nj_place_hash_below(&parent->place, level));
    /* Release: complete before it is found; the table sees to the other way. */
    if (link != NULL)
        atomic_store_explicit(link, b, memory_order_release);
    else
        atomic_fetch_add_explicit(&parent->place.children, 1, memory_order_release);
    return b;
}

static bool
is_bare(const struct nj_branch *b)
{
    return !is_used(&b->place) && nj_branch_follow(&b->plus) == NULL &&
           nj_branch_follow(&b->hash) == NULL &&
           atomic_load_explicit(&b->place.children, memory_order_relaxed) == 0;
}

/* Take away the branch, and all those above it, on which nothing hangs any more. */
static void
prune_branches(struct nj_index *index, struct nj_branch *b)
{
    for (struct nj_branch *parent; (parent = b->parent) != NULL && is_bare(b); b = parent) {
        _Atomic(struct nj_branch *) *link = wildcard_link(parent, nj_place_text(&b->place));

        /* Relaxed: to take away needs no order, what is taken stays intact. */
        if (link != NULL)
            atomic_store_explicit(link, NULL, memory_order_relaxed);
        else
            atomic_fetch_sub_explicit(&parent->place.children, 1, memory_order_relaxed);
        nj_table_remove(&index->branches, &b->place.entry);
        drop_place(index, &b->place);
    }
}

static void
prune(struct nj_index *index, struct nj_place *place)
{
    if (place->kind == NJ_PLACE_BRANCH) {
        prune_branches(index, nj_branch_of(place));
    } else if (!is_used(place)) {
        nj_table_remove(&index->filters, &place->entry);
        drop_place(index, place);
    }
}

/* Relaxed: a hint for look_ahead(). */
static void
note_depth(struct nj_index *index, struct nj_str filter)
{
    uint32_t levels = (uint32_t)nj_topic_levels(filter);

    if (levels > atomic_load_explicit(&index->depth, memory_order_relaxed))
        atomic_store_explicit(&index->depth, levels, memory_order_relaxed);
}

/* Find the place of a filter, or make it. NULL without memory, and nothing is left of the try. */
static struct nj_place *
make_place(struct nj_index *index, struct nj_str filter)
{
    struct nj_branch *b = &index->root;
    bool done = false;

    if (!nj_topic_has_wildcard(filter)) {
        struct nj_place *place = nj_index_find_filter(index, filter, nj_hash(filter));

        return place != NULL ? place : add_filter(index, filter);
    }
    note_depth(index, filter);
    while (!done) {
        struct nj_str level = nj_topic_level(&filter, &done);
        struct nj_branch *child = find_branch(index, b, level);

        if (child == NULL)
            child = add_branch(index, b, level);
        if (child == NULL) {
            prune_branches(index, b);
            return NULL;
        }
        b = child;
    }
    return &b->place;
}

/* ---- groups ---- */

static struct nj_group *
find_group(const struct nj_index *index, const struct nj_place *of, struct nj_str name)
{
    struct nj_entry *e = nj_table_find(&index->groups, nj_place_hash_below(of, name));

    for (; e != NULL; e = nj_table_find_next(e)) {
        struct nj_group *g = nj_group_of(nj_place_of(e));

        if (g->of == of && nj_str_eq(nj_place_text(&g->place), name))
            return g;
    }
    return NULL;
}

static struct nj_group *
add_group(struct nj_index *index, struct nj_place *of, struct nj_str name)
{
    struct nj_place *place = place_new(index, NJ_PLACE_GROUP, sizeof(struct nj_group), name);
    struct nj_group *g, *first = nj_place_groups(of);

    if (place == NULL)
        return NULL;
    g = nj_group_of(place);
    g->of = of;
    g->id = ++index->last_group_id;
    atomic_store_explicit(&g->next, first, memory_order_relaxed);
    if (first != NULL)
        first->prev = g;
    /* Release: complete before it is found. */
    atomic_store_explicit(&of->groups, g, memory_order_release);
    nj_table_insert(&index->groups, &place->entry, nj_place_hash_below(of, name));
    return g;
}

static void
remove_group(struct nj_index *index, struct nj_group *g)
{
    struct nj_group *next = atomic_load_explicit(&g->next, memory_order_relaxed);

    if (next != NULL)
        next->prev = g->prev;
    /* Release: `next` was complete for us, let it be so for who finds it by this way. */
    atomic_store_explicit(g->prev != NULL ? &g->prev->next : &g->of->groups, next,
                          memory_order_release);
    nj_table_remove(&index->groups, &g->place.entry);
    drop_place(index, &g->place);
}

/* Where a subscription hangs: the place of its filter, or the group there. NULL: nowhere yet. */
static struct nj_place *
find_home(struct nj_index *index, const struct nj_filter *filter)
{
    struct nj_place *place = find_place(index, filter->filter);
    struct nj_group *group;

    if (place == NULL || filter->share.n == 0)
        return place;
    group = find_group(index, place, filter->share);
    return group != NULL ? &group->place : NULL;
}

static struct nj_place *
make_group(struct nj_index *index, struct nj_place *of, struct nj_str name)
{
    struct nj_group *group = find_group(index, of, name);

    if (group == NULL)
        group = add_group(index, of, name);
    return group != NULL ? &group->place : NULL;
}

/* The place of the filter, on which `home` hangs if it is a group; one without members does so no
 * longer. */
static struct nj_place *
leave(struct nj_index *index, struct nj_place *home)
{
    struct nj_place *of;

    if (home->kind != NJ_PLACE_GROUP)
        return home;
    of = nj_group_of(home)->of;
    if (nj_sub_set_count(&home->subs) == 0)
        remove_group(index, nj_group_of(home));
    return of;
}

/* ---- changes ---- */

/* What was changed is seen from here on; what was unlinked may go. */
static void
finish_change(struct nj_index *index)
{
    /* Release: who reads this generation finds what it stands for. */
    atomic_fetch_add_explicit(&index->generation, 1, memory_order_release);
    nj_ledger_settle(&index->ledger);
}

/* The shorter of both lists is searched: a subscriber with many filters meets filters with few
 * subscribers, and the other way round. */
static struct nj_sub *
find_sub(const struct nj_subscriber *who, const struct nj_place *home)
{
    struct nj_sub_view view = nj_sub_set_view(&home->subs);

    if (who->sub_count < view.count) {
        for (struct nj_sub *sub = who->subs; sub != NULL; sub = sub->next)
            if (sub->place == home)
                return sub;
        return NULL;
    }
    for (uint32_t i = 0; i < view.count; i++) {
        struct nj_sub *sub = nj_sub_view_at(&view, i);

        if (sub != NULL && sub->who == who)
            return sub;
    }
    return NULL;
}

static void
link_to_subscriber(struct nj_subscriber *who, struct nj_sub *sub)
{
    sub->prev = NULL;
    sub->next = who->subs;
    if (sub->next != NULL)
        sub->next->prev = sub;
    who->subs = sub;
    who->sub_count++;
}

static void
unlink_from_subscriber(struct nj_subscriber *who, struct nj_sub *sub)
{
    if (sub->next != NULL)
        sub->next->prev = sub->prev;
    if (sub->prev != NULL)
        sub->prev->next = sub->next;
    else
        who->subs = sub->next;
    who->sub_count--;
}

static void
count_subscription(struct nj_index *index, const struct nj_place *home, int by)
{
    add(&index->subscriptions, by);
    if (home->kind == NJ_PLACE_GROUP)
        add(&index->shared_subscriptions, by);
}

static enum nj_err
subscribe_anew(struct nj_index *index, struct nj_subscriber *who, const struct nj_filter *filter,
               uint32_t opts)
{
    struct nj_sub *sub = nj_ledger_alloc(&index->ledger, sizeof(*sub));
    struct nj_place *place = NULL, *home = NULL;
    bool was_used;

    if (sub == NULL)
        return NJ_ENOMEM;
    place = make_place(index, filter->filter);
    if (place == NULL)
        goto fail;
    was_used = is_used(place);
    home = filter->share.n > 0 ? make_group(index, place, filter->share) : place;
    if (home == NULL)
        goto fail;
    sub->who = who;
    sub->place = home;
    atomic_store_explicit(&sub->opts, opts, memory_order_relaxed); /* nobody sees it yet */
    if (nj_sub_set_add(&home->subs, sub, &index->ledger) != NJ_OK)
        goto fail;
    link_to_subscriber(who, sub);
    count_subscription(index, home, 1);
    add(&index->used, !was_used);
    finish_change(index);
    return NJ_OK;

fail:
    if (home != NULL)
        leave(index, home);
    if (place != NULL)
        prune(index, place);
    nj_ledger_free(&index->ledger, sub, sizeof(*sub));
    finish_change(index); /* readers may have met the group, empty as it was */
    return NJ_ENOMEM;
}

enum nj_err
nj_index_subscribe(struct nj_index *index, struct nj_subscriber *who,
                   const struct nj_filter *filter, const struct nj_sub_opts *opts, bool *existed)
{
    uint32_t word = nj_sub_opts_pack(opts);
    size_t share_n = filter->share.n > 0 ? sizeof("$share//") - 1 + filter->share.n : 0;
    struct nj_place *home;
    struct nj_sub *sub;
    enum nj_err err = NJ_OK;

    if (share_n + filter->filter.n > NJ_PLACE_TEXT_MAX)
        return NJ_EINVAL;
    if (index->max_levels > 0 && nj_topic_levels(filter->filter) > index->max_levels)
        return NJ_EINVAL;

    nj_mutex_lock(&index->mutex);
    home = find_home(index, filter);
    sub = home != NULL ? find_sub(who, home) : NULL;
    if (sub != NULL) {
        atomic_store_explicit(&sub->opts, word, memory_order_relaxed);
        finish_change(index);
    } else {
        err = subscribe_anew(index, who, filter, word);
    }
    nj_mutex_unlock(&index->mutex);
    if (err == NJ_OK)
        *existed = sub != NULL;
    return err;
}

static void
remove_sub(struct nj_index *index, struct nj_sub *sub)
{
    struct nj_place *home = sub->place, *place;

    nj_sub_set_remove(&home->subs, sub, &index->ledger);
    unlink_from_subscriber(sub->who, sub);
    count_subscription(index, home, -1);
    nj_ledger_drop(&index->ledger, &sub->rcu, sizeof(*sub));
    place = leave(index, home);
    if (!is_used(place)) {
        add(&index->used, -1);
        prune(index, place);
    }
    finish_change(index);
}

bool
nj_index_unsubscribe(struct nj_index *index, struct nj_subscriber *who,
                     const struct nj_filter *filter)
{
    struct nj_place *home;
    struct nj_sub *sub;

    nj_mutex_lock(&index->mutex);
    home = find_home(index, filter);
    sub = home != NULL ? find_sub(who, home) : NULL;
    if (sub != NULL)
        remove_sub(index, sub);
    nj_mutex_unlock(&index->mutex);
    return sub != NULL;
}

void
nj_index_remove_all(struct nj_index *index, struct nj_subscriber *who)
{
    /* The list is changed by its home alone, which is this thread. */
    while (who->subs != NULL) {
        nj_mutex_lock(&index->mutex);
        remove_sub(index, who->subs);
        nj_mutex_unlock(&index->mutex);
    }
}

uint64_t
nj_index_generation(const struct nj_index *index)
{
    return atomic_load_explicit(&index->generation, memory_order_acquire);
}

void
nj_index_each(struct nj_index *index, struct nj_subscriber *who,
              void (*fn)(void *ctx, struct nj_str text, const struct nj_sub_opts *opts), void *ctx)
{
    char buffer[NJ_PLACE_TEXT_MAX];

    /* Without the mutex: only this thread changes the list, and a place with a subscription on it
     * stays where it is. */
    (void)index;
    for (const struct nj_sub *sub = who->subs, *next; sub != NULL; sub = next) {
        struct nj_sub_opts opts = nj_sub_opts_of(sub);

        next = sub->next;
        fn(ctx, nj_place_spell(sub->place, buffer), &opts);
    }
}

/* ---- for people ---- */

void
nj_index_stats(const struct nj_index *index, struct nj_index_stats *out)
{
    *out = (struct nj_index_stats){
        .subscriptions = number(&index->subscriptions),
        .shared_subscriptions = number(&index->shared_subscriptions),
        .filters = number(&index->used),
        .nodes = number(&index->nodes),
        .bytes = sizeof(*index) + nj_ledger_bytes(&index->ledger) +
                 nj_table_bytes(&index->filters) + nj_table_bytes(&index->branches) +
                 nj_table_bytes(&index->groups),
    };
}

struct summary {
    size_t left;
    void (*line)(void *ctx, struct nj_str filter, size_t subscribers);
    void *ctx;
    char text[NJ_PLACE_TEXT_MAX];
};

static void
summarize(struct summary *s, const struct nj_place *place)
{
    uint32_t subscribers = nj_sub_set_count(&place->subs);

    if (s->left == 0 || subscribers == 0)
        return;
    s->left--;
    s->line(s->ctx, nj_place_spell(place, s->text), subscribers);
}

void
nj_index_summary(struct nj_index *index, size_t max,
                 void (*line)(void *ctx, struct nj_str filter, size_t subscribers), void *ctx)
{
    struct nj_table *tables[] = {&index->filters, &index->branches, &index->groups};
    struct summary s = {.left = max, .line = line, .ctx = ctx};

    nj_mutex_lock(&index->mutex);
    for (size_t i = 0; i < NJ_COUNT_OF(tables); i++)
        for (struct nj_entry *e = nj_table_walk(tables[i], NULL); e != NULL && s.left > 0;
             e = nj_table_walk(tables[i], e))
            summarize(&s, nj_place_of(e));
    nj_mutex_unlock(&index->mutex);
}

/* ---- beginning and end ---- */

enum nj_err
nj_index_new(struct nj_index **out, const struct nj_index_opts *opts)
{
    struct nj_index *index = nj_zalloc(sizeof(*index));

    if (index == NULL)
        return NJ_ENOMEM;
    index->root.place.kind = NJ_PLACE_BRANCH;
    index->max_levels = opts->max_levels;
    nj_mutex_init(&index->mutex);
    nj_table_init(&index->filters);
    nj_table_init(&index->branches);
    nj_table_init(&index->groups);
    *out = index;
    return NJ_OK;
}

void
nj_index_free(struct nj_index *index)
{
    if (index == NULL)
        return;
    NJ_ASSERT(number(&index->subscriptions) == 0);
    nj_table_fini(&index->filters);
    nj_table_fini(&index->branches);
    nj_table_fini(&index->groups);
    nj_mutex_fini(&index->mutex);
    nj_free(index);
}
