/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/payload/tls_crypt.h"

#include "base/mem.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

enum {
    TAG_BYTES = 16,
    SALT_BYTES = 4, /* of AES-GCM in 1.2: the part of its nonce that is not sent [RFC5288-3] */
    EXPLICIT_BYTES = 8,
    NONCE_BYTES = 12,
    LABEL_MAX = 64,
};

struct nj_tls_crypt {
    EVP_CIPHER *cipher[NJ_TLS_AEAD_COUNT];
    EVP_CIPHER_CTX *context;
    EVP_KDF_CTX *prf, *hkdf;
};

static const struct {
    const char *name;
    size_t key_bytes;
} aeads[] = {
    [NJ_TLS_AES_128_GCM] = {"AES-128-GCM", 16},
    [NJ_TLS_AES_256_GCM] = {"AES-256-GCM", 32},
    [NJ_TLS_CHACHA20_POLY1305] = {"ChaCha20-Poly1305", 32},
};

static const struct nj_tls_suite suites[] = {
    {0x1301, true, false, NJ_TLS_AES_128_GCM},
    {0x1302, true, true, NJ_TLS_AES_256_GCM},
    {0x1303, true, false, NJ_TLS_CHACHA20_POLY1305},
    /* RSA, DHE, DHE with DSS, PSK, DHE and PSK, RSA and PSK, ECDHE with ECDSA and RSA */
    {0x009c, false, false, NJ_TLS_AES_128_GCM},
    {0x009d, false, true, NJ_TLS_AES_256_GCM},
    {0x009e, false, false, NJ_TLS_AES_128_GCM},
    {0x009f, false, true, NJ_TLS_AES_256_GCM},
    {0x00a2, false, false, NJ_TLS_AES_128_GCM},
    {0x00a3, false, true, NJ_TLS_AES_256_GCM},
    {0x00a8, false, false, NJ_TLS_AES_128_GCM},
    {0x00a9, false, true, NJ_TLS_AES_256_GCM},
    {0x00aa, false, false, NJ_TLS_AES_128_GCM},
    {0x00ab, false, true, NJ_TLS_AES_256_GCM},
    {0x00ac, false, false, NJ_TLS_AES_128_GCM},
    {0x00ad, false, true, NJ_TLS_AES_256_GCM},
    {0xc02b, false, false, NJ_TLS_AES_128_GCM},
    {0xc02c, false, true, NJ_TLS_AES_256_GCM},
    {0xc02f, false, false, NJ_TLS_AES_128_GCM},
    {0xc030, false, true, NJ_TLS_AES_256_GCM},
    {0xcca8, false, false, NJ_TLS_CHACHA20_POLY1305},
    {0xcca9, false, false, NJ_TLS_CHACHA20_POLY1305},
    {0xccaa, false, false, NJ_TLS_CHACHA20_POLY1305},
    {0xccab, false, false, NJ_TLS_CHACHA20_POLY1305},
    {0xccac, false, false, NJ_TLS_CHACHA20_POLY1305},
    {0xccad, false, false, NJ_TLS_CHACHA20_POLY1305},
    {0xccae, false, false, NJ_TLS_CHACHA20_POLY1305},
    {0xd001, false, false, NJ_TLS_AES_128_GCM},
    {0xd002, false, true, NJ_TLS_AES_256_GCM},
};

const struct nj_tls_suite *
nj_tls_suite_find(uint16_t id)
{
    for (size_t i = 0; i < NJ_COUNT_OF(suites); i++)
        if (suites[i].id == id)
            return &suites[i];
    return NULL;
}

static EVP_KDF_CTX *
kdf_of(const char *name)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
    EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;

    EVP_KDF_free(kdf);
    return context;
}

enum nj_err
nj_tls_crypt_new(struct nj_tls_crypt **out)
{
    struct nj_tls_crypt *c = nj_zalloc(sizeof(*c));
    bool is_whole;

    if (c == NULL)
        return NJ_ENOMEM;
    c->context = EVP_CIPHER_CTX_new();
    c->prf = kdf_of("TLS1-PRF");
    c->hkdf = kdf_of("HKDF");
    is_whole = c->context != NULL && c->prf != NULL && c->hkdf != NULL;
    for (size_t i = 0; i < NJ_TLS_AEAD_COUNT; i++) {
        c->cipher[i] = EVP_CIPHER_fetch(NULL, aeads[i].name, NULL);
        is_whole = is_whole && c->cipher[i] != NULL;
    }
    if (!is_whole) {
        nj_tls_crypt_free(c);
        return NJ_EUNSUPPORTED;
    }
    *out = c;
    return NJ_OK;
}

void
nj_tls_crypt_free(struct nj_tls_crypt *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < NJ_TLS_AEAD_COUNT; i++)
        EVP_CIPHER_free(c->cipher[i]);
    EVP_CIPHER_CTX_free(c->context);
    EVP_KDF_CTX_free(c->prf);
    EVP_KDF_CTX_free(c->hkdf);
    nj_free(c);
}

/* ---- keys ---- */

static OSSL_PARAM
digest_param(const struct nj_tls_suite *suite)
{
    static char sha256[] = "SHA256", sha384[] = "SHA384";

    return OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                            suite->is_sha384 ? sha384 : sha256, 0);
}

static OSSL_PARAM
bytes_param(const char *name, struct nj_str bytes)
{
    /* OpenSSL takes what it only reads as void *. */
    union {
        const char *in;
        void *out;
    } p = {.in = bytes.p};

    return OSSL_PARAM_construct_octet_string(name, p.out, bytes.n);
}

static bool
is_gcm_12(const struct nj_tls_suite *suite)
{
    return !suite->is_13 && suite->aead != NJ_TLS_CHACHA20_POLY1305;
}

bool
nj_tls_key_12(struct nj_tls_crypt *c, const struct nj_tls_suite *suite, struct nj_str master,
              const uint8_t client_random[NJ_TLS_RANDOM_BYTES],
              const uint8_t server_random[NJ_TLS_RANDOM_BYTES], struct nj_tls_key *client,
              struct nj_tls_key *server)
{
    static const char label[] = "key expansion";
    size_t key_bytes = aeads[suite->aead].key_bytes;
    size_t iv_bytes = is_gcm_12(suite) ? SALT_BYTES : NONCE_BYTES;
    uint8_t seed[sizeof(label) - 1 + 2 * NJ_TLS_RANDOM_BYTES], block[2 * (32 + 12)];
    uint8_t *end = block;
    OSSL_PARAM params[4];

    if (suite->is_13 || master.n == 0)
        return false;
    memcpy(seed, label, sizeof(label) - 1);
    memcpy(seed + sizeof(label) - 1, server_random, NJ_TLS_RANDOM_BYTES);
    memcpy(seed + sizeof(label) - 1 + NJ_TLS_RANDOM_BYTES, client_random, NJ_TLS_RANDOM_BYTES);
    params[0] = digest_param(suite);
    params[1] = bytes_param(OSSL_KDF_PARAM_SECRET, master);
    params[2] = bytes_param(OSSL_KDF_PARAM_SEED, (struct nj_str){(const char *)seed, sizeof(seed)});
    params[3] = OSSL_PARAM_construct_end();
    EVP_KDF_CTX_reset(c->prf);
    if (EVP_KDF_derive(c->prf, block, 2 * (key_bytes + iv_bytes), params) != 1)
        return false;
    *client = *server = (struct nj_tls_key){.suite = suite};
    memcpy(client->key, end, key_bytes);
    memcpy(server->key, end += key_bytes, key_bytes);
    memcpy(client->iv, end += key_bytes, iv_bytes);
    memcpy(server->iv, end + iv_bytes, iv_bytes);
    return true;
}

/* HKDF-Expand-Label without a context. [RFC8446-7.1] */
static bool
expand_label(struct nj_tls_crypt *c, const struct nj_tls_suite *suite, struct nj_str secret,
             const char *label, uint8_t *out, size_t bytes)
{
    uint8_t info[2 + 1 + LABEL_MAX + 1];
    size_t label_bytes = strlen("tls13 ") + strlen(label);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM params[5];

    info[0] = (uint8_t)(bytes >> 8);
    info[1] = (uint8_t)bytes;
    info[2] = (uint8_t)label_bytes;
    (void)snprintf((char *)info + 3, LABEL_MAX, "tls13 %s", label);
    info[3 + label_bytes] = 0;
    params[0] = digest_param(suite);
    params[1] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    params[2] = bytes_param(OSSL_KDF_PARAM_KEY, secret);
    params[3] =
        bytes_param(OSSL_KDF_PARAM_INFO, (struct nj_str){(const char *)info, 4 + label_bytes});
    params[4] = OSSL_PARAM_construct_end();
    EVP_KDF_CTX_reset(c->hkdf);
    return EVP_KDF_derive(c->hkdf, out, bytes, params) == 1;
}

bool
nj_tls_key_13(struct nj_tls_crypt *c, const struct nj_tls_suite *suite, struct nj_str secret,
              struct nj_tls_key *out)
{
    struct nj_tls_key key = {.suite = suite};

    if (!suite->is_13 || secret.n != (suite->is_sha384 ? 48 : 32) ||
        !expand_label(c, suite, secret, "key", key.key, aeads[suite->aead].key_bytes) ||
        !expand_label(c, suite, secret, "iv", key.iv, NONCE_BYTES))
        return false;
    memcpy(key.secret, secret.p, secret.n);
    key.secret_bytes = secret.n;
    *out = key;
    return true;
}

bool
nj_tls_key_update(struct nj_tls_crypt *c, struct nj_tls_key *key)
{
    uint8_t next[NJ_TLS_SECRET_MAX];

    return key->suite != NULL && key->suite->is_13 &&
           expand_label(c, key->suite,
                        (struct nj_str){(const char *)key->secret, key->secret_bytes},
                        "traffic upd", next, key->secret_bytes) &&
           nj_tls_key_13(c, key->suite, (struct nj_str){(const char *)next, key->secret_bytes},
                         key);
}

/* ---- records ---- */

static void
put_number(uint8_t *out, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
}

/* Its own number, mixed into the IV. [RFC8446-5.3] [RFC7905-2] */
static void
mix_nonce(const struct nj_tls_key *key, uint8_t nonce[NONCE_BYTES])
{
    uint8_t seq[8];

    put_number(seq, key->seq, sizeof(seq));
    memcpy(nonce, key->iv, NONCE_BYTES);
    for (size_t i = 0; i < sizeof(seq); i++)
        nonce[NONCE_BYTES - sizeof(seq) + i] ^= seq[i];
}

static bool
decrypt(struct nj_tls_crypt *c, const struct nj_tls_key *key, const uint8_t nonce[NONCE_BYTES],
        const uint8_t *additional, size_t additional_bytes, struct nj_str sealed, uint8_t *out,
        size_t *bytes)
{
    union {
        const char *in;
        void *out;
    } tag = {.in = sealed.p + (sealed.n - TAG_BYTES)};
    int n = 0, ignored = 0;

    if (EVP_DecryptInit_ex2(c->context, c->cipher[key->suite->aead], key->key, nonce, NULL) != 1 ||
        EVP_CIPHER_CTX_ctrl(c->context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag.out) != 1 ||
        EVP_DecryptUpdate(c->context, NULL, &ignored, additional, (int)additional_bytes) != 1 ||
        EVP_DecryptUpdate(c->context, out, &n, (const uint8_t *)sealed.p,
                          (int)(sealed.n - TAG_BYTES)) != 1 ||
        EVP_DecryptFinal_ex(c->context, out + n, &ignored) != 1)
        return false;
    *bytes = (size_t)n;
    return true;
}

bool
nj_tls_key_open(struct nj_tls_crypt *c, struct nj_tls_key *key, struct nj_str record, uint8_t *out,
                size_t *bytes)
{
    bool has_explicit = is_gcm_12(key->suite);
    size_t before = NJ_TLS_HEADER_BYTES + (has_explicit ? EXPLICIT_BYTES : 0);
    uint8_t nonce[NONCE_BYTES], additional[8 + NJ_TLS_HEADER_BYTES];
    struct nj_str sealed;
    bool is_open;

    if (record.n < before + TAG_BYTES || record.n > NJ_TLS_HEADER_BYTES + NJ_TLS_BODY_MAX)
        return false;
    sealed = nj_str_from(record, before);
    mix_nonce(key, nonce);
    if (has_explicit) {
        memcpy(nonce, key->iv, SALT_BYTES);
        memcpy(nonce + SALT_BYTES, record.p + NJ_TLS_HEADER_BYTES, EXPLICIT_BYTES);
    }
    put_number(additional, key->seq, 8);
    memcpy(additional + 8, record.p, 3);
    put_number(additional + 11, sealed.n - TAG_BYTES, 2);
    is_open = key->suite->is_13
                  ? decrypt(c, key, nonce, (const uint8_t *)record.p, NJ_TLS_HEADER_BYTES, sealed,
                            out, bytes)
                  : decrypt(c, key, nonce, additional, sizeof(additional), sealed, out, bytes);
    if (is_open)
        key->seq++;
    return is_open;
}
