/* SPDX-License-Identifier: Apache-2.0 */
/* client.c — the engine on a socket: one poll at a time, from within blocking calls (blocking.c) or
 * from a loop of the application's.
 *
 *          start              connected              broken, refused
 *   IDLE ────────► DIALLING ────────────► UP ─────────────────────────► PAUSED ──┐
 *     ▲               ▲ │ └► SECURING ──►  TLS, where it is wished       ▲  │    │ time
 *     │               │ │ no address answers, no handshake               │  │    │
 *     │               │ └────────────────────────────────────────────────┘  │    │
 *     │ goodbye, or   └──────────────────────────────────────────────────────────┘
 *     └─ no reconnect wished ◄─────────────────────────────────────────── any */
#include "base/mem.h"
#include "base/rand.h"
#include "client/client_priv.h"
#include "client/opts.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum nj_client_err
nj_client_new(struct nj_client **out, const struct nj_client_opts *opts)
{
    struct nj_client *c = nj_zalloc(sizeof(*c));
    struct nj_client_opts copy;
    enum nj_client_err err;
    uint64_t seed;

    if (c == NULL)
        return NJ_CLIENT_ENOMEM;
    c->fd = -1;
    c->dial.fd = -1;
    nj_inbox_init(&c->inbox);
    nj_rand_system(&seed, sizeof(seed));
    nj_rand_seed(&c->rand, seed);
    err = nj_client_opts_copy(&copy, opts);
    if (err != NJ_CLIENT_OK)
        goto fail;
    err = nj_engine_new(&c->engine, &copy);
    if (err != NJ_CLIENT_OK) {
        nj_client_opts_fini(&copy);
        goto fail;
    }
    *out = c;
    return NJ_CLIENT_OK;

fail:
    nj_free(c);
    return err;
}

/* Whatever there is of a connection. */
static void
hang_up(struct nj_client *c)
{
    if (c->dial.fd >= 0)
        (void)close(c->dial.fd);
    if (c->fd >= 0)
        (void)close(c->fd);
    c->dial.fd = c->fd = -1;
    nj_tunnel_end(&c->tunnel);
}

void
nj_client_free(struct nj_client *c)
{
    if (c == NULL)
        return;
    hang_up(c);
    nj_tunnel_fini(&c->tunnel);
    nj_engine_free(c->engine);
    nj_inbox_fini(&c->inbox);
    nj_free(c);
}

/* ---- connecting ---- */

/* Again after a pause that doubles, a little random so that many clients do not come back at
 * once. */
static void
pause_or_stop(struct nj_client *c, nj_time now)
{
    const struct nj_client_opts *opts = nj_engine_opts(c->engine);
    uint32_t pause = c->pause_ms != 0 ? c->pause_ms : opts->reconnect_min_ms;

    if (c->is_leaving || c->is_once || opts->reconnect_min_ms == 0) {
        c->phase = NJ_PHASE_IDLE;
        return;
    }
    c->pause_ms = pause > opts->reconnect_max_ms / 2 ? opts->reconnect_max_ms : pause * 2;
    c->retry_at = now + pause - nj_rand_below(&c->rand, pause / 4 + 1);
    c->phase = NJ_PHASE_PAUSED;
}

static void
attempt_failed(struct nj_client *c, enum nj_client_err err, int error, const char *detail,
               nj_time now)
{
    c->failed = err;
    c->error = error;
    c->detail = detail;
    pause_or_stop(c, now);
}

static void
open_engine(struct nj_client *c, nj_time now)
{
    enum nj_client_err err = nj_engine_open(c->engine, now);

    if (err != NJ_CLIENT_OK) {
        hang_up(c);
        attempt_failed(c, err, 0, nj_client_error_text(err), now);
        return;
    }
    c->detail = NULL;
    c->phase = NJ_PHASE_UP;
}

static void
secure(struct nj_client *c, nj_time now)
{
    enum nj_client_err err;

    switch (nj_tunnel_shake(&c->tunnel, c->fd)) {
    case NJ_TUNNEL_WAITING:
        c->phase = NJ_PHASE_SECURING;
        break;
    case NJ_TUNNEL_OPEN:
        open_engine(c, now);
        break;
    case NJ_TUNNEL_FAILED:
        err = nj_tunnel_explain(&c->tunnel, nj_engine_opts(c->engine));
        hang_up(c);
        attempt_failed(
            c, err, 0,
            err == NJ_CLIENT_ETLS ? nj_tunnel_detail(&c->tunnel) : nj_client_error_text(err), now);
        break;
    }
}

static void
securing_took_too_long(struct nj_client *c, nj_time now)
{
    const char *detail = c->tunnel.is_answered
                             ? "the broker did not finish the TLS handshake in time"
                             : "no answer to the ClientHello: this may be no port for TLS";

    hang_up(c);
    attempt_failed(c, NJ_CLIENT_ETIMEOUT, 0, detail, now);
}

static void
dialled(struct nj_client *c, enum nj_dial_result result, nj_time now)
{
    enum nj_client_err err;

    c->phase = NJ_PHASE_DIALLING;
    if (result == NJ_DIAL_WAITING)
        return;
    if (result == NJ_DIAL_FAILED) {
        attempt_failed(c, NJ_CLIENT_ESYS, c->dial.error, strerror(c->dial.error), now);
        return;
    }
    c->fd = c->dial.fd;
    c->dial.fd = -1;
    err = nj_tunnel_begin(&c->tunnel, nj_engine_opts(c->engine), now);
    if (err != NJ_CLIENT_OK) {
        hang_up(c);
        attempt_failed(c, err, 0, nj_client_error_text(err), now);
    } else if (nj_tunnel_is_on(&c->tunnel)) {
        secure(c, now);
    } else {
        open_engine(c, now);
    }
}

static void
dial(struct nj_client *c, nj_time now)
{
    const struct nj_client_opts *opts = nj_engine_opts(c->engine);
    enum nj_client_err err;

    c->detail = NULL;
    err = nj_tunnel_prepare(&c->tunnel, opts);
    if (err != NJ_CLIENT_OK) {
        attempt_failed(c, err, 0, nj_tunnel_detail(&c->tunnel), now);
        return;
    }
    err = nj_dial_look_up(&c->dial, opts);
    if (err == NJ_CLIENT_OK)
        dialled(c, nj_dial_start(&c->dial, opts, now), now);
    else
        attempt_failed(c, err, 0, c->dial.detail, now);
}

/* ---- the socket ---- */

/* send(2) and recv(2), through TLS where it is spoken. */
static ssize_t
push(struct nj_client *c, struct nj_str bytes)
{
    return nj_tunnel_is_on(&c->tunnel) ? nj_tunnel_send(&c->tunnel, c->fd, bytes)
                                       : send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
}

static ssize_t
pull(struct nj_client *c, void *space, size_t room)
{
    return nj_tunnel_is_on(&c->tunnel) ? nj_tunnel_recv(&c->tunnel, c->fd, space, room)
                                       : recv(c->fd, space, room, 0);
}

static void
flush(struct nj_client *c, nj_time now)
{
    for (;;) {
        struct nj_str output = nj_engine_output(c->engine);
        ssize_t n;

        if (output.n == 0)
            return;
        n = push(c, output);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            c->error = errno;
            /* What the broker said before it hung up is still to be read. */
            nj_engine_stop_output(c->engine);
            return;
        }
        nj_engine_written(c->engine, (size_t)n, now);
        if ((size_t)n < output.n)
            return;
    }
}

/* After an event was taken: close where the engine is through with this connection. */
static void
settle(struct nj_client *c)
{
    nj_time now;

    if (c->phase != NJ_PHASE_UP)
        return;
    if (nj_engine_wants_close(c->engine)) {
        flush(c, nj_clock_monotonic_ms());
        nj_tunnel_leave(&c->tunnel, c->fd);
        nj_engine_close(c->engine, NJ_CLIENT_OK, NULL);
    }
    if (!nj_engine_has_transport(c->engine))
        hang_up(c);
    if (nj_engine_is_offline(c->engine)) {
        now = nj_clock_monotonic_ms();
        pause_or_stop(c, now);
    }
}

/* The connection broke, with the errno that recv() left; 0: the broker closed it. */
static void
broken(struct nj_client *c, int error)
{
    enum nj_client_err err = nj_tunnel_explain(&c->tunnel, nj_engine_opts(c->engine));

    if (err == NJ_CLIENT_ETLS)
        c->detail = nj_tunnel_detail(&c->tunnel);
    else if (!nj_tunnel_is_on(&c->tunnel) && nj_engine_is_unanswered(c->engine))
        c->detail = "the broker hung up without an answer to CONNECT";
    if (error != 0 && err != NJ_CLIENT_ETLS)
        c->error = error;
    nj_engine_close(c->engine, err != NJ_CLIENT_OK ? err : NJ_CLIENT_ELOST,
                    error != 0 ? strerror(error) : "closed by the broker");
}

/* What `n` bytes in the engine's space mean, n as recv(2) says. */
static void
filled(struct nj_client *c, ssize_t n, nj_time now)
{
    if (n > 0)
        nj_engine_input_filled(c->engine, (size_t)n, now);
    else if (n == 0)
        broken(c, 0);
    else if (errno != EAGAIN)
        broken(c, errno);
}

static void
fill(struct nj_client *c, nj_time now)
{
    size_t room;
    void *space = nj_engine_input_space(c->engine, &room);
    ssize_t n;

    if (space == NULL) {
        nj_engine_close(c->engine, NJ_CLIENT_ENOMEM, "no memory for input");
        return;
    }
    do {
        n = pull(c, space, room);
    } while (n < 0 && errno == EINTR);
    filled(c, n, now);
}

/* Bytes that TLS holds already: no poll would tell of them. */
static bool
has_inside(const struct nj_client *c)
{
    return c->phase == NJ_PHASE_UP && nj_tunnel_is_on(&c->tunnel) && c->tunnel.has_more &&
           nj_engine_wants_input(c->engine);
}

static void
fill_from_inside(struct nj_client *c)
{
    size_t room;
    void *space = nj_engine_input_space(c->engine, &room);

    if (space == NULL)
        nj_engine_close(c->engine, NJ_CLIENT_ENOMEM, "no memory for input");
    else
        filled(c, nj_tunnel_recv_inside(&c->tunnel, space, room), nj_clock_monotonic_ms());
}

/* ---- in a loop of the application's ---- */

enum nj_client_err
nj_client_start(struct nj_client *c)
{
    settle(c);
    if (c->phase != NJ_PHASE_IDLE || !nj_engine_is_offline(c->engine))
        return NJ_CLIENT_EINVAL;
    c->is_leaving = false;
    c->pause_ms = 0;
    c->failed = NJ_CLIENT_OK;
    dial(c, nj_clock_monotonic_ms());
    return NJ_CLIENT_OK;
}

int
nj_client_fd(const struct nj_client *c)
{
    return c->phase == NJ_PHASE_DIALLING ? c->dial.fd : c->fd;
}

bool
nj_client_wants_read(const struct nj_client *c)
{
    if (c->phase == NJ_PHASE_SECURING)
        return true;
    return c->phase == NJ_PHASE_UP && c->fd >= 0 && nj_engine_wants_input(c->engine);
}

bool
nj_client_wants_write(const struct nj_client *c)
{
    switch (c->phase) {
    case NJ_PHASE_IDLE:
    case NJ_PHASE_PAUSED:
        return false;
    case NJ_PHASE_DIALLING:
        return true;
    case NJ_PHASE_SECURING:
        return nj_tunnel_wants_write(&c->tunnel);
    case NJ_PHASE_UP:
        return c->fd >= 0 &&
               (nj_tunnel_wants_write(&c->tunnel) || nj_engine_wants_close(c->engine) ||
                (nj_engine_output(c->engine).n > 0 && !c->tunnel.waits_for_input));
    }
    return false;
}

static nj_time
deadline(const struct nj_client *c)
{
    switch (c->phase) {
    case NJ_PHASE_IDLE:
        return NJ_NEVER;
    case NJ_PHASE_DIALLING:
        return c->dial.deadline;
    case NJ_PHASE_SECURING:
        return c->tunnel.deadline;
    case NJ_PHASE_UP:
        return nj_engine_deadline(c->engine);
    case NJ_PHASE_PAUSED:
        return c->retry_at;
    }
    return NJ_NEVER;
}

int
nj_client_timeout_ms(const struct nj_client *c)
{
    nj_time at = deadline(c);
    nj_time left;

    if (at == NJ_NEVER)
        return -1;
    left = at - nj_clock_monotonic_ms();
    return left <= 0 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

void
nj_client_on_readable(struct nj_client *c)
{
    nj_time now = nj_clock_monotonic_ms();

    if (c->phase == NJ_PHASE_SECURING) {
        secure(c, now);
        return;
    }
    settle(c);
    if (nj_client_wants_read(c))
        fill(c, now);
}

void
nj_client_on_writable(struct nj_client *c)
{
    nj_time now = nj_clock_monotonic_ms();

    if (c->phase == NJ_PHASE_DIALLING) {
        dialled(c, nj_dial_go_on(&c->dial, nj_engine_opts(c->engine), true, now), now);
        return;
    }
    if (c->phase == NJ_PHASE_SECURING) {
        secure(c, now);
        return;
    }
    settle(c);
    if (c->phase == NJ_PHASE_UP && c->fd >= 0) {
        nj_tunnel_flush(&c->tunnel, c->fd);
        flush(c, now);
    }
    settle(c);
}

void
nj_client_on_time(struct nj_client *c)
{
    nj_time now = nj_clock_monotonic_ms();

    settle(c);
    if (now < deadline(c))
        return;
    switch (c->phase) {
    case NJ_PHASE_IDLE:
        break;
    case NJ_PHASE_DIALLING:
        dialled(c, nj_dial_go_on(&c->dial, nj_engine_opts(c->engine), false, now), now);
        break;
    case NJ_PHASE_SECURING:
        securing_took_too_long(c, now);
        break;
    case NJ_PHASE_UP:
        nj_engine_on_time(c->engine, now);
        break;
    case NJ_PHASE_PAUSED:
        dial(c, now);
        break;
    }
}

/* ---- events ---- */

bool
nj_client_take(struct nj_client *c, struct nj_client_event *out)
{
    settle(c);
    for (;;) {
        if (nj_engine_next(c->engine, out)) {
            if (out->type == NJ_CLIENT_CONNECTED)
                c->pause_ms = 0;
            return true;
        }
        if (!has_inside(c))
            break;
        fill_from_inside(c);
    }
    settle(c);
    if (c->failed != NJ_CLIENT_OK) {
        *out = (struct nj_client_event){.type = NJ_CLIENT_DISCONNECTED, .error = c->failed};
        c->failed = NJ_CLIENT_OK;
        return true;
    }
    return false;
}

static bool
has_news(const struct nj_client *c)
{
    return c->failed != NJ_CLIENT_OK || nj_engine_may_have_event(c->engine) || has_inside(c);
}

/* The sooner of two time-outs, of which -1 is none. */
static int
sooner(int a, int b)
{
    return a < 0 ? b : b < 0 ? a : NJ_MIN(a, b);
}

enum nj_client_err
nj_client_wait(struct nj_client *c, int timeout_ms)
{
    struct pollfd p;
    int ready;

    settle(c);
    if (has_news(c))
        return NJ_CLIENT_OK;
    if (c->phase == NJ_PHASE_IDLE)
        return NJ_CLIENT_ENOTCONN;
    p = (struct pollfd){.fd = nj_client_fd(c)};
    if (nj_client_wants_read(c))
        p.events |= POLLIN;
    if (nj_client_wants_write(c))
        p.events |= POLLOUT;
    int own = nj_client_timeout_ms(c);
    ready = poll(&p, 1, sooner(own, timeout_ms));
    if (ready < 0) {
        c->error = errno;
        return NJ_CLIENT_ESYS;
    }
    if ((p.revents & POLLOUT) != 0 ||
        (c->phase == NJ_PHASE_DIALLING && (p.revents & (POLLERR | POLLHUP)) != 0))
        nj_client_on_writable(c);
    if ((p.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        nj_client_on_readable(c);
    nj_client_on_time(c);
    return ready == 0 && own != 0 && timeout_ms >= 0 && !has_news(c) ? NJ_CLIENT_ETIMEOUT
                                                                     : NJ_CLIENT_OK;
}

/* ---- requests ---- */

enum nj_client_err
nj_client_publish(struct nj_client *c, const struct nj_client_message *m, uint16_t *packet_id)
{
    return nj_engine_publish(c->engine, m, packet_id);
}

enum nj_client_err
nj_client_subscribe(struct nj_client *c, const struct nj_client_subscription *list, size_t count,
                    struct nj_client_properties properties, uint16_t *packet_id)
{
    return nj_engine_subscribe(c->engine, list, count, properties, packet_id);
}

enum nj_client_err
nj_client_unsubscribe(struct nj_client *c, const char *const *filters, size_t count,
                      struct nj_client_properties properties, uint16_t *packet_id)
{
    return nj_engine_unsubscribe(c->engine, filters, count, properties, packet_id);
}

enum nj_client_err
nj_client_reauthenticate(struct nj_client *c, const void *data, size_t n)
{
    return nj_engine_reauthenticate(c->engine, data, n);
}

enum nj_client_err
nj_client_disconnect(struct nj_client *c, unsigned reason, struct nj_client_properties properties)
{
    enum nj_client_err err =
        nj_engine_disconnect(c->engine, reason, properties, nj_clock_monotonic_ms());

    if (err != NJ_CLIENT_OK && err != NJ_CLIENT_ENOTCONN)
        return err;
    c->is_leaving = true;
    if (c->phase != NJ_PHASE_UP) {
        hang_up(c);
        c->phase = NJ_PHASE_IDLE;
    }
    return err;
}

/* ---- questions ---- */

bool
nj_client_is_connected(const struct nj_client *c)
{
    return nj_engine_is_active(c->engine);
}

const char *
nj_client_id(const struct nj_client *c)
{
    return nj_engine_client_id(c->engine);
}

size_t
nj_client_unacknowledged(const struct nj_client *c)
{
    return nj_engine_unacknowledged(c->engine);
}

size_t
nj_client_unwritten_bytes(const struct nj_client *c)
{
    return nj_engine_output(c->engine).n;
}

int
nj_client_errno(const struct nj_client *c)
{
    return c->error;
}

const char *
nj_client_tls_in_use(const struct nj_client *c)
{
    return c->tunnel.in_use;
}

const char *
nj_client_tls_library(void)
{
    return nj_tls_library();
}

const char *
nj_client_detail(const struct nj_client *c)
{
    return c->detail != NULL ? c->detail : nj_engine_detail(c->engine);
}
