/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to the broker: each is held until its answer has come, on whatever connection. */
#include "client/kit_test.h"

/* [MQTT5-4.3.1-1] [MQTT311-4.3.1-1] */
static void
qos_0_is_written_and_forgotten(void **state)
{
    (void)state;
    connected(NJ_MQTT_311);
    publish("a", "x", 0);
    EXPECT_OUTPUT(0x30, 4, 0, 1, 'a', 'x');
    assert_int_equal(nj_engine_unacknowledged(e), 0);
}

static void
qos_0_needs_a_connection(void **state)
{
    struct nj_client_message m = {.topic = "a"};

    (void)state;
    client(NJ_MQTT_311);
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_ENOTCONN);
}

/* [MQTT5-4.3.2-1] [MQTT5-4.3.2-2] [MQTT311-4.3.2-1] */
static void
qos_1_is_held_until_puback(void **state)
{
    (void)state;
    connected(NJ_MQTT_311);
    publish("a", "x", 1);
    EXPECT_OUTPUT(0x32, 6, 0, 1, 'a', 0, 1, 'x');
    FEED(0x40, 2, 0, 1);
    expect_event(NJ_CLIENT_PUBLISHED);
    assert_int_equal(ev.packet_id, 1);
    assert_int_equal(nj_engine_unacknowledged(e), 0);
}

/* [MQTT5-4.3.3-1] [MQTT5-4.3.3-4] [MQTT5-4.3.3-6] [MQTT311-4.3.3-1] */
static void
qos_2_goes_through_its_four_packets(void **state)
{
    (void)state;
    connected(NJ_MQTT_5);
    publish("a", "x", 2);
    EXPECT_OUTPUT(0x34, 7, 0, 1, 'a', 0, 1, 0, 'x');
    FEED(0x50, 2, 0, 1);
    expect_nothing();
    EXPECT_OUTPUT(0x62, 2, 0, 1);
    FEED(0x70, 2, 0, 1);
    expect_event(NJ_CLIENT_PUBLISHED);
    assert_int_equal(nj_engine_unacknowledged(e), 0);
}

/* [MQTT5-4.3.3-4] a PUBREC of 0x80 or more is the end, no PUBREL follows */
static void
refused_qos_2_is_told_and_its_identifier_free(void **state)
{
    (void)state;
    connected(NJ_MQTT_5);
    publish("a", "x", 2);
    drop_output(0);
    FEED(0x50, 3, 0, 1, 0x97);
    expect_event(NJ_CLIENT_PUBLISHED);
    assert_int_equal(ev.reason, 0x97);
    expect_no_output();
    assert_int_equal(nj_engine_unacknowledged(e), 0);
}

static void
messages_published_offline_go_out_after_connack(void **state)
{
    (void)state;
    client(NJ_MQTT_311);
    publish("a", "x", 1);
    connect_again(false);
    EXPECT_OUTPUT(0x32, 6, 0, 1, 'a', 0, 1, 'x');
}

/* ---- the next connection ---- */

/* [MQTT5-4.4.0-1] [MQTT311-4.4.0-1] [MQTT5-3.3.1-1] [MQTT311-3.3.1-1] [MQTT5-4.6.0-1] */
static void
unacknowledged_messages_are_sent_again_in_order_as_duplicates(void **state)
{
    struct nj_client_opts opts = opts_of(NJ_MQTT_311);

    (void)state;
    opts.clean_start = false;
    client_with(&opts);
    connect_again(false);
    publish("a", "1", 1);
    publish("a", "2", 2);
    publish("a", "3", 2);
    FEED(0x50, 2, 0, 3); /* the third one is released */
    expect_nothing();
    drop_output(0);
    lose_link();
    connect_again(true);
    EXPECT_OUTPUT(0x62, 2, 0, 3, 0x3a, 6, 0, 1, 'a', 0, 1, '1', 0x3c, 6, 0, 1, 'a', 0, 2, '2');
}

/* [MQTT5-3.2.2-5] */
static void
lost_session_makes_sent_messages_new_ones(void **state)
{
    (void)state;
    connected(NJ_MQTT_311);
    publish("a", "1", 1);
    publish("a", "2", 2);
    drop_output(0);
    lose_link();
    connect_again(false);
    EXPECT_OUTPUT(0x32, 6, 0, 1, 'a', 0, 1, '1', 0x34, 6, 0, 1, 'a', 0, 2, '2');
}

/* What PUBREC confirmed has arrived: with the session goes the PUBREL. [MQTT5-3.2.2-5] */
static void
released_message_of_a_lost_session_is_published(void **state)
{
    (void)state;
    for (unsigned version = NJ_MQTT_311; version <= NJ_MQTT_5; version++) {
        connected((uint8_t)version);
        publish("a", "x", 2);
        FEED(0x50, 2, 0, 1);
        expect_nothing();
        lose_link();
        connect_again(false);
        expect_no_output();
        expect_event(NJ_CLIENT_PUBLISHED);
        assert_int_equal(ev.packet_id, 1);
        assert_int_equal(ev.reason, 0);
        assert_int_equal(nj_engine_unacknowledged(e), 0);
    }
}

/* ---- ceilings ---- */

/* [MQTT5-3.3.4-7] [MQTT5-4.9.0-1] [MQTT5-4.9.0-2] */
static void
receive_maximum_of_the_broker_bounds_the_window(void **state)
{
    (void)state;
    client(NJ_MQTT_5);
    CONNECT_WITH(0x21, 0, 2);
    for (int i = 0; i < 3; i++)
        publish("a", "x", i == 0 ? 2 : 1);
    EXPECT_OUTPUT(0x34, 7, 0, 1, 'a', 0, 1, 0, 'x', 0x32, 7, 0, 1, 'a', 0, 2, 0, 'x');
    FEED(0x50, 2, 0, 1); /* PUBREC does not open the window */
    expect_nothing();
    EXPECT_OUTPUT(0x62, 2, 0, 1);
    FEED(0x70, 2, 0, 1);
    expect_event(NJ_CLIENT_PUBLISHED);
    EXPECT_OUTPUT(0x32, 7, 0, 1, 'a', 0, 3, 0, 'x');
}

static void
queue_has_a_ceiling(void **state)
{
    struct nj_client_opts opts = opts_of(NJ_MQTT_311);
    struct nj_client_message m = {.topic = "a", .payload = "0123456789", .payload_n = 10, .qos = 1};
    int taken = 0;

    (void)state;
    opts.queue_bytes = 2000;
    client_with(&opts);
    while (nj_engine_publish(e, &m, NULL) == NJ_CLIENT_OK)
        taken++;
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_EFULL);
    assert_in_range(taken, 5, 50);
}

static void
output_has_a_ceiling(void **state)
{
    static char payload[1000];
    struct nj_client_message m = {.topic = "a", .payload = payload, .payload_n = sizeof(payload)};
    enum nj_client_err err;

    (void)state;
    connected(NJ_MQTT_311);
    while ((err = nj_engine_publish(e, &m, NULL)) == NJ_CLIENT_OK)
        assert_true(nj_engine_output(e).n < (1 << 20) + 2000);
    assert_int_equal(err, NJ_CLIENT_EFULL);
    drop_output(0);
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_OK);
}

static void
every_packet_identifier_in_use_is_full(void **state)
{
    struct nj_client_message m = {.topic = "a", .qos = 1};
    uint16_t id;

    (void)state;
    client(NJ_MQTT_311);
    for (int i = 0; i < 65535; i++)
        assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_OK);
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_EFULL);
    connect_again(false);
    drop_output(0);
    FEED(0x40, 2, 0, 5);
    expect_event(NJ_CLIENT_PUBLISHED);
    assert_int_equal(nj_engine_publish(e, &m, &id), NJ_CLIENT_OK);
    assert_int_equal(id, 5); /* the only free one */
}

/* ---- what is refused ---- */

/* [MQTT5-3.2.2-11] [MQTT5-3.2.2-14] [MQTT5-3.2.2-15] */
static void
what_the_broker_does_not_support_is_refused_here(void **state)
{
    struct nj_client_message m = {.topic = "a", .qos = 2};

    (void)state;
    client(NJ_MQTT_5);
    CONNECT_WITH(0x24, 1, 0x25, 0, 0x27, 0, 0, 0, 10);
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
}

/* [MQTT5-3.2.2-15] To the byte, with an alias and without. */
static void
alias_counts_towards_the_size_once(void **state)
{
    struct nj_client_properties alias = {"\x23\0\1", 3};
    struct nj_client_message m = {.topic = "ab", .payload = "12345", .properties = alias};
    struct nj_client_opts opts = opts_of(NJ_MQTT_5);

    (void)state;
    client_with(&opts);
    CONNECT_WITH(0x22, 0, 1, 0x27, 0, 0, 0, 12);
    m.payload_n = 3;
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_ETOOLARGE);
    m.payload_n = 2;
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_OK);
    EXPECT_OUTPUT(0x30, 10, 0, 2, 'a', 'b', 3, 0x23, 0, 1, '1', '2');
    m.topic = ""; /* by the alias alone */
    m.payload_n = 5;
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_ETOOLARGE);
    m.payload_n = 4;
    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_OK);
    EXPECT_OUTPUT(0x30, 10, 0, 0, 3, 0x23, 0, 1, '1', '2', '3', '4');

    opts.use_topic_aliases = 1; /* none is given where only the topic has room */
    client_with(&opts);
    CONNECT_WITH(0x22, 0, 1, 0x27, 0, 0, 0, 12);
    publish("ab", "12345", 0);
    EXPECT_OUTPUT(0x30, 10, 0, 2, 'a', 'b', 0, '1', '2', '3', '4', '5');
    publish("ab", "12", 0);
    EXPECT_OUTPUT(0x30, 10, 0, 2, 'a', 'b', 3, 0x23, 0, 1, '1', '2');
}

static void
what_was_taken_offline_and_is_not_supported_is_told(void **state)
{
    (void)state;
    client(NJ_MQTT_5);
    publish("a", "x", 2);
    CONNECT_WITH(0x24, 1);
    expect_event(NJ_CLIENT_PUBLISHED);
    assert_int_equal(ev.packet_id, 1);
    assert_int_equal(ev.reason, NJ_REASON_QOS_NOT_SUPPORTED);
    expect_no_output();
    assert_int_equal(nj_engine_unacknowledged(e), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(qos_0_is_written_and_forgotten),
        TEST(qos_0_needs_a_connection),
        TEST(qos_1_is_held_until_puback),
        TEST(qos_2_goes_through_its_four_packets),
        TEST(refused_qos_2_is_told_and_its_identifier_free),
        TEST(messages_published_offline_go_out_after_connack),
        TEST(unacknowledged_messages_are_sent_again_in_order_as_duplicates),
        TEST(lost_session_makes_sent_messages_new_ones),
        TEST(released_message_of_a_lost_session_is_published),
        TEST(receive_maximum_of_the_broker_bounds_the_window),
        TEST(queue_has_a_ceiling),
        TEST(output_has_a_ceiling),
        TEST(every_packet_identifier_in_use_is_full),
        TEST(what_the_broker_does_not_support_is_refused_here),
        TEST(alias_counts_towards_the_size_once),
        TEST(what_was_taken_offline_and_is_not_supported_is_told),
    };

    return cmocka_run_group_tests_name("client/outgoing", tests, NULL, NULL);
}
