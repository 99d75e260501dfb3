/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for all connections of a context: versions, algorithms, callbacks. What is read from
 * files comes from tls_files.c and tls_psk.c. */
#include "net/tls_priv.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

/* ---- callbacks ---- */

/* OpenSSL is done with something that is no data and came after the handshake: new keys. To be
 * asked for a negotiation anew once is enough: it would be refused, after 128 KiB of a ClientHello.
 */
static void
count_aside(struct nj_tls *t, int where)
{
    nj_time now;

    if ((where & SSL_CB_HANDSHAKE_START) != 0 && SSL_version(t->ssl) != TLS1_3_VERSION)
        t->asks_anew = true;
    if ((where & SSL_CB_EXIT) == 0)
        return;
    now = nj_clock_monotonic_ms();
    if (now - t->aside_at >= 1000) {
        t->asides -= (uint32_t)NJ_MIN((now - t->aside_at) / 1000, (nj_time)t->asides);
        t->aside_at = now;
    }
    t->asides++;
}

static void
on_info(const SSL *ssl, int where, int value)
{
    struct nj_tls *t = nj_tls_of(ssl);

    if (t != NULL && t->is_open && t->context->role == NJ_TLS_SERVER)
        count_aside(t, where);
    /* A warning ends nothing. */
    if ((where & SSL_CB_ALERT) != 0 && value >> 8 == SSL3_AL_FATAL && t != NULL)
        nj_tls_note_alert(t, (where & SSL_CB_WRITE) != 0, value & 0xff);
}

static bool
is_about_dates(int error)
{
    return error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID;
}

static int
on_verify(int is_good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct nj_tls *t = nj_tls_of(ssl);

    if (is_good)
        return 1;
    if (t->context->ignore_dates && is_about_dates(X509_STORE_CTX_get_error(store))) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    nj_tls_note_check(t, store);
    return 0;
}

static bool
offers(const uint8_t *list, unsigned n, struct nj_str name)
{
    for (unsigned at = 0; at < n && at + 1 + list[at] <= n; at += 1u + list[at])
        if (nj_str_eq((struct nj_str){(const char *)list + at + 1, list[at]}, name))
            return true;
    return false;
}

/* A browser that was lured here speaks HTTP and is sent away; who offers other names only (clients
 * of clouds have some of their own) speaks MQTT all the same. [RFC 7301, 3.2] */
static int
on_alpn(SSL *ssl, const uint8_t **out, uint8_t *out_n, const uint8_t *in, unsigned n, void *arg)
{
    static const uint8_t mqtt[] = "mqtt";

    (void)ssl;
    (void)arg;
    if (offers(in, n, NJ_STR("mqtt"))) {
        *out = mqtt;
        *out_n = sizeof(mqtt) - 1;
        return SSL_TLSEXT_ERR_OK;
    }
    return offers(in, n, NJ_STR("http/1.1")) || offers(in, n, NJ_STR("h2"))
               ? SSL_TLSEXT_ERR_ALERT_FATAL
               : SSL_TLSEXT_ERR_NOACK;
}

static int
on_name(SSL *ssl, int *alert, void *arg) /* NOLINT(readability-non-const-parameter): a callback */
{
    struct nj_tls_context *x = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    for (size_t i = 0; name != NULL && i < x->shown_count; i++) {
        X509 *cert = SSL_CTX_get0_certificate(x->shown[i]);

        if (cert != NULL && X509_check_host(cert, name, 0, 0, NULL) == 1) {
            if (i > 0)
                (void)SSL_set_SSL_CTX(ssl, x->shown[i]);
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_OK;
}

static int
on_status(SSL *ssl, void *arg)
{
    const struct nj_tls_context *x = arg;
    uint8_t *copy;

    /* It is about the first certificate, which another kind of key may stand beside. */
    if (SSL_get_certificate(ssl) != SSL_CTX_get0_certificate(x->shown[0]))
        return SSL_TLSEXT_ERR_NOACK;
    copy = OPENSSL_memdup(x->ocsp, x->ocsp_n);
    if (copy == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    (void)SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)x->ocsp_n);
    return SSL_TLSEXT_ERR_OK;
}

static void
on_keylog(const SSL *ssl, const char *line)
{
    const struct nj_tls *t = nj_tls_of(ssl);
    char text[512];
    int n = snprintf(text, sizeof(text), "%s\n", line);

    /* One write, so that lines of several threads stay whole. */
    if (t != NULL && t->context->keylog >= 0 && n > 0 && (size_t)n < sizeof(text))
        (void)!write(t->context->keylog, text, (size_t)n);
}

/* ---- settings ---- */

static enum nj_err
set_ciphers(SSL_CTX *ssl, const struct nj_tls_opts *o, struct nj_diag *diag)
{
    /* All that OpenSSL has by default. AES-128 is as good as its 256 here and takes less time, and
     * SHA-256, which comes with it, is done by the processor. */
    static const char suites[] =
        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

    if (o->ciphers != NULL && SSL_CTX_set_cipher_list(ssl, o->ciphers) != 1) {
        nj_diag_hint(diag, "`openssl ciphers -v` lists the names; without the line, OpenSSL's "
                           "choice is taken.");
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "Error: Unable to set TLS ciphers. Check cipher list \"%s\".",
                            o->ciphers);
    }
    if (SSL_CTX_set_ciphersuites(ssl, o->ciphersuites != NULL ? o->ciphersuites : suites) != 1) {
        nj_diag_hint(diag, "`openssl ciphers -v -tls1_3` lists the names.");
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "Error: Unable to set TLS 1.3 ciphersuites. Check ciphers_tls1.3 list "
                            "\"%s\".",
                            o->ciphersuites);
    }
    return NJ_OK;
}

static void
set_server(struct nj_tls_context *x, SSL_CTX *ssl, const struct nj_tls_opts *o)
{
    static const unsigned char name[] = "nightjar";
    int mode = o->require_certificate ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                                      : SSL_VERIFY_NONE;

    SSL_CTX_set_verify(ssl, mode, on_verify);
    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                       SSL_OP_PRIORITIZE_CHACHA);
    (void)SSL_CTX_set_session_id_context(ssl, name, sizeof(name) - 1);
    SSL_CTX_set_max_cert_list(ssl, NJ_TLS_CHAIN_MAX);
    (void)SSL_CTX_set_num_tickets(ssl, 1);
    (void)SSL_CTX_set_timeout(ssl, NJ_TLS_TICKET_S);
    (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, nj_tls_on_ticket);
    (void)SSL_CTX_set_session_ticket_cb(ssl, nj_tls_on_ticket_sealing, NULL, NULL);
    SSL_CTX_set_alpn_select_cb(ssl, on_alpn, NULL);
    (void)SSL_CTX_set_tlsext_servername_callback(ssl, on_name);
    (void)SSL_CTX_set_tlsext_servername_arg(ssl, x);
}

/* What the system's configuration (openssl.cnf) allows is narrowed, never widened. */
static void
set_versions(SSL_CTX *ssl, const struct nj_tls_opts *o)
{
    long oldest = o->oldest == NJ_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    long newest = o->newest == NJ_TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
    long newest_of_system = SSL_CTX_get_max_proto_version(ssl);

    if (SSL_CTX_get_min_proto_version(ssl) < oldest)
        (void)SSL_CTX_set_min_proto_version(ssl, (int)oldest);
    if (newest_of_system == 0 || newest_of_system > newest)
        (void)SSL_CTX_set_max_proto_version(ssl, (int)newest);
}

/* One that is like the others; what it shows is loaded into it afterwards. */
static enum nj_err
make_shown(struct nj_tls_context *x, SSL_CTX **out, const struct nj_tls_opts *o,
           struct nj_diag *diag)
{
    int groups[] = {NID_X25519, NID_X9_62_prime256v1, NID_X448, NID_secp384r1, NID_secp521r1};
    SSL_CTX *ssl = SSL_CTX_new(TLS_method());

    if (ssl == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    *out = ssl;
    set_versions(ssl, o);
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set1_groups(ssl, groups, (long)NJ_COUNT_OF(groups));
    SSL_CTX_set_info_callback(ssl, on_info);
    if (x->keylog >= 0)
        SSL_CTX_set_keylog_callback(ssl, on_keylog);
    if (x->role == NJ_TLS_SERVER)
        set_server(x, ssl, o);
    else
        SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, on_verify);
    return set_ciphers(ssl, o, diag);
}

static enum nj_err
open_keylog(struct nj_tls_context *x, const struct nj_tls_opts *o, struct nj_diag *diag)
{
    if (o->keylog == NULL)
        return NJ_OK;
    x->keylog = open(o->keylog, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (x->keylog < 0)
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to open TLS keylog file '%s': %s.",
                            o->keylog, strerror(errno));
    return NJ_OK;
}

static enum nj_err
set_alpn(struct nj_tls_context *x, const struct nj_tls_opts *o, struct nj_diag *diag)
{
    size_t n = o->alpn != NULL ? strlen(o->alpn) : 0;

    if (n > 255)
        return nj_diag_fail(diag, NJ_ECONFIG, "Error: The ALPN name has more than 255 bytes.");
    x->alpn[0] = (uint8_t)n;
    if (n > 0)
        memcpy(x->alpn + 1, o->alpn, n);
    return NJ_OK;
}

/* What makes no sense, whatever the files hold. */
static enum nj_err
check(const struct nj_tls_opts *o, struct nj_diag *diag)
{
    bool has_ca = o->cafile != NULL || o->capath != NULL || o->use_os_certs;

    if (o->role == NJ_TLS_SERVER && o->pair_count == 0 && o->psk_hint == NULL)
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "Error: Both certfile and keyfile must be provided to enable a TLS "
                            "listener.");
    if (o->role == NJ_TLS_SERVER && o->require_certificate && !has_ca) {
        nj_diag_hint(diag, "Add the line: cafile FILE, with the certificate of the CA that signs "
                           "the clients' certificates.");
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "Error: require_certificate is set, but neither cafile nor capath: "
                            "every client would be refused.");
    }
    if (o->role == NJ_TLS_CLIENT && (o->psk == NULL) != (o->psk_identity == NULL))
        return nj_diag_fail(diag, NJ_ECONFIG, "Error: Both --psk and --psk-identity are needed.");
    return NJ_OK;
}

static enum nj_err
fill(struct nj_tls_context *x, const struct nj_tls_opts *o, struct nj_diag *diag)
{
    size_t count = o->role == NJ_TLS_SERVER && o->pair_count > 1 ? o->pair_count : 1;
    enum nj_err err = check(o, diag);

    if (err == NJ_OK)
        err = open_keylog(x, o, diag);
    if (err == NJ_OK)
        err = set_alpn(x, o, diag);
    if (err != NJ_OK)
        return err;
    x->shown = nj_zalloc(count * sizeof(SSL_CTX *));
    if (o->role == NJ_TLS_SERVER) {
        x->library = nj_tls_library_for_handshakes();
        x->tickets = nj_tls_tickets_new();
    }
    if (x->shown == NULL || (o->role == NJ_TLS_SERVER && x->tickets == NULL))
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    for (size_t i = 0; i < count && err == NJ_OK; i++) {
        x->shown_count = i + 1;
        err = make_shown(x, &x->shown[i], o, diag);
    }
    if (o->cafile != NULL)
        x->cafile = nj_str_dup(nj_str_of(o->cafile));
    if (o->capath != NULL)
        x->capath = nj_str_dup(nj_str_of(o->capath));
    if (o->crlfile != NULL)
        x->crlfile = nj_str_dup(nj_str_of(o->crlfile));
    if (err == NJ_OK)
        err = nj_tls_load(x, o, diag);
    if (err == NJ_OK)
        err = nj_tls_psk_load(x, o, diag);
    if (err == NJ_OK && x->ocsp != NULL) {
        (void)SSL_CTX_set_tlsext_status_cb(x->shown[0], on_status);
        (void)SSL_CTX_set_tlsext_status_arg(x->shown[0], x);
    }
    return err;
}

/* What can be used, and still will not do for everybody: a name that is missing, a date that is
 * past. Encrypted keys are not opened a second time. */
static void
judge_own(struct nj_tls_context *x, const struct nj_tls_opts *o)
{
    const struct nj_judge_end end = {
        .certfile = o->pair_count > 0 ? o->pairs[0].certfile : NULL,
        .keyfile = o->pair_count > 0 && !o->key_in_engine ? o->pairs[0].keyfile : NULL,
        .key_in_engine = o->key_in_engine,
        .cafile = o->cafile,
        .capath = o->capath,
        .crlfile = o->crlfile,
        .ocspfile = o->ocspfile,
        .require_certificate = o->require_certificate,
    };

    if (o->role != NJ_TLS_SERVER)
        return;
    nj_judge_files(&x->own, &end, NULL, NULL);
    for (size_t i = 1; i < o->pair_count; i++) { /* for other names: each as if it were alone */
        const struct nj_judge_end other = {
            .certfile = o->pairs[i].certfile,
            .keyfile = !o->key_in_engine ? o->pairs[i].keyfile : NULL,
            .key_in_engine = o->key_in_engine,
            .cafile = o->cafile,
        };

        nj_judge_files(&x->own, &other, NULL, NULL);
    }
}

const struct nj_findings *
nj_tls_context_findings(const struct nj_tls_context *x)
{
    return &x->own;
}

enum nj_err
nj_tls_context_new(struct nj_tls_context **out, const struct nj_tls_opts *opts,
                   struct nj_diag *diag)
{
    struct nj_tls_context *x = nj_zalloc(sizeof(*x));
    enum nj_err err;

    if (x == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    nj_tls_begin();
    atomic_init(&x->references, 1);
    x->role = opts->role;
    x->insecure = opts->insecure;
    x->ignore_dates = opts->ignore_dates;
    x->keylog = -1;
    ERR_clear_error();
    err = fill(x, opts, diag);
    if (err == NJ_OK)
        judge_own(x, opts);
    ERR_clear_error();
    if (err != NJ_OK) {
        nj_tls_context_unref(x);
        return err;
    }
    *out = x;
    return NJ_OK;
}

struct nj_tls_context *
nj_tls_context_ref(struct nj_tls_context *x)
{
    /* Relaxed: who takes a reference holds one already. */
    atomic_fetch_add_explicit(&x->references, 1, memory_order_relaxed);
    return x;
}

void
nj_tls_context_unref(struct nj_tls_context *x)
{
    /* Release our use of it, acquire everybody else's before it is freed. */
    if (x == NULL || atomic_fetch_sub_explicit(&x->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < x->shown_count; i++)
        SSL_CTX_free(x->shown[i]);
    nj_free(x->shown);
    nj_tls_psk_free(x->psk);
    nj_tls_tickets_free(x->tickets);
    nj_free(x->ocsp);
    nj_tls_dates_free(x);
    nj_free(x->cafile);
    nj_free(x->capath);
    nj_free(x->crlfile);
    nj_findings_fini(&x->own);
    if (x->keylog >= 0)
        (void)close(x->keylog);
    nj_free(x);
}
