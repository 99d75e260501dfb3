/* SPDX-License-Identifier: Apache-2.0 */
/* reactor.h — descriptors and when they are ready, for one thread.
 *
 * Two implementations, chosen when linking: reactor_epoll.c, the kernel's sockets, and
 * reactor_sim.c, a world in memory under a seed (sim.h), in which reads are short, connections
 * break and time moves when it is told to. All reading and writing of sockets goes through here, so
 * that whole brokers run in one test process. Thread: the reactor's owner, except
 * nj_reactor_wake(). */
#ifndef NJ_IO_REACTOR_H
#define NJ_IO_REACTOR_H

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct nj_reactor;

enum nj_io_events {
    NJ_IO_READ = 1,
    NJ_IO_WRITE = 2,
};

/* One descriptor, embedded in whoever watches it. Zeroed but for fd = -1 before use. */
struct nj_io {
    int fd;
    uint8_t interest;  /* bits of enum nj_io_events; set through nj_reactor_watch() */
    bool is_exclusive; /* wake one of several reactors only: listening sockets, of which each
                          reactor watches a struct nj_io of its own with the same fd */
    /* Called from nj_reactor_wait() with what is ready; an error or hang-up counts as both. It may
     * close and free any nj_io of this reactor, its own too. */
    void (*on_ready)(struct nj_io *io, unsigned events);
    /* private */
    bool is_watched;
};

NJ_NODISCARD enum nj_err nj_reactor_new(struct nj_reactor **out);
void nj_reactor_free(struct nj_reactor *r);

/* Watch for `interest` from now on (0: keep it registered, watch nothing; errors still count).
 * The first call registers. Level-triggered. */
NJ_NODISCARD enum nj_err nj_reactor_watch(struct nj_reactor *r, struct nj_io *io,
                                          unsigned interest);
/* Stop watching; the descriptor stays open, to move to another reactor. Harmless when not watched.
 * Events already fetched for it are not delivered any more. */
void nj_reactor_forget(struct nj_reactor *r, struct nj_io *io);

/* Wait up to `timeout_ms` (0: look only, -1: for ever) and deliver; may return early. RCU is
 * offline while it sleeps, and each wait is a quiescent state; the caller is a registered reader.
 * Returns how many were delivered. */
int nj_reactor_wait(struct nj_reactor *r, int timeout_ms);
/* End another thread's wait, or its next one. Any thread, async-signal-safe, cheap when repeated.
 */
void nj_reactor_wake(struct nj_reactor *r);
/* The clock of this world, read by nj_reactor_wait() when it returns. */
nj_time nj_reactor_now(const struct nj_reactor *r);

/* ---- sockets ---- */

/* Results of reading and writing below zero. */
enum {
    NJ_IO_AGAIN = -1,  /* nothing now */
    NJ_IO_CLOSED = -2, /* the peer has ended the connection in order */
    NJ_IO_ERROR = -3,  /* errno says how */
};
ssize_t nj_io_read(struct nj_io *io, void *buffer, size_t bytes);
ssize_t nj_io_writev(struct nj_io *io, const struct iovec *parts, int count);
/* Idempotent; forget it first. */
void nj_io_close(struct nj_io *io);

/* Who is at the other end, as it stands in log lines. */
struct nj_peer {
    char address[64]; /* "127.0.0.1", "::1"; for Unix sockets the listener's path, as Mosquitto */
    uint16_t port;    /* 0 for Unix sockets */
};

/* Accept one connection of a listening nj_io: non-blocking, close-on-exec; TCP_NODELAY and the like
 * are inherited from the listening socket. `fd` and `peer` are written on NJ_OK. Errors:
 * NJ_ETIMEOUT none is waiting (any more); NJ_ENOFD the process or the machine has no descriptor (or
 * no memory for one) left: try again when one is free, the connection still waits; NJ_ESYS. */
NJ_NODISCARD enum nj_err nj_io_accept(struct nj_io *listener, int *fd, struct nj_peer *peer);

#endif
