/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/msg.h"

#include "base/mem.h"
#include "base/test.h"

static struct nj_msg *
message(nj_time arrived, uint32_t expiry_s)
{
    const struct nj_msg_parts parts = {
        .topic = NJ_STR("cheese/strudel"),
        .properties = NJ_STR("\x01\x01"),
        .payload = NJ_STR("half\0"),
        .qos = 1,
        .retain = true,
        .number = 42,
        .arrived = arrived,
        .expires = expiry_s > 0 ? nj_time_after_s(arrived, expiry_s) : NJ_NEVER,
        .source = 77,
    };
    struct nj_msg *m = nj_msg_new(&parts);

    assert_non_null(m);
    return m;
}

static void
a_message_keeps_copies_of_all_its_parts(void **state)
{
    struct nj_msg *m = message(5, 0);

    (void)state;
    assert_true(nj_str_eq(nj_msg_topic(m), NJ_STR("cheese/strudel")));
    assert_true(nj_str_eq(nj_msg_properties(m), NJ_STR("\x01\x01")));
    assert_true(nj_str_eq(nj_msg_payload(m), NJ_STR("half\0")));
    assert_int_equal(m->qos, 1);
    assert_true(m->retain);
    assert_int_equal(m->number, 42);
    assert_int_equal(m->arrived, 5);
    assert_int_equal(nj_msg_bytes(m), sizeof(*m) + 14 + 2 + 5);
    nj_msg_unref(m);
}

static void
the_last_reference_frees_and_no_other(void **state)
{
    static const char payload[1000]; /* too large to be kept for the next one: base/slab.h */
    const struct nj_msg_parts parts = {.topic = NJ_STR("t"), .payload = {payload, sizeof(payload)}};
    uint64_t before = nj_mem_used();
    struct nj_msg *m = nj_msg_new(&parts);

    (void)state;
    assert_non_null(m);
    assert_ptr_equal(nj_msg_ref(m), m);
    nj_msg_unref(m);
    assert_true(nj_mem_used() > before);
    assert_ptr_equal(nj_msg_ref_new(m), m);
    nj_msg_unref(m);
    assert_true(nj_mem_used() > before);
    nj_msg_unref(m);
    assert_int_equal(nj_mem_used(), before);
    nj_msg_unref(NULL);
}

static void
without_memory_there_is_no_message(void **state)
{
    const struct nj_msg_parts parts = {.topic = NJ_STR("a")};

    (void)state;
    nj_mem_limit_set(1);
    assert_null(nj_msg_new(&parts));
    nj_mem_limit_set(0);
}

/* [MQTT5-3.3.2-6] */
static void
the_expiry_passed_on_is_what_is_left_of_it(void **state)
{
    struct nj_msg *m = message(1000, 10);

    (void)state;
    assert_int_equal(nj_expiry_left_s(m->arrived, m->expires, 1000), 10);
    assert_int_equal(nj_expiry_left_s(m->arrived, m->expires, 990), 10);
    assert_int_equal(nj_expiry_left_s(m->arrived, m->expires, 1999), 10);
    assert_int_equal(nj_expiry_left_s(m->arrived, m->expires, 2000), 9);
    assert_int_equal(nj_expiry_left_s(m->arrived, m->expires, 10999), 1);
    assert_int_equal(nj_expiry_left_s(m->arrived, m->expires, 11000), 0);
    assert_int_equal(nj_expiry_left_s(m->arrived, m->expires, 999999), 0);
    nj_msg_unref(m);
    m = message(0, UINT32_MAX);
    assert_int_equal(nj_expiry_left_s(m->arrived, m->expires, 0), UINT32_MAX);
    nj_msg_unref(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_keeps_copies_of_all_its_parts),
        cmocka_unit_test(the_last_reference_frees_and_no_other),
        cmocka_unit_test(without_memory_there_is_no_message),
        cmocka_unit_test(the_expiry_passed_on_is_what_is_left_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
