/* SPDX-License-Identifier: Apache-2.0 */
/* kit_test.h — what the codec's tests share: packets from hexadecimal text, in heap blocks of
 * exactly their size so that AddressSanitizer sees a read past the end, and any decoded packet back
 * to bytes. The fuzz harnesses use the latter, too. */
#ifndef NJ_MQTT_KIT_TEST_H
#define NJ_MQTT_KIT_TEST_H

#include "base/assert.h"
#include "base/mem.h"
#include "mqtt/packet.h"

/* What the values of properties are, as property.def has it. */
enum type {
    BOOL,
    U16,
    U32,
    VARINT,
    STR,
    BIN,
    PAIR,
};

struct kit_bytes {
    uint8_t *p;
    size_t n;
};

static inline struct kit_bytes
kit_copy(const void *p, size_t n)
{
    struct kit_bytes b = {nj_alloc(n), n};

    NJ_ASSERT(b.p != NULL);
    if (n > 0)
        memcpy(b.p, p, n);
    return b;
}

static inline unsigned
kit_nibble(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = memchr(digits, c, 16);

    NJ_ASSERT(at != NULL);
    return (unsigned)(at - digits);
}

/* Lower case; spaces are passed over. */
static inline struct kit_bytes
kit_hex(const char *hex)
{
    uint8_t *scratch = nj_alloc(strlen(hex) / 2 + 1);
    struct kit_bytes b;
    size_t n = 0;

    NJ_ASSERT(scratch != NULL);
    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        scratch[n++] = (uint8_t)(kit_nibble(hex[0]) << 4 | kit_nibble(hex[1]));
        hex += 2;
    }
    b = kit_copy(scratch, n);
    nj_free(scratch);
    return b;
}

static inline struct nj_str
kit_str(struct kit_bytes b)
{
    return (struct nj_str){(const char *)b.p, b.n};
}

/* A packet and what became of it; the views in `packet` hold until kit_close(). */
struct kit {
    struct kit_bytes bytes;
    struct nj_frame frame;
    struct nj_packet packet;
    enum nj_cause cause;
};

/* Frame and decode one packet; NJ_CAUSE_PACKET_SHORT too where the frame is not whole. */
static inline void
kit_open(struct kit *k, const char *hex, enum nj_version v, enum nj_side from)
{
    *k = (struct kit){.bytes = kit_hex(hex)};
    memset(&k->packet, 0xa5, sizeof(k->packet)); /* a decoder finds whatever was on the stack */
    switch (nj_frame_find(kit_str(k->bytes), NJ_PACKET_MAX_BYTES, &k->frame)) {
    case NJ_FRAME_WHOLE:
        k->cause = nj_packet_decode(&k->frame, v, from, &k->packet);
        break;
    case NJ_FRAME_PART:
        k->cause = NJ_CAUSE_PACKET_SHORT;
        break;
    case NJ_FRAME_FAULT:
        k->cause = k->frame.cause;
        break;
    }
}

static inline void
kit_close(struct kit *k)
{
    nj_free(k->bytes.p);
}

static inline enum nj_cause
kit_judge(const char *hex, enum nj_version v, enum nj_side from)
{
    struct kit k;

    kit_open(&k, hex, v, from);
    kit_close(&k);
    return k.cause;
}

/* For tests: by name, so that a failure can be read. */
#define kit_assert_cause(hex, v, from, expected)                                                   \
    assert_string_equal(nj_cause_counter(kit_judge((hex), (v), (from))),                           \
                        nj_cause_counter(NJ_CAUSE_##expected))

static inline void
kit_put_connect(struct nj_writer *w, const struct nj_connect *c)
{
    struct nj_connect_out out = {
        .version = c->version,
        .clean_start = c->clean_start,
        .is_bridge = c->is_bridge,
        .keep_alive_s = c->keep_alive_s,
        .client_id = c->client_id,
        .properties = c->properties.block,
        .has_will = c->has_will,
        .will_retain = c->will_retain,
        .will_qos = c->will_qos,
        .will_topic = c->will_topic,
        .will_payload = c->will_payload,
        .will_properties = c->will_properties.block,
        .has_user_name = c->has_user_name,
        .has_password = c->has_password,
        .user_name = c->user_name,
        .password = c->password,
    };

    nj_connect_encode(w, &out);
}

static inline void
kit_put_publish(struct nj_writer *w, enum nj_version v, const struct nj_publish *p)
{
    struct nj_publish_head head = {
        .dup = p->dup,
        .retain = p->retain,
        .qos = p->qos,
        .packet_id = p->packet_id,
        .topic = p->topic,
        .properties = p->properties.block,
        .payload_bytes = (uint32_t)p->payload.n,
    };
    const uint8_t *begin = w->p;

    nj_publish_head_encode(w, v, &head);
    NJ_ASSERT(w->is_full || (size_t)(w->p - begin) == nj_publish_head_size(&head, v));
    nj_write_bytes(w, p->payload);
}

/* The list of topic filters goes through its walker and back. */
static inline void
kit_put_subscribe(struct nj_writer *w, enum nj_version v, enum nj_packet_type type,
                  const struct nj_subscribe *s)
{
    struct nj_reader r = nj_reader_of(s->filters);
    struct nj_subscription one;
    uint8_t *list = nj_alloc(s->filters.n);
    struct nj_writer list_w = nj_writer_of(list, s->filters.n);
    uint32_t count = 0;

    NJ_ASSERT(list != NULL);
    while (nj_subscription_next(&r, v, type == NJ_SUBSCRIBE, &one)) {
        nj_subscription_put(&list_w, v, type == NJ_SUBSCRIBE, &one);
        count++;
    }
    NJ_ASSERT(count == s->count && !list_w.is_full && list_w.p == list_w.end);
    nj_subscribe_encode(w, v, type, s->packet_id, s->properties.block,
                        (struct nj_str){(const char *)list, s->filters.n});
    nj_free(list);
}

static inline void
kit_put_packet(struct nj_writer *w, enum nj_version v, const struct nj_packet *p)
{
    switch (p->type) {
    case NJ_CONNECT:
        kit_put_connect(w, &p->connect);
        break;
    case NJ_CONNACK:
        nj_connack_encode(w, v, p->connack.session_present, p->connack.code,
                          p->connack.properties.block);
        break;
    case NJ_PUBLISH:
        kit_put_publish(w, v, &p->publish);
        break;
    case NJ_PUBACK:
    case NJ_PUBREC:
    case NJ_PUBREL:
    case NJ_PUBCOMP:
        nj_ack_encode(w, v, p->type, p->ack.packet_id, p->ack.reason, p->ack.properties.block);
        break;
    case NJ_SUBSCRIBE:
    case NJ_UNSUBSCRIBE:
        kit_put_subscribe(w, v, p->type, &p->subscribe);
        break;
    case NJ_SUBACK:
    case NJ_UNSUBACK:
        nj_suback_encode(w, v, p->type, p->suback.packet_id, p->suback.properties.block,
                         p->suback.codes);
        break;
    case NJ_PINGREQ:
    case NJ_PINGRESP:
        nj_ping_encode(w, p->type);
        break;
    case NJ_DISCONNECT:
        nj_disconnect_encode(w, v, p->disconnect.reason, p->disconnect.properties.block);
        break;
    case NJ_AUTH:
        nj_auth_encode(w, p->auth.reason, p->auth.properties.block);
        break;
    }
}

/* The walk over a block of properties finds what decoding has counted, byte for byte. */
static inline void
kit_check_walk(const struct nj_properties *p)
{
    struct nj_reader r = nj_reader_of(p->block);
    struct nj_property_view v;
    uint64_t present = 0;
    uint32_t user = 0, identifiers = 0;
    size_t bytes = 0;

    while (nj_property_next(&r, &v)) {
        present |= UINT64_C(1) << v.id;
        user += v.id == NJ_PROPERTY_USER_PROPERTY;
        identifiers += v.id == NJ_PROPERTY_SUBSCRIPTION_IDENTIFIER;
        bytes += v.bytes.n;
    }
    NJ_ASSERT(bytes == p->block.n && present == p->present && user == p->user_property_count &&
              identifiers == p->subscription_identifier_count);
}

static inline const struct nj_properties *
kit_properties(const struct nj_packet *p)
{
    switch (p->type) {
    case NJ_CONNECT:
        return &p->connect.properties;
    case NJ_CONNACK:
        return &p->connack.properties;
    case NJ_PUBLISH:
        return &p->publish.properties;
    case NJ_PUBACK:
    case NJ_PUBREC:
    case NJ_PUBREL:
    case NJ_PUBCOMP:
        return &p->ack.properties;
    case NJ_SUBSCRIBE:
    case NJ_UNSUBSCRIBE:
        return &p->subscribe.properties;
    case NJ_SUBACK:
    case NJ_UNSUBACK:
        return &p->suback.properties;
    case NJ_DISCONNECT:
        return &p->disconnect.properties;
    case NJ_AUTH:
        return &p->auth.properties;
    case NJ_PINGREQ:
    case NJ_PINGRESP:
        break;
    }
    return NULL;
}

static inline bool
kit_has_one_form(enum nj_version v, const struct nj_packet *p)
{
    switch (p->type) {
    case NJ_CONNECT:
        return p->connect.version != NJ_MQTT_31;
    case NJ_PUBLISH:
    case NJ_SUBACK:
    case NJ_UNSUBACK:
    case NJ_PINGREQ:
    case NJ_PINGRESP:
        return true;
    case NJ_SUBSCRIBE:
    case NJ_UNSUBSCRIBE:
        return v != NJ_MQTT_31;
    case NJ_CONNACK:
    case NJ_PUBACK:
    case NJ_PUBREC:
    case NJ_PUBREL:
    case NJ_PUBCOMP:
    case NJ_DISCONNECT:
    case NJ_AUTH:
        break;
    }
    return false;
}

/* What was decoded from `before` is encoded and decoded again: the same packet, and the same bytes
 * where the encoding has only one form. It has two where a reason code or empty properties may be
 * left out, in what 3.1 leaves undefined, and in the refusal of a server that knows no 5.0; ours is
 * the shorter one. */
static inline void
kit_check_again(struct nj_str before, enum nj_version v, enum nj_side from,
                const struct nj_packet *p)
{
    size_t room = before.n + 16;
    uint8_t *memory = nj_alloc(2 * room);
    struct nj_writer w = nj_writer_of(memory, room), again = nj_writer_of(memory + room, room);
    struct nj_packet q;
    struct nj_frame f;
    struct nj_str bytes;
    bool is_31;

    NJ_ASSERT(memory != NULL);
    if (kit_properties(p) != NULL)
        kit_check_walk(kit_properties(p));
    kit_put_packet(&w, v, p);
    NJ_ASSERT(!w.is_full);
    bytes = (struct nj_str){(const char *)memory, (size_t)(w.p - memory)};
    NJ_ASSERT(bytes.n <= before.n || p->type == NJ_CONNACK);
    is_31 = (p->type == NJ_CONNECT ? p->connect.version : v) == NJ_MQTT_31;
    if (kit_has_one_form(v, p) || (bytes.n == before.n && !is_31))
        NJ_ASSERT(nj_str_eq(bytes, before));

    NJ_ASSERT(nj_frame_find(bytes, NJ_PACKET_MAX_BYTES, &f) == NJ_FRAME_WHOLE);
    NJ_ASSERT(f.bytes == bytes.n);
    NJ_ASSERT(nj_packet_decode(&f, v, from, &q) == NJ_CAUSE_NONE);
    kit_put_packet(&again, v, &q);
    NJ_ASSERT(nj_str_eq(
        bytes, (struct nj_str){(const char *)memory + room, (size_t)(again.p - (memory + room))}));
    nj_free(memory);
}

#endif
