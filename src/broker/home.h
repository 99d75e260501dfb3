/* SPDX-License-Identifier: Apache-2.0 */
/* home.h — the sessions of one worker, and all that happens to them.
 *
 * Everything here belongs to one thread. What concerns sessions of other homes leaves as bundles;
 * what other homes have for ours comes in through nj_home_take(). A turn of the worker:
 *
 *   nj_home_begin(now)      deadlines: wills, session expiry
 *   … packets, bundles …    nj_session_publish(), nj_home_take() …
 *   nj_home_work()          a bounded share of retained delivery
 *   nj_home_committed(n)    when the store says so: acknowledgements, QoS 2 routing
 *   nj_home_post()          one bundle for each other home that has news
 */
#ifndef NJ_BROKER_HOME_H
#define NJ_BROKER_HOME_H

#include "base/heap.h"
#include "base/list.h"
#include "broker/broker.h"
#include "broker/bundle.h"
#include "broker/crowd.h"
#include "broker/promise.h"
#include "broker/router.h"

/* Where handles point. */
struct nj_slot {
    struct nj_session *session; /* NULL: free, and next_free says which is next */
    uint32_t generation;
    uint32_t next_free;
};

struct nj_home {
    struct nj_broker *broker;
    const struct nj_broker_opts *opts; /* frozen; replaced between two turns */
    uint16_t id;
    const struct nj_home_ops *ops;
    void *ctx;
    struct nj_store_port *store;
    struct nj_metrics *metrics;
    nj_time now;         /* of this turn */
    uint64_t deliveries; /* targets routed to so far: what a turn's budget is counted in */

    /* private */
    uint64_t next_number;         /* of messages; the home's identifier stands behind it */
    uint64_t appended, committed; /* changes given to the store, and those safe */
    uint64_t ended;               /* the last change that told the end of a session */
    uint64_t left_behind; /* when this is safe, so is all that waited on connections now gone */
    struct nj_session **table; /* by hash of the client identifier; a power of two */
    size_t table_size, session_count;
    struct nj_slot *slots;
    uint32_t slot_count, slot_capacity, free_slot;
    struct nj_heap deadlines;
    struct nj_promises promises;
    struct nj_list work;        /* sessions with retained messages to come */
    struct nj_list starved;     /* sessions that stopped sending for want of memory */
    struct nj_crowd crowd;      /* sessions that their publishers wait for */
    struct nj_bundle **bundles; /* for each home, this turn's; NULL: nothing */
    struct nj_bundle *spare;    /* the last one that came, empty: the next to go; NULL: none */
    bool has_mail;              /* in them */
    struct nj_match *picks;     /* members that the message in hand is for, one of each group */
    size_t pick_count, pick_capacity;
    struct nj_router router;
};

struct nj_home_deps {
    struct nj_broker *broker;
    const struct nj_broker_opts *opts;
    const struct nj_home_ops *ops;
    void *ctx;
    struct nj_store_port *store;
    struct nj_metrics *metrics;
};

/* Enters itself as broker->homes[id]. Before its thread runs. */
NJ_NODISCARD enum nj_err nj_home_new(struct nj_home **out, uint16_t id,
                                     const struct nj_home_deps *deps);
/* Ends all sessions without a word: no link may be left. On its thread, or after it. */
void nj_home_free(struct nj_home *home);

/* ---- the turn ---- */

void nj_home_begin(struct nj_home *home, nj_time now);
/* When there is something to do next, by nj_home_begin() or nj_home_work(); NJ_NEVER. */
nj_time nj_home_next(const struct nj_home *home);
/* Deliveries from another home; takes the bundle. */
void nj_home_take(struct nj_home *home, struct nj_bundle *bundle);
/* Deliver retained messages, at most about `budget`, and try again what there was no memory for. */
void nj_home_work(struct nj_home *home, unsigned budget);
/* Whether nj_home_work() has something to do at once. */
bool nj_home_has_work(const struct nj_home *home);
/* All changes up to `number` are safe. */
void nj_home_committed(struct nj_home *home, uint64_t number);
/* What is not safe will not be: who waits for it is not left waiting, its connection ends. */
void nj_home_store_failed(struct nj_home *home);
void nj_home_post(struct nj_home *home);
/* Whether nj_home_post() has something to send. */
bool nj_home_has_mail(const struct nj_home *home);

/* Every will that there is, now: the broker is about to stop. Where sessions outlive the process, a
 * will that is delayed is left to the next one: who comes back in time keeps it. [MQTT5-3.1.3-9] */
void nj_home_publish_wills(struct nj_home *home);

/* ---- publishing without a session: $SYS, wills ---- */

/* An identity and times for a message that arrives now. `expiry_s` may be NJ_NO_EXPIRY. */
void nj_home_stamp(struct nj_home *home, struct nj_publication *pub, uint64_t expiry_s);
/* Set the retained message if it is one, then route. */
void nj_home_publish(struct nj_home *home, struct nj_publication *pub);

/* ---- sessions ---- */

/* What a CONNECT asks for. */
struct nj_opening {
    struct nj_str client_id; /* not empty */
    bool clean_start;
    bool is_bridge; /* No Local and Retain As Published on all subscriptions */
    uint32_t session_expiry_s;
    const struct nj_msg_parts *will; /* NULL: none; `number` and times are filled in here */
    uint32_t will_delay_s;
    uint64_t will_expiry_s; /* or NJ_NO_EXPIRY */
};

/**
 * Open the session, new or resumed, on this link; a link that holds it already is heard out, and
 * closed with NJ_CAUSE_TAKEN_OVER unless that was a farewell. The CONNACK goes out through the link
 * when it is due, perhaps from inside this call; then what waits is delivered.
 *
 * out      written on NJ_CAUSE_NONE, before the CONNACK; valid until nj_session_leave() or the
 *          link's close().
 * Errors   NJ_CAUSE_GLOBAL_MAX_CLIENTS, NJ_CAUSE_OUT_OF_MEMORY: nothing has changed, but that a
 *          clean start may have ended the session before.
 * Spec     [MQTT5-3.1.2-4] [MQTT5-3.1.2-5] [MQTT5-3.1.2-6] [MQTT5-3.1.4-3] [MQTT5-3.2.2-2]
 *          [MQTT311-3.1.2-4] [MQTT311-3.1.2-5] [MQTT311-3.1.2-6] [MQTT311-3.1.4-2]
 */
enum nj_cause nj_home_connect(struct nj_home *home, const struct nj_opening *opening,
                              struct nj_link *link, struct nj_session **out);

/* NULL: gone. */
struct nj_session *nj_home_session(struct nj_home *home, nj_handle handle);

/* private to the room */
/* Of a message, never given before. */
uint64_t nj_home_number(struct nj_home *home);
/* To the store. */
uint64_t nj_home_append(struct nj_home *home, const struct nj_change *change);
void nj_home_dropped(struct nj_home *home, enum nj_cause cause, struct nj_session *session,
                     struct nj_str topic);
void nj_home_remove(struct nj_home *home, struct nj_session *s);
/* A session that the store remembers; NULL without memory. */
struct nj_session *nj_home_restore(struct nj_home *home, struct nj_str client_id, uint64_t number);
/* Look at it in nj_home_work(), at once. */
void nj_home_work_on(struct nj_session *s);
/* Look at it after a while: it stopped sending for want of memory, and no acknowledgement may ever
 * come to set it going. */
void nj_home_starve(struct nj_session *s);

#endif
