/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "mqtt/kit_test.h"

static void
flags_topic_identifier_and_payload_are_found(void **state)
{
    const struct nj_publish *p;
    struct kit k;

    (void)state;
    kit_open(&k, "3d 0a 0003 612f62 0102 68690a", NJ_MQTT_311, NJ_FROM_CLIENT);
    p = &k.packet.publish;
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_true(p->dup && p->retain);
    assert_int_equal(p->qos, 2);
    assert_int_equal(p->packet_id, 0x102);
    assert_true(nj_str_eq(p->topic, NJ_STR("a/b")));
    assert_true(nj_str_eq(p->payload, NJ_STR("hi\n")));
    assert_int_equal(p->properties.present, 0);
    kit_close(&k);

    kit_open(&k, "30 08 0001 61 03 230007 78", NJ_MQTT_5, NJ_FROM_CLIENT);
    p = &k.packet.publish;
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_int_equal(p->packet_id, 0);
    assert_int_equal(p->properties.topic_alias, 7);
    assert_true(nj_str_eq(p->payload, NJ_STR("x")));
    kit_close(&k);
}

static void
the_payload_may_be_empty(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, "31 03 0001 61", NJ_MQTT_311, NJ_FROM_CLIENT);
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_int_equal(k.packet.publish.payload.n, 0);
    kit_close(&k);
}

/* [MQTT5-2.2.1-2] [MQTT5-2.2.1-4] [MQTT311-2.3.1-1] */
static void
packet_identifier_0_is_refused(void **state)
{
    (void)state;
    kit_assert_cause("32 05 0001 61 0000", NJ_MQTT_311, NJ_FROM_CLIENT, PACKET_ID_ZERO);
    kit_assert_cause("34 06 0001 61 0000 00", NJ_MQTT_5, NJ_FROM_SERVER, PACKET_ID_ZERO);
}

/* [MQTT5-3.3.2-1] [MQTT5-3.3.2-2] [MQTT311-3.3.2-1] [MQTT311-3.3.2-2] [MQTT5-4.7.0-1] */
static void
the_topic_is_utf8_without_wildcards(void **state)
{
    (void)state;
    kit_assert_cause("30 06 0003 612f23 78", NJ_MQTT_311, NJ_FROM_CLIENT, TOPIC_NAME_WILDCARD);
    kit_assert_cause("30 06 0003 612f2b 00", NJ_MQTT_5, NJ_FROM_SERVER, TOPIC_NAME_WILDCARD);
    kit_assert_cause("30 05 0002 c328 78", NJ_MQTT_311, NJ_FROM_CLIENT, UTF8);
    kit_assert_cause("30 06 0003 610062 78", NJ_MQTT_311, NJ_FROM_CLIENT, UTF8);
    kit_assert_cause("30 06 0003 eda080 78", NJ_MQTT_311, NJ_FROM_CLIENT, UTF8);
    kit_assert_cause("30 05 0002 c0af 78", NJ_MQTT_311, NJ_FROM_CLIENT, UTF8);
}

/* [MQTT5-4.7.3-1] [MQTT311-4.7.3-1] [MQTT5-3.3.2-8] */
static void
an_empty_topic_needs_an_alias(void **state)
{
    (void)state;
    kit_assert_cause("30 03 0000 78", NJ_MQTT_311, NJ_FROM_CLIENT, TOPIC_NAME_EMPTY);
    kit_assert_cause("30 04 0000 00 78", NJ_MQTT_5, NJ_FROM_CLIENT, TOPIC_NAME_EMPTY);
    kit_assert_cause("30 07 0000 03 230001 78", NJ_MQTT_5, NJ_FROM_CLIENT, NONE);
    kit_assert_cause("30 07 0000 03 230000 78", NJ_MQTT_5, NJ_FROM_CLIENT, TOPIC_ALIAS);
}

/* [MQTT5-3.3.4-6] */
static void
only_a_server_names_subscriptions(void **state)
{
    (void)state;
    kit_assert_cause("30 06 0001 61 02 0b01", NJ_MQTT_5, NJ_FROM_CLIENT, PROPERTY_NOT_ALLOWED);
    kit_assert_cause("30 06 0001 61 02 0b01", NJ_MQTT_5, NJ_FROM_SERVER, NONE);
    kit_assert_cause("30 09 0001 61 05 0b01 0b8001", NJ_MQTT_5, NJ_FROM_SERVER, NONE);
}

static void
lengths_past_the_end_are_refused(void **state)
{
    (void)state;
    kit_assert_cause("30 05 0050 616263", NJ_MQTT_311, NJ_FROM_CLIENT, PACKET_SHORT);
    kit_assert_cause("30 00", NJ_MQTT_311, NJ_FROM_CLIENT, PACKET_SHORT);
    kit_assert_cause("30 01 00", NJ_MQTT_311, NJ_FROM_CLIENT, PACKET_SHORT);
    kit_assert_cause("32 04 0001 61 00", NJ_MQTT_311, NJ_FROM_CLIENT, PACKET_SHORT);
    kit_assert_cause("30 03 0001 61", NJ_MQTT_5, NJ_FROM_CLIENT, PACKET_SHORT);
    kit_assert_cause("30 05 0001 61 05 23", NJ_MQTT_5, NJ_FROM_CLIENT, PACKET_SHORT);
}

/* That takes the session to want it. */
static void
the_payload_format_is_not_verified(void **state)
{
    (void)state;
    kit_assert_cause("30 08 0001 74 02 0101 fffe", NJ_MQTT_5, NJ_FROM_CLIENT, NONE);
}

static struct nj_publish_head
a_head(void)
{
    static const uint32_t identifiers[] = {1, 200, 100000};

    return (struct nj_publish_head){
        .qos = 1,
        .packet_id = 0x102,
        .topic_alias = 3,
        .has_expiry = true,
        .message_expiry_interval_s = 60,
        .topic = NJ_STR("a/b"),
        .properties = NJ_STR("\x01\x01"),
        .subscription_identifiers = identifiers,
        .subscription_identifier_count = 3,
        .payload_bytes = 200,
    };
}

static void
a_head_is_as_long_as_its_size_and_decodes_to_itself(void **state)
{
    struct nj_publish_head h = a_head();
    uint8_t memory[300] = {0};
    struct nj_writer w = nj_writer_of(memory, sizeof(memory));
    struct nj_publish p;
    struct nj_frame f;

    (void)state;
    nj_publish_head_encode(&w, NJ_MQTT_5, &h);
    assert_int_equal(w.p - memory, nj_publish_head_size(&h, NJ_MQTT_5));
    assert_int_equal(
        nj_frame_find((struct nj_str){(char *)memory, (size_t)(w.p - memory) + 200}, 1000, &f),
        NJ_FRAME_WHOLE);
    assert_int_equal(nj_publish_decode(&f, NJ_MQTT_5, NJ_FROM_SERVER, &p), NJ_CAUSE_NONE);
    assert_int_equal(p.payload.n, 200);
    assert_int_equal(p.packet_id, 0x102);
    assert_int_equal(p.properties.topic_alias, 3);
    assert_int_equal(p.properties.message_expiry_interval_s, 60);
    assert_int_equal(p.properties.payload_format_indicator, 1);
    assert_int_equal(p.properties.subscription_identifier, 1);
    assert_int_equal(p.properties.subscription_identifier_count, 3);
    assert_true(nj_str_starts(p.properties.block, h.properties));
}

static void
before_5_a_head_has_no_properties(void **state)
{
    struct nj_publish_head h = a_head();
    uint8_t memory[32];
    struct nj_writer w = nj_writer_of(memory, sizeof(memory));

    (void)state;
    nj_publish_head_encode(&w, NJ_MQTT_311, &h);
    assert_int_equal(w.p - memory, nj_publish_head_size(&h, NJ_MQTT_311));
    assert_memory_equal(memory,
                        "\x32\xcf\x01\x00\x03"
                        "a/b\x01\x02",
                        10);
    assert_int_equal(w.p - memory, 10);
}

static void
the_packet_identifier_can_be_found_and_changed_afterwards(void **state)
{
    (void)state;
    for (uint32_t payload = 1; payload < NJ_VARINT_MAX_VALUE - 100; payload = payload * 3 + 7) {
        struct nj_publish_head h = a_head();
        uint8_t memory[64];
        struct nj_writer w = nj_writer_of(memory, sizeof(memory));
        size_t at;

        h.payload_bytes = payload;
        nj_publish_head_encode(&w, NJ_MQTT_5, &h);
        at = nj_publish_packet_id_offset(memory);
        assert_int_equal(memory[at] << 8 | memory[at + 1], 0x102);
        assert_memory_equal(memory + at - 3, "a/b", 3);
    }
}

static void
what_cannot_be_sent_has_size_0_and_is_not_written(void **state)
{
    struct nj_publish_head h = a_head();
    uint8_t memory[64];
    struct nj_writer w = nj_writer_of(memory, sizeof(memory));

    (void)state;
    h.payload_bytes = NJ_VARINT_MAX_VALUE;
    assert_int_equal(nj_publish_head_size(&h, NJ_MQTT_311), 0);
    nj_publish_head_encode(&w, NJ_MQTT_311, &h);
    assert_true(w.is_full);
    assert_ptr_equal(w.p, memory);
    h.payload_bytes = NJ_VARINT_MAX_VALUE - 7;
    assert_int_equal(nj_publish_head_size(&h, NJ_MQTT_311), 5 + 7);
    h.payload_bytes = NJ_VARINT_MAX_VALUE - 6;
    assert_int_equal(nj_publish_head_size(&h, NJ_MQTT_311), 0);
    h.payload_bytes = 0;
    h.topic.n = 65536;
    assert_int_equal(nj_publish_head_size(&h, NJ_MQTT_311), 0);
}

static void
a_head_that_does_not_fit_stays_within_its_memory(void **state)
{
    struct nj_publish_head h = a_head();
    size_t whole = nj_publish_head_size(&h, NJ_MQTT_5);

    (void)state;
    for (size_t n = 0; n <= whole; n++) {
        uint8_t *exact = nj_alloc(n);
        struct nj_writer w = nj_writer_of(exact, n);

        assert_non_null(exact);
        nj_publish_head_encode(&w, NJ_MQTT_5, &h);
        assert_int_equal(w.is_full, n < whole);
        nj_free(exact);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_topic_identifier_and_payload_are_found),
        cmocka_unit_test(the_payload_may_be_empty),
        cmocka_unit_test(packet_identifier_0_is_refused),
        cmocka_unit_test(the_topic_is_utf8_without_wildcards),
        cmocka_unit_test(an_empty_topic_needs_an_alias),
        cmocka_unit_test(only_a_server_names_subscriptions),
        cmocka_unit_test(lengths_past_the_end_are_refused),
        cmocka_unit_test(the_payload_format_is_not_verified),
        cmocka_unit_test(a_head_is_as_long_as_its_size_and_decodes_to_itself),
        cmocka_unit_test(before_5_a_head_has_no_properties),
        cmocka_unit_test(the_packet_identifier_can_be_found_and_changed_afterwards),
        cmocka_unit_test(what_cannot_be_sent_has_size_0_and_is_not_written),
        cmocka_unit_test(a_head_that_does_not_fit_stays_within_its_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
