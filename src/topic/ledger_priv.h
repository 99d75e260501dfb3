/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_priv.h — what a structure read under RCU holds on the heap, and how it lets go of it.
 *
 * Each object begins with its struct nj_rcu_head. What is unlinked is dropped into the ledger and
 * stays there until the writer, having raised the generation, settles: only then does its grace
 * period begin. Thread: whoever holds the structure's mutex; the bytes may be read by any. */
#ifndef NJ_TOPIC_LEDGER_PRIV_H
#define NJ_TOPIC_LEDGER_PRIV_H

#include "base/rcu.h"

#include <stdatomic.h>

struct nj_ledger {
    _Atomic size_t bytes; /* asked for; without what is dropped */
    struct nj_rcu_head *dropped;
};

/* Zeroed; NULL without memory. */
void *nj_ledger_alloc(struct nj_ledger *ledger, size_t bytes) NJ_NODISCARD;
/* No reader finds `object` any more, some may still look at it. `bytes` as it was asked for. Its
 * rcu head is written at once. */
void nj_ledger_drop(struct nj_ledger *ledger, struct nj_rcu_head *object, size_t bytes);
/* Free all that was dropped, each after a grace period. */
void nj_ledger_settle(struct nj_ledger *ledger);
/* Free at once what no reader has ever seen, or none can see any more. */
void nj_ledger_free(struct nj_ledger *ledger, void *object, size_t bytes);

static inline size_t
nj_ledger_bytes(const struct nj_ledger *ledger)
{
    /* Relaxed: a number for people. */
    return atomic_load_explicit(&ledger->bytes, memory_order_relaxed);
}

#endif
