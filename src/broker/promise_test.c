/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/promise.h"

#include "base/mem.h"

#include "base/test.h"

static void
push(struct nj_promises *q, uint64_t number, uint16_t packet_id)
{
    struct nj_promise p = {
        .number = number, .kind = NJ_PROMISE_ANSWER, .answer = NJ_PUBACK, .packet_id = packet_id};

    assert_true(nj_promises_push(q, &p));
}

static void
promises_are_kept_in_order_up_to_what_is_safe(void **state)
{
    struct nj_promises q = {0};
    struct nj_promise p;

    (void)state;
    push(&q, 1, 10);
    push(&q, 3, 11);
    push(&q, 3, 12);
    push(&q, 4, 13);
    assert_false(nj_promises_take(&q, 0, &p));
    assert_true(nj_promises_take(&q, 3, &p));
    assert_int_equal(p.packet_id, 10);
    assert_true(nj_promises_take(&q, 3, &p));
    assert_int_equal(p.packet_id, 11);
    assert_true(nj_promises_take(&q, 3, &p));
    assert_int_equal(p.packet_id, 12);
    assert_false(nj_promises_take(&q, 3, &p));
    assert_true(nj_promises_take(&q, 4, &p));
    assert_int_equal(p.packet_id, 13);
    assert_false(nj_promises_take(&q, UINT64_MAX, &p));
    nj_promises_fini(&q);
}

static void
the_ring_grows_while_it_turns(void **state)
{
    struct nj_promises q = {0};
    struct nj_promise p;
    uint16_t in = 0, out = 0;

    (void)state;
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 25; i++, in++)
            push(&q, in, in);
        for (int i = 0; i < 10; i++) {
            assert_true(nj_promises_take(&q, UINT64_MAX, &p));
            assert_int_equal(p.packet_id, out++);
        }
    }
    while (nj_promises_take(&q, UINT64_MAX, &p))
        assert_int_equal(p.packet_id, out++);
    assert_int_equal(out, in);
    nj_promises_fini(&q);
}

/* Seen by the leak check of the sanitizers. */
static void
what_was_never_kept_is_given_back(void **state)
{
    const struct nj_msg_parts parts = {.topic = NJ_STR("t"), .expires = NJ_NEVER};
    struct nj_promises q = {0};
    struct nj_promise route = {
        .number = 1, .kind = NJ_PROMISE_ROUTE, .answer = NJ_PUBREC, .msg = nj_msg_new(&parts)};
    struct nj_promise suback = {.number = 2,
                                .kind = NJ_PROMISE_ANSWER,
                                .answer = NJ_SUBACK,
                                .codes = nj_str_dup(NJ_STR("\1\2")),
                                .codes_n = 2};
    struct nj_msg *msg = nj_msg_ref(route.msg);

    (void)state;
    assert_true(nj_promises_push(&q, &route));
    assert_true(nj_promises_push(&q, &suback));
    nj_promises_fini(&q);
    assert_int_equal(atomic_load(&msg->refs), 1);
    nj_msg_unref(msg);
}

static void
without_memory_nothing_changes(void **state)
{
    struct nj_promises q = {0};
    struct nj_promise p = {.number = 100, .kind = NJ_PROMISE_ANSWER, .answer = NJ_PUBACK};

    (void)state;
    for (uint16_t i = 0; i < 64; i++)
        push(&q, i, i);
    nj_mem_limit_set(1);
    assert_false(nj_promises_push(&q, &p));
    nj_mem_limit_set(0);
    assert_int_equal(q.ring.count, 64);
    for (uint16_t i = 0; i < 64; i++) {
        assert_true(nj_promises_take(&q, UINT64_MAX, &p));
        assert_int_equal(p.packet_id, i);
    }
    nj_promises_fini(&q);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promises_are_kept_in_order_up_to_what_is_safe),
        cmocka_unit_test(the_ring_grows_while_it_turns),
        cmocka_unit_test(what_was_never_kept_is_given_back),
        cmocka_unit_test(without_memory_nothing_changes),
    };

    return cmocka_run_group_tests_name("broker/promise", tests, NULL, NULL);
}
