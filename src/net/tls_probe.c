/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_probe.h"

#include "base/mem.h"
#include "net/tls_priv.h"
#include "pki/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define AFTERWARDS_MS                                                                              \
    1000 /* for a refusal of our certificate, which in TLS 1.3 comes after the end */

struct probing {
    struct nj_tls_probe *out;
    const struct nj_tls_probe_opts *opts;
    SSL *ssl;
    BIO *received, *to_send; /* the SSL's; nothing of OpenSSL touches the socket itself */
    int fd;
    nj_time deadline;
    bool has_ticket; /* the broker has accepted us: in TLS 1.3 it sends these last */
};

/* ---- what happens on the way ---- */

static void
on_state(const SSL *ssl, int where, int value)
{
    struct probing *p = SSL_get_app_data(ssl);

    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (value >> 8) == SSL3_AL_FATAL)
        p->out->alert = value & 0xff;
}

static void
on_message(int is_ours, int version, int type, const void *bytes, size_t n, SSL *ssl, void *ctx)
{
    struct probing *p = ctx;

    (void)version;
    (void)ssl;
    if (is_ours == 0 && type == SSL3_RT_HANDSHAKE && n > 0 &&
        *(const uint8_t *)bytes == SSL3_MT_NEWSESSION_TICKET)
        p->has_ticket = true;
}

/* The broker asks for a certificate, and says whose it would take. */
static int
on_request(SSL *ssl, void *ctx)
{
    struct probing *p = ctx;
    const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(ssl);
    char *out = p->out->wants;

    p->out->asked_certificate = true;
    p->out->showed_certificate = SSL_get_certificate(ssl) != NULL;
    for (int i = 0; names != NULL && i < sk_X509_NAME_num(names); i++) {
        size_t n = strlen(out);
        char name[192];

        (void)X509_NAME_oneline(sk_X509_NAME_value(names, i), name, sizeof(name));
        (void)snprintf(out + n, sizeof(p->out->wants) - n, "%s%s", n > 0 ? ", " : "", name);
    }
    return 1;
}

/* ---- making one ---- */

static EVP_PKEY *
read_own_key(const struct nj_tls_opts *o)
{
    const struct nj_pki_file_opts wanted = {
        .wanted = NJ_PKI_KEY, .passphrase = o->password, .passphrase_ctx = o->password_ctx};
    const char *name = o->pairs[0].keyfile;
    struct nj_pki_file file = {0};
    EVP_PKEY *key = NULL;

    if (o->key_in_engine)
        return nj_tls_engine_key(&key, o, name, NULL) == NJ_OK ? key : NULL;
    if (nj_pki_file_read(&file, name, &wanted, NULL) == NJ_OK && EVP_PKEY_up_ref(file.key) == 1)
        key = file.key;
    nj_pki_file_fini(&file);
    return key;
}

/* Our own certificate with what stands behind it. */
static void
load_own_pair(SSL_CTX *ctx, const struct nj_tls_opts *o)
{
    const struct nj_pki_file_opts wanted = {.wanted = NJ_PKI_CERTIFICATE};
    struct nj_pki_file certs = {0};
    EVP_PKEY *key = NULL;

    if (o->pair_count == 0 || o->pairs[0].keyfile == NULL)
        return;
    if (nj_pki_file_read(&certs, o->pairs[0].certfile, &wanted, NULL) == NJ_OK &&
        (key = read_own_key(o)) != NULL &&
        X509_check_private_key(certs.certificates[0], key) == 1 &&
        SSL_CTX_use_certificate(ctx, certs.certificates[0]) == 1) {
        (void)SSL_CTX_use_PrivateKey(ctx, key);
        for (size_t i = 1; i < certs.certificate_count; i++)
            (void)SSL_CTX_add1_chain_cert(ctx, certs.certificates[i]);
    }
    EVP_PKEY_free(key);
    nj_pki_file_fini(&certs);
    ERR_clear_error();
}

static unsigned
on_psk(SSL *ssl, const char *hint, char *identity, unsigned identity_n, uint8_t *key,
       unsigned key_n)
{
    const struct probing *p = SSL_get_app_data(ssl);
    const struct nj_tls_opts *o = p->opts->offer;
    size_t n = 0;

    (void)hint;
    if (strlen(o->psk_identity) >= identity_n ||
        OPENSSL_hexstr2buf_ex(key, key_n, &n, o->psk, '\0') != 1)
        return 0;
    memcpy(identity, o->psk_identity, strlen(o->psk_identity) + 1);
    return (unsigned)n;
}

static void
set_offer(SSL_CTX *ctx, const struct nj_tls_opts *o)
{
    const char *ciphers = o->ciphers != NULL ? o->ciphers : "ALL:@SECLEVEL=0";

    load_own_pair(ctx, o);
    if (o->psk != NULL) {
        SSL_CTX_set_psk_client_callback(ctx, on_psk);
        ciphers = o->ciphers != NULL ? o->ciphers : "PSK:@SECLEVEL=0";
    }
    (void)SSL_CTX_set_cipher_list(ctx, ciphers);
}

static SSL_CTX *
make_context(struct probing *p)
{
    const struct nj_tls_probe_opts *o = p->opts;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    /* Where nothing is asked for, the limits of the system's configuration hold, as for clients. */
    if (o->oldest != 0)
        (void)SSL_CTX_set_min_proto_version(ctx, o->oldest);
    if (o->newest != 0)
        (void)SSL_CTX_set_max_proto_version(ctx, o->newest);
    (void)SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
    if (o->offer != NULL)
        set_offer(ctx, o->offer);
    SSL_CTX_set_info_callback(ctx, on_state);
    SSL_CTX_set_msg_callback(ctx, on_message);
    SSL_CTX_set_msg_callback_arg(ctx, p);
    SSL_CTX_set_cert_cb(ctx, on_request, p);
    return ctx;
}

/* ---- the handshake ---- */

/* Wait until the socket is ready; false: time is over. */
static bool
await(struct probing *p, short events)
{
    struct pollfd watched = {.fd = p->fd, .events = events};
    nj_time now = nj_clock_monotonic_ms();

    if (now >= p->deadline)
        return false;
    return poll(&watched, 1, (int)(p->deadline - now)) > 0;
}

/* What OpenSSL has for the broker; false: it takes no more. */
static bool
send_all(struct probing *p)
{
    char bytes[4096];
    int n;

    while ((n = BIO_read(p->to_send, bytes, sizeof(bytes))) > 0) {
        for (int sent = 0; sent < n;) {
            ssize_t took = send(p->fd, bytes + sent, (size_t)(n - sent), MSG_NOSIGNAL);

            if (took > 0)
                sent += (int)took;
            else if (errno != EAGAIN || !await(p, POLLOUT))
                return false;
        }
    }
    return true;
}

/* What the broker has for OpenSSL; the end of it, too. False: time is over. */
static bool
receive(struct probing *p)
{
    char bytes[4096];
    ssize_t n;

    do {
        if (!await(p, POLLIN)) {
            p->out->is_timed_out = true;
            return false;
        }
        n = recv(p->fd, bytes, sizeof(bytes), 0);
    } while (n < 0 && errno == EAGAIN);
    if (n <= 0) {
        p->out->is_ended = true;
        (void)BIO_set_mem_eof_return(p->received, 0);
        return true;
    }
    size_t first_n = NJ_MIN((size_t)n, sizeof(p->out->first) - p->out->first_n);
    memcpy(p->out->first + p->out->first_n, bytes, first_n);
    p->out->first_n += first_n;
    return BIO_write(p->received, bytes, (int)n) == (int)n;
}

static void
note_reason(struct probing *p)
{
    unsigned long code = ERR_peek_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    (void)snprintf(p->out->reason, sizeof(p->out->reason), "%s", reason != NULL ? reason : "");
    ERR_clear_error();
}

/* One of OpenSSL's calls, again and again until it is over. Its result; 0 or less: it failed, or
 * the time is over. */
static int
go_on(struct probing *p, int (*step)(SSL *ssl))
{
    for (;;) {
        int result = step(p->ssl);
        int error = SSL_get_error(p->ssl, result);
        bool is_sent = send_all(p);

        if (error != SSL_ERROR_WANT_READ) {
            if (result <= 0)
                note_reason(p);
            return result;
        }
        if (step != SSL_do_handshake && p->has_ticket)
            return 1; /* all that was to come has come */
        if (!is_sent && p->out->is_ended)
            return 0;
        if (!receive(p))
            return 0;
    }
}

/* What MQTT brokers say before a CONNECT: in TLS 1.3 tickets, or a refusal; nothing else. */
static int
read_on(SSL *ssl)
{
    char bytes[64];

    return SSL_read(ssl, bytes, sizeof(bytes));
}

static void
keep_chain(struct probing *p)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(p->ssl);
    int count = chain != NULL ? sk_X509_num(chain) : 0;

    p->out->shown = count > 0 ? nj_alloc_array((size_t)count, sizeof(*p->out->shown)) : NULL;
    for (int i = 0; p->out->shown != NULL && i < count; i++) {
        X509 *x = sk_X509_value(chain, i);

        if (X509_up_ref(x) == 1)
            p->out->shown[p->out->shown_count++] = x;
    }
}

static void
knock(struct probing *p)
{
    struct nj_tls_probe *out = p->out;

    if (go_on(p, SSL_do_handshake) != 1)
        return;
    out->is_open = true;
    (void)snprintf(out->version, sizeof(out->version), "%s", SSL_get_version(p->ssl));
    (void)snprintf(out->cipher, sizeof(out->cipher), "%s", SSL_get_cipher_name(p->ssl));
    keep_chain(p);
    if (!out->asked_certificate || SSL_version(p->ssl) < TLS1_3_VERSION)
        return;
    nj_time soon = nj_clock_monotonic_ms() + AFTERWARDS_MS;
    p->deadline = NJ_MIN(p->deadline, soon);
    if (go_on(p, read_on) <= 0)
        out->is_timed_out = false; /* nothing was said against us */
}

/* SNI; its setter wants what it copies to be writable. */
static void
name_host(SSL *ssl, const char *host)
{
    char name[TLSEXT_MAXLEN_host_name + 1];

    if (host == NULL || nj_tls_is_address(host))
        return;
    (void)snprintf(name, sizeof(name), "%s", host);
    (void)SSL_set_tlsext_host_name(ssl, name);
}

/* The protocol to ask for, as it is sent: its length before it. */
static void
name_protocol(SSL *ssl, const struct nj_tls_opts *o)
{
    size_t n = o != NULL && o->alpn != NULL ? strlen(o->alpn) : 0;
    uint8_t list[256];

    if (n == 0 || n > 255)
        return;
    list[0] = (uint8_t)n;
    memcpy(list + 1, o->alpn, n);
    (void)SSL_set_alpn_protos(ssl, list, (unsigned)n + 1);
}

enum nj_err
nj_tls_probe_run(struct nj_tls_probe *out, int fd, const struct nj_tls_probe_opts *opts)
{
    struct probing p = {.out = out, .opts = opts, .fd = fd};
    enum nj_err err = NJ_ENOMEM;

    *out = (struct nj_tls_probe){.alert = -1};
    p.deadline = nj_clock_monotonic_ms() + (nj_time)opts->timeout_ms;
    SSL_CTX *ctx = make_context(&p);
    p.ssl = ctx != NULL ? SSL_new(ctx) : NULL;
    p.received = BIO_new(BIO_s_mem());
    p.to_send = BIO_new(BIO_s_mem());
    if (p.ssl != NULL && p.received != NULL && p.to_send != NULL) {
        (void)BIO_set_mem_eof_return(p.received, -1); /* empty is not the end */
        SSL_set_bio(p.ssl, p.received, p.to_send);
        SSL_set_app_data(p.ssl, &p);
        SSL_set_connect_state(p.ssl);
        name_host(p.ssl, opts->host);
        name_protocol(p.ssl, opts->offer);
        ERR_clear_error();
        knock(&p);
        err = NJ_OK;
    } else {
        BIO_free(p.received);
        BIO_free(p.to_send);
    }
    SSL_free(p.ssl);
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return err;
}

void
nj_tls_probe_fini(struct nj_tls_probe *probe)
{
    for (size_t i = 0; i < probe->shown_count; i++)
        X509_free(probe->shown[i]);
    nj_free((void *)probe->shown);
    *probe = (struct nj_tls_probe){0};
}
