/* SPDX-License-Identifier: Apache-2.0 */
/* kit_test.h — a broker of two homes wired by hand, for the tests of this room.
 *
 * Clients are links that write down what they are sent. The store writes down what is appended and
 * says "safe" when the test does, as far as the test does. Bundles wait until kit_turn(). Time
 * stands still until it is moved. */
#ifndef NJ_BROKER_KIT_TEST_H
#define NJ_BROKER_KIT_TEST_H

#include "base/hash.h"
#include "base/mem.h"
#include "broker/delivery.h"
#include "broker/session.h"

#include "base/test.h"

#define KIT_HOMES 2
#define KIT_SEEN  512
#define KIT_LOG   4096

/* One packet that a client was sent. */
struct kit_packet {
    enum nj_packet_type type;
    uint16_t packet_id;
    uint8_t qos, reason;
    bool retain, dup, session_present;
    uint32_t identifiers[4], identifier_count;
    char topic[40], payload[40];
    uint8_t codes[8];
    size_t codes_n;
};

struct kit_client {
    struct nj_link link;
    struct nj_session *session; /* NULL once it has left or was closed */
    struct kit_packet seen[KIT_SEEN];
    unsigned count, looked_at;
    enum nj_cause closed;                    /* NJ_CAUSE_NONE: not by the broker */
    size_t max_payload;                      /* more is too large for it */
    bool has_no_memory;                      /* its output cannot take a PUBLISH */
    void (*says_last)(struct kit_client *c); /* what is found when it is heard out; may be NULL */
};

struct kit_store {
    struct nj_store_port port;
    struct nj_change changes[KIT_LOG]; /* what they point to is gone, but for */
    char texts[KIT_LOG][40];           /* a filter, a topic, a will's payload */
    unsigned order[KIT_LOG];           /* among the changes of all homes */
    uint64_t appended;
    bool is_full, doubts_ends;
};

static struct {
    struct nj_broker_opts opts;
    struct nj_broker *broker;
    struct nj_home *home[KIT_HOMES];
    struct kit_store store[KIT_HOMES];
    struct nj_metrics metrics[KIT_HOMES];
    struct nj_bundle *mail[KIT_HOMES][64];
    unsigned mail_count[KIT_HOMES];
    nj_time now;
    unsigned changes; /* of all homes */
    bool is_holding;  /* kit_turn() does not commit */
    unsigned expired, waiting;
    unsigned dropped[NJ_CAUSE_COUNT];
} kit;

/* ---- what the broker asks of its surroundings ---- */

static inline void
kit_text(char out[40], struct nj_str s)
{
    size_t n = NJ_MIN(s.n, 39);

    if (n > 0)
        memcpy(out, s.p, n);
    out[n] = '\0';
}

static inline struct kit_packet *
kit_write_down(struct kit_client *c)
{
    assert_true(c->count < KIT_SEEN);
    memset(&c->seen[c->count], 0, sizeof(c->seen[0]));
    return &c->seen[c->count++];
}

static inline enum nj_sent
kit_on_publish(struct nj_link *link, const struct nj_delivery *d)
{
    struct kit_client *c = nj_container_of(link, struct kit_client, link);
    struct kit_packet *p;

    if (c->has_no_memory || (d->qos == 0 && link->is_full))
        return NJ_SENT_NO_ROOM;
    if (d->publication->payload.n > c->max_payload)
        return NJ_SENT_TOO_LARGE;
    p = kit_write_down(c);
    p->type = NJ_PUBLISH;
    p->packet_id = d->packet_id;
    p->qos = d->qos;
    p->retain = d->retain;
    p->dup = d->dup;
    p->identifier_count = d->identifier_count;
    for (uint32_t i = 0; i < NJ_MIN(d->identifier_count, 4u); i++)
        p->identifiers[i] = d->identifiers[i];
    kit_text(p->topic, d->publication->topic);
    kit_text(p->payload, d->publication->payload);
    return NJ_SENT;
}

static inline void
kit_on_answer(struct nj_link *link, const struct nj_answer *a)
{
    struct kit_packet *p = kit_write_down(nj_container_of(link, struct kit_client, link));

    p->type = a->type;
    p->packet_id = a->packet_id;
    p->reason = a->reason;
    p->session_present = a->session_present;
    p->codes_n = NJ_MIN(a->codes.n, sizeof(p->codes));
    if (a->codes.n > 0)
        memcpy(p->codes, a->codes.p, p->codes_n);
}

static inline void
kit_on_hear_out(struct nj_link *link)
{
    struct kit_client *c = nj_container_of(link, struct kit_client, link);

    if (c->says_last != NULL)
        c->says_last(c);
}

static inline void
kit_on_close(struct nj_link *link, enum nj_cause cause)
{
    struct kit_client *c = nj_container_of(link, struct kit_client, link);

    c->closed = cause;
    c->session = NULL;
}

static inline struct nj_str
kit_text_of(const struct nj_change *change)
{
    if (change->kind == NJ_CHANGE_SUBSCRIBED || change->kind == NJ_CHANGE_UNSUBSCRIBED)
        return change->filter;
    if (change->kind == NJ_CHANGE_WILL && change->will != NULL)
        return change->will->payload;
    if (change->kind == NJ_CHANGE_TAKEN || change->kind == NJ_CHANGE_QUEUED ||
        change->kind == NJ_CHANGE_RETAINED)
        return change->publication->topic;
    return (struct nj_str){NULL, 0};
}

static inline uint64_t
kit_append(struct nj_store_port *port, const struct nj_change *change)
{
    struct kit_store *s = nj_container_of(port, struct kit_store, port);

    if (s->appended < KIT_LOG) {
        s->changes[s->appended] = *change;
        s->order[s->appended] = kit.changes++;
        kit_text(s->texts[s->appended], kit_text_of(change));
    }
    return ++s->appended;
}

static inline bool
kit_is_full(struct nj_store_port *port, size_t bytes)
{
    (void)bytes;
    return nj_container_of(port, struct kit_store, port)->is_full;
}

static inline bool
kit_doubts_ends(struct nj_store_port *port)
{
    return nj_container_of(port, struct kit_store, port)->doubts_ends;
}

static inline void
kit_post(void *ctx, uint16_t to, struct nj_bundle *bundle)
{
    (void)ctx;
    assert_true(kit.mail_count[to] < 64);
    kit.mail[to][kit.mail_count[to]++] = bundle;
}

static inline void
kit_on_dropped(void *ctx, enum nj_cause cause, struct nj_session *session, struct nj_str topic)
{
    (void)ctx;
    (void)session;
    (void)topic;
    kit.dropped[cause]++;
}

static inline void
kit_on_expired(void *ctx, const struct nj_session *session)
{
    (void)ctx;
    (void)session;
    kit.expired++;
}

static inline void
kit_on_waits(void *ctx, const struct nj_session *session)
{
    (void)ctx;
    (void)session;
    kit.waiting++;
}

/* ---- the world ---- */

static inline int
kit_begin(void **state)
{
    static const struct nj_home_ops home_ops = {kit_post, kit_on_dropped, kit_on_expired,
                                                kit_on_waits};
    static const struct nj_store_ops store_ops = {
        .append = kit_append, .is_full = kit_is_full, .doubts_ends = kit_doubts_ends};

    (void)state;
    memset(&kit, 0, sizeof(kit));
    kit.now = 1000000;
    kit.opts = (struct nj_broker_opts){
        .max_inflight_messages = 20,
        .max_queued_messages = 1000,
        .max_queued_bytes = 1 << 20,
        .retain_available = true,
        .max_retained_bytes = 1 << 20,
        .persistent_client_expiration_s = UINT32_MAX,
        .global_max_clients = UINT32_MAX,
    };
    nj_hash_key_set(1, 2);
    nj_rcu_register();
    assert_int_equal(nj_broker_new(&kit.broker, KIT_HOMES, &kit.opts, 20), NJ_OK);
    for (uint16_t i = 0; i < KIT_HOMES; i++) {
        struct nj_home_deps deps = {
            .broker = kit.broker,
            .opts = &kit.opts,
            .ops = &home_ops,
            .store = &kit.store[i].port,
            .metrics = &kit.metrics[i],
        };

        kit.store[i].port.ops = &store_ops;
        assert_int_equal(nj_home_new(&kit.home[i], i, &deps), NJ_OK);
        nj_home_begin(kit.home[i], kit.now);
    }
    return 0;
}

static inline void
kit_drop_mail(void)
{
    for (unsigned i = 0; i < KIT_HOMES; i++) {
        for (unsigned k = 0; k < kit.mail_count[i]; k++)
            nj_bundle_free(kit.mail[i][k]);
        kit.mail_count[i] = 0;
    }
}

/* Everything that is held, in all homes: gauges that must come back to 0. */
static inline uint64_t
kit_gauge(enum nj_metric which)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < KIT_HOMES; i++)
        sum += nj_metric_get(&kit.metrics[i], which);
    return sum;
}

static inline void
kit_leave(struct kit_client *c, bool is_will_withdrawn)
{
    struct nj_session *s = c->session;

    c->session = NULL;
    nj_session_leave(s, is_will_withdrawn);
}

/* All clients leave, without a will; then nothing may be counted as held any more. */
static inline int
kit_end(void **state)
{
    (void)state;
    nj_mem_limit_set(0);
    for (unsigned i = 0; i < KIT_HOMES; i++)
        for (uint32_t slot = 0; slot < kit.home[i]->slot_count; slot++) {
            struct nj_session *s = kit.home[i]->slots[slot].session;

            if (s != NULL && s->link != NULL)
                nj_session_leave(s, true);
        }
    kit_drop_mail();
    for (unsigned i = 0; i < KIT_HOMES; i++)
        nj_home_free(kit.home[i]);
    assert_int_equal(atomic_load(&kit.broker->queued_messages), 0);
    assert_int_equal(atomic_load(&kit.broker->queued_bytes), 0);
    assert_int_equal(atomic_load(&kit.broker->session_count), 0);
    assert_int_equal(kit_gauge(NJ_METRIC_QUEUED_MESSAGES), 0);
    assert_int_equal(kit_gauge(NJ_METRIC_QUEUED_BYTES), 0);
    assert_int_equal(kit_gauge(NJ_METRIC_SESSIONS), 0);
    assert_int_equal(kit_gauge(NJ_METRIC_CLIENTS_CONNECTED), 0);
    assert_int_equal(kit_gauge(NJ_METRIC_SUBSCRIPTIONS), 0);
    assert_int_equal(kit_gauge(NJ_METRIC_SHARED_SUBSCRIPTIONS), 0);
    nj_rcu_quiescent();
    nj_rcu_unregister();
    nj_rcu_barrier();
    nj_broker_free(kit.broker);
    return 0;
}

/* All that a home has appended up to `number` is safe. */
static inline void
kit_commit_to(unsigned home, uint64_t number)
{
    nj_home_committed(kit.home[home], number);
}

/* The place of the `nth` change of its kind in what a home has appended; -1: there is none. */
static inline int
kit_place(unsigned home, enum nj_change_kind kind, unsigned nth)
{
    for (unsigned i = 0; i < kit.store[home].appended; i++)
        if (kit.store[home].changes[i].kind == kind && nth-- == 0)
            return (int)i;
    return -1;
}

/* The place of that one among the changes of all homes; it must be there. */
static inline unsigned
kit_order(unsigned home, enum nj_change_kind kind, unsigned nth)
{
    int place = kit_place(home, kind, nth);

    assert_true(place >= 0);
    return kit.store[home].order[place];
}

/* That change itself, which must be there. */
static inline const struct nj_change *
kit_change(unsigned home, enum nj_change_kind kind, unsigned nth)
{
    int place = kit_place(home, kind, nth);

    assert_true(place >= 0);
    return &kit.store[home].changes[place];
}

/* Everything is, also what is appended because of it. */
static inline void
kit_commit(void)
{
    for (unsigned i = 0; i < KIT_HOMES; i++)
        while (kit.home[i]->committed < kit.store[i].appended)
            kit_commit_to(i, kit.store[i].appended);
}

/* One turn of each home, mail delivered. */
static inline void
kit_turn(void)
{
    for (unsigned i = 0; i < KIT_HOMES; i++)
        nj_home_begin(kit.home[i], kit.now);
    for (unsigned i = 0; i < KIT_HOMES; i++)
        nj_home_post(kit.home[i]);
    for (unsigned i = 0; i < KIT_HOMES; i++) {
        for (unsigned k = 0; k < kit.mail_count[i]; k++)
            nj_home_take(kit.home[i], kit.mail[i][k]);
        kit.mail_count[i] = 0;
    }
    for (unsigned i = 0; i < KIT_HOMES; i++)
        nj_home_work(kit.home[i], 1000);
    if (!kit.is_holding)
        kit_commit();
    nj_rcu_quiescent();
}

/* Until nothing moves any more. */
static inline void
kit_settle(void)
{
    for (unsigned i = 0; i < 4; i++)
        kit_turn();
}

static inline void
kit_wait_s(uint32_t seconds)
{
    kit.now += (nj_time)seconds * 1000;
    kit_settle();
}

/* ---- clients ---- */

static inline void
kit_client(struct kit_client *c)
{
    static const struct nj_link_ops ops = {kit_on_publish, kit_on_answer, kit_on_hear_out,
                                           kit_on_close};

    memset(c, 0, sizeof(*c));
    c->link = (struct nj_link){.ops = &ops, .version = NJ_MQTT_5, .receive_maximum = 65535};
    c->max_payload = SIZE_MAX;
}

/* A session without a will that is deleted with its connection, unless `expiry_s` says otherwise.
 */
static inline struct nj_opening
kit_opening(const char *id, uint32_t expiry_s)
{
    return (struct nj_opening){
        .client_id = nj_str_of(id), .session_expiry_s = expiry_s, .will_expiry_s = NJ_NO_EXPIRY};
}

/* On a client that kit_client() has made; the CONNACK may still be to come. */
static inline enum nj_cause
kit_try_open(struct kit_client *c, unsigned home, const struct nj_opening *opening)
{
    return nj_home_connect(kit.home[home], opening, &c->link, &c->session);
}

/* A new connection of `id`, up to the CONNACK (taken note of). */
static inline void
kit_connect_with(struct kit_client *c, unsigned home, const struct nj_opening *opening)
{
    assert_int_equal(kit_try_open(c, home, opening), NJ_CAUSE_NONE);
    kit_commit();
    assert_true(c->count > 0);
    assert_int_equal(c->seen[0].type, NJ_CONNACK);
    c->looked_at = 1;
}

static inline void
kit_connect(struct kit_client *c, unsigned home, const char *id, uint32_t expiry_s)
{
    struct nj_opening opening = kit_opening(id, expiry_s);

    kit_client(c);
    kit_connect_with(c, home, &opening);
}

static inline enum nj_cause
kit_publish_full(struct kit_client *c, struct nj_publication pub, uint16_t packet_id,
                 uint64_t expiry_s)
{
    enum nj_cause cause;

    nj_home_stamp(c->session->home, &pub, expiry_s);
    cause = nj_session_publish(c->session, &pub, packet_id);
    nj_publication_fini(&pub);
    return cause;
}

static inline struct nj_publication
kit_publication(const char *topic, const char *payload, uint8_t qos)
{
    return (struct nj_publication){
        .topic = nj_str_of(topic), .payload = nj_str_of(payload), .qos = qos};
}

static inline void
kit_publish(struct kit_client *c, const char *topic, const char *payload, uint8_t qos,
            uint16_t packet_id)
{
    assert_int_equal(
        kit_publish_full(c, kit_publication(topic, payload, qos), packet_id, NJ_NO_EXPIRY),
        NJ_CAUSE_NONE);
}

static inline void
kit_retain(struct kit_client *c, const char *topic, const char *payload)
{
    struct nj_publication pub = kit_publication(topic, payload, 0);

    pub.retain = true;
    assert_int_equal(kit_publish_full(c, pub, 0, NJ_NO_EXPIRY), NJ_CAUSE_NONE);
}

/* The code for the SUBACK, which is not asked for; as if it were sent. */
static inline uint8_t
kit_subscribe_with(struct kit_client *c, struct nj_subscription s, uint32_t identifier)
{
    uint8_t code = nj_session_subscribe(c->session, &s, identifier);

    nj_retained_answered(c->session);
    return code;
}

static inline void
kit_subscribe(struct kit_client *c, const char *filter, uint8_t qos)
{
    struct nj_subscription s = {.filter = nj_str_of(filter), .qos = qos};

    assert_int_equal(kit_subscribe_with(c, s, 0), qos);
}

/* ---- what a client saw ---- */

/* The next packet that was not looked at; NULL: there is none. */
static inline const struct kit_packet *
kit_next(struct kit_client *c)
{
    return c->looked_at < c->count ? &c->seen[c->looked_at++] : NULL;
}

static inline void
kit_sees_nothing(struct kit_client *c)
{
    if (c->looked_at < c->count)
        fail_msg("not expected: %s %s %s", nj_packet_name(c->seen[c->looked_at].type),
                 c->seen[c->looked_at].topic, c->seen[c->looked_at].payload);
}

static inline const struct kit_packet *
kit_sees(struct kit_client *c, enum nj_packet_type type)
{
    static const struct kit_packet none;
    const struct kit_packet *p = kit_next(c);

    if (p == NULL) {
        fail_msg("no %s has come", nj_packet_name(type));
        return &none; /* fail_msg() does not come back, which the compiler cannot know */
    }
    if (p->type != type)
        fail_msg("%s has come instead of %s", nj_packet_name(p->type), nj_packet_name(type));
    return p;
}

static inline const struct kit_packet *
kit_sees_ack(struct kit_client *c, enum nj_packet_type type, uint16_t packet_id, uint8_t reason)
{
    const struct kit_packet *p = kit_sees(c, type);

    assert_int_equal(p->packet_id, packet_id);
    assert_int_equal(p->reason, reason);
    return p;
}

static inline const struct kit_packet *
kit_sees_publish(struct kit_client *c, const char *payload, uint8_t qos, uint16_t packet_id)
{
    const struct kit_packet *p = kit_sees(c, NJ_PUBLISH);

    assert_string_equal(p->payload, payload);
    assert_int_equal(p->qos, qos);
    assert_int_equal(p->packet_id, packet_id);
    return p;
}

#endif
