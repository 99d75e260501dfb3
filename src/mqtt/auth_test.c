/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "mqtt/kit_test.h"

static void
method_and_data_are_found(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, "f00d 18 0b 1500016d 16000400ff0102", NJ_MQTT_5, NJ_FROM_CLIENT);
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_int_equal(k.packet.auth.reason, NJ_REASON_CONTINUE_AUTHENTICATION);
    assert_true(nj_str_eq(k.packet.auth.properties.authentication_method, NJ_STR("m")));
    assert_true(
        nj_str_eq(k.packet.auth.properties.authentication_data, NJ_STR("\x00\xff\x01\x02")));
    kit_close(&k);
}

static void
before_5_there_is_none(void **state)
{
    (void)state;
    kit_assert_cause("f000", NJ_MQTT_311, NJ_FROM_CLIENT, PACKET_TYPE);
    kit_assert_cause("f000", NJ_MQTT_31, NJ_FROM_SERVER, PACKET_TYPE);
}

/* [MQTT5-3.15.2-1] */
static void
reasons_are_those_of_the_side(void **state)
{
    (void)state;
    kit_assert_cause("f00618041500016d", NJ_MQTT_5, NJ_FROM_CLIENT, NONE);
    kit_assert_cause("f00618041500016d", NJ_MQTT_5, NJ_FROM_SERVER, NONE);
    kit_assert_cause("f00619041500016d", NJ_MQTT_5, NJ_FROM_CLIENT, NONE);
    kit_assert_cause("f00619041500016d", NJ_MQTT_5, NJ_FROM_SERVER, REASON_CODE_UNKNOWN);
    kit_assert_cause("f00600041500016d", NJ_MQTT_5, NJ_FROM_SERVER, NONE);
    kit_assert_cause("f00600041500016d", NJ_MQTT_5, NJ_FROM_CLIENT, REASON_CODE_UNKNOWN);
    kit_assert_cause("f00687041500016d", NJ_MQTT_5, NJ_FROM_SERVER, REASON_CODE_UNKNOWN);
}

static void
the_method_is_not_left_out_but_in_the_short_form_of_success(void **state)
{
    (void)state;
    kit_assert_cause("f000", NJ_MQTT_5, NJ_FROM_SERVER, NONE);
    kit_assert_cause("f0021800", NJ_MQTT_5, NJ_FROM_CLIENT, AUTH_WITHOUT_METHOD);
    kit_assert_cause("f006180416000178", NJ_MQTT_5, NJ_FROM_CLIENT, AUTH_DATA_WITHOUT_METHOD);
}

/* A peer that leaves them out must not make anyone read what was never written. */
static void
method_and_data_are_empty_where_they_are_left_out(void **state)
{
    static const char *const packets[] = {"f000", "101100044d5154540502003c03220005000161"};
    struct kit k;

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(packets); i++) {
        kit_open(&k, packets[i], NJ_MQTT_5, i == 0 ? NJ_FROM_SERVER : NJ_FROM_CLIENT);
        const struct nj_properties *p =
            i == 0 ? &k.packet.auth.properties : &k.packet.connect.properties;
        assert_int_equal(k.cause, NJ_CAUSE_NONE);
        assert_int_equal(p->authentication_method.n, 0);
        assert_int_equal(p->authentication_data.n, 0);
        kit_close(&k);
    }
}

static void
the_length_is_exact(void **state)
{
    (void)state;
    kit_assert_cause("f00118", NJ_MQTT_5, NJ_FROM_CLIENT, PACKET_SHORT);
    kit_assert_cause("f00718041500016d00", NJ_MQTT_5, NJ_FROM_CLIENT, PACKET_LONG);
}

static void
the_shortest_form_is_written(void **state)
{
    uint8_t memory[32];
    struct nj_writer w = nj_writer_of(memory, sizeof(memory));

    (void)state;
    nj_auth_encode(&w, NJ_REASON_SUCCESS, NJ_STR(""));
    nj_auth_encode(&w, NJ_REASON_CONTINUE_AUTHENTICATION, NJ_STR("\x15\0\1m"));
    assert_int_equal(w.p - memory, 10);
    assert_memory_equal(memory, "\xf0\0\xf0\6\x18\4\x15\0\1m", 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(method_and_data_are_found),
        cmocka_unit_test(before_5_there_is_none),
        cmocka_unit_test(reasons_are_those_of_the_side),
        cmocka_unit_test(method_and_data_are_empty_where_they_are_left_out),
        cmocka_unit_test(the_method_is_not_left_out_but_in_the_short_form_of_success),
        cmocka_unit_test(the_length_is_exact),
        cmocka_unit_test(the_shortest_form_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
