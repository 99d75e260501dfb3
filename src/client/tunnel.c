/* SPDX-License-Identifier: Apache-2.0 */
#include "client/tunnel.h"

#include "base/mem.h"
#include "client/explain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* So many records are encrypted before they are sent, and so much is read at once. */
#define RECORDS  4u
#define IN_BYTES 65536u

/* ---- files ---- */

struct nj_tls_opts
nj_tunnel_opts(const struct nj_client_tls *t, struct nj_tls_pair *pair)
{
    bool has_trust = t->cafile != NULL || t->capath != NULL || t->psk != NULL;

    *pair = (struct nj_tls_pair){t->cert, t->key};
    return (struct nj_tls_opts){
        .role = NJ_TLS_CLIENT,
        .oldest =
            t->version != NULL && strcmp(t->version, "tlsv1.3") == 0 ? NJ_TLS_1_3 : NJ_TLS_ANY,
        .pairs = pair,
        .pair_count = t->cert != NULL ? 1 : 0,
        .cafile = t->cafile,
        .capath = t->capath,
        .use_os_certs = t->use_os_certs || !has_trust,
        .insecure = t->insecure,
        .ciphers = t->ciphers,
        .ciphersuites = t->ciphersuites,
        .alpn = t->alpn,
        .engine = t->engine,
        .key_in_engine = t->keyform != NULL && strcmp(t->keyform, "engine") == 0,
        .engine_kpass_sha1 = t->engine_kpass_sha1,
        .psk = t->psk,
        .psk_identity = t->psk_identity,
        .keylog = t->keylog,
        .password = t->password,
        .password_ctx = t->password_ctx,
    };
}

enum nj_client_err
nj_tunnel_prepare(struct nj_tunnel *s, const struct nj_client_opts *opts)
{
    struct nj_diag diag = {0};
    struct nj_tls_pair pair;
    struct nj_tls_opts wanted;
    enum nj_err err;

    if (opts->tls == NULL || s->context != NULL)
        return NJ_CLIENT_OK;
    nj_free(s->detail);
    s->detail = NULL;
    wanted = nj_tunnel_opts(opts->tls, &pair);
    err = nj_tls_context_new(&s->context, &wanted, &diag);
    if (err == NJ_OK)
        return NJ_CLIENT_OK;
    if (err == NJ_ENOMEM)
        return NJ_CLIENT_ENOMEM;
    s->detail = nj_explain_diag(&diag);
    return NJ_CLIENT_ETLSFILES;
}

/* ---- beginning and end ---- */

enum nj_client_err
nj_tunnel_begin(struct nj_tunnel *s, const struct nj_client_opts *opts, nj_time now)
{
    if (s->context == NULL)
        return NJ_CLIENT_OK;
    nj_free(s->detail);
    s->detail = NULL;
    s->is_answered = s->is_open = s->has_heard = s->has_goodbye = s->has_more = s->waits_for_input =
        false;
    s->lacks_memory = false;
    s->owed = 0;
    s->in_use[0] = '\0';
    s->deadline = now + (nj_time)opts->connect_timeout_ms;
    s->tls = nj_tls_new(s->context, opts->host);
    return s->tls != NULL ? NJ_CLIENT_OK : NJ_CLIENT_ENOMEM;
}

void
nj_tunnel_end(struct nj_tunnel *s)
{
    nj_tls_free(s->tls);
    s->tls = NULL;
    nj_bytes_fini(&s->in);
    nj_bytes_fini(&s->out);
    s->in_use[0] = '\0';
}

void
nj_tunnel_fini(struct nj_tunnel *s)
{
    nj_tunnel_end(s);
    nj_tls_context_unref(s->context);
    s->context = NULL;
    nj_free(s->detail);
    s->detail = NULL;
}

/* ---- ciphertext ---- */

/* Room for what one call may give; false without memory. */
static bool
offer(struct nj_tunnel *s, struct nj_tls_io *io)
{
    const size_t room = RECORDS * NJ_TLS_RECORD_BYTES;
    uint8_t *out = nj_bytes_reserve(&s->out, room);

    if (out == NULL) {
        s->lacks_memory = true;
        errno = ENOMEM;
        return false;
    }
    *io = (struct nj_tls_io){.in = nj_bytes_view(&s->in), .out = out, .out_room = room};
    return true;
}

/* After the call: what it took and gave. */
static void
settle_tunnel(struct nj_tunnel *s, const struct nj_tls_io *io)
{
    nj_bytes_take(&s->in, nj_bytes_waiting(&s->in) - io->in.n);
    s->out.end += io->out_n;
}

/* All of `out`; false with errno. What can never go is dropped. */
static bool
push_records(struct nj_tunnel *s, int fd)
{
    while (nj_bytes_waiting(&s->out) > 0) {
        struct nj_str waiting = nj_bytes_view(&s->out);
        ssize_t n = send(fd, waiting.p, waiting.n, MSG_NOSIGNAL);

        if (n >= 0) {
            nj_bytes_take(&s->out, (size_t)n);
        } else if (errno == EAGAIN) {
            return false;
        } else if (errno != EINTR) {
            nj_bytes_clear(&s->out);
            s->owed = 0;
            return false;
        }
    }
    return true;
}

/* What the socket has, as recv(2). */
static ssize_t
pull_records(struct nj_tunnel *s, int fd)
{
    uint8_t *space = nj_bytes_reserve(&s->in, IN_BYTES);
    ssize_t n;

    if (space == NULL) {
        s->lacks_memory = true;
        errno = ENOMEM;
        return -1;
    }
    do {
        n = recv(fd, space, IN_BYTES, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        s->in.end += (size_t)n;
        s->is_answered = true;
    }
    return n;
}

/* ---- the handshake ---- */

static enum nj_tunnel_step
opened(struct nj_tunnel *s, int fd)
{
    s->is_open = true;
    /* What the broker has sent behind its last word lies inside. */
    s->has_more = true;
    (void)snprintf(s->in_use, sizeof(s->in_use), "%s %s", nj_tls_version(s->tls),
                   nj_tls_cipher(s->tls));
    (void)push_records(s, fd);
    return NJ_TUNNEL_OPEN;
}

enum nj_tunnel_step
nj_tunnel_shake(struct nj_tunnel *s, int fd)
{
    for (;;) {
        struct nj_tls_io io;
        enum nj_tls_result result;
        ssize_t n;

        if (!offer(s, &io))
            return NJ_TUNNEL_FAILED;
        result = nj_tls_handshake(s->tls, &io);
        settle_tunnel(s, &io);
        if (result == NJ_TLS_DONE)
            return opened(s, fd);
        /* An alert of the broker's may lie behind an end in our direction. */
        if (!push_records(s, fd) && errno == EAGAIN && result == NJ_TLS_FULL)
            return NJ_TUNNEL_WAITING;
        if (result == NJ_TLS_FAILED || result == NJ_TLS_CLOSED)
            return NJ_TUNNEL_FAILED;
        n = result == NJ_TLS_HUNGRY ? pull_records(s, fd) : 1;
        if (n < 0 && errno == EAGAIN)
            return NJ_TUNNEL_WAITING;
        if (n <= 0)
            return NJ_TUNNEL_FAILED;
    }
}

/* ---- once it is open ---- */

/* Encrypt what has not been; false with errno. */
static bool
encrypt(struct nj_tunnel *s, struct nj_str bytes)
{
    struct nj_tls_io io;
    enum nj_tls_result result;

    if (s->owed > 0)
        return true;
    if (!offer(s, &io))
        return false;
    bytes.n = NJ_MIN(bytes.n, (size_t)RECORDS * NJ_TLS_RECORD_PLAIN);
    result = nj_tls_write(s->tls, &io, bytes, &s->owed);
    settle_tunnel(s, &io);
    s->waits_for_input = result == NJ_TLS_HUNGRY;
    errno = result == NJ_TLS_FAILED ? EPROTO : EAGAIN;
    return s->owed > 0;
}

ssize_t
nj_tunnel_send(struct nj_tunnel *s, int fd, struct nj_str bytes)
{
    size_t sent = 0;

    /* TLS's own first: there is always room then. */
    while (sent < bytes.n) {
        if ((s->owed == 0 && !push_records(s, fd)) || !encrypt(s, nj_str_from(bytes, sent)) ||
            !push_records(s, fd))
            return sent > 0 ? (ssize_t)sent : -1;
        sent += s->owed;
        s->owed = 0;
    }
    return (ssize_t)sent;
}

ssize_t
nj_tunnel_recv_inside(struct nj_tunnel *s, void *buffer, size_t room)
{
    enum nj_tls_result result;
    struct nj_tls_io io;
    size_t got;

    if (!offer(s, &io))
        return -1;
    result = nj_tls_read(s->tls, &io, buffer, room, &got);
    settle_tunnel(s, &io);
    s->has_more = result == NJ_TLS_DONE;
    s->has_heard |= got > 0;
    if (got > 0)
        return (ssize_t)got;
    s->has_goodbye |= result == NJ_TLS_CLOSED;
    if (s->has_goodbye)
        return 0;
    errno = result == NJ_TLS_FAILED ? EPROTO : EAGAIN;
    return -1;
}

ssize_t
nj_tunnel_recv(struct nj_tunnel *s, int fd, void *buffer, size_t room)
{
    for (;;) {
        ssize_t n = nj_tunnel_recv_inside(s, buffer, room);
        int error = errno;

        /* An answer or an alert of ours; what cannot go now goes with the next output. */
        (void)push_records(s, fd);
        errno = error;
        if (n >= 0 || error != EAGAIN)
            return n;
        n = pull_records(s, fd);
        if (n <= 0)
            return n;
        s->waits_for_input = false;
    }
}

bool
nj_tunnel_wants_write(const struct nj_tunnel *s)
{
    return nj_bytes_waiting(&s->out) > 0;
}

void
nj_tunnel_flush(struct nj_tunnel *s, int fd)
{
    if (s->tls != NULL)
        (void)push_records(s, fd);
}

void
nj_tunnel_leave(struct nj_tunnel *s, int fd)
{
    struct nj_tls_io io;

    if (s->tls == NULL || !offer(s, &io))
        return;
    nj_tls_close(s->tls, &io);
    settle_tunnel(s, &io);
    (void)push_records(s, fd);
}

/* ---- why it ended ---- */

enum nj_client_err
nj_tunnel_explain(struct nj_tunnel *s, const struct nj_client_opts *opts)
{
    const struct nj_tls_fault *fault;

    if (s->tls == NULL || s->has_goodbye)
        return NJ_CLIENT_OK;
    if (s->lacks_memory)
        return NJ_CLIENT_ENOMEM;
    nj_tls_cut(s->tls);
    fault = nj_tls_fault(s->tls);
    if (fault == NULL)
        return NJ_CLIENT_ENOMEM;
    /* In TLS 1.3 we believe to be connected before the broker has seen our certificate. One that
     * hangs up then, without having said anything, has refused it as likely as not. */
    if (s->is_open && fault->ended == NJ_TLS_BY_SILENCE &&
        (s->has_heard || !fault->asked_certificate))
        return NJ_CLIENT_OK;
    nj_free(s->detail);
    s->detail = nj_explain_fault(fault, opts);
    nj_tls_context_unref(s->context);
    s->context = NULL;
    return NJ_CLIENT_ETLS;
}

const char *
nj_tunnel_detail(const struct nj_tunnel *s)
{
    return s->detail != NULL ? s->detail : "";
}
