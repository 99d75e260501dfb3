/* SPDX-License-Identifier: Apache-2.0 */
/* seal.h — TLS 1.3 under a caller's bytes, by OpenSSL and without our own layer, for the reason
 * that wire.h gives.
 *
 * Thread: a context is for all, a connection for one at a time. Errors: what goes wrong before
 * anything can be measured ends the process with exit code 2. */
#ifndef NJ_BENCH_SEAL_H
#define NJ_BENCH_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ssl_ctx_st;
struct ssl_st;
struct ssl_session_st;

struct nj_seal_opts {
    const char *cafile;   /* of the broker's certificate */
    const char *certfile; /* to show; NULL: none */
    const char *keyfile;
};

/* Freed with nj_seal_context_free(). */
struct ssl_ctx_st *nj_seal_context_new(const struct nj_seal_opts *opts);
void nj_seal_context_free(struct ssl_ctx_st *x);

/* The handshake on the connected, blocking socket `fd`, which stays the caller's. `session` is
 * taken up again where it is not NULL. Freed with nj_seal_free(). */
struct ssl_st *nj_seal_new(struct ssl_ctx_st *x, int fd, struct ssl_session_st *session);
void nj_seal_free(struct ssl_st *s);

/* As send() and recv(): bytes, 0 at the end, or -1 with errno. A read takes records as long as one
 * more has room for sure, so that none is left where epoll does not see it; `bytes` is 16 KiB or
 * more unless less is sure to come. */
ssize_t nj_seal_write(struct ssl_st *s, const void *p, size_t n);
ssize_t nj_seal_read(struct ssl_st *s, uint8_t *p, size_t bytes);
/* Say that nothing more will come. */
void nj_seal_end(struct ssl_st *s);

/* What the broker has given to come back with, after its first answer; the caller's, freed with
 * nj_seal_session_free(). */
struct ssl_session_st *nj_seal_session(struct ssl_st *s);
void nj_seal_session_free(struct ssl_session_st *session);
bool nj_seal_is_resumed(const struct ssl_st *s);

#endif
