/* SPDX-License-Identifier: Apache-2.0 */
/* kit_test.h — the server in io's simulated world, for the tests of this room: clients are bytes in
 * and bytes out, turns are taken by hand, time stands still until it is moved.
 *
 * TEST() gives each test a world of one worker; world.opts, .listener and .broker_opts may be
 * changed until start(). */
#ifndef NJ_SERVER_KIT_TEST_H
#define NJ_SERVER_KIT_TEST_H

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/sim.h"
#include "server/server.h"
#include "server/server_priv.h"
#include "store/store_mem.h"

#include "base/test.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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

static inline enum nj_auth_step
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

static inline void
auth_end(void *state)
{
    (void)state;
    exchanges_ended++;
}

/* ---- the world ---- */

static inline void
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
        .allow_zero_length_clientid = true,
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
    };
}

static inline void
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

static inline int
setup(void **state)
{
    (void)state;
    nj_hash_key_set(1, 2);
    nj_rcu_register();
    prepare(1, 1 << 16);
    return 0;
}

/* Another world in the place of the one that setup() made, before start(). */
static inline void
prepare_instead(unsigned workers, size_t pipe_bytes)
{
    nj_sim_close(world.door);
    nj_sim_end();
    prepare(workers, pipe_bytes);
}

/* From here on there are no turns, so nothing settles. */
static inline void
end_server(void)
{
    nj_rcu_quiescent();
    nj_rcu_unregister();
    nj_server_free(world.server);
    world.server = NULL;
    nj_rcu_register();
}

static inline int
teardown(void **state)
{
    (void)state;
    end_server();
    nj_rcu_unregister();
    nj_sim_close(world.door);
    nj_sim_end();
    return 0;
}

static inline bool
is_somebody_awake(void)
{
    for (unsigned w = 0; w < world.workers; w++)
        if (nj_server_next(world.server, w) <= nj_sim_now())
            return true;
    return !nj_sim_is_idle();
}

/* Turns of all workers, as long as one has a reason for it: one more would hide a worker that went
 * to sleep with work undone. */
static inline void
settle(void)
{
    for (int i = 0; is_somebody_awake(); i++) {
        assert_true(i < 100000);
        for (unsigned w = 0; w < world.workers; w++)
            nj_server_turn(world.server, w, 0);
    }
}

static inline void
wait_ms(nj_time ms)
{
    nj_sim_advance(ms);
    settle();
}

/* ---- clients ---- */

static inline void
open_client(struct client *c)
{
    *c = (struct client){.fd = nj_sim_connect(world.door), .seen = nj_alloc(SEEN_MAX)};
    assert_non_null(c->seen);
}

static inline void
close_client(struct client *c)
{
    nj_sim_close(c->fd);
    nj_free(c->seen);
    settle();
}

static inline void
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

static inline void
say(struct client *c, const char *bytes, size_t n)
{
    assert_int_equal(nj_sim_write(c->fd, bytes, n), n);
    settle();
}

/* The next bytes that have come. */
static inline void
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
static inline uint8_t
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

static inline void
hears_nothing(struct client *c)
{
    read_all(c);
    assert_int_equal(c->n, 0);
    assert_false(c->is_closed);
}

static inline void
is_closed(struct client *c)
{
    read_all(c);
    assert_true(c->is_closed);
}

static inline void
is_disconnected(struct client *c, uint8_t reason)
{
    read_all(c);
    assert_true(c->n >= 3);
    assert_int_equal(c->seen[0], 0xe0);
    assert_int_equal(c->seen[2], reason);
    assert_true(c->is_closed);
}

static inline void
greet(struct client *c, const char *connect, size_t n)
{
    open_client(c);
    say(c, connect, n);
    assert_int_equal(hears_packet(c, 0x20), 0);
}

/* To "t" at QoS 0. */
static inline void
subscribe(struct client *c)
{
    say(c, BYTES(SUBSCRIBE_5("\x00")));
    hears(c, BYTES("\x90\x04\x00\x01\x00\x00"));
}

#endif
