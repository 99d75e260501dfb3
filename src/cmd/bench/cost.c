/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/bench/cost.h"

#include "base/clock.h"
#include "cmd/bench/caller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Of smaps_rollup; a number of KiB follows. */
#define ANONYMOUS     "Anonymous:"
#define SETTLE_ROUNDS 20
#define SETTLE_NS     100000000L

/* False when there is no such process. Its own CPU clock, user and system: exact to the nanosecond
 * where /proc/PID/stat counts ticks of 10 ms, and unlike /proc/PID/task it keeps what ended threads
 * have used. */
static bool
cpu_ns(pid_t pid, int64_t *out)
{
    struct timespec t;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return false;
    *out = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    return true;
}

struct nj_cost
nj_cost_read(pid_t pid)
{
    struct nj_cost c = {0};

    if (pid != 0 && !cpu_ns(pid, &c.broker_ns))
        nj_bench_die("cannot read the CPU time of the broker, process %d", (int)pid);
    if (!cpu_ns(getpid(), &c.load_ns))
        nj_bench_die("cannot read the CPU clock");
    c.wall_ns = nj_clock_monotonic_ns();
    return c;
}

struct nj_cost
nj_cost_since(const struct nj_cost *before, pid_t pid)
{
    struct nj_cost now = nj_cost_read(pid);

    return (struct nj_cost){now.wall_ns - before->wall_ns, now.broker_ns - before->broker_ns,
                            now.load_ns - before->load_ns};
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

static bool
settled(pid_t pid, uint64_t *out)
{
    uint64_t before = 0;
    uint64_t now = 0;

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

static uint64_t
memory(pid_t pid, bool (*read)(pid_t pid, uint64_t *out))
{
    uint64_t bytes = 0;

    if (pid != 0 && !read(pid, &bytes))
        nj_bench_die("cannot read the memory of the broker, process %d", (int)pid);
    return bytes;
}

uint64_t
nj_cost_memory(pid_t pid)
{
    return memory(pid, settled);
}

uint64_t
nj_cost_memory_now(pid_t pid)
{
    return memory(pid, read_anonymous);
}
