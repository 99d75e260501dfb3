/* SPDX-License-Identifier: Apache-2.0 */
/* What the application gives: options, properties. */
#include "client/kit_test.h"

static void
options_that_contradict_the_standard_are_refused(void **state)
{
    static const char wildcard[] = "a/#";
    struct nj_client_message will = {.topic = wildcard};
    struct nj_client_opts good, o, copy;

    (void)state;
    nj_client_opts_init(&good);
    o = good;
    o.version = 6;
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_EINVAL);
    o = good;
    o.clean_start = false; /* [MQTT311-3.1.3-7] */
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_EINVAL);
    o = good;
    o.password = "p"; /* [MQTT311-3.1.2-22] */
    o.password_n = 1;
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_EINVAL);
    o = good;
    o.will = &will;
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_EINVAL);
    o = good;
    o.properties = (struct nj_client_properties){"\x11\0\0\0\1", 5}; /* not before 5.0 */
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_EINVAL);
    o.version = NJ_MQTT_5;
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_OK);
    nj_client_opts_fini(&copy);
    o = good;
    o.srv = true;
    o.unix_path = "/run/broker";
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_EINVAL);
    o.unix_path = o.host = NULL; /* the domain of this machine, but not with TLS */
    o.tls = &(struct nj_client_tls){0};
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_EINVAL);
    o.tls = NULL;
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_OK);
    nj_client_opts_fini(&copy);
    o = good;
    o.version = NJ_MQTT_31;
    assert_int_equal(nj_client_opts_copy(&copy, &o), NJ_CLIENT_OK);
    assert_int_equal(strlen(copy.client_id), 23);
    nj_client_opts_fini(&copy);
}

static void
property_lists_are_made_and_walked(void **state)
{
    struct nj_client_property_list *list = nj_client_property_list_new();
    struct nj_client_properties rest;
    struct nj_client_property p;

    (void)state;
    assert_non_null(list);
    assert_int_equal(nj_client_property_add_number(list, 0x11, 7), NJ_CLIENT_OK);
    assert_int_equal(nj_client_property_add_pair(list, "k", 1, "v", 1), NJ_CLIENT_OK);
    assert_int_equal(nj_client_property_add_bytes(list, 0x03, "text", 4), NJ_CLIENT_OK);
    assert_int_equal(nj_client_property_add_number(list, 0x03, 7), NJ_CLIENT_EINVAL);
    assert_int_equal(nj_client_property_add_bytes(list, 0x11, "x", 1), NJ_CLIENT_EINVAL);
    assert_int_equal(nj_client_property_add_number(list, 0x7f, 7), NJ_CLIENT_EINVAL);
    rest = nj_client_property_list_view(list);
    assert_true(nj_client_property_next(&rest, &p));
    assert_int_equal(p.number, 7);
    assert_true(nj_client_property_next(&rest, &p));
    assert_memory_equal(p.key, "k", 1);
    assert_true(nj_client_property_next(&rest, &p));
    assert_int_equal(p.value_n, 4);
    assert_false(nj_client_property_next(&rest, &p));
    nj_client_property_list_free(list);
    rest = (struct nj_client_properties){"\x26\0", 2}; /* cut short */
    assert_false(nj_client_property_next(&rest, &p));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_that_contradict_the_standard_are_refused),
        cmocka_unit_test(property_lists_are_made_and_walked),
    };

    return cmocka_run_group_tests_name("client/opts", tests, NULL, NULL);
}
