/* SPDX-License-Identifier: Apache-2.0 */
/* file.h — what a file of certificates, keys, requests or CRLs holds, and why it is of no use where
 * it is of none.
 *
 * The file is read once, whole, up to 16 MiB, and only if it is a regular file; nothing in it is
 * trusted. PEM may hold several things, in any order and with text between; DER holds one. Nobody
 * is asked for a passphrase unless the caller says how.
 * Thread: any. Blocks: for the disk, and for the passphrase. */
#ifndef NJ_PKI_FILE_H
#define NJ_PKI_FILE_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <sys/types.h>

/* OpenSSL's own types, named without its headers: X509, EVP_PKEY, X509_REQ, X509_CRL. */
struct x509_st;
struct evp_pkey_st;
struct X509_req_st;
struct X509_crl_st;

/* The kinds of thing, as bits. */
enum nj_pki_kind {
    NJ_PKI_CERTIFICATE = 0x1,
    NJ_PKI_KEY = 0x2,
    NJ_PKI_REQUEST = 0x4,
    NJ_PKI_CRL = 0x8,
    NJ_PKI_ANY = 0xf,
};

enum nj_file_fault {
    NJ_FILE_GOOD,
    NJ_FILE_MISSING,     /* no such file, or no such directory before it */
    NJ_FILE_UNREADABLE,  /* it exists, and this process may not read it (or the disk fails) */
    NJ_FILE_NOT_REGULAR, /* a directory, a pipe, a device */
    NJ_FILE_TOO_LARGE,
    NJ_FILE_EMPTY,
    NJ_FILE_DER,        /* of the right kind, but in DER, which was not asked for */
    NJ_FILE_OTHER_KIND, /* good as such; a key where a certificate is wanted */
    NJ_FILE_FOREIGN,    /* neither PEM nor DER of a kind we know */
    NJ_FILE_BROKEN,     /* a block of PEM that cannot be decoded */
    NJ_FILE_ENCRYPTED,  /* a key that needs a passphrase, and there is none */
    NJ_FILE_PASSPHRASE, /* the passphrase is wrong */
};

/* Write the passphrase of the key in `path` to `out` (`room` bytes, no terminator needed) and
 * return its length; -1: there is none. `out` is wiped after use. */
typedef int (*nj_passphrase)(void *ctx, const char *path, char *out, int room);

struct nj_pki_file_opts {
    unsigned wanted; /* bits of enum nj_pki_kind, of which the file must hold at least one */
    bool is_der_good;
    nj_passphrase passphrase; /* NULL: encrypted keys stay closed */
    void *passphrase_ctx;
};

struct nj_pki_file {
    char *path;
    enum nj_file_fault fault;
    int error;   /* errno, for MISSING and UNREADABLE */
    mode_t mode; /* and owner: 0 where the file could not even be looked at */
    uid_t owner;
    gid_t group;
    unsigned holds; /* bits of enum nj_pki_kind */
    bool is_der;
    bool is_key_encrypted; /* on disk; `key` is there when the passphrase was right */
    /* In the file's order. All belong to this object. */
    struct x509_st **certificates;
    size_t certificate_count;
    struct X509_crl_st **crls;
    size_t crl_count;
    struct evp_pkey_st *key;     /* the first one; NULL */
    struct X509_req_st *request; /* the first one; NULL */
    unsigned key_count;          /* closed ones included */
};

/**
 * Read `path`.
 *
 * out   always written, also on failure: path, fault and what could be learnt; nj_pki_file_fini().
 * diag  what is wrong with which file, in a sentence; the hint holds the command that mends it.
 *
 * Errors  NJ_ENOENT (MISSING), NJ_ESYS (UNREADABLE, NOT_REGULAR), NJ_EQUOTA (TOO_LARGE), NJ_EINVAL
 *         (all other faults), NJ_ENOMEM.
 */
NJ_NODISCARD enum nj_err nj_pki_file_read(struct nj_pki_file *out, const char *path,
                                          const struct nj_pki_file_opts *opts,
                                          struct nj_diag *diag);
/* The same for bytes that are already here; `path` is what they are called. */
NJ_NODISCARD enum nj_err nj_pki_file_parse(struct nj_pki_file *out, const char *path,
                                           struct nj_str bytes, const struct nj_pki_file_opts *opts,
                                           struct nj_diag *diag);
/* Accepts a zeroed object. */
void nj_pki_file_fini(struct nj_pki_file *file);

/* What it holds, for people: "2 certificates and a private key". Returns `out`. */
const char *nj_pki_file_contents(const struct nj_pki_file *file, char *out, size_t room);

#endif
