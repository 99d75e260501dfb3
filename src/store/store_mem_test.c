/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_mem.h"

#include "base/test.h"

static uint64_t
append(struct nj_store_mem *store)
{
    const struct nj_change change = {.kind = NJ_CHANGE_QUEUED};

    return store->port.ops->append(&store->port, &change);
}

static uint64_t
safe(struct nj_store_mem *store)
{
    return store->port.ops->safe(&store->port);
}

static void
changes_are_numbered_from_1(void **state)
{
    struct nj_store_mem store;

    (void)state;
    nj_store_mem_init(&store);
    assert_int_equal(safe(&store), 0);
    for (uint64_t i = 1; i <= 10; i++)
        assert_int_equal(append(&store), i);
}

static void
all_that_was_appended_is_safe_when_it_is_asked_for(void **state)
{
    struct nj_store_mem store;

    (void)state;
    nj_store_mem_init(&store);
    (void)append(&store);
    (void)append(&store);
    assert_int_equal(safe(&store), 2);
    (void)append(&store);
    assert_int_equal(safe(&store), 3);
}

static void
what_is_held_back_is_not_safe(void **state)
{
    struct nj_store_mem store;

    (void)state;
    nj_store_mem_init(&store);
    nj_store_mem_hold(&store, 0);
    for (int i = 0; i < 5; i++)
        (void)append(&store);
    assert_int_equal(safe(&store), 0);
    nj_store_mem_hold(&store, 3);
    assert_int_equal(safe(&store), 3);
    nj_store_mem_hold(&store, UINT64_MAX);
    assert_int_equal(safe(&store), 5);
}

static void
what_was_safe_once_stays_safe(void **state)
{
    struct nj_store_mem store;

    (void)state;
    nj_store_mem_init(&store);
    for (int i = 0; i < 5; i++)
        (void)append(&store);
    assert_int_equal(safe(&store), 5);
    nj_store_mem_hold(&store, 2);
    assert_int_equal(safe(&store), 5);
    (void)append(&store);
    assert_int_equal(safe(&store), 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_numbered_from_1),
        cmocka_unit_test(all_that_was_appended_is_safe_when_it_is_asked_for),
        cmocka_unit_test(what_is_held_back_is_not_safe),
        cmocka_unit_test(what_was_safe_once_stays_safe),
    };

    return cmocka_run_group_tests_name("store/store_mem", tests, NULL, NULL);
}
