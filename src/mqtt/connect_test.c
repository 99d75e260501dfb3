/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "mqtt/kit_test.h"

/* Name and level; flags, keep alive 60 and client identifier "m" follow. */
#define V31  "00064d5149736470 03 "
#define V311 "00044d515454 04 "
#define V5   "00044d515454 05 "
#define ID   "00016d"

/* A body, its fixed header put before it. */
static void
open_body(struct kit *k, const char *body)
{
    struct kit_bytes b = kit_hex(body);
    char hex[1024];

    assert_true(b.n < 128);
    snprintf(hex, sizeof(hex), "10 %02x %s", (unsigned)b.n, body);
    nj_free(b.p);
    kit_open(k, hex, NJ_MQTT_311, NJ_FROM_CLIENT);
}

static void
assert_cause(const char *body, enum nj_cause cause)
{
    struct kit k;

    open_body(&k, body);
    kit_close(&k);
    assert_string_equal(nj_cause_counter(k.cause), nj_cause_counter(cause));
}

static void
everything_that_connect_says_is_found(void **state)
{
    const struct nj_connect *c;
    struct kit k;

    (void)state;
    open_body(&k, V5 "ee 003c 05 110000000a " ID
                     "0a 1800000007 26 0001 6b 0000 0002 772f 0003 626965 0001 75 0002 00ff");
    assert_int_equal(k.cause, NJ_CAUSE_PACKET_SHORT);
    kit_close(&k);

    open_body(&k, V5 "ee 003c 05 110000000a " ID
                     "0b 1800000007 26 0001 6b 0000 0003 772f77 0003 627965 0001 75 0002 00ff");
    c = &k.packet.connect;
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_int_equal(c->version, NJ_MQTT_5);
    assert_true(c->clean_start && c->has_will && c->will_retain);
    assert_int_equal(c->will_qos, 1);
    assert_true(c->has_user_name && c->has_password);
    assert_false(c->is_bridge);
    assert_int_equal(c->keep_alive_s, 60);
    assert_int_equal(c->properties.session_expiry_interval_s, 10);
    assert_int_equal(c->will_properties.will_delay_interval_s, 7);
    assert_int_equal(c->will_properties.user_property_count, 1);
    assert_true(nj_str_eq(c->client_id, NJ_STR("m")));
    assert_true(nj_str_eq(c->will_topic, NJ_STR("w/w")));
    assert_true(nj_str_eq(c->will_payload, NJ_STR("bye")));
    assert_true(nj_str_eq(c->user_name, NJ_STR("u")));
    assert_true(nj_str_eq(c->password, NJ_STR("\x00\xff")));
    kit_close(&k);
}

/* [MQTT5-3.1.2-1] [MQTT311-3.1.2-1] */
static void
a_wrong_protocol_name_is_refused(void **state)
{
    (void)state;
    assert_cause("00044d515858 04 02 003c " ID, NJ_CAUSE_PROTOCOL_NAME);
    assert_cause("00046d717474 04 02 003c " ID, NJ_CAUSE_PROTOCOL_NAME);
    assert_cause("0000 04 02 003c " ID, NJ_CAUSE_PROTOCOL_NAME);
    assert_cause("00054d51545454 04 02 003c " ID, NJ_CAUSE_PROTOCOL_NAME);
}

/* [MQTT5-3.1.2-2] [MQTT311-3.1.2-2] */
static void
a_level_that_is_none_or_not_of_the_name_is_refused(void **state)
{
    static const char *const wrong[] = {
        "00044d515454 09",     "00044d515454 00",     "00044d515454 03",     "00044d515454 85",
        "00044d515454 83",     "00044d515454 06",     "00064d5149736470 04", "00064d5149736470 05",
        "00064d5149736470 84", "00064d5149736470 02",
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(wrong); i++) {
        char body[64];

        snprintf(body, sizeof(body), "%s 02 003c " ID, wrong[i]);
        assert_cause(body, NJ_CAUSE_PROTOCOL_VERSION);
    }
}

static void
a_refusal_knows_the_version_to_answer_in(void **state)
{
    static const struct {
        const char *body;
        enum nj_version version;
    } rows[] = {
        {"00044d515454 09 02 003c " ID, NJ_MQTT_311},
        {"00044d515858 05 02 003c " ID, NJ_MQTT_5},
        {"00044d515858 03 02 003c " ID, NJ_MQTT_31},
        {"00044d51", NJ_MQTT_311},
        {V5 "03 003c 00 " ID, NJ_MQTT_5},
        {V31 "06 003c " ID, NJ_MQTT_31},
        {"", NJ_MQTT_311},
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        struct kit k;

        open_body(&k, rows[i].body);
        assert_int_not_equal(k.cause, NJ_CAUSE_NONE);
        assert_int_equal(k.packet.connect.version, rows[i].version);
        kit_close(&k);
    }
}

static void
a_bridge_says_so_in_3_1_and_3_1_1(void **state)
{
    struct kit k;

    (void)state;
    open_body(&k, "00064d5149736470 83 02 003c " ID);
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_true(k.packet.connect.is_bridge);
    assert_int_equal(k.packet.connect.version, NJ_MQTT_31);
    kit_close(&k);
    open_body(&k, "00044d515454 84 02 003c " ID);
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_true(k.packet.connect.is_bridge);
    assert_int_equal(k.packet.connect.version, NJ_MQTT_311);
    kit_close(&k);
}

/* [MQTT5-3.1.2-3] [MQTT311-3.1.2-3] */
static void
the_reserved_flag_is_0(void **state)
{
    (void)state;
    assert_cause(V311 "03 003c " ID, NJ_CAUSE_CONNECT_FLAGS);
    assert_cause(V5 "03 003c 00 " ID, NJ_CAUSE_CONNECT_FLAGS);
    assert_cause(V31 "03 003c " ID, NJ_CAUSE_NONE);
}

/* [MQTT5-3.1.2-11] [MQTT5-3.1.2-12] [MQTT5-3.1.2-13] [MQTT311-3.1.2-13] [MQTT311-3.1.2-14]
 * [MQTT311-3.1.2-15] */
static void
will_flags_do_not_contradict_each_other(void **state)
{
    static const char *const flags[] = {"0a", "12", "1a", "22", "3a", "1e", "3e"};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(flags); i++) {
        char body[80];

        snprintf(body, sizeof(body), V311 "%s 003c " ID "0001770001 78", flags[i]);
        assert_cause(body, NJ_CAUSE_CONNECT_FLAGS);
        snprintf(body, sizeof(body), V31 "%s 003c " ID "0001770001 78", flags[i]);
        assert_cause(body, NJ_CAUSE_CONNECT_FLAGS);
        snprintf(body, sizeof(body), V5 "%s 003c 00 " ID "00 0001770001 78", flags[i]);
        assert_cause(body, NJ_CAUSE_CONNECT_FLAGS);
    }
    assert_cause(V311 "36 003c " ID "0001770001 78", NJ_CAUSE_NONE);
}

/* [MQTT311-3.1.2-22]; [MQTT5-3.1.2-19] lets it be. */
static void
a_password_needs_a_user_name_before_5(void **state)
{
    (void)state;
    assert_cause(V31 "42 003c " ID "000170", NJ_CAUSE_CONNECT_FLAGS);
    assert_cause(V311 "42 003c " ID "000170", NJ_CAUSE_CONNECT_FLAGS);
    assert_cause(V5 "42 003c 00 " ID "000170", NJ_CAUSE_NONE);
}

/* [MQTT5-3.1.2-16] [MQTT5-3.1.2-17] [MQTT5-3.1.2-19] [MQTT311-3.1.2-18] [MQTT311-3.1.2-19]
 * [MQTT311-3.1.2-20] [MQTT311-3.1.2-21] */
static void
the_payload_has_what_the_flags_announce(void **state)
{
    (void)state;
    assert_cause(V311 "82 003c " ID, NJ_CAUSE_PACKET_SHORT);
    assert_cause(V311 "c2 003c " ID "000175", NJ_CAUSE_PACKET_SHORT);
    assert_cause(V311 "02 003c " ID "000175", NJ_CAUSE_PACKET_LONG);
    assert_cause(V311 "82 003c " ID "000175 000170", NJ_CAUSE_PACKET_LONG);
    assert_cause(V311 "06 003c " ID, NJ_CAUSE_PACKET_SHORT);
    assert_cause(V311 "06 003c " ID "000177", NJ_CAUSE_PACKET_SHORT);
    assert_cause(V5 "82 003c 00 " ID, NJ_CAUSE_PACKET_SHORT);
    assert_cause(V311 "02 003c", NJ_CAUSE_PACKET_SHORT);
    assert_cause(V311 "02 003c 0005 6d", NJ_CAUSE_PACKET_SHORT);
    assert_cause(V5 "02 003c", NJ_CAUSE_PACKET_SHORT);
}

/* "For compatibility with the original MQTT V3", says 3.1. */
static void
in_3_1_credentials_may_be_announced_and_missing(void **state)
{
    struct kit k;

    (void)state;
    open_body(&k, V31 "c2 003c " ID);
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_false(k.packet.connect.has_user_name || k.packet.connect.has_password);
    kit_close(&k);
    open_body(&k, V31 "c2 003c " ID "000175");
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_true(k.packet.connect.has_user_name && !k.packet.connect.has_password);
    kit_close(&k);
    assert_cause(V31 "c2 003c " ID "0002 75", NJ_CAUSE_PACKET_SHORT);
}

/* [MQTT5-3.1.3-4] [MQTT5-3.1.3-11] [MQTT5-3.1.3-12] [MQTT311-3.1.3-4] [MQTT311-3.1.3-10]
 * [MQTT311-3.1.3-11] */
static void
identifier_will_topic_and_user_name_are_utf8(void **state)
{
    (void)state;
    assert_cause(V311 "02 003c 0002 c328", NJ_CAUSE_UTF8);
    assert_cause(V311 "02 003c 0001 00", NJ_CAUSE_UTF8);
    assert_cause(V311 "06 003c " ID "0003eda080 0000", NJ_CAUSE_UTF8);
    assert_cause(V311 "82 003c " ID "0002c080", NJ_CAUSE_UTF8);
}

static void
will_payload_and_password_are_any_bytes(void **state)
{
    (void)state;
    assert_cause(V311 "06 003c " ID "000177 0002 c300", NJ_CAUSE_NONE);
    assert_cause(V311 "c2 003c " ID "000175 0002 c300", NJ_CAUSE_NONE);
}

/* [MQTT5-4.7.0-1] [MQTT5-4.7.3-1] */
static void
the_will_topic_is_a_topic_name(void **state)
{
    (void)state;
    assert_cause(V311 "06 003c " ID "0003 612f23 0000", NJ_CAUSE_TOPIC_NAME_WILDCARD);
    assert_cause(V5 "06 003c 00 " ID "00 0001 2b 0000", NJ_CAUSE_TOPIC_NAME_WILDCARD);
    assert_cause(V311 "06 003c " ID "0000 0000", NJ_CAUSE_WILL_TOPIC_EMPTY);
}

static void
authentication_data_needs_a_method(void **state)
{
    (void)state;
    assert_cause(V5 "02 003c 04 16000178 " ID, NJ_CAUSE_AUTH_DATA_WITHOUT_METHOD);
    assert_cause(V5 "02 003c 08 16000178 1500016d " ID, NJ_CAUSE_NONE);
}

static void
will_properties_are_those_of_a_will(void **state)
{
    (void)state;
    assert_cause(V5 "06 003c 00 " ID "03 230001 000177 0000", NJ_CAUSE_PROPERTY_NOT_ALLOWED);
    assert_cause(V5 "06 003c 05 1800000001 " ID "00 000177 0000", NJ_CAUSE_PROPERTY_NOT_ALLOWED);
    assert_cause(V5 "06 003c 00 " ID "04 01010101 000177 0000", NJ_CAUSE_PROPERTY_TWICE);
}

/* Whether it is accepted depends on options of the broker's. [MQTT5-3.1.3-6] [MQTT311-3.1.3-6] */
static void
an_empty_client_identifier_is_not_the_codecs_to_judge(void **state)
{
    (void)state;
    assert_cause(V311 "00 003c 0000", NJ_CAUSE_NONE);
    assert_cause(V311 "02 003c 0000", NJ_CAUSE_NONE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_that_connect_says_is_found),
        cmocka_unit_test(a_wrong_protocol_name_is_refused),
        cmocka_unit_test(a_level_that_is_none_or_not_of_the_name_is_refused),
        cmocka_unit_test(a_refusal_knows_the_version_to_answer_in),
        cmocka_unit_test(a_bridge_says_so_in_3_1_and_3_1_1),
        cmocka_unit_test(the_reserved_flag_is_0),
        cmocka_unit_test(will_flags_do_not_contradict_each_other),
        cmocka_unit_test(a_password_needs_a_user_name_before_5),
        cmocka_unit_test(the_payload_has_what_the_flags_announce),
        cmocka_unit_test(in_3_1_credentials_may_be_announced_and_missing),
        cmocka_unit_test(identifier_will_topic_and_user_name_are_utf8),
        cmocka_unit_test(will_payload_and_password_are_any_bytes),
        cmocka_unit_test(the_will_topic_is_a_topic_name),
        cmocka_unit_test(authentication_data_needs_a_method),
        cmocka_unit_test(will_properties_are_those_of_a_will),
        cmocka_unit_test(an_empty_client_identifier_is_not_the_codecs_to_judge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
