/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that calls malloc. Each thread keeps the difference it has made since it last added
 * it to the total; the total is therefore exact to 64 KiB a thread, and the hot path touches no
 * shared cache line. */
#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FLUSH_BYTES (64 * 1024)
#define SLACK_BYTES (16 * 1024 * 1024)

static _Atomic int64_t total_bytes;
static _Atomic int64_t peak_bytes;
static _Atomic int64_t high_bytes; /* the most since the last trim */
static _Atomic int64_t limit_bytes;
static _Atomic uint64_t refusals;
static _Thread_local int64_t delta_bytes;

/* Relaxed throughout: the numbers order nothing else, they are only read as numbers. */
static void
keep_most(_Atomic int64_t *most, int64_t now)
{
    int64_t before = atomic_load_explicit(most, memory_order_relaxed);

    while (now > before && !atomic_compare_exchange_weak_explicit(
                               most, &before, now, memory_order_relaxed, memory_order_relaxed))
        continue;
}

static void
flush_delta(void)
{
    int64_t now =
        atomic_fetch_add_explicit(&total_bytes, delta_bytes, memory_order_relaxed) + delta_bytes;

    delta_bytes = 0;
    keep_most(&peak_bytes, now);
    keep_most(&high_bytes, now);
}

static inline void
count(int64_t bytes)
{
    delta_bytes += bytes;
    if (NJ_UNLIKELY(delta_bytes > FLUSH_BYTES || delta_bytes < -FLUSH_BYTES))
        flush_delta();
}

static inline bool
is_over_limit(size_t bytes)
{
    int64_t limit = atomic_load_explicit(&limit_bytes, memory_order_relaxed);

    if (NJ_LIKELY(limit == 0))
        return false;
    if (bytes > (size_t)limit ||
        atomic_load_explicit(&total_bytes, memory_order_relaxed) + delta_bytes + (int64_t)bytes >
            limit) {
        atomic_fetch_add_explicit(&refusals, 1, memory_order_relaxed);
        return true;
    }
    return false;
}

void *
nj_alloc_uncapped(size_t bytes)
{
    void *p = malloc(bytes > 0 ? bytes : 1);

    if (NJ_LIKELY(p != NULL))
        count((int64_t)malloc_usable_size(p));
    return p;
}

void *
nj_alloc(size_t bytes)
{
    return is_over_limit(bytes) ? NULL : nj_alloc_uncapped(bytes);
}

void *
nj_zalloc(size_t bytes)
{
    void *p;

    if (is_over_limit(bytes))
        return NULL;
    p = calloc(1, bytes > 0 ? bytes : 1);
    if (NJ_LIKELY(p != NULL))
        count((int64_t)malloc_usable_size(p));
    return p;
}

void *
nj_zalloc_aligned(size_t alignment, size_t bytes)
{
    void *p;

    if (is_over_limit(bytes) || posix_memalign(&p, alignment, bytes > 0 ? bytes : 1) != 0)
        return NULL;
    memset(p, 0, bytes);
    count((int64_t)malloc_usable_size(p));
    return p;
}

void *
nj_alloc_array(size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return nj_alloc(bytes);
}

void *
nj_realloc_uncapped(void *p, size_t bytes)
{
    size_t before = p != NULL ? malloc_usable_size(p) : 0;
    void *q = realloc(p, bytes > 0 ? bytes : 1);

    if (NJ_LIKELY(q != NULL))
        count((int64_t)malloc_usable_size(q) - (int64_t)before);
    return q;
}

void *
nj_realloc(void *p, size_t bytes)
{
    size_t before = p != NULL ? malloc_usable_size(p) : 0;

    if (bytes > before && is_over_limit(bytes - before))
        return NULL;
    return nj_realloc_uncapped(p, bytes);
}

static bool
grow(void **array, size_t *capacity, size_t count, size_t size, void *(*resize)(void *, size_t))
{
    size_t wanted = *capacity > 0 ? *capacity * 2 : 16;
    void *grown;

    if (count < *capacity)
        return true;
    grown = resize(*array, wanted * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *capacity = wanted;
    return true;
}

bool
nj_array_grow(void **array, size_t *capacity, size_t count, size_t size)
{
    return grow(array, capacity, count, size, nj_realloc);
}

bool
nj_array_grow_uncapped(void **array, size_t *capacity, size_t count, size_t size)
{
    return grow(array, capacity, count, size, nj_realloc_uncapped);
}

void
nj_free(void *p)
{
    if (p == NULL)
        return;
    count(-(int64_t)malloc_usable_size(p));
    free(p);
}

void
nj_mem_limit_set(uint64_t bytes)
{
    atomic_store_explicit(&limit_bytes, bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes,
                          memory_order_relaxed);
}

static uint64_t
limit_in_force(void)
{
    return (uint64_t)atomic_load_explicit(&limit_bytes, memory_order_relaxed);
}

uint64_t
nj_mem_used(void)
{
    int64_t used = atomic_load_explicit(&total_bytes, memory_order_relaxed) + delta_bytes;

    return used > 0 ? (uint64_t)used : 0;
}

bool
nj_mem_is_scarce(void)
{
    uint64_t limit = limit_in_force();

    return limit > 0 && nj_mem_used() > limit - limit / 16;
}

bool
nj_mem_is_tight(void)
{
    uint64_t limit = limit_in_force();

    return limit > 0 && nj_mem_used() > limit - limit / 4;
}

bool
nj_mem_is_slack(void)
{
    return atomic_load_explicit(&high_bytes, memory_order_relaxed) - (int64_t)nj_mem_used() >
           SLACK_BYTES;
}

void
nj_mem_trim(void)
{
    atomic_store_explicit(&high_bytes, (int64_t)nj_mem_used(), memory_order_relaxed);
    (void)malloc_trim(0);
}

uint64_t
nj_mem_peak(void)
{
    keep_most(&peak_bytes, (int64_t)nj_mem_used()); /* what this thread has not added yet, too */
    return (uint64_t)atomic_load_explicit(&peak_bytes, memory_order_relaxed);
}

uint64_t
nj_mem_refused(void)
{
    return atomic_load_explicit(&refusals, memory_order_relaxed);
}
