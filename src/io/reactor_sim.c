/* SPDX-License-Identifier: Apache-2.0 */
/* Several reactors in one thread, each a virtual worker's. A wait never sleeps: it draws some of
 * what is ready, in any order, and delivers that; what was not drawn is ready the next time. At
 * least one is drawn, so that who waits often enough comes to an end. */
#include "io/sim_priv.h"

#include "base/assert.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/rcu.h"

struct nj_reactor {
    struct nj_list link;
    nj_time now;
    bool is_woken;
    struct nj_io **watched;
    size_t count, capacity;
    /* What is being delivered; NULL: forgotten meanwhile. */
    struct {
        struct nj_io *io;
        unsigned events;
    } * batch;
    size_t batch_count, at;
};

static struct nj_list reactors = {&reactors, &reactors};

enum nj_err
nj_reactor_new(struct nj_reactor **out)
{
    struct nj_reactor *r = nj_zalloc(sizeof(*r));

    if (r == NULL)
        return NJ_ENOMEM;
    r->now = nj_sim_now();
    nj_list_init(&r->link);
    nj_list_push(&reactors, &r->link);
    *out = r;
    return NJ_OK;
}

void
nj_reactor_free(struct nj_reactor *r)
{
    if (r == NULL)
        return;
    nj_list_remove(&r->link);
    nj_free(r->watched);
    nj_free(r->batch);
    nj_free(r);
}

static bool
reserve(struct nj_reactor *r)
{
    size_t capacity = r->capacity > 0 ? r->capacity * 2 : 8;
    void *watched, *batch;

    if (r->count < r->capacity)
        return true;
    watched = nj_realloc(r->watched, capacity * sizeof(*r->watched));
    if (watched == NULL)
        return false;
    r->watched = watched;
    batch = nj_realloc(r->batch, capacity * sizeof(*r->batch));
    if (batch == NULL)
        return false;
    r->batch = batch;
    r->capacity = capacity;
    return true;
}

enum nj_err
nj_reactor_watch(struct nj_reactor *r, struct nj_io *io, unsigned interest)
{
    if (!io->is_watched) {
        NJ_ASSERT(nj_sim_socket(io->fd) != NULL);
        if (!reserve(r))
            return NJ_ENOMEM;
        r->watched[r->count++] = io;
        io->is_watched = true;
    }
    io->interest = (uint8_t)interest;
    return NJ_OK;
}

void
nj_reactor_forget(struct nj_reactor *r, struct nj_io *io)
{
    if (!io->is_watched)
        return;
    for (size_t i = 0; i < r->count; i++)
        if (r->watched[i] == io) {
            r->watched[i] = r->watched[--r->count];
            io->is_watched = false;
            io->interest = 0;
        }
    NJ_ASSERT(!io->is_watched); /* else another reactor watches it */
    for (size_t i = r->at; i < r->batch_count; i++)
        if (r->batch[i].io == io)
            r->batch[i].io = NULL;
}

/* ---- what is ready ---- */

static bool
watches(const struct nj_reactor *r, int fd)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->watched[i]->fd == fd && (r->watched[i]->interest & NJ_IO_READ) != 0)
            return true;
    return false;
}

/* The reactor that is told of connections waiting at an exclusive listener. */
static struct nj_reactor *
chosen_for(struct nj_sim_socket *l, int fd)
{
    struct nj_list *link;
    uint32_t candidates = 0;

    nj_list_each (link, &reactors) {
        struct nj_reactor *r = nj_container_of(link, struct nj_reactor, link);

        if (!watches(r, fd))
            continue;
        if (r == l->chosen)
            return r;
        candidates++;
    }
    l->chosen = NULL;
    if (candidates == 0)
        return NULL;
    candidates = nj_rand_below(nj_sim_rand(), candidates);
    nj_list_each (link, &reactors) {
        struct nj_reactor *r = nj_container_of(link, struct nj_reactor, link);

        if (watches(r, fd) && candidates-- == 0) {
            l->chosen = r;
            break;
        }
    }
    return l->chosen;
}

static unsigned
ready_events(const struct nj_io *io)
{
    const struct nj_sim_socket *s = nj_sim_socket(io->fd);
    unsigned ready = 0;

    if (s->kind == NJ_SIM_LISTENER)
        return s->first >= 0 ? io->interest & NJ_IO_READ : 0;
    if (s->is_reset) /* an error is told to everyone who watches */
        return NJ_IO_READ | NJ_IO_WRITE;
    if (nj_sim_is_readable(s))
        ready |= NJ_IO_READ;
    if (nj_sim_is_writable(s))
        ready |= NJ_IO_WRITE;
    return ready & io->interest;
}

/* As with the kernel, another reactor may find the connection, too, and be too late for it. */
static bool
is_told(struct nj_reactor *r, const struct nj_io *io)
{
    struct nj_sim_socket *s = nj_sim_socket(io->fd);

    return s->kind != NJ_SIM_LISTENER || !io->is_exclusive || chosen_for(s, io->fd) == r ||
           nj_sim_chance(20);
}

bool
nj_reactor_sim_any_ready(void)
{
    struct nj_list *link;

    nj_list_each (link, &reactors) {
        struct nj_reactor *r = nj_container_of(link, struct nj_reactor, link);

        if (r->is_woken)
            return true;
        for (size_t i = 0; i < r->count; i++)
            if (ready_events(r->watched[i]) != 0)
                return true;
    }
    return false;
}

bool
nj_reactor_sim_any(void)
{
    return !nj_list_is_empty(&reactors);
}

/* ---- waiting ---- */

static void
draw_batch(struct nj_reactor *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->count; i++) {
        unsigned events = ready_events(r->watched[i]);

        if (events == 0 || !is_told(r, r->watched[i]))
            continue;
        r->batch[n].io = r->watched[i];
        r->batch[n++].events = events;
    }
    for (size_t i = n; i > 1; i--) {
        size_t j = nj_rand_below(nj_sim_rand(), (uint32_t)i);
        __typeof__(r->batch[0]) moved = r->batch[j];

        r->batch[j] = r->batch[i - 1];
        r->batch[i - 1] = moved;
    }
    r->batch_count = n > 0 ? 1 + nj_rand_below(nj_sim_rand(), (uint32_t)n) : 0;
    r->at = 0;
}

int
nj_reactor_wait(struct nj_reactor *r, int timeout_ms)
{
    int delivered = 0;

    (void)timeout_ms;
    nj_rcu_quiescent();
    nj_pool_sim_run();
    r->is_woken = false;
    r->now = nj_sim_now();
    draw_batch(r);
    while (r->at < r->batch_count) {
        struct nj_io *io = r->batch[r->at].io;
        unsigned events = r->batch[r->at++].events;

        if (io == NULL)
            continue;
        if (events != (NJ_IO_READ | NJ_IO_WRITE) || !nj_sim_socket(io->fd)->is_reset)
            events &= io->interest; /* it may have changed since */
        if (events == 0)
            continue;
        delivered++;
        io->on_ready(io, events);
    }
    return delivered;
}

void
nj_reactor_wake(struct nj_reactor *r)
{
    r->is_woken = true;
}

nj_time
nj_reactor_now(const struct nj_reactor *r)
{
    return r->now;
}
