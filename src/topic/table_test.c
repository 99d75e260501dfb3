/* SPDX-License-Identifier: Apache-2.0 */
/* The table finds what is in it, whatever its size was when that came in. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/test.h"
#include "topic/table_priv.h"

#define ITEMS 5000

struct item {
    struct nj_entry entry;
    uint64_t hash;
    unsigned marks;
    bool is_in;
};

static bool
is_same(const void *item, const struct nj_entry *e)
{
    return e == item;
}

static unsigned
marks_of(struct nj_table *t, uint64_t hash)
{
    const struct nj_table_lines *lines = nj_table_lines(t);
    struct nj_table_seek seek = nj_table_seek(lines, hash);

    return nj_table_marks(lines, &seek);
}

static bool
is_found(struct nj_table *t, struct item *item)
{
    bool is_there = nj_table_look_up(t, item->hash, is_same, &item->entry) != NULL;

    if (is_there)
        assert_int_equal(marks_of(t, item->hash) & item->marks, item->marks);
    return is_there;
}

static bool
count_one(void *ctx, struct nj_entry *e)
{
    uint32_t *count = ctx;

    (void)e;
    ++*count;
    return true;
}

static bool
stop_at_five(void *ctx, struct nj_entry *e)
{
    return count_one(ctx, e) && *(const uint32_t *)ctx < 5;
}

static void
finds_what_is_in_and_nothing_else(void **state)
{
    static struct item items[ITEMS];
    uint32_t count = 0, walked = 0, few = 0;
    struct nj_table t;
    struct nj_rand r;

    (void)state;
    nj_rand_seed(&r, 1);
    nj_table_init(&t);
    for (size_t i = 0; i < ITEMS; i++) /* a few share one hash */
        items[i].hash = i % 50 == 0 ? 77 : nj_rand_u64(&r);
    for (size_t n = 0; n < 10 * ITEMS; n++) {
        struct item *item = &items[nj_rand_below(&r, ITEMS)];

        assert_int_equal(is_found(&t, item), item->is_in);
        if (item->is_in && nj_rand_below(&r, 3) > 0) {
            nj_table_remove(&t, &item->entry);
            item->is_in = false;
            count--;
        } else {
            item->marks = nj_rand_below(&r, NJ_TABLE_MARKS + 1);
            if (item->is_in)
                nj_table_mark(&t, &item->entry, item->marks);
            else
                assert_true(nj_table_insert(&t, &item->entry, item->hash, item->marks));
            count += !item->is_in;
            item->is_in = true;
        }
        assert_int_equal(is_found(&t, item), item->is_in);
        assert_int_equal(nj_table_count(&t), count);
    }
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(is_found(&t, &items[i]), items[i].is_in);
    nj_table_each(&t, count_one, &walked);
    assert_int_equal(walked, count);
    nj_table_each(&t, stop_at_five, &few);
    assert_int_equal(few, 5);
    nj_table_fini(&t);
}

/* Tags are short: a mark may be another's, but seldom. */
static void
marks_are_those_of_the_hash(void **state)
{
    static struct item items[ITEMS];
    unsigned strange = 0;
    struct nj_table t;
    struct nj_rand r;

    (void)state;
    nj_rand_seed(&r, 3);
    nj_table_init(&t);
    for (size_t i = 0; i < ITEMS; i++) {
        items[i].hash = nj_rand_u64(&r);
        assert_true(nj_table_insert(&t, &items[i].entry, items[i].hash, 1u << i % 3));
    }
    for (size_t i = 0; i < ITEMS; i++) {
        unsigned marks = marks_of(&t, items[i].hash);

        assert_true((marks & 1u << i % 3) != 0);
        strange += marks != 1u << i % 3;
        strange += marks_of(&t, nj_rand_u64(&r)) != 0;
    }
    assert_in_range(strange, 0, ITEMS / 100);
    nj_table_fini(&t);
}

static void
without_memory_it_takes_what_fits(void **state)
{
    static struct item items[200];
    struct nj_table t;
    struct nj_rand r;
    size_t in = 0;

    (void)state;
    nj_rand_seed(&r, 2);
    nj_table_init(&t);
    for (size_t i = 0; i < NJ_COUNT_OF(items); i++)
        items[i].hash = nj_rand_u64(&r);
    nj_mem_limit_set(1);
    while (nj_table_insert(&t, &items[in].entry, items[in].hash, 0))
        in++;
    assert_int_equal(in, NJ_TABLE_LINE);
    assert_int_equal(nj_table_bytes(&t), 0);
    /* All lines are full to the last place, and a stranger is still not found. */
    for (size_t i = 0; i < in; i++)
        assert_true(is_found(&t, &items[i]));
    assert_false(is_found(&t, &items[in]));
    nj_mem_limit_set(0);
    for (; in < NJ_COUNT_OF(items); in++)
        assert_true(nj_table_insert(&t, &items[in].entry, items[in].hash, 0));
    nj_mem_limit_set(1);
    for (size_t i = 0; i < in; i++)
        nj_table_remove(&t, &items[i].entry);
    for (size_t i = 0; i < in; i++)
        assert_true(nj_table_insert(&t, &items[i].entry, items[i].hash, 0));
    for (size_t i = 0; i < in; i++)
        assert_true(is_found(&t, &items[i]));
    nj_mem_limit_set(0);
    nj_table_fini(&t);
}

static int
join_readers(void **state)
{
    (void)state;
    nj_rcu_register();
    return 0;
}

static int
leave_readers(void **state)
{
    (void)state;
    nj_rcu_barrier();
    nj_rcu_unregister();
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_in_and_nothing_else),
        cmocka_unit_test(marks_are_those_of_the_hash),
        cmocka_unit_test(without_memory_it_takes_what_fits),
    };

    return cmocka_run_group_tests(tests, join_readers, leave_readers);
}
