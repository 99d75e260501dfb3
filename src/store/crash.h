/* SPDX-License-Identifier: Apache-2.0 */
/* crash.h — a process that dies where a test wants it to: with NIGHTJAR_CRASH_POINT=NAME[:N] in the
 * environment it kills itself as kill -9 would, at the Nth passing of that place (the first).
 * `crash.def` lists the places; none is on the way of a single message, so they are in every build:
 * what is tested is what is shipped. Thread: any, after nj_crash_arm(). */
#ifndef NJ_STORE_CRASH_H
#define NJ_STORE_CRASH_H

#include "base/compiler.h"

#include <stdbool.h>

enum nj_crash_point {
    NJ_CRASH_NOWHERE,
#define NJ_CRASH_AT(name, where) NJ_CRASH_##name,
#include "store/crash.def"
#undef NJ_CRASH_AT
    NJ_CRASH_POINTS
};

/* Where, and after how many passings; written by nj_crash_arm() alone. */
extern enum nj_crash_point nj_crash_armed;

/* Read the environment; before there is another thread. False: it names no place. */
bool nj_crash_arm(void);
const char *nj_crash_point_name(enum nj_crash_point point);
void nj_crash_pass(void);

#define NJ_CRASH(name)                                                                             \
    do {                                                                                           \
        if (NJ_UNLIKELY(nj_crash_armed == NJ_CRASH_##name))                                        \
            nj_crash_pass();                                                                       \
    } while (0)

#endif
