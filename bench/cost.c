/* SPDX-License-Identifier: Apache-2.0 */
#include "cost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of smaps_rollup; a number of KiB follows. */
#define ANONYMOUS     "Anonymous:"
#define SETTLE_ROUNDS 20
#define SETTLE_NS     100000000L

/* The process's own CPU clock: exact to the nanosecond where /proc/PID/stat counts ticks of 10 ms,
 * and unlike /proc/PID/task it keeps what ended threads have used. */
bool
nj_cost_cpu_ns(pid_t pid, int64_t *out)
{
    struct timespec t;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return false;
    *out = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    return true;
}

static bool
read_anonymous(pid_t pid, uint64_t *out)
{
    char path[64];
    char line[256];
    bool is_found = false;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    FILE *f = fopen(path, "r");

    if (f == NULL)
        return false;
    while (!is_found && fgets(line, sizeof(line), f) != NULL)
        is_found = strncmp(line, ANONYMOUS, sizeof(ANONYMOUS) - 1) == 0;
    fclose(f);
    if (is_found)
        *out = strtoull(line + sizeof(ANONYMOUS) - 1, NULL, 10) * 1024;
    return is_found;
}

bool
nj_cost_anonymous_bytes(pid_t pid, uint64_t *out)
{
    uint64_t before = 0;
    uint64_t now;

    for (int i = 0; i < SETTLE_ROUNDS; i++) {
        if (!read_anonymous(pid, &now))
            return false;
        if (i > 0 && now == before)
            break;
        before = now;
        nanosleep(&(struct timespec){0, SETTLE_NS}, NULL);
    }
    *out = now;
    return true;
}
