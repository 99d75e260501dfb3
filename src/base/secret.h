/* SPDX-License-Identifier: Apache-2.0 */
/* secret.h — bytes that nobody else may learn: passwords, keys, files of them. They are zeroed
 * before their memory is given back, compared in a time that tells nothing, and never printed.
 * Thread: whoever holds it. */
#ifndef NJ_BASE_SECRET_H
#define NJ_BASE_SECRET_H

#include "base/str.h"

/* Zeroed: empty. */
struct nj_secret {
    char *p;
    size_t n;
};

/* `bytes` of room, zeroed; false without memory. The secret was empty. */
NJ_NODISCARD bool nj_secret_init(struct nj_secret *secret, size_t bytes);
/* A copy; false without memory. The secret was empty. */
NJ_NODISCARD bool nj_secret_copy(struct nj_secret *secret, struct nj_str from);
void nj_secret_fini(struct nj_secret *secret);

static inline struct nj_str
nj_secret_lend(const struct nj_secret *secret)
{
    return (struct nj_str){secret->p, secret->n};
}

/* Equal? Its time depends on the length alone. */
bool nj_secret_is_same(const void *a, const void *b, size_t n);
/* Zero bytes that lie elsewhere than in a struct nj_secret; no compiler leaves it out. */
void nj_secret_wipe(void *p, size_t n);

#endif
