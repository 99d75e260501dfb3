/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/authority_fixture_priv.h"

#include "base/mem.h"

#include <fcntl.h>
#include <sys/file.h>

static void
what_is_issued_is_found_listed_renewed_and_revoked(void **state)
{
    struct nj_authority *a = begin();
    const struct nj_issue wish = {.kind = NJ_ISSUE_CLIENT, .name = "sensor1"};
    const struct nj_renewal as_it_is = {0};
    struct nj_issued made = {0}, found = {0};
    unsigned count = 0;

    (void)state;
    assert_string_equal(nj_authority_subject(a), "/CN=Test CA");
    assert_int_equal(nj_authority_issue(a, &wish, &made, &diag), NJ_OK);
    assert_int_equal(nj_authority_find(a, "sensor1", &found, &diag), NJ_OK);
    assert_string_equal(found.certificate, made.certificate);
    assert_string_equal(found.key, made.key);
    assert_string_equal(found.header, "");
    assert_int_equal(nj_authority_renew(a, "clients/sensor1", &as_it_is, &made, &diag), NJ_OK);
    assert_int_equal(nj_authority_count(a), 2);
    assert_int_equal(nj_authority_row(a, 0).state, NJ_ISSUED_REPLACED);
    assert_int_equal(nj_authority_row(a, 1).state, NJ_ISSUED_GOOD);
    assert_int_equal(nj_authority_revoke(a, "sensor1", NULL, 0, &count, &diag), NJ_OK);
    assert_int_equal(count, 2);
    assert_int_equal(nj_authority_row(a, 1).state, NJ_ISSUED_REVOKED);
    nj_authority_close(a);
}

static void
an_authority_opened_again_knows_what_it_issued(void **state)
{
    const struct nj_authority_opts opts = {.dir = dir};
    struct nj_issue wish = {.kind = NJ_ISSUE_SERVER, .name = "broker"};
    struct nj_authority *a = begin();
    struct nj_issued made = {0};

    (void)state;
    assert_int_equal(nj_names_add(&wish.names, NJ_STR("10.0.0.1"), NULL), NJ_OK);
    assert_int_equal(nj_authority_issue(a, &wish, &made, &diag), NJ_OK);
    nj_authority_close(a);
    assert_int_equal(nj_authority_open(&a, &opts, &diag), NJ_OK);
    assert_int_equal(nj_authority_count(a), 1);
    assert_true(nj_str_eq(nj_authority_row(a, 0).file, NJ_STR("hosts/broker/server.crt")));
    assert_true(nj_authority_crl_expires(a) > time(NULL));
    assert_true(made.expires < nj_authority_expires(a));
    nj_authority_close(a);
}

static void
a_refused_wish_changes_nothing(void **state)
{
    struct nj_authority *a = begin();
    struct nj_issue wish = {.kind = NJ_ISSUE_CLIENT, .name = "Test CA"};
    struct nj_issued made = {0};
    char folder[96];

    (void)state;
    assert_int_equal(nj_authority_issue(a, &wish, &made, &diag), NJ_EINVAL);
    wish.name = "../../etc";
    assert_int_equal(nj_authority_issue(a, &wish, &made, &diag), NJ_EINVAL);
    wish.kind = NJ_ISSUE_SERVER;
    wish.name = "no_host@name";
    assert_int_equal(nj_authority_issue(a, &wish, &made, &diag), NJ_EINVAL);
    assert_int_equal(nj_authority_count(a), 0);
    (void)snprintf(folder, sizeof(folder), "%s/hosts", dir);
    assert_int_equal(access(folder, F_OK), -1);
    nj_authority_close(a);
}

static void
one_process_at_a_time_works_in_a_folder(void **state)
{
    struct nj_authority *a = begin();
    const struct nj_authority_opts reader = {.dir = dir, .is_reader = true};
    struct nj_authority *other;
    int fd = open(dir, O_RDONLY | O_DIRECTORY);

    (void)state;
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
    assert_int_equal(nj_authority_open(&other, &reader, &diag), NJ_OK); /* does not wait */
    nj_authority_close(other);
    nj_authority_close(a);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(close(fd), 0);
}

/* Without memory of ours each step fails, and none leaves a half-made authority. */
static void
without_memory_it_says_so(void **state)
{
    const struct nj_authority_opts opts = {.dir = dir};
    struct nj_authority *a = begin();

    (void)state;
    nj_authority_close(a);
    nj_mem_limit_set(1);
    assert_int_equal(nj_authority_open(&a, &opts, &diag), NJ_ENOMEM);
    nj_mem_limit_set(0);
    assert_int_equal(nj_authority_open(&a, &opts, &diag), NJ_OK);
    nj_authority_close(a);
    nj_authority_close(NULL);
}

static void
a_folder_with_too_long_a_name_is_refused(void **state)
{
    char name[400];
    const struct nj_authority_opts opts = {.dir = name};
    struct nj_authority *a;

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(nj_authority_open(&a, &opts, &diag), NJ_EINVAL);
    name[0] = '\0';
    assert_int_equal(nj_authority_open(&a, &opts, &diag), NJ_EINVAL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_is_issued_is_found_listed_renewed_and_revoked),
        IN_FOLDER(an_authority_opened_again_knows_what_it_issued),
        IN_FOLDER(a_refused_wish_changes_nothing),
        IN_FOLDER(one_process_at_a_time_works_in_a_folder),
        IN_FOLDER(without_memory_it_says_so),
        IN_FOLDER(a_folder_with_too_long_a_name_is_refused),
    };

    return cmocka_run_group_tests_name("pki/authority", tests, NULL, NULL);
}
