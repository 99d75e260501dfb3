/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include "base/mem.h"
#include "base/rand.h"

#include "base/test.h"

#define COUNT 200

static void
deadlines_come_in_order_of_time(void **state)
{
    struct nj_heap h = {0};
    struct nj_deadline d[COUNT] = {{0}};
    struct nj_rand rand;
    nj_time last = -1;

    (void)state;
    nj_rand_seed(&rand, 4);
    assert_true(nj_heap_reserve(&h, COUNT));
    for (int i = 0; i < COUNT; i++)
        nj_heap_set(&h, &d[i], nj_rand_below(&rand, 1000));
    for (int i = 0; i < COUNT; i++) {
        nj_time next = nj_heap_next(&h);
        struct nj_deadline *first = nj_heap_take_due(&h, next);

        assert_non_null(first);
        assert_int_equal(first->due, next);
        assert_int_equal(first->place, 0);
        assert_true(next >= last);
        last = next;
    }
    assert_int_equal(nj_heap_next(&h), NJ_NEVER);
    nj_heap_fini(&h);
}

static void
only_what_is_due_is_taken(void **state)
{
    struct nj_heap h = {0};
    struct nj_deadline soon = {0}, later = {0};

    (void)state;
    assert_null(nj_heap_take_due(&h, 5));
    assert_true(nj_heap_reserve(&h, 2));
    nj_heap_set(&h, &later, 20);
    nj_heap_set(&h, &soon, 10);
    assert_null(nj_heap_take_due(&h, 9));
    assert_ptr_equal(nj_heap_take_due(&h, 10), &soon);
    assert_null(nj_heap_take_due(&h, 10));
    assert_ptr_equal(nj_heap_take_due(&h, NJ_NEVER), &later);
    nj_heap_fini(&h);
}

static void
never_cancels_and_cancelling_twice_is_harmless(void **state)
{
    struct nj_heap h = {0};
    struct nj_deadline d = {0};

    (void)state;
    assert_true(nj_heap_reserve(&h, 1));
    nj_heap_cancel(&h, &d);
    nj_heap_set(&h, &d, 10);
    nj_heap_set(&h, &d, NJ_NEVER);
    assert_int_equal(h.count, 0);
    nj_heap_cancel(&h, &d);
    nj_heap_set(&h, &d, 10);
    assert_int_equal(nj_heap_next(&h), 10);
    nj_heap_cancel(&h, &d);
    assert_int_equal(nj_heap_next(&h), NJ_NEVER);
    nj_heap_fini(&h);
}

/* The plain twin looks through all of them. */
static void
setting_moving_and_cancelling_at_random_keeps_the_earliest_first(void **state)
{
    struct nj_heap h = {0};
    struct nj_deadline d[COUNT] = {{0}};
    struct nj_rand rand;

    (void)state;
    nj_rand_seed(&rand, 5);
    assert_true(nj_heap_reserve(&h, COUNT));
    for (int round = 0; round < 20000; round++) {
        struct nj_deadline *one = &d[nj_rand_below(&rand, COUNT)];
        nj_time earliest = NJ_NEVER;

        if (nj_rand_below(&rand, 3) == 0)
            nj_heap_cancel(&h, one);
        else
            nj_heap_set(&h, one, nj_rand_below(&rand, 1000));
        for (int i = 0; i < COUNT; i++)
            if (d[i].place != 0)
                earliest = NJ_MIN(earliest, d[i].due);
        assert_int_equal(nj_heap_next(&h), earliest);
    }
    nj_heap_fini(&h);
}

static void
without_memory_no_room_is_promised(void **state)
{
    struct nj_heap h = {0};

    (void)state;
    assert_true(nj_heap_reserve(&h, 16));
    nj_mem_limit_set(1);
    assert_true(nj_heap_reserve(&h, 16));
    assert_false(nj_heap_reserve(&h, 17));
    nj_mem_limit_set(0);
    assert_true(nj_heap_reserve(&h, 17));
    nj_heap_fini(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadlines_come_in_order_of_time),
        cmocka_unit_test(only_what_is_due_is_taken),
        cmocka_unit_test(never_cancels_and_cancelling_twice_is_harmless),
        cmocka_unit_test(setting_moving_and_cancelling_at_random_keeps_the_earliest_first),
        cmocka_unit_test(without_memory_no_room_is_promised),
    };

    return cmocka_run_group_tests_name("base/heap", tests, NULL, NULL);
}
