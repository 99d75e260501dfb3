/* SPDX-License-Identifier: Apache-2.0 */
/* tls_crypt.h — from a secret to the keys of one direction, and from a protected record to what it
 * says. OpenSSL has the primitives; nothing here keeps a connection.
 *
 * Suites with an AEAD only: AES-GCM and ChaCha20-Poly1305 of TLS 1.2 and 1.3. */
#ifndef NJ_SNIFF_TLS_CRYPT_H
#define NJ_SNIFF_TLS_CRYPT_H

#include "base/err.h"
#include "sniff/payload/tls_keylog.h"

#define NJ_TLS_HEADER_BYTES 5u
/* What a record may hold: 2^14 bytes, and what its protection may add. [RFC5246-6.2.3] */
#define NJ_TLS_BODY_MAX ((1u << 14) + 2048u)

enum nj_tls_aead {
    NJ_TLS_AES_128_GCM,
    NJ_TLS_AES_256_GCM,
    NJ_TLS_CHACHA20_POLY1305,
    NJ_TLS_AEAD_COUNT,
};

struct nj_tls_suite {
    uint16_t id;
    bool is_13;
    bool is_sha384; /* its hash, else SHA-256 */
    enum nj_tls_aead aead;
};

/* NULL: a suite that is not decrypted. */
const struct nj_tls_suite *nj_tls_suite_find(uint16_t id);

/* Of one direction, of one epoch. */
struct nj_tls_key {
    const struct nj_tls_suite *suite; /* NULL: there is none yet */
    uint64_t seq;                     /* of the record that comes next */
    uint8_t key[32], iv[12];
    uint8_t secret[NJ_TLS_SECRET_MAX]; /* 1.3: what the next one is made of */
    size_t secret_bytes;
};

/* What the library has to be asked for once. */
struct nj_tls_crypt;

NJ_NODISCARD enum nj_err nj_tls_crypt_new(struct nj_tls_crypt **out);
void nj_tls_crypt_free(struct nj_tls_crypt *c);

/* TLS 1.2: the client's and the server's, from the master secret. [RFC5246-6.3] False: the secret
 * does not fit the suite. */
bool nj_tls_key_12(struct nj_tls_crypt *c, const struct nj_tls_suite *suite, struct nj_str master,
                   const uint8_t client_random[NJ_TLS_RANDOM_BYTES],
                   const uint8_t server_random[NJ_TLS_RANDOM_BYTES], struct nj_tls_key *client,
                   struct nj_tls_key *server);
/* TLS 1.3: of a traffic secret. [RFC8446-7.3] */
bool nj_tls_key_13(struct nj_tls_crypt *c, const struct nj_tls_suite *suite, struct nj_str secret,
                   struct nj_tls_key *out);
/* After a KeyUpdate. [RFC8446-7.2] */
bool nj_tls_key_update(struct nj_tls_crypt *c, struct nj_tls_key *key);

/**
 * A record's plaintext (1.3: with padding and inner content type).
 *
 * record   its header and body.
 * out      room for record.n bytes.
 * Returns  whether it is authentic; the key's number is then raised.
 */
bool nj_tls_key_open(struct nj_tls_crypt *c, struct nj_tls_key *key, struct nj_str record,
                     uint8_t *out, size_t *bytes);

#endif
