/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h — a thread of ours: it has a name for `top -H`, and never runs a signal handler: all
 * signals stay with the thread that the process began with. */
#ifndef NJ_BASE_THREAD_H
#define NJ_BASE_THREAD_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>

/* Zeroed: not started. */
struct nj_thread {
    pthread_t id;
    bool is_started;
};

/* Run `body(arg)` on a new thread. `name` is cut to 15 characters. Errors: NJ_ESYS, NJ_ENOMEM. */
NJ_NODISCARD enum nj_err nj_thread_start(struct nj_thread *t, const char *name,
                                         void (*body)(void *arg), void *arg);
/* Wait until the body has returned. Harmless when it was not started. */
void nj_thread_join(struct nj_thread *t);
/* The calling thread works for itself through what has gathered: whenever it wakes it lets who runs
 * go on for a while (SCHED_BATCH). Only a wish: a sandbox may not allow it, and what the
 * administrator has chosen (chrt) stays. */
void nj_thread_work_in_batches(void);

#endif
