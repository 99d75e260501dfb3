/* SPDX-License-Identifier: Apache-2.0 */
/* What tests/wire/test_tls_revoked.py cannot show without waiting for a certificate to expire, or
 * from outside. */
#include "net/tls_kit_test.h"
#include "net/tls_priv.h"

static struct kit_cert ca, broker, expired, own;

static int
set_up(void **state)
{
    (void)state;
    kit_begin();
    kit_make(&ca, &(struct kit_asked){.name = "ca", .is_ca = true});
    kit_make(&broker,
             &(struct kit_asked){.name = "broker", .sans = "DNS:localhost", .issuer = &ca});
    kit_make(&expired,
             &(struct kit_asked){.name = "expired", .from_s = -20, .until_s = -10, .issuer = &ca});
    kit_make(&own, &(struct kit_asked){.name = "own"});
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    kit_free(&ca);
    kit_free(&broker);
    kit_free(&expired);
    kit_free(&own);
    return kit_end();
}

static struct nj_tls_context *
trusting(const struct kit_cert *authority, enum nj_tls_role role, const struct kit_cert *shown,
         bool require, bool ignore_dates)
{
    const struct nj_tls_pair files = {shown != NULL ? shown->certfile : NULL,
                                      shown != NULL ? shown->keyfile : NULL};
    const struct nj_tls_opts o = {.role = role,
                                  .pairs = &files,
                                  .pair_count = shown != NULL ? 1 : 0,
                                  .cafile = authority->certfile,
                                  .require_certificate = require,
                                  .ignore_dates = ignore_dates};

    return kit_context(&o);
}

static struct nj_tls_context *
make(enum nj_tls_role role, const struct kit_cert *shown, bool require, bool ignore_dates)
{
    return trusting(&ca, role, shown, require, ignore_dates);
}

/* Whether somebody whom `before` has let in would be let in under `after`. */
static bool
stays(struct nj_tls_context *before, struct nj_tls_context *after, const struct kit_cert *shown)
{
    static struct kit_pair pair;
    struct nj_tls_context *theirs = make(NJ_TLS_CLIENT, shown, false, false);
    struct nj_finding why;
    bool is_trusted;

    kit_join(&pair, theirs, before, "localhost");
    kit_shake(&pair);
    assert_int_equal(pair.server.last, NJ_TLS_DONE);
    is_trusted = nj_tls_is_still_trusted(pair.server.tls, after, &why);
    assert_true(is_trusted || why.id == NJ_FINDING_NO_CERTIFICATE ||
                why.id == NJ_FINDING_SELF_SIGNED);
    kit_part(&pair);
    nj_tls_context_unref(theirs);
    nj_tls_context_unref(before);
    nj_tls_context_unref(after);
    return is_trusted;
}

static void
who_expires_while_it_is_here_stays(void **state)
{
    (void)state;
    assert_true(stays(make(NJ_TLS_SERVER, &broker, true, true),
                      make(NJ_TLS_SERVER, &broker, true, false), &expired));
}

static void
who_showed_no_certificate_goes_when_one_is_required(void **state)
{
    struct nj_tls_context *open = make(NJ_TLS_SERVER, &broker, false, false);
    struct nj_tls_context *closed = make(NJ_TLS_SERVER, &broker, true, false);

    (void)state;
    assert_true(nj_tls_context_trust(open) != nj_tls_context_trust(closed));
    assert_false(stays(open, closed, NULL));
    assert_true(stays(make(NJ_TLS_SERVER, &broker, false, false),
                      make(NJ_TLS_SERVER, &broker, false, false), NULL));
}

static void
who_is_trusted_by_itself_stays_as_long_as_that_is_so(void **state)
{
    (void)state;
    assert_true(stays(trusting(&own, NJ_TLS_SERVER, &broker, true, false),
                      trusting(&own, NJ_TLS_SERVER, &broker, true, false), &own));
    assert_false(stays(trusting(&own, NJ_TLS_SERVER, &broker, true, false),
                       make(NJ_TLS_SERVER, &broker, true, false), &own));
}

/* ---- what is kept of it ---- */

static int
kind_of_certificate(const struct nj_tls *t)
{
    return EVP_PKEY_get_base_id(X509_get0_pubkey(SSL_get0_peer_certificate(t->ssl)));
}

/* Ours, or theirs. */
static int
kind_of_exchange(const struct nj_tls *t, bool is_ours)
{
    EVP_PKEY *key = NULL;
    int kind;

    assert_int_equal(is_ours ? SSL_get_tmp_key(t->ssl, &key) : SSL_get_peer_tmp_key(t->ssl, &key),
                     1);
    kind = EVP_PKEY_get_base_id(key);
    EVP_PKEY_free(key);
    return kind;
}

static void
a_server_keeps_no_key_that_has_done_its_work(void **state)
{
    static struct kit_pair pair;
    struct nj_tls_context *ours = make(NJ_TLS_SERVER, &broker, true, true);
    struct nj_tls_context *theirs = make(NJ_TLS_CLIENT, &expired, false, false);

    (void)state;
    kit_join(&pair, theirs, ours, "localhost");
    kit_shake(&pair);
    assert_int_equal(kind_of_certificate(pair.client.tls), EVP_PKEY_EC);
    assert_int_equal(kind_of_certificate(pair.server.tls), EVP_PKEY_NONE);
    assert_int_equal(kind_of_exchange(pair.client.tls, true), EVP_PKEY_X25519);
    assert_int_equal(kind_of_exchange(pair.server.tls, true), EVP_PKEY_NONE);
    assert_int_equal(kind_of_exchange(pair.server.tls, false), EVP_PKEY_NONE);
    assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(pair.server.tls->ssl)), 0);
    kit_part(&pair);
    nj_tls_context_unref(ours);
    nj_tls_context_unref(theirs);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_expires_while_it_is_here_stays),
        cmocka_unit_test(who_showed_no_certificate_goes_when_one_is_required),
        cmocka_unit_test(who_is_trusted_by_itself_stays_as_long_as_that_is_so),
        cmocka_unit_test(a_server_keeps_no_key_that_has_done_its_work),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
