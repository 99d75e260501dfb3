/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB writes a copy to a descriptor as fast as that takes it: so it writes to a pipe, and the
 * other end is read as fast as was asked for. */
#include "store/copy.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/store_priv.h"
#include "store/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)256 * 1024)

struct source {
    struct nj_db *db;
    bool is_compact;
    int pipe; /* to write to */
    enum nj_end end;
    const char *fault;
};

static void
pour(void *ctx)
{
    struct source *s = ctx;

    s->end = nj_db_copy(s->db, s->pipe, s->is_compact, &s->fault);
    (void)close(s->pipe);
}

static bool
write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, p, n);

        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            p += written;
            n -= (size_t)written;
        }
    }
    return true;
}

/* So long that `bytes` since `began` are no more than the rate allows. */
static int64_t
ahead_ms(int64_t began_ns, uint64_t bytes, uint64_t bytes_per_second)
{
    int64_t due = (int64_t)((double)bytes / (double)bytes_per_second * 1e9);

    return (due - (nj_clock_monotonic_ns() - began_ns)) / 1000000;
}

/* False: it is to end here. */
static bool
keep_pace(const struct nj_store_copy_opts *opts, int64_t began_ns, uint64_t bytes)
{
    int64_t rest_ms = 0;

    if (opts->bytes_per_second > 0)
        rest_ms = NJ_MAX(ahead_ms(began_ns, bytes, opts->bytes_per_second), (int64_t)0);
    if (opts->rest != NULL)
        return opts->rest(opts->ctx, rest_ms);
    if (rest_ms > 0)
        (void)poll(NULL, 0, (int)NJ_MIN(rest_ms, (int64_t)INT_MAX));
    return true;
}

/* From the pipe to the file, to the end; 0, or an errno. What is written goes to the disk at the
 * same pace, and not all at once at the end, when others would wait behind it. */
static int
drain(int from, int to, const struct nj_store_copy_opts *opts, char *piece)
{
    int64_t began = nj_clock_monotonic_ns();
    uint64_t bytes = 0;

    for (;;) {
        ssize_t n = read(from, piece, PIECE);

        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || !write_all(to, piece, (size_t)n))
            return errno;
        if (opts->bytes_per_second > 0)
            (void)sync_file_range(to, (off_t)bytes, n, SYNC_FILE_RANGE_WRITE);
        bytes += (uint64_t)n;
        if (!keep_pace(opts, began, bytes))
            return ECANCELED;
    }
}

enum nj_err
nj_copy_pour(struct nj_db *db, int fd, const char *path, const struct nj_store_copy_opts *opts,
             struct nj_diag *diag)
{
    struct source source = {.db = db, .is_compact = opts->is_compact};
    struct nj_thread thread = {0};
    char *piece = nj_alloc(PIECE);
    int ends[2], fault;
    enum nj_err err;

    if (piece == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    if (pipe2(ends, O_CLOEXEC) != 0) {
        nj_free(piece);
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to make a pipe. %s.", strerror(errno));
    }
    source.pipe = ends[1];
    err = nj_thread_start(&thread, "nj-copy", pour, &source);
    if (err != NJ_OK) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        nj_free(piece);
        return nj_diag_fail(diag, err, "Error: Unable to start a thread.");
    }
    fault = drain(ends[0], fd, opts, piece);
    (void)close(ends[0]); /* what is still poured ends by that */
    nj_thread_join(&thread);
    nj_free(piece);
    if (fault == ECANCELED)
        return nj_diag_fail(diag, NJ_ECLOSED, "Error: The copy was ended.");
    if (fault != 0)
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to write %s. %s.", path, strerror(fault));
    if (source.end != NJ_END_DONE)
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to copy the store: %s.", source.fault);
    return NJ_OK;
}

/* Into a file of another name first, so that data.mdb is there whole or not at all. */
static enum nj_err
copy_db(struct nj_db *db, const char *directory, const struct nj_store_copy_opts *opts,
        struct nj_diag *diag)
{
    char part[PATH_MAX], whole[PATH_MAX];
    enum nj_err err;
    int fd;

    (void)snprintf(part, sizeof(part), "%s/" NJ_FOLDER_PART, directory);
    (void)snprintf(whole, sizeof(whole), "%s/data.mdb", directory);
    fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to write %s. %s.", part, strerror(errno));
    err = nj_copy_pour(db, fd, part, opts, diag);
    if (err == NJ_OK && fsync(fd) != 0)
        err = nj_diag_fail(diag, NJ_ESYS, "Error: Unable to write %s. %s.", part, strerror(errno));
    (void)close(fd);
    if (err == NJ_OK && rename(part, whole) != 0)
        err = nj_diag_fail(diag, NJ_ESYS, "Error: Unable to rename %s. %s.", part, strerror(errno));
    if (err != NJ_OK)
        (void)unlink(part);
    return err;
}

enum nj_err
nj_copy_file(const char *from, const char *to, struct nj_diag *diag)
{
    const struct nj_db_opts look = {.directory = from, .mode = NJ_DB_LOOKED_AT};
    const struct nj_store_copy_opts opts = {.is_compact = true};
    struct nj_db *db;
    enum nj_err err;

    if (nj_db_open(&db, &look, diag) != NJ_END_DONE)
        return NJ_ESYS;
    err = copy_db(db, to, &opts, diag);
    nj_db_close(db);
    return err;
}

/* What can be walked; beside a broker, which has seen to that itself. */
static enum nj_err
open_source(struct nj_db **out, const char *directory, bool is_in_use, struct nj_diag *diag)
{
    const struct nj_db_opts opts = {.directory = directory,
                                    .mode = is_in_use ? NJ_DB_BESIDE : NJ_DB_LOOKED_AT};
    char why[128];

    if (!is_in_use && nj_walk(directory, why) == NJ_WALK_DAMAGED)
        return nj_diag_fail(diag, NJ_EINVAL, "Error: The store %s is damaged: %s.", directory, why);
    return nj_db_open(out, &opts, diag) == NJ_END_DONE ? NJ_OK : NJ_ESYS;
}

static enum nj_err
copy_into(struct nj_folder *to, const char *from, bool is_in_use,
          const struct nj_store_copy_opts *opts, struct nj_diag *diag)
{
    struct nj_db *db;
    enum nj_err err;

    err = open_source(&db, from, is_in_use, diag);
    if (err != NJ_OK)
        return err;
    err = copy_db(db, to->path, opts, diag);
    nj_db_close(db);
    return err;
}

static bool
is_same(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

enum nj_err
nj_store_copy(const char *from, const char *to, const struct nj_store_copy_opts *opts,
              struct nj_diag *diag)
{
    struct nj_folder source, target;
    enum nj_err err;
    bool is_in_use;

    if (!nj_folder_has_store(from))
        return nj_diag_fail(diag, NJ_ENOENT, "Error: There is no store in %s.", from);
    if (is_same(from, to))
        return nj_diag_fail(diag, NJ_EINVAL, "Error: %s and %s are the same directory.", from, to);
    err = nj_folder_open_to_read(&source, from, diag);
    is_in_use = err == NJ_EEXIST;
    if (err != NJ_OK && !is_in_use)
        return err;
    *diag = (struct nj_diag){0};
    err = nj_folder_open_new(&target, to, diag);
    if (err == NJ_OK) {
        err = copy_into(&target, from, is_in_use, opts, diag);
        nj_folder_close(&target, err == NJ_OK || target.was_clean);
    }
    if (!is_in_use)
        nj_folder_close(&source, source.was_clean);
    return err;
}

enum nj_err
nj_store_compact(const char *directory, struct nj_diag *diag)
{
    const struct nj_store_copy_opts opts = {.is_compact = true};
    struct nj_folder folder;
    struct nj_db *db;
    enum nj_err err;

    if (!nj_folder_has_store(directory))
        return nj_diag_fail(diag, NJ_ENOENT, "Error: There is no store in %s.", directory);
    err = nj_folder_open(&folder, directory, diag);
    if (err == NJ_EEXIST)
        nj_diag_hint(diag, "Stop that process first.");
    if (err != NJ_OK)
        return err;
    err = open_source(&db, directory, false, diag);
    if (err == NJ_OK) {
        err = copy_db(db, directory, &opts, diag);
        nj_db_close(db);
    }
    nj_folder_close(&folder, folder.was_clean);
    return err;
}
