/* SPDX-License-Identifier: Apache-2.0 */
/* The generator's packets, byte for byte as the standard has them. */
#include "cmd/bench/wire.h"

#include "base/test.h"

static uint8_t out[256];

#define ASSERT_BYTES(n, ...)                                                                       \
    do {                                                                                           \
        const uint8_t wanted[] = {__VA_ARGS__};                                                    \
                                                                                                   \
        assert_int_equal(n, sizeof(wanted));                                                       \
        assert_memory_equal(out, wanted, sizeof(wanted));                                          \
    } while (0)

static void
connect_says_version_session_and_credentials(void **state)
{
    struct nj_wire_hello h = {.version = 4, .keep_alive_s = 900, .client_id = "ab"};

    (void)state;
    ASSERT_BYTES(nj_wire_connect_write(out, &h), 0x10, 14, 0, 4, 'M', 'Q', 'T', 'T', 4, 0x02, 3,
                 0x84, 0, 2, 'a', 'b');
    h.version = 3;
    ASSERT_BYTES(nj_wire_connect_write(out, &h), 0x10, 16, 0, 6, 'M', 'Q', 'I', 's', 'd', 'p', 3,
                 0x02, 3, 0x84, 0, 2, 'a', 'b');
    h.version = 5;
    h.keeps_session = true;
    h.username = "u";
    h.password = "p";
    ASSERT_BYTES(nj_wire_connect_write(out, &h), 0x10, 26, 0, 4, 'M', 'Q', 'T', 'T', 5, 0xc0, 3,
                 0x84, 5, 0x11, 0, 0, 0x0e, 0x10, 0, 2, 'a', 'b', 0, 1, 'u', 0, 1, 'p');
}

static void
subscribe_takes_several_filters(void **state)
{
    const char *filters[] = {"a/+", "#"};

    (void)state;
    ASSERT_BYTES(nj_wire_subscribe_write(out, 4, 258, filters, 2, 1), 0x82, 12, 1, 2, 0, 3, 'a',
                 '/', '+', 1, 0, 1, '#', 1);
    ASSERT_BYTES(nj_wire_subscribe_write(out, 5, 1, filters + 1, 1, 2), 0x82, 7, 0, 1, 0, 0, 1, '#',
                 2);
}

static void
publish_is_read_as_it_was_written(void **state)
{
    (void)state;
    for (uint8_t version = 3; version <= 5; version++) {
        for (uint8_t qos = 0; qos <= 2; qos++) {
            struct nj_wire_frame f;
            struct nj_wire_incoming in;
            size_t n = nj_wire_publish_write(out, version, "t/1", qos, qos == 1, 77, 4);

            memcpy(out + n, "load", 4);
            assert_int_equal(nj_wire_frame_next(out, n + 3, &f), 0);
            assert_int_equal(nj_wire_frame_next(out, n + 4, &f), n + 4);
            assert_int_equal(f.type, NJ_WIRE_PUBLISH);
            assert_true(nj_wire_incoming_read(&f, version, &in));
            assert_int_equal(in.qos, qos);
            assert_int_equal(in.is_retained, qos == 1);
            assert_int_equal(in.packet_id, qos > 0 ? 77 : 0);
            assert_int_equal(in.payload_bytes, 4);
            assert_memory_equal(in.payload, "load", 4);
        }
    }
}

static void
stencil_says_where_packet_id_and_payload_stand(void **state)
{
    struct nj_wire_stencil s;

    (void)state;
    nj_wire_stencil_init(&s, 5, "t", 1, 2);
    assert_int_equal(s.n, 2 + 3 + 2 + 1 + 2);
    assert_int_equal(s.packet_id_at, 5);
    assert_int_equal(s.payload_at, 8);
    nj_wire_stencil_fini(&s);
    nj_wire_stencil_init(&s, 4, "t", 2, 2);
    assert_int_equal(s.packet_id_at, 5);
    assert_int_equal(s.payload_at, 7);
    nj_wire_stencil_fini(&s);
    nj_wire_stencil_init(&s, 4, "t", 0, 2);
    assert_int_equal(s.packet_id_at, 0);
    nj_wire_stencil_fini(&s);
}

static struct nj_wire_frame
frame_of(const uint8_t *bytes, size_t n)
{
    struct nj_wire_frame f;

    assert_int_equal(nj_wire_frame_next(bytes, n, &f), n);
    return f;
}

static void
welcome_names_the_receive_maximum(void **state)
{
    /* topic alias maximum, receive maximum, and a user property */
    const uint8_t five[] = {0x20, 16, 0,    0, 13, 0x22, 0, 10, 0x21,
                            0,    20, 0x26, 0, 1,  'a',  0, 1,  'b'};
    const uint8_t four[] = {0x20, 2, 0, 5};
    struct nj_wire_frame f = frame_of(five, sizeof(five));
    struct nj_wire_welcome w;

    (void)state;
    assert_true(nj_wire_welcome_read(&f, 5, &w));
    assert_int_equal(w.reason, 0);
    assert_int_equal(w.receive_maximum, 20);
    f = frame_of(four, sizeof(four));
    assert_true(nj_wire_welcome_read(&f, 4, &w));
    assert_int_equal(w.reason, 5);
    assert_int_equal(w.receive_maximum, 65535);
}

static void
what_is_cut_short_is_no_packet(void **state)
{
    const uint8_t publish[] = {0x32, 3, 0, 5, 'a'};
    const uint8_t length[] = {0x30, 0xff, 0xff, 0xff, 0xff, 1};
    struct nj_wire_frame f = frame_of(publish, sizeof(publish));
    struct nj_wire_incoming in;

    (void)state;
    assert_false(nj_wire_incoming_read(&f, 4, &in));
    assert_int_equal(nj_wire_frame_next(length, sizeof(length), &f), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_says_version_session_and_credentials),
        cmocka_unit_test(subscribe_takes_several_filters),
        cmocka_unit_test(publish_is_read_as_it_was_written),
        cmocka_unit_test(stencil_says_where_packet_id_and_payload_stand),
        cmocka_unit_test(welcome_names_the_receive_maximum),
        cmocka_unit_test(what_is_cut_short_is_no_packet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
