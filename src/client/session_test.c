/* SPDX-License-Identifier: Apache-2.0 */
/* An engine and a plain broker, over a link that carries a few bytes at a time and breaks at random
 * places. Whatever happens: QoS 2 arrives once, QoS 1 at least once, both in order. And with a
 * broker that forgets the session now and then: nothing that is published is lost, what was
 * received is not published again, and nothing of the old session comes up in the new one. */
#include "client/kit_test.h"

#include "base/mem.h"
#include "base/rand.h"

#define MESSAGES 60

/* ---- the broker, as slow and plain as can be ---- */

struct broker {
    uint8_t version;
    uint8_t out[65536]; /* to the client */
    size_t out_n;
    uint8_t in[65536]; /* from the client, not parsed yet */
    size_t in_n;
    bool has_session;

    bool received[65536]; /* QoS 2 identifiers that wait for PUBREL */
    bool known[65536];    /* QoS 2 identifiers that were published under in this session */
    int arrived[MESSAGES];
    int last_new[3]; /* per QoS: the number that came last for the first time */

    /* To the client: message i has number i + 1 as its packet identifier. */
    enum {
        NOT_SENT,
        SENT,
        RELEASED,
        DONE
    } outgoing[MESSAGES];
};

static uint8_t
qos_of(int number)
{
    return number % 3 == 0 ? 1 : 2;
}

static struct nj_writer
broker_write(struct broker *b)
{
    return nj_writer_of(b->out + b->out_n, sizeof(b->out) - b->out_n);
}

static void
broker_wrote(struct broker *b, const struct nj_writer *w)
{
    assert_false(w->is_full);
    b->out_n = (size_t)(w->p - b->out);
}

static void
broker_ack(struct broker *b, enum nj_packet_type type, uint16_t id)
{
    struct nj_writer w = broker_write(b);

    nj_ack_encode(&w, (enum nj_version)b->version, type, id, 0, (struct nj_str){NULL, 0});
    broker_wrote(b, &w);
}

static void
broker_send(struct broker *b, int i)
{
    char payload[16];
    int n = snprintf(payload, sizeof(payload), "%d", i);
    struct nj_publish_head head = {
        .dup = b->outgoing[i] == SENT,
        .qos = qos_of(i),
        .packet_id = (uint16_t)(i + 1),
        .topic = NJ_STR("t"),
        .payload_bytes = (uint32_t)n,
    };
    struct nj_writer w = broker_write(b);

    nj_publish_head_encode(&w, (enum nj_version)b->version, &head);
    nj_write_bytes(&w, (struct nj_str){payload, (size_t)n});
    broker_wrote(b, &w);
    b->outgoing[i] = SENT;
}

static void
broker_on_connect(struct broker *b)
{
    struct nj_writer w = broker_write(b);

    nj_connack_encode(&w, (enum nj_version)b->version, b->has_session, 0, (struct nj_str){NULL, 0});
    broker_wrote(b, &w);
    b->has_session = true;
    for (int i = 0; i < MESSAGES; i++) {
        if (b->outgoing[i] == SENT)
            broker_send(b, i);
        if (b->outgoing[i] == RELEASED)
            broker_ack(b, NJ_PUBREL, (uint16_t)(i + 1));
    }
}

static void
broker_on_publish(struct broker *b, const struct nj_publish *p)
{
    char text[16] = {0};
    int number;

    memcpy(text, p->payload.p, p->payload.n);
    number = (int)strtol(text, NULL, 10);
    if (p->qos == 2 && b->received[p->packet_id]) {
        broker_ack(b, NJ_PUBREC, p->packet_id);
        return;
    }
    if (b->arrived[number]++ == 0) {
        assert_true(number > b->last_new[p->qos]); /* in order */
        b->last_new[p->qos] = number;
    }
    if (p->qos == 2)
        b->received[p->packet_id] = b->known[p->packet_id] = true;
    broker_ack(b, p->qos == 2 ? NJ_PUBREC : NJ_PUBACK, p->packet_id);
}

static void
broker_on_ack(struct broker *b, enum nj_packet_type type, uint16_t id)
{
    int i = id - 1;

    if (type == NJ_PUBREL) {
        assert_true(b->known[id]); /* [MQTT5-3.2.2-5] */
        b->received[id] = false;
        broker_ack(b, NJ_PUBCOMP, id);
        return;
    }
    assert_in_range(i, 0, MESSAGES - 1);
    if (type == NJ_PUBREC) {
        if (b->outgoing[i] == SENT)
            b->outgoing[i] = RELEASED;
        broker_ack(b, NJ_PUBREL, id);
    } else {
        b->outgoing[i] = DONE;
    }
}

/* What it had sent it sends as new messages, under the identifiers of before. */
static void
broker_forget(struct broker *b)
{
    b->has_session = false;
    memset(b->received, 0, sizeof(b->received));
    memset(b->known, 0, sizeof(b->known));
    for (int i = 0; i < MESSAGES; i++) {
        if (b->outgoing[i] != DONE)
            b->outgoing[i] = NOT_SENT;
    }
}

static void
broker_parse(struct broker *b)
{
    struct nj_frame f;
    struct nj_packet packet;

    while (nj_frame_find((struct nj_str){(char *)b->in, b->in_n}, 65536, &f) == NJ_FRAME_WHOLE) {
        assert_int_equal(nj_packet_decode(&f, (enum nj_version)b->version, NJ_FROM_CLIENT, &packet),
                         NJ_CAUSE_NONE);
        switch (packet.type) {
        case NJ_CONNECT:
            broker_on_connect(b);
            break;
        case NJ_PUBLISH:
            broker_on_publish(b, &packet.publish);
            break;
        case NJ_PUBACK:
        case NJ_PUBREC:
        case NJ_PUBREL:
        case NJ_PUBCOMP:
            broker_on_ack(b, packet.type, packet.ack.packet_id);
            break;
        default:
            fail_msg("%s from the client", nj_packet_name(f.type));
        }
        b->in_n -= f.bytes;
        memmove(b->in, b->in + f.bytes, b->in_n);
    }
}

/* ---- the client's application ---- */

struct application {
    int published;
    int confirmed;
    int arrived[MESSAGES];
    int last_new[3];
};

static void
take_events(struct application *a)
{
    while (nj_engine_next(e, &ev)) {
        if (ev.type == NJ_CLIENT_PUBLISHED)
            a->confirmed++;
        if (ev.type != NJ_CLIENT_MESSAGE)
            continue;
        char text[16] = {0};
        memcpy(text, ev.message.payload, ev.message.payload_n);
        int number = (int)strtol(text, NULL, 10);
        if (a->arrived[number]++ == 0) {
            assert_true(number > a->last_new[ev.message.qos]);
            a->last_new[ev.message.qos] = number;
        }
    }
}

static void
publish_some(struct application *a, struct nj_rand *r)
{
    char text[16];

    while (a->published < MESSAGES && nj_rand_below(r, 3) == 0) {
        (void)snprintf(text, sizeof(text), "%d", a->published);
        publish("t", text, qos_of(a->published));
        a->published++;
    }
}

/* ---- the link ---- */

static void
carry_up(struct broker *b, struct nj_rand *r)
{
    struct nj_str output = nj_engine_output(e);
    size_t n = output.n > 0 ? nj_rand_below(r, (uint32_t)NJ_MIN(output.n, (size_t)200) + 1) : 0;

    if (n == 0)
        return;
    assert_true(b->in_n + n <= sizeof(b->in));
    memcpy(b->in + b->in_n, output.p, n);
    b->in_n += n;
    nj_engine_written(e, n, 0);
    broker_parse(b);
}

static void
carry_down(struct application *a, struct broker *b, struct nj_rand *r)
{
    size_t n = b->out_n > 0 ? nj_rand_below(r, (uint32_t)NJ_MIN(b->out_n, (size_t)200) + 1) : 0;

    if (n == 0 || !nj_engine_wants_input(e))
        return;
    feed(b->out, n, 0);
    b->out_n -= n;
    memmove(b->out, b->out + n, b->out_n);
    take_events(a);
}

static void
cut(struct application *a, struct broker *b)
{
    nj_engine_close(e, NJ_CLIENT_ELOST, NULL);
    take_events(a);
    assert_true(nj_engine_is_offline(e));
    b->in_n = b->out_n = 0;
    open_link();
}

static bool
is_done(const struct application *a, const struct broker *b)
{
    for (int i = 0; i < MESSAGES; i++) {
        if (b->outgoing[i] != DONE)
            return false;
    }
    return a->confirmed == MESSAGES && nj_engine_unacknowledged(e) == 0;
}

static void
run_seed(uint64_t seed, uint8_t version, bool forgets)
{
    /* Told with PUBLISH, with PUBREL, and some so, some so. */
    static const size_t room_to_wait[] = {0, 1 << 20, 200};
    struct broker *b = nj_zalloc(sizeof(*b));
    struct application a = {.last_new = {-1, -1, -1}};
    struct nj_client_opts opts = opts_of(version);
    struct nj_rand r;

    assert_non_null(b);
    b->version = version;
    memset(b->last_new, 0xff, sizeof(b->last_new));
    nj_rand_seed(&r, seed);
    opts.clean_start = false;
    opts.inflight_maximum = (uint16_t)(1 + nj_rand_below(&r, 20));
    opts.release_bytes = room_to_wait[seed / 2 % NJ_COUNT_OF(room_to_wait)];
    client_with(&opts);
    open_link();

    for (int step = 0; !is_done(&a, b); step++) {
        if (step > 200000)
            fail_msg("seed %llu does not end", (unsigned long long)seed);
        publish_some(&a, &r);
        carry_up(b, &r);
        carry_down(&a, b, &r);
        for (int i = 0; i < MESSAGES; i++) {
            if (b->has_session && b->outgoing[i] == NOT_SENT && nj_engine_is_active(e)) {
                if (nj_rand_below(&r, 4) == 0)
                    broker_send(b, i);
                break;
            }
        }
        /* A CONNACK that does not arrive is no news of a lost session. */
        if (nj_rand_below(&r, 40) == 0 && step < 20000 && (!forgets || nj_engine_is_active(e))) {
            if (forgets && nj_rand_below(&r, 3) == 0)
                broker_forget(b);
            cut(&a, b);
        }
    }
    for (int i = 0; i < MESSAGES; i++) {
        if (!forgets && qos_of(i) == 2 && (b->arrived[i] != 1 || a.arrived[i] != 1))
            fail_msg("seed %llu: message %d of QoS 2 went %d times up and %d times down",
                     (unsigned long long)seed, i, b->arrived[i], a.arrived[i]);
        assert_true(b->arrived[i] >= 1 && a.arrived[i] >= 1);
    }
    nj_free(b);
}

/* [MQTT5-4.3.3-8] [MQTT5-4.4.0-1] [MQTT5-4.6.0-2] [MQTT5-4.6.0-3] [MQTT5-4.6.0-4]
 * [MQTT311-4.3.3-1] [MQTT311-4.3.3-2] [MQTT311-4.6.0-1] [MQTT311-4.6.0-2] */
static void
qos_2_arrives_once_however_often_the_link_breaks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++)
        run_seed(seed, seed % 2 == 0 ? NJ_MQTT_5 : NJ_MQTT_311, false);
}

/* [MQTT5-3.2.2-5] */
static void
nothing_is_lost_where_the_broker_forgets_the_session(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++)
        run_seed(seed, seed % 2 == 0 ? NJ_MQTT_5 : NJ_MQTT_311, true);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(qos_2_arrives_once_however_often_the_link_breaks),
        TEST(nothing_is_lost_where_the_broker_forgets_the_session),
    };

    return cmocka_run_group_tests_name("client/session", tests, NULL, NULL);
}
