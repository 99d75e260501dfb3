/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/property.h"

#include "base/test.h"
#include "mqtt/kit_test.h"

static const struct {
    unsigned id;
    enum type type;
    const char *name;
} all[] = {
#define NJ_PROPERTY(name, identifier, type, packets, text) {(identifier), type, (text)},
#include "mqtt/property.def"
#undef NJ_PROPERTY
};

/* A block without its length; `out` may be looked at for numbers only. */
static enum nj_cause
decode(const char *hex, uint32_t packets, struct nj_properties *out)
{
    uint8_t memory[256];
    struct nj_writer w = nj_writer_of(memory, sizeof(memory));
    struct kit_bytes block = kit_hex(hex);
    struct kit_bytes exact;
    struct nj_reader r;
    enum nj_cause cause;

    nj_properties_put(&w, kit_str(block));
    assert_false(w.is_full);
    exact = kit_copy(memory, (size_t)(w.p - memory));
    r = nj_reader_of(kit_str(exact));
    cause = nj_properties_decode(&r, packets, out);
    nj_free(exact.p);
    nj_free(block.p);
    return cause;
}

static void
assert_cause(const char *hex, enum nj_packet_type type, enum nj_cause cause)
{
    uint32_t packets = type == 0 ? NJ_PROPERTIES_OF_WILL : NJ_PROPERTIES_OF(type);
    struct nj_properties p;

    assert_string_equal(nj_cause_counter(decode(hex, packets, &p)), nj_cause_counter(cause));
}

static const char *
one_of(enum type type)
{
    static const char *const values[] = {
        [BOOL] = "01",    [U16] = "0001",   [U32] = "00000001",      [VARINT] = "01",
        [STR] = "000161", [BIN] = "0001ff", [PAIR] = "00016b000176",
    };

    return values[type];
}

/* Table 2-4: 27 properties, how often each packet is named in it. (MQTT 5.0, section 2.2.2.2) */
static void
each_property_stands_in_the_packets_of_its_row_and_no_other(void **state)
{
    static const unsigned wanted[16] = {7, 9, 17, 8, 2, 2, 2, 2, 2, 2, 1, 2, 0, 0, 4, 4};

    (void)state;
    assert_int_equal(NJ_COUNT_OF(all), 27);
    for (unsigned type = 0; type < 16; type++) {
        unsigned allowed = 0;

        for (size_t i = 0; i < NJ_COUNT_OF(all); i++) {
            char hex[32];
            bool may = nj_property_is_allowed(all[i].id, 1u << type);

            snprintf(hex, sizeof(hex), "%02x%s", all[i].id, one_of(all[i].type));
            assert_cause(hex, (enum nj_packet_type)type,
                         may ? NJ_CAUSE_NONE : NJ_CAUSE_PROPERTY_NOT_ALLOWED);
            allowed += may;
        }
        if (allowed != wanted[type])
            fail_msg("%s: %u", nj_packet_name(type), allowed);
    }
}

/* (MQTT 5.0, section 2.2.2.2) */
static void
an_identifier_that_is_none_is_malformed(void **state)
{
    (void)state;
    for (unsigned id = 0; id < 256; id++) {
        char hex[32];

        if (nj_property_name(id) != NULL)
            continue;
        snprintf(hex, sizeof(hex), "%02x0001610001", id);
        assert_cause(hex, NJ_PUBLISH, NJ_CAUSE_PROPERTY_UNKNOWN);
    }
}

static void
no_property_but_two_kinds_stands_twice(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 16; type++) {
        for (size_t i = 0; i < NJ_COUNT_OF(all); i++) {
            char hex[64];
            bool may = all[i].type == PAIR || (all[i].type == VARINT && type == NJ_PUBLISH);

            if (!nj_property_is_allowed(all[i].id, 1u << type))
                continue;
            snprintf(hex, sizeof(hex), "%02x%s%02x%s", all[i].id, one_of(all[i].type), all[i].id,
                     one_of(all[i].type));
            assert_cause(hex, (enum nj_packet_type)type,
                         may ? NJ_CAUSE_NONE : NJ_CAUSE_PROPERTY_TWICE);
        }
    }
}

static void
every_byte_that_is_a_truth_value_is_0_or_1(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 16; type++) {
        for (size_t i = 0; i < NJ_COUNT_OF(all); i++) {
            char hex[8];

            if (all[i].type != BOOL || !nj_property_is_allowed(all[i].id, 1u << type))
                continue;
            for (unsigned value = 0; value < 256; value++) {
                snprintf(hex, sizeof(hex), "%02x%02x", all[i].id, value);
                assert_cause(hex, (enum nj_packet_type)type,
                             value < 2 ? NJ_CAUSE_NONE : NJ_CAUSE_PROPERTY_VALUE);
            }
        }
    }
}

/* Protocol errors of sections 3.1.2.11.3, 3.1.2.11.4, 3.3.2.3.8 and 3.8.2.1.2. */
static void
limits_and_identifiers_are_not_0(void **state)
{
    (void)state;
    assert_cause("210000", NJ_CONNECT, NJ_CAUSE_PROPERTY_VALUE);
    assert_cause("210000", NJ_CONNACK, NJ_CAUSE_PROPERTY_VALUE);
    assert_cause("2700000000", NJ_CONNECT, NJ_CAUSE_PROPERTY_VALUE);
    assert_cause("2700000000", NJ_CONNACK, NJ_CAUSE_PROPERTY_VALUE);
    assert_cause("0b00", NJ_SUBSCRIBE, NJ_CAUSE_PROPERTY_VALUE);
    assert_cause("0b00", NJ_PUBLISH, NJ_CAUSE_PROPERTY_VALUE);
    assert_cause("220000", NJ_CONNECT, NJ_CAUSE_NONE);
    assert_cause("1100000000", NJ_CONNECT, NJ_CAUSE_NONE);
}

/* [MQTT5-3.3.2-8] */
static void
topic_alias_0_is_refused(void **state)
{
    (void)state;
    assert_cause("230000", NJ_PUBLISH, NJ_CAUSE_TOPIC_ALIAS);
    assert_cause("23ffff", NJ_PUBLISH, NJ_CAUSE_NONE);
}

/* [MQTT5-3.3.2-13] [MQTT5-3.3.2-14] */
static void
response_topic_is_a_topic_name(void **state)
{
    (void)state;
    assert_cause("080003612f23", NJ_PUBLISH, NJ_CAUSE_TOPIC_NAME_WILDCARD);
    assert_cause("0800012b", 0, NJ_CAUSE_TOPIC_NAME_WILDCARD);
    assert_cause("080000", NJ_PUBLISH, NJ_CAUSE_PROPERTY_VALUE);
    assert_cause("080001c3", NJ_PUBLISH, NJ_CAUSE_UTF8);
}

/* [MQTT5-3.3.2-19] [MQTT5-1.5.4-1] [MQTT5-1.5.4-2] [MQTT5-1.5.7-1] */
static void
strings_are_utf8_and_binary_data_is_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(all); i++) {
        char hex[32];
        unsigned type = 0;

        while (!nj_property_is_allowed(all[i].id, 1u << type))
            type++;
        snprintf(hex, sizeof(hex), "%02x0002c328", all[i].id);
        if (all[i].type == STR)
            assert_cause(hex, (enum nj_packet_type)type, NJ_CAUSE_UTF8);
        if (all[i].type == BIN)
            assert_cause(hex, (enum nj_packet_type)type, NJ_CAUSE_NONE);
    }
    assert_cause("260002c328000176", NJ_PUBLISH, NJ_CAUSE_UTF8);
    assert_cause("2600016b0002c328", NJ_PUBLISH, NJ_CAUSE_UTF8);
    assert_cause("2600016b000100", NJ_PUBLISH, NJ_CAUSE_UTF8);
}

static void
an_ill_formed_subscription_identifier_is_malformed(void **state)
{
    (void)state;
    assert_cause("0b8000", NJ_PUBLISH, NJ_CAUSE_VARIABLE_LENGTH);
    assert_cause("0bffffffff01", NJ_PUBLISH, NJ_CAUSE_VARIABLE_LENGTH);
    assert_cause("0bffffff7f", NJ_PUBLISH, NJ_CAUSE_NONE);
}

/* Cut anywhere, a block of one property is short, whatever follows the block. */
static void
a_property_does_not_reach_past_its_block(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(all); i++) {
        char hex[32];
        unsigned type = 0;

        while (!nj_property_is_allowed(all[i].id, 1u << type))
            type++;
        snprintf(hex, sizeof(hex), "%02x%s", all[i].id, one_of(all[i].type));
        for (size_t n = 2; n < strlen(hex); n += 2) {
            char cut[32];
            struct nj_properties p;

            snprintf(cut, sizeof(cut), "%.*s", (int)n, hex);
            assert_int_equal(decode(cut, 1u << type, &p), NJ_CAUSE_PACKET_SHORT);
        }
    }
}

static void
the_length_of_the_block_stays_within_the_packet(void **state)
{
    struct nj_reader r = nj_reader_of(NJ_STR("\x05\x11\x00\x00\x00"));
    struct nj_properties p;

    (void)state;
    assert_int_equal(nj_properties_decode(&r, NJ_PROPERTIES_OF(NJ_CONNECT), &p),
                     NJ_CAUSE_PACKET_SHORT);
    assert_int_equal(p.present, 0);
    r = nj_reader_of(NJ_STR("\x80\x00"));
    assert_int_equal(nj_properties_decode(&r, NJ_PROPERTIES_OF(NJ_CONNECT), &p),
                     NJ_CAUSE_VARIABLE_LENGTH);
    r = nj_reader_of(NJ_STR(""));
    assert_int_equal(nj_properties_decode(&r, NJ_PROPERTIES_OF(NJ_CONNECT), &p),
                     NJ_CAUSE_PACKET_SHORT);
}

static void
numbers_are_where_their_names_say(void **state)
{
    struct nj_properties p;

    (void)state;
    assert_int_equal(decode("110000000a 210014 2700010000 22000a 1701 1900 26 00016b 000176",
                            NJ_PROPERTIES_OF(NJ_CONNECT), &p),
                     NJ_CAUSE_NONE);
    assert_int_equal(p.session_expiry_interval_s, 10);
    assert_int_equal(p.receive_maximum, 20);
    assert_int_equal(p.maximum_packet_size, 65536);
    assert_int_equal(p.topic_alias_maximum, 10);
    assert_int_equal(p.request_problem_information, 1);
    assert_int_equal(p.request_response_information, 0);
    assert_int_equal(p.user_property_count, 1);
    assert_true(nj_properties_has(&p, NJ_PROPERTY_REQUEST_RESPONSE_INFORMATION));
    assert_false(nj_properties_has(&p, NJ_PROPERTY_AUTHENTICATION_METHOD));

    assert_int_equal(decode("0101 02000e1000 0b8001 0b07 230007", NJ_PROPERTIES_OF(NJ_PUBLISH), &p),
                     NJ_CAUSE_NONE);
    assert_int_equal(p.payload_format_indicator, 1);
    assert_int_equal(p.message_expiry_interval_s, 0x0e1000);
    assert_int_equal(p.subscription_identifier, 128);
    assert_int_equal(p.subscription_identifier_count, 2);
    assert_int_equal(p.topic_alias, 7);

    assert_int_equal(decode("13003c 2401 2500 2801 2900 2a01", NJ_PROPERTIES_OF(NJ_CONNACK), &p),
                     NJ_CAUSE_NONE);
    assert_int_equal(p.server_keep_alive_s, 60);
    assert_int_equal(p.maximum_qos, 1);
    assert_int_equal(p.retain_available, 0);
    assert_int_equal(p.wildcard_subscription_available, 1);
    assert_int_equal(p.subscription_identifier_available, 0);
    assert_int_equal(p.shared_subscription_available, 1);

    assert_int_equal(decode("1800000005", NJ_PROPERTIES_OF_WILL, &p), NJ_CAUSE_NONE);
    assert_int_equal(p.will_delay_interval_s, 5);
}

static struct nj_str
string_of(const struct nj_properties *p, unsigned id)
{
    switch (id) {
    case NJ_PROPERTY_CONTENT_TYPE:
        return p->content_type;
    case NJ_PROPERTY_RESPONSE_TOPIC:
        return p->response_topic;
    case NJ_PROPERTY_CORRELATION_DATA:
        return p->correlation_data;
    case NJ_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER:
        return p->assigned_client_identifier;
    case NJ_PROPERTY_AUTHENTICATION_METHOD:
        return p->authentication_method;
    case NJ_PROPERTY_AUTHENTICATION_DATA:
        return p->authentication_data;
    case NJ_PROPERTY_RESPONSE_INFORMATION:
        return p->response_information;
    case NJ_PROPERTY_SERVER_REFERENCE:
        return p->server_reference;
    case NJ_PROPERTY_REASON_STRING:
        return p->reason_string;
    default:
        fail_msg("%u is no string", id);
        return NJ_STR("");
    }
}

static void
strings_are_where_their_names_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(all); i++) {
        uint8_t memory[16];
        struct nj_writer w = nj_writer_of(memory + 1, sizeof(memory) - 1);
        struct nj_properties p;
        struct nj_reader r;

        if (all[i].type != STR && all[i].type != BIN)
            continue;
        nj_property_put_string(&w, (enum nj_property)all[i].id, NJ_STR("hello"));
        memory[0] = (uint8_t)(w.p - (memory + 1));
        r = nj_reader_of((struct nj_str){(const char *)memory, (size_t)(w.p - memory)});
        assert_int_equal(nj_properties_decode(&r, UINT32_MAX, &p), NJ_CAUSE_NONE);
        assert_true(nj_str_eq(string_of(&p, all[i].id), NJ_STR("hello")));
        assert_int_equal(p.present, UINT64_C(1) << all[i].id);
    }
}

/* [MQTT5-3.3.2-18]: the order of user properties is kept. */
static void
walking_gives_every_property_in_its_order(void **state)
{
    uint8_t memory[64];
    struct nj_writer w = nj_writer_of(memory, sizeof(memory));
    struct nj_property_view v;
    struct nj_reader r;

    (void)state;
    nj_property_put_pair(&w, NJ_STR("k"), NJ_STR("1"));
    nj_property_put_number(&w, NJ_PROPERTY_MESSAGE_EXPIRY_INTERVAL, 70000);
    nj_property_put_string(&w, NJ_PROPERTY_CONTENT_TYPE, NJ_STR("text"));
    nj_property_put_pair(&w, NJ_STR("k"), NJ_STR("0"));
    nj_property_put_number(&w, NJ_PROPERTY_SUBSCRIPTION_IDENTIFIER, 300);
    r = nj_reader_of((struct nj_str){(const char *)memory, (size_t)(w.p - memory)});

    assert_true(nj_property_next(&r, &v));
    assert_int_equal(v.id, NJ_PROPERTY_USER_PROPERTY);
    assert_true(nj_str_eq(v.key, NJ_STR("k")) && nj_str_eq(v.value, NJ_STR("1")));
    assert_true(nj_str_eq(v.bytes, NJ_STR("\x26\0\x01k\0\x01"
                                          "1")));
    assert_true(nj_property_next(&r, &v));
    assert_int_equal(v.number, 70000);
    assert_int_equal(v.bytes.n, 5);
    assert_true(nj_property_next(&r, &v));
    assert_true(nj_str_eq(v.value, NJ_STR("text")));
    assert_true(nj_property_next(&r, &v));
    assert_true(nj_str_eq(v.value, NJ_STR("0")));
    assert_true(nj_property_next(&r, &v));
    assert_int_equal(v.number, 300);
    assert_false(nj_property_next(&r, &v));
}

static void
walking_stops_where_a_block_is_ill_formed(void **state)
{
    struct nj_reader r = nj_reader_of(NJ_STR("\x23\x00"));
    struct nj_property_view v;

    (void)state;
    assert_false(nj_property_next(&r, &v));
    r = nj_reader_of(NJ_STR("\x7f\x00"));
    assert_false(nj_property_next(&r, &v));
}

static void
a_hundred_thousand_user_properties_are_one_pass(void **state)
{
    enum {
        COUNT = 100000,
        EACH = 1 + 2 + 1 + 2 + 1
    };
    uint8_t *memory = nj_alloc(COUNT * EACH + 4);
    struct nj_writer w = nj_writer_of(memory, COUNT * EACH + 4);
    struct nj_property_view v;
    struct nj_properties p;
    struct nj_reader r;
    size_t count = 0;

    (void)state;
    assert_non_null(memory);
    nj_varint_write(&w, COUNT * EACH);
    for (int i = 0; i < COUNT; i++)
        nj_property_put_pair(&w, NJ_STR("k"), NJ_STR("v"));
    r = nj_reader_of((struct nj_str){(const char *)memory, (size_t)(w.p - memory)});
    assert_int_equal(nj_properties_decode(&r, NJ_PROPERTIES_OF(NJ_PUBLISH), &p), NJ_CAUSE_NONE);
    assert_int_equal(p.user_property_count, COUNT);
    r = nj_reader_of(p.block);
    while (nj_property_next(&r, &v))
        count++;
    assert_int_equal(count, COUNT);
    nj_free(memory);
}

static void
names_are_those_of_the_command_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(all); i++) {
        assert_int_equal(nj_property_by_name(nj_str_of(all[i].name)), all[i].id);
        assert_string_equal(nj_property_name(all[i].id), all[i].name);
    }
    assert_int_equal(nj_property_by_name(NJ_STR("topic-alia")), 0);
    assert_int_equal(nj_property_by_name(NJ_STR("")), 0);
    assert_int_equal(nj_property_maximum(NJ_PROPERTY_TOPIC_ALIAS), UINT16_MAX);
    assert_int_equal(nj_property_maximum(NJ_PROPERTY_CONTENT_TYPE), 0);
    assert_int_equal(nj_property_maximum(4711), 0);
    assert_null(nj_property_name(0));
    assert_null(nj_property_name(64));
    assert_false(nj_property_is_allowed(4711, UINT32_MAX));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_property_stands_in_the_packets_of_its_row_and_no_other),
        cmocka_unit_test(an_identifier_that_is_none_is_malformed),
        cmocka_unit_test(no_property_but_two_kinds_stands_twice),
        cmocka_unit_test(every_byte_that_is_a_truth_value_is_0_or_1),
        cmocka_unit_test(limits_and_identifiers_are_not_0),
        cmocka_unit_test(topic_alias_0_is_refused),
        cmocka_unit_test(response_topic_is_a_topic_name),
        cmocka_unit_test(strings_are_utf8_and_binary_data_is_not),
        cmocka_unit_test(an_ill_formed_subscription_identifier_is_malformed),
        cmocka_unit_test(a_property_does_not_reach_past_its_block),
        cmocka_unit_test(the_length_of_the_block_stays_within_the_packet),
        cmocka_unit_test(numbers_are_where_their_names_say),
        cmocka_unit_test(strings_are_where_their_names_say),
        cmocka_unit_test(walking_gives_every_property_in_its_order),
        cmocka_unit_test(walking_stops_where_a_block_is_ill_formed),
        cmocka_unit_test(a_hundred_thousand_user_properties_are_one_pass),
        cmocka_unit_test(names_are_those_of_the_command_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
