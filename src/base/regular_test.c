/* SPDX-License-Identifier: Apache-2.0 */
#include "base/regular.h"

#include "base/folder_kit_test.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static char folder[KIT_FOLDER_SIZE], path[KIT_FILE_SIZE];
static struct stat st;

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
    return folder_remove(folder);
}

static void
write_file(void)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, "text", 4), 4);
    assert_int_equal(close(fd), 0);
}

static void
what_comes_is_no_more_than_there_is_room_for(void **state)
{
    char to[8] = "........";
    size_t n = 3;
    int fd;

    (void)state;
    write_file();
    fd = nj_regular_open(path, 0, &st);
    assert_int_equal(st.st_size, 4);
    assert_true(nj_regular_read(fd, to, &n));
    assert_int_equal(n, 3);
    assert_memory_equal(to, "tex.", 4);
    n = sizeof(to);
    assert_true(nj_regular_read(fd, to, &n));
    assert_int_equal(n, 1);
    assert_int_equal(close(fd), 0);
}

static void
a_pipe_is_told_and_not_waited_for(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    errno = EINVAL;
    assert_int_equal(nj_regular_open(path, 0, &st), -1);
    assert_int_equal(errno, 0);
    assert_true(S_ISFIFO(st.st_mode));
}

static void
a_link_is_followed_unless_it_is_forbidden(void **state)
{
    char link[104];
    int fd;

    (void)state;
    write_file();
    (void)snprintf(link, sizeof(link), "%s.link", path);
    assert_int_equal(symlink(path, link), 0);
    fd = nj_regular_open(link, 0, &st);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(nj_regular_open(link, O_NOFOLLOW, &st), -1);
    assert_int_equal(errno, ELOOP);
}

static void
what_is_not_there_says_why(void **state)
{
    (void)state;
    assert_int_equal(nj_regular_open(path, 0, &st), -1);
    assert_int_equal(errno, ENOENT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_comes_is_no_more_than_there_is_room_for, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_pipe_is_told_and_not_waited_for, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_link_is_followed_unless_it_is_forbidden, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(what_is_not_there_says_why, make_folder, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
