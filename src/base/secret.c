/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include "base/mem.h"

bool
nj_secret_init(struct nj_secret *secret, size_t bytes)
{
    secret->p = nj_zalloc(bytes);
    secret->n = secret->p != NULL ? bytes : 0;
    return secret->p != NULL;
}

bool
nj_secret_copy(struct nj_secret *secret, struct nj_str from)
{
    if (!nj_secret_init(secret, from.n))
        return false;
    if (from.n > 0)
        memcpy(secret->p, from.p, from.n);
    return true;
}

void
nj_secret_fini(struct nj_secret *secret)
{
    nj_secret_wipe(secret->p, secret->n);
    nj_free(secret->p);
    *secret = (struct nj_secret){0};
}

/* Every byte is looked at, and none of them decides what is done next. */
bool
nj_secret_is_same(const void *a, const void *b, size_t n)
{
    const volatile uint8_t *x = a, *y = b;
    uint8_t differs = 0;

    for (size_t i = 0; i < n; i++)
        differs |= (uint8_t)(x[i] ^ y[i]);
    return differs == 0;
}

void
nj_secret_wipe(void *p, size_t n)
{
    if (n > 0)
        explicit_bzero(p, n);
}
