/* SPDX-License-Identifier: Apache-2.0 */
/* retain_priv.h — the shelf's trees: one for each stripe of first levels, a node for each level.
 *
 *   stripe ── root ──► "b" ──► "a"             siblings, the newest first
 *                              │
 *                              └──► "x" ──► "w"
 *
 * A node is found in two ways: by the stripe's table under (parent, level), or along the list of
 * its siblings. Both may be followed under RCU. A node without message, children and pins is taken
 * away; a reader that stands on it still finds the way on, since its links stay as they were.
 *
 * Invariants: a node that is pinned, or has a message or children, is in the tree. New siblings
 * come first: a walk that is past the first one does not meet them, and no node ever moves. */
#ifndef NJ_TOPIC_RETAIN_PRIV_H
#define NJ_TOPIC_RETAIN_PRIV_H

#include "base/mutex.h"
#include "topic/ledger_priv.h"
#include "topic/retain.h"
#include "topic/table_priv.h"

#define NJ_RETAIN_STRIPES 64

struct nj_retain_node {
    struct nj_rcu_head rcu;
    struct nj_entry entry;
    struct nj_retain_node *parent; /* NULL: a stripe's root, which is always there */
    _Atomic(struct nj_retain_node *) child, next;
    struct nj_retain_node *prev;  /* writers */
    _Atomic(struct nj_msg *) msg; /* without the mutex: no more than whether there is one */
    uint32_t pins;                /* cursors that wait here */
    uint16_t text_n;
    bool is_gone;
    _Atomic bool is_mortal; /* its message expires some day */
    char text[];
};

struct nj_retain_stripe {
    struct nj_mutex mutex; /* over all below; nothing else is locked while it is held */
    struct nj_ledger ledger;
    struct nj_table nodes; /* all but the root */
    struct nj_retain_node *root;
    _Atomic uint64_t mortals; /* messages here that expire some day */
};

/* A cursor on the whole shelf that the sweep goes round with. */
struct nj_retain_cursor *nj_retain_open_all(struct nj_retain *shelf);

struct nj_retain {
    struct nj_retain_stripe stripe[NJ_RETAIN_STRIPES];
    _Atomic uint64_t messages, bytes, max_messages, max_bytes;
    struct nj_mutex sweeping; /* taken before a stripe's */
    struct nj_retain_cursor *sweeper;
};

static inline struct nj_str
nj_retain_node_text(const struct nj_retain_node *node)
{
    return (struct nj_str){node->text, node->text_n};
}

unsigned nj_retain_stripe_of(struct nj_str first_level);
/* NULL: not there. Any RCU reader. */
struct nj_retain_node *nj_retain_find_child(const struct nj_retain_stripe *stripe,
                                            const struct nj_retain_node *parent,
                                            struct nj_str level);
/* Under the stripe's mutex: take the node's message off the shelf's books and return it, for the
 * caller to unref. The node stays until it is pruned. */
struct nj_msg *nj_retain_take(struct nj_retain *shelf, struct nj_retain_stripe *stripe,
                              struct nj_retain_node *node);
/* Under the stripe's mutex: take away the node, and all above it, that hold nothing any more. */
void nj_retain_prune(struct nj_retain_stripe *stripe, struct nj_retain_node *node);

#endif
