/* SPDX-License-Identifier: Apache-2.0 */
/* priv.h — what the process may do, and when it lets go of it.
 *
 *   started as root   reads its configuration, then becomes `user` (PUID and PGID, or "mosquitto",
 *                     or "nobody") before it opens the log, a listener or anything a peer can reach
 *   started as other  stays who it is
 *   everywhere        umask 0077: nothing it creates is for others to read */
#ifndef NJ_DAEMON_PRIV_H
#define NJ_DAEMON_PRIV_H

#include "base/err.h"

/* `user`: the configuration's; NULL: the usual ones. Logs who it has become. Errors: NJ_ESYS,
 * NJ_ENOENT (no such user). */
NJ_NODISCARD enum nj_err nj_priv_drop(const char *user, struct nj_diag *diag);

/* Fork, leave the terminal, std streams to /dev/null. Returns in the child only. */
NJ_NODISCARD enum nj_err nj_priv_daemonise(struct nj_diag *diag);

#endif
