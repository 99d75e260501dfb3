/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include "base/rand.h"

#include "base/test.h"

/* The vectors of RFC 4648, and both forms. */
static void
writes_and_reads_the_vectors_of_its_rfc(void **state)
{
    static const char *const bare[] = {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};
    static const char *const padded[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                         "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    uint8_t bytes[6];
    char text[NJ_BASE64_ROOM(6)];
    size_t n = 99;

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(bare); i++) {
        struct nj_str plain = {"foobar", i};

        assert_int_equal(nj_base64_encode(text, plain, NJ_BASE64_BARE), strlen(bare[i]));
        assert_string_equal(text, bare[i]);
        assert_int_equal(nj_base64_encode(text, plain, NJ_BASE64_PADDED), strlen(padded[i]));
        assert_string_equal(text, padded[i]);
        assert_true(nj_base64_decode(bytes, 6, &n, nj_str_of(bare[i]), NJ_BASE64_BARE));
        assert_true(nj_str_eq((struct nj_str){(char *)bytes, n}, plain));
        assert_true(nj_base64_decode(bytes, 6, &n, nj_str_of(padded[i]), NJ_BASE64_PADDED));
        assert_true(nj_str_eq((struct nj_str){(char *)bytes, n}, plain));
    }
}

static void
refuses_what_encoding_never_writes(void **state)
{
    static const char *const padded[] = {"Z",    "Zg",     "Zg=",      "Z===", "====",     "Zh==",
                                         "Zm9=", "Zm9v\n", "Zg==Zg==", "Zm-_", "Zm9vZg==="};
    static const char *const bare[] = {"Z", "Zg==", "Zh", "Zm9", "Zm9vY", "Zm 9"};
    uint8_t bytes[6];
    size_t n;

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(padded); i++)
        if (nj_base64_decode(bytes, 6, &n, nj_str_of(padded[i]), NJ_BASE64_PADDED))
            fail_msg("'%s' was taken", padded[i]);
    for (size_t i = 0; i < NJ_COUNT_OF(bare); i++)
        if (nj_base64_decode(bytes, 6, &n, nj_str_of(bare[i]), NJ_BASE64_BARE))
            fail_msg("'%s' was taken", bare[i]);
    assert_false(nj_base64_decode(bytes, 5, &n, NJ_STR("Zm9vYmFy"), NJ_BASE64_PADDED));
}

static void
gives_back_any_bytes(void **state)
{
    struct nj_rand rand;
    uint8_t bytes[100], back[100];
    char text[NJ_BASE64_ROOM(100)];

    (void)state;
    nj_rand_seed(&rand, 7);
    for (int round = 0; round < 2000; round++) {
        enum nj_base64 form = round % 2 == 0 ? NJ_BASE64_PADDED : NJ_BASE64_BARE;
        size_t n = nj_rand_below(&rand, 101), back_n = 0, text_n;

        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)nj_rand_u64(&rand);
        text_n = nj_base64_encode(text, (struct nj_str){(char *)bytes, n}, form);
        assert_true(nj_base64_decode(back, n, &back_n, (struct nj_str){text, text_n}, form));
        assert_int_equal(back_n, n);
        assert_memory_equal(back, bytes, n);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_the_vectors_of_its_rfc),
        cmocka_unit_test(refuses_what_encoding_never_writes),
        cmocka_unit_test(gives_back_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
