/* SPDX-License-Identifier: Apache-2.0 */
/* ports.h — what the broker's rules need of the rest of the house, declared here, filled in
 * elsewhere.
 *
 *   link   a connection: packets out                     (server/link.c, tests)
 *   store  where changes become safe: numbers back       (store/store_mem.c)
 *   home   the worker around: mail, and what people want to know (server/worker.c, tests)
 *   users  whom a listener knows, and their passwords    (auth/password_file.c, tests)
 *
 * Time is always an argument. Nothing here blocks. */
#ifndef NJ_BROKER_PORTS_H
#define NJ_BROKER_PORTS_H

#include "broker/publication.h"
#include "mqtt/packet.h"
#include "topic/index.h"

#include <stdatomic.h>

struct nj_session;
struct nj_bundle;

/* ---- link ---- */

/* One PUBLISH to one receiver. */
struct nj_delivery {
    struct nj_publication *publication; /* lent; its message may be made and referred to */
    const uint32_t *identifiers;        /* subscription identifiers */
    uint32_t identifier_count;
    uint16_t packet_id; /* 0 at QoS 0 */
    uint8_t qos;
    bool retain, dup;
    bool is_one_of_many; /* the same publication goes to others: its encoding is worth keeping */
};

enum nj_sent {
    NJ_SENT,
    NJ_SENT_TOO_LARGE, /* over the receiver's maximum packet size: never sent [MQTT5-3.1.2-24] */
    NJ_SENT_NO_ROOM,   /* the output is at its ceiling, or no memory: not sent */
};

/* A packet that answers: CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK. */
struct nj_answer {
    enum nj_packet_type type;
    uint16_t packet_id;
    uint8_t reason;       /* MQTT 5's; the link knows what 3.x makes of it */
    uint8_t cause;        /* enum nj_cause: why, where it is a refusal; for the reason string */
    bool session_present; /* CONNACK */
    struct nj_str codes;  /* SUBACK, UNSUBACK; lent for the call */
};

struct nj_link;
struct nj_link_ops {
    enum nj_sent (*publish)(struct nj_link *link, const struct nj_delivery *delivery);
    void (*answer)(struct nj_link *link, const struct nj_answer *answer);
    /* The session is done with this link (taken over, ended); it will not call it again. */
    void (*close)(struct nj_link *link, enum nj_cause cause);
};

/* Embedded in the connection. */
struct nj_link {
    const struct nj_link_ops *ops;
    enum nj_version version;
    uint16_t receive_maximum; /* the client's, 65535 where it said nothing */
    bool is_full;             /* output over its ceiling: hold back what can wait */
};

/* ---- store ---- */

enum nj_change_kind {
    NJ_CHANGE_SESSION, /* opened, or its expiry changed */
    NJ_CHANGE_SESSION_END,
    NJ_CHANGE_SUBSCRIPTION, /* added, replaced or removed */
    NJ_CHANGE_MESSAGE,      /* taken from a publisher, with all its deliveries */
    NJ_CHANGE_SENDING,      /* QoS 2: message and packet identifier, before the PUBLISH */
    NJ_CHANGE_RECEIVED,     /* QoS 2: PUBREC has come, before the PUBREL */
    NJ_CHANGE_DELIVERED,    /* acknowledged by its receiver, or dropped */
    NJ_CHANGE_RELEASED,     /* QoS 2: PUBREL has come, the packet identifier is free again */
    NJ_CHANGE_RETAINED,     /* set or removed */
};

struct nj_change {
    enum nj_change_kind kind;
    const struct nj_session *session; /* whose; NULL for a retained message without one */
    struct nj_msg *msg;               /* lent; may be NULL */
    uint16_t packet_id;
};

struct nj_store_port;
struct nj_store_ops {
    /* Take a change. Its number: 1, 2, 3 … for each home. What is safe is told by
     * nj_home_committed(home, number), never from inside this call. */
    uint64_t (*append)(struct nj_store_port *port, const struct nj_change *change);
    /* All changes up to this number are safe; it grows from call to call. Asked a few times a turn.
     */
    uint64_t (*safe)(struct nj_store_port *port);
};
struct nj_store_port {
    const struct nj_store_ops *ops;
};

/* ---- users ---- */

/* A user name as it was looked up. */
struct nj_user {
    /* To check a password against, as long as the users are held. Of a name that is not known it is
     * somebody else's: the check shall take as long. */
    const void *entry;
    uint64_t stamp; /* another one once the entry has changed; 0: the name is not known */
};

struct nj_users;
struct nj_users_ops {
    struct nj_user (*find)(const struct nj_users *users, struct nj_str name);
    /* Takes milliseconds; any thread. Errors: NJ_ENOMEM. */
    enum nj_err (*check)(const void *entry, struct nj_str password, bool *fits);
    void (*free)(struct nj_users *users);
};

/* Never changed once made. Counted, since a check on another thread may outlast a reload. */
struct nj_users {
    const struct nj_users_ops *ops;
    _Atomic uint32_t references;
};

/* Relaxed: who adds one holds one. */
static inline struct nj_users *
nj_users_ref(struct nj_users *users)
{
    atomic_fetch_add_explicit(&users->references, 1, memory_order_relaxed);
    return users;
}

/* Release, and acquire for the last one: it frees after all others have read. NULL is accepted. */
static inline void
nj_users_unref(struct nj_users *users)
{
    if (users != NULL &&
        atomic_fetch_sub_explicit(&users->references, 1, memory_order_acq_rel) == 1)
        users->ops->free(users);
}

/* ---- home ---- */

struct nj_home;
struct nj_home_ops {
    /* Deliveries for sessions whose home is `to`; ownership moves. Always taken. */
    void (*post)(void *ctx, uint16_t to, struct nj_bundle *bundle);
    /* A message for `session` (NULL: for nobody) was dropped. Counted already; this is for the log.
     */
    void (*dropped)(void *ctx, enum nj_cause cause, struct nj_session *session,
                    struct nj_str topic);
    /* A session ended because its expiry interval has passed. */
    void (*expired)(void *ctx, const struct nj_session *session);
};

#endif
