/* SPDX-License-Identifier: Apache-2.0 */
#include "store/db.h"

#include "base/mem.h"
#include "store/crash.h"

#include <errno.h>
#include <limits.h>
#include <lmdb.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of the map: addresses, which cost nothing until a page is there. To widen it takes a while for
 * each page that has been used, in which no thread gets memory of the system; so it is wide at
 * once, within what machines with the fewest addresses have (39 bits). */
#define FIRST_BYTES (sizeof(size_t) > 4 ? (uint64_t)64 << 30 : LEAST_BYTES)
#define LEAST_BYTES ((uint64_t)64 << 20)
#define FREE_LIST   0u /* LMDB's own table of free pages; read-only */

struct nj_db {
    MDB_env *env;
    MDB_dbi tables[NJ_TABLE_COUNT];
    /* The write transaction, and one cursor for each table that it has touched: a cursor remembers
     * its page, and what comes next is often for the same. */
    MDB_txn *txn;
    MDB_cursor *cursors[NJ_TABLE_COUNT];
    const char *directory;
    enum nj_db_mode mode;
    uint64_t max_bytes, page_bytes;
    int code;           /* of the last fault */
    bool met_full_disk; /* the last commit */
    bool is_shut;       /* … at the head page: LMDB takes nothing more */
    uint64_t refused;   /* the number of that transaction */
    struct {
        int code;
        unsigned passes, times;
    } fail;
};

struct nj_snapshot {
    struct nj_db *db;
    MDB_txn *txn;
};

struct nj_cursor {
    struct nj_db *db;
    MDB_cursor *cursor;
};

static MDB_val
val_of(struct nj_str s)
{
    /* LMDB does not write to what it is given. */
    union {
        const char *in;
        void *out;
    } p = {.in = s.p};

    return (MDB_val){s.n, p.out};
}

static struct nj_str
str_of(MDB_val v)
{
    return (struct nj_str){v.mv_data, v.mv_size};
}

static enum nj_end
end_of(struct nj_db *db, int code)
{
    switch (code) {
    case MDB_SUCCESS:
        return NJ_END_DONE;
    case MDB_NOTFOUND:
        return NJ_END_NONE;
    case MDB_KEYEXIST:
        return NJ_END_THERE;
    default:
        break;
    }
    db->code = code;
    switch (code) {
    case MDB_MAP_FULL:
        return NJ_END_SMALL;
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
        return NJ_END_FULL;
    default:
        return NJ_END_FAILED;
    }
}

const char *
nj_db_fault(const struct nj_db *db)
{
    return mdb_strerror(db->code);
}

/* --- opening --- */

static enum nj_end
open_tables(struct nj_db *db, bool is_looked_at)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(db->env, NULL, is_looked_at ? MDB_RDONLY : 0, &txn);

    if (code != MDB_SUCCESS)
        return end_of(db, code);
    for (unsigned i = 0; i < NJ_TABLE_COUNT && code == MDB_SUCCESS; i++)
        code = mdb_dbi_open(txn, nj_table_name(i), is_looked_at ? 0 : MDB_CREATE, &db->tables[i]);
    if (code != MDB_SUCCESS)
        mdb_txn_abort(txn);
    else
        code = mdb_txn_commit(txn);
    return end_of(db, code);
}

/* 0 where there is none. */
static uint64_t
file_bytes(const char *directory)
{
    char path[PATH_MAX];
    struct stat is;

    (void)snprintf(path, sizeof(path), "%s/data.mdb", directory);
    return stat(path, &is) == 0 ? (uint64_t)is.st_size : 0;
}

/* Where addresses are limited (ulimit -v), the heap and the threads live on what the map leaves. A
 * broker that is to die while its map grows has one that a test can fill. */
static uint64_t
usual_map(void)
{
    bool has_to_grow = nj_crash_armed == NJ_CRASH_GROWING || nj_crash_armed == NJ_CRASH_GROWN;
    struct rlimit limit;
    bool is_limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;

    return has_to_grow || is_limited ? LEAST_BYTES : FIRST_BYTES;
}

/* Room for what is there, and as much again; `bytes` at least. */
static uint64_t
map_for(const struct nj_db_opts *opts, uint64_t file, uint64_t bytes)
{
    while (bytes / 2 < file)
        bytes *= 2;
    if (opts->max_bytes > 0)
        bytes = NJ_MIN(bytes, opts->max_bytes);
    return bytes;
}

static enum nj_end
say_empty(const char *directory, struct nj_diag *diag)
{
    nj_diag_fail(diag, NJ_ENOENT, "Error: There is nothing in the store %s.", directory);
    return NJ_END_NONE;
}

/* `is_looked_at`: the tables are there, or nothing is. */
static enum nj_end
open_env(struct nj_db *db, uint64_t map_bytes, bool is_looked_at)
{
    static const unsigned flags[] = {
        [NJ_DB_SYNCED] = 0,
        [NJ_DB_UNSYNCED] = MDB_NOSYNC,
        [NJ_DB_LOOKED_AT] = MDB_RDONLY | MDB_NOLOCK,
        [NJ_DB_BESIDE] = MDB_RDONLY,
    };
    enum nj_end end;
    int code;

    db->env = NULL; /* without memory there is none */
    code = mdb_env_create(&db->env);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_maxdbs(db->env, NJ_TABLE_COUNT);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_mapsize(db->env, map_bytes / db->page_bytes * db->page_bytes);
    if (code == MDB_SUCCESS)
        code = mdb_env_open(db->env, db->directory, flags[db->mode] | MDB_NOTLS, 0600);
    end = end_of(db, code);
    return end == NJ_END_DONE ? open_tables(db, is_looked_at) : end;
}

/* Below valgrind it is EINVAL. */
static bool
has_too_few_addresses(const struct nj_db *db, enum nj_end end)
{
    return end != NJ_END_DONE && (db->code == ENOMEM || db->code == EINVAL);
}

enum nj_end
nj_db_open(struct nj_db **out, const struct nj_db_opts *opts, struct nj_diag *diag)
{
    uint64_t file = file_bytes(opts->directory);
    uint64_t least = opts->first_bytes > 0 ? opts->first_bytes : usual_map();
    bool is_looked_at = opts->mode == NJ_DB_LOOKED_AT || opts->mode == NJ_DB_BESIDE;
    struct nj_db *db;
    enum nj_end end;

    if (is_looked_at && file == 0)
        return say_empty(opts->directory, diag);
    db = nj_zalloc(sizeof(*db));
    if (db == NULL) {
        nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory for the store.");
        return NJ_END_FULL;
    }
    db->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    db->max_bytes = opts->max_bytes / db->page_bytes * db->page_bytes;
    db->directory = opts->directory;
    db->mode = opts->mode;
    end = open_env(db, map_for(opts, file, least), is_looked_at);
    if (has_too_few_addresses(db, end)) {
        mdb_env_close(db->env);
        end = open_env(db, map_for(opts, file, LEAST_BYTES), is_looked_at);
    }
    if (end == NJ_END_NONE)
        (void)say_empty(opts->directory, diag);
    else if (end != NJ_END_DONE)
        nj_diag_fail(diag, NJ_ESYS, "Error: Unable to open the store %s/data.mdb: %s.",
                     opts->directory, mdb_strerror(db->code));
    if (end != NJ_END_DONE) {
        nj_db_close(db);
        return end;
    }
    *out = db;
    return NJ_END_DONE;
}

void
nj_db_close(struct nj_db *db)
{
    if (db == NULL)
        return;
    nj_db_abort(db);
    mdb_env_close(db->env);
    nj_free(db);
}

/* --- writing --- */

/* LMDB refuses all that follows a head page that could not be written. */
enum nj_end
nj_db_begin(struct nj_db *db)
{
    int code = db->is_shut ? MDB_PANIC : mdb_txn_begin(db->env, NULL, 0, &db->txn);

    if (code != MDB_PANIC || !db->met_full_disk)
        return end_of(db, code);
    db->is_shut = true;
    return NJ_END_SHUT;
}

static uint64_t
last_transaction(const struct nj_db *db)
{
    MDB_envinfo info;

    (void)mdb_env_info(db->env, &info);
    return info.me_last_txnid;
}

/* What is read now is what the system holds of the file, and a sync that succeeds puts it on the
 * disk: the old head was written over the new one by LMDB, so it is not taken for clean. */
enum nj_end
nj_db_reopen(struct nj_db *db)
{
    struct nj_db_room room;
    enum nj_end end;

    nj_db_room(db, &room);
    mdb_env_close(db->env);
    end = open_env(db, room.map_bytes, true);
    if (end == NJ_END_DONE && last_transaction(db) + 1 != db->refused)
        end = end_of(db, MDB_PANIC);
    if (end != NJ_END_DONE)
        return NJ_END_FAILED;
    end = nj_db_sync(db);
    db->is_shut = end != NJ_END_DONE;
    return end;
}

static void
forget_cursors(struct nj_db *db)
{
    for (unsigned i = 0; i < NJ_TABLE_COUNT; i++)
        db->cursors[i] = NULL; /* they end with their transaction */
}

static bool
is_to_fail(struct nj_db *db)
{
    if (NJ_LIKELY(db->fail.times == 0))
        return false;
    if (db->fail.passes > 0) {
        db->fail.passes--;
        return false;
    }
    db->fail.times--;
    return true;
}

enum nj_end
nj_db_commit(struct nj_db *db)
{
    MDB_txn *txn = db->txn;
    enum nj_end end;

    if (NJ_UNLIKELY(is_to_fail(db))) {
        nj_db_abort(db);
        return end_of(db, db->fail.code);
    }
    forget_cursors(db);
    db->txn = NULL; /* whatever comes of it */
    db->refused = mdb_txn_id(txn);
    end = end_of(db, mdb_txn_commit(txn));
    db->met_full_disk = end == NJ_END_FULL;
    return end;
}

void
nj_db_abort(struct nj_db *db)
{
    forget_cursors(db);
    if (db->txn != NULL)
        mdb_txn_abort(db->txn);
    db->txn = NULL;
}

static int
cursor_of(struct nj_db *db, enum nj_table table, MDB_cursor **out)
{
    int code = MDB_SUCCESS;

    if (db->cursors[table] == NULL)
        code = mdb_cursor_open(db->txn, db->tables[table], &db->cursors[table]);
    *out = db->cursors[table];
    return code;
}

static enum nj_end
seek(struct nj_db *db, enum nj_table table, MDB_cursor_op op, const struct nj_key *key,
     struct nj_str *found, struct nj_str *value)
{
    MDB_val k = val_of(nj_key_str(key)), v;
    MDB_cursor *cursor;
    int code = cursor_of(db, table, &cursor);

    if (code == MDB_SUCCESS)
        code = mdb_cursor_get(cursor, &k, &v, op);
    if (code == MDB_SUCCESS) {
        if (found != NULL)
            *found = str_of(k);
        *value = str_of(v);
    }
    return end_of(db, code);
}

enum nj_end
nj_db_get(struct nj_db *db, enum nj_table table, const struct nj_key *key, struct nj_str *value)
{
    return seek(db, table, MDB_SET, key, NULL, value);
}

enum nj_end
nj_db_seek(struct nj_db *db, enum nj_table table, const struct nj_key *from, struct nj_str *key,
           struct nj_str *value)
{
    return seek(db, table, MDB_SET_RANGE, from, key, value);
}

static int
put(struct nj_db *db, enum nj_table table, const struct nj_key *key, MDB_val *value, unsigned flags)
{
    MDB_val k = val_of(nj_key_str(key));
    MDB_cursor *cursor;
    int code = cursor_of(db, table, &cursor);

    return code == MDB_SUCCESS ? mdb_cursor_put(cursor, &k, value, flags) : code;
}

enum nj_end
nj_db_put(struct nj_db *db, enum nj_table table, const struct nj_key *key, struct nj_str value)
{
    MDB_val v = val_of(value);

    return end_of(db, put(db, table, key, &v, 0));
}

enum nj_end
nj_db_add(struct nj_db *db, enum nj_table table, const struct nj_key *key, struct nj_str value,
          struct nj_str *old)
{
    MDB_val v = val_of(value);
    int code = put(db, table, key, &v, MDB_NOOVERWRITE);

    if (code == MDB_KEYEXIST)
        *old = str_of(v);
    return end_of(db, code);
}

enum nj_end
nj_db_remove(struct nj_db *db, enum nj_table table, const struct nj_key *key)
{
    struct nj_str value;
    enum nj_end end = nj_db_get(db, table, key, &value);

    return end == NJ_END_DONE ? end_of(db, mdb_cursor_del(db->cursors[table], 0)) : end;
}

enum nj_end
nj_db_sync(struct nj_db *db)
{
    return end_of(db, mdb_env_sync(db->env, 1));
}

/* --- room --- */

void
nj_db_room(const struct nj_db *db, struct nj_db_room *out)
{
    MDB_envinfo info;

    (void)mdb_env_info(db->env, &info); /* fails for want of an environment alone */
    out->used_bytes = (info.me_last_pgno + 1) * db->page_bytes;
    out->map_bytes = info.me_mapsize;
}

bool
nj_db_grow(struct nj_db *db, bool is_past_max)
{
    struct nj_db_room room;
    uint64_t wider;

    nj_db_room(db, &room);
    wider = room.map_bytes * 2;
    if (db->max_bytes > 0)
        wider = NJ_MIN(wider, db->max_bytes);
    if (wider <= room.map_bytes && is_past_max)
        wider = room.map_bytes + (room.map_bytes / 8 / db->page_bytes + 1) * db->page_bytes;
    if (wider <= room.map_bytes || wider > SIZE_MAX / 2)
        return false;
    NJ_CRASH(GROWING);
    /* On failure LMDB has unmapped the file and mapped nothing: back to what it was. */
    if (mdb_env_set_mapsize(db->env, wider) != MDB_SUCCESS) {
        (void)mdb_env_set_mapsize(db->env, room.map_bytes);
        return false;
    }
    NJ_CRASH(GROWN);
    return true;
}

enum nj_end
nj_db_free_bytes(struct nj_db *db, uint64_t *out)
{
    struct nj_db_room room;
    uint64_t pages = 0, last;
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_txn *txn;
    int code = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn);

    if (code != MDB_SUCCESS)
        return end_of(db, code);
    nj_db_room(db, &room);
    last = room.used_bytes / db->page_bytes;
    code = mdb_cursor_open(txn, FREE_LIST, &cursor);
    if (code == MDB_SUCCESS) {
        while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == MDB_SUCCESS) {
            size_t count, before = SIZE_MAX;

            /* How many, and then each of them, falling. */
            memcpy(&count, value.mv_data, sizeof(count));
            if (count >= value.mv_size / sizeof(count)) {
                code = MDB_CORRUPTED;
                break;
            }
            for (size_t i = 1; i <= count; i++) {
                size_t page;

                memcpy(&page, (const char *)value.mv_data + i * sizeof(page), sizeof(page));
                if (page < 2 || page >= last || page >= before)
                    code = MDB_CORRUPTED;
                before = page;
            }
            if (code != MDB_SUCCESS)
                break;
            pages += count;
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    if (code != MDB_NOTFOUND)
        return end_of(db, code);
    *out = pages * db->page_bytes;
    return NJ_END_DONE;
}

void
nj_db_forget_dead_readers(struct nj_db *db)
{
    int dead;

    (void)mdb_reader_check(db->env, &dead);
}

/* --- copying --- */

enum nj_end
nj_db_copy(struct nj_db *db, int fd, bool is_compact, const char **fault)
{
    int code = mdb_env_copyfd2(db->env, fd, is_compact ? MDB_CP_COMPACT : 0);

    *fault = mdb_strerror(code);
    return code == MDB_SUCCESS ? NJ_END_DONE : NJ_END_FAILED;
}

uint64_t
nj_db_copy_bytes(struct nj_db *db)
{
    uint64_t pages = 4; /* the heads, the table of tables */
    MDB_txn *txn;

    if (mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn) != MDB_SUCCESS)
        return 0;
    for (unsigned i = 0; i < NJ_TABLE_COUNT; i++) {
        MDB_stat stat;

        if (mdb_stat(txn, db->tables[i], &stat) == MDB_SUCCESS)
            pages += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    }
    mdb_txn_abort(txn);
    return pages * db->page_bytes;
}

/* --- reading --- */

enum nj_end
nj_snapshot_open(struct nj_snapshot **out, struct nj_db *db)
{
    struct nj_snapshot *snapshot = nj_zalloc(sizeof(*snapshot));
    enum nj_end end;

    if (snapshot == NULL)
        return end_of(db, ENOMEM);
    snapshot->db = db;
    end = end_of(db, mdb_txn_begin(db->env, NULL, MDB_RDONLY, &snapshot->txn));
    if (end != NJ_END_DONE) {
        nj_free(snapshot);
        return end;
    }
    *out = snapshot;
    return NJ_END_DONE;
}

void
nj_snapshot_close(struct nj_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    mdb_txn_abort(snapshot->txn);
    nj_free(snapshot);
}

enum nj_end
nj_snapshot_get(struct nj_snapshot *snapshot, enum nj_table table, const struct nj_key *key,
                struct nj_str *value)
{
    MDB_val k = val_of(nj_key_str(key)), v;
    int code = mdb_get(snapshot->txn, snapshot->db->tables[table], &k, &v);

    if (code == MDB_SUCCESS)
        *value = str_of(v);
    return end_of(snapshot->db, code);
}

enum nj_end
nj_snapshot_count(struct nj_snapshot *snapshot, enum nj_table table, uint64_t *out)
{
    MDB_stat stat;
    int code = mdb_stat(snapshot->txn, snapshot->db->tables[table], &stat);

    if (code == MDB_SUCCESS)
        *out = stat.ms_entries;
    return end_of(snapshot->db, code);
}

enum nj_end
nj_cursor_open(struct nj_cursor **out, struct nj_snapshot *snapshot, enum nj_table table)
{
    struct nj_cursor *cursor = nj_zalloc(sizeof(*cursor));
    enum nj_end end;

    if (cursor == NULL)
        return end_of(snapshot->db, ENOMEM);
    cursor->db = snapshot->db;
    end = end_of(cursor->db,
                 mdb_cursor_open(snapshot->txn, snapshot->db->tables[table], &cursor->cursor));
    if (end != NJ_END_DONE) {
        nj_free(cursor);
        return end;
    }
    *out = cursor;
    return NJ_END_DONE;
}

void
nj_cursor_close(struct nj_cursor *cursor)
{
    if (cursor == NULL)
        return;
    mdb_cursor_close(cursor->cursor);
    nj_free(cursor);
}

static enum nj_end
go(struct nj_cursor *cursor, MDB_cursor_op op, struct nj_str *key, struct nj_str *value)
{
    MDB_val k, v;
    int code = mdb_cursor_get(cursor->cursor, &k, &v, op);

    if (code == MDB_SUCCESS) {
        *key = str_of(k);
        *value = str_of(v);
    }
    return end_of(cursor->db, code);
}

enum nj_end
nj_cursor_first(struct nj_cursor *cursor, struct nj_str *key, struct nj_str *value)
{
    return go(cursor, MDB_FIRST, key, value);
}

enum nj_end
nj_cursor_next(struct nj_cursor *cursor, struct nj_str *key, struct nj_str *value)
{
    return go(cursor, MDB_NEXT, key, value);
}

enum nj_end
nj_cursor_last(struct nj_cursor *cursor, struct nj_str *key, struct nj_str *value)
{
    return go(cursor, MDB_LAST, key, value);
}

/* --- for tests --- */

void
nj_db_fail_commits(struct nj_db *db, int code, unsigned passes, unsigned times)
{
    db->fail.code = code;
    db->fail.passes = passes;
    db->fail.times = times;
}
