/* SPDX-License-Identifier: Apache-2.0 */
/* The row: in order, whatever comes and goes, and in pages that are worth their room. */
#include "topic/row_priv.h"

#include "base/mem.h"
#include "base/rand.h"
#include "base/test.h"

static struct nj_msg *
message(const char *topic)
{
    struct nj_msg *msg = nj_msg_new(&(struct nj_msg_parts){.topic = nj_str_of(topic)});

    assert_non_null(msg);
    return msg;
}

static struct nj_row_place
seek(struct nj_row *row, const char *head, const char *tail)
{
    struct nj_row_key key = {nj_str_of(head), nj_str_of(tail)};
    struct nj_row_place place;

    nj_row_seek(row, &key, &place);
    return place;
}

static void
insert(struct nj_row *row, const char *topic)
{
    struct nj_row_place place = seek(row, topic, "");

    assert_false(place.is_there);
    assert_true(nj_row_insert(row, &place, message(topic)));
}

static void
take_out(struct nj_row *row, const char *topic)
{
    struct nj_row_place place = seek(row, topic, "");

    assert_true(place.is_there);
    nj_msg_unref(nj_row_remove(row, &place));
}

/* In order, each height a part of the one below; returns how many messages there are. */
static size_t
examine(const struct nj_row *row, size_t *pages)
{
    const struct nj_msg *before = NULL;
    size_t count = 0;

    *pages = 0;
    for (const struct nj_row_page *p = row->first[0]; p != NULL; p = p->next[0]) {
        ++*pages;
        assert_in_range(p->n, 1, NJ_ROW_PAGE);
        for (unsigned i = 0; i < p->n; i++) {
            if (before != NULL)
                assert_true(nj_row_order(nj_msg_topic(before), nj_msg_topic(p->msg[i])) < 0);
            before = p->msg[i];
            count++;
        }
    }
    for (unsigned height = 1; height < NJ_ROW_HEIGHT; height++) {
        const struct nj_row_page *below = row->first[height - 1];

        for (const struct nj_row_page *p = row->first[height]; p != NULL; p = p->next[height]) {
            assert_true(p->height > height);
            while (below != NULL && below != p)
                below = below->next[height - 1];
            assert_ptr_equal(below, p);
        }
    }
    return count;
}

/* ---- order ---- */

static void
topics_are_ordered_level_by_level(void **state)
{
    static const char *const in_order[] = {
        "",    "/",   "//",    "/a",    "\x01",    "a",   "a/",       "a//",
        "a/b", "a/c", "a\x01", "a!",    "a!/",     "a-b", "a0",       "aa",
        "b",   "b/a", "bbb",   "level", "level/a", "m",   "\xc3\xa9", "\xc3\xa9/x",
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(in_order); i++)
        for (size_t j = 0; j < NJ_COUNT_OF(in_order); j++) {
            int order = nj_row_order(nj_str_of(in_order[i]), nj_str_of(in_order[j]));

            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
}

static void
key_in_two_parts_is_the_text_they_make(void **state)
{
    static const char *const topic[] = {"a", "a/b", "a/b/c", "a/bc", "long-level/long-level/x"};
    struct nj_row row = {0};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(topic); i++)
        insert(&row, topic[i]);
    for (size_t i = 0; i < NJ_COUNT_OF(topic); i++)
        for (size_t cut = 0; cut <= strlen(topic[i]); cut++) {
            struct nj_row_key key = {{topic[i], cut}, nj_str_of(topic[i] + cut)};
            struct nj_row_place place;

            nj_row_seek(&row, &key, &place);
            assert_true(place.is_there);
            assert_int_equal(place.at, i);
        }
    assert_int_equal(seek(&row, "a/b", "/").at, 2);
    assert_int_equal(seek(&row, "a/b", "!").at, 3);
    assert_int_equal(seek(&row, "x", "x").at, 5);
    nj_row_fini(&row);
}

/* ---- change ---- */

#define TOPICS 4000

static void
name_of(char *out, size_t size, unsigned i)
{
    snprintf(out, size, "%u/%u%s", i % 7, i / 3, i % 3 == 0 ? "" : i % 3 == 1 ? "/x" : "!y");
}

/* Grows, shrinks to nothing, and grows again. */
static void
stays_in_order_whatever_comes_and_goes(void **state)
{
    static bool is_there[TOPICS];
    struct nj_row row = {0};
    struct nj_rand r;
    size_t count = 0, pages;

    (void)state;
    nj_rand_seed(&r, 7);
    memset(is_there, 0, sizeof(is_there));
    for (unsigned step = 0; step < 60000; step++) {
        unsigned i = (unsigned)nj_rand_below(&r, TOPICS);
        bool is_wanted = nj_rand_below(&r, 20) < (step / 15000 % 2 == 0 ? 16 : 1);
        char name[32];
        uint64_t changes = row.changes;

        name_of(name, sizeof(name), i);
        assert_int_equal(seek(&row, name, "").is_there, is_there[i]);
        if (is_wanted == is_there[i])
            continue;
        if (is_wanted)
            insert(&row, name);
        else
            take_out(&row, name);
        assert_true(row.changes > changes);
        is_there[i] = is_wanted;
        count += is_wanted ? 1 : (size_t)-1;
        if (step % 500 == 0)
            assert_int_equal(examine(&row, &pages), count);
    }
    for (unsigned i = 0; i < TOPICS; i++) {
        char name[32];

        name_of(name, sizeof(name), i);
        if (is_there[i])
            take_out(&row, name);
    }
    assert_int_equal(examine(&row, &pages), 0);
    assert_int_equal(pages, 0);
    nj_row_fini(&row);
}

static void
what_comes_in_order_fills_its_pages(void **state)
{
    struct nj_row row = {0};
    size_t pages;

    (void)state;
    for (unsigned i = 0; i < 10 * NJ_ROW_PAGE; i++) {
        char name[32];

        snprintf(name, sizeof(name), "%06u", i);
        insert(&row, name);
    }
    assert_int_equal(examine(&row, &pages), 10 * NJ_ROW_PAGE);
    assert_int_equal(pages, 10);
    nj_row_fini(&row);
}

/* Nobody makes us keep a page for each message by removing all others. */
static void
what_is_left_moves_together(void **state)
{
    struct nj_row row = {0};
    size_t pages;
    char name[32];

    (void)state;
    for (unsigned i = 0; i < 100 * NJ_ROW_PAGE; i++) {
        snprintf(name, sizeof(name), "%06u", i);
        insert(&row, name);
    }
    for (unsigned i = 0; i < 100 * NJ_ROW_PAGE; i++) {
        snprintf(name, sizeof(name), "%06u", i);
        if (i % NJ_ROW_PAGE != 5)
            take_out(&row, name);
    }
    assert_int_equal(examine(&row, &pages), 100);
    assert_true(pages <= 4 * 100 / NJ_ROW_PAGE + 1);
    nj_row_fini(&row);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_are_ordered_level_by_level),
        cmocka_unit_test(key_in_two_parts_is_the_text_they_make),
        cmocka_unit_test(stays_in_order_whatever_comes_and_goes),
        cmocka_unit_test(what_comes_in_order_fills_its_pages),
        cmocka_unit_test(what_is_left_moves_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
