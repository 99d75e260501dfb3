/* SPDX-License-Identifier: Apache-2.0 */
#include "base/save.h"

#include "base/log.h"
#include "base/rand.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY  ".nightjar-" /* and six letters, as mkstemp(3) chooses them */
#define NAME_BYTES (sizeof(TEMPORARY) - 1 + 6)

static enum nj_err
say_failed(struct nj_diag *diag, const char *doing, const char *path)
{
    int code = errno;

    nj_diag_fail(diag, NJ_ESYS, "cannot %s %s: %s", doing, path, strerror(code));
    errno = code;
    return NJ_ESYS;
}

static bool
write_all(int fd, struct nj_str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes = nj_str_from(bytes, (size_t)n);
    }
    return true;
}

/* The folder of `path`, for mkstemp and fsync. */
static struct nj_str
folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return NJ_STR(".");
    return (struct nj_str){path, slash == path ? 1 : (size_t)(slash - path)};
}

/* A rename that takes nobody's place; where the file system knows none, a second name. */
static int
rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    return link(from, to) == 0 ? unlink(from) : -1;
}

static void
sync_folder(struct nj_str folder)
{
    char path[PATH_MAX];
    int fd;

    (void)snprintf(path, sizeof(path), "%" NJ_STR_FMT, NJ_STR_ARG(folder));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

/* --- the temporary file --- */

/* A file on its way to its place. Until it has a name nobody need clean up after us; where the
 * file system knows no file without a name, or /proc is not there, it has one from the beginning.
 * It is locked as long as we live: a name without a lock is what a dead writer has left. */
struct draft {
    int fd;
    bool is_named;
    char name[PATH_MAX];
};

static bool
open_draft(struct draft *d, struct nj_str folder)
{
    if ((size_t)snprintf(d->name, sizeof(d->name), "%" NJ_STR_FMT, NJ_STR_ARG(folder)) +
            NAME_BYTES + 2 >
        sizeof(d->name)) {
        errno = ENAMETOOLONG;
        return false;
    }
    d->fd = access("/proc/self/fd", X_OK) == 0
                ? open(d->name, O_TMPFILE | O_WRONLY | O_CLOEXEC, NJ_SAVE_SECRET)
                : -1;
    (void)snprintf(d->name + folder.n, sizeof(d->name) - folder.n, "/" TEMPORARY "XXXXXX");
    d->is_named = d->fd < 0;
    if (d->fd < 0)
        d->fd = mkostemp(d->name, O_CLOEXEC);
    if (d->fd >= 0)
        (void)flock(d->fd, LOCK_EX);
    return d->fd >= 0;
}

static int
link_draft(const struct draft *d, const char *path)
{
    char self[32];

    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", d->fd);
    return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

/* link(2) replaces nothing, rename(2) moves only what has a name. */
static int
name_draft(struct draft *d)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    char *end = d->name + strlen(d->name) - 6;
    unsigned char bytes[6];

    if (d->is_named)
        return 0;
    do {
        nj_rand_system(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes); i++)
            end[i] = letters[bytes[i] % 32];
        d->is_named = link_draft(d, d->name) == 0;
    } while (!d->is_named && errno == EEXIST);
    return d->is_named ? 0 : -1;
}

static int
put_in_place(struct draft *d, const char *path, bool is_replacing)
{
    if (!is_replacing)
        return d->is_named ? rename_new(d->name, path) : link_draft(d, path);
    return name_draft(d) == 0 ? rename(d->name, path) : -1;
}

/* Whoever could read the old one, the broker's account say, can read the new one. */
static enum nj_err
set_rights(int fd, const char *path, mode_t mode, bool is_replacing, struct nj_diag *diag)
{
    struct stat was, is;

    if (!is_replacing || lstat(path, &was) != 0 || !S_ISREG(was.st_mode))
        return fchmod(fd, mode) == 0 ? NJ_OK : say_failed(diag, "write", path);
    if (fstat(fd, &is) != 0)
        return say_failed(diag, "write", path);
    if ((is.st_uid != was.st_uid || is.st_gid != was.st_gid) &&
        fchown(fd, was.st_uid, was.st_gid) != 0 && (was.st_mode & S_IROTH) == 0) {
        nj_diag_hint(diag, "Run this as root, or as the file's owner.");
        return nj_diag_fail(diag, NJ_ESYS,
                            "cannot replace %s: it belongs to another account or group, which "
                            "could not read the new one",
                            path);
    }
    return fchmod(fd, was.st_mode & 0777) == 0 ? NJ_OK : say_failed(diag, "write", path);
}

enum nj_err
nj_save(const char *path, struct nj_str bytes, mode_t mode, bool is_replacing, struct nj_diag *diag)
{
    struct nj_str folder = folder_of(path);
    struct draft draft;
    enum nj_err err;

    if (!open_draft(&draft, folder))
        return say_failed(diag, "write", path);
    err = set_rights(draft.fd, path, mode, is_replacing, diag);
    if (err == NJ_OK && (!write_all(draft.fd, bytes) || fsync(draft.fd) != 0))
        err = say_failed(diag, "write", path);
    if (err == NJ_OK && put_in_place(&draft, path, is_replacing) != 0) {
        if (errno != EEXIST) {
            err = say_failed(diag, "write", path);
        } else {
            nj_diag_hint(diag, "With --force it is replaced.");
            err = nj_diag_fail(diag, NJ_EEXIST, "%s is there already", path);
        }
    }
    if (err == NJ_OK)
        sync_folder(folder);
    else if (draft.is_named)
        (void)unlink(draft.name);
    (void)close(draft.fd);
    return err;
}

/* Is nobody at work on it? */
static bool
is_left_behind(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool is = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;

    if (fd >= 0)
        (void)close(fd);
    return is;
}

unsigned
nj_save_sweep(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    unsigned count = 0;

    if (dir == NULL)
        return 0;
    while ((entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, TEMPORARY, sizeof(TEMPORARY) - 1) == 0 &&
            strlen(entry->d_name) == NAME_BYTES && is_left_behind(dirfd(dir), entry->d_name) &&
            unlinkat(dirfd(dir), entry->d_name, 0) == 0)
            count++;
    }
    (void)closedir(dir);
    if (count > 0)
        nj_log_line(NJ_LOG_NOTICE,
                    "%s: removed %u temporary file%s of a command that was ended before its time.",
                    folder, count, count == 1 ? "" : "s");
    return count;
}

/* --- folders, and reading --- */

enum nj_err
nj_save_folder(const char *path, struct nj_diag *diag)
{
    char part[PATH_MAX];
    size_t n = strlen(path);

    if (n >= sizeof(part)) {
        errno = ENAMETOOLONG;
        return say_failed(diag, "make the folder", path);
    }
    for (size_t i = 1; i <= n; i++) {
        struct stat is;

        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0755) == 0) {
            if (chmod(part, 0755) != 0)
                return say_failed(diag, "make the folder", part);
        } else if (errno != EEXIST || stat(part, &is) != 0) {
            return say_failed(diag, "make the folder", part);
        } else if (!S_ISDIR(is.st_mode)) {
            errno = ENOTDIR;
            return say_failed(diag, "make the folder", part);
        }
    }
    return NJ_OK;
}

static enum nj_err
read_all(int fd, const char *path, size_t limit, struct nj_secret *bytes, struct nj_diag *diag)
{
    size_t n = 0;

    if (!nj_secret_init(bytes, limit + 2))
        return nj_diag_fail(diag, NJ_ENOMEM, "no memory to read %s", path);
    while (n <= limit) {
        ssize_t got = read(fd, bytes->p + n, limit + 1 - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return say_failed(diag, "read", path);
        if (got == 0)
            break;
        n += (size_t)got;
    }
    if (n > limit)
        return nj_diag_fail(diag, NJ_EQUOTA, "%s is larger than %zu bytes", path, limit);
    bytes->p[n] = '\0';
    bytes->n = n;
    return NJ_OK;
}

enum nj_err
nj_save_read(struct nj_secret *out, const char *path, size_t limit, struct nj_diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct nj_secret bytes = {0};
    enum nj_err err;

    if (fd < 0 && errno == ENOENT)
        return nj_diag_fail(diag, NJ_ENOENT, "there is no %s", path);
    if (fd < 0)
        return say_failed(diag, "read", path);
    err = read_all(fd, path, limit, &bytes, diag);
    (void)close(fd);
    if (err != NJ_OK)
        nj_secret_fini(&bytes);
    else
        *out = bytes;
    return err;
}
