/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/request_priv.h"

#include "base/test.h"
#include "pki/key_priv.h"

static EVP_PKEY *key;
static struct nj_diag diag;

static int
make_key(void **state)
{
    (void)state;
    diag = (struct nj_diag){0};
    return nj_key_make(&key, NJ_KEY_P256, NULL) == NJ_OK ? 0 : -1;
}

static int
drop_key(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    return 0;
}

static X509_REQ *
request_for(const char *name, const char *names)
{
    struct nj_names wanted = {0};
    X509_REQ *request = NULL;

    if (names != NULL)
        assert_int_equal(nj_names_add(&wanted, nj_str_of(names), NULL), NJ_OK);
    assert_int_equal(nj_request_make(name, &wanted, key, &request, NULL), NJ_OK);
    return request;
}

static void
what_is_asked_for_is_read(void **state)
{
    const struct nj_issue wish = {.kind = NJ_ISSUE_AS_ASKED};
    X509_REQ *request = request_for("gate", "gate.example,10.0.0.7");
    struct nj_request asked;

    (void)state;
    assert_int_equal(nj_request_verify(request, "x", &diag), NJ_OK);
    assert_int_equal(nj_request_read(&asked, request, &wish, &diag), NJ_OK);
    assert_int_equal(asked.kind, NJ_ISSUE_SERVER);
    assert_string_equal(asked.common_name, "gate");
    assert_int_equal(asked.names.count, 2);
    assert_string_equal(asked.names.at[1], "IP:10.0.0.7");
    assert_string_equal(asked.ignored, "");
    X509_REQ_free(request);
}

static void
a_request_for_another_key_is_not_verified(void **state)
{
    X509_REQ *request = request_for("gate", NULL);
    EVP_PKEY *other = NULL;

    (void)state;
    assert_int_equal(nj_key_make(&other, NJ_KEY_P256, NULL), NJ_OK);
    assert_int_equal(X509_REQ_set_pubkey(request, other), 1);
    assert_int_equal(nj_request_verify(request, "x.csr", &diag), NJ_EINVAL);
    assert_non_null(strstr(diag.text, "x.csr is not signed with the key in it"));
    EVP_PKEY_free(other);
    X509_REQ_free(request);
}

/* A common name with a NUL behind a good beginning: who reads it as C does sees another. */
static void
a_subject_with_a_nul_is_refused(void **state)
{
    const struct nj_issue wish = {.kind = NJ_ISSUE_CLIENT};
    X509_REQ *request = X509_REQ_new();
    struct nj_request asked;

    (void)state;
    assert_int_equal(X509_NAME_add_entry_by_NID(
                         X509_REQ_get_subject_name(request), NID_commonName, V_ASN1_UTF8STRING,
                         (const unsigned char *)"admin\0.example", 14, -1, 0),
                     1);
    assert_int_equal(nj_request_read(&asked, request, &wish, &diag), NJ_EINVAL);
    assert_non_null(strstr(diag.text, "commonName has U+0000 in it"));
    X509_REQ_free(request);
}

/* Two lists of names: which of them is believed would be chance. */
static void
names_asked_for_twice_are_refused(void **state)
{
    const struct nj_issue wish = {.kind = NJ_ISSUE_AS_ASKED};
    X509_REQ *request = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *list = NULL;
    struct nj_request asked;

    (void)state;
    for (int i = 0; i < 2; i++) {
        X509_EXTENSION *one =
            X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, i == 0 ? "DNS:a" : "DNS:b");

        assert_non_null(X509v3_add_ext(&list, one, -1));
        X509_EXTENSION_free(one);
    }
    assert_int_equal(X509_REQ_add_extensions(request, list), 1);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    assert_int_equal(nj_request_read(&asked, request, &wish, &diag), NJ_EINVAL);
    assert_non_null(strstr(diag.text, "is there more than once"));
    X509_REQ_free(request);
}

static void
a_request_without_subject_is_called_by_its_first_name(void **state)
{
    const struct nj_issue wish = {.kind = NJ_ISSUE_AS_ASKED};
    X509_REQ *request = X509_REQ_new();
    X509_REQ *other = request_for("x", "only.a.name");
    STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(other);
    struct nj_request asked;

    (void)state;
    assert_int_equal(X509_REQ_add_extensions(request, list), 1);
    assert_int_equal(nj_request_read(&asked, request, &wish, &diag), NJ_OK);
    assert_string_equal(asked.common_name, "only.a.name");
    assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(request)), 1);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    X509_REQ_free(other);
    X509_REQ_free(request);
}

#define WITH_KEY(test) cmocka_unit_test_setup_teardown(test, make_key, drop_key)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_KEY(what_is_asked_for_is_read),
        WITH_KEY(a_request_for_another_key_is_not_verified),
        WITH_KEY(a_subject_with_a_nul_is_refused),
        WITH_KEY(names_asked_for_twice_are_refused),
        WITH_KEY(a_request_without_subject_is_called_by_its_first_name),
    };

    return cmocka_run_group_tests_name("pki/request", tests, NULL, NULL);
}
