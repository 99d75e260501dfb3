/* SPDX-License-Identifier: Apache-2.0 */
/* The packets of an open session, one function each: decode, check what the listener allows, say it
 * to the log, hand it to the session. */
#include "server/conn.h"

#include "base/mem.h"
#include "mqtt/passed_on.h"
#include "server/mount.h"
#include "server/say.h"

/* ---- PUBLISH ---- */

/* Put the topic in place of its alias, or the alias in place for the next time.
 * [MQTT5-3.3.2-8] [MQTT5-3.3.2-9] [MQTT5-3.3.2-10] [MQTT5-3.3.2-12] */
static enum nj_cause
resolve_alias(struct nj_conn *c, struct nj_publish *p)
{
    uint16_t alias;

    if (!nj_properties_has(&p->properties, NJ_PROPERTY_TOPIC_ALIAS))
        return NJ_CAUSE_NONE;
    alias = p->properties.topic_alias;
    if (alias == 0 || alias > c->told.topic_alias_maximum)
        return NJ_CAUSE_TOPIC_ALIAS;
    if (p->topic.n > 0)
        return nj_aliases_set(&c->aliases, alias, c->told.topic_alias_maximum, p->topic)
                   ? NJ_CAUSE_NONE
                   : NJ_CAUSE_OUT_OF_MEMORY;
    p->topic = nj_aliases_get(c->aliases, alias);
    return p->topic.p != NULL ? NJ_CAUSE_NONE : NJ_CAUSE_TOPIC_ALIAS_UNKNOWN;
}

/* What ends the connection. */
static enum nj_cause
check_publish(const struct nj_conn *c, const struct nj_publish *p)
{
    const struct nj_server_opts *o = c->worker->opts;

    if (p->qos > nj_conn_listener(c)->max_qos)
        return NJ_CAUSE_QOS_NOT_SUPPORTED; /* [MQTT5-3.2.2-11] */
    if (p->retain && !c->worker->home->opts->retain_available)
        return NJ_CAUSE_RETAIN_NOT_SUPPORTED; /* [MQTT5-3.2.2-14] */
    if (p->topic.n > o->max_topic_length ||
        !nj_mount_fits(nj_conn_listener(c)->mount_point, p->topic))
        return NJ_CAUSE_TOPIC_TOO_LONG;
    /* A short one, as nearly all are, need not be counted. */
    if (p->topic.n >= o->max_topic_levels && nj_topic_levels(p->topic) > o->max_topic_levels)
        return NJ_CAUSE_TOPIC_TOO_DEEP;
    if (c->link.version == NJ_MQTT_5 && p->properties.user_property_count > o->max_user_properties)
        return NJ_CAUSE_USER_PROPERTIES;
    return NJ_CAUSE_NONE;
}

/* Where a bridge says that it is up or down, at home and at the broker that it has called: the one
 * place below $SYS that is its client's. */
#define BRIDGE_STATE NJ_STR("$SYS/broker/connection/+/state")

bool
nj_conn_is_reserved(struct nj_str topic)
{
    if (topic.p[0] != '$')
        return false;
    if (nj_str_starts(topic, NJ_STR("$SYS")))
        return !nj_topic_matches(BRIDGE_STATE, topic);
    return nj_str_starts(topic, NJ_STR("$share")) || nj_str_starts(topic, NJ_STR("$CONTROL"));
}

bool
nj_conn_is_over_size_limit(const struct nj_conn *c, struct nj_str payload)
{
    uint32_t limit = c->worker->home->opts->message_size_limit;

    return limit > 0 && payload.n > limit;
}

/* What is refused without ending anything. */
static enum nj_cause
refuse_publish(const struct nj_conn *c, const struct nj_publish *p)
{
    if (nj_conn_is_over_size_limit(c, p->payload))
        return NJ_CAUSE_MESSAGE_SIZE_LIMIT;
    if (nj_conn_is_reserved(p->topic))
        return NJ_CAUSE_NOT_AUTHORIZED;
    return NJ_CAUSE_NONE;
}

/* The topic as it is among all others; `mounted` holds it where that is not the client's own. */
static bool
mount_topic(const struct nj_conn *c, struct nj_publication *pub, struct nj_mounted *mounted)
{
    const char *prefix = nj_conn_listener(c)->mount_point;

    if (prefix == NULL)
        return true;
    if (!nj_mount(mounted, prefix, pub->topic))
        return false;
    pub->topic = mounted->text;
    return true;
}

static enum nj_cause
publish(struct nj_conn *c, const struct nj_frame *frame, const struct nj_publish *p)
{
    struct nj_worker *w = c->worker;
    struct nj_publication pub = {
        .topic = p->topic,
        .payload = p->payload,
        .qos = p->qos,
        .retain = p->retain,
    };
    struct nj_passed_on passed = {0};
    struct nj_mounted mounted = {0};
    uint64_t expiry_s = NJ_NO_EXPIRY;
    enum nj_cause cause = refuse_publish(c, p);

    if (cause != NJ_CAUSE_NONE) {
        nj_say_publish_refused(c, p, cause);
        nj_session_refuse(c->session, &pub, p->packet_id, cause);
        return NJ_CAUSE_NONE;
    }
    if (c->link.version == NJ_MQTT_5) {
        if (!nj_passed_on_make(&passed, &p->properties))
            return NJ_CAUSE_OUT_OF_MEMORY;
        pub.properties = passed.block;
        if (nj_properties_has(&p->properties, NJ_PROPERTY_MESSAGE_EXPIRY_INTERVAL))
            expiry_s = p->properties.message_expiry_interval_s;
    }
    if (mount_topic(c, &pub, &mounted)) {
        nj_home_stamp(w->home, &pub, expiry_s);
        nj_encoding_lend(&w->encoding, c->link.version, &pub, frame, p);
        cause = nj_session_publish(c->session, &pub, p->packet_id);
        nj_encoding_give_back(&w->encoding);
    } else {
        cause = NJ_CAUSE_OUT_OF_MEMORY;
    }
    nj_publication_fini(&pub);
    nj_mounted_fini(&mounted);
    nj_passed_on_fini(&passed);
    return cause;
}

static enum nj_cause
on_publish(struct nj_conn *c, const struct nj_frame *frame)
{
    struct nj_metrics *m = &c->worker->metrics;
    NJ_UNSET struct nj_publish p;
    enum nj_cause cause = nj_publish_decode(frame, c->link.version, NJ_FROM_CLIENT, &p);

    if (cause == NJ_CAUSE_NONE && c->link.version == NJ_MQTT_5)
        cause = resolve_alias(c, &p);
    if (cause == NJ_CAUSE_NONE)
        cause = check_publish(c, &p);
    if (cause != NJ_CAUSE_NONE)
        return cause;
    nj_metric_add(m, NJ_METRIC_PUBLISH_RECEIVED, 1);
    nj_metric_add(m, NJ_METRIC_PUBLISH_BYTES_RECEIVED, (int64_t)p.payload.n);
    nj_say_publish_received(c, &p);
    return publish(c, frame, &p);
}

/* ---- acknowledgements ---- */

static enum nj_cause
on_ack(struct nj_conn *c, const struct nj_frame *frame)
{
    NJ_UNSET struct nj_ack p;
    enum nj_cause cause = nj_ack_decode(frame, c->link.version, &p);
    enum nj_packet_type type = (enum nj_packet_type)frame->type;

    if (cause != NJ_CAUSE_NONE)
        return cause;
    nj_say_ack_received(c, type, &p);
    switch (frame->type) {
    case NJ_PUBACK:
        cause = nj_session_puback(c->session, p.packet_id, p.reason);
        break;
    case NJ_PUBREC:
        cause = nj_session_pubrec(c->session, p.packet_id, p.reason);
        break;
    case NJ_PUBREL:
        nj_session_pubrel(c->session, p.packet_id);
        break;
    default:
        cause = nj_session_pubcomp(c->session, p.packet_id);
        break;
    }
    if (cause != NJ_CAUSE_PACKET_ID_UNKNOWN)
        return cause;
    nj_say_unknown_packet_id(c, type, p.packet_id);
    return NJ_CAUSE_NONE;
}

/* ---- SUBSCRIBE, UNSUBSCRIBE ---- */

/* Topic filters of one packet in one turn: less than a millisecond. */
#define FILTERS_AT_ONCE 256u

/* [MQTT5-3.8.4-1] … [MQTT5-3.8.4-7] [MQTT311-3.8.4-1] … [MQTT311-3.8.4-5] */
static uint8_t
subscribe(struct nj_conn *c, const struct nj_subscription *s, uint32_t identifier)
{
    struct nj_subscription granted = *s;
    struct nj_mounted mounted;
    uint8_t code;

    if (s->filter.n > c->worker->opts->max_topic_length)
        return NJ_REASON_TOPIC_FILTER_INVALID;
    if (!nj_mount(&mounted, nj_conn_listener(c)->mount_point, s->filter))
        return NJ_REASON_QUOTA_EXCEEDED;
    granted.filter = mounted.text;
    granted.qos = NJ_MIN(s->qos, nj_conn_listener(c)->max_qos);
    code = nj_session_subscribe(c->session, &granted, identifier);
    nj_mounted_fini(&mounted);
    return code;
}

static uint8_t
unsubscribe(struct nj_conn *c, struct nj_str filter)
{
    struct nj_mounted mounted;
    uint8_t code;

    if (!nj_mount(&mounted, nj_conn_listener(c)->mount_point, filter))
        return NJ_REASON_UNSPECIFIED_ERROR;
    code = nj_session_unsubscribe(c->session, mounted.text);
    nj_mounted_fini(&mounted);
    return code;
}

/* A SUBSCRIBE or UNSUBSCRIBE as far as it has been done. */
struct nj_asked {
    uint32_t identifier; /* of the subscriptions; 0: none */
    uint16_t packet_id;
    uint32_t count, done; /* topic filters */
    size_t at;            /* the next one, from the beginning of the packet's body */
    char codes[];         /* one for each that is done */
};

static enum nj_cause
begin_asked(struct nj_conn *c, const struct nj_frame *frame)
{
    enum nj_version v = c->link.version;
    struct nj_subscribe p;
    enum nj_cause cause = frame->type == NJ_SUBSCRIBE ? nj_subscribe_decode(frame, v, &p)
                                                      : nj_unsubscribe_decode(frame, v, &p);

    if (cause != NJ_CAUSE_NONE)
        return cause;
    if (v == NJ_MQTT_5 && p.properties.user_property_count > c->worker->opts->max_user_properties)
        return NJ_CAUSE_USER_PROPERTIES;
    c->asked = nj_alloc(sizeof(*c->asked) + p.count);
    if (c->asked == NULL)
        return NJ_CAUSE_OUT_OF_MEMORY;
    *c->asked = (struct nj_asked){
        .packet_id = p.packet_id,
        .count = p.count,
        .at = (size_t)(p.filters.p - frame->body.p),
    };
    if (v == NJ_MQTT_5 && p.properties.subscription_identifier_count > 0)
        c->asked->identifier = p.properties.subscription_identifier;
    nj_say_received(c, (enum nj_packet_type)frame->type);
    return NJ_CAUSE_NONE;
}

static void
do_asked(struct nj_conn *c, bool is_subscribe, const struct nj_subscription *s)
{
    struct nj_asked *a = c->asked;
    uint8_t code = is_subscribe ? subscribe(c, s, a->identifier) : unsubscribe(c, s->filter);

    a->codes[a->done++] = (char)code;
    if (is_subscribe)
        nj_say_subscribed(c, s, code);
    else
        nj_say_unsubscribed(c, s->filter);
}

/* Many topic filters are done in several turns, so that others have theirs: c->asked stays, and the
 * packet comes again. */
static enum nj_cause
on_subscribe(struct nj_conn *c, const struct nj_frame *frame)
{
    bool is_subscribe = frame->type == NJ_SUBSCRIBE;
    enum nj_cause cause = c->asked == NULL ? begin_asked(c, frame) : NJ_CAUSE_NONE;
    struct nj_asked *a = c->asked;
    struct nj_subscription s;
    struct nj_reader r;
    uint32_t end;

    if (cause != NJ_CAUSE_NONE)
        return cause;
    r = nj_reader_of(nj_str_from(frame->body, a->at));
    end = NJ_MIN(a->count, a->done + FILTERS_AT_ONCE);
    c->worker->home->deliveries += end - a->done;
    while (a->done < end && nj_subscription_next(&r, c->link.version, is_subscribe, &s))
        do_asked(c, is_subscribe, &s);
    a->at = frame->body.n - nj_reader_left(&r);
    if (a->done < a->count)
        return NJ_CAUSE_NONE;
    c->asked = NULL;
    nj_session_answer_subscribe(c->session, is_subscribe ? NJ_SUBACK : NJ_UNSUBACK, a->packet_id,
                                (struct nj_str){a->codes, a->done});
    nj_free(a);
    return NJ_CAUSE_NONE;
}

/* ---- PINGREQ, DISCONNECT ---- */

static enum nj_cause
on_ping(struct nj_conn *c, const struct nj_frame *frame)
{
    enum nj_cause cause = nj_ping_decode(frame);

    if (cause != NJ_CAUSE_NONE)
        return cause;
    nj_say_received(c, NJ_PINGREQ);
    nj_conn_send_pong(c); /* [MQTT5-3.12.4-1] [MQTT311-3.12.4-1] */
    return NJ_CAUSE_NONE;
}

/* [MQTT5-3.14.4-3] [MQTT311-3.14.4-3] */
static enum nj_cause
on_disconnect(struct nj_conn *c, const struct nj_frame *frame)
{
    struct nj_disconnect p;
    enum nj_cause cause = nj_disconnect_decode(frame, c->link.version, NJ_FROM_CLIENT, &p);

    if (cause != NJ_CAUSE_NONE)
        return cause;
    nj_say_received(c, NJ_DISCONNECT);
    if (c->link.version == NJ_MQTT_5 &&
        nj_properties_has(&p.properties, NJ_PROPERTY_SESSION_EXPIRY_INTERVAL) &&
        !nj_session_set_expiry(c->session, p.properties.session_expiry_interval_s))
        return NJ_CAUSE_SESSION_EXPIRY_RAISED;
    return p.reason == NJ_REASON_SUCCESS ? NJ_CAUSE_CLIENT_DISCONNECT
                                         : NJ_CAUSE_CLIENT_DISCONNECT_WILL;
}

enum nj_cause
nj_conn_on_packet(struct nj_conn *c, const struct nj_frame *frame)
{
    switch (frame->type) {
    case NJ_PUBLISH:
        return on_publish(c, frame);
    case NJ_PUBACK:
    case NJ_PUBREC:
    case NJ_PUBREL:
    case NJ_PUBCOMP:
        return on_ack(c, frame);
    case NJ_SUBSCRIBE:
    case NJ_UNSUBSCRIBE:
        return on_subscribe(c, frame);
    case NJ_PINGREQ:
        return on_ping(c, frame);
    case NJ_DISCONNECT:
        return on_disconnect(c, frame);
    case NJ_AUTH:
        return c->link.version == NJ_MQTT_5 ? nj_conn_on_auth(c, frame) : NJ_CAUSE_PACKET_TYPE;
    case NJ_CONNECT:
        return NJ_CAUSE_SECOND_CONNECT; /* [MQTT5-3.1.0-2] [MQTT311-3.1.0-2] */
    default:
        return NJ_CAUSE_UNEXPECTED_PACKET;
    }
}
