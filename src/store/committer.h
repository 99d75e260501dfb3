/* SPDX-License-Identifier: Apache-2.0 */
/* committer.h — the thread that writes: it takes all that has come since it last took, makes it a
 * transaction (a large batch: several), and says so when it is safe.
 *
 *   full disk    the batch stays in hand and is tried again, 100 ms later, then less often; nothing
 *                becomes safe meanwhile, and nothing is lost. So that clients may fetch what waits
 *                for them all the same, the ends of connections on record are not trusted until
 *                all that was told meanwhile is safe
 *   other faults nothing becomes safe any more: what a failed sync has left on the disk is unknown,
 *                and to sync again would say yes to it */
#ifndef NJ_STORE_COMMITTER_H
#define NJ_STORE_COMMITTER_H

#include "base/metric.h"
#include "base/thread.h"
#include "store/backup.h"
#include "store/folder.h"
#include "store/ledger.h"
#include "store/space.h"
#include "store/store.h"

struct nj_committer {
    /* given; all outlive it */
    struct nj_db *db;
    struct nj_ledger *ledger;
    struct nj_intake *intake;
    struct nj_folder *folder; /* in which the thread alone trusts and doubts, once it runs */
    struct nj_space *space;
    struct nj_backup *backup;   /* reads beside the thread */
    struct nj_metrics *metrics; /* the thread alone writes to it, once it runs */
    enum nj_durability durability;
    uint32_t interval_ms;
    uint16_t home_count;

    /* private */
    struct nj_thread thread;
    struct nj_entry **last; /* for each home, of this transaction */
    nj_time taken, looked, readers_checked;
    nj_time took; /* ms, from the last taking until all of it was committed; rounded up */
    uint64_t cancelled;
    bool is_stuck, has_failed;
    bool doubts_ends; /* and homes know it */
    bool has_all;     /* what has to be safe before they are trusted again is in hand */
};

NJ_NODISCARD enum nj_err nj_committer_start(struct nj_committer *committer);
/* The intake has been stopped: wait until all is committed, or cannot be. */
void nj_committer_join(struct nj_committer *committer);

#endif
