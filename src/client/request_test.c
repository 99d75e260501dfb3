/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions, byte by byte. */
#include "client/kit_test.h"

static const struct nj_client_properties none = {NULL, 0};

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
    uint16_t id;

    (void)state;
    connected(NJ_MQTT_5);
    assert_int_equal(nj_engine_subscribe(e, list, 2, none, &id), NJ_CLIENT_OK);
    EXPECT_OUTPUT(0x82, 11, 0, 1, 0, 0, 1, 'a', 1, 0, 1, 'b', 0x1e);
    FEED(0x90, 5, 0, 1, 0, 1, 0x87);
    expect_event(NJ_CLIENT_SUBSCRIBED);
    assert_int_equal(ev.packet_id, id);
    assert_int_equal(ev.code_count, 2);
    assert_int_equal(ev.codes[1], 0x87);
}

static void
unsubscribe_is_answered(void **state)
{
    const char *filters[] = {"a", "b"};

    (void)state;
    connected(NJ_MQTT_311);
    assert_int_equal(nj_engine_unsubscribe(e, filters, 2, none, NULL), NJ_CLIENT_OK);
    EXPECT_OUTPUT(0xa2, 8, 0, 1, 0, 1, 'a', 0, 1, 'b');
    FEED(0xb0, 2, 0, 1);
    expect_event(NJ_CLIENT_UNSUBSCRIBED);
    assert_int_equal(ev.code_count, 0);
}

static void
requests_end_with_their_connection(void **state)
{
    (void)state;
    connected(NJ_MQTT_311);
    subscribe("a");
    lose_link();
    connect_again(false);
    expect_no_output();
    FEED(0x90, 3, 0, 1, 0);
    expect_end(NJ_CLIENT_EPROTOCOL);
}

static void
bad_requests_are_refused_before_they_are_sent(void **state)
{
    struct nj_client_subscription good = {.filter = "a"}, bad = {.filter = "a#"};
    struct nj_client_subscription v5_only = {.filter = "a", .no_local = true};
    struct nj_client_message m = {.topic = "a/+"};

    (void)state;
    client(NJ_MQTT_311);
    assert_int_equal(nj_engine_subscribe(e, &good, 1, none, NULL), NJ_CLIENT_ENOTCONN);
    connect_again(false);
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
    expect_no_output();
}

static void
subscriptions_that_the_broker_does_not_support_are_refused_here(void **state)
{
    const struct nj_client_properties identifier = {"\x0b\x07", 2};
    const struct nj_client_subscription plain = {.filter = "a"};
    const char *filter = "$share/s/#";
    struct nj_client_subscription s = {.filter = "a/+"};

    (void)state;
    client(NJ_MQTT_5);
    CONNECT_WITH(0x28, 0, 0x29, 0, 0x2a, 0);
    assert_int_equal(nj_engine_subscribe(e, &s, 1, none, NULL), NJ_CLIENT_EWILDCARD);
    s.filter = "$share/s/#";
    assert_int_equal(nj_engine_subscribe(e, &s, 1, none, NULL), NJ_CLIENT_EWILDCARD);
    s.filter = "$share/s/a";
    assert_int_equal(nj_engine_subscribe(e, &s, 1, none, NULL), NJ_CLIENT_ESHARED);
    assert_int_equal(nj_engine_subscribe(e, &plain, 1, identifier, NULL), NJ_CLIENT_EIDENTIFIER);
    expect_no_output();
    assert_int_equal(nj_engine_subscribe(e, &plain, 1, none, NULL), NJ_CLIENT_OK);
    assert_int_equal(nj_engine_unsubscribe(e, &filter, 1, none, NULL), NJ_CLIENT_OK);
    drop_output(0);
    lose_link();
    connect_again(false); /* to one that says nothing of it */
    assert_int_equal(nj_engine_subscribe(e, &s, 1, identifier, NULL), NJ_CLIENT_OK);
}

/* [MQTT5-3.2.2-15] To the byte. */
static void
requests_are_as_large_as_the_broker_takes(void **state)
{
    struct nj_client_subscription s = {.filter = "abcd"};
    const char *filter = "abcde";

    (void)state;
    client(NJ_MQTT_5);
    CONNECT_WITH(0x27, 0, 0, 0, 12);
    assert_int_equal(nj_engine_subscribe(e, &s, 1, none, NULL), NJ_CLIENT_OK);
    EXPECT_OUTPUT(0x82, 10, 0, 1, 0, 0, 4, 'a', 'b', 'c', 'd', 0);
    assert_int_equal(nj_engine_unsubscribe(e, &filter, 1, none, NULL), NJ_CLIENT_OK);
    EXPECT_OUTPUT(0xa2, 10, 0, 2, 0, 0, 5, 'a', 'b', 'c', 'd', 'e');
    s.filter = "abcde";
    filter = "abcdef";
    assert_int_equal(nj_engine_subscribe(e, &s, 1, none, NULL), NJ_CLIENT_ETOOLARGE);
    assert_int_equal(nj_engine_unsubscribe(e, &filter, 1, none, NULL), NJ_CLIENT_ETOOLARGE);
    expect_no_output();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(subscribe_is_answered_code_by_code),
        TEST(unsubscribe_is_answered),
        TEST(requests_end_with_their_connection),
        TEST(bad_requests_are_refused_before_they_are_sent),
        TEST(requests_are_as_large_as_the_broker_takes),
        TEST(subscriptions_that_the_broker_does_not_support_are_refused_here),
    };

    return cmocka_run_group_tests_name("client/request", tests, NULL, NULL);
}
