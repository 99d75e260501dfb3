/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/way_priv.h"

#include "mqtt/topic.h"

#include <endian.h>

#define KINDS 3u

/* Readers never look at it, and so it is freed at once. */
struct way {
    struct nj_entry entry;
    uint32_t count[KINDS]; /* of the filters that go on so, in the order of the marks */
};

/* A level of a filter, and the way before it. */
struct step {
    uint64_t key;
    struct nj_str level, rest;
    bool is_last;
};

static bool
take_step(struct step *s)
{
    if (s->is_last)
        return false;
    if (s->level.p != NULL)
        s->key = nj_way_key(s->key, nj_way_level(s->level));
    s->level = nj_topic_level(&s->rest, &s->is_last);
    return true;
}

static struct step
before(struct nj_str filter)
{
    return (struct step){.key = NJ_WAY_ROOT, .rest = filter};
}

static unsigned
kind_of(struct nj_str level)
{
    return nj_str_eq(level, NJ_STR("+")) ? 1 : nj_str_eq(level, NJ_STR("#")) ? 2 : 0;
}

static unsigned
marks_of(const struct way *way)
{
    unsigned marks = 0;

    for (unsigned i = 0; i < KINDS; i++)
        marks |= way->count[i] > 0 ? 1u << i : 0;
    return marks;
}

static bool
has_key(const void *key, const struct nj_entry *e)
{
    return e->key == *(const uint64_t *)key;
}

static struct way *
find(const struct nj_ways *ways, uint64_t key)
{
    struct nj_entry *e = nj_table_look_up(&ways->table, key, has_key, &key);

    return e != NULL ? nj_container_of(e, struct way, entry) : NULL;
}

static bool
add_step(struct nj_ways *ways, const struct step *s, struct nj_ledger *ledger)
{
    struct way *way = find(ways, s->key);

    if (way != NULL) {
        way->count[kind_of(s->level)]++;
        nj_table_mark(&ways->table, &way->entry, marks_of(way));
        return true;
    }
    way = nj_ledger_alloc(ledger, sizeof(*way));
    if (way == NULL)
        return false;
    way->count[kind_of(s->level)]++;
    if (!nj_table_insert(&ways->table, &way->entry, s->key, marks_of(way))) {
        nj_ledger_free(ledger, way, sizeof(*way));
        return false;
    }
    return true;
}

static void
remove_step(struct nj_ways *ways, const struct step *s, struct nj_ledger *ledger)
{
    struct way *way = find(ways, s->key);

    way->count[kind_of(s->level)]--;
    if (marks_of(way) != 0) {
        nj_table_mark(&ways->table, &way->entry, marks_of(way));
        return;
    }
    nj_table_remove(&ways->table, &way->entry);
    nj_ledger_free(ledger, way, sizeof(*way));
}

static void
remove_steps(struct nj_ways *ways, struct nj_str filter, uint32_t count, struct nj_ledger *ledger)
{
    struct step s = before(filter);

    for (uint32_t i = 0; i < count && take_step(&s); i++)
        remove_step(ways, &s, ledger);
}

enum nj_err
nj_ways_add(struct nj_ways *ways, struct nj_str filter, struct nj_ledger *ledger)
{
    struct step s = before(filter);
    uint32_t levels = 0;

    for (; take_step(&s); levels++)
        if (!add_step(ways, &s, ledger)) {
            remove_steps(ways, filter, levels, ledger);
            return NJ_ENOMEM;
        }
    /* Relaxed: the index's generation tells readers of the filter, and so of this. */
    if (levels > atomic_load_explicit(&ways->depth, memory_order_relaxed))
        atomic_store_explicit(&ways->depth, levels, memory_order_relaxed);
    return NJ_OK;
}

void
nj_ways_remove(struct nj_ways *ways, struct nj_str filter, struct nj_ledger *ledger)
{
    remove_steps(ways, filter, UINT32_MAX, ledger);
}

uint64_t
nj_way_level(struct nj_str level)
{
    uint64_t hash = level.n, word;

    for (; level.n >= sizeof(word); level = nj_str_from(level, sizeof(word))) {
        memcpy(&word, level.p, sizeof(word));
        hash = nj_hash_join(hash, le64toh(word));
    }
    word = 0;
    if (level.n > 0)
        memcpy(&word, level.p, level.n);
    return nj_hash_join(hash, le64toh(word));
}

uint64_t
nj_way_key_of(struct nj_str filter)
{
    struct step s = before(filter);

    while (take_step(&s))
        continue;
    return nj_way_key(s.key, nj_way_level(s.level));
}

void
nj_ways_init(struct nj_ways *ways)
{
    nj_table_init(&ways->table);
    ways->plus = nj_way_level(NJ_STR("+"));
    ways->hash = nj_way_level(NJ_STR("#"));
}

void
nj_ways_fini(struct nj_ways *ways)
{
    nj_table_fini(&ways->table);
}
