/* SPDX-License-Identifier: Apache-2.0 */
/* kit_test.h — a store in a folder of a test's own, changes in a line each, and what a load tells
 * as text, a line for each call. */
#ifndef NJ_STORE_KIT_TEST_H
#define NJ_STORE_KIT_TEST_H

#include "base/folder_kit_test.h"
#include "base/mem.h"
#include "base/rand.h"
#include "store/store_priv.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

/* ---- changes ---- */

static inline uint64_t
kit_append(struct nj_store_port *port, const struct nj_change *c)
{
    return port->ops->append(port, c);
}

static inline uint64_t
kit_safe(struct nj_store_port *port)
{
    return port->ops->safe(port);
}

static inline uint64_t
kit_session(struct nj_store_port *port, uint64_t session, const char *client_id)
{
    const struct nj_session_state state = {
        .client_id = nj_str_of(client_id), .expiry_s = 3600, .left = NJ_NEVER};

    return kit_append(
        port, &(struct nj_change){.kind = NJ_CHANGE_SESSION, .session = session, .state = &state});
}

/* Those that say no more than of what they speak. */
static inline uint64_t
kit_step(struct nj_store_port *port, enum nj_change_kind kind, uint64_t session, uint64_t message,
         uint16_t packet_id)
{
    return kit_append(
        port, &(struct nj_change){
                  .kind = kind, .session = session, .message = message, .packet_id = packet_id});
}

static inline struct nj_publication
kit_publication(uint64_t number, const char *topic, struct nj_str payload)
{
    return (struct nj_publication){
        .topic = nj_str_of(topic),
        .payload = payload,
        .qos = 1,
        .number = number,
        .arrived = nj_clock_monotonic_ms(),
        .expires = NJ_NEVER,
    };
}

static inline uint64_t
kit_publish(struct nj_store_port *port, enum nj_change_kind kind, uint64_t session,
            uint64_t message, uint16_t packet_id, uint8_t qos, const char *payload)
{
    struct nj_publication pub = kit_publication(message, "t", nj_str_of(payload));
    const struct nj_terms terms = {.qos = qos};
    struct nj_change change = {.kind = kind,
                               .session = session,
                               .message = message,
                               .packet_id = packet_id,
                               .publication = &pub};

    if (kind == NJ_CHANGE_QUEUED)
        change.terms = &terms;
    return kit_append(port, &change);
}

static inline uint64_t
kit_queued(struct nj_store_port *port, uint64_t session, uint64_t message, uint8_t qos)
{
    return kit_publish(port, NJ_CHANGE_QUEUED, session, message, 0, qos, "x");
}

static inline uint64_t
kit_retained(struct nj_store_port *port, uint64_t message, const char *topic, const char *payload)
{
    struct nj_publication pub = kit_publication(message, topic, nj_str_of(payload));

    pub.retain = true;
    return kit_append(port, &(struct nj_change){.kind = NJ_CHANGE_RETAINED, .publication = &pub});
}

static inline uint64_t
kit_subscribed(struct nj_store_port *port, uint64_t session, const char *filter, uint8_t qos,
               uint32_t identifier)
{
    const struct nj_sub_opts opts = {.qos = qos, .identifier = identifier};

    return kit_append(port, &(struct nj_change){.kind = NJ_CHANGE_SUBSCRIBED,
                                                .session = session,
                                                .filter = nj_str_of(filter),
                                                .subscription = &opts});
}

static inline uint64_t
kit_unsubscribed(struct nj_store_port *port, uint64_t session, const char *filter)
{
    return kit_append(port, &(struct nj_change){.kind = NJ_CHANGE_UNSUBSCRIBED,
                                                .session = session,
                                                .filter = nj_str_of(filter)});
}

/* `payload` NULL: withdrawn. */
static inline uint64_t
kit_will(struct nj_store_port *port, uint64_t session, const char *payload)
{
    const struct nj_will will = {
        .topic = NJ_STR("w"), .payload = nj_str_of(payload), .qos = 1, .delay_s = 7, .expiry_s = 9};

    return kit_append(port, &(struct nj_change){.kind = NJ_CHANGE_WILL,
                                                .session = session,
                                                .will = payload != NULL ? &will : NULL});
}

/* ---- what a load tells ---- */

struct kit_tale {
    char *text;
    size_t n, capacity;
    struct nj_msg *last;     /* of those queued, not a reference */
    unsigned shared;         /* queued messages that were the one before */
    unsigned calls, fail_at; /* the so-manieth call fails; 0: none */
};

static inline enum nj_err __attribute__((format(printf, 2, 3)))
kit_tell(struct kit_tale *tale, const char *fmt, ...)
{
    va_list ap;

    if (++tale->calls == tale->fail_at)
        return NJ_ENOMEM;
    if (tale->n + 4096 > tale->capacity) {
        tale->capacity = (tale->capacity + 4096) * 2;
        tale->text = nj_realloc(tale->text, tale->capacity);
        assert_non_null(tale->text);
    }
    va_start(ap, fmt);
    tale->n += (size_t)vsnprintf(tale->text + tale->n, 4096, fmt, ap);
    va_end(ap);
    return NJ_OK;
}

static inline enum nj_err
kit_tell_session(void *ctx, uint64_t number, const struct nj_session_state *state)
{
    return kit_tell(ctx, "session %" PRIu64 " %" NJ_STR_FMT " %u%s\n", number,
                    NJ_STR_ARG(state->client_id), state->expiry_s,
                    state->left == NJ_NEVER ? "" : " left");
}

static inline enum nj_err
kit_tell_subscription(void *ctx, struct nj_str filter, const struct nj_sub_opts *opts)
{
    return kit_tell(ctx, " subscribed %" NJ_STR_FMT " %u%s%s %u\n", NJ_STR_ARG(filter), opts->qos,
                    opts->no_local ? " no-local" : "", opts->retain_as_published ? " rap" : "",
                    opts->identifier);
}

static inline enum nj_err
kit_tell_queued(void *ctx, struct nj_msg *msg, const struct nj_terms *terms, uint16_t packet_id)
{
    struct kit_tale *tale = ctx;
    enum nj_err err = kit_tell(
        tale,
        " queued %" PRIu64 " %" NJ_STR_FMT "=%" NJ_STR_FMT " qos %u%s group %" PRIu64 " packet %u",
        msg->number, NJ_STR_ARG(nj_msg_topic(msg)), NJ_STR_ARG(nj_msg_payload(msg)), terms->qos,
        terms->retain ? " retain" : "", terms->group, packet_id);

    tale->shared += msg == tale->last;
    tale->last = msg;
    for (uint32_t i = 0; i < terms->identifier_count && err == NJ_OK; i++)
        err = kit_tell(tale, " id %u", terms->identifiers[i]);
    return err == NJ_OK ? kit_tell(tale, "\n") : err;
}

static inline enum nj_err
kit_tell_released(void *ctx, uint16_t packet_id)
{
    return kit_tell(ctx, " released %u\n", packet_id);
}

static inline enum nj_err
kit_tell_received(void *ctx, uint64_t session, uint16_t packet_id, struct nj_msg *msg)
{
    return msg == NULL ? kit_tell(ctx, " received %" PRIu64 " %u\n", session, packet_id)
                       : kit_tell(ctx, " received %" PRIu64 " %u taken %" PRIu64 "\n", session,
                                  packet_id, msg->number);
}

static inline enum nj_err
kit_tell_will(void *ctx, uint64_t session, const struct nj_will *will)
{
    return kit_tell(ctx,
                    " will %" PRIu64 " %" NJ_STR_FMT "=%" NJ_STR_FMT " qos %u%s %u %" PRIu64 "\n",
                    session, NJ_STR_ARG(will->topic), NJ_STR_ARG(will->payload), will->qos,
                    will->retain ? " retain" : "", will->delay_s, will->expiry_s);
}

static inline enum nj_err
kit_tell_retained(void *ctx, struct nj_msg *msg)
{
    return kit_tell(ctx, "retained %" NJ_STR_FMT "=%" NJ_STR_FMT " %" PRIu64 "\n",
                    NJ_STR_ARG(nj_msg_topic(msg)), NJ_STR_ARG(nj_msg_payload(msg)), msg->number);
}

static const struct nj_store_reader kit_reader = {
    .session = kit_tell_session,
    .subscription = kit_tell_subscription,
    .queued = kit_tell_queued,
    .released = kit_tell_released,
    .received = kit_tell_received,
    .will = kit_tell_will,
    .retained = kit_tell_retained,
};

static inline void
kit_tale_fini(struct kit_tale *tale)
{
    nj_free(tale->text);
    *tale = (struct kit_tale){0};
}

/* ---- a store ---- */

struct kit {
    char folder[KIT_FOLDER_SIZE];
    char path[KIT_FOLDER_SIZE + 8];
    enum nj_durability durability;
    uint32_t interval_ms;
    uint64_t max_bytes;
    uint32_t backup_interval_s;
    struct nj_store_tuning tuning;
    uint16_t homes;
    struct nj_store *store;
    struct nj_store_port *port; /* of home 0 */
    struct nj_store_numbers numbers;
    struct kit_tale tale; /* of the last load */
    /* woken by the store */
    pthread_mutex_t mutex;
    pthread_cond_t news;
    unsigned wakes;
};

static inline void
kit_wake(void *ctx, uint16_t home)
{
    struct kit *k = ctx;

    (void)home;
    (void)pthread_mutex_lock(&k->mutex);
    k->wakes++;
    (void)pthread_cond_broadcast(&k->news);
    (void)pthread_mutex_unlock(&k->mutex);
}

static inline enum nj_err
kit_open_only(struct kit *k, struct nj_diag *diag)
{
    const struct nj_store_opts opts = {.directory = k->path,
                                       .durability = {k->durability, k->interval_ms},
                                       .max_bytes = k->max_bytes,
                                       .backup_interval_s = k->backup_interval_s};
    enum nj_err err = nj_store_open_tuned(&k->store, &opts, k->homes, &k->tuning, diag);

    if (err == NJ_OK)
        k->port = nj_store_port(k->store, 0);
    return err;
}

static inline void
kit_load(struct kit *k)
{
    struct nj_diag diag = {0};

    kit_tale_fini(&k->tale);
    assert_int_equal(kit_tell(&k->tale, "%s", ""), NJ_OK);
    assert_int_equal(nj_store_load(k->store, &kit_reader, &k->tale, &k->numbers, &diag), NJ_OK);
}

static inline void
kit_run(struct kit *k)
{
    assert_int_equal(nj_store_start(k->store, kit_wake, k, NULL), NJ_OK);
}

static inline void
kit_open(struct kit *k)
{
    struct nj_diag diag = {0};

    if (kit_open_only(k, &diag) != NJ_OK)
        fail_msg("%s", diag.text);
    kit_load(k);
    kit_run(k);
}

static inline void
kit_close(struct kit *k)
{
    nj_store_close(k->store);
    k->store = NULL;
}

/* Close it and open it again: what it tells is in k->tale. */
static inline void
kit_reopen(struct kit *k)
{
    kit_close(k);
    kit_open(k);
}

/* Wait until a home's changes up to this are safe. */
static inline void
kit_settle_of(struct kit *k, uint16_t home, uint64_t number)
{
    struct nj_store_port *port = nj_store_port(k->store, home);

    (void)pthread_mutex_lock(&k->mutex);
    while (kit_safe(port) < number)
        (void)pthread_cond_wait(&k->news, &k->mutex);
    (void)pthread_mutex_unlock(&k->mutex);
}

static inline void
kit_settle(struct kit *k, uint64_t number)
{
    kit_settle_of(k, 0, number);
}

/* Wait for the store's `count`th backup since it was opened, good or not. */
static inline void
kit_await_backups(struct kit *k, uint64_t count)
{
    while (nj_store_metric(k->store, NJ_METRIC_STORE_BACKUPS) +
               nj_store_metric(k->store, NJ_METRIC_STORE_BACKUP_FAULTS) <
           count)
        (void)poll(NULL, 0, 1);
}

static inline struct kit *
kit_new(void)
{
    struct kit *k = nj_zalloc(sizeof(*k));

    assert_non_null(k);
    assert_int_equal(folder_make(k->folder), 0);
    (void)snprintf(k->path, sizeof(k->path), "%s/store", k->folder);
    k->homes = 2;
    k->tuning.map_bytes = 1 << 20;
    (void)pthread_mutex_init(&k->mutex, NULL);
    (void)pthread_cond_init(&k->news, NULL);
    return k;
}

static inline int
kit_setup(void **state)
{
    *state = kit_new();
    return 0;
}

static inline int
kit_teardown(void **state)
{
    struct kit *k = *state;

    nj_store_close(k->store);
    kit_tale_fini(&k->tale);
    (void)folder_remove(k->folder);
    (void)pthread_cond_destroy(&k->news);
    (void)pthread_mutex_destroy(&k->mutex);
    nj_free(k);
    return 0;
}

#endif
