/* SPDX-License-Identifier: Apache-2.0 */
/* metric.h — numbers with one writer each. A worker counts into a block of its own without a locked
 * instruction; whoever wants the sum reads all blocks. */
#ifndef NJ_BASE_METRIC_H
#define NJ_BASE_METRIC_H

#include <stdatomic.h>
#include <stdint.h>

enum nj_metric {
#define NJ_METRIC(name, words) NJ_METRIC_##name,
#include "base/metric.def"
#undef NJ_METRIC
    NJ_METRIC_COUNT
};

#define NJ_METRIC_CAUSES 128 /* room for enum nj_cause, which lies above us */

struct nj_metrics {
    _Atomic uint64_t value[NJ_METRIC_COUNT];
    _Atomic uint64_t by_cause[NJ_METRIC_CAUSES];
};

/* Relaxed, load and store: there is one writer, and readers want a number, not an order. */
static inline void
nj_metric_add(struct nj_metrics *m, enum nj_metric which, int64_t difference)
{
    uint64_t old = atomic_load_explicit(&m->value[which], memory_order_relaxed);

    atomic_store_explicit(&m->value[which], old + (uint64_t)difference, memory_order_relaxed);
}

static inline uint64_t
nj_metric_get(const struct nj_metrics *m, enum nj_metric which)
{
    return atomic_load_explicit(&m->value[which], memory_order_relaxed);
}

static inline void
nj_metric_add_cause(struct nj_metrics *m, unsigned cause)
{
    uint64_t old = atomic_load_explicit(&m->by_cause[cause], memory_order_relaxed);

    atomic_store_explicit(&m->by_cause[cause], old + 1, memory_order_relaxed);
}

#endif
