/* SPDX-License-Identifier: Apache-2.0 */
/* numbers.h — a number for a number, in memory: which sessions there are, by how many a message is
 * wanted. Keys are never 0. Zeroed is empty. 16 bytes a slot, at most three quarters in use.
 * Thread: the owner's. */
#ifndef NJ_STORE_NUMBERS_H
#define NJ_STORE_NUMBERS_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct nj_number {
    uint64_t key, value;
};
struct nj_numbers {
    struct nj_number *slots;
    uint64_t capacity, count; /* the capacity is a power of two, or 0 */
};

/* Where the search for it begins. */
static inline uint64_t
nj_numbers_home(const struct nj_numbers *n, uint64_t key)
{
    uint64_t h = key * 0x9e3779b97f4a7c15u; /* numbers count up: no peer chooses them */

    return (h ^ h >> 32) & (n->capacity - 1);
}

/* 0 where it is not there. */
uint64_t nj_numbers_find(const struct nj_numbers *n, uint64_t key);
/* It is going to be asked for, or set: fetch the line of the cache that it would be in. */
static inline void
nj_numbers_foresee(const struct nj_numbers *n, uint64_t key)
{
    if (n->capacity > 0)
        __builtin_prefetch(&n->slots[nj_numbers_home(n, key)], 1);
}
/* `value` 0 removes it; that never fails, and to put back what was removed does not fail either,
 * until nj_numbers_trim(). False without memory: nothing has changed. */
bool nj_numbers_set(struct nj_numbers *n, uint64_t key, uint64_t value);
/* Give back memory, where most of it is unused. */
void nj_numbers_trim(struct nj_numbers *n);
void nj_numbers_fini(struct nj_numbers *n);

#endif
