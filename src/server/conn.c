/* SPDX-License-Identifier: Apache-2.0 */
#include "server/conn.h"

#include "base/assert.h"
#include "base/mem.h"
#include "server/say.h"
#include "server/secure.h"
#include "server/server_priv.h"

#include <errno.h>

/* What is accepted at one door in one turn before connections get theirs. */
#define ACCEPT_BATCH 32
/* How long a door rests after descriptors ran out. */
#define ACCEPT_REST_MS 100

/* ---- states ---- */

#define TO(name) (1u << NJ_CONN_##name)
static const struct {
    const char *name;
    unsigned next;
} states[] = {
#define X(name, words, next) [NJ_CONN_##name] = {words, next},
    NJ_CONN_STATES(X)
#undef X
};

void
nj_conn_enter(struct nj_conn *c, enum nj_conn_state to)
{
    NJ_ASSERT((states[c->state].next & 1u << to) != 0);
    c->state = (uint8_t)to;
}

/* ---- lists and names ---- */

void
nj_conn_dirty(struct nj_conn *c)
{
    if (nj_list_is_empty(&c->link_out))
        nj_list_push(&c->worker->dirty, &c->link_out);
}

bool
nj_conn_is_known(const struct nj_conn *c)
{
    return c->session != NULL || c->client_id != NULL;
}

struct nj_str
nj_conn_name(const struct nj_conn *c)
{
    if (c->session != NULL)
        return nj_session_client_id(c->session);
    return nj_str_of(c->client_id != NULL ? c->client_id : c->peer.address);
}

/* ---- coming ---- */

static void on_time(struct nj_timer *t, nj_time now);

static void
free_conn(struct nj_conn *c)
{
    nj_aliases_free(c->aliases);
    nj_exchange_free(c->exchange);
    nj_conn_leave_login(c);
    nj_free(c->asked);
    nj_free(c->client_id);
    nj_free(c->user_name);
    nj_conn_drop_input(c);
    nj_free(c);
}

/* Relaxed: the counts limit, they order nothing. */
static void
count(struct nj_worker *w, const struct nj_door *door, int32_t difference)
{
    atomic_fetch_add_explicit(&w->server->connections, (uint32_t)difference, memory_order_relaxed);
    atomic_fetch_add_explicit(&w->server->listener_connections[door->listener].n,
                              (uint32_t)difference, memory_order_relaxed);
    nj_metric_add(&w->metrics, NJ_METRIC_CONNECTIONS, difference);
}

static enum nj_cause
limit_reached(const struct nj_worker *w, const struct nj_doorway *d)
{
    if (atomic_load_explicit(&w->server->connections, memory_order_relaxed) >=
        w->opts->max_connections)
        return NJ_CAUSE_GLOBAL_MAX_CONNECTIONS;
    if (atomic_load_explicit(&w->server->listener_connections[d->door->listener].n,
                             memory_order_relaxed) >=
        w->opts->listeners[d->door->listener].max_connections)
        return NJ_CAUSE_MAX_CONNECTIONS;
    return NJ_CAUSE_NONE;
}

/* What lies between socket and bytes at this door, if anything. */
static bool
dress(struct nj_conn *c)
{
    struct nj_tls_context *tls = nj_conn_listener(c)->tls;

    return tls == NULL || nj_secure_begin(c, tls);
}

static void
watch_for_connect(struct nj_conn *c)
{
    struct nj_worker *w = c->worker;

    nj_list_push(&w->conns, &c->link_all);
    c->told.packet_bytes = w->opts->max_packet_size;
    c->told.topic_alias_maximum = nj_conn_listener(c)->max_topic_alias;
    nj_timer_set(w->wheel, &c->timer, nj_time_after_s(w->now, w->opts->connect_timeout_s));
    if (nj_reactor_watch(w->reactor, &c->io, NJ_IO_READ) != NJ_OK)
        nj_conn_end(c, NJ_CAUSE_OUT_OF_MEMORY);
}

static void
welcome(struct nj_worker *w, struct nj_doorway *d, int fd, const struct nj_peer *peer)
{
    enum nj_cause limit = limit_reached(w, d);
    struct nj_conn *c = limit == NJ_CAUSE_NONE ? nj_zalloc(sizeof(*c)) : NULL;
    struct nj_io refused = {.fd = fd};

    nj_metric_add(&w->metrics, NJ_METRIC_SOCKETS_ACCEPTED, 1);
    if (c == NULL) {
        nj_say_denied(w, peer, limit != NJ_CAUSE_NONE ? limit : NJ_CAUSE_OUT_OF_MEMORY);
        nj_io_close(&refused);
        return;
    }
    c->io = (struct nj_io){.fd = fd, .on_ready = nj_conn_on_ready};
    c->link = (struct nj_link){.ops = &nj_conn_link_ops, .version = NJ_MQTT_311};
    c->worker = w;
    c->door = d->door;
    c->peer = *peer;
    c->maximum_packet_size = UINT32_MAX;
    c->wants_reasons = true; /* a CONNECT that cannot be read has not said otherwise */
    c->last_packet = w->now;
    nj_timer_init(&c->timer, on_time);
    nj_list_init(&c->link_all);
    nj_list_init(&c->link_in);
    nj_list_init(&c->link_out);
    count(w, d->door, 1);
    nj_say_new_connection(c);
    watch_for_connect(c);
    if (c->state != NJ_CONN_CLOSING && !dress(c)) {
        nj_secure_free(c);
        c->is_mute = true;
        nj_conn_end(c, NJ_CAUSE_OUT_OF_MEMORY);
    }
}

void
nj_conn_accept(struct nj_doorway *d)
{
    struct nj_worker *w = d->worker;

    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct nj_peer peer;
        int fd;

        switch (nj_io_accept(&d->io, &fd, &peer)) {
        case NJ_OK:
            welcome(w, d, fd, &peer);
            break;
        case NJ_ETIMEOUT:
            return;
        default:
            /* A listening socket stays readable: left in the set, it would spin. */
            nj_say_accept_failed(w, errno);
            nj_reactor_forget(w->reactor, &d->io);
            nj_timer_set(w->wheel, &d->again, w->now + ACCEPT_REST_MS);
            return;
        }
    }
}

void
nj_conn_arrive(struct nj_conn *c, struct nj_worker *w)
{
    c->worker = w;
    nj_metric_add(&w->metrics, NJ_METRIC_CONNECTIONS, 1);
    nj_conn_enter(c, NJ_CONN_CONNECT);
    watch_for_connect(c);
    nj_secure_reconsider(c); /* on its way it was on nobody's list */
    if (c->secure != NULL && nj_secure_has_output(c))
        nj_conn_dirty(c);
    nj_conn_continue(c);
}

/* ---- writing ---- */

bool
nj_conn_has_output(const struct nj_conn *c)
{
    return c->out.bytes > 0 || (c->secure != NULL && nj_secure_has_output(c));
}

/* Keep the gauges of waiting output true. Packets count until the last of them has left. */
static void
count_waiting(struct nj_conn *c)
{
    struct nj_metrics *m = &c->worker->metrics;

    if (c->out.bytes == 0)
        c->out_packets = 0;
    if (c->counted_bytes == c->out.bytes && c->counted_packets == c->out_packets)
        return;
    nj_metric_add(m, NJ_METRIC_OUT_BYTES, (int64_t)c->out.bytes - (int64_t)c->counted_bytes);
    nj_metric_add(m, NJ_METRIC_OUT_PACKETS, (int64_t)c->out_packets - (int64_t)c->counted_packets);
    c->counted_bytes = c->out.bytes;
    c->counted_packets = c->out_packets;
}

static ssize_t
write_bytes(struct nj_conn *c, size_t most)
{
    return c->secure == NULL ? nj_out_write(c->worker->pool, &c->out, &c->io, most)
                             : nj_secure_write(c, most);
}

void
nj_conn_flush(struct nj_conn *c)
{
    size_t share = c->worker->write_share;
    bool was_full = c->link.is_full;
    ssize_t n;

    nj_list_remove(&c->link_out);
    if (c->is_mute) { /* see fall_silent() */
        nj_conn_end(c, (enum nj_cause)c->mute_cause);
        return;
    }
    n = write_bytes(c, share);
    count_waiting(c);
    if (n > 0)
        nj_metric_add(&c->worker->metrics, NJ_METRIC_BYTES_SENT, n);
    if (n == NJ_IO_CLOSED || n == NJ_IO_ERROR) {
        c->is_mute = true;
        nj_say_socket(c, errno);
        nj_conn_end(c, NJ_CAUSE_SOCKET_ERROR);
        return;
    }
    if (was_full && c->out.bytes <= c->worker->output_ceiling / 2) {
        c->link.is_full = false;
        nj_conn_continue(c);
        if (c->session != NULL && c->state == NJ_CONN_ACTIVE)
            nj_session_resume(c->session);
    }
    if (c->state == NJ_CONN_CLOSING)
        return;
    if (n >= (ssize_t)share && nj_conn_has_output(c)) { /* the rest in the next turn */
        nj_conn_dirty(c);
        return;
    }
    if (nj_conn_has_output(c) != ((c->io.interest & NJ_IO_WRITE) != 0) &&
        nj_reactor_watch(c->worker->reactor, &c->io, c->io.interest ^ NJ_IO_WRITE) != NJ_OK)
        nj_conn_end(c, NJ_CAUSE_OUT_OF_MEMORY);
}

/* ---- time ---- */

/* One and a half times the keep alive, looked at only when the timer fires: a packet costs nothing.
 * [MQTT5-3.1.2-22] [MQTT311-3.1.2-24] */
static nj_time
keep_alive_ends(const struct nj_conn *c)
{
    return c->last_packet + (nj_time)c->keep_alive_s * 1500;
}

/* Looked at in steps, which are the wheel's: ten thousand connections whose intervals end in as
 * many different milliseconds would wake the worker as often. */
#define KEEP_ALIVE_STEP_MS 64

void
nj_conn_start_keep_alive(struct nj_conn *c)
{
    nj_time due = NJ_NEVER;

    if (c->keep_alive_s > 0)
        due = (keep_alive_ends(c) / KEEP_ALIVE_STEP_MS + 1) * KEEP_ALIVE_STEP_MS;
    nj_timer_set(c->worker->wheel, &c->timer, due);
}

static void
on_time(struct nj_timer *t, nj_time now)
{
    struct nj_conn *c = nj_container_of(t, struct nj_conn, timer);

    if (!nj_list_is_empty(&c->link_in))
        c->last_packet = now; /* it waits for us, not we for it */
    if (c->session == NULL && c->secure != NULL && !nj_secure_is_open(c))
        nj_secure_cut(c);
    if (c->session == NULL)
        nj_conn_end(c, NJ_CAUSE_CONNECT_TIMEOUT);
    else if (c->keep_alive_s > 0 && keep_alive_ends(c) <= now)
        nj_conn_end(c, NJ_CAUSE_KEEP_ALIVE);
    else
        nj_conn_start_keep_alive(c);
}

/* ---- going ---- */

static struct nj_session *
end(struct nj_conn *c, enum nj_cause cause)
{
    struct nj_session *s = c->session;
    bool was_refused = c->state == NJ_CONN_CONNECT || c->state == NJ_CONN_CHECKING ||
                       c->state == NJ_CONN_AUTH ||
                       (c->state == NJ_CONN_OPENING && (s == NULL || cause == NJ_CAUSE_STORE_FULL));

    if (c->state == NJ_CONN_CLOSING)
        return NULL;
    if (c->secure != NULL && !nj_secure_is_open(c))
        c->is_mute = true; /* nothing can be said yet */
    if (!c->is_mute && was_refused)
        nj_conn_send_connack(c, false, cause);
    else if (!c->is_mute)
        nj_conn_send_disconnect(c, cause);
    nj_say_disconnected(c, cause);
    nj_metric_add_cause(&c->worker->metrics, cause);
    nj_conn_enter(c, NJ_CONN_CLOSING);

    nj_reactor_forget(c->worker->reactor, &c->io);
    nj_timer_cancel(c->worker->wheel, &c->timer);
    nj_list_remove(&c->link_in);
    nj_list_remove(&c->link_out);
    nj_list_push(&c->worker->closing, &c->link_out);

    c->session = NULL;
    return s;
}

void
nj_conn_end(struct nj_conn *c, enum nj_cause cause)
{
    struct nj_session *s = end(c, cause);

    if (s != NULL)
        nj_session_leave(s, cause == NJ_CAUSE_CLIENT_DISCONNECT);
}

void
nj_conn_end_link(struct nj_conn *c, enum nj_cause cause)
{
    (void)end(c, cause);
}

void
nj_conn_close(struct nj_conn *c)
{
    ssize_t n;

    /* One attempt: what the peer does not take now, it does not get. */
    if (!c->is_mute && c->out.bytes > 0) {
        n = write_bytes(c, SIZE_MAX);
        if (n > 0)
            nj_metric_add(&c->worker->metrics, NJ_METRIC_BYTES_SENT, n);
    }
    if (c->secure != NULL)
        nj_secure_close(c);
    nj_secure_free(c);
    nj_out_clear(c->worker->pool, &c->out);
    count_waiting(c);
    /* Counted first: who sees it closed and comes again finds the place free. */
    count(c->worker, c->door, -1);
    nj_io_close(&c->io);
    nj_list_remove(&c->link_all);
    nj_list_remove(&c->link_out);
    free_conn(c);
}
