/* SPDX-License-Identifier: Apache-2.0 */
/* The properties, read off their table: what type an identifier has says how it is read, in which
 * packets it may stand says whether. One pass over the block; twice is seen by one bit each. */
#include "mqtt/property.h"

#include "base/assert.h"
#include "mqtt/packet_priv.h"
#include "mqtt/topic.h"

enum {
    WILL = NJ_PROPERTIES_OF_WILL,
    CONNECT = NJ_PROPERTIES_OF(NJ_CONNECT),
    CONNACK = NJ_PROPERTIES_OF(NJ_CONNACK),
    PUBLISH = NJ_PROPERTIES_OF(NJ_PUBLISH),
    PUBACK = NJ_PROPERTIES_OF(NJ_PUBACK),
    PUBREC = NJ_PROPERTIES_OF(NJ_PUBREC),
    PUBREL = NJ_PROPERTIES_OF(NJ_PUBREL),
    PUBCOMP = NJ_PROPERTIES_OF(NJ_PUBCOMP),
    SUBSCRIBE = NJ_PROPERTIES_OF(NJ_SUBSCRIBE),
    SUBACK = NJ_PROPERTIES_OF(NJ_SUBACK),
    UNSUBSCRIBE = NJ_PROPERTIES_OF(NJ_UNSUBSCRIBE),
    UNSUBACK = NJ_PROPERTIES_OF(NJ_UNSUBACK),
    DISCONNECT = NJ_PROPERTIES_OF(NJ_DISCONNECT),
    AUTH = NJ_PROPERTIES_OF(NJ_AUTH),
};

/* By identifier. Identifiers are variable byte integers, but all that exist take one byte; a byte
 * of 64 or more, those that announce a second one included, begins none of them. */
static const struct {
    uint8_t type;
    uint16_t packets;
    const char *name;
} table[64] = {
#define NJ_PROPERTY(name, identifier, type, packets, text)                                         \
    [identifier] = {NJ_PROPERTY_TYPE_##type, (packets), (text)},
#include "mqtt/property.def"
#undef NJ_PROPERTY
};

enum nj_property_type
nj_property_type(unsigned identifier)
{
    return identifier < NJ_COUNT_OF(table) ? table[identifier].type : NJ_PROPERTY_TYPE_NONE;
}

/* Read one property as its type has it, without judging its value. */
static enum nj_cause
read_property(struct nj_reader *r, struct nj_property_view *out)
{
    const uint8_t *begin = r->p;
    enum nj_cause cause = NJ_CAUSE_NONE;
    uint8_t id = nj_read_u8(r);

    out->id = (enum nj_property)id;
    out->number = 0;
    out->key = out->value = (struct nj_str){NULL, 0};
    switch (nj_property_type(id)) {
    case NJ_PROPERTY_TYPE_NONE:
        return NJ_CAUSE_PROPERTY_UNKNOWN;
    case NJ_PROPERTY_TYPE_BOOL:
        out->number = nj_read_u8(r);
        break;
    case NJ_PROPERTY_TYPE_U16:
        out->number = nj_read_u16(r);
        break;
    case NJ_PROPERTY_TYPE_U32:
        out->number = nj_read_u32(r);
        break;
    case NJ_PROPERTY_TYPE_VARINT:
        cause = nj_varint_read(r, &out->number);
        break;
    case NJ_PROPERTY_TYPE_STR:
    case NJ_PROPERTY_TYPE_BIN:
        out->value = nj_read_lp16(r);
        break;
    case NJ_PROPERTY_TYPE_PAIR:
        out->key = nj_read_lp16(r);
        out->value = nj_read_lp16(r);
        break;
    }
    out->bytes = (struct nj_str){(const char *)begin, (size_t)(r->p - begin)};
    return r->is_short ? NJ_CAUSE_PACKET_SHORT : cause;
}

bool
nj_property_next(struct nj_reader *r, struct nj_property_view *out)
{
    return nj_reader_left(r) > 0 && read_property(r, out) == NJ_CAUSE_NONE;
}

static enum nj_cause
check_value(const struct nj_property_view *v)
{
    enum nj_property_type type = nj_property_type(v->id);

    if (type == NJ_PROPERTY_TYPE_BOOL)
        return v->number > 1 ? NJ_CAUSE_PROPERTY_VALUE : NJ_CAUSE_NONE;
    if (type == NJ_PROPERTY_TYPE_STR || type == NJ_PROPERTY_TYPE_PAIR) {
        if (!nj_utf8_is_valid(v->key) || !nj_utf8_is_valid(v->value))
            return NJ_CAUSE_UTF8;
    }
    switch ((unsigned)v->id) {
    case NJ_PROPERTY_TOPIC_ALIAS: /* [MQTT5-3.3.2-8] */
        return v->number == 0 ? NJ_CAUSE_TOPIC_ALIAS : NJ_CAUSE_NONE;
    case NJ_PROPERTY_RECEIVE_MAXIMUM:
    case NJ_PROPERTY_MAXIMUM_PACKET_SIZE:
    case NJ_PROPERTY_SUBSCRIPTION_IDENTIFIER:
        return v->number == 0 ? NJ_CAUSE_PROPERTY_VALUE : NJ_CAUSE_NONE;
    case NJ_PROPERTY_RESPONSE_TOPIC: /* [MQTT5-3.3.2-14] [MQTT5-4.7.3-1] */
        if (v->value.n == 0)
            return NJ_CAUSE_PROPERTY_VALUE;
        return nj_topic_has_wildcard(v->value) ? NJ_CAUSE_TOPIC_NAME_WILDCARD : NJ_CAUSE_NONE;
    default:
        return NJ_CAUSE_NONE;
    }
}

static void
keep(struct nj_properties *p, const struct nj_property_view *v)
{
    switch (v->id) {
    case NJ_PROPERTY_PAYLOAD_FORMAT_INDICATOR:
        p->payload_format_indicator = (uint8_t)v->number;
        break;
    case NJ_PROPERTY_MESSAGE_EXPIRY_INTERVAL:
        p->message_expiry_interval_s = v->number;
        break;
    case NJ_PROPERTY_CONTENT_TYPE:
        p->content_type = v->value;
        break;
    case NJ_PROPERTY_RESPONSE_TOPIC:
        p->response_topic = v->value;
        break;
    case NJ_PROPERTY_CORRELATION_DATA:
        p->correlation_data = v->value;
        break;
    case NJ_PROPERTY_SUBSCRIPTION_IDENTIFIER:
        if (p->subscription_identifier_count++ == 0)
            p->subscription_identifier = v->number;
        break;
    case NJ_PROPERTY_SESSION_EXPIRY_INTERVAL:
        p->session_expiry_interval_s = v->number;
        break;
    case NJ_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER:
        p->assigned_client_identifier = v->value;
        break;
    case NJ_PROPERTY_SERVER_KEEP_ALIVE:
        p->server_keep_alive_s = (uint16_t)v->number;
        break;
    case NJ_PROPERTY_AUTHENTICATION_METHOD:
        p->authentication_method = v->value;
        break;
    case NJ_PROPERTY_AUTHENTICATION_DATA:
        p->authentication_data = v->value;
        break;
    case NJ_PROPERTY_REQUEST_PROBLEM_INFORMATION:
        p->request_problem_information = (uint8_t)v->number;
        break;
    case NJ_PROPERTY_WILL_DELAY_INTERVAL:
        p->will_delay_interval_s = v->number;
        break;
    case NJ_PROPERTY_REQUEST_RESPONSE_INFORMATION:
        p->request_response_information = (uint8_t)v->number;
        break;
    case NJ_PROPERTY_RESPONSE_INFORMATION:
        p->response_information = v->value;
        break;
    case NJ_PROPERTY_SERVER_REFERENCE:
        p->server_reference = v->value;
        break;
    case NJ_PROPERTY_REASON_STRING:
        p->reason_string = v->value;
        break;
    case NJ_PROPERTY_RECEIVE_MAXIMUM:
        p->receive_maximum = (uint16_t)v->number;
        break;
    case NJ_PROPERTY_TOPIC_ALIAS_MAXIMUM:
        p->topic_alias_maximum = (uint16_t)v->number;
        break;
    case NJ_PROPERTY_TOPIC_ALIAS:
        p->topic_alias = (uint16_t)v->number;
        break;
    case NJ_PROPERTY_MAXIMUM_QOS:
        p->maximum_qos = (uint8_t)v->number;
        break;
    case NJ_PROPERTY_RETAIN_AVAILABLE:
        p->retain_available = (uint8_t)v->number;
        break;
    case NJ_PROPERTY_USER_PROPERTY:
        p->user_property_count++;
        break;
    case NJ_PROPERTY_MAXIMUM_PACKET_SIZE:
        p->maximum_packet_size = v->number;
        break;
    case NJ_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE:
        p->wildcard_subscription_available = (uint8_t)v->number;
        break;
    case NJ_PROPERTY_SUBSCRIPTION_IDENTIFIER_AVAILABLE:
        p->subscription_identifier_available = (uint8_t)v->number;
        break;
    case NJ_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE:
        p->shared_subscription_available = (uint8_t)v->number;
        break;
    }
}

static inline bool
may_repeat(enum nj_property id, uint32_t packets)
{
    return id == NJ_PROPERTY_USER_PROPERTY ||
           (id == NJ_PROPERTY_SUBSCRIPTION_IDENTIFIER && (packets & PUBLISH) != 0);
}

enum nj_cause
nj_properties_decode(struct nj_reader *r, uint32_t packets, struct nj_properties *out)
{
    struct nj_reader block;
    enum nj_cause cause;
    uint32_t bytes;

    nj_properties_clear(out);
    cause = nj_varint_read(r, &bytes);
    if (cause != NJ_CAUSE_NONE)
        return cause;
    out->block = nj_read_bytes(r, bytes);
    if (r->is_short)
        return NJ_CAUSE_PACKET_SHORT;

    block = nj_reader_of(out->block);
    while (nj_reader_left(&block) > 0) {
        struct nj_property_view v;

        cause = read_property(&block, &v);
        if (cause != NJ_CAUSE_NONE)
            return cause;
        if ((table[v.id].packets & packets) == 0)
            return NJ_CAUSE_PROPERTY_NOT_ALLOWED;
        if (nj_properties_has(out, v.id) && !may_repeat(v.id, packets))
            return NJ_CAUSE_PROPERTY_TWICE;
        cause = check_value(&v);
        if (cause != NJ_CAUSE_NONE)
            return cause;
        out->present |= UINT64_C(1) << v.id;
        keep(out, &v);
    }
    return NJ_CAUSE_NONE;
}

unsigned
nj_property_by_name(struct nj_str name)
{
    for (unsigned id = 0; id < NJ_COUNT_OF(table); id++) {
        if (table[id].name != NULL && nj_str_eq(name, nj_str_of(table[id].name)))
            return id;
    }
    return 0;
}

const char *
nj_property_name(unsigned id)
{
    return id < NJ_COUNT_OF(table) ? table[id].name : NULL;
}

uint32_t
nj_property_maximum(unsigned id)
{
    static const uint32_t of_type[] = {
        [NJ_PROPERTY_TYPE_BOOL] = UINT8_MAX, [NJ_PROPERTY_TYPE_U16] = UINT16_MAX,
        [NJ_PROPERTY_TYPE_U32] = UINT32_MAX, [NJ_PROPERTY_TYPE_VARINT] = NJ_VARINT_MAX_VALUE,
        [NJ_PROPERTY_TYPE_PAIR] = 0,
    };

    return of_type[nj_property_type(id)];
}

bool
nj_property_is_allowed(unsigned id, uint32_t packets)
{
    return id < NJ_COUNT_OF(table) && (table[id].packets & packets) != 0;
}

void
nj_property_put_number(struct nj_writer *w, enum nj_property id, uint32_t value)
{
    enum nj_property_type type = nj_property_type(id);

    NJ_ASSERT(type == NJ_PROPERTY_TYPE_BOOL || type == NJ_PROPERTY_TYPE_U16 ||
              type == NJ_PROPERTY_TYPE_U32 || type == NJ_PROPERTY_TYPE_VARINT);
    nj_write_u8(w, (uint8_t)id);
    if (type == NJ_PROPERTY_TYPE_BOOL)
        nj_write_u8(w, (uint8_t)value);
    else if (type == NJ_PROPERTY_TYPE_U16)
        nj_write_u16(w, (uint16_t)value);
    else if (type == NJ_PROPERTY_TYPE_U32)
        nj_write_u32(w, value);
    else
        nj_varint_write(w, value);
}

void
nj_property_put_string(struct nj_writer *w, enum nj_property id, struct nj_str value)
{
    NJ_ASSERT(nj_property_type(id) == NJ_PROPERTY_TYPE_STR ||
              nj_property_type(id) == NJ_PROPERTY_TYPE_BIN);
    nj_write_u8(w, (uint8_t)id);
    nj_write_lp16(w, value);
}

void
nj_property_put_pair(struct nj_writer *w, struct nj_str key, struct nj_str value)
{
    nj_write_u8(w, NJ_PROPERTY_USER_PROPERTY);
    nj_write_lp16(w, key);
    nj_write_lp16(w, value);
}

void
nj_properties_put(struct nj_writer *w, struct nj_str block)
{
    nj_varint_write(w, block.n > NJ_VARINT_MAX_VALUE ? UINT32_MAX : (uint32_t)block.n);
    nj_write_bytes(w, block);
}
