/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/payload/tls.h"

#include "base/mem.h"
#include "sniff/kit_test.h"

static struct nj_tls_reader *reader;
static struct nj_tls_stream *stream;
static struct nj_reassembly_pool pool;
static struct nj_tree tree;
static struct nj_text info;
static const char *version;

static int
set_up(void **state)
{
    (void)state;
    if (nj_tls_reader_new(&reader, NULL) != NJ_OK)
        return -1;
    stream = nj_tls_stream_new();
    return stream != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    nj_tls_stream_free(stream, &pool);
    nj_tls_reader_free(reader);
    nj_tree_fini(&tree);
    nj_text_fini(&info);
    return nj_mem_used() == 0 && pool.used == 0 ? 0 : -1;
}

static const char *
words_of(unsigned direction, struct nj_str record)
{
    struct nj_tls_row row = {.info = &info};

    nj_tree_clear(&tree);
    nj_text_clear(&info);
    assert_int_equal(nj_tls_stream_read(reader, stream, direction,
                                        (struct nj_ready){.bytes = record, .is_new = true}, false,
                                        &pool, &tree, &row),
                     record.n);
    version = row.protocol;
    return nj_text_c(&info);
}

static uint64_t
number_of(enum nj_field field)
{
    for (size_t i = 0; i < tree.count; i++)
        if (tree.item[i].field == field)
            return tree.item[i].number;
    return UINT64_MAX;
}

static struct nj_str
text_of(enum nj_field field)
{
    for (size_t i = 0; i < tree.count; i++)
        if (tree.item[i].field == field)
            return tree.item[i].range;
    return (struct nj_str){NULL, 0};
}

#define RANDOM "01234567890123456789012345678901"
/* A ServerHello that chooses 0xc030, without and with the extension that means 1.3. */
#define SERVER_HELLO_12 "\x16\x03\x03\0\x2a\2\0\0\x26\x03\x03" RANDOM "\0\xc0\x30\0"
#define SERVER_HELLO_13                                                                            \
    "\x16\x03\x03\0\x32\2\0\0\x2e\x03\x03" RANDOM "\0\x13\x02\0\0\6\0\x2b\0\2\x03\x04"

static void
a_record_begins_with_a_type_a_version_and_a_length(void **state)
{
    (void)state;
    assert_true(nj_tls_makes_sense(NJ_STR("\x16\x03\x01\0\5")));
    assert_true(nj_tls_makes_sense(NJ_STR("\x16\x03")));
    assert_false(nj_tls_makes_sense(NJ_STR("\x10\x0c\0\4MQTT")));
    assert_false(nj_tls_makes_sense(NJ_STR("\x16\x03\x01\xff\xff")));
    assert_false(nj_tls_makes_sense(NJ_STR("")));
}

static void
alerts_have_names_until_they_are_encrypted(void **state)
{
    (void)state;
    assert_string_equal(words_of(0, NJ_STR("\x15\x03\x03\0\2\2\x30")),
                        "Alert (Level: Fatal, Description: Unknown CA)");
    assert_string_equal(version, "TLSv1.2");
    assert_int_equal(number_of(NJ_FIELD_TLS_ALERT_DESC), 48);
    assert_string_equal(words_of(1, NJ_STR(SERVER_HELLO_12)), "Server Hello");
    assert_int_equal(number_of(NJ_FIELD_TLS_HS_SUITE), 0xc030);
    assert_string_equal(words_of(0, NJ_STR("\x14\x03\x03\0\1\1")), "Change Cipher Spec");
    assert_string_equal(words_of(0, NJ_STR("\x16\x03\x03\0\4\x01\0\0\0")),
                        "Encrypted Handshake Message");
    assert_string_equal(words_of(0, NJ_STR("\x15\x03\x03\0\2\1\0")), "Encrypted Alert");
    assert_string_equal(words_of(1, NJ_STR("\x15\x03\x03\0\2\1\0")),
                        "Alert (Level: Warning, Description: Close Notify)");
}

static void
an_alert_has_its_likely_cause(void **state)
{
    (void)state;
    (void)words_of(0, NJ_STR("\x15\x03\x03\0\2\2\x46"));
    assert_true(
        nj_str_eq(text_of(NJ_FIELD_TLS_ALERT_CAUSE), NJ_STR("no version of TLS in common")));
    (void)words_of(0, NJ_STR("\x15\x03\x03\0\2\2\x0a")); /* unexpected message: who knows why */
    assert_int_equal(text_of(NJ_FIELD_TLS_ALERT_CAUSE).n, 0);
    (void)words_of(0, NJ_STR("\x15\x03\x03\0\2\1\0"));
    assert_int_equal(text_of(NJ_FIELD_TLS_ALERT_CAUSE).n, 0);
}

static void
the_server_chooses_1_3_in_an_extension(void **state)
{
    (void)state;
    assert_string_equal(words_of(1, NJ_STR(SERVER_HELLO_13)), "Server Hello");
    assert_string_equal(version, "TLSv1.3");
    assert_int_equal(number_of(NJ_FIELD_TLS_VERSION), 0x0304);
    (void)words_of(1, NJ_STR("\x14\x03\x03\0\1\1"));
    assert_string_equal(words_of(1, NJ_STR("\x17\x03\x03\0\1x")), "Application Data");
    assert_int_equal(number_of(NJ_FIELD_TLS_OPAQUE_TYPE), 23);
    /* Change Cipher Spec means nothing in 1.3: an alert after it may be in clear. */
    assert_string_equal(words_of(1, NJ_STR("\x15\x03\x03\0\2\2\x28")),
                        "Alert (Level: Fatal, Description: Handshake Failure)");
}

static void
a_certificate_shows_issuer_validity_and_subject(void **state)
{
    static const enum nj_field wanted[] = {NJ_FIELD_X509_SERIAL,   NJ_FIELD_X509_ISSUER,
                                           NJ_FIELD_X509_UTF8,     NJ_FIELD_X509_COUNTRY,
                                           NJ_FIELD_X509_UTC_TIME, NJ_FIELD_X509_SUBJECT};
    size_t found = 0;

    /* A list of one certificate, whose subject has a length that points beyond the end. */
    (void)state;
    (void)words_of(1, NJ_STR("\x16\x03\x03\0\x47"
                             "\x0b\0\0\x43"
                             "\0\0\x40"
                             "\0\0\x3d"
                             "\x30\x3b\x30\x39\x02\x01\x07\x30\0"
                             "\x30\x1a\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02"
                             "CA"
                             "\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02"
                             "FR"
                             "\x30\x0f\x17\x0d"
                             "261122000829Z"
                             "\x30\x83\xff\xff\xff\0\0"));
    for (size_t i = 0; i < tree.count; i++) {
        const struct nj_item *item = &tree.item[i];

        if (found < NJ_COUNT_OF(wanted) && item->field == wanted[found])
            found++;
        if (item->field == NJ_FIELD_X509_ATTRIBUTE_OID)
            assert_true(nj_str_eq(item->range, NJ_STR("2.5.4.3")) ||
                        nj_str_eq(item->range, NJ_STR("2.5.4.6")));
        if (item->field == NJ_FIELD_X509_UTF8)
            assert_true(nj_str_eq(item->range, NJ_STR("CA")));
        if (item->field == NJ_FIELD_X509_COUNTRY)
            assert_true(nj_str_eq(item->range, NJ_STR("FR")));
        if (item->field == NJ_FIELD_X509_UTC_TIME)
            assert_true(nj_str_eq(item->range, NJ_STR("2026-11-22 00:08:29 (UTC)")));
    }
    assert_int_equal(found, NJ_COUNT_OF(wanted));
    assert_int_equal(number_of(NJ_FIELD_X509_PRINTABLE), UINT64_MAX);
}

static void
a_message_in_two_records_is_named_where_it_ends(void **state)
{
    (void)state;
    assert_string_equal(words_of(1, NJ_STR("\x16\x03\x03\0\6\x0b\0\0\5ab")), "");
    assert_string_equal(words_of(1, NJ_STR("\x16\x03\x03\0\7"
                                           "cde\x0e\0\0\0")),
                        "Certificate, Server Hello Done");
}

static void
keys_of_a_named_curve_are_laid_out_and_no_others(void **state)
{
    (void)state;
    (void)words_of(1, NJ_STR(SERVER_HELLO_12));
    assert_string_equal(
        words_of(1, NJ_STR("\x16\x03\x03\0\x10\x0c\0\0\x0c\x03\0\x1d\2ab\x08\x04\0\2xy")),
        "Server Key Exchange");
    assert_int_equal(number_of(NJ_FIELD_TLS_CURVE), 0x1d);
    assert_int_equal(number_of(NJ_FIELD_TLS_SIG_ALG), 0x0804);
    assert_int_equal(number_of(NJ_FIELD_TLS_SIG_LEN), 2);
    (void)words_of(1, NJ_STR("\x16\x03\x03\0\x10\x0c\0\0\x0c\x03\0\x1d\3ab\x08\x04\0\2xy"));
    assert_int_equal(number_of(NJ_FIELD_TLS_CURVE), UINT64_MAX);
    assert_string_equal(words_of(0, NJ_STR("\x16\x03\x03\0\7\x10\0\0\3\2pq")),
                        "Client Key Exchange");
    assert_int_equal(number_of(NJ_FIELD_TLS_CLIENT_POINT_LEN), 2);
    (void)words_of(0, NJ_STR("\x16\x03\x03\0\x08\x10\0\0\4\0\2pq"));
    assert_int_equal(number_of(NJ_FIELD_TLS_CLIENT_POINT_LEN), UINT64_MAX);
}

static void
a_random_begins_with_a_clock_until_1_3(void **state)
{
    (void)state;
    (void)words_of(1, NJ_STR(SERVER_HELLO_12));
    assert_int_equal(number_of(NJ_FIELD_TLS_HS_RANDOM_TIME), 0x30313233 * UINT64_C(1000000000));
    (void)words_of(1, NJ_STR(SERVER_HELLO_13));
    assert_int_equal(number_of(NJ_FIELD_TLS_HS_RANDOM_TIME), UINT64_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_record_begins_with_a_type_a_version_and_a_length),
        TEST(alerts_have_names_until_they_are_encrypted),
        TEST(an_alert_has_its_likely_cause),
        TEST(the_server_chooses_1_3_in_an_extension),
        TEST(a_certificate_shows_issuer_validity_and_subject),
        TEST(keys_of_a_named_curve_are_laid_out_and_no_others),
        TEST(a_random_begins_with_a_clock_until_1_3),
        TEST(a_message_in_two_records_is_named_where_it_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
