/* SPDX-License-Identifier: Apache-2.0 */
/* tls_keylog.h — secrets of TLS sessions, as browsers, OpenSSL and others write them down: NSS's
 * key log format, from a file or from a Decryption Secrets Block in a capture. A line is
 *
 *     LABEL <client random, 64 hex digits> <secret, in hex>
 *
 * What is no such line is left out and counted; so are comments, not counted. Where a secret is
 * named twice, the last one holds. A log that is still being written may be followed: it is read on
 * where a secret is looked for and not known. Bounded: NJ_KEYLOG_SECRETS_MAX secrets, and
 * NJ_KEYLOG_READ_MAX bytes for one look. Thread: one. */
#ifndef NJ_SNIFF_TLS_KEYLOG_H
#define NJ_SNIFF_TLS_KEYLOG_H

#include "base/err.h"
#include "base/str.h"

#include <stdio.h>

#define NJ_KEYLOG_SECRETS_MAX (1u << 18)
#define NJ_KEYLOG_READ_MAX    (1u << 20)
#define NJ_TLS_RANDOM_BYTES   32u
#define NJ_TLS_SECRET_MAX     64u

enum nj_tls_secret {
    NJ_TLS_SECRET_MASTER, /* CLIENT_RANDOM: of TLS 1.2 and before */
    NJ_TLS_SECRET_CLIENT_EARLY,
    NJ_TLS_SECRET_CLIENT_HANDSHAKE,
    NJ_TLS_SECRET_SERVER_HANDSHAKE,
    NJ_TLS_SECRET_CLIENT_TRAFFIC,
    NJ_TLS_SECRET_SERVER_TRAFFIC,
};

struct nj_keylog;

NJ_NODISCARD enum nj_err nj_keylog_new(struct nj_keylog **out);
/* Its secrets are wiped, and the file that it follows is closed. */
void nj_keylog_free(struct nj_keylog *k);

/* Whole lines. */
void nj_keylog_add(struct nj_keylog *k, struct nj_str text);
/* A file to its end. NJ_ESYS: it cannot be read. */
NJ_NODISCARD enum nj_err nj_keylog_read(struct nj_keylog *k, FILE *file);
/* The same, and go on with it: a regular file, which is taken in every case. */
NJ_NODISCARD enum nj_err nj_keylog_follow(struct nj_keylog *k, FILE *file);
/* Lent until the next line is added, or looked for; empty where it is not known. */
struct nj_str nj_keylog_find(struct nj_keylog *k, enum nj_tls_secret secret,
                             const uint8_t random[NJ_TLS_RANDOM_BYTES]);
/* Whether there may be any secret. */
bool nj_keylog_is_of_use(const struct nj_keylog *k);
/* Secrets that are known, and lines that were not taken. */
size_t nj_keylog_count(const struct nj_keylog *k);
uint64_t nj_keylog_refused(const struct nj_keylog *k);

#endif
