/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h — work that takes too long for a worker's turn (the hash of a password, a name to
 * resolve), done on a few threads of its own. The result comes back as a letter.
 *
 *     owner ── give ──► waiting (bounded) ──► run, on a thread ──► letter in the owner's mailbox
 *       └──── take back ────┘
 *
 * A piece of work is embedded in a letter of the owner's, and belongs to the pool from give() until
 * its letter is opened or it is taken back. No thread exists before the first piece is given; each
 * is nicer than the workers, so that these come first when both want the processor.
 * Two implementations, as of reactor.h: pool.c, and pool_sim.c, where pieces are run one at a time
 * between turns, late and in any order, as the seed will have it. */
#ifndef NJ_IO_POOL_H
#define NJ_IO_POOL_H

#include "base/err.h"
#include "base/list.h"
#include "io/mailbox.h"
#include "io/reactor.h"

struct nj_pool;

struct nj_work {
    struct nj_letter letter;  /* posted when it has been run; its kind is the owner's business */
    struct nj_mailbox *box;   /* where to, */
    struct nj_reactor *wakes; /* and who is woken for it */
    void (*run)(struct nj_work *work); /* on a thread of the pool; touches nothing but `work` */
    struct nj_list link;               /* private */
};

/* At most `threads` (1..) at a time, and `waiting` pieces that none of them has begun. */
NJ_NODISCARD enum nj_err nj_pool_new(struct nj_pool **out, unsigned threads, unsigned waiting);
/* Nothing is given any more: what waits is posted without having been run, and the threads are
 * waited for. Blocks as long as one piece of work takes. Idempotent; NULL is accepted. */
void nj_pool_stop(struct nj_pool *pool);
/* Stops it first. NULL is accepted. */
void nj_pool_free(struct nj_pool *pool);

/* Any thread; never blocks for the work of others. Errors: NJ_EQUOTA as many as may wait do;
 * NJ_ESYS, NJ_ENOMEM there is no thread and none can be started; NJ_ECLOSED it is stopped. The work
 * stays the caller's then. */
NJ_NODISCARD enum nj_err nj_pool_give(struct nj_pool *pool, struct nj_work *work);
/* True: nobody has begun it, it is the caller's again and no letter comes. False: its letter comes,
 * or lies in the box already. */
NJ_NODISCARD bool nj_pool_take_back(struct nj_pool *pool, struct nj_work *work);

#endif
