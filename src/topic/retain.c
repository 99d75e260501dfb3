/* SPDX-License-Identifier: Apache-2.0 */
/* The shelf: setting, replacing, removing, and the two ceilings. How it is read is in
 * retain_cursor.c. */
#include "topic/retain_priv.h"

#include "base/hash.h"
#include "base/mem.h"

/* ---- nodes ---- */

unsigned
nj_retain_stripe_of(struct nj_str first_level)
{
    return (unsigned)(nj_hash(first_level) % NJ_RETAIN_STRIPES);
}

static struct nj_retain_node *
node_of(struct nj_entry *e)
{
    return nj_container_of(e, struct nj_retain_node, entry);
}

static uint64_t
hash_below(const struct nj_retain_node *parent, struct nj_str level)
{
    return nj_hash_under(parent->entry.key, level);
}

struct nj_retain_node *
nj_retain_find_child(const struct nj_retain_stripe *stripe, const struct nj_retain_node *parent,
                     struct nj_str level)
{
    struct nj_entry *e = nj_table_find(&stripe->nodes, hash_below(parent, level));

    for (; e != NULL; e = nj_table_find_next(e)) {
        struct nj_retain_node *node = node_of(e);

        if (node->parent == parent && nj_str_eq(nj_retain_node_text(node), level))
            return node;
    }
    return NULL;
}

/* Relaxed: under the mutex, to compare. */
static struct nj_retain_node *
link_of(const _Atomic(struct nj_retain_node *) *link)
{
    return atomic_load_explicit(link, memory_order_relaxed);
}

static struct nj_msg *
msg_of(const struct nj_retain_node *node)
{
    return atomic_load_explicit(&node->msg, memory_order_relaxed);
}

static struct nj_retain_node *
add_child(struct nj_retain_stripe *stripe, struct nj_retain_node *parent, struct nj_str level)
{
    struct nj_retain_node *node = nj_ledger_alloc(&stripe->ledger, sizeof(*node) + level.n);
    struct nj_retain_node *first = link_of(&parent->child);

    if (node == NULL)
        return NULL;
    node->parent = parent;
    node->text_n = (uint16_t)level.n;
    if (level.n > 0)
        memcpy(node->text, level.p, level.n);
    atomic_store_explicit(&node->next, first, memory_order_relaxed);
    if (first != NULL)
        first->prev = node;
    nj_table_insert(&stripe->nodes, &node->entry, hash_below(parent, level));
    /* Release: complete before a walk finds it. */
    atomic_store_explicit(&parent->child, node, memory_order_release);
    return node;
}

static void
take_away(struct nj_retain_stripe *stripe, struct nj_retain_node *node)
{
    struct nj_retain_node *next = link_of(&node->next);

    if (next != NULL)
        next->prev = node->prev;
    /* Release: what is behind `next` was complete for us; so it is for who comes by here. */
    atomic_store_explicit(node->prev != NULL ? &node->prev->next : &node->parent->child, next,
                          memory_order_release);
    nj_table_remove(&stripe->nodes, &node->entry);
    node->is_gone = true;
    nj_ledger_drop(&stripe->ledger, &node->rcu, sizeof(*node) + node->text_n);
}

void
nj_retain_prune(struct nj_retain_stripe *stripe, struct nj_retain_node *node)
{
    while (node->parent != NULL && msg_of(node) == NULL && link_of(&node->child) == NULL &&
           node->pins == 0) {
        struct nj_retain_node *parent = node->parent;

        take_away(stripe, node);
        node = parent;
    }
}

static struct nj_retain_node *
find_node(struct nj_retain_stripe *stripe, struct nj_str topic)
{
    struct nj_retain_node *node = stripe->root;
    bool done = false;

    while (!done && node != NULL)
        node = nj_retain_find_child(stripe, node, nj_topic_level(&topic, &done));
    return node;
}

/* NULL without memory, and nothing is left of the try. */
static struct nj_retain_node *
make_node(struct nj_retain_stripe *stripe, struct nj_str topic)
{
    struct nj_retain_node *node = stripe->root;
    bool done = false;

    while (!done) {
        struct nj_str level = nj_topic_level(&topic, &done);
        struct nj_retain_node *child = nj_retain_find_child(stripe, node, level);

        if (child == NULL)
            child = add_child(stripe, node, level);
        if (child == NULL) {
            nj_retain_prune(stripe, node);
            return NULL;
        }
        node = child;
    }
    return node;
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

static void
count_mortal(struct nj_retain_stripe *stripe, struct nj_retain_node *node, bool is_mortal)
{
    bool was_mortal = atomic_load_explicit(&node->is_mortal, memory_order_relaxed);

    atomic_store_explicit(&node->is_mortal, is_mortal, memory_order_relaxed);
    atomic_fetch_add_explicit(&stripe->mortals, (uint64_t)is_mortal - was_mortal,
                              memory_order_relaxed);
}

struct nj_msg *
nj_retain_take(struct nj_retain *shelf, struct nj_retain_stripe *stripe,
               struct nj_retain_node *node)
{
    struct nj_msg *old = msg_of(node);

    atomic_store_explicit(&node->msg, NULL, memory_order_relaxed);
    count_mortal(stripe, node, false);
    give_back(&shelf->messages, 1);
    give_back(&shelf->bytes, nj_msg_bytes(old));
    return old;
}

/* What is returned by way of `old` has left the shelf. */
static enum nj_retain_result
put(struct nj_retain *shelf, struct nj_retain_stripe *stripe, struct nj_msg *msg,
    struct nj_msg **old)
{
    struct nj_retain_node *node = find_node(stripe, nj_msg_topic(msg));
    struct nj_msg *before = node != NULL ? msg_of(node) : NULL;
    uint64_t more = before == NULL, less_bytes = before != NULL ? nj_msg_bytes(before) : 0;
    uint64_t bytes = nj_msg_bytes(msg);
    uint64_t more_bytes = bytes > less_bytes ? bytes - less_bytes : 0;
    enum nj_retain_result result = reserve_both(shelf, more, more_bytes);

    if (result != NJ_RETAIN_SET)
        return result;
    if (node == NULL)
        node = make_node(stripe, nj_msg_topic(msg));
    if (node == NULL) {
        give_back(&shelf->messages, more);
        give_back(&shelf->bytes, more_bytes);
        return NJ_RETAIN_NO_MEMORY;
    }
    if (bytes < less_bytes)
        give_back(&shelf->bytes, less_bytes - bytes);
    count_mortal(stripe, node, msg->expires != NJ_NEVER);
    /* Release: its flags first. Who follows the pointer holds the mutex. */
    atomic_store_explicit(&node->msg, nj_msg_ref(msg), memory_order_release);
    *old = before;
    return NJ_RETAIN_SET;
}

static enum nj_retain_result
take_off(struct nj_retain *shelf, struct nj_retain_stripe *stripe, struct nj_str topic,
         struct nj_msg **old)
{
    struct nj_retain_node *node = find_node(stripe, topic);

    if (node == NULL || msg_of(node) == NULL)
        return NJ_RETAIN_NOTHING;
    *old = nj_retain_take(shelf, stripe, node);
    nj_retain_prune(stripe, node);
    return NJ_RETAIN_REMOVED;
}

enum nj_retain_result
nj_retain_set(struct nj_retain *shelf, struct nj_msg *msg)
{
    struct nj_str topic = nj_msg_topic(msg), rest = topic;
    bool done = false;
    struct nj_retain_stripe *stripe =
        &shelf->stripe[nj_retain_stripe_of(nj_topic_level(&rest, &done))];
    struct nj_msg *old = NULL;
    enum nj_retain_result result;

    nj_mutex_lock(&stripe->mutex);
    if (msg->payload_n == 0)
        result = take_off(shelf, stripe, topic, &old);
    else
        result = put(shelf, stripe, msg, &old);
    nj_ledger_settle(&stripe->ledger);
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
    for (unsigned i = 0; i < NJ_RETAIN_STRIPES; i++) {
        nj_mutex_init(&shelf->stripe[i].mutex);
        nj_table_init(&shelf->stripe[i].nodes);
    }
    for (unsigned i = 0; i < NJ_RETAIN_STRIPES; i++) {
        shelf->stripe[i].root = nj_zalloc(sizeof(struct nj_retain_node));
        if (shelf->stripe[i].root == NULL)
            goto fail;
    }
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

static void
free_nodes(struct nj_retain_stripe *stripe)
{
    struct nj_entry *after;

    for (struct nj_entry *e = nj_table_walk(&stripe->nodes, NULL); e != NULL; e = after) {
        after = nj_table_walk(&stripe->nodes, e);
        nj_msg_unref(msg_of(node_of(e)));
        nj_free(node_of(e));
    }
}

void
nj_retain_free(struct nj_retain *shelf)
{
    if (shelf == NULL)
        return;
    nj_free(shelf->sweeper); /* its pin goes with the nodes */
    for (unsigned i = 0; i < NJ_RETAIN_STRIPES; i++) {
        free_nodes(&shelf->stripe[i]);
        nj_free(shelf->stripe[i].root);
        nj_table_fini(&shelf->stripe[i].nodes);
        nj_mutex_fini(&shelf->stripe[i].mutex);
    }
    nj_mutex_fini(&shelf->sweeping);
    nj_free(shelf);
}
