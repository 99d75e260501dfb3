/* SPDX-License-Identifier: Apache-2.0 */
#include "store/folder.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/save.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define DEAD_MS 5000 /* for which the lock of a dead process is waited for */
#define LOOK_MS 10

void
nj_folder_name(const struct nj_folder *folder, const char *name, char out[PATH_MAX])
{
    if (snprintf(out, PATH_MAX, "%s/%s", folder->path, name) >= PATH_MAX)
        out[0] = '\0';
}

static enum nj_err
say_failed(struct nj_diag *diag, const char *doing, const char *path)
{
    return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to %s %s: %s.", doing, path, strerror(errno));
}

enum nj_err
nj_folder_make(const char *path, bool *is_new, struct nj_diag *diag)
{
    size_t n = strlen(path);
    char above[PATH_MAX];
    char *slash;

    while (n > 1 && path[n - 1] == '/') /* else it would be above itself, and be made for all */
        n--;
    (void)snprintf(above, sizeof(above), "%.*s", (int)n, path);
    slash = strrchr(above, '/');
    if (slash != NULL && slash != above) {
        *slash = '\0';
        if (nj_save_folder(above, NULL) != NJ_OK)
            return say_failed(diag, "make the directory", path);
    }
    *is_new = mkdir(path, 0700) == 0;
    if (!*is_new && errno != EEXIST)
        return say_failed(diag, "make the directory", path);
    return NJ_OK;
}

/* As it stands in the lock; 0: not to be read. */
static long
holder(int fd)
{
    char text[32] = "";

    return pread(fd, text, sizeof(text) - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

static enum nj_err
refuse(const struct nj_folder *folder, long pid, struct nj_diag *diag)
{
    if (pid <= 0)
        return nj_diag_fail(diag, NJ_EEXIST, "Error: The store %s is in use.", folder->path);
    return nj_diag_fail(diag, NJ_EEXIST, "Error: The store %s is in use by process %ld.",
                        folder->path, pid);
}

/* By flock(): it ends with the process, however that ends, and with a child that it had made for a
 * look at the file (walk.c) a moment later: that is waited for. The number is for people. */
static enum nj_err
take_lock(struct nj_folder *folder, struct nj_diag *diag)
{
    char path[PATH_MAX], text[32];
    int fd, n;

    nj_folder_name(folder, "lock", path);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return say_failed(diag, "open", path);
    for (unsigned waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited_ms += LOOK_MS) {
        long pid;

        if (errno != EWOULDBLOCK) {
            enum nj_err err = say_failed(diag, "lock", path);

            (void)close(fd);
            return err;
        }
        pid = holder(fd);
        if (pid <= 0 || waited_ms >= DEAD_MS || kill((pid_t)pid, 0) == 0 || errno != ESRCH) {
            (void)close(fd);
            return refuse(folder, pid, diag);
        }
        (void)poll(NULL, 0, LOOK_MS);
    }
    n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n) {
        /* A full disk: whose it is stands in the lock itself. */
    }
    folder->lock = fd;
    return NJ_OK;
}

bool
nj_folder_has_store(const char *path)
{
    char name[PATH_MAX];

    return snprintf(name, sizeof(name), "%s/data.mdb", path) < (int)sizeof(name) &&
           access(name, F_OK) == 0;
}

/* What we are not let at is not damaged: it is not to be put aside for that. */
static enum nj_err
look_for_store(struct nj_folder *folder, struct nj_diag *diag)
{
    static const char *const files[] = {"lock.mdb", "data.mdb"};
    char name[PATH_MAX];

    for (unsigned i = 0; i < NJ_COUNT_OF(files); i++) {
        int fd;

        nj_folder_name(folder, files[i], name);
        fd = open(name, O_RDWR | O_CLOEXEC);
        folder->is_new = fd < 0;
        if (fd < 0 && errno != ENOENT)
            return say_failed(diag, "open", name);
        if (fd >= 0)
            (void)close(fd);
    }
    return NJ_OK;
}

static enum nj_err
take_clean_mark(struct nj_folder *folder, struct nj_diag *diag)
{
    char name[PATH_MAX];

    nj_folder_name(folder, "clean", name);
    folder->was_clean = unlink(name) == 0;
    return folder->was_clean || errno == ENOENT ? NJ_OK : say_failed(diag, "remove", name);
}

bool
nj_folder_doubt_ends(struct nj_folder *folder)
{
    char name[PATH_MAX];

    folder->are_ends_trusted = false;
    nj_folder_name(folder, "ends", name);
    return (unlink(name) == 0 || errno == ENOENT) && nj_folder_sync(folder->path);
}

bool
nj_folder_trust_ends(struct nj_folder *folder)
{
    char name[PATH_MAX], text[32];

    nj_folder_name(folder, "ends", name);
    (void)snprintf(text, sizeof(text), "%lld\n", (long long)folder->ends_since_ms);
    folder->are_ends_trusted = nj_save(name, nj_str_of(text), NJ_SAVE_SECRET, true, NULL) == NJ_OK;
    return folder->are_ends_trusted;
}

/* Where it does not stand, all connections that there were have ended by now: the lock is ours. */
static void
read_ends(struct nj_folder *folder)
{
    char name[PATH_MAX], text[32] = "", *end = text;
    int fd;

    nj_folder_name(folder, "ends", name);
    fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
        folder->ends_since_ms = strtoll(text, &end, 10);
    if (fd >= 0)
        (void)close(fd);
    folder->are_ends_trusted = end > text && *end == '\n' && folder->ends_since_ms >= 0;
    if (folder->are_ends_trusted)
        return;
    folder->ends_since_ms = folder->is_new ? 0 : nj_clock_wall_ms();
    (void)nj_folder_trust_ends(folder);
}

/* Root opens the directories of others: a link that lies there is not followed. */
void
nj_folder_remove(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        (void)unlinkat(fd, entry->d_name, 0); /* not "." and ".." */
    if (dir != NULL)
        (void)closedir(dir);
    else if (fd >= 0)
        (void)close(fd);
    (void)remove(path);
}

/* What was killed before it was whole: the lock is ours, so nobody is at work on it. */
static void
sweep(const struct nj_folder *folder)
{
    char name[PATH_MAX];

    nj_folder_name(folder, NJ_FOLDER_PART, name);
    (void)unlink(name);
    nj_folder_name(folder, NJ_FOLDER_NEW, name);
    nj_folder_remove(name);
}

static enum nj_err
name_folder(struct nj_folder *folder, const char *path, struct nj_diag *diag)
{
    *folder = (struct nj_folder){.lock = -1};
    /* What is put into it has longer names. */
    if (strlen(path) >= sizeof(folder->path) - 64)
        return nj_diag_fail(diag, NJ_EINVAL,
                            "Error: The name of the store's directory is too long.");
    (void)snprintf(folder->path, sizeof(folder->path), "%s", path);
    return NJ_OK;
}

enum nj_err
nj_folder_open(struct nj_folder *folder, const char *path, struct nj_diag *diag)
{
    enum nj_err err = name_folder(folder, path, diag);
    bool is_new;

    if (err == NJ_OK)
        err = nj_folder_make(path, &is_new, diag);
    if (err == NJ_OK)
        err = take_lock(folder, diag);
    if (err != NJ_OK)
        return err;

    sweep(folder);
    err = look_for_store(folder, diag);
    if (err == NJ_OK)
        err = take_clean_mark(folder, diag);
    if (err != NJ_OK) {
        nj_folder_close(folder, false);
        return err;
    }
    read_ends(folder);
    (void)nj_folder_sync(folder->path);
    return NJ_OK;
}

static bool
is_read_only(const char *path)
{
    struct statvfs is;

    return statvfs(path, &is) == 0 && (is.f_flag & ST_RDONLY) != 0;
}

/* Who writes there does so by another mount, and has the lock. */
static enum nj_err
share_lock(struct nj_folder *folder, struct nj_diag *diag)
{
    char path[PATH_MAX];

    nj_folder_name(folder, "lock", path);
    folder->lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (folder->lock < 0)
        return errno == ENOENT ? NJ_OK : say_failed(diag, "open", path);
    if (flock(folder->lock, LOCK_SH | LOCK_NB) == 0)
        return NJ_OK;

    long pid = holder(folder->lock);
    (void)close(folder->lock);
    folder->lock = -1;
    return refuse(folder, pid, diag);
}

enum nj_err
nj_folder_open_to_read(struct nj_folder *folder, const char *path, struct nj_diag *diag)
{
    enum nj_err err;

    if (!is_read_only(path))
        return nj_folder_open(folder, path, diag);
    err = name_folder(folder, path, diag);
    return err == NJ_OK ? share_lock(folder, diag) : err;
}

enum nj_err
nj_folder_open_new(struct nj_folder *folder, const char *path, struct nj_diag *diag)
{
    enum nj_err err = nj_folder_open(folder, path, diag);

    if (err == NJ_EEXIST)
        nj_diag_hint(diag, "Stop that process first, or name another directory.");
    if (err != NJ_OK || folder->is_new)
        return err;
    nj_folder_close(folder, folder->was_clean);
    nj_diag_hint(diag, "If it is to give way, move its data.mdb elsewhere first.");
    return nj_diag_fail(diag, NJ_EEXIST, "Error: There is a store in %s already.", path);
}

/* Only what we have made: a file with a second name may be one that was put there for us. */
static void
give_file(const char *path, uid_t user, gid_t group)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat is;

    if (fd < 0)
        return;
    if (fstat(fd, &is) == 0 && S_ISREG(is.st_mode) && is.st_nlink == 1 && is.st_uid == 0 &&
        fchown(fd, user, group) != 0)
        nj_log(NJ_LOG_WARNING, "Cannot give %s to the owner of its directory: %s.", path,
               strerror(errno));
    (void)close(fd);
}

/* Root looks after the stores of others, who have to open them again. */
static void
give_to_owner(const struct nj_folder *folder)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "lock", "clean", "ends"};
    char name[PATH_MAX];
    struct stat is;

    if (geteuid() != 0 || stat(folder->path, &is) != 0 || is.st_uid == 0)
        return;
    for (unsigned i = 0; i < NJ_COUNT_OF(files); i++) {
        nj_folder_name(folder, files[i], name);
        give_file(name, is.st_uid, is.st_gid);
    }
}

void
nj_folder_close(struct nj_folder *folder, bool is_clean)
{
    char name[PATH_MAX];

    if (folder->lock < 0)
        return;
    if (is_clean) {
        nj_folder_name(folder, "clean", name);
        if (nj_save(name, NJ_STR("closed\n"), NJ_SAVE_SECRET, true, NULL) != NJ_OK)
            nj_log(NJ_LOG_WARNING, "Cannot write %s: the next start looks at all of the store.",
                   name);
    }
    give_to_owner(folder);
    (void)close(folder->lock);
    folder->lock = -1;
}

bool
nj_folder_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_synced = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        (void)close(fd);
    return is_synced;
}

void
nj_folder_dated(const struct nj_folder *folder, const char *prefix, char out[PATH_MAX])
{
    time_t now = (time_t)(nj_clock_wall_ms() / 1000);
    char date[32], name[96];
    struct tm utc;

    (void)gmtime_r(&now, &utc);
    (void)strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &utc);
    (void)snprintf(name, sizeof(name), "%s-%s", prefix, date);
    nj_folder_name(folder, name, out);
    for (unsigned i = 2; access(out, F_OK) == 0; i++) {
        (void)snprintf(name, sizeof(name), "%s-%s-%u", prefix, date, i);
        nj_folder_name(folder, name, out);
    }
}

enum nj_err
nj_folder_put_aside(struct nj_folder *folder, char where[PATH_MAX], struct nj_diag *diag)
{
    char from[PATH_MAX], to[PATH_MAX + 16];

    nj_folder_dated(folder, "damaged", where);
    if (mkdir(where, 0700) != 0)
        return say_failed(diag, "make the directory", where);
    nj_folder_name(folder, "data.mdb", from);
    (void)snprintf(to, sizeof(to), "%s/data.mdb", where);
    if (rename(from, to) != 0)
        return say_failed(diag, "move away", from);
    nj_folder_name(folder, "lock.mdb", from);
    (void)unlink(from); /* it speaks of the other file */
    (void)nj_folder_sync(folder->path);
    folder->is_new = true;
    return NJ_OK;
}
