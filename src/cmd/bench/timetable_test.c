/* SPDX-License-Identifier: Apache-2.0 */
/* The timetable's two directions agree: what is due when, and how much is due by then. */
#include "cmd/bench/timetable.h"

#include "base/test.h"

static void
a_slot_is_due_exactly_from_its_time_on(void **state)
{
    static const uint32_t rates[] = {1, 3, 7, 1000, 20000, 333333, 10000000};

    (void)state;
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct nj_timetable t = {5, 5, INT64_MAX, rates[i], 1, 10};

        for (uint64_t slot = 0; slot < 2000; slot++) {
            int64_t due = nj_timetable_slot_ns(&t, slot);

            assert_int_equal(nj_timetable_slots(&t, due), slot + 1);
            assert_int_equal(nj_timetable_slots(&t, due - 1), slot);
        }
    }
}

static void
publishers_take_turns(void **state)
{
    struct nj_timetable t = {0, 0, INT64_MAX, 1000, 1, 7};
    uint64_t counts[7] = {0};

    (void)state;
    for (uint64_t slot = 0; slot < 100; slot++) {
        uint32_t publisher = (uint32_t)(slot % 7);

        assert_int_equal(nj_timetable_due_ns(&t, publisher, counts[publisher]),
                         nj_timetable_slot_ns(&t, slot));
        counts[publisher]++;
        for (uint32_t p = 0; p < 7; p++)
            assert_int_equal(nj_timetable_share(&t, p, slot + 1), counts[p]);
    }
}

static void
a_burst_is_due_at_once_and_the_rate_is_the_same(void **state)
{
    struct nj_timetable t = {0, 0, INT64_MAX, 1000, 20, 7};

    (void)state;
    for (uint64_t slot = 0; slot < 100; slot++) {
        int64_t due = (int64_t)slot * 20 * NJ_SECOND_NS / 1000;
        uint32_t publisher = (uint32_t)(slot % 7);
        uint64_t first = slot / 7 * 20;

        assert_int_equal(nj_timetable_slots(&t, due), slot + 1);
        assert_int_equal(nj_timetable_slots(&t, due - 1), slot);
        assert_int_equal(nj_timetable_share(&t, publisher, slot), first);
        assert_int_equal(nj_timetable_share(&t, publisher, slot + 1), first + 20);
        for (uint64_t i = 0; i < 20; i++)
            assert_int_equal(nj_timetable_due_ns(&t, publisher, first + i), due);
    }
}

static void
nothing_is_due_before_the_start_or_after_the_end(void **state)
{
    struct nj_timetable t = {1000, 1000, 1000 + 2 * NJ_SECOND_NS, 500, 1, 3};

    (void)state;
    assert_int_equal(nj_timetable_slots(&t, 999), 0);
    assert_int_equal(nj_timetable_slots(&t, 1000), 1);
    assert_int_equal(nj_timetable_slots(&t, t.end_ns), 1000);
    assert_int_equal(nj_timetable_slots(&t, INT64_MAX), 1000);
}

static void
an_hour_at_the_highest_rate_does_not_overflow(void **state)
{
    struct nj_timetable t = {0, 0, 3600 * NJ_SECOND_NS, 10000000, 1, 1};

    (void)state;
    assert_int_equal(nj_timetable_slots(&t, INT64_MAX), UINT64_C(36000000000));
    assert_int_equal(nj_timetable_slot_ns(&t, UINT64_C(36000000000) - 1), t.end_ns - 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_is_due_exactly_from_its_time_on),
        cmocka_unit_test(publishers_take_turns),
        cmocka_unit_test(a_burst_is_due_at_once_and_the_rate_is_the_same),
        cmocka_unit_test(nothing_is_due_before_the_start_or_after_the_end),
        cmocka_unit_test(an_hour_at_the_highest_rate_does_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
