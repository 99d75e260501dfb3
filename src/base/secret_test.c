/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include "base/test.h"

static void
copy_is_its_own_and_ends_empty(void **state)
{
    char from[] = "sesame";
    struct nj_secret s = {0};

    (void)state;
    assert_true(nj_secret_copy(&s, nj_str_of(from)));
    from[0] = 'x';
    assert_true(nj_str_eq(nj_secret_lend(&s), NJ_STR("sesame")));
    nj_secret_fini(&s);
    assert_null(s.p);
    assert_int_equal(s.n, 0);
    nj_secret_fini(&s);
}

static void
only_equal_bytes_are_the_same(void **state)
{
    const uint8_t a[] = {1, 2, 3, 0x80}, b[] = {1, 2, 3, 0};

    (void)state;
    assert_true(nj_secret_is_same(a, b, 0));
    assert_true(nj_secret_is_same(a, b, 3));
    assert_false(nj_secret_is_same(a, b, 4));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_is_its_own_and_ends_empty),
        cmocka_unit_test(only_equal_bytes_are_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
