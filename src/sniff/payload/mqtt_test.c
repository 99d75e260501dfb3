/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/payload/mqtt.h"

#include "base/mem.h"
#include "sniff/kit_test.h"

static struct nj_mqtt_stream stream;
static struct nj_tree tree;
static struct nj_text info, line;
static bool is_malformed;

static int
set_up(void **state)
{
    (void)state;
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    nj_mqtt_stream_fini(&stream);
    nj_tree_fini(&tree);
    nj_text_fini(&info);
    nj_text_fini(&line);
    return nj_mem_used() == 0 ? 0 : -1;
}

/* The fields behind the fixed header, as "name=value …", without "mqtt." */
static const char *
fields_of(unsigned direction, struct nj_str packet, size_t bytes)
{
    struct nj_mqtt_row row = {.info = &info};
    bool is_body = false;

    nj_tree_clear(&tree);
    nj_text_clear(&info);
    nj_text_clear(&line);
    nj_mqtt_dissect(&stream, direction, packet, bytes, &tree, &row);
    is_malformed = row.is_malformed;
    for (size_t i = 0; i < tree.count; i++) {
        enum nj_field field = (enum nj_field)tree.item[i].field;

        if (is_body && field != NJ_FIELD_MALFORMED && field != NJ_FIELD_SHORT) {
            nj_text_putf(&line, "%s%s=", line.n > 0 ? " " : "", nj_field_name(field) + 5);
            nj_item_put_shown(&line, &tree.item[i]);
        }
        is_body = is_body || field == NJ_FIELD_MQTT_LEN;
    }
    return nj_text_c(&line);
}

#define CONNECT_5                   NJ_STR("\x10\x0e\0\4MQTT\5\2\0\x3c\0\0\1x")
#define DISSECT(direction, literal) fields_of(direction, NJ_STR(literal), sizeof(literal) - 1)

static void
a_connect_tells_the_version(void **state)
{
    (void)state;
    assert_string_equal(
        fields_of(0, CONNECT_5, 16),
        "proto_len=4 protoname=MQTT ver=5 conflags=0x02 conflag.uname=0 conflag.passwd=0 "
        "conflag.retain=0 conflag.qos=0 conflag.willflag=0 conflag.cleansess=1 conflag.reserved=0 "
        "kalive=60 properties= property_len=0 clientid_len=1 clientid=x");
    assert_string_equal(nj_text_c(&info), "Connect Command");
    assert_int_equal(stream.level, 5);
    assert_true(stream.is_connected);
    assert_string_equal(DISSECT(0, "\x32\x0a\0\1t\0\7\2\1\1ab"),
                        "topic_len=1 topic=t msgid=7 properties= property_len=2 property_id=0x01 "
                        "prop_number=1 msg=61:62");
    assert_string_equal(nj_text_c(&info), "Publish Message (id=7) [t]");
}

static void
a_packet_that_is_wrong_is_shown_as_far_as_it_goes(void **state)
{
    (void)state;
    (void)fields_of(0, CONNECT_5, 16);
    assert_string_equal(DISSECT(0, "\x82\x06\0\1\0\0\x09"
                                   "ab"),
                        "msgid=1 properties= property_len=0 topic_len=9");
    assert_true(is_malformed);
    assert_string_equal(nj_text_c(&info), "Subscribe Request (id=1)[Malformed Packet]");
    /* A property that is unknown takes the rest of its block, the payload stays. */
    assert_string_equal(DISSECT(0, "\x30\x08\0\1t\3\x7f"
                                   "ab!"),
                        "topic_len=1 topic=t properties= property_len=3 property_id=0x7f "
                        "prop_unknown=ab msg=21");
    assert_false(is_malformed);
    assert_string_equal(DISSECT(0, "\x30\x02\0"), "");
    assert_true(is_malformed);
}

static void
what_the_capture_cut_is_not_malformed(void **state)
{
    (void)state;
    (void)fields_of(0, CONNECT_5, 16);
    assert_string_equal(fields_of(0,
                                  NJ_STR("\x30\x20\0\x09"
                                         "abc"),
                                  34),
                        "topic_len=9");
    assert_false(is_malformed);
    assert_string_equal(nj_text_c(&info), "Publish Message[Packet size limited during capture]");
}

static void
an_alias_has_the_name_of_its_direction(void **state)
{
    (void)state;
    (void)fields_of(0, CONNECT_5, 16);
    (void)DISSECT(0, "\x30\x08\0\1t\3\x23\0\2x");
    assert_non_null(strstr(DISSECT(0, "\x30\x07\0\0\3\x23\0\2x"), "topic_alias=2 topic=t msg=78"));
    assert_string_equal(nj_text_c(&info), "Publish Message [t]");
    assert_non_null(strstr(DISSECT(1, "\x30\x07\0\0\3\x23\0\2x"), "unknown_topic_alias="));
    (void)DISSECT(0, "\x30\x09\0\2uv\3\x23\0\2x"); /* another name */
    (void)DISSECT(0, "\x30\x07\0\0\3\x23\0\2x");
    assert_string_equal(nj_text_c(&info), "Publish Message [uv]");
    (void)fields_of(0, CONNECT_5, 16); /* and forgotten with the next connection */
    assert_non_null(strstr(DISSECT(0, "\x30\x07\0\0\3\x23\0\2x"), "unknown_topic_alias="));
}

static void
aliases_have_a_ceiling(void **state)
{
    static char packet[65536 + 16];
    struct nj_writer w;
    size_t before;

    (void)state;
    (void)fields_of(0, CONNECT_5, 16);
    before = nj_mem_used();
    for (unsigned alias = 1; alias < 2000; alias++) {
        w = nj_writer_of(packet, sizeof(packet));
        nj_write_bytes(&w, NJ_STR("\x30\xee\x07\x03\xe4")); /* 1006 bytes, a topic of 996 */
        for (unsigned i = 0; i < 996; i++)
            nj_write_u8(&w, 't');
        nj_write_bytes(&w, NJ_STR("\3\x23"));
        nj_write_u16(&w, (uint16_t)alias);
        (void)fields_of(0, (struct nj_str){packet, (size_t)(w.p - (uint8_t *)packet)},
                        (size_t)(w.p - (uint8_t *)packet));
    }
    assert_true(nj_mem_used() - before < 4 * NJ_MQTT_ALIAS_BYTES_MAX);
}

static void
without_a_connect_the_version_is_inferred(void **state)
{
    (void)state;
    /* Right in both: 3.1.1 until something decides. */
    assert_string_equal(DISSECT(0, "\x30\x05\0\1t\0x"), "topic_len=1 topic=t msg=00:78");
    assert_int_equal(stream.level, 0);
    assert_int_equal(tree.item[1].field, NJ_FIELD_MQTT_UNKNOWN_VERSION);
    assert_int_equal(tree.item[3].field, NJ_FIELD_MQTT_ASSUMED_VERSION);
    assert_int_equal(tree.item[3].number, 4);
    /* Right in 5 only. */
    (void)DISSECT(1, "\x20\x03\0\0\0");
    assert_int_equal(stream.level, 5);
    assert_false(stream.is_connected);
    assert_int_equal(tree.item[3].field, NJ_FIELD_MQTT_INFERRED_VERSION);
    assert_int_equal(tree.item[3].number, 5);
    assert_string_equal(DISSECT(0, "\x30\x05\0\1t\0x"),
                        "topic_len=1 topic=t properties= property_len=0 msg=78");
    stream.level = 0;
    assert_string_equal(DISSECT(0, "\x30\x05\0\1txx"), "topic_len=1 topic=t msg=78:78");
    assert_int_equal(stream.level, 4); /* a property length of 120 there is not */
    assert_int_equal(tree.item[3].field, NJ_FIELD_MQTT_INFERRED_VERSION);
    assert_int_equal(tree.item[3].number, 4);
    (void)fields_of(0, CONNECT_5, 16); /* from here on it is learnt */
    (void)DISSECT(0, "\x30\x05\0\1t\0x");
    assert_int_equal(tree.item[1].field, NJ_FIELD_MQTT_HDRFLAGS);
}

static void
a_payload_is_bytes_or_text(void **state)
{
    (void)state;
    assert_string_equal(DISSECT(0, "\x30\x05\0\1tab"), "topic_len=1 topic=t msg=61:62");
    stream.shows_text = true;
    assert_string_equal(DISSECT(0, "\x30\x05\0\1tab"), "topic_len=1 topic=t msg_text=ab");
    assert_non_null(strstr(DISSECT(0, "\x10\x14\0\4MQTT\4\6\0\x3c\0\1x\0\1w\0\2ab"),
                           "willmsg_len=2 willmsg_text=ab"));
}

static void
the_length_of_a_packet_is_found_in_its_first_bytes(void **state)
{
    bool is_fault;

    (void)state;
    assert_int_equal(nj_mqtt_packet_bytes(NJ_STR("\x30"), &is_fault), 0);
    assert_false(is_fault);
    assert_int_equal(nj_mqtt_packet_bytes(NJ_STR("\x30\x80"), &is_fault), 0);
    assert_int_equal(nj_mqtt_packet_bytes(NJ_STR("\x30\x80\x01"), &is_fault), 131);
    assert_int_equal(nj_mqtt_packet_bytes(NJ_STR("\xc0\0zzz"), &is_fault), 2);
    assert_int_equal(nj_mqtt_packet_bytes(NJ_STR("\x30\xff\xff\xff\xff\x01"), &is_fault), 0);
    assert_true(is_fault);
}

static void
a_stream_makes_sense_where_a_packet_begins(void **state)
{
    (void)state;
    assert_true(nj_mqtt_makes_sense(&stream, CONNECT_5));
    assert_true(nj_mqtt_makes_sense(&stream, NJ_STR("\xc0\0")));
    assert_true(nj_mqtt_makes_sense(&stream, NJ_STR("\x30\x40\0\5ab")));
    assert_false(nj_mqtt_makes_sense(&stream, NJ_STR("hello")));
    assert_false(nj_mqtt_makes_sense(&stream, NJ_STR("\x30\x03\0\x09x")));
    assert_false(nj_mqtt_makes_sense(&stream, NJ_STR("")));
    assert_true(nj_mqtt_may_make_sense(NJ_STR("\x30")));
    assert_true(nj_mqtt_may_make_sense(NJ_STR("\x30\x80")));
    assert_false(nj_mqtt_may_make_sense(NJ_STR("\x30\x05")));
    assert_false(nj_mqtt_may_make_sense(NJ_STR("\x36"))); /* of QoS 3 */
}

static void
packets_are_whole_and_nothing_else(void **state)
{
    (void)state;
    assert_true(nj_mqtt_is_packets(NJ_STR("\xc0\0\x30\x04\0\1tx")));
    assert_true(nj_mqtt_is_packets(NJ_STR("\x30\x04\0\1t\0"))); /* of 3.1.1 and of 5 */
    assert_false(nj_mqtt_is_packets(NJ_STR("")));
    assert_false(nj_mqtt_is_packets(NJ_STR("\xc0\0\x30\x04\0\1t")));
    assert_false(nj_mqtt_is_packets(NJ_STR("\xc0\0\x30\x04\0\5tx")));
    assert_false(nj_mqtt_is_packets(NJ_STR("\xc0\0?")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connect_tells_the_version),
        TEST(a_packet_that_is_wrong_is_shown_as_far_as_it_goes),
        TEST(what_the_capture_cut_is_not_malformed),
        TEST(an_alias_has_the_name_of_its_direction),
        TEST(aliases_have_a_ceiling),
        TEST(without_a_connect_the_version_is_inferred),
        TEST(a_payload_is_bytes_or_text),
        TEST(the_length_of_a_packet_is_found_in_its_first_bytes),
        TEST(a_stream_makes_sense_where_a_packet_begins),
        TEST(packets_are_whole_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
