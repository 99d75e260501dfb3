/* SPDX-License-Identifier: Apache-2.0 */
/* lookup.c — what it costs to find the subscriptions of a topic among few and among many, and what
 * one of them weighs.
 *
 * Filters have seven levels; of ten, eight name a topic, one has a `+` in its middle, one ends in
 * `#`. Each topic that is looked up matches exactly one of them. */
#include "micro/micro.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rand.h"
#include "topic/index.h"

#include <stdio.h>

#define TOPIC_MAX   96
#define ASKED_COUNT 4096u
#define QUIET_EVERY 64u

struct bed {
    struct nj_index *index;
    struct nj_subscriber *who;
    struct nj_matches matches;
    uint32_t count;
    char (*asked)[TOPIC_MAX]; /* topics, in random order */
};

static void
spell_topic(char *out, uint32_t i)
{
    snprintf(out, TOPIC_MAX, "bench/area/%u/line/%u/sensor/%u", i % 16, i / 16 % 64, i);
}

static void
spell_filter(char *out, uint32_t i)
{
    switch (i % 10) {
    case 8:
        snprintf(out, TOPIC_MAX, "bench/area/%u/line/+/sensor/%u", i % 16, i);
        break;
    case 9:
        snprintf(out, TOPIC_MAX, "bench/area/%u/line/%u-%u/#", i % 16, i / 16 % 64, i);
        break;
    default:
        spell_topic(out, i);
    }
}

/* A topic that filter i matches and no other. */
static void
spell_match(char *out, uint32_t i)
{
    if (i % 10 == 9)
        snprintf(out, TOPIC_MAX, "bench/area/%u/line/%u-%u/sensor/x", i % 16, i / 16 % 64, i);
    else
        spell_topic(out, i);
}

static void
subscribe_all(struct bed *b)
{
    char text[TOPIC_MAX];
    struct nj_filter filter;
    bool existed;

    for (uint32_t i = 0; i < b->count; i++) {
        spell_filter(text, i);
        NJ_ASSERT(nj_filter_parse(nj_str_of(text), &filter));
        NJ_ASSERT(nj_index_subscribe(b->index, &b->who[i], &filter, &(struct nj_sub_opts){0},
                                     &existed) == NJ_OK);
        if (i % QUIET_EVERY == 0)
            nj_rcu_quiescent();
    }
}

static void
bed_init(struct bed *b, uint32_t count)
{
    struct nj_rand random;

    *b = (struct bed){.count = count};
    nj_rand_seed(&random, 1);
    b->who = nj_alloc_array(count, sizeof(*b->who));
    b->asked = nj_alloc_array(ASKED_COUNT, sizeof(*b->asked));
    NJ_ASSERT(b->who != NULL && b->asked != NULL);
    memset(b->who, 0, count * sizeof(*b->who));
    for (uint32_t i = 0; i < ASKED_COUNT; i++)
        spell_match(b->asked[i], nj_rand_below(&random, count));
    NJ_ASSERT(nj_index_new(&b->index, &(struct nj_index_opts){.max_levels = 200}) == NJ_OK);
}

static void
bed_fini(struct bed *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        nj_index_remove_all(b->index, &b->who[i]);
    nj_index_free(b->index);
    nj_matches_fini(&b->matches);
    nj_free(b->who);
    nj_free(b->asked);
}

static void
look_up(struct bed *b, const char *topic)
{
    b->matches.count = 0;
    NJ_ASSERT(nj_index_match(b->index, nj_str_of(topic), &b->matches) == NJ_OK);
    NJ_ASSERT(b->matches.count == 1);
}

static void
look_up_many(void *ctx, uint64_t count)
{
    struct bed *b = ctx;

    for (uint64_t i = 0; i < count; i++) {
        look_up(b, b->asked[i % ASKED_COUNT]);
        if (i % QUIET_EVERY == 0)
            nj_rcu_quiescent();
    }
}

static void
look_up_one(void *ctx, uint64_t count)
{
    struct bed *b = ctx;

    for (uint64_t i = 0; i < count; i++) {
        look_up(b, b->asked[0]);
        if (i % QUIET_EVERY == 0)
            nj_rcu_quiescent();
    }
}

static void
measure(uint32_t count)
{
    struct nj_index_stats stats;
    struct bed b;
    char name[64];

    bed_init(&b, count);
    subscribe_all(&b);
    nj_index_stats(b.index, &stats);
    printf("%u subscriptions: %.1f bytes each\n", count, (double)stats.bytes / count);
    snprintf(name, sizeof(name), "  look up one of %u topics", NJ_MIN(count, ASKED_COUNT));
    nj_micro_time(name, look_up_many, &b);
    nj_micro_time("  look up the same topic", look_up_one, &b);
    bed_fini(&b);
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
