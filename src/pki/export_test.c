/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/export.h"

#include "pki/authority_fixture_priv.h"

#include "base/save.h"

static char out[96];

static struct nj_issued
made(const char *name)
{
    struct nj_authority *a = begin();
    struct nj_issued issued = issue(a, NJ_ISSUE_CLIENT, name);

    nj_authority_close(a);
    (void)snprintf(out, sizeof(out), "%s/out", dir);
    return issued;
}

static void
files_that_do_not_belong_together_are_not_packed(void **state)
{
    struct nj_issued one = made("one"), other = made("other");

    (void)state;
    assert_int_equal(rename(other.key, one.key), 0);
    assert_int_equal(nj_export_pem(one.folder, "client", out, false, &diag), NJ_EINVAL);
    assert_non_null(strstr(diag.text, "is not the key of"));
    assert_int_equal(nj_export_p12(one.folder, "client", "x", NJ_STR("abcd"), out, false, &diag),
                     NJ_EINVAL);
    assert_int_equal(nj_export_header(one.folder, "client", out, false, &diag), NJ_EINVAL);
    assert_int_equal(access(out, F_OK), -1);
}

static void
a_header_does_without_a_key_that_is_elsewhere(void **state)
{
    struct nj_issued one = made("one");
    struct nj_secret text = {0};

    (void)state;
    assert_int_equal(unlink(one.key), 0);
    assert_int_equal(nj_export_pem(one.folder, "client", out, false, &diag), NJ_ENOENT);
    assert_int_equal(nj_export_header(one.folder, "client", out, false, &diag), NJ_OK);
    assert_int_equal(nj_save_read(&text, out, 1 << 16, NULL), NJ_OK);
    assert_non_null(strstr(text.p, "client_crt[]"));
    assert_null(strstr(text.p, "client_key"));
    nj_secret_fini(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(files_that_do_not_belong_together_are_not_packed),
        IN_FOLDER(a_header_does_without_a_key_that_is_elsewhere),
    };

    return cmocka_run_group_tests_name("pki/export", tests, NULL, NULL);
}
