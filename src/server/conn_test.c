/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: bytes in whatever pieces, ceilings, time. */
#include "server/kit_test.h"

static void
packets_may_be_cut_anywhere(void **state)
{
    static const char all[] = CONNECT_5("a") SUBSCRIBE_5("\x00") PUBLISH_5("x") "\xc0\x00";
    static const char tail[] = "\x90\x04\x00\x01\x00\x00\x30\x05\x00\x01t\x00x\xd0\x00";

    (void)state;
    start();
    for (size_t cut = 1; cut < sizeof(all) - 1; cut++) {
        struct client c;

        open_client(&c);
        say(&c, all, cut);
        say(&c, all + cut, sizeof(all) - 1 - cut);
        assert_int_equal(hears_packet(&c, 0x20), 0);
        hears(&c, BYTES(tail));
        hears_nothing(&c);
        close_client(&c);
    }
}

static void
packets_may_come_byte_by_byte(void **state)
{
    static const char all[] = CONNECT_5("a") SUBSCRIBE_5("\x00") PUBLISH_5("x");
    struct client c;

    (void)state;
    start();
    open_client(&c);
    for (size_t i = 0; i < sizeof(all) - 1; i++)
        say(&c, all + i, 1);
    assert_int_equal(hears_packet(&c, 0x20), 0);
    hears(&c, BYTES("\x90\x04\x00\x01\x00\x00" PUBLISH_5("x")));
    close_client(&c);
}

/* [MQTT5-3.1.2-24] */
static void
a_packet_over_max_packet_size_ends_the_connection(void **state)
{
    struct client c;

    (void)state;
    start();
    greet(&c, BYTES(CONNECT_5("a")));
    say(&c, BYTES("\x30\xff\xff\xff\x7f"));
    is_disconnected(&c, 0x95);
    close_client(&c);
}

/* What it was told in CONNACK holds; who comes later is told something else. [MQTT5-3.2.2-15] */
static void
limits_that_sink_are_for_connections_that_come_later(void **state)
{
    struct client before, after;

    (void)state;
    start();
    greet(&before, BYTES(CONNECT_5("a")));
    subscribe(&before);
    world.opts.max_packet_size = 20;
    world.listener.max_topic_alias = 1;
    greet(&after, BYTES(CONNECT_5("b")));
    /* 26 bytes, topic alias 10 */
    say(&before, BYTES("\x30\x18\x00\x01t\x03\x23\x00\x0a"
                       "12345678901234567"));
    hears(&before, BYTES("\x30\x15\x00\x01t\x00"
                         "12345678901234567"));
    say(&after, BYTES("\x30\x07\x00\x01t\x03\x23\x00\x02"));
    is_disconnected(&after, 0x94);
    close_client(&after);
    greet(&after, BYTES(CONNECT_5("b")));
    say(&after, BYTES("\x30\x18"));
    is_disconnected(&after, 0x95);
    close_client(&after);
    close_client(&before);
}

/* [MQTT5-3.1.2-22] [MQTT311-3.1.2-24] */
static void
keep_alive_ends_after_one_and_a_half_times(void **state)
{
    struct client c;

    (void)state;
    start();
    greet(&c, BYTES(CONNECT_311("\x0a", "a")));
    wait_ms(14000);
    say(&c, BYTES("\xc0\x00"));
    hears(&c, BYTES("\xd0\x00"));
    wait_ms(14900);
    hears_nothing(&c);
    wait_ms(200);
    is_closed(&c);
    assert_int_equal(nj_server_cause(world.server, NJ_CAUSE_KEEP_ALIVE), 1);
    close_client(&c);
}

/* Messages of QoS 2 that wait for the store: the connection is not read beyond a megabyte. */
static void
a_slow_store_makes_a_publisher_wait(void **state)
{
    static char packet[50000];
    size_t taken = 0;
    struct client c;

    (void)state;
    start();
    memset(packet, 'x', sizeof(packet));
    memcpy(packet, "\x34\xcc\x86\x03\x00\x01t\x00\x01", 9); /* 49,996 bytes of body */
    open_client(&c);
    say(&c, BYTES("\x10\x0d\x00\x04MQTT\x04\x00\x00\x00\x00\x01"
                  "a")); /* a session that stays */
    hears(&c, BYTES("\x20\x02\x00\x00"));
    nj_store_mem_hold(&world.stores[0], 0);
    for (unsigned id = 1; id <= 100; id++) {
        ssize_t n;

        packet[8] = (char)id;
        for (size_t at = 0; at < sizeof(packet); at += (size_t)n) {
            n = nj_sim_write(c.fd, packet + at, sizeof(packet) - at);
            settle();
            if (n < 0)
                goto full;
            taken += (size_t)n;
        }
    }
full:
    assert_in_range(taken, 1 << 20, (1 << 20) + 2 * sizeof(packet) + (1 << 16));
    nj_store_mem_hold(&world.stores[0], UINT64_MAX);
    settle();
    read_all(&c);
    assert_int_equal(c.n, taken / sizeof(packet) * 4);
    c.n = 0;
    close_client(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(packets_may_be_cut_anywhere),
        TEST(packets_may_come_byte_by_byte),
        TEST(a_packet_over_max_packet_size_ends_the_connection),
        TEST(limits_that_sink_are_for_connections_that_come_later),
        TEST(keep_alive_ends_after_one_and_a_half_times),
        TEST(a_slow_store_makes_a_publisher_wait),
    };

    nj_log_types = 0;
    return cmocka_run_group_tests_name("server/conn", tests, NULL, NULL);
}
