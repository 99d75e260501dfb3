/* SPDX-License-Identifier: Apache-2.0 */
/* password.h — the hash of one password, in the three forms of Mosquitto's password files:
 *
 *   $6$SALT$HASH                          SHA-512 of password and salt: fast, so weak; read, and
 *                                         made on demand for brokers before 2.0
 *   $7$ITERATIONS$SALT$HASH               PBKDF2 with HMAC-SHA-512: what is made unless asked
 *   $argon2id$v=19$m=…,t=…,p=…$SALT$HASH  Argon2id, whose memory makes guessing dear
 *
 * The first two are made so that every Mosquitto that knows the form reads them.
 *
 * A password ends before its first NUL, as in Mosquitto. Pure, but for the system's randomness.
 * Thread: any. */
#ifndef NJ_AUTH_PASSWORD_H
#define NJ_AUTH_PASSWORD_H

#include "base/err.h"
#include "base/str.h"

enum nj_password_kind {
    NJ_PASSWORD_SHA512,
    NJ_PASSWORD_PBKDF2,
    NJ_PASSWORD_ARGON2ID,
};

#define NJ_PASSWORD_SALT_MAX 64
#define NJ_PASSWORD_HASH_MAX 64
/* Of the text of a hash, with its NUL. */
#define NJ_PASSWORD_TEXT_MAX 256
/* What Mosquitto 2.1 makes. */
#define NJ_PASSWORD_ITERATIONS 1000

struct nj_password {
    enum nj_password_kind kind;
    uint32_t iterations;        /* PBKDF2, Argon2id */
    uint32_t memory_kib, lanes; /* Argon2id */
    uint8_t salt_n, hash_n;
    uint8_t salt[NJ_PASSWORD_SALT_MAX];
    uint8_t hash[NJ_PASSWORD_HASH_MAX];
};

/**
 * Read the text of a hash.
 *
 * Errors NJ_ECONFIG, with what is wrong with it in diag (no file, no line; the text itself is never
 * shown): plain text, an unknown form, a salt or hash of another length than its form has, more
 * work than anybody should ask of a broker (2^24 iterations, 1 GiB).
 */
NJ_NODISCARD enum nj_err nj_password_read(struct nj_password *out, struct nj_str text,
                                          struct nj_diag *diag);
/* The text of a hash, with its NUL. Returns its length. */
size_t nj_password_write(const struct nj_password *password, char out[NJ_PASSWORD_TEXT_MAX]);

/* Make one, with a salt from the system. `iterations` 0: the usual number. Takes as long as a
 * check. Errors: NJ_ENOMEM. */
NJ_NODISCARD enum nj_err nj_password_make(struct nj_password *out, enum nj_password_kind kind,
                                          uint32_t iterations, struct nj_str plain);

/* Is this the password? Takes a millisecond or so for PBKDF2 as it is usual, tens of them and its
 * memory for Argon2id: work for a pool (io/pool.h). Errors: NJ_ENOMEM. */
NJ_NODISCARD enum nj_err nj_password_check(const struct nj_password *password, struct nj_str plain,
                                           bool *fits);

#endif
