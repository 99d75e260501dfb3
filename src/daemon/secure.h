/* SPDX-License-Identifier: Apache-2.0 */
/* secure.h — the TLS of all listeners: made of their files, looked after while the broker runs.
 * Thread: the one that starts and reloads the broker. */
#ifndef NJ_DAEMON_SECURE_H
#define NJ_DAEMON_SECURE_H

#include "config/config.h"
#include "daemon/passphrases.h"

/**
 * Make a context for each listener with TLS: all, or none.
 *
 * old     the configuration in force, NULL at start: a listener may not change between plain and
 *         TLS.
 * keylog  NULL: none.
 * known   passphrases of encrypted keys; those that are asked for are added.
 * Errors  NJ_ESYS (a file cannot be read), NJ_ECONFIG, NJ_ENOMEM.
 */
NJ_NODISCARD enum nj_err nj_secure_load(struct nj_config *config, const struct nj_config *old,
                                        const char *keylog, struct nj_passphrases *known,
                                        struct nj_diag *diag);
/* Those of `config`. */
void nj_secure_forget(struct nj_config *config);

/* What is known of the files on the disk. */
struct nj_secure_watch {
    uint64_t seen;   /* the state that is in force */
    uint64_t latest; /* as at the last look */
};
void nj_secure_watch_begin(struct nj_secure_watch *w, const struct nj_config *config);
/* Once a second. True if files have changed since, and have stayed the same for a second, so that
 * nobody is still writing them: time to load them. */
bool nj_secure_watch_look(struct nj_secure_watch *w, const struct nj_config *config);

#endif
