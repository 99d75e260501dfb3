/* SPDX-License-Identifier: Apache-2.0 */
/* Turns: what one connection may ask of them, however much it sends, reads or does not read. */
#include "server/conn.h"
#include "server/kit_test.h"
#include "server/worker.h"

/* Whole packets of PUBLISH_5("x"), as many as fit, into `c`'s pipe. How many. */
static unsigned
publish_all(const struct client *c, unsigned most)
{
    unsigned count = 0;

    while (count < most && nj_sim_write(c->fd, BYTES(PUBLISH_5("x"))) == 7)
        count++;
    return count;
}

static int64_t
metric(enum nj_metric which)
{
    return (int64_t)nj_server_metric(world.server, which);
}

static void
who_publishes_much_has_one_share_of_a_turn(void **state)
{
    struct client c[8];
    const struct nj_worker *w;
    unsigned sent = 0, most = 0; /* of them in one turn */

    (void)state;
    prepare_instead(1, 1 << 20);
    start();
    w = &world.server->workers[0];
    for (unsigned i = 0; i < NJ_COUNT_OF(c); i++) {
        char connect[] = CONNECT_5("?");

        connect[sizeof(connect) - 2] = (char)('a' + i);
        greet(&c[i], connect, sizeof(connect) - 1);
    }
    sent += publish_all(&c[0], 100000);
    assert_true(sent > 3u * NJ_WORKER_BUDGET);
    for (unsigned turn = 0; turn < 2; turn++) { /* alone, it has all */
        int64_t before = metric(NJ_METRIC_PUBLISH_RECEIVED);

        nj_server_turn(world.server, 0, 0);
        assert_int_equal(metric(NJ_METRIC_PUBLISH_RECEIVED) - before, NJ_WORKER_BUDGET);
    }
    for (unsigned i = 1; i < NJ_COUNT_OF(c); i++)
        sent += publish_all(&c[i], 30000);
    nj_server_turn(world.server, 0, 0);
    /* Together, they have no more, as many as the last turn knew of. It is the world that draws how
     * many are read in a turn, so that they may be more in the next one. */
    while (is_somebody_awake()) {
        int64_t before = metric(NJ_METRIC_PUBLISH_RECEIVED);
        unsigned were = NJ_MAX(w->busy, 1u);

        nj_server_turn(world.server, 0, 0);
        assert_int_equal(w->share, NJ_MAX(NJ_WORKER_BUDGET / were, NJ_WORKER_LEAST));
        assert_in_range(metric(NJ_METRIC_PUBLISH_RECEIVED) - before, 0,
                        w->share * w->busy + NJ_COUNT_OF(c) * NJ_WORKER_LEAST / 4);
        most = NJ_MAX(most, were);
    }
    assert_true(most > NJ_COUNT_OF(c) / 2);
    assert_int_equal(metric(NJ_METRIC_PUBLISH_RECEIVED), sent);
    for (unsigned i = 0; i < NJ_COUNT_OF(c); i++)
        close_client(&c[i]);
}

/* Of the first that waits to be read after all others; 0: nobody does. */
static char
first_of_later(const struct nj_worker *w)
{
    if (nj_list_is_empty(&w->later))
        return 0;
    return nj_conn_name(nj_container_of(w->later.next, struct nj_conn, link_in)).p[0];
}

static void
publish_as(const struct client *c, char payload, unsigned count)
{
    char publish[] = PUBLISH_5("?");

    publish[6] = payload;
    while (count-- > 0)
        assert_int_equal(nj_sim_write(c->fd, publish, 7), 7);
}

/* The payloads of what has come, one letter each. */
static unsigned
letters_of(const struct client *c, char *out, unsigned room)
{
    ssize_t n = nj_sim_read(c->fd, c->seen, SEEN_MAX);

    for (ssize_t i = 0; i < n; i += 7)
        if (i / 7 < (ssize_t)room)
            out[i / 7] = (char)c->seen[i + 6];
    return n > 0 ? (unsigned)n / 7 : 0;
}

/* Each of them has more than a turn may bring of their kind, but what is not much comes before all
 * that, in the turn in which the world tells of it. */
static void
who_published_much_is_read_after_all_others_one_by_one(void **state)
{
    enum {
        MUCH = NJ_WORKER_TURN / 2 + 1
    }; /* each counts for itself, and for its subscriber */
    char heard[8 * MUCH + 1];
    struct client c[8], calm, s;
    const struct nj_worker *w;
    unsigned n, ahead = 0;

    (void)state;
    prepare_instead(1, 1 << 20);
    world.opts.max_output_bytes = 1 << 20;
    start();
    w = &world.server->workers[0];
    greet(&calm, BYTES(CONNECT_5("c")));
    greet(&s, BYTES(CONNECT_5("s")));
    subscribe(&s);
    for (unsigned i = 0; i < NJ_COUNT_OF(c); i++) {
        char connect[] = CONNECT_5("?");

        connect[sizeof(connect) - 2] = (char)('A' + i);
        greet(&c[i], connect, sizeof(connect) - 1);
        publish_as(&c[i], (char)('A' + i), MUCH);
    }
    settle(); /* now they are known */
    assert_int_equal(letters_of(&s, heard, sizeof(heard)), NJ_COUNT_OF(c) * MUCH);
    for (unsigned round = 0; round < 20; round++) {
        unsigned read = 0, calm_read = 0;

        for (unsigned i = 0; i < NJ_COUNT_OF(c); i++)
            publish_as(&c[i], (char)('A' + i), MUCH);
        publish_as(&calm, 'c', 1);
        while (read < NJ_COUNT_OF(c) || calm_read == 0) {
            char next = first_of_later(w);
            unsigned i = 0;

            nj_server_turn(world.server, 0, 0);
            n = letters_of(&s, heard, sizeof(heard));
            if (n > 0 && heard[0] == 'c') {
                calm_read++;
                ahead += !nj_list_is_empty(&w->later);
                i++;
            }
            if (i == n) {
                assert_int_equal(next, 0);
                continue;
            }
            assert_int_equal(n - i, MUCH); /* of one, and who waits longest comes first */
            assert_true(next == 0 || heard[i] == next);
            for (next = heard[i]; i < n; i++)
                assert_int_equal(heard[i], next);
            read++;
        }
        assert_int_equal(read, NJ_COUNT_OF(c));
        assert_int_equal(calm_read, 1);
        assert_false(is_somebody_awake());
    }
    assert_in_range(ahead, 10, 20);
    for (unsigned i = 0; i < NJ_COUNT_OF(c); i++)
        close_client(&c[i]);
    close_client(&calm);
    close_client(&s);
}

/* Their sockets have room for all that waits, so no event would say that they may have more. */
static void
those_who_are_written_much_to_share_a_turn(void **state)
{
    static char publish[100007] = "\x30\xa3\x8d\x06\x00\x01t\x00";
    struct client p, s[16];
    int64_t before;

    (void)state;
    prepare_instead(1, 1 << 22);
    world.opts.max_output_bytes = 1 << 22;
    start();
    memset(publish + 8, 'x', sizeof(publish) - 8);
    greet(&p, BYTES(CONNECT_5("p")));
    for (unsigned i = 0; i < NJ_COUNT_OF(s); i++) {
        char connect[] = CONNECT_5("?");

        connect[sizeof(connect) - 2] = (char)('A' + i);
        greet(&s[i], connect, sizeof(connect) - 1);
        subscribe(&s[i]);
    }
    /* The first turn does not know yet how many they are. */
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(nj_sim_write(p.fd, publish, sizeof(publish)), sizeof(publish));
    nj_server_turn(world.server, 0, 0);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(nj_sim_write(p.fd, publish, sizeof(publish)), sizeof(publish));
    while (is_somebody_awake()) {
        before = metric(NJ_METRIC_BYTES_SENT);
        nj_server_turn(world.server, 0, 0);
        assert_in_range(metric(NJ_METRIC_BYTES_SENT) - before, 0,
                        NJ_WORKER_WRITE_BYTES + NJ_WORKER_WRITE_LEAST);
    }
    for (unsigned i = 0; i < NJ_COUNT_OF(s); i++) {
        s[i].seen = nj_realloc(s[i].seen, 1 << 22);
        s[i].n = (size_t)nj_sim_read(s[i].fd, s[i].seen, 1 << 22);
        assert_int_equal(s[i].n, 22 * sizeof(publish));
        close_client(&s[i]);
    }
    close_client(&p);
}

/* The first letter from `from` on whose client identifier has its home there. */
static char
letter_at(uint16_t home, char from)
{
    while (nj_broker_home_of(world.server->broker, (struct nj_str){&from, 1}) != home)
        from++;
    return from;
}

static void
mail_beyond_a_share_waits_for_the_next_turn_and_its_senders_with_it(void **state)
{
    char connect[] = CONNECT_5("?");
    unsigned sent, turns = 0;
    struct client p, s;

    (void)state;
    prepare_instead(2, 1 << 20);
    world.opts.max_output_bytes = 1 << 20;
    start();
    connect[sizeof(connect) - 2] = letter_at(0, 'a');
    greet(&p, connect, sizeof(connect) - 1);
    connect[sizeof(connect) - 2] = letter_at(1, 'a');
    greet(&s, connect, sizeof(connect) - 1);
    subscribe(&s);
    sent = publish_all(&p, 100000);
    for (unsigned turn = 0; turn < 10; turn++)
        nj_server_turn(world.server, 0, 0);
    /* What it was reading when the box was full, and no more. */
    assert_in_range(metric(NJ_METRIC_PUBLISH_RECEIVED), 8000, NJ_WORKER_BUDGET);
    while (metric(NJ_METRIC_PUBLISH_SENT) < sent) {
        int64_t before = metric(NJ_METRIC_PUBLISH_SENT);

        assert_true(++turns < 1000);
        assert_true(nj_server_next(world.server, 1) <= nj_sim_now());
        nj_server_turn(world.server, 1, 0);
        assert_in_range(metric(NJ_METRIC_PUBLISH_SENT) - before, 0, 8192 + 4096);
        nj_sim_advance(1);
        nj_server_turn(world.server, 0, 0);
    }
    settle();
    read_all(&s);
    assert_int_equal(s.n, sent * 7);
    close_client(&p);
    close_client(&s);
}

static void
while_the_store_is_busy_nobody_is_read_who_has_a_session(void **state)
{
    struct client p, other;
    unsigned sent;

    (void)state;
    prepare_instead(1, 1 << 16);
    start();
    greet(&p, BYTES(CONNECT_5("p")));
    world.stores[0].is_busy = true;
    sent = publish_all(&p, 1000);
    greet(&other, BYTES(CONNECT_5("o"))); /* it had none */
    for (unsigned turn = 0; turn < 10; turn++) {
        nj_server_turn(world.server, 0, 0);
        nj_sim_advance(1);
    }
    assert_int_equal(metric(NJ_METRIC_PUBLISH_RECEIVED), 0);
    world.stores[0].is_busy = false;
    assert_in_range(nj_server_next(world.server, 0) - nj_sim_now(), 0, 1); /* nothing wakes it */
    nj_sim_advance(1);
    settle();
    assert_int_equal(metric(NJ_METRIC_PUBLISH_RECEIVED), sent);
    close_client(&p);
    close_client(&other);
}

/* `count` messages to "t" at QoS 1, in 3.1.1. */
static void
publish_at_least_once(const struct client *c, unsigned count)
{
    for (unsigned i = 1; i <= count; i++) {
        const char publish[] = {0x32, 6, 0, 1, 't', (char)(i >> 8), (char)i, 'x'};

        assert_int_equal(nj_sim_write(c->fd, publish, sizeof(publish)), sizeof(publish));
    }
}

/* Acknowledge all that has come. How many. */
static unsigned
take_all(const struct client *c)
{
    ssize_t n = nj_sim_read(c->fd, c->seen, SEEN_MAX);

    for (ssize_t i = 0; i < n; i += 8) {
        const char puback[] = {0x40, 2, (char)c->seen[i + 5], (char)c->seen[i + 6]};

        assert_int_equal(nj_sim_write(c->fd, puback, sizeof(puback)), sizeof(puback));
    }
    return n > 0 ? (unsigned)n / 8 : 0;
}

enum {
    ROOM = 100, /* in the queue */
    COUNT = 3000,
};

static void
meet_at_least_once(struct client *p, struct client *s)
{
    world.opts.max_output_bytes = 1 << 20;
    world.broker_opts.max_queued_messages = ROOM;
    start();
    greet(p, BYTES(CONNECT_311("\x00", "p")));
    greet(s, BYTES(CONNECT_311("\x00", "s")));
    say(s, BYTES("\x82\x06\x00\x01\x00\x01t\x01"));
    hears(s, BYTES("\x90\x03\x00\x01\x01"));
}

static void
who_reads_now_and_then_is_waited_for(void **state)
{
    struct client p, s;
    unsigned taken = 0;

    (void)state;
    meet_at_least_once(&p, &s);
    publish_at_least_once(&p, COUNT);
    for (unsigned i = 0; i < COUNT && taken < COUNT; i++) {
        settle();
        taken += take_all(&s);
        for (unsigned ms = 0; ms < 10; ms++)
            wait_ms(1);
    }
    assert_int_equal(taken, COUNT);
    assert_int_equal(nj_server_cause(world.server, NJ_CAUSE_QUEUE_MESSAGES), 0);
    close_client(&p);
    close_client(&s);
}

static void
who_does_not_read_is_waited_for_once(void **state)
{
    struct client p, s;
    nj_time began;

    (void)state;
    meet_at_least_once(&p, &s);
    began = nj_sim_now();
    publish_at_least_once(&p, COUNT);
    settle();
    assert_in_range(metric(NJ_METRIC_PUBLISH_RECEIVED), ROOM / 2, ROOM);
    while (metric(NJ_METRIC_PUBLISH_RECEIVED) < COUNT) {
        assert_true(nj_sim_now() - began <= NJ_PATIENCE_MS);
        assert_in_range(nj_server_next(world.server, 0) - nj_sim_now(), 0, 1);
        wait_ms(1);
    }
    assert_int_equal(nj_sim_now() - began, NJ_PATIENCE_MS);
    assert_int_equal(nj_server_cause(world.server, NJ_CAUSE_QUEUE_MESSAGES), COUNT - ROOM - 20);
    publish_at_least_once(&p, COUNT);
    settle();
    assert_int_equal(metric(NJ_METRIC_PUBLISH_RECEIVED), 2 * COUNT);
    close_client(&p);
    close_client(&s);
}

static void
who_is_held_may_go(void **state)
{
    struct client p, s;

    (void)state;
    meet_at_least_once(&p, &s);
    publish_at_least_once(&p, COUNT);
    settle();
    close_client(&p);
    wait_ms(2 * NJ_PATIENCE_MS);
    close_client(&s);
    assert_int_equal(atomic_load(&world.server->broker->crowded), 0);
    assert_int_equal(metric(NJ_METRIC_CLIENTS_CONNECTED), 0);
}

/* Its output may hold a megabyte, but three quarters of all memory are in use. */
static void
where_memory_is_tight_who_does_not_read_has_less(void **state)
{
    static char publish[10007] = "\x30\x94\x4e\x00\x01t\x00";
    struct client p, slow, other;

    (void)state;
    prepare_instead(1, 16384);
    world.opts.max_output_bytes = 1 << 20;
    start();
    memset(publish + 7, 'x', sizeof(publish) - 7);
    greet(&p, BYTES(CONNECT_5("p")));
    greet(&slow, BYTES(CONNECT_5("s")));
    subscribe(&slow);
    greet(&other, BYTES(CONNECT_5("o")));
    nj_mem_limit_set(nj_mem_used() + (4 << 20));
    for (int i = 0; i < 50; i++)
        say(&p, publish, sizeof(publish));
    assert_int_equal(nj_server_cause(world.server, NJ_CAUSE_OUTPUT_FULL), 0);

    nj_mem_limit_set(nj_mem_used() * 5 / 4);
    for (int i = 0; i < 50; i++)
        say(&p, publish, sizeof(publish));
    assert_int_equal(nj_server_cause(world.server, NJ_CAUSE_OUTPUT_FULL), 50 - 1);
    subscribe(&other); /* others do not notice */
    say(&p, BYTES(PUBLISH_5("x")));
    hears(&other, BYTES(PUBLISH_5("x")));
    nj_mem_limit_set(0);
    close_client(&p);
    close_client(&slow);
    close_client(&other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_publishes_much_has_one_share_of_a_turn),
        TEST(who_published_much_is_read_after_all_others_one_by_one),
        TEST(those_who_are_written_much_to_share_a_turn),
        TEST(mail_beyond_a_share_waits_for_the_next_turn_and_its_senders_with_it),
        TEST(while_the_store_is_busy_nobody_is_read_who_has_a_session),
        TEST(who_reads_now_and_then_is_waited_for),
        TEST(who_does_not_read_is_waited_for_once),
        TEST(who_is_held_may_go),
        TEST(where_memory_is_tight_who_does_not_read_has_less),
    };

    nj_log_types = 0;
    return cmocka_run_group_tests_name("server/worker", tests, NULL, NULL);
}
