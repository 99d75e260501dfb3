/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from a connection: when it is read, whole packets of the bytes, and what is left of
 * them. Beside packet.c, which knows what a packet means. */
#include "server/conn.h"

#include "base/mem.h"
#include "base/secret.h"
#include "server/say.h"
#include "server/secure.h"
#include "server/server_priv.h"

#include <errno.h>

/* Answers that wait for the store, for one connection, and bytes that they hold, before it is not
 * read for a while. */
#define PROMISED_MAX       4096
#define PROMISED_MAX_BYTES (1024u * 1024)
/* Of a packet that has begun: with fewer, they are moved to the worker's buffer, where many small
 * packets are read at once; from here on, the rest of it is read to where they are. */
#define LARGE_BYTES (16 * 1024)

/* ---- who waits ---- */

void
nj_conn_set_reading(struct nj_conn *c, bool is_on)
{
    unsigned interest = is_on ? c->io.interest | NJ_IO_READ : c->io.interest & ~NJ_IO_READ;

    if (interest != c->io.interest &&
        nj_reactor_watch(c->worker->reactor, &c->io, interest) != NJ_OK)
        nj_conn_end(c, NJ_CAUSE_OUT_OF_MEMORY);
}

/* One that could not be watched is closing by now, and on no list of those who wait. */
static void
wait_in(struct nj_conn *c, struct nj_list *list)
{
    if (c->state != NJ_CONN_CLOSING && nj_list_is_empty(&c->link_in))
        nj_list_push(list, &c->link_in);
}

static void
make_ready(struct nj_conn *c)
{
    wait_in(c, &c->worker->ready);
}

/* Not read until the other workers, and the store, have room for what it publishes. Who has no
 * session yet publishes nothing. */
static bool
is_to_pause(const struct nj_conn *c)
{
    return c->session != NULL && nj_worker_is_stalled(c->worker);
}

static void
pause_reading(struct nj_conn *c)
{
    nj_conn_set_reading(c, false);
    wait_in(c, &c->worker->paused);
}

/* Not read until those it publishes to have read. */
static void
hold(struct nj_conn *c)
{
    struct nj_worker *w = c->worker;

    nj_conn_set_reading(c, false);
    if (nj_list_is_empty(&w->held))
        w->held_until = w->now + NJ_PATIENCE_MS;
    wait_in(c, &w->held);
}

void
nj_conn_answered(struct nj_conn *c)
{
    if ((c->io.interest & NJ_IO_READ) == 0)
        make_ready(c);
}

/* ---- packets ---- */

/* Its CONNECT will be read again, and is kept until then. */
static bool
keeps_connect(const struct nj_conn *c)
{
    return c->state == NJ_CONN_MOVING || c->state == NJ_CONN_CHECKING;
}

/* May packets be taken from it now? */
static bool
is_taking(const struct nj_conn *c)
{
    if (c->state == NJ_CONN_CLOSING || keeps_connect(c) || c->state == NJ_CONN_OPENING)
        return false;
    return !c->link.is_full &&
           (c->session == NULL || (!c->session->is_held && c->session->promised < PROMISED_MAX &&
                                   c->session->promised_bytes < PROMISED_MAX_BYTES));
}

static enum nj_cause
take_packet(struct nj_conn *c, const struct nj_frame *frame)
{
    switch ((enum nj_conn_state)c->state) {
    case NJ_CONN_CONNECT:
        return nj_conn_on_connect(c, frame);
    case NJ_CONN_AUTH:
        return nj_conn_on_auth(c, frame);
    case NJ_CONN_ACTIVE:
        return nj_conn_on_packet(c, frame);
    case NJ_CONN_CHECKING:
    case NJ_CONN_MOVING:
    case NJ_CONN_OPENING:
    case NJ_CONN_CLOSING:
        break;
    }
    return NJ_CAUSE_NONE;
}

static bool
is_no_connect(struct nj_str first)
{
    return first.n > 0 && (uint8_t)first.p[0] >> 4 != NJ_CONNECT;
}

/* Say which topics come next, of the PUBLISH packets that `bytes` begin with. What is wrong with
 * them is seen when they are taken. */
static NJ_NOINLINE void
look_ahead(struct nj_conn *c, struct nj_str bytes)
{
    struct nj_home *home = c->worker->home;
    struct nj_str topics[NJ_ROUTER_AHEAD];
    uint32_t count = 0;

    for (unsigned i = 0; i < NJ_ROUTER_AHEAD; i++) {
        NJ_UNSET struct nj_frame frame;
        struct nj_reader r;

        if (nj_frame_find_plainly(bytes, c->told.packet_bytes, &frame) != NJ_FRAME_WHOLE ||
            frame.type != NJ_PUBLISH)
            break;
        bytes = nj_str_from(bytes, frame.bytes);
        r = nj_reader_of(frame.body);
        topics[count] = nj_read_lp16(&r);
        count += topics[count].n > 0;
    }
    nj_router_expect(&home->router, home->broker->index, topics, count);
}

static size_t
take_until(struct nj_conn *c, struct nj_str bytes, uint64_t end)
{
    const struct nj_home *home = c->worker->home;
    size_t taken = 0;
    unsigned packets = 0;

    c->in_needed = 0;
    while (is_taking(c) && home->deliveries < end && packets < NJ_WORKER_BUDGET) {
        struct nj_str rest = nj_str_from(bytes, taken);
        NJ_UNSET struct nj_frame frame;
        enum nj_cause cause = NJ_CAUSE_NONE;

        switch (nj_frame_find(rest, c->told.packet_bytes, &frame)) {
        case NJ_FRAME_PART:
            if (c->state == NJ_CONN_CONNECT && is_no_connect(rest)) {
                cause = NJ_CAUSE_FIRST_NOT_CONNECT; /* what it claims to be is not waited for */
                break;
            }
            c->in_needed = frame.bytes > 0 ? frame.bytes : (uint32_t)(bytes.n - taken) + 1;
            return taken;
        case NJ_FRAME_FAULT:
            cause = frame.cause;
            break;
        case NJ_FRAME_WHOLE:
            c->last_packet = c->worker->now;
            if (NJ_UNLIKELY(nj_router_wants_more(&home->router)) && frame.type == NJ_PUBLISH)
                look_ahead(c, rest);
            cause = take_packet(c, &frame);
            /* A CONNECT comes again at home or when its password is checked, a long SUBSCRIBE in
             * the next turn. */
            if (c->asked != NULL || keeps_connect(c))
                return taken;
            taken += frame.bytes;
            nj_metric_add(&c->worker->metrics, NJ_METRIC_PACKETS_RECEIVED, 1);
            break;
        }
        if (cause != NJ_CAUSE_NONE) {
            nj_say_fault(c, cause, &frame, rest);
            nj_conn_end(c, cause);
        }
        packets++;
    }
    return taken;
}

/* Take whole packets from `bytes` until there are none, or the connection may not go on, or its
 * share of this turn is used up. How many bytes were taken. */
static size_t
take(struct nj_conn *c, struct nj_str bytes)
{
    struct nj_worker *w = c->worker;
    uint64_t begin = w->home->deliveries;
    size_t taken = take_until(c, bytes, begin + w->share);

    nj_router_expect_nothing(&w->home->router);
    c->is_busy = w->home->deliveries - begin > NJ_WORKER_MUCH;
    w->busy += c->is_busy;
    return taken;
}

/* ---- bytes that are kept ---- */

/* Bytes that lie elsewhere by now, or are of no use: where no session is open, a password may be
 * among them, or the beginning of one. */
static void
wipe(const struct nj_conn *c, uint8_t *bytes, size_t n)
{
    if (n > 0 && c->session == NULL)
        nj_secret_wipe(bytes, n);
}

/* Room for `n` bytes behind those that are here. */
static bool
make_room(struct nj_conn *c, uint32_t n)
{
    uint32_t capacity = c->in_capacity;
    uint8_t *in;

    if (c->in_from > 0) {
        memmove(c->in, c->in + c->in_from, c->in_n);
        c->in_from = 0;
    }
    if (c->in_n + n <= capacity)
        return true;
    capacity = NJ_MAX(c->in_n + n, NJ_MIN(capacity * 2, 1024u * 1024));
    in = nj_realloc(c->in, capacity);
    if (in == NULL)
        return false;
    c->in = in;
    c->in_capacity = capacity;
    return true;
}

void
nj_conn_drop_input(struct nj_conn *c)
{
    wipe(c, c->in, c->in_capacity);
    nj_free(c->in);
    c->in = NULL;
    c->in_from = c->in_n = c->in_capacity = 0;
}

/* What is to be done next with a connection that has bytes here, or none. */
static void
settle(struct nj_conn *c)
{
    if (c->state == NJ_CONN_CLOSING || c->state == NJ_CONN_MOVING)
        return;
    if (c->session != NULL && c->session->is_held) {
        hold(c);
    } else if (!is_taking(c)) {
        nj_conn_set_reading(
            c, false); /* the answer that it waits for, or the peer's reading, goes on */
    } else if (is_to_pause(c)) {
        pause_reading(c);
    } else if (c->in_n > 0 && c->in_needed == 0) {
        nj_conn_set_reading(c, false);
        make_ready(c);
    } else {
        nj_conn_set_reading(c, true);
    }
}

/* Bytes that are here: take what can be taken, and let go of the buffer when it is empty. */
static void
take_from_buffer(struct nj_conn *c)
{
    struct nj_str bytes = {(const char *)c->in + c->in_from, c->in_n};
    size_t taken = take(c, bytes);

    c->in_from += (uint32_t)taken;
    c->in_n -= (uint32_t)taken;
    if (c->in_n == 0)
        nj_conn_drop_input(c);
    settle(c);
    if (c->state == NJ_CONN_MOVING)
        nj_worker_send_home(c);
}

void
nj_conn_continue(struct nj_conn *c)
{
    if (c->state == NJ_CONN_CLOSING)
        return;
    if (c->in_n > 0 && is_taking(c) && !is_to_pause(c))
        take_from_buffer(c);
    else
        settle(c);
}

/* What was read into the worker's buffer: take it there, keep what is left. */
static void
take_from_worker(struct nj_conn *c, size_t n)
{
    struct nj_str bytes = {(const char *)c->worker->buffer, n};
    size_t taken = take(c, bytes);
    uint32_t left = (uint32_t)(n - taken);

    c->in_from = c->in_n = 0;
    if (c->state == NJ_CONN_CLOSING)
        return;
    if (left == 0) {
        nj_conn_drop_input(c);
    } else if (make_room(c, left)) {
        memcpy(c->in, c->worker->buffer + taken, left);
        c->in_n = left;
        wipe(c, c->worker->buffer + taken, left);
    } else {
        nj_conn_end(c, NJ_CAUSE_OUT_OF_MEMORY);
        return;
    }
    settle(c);
    if (c->state == NJ_CONN_MOVING)
        nj_worker_send_home(c);
}

/* ---- the socket ---- */

/* Count what came, or end the connection. */
static bool
is_read(struct nj_conn *c, ssize_t n)
{
    if (n == NJ_IO_AGAIN)
        return false;
    if (n == NJ_SECURE_FAILED) {
        nj_secure_refuse(c);
        return false;
    }
    if (n < 0 && c->secure != NULL && !nj_secure_is_open(c)) {
        nj_secure_cut(c);
        nj_conn_end(c, NJ_CAUSE_TLS_CUT);
        return false;
    }
    if (n < 0) {
        c->is_mute = true;
        nj_say_socket(c, n == NJ_IO_ERROR ? errno : 0);
        nj_conn_end(c, n == NJ_IO_CLOSED ? NJ_CAUSE_CLIENT_CLOSED : NJ_CAUSE_SOCKET_ERROR);
        return false;
    }
    nj_metric_add(&c->worker->metrics, NJ_METRIC_BYTES_RECEIVED, n);
    return true;
}

static ssize_t
read_bytes(struct nj_conn *c, void *buffer, size_t room)
{
    return c->secure == NULL ? nj_io_read(&c->io, buffer, room) : nj_secure_read(c, buffer, room);
}

/* Behind what is in the connection's own buffer. */
static void
read_behind(struct nj_conn *c, uint32_t want)
{
    ssize_t n;

    if (c->secure != NULL)
        want += NJ_SECURE_SLACK;
    if (!make_room(c, want)) {
        nj_conn_end(c, NJ_CAUSE_OUT_OF_MEMORY);
        return;
    }
    n = read_bytes(c, c->in + c->in_n, want);
    if (!is_read(c, n))
        return;
    c->in_n += (uint32_t)n;
    if (c->in_needed == 0 || c->in_n >= c->in_needed)
        take_from_buffer(c);
}

/* A large packet gathers in a buffer of the connection's own, which grows as its bytes come: for a
 * length that is only claimed, no more is set aside than has come already. */
static void
read_large(struct nj_conn *c)
{
    uint32_t want = c->in_needed > c->in_n ? c->in_needed - c->in_n : NJ_WORKER_READ_BYTES;

    read_behind(c, NJ_MIN(want, NJ_MAX(c->in_n, LARGE_BYTES)));
}

static void
read_some(struct nj_conn *c)
{
    struct nj_worker *w = c->worker;
    uint32_t before = c->in_n;
    ssize_t n;

    if (before >= LARGE_BYTES) {
        read_large(c);
        return;
    }
    if (before > 0)
        memcpy(w->buffer, c->in + c->in_from, before);
    n = read_bytes(c, w->buffer + before, NJ_WORKER_READ_BYTES - before);
    if (!is_read(c, n))
        return;
    wipe(c, c->in + c->in_from, before);
    take_from_worker(c, before + (size_t)n);
}

void
nj_conn_have_read(struct nj_conn *c, ssize_t n)
{
    if (is_read(c, n))
        take_from_worker(c, (size_t)n);
}

void
nj_conn_read(struct nj_conn *c)
{
    if (is_to_pause(c))
        pause_reading(c);
    else
        read_some(c);
}

/* Into a buffer of its own: the CONNECT that asks for this may lie in the worker's. Reading may be
 * off although it may be taken from, since it was put on again for the next turn only. */
void
nj_conn_hear_out(struct nj_conn *c)
{
    c->session->is_held = false;
    if (c->state == NJ_CONN_ACTIVE)
        nj_conn_continue(c);
    if (c->state == NJ_CONN_ACTIVE && is_taking(c) && !is_to_pause(c))
        read_behind(c, LARGE_BYTES);
}

void
nj_conn_on_ready(struct nj_io *io, unsigned events)
{
    struct nj_conn *c = nj_container_of(io, struct nj_conn, io);

    if (c->state == NJ_CONN_CLOSING)
        return;
    nj_worker_look_at_clock(c->worker);
    if ((events & NJ_IO_WRITE) != 0 && nj_conn_has_output(c))
        nj_conn_dirty(c);
    if ((events & NJ_IO_READ) == 0)
        return;
    if ((c->io.interest & NJ_IO_READ) == 0)
        /* An error, told again and again until it is read: nj_conn_set_reading() watches anew. */
        nj_reactor_forget(c->worker->reactor, &c->io);
    else if (c->secure != NULL && !nj_secure_is_open(c))
        nj_secure_wait(c);
    else if (c->is_busy)
        wait_in(c, &c->worker->later);
    else
        nj_conn_read(c);
}
