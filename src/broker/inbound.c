/* SPDX-License-Identifier: Apache-2.0 */
/* Messages from a client, and the answers to it.
 *
 *   QoS 0   route
 *   QoS 1   route, told to the store for each receiver that needs it ──safe──► PUBACK
 *   QoS 2   remember the identifier, tell it ──safe──► route, PUBREC     PUBREL ──► forget it,
 * PUBCOMP
 *
 * An answer that must wait for the store is a promise; one that need not, but follows another that
 * waits, is a promise, too. So answers leave in the order of what they answer. */
#include "broker/delivery.h"
#include "broker/session.h"

#include "base/mem.h"

/* ---- answers ---- */

static bool
has_codes(const struct nj_answer *a)
{
    return a->type == NJ_SUBACK || a->type == NJ_UNSUBACK;
}

/* What was asked for goes on behind the answer: the session after its CONNACK, retained messages
 * after the SUBACK. */
static void
send_answer(struct nj_session *s, const struct nj_answer *answer)
{
    s->link->ops->answer(s->link, answer);
    if (answer->type == NJ_CONNACK) {
        nj_retained_answered(s); /* or will never be: that connection broke */
        nj_session_open(s);
    } else if (answer->type == NJ_SUBACK) {
        nj_retained_first(s);
    }
}

/* Of this connection, until it is kept. */
static void
count_promised(struct nj_session *s, const struct nj_promise *p)
{
    s->promised++;
    s->promised_bytes += nj_promise_bytes(p);
}

static void
count_kept(struct nj_session *s, const struct nj_promise *p)
{
    s->promised--;
    s->promised_bytes -= nj_promise_bytes(p);
}

static bool
promise_answer(struct nj_session *s, const struct nj_answer *answer, uint64_t number)
{
    struct nj_promise p = {
        .number = number > 0 ? number : s->home->appended,
        .session = s->subscriber.handle,
        .epoch = s->epoch,
        .kind = NJ_PROMISE_ANSWER,
        .answer = (uint8_t)answer->type,
        .reason = answer->reason,
        .cause = answer->cause,
        .session_present = answer->session_present,
        .packet_id = answer->packet_id,
        .codes_n = (uint32_t)answer->codes.n,
    };

    if (has_codes(answer)) {
        p.codes = nj_str_dup(answer->codes);
        if (p.codes == NULL)
            return false;
    }
    if (!nj_promises_push(&s->home->promises, &p)) {
        nj_promise_fini(&p);
        return false;
    }
    count_promised(s, &p);
    return true;
}

void
nj_session_answer(struct nj_session *s, const struct nj_answer *answer, uint64_t number)
{
    if (number <= s->home->committed && s->promised == 0)
        send_answer(s, answer);
    else if (!promise_answer(s, answer, number))
        nj_session_lose_link(s, NJ_CAUSE_OUT_OF_MEMORY);
}

void
nj_session_answer_early(struct nj_session *s, const struct nj_answer *connack)
{
    send_answer(s, connack);
}

static bool
has_left_early(const struct nj_session *s, const struct nj_promise *p)
{
    return p->answer == NJ_CONNACK && s != NULL && s->is_open;
}

static void
keep_answer(struct nj_session *s, const struct nj_promise *p)
{
    struct nj_answer answer = {
        .type = (enum nj_packet_type)p->answer,
        .packet_id = p->packet_id,
        .reason = p->reason,
        .cause = p->cause,
        .session_present = p->session_present,
    };

    count_kept(s, p);
    if (has_left_early(s, p))
        return;
    if (p->answer == NJ_PUBACK)
        s->unanswered--;
    if (has_codes(&answer))
        answer.codes = (struct nj_str){p->codes, p->codes_n};
    send_answer(s, &answer);
}

/* The packet identifier is free again. Which of them are older than this connection is not known
 * one by one: the newer ones count as the first to go, which errs on the client's side. */
static bool
release(struct nj_session *s, uint16_t packet_id)
{
    bool was_there = nj_received_remove(&s->received, packet_id);

    s->carried = NJ_MIN(s->carried, s->received.count);
    return was_there;
}

/* A step of the handshake of QoS 2, told to the store. */
static uint64_t
store_step(struct nj_session *s, enum nj_change_kind kind, const struct nj_publication *pub,
           uint16_t packet_id)
{
    const struct nj_change change = {
        .kind = kind,
        .session = s->subscriber.number,
        .message = pub != NULL ? pub->number : 0,
        .packet_id = packet_id,
        .publication = pub,
    };

    return nj_home_append(s->home, &change);
}

/* Who has something to acknowledge goes on: it may be what the crowd waits for. */
static void
hold_back(struct nj_session *s, const struct nj_routed *routed)
{
    if (routed->is_crowded && s->inflight.ring.count == 0)
        s->is_held = true;
}

/* QoS 2: now others may have it. What they have of it is told to the store as it is routed; until
 * that is safe, too, a start routes it again. False: there was no memory for all of it; nobody has
 * it, it is not acknowledged, and not known: sent again, it is a new message. */
static bool
route_taken(struct nj_session *s, struct nj_publication *pub, uint16_t packet_id, bool is_taken,
            struct nj_routed *routed)
{
    nj_deliver_to_all_or_refuse(s->home, pub, routed);
    if (!routed->is_complete)
        (void)release(s, packet_id);
    if (is_taken)
        (void)store_step(s, routed->is_complete ? NJ_CHANGE_ROUTED : NJ_CHANGE_RELEASED, NULL,
                         packet_id);
    return routed->is_complete;
}

static void
send_pubrec(struct nj_session *s, uint16_t packet_id, bool is_taken, const struct nj_routed *routed)
{
    struct nj_answer answer = {.type = NJ_PUBREC, .packet_id = packet_id};

    if (routed->receivers == 0)
        answer.reason = NJ_REASON_NO_MATCHING_SUBSCRIBERS;
    hold_back(s, routed);
    if (is_taken || routed->number <= s->home->committed)
        s->link->ops->answer(s->link, &answer);
    else /* a receiver has become durable since it came */
        nj_session_answer(s, &answer, routed->number);
}

/* The identifier and the message are safe. */
static void
keep_route(struct nj_home *home, struct nj_session *s, const struct nj_promise *p)
{
    struct nj_publication pub;
    struct nj_routed routed;

    nj_publication_of(&pub, p->msg);
    if (s == NULL) {
        nj_deliver(home, &pub, &routed); /* the end of the session has ended what was taken */
    } else if (!route_taken(s, &pub, p->packet_id, p->is_taken, &routed)) {
        if (s->epoch == p->epoch)
            nj_session_lose_link(s, NJ_CAUSE_OUT_OF_MEMORY);
    } else if (s->epoch == p->epoch) {
        count_kept(s, p);
        send_pubrec(s, p->packet_id, p->is_taken, &routed);
    }
    nj_publication_fini(&pub);
}

void
nj_session_keep(struct nj_home *home, struct nj_promise *p)
{
    struct nj_session *s = nj_home_session(home, p->session);

    switch ((enum nj_promise_kind)p->kind) {
    case NJ_PROMISE_ANSWER:
        /* An answer belongs to its connection: the client asks again on the next one. */
        if (s != NULL && s->epoch == p->epoch)
            keep_answer(s, p);
        break;
    case NJ_PROMISE_ROUTE:
        keep_route(home, s, p);
        break;
    case NJ_PROMISE_PUBLISH:
        if (s != NULL)
            nj_session_keep_publish(s, p->packet_id);
        break;
    case NJ_PROMISE_PUBREL:
        if (s != NULL)
            nj_session_keep_pubrel(s, p->packet_id);
        break;
    }
    nj_promise_fini(p);
}

/* Nothing was acknowledged, and nothing is forgotten: who sends it again is refused, for the store
 * is full. What is held for a receiver stays so until the next start. */
void
nj_session_break(struct nj_home *home, struct nj_promise *p)
{
    struct nj_session *s = nj_home_session(home, p->session);

    bool is_awaited =
        p->kind == NJ_PROMISE_ROUTE || (p->kind == NJ_PROMISE_ANSWER && !has_left_early(s, p));

    if (p->kind == NJ_PROMISE_ROUTE && s != NULL)
        (void)release(s, p->packet_id);
    if (is_awaited && s != NULL && s->link != NULL && s->epoch == p->epoch)
        nj_session_lose_link(s, NJ_CAUSE_STORE_FULL);
    nj_promise_fini(p);
}

/* ---- PUBLISH ---- */

/* [MQTT5-3.3.4-8] A client of 5.0 knows our receive maximum; before, there is none. Each connection
 * begins with all of it, so what was received on one before does not count. [MQTT5-4.9.0-1] */
static bool
is_over_receive_maximum(const struct nj_session *s)
{
    return s->link->version == NJ_MQTT_5 && s->allowance > 0 &&
           s->unanswered + s->received.count - s->carried >= s->allowance;
}

static bool
is_store_full(const struct nj_home *home, const struct nj_publication *pub)
{
    return home->store->ops->is_full(home->store, pub->topic.n + pub->payload.n);
}

/* Set the retained message. NJ_CAUSE_NONE, or why it was refused; *number grows to what must be
 * safe. */
static enum nj_cause
retain(struct nj_home *home, struct nj_publication *pub, uint64_t *number)
{
    struct nj_msg *msg = nj_publication_msg(pub);
    const struct nj_change change = {
        .kind = NJ_CHANGE_RETAINED, .message = pub->number, .publication = pub};
    bool is_ours = nj_str_starts(pub->topic, nj_str_of("$SYS/")); /* made anew at each start */

    if (msg == NULL)
        return NJ_CAUSE_OUT_OF_MEMORY;
    if (!is_ours && is_store_full(home, pub))
        return NJ_CAUSE_STORE_FULL;
    switch (nj_retain_set(home->broker->retained, msg)) {
    case NJ_RETAIN_SET:
    case NJ_RETAIN_REMOVED:
    case NJ_RETAIN_NOTHING: /* whoever has removed it may not be safe yet, and this one is to be */
        if (!is_ours)
            *number = nj_home_append(home, &change);
        return NJ_CAUSE_NONE;
    case NJ_RETAIN_FULL_MESSAGES:
        return NJ_CAUSE_RETAINED_MESSAGES;
    case NJ_RETAIN_FULL_BYTES:
        return NJ_CAUSE_RETAINED_BYTES;
    case NJ_RETAIN_NO_MEMORY:
        return NJ_CAUSE_OUT_OF_MEMORY;
    }
    return NJ_CAUSE_NONE;
}

void
nj_home_publish(struct nj_home *home, struct nj_publication *pub)
{
    struct nj_routed routed;
    uint64_t number = 0;

    if (pub->retain) {
        enum nj_cause refused = retain(home, pub, &number);

        if (refused != NJ_CAUSE_NONE)
            nj_home_dropped(home, refused, NULL, pub->topic);
    }
    nj_deliver(home, pub, &routed);
}

static enum nj_cause
publish_at_least_once(struct nj_session *s, struct nj_publication *pub, uint16_t packet_id,
                      uint64_t number)
{
    struct nj_answer answer = {.type = NJ_PUBACK, .packet_id = packet_id};
    struct nj_home *home = s->home;
    struct nj_routed routed;

    nj_deliver_or_refuse(home, pub, &routed);
    if (!routed.is_complete)
        return NJ_CAUSE_OUT_OF_MEMORY;
    number = NJ_MAX(number, routed.number);
    if (routed.receivers == 0)
        answer.reason = NJ_REASON_NO_MATCHING_SUBSCRIBERS;
    if (number > home->committed || s->promised > 0)
        s->unanswered++; /* keep_answer() takes it off */
    hold_back(s, &routed);
    nj_session_answer(s, &answer, number);
    return NJ_CAUSE_NONE;
}

/* Routed when the packet identifier is safe together with the message: see keep_route(). */
static enum nj_cause
promise_route(struct nj_session *s, struct nj_publication *pub, uint16_t packet_id, bool is_taken)
{
    struct nj_msg *msg = nj_publication_msg(pub);
    const struct nj_promise promise = {
        .number = s->home->appended,
        .session = s->subscriber.handle,
        .epoch = s->epoch,
        .kind = NJ_PROMISE_ROUTE,
        .answer = NJ_PUBREC,
        .packet_id = packet_id,
        .is_taken = is_taken,
        .msg = msg,
    };

    if (msg == NULL || !nj_promises_push(&s->home->promises, &promise)) {
        (void)release(s, packet_id);
        if (is_taken)
            (void)store_step(s, NJ_CHANGE_RELEASED, NULL, packet_id);
        return NJ_CAUSE_OUT_OF_MEMORY;
    }
    nj_msg_ref(msg);
    count_promised(s, &promise);
    return NJ_CAUSE_NONE;
}

/* Who has nothing to remember for a session, and no receiver that must have it stored, waits for
 * nothing, but for what was to be routed before: on the connection before it may have been, of a
 * session that has ended with it. */
static enum nj_cause
publish_exactly_once(struct nj_session *s, struct nj_publication *pub, uint16_t packet_id,
                     uint64_t number)
{
    bool is_taken = nj_session_is_durable(s) || nj_is_for_durable(s->home, pub);
    struct nj_home *home = s->home;
    struct nj_routed routed;

    if (!nj_received_add(&s->received, packet_id))
        return NJ_CAUSE_OUT_OF_MEMORY;
    if (is_taken) {
        (void)store_step(s, NJ_CHANGE_TAKEN, pub, packet_id);
        s->is_stored = true; /* also of a clean session: its end ends this */
    }
    if (is_taken || number > home->committed || s->promised > 0 ||
        home->left_behind > home->committed)
        return promise_route(s, pub, packet_id, is_taken);
    if (!route_taken(s, pub, packet_id, is_taken, &routed))
        return NJ_CAUSE_OUT_OF_MEMORY;
    send_pubrec(s, packet_id, is_taken, &routed);
    return NJ_CAUSE_NONE;
}

void
nj_session_refuse(struct nj_session *s, const struct nj_publication *pub, uint16_t packet_id,
                  enum nj_cause cause)
{
    struct nj_answer answer = {
        .type = pub->qos == 1 ? NJ_PUBACK : NJ_PUBREC,
        .packet_id = packet_id,
        .reason = (uint8_t)nj_cause_reason(cause),
        .cause = (uint8_t)cause,
    };

    nj_home_dropped(s->home, cause, s, pub->topic);
    if (pub->qos == 0)
        return;
    /* "Packet too large" is for CONNACK and DISCONNECT. [MQTT5-3.4.2-1] [MQTT5-3.5.2-1] */
    if (!nj_reason_is_allowed(answer.reason, answer.type, NJ_FROM_SERVER))
        answer.reason = NJ_REASON_IMPLEMENTATION_SPECIFIC_ERROR;
    if (answer.type == NJ_PUBACK && s->promised > 0)
        s->unanswered++; /* keep_answer() takes it off */
    nj_session_answer(s, &answer, 0);
}

/* Whether its acknowledgement would wait for the store. */
static bool
is_to_be_stored(struct nj_session *s, const struct nj_publication *pub)
{
    return pub->retain || (pub->qos == 2 && nj_session_is_durable(s)) ||
           nj_is_for_durable(s->home, pub);
}

enum nj_cause
nj_session_publish(struct nj_session *s, struct nj_publication *pub, uint16_t packet_id)
{
    struct nj_answer again = {.type = NJ_PUBREC, .packet_id = packet_id};
    uint64_t number = 0;

    pub->source = s->source;
    if (pub->qos == 2 && nj_received_has(&s->received, packet_id)) {
        nj_session_answer(s, &again, 0); /* [MQTT5-4.3.3-10] */
        return NJ_CAUSE_NONE;
    }
    if (pub->qos > 0 && is_over_receive_maximum(s))
        return NJ_CAUSE_RECEIVE_MAXIMUM;
    if (pub->qos > 0 && is_store_full(s->home, pub) && is_to_be_stored(s, pub)) {
        /* Not acknowledged; who cannot be told why is to try again on another connection. */
        if (s->link->version != NJ_MQTT_5) {
            nj_home_dropped(s->home, NJ_CAUSE_STORE_FULL, s, pub->topic);
            return NJ_CAUSE_STORE_FULL;
        }
        nj_session_refuse(s, pub, packet_id, NJ_CAUSE_STORE_FULL);
        return NJ_CAUSE_NONE;
    }
    if (pub->retain) {
        enum nj_cause refused = retain(s->home, pub, &number);

        /* A client of 5.0 hears that its message was refused; it is not routed then. Others cannot
         * be told: their message is delivered, only not retained. */
        if (refused != NJ_CAUSE_NONE && s->link->version == NJ_MQTT_5 && pub->qos > 0) {
            nj_session_refuse(s, pub, packet_id, refused);
            return NJ_CAUSE_NONE;
        }
        if (refused != NJ_CAUSE_NONE)
            nj_home_dropped(s->home, refused, s, pub->topic);
    }
    switch (pub->qos) {
    case 1:
        return publish_at_least_once(s, pub, packet_id, number);
    case 2:
        return publish_exactly_once(s, pub, packet_id, number);
    default: {
        struct nj_routed routed;

        nj_deliver(s->home, pub, &routed); /* what got lost is counted where it was */
        return NJ_CAUSE_NONE;
    }
    }
}

void
nj_session_pubrel(struct nj_session *s, uint16_t packet_id)
{
    struct nj_answer answer = {.type = NJ_PUBCOMP, .packet_id = packet_id};
    uint64_t number = 0;

    if (!release(s, packet_id))
        answer.reason = NJ_REASON_PACKET_IDENTIFIER_NOT_FOUND;
    else if (nj_session_is_durable(s))
        number = store_step(s, NJ_CHANGE_RELEASED, NULL, packet_id);
    nj_session_answer(s, &answer, number);
}
