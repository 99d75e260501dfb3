/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/wire/reassembly.h"

#include "base/mem.h"
#include "sniff/wire/tcp.h"

#define CAPACITY_LEAST 2048u

/* A segment behind a gap, with a copy of its bytes. */
struct nj_held {
    struct nj_held *after;
    uint32_t seq, wire_bytes;
    size_t n;
    uint8_t bytes[];
};

/* ---- what is pending ---- */

static void
drop_pending(struct nj_reassembly *r, struct nj_reassembly_pool *pool)
{
    pool->lost_bytes += r->pending_bytes - r->taken;
    r->pending_bytes = r->taken = 0;
}

/* What was taken is not needed any more once the next segment is here. */
static void
compact(struct nj_reassembly *r, struct nj_reassembly_pool *pool)
{
    size_t left = r->pending_bytes - r->taken;

    if (r->taken > 0 && left > 0)
        memmove(r->pending, r->pending + r->taken, left);
    r->pending_bytes = left;
    r->taken = 0;
    if (left == 0 && r->pending != NULL) {
        pool->used -= r->pending_capacity;
        nj_free(r->pending);
        r->pending = NULL;
        r->pending_capacity = 0;
    }
}

static bool
append(struct nj_reassembly *r, struct nj_reassembly_pool *pool, const void *bytes, size_t n)
{
    if (n > NJ_REASSEMBLY_PENDING_MAX - r->pending_bytes)
        return false;
    if (r->pending_bytes + n > r->pending_capacity) {
        size_t capacity =
            NJ_MAX(r->pending_bytes + n, NJ_MAX((size_t)CAPACITY_LEAST, r->pending_capacity * 2));
        uint8_t *pending = nj_realloc(r->pending, capacity);

        if (pending == NULL)
            return false;
        pool->used += capacity - r->pending_capacity;
        r->pending = pending;
        r->pending_capacity = capacity;
    }
    if (n > 0)
        memcpy(r->pending + r->pending_bytes, bytes, n);
    r->pending_bytes += n;
    return true;
}

/* In order: to what is pending, unless there is a hole between. Without room all that waits is
 * given up, and these bytes, too. */
static void
extend(struct nj_reassembly *r, struct nj_reassembly_pool *pool, struct nj_str payload,
       uint32_t wire_bytes)
{
    if (r->is_holed)
        drop_pending(r, pool);
    r->is_holed = payload.n < wire_bytes;
    if (!append(r, pool, payload.p, payload.n)) {
        drop_pending(r, pool);
        pool->lost_bytes += payload.n;
        r->is_holed = true;
    }
    r->next += wire_bytes;
}

/* ---- what is held ---- */

static void
free_first_held(struct nj_reassembly *r, struct nj_reassembly_pool *pool)
{
    struct nj_held *first = r->held;

    r->held = first->after;
    r->held_bytes -= first->n;
    r->held_count--;
    pool->used -= sizeof(*first) + first->n;
    nj_free(first);
}

static void
hold(struct nj_reassembly *r, struct nj_reassembly_pool *pool, uint32_t seq, struct nj_str payload,
     uint32_t wire_bytes)
{
    struct nj_held **at = &r->held;
    struct nj_held *h;

    if (nj_reassembly_has(r, seq, wire_bytes))
        return;
    while (*at != NULL && !nj_seq_before(seq, (*at)->seq))
        at = &(*at)->after;
    h = nj_alloc(sizeof(*h) + payload.n);
    if (h == NULL) {
        pool->lost_bytes += payload.n;
        return;
    }
    h->seq = seq;
    h->wire_bytes = wire_bytes;
    h->n = payload.n;
    memcpy(h->bytes, payload.p, payload.n);
    h->after = *at;
    *at = h;
    r->held_bytes += h->n;
    r->held_count++;
    pool->used += sizeof(*h) + h->n;
}

/* Of a segment that begins at `seq` the bytes from `next` on; false when there are none. */
static bool
trim(uint32_t next, uint32_t seq, struct nj_str *payload, uint32_t *wire_bytes)
{
    uint32_t old = next - seq;

    if (old >= *wire_bytes)
        return false;
    *wire_bytes -= old;
    *payload = old < payload->n ? nj_str_from(*payload, old) : (struct nj_str){payload->p, 0};
    return true;
}

/* What was held and is in order now. */
static void
absorb(struct nj_reassembly *r, struct nj_reassembly_pool *pool)
{
    while (r->held != NULL && !nj_seq_before(r->next, r->held->seq)) {
        struct nj_held *h = r->held;
        struct nj_str payload = {(const char *)h->bytes, h->n};
        uint32_t wire_bytes = h->wire_bytes;

        if (trim(r->next, h->seq, &payload, &wire_bytes))
            extend(r, pool, payload, wire_bytes);
        free_first_held(r, pool);
    }
}

/* ---- gaps ---- */

static bool
is_given_up(const struct nj_reassembly *r, uint32_t seq)
{
    return (r->is_acked && !nj_seq_before(r->acked, seq)) ||
           r->held_bytes > NJ_REASSEMBLY_HELD_MAX || r->held_count > NJ_REASSEMBLY_SEGMENTS_MAX;
}

/* Go on at `seq`. */
static void
leap(struct nj_reassembly *r, struct nj_reassembly_pool *pool, uint32_t seq)
{
    pool->gaps++;
    drop_pending(r, pool);
    r->next = seq;
    r->is_holed = r->has_leapt = true;
}

void
nj_reassembly_begin(struct nj_reassembly *r, uint32_t seq)
{
    r->next = seq;
    r->is_started = true;
}

void
nj_reassembly_acknowledge(struct nj_reassembly *r, uint32_t ack)
{
    if (!r->is_started)
        return;
    if (!r->is_acked || nj_seq_before(r->acked, ack))
        r->acked = ack;
    r->is_acked = true;
}

bool
nj_reassembly_has(const struct nj_reassembly *r, uint32_t seq, uint32_t n)
{
    uint32_t end = seq + n;

    if (!r->is_started)
        return false;
    if (nj_seq_before(seq, r->next))
        seq = r->next;
    for (const struct nj_held *h = r->held; h != NULL && nj_seq_before(seq, end); h = h->after) {
        uint32_t end_of_held = h->seq + h->wire_bytes;

        if (nj_seq_before(seq, h->seq))
            return false;
        if (nj_seq_before(seq, end_of_held))
            seq = end_of_held;
    }
    return !nj_seq_before(seq, end);
}

void
nj_reassembly_drop(struct nj_reassembly *r, struct nj_reassembly_pool *pool)
{
    r->is_holed = r->is_holed || r->pending_bytes > r->taken || r->held != NULL;
    drop_pending(r, pool);
    while (r->held != NULL) {
        pool->lost_bytes += r->held->n;
        free_first_held(r, pool);
    }
    compact(r, pool);
    r->lent = (struct nj_str){NULL, 0};
}

/* ---- a segment ---- */

struct nj_ready
nj_reassembly_feed(struct nj_reassembly *r, struct nj_reassembly_pool *pool, uint32_t seq,
                   struct nj_str payload, uint32_t wire_bytes)
{
    bool is_behind_gap;
    struct nj_ready ready = {0};
    uint32_t before;

    compact(r, pool);
    r->lent = (struct nj_str){NULL, 0};
    if (!r->is_started)
        nj_reassembly_begin(r, seq);
    before = r->next;
    if (nj_seq_before(r->next, seq)) {
        if (wire_bytes > 0)
            hold(r, pool, seq, payload, wire_bytes);
        wire_bytes = 0;
    } else if (!trim(r->next, seq, &payload, &wire_bytes)) {
        wire_bytes = 0;
    }
    is_behind_gap = r->is_holed;
    if (wire_bytes > 0 && r->held == NULL && (r->pending_bytes == 0 || r->is_holed)) {
        drop_pending(r, pool);
        r->lent = payload;
        r->next += wire_bytes;
        r->is_holed = payload.n < wire_bytes;
        return (struct nj_ready){payload, true, is_behind_gap};
    }
    if (wire_bytes > 0) {
        extend(r, pool, payload, wire_bytes);
        absorb(r, pool);
    }
    /* One gap at a time: what lies before the next one has yet to be taken. */
    if (r->next == before && r->held != NULL && is_given_up(r, r->held->seq)) {
        leap(r, pool, r->held->seq);
        is_behind_gap = true;
        absorb(r, pool);
    }
    ready.is_new = r->next != before;
    ready.is_behind_gap = is_behind_gap;
    ready.bytes = (struct nj_str){(const char *)r->pending, r->pending_bytes};
    return ready;
}

void
nj_reassembly_take(struct nj_reassembly *r, struct nj_reassembly_pool *pool, size_t n)
{
    if (r->lent.p == NULL) {
        r->taken += NJ_MIN(n, r->pending_bytes - r->taken);
        return;
    }
    if (n < r->lent.n && !append(r, pool, r->lent.p + n, r->lent.n - n)) {
        pool->lost_bytes += r->lent.n - n;
        r->is_holed = true;
    }
    r->lent = (struct nj_str){NULL, 0};
}
