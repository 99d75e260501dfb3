/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up a name: first the trie, then the table of whole filters. At each branch at most two
 * ways go on, the level itself and `+`; the second one waits on a stack. No step depends on how
 * many filters there are that do not match. */
#include "topic/index_priv.h"

#include "base/mem.h"

struct nj_fork {
    const struct nj_branch *branch;
    struct nj_str rest;
    bool done;
    uint32_t depth;
};

/* The list, moved if need be, with room for `more` > 0 beyond `count`; NULL without memory. Twice
 * as much as before, so that appending stays cheap. */
static void *
with_room(void *list, size_t *capacity, size_t count, size_t more, size_t size)
{
    size_t wanted = *capacity > 0 ? *capacity : 8;

    if (NJ_LIKELY(more <= *capacity - count))
        return list;
    while (wanted - count < more)
        wanted *= 2;
    list = nj_realloc(list, wanted * size);
    if (list != NULL)
        *capacity = wanted;
    return list;
}

static struct nj_match *
append_matches(struct nj_matches *m, size_t more)
{
    struct nj_match *list = with_room(m->list, &m->capacity, m->count, more, sizeof(*list));

    if (list == NULL)
        return NULL;
    m->list = list;
    return list + m->count;
}

static enum nj_err
collect_subs(const struct nj_place *place, struct nj_matches *m)
{
    struct nj_sub_view view = nj_sub_set_view(&place->subs);
    struct nj_match *at;

    if (view.count == 0)
        return NJ_OK;
    at = append_matches(m, view.count);
    if (at == NULL)
        return NJ_ENOMEM;
    for (uint32_t i = 0; i < view.count; i++) {
        const struct nj_sub *sub = nj_sub_view_at(&view, i);

        if (sub != NULL)
            *at++ = (struct nj_match){sub->who, NULL, nj_sub_opts_of(sub)};
    }
    m->count = (size_t)(at - m->list);
    return NJ_OK;
}

static enum nj_err
collect(const struct nj_place *place, struct nj_matches *m)
{
    enum nj_err err = collect_subs(place, m);

    for (struct nj_group *g = nj_place_groups(place); err == NJ_OK && g != NULL;
         g = atomic_load_explicit(&g->next, memory_order_acquire)) {
        struct nj_match *at = append_matches(m, 1);

        if (at == NULL)
            return NJ_ENOMEM;
        *at = (struct nj_match){.group = g};
        m->count++;
    }
    return err;
}

static bool
push_fork(struct nj_matches *m, size_t *count, const struct nj_fork *fork)
{
    struct nj_fork *list = with_room(m->fork, &m->fork_capacity, *count, 1, sizeof(*list));

    if (list == NULL)
        return false;
    m->fork = list;
    list[(*count)++] = *fork;
    return true;
}

/* Where the first levels of a name lie if no wildcard stands for any of them: known without
 * looking, since a branch's hash comes from its levels alone. A look-up among half a million
 * filters is little else than waiting for memory, and so these wait at once. */
struct path {
    uint64_t hash[15]; /* of the branch of that many levels, less one */
    unsigned count;
};

static void
look_ahead(const struct nj_index *index, struct nj_str name, struct path *path)
{
    /* Relaxed: a hint. */
    uint32_t depth = atomic_load_explicit(&index->depth, memory_order_relaxed);
    uint64_t hash = index->root.place.entry.key;
    bool done = false;

    for (path->count = 0; !done && path->count < depth && path->count < NJ_COUNT_OF(path->hash);) {
        hash = nj_hash_under(hash, nj_topic_level(&name, &done)) | 1;
        nj_table_fetch_signpost(&index->branches, hash);
        path->hash[path->count++] = hash;
    }
}

/* The child for the next level of the name; `path` saves the hash where no wildcard was passed. */
static const struct nj_branch *
next_branch(const struct nj_index *index, const struct path *path, const struct nj_fork *at,
            struct nj_str level)
{
    const struct nj_branch *b = at->branch;
    bool is_ahead = at->depth < path->count &&
                    (at->depth == 0 || b->place.entry.key == path->hash[at->depth - 1]);

    /* Acquire: a branch that was counted is found. */
    if (atomic_load_explicit(&b->place.children, memory_order_acquire) == 0)
        return NULL;
    return nj_index_find_child(
        index, b, level, is_ahead ? path->hash[at->depth] : nj_place_hash_below(&b->place, level));
}

/* The branches reached by `name`, from the root on. */
static enum nj_err
match_branches(const struct nj_index *index, struct nj_str name, const struct path *path,
               struct nj_matches *m)
{
    /* A wildcard at the beginning matches no name that begins with `$`. [MQTT5-4.7.2-1]
     * [MQTT311-4.7.2-1] */
    bool is_system = name.n > 0 && name.p[0] == '$';
    struct nj_fork at = {.branch = &index->root, .rest = name};
    size_t forks = 0;

    for (;;) {
        const struct nj_branch *b = at.branch, *wild, *child;
        bool may_be_wild = !(is_system && b == &index->root);
        enum nj_err err = NJ_OK;

        /* `#` stands for what follows, and for nothing at all: sport/# matches sport. */
        wild = may_be_wild ? nj_branch_follow(&b->hash) : NULL;
        if (wild != NULL)
            err = collect(&wild->place, m);
        if (err == NJ_OK && at.done)
            err = collect(&b->place, m);
        if (err != NJ_OK)
            return err;

        child = wild = NULL;
        if (!at.done) {
            struct nj_str level = nj_topic_level(&at.rest, &at.done);

            wild = may_be_wild ? nj_branch_follow(&b->plus) : NULL;
            child = next_branch(index, path, &at, level);
            at.depth++;
        }
        if (child != NULL && wild != NULL &&
            !push_fork(m, &forks, &(struct nj_fork){wild, at.rest, at.done, at.depth}))
            return NJ_ENOMEM;
        if (child != NULL || wild != NULL)
            at.branch = child != NULL ? child : wild;
        else if (forks > 0)
            at = m->fork[--forks];
        else
            return NJ_OK;
    }
}

enum nj_err
nj_index_match(struct nj_index *index, struct nj_str name, struct nj_matches *m)
{
    uint64_t hash = nj_hash(name);
    const struct nj_place *place;
    struct path path;
    enum nj_err err;

    nj_table_fetch_signpost(&index->filters, hash);
    look_ahead(index, name, &path);
    nj_table_fetch_entry(&index->filters, hash);
    for (unsigned i = 0; i < path.count; i++)
        nj_table_fetch_entry(&index->branches, path.hash[i]);

    err = match_branches(index, name, &path, m);
    if (err != NJ_OK)
        return err;
    place = nj_index_find_filter(index, name, hash);
    return place != NULL ? collect(place, m) : NJ_OK;
}

void
nj_matches_fini(struct nj_matches *m)
{
    nj_free(m->list);
    nj_free(m->fork);
    *m = (struct nj_matches){.list = NULL};
}
