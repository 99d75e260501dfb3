/* SPDX-License-Identifier: Apache-2.0 */
/* lookup.c — what it costs to find the subscriptions of a topic among few and among many, and what
 * one of them weighs. */
#include "crowd.h"
#include "micro/micro.h"

#include "base/hash.h"

#include <stdio.h>

#define QUIET_EVERY 64u

static void
look_up_many(void *ctx, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        nj_crowd_look_up(ctx, i % NJ_CROWD_TOPICS);
        if (i % QUIET_EVERY == 0)
            nj_rcu_quiescent();
    }
}

static void
look_up_one(void *ctx, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        nj_crowd_look_up(ctx, 0);
        if (i % QUIET_EVERY == 0)
            nj_rcu_quiescent();
    }
}

static void
measure(uint32_t count)
{
    struct nj_index_stats stats;
    struct nj_crowd crowd;
    char name[64];

    nj_crowd_init(&crowd, count);
    nj_index_stats(crowd.index, &stats);
    printf("%u subscriptions: %.1f bytes each\n", count, (double)stats.bytes / count);
    snprintf(name, sizeof(name), "  look up one of %u topics", NJ_MIN(count, NJ_CROWD_TOPICS));
    nj_micro_time(name, look_up_many, &crowd);
    nj_micro_time("  look up the same topic", look_up_one, &crowd);
    nj_crowd_fini(&crowd);
}

int
main(void)
{
    nj_hash_key_draw();
    nj_rcu_register();
    for (uint32_t count = 1000; count <= 1000000; count *= 10)
        measure(count);
    nj_rcu_barrier();
    nj_rcu_unregister();
    return 0;
}
