/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/authority_fixture_priv.h"

#include "base/save.h"

/* Begin anew with an index that another tool wrote. */
static struct nj_authority *
begin_with(const char *index)
{
    const struct nj_authority_opts opts = {.dir = dir};
    struct nj_authority *a = begin();
    char path[96];

    nj_authority_close(a);
    (void)snprintf(path, sizeof(path), "%s/index.txt", dir);
    assert_int_equal(nj_save(path, nj_str_of(index), NJ_SAVE_PUBLIC, true, NULL), NJ_OK);
    assert_int_equal(nj_authority_open(&a, &opts, &diag), NJ_OK);
    return a;
}

static void
lines_of_openssl_ca_are_understood(void **state)
{
    struct nj_authority *a =
        begin_with("V\t491231235959Z\t\t0A\tunknown\t/CN=a\n"
                   "V\t20501231235959Z\t\t0B\tunknown\t/CN=b\n"
                   "R\t491231235959Z\t260101000000Z,superseded\t0C\tunknown\t/CN=c\n"
                   "E\t200101000000Z\t\t0D\tunknown\t/CN=d\n");
    static const enum nj_issued_state states[] = {NJ_ISSUED_GOOD, NJ_ISSUED_GOOD, NJ_ISSUED_REVOKED,
                                                  NJ_ISSUED_EXPIRED};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(states); i++)
        assert_int_equal(nj_authority_row(a, i).state, states[i]); /* none replaces another */
    assert_true(nj_authority_row(a, 0).expires < nj_authority_row(a, 1).expires);
    assert_true(nj_str_eq(nj_authority_row(a, 2).reason, NJ_STR("superseded")));
    nj_authority_close(a);
}

static void
one_is_revoked_by_its_serial_number_and_a_reason_in_any_case(void **state)
{
    struct nj_authority *a = begin_with("V\t491231235959Z\t\t0A\tunknown\t/CN=a\n"
                                        "V\t491231235959Z\t\t0B\tunknown\t/CN=a\n");
    unsigned count = 0;

    (void)state;
    assert_int_equal(nj_authority_revoke(a, "0", NULL, 0, &count, &diag), NJ_ENOENT);
    assert_int_equal(nj_authority_revoke(a, "unknown", NULL, 0, &count, &diag), NJ_ENOENT);
    assert_int_equal(nj_authority_revoke(a, "0b", "KEYCOMPROMISE", 0, &count, &diag), NJ_OK);
    assert_int_equal(count, 1);
    assert_int_equal(nj_authority_row(a, 0).state, NJ_ISSUED_GOOD);
    assert_true(nj_str_eq(nj_authority_row(a, 1).reason, NJ_STR("keyCompromise")));
    nj_authority_close(a);
}

static void
a_list_never_outlives_its_authority(void **state)
{
    struct nj_authority *a = begin();

    (void)state;
    assert_int_equal(nj_authority_crl_expires(a), nj_authority_expires(a));
    assert_int_equal(nj_authority_write_crl(a, 7, &diag), NJ_OK);
    assert_true(nj_authority_crl_expires(a) < time(NULL) + 8 * 86400);
    assert_int_equal(nj_authority_write_crl(a, 36500, &diag), NJ_OK);
    assert_int_equal(nj_authority_crl_expires(a), nj_authority_expires(a));
    nj_authority_close(a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(lines_of_openssl_ca_are_understood),
        IN_FOLDER(one_is_revoked_by_its_serial_number_and_a_reason_in_any_case),
        IN_FOLDER(a_list_never_outlives_its_authority),
    };

    return cmocka_run_group_tests_name("pki/revocation", tests, NULL, NULL);
}
