/* SPDX-License-Identifier: Apache-2.0 */
/* The shelf: setting, replacing, removing, and the two ceilings. How it is read is in
 * retain_cursor.c. */
#include "topic/retain_priv.h"

#include "base/hash.h"
#include "base/mem.h"

unsigned
nj_retain_stripe_of(struct nj_str first_level)
{
    return (unsigned)(nj_hash(first_level) % NJ_RETAIN_STRIPES);
}

/* ---- ceilings ---- */

/* Add `more` unless that would pass the limit: reserve first, so that two stripes that fill up at
 * the same moment do not pass it together. Relaxed, here and below: the numbers order nothing. */
static bool
reserve(_Atomic uint64_t *held, uint64_t more, uint64_t limit)
{
    uint64_t now = atomic_load_explicit(held, memory_order_relaxed);

    do {
        if (more > 0 && (now > limit || more > limit - now))
            return false;
    } while (!atomic_compare_exchange_weak_explicit(held, &now, now + more, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

static void
give_back(_Atomic uint64_t *held, uint64_t amount)
{
    atomic_fetch_sub_explicit(held, amount, memory_order_relaxed);
}

static enum nj_retain_result
reserve_both(struct nj_retain *shelf, uint64_t messages, uint64_t bytes)
{
    uint64_t max_messages = atomic_load_explicit(&shelf->max_messages, memory_order_relaxed);
    uint64_t max_bytes = atomic_load_explicit(&shelf->max_bytes, memory_order_relaxed);

    if (!reserve(&shelf->messages, messages, max_messages > 0 ? max_messages : UINT64_MAX))
        return NJ_RETAIN_FULL_MESSAGES;
    if (reserve(&shelf->bytes, bytes, max_bytes))
        return NJ_RETAIN_SET;
    give_back(&shelf->messages, messages);
    return NJ_RETAIN_FULL_BYTES;
}

/* ---- setting ---- */

static bool
is_mortal(const struct nj_msg *msg)
{
    return msg->expires != NJ_NEVER;
}

/* Under the mutex of the stripe, hence no locked instruction. Relaxed: who reads the number without
 * it wants to know whether to look. */
static void
count(_Atomic uint64_t *number, int change)
{
    uint64_t now = atomic_load_explicit(number, memory_order_relaxed) + (uint64_t)change;

    atomic_store_explicit(number, now, memory_order_relaxed);
}

struct nj_msg *
nj_retain_take(struct nj_retain *shelf, struct nj_retain_stripe *stripe,
               const struct nj_row_place *place)
{
    struct nj_msg *old = nj_row_remove(&stripe->row, place);

    count(&stripe->count, -1);
    count(&stripe->mortals, -is_mortal(old));
    give_back(&shelf->messages, 1);
    give_back(&shelf->bytes, nj_msg_bytes(old));
    return old;
}

static enum nj_retain_result
add(struct nj_retain *shelf, struct nj_retain_stripe *stripe, struct nj_msg *msg,
    const struct nj_row_place *place)
{
    enum nj_retain_result result = reserve_both(shelf, 1, nj_msg_bytes(msg));

    if (result != NJ_RETAIN_SET)
        return result;
    if (!nj_row_insert(&stripe->row, place, msg)) {
        give_back(&shelf->messages, 1);
        give_back(&shelf->bytes, nj_msg_bytes(msg));
        return NJ_RETAIN_NO_MEMORY;
    }
    (void)nj_msg_ref(msg);
    count(&stripe->count, 1);
    count(&stripe->mortals, is_mortal(msg));
    return NJ_RETAIN_SET;
}

static enum nj_retain_result
replace(struct nj_retain *shelf, struct nj_retain_stripe *stripe, struct nj_msg *msg,
        const struct nj_row_place *place, struct nj_msg **old)
{
    struct nj_msg *before = place->page->msg[place->at];
    uint64_t bytes = nj_msg_bytes(msg), bytes_before = nj_msg_bytes(before);
    enum nj_retain_result result =
        reserve_both(shelf, 0, bytes > bytes_before ? bytes - bytes_before : 0);

    if (result != NJ_RETAIN_SET)
        return result;
    if (bytes < bytes_before)
        give_back(&shelf->bytes, bytes_before - bytes);
    count(&stripe->mortals, is_mortal(msg) - is_mortal(before));
    place->page->msg[place->at] = nj_msg_ref(msg);
    *old = before;
    return NJ_RETAIN_SET;
}

/* What is returned by way of `old` has left the shelf. */
static enum nj_retain_result
set(struct nj_retain *shelf, struct nj_retain_stripe *stripe, struct nj_msg *msg,
    struct nj_msg **old)
{
    struct nj_row_key key = {.head = nj_msg_topic(msg)};
    struct nj_row_place place;

    nj_row_seek(&stripe->row, &key, &place);
    if (msg->payload_n == 0) {
        if (!place.is_there)
            return NJ_RETAIN_NOTHING;
        *old = nj_retain_take(shelf, stripe, &place);
        return NJ_RETAIN_REMOVED;
    }
    if (place.is_there)
        return replace(shelf, stripe, msg, &place, old);
    return add(shelf, stripe, msg, &place);
}

enum nj_retain_result
nj_retain_set(struct nj_retain *shelf, struct nj_msg *msg)
{
    struct nj_str rest = nj_msg_topic(msg);
    bool done = false;
    struct nj_retain_stripe *stripe =
        &shelf->stripe[nj_retain_stripe_of(nj_topic_level(&rest, &done))];
    struct nj_msg *old = NULL;
    enum nj_retain_result result;

    nj_mutex_lock(&stripe->mutex);
    result = set(shelf, stripe, msg, &old);
    nj_mutex_unlock(&stripe->mutex);
    nj_msg_unref(old);
    return result;
}

void
nj_retain_stats(const struct nj_retain *shelf, struct nj_retain_stats *out)
{
    *out = (struct nj_retain_stats){
        .messages = atomic_load_explicit(&shelf->messages, memory_order_relaxed),
        .bytes = atomic_load_explicit(&shelf->bytes, memory_order_relaxed),
    };
}

/* ---- beginning and end ---- */

void
nj_retain_limits(struct nj_retain *shelf, const struct nj_retain_opts *opts)
{
    atomic_store_explicit(&shelf->max_messages, opts->max_messages, memory_order_relaxed);
    atomic_store_explicit(&shelf->max_bytes, opts->max_bytes, memory_order_relaxed);
}

enum nj_err
nj_retain_new(struct nj_retain **out, const struct nj_retain_opts *opts)
{
    struct nj_retain *shelf = nj_zalloc(sizeof(*shelf));

    if (shelf == NULL)
        return NJ_ENOMEM;
    nj_mutex_init(&shelf->sweeping);
    for (unsigned i = 0; i < NJ_RETAIN_STRIPES; i++)
        nj_mutex_init(&shelf->stripe[i].mutex);
    shelf->sweeper = nj_retain_open_all(shelf);
    if (shelf->sweeper == NULL)
        goto fail;
    nj_retain_limits(shelf, opts);
    *out = shelf;
    return NJ_OK;

fail:
    nj_retain_free(shelf);
    return NJ_ENOMEM;
}

void
nj_retain_free(struct nj_retain *shelf)
{
    if (shelf == NULL)
        return;
    nj_retain_close(shelf->sweeper);
    for (unsigned i = 0; i < NJ_RETAIN_STRIPES; i++) {
        nj_row_fini(&shelf->stripe[i].row);
        nj_mutex_fini(&shelf->stripe[i].mutex);
    }
    nj_mutex_fini(&shelf->sweeping);
    nj_free(shelf);
}
