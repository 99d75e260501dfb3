/* SPDX-License-Identifier: Apache-2.0 */
/* password_file.h — the users of a password file, behind the broker's port for users.
 *
 * A name that is not known is checked all the same: against some other user's hash, always the same
 * for the same name, so that neither the time nor its spread tells which names there are. In a file
 * whose hashes differ in kind, unknown names cost in the same proportions as known ones. */
#ifndef NJ_AUTH_PASSWORD_FILE_H
#define NJ_AUTH_PASSWORD_FILE_H

#include "broker/ports.h"

/**
 * Load `path`. On NJ_OK *out holds one reference, the caller's.
 *
 * Blocks for the file; who starts or reloads the broker. Errors, told in diag: NJ_ESYS it cannot be
 * read (NJ_CONFIG_EXIT_SECURITY is the exit code for that); NJ_ECONFIG a mistake, with file and
 * line; NJ_ENOMEM. nj_hash()'s key is set.
 */
NJ_NODISCARD enum nj_err nj_password_file_load(struct nj_users **out, const char *path,
                                               struct nj_diag *diag);

#endif
