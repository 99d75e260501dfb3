/* SPDX-License-Identifier: Apache-2.0 */
/* str.h — text and data by reference: where it begins and how long it is.
 *
 * A struct nj_str borrows: somebody else owns the bytes. It is not terminated and may hold NULs. */
#ifndef NJ_BASE_STR_H
#define NJ_BASE_STR_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct nj_str {
    const char *p;
    size_t n;
};

#define NJ_STR(literal) ((struct nj_str){(literal), sizeof(literal) - 1})
/* printf("%" NJ_STR_FMT, NJ_STR_ARG(s)) */
#define NJ_STR_FMT    ".*s"
#define NJ_STR_ARG(s) (int)(s).n, (s).p

static inline struct nj_str
nj_str_of(const char *c)
{
    return (struct nj_str){c, c != NULL ? strlen(c) : 0};
}

static inline bool
nj_str_eq(struct nj_str a, struct nj_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
nj_str_starts(struct nj_str s, struct nj_str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* What remains from byte `from` on; `from` may not pass the end. */
static inline struct nj_str
nj_str_from(struct nj_str s, size_t from)
{
    return (struct nj_str){s.p + from, s.n - from};
}

/* Up to `end`, which is taken off `rest` as well, or all that is left. */
static inline struct nj_str
nj_str_cut(struct nj_str *rest, char end)
{
    const char *at = rest->n > 0 ? memchr(rest->p, end, rest->n) : NULL;
    struct nj_str piece = {rest->p, at != NULL ? (size_t)(at - rest->p) : rest->n};

    *rest = nj_str_from(*rest, at != NULL ? piece.n + 1 : piece.n);
    return piece;
}

/* A NUL-terminated copy on the heap, to be freed with nj_free(); NULL without memory. */
char *nj_str_dup(struct nj_str s);

/* The value of a hexadecimal digit; -1: it is none. */
static inline int
nj_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#endif
