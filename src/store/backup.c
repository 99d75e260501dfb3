/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backup.h"

#include "base/assert.h"
#include "base/log.h"
#include "store/copy.h"
#include "store/crash.h"
#include "store/shelf.h"
#include "store/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define NONE    UINT64_MAX
#define FIRST_S 60u /* after the start, at the earliest */
#define LOOK_MS 100 /* at what stands in the way */

/* Why a copy is ended: then it begins again; then it does not. */
static const char map_changes[] = "the map changes", stops[] = "the broker stops";

/* --- time --- */

/* Under the mutex; false: it is to stop. */
static bool
rest_until(struct nj_backup *b, nj_time until, const bool *or_if)
{
    struct timespec at = {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};

    while (!b->is_stopping && !*or_if && nj_clock_monotonic_ms() < until)
        (void)pthread_cond_timedwait(&b->news, &b->mutex, &at);
    return !b->is_stopping;
}

/* The newest there is may be of the process before. */
static nj_time
first_due(const struct nj_backup *b)
{
    int64_t interval = b->interval_s, age = interval;
    struct nj_shelved newest;

    if (nj_shelf_newest(b->folder, UINT64_MAX, &newest))
        age = NJ_MAX(nj_clock_wall_ms() / 1000 - newest.taken_s, (int64_t)0);
    return nj_time_after_s(nj_clock_monotonic_ms(),
                           (uint32_t)NJ_MAX(interval - age, NJ_MIN(interval, (int64_t)FIRST_S)));
}

/* --- what stands in the way --- */

static uint64_t
disk_room(const struct nj_backup *b)
{
    struct statvfs disk;

    return statvfs(b->folder->path, &disk) == 0 ? (uint64_t)disk.f_bavail * disk.f_frsize
                                                : UINT64_MAX;
}

static uint64_t
file_bytes(const struct nj_backup *b)
{
    char path[PATH_MAX];
    struct stat is;

    nj_folder_name(b->folder, "data.mdb", path);
    return stat(path, &is) == 0 ? (uint64_t)is.st_size : 0;
}

/* NULL: nothing does. */
static const char *
obstacle(const struct nj_backup *b, uint64_t needed_bytes)
{
    uint64_t grown = file_bytes(b) - NJ_MIN(file_bytes(b), b->first_bytes);

    if (disk_room(b) < needed_bytes + b->reserve_bytes)
        return "the disk has not the room";
    if (grown > NJ_MAX(b->first_bytes, b->most_growth_bytes))
        return "the store has doubled meanwhile";
    return NULL;
}

/* Between two pieces; with a look around now and then. */
static bool
rest(void *ctx, int64_t rest_ms)
{
    struct nj_backup *b = ctx;
    nj_time now = nj_clock_monotonic_ms(), until = now + rest_ms;

    NJ_CRASH(COPYING);
    do {
        b->why = obstacle(b, 0);
        (void)pthread_mutex_lock(&b->mutex);
        if (!rest_until(b, NJ_MIN(until, now + LOOK_MS), &b->is_held))
            b->why = stops;
        else if (b->is_held)
            b->why = map_changes;
        (void)pthread_mutex_unlock(&b->mutex);
        now = nj_clock_monotonic_ms();
    } while (b->why == NULL && now < until);
    return b->why == NULL;
}

/* One of what is under the mutex, as news. */
static void
tell(struct nj_backup *b, bool *what, bool is_so)
{
    (void)pthread_mutex_lock(&b->mutex);
    *what = is_so;
    (void)pthread_cond_broadcast(&b->news);
    (void)pthread_mutex_unlock(&b->mutex);
}

/* --- one backup --- */

/* From here until is_copying ends the map stays as it is. False: it is to stop. */
static bool
enter(struct nj_backup *b)
{
    bool is_in;

    (void)pthread_mutex_lock(&b->mutex);
    while (b->is_held && !b->is_stopping)
        (void)pthread_cond_wait(&b->news, &b->mutex);
    is_in = b->is_copying = !b->is_stopping;
    (void)pthread_mutex_unlock(&b->mutex);
    return is_in;
}

static enum nj_err
pour(struct nj_backup *b, int fd, const char *path, struct nj_diag *diag)
{
    const struct nj_store_copy_opts opts = {
        .is_compact = true, .bytes_per_second = b->bytes_per_second, .rest = rest, .ctx = b};
    enum nj_err err;

    if (!enter(b)) {
        b->why = stops;
        return NJ_ECLOSED;
    }
    b->first_bytes = file_bytes(b);
    b->why = obstacle(b, nj_db_copy_bytes(b->db));
    err = b->why == NULL ? nj_copy_pour(b->db, fd, path, &opts, diag) : NJ_ECLOSED;
    tell(b, &b->is_copying, false);
    return err;
}

/* NJ_ECLOSED: b->why says why. */
static enum nj_err
make(struct nj_backup *b, struct nj_shelved *out, struct nj_diag *diag)
{
    int64_t taken_s = nj_clock_wall_ms() / 1000;
    char part[PATH_MAX], path[PATH_MAX + 16];
    enum nj_err err = nj_shelf_begin(b->folder, part, diag);
    int fd;

    if (err != NJ_OK)
        return err;
    (void)snprintf(path, sizeof(path), "%s/data.mdb", part);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to write %s. %s.", path, strerror(errno));
    err = pour(b, fd, path, diag);
    if (err == NJ_OK && fsync(fd) != 0)
        err = nj_diag_fail(diag, NJ_ESYS, "Error: Unable to write %s. %s.", path, strerror(errno));
    (void)close(fd);
    return err == NJ_OK ? nj_shelf_add(b->folder, taken_s, out, diag) : err;
}

static void
gauge(struct nj_backup *b, enum nj_metric which, uint64_t now)
{
    nj_metric_add(&b->metrics, which, (int64_t)(now - nj_metric_get(&b->metrics, which)));
}

static void
say_made(struct nj_backup *b, const struct nj_shelved *made, uint64_t took_ms)
{
    nj_metric_add(&b->metrics, NJ_METRIC_STORE_BACKUPS, 1);
    gauge(b, NJ_METRIC_STORE_BACKUP_MS, took_ms);
    gauge(b, NJ_METRIC_STORE_BACKUP_TIME, (uint64_t)made->taken_s);
    nj_log(NJ_LOG_INFO, "The store is backed up as %s, in %" PRIu64 " ms.", made->path, took_ms);
}

static void
say_failed(struct nj_backup *b, const char *why)
{
    nj_metric_add(&b->metrics, NJ_METRIC_STORE_BACKUP_FAULTS, 1);
    nj_log(NJ_LOG_WARNING, "The store %s is not backed up (%s). It is tried again in %u s.",
           b->folder->path, why, b->interval_s);
}

static void
back_up(struct nj_backup *b)
{
    uint64_t commits = nj_metric_get(b->writer, NJ_METRIC_STORE_COMMITS);
    nj_time began = nj_clock_monotonic_ms();
    struct nj_diag diag = {0};
    struct nj_shelved made;
    enum nj_err err;

    if (commits == b->commits) {
        nj_log(NJ_LOG_DEBUG, "Nothing has changed since the store was backed up.");
        return;
    }
    do
        err = make(b, &made, &diag);
    while (err == NJ_ECLOSED && b->why == map_changes);
    if (err == NJ_OK) {
        b->commits = commits;
        say_made(b, &made, (uint64_t)(nj_clock_monotonic_ms() - began));
        return;
    }
    nj_shelf_sweep(b->folder);
    if (err == NJ_ECLOSED && b->why == stops)
        nj_log(NJ_LOG_INFO, "A backup of the store that was being made is given up.");
    else
        say_failed(b, err == NJ_ECLOSED ? b->why : diag.text);
}

/* --- the thread --- */

static void
body(void *arg)
{
    struct nj_backup *b = arg;
    nj_time due = first_due(b);

    for (;;) {
        bool goes_on;

        (void)pthread_mutex_lock(&b->mutex);
        goes_on = rest_until(b, due, &b->is_wanted);
        b->is_wanted = false;
        (void)pthread_mutex_unlock(&b->mutex);
        if (!goes_on)
            return;
        back_up(b);
        due = nj_time_after_s(nj_clock_monotonic_ms(), b->interval_s);
    }
}

enum nj_err
nj_backup_start(struct nj_backup *backup)
{
    pthread_condattr_t monotonic;
    struct nj_shelved newest;

    if (backup->interval_s == 0)
        return NJ_OK;
    nj_shelf_sweep(backup->folder); /* of a process that died over it */
    if (nj_shelf_newest(backup->folder, UINT64_MAX, &newest))
        gauge(backup, NJ_METRIC_STORE_BACKUP_TIME, (uint64_t)newest.taken_s);
    backup->commits = NONE;
    (void)pthread_mutex_init(&backup->mutex, NULL);
    NJ_ASSERT(pthread_condattr_init(&monotonic) == 0);
    NJ_ASSERT(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    NJ_ASSERT(pthread_cond_init(&backup->news, &monotonic) == 0);
    NJ_ASSERT(pthread_condattr_destroy(&monotonic) == 0);
    backup->is_there = true;
    return nj_thread_start(&backup->thread, "nj-backup", body, backup);
}

void
nj_backup_stop(struct nj_backup *backup)
{
    if (!backup->is_there)
        return;
    tell(backup, &backup->is_stopping, true);
    nj_thread_join(&backup->thread);
    (void)pthread_cond_destroy(&backup->news);
    (void)pthread_mutex_destroy(&backup->mutex);
    backup->is_there = false;
}

bool
nj_backup_ask(struct nj_backup *backup)
{
    if (!backup->is_there)
        return false;
    tell(backup, &backup->is_wanted, true);
    return true;
}

/* --- the writer's --- */

void
nj_backup_hold(struct nj_backup *backup)
{
    if (!backup->is_there)
        return;
    (void)pthread_mutex_lock(&backup->mutex);
    backup->is_held = true;
    (void)pthread_cond_broadcast(&backup->news);
    while (backup->is_copying)
        (void)pthread_cond_wait(&backup->news, &backup->mutex);
    (void)pthread_mutex_unlock(&backup->mutex);
}

void
nj_backup_let_go(struct nj_backup *backup)
{
    if (backup->is_there)
        tell(backup, &backup->is_held, false);
}
