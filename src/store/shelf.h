/* SPDX-License-Identifier: Apache-2.0 */
/* shelf.h — the backups of a store, in its own directory.
 *
 *   backup-N-TIME/data.mdb   whole and synced; the higher N, the newer; TIME: of the instant
 *   backup-part/             one that is being made, or was when its maker died
 *
 * The newest two stay: there is never a moment without a whole one, and there is another if that
 * one proves unreadable. Each is a store like any other (`nightjar store restore`).
 * Thread: one at a time. */
#ifndef NJ_STORE_SHELF_H
#define NJ_STORE_SHELF_H

#include "base/err.h"
#include "store/folder.h"

#include <stdint.h>

struct nj_shelved {
    char path[PATH_MAX];
    uint64_t number;
    int64_t taken_s; /* of the wall clock, since 1970 */
};

/* The newest with a number below `below`; false: there is none. */
bool nj_shelf_newest(const struct nj_folder *folder, uint64_t below, struct nj_shelved *out);

/* An empty backup-part/, to write data.mdb into. */
NJ_NODISCARD enum nj_err nj_shelf_begin(const struct nj_folder *folder, char part[PATH_MAX],
                                        struct nj_diag *diag);
/* What lies in it, synced, becomes the newest, and the third is deleted. Synced. */
NJ_NODISCARD enum nj_err nj_shelf_add(const struct nj_folder *folder, int64_t taken_s,
                                      struct nj_shelved *out, struct nj_diag *diag);
/* Away with backup-part/. */
void nj_shelf_sweep(const struct nj_folder *folder);

/* Put a copy of the newest that can be walked and is of our format in the place of data.mdb, which
 * is not there. What cannot be read is put aside as damaged-TIME/, and said. With no room for a
 * copy, the backup itself is moved there. Before there is another thread.
 * NJ_ENOENT: there is none that is good. */
NJ_NODISCARD enum nj_err nj_shelf_restore(struct nj_folder *folder, struct nj_shelved *out,
                                          struct nj_diag *diag);

#endif
