/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_priv.h — index.txt: one line for each certificate, in the form of `openssl ca`, so that
 * either tool goes on where the other stopped.
 *
 *     V|R|E <tab> end <tab> revoked[,reason] <tab> serial <tab> file <tab> subject
 *
 * Dates are YYMMDDHHMMSSZ, from 2050 on YYYYMMDDHHMMSSZ. A line that has not these six columns
 * stops the reading: nothing is written over what we do not understand. Thread: one. Cost: every
 * change writes the whole file. */
#ifndef NJ_PKI_LEDGER_PRIV_H
#define NJ_PKI_LEDGER_PRIV_H

#include "base/err.h"
#include "base/str.h"

#include <time.h>

enum nj_ca_ledger_column {
    NJ_LEDGER_STATE,
    NJ_LEDGER_END,
    NJ_LEDGER_REVOKED,
    NJ_LEDGER_SERIAL,
    NJ_LEDGER_FILE,
    NJ_LEDGER_SUBJECT,
    NJ_LEDGER_COLUMNS
};

struct nj_ca_ledger_line {
    struct nj_str column[NJ_LEDGER_COLUMNS]; /* within `text` */
    char *text;
};

struct nj_ca_ledger {
    size_t count;
    struct nj_ca_ledger_line *line;
};

/* A missing file is an empty ledger. Errors: NJ_EINVAL with the line, as nj_save_read() else. */
NJ_NODISCARD enum nj_err nj_ca_ledger_read(struct nj_ca_ledger *out, const char *path,
                                           struct nj_diag *diag);
/* Accepts a zeroed object. */
void nj_ca_ledger_fini(struct nj_ca_ledger *ledger);
NJ_NODISCARD enum nj_err nj_ca_ledger_save(const struct nj_ca_ledger *ledger, const char *path,
                                           struct nj_diag *diag);
/* A line at the end. No text may hold a tab or the end of a line. NJ_ENOMEM. */
NJ_NODISCARD enum nj_err nj_ca_ledger_append(struct nj_ca_ledger *ledger, time_t end,
                                             const char *serial, const char *file,
                                             const char *subject);
/* NJ_ENOMEM: unchanged. `reason` may be NULL. */
NJ_NODISCARD enum nj_err nj_ca_ledger_revoke(struct nj_ca_ledger_line *line, time_t when,
                                             const char *reason);
void nj_ca_ledger_drop_last(struct nj_ca_ledger *ledger);

/* A date of the ledger's; -1: it is none. */
time_t nj_ca_ledger_time(struct nj_str date);

#endif
