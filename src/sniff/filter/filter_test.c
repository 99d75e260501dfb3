/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/filter/filter_priv.h"

#include "base/mem.h"
#include "sniff/kit_test.h"

/* One frame: 10.0.0.1 to 10.0.0.2, two packets. */
static void
make_frame(struct nj_dissected *d)
{
    struct nj_tree *t = &d->tree;
    const struct nj_str nowhere = {NULL, 0};

    d->frame.bytes = NJ_STR("\x10\0MQTT");
    nj_tree_number(t, NJ_FIELD_FRAME_TIME_RELATIVE, 1500000000, nowhere);
    nj_tree_bytes(t, NJ_FIELD_ETH_SRC, NJ_STR("\0\x01\x02\x03\x04\x05"));
    nj_tree_bytes(t, NJ_FIELD_ETH_ADDR, NJ_STR("\0\x01\x02\x03\x04\x05"));
    nj_tree_bytes(t, NJ_FIELD_IP, nowhere);
    nj_tree_bytes(t, NJ_FIELD_IP_SRC, NJ_STR("\x0a\0\0\x01"));
    nj_tree_bytes(t, NJ_FIELD_IP_ADDR, NJ_STR("\x0a\0\0\x01"));
    nj_tree_bytes(t, NJ_FIELD_IP_DST, NJ_STR("\x0a\0\0\x02"));
    nj_tree_bytes(t, NJ_FIELD_IP_ADDR, NJ_STR("\x0a\0\0\x02"));
    nj_tree_number(t, NJ_FIELD_TCP_SRCPORT, 40000, nowhere);
    nj_tree_number(t, NJ_FIELD_TCP_PORT, 40000, nowhere);
    nj_tree_number(t, NJ_FIELD_TCP_DSTPORT, 1883, nowhere);
    nj_tree_number(t, NJ_FIELD_TCP_PORT, 1883, nowhere);
    nj_tree_bytes(t, NJ_FIELD_MQTT, nowhere);
    nj_tree_bytes(t, NJ_FIELD_MQTT_PROPERTIES, nowhere);
    nj_tree_number(t, NJ_FIELD_MQTT_QOS, 0, nowhere);
    nj_tree_number(t, NJ_FIELD_MQTT_QOS, 2, nowhere);
    nj_tree_bytes(t, NJ_FIELD_MQTT_TOPIC, NJ_STR("a/B"));
    nj_tree_bytes(t, NJ_FIELD_MQTT_CLIENTID, NJ_STR("a/B"));
    nj_tree_bytes(t, NJ_FIELD_MQTT_MSG, NJ_STR("he\0llo"));
}

static void
is_true(const char *text, bool wanted)
{
    struct nj_dissected d = {0};
    struct nj_dfilter *f;
    struct nj_diag diag = {0};

    make_frame(&d);
    if (nj_dfilter_new(&f, nj_str_of(text), &diag) != NJ_OK)
        fail_msg("%s: %s", text, diag.text);
    if (nj_dfilter_passes(f, &d) != wanted)
        fail_msg("%s", text);
    assert_int_equal(nj_dfilter_given_up(f), 0);
    nj_dfilter_free(f);
    nj_tree_fini(&d.tree);
}

static void
is_refused(const char *text, const char *words, const char *place)
{
    struct nj_dfilter *f;
    struct nj_diag diag = {0};

    if (nj_dfilter_new(&f, nj_str_of(text), &diag) != NJ_EINVAL)
        fail_msg("%s is not refused", text);
    if (strstr(diag.text, words) == NULL)
        fail_msg("%s: %s", text, diag.text);
    if (strchr(diag.hint, '\n') == NULL)
        fail_msg("%s shows no place", text);
    assert_string_equal(strchr(diag.hint, '\n') + 5, place);
    assert_int_equal(nj_mem_used(), 0);
}

static void
fields_are_there_or_not(void **state)
{
    (void)state;
    is_true("", true);
    is_true("  ", true);
    is_true("mqtt", true);
    is_true("tls", false);
    is_true("tcp.port", true);
    is_true("mqtt.properties and not ipv6.addr", true);
}

static void
values_are_compared(void **state)
{
    (void)state;
    is_true("tcp.port == 1883 && tcp.port eq 40000", true);
    is_true("tcp.srcport > 0x9c3f and tcp.srcport <= 40000", true);
    is_true("tcp.srcport < 40000 or tcp.srcport gt 40000", false);
    is_true("tcp.dstport == 03533", true);
    is_true("mqtt.topic == \"a/B\"", true);
    is_true("mqtt.topic == \"a\\x2fB\"", true);
    is_true("mqtt.topic == r\"a\\x2fB\"", false);
    is_true("mqtt.topic == \"a/b\"", false);
    is_true("mqtt.topic > \"a/A\"", true);
    is_true("mqtt.msg == 68:65:00:6c:6c:6f", true);
    is_true("mqtt.msg == \"he\\000llo\"", true);
    is_true("mqtt.msg > 68 and mqtt.msg > 69 and mqtt.msg < 00:00:00:00:00:00:00", true);
    is_true("frame.time_relative >= 1.5 and frame.time_relative < 1.500000001", true);
    is_true("frame.time_relative > -1", true);
    is_true("eth.addr == 00-01-02-03-04-05 and eth.src == 0001.0203.0405", true);
    is_true("ip.addr == 10.0.0.2 and ip.dst == 10.0.0.0/24", true);
    is_true("ip.addr == 10.0.1.0/24", false);
    is_true("ip.src == 0.0.0.0/0", true);
    is_true("ip.src > 10.0.0.0/24", false);
    is_true("ip.src == ip.dst", false);
    is_true("mqtt.topic == mqtt.clientid", true);
    is_true("tcp.port == tcp.srcport", true);
}

static void
of_several_values_any_or_all(void **state)
{
    (void)state;
    is_true("mqtt.qos == 2", true);
    is_true("mqtt.qos != 2", false);
    is_true("mqtt.qos ~= 2", true);
    is_true("mqtt.qos !== 2", true);
    is_true("mqtt.qos === 2", false);
    is_true("mqtt.qos != 1", true);
    is_true("mqtt.username != \"x\"", false);
    is_true("!(mqtt.username == \"x\")", true);
    is_true("tcp.port != tcp.srcport", false);
    is_true("ip.addr != 10.0.0.1", false);
}

static void
parts_and_patterns_are_looked_for(void **state)
{
    (void)state;
    is_true("mqtt.topic contains \"/\"", true);
    is_true("mqtt.topic contains b", false);
    is_true("mqtt.msg contains 00:6c", true);
    is_true("mqtt.msg contains \"llo!\"", false);
    is_true("eth.src contains 02:03", true);
    is_true("frame contains \"MQTT\" and frame matches \"^\\x10\"", true);
    is_true("mqtt.topic matches r\"^A/\\w$\"", true);
    is_true("mqtt.topic ~ \"^b\"", false);
    is_true("mqtt.msg matches \"l{2}o$\"", true);
}

static void
sets_have_values_and_ranges(void **state)
{
    (void)state;
    is_true("mqtt.qos in {1, 2}", true);
    is_true("mqtt.qos in {3..9,1}", false);
    is_true("mqtt.qos not in {3}", true);
    is_true("mqtt.username not in {\"x\"}", true);
    is_true("tcp.port in {1880 .. 1889}", true);
    is_true("mqtt.topic in {\"x\", \"a/B\"}", true);
    is_true("ip.addr in {10.0.0.2..10.0.0.9, 192.168.0.0/16}", true);
    is_true("ip.addr in {11.0.0.0/8}", false);
}

static void
not_binds_before_and_before_or(void **state)
{
    (void)state;
    is_true("mqtt or tls and tls", true);
    is_true("(mqtt or tls) and tls", false);
    is_true("not tls and mqtt", true);
    is_true("not (tls and mqtt) and not not mqtt", true);
    is_true("!mqtt.qos==2", false);
}

static void
mistakes_are_shown_at_their_place(void **state)
{
    (void)state;
    is_refused("mqtt.topc == 1", "did you mean 'mqtt.topic'?", "^~~~~~~~~");
    is_refused("tcp.prt", "did you mean 'tcp.port'?", "^~~~~~~");
    is_refused("tcp and xylophone", "no field 'xylophone'", "        ^~~~~~~~~");
    is_refused("mqtt.topic ==", "ends where a value", "             ^");
    is_refused("(mqtt", "ends where", "     ^");
    is_refused("mqtt)", "`and` or `or`", "    ^");
    is_refused("mqtt mqtt", "`and` or `or`", "     ^~~~");
    is_refused("()", "a field", " ^");
    is_refused("mqtt.topic == \"abc", "quote", "              ^");
    is_refused("mqtt.topic == \"\\q\"", "escape", "               ^~");
    is_refused("mqtt.topic == \"\xc3\xa9\" \xc3\xa9", "character", "                  ^");
    is_refused("mqtt.qos == x", "no number", "            ^");
    is_refused("mqtt.qos == -1", "no number", "            ^~");
    is_refused("mqtt.qos == 08", "no number", "            ^~");
    is_refused("mqtt.qos == 18446744073709551616", "no number", "            ^~~~~~~~~~~~~~~~~~~~");
    is_refused("mqtt.qos contains 1", "neither text nor bytes", "^~~~~~~~");
    is_refused("mqtt.qos in {}", "a value", "             ^");
    is_refused("mqtt.qos in {1,}", "a value", "               ^");
    is_refused("mqtt.qos in {1 2}", "comma", "               ^");
    is_refused("mqtt.qos in 1", "{", "            ^");
    is_refused("mqtt.qos not 1", "`in`", "             ^");
    is_refused("mqtt == 1", "whether it is there", "^~~~");
    is_refused("frame == 1", "contain", "^~~~~");
    is_refused("mqtt.properties == 1", "no value", "^~~~~~~~~~~~~~~");
    is_refused("mqtt.topic == tcp.port", "another kind", "              ^~~~~~~~");
    is_refused("mqtt.topic matches abc", "in quotes", "                   ^~~");
    is_refused("mqtt.topic matches \"(\"", "parenthes", "                   ^~~");
    is_refused("mqtt.msg == hello", "no bytes", "            ^~~~~");
    is_refused("ip.addr == 10.0.0.1/33", "prefix of IPv4", "           ^~~~~~~~~~~");
    is_refused("ip.addr == ::1", "IPv4", "           ^~~");
    is_refused("ipv6.addr == 10.0.0.1", "IPv6", "             ^~~~~~~~");
    is_refused("ip.addr == \"10.0.0.1\"", "without quotes", "           ^~~~~~~~~~");
    is_refused("eth.addr == 00:01", "Ethernet", "            ^~~~~");
    is_refused("frame.time_relative == 0.0000001234", "seconds",
               "                       ^~~~~~~~~~~~");
}

/* Of a long one only what stands around the place is shown. */
static void
a_long_expression_is_shown_in_part(void **state)
{
    static char text[4000];
    struct nj_dfilter *f;
    struct nj_diag diag = {0};

    (void)state;
    memset(text, ' ', sizeof(text));
    memcpy(text + 3000, "nonsense", 8);
    assert_int_equal(nj_dfilter_new(&f, (struct nj_str){text, sizeof(text)}, &diag), NJ_EINVAL);
    assert_non_null(strstr(diag.hint, "nonsense"));
    assert_non_null(strstr(diag.hint, "^~~~~~~~"));
    assert_true(strlen(diag.hint) < 200);
}

static void
length_and_depth_have_ceilings(void **state)
{
    static const char part[] = "tls and ";
    static char text[NJ_DFILTER_BYTES_MAX + 1];
    struct nj_dfilter *f;

    (void)state;
    memset(text, '!', sizeof(text));
    assert_int_equal(nj_dfilter_new(&f, (struct nj_str){text, sizeof(text)}, NULL), NJ_EQUOTA);
    memcpy(text + NJ_DFILTER_DEPTH_MAX, "mqtt", 4);
    assert_int_equal(nj_dfilter_new(&f, (struct nj_str){text, NJ_DFILTER_DEPTH_MAX + 4}, NULL),
                     NJ_OK);
    nj_dfilter_free(f);
    memcpy(text + NJ_DFILTER_DEPTH_MAX, "!mqtt", 5);
    assert_int_equal(nj_dfilter_new(&f, (struct nj_str){text, NJ_DFILTER_DEPTH_MAX + 5}, NULL),
                     NJ_EINVAL);
    for (size_t at = 0; at < NJ_DFILTER_BYTES_MAX; at += sizeof(part) - 1)
        memcpy(text + at, part, NJ_MIN(sizeof(part) - 1, NJ_DFILTER_BYTES_MAX - at));
    assert_int_equal(nj_dfilter_new(&f, (struct nj_str){text, NJ_DFILTER_BYTES_MAX - 4}, NULL),
                     NJ_OK);
    nj_dfilter_free(f);
    assert_int_equal(nj_mem_used(), 0);
}

/* It would take longer than anyone waits. */
static void
a_search_without_end_is_given_up_and_counted(void **state)
{
    static const char *const patterns[] = {"(a+)+$", "(.*)*[bc]", "a*a*a*a*[bc]"};
    static char subject[5000];

    (void)state;
    memset(subject, 'a', sizeof(subject));
    for (size_t i = 0; i < NJ_COUNT_OF(patterns); i++) {
        struct nj_dissected d = {0};
        struct nj_dfilter *f;
        char text[80];

        (void)snprintf(text, sizeof(text), "mqtt.msg matches \"%s\"", patterns[i]);
        nj_tree_bytes(&d.tree, NJ_FIELD_MQTT_MSG, (struct nj_str){subject, sizeof(subject)});
        subject[sizeof(subject) - 1] = '!';
        assert_int_equal(nj_dfilter_new(&f, nj_str_of(text), NULL), NJ_OK);
        assert_false(nj_dfilter_passes(f, &d));
        assert_int_equal(nj_dfilter_given_up(f), 1);
        nj_dfilter_free(f);
        nj_tree_fini(&d.tree);
    }
}

/* An item of the pattern runs over all of the value, at each place where a match may begin. */
static void
an_item_that_runs_far_costs_what_it_runs(void **state)
{
    static const char *const patterns[] = {"(?>[^x]*)y", "(.+)\\1x", "[^x]{65000}y"};
    static char subject[NJ_DFILTER_SUBJECT_MAX];

    (void)state;
    memset(subject, 'a', sizeof(subject));
    memcpy(subject + sizeof(subject) - 2, "xy", 2);
    for (size_t i = 0; i < NJ_COUNT_OF(patterns); i++) {
        struct nj_dfilter_regex *regex;

        assert_int_equal(nj_dfilter_regex_new(&regex, nj_str_of(patterns[i]), NULL), NJ_OK);
        assert_int_equal(nj_dfilter_regex_search(regex, (struct nj_str){subject, sizeof(subject)}),
                         NJ_DFILTER_GIVEN_UP);
        nj_dfilter_regex_free(regex);
    }
}

static void
pairs_of_two_fields_have_a_ceiling(void **state)
{
    struct nj_dissected d = {0};
    struct nj_dfilter *f;

    (void)state;
    for (size_t i = 0; i < 2000; i++)
        nj_tree_bytes(&d.tree, NJ_FIELD_MQTT_TOPIC, NJ_STR("a"));
    assert_int_equal(nj_dfilter_new(&f, NJ_STR("mqtt.topic == mqtt.willtopic"), NULL), NJ_OK);
    assert_false(nj_dfilter_passes(f, &d));
    assert_int_equal(nj_dfilter_given_up(f), 0);
    for (size_t i = 0; i < 2000; i++)
        nj_tree_bytes(&d.tree, NJ_FIELD_MQTT_WILLTOPIC, NJ_STR("b"));
    assert_false(nj_dfilter_passes(f, &d));
    assert_int_equal(nj_dfilter_given_up(f), 1);
    nj_dfilter_free(f);
    assert_int_equal(nj_dfilter_new(&f, NJ_STR("mqtt.topic < mqtt.willtopic"), NULL), NJ_OK);
    assert_true(nj_dfilter_passes(f, &d));
    nj_dfilter_free(f);
    nj_tree_fini(&d.tree);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_there_or_not),
        cmocka_unit_test(values_are_compared),
        cmocka_unit_test(of_several_values_any_or_all),
        cmocka_unit_test(parts_and_patterns_are_looked_for),
        cmocka_unit_test(sets_have_values_and_ranges),
        cmocka_unit_test(not_binds_before_and_before_or),
        cmocka_unit_test(mistakes_are_shown_at_their_place),
        cmocka_unit_test(a_long_expression_is_shown_in_part),
        cmocka_unit_test(length_and_depth_have_ceilings),
        cmocka_unit_test(a_search_without_end_is_given_up_and_counted),
        cmocka_unit_test(an_item_that_runs_far_costs_what_it_runs),
        cmocka_unit_test(pairs_of_two_fields_have_a_ceiling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
