/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/tree/tree.h"

#include "base/mem.h"
#include "sniff/kit_test.h"

static void
a_field_is_found_by_its_name_or_a_nearer_one_is_named(void **state)
{
    enum nj_field field = NJ_FIELD_COUNT;
    const char *nearest = NULL;

    (void)state;
    assert_true(nj_field_find(NJ_STR("mqtt.topic"), &field, &nearest));
    assert_int_equal(field, NJ_FIELD_MQTT_TOPIC);
    assert_false(nj_field_find(NJ_STR("mqtt.topc"), &field, &nearest));
    assert_string_equal(nearest, "mqtt.topic");
    assert_false(nj_field_find(NJ_STR("xylophone"), &field, &nearest));
    assert_null(nearest);
    assert_true(nj_field_is_layer(NJ_FIELD_MQTT));
    assert_false(nj_field_is_layer(NJ_FIELD_MQTT_TOPIC));
}

static void
has_texts(enum nj_field field, uint64_t number, struct nj_str range, const char *shown,
          const char *plain)
{
    struct nj_item item = {.field = (uint16_t)field, .number = number, .range = range};
    struct nj_text t = {0};

    nj_item_put_shown(&t, &item);
    assert_string_equal(nj_text_c(&t), shown);
    nj_text_clear(&t);
    nj_item_put_plain(&t, &item);
    assert_string_equal(nj_text_c(&t), plain);
    nj_text_fini(&t);
}

static void
each_type_has_its_texts(void **state)
{
    (void)state;
    has_texts(NJ_FIELD_MQTT_LEN, 42, NJ_STR(""), "42", "42");
    has_texts(NJ_FIELD_MQTT_HDRFLAGS, 5, NJ_STR(""), "0x05", "0x05");
    has_texts(NJ_FIELD_TCP_FLAGS, 0x18, NJ_STR(""), "0x0018", "0x0018");
    has_texts(NJ_FIELD_MQTT_MSG, 0, NJ_STR("\x01\x02"), "01:02", "0102");
    has_texts(NJ_FIELD_MQTT_MSG, 0, NJ_STR(""), "", "<MISSING>");
    has_texts(NJ_FIELD_MQTT_PROPERTIES, 0, NJ_STR(""), "", "1");
    has_texts(NJ_FIELD_IP_SRC, 0, NJ_STR("\x0a\0\0\x01"), "10.0.0.1", "10.0.0.1");
    has_texts(NJ_FIELD_ETH_SRC, 0, NJ_STR("abcdef"), "61:62:63:64:65:66", "61:62:63:64:65:66");
    has_texts(NJ_FIELD_FRAME_TIME_RELATIVE, 1500000000, NJ_STR(""), "1.500000000", "1.500000000");
    has_texts(NJ_FIELD_FRAME_TIME_RELATIVE, (uint64_t)-5, NJ_STR(""), "-0.000000005",
              "-0.000000005");
}

static void
items_and_copies_have_ceilings(void **state)
{
    static char large[1 << 20];
    struct nj_tree t = {0};
    struct nj_str kept;

    (void)state;
    for (unsigned i = 0; i < NJ_TREE_ITEMS_MAX + 2; i++)
        nj_tree_number(&t, NJ_FIELD_MQTT_LEN, i, NJ_STR(""));
    assert_int_equal(t.count, NJ_TREE_ITEMS_MAX);
    assert_true(t.is_full);
    nj_tree_clear(&t);
    assert_false(t.is_full);
    kept = nj_tree_keep(&t, NJ_STR("topic"));
    assert_true(nj_str_eq(kept, NJ_STR("topic")));
    for (unsigned i = 0; i < 16; i++)
        (void)nj_tree_keep(&t, (struct nj_str){large, sizeof(large)});
    assert_true(t.is_full);
    nj_tree_fini(&t);
    assert_int_equal(nj_mem_used(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_is_found_by_its_name_or_a_nearer_one_is_named),
        cmocka_unit_test(each_type_has_its_texts),
        cmocka_unit_test(items_and_copies_have_ceilings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
