/* SPDX-License-Identifier: Apache-2.0 */
/* newborn.h — a store that is filled beside the place where it is to stand: nobody, least of all a
 * broker, finds a part of it there and takes it for the whole, whatever ends who fills it. */
#ifndef NJ_STORE_NEWBORN_H
#define NJ_STORE_NEWBORN_H

#include "store/folder.h"

struct nj_newborn {
    char path[PATH_MAX]; /* for nj_store_open() and nj_store_close() */

    /* private */
    struct nj_folder folder; /* where it is to stand */
};

/* NJ_EEXIST: there is a store in `directory`, or a process that has it; NJ_ESYS, NJ_EINVAL. */
NJ_NODISCARD enum nj_err nj_newborn_begin(struct nj_newborn *newborn, const char *directory,
                                          struct nj_diag *diag);
/* After nj_store_close(). `is_whole`: put it in its place, synced; else, and after NJ_ESYS, nothing
 * is left of it. */
NJ_NODISCARD enum nj_err nj_newborn_end(struct nj_newborn *newborn, bool is_whole,
                                        struct nj_diag *diag);

#endif
