/* SPDX-License-Identifier: Apache-2.0 */
/* actor_outgoing.c — what a client says once it is connected: PUBLISH, SUBSCRIBE, and the like. */
#include "actor_priv.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

void
nj_actor_put(struct nj_actor *a, const void *bytes, size_t n)
{
    if (a->out_n + n > a->out_capacity) {
        a->out_capacity = (a->out_n + n) * 2;
        a->out = nj_realloc(a->out, a->out_capacity);
        NJ_ASSERT(a->out != NULL);
    }
    memcpy(a->out + a->out_n, bytes, n);
    a->out_n += n;
}

void
nj_actor_put_ack(struct nj_actor *a, enum nj_packet_type type, uint16_t packet_id)
{
    uint8_t bytes[16];
    struct nj_writer w = nj_writer_of(bytes, sizeof(bytes));
    struct nj_str s;

    nj_ack_encode(&w, a->version, type, packet_id, 0, NJ_STR(""));
    s = written(bytes, &w);
    nj_actor_put(a, s.p, s.n);
    nj_twin_say(a->twin, "c%u -> %s m%u", a->index, nj_packet_name(type), packet_id);
}

static uint16_t
new_packet_id(struct nj_actor *a)
{
    for (;;) {
        uint16_t id = a->next_packet_id;
        bool is_free = true;

        a->next_packet_id = id >= 40 ? 1 : (uint16_t)(id + 1);
        for (unsigned i = 0; i < a->sending_count; i++)
            is_free = is_free && a->sending[i].packet_id != id;
        for (unsigned i = 0; i < a->request_count; i++)
            is_free = is_free && a->requests[i].packet_id != id;
        if (is_free)
            return id;
    }
}

void
nj_actor_ping(struct nj_actor *a)
{
    static const uint8_t packet[] = {0xc0, 0x00};

    nj_actor_put(a, packet, sizeof(packet));
}

/* ---- publishing ---- */

static void
put_publish(struct nj_actor *a, unsigned number, uint16_t packet_id, bool dup)
{
    static uint8_t packet[12000];
    const struct nj_twin_message *m = &a->twin->messages[number];
    struct nj_writer w = nj_writer_of(packet, sizeof(packet));
    struct nj_publish_head h = {
        .dup = dup,
        .retain = m->retain,
        .qos = m->qos,
        .packet_id = packet_id,
        .topic = nj_str_of(nj_twin_topics[m->topic]),
        .has_expiry = m->expiry_s != UINT32_MAX,
        .message_expiry_interval_s = m->expiry_s,
    };
    struct nj_str bytes;

    if (a->version == NJ_MQTT_5 && a->broker_alias_maximum > 0 && chance(a, 30)) {
        uint16_t alias = (uint16_t)(1 + below(a, NJ_MIN((uint32_t)a->broker_alias_maximum, 4u)));

        h.topic_alias = alias;
        if (a->alias_out[alias - 1] == m->topic)
            h.topic.n = 0;
        a->alias_out[alias - 1] = m->topic;
    }
    h.payload_bytes = m->is_empty ? 0 : m->bytes;
    nj_publish_head_encode(&w, a->version, &h);
    NJ_ASSERT(!w.is_full);
    w.p += nj_twin_payload(a->twin, number, w.p, (size_t)(packet + sizeof(packet) - w.p));
    bytes = written(packet, &w);
    nj_actor_put(a, bytes.p, bytes.n);
    nj_twin_say(a->twin, "c%u -> message %u (d%d q%u r%d m%u, %u bytes) %s", a->index, number, dup,
                m->qos, m->retain, packet_id, h.payload_bytes, nj_twin_topics[m->topic]);
}

void
nj_actor_publish(struct nj_actor *a)
{
    struct nj_twin_message m = {
        .publisher = (uint8_t)a->index,
        .qos = (uint8_t)below(a, 3),
        .bytes = (uint16_t)(2 + below(a, 40)),
        .expiry_s = UINT32_MAX,
    };
    uint16_t packet_id = 0;
    unsigned number;

    if (a->twin->count + 20 >= NJ_TWIN_MESSAGES || a->out_n > 30000)
        return;
    if (m.qos > 0 &&
        a->sending_count >= NJ_MIN((unsigned)a->broker_receive_maximum, NJ_ACTOR_WINDOW))
        return;
    m.retain = chance(a, 25);
    m.topic = (uint8_t)(m.retain ? 8 + 2 * a->index + below(a, 2) : below(a, 8));
    if (a->twin->is_grouped && !m.retain && chance(a, 75))
        m.topic = 6;
    m.is_empty = m.retain && chance(a, 15);
    if (chance(a, 3))
        m.bytes = (uint16_t)(2 + below(a, 9000));
    if (a->version == NJ_MQTT_5 && chance(a, 15))
        m.expiry_s = 1 + below(a, 30);
    number = nj_twin_publish(a->twin, &m);
    if (m.qos > 0) {
        packet_id = new_packet_id(a);
        a->sending[a->sending_count++] = (struct nj_actor_sending){
            .packet_id = packet_id, .message = (uint16_t)number, .qos = m.qos};
    }
    put_publish(a, number, packet_id, false);
}

void
nj_actor_send_again(struct nj_actor *a)
{
    for (unsigned i = 0; i < a->sending_count; i++) {
        const struct nj_actor_sending *s = &a->sending[i];

        if (s->is_released) {
            nj_actor_put_ack(a, NJ_PUBREL, s->packet_id);
        } else {
            nj_twin_again(a->twin, s->message);
            put_publish(a, s->message, s->packet_id, true);
        }
    }
}

struct nj_actor_sending *
nj_actor_find_sending(struct nj_actor *a, uint16_t packet_id)
{
    for (unsigned i = 0; i < a->sending_count; i++)
        if (a->sending[i].packet_id == packet_id)
            return &a->sending[i];
    return NULL;
}

void
nj_actor_finish_sending(struct nj_actor *a, struct nj_actor_sending *s)
{
    size_t after = (size_t)(a->sending + a->sending_count - (s + 1));

    memmove(s, s + 1, after * sizeof(*s));
    a->sending_count--;
}

/* ---- subscribing ---- */

static const char *const own_filters[] = {"t/0", "t/+",   "t/#", "+/1",  "u/1",
                                          "r/#", "r/+/a", "w/#", "$x/1", "t/a/b"};
static const char *const root_filter = "#";
static const char *const group_filters[] = {"$share/g/s/a", "$share/h/s/b/#"};

static void
request(struct nj_actor *a, const struct nj_twin_subscription *s, bool is_unsubscribe)
{
    struct nj_twin_session *session = session_of(a);
    struct nj_subscription one = {
        .filter = nj_str_of(s->text),
        .qos = s->qos,
        .no_local = s->no_local,
        .retain_as_published = s->retain_as_published,
        .retain_handling = s->retain_handling,
    };
    struct nj_actor_request *r = &a->requests[a->request_count];
    uint8_t list[64], properties[8], packet[128];
    struct nj_writer l = nj_writer_of(list, sizeof(list));
    struct nj_writer p = nj_writer_of(properties, sizeof(properties));
    struct nj_writer w = nj_writer_of(packet, sizeof(packet));
    struct nj_str bytes;

    *r = (struct nj_actor_request){
        .packet_id = new_packet_id(a), .is_unsubscribe = is_unsubscribe, .step = a->twin->step};
    memcpy(r->text, s->text, sizeof(r->text));
    if (is_unsubscribe) {
        nj_twin_unsubscribe(a->twin, a->index, s->text);
    } else {
        (void)nj_twin_subscribe(a->twin, a->index, s);
        r->subscription = session->count - 1;
    }
    a->request_count++;
    nj_subscription_put(&l, a->version, !is_unsubscribe, &one);
    if (s->identifier > 0 && !is_unsubscribe)
        nj_property_put_number(&p, NJ_PROPERTY_SUBSCRIPTION_IDENTIFIER, s->identifier);
    nj_subscribe_encode(&w, a->version, is_unsubscribe ? NJ_UNSUBSCRIBE : NJ_SUBSCRIBE,
                        r->packet_id, written(properties, &p), written(list, &l));
    bytes = written(packet, &w);
    nj_actor_put(a, bytes.p, bytes.n);
    nj_twin_say(a->twin, "c%u -> %s m%u '%s' q%u nl%d rap%d rh%u id%u", a->index,
                is_unsubscribe ? "UNSUBSCRIBE" : "SUBSCRIBE", r->packet_id, s->text, s->qos,
                s->no_local, s->retain_as_published, s->retain_handling, (unsigned)s->identifier);
}

static bool
may_request(struct nj_actor *a)
{
    return a->request_count < NJ_COUNT_OF(a->requests) &&
           session_of(a)->count < NJ_TWIN_SUBSCRIPTIONS - 2;
}

void
nj_actor_subscribe(struct nj_actor *a)
{
    struct nj_twin_subscription s = {.qos = (uint8_t)below(a, 3), .is_kept = a->kept_s > 0};
    const char *text = own_filters[below(a, NJ_COUNT_OF(own_filters))];

    if (!may_request(a))
        return;
    if (a->is_member && chance(a, a->twin->is_grouped ? 80 : 40)) {
        text = group_filters[a->twin->is_grouped ? 0 : below(a, NJ_COUNT_OF(group_filters))];
        s.qos = 2;
    } else if (!a->is_member && chance(a, 20)) {
        text = root_filter;
    }
    (void)snprintf(s.text, sizeof(s.text), "%s", text);
    if (a->version == NJ_MQTT_5 && text[0] != '$') {
        s.no_local = chance(a, 15);
        s.retain_as_published = chance(a, 15);
        s.retain_handling = (uint8_t)(chance(a, 70) ? 0 : below(a, 3));
    }
    if (a->version == NJ_MQTT_5 && chance(a, 50))
        s.identifier = 1 + session_of(a)->count;
    request(a, &s, false);
}

void
nj_actor_unsubscribe(struct nj_actor *a)
{
    struct nj_twin_session *session = session_of(a);

    if (!may_request(a) || session->count == 0)
        return;
    request(a, &session->subscriptions[below(a, session->count)], true);
}

void
nj_actor_subscribe_all(struct nj_actor *a)
{
    struct nj_twin_subscription s = {.qos = 2, .text = "#"};

    request(a, &s, false);
}
