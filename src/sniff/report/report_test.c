/* SPDX-License-Identifier: Apache-2.0 */
/* What is gathered, and its ceilings; what is printed of real captures is tested by tests/sniff. */
#include "base/hash.h"
#include "base/mem.h"
#include "sniff/kit_test.h"
#include "sniff/report/report_priv.h"
#include "sniff/wire/ip.h"
#include "sniff/wire/link.h"
#include "sniff/wire/tcp.h"

static struct nj_dissector *dissector;
static struct nj_report *report;
static uint64_t number;
static uint32_t seq[2];
static struct bytes packet;

static int
set_up(void **state)
{
    (void)state;
    nj_hash_key_set(1, 2);
    number = 0;
    seq[0] = seq[1] = 1;
    return nj_dissector_new(&dissector) == NJ_OK && nj_report_new(&report) == NJ_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    nj_report_free(report);
    nj_dissector_free(dissector);
    return nj_mem_used() == 0 ? 0 : -1;
}

static void
send(bool is_back, unsigned flags, struct nj_str payload)
{
    struct nj_captured f =
        put_frame(&packet, ++number, is_back, flags, seq[is_back], seq[!is_back], payload);

    seq[is_back] += (uint32_t)payload.n + ((flags & NJ_TCP_SYN) != 0);
    nj_report_add(report, nj_dissector_read(dissector, &f));
}

#define PUSH (NJ_TCP_PSH | NJ_TCP_ACK)
/* "c", user "u\x1b[2J", password "p" */
#define CONNECT_5 "\x10\x18\0\4MQTT\5\xc2\0\x3c\0\0\1c\0\5u\x1b[2J\0\1p"

static char *
printed(enum nj_language language, bool shows_secrets)
{
    const struct nj_report_opts opts = {
        .file = "test", .language = language, .shows_secrets = shows_secrets};
    static char text[65536];
    FILE *out = fmemopen(text, sizeof(text), "w");

    assert_true(nj_report_print_text(report, out, &opts));
    (void)fclose(out);
    return text;
}

static void
a_password_is_hidden_unless_it_is_asked_for(void **state)
{
    (void)state;
    send(false, PUSH, NJ_STR("\x10\x17\0\4MQTT\4\xc2\0\x3c\0\1c\0\3bob\0\3pwd"));
    send(true, PUSH, NJ_STR("\x20\2\0\0"));
    assert_null(strstr(printed(NJ_ENGLISH, false), "pwd"));
    assert_non_null(strstr(printed(NJ_ENGLISH, false), "user bob"));
    assert_non_null(strstr(printed(NJ_ENGLISH, true), "password pwd"));
    assert_non_null(strstr(printed(NJ_FRENCH, true), "de passe pwd"));
}

static void
nothing_from_the_wire_moves_the_cursor(void **state)
{
    char *text;

    (void)state;
    send(false, PUSH, NJ_STR(CONNECT_5));
    send(false, PUSH, NJ_STR("\x30\x0c\0\5a\0\x1b[m\0\x1b]0;"));
    text = printed(NJ_ENGLISH, true);
    assert_null(strchr(text, '\x1b'));
    assert_non_null(strstr(text, "u\\x1b[2J"));
    assert_non_null(strstr(text, "a\\x00\\x1b[m"));
}

static void
markup_from_the_wire_stays_text(void **state)
{
    const struct nj_report_opts opts = {.file = "<&>'\""};
    static char text[65536];
    FILE *out = fmemopen(text, sizeof(text), "w");

    (void)state;
    send(false, PUSH, NJ_STR("\x10\x0f\0\4MQTT\4\2\0\x3c\0\3<i>"));
    send(false, PUSH, NJ_STR("\x30\x09\0\3<b>\"&' "));
    assert_true(nj_report_print_html(report, out, &opts));
    (void)fclose(out);
    assert_null(strstr(text, "<i>"));
    assert_null(strstr(text, "<b>&quot;"));
    assert_non_null(strstr(text, "<code>&lt;&amp;&gt;&#39;&quot;</code>"));
    assert_non_null(strstr(text, "<code class=\"name\">&lt;b&gt;</code>"));
    assert_non_null(strstr(text, "<code>&quot;&amp;&#39; </code>"));
}

static void
topics_have_a_ceiling_and_what_is_beyond_it_is_told(void **state)
{
    char publish[] = "\x30\x08\0\6xxxxxx";

    (void)state;
    send(false, PUSH, NJ_STR("\x10\x0d\0\4MQTT\4\2\0\x3c\0\1c"));
    for (unsigned i = 0; i < NJ_REPORT_TOPICS_MAX + 7; i++) {
        (void)snprintf(publish + 4, 7, "%06u", i);
        send(false, PUSH, (struct nj_str){publish, 10});
    }
    assert_int_equal(report->topic_index.count, NJ_REPORT_TOPICS_MAX);
    assert_int_equal(report->topic_index.given_up, 7);
    assert_non_null(strstr(printed(NJ_ENGLISH, false), "ceiling of a table (8192): 7."));
}

static void
long_text_is_cut_between_two_characters(void **state)
{
    char text[NJ_REPORT_TEXT_MAX + 8];
    char *kept;

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text + NJ_REPORT_TEXT_MAX - 1, "\xc3\xa9", 2);
    kept = nj_report_text((struct nj_str){text, sizeof(text)});
    assert_int_equal(strlen(kept), NJ_REPORT_TEXT_MAX - 1 + 3);
    assert_null(strchr(kept, '\xc3'));
    nj_free(kept);
}

static void
payloads_are_text_json_or_binary(void **state)
{
    static const struct {
        struct nj_str payload;
        enum nj_payload_kind kind;
    } rows[] = {
        {NJ_STR(""), NJ_PAYLOAD_EMPTY},           {NJ_STR("51"), NJ_PAYLOAD_TEXT},
        {NJ_STR("{\"t\": 21}"), NJ_PAYLOAD_JSON}, {NJ_STR("{t: 21}"), NJ_PAYLOAD_TEXT},
        {NJ_STR("a\0b"), NJ_PAYLOAD_BINARY},      {NJ_STR("\xff\xfe"), NJ_PAYLOAD_BINARY},
        {NJ_STR("\x1b[2J"), NJ_PAYLOAD_BINARY},
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        struct nj_sample s = nj_sample_of(rows[i].payload);

        assert_int_equal(s.kind, rows[i].kind);
        nj_free(s.text);
    }
}

static void
one_conversation_in_clear_spoils_a_listener(void **state)
{
    static struct nj_judgement j;

    (void)state;
    send(false, PUSH, NJ_STR("\x10\x0d\0\4MQTT\4\2\0\x3c\0\1c"));
    send(true, PUSH, NJ_STR("\x20\2\0\0"));
    report->conversation[0].is_tls = true;
    report->conversation[0].tls.sent[0] = report->conversation[0].tls.sent[1] = 3;
    nj_report_judge(report, &j);
    assert_int_equal(j.listeners, 1);
    assert_int_equal(j.listener[0].port, 1883);
    assert_int_equal(j.listener[0].confidentiality.answer, NJ_ANSWER_NO);
    assert_int_equal(j.listener[0].authentication.why, NJ_WORD_A_NONE);
}

static void
every_sentence_has_its_values_in_both_languages(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NJ_WORD_COUNT; i++) {
        size_t count[2] = {0};

        for (unsigned l = 0; l < 2; l++)
            for (const char *at = nj_word_in((enum nj_language)l, (enum nj_word)i);
                 (at = strstr(at, "{}")) != NULL; at += 2)
                count[l]++;
        assert_int_equal(count[0], count[1]);
    }
}

static void
what_breaks_the_standard_is_said_in_french(void **state)
{
    static const enum nj_field remarks[] = {NJ_FIELD_MQTT_EMPTY_TOPIC, NJ_FIELD_MQTT_UNKNOWN_ALIAS};

    (void)state;
    for (unsigned i = NJ_CAUSE_PACKET_TYPE; i <= NJ_CAUSE_SHARE_NO_LOCAL; i++) {
        assert_string_equal(nj_cause_in(NJ_ENGLISH, (enum nj_cause)i),
                            nj_cause_text((enum nj_cause)i));
        assert_string_not_equal(nj_cause_in(NJ_FRENCH, (enum nj_cause)i),
                                nj_cause_text((enum nj_cause)i));
    }
    for (size_t i = 0; i < NJ_COUNT_OF(remarks); i++)
        assert_int_not_equal(nj_word_of_remark(nj_str_of(nj_field_label(remarks[i]))),
                             NJ_WORD_COUNT);
    send(false, PUSH, NJ_STR(CONNECT_5));
    send(false, PUSH, NJ_STR(CONNECT_5));
    send(false, PUSH, NJ_STR("\x30\x04\0\1#x"));
    assert_non_null(strstr(printed(NJ_FRENCH, false), "client\u00a0: un deuxi\u00e8me CONNECT\n"));
    assert_non_null(
        strstr(printed(NJ_FRENCH, false), "PUBLISH\u00a0: joker dans un nom de topic\n"));
    assert_non_null(strstr(printed(NJ_ENGLISH, false), "PUBLISH: wildcard in a topic name\n"));
}

static void
french_has_a_blank_before_a_colon_at_which_no_line_ends(void **state)
{
    char *text;

    (void)state;
    send(false, PUSH, NJ_STR("\x10\x0d\0\4MQTT\4\2\0\x3c\0\1c"));
    send(false, PUSH, NJ_STR("\x30\x06\0\3abcx"));
    text = printed(NJ_FRENCH, false);
    assert_non_null(strstr(text, "texte\u00a0: x"));
    assert_non_null(strstr(text, "confidentiel\u00a0: les"));
    for (char *at = text; (at = strpbrk(at, ":;")) != NULL; at++)
        assert_true(at[1] != ' ' || memcmp(at - 2, "\u00a0", 2) == 0);
    assert_non_null(strstr(printed(NJ_ENGLISH, false), "text: x"));
}

static void
a_handshake_that_is_not_seen_has_not_failed(void **state)
{
    struct nj_conversation c = {.is_tls = true, .tls.sent = {7, 0}};

    (void)state;
    assert_int_equal(nj_conversation_word(&c), NJ_WORD_ENCRYPTED);
    c.has_syn = true;
    assert_int_equal(nj_conversation_word(&c), NJ_WORD_FAILED);
}

#define RECORD "\x17\3\3\0\3abc"

static void
a_listener_of_whose_tls_one_side_is_seen_has_not_failed(void **state)
{
    static struct nj_judgement j;

    (void)state;
    assert_true(nj_dissector_use_port(dissector, 1883));
    send(false, PUSH, NJ_STR(RECORD));
    send(false, PUSH, NJ_STR(RECORD));
    nj_report_judge(report, &j);
    assert_int_equal(j.listeners, 1);
    assert_int_equal(j.listener[0].level, NJ_WORD_LEVEL_JOINED);
    assert_int_equal(j.listener[0].confidentiality.answer, NJ_ANSWER_UNKNOWN);
    assert_int_equal(j.listener[0].authentication.why, NJ_WORD_A_TLS_JOINED);
    assert_null(strstr(printed(NJ_ENGLISH, false), "failed"));
    send(true, PUSH, NJ_STR(RECORD)); /* and then the other */
    nj_report_judge(report, &j);
    assert_int_equal(j.listener[0].confidentiality.why, NJ_WORD_C_YES);
}

static void
tls_that_begins_in_the_capture_and_stays_unanswered_has_failed(void **state)
{
    static struct nj_judgement j;

    (void)state;
    assert_true(nj_dissector_use_port(dissector, 1883));
    send(false, NJ_TCP_SYN, NJ_STR(""));
    send(false, PUSH, NJ_STR(RECORD));
    nj_report_judge(report, &j);
    assert_int_equal(j.listener[0].level, NJ_WORD_LEVEL_FAILED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_password_is_hidden_unless_it_is_asked_for),
        TEST(nothing_from_the_wire_moves_the_cursor),
        TEST(markup_from_the_wire_stays_text),
        TEST(topics_have_a_ceiling_and_what_is_beyond_it_is_told),
        TEST(long_text_is_cut_between_two_characters),
        TEST(payloads_are_text_json_or_binary),
        TEST(one_conversation_in_clear_spoils_a_listener),
        TEST(what_breaks_the_standard_is_said_in_french),
        TEST(french_has_a_blank_before_a_colon_at_which_no_line_ends),
        TEST(a_handshake_that_is_not_seen_has_not_failed),
        TEST(a_listener_of_whose_tls_one_side_is_seen_has_not_failed),
        TEST(tls_that_begins_in_the_capture_and_stays_unanswered_has_failed),
        TEST(every_sentence_has_its_values_in_both_languages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
