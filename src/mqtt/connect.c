/* SPDX-License-Identifier: Apache-2.0 */
/* CONNECT: who speaks, in which version, with which will and credentials. */
#include "mqtt/packet_priv.h"

/* The level byte of a bridge, in 3.1 and 3.1.1. */
#define BRIDGE_BIT 0x80u

enum flag {
    RESERVED = 0x01,
    CLEAN_START = 0x02,
    HAS_WILL = 0x04,
    WILL_QOS = 0x18,
    WILL_RETAIN = 0x20,
    HAS_PASSWORD = 0x40,
    HAS_USER_NAME = 0x80,
};

/* [MQTT5-3.1.2-1] [MQTT311-3.1.2-1] [MQTT311-3.1.2-2] */
static enum nj_cause
read_version(struct nj_reader *r, struct nj_connect *out)
{
    struct nj_str name = nj_read_lp16(r);
    uint8_t byte = nj_read_u8(r);
    unsigned level = byte & ~BRIDGE_BIT;
    bool is_31 = nj_str_eq(name, NJ_STR("MQIsdp"));

    if (r->is_short)
        return NJ_CAUSE_PACKET_SHORT;
    out->is_bridge = (byte & BRIDGE_BIT) != 0;
    if (level == NJ_MQTT_31 || level == NJ_MQTT_311 || (level == NJ_MQTT_5 && !out->is_bridge))
        out->version = (enum nj_version)level;
    if (!is_31 && !nj_str_eq(name, NJ_STR("MQTT")))
        return NJ_CAUSE_PROTOCOL_NAME;
    if (out->version != level || is_31 != (level == NJ_MQTT_31))
        return NJ_CAUSE_PROTOCOL_VERSION;
    return NJ_CAUSE_NONE;
}

/* 3.1 leaves the lowest bit undefined; from 3.1.1 on it is 0. [MQTT5-3.1.2-3] [MQTT311-3.1.2-3]
 * Will QoS and retain say nothing without a will. [MQTT5-3.1.2-11] [MQTT5-3.1.2-12]
 * [MQTT5-3.1.2-13] [MQTT311-3.1.2-13] [MQTT311-3.1.2-14] [MQTT311-3.1.2-15] Before 5.0 a password
 * needs a user name. [MQTT311-3.1.2-22] */
static enum nj_cause
read_flags(struct nj_reader *r, struct nj_connect *out)
{
    uint8_t flags = nj_read_u8(r);

    if (r->is_short)
        return NJ_CAUSE_PACKET_SHORT;
    out->clean_start = (flags & CLEAN_START) != 0;
    out->has_will = (flags & HAS_WILL) != 0;
    out->will_qos = (flags & WILL_QOS) >> 3;
    out->will_retain = (flags & WILL_RETAIN) != 0;
    out->has_password = (flags & HAS_PASSWORD) != 0;
    out->has_user_name = (flags & HAS_USER_NAME) != 0;

    if ((flags & RESERVED) != 0 && out->version > NJ_MQTT_31)
        return NJ_CAUSE_CONNECT_FLAGS;
    if (out->will_qos > 2 || (!out->has_will && (out->will_qos > 0 || out->will_retain)))
        return NJ_CAUSE_CONNECT_FLAGS;
    if (out->has_password && !out->has_user_name && out->version < NJ_MQTT_5)
        return NJ_CAUSE_CONNECT_FLAGS;
    return NJ_CAUSE_NONE;
}

/* [MQTT5-3.1.2-9] [MQTT5-3.1.3-11] [MQTT311-3.1.2-9] [MQTT311-3.1.3-10] */
static enum nj_cause
read_will(struct nj_reader *r, struct nj_connect *out)
{
    enum nj_cause cause;

    if (out->version == NJ_MQTT_5) {
        cause = nj_properties_decode(r, NJ_PROPERTIES_OF_WILL, &out->will_properties);
        if (cause != NJ_CAUSE_NONE)
            return cause;
    }
    out->will_topic = nj_read_lp16(r);
    out->will_payload = nj_read_lp16(r);
    if (r->is_short)
        return NJ_CAUSE_PACKET_SHORT;
    cause = nj_topic_check(out->will_topic);
    if (cause != NJ_CAUSE_NONE)
        return cause;
    return out->will_topic.n == 0 ? NJ_CAUSE_WILL_TOPIC_EMPTY : NJ_CAUSE_NONE;
}

/* 3.1 lets a client set the flags and send nothing, "for compatibility with the original MQTT V3":
 * then they count as not set. */
static enum nj_cause
read_credentials(struct nj_reader *r, struct nj_connect *out)
{
    bool may_lack = out->version == NJ_MQTT_31;

    if (may_lack && nj_reader_left(r) == 0)
        out->has_user_name = false;
    if (out->has_user_name)
        out->user_name = nj_read_lp16(r);
    if (may_lack && !r->is_short && nj_reader_left(r) == 0)
        out->has_password = false;
    if (out->has_password)
        out->password = nj_read_lp16(r);
    if (r->is_short)
        return NJ_CAUSE_PACKET_SHORT;
    return nj_utf8_is_valid(out->user_name) ? NJ_CAUSE_NONE : NJ_CAUSE_UTF8; /* [MQTT5-3.1.3-12] */
}

static enum nj_cause
read_properties(struct nj_reader *r, struct nj_connect *out)
{
    struct nj_properties *p = &out->properties;
    enum nj_cause cause = nj_properties_decode(r, NJ_PROPERTIES_OF(NJ_CONNECT), p);

    if (cause != NJ_CAUSE_NONE)
        return cause;
    if (nj_properties_has(p, NJ_PROPERTY_AUTHENTICATION_DATA) &&
        !nj_properties_has(p, NJ_PROPERTY_AUTHENTICATION_METHOD))
        return NJ_CAUSE_AUTH_DATA_WITHOUT_METHOD;
    return NJ_CAUSE_NONE;
}

enum nj_cause
nj_connect_decode(const struct nj_frame *f, struct nj_connect *out)
{
    struct nj_reader r = nj_reader_of(f->body);
    enum nj_cause cause;

    *out = (struct nj_connect){.version = NJ_MQTT_311};
    cause = read_version(&r, out);
    if (cause == NJ_CAUSE_NONE)
        cause = read_flags(&r, out);
    if (cause != NJ_CAUSE_NONE)
        return cause;
    out->keep_alive_s = nj_read_u16(&r);
    if (out->version == NJ_MQTT_5) {
        cause = read_properties(&r, out);
        if (cause != NJ_CAUSE_NONE)
            return cause;
    }
    out->client_id = nj_read_lp16(&r);
    if (r.is_short)
        return NJ_CAUSE_PACKET_SHORT;
    if (!nj_utf8_is_valid(out->client_id)) /* [MQTT5-3.1.3-4] [MQTT311-3.1.3-4] */
        return NJ_CAUSE_UTF8;
    if (out->has_will) {
        cause = read_will(&r, out);
        if (cause != NJ_CAUSE_NONE)
            return cause;
    }
    cause = read_credentials(&r, out);
    return cause != NJ_CAUSE_NONE ? cause : nj_reader_end(&r);
}

static size_t
body_size(const struct nj_connect_out *c)
{
    size_t n = 2 + (c->version == NJ_MQTT_31 ? 6 : 4) + 1 + 1 + 2;

    n += nj_properties_size(c->version, c->properties) + 2 + c->client_id.n;
    if (c->has_will)
        n += nj_properties_size(c->version, c->will_properties) + 2 + c->will_topic.n + 2 +
             c->will_payload.n;
    if (c->has_user_name)
        n += 2 + c->user_name.n;
    if (c->has_password)
        n += 2 + c->password.n;
    return n;
}

size_t
nj_connect_size(const struct nj_connect_out *c)
{
    return NJ_FIXED_HEADER_MAX + body_size(c);
}

static unsigned
flags_of(const struct nj_connect_out *c)
{
    unsigned flags = c->clean_start ? CLEAN_START : 0;

    if (c->has_will)
        flags |= HAS_WILL | (unsigned)c->will_qos << 3 | (c->will_retain ? WILL_RETAIN : 0);
    if (c->has_password)
        flags |= HAS_PASSWORD;
    if (c->has_user_name)
        flags |= HAS_USER_NAME;
    return flags;
}

void
nj_connect_encode(struct nj_writer *w, const struct nj_connect_out *c)
{
    bool is_5 = c->version == NJ_MQTT_5;

    nj_frame_put(w, NJ_CONNECT, 0, body_size(c));
    nj_write_lp16(w, c->version == NJ_MQTT_31 ? NJ_STR("MQIsdp") : NJ_STR("MQTT"));
    nj_write_u8(w, (uint8_t)(c->version | (c->is_bridge && !is_5 ? BRIDGE_BIT : 0)));
    nj_write_u8(w, (uint8_t)flags_of(c));
    nj_write_u16(w, c->keep_alive_s);
    if (is_5)
        nj_properties_put(w, c->properties);
    nj_write_lp16(w, c->client_id);
    if (c->has_will) {
        if (is_5)
            nj_properties_put(w, c->will_properties);
        nj_write_lp16(w, c->will_topic);
        nj_write_lp16(w, c->will_payload);
    }
    if (c->has_user_name)
        nj_write_lp16(w, c->user_name);
    if (c->has_password)
        nj_write_lp16(w, c->password);
}
