/* SPDX-License-Identifier: Apache-2.0 */
/* value.h — what stands behind a directive's name, read as Mosquitto reads it: words are separated
 * by single spaces only, numbers may be octal or hexadecimal, texts run to the end of the line.
 * Private to this room. `as` is the name as it was written; a mistake is said in diag, and
 * NJ_ECONFIG is returned. */
#ifndef NJ_CONFIG_VALUE_H
#define NJ_CONFIG_VALUE_H

#include "base/err.h"
#include "base/str.h"

/* Take the next word off `rest`; empty if there is none. */
struct nj_str nj_value_word(struct nj_str *rest);
/* Without blanks at both ends. */
struct nj_str nj_value_trim(struct nj_str text);

/* The next word as ... What follows it is not looked at. */
NJ_NODISCARD enum nj_err nj_value_bool(bool *out, const char *as, struct nj_str *rest,
                                       struct nj_diag *diag);
/* A number that fits an int; with `is_wide`, 64 bits. */
NJ_NODISCARD enum nj_err nj_value_number(long long *out, bool is_wide, const char *as,
                                         struct nj_str *rest, struct nj_diag *diag);
/* The rest of the line: not empty, at most 65535 bytes of UTF-8 without control characters. `out`
 * lies within `rest`. */
NJ_NODISCARD enum nj_err nj_value_text(struct nj_str *out, const char *as, struct nj_str rest,
                                       struct nj_diag *diag);

/* "Error: Empty '…' value in configuration." */
enum nj_err nj_value_empty(const char *as, struct nj_diag *diag);
/* "Error: Invalid '…' value '…' in configuration.", and the `form` that is expected. */
enum nj_err nj_value_invalid(const char *as, const char *form, struct nj_str word,
                             struct nj_diag *diag);

#endif
