/* SPDX-License-Identifier: Apache-2.0 */
/* queue.c — the scenario `queue`: messages for sessions that are offline, which then come back.
 *
 * Message n is for session n mod clients. The sessions are ended at the end, and those of a run
 * that was broken off, or that left them, at the beginning. */
#include "cmd/bench/collector.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdio.h>

#define NAME_BYTES 160

struct session {
    struct nj_lane lane;
    uint32_t index;
    uint32_t clients;
};

static void
topic_of(char *out, const struct nj_bench_run *r, uint32_t i)
{
    snprintf(out, NAME_BYTES, "%s/queue/%u/state", r->broker.prefix, i);
}

static void
call(struct nj_bench_run *r, struct nj_caller *p, uint32_t i, bool keeps_session)
{
    struct nj_caller_as as = {.role = "queue", .index = i, .keeps_session = keeps_session};
    struct nj_wire_welcome welcome;

    nj_caller_open(p, &r->broker, &as, &welcome);
}

/* Without what an earlier run may have left. */
static void
end_session(struct nj_bench_run *r, uint32_t i)
{
    struct nj_caller p;

    call(r, &p, i, false);
    nj_caller_close(&p);
}

static void
leave_session(struct nj_bench_run *r, uint32_t i)
{
    struct nj_caller p;
    char topic[NAME_BYTES];

    end_session(r, i);
    call(r, &p, i, true);
    topic_of(topic, r, i);
    nj_caller_subscribe(&p, topic, (uint8_t)r->opts->qos);
    nj_caller_close(&p);
}

static void
on_message(struct nj_collector *c, const struct nj_wire_incoming *in, uint64_t number)
{
    struct session *s = c->who;

    if (in->qos != c->run->opts->qos || number % s->clients != s->index)
        c->run->tally.strange++;
    else
        nj_lane_see(&s->lane, number / s->clients, &c->run->tally);
}

/* Returns how many the broker has taken. */
static uint64_t
fill(struct nj_collector *c, struct nj_caller *p, uint32_t window)
{
    const struct nj_bench_opts *o = c->run->opts;
    char topic[NAME_BYTES];

    c->acked = 0;
    for (uint32_t from = 0; from < o->count; from += window) {
        uint32_t to = NJ_MIN(from + window, o->count);

        for (uint32_t i = from; i < to; i++) {
            topic_of(topic, c->run, i % o->clients);
            nj_collector_write(c, p, topic, (uint8_t)o->qos, false, i);
        }
        if (!nj_collector_await(c, p, &c->acked, to))
            break;
        nj_bench_tell(c->run, "queued", to, o->count);
    }
    return c->acked;
}

static void
drain(struct nj_collector *c, struct session *s, uint64_t count)
{
    struct nj_caller p;

    c->who = s;
    c->messages = 0;
    call(c->run, &p, s->index, true);
    nj_caller_set_nonblocking(&p);
    /* The answer comes behind what came twice, and says that the acknowledgements have been read.
     */
    if (nj_collector_await(c, &p, &c->messages, count))
        (void)nj_collector_settle(c, &p);
    nj_lane_close(&s->lane, count, &c->run->tally);
    nj_caller_close(&p);
}

void
nj_bench_queue(struct nj_bench_run *r)
{
    const struct nj_bench_opts *o = r->opts;
    uint32_t clients = NJ_MIN(o->clients, o->count);
    struct session *sessions = nj_alloc_array(clients, sizeof(*sessions));
    struct nj_wire_welcome welcome;
    struct nj_caller publisher;
    struct nj_collector c;

    NJ_ASSERT(sessions != NULL);
    nj_collector_init(&c, r);
    c.on_message = on_message;
    for (uint32_t i = 0; i < clients; i++) {
        sessions[i] = (struct session){.index = i, .clients = clients};
        if (!o->takes)
            leave_session(r, i);
    }
    nj_caller_open(&publisher, &r->broker, &(struct nj_caller_as){.role = "filler"}, &welcome);
    nj_caller_set_nonblocking(&publisher);

    uint64_t bytes_before = nj_cost_memory(r->pid);
    struct nj_cost before = nj_cost_read(r->pid);
    uint64_t queued =
        o->takes ? 0 : fill(&c, &publisher, NJ_MIN(o->window, welcome.receive_maximum));
    struct nj_cost filling = nj_cost_since(&before, r->pid);
    uint64_t bytes_after = nj_cost_memory(r->pid);

    before = nj_cost_read(r->pid);
    for (uint32_t i = 0; i < clients && !o->leaves; i++) {
        drain(&c, &sessions[i], (o->count - 1 - i) / clients + 1);
        nj_bench_tell(r, "sessions drained", i + 1, clients);
    }
    struct nj_cost draining = nj_cost_since(&before, r->pid);

    nj_figures_add(&r->figures, NJ_FIGURE_CLIENTS, clients);
    nj_figures_add(&r->figures, NJ_FIGURE_COUNT, o->count);
    nj_figures_add(&r->figures, NJ_FIGURE_PAYLOAD, o->payload);
    if (!o->takes) {
        nj_bench_add_memory(r, bytes_before, bytes_after, queued);
        nj_bench_add_filling(r, &filling, queued);
    }
    if (!o->leaves)
        nj_bench_add_cost(r, &draining, r->tally.delivered);
    for (uint32_t i = 0; i < clients && !o->leaves; i++)
        end_session(r, i);
    nj_caller_close(&publisher);
    nj_collector_fini(&c);
    nj_free(sessions);
}
