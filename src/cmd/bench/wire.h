/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h — the few MQTT packets that a load generator speaks, in 3.1, 3.1.1 and 5.0.
 *
 * It shares nothing with src/mqtt on purpose: a fault of our codec would otherwise be made and
 * forgiven on both sides of the wire, and a broker would be measured by its own code.
 * Thread: any. Cost: a frame or a PUBLISH is read in a few nanoseconds, without copying. */
#ifndef NJ_BENCH_WIRE_H
#define NJ_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nj_wire_type {
    NJ_WIRE_CONNECT = 1,
    NJ_WIRE_CONNACK = 2,
    NJ_WIRE_PUBLISH = 3,
    NJ_WIRE_PUBACK = 4,
    NJ_WIRE_PUBREC = 5,
    NJ_WIRE_PUBREL = 6,
    NJ_WIRE_PUBCOMP = 7,
    NJ_WIRE_SUBSCRIBE = 8,
    NJ_WIRE_SUBACK = 9,
    NJ_WIRE_PINGREQ = 12,
    NJ_WIRE_PINGRESP = 13,
    NJ_WIRE_DISCONNECT = 14,
};

/* An acknowledgement without reason code, the same in every version. */
#define NJ_WIRE_ACK_BYTES 4u
/* Packet identifiers go round from 1 to this. */
#define NJ_WIRE_PACKET_IDS 65535u

/* What CONNECT says; texts are lent. */
struct nj_wire_hello {
    uint8_t version; /* 3: MQTT 3.1, 4: 3.1.1, 5 */
    uint16_t keep_alive_s;
    bool keeps_session;
    const char *client_id;
    const char *username; /* NULL: none */
    const char *password; /* NULL: none */
};

/* One packet in a stream: views into the caller's bytes. */
struct nj_wire_frame {
    uint8_t type;
    uint8_t flags;
    const uint8_t *body;
    size_t body_bytes;
};

/* What a PUBLISH carries, as views; `packet_id` is 0 at QoS 0. */
struct nj_wire_incoming {
    const uint8_t *payload;
    size_t payload_bytes;
    uint16_t packet_id;
    uint8_t qos;
    bool is_retained;
};

/* What CONNACK says that a publisher must respect. */
struct nj_wire_welcome {
    uint8_t reason;
    uint16_t receive_maximum;
};

/* A PUBLISH made once and sent many times: only sequence number and packet id change. */
struct nj_wire_stencil {
    uint8_t *bytes; /* owned */
    size_t n;
    size_t packet_id_at; /* 0 at QoS 0 */
    size_t payload_at;
};

/* The next packet of the `n` bytes at `p`. Returns its whole length, 0 when it is not complete,
 * -1 when its length field is none. */
static inline long
nj_wire_frame_next(const uint8_t *p, size_t n, struct nj_wire_frame *out)
{
    size_t length = 0;
    size_t at = 1;

    for (unsigned shift = 0;; shift += 7) {
        if (at >= n)
            return 0;
        if (shift > 21)
            return -1;
        length |= (size_t)(p[at] & 0x7f) << shift;
        if ((p[at++] & 0x80) == 0)
            break;
    }
    if (n - at < length)
        return 0;
    out->type = p[0] >> 4;
    out->flags = p[0] & 0x0f;
    out->body = p + at;
    out->body_bytes = length;
    return (long)(at + length);
}

/* False when the packet is cut short. */
bool nj_wire_incoming_read(const struct nj_wire_frame *f, uint8_t version,
                           struct nj_wire_incoming *out);
/* The packet id and reason code of PUBACK … PUBCOMP; no reason code means success. */
bool nj_wire_ack_read(const struct nj_wire_frame *f, uint16_t *packet_id, uint8_t *reason);
bool nj_wire_welcome_read(const struct nj_wire_frame *f, uint8_t version,
                          struct nj_wire_welcome *out);

static inline uint16_t
nj_wire_packet_id_of(uint64_t number)
{
    return (uint16_t)(number % NJ_WIRE_PACKET_IDS + 1);
}

/* Each writes a packet at `out` and returns its length; the caller has room for the texts and 64
 * bytes more, with SUBSCRIBE 3 bytes more for each filter. */
size_t nj_wire_connect_write(uint8_t *out, const struct nj_wire_hello *hello);
size_t nj_wire_subscribe_write(uint8_t *out, uint8_t version, uint16_t packet_id,
                               const char *const *filters, size_t count, uint8_t qos);
size_t nj_wire_disconnect_write(uint8_t *out);
size_t nj_wire_ping_write(uint8_t *out);
/* NJ_WIRE_ACK_BYTES; PUBREL gets the flags the standard asks for. */
void nj_wire_ack_write(uint8_t *out, enum nj_wire_type type, uint16_t packet_id);

/* What stands before a payload of `payload_bytes`; at QoS 1 and 2 with a packet identifier. */
size_t nj_wire_publish_write(uint8_t *out, uint8_t version, const char *topic, uint8_t qos,
                             bool is_retained, uint16_t packet_id, size_t payload_bytes);

/* A PUBLISH of `payload_bytes` zeros on `topic`; ends the process without memory. Freed with
 * nj_wire_stencil_fini(). */
void nj_wire_stencil_init(struct nj_wire_stencil *s, uint8_t version, const char *topic,
                          uint8_t qos, size_t payload_bytes);
void nj_wire_stencil_fini(struct nj_wire_stencil *s);

#endif
