/* SPDX-License-Identifier: Apache-2.0 */
#include "server/refusals.h"

#include "base/mem.h"
#include "base/mutex.h"

struct refusal {
    nj_time at;
    char *why;
};

struct nj_refusals {
    struct nj_mutex lock;
    struct refusal ring[NJ_REFUSALS_MAX];
    uint64_t count; /* ever; the next goes to count mod NJ_REFUSALS_MAX */
};

struct nj_refusals *
nj_refusals_new(void)
{
    struct nj_refusals *r = nj_zalloc(sizeof(*r));

    if (r != NULL)
        nj_mutex_init(&r->lock);
    return r;
}

void
nj_refusals_free(struct nj_refusals *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < NJ_REFUSALS_MAX; i++)
        nj_free(r->ring[i].why);
    nj_mutex_fini(&r->lock);
    nj_free(r);
}

void
nj_refusals_add(struct nj_refusals *r, nj_time now, struct nj_str why)
{
    struct refusal new = {now, nj_str_dup(why)};
    struct refusal old;

    if (new.why == NULL)
        return;
    nj_mutex_lock(&r->lock);
    old = r->ring[r->count % NJ_REFUSALS_MAX];
    r->ring[r->count++ % NJ_REFUSALS_MAX] = new;
    nj_mutex_unlock(&r->lock);
    nj_free(old.why);
}

uint64_t
nj_refusals_count(struct nj_refusals *r)
{
    uint64_t count;

    nj_mutex_lock(&r->lock);
    count = r->count;
    nj_mutex_unlock(&r->lock);
    return count;
}

/* A copy, so that who is slow to say it holds up nobody. */
static size_t
copy(struct nj_refusals *r, struct refusal *out)
{
    size_t n = 0;

    nj_mutex_lock(&r->lock);
    for (uint64_t i = r->count > NJ_REFUSALS_MAX ? r->count - NJ_REFUSALS_MAX : 0; i < r->count;
         i++) {
        const struct refusal *one = &r->ring[i % NJ_REFUSALS_MAX];

        out[n] = (struct refusal){one->at, nj_str_dup(nj_str_of(one->why))};
        n += out[n].why != NULL;
    }
    nj_mutex_unlock(&r->lock);
    return n;
}

void
nj_refusals_each(struct nj_refusals *r, void (*fn)(void *ctx, nj_time at, const char *why),
                 void *ctx)
{
    struct refusal *list = nj_alloc_array(NJ_REFUSALS_MAX, sizeof(*list));
    size_t n = list != NULL ? copy(r, list) : 0;

    for (size_t i = 0; i < n; i++) {
        fn(ctx, list[i].at, list[i].why);
        nj_free(list[i].why);
    }
    nj_free(list);
}
