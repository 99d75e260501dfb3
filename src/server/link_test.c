/* SPDX-License-Identifier: Apache-2.0 */
/* Packets out, to those who do not read and to those who break while they are written to. */
#include "server/kit_test.h"

static void
who_does_not_read_loses_qos_0_and_others_do_not_notice(void **state)
{
    static char publish[1031] = "\x30\x84\x08\x00\x01t\x00";
    struct client slow, quick, p;

    (void)state;
    prepare_instead(1, 2048);
    start();
    memset(publish + 7, 'x', sizeof(publish) - 7);
    greet(&slow, BYTES(CONNECT_5("s")));
    subscribe(&slow);
    greet(&quick, BYTES(CONNECT_5("q")));
    subscribe(&quick);
    greet(&p, BYTES(CONNECT_5("p")));
    for (int i = 0; i < 50; i++) {
        say(&p, publish, sizeof(publish));
        hears(&quick, publish, sizeof(publish));
    }
    assert_true(nj_server_cause(world.server, NJ_CAUSE_OUTPUT_FULL) > 30);
    read_all(&slow);
    assert_int_equal(slow.n % sizeof(publish), 0);
    assert_true(slow.n >= 8192);
    slow.n = 0;
    say(&p, publish, sizeof(publish)); /* it is served again */
    hears(&slow, publish, sizeof(publish));
    close_client(&slow);
    close_client(&quick);
    close_client(&p);
}

/* The write that fails comes after mail and commits had their part of the turn. */
static void
the_will_of_a_connection_that_breaks_while_it_is_written_to_is_not_left_lying(void **state)
{
    struct client c, w, p;

    (void)state;
    prepare_instead(2, 1 << 16);
    start();
    open_client(&c); /* 3.1.1 with a will to "t", payload "w" */
    say(&c, BYTES("\x10\x13\x00\x04MQTT\x04\x06\x00\x00\x00\x01"
                  "c\x00\x01t\x00\x01w"));
    assert_int_equal(hears_packet(&c, 0x20), 0);
    say(&c, BYTES("\x82\x06\x00\x01\x00\x01"
                  "d\x00"));
    greet(&w, BYTES(CONNECT_5("w")));
    subscribe(&w);
    greet(&p, BYTES(CONNECT_5("p")));
    nj_sim_reset(c.fd);
    say(&p, BYTES("\x30\x05\x00\x01"
                  "d\x00x"));
    hears(&w, BYTES(PUBLISH_5("w")));
    nj_free(c.seen);
    close_client(&w);
    close_client(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_does_not_read_loses_qos_0_and_others_do_not_notice),
        TEST(the_will_of_a_connection_that_breaks_while_it_is_written_to_is_not_left_lying),
    };

    nj_log_types = 0;
    return cmocka_run_group_tests_name("server/link", tests, NULL, NULL);
}
