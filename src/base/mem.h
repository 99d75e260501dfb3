/* SPDX-License-Identifier: Apache-2.0 */
/* mem.h — the heap, counted, with one ceiling over all of it (memory_limit).
 *
 * Anything that a peer can make us hold comes from here, so that the broker sheds load before the
 * machine is out of memory. The count is kept per thread and added to the total every 64 KiB, so it
 * is off by at most that much for each thread.
 * Thread: any. */
#ifndef NJ_BASE_MEM_H
#define NJ_BASE_MEM_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/* NULL when the machine has none left or the ceiling is reached. Zero bytes give a pointer, too. */
void *nj_alloc(size_t bytes) NJ_NODISCARD;
void *nj_zalloc(size_t bytes) NJ_NODISCARD;
/* Zeroed, at a multiple of `alignment` (a power of two): for what several threads write side by
 * side. */
void *nj_zalloc_aligned(size_t alignment, size_t bytes) NJ_NODISCARD;
/* `p` may be NULL. On failure the old block stays as it was. */
void *nj_realloc(void *p, size_t bytes) NJ_NODISCARD;
/* n * size, refused when that overflows. */
void *nj_alloc_array(size_t n, size_t size) NJ_NODISCARD;
void nj_free(void *p);
/* Room for one more behind `count` elements: twice as much where there is none. False without
 * memory: nothing has changed. */
bool nj_array_grow(void **array, size_t *capacity, size_t count, size_t size) NJ_NODISCARD;
/* Counted, but not refused at the ceiling: for a library that does not bear it, and for what keeps
 * a promise that was made already. What is refused for its sake is what comes after. nj_free(). */
void *nj_alloc_uncapped(size_t bytes) NJ_NODISCARD;
void *nj_realloc_uncapped(void *p, size_t bytes) NJ_NODISCARD;
bool nj_array_grow_uncapped(void **array, size_t *capacity, size_t count, size_t size) NJ_NODISCARD;

/* 0 lifts the ceiling. Takes effect for what is allocated from now on. */
void nj_mem_limit_set(uint64_t bytes);
/* What is held now, and the most that ever was. */
uint64_t nj_mem_used(void);
uint64_t nj_mem_peak(void);
/* Only the last sixteenth below the ceiling is left: what nobody has to take on, for instance what
 * outlives its connection, is not taken on any more, so that there is room for who comes. */
bool nj_mem_is_scarce(void);
/* More than three quarters are in use: who can do with less gets less. */
bool nj_mem_is_tight(void);
/* Whether much has been given back since it was last trimmed, most of which the C library keeps:
 * what lies between blocks that are still in use it returns to the system only when it is told to.
 */
bool nj_mem_is_slack(void);
/* Return it. Cost: 0.07 ms a MiB, in which others wait who allocate. */
void nj_mem_trim(void);
/* How often an allocation met the ceiling. */
uint64_t nj_mem_refused(void);

#endif
