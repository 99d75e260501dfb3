/* SPDX-License-Identifier: Apache-2.0 */
#include "count/flow.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/writer.h"
#include "count/world.h"

#include <stdio.h>

#define PAYLOAD_BYTES 64
#define PACKET_BYTES  128 /* a PUBLISH, at most */
#define NAME_BYTES    64
#define KEEP_ALIVE_S  60
/* Tables and pools have grown to what they will be, and every topic was routed. */
#define ROUNDS_BEFORE 2

struct guest {
    int fd;
    uint16_t packet_id; /* the last one given out */
    uint64_t received;
    uint64_t acknowledged;
};

struct party {
    const struct nj_flow *flow;
    struct guest *subscribers; /* owned; the publishers follow */
    struct guest *publishers;
    uint32_t count; /* of both */
    uint8_t *in;    /* owned, as large as a pipe */
    uint8_t *out;
    size_t pipe_bytes;
};

static void
spell(char *out, const char *pattern, uint32_t number)
{
    NJ_ASSERT(snprintf(out, NAME_BYTES, pattern, number) < NAME_BYTES);
}

static void
send_written(struct party *p, const struct guest *g, const struct nj_writer *w)
{
    size_t n = (size_t)(w->p - p->out);

    NJ_ASSERT(!w->is_full);
    NJ_ASSERT(n == 0 || nj_sim_write(g->fd, p->out, n) == (ssize_t)n);
}

/* ---- what comes ---- */

static void
take_publish(const struct party *p, struct guest *g, const struct nj_frame *f, struct nj_writer *w)
{
    struct nj_publish publish;

    NJ_ASSERT(nj_publish_decode(f, p->flow->version, NJ_FROM_SERVER, &publish) == NJ_CAUSE_NONE);
    NJ_ASSERT(publish.qos == p->flow->qos && publish.payload.n == PAYLOAD_BYTES);
    g->received++;
    if (publish.qos > 0)
        nj_ack_encode(w, p->flow->version, publish.qos == 1 ? NJ_PUBACK : NJ_PUBREC,
                      publish.packet_id, 0, NJ_STR(""));
}

static void
take_ack(const struct party *p, struct guest *g, const struct nj_frame *f, struct nj_writer *w)
{
    struct nj_ack ack;

    NJ_ASSERT(nj_ack_decode(f, p->flow->version, &ack) == NJ_CAUSE_NONE && ack.reason == 0);
    if (f->type == NJ_PUBACK || f->type == NJ_PUBCOMP)
        g->acknowledged++;
    else
        nj_ack_encode(w, p->flow->version, f->type == NJ_PUBREC ? NJ_PUBREL : NJ_PUBCOMP,
                      ack.packet_id, 0, NJ_STR(""));
}

/* Read once and answer in one write. The pipe is large enough for whole packets. */
static bool
take_all(struct party *p, struct guest *g)
{
    ssize_t n = nj_sim_read(g->fd, p->in, p->pipe_bytes);
    struct nj_str rest = {(const char *)p->in, n > 0 ? (size_t)n : 0};
    struct nj_writer w = nj_writer_of(p->out, p->pipe_bytes);
    struct nj_frame f;

    NJ_ASSERT(n > 0 || n == NJ_IO_AGAIN);
    for (; rest.n > 0; rest = nj_str_from(rest, f.bytes)) {
        NJ_ASSERT(nj_frame_find(rest, NJ_PACKET_MAX_BYTES, &f) == NJ_FRAME_WHOLE);
        if (f.type == NJ_PUBLISH)
            take_publish(p, g, &f, &w);
        else if (f.type >= NJ_PUBACK && f.type <= NJ_PUBCOMP)
            take_ack(p, g, &f, &w);
        else
            NJ_ASSERT(f.type == NJ_CONNACK || f.type == NJ_SUBACK);
    }
    send_written(p, g, &w);
    return n > 0;
}

static void
settle(struct party *p)
{
    bool has_moved;

    do {
        nj_world_settle();
        has_moved = false;
        for (uint32_t i = 0; i < p->count; i++)
            has_moved = take_all(p, &p->subscribers[i]) || has_moved;
    } while (has_moved);
}

/* ---- what goes ---- */

static void
connect_guest(struct party *p, uint32_t i)
{
    struct nj_writer w = nj_writer_of(p->out, p->pipe_bytes);
    struct guest *g = &p->subscribers[i];
    char name[NAME_BYTES];
    struct nj_connect_out connect = {
        .version = p->flow->version,
        .clean_start = true,
        .keep_alive_s = KEEP_ALIVE_S,
    };

    spell(name, "bench-client-%u", i);
    connect.client_id = nj_str_of(name);
    *g = (struct guest){.fd = nj_world_connect()};
    nj_connect_encode(&w, &connect);
    send_written(p, g, &w);
}

static void
subscribe(struct party *p, uint32_t i)
{
    struct nj_writer w = nj_writer_of(p->out, p->pipe_bytes);
    uint8_t list[NAME_BYTES + 8];
    struct nj_writer l = nj_writer_of(list, sizeof(list));
    char filter[NAME_BYTES];
    struct nj_subscription s = {.qos = p->flow->qos};

    spell(filter, p->flow->filter, i);
    s.filter = nj_str_of(filter);
    nj_subscription_put(&l, p->flow->version, true, &s);
    nj_subscribe_encode(&w, p->flow->version, NJ_SUBSCRIBE, 1, NJ_STR(""),
                        (struct nj_str){(const char *)list, (size_t)(l.p - list)});
    send_written(p, &p->subscribers[i], &w);
}

static void
publish_batch(struct party *p, uint32_t i)
{
    static const char payload[PAYLOAD_BYTES];
    struct guest *g = &p->publishers[i];
    struct nj_writer w = nj_writer_of(p->out, p->pipe_bytes);
    char topic[NAME_BYTES];
    struct nj_publish_head head = {.qos = p->flow->qos, .payload_bytes = PAYLOAD_BYTES};

    spell(topic, p->flow->topic, i);
    head.topic = nj_str_of(topic);
    for (uint32_t k = 0; k < p->flow->batch; k++) {
        if (head.qos > 0)
            head.packet_id = g->packet_id = g->packet_id % UINT16_MAX + 1;
        nj_publish_head_encode(&w, p->flow->version, &head);
        nj_write_bytes(&w, (struct nj_str){payload, PAYLOAD_BYTES});
    }
    send_written(p, g, &w);
}

static void
play_rounds(struct party *p, uint32_t rounds)
{
    for (uint32_t r = 0; r < rounds; r++) {
        nj_sim_advance(1);
        for (uint32_t i = 0; i < p->flow->publishers; i++)
            publish_batch(p, i);
        settle(p);
    }
}

/* ---- the party ---- */

static void
begin(struct party *p, const struct nj_flow *flow)
{
    uint32_t fan_in = NJ_MAX(flow->publishers * flow->receivers / flow->subscribers, 1);

    *p = (struct party){.flow = flow, .count = flow->subscribers + flow->publishers};
    p->pipe_bytes = (size_t)flow->batch * fan_in * PACKET_BYTES * 2;
    p->subscribers = nj_alloc_array(p->count, sizeof(*p->subscribers));
    p->in = nj_alloc(p->pipe_bytes);
    p->out = nj_alloc(p->pipe_bytes);
    NJ_ASSERT(p->subscribers != NULL && p->in != NULL && p->out != NULL);
    p->publishers = p->subscribers + flow->subscribers;
    nj_world_open(p->pipe_bytes);
    for (uint32_t i = 0; i < p->count; i++)
        connect_guest(p, i);
    settle(p);
    for (uint32_t i = 0; i < flow->subscribers; i++)
        subscribe(p, i);
    settle(p);
}

static void
end(struct party *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        nj_sim_close(p->subscribers[i].fd);
    nj_world_close();
    nj_free(p->subscribers);
    nj_free(p->in);
    nj_free(p->out);
}

/* Every message has reached all that it was for, and every publisher knows. */
static void
judge(const struct party *p)
{
    const struct nj_flow *f = p->flow;
    uint64_t sent = (uint64_t)f->publishers * f->batch * (f->rounds + ROUNDS_BEFORE);
    uint64_t received = 0, acknowledged = 0;

    for (uint32_t i = 0; i < p->count; i++) {
        received += p->subscribers[i].received;
        acknowledged += p->subscribers[i].acknowledged;
    }
    NJ_ASSERT(received == sent * f->receivers);
    NJ_ASSERT(acknowledged == (f->qos > 0 ? sent : 0));
}

uint64_t
nj_flow_play(const struct nj_flow *flow)
{
    struct party party;

    begin(&party, flow);
    play_rounds(&party, ROUNDS_BEFORE);
    nj_world_count(true);
    play_rounds(&party, flow->rounds);
    nj_world_count(false);
    judge(&party);
    end(&party);
    return (uint64_t)flow->publishers * flow->batch * flow->rounds * flow->receivers;
}
