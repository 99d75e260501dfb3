/* SPDX-License-Identifier: Apache-2.0 */
#include "setup/setup.h"

#include "auth/password.h"
#include "base/folder_kit_test.h"
#include "base/save.h"
#include "base/test.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static char above[KIT_FOLDER_SIZE], home[KIT_FOLDER_SIZE + 8];
static struct nj_diag diag;

/* Also the account that the broker becomes may enter. */
static int
make_folder(void **state)
{
    (void)state;
    diag = (struct nj_diag){0};
    if (folder_make(above) != 0)
        return -1;
    (void)snprintf(home, sizeof(home), "%s/home", above);
    return chmod(above, 0755);
}

static int
remove_folder(void **state)
{
    (void)state;
    return folder_remove(above);
}

static struct nj_setup_wish
wish_for(enum nj_level level)
{
    return (struct nj_setup_wish){.dir = home, .level = level, .has_level = true, .user = "ciel"};
}

static struct nj_setup
make(enum nj_level level)
{
    const struct nj_setup_wish wish = wish_for(level);
    struct nj_setup s = {0};

    if (nj_setup_make(&s, &wish, &diag) != NJ_OK)
        fail_msg("%s", diag.text);
    return s;
}

/* False, and why in diag. */
static bool
raise_to(enum nj_level level)
{
    const struct nj_setup_wish wish = {.dir = home, .level = level, .has_level = true};
    struct nj_setup s = {0};
    enum nj_err err;

    diag = (struct nj_diag){0};
    err = nj_setup_raise(&s, &wish, &diag);
    nj_setup_fini(&s);
    return err == NJ_OK;
}

static bool
is_there(const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", home, name);
    return access(path, F_OK) == 0;
}

static struct nj_secret
content(const char *name)
{
    struct nj_secret text = {0};
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", home, name);
    if (nj_save_read(&text, path, 1 << 16, &diag) != NJ_OK)
        fail_msg("%s", diag.text);
    return text;
}

/* But for "." and "..". */
static unsigned
count_above(void)
{
    DIR *d = opendir(above);
    unsigned n = 0;

    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    assert_int_equal(closedir(d), 0);
    return n - 2;
}

static void
a_level_has_the_files_that_it_needs_and_no_others(void **state)
{
    static const struct {
        const char *name;
        enum nj_level from, to;
    } files[] = {
        {"broker.conf", NJ_LEVEL_OPEN, NJ_LEVEL_MTLS},
        {"clients/ciel/options", NJ_LEVEL_OPEN, NJ_LEVEL_MTLS},
        {"users", NJ_LEVEL_PASSWORD, NJ_LEVEL_TLS},
        {"ca.key", NJ_LEVEL_TLS, NJ_LEVEL_MTLS},
        {"crl.pem", NJ_LEVEL_TLS, NJ_LEVEL_MTLS},
        {"hosts/broker/server.key", NJ_LEVEL_TLS, NJ_LEVEL_MTLS},
        {"clients/ciel/ca.crt", NJ_LEVEL_TLS, NJ_LEVEL_MTLS},
        {"clients/ciel/client.key", NJ_LEVEL_MTLS, NJ_LEVEL_MTLS},
    };

    (void)state;
    for (unsigned level = 0; level < NJ_LEVELS; level++) {
        struct nj_setup s = make((enum nj_level)level);

        for (size_t i = 0; i < NJ_COUNT_OF(files); i++)
            assert_int_equal(is_there(files[i].name),
                             level >= files[i].from && level <= files[i].to);
        assert_int_equal(s.names.count > 0, level >= NJ_LEVEL_TLS);
        assert_int_equal(count_above(), 1);
        nj_setup_fini(&s);
        assert_int_equal(folder_remove(home), 0);
    }
}

static void
the_password_is_the_users_and_stands_in_his_options(void **state)
{
    struct nj_setup s = make(NJ_LEVEL_TLS);
    struct nj_secret users = content("users"), options = content("clients/ciel/options");
    struct nj_password hash;
    bool fits = false;

    (void)state;
    assert_memory_equal(users.p, "ciel:$7$", 8);
    users.p[strcspn(users.p, "\n")] = '\0';
    assert_int_equal(nj_password_read(&hash, nj_str_of(users.p + 5), &diag), NJ_OK);
    assert_int_equal(nj_password_check(&hash, nj_secret_lend(&s.password), &fits), NJ_OK);
    assert_true(fits);
    assert_non_null(memmem(options.p, options.n, s.password.p, s.password.n));
    nj_secret_fini(&users);
    nj_secret_fini(&options);
    nj_setup_fini(&s);
}

static void
a_raise_keeps_users_and_keys(void **state)
{
    static const char *const kept[] = {"users", "ca.key", "ca.crt", "hosts/broker/server.key"};
    struct nj_setup s = make(NJ_LEVEL_OPEN);
    struct nj_secret before[NJ_COUNT_OF(kept)], after;

    (void)state;
    nj_setup_fini(&s);
    assert_true(raise_to(NJ_LEVEL_TLS));
    for (size_t i = 0; i < NJ_COUNT_OF(kept); i++)
        before[i] = content(kept[i]);
    assert_true(raise_to(NJ_LEVEL_MTLS));
    for (size_t i = 0; i < NJ_COUNT_OF(kept); i++) {
        after = content(kept[i]);
        assert_true(nj_str_eq(nj_secret_lend(&before[i]), nj_secret_lend(&after)));
        nj_secret_fini(&before[i]);
        nj_secret_fini(&after);
    }
    assert_true(is_there("broker.conf.open") && is_there("broker.conf.tls"));
    assert_true(is_there("clients/ciel/client.key"));
    assert_false(is_there("clients/ciel/options.old"));
}

static void
no_level_is_lowered_and_none_is_above_the_last(void **state)
{
    const struct nj_setup_wish next = {.dir = home};
    struct nj_setup s = make(NJ_LEVEL_MTLS);
    struct nj_secret before = content("broker.conf"), after;

    (void)state;
    nj_setup_fini(&s);
    assert_false(raise_to(NJ_LEVEL_TLS));
    assert_non_null(strstr(diag.text, "none is ever lowered"));
    assert_false(raise_to(NJ_LEVEL_MTLS));
    assert_non_null(strstr(diag.text, "already"));
    assert_int_equal(nj_setup_raise(&s, &next, &diag), NJ_EEXIST);
    nj_setup_fini(&s);
    after = content("broker.conf");
    assert_true(nj_str_eq(nj_secret_lend(&before), nj_secret_lend(&after)));
    nj_secret_fini(&before);
    nj_secret_fini(&after);
}

static void
what_is_refused_leaves_nothing(void **state)
{
    struct nj_setup_wish wishes[] = {
        wish_for(NJ_LEVEL_TLS),  wish_for(NJ_LEVEL_TLS), wish_for(NJ_LEVEL_TLS),
        wish_for(NJ_LEVEL_OPEN), wish_for(NJ_LEVEL_TLS),
    };
    char quoted[KIT_FOLDER_SIZE + 8];

    (void)state;
    (void)snprintf(quoted, sizeof(quoted), "%s/a'b", above);
    wishes[0].user = "a:b";
    wishes[1].user = "../x";
    wishes[2].dir = quoted;
    assert_int_equal(nj_names_add(&wishes[3].hosts, NJ_STR("broker.example"), NULL), NJ_OK);
    assert_int_equal(nj_names_add(&wishes[4].hosts, NJ_STR("*.example"), NULL), NJ_OK);
    for (size_t i = 0; i < NJ_COUNT_OF(wishes); i++) {
        struct nj_setup s = {0};

        assert_int_equal(nj_setup_make(&s, &wishes[i], &diag), NJ_EINVAL);
        nj_setup_fini(&s);
        assert_int_equal(count_above(), 0);
    }
}

static void
a_folder_that_is_not_empty_is_left_alone(void **state)
{
    const struct nj_setup_wish wish = wish_for(NJ_LEVEL_OPEN);
    struct nj_setup s = {0};
    char file[KIT_FOLDER_SIZE + 16];

    (void)state;
    assert_int_equal(mkdir(home, 0755), 0);
    (void)snprintf(file, sizeof(file), "%s/mine", home);
    assert_int_equal(nj_save(file, NJ_STR("x"), NJ_SAVE_PUBLIC, false, NULL), NJ_OK);
    assert_int_equal(nj_setup_make(&s, &wish, &diag), NJ_EEXIST);
    nj_setup_fini(&s);
    assert_true(is_there("mine") && !is_there("broker.conf"));
    assert_int_equal(unlink(file), 0);
    s = make(NJ_LEVEL_OPEN); /* empty, it will do */
    nj_setup_fini(&s);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_level_has_the_files_that_it_needs_and_no_others),
        IN_FOLDER(the_password_is_the_users_and_stands_in_his_options),
        IN_FOLDER(a_raise_keeps_users_and_keys),
        IN_FOLDER(no_level_is_lowered_and_none_is_above_the_last),
        IN_FOLDER(what_is_refused_leaves_nothing),
        IN_FOLDER(a_folder_that_is_not_empty_is_left_alone),
    };

    return cmocka_run_group_tests_name("setup/setup", tests, NULL, NULL);
}
