/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/slab.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

struct start {
    void (*body)(void *);
    void *arg;
};

static void *
run(void *p)
{
    struct start start = *(struct start *)p;

    nj_free(p);
    start.body(start.arg);
    nj_slab_leave();
    return NULL;
}

/* The new thread inherits the mask, so it is blocked here, around the creation. A fault is no
 * signal of others: it must reach its handler (the sanitizers', say) on the thread at fault. */
static void
block_signals(sigset_t *before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t all;

    (void)sigfillset(&all);
    for (size_t i = 0; i < NJ_COUNT_OF(faults); i++)
        (void)sigdelset(&all, faults[i]);
    (void)pthread_sigmask(SIG_SETMASK, &all, before);
}

enum nj_err
nj_thread_start(struct nj_thread *t, const char *name, void (*body)(void *arg), void *arg)
{
    struct start *start = nj_alloc(sizeof(*start));
    char short_name[16];
    sigset_t before;
    int error;

    if (start == NULL)
        return NJ_ENOMEM;
    start->body = body;
    start->arg = arg;

    block_signals(&before);
    error = pthread_create(&t->id, NULL, run, start);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        nj_free(start);
        errno = error;
        return NJ_ESYS;
    }
    t->is_started = true;
    (void)snprintf(short_name, sizeof(short_name), "%s", name);
    (void)pthread_setname_np(t->id, short_name);
    return NJ_OK;
}

void
nj_thread_join(struct nj_thread *t)
{
    if (!t->is_started)
        return;
    NJ_ASSERT(pthread_join(t->id, NULL) == 0);
    t->is_started = false;
}

void
nj_thread_work_in_batches(void)
{
    const struct sched_param none = {0};

    if (sched_getscheduler(0) == SCHED_OTHER)
        (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
}
