/* SPDX-License-Identifier: Apache-2.0 */
/* rand.h — randomness as an argument: a generator that each owner holds, and the system's. */
#ifndef NJ_BASE_RAND_H
#define NJ_BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

/* The bits of `x` by so many places to the left, around the end; 0 < bits < 64. */
static inline uint64_t
nj_rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

/* A fast generator (xoshiro256**), not for secrets. The same seed gives the same numbers. */
struct nj_rand {
    uint64_t s[4];
};

void nj_rand_seed(struct nj_rand *r, uint64_t seed);
uint64_t nj_rand_u64(struct nj_rand *r);
/* 0 .. below-1, without bias; `below` > 0. */
uint32_t nj_rand_below(struct nj_rand *r, uint32_t below);

/* From the system, fit for secrets. Ends the process where the kernel gives none. */
void nj_rand_system(void *out, size_t bytes);

#endif
