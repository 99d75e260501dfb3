/* SPDX-License-Identifier: Apache-2.0 */
/* tls_crypt_test.c — against the trace of RFC 8448, section 3. What OpenSSL itself seals, in both
 * versions and all ciphers, is opened in tests/sniff/test_tls.py. */
#include "sniff/payload/tls_crypt.h"

#include "base/mem.h"
#include "base/test.h"

#include <stdlib.h>

static struct nj_tls_crypt *crypt;

static int
set_up(void **state)
{
    (void)state;
    return nj_tls_crypt_new(&crypt) == NJ_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    nj_tls_crypt_free(crypt);
    return nj_mem_used() == 0 ? 0 : -1;
}

#define CLIENT_RANDOM                                                                              \
    "\xcb\x34\xec\xb1\xe7\x81\x63\xba\x1c\x38\xc6\xda\xcb\x19\x6a\x6d\xff\xa2\x1a\x8d\x99\x12"     \
    "\xec\x18\xa2\xef\x62\x83\x02\x4d\xec\xe7"
#define RANDOM_DIGITS "cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7"
#define KEYLOG                                                                                     \
    "# a comment\n"                                                                                \
    "SERVER_HANDSHAKE_TRAFFIC_SECRET " RANDOM_DIGITS                                               \
    " b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38\r\n"                        \
    "EXPORTER_SECRET " RANDOM_DIGITS " 00\n"                                                       \
    "CLIENT_TRAFFIC_SECRET_0 " RANDOM_DIGITS                                                       \
    " 9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"

static struct nj_keylog *
keylog_of(const char *text)
{
    struct nj_keylog *k;

    assert_int_equal(nj_keylog_new(&k), NJ_OK);
    nj_keylog_add(k, nj_str_of(text));
    return k;
}

static struct nj_tls_key
key_of(enum nj_tls_secret secret)
{
    struct nj_keylog *k = keylog_of(KEYLOG);
    struct nj_tls_key key;

    assert_true(nj_tls_key_13(crypt, nj_tls_suite_find(0x1301),
                              nj_keylog_find(k, secret, (const uint8_t *)CLIENT_RANDOM), &key));
    nj_keylog_free(k);
    return key;
}

static void
a_traffic_secret_becomes_key_and_iv(void **state)
{
    struct nj_tls_key key = key_of(NJ_TLS_SECRET_SERVER_HANDSHAKE);

    (void)state;
    assert_memory_equal(key.key, "\x3f\xce\x51\x60\x09\xc2\x17\x27\xd0\xf2\xe4\xe8\x6e\xe4\x03\xbc",
                        16);
    assert_memory_equal(key.iv, "\x5d\x31\x3e\xb2\x67\x12\x76\xee\x13\x00\x0b\x30", 12);
}

/* The client's last: an alert, the second record under its key. */
#define ALERT                                                                                      \
    "\x17\x03\x03\x00\x13\xc9\x87\x27\x60\x65\x56\x66\xb7\x4d\x7f\xf1\x15\x3e\xfd\x6d\xb6\xd0\xb0" \
    "\xe3"

static void
a_record_is_opened_under_its_number_only(void **state)
{
    struct nj_tls_key key = key_of(NJ_TLS_SECRET_CLIENT_TRAFFIC);
    uint8_t out[64];
    size_t bytes = 0;

    (void)state;
    assert_false(nj_tls_key_open(crypt, &key, NJ_STR(ALERT), out, &bytes));
    assert_int_equal(key.seq, 0);
    key.seq = 1;
    assert_true(nj_tls_key_open(crypt, &key, NJ_STR(ALERT), out, &bytes));
    assert_int_equal(key.seq, 2);
    assert_int_equal(bytes, 3);
    assert_memory_equal(out, "\x01\x00\x15", 3);
}

static void
a_record_too_short_for_its_tag_is_not_opened(void **state)
{
    struct nj_tls_key key = key_of(NJ_TLS_SECRET_CLIENT_TRAFFIC);
    uint8_t out[64];
    size_t bytes;

    (void)state;
    for (size_t n = 0; n < NJ_TLS_HEADER_BYTES + 16; n++)
        assert_false(nj_tls_key_open(crypt, &key, (struct nj_str){ALERT, n}, out, &bytes));
}

static void
a_secret_of_another_length_makes_no_key(void **state)
{
    struct nj_tls_key key;

    (void)state;
    assert_false(nj_tls_key_13(crypt, nj_tls_suite_find(0x1302), NJ_STR("too short"), &key));
    assert_false(nj_tls_key_13(crypt, nj_tls_suite_find(0x1301), NJ_STR(""), &key));
    assert_null(nj_tls_suite_find(0xc013));
}

static void
lines_that_are_no_secrets_are_counted(void **state)
{
    struct nj_keylog *k = keylog_of(KEYLOG "\nCLIENT_RANDOM zz 00\nCLIENT_RANDOM " RANDOM_DIGITS
                                           "\nCLIENT_RANDOM " RANDOM_DIGITS " 0\n");

    (void)state;
    assert_int_equal(nj_keylog_count(k), 2);
    assert_int_equal(nj_keylog_refused(k), 3);
    assert_int_equal(nj_keylog_find(k, NJ_TLS_SECRET_MASTER, (const uint8_t *)CLIENT_RANDOM).n, 0);
    nj_keylog_free(k);
}

static void
a_log_that_is_followed_is_read_on(void **state)
{
    static const char secret[] = "CLIENT_RANDOM " RANDOM_DIGITS " 0102\n";
    struct nj_keylog *k;
    FILE *log = tmpfile(), *read_end = NULL;
    char path[64];

    (void)state;
    assert_non_null(log);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(log));
    read_end = fopen(path, "rbe");
    assert_non_null(read_end);
    assert_int_equal(nj_keylog_new(&k), NJ_OK);
    assert_false(nj_keylog_is_of_use(k));
    assert_int_equal(nj_keylog_follow(k, read_end), NJ_OK);
    assert_true(nj_keylog_is_of_use(k));
    for (size_t i = 0; i + 1 < sizeof(secret); i++) { /* a line counts when it has its end */
        assert_int_equal(nj_keylog_find(k, NJ_TLS_SECRET_MASTER, (const uint8_t *)CLIENT_RANDOM).n,
                         0);
        assert_int_equal(fputc(secret[i], log), secret[i]);
        assert_int_equal(fflush(log), 0);
    }
    assert_int_equal(nj_keylog_find(k, NJ_TLS_SECRET_MASTER, (const uint8_t *)CLIENT_RANDOM).n, 2);
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(fputc('x', log), 'x');
    assert_int_equal(fputs("\nCLIENT_TRAFFIC_SECRET_0 " RANDOM_DIGITS " 03\n", log) >= 0, true);
    assert_int_equal(fflush(log), 0);
    assert_int_equal(
        nj_keylog_find(k, NJ_TLS_SECRET_CLIENT_TRAFFIC, (const uint8_t *)CLIENT_RANDOM).n, 1);
    assert_int_equal(nj_keylog_refused(k), 1);
    nj_keylog_free(k);
    (void)fclose(log);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_traffic_secret_becomes_key_and_iv),
        TEST(a_record_is_opened_under_its_number_only),
        TEST(a_record_too_short_for_its_tag_is_not_opened),
        TEST(a_secret_of_another_length_makes_no_key),
        TEST(lines_that_are_no_secrets_are_counted),
        TEST(a_log_that_is_followed_is_read_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
