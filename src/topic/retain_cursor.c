/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over the tree, depth first, that goes only where the filter may lead: one lookup for a
 * plain level, the list of siblings for `+` and for what `#` stands for.
 *
 * Within one call the walk follows the tree under RCU. The mutex of a stripe is taken for a moment
 * where a message is found, to take a reference while the shelf still holds its own, and once at
 * the end of the call, to pin the node the walk stands on: a pinned node stays in the tree and its
 * links are kept up, so that the walk can go on turns later. A node that went meanwhile is no place
 * to wait; then the walk moves on, along the links the node had when it went, to the first one that
 * is still there. Any node that is reached this way has been in the tree since the call began,
 * hence RCU keeps it. */
#include "topic/retain_priv.h"

#include "base/assert.h"
#include "base/mem.h"

/* What is done next with the node the walk stands on. */
enum stage {
    STAGE_LOOK,    /* look at it */
    STAGE_DESCEND, /* it was looked at: its children */
    STAGE_LEAVE,   /* they are done, too: its siblings, then its parent's */
};

struct level {
    uint32_t start;
    uint16_t n;
    bool is_plus;
};

struct nj_retain_cursor {
    struct nj_retain *shelf;
    struct nj_retain_node *at;
    struct nj_retain_node *pinned; /* NULL: none */
    unsigned stripe, pinned_stripe, last_stripe;
    enum stage stage;
    uint32_t depth;   /* of `at`, a root's is 0 */
    uint32_t level_n; /* without a `#` at the end */
    bool is_multi;    /* there is one */
    bool is_wild;     /* begins with a wildcard: sees no `$`. [MQTT5-4.7.2-1] [MQTT311-4.7.2-1] */
    char *text;       /* behind the levels */
    struct level level[];
};

/* ---- opening ---- */

static struct nj_retain_cursor *
cursor_new(struct nj_retain *shelf, size_t level_n, size_t text_n)
{
    struct nj_retain_cursor *c = nj_zalloc(sizeof(*c) + level_n * sizeof(c->level[0]) + text_n);

    if (c == NULL)
        return NULL;
    c->shelf = shelf;
    c->text = (char *)&c->level[level_n];
    c->last_stripe = NJ_RETAIN_STRIPES - 1;
    c->at = shelf->stripe[0].root;
    return c;
}

struct nj_retain_cursor *
nj_retain_open_all(struct nj_retain *shelf)
{
    struct nj_retain_cursor *c = cursor_new(shelf, 0, 0);

    if (c != NULL)
        c->is_multi = true;
    return c;
}

static bool
is_wildcard(struct nj_str level, char which)
{
    return level.n == 1 && level.p[0] == which;
}

struct nj_retain_cursor *
nj_retain_open(struct nj_retain *shelf, struct nj_str filter)
{
    struct nj_retain_cursor *c = cursor_new(shelf, nj_topic_levels(filter), filter.n);
    struct nj_str rest = filter, level;
    bool done = false;

    if (c == NULL)
        return NULL;
    memcpy(c->text, filter.p, filter.n);
    while (!done) {
        level = nj_topic_level(&rest, &done);
        if (is_wildcard(level, '#')) {
            c->is_multi = true;
            break;
        }
        c->level[c->level_n++] = (struct level){
            .start = (uint32_t)(level.p - filter.p),
            .n = (uint16_t)level.n,
            .is_plus = is_wildcard(level, '+'),
        };
    }
    c->is_wild = c->level_n == 0 || c->level[0].is_plus;
    if (!c->is_wild) {
        level = (struct nj_str){c->text, c->level[0].n};
        c->stripe = c->last_stripe = nj_retain_stripe_of(level);
        c->at = shelf->stripe[c->stripe].root;
    }
    return c;
}

/* ---- walking ---- */

/* Acquire: the node is complete. */
static struct nj_retain_node *
follow(const _Atomic(struct nj_retain_node *) *link)
{
    return atomic_load_explicit(link, memory_order_acquire);
}

/* Whether all siblings at this depth are gone through, or one is looked up. */
static bool
is_listed(const struct nj_retain_cursor *c, uint32_t depth)
{
    return depth > c->level_n ? c->is_multi : c->level[depth - 1].is_plus;
}

/* `node` or the first sibling after it that the walk may see at this depth. */
static struct nj_retain_node *
skip_unseen(const struct nj_retain_cursor *c, struct nj_retain_node *node, uint32_t depth)
{
    if (c->is_wild && depth == 1)
        while (node != NULL && node->text_n > 0 && node->text[0] == '$')
            node = follow(&node->next);
    return node;
}

static struct nj_retain_node *
first_child(const struct nj_retain_cursor *c)
{
    const struct level *level;

    if (c->depth >= c->level_n && !c->is_multi)
        return NULL;
    if (is_listed(c, c->depth + 1))
        return skip_unseen(c, follow(&c->at->child), c->depth + 1);
    level = &c->level[c->depth];
    return nj_retain_find_child(&c->shelf->stripe[c->stripe], c->at,
                                (struct nj_str){c->text + level->start, level->n});
}

static struct nj_retain_node *
next_sibling(const struct nj_retain_cursor *c)
{
    if (!is_listed(c, c->depth))
        return NULL;
    return skip_unseen(c, follow(&c->at->next), c->depth);
}

static void
enter(struct nj_retain_cursor *c, struct nj_retain_node *node, uint32_t depth, enum stage stage)
{
    c->at = node;
    c->depth = depth;
    c->stage = stage;
}

/* Leave the node: to its next sibling, or its parent, which is left next. A root cannot be left. */
static void
leave_node(struct nj_retain_cursor *c)
{
    struct nj_retain_node *sibling = next_sibling(c);

    if (sibling != NULL)
        enter(c, sibling, c->depth, STAGE_LOOK);
    else
        enter(c, c->at->parent, c->depth - 1, STAGE_LEAVE);
}

/* To the next node to be looked at; false at the end. The way up is paid for by the way down. */
static bool
advance(struct nj_retain_cursor *c)
{
    while (c->stage != STAGE_LOOK) {
        struct nj_retain_node *child = c->stage == STAGE_DESCEND ? first_child(c) : NULL;

        if (child != NULL) {
            enter(c, child, c->depth + 1, STAGE_LOOK);
        } else if (c->at->parent != NULL) {
            leave_node(c);
        } else if (c->stripe < c->last_stripe) {
            c->stripe++;
            enter(c, c->shelf->stripe[c->stripe].root, 0, STAGE_LOOK);
        } else {
            c->stage = STAGE_LEAVE;
            return false;
        }
    }
    c->stage = STAGE_DESCEND;
    return true;
}

static bool
is_match(const struct nj_retain_cursor *c)
{
    return c->depth == c->level_n || (c->is_multi && c->depth > c->level_n);
}

/* ---- waiting ---- */

/* Under the stripe's mutex. */
static void
release(struct nj_retain_stripe *stripe, struct nj_retain_node *node)
{
    node->pins--;
    nj_retain_prune(stripe, node);
    nj_ledger_settle(&stripe->ledger);
}

static void
unpin(struct nj_retain_cursor *c)
{
    struct nj_retain_stripe *stripe = &c->shelf->stripe[c->pinned_stripe];

    if (c->pinned == NULL)
        return;
    nj_mutex_lock(&stripe->mutex);
    release(stripe, c->pinned);
    nj_mutex_unlock(&stripe->mutex);
    c->pinned = NULL;
}

/* Under the stripe's mutex: wait at the node the walk stands on, or at the next one that is still
 * there. A pin in another stripe must be taken out before. */
static void
pin(struct nj_retain_cursor *c, struct nj_retain_stripe *stripe)
{
    while (c->at->is_gone) {
        leave_node(c);
        NJ_ASSERT_HOT(c->at != NULL); /* a root is never gone */
    }
    c->at->pins++;
    if (c->pinned != NULL)
        release(stripe, c->pinned);
    c->pinned = c->at;
    c->pinned_stripe = c->stripe;
}

static void
wait_here(struct nj_retain_cursor *c)
{
    struct nj_retain_stripe *stripe = &c->shelf->stripe[c->stripe];

    if (c->pinned_stripe != c->stripe)
        unpin(c);
    nj_mutex_lock(&stripe->mutex);
    pin(c, stripe);
    nj_mutex_unlock(&stripe->mutex);
}

/* The message at the node the walk stands on, unless it has gone or has expired; then the walk
 * waits here. */
static struct nj_msg *
pick_up(struct nj_retain_cursor *c, nj_time now)
{
    struct nj_retain_stripe *stripe = &c->shelf->stripe[c->stripe];
    struct nj_msg *msg;

    if (c->pinned_stripe != c->stripe)
        unpin(c);
    nj_mutex_lock(&stripe->mutex);
    msg = atomic_load_explicit(&c->at->msg, memory_order_relaxed);
    if (msg != NULL && msg->expires > now) {
        nj_msg_ref(msg);
        pin(c, stripe);
    } else {
        msg = NULL;
    }
    nj_mutex_unlock(&stripe->mutex);
    return msg;
}

struct nj_msg *
nj_retain_next(struct nj_retain_cursor *c, nj_time now, unsigned steps, bool *is_end)
{
    do {
        struct nj_msg *msg = NULL;

        if (!advance(c)) {
            unpin(c);
            *is_end = true;
            return NULL;
        }
        /* Relaxed: only whether there is one. */
        if (is_match(c) && atomic_load_explicit(&c->at->msg, memory_order_relaxed) != NULL)
            msg = pick_up(c, now);
        if (msg != NULL) {
            *is_end = false;
            return msg;
        }
    } while (steps-- > 1);
    wait_here(c);
    *is_end = false;
    return NULL;
}

void
nj_retain_close(struct nj_retain_cursor *c)
{
    if (c == NULL)
        return;
    unpin(c);
    nj_free(c);
}

/* ---- sweeping ---- */

/* Whether a message was removed. The mutex is taken only where something expires some day. */
static bool
expire(struct nj_retain_cursor *c, nj_time now)
{
    struct nj_retain_stripe *stripe = &c->shelf->stripe[c->stripe];
    struct nj_msg *msg;
    bool is_due;

    if (!atomic_load_explicit(&c->at->is_mortal, memory_order_relaxed))
        return false;
    nj_mutex_lock(&stripe->mutex);
    msg = atomic_load_explicit(&c->at->msg, memory_order_relaxed);
    is_due = msg != NULL && msg->expires <= now;
    if (is_due) {
        (void)nj_retain_take(c->shelf, stripe, c->at);
        nj_retain_prune(stripe, c->at);
        nj_ledger_settle(&stripe->ledger);
    }
    nj_mutex_unlock(&stripe->mutex);
    if (is_due)
        nj_msg_unref(msg);
    return is_due;
}

size_t
nj_retain_sweep(struct nj_retain *shelf, nj_time now, unsigned steps)
{
    struct nj_retain_cursor *c = shelf->sweeper;
    size_t removed = 0;

    nj_mutex_lock(&shelf->sweeping);
    for (; steps > 0; steps--) {
        if (!advance(c)) { /* round: from the first stripe on, at the next call */
            c->stripe = 0;
            enter(c, shelf->stripe[0].root, 0, STAGE_LOOK);
            break;
        }
        if (c->at->parent != NULL)
            removed += expire(c, now);
        else if (atomic_load_explicit(&shelf->stripe[c->stripe].mortals, memory_order_relaxed) == 0)
            c->stage = STAGE_LEAVE; /* nothing to be done in this stripe */
    }
    wait_here(c);
    nj_mutex_unlock(&shelf->sweeping);
    return removed;
}
