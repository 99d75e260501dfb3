/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session.h"

#include "base/assert.h"
#include "base/mem.h"

/* ---- what the store is told ---- */

/* Durable is seen by others only now: what they append for it comes after this. (Release: see
 * is_durable() in delivery.c.) */
uint64_t
nj_session_store(struct nj_session *s, nj_time left)
{
    const struct nj_session_state state = {
        .client_id = nj_session_client_id(s), .expiry_s = s->expiry_s, .left = left};
    const struct nj_change change = {
        .kind = NJ_CHANGE_SESSION, .session = s->subscriber.number, .state = &state};
    uint64_t number = nj_home_append(s->home, &change);

    if (!s->is_stored || s->told_expiry_s != s->expiry_s)
        s->told = number;
    s->told_expiry_s = s->expiry_s;
    s->is_stored = true;
    nj_session_set_status(s, NJ_SUBSCRIBER_DURABLE, nj_session_is_durable(s));
    return number;
}

void
nj_session_store_will(struct nj_session *s)
{
    struct nj_change change = {.kind = NJ_CHANGE_WILL, .session = s->subscriber.number};
    struct nj_will will;

    if (s->will == NULL && !s->has_stored_will)
        return;
    if (s->will != NULL) {
        will = (struct nj_will){
            .topic = nj_msg_topic(s->will),
            .properties = nj_msg_properties(s->will),
            .payload = nj_msg_payload(s->will),
            .qos = s->will->qos,
            .retain = s->will->retain,
            .delay_s = s->will_delay_s,
            .expiry_s = s->will_expiry_s,
        };
        change.will = &will;
    }
    s->has_stored_will = s->will != NULL;
    s->told = nj_home_append(s->home, &change);
}

static void
store_subscription(struct nj_session *s, enum nj_change_kind kind, struct nj_str filter,
                   const struct nj_sub_opts *opts)
{
    const struct nj_change change = {
        .kind = kind, .session = s->subscriber.number, .filter = filter, .subscription = opts};

    if (nj_session_is_durable(s))
        (void)nj_home_append(s->home, &change);
}

/* ---- deadlines ---- */

static void
set_deadline(struct nj_session *s)
{
    nj_heap_set(&s->home->deadlines, &s->deadline, NJ_MIN(s->will_due, s->expires_at));
}

void
nj_session_publish_will(struct nj_session *s)
{
    struct nj_publication pub;

    if (s->will == NULL)
        return;
    /* Its times begin now, so it becomes a message of its own. */
    pub = (struct nj_publication){
        .topic = nj_msg_topic(s->will),
        .properties = nj_msg_properties(s->will),
        .payload = nj_msg_payload(s->will),
        .qos = s->will->qos,
        .retain = s->will->retain,
        .source = s->source,
    };
    nj_home_stamp(s->home, &pub, s->will_expiry_s);
    nj_home_publish(s->home, &pub);
    nj_publication_fini(&pub);
    nj_msg_unref(s->will);
    s->will = NULL;
    s->will_due = NJ_NEVER;
    nj_session_store_will(s);
}

void
nj_session_on_deadline(struct nj_session *s)
{
    nj_time now = s->home->now;

    if (s->will_due <= now)
        nj_session_publish_will(s);
    if (s->expires_at <= now) {
        nj_metric_add(s->home->metrics, NJ_METRIC_SESSIONS_EXPIRED, 1);
        s->home->ops->expired(s->home->ctx, s);
        nj_session_end(s);
        return;
    }
    set_deadline(s);
}

/* ---- connections come and go ---- */

void
nj_session_attach(struct nj_session *s, struct nj_link *link)
{
    NJ_ASSERT(s->link == NULL);
    s->link = link;
    s->epoch++;
    s->promised = 0;
    s->promised_bytes = 0;
    s->unanswered = 0;
    s->allowance = s->home->opts->max_inflight_messages;
    s->carried = s->received.count;
    s->is_open = false;
    s->is_dropping = false;
    s->is_late = false;
    s->is_held = false;
    /* Back in time: the will of the connection before is not published. [MQTT5-3.1.3-9] */
    nj_msg_unref(s->will);
    s->will = NULL;
    s->will_due = s->expires_at = NJ_NEVER;
    set_deadline(s);
    nj_metric_add(s->home->metrics, NJ_METRIC_CLIENTS_CONNECTED, 1);
}

void
nj_session_open(struct nj_session *s)
{
    s->is_open = true;
    nj_session_set_status(s, NJ_SUBSCRIBER_ONLINE, true);
    nj_session_resume(s);
}

static void
detach(struct nj_session *s)
{
    s->link = NULL;
    s->is_open = false;
    s->is_starved = false;
    nj_session_leave_crowd(s);
    s->epoch++; /* what was promised to this connection is void */
    if (s->promised > 0)
        s->home->left_behind = s->home->appended;
    s->promised = 0;
    s->promised_bytes = 0;
    s->unanswered = 0;
    nj_inflight_restart(&s->inflight);
    nj_list_remove(&s->work);
    nj_session_set_status(s, NJ_SUBSCRIBER_ONLINE, false);
    nj_metric_add(s->home->metrics, NJ_METRIC_CLIENTS_CONNECTED, -1);
}

void
nj_session_leave(struct nj_session *s, bool is_will_withdrawn)
{
    uint32_t expiry_s = nj_session_expiry_s(s);
    nj_time now = s->home->now;

    detach(s);
    if (is_will_withdrawn) {
        nj_msg_unref(s->will);
        s->will = NULL;
        nj_session_store_will(s);
    }
    if (s->will != NULL && nj_session_delays_will(s))
        s->will_due = nj_time_after_s(now, s->will_delay_s);
    else
        nj_session_publish_will(s);
    if (s->expiry_s == 0) {
        nj_session_end(s);
        return;
    }
    s->expires_at = expiry_s == NJ_SESSION_FOR_EVER ? NJ_NEVER : nj_time_after_s(now, expiry_s);
    set_deadline(s);
    (void)nj_session_store(s, now);
}

void
nj_session_lose_link(struct nj_session *s, enum nj_cause cause)
{
    s->link->ops->close(s->link, cause);
    nj_session_leave(s, false);
}

bool
nj_session_set_expiry(struct nj_session *s, uint32_t expiry_s)
{
    if (s->expiry_s == 0 && expiry_s > 0)
        return false;
    if (s->expiry_s == expiry_s)
        return true;
    s->expiry_s = expiry_s;
    (void)nj_session_store(s, NJ_NEVER);
    return true;
}

static void
free_session(struct nj_rcu_head *rcu)
{
    nj_free(nj_container_of(rcu, struct nj_session, rcu));
}

void
nj_session_end(struct nj_session *s)
{
    const struct nj_change change = {.kind = NJ_CHANGE_SESSION_END,
                                     .session = s->subscriber.number};
    struct nj_home *home = s->home;

    NJ_ASSERT(s->link == NULL);
    /* Out of the index first: what it gives back must not come to it again. */
    nj_metric_add(home->metrics, NJ_METRIC_SUBSCRIPTIONS, -(int64_t)s->subscriber.sub_count);
    nj_metric_add(home->metrics, NJ_METRIC_SHARED_SUBSCRIPTIONS, -(int64_t)s->shared_count);
    nj_index_remove_all(home->broker->index, &s->subscriber);
    nj_session_publish_will(s); /* [MQTT5-3.1.2-8] */
    nj_retained_forget(s);
    nj_session_clear_outbound(s);
    nj_received_fini(&s->received);
    if (s->is_stored)
        home->ended = nj_home_append(home, &change);
    nj_heap_cancel(&home->deadlines, &s->deadline);
    nj_home_remove(home, s);
    nj_rcu_call(&s->rcu, free_session);
}

/* ---- subscribing ---- */

static void
count_subscriptions(struct nj_session *s, bool is_shared, int difference)
{
    nj_metric_add(s->home->metrics, NJ_METRIC_SUBSCRIPTIONS, difference);
    if (!is_shared)
        return;
    nj_metric_add(s->home->metrics, NJ_METRIC_SHARED_SUBSCRIPTIONS, difference);
    s->shared_count += (uint32_t)difference;
}

uint8_t
nj_session_subscribe(struct nj_session *s, const struct nj_subscription *subscription,
                     uint32_t identifier)
{
    const struct nj_broker_opts *o = s->home->opts;
    struct nj_sub_opts opts = {
        .qos = subscription->qos,
        .no_local = subscription->no_local,
        .retain_as_published = subscription->retain_as_published || s->is_bridge,
        .identifier = identifier,
    };
    struct nj_filter filter;
    bool is_shared, existed;

    if (!nj_filter_parse(subscription->filter, &filter))
        return NJ_REASON_TOPIC_FILTER_INVALID;
    if (nj_session_is_durable(s) &&
        s->home->store->ops->is_full(s->home->store, subscription->filter.n)) {
        nj_home_dropped(s->home, NJ_CAUSE_STORE_FULL, s, subscription->filter);
        return NJ_REASON_QUOTA_EXCEEDED;
    }
    if (nj_session_is_durable(s) && nj_mem_is_scarce()) {
        nj_home_dropped(s->home, NJ_CAUSE_OUT_OF_MEMORY, s, subscription->filter);
        return NJ_REASON_QUOTA_EXCEEDED;
    }
    is_shared = filter.share.n > 0;
    opts.no_local = opts.no_local || (s->is_bridge && !is_shared);
    switch (nj_index_subscribe(s->home->broker->index, &s->subscriber, &filter, &opts, &existed)) {
    case NJ_OK:
        break;
    case NJ_EINVAL:
        nj_home_dropped(s->home, NJ_CAUSE_TOPIC_TOO_DEEP, s, subscription->filter);
        return NJ_REASON_TOPIC_FILTER_INVALID;
    default:
        nj_home_dropped(s->home, NJ_CAUSE_OUT_OF_MEMORY, s, subscription->filter);
        return NJ_REASON_QUOTA_EXCEEDED;
    }
    if (!existed)
        count_subscriptions(s, is_shared, 1);
    /* A replacement is none more, which only the index can tell. */
    if (!existed && o->max_subscriptions_per_client > 0 &&
        s->subscriber.sub_count > o->max_subscriptions_per_client) {
        (void)nj_index_unsubscribe(s->home->broker->index, &s->subscriber, &filter);
        count_subscriptions(s, is_shared, -1);
        nj_home_dropped(s->home, NJ_CAUSE_MAX_SUBSCRIPTIONS, s, subscription->filter);
        return NJ_REASON_QUOTA_EXCEEDED;
    }
    store_subscription(s, NJ_CHANGE_SUBSCRIBED, subscription->filter, &opts);

    /* No retained messages for a share group, nor where the client does not want them. */
    if (!is_shared && existed)
        nj_retained_change(s, filter.filter, &opts);
    if (!is_shared &&
        (subscription->retain_handling == 0 || (subscription->retain_handling == 1 && !existed)) &&
        nj_retained_begin(s, filter.filter, &opts) != NJ_OK)
        nj_home_dropped(s->home, NJ_CAUSE_OUT_OF_MEMORY, s, subscription->filter);
    return subscription->qos;
}

uint8_t
nj_session_unsubscribe(struct nj_session *s, struct nj_str text)
{
    struct nj_filter filter;

    if (!nj_filter_parse(text, &filter))
        return NJ_REASON_TOPIC_FILTER_INVALID;
    if (!nj_index_unsubscribe(s->home->broker->index, &s->subscriber, &filter))
        return NJ_REASON_NO_SUBSCRIPTION_EXISTED;
    count_subscriptions(s, filter.share.n > 0, -1);
    if (filter.share.n == 0)
        nj_retained_cancel(s, filter.filter);
    store_subscription(s, NJ_CHANGE_UNSUBSCRIBED, text, NULL);
    return NJ_REASON_SUCCESS;
}

void
nj_session_answer_subscribe(struct nj_session *s, enum nj_packet_type type, uint16_t packet_id,
                            struct nj_str codes)
{
    struct nj_answer answer = {.type = type, .packet_id = packet_id, .codes = codes};

    nj_session_answer(s, &answer, nj_session_is_durable(s) ? s->home->appended : 0);
}

/* ---- a start ---- */

void
nj_session_restore(struct nj_session *s, const struct nj_session_state *state)
{
    nj_time left = NJ_MIN(state->left, s->home->now); /* a clock may have gone back since */
    uint32_t expiry_s;

    s->expiry_s = s->told_expiry_s = state->expiry_s;
    s->is_stored = true;
    expiry_s = nj_session_expiry_s(s);
    s->expires_at = expiry_s == NJ_SESSION_FOR_EVER ? NJ_NEVER : nj_time_after_s(left, expiry_s);
    set_deadline(s);
    nj_session_set_status(s, NJ_SUBSCRIBER_DURABLE, nj_session_is_durable(s));
}

enum nj_err
nj_session_restore_subscription(struct nj_session *s, struct nj_str text,
                                const struct nj_sub_opts *opts)
{
    struct nj_filter filter;
    bool existed;
    enum nj_err err;

    if (!nj_filter_parse(text, &filter))
        return NJ_EINVAL;
    err = nj_index_subscribe(s->home->broker->index, &s->subscriber, &filter, opts, &existed);
    if (err == NJ_OK && !existed)
        count_subscriptions(s, filter.share.n > 0, 1);
    return err;
}

/* Its connection has ended with the process, or had before: then its delay goes on. */
enum nj_err
nj_session_restore_will(struct nj_session *s, const struct nj_will *will, nj_time left)
{
    s->will = nj_will_msg(will);
    if (s->will == NULL)
        return NJ_ENOMEM;
    s->has_stored_will = true;
    s->will_delay_s = will->delay_s;
    s->will_expiry_s = will->expiry_s;
    s->will_due = nj_time_after_s(NJ_MIN(left, s->home->now), will->delay_s);
    set_deadline(s);
    return NJ_OK;
}
