/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL reads and writes through a BIO of ours, which is no more than the spans of the call that
 * runs: nothing is copied into memory BIOs, and no BIO owns memory. One BIO serves both ways. */
#include "net/tls_priv.h"

#include "base/assert.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>

/* ---- the BIO ---- */

/* Nothing has been encrypted yet, so neither is this. */
static void
refuse_hello(struct nj_tls *t)
{
    static const uint8_t alert[] = {21, 3, 3, 0, 2, SSL3_AL_FATAL, SSL_AD_DECODE_ERROR};
    struct nj_tls_io *io = t->io;

    nj_tls_note_hello(t);
    if (io->out_room - io->out_n < sizeof(alert))
        return;
    memcpy(io->out + io->out_n, alert, sizeof(alert));
    io->out_n += sizeof(alert);
}

/* Whether OpenSSL may have `bytes`, which came. Where it may not, its call fails. */
static bool
may_pass(struct nj_tls *t, struct nj_str bytes)
{
    if (t->asks_anew || t->asides > NJ_TLS_ASIDES_MAX) {
        nj_tls_refuse(t, t->asks_anew
                             ? "the client asks to negotiate anew (renegotiation), which is not "
                               "done here"
                             : "the client asks for new keys again and again");
        return false;
    }
    if (t->hello.is_over || nj_tls_hello_take(&t->hello, t->ssl, (const uint8_t *)bytes.p, bytes.n))
        return true;
    refuse_hello(t);
    return false;
}

static int
bio_read(BIO *bio, char *out, int n)
{
    struct nj_tls *t = BIO_get_data(bio);
    struct nj_str *in = &t->io->in;
    size_t take = NJ_MIN((size_t)n, in->n);

    BIO_clear_retry_flags(bio);
    if (!may_pass(t, (struct nj_str){in->p, take}))
        return -1;
    if (take == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(out, in->p, take);
    *in = nj_str_from(*in, take);
    for (size_t i = 0; t->first_n < sizeof(t->first) && i < take; i++)
        t->first[t->first_n++] = (uint8_t)out[i];
    return (int)take;
}

static int
bio_write(BIO *bio, const char *p, int n)
{
    struct nj_tls *t = BIO_get_data(bio);
    struct nj_tls_io *io = t->io;
    size_t give = NJ_MIN((size_t)n, io->out_room - io->out_n);

    BIO_clear_retry_flags(bio);
    if (give == 0) {
        BIO_set_retry_write(bio);
        return -1;
    }
    memcpy(io->out + io->out_n, p, give);
    io->out_n += give;
    return (int)give;
}

static long
bio_ctrl(BIO *bio, int what, long number, void *p)
{
    (void)bio;
    (void)number;
    (void)p;
    return what == BIO_CTRL_FLUSH || what == BIO_CTRL_DUP ? 1 : 0;
}

static BIO_METHOD *method; /* one table for all threads */

static void
make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nightjar");
    NJ_ASSERT(method != NULL);
    (void)BIO_meth_set_read(method, bio_read);
    (void)BIO_meth_set_write(method, bio_write);
    (void)BIO_meth_set_ctrl(method, bio_ctrl);
}

void
nj_tls_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, make_method);
}

/* ---- OpenSSL's memory ---- */

/* As OpenSSL's own: zero bytes are NULL. */
static void *
allocate(size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    return bytes > 0 ? nj_alloc_uncapped(bytes) : NULL;
}

static void *
reallocate(void *p, size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    if (bytes > 0)
        return nj_realloc_uncapped(p, bytes);
    nj_free(p);
    return NULL;
}

static void
release(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    nj_free(p);
}

bool
nj_tls_count_memory(void)
{
    return CRYPTO_set_mem_functions(allocate, reallocate, release) == 1;
}

/* ---- beginning and end ---- */

bool
nj_tls_is_address(const char *host)
{
    struct in6_addr any;

    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

/* What the server is asked for, and what its certificate must hold. */
static bool
set_host(struct nj_tls *t, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    bool is_ip = nj_tls_is_address(host);

    t->host = nj_str_dup(nj_str_of(host));
    if (t->host == NULL || (!is_ip && SSL_set_tlsext_host_name(t->ssl, t->host) != 1))
        return false;
    if (t->context->insecure)
        return true;
    if (is_ip)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

static bool
set_up(struct nj_tls *t, const char *host)
{
    BIO *bio = BIO_new(method);

    if (bio == NULL)
        return false;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    if (SSL_set_ex_data(t->ssl, 0, t) != 1)
        return false;
    t->hello.is_over = t->context->role == NJ_TLS_CLIENT;
    if (t->context->role == NJ_TLS_SERVER) {
        (void)SSL_set_options(t->ssl, SSL_OP_CLEANSE_PLAINTEXT);
        SSL_set_accept_state(t->ssl);
        return true;
    }
    SSL_set_connect_state(t->ssl);
    if (t->context->alpn[0] != 0 &&
        SSL_set_alpn_protos(t->ssl, t->context->alpn, 1u + t->context->alpn[0]) != 0)
        return false;
    return host == NULL || set_host(t, host);
}

struct nj_tls *
nj_tls_new(struct nj_tls_context *x, const char *host)
{
    struct nj_tls *t = nj_zalloc(sizeof(*t));

    if (t == NULL)
        return NULL;
    t->context = nj_tls_context_ref(x);
    t->ssl = SSL_new(x->shown[0]);
    if (t->ssl == NULL || !set_up(t, host)) {
        nj_tls_free(t);
        ERR_clear_error();
        return NULL;
    }
    return t;
}

void
nj_tls_free(struct nj_tls *t)
{
    if (t == NULL)
        return;
    SSL_free(t->ssl);
    nj_tls_context_unref(t->context);
    nj_free(t->fault);
    nj_free(t->host);
    nj_free(t->psk_identity);
    nj_free(t);
}

const struct nj_tls_context *
nj_tls_context_of(const struct nj_tls *t)
{
    return t->context;
}

/* ---- bytes ---- */

/* Before OpenSSL is asked for anything: what its queue holds afterwards is about that. */
static void
begin(struct nj_tls *t, struct nj_tls_io *io)
{
    t->io = io;
    ERR_clear_error();
}

/* What an OpenSSL call that did not succeed says. */
static enum nj_tls_result
judge(struct nj_tls *t, int result)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return NJ_TLS_HUNGRY;
    case SSL_ERROR_WANT_WRITE:
        return NJ_TLS_FULL;
    case SSL_ERROR_ZERO_RETURN:
        return NJ_TLS_CLOSED;
    default:
        nj_tls_note_failure(t);
        t->is_broken = true;
        ERR_clear_error();
        return NJ_TLS_FAILED;
    }
}

/* Whoever holds it too has a key of no kind, as if new. OpenSSL says that there is no such kind,
 * once it is. */
static void
empty_key(EVP_PKEY *key)
{
    if (key != NULL)
        (void)EVP_PKEY_set_type(key, EVP_PKEY_NONE);
}

/* What a client sends along to be verified by is of no use once it is: 4 KB for each certificate.
 * Its own stays, in the session, for a look at it after a reload; but not its key decoded, which
 * has done its work: 2 KB. */
static void
drop_proof(struct nj_tls *t)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(t->ssl);
    X509 *own = SSL_get0_peer_certificate(t->ssl);

    while (chain != NULL && sk_X509_num(chain) > 0)
        X509_free(sk_X509_pop(chain));
    if (own != NULL)
        empty_key(X509_get0_pubkey(own));
}

/* Nor are the keys of both sides, from which those of the records came: OpenSSL would keep them,
 * ours too, until the connection ends. */
static void
drop_exchange(SSL *ssl)
{
    EVP_PKEY *ours = NULL, *theirs = NULL;

    (void)SSL_get_tmp_key(ssl, &ours);
    (void)SSL_get_peer_tmp_key(ssl, &theirs);
    empty_key(ours);
    empty_key(theirs);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
}

static int
shake(struct nj_tls *t)
{
    OSSL_LIB_CTX *before = OSSL_LIB_CTX_set0_default(t->context->library); /* NULL: as it was */
    int done = SSL_do_handshake(t->ssl);

    (void)OSSL_LIB_CTX_set0_default(before);
    return done;
}

enum nj_tls_result
nj_tls_handshake(struct nj_tls *t, struct nj_tls_io *io)
{
    int done;

    if (t->is_broken)
        return NJ_TLS_FAILED;
    begin(t, io);
    done = shake(t);
    if (done == 1 && !t->is_open) {
        t->is_open = true;
        nj_tls_psk_settle(t);
        if (t->context->role == NJ_TLS_SERVER) {
            drop_proof(t);
            drop_exchange(t->ssl);
        }
        ERR_clear_error();
    }
    return done == 1 ? NJ_TLS_DONE : judge(t, done);
}

bool
nj_tls_is_open(const struct nj_tls *t)
{
    return t->is_open;
}

enum nj_tls_result
nj_tls_read(struct nj_tls *t, struct nj_tls_io *io, void *buffer, size_t room, size_t *got)
{
    *got = 0;
    if (t->is_broken)
        return NJ_TLS_FAILED;
    begin(t, io);
    while (*got < room) {
        size_t n = 0;
        int done = SSL_read_ex(t->ssl, (char *)buffer + *got, room - *got, &n);

        if (done != 1)
            return judge(t, done);
        *got += n;
    }
    return NJ_TLS_DONE;
}

void
nj_tls_stop_wiping(struct nj_tls *t)
{
    (void)SSL_clear_options(t->ssl, SSL_OP_CLEANSE_PLAINTEXT);
}

enum nj_tls_result
nj_tls_write(struct nj_tls *t, struct nj_tls_io *io, struct nj_str bytes, size_t *taken)
{
    *taken = 0;
    if (t->is_broken)
        return NJ_TLS_FAILED;
    begin(t, io);
    while (*taken < bytes.n) {
        struct nj_str left = nj_str_from(bytes, *taken);
        size_t n = 0;
        int done = SSL_write_ex(t->ssl, left.p, left.n, &n);

        if (done != 1)
            return judge(t, done);
        *taken += n;
    }
    return NJ_TLS_DONE;
}

void
nj_tls_close(struct nj_tls *t, struct nj_tls_io *io)
{
    if (t->is_broken || !nj_tls_is_open(t))
        return;
    begin(t, io);
    (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
}

const struct nj_tls_fault *
nj_tls_fault(const struct nj_tls *t)
{
    return t->fault;
}

/* ---- who is there ---- */

const char *
nj_tls_version(const struct nj_tls *t)
{
    return SSL_get_version(t->ssl);
}

const char *
nj_tls_cipher(const struct nj_tls *t)
{
    return SSL_get_cipher_name(t->ssl);
}

bool
nj_tls_is_resumed(const struct nj_tls *t)
{
    return SSL_session_reused(t->ssl) == 1;
}

/* The first CN of the subject, as Mosquitto takes it. One with a NUL would be read as two names. */
static char *
common_name(X509_NAME *subject)
{
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *text = NULL;
    char *copy = NULL;
    int n;

    if (at < 0)
        return NULL;
    n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (n > 0 && memchr(text, 0, (size_t)n) == NULL)
        copy = nj_str_dup((struct nj_str){(const char *)text, (size_t)n});
    OPENSSL_free(text);
    return copy;
}

char *
nj_tls_print_name(const X509_NAME *name)
{
    BIO *text = BIO_new(BIO_s_mem());
    char *bytes = NULL, *copy = NULL;
    long n;

    if (text != NULL && X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253) >= 0) {
        n = BIO_get_mem_data(text, &bytes);
        if (n > 0)
            copy = nj_str_dup((struct nj_str){bytes, (size_t)n});
    }
    BIO_free(text);
    return copy;
}

char *
nj_tls_peer_name(const struct nj_tls *t, enum nj_tls_name which)
{
    X509 *cert = SSL_get0_peer_certificate(t->ssl);

    if (t->psk_identity != NULL)
        return which == NJ_TLS_COMMON_NAME ? nj_str_dup(nj_str_of(t->psk_identity)) : NULL;
    if (cert == NULL)
        return NULL;
    return which == NJ_TLS_COMMON_NAME ? common_name(X509_get_subject_name(cert))
                                       : nj_tls_print_name(X509_get_subject_name(cert));
}

const char *
nj_tls_library(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}
