/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine takes away from who does nothing but read the clock, on each processor at once:
 * interrupts, other processes and, below a virtual machine, its host. No latency that is measured
 * here can be better than this.
 *
 *   micro-gaps [SECONDS]
 *
 * For each processor one line: how often it was gone for longer than 0.1, 0.3, 1, 3 and 10 ms, the
 * longest, and how much of the time that was in all. */
#include "base/clock.h"
#include "base/compiler.h"
#include "base/thread.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PROCESSORS_MAX 256
#define SECONDS        5

static const int64_t longer_us[] = {100, 300, 1000, 3000, 10000};

struct processor {
    struct nj_thread thread;
    int64_t until_ns, longest_ns, gone_ns;
    unsigned gaps[NJ_COUNT_OF(longer_us)];
    int number;
    bool is_ours;
};

static void
note(struct processor *p, int64_t ns)
{
    if (ns <= longer_us[0] * 1000)
        return;
    for (size_t i = 0; i < NJ_COUNT_OF(longer_us); i++)
        p->gaps[i] += ns > longer_us[i] * 1000;
    p->gone_ns += ns;
    p->longest_ns = NJ_MAX(p->longest_ns, ns);
}

static void
watch(void *arg)
{
    struct processor *p = arg;
    cpu_set_t only;
    int64_t last, now;

    CPU_ZERO(&only);
    CPU_SET(p->number, &only);
    p->is_ours = sched_setaffinity(0, sizeof(only), &only) == 0;
    last = nj_clock_monotonic_ns();
    while (p->is_ours && last < p->until_ns) {
        now = nj_clock_monotonic_ns();
        note(p, now - last);
        last = now;
    }
}

int
main(int argc, char **argv)
{
    static struct processor processors[PROCESSORS_MAX];
    char nothing[] = "", *end = nothing;
    long seconds = argc > 1 ? strtol(argv[1], &end, 10) : SECONDS;
    int count = (int)NJ_MIN(sysconf(_SC_NPROCESSORS_CONF), PROCESSORS_MAX);
    int64_t until_ns;

    if (*end != '\0' || seconds < 1 || seconds > 3600)
        return 2;
    until_ns = nj_clock_monotonic_ns() + seconds * INT64_C(1000000000);

    for (int i = 0; i < count; i++) {
        processors[i] = (struct processor){.number = i, .until_ns = until_ns};
        if (nj_thread_start(&processors[i].thread, "gaps", watch, &processors[i]) != NJ_OK)
            return 1;
    }
    (void)printf("processor   > 0.1   > 0.3     > 1     > 3    > 10 ms   longest ms   gone\n");
    for (int i = 0; i < count; i++) {
        const struct processor *p = &processors[i];

        nj_thread_join(&processors[i].thread);
        if (!p->is_ours)
            continue;
        (void)printf("%9d", i);
        for (size_t k = 0; k < NJ_COUNT_OF(longer_us); k++)
            (void)printf(" %7u", p->gaps[k]);
        (void)printf(" %15.1f %5.2f %%\n", (double)p->longest_ns / 1e6,
                     (double)p->gone_ns / 1e7 / (double)seconds);
    }
    return 0;
}
