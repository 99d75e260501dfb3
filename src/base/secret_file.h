/* SPDX-License-Identifier: Apache-2.0 */
/* secret_file.h — a file of `name:value` lines that nobody else should read, as passwords and
 * pre-shared keys are kept; whole, in memory, in the order of the names.
 *
 * As Mosquitto reads it: a line is a comment where its first byte is '#', and is passed over where
 * it has no ':' (with a warning, unless it is blank). Name and value lose the blanks around them;
 * the value ends before a second ':'. An empty name or value and a name given twice are mistakes.
 * A link is not followed unless MOSQUITTO_UNSAFE_ALLOW_SYMLINKS is in the environment; a file that
 * others may read, or that is not ours, brings a warning in the log.
 * Thread: who starts or reloads the broker loads; afterwards it is never written to. */
#ifndef NJ_BASE_SECRET_FILE_H
#define NJ_BASE_SECRET_FILE_H

#include "base/err.h"
#include "base/secret.h"

/* Lent from the file's text. */
struct nj_secret_line {
    struct nj_str name, value;
    int number; /* 1.. */
};

/* Zeroed: empty. */
struct nj_secret_file {
    struct nj_secret text;
    struct nj_secret_line *lines; /* sorted by name */
    size_t count;
};

/**
 * what   the kind of file, for messages: "password file".
 *
 * Blocks for the file. Errors, told in diag: NJ_ESYS it cannot be read; NJ_ECONFIG a mistake, with
 * file and line; NJ_ENOMEM.
 */
NJ_NODISCARD enum nj_err nj_secret_file_load(struct nj_secret_file *out, const char *path,
                                             const char *what, struct nj_diag *diag);
void nj_secret_file_fini(struct nj_secret_file *file);

/* NULL: no such name. */
const struct nj_secret_line *nj_secret_file_find(const struct nj_secret_file *file,
                                                 struct nj_str name);
/* Put file and line into a diag that says what is wrong with a line, and return NJ_ECONFIG. */
enum nj_err nj_secret_file_blame(const char *path, const struct nj_secret_line *line,
                                 struct nj_diag *diag);

#endif
