/* SPDX-License-Identifier: Apache-2.0 */
/* session.h — a client's state: what it subscribes to, what is under way to it and from it, its
 * will.
 *
 *             ┌────────── link ──────────┐          connected: status ONLINE
 *   connect ──┤                          ├── leave ──► away, until it expires ──► end
 *             └── taken over: new link ──┘
 *
 * A session belongs to its home's thread. Others see only `subscriber`, in the index, and a handle.
 * Its memory is freed through RCU, since routes on other workers point into it. */
#ifndef NJ_BROKER_SESSION_H
#define NJ_BROKER_SESSION_H

#include "broker/home.h"
#include "broker/inflight.h"
#include "broker/queue.h"
#include "broker/received.h"

#define NJ_SESSION_FOR_EVER UINT32_MAX

struct nj_retained_jobs;

struct nj_session {
    struct nj_subscriber subscriber;
    struct nj_rcu_head rcu;
    struct nj_home *home;
    struct nj_link *link;   /* NULL: away */
    uint32_t epoch;         /* counts connections */
    uint32_t expiry_s;      /* session expiry interval; NJ_SESSION_FOR_EVER */
    uint32_t told_expiry_s; /* as the store was told last */
    uint64_t told;          /* the change that told that, or its will; 0: before the start */
    uint32_t promised;      /* answers of this connection that wait for the store */
    size_t promised_bytes;  /* what they hold */
    uint32_t shared_count;  /* of its subscriptions */
    uint16_t unanswered;    /* QoS 1 messages from the client that wait for their PUBACK */
    uint16_t allowance;     /* receive maximum that this connection was told; 0: none */
    uint32_t carried;       /* of `received`, at most so many are of connections before this one */
    bool is_open;           /* the CONNACK of this link has left: packets may follow it */
    bool is_stored;         /* the store knows of it, and has to hear of its end */
    bool is_starved;        /* sending stopped for want of memory; nj_home_work() tries again */
    bool is_bridge;
    bool is_dropping; /* it has been said that its messages are being dropped */
    bool is_late;     /* nobody waits for it before its queue was empty: see crowd.h */
    bool is_held;     /* it publishes to one that is crowded, and is not to be read for a moment */
    bool has_stored_will;

    struct nj_inflight inflight; /* to the client */
    struct nj_queue queue;       /* after these */
    struct nj_received received; /* from the client */

    struct nj_retained_jobs *retained; /* retained messages still to come; NULL: none */
    struct nj_list work;               /* on the home's list while there are any */

    struct nj_msg *will;
    uint32_t will_delay_s;
    uint64_t will_expiry_s;
    nj_time will_due, expires_at;
    struct nj_deadline deadline; /* the earlier of the two */

    struct nj_session *next_in_table;
    uint64_t hash;
    uint64_t source; /* of what it publishes: see publication.h */
    uint16_t client_id_n;
    char client_id[];
};

static inline struct nj_str
nj_session_client_id(const struct nj_session *s)
{
    return (struct nj_str){s->client_id, s->client_id_n};
}

/* Its state outlives its connection: what is acknowledged to it or for it waits for the store. */
static inline bool
nj_session_is_durable(const struct nj_session *s)
{
    return s->expiry_s > 0;
}
/* Its will waits, for as long as there is a session to come back to. */
static inline bool
nj_session_delays_will(const struct nj_session *s)
{
    return s->will_delay_s > 0 && s->expiry_s > 0;
}
/* The expiry interval in force. */
static inline uint32_t
nj_session_expiry_s(const struct nj_session *s)
{
    return NJ_MIN(s->expiry_s, s->home->opts->persistent_client_expiration_s);
}

/* ---- from the client: PUBLISH and its acknowledgements ---- */

/**
 * A message from the client, stamped. PUBACK or PUBREC goes out through the link when it is due.
 *
 * Returns  NJ_CAUSE_NONE, or why the connection must end: NJ_CAUSE_RECEIVE_MAXIMUM,
 *          NJ_CAUSE_OUT_OF_MEMORY (nothing was acknowledged).
 * Spec     [MQTT5-4.3.2-4] [MQTT5-4.3.3-8] [MQTT5-4.3.3-9] [MQTT5-3.3.4-7] [MQTT5-3.3.4-8]
 *          [MQTT311-4.3.2-2] [MQTT311-4.3.3-2]
 */
enum nj_cause nj_session_publish(struct nj_session *s, struct nj_publication *pub,
                                 uint16_t packet_id);
/* A message that is not taken: PUBACK or PUBREC with the cause's reason code in MQTT 5; before, an
 * acknowledgement like any other, since there is no other answer. Counted and logged as dropped. */
void nj_session_refuse(struct nj_session *s, const struct nj_publication *pub, uint16_t packet_id,
                       enum nj_cause cause);
/* PUBREL: the packet identifier is free again. [MQTT5-4.3.3-11] */
void nj_session_pubrel(struct nj_session *s, uint16_t packet_id);

/* ---- to the client ---- */

/* The client acknowledges. NJ_CAUSE_PACKET_ID_UNKNOWN: nothing was under way, which is worth a line
 * in the log; the standard has been followed. NJ_CAUSE_ACK_OF_ANOTHER_KIND: what is under way waits
 * for another acknowledgement; the connection is to end. `reason` is MQTT 5's, 0 before. */
enum nj_cause nj_session_puback(struct nj_session *s, uint16_t packet_id, uint8_t reason);
enum nj_cause nj_session_pubrec(struct nj_session *s, uint16_t packet_id, uint8_t reason);
enum nj_cause nj_session_pubcomp(struct nj_session *s, uint16_t packet_id);

/* Memory to send or queue one message more at QoS 1 or 2; what nj_session_deliver() needs beside
 * it is the message itself, and room for several subscription identifiers. */
bool nj_session_reserve(struct nj_session *s);
/* Send it, or queue it, or drop it with a reason. False: QoS 1 or 2, and dropped because there was
 * no memory to keep it, so it must not be acknowledged to its publisher. */
bool nj_session_deliver(struct nj_session *s, struct nj_publication *pub,
                        const struct nj_terms *terms);

/* The link takes output again. */
void nj_session_resume(struct nj_session *s);

/* ---- subscribing ---- */

/**
 * One topic filter of a SUBSCRIBE. The retained messages that it brings come after the SUBACK.
 *
 * Returns  the reason code for the SUBACK: 0 to 2, or 0x80 and above.
 * Spec     [MQTT5-3.8.4-3] [MQTT5-3.8.4-4] [MQTT5-3.8.4-5] [MQTT5-3.3.1-9] [MQTT5-3.3.1-10]
 *          [MQTT5-3.3.1-11] [MQTT311-3.8.4-3]
 */
uint8_t nj_session_subscribe(struct nj_session *s, const struct nj_subscription *subscription,
                             uint32_t identifier);
/* One topic filter of an UNSUBSCRIBE; the reason code for the UNSUBACK. [MQTT5-3.10.4-1] */
uint8_t nj_session_unsubscribe(struct nj_session *s, struct nj_str text);
/* SUBACK or UNSUBACK, when it is due. */
void nj_session_answer_subscribe(struct nj_session *s, enum nj_packet_type type, uint16_t packet_id,
                                 struct nj_str codes);

/* ---- the end of a connection ---- */

/* DISCONNECT may change it. False: it was 0 and may not become more. [MQTT5-3.14.2-2] */
bool nj_session_set_expiry(struct nj_session *s, uint32_t expiry_s);

/**
 * The link is gone, or about to go. The will is published (now or after its delay) unless the
 * client has taken it back with DISCONNECT 0x00; the session ends, or waits.
 *
 * s  may be freed by this call.
 * Spec  [MQTT5-3.1.2-8] [MQTT5-3.1.2-10] [MQTT5-3.1.3-9] [MQTT311-3.1.2-8] [MQTT311-3.14.4-3]
 */
void nj_session_leave(struct nj_session *s, bool is_will_withdrawn);

/* ---- private to the room ---- */

/* A bit of what others see of it. Publishers on other workers take it as advice; what they decide
 * on it is looked at again at home. Release: who sees that it is durable comes after what was
 * appended before. */
static inline void
nj_session_set_status(struct nj_session *s, enum nj_subscriber_status bit, bool is_set)
{
    uint8_t status = atomic_load_explicit(&s->subscriber.status, memory_order_relaxed);

    status = is_set ? (uint8_t)(status | bit) : (uint8_t)(status & ~bit);
    atomic_store_explicit(&s->subscriber.status, status, memory_order_release);
}

/* session.c */
/* Tell the store what it is now; `left`: when its connection ended, NJ_NEVER while it is there. The
 * number of the change. */
uint64_t nj_session_store(struct nj_session *s, nj_time left);
/* And what its will is, or that there is none any more. Nobody waits for that. */
void nj_session_store_will(struct nj_session *s);
void nj_session_attach(struct nj_session *s, struct nj_link *link);
/* Its CONNACK has left: what waits may follow. [MQTT5-3.2.0-1] [MQTT311-3.2.0-1] */
void nj_session_open(struct nj_session *s);
/* No memory for what the standard asks: the connection ends, the session goes on. May free it. */
void nj_session_lose_link(struct nj_session *s, enum nj_cause cause);
void nj_session_end(struct nj_session *s);
/* If there is one. */
void nj_session_publish_will(struct nj_session *s);
/* Its deadline has come: a will to publish, or the end. May free it. */
void nj_session_on_deadline(struct nj_session *s);

/* As the store remembers it: what a session that is away is given by restore.c. NJ_ENOMEM. */
void nj_session_restore(struct nj_session *s, const struct nj_session_state *state);
enum nj_err nj_session_restore_subscription(struct nj_session *s, struct nj_str text,
                                            const struct nj_sub_opts *opts);
enum nj_err nj_session_restore_will(struct nj_session *s, const struct nj_will *will, nj_time left);

/* inbound.c: send it now, or when `number` is safe, and never before what was to be sent earlier */
void nj_session_answer(struct nj_session *s, const struct nj_answer *answer, uint64_t number);
/* A CONNACK that was promised leaves before that; all other answers go behind the promise. */
void nj_session_answer_early(struct nj_session *s, const struct nj_answer *connack);
void nj_session_keep(struct nj_home *home, struct nj_promise *p);
/* It cannot be kept, ever: the connection that waits for it ends. */
void nj_session_break(struct nj_home *home, struct nj_promise *p);

/* outbound.c */
/* A member of its home's crowd no longer; whoever waited does not. */
void nj_session_leave_crowd(struct nj_session *s);
/* The crowd has let go of it, for it was waited for in vain. */
void nj_session_be_late(struct nj_session *s);
/* The store need not keep this message for it any longer. */
void nj_session_store_delivered(struct nj_session *s, uint64_t message);
bool nj_session_window_is_open(const struct nj_session *s);
void nj_session_keep_publish(struct nj_session *s, uint16_t packet_id);
void nj_session_keep_pubrel(struct nj_session *s, uint16_t packet_id);
/* Everything not yet delivered is given back to its share group, or to nobody. */
void nj_session_clear_outbound(struct nj_session *s);

/* One that waits, after those before it. NJ_ENOMEM. */
enum nj_err nj_session_restore_queued(struct nj_session *s, struct nj_msg *msg,
                                      const struct nj_terms *terms);
/* What waits as the `i`th, another member of its share group has, too. */
void nj_session_forget_queued(struct nj_session *s, uint32_t i);
/* One that is under way at QoS 2, after those before it; `msg` NULL: PUBREC has come. NJ_ENOMEM. */
enum nj_err nj_session_restore_inflight(struct nj_session *s, struct nj_msg *msg,
                                        const struct nj_terms *terms, uint16_t packet_id);

/* retained.c */
/* Deliver what matches, from the first on, once the SUBACK is sent; what is under way for the same
 * filter is begun anew. */
enum nj_err nj_retained_begin(struct nj_session *s, struct nj_str filter,
                              const struct nj_sub_opts *opts);
/* What is still to come for this filter comes under the options of its new subscription. */
void nj_retained_change(struct nj_session *s, struct nj_str filter, const struct nj_sub_opts *opts);
/* Not any more: the subscription is gone. [MQTT5-3.10.4-2] [MQTT311-3.10.4-2] */
void nj_retained_cancel(struct nj_session *s, struct nj_str filter);
/* There may be something to deliver: look at the session in nj_home_work(). */
void nj_retained_start(struct nj_session *s);
/* What was begun need wait for no SUBACK: it is sent, or its connection is gone. */
void nj_retained_answered(struct nj_session *s);
/* Right behind the SUBACK: a few at once, so that they come before what is published from now on,
 * as they do with Mosquitto; the rest, if there are more, in nj_home_work(). */
void nj_retained_first(struct nj_session *s);
/* Up to about `*budget` messages; true when there is more to do at once. */
bool nj_retained_continue(struct nj_session *s, unsigned *budget);
void nj_retained_forget(struct nj_session *s);

#endif
