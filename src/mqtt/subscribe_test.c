/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "mqtt/kit_test.h"

static void
filters_and_options_are_found_in_their_order(void **state)
{
    struct nj_subscription s;
    struct nj_reader r;
    struct kit k;

    (void)state;
    kit_open(&k, "82 1a 0009 02 0b2a 0003 612f2b 2d 000c 2473686172652f672f612f23 02", NJ_MQTT_5,
             NJ_FROM_CLIENT);
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_int_equal(k.packet.subscribe.packet_id, 9);
    assert_int_equal(k.packet.subscribe.count, 2);
    assert_int_equal(k.packet.subscribe.properties.subscription_identifier, 42);
    r = nj_reader_of(k.packet.subscribe.filters);
    assert_true(nj_subscription_next(&r, NJ_MQTT_5, true, &s));
    assert_true(nj_str_eq(s.filter, NJ_STR("a/+")));
    assert_int_equal(s.qos, 1);
    assert_true(s.no_local && s.retain_as_published);
    assert_int_equal(s.retain_handling, 2);
    assert_true(nj_subscription_next(&r, NJ_MQTT_5, true, &s));
    assert_true(nj_str_eq(s.filter, NJ_STR("$share/g/a/#")));
    assert_int_equal(s.qos, 2);
    assert_false(s.no_local || s.retain_as_published);
    assert_false(nj_subscription_next(&r, NJ_MQTT_5, true, &s));
    kit_close(&k);
}

static void
an_unsubscribe_has_filters_without_options(void **state)
{
    struct nj_subscription s;
    struct nj_reader r;
    struct kit k;

    (void)state;
    kit_open(&k, "a2 08 0001 0001 61 0001 62", NJ_MQTT_311, NJ_FROM_CLIENT);
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_int_equal(k.packet.subscribe.count, 2);
    r = nj_reader_of(k.packet.subscribe.filters);
    assert_true(nj_subscription_next(&r, NJ_MQTT_311, false, &s));
    assert_true(nj_subscription_next(&r, NJ_MQTT_311, false, &s));
    assert_true(nj_str_eq(s.filter, NJ_STR("b")));
    assert_false(nj_subscription_next(&r, NJ_MQTT_311, false, &s));
    kit_close(&k);
}

/* [MQTT5-3.8.3-2] [MQTT5-3.10.3-2] [MQTT311-3.8.3-3] [MQTT311-3.10.3-2] */
static void
at_least_one_filter_is_asked_for(void **state)
{
    (void)state;
    kit_assert_cause("82 02 0001", NJ_MQTT_311, NJ_FROM_CLIENT, SUBSCRIBE_EMPTY);
    kit_assert_cause("82 03 0001 00", NJ_MQTT_5, NJ_FROM_CLIENT, SUBSCRIBE_EMPTY);
    kit_assert_cause("a2 02 0001", NJ_MQTT_311, NJ_FROM_CLIENT, SUBSCRIBE_EMPTY);
    kit_assert_cause("a2 03 0001 00", NJ_MQTT_5, NJ_FROM_CLIENT, SUBSCRIBE_EMPTY);
}

/* [MQTT5-2.2.1-3] [MQTT311-2.3.1-1] */
static void
packet_identifier_0_is_refused(void **state)
{
    (void)state;
    kit_assert_cause("82 06 0000 0001 61 00", NJ_MQTT_311, NJ_FROM_CLIENT, PACKET_ID_ZERO);
    kit_assert_cause("a2 06 0000 00 0001 61", NJ_MQTT_5, NJ_FROM_CLIENT, PACKET_ID_ZERO);
}

/* [MQTT5-3.8.3-5] [MQTT311-3.8.3-4] */
static void
options_are_those_of_the_version(void **state)
{
    (void)state;
    for (unsigned options = 0; options < 256; options++) {
        enum nj_cause want_4 = (options & 0xfc) != 0 ? NJ_CAUSE_SUBSCRIBE_OPTIONS
                               : (options & 3) == 3  ? NJ_CAUSE_QOS_3
                                                     : NJ_CAUSE_NONE;
        enum nj_cause want_5 = (options & 0xc0) != 0      ? NJ_CAUSE_SUBSCRIBE_OPTIONS
                               : (options & 3) == 3       ? NJ_CAUSE_QOS_3
                               : (options & 0x30) == 0x30 ? NJ_CAUSE_RETAIN_HANDLING_3
                                                          : NJ_CAUSE_NONE;
        char hex[32];

        snprintf(hex, sizeof(hex), "82 06 0001 0001 61 %02x", options);
        assert_int_equal(kit_judge(hex, NJ_MQTT_31, NJ_FROM_CLIENT), want_4);
        assert_int_equal(kit_judge(hex, NJ_MQTT_311, NJ_FROM_CLIENT), want_4);
        snprintf(hex, sizeof(hex), "82 07 0001 00 0001 61 %02x", options);
        assert_int_equal(kit_judge(hex, NJ_MQTT_5, NJ_FROM_CLIENT), want_5);
    }
}

/* [MQTT5-4.7.1-1] [MQTT5-4.7.1-2] [MQTT5-4.7.3-1] [MQTT5-4.8.2-1] [MQTT5-4.8.2-2]
 * [MQTT311-4.7.1-2] [MQTT311-4.7.1-3] */
static void
every_filter_has_its_grammar(void **state)
{
    static const char *const bad[] = {"",          "a#",         "#/a",         "a+",   "$share/g",
                                      "$share//a", "$share/+/a", "$share/g/a#", "a/#/b"};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++) {
        uint8_t memory[64], list[32];
        struct nj_subscription s = {.filter = nj_str_of(bad[i])};

        for (int has_options = 0; has_options < 2; has_options++) {
            enum nj_packet_type type = has_options ? NJ_SUBSCRIBE : NJ_UNSUBSCRIBE;

            for (enum nj_version v = NJ_MQTT_31; v <= NJ_MQTT_5; v++) {
                struct nj_writer w = nj_writer_of(memory, sizeof(memory));
                struct nj_writer list_w = nj_writer_of(list, sizeof(list));
                struct nj_packet p;
                struct nj_frame f;

                nj_subscription_put(&list_w, v, has_options, &s);
                nj_subscribe_encode(&w, v, type, 1, NJ_STR(""),
                                    (struct nj_str){(char *)list, (size_t)(list_w.p - list)});
                assert_int_equal(
                    nj_frame_find((struct nj_str){(char *)memory, (size_t)(w.p - memory)}, 100, &f),
                    NJ_FRAME_WHOLE);
                assert_int_equal(nj_packet_decode(&f, v, NJ_FROM_CLIENT, &p),
                                 bad[i][0] == '\0' ? NJ_CAUSE_TOPIC_FILTER_EMPTY
                                                   : NJ_CAUSE_TOPIC_FILTER_GRAMMAR);
            }
        }
    }
}

/* [MQTT5-3.8.3-1] [MQTT5-3.10.3-1] [MQTT311-3.8.3-1] [MQTT311-3.10.3-1] */
static void
every_filter_is_utf8(void **state)
{
    (void)state;
    kit_assert_cause("82 0b 0001 0001 61 00 0002 c328 00", NJ_MQTT_311, NJ_FROM_CLIENT, UTF8);
    kit_assert_cause("a2 05 0001 0001 80", NJ_MQTT_311, NJ_FROM_CLIENT, UTF8);
}

/* [MQTT5-3.8.3-4] */
static void
no_local_on_a_share_is_refused(void **state)
{
    const char *shared = "82 10 0001 00 000a 2473686172652f672f61 04";

    (void)state;
    kit_assert_cause(shared, NJ_MQTT_5, NJ_FROM_CLIENT, SHARE_NO_LOCAL);
    kit_assert_cause("82 07 0001 00 0001 61 04", NJ_MQTT_5, NJ_FROM_CLIENT, NONE);
}

static void
one_subscription_identifier_and_not_0(void **state)
{
    (void)state;
    kit_assert_cause("82 09 0001 02 0b00 0001 61 00", NJ_MQTT_5, NJ_FROM_CLIENT, PROPERTY_VALUE);
    kit_assert_cause("82 0b 0001 04 0b010b02 0001 61 00", NJ_MQTT_5, NJ_FROM_CLIENT,
                     PROPERTY_TWICE);
    kit_assert_cause("a2 08 0001 02 0b01 0001 61", NJ_MQTT_5, NJ_FROM_CLIENT, PROPERTY_NOT_ALLOWED);
}

static void
the_list_ends_with_the_packet(void **state)
{
    (void)state;
    kit_assert_cause("82 05 0001 0001 61", NJ_MQTT_311, NJ_FROM_CLIENT, PACKET_SHORT);
    kit_assert_cause("82 07 0001 0001 61 00 00", NJ_MQTT_311, NJ_FROM_CLIENT, PACKET_SHORT);
    kit_assert_cause("a2 05 0001 0002 61", NJ_MQTT_311, NJ_FROM_CLIENT, PACKET_SHORT);
    kit_assert_cause("82 01 00", NJ_MQTT_311, NJ_FROM_CLIENT, PACKET_SHORT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_and_options_are_found_in_their_order),
        cmocka_unit_test(an_unsubscribe_has_filters_without_options),
        cmocka_unit_test(at_least_one_filter_is_asked_for),
        cmocka_unit_test(packet_identifier_0_is_refused),
        cmocka_unit_test(options_are_those_of_the_version),
        cmocka_unit_test(every_filter_has_its_grammar),
        cmocka_unit_test(every_filter_is_utf8),
        cmocka_unit_test(no_local_on_a_share_is_refused),
        cmocka_unit_test(one_subscription_identifier_and_not_0),
        cmocka_unit_test(the_list_ends_with_the_packet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
