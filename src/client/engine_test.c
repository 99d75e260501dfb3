/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a connection, against a scripted broker: what each side sends is written out byte by
 * byte. */
#include "client/kit_test.h"

/* [MQTT5-3.1.0-1] [MQTT311-3.1.0-1] */
static void
connect_is_the_first_packet(void **state)
{
    (void)state;
    client(NJ_MQTT_311);
    open_link();
    EXPECT_OUTPUT(0x10, 16, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 4, 't', 'e', 's', 't');
}

static void
connect_carries_will_credentials_and_promises(void **state)
{
    struct nj_client_message will = {
        .topic = "w", .payload = "x", .payload_n = 1, .qos = 1, .retain = true};
    struct nj_client_opts opts = opts_of(NJ_MQTT_5);

    (void)state;
    opts.client_id = "";
    opts.user_name = "u";
    opts.password = "p";
    opts.password_n = 1;
    opts.will = &will;
    opts.receive_maximum = 7;
    opts.topic_alias_maximum = 3;
    client_with(&opts);
    open_link();
    EXPECT_OUTPUT(0x10, 32, 0, 4, 'M', 'Q', 'T', 'T', 5, 0xee, 0, 60, 6, 0x21, 0, 7, 0x22, 0, 3, 0,
                  0, 0, 0, 1, 'w', 0, 1, 'x', 0, 1, 'u', 0, 1, 'p');
}

static void
refusal_tells_the_code_and_ends(void **state)
{
    (void)state;
    client(NJ_MQTT_5);
    open_link();
    FEED(0x20, 3, 0, 0x87, 0);
    expect_event(NJ_CLIENT_DISCONNECTED);
    assert_int_equal(ev.error, NJ_CLIENT_EREFUSED);
    assert_int_equal(ev.reason, 0x87);
    assert_true(nj_engine_wants_close(e));
    nj_engine_close(e, NJ_CLIENT_OK, NULL);
    expect_nothing();
}

/* [MQTT5-3.2.0-1] [MQTT311-3.2.0-1] */
static void
nothing_but_connack_may_come_first(void **state)
{
    (void)state;
    client(NJ_MQTT_311);
    open_link();
    FEED(0x30, 4, 0, 1, 'a', 'x');
    expect_end(NJ_CLIENT_EPROTOCOL);
}

/* [MQTT5-3.2.0-2] */
static void
second_connack_ends_the_connection(void **state)
{
    (void)state;
    connected(NJ_MQTT_311);
    FEED(0x20, 2, 0, 0);
    expect_end(NJ_CLIENT_EPROTOCOL);
}

/* [MQTT5-3.2.2-2] [MQTT5-3.2.2-4] [MQTT311-3.2.2-1] */
static void
session_present_after_clean_start_is_a_fault(void **state)
{
    (void)state;
    client(NJ_MQTT_5);
    open_link();
    FEED(0x20, 3, 1, 0, 0);
    expect_end(NJ_CLIENT_EPROTOCOL);
}

/* [MQTT5-3.2.2-16] */
static void
assigned_client_identifier_is_used_from_then_on(void **state)
{
    struct nj_client_opts opts = opts_of(NJ_MQTT_5);

    (void)state;
    opts.client_id = NULL;
    client_with(&opts);
    CONNECT_WITH(0x12, 0, 2, 'i', 'd');
    assert_string_equal(nj_engine_client_id(e), "id");
    lose_link();
    open_link();
    EXPECT_OUTPUT(0x10, 15, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 0, 0, 2, 'i', 'd');
}

static void
no_connack_in_time_ends_the_attempt(void **state)
{
    (void)state;
    client(NJ_MQTT_311);
    assert_int_equal(nj_engine_open(e, 1000), NJ_CLIENT_OK);
    assert_int_equal(nj_engine_deadline(e), 31000);
    nj_engine_on_time(e, 31000);
    expect_end(NJ_CLIENT_ETIMEOUT);
}

/* ---- keep alive ---- */

/* [MQTT5-3.1.2-20] [MQTT311-3.1.2-23] [MQTT5-3.1.2-21] [MQTT5-3.2.2-21] */
static void
silence_is_answered_by_pingreq_at_the_pace_of_the_server(void **state)
{
    (void)state;
    client(NJ_MQTT_5);
    CONNECT_WITH(0x13, 0, 10); /* server keep alive 10 s */
    assert_int_equal(nj_engine_deadline(e), 10000);
    nj_engine_on_time(e, 9999);
    expect_no_output();
    nj_engine_on_time(e, 10000);
    EXPECT_OUTPUT(0xc0, 0);
    feed("\xd0\0", 2, 10001);
    expect_nothing();
    assert_true(nj_engine_is_active(e));
}

static void
unanswered_pingreq_ends_the_connection(void **state)
{
    (void)state;
    connected(NJ_MQTT_311);
    nj_engine_on_time(e, 60000);
    drop_output(60000);
    /* Until then it goes on saying that it is alive. */
    nj_engine_on_time(e, 120000);
    expect_end(NJ_CLIENT_EKEEPALIVE);
}

static void
application_that_takes_no_events_does_not_make_the_broker_silent(void **state)
{
    (void)state;
    connected(NJ_MQTT_311);
    nj_engine_on_time(e, 60000);
    drop_output(60000);
    feed("\x30\x04\0\x01"
         "ax\xd0\0",
         8, 60001);
    nj_engine_on_time(e, 500000);
    expect_event(NJ_CLIENT_MESSAGE);
    expect_nothing();
    assert_true(nj_engine_is_active(e));
}

/* ---- the end ---- */

static void
disconnect_of_the_broker_tells_its_reason(void **state)
{
    struct nj_client_property p;

    (void)state;
    connected(NJ_MQTT_5);
    FEED(0xe0, 7, 0x8b, 5, 0x1f, 0, 2, 'n', 'o');
    expect_event(NJ_CLIENT_DISCONNECTED);
    assert_int_equal(ev.error, NJ_CLIENT_EDISCONNECTED);
    assert_int_equal(ev.reason, 0x8b);
    assert_true(nj_client_property_next(&ev.properties, &p));
    assert_memory_equal(p.value, "no", 2);
    expect_no_output();
}

static void
what_came_before_the_end_is_still_told(void **state)
{
    (void)state;
    connected(NJ_MQTT_311);
    FEED(0x30, 4, 0, 1, 'a', 'x', 0x30, 4, 0);
    nj_engine_close(e, NJ_CLIENT_ELOST, NULL);
    expect_event(NJ_CLIENT_MESSAGE);
    expect_end(NJ_CLIENT_ELOST);
}

/* [MQTT5-3.14.4-1] [MQTT311-3.14.4-1] */
static void
goodbye_closes_after_all_is_written(void **state)
{
    (void)state;
    connected(NJ_MQTT_5);
    publish("a", "x", 0);
    assert_int_equal(nj_engine_disconnect(e, 4, (struct nj_client_properties){0}, 0), NJ_CLIENT_OK);
    assert_false(nj_engine_wants_close(e));
    EXPECT_OUTPUT(0x30, 5, 0, 1, 'a', 0, 'x', 0xe0, 1, 4);
    assert_true(nj_engine_wants_close(e));
    nj_engine_close(e, NJ_CLIENT_OK, NULL);
    expect_end(NJ_CLIENT_OK);
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
    struct nj_client_opts opts = opts_of(NJ_MQTT_5);

    (void)state;
    opts.properties = (struct nj_client_properties){"\x15\0\1m", 4};
    opts.auth = answer_challenge;
    opts.auth_ctx = &steps;
    client_with(&opts);
    open_link();
    drop_output(0);
    FEED(0xf0, 10, 0x18, 8, 0x15, 0, 1, 'm', 0x16, 0, 1, '?');
    expect_nothing();
    EXPECT_OUTPUT(0xf0, 10, 0x18, 8, 0x15, 0, 1, 'm', 0x16, 0, 1, '!');
    FEED(0x20, 7, 0, 0, 4, 0x15, 0, 1, 'm');
    expect_event(NJ_CLIENT_CONNECTED);
    assert_int_equal(steps, 2);
    assert_int_equal(nj_engine_reauthenticate(e, "a", 1), NJ_CLIENT_OK);
    EXPECT_OUTPUT(0xf0, 10, 0x19, 8, 0x15, 0, 1, 'm', 0x16, 0, 1, 'a');
    FEED(0xf0, 10, 0x18, 8, 0x15, 0, 1, 'x', 0x16, 0, 1, '?'); /* another method */
    expect_end(NJ_CLIENT_EPROTOCOL);
}

/* [MQTT5-4.12.0-5] [MQTT5-4.12.0-6] */
static void
connack_with_another_method_than_asked_for_ends_the_attempt(void **state)
{
    struct nj_client_opts opts = opts_of(NJ_MQTT_5);

    (void)state;
    for (int asks = 0; asks <= 1; asks++) {
        opts.properties = (struct nj_client_properties){"\x15\0\1m", asks == 1 ? 4 : 0};
        client_with(&opts);
        open_link();
        drop_output(0);
        FEED(0x20, 7, 0, 0, 4, 0x15, 0, 1, 'x');
        expect_end(NJ_CLIENT_EPROTOCOL);
    }
}

/* [MQTT5-3.2.2-15] */
static void
disconnect_is_no_larger_than_the_broker_takes(void **state)
{
    const struct nj_client_properties nine = {"\x26\0\2ab\0\2cd", 9},
                                      eight = {"\x26\0\2ab\0\1c", 8};
    const struct nj_client_properties none = {NULL, 0};

    (void)state;
    client(NJ_MQTT_5);
    CONNECT_WITH(0x27, 0, 0, 0, 12);
    assert_int_equal(nj_engine_disconnect(e, 0, nine, 0), NJ_CLIENT_ETOOLARGE);
    expect_no_output();
    assert_true(nj_engine_is_active(e));
    assert_int_equal(nj_engine_disconnect(e, 0, eight, 0), NJ_CLIENT_OK);
    EXPECT_OUTPUT(0xe0, 10, 0, 8, 0x26, 0, 2, 'a', 'b', 0, 1, 'c');

    client(NJ_MQTT_5);
    CONNECT_WITH(0x27, 0, 0, 0, 1); /* nothing at all can be said: it is not said */
    assert_int_equal(nj_engine_disconnect(e, 0, none, 0), NJ_CLIENT_OK);
    expect_no_output();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connect_is_the_first_packet),
        TEST(connect_carries_will_credentials_and_promises),
        TEST(refusal_tells_the_code_and_ends),
        TEST(nothing_but_connack_may_come_first),
        TEST(second_connack_ends_the_connection),
        TEST(session_present_after_clean_start_is_a_fault),
        TEST(assigned_client_identifier_is_used_from_then_on),
        TEST(no_connack_in_time_ends_the_attempt),
        TEST(silence_is_answered_by_pingreq_at_the_pace_of_the_server),
        TEST(unanswered_pingreq_ends_the_connection),
        TEST(application_that_takes_no_events_does_not_make_the_broker_silent),
        TEST(disconnect_of_the_broker_tells_its_reason),
        TEST(what_came_before_the_end_is_still_told),
        TEST(goodbye_closes_after_all_is_written),
        TEST(authentication_goes_back_and_forth),
        TEST(disconnect_is_no_larger_than_the_broker_takes),
        TEST(connack_with_another_method_than_asked_for_ends_the_attempt),
    };

    return cmocka_run_group_tests_name("client/engine", tests, NULL, NULL);
}
