/* SPDX-License-Identifier: Apache-2.0 */
/* A mistyped word finds the name that was meant, and nonsense finds nothing. */
#include "base/nearest.h"
#include "base/test.h"

static const char *
nearest(struct nj_str word)
{
    static const char *const names[] = {
        "broker", "pub", "sub", "max_inflight_messages", "max_queued_messages", "listener"};
    struct nj_nearest near = nj_nearest_to(word);

    for (size_t i = 0; i < NJ_COUNT_OF(names); i++)
        nj_nearest_try(&near, names[i]);
    return near.name;
}

static void
one_mistake_of_each_kind_is_forgiven(void **state)
{
    (void)state;
    assert_string_equal(nearest(NJ_STR("broke")), "broker");   /* missing */
    assert_string_equal(nearest(NJ_STR("brokerr")), "broker"); /* added */
    assert_string_equal(nearest(NJ_STR("brokes")), "broker");  /* wrong */
    assert_string_equal(nearest(NJ_STR("borker")), "broker");  /* swapped */
    assert_string_equal(nearest(NJ_STR("BROKER")), "broker");  /* case is no mistake */
}

static void
the_nearer_of_two_alike_wins(void **state)
{
    (void)state;
    assert_string_equal(nearest(NJ_STR("max_queue_message")), "max_queued_messages");
    assert_string_equal(nearest(NJ_STR("max_inflight_mesages")), "max_inflight_messages");
    assert_string_equal(nearest(NJ_STR("sbu")), "sub");
}

static void
nonsense_is_near_to_nothing(void **state)
{
    char long_word[200];

    (void)state;
    assert_null(nearest(NJ_STR("zebra")));
    assert_null(nearest(NJ_STR("xyz")));
    assert_null(nearest(NJ_STR("")));
    memset(long_word, 'b', sizeof(long_word));
    assert_null(nearest((struct nj_str){long_word, sizeof(long_word)}));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_mistake_of_each_kind_is_forgiven),
        cmocka_unit_test(the_nearer_of_two_alike_wins),
        cmocka_unit_test(nonsense_is_near_to_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
