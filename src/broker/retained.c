/* SPDX-License-Identifier: Apache-2.0 */
/* Retained messages for a new subscription: delivered a few at a time, as fast as the client takes
 * them, whatever their number. They never wait in the queue, so its limit does not cut them off.
 *
 *   jobs:   order ──► [sport/#] ──► [a/b] ──► [+/x]      one for each filter, first come first
 * served table     by hash of the filter: a client that subscribes again and again without reading
 * has no more jobs than subscriptions */
#include "broker/delivery.h"
#include "broker/session.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"

#define AT_ONCE    64  /* messages behind the SUBACK, before others get their turn */
#define STEPS      256 /* how far one look for the next message goes */
#define FIRST_JOBS 4

struct job {
    struct nj_list link; /* in order */
    struct job *next_in_table;
    struct nj_retain_cursor *cursor;
    struct nj_sub_opts opts;
    uint64_t hash;
    bool is_answered; /* the SUBACK is sent; in order, these come first */
    size_t filter_n;
    char filter[];
};

struct nj_retained_jobs {
    struct nj_list order;
    struct job **table;
    size_t table_size, count; /* the size is a power of two */
};

/* ---- the jobs ---- */

static struct job **
link_of(const struct nj_retained_jobs *jobs, uint64_t hash, struct nj_str filter)
{
    struct job **place = &jobs->table[hash & (jobs->table_size - 1)];

    while (*place != NULL &&
           ((*place)->hash != hash ||
            !nj_str_eq((struct nj_str){(*place)->filter, (*place)->filter_n}, filter)))
        place = &(*place)->next_in_table;
    return place;
}

static void
remove_job(struct nj_retained_jobs *jobs, struct job **place)
{
    struct job *job = *place;

    NJ_ASSERT(job != NULL);
    *place = job->next_in_table;
    nj_list_remove(&job->link);
    jobs->count--;
    nj_retain_close(job->cursor);
    nj_free(job);
}

/* Twice as many buckets. Without memory the chains grow longer, that is all. */
static void
grow_jobs(struct nj_retained_jobs *jobs)
{
    struct job **table = nj_zalloc(jobs->table_size * 2 * sizeof(struct job *));
    struct nj_list *node;

    if (table == NULL)
        return;
    nj_free(jobs->table);
    jobs->table = table;
    jobs->table_size *= 2;
    nj_list_each (node, &jobs->order) {
        struct job *job = nj_container_of(node, struct job, link);
        struct job **bucket = &table[job->hash & (jobs->table_size - 1)];

        job->next_in_table = *bucket;
        *bucket = job;
    }
}

static bool
make_jobs(struct nj_session *s)
{
    struct nj_retained_jobs *jobs;

    if (s->retained != NULL)
        return true;
    jobs = nj_zalloc(sizeof(*jobs));
    if (jobs == NULL)
        return false;
    jobs->table = nj_zalloc(FIRST_JOBS * sizeof(struct job *));
    if (jobs->table == NULL) {
        nj_free(jobs);
        return false;
    }
    jobs->table_size = FIRST_JOBS;
    nj_list_init(&jobs->order);
    s->retained = jobs;
    return true;
}

static void
forget_if_empty(struct nj_session *s)
{
    if (s->retained == NULL || s->retained->count > 0)
        return;
    nj_free(s->retained->table);
    nj_free(s->retained);
    s->retained = NULL;
}

enum nj_err
nj_retained_begin(struct nj_session *s, struct nj_str filter, const struct nj_sub_opts *opts)
{
    uint64_t hash = nj_hash(filter);
    struct job *job, **bucket;

    nj_retained_cancel(s, filter);
    job = nj_zalloc(sizeof(*job) + filter.n);
    if (job == NULL)
        return NJ_ENOMEM;
    job->cursor = nj_retain_open(s->home->broker->retained, filter);
    if (job->cursor == NULL || !make_jobs(s)) {
        nj_retain_close(job->cursor);
        nj_free(job);
        return NJ_ENOMEM;
    }
    job->opts = *opts;
    job->hash = hash;
    job->filter_n = filter.n;
    memcpy(job->filter, filter.p, filter.n);
    nj_list_push(&s->retained->order, &job->link);
    bucket = &s->retained->table[hash & (s->retained->table_size - 1)];
    job->next_in_table = *bucket;
    *bucket = job;
    if (++s->retained->count > s->retained->table_size)
        grow_jobs(s->retained);
    return NJ_OK;
}

void
nj_retained_change(struct nj_session *s, struct nj_str filter, const struct nj_sub_opts *opts)
{
    struct job *job;

    if (s->retained == NULL)
        return;
    job = *link_of(s->retained, nj_hash(filter), filter);
    if (job != NULL)
        job->opts = *opts;
}

void
nj_retained_cancel(struct nj_session *s, struct nj_str filter)
{
    struct job **place;

    if (s->retained == NULL)
        return;
    place = link_of(s->retained, nj_hash(filter), filter);
    if (*place != NULL)
        remove_job(s->retained, place);
    forget_if_empty(s);
}

void
nj_retained_start(struct nj_session *s)
{
    if (s->retained != NULL)
        nj_home_work_on(s);
}

static struct job *
first_of(const struct nj_session *s)
{
    return nj_container_of(s->retained->order.next, struct job, link);
}

static void
remove_first(struct nj_session *s)
{
    const struct job *job = first_of(s);
    struct nj_str filter = {job->filter, job->filter_n};

    remove_job(s->retained, link_of(s->retained, job->hash, filter));
    forget_if_empty(s);
}

void
nj_retained_forget(struct nj_session *s)
{
    while (s->retained != NULL)
        remove_first(s);
    nj_list_remove(&s->work);
}

/* ---- delivering ---- */

/* Whether the client takes one more now; if not, the next acknowledgement, the link or the SUBACK
 * says when. */
static bool
is_ready(const struct nj_session *s, const struct job *job)
{
    if (!s->is_open || s->link->is_full || !job->is_answered)
        return false;
    return job->opts.qos == 0 ||
           (s->queue.count == 0 && s->inflight.next == s->inflight.ring.count &&
            nj_session_window_is_open(s));
}

/* The store knows a message for a session by both their numbers, and this one may be on its way
 * already, as it was published. At QoS 2 the copy becomes a message of its own, since a packet
 * identifier that may have been sent has to be known after a crash; at QoS 1 the store hears
 * nothing, as of those that are still to come. */
static void
store_copy(struct nj_session *s, struct nj_publication *pub, struct nj_terms *terms)
{
    if (terms->qos < 2 || !nj_session_is_durable(s))
        return;
    pub->number = nj_home_number(s->home);
    nj_msg_unref(pub->msg);
    pub->msg = NULL;
    nj_store_for(s->home, pub, &s->subscriber, terms);
}

/* `msg` is held until it is delivered. [MQTT5-3.3.1-8] [MQTT311-3.3.1-8] */
static void
deliver(struct nj_session *s, const struct nj_sub_opts *opts, struct nj_msg *msg)
{
    struct nj_publication pub;
    struct nj_terms terms = {
        .identifiers = &opts->identifier,
        .identifier_count = opts->identifier != 0,
        .qos = s->home->opts->upgrade_outgoing_qos ? opts->qos : NJ_MIN(msg->qos, opts->qos),
        .retain = true,
    };

    if (opts->no_local && msg->source == s->source)
        return;
    nj_publication_of(&pub, msg);
    store_copy(s, &pub, &terms);
    (void)nj_session_deliver(s, &pub, &terms); /* if it got lost, that is counted */
    nj_publication_fini(&pub);
}

bool
nj_retained_continue(struct nj_session *s, unsigned *budget)
{
    while (s->retained != NULL) {
        struct job *job = first_of(s);
        struct nj_msg *msg;
        bool is_end;

        if (!is_ready(s, job))
            return false;
        if (*budget == 0)
            return true;
        msg = nj_retain_next(job->cursor, s->home->now, STEPS, &is_end);
        --*budget;
        if (msg != NULL) {
            deliver(s, &job->opts, msg);
            nj_msg_unref(msg);
        } else if (is_end) {
            remove_first(s);
        }
    }
    return false;
}

void
nj_retained_answered(struct nj_session *s)
{
    struct nj_list *node;

    if (s->retained == NULL)
        return;
    for (node = s->retained->order.prev; node != &s->retained->order; node = node->prev) {
        struct job *job = nj_container_of(node, struct job, link);

        if (job->is_answered)
            return;
        job->is_answered = true;
    }
}

void
nj_retained_first(struct nj_session *s)
{
    unsigned budget = AT_ONCE;

    nj_retained_answered(s);
    if (nj_retained_continue(s, &budget))
        nj_retained_start(s);
}
