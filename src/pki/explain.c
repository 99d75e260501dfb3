/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/explain_priv.h"
#include "pki/key_priv.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#define INDENT "     "
#define ROW    32 /* bytes */

/* --- print --- */

static void
begin_step(struct nj_explain *to, const char *title)
{
    (void)fprintf(to->out, "%s%u. %s\n", to->step > 0 ? "\n" : "", to->step + 1, title);
    to->step++;
}

static void
say(const struct nj_explain *to, const char *name, const char *text)
{
    (void)fprintf(to->out, INDENT "%-12s %s\n", name, text);
}

static void
say_bytes(const struct nj_explain *to, const char *name, const unsigned char *p, size_t n)
{
    (void)fprintf(to->out, INDENT "%-12s ", name);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && i % ROW == 0)
            (void)fprintf(to->out, "\n" INDENT "%-12s ", "");
        (void)fprintf(to->out, "%02x", p[i]);
    }
    (void)fputc('\n', to->out);
}

/* In `least` bytes or more, as where it stands in the certificate. */
static void
say_number(const struct nj_explain *to, const char *name, const BIGNUM *number, int least)
{
    unsigned char bytes[1024];
    int n = number != NULL ? NJ_MAX(BN_num_bytes(number), least) : 0;

    if (n > 0 && (size_t)n <= sizeof(bytes) && BN_bn2binpad(number, bytes, n) == n)
        say_bytes(to, name, bytes, (size_t)n);
}

static void
say_name(const struct nj_explain *to, const char *what, X509_NAME *name)
{
    (void)fprintf(to->out, INDENT "%-12s ", what);
    (void)X509_NAME_print_ex_fp(to->out, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    (void)fputc('\n', to->out);
}

static void
say_time(const struct nj_explain *to, const char *what, const ASN1_TIME *time)
{
    NJ_CLEANUP(nj_drop_bio) BIO *bio = BIO_new(BIO_s_mem());

    if (bio == NULL || ASN1_TIME_print(bio, time) != 1)
        return;
    (void)fprintf(to->out, INDENT "%-12s %" NJ_STR_FMT "\n", what, NJ_STR_ARG(nj_bio_str(bio)));
}

static void
say_extensions(const struct nj_explain *to, const STACK_OF(X509_EXTENSION) * list)
{
    for (int i = 0; i < sk_X509_EXTENSION_num(list); i++) {
        NJ_CLEANUP(nj_drop_bio) BIO *bio = BIO_new(BIO_s_mem());
        X509_EXTENSION *e = sk_X509_EXTENSION_value(list, i);

        if (bio == NULL || X509V3_EXT_print(bio, e, X509V3_EXT_DUMP_UNKNOWN, 0) != 1)
            continue;
        (void)fprintf(to->out, INDENT "%s%s: %" NJ_STR_FMT "\n",
                      OBJ_nid2ln(OBJ_obj2nid(X509_EXTENSION_get_object(e))),
                      X509_EXTENSION_get_critical(e) ? ", critical" : "",
                      NJ_STR_ARG(nj_bio_str(bio)));
    }
}

/* --- keys --- */

static void
say_point(const struct nj_explain *to, EVP_PKEY *key)
{
    NJ_CLEANUP(nj_drop_bn) BIGNUM *x = NULL;
    NJ_CLEANUP(nj_drop_bn) BIGNUM *y = NULL;
    int bytes = (EVP_PKEY_get_bits(key) + 7) / 8;

    (void)EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x);
    (void)EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y);
    say(to, "public", "the point Q = d times G on the curve, for everybody to know:");
    say_number(to, "  x", x, bytes);
    say_number(to, "  y", y, bytes);
}

static void
say_modulus(const struct nj_explain *to, EVP_PKEY *key)
{
    NJ_CLEANUP(nj_drop_bn) BIGNUM *n = NULL;
    NJ_CLEANUP(nj_drop_bn) BIGNUM *e = NULL;

    (void)EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n);
    (void)EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e);
    say(to, "public", "the product n of two secret primes, and the exponent e:");
    say_number(to, "  n", n, 1);
    say_number(to, "  e", e, 1);
}

void
nj_explain_key(struct nj_explain *to, EVP_PKEY *key, const char *where)
{
    char kind[64], title[96];

    if (to->out == NULL)
        return;
    (void)snprintf(title, sizeof(title), "Key pair (%s)", nj_key_describe(key, kind, sizeof(kind)));
    begin_step(to, title);
    (void)fprintf(to->out,
                  INDENT "%-12s a number d from the system's randomness; it is shown to "
                         "nobody, and lies in %s only\n",
                  "secret", where);
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
        say_point(to, key);
    else if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
        say_modulus(to, key);
}

/* --- signatures --- */

static void
say_ecdsa(const struct nj_explain *to, const ASN1_BIT_STRING *signature)
{
    const unsigned char *der = signature->data;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, signature->length);

    if (pair == NULL)
        return;
    say(to, "signature", "two numbers, from the hash, d, and a fresh random number:");
    say_number(to, "  r", ECDSA_SIG_get0_r(pair), 1);
    say_number(to, "  s", ECDSA_SIG_get0_s(pair), 1);
    ECDSA_SIG_free(pair);
}

/* s^e mod n: with the public key anybody gets back the padded hash. */
static void
say_rsa(const struct nj_explain *to, const ASN1_BIT_STRING *signature, EVP_PKEY *signer)
{
    unsigned char padded[1024];
    size_t n = sizeof(padded);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(signer, NULL);

    say(to, "signature", "s = (padded hash) to the power d, modulo n:");
    say_bytes(to, "  s", signature->data, (size_t)signature->length);
    if (ctx != NULL && EVP_PKEY_verify_recover_init(ctx) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
        EVP_PKEY_verify_recover(ctx, padded, &n, signature->data, (size_t)signature->length) == 1) {
        say(to, "check", "s to the power e, modulo n, gives back padding and hash:");
        say_bytes(to, "  s^e", padded, n);
    }
    ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
}

/* `der` is what is signed; what the signature says about it. */
static void
say_signature(const struct nj_explain *to, const unsigned char *der, int n,
              const ASN1_BIT_STRING *signature, EVP_PKEY *signer, bool is_valid)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_n;

    if (n <= 0)
        return;
    (void)fprintf(to->out, INDENT "%-12s %d bytes of DER:\n", "signed", n);
    say_bytes(to, "", der, (size_t)n);
    if (EVP_Digest(der, (size_t)n, digest, &digest_n, EVP_sha256(), NULL) == 1)
        say_bytes(to, "SHA-256", digest, digest_n);
    if (EVP_PKEY_get_base_id(signer) == EVP_PKEY_EC)
        say_ecdsa(to, signature);
    else if (EVP_PKEY_get_base_id(signer) == EVP_PKEY_RSA)
        say_rsa(to, signature, signer);
    else
        say_bytes(to, "signature", signature->data, (size_t)signature->length);
    say(to, "verified", is_valid ? "yes, with the public key alone" : "NO");
}

/* --- requests, certificates, lists --- */

void
nj_explain_request(struct nj_explain *to, X509_REQ *request)
{
    const ASN1_BIT_STRING *signature;
    unsigned char *der = NULL;
    int n;
    STACK_OF(X509_EXTENSION) * extensions;
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);

    if (to->out == NULL)
        return;
    begin_step(to,
               "Request: name and public key, signed with the key itself, so that nobody can ask "
               "for a key that is not his");
    say_name(to, "subject", X509_REQ_get_subject_name(request));
    extensions = X509_REQ_get_extensions(request);
    say_extensions(to, extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_get0_signature(request, &signature, NULL);
    n = i2d_re_X509_REQ_tbs(request, &der);
    say_signature(to, der, n, signature, key, X509_REQ_verify(request, key) == 1);
    OPENSSL_free(der);
}

void
nj_explain_certificate(struct nj_explain *to, X509 *certificate)
{
    if (to->out == NULL)
        return;
    begin_step(to, "Certificate: what the authority adds, and vouches for");
    say_bytes(to, "serial", X509_get0_serialNumber(certificate)->data,
              (size_t)X509_get0_serialNumber(certificate)->length);
    say_name(to, "issuer", X509_get_issuer_name(certificate));
    say_name(to, "subject", X509_get_subject_name(certificate));
    say_time(to, "from", X509_get0_notBefore(certificate));
    say_time(to, "until", X509_get0_notAfter(certificate));
    say_extensions(to, X509_get0_extensions(certificate));
}

void
nj_explain_certificate_signature(struct nj_explain *to, X509 *certificate, EVP_PKEY *signer)
{
    const ASN1_BIT_STRING *signature;
    unsigned char *der = NULL;
    int n;

    if (to->out == NULL)
        return;
    begin_step(to, "Hash, and signature by the authority's secret key");
    X509_get0_signature(&signature, NULL, certificate);
    n = i2d_re_X509_tbs(certificate, &der);
    say_signature(to, der, n, signature, signer, X509_verify(certificate, signer) == 1);
    OPENSSL_free(der);
}

void
nj_explain_crl(struct nj_explain *to, X509_CRL *crl, EVP_PKEY *signer)
{
    const ASN1_BIT_STRING *signature;
    unsigned char *der = NULL;
    int n;
    STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl);

    if (to->out == NULL)
        return;
    begin_step(
        to, "Revocation list: the serial numbers that nobody is to trust, signed by the authority");
    say_name(to, "issuer", X509_CRL_get_issuer(crl));
    say_time(to, "from", X509_CRL_get0_lastUpdate(crl));
    say_time(to, "until", X509_CRL_get0_nextUpdate(crl));
    for (int i = 0; i < sk_X509_REVOKED_num(revoked); i++) {
        const ASN1_INTEGER *serial =
            X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(revoked, i));

        say_bytes(to, "revoked", serial->data, (size_t)serial->length);
    }
    X509_CRL_get0_signature(crl, &signature, NULL);
    n = i2d_re_X509_CRL_tbs(crl, &der);
    say_signature(to, der, n, signature, signer, X509_CRL_verify(crl, signer) == 1);
    OPENSSL_free(der);
}
