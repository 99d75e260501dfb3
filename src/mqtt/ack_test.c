/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rand.h"
#include "base/test.h"
#include "mqtt/kit_test.h"

static const struct {
    enum nj_packet_type type;
    const char *first;
} acks[] = {{NJ_PUBACK, "40"}, {NJ_PUBREC, "50"}, {NJ_PUBREL, "62"}, {NJ_PUBCOMP, "70"}};

/* The same rest for each of the four. */
static void
assert_each(const char *rest, enum nj_version v, enum nj_cause cause)
{
    for (size_t i = 0; i < NJ_COUNT_OF(acks); i++) {
        char hex[64];

        snprintf(hex, sizeof(hex), "%s%s", acks[i].first, rest);
        assert_string_equal(nj_cause_counter(kit_judge(hex, v, NJ_FROM_CLIENT)),
                            nj_cause_counter(cause));
        assert_int_equal(kit_judge(hex, v, NJ_FROM_SERVER), cause);
    }
}

static void
before_5_there_is_an_identifier_and_nothing_else(void **state)
{
    (void)state;
    for (enum nj_version v = NJ_MQTT_31; v <= NJ_MQTT_311; v++) {
        assert_each("020102", v, NJ_CAUSE_NONE);
        assert_each("00", v, NJ_CAUSE_PACKET_SHORT);
        assert_each("0101", v, NJ_CAUSE_PACKET_SHORT);
        assert_each("03010200", v, NJ_CAUSE_PACKET_LONG);
    }
}

static void
in_5_reason_and_properties_may_be_left_out(void **state)
{
    struct kit k;

    (void)state;
    assert_each("020102", NJ_MQTT_5, NJ_CAUSE_NONE);
    assert_each("03010200", NJ_MQTT_5, NJ_CAUSE_NONE);
    assert_each("0401020000", NJ_MQTT_5, NJ_CAUSE_NONE);
    assert_each("080102 00 04 1f000168", NJ_MQTT_5, NJ_CAUSE_NONE);
    assert_each("0101", NJ_MQTT_5, NJ_CAUSE_PACKET_SHORT);
    assert_each("0501020000 00", NJ_MQTT_5, NJ_CAUSE_PACKET_LONG);
    assert_each("0401020001", NJ_MQTT_5, NJ_CAUSE_PACKET_SHORT);
    kit_open(&k, "4008 0102 97 04 1f000168", NJ_MQTT_5, NJ_FROM_CLIENT);
    assert_int_equal(k.cause, NJ_CAUSE_NONE);
    assert_int_equal(k.packet.ack.packet_id, 0x102);
    assert_int_equal(k.packet.ack.reason, NJ_REASON_QUOTA_EXCEEDED);
    assert_true(nj_str_eq(k.packet.ack.properties.reason_string, NJ_STR("h")));
    kit_close(&k);
}

/* [MQTT5-2.2.1-4] [MQTT311-2.3.1-1] */
static void
packet_identifier_0_is_refused(void **state)
{
    (void)state;
    assert_each("020000", NJ_MQTT_311, NJ_CAUSE_PACKET_ID_ZERO);
    assert_each("020000", NJ_MQTT_5, NJ_CAUSE_PACKET_ID_ZERO);
}

/* [MQTT5-3.4.2-1] [MQTT5-3.5.2-1] [MQTT5-3.6.2-1] [MQTT5-3.7.2-1] */
static void
reasons_are_those_of_the_packet(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(acks); i++) {
        for (unsigned code = 0; code < 256; code++) {
            bool is_allowed = nj_reason_is_allowed(code, acks[i].type, NJ_FROM_CLIENT);
            char hex[16];

            snprintf(hex, sizeof(hex), "%s030001%02x", acks[i].first, code);
            assert_int_equal(kit_judge(hex, NJ_MQTT_5, NJ_FROM_CLIENT),
                             is_allowed ? NJ_CAUSE_NONE : NJ_CAUSE_REASON_CODE_UNKNOWN);
        }
    }
    kit_assert_cause("4003000110", NJ_MQTT_5, NJ_FROM_SERVER, NONE);
    kit_assert_cause("6203000192", NJ_MQTT_5, NJ_FROM_SERVER, NONE);
    kit_assert_cause("4003000192", NJ_MQTT_5, NJ_FROM_SERVER, REASON_CODE_UNKNOWN);
    kit_assert_cause("6203000110", NJ_MQTT_5, NJ_FROM_SERVER, REASON_CODE_UNKNOWN);
}

static void
the_shortest_form_is_written(void **state)
{
    uint8_t memory[64];
    struct nj_writer w = nj_writer_of(memory, sizeof(memory));

    (void)state;
    nj_ack_encode(&w, NJ_MQTT_5, NJ_PUBREL, 1, 0, NJ_STR(""));
    nj_ack_encode(&w, NJ_MQTT_5, NJ_PUBACK, 2, 0x10, NJ_STR(""));
    nj_ack_encode(&w, NJ_MQTT_5, NJ_PUBREC, 3, 0, NJ_STR("\x1f\0\1h"));
    nj_ack_encode(&w, NJ_MQTT_311, NJ_PUBCOMP, 4, 0x92, NJ_STR("\x1f\0\1h"));
    assert_int_equal(w.p - memory, 4 + 5 + 10 + 4);
    assert_memory_equal(memory,
                        "\x62\x02\0\1"
                        "\x40\x03\0\2\x10"
                        "\x50\x08\0\3\0\4\x1f\0\1h"
                        "\x70\x02\0\4",
                        23);
}

static void
a_bare_one_is_decoded_as_by_the_plain_twin(void **state)
{
    struct nj_rand rand;
    unsigned bare = 0, faulty = 0;

    (void)state;
    nj_rand_seed(&rand, 11);
    for (int round = 0; round < 300000; round++) {
        uint8_t body[5];
        struct nj_frame f = {
            .type = (uint8_t)(NJ_PUBACK + nj_rand_below(&rand, 4)),
            .flags = (uint8_t)(nj_rand_below(&rand, 3) > 0 ? 2 : nj_rand_below(&rand, 16)),
            .body = {(const char *)body, nj_rand_below(&rand, sizeof(body) + 1)},
        };
        enum nj_version v = (enum nj_version)(NJ_MQTT_31 + nj_rand_below(&rand, 3));
        struct nj_ack fast = {.packet_id = 1, .reason = 1}, plain = {.packet_id = 2, .reason = 2};
        enum nj_cause cause;

        if (f.type != NJ_PUBREL && f.flags == 2)
            f.flags = 0;
        for (size_t i = 0; i < sizeof(body); i++)
            body[i] = (uint8_t)nj_rand_below(&rand, nj_rand_below(&rand, 2) > 0 ? 2 : 256);
        cause = nj_ack_decode(&f, v, &fast);
        assert_int_equal(cause, nj_ack_decode_plainly(&f, v, &plain));
        bare += f.body.n == 2;
        faulty += cause != NJ_CAUSE_NONE;
        if (cause != NJ_CAUSE_NONE)
            continue;
        assert_int_equal(fast.packet_id, plain.packet_id);
        assert_int_equal(fast.reason, plain.reason);
        assert_int_equal(fast.properties.present, plain.properties.present);
        assert_true(nj_str_eq(fast.properties.block, plain.properties.block));
    }
    assert_true(bare > 30000);
    assert_true(faulty > 30000 && faulty < 270000);
}

static void
a_bare_one_is_encoded_as_by_the_plain_twin(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(acks); i++) {
        for (unsigned id = 0; id <= UINT16_MAX; id++) {
            uint8_t bare[NJ_BARE_ACK_BYTES], plain[NJ_BARE_ACK_BYTES];
            struct nj_writer w = nj_writer_of(plain, sizeof(plain));

            nj_ack_encode_bare(bare, acks[i].type, (uint16_t)id);
            nj_ack_encode(&w, NJ_MQTT_5, acks[i].type, (uint16_t)id, 0, NJ_STR(""));
            assert_true(!w.is_full && w.p == w.end);
            assert_memory_equal(bare, plain, sizeof(plain));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_5_there_is_an_identifier_and_nothing_else),
        cmocka_unit_test(in_5_reason_and_properties_may_be_left_out),
        cmocka_unit_test(packet_identifier_0_is_refused),
        cmocka_unit_test(reasons_are_those_of_the_packet),
        cmocka_unit_test(the_shortest_form_is_written),
        cmocka_unit_test(a_bare_one_is_decoded_as_by_the_plain_twin),
        cmocka_unit_test(a_bare_one_is_encoded_as_by_the_plain_twin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
