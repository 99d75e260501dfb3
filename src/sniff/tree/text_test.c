/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/tree/text.h"

#include "base/mem.h"
#include "sniff/kit_test.h"

#define BAD "\xef\xbf\xbd"

static void
is_put_as(struct nj_str s, const char *foreign, const char *shown)
{
    struct nj_text t = {0};

    nj_text_put_foreign(&t, s);
    assert_string_equal(nj_text_c(&t), foreign);
    nj_text_clear(&t);
    nj_text_put_shown(&t, s);
    assert_string_equal(nj_text_c(&t), shown);
    nj_text_fini(&t);
    assert_int_equal(nj_mem_used(), 0);
}

static void
each_maximal_part_of_a_character_is_replaced_once(void **state)
{
    (void)state;
    is_put_as(NJ_STR("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82"),
              "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82", "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82");
    is_put_as(NJ_STR("\xc3("), BAD "(", BAD "(");
    is_put_as(NJ_STR("\xed\xa0\x80"), BAD BAD BAD, BAD BAD BAD); /* a surrogate */
    is_put_as(NJ_STR("\xe2\x82x\xf0\x9f\x99"), BAD "x" BAD, BAD "x" BAD);
    is_put_as(NJ_STR("\xc0\xaf\xff"), BAD BAD BAD, BAD BAD BAD);
    is_put_as(NJ_STR("\xf4\x90\x80\x80"), BAD BAD BAD BAD, BAD BAD BAD BAD);
}

static void
a_nul_ends_it(void **state)
{
    (void)state;
    is_put_as(NJ_STR("a\0b"), "a", "a");
}

static void
a_terminal_is_not_told_to_do_anything(void **state)
{
    (void)state;
    is_put_as(NJ_STR("\x1b[2J\n\x7f\xc2\x9b"), "\x1b[2J\n\x7f\xc2\x9b", "\\x1b[2J\\x0a\\x7f\\x9b");
}

static void
bytes_have_two_digits_each(void **state)
{
    struct nj_text t = {0};

    (void)state;
    nj_text_put_hex(&t, NJ_STR("\x01\xab\xff"), ':');
    nj_text_put_hex(&t, NJ_STR("\x01\xab"), '\0');
    nj_text_put_hex(&t, NJ_STR(""), ':');
    assert_string_equal(nj_text_c(&t), "01:ab:ff01ab");
    nj_text_shorten(&t, 5);
    nj_text_putf(&t, "-%u", 7u);
    assert_string_equal(nj_text_c(&t), "01:ab-7");
    assert_false(t.is_cut);
    nj_text_fini(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_maximal_part_of_a_character_is_replaced_once),
        cmocka_unit_test(a_nul_ends_it),
        cmocka_unit_test(a_terminal_is_not_told_to_do_anything),
        cmocka_unit_test(bytes_have_two_digits_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
