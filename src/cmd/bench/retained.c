/* SPDX-License-Identifier: Apache-2.0 */
/* retained.c — the scenario `retained`: messages that stay, each on a topic of its own.
 *
 * One client sets them, a window at a time; another takes them, with one subscription for every
 * thousand, so that no queue of a broker is in question. At the end they are removed again, or
 * left. */
#include "cmd/bench/collector.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES 160
#define GROUP      1000u

static void
topic_of(char *out, const struct nj_bench_run *r, uint32_t i)
{
    snprintf(out, NAME_BYTES, "%s/retained/%u/%u/state", r->broker.prefix, i / GROUP, i % GROUP);
}

static void
on_message(struct nj_collector *c, const struct nj_wire_incoming *in, uint64_t number)
{
    if (in->is_retained)
        nj_spread_see(c->who, number, &c->run->tally);
    else
        c->run->tally.strange++;
}

/* Set message `i`, or remove it. */
static void
write_one(struct nj_collector *c, struct nj_caller *p, uint32_t i, bool is_set)
{
    uint8_t qos = (uint8_t)c->run->opts->qos;
    char topic[NAME_BYTES];
    uint8_t packet[NAME_BYTES + 64];
    size_t n;

    topic_of(topic, c->run, i);
    if (is_set) {
        nj_collector_write(c, p, topic, qos, true, i);
        return;
    }
    n = nj_wire_publish_write(packet, p->version, topic, qos, true, nj_wire_packet_id_of(i), 0);
    memcpy(nj_caller_reserve(p, n), packet, n);
}

static bool
write_all(struct nj_collector *c, struct nj_caller *p, uint32_t window, bool is_set)
{
    uint32_t count = c->run->opts->count;

    for (uint32_t from = 0; from < count; from += window) {
        uint32_t to = NJ_MIN(from + window, count);
        uint64_t acks = c->run->opts->qos > 0 ? to - from : 0;

        for (uint32_t i = from; i < to; i++)
            write_one(c, p, i, is_set);
        if (!nj_collector_await(c, p, &c->acked, c->acked + acks))
            return false;
        /* At QoS 0 this is how we know that they have been read. */
        if (acks == 0 && !nj_collector_settle(c, p))
            return false;
        nj_bench_tell(c->run, is_set ? "set" : "removed", to, count);
    }
    return true;
}

static void
take_all(struct nj_collector *c, struct nj_caller *p, struct nj_spread *spread)
{
    uint32_t count = c->run->opts->count;
    char filter[NAME_BYTES];
    const char *filters[] = {filter};

    c->messages = 0;
    /* All may be outstanding at the end: when they never came. */
    nj_spread_init(spread, count);
    for (uint32_t from = 0; from < count; from += GROUP) {
        uint8_t packet[NAME_BYTES + 64];
        size_t n;

        snprintf(filter, sizeof(filter), "%s/retained/%u/#", c->run->broker.prefix, from / GROUP);
        n = nj_wire_subscribe_write(packet, p->version, 1, filters, 1, (uint8_t)c->run->opts->qos);
        memcpy(nj_caller_reserve(p, n), packet, n);
        if (!nj_collector_await(c, p, &c->messages, NJ_MIN(from + GROUP, count)))
            break;
        nj_bench_tell(c->run, "taken", from, count);
    }
    /* What comes twice comes before the answer. */
    if (!p->is_closed)
        (void)nj_collector_settle(c, p);
    nj_spread_close(spread, count, &c->run->tally);
}

void
nj_bench_retained(struct nj_bench_run *r)
{
    uint32_t count = r->opts->count;
    uint32_t window = r->opts->window;
    struct nj_wire_welcome welcome;
    struct nj_collector c;
    struct nj_spread spread;
    struct nj_caller setter, taker;

    nj_collector_init(&c, r);
    c.on_message = on_message;
    c.who = &spread;
    nj_caller_open(&taker, &r->broker, &(struct nj_caller_as){.role = "taker"}, &welcome);
    nj_caller_open(&setter, &r->broker, &(struct nj_caller_as){.role = "setter"}, &welcome);
    nj_caller_set_nonblocking(&taker);
    nj_caller_set_nonblocking(&setter);
    if (r->opts->qos > 0)
        window = NJ_MIN(window, welcome.receive_maximum);

    uint64_t bytes_before = nj_cost_memory(r->pid);
    struct nj_cost before = nj_cost_read(r->pid);
    bool is_set = r->opts->takes || write_all(&c, &setter, window, true);
    struct nj_cost setting = nj_cost_since(&before, r->pid);
    uint64_t bytes_after = nj_cost_memory(r->pid);

    before = nj_cost_read(r->pid);
    if (!r->opts->leaves)
        take_all(&c, &taker, &spread);
    struct nj_cost taking = nj_cost_since(&before, r->pid);

    nj_figures_add(&r->figures, NJ_FIGURE_COUNT, count);
    nj_figures_add(&r->figures, NJ_FIGURE_PAYLOAD, r->opts->payload);
    if (!r->opts->takes) {
        nj_bench_add_memory(r, bytes_before, bytes_after, count);
        nj_bench_add_filling(r, &setting, count);
    }
    if (!r->opts->leaves)
        nj_bench_add_cost(r, &taking, r->tally.delivered);
    if (is_set && !r->opts->leaves)
        (void)write_all(&c, &setter, window, false);
    nj_caller_close(&setter);
    nj_caller_close(&taker);
    nj_collector_fini(&c);
}
