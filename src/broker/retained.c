/* SPDX-License-Identifier: Apache-2.0 */
/* Retained messages for a new subscription: delivered a few at a time, as fast as the client takes
 * them, whatever their number. They never wait in the queue, so its limit does not cut them off. */
#include "broker/session.h"

#include "base/mem.h"

/* How far one call looks before others get their turn. */
#define STEPS 256

struct nj_retained_job {
    struct nj_retained_job *next;
    struct nj_retain_cursor *cursor;
    struct nj_sub_opts opts;
};

static void
free_job(struct nj_retained_job *job)
{
    nj_retain_close(job->cursor);
    nj_free(job);
}

enum nj_err
nj_retained_begin(struct nj_session *s, struct nj_str filter, const struct nj_sub_opts *opts)
{
    struct nj_retained_job *job = nj_zalloc(sizeof(*job));
    struct nj_retained_job **last = &s->retained;

    if (job == NULL)
        return NJ_ENOMEM;
    job->cursor = nj_retain_open(s->home->broker->retained, filter);
    if (job->cursor == NULL) {
        nj_free(job);
        return NJ_ENOMEM;
    }
    job->opts = *opts;
    while (*last != NULL)
        last = &(*last)->next;
    *last = job;
    return NJ_OK;
}

void
nj_retained_start(struct nj_session *s)
{
    if (s->retained != NULL && nj_list_is_empty(&s->work))
        nj_list_push(&s->home->work, &s->work);
}

void
nj_retained_forget(struct nj_session *s)
{
    while (s->retained != NULL) {
        struct nj_retained_job *job = s->retained;

        s->retained = job->next;
        free_job(job);
    }
    nj_list_remove(&s->work);
}

/* Whether the client takes one more now; if not, the next acknowledgement or the link says when. */
static bool
is_ready(const struct nj_session *s, const struct nj_retained_job *job)
{
    if (s->link == NULL || s->link->is_full)
        return false;
    return job->opts.qos == 0 || (s->queue.count == 0 && s->inflight.next == s->inflight.count &&
                                  nj_session_window_is_open(s));
}

/* [MQTT5-3.3.1-8] [MQTT311-3.3.1-8] */
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

    if (opts->no_local && msg->source == s->hash)
        return;
    nj_publication_of(&pub, msg);
    nj_session_deliver(s, &pub, &terms);
    nj_publication_fini(&pub);
}

bool
nj_retained_continue(struct nj_session *s, unsigned *budget)
{
    while (s->retained != NULL) {
        struct nj_retained_job *job = s->retained;
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
            s->retained = job->next;
            free_job(job);
        }
    }
    return false;
}
