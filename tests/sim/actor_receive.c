/* SPDX-License-Identifier: Apache-2.0 */
/* actor_receive.c — what a client is sent: judged by itself, told to the twin, acknowledged. */
#include "actor_priv.h"

#include "base/assert.h"
#include "mqtt/topic.h"

#include <string.h>

/* What is the fate of the will of the connection that broke? It comes after its delay or with the
 * end of the session; who is back before, has none. [MQTT5-3.1.3-9] [MQTT5-3.1.2-8] */
static void
decide_will(struct nj_actor *a, bool session_present)
{
    struct nj_twin_message *m;

    if (a->open_will < 0)
        return;
    m = &a->twin->messages[a->open_will];
    if (!m->is_due && a->version == NJ_MQTT_5) {
        m->is_due = !session_present;
        m->is_withdrawn = session_present && a->twin->now < a->open_will_due;
    }
    a->open_will = -1;
}

static void
on_connack(struct nj_actor *a, const struct nj_connack *p)
{
    if (a->state != NJ_ACTOR_CONNECTING)
        nj_twin_fail(a->twin, "c%u: CONNACK in the middle", a->index);
    if (p->code != 0)
        nj_twin_fail(a->twin, "c%u: CONNACK with code %u", a->index, p->code);
    nj_twin_say(a->twin, "c%u <- CONNACK (session present %d)", a->index, p->session_present);
    decide_will(a, p->session_present);
    a->broker_receive_maximum = UINT16_MAX;
    a->broker_alias_maximum = 0;
    if (a->version == NJ_MQTT_5) {
        if (nj_properties_has(&p->properties, NJ_PROPERTY_RECEIVE_MAXIMUM))
            a->broker_receive_maximum = p->properties.receive_maximum;
        if (nj_properties_has(&p->properties, NJ_PROPERTY_TOPIC_ALIAS_MAXIMUM))
            a->broker_alias_maximum = p->properties.topic_alias_maximum;
    }
    a->state = NJ_ACTOR_UP;
    a->wants_clean = false;
    /* 3.1 has no such flag: there the client cannot know, and goes on as if it were there. */
    if (a->version != NJ_MQTT_31)
        nj_twin_session_is(a->twin, a->index, p->session_present, a->is_clean_start);
    if (a->kept_s > 0)
        nj_twin_wills_are_settled(a->twin, a->index, a->will);
    nj_actor_on_time(a); /* it may have come long ago */
    if (p->session_present || (a->version == NJ_MQTT_31 && !a->is_clean_start)) {
        nj_actor_send_again(a);
    } else {
        a->sending_count = 0;
        a->receiving_count = 0;
    }
}

static struct nj_actor_receiving *
find_receiving(struct nj_actor *a, uint16_t packet_id)
{
    for (unsigned i = 0; i < a->receiving_count; i++)
        if (a->receiving[i].packet_id == packet_id)
            return &a->receiving[i];
    return NULL;
}

static void
finish_receiving(struct nj_actor *a, struct nj_actor_receiving *r)
{
    *r = a->receiving[--a->receiving_count];
}

/* [MQTT5-3.3.2-8] [MQTT5-3.1.2-26] */
static struct nj_str
topic_of(struct nj_actor *a, const struct nj_publish *p)
{
    uint16_t alias = p->properties.topic_alias;

    if (!nj_properties_has(&p->properties, NJ_PROPERTY_TOPIC_ALIAS)) {
        if (p->topic.n == 0)
            nj_twin_fail(a->twin, "c%u: PUBLISH without topic", a->index);
        return p->topic;
    }
    if (alias == 0 || alias > a->alias_maximum)
        nj_twin_fail(a->twin, "c%u: topic alias %u, the maximum is %u", a->index, alias,
                     a->alias_maximum);
    if (p->topic.n > 0) {
        memset(a->alias_in[alias - 1], 0, sizeof(a->alias_in[0]));
        memcpy(a->alias_in[alias - 1], p->topic.p, NJ_MIN(p->topic.n, sizeof(a->alias_in[0]) - 1));
        return p->topic;
    }
    if (a->alias_in[alias - 1][0] == '\0')
        nj_twin_fail(a->twin, "c%u: topic alias %u stands for nothing", a->index, alias);
    return nj_str_of(a->alias_in[alias - 1]);
}

/* [MQTT5-3.3.4-9] [MQTT5-4.9.0-1] [MQTT5-4.9.0-2] */
static void
judge_receive_maximum(struct nj_actor *a)
{
    unsigned counted = 0;

    for (unsigned i = 0; i < a->receiving_count; i++)
        counted += a->receiving[i].is_counted;
    if (counted > a->receive_maximum)
        nj_twin_fail(a->twin, "c%u: %u messages under way, receive maximum is %u", a->index,
                     counted, a->receive_maximum);
}

static void
on_publish(struct nj_actor *a, const struct nj_publish *p)
{
    struct nj_actor_receiving *r = p->qos > 0 ? find_receiving(a, p->packet_id) : NULL;
    bool is_known = r != NULL && r->qos == 2;
    struct nj_twin_arrival arrival = {p, topic_of(a, p), is_known};
    unsigned number = nj_twin_arrived(a->twin, a->index, &arrival);

    if (p->dup && p->qos == 0)
        nj_twin_fail(a->twin, "c%u: DUP at QoS 0", a->index); /* [MQTT5-3.3.1-2] */
    if (a->is_observer && p->retain)
        a->retained[a->twin->messages[number].topic] = (int)number;
    if (p->qos == 0)
        return;
    if (r != NULL && (r->message != number || r->qos != p->qos || !p->dup))
        nj_twin_fail(a->twin, "c%u: packet identifier %u is in use for message %u", a->index,
                     p->packet_id, r->message); /* [MQTT5-2.2.1-4] */
    if (r != NULL && r->is_counted)
        nj_twin_fail(a->twin, "c%u: message %u sent again on the same connection", a->index,
                     number); /* [MQTT5-4.4.0-1] */
    if (r == NULL) {
        NJ_ASSERT(a->receiving_count < NJ_COUNT_OF(a->receiving));
        r = &a->receiving[a->receiving_count++];
        *r = (struct nj_actor_receiving){
            .packet_id = p->packet_id, .message = (uint16_t)number, .qos = p->qos};
    }
    r->is_counted = true;
    r->is_received = false;
    judge_receive_maximum(a);
}

static void
on_puback(struct nj_actor *a, const struct nj_ack *p)
{
    struct nj_actor_sending *s = nj_actor_find_sending(a, p->packet_id);

    if (s == NULL || s->qos != 1)
        nj_twin_fail(a->twin, "c%u: PUBACK for identifier %u", a->index, p->packet_id);
    nj_twin_taken(a->twin, s->message, p->reason);
    nj_actor_finish_sending(a, s);
}

static void
on_pubrec(struct nj_actor *a, const struct nj_ack *p)
{
    struct nj_actor_sending *s = nj_actor_find_sending(a, p->packet_id);

    if (s == NULL || s->qos != 2 || s->is_released)
        nj_twin_fail(a->twin, "c%u: PUBREC for identifier %u", a->index, p->packet_id);
    nj_twin_taken(a->twin, s->message, p->reason);
    if (p->reason >= 0x80) {
        nj_actor_finish_sending(a, s);
        return;
    }
    s->is_released = true;
    nj_actor_put_ack(a, NJ_PUBREL, p->packet_id);
}

static void
on_pubcomp(struct nj_actor *a, const struct nj_ack *p)
{
    struct nj_actor_sending *s = nj_actor_find_sending(a, p->packet_id);

    if (s == NULL || s->qos != 2 || !s->is_released)
        nj_twin_fail(a->twin, "c%u: PUBCOMP for identifier %u", a->index, p->packet_id);
    nj_actor_finish_sending(a, s);
}

/* For an identifier that we do not know, too: the PUBCOMP was lost. [MQTT5-4.3.3-8] */
static void
on_pubrel(struct nj_actor *a, const struct nj_ack *p)
{
    struct nj_actor_receiving *r = find_receiving(a, p->packet_id);

    if (r != NULL && r->qos == 2)
        finish_receiving(a, r);
    nj_actor_put_ack(a, NJ_PUBCOMP, p->packet_id);
}

/* Because the store is full. */
static uint8_t
refusal(const struct nj_actor *a)
{
    return a->version == NJ_MQTT_5 ? NJ_REASON_QUOTA_EXCEEDED : NJ_REASON_UNSPECIFIED_ERROR;
}

static void
on_suback(struct nj_actor *a, const struct nj_suback *p, bool is_unsubscribe)
{
    struct nj_twin_session *session = session_of(a);
    struct nj_actor_request *r = NULL;

    for (unsigned i = 0; i < a->request_count && r == NULL; i++)
        if (a->requests[i].packet_id == p->packet_id)
            r = &a->requests[i];
    if (r == NULL || r->is_unsubscribe != is_unsubscribe)
        nj_twin_fail(a->twin, "c%u: SUBACK or UNSUBACK for identifier %u", a->index, p->packet_id);
    if (is_unsubscribe) {
        nj_twin_unsubscribed(a->twin, a->index, r->text, r->step);
    } else if (p->codes.n == 1 && (uint8_t)p->codes.p[0] == refusal(a) &&
               a->twin->was_full >= r->step) {
        session->subscriptions[r->subscription].gone = a->twin->step;
    } else {
        struct nj_twin_subscription *s = &session->subscriptions[r->subscription];

        if (p->codes.n != 1 || (uint8_t)p->codes.p[0] != s->qos)
            nj_twin_fail(a->twin, "c%u: SUBACK for '%s' does not grant QoS %u", a->index, s->text,
                         s->qos);
        s->granted = a->twin->step;
        /* It has replaced those with the same text. */
        for (unsigned i = 0; i < r->subscription; i++)
            if (strcmp(session->subscriptions[i].text, s->text) == 0 &&
                session->subscriptions[i].gone > a->twin->step)
                session->subscriptions[i].gone = a->twin->step;
    }
    *r = a->requests[--a->request_count];
}

static void
on_disconnect(struct nj_actor *a, const struct nj_disconnect *p)
{
    nj_twin_say(a->twin, "c%u <- DISCONNECT 0x%02x", a->index, p->reason);
    if (p->reason != NJ_REASON_KEEP_ALIVE_TIMEOUT || a->keep_alive_s == 0)
        nj_twin_fail(a->twin, "c%u: DISCONNECT with reason 0x%02x", a->index, p->reason);
}

static void
on_packet(struct nj_actor *a, const struct nj_packet *p)
{
    if (p->type != NJ_CONNACK && a->state == NJ_ACTOR_CONNECTING)
        nj_twin_fail(a->twin, "c%u: %s before CONNACK", a->index,
                     nj_packet_name(p->type)); /* [MQTT5-3.2.0-1] [MQTT311-3.2.0-1] */
    if (p->type >= NJ_PUBACK && p->type <= NJ_PUBCOMP)
        nj_twin_say(a->twin, "c%u <- %s m%u 0x%02x", a->index, nj_packet_name(p->type),
                    p->ack.packet_id, p->ack.reason);
    switch (p->type) {
    case NJ_CONNACK:
        on_connack(a, &p->connack);
        break;
    case NJ_PUBLISH:
        on_publish(a, &p->publish);
        break;
    case NJ_PUBACK:
        on_puback(a, &p->ack);
        break;
    case NJ_PUBREC:
        on_pubrec(a, &p->ack);
        break;
    case NJ_PUBREL:
        on_pubrel(a, &p->ack);
        break;
    case NJ_PUBCOMP:
        on_pubcomp(a, &p->ack);
        break;
    case NJ_SUBACK:
    case NJ_UNSUBACK:
        on_suback(a, &p->suback, p->type == NJ_UNSUBACK);
        break;
    case NJ_PINGRESP:
        break;
    case NJ_DISCONNECT:
        on_disconnect(a, &p->disconnect);
        break;
    case NJ_CONNECT:
    case NJ_SUBSCRIBE:
    case NJ_UNSUBSCRIBE:
    case NJ_PINGREQ:
    case NJ_AUTH:
        nj_twin_fail(a->twin, "c%u: %s from the broker", a->index, nj_packet_name(p->type));
    }
}

size_t
nj_actor_take_packets(struct nj_actor *a)
{
    size_t taken = 0;

    for (;;) {
        struct nj_str rest = {(const char *)a->in + taken, a->in_n - taken};
        struct nj_packet packet;
        struct nj_frame frame;
        enum nj_cause cause;

        switch (nj_frame_find(rest, sizeof(a->in), &frame)) {
        case NJ_FRAME_PART:
            return taken;
        case NJ_FRAME_FAULT:
            nj_twin_fail(a->twin, "c%u: what the broker sends is no packet: %s", a->index,
                         nj_cause_text(frame.cause));
        case NJ_FRAME_WHOLE:
            break;
        }
        if (a->maximum_packet_size > 0 && frame.bytes > a->maximum_packet_size)
            nj_twin_fail(a->twin, "c%u: a packet of %u bytes, the maximum is %u", a->index,
                         (unsigned)frame.bytes, (unsigned)a->maximum_packet_size);
        cause = nj_packet_decode(&frame, a->version, NJ_FROM_SERVER, &packet);
        if (cause != NJ_CAUSE_NONE)
            nj_twin_fail(a->twin, "c%u: ill-formed %s from the broker: %s", a->index,
                         nj_packet_name(frame.type), nj_cause_text(cause));
        taken += frame.bytes;
        on_packet(a, &packet);
        if (a->state != NJ_ACTOR_LEAVING)
            a->came_at = a->twin->now;
    }
}

void
nj_actor_acknowledge(struct nj_actor *a, bool is_diligent)
{
    unsigned i = 0;

    while (i < a->receiving_count) {
        struct nj_actor_receiving *r = &a->receiving[i];

        if (!r->is_counted || r->is_received || (!is_diligent && chance(a, 40))) {
            i++;
        } else if (r->qos == 2) {
            nj_actor_put_ack(a, NJ_PUBREC, r->packet_id);
            r->is_received = true;
            i++;
        } else {
            nj_actor_put_ack(a, NJ_PUBACK, r->packet_id);
            finish_receiving(a, r);
        }
    }
}
