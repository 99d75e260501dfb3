/* SPDX-License-Identifier: Apache-2.0 */
#include "store/numbers.h"

#include "base/mem.h"
#include "base/rand.h"
#include "base/test.h"

#define KEYS 500
#define MANY 100000u
#define SOME 30000u /* eight pages */

static void
nothing_is_found_in_nothing(void **state)
{
    struct nj_numbers n = {0};
    const struct nj_number_key key = {1, 0};

    (void)state;
    nj_numbers_foresee(&n, key);
    nj_numbers_trim(&n);
    assert_int_equal(nj_numbers_find(&n, key), 0);
    assert_true(nj_numbers_set(&n, key, 0));
    assert_null(n.pages);
    nj_numbers_fini(&n);
}

static void
add_up(void *ctx, struct nj_number_key key, uint64_t value)
{
    uint64_t *sum = ctx;

    *sum += key.a * 3 + value;
}

/* Wide keys come in pairs that only the second half tells apart. */
static struct nj_number_key
key_of(const struct nj_numbers *n, uint64_t i)
{
    return n->is_wide ? (struct nj_number_key){i / 2, i} : nj_number(i);
}

static void
do_what_an_array_does(struct nj_numbers *n)
{
    uint64_t plain[KEYS] = {0};
    struct nj_rand rand;

    nj_rand_seed(&rand, 2);
    for (unsigned step = 0; step < 100000; step++) {
        uint64_t i = nj_rand_below(&rand, step / 10000 % 2 == 0 ? KEYS : 20);
        uint64_t value = nj_rand_below(&rand, 3), count = 0, sum = 0, expected = 0;

        assert_true(nj_numbers_set(n, key_of(n, i), value));
        plain[i] = value;
        if (step % 1000 != 0)
            continue;
        nj_numbers_trim(n);
        for (i = 0; i < KEYS; i++) {
            const struct nj_number_key key = key_of(n, i);

            assert_int_equal(nj_numbers_find(n, key), plain[i]);
            count += plain[i] != 0;
            expected += plain[i] != 0 ? key.a * 3 + plain[i] : 0;
        }
        assert_int_equal(n->count, count);
        nj_numbers_each(n, add_up, &sum);
        assert_int_equal(sum, expected);
    }
    nj_numbers_fini(n);
}

static void
it_does_what_an_array_does(void **state)
{
    struct nj_numbers narrow = {0}, wide = {.is_wide = true};

    (void)state;
    do_what_an_array_does(&narrow);
    do_what_an_array_does(&wide);
}

/* Numbers that count up, and such as differ in their first bits alone. */
static void
many_keep_their_numbers(void **state)
{
    struct nj_numbers n = {0};

    (void)state;
    for (unsigned shift = 0; shift <= 40; shift += 40) {
        uint64_t sum = 0, expected = 0;

        for (uint64_t i = 1; i <= MANY; i++) {
            const struct nj_number_key key = nj_number(i << shift);

            assert_true(nj_numbers_set(&n, key, i));
            assert_int_equal(nj_numbers_find(&n, key), i);
            expected += key.a * 3 + i;
        }
        nj_numbers_each(&n, add_up, &sum);
        assert_true(sum == expected);
        for (uint64_t i = 1; i <= MANY; i++) {
            const struct nj_number_key key = nj_number(i << shift);

            assert_int_equal(nj_numbers_find(&n, key), i);
        }
        nj_numbers_fini(&n);
    }
}

static void
memory_is_given_back(void **state)
{
    struct nj_numbers n = {0};
    uint64_t before = nj_mem_used(), most;

    (void)state;
    for (uint64_t i = 1; i <= MANY; i++)
        assert_true(nj_numbers_set(&n, nj_number(i), i));
    most = nj_mem_used() - before;
    assert_in_range(most, (uint64_t)MANY * 16, (uint64_t)MANY * 48);
    for (uint64_t i = 1; i < MANY; i++) {
        assert_true(nj_numbers_set(&n, nj_number(i), 0));
        if (i % 1000 == 0)
            nj_numbers_trim(&n);
        assert_int_equal(nj_numbers_find(&n, nj_number(MANY)), MANY);
    }
    assert_int_equal(n.count, 1);
    assert_in_range(nj_mem_used() - before, 1, most / 8);
    nj_numbers_fini(&n);
}

static void
what_is_forgotten_is_not_found(void **state)
{
    const unsigned counts[] = {0, 1, 40, 3000, 20000, 2};
    struct nj_numbers n = {.is_wide = true};
    uint64_t before = nj_mem_used();

    (void)state;
    for (unsigned i = 0; i < NJ_COUNT_OF(counts); i++) {
        uint64_t sum = 0;

        for (uint64_t k = 1; k <= counts[i]; k++)
            assert_true(nj_numbers_set(&n, (struct nj_number_key){k, i}, k));
        assert_int_equal(n.count, counts[i]);
        nj_numbers_clear(&n);
        assert_int_equal(n.count, 0);
        nj_numbers_each(&n, add_up, &sum);
        assert_int_equal(sum, 0);
        assert_int_equal(nj_numbers_find(&n, (struct nj_number_key){1, i}), 0);
    }
    assert_in_range(nj_mem_used() - before, 0, 4096); /* by the last time, not by the most */
    nj_numbers_fini(&n);
}

/* A transaction that is undone: nothing is trimmed meanwhile, and nothing may fail. */
static void
what_was_removed_is_put_back_without_memory(void **state)
{
    struct nj_numbers n = {0};
    uint64_t used;

    (void)state;
    for (uint64_t i = 1; i <= MANY; i++)
        assert_true(nj_numbers_set(&n, nj_number(i), i));
    used = nj_mem_used();
    for (uint64_t i = 1; i <= MANY; i++)
        assert_true(nj_numbers_set(&n, nj_number(i), 0));
    assert_int_equal(n.count, 0);
    for (uint64_t i = MANY; i > 0; i--)
        assert_true(nj_numbers_set(&n, nj_number(i), i));
    assert_int_equal(nj_mem_used(), used);
    for (uint64_t i = 1; i <= MANY; i++)
        assert_int_equal(nj_numbers_find(&n, nj_number(i)), i);
    nj_numbers_fini(&n);
}

struct change {
    uint32_t key, before;
};

/* As a ledger does it: most are kept, and trimmed; the others are undone, last change first, and
 * need no memory for that, whatever was split meanwhile. */
static void
change_and_undo(struct nj_numbers *n, struct nj_rand *rand, uint32_t plain[SOME], unsigned add)
{
    static struct change changes[3000];
    uint32_t count = nj_rand_below(rand, NJ_COUNT_OF(changes));
    uint64_t used;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t key = nj_rand_below(rand, SOME);

        changes[i] = (struct change){key, plain[key]};
        plain[key] = nj_rand_below(rand, 10) < add ? 1 + nj_rand_below(rand, 9) : 0;
        assert_true(nj_numbers_set(n, key_of(n, key), plain[key]));
    }
    if (nj_rand_below(rand, 4) > 0) {
        nj_numbers_trim(n);
        return;
    }
    used = nj_mem_used();
    while (count > 0) {
        const struct change *c = &changes[--count];

        plain[c->key] = c->before;
        assert_true(nj_numbers_set(n, key_of(n, c->key), c->before));
    }
    assert_int_equal(nj_mem_used(), used);
}

/* It grows and shrinks, so that pages are split, joined, and split again. */
static void
pages_come_and_go_and_all_is_found(void **state)
{
    static uint32_t plain[SOME];
    struct nj_rand rand;

    (void)state;
    nj_rand_seed(&rand, 7);
    for (int is_wide = 0; is_wide < 2; is_wide++) {
        struct nj_numbers n = {.is_wide = is_wide != 0};
        size_t most = 0;

        memset(plain, 0, sizeof(plain));
        for (unsigned round = 0; round < 300; round++) {
            uint64_t count = 0;

            change_and_undo(&n, &rand, plain, round / 50 % 2 == 0 ? 9 : 0);
            most = NJ_MAX(most, n.page_count);
            if (round % 50 == 49)
                assert_true(round / 50 % 2 == 0 ? n.page_count > 7 : n.page_count <= most / 2);
            if (round % 10 > 0)
                continue;
            for (uint32_t i = 0; i < SOME; i++) {
                assert_true(nj_numbers_find(&n, key_of(&n, i)) == plain[i]);
                count += plain[i] != 0;
            }
            assert_int_equal(n.count, count);
        }
        nj_numbers_fini(&n);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_found_in_nothing),
        cmocka_unit_test(it_does_what_an_array_does),
        cmocka_unit_test(many_keep_their_numbers),
        cmocka_unit_test(memory_is_given_back),
        cmocka_unit_test(what_is_forgotten_is_not_found),
        cmocka_unit_test(what_was_removed_is_put_back_without_memory),
        cmocka_unit_test(pages_come_and_go_and_all_is_found),
    };

    return cmocka_run_group_tests_name("store/numbers", tests, NULL, NULL);
}
