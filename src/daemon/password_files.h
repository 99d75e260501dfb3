/* SPDX-License-Identifier: Apache-2.0 */
/* password_files.h — who may connect: the users of all listeners, of their password files.
 * Thread: the one that starts and reloads the broker. */
#ifndef NJ_DAEMON_PASSWORD_FILES_H
#define NJ_DAEMON_PASSWORD_FILES_H

#include "config/config.h"

/* For each listener with a password file: all, or none. Errors: nj_password_file_load()'s. */
NJ_NODISCARD enum nj_err nj_password_files_load(struct nj_config *config, struct nj_diag *diag);
/* Those of `config`. */
void nj_password_files_forget(struct nj_config *config);

#endif
