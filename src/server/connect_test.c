/* SPDX-License-Identifier: Apache-2.0 */
/* CONNECT: what comes before it, what follows it, and the AUTH exchange before its CONNACK. */
#include "server/kit_test.h"

/* [MQTT5-3.1.0-1] [MQTT311-3.1.0-1] */
static void
the_first_packet_is_connect(void **state)
{
    static const char *const others[] = {"\x30\x05\x00\x01t\x00x",
                                         "\x40\x02\x00\x01",
                                         "\x82\x07\x00\x01\x00\x00\x01t",
                                         "\xc0\x00",
                                         "\xe0\x00",
                                         "\xf0\x00",
                                         "\x16\x03\x01\x00",
                                         "GET /"};
    static const size_t lengths[] = {7, 4, 9, 2, 2, 2, 4, 5};

    (void)state;
    start();
    for (size_t i = 0; i < NJ_COUNT_OF(others); i++) {
        struct client c;

        open_client(&c);
        say(&c, others[i], lengths[i]);
        is_closed(&c);
        assert_int_equal(c.n, 0);
        close_client(&c);
    }
    assert_int_equal(nj_server_metric(world.server, NJ_METRIC_CONNECTIONS), 0);
}

/* [MQTT5-3.1.0-2] [MQTT311-3.1.0-2] */
static void
a_second_connect_ends_the_connection(void **state)
{
    struct client c, d;

    (void)state;
    start();
    greet(&c, BYTES(CONNECT_5("a")));
    say(&c, BYTES(CONNECT_5("a")));
    is_disconnected(&c, 0x82);
    close_client(&c);
    greet(&d, BYTES(CONNECT_311("\x00", "a")));
    say(&d, BYTES(CONNECT_311("\x00", "a")));
    is_closed(&d);
    assert_int_equal(d.n, 0);
    close_client(&d);
}

static void
who_says_nothing_is_closed_after_connect_timeout(void **state)
{
    struct client c;

    (void)state;
    start();
    open_client(&c);
    settle();
    wait_ms(9999);
    hears_nothing(&c);
    wait_ms(2);
    is_closed(&c);
    assert_int_equal(nj_server_cause(world.server, NJ_CAUSE_CONNECT_TIMEOUT), 1);
    close_client(&c);
}

static void
a_connack_that_waits_for_the_store_is_not_a_timeout(void **state)
{
    struct client c;

    (void)state;
    start();
    nj_store_mem_hold(&world.stores[0], 0);
    open_client(&c);
    /* 3.1.1, clean session 0: a session that is kept */
    say(&c, BYTES("\x10\x0d\x00\x04MQTT\x04\x00\x00\x00\x00\x01"
                  "a"));
    wait_ms(20000);
    hears_nothing(&c);
    nj_store_mem_hold(&world.stores[0], UINT64_MAX);
    settle();
    hears(&c, BYTES("\x20\x02\x00\x00"));
    close_client(&c);
}

/* [MQTT5-3.1.4-3] [MQTT311-3.1.4-2] */
static void
a_take_over_tells_the_first_connection(void **state)
{
    struct client first, second;

    (void)state;
    start();
    greet(&first, BYTES(CONNECT_5("a")));
    greet(&second, BYTES(CONNECT_5("a")));
    is_disconnected(&first, 0x8e);
    hears_nothing(&second);
    close_client(&first);
    close_client(&second);
}

/* The sockets are read in any order: what was said on the first one before the second connection
 * came counts first, here that the session is to end. [MQTT5-3.1.2-6] */
static void
a_farewell_is_read_before_the_next_connection_is_answered(void **state)
{
    static const char connect[] = "\x10\x13\x00\x04MQTT\x05\x00\x00\x3c"
                                  "\x05\x11\x00\x00\x00\x64\x00\x01"
                                  "a";
    static const char farewell[] = "\xe0\x07\x00\x05\x11\x00\x00\x00\x00";

    (void)state;
    start();
    for (int i = 0; i < 50; i++) {
        struct client first, second;

        open_client(&first);
        open_client(&second);
        say(&first, BYTES(connect));
        read_all(&first);
        assert_int_equal(nj_sim_write(first.fd, BYTES(farewell)), sizeof(farewell) - 1);
        say(&second, BYTES(connect));
        read_all(&second);
        assert_int_equal(second.seen[0], 0x20);
        assert_int_equal(second.seen[2], 0); /* no session present */
        say(&second, BYTES(farewell));
        close_client(&first);
        close_client(&second);
    }
}

/* ---- the AUTH exchange ---- */

/* [MQTT5-4.12.0-2] [MQTT5-4.12.0-3] [MQTT5-4.12.0-5] */
static void
an_exchange_of_two_steps_opens_the_session(void **state)
{
    struct client c;

    (void)state;
    start();
    open_client(&c);
    say(&c, BYTES(CONNECT_AUTH));
    hears(&c, BYTES("\xf0\x12\x18\x10\x15\x00\x01m\x16\x00\x09"
                    "challenge"));
    say(&c, BYTES(AUTH("\x18", "m", "2")));
    assert_int_equal(hears_packet(&c, 0x20), 0);
    say(&c, BYTES("\xc0\x00"));
    hears(&c, BYTES("\xd0\x00"));
    exchanges_ended = 0;
    close_client(&c);
    assert_int_equal(exchanges_ended, 1);
}

/* [MQTT5-4.12.0-1] [MQTT5-4.12.0-4] */
static void
an_exchange_that_fails_opens_nothing(void **state)
{
    static const struct {
        const char *packet;
        size_t n;
        uint8_t code;
    } rows[] = {
        {BYTES(AUTH("\x18", "m", "3")), 0x87}, /* the wrong answer */
        {BYTES(AUTH("\x18", "n", "2")), 0x8c}, /* another method */
        {BYTES(AUTH("\x19", "m", "2")), 0x82}, /* not again: it has not been once */
        {BYTES(PUBLISH_5("x")), 0x82},         /* nothing else yet */
        {BYTES("\xc0\x00"), 0x82},
    };

    (void)state;
    start();
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        struct client c;

        open_client(&c);
        say(&c, BYTES(CONNECT_AUTH));
        (void)hears_packet(&c, 0xf0);
        say(&c, rows[i].packet, rows[i].n);
        assert_int_equal(hears_packet(&c, 0x20), rows[i].code);
        is_closed(&c);
        close_client(&c);
    }
    assert_int_equal(nj_server_metric(world.server, NJ_METRIC_SESSIONS), 0);
}

static void
a_client_that_gives_up_gets_no_connack(void **state)
{
    struct client c;

    (void)state;
    start();
    open_client(&c);
    say(&c, BYTES(CONNECT_AUTH));
    (void)hears_packet(&c, 0xf0);
    say(&c, BYTES("\xe0\x00"));
    is_closed(&c);
    assert_int_equal(c.n, 0);
    close_client(&c);
}

/* [MQTT5-4.12.1-1] [MQTT5-4.12.1-2] */
static void
an_open_session_may_authenticate_again(void **state)
{
    struct client c;

    (void)state;
    start();
    open_client(&c);
    say(&c, BYTES(CONNECT_AUTH));
    (void)hears_packet(&c, 0xf0);
    say(&c, BYTES(AUTH("\x18", "m", "2")));
    (void)hears_packet(&c, 0x20);
    say(&c, BYTES(AUTH("\x19", "m", "1")));
    (void)hears_packet(&c, 0xf0);
    say(&c, BYTES("\xc0\x00")); /* meanwhile the session goes on */
    hears(&c, BYTES("\xd0\x00"));
    say(&c, BYTES(AUTH("\x18", "m", "2")));
    hears(&c, BYTES("\xf0\x10\x00\x0e\x15\x00\x01m\x16\x00\x07welcome"));
    say(&c, BYTES(AUTH("\x19", "m", "9")));
    is_disconnected(&c, 0x87);
    close_client(&c);
}

static void
auth_without_an_exchange_ends_the_connection(void **state)
{
    struct client c;

    (void)state;
    start();
    greet(&c, BYTES(CONNECT_5("a")));
    say(&c, BYTES(AUTH("\x19", "m", "1")));
    is_disconnected(&c, 0x82);
    close_client(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_packet_is_connect),
        TEST(a_second_connect_ends_the_connection),
        TEST(who_says_nothing_is_closed_after_connect_timeout),
        TEST(a_connack_that_waits_for_the_store_is_not_a_timeout),
        TEST(a_take_over_tells_the_first_connection),
        TEST(a_farewell_is_read_before_the_next_connection_is_answered),
        TEST(an_exchange_of_two_steps_opens_the_session),
        TEST(an_exchange_that_fails_opens_nothing),
        TEST(a_client_that_gives_up_gets_no_connack),
        TEST(an_open_session_may_authenticate_again),
        TEST(auth_without_an_exchange_ends_the_connection),
    };

    nj_log_types = 0;
    return cmocka_run_group_tests_name("server/connect", tests, NULL, NULL);
}
