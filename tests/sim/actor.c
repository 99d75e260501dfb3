/* SPDX-License-Identifier: Apache-2.0 */
#include "actor.h"

#include "base/assert.h"
#include "base/mem.h"
#include "io/sim.h"
#include "mqtt/topic.h"

#include <stdio.h>
#include <string.h>

static bool
chance(struct nj_actor *a, uint32_t percent)
{
    return nj_rand_below(a->rand, 100) < percent;
}

static uint32_t
below(struct nj_actor *a, uint32_t n)
{
    return nj_rand_below(a->rand, n);
}

static struct nj_twin_session *
session_of(struct nj_actor *a)
{
    return &a->twin->sessions[a->index];
}

void
nj_actor_init(struct nj_actor *a, struct nj_twin *twin, unsigned index, int listener,
              struct nj_rand *rand)
{
    static const uint16_t receive_maxima[] = {65535, 65535, 1, 2, 5, 20};

    memset(a, 0, sizeof(*a));
    a->twin = twin;
    a->rand = rand;
    a->index = index;
    a->listener = listener;
    a->fd = a->old_fd = -1;
    a->will = a->open_will = -1;
    a->next_packet_id = 1;
    a->receive_maximum = UINT16_MAX;
    a->version = chance(a, 55) ? NJ_MQTT_5 : chance(a, 75) ? NJ_MQTT_311 : NJ_MQTT_31;
    a->is_persistent = chance(a, 70);
    a->is_member = index % 2 == 1;
    a->keep_alive_s = chance(a, 20) ? 10 : 0;
    a->expiry_s = !a->is_persistent ? 0 : UINT32_MAX;
    if (a->version == NJ_MQTT_5) {
        if (a->is_persistent && chance(a, 30))
            a->expiry_s = 5 + below(a, 200);
        a->receive_maximum = receive_maxima[below(a, NJ_COUNT_OF(receive_maxima))];
        a->alias_maximum = (uint16_t)below(a, 4);
        a->maximum_packet_size = chance(a, 15) ? 200 + below(a, 1000) : 0;
        session_of(a)->is_limited = a->maximum_packet_size > 0;
    }
    for (int i = 0; i < NJ_TWIN_TOPICS; i++)
        a->retained[i] = -1;
}

/* The one before: perhaps it has not been taken over yet, but nobody reads it any more. */
static void
close_old(struct nj_actor *a)
{
    if (a->old_fd >= 0)
        nj_sim_close(a->old_fd);
    a->old_fd = -1;
}

void
nj_actor_fini(struct nj_actor *a)
{
    if (a->fd >= 0)
        nj_sim_close(a->fd);
    close_old(a);
    nj_free(a->out);
    a->fd = -1;
    a->out = NULL;
}

/* ---- bytes out ---- */

static void
put(struct nj_actor *a, const void *bytes, size_t n)
{
    if (a->out_n + n > a->out_capacity) {
        a->out_capacity = (a->out_n + n) * 2;
        a->out = nj_realloc(a->out, a->out_capacity);
        NJ_ASSERT(a->out != NULL);
    }
    memcpy(a->out + a->out_n, bytes, n);
    a->out_n += n;
}

static struct nj_str
written(const uint8_t *begin, const struct nj_writer *w)
{
    NJ_ASSERT(!w->is_full);
    return (struct nj_str){(const char *)begin, (size_t)(w->p - begin)};
}

static void
put_ack(struct nj_actor *a, enum nj_packet_type type, uint16_t packet_id)
{
    uint8_t bytes[16];
    struct nj_writer w = nj_writer_of(bytes, sizeof(bytes));
    struct nj_str s;

    nj_ack_encode(&w, a->version, type, packet_id, 0, NJ_STR(""));
    s = written(bytes, &w);
    put(a, s.p, s.n);
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

/* ---- connecting ---- */

/* The will of this connection, as a message that may be published from now on. */
static void
make_will(struct nj_actor *a, struct nj_connect_out *c, uint8_t *payload, struct nj_writer *props)
{
    struct nj_twin_message m = {
        .publisher = (uint8_t)a->index,
        .qos = (uint8_t)below(a, 3),
        .topic = (uint8_t)(24 + a->index),
        .is_will = true,
        .bytes = 8,
        .expiry_s = UINT32_MAX,
    };

    a->will = (int)nj_twin_publish(a->twin, &m);
    a->will_delay_s = 0;
    if (a->version == NJ_MQTT_5 && chance(a, 50)) {
        a->will_delay_s = 1 + below(a, 20);
        nj_property_put_number(props, NJ_PROPERTY_WILL_DELAY_INTERVAL, a->will_delay_s);
    }
    c->has_will = true;
    c->will_qos = m.qos;
    c->will_topic = nj_str_of(nj_twin_topics[m.topic]);
    c->will_payload = (struct nj_str){(const char *)payload,
                                      nj_twin_payload(a->twin, (unsigned)a->will, payload, 16)};
}

static void
put_connect_properties(struct nj_actor *a, struct nj_writer *w)
{
    if (a->expiry_s > 0)
        nj_property_put_number(w, NJ_PROPERTY_SESSION_EXPIRY_INTERVAL, a->expiry_s);
    if (a->receive_maximum != UINT16_MAX)
        nj_property_put_number(w, NJ_PROPERTY_RECEIVE_MAXIMUM, a->receive_maximum);
    if (a->alias_maximum > 0)
        nj_property_put_number(w, NJ_PROPERTY_TOPIC_ALIAS_MAXIMUM, a->alias_maximum);
    if (a->maximum_packet_size > 0)
        nj_property_put_number(w, NJ_PROPERTY_MAXIMUM_PACKET_SIZE, a->maximum_packet_size);
}

static void
reset_connection(struct nj_actor *a)
{
    a->in_n = a->out_n = 0;
    a->request_count = 0;
    memset(a->alias_in, 0, sizeof(a->alias_in));
    for (int i = 0; i < 4; i++)
        a->alias_out[i] = -1;
    for (unsigned i = 0; i < a->receiving_count; i++)
        a->receiving[i].is_counted = false;
}

void
nj_actor_connect(struct nj_actor *a, bool is_clean_start)
{
    char id[8];
    uint8_t payload[16], properties[64], will_properties[16], packet[256];
    struct nj_writer props = nj_writer_of(properties, sizeof(properties));
    struct nj_writer will_props = nj_writer_of(will_properties, sizeof(will_properties));
    struct nj_writer w = nj_writer_of(packet, sizeof(packet));
    struct nj_connect_out c = {
        .version = a->version,
        .keep_alive_s = a->keep_alive_s,
        .will_topic = {NULL, 0},
    };
    struct nj_str bytes;

    (void)snprintf(id, sizeof(id), "c%u", a->index);
    c.client_id = nj_str_of(id);
    /* Whoever has forgotten his half of the session asks until the broker has, too. */
    c.clean_start =
        is_clean_start || a->wants_clean || (!a->is_persistent && a->version != NJ_MQTT_5);
    reset_connection(a);
    if (c.clean_start) {
        nj_twin_doubt(a->twin, a->index);
        a->sending_count = a->receiving_count = 0;
    }
    a->wants_clean = c.clean_start;
    if (!a->is_observer && a->twin->count + 40 < NJ_TWIN_MESSAGES && chance(a, 30))
        make_will(a, &c, payload, &will_props);
    put_connect_properties(a, &props);
    if (a->twin->asks_passwords) {
        c.has_user_name = c.has_password = true;
        c.user_name = c.client_id;
        c.password = NJ_STR("sesame");
    }
    c.properties = written(properties, &props);
    c.will_properties = written(will_properties, &will_props);
    nj_connect_encode(&w, &c);
    bytes = written(packet, &w);
    a->fd = nj_sim_connect(a->listener);
    put(a, bytes.p, bytes.n);
    a->state = NJ_ACTOR_CONNECTING;
    a->was_silent = false;
    a->is_clean_start = c.clean_start;
    /* Before MQTT 5, a session that begins clean ends with its connection. [MQTT311-3.1.2-6] */
    a->kept_s = a->version != NJ_MQTT_5 && c.clean_start ? 0 : a->expiry_s;
    a->began_at = a->twin->now;
    nj_twin_say(a->twin, "c%u -> CONNECT (v%u clean %d expiry %u will %d delay %u)", a->index,
                a->version, c.clean_start, a->expiry_s, a->will, a->will_delay_s);
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
    put(a, bytes.p, bytes.n);
    nj_twin_say(a->twin, "c%u -> message %u (d%d q%u r%d m%u, %u bytes) %s", a->index, number, dup,
                m->qos, m->retain, packet_id, h.payload_bytes, nj_twin_topics[m->topic]);
}

static void
publish(struct nj_actor *a)
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

/* On a new connection to a session that is still there: everything unfinished again, in order.
 * [MQTT5-4.4.0-1] [MQTT311-4.4.0-1] */
static void
send_again(struct nj_actor *a)
{
    for (unsigned i = 0; i < a->sending_count; i++) {
        const struct nj_actor_sending *s = &a->sending[i];

        if (s->is_released) {
            put_ack(a, NJ_PUBREL, s->packet_id);
        } else {
            nj_twin_again(a->twin, s->message);
            put_publish(a, s->message, s->packet_id, true);
        }
    }
}

static struct nj_actor_sending *
find_sending(struct nj_actor *a, uint16_t packet_id)
{
    for (unsigned i = 0; i < a->sending_count; i++)
        if (a->sending[i].packet_id == packet_id)
            return &a->sending[i];
    return NULL;
}

static void
finish_sending(struct nj_actor *a, struct nj_actor_sending *s)
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
    put(a, bytes.p, bytes.n);
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

static void
subscribe(struct nj_actor *a)
{
    struct nj_twin_subscription s = {.qos = (uint8_t)below(a, 3)};
    const char *text = own_filters[below(a, NJ_COUNT_OF(own_filters))];

    if (!may_request(a))
        return;
    if (a->is_member && chance(a, 40)) {
        text = group_filters[below(a, NJ_COUNT_OF(group_filters))];
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

static void
unsubscribe(struct nj_actor *a)
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

/* ---- leaving ---- */

/* The connection is gone, and not by our DISCONNECT: the will is to be published. */
static void
lose_connection(struct nj_actor *a)
{
    uint32_t delay_s = NJ_MIN(a->will_delay_s, a->kept_s);

    /* When the broker ended a silent one, is not known, so neither is when its will is due. */
    if (a->state == NJ_ACTOR_UP && a->will >= 0 && (delay_s == 0 || !a->was_silent)) {
        a->open_will = a->will;
        a->open_will_due = a->twin->now + (nj_time)delay_s * 1000;
        a->twin->messages[a->will].is_due = delay_s == 0;
    }
    if (a->state == NJ_ACTOR_CONNECTING) {
        if (session_of(a)->knowledge == NJ_TWIN_NONE)
            session_of(a)->knowledge = NJ_TWIN_MAYBE;
        a->open_will = -1; /* perhaps the broker saw it come back, and took the will off */
    }
    a->will = -1;
    a->state = NJ_ACTOR_DOWN;
    a->out_n = a->in_n = 0;
    if (a->was_silent) /* the broker may have ended it long before we read of it */
        a->came_at = NJ_MIN(a->came_at, a->began_at);
    if (a->kept_s == 0) {
        nj_twin_doubt(a->twin, a->index);
        a->sending_count = a->receiving_count = 0;
    }
}

void
nj_actor_break(struct nj_actor *a)
{
    if (a->fd < 0)
        return;
    nj_twin_say(a->twin, "c%u breaks its connection", a->index);
    if (chance(a, 50))
        nj_sim_reset(a->fd);
    else
        nj_sim_close(a->fd);
    a->fd = -1;
    close_old(a);
    lose_connection(a);
}

/* The old connection stays open, for the broker to end. */
static void
take_over(struct nj_actor *a)
{
    close_old(a);
    a->old_fd = a->fd;
    a->fd = -1;
    nj_twin_say(a->twin, "c%u connects while it is connected", a->index);
    /* Whose will it is and when it is due depends on when the broker sees what. */
    a->will = -1;
    lose_connection(a);
    nj_actor_connect(a, chance(a, 10));
}

void
nj_actor_leave(struct nj_actor *a)
{
    uint8_t bytes[8];
    struct nj_writer w = nj_writer_of(bytes, sizeof(bytes));
    struct nj_str s;

    nj_disconnect_encode(&w, a->version, 0, NJ_STR(""));
    s = written(bytes, &w);
    put(a, s.p, s.n);
    a->state = NJ_ACTOR_LEAVING;
    if (a->kept_s == 0)
        nj_twin_doubt(a->twin, a->index);
    nj_twin_say(a->twin, "c%u -> DISCONNECT", a->index);
}

/* The broker has ended the connection. */
static void
closed(struct nj_actor *a)
{
    bool may_be_keep_alive = a->was_silent;
    bool may_be_slow = a->state == NJ_ACTOR_CONNECTING && a->twin->now - a->began_at >= 10000;

    nj_sim_close(a->fd);
    a->fd = -1;
    close_old(a);
    nj_twin_say(a->twin, "c%u is closed", a->index);
    if (a->state == NJ_ACTOR_LEAVING && !may_be_keep_alive) {
        if (a->will >= 0)
            a->twin->messages[a->will].is_withdrawn = true;
    } else if (!may_be_keep_alive && !may_be_slow) {
        nj_twin_fail(a->twin, "c%u: the broker has closed the connection", a->index);
    }
    if (a->state == NJ_ACTOR_LEAVING || a->will_delay_s > 0)
        a->will =
            -1; /* when the broker closed it is not known, so neither is when the will is due */
    lose_connection(a);
}

/* ---- packets in ---- */

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
    nj_actor_on_time(a); /* it may have come long ago */
    if (p->session_present || (a->version == NJ_MQTT_31 && !a->is_clean_start)) {
        send_again(a);
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
    struct nj_actor_sending *s = find_sending(a, p->packet_id);

    if (s == NULL || s->qos != 1)
        nj_twin_fail(a->twin, "c%u: PUBACK for identifier %u", a->index, p->packet_id);
    nj_twin_taken(a->twin, s->message, p->reason);
    finish_sending(a, s);
}

static void
on_pubrec(struct nj_actor *a, const struct nj_ack *p)
{
    struct nj_actor_sending *s = find_sending(a, p->packet_id);

    if (s == NULL || s->qos != 2 || s->is_released)
        nj_twin_fail(a->twin, "c%u: PUBREC for identifier %u", a->index, p->packet_id);
    nj_twin_taken(a->twin, s->message, p->reason);
    if (p->reason >= 0x80) {
        finish_sending(a, s);
        return;
    }
    s->is_released = true;
    put_ack(a, NJ_PUBREL, p->packet_id);
}

static void
on_pubcomp(struct nj_actor *a, const struct nj_ack *p)
{
    struct nj_actor_sending *s = find_sending(a, p->packet_id);

    if (s == NULL || s->qos != 2 || !s->is_released)
        nj_twin_fail(a->twin, "c%u: PUBCOMP for identifier %u", a->index, p->packet_id);
    finish_sending(a, s);
}

/* For an identifier that we do not know, too: the PUBCOMP was lost. [MQTT5-4.3.3-8] */
static void
on_pubrel(struct nj_actor *a, const struct nj_ack *p)
{
    struct nj_actor_receiving *r = find_receiving(a, p->packet_id);

    if (r != NULL && r->qos == 2)
        finish_receiving(a, r);
    put_ack(a, NJ_PUBCOMP, p->packet_id);
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

/* Take what is whole; how many bytes. */
static size_t
take_packets(struct nj_actor *a)
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

static void
read_some(struct nj_actor *a)
{
    size_t room = sizeof(a->in) - a->in_n;
    ssize_t n = nj_sim_read(a->fd, a->in + a->in_n, room);
    size_t taken;

    if (n == NJ_IO_AGAIN)
        return;
    if (n < 0) {
        closed(a);
        return;
    }
    a->in_n += (size_t)n;
    taken = take_packets(a);
    a->in_n -= taken;
    memmove(a->in, a->in + taken, a->in_n);
}

/* ---- answering and writing ---- */

static void
acknowledge(struct nj_actor *a, bool is_diligent)
{
    unsigned i = 0;

    while (i < a->receiving_count) {
        struct nj_actor_receiving *r = &a->receiving[i];

        if (!r->is_counted || r->is_received || (!is_diligent && chance(a, 40))) {
            i++;
        } else if (r->qos == 2) {
            put_ack(a, NJ_PUBREC, r->packet_id);
            r->is_received = true;
            i++;
        } else {
            put_ack(a, NJ_PUBACK, r->packet_id);
            finish_receiving(a, r);
        }
    }
}

static void
write_some(struct nj_actor *a)
{
    ssize_t n;

    if (a->out_n == 0)
        return;
    n = nj_sim_write(a->fd, a->out, a->out_n);
    if (n <= 0)
        return; /* if it is broken, reading will tell */
    a->out_n -= (size_t)n;
    memmove(a->out, a->out + n, a->out_n);
}

void
nj_actor_pump(struct nj_actor *a, bool is_diligent)
{
    uint8_t unread[256];

    if (a->old_fd >= 0) {
        ssize_t n = nj_sim_read(a->old_fd, unread, sizeof(unread));

        if (n == NJ_IO_CLOSED || n == NJ_IO_ERROR)
            close_old(a);
    }
    if (a->fd < 0)
        return;
    read_some(a);
    if (a->state == NJ_ACTOR_UP)
        acknowledge(a, is_diligent);
    if (a->fd >= 0)
        write_some(a);
}

bool
nj_actor_is_idle(const struct nj_actor *a)
{
    if (a->old_fd >= 0 && nj_sim_has_news(a->old_fd))
        return false;
    if (a->fd < 0)
        return true;
    return a->out_n == 0 && !nj_sim_has_news(a->fd) && a->state != NJ_ACTOR_CONNECTING &&
           a->state != NJ_ACTOR_LEAVING;
}

/* ---- what clients do ---- */

static void
ping(struct nj_actor *a)
{
    static const uint8_t packet[] = {0xc0, 0x00};

    put(a, packet, sizeof(packet));
}

void
nj_actor_act(struct nj_actor *a)
{
    uint32_t dice = below(a, 100);

    switch (a->state) {
    case NJ_ACTOR_DOWN:
        if (dice < 30)
            nj_actor_connect(a, !a->is_persistent ? chance(a, 80) : chance(a, 8));
        break;
    case NJ_ACTOR_CONNECTING:
        /* Not while the CONNECT is on its way: the broker may read it after that of the next
         * connection, and then it takes that over, which no protocol can prevent. */
        if (dice < 3 && (a->out_n > 0 || nj_sim_has_news(a->fd)))
            nj_actor_break(a);
        break;
    case NJ_ACTOR_UP:
        if (dice < 60)
            publish(a);
        else if (dice < 80)
            subscribe(a);
        else if (dice < 86)
            unsubscribe(a);
        else if (dice < 90)
            ping(a);
        else if (dice < 94)
            nj_actor_break(a);
        else if (dice < 96)
            take_over(a);
        else if (dice < 98)
            nj_actor_leave(a);
        break;
    case NJ_ACTOR_LEAVING:
        break;
    }
}

void
nj_actor_on_time(struct nj_actor *a)
{
    /* It does not know when the broker has last read something. */
    a->was_silent = a->was_silent || (a->keep_alive_s > 0 && a->twin->now - a->began_at >=
                                                                 (nj_time)a->keep_alive_s * 1500);
    if (a->kept_s == UINT32_MAX || (a->state == NJ_ACTOR_UP && a->keep_alive_s == 0))
        return;
    if (a->twin->now - (a->was_silent ? NJ_MIN(a->came_at, a->began_at) : a->came_at) <
        (nj_time)a->kept_s * 1000)
        return;
    nj_twin_doubt(a->twin, a->index);
    if (a->state == NJ_ACTOR_DOWN) { /* its own half has expired, too */
        a->sending_count = a->receiving_count = 0;
        a->wants_clean = true;
    } else if (a->state == NJ_ACTOR_CONNECTING) {
        a->wants_clean = true; /* for the next attempt, if this one fails */
    }
}

void
nj_actor_judge(struct nj_actor *a)
{
    if (a->state != NJ_ACTOR_UP)
        return;
    if (a->sending_count > 0)
        nj_twin_fail(a->twin, "c%u: message %u (identifier %u) is never acknowledged", a->index,
                     a->sending[0].message, a->sending[0].packet_id);
    if (a->request_count > 0)
        nj_twin_fail(a->twin, "c%u: '%s' is never answered", a->index, a->requests[0].text);
    if (a->old_fd >= 0)
        nj_twin_fail(a->twin, "c%u: the connection that it has left is never closed", a->index);
    /* Also what a connection before has left unfinished. [MQTT5-4.4.0-1] [MQTT311-4.4.0-1] */
    if (a->receiving_count > 0)
        nj_twin_fail(a->twin, "c%u: identifier %u (message %u, QoS %u) is never finished", a->index,
                     a->receiving[0].packet_id, a->receiving[0].message, a->receiving[0].qos);
}
