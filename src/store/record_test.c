/* SPDX-License-Identifier: Apache-2.0 */
#include "store/record.h"

#include "base/rand.h"
#include "base/test.h"

static const struct nj_seal seal = {{0x1234567890abcdefu, 0xfedcba0987654321u}};

static struct nj_writer
writer(char *bytes, size_t n)
{
    return nj_writer_of(bytes, n - NJ_SUM_BYTES);
}

static struct nj_str
without_sum(const char *bytes, size_t n)
{
    return (struct nj_str){bytes, n - NJ_SUM_BYTES};
}

static void
assert_filled(const struct nj_writer *w)
{
    assert_false(w->is_full);
    assert_ptr_equal(w->p, w->end);
}

static void
keys_sort_as_their_numbers(void **state)
{
    static const uint64_t rising[] = {0,         1, 255, 256, 65535, 1u << 31, (uint64_t)1 << 40,
                                      UINT64_MAX};

    (void)state;
    for (unsigned i = 1; i < NJ_COUNT_OF(rising); i++) {
        struct nj_key a = nj_key_pair(7, rising[i - 1]), b = nj_key_pair(7, rising[i]);
        struct nj_key c = nj_key_number(rising[i - 1]), d = nj_key_number(rising[i]);

        assert_true(memcmp(a.bytes, b.bytes, 16) < 0);
        assert_true(memcmp(c.bytes, d.bytes, 8) < 0);
        assert_int_equal(nj_key_second(nj_key_str(&b)), rising[i]);
        assert_int_equal(nj_key_first(nj_key_str(&d)), rising[i]);
    }
}

static void
keys_say_what_they_were_made_of(void **state)
{
    struct nj_key packet = nj_key_packet(9, 65534), topic;
    struct nj_key filter = nj_key_filter(&seal, 9, NJ_STR("a"));

    (void)state;
    topic = nj_key_topic(nj_hash_topic(&seal, NJ_STR("a")));
    assert_int_equal(nj_key_first(nj_key_str(&packet)), 9);
    assert_int_equal(nj_key_packet_id(nj_key_str(&packet)), 65534);
    assert_int_equal(nj_key_first(nj_key_str(&filter)), 9);
    assert_memory_equal(filter.bytes + 8, topic.bytes, 16);
    assert_int_equal(nj_key_first((struct nj_str){packet.bytes, 7}), 0);
    assert_int_equal(nj_key_second((struct nj_str){packet.bytes, 10}), 0);
}

static void
sessions_are_read_as_written(void **state)
{
    const struct nj_session_state in = {
        .client_id = NJ_STR("anna"), .expiry_s = UINT32_MAX, .left = 5000};
    struct nj_session_state out;
    size_t n = nj_record_session_size(&in);
    char bytes[64];
    struct nj_writer w = writer(bytes, n);

    (void)state;
    nj_record_session_write(&w, &in, 1000000);
    assert_filled(&w);
    assert_true(nj_record_session_read(without_sum(bytes, n), 1000300, &out));
    assert_true(nj_str_eq(out.client_id, in.client_id));
    assert_int_equal(out.expiry_s, UINT32_MAX);
    assert_int_equal(out.left, 4700); /* in a clock that began later */
}

static void
never_stays_never(void **state)
{
    const struct nj_session_state in = {.client_id = NJ_STR("a"), .left = NJ_NEVER};
    struct nj_session_state out;
    size_t n = nj_record_session_size(&in);
    char bytes[64];
    struct nj_writer w = writer(bytes, n);

    (void)state;
    nj_record_session_write(&w, &in, 1000000);
    assert_true(nj_record_session_read(without_sum(bytes, n), -1000000, &out));
    assert_true(out.left == NJ_NEVER);
}

static void
subscriptions_are_read_as_written(void **state)
{
    const struct nj_sub_opts in = {
        .qos = 2, .no_local = true, .retain_as_published = true, .identifier = 268435455};
    struct nj_str filter = NJ_STR("$share/g/a/+/#"), text;
    struct nj_sub_opts out;
    size_t n = nj_record_subscription_size(filter);
    char bytes[64];
    struct nj_writer w = writer(bytes, n);

    (void)state;
    nj_record_subscription_write(&w, filter, &in);
    assert_filled(&w);
    assert_true(nj_record_subscription_read(without_sum(bytes, n), &text, &out));
    assert_true(nj_str_eq(text, filter));
    assert_int_equal(out.qos, 2);
    assert_true(out.no_local && out.retain_as_published);
    assert_int_equal(out.identifier, 268435455);
}

static void
messages_are_read_as_written(void **state)
{
    const struct nj_publication in = {
        .topic = NJ_STR("t/1"),
        .properties = NJ_STR("\x01\x01"),
        .payload = NJ_STR("pay\0load"),
        .qos = 2,
        .retain = true,
        .number = 77,
        .arrived = -5,
        .expires = 10000,
        .source = 88,
    };
    struct nj_msg_parts out;
    size_t n = nj_record_message_size(&in);
    char bytes[128];
    struct nj_writer w = writer(bytes, n);

    (void)state;
    nj_record_message_write(&w, &in, 100);
    assert_filled(&w);
    assert_true(nj_record_message_read(without_sum(bytes, n), 100, &out));
    assert_true(nj_str_eq(out.topic, in.topic));
    assert_true(nj_str_eq(out.properties, in.properties));
    assert_true(nj_str_eq(out.payload, in.payload));
    assert_int_equal(out.qos, 2);
    assert_true(out.retain);
    assert_int_equal(out.number, 77);
    assert_int_equal(out.arrived, -5);
    assert_int_equal(out.expires, 10000);
    assert_int_equal(out.source, 88);
}

static void
terms_are_read_as_written(void **state)
{
    const uint32_t identifiers[] = {3, 268435455};
    const struct nj_terms in = {
        .identifiers = identifiers, .identifier_count = 2, .group = 9, .qos = 2, .retain = true};
    struct nj_queued out;
    size_t n = nj_record_queued_size(&in);
    char bytes[64];
    struct nj_writer w = writer(bytes, n);

    (void)state;
    nj_record_queued_write(&w, &in);
    assert_filled(&w);
    assert_true(nj_record_queued_read(without_sum(bytes, n), &out));
    assert_int_equal(out.qos, 2);
    assert_true(out.retain);
    assert_int_equal(out.group, 9);
    assert_int_equal(out.packet_id, 0);
    assert_int_equal(out.identifier_count, 2);
    assert_int_equal(nj_queued_identifier(&out, 0), 3);
    assert_int_equal(nj_queued_identifier(&out, 1), 268435455);
    nj_record_queued_send(bytes, 65535);
    assert_true(nj_record_queued_read(without_sum(bytes, n), &out));
    assert_int_equal(out.packet_id, 65535);
    assert_int_equal(out.group, 9);
}

static void
wills_are_read_as_written(void **state)
{
    const struct nj_will in = {.topic = NJ_STR("w"),
                               .properties = NJ_STR("\x01\x00"),
                               .payload = NJ_STR("bye"),
                               .qos = 1,
                               .retain = true,
                               .delay_s = 7,
                               .expiry_s = NJ_NO_EXPIRY};
    struct nj_will out;
    size_t n = nj_record_will_size(&in);
    char bytes[64];
    struct nj_writer w = writer(bytes, n);

    (void)state;
    nj_record_will_write(&w, &in);
    assert_filled(&w);
    assert_true(nj_record_will_read(without_sum(bytes, n), &out));
    assert_true(nj_str_eq(out.topic, in.topic) && nj_str_eq(out.properties, in.properties) &&
                nj_str_eq(out.payload, in.payload));
    assert_int_equal(out.qos, 1);
    assert_true(out.retain);
    assert_int_equal(out.delay_s, 7);
    assert_true(out.expiry_s == NJ_NO_EXPIRY);
}

/* Of a value, its key and its table. */
static void
no_flipped_bit_goes_unseen(void **state)
{
    struct nj_key key = nj_key_pair(3, 4);
    char bytes[40] = "some value or other";

    (void)state;
    nj_seal_put(&seal, NJ_TABLE_QUEUE, &key, bytes, sizeof(bytes));
    for (unsigned bit = 0; bit <= sizeof(bytes) * 8 + 16 * 8; bit++) {
        struct nj_str value = {bytes, sizeof(bytes)};
        char *at = bit < sizeof(bytes) * 8 ? &bytes[bit / 8] : &key.bytes[bit / 8 - sizeof(bytes)];
        bool is_flipped = bit < sizeof(bytes) * 8 + 16 * 8;

        if (is_flipped)
            *at = (char)(*at ^ 1 << bit % 8);
        assert_int_equal(nj_seal_check(&seal, NJ_TABLE_QUEUE, nj_key_str(&key), &value),
                         !is_flipped);
        if (is_flipped)
            *at = (char)(*at ^ 1 << bit % 8);
        value = (struct nj_str){bytes, sizeof(bytes)};
        assert_false(nj_seal_check(&seal, NJ_TABLE_WILLS, nj_key_str(&key), &value));
        assert_false(nj_seal_check(&seal, NJ_TABLE_QUEUE, nj_key_str(&key),
                                   &(struct nj_str){bytes, bit % NJ_SUM_BYTES}));
    }
}

/* Bytes with a good checksum and no sense, written by another version perhaps: no reader may read
 * beyond them, and those that are cut are refused. */
static void
no_bytes_are_read_beyond(void **state)
{
    struct nj_rand rand;

    (void)state;
    nj_rand_seed(&rand, 1);
    for (unsigned i = 0; i < 20000; i++) {
        size_t n = nj_rand_below(&rand, 60);
        char *bytes = malloc(n > 0 ? n : 1); /* of just that size, for the sanitizers */
        struct nj_str value = {bytes, n}, filter;
        struct nj_session_state session;
        struct nj_sub_opts opts;
        struct nj_msg_parts parts;
        struct nj_queued queued;
        struct nj_will will;
        struct nj_meta meta;
        uint64_t number;

        for (size_t at = 0; at < n; at++)
            bytes[at] = (char)nj_rand_below(&rand, nj_rand_below(&rand, 2) == 0 ? 4 : 256);
        assert_true(!nj_record_session_read(value, 0, &session) || n >= 13);
        assert_true(!nj_record_subscription_read(value, &filter, &opts) || n >= 6);
        if (nj_record_message_read(value, 0, &parts))
            assert_int_equal(39 + parts.topic.n + parts.properties.n + parts.payload.n, n);
        if (nj_record_queued_read(value, &queued))
            assert_int_equal(11 + 4 * queued.identifier_count, n);
        if (nj_record_will_read(value, &will))
            assert_int_equal(15 + will.topic.n + will.properties.n + will.payload.n, n);
        assert_int_equal(nj_record_number_read(value, &number), n == 8);
        assert_int_equal(nj_meta_read(value, &meta), n >= 24);
        free(bytes);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_sort_as_their_numbers),
        cmocka_unit_test(keys_say_what_they_were_made_of),
        cmocka_unit_test(sessions_are_read_as_written),
        cmocka_unit_test(never_stays_never),
        cmocka_unit_test(subscriptions_are_read_as_written),
        cmocka_unit_test(messages_are_read_as_written),
        cmocka_unit_test(terms_are_read_as_written),
        cmocka_unit_test(wills_are_read_as_written),
        cmocka_unit_test(no_flipped_bit_goes_unseen),
        cmocka_unit_test(no_bytes_are_read_beyond),
    };

    return cmocka_run_group_tests_name("store/record", tests, NULL, NULL);
}
