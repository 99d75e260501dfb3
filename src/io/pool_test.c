/* SPDX-License-Identifier: Apache-2.0 */
#include "io/pool.h"

#include "base/mem.h"
#include "base/rcu.h"

#include "base/test.h"

#include <pthread.h>
#include <semaphore.h>

struct piece {
    struct nj_work work;
    bool was_run;
    pthread_t by;
};

static struct nj_reactor *reactor;
static struct nj_mailbox box;
static struct nj_pool *pool;
static sem_t begun, may_end; /* of the pieces that are held up */

static void
run(struct nj_work *work)
{
    struct piece *p = nj_container_of(work, struct piece, work);

    p->was_run = true;
    p->by = pthread_self();
}

static void
run_held(struct nj_work *work)
{
    run(work);
    (void)sem_post(&begun);
    (void)sem_wait(&may_end);
}

static void
prepare(struct piece *p, void (*how)(struct nj_work *))
{
    *p = (struct piece){.work = {.box = &box, .wakes = reactor, .run = how}};
}

/* The next letters, waiting for as many as that. */
static unsigned
receive(unsigned count)
{
    unsigned got = 0;

    while (got < count) {
        for (struct nj_letter *l = nj_mailbox_take(&box); l != NULL; l = l->next)
            got++;
        if (got < count)
            (void)nj_reactor_wait(reactor, -1);
    }
    return got;
}

static int
setup(void **state)
{
    (void)state;
    nj_rcu_register();
    nj_mailbox_init(&box);
    assert_int_equal(sem_init(&begun, 0, 0), 0);
    assert_int_equal(sem_init(&may_end, 0, 0), 0);
    assert_int_equal(nj_reactor_new(&reactor), NJ_OK);
    assert_int_equal(nj_pool_new(&pool, 2, 3), NJ_OK);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    nj_pool_free(pool);
    nj_reactor_free(reactor);
    nj_rcu_unregister();
    return 0;
}

static void
work_is_run_elsewhere_and_comes_back_as_a_letter(void **state)
{
    struct piece p;

    (void)state;
    prepare(&p, run);
    p.work.letter.kind = 7;
    assert_int_equal(nj_pool_give(pool, &p.work), NJ_OK);
    assert_int_equal(receive(1), 1);
    assert_true(p.was_run);
    assert_int_equal(p.work.letter.kind, 7);
    assert_false(pthread_equal(p.by, pthread_self()));
}

static void
all_threads_are_used_and_no_more(void **state)
{
    struct piece p[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        prepare(&p[i], run_held);
        assert_int_equal(nj_pool_give(pool, &p[i].work), NJ_OK);
    }
    (void)sem_wait(&begun);
    (void)sem_wait(&begun);
    assert_false(pthread_equal(p[0].by, p[1].by));
    assert_true(nj_pool_take_back(pool, &p[2].work)); /* nobody is left to begin it */
    (void)sem_post(&may_end);
    (void)sem_post(&may_end);
    assert_int_equal(receive(2), 2);
    assert_false(p[2].was_run);
}

static void
more_than_may_wait_is_refused_until_one_is_begun(void **state)
{
    struct piece held[2], waiting[4];

    (void)state;
    for (int i = 0; i < 2; i++) {
        prepare(&held[i], run_held);
        assert_int_equal(nj_pool_give(pool, &held[i].work), NJ_OK);
        (void)sem_wait(&begun);
    }
    for (int i = 0; i < 4; i++)
        prepare(&waiting[i], run);
    for (int i = 0; i < 3; i++)
        assert_int_equal(nj_pool_give(pool, &waiting[i].work), NJ_OK);
    assert_int_equal(nj_pool_give(pool, &waiting[3].work), NJ_EQUOTA);
    assert_true(nj_pool_take_back(pool, &waiting[1].work));
    assert_int_equal(nj_pool_give(pool, &waiting[3].work), NJ_OK);
    (void)sem_post(&may_end);
    (void)sem_post(&may_end);
    assert_int_equal(receive(5), 5);
    assert_false(waiting[1].was_run);
    assert_true(waiting[3].was_run);
}

static void
what_has_begun_is_not_taken_back(void **state)
{
    struct piece p;

    (void)state;
    prepare(&p, run_held);
    assert_int_equal(nj_pool_give(pool, &p.work), NJ_OK);
    (void)sem_wait(&begun);
    assert_false(nj_pool_take_back(pool, &p.work));
    (void)sem_post(&may_end);
    assert_int_equal(receive(1), 1);
}

static void
stop_posts_what_waits_without_running_it(void **state)
{
    struct piece held[2], waiting, late;

    (void)state;
    for (int i = 0; i < 2; i++) {
        prepare(&held[i], run_held);
        assert_int_equal(nj_pool_give(pool, &held[i].work), NJ_OK);
        (void)sem_wait(&begun);
    }
    prepare(&waiting, run);
    prepare(&late, run);
    assert_int_equal(nj_pool_give(pool, &waiting.work), NJ_OK);
    (void)sem_post(&may_end);
    (void)sem_post(&may_end);
    nj_pool_stop(pool);
    assert_int_equal(receive(3), 3);
    assert_int_equal(nj_pool_give(pool, &late.work), NJ_ECLOSED);
}

/* Given and taken back from one thread while others run them: each piece ends in one way. */
static void
pieces_come_back_once_whatever_overtakes_what(void **state)
{
    enum {
        ROUNDS = 20000
    };
    static struct piece p[3];
    unsigned given = 0, refused = 0, back = 0, letters = 0;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct piece *one = &p[i % 3];

        prepare(one, run);
        if (nj_pool_give(pool, &one->work) != NJ_OK) {
            refused++;
            continue;
        }
        given++;
        if (i % 2 == 0 && nj_pool_take_back(pool, &one->work))
            back++;
        else
            letters += receive(1);
    }
    assert_int_equal(given, back + letters);
    assert_int_equal(refused, 0);
    assert_true(nj_mailbox_is_empty(&box));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(work_is_run_elsewhere_and_comes_back_as_a_letter),
        TEST(all_threads_are_used_and_no_more),
        TEST(more_than_may_wait_is_refused_until_one_is_begun),
        TEST(what_has_begun_is_not_taken_back),
        TEST(stop_posts_what_waits_without_running_it),
        TEST(pieces_come_back_once_whatever_overtakes_what),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
