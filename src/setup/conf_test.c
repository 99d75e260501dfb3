/* SPDX-License-Identifier: Apache-2.0 */
#include "setup/setup_priv.h"

#include "base/folder_kit_test.h"
#include "base/save.h"
#include "base/test.h"

#include <unistd.h>

static char dir[KIT_FOLDER_SIZE], path[NJ_SETUP_PATH_SIZE];

static int
make_folder(void **state)
{
    (void)state;
    if (folder_make(dir) != 0)
        return -1;
    (void)nj_setup_join(dir, "broker.conf", path);
    return 0;
}

static int
remove_folder(void **state)
{
    (void)state;
    return folder_remove(dir);
}

static struct nj_setup
example(enum nj_level level)
{
    struct nj_setup s = {.level = level, .port = 1999};

    (void)snprintf(s.dir, sizeof(s.dir), "/srv/home");
    (void)snprintf(s.host, sizeof(s.host), "broker.example");
    (void)snprintf(s.user, sizeof(s.user), "ciel");
    (void)snprintf(s.account, sizeof(s.account), "mosquitto");
    return s;
}

static void
what_is_written_is_read_again_at_every_level(void **state)
{
    static const struct nj_str own = {"log_type all\n", 13};

    (void)state;
    for (unsigned level = 0; level < NJ_LEVELS; level++) {
        const struct nj_setup written = example((enum nj_level)level);
        struct nj_setup read = {0};
        struct nj_secret text = {0};
        struct nj_str rest;

        assert_int_equal(nj_setup_conf_save(&written, dir, own, NULL), NJ_OK);
        assert_int_equal(nj_save_read(&text, path, 1 << 16, NULL), NJ_OK);
        assert_true(nj_setup_conf_read(&read, nj_secret_lend(&text), &rest));
        assert_int_equal(read.level, level);
        assert_int_equal(read.port, 1999);
        assert_string_equal(read.host, "broker.example");
        assert_string_equal(read.user, "ciel");
        assert_string_equal(read.account, "mosquitto");
        assert_true(nj_str_eq(rest, own));
        memcpy(read.dir, written.dir, sizeof(read.dir));
        assert_false(nj_setup_conf_is_edited(&read, nj_secret_lend(&text), rest));
        strstr(text.p, "listener 1999")[9] = '2';
        assert_true(nj_setup_conf_is_edited(&read, nj_secret_lend(&text), rest));
        nj_secret_fini(&text);
    }
}

static void
a_configuration_of_somebody_elses_is_not_taken_for_ours(void **state)
{
    static const char *const heads[] = {
        "listener 1883\n",
        "# Set up by: nightjar init --level high --host a --port 1 --user u\n",
        "# Set up by: nightjar init --level tls --host a --port 70000 --user u\n",
        "# Set up by: nightjar init --level tls --host a --port 1883 --user ../u\n",
    };
    char text[512];
    struct nj_str own;

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(heads); i++) {
        struct nj_setup read = {0};

        (void)snprintf(
            text, sizeof(text), "%s%s", heads[i],
            "# ---- yours from here: `nightjar init --upgrade` keeps what follows ----\n");
        assert_false(nj_setup_conf_read(&read, nj_str_of(text), &own));
    }
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_is_written_is_read_again_at_every_level),
        IN_FOLDER(a_configuration_of_somebody_elses_is_not_taken_for_ours),
    };

    return cmocka_run_group_tests_name("setup/conf", tests, NULL, NULL);
}
