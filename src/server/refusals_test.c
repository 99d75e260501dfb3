/* SPDX-License-Identifier: Apache-2.0 */
#include "server/refusals.h"

#include "base/test.h"

static unsigned count;
static nj_time first, last;
static char text[32];

static void
note(void *ctx, nj_time at, const char *why)
{
    (void)ctx;
    if (count++ == 0)
        first = at;
    last = at;
    (void)snprintf(text, sizeof(text), "%s", why);
}

static void
look(struct nj_refusals *r)
{
    count = 0;
    nj_refusals_each(r, note, NULL);
}

static void
what_was_refused_is_told_in_order(void **state)
{
    struct nj_refusals *r = nj_refusals_new();

    (void)state;
    look(r);
    assert_int_equal(count, 0);
    nj_refusals_add(r, 1, NJ_STR("one"));
    nj_refusals_add(r, 2, NJ_STR("two"));
    look(r);
    assert_int_equal(count, 2);
    assert_int_equal(first, 1);
    assert_string_equal(text, "two");
    nj_refusals_free(r);
}

static void
only_the_last_thousand_are_kept(void **state)
{
    struct nj_refusals *r = nj_refusals_new();

    (void)state;
    for (int i = 0; i < 3 * NJ_REFUSALS_MAX + 7; i++)
        nj_refusals_add(r, i, NJ_STR("why"));
    look(r);
    assert_int_equal(count, NJ_REFUSALS_MAX);
    assert_int_equal(first, 2 * NJ_REFUSALS_MAX + 7);
    assert_int_equal(last, 3 * NJ_REFUSALS_MAX + 6);
    nj_refusals_free(r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_refused_is_told_in_order),
        cmocka_unit_test(only_the_last_thousand_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
