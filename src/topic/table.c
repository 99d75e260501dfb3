/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/table_priv.h"

#include "base/assert.h"
#include "base/mem.h"

#define BUCKETS_MAX (1u << 31)

static inline uint32_t
reverse_bits(uint32_t x)
{
    x = (x & 0x55555555u) << 1 | (x >> 1 & 0x55555555u);
    x = (x & 0x33333333u) << 2 | (x >> 2 & 0x33333333u);
    x = (x & 0x0f0f0f0fu) << 4 | (x >> 4 & 0x0f0f0f0fu);
    return __builtin_bswap32(x);
}

static inline unsigned
segment_of(uint32_t bucket)
{
    return 31u - (unsigned)__builtin_clz(bucket);
}

static inline const struct nj_entry *
signpost(const struct nj_table *t, uint32_t bucket)
{
    if (bucket == 0)
        return &t->first;
    return &t->segment[segment_of(bucket)][bucket ^ (1u << segment_of(bucket))];
}

/* Where the stretch begins that holds `key`, if there are `buckets`. */
static inline const struct nj_entry *
start_of(const struct nj_table *t, uint32_t buckets, uint64_t key)
{
    uint32_t bucket = reverse_bits((uint32_t)(key >> 32));
    uint32_t mask = buckets > 1 ? (2u << segment_of(buckets - 1)) - 1 : 0;

    bucket &= mask;
    if (bucket >= buckets)
        bucket &= mask >> 1;
    return signpost(t, bucket);
}

/* Acquire: what the writer did to an entry before it linked it is seen by who follows the link. */
static inline struct nj_entry *
next_of(const struct nj_entry *e)
{
    return atomic_load_explicit(&e->next, memory_order_acquire);
}

/* Writer: the last entry from `e` on whose key is below `key`. */
static struct nj_entry *
last_below(const struct nj_entry *e, uint64_t key)
{
    for (const struct nj_entry *n = next_of(e); n != NULL && n->key < key; n = next_of(n))
        e = n;
    return (struct nj_entry *)(uintptr_t)e;
}

/* Release: the entry is complete before anybody finds it. */
static void
link_after(struct nj_entry *before, struct nj_entry *e)
{
    atomic_store_explicit(&e->next, next_of(before), memory_order_relaxed);
    atomic_store_explicit(&before->next, e, memory_order_release);
}

/* Set up one more signpost, if there is memory for it. */
static void
grow(struct nj_table *t)
{
    uint32_t bucket = atomic_load_explicit(&t->buckets, memory_order_relaxed);
    unsigned s = segment_of(bucket);
    struct nj_entry *post;

    if (bucket >= BUCKETS_MAX)
        return;
    if (t->segment[s] == NULL) {
        t->segment[s] = nj_zalloc(sizeof(struct nj_entry) << s);
        if (t->segment[s] == NULL)
            return;
    }
    post = &t->segment[s][bucket ^ (1u << s)];
    post->key = (uint64_t)reverse_bits(bucket) << 32;
    link_after(last_below(signpost(t, bucket ^ (1u << s)), post->key), post);
    /* Release: who counts it finds its segment, and it in the list. */
    atomic_store_explicit(&t->buckets, bucket + 1, memory_order_release);
}

void
nj_table_init(struct nj_table *t)
{
    *t = (struct nj_table){.first = {.key = 0}};
    atomic_store_explicit(&t->buckets, 1, memory_order_relaxed);
}

void
nj_table_fini(struct nj_table *t)
{
    for (unsigned s = 0; s < NJ_COUNT_OF(t->segment); s++)
        nj_free(t->segment[s]);
    *t = (struct nj_table){.count = 0};
}

void
nj_table_insert(struct nj_table *t, struct nj_entry *e, uint64_t hash)
{
    uint32_t buckets = atomic_load_explicit(&t->buckets, memory_order_relaxed);

    e->key = hash | 1;
    link_after(last_below(start_of(t, buckets, e->key), e->key), e);
    t->count++;
    /* Twice, so that it catches up where memory was short for a while. */
    for (unsigned i = 0; i < 2 && t->count > buckets; i++) {
        grow(t);
        buckets = atomic_load_explicit(&t->buckets, memory_order_relaxed);
    }
}

void
nj_table_remove(struct nj_table *t, struct nj_entry *e)
{
    uint32_t buckets = atomic_load_explicit(&t->buckets, memory_order_relaxed);
    struct nj_entry *before = last_below(start_of(t, buckets, e->key), e->key);

    while (next_of(before) != e) {
        before = next_of(before);
        NJ_ASSERT(before != NULL && before->key == e->key);
    }
    /* `e` keeps its own link: a reader that stands on it finds the way on. */
    atomic_store_explicit(&before->next, next_of(e), memory_order_release);
    t->count--;
}

/* Acquire: the signposts that are counted stand. */
static const struct nj_entry *
start_for_reader(const struct nj_table *t, uint64_t hash)
{
    return start_of(t, atomic_load_explicit(&t->buckets, memory_order_acquire), hash);
}

static struct nj_entry *
if_key(struct nj_entry *e, uint64_t key)
{
    return e != NULL && e->key == key ? e : NULL;
}

struct nj_entry *
nj_table_find(const struct nj_table *t, uint64_t hash)
{
    uint64_t key = hash | 1;
    struct nj_entry *e = next_of(start_for_reader(t, key));

    while (e != NULL && e->key < key)
        e = next_of(e);
    return if_key(e, key);
}

struct nj_entry *
nj_table_find_next(const struct nj_entry *e)
{
    return if_key(next_of(e), e->key);
}

void
nj_table_fetch_signpost(const struct nj_table *t, uint64_t hash)
{
    __builtin_prefetch(start_for_reader(t, hash));
}

void
nj_table_fetch_entry(const struct nj_table *t, uint64_t hash)
{
    const char *e = (const char *)next_of(start_for_reader(t, hash));

    /* The object around the entry seldom ends in the same line. */
    __builtin_prefetch(e);
    __builtin_prefetch(e + 64);
}

struct nj_entry *
nj_table_walk(struct nj_table *t, struct nj_entry *e)
{
    do
        e = next_of(e != NULL ? e : &t->first);
    while (e != NULL && (e->key & 1) == 0);
    return e;
}

uint32_t
nj_table_count(const struct nj_table *t)
{
    return t->count;
}

size_t
nj_table_bytes(const struct nj_table *t)
{
    uint32_t buckets = atomic_load_explicit(&t->buckets, memory_order_relaxed);

    return buckets > 1 ? sizeof(struct nj_entry) * ((2ul << segment_of(buckets - 1)) - 1) : 0;
}
