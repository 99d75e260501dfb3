/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's sockets under level-triggered epoll.
 *
 * A callback may free a struct nj_io whose event lies in the batch that is being delivered. So
 * nj_reactor_forget() looks through the rest of the batch (3 KiB at most) and strikes it out; that
 * costs a connection no memory, where a table of generations would cost sixteen bytes. */
#include "io/reactor.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "io/gather.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BATCH 256

/* Who must do what for the owner to see news in time:
 *
 *   AWAKE   ── wake ──► WOKEN     nothing: the owner looks before it sleeps
 *   ASLEEP  ── wake ──► WOKEN     write to the eventfd
 *   WOKEN   ── wake ──► WOKEN     nothing
 *
 * Only the owner leaves WOKEN, when its wait returns, and it looks for news after that. Every step
 * is a read-modify-write of one variable, so they all stand in one order, and each acquires what
 * the steps before it released. A wake-up that stands before the owner's step to AWAKE is therefore
 * seen by it together with the news that was posted before; one that stands after it makes the
 * owner's step to ASLEEP fail, or comes later still and writes. None is lost. */
enum wake_state {
    AWAKE,
    ASLEEP,
    WOKEN,
};

struct nj_reactor {
    int epoll;
    int event; /* edge-triggered, so each write is an event and nobody has to read it */
    nj_time now;
    struct nj_gather gather;
    uint32_t came; /* since gather was told: connections that are new or ready. Not doors, at which
                      any number may wait */
    int count, at; /* of the batch being delivered: all, and the one whose turn it is */
    struct epoll_event batch[BATCH];
    char apart[64]; /* others write to what follows */
    _Atomic int wake;
};

enum nj_err
nj_reactor_new(struct nj_reactor **out)
{
    struct nj_reactor *r = nj_zalloc(sizeof(*r));
    struct epoll_event wake = {.events = EPOLLIN | EPOLLET};

    if (r == NULL)
        return NJ_ENOMEM;
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    r->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->now = nj_clock_monotonic_ms();
    atomic_init(&r->wake, AWAKE);

    if (r->epoll < 0 || r->event < 0 || epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->event, &wake) < 0) {
        enum nj_err err = errno == EMFILE || errno == ENFILE ? NJ_ENOFD : NJ_ESYS;

        nj_reactor_free(r);
        return err;
    }
    *out = r;
    return NJ_OK;
}

void
nj_reactor_free(struct nj_reactor *r)
{
    if (r == NULL)
        return;
    if (r->event >= 0)
        (void)close(r->event);
    if (r->epoll >= 0)
        (void)close(r->epoll);
    nj_free(r);
}

static uint32_t
kernel_events(const struct nj_io *io, unsigned interest)
{
    return ((interest & NJ_IO_READ) != 0 ? (uint32_t)EPOLLIN : 0) |
           ((interest & NJ_IO_WRITE) != 0 ? (uint32_t)EPOLLOUT : 0) |
           (io->is_exclusive ? (uint32_t)EPOLLEXCLUSIVE : 0);
}

enum nj_err
nj_reactor_watch(struct nj_reactor *r, struct nj_io *io, unsigned interest)
{
    struct epoll_event event = {.events = kernel_events(io, interest), .data.ptr = io};
    int op = EPOLL_CTL_ADD;

    if (io->is_watched) {
        if (io->interest == interest)
            return NJ_OK;
        op = EPOLL_CTL_MOD;
    }
    if (io->is_watched && io->is_exclusive) { /* the kernel modifies no exclusive entry */
        (void)epoll_ctl(r->epoll, EPOLL_CTL_DEL, io->fd, NULL);
        io->is_watched = false;
        io->interest = 0;
        op = EPOLL_CTL_ADD;
    }
    if (epoll_ctl(r->epoll, op, io->fd, &event) < 0)
        return errno == ENOMEM || errno == ENOSPC ? NJ_ENOMEM : NJ_ESYS;
    if (!io->is_watched && !io->is_exclusive)
        r->came++;
    io->is_watched = true;
    io->interest = (uint8_t)interest;
    return NJ_OK;
}

void
nj_reactor_forget(struct nj_reactor *r, struct nj_io *io)
{
    if (!io->is_watched)
        return;
    (void)epoll_ctl(r->epoll, EPOLL_CTL_DEL, io->fd, NULL);
    io->is_watched = false;
    io->interest = 0;
    for (int i = r->at; i < r->count; i++)
        if (r->batch[i].data.ptr == io)
            r->batch[i].data.ptr = NULL;
}

static int
deliver(struct nj_reactor *r)
{
    int delivered = 0;

    while (r->at < r->count) {
        const struct epoll_event *event = &r->batch[r->at++];
        struct nj_io *io = event->data.ptr;
        unsigned ready = 0;

        if (io == NULL) /* the eventfd, or forgotten since the batch was fetched */
            continue;
        if ((event->events & EPOLLIN) != 0)
            ready |= NJ_IO_READ;
        if ((event->events & EPOLLOUT) != 0)
            ready |= NJ_IO_WRITE;
        ready &= io->interest; /* it may have changed since */
        if ((event->events & (EPOLLERR | EPOLLHUP)) != 0)
            ready = NJ_IO_READ | NJ_IO_WRITE;
        if (ready == 0)
            continue;
        delivered++;
        if (!io->is_exclusive)
            r->came++;
        io->on_ready(io, ready);
    }
    return delivered;
}

/* Whoever has news meanwhile need not write, for we are AWAKE: it is found after that. */
static void
let_gather(void)
{
    nj_rcu_offline();
    nj_clock_sleep_ns(NJ_GATHER_NS);
    nj_rcu_online();
}

/* Whether anything is ready is not looked up first: measured here, offline and online again cost
 * 63 ns together, one more epoll_wait 164 ns. */
static int
sleep_until_ready(struct nj_reactor *r, int timeout_ms)
{
    int awake = AWAKE, count;

    if (!atomic_compare_exchange_strong_explicit(&r->wake, &awake, ASLEEP, memory_order_acq_rel,
                                                 memory_order_acquire))
        timeout_ms = 0;
    nj_rcu_offline();
    count = epoll_wait(r->epoll, r->batch, BATCH, timeout_ms);
    nj_rcu_online();
    (void)atomic_exchange_explicit(&r->wake, AWAKE, memory_order_acq_rel);
    return count;
}

static int
look(struct nj_reactor *r)
{
    int count = epoll_wait(r->epoll, r->batch, BATCH, 0);

    nj_rcu_quiescent();
    /* Relaxed: whoever is missed here is found by the exchange of a later wait. */
    if (atomic_load_explicit(&r->wake, memory_order_relaxed) == WOKEN)
        (void)atomic_exchange_explicit(&r->wake, AWAKE, memory_order_acq_rel);
    return count;
}

int
nj_reactor_wait(struct nj_reactor *r, int timeout_ms)
{
    bool may_sleep = timeout_ms != 0;
    int64_t now_ns, before_ns = 0;
    int count, delivered;

    if (may_sleep) {
        if (r->gather.is_on)
            let_gather();
        before_ns = nj_clock_monotonic_ns();
        count = sleep_until_ready(r, timeout_ms);
    } else {
        count = look(r);
    }
    NJ_ASSERT(count >= 0 || errno == EINTR);
    now_ns = nj_clock_monotonic_ns();
    r->now = now_ns / 1000000;
    r->count = count > 0 ? count : 0;
    r->at = 0;
    delivered = deliver(r);
    if (may_sleep) {
        nj_gather_count(&r->gather, now_ns, now_ns - before_ns, r->came);
        r->came = 0;
    }
    return delivered;
}

void
nj_reactor_wake(struct nj_reactor *r)
{
    int saved_errno = errno; /* a signal handler may call this */
    uint64_t one = 1;

    if (atomic_exchange_explicit(&r->wake, WOKEN, memory_order_acq_rel) == ASLEEP)
        /* It cannot be full: that would take 2^64 - 2 wake-ups. */
        (void)!write(r->event, &one, sizeof(one));
    errno = saved_errno;
}

nj_time
nj_reactor_now(const struct nj_reactor *r)
{
    return r->now;
}

/* ---- sockets ---- */

static ssize_t
failure(void)
{
    return errno == EAGAIN ? NJ_IO_AGAIN : NJ_IO_ERROR;
}

ssize_t
nj_io_read(struct nj_io *io, void *buffer, size_t bytes)
{
    ssize_t n;

    do
        n = recv(io->fd, buffer, bytes, 0);
    while (n < 0 && errno == EINTR);
    if (n == 0 && bytes > 0)
        return NJ_IO_CLOSED;
    return n >= 0 ? n : failure();
}

ssize_t
nj_io_writev(struct nj_io *io, const struct iovec *parts, int count)
{
    struct msghdr msg = {
        .msg_iov = (struct iovec *)(uintptr_t)parts, /* sendmsg writes to neither */
        .msg_iovlen = (size_t)count,
    };
    ssize_t n;

    do
        n = count == 1 ? send(io->fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)
                       : sendmsg(io->fd, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? n : failure();
}

void
nj_io_close(struct nj_io *io)
{
    if (io->fd < 0)
        return;
    (void)close(io->fd);
    io->fd = -1;
}

static void
name_unix_peer(struct nj_peer *peer, int fd)
{
    struct sockaddr_un own = {0};
    socklen_t length = sizeof(own);

    /* Clients have no name: what is shown is the path that they came to. */
    if (getsockname(fd, (struct sockaddr *)&own, &length) < 0)
        own.sun_path[0] = '\0';
    memcpy(peer->address, own.sun_path, sizeof(peer->address) - 1); /* cut, if it is longer */
}

/* As inet_ntop() writes it, which goes through printf: 1,700 instructions for each who comes. */
static void
write_ipv4(char *out, const void *address)
{
    const uint8_t *octets = address;

    for (int i = 0; i < 4; i++) {
        uint8_t n = octets[i];

        if (n >= 100)
            *out++ = (char)('0' + n / 100);
        if (n >= 10)
            *out++ = (char)('0' + n / 10 % 10);
        *out++ = (char)('0' + n % 10);
        *out++ = i < 3 ? '.' : '\0';
    }
}

static void
name_peer(struct nj_peer *peer, int fd, const struct sockaddr_storage *from)
{
    const struct sockaddr_in *in = (const void *)from;
    const struct sockaddr_in6 *in6 = (const void *)from;

    memset(peer, 0, sizeof(*peer));
    switch (from->ss_family) {
    case AF_INET:
        write_ipv4(peer->address, &in->sin_addr);
        peer->port = ntohs(in->sin_port);
        break;
    case AF_INET6:
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
            write_ipv4(peer->address, &in6->sin6_addr.s6_addr[12]);
        else
            (void)inet_ntop(AF_INET6, &in6->sin6_addr, peer->address, sizeof(peer->address));
        peer->port = ntohs(in6->sin6_port);
        break;
    default:
        name_unix_peer(peer, fd);
    }
}

/* Errors of the one connection that was to be accepted, which is gone with them; see accept(2). */
static bool
is_of_the_connection(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP:
        return true;
    default:
        return false;
    }
}

enum nj_err
nj_io_accept(struct nj_io *listener, int *fd, struct nj_peer *peer)
{
    struct sockaddr_storage from = {0};
    int accepted = -1;

    for (int tries = 0; accepted < 0; tries++) {
        socklen_t length = sizeof(from);

        accepted =
            accept4(listener->fd, (struct sockaddr *)&from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0)
            break;
        if (errno == EAGAIN)
            return NJ_ETIMEOUT;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            return NJ_ENOFD;
        if (!is_of_the_connection(errno))
            return NJ_ESYS;
        if (tries == 64) /* who sends so many broken ones does not keep us here */
            return NJ_ETIMEOUT;
    }
    *fd = accepted;
    name_peer(peer, accepted, &from);
    return NJ_OK;
}
