/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/capture/capture.h"

#include "base/mem.h"
#include "sniff/kit_test.h"

static struct nj_capture *capture;
static FILE *file;
static struct nj_diag diag;

static enum nj_err
open_bytes(struct bytes *b)
{
    struct nj_str all = bytes_str(b);

    diag = (struct nj_diag){0};
    capture = NULL;
    file = fmemopen(b->p, all.n, "rb");
    assert_non_null(file);
    return nj_capture_new(&capture, file, &diag);
}

static void
close_all(void)
{
    nj_capture_free(capture);
    (void)fclose(file);
    assert_int_equal(nj_mem_used(), 0);
}

static void
put_pcap_header(struct bytes *b, bool is_big_endian, uint32_t magic, uint32_t link_type)
{
    bytes_begin(b);
    put_number(b, is_big_endian, magic, 4);
    put_number(b, is_big_endian, 2, 2);
    put_number(b, is_big_endian, 4, 2);
    put_number(b, is_big_endian, 0, 8);
    put_number(b, is_big_endian, 65535, 4);
    put_number(b, is_big_endian, link_type, 4);
}

static void
put_pcap_frame(struct bytes *b, bool is_big_endian, uint32_t s, uint32_t fraction, uint32_t bytes,
               uint32_t wire_bytes, struct nj_str frame)
{
    put_number(b, is_big_endian, s, 4);
    put_number(b, is_big_endian, fraction, 4);
    put_number(b, is_big_endian, bytes, 4);
    put_number(b, is_big_endian, wire_bytes, 4);
    nj_write_bytes(&b->w, frame);
}

static void
pcap_is_read_in_both_orders_and_resolutions(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool is_big = (i & 1) != 0, is_ns = (i & 2) != 0;
        struct nj_captured f;
        struct bytes b;

        put_pcap_header(&b, is_big, is_ns ? 0xa1b23c4d : 0xa1b2c3d4, 101);
        put_pcap_frame(&b, is_big, 5, 7, 3, 9, NJ_STR("abc"));
        put_pcap_frame(&b, is_big, 4000000000u, 1, 0, 0, NJ_STR(""));
        assert_int_equal(open_bytes(&b), NJ_OK);
        assert_int_equal(nj_capture_next(capture, &f, &diag), NJ_CAPTURE_FRAME);
        assert_int_equal(f.number, 1);
        assert_int_equal(f.time_ns, 5000000000 + (is_ns ? 7 : 7000));
        assert_int_equal(f.time_digits, is_ns ? 9 : 6);
        assert_int_equal(f.link_type, 101);
        assert_int_equal(f.wire_bytes, 9);
        assert_true(nj_str_eq(f.bytes, NJ_STR("abc")));
        assert_int_equal(nj_capture_next(capture, &f, &diag), NJ_CAPTURE_FRAME);
        assert_int_equal(f.time_ns / 1000000000, 4000000000);
        assert_int_equal(nj_capture_next(capture, &f, &diag), NJ_CAPTURE_END);
        close_all();
    }
}

static void
what_is_no_capture_is_refused_and_said(void **state)
{
    struct bytes b;

    (void)state;
    bytes_begin(&b);
    nj_write_bytes(&b.w, NJ_STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_int_equal(open_bytes(&b), NJ_EINVAL);
    assert_non_null(strstr(diag.text, "neither"));
    close_all();
    bytes_begin(&b);
    nj_write_u8(&b.w, 0xd4);
    assert_int_equal(open_bytes(&b), NJ_EINVAL);
    assert_non_null(strstr(diag.text, "too short"));
    close_all();
}

static void
a_capture_that_ends_in_a_frame_gives_those_before_it(void **state)
{
    struct nj_captured f;
    struct bytes b;

    (void)state;
    put_pcap_header(&b, false, 0xa1b2c3d4, 1);
    put_pcap_frame(&b, false, 1, 0, 3, 3, NJ_STR("abc"));
    put_pcap_frame(&b, false, 1, 0, 30, 30, NJ_STR("abc"));
    assert_int_equal(open_bytes(&b), NJ_OK);
    assert_int_equal(nj_capture_next(capture, &f, &diag), NJ_CAPTURE_FRAME);
    assert_int_equal(nj_capture_next(capture, &f, &diag), NJ_CAPTURE_FAULT);
    assert_non_null(strstr(diag.text, "in the middle"));
    close_all();
}

static void
a_length_in_the_file_does_not_decide_what_is_allocated(void **state)
{
    struct nj_captured f;
    struct bytes b;

    (void)state;
    put_pcap_header(&b, false, 0xa1b2c3d4, 1);
    put_pcap_frame(&b, false, 1, 0, 0xfffffff0, 0xfffffff0, NJ_STR("abc"));
    assert_int_equal(open_bytes(&b), NJ_OK);
    assert_int_equal(nj_capture_next(capture, &f, &diag), NJ_CAPTURE_FAULT);
    assert_true(nj_mem_used() < 65536);
    close_all();
}

/* ---- pcapng ---- */

static void
put_block(struct bytes *b, bool is_big, uint32_t type, const struct bytes *contents)
{
    struct nj_str c = bytes_str(contents);

    put_number(b, is_big, type, 4);
    put_number(b, is_big, c.n + 12, 4);
    nj_write_bytes(&b->w, c);
    put_number(b, is_big, c.n + 12, 4);
}

static void
put_section(struct bytes *b, bool is_big)
{
    struct bytes c;

    bytes_begin(&c);
    put_number(&c, is_big, 0x1a2b3c4d, 4);
    put_number(&c, is_big, 1, 2);
    put_number(&c, is_big, 0, 2);
    put_number(&c, is_big, UINT64_MAX, 8);
    put_block(b, is_big, 0x0a0d0d0a, &c);
}

/* `resolution` as in if_tsresol; 0: the option is left out. */
static void
put_interface(struct bytes *b, bool is_big, uint32_t link_type, unsigned resolution)
{
    struct bytes c;

    bytes_begin(&c);
    put_number(&c, is_big, link_type, 2);
    put_number(&c, is_big, 0, 2);
    put_number(&c, is_big, 0, 4);
    if (resolution != 0) {
        put_number(&c, is_big, 9, 2);
        put_number(&c, is_big, 1, 2);
        nj_write_u8(&c.w, (uint8_t)resolution);
        nj_write_bytes(&c.w, NJ_STR("\0\0\0"));
        put_number(&c, is_big, 0, 4);
    }
    put_block(b, is_big, 1, &c);
}

static void
put_packet(struct bytes *b, bool is_big, uint32_t interface, uint64_t ticks, struct nj_str frame,
           struct nj_str comment)
{
    struct bytes c;

    bytes_begin(&c);
    put_number(&c, is_big, interface, 4);
    put_number(&c, is_big, ticks >> 32, 4);
    put_number(&c, is_big, ticks & UINT32_MAX, 4);
    put_number(&c, is_big, frame.n, 4);
    put_number(&c, is_big, frame.n, 4);
    nj_write_bytes(&c.w, frame);
    while (bytes_str(&c).n % 4 != 0)
        nj_write_u8(&c.w, 0);
    if (comment.n > 0) {
        put_number(&c, is_big, 1, 2);
        put_number(&c, is_big, comment.n, 2);
        nj_write_bytes(&c.w, comment);
        while (bytes_str(&c).n % 4 != 0)
            nj_write_u8(&c.w, 0);
    }
    put_block(b, is_big, 6, &c);
}

static void
pcapng_has_interfaces_with_clocks_of_their_own(void **state)
{
    (void)state;
    for (unsigned big = 0; big < 2; big++) {
        struct nj_captured f;
        struct bytes b;

        bytes_begin(&b);
        put_section(&b, big);
        put_interface(&b, big, 1, 0);
        put_interface(&b, big, 101, 9);
        put_interface(&b, big, 0, 0x80 | 10);
        put_packet(&b, big, 1, 3000000005, NJ_STR("abc"), NJ_STR("odd"));
        put_packet(&b, big, 0, 2000001, NJ_STR("abcd"), NJ_STR(""));
        put_packet(&b, big, 2, 1024 + 512, NJ_STR("x"), NJ_STR(""));
        put_section(&b, !big);
        put_interface(&b, !big, 113, 3);
        put_packet(&b, !big, 0, 1500, NJ_STR("y"), NJ_STR(""));
        assert_int_equal(open_bytes(&b), NJ_OK);

        assert_int_equal(nj_capture_next(capture, &f, &diag), NJ_CAPTURE_FRAME);
        assert_int_equal(f.link_type, 101);
        assert_int_equal(f.time_ns, 3000000005);
        assert_int_equal(f.time_digits, 9);
        assert_true(nj_str_eq(f.bytes, NJ_STR("abc")));
        assert_true(nj_str_eq(f.comment, NJ_STR("odd")));
        assert_int_equal(nj_capture_next(capture, &f, &diag), NJ_CAPTURE_FRAME);
        assert_int_equal(f.link_type, 1);
        assert_int_equal(f.time_ns, 2000001000);
        assert_int_equal(f.time_digits, 6);
        assert_int_equal(f.comment.n, 0);
        assert_int_equal(nj_capture_next(capture, &f, &diag), NJ_CAPTURE_FRAME);
        assert_int_equal(f.time_ns, 1500000000);
        assert_int_equal(nj_capture_next(capture, &f, &diag), NJ_CAPTURE_FRAME);
        assert_int_equal(f.link_type, 113);
        assert_int_equal(f.time_ns, 1500000000);
        assert_int_equal(f.time_digits, 3);
        assert_int_equal(f.number, 4);
        assert_int_equal(nj_capture_next(capture, &f, &diag), NJ_CAPTURE_END);
        close_all();
    }
}

static void
blocks_of_other_kinds_are_passed_over(void **state)
{
    struct nj_captured f;
    struct bytes b, c;

    (void)state;
    bytes_begin(&b);
    put_section(&b, false);
    bytes_begin(&c);
    for (unsigned i = 0; i < 5000; i++)
        nj_write_u32(&c.w, i);
    put_block(&b, false, 10, &c);
    put_interface(&b, false, 101, 0);
    bytes_begin(&c);
    put_number(&c, false, 3, 4);
    nj_write_bytes(&c.w, NJ_STR("abc\0"));
    put_block(&b, false, 3, &c); /* a simple packet */
    assert_int_equal(open_bytes(&b), NJ_OK);
    assert_int_equal(nj_capture_next(capture, &f, &diag), NJ_CAPTURE_FRAME);
    assert_true(nj_str_eq(f.bytes, NJ_STR("abc")));
    assert_int_equal(nj_capture_next(capture, &f, &diag), NJ_CAPTURE_END);
    close_all();
}

static void
a_frame_of_an_interface_that_is_not_there_is_a_fault(void **state)
{
    struct nj_captured f;
    struct bytes b;

    (void)state;
    bytes_begin(&b);
    put_section(&b, false);
    put_interface(&b, false, 101, 0);
    put_packet(&b, false, 1, 0, NJ_STR("abc"), NJ_STR(""));
    assert_int_equal(open_bytes(&b), NJ_OK);
    assert_int_equal(nj_capture_next(capture, &f, &diag), NJ_CAPTURE_FAULT);
    assert_non_null(strstr(diag.text, "malformed"));
    close_all();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pcap_is_read_in_both_orders_and_resolutions),
        cmocka_unit_test(what_is_no_capture_is_refused_and_said),
        cmocka_unit_test(a_capture_that_ends_in_a_frame_gives_those_before_it),
        cmocka_unit_test(a_length_in_the_file_does_not_decide_what_is_allocated),
        cmocka_unit_test(pcapng_has_interfaces_with_clocks_of_their_own),
        cmocka_unit_test(blocks_of_other_kinds_are_passed_over),
        cmocka_unit_test(a_frame_of_an_interface_that_is_not_there_is_a_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
