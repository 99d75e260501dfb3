/* SPDX-License-Identifier: Apache-2.0 */
/* Packets out: what a session, or the connection itself, has to say, encoded into the output.
 *
 * A PUBLISH that goes to many is encoded once for each kind of receiver, or not at all
 * (encoding.h). A large payload is not copied but referred to. */
#include "server/conn.h"

#include "base/mem.h"
#include "server/mount.h"
#include "server/say.h"

/* Properties of CONNACK, DISCONNECT and AUTH that we write: names and reason strings are short. */
#define SMALL_PROPERTIES 1024
/* Room for them and the packet around them. An authentication method's data come on top. */
#define SMALL_ROOM(data_bytes) (2 * (SMALL_PROPERTIES + (data_bytes)) + 16)

/* ---- the output ---- */

static void
count_sent(struct nj_conn *c)
{
    nj_metric_add(&c->worker->metrics, NJ_METRIC_PACKETS_SENT, 1);
    c->out_packets++;
    /* Until enough has been written: see nj_conn_flush(). */
    c->link.is_full = c->link.is_full || c->out.bytes > c->worker->output_ceiling;
    nj_conn_dirty(c);
}

/* What has to be said cannot be, or half of it is in the output already: nothing sensible can
 * follow. The connection ends when its output would be written. */
static void
fall_silent(struct nj_conn *c, enum nj_cause cause)
{
    c->is_mute = true;
    c->mute_cause = (uint8_t)cause;
    nj_conn_dirty(c);
}

/* A small packet, encoded by `w` into `packet`. Answers are let past the ceiling: their number is
 * bounded, since above it nothing is read. */
static void
send_small(struct nj_conn *c, const uint8_t *packet, const struct nj_writer *w)
{
    struct nj_str bytes = {(const char *)packet, (size_t)(w->p - packet)};

    if (c->is_mute || w->is_full || bytes.n > c->maximum_packet_size) /* [MQTT5-3.1.2-24] */
        return;
    if (nj_out_copy(c->worker->pool, &c->out, bytes))
        count_sent(c);
    else
        fall_silent(c, NJ_CAUSE_OUT_OF_MEMORY);
}

/* ---- PUBLISH ---- */

static void
fill_head(struct nj_conn *c, const struct nj_delivery *d, struct nj_publish_head *head)
{
    const struct nj_publication *pub = d->publication;

    *head = (struct nj_publish_head){
        .dup = d->dup,
        .retain = d->retain,
        .qos = d->qos,
        .packet_id = d->packet_id,
        .topic = nj_unmount(nj_conn_listener(c)->mount_point, pub->topic),
        .payload_bytes = (uint32_t)pub->payload.n,
    };
    if (c->link.version != NJ_MQTT_5)
        return;
    head->properties = pub->properties;
    head->subscription_identifiers = d->identifiers;
    head->subscription_identifier_count = d->identifier_count;
    if (pub->expires != NJ_NEVER) { /* [MQTT5-3.3.2-6] */
        head->has_expiry = true;
        head->message_expiry_interval_s =
            nj_expiry_left_s(pub->arrived, pub->expires, c->worker->now);
    }
}

static void
release_msg(void *msg)
{
    nj_msg_unref(msg);
}

/* The payload behind a head that is in the output already. */
static bool
put_payload(struct nj_conn *c, struct nj_publication *pub)
{
    struct nj_msg *msg;

    if (pub->payload.n <= NJ_OUT_PIECE)
        return nj_out_copy(c->worker->pool, &c->out, pub->payload);
    msg = nj_publication_msg(pub);
    if (msg == NULL)
        return false;
    if (!nj_out_refer(c->worker->pool, &c->out, nj_msg_payload(msg), nj_msg_ref(msg),
                      release_msg)) {
        nj_msg_unref(msg);
        return false;
    }
    return true;
}

/* Head and payload in one piece of the output. */
static bool
put_whole(struct nj_conn *c, const struct nj_publish_head *head, size_t head_bytes,
          struct nj_str payload)
{
    size_t bytes = head_bytes + payload.n;
    uint8_t *room = nj_out_room(c->worker->pool, &c->out, bytes);
    struct nj_writer w;

    if (room == NULL)
        return false;
    w = nj_writer_of(room, bytes);
    nj_publish_head_encode(&w, c->link.version, head);
    nj_write_bytes(&w, payload);
    nj_out_add(&c->out, bytes);
    return true;
}

/* In pieces: a head of any length (properties may be long), then the payload. */
static bool
put_parts(struct nj_conn *c, const struct nj_publish_head *head, size_t head_bytes,
          struct nj_publication *pub)
{
    uint8_t *encoded = nj_alloc(head_bytes);
    struct nj_writer w;
    bool is_put;

    if (encoded == NULL)
        return false;
    w = nj_writer_of(encoded, head_bytes);
    nj_publish_head_encode(&w, c->link.version, head);
    is_put =
        nj_out_copy(c->worker->pool, &c->out, (struct nj_str){(const char *)encoded, head_bytes});
    nj_free(encoded);
    if (is_put && !put_payload(c, pub)) {
        fall_silent(c, NJ_CAUSE_OUT_OF_MEMORY);
        is_put = false;
    }
    return is_put;
}

/* What receivers of this kind get alike. */
static bool
put_alike(struct nj_conn *c, const struct nj_encoding *e, uint16_t packet_id)
{
    uint8_t *room = nj_out_room(c->worker->pool, &c->out, e->bytes);

    if (room == NULL)
        return false;
    nj_encoding_copy(e, room, packet_id);
    nj_out_add(&c->out, e->bytes);
    return true;
}

static void
count_publish(struct nj_conn *c, const struct nj_delivery *d)
{
    struct nj_metrics *m = &c->worker->metrics;

    nj_metric_add(m, NJ_METRIC_PUBLISH_SENT, 1);
    nj_metric_add(m, NJ_METRIC_PUBLISH_BYTES_SENT, (int64_t)d->publication->payload.n);
    count_sent(c);
    nj_say_publish_sent(c, d);
}

/* Let an alias stand for the topic, or be sent along with it. True: it is a new one, which the
 * client learns from this packet. [MQTT5-3.3.2-11] */
static bool
put_alias(struct nj_conn *c, struct nj_publish_head *head)
{
    head->topic_alias = nj_aliases_find(c->aliases, head->topic);
    if (head->topic_alias != 0) {
        head->topic.n = 0;
        return false;
    }
    head->topic_alias = nj_aliases_give(&c->aliases, c->topic_alias_maximum, head->topic);
    return head->topic_alias != 0;
}

static enum nj_sent
encode_head(struct nj_conn *c, const struct nj_delivery *d, const struct nj_publish_head *head,
            bool may_keep)
{
    struct nj_encoding *e = &c->worker->encoding;
    size_t head_bytes = nj_publish_head_size(head, c->link.version);
    size_t bytes = head_bytes + head->payload_bytes;

    if (head_bytes == 0 || bytes > c->maximum_packet_size)
        return NJ_SENT_TOO_LARGE;
    if (bytes > NJ_OUT_PIECE)
        return put_parts(c, head, head_bytes, d->publication) ? NJ_SENT : NJ_SENT_NO_ROOM;
    if (!may_keep)
        return put_whole(c, head, head_bytes, d->publication->payload) ? NJ_SENT : NJ_SENT_NO_ROOM;
    nj_encoding_make(e, c->link.version, d->publication, head);
    return put_alike(c, e, d->packet_id) ? NJ_SENT : NJ_SENT_NO_ROOM;
}

static enum nj_sent
encode_publish(struct nj_conn *c, const struct nj_delivery *d, bool may_keep)
{
    struct nj_publish_head head;
    bool is_new_alias;
    enum nj_sent sent;

    fill_head(c, d, &head);
    is_new_alias = c->topic_alias_maximum > 0 && put_alias(c, &head);
    sent = encode_head(c, d, &head, may_keep);
    if (sent != NJ_SENT && is_new_alias) { /* the client has not learnt it */
        nj_aliases_take_back(c->aliases);
        head.topic_alias = 0;
        if (sent == NJ_SENT_TOO_LARGE) /* and it takes three bytes, which may be those too many */
            sent = encode_head(c, d, &head, may_keep);
    }
    if (sent == NJ_SENT_TOO_LARGE)
        nj_say_too_large(c, nj_publish_head_size(&head, c->link.version) + head.payload_bytes);
    return sent;
}

static enum nj_sent
link_publish(struct nj_link *link, const struct nj_delivery *d)
{
    struct nj_conn *c = nj_container_of(link, struct nj_conn, link);
    const struct nj_encoding *e = &c->worker->encoding;
    bool is_alike = !d->dup && d->identifier_count == 0 && c->topic_alias_maximum == 0 &&
                    nj_conn_listener(c)->mount_point == NULL;
    enum nj_sent sent;

    if (c->is_mute || (link->is_full && d->qos == 0))
        return NJ_SENT_NO_ROOM;
    if (is_alike && nj_encoding_fits(e, c->link.version, d) && e->bytes <= c->maximum_packet_size)
        sent = put_alike(c, e, d->packet_id) ? NJ_SENT : NJ_SENT_NO_ROOM;
    else
        sent = encode_publish(c, d, is_alike && d->is_one_of_many);
    if (sent == NJ_SENT)
        count_publish(c, d);
    return sent;
}

/* ---- properties of what we say ourselves ---- */

/* Fixed header, reason, flags, property length. */
#define BARE_PACKET_BYTES 8

/* The cause in words, for who wants to know and has room for it. [MQTT5-3.1.2-29] [MQTT5-3.2.2-19]
 * [MQTT5-3.4.2-2] [MQTT5-3.5.2-2] [MQTT5-3.14.2-3] */
static void
put_reason_string(struct nj_writer *w, const struct nj_conn *c, enum nj_cause cause)
{
    struct nj_str words = nj_str_of(nj_cause_text(cause));

    if (c->wants_reasons && nj_cause_reason(cause) >= NJ_REASON_UNSPECIFIED_ERROR &&
        BARE_PACKET_BYTES + 3 + words.n <= c->maximum_packet_size)
        nj_property_put_string(w, NJ_PROPERTY_REASON_STRING, words);
}

/* In Mosquitto's order, so that traces stay comparable. */
static void
put_capabilities(struct nj_writer *w, const struct nj_conn *c)
{
    const struct nj_broker_opts *o = c->worker->home->opts;
    const struct nj_listener_opts *l = nj_conn_listener(c);

    if (c->is_our_keep_alive)
        nj_property_put_number(w, NJ_PROPERTY_SERVER_KEEP_ALIVE, c->keep_alive_s);
    if (c->told.topic_alias_maximum > 0)
        nj_property_put_number(w, NJ_PROPERTY_TOPIC_ALIAS_MAXIMUM, c->told.topic_alias_maximum);
    if (c->is_assigned_id)
        nj_property_put_string(w, NJ_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER, nj_conn_name(c));
    if (c->exchange != NULL) {
        struct nj_str data = nj_exchange_data(c->exchange);

        nj_property_put_string(w, NJ_PROPERTY_AUTHENTICATION_METHOD,
                               nj_exchange_method(c->exchange));
        if (data.n > 0)
            nj_property_put_string(w, NJ_PROPERTY_AUTHENTICATION_DATA, data);
    }
    if (!o->retain_available)
        nj_property_put_number(w, NJ_PROPERTY_RETAIN_AVAILABLE, 0);
    nj_property_put_number(w, NJ_PROPERTY_MAXIMUM_PACKET_SIZE, c->told.packet_bytes);
    if (c->session != NULL && c->session->allowance > 0)
        nj_property_put_number(w, NJ_PROPERTY_RECEIVE_MAXIMUM, c->session->allowance);
    if (l->max_qos < 2)
        nj_property_put_number(w, NJ_PROPERTY_MAXIMUM_QOS, l->max_qos);
    /* What it asked for and did not get. [MQTT5-3.2.2-21] */
    if (o->persistent_client_expiration_s != UINT32_MAX && c->session != NULL &&
        c->session->expiry_s == o->persistent_client_expiration_s)
        nj_property_put_number(w, NJ_PROPERTY_SESSION_EXPIRY_INTERVAL, c->session->expiry_s);
}

/* ---- small packets ---- */

/* Where a packet is encoded that carries `data`; given back unless it is `small`. NULL without
 * memory. */
static uint8_t *
room_for(uint8_t small[SMALL_ROOM(0)], struct nj_str data)
{
    return data.n == 0 ? small : nj_alloc(SMALL_ROOM(data.n));
}

static struct nj_str
written(const uint8_t *room, const struct nj_writer *w)
{
    return (struct nj_str){(const char *)room, (size_t)(w->p - room)};
}

static int
connack_code(const struct nj_conn *c, enum nj_cause cause)
{
    enum nj_reason reason = nj_cause_reason(cause);

    /* DISCONNECT knows codes that CONNACK does not, as that of a server which shuts down.
     * [MQTT5-3.2.2-8] */
    if (c->link.version == NJ_MQTT_5)
        return nj_reason_is_allowed(reason, NJ_CONNACK, NJ_FROM_SERVER)
                   ? (int)reason
                   : NJ_REASON_SERVER_UNAVAILABLE;
    return cause == NJ_CAUSE_NONE ? 0 : nj_cause_return_code(cause);
}

/* A refusal may come before anything is known of the client; what speaks no MQTT gets no answer.
 * [MQTT5-3.2.2-7] [MQTT311-3.2.2-5] */
void
nj_conn_send_connack(struct nj_conn *c, bool session_present, enum nj_cause cause)
{
    struct nj_str data = nj_exchange_data(c->exchange);
    NJ_UNSET uint8_t small[SMALL_ROOM(0)];
    uint8_t *room = room_for(small, data);
    size_t half = SMALL_PROPERTIES + data.n;
    struct nj_writer p, w;
    int code = connack_code(c, cause);
    /* Nobody has said what it speaks yet. */
    bool is_early =
        c->client_id == NULL && c->session == NULL &&
        ((nj_cause_reason(cause) == NJ_REASON_MALFORMED_PACKET && c->link.version != NJ_MQTT_5) ||
         cause == NJ_CAUSE_SHUTTING_DOWN || cause == NJ_CAUSE_OUT_OF_MEMORY);

    if (code < 0 || cause == NJ_CAUSE_FIRST_NOT_CONNECT || cause == NJ_CAUSE_CONNECT_TIMEOUT ||
        cause == NJ_CAUSE_CLIENT_CLOSED || cause == NJ_CAUSE_PROTOCOL_NAME || is_early)
        goto done;
    if (room == NULL) {
        fall_silent(c, NJ_CAUSE_OUT_OF_MEMORY);
        goto done;
    }
    p = nj_writer_of(room, half);
    w = nj_writer_of(room + half, half + 16);
    if (c->link.version == NJ_MQTT_5) {
        if (cause == NJ_CAUSE_NONE)
            put_capabilities(&p, c);
        else
            put_reason_string(&p, c, cause);
    }
    nj_connack_encode(&w, c->link.version, session_present && c->link.version != NJ_MQTT_31,
                      (uint8_t)code, written(room, &p));
    nj_say_connack(c, session_present, code);
    if (written(room + half, &w).n > c->maximum_packet_size)
        fall_silent(c, NJ_CAUSE_RECEIVER_PACKET_SIZE); /* nothing may come before it */
    else
        send_small(c, room + half, &w);
done:
    if (room != small)
        nj_free(room);
}

void
nj_conn_send_pong(struct nj_conn *c)
{
    uint8_t packet[4];
    struct nj_writer w = nj_writer_of(packet, sizeof(packet));

    nj_ping_encode(&w, NJ_PINGRESP);
    nj_say_sent(c, NJ_PINGRESP);
    send_small(c, packet, &w);
}

void
nj_conn_send_auth(struct nj_conn *c, enum nj_reason reason, struct nj_str method,
                  struct nj_str data)
{
    NJ_UNSET uint8_t small[SMALL_ROOM(0)];
    uint8_t *room = room_for(small, data);
    size_t half = SMALL_PROPERTIES + data.n;
    struct nj_writer p, w;

    if (room == NULL) {
        fall_silent(c, NJ_CAUSE_OUT_OF_MEMORY);
        return;
    }
    p = nj_writer_of(room, half);
    w = nj_writer_of(room + half, half + 16);
    nj_property_put_string(&p, NJ_PROPERTY_AUTHENTICATION_METHOD, method);
    if (data.n > 0)
        nj_property_put_string(&p, NJ_PROPERTY_AUTHENTICATION_DATA, data);
    nj_auth_encode(&w, (uint8_t)reason, written(room, &p));
    nj_say_auth_sent(c, reason, method);
    send_small(c, room + half, &w);
    if (room != small)
        nj_free(room);
}

/* Only MQTT 5 has a DISCONNECT from the server, and only where the connection ends by our will.
 * [MQTT5-3.14.0-1] [MQTT5-4.13.2-1] */
void
nj_conn_send_disconnect(struct nj_conn *c, enum nj_cause cause)
{
    NJ_UNSET uint8_t properties[SMALL_PROPERTIES], packet[SMALL_PROPERTIES + 16];
    struct nj_writer p = nj_writer_of(properties, sizeof(properties));
    struct nj_writer w = nj_writer_of(packet, sizeof(packet));
    enum nj_reason reason = nj_cause_reason(cause);

    if (c->link.version != NJ_MQTT_5 || c->state != NJ_CONN_ACTIVE ||
        reason < NJ_REASON_UNSPECIFIED_ERROR)
        return;
    put_reason_string(&p, c, cause);
    nj_disconnect_encode(&w, c->link.version, (uint8_t)reason, written(properties, &p));
    nj_say_disconnect_sent(c, reason);
    send_small(c, packet, &w);
}

/* An identifier and nothing else, as nearly all are: written where it leaves from. */
static void
send_bare_ack(struct nj_conn *c, const struct nj_answer *a)
{
    uint8_t *room;

    if (c->is_mute || c->maximum_packet_size < NJ_BARE_ACK_BYTES) /* [MQTT5-3.1.2-24] */
        return;
    room = nj_out_room(c->worker->pool, &c->out, NJ_BARE_ACK_BYTES);
    if (room == NULL) {
        fall_silent(c, NJ_CAUSE_OUT_OF_MEMORY);
        return;
    }
    nj_ack_encode_bare(room, a->type, a->packet_id);
    nj_out_add(&c->out, NJ_BARE_ACK_BYTES);
    count_sent(c);
}

/* Of MQTT 5, with a reason. */
static void
send_long_ack(struct nj_conn *c, const struct nj_answer *a)
{
    NJ_UNSET uint8_t properties[SMALL_PROPERTIES], packet[SMALL_PROPERTIES + 16];
    struct nj_writer p = nj_writer_of(properties, sizeof(properties));
    struct nj_writer w = nj_writer_of(packet, sizeof(packet));

    if (a->cause != NJ_CAUSE_NONE)
        put_reason_string(&p, c, (enum nj_cause)a->cause);
    nj_ack_encode(&w, c->link.version, a->type, a->packet_id, a->reason, written(properties, &p));
    send_small(c, packet, &w);
}

static void
send_ack(struct nj_conn *c, const struct nj_answer *a)
{
    nj_say_ack_sent(c, a);
    if (a->reason == NJ_REASON_SUCCESS || c->link.version != NJ_MQTT_5)
        send_bare_ack(c, a);
    else
        send_long_ack(c, a);
}

static void
send_suback(struct nj_conn *c, const struct nj_answer *a)
{
    size_t bytes = NJ_SMALL_PACKET_BYTES(0) + a->codes.n;
    uint8_t *packet = nj_alloc(bytes);
    struct nj_writer w;

    if (packet == NULL) {
        fall_silent(c, NJ_CAUSE_OUT_OF_MEMORY);
        return;
    }
    w = nj_writer_of(packet, bytes);
    nj_suback_encode(&w, c->link.version, a->type, a->packet_id, NJ_STR(""), a->codes);
    nj_say_sent(c, a->type);
    send_small(c, packet, &w);
    nj_free(packet);
}

static void
link_answer(struct nj_link *link, const struct nj_answer *a)
{
    struct nj_conn *c = nj_container_of(link, struct nj_conn, link);

    switch (a->type) {
    case NJ_CONNACK:
        nj_conn_enter(c, NJ_CONN_ACTIVE);
        nj_conn_send_connack(c, a->session_present, NJ_CAUSE_NONE);
        nj_conn_start_keep_alive(c);
        break;
    case NJ_SUBACK:
    case NJ_UNSUBACK:
        send_suback(c, a);
        break;
    default:
        send_ack(c, a);
        break;
    }
    nj_conn_answered(c);
}

static void
link_hear_out(struct nj_link *link)
{
    nj_conn_hear_out(nj_container_of(link, struct nj_conn, link));
}

static void
link_close(struct nj_link *link, enum nj_cause cause)
{
    nj_conn_end_link(nj_container_of(link, struct nj_conn, link), cause);
}

const struct nj_link_ops nj_conn_link_ops = {link_publish, link_answer, link_hear_out, link_close};
