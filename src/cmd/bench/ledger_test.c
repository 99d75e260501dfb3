/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger tells lost, doubled and late messages apart: a bench that cannot see a fault proves
 * nothing. */
#include "cmd/bench/ledger.h"

#include "base/test.h"

static void
see(struct nj_lane *l, struct nj_tally *t, const uint64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        nj_lane_see(l, numbers[i], t);
}

static void
lane_in_order_is_clean(void **state)
{
    struct nj_lane l = {0};
    struct nj_tally t = {0};

    (void)state;
    see(&l, &t, (const uint64_t[]){0, 1, 2, 3}, 4);
    nj_lane_close(&l, 4, &t);
    assert_int_equal(t.delivered, 4);
    assert_true(nj_tally_is_clean(&t));
}

static void
lane_counts_what_never_came(void **state)
{
    struct nj_lane l = {0};
    struct nj_tally t = {0};

    (void)state;
    see(&l, &t, (const uint64_t[]){0, 3, 4}, 3);
    nj_lane_close(&l, 7, &t);
    assert_int_equal(t.delivered, 3);
    assert_int_equal(t.lost, 4);
    assert_int_equal(t.doubled + t.reordered, 0);
}

static void
lane_tells_late_from_twice(void **state)
{
    struct nj_lane l = {0};
    struct nj_tally t = {0};

    (void)state;
    see(&l, &t, (const uint64_t[]){0, 2, 1, 1, 2}, 5);
    nj_lane_close(&l, 3, &t);
    assert_int_equal(t.delivered, 3);
    assert_int_equal(t.reordered, 1);
    assert_int_equal(t.doubled, 2);
    assert_int_equal(t.lost, 0);
}

static void
lane_counts_a_gap_that_it_cannot_remember(void **state)
{
    struct nj_lane l = {0};
    struct nj_tally t = {0};

    (void)state;
    see(&l, &t, (const uint64_t[]){0, 10 * NJ_LANE_MISSING_MAX}, 2);
    nj_lane_close(&l, 10 * NJ_LANE_MISSING_MAX + 1, &t);
    assert_int_equal(t.delivered, 2);
    assert_int_equal(t.lost, 10 * NJ_LANE_MISSING_MAX - 1);
}

static void
lane_finds_a_number_strange_that_was_never_sent(void **state)
{
    struct nj_lane l = {0};
    struct nj_tally t = {0};

    (void)state;
    see(&l, &t, (const uint64_t[]){0, 1, 2}, 3);
    nj_lane_close(&l, 2, &t);
    assert_int_equal(t.strange, 1);
}

static void
spread_takes_each_number_from_anybody_once(void **state)
{
    struct nj_spread p;
    struct nj_tally t = {0};

    (void)state;
    nj_spread_init(&p, 100);
    for (uint64_t round = 0; round < 1000; round += 100) {
        for (uint64_t i = 0; i < 100; i += 2)
            nj_spread_see(&p, round + i, &t);
        for (uint64_t i = 1; i < 100; i += 2)
            nj_spread_see(&p, round + i, &t);
        assert_int_equal(p.floor, round + 100);
    }
    nj_spread_close(&p, 1000, &t);
    assert_int_equal(t.delivered, 1000);
    assert_true(nj_tally_is_clean(&t));
}

static void
spread_counts_lost_doubled_and_impossible(void **state)
{
    struct nj_spread p;
    struct nj_tally t = {0};

    (void)state;
    nj_spread_init(&p, 64);
    nj_spread_see(&p, 0, &t);
    nj_spread_see(&p, 0, &t);
    nj_spread_see(&p, 2, &t);
    nj_spread_see(&p, 2, &t);
    nj_spread_see(&p, 1000, &t);
    nj_spread_close(&p, 4, &t);
    assert_int_equal(t.delivered, 2);
    assert_int_equal(t.doubled, 2);
    assert_int_equal(t.strange, 1);
    assert_int_equal(t.lost, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lane_in_order_is_clean),
        cmocka_unit_test(lane_counts_what_never_came),
        cmocka_unit_test(lane_tells_late_from_twice),
        cmocka_unit_test(lane_counts_a_gap_that_it_cannot_remember),
        cmocka_unit_test(lane_finds_a_number_strange_that_was_never_sent),
        cmocka_unit_test(spread_takes_each_number_from_anybody_once),
        cmocka_unit_test(spread_counts_lost_doubled_and_impossible),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
