/* SPDX-License-Identifier: Apache-2.0 */
/* openssl_priv.h — OpenSSL's objects as locals that end with their block, and its errors as ours.
 *
 *     NJ_CLEANUP(nj_drop_x509) X509 *certificate = NULL; */
#ifndef NJ_PKI_OPENSSL_PRIV_H
#define NJ_PKI_OPENSSL_PRIV_H

#include "base/err.h"
#include "base/str.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define NJ_DROPS(name, type, fn)                                                                   \
    static inline void nj_drop_##name(__typeof__(type) **p)                                        \
    {                                                                                              \
        fn(*p);                                                                                    \
    }
NJ_DROPS(x509, X509, X509_free)
NJ_DROPS(req, X509_REQ, X509_REQ_free)
NJ_DROPS(crl, X509_CRL, X509_CRL_free)
NJ_DROPS(key, EVP_PKEY, EVP_PKEY_free)
NJ_DROPS(x509_name, X509_NAME, X509_NAME_free)
NJ_DROPS(bio, BIO, BIO_free_all)
NJ_DROPS(bn, BIGNUM, BN_free)
NJ_DROPS(time, ASN1_TIME, ASN1_TIME_free)
NJ_DROPS(general_names, GENERAL_NAMES, GENERAL_NAMES_free)
#undef NJ_DROPS

/* "cannot DOING: what OpenSSL says", and empties its queue of errors. NJ_ENOMEM. */
enum nj_err nj_openssl_fail(struct nj_diag *diag, const char *doing);

/* What a memory BIO holds, lent until it is freed. */
static inline struct nj_str
nj_bio_str(BIO *bio)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);

    return (struct nj_str){p, n > 0 ? (size_t)n : 0};
}

#endif
