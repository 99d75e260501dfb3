/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rights.h"

#include "base/folder_kit_test.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[KIT_FOLDER_SIZE], path[KIT_FILE_SIZE], at[96];

static int
make_folder(void **state)
{
    (void)state;
    if (folder_make_for_file(folder, path) != 0)
        return -1;
    return close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static int
remove_folder(void **state)
{
    (void)state;
    return folder_remove(folder);
}

static bool
nobody_may(int how, mode_t of_folder, mode_t of_file)
{
    at[0] = '\0';
    assert_int_equal(chmod(folder, of_folder), 0);
    assert_int_equal(chmod(path, of_file), 0);
    return nj_rights_may("nobody", path, how, at, sizeof(at));
}

static void
the_mode_of_the_file_decides_where_its_folder_lets_pass(void **state)
{
    (void)state;
    assert_true(nobody_may(R_OK, 0711, 0604));
    assert_false(nobody_may(R_OK | W_OK, 0711, 0604));
    assert_string_equal(at, path);
    assert_false(nobody_may(R_OK, 0711, 0600));
    assert_string_equal(at, path);
    assert_true(nobody_may(R_OK | W_OK, 0711, 0606));
}

static void
a_folder_that_cannot_be_entered_is_named(void **state)
{
    (void)state;
    assert_false(nobody_may(R_OK, 0744, 0644));
    assert_string_equal(at, folder);
}

static void
the_usual_user_of_a_broker_is_there(void **state)
{
    (void)state;
    assert_non_null(getpwnam(nj_rights_usual_user()));
}

static void
what_cannot_be_known_is_no_complaint(void **state)
{
    (void)state;
    assert_int_equal(chmod(folder, 0700), 0);
    assert_true(nj_rights_may("root", path, W_OK, at, sizeof(at)));
    assert_true(nj_rights_may("no such user", path, W_OK, at, sizeof(at)));
    assert_true(nj_rights_may("nobody", "/nowhere/at/all", R_OK, at, sizeof(at)));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(the_mode_of_the_file_decides_where_its_folder_lets_pass),
        IN_FOLDER(a_folder_that_cannot_be_entered_is_named),
        IN_FOLDER(the_usual_user_of_a_broker_is_there),
        IN_FOLDER(what_cannot_be_known_is_no_complaint),
    };

    return cmocka_run_group_tests_name("base/rights", tests, NULL, NULL);
}
