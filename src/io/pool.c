/* SPDX-License-Identifier: Apache-2.0 */
#include "io/pool_priv.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/thread.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* How much less of the processor than a worker. */
#define NICER 10

struct nj_pool {
    pthread_mutex_t mutex; /* over all that follows */
    pthread_cond_t news;
    struct nj_list waiting;
    unsigned count, count_max;
    unsigned idle; /* threads that wait for news */
    bool is_stopping;
    unsigned started, threads_max;
    struct nj_thread threads[];
};

enum nj_err
nj_pool_new(struct nj_pool **out, unsigned threads, unsigned waiting)
{
    struct nj_pool *pool = nj_zalloc(sizeof(*pool) + threads * sizeof(pool->threads[0]));

    NJ_ASSERT(threads > 0 && waiting > 0);
    if (pool == NULL)
        return NJ_ENOMEM;
    (void)pthread_mutex_init(&pool->mutex, NULL);
    (void)pthread_cond_init(&pool->news, NULL);
    nj_list_init(&pool->waiting);
    pool->count_max = waiting;
    pool->threads_max = threads;
    *out = pool;
    return NJ_OK;
}

/* The next piece; NULL when it is time to end. */
static struct nj_work *
wait_for_work(struct nj_pool *pool)
{
    struct nj_list *link;

    (void)pthread_mutex_lock(&pool->mutex);
    pool->idle++;
    while (nj_list_is_empty(&pool->waiting) && !pool->is_stopping)
        (void)pthread_cond_wait(&pool->news, &pool->mutex);
    pool->idle--;
    link = nj_list_pop(&pool->waiting);
    if (link != NULL)
        pool->count--;
    (void)pthread_mutex_unlock(&pool->mutex);
    return link != NULL ? nj_container_of(link, struct nj_work, link) : NULL;
}

/* Linux keeps the nice value for each thread. Best effort: it may be at the end of its range. */
static void
be_nice(void)
{
    id_t self = (id_t)gettid();

    (void)setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + NICER);
}

static void
body(void *arg)
{
    struct nj_pool *pool = arg;
    struct nj_work *work;

    be_nice();
    while ((work = wait_for_work(pool)) != NULL) {
        work->run(work);
        nj_work_post(work);
    }
}

/* One more thread, where all others have something to do. */
static enum nj_err
start_thread(struct nj_pool *pool)
{
    char name[24];
    enum nj_err err;

    if (pool->started == pool->threads_max || pool->idle >= pool->count)
        return NJ_OK;
    (void)snprintf(name, sizeof(name), "nj-pool-%u", pool->started);
    err = nj_thread_start(&pool->threads[pool->started], name, body, pool);
    if (err == NJ_OK)
        pool->started++;
    /* With at least one, it only takes longer. */
    return pool->started > 0 ? NJ_OK : err;
}

enum nj_err
nj_pool_give(struct nj_pool *pool, struct nj_work *work)
{
    enum nj_err err = NJ_OK;

    (void)pthread_mutex_lock(&pool->mutex);
    if (pool->is_stopping)
        err = NJ_ECLOSED;
    else if (pool->count == pool->count_max)
        err = NJ_EQUOTA;
    if (err == NJ_OK) {
        nj_list_push(&pool->waiting, &work->link);
        pool->count++;
        err = start_thread(pool);
        if (err != NJ_OK) {
            nj_list_remove(&work->link);
            pool->count--;
        }
        (void)pthread_cond_signal(&pool->news);
    }
    (void)pthread_mutex_unlock(&pool->mutex);
    return err;
}

bool
nj_pool_take_back(struct nj_pool *pool, struct nj_work *work)
{
    bool waits;

    (void)pthread_mutex_lock(&pool->mutex);
    waits = !nj_list_is_empty(&work->link);
    if (waits) {
        nj_list_remove(&work->link);
        pool->count--;
    }
    (void)pthread_mutex_unlock(&pool->mutex);
    return waits;
}

void
nj_pool_stop(struct nj_pool *pool)
{
    struct nj_list left;
    struct nj_list *link;

    if (pool == NULL)
        return;
    nj_list_init(&left);
    (void)pthread_mutex_lock(&pool->mutex);
    pool->is_stopping = true;
    nj_list_move_all(&left, &pool->waiting);
    pool->count = 0;
    while ((link = nj_list_pop(&left)) != NULL)
        nj_work_post(nj_container_of(link, struct nj_work, link));
    (void)pthread_cond_broadcast(&pool->news);
    (void)pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->started; i++)
        nj_thread_join(&pool->threads[i]);
}

void
nj_pool_free(struct nj_pool *pool)
{
    if (pool == NULL)
        return;
    nj_pool_stop(pool);
    (void)pthread_cond_destroy(&pool->news);
    (void)pthread_mutex_destroy(&pool->mutex);
    nj_free(pool);
}
