/* SPDX-License-Identifier: Apache-2.0 */
/* authority_priv.h — the authority as its own files see it: authority.c (the folder, the two halves
 * of the key), issue.c and renew.c (certificates), revocation.c (the CRL). */
#ifndef NJ_PKI_AUTHORITY_PRIV_H
#define NJ_PKI_AUTHORITY_PRIV_H

#include "pki/authority.h"
#include "pki/explain_priv.h"
#include "pki/ledger_priv.h"
#include "pki/openssl_priv.h"

struct nj_authority {
    const char *dir, *passin; /* lent */
    struct nj_diag no_phrase; /* why none could be had; empty: none was asked for, or one came */
    struct nj_explain explain;
    int lock; /* the folder, locked; -1: not */
    X509 *certificate;
    EVP_PKEY *key; /* NULL until nj_authority_unlock() */
    struct nj_ca_ledger ledger;
    char subject[NJ_SUBJECT_SIZE];
};

/* A path below the folder; never cut, since the folder's own length is bounded when it is opened.
 */
void nj_authority_path(const struct nj_authority *authority, char out[NJ_WHERE_SIZE],
                       const char *folder, const char *file);
/* Read ca.key, asking for its pass phrase, and see that it belongs to ca.crt, which must not have
 * ended. Once is enough. */
NJ_NODISCARD enum nj_err nj_authority_unlock(struct nj_authority *authority, struct nj_diag *diag);
NJ_NODISCARD enum nj_err nj_authority_save_index(struct nj_authority *authority,
                                                 struct nj_diag *diag);

/* The parts of every certificate, a leaf's or the authority's own. */
NJ_NODISCARD enum nj_err nj_authority_set_serial(struct nj_authority *authority, X509 *certificate,
                                                 struct nj_diag *diag);
NJ_NODISCARD enum nj_err nj_authority_set_dates(X509 *certificate, time_t from, time_t until,
                                                struct nj_diag *diag);
/* PEM, for all to read. */
NJ_NODISCARD enum nj_err nj_certificate_save(X509 *certificate, const char *path, bool is_replacing,
                                             struct nj_diag *diag);
/* The first certificate of a file; to be freed. Errors: as nj_pki_file_read(). */
NJ_NODISCARD enum nj_err nj_certificate_read(X509 **out, const char *path, struct nj_diag *diag);
time_t nj_certificate_time(const ASN1_TIME *time);
/* Hexadecimal, in capitals, an even number of digits, as openssl's index has it. */
void nj_serial_print(const ASN1_INTEGER *serial, char out[NJ_SERIAL_SIZE]);
/* "/CN=…" as openssl's index has it. */
void nj_subject_print(const X509_NAME *name, char out[NJ_SUBJECT_SIZE]);

/* issue.c: what a certificate is made from. */
struct nj_issue_draft {
    X509_NAME *subject; /* lent, and so is the key */
    EVP_PKEY *public_key;
    enum nj_issue_kind kind;
    bool is_small;
    const struct nj_names *names;
    unsigned days;
};
/* Made, signed, verified, and in the index as `file`; not yet written. */
NJ_NODISCARD enum nj_err nj_issue_certificate(struct nj_authority *authority,
                                              const struct nj_issue_draft *draft, const char *file,
                                              X509 **out, struct nj_issued *about,
                                              struct nj_diag *diag);
/* The folder of `name`, and the paths in it, in `out`; `relative` is the certificate's, for the
 * index. */
void nj_issue_place(const struct nj_authority *authority, enum nj_issue_kind kind, const char *name,
                    struct nj_issued *out, char relative[NJ_WHERE_SIZE]);
/* A copy of ca.crt in the folder. */
NJ_NODISCARD enum nj_err nj_issue_copy_authority(struct nj_authority *authority, const char *folder,
                                                 struct nj_diag *diag);

#endif
