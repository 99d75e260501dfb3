/* SPDX-License-Identifier: Apache-2.0 */
/* All workers: a connection finds its home, whoever accepts it; and the end. */
#include "server/kit_test.h"

/* Whoever accepts it, a connection comes to the home of its client identifier. */
static void
clients_of_all_homes_reach_each_other(void **state)
{
    static const char *const ids = "abcdefghijkl";
    struct client c[12];

    (void)state;
    for (unsigned workers = 1; workers <= WORKERS; workers++) {
        prepare_instead(workers, 1 << 16);
        start();
        for (int i = 0; i < 12; i++) {
            char connect[] = CONNECT_5("?");

            connect[sizeof(connect) - 2] = ids[i];
            greet(&c[i], connect, sizeof(connect) - 1);
            subscribe(&c[i]);
        }
        for (int i = 0; i < 12; i++)
            say(&c[i], BYTES(PUBLISH_5("x")));
        for (int i = 0; i < 12; i++) {
            for (int k = 0; k < 12; k++)
                hears(&c[i], BYTES(PUBLISH_5("x")));
            hears_nothing(&c[i]);
        }
        for (int i = 0; i < 12; i++)
            close_client(&c[i]);
        assert_int_equal(nj_server_metric(world.server, NJ_METRIC_CONNECTIONS), 0);
        assert_int_equal(nj_server_metric(world.server, NJ_METRIC_SESSIONS), 0);
        end_server();
    }
}

static void
a_worker_that_ends_accepts_nobody_first(void **state)
{
    struct client c, late;

    (void)state;
    start();
    greet(&c, BYTES(CONNECT_5("a")));
    nj_worker_stop_accepting(&world.server->workers[0]);
    open_client(&late);
    say(&late, BYTES(CONNECT_5("b")));
    hears_nothing(&late);
    say(&c, BYTES("\xc0\x00"));
    hears(&c, BYTES("\xd0\x00"));
    assert_int_equal(nj_server_metric(world.server, NJ_METRIC_CONNECTIONS), 1);
    close_client(&late);
    close_client(&c);
}

static void
a_server_that_ends_closes_all_connections(void **state)
{
    struct client c, silent;
    (void)state;
    start();
    greet(&c, BYTES(CONNECT_5("a")));
    open_client(&silent);
    settle();
    end_server();
    c.n = (size_t)nj_sim_read(c.fd, c.seen, SEEN_MAX);
    assert_int_equal(c.seen[0], 0xe0);
    assert_int_equal(c.seen[2], 0x8b);
    assert_int_equal(nj_sim_read(silent.fd, silent.seen, SEEN_MAX), NJ_IO_CLOSED);
    nj_sim_close(c.fd);
    nj_sim_close(silent.fd);
    nj_free(c.seen);
    nj_free(silent.seen);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(clients_of_all_homes_reach_each_other),
        TEST(a_worker_that_ends_accepts_nobody_first),
        TEST(a_server_that_ends_closes_all_connections),
    };

    nj_log_types = 0;
    return cmocka_run_group_tests_name("server/server", tests, NULL, NULL);
}
