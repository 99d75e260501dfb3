/* SPDX-License-Identifier: Apache-2.0 */
/* request_priv.h — signing requests: ours, and what one of another's asks for, as far as it is
 * believed.
 *
 * Who sends a request chooses every byte of it. Believed are its public key, its subject, and its
 * DNS names and addresses; what would let its owner pass for others (a wildcard, a name that cannot
 * be seen, two common names) or could not be used is refused, and what it asks for besides is not
 * granted, and told.
 *
 * Thread: any. Errors: NJ_EINVAL, NJ_EQUOTA (too many names), NJ_ENOMEM; said in diag. */
#ifndef NJ_PKI_REQUEST_PRIV_H
#define NJ_PKI_REQUEST_PRIV_H

#include "pki/authority.h"
#include "pki/openssl_priv.h"

struct nj_request {
    X509_NAME *subject; /* lent by the request */
    struct nj_names names;
    enum nj_issue_kind kind;  /* a server or a client */
    char common_name[65];     /* empty: none */
    char ignored[NJ_IGNORED]; /* what it asks for and does not get, for people */
};

/* With the name as its subject, signed; to be freed. */
NJ_NODISCARD enum nj_err nj_request_make(const char *name, const struct nj_names *names,
                                         EVP_PKEY *key, X509_REQ **out, struct nj_diag *diag);
/* Is it signed with the key in it, by a hash that nobody can forge? `path`: for the message. */
NJ_NODISCARD enum nj_err nj_request_verify(X509_REQ *request, const char *path,
                                           struct nj_diag *diag);
/* Is all of its text seen as what it is? */
NJ_NODISCARD enum nj_err nj_request_check_subject(const X509_NAME *subject, struct nj_diag *diag);
/* What `request` asks for, and what the wish says instead. A request without a subject is given
 * one: its first name. */
NJ_NODISCARD enum nj_err nj_request_read(struct nj_request *out, X509_REQ *request,
                                         const struct nj_issue *wish, struct nj_diag *diag);

#endif
