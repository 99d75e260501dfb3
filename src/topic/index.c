/* SPDX-License-Identifier: Apache-2.0 */
/* Two tables hold all places: filters under the hash of their text, or of their levels where one is
 * a wildcard, and groups under the hash of (filter, name). The third holds the ways that lead to
 * wildcard filters.
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

static uint64_t
key_of(struct nj_str filter)
{
    return nj_topic_has_wildcard(filter) ? nj_way_key_of(filter) : nj_hash(filter);
}

static bool
has_text(const void *text, const struct nj_entry *e)
{
    return nj_str_eq(nj_place_text(nj_place_of(e)), *(const struct nj_str *)text);
}

static struct nj_place *
find_filter(const struct nj_index *index, struct nj_str text)
{
    struct nj_entry *e = nj_table_look_up(&index->filters, key_of(text), has_text, &text);

    return e != NULL ? nj_place_of(e) : NULL;
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
    return place;
}

/* Nobody has seen it. */
static void
free_place(struct nj_index *index, struct nj_place *place)
{
    nj_ledger_free(&index->ledger, place, nj_place_bytes(place));
}

static void
drop_place(struct nj_index *index, struct nj_place *place)
{
    nj_ledger_drop(&index->ledger, &place->rcu, nj_place_bytes(place));
}

static struct nj_place *
add_filter(struct nj_index *index, struct nj_str text)
{
    bool is_wild = nj_topic_has_wildcard(text);
    struct nj_place *place = place_new(index, NJ_PLACE_FILTER, sizeof(*place), text);

    if (place == NULL)
        return NULL;
    if (is_wild && nj_ways_add(&index->ways, text, &index->ledger) != NJ_OK)
        goto fail;
    if (nj_table_insert(&index->filters, &place->entry, key_of(text), 0))
        return place;
    if (is_wild)
        nj_ways_remove(&index->ways, text, &index->ledger);

fail:
    free_place(index, place);
    return NULL;
}

/* Find the place of a filter, or make it. NULL without memory, and nothing is left of the try. */
static struct nj_place *
make_filter(struct nj_index *index, struct nj_str text)
{
    struct nj_place *place = find_filter(index, text);

    return place != NULL ? place : add_filter(index, text);
}

/* Take the place away if nothing hangs on it any more. */
static void
prune(struct nj_index *index, struct nj_place *place)
{
    struct nj_str text = nj_place_text(place);

    if (is_used(place))
        return;
    if (nj_topic_has_wildcard(text))
        nj_ways_remove(&index->ways, text, &index->ledger);
    nj_table_remove(&index->filters, &place->entry);
    drop_place(index, place);
}

/* ---- groups ---- */

struct group_name {
    const struct nj_place *of;
    struct nj_str name;
};

static bool
has_name(const void *name, const struct nj_entry *e)
{
    const struct nj_place *place = nj_place_of(e);
    const struct group_name *g = name;

    return nj_group_of(place)->of == g->of && nj_str_eq(nj_place_text(place), g->name);
}

static uint64_t
group_key(const struct nj_place *of, struct nj_str name)
{
    return nj_hash_join(of->entry.key, nj_hash(name));
}

static struct nj_group *
find_group(const struct nj_index *index, const struct nj_place *of, struct nj_str name)
{
    struct nj_entry *e = nj_table_look_up(&index->groups, group_key(of, name), has_name,
                                          &(struct group_name){of, name});

    return e != NULL ? nj_group_of(nj_place_of(e)) : NULL;
}

/* Under a key that all know, since it outlives the process. Who makes two groups collide makes what
 * one of them gives back go to the other, if that other subscribes to its topic: to himself. */
static uint64_t
group_id(const struct nj_filter *filter)
{
    static const uint64_t known[2] = {0x6e696768746a6172, 0x73686172656420};
    const uint64_t named[2] = {nj_hash_keyed(known, filter->share), known[1]};
    uint64_t id = nj_hash_keyed(named, filter->filter);

    return id != 0 ? id : 1;
}

static struct nj_group *
add_group(struct nj_index *index, struct nj_place *of, const struct nj_filter *filter)
{
    struct nj_place *place =
        place_new(index, NJ_PLACE_GROUP, sizeof(struct nj_group), filter->share);
    struct nj_group *g, *first = nj_place_groups(of);

    if (place == NULL)
        return NULL;
    if (!nj_table_insert(&index->groups, &place->entry, group_key(of, filter->share), 0)) {
        free_place(index, place);
        return NULL;
    }
    g = nj_group_of(place);
    g->of = of;
    g->id = group_id(filter);
    atomic_store_explicit(&g->next, first, memory_order_relaxed);
    if (first != NULL)
        first->prev = g;
    /* Release: complete before it is found. */
    atomic_store_explicit(&of->groups, g, memory_order_release);
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
    struct nj_place *place = find_filter(index, filter->filter);
    struct nj_group *group;

    if (place == NULL || filter->share.n == 0)
        return place;
    group = find_group(index, place, filter->share);
    return group != NULL ? &group->place : NULL;
}

static struct nj_place *
make_group(struct nj_index *index, struct nj_place *of, const struct nj_filter *filter)
{
    struct nj_group *group = find_group(index, of, filter->share);

    if (group == NULL)
        group = add_group(index, of, filter);
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
    struct nj_place *place = make_filter(index, filter->filter), *home = NULL;
    struct nj_sub *sub = NULL;

    if (place == NULL)
        return NJ_ENOMEM;
    home = filter->share.n > 0 ? make_group(index, place, filter) : place;
    if (home == NULL)
        goto fail;
    sub = nj_sub_new(&home->subs, home, &index->ledger);
    if (sub == NULL)
        goto fail;
    sub->who = who;
    atomic_store_explicit(&sub->opts, opts, memory_order_relaxed); /* nobody sees it yet */
    if (nj_sub_set_add(&home->subs, sub, &index->ledger) != NJ_OK)
        goto fail;
    link_to_subscriber(who, sub);
    count_subscription(index, home, 1);
    finish_change(index);
    return NJ_OK;

fail:
    if (sub != NULL)
        nj_sub_drop(&home->subs, sub, &index->ledger);
    if (home != NULL)
        leave(index, home);
    prune(index, place);
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
    nj_sub_drop(&home->subs, sub, &index->ledger);
    place = leave(index, home);
    prune(index, place);
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
        .filters = nj_table_count(&index->filters),
        .nodes = nj_table_count(&index->filters) + nj_table_count(&index->groups) +
                 nj_table_count(&index->ways.table),
        .bytes = sizeof(*index) + nj_ledger_bytes(&index->ledger) +
                 nj_table_bytes(&index->filters) + nj_table_bytes(&index->groups) +
                 nj_table_bytes(&index->ways.table),
    };
}

struct summary {
    size_t left;
    void (*line)(void *ctx, struct nj_str filter, size_t subscribers);
    void *ctx;
    char text[NJ_PLACE_TEXT_MAX];
};

static bool
summarize(void *ctx, struct nj_entry *e)
{
    const struct nj_place *place = nj_place_of(e);
    uint32_t subscribers = nj_sub_set_count(&place->subs);
    struct summary *s = ctx;

    if (s->left == 0)
        return false;
    if (subscribers > 0) {
        s->left--;
        s->line(s->ctx, nj_place_spell(place, s->text), subscribers);
    }
    return true;
}

void
nj_index_summary(struct nj_index *index, size_t max,
                 void (*line)(void *ctx, struct nj_str filter, size_t subscribers), void *ctx)
{
    struct summary s = {.left = max, .line = line, .ctx = ctx};

    nj_mutex_lock(&index->mutex);
    nj_table_each(&index->filters, summarize, &s);
    nj_table_each(&index->groups, summarize, &s);
    nj_mutex_unlock(&index->mutex);
}

/* ---- beginning and end ---- */

enum nj_err
nj_index_new(struct nj_index **out, const struct nj_index_opts *opts)
{
    struct nj_index *index = nj_zalloc(sizeof(*index));

    if (index == NULL)
        return NJ_ENOMEM;
    index->max_levels = opts->max_levels;
    nj_mutex_init(&index->mutex);
    nj_table_init(&index->filters);
    nj_table_init(&index->groups);
    nj_ways_init(&index->ways);
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
    nj_table_fini(&index->groups);
    nj_ways_fini(&index->ways);
    nj_mutex_fini(&index->mutex);
    nj_free(index);
}
