/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker sends: messages are told and acknowledged, all else ends the connection. */
#include "client/kit_test.h"

#include "base/mem.h"
#include "client/inbox.h"

/* [MQTT5-4.3.2-4] [MQTT311-4.3.2-2] */
static void
qos_1_message_is_handed_on_and_acknowledged(void **state)
{
    (void)state;
    connected(NJ_MQTT_311);
    FEED(0x33, 6, 0, 1, 'a', 0, 9, 'x');
    expect_event(NJ_CLIENT_MESSAGE);
    assert_string_equal(ev.message.topic, "a");
    assert_int_equal(ev.message.payload_n, 1);
    assert_int_equal(ev.message.qos, 1);
    assert_true(ev.message.retain);
    EXPECT_OUTPUT(0x40, 2, 0, 9);
}

/* [MQTT5-4.3.3-8] [MQTT5-4.3.3-10] [MQTT5-4.3.3-11] [MQTT5-4.3.3-12] [MQTT311-4.3.3-2] */
static void
qos_2_message_is_handed_on_once(void **state)
{
    (void)state;
    connected(NJ_MQTT_5);
    FEED(0x34, 7, 0, 1, 'a', 0, 9, 0, 'x');
    expect_event(NJ_CLIENT_MESSAGE);
    FEED(0x3c, 7, 0, 1, 'a', 0, 9, 0, 'x');
    expect_nothing();
    EXPECT_OUTPUT(0x50, 2, 0, 9, 0x50, 2, 0, 9);
    FEED(0x62, 2, 0, 9);
    expect_nothing();
    EXPECT_OUTPUT(0x70, 2, 0, 9);
    FEED(0x34, 7, 0, 1, 'a', 0, 9, 0, 'y'); /* the identifier is free for another one */
    expect_event(NJ_CLIENT_MESSAGE);
}

static void
unknown_pubrel_is_answered(void **state)
{
    (void)state;
    connected(NJ_MQTT_5);
    FEED(0x62, 2, 0, 9);
    expect_nothing();
    EXPECT_OUTPUT(0x70, 3, 0, 9, 0x92);
    connected(NJ_MQTT_311);
    FEED(0x62, 2, 0, 9);
    expect_nothing();
    EXPECT_OUTPUT(0x70, 2, 0, 9);
}

/* The broker takes the identifier for another message. [MQTT5-3.2.2-5] */
static void
received_identifiers_of_a_lost_session_are_forgotten(void **state)
{
    (void)state;
    client(NJ_MQTT_311);
    for (int connection = 0; connection < 2; connection++) {
        connect_again(false);
        FEED(0x34, 6, 0, 1, 'a', 0, 7, 'x');
        expect_event(NJ_CLIENT_MESSAGE);
        lose_link();
    }
}

/* ---- told with PUBREL ---- */

/* Connected, and so many bytes may wait for PUBREL. */
static void
connected_holding(uint8_t version, size_t release_bytes)
{
    struct nj_client_opts opts = opts_of(version);

    opts.release_bytes = release_bytes;
    opts.topic_alias_maximum = 1;
    opts.clean_start = false;
    client_with(&opts);
    connect_again(false);
}

static void
expect_message(const char *payload)
{
    expect_event(NJ_CLIENT_MESSAGE);
    assert_int_equal(ev.message.payload_n, strlen(payload));
    assert_memory_equal(ev.message.payload, payload, strlen(payload));
}

/* Others go by, its copies are passed over, and the connection's only alias means another topic
 * when PUBREL comes. [MQTT5-4.3.3-10] [MQTT5-4.3.3-11] [MQTT311-4.3.3-2] */
static void
message_that_waits_for_pubrel_is_told_whole_and_once(void **state)
{
    const uint8_t publish[] = {0x35, 13, 0, 1, 'a', 0, 9,  6,
                               0x23, 0,  1, 3, 0,   0, 'x'}; /* alias 1, an empty content type */

    (void)state;
    connected_holding(NJ_MQTT_5, 1000);
    feed(publish, sizeof(publish), 0);
    expect_nothing();
    EXPECT_OUTPUT(0x50, 2, 0, 9);
    FEED(0x3c, 7, 0, 1, 'a', 0, 9, 0, 'x');
    expect_nothing();
    EXPECT_OUTPUT(0x50, 2, 0, 9);
    FEED(0x30, 8, 0, 1, 'b', 3, 0x23, 0, 1, 'y');
    expect_message("y");
    FEED(0x62, 2, 0, 9);
    expect_message("x");
    EXPECT_OUTPUT(0x70, 2, 0, 9);
    assert_string_equal(ev.message.topic, "a");
    assert_int_equal(ev.message.topic_n, 1);
    assert_int_equal(ev.message.qos, 2);
    assert_int_equal(ev.message.packet_id, 9);
    assert_true(ev.message.retain);
    assert_int_equal(ev.message.properties.n, 6);
    assert_memory_equal(ev.properties.p, publish + 8, 6);
    FEED(0x62, 2, 0, 9);
    expect_nothing();
    EXPECT_OUTPUT(0x70, 3, 0, 9, 0x92);
}

static void
messages_are_told_in_the_order_of_pubrel(void **state)
{
    (void)state;
    connected_holding(NJ_MQTT_311, 1000);
    FEED(0x34, 6, 0, 1, 'a', 0, 1, '1', 0x34, 6, 0, 1, 'a', 0, 2, '2', 0x32, 6, 0, 1, 'a', 0, 3,
         '3');
    expect_message("3");
    FEED(0x62, 2, 0, 2, 0x62, 2, 0, 1);
    expect_message("2");
    expect_message("1");
    expect_nothing();
}

/* The oldest first, so that the order stays; none is lost, and none told again by its PUBREL. */
static void
what_finds_no_room_to_wait_is_not_lost(void **state)
{
    struct nj_client_event one = {
        .type = NJ_CLIENT_MESSAGE,
        .message = {.topic = "a", .topic_n = 1, .payload = "1", .payload_n = 1}};

    (void)state;
    connected_holding(NJ_MQTT_311, 2 * nj_inbox_bytes_of(&one));
    FEED(0x34, 6, 0, 1, 'a', 0, 1, '1', 0x34, 6, 0, 1, 'a', 0, 2, '2', 0x34, 6, 0, 1, 'a', 0, 3,
         '3');
    expect_message("1");
    expect_nothing();
    FEED(0x34, 0xd7, 3, 0, 1, 'a', 0, 4); /* larger than all the room there is */
    feed((uint8_t[466]){0}, 466, 0);
    expect_message("2");
    expect_message("3");
    expect_event(NJ_CLIENT_MESSAGE);
    assert_int_equal(ev.message.payload_n, 466);
    EXPECT_OUTPUT(0x50, 2, 0, 1, 0x50, 2, 0, 2, 0x50, 2, 0, 3, 0x50, 2, 0, 4);
    FEED(0x62, 2, 0, 1, 0x62, 2, 0, 2, 0x62, 2, 0, 3, 0x62, 2, 0, 4);
    expect_nothing();
    EXPECT_OUTPUT(0x70, 2, 0, 1, 0x70, 2, 0, 2, 0x70, 2, 0, 3, 0x70, 2, 0, 4);
}

/* Whether the broker still knows the session nobody can tell before the next CONNACK, and whether
 * there will be one at all. [MQTT5-4.4.0-1] [MQTT311-4.4.0-1] */
static void
what_waits_is_told_before_its_connection_ends(void **state)
{
    (void)state;
    connected_holding(NJ_MQTT_5, 1000);
    FEED(0x34, 7, 0, 1, 'a', 0, 7, 0, 'x', 0x34, 7, 0, 1, 'a', 0, 8, 0, 'y');
    expect_nothing();
    nj_engine_close(e, NJ_CLIENT_ELOST, NULL);
    expect_message("x");
    expect_message("y");
    expect_end(NJ_CLIENT_ELOST);

    /* A broker that knows it goes on from there, and nothing is told twice. */
    connect_again(true);
    FEED(0x3c, 7, 0, 1, 'a', 0, 7, 0, 'x', 0x62, 2, 0, 7, 0x62, 2, 0, 8);
    expect_nothing();
    EXPECT_OUTPUT(0x50, 2, 0, 7, 0x70, 2, 0, 7, 0x70, 2, 0, 8);

    /* One that has forgotten it takes the identifier for another message. [MQTT5-3.2.2-5] */
    FEED(0x34, 7, 0, 1, 'a', 0, 7, 0, 'x');
    expect_nothing();
    nj_engine_close(e, NJ_CLIENT_ELOST, NULL);
    expect_message("x");
    expect_end(NJ_CLIENT_ELOST);
    connect_again(false);
    FEED(0x34, 7, 0, 1, 'a', 0, 7, 0, 'z', 0x62, 2, 0, 7);
    expect_message("z");
    expect_nothing();
}

static void
what_waits_is_told_before_every_end(void **state)
{
    (void)state;
    connected_holding(NJ_MQTT_5, 1000);
    FEED(0x34, 7, 0, 1, 'a', 0, 7, 0, 'x');
    FEED(0xe0, 6, 0x8b, 4, 0x1f, 0, 1, '!'); /* shutting down, with a reason string */
    expect_message("x");
    expect_event(NJ_CLIENT_DISCONNECTED);
    assert_int_equal(ev.reason, 0x8b);
    assert_int_equal(ev.properties.n, 4);
    assert_memory_equal(ev.properties.p, "\x1f\0\1!", 4);
    expect_nothing();

    connected_holding(NJ_MQTT_311, 1000);
    FEED(0x34, 6, 0, 1, 'a', 0, 7, 'x', 0xf0, 0);
    expect_message("x");
    expect_end(NJ_CLIENT_EPROTOCOL);

    connected_holding(NJ_MQTT_311, 1000);
    FEED(0x34, 6, 0, 1, 'a', 0, 7, 'x');
    expect_nothing();
    assert_int_equal(nj_engine_disconnect(e, 0, (struct nj_client_properties){NULL, 0}, 0),
                     NJ_CLIENT_OK);
    nj_engine_close(e, NJ_CLIENT_OK, NULL);
    expect_message("x");
    expect_end(NJ_CLIENT_OK);
}

/* ---- what a hostile broker may try ---- */

static void
what_waits_for_pubrel_is_bounded(void **state)
{
    uint8_t publish[1024] = {0x34, 0xfd, 0x07, 0, 1, 'a'};
    size_t before = nj_mem_used();
    int told = 0;

    (void)state;
    connected_holding(NJ_MQTT_311, 65536);
    for (unsigned id = 1; id <= 4000; id++) {
        publish[6] = (uint8_t)(id >> 8);
        publish[7] = (uint8_t)id;
        feed(publish, sizeof(publish), 0);
        while (nj_engine_next(e, &ev)) {
            assert_int_equal(ev.message.packet_id, ++told);
            assert_true(nj_mem_used() - before < ((size_t)1 << 20));
        }
        drop_output(0);
    }
    assert_in_range(told, 4000 - 64, 4000 - 1);
}

/* [MQTT5-3.3.4-9] [MQTT5-3.3.4-8] */
static void
broker_that_exceeds_our_receive_maximum_is_told_so(void **state)
{
    struct nj_client_opts opts = opts_of(NJ_MQTT_5);

    (void)state;
    opts.receive_maximum = 1;
    for (size_t waits = 0; waits <= 1; waits++) {
        opts.release_bytes = waits * 1000;
        client_with(&opts);
        connect_again(false);
        FEED(0x34, 6, 0, 1, 'a', 0, 1, 0, 0x34, 6, 0, 1, 'a', 0, 2, 0);
        expect_event(NJ_CLIENT_MESSAGE);
        assert_int_equal(ev.message.packet_id, 1);
        expect_event(NJ_CLIENT_DISCONNECTED);
        assert_int_equal(ev.error, NJ_CLIENT_EPROTOCOL);
        EXPECT_OUTPUT(0x50, 2, 0, 1, 0xe0, 1, 0x93);
    }
}

/* A broker that sends and does not read cannot make us hold its answers. */
static void
answers_are_bounded(void **state)
{
    static uint8_t flood[7 * 100000];
    int told = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(flood); i += 7)
        memcpy(flood + i, "\x32\x05\0\1a\0\1", 7);
    connected(NJ_MQTT_311);
    for (int i = 0; i < 4; i++) {
        if (nj_engine_wants_input(e))
            feed(flood, sizeof(flood), 0);
        while (nj_engine_next(e, &ev))
            told++;
        assert_true(nj_engine_output(e).n < (1 << 20) + 64);
    }
    assert_false(nj_engine_wants_input(e));
    assert_true(told > 0);
    drop_output(0);
    assert_true(nj_engine_next(e, &ev));
}

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
        {"\x90\x03\0\1\0", 5, 5, NJ_CLIENT_EMALFORMED},     /* and in 5.0 */
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
        connected(cases[i].version);
        subscribe("a");
        publish("a", "x", 2);
        feed(cases[i].bytes, cases[i].n, 0);
        if (!nj_engine_next(e, &ev))
            fail_msg("case %zu is let pass", i);
        if (ev.type != NJ_CLIENT_DISCONNECTED || ev.error != cases[i].err)
            fail_msg("case %zu gives event %d, error %d", i, ev.type, ev.error);
        assert_true(nj_engine_detail(e)[0] != '\0');
    }
}

static void
alert_of_tls_is_known(void **state)
{
    (void)state;
    client(NJ_MQTT_311);
    open_link();
    assert_true(nj_engine_is_unanswered(e));
    FEED(0x15, 3, 3, 0, 2, 2, 70);
    assert_false(nj_engine_is_unanswered(e));
    expect_end(NJ_CLIENT_EWANTSTLS);
    connected(NJ_MQTT_311);
    FEED(0x15, 3, 3, 0, 2, 2, 70);
    expect_end(NJ_CLIENT_EMALFORMED);
}

/* [MQTT5-3.1.2-24] refused when its header is here */
static void
oversized_packet_is_refused_before_it_arrives(void **state)
{
    struct nj_client_opts opts = opts_of(NJ_MQTT_311);

    (void)state;
    opts.maximum_packet_size = 1000;
    client_with(&opts);
    connect_again(false);
    FEED(0x30, 0xff, 0xff, 0xff, 0x7f);
    expect_end(NJ_CLIENT_ETOOLARGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(qos_1_message_is_handed_on_and_acknowledged),
        TEST(qos_2_message_is_handed_on_once),
        TEST(unknown_pubrel_is_answered),
        TEST(received_identifiers_of_a_lost_session_are_forgotten),
        TEST(message_that_waits_for_pubrel_is_told_whole_and_once),
        TEST(messages_are_told_in_the_order_of_pubrel),
        TEST(what_finds_no_room_to_wait_is_not_lost),
        TEST(what_waits_is_told_before_its_connection_ends),
        TEST(what_waits_is_told_before_every_end),
        TEST(what_waits_for_pubrel_is_bounded),
        TEST(broker_that_exceeds_our_receive_maximum_is_told_so),
        TEST(answers_are_bounded),
        TEST(hostile_bytes_end_the_connection_with_a_reason),
        TEST(alert_of_tls_is_known),
        TEST(oversized_packet_is_refused_before_it_arrives),
    };

    return cmocka_run_group_tests_name("client/receive", tests, NULL, NULL);
}
