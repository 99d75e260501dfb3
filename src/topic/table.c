/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/table_priv.h"

#include "base/assert.h"
#include "base/mem.h"

/* Whoever passes a line comes from no further, at most all places of as many lines: `passed` has
 * room for them. */
#define STEPS_MAX (UINT16_MAX / NJ_TABLE_LINE)

/* ---- one set of lines ---- */

static uint64_t
line_of(const struct nj_table_lines *lines, uint64_t hash)
{
    return hash & lines->mask;
}

/* One writer; relaxed: it knows what it wrote. */
static uint64_t
half_of(const struct nj_table_lines *lines, uint64_t line, unsigned half)
{
    return atomic_load_explicit(&lines->tags[line].half[half], memory_order_relaxed);
}

static uint64_t
tag_at(const struct nj_table_lines *lines, uint64_t line, unsigned i)
{
    return half_of(lines, line, i / 4) >> i % 4 * 16 & 0xffff;
}

/* Release: who finds the tag finds the entry. */
static void
set_tag(struct nj_table_lines *lines, uint64_t line, unsigned i, uint64_t tag)
{
    uint64_t half = half_of(lines, line, i / 4) & ~((uint64_t)0xffff << i % 4 * 16);

    atomic_store_explicit(&lines->tags[line].half[i / 4], half | tag << i % 4 * 16,
                          memory_order_release);
}

/* NULL: the place is free. */
static struct nj_entry *
entry_at(const struct nj_table_lines *lines, uint64_t line, unsigned i)
{
    if (tag_at(lines, line, i) == 0)
        return NULL;
    return atomic_load_explicit(&lines->entries[line].at[i], memory_order_relaxed);
}

/* Where in the line the entry is, or if NULL a free place; NJ_TABLE_LINE: nowhere. */
static unsigned
place_in(const struct nj_table_lines *lines, uint64_t line, const struct nj_entry *e)
{
    unsigned i = 0;

    while (i < NJ_TABLE_LINE && entry_at(lines, line, i) != e)
        i++;
    return i;
}

/* How many lines are passed, from the line of the hash on, before one has the entry or, if NULL, a
 * free place. As many as there are: none has. */
static uint64_t
steps_to(const struct nj_table_lines *lines, uint64_t hash, const struct nj_entry *e)
{
    uint64_t steps = 0;

    while (steps <= lines->mask &&
           place_in(lines, line_of(lines, hash + steps), e) == NJ_TABLE_LINE)
        steps++;
    return steps;
}

/* `passed` is the last tag. */
static void
count_passing(struct nj_table_lines *lines, uint64_t hash, uint64_t steps, int by)
{
    for (uint64_t i = 0; i < steps; i++) {
        uint64_t line = line_of(lines, hash + i);
        uint64_t passed = tag_at(lines, line, NJ_TABLE_LINE) + (uint64_t)(int64_t)by;

        NJ_ASSERT(passed <= UINT16_MAX);
        set_tag(lines, line, NJ_TABLE_LINE, passed);
    }
}

/* False: there is no room, or none near enough to count who passes. */
static bool
put(struct nj_table_lines *lines, struct nj_entry *e, uint64_t tag)
{
    uint64_t steps = steps_to(lines, e->key, NULL);
    uint64_t line = line_of(lines, e->key + steps);
    unsigned i = place_in(lines, line, NULL);

    if (steps > lines->mask || steps > STEPS_MAX)
        return false;
    atomic_store_explicit(&lines->entries[line].at[i], e, memory_order_release);
    set_tag(lines, line, i, tag);
    count_passing(lines, e->key, steps, 1);
    return true;
}

static void
put_where_is_room(struct nj_table_lines *lines, struct nj_entry *e, uint64_t tag)
{
    bool is_in = put(lines, e, tag);

    NJ_ASSERT(is_in);
}

/* Of an entry that is in. Tag 0 takes it out. */
static void
change_tag(struct nj_table_lines *lines, const struct nj_entry *e, uint64_t tag)
{
    uint64_t steps = steps_to(lines, e->key, e);
    uint64_t line = line_of(lines, e->key + steps);

    NJ_ASSERT(steps <= lines->mask);
    set_tag(lines, line, place_in(lines, line, e), tag);
    if (tag == 0)
        count_passing(lines, e->key, steps, -1);
}

/* ---- growing ---- */

static struct nj_table_lines *
lines_of(const struct nj_table *t)
{
    return atomic_load_explicit(&t->lines, memory_order_relaxed);
}

static size_t
block_bytes(uint64_t lines)
{
    return sizeof(struct nj_table_lines) + sizeof(struct nj_table_entries) +
           lines * (sizeof(struct nj_table_entries) + sizeof(struct nj_table_tags));
}

/* One block: the struct, entries from a multiple of their size on, tags. The heap takes a large one
 * from the system, where it costs nothing until it is written to. */
static struct nj_table_lines *
lines_new(uint64_t count)
{
    struct nj_table_lines *lines = nj_zalloc(block_bytes(count));
    size_t size = sizeof(struct nj_table_entries);

    if (lines == NULL)
        return NULL;
    lines->mask = count - 1;
    lines->entries = (void *)(((uintptr_t)(lines + 1) + size - 1) / size * size);
    lines->tags = (void *)(lines->entries + count);
    return lines;
}

static void
lines_free(struct nj_rcu_head *head)
{
    nj_free(nj_container_of(head, struct nj_table_lines, rcu));
}

/* Whether the entry, which is in, lies in `next` as well. */
static bool
is_copied(const struct nj_table *t, const struct nj_entry *e)
{
    const struct nj_table_lines *lines = lines_of(t);

    return t->next != NULL && line_of(lines, e->key + steps_to(lines, e->key, e)) < t->copied;
}

static void
switch_to_next(struct nj_table *t)
{
    struct nj_table_lines *old = lines_of(t);

    /* Release: complete before it is found. */
    atomic_store_explicit(&t->lines, t->next, memory_order_release);
    t->next = NULL;
    t->copied = 0;
    if (old != &t->first) {
        atomic_fetch_sub_explicit(&t->bytes, block_bytes(old->mask + 1), memory_order_relaxed);
        nj_rcu_call(&old->rcu, lines_free);
    }
}

static void
copy_line(struct nj_table *t)
{
    const struct nj_table_lines *lines = lines_of(t);
    uint64_t line = t->copied++;

    for (unsigned i = 0; i < NJ_TABLE_LINE; i++) {
        struct nj_entry *e = entry_at(lines, line, i);

        if (e != NULL)
            put_where_is_room(t->next, e, tag_at(lines, line, i));
    }
    if (t->copied > lines->mask)
        switch_to_next(t);
}

/* From seven tenths on, two lines for each insertion: all are copied before four fifths. */
static void
grow(struct nj_table *t)
{
    uint64_t count = lines_of(t)->mask + 1;

    if (t->next == NULL && nj_table_count(t) >= count * NJ_TABLE_LINE * 7 / 10) {
        t->next = lines_new(count * 2);
        if (t->next != NULL)
            atomic_fetch_add_explicit(&t->bytes, block_bytes(count * 2), memory_order_relaxed);
    }
    for (unsigned i = 0; i < 2 && t->next != NULL; i++)
        copy_line(t);
}

/* ---- the table ---- */

void
nj_table_init(struct nj_table *t)
{
    *t = (struct nj_table){.next = NULL};
    t->first.tags = &t->first_tags;
    t->first.entries = &t->first_entries;
    atomic_store_explicit(&t->lines, &t->first, memory_order_relaxed);
}

void
nj_table_fini(struct nj_table *t)
{
    if (lines_of(t) != &t->first)
        nj_free(lines_of(t));
    nj_free(t->next);
    *t = (struct nj_table){.next = NULL};
}

bool
nj_table_insert(struct nj_table *t, struct nj_entry *e, uint64_t hash, unsigned marks)
{
    uint64_t tag = nj_table_tag(hash) | marks;

    e->key = hash;
    grow(t);
    while (!put(lines_of(t), e, tag)) {
        if (t->next == NULL)
            return false;
        copy_line(t); /* memory has been short for long: no room is left to take one's time */
    }
    if (is_copied(t, e))
        put_where_is_room(t->next, e, tag);
    atomic_fetch_add_explicit(&t->count, 1, memory_order_relaxed);
    return true;
}

static void
change(struct nj_table *t, const struct nj_entry *e, uint64_t tag)
{
    if (is_copied(t, e))
        change_tag(t->next, e, tag);
    change_tag(lines_of(t), e, tag);
}

void
nj_table_remove(struct nj_table *t, struct nj_entry *e)
{
    change(t, e, 0);
    atomic_fetch_sub_explicit(&t->count, 1, memory_order_relaxed);
}

void
nj_table_mark(struct nj_table *t, struct nj_entry *e, unsigned marks)
{
    change(t, e, nj_table_tag(e->key) | marks);
}

void
nj_table_each(struct nj_table *t, bool (*fn)(void *ctx, struct nj_entry *e), void *ctx)
{
    const struct nj_table_lines *lines = lines_of(t);

    for (uint64_t n = 0; n <= lines->mask; n++)
        for (unsigned i = 0; i < NJ_TABLE_LINE; i++) {
            struct nj_entry *e = entry_at(lines, n, i);

            if (e != NULL && !fn(ctx, e))
                return;
        }
}

uint64_t
nj_table_count(const struct nj_table *t)
{
    return atomic_load_explicit(&t->count, memory_order_relaxed);
}

size_t
nj_table_bytes(const struct nj_table *t)
{
    return atomic_load_explicit(&t->bytes, memory_order_relaxed);
}
