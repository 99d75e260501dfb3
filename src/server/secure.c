/* SPDX-License-Identifier: Apache-2.0 */
#include "server/secure.h"

#include "base/mem.h"
#include "net/tls_fault.h"
#include "server/conn.h"
#include "server/say.h"
#include "server/server_priv.h"

#include <errno.h>

/* ---- beginning and end ---- */

bool
nj_secure_begin(struct nj_conn *c, struct nj_tls_context *context)
{
    struct nj_secure *s = nj_zalloc(sizeof(*s));

    if (s == NULL)
        return false;
    s->conn = c;
    nj_list_init(&s->link_again);
    s->trust = nj_tls_context_trust(context);
    s->tls = nj_tls_new(context, NULL);
    c->secure = s;
    return s->tls != NULL;
}

void
nj_secure_free(struct nj_conn *c)
{
    struct nj_secure *s = c->secure;

    if (s == NULL)
        return;
    nj_secure_leave(c);
    nj_out_clear(c->worker->pool, &s->cipher);
    nj_tls_free(s->tls);
    nj_free(s->user);
    nj_free(s);
    c->secure = NULL;
}

bool
nj_secure_is_open(const struct nj_conn *c)
{
    return nj_tls_is_open(c->secure->tls);
}

bool
nj_secure_has_output(const struct nj_conn *c)
{
    return c->secure->cipher.bytes > 0;
}

/* ---- bytes ---- */

static struct nj_tls_io
output_of(struct nj_worker *w)
{
    return (struct nj_tls_io){.out = w->secure->out, .out_room = sizeof(w->secure->out)};
}

/* Keep what was encrypted behind what waits already. */
static bool
keep(struct nj_conn *c, struct nj_tls_io *io)
{
    struct nj_str bytes = {(const char *)io->out, io->out_n};

    io->out_n = 0;
    if (bytes.n == 0)
        return true;
    return nj_out_copy(c->worker->pool, &c->secure->cipher, bytes);
}

/* Of what lies in `in`, the plaintext. */
static ssize_t
decrypt(struct nj_conn *c, struct nj_tls_io *io, uint8_t *buffer, size_t room)
{
    enum nj_tls_result result;
    size_t total = 0;

    do {
        size_t got = 0;

        result = nj_tls_read(c->secure->tls, io, buffer + total, room - total, &got);
        total += got;
        if (!keep(c, io))
            return NJ_SECURE_FAILED;
    } while (result == NJ_TLS_FULL);
    if (c->secure->cipher.bytes > 0)
        nj_conn_dirty(c);
    if (result == NJ_TLS_FAILED)
        return NJ_SECURE_FAILED;
    if (total > 0)
        return (ssize_t)total;
    return result == NJ_TLS_CLOSED ? NJ_IO_CLOSED : NJ_IO_AGAIN;
}

/* From the socket into the worker's buffer. */
static ssize_t
read_cipher(struct nj_conn *c, struct nj_tls_io *io, size_t room)
{
    struct nj_secure_buffers *b = c->worker->secure;
    ssize_t n = nj_io_read(&c->io, b->in, NJ_MIN(room, sizeof(b->in)));

    *io = output_of(c->worker);
    if (n > 0)
        io->in = (struct nj_str){(const char *)b->in, (size_t)n};
    return n;
}

ssize_t
nj_secure_read(struct nj_conn *c, void *buffer, size_t room)
{
    struct nj_tls_io io;
    ssize_t n = read_cipher(c, &io, room - NJ_SECURE_SLACK);

    return n < 0 ? n : decrypt(c, &io, buffer, room);
}

/* What was encrypted earlier goes in front of what will be, and both in one call. */
static void
take_cipher(struct nj_conn *c, struct nj_tls_io *io)
{
    struct nj_out *cipher = &c->secure->cipher;
    struct nj_str front = nj_out_front(cipher, c->worker->secure->plain, NJ_TLS_RECORD_PLAIN);

    if (front.n == 0)
        return;
    memcpy(io->out, front.p, front.n);
    io->out_n = front.n;
    nj_out_drop(c->worker->pool, cipher, front.n);
}

/* The next records, into the worker's buffer. How much plaintext they hold; below zero: it broke.
 */
static ssize_t
encrypt(struct nj_conn *c, struct nj_tls_io *io)
{
    ssize_t total = 0;

    while (c->out.bytes > 0 && io->out_room - io->out_n >= NJ_TLS_RECORD_BYTES) {
        struct nj_str front = nj_out_front(&c->out, c->worker->secure->plain, NJ_TLS_RECORD_PLAIN);
        size_t taken = 0;

        if (nj_tls_write(c->secure->tls, io, front, &taken) != NJ_TLS_DONE)
            return NJ_SECURE_FAILED;
        nj_out_drop(c->worker->pool, &c->out, taken);
        total += (ssize_t)taken;
    }
    return total;
}

/* Write it; keep what the socket does not take. False: the connection is broken. */
static bool
send(struct nj_conn *c, struct nj_tls_io *io)
{
    struct iovec part = {io->out, io->out_n};
    ssize_t n = io->out_n > 0 ? nj_io_writev(&c->io, &part, 1) : 0;
    struct nj_str left;

    if (n < 0 && n != NJ_IO_AGAIN)
        return false;
    left = nj_str_from((struct nj_str){(const char *)io->out, io->out_n}, n > 0 ? (size_t)n : 0);
    io->out_n = 0;
    return left.n == 0 || nj_out_copy(c->worker->pool, &c->secure->cipher, left);
}

ssize_t
nj_secure_write(struct nj_conn *c, size_t most)
{
    struct nj_out *cipher = &c->secure->cipher;
    ssize_t total = 0;

    for (;;) {
        struct nj_tls_io io = output_of(c->worker);
        bool has_more = c->out.bytes > 0 && nj_secure_is_open(c);
        ssize_t n = 0;

        if (cipher->bytes > (has_more ? NJ_TLS_RECORD_PLAIN : 0))
            n = nj_out_write(c->worker->pool, cipher, &c->io, SIZE_MAX);
        if (n == NJ_IO_CLOSED || n == NJ_IO_ERROR)
            return n;
        if (!has_more || n == NJ_IO_AGAIN || cipher->bytes > NJ_TLS_RECORD_PLAIN ||
            (size_t)total >= most)
            return total;
        take_cipher(c, &io);
        n = encrypt(c, &io);
        if (n < 0 || !send(c, &io))
            return NJ_IO_ERROR;
        total += n;
    }
}

void
nj_secure_close(struct nj_conn *c)
{
    struct nj_tls_io io = output_of(c->worker);

    if (nj_secure_is_open(c))
        nj_tls_close(c->secure->tls, &io);
    if (keep(c, &io) && c->secure->cipher.bytes > 0)
        (void)nj_out_write(c->worker->pool, &c->secure->cipher, &c->io, SIZE_MAX);
}

/* ---- handshakes ---- */

void
nj_secure_wait(struct nj_conn *c)
{
    struct nj_worker *w = c->worker;

    /* Whoever is not taken in this turn would be reported in each until it is. */
    if (w->shakes_due >= NJ_SECURE_STEPS)
        nj_conn_set_reading(c, false);
    if (c->state == NJ_CONN_CLOSING || !nj_list_is_empty(&c->link_in))
        return;
    nj_list_push(&w->shaking, &c->link_in);
    w->shakes_due++;
}

/* As the listener wants it: the user is who the certificate, or the key's identity, names. */
static void
take_user(struct nj_conn *c)
{
    const struct nj_listener_opts *l = nj_conn_listener(c);

    if (l->use_identity_as_username)
        c->secure->user = nj_tls_peer_name(c->secure->tls, NJ_TLS_COMMON_NAME);
    else if (l->use_subject_as_username)
        c->secure->user = nj_tls_peer_name(c->secure->tls, NJ_TLS_SUBJECT);
}

/* It is over: what the peer has sent behind it is plaintext already. */
static void
finish(struct nj_conn *c, struct nj_tls_io *io)
{
    struct nj_worker *w = c->worker;
    ssize_t n;

    take_user(c);
    nj_secure_reconsider(c); /* files may have changed since it began */
    nj_metric_add(&w->metrics, NJ_METRIC_TLS_HANDSHAKES, 1);
    if (nj_tls_is_resumed(c->secure->tls))
        nj_metric_add(&w->metrics, NJ_METRIC_TLS_RESUMED, 1);
    nj_conn_set_reading(c, true);
    n = io->in.n > 0 ? decrypt(c, io, w->buffer, NJ_WORKER_READ_BYTES) : NJ_IO_AGAIN;
    nj_conn_have_read(c, n);
}

static void
shake(struct nj_conn *c)
{
    struct nj_tls_io io;
    ssize_t n = read_cipher(c, &io, NJ_WORKER_READ_BYTES - NJ_SECURE_SLACK);
    enum nj_tls_result result;

    if (n < 0) {
        nj_conn_set_reading(c, true);
        if (n != NJ_IO_AGAIN)
            nj_conn_have_read(c, n);
        return;
    }
    do {
        result = nj_tls_handshake(c->secure->tls, &io);
        if (!keep(c, &io))
            result = NJ_TLS_FAILED;
    } while (result == NJ_TLS_FULL);
    if (c->secure->cipher.bytes > 0)
        nj_conn_dirty(c);
    if (result == NJ_TLS_DONE)
        finish(c, &io);
    else if (result == NJ_TLS_HUNGRY)
        nj_conn_set_reading(c, true);
    else
        nj_conn_have_read(c, NJ_SECURE_FAILED);
}

/* ---- once more, after a reload ---- */

void
nj_secure_reconsider(struct nj_conn *c)
{
    struct nj_secure *s = c->secure;
    const struct nj_tls_context *now = nj_conn_listener(c)->tls;

    if (s != NULL && nj_secure_is_open(c) && s->trust != nj_tls_context_trust(now) &&
        nj_list_is_empty(&s->link_again))
        nj_list_push(&c->worker->again, &s->link_again);
}

void
nj_secure_leave(struct nj_conn *c)
{
    if (c->secure != NULL)
        nj_list_remove(&c->secure->link_again);
}

static void
look_again(struct nj_conn *c)
{
    struct nj_tls_context *now = nj_conn_listener(c)->tls;
    struct nj_finding why;

    if (c->state == NJ_CONN_CLOSING)
        return;
    c->secure->trust = nj_tls_context_trust(now);
    if (nj_tls_is_still_trusted(c->secure->tls, now, &why))
        return;
    nj_say_no_longer_trusted(c, &why);
    nj_conn_end(c, NJ_CAUSE_NO_LONGER_TRUSTED);
}

/* ---- what is due ---- */

void
nj_secure_work(struct nj_worker *w)
{
    struct nj_list *node;

    for (int i = 0; i < NJ_SECURE_STEPS && (node = nj_list_pop(&w->shaking)) != NULL; i++)
        shake(nj_container_of(node, struct nj_conn, link_in));
    w->shakes_due = nj_list_is_empty(&w->shaking) ? 0 : NJ_SECURE_STEPS;
    for (int i = 0; i < NJ_SECURE_AGAIN && (node = nj_list_pop(&w->again)) != NULL; i++)
        look_again(nj_container_of(node, struct nj_secure, link_again)->conn);
}

/* ---- refusing ---- */

static enum nj_cause
cause_of(const struct nj_tls_fault *f)
{
    if (f == NULL)
        return NJ_CAUSE_OUT_OF_MEMORY;
    switch (f->ended) {
    case NJ_TLS_BY_PEER:
        return NJ_CAUSE_TLS_ALERT;
    case NJ_TLS_BY_SILENCE:
        return NJ_CAUSE_TLS_CUT;
    case NJ_TLS_BY_US:
        break;
    }
    return f->was_open ? NJ_CAUSE_TLS_BROKEN : NJ_CAUSE_TLS_REFUSED;
}

void
nj_secure_refuse(struct nj_conn *c)
{
    const struct nj_tls_fault *f = nj_tls_fault(c->secure->tls);

    c->is_mute = true;
    if (!c->secure->is_said)
        nj_say_tls_fault(c, f);
    c->secure->is_said = true;
    nj_conn_end(c, cause_of(f));
}

void
nj_secure_cut(struct nj_conn *c)
{
    nj_tls_cut(c->secure->tls);
    if (nj_tls_fault(c->secure->tls) != NULL && !c->secure->is_said)
        nj_say_tls_fault(c, nj_tls_fault(c->secure->tls));
    c->secure->is_said = true;
    c->is_mute = true;
}
