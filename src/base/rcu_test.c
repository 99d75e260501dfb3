/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rcu.h"

#include "base/test.h"

#include <dirent.h>

static struct nj_rcu_head head;
static struct nj_rcu_head *freed;

static void
note(struct nj_rcu_head *h)
{
    freed = h;
}

static unsigned
threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    unsigned count = 0;

    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        count += e->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* Where no thread can be made any more, liburcu ends the process that needs one. */
static void
the_thread_for_callbacks_is_there_before_the_first(void **state)
{
    unsigned before;

    (void)state;
    nj_rcu_register();
    before = threads();
    nj_rcu_call(&head, note);
    assert_int_equal(threads(), before);
    nj_rcu_unregister();
    nj_rcu_barrier();
    assert_ptr_equal(freed, &head);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_thread_for_callbacks_is_there_before_the_first),
    };

    return cmocka_run_group_tests_name("base/rcu", tests, NULL, NULL);
}
