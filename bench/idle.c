/* SPDX-License-Identifier: Apache-2.0 */
#include "idle.h"

#include "caller.h"
#include "cost.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES   64
#define MESSAGE_MS   3000
#define FIRST_SOURCE 2
#define CHECK_BYTES  4u

static void
topic_of(char *out, uint32_t i)
{
    snprintf(out, NAME_BYTES, "bench/idle/%u/state", i);
}

static void
open_listener(struct nj_caller *p, uint32_t i, const struct nj_idle_opts *opts,
              const struct nj_bench_broker *broker)
{
    uint8_t source = (uint8_t)(FIRST_SOURCE + i / NJ_IDLE_PER_SOURCE);
    struct nj_wire_welcome welcome;
    char name[NAME_BYTES];

    snprintf(name, sizeof(name), "bench-idle-client-%06u", i);
    nj_caller_open(p, broker, source, opts->version, name, &welcome);
    topic_of(name, i);
    nj_caller_subscribe(p, name, opts->qos);
}

/* Send connection i its message and see that it comes, once and whole. */
static void
check_listener(struct nj_caller *publisher, struct nj_caller *p, uint32_t i, struct nj_tally *t)
{
    uint8_t packet[512];
    struct nj_wire_stencil s;
    struct nj_wire_frame f;
    struct nj_wire_incoming in;
    char topic[NAME_BYTES];

    topic_of(topic, i);
    nj_wire_stencil_init(&s, publisher->version, topic, 0, CHECK_BYTES);
    memcpy(s.bytes + s.payload_at, &i, CHECK_BYTES);
    nj_caller_send(publisher, s.bytes, s.n);
    nj_wire_stencil_fini(&s);

    if (!nj_caller_wait_packet(p, MESSAGE_MS, packet, sizeof(packet), &f))
        t->lost++;
    else if (f.type != NJ_WIRE_PUBLISH || !nj_wire_incoming_read(&f, p->version, &in) ||
             in.payload_bytes != CHECK_BYTES || memcmp(in.payload, &i, CHECK_BYTES) != 0)
        t->strange++;
    else
        t->delivered++;
}

static void
check_all(struct nj_caller *callers, const struct nj_idle_opts *opts,
          const struct nj_bench_broker *broker, struct nj_tally *t)
{
    struct nj_caller publisher;
    struct nj_wire_welcome welcome;

    nj_caller_open(&publisher, broker, 0, opts->version, "bench-idle-pub", &welcome);
    for (uint32_t i = 0; i < opts->connections && t->lost == 0; i++)
        check_listener(&publisher, &callers[i], i, t);
    nj_caller_close(&publisher);
}

/* The first client, which makes the broker set up what it sets up but once. */
static void
warm_up(const struct nj_idle_opts *opts, const struct nj_bench_broker *broker, struct nj_tally *t)
{
    struct nj_idle_opts one = *opts;
    struct nj_caller caller;

    one.connections = 1;
    open_listener(&caller, 0, &one, broker);
    check_all(&caller, &one, broker, t);
    nj_caller_close(&caller);
}

void
nj_idle_run(const struct nj_idle_opts *opts, const struct nj_bench_broker *broker,
            struct nj_idle_result *out)
{
    struct nj_caller *callers = nj_alloc_array(opts->connections, sizeof(*callers));
    int64_t cpu_before;
    int64_t cpu_after;

    NJ_ASSERT(callers != NULL);
    *out = (struct nj_idle_result){0};
    warm_up(opts, broker, &out->tally);
    if (!nj_cost_anonymous_bytes(opts->pid, &out->bytes_before) ||
        !nj_cost_cpu_ns(opts->pid, &cpu_before))
        nj_bench_die("cannot read what process %d costs", (int)opts->pid);

    for (uint32_t i = 0; i < opts->connections; i++)
        open_listener(&callers[i], i, opts, broker);

    if (!nj_cost_cpu_ns(opts->pid, &cpu_after) ||
        !nj_cost_anonymous_bytes(opts->pid, &out->bytes_after))
        nj_bench_die("cannot read what process %d costs", (int)opts->pid);
    out->cpu_ns = cpu_after - cpu_before;

    check_all(callers, opts, broker, &out->tally);
    for (uint32_t i = 0; i < opts->connections; i++)
        nj_caller_close(&callers[i]);
    nj_free(callers);
}
