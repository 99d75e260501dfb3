/* SPDX-License-Identifier: Apache-2.0 */
/* What of a capture can be played again; that it can is shown by tests/sniff/test_replay.py. */
#include "sniff/report/script.h"

#include "base/hash.h"
#include "base/mem.h"
#include "mqtt/packet.h"
#include "sniff/kit_test.h"
#include "sniff/wire/ip.h"
#include "sniff/wire/link.h"
#include "sniff/wire/tcp.h"

static struct nj_dissector *dissector;
static struct nj_script script;
static uint64_t number;
static uint32_t seq[2];
static struct bytes packet;

#define PUSH    (NJ_TCP_PSH | NJ_TCP_ACK)
#define CONNECT "\x10\x0d\0\4MQTT\4\2\0\x3c\0\1c"

static int
set_up(void **state)
{
    (void)state;
    nj_hash_key_set(1, 2);
    number = 0;
    seq[0] = seq[1] = 1;
    return nj_dissector_new(&dissector) == NJ_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    nj_script_fini(&script);
    nj_dissector_free(dissector);
    return nj_mem_used() == 0 ? 0 : -1;
}

/* `missing` bytes of its end are not in the capture. */
static void
send_cut(bool is_back, unsigned flags, struct nj_str payload, size_t missing)
{
    struct nj_captured f =
        put_frame(&packet, ++number, is_back, flags, seq[is_back], seq[!is_back], payload);

    f.bytes.n -= missing;
    seq[is_back] += (uint32_t)payload.n;
    nj_script_add(&script, nj_dissector_read(dissector, &f));
}

static void
send(bool is_back, unsigned flags, struct nj_str payload)
{
    send_cut(is_back, flags, payload, 0);
}

static void
what_was_sent_and_heard_are_steps(void **state)
{
    static const struct {
        enum nj_step_kind kind;
        unsigned type;
    } steps[] = {
        {NJ_STEP_SEND, NJ_CONNECT}, {NJ_STEP_HEAR, NJ_CONNACK}, {NJ_STEP_SEND, NJ_SUBSCRIBE},
        {NJ_STEP_HEAR, NJ_SUBACK},  {NJ_STEP_HEAR, NJ_PUBLISH}, {NJ_STEP_SEND, NJ_DISCONNECT},
        {NJ_STEP_CLOSE, 0},
    };

    (void)state;
    send(false, PUSH, NJ_STR(CONNECT));
    send(true, PUSH, NJ_STR("\x20\2\0\0"));
    send(false, PUSH, NJ_STR("\x82\6\0\1\0\1#\1"));
    send(true, PUSH, NJ_STR("\x90\3\0\1\1\x32\6\0\1t\0\5x"));
    send(false, PUSH, NJ_STR("\x40\2\0\5"));
    send(false, PUSH | NJ_TCP_FIN, NJ_STR("\xe0\0"));
    send(true, NJ_TCP_ACK | NJ_TCP_FIN, NJ_STR(""));
    assert_int_equal(script.conversations, 1);
    assert_int_equal(script.steps, NJ_COUNT_OF(steps));
    for (size_t i = 0; i < NJ_COUNT_OF(steps); i++) {
        const struct nj_step *s = &script.step[i];

        assert_int_equal(s->kind, steps[i].kind);
        assert_int_equal(s->kind == NJ_STEP_HEAR ? s->heard.type : s->type, steps[i].type);
    }
    assert_memory_equal(script.step[0].bytes, CONNECT, sizeof(CONNECT) - 1);
    assert_int_equal(script.step[4].heard.code, 1);
    assert_true(script.conversation[0].acknowledges);
    assert_false(script.conversation[0].is_lost);
}

static void
who_closes_first_is_known(void **state)
{
    (void)state;
    send(false, PUSH, NJ_STR(CONNECT));
    send(true, NJ_TCP_ACK | NJ_TCP_FIN, NJ_STR(""));
    send(false, NJ_TCP_ACK | NJ_TCP_RST, NJ_STR(""));
    assert_true(script.conversation[0].is_lost);
    assert_int_equal(script.steps, 2);
    assert_int_equal(script.step[1].kind, NJ_STEP_LOST);
}

static void
without_its_connect_nothing_is_sent(void **state)
{
    (void)state;
    send(false, PUSH, NJ_STR("\x30\4\0\1tx"));
    assert_int_equal(script.steps, 0);
    assert_true(script.conversation[0].is_joined);
}

static void
nothing_is_sent_from_a_packet_on_that_the_capture_cuts(void **state)
{
    (void)state;
    send(false, PUSH, NJ_STR(CONNECT));
    send_cut(false, PUSH, NJ_STR("\x30\x09\0\1tabcdef"), 3);
    send(false, PUSH, NJ_STR("\xc0\0"));
    assert_int_equal(script.steps, 1);
    assert_true(script.conversation[0].is_cut);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_sent_and_heard_are_steps),
        TEST(who_closes_first_is_known),
        TEST(without_its_connect_nothing_is_sent),
        TEST(nothing_is_sent_from_a_packet_on_that_the_capture_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
