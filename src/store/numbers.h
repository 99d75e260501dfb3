/* SPDX-License-Identifier: Apache-2.0 */
/* numbers.h — a number for a key, in memory: which sessions there are, by how many a message is
 * wanted, which record is a topic's.
 *
 * It grows and shrinks in steps, so that no commit waits while millions move: pages of slots in a
 * directory by the first bits of a key's hash, split in two when they are three quarters full
 * (extendible hashing). A step costs some 50 µs, however many there are; the directory, 8 bytes for
 * 1,500 numbers at the least, is not made smaller.
 *
 * No peer chooses where a key lies: numbers count up, and names are hashed under the store's own
 * key. Zeroed is empty. A slot has 16 bytes, 24 with wide keys; half of them are in use. Thread:
 * the owner's. */
#ifndef NJ_STORE_NUMBERS_H
#define NJ_STORE_NUMBERS_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number and 0, or both halves of a hash. */
struct nj_number_key {
    uint64_t a, b;
};
static inline struct nj_number_key
nj_number(uint64_t number)
{
    return (struct nj_number_key){number, 0};
}

struct nj_number_page;
struct nj_numbers {
    struct nj_number_page **pages; /* the directory: 2 to the power of `depth`; NULL: none yet */
    size_t page_count, cursor;     /* where nj_numbers_trim() goes on */
    uint64_t count;
    unsigned depth;
    bool is_wide; /* keys have two halves; set before the first number is */
};

/* 0 where it is not there. */
uint64_t nj_numbers_find(const struct nj_numbers *n, struct nj_number_key key);
/* It is going to be asked for, or set: fetch the line of the cache that it would be in. */
void nj_numbers_foresee(const struct nj_numbers *n, struct nj_number_key key);
/* `value` 0 removes it; that never fails, and to put back what was removed does not fail either,
 * until nj_numbers_trim(). False without memory: nothing has changed. */
bool nj_numbers_set(struct nj_numbers *n, struct nj_number_key key, uint64_t value);
void nj_numbers_each(const struct nj_numbers *n,
                     void (*visit)(void *ctx, struct nj_number_key key, uint64_t value), void *ctx);
/* Give back memory, where much of it is unused: a part of it each time. */
void nj_numbers_trim(struct nj_numbers *n);
/* Forget all; a page that was well used stays. */
void nj_numbers_clear(struct nj_numbers *n);
void nj_numbers_fini(struct nj_numbers *n);

#endif
