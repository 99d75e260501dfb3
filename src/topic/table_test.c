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
    bool is_in;
};

static bool
is_found(struct nj_table *t, struct item *item)
{
    struct nj_entry *e = nj_table_find(t, item->hash);

    while (e != NULL && e != &item->entry)
        e = nj_table_find_next(e);
    return e != NULL;
}

static void
finds_what_is_in_and_nothing_else(void **state)
{
    static struct item items[ITEMS];
    struct nj_table t;
    struct nj_rand r;
    uint32_t count = 0, walked = 0;

    (void)state;
    nj_rand_seed(&r, 1);
    nj_table_init(&t);
    /* A few share one hash, a few differ in the bit that does not count. */
    for (size_t i = 0; i < ITEMS; i++)
        items[i].hash = i % 10 == 0 ? 77 + (i & 16) / 16 : nj_rand_u64(&r);
    for (size_t n = 0; n < 10 * ITEMS; n++) {
        struct item *item = &items[nj_rand_below(&r, ITEMS)];

        assert_int_equal(is_found(&t, item), item->is_in);
        if (item->is_in)
            nj_table_remove(&t, &item->entry);
        else
            nj_table_insert(&t, &item->entry, item->hash);
        item->is_in = !item->is_in;
        count += item->is_in ? 1 : -1u;
        assert_int_equal(nj_table_count(&t), count);
    }
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(is_found(&t, &items[i]), items[i].is_in);
    for (struct nj_entry *e = nj_table_walk(&t, NULL); e != NULL; e = nj_table_walk(&t, e))
        walked++;
    assert_int_equal(walked, count);
    nj_table_fini(&t);
}

static void
works_on_without_memory_to_grow(void **state)
{
    static struct item items[200];
    struct nj_table t;
    struct nj_rand r;

    (void)state;
    nj_rand_seed(&r, 2);
    nj_table_init(&t);
    nj_mem_limit_set(1);
    for (size_t i = 0; i < NJ_COUNT_OF(items); i++) {
        items[i].hash = nj_rand_u64(&r);
        nj_table_insert(&t, &items[i].entry, items[i].hash);
    }
    nj_mem_limit_set(0);
    assert_int_equal(nj_table_bytes(&t), 0);
    for (size_t i = 0; i < NJ_COUNT_OF(items); i++) {
        assert_true(is_found(&t, &items[i]));
        nj_table_remove(&t, &items[i].entry);
        nj_table_insert(&t, &items[i].entry, items[i].hash);
    }
    assert_true(nj_table_bytes(&t) >= 128 * sizeof(struct nj_entry));
    for (size_t i = 0; i < NJ_COUNT_OF(items); i++)
        assert_true(is_found(&t, &items[i]));
    nj_table_fini(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_in_and_nothing_else),
        cmocka_unit_test(works_on_without_memory_to_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
