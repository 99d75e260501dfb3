/* SPDX-License-Identifier: Apache-2.0 */
/* The packets of an open session: those that are refused, and one that takes several turns. */
#include "server/kit_test.h"

static void
packets_that_only_a_server_sends_end_the_connection(void **state)
{
    static const char *const packets[] = {"\x20\x03\x00\x00\x00", "\x90\x04\x00\x01\x00\x00",
                                          "\xb0\x04\x00\x01\x00\x00", "\xd0\x00"};
    static const size_t lengths[] = {5, 6, 6, 2};

    (void)state;
    start();
    for (size_t i = 0; i < NJ_COUNT_OF(packets); i++) {
        struct client c;

        greet(&c, BYTES(CONNECT_5("a")));
        say(&c, packets[i], lengths[i]);
        is_disconnected(&c, 0x82);
        close_client(&c);
    }
}

/* A topic that only fits without the prefix may not meet an assertion. [MQTT5-4.7.3-3] */
static void
a_topic_that_does_not_fit_behind_the_mount_point_is_refused(void **state)
{
    static char publish[4 + 2 + 65535 + 1];
    static char mount[] = "prefix/";
    struct client c;

    (void)state;
    prepare_instead(1, 1 << 17);
    world.listener.mount_point = mount;
    start();
    greet(&c, BYTES(CONNECT_5("a")));
    memset(publish, 'x', sizeof(publish));
    /* remaining length 65538 = 0x82 0x80 0x04 */
    memcpy(publish, "\x30\x82\x80\x04\xff\xff", 6);
    publish[sizeof(publish) - 1] = '\0';
    say(&c, publish, sizeof(publish));
    is_disconnected(&c, 0x90);
    close_client(&c);
}

/* ---- what takes long ---- */

/* A SUBSCRIBE of 3.1.1 to "00000", "00001" …; how many bytes. */
static size_t
subscribe_to_many(char *packet, unsigned filters)
{
    size_t n = 2 + (size_t)filters * 8;
    char *p = packet;

    *p++ = (char)0x82;
    *p++ = (char)(0x80 | (n & 0x7f));
    *p++ = (char)(0x80 | (n >> 7 & 0x7f));
    *p++ = (char)(n >> 14);
    *p++ = 0;
    *p++ = 1;
    for (unsigned i = 0; i < filters; i++) {
        (void)snprintf(p, 8, "%c%c%05u", 0, 5, i % 100000); /* its end is the QoS */
        p += 8;
    }
    return (size_t)(p - packet);
}

/* Its topic filters are done in several turns, in which others are served. */
static void
many_topic_filters_in_one_packet_leave_turns_to_others(void **state)
{
    static char packet[65536];
    size_t n = subscribe_to_many(packet, 8000);
    struct client many, other;
    unsigned turns = 0;

    (void)state;
    start();
    greet(&other, BYTES(CONNECT_5("b")));
    open_client(&many);
    say(&many, BYTES(CONNECT_311("\x00", "a")));
    hears(&many, BYTES("\x20\x02\x00\x00"));
    say(&many, packet, n - 1);
    assert_int_equal(nj_sim_write(many.fd, packet + n - 1, 1), 1);
    while (!nj_sim_has_news(many.fd)) {
        assert_int_equal(nj_sim_write(other.fd, "\xc0\x00", 2), 2);
        nj_server_turn(world.server, 0, 0);
        assert_true(++turns < 100);
    }
    assert_in_range(turns, 30, 40);
    settle();
    for (unsigned i = 0; i < turns; i++)
        hears(&other, BYTES("\xd0\x00"));
    hears(&many, BYTES("\x90\xc2\x3e\x00\x01"));
    assert_int_equal(many.n, 8000);
    many.n = 0;
    assert_int_equal(nj_server_metric(world.server, NJ_METRIC_SUBSCRIPTIONS), 8000);
    assert_int_equal(nj_server_metric(world.server, NJ_METRIC_PACKETS_RECEIVED), 3 + turns);
    close_client(&many);
    close_client(&other);
}

/* The connection breaks, or another takes its session over, before all is done. */
static void
a_connection_may_end_among_its_topic_filters(void **state)
{
    static char packet[65536];
    size_t n = subscribe_to_many(packet, 8000);
    struct client many;

    (void)state;
    start();
    open_client(&many);
    say(&many, BYTES(CONNECT_311("\x00", "a")));
    say(&many, packet, n - 1);
    assert_int_equal(nj_sim_write(many.fd, packet + n - 1, 1), 1);
    while (nj_server_metric(world.server, NJ_METRIC_SUBSCRIPTIONS) == 0)
        nj_server_turn(world.server, 0, 0);
    assert_true(nj_server_metric(world.server, NJ_METRIC_SUBSCRIPTIONS) < 8000);
    close_client(&many);
    assert_int_equal(nj_server_metric(world.server, NJ_METRIC_SUBSCRIPTIONS), 0);
}

/* ---- what comes at once ---- */

#define TOPICS 100u

/* PUBLISHes to "00000", "00001" …, and before that to "00050" a SUBSCRIBE to it, for which nothing
 * that was looked up ahead counts any more. */
static void
topics_that_come_at_once_are_looked_up_one_after_the_other(void **state)
{
    static char subscribe[65536], publish[TOPICS * 10 + 1], both[sizeof(publish) + 12];
    size_t half = TOPICS / 2 * 10;
    struct client many, other;

    (void)state;
    start();
    open_client(&many);
    say(&many, BYTES(CONNECT_311("\x00", "a")));
    hears(&many, BYTES("\x20\x02\x00\x00"));
    say(&many, subscribe, subscribe_to_many(subscribe, 8000));
    hears(&many, BYTES("\x90\xc2\x3e\x00\x01"));
    assert_int_equal(many.n, 8000);
    many.n = 0;
    open_client(&other);
    say(&other, BYTES(CONNECT_311("\x00", "b")));
    hears(&other, BYTES("\x20\x02\x00\x00"));

    for (unsigned i = 0; i < TOPICS; i++)
        (void)snprintf(publish + (size_t)i * 10, 11, "%c%c%c%c%05ux", 0x30, 8, 0, 5, i);
    for (unsigned round = 0; round < 3; round++) { /* the first one begins before it is known */
        say(&other, publish, TOPICS * 10);
        hears(&many, publish, TOPICS * 10);
    }
    memcpy(both, publish, half);
    memcpy(both + half,
           "\x82\x0a\x00\x07\x00\x05"
           "00050",
           12);
    memcpy(both + half + 12, publish + half, half);
    say(&other, both, TOPICS * 10 + 12);
    hears(&many, publish, TOPICS * 10);
    hears(&other, BYTES("\x90\x03\x00\x07\x00\x30\x08\x00\x05"
                        "00050x"));
    close_client(&many);
    close_client(&other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(packets_that_only_a_server_sends_end_the_connection),
        TEST(a_topic_that_does_not_fit_behind_the_mount_point_is_refused),
        TEST(many_topic_filters_in_one_packet_leave_turns_to_others),
        TEST(a_connection_may_end_among_its_topic_filters),
        TEST(topics_that_come_at_once_are_looked_up_one_after_the_other),
    };

    nj_log_types = 0;
    return cmocka_run_group_tests_name("server/packet", tests, NULL, NULL);
}
