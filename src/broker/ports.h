/* SPDX-License-Identifier: Apache-2.0 */
/* ports.h — what the broker's rules need of the rest of the house, declared here, filled in
 * elsewhere.
 *
 *   link   a connection: packets out                     (server/link.c, tests)
 *   store  where changes become safe: numbers back       (store/intake.c, store/store_mem.c, tests)
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
    /* The client has come on another link: take what it had sent on this one before, as much as one
     * read brings. The session may be gone after it. */
    void (*hear_out)(struct nj_link *link);
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

/* What a session, its subscriptions and its messages are, lives in the homes; what of it is to
 * outlive the process is told to the store, one change at a time, in the order in which it happens.
 * Changes of all homes are one sequence: what one home appends after it has had mail of another
 * comes after all that the other had appended before it posted that mail. */
enum nj_change_kind {
    NJ_CHANGE_SESSION,      /* `state`: opened, its expiry changed, or its connection has ended */
    NJ_CHANGE_SESSION_END,  /* with all that it has */
    NJ_CHANGE_WILL,         /* `will`, of any session; NULL: withdrawn, or published */
    NJ_CHANGE_SUBSCRIBED,   /* `filter`, `subscription`: added or replaced */
    NJ_CHANGE_UNSUBSCRIBED, /* `filter` */
    NJ_CHANGE_TAKEN,        /* QoS 2: `publication` and packet_id, before it is routed */
    NJ_CHANGE_ROUTED,       /* QoS 2: what was taken as packet_id has all its receivers */
    NJ_CHANGE_RELEASED,     /* QoS 2: PUBREL has come, packet_id is free again */
    NJ_CHANGE_QUEUED,       /* `publication` is for `session`, as `terms` say */
    NJ_CHANGE_SENDING,      /* QoS 2: `message` has packet_id, before the PUBLISH */
    NJ_CHANGE_RECEIVED,     /* QoS 2: PUBREC has come for `message`, before the PUBREL */
    NJ_CHANGE_COMPLETED,    /* QoS 2: PUBCOMP has come: packet_id is done with */
    NJ_CHANGE_DELIVERED,    /* `message`: acknowledged, or dropped for good */
    NJ_CHANGE_RETAINED,     /* `publication` set, or with an empty payload removed */
};

/* What of a session outlives the process, beside what it subscribes to and what waits for it. */
struct nj_session_state {
    struct nj_str client_id;
    uint32_t expiry_s; /* session expiry interval */
    nj_time left;      /* when its connection ended; NJ_NEVER: it is connected */
};

/* A message that never expires: more than any message expiry interval, of which 0xffffffff is one
 * like the others, not "for ever" as with sessions. */
#define NJ_NO_EXPIRY UINT64_MAX

struct nj_will {
    struct nj_str topic, properties, payload;
    uint8_t qos;
    bool retain;
    uint32_t delay_s;
    uint64_t expiry_s; /* or NJ_NO_EXPIRY */
};

/* As a message that has no number and no time yet. */
static inline struct nj_msg *
nj_will_msg(const struct nj_will *will)
{
    return nj_msg_new(&(struct nj_msg_parts){
        .topic = will->topic,
        .properties = will->properties,
        .payload = will->payload,
        .qos = will->qos,
        .retain = will->retain,
    });
}

/* How one receiver gets a publication. */
struct nj_terms {
    const uint32_t *identifiers; /* subscription identifiers */
    uint32_t identifier_count;
    uint64_t group; /* nj_group_id() of its share group, or 0 */
    uint8_t qos;
    bool retain;
    bool is_one_of_many;
    bool is_stored; /* NJ_CHANGE_QUEUED has been appended for it */
};

/* Everything it points to is lent for the call. */
struct nj_change {
    enum nj_change_kind kind;
    uint16_t packet_id;
    /* DELIVERED: another member of the share group has it, for whom it was QUEUED just before. Who
     * waits for the one waits for the other, so this QUEUED did not come to nothing. */
    bool is_passed_on;
    uint64_t session; /* nj_subscriber.number; 0: nobody's */
    uint64_t message; /* nj_msg.number */
    union {
        const struct nj_session_state *state;
        const struct nj_will *will;
        const struct nj_publication *publication;
    };
    union {
        const struct nj_terms *terms;
        struct {
            struct nj_str filter; /* as subscribed, $share included */
            const struct nj_sub_opts *subscription;
        };
    };
};

/* What a store tells at a start, one call for each, everything lent for the call. First each
 * session, followed by all that it has; then what belongs to sessions that ended with the process:
 * their wills, and what was taken from them. None of it is deleted by the load: whoever publishes a
 * will appends NJ_CHANGE_WILL, whoever routes what was taken appends NJ_CHANGE_ROUTED, and that
 * ends the record of a session that is not there. Any of them may fail: NJ_ENOMEM. */
struct nj_store_reader {
    enum nj_err (*session)(void *ctx, uint64_t number, const struct nj_session_state *state);
    enum nj_err (*subscription)(void *ctx, struct nj_str filter, const struct nj_sub_opts *opts);
    /* In the order of delivery. `packet_id` 0: it has none yet; else QoS 2, and it may have been
     * sent. `msg` is shared by all who wait for it. */
    enum nj_err (*queued)(void *ctx, struct nj_msg *msg, const struct nj_terms *terms,
                          uint16_t packet_id);
    /* QoS 2: PUBREC has come, PUBCOMP has not. In the order of the messages. */
    enum nj_err (*released)(void *ctx, uint16_t packet_id);
    /* QoS 2 from the client: PUBREL has not come. `msg`: taken and not routed, or NULL. `session`
     * is the one told last, or one that is not there. */
    enum nj_err (*received)(void *ctx, uint64_t session, uint16_t packet_id, struct nj_msg *msg);
    /* `session` as above. */
    enum nj_err (*will)(void *ctx, uint64_t session, const struct nj_will *will);
    enum nj_err (*retained)(void *ctx, struct nj_msg *msg);
};

/* The numbers from which on sessions and messages have to count. */
struct nj_store_numbers {
    uint64_t session, message;
};

struct nj_store_port;
struct nj_store_ops {
    /* Take a change. Its number: 1, 2, 3 … for each home. What is safe is told by
     * nj_home_committed(home, number), never from inside this call. Thread: the home's. */
    uint64_t (*append)(struct nj_store_port *port, const struct nj_change *change);
    /* All changes up to this number are safe; it grows from call to call. Asked a few times a turn.
     * The home is woken when it grows while nobody asks. Thread: the home's. */
    uint64_t (*safe)(struct nj_store_port *port);
    /* Whether nothing more of so many bytes may be appended that somebody waits for: the disk is
     * full, or would be with that, or has failed. Thread: the home's. */
    bool (*is_full)(struct nj_store_port *port, size_t bytes);
    /* Whether a start will count each expiry interval from itself, since the store, being full,
     * does not trust what is on record of when connections have ended. Ask after what should be on
     * record was appended: then it holds until that is safe. Thread: the home's. */
    bool (*doubts_ends)(struct nj_store_port *port);
    /* Whether so much waits to be made safe that clients are better read later, which is soon: ask
     * again. Never while nothing will become safe. Thread: the home's. */
    bool (*is_busy)(struct nj_store_port *port);
    /* Whether nothing more becomes safe, ever: the disk has failed. It is full then, and each home
     * is woken once. Thread: the home's. */
    bool (*has_failed)(struct nj_store_port *port);
    /* What is safe is there for the next process, and with it each durable session. */
    bool outlives_process;
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
    /* Its CONNACK waits, for the store is full. Counted already; this is for the log. */
    void (*waits)(void *ctx, const struct nj_session *session);
};

#endif
