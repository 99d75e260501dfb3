/* SPDX-License-Identifier: Apache-2.0 */
/* words.h — texts of the tables of options, as a terminal or roff(7) wants them, for the help and
 * the manual pages of the commands; and what they say of a command line that is wrong. */
#ifndef NJ_CMD_WORDS_H
#define NJ_CMD_WORDS_H

#include "base/compiler.h"

#include <stdio.h>

/* `names` in a column of 26, and `text` beside it, folded at 92. */
void nj_words_row(FILE *out, const char *names, const char *text);
/* The row of an option or a verb: "-h, --host NAME". All but `name` may be NULL. */
void nj_words_option(FILE *out, const char *other, const char *name, const char *argument,
                     const char *text);
/* The locale of a category ("LC_MESSAGES") as setlocale(3) looks for it; empty: none is said. */
const char *nj_words_locale(const char *category);
/* A line of text for mdoc. */
void nj_words_roff(FILE *out, const char *text);
/* What is wrong with the command line of `nightjar COMMAND`, and where its options are listed, on
 * standard error; NJ_EXIT_COULD_NOT, for the caller to end with. */
int nj_words_mistake(const char *command, const char *fmt, ...) NJ_PRINTF(2, 3);
/* The same, of an option; `nearest`: what may have been meant, or NULL. */
int nj_words_no_option(const char *command, const char *option, const char *nearest);

#endif
