/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets are pairs of buffers. Descriptors begin at 10,000, so that one which escapes to the
 * kernel meets nobody; the lowest free one is given out again at once, as the kernel does, so that
 * whoever keeps a closed one meets a stranger. */
#include "io/sim_priv.h"

#include "base/assert.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>

#define FIRST_FD 10000

static struct {
    struct nj_sim_opts opts;
    struct nj_rand rand;
    nj_time now;
    struct nj_sim_socket *sockets;
    int count;
    bool has_begun;
} world;

/* ---- the world ---- */

void
nj_sim_begin(const struct nj_sim_opts *opts)
{
    NJ_ASSERT(!world.has_begun);
    NJ_ASSERT(opts->pipe_bytes > 0);
    world.opts = *opts;
    world.now = 1000000;
    world.has_begun = true;
    nj_rand_seed(&world.rand, opts->seed);
}

void
nj_sim_end(void)
{
    NJ_ASSERT(!nj_reactor_sim_any());
    for (int i = 0; i < world.count; i++)
        NJ_ASSERT(world.sockets[i].kind == NJ_SIM_FREE);
    nj_free(world.sockets);
    memset(&world, 0, sizeof(world));
    nj_sim_hold_work(false);
}

struct nj_rand *
nj_sim_rand(void)
{
    return &world.rand;
}

bool
nj_sim_chance(unsigned percent)
{
    return nj_rand_below(&world.rand, 100) < percent;
}

nj_time
nj_sim_now(void)
{
    return world.now;
}

void
nj_sim_advance(nj_time ms)
{
    NJ_ASSERT(ms >= 0);
    world.now += ms;
}

bool
nj_sim_is_idle(void)
{
    return !nj_reactor_sim_any_ready() && !nj_pool_sim_any_ready();
}

/* ---- sockets ---- */

struct nj_sim_socket *
nj_sim_socket(int fd)
{
    NJ_ASSERT(fd >= FIRST_FD && fd < FIRST_FD + world.count);
    NJ_ASSERT(world.sockets[fd - FIRST_FD].kind != NJ_SIM_FREE);
    return &world.sockets[fd - FIRST_FD];
}

static int
open_socket(enum nj_sim_kind kind)
{
    int i = 0;

    while (i < world.count && world.sockets[i].kind != NJ_SIM_FREE)
        i++;
    if (i == world.count) {
        world.sockets =
            nj_realloc(world.sockets, (size_t)(world.count + 1) * sizeof(*world.sockets));
        NJ_ASSERT(world.sockets != NULL);
        world.count++;
    }
    world.sockets[i] =
        (struct nj_sim_socket){.kind = kind, .peer = -1, .next = -1, .first = -1, .last = -1};
    if (kind == NJ_SIM_STREAM) {
        world.sockets[i].inbound = nj_alloc(world.opts.pipe_bytes);
        NJ_ASSERT(world.sockets[i].inbound != NULL);
    }
    return FIRST_FD + i;
}

int
nj_sim_listen(void)
{
    return open_socket(NJ_SIM_LISTENER);
}

int
nj_sim_connect(int listener)
{
    int client = open_socket(NJ_SIM_STREAM), server = open_socket(NJ_SIM_STREAM);
    struct nj_sim_socket *l = nj_sim_socket(listener);

    NJ_ASSERT(l->kind == NJ_SIM_LISTENER);
    nj_sim_socket(client)->peer = server;
    nj_sim_socket(server)->peer = client;
    if (l->last >= 0)
        nj_sim_socket(l->last)->next = server;
    else
        l->first = server;
    l->last = server;
    return client;
}

bool
nj_sim_is_readable(const struct nj_sim_socket *s)
{
    return s->n > 0 || s->is_ended || s->is_reset;
}

bool
nj_sim_is_writable(const struct nj_sim_socket *s)
{
    return s->is_reset || s->peer < 0 || nj_sim_socket(s->peer)->n < world.opts.pipe_bytes;
}

bool
nj_sim_has_news(int fd)
{
    return nj_sim_is_readable(nj_sim_socket(fd));
}

/* Of `n` bytes that could move, how many do: now and then fewer, or none although it was ready. */
static size_t
portion(size_t n)
{
    if (n == 0 || !nj_sim_chance(world.opts.short_io_percent))
        return n;
    return nj_rand_below(&world.rand, (uint32_t)n);
}

ssize_t
nj_sim_read(int fd, void *buffer, size_t bytes)
{
    struct nj_sim_socket *s = nj_sim_socket(fd);
    size_t n = portion(NJ_MIN(bytes, s->n));

    if (n > 0) {
        memcpy(buffer, s->inbound, n);
        s->n -= n;
        memmove(s->inbound, s->inbound + n, s->n);
        return (ssize_t)n;
    }
    if (s->n == 0 && s->is_reset) {
        errno = ECONNRESET;
        return NJ_IO_ERROR;
    }
    return s->n == 0 && s->is_ended ? NJ_IO_CLOSED : NJ_IO_AGAIN;
}

ssize_t
nj_sim_write(int fd, const void *bytes, size_t n)
{
    struct nj_sim_socket *s = nj_sim_socket(fd), *peer;

    if (s->is_reset) {
        errno = EPIPE;
        return NJ_IO_ERROR;
    }
    if (s->peer < 0) { /* the first write to who is gone is answered by a reset */
        s->is_reset = true;
        return (ssize_t)n;
    }
    peer = nj_sim_socket(s->peer);
    n = portion(NJ_MIN(n, world.opts.pipe_bytes - peer->n));
    if (n == 0)
        return NJ_IO_AGAIN;
    memcpy(peer->inbound + peer->n, bytes, n);
    peer->n += n;
    return (ssize_t)n;
}

static void
break_end(int fd)
{
    struct nj_sim_socket *s = nj_sim_socket(fd);

    s->n = 0;
    s->is_reset = true;
    s->peer = -1;
}

static void
free_socket(struct nj_sim_socket *s)
{
    nj_free(s->inbound);
    memset(s, 0, sizeof(*s));
    s->kind = NJ_SIM_FREE;
}

void
nj_sim_close(int fd)
{
    struct nj_sim_socket *s = nj_sim_socket(fd);

    if (s->peer >= 0) {
        nj_sim_socket(s->peer)->is_ended = true;
        nj_sim_socket(s->peer)->peer = -1;
    }
    while (s->first >= 0) { /* a listener goes, and with it who waits there */
        int waiting = s->first;

        s->first = nj_sim_socket(waiting)->next;
        nj_sim_reset(waiting);
    }
    free_socket(s);
}

void
nj_sim_reset(int fd)
{
    struct nj_sim_socket *s = nj_sim_socket(fd);

    if (s->peer >= 0)
        break_end(s->peer);
    free_socket(s);
}

/* ---- what the broker sees of them ---- */

ssize_t
nj_io_read(struct nj_io *io, void *buffer, size_t bytes)
{
    return nj_sim_read(io->fd, buffer, bytes);
}

ssize_t
nj_io_writev(struct nj_io *io, const struct iovec *parts, int count)
{
    ssize_t total = 0;

    for (int i = 0; i < count; i++) {
        ssize_t n = nj_sim_write(io->fd, parts[i].iov_base, parts[i].iov_len);

        if (n < 0)
            return total > 0 ? total : n;
        total += n;
        if ((size_t)n < parts[i].iov_len)
            break;
    }
    return total;
}

/* Who closes while the peer's bytes lie unread, resets the connection, and the peer may lose what
 * it has not read yet: a DISCONNECT, for instance. */
void
nj_io_close(struct nj_io *io)
{
    if (io->fd < 0)
        return;
    if (nj_sim_socket(io->fd)->n > 0 && nj_sim_chance(50))
        nj_sim_reset(io->fd);
    else
        nj_sim_close(io->fd);
    io->fd = -1;
}

enum nj_err
nj_io_accept(struct nj_io *listener, int *fd, struct nj_peer *peer)
{
    struct nj_sim_socket *l = nj_sim_socket(listener->fd), *s;

    NJ_ASSERT(l->kind == NJ_SIM_LISTENER);
    l->chosen = NULL;
    if (l->first < 0)
        return NJ_ETIMEOUT;
    *fd = l->first;
    s = nj_sim_socket(l->first);
    l->first = s->next;
    if (l->first < 0)
        l->last = -1;
    s->next = -1;
    memset(peer, 0, sizeof(*peer));
    (void)snprintf(peer->address, sizeof(peer->address), "127.0.0.1");
    peer->port = (uint16_t)(*fd + 30000);
    return NJ_OK;
}
