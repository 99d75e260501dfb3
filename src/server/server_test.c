/* SPDX-License-Identifier: Apache-2.0 */
/* The server in io's simulated world: bytes in, bytes out, turns by hand. */
#include "server/server.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/sim.h"
#include "server/server_priv.h"
#include "store/store_mem.h"

#include "base/test.h"

#define WORKERS  3
#define SEEN_MAX (1 << 20)

/* Bytes of a packet, as they are written down: "\x10\x0c…". */
#define BYTES(text) text, sizeof(text) - 1

/* 5.0, clean start, keep alive 0, client identifier of one letter. */
#define CONNECT_5(id) "\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01" id
/* 3.1.1, clean session, keep alive in seconds. */
#define CONNECT_311(keep_alive, id) "\x10\x0d\x00\x04MQTT\x04\x02\x00" keep_alive "\x00\x01" id
/* 5.0 with the authentication method "m", and data "1". */
#define CONNECT_AUTH                                                                               \
    "\x10\x16\x00\x04MQTT\x05\x02\x00\x00\x08\x15\x00\x01m\x16\x00\x01"                            \
    "1\x00\x01"                                                                                    \
    "a"
#define AUTH(reason, method, data) "\xf0\x0a" reason "\x08\x15\x00\x01" method "\x16\x00\x01" data
/* SUBSCRIBE to "t", and PUBLISH to it with the payload of one letter. */
#define SUBSCRIBE_5(qos)   "\x82\x07\x00\x01\x00\x00\x01t" qos
#define PUBLISH_5(payload) "\x30\x05\x00\x01t\x00" payload

struct client {
    int fd;
    uint8_t *seen;
    size_t n;
    bool is_closed;
};

static struct {
    struct nj_server *server;
    struct nj_server_opts opts;
    struct nj_broker_opts broker_opts;
    struct nj_listener_opts listener;
    struct nj_store_mem stores[WORKERS];
    struct nj_store_port *ports[WORKERS];
    int door;
    unsigned workers;
} world;

/* ---- an authentication method of two steps: "1", then "2"; anything else is refused ---- */

static unsigned exchanges_ended;

static enum nj_auth_step
auth_step(void **state, struct nj_str in, struct nj_str *out)
{
    if (*state == NULL && nj_str_eq(in, NJ_STR("1"))) {
        *state = &exchanges_ended;
        *out = NJ_STR("challenge");
        return NJ_AUTH_GO_ON;
    }
    if (*state != NULL && nj_str_eq(in, NJ_STR("2"))) {
        *out = NJ_STR("welcome");
        return NJ_AUTH_DONE;
    }
    return NJ_AUTH_REFUSED;
}

static void
auth_end(void *state)
{
    (void)state;
    exchanges_ended++;
}

/* ---- the world ---- */

static void
prepare(unsigned workers, size_t pipe_bytes)
{
    struct nj_sim_opts sim = {.seed = 3, .pipe_bytes = pipe_bytes};

    memset(&world, 0, sizeof(world));
    nj_sim_begin(&sim);
    world.workers = workers;
    world.door = nj_sim_listen();
    world.listener = (struct nj_listener_opts){
        .port = 1883,
        .max_connections = UINT32_MAX,
        .max_qos = 2,
        .accepted_versions = NJ_ACCEPT_ALL,
        .max_topic_alias = 10,
        .max_topic_alias_broker = 10,
        .allow_anonymous = true,
    };
    world.opts = (struct nj_server_opts){
        .workers = workers,
        .max_packet_size = 1 << 20,
        .max_connections = UINT32_MAX,
        .connect_timeout_s = 10,
        .max_topic_length = 65535,
        .max_topic_levels = 200,
        .max_user_properties = 100,
        .max_output_bytes = 8192,
        .listeners = &world.listener,
        .listener_count = 1,
    };
    world.broker_opts = (struct nj_broker_opts){
        .max_inflight_messages = 20,
        .max_queued_messages = 1000,
        .max_queued_bytes = 1 << 24,
        .retain_available = true,
        .max_retained_bytes = 1 << 20,
        .persistent_client_expiration_s = UINT32_MAX,
        .global_max_clients = UINT32_MAX,
        .allow_zero_length_clientid = true,
    };
}

static void
start(void)
{
    static const struct nj_auth_method method = {"m", auth_step, auth_end};
    struct nj_door door = {.fd = world.door, .port = 1883};
    struct nj_server_deps deps = {
        .opts = &world.opts,
        .broker_opts = &world.broker_opts,
        .doors = &door,
        .door_count = 1,
        .stores = world.ports,
        .methods = &method,
        .method_count = 1,
        .seed = 1,
    };
    struct nj_diag diag = {.line = 0};

    for (unsigned i = 0; i < world.workers; i++) {
        nj_store_mem_init(&world.stores[i]);
        world.ports[i] = &world.stores[i].port;
    }
    assert_int_equal(nj_server_new(&world.server, &deps, &diag), NJ_OK);
}

static int
setup(void **state)
{
    (void)state;
    nj_hash_key_set(1, 2);
    nj_rcu_register();
    prepare(1, 1 << 16);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    nj_rcu_quiescent();
    nj_rcu_unregister();
    nj_server_free(world.server);
    nj_sim_close(world.door);
    nj_sim_end();
    return 0;
}

static bool
is_somebody_awake(void)
{
    for (unsigned w = 0; w < world.workers; w++)
        if (nj_server_next(world.server, w) <= nj_sim_now())
            return true;
    return !nj_sim_is_idle();
}

/* Turns of all workers, as long as one has a reason for it: one more would hide a worker that went
 * to sleep with work undone. */
static void
settle(void)
{
    for (int i = 0; is_somebody_awake(); i++) {
        assert_true(i < 100000);
        for (unsigned w = 0; w < world.workers; w++)
            nj_server_turn(world.server, w, 0);
    }
}

static void
wait_ms(nj_time ms)
{
    nj_sim_advance(ms);
    settle();
}

/* ---- clients ---- */

static void
open_client(struct client *c)
{
    *c = (struct client){.fd = nj_sim_connect(world.door), .seen = nj_alloc(SEEN_MAX)};
    assert_non_null(c->seen);
}

static void
close_client(struct client *c)
{
    nj_sim_close(c->fd);
    nj_free(c->seen);
    settle();
}

static void
read_all(struct client *c)
{
    for (;;) {
        ssize_t n = nj_sim_read(c->fd, c->seen + c->n, SEEN_MAX - c->n);

        if (n == NJ_IO_AGAIN)
            return;
        if (n < 0) {
            c->is_closed = true;
            return;
        }
        c->n += (size_t)n;
        settle();
    }
}

static void
say(struct client *c, const char *bytes, size_t n)
{
    assert_int_equal(nj_sim_write(c->fd, bytes, n), n);
    settle();
}

/* The next bytes that have come. */
static void
hears(struct client *c, const char *bytes, size_t n)
{
    read_all(c);
    if (c->n < n) {
        fail_msg("only %zu bytes instead of %zu have come", c->n, n);
        return; /* fail_msg() does not come back, but does not say so */
    }
    assert_memory_equal(c->seen, bytes, n);
    c->n -= n;
    memmove(c->seen, c->seen + n, c->n);
}

/* One packet of this first byte, whatever is in it; its second byte of contents: code or reason. */
static uint8_t
hears_packet(struct client *c, uint8_t first)
{
    size_t n;
    uint8_t second;

    read_all(c);
    assert_true(c->n >= 4);
    assert_int_equal(c->seen[0], first);
    n = 2 + (size_t)c->seen[1];
    assert_true(c->seen[1] < 0x80 && c->n >= n);
    second = c->seen[3];
    c->n -= n;
    memmove(c->seen, c->seen + n, c->n);
    return second;
}

static void
hears_nothing(struct client *c)
{
    read_all(c);
    assert_int_equal(c->n, 0);
    assert_false(c->is_closed);
}

static void
is_closed(struct client *c)
{
    read_all(c);
    assert_true(c->is_closed);
}

static void
is_disconnected(struct client *c, uint8_t reason)
{
    read_all(c);
    assert_true(c->n >= 3);
    assert_int_equal(c->seen[0], 0xe0);
    assert_int_equal(c->seen[2], reason);
    assert_true(c->is_closed);
}

static void
greet(struct client *c, const char *connect, size_t n)
{
    open_client(c);
    say(c, connect, n);
    assert_int_equal(hears_packet(c, 0x20), 0);
}

/* ---- connecting ---- */

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

/* ---- bytes ---- */

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
    say(&before, BYTES(SUBSCRIBE_5("\x00")));
    hears(&before, BYTES("\x90\x04\x00\x01\x00\x00"));
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
    assert_in_range(turns, 3, 12);
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
    say(&c, BYTES(CONNECT_311("\x00", "a")));
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

/* ---- several workers ---- */

/* Whoever accepts it, a connection comes to the home of its client identifier. */
static void
clients_of_all_homes_reach_each_other(void **state)
{
    static const char *const ids = "abcdefghijkl";
    struct client c[12];

    (void)state;
    for (unsigned workers = 1; workers <= WORKERS; workers++) {
        if (workers > 1)
            prepare(workers, 1 << 16);
        start();
        for (int i = 0; i < 12; i++) {
            char connect[] = CONNECT_5("?");

            connect[sizeof(connect) - 2] = ids[i];
            greet(&c[i], connect, sizeof(connect) - 1);
            say(&c[i], BYTES(SUBSCRIBE_5("\x00")));
            hears(&c[i], BYTES("\x90\x04\x00\x01\x00\x00"));
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
        if (workers < WORKERS) {
            (void)teardown(NULL);
            nj_rcu_register();
        }
    }
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

/* ---- slow readers ---- */

static void
who_does_not_read_loses_qos_0_and_others_do_not_notice(void **state)
{
    static char publish[1031] = "\x30\x84\x08\x00\x01t\x00";
    struct client slow, quick, p;

    (void)state;
    nj_sim_close(world.door);
    nj_sim_end();
    prepare(1, 2048);
    start();
    memset(publish + 7, 'x', sizeof(publish) - 7);
    greet(&slow, BYTES(CONNECT_5("s")));
    say(&slow, BYTES(SUBSCRIBE_5("\x00")));
    greet(&quick, BYTES(CONNECT_5("q")));
    say(&quick, BYTES(SUBSCRIBE_5("\x00")));
    greet(&p, BYTES(CONNECT_5("p")));
    hears(&slow, BYTES("\x90\x04\x00\x01\x00\x00"));
    hears(&quick, BYTES("\x90\x04\x00\x01\x00\x00"));
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

/* ---- what a turn began late ---- */

/* The write that fails comes after mail and commits had their part of the turn. */
static void
the_will_of_a_connection_that_breaks_while_it_is_written_to_is_not_left_lying(void **state)
{
    struct client c, w, p;

    (void)state;
    nj_sim_close(world.door);
    nj_sim_end();
    prepare(2, 1 << 16);
    start();
    open_client(&c); /* 3.1.1 with a will to "t", payload "w" */
    say(&c, BYTES("\x10\x13\x00\x04MQTT\x04\x06\x00\x00\x00\x01"
                  "c\x00\x01t\x00\x01w"));
    assert_int_equal(hears_packet(&c, 0x20), 0);
    say(&c, BYTES("\x82\x06\x00\x01\x00\x01"
                  "d\x00"));
    greet(&w, BYTES(CONNECT_5("w")));
    say(&w, BYTES(SUBSCRIBE_5("\x00")));
    hears(&w, BYTES("\x90\x04\x00\x01\x00\x00"));
    greet(&p, BYTES(CONNECT_5("p")));
    nj_sim_reset(c.fd);
    say(&p, BYTES("\x30\x05\x00\x01"
                  "d\x00x"));
    hears(&w, BYTES(PUBLISH_5("w")));
    nj_free(c.seen);
    close_client(&w);
    close_client(&p);
}

/* A topic that only fits without the prefix may not meet an assertion. [MQTT5-4.7.3-3] */
static void
a_topic_that_does_not_fit_behind_the_mount_point_is_refused(void **state)
{
    static char publish[4 + 2 + 65535 + 1];
    static char mount[] = "prefix/";
    struct client c;

    (void)state;
    nj_sim_close(world.door);
    nj_sim_end();
    prepare(1, 1 << 17);
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

/* ---- the end ---- */

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
    nj_rcu_quiescent();
    nj_rcu_unregister();
    nj_server_free(world.server);
    world.server = NULL;
    nj_rcu_register();
    /* Without a server there are no turns to settle. */
    c.n = 0;
    c.n = (size_t)nj_sim_read(c.fd, c.seen, SEEN_MAX);
    assert_int_equal(c.seen[0], 0xe0);
    assert_int_equal(c.seen[2], 0x8b);
    assert_int_equal(nj_sim_read(silent.fd, silent.seen, SEEN_MAX), NJ_IO_CLOSED);
    nj_sim_close(c.fd);
    nj_sim_close(silent.fd);
    nj_free(c.seen);
    nj_free(silent.seen);
}

/* ---- passwords ---- */

/* 5.0, clean start, of user "u" or "x"; only "u" is known, and the password is what follows. */
#define LOGIN_5(id, user, password)                                                                \
    "\x10\x14\x00\x04MQTT\x05\xc2\x00\x00\x00\x00\x01" id "\x00\x01" user "\x00\x01" password

static struct {
    struct nj_users users;
    uint64_t stamp;
    char password;
    unsigned checks;
} book;

static struct nj_user
find_user(const struct nj_users *users, struct nj_str name)
{
    (void)users;
    return (struct nj_user){&book, nj_str_eq(name, NJ_STR("u")) ? book.stamp : 0};
}

static enum nj_err
check_user(const void *entry, struct nj_str password, bool *fits)
{
    assert_ptr_equal(entry, &book);
    book.checks++;
    *fits = password.n == 1 && password.p[0] == book.password;
    return NJ_OK;
}

static void
keep_users(struct nj_users *users)
{
    (void)users;
}

/* A listener that asks for a password. */
static void
start_with_users(unsigned workers, size_t pipe_bytes)
{
    static const struct nj_users_ops ops = {find_user, check_user, keep_users};

    book = (__typeof__(book)){.users = {.ops = &ops}, .stamp = 1, .password = 'p'};
    atomic_init(&book.users.references, 1);
    nj_sim_close(world.door);
    nj_sim_end();
    prepare(workers, pipe_bytes);
    world.listener.users = &book.users;
    world.listener.allow_anonymous = false;
    start();
}

static void
a_password_that_fits_lets_in_and_is_checked_once(void **state)
{
    static const char *const connects[] = {LOGIN_5("a", "u", "p"), LOGIN_5("b", "u", "p"),
                                           LOGIN_5("c", "u", "p"), LOGIN_5("d", "u", "p"),
                                           LOGIN_5("e", "u", "p")};
    const size_t count = NJ_COUNT_OF(connects);
    struct client c[NJ_COUNT_OF(connects)];

    (void)state;
    start_with_users(WORKERS, 1 << 16); /* most of them move to their home in between */
    for (size_t i = 0; i < count; i++)
        greet(&c[i], connects[i], 22);
    assert_int_equal(book.checks, count);
    assert_int_equal(nj_server_metric(world.server, NJ_METRIC_CLIENTS_CONNECTED), count);
    assert_int_equal(nj_server_metric(world.server, NJ_METRIC_PACKETS_RECEIVED), count);
    for (size_t i = 0; i < count; i++)
        close_client(&c[i]);
}

static void
every_refusal_says_the_same_and_is_counted_apart(void **state)
{
    static const struct {
        const char *connect;
        size_t n;
        enum nj_cause cause;
    } bad[] = {
        {BYTES(LOGIN_5("a", "u", "x")), NJ_CAUSE_WRONG_PASSWORD},
        {BYTES(LOGIN_5("a", "x", "p")), NJ_CAUSE_USER_UNKNOWN},
        {BYTES(CONNECT_5("a")), NJ_CAUSE_NO_USER_NAME},
        {BYTES("\x10\x11\x00\x04MQTT\x05\x82\x00\x00\x00\x00\x01"
               "a\x00\x01u"),
         NJ_CAUSE_NO_PASSWORD},
    };

    (void)state;
    start_with_users(1, 1 << 16);
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++) {
        struct client c;

        open_client(&c);
        say(&c, bad[i].connect, bad[i].n);
        hears(&c, BYTES("\x20\x14\x00\x87\x11\x1f\x00\x0enot authorised"));
        is_closed(&c);
        assert_int_equal(nj_server_cause(world.server, bad[i].cause), 1);
        close_client(&c);
    }
    assert_int_equal(book.checks, 2); /* an unknown name costs as much as a known one */
}

/* [MQTT5-3.1.4-2] [MQTT5-3.1.4-3] */
static void
nothing_is_done_while_the_password_is_checked(void **state)
{
    struct client first, c;

    (void)state;
    start_with_users(1, 1 << 16);
    greet(&first, BYTES(LOGIN_5("a", "u", "p")));
    nj_sim_hold_work(true);
    open_client(&c);
    say(&c, BYTES(LOGIN_5("a", "u", "p")));
    say(&c, BYTES("\xc0\x00"));
    hears_nothing(&c);
    hears_nothing(&first);
    nj_sim_hold_work(false);
    settle();
    is_disconnected(&first, 0x8e);
    assert_int_equal(hears_packet(&c, 0x20), 0);
    hears(&c, BYTES("\xd0\x00"));
    close_client(&first);
    close_client(&c);
}

static void
connect_timeout_goes_on_while_the_password_is_checked(void **state)
{
    struct client c;

    (void)state;
    start_with_users(1, 1 << 16);
    nj_sim_hold_work(true);
    open_client(&c);
    say(&c, BYTES(LOGIN_5("a", "u", "p")));
    wait_ms(10001);
    is_closed(&c);
    assert_int_equal(nj_server_cause(world.server, NJ_CAUSE_CONNECT_TIMEOUT), 1);
    nj_sim_hold_work(false);
    settle();
    assert_int_equal(book.checks, 0); /* it was taken back */
    close_client(&c);
}

static void
peers_may_go_while_their_password_is_checked(void **state)
{
    struct client gone, there;

    (void)state;
    start_with_users(1, 1 << 16);
    nj_sim_hold_work(true);
    open_client(&gone);
    open_client(&there);
    say(&gone, BYTES(LOGIN_5("a", "u", "p")));
    say(&there, BYTES(LOGIN_5("b", "u", "p")));
    nj_sim_reset(gone.fd);
    nj_free(gone.seen);
    settle();
    nj_sim_hold_work(false);
    settle();
    assert_int_equal(hears_packet(&there, 0x20), 0);
    assert_int_equal(nj_server_metric(world.server, NJ_METRIC_CONNECTIONS), 1);
    close_client(&there);
}

static void
a_server_may_end_while_passwords_are_checked(void **state)
{
    struct client c;

    (void)state;
    start_with_users(1, 1 << 16);
    nj_sim_hold_work(true);
    open_client(&c);
    say(&c, BYTES(LOGIN_5("a", "u", "p")));
    assert_int_equal(atomic_load(&book.users.references), 2);
    nj_rcu_quiescent();
    nj_rcu_unregister();
    nj_server_free(world.server);
    nj_rcu_register();
    world.server = NULL;
    assert_int_equal(atomic_load(&book.users.references), 1);
    assert_int_equal(book.checks, 0);
    nj_sim_close(c.fd);
    nj_free(c.seen);
}

static void
an_entry_that_changes_meanwhile_is_asked_again(void **state)
{
    struct client c;

    (void)state;
    start_with_users(1, 1 << 16);
    nj_sim_hold_work(true);
    open_client(&c);
    say(&c, BYTES(LOGIN_5("a", "u", "p")));
    book.stamp = 2; /* as after a reload */
    nj_sim_hold_work(false);
    settle();
    assert_int_equal(hears_packet(&c, 0x20), 0);
    assert_int_equal(book.checks, 2);
    close_client(&c);
}

static void
who_would_not_be_let_in_any_more_is_ended_by_a_reload(void **state)
{
    struct client c;

    (void)state;
    start_with_users(1, 1 << 16);
    greet(&c, BYTES(LOGIN_5("a", "u", "p")));
    nj_worker_reconsider_conns(&world.server->workers[0]);
    settle();
    hears_nothing(&c);
    book.stamp = 2;
    nj_worker_reconsider_conns(&world.server->workers[0]);
    nj_server_turn(world.server, 0, 0);
    settle();
    is_disconnected(&c, 0x87);
    close_client(&c);
}

static void
more_passwords_than_may_wait_are_refused_as_busy(void **state)
{
    static int fds[1025];
    uint8_t answer[64];

    (void)state;
    start_with_users(1, 256);
    nj_sim_hold_work(true);
    for (size_t i = 0; i < NJ_COUNT_OF(fds); i++) {
        fds[i] = nj_sim_connect(world.door);
        assert_int_equal(nj_sim_write(fds[i], BYTES(LOGIN_5("a", "u", "p"))), 22);
        settle();
    }
    assert_int_equal(nj_server_cause(world.server, NJ_CAUSE_PASSWORD_QUEUE), 1);
    assert_true(nj_sim_read(fds[1024], answer, sizeof(answer)) > 3);
    assert_int_equal(answer[3], 0x89);
    for (size_t i = 0; i < NJ_COUNT_OF(fds); i++)
        nj_sim_close(fds[i]);
    nj_sim_hold_work(false);
    settle();
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_first_packet_is_connect),
        TEST(a_second_connect_ends_the_connection),
        TEST(packets_that_only_a_server_sends_end_the_connection),
        TEST(who_says_nothing_is_closed_after_connect_timeout),
        TEST(keep_alive_ends_after_one_and_a_half_times),
        TEST(a_connack_that_waits_for_the_store_is_not_a_timeout),
        TEST(packets_may_be_cut_anywhere),
        TEST(packets_may_come_byte_by_byte),
        TEST(a_packet_over_max_packet_size_ends_the_connection),
        TEST(limits_that_sink_are_for_connections_that_come_later),
        TEST(many_topic_filters_in_one_packet_leave_turns_to_others),
        TEST(a_connection_may_end_among_its_topic_filters),
        TEST(a_slow_store_makes_a_publisher_wait),
        TEST(clients_of_all_homes_reach_each_other),
        TEST(a_take_over_tells_the_first_connection),
        TEST(who_does_not_read_loses_qos_0_and_others_do_not_notice),
        TEST(an_exchange_of_two_steps_opens_the_session),
        TEST(an_exchange_that_fails_opens_nothing),
        TEST(a_client_that_gives_up_gets_no_connack),
        TEST(an_open_session_may_authenticate_again),
        TEST(auth_without_an_exchange_ends_the_connection),
        TEST(the_will_of_a_connection_that_breaks_while_it_is_written_to_is_not_left_lying),
        TEST(a_topic_that_does_not_fit_behind_the_mount_point_is_refused),
        TEST(a_worker_that_ends_accepts_nobody_first),
        TEST(a_server_that_ends_closes_all_connections),
        TEST(a_password_that_fits_lets_in_and_is_checked_once),
        TEST(every_refusal_says_the_same_and_is_counted_apart),
        TEST(nothing_is_done_while_the_password_is_checked),
        TEST(connect_timeout_goes_on_while_the_password_is_checked),
        TEST(peers_may_go_while_their_password_is_checked),
        TEST(a_server_may_end_while_passwords_are_checked),
        TEST(an_entry_that_changes_meanwhile_is_asked_again),
        TEST(who_would_not_be_let_in_any_more_is_ended_by_a_reload),
        TEST(more_passwords_than_may_wait_are_refused_as_busy),
    };

    nj_log_types = 0;
    return cmocka_run_group_tests_name("server/server", tests, NULL, NULL);
}
