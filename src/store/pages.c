/* SPDX-License-Identifier: Apache-2.0 */
/* The format is LMDB 0.9's on a little-endian machine of 64 bits, version 1:
 *
 *   page   number u64, pad u16, flags u16, then lower u16 and upper u16, or how many pages u32;
 *          offsets of nodes u16 …, room, nodes
 *   node   size u32, flags u16, key size u16, key, data; in a branch size and flags are a page
 *   tree   pad u32, flags u16, depth u16, branches, leaves, overflow pages, entries, root u64
 *   head   magic u32, version u32, address, map size, free list, main tree, last page, transaction
 */
#include "store/pages.h"

#include "base/mem.h"

#include <endian.h>
#include <stdbool.h>

#define HEADER     16u
#define NODE       8u
#define TREE       48u
#define BRANCH     0x01u
#define LEAF       0x02u
#define OVERFLOW   0x04u
#define HEAD       0x08u
#define KINDS      0x3fefu /* flags but those of pages in memory */
#define BIG        0x01u   /* nodes: the data is on pages of its own */
#define SUBTREE    0x02u
#define MAGIC      0xbeefc0deu
#define NO_ROOT    UINT64_MAX
#define MOST_DEPTH 32u

struct tree {
    uint32_t pad;
    uint16_t flags, depth;
    uint64_t branches, leaves, overflows, entries, root;
};

struct look {
    struct nj_str file;
    size_t page_bytes;
    uint64_t page_count; /* of the file, or as the head says if that is less */
    uint64_t last_page;  /* as the head says */
    uint8_t *used;       /* a bit each */
    const char *fault;
    struct tree found; /* of the tree that is walked: its counts */
    bool has_numbers;  /* its keys are numbers of this machine */
    bool has_subtrees;
    struct nj_str last;   /* key */
    struct nj_str lowest; /* that the next one may be; NULL: any */
};

struct node {
    uint64_t size; /* of the data; a branch: the page */
    uint16_t flags;
    struct nj_str key;
    const char *data;
};

static uint16_t
u16(const char *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof(v));
    return le16toh(v);
}

static uint32_t
u32(const char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return le32toh(v);
}

static uint64_t
u64(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

static bool
fail(struct look *l, const char *why)
{
    if (l->fault == NULL)
        l->fault = why;
    return false;
}

static struct tree
read_tree(const char *p)
{
    return (struct tree){u32(p),      u16(p + 4),  u16(p + 6),  u64(p + 8),
                         u64(p + 16), u64(p + 24), u64(p + 32), u64(p + 40)};
}

/* --- pages --- */

static bool
use(struct look *l, uint64_t page)
{
    if (page < 2 || page >= l->page_count)
        return fail(l, "a page that is not there is spoken of");
    if ((l->used[page / 8] & 1u << page % 8) != 0)
        return fail(l, "a page is used twice");
    l->used[page / 8] = (uint8_t)(l->used[page / 8] | 1u << page % 8);
    return true;
}

/* NULL: it is not what it should be. */
static const char *
page_at(struct look *l, uint64_t number, uint16_t kind)
{
    const char *p;

    if (!use(l, number))
        return NULL;
    p = l->file.p + number * l->page_bytes;
    if (u64(p) != number || (u16(p + 10) & KINDS) != kind) {
        (void)fail(l, "a page is another than it should be");
        return NULL;
    }
    return p;
}

static bool
use_overflow(struct look *l, uint64_t first, uint64_t bytes)
{
    uint64_t needed = (HEADER - 1 + bytes) / l->page_bytes + 1, count;
    const char *p = page_at(l, first, OVERFLOW);

    if (p == NULL)
        return false;
    count = u32(p + 12); /* more than needed where a longer value was written over */
    if (count < needed)
        return fail(l, "a long value has fewer pages than it should");
    for (uint64_t i = 1; i < count; i++) {
        if (!use(l, first + i))
            return false;
    }
    l->found.overflows += count;
    return true;
}

/* How many nodes; 0: there is none, or the page makes no sense. */
static unsigned
count_nodes(struct look *l, const char *page)
{
    uint16_t lower = u16(page + 12), upper = u16(page + 14);

    if (lower <= HEADER || lower % 2 != 0 || upper < lower || upper > l->page_bytes) {
        (void)fail(l, "a page has another size than it should");
        return 0;
    }
    return (lower - HEADER) / 2;
}

static bool
read_node(struct look *l, const char *page, unsigned i, bool is_branch, struct node *out)
{
    uint16_t at = u16(page + HEADER + 2 * (size_t)i);
    uint64_t needs;
    struct node n;

    if (at < u16(page + 14) || at % 2 != 0 || at + NODE > l->page_bytes)
        return fail(l, "a node lies outside of its page");
    n.size = u32(page + at);
    n.flags = u16(page + at + 4);
    n.key = (struct nj_str){page + at + NODE, u16(page + at + 6)};
    if (is_branch) {
        n.size |= (uint64_t)n.flags << 32;
        needs = NODE + n.key.n;
    } else {
        needs = NODE + n.key.n + ((n.flags & BIG) != 0 ? 8 : n.size);
    }
    if (at + needs > l->page_bytes)
        return fail(l, "a node is longer than its page");
    n.data = n.key.p + n.key.n;
    *out = n;
    return true;
}

/* Nodes fill what lies behind `upper`, each once. */
static bool
is_filled(struct look *l, const char *page, unsigned count, bool is_branch)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i++) {
        struct node n;
        uint64_t bytes;

        if (!read_node(l, page, i, is_branch, &n))
            return false;
        bytes = NODE + n.key.n;
        if (!is_branch)
            bytes += (n.flags & BIG) != 0 ? 8 : n.size;
        sum += bytes + bytes % 2;
    }
    return sum == l->page_bytes - u16(page + 14) || fail(l, "the nodes of a page overlap");
}

/* --- trees --- */

static int
compare(const struct look *l, struct nj_str a, struct nj_str b)
{
    int order;

    if (l->has_numbers) {
        uint64_t x = a.n == 8 ? u64(a.p) : 0, y = b.n == 8 ? u64(b.p) : 0;

        return x < y ? -1 : x > y;
    }
    order = memcmp(a.p, b.p, NJ_MIN(a.n, b.n));
    return order != 0 ? order : a.n < b.n ? -1 : a.n > b.n;
}

static bool walk_tree(struct look *l, const struct tree *tree, bool has_numbers, bool has_subtrees);

static bool
walk_subtree(struct look *l, const struct node *n)
{
    struct tree found = l->found, tree;
    struct nj_str last = l->last;
    bool is_good;

    if (n->size != TREE)
        return fail(l, "a table has no head");
    tree = read_tree(n->data);
    if (tree.flags != 0)
        return fail(l, "a table is of another kind than it should be");
    is_good = walk_tree(l, &tree, false, false);
    l->found = found;
    l->last = last;
    l->has_subtrees = true;
    return is_good;
}

/* Pages that are free, by number, the highest first. They may lie beyond the end of the file: one
 * that was never written to. */
static bool
use_free(struct look *l, const struct node *n)
{
    const char *list = n->data;
    uint64_t count;

    if ((n->flags & BIG) != 0)
        list = l->file.p + u64(n->data) * l->page_bytes + HEADER; /* looked at before */
    count = n->size >= 8 ? u64(list) : UINT64_MAX;
    if (count >= n->size / 8)
        return fail(l, "a list of free pages is longer than it is");
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t page = u64(list + 8 * i);

        if (page < l->page_count ? !use(l, page) : page > l->last_page)
            return fail(l, "a page is free that is not there");
    }
    return true;
}

static bool
walk_leaf(struct look *l, const char *page)
{
    unsigned count = count_nodes(l, page);

    l->found.leaves++;
    if (count == 0 || !is_filled(l, page, count, false))
        return fail(l, "a leaf is empty");
    for (unsigned i = 0; i < count; i++) {
        struct node n;
        uint16_t kind;

        if (!read_node(l, page, i, false, &n))
            return false;
        kind = n.flags;
        if (l->last.p != NULL && compare(l, l->last, n.key) >= 0)
            return fail(l, "keys do not rise");
        if (l->lowest.p != NULL && compare(l, n.key, l->lowest) < 0)
            return fail(l, "a key lies where it is not looked for");
        l->lowest.p = NULL;
        l->last = n.key;
        l->found.entries++;
        if (n.key.n == 0 || (kind != 0 && kind != BIG && !(kind == SUBTREE && l->has_subtrees)))
            return fail(l, "a record is of another kind than it should be");
        if (kind == BIG && !use_overflow(l, u64(n.data), n.size))
            return false;
        if (l->has_numbers && !use_free(l, &n))
            return false;
        if (kind == SUBTREE && !walk_subtree(l, &n))
            return false;
    }
    return true;
}

static bool
walk_page(struct look *l, uint64_t number, unsigned depth)
{
    const char *page = page_at(l, number, depth > 1 ? BRANCH : LEAF);
    unsigned count;

    if (page == NULL)
        return false;
    if (depth <= 1)
        return walk_leaf(l, page);
    l->found.branches++;
    count = count_nodes(l, page);
    if (count == 0 || !is_filled(l, page, count, true))
        return fail(l, "a branch is empty");
    for (unsigned i = 0; i < count; i++) {
        struct node n;

        if (!read_node(l, page, i, true, &n))
            return false;
        /* All left of it are less than its key, and none of its own is. The first has no key that
         * counts. */
        if (i > 0 && (l->last.p == NULL || compare(l, l->last, n.key) >= 0))
            return fail(l, "a key lies where it is not looked for");
        if (i > 0)
            l->lowest = n.key;
        if (!walk_page(l, n.size, depth - 1))
            return false;
    }
    return true;
}

static bool
walk_tree(struct look *l, const struct tree *tree, bool has_numbers, bool has_subtrees)
{
    l->found = (struct tree){0};
    l->last = l->lowest = (struct nj_str){NULL, 0};
    l->has_numbers = has_numbers;
    l->has_subtrees = has_subtrees;
    if (tree->root == NO_ROOT)
        return (tree->depth == 0 && tree->entries == 0) ||
               fail(l, "a tree has entries and no root");
    if (tree->depth == 0 || tree->depth > MOST_DEPTH)
        return fail(l, "a tree is deeper than can be");
    if (!walk_page(l, tree->root, tree->depth))
        return false;
    return (l->found.branches == tree->branches && l->found.leaves == tree->leaves &&
            l->found.overflows == tree->overflows && l->found.entries == tree->entries) ||
           fail(l, "a tree is larger or smaller than it should be");
}

/* --- the head --- */

static const char *
newest_head(struct look *l)
{
    const char *a = l->file.p + HEADER, *b;
    size_t page_bytes;

    if (l->file.n < 2 * 512)
        return NULL;
    page_bytes = u32(a + 24); /* where the free list's tree begins: its pad */
    if (page_bytes < 512 || page_bytes > 32768 || (page_bytes & (page_bytes - 1)) != 0 ||
        l->file.n < 2 * page_bytes)
        return NULL;
    l->page_bytes = page_bytes;
    b = a + page_bytes;
    for (unsigned i = 0; i < 2; i++) {
        const char *head = i == 0 ? a : b;

        if (u64(head - HEADER) != i || (u16(head - HEADER + 10) & KINDS) != HEAD ||
            u32(head) != MAGIC || u32(head + 4) != 1 || u32(head + 24) != page_bytes)
            return NULL;
    }
    return u64(b + 128) > u64(a + 128) ? b : a;
}

static bool
walk_all(struct look *l, const char *head)
{
    struct tree free_list = read_tree(head + 24), main_tree = read_tree(head + 24 + TREE);

    return walk_tree(l, &free_list, true, false) && walk_tree(l, &main_tree, false, true);
}

const char *
nj_pages_fault(struct nj_str file)
{
    struct look l = {.file = file};
    const char *head = newest_head(&l);

    if (file.n == 0)
        return NULL; /* nothing was ever written */
    if (head == NULL)
        return "its head makes no sense";
    l.last_page = u64(head + 120);
    l.page_count = NJ_MIN(file.n / l.page_bytes, NJ_MIN(l.last_page, UINT64_MAX - 1) + 1);
    l.used = nj_zalloc(l.page_count / 8 + 1);
    if (l.used == NULL)
        return NULL; /* unseen, then */
    (void)walk_all(&l, head);
    nj_free(l.used);
    return l.fault;
}
