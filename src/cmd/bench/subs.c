/* SPDX-License-Identifier: Apache-2.0 */
/* subs.c — the scenario `subs`: many subscriptions, and messages of which each matches one.
 *
 * Subscription i has seven levels and the device's number i in the sixth, so that no other filter
 * matches its topic: PREFIX/s/b/f/r/d<i>/temperature. Of ten, eight are that topic itself, one has
 * a + for the room, one a # for the last level. Neighbours share their buildings, as they do in
 * life. */
#include "cmd/bench/collector.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES 160
#define PER_PACKET 100u
/* From one topic to the next: neither is near the other, and all are hit alike. */
#define STRIDE 7919u

static uint32_t
owner_of(const struct nj_bench_opts *o, uint32_t i)
{
    return i / 10 % o->clients;
}

static void
filter_of(char *out, const struct nj_bench_run *r, uint32_t i)
{
    const char *prefix = r->broker.prefix;
    uint32_t site = i / 10000;
    uint32_t building = i / 1000 % 10;
    uint32_t floor = i / 100 % 10;

    if (i % 10 == 8)
        snprintf(out, NAME_BYTES, "%s/s%u/b%u/f%u/+/d%u/temperature", prefix, site, building, floor,
                 i);
    else
        snprintf(out, NAME_BYTES, "%s/s%u/b%u/f%u/r%u/d%u/%s", prefix, site, building, floor,
                 i / 10 % 10, i, i % 10 == 9 ? "#" : "temperature");
}

static void
topic_of(char *out, const struct nj_bench_run *r, uint32_t i)
{
    snprintf(out, NAME_BYTES, "%s/s%u/b%u/f%u/r%u/d%u/temperature", r->broker.prefix, i / 10000,
             i / 1000 % 10, i / 100 % 10, i / 10 % 10, i);
}

struct subscriber {
    struct nj_caller caller;
    uint64_t next; /* the lowest number that may come now */
    uint64_t due;  /* of this volley */
};

struct crowd {
    struct subscriber *subscribers; /* owned */
    struct nj_spread spread;
    struct subscriber *at; /* whose bytes are read */
};

static uint32_t
target_of(const struct nj_bench_opts *o, uint64_t number)
{
    uint32_t stride = o->count % STRIDE == 0 ? STRIDE + 8 : STRIDE; /* both are prime */

    return (uint32_t)(number * stride % o->count);
}

static void
on_message(struct nj_collector *c, const struct nj_wire_incoming *in, uint64_t number)
{
    struct crowd *crowd = c->who;
    const struct nj_bench_opts *o = c->run->opts;
    struct subscriber *s = crowd->at;

    if (in->qos != o->qos || s != &crowd->subscribers[owner_of(o, target_of(o, number))]) {
        c->run->tally.strange++;
        return;
    }
    if (number < s->next)
        c->run->tally.reordered++;
    else
        s->next = number + 1;
    nj_spread_see(&crowd->spread, number, &c->run->tally);
}

struct packet {
    const char *filters[PER_PACKET];
    char names[PER_PACKET][NAME_BYTES];
    uint8_t bytes[PER_PACKET * (NAME_BYTES + 3) + 64];
    uint32_t count;
};

static void
send_filters(struct nj_collector *c, struct nj_caller *p, struct packet *s)
{
    size_t n = nj_wire_subscribe_write(s->bytes, p->version, 1, s->filters, s->count,
                                       (uint8_t)c->run->opts->qos);

    memcpy(nj_caller_reserve(p, n), s->bytes, n);
    if (!nj_collector_await(c, p, &c->granted, c->granted + s->count))
        nj_bench_die("a SUBSCRIBE with %u filters is not answered", s->count);
    s->count = 0;
}

/* Those that are client `owner`'s, ten neighbours of every so many, a hundred to a packet. */
static void
subscribe(struct nj_collector *c, struct nj_caller *p, uint32_t owner)
{
    static struct packet packet;
    const struct nj_bench_opts *o = c->run->opts;

    for (uint32_t ten = owner * 10; ten < o->count; ten += o->clients * 10) {
        for (uint32_t i = ten; i < NJ_MIN(ten + 10, o->count); i++) {
            filter_of(packet.names[packet.count], c->run, i);
            packet.filters[packet.count] = packet.names[packet.count];
            packet.count++;
        }
        if (packet.count == PER_PACKET)
            send_filters(c, p, &packet);
    }
    if (packet.count > 0)
        send_filters(c, p, &packet);
}

/* Messages `from` … `to` - 1, and what must come of them. */
static bool
volley(struct nj_collector *c, struct crowd *crowd, struct nj_caller *p, uint64_t from, uint64_t to)
{
    const struct nj_bench_opts *o = c->run->opts;
    char topic[NAME_BYTES];

    for (uint64_t number = from; number < to; number++) {
        uint32_t target = target_of(o, number);

        topic_of(topic, c->run, target);
        nj_collector_write(c, p, topic, (uint8_t)o->qos, false, number);
        crowd->subscribers[owner_of(o, target)].due++;
    }
    c->acked = 0;
    if (!nj_collector_await(c, p, &c->acked, o->qos > 0 ? to - from : 0))
        return false;
    for (uint32_t k = 0; k < o->clients; k++) {
        struct subscriber *s = &crowd->subscribers[k];

        crowd->at = s;
        c->messages = 0;
        if (!nj_collector_await(c, &s->caller, &c->messages, s->due))
            return false;
        s->due = 0;
    }
    return true;
}

/* What came twice comes before the answer to a ping. */
static void
settle(struct nj_collector *c, struct crowd *crowd)
{
    for (uint32_t k = 0; k < c->run->opts->clients; k++) {
        crowd->at = &crowd->subscribers[k];
        if (!crowd->at->caller.is_closed)
            (void)nj_collector_settle(c, &crowd->at->caller);
    }
}

static void
measure(struct nj_bench_run *r, struct nj_collector *c, struct crowd *crowd)
{
    const struct nj_bench_opts *o = r->opts;
    struct nj_wire_welcome welcome;
    struct nj_caller publisher;
    uint64_t window = o->window;
    uint64_t sent = 0;
    bool is_fine = true;

    nj_caller_open(&publisher, &r->broker, &(struct nj_caller_as){.role = "pub"}, &welcome);
    nj_caller_set_nonblocking(&publisher);
    if (o->qos > 0)
        window = NJ_MIN(window, NJ_MIN(welcome.receive_maximum, 100u));
    nj_spread_init(&crowd->spread, window);

    struct nj_cost before = nj_cost_read(r->pid);

    while (sent < o->messages && is_fine) {
        uint64_t to = NJ_MIN(sent + window, o->messages);

        is_fine = volley(c, crowd, &publisher, sent, to);
        sent = to;
        nj_bench_tell(r, "messages", sent, o->messages);
    }
    struct nj_cost spent = nj_cost_since(&before, r->pid);

    settle(c, crowd);
    nj_bench_add_cost(r, &spent, r->tally.delivered);
    nj_spread_close(&crowd->spread, sent, &r->tally);
    nj_caller_close(&publisher);
}

void
nj_bench_subs(struct nj_bench_run *r)
{
    const struct nj_bench_opts *o = r->opts;
    struct nj_wire_welcome welcome;
    struct crowd crowd = {0};
    struct nj_collector c;

    crowd.subscribers = nj_alloc_array(o->clients, sizeof(*crowd.subscribers));
    NJ_ASSERT(crowd.subscribers != NULL);
    nj_collector_init(&c, r);
    c.on_message = on_message;
    c.who = &crowd;
    for (uint32_t k = 0; k < o->clients; k++) {
        struct subscriber *s = &crowd.subscribers[k];

        *s = (struct subscriber){0};
        nj_caller_open(&s->caller, &r->broker, &(struct nj_caller_as){.role = "sub", .index = k},
                       &welcome);
        nj_caller_set_nonblocking(&s->caller);
    }

    uint64_t bytes_before = nj_cost_memory(r->pid);
    struct nj_cost before = nj_cost_read(r->pid);

    for (uint32_t k = 0; k < o->clients; k++) {
        subscribe(&c, &crowd.subscribers[k].caller, k);
        nj_bench_tell(r, "clients with their subscriptions", k + 1, o->clients);
    }
    struct nj_cost subscribing = nj_cost_since(&before, r->pid);
    uint64_t bytes_after = nj_cost_memory(r->pid);

    nj_figures_add(&r->figures, NJ_FIGURE_CLIENTS, o->clients);
    nj_figures_add(&r->figures, NJ_FIGURE_COUNT, (double)c.granted);
    nj_figures_add(&r->figures, NJ_FIGURE_PAYLOAD, o->payload);
    nj_bench_add_memory(r, bytes_before, bytes_after, o->count);
    nj_bench_add_filling(r, &subscribing, o->count);
    measure(r, &c, &crowd);
    for (uint32_t k = 0; k < o->clients; k++)
        nj_caller_close(&crowd.subscribers[k].caller);
    nj_collector_fini(&c);
    nj_free(crowd.subscribers);
}
