/* SPDX-License-Identifier: Apache-2.0 */
#include "store/walk.h"

#include "base/log.h"
#include "store/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A page that points to one above it would be walked for ever: keys rise, and there are as many as
 * the table says. */
static bool
walk_table(struct nj_snapshot *snapshot, enum nj_table table, uint8_t *sum)
{
    struct nj_cursor *cursor;
    struct nj_str key, value, before = {NULL, 0};
    uint64_t expected, count = 0;
    enum nj_end end;

    if (nj_snapshot_count(snapshot, table, &expected) != NJ_END_DONE ||
        nj_cursor_open(&cursor, snapshot, table) != NJ_END_DONE)
        return false;
    end = nj_cursor_first(cursor, &key, &value);
    for (; end == NJ_END_DONE && count <= expected; count++) {
        if (before.n > 0) {
            int order = memcmp(before.p, key.p, NJ_MIN(before.n, key.n));

            if (order > 0 || (order == 0 && before.n >= key.n))
                break;
        }
        before = key;
        for (size_t i = 0; i < value.n; i++)
            *sum = (uint8_t)(*sum ^ (uint8_t)value.p[i]);
        end = nj_cursor_next(cursor, &key, &value);
    }
    nj_cursor_close(cursor);
    return end == NJ_END_NONE && count == expected;
}

/* First without LMDB, which would follow what is wrong. */
static enum nj_walk
walk_pages(const char *directory)
{
    enum nj_walk found = NJ_WALK_UNKNOWN;
    char path[PATH_MAX];
    struct stat is;
    void *file;
    int fd;

    if (snprintf(path, sizeof(path), "%s/data.mdb", directory) >= (int)sizeof(path))
        return NJ_WALK_UNKNOWN;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? NJ_WALK_GOOD : NJ_WALK_UNKNOWN;
    if (fstat(fd, &is) == 0 && is.st_size == 0) {
        found = NJ_WALK_GOOD;
    } else if ((file = mmap(NULL, (size_t)is.st_size, PROT_READ, MAP_SHARED, fd, 0)) !=
               MAP_FAILED) {
        found = nj_pages_fault((struct nj_str){file, (size_t)is.st_size}) == NULL ? NJ_WALK_GOOD
                                                                                  : NJ_WALK_DAMAGED;
        (void)munmap(file, (size_t)is.st_size);
    }
    (void)close(fd);
    return found;
}

static enum nj_walk
walk_tables(const char *directory)
{
    const struct nj_db_opts opts = {.directory = directory, .mode = NJ_DB_LOOKED_AT};
    struct nj_snapshot *snapshot;
    volatile uint8_t read; /* so that every byte is */
    uint8_t sum = 0;
    struct nj_db *db;
    uint64_t pages;
    enum nj_end end;
    bool is_good;

    end = nj_db_open(&db, &opts, NULL);
    if (end == NJ_END_NONE)
        return NJ_WALK_GOOD; /* nothing is in it yet */
    if (end != NJ_END_DONE)
        return end == NJ_END_FULL ? NJ_WALK_UNKNOWN : NJ_WALK_DAMAGED;
    is_good = nj_db_free_bytes(db, &pages) == NJ_END_DONE &&
              nj_snapshot_open(&snapshot, db) == NJ_END_DONE;
    if (is_good) {
        for (unsigned i = 0; i < NJ_TABLE_COUNT && is_good; i++)
            is_good = walk_table(snapshot, i, &sum);
        nj_snapshot_close(snapshot);
    }
    read = sum;
    (void)read;
    nj_db_close(db);
    return is_good ? NJ_WALK_GOOD : NJ_WALK_DAMAGED;
}

enum nj_walk
nj_walk_here(const char *directory)
{
    enum nj_walk found = walk_pages(directory);

    return found == NJ_WALK_GOOD ? walk_tables(directory) : found;
}

/* How who reads a damaged file ends. Whatever else ends it says nothing about the file. */
static const int deaths[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};

static bool
is_death(int signal)
{
    for (unsigned i = 0; i < NJ_COUNT_OF(deaths); i++)
        if (deaths[i] == signal)
            return true;
    return false;
}

/* Where it dies it does so without a word and without a core: that is what it is for. Of what its
 * parent holds, the ports it listens on and the lock of the store, it keeps nothing: a broker that
 * is started after a killed one finds them free. */
static void
be_quiet(void)
{
    const struct rlimit none = {0, 0};
    int fd;

    (void)close_range(STDERR_FILENO + 1, ~0U, 0);
    fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setrlimit(RLIMIT_CORE, &none);
    for (unsigned i = 0; i < NJ_COUNT_OF(deaths); i++)
        (void)signal(deaths[i], SIG_DFL);
    if (fd >= 0)
        (void)dup2(fd, STDERR_FILENO);
}

enum nj_walk
nj_walk(const char *directory, char why[128])
{
    pid_t child;
    int status;

    /* The log's thread must hold nothing that the child would wait for: a sanitizer's allocator has
     * locks that a fork takes along. */
    nj_log_flush();
    child = fork();
    if (child == 0) {
        be_quiet();
        _exit((int)nj_walk_here(directory));
    }
    if (child < 0) {
        (void)snprintf(why, 128, "no process to look at it: %s", strerror(errno));
        return NJ_WALK_UNKNOWN;
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno == EINTR)
            continue;
        (void)snprintf(why, 128, "the process that looks at it is lost: %s", strerror(errno));
        return NJ_WALK_UNKNOWN;
    }
    if (WIFSIGNALED(status)) {
        (void)snprintf(why, 128, "a process that read it was ended by signal %d (%s)",
                       WTERMSIG(status), strsignal(WTERMSIG(status)));
        return is_death(WTERMSIG(status)) ? NJ_WALK_DAMAGED : NJ_WALK_UNKNOWN;
    }
    if (WEXITSTATUS(status) == NJ_WALK_GOOD)
        return NJ_WALK_GOOD;
    if (WEXITSTATUS(status) == NJ_WALK_UNKNOWN) {
        (void)snprintf(why, 128, "the system did not let it be read");
        return NJ_WALK_UNKNOWN;
    }
    (void)snprintf(why, 128, "its tables do not hold together");
    return NJ_WALK_DAMAGED;
}
