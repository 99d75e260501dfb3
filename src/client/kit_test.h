/* SPDX-License-Identifier: Apache-2.0 */
/* kit_test.h — what the tests of this room share: an engine to drive and packets of a broker's. */
#ifndef NJ_CLIENT_KIT_TEST_H
#define NJ_CLIENT_KIT_TEST_H

/* clang-format off */
#include "base/test.h"
#include "client/engine.h"
#include "client/opts.h"
#include "mqtt/packet.h"
/* clang-format on */

static struct nj_engine *
engine_with(const struct nj_client_opts *opts)
{
    struct nj_client_opts copy;
    struct nj_engine *e;

    assert_int_equal(nj_client_opts_copy(&copy, opts), NJ_CLIENT_OK);
    assert_int_equal(nj_engine_new(&e, &copy), NJ_CLIENT_OK);
    return e;
}

static inline struct nj_engine *
engine_of(uint8_t version)
{
    struct nj_client_opts opts;

    nj_client_opts_init(&opts);
    opts.version = version;
    opts.client_id = "test";
    return engine_with(&opts);
}

/* Hand bytes to the engine. */
static inline void
feed(struct nj_engine *e, const void *bytes, size_t n, nj_time now)
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

#define FEED(e, ...) feed((e), (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}), 0)

/* All output is written; how many bytes it was. */
static inline size_t
drop_output(struct nj_engine *e)
{
    size_t n = nj_engine_output(e).n;

    nj_engine_written(e, n, 0);
    return n;
}

/* The output is exactly these bytes; they are written then. */
static inline void
expect_output(struct nj_engine *e, const void *bytes, size_t n)
{
    struct nj_str output = nj_engine_output(e);

    assert_int_equal(output.n, n);
    if (n > 0)
        assert_memory_equal(output.p, bytes, n);
    nj_engine_written(e, n, 0);
}

#define EXPECT_OUTPUT(e, ...)                                                                      \
    expect_output((e), (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static inline void
expect_event(struct nj_engine *e, enum nj_client_event_type type, struct nj_client_event *out)
{
    assert_true(nj_engine_next(e, out));
    assert_int_equal(out->type, type);
}

static inline void
expect_nothing(struct nj_engine *e)
{
    struct nj_client_event ev;

    assert_false(nj_engine_next(e, &ev));
}

/* Connected, with CONNECT out of the way. CONNACK carries no properties. */
static inline void
connect_engine(struct nj_engine *e, uint8_t version, bool session_present)
{
    struct nj_client_event ev;

    assert_int_equal(nj_engine_open(e, 0), NJ_CLIENT_OK);
    (void)drop_output(e);
    if (version == NJ_MQTT_5)
        FEED(e, 0x20, 3, session_present, 0, 0);
    else
        FEED(e, 0x20, 2, session_present, 0);
    expect_event(e, NJ_CLIENT_CONNECTED, &ev);
    assert_int_equal(ev.session_present, session_present);
}

static inline uint16_t
publish_on(struct nj_engine *e, const char *topic, const char *payload, uint8_t qos)
{
    struct nj_client_message m = {
        .topic = topic, .payload = payload, .payload_n = strlen(payload), .qos = qos};
    uint16_t id = 0;

    assert_int_equal(nj_engine_publish(e, &m, &id), NJ_CLIENT_OK);
    return id;
}

/* The connection ends with this error, and no further event comes. */
static inline void
expect_end(struct nj_engine *e, enum nj_client_err err)
{
    struct nj_client_event ev;

    expect_event(e, NJ_CLIENT_DISCONNECTED, &ev);
    assert_int_equal(ev.error, err);
    if (nj_engine_has_transport(e)) {
        assert_true(nj_engine_wants_close(e));
        nj_engine_close(e, NJ_CLIENT_OK, NULL);
    }
    expect_nothing(e);
    assert_true(nj_engine_is_offline(e));
}

#endif
