/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/names.h"

#include "base/test.h"

static const char *
after(const char *list, char out[512])
{
    struct nj_names names = {0};
    struct nj_diag diag = {0};

    if (nj_names_add(&names, nj_str_of(list), &diag) != NJ_OK)
        (void)snprintf(out, 512, "refused: %.400s", diag.text);
    else
        nj_names_print(&names, out, 512);
    return out;
}

static void
kinds_are_told_apart_and_addresses_have_one_spelling(void **state)
{
    char text[512];

    (void)state;
    assert_string_equal(after("broker,10.0.0.1,FD00::0:1", text),
                        "DNS:broker, IP:10.0.0.1, IP:fd00::1");
    assert_string_equal(after("dns:a.example,ip:::1", text), "DNS:a.example, IP:::1");
    assert_string_equal(after("URI:urn:x:y,email:a@b", text), "URI:urn:x:y, email:a@b");
    assert_string_equal(after("*.example", text), "DNS:*.example");
    assert_string_equal(after("a,A,a", text), "DNS:a");
}

static void
names_that_nobody_could_look_up_are_refused(void **state)
{
    static const char *const wrong[] = {"",    "a b",  "a..b", ".a",         "a.",   "-a",
                                        "a-",  "*",    "a.*",  "IP:a",       "IP:1", "DNS:1.2.3.4",
                                        "a/b", "URI:", "DNS:", "email:\x80", "a,",   "1.2.3.4/8"};
    char text[512];

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(wrong); i++) {
        if (strncmp(after(wrong[i], text), "refused", 7) != 0)
            fail_msg("'%s' was taken: %s", wrong[i], text);
    }
}

static void
lengths_are_bounded(void **state)
{
    char label[80], name[400], text[512];
    struct nj_names names = {0};

    (void)state;
    memset(label, 'a', sizeof(label));
    label[63] = '\0';
    assert_memory_equal(after(label, text), "DNS:a", 5);
    label[63] = 'a';
    label[64] = '\0';
    assert_memory_equal(after(label, text), "refused", 7);
    memset(name, 'x', sizeof(name));
    for (size_t i = 10; i < sizeof(name); i += 10)
        name[i] = '.';
    name[253] = '\0';
    assert_memory_equal(after(name, text), "DNS:x", 5);
    name[253] = 'x';
    name[254] = '\0';
    assert_memory_equal(after(name, text), "refused", 7);
    name[254] = 'x';
    name[399] = '\0';
    assert_memory_equal(after(name, text), "refused", 7);
    for (int i = 0; i < NJ_NAMES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "host%d", i);
        assert_int_equal(nj_names_add(&names, nj_str_of(name), NULL), NJ_OK);
    }
    assert_int_equal(nj_names_add(&names, NJ_STR("more"), NULL), NJ_EQUOTA);
    assert_int_equal(nj_names_add(&names, NJ_STR("host7"), NULL), NJ_OK);
}

static void
a_nul_ends_no_name(void **state)
{
    struct nj_names names = {0};

    (void)state;
    assert_int_equal(nj_names_add(&names, NJ_STR("good.example\0.evil"), NULL), NJ_EINVAL);
    assert_int_equal(names.count, 0);
}

static void
the_machine_is_at_least_localhost(void **state)
{
    struct nj_names names = {0};
    bool has_name = false, has_address = false;

    (void)state;
    nj_names_add_machine(&names);
    for (unsigned i = 0; i < names.count; i++) {
        has_name = has_name || strcmp(names.at[i], "DNS:localhost") == 0;
        has_address = has_address || strcmp(names.at[i], "IP:127.0.0.1") == 0;
        assert_null(strstr(names.at[i], "fe80"));
    }
    assert_true(has_name && has_address);
}

static void
a_folder_is_named_safely_or_not_at_all(void **state)
{
    static const char *const good[] = {"broker", "192.168.56.101", "fd00::1",         "aa:bb:cc",
                                       "a@b.c",  "x=1,y=2",        "\xc3\xa9tudiant", "_a-b.c"};
    static const char *const wrong[] = {
        "",   ".",  "..",  ".a",   "-a",   "a/b",  "a b",      "a\tb",         "a\n", "a+b", "a#",
        "a*", "a?", "a$",  "a\\b", "a'b",  "a\"b", "a`b",      "a|b",          "a;b", "a&b", "a<b",
        "~",  "a!", "a%b", "\x7f", "\xff", "\xc3", "\xc2\x85", "\xed\xa0\x80", "(a)", "{a}", "[a]"};
    struct nj_diag diag;

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(good); i++)
        assert_int_equal(nj_names_check_folder(good[i], NULL), NJ_OK);
    for (size_t i = 0; i < NJ_COUNT_OF(wrong); i++) {
        diag = (struct nj_diag){0};
        if (nj_names_check_folder(wrong[i], &diag) != NJ_EINVAL)
            fail_msg("'%s' was taken", wrong[i]);
        assert_true(diag.text[0] != '\0' && diag.hint[0] != '\0');
    }
}

static void
any_text_comes_near_a_name_or_is_none(void **state)
{
    static const struct {
        const char *text, *name;
    } rows[] = {
        {"lamp7", "lamp7"}, {"the CA", "the-CA"}, {"a;b/c", "a-b-c"}, {"ampoule é", "ampoule-é"},
        {"", NULL},         {".x", NULL},         {"$x", NULL}};
    char name[80];

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        assert_int_equal(nj_names_as_folder(rows[i].text, name, sizeof(name)),
                         rows[i].name != NULL);
        if (rows[i].name != NULL)
            assert_string_equal(name, rows[i].name);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_told_apart_and_addresses_have_one_spelling),
        cmocka_unit_test(names_that_nobody_could_look_up_are_refused),
        cmocka_unit_test(lengths_are_bounded),
        cmocka_unit_test(a_nul_ends_no_name),
        cmocka_unit_test(the_machine_is_at_least_localhost),
        cmocka_unit_test(a_folder_is_named_safely_or_not_at_all),
        cmocka_unit_test(any_text_comes_near_a_name_or_is_none),
    };

    return cmocka_run_group_tests_name("pki/names", tests, NULL, NULL);
}
