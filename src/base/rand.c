/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rand.h"

#include "base/assert.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

void
nj_rand_seed(struct nj_rand *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) { /* splitmix64, as the authors of xoshiro advise */
        uint64_t z = seed += 0x9e3779b97f4a7c15u;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        r->s[i] = z ^ z >> 31;
    }
}

uint64_t
nj_rand_u64(struct nj_rand *r)
{
    uint64_t result = nj_rotate(r->s[1] * 5, 7) * 9;
    uint64_t t = r->s[1] << 17;

    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = nj_rotate(r->s[3], 45);
    return result;
}

uint32_t
nj_rand_below(struct nj_rand *r, uint32_t below)
{
    uint32_t reject = -below % below; /* 2^32 mod below: numbers under it would be favoured */
    uint64_t product;

    do
        product = (nj_rand_u64(r) >> 32) * below;
    while ((uint32_t)product < reject);
    return (uint32_t)(product >> 32);
}

void
nj_rand_system(void *out, size_t bytes)
{
    unsigned char *p = out;

    while (bytes > 0) {
        ssize_t n = getrandom(p, bytes, 0);

        NJ_ASSERT(n > 0 || errno == EINTR);
        if (n > 0) {
            p += n;
            bytes -= (size_t)n;
        }
    }
}
