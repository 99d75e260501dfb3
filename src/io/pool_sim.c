/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of the simulated world: before each turn of a worker, chance may have some piece of work
 * done, whichever of those that wait. */
#include "io/pool_priv.h"

#include "base/assert.h"
#include "base/mem.h"
#include "io/sim_priv.h"

struct nj_pool {
    struct nj_list link; /* of all pools */
    struct nj_list waiting;
    unsigned count, count_max;
    bool is_stopping;
};

static struct nj_list pools = {&pools, &pools};
static bool is_held;

enum nj_err
nj_pool_new(struct nj_pool **out, unsigned threads, unsigned waiting)
{
    struct nj_pool *pool = nj_zalloc(sizeof(*pool));

    NJ_ASSERT(threads > 0 && waiting > 0);
    if (pool == NULL)
        return NJ_ENOMEM;
    nj_list_init(&pool->waiting);
    pool->count_max = waiting;
    nj_list_push(&pools, &pool->link);
    *out = pool;
    return NJ_OK;
}

enum nj_err
nj_pool_give(struct nj_pool *pool, struct nj_work *work)
{
    if (pool->is_stopping)
        return NJ_ECLOSED;
    if (pool->count == pool->count_max)
        return NJ_EQUOTA;
    nj_list_push(&pool->waiting, &work->link);
    pool->count++;
    return NJ_OK;
}

bool
nj_pool_take_back(struct nj_pool *pool, struct nj_work *work)
{
    if (nj_list_is_empty(&work->link))
        return false;
    nj_list_remove(&work->link);
    pool->count--;
    return true;
}

void
nj_pool_stop(struct nj_pool *pool)
{
    struct nj_list *link;

    if (pool == NULL)
        return;
    pool->is_stopping = true;
    pool->count = 0;
    while ((link = nj_list_pop(&pool->waiting)) != NULL)
        nj_work_post(nj_container_of(link, struct nj_work, link));
}

void
nj_pool_free(struct nj_pool *pool)
{
    if (pool == NULL)
        return;
    nj_pool_stop(pool);
    nj_list_remove(&pool->link);
    nj_free(pool);
}

/* ---- for the world ---- */

void
nj_sim_hold_work(bool hold)
{
    is_held = hold;
}

bool
nj_pool_sim_any_ready(void)
{
    struct nj_list *link;

    nj_list_each (link, &pools)
        if (!is_held && nj_container_of(link, struct nj_pool, link)->count > 0)
            return true;
    return false;
}

static void
run_one(struct nj_pool *pool)
{
    struct nj_list *link = pool->waiting.next;
    struct nj_work *work;

    for (uint32_t skip = nj_rand_below(nj_sim_rand(), pool->count); skip > 0; skip--)
        link = link->next;
    nj_list_remove(link);
    pool->count--;
    work = nj_container_of(link, struct nj_work, link);
    work->run(work);
    nj_work_post(work);
}

void
nj_pool_sim_run(void)
{
    struct nj_list *link;

    nj_list_each (link, &pools) {
        struct nj_pool *pool = nj_container_of(link, struct nj_pool, link);

        if (!is_held && pool->count > 0 && nj_sim_chance(30))
            run_one(pool);
    }
}
