/* SPDX-License-Identifier: Apache-2.0 */
/* db.h — the tables, in one LMDB file: one write transaction at a time, snapshots beside it, a map
 * that grows. No other file knows LMDB.
 *
 * Nothing is written in place and each commit ends with one page that points to the new tree, so a
 * commit is there whole or not at all. LMDB's own lock file is kept: by it another process (backup)
 * may read a consistent snapshot while this one writes.
 * Thread: one at a time. Never across fork(). */
#ifndef NJ_STORE_DB_H
#define NJ_STORE_DB_H

#include "base/err.h"
#include "store/record.h"

struct nj_db;

/* What came of it. */
enum nj_end {
    NJ_END_DONE,
    NJ_END_NONE,   /* no such key */
    NJ_END_THERE,  /* the key is there already */
    NJ_END_SMALL,  /* the map is too small: nj_db_grow(), and again */
    NJ_END_FULL,   /* no room on the disk or in memory: may be tried again */
    NJ_END_SHUT,   /* a full disk met the head page: nj_db_reopen(), and again */
    NJ_END_FAILED, /* the file or the disk is at fault: must not be tried again */
};

enum nj_db_mode {
    NJ_DB_SYNCED,    /* nj_db_commit() returns when the disk has it */
    NJ_DB_UNSYNCED,  /* … when the system has it */
    NJ_DB_LOOKED_AT, /* nothing is written, nothing is locked: nobody writes meanwhile */
    NJ_DB_BESIDE,    /* the same, beside a process that writes, which it keeps from reusing pages */
};

struct nj_db_opts {
    const char *directory; /* there; lent as long as it is open */
    enum nj_db_mode mode;
    uint64_t first_bytes; /* of the map, at least; 0: 64 GiB, or 64 MiB with few addresses */
    uint64_t max_bytes;   /* of the map; 0: no limit */
};

/* Tables are made where they are not there. NJ_END_FAILED: not a file of LMDB's, or a damaged one.
 * NJ_END_NONE, when only looked at: there is no file, or it is empty. */
NJ_NODISCARD enum nj_end nj_db_open(struct nj_db **out, const struct nj_db_opts *opts,
                                    struct nj_diag *diag);
/* NULL is accepted. */
void nj_db_close(struct nj_db *db);

/* What the last call met that ended in one of the last three ways. */
const char *nj_db_fault(const struct nj_db *db);

/* ---- writing ---- */

NJ_NODISCARD enum nj_end nj_db_begin(struct nj_db *db);
NJ_NODISCARD enum nj_end nj_db_commit(struct nj_db *db);
/* Nothing of it was. Harmless when there is no transaction. */
void nj_db_abort(struct nj_db *db);

/* Values that are lent stay valid until the next change of the same transaction. */
NJ_NODISCARD enum nj_end nj_db_get(struct nj_db *db, enum nj_table table, const struct nj_key *key,
                                   struct nj_str *value);
NJ_NODISCARD enum nj_end nj_db_put(struct nj_db *db, enum nj_table table, const struct nj_key *key,
                                   struct nj_str value);
/* NJ_END_THERE: nothing has changed, *old is what is there. */
NJ_NODISCARD enum nj_end nj_db_add(struct nj_db *db, enum nj_table table, const struct nj_key *key,
                                   struct nj_str value, struct nj_str *old);
NJ_NODISCARD enum nj_end nj_db_remove(struct nj_db *db, enum nj_table table,
                                      const struct nj_key *key);
/* The first key that is not before `from`. */
NJ_NODISCARD enum nj_end nj_db_seek(struct nj_db *db, enum nj_table table,
                                    const struct nj_key *from, struct nj_str *key,
                                    struct nj_str *value);

/* Make sure that all that was committed is on the disk. */
NJ_NODISCARD enum nj_end nj_db_sync(struct nj_db *db);

/* ---- room; between transactions ---- */

struct nj_db_room {
    uint64_t used_bytes; /* up to the last page that was ever in use */
    uint64_t map_bytes;
};
void nj_db_room(const struct nj_db *db, struct nj_db_room *out);
/* Twice the map, and an eighth more once max_bytes is reached, if `is_past_max`. False: not
 * allowed, or the system gives none. No snapshot is open. */
bool nj_db_grow(struct nj_db *db, bool is_past_max);
/* Bytes of pages within the file that are free. Cost: one look for each past transaction that left
 * some. NJ_END_FAILED: the list makes no sense. */
NJ_NODISCARD enum nj_end nj_db_free_bytes(struct nj_db *db, uint64_t *out);
/* Let go of snapshots of processes that died with them. */
void nj_db_forget_dead_readers(struct nj_db *db);

/* After NJ_END_SHUT: as it was before the commit that met the full disk, and so on the disk. LMDB
 * takes nothing more once it could not write its head; what it wrote of it is taken back here and
 * synced, so that a cut of the power finds one state or the other, and never pages of one under the
 * head of the other. No snapshot is open. NJ_END_FULL: no room yet, as before; NJ_END_FAILED: which
 * of the two is there cannot be told, or it cannot be opened: nothing but nj_db_close() is left. */
NJ_NODISCARD enum nj_end nj_db_reopen(struct nj_db *db);

/* ---- reading ---- */

struct nj_snapshot;
struct nj_cursor;

NJ_NODISCARD enum nj_end nj_snapshot_open(struct nj_snapshot **out, struct nj_db *db);
void nj_snapshot_close(struct nj_snapshot *snapshot);
/* Lent until the snapshot is closed; so is what cursors give. */
NJ_NODISCARD enum nj_end nj_snapshot_get(struct nj_snapshot *snapshot, enum nj_table table,
                                         const struct nj_key *key, struct nj_str *value);
NJ_NODISCARD enum nj_end nj_snapshot_count(struct nj_snapshot *snapshot, enum nj_table table,
                                           uint64_t *out);

NJ_NODISCARD enum nj_end nj_cursor_open(struct nj_cursor **out, struct nj_snapshot *snapshot,
                                        enum nj_table table);
void nj_cursor_close(struct nj_cursor *cursor);
/* The first one, the first that is not before `from`, the next one, the last one. */
NJ_NODISCARD enum nj_end nj_cursor_first(struct nj_cursor *cursor, struct nj_str *key,
                                         struct nj_str *value);
NJ_NODISCARD enum nj_end nj_cursor_next(struct nj_cursor *cursor, struct nj_str *key,
                                        struct nj_str *value);
NJ_NODISCARD enum nj_end nj_cursor_last(struct nj_cursor *cursor, struct nj_str *key,
                                        struct nj_str *value);

/* ---- copying; also from another thread than the writer's, if nj_db_grow() is not called meanwhile
 */

/* What the newest transaction left, written to `fd` as a data.mdb of its own; `is_compact`: without
 * the pages that are free. At the reader's pace; what is freed meanwhile is not used again.
 * `fault`: what it met, where it did not end well. */
NJ_NODISCARD enum nj_end nj_db_copy(struct nj_db *db, int fd, bool is_compact, const char **fault);
/* What such a copy, compact, would take; 0: not known. */
uint64_t nj_db_copy_bytes(struct nj_db *db);

/* ---- for tests ---- */

/* After `passes` more, `times` commits do nothing and end as if the system had said `code`. */
void nj_db_fail_commits(struct nj_db *db, int code, unsigned passes, unsigned times);

#endif
