/* SPDX-License-Identifier: Apache-2.0 */
/* The dropped objects are chained through their own rcu heads, which nobody else needs until they
 * are settled: letting go allocates nothing and cannot fail. */
#include "topic/ledger_priv.h"

#include "base/mem.h"

void *
nj_ledger_alloc(struct nj_ledger *ledger, size_t bytes)
{
    void *object = nj_zalloc(bytes);

    if (object != NULL)
        atomic_fetch_add_explicit(&ledger->bytes, bytes, memory_order_relaxed);
    return object;
}

void
nj_ledger_drop(struct nj_ledger *ledger, struct nj_rcu_head *object, size_t bytes)
{
    object->opaque[0] = ledger->dropped;
    ledger->dropped = object;
    atomic_fetch_sub_explicit(&ledger->bytes, bytes, memory_order_relaxed);
}

static void
free_object(struct nj_rcu_head *object)
{
    nj_free(object);
}

void
nj_ledger_settle(struct nj_ledger *ledger)
{
    struct nj_rcu_head *object = ledger->dropped;

    ledger->dropped = NULL;
    while (object != NULL) {
        struct nj_rcu_head *after = object->opaque[0];

        nj_rcu_call(object, free_object);
        object = after;
    }
}

void
nj_ledger_free(struct nj_ledger *ledger, void *object, size_t bytes)
{
    nj_free(object);
    atomic_fetch_sub_explicit(&ledger->bytes, bytes, memory_order_relaxed);
}
