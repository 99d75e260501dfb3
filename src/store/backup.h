/* SPDX-License-Identifier: Apache-2.0 */
/* backup.h — the thread that backs up a store while it is in use, every so often, if anything has
 * changed.
 *
 * It reads one snapshot, no faster than it is told, and waits for nobody. Meanwhile no page that is
 * freed is used again, so the file grows: a backup ends without result before the file has doubled,
 * and before the disk has less room than the store wants. When the map is to change, the writer
 * ends it, in as long as it takes to read 1 MiB, and it begins again. What it comes to is logged
 * and counted. */
#ifndef NJ_STORE_BACKUP_H
#define NJ_STORE_BACKUP_H

#include "base/clock.h"
#include "base/metric.h"
#include "base/thread.h"
#include "store/db.h"
#include "store/folder.h"

struct nj_backup {
    /* given; all outlive it */
    struct nj_db *db;
    const struct nj_folder *folder;
    const struct nj_metrics *writer; /* where it counts its commits */
    uint64_t reserve_bytes;          /* of the disk, for the store */
    uint32_t interval_s;             /* 0: there are no backups */
    uint64_t bytes_per_second;
    uint64_t most_growth_bytes; /* of the file meanwhile, or as much as it had */

    /* private */
    struct nj_metrics metrics; /* its own */
    struct nj_thread thread;
    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t news;
    bool is_there; /* mutex and news are */
    bool is_stopping, is_held, is_copying, is_wanted;
    uint64_t commits; /* that the newest has; NONE: not known */
    uint64_t first_bytes;
    const char *why; /* the copy was ended */
};

NJ_NODISCARD enum nj_err nj_backup_start(struct nj_backup *backup);
/* What is being made is given up. Harmless when it was not started. */
void nj_backup_stop(struct nj_backup *backup);

/* One as soon as may be. False: it was not started. */
bool nj_backup_ask(struct nj_backup *backup);

/* The writer is about to change the map: what is being copied ends, and nothing is copied before it
 * lets go. Harmless when it was not started. */
void nj_backup_hold(struct nj_backup *backup);
void nj_backup_let_go(struct nj_backup *backup);

#endif
