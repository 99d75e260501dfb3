/* SPDX-License-Identifier: Apache-2.0 */
/* conns.c — the scenario `conns`: connections with one subscription each that say nothing.
 *
 * Memory is the broker's anonymous memory with them less that without them, divided by their
 * number. One client comes, subscribes, hears a message and goes before the first reading, so that
 * what a broker sets up once, at its first client, is not put down to the others. Afterwards each
 * connection is sent one message: a broker that saves memory by forgetting subscriptions is found
 * out. */
#include "cmd/bench/run.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NAME_BYTES  128
#define CHECK_BYTES 4u

static void
topic_of(char *out, const struct nj_bench_run *r, uint32_t i)
{
    snprintf(out, NAME_BYTES, "%s/idle/%u/state", r->broker.prefix, i);
}

static void
open_listener(struct nj_caller *p, uint32_t i, const struct nj_bench_run *r)
{
    struct nj_wire_welcome welcome;
    char topic[NAME_BYTES];

    nj_caller_open(p, &r->broker, &(struct nj_caller_as){.role = "idle-client", .index = i},
                   &welcome);
    topic_of(topic, r, i);
    nj_caller_subscribe(p, topic, (uint8_t)r->opts->qos);
}

/* Send connection i its message and see that it comes, once and whole. */
static void
check_listener(struct nj_bench_run *r, struct nj_caller *publisher, struct nj_caller *p, uint32_t i)
{
    uint8_t packet[512];
    struct nj_wire_stencil s;
    struct nj_wire_frame f;
    struct nj_wire_incoming in;
    char topic[NAME_BYTES];

    topic_of(topic, r, i);
    nj_wire_stencil_init(&s, publisher->version, topic, 0, CHECK_BYTES);
    memcpy(s.bytes + s.payload_at, &i, CHECK_BYTES);
    nj_caller_send(publisher, s.bytes, s.n);
    nj_wire_stencil_fini(&s);

    if (!nj_caller_wait_packet(p, (int)r->opts->patience_ms, packet, sizeof(packet), &f))
        r->tally.lost++;
    else if (f.type != NJ_WIRE_PUBLISH || !nj_wire_incoming_read(&f, p->version, &in) ||
             in.payload_bytes != CHECK_BYTES || memcmp(in.payload, &i, CHECK_BYTES) != 0)
        r->tally.strange++;
    else
        r->tally.delivered++;
}

/* Nothing more than that may have come. */
static void
check_silence(struct nj_bench_run *r, struct nj_caller *p)
{
    uint8_t packet[512];
    struct nj_wire_frame f;

    if (nj_caller_wait_packet(p, 0, packet, sizeof(packet), &f))
        r->tally.doubled++;
}

static void
check_all(struct nj_bench_run *r, struct nj_caller *callers, uint32_t count)
{
    struct nj_caller publisher;
    struct nj_wire_welcome welcome;

    nj_caller_open(&publisher, &r->broker, &(struct nj_caller_as){.role = "idle-pub"}, &welcome);
    for (uint32_t i = 0; i < count && r->tally.lost == 0; i++) {
        check_listener(r, &publisher, &callers[i], i);
        nj_bench_tell(r, "checked", i, count);
    }
    for (uint32_t i = 0; i < count; i++)
        check_silence(r, &callers[i]);
    nj_caller_close(&publisher);
}

/* What the broker does while nobody says anything. */
static void
hold(struct nj_bench_run *r)
{
    uint32_t ms = r->opts->hold_ms;
    struct nj_cost before = nj_cost_read(r->pid);

    if (ms == 0)
        return;
    nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);

    struct nj_cost spent = nj_cost_since(&before, r->pid);

    if (r->pid != 0)
        nj_figures_add(&r->figures, NJ_FIGURE_IDLE_PERCENT,
                       100.0 * (double)spent.broker_ns / (double)spent.wall_ns);
}

void
nj_bench_conns(struct nj_bench_run *r)
{
    uint32_t count = r->opts->count;
    struct nj_caller *callers;

    if (count > NJ_CALLERS_MAX)
        nj_bench_die("--count: no more than %u connections", NJ_CALLERS_MAX);
    nj_callers_expect(count);
    callers = nj_alloc_array(count, sizeof(*callers));
    NJ_ASSERT(callers != NULL);

    /* The first client, which makes the broker set up what it sets up but once. */
    open_listener(&callers[0], 0, r);
    check_all(r, callers, 1);
    nj_caller_close(&callers[0]);

    uint64_t bytes_before = nj_cost_memory(r->pid);
    struct nj_cost before = nj_cost_read(r->pid);

    for (uint32_t i = 0; i < count; i++) {
        open_listener(&callers[i], i, r);
        nj_bench_tell(r, "connected", i, count);
    }
    struct nj_cost spent = nj_cost_since(&before, r->pid);
    uint64_t bytes_after = nj_cost_memory(r->pid);

    nj_figures_add(&r->figures, NJ_FIGURE_CONNECTIONS, count);
    nj_bench_add_memory(r, bytes_before, bytes_after, count);
    nj_bench_add_filling(r, &spent, count);
    hold(r);
    check_all(r, callers, count);
    for (uint32_t i = 0; i < count; i++)
        nj_caller_close(&callers[i]);
    nj_free(callers);
}
