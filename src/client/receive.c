/* SPDX-License-Identifier: Apache-2.0 */
/* receive.c — what the engine does with each packet of the broker's. */
#include "client/engine_priv.h"

#include "base/mem.h"

/* ---- QoS 2 identifiers that wait for PUBREL ---- */

#define ID_BITMAP_BYTES 8192

static bool
bit(const uint8_t *map, uint16_t id)
{
    return map != NULL && (map[id >> 3] >> (id & 7) & 1) != 0;
}

static bool
make_map(uint8_t **map)
{
    if (*map == NULL)
        *map = nj_zalloc(ID_BITMAP_BYTES);
    return *map != NULL;
}

static void
set_bit(uint8_t *map, uint16_t id)
{
    map[id >> 3] |= (uint8_t)(1u << (id & 7));
}

static void
clear_bit(uint8_t *map, uint16_t id)
{
    if (map != NULL)
        map[id >> 3] &= (uint8_t) ~(1u << (id & 7));
}

static void
forget_received(struct nj_engine *e)
{
    if (e->received != NULL)
        memset(e->received, 0, ID_BITMAP_BYTES);
}

/* ---- answers ---- */

static void
answer(struct nj_engine *e, enum nj_packet_type type, uint16_t packet_id, uint8_t reason)
{
    struct nj_str none = {NULL, 0};
    struct nj_writer w = nj_engine_write(e, NJ_SMALL_PACKET_BYTES(0));

    nj_ack_encode(&w, (enum nj_version)e->opts.version, type, packet_id, reason, none);
    nj_engine_wrote(e, &w);
    if (e->opts.log == NULL)
        return;
    if (type == NJ_PUBACK || type == NJ_PUBREC)
        nj_engine_trace(e, "Client %s sending %s (m%u, rc%u)", nj_engine_trace_id(e),
                        nj_packet_name(type), packet_id, reason);
    else
        nj_engine_trace(e, "Client %s sending %s (m%u)", nj_engine_trace_id(e),
                        nj_packet_name(type), packet_id);
}

static bool
refuse(struct nj_engine *e, enum nj_cause cause)
{
    enum nj_client_err err = nj_cause_reason(cause) == NJ_REASON_MALFORMED_PACKET
                                 ? NJ_CLIENT_EMALFORMED
                             : cause == NJ_CAUSE_OUT_OF_MEMORY ? NJ_CLIENT_ENOMEM
                                                               : NJ_CLIENT_EPROTOCOL;

    nj_engine_fail(e, err, cause);
    return false;
}

static bool
refuse_with(struct nj_engine *e, enum nj_cause cause, const char *what)
{
    (void)refuse(e, cause);
    nj_engine_detail_set(e, "%s", what);
    return false;
}

/* What a block does not hold is not written by the decoder. */
static struct nj_str
auth_data(const struct nj_properties *p)
{
    return nj_properties_has(p, NJ_PROPERTY_AUTHENTICATION_DATA) ? p->authentication_data
                                                                 : (struct nj_str){NULL, 0};
}

static struct nj_str
auth_method(const struct nj_engine *e)
{
    struct nj_client_properties rest = e->opts.properties;
    struct nj_client_property p;

    while (nj_client_property_next(&rest, &p)) {
        if (p.id == NJ_PROPERTY_AUTHENTICATION_METHOD)
            return (struct nj_str){p.value, p.value_n};
    }
    return (struct nj_str){NULL, 0};
}

/* [MQTT5-4.12.0-5] [MQTT5-4.12.0-6] */
static bool
is_other_method(const struct nj_engine *e, const struct nj_properties *p)
{
    return nj_properties_has(p, NJ_PROPERTY_AUTHENTICATION_METHOD) &&
           !nj_str_eq(p->authentication_method, auth_method(e));
}

static enum nj_client_err
send_auth(struct nj_engine *e, enum nj_reason reason, struct nj_str data)
{
    struct nj_str method = auth_method(e);
    size_t properties_n = method.n + 3 + (data.n > 0 ? data.n + 3 : 0);
    uint8_t *block;

    if (method.p == NULL || data.n > UINT16_MAX)
        return NJ_CLIENT_EINVAL;
    block = nj_alloc(properties_n);
    if (block == NULL)
        return NJ_CLIENT_ENOMEM;
    struct nj_writer b = nj_writer_of(block, properties_n);
    nj_property_put_string(&b, NJ_PROPERTY_AUTHENTICATION_METHOD, method);
    if (data.n > 0)
        nj_property_put_string(&b, NJ_PROPERTY_AUTHENTICATION_DATA, data);
    struct nj_writer w = nj_engine_write(e, NJ_SMALL_PACKET_BYTES(properties_n));
    nj_auth_encode(&w, (uint8_t)reason, (struct nj_str){(char *)block, properties_n});
    nj_engine_wrote(e, &w);
    nj_free(block);
    if (e->opts.log != NULL)
        nj_engine_trace(e, "Client %s sending AUTH", nj_engine_trace_id(e));
    return NJ_CLIENT_OK;
}

/* Hand the broker's data to the application; where it is asked for an answer, send that. */
static enum nj_client_err
auth_step(struct nj_engine *e, unsigned reason, struct nj_str data)
{
    const void *reply = NULL;
    size_t reply_n = 0;
    enum nj_client_err err;

    if (e->opts.auth == NULL)
        return reason == 0 ? NJ_CLIENT_OK : NJ_CLIENT_EPROTOCOL;
    err = e->opts.auth(e->opts.auth_ctx, reason, data.p, data.n, &reply, &reply_n);
    if (err != NJ_CLIENT_OK || reason == 0)
        return err;
    return send_auth(e, NJ_REASON_CONTINUE_AUTHENTICATION, (struct nj_str){reply, reply_n});
}

/* ---- CONNACK ---- */

static bool
take_server_limits(struct nj_engine *e, const struct nj_properties *p)
{
    uint16_t aliases = 0;

    if (nj_properties_has(p, NJ_PROPERTY_SERVER_KEEP_ALIVE))
        e->keep_alive_s = p->server_keep_alive_s;
    if (nj_properties_has(p, NJ_PROPERTY_RECEIVE_MAXIMUM))
        e->send_maximum = p->receive_maximum;
    if (nj_properties_has(p, NJ_PROPERTY_MAXIMUM_PACKET_SIZE))
        e->send_packet_maximum = NJ_MIN(p->maximum_packet_size, NJ_PACKET_MAX_BYTES);
    if (nj_properties_has(p, NJ_PROPERTY_MAXIMUM_QOS))
        e->send_qos_maximum = p->maximum_qos;
    if (nj_properties_has(p, NJ_PROPERTY_RETAIN_AVAILABLE))
        e->can_retain = p->retain_available != 0;
    if (nj_properties_has(p, NJ_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE))
        e->can_wildcard = p->wildcard_subscription_available != 0;
    if (nj_properties_has(p, NJ_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE))
        e->can_share = p->shared_subscription_available != 0;
    if (nj_properties_has(p, NJ_PROPERTY_SUBSCRIPTION_IDENTIFIER_AVAILABLE))
        e->can_identify = p->subscription_identifier_available != 0;
    if (nj_properties_has(p, NJ_PROPERTY_TOPIC_ALIAS_MAXIMUM))
        aliases = p->topic_alias_maximum;
    if (e->opts.use_topic_aliases != 0)
        aliases = NJ_MIN(aliases, e->opts.use_topic_aliases);
    nj_client_aliases_reset(&e->aliases_out, aliases);
    if (nj_properties_has(p, NJ_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER)) {
        char *id = nj_str_dup(p->assigned_client_identifier);

        if (id == NULL)
            return false;
        nj_free(e->client_id);
        e->client_id = id;
        /* The next connection is to find the same session. */
        char *again = nj_str_dup(p->assigned_client_identifier);
        if (again == NULL)
            return false;
        nj_client_opts_rename(&e->opts, again);
    }
    return true;
}

static bool
on_connack(struct nj_engine *e, const struct nj_frame *f, struct nj_client_event *out)
{
    struct nj_connack ack;
    enum nj_cause cause = nj_connack_decode(f, (enum nj_version)e->opts.version, &ack);

    /* A code of no standard is a refusal, too: the application is told which it was. */
    if (cause != NJ_CAUSE_NONE && cause != NJ_CAUSE_REASON_CODE_UNKNOWN)
        return refuse(e, cause);
    if (e->has_connack)
        return refuse_with(e, NJ_CAUSE_UNEXPECTED_PACKET, "second CONNACK");
    e->has_connack = true;
    if (e->opts.log != NULL)
        nj_engine_trace(e, "Client %s received CONNACK (%u)", nj_engine_trace_id(e), ack.code);
    if (ack.code != 0) {
        nj_engine_detail_set(e, "%s",
                             nj_engine_is_v5(e) ? nj_reason_text(ack.code) : "refused by CONNACK");
        nj_engine_fail(e, NJ_CLIENT_EREFUSED, NJ_CAUSE_NONE);
        *out = (struct nj_client_event){.type = NJ_CLIENT_DISCONNECTED,
                                        .error = NJ_CLIENT_EREFUSED,
                                        .reason = ack.code,
                                        .properties = nj_engine_block(&ack.properties)};
        return true;
    }
    /* [MQTT5-3.2.2-2] [MQTT311-3.2.2-1] A broker that finds a session we asked it to forget. */
    if (ack.session_present && e->opts.clean_start)
        return refuse_with(e, NJ_CAUSE_UNEXPECTED_PACKET, "session present after a clean start");
    if (is_other_method(e, &ack.properties))
        return refuse_with(e, NJ_CAUSE_AUTH_METHOD, "CONNACK with another authentication method");
    if (!take_server_limits(e, &ack.properties))
        return refuse(e, NJ_CAUSE_OUT_OF_MEMORY);
    if (e->is_authenticating && auth_step(e, 0, auth_data(&ack.properties)) != NJ_CLIENT_OK)
        return refuse_with(e, NJ_CAUSE_AUTH_METHOD, "authentication data not accepted");
    e->is_authenticating = false;

    /* What the broker has forgotten is forgotten here, too [MQTT5-3.2.2-5]. 3.1 has no flag; there
     * a session is kept by both ends or by none. */
    bool is_kept = e->opts.version == NJ_MQTT_31 ? !e->opts.clean_start : ack.session_present;
    if (!is_kept)
        forget_received(e);
    if (e->state == NJ_ENGINE_CONNECTING)
        nj_engine_enter(e, NJ_ENGINE_ACTIVE);
    nj_outgoing_resume(e, is_kept);
    *out = (struct nj_client_event){.type = NJ_CLIENT_CONNECTED,
                                    .session_present = ack.session_present,
                                    .properties = nj_engine_block(&ack.properties)};
    return true;
}

/* ---- AUTH ---- */

static bool
on_auth(struct nj_engine *e, const struct nj_frame *f)
{
    struct nj_auth auth;
    enum nj_cause cause = nj_auth_decode(f, &auth);

    if (cause != NJ_CAUSE_NONE)
        return refuse(e, cause);
    if (e->opts.log != NULL)
        nj_engine_trace(e, "Client %s received AUTH", nj_engine_trace_id(e));
    /* [MQTT5-4.12.0-6] [MQTT5-4.12.0-7] [MQTT5-4.12.1-1] */
    if (!e->is_authenticating || e->opts.auth == NULL)
        return refuse_with(e, NJ_CAUSE_UNEXPECTED_PACKET, "AUTH that was not asked for");
    if (auth.reason == NJ_REASON_RE_AUTHENTICATE ||
        (auth.reason == NJ_REASON_SUCCESS && !e->has_connack))
        return refuse_with(e, NJ_CAUSE_UNEXPECTED_PACKET, "AUTH with a client's reason code");
    if (is_other_method(e, &auth.properties))
        return refuse_with(e, NJ_CAUSE_AUTH_METHOD, "AUTH with another method");
    if (auth.reason == NJ_REASON_SUCCESS)
        e->is_authenticating = false;
    if (auth_step(e, auth.reason, auth_data(&auth.properties)) != NJ_CLIENT_OK) {
        nj_engine_fail(e, NJ_CLIENT_EAUTH, NJ_CAUSE_AUTH_METHOD);
        nj_engine_detail_set(e, "authentication data not accepted");
    }
    return false;
}

enum nj_client_err
nj_engine_reauthenticate(struct nj_engine *e, const void *data, size_t n)
{
    enum nj_client_err err;

    if (!nj_engine_is_v5(e))
        return NJ_CLIENT_EUNSUPPORTED;
    if (e->state != NJ_ENGINE_ACTIVE)
        return NJ_CLIENT_ENOTCONN;
    if (e->opts.auth == NULL || e->is_authenticating)
        return NJ_CLIENT_EINVAL;
    err = send_auth(e, NJ_REASON_RE_AUTHENTICATE, (struct nj_str){data, n});
    e->is_authenticating = err == NJ_CLIENT_OK;
    return err;
}

/* ---- PUBLISH ---- */

/* The topic by itself or by its alias, terminated, in memory of the engine's. */
static bool
settle_topic(struct nj_engine *e, const struct nj_publish *p, struct nj_str *topic)
{
    *topic = p->topic;
    if (nj_properties_has(&p->properties, NJ_PROPERTY_TOPIC_ALIAS)) {
        uint16_t alias = p->properties.topic_alias;

        /* [MQTT5-3.3.2-9] and an alias never set [MQTT5-3.3.2-7] */
        if (alias > e->opts.topic_alias_maximum)
            return refuse(e, NJ_CAUSE_TOPIC_ALIAS);
        if (p->topic.n > 0 && !nj_client_aliases_set(&e->aliases_in, alias, p->topic))
            return refuse(e, NJ_CAUSE_OUT_OF_MEMORY);
        *topic = nj_client_aliases_topic(&e->aliases_in, alias);
        if (topic->p == NULL)
            return refuse(e, NJ_CAUSE_TOPIC_ALIAS_UNKNOWN);
    }
    if (topic->n + 1 > e->topic_cap) {
        char *bigger = nj_realloc(e->topic, topic->n + 256);
        if (bigger == NULL)
            return refuse(e, NJ_CAUSE_OUT_OF_MEMORY);
        e->topic = bigger;
        e->topic_cap = topic->n + 256;
    }
    memcpy(e->topic, topic->p, topic->n);
    e->topic[topic->n] = '\0';
    topic->p = e->topic;
    return true;
}

/* Ends the connection when the broker sends more than we said we take. [MQTT5-3.3.4-9] One of QoS 1
 * counts for this moment only: it is acknowledged at once. */
static bool
count(struct nj_engine *e, const struct nj_publish *p)
{
    if (p->qos == 0 || (p->qos == 2 && bit(e->counted, p->packet_id)))
        return true;
    if (nj_engine_is_v5(e) && e->counted_n >= e->opts.receive_maximum)
        return refuse(e, NJ_CAUSE_RECEIVE_MAXIMUM);
    if (p->qos == 1)
        return true;
    if (!make_map(&e->received) || !make_map(&e->counted))
        return refuse(e, NJ_CAUSE_OUT_OF_MEMORY);
    set_bit(e->counted, p->packet_id);
    e->counted_n++;
    return true;
}

static struct nj_client_event
event_of(const struct nj_publish *p, struct nj_str topic)
{
    struct nj_client_properties properties = nj_engine_block(&p->properties);

    return (struct nj_client_event){
        .type = NJ_CLIENT_MESSAGE,
        .packet_id = p->packet_id,
        .properties = properties,
        .message = {.topic = topic.p,
                    .topic_n = topic.n,
                    .payload = p->payload.p,
                    .payload_n = p->payload.n,
                    .qos = p->qos,
                    .retain = p->retain,
                    .dup = p->dup,
                    .packet_id = p->packet_id,
                    .properties = properties},
    };
}

static bool
on_publish(struct nj_engine *e, const struct nj_frame *f, struct nj_client_event *out)
{
    struct nj_publish p;
    struct nj_str topic;
    struct nj_client_event ev;
    bool is_new, waits, is_held;
    enum nj_cause cause =
        nj_publish_decode(f, (enum nj_version)e->opts.version, NJ_FROM_SERVER, &p);

    if (cause != NJ_CAUSE_NONE)
        return refuse(e, cause);
    if (!settle_topic(e, &p, &topic) || !count(e, &p))
        return false;
    ev = event_of(&p, topic);
    is_new = p.qos < 2 || !bit(e->received, p.packet_id);
    waits = p.qos == 2 && is_new && e->opts.release_bytes > 0;
    is_held = waits && nj_held_put(&e->held, &ev, e->opts.release_bytes);
    /* Where there is no room the older ones make it, in their order; this packet comes up again
     * after each of them. */
    if (waits && !is_held && nj_held_take_oldest(&e->held, out)) {
        e->in_used = 0;
        return true;
    }
    if (e->opts.log != NULL)
        nj_engine_trace(e, "Client %s received PUBLISH (d%d, q%d, r%d, m%d, '%s', ... (%ld bytes))",
                        nj_engine_trace_id(e), p.dup, p.qos, p.retain, p.packet_id, e->topic,
                        (long)p.payload.n);
    /* They leave with the next write, which is after the application has seen the message, unless
     * that is held. */
    if (p.qos == 1)
        answer(e, NJ_PUBACK, p.packet_id, 0);
    if (p.qos == 2) {
        set_bit(e->received, p.packet_id);
        answer(e, NJ_PUBREC, p.packet_id, 0);
    }
    if (!is_new || is_held)
        return false; /* [MQTT5-4.3.3-10] [MQTT311-4.3.3-2] */
    *out = ev;
    return true;
}

/* ---- acknowledgements ---- */

static bool
on_pubrel(struct nj_engine *e, const struct nj_ack *ack, struct nj_client_event *out)
{
    bool is_known = bit(e->received, ack->packet_id);

    if (bit(e->counted, ack->packet_id)) {
        clear_bit(e->counted, ack->packet_id);
        e->counted_n--;
    }
    clear_bit(e->received, ack->packet_id);
    /* Of an earlier life of ours: the answer is the same but for the reason. [MQTT5-4.3.3-11]
     * [MQTT311-4.3.3-2] */
    answer(e, NJ_PUBCOMP, ack->packet_id,
           is_known || !nj_engine_is_v5(e) ? 0 : NJ_REASON_PACKET_IDENTIFIER_NOT_FOUND);
    return nj_held_take(&e->held, ack->packet_id, out);
}

static bool
on_ack(struct nj_engine *e, const struct nj_frame *f, struct nj_client_event *out)
{
    enum nj_packet_type type = (enum nj_packet_type)f->type;
    struct nj_ack ack;
    enum nj_cause cause = nj_ack_decode(f, (enum nj_version)e->opts.version, &ack);

    if (cause != NJ_CAUSE_NONE)
        return refuse(e, cause);
    if (e->opts.log != NULL) {
        if (type == NJ_PUBACK || type == NJ_PUBCOMP)
            nj_engine_trace(e, "Client %s received %s (Mid: %d, RC:%d)", nj_engine_trace_id(e),
                            nj_packet_name(type), ack.packet_id, ack.reason);
        else
            nj_engine_trace(e, "Client %s received %s (Mid: %d)", nj_engine_trace_id(e),
                            nj_packet_name(type), ack.packet_id);
    }
    return type == NJ_PUBREL ? on_pubrel(e, &ack, out) : nj_outgoing_on_ack(e, type, &ack, out);
}

static bool
on_suback(struct nj_engine *e, const struct nj_frame *f, struct nj_client_event *out)
{
    enum nj_packet_type type = (enum nj_packet_type)f->type;
    struct nj_suback ack;
    enum nj_cause cause = nj_suback_decode(f, (enum nj_version)e->opts.version, &ack);

    if (cause != NJ_CAUSE_NONE)
        return refuse(e, cause);
    if (e->opts.log != NULL)
        nj_engine_trace(e, "Client %s received %s", nj_engine_trace_id(e), nj_packet_name(type));
    return nj_request_on_suback(e, type, &ack, out);
}

static bool
on_disconnect(struct nj_engine *e, const struct nj_frame *f, struct nj_client_event *out)
{
    struct nj_disconnect d;
    enum nj_cause cause =
        nj_disconnect_decode(f, (enum nj_version)e->opts.version, NJ_FROM_SERVER, &d);

    if (cause != NJ_CAUSE_NONE)
        return refuse(e, cause);
    if (!nj_engine_is_v5(e))
        return refuse_with(e, NJ_CAUSE_UNEXPECTED_PACKET, "DISCONNECT from the broker");
    if (e->opts.log != NULL)
        nj_engine_trace(e, "Received DISCONNECT (%d)", d.reason);
    nj_engine_detail_set(e, "%s", nj_reason_text(d.reason));
    nj_engine_fail(e, NJ_CLIENT_EDISCONNECTED, NJ_CAUSE_NONE);
    *out = (struct nj_client_event){.type = NJ_CLIENT_DISCONNECTED,
                                    .error = NJ_CLIENT_EDISCONNECTED,
                                    .reason = d.reason,
                                    .properties = nj_engine_block(&d.properties)};
    return true;
}

static bool
on_pingresp(struct nj_engine *e, const struct nj_frame *f)
{
    enum nj_cause cause = nj_ping_decode(f);

    if (cause != NJ_CAUSE_NONE)
        return refuse(e, cause);
    e->is_answer_due = false;
    if (e->opts.log != NULL)
        nj_engine_trace(e, "Client %s received PINGRESP", nj_engine_trace_id(e));
    return false;
}

bool
nj_engine_receive(struct nj_engine *e, const struct nj_frame *f, struct nj_client_event *out)
{
    /* [MQTT5-3.2.0-1] [MQTT311-3.2.0-1] only AUTH may come before CONNACK */
    if (!e->has_connack && f->type != NJ_CONNACK && f->type != NJ_AUTH)
        return refuse_with(e, NJ_CAUSE_UNEXPECTED_PACKET, "first packet not CONNACK");
    switch ((enum nj_packet_type)f->type) {
    case NJ_CONNACK:
        return on_connack(e, f, out);
    case NJ_PUBLISH:
        return on_publish(e, f, out);
    case NJ_PUBACK:
    case NJ_PUBREC:
    case NJ_PUBREL:
    case NJ_PUBCOMP:
        return on_ack(e, f, out);
    case NJ_SUBACK:
    case NJ_UNSUBACK:
        return on_suback(e, f, out);
    case NJ_PINGRESP:
        return on_pingresp(e, f);
    case NJ_DISCONNECT:
        return on_disconnect(e, f, out);
    case NJ_AUTH:
        if (nj_engine_is_v5(e))
            return on_auth(e, f);
        break;
    case NJ_CONNECT:
    case NJ_SUBSCRIBE:
    case NJ_UNSUBSCRIBE:
    case NJ_PINGREQ:
        break;
    }
    return refuse_with(e, NJ_CAUSE_UNEXPECTED_PACKET, "packet that only clients send");
}
