/* SPDX-License-Identifier: Apache-2.0 */
/* profile_priv.h — what a certificate says besides name and key: its extensions, by what it is for.
 *
 *                          authority     server                   client            small client
 *     basicConstraints  !  CA, pathlen 0 no CA                    no CA             no CA
 *     keyUsage          !  sign certs,   signature (RSA: and key  signature         signature
 *                          CRLs          encipherment, TLS 1.2)
 *     extendedKeyUsage     -             serverAuth               clientAuth        clientAuth
 *     subjectKeyIdentifier yes           yes                      yes               -
 *     authorityKeyIdentif. -             yes                      yes               yes
 *     subjectAltName       -             names of the host        as asked          as asked
 *
 * ! critical; subjectAltName is, too, where there is no subject. Small: P-256, name and chain as
 * short as can be (the authority signs directly), no extension that a TLS server does not ask for.
 * The key identifiers are what makes "the same name, another key" a clean mistake. */
#ifndef NJ_PKI_PROFILE_PRIV_H
#define NJ_PKI_PROFILE_PRIV_H

#include "pki/authority.h"
#include "pki/openssl_priv.h"

/* Both put extensions into `certificate`, whose public key and subject are set. An authority that
 * is renewed keeps the key identifier of what it was, by which others find it. NJ_ENOMEM. */
NJ_NODISCARD enum nj_err nj_profile_authority(X509 *certificate, X509 *was, struct nj_diag *diag);
NJ_NODISCARD enum nj_err nj_profile_leaf(X509 *certificate, X509 *issuer, enum nj_issue_kind kind,
                                         bool is_small, const struct nj_names *names,
                                         struct nj_diag *diag);
/* keyid of `issuer`, for a CRL; to be freed. NULL: no memory. */
AUTHORITY_KEYID *nj_profile_key_id(X509 *issuer);

/* Names to OpenSSL's and back. What is neither DNS, IP, URI nor email is refused (NJ_EINVAL). */
NJ_NODISCARD enum nj_err nj_profile_general_names(GENERAL_NAMES **out, const struct nj_names *names,
                                                  struct nj_diag *diag);
NJ_NODISCARD enum nj_err nj_profile_names(struct nj_names *out, const GENERAL_NAMES *from,
                                          struct nj_diag *diag);

#endif
