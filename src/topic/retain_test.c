/* SPDX-License-Identifier: Apache-2.0 */
/* The shelf of retained messages: one per topic, within its ceilings, found by any filter however
 * slowly it is walked and whatever changes meanwhile. */
#include "topic/retain.h"

#include "base/mem.h"
#include "base/rand.h"
#include "base/test.h"

#define PLENTY (1u << 30)

struct fixture {
    struct nj_retain *shelf;
    uint64_t last_number;
};

static int
open_shelf(void **state)
{
    struct fixture *f = nj_zalloc(sizeof(*f));

    assert_non_null(f);
    assert_int_equal(nj_retain_new(&f->shelf, &(struct nj_retain_opts){0, PLENTY}), NJ_OK);
    *state = f;
    return 0;
}

static int
close_shelf(void **state)
{
    struct fixture *f = *state;

    nj_retain_free(f->shelf);
    nj_free(f);
    return 0;
}

static enum nj_retain_result
set_until(struct fixture *f, struct nj_str topic, const char *payload, nj_time expires)
{
    struct nj_msg *msg = nj_msg_new(&(struct nj_msg_parts){
        .topic = topic,
        .payload = nj_str_of(payload),
        .retain = true,
        .number = ++f->last_number,
        .expires = expires,
    });
    enum nj_retain_result result;

    assert_non_null(msg);
    result = nj_retain_set(f->shelf, msg);
    nj_msg_unref(msg);
    return result;
}

static enum nj_retain_result
set(struct fixture *f, const char *topic, const char *payload)
{
    return set_until(f, nj_str_of(topic), payload, NJ_NEVER);
}

static size_t
messages(struct fixture *f)
{
    struct nj_retain_stats stats;

    nj_retain_stats(f->shelf, &stats);
    return stats.messages;
}

static size_t
bytes(struct fixture *f)
{
    struct nj_retain_stats stats;

    nj_retain_stats(f->shelf, &stats);
    return stats.bytes;
}

/* How many are found, and their payloads in the order of finding, in a buffer that stays. */
static char found[256];

static size_t
find_at(struct fixture *f, const char *filter, nj_time now)
{
    struct nj_retain_cursor *c = nj_retain_open(f->shelf, nj_str_of(filter));
    bool is_end = false;
    size_t count = 0;

    assert_non_null(c);
    found[0] = '\0';
    while (!is_end) {
        struct nj_msg *msg = nj_retain_next(c, now, 1, &is_end);

        if (msg == NULL)
            continue;
        count++;
        assert_false(is_end);
        snprintf(found + strlen(found), sizeof(found) - strlen(found), "%" NJ_STR_FMT,
                 NJ_STR_ARG(nj_msg_payload(msg)));
        nj_msg_unref(msg);
    }
    nj_retain_close(c);
    return count;
}

static size_t
find(struct fixture *f, const char *filter)
{
    return find_at(f, filter, 0);
}

/* ---- the standard ---- */

/* [MQTT5-3.3.1-5] [MQTT311-3.3.1-5] [MQTT311-3.3.1-7] */
static void
newer_message_replaces_the_retained_one(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(set(f, "a/b", "1"), NJ_RETAIN_SET);
    assert_int_equal(set(f, "a/b", "2"), NJ_RETAIN_SET);
    assert_int_equal(set(f, "a", "3"), NJ_RETAIN_SET);
    assert_int_equal(messages(f), 2);
    assert_int_equal(find(f, "a/b"), 1);
    assert_string_equal(found, "2");
}

/* [MQTT5-3.3.1-6] [MQTT5-3.3.1-7] [MQTT311-3.3.1-10] [MQTT311-3.3.1-11] */
static void
empty_payload_removes_retained(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(set(f, "a/b", ""), NJ_RETAIN_NOTHING);
    assert_int_equal(set(f, "a/b/c", "1"), NJ_RETAIN_SET);
    assert_int_equal(set(f, "a/b", ""), NJ_RETAIN_NOTHING);
    assert_int_equal(set(f, "a/b", "2"), NJ_RETAIN_SET);
    assert_int_equal(set(f, "a/b", ""), NJ_RETAIN_REMOVED);
    assert_int_equal(set(f, "a/b", ""), NJ_RETAIN_NOTHING);
    assert_int_equal(find(f, "#"), 1);
    assert_int_equal(set(f, "a/b/c", ""), NJ_RETAIN_REMOVED);
    assert_int_equal(find(f, "#"), 0);
    assert_int_equal(bytes(f), 0);
}

/* [MQTT5-4.7.1-1] [MQTT5-4.7.1-2] [MQTT311-4.7.1-2] [MQTT311-4.7.1-3] */
static void
wildcards_find_what_they_match(void **state)
{
    struct fixture *f = *state;

    set(f, "sport", "p");
    set(f, "sport/", "e");
    set(f, "sport/tennis", "t");
    set(f, "sport/tennis/final", "f");
    set(f, "sport/golf/final", "g");
    set(f, "/finance", "n");
    assert_int_equal(find(f, "sport/#"), 5);
    assert_int_equal(find(f, "sport/+"), 2);
    assert_int_equal(find(f, "sport/+/final"), 2);
    assert_int_equal(find(f, "+/+/final"), 2);
    assert_int_equal(find(f, "+/tennis/#"), 2);
    assert_int_equal(find(f, "+"), 1);
    assert_int_equal(find(f, "/+"), 1);
    assert_int_equal(find(f, "+/+"), 3);
    assert_int_equal(find(f, "#"), 6);
    assert_int_equal(find(f, "sport/tennis/final/#"), 1);
    assert_int_equal(find(f, "sport/tennis/final/+"), 0);
    assert_int_equal(find(f, "sport/rugby/+"), 0);
}

/* [MQTT5-4.7.2-1] [MQTT311-4.7.2-1] */
static void
leading_wildcard_finds_no_dollar_topic(void **state)
{
    struct fixture *f = *state;

    set(f, "$SYS/uptime", "u");
    set(f, "$SYS", "s");
    set(f, "a/$b", "b");
    assert_int_equal(find(f, "#"), 1);
    assert_int_equal(find(f, "+/uptime"), 0);
    assert_int_equal(find(f, "+"), 0);
    assert_int_equal(find(f, "a/+"), 1);
    assert_int_equal(find(f, "a/#"), 1);
    assert_int_equal(find(f, "$SYS/#"), 2);
    assert_int_equal(find(f, "$SYS/+"), 1);
    assert_int_equal(find(f, "$SYS"), 1);
}

/* [MQTT5-3.3.2-5] */
static void
expired_messages_are_not_found(void **state)
{
    struct fixture *f = *state;

    set_until(f, NJ_STR("a"), "1", 1000);
    set_until(f, NJ_STR("b"), "2", 2000);
    assert_int_equal(find_at(f, "#", 999), 2);
    assert_int_equal(find_at(f, "#", 1000), 1);
    assert_string_equal(found, "2");
    assert_int_equal(find_at(f, "a", 1000), 0);
    assert_int_equal(messages(f), 2);
}

static void
sweep_removes_what_has_expired_step_by_step(void **state)
{
    struct fixture *f = *state;
    size_t removed = 0;

    for (int i = 0; i < 100; i++) {
        char topic[32];

        snprintf(topic, sizeof(topic), "%d/%d", i % 10, i);
        set_until(f, nj_str_of(topic), "x", i % 2 == 0 ? 1000 : NJ_NEVER);
    }
    set_until(f, NJ_STR("$SYS/x"), "x", 1000);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(nj_retain_sweep(f->shelf, 999, 3), 0);
    }
    assert_true(nj_retain_sweep(f->shelf, 1000, 3) <= 3);
    removed = 101 - messages(f);
    for (int i = 0; i < 500; i++) {
        removed += nj_retain_sweep(f->shelf, 1000, 3);
    }
    assert_int_equal(removed, 51);
    assert_int_equal(messages(f), 50);
    assert_int_equal(find_at(f, "#", 0), 50);
}

/* ---- ceilings ---- */

static void
ceiling_of_messages_is_exact(void **state)
{
    struct fixture *f = *state;

    nj_retain_limits(f->shelf, &(struct nj_retain_opts){2, PLENTY});
    assert_int_equal(set(f, "a", "1"), NJ_RETAIN_SET);
    assert_int_equal(set(f, "b", "1"), NJ_RETAIN_SET);
    assert_int_equal(set(f, "c", "1"), NJ_RETAIN_FULL_MESSAGES);
    assert_int_equal(set(f, "b", "2"), NJ_RETAIN_SET);
    assert_int_equal(messages(f), 2);
    assert_int_equal(set(f, "a", ""), NJ_RETAIN_REMOVED);
    assert_int_equal(set(f, "c", "1"), NJ_RETAIN_SET);
    nj_retain_limits(f->shelf, &(struct nj_retain_opts){0, PLENTY});
    assert_int_equal(set(f, "a", "1"), NJ_RETAIN_SET);
}

static void
ceiling_of_bytes_counts_the_difference_of_a_replacement(void **state)
{
    struct fixture *f = *state;
    size_t one;

    assert_int_equal(set(f, "a", "123"), NJ_RETAIN_SET);
    one = bytes(f);
    nj_retain_limits(f->shelf, &(struct nj_retain_opts){0, 2 * one});
    for (int i = 0; i < 1000; i++)
        assert_int_equal(set(f, "a", "456"), NJ_RETAIN_SET);
    assert_int_equal(bytes(f), one);
    assert_int_equal(set(f, "b", "1234"), NJ_RETAIN_FULL_BYTES);
    assert_int_equal(messages(f), 1);
    assert_int_equal(set(f, "b", "123"), NJ_RETAIN_SET);
    assert_int_equal(bytes(f), 2 * one);
    assert_int_equal(set(f, "a", "1234"), NJ_RETAIN_FULL_BYTES);
    assert_int_equal(find(f, "a"), 1);
    assert_string_equal(found, "456");
    assert_int_equal(set(f, "a", "12"), NJ_RETAIN_SET);
    assert_int_equal(bytes(f), 2 * one - 1);
    assert_int_equal(set(f, "b", "1234"), NJ_RETAIN_SET);
    nj_retain_limits(f->shelf, &(struct nj_retain_opts){0, one});
    assert_int_equal(set(f, "b", "123"), NJ_RETAIN_SET);
    assert_int_equal(set(f, "b", "1234"), NJ_RETAIN_FULL_BYTES);
    assert_int_equal(set(f, "b", ""), NJ_RETAIN_REMOVED);
    assert_int_equal(set(f, "a", ""), NJ_RETAIN_REMOVED);
    assert_int_equal(bytes(f), 0);
}

static void
without_memory_the_shelf_is_unchanged(void **state)
{
    struct fixture *f = *state;
    unsigned failures = 0;

    for (size_t i = 0; i < 2000; i++) {
        char topic[32];
        struct nj_msg *msg;
        enum nj_retain_result result;
        size_t before = bytes(f);

        snprintf(topic, sizeof(topic), "a/%zu", i * 37 % 2000);
        msg = nj_msg_new(&(struct nj_msg_parts){
            .topic = nj_str_of(topic), .payload = NJ_STR("2"), .expires = NJ_NEVER});
        assert_non_null(msg);
        nj_mem_limit_set(nj_mem_used() + 1);
        result = nj_retain_set(f->shelf, msg);
        nj_mem_limit_set(0);
        if (result == NJ_RETAIN_NO_MEMORY) {
            assert_int_equal(messages(f), i);
            assert_int_equal(bytes(f), before);
            assert_int_equal(find(f, topic), 0);
            failures++;
            result = nj_retain_set(f->shelf, msg);
        }
        nj_msg_unref(msg);
        assert_int_equal(result, NJ_RETAIN_SET);
        assert_int_equal(messages(f), i + 1);
    }
    assert_true(failures > 3);
    assert_int_equal(find(f, "#"), 2000);
}

/* ---- size ---- */

static void
deepest_topic_is_only_long(void **state)
{
    static char topic[65536];
    struct fixture *f = *state;

    memset(topic, '/', 65535);
    assert_int_equal(set_until(f, (struct nj_str){topic, 65535}, "x", 1000), NJ_RETAIN_SET);
    assert_int_equal(find(f, "#"), 1);
    assert_int_equal(find(f, "+/+/#"), 1);
    assert_int_equal(find(f, topic), 1);
    while (nj_retain_sweep(f->shelf, 1000, 1000) == 0)
        continue;
    assert_int_equal(messages(f), 0);
    assert_int_equal(find(f, "#"), 0);
}

static void
a_hundred_thousand_are_found_in_small_steps(void **state)
{
    struct fixture *f = *state;
    struct nj_retain_cursor *c;
    bool is_end = false;
    size_t count = 0;

    for (int i = 0; i < 100000; i++) {
        char topic[32];

        snprintf(topic, sizeof(topic), "%d/b/%d", i % 100, i);
        assert_int_equal(set(f, topic, "x"), NJ_RETAIN_SET);
    }
    c = nj_retain_open(f->shelf, NJ_STR("#"));
    assert_non_null(c);
    while (!is_end) {
        struct nj_msg *msg = nj_retain_next(c, 0, 10, &is_end);

        nj_msg_unref(msg);
        count += msg != NULL;
    }
    nj_retain_close(c);
    assert_int_equal(count, 100000);
}

/* A cursor that waits is passed over by removals of all that is around it. */
static void
cursor_goes_on_when_its_place_is_removed(void **state)
{
    struct fixture *f = *state;
    struct nj_retain_cursor *c;
    struct nj_msg *msg;
    bool is_end;

    for (int i = 0; i < 10; i++)
        set(f,
            (const char *[]){"a/0", "a/1", "a/2", "a/3", "a/4", "a/5", "a/6", "a/7", "a/8",
                             "a/9"}[i],
            "x");
    c = nj_retain_open(f->shelf, NJ_STR("a/+"));
    msg = nj_retain_next(c, 0, 1000, &is_end);
    assert_non_null(msg);
    nj_msg_unref(msg);
    for (int i = 0; i < 10; i++) {
        char topic[] = "a/?";

        topic[2] = (char)('0' + i);
        assert_int_equal(set(f, topic, ""), NJ_RETAIN_REMOVED);
    }
    set(f, "b/1", "y");
    assert_null(nj_retain_next(c, 0, 1000, &is_end));
    assert_true(is_end);
    assert_null(nj_retain_next(c, 0, 1000, &is_end));
    assert_true(is_end);
    nj_retain_close(c);
    assert_int_equal(find(f, "#"), 1);
}

/* ---- against the twin ---- */

#define TOPICS  120
#define CURSORS 4

struct twin_topic {
    char name[64];
    uint64_t number; /* 0: none retained */
    nj_time expires;
};

struct twin_cursor {
    struct nj_retain_cursor *cursor;
    char filter[64];
    bool was_there[TOPICS]; /* since the cursor was opened, without a gap */
    unsigned found[TOPICS];
};

struct twin {
    struct twin_topic topic[TOPICS];
    struct twin_cursor cursor[CURSORS];
    nj_time now;
};

static void
random_levels(struct nj_rand *r, char *out, size_t size, bool is_filter)
{
    static const char *const levels[] = {"a", "b", "c", "", "$x", "longer-than-others"};
    unsigned depth = 1 + nj_rand_below(r, 4);
    size_t n = 0;

    for (unsigned i = 0; i < depth; i++) {
        const char *level = levels[nj_rand_below(r, NJ_COUNT_OF(levels))];

        if (is_filter && nj_rand_below(r, 2) == 0)
            level = i + 1 == depth && nj_rand_below(r, 3) == 0 ? "#" : "+";
        n += (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? "/" : "", level);
    }
    if (n == 0)
        snprintf(out, size, "a");
}

static size_t
topic_index(const struct twin *t, struct nj_str name)
{
    for (size_t i = 0; i < TOPICS; i++)
        if (nj_str_eq(nj_str_of(t->topic[i].name), name))
            return i;
    fail_msg("found a topic that was never set");
    return 0;
}

static bool
is_there(const struct twin *t, size_t i)
{
    return t->topic[i].number != 0 && t->topic[i].expires > t->now;
}

static void
note_gaps(struct twin *t)
{
    for (size_t c = 0; c < CURSORS; c++)
        for (size_t i = 0; i < TOPICS; i++)
            t->cursor[c].was_there[i] &= is_there(t, i);
}

static void
close_cursor(struct twin_cursor *c)
{
    nj_retain_close(c->cursor);
    c->cursor = NULL;
}

static void
open_cursor(struct fixture *f, struct twin *t, struct twin_cursor *c, struct nj_rand *r)
{
    memset(c, 0, sizeof(*c));
    random_levels(r, c->filter, sizeof(c->filter), true);
    c->cursor = nj_retain_open(f->shelf, nj_str_of(c->filter));
    assert_non_null(c->cursor);
    for (size_t i = 0; i < TOPICS; i++)
        c->was_there[i] =
            is_there(t, i) && nj_topic_matches(nj_str_of(c->filter), nj_str_of(t->topic[i].name));
}

static void
move_cursor(struct twin *t, struct twin_cursor *c, unsigned steps)
{
    bool is_end;
    struct nj_msg *msg = nj_retain_next(c->cursor, t->now, steps, &is_end);

    if (msg != NULL) {
        size_t i = topic_index(t, nj_msg_topic(msg));

        assert_true(is_there(t, i));
        assert_int_equal(msg->number, t->topic[i].number);
        assert_true(nj_topic_matches(nj_str_of(c->filter), nj_msg_topic(msg)));
        c->found[i]++;
        if (c->was_there[i] && c->found[i] > 1)
            fail_msg("%s: found %s twice", c->filter, t->topic[i].name);
        nj_msg_unref(msg);
    } else if (is_end) {
        for (size_t i = 0; i < TOPICS; i++)
            if (c->was_there[i] && c->found[i] != 1)
                fail_msg("%s: did not find %s", c->filter, t->topic[i].name);
        close_cursor(c);
    }
}

static void
change_a_topic(struct fixture *f, struct twin *t, struct nj_rand *r, bool is_removal)
{
    struct twin_topic *topic = &t->topic[nj_rand_below(r, TOPICS)];
    bool was_there = topic->number != 0;
    nj_time expires = nj_rand_below(r, 4) == 0 ? t->now + nj_rand_below(r, 500) : NJ_NEVER;
    enum nj_retain_result result =
        set_until(f, nj_str_of(topic->name), is_removal ? "" : "x", expires);

    if (is_removal)
        assert_int_equal(result, was_there ? NJ_RETAIN_REMOVED : NJ_RETAIN_NOTHING);
    else
        assert_int_equal(result, NJ_RETAIN_SET);
    topic->number = is_removal ? 0 : f->last_number;
    topic->expires = expires;
}

static void
sweep(struct fixture *f, struct twin *t, unsigned steps)
{
    size_t before = messages(f), removed = nj_retain_sweep(f->shelf, t->now, steps);

    assert_int_equal(messages(f), before - removed);
    assert_true(removed <= steps);
    /* Which ones went is asked by their names. */
    for (size_t i = 0; i < TOPICS; i++) {
        struct twin_topic *topic = &t->topic[i];

        if (topic->number != 0 && topic->expires <= t->now &&
            set_until(f, nj_str_of(topic->name), "", NJ_NEVER) == NJ_RETAIN_NOTHING)
            removed--;
        if (topic->expires <= t->now)
            topic->number = 0;
    }
    assert_int_equal(removed, 0);
}

static void
finds_what_its_plain_twin_finds(void **state)
{
    static struct twin twin;
    struct fixture *f = *state;

    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct twin *t = &twin;
        struct nj_rand r;

        nj_rand_seed(&r, seed);
        memset(t, 0, sizeof(*t));
        for (size_t i = 0; i < TOPICS; i++)
            random_levels(&r, t->topic[i].name, sizeof(t->topic[i].name), false);
        for (size_t i = 0; i < TOPICS; i++) /* the same name twice would be two of one */
            if (topic_index(t, nj_str_of(t->topic[i].name)) != i)
                snprintf(t->topic[i].name, sizeof(t->topic[i].name), "%zu/%zu", i % 7, i);
        for (unsigned step = 0; step < 20000; step++) {
            struct twin_cursor *c = &t->cursor[nj_rand_below(&r, CURSORS)];
            unsigned what = nj_rand_below(&r, 100);
            size_t there = 0;

            if (what < 30)
                change_a_topic(f, t, &r, what < (step / 1000 % 2 ? 10 : 20));
            else if (what < 31)
                sweep(f, t, 1 + nj_rand_below(&r, 100));
            else if (what < 33)
                t->now++;
            else if (c->cursor == NULL)
                open_cursor(f, t, c, &r);
            else if (what == 99)
                close_cursor(c);
            else
                move_cursor(t, c, 1 + nj_rand_below(&r, 5));
            note_gaps(t);
            for (size_t i = 0; i < TOPICS; i++)
                there += t->topic[i].number != 0;
            assert_int_equal(messages(f), there);
        }
        for (size_t i = 0; i < CURSORS; i++)
            close_cursor(&t->cursor[i]);
        for (size_t i = 0; i < TOPICS; i++)
            set(f, t->topic[i].name, "");
        assert_int_equal(messages(f), 0);
        assert_int_equal(bytes(f), 0);
    }
}

/* ---- many in one row ---- */

#define MANY 3000

static void
many_name(char *out, size_t size, struct nj_rand *r, size_t i)
{
    char levels[64];

    random_levels(r, levels, sizeof(levels), false);
    snprintf(out, size, "s/%zu/%s/%zu", i % 17, levels, i);
}

/* What was there all the time is found once, whatever else comes and goes around the cursor. */
static void
walks_over_many_pages_find_what_stays(void **state)
{
    static char name[MANY][128];
    struct fixture *f = *state;
    struct nj_rand r;

    nj_rand_seed(&r, 5);
    for (size_t i = 0; i < MANY; i++) {
        many_name(name[i], sizeof(name[i]), &r, i);
        assert_int_equal(set(f, name[i], "stays"), NJ_RETAIN_SET);
    }
    for (unsigned round = 0; round < 60; round++) {
        char filter[128], levels[64], passing[160];
        struct nj_retain_cursor *c;
        bool is_end = false;
        size_t expected = 0, count = 0;

        random_levels(&r, levels, sizeof(levels), true);
        /* One that ends in `#` as it is, any other with all that lies below. */
        snprintf(filter, sizeof(filter), "%s/+/%s%s", round % 3 == 0 ? "+" : "s", levels,
                 strchr(levels, '#') == NULL ? "/#" : "");
        for (size_t i = 0; i < MANY; i++)
            expected += nj_topic_matches(nj_str_of(filter), nj_str_of(name[i]));
        c = nj_retain_open(f->shelf, nj_str_of(filter));
        assert_non_null(c);
        while (!is_end) {
            struct nj_msg *msg = nj_retain_next(c, 0, 1 + (unsigned)nj_rand_below(&r, 40), &is_end);

            for (unsigned i = 0; msg != NULL && i < 3; i++) {
                snprintf(passing, sizeof(passing), "%s/passing", name[nj_rand_below(&r, MANY)]);
                set(f, passing, round % 2 == 0 ? "passes" : "");
            }
            if (msg != NULL) {
                assert_true(nj_topic_matches(nj_str_of(filter), nj_msg_topic(msg)));
                count += nj_str_eq(nj_msg_payload(msg), NJ_STR("stays"));
            }
            nj_msg_unref(msg);
        }
        nj_retain_close(c);
        if (count != expected)
            fail_msg("%s: %zu instead of %zu", filter, count, expected);
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_shelf, close_shelf)
    const struct CMUnitTest tests[] = {
        TEST(newer_message_replaces_the_retained_one),
        TEST(empty_payload_removes_retained),
        TEST(wildcards_find_what_they_match),
        TEST(leading_wildcard_finds_no_dollar_topic),
        TEST(expired_messages_are_not_found),
        TEST(sweep_removes_what_has_expired_step_by_step),
        TEST(ceiling_of_messages_is_exact),
        TEST(ceiling_of_bytes_counts_the_difference_of_a_replacement),
        TEST(without_memory_the_shelf_is_unchanged),
        TEST(deepest_topic_is_only_long),
        TEST(a_hundred_thousand_are_found_in_small_steps),
        TEST(cursor_goes_on_when_its_place_is_removed),
        TEST(finds_what_its_plain_twin_finds),
        TEST(walks_over_many_pages_find_what_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
