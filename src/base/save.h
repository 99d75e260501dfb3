/* SPDX-License-Identifier: Apache-2.0 */
/* save.h — a file is there whole or not at all: written beside its place without a name, or under a
 * temporary one, synchronised, then put in place. What others may read is said by the caller, not
 * by the umask. Thread: any. */
#ifndef NJ_BASE_SAVE_H
#define NJ_BASE_SAVE_H

#include "base/err.h"
#include "base/secret.h"

#include <sys/types.h>

#define NJ_SAVE_SECRET 0600 /* keys, and what holds one */
#define NJ_SAVE_PUBLIC 0644

/* `mode` is a new file's; what is replaced keeps its owner, group and mode. Without `is_replacing`
 * a file that is there stays, and the call fails with NJ_EEXIST. Errors besides: NJ_ESYS, also
 * where the owner of what is not for everybody could not be kept. */
NJ_NODISCARD enum nj_err nj_save(const char *path, struct nj_str bytes, mode_t mode,
                                 bool is_replacing, struct nj_diag *diag);
/* Remove what writers that were killed have left in a folder under temporary names, and say so in
 * the log; how many. What a living one is at work on stays. */
unsigned nj_save_sweep(const char *folder);
/* A folder, 0755, and those above it; one that is there is good. Errors: NJ_ESYS. */
NJ_NODISCARD enum nj_err nj_save_folder(const char *path, struct nj_diag *diag);
/* All of a file of at most `limit` bytes, terminated by a NUL that `n` does not count. Errors:
 * NJ_ENOENT, NJ_ESYS, NJ_EQUOTA, NJ_ENOMEM. */
NJ_NODISCARD enum nj_err nj_save_read(struct nj_secret *out, const char *path, size_t limit,
                                      struct nj_diag *diag);

#endif
