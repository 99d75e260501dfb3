/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/received.h"

#include "base/mem.h"
#include "base/rand.h"

#include "base/test.h"

static void
what_was_added_is_there_until_it_is_removed(void **state)
{
    struct nj_received r = {0};

    (void)state;
    assert_false(nj_received_has(&r, 7));
    assert_true(nj_received_add(&r, 7));
    assert_true(nj_received_add(&r, 3));
    assert_true(nj_received_add(&r, 65535));
    assert_true(nj_received_has(&r, 3));
    assert_true(nj_received_has(&r, 7));
    assert_true(nj_received_has(&r, 65535));
    assert_false(nj_received_has(&r, 4));
    assert_true(nj_received_remove(&r, 7));
    assert_false(nj_received_remove(&r, 7));
    assert_false(nj_received_has(&r, 7));
    assert_int_equal(r.count, 2);
    nj_received_fini(&r);
}

/* The plain twin: a flag for each identifier. */
static void
random_identifiers_are_kept_as_by_an_array_of_flags(void **state)
{
    static bool has[65536];
    struct nj_received r = {0};
    struct nj_rand rand;
    uint32_t count = 0;

    (void)state;
    nj_rand_seed(&rand, 1);
    for (int i = 0; i < 20000; i++) {
        uint16_t id = (uint16_t)(1 + nj_rand_below(&rand, 500));

        assert_int_equal(nj_received_has(&r, id), has[id]);
        if (has[id]) {
            assert_true(nj_received_remove(&r, id));
            count--;
        } else {
            assert_true(nj_received_add(&r, id));
            count++;
        }
        has[id] = !has[id];
        assert_int_equal(r.count, count);
    }
    nj_received_fini(&r);
}

static void
all_identifiers_fit(void **state)
{
    struct nj_received r = {0};

    (void)state;
    for (uint32_t id = 65535; id < 65536; id -= 2)
        assert_true(nj_received_add(&r, (uint16_t)id));
    for (uint32_t id = 2; id < 65535; id += 2)
        assert_true(nj_received_add(&r, (uint16_t)id));
    assert_int_equal(r.count, 65535);
    for (uint32_t id = 1; id <= 65535; id++)
        assert_true(nj_received_remove(&r, (uint16_t)id));
    assert_int_equal(r.count, 0);
    assert_null(r.ids);
}

static void
without_memory_nothing_changes(void **state)
{
    struct nj_received r = {0};

    (void)state;
    for (uint16_t id = 1; id <= 16; id++)
        assert_true(nj_received_add(&r, id));
    nj_mem_limit_set(1);
    assert_false(nj_received_add(&r, 17));
    nj_mem_limit_set(0);
    assert_int_equal(r.count, 16);
    assert_false(nj_received_has(&r, 17));
    assert_true(nj_received_has(&r, 16));
    nj_received_fini(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_there_until_it_is_removed),
        cmocka_unit_test(random_identifiers_are_kept_as_by_an_array_of_flags),
        cmocka_unit_test(all_identifiers_fit),
        cmocka_unit_test(without_memory_nothing_changes),
    };

    return cmocka_run_group_tests_name("broker/received", tests, NULL, NULL);
}
