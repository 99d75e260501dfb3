/* SPDX-License-Identifier: Apache-2.0 */
/* The engine against a scripted broker: what each side sends is written out byte by byte. */
#include "client/kit_test.h"

#include "client/props.h"

static const struct nj_client_properties none = {NULL, 0};

/* ---- CONNECT and CONNACK ---- */

/* [MQTT5-3.1.0-1] [MQTT311-3.1.0-1] */
static void
connect_is_the_first_packet(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_311);

    (void)state;
    assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
    EXPECT_OUTPUT(e, 0x10, 16, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 4, 't', 'e', 's', 't');
    nj_engine_free(e);
}

static void
connect_carries_will_credentials_and_promises(void **state)
{
    struct nj_client_message will = {
        .topic = "w", .payload = "x", .payload_n = 1, .qos = 1, .retain = true};
    struct nj_client_opts opts;
    struct nj_engine *e;

    (void)state;
    nj_client_opts_init(&opts);
    opts.version = NJ_MQTT_5;
    opts.user_name = "u";
    opts.password = "p";
    opts.password_n = 1;
    opts.will = &will;
    opts.receive_maximum = 7;
    opts.topic_alias_maximum = 3;
    e = engine_with(&opts);
    assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
    EXPECT_OUTPUT(e, 0x10, 32, 0, 4, 'M', 'Q', 'T', 'T', 5, 0xee, 0, 60, 6, 0x21, 0, 7, 0x22, 0, 3,
                  0, 0, 0, 0, 1, 'w', 0, 1, 'x', 0, 1, 'u', 0, 1, 'p');
    nj_engine_free(e);
}

static void
refusal_tells_the_code_and_ends(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_5);
    struct nj_client_event ev;

    (void)state;
    assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
    FEED(e, 0x20, 3, 0, 0x87, 0);
    expect_event(e, NJ_CLIENT_DISCONNECTED, &ev);
    assert_int_equal(ev.error, NJ_CLIENT_EREFUSED);
    assert_int_equal(ev.reason, 0x87);
    assert_true(nj_engine_wants_close(e));
    nj_engine_close(e, NJ_CLIENT_OK, NULL);
    expect_nothing(e);
    nj_engine_free(e);
}

/* [MQTT5-3.2.0-1] [MQTT311-3.2.0-1] */
static void
nothing_but_connack_may_come_first(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_311);

    (void)state;
    assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
    FEED(e, 0x30, 4, 0, 1, 'a', 'x');
    expect_end(e, NJ_CLIENT_EPROTOCOL);
    nj_engine_free(e);
}

/* [MQTT5-3.2.0-2] */
static void
second_connack_ends_the_connection(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_311);

    (void)state;
    connect_engine(e, NJ_MQTT_311, false);
    FEED(e, 0x20, 2, 0, 0);
    expect_end(e, NJ_CLIENT_EPROTOCOL);
    nj_engine_free(e);
}

/* [MQTT5-3.2.2-2] [MQTT5-3.2.2-4] [MQTT311-3.2.2-1] */
static void
session_present_after_clean_start_is_a_fault(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_5);

    (void)state;
    assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
    FEED(e, 0x20, 3, 1, 0, 0);
    expect_end(e, NJ_CLIENT_EPROTOCOL);
    nj_engine_free(e);
}

/* [MQTT5-3.2.2-16] */
static void
assigned_client_identifier_is_used_from_then_on(void **state)
{
    struct nj_client_opts opts;
    struct nj_client_event ev;
    struct nj_engine *e;

    (void)state;
    nj_client_opts_init(&opts);
    opts.version = NJ_MQTT_5;
    e = engine_with(&opts);
    assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
    (void)drop_output(e);
    FEED(e, 0x20, 8, 0, 0, 5, 0x12, 0, 2, 'i', 'd');
    expect_event(e, NJ_CLIENT_CONNECTED, &ev);
    assert_string_equal(nj_engine_client_id(e), "id");
    nj_engine_close(e, NJ_CLIENT_ELOST, NULL);
    expect_end(e, NJ_CLIENT_ELOST);
    assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
    EXPECT_OUTPUT(e, 0x10, 15, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 0, 0, 2, 'i', 'd');
    nj_engine_free(e);
}

static void
no_connack_in_time_ends_the_attempt(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_311);

    (void)state;
    assert_int_equal(nj_engine_open(e, 1000), NJ_CLIENT_OK);
    assert_int_equal(nj_engine_deadline(e), 31000);
    nj_engine_on_time(e, 31000);
    expect_end(e, NJ_CLIENT_ETIMEOUT);
    nj_engine_free(e);
}

/* ---- keep alive ---- */

/* [MQTT5-3.1.2-20] [MQTT311-3.1.2-23] [MQTT5-3.1.2-21] [MQTT5-3.2.2-21] */
static void
silence_is_answered_by_pingreq_at_the_pace_of_the_server(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_5);
    struct nj_client_event ev;

    (void)state;
    assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
    (void)drop_output(e);
    FEED(e, 0x20, 6, 0, 0, 3, 0x13, 0, 10); /* server keep alive 10 s */
    expect_event(e, NJ_CLIENT_CONNECTED, &ev);
    assert_int_equal(nj_engine_deadline(e), 10000);
    nj_engine_on_time(e, 9999);
    assert_int_equal(nj_engine_output(e).n, 0);
    nj_engine_on_time(e, 10000);
    EXPECT_OUTPUT(e, 0xc0, 0);
    feed(e, "\xd0\0", 2, 10001);
    expect_nothing(e);
    assert_true(nj_engine_is_active(e));
    nj_engine_free(e);
}

static void
unanswered_pingreq_ends_the_connection(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_311);

    (void)state;
    connect_engine(e, NJ_MQTT_311, false);
    nj_engine_on_time(e, 60000);
    nj_engine_written(e, nj_engine_output(e).n, 60000);
    /* Until then it goes on saying that it is alive. */
    nj_engine_on_time(e, 120000);
    expect_end(e, NJ_CLIENT_EKEEPALIVE);
    nj_engine_free(e);
}

static void
application_that_takes_no_events_does_not_make_the_broker_silent(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_311);
    struct nj_client_event ev;

    (void)state;
    connect_engine(e, NJ_MQTT_311, false);
    nj_engine_on_time(e, 60000);
    nj_engine_written(e, nj_engine_output(e).n, 60000);
    feed(e,
         "\x30\x04\0\x01"
         "ax\xd0\0",
         8, 60001);
    nj_engine_on_time(e, 500000);
    expect_event(e, NJ_CLIENT_MESSAGE, &ev);
    expect_nothing(e);
    assert_true(nj_engine_is_active(e));
    nj_engine_free(e);
}

/* ---- messages to the broker ---- */

/* [MQTT5-4.3.1-1] [MQTT311-4.3.1-1] */
static void
qos_0_is_written_and_forgotten(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_311);

    (void)state;
    connect_engine(e, NJ_MQTT_311, false);
    (void)publish_on(e, "a", "x", 0);
    EXPECT_OUTPUT(e, 0x30, 4, 0, 1, 'a', 'x');
    assert_int_equal(nj_engine_unacknowledged(e), 0);
    nj_engine_free(e);
}

static void
qos_0_needs_a_connection(void **state)
{
    struct nj_client_message m = {.topic = "a"};
    struct nj_engine *e = engine_of(NJ_MQTT_311);

    (void)state;
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_ENOTCONN);
    nj_engine_free(e);
}

/* [MQTT5-4.3.2-1] [MQTT5-4.3.2-2] [MQTT311-4.3.2-1] */
static void
qos_1_is_held_until_puback(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_311);
    struct nj_client_event ev;

    (void)state;
    connect_engine(e, NJ_MQTT_311, false);
    assert_int_equal(publish_on(e, "a", "x", 1), 1);
    EXPECT_OUTPUT(e, 0x32, 6, 0, 1, 'a', 0, 1, 'x');
    FEED(e, 0x40, 2, 0, 1);
    expect_event(e, NJ_CLIENT_PUBLISHED, &ev);
    assert_int_equal(ev.packet_id, 1);
    assert_int_equal(nj_engine_unacknowledged(e), 0);
    nj_engine_free(e);
}

/* [MQTT5-4.3.3-1] [MQTT5-4.3.3-4] [MQTT5-4.3.3-6] [MQTT311-4.3.3-1] */
static void
qos_2_goes_through_its_four_packets(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_5);
    struct nj_client_event ev;

    (void)state;
    connect_engine(e, NJ_MQTT_5, false);
    (void)publish_on(e, "a", "x", 2);
    EXPECT_OUTPUT(e, 0x34, 7, 0, 1, 'a', 0, 1, 0, 'x');
    FEED(e, 0x50, 2, 0, 1);
    expect_nothing(e);
    EXPECT_OUTPUT(e, 0x62, 2, 0, 1);
    FEED(e, 0x70, 2, 0, 1);
    expect_event(e, NJ_CLIENT_PUBLISHED, &ev);
    assert_int_equal(nj_engine_unacknowledged(e), 0);
    nj_engine_free(e);
}

/* [MQTT5-4.3.3-4] a PUBREC of 0x80 or more is the end, no PUBREL follows */
static void
refused_qos_2_is_told_and_its_identifier_free(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_5);
    struct nj_client_event ev;

    (void)state;
    connect_engine(e, NJ_MQTT_5, false);
    (void)publish_on(e, "a", "x", 2);
    (void)drop_output(e);
    FEED(e, 0x50, 3, 0, 1, 0x97);
    expect_event(e, NJ_CLIENT_PUBLISHED, &ev);
    assert_int_equal(ev.reason, 0x97);
    assert_int_equal(nj_engine_output(e).n, 0);
    assert_int_equal(nj_engine_unacknowledged(e), 0);
    nj_engine_free(e);
}

/* [MQTT5-4.4.0-1] [MQTT311-4.4.0-1] [MQTT5-3.3.1-1] [MQTT311-3.3.1-1] [MQTT5-4.6.0-1] */
static void
unacknowledged_messages_are_sent_again_in_order_as_duplicates(void **state)
{
    struct nj_client_opts opts;
    struct nj_engine *e;

    (void)state;
    nj_client_opts_init(&opts);
    opts.client_id = "test";
    opts.clean_start = false;
    e = engine_with(&opts);
    connect_engine(e, NJ_MQTT_311, false);
    (void)publish_on(e, "a", "1", 1);
    (void)publish_on(e, "a", "2", 2);
    (void)publish_on(e, "a", "3", 2);
    FEED(e, 0x50, 2, 0, 3); /* the third one is released */
    expect_nothing(e);
    (void)drop_output(e);
    nj_engine_close(e, NJ_CLIENT_ELOST, NULL);
    expect_end(e, NJ_CLIENT_ELOST);
    connect_engine(e, NJ_MQTT_311, true);
    EXPECT_OUTPUT(e, 0x62, 2, 0, 3, 0x3a, 6, 0, 1, 'a', 0, 1, '1', 0x3c, 6, 0, 1, 'a', 0, 2, '2');
    nj_engine_free(e);
}

/* [MQTT5-3.2.2-5] */
static void
lost_session_makes_sent_messages_new_ones(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_311);

    (void)state;
    connect_engine(e, NJ_MQTT_311, false);
    (void)publish_on(e, "a", "1", 1);
    (void)publish_on(e, "a", "2", 2);
    (void)drop_output(e);
    nj_engine_close(e, NJ_CLIENT_ELOST, NULL);
    expect_end(e, NJ_CLIENT_ELOST);
    connect_engine(e, NJ_MQTT_311, false);
    EXPECT_OUTPUT(e, 0x32, 6, 0, 1, 'a', 0, 1, '1', 0x34, 6, 0, 1, 'a', 0, 2, '2');
    nj_engine_free(e);
}

/* What PUBREC confirmed has arrived: with the session goes the PUBREL. [MQTT5-3.2.2-5] */
static void
released_message_of_a_lost_session_is_published(void **state)
{
    static const uint8_t versions[] = {NJ_MQTT_311, NJ_MQTT_5};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(versions); i++) {
        struct nj_engine *e = engine_of(versions[i]);
        struct nj_client_event ev;

        connect_engine(e, versions[i], false);
        (void)publish_on(e, "a", "x", 2);
        FEED(e, 0x50, 2, 0, 1);
        expect_nothing(e);
        nj_engine_close(e, NJ_CLIENT_ELOST, NULL);
        expect_end(e, NJ_CLIENT_ELOST);
        connect_engine(e, versions[i], false);
        assert_int_equal(nj_engine_output(e).n, 0);
        expect_event(e, NJ_CLIENT_PUBLISHED, &ev);
        assert_int_equal(ev.packet_id, 1);
        assert_int_equal(ev.reason, 0);
        assert_int_equal(nj_engine_unacknowledged(e), 0);
        nj_engine_free(e);
    }
}

/* The broker takes the identifier for another message. [MQTT5-3.2.2-5] */
static void
received_identifiers_of_a_lost_session_are_forgotten(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_311);
    struct nj_client_event ev;

    (void)state;
    for (int connection = 0; connection < 2; connection++) {
        connect_engine(e, NJ_MQTT_311, false);
        FEED(e, 0x34, 6, 0, 1, 'a', 0, 7, 'x');
        expect_event(e, NJ_CLIENT_MESSAGE, &ev);
        nj_engine_close(e, NJ_CLIENT_ELOST, NULL);
        expect_end(e, NJ_CLIENT_ELOST);
    }
    nj_engine_free(e);
}

static void
messages_published_offline_go_out_after_connack(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_311);

    (void)state;
    (void)publish_on(e, "a", "x", 1);
    connect_engine(e, NJ_MQTT_311, false);
    EXPECT_OUTPUT(e, 0x32, 6, 0, 1, 'a', 0, 1, 'x');
    nj_engine_free(e);
}

/* [MQTT5-3.3.4-7] [MQTT5-4.9.0-1] [MQTT5-4.9.0-2] */
static void
receive_maximum_of_the_broker_bounds_the_window(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_5);
    struct nj_client_event ev;

    (void)state;
    assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
    (void)drop_output(e);
    FEED(e, 0x20, 6, 0, 0, 3, 0x21, 0, 2);
    expect_event(e, NJ_CLIENT_CONNECTED, &ev);
    for (int i = 0; i < 3; i++)
        (void)publish_on(e, "a", "x", i == 0 ? 2 : 1);
    EXPECT_OUTPUT(e, 0x34, 7, 0, 1, 'a', 0, 1, 0, 'x', 0x32, 7, 0, 1, 'a', 0, 2, 0, 'x');
    FEED(e, 0x50, 2, 0, 1); /* PUBREC does not open the window */
    expect_nothing(e);
    EXPECT_OUTPUT(e, 0x62, 2, 0, 1);
    FEED(e, 0x70, 2, 0, 1);
    expect_event(e, NJ_CLIENT_PUBLISHED, &ev);
    EXPECT_OUTPUT(e, 0x32, 7, 0, 1, 'a', 0, 3, 0, 'x');
    nj_engine_free(e);
}

static void
queue_has_a_ceiling(void **state)
{
    struct nj_client_opts opts;
    struct nj_client_message m = {.topic = "a", .payload = "0123456789", .payload_n = 10, .qos = 1};
    struct nj_engine *e;
    int taken = 0;

    (void)state;
    nj_client_opts_init(&opts);
    opts.queue_bytes = 2000;
    e = engine_with(&opts);
    while (nj_engine_publish(e, &m, NULL) == NJ_CLIENT_OK)
        taken++;
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_EFULL);
    assert_in_range(taken, 5, 50);
    nj_engine_free(e);
}

static void
output_has_a_ceiling(void **state)
{
    static char payload[1000];
    struct nj_client_message m = {.topic = "a", .payload = payload, .payload_n = sizeof(payload)};
    struct nj_engine *e = engine_of(NJ_MQTT_311);
    enum nj_client_err err;

    (void)state;
    connect_engine(e, NJ_MQTT_311, false);
    while ((err = nj_engine_publish(e, &m, NULL)) == NJ_CLIENT_OK)
        assert_true(nj_engine_output(e).n < (1 << 20) + 2000);
    assert_int_equal(err, NJ_CLIENT_EFULL);
    (void)drop_output(e);
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_OK);
    nj_engine_free(e);
}

static void
every_packet_identifier_in_use_is_full(void **state)
{
    struct nj_client_message m = {.topic = "a", .qos = 1};
    struct nj_client_event ev;
    struct nj_engine *e = engine_of(NJ_MQTT_311);

    (void)state;
    for (int i = 0; i < 65535; i++)
        assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_OK);
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_EFULL);
    connect_engine(e, NJ_MQTT_311, false);
    (void)drop_output(e);
    FEED(e, 0x40, 2, 0, 5);
    expect_event(e, NJ_CLIENT_PUBLISHED, &ev);
    assert_int_equal(publish_on(e, "a", "", 1), 5); /* the only free one */
    nj_engine_free(e);
}

/* [MQTT5-3.2.2-11] [MQTT5-3.2.2-14] [MQTT5-3.2.2-15] */
static void
what_the_broker_does_not_support_is_refused_here(void **state)
{
    struct nj_client_message m = {.topic = "a", .qos = 2};
    struct nj_client_event ev;
    struct nj_engine *e = engine_of(NJ_MQTT_5);

    (void)state;
    assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
    FEED(e, 0x20, 12, 0, 0, 9, 0x24, 1, 0x25, 0, 0x27, 0, 0, 0, 10);
    expect_event(e, NJ_CLIENT_CONNECTED, &ev);
    (void)drop_output(e);
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_EQOS);
    m.qos = 0;
    m.retain = true;
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_ERETAIN);
    m.retain = false;
    m.payload = "12345";
    m.payload_n = 5;
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_ETOOLARGE);
    m.payload_n = 4;
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_OK);
    assert_int_equal(nj_engine_output(e).n, 10);
    nj_engine_free(e);
}

static void
what_was_taken_offline_and_is_not_supported_is_told(void **state)
{
    struct nj_client_event ev;
    struct nj_engine *e = engine_of(NJ_MQTT_5);
    uint16_t id;

    (void)state;
    id = publish_on(e, "a", "x", 2);
    assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
    (void)drop_output(e);
    FEED(e, 0x20, 5, 0, 0, 2, 0x24, 1);
    expect_event(e, NJ_CLIENT_CONNECTED, &ev);
    expect_event(e, NJ_CLIENT_PUBLISHED, &ev);
    assert_int_equal(ev.packet_id, id);
    assert_int_equal(ev.reason, NJ_REASON_QOS_NOT_SUPPORTED);
    assert_int_equal(nj_engine_output(e).n, 0);
    assert_int_equal(nj_engine_unacknowledged(e), 0);
    nj_engine_free(e);
}

static void
bad_requests_are_refused_before_they_are_sent(void **state)
{
    struct nj_client_subscription good = {.filter = "a"}, bad = {.filter = "a#"};
    struct nj_client_subscription v5_only = {.filter = "a", .no_local = true};
    struct nj_client_message m = {.topic = "a/+"};
    struct nj_engine *e = engine_of(NJ_MQTT_311);

    (void)state;
    assert_int_equal(nj_engine_subscribe(e, &good, 1, none, NULL), NJ_CLIENT_ENOTCONN);
    connect_engine(e, NJ_MQTT_311, false);
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_EINVAL); /* [MQTT5-3.3.2-2] */
    m.topic = "";
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_EINVAL);
    m.topic = "\xff";
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_EINVAL);
    m.topic = "a";
    m.properties = (struct nj_client_properties){"\x01\x01", 2};
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_EUNSUPPORTED);
    assert_int_equal(nj_engine_subscribe(e, &bad, 1, none, NULL), NJ_CLIENT_EINVAL);
    assert_int_equal(nj_engine_subscribe(e, &good, 0, none, NULL), NJ_CLIENT_EINVAL);
    assert_int_equal(nj_engine_subscribe(e, &v5_only, 1, none, NULL), NJ_CLIENT_EINVAL);
    assert_int_equal(nj_engine_output(e).n, 0);
    nj_engine_free(e);
}

/* ---- messages from the broker ---- */

/* [MQTT5-4.3.2-4] [MQTT311-4.3.2-2] */
static void
qos_1_message_is_handed_on_and_acknowledged(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_311);
    struct nj_client_event ev;

    (void)state;
    connect_engine(e, NJ_MQTT_311, false);
    FEED(e, 0x33, 6, 0, 1, 'a', 0, 9, 'x');
    expect_event(e, NJ_CLIENT_MESSAGE, &ev);
    assert_string_equal(ev.message.topic, "a");
    assert_int_equal(ev.message.payload_n, 1);
    assert_int_equal(ev.message.qos, 1);
    assert_true(ev.message.retain);
    EXPECT_OUTPUT(e, 0x40, 2, 0, 9);
    nj_engine_free(e);
}

/* [MQTT5-4.3.3-8] [MQTT5-4.3.3-10] [MQTT5-4.3.3-11] [MQTT5-4.3.3-12] [MQTT311-4.3.3-2] */
static void
qos_2_message_is_handed_on_once(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_5);
    struct nj_client_event ev;

    (void)state;
    connect_engine(e, NJ_MQTT_5, false);
    FEED(e, 0x34, 7, 0, 1, 'a', 0, 9, 0, 'x');
    expect_event(e, NJ_CLIENT_MESSAGE, &ev);
    FEED(e, 0x3c, 7, 0, 1, 'a', 0, 9, 0, 'x');
    expect_nothing(e);
    EXPECT_OUTPUT(e, 0x50, 2, 0, 9, 0x50, 2, 0, 9);
    FEED(e, 0x62, 2, 0, 9);
    expect_nothing(e);
    EXPECT_OUTPUT(e, 0x70, 2, 0, 9);
    FEED(e, 0x34, 7, 0, 1, 'a', 0, 9, 0, 'y'); /* the identifier is free for another one */
    expect_event(e, NJ_CLIENT_MESSAGE, &ev);
    nj_engine_free(e);
}

static void
unknown_pubrel_is_answered(void **state)
{
    struct nj_engine *v5 = engine_of(NJ_MQTT_5), *v3 = engine_of(NJ_MQTT_311);

    (void)state;
    connect_engine(v5, NJ_MQTT_5, false);
    FEED(v5, 0x62, 2, 0, 9);
    expect_nothing(v5);
    EXPECT_OUTPUT(v5, 0x70, 3, 0, 9, 0x92);
    connect_engine(v3, NJ_MQTT_311, false);
    FEED(v3, 0x62, 2, 0, 9);
    expect_nothing(v3);
    EXPECT_OUTPUT(v3, 0x70, 2, 0, 9);
    nj_engine_free(v5);
    nj_engine_free(v3);
}

/* [MQTT5-3.3.4-9] [MQTT5-3.3.4-8] */
static void
broker_that_exceeds_our_receive_maximum_is_told_so(void **state)
{
    struct nj_client_opts opts;
    struct nj_client_event ev;
    struct nj_engine *e;

    (void)state;
    nj_client_opts_init(&opts);
    opts.version = NJ_MQTT_5;
    opts.receive_maximum = 1;
    e = engine_with(&opts);
    connect_engine(e, NJ_MQTT_5, false);
    FEED(e, 0x34, 6, 0, 1, 'a', 0, 1, 0, 0x34, 6, 0, 1, 'a', 0, 2, 0);
    expect_event(e, NJ_CLIENT_MESSAGE, &ev);
    (void)drop_output(e);
    expect_event(e, NJ_CLIENT_DISCONNECTED, &ev);
    assert_int_equal(ev.error, NJ_CLIENT_EPROTOCOL);
    EXPECT_OUTPUT(e, 0xe0, 1, 0x93);
    nj_engine_free(e);
}

/* [MQTT5-3.3.2-10] [MQTT5-3.3.2-12] */
static void
aliases_of_the_broker_stand_for_topics(void **state)
{
    struct nj_client_opts opts;
    struct nj_client_event ev;
    struct nj_engine *e;

    (void)state;
    nj_client_opts_init(&opts);
    opts.version = NJ_MQTT_5;
    opts.topic_alias_maximum = 1;
    e = engine_with(&opts);
    connect_engine(e, NJ_MQTT_5, false);
    FEED(e, 0x30, 8, 0, 2, 'a', 'b', 3, 0x23, 0, 1, 0x30, 6, 0, 0, 3, 0x23, 0, 1);
    expect_event(e, NJ_CLIENT_MESSAGE, &ev);
    expect_event(e, NJ_CLIENT_MESSAGE, &ev);
    assert_string_equal(ev.message.topic, "ab");
    FEED(e, 0x30, 8, 0, 2, 'a', 'b', 3, 0x23, 0, 2); /* beyond our maximum */
    (void)drop_output(e);
    expect_event(e, NJ_CLIENT_DISCONNECTED, &ev);
    EXPECT_OUTPUT(e, 0xe0, 1, 0x94);
    nj_engine_free(e);
}

static void
alias_that_was_never_set_ends_the_connection(void **state)
{
    struct nj_client_opts opts;
    struct nj_engine *e;

    (void)state;
    nj_client_opts_init(&opts);
    opts.version = NJ_MQTT_5;
    opts.topic_alias_maximum = 5;
    e = engine_with(&opts);
    connect_engine(e, NJ_MQTT_5, false);
    FEED(e, 0x30, 6, 0, 0, 3, 0x23, 0, 4);
    expect_end(e, NJ_CLIENT_EPROTOCOL);
    nj_engine_free(e);
}

/* [MQTT5-3.3.2-8] [MQTT5-3.2.2-18] */
static void
topics_go_by_alias_once_set_and_anew_on_each_connection(void **state)
{
    struct nj_client_opts opts;
    struct nj_client_event ev;
    struct nj_engine *e;

    (void)state;
    nj_client_opts_init(&opts);
    opts.version = NJ_MQTT_5;
    opts.use_topic_aliases = 10;
    e = engine_with(&opts);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
        (void)drop_output(e);
        FEED(e, 0x20, 6, 0, 0, 3, 0x22, 0, 1); /* the broker takes one */
        expect_event(e, NJ_CLIENT_CONNECTED, &ev);
        (void)publish_on(e, "ab", "", 0);
        (void)publish_on(e, "cd", "", 0);
        (void)publish_on(e, "ab", "", 0);
        EXPECT_OUTPUT(e, 0x30, 8, 0, 2, 'a', 'b', 3, 0x23, 0, 1, 0x30, 5, 0, 2, 'c', 'd', 0, 0x30,
                      6, 0, 0, 3, 0x23, 0, 1);
        nj_engine_close(e, NJ_CLIENT_ELOST, NULL);
        expect_end(e, NJ_CLIENT_ELOST);
    }
    nj_engine_free(e);
}

static void
message_by_alias_is_sent_again_with_its_topic(void **state)
{
    const struct nj_client_properties alias = {"\x23\0\1", 3};
    struct nj_client_message m = {.topic = "ab", .properties = alias};
    struct nj_client_event ev;
    struct nj_engine *e = engine_of(NJ_MQTT_5);

    (void)state;
    assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
    FEED(e, 0x20, 6, 0, 0, 3, 0x22, 0, 5);
    expect_event(e, NJ_CLIENT_CONNECTED, &ev);
    (void)drop_output(e);
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_OK);
    m.topic = "";
    m.qos = 1;
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_OK);
    EXPECT_OUTPUT(e, 0x30, 8, 0, 2, 'a', 'b', 3, 0x23, 0, 1, 0x32, 8, 0, 0, 0, 2, 3, 0x23, 0, 1);
    nj_engine_close(e, NJ_CLIENT_ELOST, NULL);
    expect_end(e, NJ_CLIENT_ELOST);
    connect_engine(e, NJ_MQTT_5, false); /* this time without aliases */
    EXPECT_OUTPUT(e, 0x32, 7, 0, 2, 'a', 'b', 0, 2, 0);
    nj_engine_free(e);
}

/* A broker that sends and does not read cannot make us hold its answers. */
static void
answers_are_bounded(void **state)
{
    static uint8_t flood[7 * 100000];
    struct nj_engine *e = engine_of(NJ_MQTT_311);
    struct nj_client_event ev;
    int told = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(flood); i += 7)
        memcpy(flood + i, "\x32\x05\0\1a\0\1", 7);
    connect_engine(e, NJ_MQTT_311, false);
    for (int i = 0; i < 4; i++) {
        if (nj_engine_wants_input(e))
            feed(e, flood, sizeof(flood), 0);
        while (nj_engine_next(e, &ev))
            told++;
        assert_true(nj_engine_output(e).n < (1 << 20) + 64);
    }
    assert_false(nj_engine_wants_input(e));
    assert_true(told > 0);
    (void)drop_output(e);
    assert_true(nj_engine_next(e, &ev));
    nj_engine_free(e);
}

/* ---- subscriptions ---- */

static void
subscribe_is_answered_code_by_code(void **state)
{
    const struct nj_client_subscription list[] = {
        {.filter = "a", .qos = 1},
        {.filter = "b",
         .qos = 2,
         .no_local = true,
         .retain_as_published = true,
         .retain_handling = 1},
    };
    struct nj_engine *e = engine_of(NJ_MQTT_5);
    struct nj_client_event ev;
    uint16_t id;

    (void)state;
    connect_engine(e, NJ_MQTT_5, false);
    assert_int_equal(nj_engine_subscribe(e, list, 2, none, &id), NJ_CLIENT_OK);
    EXPECT_OUTPUT(e, 0x82, 11, 0, 1, 0, 0, 1, 'a', 1, 0, 1, 'b', 0x1e);
    FEED(e, 0x90, 5, 0, 1, 0, 1, 0x87);
    expect_event(e, NJ_CLIENT_SUBSCRIBED, &ev);
    assert_int_equal(ev.packet_id, id);
    assert_int_equal(ev.code_count, 2);
    assert_int_equal(ev.codes[1], 0x87);
    nj_engine_free(e);
}

static void
unsubscribe_is_answered(void **state)
{
    const char *filters[] = {"a", "b"};
    struct nj_engine *e = engine_of(NJ_MQTT_311);
    struct nj_client_event ev;

    (void)state;
    connect_engine(e, NJ_MQTT_311, false);
    assert_int_equal(nj_engine_unsubscribe(e, filters, 2, none, NULL), NJ_CLIENT_OK);
    EXPECT_OUTPUT(e, 0xa2, 8, 0, 1, 0, 1, 'a', 0, 1, 'b');
    FEED(e, 0xb0, 2, 0, 1);
    expect_event(e, NJ_CLIENT_UNSUBSCRIBED, &ev);
    assert_int_equal(ev.code_count, 0);
    nj_engine_free(e);
}

static void
requests_end_with_their_connection(void **state)
{
    const struct nj_client_subscription s = {.filter = "a"};
    struct nj_engine *e = engine_of(NJ_MQTT_311);

    (void)state;
    connect_engine(e, NJ_MQTT_311, false);
    assert_int_equal(nj_engine_subscribe(e, &s, 1, none, NULL), NJ_CLIENT_OK);
    nj_engine_close(e, NJ_CLIENT_ELOST, NULL);
    expect_end(e, NJ_CLIENT_ELOST);
    connect_engine(e, NJ_MQTT_311, false);
    assert_int_equal(nj_engine_output(e).n, 0);
    FEED(e, 0x90, 3, 0, 1, 0);
    expect_end(e, NJ_CLIENT_EPROTOCOL);
    nj_engine_free(e);
}

/* ---- what a hostile broker may try ---- */

static void
hostile_bytes_end_the_connection_with_a_reason(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        uint8_t version;
        enum nj_client_err err;
    } cases[] = {
        {"\x90\x02\0\1", 4, 4, NJ_CLIENT_EMALFORMED},       /* SUBACK without codes */
        {"\x90\x03\0\1\0", 5, 5, NJ_CLIENT_EPROTOCOL},      /* and in 5.0 */
        {"\x90\x04\0\1\0\0", 6, 4, NJ_CLIENT_EPROTOCOL},    /* one code too many */
        {"\x90\x03\0\7\0", 5, 4, NJ_CLIENT_EPROTOCOL},      /* nobody asked */
        {"\xb0\x02\0\1", 4, 4, NJ_CLIENT_EPROTOCOL},        /* UNSUBACK for a SUBSCRIBE */
        {"\x40\x02\0\1", 4, 4, NJ_CLIENT_EPROTOCOL},        /* PUBACK for a SUBSCRIBE */
        {"\x70\x02\0\2", 4, 4, NJ_CLIENT_EPROTOCOL},        /* PUBCOMP before PUBREC */
        {"\x40\x02\0\2", 4, 4, NJ_CLIENT_EPROTOCOL},        /* PUBACK for QoS 2 */
        {"\x40\x02\0\0", 4, 4, NJ_CLIENT_EMALFORMED},       /* packet identifier 0 */
        {"\x40\x01\0", 3, 4, NJ_CLIENT_EMALFORMED},         /* cut short */
        {"\x40\x03\0\2\0", 5, 4, NJ_CLIENT_EMALFORMED},     /* too long */
        {"\x10\x02\0\0", 4, 4, NJ_CLIENT_EPROTOCOL},        /* CONNECT */
        {"\x82\x06\0\1\0\1a\0", 8, 4, NJ_CLIENT_EPROTOCOL}, /* SUBSCRIBE */
        {"\xc0\0", 2, 4, NJ_CLIENT_EPROTOCOL},              /* PINGREQ */
        {"\xe0\0", 2, 4, NJ_CLIENT_EPROTOCOL},              /* DISCONNECT before 5.0 */
        {"\xf0\0", 2, 5, NJ_CLIENT_EPROTOCOL},              /* AUTH without a method */
        {"\x00\0", 2, 4, NJ_CLIENT_EMALFORMED},             /* type 0 */
        {"\x36\x06\0\1a\0\1x", 8, 4, NJ_CLIENT_EMALFORMED}, /* QoS 3 */
        {"\x30\x04\0\1#x", 6, 4, NJ_CLIENT_EPROTOCOL},      /* wildcard in a topic */
        {"\x30\x03\0\0x", 5, 4, NJ_CLIENT_EPROTOCOL},       /* empty topic */
        {"\x30\xff\xff\xff\xff\x01", 6, 4, NJ_CLIENT_EMALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        const struct nj_client_subscription s = {.filter = "a"};
        struct nj_engine *e = engine_of(cases[i].version);
        struct nj_client_event ev;

        connect_engine(e, cases[i].version, false);
        assert_int_equal(nj_engine_subscribe(e, &s, 1, none, NULL), NJ_CLIENT_OK);
        (void)publish_on(e, "a", "x", 2);
        feed(e, cases[i].bytes, cases[i].n, 0);
        if (!nj_engine_next(e, &ev))
            fail_msg("case %zu is let pass", i);
        if (ev.type != NJ_CLIENT_DISCONNECTED ||
            (ev.error != NJ_CLIENT_EPROTOCOL && ev.error != NJ_CLIENT_EMALFORMED))
            fail_msg("case %zu gives event %d, error %d", i, ev.type, ev.error);
        assert_true(nj_engine_detail(e)[0] != '\0');
        nj_engine_free(e);
    }
}

/* [MQTT5-3.1.2-24] refused when its header is here */
static void
oversized_packet_is_refused_before_it_arrives(void **state)
{
    struct nj_client_opts opts;
    struct nj_engine *e;

    (void)state;
    nj_client_opts_init(&opts);
    opts.maximum_packet_size = 1000;
    e = engine_with(&opts);
    connect_engine(e, NJ_MQTT_311, false);
    FEED(e, 0x30, 0xff, 0xff, 0xff, 0x7f);
    expect_end(e, NJ_CLIENT_ETOOLARGE);
    nj_engine_free(e);
}

static void
disconnect_of_the_broker_tells_its_reason(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_5);
    struct nj_client_event ev;
    struct nj_client_property p;

    (void)state;
    connect_engine(e, NJ_MQTT_5, false);
    FEED(e, 0xe0, 7, 0x8b, 5, 0x1f, 0, 2, 'n', 'o');
    expect_event(e, NJ_CLIENT_DISCONNECTED, &ev);
    assert_int_equal(ev.error, NJ_CLIENT_EDISCONNECTED);
    assert_int_equal(ev.reason, 0x8b);
    assert_true(nj_client_property_next(&ev.properties, &p));
    assert_memory_equal(p.value, "no", 2);
    assert_int_equal(nj_engine_output(e).n, 0);
    nj_engine_free(e);
}

static void
what_came_before_the_end_is_still_told(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_311);
    struct nj_client_event ev;

    (void)state;
    connect_engine(e, NJ_MQTT_311, false);
    FEED(e, 0x30, 4, 0, 1, 'a', 'x', 0x30, 4, 0);
    nj_engine_close(e, NJ_CLIENT_ELOST, NULL);
    expect_event(e, NJ_CLIENT_MESSAGE, &ev);
    expect_end(e, NJ_CLIENT_ELOST);
    nj_engine_free(e);
}

/* [MQTT5-3.14.4-1] [MQTT311-3.14.4-1] */
static void
goodbye_closes_after_all_is_written(void **state)
{
    struct nj_engine *e = engine_of(NJ_MQTT_5);

    (void)state;
    connect_engine(e, NJ_MQTT_5, false);
    (void)publish_on(e, "a", "x", 0);
    assert_int_equal(nj_engine_disconnect(e, 4, none, 0), NJ_CLIENT_OK);
    assert_false(nj_engine_wants_close(e));
    EXPECT_OUTPUT(e, 0x30, 5, 0, 1, 'a', 0, 'x', 0xe0, 1, 4);
    assert_true(nj_engine_wants_close(e));
    nj_engine_close(e, NJ_CLIENT_OK, NULL);
    expect_end(e, NJ_CLIENT_OK);
    nj_engine_free(e);
}

/* ---- AUTH ---- */

static enum nj_client_err
answer_challenge(void *ctx, unsigned reason, const void *data, size_t n, const void **reply,
                 size_t *reply_n)
{
    int *steps = ctx;

    (*steps)++;
    if (reason == 0)
        return NJ_CLIENT_OK;
    if (n != 1 || memcmp(data, "?", 1) != 0)
        return NJ_CLIENT_EAUTH;
    *reply = "!";
    *reply_n = 1;
    return NJ_CLIENT_OK;
}

/* [MQTT5-4.12.0-3] [MQTT5-4.12.0-5] [MQTT5-4.12.1-1] */
static void
authentication_goes_back_and_forth(void **state)
{
    int steps = 0;
    struct nj_client_opts opts;
    struct nj_client_event ev;
    struct nj_engine *e;

    (void)state;
    nj_client_opts_init(&opts);
    opts.version = NJ_MQTT_5;
    opts.properties = (struct nj_client_properties){"\x15\0\1m", 4};
    opts.auth = answer_challenge;
    opts.auth_ctx = &steps;
    e = engine_with(&opts);
    assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
    (void)drop_output(e);
    FEED(e, 0xf0, 10, 0x18, 8, 0x15, 0, 1, 'm', 0x16, 0, 1, '?');
    expect_nothing(e);
    EXPECT_OUTPUT(e, 0xf0, 10, 0x18, 8, 0x15, 0, 1, 'm', 0x16, 0, 1, '!');
    FEED(e, 0x20, 7, 0, 0, 4, 0x15, 0, 1, 'm');
    expect_event(e, NJ_CLIENT_CONNECTED, &ev);
    assert_int_equal(steps, 2);
    assert_int_equal(nj_engine_reauthenticate(e, "a", 1), NJ_CLIENT_OK);
    EXPECT_OUTPUT(e, 0xf0, 10, 0x19, 8, 0x15, 0, 1, 'm', 0x16, 0, 1, 'a');
    FEED(e, 0xf0, 10, 0x18, 8, 0x15, 0, 1, 'x', 0x16, 0, 1, '?'); /* another method */
    expect_end(e, NJ_CLIENT_EPROTOCOL);
    nj_engine_free(e);
}

/* ---- options ---- */

static void
options_that_contradict_the_standard_are_refused(void **state)
{
    static const char wildcard[] = "a/#";
    struct nj_client_message will = {.topic = wildcard};
    struct nj_client_opts good, o, copy;

    (void)state;
    nj_client_opts_init(&good);
    o = good;
    o.version = 6;
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_EINVAL);
    o = good;
    o.clean_start = false; /* [MQTT311-3.1.3-7] */
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_EINVAL);
    o = good;
    o.password = "p"; /* [MQTT311-3.1.2-22] */
    o.password_n = 1;
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_EINVAL);
    o = good;
    o.will = &will;
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_EINVAL);
    o = good;
    o.properties = (struct nj_client_properties){"\x11\0\0\0\1", 5}; /* not before 5.0 */
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_EINVAL);
    o.version = NJ_MQTT_5;
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_OK);
    nj_client_opts_fini(&copy);
    o = good;
    o.version = NJ_MQTT_31;
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_OK);
    assert_int_equal(strlen(copy.client_id), 23);
    nj_client_opts_fini(&copy);
}

static void
property_lists_are_made_and_walked(void **state)
{
    struct nj_client_property_list *list = nj_client_property_list_new();
    struct nj_client_properties rest;
    struct nj_client_property p;

    (void)state;
    assert_non_null(list);
    assert_int_equal(nj_client_property_add_number(list, 0x11, 7), NJ_CLIENT_OK);
    assert_int_equal(nj_client_property_add_pair(list, "k", 1, "v", 1), NJ_CLIENT_OK);
    assert_int_equal(nj_client_property_add_bytes(list, 0x03, "text", 4), NJ_CLIENT_OK);
    assert_int_equal(nj_client_property_add_number(list, 0x03, 7), NJ_CLIENT_EINVAL);
    assert_int_equal(nj_client_property_add_bytes(list, 0x11, "x", 1), NJ_CLIENT_EINVAL);
    assert_int_equal(nj_client_property_add_number(list, 0x7f, 7), NJ_CLIENT_EINVAL);
    rest = nj_client_property_list_view(list);
    assert_true(nj_client_property_next(&rest, &p));
    assert_int_equal(p.number, 7);
    assert_true(nj_client_property_next(&rest, &p));
    assert_memory_equal(p.key, "k", 1);
    assert_true(nj_client_property_next(&rest, &p));
    assert_int_equal(p.value_n, 4);
    assert_false(nj_client_property_next(&rest, &p));
    nj_client_property_list_free(list);
    rest = (struct nj_client_properties){"\x26\0", 2}; /* cut short */
    assert_false(nj_client_property_next(&rest, &p));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_is_the_first_packet),
        cmocka_unit_test(connect_carries_will_credentials_and_promises),
        cmocka_unit_test(refusal_tells_the_code_and_ends),
        cmocka_unit_test(nothing_but_connack_may_come_first),
        cmocka_unit_test(second_connack_ends_the_connection),
        cmocka_unit_test(session_present_after_clean_start_is_a_fault),
        cmocka_unit_test(assigned_client_identifier_is_used_from_then_on),
        cmocka_unit_test(no_connack_in_time_ends_the_attempt),
        cmocka_unit_test(silence_is_answered_by_pingreq_at_the_pace_of_the_server),
        cmocka_unit_test(unanswered_pingreq_ends_the_connection),
        cmocka_unit_test(application_that_takes_no_events_does_not_make_the_broker_silent),
        cmocka_unit_test(qos_0_is_written_and_forgotten),
        cmocka_unit_test(qos_0_needs_a_connection),
        cmocka_unit_test(qos_1_is_held_until_puback),
        cmocka_unit_test(qos_2_goes_through_its_four_packets),
        cmocka_unit_test(refused_qos_2_is_told_and_its_identifier_free),
        cmocka_unit_test(unacknowledged_messages_are_sent_again_in_order_as_duplicates),
        cmocka_unit_test(lost_session_makes_sent_messages_new_ones),
        cmocka_unit_test(released_message_of_a_lost_session_is_published),
        cmocka_unit_test(received_identifiers_of_a_lost_session_are_forgotten),
        cmocka_unit_test(messages_published_offline_go_out_after_connack),
        cmocka_unit_test(receive_maximum_of_the_broker_bounds_the_window),
        cmocka_unit_test(queue_has_a_ceiling),
        cmocka_unit_test(output_has_a_ceiling),
        cmocka_unit_test(every_packet_identifier_in_use_is_full),
        cmocka_unit_test(what_the_broker_does_not_support_is_refused_here),
        cmocka_unit_test(what_was_taken_offline_and_is_not_supported_is_told),
        cmocka_unit_test(bad_requests_are_refused_before_they_are_sent),
        cmocka_unit_test(qos_1_message_is_handed_on_and_acknowledged),
        cmocka_unit_test(qos_2_message_is_handed_on_once),
        cmocka_unit_test(unknown_pubrel_is_answered),
        cmocka_unit_test(broker_that_exceeds_our_receive_maximum_is_told_so),
        cmocka_unit_test(aliases_of_the_broker_stand_for_topics),
        cmocka_unit_test(alias_that_was_never_set_ends_the_connection),
        cmocka_unit_test(topics_go_by_alias_once_set_and_anew_on_each_connection),
        cmocka_unit_test(message_by_alias_is_sent_again_with_its_topic),
        cmocka_unit_test(answers_are_bounded),
        cmocka_unit_test(subscribe_is_answered_code_by_code),
        cmocka_unit_test(unsubscribe_is_answered),
        cmocka_unit_test(requests_end_with_their_connection),
        cmocka_unit_test(hostile_bytes_end_the_connection_with_a_reason),
        cmocka_unit_test(oversized_packet_is_refused_before_it_arrives),
        cmocka_unit_test(disconnect_of_the_broker_tells_its_reason),
        cmocka_unit_test(what_came_before_the_end_is_still_told),
        cmocka_unit_test(goodbye_closes_after_all_is_written),
        cmocka_unit_test(authentication_goes_back_and_forth),
        cmocka_unit_test(options_that_contradict_the_standard_are_refused),
        cmocka_unit_test(property_lists_are_made_and_walked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
