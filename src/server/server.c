/* SPDX-License-Identifier: Apache-2.0 */
#include "server/server_priv.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "server/refusals.h"

#include <pthread.h>
#include <stdio.h>

/* Threads that check passwords, and passwords that wait for them: with PBKDF2 as it is usual, the
 * last of these is checked within a second or two. */
#define POOL_THREADS_MAX 4u
#define POOL_WAITING     1024u

/* ---- making and freeing ---- */

static enum nj_err
copy_doors(struct nj_server *server, const struct nj_server_deps *deps)
{
    size_t count = deps->door_count, listeners = deps->opts->listener_count;

    server->doors = nj_alloc_array(count, sizeof(*server->doors));
    server->listener_connections = nj_zalloc(listeners * sizeof(*server->listener_connections));
    if (server->doors == NULL || server->listener_connections == NULL)
        return NJ_ENOMEM;
    if (count > 0)
        memcpy(server->doors, deps->doors, count * sizeof(*server->doors));
    server->door_count = count;
    return NJ_OK;
}

enum nj_err
nj_server_new(struct nj_server **out, const struct nj_server_deps *deps, struct nj_diag *diag)
{
    unsigned workers = deps->opts->workers;
    struct nj_server *server = nj_zalloc(sizeof(*server));
    enum nj_err err;

    NJ_ASSERT(workers >= 1 && workers <= NJ_SHARDS);
    if (server == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    server->methods = deps->methods;
    server->method_count = deps->method_count;
    err = copy_doors(server, deps);
    if (err == NJ_OK)
        err = nj_broker_new(&server->broker, (uint16_t)workers, deps->broker_opts,
                            deps->opts->max_topic_levels);
    if (err != NJ_OK) {
        (void)nj_diag_fail(diag, err, "Error: Out of memory.");
        goto fail;
    }
    err =
        nj_pool_new(&server->pool, NJ_MIN(NJ_MAX(workers / 2, 1u), POOL_THREADS_MAX), POOL_WAITING);
    if (err != NJ_OK)
        goto fail;
    err = NJ_ENOMEM;
    server->calls = nj_zalloc(workers * sizeof(*server->calls));
    server->workers = nj_zalloc_aligned(64, workers * sizeof(*server->workers));
    server->refusals = nj_refusals_new();
    if (server->calls == NULL || server->workers == NULL || server->refusals == NULL)
        goto fail;
    for (unsigned i = 0; i < workers; i++) {
        server->worker_count = i + 1;
        err = nj_worker_init(&server->workers[i], server, (uint16_t)i, deps, diag);
        if (err != NJ_OK)
            goto fail;
    }
    *out = server;
    return NJ_OK;

fail:
    nj_server_free(server);
    return err;
}

void
nj_server_free(struct nj_server *server)
{
    if (server == NULL)
        return;
    nj_pool_stop(server->pool); /* from here on no letter is written */
    nj_rcu_register();
    for (unsigned i = 0; i < server->worker_count; i++)
        nj_worker_drain(&server->workers[i]);
    for (unsigned i = 0; i < server->worker_count; i++)
        nj_worker_fini(&server->workers[i]);
    nj_pool_free(server->pool);
    nj_refusals_free(server->refusals);
    nj_rcu_quiescent();
    nj_rcu_unregister();
    nj_rcu_barrier();
    nj_broker_free(server->broker);
    nj_free(server->workers);
    nj_free(server->calls);
    nj_free(server->doors);
    nj_free(server->listener_connections);
    nj_free(server);
}

/* ---- running ---- */

enum nj_err
nj_server_start(struct nj_server *server, struct nj_diag *diag)
{
    for (unsigned i = 0; i < server->worker_count; i++) {
        struct nj_worker *w = &server->workers[i];
        char name[24];
        enum nj_err err;

        (void)snprintf(name, sizeof(name), "nj-worker-%u", i);
        err = nj_thread_start(&w->thread, name, nj_worker_run, w);
        if (err != NJ_OK) {
            nj_server_stop(server);
            return nj_diag_fail(diag, err, "Error: Unable to start worker thread %u.", i);
        }
    }
    return NJ_OK;
}

void
nj_server_turn(struct nj_server *server, unsigned worker, int timeout_ms)
{
    nj_worker_turn(&server->workers[worker], timeout_ms);
}

nj_time
nj_server_next(struct nj_server *server, unsigned worker)
{
    struct nj_worker *w = &server->workers[worker];
    int timeout = nj_worker_timeout(w);

    return timeout < 0 ? NJ_NEVER : nj_reactor_now(w->reactor) + timeout;
}

/* ---- calls ---- */

/* How many calls of one round are still to be done. */
struct nj_calls {
    pthread_mutex_t mutex;
    pthread_cond_t done;
    unsigned left;
};

void
nj_call_done(struct nj_call *call)
{
    struct nj_calls *of = call->of;

    (void)pthread_mutex_lock(&of->mutex);
    if (--of->left == 0)
        (void)pthread_cond_signal(&of->done);
    (void)pthread_mutex_unlock(&of->mutex);
}

/* Run `fn` between two turns of each worker that runs; returns when all have. Not from a worker,
 * and from one thread at a time. */
static void
on_each(struct nj_server *server, void (*fn)(struct nj_worker *w, void *arg), void *arg)
{
    struct nj_calls calls = {.left = 0};
    struct nj_call *list = server->calls;

    (void)pthread_mutex_init(&calls.mutex, NULL);
    (void)pthread_cond_init(&calls.done, NULL);
    (void)pthread_mutex_lock(&calls.mutex);
    for (unsigned i = 0; i < server->worker_count; i++) {
        if (!server->workers[i].thread.is_started)
            continue;
        list[i] = (struct nj_call){
            .letter = {.kind = NJ_LETTER_CALL}, .fn = fn, .arg = arg, .of = &calls};
        calls.left++;
        nj_worker_post(&server->workers[i], &list[i].letter);
    }
    while (calls.left > 0)
        (void)pthread_cond_wait(&calls.done, &calls.mutex);
    (void)pthread_mutex_unlock(&calls.mutex);
    (void)pthread_cond_destroy(&calls.done);
    (void)pthread_mutex_destroy(&calls.mutex);
}

/* ---- stopping ---- */

static void
stop_accepting(struct nj_worker *w, void *arg)
{
    (void)arg;
    nj_worker_stop_accepting(w);
}

/* First everybody's will, while all who may want it are still there; then the connections. */
static void
publish_wills(struct nj_worker *w, void *arg)
{
    (void)arg;
    nj_home_publish_wills(w->home);
}

static void
close_conns(struct nj_worker *w, void *arg)
{
    (void)arg;
    nj_worker_close_conns(w, NJ_CAUSE_SHUTTING_DOWN);
}

static void
nothing(struct nj_worker *w, void *arg)
{
    (void)w;
    (void)arg;
}

static void
stop_worker(struct nj_worker *w, void *arg)
{
    (void)arg;
    w->is_stopping = true;
}

void
nj_server_stop(struct nj_server *server)
{
    on_each(server, stop_accepting, NULL);
    on_each(server, publish_wills, NULL);
    on_each(server, nothing, NULL); /* a turn, in which they reach other workers */
    on_each(server, close_conns, NULL);
    on_each(server, stop_worker, NULL);
    for (unsigned i = 0; i < server->worker_count; i++)
        nj_thread_join(&server->workers[i].thread);
}

/* ---- from other threads ---- */

struct new_options {
    const struct nj_server_opts *server;
    const struct nj_broker_opts *broker;
};

static void
take_options(struct nj_worker *w, void *arg)
{
    const struct new_options *new = arg;

    w->opts = new->server;
    w->home->opts = new->broker;
    nj_worker_reconsider_conns(w);
}

void
nj_server_reload(struct nj_server *server, const struct nj_server_opts *opts,
                 const struct nj_broker_opts *broker_opts)
{
    struct new_options new = {opts, broker_opts};
    struct nj_retain_opts retain = {broker_opts->max_retained_messages,
                                    broker_opts->max_retained_bytes};

    on_each(server, take_options, &new);
    nj_retain_limits(server->broker->retained, &retain);
}

struct nj_refusals *
nj_server_refusals(struct nj_server *server)
{
    return server->refusals;
}

bool
nj_server_publish(struct nj_server *server, struct nj_str topic, struct nj_str payload, uint8_t qos,
                  bool retain, uint64_t expiry_s)
{
    struct nj_own_message *m = nj_alloc(sizeof(*m) + topic.n + payload.n);

    if (m == NULL)
        return false;
    *m = (struct nj_own_message){
        .letter = {.kind = NJ_LETTER_PUBLISH},
        .expiry_s = expiry_s,
        .topic_n = (uint32_t)topic.n,
        .payload_n = (uint32_t)payload.n,
        .qos = qos,
        .retain = retain,
    };
    memcpy(m->bytes, topic.p, topic.n);
    if (payload.n > 0)
        memcpy(m->bytes + topic.n, payload.p, payload.n);
    nj_worker_post(&server->workers[0], &m->letter);
    return true;
}

void
nj_server_wake(struct nj_server *server, unsigned worker)
{
    nj_reactor_wake(server->workers[worker].reactor);
}

uint64_t
nj_server_metric(const struct nj_server *server, enum nj_metric which)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < server->worker_count; i++)
        sum += nj_metric_get(&server->workers[i].metrics, which);
    return sum;
}

uint64_t
nj_server_cause(const struct nj_server *server, enum nj_cause cause)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < server->worker_count; i++)
        sum +=
            atomic_load_explicit(&server->workers[i].metrics.by_cause[cause], memory_order_relaxed);
    return sum;
}

struct nj_broker *
nj_server_broker(struct nj_server *server)
{
    return server->broker;
}

unsigned
nj_server_workers(const struct nj_server *server)
{
    return server->worker_count;
}
