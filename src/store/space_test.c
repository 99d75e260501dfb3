/* SPDX-License-Identifier: Apache-2.0 */
#include "store/space.h"

#include "store/kit_test.h"

#define MIB ((uint64_t)1 << 20)

static void
it_is_full_below_the_reserve_until_there_is_twice_as_much(void **state)
{
    struct nj_space space;
    uint64_t reserve;

    (void)state;
    nj_space_init(&space, "/", 0);
    reserve = nj_space_reserve(&space);
    assert_false(nj_space_judge(&space, reserve));
    assert_true(nj_space_judge(&space, reserve - 1));
    assert_true(space.is_full);
    assert_false(nj_space_judge(&space, 2 * reserve - 1));
    assert_true(space.is_full);
    assert_true(nj_space_judge(&space, 2 * reserve));
    assert_false(space.is_full);
}

static void
a_small_budget_has_a_small_reserve(void **state)
{
    struct nj_space space;

    (void)state;
    nj_space_init(&space, "/", 8 * MIB);
    assert_int_equal(nj_space_reserve(&space), MIB);
    nj_space_init(&space, "/", 1024 * MIB);
    assert_int_equal(nj_space_reserve(&space), 32 * MIB);
}

static void
the_budget_counts_what_the_file_has_used(void **state)
{
    struct kit *k = *state;
    struct nj_db_room file;
    struct nj_space space;

    kit_open(k);
    nj_store_stop(k->store);
    nj_db_room(k->store->db, &file);
    nj_space_init(&space, k->path, file.used_bytes + 8 * MIB);
    assert_false(nj_space_look(&space, k->store->db));
    assert_in_range(space.room_bytes, 8 * MIB,
                    8 * MIB + file.used_bytes); /* and what is free within */
    nj_space_init(&space, k->path, file.used_bytes);
    (void)nj_space_look(&space, k->store->db);
    assert_in_range(space.room_bytes, 0, file.used_bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_full_below_the_reserve_until_there_is_twice_as_much),
        cmocka_unit_test(a_small_budget_has_a_small_reserve),
        cmocka_unit_test_setup_teardown(the_budget_counts_what_the_file_has_used, kit_setup,
                                        kit_teardown),
    };

    return cmocka_run_group_tests_name("store/space", tests, NULL, NULL);
}
