/* SPDX-License-Identifier: Apache-2.0 */
/* rights.h — whether another user of this machine may use a file: asked before a program becomes
 * that user, and finds out.
 * Goes by owners and modes, of the file and of the folders above it. Where a file has an access
 * control list beside its mode, which may grant more, the answer is yes. */
#ifndef NJ_BASE_RIGHTS_H
#define NJ_BASE_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Whether the user of this name may do to `path` what `how` says: R_OK, W_OK, X_OK, or together.
 *
 * at  written where the answer is no: the file, or the folder above it that stops the user.
 *
 * True also for root, for a user that nobody knows, and for a file that is not there.
 * Blocks for the disk and the user database.
 */
bool nj_rights_may(const char *user, const char *path, int how, char *at, size_t room);

/* Whom a broker becomes that root starts and that names no other: "mosquitto", or "nobody" where
 * there is no such user. */
const char *nj_rights_usual_user(void);

#endif
