/* SPDX-License-Identifier: Apache-2.0 */
/* actor.c — a client's life: it connects, moves bytes, does this and that, leaves or is left. */
#include "actor_priv.h"

#include "base/mem.h"
#include "io/sim.h"

#include <stdio.h>
#include <string.h>

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
    a->is_member = index % 2 == 1;
    a->is_persistent = chance(a, twin->is_grouped && a->is_member ? 95 : 70);
    a->keep_alive_s = chance(a, 20) ? 10 : 0;
    a->expiry_s = !a->is_persistent ? 0 : UINT32_MAX;
    if (a->version == NJ_MQTT_5) {
        if (a->is_persistent && chance(a, twin->is_brief ? 85 : 30))
            a->expiry_s = 5 + below(a, 200);
        a->receive_maximum = receive_maxima[below(a, NJ_COUNT_OF(receive_maxima))];
        a->alias_maximum = (uint16_t)below(a, 4);
        a->maximum_packet_size = chance(a, 15) ? 200 + below(a, 1000) : 0;
        session_of(a)->is_limited = a->maximum_packet_size > 0;
    }
    /* It has no session before the first, and so nothing to ask to be forgotten. */
    a->kept_s = twin->is_grouped ? a->expiry_s : 0;
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

    m.is_kept = a->kept_s > 0;
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

/* Of QoS 1 the broker has forgotten under which identifiers it was: they stand for others now. */
static void
forget_qos1(struct nj_actor *a)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < a->receiving_count; i++)
        if (a->receiving[i].qos == 2)
            a->receiving[kept++] = a->receiving[i];
    a->receiving_count = kept;
}

static void
reset_connection(struct nj_actor *a)
{
    if (a->crashes != a->twin->crash_count)
        forget_qos1(a);
    a->crashes = a->twin->crash_count;
    a->began = a->twin->step;
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
    /* Before MQTT 5, a session that begins clean ends with its connection. [MQTT311-3.1.2-6] */
    a->kept_s = a->version != NJ_MQTT_5 && c.clean_start ? 0 : a->expiry_s;
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
    nj_actor_put(a, bytes.p, bytes.n);
    a->state = NJ_ACTOR_CONNECTING;
    a->was_silent = false;
    a->is_clean_start = c.clean_start;
    a->began_at = a->twin->now;
    nj_twin_say(a->twin, "c%u -> CONNECT (v%u clean %d expiry %u will %d delay %u)", a->index,
                a->version, c.clean_start, a->expiry_s, a->will, a->will_delay_s);
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
    /* 5.0 is told before the broker ends a connection: until now there was one. */
    if (a->state == NJ_ACTOR_UP && a->version == NJ_MQTT_5 && a->keep_alive_s == 0)
        a->came_at = a->twin->now;
    a->state = NJ_ACTOR_DOWN;
    a->out_n = a->in_n = 0;
    if (a->was_silent) /* the broker may have ended it long before we read of it */
        a->came_at = NJ_MIN(a->came_at, a->began_at);
    if (a->kept_s == 0) {
        nj_twin_doubt(a->twin, a->index);
        a->sending_count = a->receiving_count = 0;
    }
}

static void
break_off(struct nj_actor *a, bool is_in_order)
{
    if (is_in_order)
        nj_sim_close(a->fd);
    else
        nj_sim_reset(a->fd);
    a->fd = -1;
    close_old(a);
    lose_connection(a);
}

void
nj_actor_break(struct nj_actor *a)
{
    if (a->fd < 0)
        return;
    nj_twin_say(a->twin, "c%u breaks its connection", a->index);
    break_off(a, !chance(a, 50));
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
    nj_actor_put(a, s.p, s.n);
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
    /* Before MQTT 5 there is no other way to say that the store is full. */
    bool may_be_full = a->version != NJ_MQTT_5 && a->twin->was_full >= a->began;

    nj_sim_close(a->fd);
    a->fd = -1;
    close_old(a);
    nj_twin_say(a->twin, "c%u is closed", a->index);
    if (a->state == NJ_ACTOR_LEAVING && !may_be_keep_alive && !may_be_full) {
        if (a->will >= 0)
            a->twin->messages[a->will].is_withdrawn = true;
    } else if (!may_be_keep_alive && !may_be_slow && !may_be_full) {
        nj_twin_fail(a->twin, "c%u: the broker has closed the connection", a->index);
    }
    if (a->state == NJ_ACTOR_LEAVING || a->will_delay_s > 0)
        a->will =
            -1; /* when the broker closed it is not known, so neither is when the will is due */
    lose_connection(a);
}

/* What has reached the client is read, or not; what it says now, nobody hears. */
void
nj_actor_on_crash(struct nj_actor *a)
{
    if (a->fd >= 0)
        for (unsigned i = below(a, 4); i > 0 && a->fd >= 0; i--)
            nj_actor_pump(a, true);
    if (a->state == NJ_ACTOR_LEAVING)
        a->will = -1; /* nobody knows whether the broker has read the DISCONNECT */
    if (a->fd >= 0)
        break_off(a, false);
    if (a->kept_s == 0)
        a->open_will = -1; /* perhaps the store knows of it, perhaps not */
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
    taken = nj_actor_take_packets(a);
    a->in_n -= taken;
    memmove(a->in, a->in + taken, a->in_n);
}

/* ---- moving bytes ---- */

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
        nj_actor_acknowledge(a, is_diligent);
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
            nj_actor_publish(a);
        else if (dice < 80)
            nj_actor_subscribe(a);
        else if (dice < 86)
            nj_actor_unsubscribe(a);
        else if (dice < 90)
            nj_actor_ping(a);
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
nj_actor_on_full(struct nj_actor *a)
{
    if (a->version != NJ_MQTT_5 && a->kept_s == 0 && a->state != NJ_ACTOR_DOWN)
        nj_twin_doubt(a->twin, a->index);
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
