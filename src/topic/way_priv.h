/* SPDX-License-Identifier: Apache-2.0 */
/* way_priv.h — how wildcard filters go on: what a look-up goes by, level after level.
 *
 * A way stands for the first levels of at least one wildcard filter, less than all of them, and
 * says by three marks how such filters go on behind them. The filters sport/tennis/+, sport/# and
 * +/finals make four ways:
 *
 *   (none)   a level, +            sport          a level, #
 *   +        a level               sport/tennis   +
 *
 * Nothing of its text is kept but a hash of it, chained level by level, and readers know the marks
 * from the table alone: a step costs one line of it, and where no filter goes on a name is not
 * looked for any further. Ways whose hashes are equal, which must be expected once in 2^64 pairs,
 * are one, as are then all those behind them; so a way may be too many. Hence what the ways lead to
 * is compared with the name.
 *
 * Thread: one writer at a time (the index's mutex); readers any, registered with RCU. */
#ifndef NJ_TOPIC_WAY_PRIV_H
#define NJ_TOPIC_WAY_PRIV_H

#include "base/err.h"
#include "base/hash.h"
#include "topic/ledger_priv.h"
#include "topic/table_priv.h"

enum nj_way_marks {
    NJ_WAY_LEVEL = 1, /* a level that is no wildcard */
    NJ_WAY_PLUS = 2,
    NJ_WAY_HASH = 4,
};

struct nj_ways {
    struct nj_table table;
    uint64_t plus, hash;    /* of the levels `+` and `#` */
    _Atomic uint32_t depth; /* levels of the deepest filter there ever was */
};

void nj_ways_init(struct nj_ways *ways);
void nj_ways_fini(struct nj_ways *ways);

/* A wildcard filter comes or goes, each once. NJ_ENOMEM: nothing has changed. Cost: a step for each
 * level. */
NJ_NODISCARD enum nj_err nj_ways_add(struct nj_ways *ways, struct nj_str filter,
                                     struct nj_ledger *ledger);
void nj_ways_remove(struct nj_ways *ways, struct nj_str filter, struct nj_ledger *ledger);

/* A level's hash: words of eight bytes, joined one by one, the last one filled with zeros. */
uint64_t nj_way_level(struct nj_str level);
/* The same of fewer than eight bytes, the first one the lowest of the word. */
static inline uint64_t
nj_way_short_level(uint64_t word, size_t bytes)
{
    return nj_hash_join(bytes, word);
}

/* The key of the way of no levels, and of one with a level more. */
#define NJ_WAY_ROOT 0u
static inline uint64_t
nj_way_key(uint64_t key, uint64_t level)
{
    return nj_hash_join(key, level);
}
/* Of all levels of a wildcard filter: under this one it is found. */
uint64_t nj_way_key_of(struct nj_str filter);

#endif
