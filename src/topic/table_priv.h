/* SPDX-License-Identifier: Apache-2.0 */
/* table_priv.h — a hash table that readers look into without a lock while it grows.
 *
 * A line has seven places. Of the entry in each it keeps thirteen bits of the hash (the tag) and
 * three marks, in sixteen bytes; in another piece of memory, a whole line of the machine's, where
 * the entry is. So sixteen bytes tell that nothing is there, four lines' lie side by side, and what
 * the marks say is known without a look at the entry.
 *
 *   tags      [tag, marks] × 7, passed │ [tag, marks] × 7, passed │ …
 *   entries   [entry] × 7, –           │ [entry] × 7, –           │ …
 *
 * An entry lies in the line that its hash names or, where that is full, in the next one that is
 * not; each line that it passes counts it. To grow, twice as many lines are filled, a few of the
 * old ones with each insertion, and take their place when they hold everything: no entry moves
 * within lines that readers look at.
 *
 * Lines never get fewer: 14 to 35 bytes for each entry of the fullest moment remain. Thread: one
 * writer at a time; readers any, registered with RCU. An entry that was removed is freed only after
 * a grace period, unless readers look at marks alone. */
#ifndef NJ_TOPIC_TABLE_PRIV_H
#define NJ_TOPIC_TABLE_PRIV_H

#include "base/rcu.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define NJ_TABLE_LINE  7u
#define NJ_TABLE_MARKS 7u

/* Embedded in what is found. */
struct nj_entry {
    uint64_t key; /* its hash */
};

/* Sixteen bits for each place, 0: it is free; the last sixteen: passed. */
struct nj_table_tags {
    _Atomic uint64_t half[2];
};

/* Of meaning where there is a tag. */
struct nj_table_entries {
    _Atomic(struct nj_entry *) at[NJ_TABLE_LINE + 1];
};

/* All lines of one size. */
struct nj_table_lines {
    struct nj_rcu_head rcu;
    uint64_t mask; /* how many, less one */
    struct nj_table_tags *tags;
    struct nj_table_entries *entries;
};

struct nj_table {
    /* private */
    _Atomic(struct nj_table_lines *) lines;
    struct nj_table_lines *next; /* twice as many; NULL: not growing */
    uint64_t copied;             /* of `lines`, into next */
    _Atomic uint64_t count;
    _Atomic size_t bytes;
    struct nj_table_lines first;
    struct nj_table_tags first_tags;
    struct nj_table_entries first_entries;
};

/* Allocates nothing. */
void nj_table_init(struct nj_table *t);
/* Entries are left as they are. */
void nj_table_fini(struct nj_table *t);

/* False without memory: nothing has changed. Cost: amortized a line; worst case a line and the
 * memory for more of them. */
NJ_NODISCARD bool nj_table_insert(struct nj_table *t, struct nj_entry *e, uint64_t hash,
                                  unsigned marks);
void nj_table_remove(struct nj_table *t, struct nj_entry *e);
/* Replace the marks of an entry that is in. */
void nj_table_mark(struct nj_table *t, struct nj_entry *e, unsigned marks);

/* Every entry, in no order, until `fn` says false. For the writer. */
void nj_table_each(struct nj_table *t, bool (*fn)(void *ctx, struct nj_entry *e), void *ctx);

/* For people. Bytes: without the entries and the struct itself. Thread: any. */
uint64_t nj_table_count(const struct nj_table *t);
size_t nj_table_bytes(const struct nj_table *t);

/* ---- looking up, in steps ---- */

/* The lines as they are now, valid until the next quiescent state. */
static inline const struct nj_table_lines *
nj_table_lines(const struct nj_table *t)
{
    /* Acquire: they hold what they are to hold. */
    return atomic_load_explicit(&t->lines, memory_order_acquire);
}

/* Where to look for a hash. What a step looks at has been asked for by the one before: several
 * look-ups wait for memory together if each takes a step before any takes the next. */
struct nj_table_seek {
    uint64_t line;
    uint64_t tags; /* what it looks for, four times */
};

#define NJ_TABLE_EACH(lane) (0x0001000100010001u * (uint64_t)(lane))

static inline uint64_t
nj_table_tag(uint64_t hash)
{
    return (hash >> 48 | 0x8000) & ~(uint64_t)NJ_TABLE_MARKS;
}

/* Asks for the tags. */
static inline struct nj_table_seek
nj_table_seek(const struct nj_table_lines *lines, uint64_t hash)
{
    uint64_t line = hash & lines->mask;

    __builtin_prefetch(&lines->tags[line]);
    return (struct nj_table_seek){line, NJ_TABLE_EACH(nj_table_tag(hash))};
}

/* The same, and asks where the entries are. */
static inline struct nj_table_seek
nj_table_seek_entry(const struct nj_table_lines *lines, uint64_t hash)
{
    struct nj_table_seek seek = nj_table_seek(lines, hash);

    __builtin_prefetch(&lines->entries[seek.line]);
    return seek;
}

/* What was seen of a line: its tags, and the highest bit of each that is the one looked for. */
struct nj_table_glance {
    uint64_t half[2], hits[2];
};

/* Where they are alike lanes are 0; others are 8 or more, from which may be borrowed. */
static inline uint64_t
nj_table_hits(uint64_t half, uint64_t tags)
{
    uint64_t differ = (half ^ tags) & ~NJ_TABLE_EACH(NJ_TABLE_MARKS);

    return (differ - NJ_TABLE_EACH(1)) & ~differ & NJ_TABLE_EACH(0x8000);
}

static inline struct nj_table_glance
nj_table_glance(const struct nj_table_lines *lines, uint64_t line, uint64_t tags)
{
    /* Acquire: the entries of these tags are there, and complete. */
    uint64_t first = atomic_load_explicit(&lines->tags[line].half[0], memory_order_acquire);
    uint64_t second = atomic_load_explicit(&lines->tags[line].half[1], memory_order_acquire);

    return (struct nj_table_glance){
        {first, second},
        {nj_table_hits(first, tags), nj_table_hits(second, tags) & ~(uint64_t)0 >> 16},
    };
}

/* The entries that were hit, one after the other; NULL: no more. */
static inline struct nj_entry *
nj_table_next_hit(const struct nj_table_lines *lines, uint64_t line, struct nj_table_glance *seen)
{
    unsigned half = seen->hits[0] == 0;
    unsigned bit;

    if (seen->hits[half] == 0)
        return NULL;
    bit = (unsigned)__builtin_ctzll(seen->hits[half]);
    seen->hits[half] &= seen->hits[half] - 1;
    return atomic_load_explicit(&lines->entries[line].at[half * 4 + bit / 16],
                                memory_order_acquire);
}

/* Go on to the line after this one, if it may hold what is sought. */
static inline bool
nj_table_go_on(const struct nj_table_lines *lines, const struct nj_table_seek *seek, uint64_t *line,
               const struct nj_table_glance *seen)
{
    if (NJ_LIKELY(seen->half[1] >> 48 == 0))
        return false;
    *line = (*line + 1) & lines->mask;
    return *line != seek->line;
}

/* What is_it() accepts among the entries of that tag, which are few beside those of that hash;
 * NULL: nothing. The entry's key may serve to judge. */
static inline struct nj_entry *
nj_table_find(const struct nj_table_lines *lines, const struct nj_table_seek *seek,
              bool (*is_it)(const void *ctx, const struct nj_entry *e), const void *ctx)
{
    struct nj_table_glance seen;
    uint64_t line = seek->line;

    do {
        struct nj_entry *e;

        seen = nj_table_glance(lines, line, seek->tags);
        while ((e = nj_table_next_hit(lines, line, &seen)) != NULL)
            if (is_it(ctx, e))
                return e;
    } while (nj_table_go_on(lines, seek, &line, &seen));
    return NULL;
}

/* All steps at once. */
static inline struct nj_entry *
nj_table_look_up(const struct nj_table *t, uint64_t hash,
                 bool (*is_it)(const void *ctx, const struct nj_entry *e), const void *ctx)
{
    const struct nj_table_lines *lines = nj_table_lines(t);
    struct nj_table_seek seek = nj_table_seek(lines, hash);

    return nj_table_find(lines, &seek, is_it, ctx);
}

/* Ask for what nj_table_find() looks at first. */
static inline void
nj_table_fetch(const struct nj_table_lines *lines, const struct nj_table_seek *seek)
{
    struct nj_table_glance seen = nj_table_glance(lines, seek->line, seek->tags);
    const char *e;

    while ((e = (const char *)nj_table_next_hit(lines, seek->line, &seen)) != NULL) {
        /* The object around the entry seldom begins and ends in the same line. */
        __builtin_prefetch(e - 24);
        __builtin_prefetch(e + 40);
        __builtin_prefetch(e + 64);
    }
}

/* The marks of all entries of that tag: of the one that is sought, if there is one, and seldom of
 * others. */
static inline unsigned
nj_table_marks(const struct nj_table_lines *lines, const struct nj_table_seek *seek)
{
    struct nj_table_glance seen;
    uint64_t line = seek->line;
    uint64_t marks = 0;

    do {
        seen = nj_table_glance(lines, line, seek->tags);
        for (unsigned i = 0; i < 2; i++) /* the three lowest bits where the highest was hit */
            marks |= seen.half[i] & ((seen.hits[i] >> 12) - (seen.hits[i] >> 15));
    } while (nj_table_go_on(lines, seek, &line, &seen));
    marks |= marks >> 32;
    marks |= marks >> 16;
    return marks & NJ_TABLE_MARKS;
}

#endif
