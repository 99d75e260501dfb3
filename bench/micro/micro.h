/* SPDX-License-Identifier: Apache-2.0 */
/* micro.h — how long one call takes, in nanoseconds.
 *
 * A case is called in rounds of about 20 ms. The median of the rounds is what is printed, with the
 * fastest beside it: where they differ much, the machine was busy. */
#ifndef NJ_BENCH_MICRO_H
#define NJ_BENCH_MICRO_H

#include <stdint.h>

/* What the cases compute ends here, so that the compiler cannot leave it out. */
extern volatile uint64_t nj_micro_sink;

/* Do the work `count` times. */
typedef void (*nj_micro_fn)(void *ctx, uint64_t count);

/* Prints one line: name, median and least nanoseconds per unit. Returns the median. */
double nj_micro_time(const char *name, nj_micro_fn fn, void *ctx);

#endif
