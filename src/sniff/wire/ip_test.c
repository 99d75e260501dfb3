/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/wire/ip.h"

#include "sniff/kit_test.h"

static void
padding_of_the_link_is_not_payload(void **state)
{
    struct bytes b;
    struct nj_ip ip;

    (void)state;
    bytes_begin(&b);
    put_ipv4(&b, false, NJ_IP_TCP, 0, 3);
    nj_write_bytes(&b.w, NJ_STR("abc\0\0\0\0"));
    assert_true(nj_ip_read(bytes_str(&b), &ip));
    assert_int_equal(ip.version, 4);
    assert_int_equal(ip.protocol, NJ_IP_TCP);
    assert_true(nj_str_eq(ip.payload, NJ_STR("abc")));
    assert_int_equal(ip.wire_payload_bytes, 3);
    assert_false(ip.is_fragment);
}

static void
what_the_capture_cut_is_told_from_what_was_sent(void **state)
{
    struct bytes b;
    struct nj_ip ip;

    (void)state;
    bytes_begin(&b);
    put_ipv4(&b, false, NJ_IP_TCP, 0, 100);
    nj_write_bytes(&b.w, NJ_STR("abc"));
    assert_true(nj_ip_read(bytes_str(&b), &ip));
    assert_int_equal(ip.payload.n, 3);
    assert_int_equal(ip.wire_payload_bytes, 100);
}

static void
fragments_have_an_offset_and_perhaps_more(void **state)
{
    struct bytes b;
    struct nj_ip ip;

    (void)state;
    bytes_begin(&b);
    put_ipv4(&b, false, NJ_IP_TCP, 0x2000 | 50, 8);
    nj_write_bytes(&b.w, NJ_STR("12345678"));
    assert_true(nj_ip_read(bytes_str(&b), &ip));
    assert_true(ip.is_fragment && ip.has_more);
    assert_int_equal(ip.fragment_offset, 400);
    assert_int_equal(ip.identification, 7);
}

static void
put_ipv6(struct bytes *b, unsigned next, size_t payload_bytes)
{
    nj_write_u32(&b->w, 0x60000000);
    nj_write_u16(&b->w, (uint16_t)payload_bytes);
    nj_write_u8(&b->w, (uint8_t)next);
    nj_write_u8(&b->w, 64);
    nj_write_bytes(&b->w, NJ_STR("\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0c"));
    nj_write_bytes(&b->w, NJ_STR("\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0b"));
}

static void
extension_headers_of_ipv6_are_walked(void **state)
{
    struct bytes b;
    struct nj_ip ip;
    char text[NJ_IP_TEXT_BYTES];

    (void)state;
    bytes_begin(&b);
    put_ipv6(&b, 0, 8 + 16 + 8 + 3);
    nj_write_bytes(&b.w, NJ_STR("\x2b\0......"));               /* hop by hop, then routing */
    nj_write_bytes(&b.w, NJ_STR("\x2c\x01.............."));     /* of 16 bytes, then fragment */
    nj_write_bytes(&b.w, NJ_STR("\x06\0\x00\x09\0\0\x01\x02")); /* at 8, and more */
    nj_write_bytes(&b.w, NJ_STR("abc?"));
    assert_true(nj_ip_read(bytes_str(&b), &ip));
    assert_int_equal(ip.version, 6);
    assert_int_equal(ip.protocol, NJ_IP_TCP);
    assert_true(ip.is_fragment && ip.has_more);
    assert_int_equal(ip.fragment_offset, 8);
    assert_int_equal(ip.identification, 0x102);
    assert_true(nj_str_eq(ip.payload, NJ_STR("abc")));
    nj_ip_address_text(ip.source, text);
    assert_string_equal(text, "fd00::c");
}

static void
what_contradicts_itself_is_no_packet(void **state)
{
    struct bytes b;
    struct nj_ip ip;

    (void)state;
    assert_false(nj_ip_read(NJ_STR(""), &ip));
    assert_false(nj_ip_read(NJ_STR("\x55zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"), &ip));
    bytes_begin(&b);
    put_ipv4(&b, false, NJ_IP_TCP, 0, 3);
    b.p[0] = 0x44; /* a header of 16 bytes */
    assert_false(nj_ip_read(bytes_str(&b), &ip));
    b.p[0] = 0x4f; /* of 60, in a packet of 23 */
    assert_false(nj_ip_read(bytes_str(&b), &ip));
    bytes_begin(&b);
    put_ipv6(&b, 0, 4); /* an extension longer than the packet */
    nj_write_bytes(&b.w, NJ_STR("\x06\0......abc"));
    assert_false(nj_ip_read(bytes_str(&b), &ip));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_of_the_link_is_not_payload),
        cmocka_unit_test(what_the_capture_cut_is_told_from_what_was_sent),
        cmocka_unit_test(fragments_have_an_offset_and_perhaps_more),
        cmocka_unit_test(extension_headers_of_ipv6_are_walked),
        cmocka_unit_test(what_contradicts_itself_is_no_packet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
