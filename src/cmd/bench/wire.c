/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/bench/wire.h"

#include "base/assert.h"
#include "base/mem.h"

#include <string.h>

#define PROPERTY_SESSION_EXPIRY  0x11
#define PROPERTY_RECEIVE_MAXIMUM 0x21
/* Of a session that is kept (MQTT 5): long enough for any run, and it ends by itself. */
#define SESSION_EXPIRY_S 3600u

/* Bytes left to read; `p` moves on, and NULL stays NULL once something was missing. */
struct cursor {
    const uint8_t *p;
    size_t n;
};

static const uint8_t *
skip(struct cursor *c, size_t n)
{
    const uint8_t *at = c->p;

    if (at == NULL || n > c->n) {
        *c = (struct cursor){NULL, 0};
        return NULL;
    }
    c->p += n;
    c->n -= n;
    return at;
}

static size_t
read_u16(struct cursor *c)
{
    const uint8_t *p = skip(c, 2);

    return p != NULL ? (size_t)p[0] << 8 | p[1] : 0;
}

static size_t
read_varint(struct cursor *c)
{
    size_t value = 0;

    for (unsigned shift = 0; shift <= 21; shift += 7) {
        const uint8_t *p = skip(c, 1);

        if (p == NULL)
            return 0;
        value |= (size_t)(*p & 0x7f) << shift;
        if ((*p & 0x80) == 0)
            return value;
    }
    *c = (struct cursor){NULL, 0};
    return 0;
}

bool
nj_wire_incoming_read(const struct nj_wire_frame *f, uint8_t version, struct nj_wire_incoming *out)
{
    struct cursor c = {f->body, f->body_bytes};

    out->qos = (f->flags >> 1) & 3;
    out->is_retained = (f->flags & 1) != 0;
    skip(&c, read_u16(&c));
    out->packet_id = out->qos > 0 ? (uint16_t)read_u16(&c) : 0;
    if (version == 5)
        skip(&c, read_varint(&c));
    out->payload = c.p;
    out->payload_bytes = c.n;
    return c.p != NULL;
}

bool
nj_wire_ack_read(const struct nj_wire_frame *f, uint16_t *packet_id, uint8_t *reason)
{
    struct cursor c = {f->body, f->body_bytes};

    *packet_id = (uint16_t)read_u16(&c);
    *reason = c.n > 0 ? c.p[0] : 0;
    return c.p != NULL;
}

/* How many bytes the value of a CONNACK property takes; strings and user properties say it. */
static size_t
property_bytes(uint8_t id, struct cursor c)
{
    switch (id) {
    case 0x24: /* maximum QoS */
    case 0x25: /* retain available */
    case 0x28: /* wildcard, */
    case 0x29: /* subscription identifiers, */
    case 0x2a: /* shared subscriptions available */
        return 1;
    case 0x13: /* server keep alive */
    case PROPERTY_RECEIVE_MAXIMUM:
    case 0x22: /* topic alias maximum */
        return 2;
    case 0x11: /* session expiry */
    case 0x27: /* maximum packet size */
        return 4;
    case 0x26: { /* user property */
        size_t name = 2 + read_u16(&c);

        skip(&c, name - 2);
        return name + 2 + read_u16(&c);
    }
    default: /* a string or binary data */
        return 2 + read_u16(&c);
    }
}

bool
nj_wire_welcome_read(const struct nj_wire_frame *f, uint8_t version, struct nj_wire_welcome *out)
{
    struct cursor c = {f->body, f->body_bytes};
    const uint8_t *head = skip(&c, 2);

    if (head == NULL)
        return false;
    out->reason = head[1];
    out->receive_maximum = UINT16_MAX;
    if (version != 5 || c.n == 0)
        return true;

    size_t properties_bytes = read_varint(&c);
    struct cursor properties = {c.p, properties_bytes};

    if (skip(&c, properties_bytes) == NULL)
        return false;
    while (properties.n > 0) {
        const uint8_t *id = skip(&properties, 1);
        const uint8_t *value =
            id != NULL ? skip(&properties, property_bytes(*id, properties)) : NULL;

        if (value == NULL)
            return false;
        if (*id == PROPERTY_RECEIVE_MAXIMUM)
            out->receive_maximum = (uint16_t)(value[0] << 8 | value[1]);
    }
    return true;
}

static uint8_t *
put_u16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
    return p + 2;
}

static uint8_t *
put_string(uint8_t *p, const char *s)
{
    size_t n = strlen(s);

    p = put_u16(p, n);
    memcpy(p, s, n);
    return p + n;
}

static uint8_t *
put_varint(uint8_t *p, size_t v)
{
    do {
        *p = (uint8_t)(v & 0x7f);
        v >>= 7;
        if (v > 0)
            *p |= 0x80;
        p++;
    } while (v > 0);
    return p;
}

static uint8_t
connect_flags(const struct nj_wire_hello *h)
{
    return (uint8_t)((h->keeps_session ? 0 : 0x02) | (h->username != NULL ? 0x80 : 0) |
                     (h->password != NULL ? 0x40 : 0));
}

static size_t
string_bytes(const char *s)
{
    return s != NULL ? 2 + strlen(s) : 0;
}

size_t
nj_wire_connect_write(uint8_t *out, const struct nj_wire_hello *h)
{
    const char *protocol = h->version == 3 ? "MQIsdp" : "MQTT";
    size_t properties = h->version == 5 && h->keeps_session ? 5 : 0;
    uint8_t *p = out;

    *p++ = NJ_WIRE_CONNECT << 4;
    p = put_varint(p, string_bytes(protocol) + 4 + (h->version == 5 ? 1 + properties : 0) +
                          string_bytes(h->client_id) + string_bytes(h->username) +
                          string_bytes(h->password));
    p = put_string(p, protocol);
    *p++ = h->version;
    *p++ = connect_flags(h);
    p = put_u16(p, h->keep_alive_s);
    if (h->version == 5)
        *p++ = (uint8_t)properties;
    if (properties > 0) {
        *p++ = PROPERTY_SESSION_EXPIRY;
        p = put_u16(p, 0);
        p = put_u16(p, SESSION_EXPIRY_S);
    }
    p = put_string(p, h->client_id);
    if (h->username != NULL)
        p = put_string(p, h->username);
    if (h->password != NULL)
        p = put_string(p, h->password);
    return (size_t)(p - out);
}

size_t
nj_wire_subscribe_write(uint8_t *out, uint8_t version, uint16_t packet_id,
                        const char *const *filters, size_t count, uint8_t qos)
{
    size_t length = 2 + (version == 5 ? 1 : 0);
    uint8_t *p = out;

    for (size_t i = 0; i < count; i++)
        length += string_bytes(filters[i]) + 1;
    *p++ = NJ_WIRE_SUBSCRIBE << 4 | 0x02;
    p = put_u16(put_varint(p, length), packet_id);
    if (version == 5)
        *p++ = 0;
    for (size_t i = 0; i < count; i++) {
        p = put_string(p, filters[i]);
        *p++ = qos;
    }
    return (size_t)(p - out);
}

size_t
nj_wire_disconnect_write(uint8_t *out)
{
    out[0] = NJ_WIRE_DISCONNECT << 4;
    out[1] = 0;
    return 2;
}

size_t
nj_wire_ping_write(uint8_t *out)
{
    out[0] = NJ_WIRE_PINGREQ << 4;
    out[1] = 0;
    return 2;
}

void
nj_wire_ack_write(uint8_t *out, enum nj_wire_type type, uint16_t packet_id)
{
    out[0] = (uint8_t)(type << 4 | (type == NJ_WIRE_PUBREL ? 0x02 : 0));
    out[1] = 2;
    put_u16(out + 2, packet_id);
}

size_t
nj_wire_publish_write(uint8_t *out, uint8_t version, const char *topic, uint8_t qos,
                      bool is_retained, uint16_t packet_id, size_t payload_bytes)
{
    size_t length =
        string_bytes(topic) + (qos > 0 ? 2 : 0) + (version == 5 ? 1 : 0) + payload_bytes;
    uint8_t *p = out;

    *p++ = (uint8_t)(NJ_WIRE_PUBLISH << 4 | qos << 1 | (is_retained ? 1 : 0));
    p = put_string(put_varint(p, length), topic);
    if (qos > 0)
        p = put_u16(p, packet_id);
    if (version == 5)
        *p++ = 0;
    return (size_t)(p - out);
}

void
nj_wire_stencil_init(struct nj_wire_stencil *s, uint8_t version, const char *topic, uint8_t qos,
                     size_t payload_bytes)
{
    uint8_t *p = nj_zalloc(64 + strlen(topic) + payload_bytes);

    NJ_ASSERT(p != NULL);
    s->bytes = p;
    s->payload_at = nj_wire_publish_write(p, version, topic, qos, false, 0, payload_bytes);
    s->packet_id_at = qos > 0 ? s->payload_at - (version == 5 ? 3 : 2) : 0;
    s->n = s->payload_at + payload_bytes;
}

void
nj_wire_stencil_fini(struct nj_wire_stencil *s)
{
    nj_free(s->bytes);
    s->bytes = NULL;
}
