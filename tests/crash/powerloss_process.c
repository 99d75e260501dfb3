/* SPDX-License-Identifier: Apache-2.0 */
/* powerloss_process.c — the part of the shim that is no disk: a clock that is put forward and back,
 * and memory that is refused. What the page of powerloss.h asks for happens at once, in the running
 * program.
 *
 * Only the program's own calls fail, not those that the C library makes for itself or that
 * libraries make before main(): a library's start-up may give up, and that would prove nothing. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "powerloss.h"

/* The C library's headers have other names for the parameters. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
#define API __attribute__((visibility("default")))

/* ---- the clock on the wall ---- */

API int
clock_gettime(clockid_t clock, struct timespec *t)
{
    int code = (int)syscall(SYS_clock_gettime, clock, t);

    if (code == 0 && powerloss_control != NULL &&
        (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t ns = (int64_t)t->tv_sec * 1000000000 + t->tv_nsec +
                     atomic_load_explicit(&powerloss_control->wall_offset_ns, memory_order_relaxed);

        t->tv_sec = ns / 1000000000;
        t->tv_nsec = ns % 1000000000;
    }
    return code;
}

API time_t
time(time_t *out)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    if (out != NULL)
        *out = t.tv_sec;
    return t.tv_sec;
}

API int
gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec t;

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    out->tv_sec = t.tv_sec;
    out->tv_usec = t.tv_nsec / 1000;
    return 0;
}

/* ---- memory ---- */

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);

static bool
is_refused(void)
{
    struct powerloss_control *c = powerloss_control;
    int64_t n, from, every;

    if (c == NULL)
        return false;
    from = atomic_load_explicit(&c->allocation_fault.from, memory_order_relaxed);
    every = atomic_load_explicit(&c->allocation_every, memory_order_relaxed);
    if (from == 0 && every == 0)
        return false;
    n = atomic_fetch_add_explicit(&c->allocations, 1, memory_order_relaxed) + 1;
    if ((from == 0 || n < from ||
         n - from >= atomic_load_explicit(&c->allocation_fault.count, memory_order_relaxed)) &&
        (every == 0 || n % every != 0))
        return false;
    atomic_fetch_add_explicit(&c->allocations_failed, 1, memory_order_relaxed);
    errno = ENOMEM;
    return true;
}

API void *
malloc(size_t bytes)
{
    return is_refused() ? NULL : __libc_malloc(bytes);
}

API void *
calloc(size_t count, size_t bytes)
{
    return is_refused() ? NULL : __libc_calloc(count, bytes);
}

API void *
realloc(void *old, size_t bytes)
{
    return is_refused() ? NULL : __libc_realloc(old, bytes);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
