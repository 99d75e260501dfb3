/* SPDX-License-Identifier: Apache-2.0 */
#include "store/shelf.h"

#include "base/log.h"
#include "store/crash.h"
#include "store/store_priv.h"
#include "store/walk.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KEPT   2u
#define PREFIX "backup-"
#define PART   PREFIX "part"

/* --- names --- */

static bool
read_name(const char *name, struct nj_shelved *out)
{
    struct tm utc = {0};
    const char *end;
    char *after;

    if (strncmp(name, PREFIX, sizeof(PREFIX) - 1) != 0)
        return false;
    errno = 0;
    out->number = strtoull(name + sizeof(PREFIX) - 1, &after, 10);
    if (errno != 0 || after == name + sizeof(PREFIX) - 1 || *after != '-')
        return false;
    end = strptime(after + 1, "%Y%m%dT%H%M%SZ", &utc);
    if (end == NULL || *end != '\0')
        return false;
    out->taken_s = (int64_t)timegm(&utc);
    return true;
}

bool
nj_shelf_newest(const struct nj_folder *folder, uint64_t below, struct nj_shelved *out)
{
    DIR *dir = opendir(folder->path);
    const struct dirent *entry;
    bool is_found = false;

    if (dir == NULL)
        return false;
    while ((entry = readdir(dir)) != NULL) {
        struct nj_shelved it;

        if (!read_name(entry->d_name, &it) || it.number >= below ||
            (is_found && it.number <= out->number))
            continue;
        nj_folder_name(folder, entry->d_name, it.path);
        *out = it;
        is_found = true;
    }
    (void)closedir(dir);
    return is_found;
}

/* --- making --- */

void
nj_shelf_sweep(const struct nj_folder *folder)
{
    char part[PATH_MAX];

    nj_folder_name(folder, PART, part);
    nj_folder_remove(part);
}

enum nj_err
nj_shelf_begin(const struct nj_folder *folder, char part[PATH_MAX], struct nj_diag *diag)
{
    nj_shelf_sweep(folder);
    nj_folder_name(folder, PART, part);
    if (mkdir(part, 0700) != 0)
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to make the directory %s: %s.", part,
                            strerror(errno));
    return NJ_OK;
}

/* All but the newest. */
static void
drop_older(const struct nj_folder *folder)
{
    struct nj_shelved it = {.number = UINT64_MAX};

    for (unsigned i = 0; nj_shelf_newest(folder, it.number, &it); i++) {
        if (i >= KEPT)
            nj_folder_remove(it.path);
    }
}

enum nj_err
nj_shelf_add(const struct nj_folder *folder, int64_t taken_s, struct nj_shelved *out,
             struct nj_diag *diag)
{
    char part[PATH_MAX], name[96], date[32];
    struct nj_shelved newest = {0};
    time_t taken = (time_t)taken_s;
    struct tm utc;

    (void)nj_shelf_newest(folder, UINT64_MAX, &newest);
    out->number = newest.number + 1;
    out->taken_s = taken_s;
    (void)gmtime_r(&taken, &utc);
    (void)strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &utc);
    (void)snprintf(name, sizeof(name), PREFIX "%" PRIu64 "-%s", out->number, date);
    nj_folder_name(folder, name, out->path);
    nj_folder_name(folder, PART, part);
    if (!nj_folder_sync(part))
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to sync %s: %s.", part, strerror(errno));
    NJ_CRASH(COPIED);
    if (rename(part, out->path) != 0)
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to rename %s: %s.", part,
                            strerror(errno));
    if (!nj_folder_sync(folder->path))
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to sync %s: %s.", folder->path,
                            strerror(errno));
    NJ_CRASH(BACKED_UP);
    drop_older(folder);
    return NJ_OK;
}

/* --- and back --- */

/* Why it is of no use; NULL: it is good. */
static const char *
fault_of(const char *path, char why[128])
{
    const struct nj_db_opts opts = {.directory = path, .mode = NJ_DB_LOOKED_AT};
    struct nj_meta meta = {0};
    struct nj_db *db;
    enum nj_end end;

    if (!nj_folder_has_store(path))
        return "its file is not there";
    if (nj_walk(path, why) == NJ_WALK_DAMAGED)
        return why;
    if (nj_db_open(&db, &opts, NULL) != NJ_END_DONE)
        return "its head cannot be read";
    end = nj_store_meta(db, &meta);
    nj_db_close(db);
    return end == NJ_END_DONE && nj_meta_is_known(&meta) ? NULL : "it is of another format";
}

static void
put_aside(const struct nj_folder *folder, const struct nj_shelved *it, const char *why)
{
    char where[PATH_MAX];

    nj_folder_dated(folder, "damaged", where);
    if (rename(it->path, where) != 0)
        (void)snprintf(where, sizeof(where), "%s", it->path);
    nj_log(NJ_LOG_ERROR, "The backup %s is of no use (%s). It is put aside as %s.", it->path, why,
           where);
}

static enum nj_err
put_in_place(const struct nj_folder *folder, const struct nj_shelved *it, struct nj_diag *diag)
{
    char from[PATH_MAX + 16], to[PATH_MAX];
    struct nj_diag no_copy = {0};

    if (nj_copy_file(it->path, folder->path, &no_copy) != NJ_OK) {
        nj_log(NJ_LOG_WARNING, "%s The backup itself is used.", no_copy.text);
        (void)snprintf(from, sizeof(from), "%s/data.mdb", it->path);
        nj_folder_name(folder, "data.mdb", to);
        if (rename(from, to) != 0)
            return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to rename %s: %s.", from,
                                strerror(errno));
    }
    (void)nj_folder_sync(folder->path);
    return NJ_OK;
}

enum nj_err
nj_shelf_restore(struct nj_folder *folder, struct nj_shelved *out, struct nj_diag *diag)
{
    struct nj_shelved it = {.number = UINT64_MAX};
    enum nj_err err;
    char why[128];

    while (nj_shelf_newest(folder, it.number, &it)) {
        const char *fault = fault_of(it.path, why);

        if (fault != NULL) {
            put_aside(folder, &it, fault);
            continue;
        }
        err = put_in_place(folder, &it, diag);
        if (err == NJ_OK) {
            folder->is_new = false;
            *out = it;
        }
        return err;
    }
    return NJ_ENOENT;
}
