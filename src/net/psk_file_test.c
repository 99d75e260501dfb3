/* SPDX-License-Identifier: Apache-2.0 */
#include "net/psk_file.h"

#include "base/secret_kit_test.h"

static void
finds_the_key_of_an_identity(void **state)
{
    struct nj_psk_file *file = NULL;
    struct nj_diag diag = {0};
    uint8_t key[NJ_PSK_KEY_MAX];

    (void)state;
    kit_write("# keys\nsensor 1:00ff7A\nb:01\n", 0600);
    assert_int_equal(nj_psk_file_load(&file, kit_path, &diag), NJ_OK);
    assert_int_equal(nj_psk_file_find(file, NJ_STR("sensor 1"), key), 3);
    assert_memory_equal(key, "\x00\xff\x7a", 3);
    assert_int_equal(nj_psk_file_find(file, NJ_STR("b"), key), 1);
    assert_int_equal(nj_psk_file_find(file, NJ_STR("sensor"), key), 0);
    assert_int_equal(nj_psk_file_find(file, NJ_STR(""), key), 0);
    nj_psk_file_free(file);
}

#define TEN(c) c c c c c c c c c c
#define LONG   TEN(TEN("i")) TEN(TEN("i")) TEN(TEN("i"))

static void
what_is_no_key_is_told_by_its_line(void **state)
{
    static const char *const bad[] = {"a:01\nb:0\n", "a:01\nb:0g\n", "a:01\nb:01 02\n",
                                      "a:01\nb:\n",  "a:01\na:02\n", "a:01\n" LONG ":02\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct nj_psk_file *file = NULL;
        struct nj_diag diag = {0};

        kit_write(bad[i], 0600);
        assert_int_equal(nj_psk_file_load(&file, kit_path, &diag), NJ_ECONFIG);
        assert_int_equal(diag.line, 2);
        assert_null(file);
    }
}

static void
a_file_of_another_kind_is_not_taken_for_one_without_keys(void **state)
{
    struct nj_psk_file *file = NULL;
    struct nj_diag diag = {0};

    (void)state;
    kit_write("-----BEGIN CERTIFICATE-----\nMIIB\n", 0600);
    assert_int_equal(nj_psk_file_load(&file, kit_path, &diag), NJ_ECONFIG);
    kit_write("", 0600);
    assert_int_equal(nj_psk_file_load(&file, kit_path, &diag), NJ_OK);
    nj_psk_file_free(file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(finds_the_key_of_an_identity, kit_remove),
        cmocka_unit_test_teardown(what_is_no_key_is_told_by_its_line, kit_remove),
        cmocka_unit_test_teardown(a_file_of_another_kind_is_not_taken_for_one_without_keys,
                                  kit_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
