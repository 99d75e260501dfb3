/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "mqtt/kit_test.h"

static void
session_present_and_code_are_found(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, "20020100", NJ_MQTT_311, NJ_FROM_SERVER);
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_true(k.packet.connack.session_present);
    assert_int_equal(k.packet.connack.code, 0);
    kit_close(&k);
    kit_open(&k, "200900000622000a210014", NJ_MQTT_5, NJ_FROM_SERVER);
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_false(k.packet.connack.session_present);
    assert_int_equal(k.packet.connack.properties.topic_alias_maximum, 10);
    assert_int_equal(k.packet.connack.properties.receive_maximum, 20);
    kit_close(&k);
}

/* [MQTT5-3.2.2-1] [MQTT5-3.2.2-6] [MQTT311-3.2.2-4] */
static void
flags_are_session_present_alone_and_not_with_a_refusal(void **state)
{
    (void)state;
    kit_assert_cause("20020200", NJ_MQTT_311, NJ_FROM_SERVER, CONNECT_FLAGS);
    kit_assert_cause("20020105", NJ_MQTT_311, NJ_FROM_SERVER, CONNECT_FLAGS);
    kit_assert_cause("2003800000", NJ_MQTT_5, NJ_FROM_SERVER, CONNECT_FLAGS);
    kit_assert_cause("2003018700", NJ_MQTT_5, NJ_FROM_SERVER, CONNECT_FLAGS);
}

static void
in_3_1_the_first_byte_means_nothing(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, "2002ff00", NJ_MQTT_31, NJ_FROM_SERVER);
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_false(k.packet.connack.session_present);
    kit_close(&k);
}

/* [MQTT5-3.2.2-7] [MQTT5-3.2.2-8] */
static void
codes_are_those_of_the_version(void **state)
{
    (void)state;
    kit_assert_cause("20020005", NJ_MQTT_311, NJ_FROM_SERVER, NONE);
    kit_assert_cause("20020006", NJ_MQTT_311, NJ_FROM_SERVER, REASON_CODE_UNKNOWN);
    kit_assert_cause("2003008700", NJ_MQTT_5, NJ_FROM_SERVER, NONE);
    kit_assert_cause("2003000500", NJ_MQTT_5, NJ_FROM_SERVER, REASON_CODE_UNKNOWN);
    kit_assert_cause("2003009300", NJ_MQTT_5, NJ_FROM_SERVER, REASON_CODE_UNKNOWN);
}

static void
a_server_without_5_refuses_it_in_its_own_form(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, "20020001", NJ_MQTT_5, NJ_FROM_SERVER);
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_int_equal(k.packet.connack.code, NJ_REASON_UNSUPPORTED_PROTOCOL_VERSION);
    kit_close(&k);
    kit_assert_cause("20020000", NJ_MQTT_5, NJ_FROM_SERVER, PACKET_SHORT);
}

static void
the_length_is_exact(void **state)
{
    (void)state;
    kit_assert_cause("200100", NJ_MQTT_311, NJ_FROM_SERVER, PACKET_SHORT);
    kit_assert_cause("2003000000", NJ_MQTT_311, NJ_FROM_SERVER, PACKET_LONG);
    kit_assert_cause("200400000000", NJ_MQTT_5, NJ_FROM_SERVER, PACKET_LONG);
    kit_assert_cause("2003000001", NJ_MQTT_5, NJ_FROM_SERVER, PACKET_SHORT);
}

static void
authentication_data_needs_a_method(void **state)
{
    (void)state;
    kit_assert_cause("200700000416000178", NJ_MQTT_5, NJ_FROM_SERVER, AUTH_DATA_WITHOUT_METHOD);
}

static void
before_5_there_are_no_properties_and_in_3_1_no_session_present(void **state)
{
    uint8_t memory[16];
    struct nj_writer w = nj_writer_of(memory, sizeof(memory));

    (void)state;
    nj_connack_encode(&w, NJ_MQTT_31, true, 0, NJ_STR("\x21\0\1"));
    nj_connack_encode(&w, NJ_MQTT_311, true, 0, NJ_STR("\x21\0\1"));
    assert_int_equal(w.p - memory, 8);
    assert_memory_equal(memory, "\x20\x02\x00\x00\x20\x02\x01\x00", 8);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_present_and_code_are_found),
        cmocka_unit_test(flags_are_session_present_alone_and_not_with_a_refusal),
        cmocka_unit_test(in_3_1_the_first_byte_means_nothing),
        cmocka_unit_test(codes_are_those_of_the_version),
        cmocka_unit_test(a_server_without_5_refuses_it_in_its_own_form),
        cmocka_unit_test(the_length_is_exact),
        cmocka_unit_test(authentication_data_needs_a_method),
        cmocka_unit_test(before_5_there_are_no_properties_and_in_3_1_no_session_present),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
