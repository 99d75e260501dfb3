/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "server/conn.h"
#include "server/say.h"
#include "server/secure.h"
#include "server/server_priv.h"

#include <string.h>

/* Retained messages per turn, before others get theirs. */
#define RETAINED_BUDGET 512
/* Expired retained messages looked for per sweep, and how often. */
#define SWEEP_STEPS 1024
/* Empty output blocks kept: 4 MiB. */
#define POOL_BLOCKS 1024
/* While another mailbox is full, or somebody is held, it is looked at this often. */
#define STALL_MS 1
/* Memory that is still not used again after this long goes back to the system. */
#define TRIM_MS 1000

/* ---- letters ---- */

void
nj_worker_post(struct nj_worker *w, struct nj_letter *letter)
{
    if (nj_mailbox_post(&w->mailbox, letter))
        nj_reactor_wake(w->reactor);
}

void
nj_worker_send_home(struct nj_conn *c)
{
    struct nj_worker *w = c->worker;
    struct nj_server *server = w->server;
    uint16_t home = nj_broker_home_of(server->broker, nj_str_of(c->client_id));

    nj_reactor_forget(w->reactor, &c->io);
    nj_timer_cancel(w->wheel, &c->timer);
    nj_list_remove(&c->link_all);
    nj_list_remove(&c->link_in);
    nj_list_remove(&c->link_out);
    nj_secure_leave(c);
    nj_metric_add(&w->metrics, NJ_METRIC_CONNECTIONS, -1);
    c->letter.kind = NJ_LETTER_CONN;
    c->letter.weight = 0;
    nj_worker_post(&server->workers[home], &c->letter);
}

static void
post_bundle(void *ctx, uint16_t to, struct nj_bundle *bundle)
{
    struct nj_worker *w = ctx;
    struct nj_worker *other = &w->server->workers[to];

    bundle->letter.kind = NJ_LETTER_BUNDLE;
    bundle->letter.weight = (uint32_t)NJ_MIN(bundle->weight, UINT32_MAX);
    nj_worker_post(other, &bundle->letter);
    if (nj_mailbox_weight(&other->mailbox) > NJ_MAILBOX_SOFT_LIMIT)
        w->is_stalled = true;
}

/* Publishers are read again, in the next turn, when no mailbox is more than half full and the store
 * not busy. */
static void
end_stall(struct nj_worker *w)
{
    if (w->store->ops->is_busy(w->store))
        return;
    for (unsigned i = 0; i < w->server->worker_count; i++)
        if (i != w->id &&
            nj_mailbox_weight(&w->server->workers[i].mailbox) > NJ_MAILBOX_SOFT_LIMIT / 2)
            return;
    w->is_stalled = false;
    nj_list_move_all(&w->ready, &w->paused);
}

/* In the next turn. Relaxed: it is looked at again in a millisecond. */
static void
end_hold(struct nj_worker *w)
{
    struct nj_list *node;

    if (w->now < w->held_until &&
        atomic_load_explicit(&w->server->broker->crowded, memory_order_relaxed) > 0)
        return;
    nj_list_each (node, &w->held)
        nj_container_of(node, struct nj_conn, link_in)->session->is_held = false;
    nj_list_move_all(&w->ready, &w->held);
}

static void
publish_own(struct nj_worker *w, struct nj_own_message *m)
{
    struct nj_publication pub = {
        .topic = {m->bytes, m->topic_n},
        .payload = {m->bytes + m->topic_n, m->payload_n},
        .qos = m->qos,
        .retain = m->retain,
    };

    nj_home_stamp(w->home, &pub, m->expiry_s);
    nj_home_publish(w->home, &pub);
    nj_publication_fini(&pub);
    nj_free(m);
}

static void
open_letter(struct nj_worker *w, struct nj_letter *letter)
{
    switch ((enum nj_letter_kind)letter->kind) {
    case NJ_LETTER_BUNDLE:
        nj_home_take(w->home, nj_container_of(letter, struct nj_bundle, letter));
        break;
    case NJ_LETTER_CONN:
        nj_conn_arrive(nj_container_of(letter, struct nj_conn, letter), w);
        break;
    case NJ_LETTER_CALL: {
        struct nj_call *call = nj_container_of(letter, struct nj_call, letter);

        call->fn(w, call->arg);
        nj_call_done(call);
        break;
    }
    case NJ_LETTER_PUBLISH:
        publish_own(w, nj_container_of(letter, struct nj_own_message, letter));
        break;
    case NJ_LETTER_LOGIN:
        nj_conn_logged_in(letter);
        break;
    }
}

/* As much as others may ask of one turn; the rest, and what has come meanwhile, in the next. */
static void
read_mail(struct nj_worker *w)
{
    uint64_t weight = 0;

    if (w->mail == NULL)
        w->mail = nj_mailbox_take(&w->mailbox);
    while (w->mail != NULL && weight < NJ_MAILBOX_SOFT_LIMIT) {
        struct nj_letter *letter = w->mail;

        w->mail = letter->next;
        weight += letter->weight;
        open_letter(w, letter);
    }
}

/* ---- what the home needs of us ---- */

static void
on_dropped(void *ctx, enum nj_cause cause, struct nj_session *session, struct nj_str topic)
{
    nj_say_dropped(ctx, cause, session, topic);
}

static void
on_expired(void *ctx, const struct nj_session *session)
{
    (void)ctx;
    nj_say_expired(session);
}

static void
on_waits(void *ctx, const struct nj_session *session)
{
    (void)ctx;
    nj_say_waits(session);
}

static const struct nj_home_ops home_ops = {post_bundle, on_dropped, on_expired, on_waits};

/* ---- the turn ---- */

/* Whether something was begun after the part of the turn that would have finished it: a write that
 * fails ends a connection, and its will is to be routed, kept, posted and written. */
static bool
is_unfinished(const struct nj_worker *w)
{
    return !nj_list_is_empty(&w->dirty) || nj_home_has_mail(w->home) ||
           w->store->ops->safe(w->store) > w->home->committed;
}

int
nj_worker_timeout(const struct nj_worker *w)
{
    nj_time next = NJ_MIN(nj_wheel_next(w->wheel), nj_home_next(w->home));
    nj_time now = nj_reactor_now(w->reactor);

    if (!nj_list_is_empty(&w->ready) || !nj_list_is_empty(&w->later) ||
        !nj_list_is_empty(&w->shaking) || !nj_list_is_empty(&w->again) ||
        nj_home_has_work(w->home) || w->mail != NULL || !nj_mailbox_is_empty(&w->mailbox) ||
        is_unfinished(w))
        return 0;
    if (w->is_stalled || !nj_list_is_empty(&w->held))
        return STALL_MS;
    if (next == NJ_NEVER)
        return -1;
    return next <= now ? 0 : (int)NJ_MIN(next - now, INT32_MAX);
}

static void
read_later(struct nj_worker *w)
{
    uint64_t end = w->home->deliveries + NJ_WORKER_TURN;
    struct nj_list *node;

    while (w->home->deliveries < end && (node = nj_list_pop(&w->later)) != NULL)
        nj_conn_read(nj_container_of(node, struct nj_conn, link_in));
}

static void
take_ready(struct nj_list *ready)
{
    struct nj_list *node;

    while ((node = nj_list_pop(ready)) != NULL)
        nj_conn_continue(nj_container_of(node, struct nj_conn, link_in));
}

/* What the store says is safe lets answers go and QoS 2 messages be routed, which may append again.
 */
static void
commit(struct nj_worker *w)
{
    uint64_t safe = w->store->ops->safe(w->store);

    while (safe > w->home->committed) {
        nj_home_committed(w->home, safe);
        safe = w->store->ops->safe(w->store);
    }
    if (NJ_UNLIKELY(w->store->ops->has_failed(w->store)))
        nj_home_store_failed(w->home);
}

static void
write_all(struct nj_worker *w)
{
    struct nj_list dirty;
    struct nj_list *node;

    nj_list_init(&dirty);
    nj_list_move_all(&dirty, &w->dirty);
    w->flushed = 0;
    while ((node = nj_list_pop(&dirty)) != NULL) {
        w->flushed++;
        nj_conn_flush(nj_container_of(node, struct nj_conn, link_out));
    }
}

static void
close_all(struct nj_worker *w)
{
    struct nj_list *node;

    while ((node = nj_list_pop(&w->closing)) != NULL)
        nj_conn_close(nj_container_of(node, struct nj_conn, link_out));
}

/* The clock is read once for all that one wait delivers. */
void
nj_worker_look_at_clock(struct nj_worker *w)
{
    w->now = nj_reactor_now(w->reactor);
    w->home->now = w->now;
}

/* The last turn tells how many there are to share this one. */
static void
set_shares(struct nj_worker *w)
{
    w->share = NJ_MAX(NJ_WORKER_BUDGET / NJ_MAX(w->busy, 1u), NJ_WORKER_LEAST);
    w->write_share = NJ_MAX(NJ_WORKER_WRITE_BYTES / NJ_MAX(w->flushed, 1u), NJ_WORKER_WRITE_LEAST);
    w->busy = 0;
    w->output_ceiling = w->opts->max_output_bytes;
    if (nj_mem_is_tight())
        w->output_ceiling = NJ_MIN(w->output_ceiling, NJ_WORKER_TIGHT_BYTES);
}

void
nj_worker_turn(struct nj_worker *w, int timeout_ms)
{
    struct nj_list ready; /* from turns before: who is read now has had its share */

    nj_list_init(&ready);
    nj_list_move_all(&ready, &w->ready);
    set_shares(w);
    (void)nj_reactor_wait(w->reactor, timeout_ms); /* reads: see nj_conn's on_ready() */
    nj_worker_look_at_clock(w);
    read_later(w);
    nj_home_begin(w->home, w->now);
    read_mail(w);
    (void)nj_wheel_run(w->wheel, w->now, 0);
    if (w->is_stalled)
        end_stall(w);
    if (!nj_list_is_empty(&w->held))
        end_hold(w);
    take_ready(&ready);
    nj_secure_work(w);
    nj_home_work(w->home, RETAINED_BUDGET);
    commit(w);
    nj_home_post(w->home);
    write_all(w);
    close_all(w);
    if (nj_mem_is_slack() && !nj_timer_is_set(&w->trim))
        nj_timer_set(w->wheel, &w->trim, w->now + TRIM_MS);
    nj_rcu_quiescent();
}

/* ---- beginning and end ---- */

static void
on_door(struct nj_io *io, unsigned events)
{
    struct nj_doorway *d = nj_container_of(io, struct nj_doorway, io);

    (void)events;
    nj_worker_look_at_clock(d->worker);
    nj_conn_accept(d);
}

static void
watch_door(struct nj_doorway *d)
{
    if (nj_reactor_watch(d->worker->reactor, &d->io, NJ_IO_READ) != NJ_OK)
        nj_timer_set(d->worker->wheel, &d->again, d->worker->now + 1000);
}

static void
on_door_time(struct nj_timer *t, nj_time now)
{
    (void)now;
    watch_door(nj_container_of(t, struct nj_doorway, again));
}

static void
on_sweep(struct nj_timer *t, nj_time now)
{
    struct nj_worker *w = nj_container_of(t, struct nj_worker, sweep);
    uint32_t every_s = w->home->opts->retain_expiry_s;

    (void)nj_retain_sweep(w->server->broker->retained, now, SWEEP_STEPS);
    nj_timer_set(w->wheel, t, every_s > 0 ? nj_time_after_s(now, every_s) : NJ_NEVER);
}

static void
on_trim(struct nj_timer *t, nj_time now)
{
    (void)t;
    (void)now;
    if (nj_mem_is_slack())
        nj_mem_trim();
}

static bool
needs_secure(const struct nj_server_opts *o)
{
    for (size_t i = 0; i < o->listener_count; i++)
        if (o->listeners[i].tls != NULL)
            return true;
    return false;
}

static enum nj_err
open_doorways(struct nj_worker *w, const struct nj_server_deps *deps)
{
    w->doorways = nj_zalloc(deps->door_count * sizeof(*w->doorways));
    if (w->doorways == NULL)
        return NJ_ENOMEM;
    for (size_t i = 0; i < deps->door_count; i++) {
        struct nj_doorway *d = &w->doorways[i];

        d->worker = w;
        d->door = &w->server->doors[i];
        d->io = (struct nj_io){.fd = d->door->fd, .is_exclusive = true, .on_ready = on_door};
        nj_timer_init(&d->again, on_door_time);
        watch_door(d);
    }
    return NJ_OK;
}

enum nj_err
nj_worker_init(struct nj_worker *w, struct nj_server *server, uint16_t id,
               const struct nj_server_deps *deps, struct nj_diag *diag)
{
    struct nj_home_deps home = {
        .broker = server->broker,
        .opts = deps->broker_opts,
        .ops = &home_ops,
        .ctx = w,
        .store = deps->stores[id],
        .metrics = &w->metrics,
    };

    w->server = server;
    w->opts = deps->opts;
    w->id = id;
    nj_list_init(&w->conns);
    nj_list_init(&w->ready);
    nj_list_init(&w->later);
    nj_list_init(&w->dirty);
    nj_list_init(&w->closing);
    nj_list_init(&w->shaking);
    nj_list_init(&w->again);
    nj_list_init(&w->paused);
    nj_list_init(&w->held);
    nj_mailbox_init(&w->mailbox);
    w->store = deps->stores[id];
    nj_timer_init(&w->sweep, on_sweep);
    nj_timer_init(&w->trim, on_trim);
    nj_ration_init(w);
    nj_rand_seed(&w->rand, deps->seed + id);
    if (nj_reactor_new(&w->reactor) != NJ_OK)
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to create an epoll set for a worker.");
    w->now = nj_reactor_now(w->reactor);
    w->wheel = nj_wheel_new(w->now);
    w->pool = nj_out_pool_new(POOL_BLOCKS);
    w->buffer = nj_alloc(NJ_WORKER_READ_BYTES);
    if (needs_secure(deps->opts)) {
        w->secure = nj_alloc(sizeof(*w->secure));
        if (w->secure == NULL)
            return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    }
    if (w->wheel == NULL || w->pool == NULL || w->buffer == NULL ||
        nj_home_new(&w->home, id, &home) != NJ_OK || open_doorways(w, deps) != NJ_OK)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    w->home->now = w->now;
    if (id == 0 && deps->broker_opts->retain_expiry_s > 0)
        nj_timer_set(w->wheel, &w->sweep,
                     nj_time_after_s(w->now, deps->broker_opts->retain_expiry_s));
    return NJ_OK;
}

/* What nobody will read any more. */
static void
discard_letter(struct nj_worker *w, struct nj_letter *letter)
{
    switch ((enum nj_letter_kind)letter->kind) {
    case NJ_LETTER_BUNDLE:
        nj_bundle_free(nj_container_of(letter, struct nj_bundle, letter));
        break;
    case NJ_LETTER_CONN: {
        struct nj_conn *c = nj_container_of(letter, struct nj_conn, letter);

        c->worker = w;
        nj_list_push(&w->conns, &c->link_all);
        break;
    }
    case NJ_LETTER_CALL:
        nj_call_done(nj_container_of(letter, struct nj_call, letter));
        break;
    case NJ_LETTER_PUBLISH:
        nj_free(nj_container_of(letter, struct nj_own_message, letter));
        break;
    case NJ_LETTER_LOGIN:
        nj_login_discard(letter);
        break;
    }
}

void
nj_worker_drain(struct nj_worker *w)
{
    struct nj_letter *letter, *next;

    if (w->home == NULL)
        return;
    while ((letter = w->mail != NULL ? w->mail : nj_mailbox_take(&w->mailbox)) != NULL)
        for (w->mail = NULL; letter != NULL; letter = next) {
            next = letter->next;
            discard_letter(w, letter);
        }
    nj_worker_close_conns(w, NJ_CAUSE_SHUTTING_DOWN);
    nj_ration_say(w);
}

void
nj_worker_stop_accepting(struct nj_worker *w)
{
    for (size_t i = 0; w->doorways != NULL && i < w->server->door_count; i++) {
        nj_reactor_forget(w->reactor, &w->doorways[i].io);
        nj_timer_cancel(w->wheel, &w->doorways[i].again);
    }
}

void
nj_worker_fini(struct nj_worker *w)
{
    nj_worker_stop_accepting(w);
    nj_free(w->doorways);
    nj_home_free(w->home);
    nj_free(w->buffer);
    nj_free(w->secure);
    nj_out_pool_free(w->pool);
    nj_wheel_free(w->wheel);
    nj_reactor_free(w->reactor);
}

void
nj_worker_close_conns(struct nj_worker *w, enum nj_cause cause)
{
    struct nj_list *node, *after;

    nj_list_each_safe (node, after, &w->conns)
        nj_conn_end(nj_container_of(node, struct nj_conn, link_all), cause);
    close_all(w);
}

void
nj_worker_reconsider_conns(struct nj_worker *w)
{
    struct nj_list *node, *after;

    nj_list_each_safe (node, after, &w->conns)
        nj_conn_reconsider(nj_container_of(node, struct nj_conn, link_all));
}

void
nj_worker_run(void *worker)
{
    struct nj_worker *w = worker;

    nj_rcu_register();
    while (!w->is_stopping)
        nj_worker_turn(w, nj_worker_timeout(w));
    nj_rcu_unregister();
}
