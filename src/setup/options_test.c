/* SPDX-License-Identifier: Apache-2.0 */
#include "setup/setup_priv.h"

#include "base/folder_kit_test.h"
#include "base/save.h"
#include "base/test.h"

#include <unistd.h>

static char dir[KIT_FOLDER_SIZE], now[NJ_SETUP_PATH_SIZE], old[NJ_SETUP_PATH_SIZE];

static int
make_folder(void **state)
{
    (void)state;
    if (folder_make(dir) != 0)
        return -1;
    (void)nj_setup_join(dir, "clients/ciel/options", now);
    (void)nj_setup_join(dir, "clients/ciel/options.old", old);
    return 0;
}

static int
remove_folder(void **state)
{
    (void)state;
    return folder_remove(dir);
}

static void
write_for(enum nj_level level, const char *password)
{
    struct nj_setup s = {.level = level, .port = 1999};

    (void)snprintf(s.dir, sizeof(s.dir), "/srv/home");
    (void)snprintf(s.host, sizeof(s.host), "broker.example");
    assert_int_equal(nj_setup_options_save(&s, dir, "ciel", nj_str_of(password), NULL), NJ_OK);
}

static void
assert_text(const char *path, const char *has, const char *has_not)
{
    struct nj_secret text = {0};

    assert_int_equal(nj_save_read(&text, path, 4096, NULL), NJ_OK);
    if (strstr(text.p, has) == NULL || (has_not != NULL && strstr(text.p, has_not) != NULL))
        fail_msg("%s: %s", path, text.p);
    nj_secret_fini(&text);
}

static void
assert_password(const char *expected)
{
    struct nj_secret found = {0};

    assert_int_equal(nj_setup_options_password(&found, dir, "ciel", NULL), NJ_OK);
    assert_true(nj_str_eq(nj_secret_lend(&found), nj_str_of(expected)));
    nj_secret_fini(&found);
}

static void
each_level_says_how_to_reach_it_and_no_more(void **state)
{
    (void)state;
    write_for(NJ_LEVEL_OPEN, "");
    assert_text(now, "\n-h broker.example\n-p 1999\n", "\n-u ");
    write_for(NJ_LEVEL_PASSWORD, "x y");
    assert_text(now, "\n-u ciel\n-P x y\n", "--cafile");
    write_for(NJ_LEVEL_TLS, "");
    assert_text(now, "\n--cafile /srv/home/clients/ciel/ca.crt\n-u ciel\n", "-P");
    write_for(NJ_LEVEL_MTLS, "");
    assert_text(now,
                "\n--cert /srv/home/clients/ciel/client.crt\n"
                "--key /srv/home/clients/ciel/client.key\n",
                "\n-u ");
}

static void
mosquittos_clients_find_the_same_under_their_names(void **state)
{
    static const char *const names[] = {"mosquitto_pub", "mosquitto_sub", "mosquitto_rr"};
    char path[NJ_SETUP_PATH_SIZE + 32];

    (void)state;
    write_for(NJ_LEVEL_PASSWORD, "first");
    write_for(NJ_LEVEL_PASSWORD, "second"); /* the links are there already */
    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/clients/ciel/%s", dir, names[i]);
        assert_text(path, "-P second\n", "first");
    }
}

static void
a_password_is_found_in_what_was_kept_where_the_new_options_have_none(void **state)
{
    (void)state;
    assert_password(""); /* nor is there a folder */
    write_for(NJ_LEVEL_PASSWORD, "x y");
    assert_password("x y");
    assert_int_equal(nj_setup_options_keep(dir, "ciel", NULL), NJ_OK);
    write_for(NJ_LEVEL_MTLS, "");
    assert_password("x y");
}

static void
what_is_kept_first_is_restored(void **state)
{
    (void)state;
    write_for(NJ_LEVEL_PASSWORD, "first");
    assert_int_equal(nj_setup_options_keep(dir, "ciel", NULL), NJ_OK);
    write_for(NJ_LEVEL_PASSWORD, "second");
    assert_int_equal(nj_setup_options_keep(dir, "ciel", NULL), NJ_OK); /* after a kill */
    nj_setup_options_restore(dir, "ciel");
    assert_text(now, "-P first\n", "second");
    assert_int_equal(access(old, F_OK), -1);
}

static void
what_is_forgotten_is_gone(void **state)
{
    (void)state;
    assert_int_equal(nj_setup_options_keep(dir, "ciel", NULL), NJ_OK); /* nothing to keep yet */
    write_for(NJ_LEVEL_PASSWORD, "first");
    assert_int_equal(nj_setup_options_keep(dir, "ciel", NULL), NJ_OK);
    write_for(NJ_LEVEL_PASSWORD, "second");
    nj_setup_options_forget(dir, "ciel");
    assert_int_equal(access(old, F_OK), -1);
    nj_setup_options_restore(dir, "ciel");
    assert_text(now, "-P second\n", "first");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(each_level_says_how_to_reach_it_and_no_more),
        IN_FOLDER(mosquittos_clients_find_the_same_under_their_names),
        IN_FOLDER(a_password_is_found_in_what_was_kept_where_the_new_options_have_none),
        IN_FOLDER(what_is_kept_first_is_restored),
        IN_FOLDER(what_is_forgotten_is_gone),
    };

    return cmocka_run_group_tests_name("setup/options", tests, NULL, NULL);
}
