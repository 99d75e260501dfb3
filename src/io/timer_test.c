/* SPDX-License-Identifier: Apache-2.0 */
#include "io/timer.h"

#include "base/rand.h"
#include "base/test.h"

#define COUNT 200

/* Each test timer writes down when it fired, and may act on others. */
struct probe {
    struct nj_timer timer;
    nj_time fired_at;
    unsigned times;
    unsigned order;
    struct probe *to_cancel;
    struct probe *to_set;
    nj_time set_to;
};

static struct nj_wheel *wheel;
static unsigned fired_in_all;

static void
on_time(struct nj_timer *t, nj_time now)
{
    struct probe *p = nj_container_of(t, struct probe, timer);

    p->fired_at = now;
    p->times++;
    p->order = fired_in_all++;
    if (p->to_cancel != NULL)
        nj_timer_cancel(wheel, &p->to_cancel->timer);
    if (p->to_set != NULL)
        nj_timer_set(wheel, &p->to_set->timer, p->set_to);
}

static void
init(struct probe *p)
{
    memset(p, 0, sizeof(*p));
    nj_timer_init(&p->timer, on_time);
}

static int
begin_at(nj_time now)
{
    fired_in_all = 0;
    wheel = nj_wheel_new(now);
    return wheel != NULL ? 0 : -1;
}

static int
setup(void **state)
{
    (void)state;
    return begin_at(1000);
}

static int
teardown(void **state)
{
    (void)state;
    nj_wheel_free(wheel);
    return 0;
}

static void
empty_wheel_never_needs_a_run(void **state)
{
    (void)state;
    assert_true(nj_wheel_next(wheel) == NJ_NEVER);
    assert_int_equal(nj_wheel_run(wheel, 5000, 0), 0);
    assert_true(nj_wheel_next(wheel) == NJ_NEVER);
}

static void
timer_fires_at_its_millisecond_and_not_before(void **state)
{
    static const nj_time delays[] = {1, 63, 64, 65, 4095, 4096, 4097, 86400000};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(delays); i++) {
        struct probe p;
        nj_time begin = 1000 + (nj_time)i * 100000000;

        init(&p);
        (void)nj_wheel_run(wheel, begin, 0);
        nj_timer_set(wheel, &p.timer, begin + delays[i]);
        assert_int_equal(nj_wheel_run(wheel, begin + delays[i] - 1, 0), 0);
        assert_true(nj_timer_is_set(&p.timer));
        assert_int_equal(nj_wheel_run(wheel, begin + delays[i], 0), 1);
        assert_int_equal(p.fired_at, begin + delays[i]);
        assert_false(nj_timer_is_set(&p.timer));
    }
}

static void
time_in_the_past_fires_at_the_next_run(void **state)
{
    struct probe p;

    (void)state;
    init(&p);
    nj_timer_set(wheel, &p.timer, -5);
    assert_true(nj_wheel_next(wheel) <= 1000);
    assert_int_equal(nj_wheel_run(wheel, 1000, 0), 1);
}

static void
moved_timer_fires_once_at_its_new_time(void **state)
{
    struct probe p;

    (void)state;
    init(&p);
    nj_timer_set(wheel, &p.timer, 1010);
    nj_timer_set(wheel, &p.timer, 2000);
    assert_int_equal(nj_wheel_run(wheel, 1999, 0), 0);
    assert_int_equal(nj_wheel_run(wheel, 2000, 0), 1);
}

static void
never_cancels(void **state)
{
    struct probe p;

    (void)state;
    init(&p);
    nj_timer_set(wheel, &p.timer, 1010);
    nj_timer_set(wheel, &p.timer, NJ_NEVER);
    assert_false(nj_timer_is_set(&p.timer));
    assert_true(nj_wheel_next(wheel) == NJ_NEVER);
    assert_int_equal(nj_wheel_run(wheel, 5000, 0), 0);
}

static void
jump_over_years_costs_what_is_set(void **state)
{
    const nj_time years = (nj_time)136 * 366 * 86400 * 1000;
    struct probe near, far;

    (void)state;
    init(&near);
    init(&far);
    nj_timer_set(wheel, &far.timer, 1000 + years);
    nj_timer_set(wheel, &near.timer, 1001);
    assert_int_equal(nj_wheel_run(wheel, 999 + years, 0), 1);
    assert_int_equal(nj_wheel_run(wheel, INT64_MAX - 1, 0), 1);
    assert_true(near.order < far.order);
}

static void
farthest_time_is_reached(void **state)
{
    struct probe p;

    (void)state;
    init(&p);
    nj_timer_set(wheel, &p.timer, NJ_NEVER - 1);
    assert_true(nj_wheel_next(wheel) < NJ_NEVER);
    assert_int_equal(nj_wheel_run(wheel, NJ_NEVER - 2, 0), 0);
    assert_int_equal(nj_wheel_run(wheel, NJ_NEVER - 1, 0), 1);
}

static void
limit_leaves_the_rest_to_the_next_run_in_order(void **state)
{
    struct probe p[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        init(&p[i]);
        nj_timer_set(wheel, &p[i].timer, 1010 - i);
    }
    assert_int_equal(nj_wheel_run(wheel, 1500, 2), 2);
    assert_int_equal(p[0].times, 0);
    assert_true(nj_wheel_next(wheel) <= 1500);
    assert_int_equal(nj_wheel_run(wheel, 1500, 2), 1);
    assert_int_equal(p[2].order, 0);
    assert_int_equal(p[1].order, 1);
    assert_int_equal(p[0].order, 2);
}

static void
callback_may_cancel_who_is_due_in_the_same_run(void **state)
{
    struct probe first, last;

    (void)state;
    init(&first);
    init(&last);
    first.to_cancel = &last;
    nj_timer_set(wheel, &first.timer, 1010);
    nj_timer_set(wheel, &last.timer, 1010);
    assert_int_equal(nj_wheel_run(wheel, 1010, 0), 1);
    assert_int_equal(last.times, 0);
}

static void
what_a_callback_sets_for_now_waits_for_the_next_run(void **state)
{
    struct probe p;

    (void)state;
    init(&p);
    p.to_set = &p;
    p.set_to = 1;
    nj_timer_set(wheel, &p.timer, 1010);
    assert_int_equal(nj_wheel_run(wheel, 1010, 0), 1);
    assert_int_equal(nj_wheel_run(wheel, 1010, 0), 1);
    assert_int_equal(p.times, 2);
}

/* ---- the obvious twin: an unsorted array, searched for the smallest ---- */

struct twin {
    nj_time due[COUNT], effective[COUNT];
    unsigned sequence[COUNT], next_sequence;
    nj_time now, ran_at;
};

static void
twin_set(struct twin *twin, int i, nj_time due)
{
    if (due == twin->due[i])
        return;
    twin->due[i] = due;
    twin->effective[i] = NJ_MAX(due, twin->now);
    twin->sequence[i] = twin->next_sequence++;
}

static int
twin_first(const struct twin *twin)
{
    int first = -1;

    for (int i = 0; i < COUNT; i++)
        if (twin->due[i] != NJ_NEVER && (first < 0 || twin->effective[i] < twin->effective[first] ||
                                         (twin->effective[i] == twin->effective[first] &&
                                          twin->sequence[i] < twin->sequence[first])))
            first = i;
    return first;
}

static nj_time
random_delay(struct nj_rand *rand)
{
    unsigned bits = nj_rand_below(rand, 40);

    return (nj_time)(nj_rand_u64(rand) & ((UINT64_C(1) << bits) - 1)) - 3;
}

static void
compare_with_twin(uint64_t seed)
{
    struct probe p[COUNT];
    struct twin twin = {0};
    struct nj_rand rand;

    nj_rand_seed(&rand, seed);
    twin.now = (nj_time)(nj_rand_u64(&rand) >> (2 + nj_rand_below(&rand, 60)));
    twin.ran_at = twin.now;
    assert_int_equal(begin_at(twin.now), 0);
    for (int i = 0; i < COUNT; i++) {
        init(&p[i]);
        twin.due[i] = NJ_NEVER;
    }
    for (int step = 0; step < 3000; step++) {
        int i = (int)nj_rand_below(&rand, COUNT), first = twin_first(&twin);
        unsigned limit, fired, expected = 0;

        switch (nj_rand_below(&rand, 8)) {
        case 0:
            twin.due[i] = NJ_NEVER;
            nj_timer_cancel(wheel, &p[i].timer);
            continue;
        case 1: /* exactly when the wheel asks for it, or some time later */
            if (nj_wheel_next(wheel) != NJ_NEVER)
                twin.now = NJ_MAX(twin.now, nj_wheel_next(wheel));
            break;
        case 2:
            twin.now += (nj_time)(nj_rand_u64(&rand) >> (34 + nj_rand_below(&rand, 30)));
            break;
        default: {
            nj_time due = twin.now + random_delay(&rand);

            twin_set(&twin, i, due);
            nj_timer_set(wheel, &p[i].timer, due);
            continue;
        }
        }
        if (first >= 0)
            assert_true(nj_wheel_next(wheel) <= NJ_MAX(twin.effective[first], twin.ran_at));
        else
            assert_true(nj_wheel_next(wheel) == NJ_NEVER);

        limit = nj_rand_below(&rand, 10);
        fired_in_all = 0;
        twin.ran_at = twin.now;
        fired = nj_wheel_run(wheel, twin.now, limit);
        while ((limit == 0 || expected < limit) && (first = twin_first(&twin)) >= 0 &&
               twin.effective[first] <= twin.now) {
            assert_false(nj_timer_is_set(&p[first].timer));
            assert_int_equal(p[first].order, expected);
            assert_int_equal(p[first].fired_at, twin.now);
            twin.due[first] = NJ_NEVER;
            expected++;
        }
        assert_int_equal(fired, expected);
    }
    nj_wheel_free(wheel);
}

static void
wheel_does_what_a_sorted_list_does(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++)
        compare_with_twin(seed);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(empty_wheel_never_needs_a_run),
        TEST(timer_fires_at_its_millisecond_and_not_before),
        TEST(time_in_the_past_fires_at_the_next_run),
        TEST(moved_timer_fires_once_at_its_new_time),
        TEST(never_cancels),
        TEST(jump_over_years_costs_what_is_set),
        TEST(farthest_time_is_reached),
        TEST(limit_leaves_the_rest_to_the_next_run_in_order),
        TEST(callback_may_cancel_who_is_due_in_the_same_run),
        TEST(what_a_callback_sets_for_now_waits_for_the_next_run),
        cmocka_unit_test(wheel_does_what_a_sorted_list_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
