/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_priv.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/save.h"
#include "store/crash.h"
#include "store/shelf.h"
#include "store/walk.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define SHARDS     1024u /* hash(client identifier) mod this; never changes in a store's life */
#define FULL_BYTES ((size_t)64 << 20)

#define BACKUP_BYTES_PER_SECOND ((uint64_t)16 << 20)
#define BACKUP_GROWTH_BYTES     ((uint64_t)64 << 20)

/* --- the record that says what this is --- */

/* Before the store's own is known. */
static const struct nj_seal meta_seal = {{0x6e696768746a6172u, 0x73746f7265000001u}};
static const struct nj_key meta_key = {.n = 5, .bytes = "store"};

enum nj_end
nj_store_put_meta(struct nj_db *db, const struct nj_meta *meta)
{
    char value[NJ_META_SIZE];
    struct nj_writer w = nj_writer_of(value, sizeof(value));
    enum nj_end end = nj_db_begin(db);

    nj_meta_write(&w, meta);
    nj_seal_put(&meta_seal, NJ_TABLE_META, &meta_key, value, sizeof(value));
    if (end == NJ_END_DONE)
        end = nj_db_put(db, NJ_TABLE_META, &meta_key, (struct nj_str){value, sizeof(value)});
    if (end != NJ_END_DONE) {
        nj_db_abort(db);
        return end;
    }
    return nj_db_commit(db);
}

static enum nj_end
make_meta(struct nj_db *db, struct nj_meta *meta)
{
    *meta = (struct nj_meta){.format = NJ_STORE_FORMAT, .shards = SHARDS};
    nj_rand_system(meta->seal.k, sizeof(meta->seal.k));
    return nj_store_put_meta(db, meta);
}

enum nj_end
nj_store_meta(struct nj_db *db, struct nj_meta *meta)
{
    struct nj_snapshot *snapshot;
    struct nj_str value;
    enum nj_end end = nj_snapshot_open(&snapshot, db);
    bool is_good = true;
    uint64_t sessions;

    if (end != NJ_END_DONE)
        return end;
    end = nj_snapshot_get(snapshot, NJ_TABLE_META, &meta_key, &value);
    if (end == NJ_END_DONE) {
        is_good = nj_seal_check(&meta_seal, NJ_TABLE_META, nj_key_str(&meta_key), &value) &&
                  nj_meta_read(value, meta);
    } else if (end == NJ_END_NONE) {
        is_good = nj_snapshot_count(snapshot, NJ_TABLE_SESSIONS, &sessions) == NJ_END_DONE &&
                  sessions == 0;
    }
    nj_snapshot_close(snapshot);
    return is_good ? end : NJ_END_FAILED;
}

static enum nj_err
judge_meta(const struct nj_store *store, const struct nj_meta *meta, struct nj_diag *diag)
{
    if (nj_meta_is_known(meta) && meta->shards == SHARDS)
        return NJ_OK;
    nj_diag_fail(diag, NJ_EUNSUPPORTED,
                 "Error: The store %s has format %u with %u shards, not %u with %u.",
                 store->folder.path, meta->format, meta->shards, NJ_STORE_FORMAT, SHARDS);
    nj_diag_hint(diag, "It was written by another version of nightjar: use that one, or another "
                       "directory.");
    return NJ_EUNSUPPORTED;
}

/* Before anything is written that a nightjar of that format would not find: with this it does not
 * open the store. */
static enum nj_err
raise_format(struct nj_store *store, struct nj_meta *meta, struct nj_diag *diag)
{
    uint32_t before = meta->format;

    if (before == NJ_STORE_FORMAT)
        return NJ_OK;
    meta->format = NJ_STORE_FORMAT;
    if (nj_store_put_meta(store->db, meta) != NJ_END_DONE)
        return nj_diag_fail(diag, NJ_ESYS,
                            "Error: Unable to bring the store %s from format %u to %u: %s.",
                            store->folder.path, before, meta->format, nj_db_fault(store->db));
    nj_log(NJ_LOG_NOTICE,
           "The store %s had format %u, and has %u now: an older nightjar does not open it.",
           store->folder.path, before, meta->format);
    return NJ_OK;
}

/* --- opening --- */

/* In the log, and beside the file that was put aside. */
static void
report(const char *where, const char *text)
{
    char path[PATH_MAX + 16];

    nj_log(NJ_LOG_ERROR, "%s", text);
    if (where[0] == '\0')
        return;
    (void)snprintf(path, sizeof(path), "%s/report", where);
    if (nj_save(path, nj_str_of(text), NJ_SAVE_SECRET, false, NULL) != NJ_OK)
        nj_log(NJ_LOG_WARNING, "Cannot write %s.", path);
}

/* data.mdb is no longer there: the newest backup is, or nothing. `where` it lies now; empty: it was
 * lost. */
static enum nj_err
replace(struct nj_store *store, const char *why, const char *where, struct nj_diag *diag)
{
    char text[4 * PATH_MAX], aside[PATH_MAX + 64] = "";
    struct nj_shelved backup;
    enum nj_err err = nj_shelf_restore(&store->folder, &backup, diag);

    if (where[0] != '\0')
        (void)snprintf(aside, sizeof(aside), " It is put aside as %s.", where);
    if (err == NJ_OK) {
        time_t taken = (time_t)backup.taken_s;
        char date[32];
        struct tm utc;

        (void)gmtime_r(&taken, &utc);
        (void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &utc);
        (void)snprintf(text, sizeof(text),
                       "The store %s is damaged (%s).%s The backup of %s UTC (%s) is in its place. "
                       "What was acknowledged after that time is lost to this broker: sessions, "
                       "subscriptions, queued and retained messages; what was delivered after it "
                       "may come again.",
                       store->folder.path, why, aside, date, backup.path);
    } else {
        if (err != NJ_ENOENT)
            nj_log(NJ_LOG_ERROR, "%s", diag->text);
        *diag = (struct nj_diag){0};
        (void)snprintf(text, sizeof(text),
                       "The store %s is damaged (%s).%s There is no backup that is whole. What it "
                       "held is lost to this broker: sessions, queued and retained messages. A new "
                       "one begins.",
                       store->folder.path, why, aside);
    }
    report(where, text);
    return NJ_OK;
}

static enum nj_err
put_aside(struct nj_store *store, const char *why, struct nj_diag *diag)
{
    char where[PATH_MAX];
    enum nj_err err = nj_folder_put_aside(&store->folder, where, diag);

    return err == NJ_OK ? replace(store, why, where, diag) : err;
}

/* Not there, or nothing in it. */
static bool
is_empty(const struct nj_folder *folder)
{
    char path[PATH_MAX];
    struct stat is;

    nj_folder_name(folder, "data.mdb", path);
    return folder->is_new || (stat(path, &is) == 0 && is.st_size == 0);
}

static enum nj_err
walk(struct nj_store *store, struct nj_diag *diag)
{
    struct nj_shelved backup;
    char why[128];

    /* So a start is left that was killed while it replaced the file. */
    if (is_empty(&store->folder) && nj_shelf_newest(&store->folder, UINT64_MAX, &backup))
        return replace(store, "its file is gone", "", diag);
    /* A first start that was killed leaves it so, too, but it marks nothing as closed. */
    if (store->folder.was_clean && store->folder.is_new)
        return replace(store, "its file is gone", "", diag);
    if (store->folder.was_clean && is_empty(&store->folder))
        return put_aside(store, "its file is empty", diag);
    if (store->folder.is_new)
        return NJ_OK;
    /* Also after a good end: a disk, or who copied the file, may have damaged it since. */
    if (!store->folder.was_clean)
        nj_log(NJ_LOG_NOTICE, "The store %s was not closed. Looking at all of it.",
               store->folder.path);
    switch (nj_walk(store->folder.path, why)) {
    case NJ_WALK_GOOD:
        return NJ_OK;
    case NJ_WALK_DAMAGED:
        return put_aside(store, why, diag);
    case NJ_WALK_UNKNOWN:
        nj_log(NJ_LOG_WARNING, "The store %s is used unseen: %s.", store->folder.path, why);
        return NJ_OK;
    }
    return NJ_OK;
}

static enum nj_end
open_tables(struct nj_store *store, const struct nj_db_opts *opts, struct nj_meta *meta,
            struct nj_diag *diag)
{
    enum nj_end end = nj_db_open(&store->db, opts, diag);

    if (end != NJ_END_DONE)
        return end;
    end = nj_store_meta(store->db, meta);
    if (end == NJ_END_NONE)
        end = make_meta(store->db, meta);
    if (end != NJ_END_DONE) {
        nj_diag_fail(diag, NJ_ESYS, "Error: Unable to use the store %s: %s.", store->folder.path,
                     nj_db_fault(store->db));
        nj_db_close(store->db);
        store->db = NULL;
    }
    return end;
}

static enum nj_err
open_db(struct nj_store *store, const struct nj_db_opts *opts, struct nj_diag *diag)
{
    struct nj_meta meta;
    enum nj_err err = walk(store, diag);
    enum nj_end end;

    if (err != NJ_OK)
        return err;
    end = open_tables(store, opts, &meta, diag);
    if (end == NJ_END_FAILED && !store->folder.is_new) {
        err = put_aside(store, "its head cannot be read", diag);
        if (err != NJ_OK)
            return err;
        *diag = (struct nj_diag){0};
        end = open_tables(store, opts, &meta, diag);
    }
    if (end != NJ_END_DONE)
        return NJ_ESYS;
    nj_ledger_init(&store->ledger, store->db, &meta.seal);
    err = judge_meta(store, &meta, diag);
    return err == NJ_OK ? raise_format(store, &meta, diag) : err;
}

enum nj_err
nj_store_open(struct nj_store **out, const struct nj_store_opts *opts, uint16_t homes,
              struct nj_diag *diag)
{
    static const struct nj_store_tuning usual = {0};

    return nj_store_open_tuned(out, opts, homes, &usual, diag);
}

enum nj_err
nj_store_open_tuned(struct nj_store **out, const struct nj_store_opts *opts, uint16_t homes,
                    const struct nj_store_tuning *tuning, struct nj_diag *diag)
{
    const struct nj_intake_opts intake = {
        .home_count = homes,
        .is_prompt = opts->durability.mode == NJ_DURABILITY_INTERVAL,
        .full_bytes = tuning->intake_bytes > 0 ? tuning->intake_bytes : FULL_BYTES,
    };
    struct nj_db_opts db = {
        .mode = opts->durability.mode == NJ_DURABILITY_NONE ? NJ_DB_UNSYNCED : NJ_DB_SYNCED,
        .first_bytes = tuning->map_bytes,
        .max_bytes = opts->max_bytes,
    };
    struct nj_store *store = nj_zalloc(sizeof(*store));
    enum nj_err err;

    if (store == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory for the store.");
    store->folder.lock = -1;
    db.directory = store->folder.path;
    if (!nj_crash_arm()) {
        err = nj_diag_fail(diag, NJ_EINVAL, "Error: NIGHTJAR_CRASH_POINT names no place.");
        goto fail;
    }
    err = nj_folder_open(&store->folder, opts->directory, diag);
    if (err == NJ_OK)
        err = open_db(store, &db, diag);
    if (err == NJ_OK)
        err = nj_intake_new(&store->intake, &intake);
    if (err != NJ_OK)
        goto fail;
    nj_db_forget_dead_readers(store->db);
    nj_space_init(&store->space, store->folder.path, opts->max_bytes);
    store->backup = (struct nj_backup){
        .db = store->db,
        .folder = &store->folder,
        .writer = &store->metrics,
        .reserve_bytes = 2 * nj_space_reserve(&store->space),
        .interval_s = opts->backup_interval_s,
        .bytes_per_second = BACKUP_BYTES_PER_SECOND,
        .most_growth_bytes = BACKUP_GROWTH_BYTES,
    };
    store->committer = (struct nj_committer){
        .db = store->db,
        .ledger = &store->ledger,
        .intake = store->intake,
        .folder = &store->folder,
        .space = &store->space,
        .backup = &store->backup,
        .metrics = &store->metrics,
        .durability = opts->durability.mode,
        .interval_ms = opts->durability.interval_ms,
        .home_count = homes,
    };
    NJ_CRASH(OPENED);
    *out = store;
    return NJ_OK;

fail:
    nj_store_close(store);
    return err;
}

struct nj_store_port *
nj_store_port(struct nj_store *store, uint16_t home)
{
    return nj_intake_port(store->intake, home);
}

enum nj_err
nj_store_start(struct nj_store *store, void (*wake)(void *ctx, uint16_t home), void *ctx,
               struct nj_diag *diag)
{
    enum nj_err err;

    nj_intake_wake_by(store->intake, wake, ctx);
    err = nj_backup_start(&store->backup);
    if (err == NJ_OK)
        err = nj_committer_start(&store->committer);
    if (err != NJ_OK) {
        nj_backup_stop(&store->backup);
        return nj_diag_fail(diag, err, "Error: Unable to start the store's threads.");
    }
    store->is_running = true;
    return NJ_OK;
}

bool
nj_store_back_up(struct nj_store *store)
{
    return nj_backup_ask(&store->backup);
}

void
nj_store_stop(struct nj_store *store)
{
    if (!store->is_running)
        return;
    nj_intake_stop(store->intake);
    nj_committer_join(&store->committer);
    nj_backup_stop(&store->backup);
    store->is_running = false;
    NJ_CRASH(STOPPED);
}

void
nj_store_close(struct nj_store *store)
{
    bool is_clean;

    if (store == NULL)
        return;
    nj_store_stop(store);
    is_clean =
        store->db != NULL && !store->committer.has_failed && nj_db_sync(store->db) == NJ_END_DONE;
    nj_ledger_fini(&store->ledger);
    nj_db_close(store->db);
    NJ_CRASH(CLOSED);
    nj_folder_close(&store->folder, is_clean);
    nj_intake_free(store->intake);
    nj_free(store);
}

uint64_t
nj_store_metric(const struct nj_store *store, enum nj_metric which)
{
    return nj_metric_get(&store->metrics, which) + nj_metric_get(&store->backup.metrics, which);
}
