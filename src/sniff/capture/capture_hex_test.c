/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/capture/capture_hex.h"

#include "base/mem.h"
#include "sniff/kit_test.h"
#include "sniff/wire/link.h"

static FILE *file;
static struct nj_hex *hex;
static struct nj_captured frame;
static struct nj_diag diag;

static void
open_text(const char *text)
{
    file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(file);
    assert_int_equal(nj_hex_new(&hex, file), NJ_OK);
}

static void
close_text(void)
{
    nj_hex_free(hex);
    (void)fclose(file);
}

static void
comes(struct nj_str bytes)
{
    assert_int_equal(nj_hex_next(hex, &frame, &diag), NJ_CAPTURE_FRAME);
    assert_int_equal(frame.bytes.n, bytes.n);
    assert_memory_equal(frame.bytes.p, bytes.p, bytes.n);
}

static void
ends(void)
{
    assert_int_equal(nj_hex_next(hex, &frame, &diag), NJ_CAPTURE_END);
    close_text();
}

static void
letters_are_no_bytes(void **state)
{
    (void)state;
    open_text("0000  61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70   abcdefghijklmnop\n"
              "0010  61 62                                             ab\n");
    comes(NJ_STR("abcdefghijklmnopab"));
    ends();
    open_text("0000 61 62 1\n"); /* as in the course's document */
    comes(NJ_STR("ab"));
    ends();
    open_text("00000000  61 62 63 64 65 66 67 68  69 6a 6b 6c 6d 6e 6f 70  |abcdefghijklmnop|\n"
              "00000010  61 62                                             |ab|\n"
              "00000012\n");
    comes(NJ_STR("abcdefghijklmnopab"));
    ends();
}

static void
offset_0_begins_a_frame(void **state)
{
    (void)state;
    open_text("Frame 1: 2 bytes\n    0100 .... = Version: 4\n\n0000  61 62   ab\n\nFrame 2\n"
              "0011 .... = Message Type\n0000  63   c\n");
    comes(NJ_STR("ab"));
    assert_int_equal(frame.number, 1);
    comes(NJ_STR("c"));
    assert_int_equal(frame.number, 2);
    ends();
}

static void
what_was_put_together_is_no_frame(void **state)
{
    (void)state;
    open_text("Frame (1 byte):\n0000  61   a\nReassembled TCP (2 bytes):\n0000  78 79   xy\n\n"
              "Frame 2:\n0000  62   b\n");
    comes(NJ_STR("a"));
    comes(NJ_STR("b"));
    ends();
}

static void
an_empty_line_ends_what_is_no_frame(void **state)
{
    (void)state;
    open_text("Frame (1 byte):\n0000  61   a\nUnmasked data (1 byte):\n0000  78   x\n"
              "De-chunked entity body (2 bytes):\n0000  78 79   xy\n\n0000  62   b\n");
    comes(NJ_STR("a"));
    comes(NJ_STR("b"));
    ends();
}

static void
text_between_dumps_is_no_row(void **state)
{
    (void)state;
    open_text("0000  61   a\n\n2026 01 01 is a date\n0000  62   b\n\n2026 01 01 is a date\n");
    comes(NJ_STR("a"));
    comes(NJ_STR("b"));
    ends();
}

static void
a_line_may_end_as_in_dos(void **state)
{
    char wanted[33] = {0};

    (void)state;
    wanted[32] = 'a';
    open_text("0000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00\r\n*\r\n0020  61\r\n");
    comes((struct nj_str){wanted, 33});
    ends();
    open_text("Frame (1 byte):\r\n0000  61\r\nUnmasked data (1 byte):\r\n0000  78\r\n\r\n0000  62");
    comes(NJ_STR("a"));
    comes(NJ_STR("b"));
    ends();
}

static void
a_star_repeats_the_row_before(void **state)
{
    char wanted[49];

    (void)state;
    memset(wanted, 0, 48);
    wanted[48] = 'a';
    open_text("00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n*\n"
              "00000030  61  |a|\n00000031\n");
    comes((struct nj_str){wanted, 49});
    ends();
    open_text("00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n*\n"
              "00000030\n");
    comes((struct nj_str){wanted, 48});
    ends();
}

static void
a_row_that_is_missing_is_told(void **state)
{
    (void)state;
    open_text("0000  61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70\n0020  61\n");
    comes(NJ_STR("abcdefghijklmnop"));
    assert_int_equal(nj_hex_next(hex, &frame, &diag), NJ_CAPTURE_FAULT);
    assert_string_equal(diag.text,
                        "Line 2 of the hex dump: offset 20 stands there, and 10 is due.");
    close_text();
}

static void
ip_needs_no_link(void **state)
{
    (void)state;
    open_text("0000  45 00 00 14\n");
    comes(NJ_STR("\x45\0\0\x14"));
    assert_int_equal(frame.link_type, NJ_LINK_RAW);
    ends();
    open_text("0000  45 00 00 00 00 00 45 00 00 00 00 00 08 00\n");
    assert_int_equal(nj_hex_next(hex, &frame, &diag), NJ_CAPTURE_FRAME);
    assert_int_equal(frame.link_type, NJ_LINK_ETHERNET);
    ends();
}

static void
nothing_is_no_frame(void **state)
{
    (void)state;
    open_text("no dump at all\n2026 01 01 is a date\n");
    ends();
    assert_int_equal(nj_mem_used(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_are_no_bytes),
        cmocka_unit_test(offset_0_begins_a_frame),
        cmocka_unit_test(what_was_put_together_is_no_frame),
        cmocka_unit_test(an_empty_line_ends_what_is_no_frame),
        cmocka_unit_test(text_between_dumps_is_no_row),
        cmocka_unit_test(a_line_may_end_as_in_dos),
        cmocka_unit_test(a_star_repeats_the_row_before),
        cmocka_unit_test(a_row_that_is_missing_is_told),
        cmocka_unit_test(ip_needs_no_link),
        cmocka_unit_test(nothing_is_no_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
