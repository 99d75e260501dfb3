/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/authority_fixture_priv.h"

static const struct nj_renewal as_it_is;

static void
what_another_authority_issued_is_not_renewed(void **state)
{
    struct nj_authority *a = begin();
    struct nj_issued made = issue(a, NJ_ISSUE_CLIENT, "sensor1");

    (void)state;
    nj_authority_close(a);
    a = begin(); /* another key, and nothing in the index */
    assert_int_equal(nj_authority_renew(a, "sensor1", &as_it_is, &made, &diag), NJ_EINVAL);
    assert_non_null(strstr(diag.text, "was not issued by this authority"));
    assert_int_equal(nj_authority_count(a), 0);
    nj_authority_close(a);
}

static void
no_renewal_outlives_the_authority_and_each_has_its_serial_number(void **state)
{
    struct nj_authority *a = begin();
    struct nj_issued first = issue(a, NJ_ISSUE_SERVER, "gate"), second = {0};
    const struct nj_renewal how = {.days = 36500};

    (void)state;
    assert_int_equal(nj_authority_renew(a, "gate", &how, &second, &diag), NJ_OK);
    assert_true(second.is_shortened);
    assert_int_equal(second.expires, nj_authority_expires(a));
    assert_string_not_equal(first.serial, second.serial);
    assert_string_equal(second.subject, "/CN=gate");
    assert_int_equal(second.names.count, 1);
    nj_authority_close(a);
}

static void
a_revoked_key_is_not_certified_again(void **state)
{
    const struct nj_renewal with_another = {.is_new_key = true};
    struct nj_authority *a = begin();
    struct nj_issued made = issue(a, NJ_ISSUE_CLIENT, "sensor1");
    unsigned count = 0;

    (void)state;
    assert_int_equal(nj_authority_revoke(a, made.serial, NULL, 0, &count, &diag), NJ_OK);
    assert_int_equal(nj_authority_renew(a, "sensor1", &as_it_is, &made, &diag), NJ_EINVAL);
    assert_non_null(strstr(diag.hint, "--new-key"));
    assert_int_equal(nj_authority_count(a), 1);
    assert_int_equal(nj_authority_renew(a, "sensor1", &with_another, &made, &diag), NJ_OK);
    assert_int_equal(nj_authority_renew(a, "sensor1", &as_it_is, &made, &diag), NJ_OK);
    nj_authority_close(a);
}

static void
a_renewal_keeps_the_names_or_has_those_that_are_given(void **state)
{
    struct nj_renewal how = {0};
    struct nj_authority *a = begin();
    struct nj_issued made = issue(a, NJ_ISSUE_SERVER, "gate");

    (void)state;
    assert_int_equal(nj_names_add(&how.names, NJ_STR("door,10.0.0.1"), NULL), NJ_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(nj_authority_renew(a, "gate", &how, &made, &diag), NJ_OK);
        assert_int_equal(made.names.count, 2);
        assert_string_equal(made.names.at[0], "DNS:door");
        assert_string_equal(made.names.at[1], "IP:10.0.0.1");
        how = as_it_is;
    }
    nj_authority_close(a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_another_authority_issued_is_not_renewed),
        IN_FOLDER(no_renewal_outlives_the_authority_and_each_has_its_serial_number),
        IN_FOLDER(a_revoked_key_is_not_certified_again),
        IN_FOLDER(a_renewal_keeps_the_names_or_has_those_that_are_given),
    };

    return cmocka_run_group_tests_name("pki/renew", tests, NULL, NULL);
}
