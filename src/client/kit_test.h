/* SPDX-License-Identifier: Apache-2.0 */
/* kit_test.h — what the tests of this room share: one client without a socket, and the broker's
 * side of the conversation, written out byte by byte. */
#ifndef NJ_CLIENT_KIT_TEST_H
#define NJ_CLIENT_KIT_TEST_H

/* clang-format off */
#include "base/test.h"
#include "client/engine.h"
#include "client/opts.h"
#include "mqtt/packet.h"
/* clang-format on */

static struct nj_engine *e;       /* the client; kit_end() frees it */
static struct nj_client_event ev; /* what it told last */

#define TEST(name) cmocka_unit_test_setup_teardown(name, NULL, kit_end)

static inline int
kit_end(void **state)
{
    (void)state;
    nj_engine_free(e);
    e = NULL;
    return 0;
}

/* ---- the client ---- */

static inline struct nj_client_opts
opts_of(uint8_t version)
{
    struct nj_client_opts opts;

    nj_client_opts_init(&opts);
    opts.version = version;
    opts.client_id = "test";
    return opts;
}

/* In the place of the one before, if there is one. */
static inline void
client_with(const struct nj_client_opts *opts)
{
    struct nj_client_opts copy;

    nj_engine_free(e);
    assert_int_equal(nj_client_opts_copy(&copy, opts), NJ_CLIENT_OK);
    assert_int_equal(nj_engine_new(&e, &copy), NJ_CLIENT_OK);
}

static inline void
client(uint8_t version)
{
    struct nj_client_opts opts = opts_of(version);

    client_with(&opts);
}

static inline void
publish(const char *topic, const char *payload, uint8_t qos)
{
    struct nj_client_message m = {
        .topic = topic, .payload = payload, .payload_n = strlen(payload), .qos = qos};

    assert_int_equal(nj_engine_publish(e, &m, NULL), NJ_CLIENT_OK);
}

static inline void
subscribe(const char *filter)
{
    const struct nj_client_subscription s = {.filter = filter};

    assert_int_equal(nj_engine_subscribe(e, &s, 1, (struct nj_client_properties){NULL, 0}, NULL),
                     NJ_CLIENT_OK);
}

/* ---- what it writes ---- */

static inline void
expect_output(const void *bytes, size_t n)
{
    struct nj_str output = nj_engine_output(e);

    assert_int_equal(output.n, n);
    assert_memory_equal(output.p, bytes, n);
    nj_engine_written(e, n, 0);
}

#define EXPECT_OUTPUT(...)                                                                         \
    expect_output((const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static inline void
expect_no_output(void)
{
    assert_int_equal(nj_engine_output(e).n, 0);
}

/* It is written, whatever it is. */
static inline void
drop_output(nj_time now)
{
    nj_engine_written(e, nj_engine_output(e).n, now);
}

/* ---- what it reads, and what it makes of it ---- */

static inline void
feed(const void *bytes, size_t n, nj_time now)
{
    const uint8_t *p = bytes;

    while (n > 0) {
        size_t room;
        void *space = nj_engine_input_space(e, &room);
        size_t part = NJ_MIN(n, room);

        assert_non_null(space);
        memcpy(space, p, part);
        nj_engine_input_filled(e, part, now);
        p += part;
        n -= part;
    }
}

#define FEED(...) feed((const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}), 0)

static inline void
expect_event(enum nj_client_event_type type)
{
    assert_true(nj_engine_next(e, &ev));
    assert_int_equal(ev.type, type);
}

static inline void
expect_nothing(void)
{
    assert_false(nj_engine_next(e, &ev));
}

/* The connection ends with this error, and no further event comes. */
static inline void
expect_end(enum nj_client_err err)
{
    expect_event(NJ_CLIENT_DISCONNECTED);
    assert_int_equal(ev.error, err);
    if (nj_engine_has_transport(e)) {
        assert_true(nj_engine_wants_close(e));
        nj_engine_close(e, NJ_CLIENT_OK, NULL);
    }
    expect_nothing();
    assert_true(nj_engine_is_offline(e));
}

/* ---- connections ---- */

/* CONNECT waits to be written. */
static inline void
open_link(void)
{
    assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
}

/* Connected, by a CONNACK with this contents. */
static inline void
connect_by(const uint8_t *connack, uint8_t n)
{
    open_link();
    drop_output(0);
    FEED(0x20, n);
    feed(connack, n, 0);
    expect_event(NJ_CLIENT_CONNECTED);
    assert_int_equal(ev.session_present, connack[0]);
}

static inline void
connect_again(bool session_present)
{
    const uint8_t connack[] = {session_present, 0, 0};

    connect_by(connack, nj_engine_opts(e)->version == NJ_MQTT_5 ? 3 : 2);
}

/* The CONNACK of 5.0 has these properties. */
#define CONNECT_WITH(...)                                                                          \
    connect_by((const uint8_t[]){0, 0, sizeof((uint8_t[]){__VA_ARGS__}), __VA_ARGS__},             \
               3 + sizeof((uint8_t[]){__VA_ARGS__}))

/* A client, connected. */
static inline void
connected(uint8_t version)
{
    client(version);
    connect_again(false);
}

static inline void
lose_link(void)
{
    nj_engine_close(e, NJ_CLIENT_ELOST, NULL);
    expect_end(NJ_CLIENT_ELOST);
}

#endif
