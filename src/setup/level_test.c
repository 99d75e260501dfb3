/* SPDX-License-Identifier: Apache-2.0 */
#include "setup/level.h"

#include "base/test.h"

static void
every_level_is_found_by_its_name_and_by_no_other(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NJ_LEVELS; i++) {
        enum nj_level found = NJ_LEVELS;

        assert_true(nj_level_find(&found, nj_level_facts((enum nj_level)i)->name));
        assert_int_equal(found, i);
        assert_true(nj_level_facts((enum nj_level)i)->exposed[0] != '\0');
    }
    assert_false(nj_level_find(&(enum nj_level){0}, "TLS"));
    assert_false(nj_level_find(&(enum nj_level){0}, ""));
}

static void
with_tls_the_port_is_that_of_tls(void **state)
{
    (void)state;
    assert_int_equal(nj_level_facts(NJ_LEVEL_PASSWORD)->port, 1883);
    assert_int_equal(nj_level_facts(NJ_LEVEL_TLS)->port, 8883);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_is_found_by_its_name_and_by_no_other),
        cmocka_unit_test(with_tls_the_port_is_that_of_tls),
    };

    return cmocka_run_group_tests_name("setup/level", tests, NULL, NULL);
}
