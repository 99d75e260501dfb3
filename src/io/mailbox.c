/* SPDX-License-Identifier: Apache-2.0 */
/* A stack that senders push to and the owner takes whole. Nobody ever takes a single letter off it,
 * so a sender that is overtaken between its load and its exchange only has to ask whether the top
 * is still the same address: whether that is the same letter does not matter (no ABA). */
#include "io/mailbox.h"

void
nj_mailbox_init(struct nj_mailbox *box)
{
    atomic_init(&box->top, NULL);
    atomic_init(&box->weight, 0);
}

bool
nj_mailbox_post(struct nj_mailbox *box, struct nj_letter *letter)
{
    struct nj_letter *top = atomic_load_explicit(&box->top, memory_order_relaxed);

    /* Relaxed: a number that orders nothing. It comes before the push, which releases it, so that
     * the owner never takes off more than was put on. */
    atomic_fetch_add_explicit(&box->weight, letter->weight, memory_order_relaxed);

    /* Release pairs with the owner's acquire: it sees what was written before the post. A letter
     * below the top is seen, too: each later push is a read-modify-write, so it continues the
     * release sequence that this one heads. Relaxed on failure: nothing behind `top` is read. */
    do
        letter->next = top;
    while (!atomic_compare_exchange_weak_explicit(&box->top, &top, letter, memory_order_release,
                                                  memory_order_relaxed));
    return top == NULL;
}

struct nj_letter *
nj_mailbox_take(struct nj_mailbox *box)
{
    struct nj_letter *newest, *oldest = NULL;
    uint64_t weight = 0;

    /* Relaxed: a miss is no loss, its sender is about to wake us. */
    if (atomic_load_explicit(&box->top, memory_order_relaxed) == NULL)
        return NULL;

    /* Acquire pairs with the release of every post whose letter is taken here. */
    newest = atomic_exchange_explicit(&box->top, NULL, memory_order_acquire);
    while (newest != NULL) {
        struct nj_letter *before = newest->next;

        weight += newest->weight;
        newest->next = oldest;
        oldest = newest;
        newest = before;
    }
    atomic_fetch_sub_explicit(&box->weight, weight, memory_order_relaxed);
    return oldest;
}

bool
nj_mailbox_is_empty(const struct nj_mailbox *box)
{
    return atomic_load_explicit(&box->top, memory_order_relaxed) == NULL;
}

uint64_t
nj_mailbox_weight(const struct nj_mailbox *box)
{
    return atomic_load_explicit(&box->weight, memory_order_relaxed);
}
