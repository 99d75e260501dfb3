/* SPDX-License-Identifier: Apache-2.0 */
/* store_priv.h — the store as its own files see it. */
#ifndef NJ_STORE_STORE_PRIV_H
#define NJ_STORE_STORE_PRIV_H

#include "store/backup.h"
#include "store/committer.h"
#include "store/folder.h"

struct nj_store {
    struct nj_folder folder;
    struct nj_db *db;
    struct nj_ledger ledger;
    struct nj_space space;
    struct nj_intake *intake;
    struct nj_committer committer;
    struct nj_backup backup;
    struct nj_metrics metrics;
    bool is_running;
};

/* The record that says what this is. NJ_END_NONE: the store is empty; NJ_END_FAILED: it is damaged.
 */
NJ_NODISCARD enum nj_end nj_store_meta(struct nj_db *db, struct nj_meta *meta);
/* In a transaction of its own; after a failure none is open. */
NJ_NODISCARD enum nj_end nj_store_put_meta(struct nj_db *db, const struct nj_meta *meta);

/* ---- copy.c ---- */

struct nj_store_copy_opts;

/* What the newest transaction left, into the file of `fd`, which is not synced; `path` is for the
 * diag. Beside the writer's thread, if the map does not change meanwhile. NJ_ECLOSED: opts->rest()
 * said so. */
NJ_NODISCARD enum nj_err nj_copy_pour(struct nj_db *db, int fd, const char *path,
                                      const struct nj_store_copy_opts *opts, struct nj_diag *diag);
/* The data.mdb of one directory, which was looked at, into another that has none; synced. */
NJ_NODISCARD enum nj_err nj_copy_file(const char *from, const char *to, struct nj_diag *diag);

/* Ceilings that a test wants lower; 0: 64 MiB each. */
struct nj_store_tuning {
    uint64_t map_bytes;  /* to begin with */
    size_t intake_bytes; /* of a batch: more, and is_full() */
};
NJ_NODISCARD enum nj_err nj_store_open_tuned(struct nj_store **out,
                                             const struct nj_store_opts *opts, uint16_t homes,
                                             const struct nj_store_tuning *tuning,
                                             struct nj_diag *diag);

#endif
