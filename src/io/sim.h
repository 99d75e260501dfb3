/* SPDX-License-Identifier: Apache-2.0 */
/* sim.h — the world behind reactor_sim.c: virtual time, sockets in memory, and a seed that decides
 * how much each read and write moves, in which order things become ready, and what breaks. One
 * world per process at a time, one thread, registered with RCU. Whoever uses it wrongly (a closed
 * descriptor, a world that ends with sockets open) meets an assertion. */
#ifndef NJ_IO_SIM_H
#define NJ_IO_SIM_H

#include "base/rand.h"
#include "io/reactor.h"

struct nj_sim_opts {
    uint64_t seed;
    unsigned short_io_percent; /* reads and writes that move less than they could, or nothing */
    size_t pipe_bytes; /* what fits between two ends; a slow reader stops its writer there */
};

void nj_sim_begin(const struct nj_sim_opts *opts);
/* All reactors are freed, all sockets closed. */
void nj_sim_end(void);

struct nj_rand *nj_sim_rand(void);
nj_time nj_sim_now(void);
void nj_sim_advance(nj_time ms);

/* A listening socket that nj_reactor_watch() and nj_io_accept() know. */
int nj_sim_listen(void);
/* The client's end of a new connection to it; the server's end waits to be accepted. */
int nj_sim_connect(int listener);
/* The client's end: as much as moves now. Bytes, or NJ_IO_…. */
ssize_t nj_sim_read(int fd, void *buffer, size_t bytes);
ssize_t nj_sim_write(int fd, const void *bytes, size_t n);
/* There is something to read: bytes, the end, or an error. */
bool nj_sim_has_news(int fd);
/* In order (what was written still arrives), or by reset (what is under way is lost). Either frees
 * the descriptor. The broker's nj_io_close() is in order, too, unless bytes lie unread: then the
 * kernel resets, and here chance decides whether what was under way to the client is lost. */
void nj_sim_close(int fd);
void nj_sim_reset(int fd);
/* What a pool was given is not run for now, or again: between turns, as chance will have it. */
void nj_sim_hold_work(bool hold);
/* Nothing is ready, for any reactor, none is woken, and no pool has work that it may run. Sockets
 * that nobody watches do not count. */
bool nj_sim_is_idle(void);

#endif
