/* SPDX-License-Identifier: Apache-2.0 */
/* sim_priv.h — what sim.c (sockets, time, chance) and reactor_sim.c (who watches them) know of each
 * other. */
#ifndef NJ_IO_SIM_PRIV_H
#define NJ_IO_SIM_PRIV_H

#include "io/sim.h"

enum nj_sim_kind {
    NJ_SIM_FREE,
    NJ_SIM_LISTENER,
    NJ_SIM_STREAM,
};

struct nj_sim_socket {
    enum nj_sim_kind kind;
    /* a stream */
    int peer;         /* fd of the other end; -1: closed, by it or by a reset */
    uint8_t *inbound; /* pipe_bytes of room, for what the peer has written and we have not read */
    size_t n;
    bool is_ended; /* the peer has closed: after what is inbound comes the end */
    bool is_reset; /* after what is inbound comes an error */
    int next;      /* in the queue of the listener, -1: last */
    /* a listener */
    int first, last;           /* waiting to be accepted; -1: none */
    struct nj_reactor *chosen; /* which of several reactors is told of them; NULL: not drawn */
};

/* The socket behind a descriptor; lent until the next one is made. */
struct nj_sim_socket *nj_sim_socket(int fd);
bool nj_sim_is_readable(const struct nj_sim_socket *s);
bool nj_sim_is_writable(const struct nj_sim_socket *s);
bool nj_sim_chance(unsigned percent);

/* reactor_sim.c: all of them, for the world to ask. */
bool nj_reactor_sim_any_ready(void);
bool nj_reactor_sim_any(void);

/* pool_sim.c: is there work that may be run; and a moment in which some of it may be. */
bool nj_pool_sim_any_ready(void);
void nj_pool_sim_run(void);

#endif
