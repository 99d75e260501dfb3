/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password_file.h"

#include "auth/password.h"
#include "base/hash.h"

#include "base/secret_kit_test.h"

#include <spawn.h>
#include <sys/wait.h>

#define ALICE_SECRET                                                                               \
    "alice:$7$101$33LiIjZpsdPEvIMb$2419+Zpsr9MJMOWq6Tk+6TvJGhPUczMyzvDzlaDlEhpIyID7jFaM+7v/"       \
    "kwFOn8sBhQBo4ruQ8ckIvXrEYcpXGA==\n"
#define BOB_S2                                                                                     \
    "bob:$6$XruwIZNdKoZ7ES8Y$2buSTxXj3OkZ2TlNCK6HQ4mCZ/jArfzBryzyg0HXuS4rEEO8s36rmMQTMmn3AOVRv5v"  \
    "MFSwImExi8BrPZzGFsg==\n"

static struct nj_users *
load(const char *text)
{
    struct nj_users *users = NULL;
    struct nj_diag diag = {0};

    kit_write(text, 0600);
    if (nj_password_file_load(&users, kit_path, &diag) != NJ_OK)
        fail_msg("%s:%d: %s", diag.file, diag.line, diag.text);
    return users;
}

static bool
lets_in(const struct nj_users *users, const char *name, const char *password)
{
    struct nj_user user = users->ops->find(users, nj_str_of(name));
    bool fits = false;

    assert_non_null(user.entry);
    assert_int_equal(users->ops->check(user.entry, nj_str_of(password), &fits), NJ_OK);
    return fits && user.stamp != 0;
}

static void
knows_its_users_and_nobody_else(void **state)
{
    struct nj_users *users =
        load("# a comment: with a colon\n\n" BOB_S2 "no colon here\n" ALICE_SECRET);

    (void)state;
    assert_true(lets_in(users, "alice", "secret"));
    assert_true(lets_in(users, "bob", "s2"));
    assert_false(lets_in(users, "alice", "s2"));
    assert_false(lets_in(users, "bob", "secret"));
    assert_false(lets_in(users, "", "secret"));
    assert_false(lets_in(users, "alic", "secret"));
    assert_false(lets_in(users, "alice2", "secret"));
    assert_false(lets_in(users, "no colon here", ""));
    nj_users_unref(users);
}

/* With whatever password: an unknown name is checked against somebody's hash, but never known. */
static void
unknown_name_is_checked_against_a_hash_of_the_file(void **state)
{
    struct nj_users *users = load(ALICE_SECRET BOB_S2);
    unsigned like_alice = 0, fitted = 0;

    (void)state;
    for (int i = 0; i < 200; i++) {
        char name[16];
        struct nj_user user, again;
        bool fits = false;

        (void)snprintf(name, sizeof(name), "nobody%d", i);
        user = users->ops->find(users, nj_str_of(name));
        again = users->ops->find(users, nj_str_of(name));
        assert_int_equal(user.stamp, 0);
        assert_ptr_equal(user.entry, again.entry);
        like_alice += ((const struct nj_password *)user.entry)->kind == NJ_PASSWORD_PBKDF2;
        assert_int_equal(users->ops->check(user.entry, NJ_STR("secret"), &fits), NJ_OK);
        fitted += fits;
    }
    assert_in_range(like_alice, 60, 140);
    assert_int_equal(fitted, like_alice); /* the password of another opens nothing: no stamp */
    nj_users_unref(users);
}

static void
empty_file_knows_nobody(void **state)
{
    struct nj_users *users = load("");

    (void)state;
    assert_false(lets_in(users, "alice", ""));
    nj_users_unref(users);
}

static void
stamp_changes_with_the_entry_and_only_then(void **state)
{
    struct nj_users *before = load(ALICE_SECRET BOB_S2), *after;
    uint64_t alice = before->ops->find(before, NJ_STR("alice")).stamp;
    uint64_t bob = before->ops->find(before, NJ_STR("bob")).stamp;

    (void)state;
    nj_users_unref(before);
    after =
        load("# moved\n" BOB_S2 "alice:$7$102$33LiIjZpsdPEvIMb$2419+Zpsr9MJMOWq6Tk+6TvJGhPUczMyz"
             "vDzlaDlEhpIyID7jFaM+7v/kwFOn8sBhQBo4ruQ8ckIvXrEYcpXGA==");
    assert_true(after->ops->find(after, NJ_STR("alice")).stamp != alice);
    assert_true(after->ops->find(after, NJ_STR("bob")).stamp == bob);
    nj_users_unref(after);
}

static void
blanks_and_what_follows_a_second_colon_do_not_count(void **state)
{
    struct nj_users *users =
        load(" alice \t: $6$XruwIZNdKoZ7ES8Y$2buSTxXj3OkZ2TlNCK6HQ4mCZ/jArfzBryz"
             "yg0HXuS4rEEO8s36rmMQTMmn3AOVRv5vMFSwImExi8BrPZzGFsg== : more\r\n");

    (void)state;
    assert_true(lets_in(users, "alice", "s2"));
    nj_users_unref(users);
}

static void
mistakes_are_told_by_file_and_line(void **state)
{
    static const struct {
        const char *text;
        int line;
        const char *says;
    } bad[] = {
        {ALICE_SECRET "bob:plain\n", 2, "'bob': the password is not hashed"},
        {"\n# x\nbob:\n", 3, "nothing behind"},
        {"bob::$6$x\n", 1, "nothing behind"},
        {":$6$AAAA$BBBB\n", 1, "no name"},
        {"  :x\n", 1, "no name"},
        {ALICE_SECRET BOB_S2 ALICE_SECRET, 3, "the first is in line 1"},
        {"bob:$9$AAAA$BBBB", 1, "none of the forms"},
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++) {
        struct nj_users *users = NULL;
        struct nj_diag diag = {0};

        kit_write(bad[i].text, 0600);
        assert_int_equal(nj_password_file_load(&users, kit_path, &diag), NJ_ECONFIG);
        assert_null(users);
        assert_string_equal(diag.file, kit_path);
        assert_int_equal(diag.line, bad[i].line);
        if (strstr(diag.text, bad[i].says) == NULL)
            fail_msg("%s", diag.text);
    }
}

static void
file_that_cannot_be_read_is_another_failure_than_a_mistake(void **state)
{
    struct nj_users *users = NULL;
    struct nj_diag diag = {0};
    char link_path[96];

    (void)state;
    assert_int_equal(nj_password_file_load(&users, "/nonexistent/file", &diag), NJ_ESYS);
    assert_non_null(strstr(diag.text, "\"/nonexistent/file\": No such file"));
    assert_int_equal(nj_password_file_load(&users, "/tmp", &diag), NJ_ESYS);
    assert_int_equal(nj_password_file_load(&users, "/dev/null", &diag), NJ_ESYS);
    assert_non_null(strstr(diag.text, "no regular file"));

    kit_write(ALICE_SECRET, 0600);
    (void)snprintf(link_path, sizeof(link_path), "%s-link", kit_path);
    (void)unlink(link_path);
    assert_int_equal(symlink(kit_path, link_path), 0);
    assert_int_equal(nj_password_file_load(&users, link_path, &diag), NJ_ESYS);
    assert_non_null(strstr(diag.hint, "MOSQUITTO_UNSAFE_ALLOW_SYMLINKS"));
    assert_int_equal(setenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS", "1", 1), 0);
    assert_int_equal(nj_password_file_load(&users, link_path, &diag), NJ_OK);
    assert_int_equal(unsetenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS"), 0);
    nj_users_unref(users);
    (void)unlink(link_path);
}

/* ---- hashes that Debian's program makes here and now ---- */

#define PROGRAM "/usr/bin/mosquitto_passwd"

static void
make_user(const char *hash, const char *name, const char *password)
{
    char program[] = PROGRAM, batch[] = "-b", kind[] = "-H";
    char words[4][64];
    char *argv[] = {program, kind, words[0], batch, words[1], words[2], words[3], NULL};
    pid_t pid;
    int status;

    (void)snprintf(words[0], sizeof(words[0]), "%s", hash);
    (void)snprintf(words[1], sizeof(words[1]), "%s", kit_path);
    (void)snprintf(words[2], sizeof(words[2]), "%s", name);
    (void)snprintf(words[3], sizeof(words[3]), "%s", password);
    assert_int_equal(posix_spawn(&pid, program, NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void
files_of_mosquitto_passwd_are_read(void **state)
{
    struct nj_users *users = NULL;
    struct nj_diag diag = {0};

    (void)state;
    if (access(PROGRAM, X_OK) != 0)
        skip();
    kit_write("", 0600);
    make_user("sha512-pbkdf2", "user0", "pass word0");
    make_user("sha512", "user1", "pass word1");
    make_user("sha512-pbkdf2", "user2", "pass word2");
    assert_int_equal(nj_password_file_load(&users, kit_path, &diag), NJ_OK);
    assert_true(lets_in(users, "user0", "pass word0"));
    assert_true(lets_in(users, "user1", "pass word1"));
    assert_true(lets_in(users, "user2", "pass word2"));
    assert_false(lets_in(users, "user2", "pass word1"));
    nj_users_unref(users);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(knows_its_users_and_nobody_else, kit_remove),
        cmocka_unit_test_teardown(unknown_name_is_checked_against_a_hash_of_the_file, kit_remove),
        cmocka_unit_test_teardown(empty_file_knows_nobody, kit_remove),
        cmocka_unit_test_teardown(stamp_changes_with_the_entry_and_only_then, kit_remove),
        cmocka_unit_test_teardown(blanks_and_what_follows_a_second_colon_do_not_count, kit_remove),
        cmocka_unit_test_teardown(mistakes_are_told_by_file_and_line, kit_remove),
        cmocka_unit_test_teardown(file_that_cannot_be_read_is_another_failure_than_a_mistake,
                                  kit_remove),
        cmocka_unit_test_teardown(files_of_mosquitto_passwd_are_read, kit_remove),
    };

    nj_hash_key_set(1, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
