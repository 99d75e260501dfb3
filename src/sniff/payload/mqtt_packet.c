/* SPDX-License-Identifier: Apache-2.0 */
/* mqtt_packet.c — the fields of each kind of packet, in the order of the standard. */
#include "sniff/payload/mqtt_priv.h"

#include <strings.h>

const char *
nj_mqtt_packet_words(unsigned type)
{
    static const char *const words[16] = {
        "Reserved",          "Connect Command",  "Connect Ack",         "Publish Message",
        "Publish Ack",       "Publish Received", "Publish Release",     "Publish Complete",
        "Subscribe Request", "Subscribe Ack",    "Unsubscribe Request", "Unsubscribe Ack",
        "Ping Request",      "Ping Response",    "Disconnect Req",      "Authentication Exchange",
    };

    return words[type & 0xf];
}

static void
walk_packet_id(struct nj_walk *w)
{
    unsigned id = nj_walk_number(w, NJ_FIELD_MQTT_MSGID, 2);

    if (!w->r.is_short)
        nj_text_putf(w->row->info, " (id=%u)", id);
}

/* Before 5.0 there are none; where they may be left out, they are when nothing is left. */
static void
walk_properties(struct nj_walk *w)
{
    if (w->level == NJ_MQTT_5)
        nj_walk_properties(w, NJ_FIELD_MQTT_PROPERTIES);
}

static void
put_topic(struct nj_walk *w, struct nj_str topic)
{
    nj_text_put(w->row->info, NJ_STR(" ["));
    nj_text_put_shown(w->row->info, topic);
    nj_text_put(w->row->info, NJ_STR("]"));
}

static void
walk_connect_flags(struct nj_walk *w, unsigned flags)
{
    w->tree->depth++;
    nj_walk_bits(w, NJ_FIELD_MQTT_CONFLAG_UNAME, flags, 0x80);
    nj_walk_bits(w, NJ_FIELD_MQTT_CONFLAG_PASSWD, flags, 0x40);
    nj_walk_bits(w, NJ_FIELD_MQTT_CONFLAG_RETAIN, flags, 0x20);
    nj_walk_bits(w, NJ_FIELD_MQTT_CONFLAG_QOS, flags, 0x18);
    nj_walk_bits(w, NJ_FIELD_MQTT_CONFLAG_WILLFLAG, flags, 0x04);
    nj_walk_bits(w, NJ_FIELD_MQTT_CONFLAG_CLEANSESS, flags, 0x02);
    nj_walk_bits(w, NJ_FIELD_MQTT_CONFLAG_RESERVED, flags, 0x01);
    w->tree->depth--;
}

static void
walk_payload(struct nj_walk *w, size_t n, enum nj_field as_bytes, enum nj_field as_text)
{
    if (w->stream->shows_text)
        (void)nj_walk_text(w, as_text, n);
    else
        (void)nj_walk_bytes(w, as_bytes, n);
}

static void
walk_will_payload(struct nj_walk *w)
{
    size_t n = nj_walk_number(w, NJ_FIELD_MQTT_WILLMSG_LEN, 2);

    walk_payload(w, n, NJ_FIELD_MQTT_WILLMSG, NJ_FIELD_MQTT_WILLMSG_TEXT);
}

static void
walk_connect(struct nj_walk *w)
{
    unsigned level, flags;

    (void)nj_walk_string(w, NJ_FIELD_MQTT_PROTO_LEN, NJ_FIELD_MQTT_PROTONAME);
    level = nj_walk_number(w, NJ_FIELD_MQTT_VER, 1);
    if (!w->r.is_short) {
        level &= 0x7fu; /* 0x80 is Mosquitto's, for bridges */
        w->stream->level = (uint8_t)level;
        w->stream->is_connected = true;
        w->level = level;
        nj_mqtt_alias_forget(w->stream);
    }
    flags = nj_walk_number(w, NJ_FIELD_MQTT_CONFLAGS, 1);
    walk_connect_flags(w, flags);
    (void)nj_walk_number(w, NJ_FIELD_MQTT_KALIVE, 2);
    walk_properties(w);
    (void)nj_walk_string(w, NJ_FIELD_MQTT_CLIENTID_LEN, NJ_FIELD_MQTT_CLIENTID);
    if ((flags & 0x04) != 0) {
        if (w->level == NJ_MQTT_5)
            nj_walk_properties(w, NJ_FIELD_MQTT_WILL_PROPERTIES);
        (void)nj_walk_string(w, NJ_FIELD_MQTT_WILLTOPIC_LEN, NJ_FIELD_MQTT_WILLTOPIC);
        walk_will_payload(w);
    }
    if ((flags & 0x80) != 0)
        (void)nj_walk_string(w, NJ_FIELD_MQTT_USERNAME_LEN, NJ_FIELD_MQTT_USERNAME);
    if ((flags & 0x40) != 0)
        (void)nj_walk_string(w, NJ_FIELD_MQTT_PASSWD_LEN, NJ_FIELD_MQTT_PASSWD);
}

/* Codes of 5.0, and of levels that are none yet; before it they mean less. */
static bool
has_reasons(const struct nj_walk *w)
{
    return w->level != NJ_MQTT_31 && w->level != NJ_MQTT_311;
}

/* Those of 3.1 have no session present. */
static void
walk_connack_flags(struct nj_walk *w)
{
    bool is_31 = w->level == NJ_MQTT_31;
    struct nj_str byte = {(const char *)w->r.p, 1};
    unsigned flags = is_31 ? nj_read_u8(&w->r) : nj_walk_number(w, NJ_FIELD_MQTT_CONACK_FLAGS, 1);

    if (w->r.is_short)
        return;
    if (!is_31)
        w->tree->depth++;
    /* Whether any of them is set. */
    nj_tree_number(w->tree, NJ_FIELD_MQTT_CONACK_RESERVED, (flags & (is_31 ? 0xff : 0xfe)) != 0,
                   byte);
    if (is_31)
        return;
    nj_walk_bits(w, NJ_FIELD_MQTT_CONACK_SP, flags, 0x01);
    w->tree->depth--;
}

static void
walk_connack(struct nj_walk *w)
{
    walk_connack_flags(w);
    (void)nj_walk_number(
        w, has_reasons(w) ? NJ_FIELD_MQTT_CONNACK_REASON : NJ_FIELD_MQTT_CONACK_VAL, 1);
    walk_properties(w);
}

/* What the payload claims to be, for the list. */
static void
remark_content_type(struct nj_walk *w)
{
    struct nj_str type = w->content_type;

    if (type.n == 16 && strncasecmp(type.p, "application/json", type.n) == 0) {
        nj_text_put(w->row->info, NJ_STR(", JavaScript Object Notation (application/json)"));
        w->row->has_json = true;
    }
    if (type.n == 10 && strncasecmp(type.p, "text/plain", type.n) == 0)
        nj_text_put(w->row->info, NJ_STR(" (text/plain)"));
}

static void
remark_empty_topic(struct nj_walk *w)
{
    if (w->r.is_short)
        return;
    nj_tree_bytes(w->tree, NJ_FIELD_MQTT_EMPTY_TOPIC, (struct nj_str){NULL, 0});
    nj_walk_expert(w, nj_field_label(NJ_FIELD_MQTT_EMPTY_TOPIC));
}

/* By its alias: the name is shown where it was named. */
static struct nj_str
walk_alias(struct nj_walk *w, struct nj_str topic)
{
    struct nj_str named;

    if (w->r.is_short)
        return topic;
    if (w->topic_alias == 0) {
        if (topic.n == 0 && w->level == NJ_MQTT_5)
            remark_empty_topic(w);
        return topic;
    }
    if (topic.n > 0) {
        nj_mqtt_alias_set(w->stream, w->direction, w->topic_alias, topic);
        return topic;
    }
    /* The alias may have another name before the tree is read. */
    named = nj_tree_keep(w->tree, nj_mqtt_alias_find(w->stream, w->direction, w->topic_alias));
    nj_tree_bytes(w->tree, NJ_FIELD_MQTT_TOPIC, named);
    nj_tree_infer(w->tree);
    if (named.p == NULL) {
        nj_tree_bytes(w->tree, NJ_FIELD_MQTT_UNKNOWN_ALIAS, named);
        nj_walk_expert(w, nj_field_label(NJ_FIELD_MQTT_UNKNOWN_ALIAS));
    }
    return named;
}

static void
walk_publish(struct nj_walk *w, unsigned flags)
{
    size_t n = nj_walk_number(w, NJ_FIELD_MQTT_TOPIC_LEN, 2);
    struct nj_str topic = {NULL, 0};

    if (n > 0) {
        topic = nj_walk_text(w, NJ_FIELD_MQTT_TOPIC, n);
    } else if (w->level != NJ_MQTT_5) {
        remark_empty_topic(w);
    }
    if ((flags & 0x06) != 0)
        walk_packet_id(w);
    walk_properties(w);
    topic = walk_alias(w, topic);
    if (!w->r.is_short)
        put_topic(w, topic);
    walk_payload(w, nj_walk_left(w), NJ_FIELD_MQTT_MSG, NJ_FIELD_MQTT_MSG_TEXT);
    if (!w->r.is_short)
        remark_content_type(w);
}

/* PUBACK, PUBREC, PUBREL, PUBCOMP. */
static void
walk_ack(struct nj_walk *w, enum nj_field reason)
{
    walk_packet_id(w);
    if (w->level != NJ_MQTT_5 || nj_walk_left(w) == 0)
        return;
    (void)nj_walk_number(w, reason, 1);
    if (nj_walk_left(w) > 0)
        walk_properties(w);
}

static void
walk_subscription_options(struct nj_walk *w)
{
    unsigned options = nj_walk_number(w, NJ_FIELD_MQTT_SUB_OPTIONS, 1);

    w->tree->depth++;
    nj_walk_bits(w, NJ_FIELD_MQTT_SUB_OPT_RESERVED, options, 0xc0);
    nj_walk_bits(w, NJ_FIELD_MQTT_SUB_OPT_RETAIN, options, 0x30);
    nj_walk_bits(w, NJ_FIELD_MQTT_SUB_OPT_RAP, options, 0x08);
    nj_walk_bits(w, NJ_FIELD_MQTT_SUB_OPT_NL, options, 0x04);
    nj_walk_bits(w, NJ_FIELD_MQTT_SUB_OPT_QOS, options, 0x03);
    w->tree->depth--;
}

static struct nj_str
walk_filter(struct nj_walk *w)
{
    size_t n = nj_walk_number(w, NJ_FIELD_MQTT_TOPIC_LEN, 2);

    if (n > 0)
        return nj_walk_text(w, NJ_FIELD_MQTT_TOPIC, n);
    remark_empty_topic(w);
    return (struct nj_str){NULL, 0};
}

static void
walk_subscribe(struct nj_walk *w)
{
    walk_packet_id(w);
    walk_properties(w);
    while (nj_walk_left(w) > 0) {
        struct nj_str filter = walk_filter(w);

        if (!w->r.is_short)
            put_topic(w, filter);
        if (w->level == NJ_MQTT_5)
            walk_subscription_options(w);
        else
            (void)nj_walk_number(w, NJ_FIELD_MQTT_SUB_QOS, 1);
    }
}

static void
walk_unsubscribe(struct nj_walk *w)
{
    walk_packet_id(w);
    walk_properties(w);
    while (nj_walk_left(w) > 0)
        (void)walk_filter(w);
}

static void
walk_codes(struct nj_walk *w, enum nj_field code)
{
    while (nj_walk_left(w) > 0)
        (void)nj_walk_number(w, code, 1);
}

static void
walk_suback(struct nj_walk *w)
{
    walk_packet_id(w);
    walk_properties(w);
    walk_codes(w, has_reasons(w) ? NJ_FIELD_MQTT_SUBACK_REASON : NJ_FIELD_MQTT_SUBACK_QOS);
}

static void
walk_unsuback(struct nj_walk *w)
{
    walk_packet_id(w);
    walk_properties(w);
    if (has_reasons(w))
        walk_codes(w, NJ_FIELD_MQTT_UNSUBACK_REASON);
}

/* DISCONNECT, AUTH. */
static void
walk_reason(struct nj_walk *w, enum nj_field reason)
{
    if (w->level != NJ_MQTT_5 || nj_walk_left(w) == 0)
        return;
    (void)nj_walk_number(w, reason, 1);
    if (nj_walk_left(w) > 0)
        walk_properties(w);
}

void
nj_mqtt_walk_body(struct nj_walk *w, unsigned type, unsigned flags)
{
    switch (type) {
    case NJ_CONNECT:
        walk_connect(w);
        break;
    case NJ_CONNACK:
        walk_connack(w);
        break;
    case NJ_PUBLISH:
        walk_publish(w, flags);
        break;
    case NJ_PUBACK:
        walk_ack(w, NJ_FIELD_MQTT_PUBACK_REASON);
        break;
    case NJ_PUBREC:
        walk_ack(w, NJ_FIELD_MQTT_PUBREC_REASON);
        break;
    case NJ_PUBREL:
        walk_ack(w, NJ_FIELD_MQTT_PUBREL_REASON);
        break;
    case NJ_PUBCOMP:
        walk_ack(w, NJ_FIELD_MQTT_PUBCOMP_REASON);
        break;
    case NJ_SUBSCRIBE:
        walk_subscribe(w);
        break;
    case NJ_SUBACK:
        walk_suback(w);
        break;
    case NJ_UNSUBSCRIBE:
        walk_unsubscribe(w);
        break;
    case NJ_UNSUBACK:
        walk_unsuback(w);
        break;
    case NJ_DISCONNECT:
        walk_reason(w, NJ_FIELD_MQTT_DISCONNECT_REASON);
        break;
    case NJ_AUTH:
        walk_reason(w, NJ_FIELD_MQTT_AUTH_REASON);
        break;
    default: /* pings, and what is reserved, have nothing that has a name */
        break;
    }
}
