/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/save.h"
#include "pki/key_priv.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

#define SECURITY_BITS_MIN 112 /* what OpenSSL's level 2 asks for */
#define RSA_BITS_MAX      8192

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
is_of_kind(EVP_PKEY *key, enum nj_key_kind kind)
{
    int bits = EVP_PKEY_get_bits(key);

    if (kind == NJ_KEY_P256)
        return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && bits == 256;
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
           bits == (kind == NJ_KEY_RSA_2048 ? 2048 : 3072);
}

enum nj_err
nj_key_find(EVP_PKEY **out, const char *path, enum nj_key_kind kind,
            const struct nj_pki_file_opts *opts, struct nj_diag *diag)
{
    struct nj_pki_file file;
    char what[64];
    enum nj_err err = nj_pki_file_read(&file, path, opts, diag);

    if (err == NJ_OK &&
        (!is_of_kind(file.key, kind) || (opts->passphrase != NULL && !file.is_key_encrypted))) {
        nj_diag_hint(diag, "With --force it is replaced.");
        err = nj_diag_fail(diag, NJ_EEXIST,
                           "%s is there without a certificate, and is another kind of key: %s, "
                           "%sencrypted",
                           path, nj_key_describe(file.key, what, sizeof(what)),
                           file.is_key_encrypted ? "" : "not ");
    }
    if (err == NJ_OK) {
        nj_log_line(NJ_LOG_NOTICE,
                    "%s was there without a certificate, as a command leaves it that is ended "
                    "before its time: it is used.",
                    path);
        *out = file.key;
        (void)EVP_PKEY_up_ref(*out);
    }
    nj_pki_file_fini(&file);
    return err;
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

/* --- is it fit? --- */

/* The curves that TLS 1.3 signs with, and by their names: one that is spelt out is refused. */
static bool
is_known_curve(EVP_PKEY *key)
{
    char curve[40];
    int is_spelt_out = 0;

    (void)EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                                 &is_spelt_out);
    return is_spelt_out == 0 && EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) == 1 &&
           (strcmp(curve, "prime256v1") == 0 || strcmp(curve, "secp384r1") == 0 ||
            strcmp(curve, "secp521r1") == 0);
}

/* A point off its curve, an exponent of 1: no key that anybody would make. */
static bool
has_sound_numbers(EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool is = ctx != NULL && EVP_PKEY_public_check_quick(ctx) == 1;

    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return is;
}

/* What is wrong with it, and what to do; NULL: nothing. */
static const char *
fault_of_key(EVP_PKEY *key, const char **mend)
{
    int type = EVP_PKEY_get_base_id(key);

    *mend = "RSA of 2048 bits, ECDSA P-256 and Ed25519 are good.";
    if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC && type != EVP_PKEY_ED25519)
        return "is of another type than RSA, ECDSA and Ed25519";
    if (EVP_PKEY_get_security_bits(key) < SECURITY_BITS_MIN)
        return "is too short: OpenSSL refuses it at its usual security level";
    if (type == EVP_PKEY_EC && !is_known_curve(key))
        return "is on a curve with which TLS 1.3 does not sign, or which it does not name";
    if (type == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) > RSA_BITS_MAX)
        return "is so long that its handshakes would keep a broker busy";
    *mend = "Have the key made anew.";
    return has_sound_numbers(key) ? NULL : "is made of numbers that are no key's";
}

enum nj_err
nj_key_check(EVP_PKEY *key, struct nj_diag *diag)
{
    const char *mend, *fault;
    char what[64];

    if (key == NULL) {
        nj_diag_hint(diag, "Have the key made anew.");
        return nj_diag_fail(diag, NJ_EINVAL, "the public key cannot be read");
    }
    fault = fault_of_key(key, &mend);
    if (fault == NULL)
        return NJ_OK;
    nj_diag_hint(diag, "%s", mend);
    return nj_diag_fail(diag, NJ_EINVAL, "the key (%s) %s",
                        nj_key_describe(key, what, sizeof(what)), fault);
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
