/* SPDX-License-Identifier: Apache-2.0 */
/* action.h — the command line of a command that does one of several things with the paths it is
 * given: `nightjar store restore BACKUP DIRECTORY`. Help, manual page and completion come from one
 * table; where there are many options, verbs.h has more. */
#ifndef NJ_CMD_ACTION_H
#define NJ_CMD_ACTION_H

#include "base/err.h"

#include <stdio.h>

struct nj_action {
    const char *form; /* its name, and what it takes */
    const char *does; /* without the full stop */
};

struct nj_actions {
    const char *command; /* "store" */
    const char *does;    /* the help's first lines */
    const struct nj_action *action;
    size_t count;
};

/* Print the help; `code`, for the caller to end with. */
int nj_actions_usage(const struct nj_actions *a, FILE *out, int code);
/* Print what went wrong and what to do about it; the code to end with. */
int nj_actions_fail(const struct nj_diag *diag);

/* The names, one a line, for completion. */
void nj_actions_print_words(const struct nj_actions *a, FILE *out);
/* The synopsis of the manual page in mdoc, and the items of a list. */
void nj_actions_print_synopsis(const struct nj_actions *a, FILE *out);
void nj_actions_print_items(const struct nj_actions *a, FILE *out);

#endif
