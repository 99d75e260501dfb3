/* SPDX-License-Identifier: Apache-2.0 */
/* slab.h — blocks that many make on one thread and give back on another.
 *
 * A message is made by its publisher's worker and mostly given back by its subscriber's. With
 * malloc each of these goes back to the arena it came from, whose lock its own worker wants at the
 * same moment. Here a block stays with the thread that gives it back, for the next message of that
 * size, and what one thread has too much of travels to the others in whole trays:
 *
 *     thread:  full | filling  ◄──►  depot: tray, tray, …  ──►  nj_free()
 *
 * Bounded: two trays for each thread and size, NJ_SLAB_DEPOT_TRAYS for all of them together: 2,048
 * blocks of each size, 9 MB of all sixteen. They count as used memory. What is larger than
 * NJ_SLAB_MAX_BYTES is the heap's business.
 *
 * Under the sanitizers every block is the heap's (slab_plain.c), so that none is read after its end
 * unseen.
 *
 * Thread  any. */
#ifndef NJ_BASE_SLAB_H
#define NJ_BASE_SLAB_H

#include "base/compiler.h"

#include <stddef.h>

#define NJ_SLAB_MAX_BYTES   512u
#define NJ_SLAB_TRAY_BLOCKS 32u
#define NJ_SLAB_DEPOT_TRAYS 64u /* of each size */

/* NULL when the machine has no memory left or memory_limit is reached. Cost: no lock and no call of
 * malloc, but for one block in NJ_SLAB_TRAY_BLOCKS. */
void *nj_slab_alloc(size_t bytes) NJ_NODISCARD;
/* `bytes` as asked for; `p` is not NULL. */
void nj_slab_free(void *p, size_t bytes);
/* This thread ends: what it keeps is for others. */
void nj_slab_leave(void);

#endif
