/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on their way to a client.
 *
 *     deliver ──► window open, nothing before it ──► inflight ──► PUBLISH
 *        │                                             ▲  │
 *        └──► queue ───────── pump ────────────────────┘  └─► PUBACK │ PUBREC, PUBREL, PUBCOMP
 *
 * The order of the inflight window and then the queue is the order of delivery. [MQTT5-4.6.0-5]
 * A new connection sends what is in flight again, from the first on. [MQTT5-4.4.0-1]
 * [MQTT311-4.4.0-1] */
#include "broker/delivery.h"
#include "broker/session.h"

#include "base/assert.h"

/* ---- counting what is held ---- */

/* Relaxed: limits of the whole broker may be passed by a message or two of another worker. */
static void
count_held(struct nj_session *s, const struct nj_msg *msg, int sign)
{
    int64_t bytes = sign * (int64_t)nj_msg_bytes(msg);

    nj_metric_add(s->home->metrics, NJ_METRIC_QUEUED_MESSAGES, sign);
    nj_metric_add(s->home->metrics, NJ_METRIC_QUEUED_BYTES, bytes);
}

static void
dropped(struct nj_session *s, enum nj_cause cause, struct nj_str topic)
{
    nj_home_dropped(s->home, cause, s, topic);
}

/* ---- what the store is told ---- */

static uint64_t
store_step(struct nj_session *s, enum nj_change_kind kind, uint64_t message, uint16_t packet_id)
{
    const struct nj_change change = {
        .kind = kind,
        .session = s->subscriber.number,
        .message = message,
        .packet_id = packet_id,
    };

    return nj_home_append(s->home, &change);
}

void
nj_session_store_delivered(struct nj_session *s, uint64_t message)
{
    (void)store_step(s, NJ_CHANGE_DELIVERED, message, 0);
}

/* Dropped before it was held. */
static void
drop_new(struct nj_session *s, enum nj_cause cause, const struct nj_publication *pub,
         const struct nj_terms *terms)
{
    if (terms->is_stored)
        nj_session_store_delivered(s, pub->number);
    dropped(s, cause, pub->topic);
}

/* A parcel of the inflight window is finished with: acknowledged, or dropped. */
static void
finish(struct nj_session *s, struct nj_parcel *p)
{
    if (p->is_stored && p->msg != NULL)
        nj_session_store_delivered(s, p->msg->number);
    else if (p->is_stored)
        (void)store_step(s, NJ_CHANGE_COMPLETED, 0, p->packet_id);
    if (p->msg != NULL)
        count_held(s, p->msg, -1);
    nj_inflight_done(&s->inflight, p);
}

/* ---- sending ---- */

bool
nj_session_window_is_open(const struct nj_session *s)
{
    uint32_t limit = s->home->opts->max_inflight_messages;
    uint64_t bytes = s->home->opts->max_inflight_bytes;

    if (limit == 0 || limit > s->link->receive_maximum)
        limit = s->link->receive_maximum;
    return s->inflight.counted < limit &&
           (bytes == 0 || s->inflight.bytes < bytes || s->inflight.counted == 0);
}

static enum nj_sent
send_publication(struct nj_session *s, struct nj_publication *pub, const struct nj_parcel *p,
                 bool dup)
{
    struct nj_delivery d = {
        .publication = pub,
        .identifiers = nj_parcel_identifiers(p),
        .identifier_count = p->identifier_count,
        .packet_id = p->packet_id,
        .qos = p->qos,
        .retain = p->retain,
        .dup = dup,
    };

    return s->link->ops->publish(s->link, &d);
}

/* The PUBLISH of a parcel with a packet identifier, or of QoS 0. */
static enum nj_sent
send_parcel(struct nj_session *s, struct nj_parcel *p, bool dup)
{
    struct nj_publication pub;
    enum nj_sent sent;

    nj_publication_of(&pub, p->msg);
    sent = send_publication(s, &pub, p, dup);
    nj_publication_fini(&pub);
    return sent;
}

static void
send_pubrel(struct nj_session *s, struct nj_parcel *p)
{
    struct nj_answer answer = {.type = NJ_PUBREL, .packet_id = p->packet_id};

    p->state = NJ_PARCEL_RELEASED;
    s->link->ops->answer(s->link, &answer);
}

/* Send the PUBLISH of an inflight parcel. False: not now. */
static bool
send_inflight(struct nj_session *s, struct nj_parcel *p, bool dup)
{
    switch (send_parcel(s, p, dup)) {
    case NJ_SENT:
        p->state = NJ_PARCEL_SENT;
        nj_inflight_count(&s->inflight, p);
        return true;
    case NJ_SENT_TOO_LARGE:
        dropped(s, NJ_CAUSE_RECEIVER_PACKET_SIZE, nj_msg_topic(p->msg));
        finish(s, p);
        return true;
    case NJ_SENT_NO_ROOM:
        break;
    }
    if (!s->link->is_full)
        nj_home_starve(s);
    return false;
}

/* QoS 2 to a durable session: message and identifier are safe before the PUBLISH leaves. */
static bool
hold(struct nj_session *s, struct nj_parcel *p)
{
    struct nj_promise promise = {
        .number = store_step(s, NJ_CHANGE_SENDING, p->msg->number, p->packet_id),
        .kind = NJ_PROMISE_PUBLISH,
        .session = s->subscriber.handle,
        .packet_id = p->packet_id,
    };

    if (!nj_promises_push(&s->home->promises, &promise)) {
        nj_home_starve(s);
        return false;
    }
    p->state = NJ_PARCEL_HELD;
    nj_inflight_count(&s->inflight, p);
    return true;
}

/* Bring one inflight parcel on its way on this connection. False: not now. */
static bool
advance(struct nj_session *s, struct nj_parcel *p)
{
    switch ((enum nj_parcel_state)p->state) {
    case NJ_PARCEL_QUEUED:
        if (!nj_session_window_is_open(s))
            return false;
        if (p->msg->expires <= s->home->now) { /* [MQTT5-3.3.2-5] */
            dropped(s, NJ_CAUSE_EXPIRED, nj_msg_topic(p->msg));
            finish(s, p);
            return true;
        }
        if (p->qos == 2 && nj_session_is_durable(s))
            return hold(s, p);
        return send_inflight(s, p, false);
    case NJ_PARCEL_SENT:
        return nj_session_window_is_open(s) && send_inflight(s, p, true);
    case NJ_PARCEL_RELEASED:
        send_pubrel(s, p);
        return true;
    case NJ_PARCEL_HELD:
        nj_inflight_count(&s->inflight, p);
        return true;
    case NJ_PARCEL_RECEIVED:
    case NJ_PARCEL_DONE:
        return true;
    }
    return true;
}

static bool
advance_inflight(struct nj_session *s)
{
    struct nj_inflight *f = &s->inflight;

    while (f->next < f->ring.count) {
        /* Counted as passed before it is sent: if it is done at once, the window moves under us. */
        struct nj_parcel *p = nj_inflight_at(f, f->next++);

        if (!advance(s, p)) {
            f->next--;
            return false;
        }
    }
    return true;
}

/* What the queue's limits say about one more. */
static enum nj_cause
queue_limit(const struct nj_session *s, size_t bytes)
{
    const struct nj_broker_opts *o = s->home->opts;
    const struct nj_broker *b = s->home->broker;

    if (o->max_queued_messages > 0 && s->queue.count >= o->max_queued_messages)
        return NJ_CAUSE_QUEUE_MESSAGES;
    if (o->max_queued_bytes > 0 && s->queue.bytes + bytes > o->max_queued_bytes)
        return NJ_CAUSE_QUEUE_BYTES;
    /* Relaxed: see count_held(). */
    if ((o->max_queued_messages_total > 0 &&
         atomic_load_explicit(&b->queued_messages, memory_order_relaxed) >=
             o->max_queued_messages_total) ||
        (o->max_queued_bytes_total > 0 &&
         atomic_load_explicit(&b->queued_bytes, memory_order_relaxed) + bytes >
             o->max_queued_bytes_total))
        return NJ_CAUSE_QUEUE_TOTAL;
    return NJ_CAUSE_NONE;
}

static void
count_queued(struct nj_session *s, size_t bytes, bool is_more)
{
    struct nj_broker *b = s->home->broker;

    if (is_more) {
        atomic_fetch_add_explicit(&b->queued_messages, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&b->queued_bytes, bytes, memory_order_relaxed);
    } else {
        atomic_fetch_sub_explicit(&b->queued_messages, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&b->queued_bytes, bytes, memory_order_relaxed);
    }
}

/* Share groups pass over a member whose queue is full. Relaxed: it is advice. */
static void
tell_if_full(struct nj_session *s)
{
    uint32_t limit = s->home->opts->max_queued_messages;
    uint8_t status = atomic_load_explicit(&s->subscriber.status, memory_order_relaxed);
    bool is_full = limit > 0 && s->queue.count >= limit;

    if (is_full == ((status & NJ_SUBSCRIBER_FULL) != 0))
        return;
    nj_session_set_status(s, NJ_SUBSCRIBER_FULL, is_full);
}

/* ---- crowds: see crowd.h ---- */

/* Relaxed: who reads the count late has waited a millisecond more. */
static void
set_crowded(struct nj_session *s, bool is_on)
{
    nj_session_set_status(s, NJ_SUBSCRIBER_CROWDED, is_on);
    if (is_on)
        atomic_fetch_add_explicit(&s->home->broker->crowded, 1, memory_order_relaxed);
    else
        atomic_fetch_sub_explicit(&s->home->broker->crowded, 1, memory_order_relaxed);
}

/* Whether more than one part of so many that the queue has room for is taken. */
static bool
is_taken(const struct nj_session *s, unsigned parts)
{
    const struct nj_broker_opts *o = s->home->opts;

    return (o->max_queued_messages > 0 && s->queue.count > o->max_queued_messages / parts) ||
           (o->max_queued_bytes > 0 && s->queue.bytes > o->max_queued_bytes / parts);
}

static void
join_crowd(struct nj_session *s)
{
    if (is_taken(s, 2) && !nj_is_crowded(&s->subscriber) &&
        nj_crowd_join(&s->home->crowd, s->subscriber.handle, s->home->now))
        set_crowded(s, true);
}

void
nj_session_leave_crowd(struct nj_session *s)
{
    if (!nj_is_crowded(&s->subscriber))
        return;
    nj_crowd_leave(&s->home->crowd, s->subscriber.handle);
    set_crowded(s, false);
}

void
nj_session_be_late(struct nj_session *s)
{
    s->is_late = true;
    set_crowded(s, false);
}

/* One less waits for it. */
static void
thin_out(struct nj_session *s)
{
    if (!is_taken(s, 4))
        nj_session_leave_crowd(s);
    s->is_late = s->is_late && s->queue.count > 0;
}

/* ---- the queue ---- */

static void
drop_expired(void *ctx, const struct nj_parcel *p)
{
    struct nj_session *s = ctx;

    count_held(s, p->msg, -1);
    count_queued(s, nj_msg_bytes(p->msg), false);
    if (p->is_stored)
        nj_session_store_delivered(s, p->msg->number);
    dropped(s, NJ_CAUSE_EXPIRED, nj_msg_topic(p->msg));
}

/* Without what it holds. */
static struct nj_parcel
parcel_of(const struct nj_terms *terms)
{
    return (struct nj_parcel){
        .group = terms->group,
        .qos = terms->qos,
        .retain = terms->retain,
        .is_stored = terms->is_stored,
    };
}

/* False: there is no memory for it. */
static bool
enqueue(struct nj_session *s, struct nj_publication *pub, const struct nj_terms *terms)
{
    struct nj_msg *msg;
    struct nj_parcel p = parcel_of(terms);
    enum nj_cause limit;

    if (pub->expires <= s->home->now) {
        drop_new(s, NJ_CAUSE_EXPIRED, pub, terms);
        return true;
    }
    msg = nj_publication_msg(pub);
    /* What has been stored for it was promised: it is too late to refuse it here. */
    if (msg == NULL || (s->link == NULL && !terms->is_stored && nj_mem_is_scarce())) {
        dropped(s, NJ_CAUSE_OUT_OF_MEMORY, pub->topic);
        return false;
    }
    limit = pub->is_owed ? NJ_CAUSE_NONE : queue_limit(s, nj_msg_bytes(msg));
    if (limit != NJ_CAUSE_NONE) {
        /* Those that nobody may get any more make room first. */
        if (nj_queue_sweep(&s->queue, s->home->now, drop_expired, s) > 0)
            limit = queue_limit(s, nj_msg_bytes(msg));
        if (limit != NJ_CAUSE_NONE) {
            drop_new(s, limit, pub, terms);
            return true;
        }
    }
    if (!nj_parcel_set_identifiers(&p, terms->identifiers, terms->identifier_count)) {
        dropped(s, NJ_CAUSE_OUT_OF_MEMORY, pub->topic);
        return false;
    }
    p.msg = nj_msg_ref(msg);
    if (!nj_queue_push(&s->queue, &p)) {
        nj_parcel_fini(&p);
        dropped(s, NJ_CAUSE_OUT_OF_MEMORY, pub->topic);
        return false;
    }
    count_held(s, msg, 1);
    count_queued(s, nj_msg_bytes(msg), true);
    tell_if_full(s);
    if (s->is_open && !s->is_late)
        join_crowd(s);
    /* It could have gone at once, had there been memory for its place in the window. */
    if (s->queue.count == 1 && s->inflight.next == s->inflight.ring.count && s->is_open &&
        !s->link->is_full && nj_session_window_is_open(s) &&
        !nj_inflight_is_exhausted(&s->inflight))
        nj_home_starve(s);
    return true;
}

/* The first of the queue on its way. False: not now. */
static bool
advance_queue(struct nj_session *s)
{
    struct nj_parcel *first = nj_queue_first(&s->queue);
    struct nj_parcel p;

    if (first->msg->expires <= s->home->now) { /* [MQTT5-3.3.2-5] */
        p = nj_queue_pop(&s->queue);
        drop_expired(s, &p);
        nj_parcel_fini(&p);
    } else if (first->qos == 0) {
        enum nj_sent sent = send_parcel(s, first, false);

        if (sent == NJ_SENT_NO_ROOM)
            return false;
        if (sent == NJ_SENT_TOO_LARGE)
            dropped(s, NJ_CAUSE_RECEIVER_PACKET_SIZE, nj_msg_topic(first->msg));
        p = nj_queue_pop(&s->queue);
        count_queued(s, nj_msg_bytes(p.msg), false);
        count_held(s, p.msg, -1);
        nj_parcel_fini(&p);
    } else {
        if (!nj_session_window_is_open(s))
            return false;
        struct nj_parcel *slot = nj_inflight_add(&s->inflight, first->msg);

        if (slot == NULL) {
            if (!nj_inflight_is_exhausted(&s->inflight))
                nj_home_starve(s);
            return false;
        }
        p = nj_queue_pop(&s->queue); /* its contents move into the window */
        p.packet_id = slot->packet_id;
        *slot = p;
        count_queued(s, nj_msg_bytes(p.msg), false);
    }
    tell_if_full(s);
    thin_out(s);
    return advance_inflight(s);
}

/* So it is after nearly every acknowledgement. */
static bool
has_nothing_to_send(const struct nj_session *s)
{
    return s->inflight.next == s->inflight.ring.count && s->queue.count == 0 &&
           s->retained == NULL && !s->is_dropping;
}

void
nj_session_resume(struct nj_session *s)
{
    if (has_nothing_to_send(s))
        return;
    if (!s->is_open || s->link->is_full)
        return;
    if (advance_inflight(s)) {
        while (s->queue.count > 0 && !s->link->is_full && advance_queue(s))
            continue;
        s->is_dropping = s->is_dropping && s->queue.count > 0;
    }
    nj_retained_start(s);
}

/* ---- delivering ---- */

static void
deliver_at_most_once(struct nj_session *s, struct nj_publication *pub, const struct nj_terms *terms)
{
    struct nj_delivery d = {
        .publication = pub,
        .identifiers = terms->identifiers,
        .identifier_count = terms->identifier_count,
        .retain = terms->retain,
        .is_one_of_many = terms->is_one_of_many,
    };

    if (!s->is_open) {
        if (s->home->opts->queue_qos0_messages && nj_session_is_durable(s))
            (void)enqueue(s, pub, terms);
        else
            dropped(s, NJ_CAUSE_OFFLINE_QOS_0, pub->topic);
        return;
    }
    if (s->queue.qos0 > 0) { /* not before those that came while it was away */
        (void)enqueue(s, pub, terms);
        return;
    }
    switch (s->link->ops->publish(s->link, &d)) {
    case NJ_SENT:
        break;
    case NJ_SENT_TOO_LARGE:
        dropped(s, NJ_CAUSE_RECEIVER_PACKET_SIZE, pub->topic);
        break;
    case NJ_SENT_NO_ROOM:
        dropped(s, NJ_CAUSE_OUTPUT_FULL, pub->topic);
        break;
    }
}

/* The common case at QoS 1 and 2: connected, nothing waits, the window is open. */
static inline bool
is_ready(const struct nj_session *s)
{
    return s->is_open && !s->link->is_full && s->queue.count == 0 &&
           s->inflight.next == s->inflight.ring.count && nj_session_window_is_open(s);
}

bool
nj_session_reserve(struct nj_session *s)
{
    if (is_ready(s) && !nj_inflight_is_exhausted(&s->inflight))
        return nj_inflight_reserve(&s->inflight);
    if (s->link == NULL && nj_mem_is_scarce())
        return false;
    return nj_queue_reserve(&s->queue);
}

/* False: it has to wait. */
static bool
deliver_at_once(struct nj_session *s, struct nj_publication *pub, const struct nj_terms *terms)
{
    struct nj_inflight *f = &s->inflight;
    struct nj_parcel *slot;
    struct nj_msg *msg;

    if (!is_ready(s))
        return false;
    msg = nj_publication_keep(pub);
    if (msg == NULL)
        return false;
    slot = nj_inflight_add(f, msg);
    if (slot == NULL) {
        nj_msg_unref(msg);
        return false;
    }
    slot->group = terms->group;
    slot->qos = terms->qos;
    slot->retain = terms->retain;
    slot->is_stored = terms->is_stored;
    if (!nj_parcel_set_identifiers(slot, terms->identifiers, terms->identifier_count)) {
        nj_inflight_done(f, slot);
        f->next = f->ring.count;
        return false;
    }
    count_held(s, msg, 1);
    if (slot->qos == 2 && nj_session_is_durable(s)) {
        if (hold(s, slot))
            f->next = f->ring.count;
        return true;
    }

    struct nj_delivery d = {
        .publication = pub,
        .identifiers = terms->identifiers,
        .identifier_count = terms->identifier_count,
        .packet_id = slot->packet_id,
        .qos = slot->qos,
        .retain = slot->retain,
        .is_one_of_many = terms->is_one_of_many,
    };
    switch (s->link->ops->publish(s->link, &d)) {
    case NJ_SENT:
        slot->state = NJ_PARCEL_SENT;
        nj_inflight_count(&s->inflight, slot);
        f->next = f->ring.count;
        break;
    case NJ_SENT_TOO_LARGE:
        dropped(s, NJ_CAUSE_RECEIVER_PACKET_SIZE, pub->topic);
        f->next = f->ring.count;
        finish(s, slot);
        break;
    case NJ_SENT_NO_ROOM: /* it keeps its identifier and goes when there is room again */
        if (!s->link->is_full)
            nj_home_starve(s);
        break;
    }
    return true;
}

/* A message expiry interval of 0 leaves no time to wait, but who takes the message as it comes gets
 * it: its delivery begins at once. [MQTT5-3.3.2-5] */
static bool
is_too_late(const struct nj_session *s, const struct nj_publication *pub)
{
    return pub->expires <= s->home->now && pub->expires > pub->arrived;
}

bool
nj_session_deliver(struct nj_session *s, struct nj_publication *pub, const struct nj_terms *terms)
{
    if (is_too_late(s, pub))
        drop_new(s, NJ_CAUSE_EXPIRED, pub, terms);
    else if (terms->qos == 0)
        deliver_at_most_once(s, pub, terms);
    else if (!deliver_at_once(s, pub, terms))
        return enqueue(s, pub, terms);
    return true;
}

/* ---- acknowledgements ---- */

/* Not the one that a parcel waits for. Of what was sent on this connection the client knows which
 * that is; were it kept, nothing would ever free its place in the window. [MQTT311-4.8.0-1] */
static enum nj_cause
misplaced(struct nj_session *s, const struct nj_parcel *p)
{
    bool is_sent =
        p != NULL && p->state != NJ_PARCEL_HELD && nj_inflight_is_passed(&s->inflight, p);

    return is_sent ? NJ_CAUSE_ACK_OF_ANOTHER_KIND : NJ_CAUSE_PACKET_ID_UNKNOWN;
}

enum nj_cause
nj_session_puback(struct nj_session *s, uint16_t packet_id, uint8_t reason)
{
    struct nj_parcel *p = nj_inflight_find(&s->inflight, packet_id);

    if (p == NULL || p->qos != 1 || p->state != NJ_PARCEL_SENT || !p->is_counted)
        return misplaced(s, p);
    if (reason >= 0x80)
        dropped(s, NJ_CAUSE_REFUSED_BY_RECEIVER, nj_msg_topic(p->msg));
    /* Acknowledgements come in order and in rows. The parcel behind it may be none, or of any age:
     * nothing is read. */
    __builtin_prefetch(nj_inflight_at(&s->inflight, 1)->msg);
    finish(s, p);
    nj_session_resume(s);
    return NJ_CAUSE_NONE;
}

static void
receive(struct nj_session *s, struct nj_parcel *p)
{
    struct nj_promise promise = {
        .kind = NJ_PROMISE_PUBREL,
        .session = s->subscriber.handle,
        .packet_id = p->packet_id,
    };

    if (!nj_promises_reserve(&s->home->promises)) { /* the next connection sends PUBREC again */
        nj_session_lose_link(s, NJ_CAUSE_OUT_OF_MEMORY);
        return;
    }
    count_held(s, p->msg, -1);
    if (p->is_stored)
        promise.number = store_step(s, NJ_CHANGE_RECEIVED, p->msg->number, p->packet_id);
    nj_inflight_drop_message(&s->inflight, p);
    if (!nj_session_is_durable(s) || !p->is_stored) {
        send_pubrel(s, p);
        return;
    }
    p->state = NJ_PARCEL_RECEIVED;
    (void)nj_promises_push(&s->home->promises, &promise); /* reserved */
}

/* [MQTT5-4.3.3-4] [MQTT5-4.3.3-5] [MQTT5-4.3.3-7] [MQTT311-4.3.3-1] */
enum nj_cause
nj_session_pubrec(struct nj_session *s, uint16_t packet_id, uint8_t reason)
{
    struct nj_parcel *p = nj_inflight_find(&s->inflight, packet_id);
    struct nj_answer unknown = {
        .type = NJ_PUBREL, .packet_id = packet_id, .reason = NJ_REASON_PACKET_IDENTIFIER_NOT_FOUND};

    if (p == NULL || p->qos != 2 || p->state == NJ_PARCEL_QUEUED || p->state == NJ_PARCEL_HELD) {
        enum nj_cause cause = misplaced(s, p);

        if (cause == NJ_CAUSE_PACKET_ID_UNKNOWN && reason < 0x80)
            s->link->ops->answer(s->link, &unknown);
        return cause;
    }
    if (p->state == NJ_PARCEL_RELEASED)
        send_pubrel(s, p); /* the first one was lost on a connection before */
    if (p->state != NJ_PARCEL_SENT)
        return NJ_CAUSE_NONE;
    if (reason >= 0x80) {
        dropped(s, NJ_CAUSE_REFUSED_BY_RECEIVER, nj_msg_topic(p->msg));
        finish(s, p);
        nj_session_resume(s);
        return NJ_CAUSE_NONE;
    }
    receive(s, p);
    return NJ_CAUSE_NONE;
}

enum nj_cause
nj_session_pubcomp(struct nj_session *s, uint16_t packet_id)
{
    struct nj_parcel *p = nj_inflight_find(&s->inflight, packet_id);

    if (p == NULL || p->qos != 2 || p->state != NJ_PARCEL_RELEASED)
        return misplaced(s, p);
    finish(s, p);
    nj_session_resume(s);
    return NJ_CAUSE_NONE;
}

/* What was held until the store said so. The connection may be another one by now, or none: then
 * the parcel waits in its new state for its turn. */
void
nj_session_keep_publish(struct nj_session *s, uint16_t packet_id)
{
    struct nj_parcel *p = nj_inflight_find(&s->inflight, packet_id);

    if (p == NULL || p->state != NJ_PARCEL_HELD)
        return;
    p->state = NJ_PARCEL_QUEUED;
    if (!s->is_open || !nj_inflight_is_passed(&s->inflight, p))
        return;
    if (send_inflight(s, p, false))
        nj_session_resume(s); /* too large for the client, it has left its place to others */
    else
        nj_session_lose_link(s, NJ_CAUSE_OUT_OF_MEMORY);
}

void
nj_session_keep_pubrel(struct nj_session *s, uint16_t packet_id)
{
    struct nj_parcel *p = nj_inflight_find(&s->inflight, packet_id);

    if (p == NULL || p->state != NJ_PARCEL_RECEIVED)
        return;
    p->state = NJ_PARCEL_RELEASED;
    if (s->is_open && nj_inflight_is_passed(&s->inflight, p))
        send_pubrel(s, p);
}

/* ---- the end ---- */

/* What came through a share group and was not acknowledged belongs to the group: QoS 1 goes to
 * another member; QoS 2 that was sent may not. [MQTT5-4.8.2-4] [MQTT5-4.8.2-5] */
static void
give_back(struct nj_session *s, const struct nj_parcel *p)
{
    struct nj_publication pub;
    bool was_sent = p->state != NJ_PARCEL_QUEUED && p->state != NJ_PARCEL_HELD;

    if (p->msg == NULL || p->group == 0)
        return;
    nj_publication_of(&pub, p->msg);
    if (p->qos == 2 && was_sent)
        dropped(s, NJ_CAUSE_SHARE_MEMBER_GONE, pub.topic);
    else if (pub.expires <= s->home->now)
        dropped(s, NJ_CAUSE_EXPIRED, pub.topic);
    else if (!nj_deliver_to_group(s->home, &pub, p->group, &s->subscriber))
        dropped(s, NJ_CAUSE_SESSION_GONE, pub.topic);
    nj_publication_fini(&pub);
}

void
nj_session_clear_outbound(struct nj_session *s)
{
    for (uint32_t i = 0; i < s->inflight.ring.count; i++) {
        const struct nj_parcel *p = nj_inflight_at(&s->inflight, i);

        give_back(s, p);
        if (p->msg != NULL)
            count_held(s, p->msg, -1);
    }
    nj_inflight_fini(&s->inflight);
    while (s->queue.count > 0) {
        struct nj_parcel p = nj_queue_pop(&s->queue);

        give_back(s, &p);
        count_held(s, p.msg, -1);
        count_queued(s, nj_msg_bytes(p.msg), false);
        nj_parcel_fini(&p);
    }
    nj_queue_fini(&s->queue); /* of what was reserved */
}

/* ---- a start ---- */

static bool
restore_parcel(struct nj_parcel *p, struct nj_msg *msg, const struct nj_terms *terms)
{
    *p = parcel_of(terms);
    p->is_stored = true;
    if (!nj_parcel_set_identifiers(p, terms->identifiers, terms->identifier_count))
        return false;
    p->msg = nj_msg_ref(msg);
    return true;
}

/* No limit keeps out what was taken once. */
enum nj_err
nj_session_restore_queued(struct nj_session *s, struct nj_msg *msg, const struct nj_terms *terms)
{
    struct nj_parcel p;

    if (!restore_parcel(&p, msg, terms))
        return NJ_ENOMEM;
    if (!nj_queue_push(&s->queue, &p)) {
        nj_parcel_fini(&p);
        return NJ_ENOMEM;
    }
    count_held(s, msg, 1);
    count_queued(s, nj_msg_bytes(msg), true);
    tell_if_full(s);
    return NJ_OK;
}

enum nj_err
nj_session_restore_inflight(struct nj_session *s, struct nj_msg *msg, const struct nj_terms *terms,
                            uint16_t packet_id)
{
    struct nj_parcel p = {
        .qos = 2, .state = NJ_PARCEL_RELEASED, .packet_id = packet_id, .is_stored = true};

    if (msg != NULL) {
        if (!restore_parcel(&p, msg, terms))
            return NJ_ENOMEM;
        p.packet_id = packet_id;
        p.state = NJ_PARCEL_SENT;
    }
    if (!nj_inflight_restore(&s->inflight, &p)) {
        nj_parcel_fini(&p);
        return NJ_ENOMEM;
    }
    if (msg != NULL)
        count_held(s, msg, 1);
    return NJ_OK;
}

void
nj_session_forget_queued(struct nj_session *s, uint32_t i)
{
    struct nj_parcel p = nj_queue_take(&s->queue, i);

    count_held(s, p.msg, -1);
    count_queued(s, nj_msg_bytes(p.msg), false);
    if (p.is_stored)
        nj_session_store_delivered(s, p.msg->number);
    nj_parcel_fini(&p);
    tell_if_full(s);
}
