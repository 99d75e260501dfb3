/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/bundle.h"

#include "base/mem.h"

#include "base/test.h"

static struct nj_msg *
message(uint64_t number)
{
    const struct nj_msg_parts parts = {.topic = NJ_STR("t"), .number = number, .expires = NJ_NEVER};
    struct nj_msg *m = nj_msg_new(&parts);

    assert_non_null(m);
    return m;
}

static struct nj_bundle_target
target(uint32_t slot)
{
    return (struct nj_bundle_target){.session = {.slot = slot}, .qos = 1};
}

static void
targets_of_one_message_share_its_item(void **state)
{
    struct nj_bundle *b = nj_bundle_new();
    struct nj_msg *one = message(1), *two = message(2);

    (void)state;
    assert_true(nj_bundle_add(b, one, target(10), NULL, 0));
    assert_true(nj_bundle_add(b, one, target(11), NULL, 0));
    assert_true(nj_bundle_add(b, two, target(12), NULL, 0));
    assert_true(nj_bundle_add(b, one, target(13), NULL, 0));
    assert_int_equal(b->item_count, 3);
    assert_ptr_equal(b->items[0].msg, one);
    assert_int_equal(b->items[0].first_target, 0);
    assert_int_equal(b->items[0].target_count, 2);
    assert_ptr_equal(b->items[1].msg, two);
    assert_int_equal(b->items[1].first_target, 2);
    assert_ptr_equal(b->items[2].msg, one);
    assert_int_equal(b->targets[3].session.slot, 13);
    assert_true(b->bytes >= nj_msg_bytes(one) * 2 + nj_msg_bytes(two));
    nj_bundle_free(b);
    assert_int_equal(atomic_load(&one->refs), 1);
    nj_msg_unref(one);
    nj_msg_unref(two);
}

static void
each_target_has_the_numbers_it_was_given(void **state)
{
    struct nj_bundle *b = nj_bundle_new();
    struct nj_msg *m = message(1);
    const uint32_t first[] = {7, 8}, second[] = {9};

    (void)state;
    assert_true(nj_bundle_add(b, m, target(0), first, 2));
    assert_true(nj_bundle_add(b, m, target(1), NULL, 0));
    assert_true(nj_bundle_add(b, m, target(2), second, 1));
    assert_int_equal(b->targets[0].number_count, 2);
    assert_memory_equal(b->numbers + b->targets[0].first_number, first, sizeof(first));
    assert_int_equal(b->targets[1].number_count, 0);
    assert_int_equal(b->numbers[b->targets[2].first_number], 9);
    nj_bundle_free(b);
    nj_msg_unref(m);
}

static void
a_bundle_grows_without_losing_anything(void **state)
{
    struct nj_bundle *b = nj_bundle_new();

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        struct nj_msg *m = message(i);
        const uint32_t numbers[] = {i, i + 1};

        assert_true(nj_bundle_add(b, m, target(i), numbers, 2));
        nj_msg_unref(m);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(b->items[i].msg->number, i);
        assert_int_equal(b->targets[i].session.slot, i);
        assert_int_equal(b->numbers[b->targets[i].first_number + 1], i + 1);
    }
    nj_bundle_free(b);
    nj_bundle_free(NULL);
}

static void
without_memory_nothing_changes(void **state)
{
    struct nj_bundle *b = nj_bundle_new();
    struct nj_msg *m = message(1);
    const uint32_t numbers[40] = {0};

    (void)state;
    for (uint32_t i = 0; i < 16; i++)
        assert_true(nj_bundle_add(b, m, target(i), numbers, 1));
    nj_mem_limit_set(1);
    assert_false(nj_bundle_add(b, m, target(16), numbers, 1));
    nj_mem_limit_set(0);
    assert_int_equal(b->target_count, 16);
    assert_int_equal(b->items[0].target_count, 16);
    assert_int_equal(b->number_count, 16);
    assert_true(nj_bundle_add(b, m, target(16), numbers, 40));
    assert_int_equal(b->number_count, 56);
    nj_bundle_free(b);
    nj_msg_unref(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_of_one_message_share_its_item),
        cmocka_unit_test(each_target_has_the_numbers_it_was_given),
        cmocka_unit_test(a_bundle_grows_without_losing_anything),
        cmocka_unit_test(without_memory_nothing_changes),
    };

    return cmocka_run_group_tests_name("broker/bundle", tests, NULL, NULL);
}
