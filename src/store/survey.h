/* SPDX-License-Identifier: Apache-2.0 */
/* survey.h — all that a store holds, record by record, and whether it makes sense; also while a
 * broker has it. Nothing is changed. */
#ifndef NJ_STORE_SURVEY_H
#define NJ_STORE_SURVEY_H

#include "base/err.h"
#include "store/record.h"

/* Lent for the call. */
struct nj_surveyed {
    enum nj_table table;
    struct nj_str key;
    struct nj_str value; /* without its checksum; as it stands where that is wrong */
    const char *why;     /* what is wrong with it; NULL: nothing */
};

struct nj_survey {
    uint64_t records[NJ_TABLE_COUNT], bytes[NJ_TABLE_COUNT]; /* values */
    uint64_t faults;
    uint64_t file_bytes, free_bytes; /* pages within the file that wait for use */
    bool is_in_use;                  /* by a broker: what it has not committed is not there */
};

/**
 * Show every record to `show` (NULL: only count).
 *
 * Cost    reads the whole file; beside a broker, what it frees meanwhile is not used again.
 * Errors  NJ_ENOENT: there is no store; NJ_EINVAL: it is damaged as a whole (the diag says how);
 *         NJ_EUNSUPPORTED: of another version; NJ_ENOMEM, NJ_ESYS.
 */
NJ_NODISCARD enum nj_err nj_store_survey(const char *directory,
                                         void (*show)(void *ctx, const struct nj_surveyed *record),
                                         void *ctx, struct nj_survey *out, struct nj_diag *diag);

#endif
