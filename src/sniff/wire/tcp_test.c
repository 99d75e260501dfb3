/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/wire/tcp.h"

#include "sniff/kit_test.h"

static void
a_header_has_ports_numbers_and_flags(void **state)
{
    struct bytes b;
    struct nj_tcp t;

    (void)state;
    bytes_begin(&b);
    put_tcp(&b, false, NJ_TCP_PSH | NJ_TCP_ACK, 1000, 2000, NJ_STR("abc"));
    assert_true(nj_tcp_read(bytes_str(&b), 23, &t));
    assert_int_equal(t.source_port, 40000);
    assert_int_equal(t.destination_port, 1883);
    assert_int_equal(t.seq, 1000);
    assert_int_equal(t.ack, 2000);
    assert_int_equal(t.flags, NJ_TCP_PSH | NJ_TCP_ACK);
    assert_true(nj_str_eq(t.payload, NJ_STR("abc")));
    assert_int_equal(nj_tcp_window_scale(&t), -1);
    assert_true(nj_tcp_read(bytes_str(&b), 120, &t)); /* cut by the capture */
    assert_int_equal(t.wire_payload_bytes, 100);
    assert_int_equal(t.payload.n, 3);
    assert_false(nj_tcp_read(bytes_str(&b), 19, &t));
    b.p[12] = 0x40; /* a header of 16 bytes */
    assert_false(nj_tcp_read(bytes_str(&b), 23, &t));
    b.p[12] = 0xf0; /* of 60 */
    assert_false(nj_tcp_read(bytes_str(&b), 23, &t));
}

static void
options_are_walked_as_far_as_they_go(void **state)
{
    struct nj_tcp t = {.options = NJ_STR("\x02\x04\x05\xb4\x01\x03\x03\x07\x04\x02\0\x09\x09")};
    struct nj_str rest = t.options;
    struct nj_tcp_option o;

    (void)state;
    assert_true(nj_tcp_next_option(&rest, &o));
    assert_int_equal(o.kind, NJ_TCP_OPTION_MSS);
    assert_true(nj_str_eq(o.value, NJ_STR("\x05\xb4")));
    assert_true(nj_tcp_next_option(&rest, &o));
    assert_int_equal(o.kind, NJ_TCP_OPTION_WINDOW_SCALE);
    assert_true(nj_tcp_next_option(&rest, &o));
    assert_int_equal(o.kind, NJ_TCP_OPTION_SACK_PERMITTED);
    assert_false(nj_tcp_next_option(&rest, &o));
    assert_int_equal(nj_tcp_window_scale(&t), 7);

    rest = NJ_STR("\x08\x0a\x01"); /* longer than what is there */
    assert_false(nj_tcp_next_option(&rest, &o));
    rest = NJ_STR("\x08\x01"); /* shorter than itself */
    assert_false(nj_tcp_next_option(&rest, &o));
    t.options = NJ_STR("\x03\x03\xff");
    assert_int_equal(nj_tcp_window_scale(&t), 14);
}

static void
numbers_go_round(void **state)
{
    (void)state;
    assert_true(nj_seq_before(0xfffffff0, 5));
    assert_false(nj_seq_before(5, 0xfffffff0));
    assert_false(nj_seq_before(5, 5));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_has_ports_numbers_and_flags),
        cmocka_unit_test(options_are_walked_as_far_as_they_go),
        cmocka_unit_test(numbers_go_round),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
