/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/passed_on.h"

#include "base/mem.h"
#include "mqtt/packet.h"

#include "base/test.h"

/* The properties of a PUBLISH, encoded by `w` into `block`. */
static struct nj_properties
decoded(const uint8_t *block, const struct nj_writer *w)
{
    static uint8_t whole[256];
    struct nj_writer out = nj_writer_of(whole, sizeof(whole));
    struct nj_properties p;
    struct nj_reader r;

    nj_properties_put(&out, (struct nj_str){(const char *)block, (size_t)(w->p - block)});
    r = nj_reader_of((struct nj_str){(const char *)whole, (size_t)(out.p - whole)});
    assert_int_equal(nj_properties_decode(&r, NJ_PROPERTIES_OF(NJ_PUBLISH), &p), NJ_CAUSE_NONE);
    return p;
}

/* [MQTT5-3.3.2-17] [MQTT5-3.3.2-18] [MQTT5-3.3.2-20] */
static void
what_is_for_receivers_is_passed_on_as_it_is(void **state)
{
    uint8_t block[128];
    struct nj_writer w = nj_writer_of(block, sizeof(block));
    struct nj_passed_on passed;
    struct nj_properties p;

    (void)state;
    nj_property_put_pair(&w, NJ_STR("b"), NJ_STR("1"));
    nj_property_put_string(&w, NJ_PROPERTY_CONTENT_TYPE, NJ_STR("text"));
    nj_property_put_pair(&w, NJ_STR("a"), NJ_STR("2"));
    p = decoded(block, &w);
    assert_true(nj_passed_on_make(&passed, &p));
    assert_null(passed.copy);
    assert_int_equal(passed.block.n, w.p - block);
    assert_memory_equal(passed.block.p, block, passed.block.n);
    nj_passed_on_fini(&passed);
}

/* [MQTT5-3.3.2-7] [MQTT5-3.3.2-18] */
static void
alias_and_expiry_are_left_out_and_the_order_of_the_rest_is_kept(void **state)
{
    uint8_t block[128], rest[128];
    struct nj_writer w = nj_writer_of(block, sizeof(block)), r = nj_writer_of(rest, sizeof(rest));
    struct nj_passed_on passed;
    struct nj_properties p;

    (void)state;
    nj_property_put_number(&w, NJ_PROPERTY_TOPIC_ALIAS, 3);
    nj_property_put_pair(&w, NJ_STR("b"), NJ_STR("1"));
    nj_property_put_number(&w, NJ_PROPERTY_MESSAGE_EXPIRY_INTERVAL, 60);
    nj_property_put_pair(&w, NJ_STR("a"), NJ_STR("2"));
    nj_property_put_pair(&w, NJ_STR("b"), NJ_STR("1"));
    nj_property_put_pair(&r, NJ_STR("b"), NJ_STR("1"));
    nj_property_put_pair(&r, NJ_STR("a"), NJ_STR("2"));
    nj_property_put_pair(&r, NJ_STR("b"), NJ_STR("1"));
    p = decoded(block, &w);
    assert_true(nj_passed_on_make(&passed, &p));
    assert_int_equal(passed.block.n, r.p - rest);
    assert_memory_equal(passed.block.p, rest, passed.block.n);
    nj_passed_on_fini(&passed);
}

static void
without_memory_nothing_is_made(void **state)
{
    uint8_t block[16];
    struct nj_writer w = nj_writer_of(block, sizeof(block));
    struct nj_passed_on passed;
    struct nj_properties p;

    (void)state;
    nj_property_put_number(&w, NJ_PROPERTY_TOPIC_ALIAS, 3);
    p = decoded(block, &w);
    nj_mem_limit_set(1);
    assert_false(nj_passed_on_make(&passed, &p));
    nj_mem_limit_set(0);
    nj_passed_on_fini(&passed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_for_receivers_is_passed_on_as_it_is),
        cmocka_unit_test(alias_and_expiry_are_left_out_and_the_order_of_the_rest_is_kept),
        cmocka_unit_test(without_memory_nothing_is_made),
    };

    return cmocka_run_group_tests_name("mqtt/passed_on", tests, NULL, NULL);
}
