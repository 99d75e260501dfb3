/* SPDX-License-Identifier: Apache-2.0 */
#include "server/alias.h"

#include "base/hash.h"
#include "base/mem.h"

#include "base/test.h"

static int
setup(void **state)
{
    (void)state;
    nj_hash_key_set(1, 2);
    return 0;
}

static void
is_alias(const struct nj_aliases *a, uint16_t alias, const char *topic)
{
    assert_true(nj_str_eq(nj_aliases_get(a, alias), nj_str_of(topic)));
}

/* [MQTT5-3.3.2-7] [MQTT5-3.3.2-12] */
static void
an_alias_stands_for_its_last_topic(void **state)
{
    struct nj_aliases *a = NULL;

    (void)state;
    assert_null(nj_aliases_get(a, 1).p);
    assert_true(nj_aliases_set(&a, 1, 10, NJ_STR("one")));
    assert_true(nj_aliases_set(&a, 10, 10, NJ_STR("ten")));
    is_alias(a, 1, "one");
    is_alias(a, 10, "ten");
    assert_null(nj_aliases_get(a, 2).p);
    assert_true(nj_aliases_set(&a, 1, 10, NJ_STR("another")));
    assert_true(nj_aliases_set(&a, 1, 10, NJ_STR("another")));
    is_alias(a, 1, "another");
    nj_aliases_free(a);
}

/* [MQTT5-3.3.2-8] [MQTT5-3.3.2-9] */
static void
what_is_beyond_the_maximum_stands_for_nothing(void **state)
{
    struct nj_aliases *a = NULL;

    (void)state;
    assert_true(nj_aliases_set(&a, 1, 2, NJ_STR("one")));
    assert_false(nj_aliases_set(&a, 3, 2, NJ_STR("three")));
    assert_null(nj_aliases_get(a, 3).p);
    assert_null(nj_aliases_get(a, 0).p);
    assert_null(nj_aliases_get(a, 65535).p);
    nj_aliases_free(a);
    nj_aliases_free(NULL);
}

/* [MQTT5-3.3.2-11] */
static void
aliases_to_the_client_are_given_until_its_maximum(void **state)
{
    struct nj_aliases *a = NULL;

    (void)state;
    assert_int_equal(nj_aliases_find(a, NJ_STR("one")), 0);
    assert_int_equal(nj_aliases_give(&a, 2, NJ_STR("one")), 1);
    assert_int_equal(nj_aliases_give(&a, 2, NJ_STR("two")), 2);
    assert_int_equal(nj_aliases_give(&a, 2, NJ_STR("three")), 0);
    assert_int_equal(nj_aliases_find(a, NJ_STR("one")), 1);
    assert_int_equal(nj_aliases_find(a, NJ_STR("two")), 2);
    assert_int_equal(nj_aliases_find(a, NJ_STR("three")), 0);
    nj_aliases_free(a);
}

static void
what_was_not_sent_can_be_taken_back(void **state)
{
    struct nj_aliases *a = NULL;

    (void)state;
    assert_int_equal(nj_aliases_give(&a, 2, NJ_STR("one")), 1);
    assert_int_equal(nj_aliases_give(&a, 2, NJ_STR("two")), 2);
    nj_aliases_take_back(a);
    assert_int_equal(nj_aliases_find(a, NJ_STR("two")), 0);
    assert_int_equal(nj_aliases_find(a, NJ_STR("one")), 1);
    assert_int_equal(nj_aliases_give(&a, 2, NJ_STR("three")), 2);
    nj_aliases_free(a);
}

static void
both_directions_keep_their_own(void **state)
{
    struct nj_aliases *a = NULL;

    (void)state;
    assert_true(nj_aliases_set(&a, 1, 5, NJ_STR("in")));
    assert_int_equal(nj_aliases_give(&a, 5, NJ_STR("out")), 1);
    is_alias(a, 1, "in");
    assert_int_equal(nj_aliases_find(a, NJ_STR("in")), 0);
    nj_aliases_free(a);
}

static void
without_memory_an_alias_keeps_its_topic(void **state)
{
    struct nj_aliases *a = NULL;

    (void)state;
    assert_true(nj_aliases_set(&a, 1, 5, NJ_STR("before")));
    nj_mem_limit_set(1);
    assert_false(nj_aliases_set(&a, 1, 5, NJ_STR("after")));
    assert_int_equal(nj_aliases_give(&a, 5, NJ_STR("out")), 0);
    nj_mem_limit_set(0);
    is_alias(a, 1, "before");
    assert_int_equal(nj_aliases_give(&a, 5, NJ_STR("out")), 1);
    nj_aliases_free(a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alias_stands_for_its_last_topic),
        cmocka_unit_test(what_is_beyond_the_maximum_stands_for_nothing),
        cmocka_unit_test(aliases_to_the_client_are_given_until_its_maximum),
        cmocka_unit_test(what_was_not_sent_can_be_taken_back),
        cmocka_unit_test(both_directions_keep_their_own),
        cmocka_unit_test(without_memory_an_alias_keeps_its_topic),
    };

    return cmocka_run_group_tests_name("server/alias", tests, setup, NULL);
}
