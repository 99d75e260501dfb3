/* SPDX-License-Identifier: Apache-2.0 */
/* passphrase.h — the pass phrase of a key: from where --passin says, in openssl's words, or from
 * the terminal, unseen.
 *
 *     pass:TEXT   env:VARIABLE   file:PATH (its first line)   fd:NUMBER   stdin
 *
 * Thread: one; the terminal is the process's. */
#ifndef NJ_PKI_PASSPHRASE_H
#define NJ_PKI_PASSPHRASE_H

#include "base/err.h"
#include "base/secret.h"

#define NJ_PASSPHRASE_MAX 1023

/* `out` is terminated by a NUL that `n` does not count. `source` NULL: ask on the terminal with
 * `prompt`; one that is made now (`is_new`) is asked for twice and has four characters at least.
 * Errors: NJ_EINVAL, NJ_ENOENT (no terminal, no variable), NJ_ESYS, NJ_ENOMEM; said in diag. */
NJ_NODISCARD enum nj_err nj_passphrase_get(struct nj_secret *out, const char *source,
                                           const char *prompt, bool is_new, struct nj_diag *diag);
#endif
