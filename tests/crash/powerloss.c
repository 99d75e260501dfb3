/* SPDX-License-Identifier: Apache-2.0 */
/* powerloss.c — a disk that can lose its power, fill up and fail, between a program and the real
 * one.
 *
 *   program ── write, pwrite, writev … ──► this (LD_PRELOAD) ──► the kernel
 *                                            │
 *                                            └── what was written and when it was synced ──► a
 * journal
 *
 * Below the directory POWERLOSS_DIR every write goes through and is then recorded; a write to a
 * descriptor that is O_DSYNC or O_SYNC is recorded before it is made, as one that may have reached
 * the disk, and confirmed after. A sync is two records: where it began, and that it has succeeded
 * or failed. So what the program was told to be safe is in the journal before the program knows it,
 * and powerloss.py makes of the journal any disk that a power cut could have left.
 *
 * No table of descriptors is kept: each call asks the kernel what its descriptor is. Faults are
 * asked for in a page that the test shares with all processes of the program (POWERLOSS_CONTROL),
 * where calls are counted too. Only what goes through the procedure linkage table is seen: not
 * stdio, and no write through a mapped file; for the latter powerloss.py compares what lies on the
 * disk in the end. */
#undef _FILE_OFFSET_BITS /* pwrite is pwrite here, and pwrite64 is another name of it */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "powerloss.h"

/* The C library's headers have other names for the parameters. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
#define API    __attribute__((visibility("default")))
#define PIECES 1024 /* of one writev: IOV_MAX */

/* One record: this head, the path, the data. */
struct head {
    uint32_t magic;
    uint32_t kind;
    int64_t when_ns; /* CLOCK_MONOTONIC */
    uint64_t at;     /* offset, new length, or the number of the sync */
    uint32_t path_bytes;
    uint32_t data_bytes;
};
#define MAGIC 0x4c57504e

struct powerloss_control *powerloss_control;
static struct powerloss_control nobody_asks;
static int journal = -1;
static char place[PATH_MAX];
static size_t place_bytes;

__attribute__((constructor)) static void
begin(void)
{
    const char *dir = getenv("POWERLOSS_DIR");
    const char *to = getenv("POWERLOSS_JOURNAL");
    const char *control = getenv("POWERLOSS_CONTROL");
    int fd;

    powerloss_control = &nobody_asks;
    if (control != NULL && (fd = open(control, O_RDWR | O_CLOEXEC)) >= 0) {
        void *page =
            mmap(NULL, sizeof(*powerloss_control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (page != MAP_FAILED)
            powerloss_control = page;
        (void)close(fd);
    }
    if (dir == NULL || realpath(dir, place) == NULL)
        return;
    place_bytes = strlen(place);
    if (to != NULL)
        journal = open(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static long
sys_write(int fd, const struct iovec *v, int count, int64_t offset)
{
    if (offset < 0)
        return syscall(SYS_writev, fd, v, count);
    return syscall(SYS_pwritev, fd, v, count, (unsigned long)offset, 0UL);
}

/* One call, so that records of several threads and processes do not mix. Their order is that of the
 * journal's lock. */
static void
record(char kind, const char *path, uint64_t at, const struct iovec *data, int count, size_t bytes)
{
    struct iovec v[2 + PIECES];
    struct timespec now;
    struct head head = {.magic = MAGIC, .kind = (uint32_t)kind, .at = at};
    int n = 2;

    if (journal < 0)
        return;
    (void)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    head.when_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    head.path_bytes = (uint32_t)strlen(path);
    head.data_bytes = (uint32_t)bytes;
    v[0] = (struct iovec){.iov_base = &head, .iov_len = sizeof(head)};
    v[1] = (struct iovec){.iov_base = (void *)(uintptr_t)path, .iov_len = head.path_bytes};
    for (int i = 0; i < count && bytes > 0; i++) {
        size_t some = data[i].iov_len < bytes ? data[i].iov_len : bytes;

        v[n++] = (struct iovec){.iov_base = data[i].iov_base, .iov_len = some};
        bytes -= some;
    }
    if (syscall(SYS_writev, journal, v, n) < 0)
        (void)raise(SIGABRT); /* a journal with a hole proves nothing */
}

/* Whether the path lies in the place; its part below is what the journal calls it. */
static const char *
below(const char *path)
{
    if (place_bytes == 0 || strncmp(path, place, place_bytes) != 0)
        return NULL;
    if (path[place_bytes] == '\0')
        return "";
    return path[place_bytes] == '/' ? path + place_bytes + 1 : NULL;
}

/* What the descriptor is: the name below the place of a regular file or directory, or NULL. */
static const char *
name_of(int fd, char *path, mode_t *type)
{
    char link[32];
    struct stat st;
    ssize_t n;

    if (place_bytes == 0 || syscall(SYS_fstat, fd, &st) != 0 ||
        (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return NULL;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    if (n <= 0 || st.st_nlink == 0)
        return NULL;
    path[n] = '\0';
    if (type != NULL)
        *type = st.st_mode & S_IFMT;
    return below(path);
}

/* ---- writes ---- */

/* Counts one operation below the place; the test may end the process there. */
static void
step(void)
{
    int64_t n = atomic_fetch_add(&powerloss_control->steps, 1) + 1;

    if (n == atomic_load(&powerloss_control->kill_at))
        (void)raise(SIGKILL);
}

static bool
is_due(_Atomic int64_t *counter, const struct powerloss_fault *fault)
{
    int64_t n = atomic_fetch_add(counter, 1) + 1;
    int64_t from = atomic_load(&fault->from);

    return from > 0 && n >= from && n - from < atomic_load(&fault->count);
}

/* `offset` < 0: where the descriptor stands. */
static ssize_t
do_write(int fd, const struct iovec *v, int count, int64_t offset)
{
    char path[PATH_MAX];
    mode_t type;
    int saved = errno;
    const char *name = name_of(fd, path, &type);
    size_t bytes = 0;
    int flags;
    int64_t at = offset;
    bool is_synced, is_short;
    struct iovec half;
    long n;

    errno = saved;
    if (name == NULL)
        return sys_write(fd, v, count, offset);
    step();
    flags = (int)syscall(SYS_fcntl, fd, F_GETFL);
    is_synced = (flags & (O_DSYNC | O_SYNC)) != 0;
    if (is_due(&powerloss_control->writes, &powerloss_control->write_fault)) {
        int number = (int)atomic_load(&powerloss_control->write_fault.number);

        /* A page that is written in place, as LMDB's meta page is, has its room on a full disk,
         * too. */
        if (!is_synced || (number != ENOSPC && number != EDQUOT)) {
            errno = number;
            return -1;
        }
    }
    is_short = is_due(&powerloss_control->shorts, &powerloss_control->short_fault);
    for (int i = 0; i < count; i++)
        bytes += v[i].iov_len;
    if (is_short && bytes > 1) {
        half = (struct iovec){.iov_base = v[0].iov_base, .iov_len = (v[0].iov_len + 1) / 2};
        v = &half;
        count = 1;
        bytes = half.iov_len;
    }
    if (flags & O_APPEND) {
        struct stat st;

        at = syscall(SYS_fstat, fd, &st) == 0 ? st.st_size : 0;
    } else if (at < 0) {
        at = syscall(SYS_lseek, fd, 0L, SEEK_CUR);
    }
    if (is_synced) {
        record('W', name, (uint64_t)at, v, count, bytes);
        if (is_due(&powerloss_control->syncs, &powerloss_control->sync_fault)) {
            errno = (int)atomic_load(&powerloss_control->sync_fault.number);
            return -1;
        }
    }
    n = sys_write(fd, v, count, offset);
    saved = errno;
    if (is_synced && n >= 0)
        record('V', name, (uint64_t)at, NULL, 0, 0);
    else if (n > 0)
        record('W', name, (uint64_t)at, v, count, (size_t)n);
    step();
    errno = saved;
    return n;
}

API ssize_t
write(int fd, const void *data, size_t bytes)
{
    struct iovec v = {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes};

    return do_write(fd, &v, 1, -1);
}

API ssize_t
writev(int fd, const struct iovec *v, int count)
{
    return do_write(fd, v, count, -1);
}

API ssize_t
pwrite(int fd, const void *data, size_t bytes, off_t offset)
{
    struct iovec v = {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes};

    return do_write(fd, &v, 1, offset);
}

API ssize_t
pwritev(int fd, const struct iovec *v, int count, off_t offset)
{
    return do_write(fd, v, count, offset);
}

API ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset)
    __attribute__((alias("pwrite")));
API ssize_t pwritev64(int fd, const struct iovec *v, int count, off64_t offset)
    __attribute__((alias("pwritev")));

/* What copies inside the kernel is refused: who asks for it falls back to writing. */
API ssize_t
copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t bytes, unsigned flags)
{
    char path[PATH_MAX];

    if (name_of(out, path, NULL) != NULL) {
        errno = EXDEV;
        return -1;
    }
    return syscall(SYS_copy_file_range, in, in_at, out, out_at, bytes, flags);
}

API ssize_t
sendfile(int out, int in, off_t *offset, size_t bytes)
{
    char path[PATH_MAX];

    if (name_of(out, path, NULL) != NULL) {
        errno = EINVAL;
        return -1;
    }
    return syscall(SYS_sendfile, out, in, offset, bytes);
}

API ssize_t sendfile64(int out, int in, off64_t *offset, size_t bytes)
    __attribute__((alias("sendfile")));

API int
ftruncate(int fd, off_t length)
{
    char path[PATH_MAX];
    const char *name = name_of(fd, path, NULL);
    int code;

    if (name != NULL)
        step();
    code = (int)syscall(SYS_ftruncate, fd, length);
    if (code == 0 && name != NULL)
        record('T', name, (uint64_t)length, NULL, 0, 0);
    return code;
}

API int ftruncate64(int fd, off64_t length) __attribute__((alias("ftruncate")));

/* ---- syncs ---- */

static int
do_sync(int fd, long call)
{
    char path[PATH_MAX];
    mode_t type = 0;
    const char *name = name_of(fd, path, &type);
    uint64_t number;
    int code, saved;

    if (name == NULL)
        return (int)syscall(call, fd);
    step();
    number = (uint64_t)atomic_fetch_add(&powerloss_control->sync_numbers, 1);
    record(type == S_IFDIR ? 'D' : 'B', name, number, NULL, 0, 0);
    if (is_due(&powerloss_control->syncs, &powerloss_control->sync_fault)) {
        record('F', name, number, NULL, 0, 0);
        errno = (int)atomic_load(&powerloss_control->sync_fault.number);
        return -1;
    }
    /* The disk that is proved is the journal's: the real one need not turn for it. */
    code = atomic_load(&powerloss_control->is_fast) ? 0 : (int)syscall(call, fd);
    saved = errno;
    record(code == 0 ? 'E' : 'F', name, number, NULL, 0, 0);
    step();
    errno = saved;
    return code;
}

API int
fsync(int fd)
{
    return do_sync(fd, SYS_fsync);
}

API int
fdatasync(int fd)
{
    return do_sync(fd, SYS_fdatasync);
}

API int
syncfs(int fd)
{
    return do_sync(fd, SYS_syncfs);
}

/* A mapped file says its whole length at each sync: nothing else shows what was written to it. */
API int
msync(void *start, size_t bytes, int flags)
{
    uint64_t number = (uint64_t)atomic_fetch_add(&powerloss_control->sync_numbers, 1);
    char line[PATH_MAX + 128];
    char name[PATH_MAX] = "";
    FILE *maps = (flags & MS_SYNC) != 0 && place_bytes > 0 ? fopen("/proc/self/maps", "re") : NULL;
    int code;

    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        char *end;
        unsigned long from = strtoul(line, &end, 16), to = strtoul(end + 1, &end, 16);
        unsigned long offset = strtoul(end + strlen(" rw-p "), NULL, 16);
        const char *path = strchr(line, '/');
        const char *found;

        line[strcspn(line, "\n")] = '\0';
        if (path == NULL || (uintptr_t)start < from || (uintptr_t)start >= to ||
            (found = below(path)) == NULL)
            continue;
        (void)snprintf(name, sizeof(name), "%s", found);
        struct iovec v = {.iov_base = start, .iov_len = bytes};
        struct stat st;
        char whole[PATH_MAX * 2];
        uint64_t at = offset + ((uintptr_t)start - from);

        (void)snprintf(whole, sizeof(whole), "%s/%s", place, name);
        if (stat(whole, &st) == 0 && at < (uint64_t)st.st_size) {
            if (v.iov_len > (uint64_t)st.st_size - at)
                v.iov_len = (uint64_t)st.st_size - at;
            record('W', name, at, &v, 1, v.iov_len);
        }
        break;
    }
    if (maps != NULL)
        (void)fclose(maps);
    if (name[0] == '\0')
        return (int)syscall(SYS_msync, start, bytes, flags);
    step();
    record('B', name, number, NULL, 0, 0);
    code = (int)syscall(SYS_msync, start, bytes, flags);
    record(code == 0 ? 'E' : 'F', name, number, NULL, 0, 0);
    step();
    return code;
}

/* ---- names ---- */

/* The whole path, its folder resolved; false: it lies elsewhere, or cannot be told. */
static bool
whole_path(int folder, const char *path, char *out)
{
    char given[PATH_MAX], real[PATH_MAX];
    char *slash;
    int n;

    if (place_bytes == 0)
        return false;
    if (path[0] == '/' || folder == AT_FDCWD)
        n = snprintf(given, sizeof(given), "%s%s", path[0] == '/' ? "" : "./", path);
    else
        n = snprintf(given, sizeof(given), "/proc/self/fd/%d/%s", folder, path);
    if (n >= (int)sizeof(given))
        return false;
    slash = strrchr(given, '/');
    *slash = '\0';
    if (realpath(slash == given ? "/" : given, real) == NULL)
        return false;
    n = snprintf(out, PATH_MAX, "%s/%s", real, slash + 1);
    return n < PATH_MAX && below(out) != NULL;
}

static int
do_rename(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    char old[PATH_MAX], new[PATH_MAX];
    bool is_ours = whole_path(from_folder, from, old) && whole_path(to_folder, to, new);
    int code, saved;

    if (is_ours)
        step();
    code = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    saved = errno;
    if (code == 0 && is_ours) {
        const char *name = below(new);
        struct iovec v = {.iov_base = (void *)(uintptr_t)name, .iov_len = strlen(name)};

        record('R', below(old), 0, &v, 1, v.iov_len);
        step();
    }
    errno = saved;
    return code;
}

API int
rename(const char *from, const char *to)
{
    return do_rename(AT_FDCWD, from, AT_FDCWD, to, 0);
}

API int
renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return do_rename(from_folder, from, to_folder, to, 0);
}

API int
renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    return do_rename(from_folder, from, to_folder, to, flags);
}

static int
do_unlink(int folder, const char *path, int flags)
{
    char whole[PATH_MAX];
    bool is_ours = whole_path(folder, path, whole);
    int code;

    if (is_ours)
        step();
    code = (int)syscall(SYS_unlinkat, folder, path, flags);
    if (code == 0 && is_ours)
        record('U', below(whole), 0, NULL, 0, 0);
    return code;
}

API int
unlink(const char *path)
{
    return do_unlink(AT_FDCWD, path, 0);
}

API int
unlinkat(int folder, const char *path, int flags)
{
    return do_unlink(folder, path, flags);
}

API int
remove(const char *path)
{
    int code = do_unlink(AT_FDCWD, path, 0);

    return code != 0 && (errno == EISDIR || errno == EPERM) ? rmdir(path) : code;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
