/* SPDX-License-Identifier: Apache-2.0 */
#include "store/topics.h"

#include "base/rand.h"
#include "base/test.h"

#define KEYS 500

static struct nj_topic_hash
hash_of(uint64_t i)
{
    /* Many that begin at the same slot, and in pairs that only the second half tells apart. */
    return (struct nj_topic_hash){.a = (i / 2) << (i % 3 * 20), .b = i};
}

static void
nothing_is_found_in_nothing(void **state)
{
    struct nj_topics t = {0};

    (void)state;
    assert_int_equal(nj_topics_find(&t, hash_of(1)), 0);
    assert_true(nj_topics_set(&t, hash_of(1), 0));
    assert_int_equal(t.capacity, 0);
    nj_topics_fini(&t);
}

static void
it_does_what_an_array_does(void **state)
{
    struct nj_topics t = {0};
    uint64_t plain[KEYS] = {0}, count;
    struct nj_rand rand;

    (void)state;
    nj_rand_seed(&rand, 2);
    for (unsigned step = 0; step < 100000; step++) {
        uint64_t i = nj_rand_below(&rand, step / 10000 % 2 == 0 ? KEYS : 20);
        uint64_t value = nj_rand_below(&rand, 3);

        assert_true(nj_topics_set(&t, hash_of(i), value));
        plain[i] = value;
        if (step % 1000 == 0) {
            nj_topics_trim(&t);
            count = 0;
            for (i = 0; i < KEYS; i++) {
                assert_int_equal(nj_topics_find(&t, hash_of(i)), plain[i]);
                count += plain[i] != 0;
            }
            assert_int_equal(t.count, count);
        }
    }
    nj_topics_fini(&t);
}

/* As a keyed hash would be. */
static struct nj_topic_hash
spread(uint64_t i)
{
    return (struct nj_topic_hash){.a = i * 0x9e3779b97f4a7c15u >> 20, .b = i};
}

static void
memory_is_given_back(void **state)
{
    struct nj_topics t = {0};

    (void)state;
    for (uint64_t i = 1; i <= 100000; i++)
        assert_true(nj_topics_set(&t, spread(i), i));
    assert_in_range(t.capacity, 100000, 300000);
    for (uint64_t i = 1; i < 100000; i++)
        assert_true(nj_topics_set(&t, spread(i), 0));
    nj_topics_trim(&t);
    assert_in_range(t.capacity, 1, 1000);
    assert_int_equal(nj_topics_find(&t, spread(100000)), 100000);
    nj_topics_fini(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_found_in_nothing),
        cmocka_unit_test(it_does_what_an_array_does),
        cmocka_unit_test(memory_is_given_back),
    };

    return cmocka_run_group_tests_name("store/topics", tests, NULL, NULL);
}
