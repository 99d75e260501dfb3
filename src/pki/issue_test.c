/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/authority_fixture_priv.h"
#include "pki/key_priv.h"
#include "pki/request_priv.h"

#include "base/save.h"

#include <openssl/pem.h>

/* A request of another's, signed: NJ_OK, or what was said. */
static enum nj_err
sign(struct nj_authority *a, const char *common_name, const char *names, const char *folder)
{
    const struct nj_issue wish = {.kind = NJ_ISSUE_AS_ASKED, .name = folder};
    NJ_CLEANUP(nj_drop_key) EVP_PKEY *key = NULL;
    NJ_CLEANUP(nj_drop_req) X509_REQ *request = NULL;
    NJ_CLEANUP(nj_drop_bio) BIO *bio = BIO_new(BIO_s_mem());
    struct nj_names wanted = {0};
    struct nj_issued made = {0};
    char path[96];

    if (names != NULL)
        assert_int_equal(nj_names_add(&wanted, nj_str_of(names), NULL), NJ_OK);
    assert_int_equal(nj_key_make(&key, NJ_KEY_P256, NULL), NJ_OK);
    assert_int_equal(nj_request_make(common_name, &wanted, key, &request, NULL), NJ_OK);
    assert_int_equal(PEM_write_bio_X509_REQ(bio, request), 1);
    (void)snprintf(path, sizeof(path), "%s/x.csr", dir);
    assert_int_equal(nj_save(path, nj_bio_str(bio), NJ_SAVE_PUBLIC, true, NULL), NJ_OK);
    diag = (struct nj_diag){0};
    return nj_authority_sign(a, path, &wish, &made, &diag);
}

/* "/CN=sensor1" is a part of "/O=Lab/CN=sensor1", and not of "/CN=sensor10". */
static void
a_common_name_is_taken_by_the_same_name_only(void **state)
{
    struct nj_authority *a = begin();

    (void)state;
    (void)issue(a, NJ_ISSUE_CLIENT, "sensor10");
    (void)issue(a, NJ_ISSUE_CLIENT, "étudiant");
    assert_int_equal(sign(a, "sensor1", NULL, "x"), NJ_OK);
    assert_int_equal(sign(a, "sensor10", NULL, "y"), NJ_EINVAL);
    assert_non_null(strstr(diag.text, "clients/sensor10/client.crt"));
    assert_int_equal(sign(a, "étudiant", NULL, "y"), NJ_EINVAL);
    nj_authority_close(a);
}

static void
a_host_may_be_called_as_a_client_is_and_all_are_localhost(void **state)
{
    struct nj_authority *a = begin();

    (void)state;
    (void)issue(a, NJ_ISSUE_CLIENT, "gate");
    assert_int_equal(sign(a, "gate", "gate,localhost,127.0.0.1,::1", NULL), NJ_OK);
    assert_int_equal(sign(a, "door", "door,localhost,127.0.0.1,::1", NULL), NJ_OK);
    assert_int_equal(sign(a, "wall", "wall,GATE", NULL), NJ_EINVAL);
    assert_non_null(strstr(diag.text, "a name of hosts/gate/server.crt"));
    nj_authority_close(a);
}

static void
a_name_is_free_again_when_its_certificate_is_revoked(void **state)
{
    struct nj_authority *a = begin();
    unsigned count = 0;

    (void)state;
    (void)issue(a, NJ_ISSUE_SERVER, "gate");
    assert_int_equal(sign(a, "wall", "gate", NULL), NJ_EINVAL);
    assert_int_equal(nj_authority_revoke(a, "gate", NULL, 0, &count, &diag), NJ_OK);
    assert_int_equal(sign(a, "wall", "gate", NULL), NJ_OK);
    nj_authority_close(a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_common_name_is_taken_by_the_same_name_only),
        IN_FOLDER(a_host_may_be_called_as_a_client_is_and_all_are_localhost),
        IN_FOLDER(a_name_is_free_again_when_its_certificate_is_revoked),
    };

    return cmocka_run_group_tests_name("pki/issue", tests, NULL, NULL);
}
