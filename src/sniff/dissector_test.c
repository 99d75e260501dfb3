/* SPDX-License-Identifier: Apache-2.0 */
/* The layers together, and what is printed of them; what tshark says of real captures is compared
 * by tests/sniff. */
#include "sniff/dissector.h"

#include "base/hash.h"
#include "base/mem.h"
#include "sniff/kit_test.h"
#include "sniff/print/print.h"
#include "sniff/stream.h"
#include "sniff/wire/link.h"
#include "sniff/wire/tcp.h"

static struct nj_dissector *dissector;
static uint64_t number;
static struct bytes packet;

static int
set_up(void **state)
{
    (void)state;
    nj_hash_key_set(1, 2);
    number = 0;
    return nj_dissector_new(&dissector) == NJ_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    nj_dissector_free(dissector);
    return nj_mem_used() == 0 ? 0 : -1;
}

static const struct nj_dissected *
send(bool is_back, unsigned flags, uint32_t seq, uint32_t ack, struct nj_str payload)
{
    struct nj_captured f = put_frame(&packet, ++number, is_back, flags, seq, ack, payload);

    return nj_dissector_read(dissector, &f);
}

#define CONNECT_4 "\x10\x0d\0\4MQTT\4\2\0\x3c\0\1x"
#define PUSH      (NJ_TCP_PSH | NJ_TCP_ACK)

static void
shake_hands(void)
{
    (void)send(false, NJ_TCP_SYN, 1000, 0, NJ_STR(""));
    (void)send(true, NJ_TCP_SYN | NJ_TCP_ACK, 5000, 1001, NJ_STR(""));
    (void)send(false, NJ_TCP_ACK, 1001, 5001, NJ_STR(""));
}

static const char *
row_of(const struct nj_dissected *d)
{
    static char row[256];
    struct nj_text line = {0};
    FILE *out = fmemopen(row, sizeof(row), "w");

    nj_print_row(out, d, NJ_TIME_RELATIVE, false, &line);
    (void)fclose(out);
    nj_text_fini(&line);
    return row;
}

static void
a_frame_is_a_row_and_a_tree(void **state)
{
    const struct nj_dissected *d;

    (void)state;
    shake_hands();
    d = send(false, PUSH, 1001, 5001, NJ_STR(CONNECT_4));
    assert_string_equal(
        row_of(d),
        "    4   0.003000     10.0.0.1 \xe2\x86\x92 10.0.0.2     MQTT 55 Connect Command\n");
    assert_int_equal(d->tree.item[0].field, NJ_FIELD_FRAME);
}

static void
a_row_marks_a_version_that_was_not_learnt(void **state)
{
    const struct nj_dissected *d;

    (void)state;
    d = send(true, PUSH, 5001, 1001, NJ_STR("\x30\x05\0\1t\0x\x30\x05\0\1t\0x"));
    assert_string_equal(nj_text_c(&d->info), "Publish Message [t], Publish Message [t]");
    assert_non_null(strstr(row_of(d), " MQTT 54 Publish Message [t], Publish Message [t]"
                                      " [Version assumed: MQTT v3.1.1 (4)]\n"));
    /* A CONNACK that is right in 5 only. */
    d = send(true, PUSH, 5015, 1001, NJ_STR("\x30\x05\0\1t\0x\x20\x03\0\0\0"));
    assert_non_null(strstr(row_of(d), " [Version assumed: MQTT v3.1.1 (4)]"
                                      " [Version inferred: MQTT v5.0 (5)]\n"));
}

/* tshark 4.0 fails on this one. */
static void
a_length_cut_between_two_segments_is_read(void **state)
{
    static char large[300];
    struct nj_writer w = nj_writer_of(large, sizeof(large));
    const struct nj_dissected *d;

    (void)state;
    shake_hands();
    (void)send(false, PUSH, 1001, 5001, NJ_STR(CONNECT_4));
    nj_write_bytes(&w, NJ_STR("\x30\xa9\x02\0\1t"));
    d = send(false, PUSH, 1016, 5001, (struct nj_str){large, 2});
    assert_string_equal(nj_text_c(&d->info), "[TCP segment of a reassembled PDU]");
    d = send(false, PUSH, 1018, 5001, (struct nj_str){large + 2, 298});
    assert_string_equal(nj_text_c(&d->info), "Publish Message [t]");
}

static void
behind_a_gap_the_stream_is_picked_up_where_it_makes_sense(void **state)
{
    const struct nj_dissected *d;
    struct nj_sniff_losses lost;

    (void)state;
    shake_hands();
    (void)send(false, PUSH, 1001, 5001, NJ_STR(CONNECT_4 "\x30\x7f\0\1u"));
    (void)send(true, NJ_TCP_ACK, 5001, 1100, NJ_STR("")); /* what lies between is not captured */
    d = send(false, PUSH, 1100, 5001, NJ_STR("rest of a payload"));
    assert_string_equal(d->protocol, "TCP");
    d = send(false, PUSH, 1117, 5001, NJ_STR("\x30\x04\0\1tx"));
    assert_string_equal(nj_text_c(&d->info), "Publish Message [t]");
    nj_dissector_losses(dissector, &lost);
    assert_int_equal(lost.gaps, 1);
    assert_int_equal(lost.bytes, 5);
}

static void
mqtt_is_known_by_its_connect_on_any_port(void **state)
{
    const struct nj_dissected *d;
    struct nj_captured f = {.number = 1, .link_type = NJ_LINK_RAW};

    (void)state;
    bytes_begin(&packet);
    put_ipv4(&packet, false, NJ_IP_TCP, 0, 20 + sizeof(CONNECT_4) - 1);
    put_tcp(&packet, false, PUSH, 1, 1, NJ_STR(CONNECT_4));
    packet.p[22] = packet.p[23] = 0x22;
    f.bytes = bytes_str(&packet);
    f.wire_bytes = (uint32_t)f.bytes.n;
    d = nj_dissector_read(dissector, &f);
    assert_string_equal(d->protocol, "MQTT");
}

static void
the_same_ports_again_are_another_stream(void **state)
{
    const struct nj_dissected *d;

    (void)state;
    shake_hands();
    (void)send(false, PUSH, 1001, 5001, NJ_STR(CONNECT_4 "\x30\x7f\0\1u"));
    d = send(false, NJ_TCP_SYN, 9000, 0, NJ_STR(""));
    assert_non_null(strstr(nj_text_c(&d->info), "[TCP Port numbers reused]"));
    d = send(false, PUSH, 9001, 1, NJ_STR("\xc0\0"));
    assert_non_null(strstr(nj_text_c(&d->info), "Ping Request"));
}

static void
streams_have_a_ceiling(void **state)
{
    struct nj_streams *streams;
    struct nj_streams_losses lost;
    struct nj_ip ip = {.version = 4, .source = NJ_STR("abcd")};
    struct nj_tcp t = {.flags = NJ_TCP_ACK};

    (void)state;
    assert_int_equal(nj_streams_new(&streams), NJ_OK);
    for (uint32_t i = 0; i < NJ_STREAMS_MAX + 100; i++) {
        unsigned direction;
        bool is_reused;

        ip.destination = (struct nj_str){(const char *)&i, 4};
        assert_int_equal(nj_streams_get(streams, &ip, &t, &direction, &is_reused)->number, i);
    }
    nj_streams_losses(streams, &lost);
    assert_int_equal(lost.forgotten, 100);
    nj_streams_free(streams);
}

static void
prints_fields(const struct nj_fields_opts *opts, const struct nj_dissected *d, const char *expected)
{
    struct nj_fields *fields;
    struct nj_diag diag = {0};
    char line[256] = "";
    FILE *out = fmemopen(line, sizeof(line), "w");

    assert_int_equal(nj_fields_new(&fields, opts), NJ_OK);
    assert_int_equal(nj_fields_add(fields, NJ_STR("mqtt.topic"), &diag), NJ_OK);
    assert_int_equal(nj_fields_add(fields, NJ_STR("mqtt.clientid"), &diag), NJ_OK);
    assert_int_equal(nj_fields_add(fields, NJ_STR("mqtt.topic"), &diag), NJ_OK);
    assert_int_equal(nj_fields_add(fields, NJ_STR("mqtt.topik"), &diag), NJ_EINVAL);
    assert_non_null(strstr(diag.hint, "mqtt.topic"));
    if (opts->has_header)
        nj_fields_print_header(fields, out);
    nj_fields_print(fields, out, d);
    (void)fclose(out);
    assert_string_equal(line, expected);
    nj_fields_free(fields);
}

static void
fields_are_columns_and_values_are_joined(void **state)
{
    const struct nj_dissected *d;

    (void)state;
    d = send(false, PUSH, 1, 1, NJ_STR("\x82\x0b\0\1\0\1a\0\0\2b\t\1"));
    prints_fields(&(struct nj_fields_opts){0}, d, "a,b\\t\t\ta,b\\t\n");
    prints_fields(
        &(struct nj_fields_opts){
            .has_header = true, .separator = ';', .aggregator = '|', .quote = '"'},
        d, "mqtt.topic;mqtt.clientid;mqtt.topic\n\"a|b\\t\";;\"a|b\\t\"\n");
    prints_fields(&(struct nj_fields_opts){.occurrence = NJ_OCCURRENCE_FIRST}, d, "a\t\ta\n");
    prints_fields(&(struct nj_fields_opts){.occurrence = NJ_OCCURRENCE_LAST}, d, "b\\t\t\tb\\t\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_frame_is_a_row_and_a_tree),
        TEST(a_row_marks_a_version_that_was_not_learnt),
        TEST(a_length_cut_between_two_segments_is_read),
        TEST(behind_a_gap_the_stream_is_picked_up_where_it_makes_sense),
        TEST(mqtt_is_known_by_its_connect_on_any_port),
        TEST(the_same_ports_again_are_another_stream),
        TEST(streams_have_a_ceiling),
        TEST(fields_are_columns_and_values_are_joined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
