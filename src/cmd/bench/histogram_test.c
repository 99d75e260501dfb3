/* SPDX-License-Identifier: Apache-2.0 */
/* The histogram against a sorted list of the same durations. */
#include "cmd/bench/histogram.h"

#include "base/test.h"

static struct nj_histogram h, other;

static void
clear(void)
{
    memset(&h, 0, sizeof(h));
    memset(&other, 0, sizeof(other));
}

static void
slots_meet_without_gap_or_overlap(void **state)
{
    uint32_t before = 0;

    (void)state;
    for (int64_t ns = 1; ns < 1 << 20; ns++) {
        uint32_t slot = nj_histogram_slot_of(ns);

        assert_true(slot == before || slot == before + 1);
        before = slot;
    }
    for (int bit = 20; bit < 42; bit++) {
        uint32_t slot = nj_histogram_slot_of(INT64_C(1) << bit);

        assert_int_equal(nj_histogram_slot_of((INT64_C(1) << bit) - 1) + 1, slot);
    }
    assert_int_equal(nj_histogram_slot_of(NJ_HISTOGRAM_MOST), NJ_HISTOGRAM_SLOTS - 1);
    assert_int_equal(nj_histogram_slot_of(INT64_MAX), NJ_HISTOGRAM_SLOTS - 1);
    assert_int_equal(nj_histogram_slot_of(-1), 0);
}

static int
is_more(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void
percentiles_are_the_sorted_lists_to_one_part_in_128(void **state)
{
    static int64_t all[10000];
    static const double shares[] = {0.0001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0};
    uint64_t dice = 12345;

    (void)state;
    clear();
    for (size_t i = 0; i < 10000; i++) {
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        all[i] = (int64_t)((dice >> 33) >> (dice >> 60)); /* all sizes */
        nj_histogram_see(i % 2 == 0 ? &h : &other, all[i]);
    }
    nj_histogram_add(&h, &other);
    qsort(all, 10000, sizeof(all[0]), is_more);
    assert_int_equal(h.count, 10000);
    assert_int_equal(h.most_ns, all[9999]);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        int64_t exact = all[(size_t)(shares[i] * 10000 + 0.5) - 1];
        int64_t got = nj_histogram_at(&h, shares[i]);

        assert_true(got >= exact);
        assert_true(got <= exact + exact / 128);
    }
}

static void
one_is_all_percentiles(void **state)
{
    (void)state;
    clear();
    assert_int_equal(nj_histogram_at(&h, 0.5), 0);
    nj_histogram_see(&h, 1000000);
    assert_int_equal(nj_histogram_at(&h, 0.0), 1000000);
    assert_int_equal(nj_histogram_at(&h, 0.5), 1000000);
    assert_int_equal(nj_histogram_at(&h, 1.0), 1000000);
}

static void
longer_than_the_longest_slot_is_told_exactly_as_the_highest(void **state)
{
    (void)state;
    clear();
    nj_histogram_see(&h, 5);
    nj_histogram_see(&h, INT64_C(1) << 50);
    assert_int_equal(nj_histogram_at(&h, 0.5), 5);
    assert_int_equal(h.most_ns, INT64_C(1) << 50);
    assert_int_equal(nj_histogram_at(&h, 1.0), NJ_HISTOGRAM_MOST);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_meet_without_gap_or_overlap),
        cmocka_unit_test(percentiles_are_the_sorted_lists_to_one_part_in_128),
        cmocka_unit_test(one_is_all_percentiles),
        cmocka_unit_test(longer_than_the_longest_slot_is_told_exactly_as_the_highest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
