/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_BYTES 64

/* clang-format off */
static const struct nj_scenario scenarios[] = {
    /* name    pubs subs   window at QoS 0, 1, 2 */
    {"p2p",     10,  10, {1000, 100, 100}, "bench/p2p/%u",   "bench/p2p/%u",                true,  false},
    {"fanout",   1, 200, {  50,  20,  20}, "bench/fanout",   "bench/fanout",                false, false},
    {"fanin",  200,   1, {  50,  20,  20}, "bench/fanin/%u", "bench/fanin/+",               false, false},
    {"share",  100,   4, {  50,  20,  20}, "bench/share/%u", "$share/bench/bench/share/+",  false, true},
};
/* clang-format on */

const struct nj_scenario *
nj_scenario_find(const char *name)
{
    for (size_t i = 0; i < NJ_COUNT_OF(scenarios); i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    return NULL;
}

static void *
zeroed(size_t count, size_t size)
{
    void *p = nj_alloc_array(count, size);

    NJ_ASSERT(p != NULL);
    memset(p, 0, count * size);
    return p;
}

static void
open_publisher(struct nj_scene *s, uint32_t i, const struct nj_bench_broker *broker)
{
    struct nj_publisher *p = &s->publishers[i];
    struct nj_wire_welcome welcome;
    char client_id[NAME_BYTES];
    char topic[NAME_BYTES];
    uint32_t head[2] = {NJ_PAYLOAD_MAGIC, i};

    snprintf(client_id, sizeof(client_id), "bench-pub-%u", i);
    snprintf(topic, sizeof(topic), s->opts.scenario->topic, i);
    nj_caller_open(&p->caller, broker, 0, s->opts.version, client_id, &welcome);
    nj_caller_set_nonblocking(&p->caller);

    nj_wire_stencil_init(&p->stencil, s->opts.version, topic, s->opts.qos, s->opts.payload_bytes);
    memcpy(p->stencil.bytes + p->stencil.payload_at, head, sizeof(head));
    memcpy(p->stencil.bytes + p->stencil.payload_at + NJ_PAYLOAD_HEAD_BYTES, s->filler,
           s->opts.payload_bytes - NJ_PAYLOAD_HEAD_BYTES);

    p->window = s->opts.window;
    if (s->opts.qos > 0)
        p->window = NJ_MIN(p->window, welcome.receive_maximum);
    p->batch = NJ_MIN(p->window, s->opts.batch);
}

static void
open_subscriber(struct nj_scene *s, uint32_t i, const struct nj_bench_broker *broker)
{
    struct nj_subscriber *sub = &s->subscribers[i];
    bool is_paired = s->opts.scenario->is_paired;
    struct nj_wire_welcome welcome;
    char name[NAME_BYTES];

    snprintf(name, sizeof(name), "bench-sub-%u", i);
    nj_caller_open(&sub->caller, broker, 0, s->opts.version, name, &welcome);
    snprintf(name, sizeof(name), s->opts.scenario->filter, i);
    nj_caller_subscribe(&sub->caller, name, s->opts.qos);
    nj_caller_set_nonblocking(&sub->caller);

    sub->first = is_paired ? i : 0;
    sub->count = is_paired ? 1 : s->opts.publishers;
    sub->lanes = zeroed(sub->count, sizeof(*sub->lanes));
}

static void
make_filler(struct nj_scene *s)
{
    s->filler = zeroed(s->opts.payload_bytes, 1);
    for (uint32_t i = 0; i < s->opts.payload_bytes; i++)
        s->filler[i] = (uint8_t)('!' + i % 89);
}

void
nj_scene_open(struct nj_scene *s, const struct nj_scene_opts *opts,
              const struct nj_bench_broker *broker)
{
    *s = (struct nj_scene){.opts = *opts};
    make_filler(s);
    s->publishers = zeroed(opts->publishers, sizeof(*s->publishers));
    s->subscribers = zeroed(opts->subscribers, sizeof(*s->subscribers));
    for (uint32_t i = 0; i < opts->subscribers; i++)
        open_subscriber(s, i, broker);
    for (uint32_t i = 0; i < opts->publishers; i++)
        open_publisher(s, i, broker);
    if (!opts->scenario->is_shared)
        return;
    s->pools = zeroed(opts->publishers, sizeof(*s->pools));
    for (uint32_t i = 0; i < opts->publishers; i++)
        nj_pool_init(&s->pools[i], s->publishers[i].window);
}

void
nj_scene_settle(struct nj_scene *s, struct nj_tally *t)
{
    if (s->opts.scenario->is_shared) {
        for (uint32_t i = 0; i < s->opts.publishers; i++)
            nj_pool_close(&s->pools[i], s->publishers[i].sent, t);
        return;
    }
    for (uint32_t i = 0; i < s->opts.subscribers; i++) {
        struct nj_subscriber *sub = &s->subscribers[i];

        for (uint32_t k = 0; k < sub->count; k++)
            nj_lane_close(&sub->lanes[k], s->publishers[sub->first + k].sent, t);
    }
}

void
nj_scene_close(struct nj_scene *s)
{
    for (uint32_t i = 0; i < s->opts.publishers; i++) {
        nj_caller_close(&s->publishers[i].caller);
        nj_wire_stencil_fini(&s->publishers[i].stencil);
    }
    for (uint32_t i = 0; i < s->opts.subscribers; i++) {
        nj_caller_close(&s->subscribers[i].caller);
        nj_free(s->subscribers[i].lanes);
    }
    nj_free(s->publishers);
    nj_free(s->subscribers);
    nj_free(s->pools);
    nj_free(s->filler);
    *s = (struct nj_scene){0};
}
