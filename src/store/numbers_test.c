/* SPDX-License-Identifier: Apache-2.0 */
#include "store/numbers.h"

#include "base/rand.h"
#include "base/test.h"

#define KEYS 500

static void
nothing_is_found_in_nothing(void **state)
{
    struct nj_numbers n = {0};

    (void)state;
    assert_int_equal(nj_numbers_find(&n, 1), 0);
    assert_true(nj_numbers_set(&n, 1, 0));
    assert_int_equal(n.capacity, 0);
    nj_numbers_fini(&n);
}

/* Keys that collide: multiples of a large power of two. */
static void
it_does_what_an_array_does(void **state)
{
    struct nj_numbers n = {0};
    uint64_t plain[KEYS] = {0}, count;
    struct nj_rand rand;

    (void)state;
    nj_rand_seed(&rand, 2);
    for (unsigned step = 0; step < 100000; step++) {
        uint64_t i = nj_rand_below(&rand, step / 10000 % 2 == 0 ? KEYS : 20);
        uint64_t value = nj_rand_below(&rand, 3);

        assert_true(nj_numbers_set(&n, (i + 1) << (i % 3 * 20), value));
        plain[i] = value;
        if (step % 1000 == 0) {
            nj_numbers_trim(&n);
            count = 0;
            for (i = 0; i < KEYS; i++) {
                assert_int_equal(nj_numbers_find(&n, (i + 1) << (i % 3 * 20)), plain[i]);
                count += plain[i] != 0;
            }
            assert_int_equal(n.count, count);
        }
    }
    nj_numbers_fini(&n);
}

static void
memory_is_given_back(void **state)
{
    struct nj_numbers n = {0};

    (void)state;
    for (uint64_t i = 1; i <= 100000; i++)
        assert_true(nj_numbers_set(&n, i, i));
    assert_in_range(n.capacity, 100000, 300000);
    for (uint64_t i = 1; i < 100000; i++)
        assert_true(nj_numbers_set(&n, i, 0));
    nj_numbers_trim(&n);
    assert_in_range(n.capacity, 1, 1000);
    assert_int_equal(nj_numbers_find(&n, 100000), 100000);
    nj_numbers_fini(&n);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_found_in_nothing),
        cmocka_unit_test(it_does_what_an_array_does),
        cmocka_unit_test(memory_is_given_back),
    };

    return cmocka_run_group_tests_name("store/numbers", tests, NULL, NULL);
}
