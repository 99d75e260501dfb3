/* SPDX-License-Identifier: Apache-2.0 */
#include "crowd.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rand.h"

#include <stdio.h>

#define QUIET_EVERY 64u

static void
spell_topic(char *out, uint32_t i)
{
    snprintf(out, NJ_CROWD_TOPIC_BYTES, "bench/area/%u/line/%u/sensor/%u", i % 16, i / 16 % 64, i);
}

static void
spell_filter(char *out, uint32_t i)
{
    switch (i % 10) {
    case 8:
        snprintf(out, NJ_CROWD_TOPIC_BYTES, "bench/area/%u/line/+/sensor/%u", i % 16, i);
        break;
    case 9:
        snprintf(out, NJ_CROWD_TOPIC_BYTES, "bench/area/%u/line/%u-%u/#", i % 16, i / 16 % 64, i);
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
        snprintf(out, NJ_CROWD_TOPIC_BYTES, "bench/area/%u/line/%u-%u/sensor/x", i % 16,
                 i / 16 % 64, i);
    else
        spell_topic(out, i);
}

static void
subscribe_all(struct nj_crowd *c)
{
    char text[NJ_CROWD_TOPIC_BYTES];
    struct nj_filter filter;
    bool existed;

    for (uint32_t i = 0; i < c->count; i++) {
        spell_filter(text, i);
        NJ_ASSERT(nj_filter_parse(nj_str_of(text), &filter));
        NJ_ASSERT(nj_index_subscribe(c->index, &c->who[i], &filter, &(struct nj_sub_opts){0},
                                     &existed) == NJ_OK);
        if (i % QUIET_EVERY == 0)
            nj_rcu_quiescent();
    }
}

void
nj_crowd_init(struct nj_crowd *c, uint32_t count)
{
    struct nj_rand random;

    *c = (struct nj_crowd){.count = count};
    nj_rand_seed(&random, 1);
    c->who = nj_alloc_array(count, sizeof(*c->who));
    c->topics = nj_alloc_array(NJ_CROWD_TOPICS, sizeof(*c->topics));
    NJ_ASSERT(c->who != NULL && c->topics != NULL);
    memset(c->who, 0, count * sizeof(*c->who));
    for (uint32_t i = 0; i < NJ_CROWD_TOPICS; i++)
        spell_match(c->topics[i], nj_rand_below(&random, count));
    NJ_ASSERT(nj_index_new(&c->index, &(struct nj_index_opts){.max_levels = 200}) == NJ_OK);
    subscribe_all(c);
}

void
nj_crowd_fini(struct nj_crowd *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        nj_index_remove_all(c->index, &c->who[i]);
    nj_index_free(c->index);
    nj_matches_fini(&c->matches);
    nj_free(c->who);
    nj_free(c->topics);
}

void
nj_crowd_look_up(struct nj_crowd *c, uint32_t i)
{
    struct nj_str name = nj_str_of(c->topics[i]);

    c->matches.count = 0;
    NJ_ASSERT(nj_index_match(c->index, name, nj_hash(name), &c->matches) == NJ_OK);
    NJ_ASSERT(c->matches.count == 1);
}
