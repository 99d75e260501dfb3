/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/authority_fixture_priv.h"

static void
what_another_authority_issued_is_not_renewed(void **state)
{
    struct nj_authority *a = begin();
    struct nj_issued made = issue(a, NJ_ISSUE_CLIENT, "sensor1");

    (void)state;
    nj_authority_close(a);
    a = begin(); /* another key, and nothing in the index */
    assert_int_equal(nj_authority_renew(a, "sensor1", false, 0, &made, &diag), NJ_EINVAL);
    assert_non_null(strstr(diag.text, "was not issued by this authority"));
    assert_int_equal(nj_authority_count(a), 0);
    nj_authority_close(a);
}

static void
no_renewal_outlives_the_authority_and_each_has_its_serial_number(void **state)
{
    struct nj_authority *a = begin();
    struct nj_issued first = issue(a, NJ_ISSUE_SERVER, "gate"), second = {0};

    (void)state;
    assert_int_equal(nj_authority_renew(a, "gate", false, 36500, &second, &diag), NJ_OK);
    assert_true(second.is_shortened);
    assert_int_equal(second.expires, nj_authority_expires(a));
    assert_string_not_equal(first.serial, second.serial);
    assert_string_equal(second.subject, "/CN=gate");
    assert_int_equal(second.names.count, 1);
    nj_authority_close(a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_another_authority_issued_is_not_renewed),
        IN_FOLDER(no_renewal_outlives_the_authority_and_each_has_its_serial_number),
    };

    return cmocka_run_group_tests_name("pki/renew", tests, NULL, NULL);
}
