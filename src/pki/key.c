/* SPDX-License-Identifier: Apache-2.0 */
#include "base/save.h"
#include "pki/key_priv.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

#define SECURITY_BITS_MIN 112 /* what OpenSSL's level 2 asks for */

enum nj_err
nj_openssl_fail(struct nj_diag *diag, const char *doing)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);

    nj_diag_fail(diag, NJ_ENOMEM, "cannot %s: OpenSSL says '%s'", doing,
                 reason != NULL ? reason : "nothing");
    ERR_clear_error();
    return NJ_ENOMEM;
}

enum nj_err
nj_key_make(EVP_PKEY **out, enum nj_key_kind kind, struct nj_diag *diag)
{
    EVP_PKEY *key = NULL;

    switch (kind) {
    case NJ_KEY_P256:
        key = EVP_EC_gen("P-256");
        break;
    case NJ_KEY_RSA_2048:
        key = EVP_RSA_gen(2048);
        break;
    case NJ_KEY_RSA_3072:
        key = EVP_RSA_gen(3072);
        break;
    }
    if (key == NULL)
        return nj_openssl_fail(diag, "make a key pair");
    *out = key;
    return NJ_OK;
}

static bool
print_pem(BIO *bio, EVP_PKEY *key, enum nj_key_form form, struct nj_str phrase)
{
    if (phrase.n > 0)
        return PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(), phrase.p, (int)phrase.n,
                                             NULL, NULL) == 1;
    if (form == NJ_KEY_TRADITIONAL)
        return PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    return PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
}

enum nj_err
nj_key_save(EVP_PKEY *key, enum nj_key_form form, struct nj_str phrase, const char *path,
            bool is_replacing, struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_bio) BIO *bio = BIO_new(BIO_s_secmem());

    if (bio == NULL || !print_pem(bio, key, form, phrase))
        return nj_openssl_fail(diag, "write the private key");
    return nj_save(path, nj_bio_str(bio), NJ_SAVE_SECRET, is_replacing, diag);
}

enum nj_err
nj_key_check(EVP_PKEY *key, struct nj_diag *diag)
{
    char what[64];
    int type = EVP_PKEY_get_base_id(key);

    if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC && type != EVP_PKEY_ED25519)
        return nj_diag_fail(diag, NJ_EINVAL,
                            "a key of the type %s: only RSA, ECDSA and Ed25519 can be certified",
                            nj_key_describe(key, what, sizeof(what)));
    if (EVP_PKEY_get_security_bits(key) < SECURITY_BITS_MIN) {
        nj_diag_hint(diag, "RSA needs 2048 bits, ECDSA 256.");
        return nj_diag_fail(diag, NJ_EINVAL,
                            "the key (%s) is too short: OpenSSL refuses it at its "
                            "usual security level",
                            nj_key_describe(key, what, sizeof(what)));
    }
    return NJ_OK;
}

const char *
nj_key_describe(EVP_PKEY *key, char *out, size_t bytes)
{
    const char *type = EVP_PKEY_get0_type_name(key);
    char curve[40];

    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        (void)snprintf(out, bytes, "RSA %d", EVP_PKEY_get_bits(key));
        break;
    case EVP_PKEY_EC:
        if (EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) != 1)
            (void)snprintf(curve, sizeof(curve), "on a curve without name");
        (void)snprintf(out, bytes, "ECDSA %s", strcmp(curve, "prime256v1") == 0 ? "P-256" : curve);
        break;
    default:
        (void)snprintf(out, bytes, "%s", type != NULL ? type : "unknown");
    }
    return out;
}

const EVP_MD *
nj_key_hash(EVP_PKEY *key)
{
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}
