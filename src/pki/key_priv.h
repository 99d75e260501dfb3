/* SPDX-License-Identifier: Apache-2.0 */
/* key_priv.h — key pairs: made, judged as fit for a certificate, written as PEM. */
#ifndef NJ_PKI_KEY_PRIV_H
#define NJ_PKI_KEY_PRIV_H

#include "pki/authority.h"
#include "pki/file.h"
#include "pki/openssl_priv.h"

/* Errors: NJ_ENOMEM, where OpenSSL cannot. */
NJ_NODISCARD enum nj_err nj_key_make(EVP_PKEY **out, enum nj_key_kind kind, struct nj_diag *diag);
/* The key in `path`, which a command left that was ended before it had a certificate for it; told
 * in the log. With `opts->passphrase` it must be encrypted. Errors: NJ_EEXIST, it is of another
 * kind; as nj_pki_file_read(). */
NJ_NODISCARD enum nj_err nj_key_find(EVP_PKEY **out, const char *path, enum nj_key_kind kind,
                                     const struct nj_pki_file_opts *opts, struct nj_diag *diag);

enum nj_key_form {
    NJ_KEY_PKCS8,       /* "BEGIN PRIVATE KEY", or encrypted where there is a pass phrase */
    NJ_KEY_TRADITIONAL, /* "BEGIN EC PRIVATE KEY": shorter, and read by every small TLS stack */
};
/* Mode 0600. `phrase` of 0 bytes: not encrypted; else AES-256. */
NJ_NODISCARD enum nj_err nj_key_save(EVP_PKEY *key, enum nj_key_form form, struct nj_str phrase,
                                     const char *path, bool is_replacing, struct nj_diag *diag);

/* Is it fit to be certified (NULL, one that OpenSSL could not decode, is not): RSA of 2,048 to
 * 8,192 bits, P-256, P-384, P-521, Ed25519; and are its numbers such a key's? Errors: NJ_EINVAL,
 * said in diag. */
NJ_NODISCARD enum nj_err nj_key_check(EVP_PKEY *key, struct nj_diag *diag);
/* "ECDSA P-256", "RSA 2048". Returns `out`. */
const char *nj_key_describe(EVP_PKEY *key, char *out, size_t bytes);
/* What a key of this type signs with: SHA-256, or NULL where the type has a hash of its own. */
const EVP_MD *nj_key_hash(EVP_PKEY *key);

#endif
