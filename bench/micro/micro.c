/* SPDX-License-Identifier: Apache-2.0 */
#include "micro/micro.h"

#include "base/clock.h"
#include "base/compiler.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS   11
#define ROUND_NS 20000000

volatile uint64_t nj_micro_sink;

static int64_t
time_of(nj_micro_fn fn, void *ctx, uint64_t count)
{
    int64_t began = nj_clock_monotonic_ns();

    fn(ctx, count);
    return nj_clock_monotonic_ns() - began;
}

/* How many calls fill a round. */
static uint64_t
calibrate(nj_micro_fn fn, void *ctx)
{
    uint64_t count = 1;
    int64_t took = time_of(fn, ctx, count);

    while (took < ROUND_NS / 4) {
        count *= 2;
        took = time_of(fn, ctx, count);
    }
    return NJ_MAX(count * ROUND_NS / (uint64_t)took, 1u);
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

double
nj_micro_time(const char *name, nj_micro_fn fn, void *ctx)
{
    uint64_t count = calibrate(fn, ctx);
    double ns[ROUNDS];

    for (int i = 0; i < ROUNDS; i++)
        ns[i] = (double)time_of(fn, ctx, count) / (double)count;
    qsort(ns, ROUNDS, sizeof(ns[0]), compare);
    printf("%-44s %9.1f ns   (least %.1f)\n", name, ns[ROUNDS / 2], ns[0]);
    fflush(stdout);
    return ns[ROUNDS / 2];
}
