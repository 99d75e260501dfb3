/* SPDX-License-Identifier: Apache-2.0 */
/* hash.h — SipHash-1-3 under a key drawn at start, so that no peer can choose names that collide.
 */
#ifndef NJ_BASE_HASH_H
#define NJ_BASE_HASH_H

#include "base/str.h"

/* Draw the key. Once, before any thread or table; a simulation gives its seed instead. */
void nj_hash_key_draw(void);
void nj_hash_key_set(uint64_t k0, uint64_t k1);

/* Thread: any, after the key is set. Cost: about 15 ns for 24 bytes. */
uint64_t nj_hash(struct nj_str s);
/* The same, chained: the hash of `s` under a parent's hash, for trees kept in one table. */
uint64_t nj_hash_under(uint64_t parent, struct nj_str s);

/* Of two hashes one: for trees of which each level is hashed but once, whatever lies above it. What
 * goes in is a hash under the key, or a constant. Cost: a multiplication. */
uint64_t nj_hash_join(uint64_t parent, uint64_t hash);

/* Under a key of the caller's, for what outlives the process. */
uint64_t nj_hash_keyed(const uint64_t k[2], struct nj_str s);

/* Without a key, the same on every machine and for all time: which of 1024 shards a client
 * identifier lies in. */
uint32_t nj_hash_stable(struct nj_str s);

#endif
