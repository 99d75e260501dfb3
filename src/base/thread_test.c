/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include "base/test.h"

#include <sched.h>
#include <signal.h>

struct seen {
    sigset_t mask;
};

static void
look_around(void *arg)
{
    struct seen *seen = arg;

    (void)pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
}

static struct seen
run_one(const char *name)
{
    struct nj_thread thread = {0};
    struct seen seen;

    (void)sigemptyset(&seen.mask);
    assert_int_equal(nj_thread_start(&thread, name, look_around, &seen), NJ_OK);
    nj_thread_join(&thread);
    assert_false(thread.is_started);
    return seen;
}

static void
signals_stay_with_the_thread_that_began(void **state)
{
    sigset_t own;
    struct seen seen = run_one("quiet");

    (void)state;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &own);
    assert_int_equal(sigismember(&seen.mask, SIGTERM), 1);
    assert_int_equal(sigismember(&seen.mask, SIGHUP), 1);
    assert_int_equal(sigismember(&seen.mask, SIGSEGV), 0);
    assert_int_equal(sigismember(&own, SIGTERM), 0);
}

static void
joining_what_was_not_started_is_harmless(void **state)
{
    struct nj_thread thread = {0};

    (void)state;
    nj_thread_join(&thread);
}

struct policies {
    int chosen, set, then;
};

static void
work_in_batches(void *arg)
{
    const struct sched_param none = {0};
    struct policies *p = arg;

    p->set = sched_setscheduler(0, p->chosen, &none);
    nj_thread_work_in_batches();
    p->then = sched_getscheduler(0);
}

/* One that is to run when nothing else does, or before all else, is not lifted from there. */
static void
what_the_administrator_has_chosen_stays(void **state)
{
    struct policies p[] = {{.chosen = SCHED_OTHER}, {.chosen = SCHED_IDLE}};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(p); i++) {
        struct nj_thread thread = {0};

        assert_int_equal(nj_thread_start(&thread, "batches", work_in_batches, &p[i]), NJ_OK);
        nj_thread_join(&thread);
        assert_int_equal(p[i].set, 0);
    }
    assert_int_equal(p[0].then, SCHED_BATCH);
    assert_int_equal(p[1].then, SCHED_IDLE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_stay_with_the_thread_that_began),
        cmocka_unit_test(joining_what_was_not_started_is_harmless),
        cmocka_unit_test(what_the_administrator_has_chosen_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
