/* SPDX-License-Identifier: Apache-2.0 */
#include "store/newborn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum nj_err
nj_newborn_begin(struct nj_newborn *newborn, const char *directory, struct nj_diag *diag)
{
    enum nj_err err = nj_folder_open_new(&newborn->folder, directory, diag);

    if (err == NJ_OK)
        nj_folder_name(&newborn->folder, NJ_FOLDER_NEW, newborn->path);
    return err;
}

enum nj_err
nj_newborn_end(struct nj_newborn *newborn, bool is_whole, struct nj_diag *diag)
{
    struct nj_folder *folder = &newborn->folder;
    char from[PATH_MAX + 16], to[PATH_MAX];
    enum nj_err err = NJ_OK;

    (void)snprintf(from, sizeof(from), "%s/data.mdb", newborn->path);
    nj_folder_name(folder, "data.mdb", to);
    if (is_whole && (rename(from, to) != 0 || !nj_folder_sync(folder->path))) {
        err = nj_diag_fail(diag, NJ_ESYS, "Error: Unable to put %s in its place: %s.", from,
                           strerror(errno));
        (void)unlink(to);
    }
    nj_folder_remove(newborn->path);
    nj_folder_close(folder, (is_whole && err == NJ_OK) || folder->was_clean);
    return err;
}
