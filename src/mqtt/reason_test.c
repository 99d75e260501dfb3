/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/reason.h"

#include "base/test.h"
#include "mqtt/packet.h"

static void
codes_have_the_words_of_the_standard(void **state)
{
    (void)state;
    assert_string_equal(nj_reason_text(0x00), "Success");
    assert_string_equal(nj_reason_text(0x87), "Not authorized");
    assert_string_equal(nj_reason_text(0xa2), "Wildcard Subscriptions not supported");
    assert_string_equal(nj_reason_text(0x03), "Unknown reason");
    assert_string_equal(nj_reason_text(0xff), "Unknown reason");
    assert_string_equal(nj_reason_text(4711), "Unknown reason");
}

/* The tables of sections 3.2 to 3.15, counted. */
static void
each_packet_has_as_many_codes_as_its_table(void **state)
{
    static const struct {
        enum nj_packet_type type;
        unsigned by_client, by_server;
    } rows[] = {
        {NJ_CONNECT, 0, 0},  {NJ_CONNACK, 22, 22},    {NJ_PUBLISH, 0, 0},  {NJ_PUBACK, 9, 9},
        {NJ_PUBREC, 9, 9},   {NJ_PUBREL, 2, 2},       {NJ_PUBCOMP, 2, 2},  {NJ_SUBSCRIBE, 0, 0},
        {NJ_SUBACK, 12, 12}, {NJ_UNSUBSCRIBE, 0, 0},  {NJ_UNSUBACK, 7, 7}, {NJ_PINGREQ, 0, 0},
        {NJ_PINGRESP, 0, 0}, {NJ_DISCONNECT, 15, 29}, {NJ_AUTH, 2, 2},
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        unsigned by_client = 0, by_server = 0;

        for (unsigned code = 0; code < 300; code++) {
            by_client += nj_reason_is_allowed(code, rows[i].type, NJ_FROM_CLIENT);
            by_server += nj_reason_is_allowed(code, rows[i].type, NJ_FROM_SERVER);
        }
        if (by_client != rows[i].by_client || by_server != rows[i].by_server)
            fail_msg("%s: %u, %u", nj_packet_name(rows[i].type), by_client, by_server);
    }
}

static void
every_cause_has_a_code_words_and_a_counter_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NJ_CAUSE_COUNT; i++) {
        assert_true(strlen(nj_cause_text((enum nj_cause)i)) > 0);
        assert_string_not_equal(nj_reason_text(nj_cause_reason((enum nj_cause)i)),
                                "Unknown reason");
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(nj_cause_counter((enum nj_cause)i),
                                    nj_cause_counter((enum nj_cause)k));
    }
}

/* [MQTT311-3.2.2-6] [MQTT311-3.1.2-2] [MQTT311-3.1.3-8] [MQTT311-3.1.3-9] */
static void
before_5_a_refusal_is_one_of_five_codes_or_silence(void **state)
{
    (void)state;
    assert_int_equal(nj_cause_return_code(NJ_CAUSE_PROTOCOL_VERSION), 1);
    assert_int_equal(nj_cause_return_code(NJ_CAUSE_VERSION_NOT_ACCEPTED), 1);
    assert_int_equal(nj_cause_return_code(NJ_CAUSE_CLIENT_ID_INVALID), 2);
    assert_int_equal(nj_cause_return_code(NJ_CAUSE_MAX_KEEPALIVE), 2);
    assert_int_equal(nj_cause_return_code(NJ_CAUSE_MAX_CONNECTIONS), 3);
    assert_int_equal(nj_cause_return_code(NJ_CAUSE_OUT_OF_MEMORY), 3);
    assert_int_equal(nj_cause_return_code(NJ_CAUSE_NO_IDENTITY), 4);
    assert_int_equal(nj_cause_return_code(NJ_CAUSE_NOT_AUTHORIZED), 5);
    assert_int_equal(nj_cause_return_code(NJ_CAUSE_PROTOCOL_NAME), -1);
    assert_int_equal(nj_cause_return_code(NJ_CAUSE_UTF8), -1);
    assert_int_equal(nj_cause_return_code(NJ_CAUSE_QOS_NOT_SUPPORTED), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_have_the_words_of_the_standard),
        cmocka_unit_test(each_packet_has_as_many_codes_as_its_table),
        cmocka_unit_test(every_cause_has_a_code_words_and_a_counter_of_its_own),
        cmocka_unit_test(before_5_a_refusal_is_one_of_five_codes_or_silence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
