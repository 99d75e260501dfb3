/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rand.h"
#include "base/test.h"
#include "mqtt/kit_test.h"

static enum nj_cause
read_hex(const char *hex, uint32_t *out)
{
    struct kit_bytes b = kit_hex(hex);
    struct nj_reader r = nj_reader_of(kit_str(b));
    enum nj_cause cause = nj_varint_read(&r, out);

    nj_free(b.p);
    return cause;
}

/* Table 1-1 of the standard. */
static void
each_length_begins_and_ends_where_the_table_says(void **state)
{
    static const struct {
        uint32_t value;
        const char *hex;
    } rows[] = {
        {0, "00"},         {127, "7f"},         {128, "8001"},         {16383, "ff7f"},
        {16384, "808001"}, {2097151, "ffff7f"}, {2097152, "80808001"}, {268435455, "ffffff7f"},
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        struct kit_bytes want = kit_hex(rows[i].hex);
        uint8_t memory[4];
        struct nj_writer w = nj_writer_of(memory, sizeof(memory));
        uint32_t value = 1;

        nj_varint_write(&w, rows[i].value);
        assert_int_equal(w.p - memory, want.n);
        assert_memory_equal(memory, want.p, want.n);
        assert_int_equal(nj_varint_size(rows[i].value), want.n);
        assert_int_equal(read_hex(rows[i].hex, &value), NJ_CAUSE_NONE);
        assert_int_equal(value, rows[i].value);
        nj_free(want.p);
    }
}

/* [MQTT5-1.5.5-1] */
static void
more_bytes_than_needed_are_refused(void **state)
{
    uint32_t value;

    (void)state;
    assert_int_equal(read_hex("8000", &value), NJ_CAUSE_VARIABLE_LENGTH);
    assert_int_equal(read_hex("ff00", &value), NJ_CAUSE_VARIABLE_LENGTH);
    assert_int_equal(read_hex("808000", &value), NJ_CAUSE_VARIABLE_LENGTH);
    assert_int_equal(read_hex("ffffff00", &value), NJ_CAUSE_VARIABLE_LENGTH);
}

static void
a_fifth_byte_is_refused_before_it_is_read(void **state)
{
    uint32_t value;

    (void)state;
    assert_int_equal(read_hex("ffffffff", &value), NJ_CAUSE_VARIABLE_LENGTH);
    assert_int_equal(read_hex("8080808001", &value), NJ_CAUSE_VARIABLE_LENGTH);
}

static void
an_end_within_is_short(void **state)
{
    uint32_t value;

    (void)state;
    assert_int_equal(read_hex("", &value), NJ_CAUSE_PACKET_SHORT);
    assert_int_equal(read_hex("80", &value), NJ_CAUSE_PACKET_SHORT);
    assert_int_equal(read_hex("ffffff", &value), NJ_CAUSE_PACKET_SHORT);
}

static void
what_does_not_fit_is_not_written(void **state)
{
    uint8_t memory[2] = {0xee, 0xee};
    struct nj_writer w = nj_writer_of(memory, 1);

    (void)state;
    nj_varint_write(&w, 128);
    assert_true(w.is_full);
    assert_int_equal(memory[0], 0xee);
    w = nj_writer_of(memory, 2);
    nj_varint_write(&w, NJ_VARINT_MAX_VALUE + 1);
    assert_true(w.is_full);
}

static void
what_is_written_is_read(void **state)
{
    struct nj_rand rand;

    (void)state;
    nj_rand_seed(&rand, 5);
    for (int i = 0; i < 100000; i++) {
        uint32_t value = nj_rand_below(&rand, UINT32_C(1) << (1 + nj_rand_below(&rand, 28)));
        uint8_t memory[4];
        struct nj_writer w = nj_writer_of(memory, sizeof(memory));
        struct nj_reader r;
        uint32_t got;

        nj_varint_write(&w, value);
        r = nj_reader_of((struct nj_str){(const char *)memory, (size_t)(w.p - memory)});
        assert_int_equal(nj_varint_read(&r, &got), NJ_CAUSE_NONE);
        assert_int_equal(got, value);
        assert_int_equal(nj_reader_left(&r), 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_length_begins_and_ends_where_the_table_says),
        cmocka_unit_test(more_bytes_than_needed_are_refused),
        cmocka_unit_test(a_fifth_byte_is_refused_before_it_is_read),
        cmocka_unit_test(an_end_within_is_short),
        cmocka_unit_test(what_does_not_fit_is_not_written),
        cmocka_unit_test(what_is_written_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
