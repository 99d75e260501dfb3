/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/bench/seal.h"

#include "cmd/bench/caller.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define RECORD_BYTES 16384u

NJ_NORETURN static void
die(const char *what, const char *name)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    errno = 0;
    nj_bench_die("cannot %s %s: %s", what, name, reason != NULL ? reason : "no reason given");
}

SSL_CTX *
nj_seal_context_new(const struct nj_seal_opts *opts)
{
    static char groups[] = "X25519:P-256";
    SSL_CTX *x = SSL_CTX_new(TLS_client_method());

    if (x == NULL || SSL_CTX_set_min_proto_version(x, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(x, groups) != 1)
        die("set up", "TLS 1.3");
    SSL_CTX_set_mode(x, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(x, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_load_verify_file(x, opts->cafile) != 1)
        die("load", opts->cafile);
    if (opts->certfile == NULL)
        return x;
    if (SSL_CTX_use_certificate_chain_file(x, opts->certfile) != 1)
        die("load", opts->certfile);
    if (opts->keyfile == NULL ||
        SSL_CTX_use_PrivateKey_file(x, opts->keyfile, SSL_FILETYPE_PEM) != 1)
        die("load the key of", opts->certfile);
    return x;
}

void
nj_seal_context_free(SSL_CTX *x)
{
    SSL_CTX_free(x);
}

SSL *
nj_seal_new(SSL_CTX *x, int fd, SSL_SESSION *session)
{
    SSL *s = SSL_new(x);

    if (s == NULL || SSL_set_fd(s, fd) != 1 ||
        (session != NULL && SSL_set_session(s, session) != 1))
        die("set up", "a connection");
    if (SSL_connect(s) != 1)
        die("shake hands with", "the broker");
    return s;
}

void
nj_seal_free(SSL *s)
{
    SSL_free(s);
}

/* 0 where the broker has ended it, -1 with errno else. */
static ssize_t
judge(SSL *s, int result)
{
    int error = SSL_get_error(s, result);

    ERR_clear_error();
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPIPE;
    return -1;
}

ssize_t
nj_seal_write(SSL *s, const void *p, size_t n)
{
    size_t sum = 0;

    while (sum < n) {
        size_t took = 0;
        int result = SSL_write_ex(s, (const uint8_t *)p + sum, n - sum, &took);

        if (result != 1)
            return sum > 0 ? (ssize_t)sum : judge(s, result);
        sum += took;
    }
    return (ssize_t)sum;
}

ssize_t
nj_seal_read(SSL *s, uint8_t *p, size_t bytes)
{
    size_t sum = 0;

    do {
        size_t got = 0;
        int result = SSL_read_ex(s, p + sum, bytes - sum, &got);

        if (result != 1)
            return sum > 0 ? (ssize_t)sum : judge(s, result);
        sum += got;
    } while (bytes - sum >= RECORD_BYTES);
    return (ssize_t)sum;
}

void
nj_seal_end(SSL *s)
{
    (void)SSL_shutdown(s);
    ERR_clear_error();
}

SSL_SESSION *
nj_seal_session(SSL *s)
{
    return SSL_get1_session(s);
}

void
nj_seal_session_free(SSL_SESSION *session)
{
    SSL_SESSION_free(session);
}

bool
nj_seal_is_resumed(const SSL *s)
{
    return SSL_session_reused(s) == 1;
}
