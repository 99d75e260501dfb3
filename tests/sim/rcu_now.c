/* SPDX-License-Identifier: Apache-2.0 */
/* RCU for one thread that plays all workers: what is given to nj_rcu_call() is run at the next
 * quiescent state, which is the earliest moment that liburcu could choose. Whoever keeps a pointer
 * beyond its turn meets freed memory here at once, and not once in a million times. Linked before
 * base's own. */
#include "base/rcu.h"

#include <stddef.h>

struct waiting {
    struct waiting *next;
    void (*fn)(struct nj_rcu_head *);
};
_Static_assert(sizeof(struct waiting) <= sizeof(struct nj_rcu_head), "must fit");

static struct waiting *first, **last = &first;

void
nj_rcu_register(void)
{
}

void
nj_rcu_unregister(void)
{
}

void
nj_rcu_quiescent(void)
{
    while (first != NULL) {
        struct waiting *w = first;

        first = w->next;
        if (first == NULL)
            last = &first;
        w->fn((struct nj_rcu_head *)(void *)w);
    }
}

void
nj_rcu_offline(void)
{
}

void
nj_rcu_online(void)
{
}

void
nj_rcu_call(struct nj_rcu_head *head, void (*fn)(struct nj_rcu_head *head))
{
    struct waiting *w = (struct waiting *)(void *)head;

    w->next = NULL;
    w->fn = fn;
    *last = w;
    last = &w->next;
}

void
nj_rcu_barrier(void)
{
    nj_rcu_quiescent();
}
