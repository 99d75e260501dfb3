/* SPDX-License-Identifier: Apache-2.0 */
/* table_priv.h — a hash table that readers follow without a lock while it grows.
 *
 * All entries lie in ONE linked list, ordered by key. A bucket is no more than a signpost within
 * that list (a sentinel entry), so growing moves nothing: it sets up one more signpost, in the
 * middle of the stretch that the bucket it splits off had for itself.
 *
 *   bucket 0 ─► e ─► e ─► bucket 2 ─► e ─► bucket 1 ─► e ─► bucket 3 ─► e ─► NULL
 *
 * Keys compare as numbers; a bucket's number, bit-reversed, is the beginning of its keys. So the
 * stretch of bucket b splits into b and b + 2^k, for every k (Shalev and Shavit, split-ordered
 * lists, here for a single writer). A reader that still counts fewer buckets starts at an older
 * signpost, reads over the new one, and finds the same.
 *
 * Invariants: keys of entries are odd, of signposts even. All buckets below `buckets` stand. It
 * never shrinks: 16 bytes for each entry of its fullest moment remain.
 * Thread: one writer at a time; readers any, registered with RCU. An entry that was removed is
 * freed only after a grace period. */
#ifndef NJ_TOPIC_TABLE_PRIV_H
#define NJ_TOPIC_TABLE_PRIV_H

#include "base/compiler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Embedded in what is found. */
struct nj_entry {
    _Atomic(struct nj_entry *) next;
    uint64_t key;
};

struct nj_table {
    /* private */
    struct nj_entry first; /* bucket 0 */
    _Atomic uint32_t buckets;
    uint32_t count;
    struct nj_entry *segment[31]; /* segment s: buckets 2^s .. 2^(s+1)-1; never moved */
};

/* Allocates nothing. */
void nj_table_init(struct nj_table *t);
/* Entries are left as they are. A zeroed table is accepted. */
void nj_table_fini(struct nj_table *t);

/* Never fails: without memory for more buckets the old ones get longer. Cost: amortized and worst
 * case the length of a bucket, 1 on average. */
void nj_table_insert(struct nj_table *t, struct nj_entry *e, uint64_t hash);
void nj_table_remove(struct nj_table *t, struct nj_entry *e);

/* The first entry with that hash, and the next one: different things may share one, so the caller
 * compares. NULL: no more. The entry's key is the hash but for its lowest bit, which does not
 * count. */
struct nj_entry *nj_table_find(const struct nj_table *t, uint64_t hash);
struct nj_entry *nj_table_find_next(const struct nj_entry *e);

/* Ask the machine for what nj_table_find() will look at, so that several look-ups wait for memory
 * together instead of one after the other: first for all of them the signposts, then for all of
 * them the entries. */
void nj_table_fetch_signpost(const struct nj_table *t, uint64_t hash);
void nj_table_fetch_entry(const struct nj_table *t, uint64_t hash);

/* Every entry, one after the other: begun with NULL, ended with NULL, in no order. For the writer.
 */
struct nj_entry *nj_table_walk(struct nj_table *t, struct nj_entry *e);

uint32_t nj_table_count(const struct nj_table *t);
/* Without the entries and the struct itself. Thread: any. */
size_t nj_table_bytes(const struct nj_table *t);

#endif
