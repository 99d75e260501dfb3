/* SPDX-License-Identifier: Apache-2.0 */
/* churn.c — the scenario `churn`: clients that connect, subscribe, publish, receive what they have
 * published, disconnect.
 *
 * A crowd of them does so in step: all connect, then all subscribe, and so on, so that the broker
 * always has something to do, and nobody waits for anybody. A cycle ends when the broker has closed
 * the connection. */
#include "cmd/bench/collector.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES 160

static void
topic_of(char *out, const struct nj_bench_run *r, uint32_t i)
{
    snprintf(out, NAME_BYTES, "%s/churn/%u/state", r->broker.prefix, i);
}

static void
on_message(struct nj_collector *c, const struct nj_wire_incoming *in, uint64_t number)
{
    (void)in;
    nj_lane_see(c->who, number, &c->run->tally);
}

static void
subscribe(const struct nj_bench_run *r, struct nj_caller *p, uint32_t i)
{
    uint8_t packet[NAME_BYTES + 64];
    char topic[NAME_BYTES];
    const char *filters[] = {topic};

    topic_of(topic, r, i);
    size_t n = nj_wire_subscribe_write(packet, p->version, 1, filters, 1, (uint8_t)r->opts->qos);

    memcpy(nj_caller_reserve(p, n), packet, n);
    nj_caller_push(p);
}

static void
publish(struct nj_collector *c, struct nj_caller *p, uint32_t i)
{
    char topic[NAME_BYTES];

    topic_of(topic, c->run, i);
    nj_collector_write(c, p, topic, (uint8_t)c->run->opts->qos, false, i);
    nj_caller_push(p);
}

/* Its own message, and with QoS 1 and 2 the acknowledgement. */
static void
receive(struct nj_collector *c, struct nj_caller *p, uint32_t i)
{
    struct nj_lane *lane = c->who;

    *lane = (struct nj_lane){.next = i};
    c->messages = 0;
    c->acked = 0;
    if (nj_collector_await(c, p, &c->messages, 1) && c->run->opts->qos > 0)
        (void)nj_collector_await(c, p, &c->acked, 1);
    nj_lane_close(lane, i + 1, &c->run->tally);
}

/* Clients `from` … `from` + `count` - 1, all at once. */
static void
cycle(struct nj_collector *c, struct nj_caller *callers, uint32_t from, uint32_t count)
{
    struct nj_bench_run *r = c->run;
    struct nj_wire_welcome welcome;

    for (uint32_t k = 0; k < count; k++)
        nj_caller_dial(&callers[k], &r->broker,
                       &(struct nj_caller_as){.role = "churn", .index = from + k});
    for (uint32_t k = 0; k < count; k++) {
        nj_caller_greet(&callers[k], &welcome);
        nj_caller_set_nonblocking(&callers[k]);
        subscribe(r, &callers[k], from + k);
    }
    for (uint32_t k = 0; k < count; k++) {
        c->granted = 0;
        if (nj_collector_await(c, &callers[k], &c->granted, 1))
            publish(c, &callers[k], from + k);
    }
    for (uint32_t k = 0; k < count; k++) {
        receive(c, &callers[k], from + k);
        (void)nj_wire_disconnect_write(nj_caller_reserve(&callers[k], 2));
        nj_caller_push(&callers[k]);
    }
    for (uint32_t k = 0; k < count; k++)
        nj_collector_await_end(c, &callers[k]);
}

void
nj_bench_churn(struct nj_bench_run *r)
{
    uint32_t count = r->opts->count;
    uint32_t crowd = NJ_MIN(r->opts->clients, count);
    struct nj_caller *callers = nj_alloc_array(crowd, sizeof(*callers));
    struct nj_lane lane; /* of the client whose turn it is */
    struct nj_collector c;

    NJ_ASSERT(callers != NULL);
    nj_collector_init(&c, r);
    c.on_message = on_message;
    c.who = &lane;
    /* The first client makes the broker set up what it sets up but once. */
    cycle(&c, callers, count, 1);

    uint64_t delivered = r->tally.delivered;
    struct nj_cost before = nj_cost_read(r->pid);

    for (uint32_t from = 0; from < count && r->is_complete; from += crowd) {
        cycle(&c, callers, from, NJ_MIN(crowd, count - from));
        nj_bench_tell(r, "cycles", from, count);
    }
    struct nj_cost spent = nj_cost_since(&before, r->pid);

    nj_figures_add(&r->figures, NJ_FIGURE_CLIENTS, crowd);
    nj_figures_add(&r->figures, NJ_FIGURE_COUNT, count);
    nj_figures_add(&r->figures, NJ_FIGURE_PAYLOAD, r->opts->payload);
    nj_bench_add_cost(r, &spent, r->tally.delivered - delivered);
    nj_collector_fini(&c);
    nj_free(callers);
}
