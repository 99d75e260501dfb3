/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "mqtt/kit_test.h"

static void
there_is_a_code_for_each_filter(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, "90 06 0102 00 01 02 80", NJ_MQTT_311, NJ_FROM_SERVER);
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_int_equal(k.packet.suback.packet_id, 0x102);
    assert_true(nj_str_eq(k.packet.suback.codes, NJ_STR("\x00\x01\x02\x80")));
    kit_close(&k);
    kit_open(&k, "b0 05 0009 00 00 11", NJ_MQTT_5, NJ_FROM_SERVER);
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_true(nj_str_eq(k.packet.suback.codes, NJ_STR("\x00\x11")));
    kit_close(&k);
}

/* [MQTT5-3.9.3-2] [MQTT5-3.11.3-2] [MQTT311-3.9.3-2] */
static void
codes_are_those_of_packet_and_version(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 256; code++) {
        char hex[32];

        snprintf(hex, sizeof(hex), "90 03 0001 %02x", code);
        assert_int_equal(kit_judge(hex, NJ_MQTT_311, NJ_FROM_SERVER),
                         code < 3 || code == 0x80 ? NJ_CAUSE_NONE : NJ_CAUSE_REASON_CODE_UNKNOWN);
        snprintf(hex, sizeof(hex), "90 05 0001 00 00 %02x", code);
        assert_int_equal(kit_judge(hex, NJ_MQTT_5, NJ_FROM_SERVER),
                         nj_reason_is_allowed(code, NJ_SUBACK, NJ_FROM_SERVER)
                             ? NJ_CAUSE_NONE
                             : NJ_CAUSE_REASON_CODE_UNKNOWN);
        snprintf(hex, sizeof(hex), "b0 05 0001 00 00 %02x", code);
        assert_int_equal(kit_judge(hex, NJ_MQTT_5, NJ_FROM_SERVER),
                         nj_reason_is_allowed(code, NJ_UNSUBACK, NJ_FROM_SERVER)
                             ? NJ_CAUSE_NONE
                             : NJ_CAUSE_REASON_CODE_UNKNOWN);
    }
}

static void
no_code_at_all_is_short(void **state)
{
    (void)state;
    kit_assert_cause("90 02 0001", NJ_MQTT_311, NJ_FROM_SERVER, PACKET_SHORT);
    kit_assert_cause("90 03 0001 00", NJ_MQTT_5, NJ_FROM_SERVER, PACKET_SHORT);
    kit_assert_cause("b0 03 0001 00", NJ_MQTT_5, NJ_FROM_SERVER, PACKET_SHORT);
}

static void
an_unsuback_before_5_is_an_identifier(void **state)
{
    (void)state;
    kit_assert_cause("b0 02 0001", NJ_MQTT_311, NJ_FROM_SERVER, NONE);
    kit_assert_cause("b0 03 0001 00", NJ_MQTT_311, NJ_FROM_SERVER, PACKET_LONG);
    kit_assert_cause("b0 01 00", NJ_MQTT_31, NJ_FROM_SERVER, PACKET_SHORT);
}

static void
packet_identifier_0_is_refused(void **state)
{
    (void)state;
    kit_assert_cause("90 03 0000 00", NJ_MQTT_311, NJ_FROM_SERVER, PACKET_ID_ZERO);
    kit_assert_cause("b0 02 0000", NJ_MQTT_311, NJ_FROM_SERVER, PACKET_ID_ZERO);
}

/* [MQTT311-3.9.3-2] */
static void
before_5_every_failure_is_0x80(void **state)
{
    uint8_t memory[32];
    struct nj_writer w = nj_writer_of(memory, sizeof(memory));

    (void)state;
    nj_suback_encode(&w, NJ_MQTT_311, NJ_SUBACK, 1, NJ_STR("\x1f\0\1h"), NJ_STR("\x02\x87\x9e"));
    nj_suback_encode(&w, NJ_MQTT_31, NJ_UNSUBACK, 2, NJ_STR(""), NJ_STR("\x11"));
    assert_int_equal(w.p - memory, 7 + 4);
    assert_memory_equal(memory, "\x90\x05\0\1\x02\x80\x80\xb0\x02\0\2", 11);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_a_code_for_each_filter),
        cmocka_unit_test(codes_are_those_of_packet_and_version),
        cmocka_unit_test(no_code_at_all_is_short),
        cmocka_unit_test(an_unsuback_before_5_is_an_identifier),
        cmocka_unit_test(packet_identifier_0_is_refused),
        cmocka_unit_test(before_5_every_failure_is_0x80),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
