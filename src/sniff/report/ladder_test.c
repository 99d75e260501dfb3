/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/report/ladder.h"

#include "base/hash.h"
#include "base/mem.h"
#include "sniff/kit_test.h"
#include "sniff/wire/ip.h"
#include "sniff/wire/link.h"
#include "sniff/wire/tcp.h"

static struct nj_dissector *dissector;
static struct nj_ladder *ladder;
static uint64_t number;
static struct bytes packet;

#define PUSH    (NJ_TCP_PSH | NJ_TCP_ACK)
#define CONNECT "\x10\x0d\0\4MQTT\4\2\0\x3c\0\1c"

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
    nj_ladder_free(ladder);
    nj_dissector_free(dissector);
    return nj_mem_used() == 0 ? 0 : -1;
}

/* The client's port is 40000 + `conversation`. */
static void
send(unsigned conversation, bool is_back, unsigned flags, uint32_t seq, uint32_t ack,
     struct nj_str payload)
{
    struct nj_captured f = put_frame(&packet, ++number, is_back, flags, seq, ack, payload);
    size_t client = is_back ? 22 : 20;

    packet.p[client] = (uint8_t)((40000 + conversation) >> 8);
    packet.p[client + 1] = (uint8_t)(40000 + conversation);
    nj_ladder_add(ladder, nj_dissector_read(dissector, &f));
}

static void
shake_hands(unsigned conversation)
{
    send(conversation, false, NJ_TCP_SYN, 0, 0, NJ_STR(""));
    send(conversation, true, NJ_TCP_SYN | NJ_TCP_ACK, 0, 1, NJ_STR(""));
    send(conversation, false, NJ_TCP_ACK, 1, 1, NJ_STR(""));
}

static char *
printed(enum nj_language language, bool is_utf8)
{
    static char text[65536];
    FILE *out = fmemopen(text, sizeof(text), "w");

    nj_ladder_print(ladder, out, language, is_utf8);
    (void)fclose(out);
    return text;
}

static void
a_conversation_is_drawn_from_syn_to_fin(void **state)
{
    static const char *const expected[] = {"SYN",      "SYN, ACK", "ACK",     "CONNECT c",
                                           "FIN, ACK", "ACK",      "RST, ACK"};
    const struct nj_ladder_event *e;
    size_t at = 0, i = 0;

    (void)state;
    assert_int_equal(nj_ladder_new(&ladder, NJ_LADDER_ALL, 0), NJ_OK);
    shake_hands(0);
    send(0, false, PUSH, 1, 1, NJ_STR(CONNECT));
    send(0, true, NJ_TCP_ACK, 1, 16, NJ_STR("")); /* says nothing */
    send(0, false, NJ_TCP_FIN | NJ_TCP_ACK, 16, 1, NJ_STR(""));
    send(0, true, NJ_TCP_ACK, 1, 17, NJ_STR("")); /* answers the FIN */
    send(0, true, NJ_TCP_RST | NJ_TCP_ACK, 1, 17, NJ_STR(""));
    for (; (e = nj_ladder_event(ladder, 0, &at)) != NULL; i++) {
        assert_true(i < NJ_COUNT_OF(expected));
        assert_string_equal(e->words, expected[i]);
    }
    assert_int_equal(i, NJ_COUNT_OF(expected));
    assert_int_equal(nj_ladder_side(ladder, 0)->acknowledgements, 1);
    assert_string_equal(nj_ladder_side(ladder, 0)->client_id, "c");
}

static void
the_first_with_mqtt_is_chosen_with_its_handshake(void **state)
{
    const struct nj_ladder_event *e;
    uint32_t stream = 0;
    size_t at = 0, count = 0;

    (void)state;
    assert_int_equal(nj_ladder_new(&ladder, NJ_LADDER_FIRST, 0), NJ_OK);
    shake_hands(0);
    shake_hands(1);
    send(1, false, PUSH, 1, 1, NJ_STR(CONNECT));
    send(0, false, PUSH, 1, 1, NJ_STR(CONNECT));
    assert_true(nj_ladder_next(ladder, &stream));
    assert_int_equal(stream, 1);
    while ((e = nj_ladder_event(ladder, stream, &at)) != NULL) {
        assert_int_equal(e->stream, 1);
        count++;
    }
    assert_int_equal(count, 4);
    stream++;
    assert_false(nj_ladder_next(ladder, &stream));
}

static void
what_is_not_ascii_is_a_question_mark_where_that_is_spoken(void **state)
{
    (void)state;
    assert_int_equal(nj_ladder_new(&ladder, NJ_LADDER_ALL, 0), NJ_OK);
    send(0, false, PUSH, 1, 1, NJ_STR(CONNECT "\x30\x06\0\2\xc3\xa9\x1b["));
    assert_non_null(strstr(printed(NJ_ENGLISH, false), "|- PUBLISH ?: 1b 5b --"));
    assert_non_null(
        strstr(printed(NJ_ENGLISH, true), "\xe2\x94\x82\xe2\x94\x80 PUBLISH \xc3\xa9: 1b 5b "));
}

/* TCP has two remarks, and a number of five digits and a long word stand behind them. */
static void
words_are_cut_to_what_the_bytes_leave(void **state)
{
    static char much[20000];

    (void)state;
    assert_int_equal(nj_ladder_new(&ladder, NJ_LADDER_ALL, 0), NJ_OK);
    send(0, false, PUSH, 1, 1, NJ_STR("x"));
    send(0, true, PUSH, 1, 2, NJ_STR("x"));
    send(0, false, PUSH, 1000, 5000, (struct nj_str){much, sizeof(much)});
    nj_ladder_print(ladder, stdout, NJ_ENGLISH, false);
    assert_non_null(strstr(printed(NJ_FRENCH, false), "... 20000 octets >|\n"));
}

static void
rows_have_a_ceiling(void **state)
{
    (void)state;
    assert_int_equal(nj_ladder_new(&ladder, NJ_LADDER_ONE, 0), NJ_OK);
    for (uint32_t i = 0; i < NJ_LADDER_EVENTS_MAX + 5; i++)
        send(0, false, PUSH, 1 + 2 * i, 1, NJ_STR("\xc0\0"));
    assert_int_equal(nj_ladder_side(ladder, 0)->not_drawn, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_conversation_is_drawn_from_syn_to_fin),
        TEST(the_first_with_mqtt_is_chosen_with_its_handshake),
        TEST(what_is_not_ascii_is_a_question_mark_where_that_is_spoken),
        TEST(words_are_cut_to_what_the_bytes_leave),
        TEST(rows_have_a_ceiling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
