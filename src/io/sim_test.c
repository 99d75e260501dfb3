/* SPDX-License-Identifier: Apache-2.0 */
#include "io/sim.h"

#include "base/mem.h"
#include "base/rcu.h"
#include "io/pool.h"

#include "base/test.h"

struct end {
    struct nj_io io;
    unsigned calls, events;
    struct end *to_forget;
};

static struct nj_reactor *reactor[3];
static int listener;

static void
on_ready(struct nj_io *io, unsigned events)
{
    struct end *e = nj_container_of(io, struct end, io);

    e->calls++;
    e->events = events;
    if (e->to_forget != NULL) {
        nj_reactor_forget(reactor[0], &e->to_forget->io);
        nj_io_close(&e->to_forget->io);
    }
}

static void
begin(uint64_t seed, unsigned short_io_percent, size_t pipe_bytes)
{
    struct nj_sim_opts opts = {
        .seed = seed, .short_io_percent = short_io_percent, .pipe_bytes = pipe_bytes};

    nj_sim_begin(&opts);
    for (int i = 0; i < 3; i++)
        assert_int_equal(nj_reactor_new(&reactor[i]), NJ_OK);
    listener = nj_sim_listen();
}

static void
end(void)
{
    for (int i = 0; i < 3; i++)
        nj_reactor_free(reactor[i]);
    nj_sim_close(listener);
    nj_sim_end();
}

static int
setup(void **state)
{
    (void)state;
    begin(7, 0, 1000);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    end();
    return 0;
}

static struct end
listening(bool is_exclusive)
{
    struct end l = {0};

    l.io.fd = listener;
    l.io.is_exclusive = is_exclusive;
    l.io.on_ready = on_ready;
    return l;
}

/* A client, and the server's end of its connection. */
static int
connected(struct end *server)
{
    struct end l = listening(false);
    int client = nj_sim_connect(listener);
    struct nj_peer peer;

    memset(server, 0, sizeof(*server));
    server->io.on_ready = on_ready;
    assert_int_equal(nj_io_accept(&l.io, &server->io.fd, &peer), NJ_OK);
    assert_string_equal(peer.address, "127.0.0.1");
    return client;
}

static void
hang_up(struct end *server)
{
    nj_reactor_forget(reactor[0], &server->io);
    nj_io_close(&server->io);
}

static ssize_t
write_text(struct end *e, const char *text)
{
    struct iovec part = {(void *)(uintptr_t)text, strlen(text)};

    return nj_io_writev(&e->io, &part, 1);
}

static void
bytes_go_both_ways_and_make_ready(void **state)
{
    struct end server;
    int client = connected(&server);
    char buffer[10];

    (void)state;
    assert_int_equal(nj_reactor_watch(reactor[0], &server.io, NJ_IO_READ), NJ_OK);
    assert_int_equal(nj_reactor_wait(reactor[0], -1), 0);
    assert_true(nj_sim_is_idle());
    assert_int_equal(nj_sim_write(client, "hello", 5), 5);
    assert_false(nj_sim_is_idle());
    assert_int_equal(nj_reactor_wait(reactor[1], -1), 0);
    assert_int_equal(nj_reactor_wait(reactor[0], -1), 1);
    assert_int_equal(server.events, NJ_IO_READ);
    assert_int_equal(nj_io_read(&server.io, buffer, 3), 3);
    assert_int_equal(nj_io_read(&server.io, buffer + 3, 7), 2);
    assert_memory_equal(buffer, "hello", 5);
    assert_int_equal(nj_io_read(&server.io, buffer, 10), NJ_IO_AGAIN);
    assert_int_equal(write_text(&server, "you"), 3);
    assert_int_equal(nj_sim_read(client, buffer, 10), 3);
    hang_up(&server);
    nj_sim_close(client);
}

static void
slow_reader_stops_its_writer(void **state)
{
    struct end server;
    int client = connected(&server);
    char buffer[1000] = {0};
    struct iovec part = {buffer, sizeof(buffer)};

    (void)state;
    assert_int_equal(nj_reactor_watch(reactor[0], &server.io, NJ_IO_WRITE), NJ_OK);
    assert_int_equal(nj_reactor_wait(reactor[0], 0), 1);
    assert_int_equal(nj_io_writev(&server.io, &part, 1), 1000);
    assert_int_equal(nj_io_writev(&server.io, &part, 1), NJ_IO_AGAIN);
    assert_int_equal(nj_reactor_wait(reactor[0], 0), 0);
    assert_int_equal(nj_sim_read(client, buffer, 1), 1);
    assert_int_equal(nj_reactor_wait(reactor[0], 0), 1);
    hang_up(&server);
    nj_sim_close(client);
}

static void
close_in_order_lets_arrive_what_was_written(void **state)
{
    struct end server;
    int client = connected(&server);
    char buffer[10];

    (void)state;
    assert_int_equal(nj_sim_write(client, "bye", 3), 3);
    nj_sim_close(client);
    assert_int_equal(nj_io_read(&server.io, buffer, 10), 3);
    assert_int_equal(nj_io_read(&server.io, buffer, 10), NJ_IO_CLOSED);
    assert_int_equal(write_text(&server, "x"), 1);
    assert_int_equal(write_text(&server, "x"), NJ_IO_ERROR);
    hang_up(&server);
}

static void
reset_loses_what_is_under_way_and_is_told_to_who_watches_nothing(void **state)
{
    struct end server;
    int client = connected(&server);
    char buffer[10];

    (void)state;
    assert_int_equal(nj_sim_write(client, "bye", 3), 3);
    assert_int_equal(nj_reactor_watch(reactor[0], &server.io, 0), NJ_OK);
    nj_sim_reset(client);
    assert_int_equal(nj_reactor_wait(reactor[0], 0), 1);
    assert_int_equal(server.events, NJ_IO_READ | NJ_IO_WRITE);
    assert_int_equal(nj_io_read(&server.io, buffer, 10), NJ_IO_ERROR);
    hang_up(&server);
}

static void
exclusive_listener_wakes_one_of_those_who_watch_it(void **state)
{
    struct end l[3] = {listening(true), listening(true), listening(true)};
    struct nj_peer peer;
    unsigned first[3] = {0};
    int client, fd;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(nj_reactor_watch(reactor[i], &l[i].io, NJ_IO_READ), NJ_OK);
    for (int round = 0; round < 300; round++) {
        int told = 0;

        client = nj_sim_connect(listener);
        while (told == 0)
            for (int i = 0; i < 3; i++)
                if (nj_reactor_wait(reactor[i], 0) > 0 && told++ == 0)
                    first[i]++;
        assert_int_equal(nj_io_accept(&l[0].io, &fd, &peer), NJ_OK);
        assert_int_equal(nj_io_accept(&l[0].io, &fd, &peer), NJ_ETIMEOUT);
        nj_sim_close(fd);
        nj_sim_close(client);
    }
    for (int i = 0; i < 3; i++)
        assert_true(first[i] > 50);
}

static void
callback_may_close_whose_event_is_fetched_already(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        struct end server[2];
        int client[2];

        for (int i = 0; i < 2; i++) {
            client[i] = connected(&server[i]);
            assert_int_equal(nj_reactor_watch(reactor[0], &server[i].io, NJ_IO_READ), NJ_OK);
            assert_int_equal(nj_sim_write(client[i], "x", 1), 1);
        }
        server[0].to_forget = &server[1];
        server[1].to_forget = &server[0];
        assert_int_equal(nj_reactor_wait(reactor[0], 0), 1);
        for (int i = 0; i < 2; i++) {
            hang_up(&server[i]);
            nj_sim_close(client[i]);
        }
    }
}

static void
wake_is_no_longer_idle(void **state)
{
    (void)state;
    assert_true(nj_sim_is_idle());
    nj_reactor_wake(reactor[2]);
    assert_false(nj_sim_is_idle());
    assert_int_equal(nj_reactor_wait(reactor[2], -1), 0);
    assert_true(nj_sim_is_idle());
}

static void
time_moves_when_it_is_told_to(void **state)
{
    nj_time before = nj_sim_now();

    (void)state;
    (void)nj_reactor_wait(reactor[0], 1000);
    assert_true(nj_reactor_now(reactor[0]) == before);
    nj_sim_advance(86400000);
    assert_true(nj_reactor_now(reactor[0]) == before);
    (void)nj_reactor_wait(reactor[0], 1000);
    assert_true(nj_reactor_now(reactor[0]) == before + 86400000);
}

/* ---- everything at once ---- */

/* Several clients talk to an echo; the history of who was ready when is summed up in a number. */
static uint64_t
run_echo(uint64_t seed)
{
    struct end server[4];
    int client[4];
    size_t sent[4] = {0}, got[4] = {0};
    uint64_t history = 0;
    bool is_done = false;

    begin(seed, 30, 64);
    for (int i = 0; i < 4; i++) {
        client[i] = connected(&server[i]);
        assert_int_equal(nj_reactor_watch(reactor[0], &server[i].io, NJ_IO_READ), NJ_OK);
    }
    while (!is_done) {
        is_done = true;
        for (int i = 0; i < 4; i++) {
            uint8_t byte = (uint8_t)sent[i];

            if (sent[i] < 500 && nj_sim_write(client[i], &byte, 1) == 1)
                sent[i]++;
            if (nj_sim_read(client[i], &byte, 1) == 1)
                assert_int_equal(byte, (uint8_t)got[i]++);
            is_done = is_done && got[i] == 500;
            server[i].calls = 0;
        }
        (void)nj_reactor_wait(reactor[0], 0);
        for (int i = 0; i < 4; i++) {
            uint8_t bytes[32], echoed;
            ssize_t n = server[i].calls > 0 ? nj_io_read(&server[i].io, bytes, sizeof(bytes)) : 0;
            ssize_t written = 0;

            history = history * 31 + (uint64_t)(n + 5);
            while (n > 0 && written < n) { /* the client reads, so there will be room */
                struct iovec part = {bytes + written, (size_t)(n - written)};
                ssize_t w = nj_io_writev(&server[i].io, &part, 1);

                written += w > 0 ? w : 0;
                if (w < 0 && nj_sim_read(client[i], &echoed, 1) == 1)
                    assert_int_equal(echoed, (uint8_t)got[i]++);
            }
        }
    }
    for (int i = 0; i < 4; i++) {
        hang_up(&server[i]);
        nj_sim_close(client[i]);
    }
    end();
    return history;
}

static void
same_seed_gives_the_same_history(void **state)
{
    uint64_t before = nj_mem_used(), first;

    (void)state;
    first = run_echo(1);
    assert_true(run_echo(1) == first);
    assert_true(run_echo(2) != first);
    assert_true(nj_mem_used() == before);
}

static int
register_reader(void **state)
{
    (void)state;
    nj_rcu_register();
    return 0;
}

static int
unregister_reader(void **state)
{
    (void)state;
    nj_rcu_unregister();
    return 0;
}

/* ---- work beside the turns ---- */

struct piece {
    struct nj_work work;
    int number;
};

static void
run_nothing(struct nj_work *work)
{
    (void)work;
}

/* In which order the letters of eight pieces come; whether one came only after others' turns. */
static bool
order_of_eight(int order[8])
{
    struct nj_pool *pool;
    struct nj_mailbox box;
    struct piece pieces[8];
    bool was_late = false;

    nj_mailbox_init(&box);
    assert_int_equal(nj_pool_new(&pool, 1, 8), NJ_OK);
    for (int i = 0; i < 8; i++) {
        pieces[i] = (struct piece){.work = {.box = &box, .wakes = reactor[1], .run = run_nothing},
                                   .number = i};
        assert_int_equal(nj_pool_give(pool, &pieces[i].work), NJ_OK);
    }
    for (int n = 0; n < 8;) {
        struct nj_letter *l;

        assert_false(nj_sim_is_idle());
        (void)nj_reactor_wait(reactor[0], 0);
        l = nj_mailbox_take(&box);
        was_late |= l == NULL;
        for (; l != NULL; l = l->next)
            order[n++] = nj_container_of(l, struct piece, work.letter)->number;
    }
    (void)nj_reactor_wait(reactor[1], 0);
    assert_true(nj_sim_is_idle());
    nj_pool_free(pool);
    return was_late;
}

static void
work_is_done_late_and_in_an_order_that_the_seed_knows(void **state)
{
    static const int given[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    int once[8], again[8];

    (void)state;
    begin(5, 0, 1000);
    assert_true(order_of_eight(once));
    end();
    begin(5, 0, 1000);
    (void)order_of_eight(again);
    end();
    assert_memory_equal(once, again, sizeof(once));
    assert_memory_not_equal(once, given, sizeof(once));
}

static void
held_work_waits_until_it_may_be_run(void **state)
{
    struct nj_pool *pool;
    struct nj_mailbox box;
    struct piece p = {.work = {.box = &box, .wakes = reactor[0], .run = run_nothing}};

    (void)state;
    nj_mailbox_init(&box);
    assert_int_equal(nj_pool_new(&pool, 1, 1), NJ_OK);
    nj_sim_hold_work(true);
    assert_int_equal(nj_pool_give(pool, &p.work), NJ_OK);
    assert_int_equal(nj_pool_give(pool, &p.work), NJ_EQUOTA);
    assert_true(nj_sim_is_idle());
    for (int i = 0; i < 100; i++)
        (void)nj_reactor_wait(reactor[0], 0);
    assert_true(nj_mailbox_is_empty(&box));
    nj_sim_hold_work(false);
    assert_false(nj_sim_is_idle());
    nj_pool_free(pool);
    assert_false(nj_mailbox_is_empty(&box));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(bytes_go_both_ways_and_make_ready),
        TEST(slow_reader_stops_its_writer),
        TEST(close_in_order_lets_arrive_what_was_written),
        TEST(reset_loses_what_is_under_way_and_is_told_to_who_watches_nothing),
        TEST(exclusive_listener_wakes_one_of_those_who_watch_it),
        TEST(callback_may_close_whose_event_is_fetched_already),
        TEST(wake_is_no_longer_idle),
        TEST(time_moves_when_it_is_told_to),
        cmocka_unit_test(same_seed_gives_the_same_history),
        cmocka_unit_test(work_is_done_late_and_in_an_order_that_the_seed_knows),
        TEST(held_work_waits_until_it_may_be_run),
    };

    return cmocka_run_group_tests(tests, register_reader, unregister_reader);
}
