/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a listener lets in by certificate or key, told by a number, so that a reload knows at a
 * glance whether anybody has to be looked at again; and that look. */
#include "net/tls_priv.h"

#include "base/hash.h"
#include "pki/finding.h"

#include <openssl/err.h>

uint64_t
nj_tls_context_trust(const struct nj_tls_context *x)
{
    return x->trust;
}

void
nj_tls_trust_add(struct nj_tls_context *x, struct nj_str what)
{
    x->trust = nj_hash_under(x->trust, what);
}

/* What says that a list of revoked certificates is of no use. */
static bool
is_about_lists(int error)
{
    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
        return true;
    default:
        return false;
    }
}

static int
overlook_lists(int is_good, X509_STORE_CTX *store)
{
    if (!is_good && is_about_lists(X509_STORE_CTX_get_error(store))) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    return is_good;
}

static bool
verify(X509_STORE_CTX *store, const struct nj_tls *t, const struct nj_tls_context *x, X509 *cert)
{
    if (X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(x->shown[0]), cert,
                            SSL_get0_verified_chain(t->ssl)) != 1 ||
        X509_STORE_CTX_set_default(store, "ssl_client") != 1)
        return false;
    X509_STORE_CTX_set_flags(store, X509_V_FLAG_NO_CHECK_TIME);
    X509_STORE_CTX_set_verify_cb(store, overlook_lists);
    return X509_verify_cert(store) == 1;
}

/* With its key, which was dropped when it had done its work. */
static X509 *
read_again(const struct nj_tls_context *x, const X509 *cert)
{
    OSSL_LIB_CTX *before = OSSL_LIB_CTX_set0_default(x->library);
    X509 *whole = X509_dup(cert);

    (void)OSSL_LIB_CTX_set0_default(before);
    return whole;
}

static bool
is_certificate_trusted(const struct nj_tls *t, const struct nj_tls_context *x,
                       struct nj_finding *out)
{
    const X509 *shown = SSL_get0_peer_certificate(t->ssl);
    X509_STORE_CTX *store;
    X509 *cert;
    bool is_good;

    if (SSL_CTX_get_verify_mode(x->shown[0]) == SSL_VERIFY_NONE)
        return true;
    if (shown == NULL) {
        nj_finding_init(out, NJ_FINDING_NO_CERTIFICATE, NJ_END_CLIENT);
        return false;
    }
    cert = read_again(x, shown);
    store = X509_STORE_CTX_new();
    is_good = cert != NULL && store != NULL && verify(store, t, x, cert);
    if (cert == NULL || store == NULL)
        nj_finding_init(out, NJ_FINDING_NO_MEMORY, NJ_END_CLIENT);
    else if (!is_good)
        nj_tls_judge_check(out, NULL, t, x, store);
    X509_STORE_CTX_free(store);
    X509_free(cert);
    ERR_clear_error();
    return is_good;
}

bool
nj_tls_is_still_trusted(const struct nj_tls *t, struct nj_tls_context *x, struct nj_finding *out)
{
    if (x->psk == NULL)
        return is_certificate_trusted(t, x, out);
    if (t->psk_identity == NULL || nj_tls_psk_is_same(t->context->psk, x->psk, t->psk_identity))
        return true;
    nj_finding_init(out, NJ_FINDING_UNKNOWN_IDENTITY, NJ_END_CLIENT);
    nj_finding_cause(out, "psk_file has no longer the identity \"%s\" with the key it showed",
                     t->psk_identity);
    return false;
}
