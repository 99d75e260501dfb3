/* SPDX-License-Identifier: Apache-2.0 */
/* Every code point, every sequence of up to three bytes, and random text against a twin that
 * decodes the numbers and judges those. */
#include "base/rand.h"
#include "base/test.h"
#include "mqtt/kit_test.h"

/* How many bytes the first one announces; 0: it begins nothing. */
static size_t
announced(uint8_t first)
{
    static const uint8_t lengths[16] = {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 3, 4};

    return first < 0xf8 ? lengths[first >> 4] : 0;
}

/* The number in the `length` bytes at p, or UINT32_MAX where one does not continue. */
static uint32_t
number_of(const uint8_t *p, size_t length)
{
    uint32_t number = length == 1 ? p[0] : p[0] & (0x7fu >> length);

    for (size_t k = 1; k < length; k++) {
        if (p[k] >> 6 != 2)
            return UINT32_MAX;
        number = number << 6 | (p[k] & 0x3fu);
    }
    return number;
}

/* The definition, as plainly as it can be written: the number is taken out and has to be a scalar
 * value that needs this many bytes. */
static bool
twin(const uint8_t *p, size_t n, bool may_hold_nul)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length;

    for (size_t i = 0; i < n; i += length) {
        uint32_t number;

        length = announced(p[i]);
        if (length == 0 || n - i < length)
            return false;
        number = number_of(p + i, length);
        if (number < least[length] || number > 0x10ffff || (number >= 0xd800 && number <= 0xdfff))
            return false;
        if (number == 0 && !may_hold_nul)
            return false;
    }
    return true;
}

static size_t
put(uint8_t *p, uint32_t c)
{
    if (c < 0x80) {
        p[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        p[0] = (uint8_t)(0xc0 | c >> 6);
        p[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        p[0] = (uint8_t)(0xe0 | c >> 12);
        p[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        p[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    p[0] = (uint8_t)(0xf0 | c >> 18);
    p[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    p[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    p[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

static struct nj_str
str(const uint8_t *p, size_t n)
{
    return (struct nj_str){(const char *)p, n};
}

/* [MQTT5-1.5.4-1] [MQTT5-1.5.4-2] [MQTT5-1.5.4-3] [MQTT311-1.5.3-1] [MQTT311-1.5.3-2]
 * [MQTT311-1.5.3-3]: U+FEFF is one of them. */
static void
every_code_point_but_nul_and_surrogates_is_text(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110100; c++) {
        bool is_scalar = c < 0xd800 || (c > 0xdfff && c < 0x110000);
        uint8_t p[4];
        size_t n = put(p, c);

        if (nj_utf8_is_valid(str(p, n)) != (is_scalar && c != 0) ||
            nj_utf8_is_text(str(p, n)) != is_scalar)
            fail_msg("U+%04X", c);
    }
}

static void
every_sequence_of_two_and_three_bytes_is_judged_as_by_the_twin(void **state)
{
    (void)state;
    for (uint32_t x = 0; x < 1u << 24; x++) {
        const uint8_t p[3] = {(uint8_t)(x >> 16), (uint8_t)(x >> 8), (uint8_t)x};

        if (nj_utf8_is_valid(str(p, 3)) != twin(p, 3, false) ||
            nj_utf8_is_text(str(p, 3)) != twin(p, 3, true))
            fail_msg("%06x", x);
        if ((x >> 16) == 0 && nj_utf8_is_valid(str(p + 1, 2)) != twin(p + 1, 2, false))
            fail_msg("%04x", x);
    }
}

/* The four-byte forms: every second byte after every first, and what follows well or badly. */
static void
sequences_of_four_bytes_are_judged_as_by_the_twin(void **state)
{
    (void)state;
    for (uint32_t x = 0; x < 1u << 16; x++) {
        static const uint8_t tails[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};

        for (size_t i = 0; i < NJ_COUNT_OF(tails) * NJ_COUNT_OF(tails); i++) {
            const uint8_t p[4] = {(uint8_t)(x >> 8), (uint8_t)x, tails[i % NJ_COUNT_OF(tails)],
                                  tails[i / NJ_COUNT_OF(tails)]};

            if (nj_utf8_is_valid(str(p, 4)) != twin(p, 4, false))
                fail_msg("%02x%02x%02x%02x", p[0], p[1], p[2], p[3]);
        }
    }
}

/* Text of random length, now and then with one byte spoilt, in a block of exactly its size. */
static void
the_run_of_eight_and_the_twin_agree(void **state)
{
    struct nj_rand rand;
    unsigned valid = 0;

    (void)state;
    nj_rand_seed(&rand, 1);
    for (int round = 0; round < 200000; round++) {
        static const uint32_t ranges[] = {0x80, 0x80, 0x80, 0x800, 0x10000, 0x110000};
        uint8_t text[80];
        size_t n = 0, wanted = nj_rand_below(&rand, 70);
        struct kit_bytes exact;
        bool want;

        while (n < wanted) {
            uint32_t c = nj_rand_below(&rand, ranges[nj_rand_below(&rand, 6)]);

            if (c != 0 && (c < 0xd800 || c > 0xdfff))
                n += put(text + n, c);
        }
        if (n > 0 && nj_rand_below(&rand, 2) == 0)
            text[nj_rand_below(&rand, (uint32_t)n)] = (uint8_t)nj_rand_below(&rand, 256);
        if (n > 0 && nj_rand_below(&rand, 4) == 0)
            text[nj_rand_below(&rand, (uint32_t)n)] = 0;
        if (n > 0 && nj_rand_below(&rand, 4) == 0)
            n--;
        exact = kit_copy(text, n);
        want = twin(exact.p, n, false);
        valid += want;
        assert_int_equal(nj_utf8_is_valid(kit_str(exact)), want);
        assert_int_equal(nj_utf8_is_text(kit_str(exact)), twin(exact.p, n, true));
        nj_free(exact.p);
    }
    assert_in_range(valid, 20000, 180000);
}

static void
the_empty_string_is_text(void **state)
{
    (void)state;
    assert_true(nj_utf8_is_valid((struct nj_str){NULL, 0}));
    assert_true(nj_utf8_is_text((struct nj_str){NULL, 0}));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_but_nul_and_surrogates_is_text),
        cmocka_unit_test(every_sequence_of_two_and_three_bytes_is_judged_as_by_the_twin),
        cmocka_unit_test(sequences_of_four_bytes_are_judged_as_by_the_twin),
        cmocka_unit_test(the_run_of_eight_and_the_twin_agree),
        cmocka_unit_test(the_empty_string_is_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
