/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up a name: the ways it may go tell which filters it may match, and the table of filters
 * which of them there are. On each way at most two go on, by the level itself and by `+`; the
 * second one waits on a stack. No step depends on how many filters there are that do not match.
 *
 * Among half a million filters a look-up is little else than waiting for memory. Hence nothing is
 * asked of a line in the step in which its address is known: where the name alone leads to is
 * known from the outset, filters are looked for several at a time, and whoever does a step for
 * several names before the next one waits for all of them at once:
 *
 *   begin   cut the name; ask for the ways' marks, and where the filter is that is the name itself
 *   follow  go the ways; ask where the filters are that they lead to
 *   fetch   ask for the filters themselves
 *   finish  compare them, and collect who has subscribed */
#include "topic/index_priv.h"

#include "base/mem.h"

#include <endian.h>

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

/* ---- what a filter brings ---- */

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

/* ---- filters that may be there ---- */

struct nj_candidate {
    uint64_t key;
    struct nj_table_seek seek;
};

struct wanted {
    struct nj_str name;
    uint64_t key;
};

/* The key, too: a filter that matches may be the one that another way leads to. */
static bool
is_wanted(const void *wanted, const struct nj_entry *e)
{
    const struct wanted *w = wanted;

    return e->key == w->key && nj_topic_matches(nj_place_text(nj_place_of(e)), w->name);
}

static enum nj_err
collect_candidates(const struct nj_search *s, struct nj_matches *m)
{
    enum nj_err err = NJ_OK;

    for (size_t i = 0; i < s->candidates && err == NJ_OK; i++) {
        struct wanted wanted = {s->name, s->candidate[i].key};
        const struct nj_entry *e =
            nj_table_find(s->filters, &s->candidate[i].seek, is_wanted, &wanted);

        if (e != NULL)
            err = collect(nj_place_of(e), m);
    }
    return err;
}

static enum nj_err
add_candidate(struct nj_search *s, uint64_t key)
{
    struct nj_candidate *list =
        with_room(s->candidate, &s->candidate_capacity, s->candidates, 1, sizeof(*list));

    if (list == NULL)
        return NJ_ENOMEM;
    s->candidate = list;
    list[s->candidates++] = (struct nj_candidate){key, nj_table_seek_entry(s->filters, key)};
    return NJ_OK;
}

/* ---- cutting the name ---- */

/* A level of the name, and the way of all those before it, if no wildcard stands for any. */
struct nj_name_level {
    uint64_t hash;
    uint64_t key;
    struct nj_table_seek way;
};

/* The eight bytes from `at` on, the first one the lowest; what lies beyond the end reads as 0. */
static inline uint64_t
word_at(struct nj_str name, size_t at)
{
    size_t left = name.n - at;
    uint64_t word = 0;

    if (NJ_LIKELY(left >= 8)) {
        memcpy(&word, name.p + at, 8);
        return le64toh(word);
    }
    if (NJ_LIKELY(name.n >= 8 && left > 0)) {
        memcpy(&word, name.p + name.n - 8, 8);
        return le64toh(word) >> (64 - 8 * left);
    }
    if (left > 0)
        memcpy(&word, name.p + at, left);
    return le64toh(word);
}

/* The hash of the level that begins at *at, which goes to where the next one begins. False: it is
 * the last. */
static inline bool
take_level(struct nj_str name, size_t *at, uint64_t *hash)
{
    uint64_t word = word_at(name, *at);
    uint64_t slash = word ^ 0x2f2f2f2f2f2f2f2fu;
    struct nj_str rest = nj_str_from(name, *at);
    bool done = false;

    /* Exact as to the first one. */
    slash = (slash - 0x0101010101010101u) & ~slash & 0x8080808080808080u;
    if (NJ_LIKELY(slash != 0)) {
        unsigned bytes = (unsigned)__builtin_ctzll(slash) / 8;

        *hash = nj_way_short_level(word & (((uint64_t)1 << 8 * bytes) - 1), bytes);
        *at += bytes + 1;
        return true;
    }
    if (rest.n < 8) {
        *hash = nj_way_short_level(word, rest.n);
        return false;
    }
    *hash = nj_way_level(nj_topic_level(&rest, &done));
    *at = (size_t)(rest.p - name.p);
    return !done;
}

static inline struct nj_name_level *
level_at(struct nj_search *s, uint32_t n)
{
    struct nj_name_level *list = with_room(s->level, &s->level_capacity, n, 1, sizeof(*list));

    if (list == NULL)
        return NULL;
    s->level = list;
    return &list[n];
}

/* Cut the name into levels, as many as a filter may have, and ask for the lines of their ways. */
static enum nj_err
cut(struct nj_search *s)
{
    uint64_t key = NJ_WAY_ROOT;
    bool goes_on = true;
    uint32_t n = 0;
    size_t at = 0;

    for (; n < s->depth; n++) {
        struct nj_name_level *level = level_at(s, n);

        if (level == NULL)
            return NJ_ENOMEM;
        level->key = key;
        level->way = nj_table_seek(s->ways, key);
        if (!goes_on)
            break;
        goes_on = take_level(s->name, &at, &level->hash);
        key = nj_way_key(key, level->hash);
    }
    s->end = goes_on ? UINT32_MAX : n;
    return NJ_OK;
}

/* ---- ways ---- */

/* A way with a wildcard. */
struct nj_fork {
    uint64_t key;
    struct nj_table_seek way;
    uint32_t levels;
};

/* Where `levels` levels lead to, one of them a wildcard: on, and if the name ends here, to a
 * filter.
 */
static enum nj_err
branch_off(struct nj_search *s, uint64_t key, uint32_t levels)
{
    if (levels < s->depth) {
        struct nj_fork *list = with_room(s->fork, &s->fork_capacity, s->forks, 1, sizeof(*list));

        if (list == NULL)
            return NJ_ENOMEM;
        s->fork = list;
        list[s->forks++] = (struct nj_fork){key, nj_table_seek(s->ways, key), levels};
    }
    return levels == s->end ? add_candidate(s, key) : NJ_OK;
}

/* Where a way goes on by wildcards. `#` stands for what follows, and for nothing at all: sport/#
 * matches sport. */
static inline enum nj_err
follow_wildcards(struct nj_search *s, uint64_t key, uint32_t levels, unsigned marks)
{
    enum nj_err err = NJ_OK;

    if ((marks & NJ_WAY_HASH) != 0)
        err = add_candidate(s, nj_way_key(key, s->hash));
    if ((marks & NJ_WAY_PLUS) != 0 && levels != s->end && err == NJ_OK)
        err = branch_off(s, nj_way_key(key, s->plus), levels + 1);
    return err;
}

static enum nj_err
follow_ways(struct nj_search *s)
{
    /* A wildcard at the beginning matches no name that begins with `$`. [MQTT5-4.7.2-1]
     * [MQTT311-4.7.2-1] */
    bool is_system = s->name.n > 0 && s->name.p[0] == '$';
    uint32_t last = NJ_MIN(s->depth - 1, s->end);
    enum nj_err err = NJ_OK;

    for (uint32_t i = 0; i <= last; i++) {
        const struct nj_name_level *level = &s->level[i];
        unsigned marks = nj_table_marks(s->ways, &level->way);

        if (i > 0 || !is_system)
            err = follow_wildcards(s, level->key, i, marks);
        if ((marks & NJ_WAY_LEVEL) == 0 || err != NJ_OK)
            break;
    }
    while (s->forks > 0 && err == NJ_OK) {
        struct nj_fork at = s->fork[--s->forks];
        unsigned marks = nj_table_marks(s->ways, &at.way);

        err = follow_wildcards(s, at.key, at.levels, marks);
        if ((marks & NJ_WAY_LEVEL) != 0 && at.levels != s->end && err == NJ_OK)
            err = branch_off(s, nj_way_key(at.key, s->level[at.levels].hash), at.levels + 1);
    }
    return err;
}

static bool
is_same(const void *name, const struct nj_entry *e)
{
    return nj_str_eq(nj_place_text(nj_place_of(e)), *(const struct nj_str *)name);
}

void
nj_search_begin(struct nj_search *s, struct nj_index *index, struct nj_str name, uint64_t hash)
{
    s->filters = nj_table_lines(&index->filters);
    (void)nj_table_seek_entry(s->filters, hash);
    s->ways = nj_table_lines(&index->ways.table);
    s->plus = index->ways.plus;
    s->hash = index->ways.hash;
    s->name = name;
    s->name_hash = hash;
    /* Relaxed: no older than the generation that the reader knows. */
    s->depth = atomic_load_explicit(&index->ways.depth, memory_order_relaxed);
    s->forks = 0;
    s->candidates = 0;
    s->err = s->depth > 0 ? cut(s) : NJ_OK;
}

void
nj_search_follow(struct nj_search *s)
{
    if (s->depth > 0 && s->err == NJ_OK)
        s->err = follow_ways(s);
}

void
nj_search_fetch(const struct nj_search *s)
{
    struct nj_table_seek same = nj_table_seek(s->filters, s->name_hash);

    nj_table_fetch(s->filters, &same);
    for (size_t i = 0; i < s->candidates; i++)
        nj_table_fetch(s->filters, &s->candidate[i].seek);
}

enum nj_err
nj_search_finish(const struct nj_search *s, struct nj_matches *m)
{
    struct nj_table_seek same = nj_table_seek(s->filters, s->name_hash);
    enum nj_err err = s->err == NJ_OK ? collect_candidates(s, m) : s->err;
    const struct nj_entry *e;

    if (err != NJ_OK)
        return err;
    e = nj_table_find(s->filters, &same, is_same, &s->name);
    return e != NULL ? collect(nj_place_of(e), m) : NJ_OK;
}

void
nj_search_fini(struct nj_search *s)
{
    nj_free(s->candidate);
    nj_free(s->fork);
    nj_free(s->level);
    *s = (struct nj_search){.name = {NULL, 0}};
}

enum nj_err
nj_index_match(struct nj_index *index, struct nj_str name, uint64_t hash, struct nj_matches *m)
{
    struct nj_search *s = &m->search;

    nj_search_begin(s, index, name, hash);
    nj_search_follow(s);
    nj_search_fetch(s);
    return nj_search_finish(s, m);
}

void
nj_matches_fini(struct nj_matches *m)
{
    nj_free(m->list);
    nj_search_fini(&m->search);
    *m = (struct nj_matches){.list = NULL};
}
