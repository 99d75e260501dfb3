/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.h — what the tables hold, as far as changes must know: which sessions there are, and by
 * how many each message is wanted. The counts are in memory alone; the load makes them anew.
 *
 * Changes are applied in a transaction; what is undone with it is undone here, too.
 *
 * A change that speaks of a session or a message that is not there does nothing: the session has
 * ended, or was put aside. Thread: the load's, then the writer's. */
#ifndef NJ_STORE_LEDGER_H
#define NJ_STORE_LEDGER_H

#include "store/db.h"
#include "store/intake.h"
#include "store/numbers.h"

struct nj_undo;

/* A retained record of format 1: it lies under the hash of its topic. */
#define NJ_LEDGER_BY_HASH UINT64_MAX

struct nj_ledger {
    struct nj_db *db;
    struct nj_seal seal;
    struct nj_numbers sessions; /* 1: it is there */
    struct nj_numbers wanted;   /* messages: by so many, never 0 */
    struct nj_numbers
        retained; /* by a topic's hash, the number of a topic's record, or NJ_LEDGER_BY_HASH */
    uint64_t retained_top; /* the highest number of a record that there ever was */
    uint64_t operations;   /* on tables, in this transaction */

    /* private */
    struct nj_undo *undo;
    size_t undo_count, undo_capacity;
    /* Sessions that have ended, of which something may be left: from `swept` on. */
    uint64_t *ended;
    size_t ended_count, ended_capacity, swept;
    size_t ended_before, swept_before; /* this transaction */
    uint64_t ended_top;                /* the highest number that ever ended */
};

void nj_ledger_init(struct nj_ledger *ledger, struct nj_db *db, const struct nj_seal *seal);
void nj_ledger_fini(struct nj_ledger *ledger);

/* nj_db_begin(), and back to here with nj_ledger_abort(). */
NJ_NODISCARD enum nj_end nj_ledger_begin(struct nj_ledger *ledger);
/* NJ_END_DONE, NJ_END_FULL, NJ_END_FAILED; after the last two: abort. Checksums are written into
 * the entry, which may be applied again. */
NJ_NODISCARD enum nj_end nj_ledger_apply(struct nj_ledger *ledger, struct nj_entry *entry);
/* Delete some of what ended sessions had, at most `most` records. */
NJ_NODISCARD enum nj_end nj_ledger_sweep(struct nj_ledger *ledger, unsigned most);
bool nj_ledger_has_to_sweep(const struct nj_ledger *ledger);
/* Ends the transaction, and undoes it here if it fails. */
NJ_NODISCARD enum nj_end nj_ledger_commit(struct nj_ledger *ledger);
void nj_ledger_abort(struct nj_ledger *ledger);

/* Where a retained record lies: of a number, or NJ_LEDGER_BY_HASH. */
struct nj_key nj_ledger_retained_key(struct nj_number_key topic, uint64_t record);

/* ---- for the load, outside of a transaction; false without memory ---- */

bool nj_ledger_add_session(struct nj_ledger *ledger, uint64_t session);
/* One more wants it. */
bool nj_ledger_add_wanted(struct nj_ledger *ledger, uint64_t message);
/* The record of a topic's retained message; instead of another one that it may have had. */
bool nj_ledger_add_retained(struct nj_ledger *ledger, struct nj_number_key topic, uint64_t record);
/* It is not there, but something of it is. */
bool nj_ledger_add_ended(struct nj_ledger *ledger, uint64_t session);

#endif
