/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/bench/collector.h"

#include "base/assert.h"
#include "base/mem.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define MAGIC       0x6e6a6232u
#define READ_BYTES  (256u << 10)
#define TOPIC_BYTES 256u

void
nj_collector_init(struct nj_collector *c, struct nj_bench_run *run)
{
    uint32_t payload = run->opts->payload;

    *c = (struct nj_collector){.run = run};
    c->buffer_bytes = NJ_MAX(READ_BYTES, 2u * payload);
    c->buffer = nj_alloc(c->buffer_bytes);
    c->filler = nj_alloc(payload);
    NJ_ASSERT(c->buffer != NULL && c->filler != NULL);
    for (uint32_t i = 0; i < payload; i++)
        c->filler[i] = (uint8_t)('!' + i % 89);
}

void
nj_collector_fini(struct nj_collector *c)
{
    nj_free(c->buffer);
    nj_free(c->filler);
    *c = (struct nj_collector){0};
}

void
nj_collector_write(struct nj_collector *c, struct nj_caller *p, const char *topic, uint8_t qos,
                   bool is_retained, uint64_t number)
{
    uint32_t payload = c->run->opts->payload;
    uint32_t head[2] = {MAGIC, 0};
    uint8_t packet[TOPIC_BYTES + 64];
    size_t n = nj_wire_publish_write(packet, p->version, topic, qos, is_retained,
                                     nj_wire_packet_id_of(number), payload);
    uint8_t *out = nj_caller_reserve(p, n + payload);

    memcpy(out, packet, n);
    memcpy(out + n, head, sizeof(head));
    memcpy(out + n + sizeof(head), &number, sizeof(number));
    memcpy(out + n + NJ_COLLECTOR_HEAD_BYTES, c->filler + NJ_COLLECTOR_HEAD_BYTES,
           payload - NJ_COLLECTOR_HEAD_BYTES);
}

static void
take_message(struct nj_collector *c, const struct nj_wire_incoming *in)
{
    uint32_t payload = c->run->opts->payload;
    uint32_t magic = 0;
    uint64_t number = 0;

    c->messages++;
    if (in->payload_bytes == payload) {
        memcpy(&magic, in->payload, sizeof(magic));
        memcpy(&number, in->payload + 2 * sizeof(magic), sizeof(number));
    }
    if (magic != MAGIC || c->on_message == NULL ||
        memcmp(in->payload + NJ_COLLECTOR_HEAD_BYTES, c->filler + NJ_COLLECTOR_HEAD_BYTES,
               payload - NJ_COLLECTOR_HEAD_BYTES) != 0)
        c->run->tally.strange++;
    else
        c->on_message(c, in, number);
}

static void
answer(struct nj_caller *p, enum nj_wire_type type, uint16_t packet_id)
{
    nj_wire_ack_write(nj_caller_reserve(p, NJ_WIRE_ACK_BYTES), type, packet_id);
}

/* False: a packet that has no place here. */
static bool
take_ack(struct nj_collector *c, struct nj_caller *p, const struct nj_wire_frame *f)
{
    uint16_t packet_id;
    uint8_t reason;

    if (!nj_wire_ack_read(f, &packet_id, &reason) || reason >= 0x80)
        return false;
    if (f->type == NJ_WIRE_PUBREC)
        answer(p, NJ_WIRE_PUBREL, packet_id);
    else if (f->type == NJ_WIRE_PUBREL)
        answer(p, NJ_WIRE_PUBCOMP, packet_id);
    else if (f->type == NJ_WIRE_PUBACK || f->type == NJ_WIRE_PUBCOMP)
        c->acked++;
    else
        return false;
    return true;
}

/* As many filters as there are reason codes, all granted as they were asked for. */
static bool
take_suback(struct nj_collector *c, const struct nj_caller *p, const struct nj_wire_frame *f)
{
    size_t head = p->version == 5 ? 3 : 2;

    if (f->body_bytes <= head)
        return false;
    if (p->version == 5)
        head += f->body[2]; /* properties, shorter than 128 bytes */
    for (size_t i = head; i < f->body_bytes; i++) {
        if (f->body[i] != c->run->opts->qos)
            nj_bench_die("a subscription at QoS %u is not granted: 0x%02x", c->run->opts->qos,
                         f->body[i]);
        c->granted++;
    }
    return true;
}

static void
take_packet(struct nj_collector *c, struct nj_caller *p, const struct nj_wire_frame *f)
{
    struct nj_wire_incoming in;
    bool is_fine = true;

    if (f->type == NJ_WIRE_PUBLISH) {
        is_fine = nj_wire_incoming_read(f, p->version, &in);
        if (is_fine && in.qos > 0)
            answer(p, in.qos == 1 ? NJ_WIRE_PUBACK : NJ_WIRE_PUBREC, in.packet_id);
        if (is_fine)
            take_message(c, &in);
    } else if (f->type == NJ_WIRE_SUBACK) {
        is_fine = take_suback(c, p, f);
    } else if (f->type == NJ_WIRE_PINGRESP) {
        c->pongs++;
    } else {
        is_fine = take_ack(c, p, f);
    }
    if (!is_fine)
        c->run->tally.strange++;
}

/* One read and what it makes us say; false when nothing comes any more. */
static bool
read_once(struct nj_collector *c, struct nj_caller *p)
{
    struct pollfd ready = {.fd = p->fd, .events = POLLIN};
    struct nj_wire_frame f;
    size_t at = 0;
    long length;

    /* A broker that gathers small writes would otherwise wait for our delayed acknowledgement. */
    setsockopt(p->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
    if (p->is_closed ||
        (!nj_caller_has_packet(p) && poll(&ready, 1, (int)c->run->opts->patience_ms) != 1))
        return false;

    size_t n = nj_caller_read(p, c->buffer, c->buffer_bytes);

    while ((length = nj_wire_frame_next(c->buffer + at, n - at, &f)) > 0) {
        take_packet(c, p, &f);
        at += (size_t)length;
    }
    if (length < 0) {
        c->run->tally.strange++;
        p->is_closed = true;
    } else if (at < n) {
        nj_caller_keep(p, c->buffer + at, n - at);
    }
    nj_caller_push(p);
    return true;
}

bool
nj_collector_await(struct nj_collector *c, struct nj_caller *p, const uint64_t *count,
                   uint64_t wanted)
{
    nj_caller_push(p);
    while (*count < wanted)
        if (!read_once(c, p)) {
            c->run->closed += p->is_closed;
            c->run->is_complete = false;
            return false;
        }
    return true;
}

bool
nj_collector_settle(struct nj_collector *c, struct nj_caller *p)
{
    (void)nj_wire_ping_write(nj_caller_reserve(p, 2));
    return nj_collector_await(c, p, &c->pongs, c->pongs + 1);
}

void
nj_collector_await_end(struct nj_collector *c, struct nj_caller *p)
{
    while (read_once(c, p))
        ;
    nj_caller_close(p);
}
