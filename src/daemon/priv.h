/* SPDX-License-Identifier: Apache-2.0 */
/* priv.h — what the process may do, and when it lets go of it.
 *
 *   started as root   reads its configuration, then becomes `user` (PUID and PGID, or "mosquitto",
 *                     or "nobody") before it opens the log, a listener or anything a peer can
 *                     reach; just before, it makes the store's folder and gives it to that user
 *   started as other  stays who it is
 *   everywhere        umask 0077: nothing it creates is for others to read */
#ifndef NJ_DAEMON_PRIV_H
#define NJ_DAEMON_PRIV_H

#include "base/err.h"

/* `user`: the configuration's; NULL: the usual ones. `folder`, unless it is empty: made if it is
 * not there, 0700, for whom it becomes; what is there already stays whose it is, and where it
 * cannot be made, who opens it will find out. Logs who it has become. Errors: NJ_ESYS, NJ_ENOENT
 * (no such user). */
NJ_NODISCARD enum nj_err nj_priv_drop(const char *user, const char *folder, struct nj_diag *diag);

/* Fork, leave the terminal, std streams to /dev/null. Returns in the child only; *parent is the way
 * to its parent, which waits, says on its standard error what it is told, and ends with the code. A
 * child that ends without one has failed. */
NJ_NODISCARD enum nj_err nj_priv_daemonise(int *parent, struct nj_diag *diag);
/* A line for the parent's standard error. Without a parent (-1) these do nothing. */
void nj_priv_tell_parent(int parent, const char *line);
/* It need not wait any more. */
void nj_priv_let_parent_go(int *parent, int code);

#endif
