/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/bundle.h"

#include "base/mem.h"

#include "base/test.h"

static struct nj_publication
publication(uint64_t number, size_t payload_n)
{
    static const char payload[NJ_BUNDLE_COPY_BYTES + 1] = "payload";

    return (struct nj_publication){
        .topic = NJ_STR("topic"),
        .properties = NJ_STR("properties"),
        .payload = {payload, payload_n},
        .number = number,
        .expires = NJ_NEVER,
    };
}

static bool
add(struct nj_bundle *b, struct nj_publication *pub, uint32_t slot, const uint32_t *numbers,
    uint32_t count)
{
    struct nj_bundle_target *t = nj_bundle_add(b, pub, (nj_handle){.slot = slot}, numbers, count);

    if (t != NULL)
        t->qos = 1;
    return t != NULL;
}

static void
targets_of_one_publication_share_its_item(void **state)
{
    struct nj_bundle *b = nj_bundle_new();
    struct nj_publication one = publication(1, 7), two = publication(2, 7);

    (void)state;
    assert_true(add(b, &one, 10, NULL, 0));
    assert_true(add(b, &one, 11, NULL, 0));
    assert_true(add(b, &two, 12, NULL, 0));
    assert_true(add(b, &one, 13, NULL, 0));
    assert_int_equal(b->item_count, 3);
    assert_int_equal(b->items[0].publication.number, 1);
    assert_int_equal(b->items[0].first_target, 0);
    assert_int_equal(b->items[0].target_count, 2);
    assert_int_equal(b->items[1].publication.number, 2);
    assert_int_equal(b->items[1].first_target, 2);
    assert_int_equal(b->items[2].publication.number, 1);
    assert_int_equal(b->targets[3].session.slot, 13);
    assert_true(b->weight >= 3 * (sizeof(struct nj_msg) + 5 + 10 + 7));
    nj_bundle_free(b);
}

static void
a_small_publication_is_copied(void **state)
{
    struct nj_bundle *b = nj_bundle_new();
    char topic[] = "t/1", properties[] = "\x01\x01", payload[] = "on";
    struct nj_publication pub = publication(1, 0);
    const struct nj_publication *copy;

    (void)state;
    pub.topic = nj_str_of(topic);
    pub.properties = nj_str_of(properties);
    pub.payload = nj_str_of(payload);
    assert_true(add(b, &pub, 0, NULL, 0));
    memset(topic, 'x', 3);
    memset(properties, 'x', 2);
    memset(payload, 'x', 2);
    copy = &b->items[0].publication;
    assert_true(nj_str_eq(copy->topic, NJ_STR("t/1")));
    assert_true(nj_str_eq(copy->properties, NJ_STR("\x01\x01")));
    assert_true(nj_str_eq(copy->payload, NJ_STR("on")));
    assert_null(copy->msg);
    assert_null(pub.msg);
    nj_bundle_free(b);
}

static void
a_large_one_travels_as_a_message_and_so_does_what_is_one(void **state)
{
    struct nj_bundle *b = nj_bundle_new();
    struct nj_publication large = publication(1, NJ_BUNDLE_COPY_BYTES), small = publication(2, 7);
    struct nj_msg *msg = nj_publication_msg(&small);

    (void)state;
    assert_true(add(b, &large, 0, NULL, 0));
    assert_true(add(b, &small, 0, NULL, 0));
    assert_non_null(large.msg);
    assert_ptr_equal(b->items[0].publication.msg, large.msg);
    assert_ptr_equal(b->items[1].publication.msg, msg);
    assert_int_equal(atomic_load(&msg->refs), 2);
    nj_bundle_free(b);
    assert_int_equal(atomic_load(&msg->refs), 1);
    nj_publication_fini(&large);
    nj_publication_fini(&small);
}

static void
each_target_has_the_numbers_it_was_given(void **state)
{
    struct nj_bundle *b = nj_bundle_new();
    struct nj_publication pub = publication(1, 7);
    const uint32_t first[] = {7, 8}, second[] = {9};

    (void)state;
    assert_true(add(b, &pub, 0, first, 2));
    assert_true(add(b, &pub, 1, NULL, 0));
    assert_true(add(b, &pub, 2, second, 1));
    assert_int_equal(b->targets[0].number_count, 2);
    assert_memory_equal(b->numbers + b->targets[0].first_number, first, sizeof(first));
    assert_int_equal(b->targets[1].number_count, 0);
    assert_int_equal(b->numbers[b->targets[2].first_number], 9);
    nj_bundle_free(b);
}

static void
a_bundle_grows_without_losing_anything(void **state)
{
    struct nj_bundle *b = nj_bundle_new();

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        char payload[16];
        struct nj_publication pub = publication(i + 1, 0);
        const uint32_t numbers[] = {i, i + 1};

        pub.payload = (struct nj_str){payload, (size_t)snprintf(payload, sizeof(payload), "%u", i)};
        assert_true(add(b, &pub, i, numbers, 2));
    }
    for (uint32_t i = 0; i < 1000; i++) {
        char payload[16];
        size_t n = (size_t)snprintf(payload, sizeof(payload), "%u", i);

        assert_true(nj_str_eq(b->items[i].publication.payload, (struct nj_str){payload, n}));
        assert_int_equal(b->targets[i].session.slot, i);
        assert_int_equal(b->numbers[b->targets[i].first_number + 1], i + 1);
    }
    nj_bundle_free(b);
    nj_bundle_free(NULL);
}

static void
a_cleared_bundle_begins_anew_in_the_memory_it_has(void **state)
{
    struct nj_bundle *b = nj_bundle_new();
    struct nj_publication pub = publication(1, NJ_BUNDLE_COPY_BYTES - 15);
    struct nj_publication large = publication(9, NJ_BUNDLE_COPY_BYTES);
    const uint32_t numbers[] = {7};
    uint64_t used;

    (void)state;
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 40; i++, pub.number++) /* more than two pages */
            assert_true(add(b, &pub, i, numbers, 1));
        assert_true(add(b, &large, 40, NULL, 0));
        assert_int_equal(b->item_count, 41);
        assert_int_equal(b->target_count, 41);
        assert_int_equal(b->number_count, 40);
        assert_int_equal(b->items[39].publication.number, pub.number - 1);
        assert_true(nj_str_eq(b->items[39].publication.payload, pub.payload));
        assert_int_equal(b->targets[39].first_number, 39);
        if (round > 0)
            assert_int_equal(nj_mem_used(), used);
        used = nj_mem_used();
        nj_bundle_clear(b);
        assert_int_equal(b->weight, 0);
        assert_int_equal(atomic_load(&large.msg->refs), 1);
    }
    nj_publication_fini(&large);
    nj_bundle_free(b);
}

static void
a_cleared_bundle_keeps_no_more_pages_than_it_may(void **state)
{
    struct nj_bundle *b = nj_bundle_new();
    struct nj_publication pub = publication(1, NJ_BUNDLE_COPY_BYTES - 15);
    uint64_t before = nj_mem_used(), full;

    (void)state;
    for (uint32_t i = 0; i < 4 * NJ_BUNDLE_KEPT_BYTES / NJ_BUNDLE_COPY_BYTES; i++, pub.number++)
        assert_true(add(b, &pub, i, NULL, 0));
    full = nj_mem_used();
    nj_bundle_clear(b);
    assert_true(full - nj_mem_used() > 2 * NJ_BUNDLE_KEPT_BYTES);
    assert_true(nj_mem_used() > before);
    nj_bundle_free(b);
}

static void
without_memory_nothing_changes(void **state)
{
    struct nj_bundle *b = nj_bundle_new();
    struct nj_publication pub = publication(1, 7), next = publication(2, NJ_BUNDLE_COPY_BYTES);
    const uint32_t numbers[40] = {0};

    (void)state;
    for (uint32_t i = 0; i < 15; i++)
        assert_true(add(b, &pub, i, numbers, 1));
    nj_mem_limit_set(1);
    assert_false(add(b, &next, 15, numbers, 1)); /* no message */
    assert_int_equal(b->item_count, 1);
    assert_true(add(b, &pub, 15, numbers, 1));
    assert_false(add(b, &pub, 16, numbers, 1)); /* no room for the target */
    nj_mem_limit_set(0);
    assert_int_equal(b->target_count, 16);
    assert_int_equal(b->items[0].target_count, 16);
    assert_int_equal(b->number_count, 16);
    assert_true(add(b, &pub, 16, numbers, 40));
    assert_int_equal(b->number_count, 56);
    nj_bundle_free(b);
}

static void
without_memory_for_a_page_nothing_changes(void **state)
{
    struct nj_bundle *b = nj_bundle_new();
    struct nj_publication pub = publication(1, NJ_BUNDLE_COPY_BYTES - 15);

    (void)state;
    while (b->item_count < 15) { /* of these, 15 fill the first page */
        assert_true(add(b, &pub, 0, NULL, 0));
        pub.number++;
    }
    nj_mem_limit_set(1);
    assert_false(add(b, &pub, 0, NULL, 0));
    nj_mem_limit_set(0);
    assert_int_equal(b->item_count, 15);
    assert_int_equal(b->target_count, 15);
    assert_true(add(b, &pub, 0, NULL, 0));
    nj_bundle_free(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_of_one_publication_share_its_item),
        cmocka_unit_test(a_small_publication_is_copied),
        cmocka_unit_test(a_large_one_travels_as_a_message_and_so_does_what_is_one),
        cmocka_unit_test(each_target_has_the_numbers_it_was_given),
        cmocka_unit_test(a_bundle_grows_without_losing_anything),
        cmocka_unit_test(a_cleared_bundle_begins_anew_in_the_memory_it_has),
        cmocka_unit_test(a_cleared_bundle_keeps_no_more_pages_than_it_may),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(without_memory_for_a_page_nothing_changes),
    };

    return cmocka_run_group_tests_name("broker/bundle", tests, NULL, NULL);
}
