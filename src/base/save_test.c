/* SPDX-License-Identifier: Apache-2.0 */
#include "base/save.h"

#include "base/folder_kit_test.h"
#include "base/test.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[KIT_FOLDER_SIZE], path[KIT_FILE_SIZE];

static int
make_folder(void **state)
{
    (void)state;
    return folder_make_for_file(folder, path);
}

static int
remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder); /* fails where anything else was left */
}

static void
assert_holds(const char *text, mode_t mode)
{
    struct nj_secret bytes = {0};
    struct stat is;

    assert_int_equal(nj_save_read(&bytes, path, 100, NULL), NJ_OK);
    assert_string_equal(bytes.p, text);
    assert_int_equal(bytes.n, strlen(text));
    nj_secret_fini(&bytes);
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(is.st_mode & 07777, mode);
}

static void
a_file_has_the_mode_asked_for_whatever_the_umask(void **state)
{
    mode_t was = umask(0777);

    (void)state;
    assert_int_equal(nj_save(path, NJ_STR("one"), NJ_SAVE_PUBLIC, false, NULL), NJ_OK);
    (void)umask(was);
    assert_holds("one", 0644);
}

static void
what_is_replaced_keeps_its_owner_group_and_mode(void **state)
{
    struct nj_diag diag = {0};
    uid_t owner = geteuid() == 0 ? 65534 : geteuid();
    struct stat is;

    (void)state;
    assert_int_equal(nj_save(path, NJ_STR("one"), NJ_SAVE_PUBLIC, false, NULL), NJ_OK);
    assert_int_equal(chown(path, owner, (gid_t)-1), 0);
    assert_int_equal(chmod(path, 0440), 0);
    assert_int_equal(nj_save(path, NJ_STR("two"), NJ_SAVE_SECRET, true, NULL), NJ_OK);
    assert_holds("two", 0440);
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(is.st_uid, owner);
    if (geteuid() != 0)
        return;
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(chown(path, 0, 0), 0);
    assert_int_equal(seteuid(65534), 0);
    assert_int_equal(nj_save(path, NJ_STR("three"), NJ_SAVE_SECRET, true, &diag), NJ_ESYS);
    assert_int_equal(seteuid(0), 0);
    assert_non_null(strstr(diag.text, "belongs to another account"));
    assert_holds("two", 0440);
}

static void
what_a_dead_writer_left_is_swept_away_and_nothing_else(void **state)
{
    static const char *const names[] = {".nightjar-AbC123", ".nightjar-works1",
                                        ".nightjar-longer1"};
    char file[3][128];
    int fd = -1;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(file[i], sizeof(file[i]), "%s/%s", folder, names[i]);
        assert_int_equal(nj_save(file[i], NJ_STR("x"), NJ_SAVE_PUBLIC, false, NULL), NJ_OK);
    }
    fd = open(file[1], O_RDONLY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(nj_save_sweep(folder), 1);
    assert_int_equal(access(file[0], F_OK), -1);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(file[1]) + unlink(file[2]), 0);
    assert_int_equal(nj_save_sweep("/nowhere"), 0);
}

static void
what_is_there_stays_unless_it_may_be_replaced(void **state)
{
    struct nj_diag diag = {0};

    (void)state;
    assert_int_equal(nj_save(path, NJ_STR("one"), NJ_SAVE_SECRET, false, NULL), NJ_OK);
    assert_int_equal(nj_save(path, NJ_STR("two"), NJ_SAVE_SECRET, false, &diag), NJ_EEXIST);
    assert_non_null(strstr(diag.text, "is there already"));
    assert_holds("one", 0600);
}

static void
a_link_is_replaced_not_followed(void **state)
{
    char other[128];

    (void)state;
    (void)snprintf(other, sizeof(other), "%s/other", folder);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(nj_save(path, NJ_STR("one"), NJ_SAVE_SECRET, false, NULL), NJ_EEXIST);
    assert_int_equal(nj_save(path, NJ_STR("one"), NJ_SAVE_SECRET, true, NULL), NJ_OK);
    assert_int_equal(access(other, F_OK), -1);
    assert_holds("one", 0600);
}

static void
failure_leaves_nothing_behind(void **state)
{
    struct nj_diag diag = {0};
    char wrong[128];

    (void)state;
    (void)snprintf(wrong, sizeof(wrong), "%s/not/there", folder);
    assert_int_equal(nj_save(wrong, NJ_STR("x"), NJ_SAVE_SECRET, true, &diag), NJ_ESYS);
    assert_non_null(strstr(diag.text, wrong));
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(nj_save(path, NJ_STR("x"), NJ_SAVE_SECRET, true, NULL), NJ_ESYS);
    assert_int_equal(rmdir(path), 0);
}

static void
folders_are_made_all_the_way_down(void **state)
{
    char below[128], middle[128];
    mode_t was = umask(0077);
    struct stat is;

    (void)state;
    (void)snprintf(middle, sizeof(middle), "%s/a", folder);
    (void)snprintf(below, sizeof(below), "%s/a/b", folder);
    assert_int_equal(nj_save_folder(below, NULL), NJ_OK);
    assert_int_equal(nj_save_folder(below, NULL), NJ_OK);
    (void)umask(was);
    assert_int_equal(stat(below, &is), 0);
    assert_int_equal(is.st_mode & 07777, 0755);
    assert_int_equal(rmdir(below), 0);
    assert_int_equal(rmdir(middle), 0);
    assert_int_equal(nj_save(path, NJ_STR("x"), NJ_SAVE_PUBLIC, false, NULL), NJ_OK);
    (void)snprintf(below, sizeof(below), "%s/b", path);
    assert_int_equal(nj_save_folder(below, NULL), NJ_ESYS);
}

static void
reading_is_bounded(void **state)
{
    struct nj_secret bytes = {0};

    (void)state;
    assert_int_equal(nj_save_read(&bytes, path, 10, NULL), NJ_ENOENT);
    assert_int_equal(nj_save(path, NJ_STR("0123456789"), NJ_SAVE_PUBLIC, false, NULL), NJ_OK);
    assert_int_equal(nj_save_read(&bytes, path, 9, NULL), NJ_EQUOTA);
    assert_null(bytes.p);
    assert_int_equal(nj_save_read(&bytes, path, 10, NULL), NJ_OK);
    assert_int_equal(bytes.n, 10);
    nj_secret_fini(&bytes);
    assert_int_equal(nj_save_read(&bytes, folder, 10, NULL), NJ_ESYS);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_file_has_the_mode_asked_for_whatever_the_umask),
        IN_FOLDER(what_is_replaced_keeps_its_owner_group_and_mode),
        IN_FOLDER(what_a_dead_writer_left_is_swept_away_and_nothing_else),
        IN_FOLDER(what_is_there_stays_unless_it_may_be_replaced),
        IN_FOLDER(a_link_is_replaced_not_followed),
        IN_FOLDER(failure_leaves_nothing_behind),
        IN_FOLDER(folders_are_made_all_the_way_down),
        IN_FOLDER(reading_is_bounded),
    };

    return cmocka_run_group_tests_name("base/save", tests, NULL, NULL);
}
