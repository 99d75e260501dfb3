/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/bench/scene.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_BYTES 160

/* clang-format off */
static const struct nj_scenario scenarios[] = {
    /*              pubs subs   window at QoS 0, 1, 2 */
    {NJ_BENCH_P2P,    10,  10, {1000, 100, 100}, "p2p/%u",   "p2p/%u",   true,  false},
    {NJ_BENCH_FANOUT,  1, 200, {  50,  20,  20}, "fanout",   "fanout",   false, false},
    {NJ_BENCH_FANIN, 200,   1, {  50,  20,  20}, "fanin/%u", "fanin/+",  false, false},
    {NJ_BENCH_SHARE, 100,   4, {  50,  20,  20}, "share/%u", "share/+",  false, true},
};
/* clang-format on */

const struct nj_scenario *
nj_scenario_get(enum nj_bench_scenario which)
{
    const struct nj_scenario *s = scenarios;

    while (s->which != which)
        s++;
    return s;
}

/* `pattern` has at most one number in it, and that is `i`. */
static void
name_topic(char *out, const struct nj_bench_broker *broker, const char *pattern, uint32_t i)
{
    char own[NAME_BYTES / 2];

    snprintf(own, sizeof(own), pattern, i);
    snprintf(out, NAME_BYTES, "%s/%s", broker->prefix, own);
}

static void
name_filter(char *out, const struct nj_bench_broker *broker, const struct nj_scenario *s,
            uint32_t i)
{
    char topic[NAME_BYTES];

    name_topic(topic, broker, s->filter, i);
    if (s->is_shared)
        snprintf(out, sizeof(topic) * 2, "$share/%s/%s", broker->prefix, topic);
    else
        memcpy(out, topic, strlen(topic) + 1);
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
    struct nj_caller_as as = {.role = "pub", .index = i};
    char topic[NAME_BYTES];
    uint32_t head[2] = {NJ_PAYLOAD_MAGIC, i};

    name_topic(topic, broker, s->opts.scenario->topic, i);
    nj_caller_open(&p->caller, broker, &as, &welcome);
    nj_caller_set_nonblocking(&p->caller);

    nj_wire_stencil_init(&p->stencil, broker->version, topic, s->opts.qos, s->opts.payload_bytes);
    memcpy(p->stencil.bytes + p->stencil.payload_at, head, sizeof(head));
    memcpy(p->stencil.bytes + p->stencil.payload_at + NJ_PAYLOAD_HEAD_BYTES, s->filler,
           s->opts.payload_bytes - NJ_PAYLOAD_HEAD_BYTES);

    p->window = s->opts.window;
    if (s->opts.qos > 0)
        p->window = NJ_MIN(p->window, welcome.receive_maximum);
    p->batch = NJ_MIN(p->window, s->opts.batch);
    if (s->opts.qos > 0)
        p->written_ns = zeroed(p->window, sizeof(*p->written_ns));
}

static void
call_subscriber(struct nj_subscriber *sub, uint32_t i, const struct nj_bench_broker *broker,
                bool keeps_session)
{
    const struct nj_caller_as as = {.role = "sub", .index = i, .keeps_session = keeps_session};
    struct nj_wire_welcome welcome;

    nj_caller_open(&sub->caller, broker, &as, &welcome);
}

static void
end_session(struct nj_subscriber *sub, uint32_t i, const struct nj_bench_broker *broker)
{
    call_subscriber(sub, i, broker, false);
    nj_caller_close(&sub->caller);
}

static void
open_subscriber(struct nj_scene *s, uint32_t i, const struct nj_bench_broker *broker)
{
    struct nj_subscriber *sub = &s->subscribers[i];
    bool is_paired = s->opts.scenario->is_paired;
    char filter[2 * NAME_BYTES];

    /* Without what a run that was broken off may have left. */
    if (s->opts.is_persistent)
        end_session(sub, i, broker);
    call_subscriber(sub, i, broker, s->opts.is_persistent);
    name_filter(filter, broker, s->opts.scenario, i);
    nj_caller_subscribe(&sub->caller, filter, s->opts.qos);
    if (s->opts.is_offline)
        nj_caller_close(&sub->caller);
    else
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
    nj_callers_expect((uint64_t)opts->publishers + opts->subscribers);
    make_filler(s);
    s->publishers = zeroed(opts->publishers, sizeof(*s->publishers));
    s->subscribers = zeroed(opts->subscribers, sizeof(*s->subscribers));
    for (uint32_t i = 0; i < opts->subscribers; i++)
        open_subscriber(s, i, broker);
    for (uint32_t i = 0; i < opts->publishers; i++)
        open_publisher(s, i, broker);
    if (!opts->scenario->is_shared)
        return;
    s->spreads = zeroed(opts->publishers, sizeof(*s->spreads));
    for (uint32_t i = 0; i < opts->publishers; i++)
        nj_spread_init(&s->spreads[i], s->publishers[i].window);
}

void
nj_scene_call_back(struct nj_scene *s, const struct nj_bench_broker *broker)
{
    s->opts.is_offline = false;
    s->opts.rate = 0;
    for (uint32_t i = 0; i < s->opts.subscribers; i++) {
        call_subscriber(&s->subscribers[i], i, broker, true);
        nj_caller_set_nonblocking(&s->subscribers[i].caller);
    }
}

void
nj_scene_settle(struct nj_scene *s, struct nj_tally *t)
{
    if (s->opts.scenario->is_shared) {
        for (uint32_t i = 0; i < s->opts.publishers; i++)
            nj_spread_close(&s->spreads[i], s->publishers[i].sent, t);
        return;
    }
    for (uint32_t i = 0; i < s->opts.subscribers; i++) {
        struct nj_subscriber *sub = &s->subscribers[i];

        for (uint32_t k = 0; k < sub->count; k++)
            nj_lane_close(&sub->lanes[k], s->publishers[sub->first + k].sent, t);
    }
}

void
nj_scene_close(struct nj_scene *s, const struct nj_bench_broker *broker)
{
    for (uint32_t i = 0; i < s->opts.publishers; i++) {
        nj_caller_close(&s->publishers[i].caller);
        nj_wire_stencil_fini(&s->publishers[i].stencil);
        nj_free(s->publishers[i].written_ns);
    }
    for (uint32_t i = 0; i < s->opts.subscribers; i++) {
        nj_caller_close(&s->subscribers[i].caller);
        if (s->opts.is_persistent)
            end_session(&s->subscribers[i], i, broker);
        nj_free(s->subscribers[i].lanes);
    }
    nj_free(s->publishers);
    nj_free(s->subscribers);
    nj_free(s->spreads);
    nj_free(s->filler);
    *s = (struct nj_scene){0};
}
