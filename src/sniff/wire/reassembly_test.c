/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/wire/reassembly.h"

#include "base/mem.h"
#include "sniff/kit_test.h"

static struct nj_reassembly r;
static struct nj_reassembly_pool pool;

static int
set_up(void **state)
{
    (void)state;
    r = (struct nj_reassembly){0};
    pool = (struct nj_reassembly_pool){0};
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    nj_reassembly_drop(&r, &pool);
    return nj_mem_used() == 0 && pool.used == 0 ? 0 : -1;
}

static struct nj_ready
feed(uint32_t seq, struct nj_str payload)
{
    return nj_reassembly_feed(&r, &pool, seq, payload, (uint32_t)payload.n);
}

static void
what_is_not_taken_comes_again(void **state)
{
    struct nj_ready ready = feed(100, NJ_STR("abcdef"));

    (void)state;
    assert_true(ready.is_new && !ready.is_behind_gap);
    assert_true(nj_str_eq(ready.bytes, NJ_STR("abcdef")));
    nj_reassembly_take(&r, &pool, 4);
    ready = feed(106, NJ_STR("gh"));
    assert_true(nj_str_eq(ready.bytes, NJ_STR("efgh")));
    nj_reassembly_take(&r, &pool, 4);
    ready = feed(108, NJ_STR("i"));
    assert_true(nj_str_eq(ready.bytes, NJ_STR("i")));
    nj_reassembly_take(&r, &pool, 1);
}

static void
what_comes_twice_is_new_once(void **state)
{
    struct nj_ready ready = feed(100, NJ_STR("abcdef"));

    (void)state;
    nj_reassembly_take(&r, &pool, 6);
    ready = feed(100, NJ_STR("XXXXXX"));
    assert_false(ready.is_new);
    ready = feed(103, NJ_STR("XXXgh")); /* overlaps */
    assert_true(ready.is_new);
    assert_true(nj_str_eq(ready.bytes, NJ_STR("gh")));
    nj_reassembly_take(&r, &pool, 2);
}

static void
what_came_too_early_waits(void **state)
{
    struct nj_ready ready = feed(0xfffffffe, NJ_STR("ab")); /* the numbers go round */

    (void)state;
    nj_reassembly_take(&r, &pool, 2);
    ready = feed(4, NJ_STR("gh"));
    assert_false(ready.is_new);
    ready = feed(2, NJ_STR("efXX"));
    assert_false(ready.is_new);
    assert_true(nj_reassembly_has(&r, 2, 4));
    assert_false(nj_reassembly_has(&r, 1, 2));
    ready = feed(0, NJ_STR("cd"));
    assert_true(ready.is_new && !ready.is_behind_gap);
    assert_int_equal(ready.bytes.n, 6);
    assert_memory_equal(ready.bytes.p, "cdef", 4);
    nj_reassembly_take(&r, &pool, 6);
    assert_true(nj_reassembly_has(&r, 0, 6));
}

static void
a_gap_that_the_other_side_does_not_have_is_given_up(void **state)
{
    struct nj_ready ready = feed(100, NJ_STR("abc"));

    (void)state;
    nj_reassembly_take(&r, &pool, 1); /* the rest is the beginning of something */
    nj_reassembly_acknowledge(&r, 110);
    ready = feed(110, NJ_STR("xyz"));
    assert_true(ready.is_new && ready.is_behind_gap);
    assert_true(nj_str_eq(ready.bytes, NJ_STR("xyz")));
    nj_reassembly_take(&r, &pool, 3);
    assert_int_equal(pool.gaps, 1);
    assert_int_equal(pool.lost_bytes, 2);
    assert_false(nj_reassembly_is_whole(&r));
    ready = feed(113, NJ_STR("!"));
    assert_true(ready.is_new && !ready.is_behind_gap);
    nj_reassembly_take(&r, &pool, 1);
}

static void
behind_a_frame_that_was_cut_there_is_a_gap(void **state)
{
    struct nj_ready ready = nj_reassembly_feed(&r, &pool, 100, NJ_STR("abc"), 10);

    (void)state;
    assert_true(ready.is_new && !ready.is_behind_gap);
    nj_reassembly_take(&r, &pool, 2);
    ready = feed(110, NJ_STR("xyz"));
    assert_true(ready.is_behind_gap);
    assert_true(nj_str_eq(ready.bytes, NJ_STR("xyz")));
    nj_reassembly_take(&r, &pool, 3);
}

static void
what_is_held_has_a_ceiling(void **state)
{
    static char segment[1000];
    struct nj_ready ready = feed(0, NJ_STR("a"));
    uint32_t seq = 2;
    size_t most = 0, got = 0;

    (void)state;
    nj_reassembly_take(&r, &pool, 1);
    for (unsigned i = 0; i < 5000; i++, seq += sizeof(segment) + 1) { /* a gap before each */
        ready = feed(seq, (struct nj_str){segment, sizeof(segment)});
        got += ready.bytes.n;
        nj_reassembly_take(&r, &pool, ready.bytes.n);
        most = pool.used > most ? pool.used : most;
    }
    assert_true(most < 2 * NJ_REASSEMBLY_HELD_MAX);
    assert_true(got > 3000 * sizeof(segment));
    assert_true(pool.gaps > 3000);
}

static void
what_is_pending_has_a_ceiling(void **state)
{
    static char segment[60000];
    uint32_t seq = 0;
    bool has_lost = false;

    (void)state;
    for (unsigned i = 0; i < 600; i++, seq += sizeof(segment)) { /* 36 MB, of which none is taken */
        struct nj_ready ready = feed(seq, (struct nj_str){segment, sizeof(segment)});

        has_lost = has_lost || ready.is_behind_gap;
        nj_reassembly_take(&r, &pool, 0);
        assert_true(pool.used <= 2 * NJ_REASSEMBLY_PENDING_MAX);
    }
    assert_true(has_lost);
    assert_true(pool.lost_bytes > 0);
}

static uint32_t
next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

/* Segments of any length from any place up to a window ahead: in the end all has come in order,
 * once. */
static void
any_order_of_segments_gives_the_same_bytes(void **state)
{
    enum {
        TOTAL = 20000,
        WINDOW = 600
    };
    static char sent[TOTAL], got[TOTAL];
    uint64_t seed = 42;

    (void)state;
    for (size_t i = 0; i < TOTAL; i++)
        sent[i] = (char)next_random(&seed);
    for (uint32_t round = 0; round < 20; round++) {
        uint32_t base = next_random(&seed) | 0xffff0000; /* goes round soon */
        size_t done = 0;

        r = (struct nj_reassembly){0};
        nj_reassembly_begin(&r, base);
        while (done < TOTAL) {
            size_t from = done > 50 ? done - 50 : 0;
            size_t at = from + next_random(&seed) % WINDOW;
            size_t n = 1 + next_random(&seed) % 100;
            struct nj_ready ready;
            size_t take;

            if (at >= TOTAL)
                continue;
            n = n > TOTAL - at ? TOTAL - at : n;
            ready = feed(base + (uint32_t)at, (struct nj_str){sent + at, n});
            assert_false(ready.is_behind_gap);
            take = ready.bytes.n > 0 ? next_random(&seed) % (ready.bytes.n + 1) : 0;
            if (done + ready.bytes.n == TOTAL)
                take = ready.bytes.n;
            if (take > 0)
                memcpy(got + done, ready.bytes.p, take);
            nj_reassembly_take(&r, &pool, take);
            done += take;
        }
        assert_memory_equal(got, sent, TOTAL);
        nj_reassembly_drop(&r, &pool);
    }
    assert_int_equal(pool.gaps, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_taken_comes_again),
        TEST(what_comes_twice_is_new_once),
        TEST(what_came_too_early_waits),
        TEST(a_gap_that_the_other_side_does_not_have_is_given_up),
        TEST(behind_a_frame_that_was_cut_there_is_a_gap),
        TEST(what_is_held_has_a_ceiling),
        TEST(what_is_pending_has_a_ceiling),
        TEST(any_order_of_segments_gives_the_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
