/* SPDX-License-Identifier: Apache-2.0 */
/* liburcu is not instrumented, so ThreadSanitizer would take every deferred free for a race with
 * the readers before it. In its builds the order that the grace period gives is spelled out for it:
 * each quiescent state releases, each callback acquires; and a callback that has run releases, a
 * barrier acquires. */
#include "base/rcu.h"

#include <urcu-qsbr.h>

_Static_assert(sizeof(struct nj_rcu_head) >= sizeof(struct rcu_head), "nj_rcu_head is too small");

#if defined(__SANITIZE_THREAD__)
#define NJ_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NJ_TSAN 1
#endif
#endif

#ifdef NJ_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
static char grace_period;
#define TELL_DONE()     __tsan_release(&grace_period)
#define TELL_ALL_DONE() __tsan_acquire(&grace_period)
#else
#define TELL_DONE()     ((void)0)
#define TELL_ALL_DONE() ((void)0)
#endif

/* The first callback would start the thread that runs them, and end the process where the system
 * has nothing to start it with. */
void
nj_rcu_register(void)
{
    (void)urcu_qsbr_get_default_call_rcu_data();
    urcu_qsbr_register_thread();
}

void
nj_rcu_unregister(void)
{
    TELL_DONE();
    urcu_qsbr_unregister_thread();
}

void
nj_rcu_quiescent(void)
{
    TELL_DONE();
    urcu_qsbr_quiescent_state();
}

void
nj_rcu_offline(void)
{
    TELL_DONE();
    urcu_qsbr_thread_offline();
}

void
nj_rcu_online(void)
{
    urcu_qsbr_thread_online();
}

#ifdef NJ_TSAN
/* The callback and its argument travel in a box of their own, opened after the acquire. */
struct box {
    struct rcu_head head;
    struct nj_rcu_head *arg;
    void (*fn)(struct nj_rcu_head *);
};

static void
open_box(struct rcu_head *head)
{
    struct box *box = (struct box *)(void *)head;

    TELL_ALL_DONE();
    box->fn(box->arg);
    TELL_DONE();
    __builtin_free(box);
}

void
nj_rcu_call(struct nj_rcu_head *head, void (*fn)(struct nj_rcu_head *))
{
    struct box *box = __builtin_malloc(sizeof(*box));

    if (box == NULL)
        __builtin_trap();
    box->arg = head;
    box->fn = fn;
    TELL_DONE();
    urcu_qsbr_call_rcu(&box->head, open_box);
}
#else
void
nj_rcu_call(struct nj_rcu_head *head, void (*fn)(struct nj_rcu_head *))
{
    urcu_qsbr_call_rcu((struct rcu_head *)(void *)head, (void (*)(struct rcu_head *))(void *)fn);
}
#endif

void
nj_rcu_barrier(void)
{
    urcu_qsbr_barrier();
    TELL_ALL_DONE();
}
