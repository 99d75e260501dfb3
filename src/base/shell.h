/* SPDX-License-Identifier: Apache-2.0 */
/* shell.h — a word that can be typed: commands which we print for people must work as they stand.
 */
#ifndef NJ_BASE_SHELL_H
#define NJ_BASE_SHELL_H

#include "base/str.h"

/* `word` as the shell reads it back, in quotes only where it needs them. Cut where `room` (at least
 * 3) ends, but always closed and terminated. Returns `out`. Control characters stay as they are. */
const char *nj_shell_word(char *out, size_t room, struct nj_str word);

#endif
