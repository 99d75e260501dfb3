/* SPDX-License-Identifier: Apache-2.0 */
/* intake.h — where the changes of all homes become one sequence, and wait for the writer.
 *
 *   homes ──append──► open batch        cancelled here: a QoS 1 message and its acknowledgement
 *   writer ──take──►  batch in hand     frozen; what comes meanwhile goes to another one
 *
 * What came and was acknowledged while its batch was still open is never written; it is safe as
 * soon as all that its home had appended before it is.
 *
 * Locks   one mutex, held for the copy of one change.
 * Wakes   from outside the mutex. */
#ifndef NJ_STORE_INTAKE_H
#define NJ_STORE_INTAKE_H

#include "base/clock.h"
#include "store/batch.h"

struct nj_intake;
struct nj_intake_opts {
    uint16_t home_count;
    bool is_prompt;    /* all is safe at once */
    size_t full_bytes; /* a batch that is larger: is_full(); half of it: is_busy() */
};

NJ_NODISCARD enum nj_err nj_intake_new(struct nj_intake **out, const struct nj_intake_opts *opts);
void nj_intake_free(struct nj_intake *intake);

struct nj_store_port *nj_intake_port(struct nj_intake *intake, uint16_t home);
/* Before any thread but the caller's knows the intake; until then nobody is woken. */
void nj_intake_wake_by(struct nj_intake *intake, void (*wake)(void *ctx, uint16_t home), void *ctx);

/* ---- the writer's; one thread ---- */

/* Wait for something to write, not past `until`; what has come before `since` is left to gather,
 * unless it is much. NULL: there is none; *is_stopping then: and never will be. Lent until
 * nj_intake_done(). Times are of nj_clock_monotonic_ms(). */
struct nj_batch *nj_intake_take(struct nj_intake *intake, nj_time since, nj_time until,
                                bool *is_stopping);
/* What has been committed of the batch in hand: for each home its last entry of that, or NULL. */
void nj_intake_commit(struct nj_intake *intake, struct nj_entry *const *last);
/* The batch in hand is committed whole, or given up. */
void nj_intake_done(struct nj_intake *intake);
/* Wait until `until`, or until it is to stop: true. */
bool nj_intake_rest(struct nj_intake *intake, nj_time until);
/* Whether is_full() says so, beside what it finds itself; whether doubts_ends() does; and a ceiling
 * for a batch, where it is lower than `full_bytes`. For a change of more than half of that it is
 * full, too: one that does not fit would keep those from being applied that make room. */
void nj_intake_set_full(struct nj_intake *intake, bool is_full, bool doubts_ends,
                        uint64_t ceiling_bytes);
/* Nothing that is not safe becomes safe from here on, and it is full for ever; the homes are woken.
 * So it is when there is no memory for a change, but that nobody is woken. */
void nj_intake_fail(struct nj_intake *intake);
bool nj_intake_has_failed(const struct nj_intake *intake);

/* Nothing is appended any more. */
void nj_intake_stop(struct nj_intake *intake);

#endif
