/* SPDX-License-Identifier: Apache-2.0 */
/* What the store tells comes session by session, so one is whole before the next begins: the window
 * of QoS 2 is laid out then, since its order is that of the packet identifiers. What is owed to
 * others (wills, messages that were taken) waits until all subscriptions are there. */
#include "broker/restore.h"

#include "base/mem.h"
#include "broker/delivery.h"
#include "broker/session.h"

#include <stdlib.h>

/* Under way to the session that is being told; identifiers are in an array of its own. */
struct flight {
    struct nj_msg *msg; /* NULL: PUBREC has come */
    struct nj_terms terms;
    uint32_t *identifiers;
    uint16_t packet_id;
};

/* Taken from a client at QoS 2, and not routed. */
struct taken {
    uint64_t session;
    struct nj_home *home;
    struct nj_msg *msg;
    uint16_t packet_id;
};

/* Of a session that ended with the process. */
struct legacy {
    uint64_t session;
    struct nj_msg *msg;
    uint64_t expiry_s; /* or NJ_NO_EXPIRY */
};

struct nj_restore {
    struct nj_broker *broker;
    struct nj_session *session; /* that is being told; NULL: none yet */
    nj_time left;               /* when its connection ended; NJ_NEVER: with the process */
    struct flight *flights;
    size_t flight_count, flight_capacity;
    struct taken *taken;
    size_t taken_count, taken_capacity;
    struct legacy *legacies;
    size_t legacy_count, legacy_capacity;
    struct nj_holdings held; /* of what was taken and not routed, what has arrived all the same */
};

struct nj_restore *
nj_restore_begin(struct nj_broker *broker, nj_time now)
{
    struct nj_restore *r = nj_zalloc(sizeof(*r));

    if (r == NULL)
        return NULL;
    r->broker = broker;
    for (uint16_t i = 0; i < broker->home_count; i++)
        nj_home_begin(broker->homes[i], now);
    return r;
}

static void
forget_flights(struct nj_restore *r)
{
    for (size_t i = 0; i < r->flight_count; i++) {
        nj_msg_unref(r->flights[i].msg);
        nj_free(r->flights[i].identifiers);
    }
    r->flight_count = 0;
}

void
nj_restore_free(struct nj_restore *r)
{
    if (r == NULL)
        return;
    forget_flights(r);
    for (size_t i = 0; i < r->taken_count; i++)
        nj_msg_unref(r->taken[i].msg);
    for (size_t i = 0; i < r->legacy_count; i++)
        nj_msg_unref(r->legacies[i].msg);
    nj_free(r->flights);
    nj_free(r->taken);
    nj_free(r->legacies);
    nj_free(r->held.list);
    nj_free(r);
}

/* ---- the window of QoS 2 ---- */

static int
by_packet_id(const void *a, const void *b)
{
    return (int)((const struct flight *)a)->packet_id - (int)((const struct flight *)b)->packet_id;
}

/* Identifiers follow one another, round and round: the window begins behind the widest gap. */
static size_t
first_flight(const struct nj_restore *r)
{
    size_t first = 0;
    int widest = 0;

    for (size_t i = 0; i < r->flight_count; i++) {
        const struct flight *before = &r->flights[(i + r->flight_count - 1) % r->flight_count];
        int gap = (int)r->flights[i].packet_id - (int)before->packet_id;

        gap += gap <= 0 ? UINT16_MAX : 0;
        if (gap > widest) {
            widest = gap;
            first = i;
        }
    }
    return first;
}

static enum nj_err
lay_out_window(struct nj_restore *r)
{
    enum nj_err err = NJ_OK;
    size_t first;

    if (r->session == NULL)
        return NJ_OK;
    if (r->flight_count > 0)
        qsort(r->flights, r->flight_count, sizeof(*r->flights), by_packet_id);
    first = first_flight(r);
    for (size_t i = 0; err == NJ_OK && i < r->flight_count; i++) {
        struct flight *f = &r->flights[(first + i) % r->flight_count];

        f->terms.identifiers = f->identifiers;
        err = nj_session_restore_inflight(r->session, f->msg, &f->terms, f->packet_id);
    }
    forget_flights(r);
    /* Also where nothing was lost this time: the client may still hold what an earlier end lost. */
    nj_inflight_leap(&r->session->inflight, r->session->hash);
    return err;
}

static enum nj_err
add_flight(struct nj_restore *r, struct nj_msg *msg, const struct nj_terms *terms,
           uint16_t packet_id)
{
    struct flight f = {.packet_id = packet_id};

    if (!nj_array_grow((void **)&r->flights, &r->flight_capacity, r->flight_count, sizeof(f)))
        return NJ_ENOMEM;
    if (msg != NULL) {
        f.terms = *terms;
        if (terms->identifier_count > 0) {
            f.identifiers = nj_alloc_array(terms->identifier_count, sizeof(*f.identifiers));
            if (f.identifiers == NULL)
                return NJ_ENOMEM;
            memcpy(f.identifiers, terms->identifiers,
                   terms->identifier_count * sizeof(*f.identifiers));
        }
        f.msg = nj_msg_ref(msg);
    }
    r->flights[r->flight_count++] = f;
    return NJ_OK;
}

/* ---- what the store tells ---- */

static enum nj_err
restore_session(void *ctx, uint64_t number, const struct nj_session_state *state)
{
    struct nj_restore *r = ctx;
    enum nj_err err = lay_out_window(r);
    uint16_t home = nj_broker_home_of(r->broker, state->client_id);

    if (err != NJ_OK)
        return err;
    r->session = nj_home_restore(r->broker->homes[home], state->client_id, number);
    if (r->session == NULL)
        return NJ_ENOMEM;
    r->left = state->left;
    nj_session_restore(r->session, state);
    return NJ_OK;
}

static enum nj_err
restore_subscription(void *ctx, struct nj_str filter, const struct nj_sub_opts *opts)
{
    struct nj_restore *r = ctx;

    return nj_session_restore_subscription(r->session, filter, opts);
}

static enum nj_err
restore_queued(void *ctx, struct nj_msg *msg, const struct nj_terms *terms, uint16_t packet_id)
{
    struct nj_restore *r = ctx;

    if (packet_id != 0)
        return add_flight(r, msg, terms, packet_id);
    return nj_session_restore_queued(r->session, msg, terms);
}

static enum nj_err
restore_released(void *ctx, uint16_t packet_id)
{
    return add_flight(ctx, NULL, NULL, packet_id);
}

/* The session told last, if that is the one. */
static struct nj_session *
session_of(const struct nj_restore *r, uint64_t number)
{
    return r->session != NULL && r->session->subscriber.number == number ? r->session : NULL;
}

static enum nj_err
restore_received(void *ctx, uint64_t session, uint16_t packet_id, struct nj_msg *msg)
{
    struct nj_restore *r = ctx;
    struct nj_session *s = session_of(r, session);

    if (s != NULL && !nj_received_has(&s->received, packet_id) &&
        !nj_received_add(&s->received, packet_id))
        return NJ_ENOMEM;
    if (msg == NULL)
        return NJ_OK;
    if (!nj_array_grow((void **)&r->taken, &r->taken_capacity, r->taken_count, sizeof(*r->taken)))
        return NJ_ENOMEM;
    r->taken[r->taken_count++] = (struct taken){
        .session = session,
        .home = s != NULL ? s->home : r->broker->homes[0],
        .msg = nj_msg_ref(msg),
        .packet_id = packet_id,
    };
    return NJ_OK;
}

static enum nj_err
restore_will(void *ctx, uint64_t session, const struct nj_will *will)
{
    struct nj_restore *r = ctx;
    struct nj_session *s = session_of(r, session);
    struct nj_msg *msg;

    if (s != NULL)
        return nj_session_restore_will(s, will, r->left);
    if (!nj_array_grow((void **)&r->legacies, &r->legacy_capacity, r->legacy_count,
                       sizeof(*r->legacies)))
        return NJ_ENOMEM;
    msg = nj_will_msg(will);
    if (msg == NULL)
        return NJ_ENOMEM;
    r->legacies[r->legacy_count++] =
        (struct legacy){.session = session, .msg = msg, .expiry_s = will->expiry_s};
    return NJ_OK;
}

/* What is beyond a ceiling that was lowered since is left out, as it would be refused today. */
static enum nj_err
restore_retained(void *ctx, struct nj_msg *msg)
{
    struct nj_restore *r = ctx;

    switch (nj_retain_set(r->broker->retained, msg)) {
    case NJ_RETAIN_FULL_MESSAGES:
        nj_home_dropped(r->broker->homes[0], NJ_CAUSE_RETAINED_MESSAGES, NULL, nj_msg_topic(msg));
        return NJ_OK;
    case NJ_RETAIN_FULL_BYTES:
        nj_home_dropped(r->broker->homes[0], NJ_CAUSE_RETAINED_BYTES, NULL, nj_msg_topic(msg));
        return NJ_OK;
    case NJ_RETAIN_NO_MEMORY:
        return NJ_ENOMEM;
    case NJ_RETAIN_SET:
    case NJ_RETAIN_REMOVED:
    case NJ_RETAIN_NOTHING:
        break;
    }
    return NJ_OK;
}

const struct nj_store_reader nj_restore_reader = {
    .session = restore_session,
    .subscription = restore_subscription,
    .queued = restore_queued,
    .released = restore_released,
    .received = restore_received,
    .will = restore_will,
    .retained = restore_retained,
};

/* ---- what is owed ---- */

static int
by_message(const void *a, const void *b)
{
    uint64_t x = ((const struct taken *)a)->msg->number, y = ((const struct taken *)b)->msg->number;

    return x < y ? -1 : x > y;
}

static int
by_held_message(const void *a, const void *b)
{
    uint64_t x = ((const struct nj_holding *)a)->message;
    uint64_t y = ((const struct nj_holding *)b)->message;

    return x < y ? -1 : x > y;
}

/* The parcel's message, if it is one that was taken and is to be routed. */
static enum nj_err
note_if_held(struct nj_restore *r, const struct nj_session *s, const struct nj_parcel *p)
{
    const struct taken wanted = {.msg = p->msg};
    struct nj_holdings *h = &r->held;

    if (p->msg == NULL || p->msg->qos < 2 ||
        bsearch(&wanted, r->taken, r->taken_count, sizeof(wanted), by_message) == NULL)
        return NJ_OK;
    if (!nj_array_grow((void **)&h->list, &h->capacity, h->count, sizeof(*h->list)))
        return NJ_ENOMEM;
    h->list[h->count++] = (struct nj_holding){
        .message = p->msg->number, .session = s->subscriber.number, .group = p->group};
    return NJ_OK;
}

static enum nj_err
note_held_by(struct nj_restore *r, struct nj_session *s)
{
    enum nj_err err = NJ_OK;

    for (uint32_t i = 0; err == NJ_OK && i < s->inflight.ring.count; i++)
        err = note_if_held(r, s, nj_inflight_at(&s->inflight, i));
    for (uint32_t i = 0; err == NJ_OK && i < s->queue.count; i++)
        err = note_if_held(r, s, nj_queue_at(&s->queue, i));
    return err;
}

/* A commit may have ended between two receivers. Nobody can have finished with it by then: see
 * post() in delivery.c. */
static enum nj_err
note_held(struct nj_restore *r)
{
    enum nj_err err = NJ_OK;

    if (r->taken_count == 0)
        return NJ_OK;
    for (uint16_t i = 0; i < r->broker->home_count; i++) {
        const struct nj_home *home = r->broker->homes[i];

        for (uint32_t slot = 0; err == NJ_OK && slot < home->slot_count; slot++)
            if (home->slots[slot].session != NULL)
                err = note_held_by(r, home->slots[slot].session);
    }
    if (r->held.count > 0)
        qsort(r->held.list, r->held.count, sizeof(*r->held.list), by_held_message);
    return err;
}

/* ---- what two members of a share group have ---- */

/* One of them: a message that was changing its member. */
struct member {
    uint64_t message, group;
    struct nj_session *session;
    bool is_sent;
};

struct members {
    struct member *list;
    size_t count, capacity;
};

/* Of one message, the one that was sent first. */
static int
by_delivery(const void *a, const void *b)
{
    const struct member *x = a, *y = b;

    if (x->message != y->message)
        return x->message < y->message ? -1 : 1;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (int)y->is_sent - (int)x->is_sent;
}

static bool
note_member(struct members *m, struct nj_session *s, const struct nj_parcel *p, bool is_sent)
{
    if (p->group == 0 || p->msg == NULL)
        return true;
    if (!nj_array_grow((void **)&m->list, &m->capacity, m->count, sizeof(*m->list)))
        return false;
    m->list[m->count++] = (struct member){
        .message = p->msg->number, .group = p->group, .session = s, .is_sent = is_sent};
    return true;
}

static bool
note_members(struct members *m, struct nj_session *s)
{
    bool is_noted = true;

    for (uint32_t i = 0; is_noted && i < s->inflight.ring.count; i++)
        is_noted = note_member(m, s, nj_inflight_at(&s->inflight, i), true);
    for (uint32_t i = 0; is_noted && i < s->queue.count; i++)
        is_noted = note_member(m, s, nj_queue_at(&s->queue, i), false);
    return is_noted;
}

static void
forget_queued(const struct member *m)
{
    struct nj_queue *q = &m->session->queue;

    for (uint32_t i = 0; i < q->count; i++)
        if (nj_queue_at(q, i)->msg->number == m->message && nj_queue_at(q, i)->group == m->group) {
            nj_session_forget_queued(m->session, i);
            return;
        }
}

/* A commit may have ended between the word that it is for the new member, and that it is not for
 * the old one any more. */
static enum nj_err
keep_one_for_each_group(struct nj_broker *b)
{
    struct members m = {0};
    enum nj_err err = NJ_OK;

    for (uint16_t i = 0; i < b->home_count; i++)
        for (uint32_t slot = 0; err == NJ_OK && slot < b->homes[i]->slot_count; slot++)
            if (b->homes[i]->slots[slot].session != NULL &&
                !note_members(&m, b->homes[i]->slots[slot].session))
                err = NJ_ENOMEM;
    if (m.count > 0)
        qsort(m.list, m.count, sizeof(*m.list), by_delivery);
    for (size_t i = 1; err == NJ_OK && i < m.count; i++)
        if (m.list[i].message == m.list[i - 1].message && m.list[i].group == m.list[i - 1].group &&
            !m.list[i].is_sent)
            forget_queued(&m.list[i]);
    nj_free(m.list);
    return err;
}

static bool
route(const struct taken *t, const struct nj_holdings *held)
{
    const struct nj_change change = {
        .kind = NJ_CHANGE_ROUTED, .session = t->session, .packet_id = t->packet_id};
    struct nj_publication pub;
    struct nj_routed routed;

    nj_publication_of(&pub, t->msg);
    pub.is_owed = true;
    nj_deliver_rest(t->home, &pub, held, &routed);
    nj_publication_fini(&pub);
    if (routed.is_complete)
        (void)nj_home_append(t->home, &change);
    return routed.is_complete;
}

static void
publish_will(struct nj_home *home, const struct legacy *w)
{
    const struct nj_change change = {.kind = NJ_CHANGE_WILL, .session = w->session};
    struct nj_publication pub;

    nj_publication_of(&pub, w->msg);
    nj_home_stamp(home, &pub, w->expiry_s);
    nj_msg_unref(pub.msg); /* it has no number and no time: this makes one of it that has */
    pub.msg = NULL;
    nj_home_publish(home, &pub);
    nj_publication_fini(&pub);
    (void)nj_home_append(home, &change);
}

enum nj_err
nj_restore_finish(struct nj_restore *r, const struct nj_store_numbers *numbers)
{
    struct nj_broker *b = r->broker;
    enum nj_err err = lay_out_window(r);

    if (err != NJ_OK)
        return err;
    /* Relaxed: no other thread is there yet. */
    atomic_store_explicit(&b->session_number, numbers->session, memory_order_relaxed);
    for (uint16_t i = 0; i < b->home_count; i++)
        b->homes[i]->next_number = numbers->message / NJ_SHARDS + 1;
    if (r->taken_count > 0)
        qsort(r->taken, r->taken_count, sizeof(*r->taken), by_message);
    err = keep_one_for_each_group(b);
    if (err == NJ_OK)
        err = note_held(r);
    if (err != NJ_OK)
        return err;
    for (size_t i = 0; i < r->taken_count; i++)
        if (!route(&r->taken[i], &r->held))
            return NJ_ENOMEM;
    for (size_t i = 0; i < r->legacy_count; i++)
        publish_will(b->homes[0], &r->legacies[i]);
    for (uint16_t i = 0; i < b->home_count; i++)
        nj_home_post(b->homes[i]);
    return NJ_OK;
}
