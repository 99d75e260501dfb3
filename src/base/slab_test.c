/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks travel between threads, are one owner's at a time, and the stock is bounded. */
#include "base/mem.h"
#include "base/slab.h"
#include "base/test.h"
#include "base/thread.h"

#include <pthread.h>
#include <string.h>

#define MANY 4096

static void *blocks[MANY];

static void
take_many(size_t bytes)
{
    for (size_t i = 0; i < MANY; i++) {
        blocks[i] = nj_slab_alloc(bytes);
        assert_non_null(blocks[i]);
        memset(blocks[i], (int)i, bytes);
    }
}

static void
give_many(size_t bytes)
{
    for (size_t i = 0; i < MANY; i++)
        nj_slab_free(blocks[i], bytes);
}

static void
a_block_comes_back_for_the_same_size(void **state)
{
    void *p = nj_slab_alloc(100), *other;

    (void)state;
    nj_slab_free(p, 100);
    other = nj_slab_alloc(129);
    assert_ptr_not_equal(other, p);
    nj_slab_free(other, 129);
    assert_ptr_equal(nj_slab_alloc(128), p); /* 97 to 128 bytes are one size */
    nj_slab_free(p, 128);
}

static void
every_size_holds_what_was_asked_for(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes <= NJ_SLAB_MAX_BYTES + 1; bytes++) {
        uint8_t *p = nj_slab_alloc(bytes);

        assert_non_null(p);
        memset(p, 0xa5, bytes); /* the sanitizers see a block that is too small */
        nj_slab_free(p, bytes);
    }
}

static void
blocks_in_use_are_all_different(void **state)
{
    (void)state;
    take_many(64);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(((uint8_t *)blocks[i])[63], i & 0xff);
    give_many(64);
    take_many(64);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(((uint8_t *)blocks[i])[63], i & 0xff);
    give_many(64);
}

static void
what_is_kept_is_bounded(void **state)
{
    uint64_t bound = (NJ_SLAB_DEPOT_TRAYS + 2) * NJ_SLAB_TRAY_BLOCKS * (NJ_SLAB_MAX_BYTES + 64);
    uint64_t before = nj_mem_used();

    (void)state;
    take_many(NJ_SLAB_MAX_BYTES);
    assert_true(nj_mem_used() > before + bound); /* so the bound below says something */
    give_many(NJ_SLAB_MAX_BYTES);
    assert_true(nj_mem_used() <= before + bound);
}

static void
the_ceiling_holds(void **state)
{
    void *first[MANY / 4];
    size_t n = 0;

    (void)state;
    nj_mem_limit_set(nj_mem_used() + 16 * 1024);
    while (n < NJ_COUNT_OF(first) && (first[n] = nj_slab_alloc(480)) != NULL)
        n++;
    nj_mem_limit_set(0);
    /* Those that were kept of the tests before are no new ones. */
    assert_in_range(n, 1, 16 * 1024 / 480 + (NJ_SLAB_DEPOT_TRAYS + 2) * NJ_SLAB_TRAY_BLOCKS);
    while (n > 0)
        nj_slab_free(first[--n], 480);
}

/* ---- one makes, the other gives back ---- */

#define ROUNDS 100

static pthread_barrier_t handed, given;

static void
give_back(void *arg)
{
    bool *is_whole = arg;

    for (int round = 0; round < ROUNDS; round++) {
        (void)pthread_barrier_wait(&handed);
        for (size_t i = 0; i < MANY; i++)
            *is_whole = *is_whole && ((uint8_t *)blocks[i])[63] == (i & 0xff);
        give_many(64);
        (void)pthread_barrier_wait(&given);
    }
}

static void
blocks_go_round_between_threads(void **state)
{
    struct nj_thread other = {0};
    bool is_whole = true;
    uint64_t before = nj_mem_used();

    (void)state;
    assert_int_equal(pthread_barrier_init(&handed, NULL, 2), 0);
    assert_int_equal(pthread_barrier_init(&given, NULL, 2), 0);
    assert_int_equal(nj_thread_start(&other, "gives-back", give_back, &is_whole), NJ_OK);
    for (int round = 0; round < ROUNDS; round++) {
        take_many(64);
        (void)pthread_barrier_wait(&handed);
        (void)pthread_barrier_wait(&given);
    }
    nj_thread_join(&other);
    assert_true(is_whole);
    /* The other thread's count was added when it passed 64 KiB the last time. */
    assert_true(nj_mem_used() <=
                before + (NJ_SLAB_DEPOT_TRAYS + 4) * NJ_SLAB_TRAY_BLOCKS * 96 + 2 * 64 * 1024);
    (void)pthread_barrier_destroy(&handed);
    (void)pthread_barrier_destroy(&given);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_comes_back_for_the_same_size),
        cmocka_unit_test(every_size_holds_what_was_asked_for),
        cmocka_unit_test(blocks_in_use_are_all_different),
        cmocka_unit_test(what_is_kept_is_bounded),
        cmocka_unit_test(the_ceiling_holds),
        cmocka_unit_test(blocks_go_round_between_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
