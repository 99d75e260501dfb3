/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/queue.h"

#include "base/test.h"

static struct nj_parcel
parcel(uint64_t number, nj_time expires)
{
    const struct nj_msg_parts parts = {
        .topic = NJ_STR("t"), .payload = NJ_STR("12345"), .number = number, .expires = expires};
    struct nj_parcel p = {.msg = nj_msg_new(&parts), .qos = 1};

    assert_non_null(p.msg);
    return p;
}

static void
push(struct nj_queue *q, uint64_t number, nj_time expires)
{
    struct nj_parcel p = parcel(number, expires);

    assert_true(nj_queue_push(q, &p));
}

static uint64_t
pop(struct nj_queue *q)
{
    struct nj_parcel p = nj_queue_pop(q);
    uint64_t number = p.msg->number;

    nj_parcel_fini(&p);
    return number;
}

struct told {
    uint64_t numbers[8];
    unsigned count;
};

static void
tell(void *ctx, const struct nj_parcel *p)
{
    struct told *t = ctx;

    assert_true(t->count < 8);
    t->numbers[t->count++] = p->msg->number;
}

static void
what_goes_in_first_comes_out_first(void **state)
{
    struct nj_queue q = {0};
    uint64_t in = 0, out = 0;

    (void)state;
    /* In and out at different rates, so that pages come and go. */
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 37; i++)
            push(&q, in++, NJ_NEVER);
        for (int i = 0; i < 19; i++)
            assert_int_equal(pop(&q), out++);
    }
    assert_int_equal(q.count, in - out);
    assert_int_equal(nj_queue_first(&q)->msg->number, out);
    while (q.count > 0)
        assert_int_equal(pop(&q), out++);
    assert_int_equal(out, in);
    nj_queue_fini(&q);
}

static void
an_empty_queue_owns_nothing(void **state)
{
    struct nj_queue q = {0};
    struct told told = {.count = 0};

    (void)state;
    assert_null(nj_queue_first(&q));
    push(&q, 1, NJ_NEVER);
    assert_non_null(q.pages.items);
    (void)pop(&q);
    assert_null(q.pages.items);
    push(&q, 2, 10);
    assert_int_equal(nj_queue_sweep(&q, 10, tell, &told), 1);
    assert_null(q.pages.items);
}

static void
its_bytes_are_those_of_its_messages(void **state)
{
    struct nj_queue q = {0};
    struct nj_parcel one = parcel(1, NJ_NEVER);
    size_t bytes = nj_msg_bytes(one.msg);
    struct told told = {.count = 0};

    (void)state;
    assert_true(nj_queue_push(&q, &one));
    push(&q, 2, 5);
    assert_int_equal(q.bytes, 2 * bytes);
    assert_int_equal(nj_queue_sweep(&q, 5, tell, &told), 1);
    assert_int_equal(q.bytes, bytes);
    (void)pop(&q);
    assert_int_equal(q.bytes, 0);
}

static void
a_sweep_removes_what_has_expired_and_keeps_the_order(void **state)
{
    struct nj_queue q = {0};
    struct told told = {.count = 0};

    (void)state;
    push(&q, 1, 50);
    push(&q, 2, NJ_NEVER);
    push(&q, 3, 100);
    push(&q, 4, 101);
    assert_int_equal(nj_queue_sweep(&q, 49, tell, &told), 0);
    assert_int_equal(nj_queue_sweep(&q, 100, tell, &told), 2);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.numbers[0], 1);
    assert_int_equal(told.numbers[1], 3);
    assert_int_equal(pop(&q), 2);
    /* It remembers when the rest will. */
    assert_int_equal(nj_queue_sweep(&q, 100, tell, &told), 0);
    assert_int_equal(nj_queue_sweep(&q, 101, tell, &told), 1);
}

static void
forget(void *ctx, const struct nj_parcel *p)
{
    (void)ctx, (void)p;
}

/* Over several pages: what is left where some are taken from the middle, and others expire. */
static void
what_is_left_stays_in_order(void **state)
{
    struct nj_queue q = {0};
    struct nj_parcel p;
    uint64_t used;

    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        push(&q, i, i % 10 == 0 ? NJ_NEVER : (nj_time)i);
    used = nj_mem_used();
    p = nj_queue_take(&q, 500);
    assert_int_equal(p.msg->number, 500);
    nj_parcel_fini(&p);
    assert_int_equal(nj_queue_at(&q, 500)->msg->number, 501);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(pop(&q), i);
    assert_int_equal(nj_queue_sweep(&q, 2000, forget, NULL), 810);
    assert_int_equal(q.count, 89);
    assert_true(nj_mem_used() < used);
    assert_int_equal(q.pages.count, 2); /* of the first one most has gone */
    for (uint64_t i = 100; i < 1000; i += 10) {
        if (i != 500)
            assert_int_equal(pop(&q), i);
    }
    assert_null(q.pages.items);
}

/* In and out in turn: a page that is half empty is used again, and none is left behind. */
static void
a_short_queue_stays_small(void **state)
{
    struct nj_queue q = {0};

    (void)state;
    for (uint64_t i = 0; i < 5; i++)
        push(&q, i, NJ_NEVER);
    for (uint64_t i = 5; i < 1000; i++) {
        push(&q, i, NJ_NEVER);
        assert_int_equal(pop(&q), i - 5);
    }
    assert_in_range(q.capacity, 8, 16);
    nj_queue_fini(&q);
}

static void
without_memory_nothing_changes(void **state)
{
    struct nj_queue q = {0};
    struct nj_parcel p = parcel(9, NJ_NEVER);

    (void)state;
    for (int i = 0; i < 8; i++)
        push(&q, (uint64_t)i, NJ_NEVER);
    nj_mem_limit_set(1);
    assert_false(nj_queue_push(&q, &p));
    nj_mem_limit_set(0);
    assert_int_equal(q.count, 8);
    assert_true(nj_queue_push(&q, &p));
    for (int i = 0; i < 8; i++)
        assert_int_equal(pop(&q), i);
    nj_queue_fini(&q);
    assert_int_equal(q.count, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_first_comes_out_first),
        cmocka_unit_test(an_empty_queue_owns_nothing),
        cmocka_unit_test(its_bytes_are_those_of_its_messages),
        cmocka_unit_test(a_sweep_removes_what_has_expired_and_keeps_the_order),
        cmocka_unit_test(what_is_left_stays_in_order),
        cmocka_unit_test(a_short_queue_stays_small),
        cmocka_unit_test(without_memory_nothing_changes),
    };

    return cmocka_run_group_tests_name("broker/queue", tests, NULL, NULL);
}
