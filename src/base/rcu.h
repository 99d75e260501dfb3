/* SPDX-License-Identifier: Apache-2.0 */
/* rcu.h — liburcu's quiescent-state flavour, the only file (with rcu.c) that sees it.
 *
 * A registered thread may follow pointers that others replace; what it has seen stays valid until
 * its next quiescent state, which for a worker is the end of the turn. Pointers are published and
 * read with C11 atomics (release, acquire). A worker never waits for a grace period. */
#ifndef NJ_BASE_RCU_H
#define NJ_BASE_RCU_H

#include "base/compiler.h"

/* Embedded in what is to be freed after a grace period. */
struct nj_rcu_head {
    void *opaque[2];
};

/* Each reading thread, once before it reads and once before it ends. The first starts the thread
 * for callbacks; if that cannot be, the process ends. */
void nj_rcu_register(void);
void nj_rcu_unregister(void);

/* The calling thread holds no pointer it got from a shared structure. */
void nj_rcu_quiescent(void);
/* Around anything that may sleep, else one sleeper holds up every grace period. */
void nj_rcu_offline(void);
void nj_rcu_online(void);

/* Run `fn(head)` on a thread of its own once all readers have been quiescent. Never blocks.
 * The caller is a registered thread. */
void nj_rcu_call(struct nj_rcu_head *head, void (*fn)(struct nj_rcu_head *head));

/* Wait until every callback given so far has run. For tests and the end of the process; the caller
 * holds no pointers and is not a worker. */
void nj_rcu_barrier(void);

#endif
