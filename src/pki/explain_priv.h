/* SPDX-License-Identifier: Apache-2.0 */
/* explain_priv.h — --explain: what is computed while a certificate comes about, with the real
 * values, for those who teach or learn it. Secret numbers are never shown. Every call is harmless
 * where `to` has no file. */
#ifndef NJ_PKI_EXPLAIN_PRIV_H
#define NJ_PKI_EXPLAIN_PRIV_H

#include "pki/openssl_priv.h"

#include <stdio.h>

struct nj_explain {
    FILE *out; /* NULL: nobody listens */
    unsigned step;
};

/* `where`: the file in which the secret half will lie. */
void nj_explain_key(struct nj_explain *to, EVP_PKEY *key, const char *where);
void nj_explain_request(struct nj_explain *to, X509_REQ *request);
/* Before it is signed: what stands in it. Then the hash and the signature by `signer`. */
void nj_explain_certificate(struct nj_explain *to, X509 *certificate);
void nj_explain_certificate_signature(struct nj_explain *to, X509 *certificate, EVP_PKEY *signer);
void nj_explain_crl(struct nj_explain *to, X509_CRL *crl, EVP_PKEY *signer);

#endif
