/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/topic.h"

#include "base/rand.h"
#include "base/test.h"
#include "mqtt/kit_test.h"
#include "mqtt/packet_priv.h"

/* [MQTT5-3.3.2-2] [MQTT5-4.7.0-1] [MQTT5-4.7.3-1] [MQTT311-3.3.2-2] [MQTT311-4.7.1-1]
 * [MQTT311-4.7.3-1] */
static void
a_name_has_a_character_and_no_wildcard(void **state)
{
    static const char *const good[] = {"a", "/", "a/b", "a//b", "/a/", " ", "$SYS/broker", "a b"};
    static const char *const bad[] = {"", "+", "#", "a/+", "a/#", "a+", "a#b", "+/a"};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(good); i++)
        assert_true(nj_topic_name_is_valid(nj_str_of(good[i])));
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++)
        assert_false(nj_topic_name_is_valid(nj_str_of(bad[i])));
}

/* [MQTT5-4.7.1-1] [MQTT5-4.7.1-2] [MQTT311-4.7.1-2] [MQTT311-4.7.1-3] */
static void
wildcards_fill_a_level_and_the_hash_is_last(void **state)
{
    static const char *const good[] = {"a",     "/",   "#",      "+",    "a/#",
                                       "a/+/b", "+/+", "+/a/#",  "/#",   "/+",
                                       "+/",    "//",  "$SYS/#", "a//#", "sport/tennis/#"};
    static const char *const bad[] = {
        "",   "a#", "#/a",  "a+", "+a", "a/b+", "a/#/",          "a/#/b",
        "##", "++", "a/##", "+#", "#+", "a/#b", "sport/tennis#", "sport+"};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(good); i++) {
        if (!nj_topic_filter_is_valid(nj_str_of(good[i])))
            fail_msg("%s", good[i]);
    }
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++) {
        if (nj_topic_filter_is_valid(nj_str_of(bad[i])))
            fail_msg("%s", bad[i]);
    }
}

static void
levels_are_separators_plus_one(void **state)
{
    (void)state;
    assert_int_equal(nj_topic_levels(NJ_STR("a")), 1);
    assert_int_equal(nj_topic_levels(NJ_STR("/")), 2);
    assert_int_equal(nj_topic_levels(NJ_STR("a/b/c")), 3);
    assert_int_equal(nj_topic_levels(NJ_STR("/a//")), 4);
}

static void
levels_are_walked_empty_ones_included(void **state)
{
    static const char *const want[] = {"", "a", "", "bc", ""};
    struct nj_str rest = NJ_STR("/a//bc/");
    bool done = false;
    size_t i = 0;

    (void)state;
    while (!done) {
        assert_true(i < NJ_COUNT_OF(want));
        assert_true(nj_str_eq(nj_topic_level(&rest, &done), nj_str_of(want[i++])));
    }
    assert_int_equal(i, NJ_COUNT_OF(want));
}

/* The examples of section 4.7, and their edges. [MQTT5-4.7.2-1] [MQTT311-4.7.2-1] [MQTT5-4.7.3-4]
 * [MQTT311-4.7.3-4] */
static void
filters_match_as_the_standard_says(void **state)
{
    static const struct {
        const char *filter, *name;
        bool matches;
    } rows[] = {
        {"sport/tennis/player1/#", "sport/tennis/player1", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
        {"sport/tennis/player1/#", "sport/tennis/player2", false},
        {"sport/#", "sport", true},
        {"sport/#", "sports", false},
        {"#", "a", true},
        {"#", "/", true},
        {"sport/tennis/+", "sport/tennis/player1", true},
        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
        {"sport/+", "sport", false},
        {"sport/+", "sport/", true},
        {"+/+", "/finance", true},
        {"/+", "/finance", true},
        {"+", "/finance", false},
        {"+/tennis/#", "sport/tennis", true},
        {"#", "$SYS/monitor/Clients", false},
        {"+/monitor/Clients", "$SYS/monitor/Clients", false},
        {"$SYS/#", "$SYS/monitor/Clients", true},
        {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
        {"a/#", "a/$x", true},
        {"a/+", "a/$x", true},
        {"ACCOUNTS", "Accounts", false},
        {"a", "a/", false},
        {"a/", "a", false},
        {"a/b", "a/b", true},
        {"a//b", "a/b", false},
        {"+/#", "a", true},
        {"/#", "a", false},
        {"/#", "/", true},
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        if (nj_topic_matches(nj_str_of(rows[i].filter), nj_str_of(rows[i].name)) != rows[i].matches)
            fail_msg("%s %s", rows[i].filter, rows[i].name);
    }
}

/* Matching by the definition, level for level. */
static bool
match_twin(const char *f, const char *n)
{
    if (strcmp(f, "#") == 0 || (strcmp(f, "/#") == 0 && *n == '\0'))
        return true;
    if (f[0] == '+')
        return match_twin(f + 1, n + strcspn(n, "/"));
    if (*f == '\0' || *n == '\0')
        return *f == *n;
    if (*f != *n)
        return false;
    return *f == '/' && f[1] == '#' ? true : match_twin(f + 1, n + 1);
}

/* One to four of the first `choice` levels (the last one of `last_choice`), terminated. */
static void
random_topic(struct nj_rand *rand, char out[32], uint32_t choice, uint32_t last_choice)
{
    static const char *const levels[] = {"a", "b", "", "ab", "+", "+", "#"};
    uint32_t count = 1 + nj_rand_below(rand, 4);
    struct nj_writer w = nj_writer_of(out, 32);

    while (count-- > 0) {
        nj_write_bytes(&w,
                       nj_str_of(levels[nj_rand_below(rand, count > 0 ? choice : last_choice)]));
        nj_write_u8(&w, count > 0 ? '/' : '\0');
    }
    assert_false(w.is_full);
}

static void
random_filters_match_as_by_the_definition(void **state)
{
    struct nj_rand rand;
    unsigned matches = 0;

    (void)state;
    nj_rand_seed(&rand, 3);
    for (int round = 0; round < 300000; round++) {
        char filter[32] = "", name[32] = "";
        bool want;

        random_topic(&rand, filter, 6, 7);
        random_topic(&rand, name, 4, 4);
        if (filter[0] == '\0' || name[0] == '\0')
            continue;
        want = match_twin(filter, name);
        matches += want;
        if (nj_topic_matches(nj_str_of(filter), nj_str_of(name)) != want)
            fail_msg("%s %s", filter, name);
    }
    assert_in_range(matches, 20000, 290000);
}

/* [MQTT5-4.8.2-1] [MQTT5-4.8.2-2] */
static void
a_shared_filter_has_a_name_and_a_filter(void **state)
{
    static const char *const bad[] = {
        "$share/",     "$share/g",    "$share/g/",   "$share//a",    "$share/+/a", "$share/#/a",
        "$share/g+/a", "$share/g#/a", "$share/g/a#", "$share/g/#/a", "$share/#",   "",
    };
    struct nj_filter f;

    (void)state;
    assert_true(nj_filter_parse(NJ_STR("$share/g/a/#"), &f));
    assert_true(nj_str_eq(f.share, NJ_STR("g")));
    assert_true(nj_str_eq(f.filter, NJ_STR("a/#")));
    assert_true(nj_filter_parse(NJ_STR("$share/g//"), &f));
    assert_true(nj_str_eq(f.filter, NJ_STR("/")));
    assert_true(nj_filter_parse(NJ_STR("$share/$share/$share/g/a"), &f));
    assert_true(nj_str_eq(f.share, NJ_STR("$share")));
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++) {
        if (nj_filter_parse(nj_str_of(bad[i]), &f))
            fail_msg("%s", bad[i]);
    }
}

static void
what_only_resembles_a_share_is_an_ordinary_filter(void **state)
{
    static const char *const plain[] = {"$share", "$shared/g/a", "$SHARE/g/a", "a/$share/g/b", "a"};
    struct nj_filter f;

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(plain); i++) {
        assert_true(nj_filter_parse(nj_str_of(plain[i]), &f));
        assert_int_equal(f.share.n, 0);
        assert_true(nj_str_eq(f.filter, nj_str_of(plain[i])));
    }
}

static void
the_check_in_one_pass_and_its_plain_twin_agree(void **state)
{
    struct nj_rand rand;
    unsigned seen[NJ_CAUSE_COUNT] = {0};

    (void)state;
    nj_rand_seed(&rand, 7);
    for (int round = 0; round < 300000; round++) {
        static const char spoil[] = {'+', '#', '\0', '\xc3', '\x80', '\xff', '*', '$', '\x22', '"'};
        char text[48];
        size_t n = nj_rand_below(&rand, sizeof(text));
        struct kit_bytes exact;
        enum nj_cause want;

        for (size_t i = 0; i < n; i++)
            text[i] = (char)(1 + nj_rand_below(&rand, 127));
        for (size_t i = 0; i < n; i++) {
            if (text[i] == '+' || text[i] == '#')
                text[i] = '\x7f';
        }
        for (uint32_t i = nj_rand_below(&rand, 3); n > 0 && i > 0; i--)
            text[nj_rand_below(&rand, (uint32_t)n)] = spoil[nj_rand_below(&rand, sizeof(spoil))];
        exact = kit_copy(text, n);
        want = nj_topic_check_plainly(kit_str(exact));
        seen[want]++;
        assert_int_equal(nj_topic_check(kit_str(exact)), want);
        nj_free(exact.p);
    }
    assert_true(seen[NJ_CAUSE_NONE] > 10000);
    assert_true(seen[NJ_CAUSE_UTF8] > 10000);
    assert_true(seen[NJ_CAUSE_TOPIC_NAME_WILDCARD] > 10000);
}

static void
every_byte_at_every_place_of_a_topic_is_seen(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 25; n++) {
        for (size_t at = 0; at < n; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                char text[25];

                memset(text, 'a', n);
                text[at] = (char)byte;
                assert_int_equal(nj_topic_check((struct nj_str){text, n}),
                                 byte == 0 || byte >= 0x80    ? NJ_CAUSE_UTF8
                                 : byte == '+' || byte == '#' ? NJ_CAUSE_TOPIC_NAME_WILDCARD
                                                              : NJ_CAUSE_NONE);
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_has_a_character_and_no_wildcard),
        cmocka_unit_test(wildcards_fill_a_level_and_the_hash_is_last),
        cmocka_unit_test(levels_are_separators_plus_one),
        cmocka_unit_test(levels_are_walked_empty_ones_included),
        cmocka_unit_test(filters_match_as_the_standard_says),
        cmocka_unit_test(random_filters_match_as_by_the_definition),
        cmocka_unit_test(a_shared_filter_has_a_name_and_a_filter),
        cmocka_unit_test(what_only_resembles_a_share_is_an_ordinary_filter),
        cmocka_unit_test(the_check_in_one_pass_and_its_plain_twin_agree),
        cmocka_unit_test(every_byte_at_every_place_of_a_topic_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
