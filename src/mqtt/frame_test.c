/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rand.h"
#include "base/test.h"
#include "mqtt/kit_test.h"

static enum nj_framing
find(const char *hex, uint32_t max_bytes, struct nj_frame *f)
{
    struct kit_bytes b = kit_hex(hex);
    enum nj_framing framing = nj_frame_find(kit_str(b), max_bytes, f);

    nj_free(b.p);
    return framing;
}

static void
assert_fault(const char *hex, enum nj_cause cause)
{
    struct nj_frame f;

    assert_int_equal(find(hex, NJ_PACKET_MAX_BYTES, &f), NJ_FRAME_FAULT);
    assert_string_equal(nj_cause_counter(f.cause), nj_cause_counter(cause));
}

static void
a_whole_packet_is_found_before_what_follows(void **state)
{
    struct nj_str in = NJ_STR("\x32\x05\x00\x01"
                              "a\x00\x07\xc0\x00");
    struct nj_frame f;

    (void)state;
    assert_int_equal(nj_frame_find(in, 100, &f), NJ_FRAME_WHOLE);
    assert_int_equal(f.type, NJ_PUBLISH);
    assert_int_equal(f.flags, 2);
    assert_int_equal(f.bytes, 7);
    assert_int_equal(f.body.n, 5);
    assert_ptr_equal(f.body.p, in.p + 2);
}

static void
a_part_is_no_fault_and_says_how_much_is_to_come_once_known(void **state)
{
    struct nj_frame f;

    (void)state;
    assert_int_equal(find("", 1000, &f), NJ_FRAME_PART);
    assert_int_equal(f.bytes, 0);
    assert_int_equal(find("30", 1000, &f), NJ_FRAME_PART);
    assert_int_equal(f.bytes, 0);
    assert_int_equal(find("3080", 1000, &f), NJ_FRAME_PART);
    assert_int_equal(f.bytes, 0);
    assert_int_equal(find("308001", 1000, &f), NJ_FRAME_PART);
    assert_int_equal(f.bytes, 131);
    assert_int_equal(find("300400016178", 1000, &f), NJ_FRAME_WHOLE);
    assert_int_equal(find("3004000161", 1000, &f), NJ_FRAME_PART);
    assert_int_equal(f.bytes, 6);
}

/* [MQTT5-2.1.3-1] [MQTT311-2.2.2-1] [MQTT311-2.2.2-2] [MQTT5-3.6.1-1] [MQTT5-3.8.1-1]
 * [MQTT5-3.10.1-1] [MQTT5-3.14.1-1] [MQTT5-3.15.1-1] [MQTT311-3.6.1-1] [MQTT311-3.8.1-1]
 * [MQTT311-3.10.1-1] [MQTT311-3.14.1-1] */
static void
reserved_flags_are_refused_at_the_first_byte(void **state)
{
    (void)state;
    for (unsigned type = 1; type < 16; type++) {
        bool has_two = type == NJ_PUBREL || type == NJ_SUBSCRIBE || type == NJ_UNSUBSCRIBE;

        for (unsigned flags = 0; flags < 16; flags++) {
            const uint8_t first = (uint8_t)(type << 4 | flags);
            struct nj_str in = {(const char *)&first, 1};
            struct nj_frame f;
            bool is_good = has_two ? flags == 2 || flags == 10 : flags == 0;

            if (type == NJ_PUBLISH)
                continue;
            assert_int_equal(nj_frame_find(in, 100, &f), is_good ? NJ_FRAME_PART : NJ_FRAME_FAULT);
            if (!is_good)
                assert_int_equal(f.cause, NJ_CAUSE_HEADER_FLAGS);
        }
    }
}

/* [MQTT5-3.3.1-2] [MQTT5-3.3.1-4] [MQTT311-3.3.1-2] [MQTT311-3.3.1-4] */
static void
publish_has_neither_qos_3_nor_dup_at_qos_0(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < 16; flags++) {
        const uint8_t first = (uint8_t)(0x30 | flags);
        struct nj_str in = {(const char *)&first, 1};
        enum nj_cause want = (flags & 6) == 6    ? NJ_CAUSE_QOS_3
                             : (flags & 14) == 8 ? NJ_CAUSE_DUP_AT_QOS_0
                                                 : NJ_CAUSE_NONE;
        struct nj_frame f;

        assert_int_equal(nj_frame_find(in, 100, &f),
                         want == NJ_CAUSE_NONE ? NJ_FRAME_PART : NJ_FRAME_FAULT);
        assert_int_equal(f.cause, want);
    }
}

static void
packet_type_0_is_refused_at_the_first_byte(void **state)
{
    (void)state;
    assert_fault("00", NJ_CAUSE_PACKET_TYPE);
    assert_fault("0f", NJ_CAUSE_PACKET_TYPE);
}

/* [MQTT5-1.5.5-1] */
static void
an_ill_formed_length_is_refused_as_soon_as_it_is_seen(void **state)
{
    (void)state;
    assert_fault("30ffffffff", NJ_CAUSE_REMAINING_LENGTH);
    assert_fault("3080808080", NJ_CAUSE_REMAINING_LENGTH);
    assert_fault("308000", NJ_CAUSE_REMAINING_LENGTH);
    assert_fault("30808000", NJ_CAUSE_REMAINING_LENGTH);
    assert_fault("30ffffff00", NJ_CAUSE_REMAINING_LENGTH);
}

/* [MQTT5-3.1.2-24] [MQTT5-3.2.2-15] */
static void
an_oversize_packet_is_refused_before_its_body_arrives(void **state)
{
    struct nj_frame f;

    (void)state;
    assert_int_equal(find("307e", 128, &f), NJ_FRAME_PART);
    assert_int_equal(f.bytes, 128);
    assert_int_equal(find("307f", 128, &f), NJ_FRAME_FAULT);
    assert_int_equal(f.cause, NJ_CAUSE_PACKET_TOO_LARGE);
    assert_int_equal(f.bytes, 129);
    assert_int_equal(find("30ffffff7f", NJ_PACKET_MAX_BYTES, &f), NJ_FRAME_PART);
    assert_int_equal(f.bytes, NJ_PACKET_MAX_BYTES);
}

/* 3.1 marks their repetition; later versions reserve the bit. */
static void
dup_in_pubrel_subscribe_unsubscribe_is_for_3_1_alone(void **state)
{
    static const char *const packets[] = {"6a020001", "8a06000100016101", "aa050001000161"};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(packets); i++) {
        kit_assert_cause(packets[i], NJ_MQTT_31, NJ_FROM_CLIENT, NONE);
        kit_assert_cause(packets[i], NJ_MQTT_311, NJ_FROM_CLIENT, HEADER_FLAGS);
        kit_assert_cause(packets[i], NJ_MQTT_5, NJ_FROM_CLIENT, HEADER_FLAGS);
    }
}

static void
a_frame_is_found_as_by_the_plain_twin(void **state)
{
    struct nj_rand rand;
    unsigned seen[3] = {0};

    (void)state;
    nj_rand_seed(&rand, 13);
    for (int round = 0; round < 300000; round++) {
        static const uint8_t lengths[] = {0, 1, 5, 127, 128, 129, 255};
        uint8_t bytes[140];
        uint32_t n = nj_rand_below(&rand, nj_rand_below(&rand, 2) > 0 ? 8 : sizeof(bytes));
        struct kit_bytes in;
        uint32_t max_bytes = nj_rand_below(&rand, 200);
        struct nj_frame fast = {.type = 1}, plain = {.type = 2};
        enum nj_framing framing;

        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)nj_rand_below(&rand, 256);
        if (nj_rand_below(&rand, 2) > 0)
            bytes[1] = lengths[nj_rand_below(&rand, NJ_COUNT_OF(lengths))];
        else if (n > 1 && nj_rand_below(&rand, 2) > 0)
            bytes[1] = (uint8_t)(n - 2);
        in = kit_copy(bytes, n);

        framing = nj_frame_find(kit_str(in), max_bytes, &fast);
        assert_int_equal(framing, nj_frame_find_plainly(kit_str(in), max_bytes, &plain));
        assert_int_equal(fast.type, plain.type);
        assert_int_equal(fast.flags, plain.flags);
        assert_int_equal(fast.bytes, plain.bytes);
        assert_int_equal(fast.cause, plain.cause);
        assert_ptr_equal(fast.body.p, plain.body.p);
        assert_int_equal(fast.body.n, plain.body.n);
        seen[framing]++;
        nj_free(in.p);
    }
    for (size_t i = 0; i < NJ_COUNT_OF(seen); i++)
        assert_true(seen[i] > 10000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_packet_is_found_before_what_follows),
        cmocka_unit_test(a_part_is_no_fault_and_says_how_much_is_to_come_once_known),
        cmocka_unit_test(reserved_flags_are_refused_at_the_first_byte),
        cmocka_unit_test(publish_has_neither_qos_3_nor_dup_at_qos_0),
        cmocka_unit_test(packet_type_0_is_refused_at_the_first_byte),
        cmocka_unit_test(an_ill_formed_length_is_refused_as_soon_as_it_is_seen),
        cmocka_unit_test(an_oversize_packet_is_refused_before_its_body_arrives),
        cmocka_unit_test(dup_in_pubrel_subscribe_unsubscribe_is_for_3_1_alone),
        cmocka_unit_test(a_frame_is_found_as_by_the_plain_twin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
