/* SPDX-License-Identifier: Apache-2.0 */
#include "base/save.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static enum nj_err
fail(struct nj_diag *diag, const char *doing, const char *path)
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

static enum nj_err
put_in_place(const char *temporary, const char *path, bool is_replacing, struct nj_diag *diag)
{
    if ((is_replacing ? rename(temporary, path) : rename_new(temporary, path)) == 0) {
        sync_folder(folder_of(path));
        return NJ_OK;
    }
    if (errno != EEXIST)
        return fail(diag, "write", path);
    nj_diag_hint(diag, "With --force it is replaced.");
    return nj_diag_fail(diag, NJ_EEXIST, "%s is there already", path);
}

enum nj_err
nj_save(const char *path, struct nj_str bytes, mode_t mode, bool is_replacing, struct nj_diag *diag)
{
    char temporary[PATH_MAX];
    struct nj_str folder = folder_of(path);
    enum nj_err err = NJ_OK;
    int fd;

    if ((size_t)snprintf(temporary, sizeof(temporary), "%" NJ_STR_FMT "/.nightjar-XXXXXX",
                         NJ_STR_ARG(folder)) >= sizeof(temporary)) {
        errno = ENAMETOOLONG;
        return fail(diag, "write", path);
    }
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return fail(diag, "write", path);
    if (fchmod(fd, mode) != 0 || !write_all(fd, bytes) || fsync(fd) != 0)
        err = fail(diag, "write", path);
    if (close(fd) != 0 && err == NJ_OK)
        err = fail(diag, "write", path);
    if (err == NJ_OK)
        err = put_in_place(temporary, path, is_replacing, diag);
    if (err != NJ_OK)
        (void)unlink(temporary);
    return err;
}

enum nj_err
nj_save_folder(const char *path, struct nj_diag *diag)
{
    char part[PATH_MAX];
    size_t n = strlen(path);

    if (n >= sizeof(part)) {
        errno = ENAMETOOLONG;
        return fail(diag, "make the folder", path);
    }
    for (size_t i = 1; i <= n; i++) {
        struct stat is;

        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0755) == 0) {
            if (chmod(part, 0755) != 0)
                return fail(diag, "make the folder", part);
        } else if (errno != EEXIST || stat(part, &is) != 0) {
            return fail(diag, "make the folder", part);
        } else if (!S_ISDIR(is.st_mode)) {
            errno = ENOTDIR;
            return fail(diag, "make the folder", part);
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
            return fail(diag, "read", path);
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
        return fail(diag, "read", path);
    err = read_all(fd, path, limit, &bytes, diag);
    (void)close(fd);
    if (err != NJ_OK)
        nj_secret_fini(&bytes);
    else
        *out = bytes;
    return err;
}
