/* SPDX-License-Identifier: Apache-2.0 */
/* pool_priv.h — what both pools do with a piece of work in the end. */
#ifndef NJ_IO_POOL_PRIV_H
#define NJ_IO_POOL_PRIV_H

#include "io/pool.h"

/* From here on it is the owner's, who may free it at once. */
static inline void
nj_work_post(struct nj_work *work)
{
    struct nj_reactor *wakes = work->wakes;

    if (nj_mailbox_post(work->box, &work->letter))
        nj_reactor_wake(wakes);
}

#endif
