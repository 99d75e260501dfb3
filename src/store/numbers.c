/* SPDX-License-Identifier: Apache-2.0 */
/* In a page: open addressing; what is removed leaves no mark, those behind it move up. */
#include "store/numbers.h"

#include "base/mem.h"

#include <string.h>

#define FIRST_SLOTS 64u
#define PAGE_SLOTS  4096u /* of each, but of one that is alone and has less */
#define MOST_DEPTH  32u
#define LOOKS       128u /* at pages, of one trim */

struct nj_number_page {
    uint32_t slots; /* a power of two */
    uint32_t count;
    unsigned depth;   /* so many first bits have the hashes of all that is in it in common */
    uint64_t words[]; /* of each slot its value, and its key; value 0: it is empty */
};

/* --- a page --- */

static size_t
slot_words(const struct nj_numbers *n)
{
    return n->is_wide ? 3 : 2;
}

/* All bits of it depend on all of the key's: the first ones choose the page, the last ones the
 * slot. */
static uint64_t
hash_of(struct nj_number_key key)
{
    uint64_t h = key.a ^ (key.b << 32 | key.b >> 32);

    h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 32) * 0xc2b2ae3d27d4eb4fu;
    return h ^ h >> 32;
}

static struct nj_number_key
key_at(const struct nj_numbers *n, const uint64_t *slot)
{
    return (struct nj_number_key){slot[1], n->is_wide ? slot[2] : 0};
}

static bool
is_key(const struct nj_numbers *n, const uint64_t *slot, struct nj_number_key key)
{
    return slot[1] == key.a && (!n->is_wide || slot[2] == key.b);
}

static uint64_t *
slot_at(const struct nj_numbers *n, struct nj_number_page *page, uint64_t i)
{
    return &page->words[(i & (page->slots - 1)) * slot_words(n)];
}

/* Where it is, or where it would be. */
static uint64_t *
slot_of(const struct nj_numbers *n, struct nj_number_page *page, uint64_t hash,
        struct nj_number_key key)
{
    uint64_t i = hash;
    uint64_t *slot = slot_at(n, page, i);

    while (slot[0] != 0 && !is_key(n, slot, key))
        slot = slot_at(n, page, ++i);
    return slot;
}

/* Not refused at memory_limit: it is the price of what was taken already. */
static struct nj_number_page *
make_page(const struct nj_numbers *n, uint32_t slots, unsigned depth)
{
    size_t bytes = slots * slot_words(n) * sizeof(uint64_t);
    struct nj_number_page *page = nj_alloc_uncapped(sizeof(*page) + bytes);

    if (page == NULL)
        return NULL;
    *page = (struct nj_number_page){.slots = slots, .depth = depth};
    memset(page->words, 0, bytes);
    return page;
}

/* What one page has into others, which have room for it. */
static void
move(const struct nj_numbers *n, struct nj_number_page *from, struct nj_number_page *const to[2])
{
    for (uint64_t i = 0; i < from->slots; i++) {
        const uint64_t *slot = slot_at(n, from, i);
        struct nj_number_page *page;
        uint64_t hash;

        if (slot[0] == 0)
            continue;
        hash = hash_of(key_at(n, slot));
        page = to[hash >> (63 - from->depth) & 1];
        memcpy(slot_of(n, page, hash, key_at(n, slot)), slot, slot_words(n) * sizeof(*slot));
        page->count++;
    }
}

static void
remove_at(const struct nj_numbers *n, struct nj_number_page *page, const uint64_t *gap)
{
    uint64_t mask = page->slots - 1;
    uint64_t i = (uint64_t)(gap - page->words) / slot_words(n);

    page->count--;
    for (uint64_t next = (i + 1) & mask; *slot_at(n, page, next) != 0; next = (next + 1) & mask) {
        uint64_t *slot = slot_at(n, page, next);

        /* It may move up unless its own place lies behind the gap. */
        if (((next - hash_of(key_at(n, slot))) & mask) >= ((next - i) & mask)) {
            memcpy(slot_at(n, page, i), slot, slot_words(n) * sizeof(*slot));
            i = next;
        }
    }
    *slot_at(n, page, i) = 0;
}

/* --- the directory --- */

static size_t
index_of(const struct nj_numbers *n, uint64_t hash)
{
    return n->depth == 0 ? 0 : (size_t)(hash >> (64 - n->depth));
}

/* How many entries of the directory lead to it, side by side, the first at a multiple of that. */
static size_t
run_of(const struct nj_numbers *n, const struct nj_number_page *page)
{
    return (size_t)1 << (n->depth - page->depth);
}

static void
enter(struct nj_numbers *n, size_t index, struct nj_number_page *page)
{
    size_t run = run_of(n, page), first = index & ~(run - 1);

    for (size_t i = first; i < first + run; i++)
        n->pages[i] = page;
}

static bool
begin(struct nj_numbers *n)
{
    struct nj_number_page **pages = nj_alloc_uncapped(sizeof(struct nj_number_page *));
    struct nj_number_page *page = make_page(n, FIRST_SLOTS, 0);

    if (pages == NULL || page == NULL) {
        nj_free(pages);
        nj_free(page);
        return false;
    }
    *pages = page;
    n->pages = pages;
    n->page_count = 1;
    return true;
}

static bool
deepen(struct nj_numbers *n)
{
    size_t count = (size_t)1 << n->depth;
    struct nj_number_page **pages = NULL;

    if (n->depth < MOST_DEPTH)
        pages = nj_realloc_uncapped(n->pages, 2 * count * sizeof(struct nj_number_page *));
    if (pages == NULL)
        return false;
    for (size_t i = count; i-- > 0;)
        pages[2 * i] = pages[2 * i + 1] = pages[i];
    n->pages = pages;
    n->depth++;
    n->cursor *= 2;
    return true;
}

/* The only page is replaced by one of twice its slots. */
static bool
widen(struct nj_numbers *n)
{
    struct nj_number_page *page = n->pages[0], *wider = make_page(n, 2 * page->slots, 0);

    if (wider == NULL)
        return false;
    move(n, page, (struct nj_number_page *[]){wider, wider});
    enter(n, 0, wider);
    nj_free(page);
    return true;
}

static bool
split(struct nj_numbers *n, uint64_t hash)
{
    struct nj_number_page *page = n->pages[index_of(n, hash)], *halves[2];
    size_t index;

    if (page->depth == n->depth && !deepen(n))
        return false;
    halves[0] = make_page(n, PAGE_SLOTS, page->depth + 1);
    halves[1] = make_page(n, PAGE_SLOTS, page->depth + 1);
    if (halves[0] == NULL || halves[1] == NULL) {
        nj_free(halves[0]);
        nj_free(halves[1]);
        return false;
    }
    move(n, page, halves);
    index = index_of(n, hash) & ~(run_of(n, page) - 1);
    enter(n, index, halves[0]);
    enter(n, index + run_of(n, halves[0]), halves[1]);
    n->page_count++;
    nj_free(page);
    return true;
}

/* False: it has too many for that, or no neighbour of its size. */
static bool
join(struct nj_numbers *n, size_t index)
{
    struct nj_number_page *page = n->pages[index], *other = n->pages[index ^ run_of(n, page)];

    if (page->depth != other->depth || page->count + other->count > PAGE_SLOTS / 2)
        return false;
    move(n, other, (struct nj_number_page *[]){page, page});
    page->depth--;
    enter(n, index, page);
    n->page_count--;
    nj_free(other);
    return true;
}

/* --- numbers --- */

uint64_t
nj_numbers_find(const struct nj_numbers *n, struct nj_number_key key)
{
    uint64_t hash = hash_of(key);

    return n->pages != NULL ? *slot_of(n, n->pages[index_of(n, hash)], hash, key) : 0;
}

void
nj_numbers_foresee(const struct nj_numbers *n, struct nj_number_key key)
{
    uint64_t hash = hash_of(key);

    if (n->pages != NULL)
        __builtin_prefetch(slot_at(n, n->pages[index_of(n, hash)], hash), 1);
}

static void
forget(struct nj_numbers *n, struct nj_number_key key)
{
    uint64_t hash = hash_of(key), *slot;
    struct nj_number_page *page;

    if (n->pages == NULL)
        return;
    page = n->pages[index_of(n, hash)];
    slot = slot_of(n, page, hash, key);
    if (slot[0] == 0)
        return;
    remove_at(n, page, slot);
    n->count--;
}

bool
nj_numbers_set(struct nj_numbers *n, struct nj_number_key key, uint64_t value)
{
    uint64_t hash = hash_of(key), *slot;
    struct nj_number_page *page;

    if (value == 0) {
        forget(n, key);
        return true;
    }
    if (n->pages == NULL && !begin(n))
        return false;
    for (;;) {
        page = n->pages[index_of(n, hash)];
        slot = slot_of(n, page, hash, key);
        if (slot[0] != 0 || (page->count + 1) * 4 <= page->slots * 3)
            break;
        if (!(page->slots < PAGE_SLOTS ? widen(n) : split(n, hash)))
            return false;
    }
    if (slot[0] == 0) {
        slot[1] = key.a;
        if (n->is_wide)
            slot[2] = key.b;
        page->count++;
        n->count++;
    }
    slot[0] = value;
    return true;
}

void
nj_numbers_each(const struct nj_numbers *n,
                void (*visit)(void *ctx, struct nj_number_key key, uint64_t value), void *ctx)
{
    for (size_t at = 0; n->pages != NULL && at >> n->depth == 0; at += run_of(n, n->pages[at])) {
        for (uint64_t i = 0; i < n->pages[at]->slots; i++) {
            const uint64_t *slot = slot_at(n, n->pages[at], i);

            if (slot[0] != 0)
                visit(ctx, key_at(n, slot), slot[0]);
        }
    }
}

/* A page that was joined is looked at again: there may be one more for it. */
void
nj_numbers_trim(struct nj_numbers *n)
{
    for (unsigned i = 0;
         i < LOOKS && n->count * 8 < (uint64_t)n->page_count * PAGE_SLOTS * 3 && n->page_count > 1;
         i++) {
        n->cursor &= ((size_t)1 << n->depth) - run_of(n, n->pages[n->cursor]);
        if (!join(n, n->cursor))
            n->cursor += run_of(n, n->pages[n->cursor]);
        if (n->cursor >> n->depth > 0)
            n->cursor = 0;
    }
}

void
nj_numbers_clear(struct nj_numbers *n)
{
    struct nj_number_page *page = n->page_count == 1 ? n->pages[0] : NULL;

    if (n->page_count > 1 ||
        (page != NULL && page->slots > FIRST_SLOTS && page->count < page->slots / 16))
        nj_numbers_fini(n);
    if (n->count == 0)
        return;
    memset(page->words, 0, page->slots * slot_words(n) * sizeof(uint64_t));
    page->count = 0;
    n->count = 0;
}

void
nj_numbers_fini(struct nj_numbers *n)
{
    bool is_wide = n->is_wide;

    for (size_t at = 0; n->pages != NULL && at >> n->depth == 0;) {
        struct nj_number_page *page = n->pages[at];

        at += run_of(n, page);
        nj_free(page);
    }
    nj_free(n->pages);
    *n = (struct nj_numbers){.is_wide = is_wide};
}
