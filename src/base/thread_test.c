/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include "base/test.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_stay_with_the_thread_that_began),
        cmocka_unit_test(joining_what_was_not_started_is_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
