/* SPDX-License-Identifier: Apache-2.0 */
#include "store/committer.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/crash.h"

#include <inttypes.h>

#define MOST_OPERATIONS  100000u /* of a transaction */
#define SWEEP_RECORDS    1024u   /* of one */
#define MAP_MARGIN_BYTES ((uint64_t)8 << 20)
#define FIRST_RETRY_MS   100
#define LAST_RETRY_MS    1000
#define LOOK_MS          100  /* at the space, while there is some */
#define FULL_LOOK_MS     1000 /* and while there is none */
#define READERS_MS       60000
#define LAST_TRIES       3 /* of a batch, when it is time to stop */

static void
count(const struct nj_committer *c, enum nj_metric which, uint64_t difference)
{
    nj_metric_add(c->metrics, which, (int64_t)difference);
}

static void
gauge(const struct nj_committer *c, enum nj_metric which, uint64_t now)
{
    nj_metric_add(c->metrics, which, (int64_t)(now - nj_metric_get(c->metrics, which)));
}

/* --- what stands in the way --- */

static bool
is_full(const struct nj_committer *c)
{
    return c->space->is_full || c->is_stuck || c->has_failed;
}

/* A batch is a quarter of what room there is, at most, and the message that it ends with an eighth:
 * with the next one behind it, and the pages that a transaction takes before it gives any back, it
 * still fits. Ends are doubted on the disk before homes hear of it. */
static void
say_full(struct nj_committer *c)
{
    bool is_full_now = is_full(c);

    c->doubts_ends = is_full_now && (c->doubts_ends || nj_folder_doubt_ends(c->folder));
    c->has_all = c->has_all && !is_full_now;
    nj_intake_set_full(c->intake, is_full_now, c->doubts_ends, c->space->room_bytes / 4);
    gauge(c, NJ_METRIC_STORE_FULL, is_full_now);
}

/* Nothing that was appended while ends were doubted is still to come. */
static void
trust_ends(struct nj_committer *c)
{
    if (!c->folder->are_ends_trusted && !nj_intake_has_failed(c->intake))
        (void)nj_folder_trust_ends(c->folder); /* else after the next batch */
}

/* With less room, more often. */
static void
look_at_space(struct nj_committer *c)
{
    uint64_t tight = NJ_SPACE_TIGHT * nj_space_reserve(c->space);
    nj_time now = nj_clock_monotonic_ms();
    nj_time rest = c->space->is_full ? FULL_LOOK_MS : c->space->room_bytes > tight ? LOOK_MS : 0;

    if (now - c->looked < rest)
        return;
    c->looked = now;
    (void)nj_space_look(c->space, c->db);
    say_full(c);
}

/* For what has been taken store_max_bytes is no limit any more: what makes room may be part of it,
 * or wait behind it. */
static bool
grow(struct nj_committer *c, bool is_for_taken)
{
    bool has_grown;

    nj_backup_hold(c->backup);
    has_grown = nj_db_grow(c->db, is_for_taken);
    nj_backup_let_go(c->backup);
    return has_grown;
}

/* Before the map is too small, which would cost a transaction. */
static void
grow_ahead(struct nj_committer *c, const struct nj_batch *batch)
{
    uint64_t wish = (batch != NULL ? batch->bytes * 2 : 0) + MAP_MARGIN_BYTES;
    struct nj_db_room room;

    nj_db_room(c->db, &room);
    while (room.used_bytes + wish > room.map_bytes && grow(c, false))
        nj_db_room(c->db, &room);
}

static void
fail(struct nj_committer *c)
{
    c->has_failed = true;
    nj_intake_fail(c->intake);
    say_full(c);
    nj_log(NJ_LOG_ERROR,
           "The store %s has failed: %s. Nothing that needs it is acknowledged any more. Look at "
           "the disk, then start again.",
           c->space->directory, nj_db_fault(c->db));
}

/* --- one transaction --- */

/* After a full disk has met the head page LMDB is opened anew; a backup reads nothing meanwhile,
 * nor after it if that fails. */
static enum nj_end
begin(struct nj_committer *c)
{
    enum nj_end end = nj_ledger_begin(c->ledger);

    if (NJ_LIKELY(end != NJ_END_SHUT))
        return end;
    nj_backup_hold(c->backup);
    end = nj_db_reopen(c->db);
    if (end == NJ_END_FAILED)
        return end;
    nj_backup_let_go(c->backup);
    if (end != NJ_END_DONE)
        return end;
    nj_log(NJ_LOG_NOTICE, "The store %s is opened anew: its head page had met a full disk.",
           c->space->directory);
    return nj_ledger_begin(c->ledger);
}

/* Changes from *e on, as many as a transaction takes; *e is the first that is not in it. */
static enum nj_end
apply(struct nj_committer *c, struct nj_entry **e, uint64_t *changes)
{
    enum nj_end end = NJ_END_DONE;

    for (; *e != NULL && c->ledger->operations < MOST_OPERATIONS; *e = (*e)->following) {
        c->last[(*e)->home] = *e;
        /* How many want it lies anywhere in a large table. */
        if ((*e)->following != NULL)
            nj_numbers_foresee(&c->ledger->wanted, nj_number((*e)->following->message));
        if ((*e)->is_dead)
            continue;
        end = nj_ledger_apply(c->ledger, *e);
        if (end != NJ_END_DONE)
            return end;
        ++*changes;
    }
    return end;
}

static enum nj_end
try_transact(struct nj_committer *c, struct nj_entry **from)
{
    int64_t begun = nj_clock_monotonic_ns();
    struct nj_entry *e = *from;
    uint64_t changes = 0, took_us;
    enum nj_end end;

    for (unsigned i = 0; i < c->home_count; i++)
        c->last[i] = NULL;
    end = begin(c);
    if (end != NJ_END_DONE)
        return end;
    NJ_CRASH(BEGUN);
    end = apply(c, &e, &changes);
    if (end == NJ_END_DONE)
        end = nj_ledger_sweep(c->ledger, SWEEP_RECORDS);
    if (end != NJ_END_DONE) {
        nj_ledger_abort(c->ledger);
        return end;
    }
    NJ_CRASH(APPLIED);
    end = nj_ledger_commit(c->ledger);
    if (end != NJ_END_DONE)
        return end;
    NJ_CRASH(COMMITTED);
    *from = e;
    count(c, NJ_METRIC_STORE_COMMITS, 1); /* before anybody can ask for a backup of it */
    count(c, NJ_METRIC_STORE_CHANGES, changes);
    nj_intake_commit(c->intake, c->last);
    NJ_CRASH(PUBLISHED);
    took_us = (uint64_t)(nj_clock_monotonic_ns() - begun) / 1000;
    gauge(c, NJ_METRIC_STORE_COMMIT_US, took_us);
    if (took_us > nj_metric_get(c->metrics, NJ_METRIC_STORE_COMMIT_MOST_US))
        gauge(c, NJ_METRIC_STORE_COMMIT_MOST_US, took_us);
    return NJ_END_DONE;
}

/* *from moves behind what is committed; else nothing has changed. */
static enum nj_end
transact(struct nj_committer *c, struct nj_entry **from)
{
    enum nj_end end = try_transact(c, from);

    if (end != NJ_END_DONE && end != NJ_END_SMALL)
        count(c, NJ_METRIC_STORE_FAULTS, 1);
    return end;
}

/* --- a batch --- */

static void
set_stuck(struct nj_committer *c, bool is_stuck)
{
    if (c->is_stuck == is_stuck)
        return;
    c->is_stuck = is_stuck;
    say_full(c); /* before the log: who has read that is refused */
    if (is_stuck) {
        nj_log(NJ_LOG_ERROR,
               "The store %s takes nothing: %s. What it has been given is kept and tried again; "
               "nothing that needs it is acknowledged until then.",
               c->space->directory, nj_db_fault(c->db));
    } else {
        nj_log(NJ_LOG_NOTICE, "The store %s goes on.", c->space->directory);
    }
}

/* False: it has failed, or there is no time left to try. */
static bool
commit_from(struct nj_committer *c, struct nj_entry *e, bool is_stopping)
{
    nj_time rest = FIRST_RETRY_MS;
    unsigned tries = LAST_TRIES;

    do {
        enum nj_end end = transact(c, &e);

        if (end == NJ_END_SMALL && grow(c, true))
            continue;
        if (end == NJ_END_DONE) {
            set_stuck(c, false);
            rest = FIRST_RETRY_MS;
            continue;
        }
        if (end == NJ_END_FAILED) {
            fail(c);
            return false;
        }
        set_stuck(c, true);
        NJ_CRASH(RETRYING);
        is_stopping = nj_intake_rest(c->intake, nj_clock_monotonic_ms() + rest) || is_stopping;
        if (is_stopping && --tries == 0)
            return false;
        rest = NJ_MIN(rest * 2, LAST_RETRY_MS);
    } while (e != NULL);
    return true;
}

static void
commit_batch(struct nj_committer *c, struct nj_batch *batch, bool is_stopping)
{
    NJ_CRASH(TAKEN);
    c->cancelled += batch->cancelled;
    count(c, NJ_METRIC_STORE_CANCELLED, batch->cancelled);
    if (!c->has_failed) {
        grow_ahead(c, batch);
        if (!commit_from(c, batch->first, is_stopping) && !c->has_failed) {
            nj_log(NJ_LOG_ERROR,
                   "The store %s had no room for the last %" PRIu64 " changes: they are lost.",
                   c->space->directory, batch->living);
            c->has_failed = true;
            nj_intake_fail(c->intake);
        }
    }
    nj_intake_done(c->intake);
    NJ_CRASH(DONE);
}

/* What ended sessions had, while nothing else is to be done. */
static void
sweep(struct nj_committer *c)
{
    struct nj_entry *none = NULL;
    enum nj_end end;

    grow_ahead(c, NULL);
    end = transact(c, &none);
    if (end == NJ_END_FAILED)
        fail(c);
    else if (end != NJ_END_DONE && !(end == NJ_END_SMALL && grow(c, true)))
        (void)nj_intake_rest(c->intake, nj_clock_monotonic_ms() + LAST_RETRY_MS);
}

/* --- the thread --- */

static void
look_after(struct nj_committer *c)
{
    nj_time now = nj_clock_monotonic_ms();
    struct nj_db_room room;

    look_at_space(c);
    nj_db_room(c->db, &room);
    gauge(c, NJ_METRIC_STORE_BYTES, room.used_bytes);
    gauge(c, NJ_METRIC_STORE_SESSIONS, c->ledger->sessions.count);
    gauge(c, NJ_METRIC_STORE_MESSAGES, c->ledger->wanted.count);
    if (now - c->readers_checked >= READERS_MS) {
        c->readers_checked = now;
        nj_db_forget_dead_readers(c->db);
    }
}

static nj_time
next_look(const struct nj_committer *c, bool has_to_sweep)
{
    if (has_to_sweep)
        return 0;
    return c->space->is_full ? c->looked + FULL_LOOK_MS : NJ_NEVER;
}

/* With an interval: so early that what is told now is on the disk when it has passed, if the commit
 * takes as long as the one before. */
static nj_time
next_taking(const struct nj_committer *c)
{
    if (c->durability != NJ_DURABILITY_INTERVAL)
        return 0;
    return c->taken + c->interval_ms - NJ_MIN(c->took, c->interval_ms / 2);
}

static void
body(void *arg)
{
    struct nj_committer *c = arg;
    bool is_stopping = false;

    nj_thread_work_in_batches(); /* workers' turns are short, and somebody waits for each */
    for (;;) {
        bool has_to_sweep = !c->has_failed && nj_ledger_has_to_sweep(c->ledger);
        struct nj_batch *batch;

        /* Homes append first, then ask whether ends are doubted: what those have appended who heard
         * yes, and will hear it no more, is in this batch or was in one before. */
        c->has_all = !is_full(c);
        batch = nj_intake_take(c->intake, next_taking(c), next_look(c, has_to_sweep), &is_stopping);
        if (batch != NULL) {
            c->taken = nj_clock_monotonic_ms();
            commit_batch(c, batch, is_stopping);
            c->took = nj_clock_monotonic_ms() - c->taken + 1;
            if (c->has_all)
                trust_ends(c);
        } else if (is_stopping) {
            trust_ends(c);
            return;
        } else if (has_to_sweep) {
            sweep(c);
        }
        if (!c->has_failed)
            look_after(c);
    }
}

enum nj_err
nj_committer_start(struct nj_committer *committer)
{
    enum nj_err err;

    committer->last = nj_alloc_array(committer->home_count, sizeof(struct nj_entry *));
    if (committer->last == NULL)
        return NJ_ENOMEM;
    committer->taken = nj_clock_monotonic_ms();
    look_after(committer);
    err = nj_thread_start(&committer->thread, "nj-store", body, committer);
    if (err != NJ_OK) {
        nj_free(committer->last);
        committer->last = NULL;
    }
    return err;
}

void
nj_committer_join(struct nj_committer *committer)
{
    nj_thread_join(&committer->thread);
    nj_free(committer->last);
    committer->last = NULL;
}
