/* SPDX-License-Identifier: Apache-2.0 */
/* Three sizes of block, each with its list of free ones:
 *
 *   SMALL      what a connection begins with. Ten thousand slow readers that wait for one short
 *              packet each hold 5 MB in these, and would hold 40 MB in large ones; and a fan-out
 *              of one packet to each of 200 connections stays within the second-level cache.
 *   LARGE      what follows a block that was filled: this connection has much to say.
 *   REFERENCE  a header alone, whose bytes are somebody else's.
 *
 * A large payload comes between two short runs of copied bytes, so a reference is followed by a
 * small block again. */
#include "io/out.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdint.h>
#include <string.h>

enum kind {
    SMALL,
    LARGE,
    REFERENCE,
    KINDS,
};

struct nj_out_block {
    struct nj_out_block *next;
    const uint8_t *from; /* from .. end: waiting to be written */
    const uint8_t *end;
    void *owner; /* of a reference */
    void (*release)(void *owner);
    enum kind kind;
    uint8_t bytes[];
};

/* With malloc's own header these fill 512, 4096 (or so) and 64 bytes. */
static const uint32_t capacity[KINDS] = {
    [SMALL] = 496 - (uint32_t)sizeof(struct nj_out_block),
    [LARGE] = NJ_OUT_PIECE,
    [REFERENCE] = 0,
};

struct nj_out_pool {
    size_t max_free;
    struct {
        struct nj_out_block *first;
        size_t count;
    } free[KINDS];
};

struct nj_out_pool *
nj_out_pool_new(size_t max_free)
{
    struct nj_out_pool *pool = nj_zalloc(sizeof(*pool));

    if (pool != NULL)
        pool->max_free = max_free;
    return pool;
}

void
nj_out_pool_free(struct nj_out_pool *pool)
{
    if (pool == NULL)
        return;
    for (int kind = 0; kind < KINDS; kind++) {
        struct nj_out_block *b;

        while ((b = pool->free[kind].first) != NULL) {
            pool->free[kind].first = b->next;
            nj_free(b);
        }
    }
    nj_free(pool);
}

static struct nj_out_block *
get_block(struct nj_out_pool *pool, enum kind kind)
{
    struct nj_out_block *b = pool->free[kind].first;

    if (b != NULL) {
        pool->free[kind].first = b->next;
        pool->free[kind].count--;
    } else {
        b = nj_alloc(sizeof(*b) + capacity[kind]);
        if (b == NULL)
            return NULL;
        b->kind = kind;
    }
    b->next = NULL;
    b->from = b->end = b->bytes;
    return b;
}

static void
put_block(struct nj_out_pool *pool, struct nj_out_block *b)
{
    if (b->kind == REFERENCE)
        b->release(b->owner);
    if (pool->free[b->kind].count == pool->max_free) {
        nj_free(b);
        return;
    }
    b->next = pool->free[b->kind].first;
    pool->free[b->kind].first = b;
    pool->free[b->kind].count++;
}

static size_t
room_in(const struct nj_out_block *b)
{
    return b != NULL && b->kind != REFERENCE ? (size_t)(b->bytes + capacity[b->kind] - b->end) : 0;
}

static enum kind
kind_after(const struct nj_out *out, size_t n)
{
    bool follows_copied = out->last != NULL && out->last->kind != REFERENCE;

    return follows_copied || n > capacity[SMALL] ? LARGE : SMALL;
}

static void
append(struct nj_out *out, struct nj_out_block *b)
{
    if (out->last != NULL)
        out->last->next = b;
    else
        out->first = b;
    out->last = b;
}

uint8_t *
nj_out_room(struct nj_out_pool *pool, struct nj_out *out, size_t n)
{
    NJ_ASSERT_HOT(n <= NJ_OUT_PIECE);
    if (room_in(out->last) < n || out->last == NULL) {
        struct nj_out_block *b = get_block(pool, kind_after(out, n));

        if (b == NULL)
            return NULL;
        append(out, b);
    }
    return out->last->bytes + (out->last->end - out->last->bytes);
}

void
nj_out_add(struct nj_out *out, size_t n)
{
    NJ_ASSERT_HOT(n <= room_in(out->last));
    out->last->end += n;
    out->bytes += n;
}

/* Blocks for `n` bytes, linked by `next`. NULL without memory. */
static struct nj_out_block *
get_chain(struct nj_out_pool *pool, enum kind kind, size_t n)
{
    struct nj_out_block *chain = NULL;

    for (;;) {
        struct nj_out_block *b = get_block(pool, kind);

        if (b == NULL)
            break;
        b->next = chain;
        chain = b;
        if (n <= capacity[kind])
            return chain;
        n -= capacity[kind];
    }
    while (chain != NULL) {
        struct nj_out_block *after = chain->next;

        put_block(pool, chain);
        chain = after;
    }
    return NULL;
}

static struct nj_str
fill_last(struct nj_out *out, struct nj_str bytes)
{
    size_t n = NJ_MIN(bytes.n, room_in(out->last));

    if (n == 0)
        return bytes;
    memcpy(out->last->bytes + (out->last->end - out->last->bytes), bytes.p, n);
    nj_out_add(out, n);
    return nj_str_from(bytes, n);
}

bool
nj_out_copy(struct nj_out_pool *pool, struct nj_out *out, struct nj_str bytes)
{
    size_t room = room_in(out->last);
    struct nj_out_block *chain = NULL;

    if (bytes.n > room) {
        chain = get_chain(pool, kind_after(out, bytes.n - room), bytes.n - room);
        if (chain == NULL)
            return false;
    }
    bytes = fill_last(out, bytes);
    while (chain != NULL) {
        struct nj_out_block *after = chain->next;

        chain->next = NULL;
        append(out, chain);
        bytes = fill_last(out, bytes);
        chain = after;
    }
    return true;
}

bool
nj_out_refer(struct nj_out_pool *pool, struct nj_out *out, struct nj_str bytes, void *owner,
             void (*release)(void *owner))
{
    struct nj_out_block *b = get_block(pool, REFERENCE);

    if (b == NULL)
        return false;
    b->from = (const uint8_t *)bytes.p;
    b->end = b->from + bytes.n;
    b->owner = owner;
    b->release = release;
    append(out, b);
    out->bytes += bytes.n;
    return true;
}

static struct nj_out_block *
drop_first(struct nj_out_pool *pool, struct nj_out *out)
{
    struct nj_out_block *b = out->first;

    out->first = b->next;
    if (out->first == NULL)
        out->last = NULL;
    put_block(pool, b);
    return out->first;
}

void
nj_out_drop(struct nj_out_pool *pool, struct nj_out *out, size_t n)
{
    struct nj_out_block *b = out->first;

    NJ_ASSERT_HOT(n <= out->bytes);
    out->bytes -= n;
    while (b != NULL && n >= (size_t)(b->end - b->from)) {
        n -= (size_t)(b->end - b->from);
        b = drop_first(pool, out);
    }
    if (b != NULL)
        b->from += n;
}

#define PARTS 64

static int
gather(const struct nj_out *out, struct iovec parts[PARTS], size_t most, size_t *bytes)
{
    int count = 0;

    *bytes = 0;
    for (const struct nj_out_block *b = out->first; b != NULL && count < PARTS && *bytes < most;
         b = b->next) {
        size_t n = NJ_MIN((size_t)(b->end - b->from), most - *bytes);

        if (n == 0)
            continue;
        parts[count].iov_base = (void *)(uintptr_t)b->from;
        parts[count++].iov_len = n;
        *bytes += n;
    }
    return count;
}

ssize_t
nj_out_write(struct nj_out_pool *pool, struct nj_out *out, struct nj_io *io, size_t most)
{
    ssize_t total = 0;

    while (out->bytes > 0) {
        NJ_UNSET struct iovec parts[PARTS];
        size_t asked;
        int count = gather(out, parts, most - (size_t)total, &asked);
        ssize_t n = nj_io_writev(io, parts, count);

        if (n < 0)
            return total > 0 ? total : n;
        nj_out_drop(pool, out, (size_t)n);
        total += n;
        /* Where it is full, asking once more would cost a call to learn that. */
        if ((size_t)n < asked || (size_t)total >= most)
            return total;
    }
    nj_out_clear(pool, out);
    return total;
}

struct nj_str
nj_out_front(const struct nj_out *out, uint8_t *room, size_t n)
{
    const struct nj_out_block *b = out->first;
    size_t want = NJ_MIN(n, out->bytes), got = 0;

    while (b != NULL && b->from == b->end)
        b = b->next;
    if (b == NULL || (size_t)(b->end - b->from) >= want)
        return (struct nj_str){b != NULL ? (const char *)b->from : NULL, want};
    for (; got < want; b = b->next) {
        size_t some = NJ_MIN((size_t)(b->end - b->from), want - got);

        memcpy(room + got, b->from, some);
        got += some;
    }
    return (struct nj_str){(const char *)room, got};
}

void
nj_out_clear(struct nj_out_pool *pool, struct nj_out *out)
{
    while (out->first != NULL)
        drop_first(pool, out);
    out->bytes = 0;
}
