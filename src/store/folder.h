/* SPDX-License-Identifier: Apache-2.0 */
/* folder.h — the directory of a store: whose it is, and how it was left.
 *
 *   data.mdb, lock.mdb   LMDB's
 *   data.mdb.part        a copy on its way; what is left of one that was killed goes with the next
 *                        who opens it, and so does
 *   new-part/            a store on its way (newborn.h)
 *   lock                 held by the process that has the store; its number stands in it
 *   clean                there while nobody has the store, if all of it is on the disk
 *   ends                 since when each end of a connection is on record; not there while it may
 *                        not be, since clients are answered who could not wait for a full disk
 *   quarantine-TIME      records that were damaged, a line each
 *   backup-N-TIME/       a data.mdb as of that time (shelf.h)
 *   damaged-TIME/        a data.mdb that could not be read, whole, and a report */
#ifndef NJ_STORE_FOLDER_H
#define NJ_STORE_FOLDER_H

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define NJ_FOLDER_PART "data.mdb.part"
#define NJ_FOLDER_NEW  "new-part"

struct nj_folder {
    char path[PATH_MAX];
    int lock;       /* descriptor */
    bool is_new;    /* there was no store */
    bool was_clean; /* the one before us closed it */
    /* Of the wall clock. A connection that is on record as ended before that may have been followed
     * by others: intervals count from here. */
    int64_t ends_since_ms;
    bool are_ends_trusted; /* the file is there */
};

bool nj_folder_has_store(const char *path);
/* Make it, 0700, and what is above it for all to pass; one that is there is good. Writes whether it
 * was not. Errors: NJ_ESYS. */
NJ_NODISCARD enum nj_err nj_folder_make(const char *path, bool *is_new, struct nj_diag *diag);
/* Make it where it is not there (0700), lock it, and take the mark of cleanness away. NJ_EEXIST:
 * another process has it, and the diag says which; NJ_ESYS: nothing of it has changed. */
NJ_NODISCARD enum nj_err nj_folder_open(struct nj_folder *folder, const char *path,
                                        struct nj_diag *diag);
/* For who only reads what is there. On a file system that is mounted read-only nothing is made or
 * taken away, and nothing has to be. Errors as above. */
NJ_NODISCARD enum nj_err nj_folder_open_to_read(struct nj_folder *folder, const char *path,
                                                struct nj_diag *diag);
/* As nj_folder_open(), for a store that is to be made: there is none. NJ_EEXIST: there is one, or
 * another process has the directory. */
NJ_NODISCARD enum nj_err nj_folder_open_new(struct nj_folder *folder, const char *path,
                                            struct nj_diag *diag);
/* `is_clean`: all that was committed is on the disk. What root has made becomes the directory's
 * owner's. */
void nj_folder_close(struct nj_folder *folder, bool is_clean);
/* Remove `ends`: a start after this counts from itself. Needs no room where removing a file needs
 * none. False: it may come back with the power. */
bool nj_folder_doubt_ends(struct nj_folder *folder);
/* Make it again: of whom the record says that the connection has ended, it has. False: no room. */
bool nj_folder_trust_ends(struct nj_folder *folder);
/* Put data.mdb aside; writes where. */
NJ_NODISCARD enum nj_err nj_folder_put_aside(struct nj_folder *folder, char where[PATH_MAX],
                                             struct nj_diag *diag);
/* PATH/NAME; empty, which nothing opens, where that is too long. */
void nj_folder_name(const struct nj_folder *folder, const char *name, char out[PATH_MAX]);
/* A directory of files, if it is there; of a link, the link alone. */
void nj_folder_remove(const char *path);
/* What was made, named anew or removed in it is so on the disk. */
bool nj_folder_sync(const char *path);
/* PATH/PREFIX-20261122T150405Z, with a number behind it where that is there already. */
void nj_folder_dated(const struct nj_folder *folder, const char *prefix, char out[PATH_MAX]);

#endif
