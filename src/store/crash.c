/* SPDX-License-Identifier: Apache-2.0 */
#include "store/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum nj_crash_point nj_crash_armed;

static _Atomic long left;

const char *
nj_crash_point_name(enum nj_crash_point point)
{
    static const char *const names[] = {
        "",
#define NJ_CRASH_AT(name, where) #name,
#include "store/crash.def"
#undef NJ_CRASH_AT
    };

    return names[point];
}

bool
nj_crash_arm(void)
{
    const char *wish = getenv("NIGHTJAR_CRASH_POINT");
    size_t n;

    nj_crash_armed = NJ_CRASH_NOWHERE;
    if (wish == NULL || wish[0] == '\0')
        return true;
    n = strcspn(wish, ":");
    for (enum nj_crash_point i = NJ_CRASH_NOWHERE + 1; i < NJ_CRASH_POINTS; i++) {
        const char *name = nj_crash_point_name(i);

        if (strlen(name) == n && memcmp(name, wish, n) == 0)
            nj_crash_armed = i;
    }
    /* Relaxed: a count. */
    atomic_store_explicit(&left, wish[n] == ':' ? strtol(wish + n + 1, NULL, 10) : 1,
                          memory_order_relaxed);
    return nj_crash_armed != NJ_CRASH_NOWHERE;
}

void
nj_crash_pass(void)
{
    if (atomic_fetch_sub_explicit(&left, 1, memory_order_relaxed) == 1)
        (void)kill(getpid(), SIGKILL);
}
