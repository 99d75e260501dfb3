/* SPDX-License-Identifier: Apache-2.0 */
/* DISCONNECT, and PINGREQ and PINGRESP, which say even less. */
#include "base/test.h"
#include "mqtt/kit_test.h"

/* [MQTT311-3.14.1-1] */
static void
before_5_it_is_empty_and_from_a_client(void **state)
{
    (void)state;
    kit_assert_cause("e000", NJ_MQTT_311, NJ_FROM_CLIENT, NONE);
    kit_assert_cause("e000", NJ_MQTT_31, NJ_FROM_CLIENT, NONE);
    kit_assert_cause("e00100", NJ_MQTT_311, NJ_FROM_CLIENT, PACKET_LONG);
    kit_assert_cause("e000", NJ_MQTT_311, NJ_FROM_SERVER, UNEXPECTED_PACKET);
}

static void
in_5_reason_and_properties_may_be_left_out(void **state)
{
    struct kit k;

    (void)state;
    kit_assert_cause("e000", NJ_MQTT_5, NJ_FROM_CLIENT, NONE);
    kit_assert_cause("e00104", NJ_MQTT_5, NJ_FROM_CLIENT, NONE);
    kit_assert_cause("e0020400", NJ_MQTT_5, NJ_FROM_CLIENT, NONE);
    kit_assert_cause("e003040000", NJ_MQTT_5, NJ_FROM_CLIENT, PACKET_LONG);
    kit_assert_cause("e0020401", NJ_MQTT_5, NJ_FROM_CLIENT, PACKET_SHORT);
    kit_open(&k, "e007000511 00000064", NJ_MQTT_5, NJ_FROM_CLIENT);
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_int_equal(k.packet.disconnect.properties.session_expiry_interval_s, 100);
    kit_close(&k);
    kit_open(&k, "e001 8e", NJ_MQTT_5, NJ_FROM_SERVER);
    assert_int_equal(k.packet.disconnect.reason, NJ_REASON_SESSION_TAKEN_OVER);
    kit_close(&k);
}

/* [MQTT5-3.14.2-1] */
static void
reasons_are_those_of_the_side(void **state)
{
    (void)state;
    kit_assert_cause("e00104", NJ_MQTT_5, NJ_FROM_SERVER, REASON_CODE_UNKNOWN);
    kit_assert_cause("e0018e", NJ_MQTT_5, NJ_FROM_SERVER, NONE);
    kit_assert_cause("e0018e", NJ_MQTT_5, NJ_FROM_CLIENT, REASON_CODE_UNKNOWN);
    kit_assert_cause("e00101", NJ_MQTT_5, NJ_FROM_CLIENT, REASON_CODE_UNKNOWN);
    kit_assert_cause("e001ff", NJ_MQTT_5, NJ_FROM_CLIENT, REASON_CODE_UNKNOWN);
}

/* [MQTT5-3.14.2-2] */
static void
a_server_sets_no_session_expiry(void **state)
{
    (void)state;
    kit_assert_cause("e0078b051100000064", NJ_MQTT_5, NJ_FROM_SERVER, PROPERTY_NOT_ALLOWED);
}

static void
the_shortest_form_is_written(void **state)
{
    uint8_t memory[32];
    struct nj_writer w = nj_writer_of(memory, sizeof(memory));

    (void)state;
    nj_disconnect_encode(&w, NJ_MQTT_5, 0, NJ_STR(""));
    nj_disconnect_encode(&w, NJ_MQTT_5, 0x8e, NJ_STR(""));
    nj_disconnect_encode(&w, NJ_MQTT_5, 0, NJ_STR("\x1f\0\1h"));
    nj_disconnect_encode(&w, NJ_MQTT_311, 0x8e, NJ_STR("\x1f\0\1h"));
    assert_int_equal(w.p - memory, 2 + 3 + 8 + 2);
    assert_memory_equal(memory, "\xe0\0\xe0\1\x8e\xe0\6\0\4\x1f\0\1h\xe0\0", 15);
}

static void
a_ping_is_empty_and_goes_one_way(void **state)
{
    uint8_t memory[4];
    struct nj_writer w = nj_writer_of(memory, sizeof(memory));

    (void)state;
    kit_assert_cause("c000", NJ_MQTT_311, NJ_FROM_CLIENT, NONE);
    kit_assert_cause("d000", NJ_MQTT_5, NJ_FROM_SERVER, NONE);
    kit_assert_cause("c00178", NJ_MQTT_311, NJ_FROM_CLIENT, PACKET_LONG);
    kit_assert_cause("d000", NJ_MQTT_311, NJ_FROM_CLIENT, UNEXPECTED_PACKET);
    kit_assert_cause("c000", NJ_MQTT_311, NJ_FROM_SERVER, UNEXPECTED_PACKET);
    nj_ping_encode(&w, NJ_PINGREQ);
    nj_ping_encode(&w, NJ_PINGRESP);
    assert_memory_equal(memory, "\xc0\0\xd0\0", 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_5_it_is_empty_and_from_a_client),
        cmocka_unit_test(in_5_reason_and_properties_may_be_left_out),
        cmocka_unit_test(reasons_are_those_of_the_side),
        cmocka_unit_test(a_server_sets_no_session_expiry),
        cmocka_unit_test(the_shortest_form_is_written),
        cmocka_unit_test(a_ping_is_empty_and_goes_one_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
