/* SPDX-License-Identifier: Apache-2.0 */
/* text.h — a line in the making, in memory that grows and is used again for the next one.
 *
 * What does not fit (no memory, or NJ_TEXT_MAX) is cut off, and `is_cut` says so. */
#ifndef NJ_SNIFF_TEXT_H
#define NJ_SNIFF_TEXT_H

#include "base/str.h"

#define NJ_TEXT_MAX                                                                                \
    (256u << 20) /* a payload of MQTT's greatest size is never in one piece here                   \
                  */

struct nj_text {
    char *p; /* n bytes and a NUL; NULL while it is empty */
    size_t n;
    bool is_cut;
    /* private */
    size_t capacity;
};

void nj_text_fini(struct nj_text *t);
void nj_text_clear(struct nj_text *t);
/* Only its first n bytes stay. */
void nj_text_shorten(struct nj_text *t, size_t n);
/* Its first n bytes go. */
void nj_text_forget(struct nj_text *t, size_t n);
void nj_text_put(struct nj_text *t, struct nj_str s);
void nj_text_putf(struct nj_text *t, const char *fmt, ...) NJ_PRINTF(2, 3);

/* Foreign bytes as text: what is no UTF-8 becomes U+FFFD, one for each maximal part of a character
 * (as Unicode recommends, 3.9), and a NUL ends it. */
void nj_text_put_foreign(struct nj_text *t, struct nj_str s);
/* The same for a terminal: what would move the cursor or change colours is written as \x1b. */
void nj_text_put_shown(struct nj_text *t, struct nj_str s);
/* Two digits a byte, with `between` (0: nothing) between them. */
void nj_text_put_hex(struct nj_text *t, struct nj_str s, char between);
/* Nanoseconds since 1970 as a date of the local time zone, with its name. */
void nj_text_put_time(struct nj_text *t, int64_t ns);

static inline struct nj_str
nj_text_str(const struct nj_text *t)
{
    return (struct nj_str){t->p, t->n};
}
static inline const char *
nj_text_c(const struct nj_text *t)
{
    return t->p != NULL ? t->p : "";
}

#endif
