/* SPDX-License-Identifier: Apache-2.0 */
/* conn.h — one connection: bytes in, packets to its session, packets out. Private to the room.
 *
 *   CONNECT ──► AUTH ──► OPENING ──► ACTIVE ──► CLOSING
 *      │  └──────────────────▲
 *      ├─► CHECKING (the password, on the pool; then CONNECT is read again)
 *      └─► MOVING (to the home of its client identifier, where CONNECT is read again)
 *
 *   CONNECT   nothing but a CONNECT may come, within connect_timeout
 *   CHECKING  nothing is read, and connect_timeout goes on
 *   AUTH      the extended exchange before the CONNACK
 *   OPENING   the session is open, its CONNACK waits for the store; nothing is read
 *   ACTIVE    everything else
 *   CLOSING   nothing is read; written once more and closed at the end of the turn */
#ifndef NJ_SERVER_CONN_H
#define NJ_SERVER_CONN_H

#include "broker/session.h"
#include "server/alias.h"
#include "server/worker.h"

#define NJ_CONN_STATES(X)                                                                          \
    X(CONNECT, "connect", TO(CHECKING) | TO(MOVING) | TO(AUTH) | TO(OPENING) | TO(CLOSING))        \
    X(CHECKING, "checking", TO(CONNECT) | TO(CLOSING))                                             \
    X(MOVING, "moving", TO(CONNECT) | TO(CLOSING))                                                 \
    X(AUTH, "auth", TO(OPENING) | TO(CLOSING))                                                     \
    X(OPENING, "opening", TO(ACTIVE) | TO(CLOSING))                                                \
    X(ACTIVE, "active", TO(CLOSING))                                                               \
    X(CLOSING, "closing", 0u)

enum nj_conn_state {
#define X(name, words, next) NJ_CONN_##name,
    NJ_CONN_STATES(X)
#undef X
};

struct nj_exchange;
struct nj_asked;
struct nj_login;
struct nj_secure;

struct nj_conn {
    struct nj_io io;
    struct nj_link link;
    struct nj_letter letter; /* for the way home */
    struct nj_worker *worker;
    const struct nj_door *door;
    struct nj_session *session;   /* NULL before it is open and after it has left */
    struct nj_exchange *exchange; /* of AUTH packets; NULL: none */
    struct nj_login *login;       /* while its password is checked */
    struct nj_aliases *aliases;   /* NULL until one is used */
    struct nj_secure *secure;     /* TLS; NULL: plain */
    struct nj_asked *asked;       /* a SUBSCRIBE or UNSUBSCRIBE that is not done yet; NULL: none */
    struct nj_out out;
    uint32_t out_packets;     /* since it was empty last */
    uint32_t counted_packets; /* what the gauges know of it */
    size_t counted_bytes;
    struct nj_timer timer; /* connect_timeout, then keep alive */
    nj_time last_packet;
    struct nj_list link_all; /* of the worker's connections */
    struct nj_list link_in;  /* ready, paused, later, or shaking */
    struct nj_list link_out; /* dirty, or closing */

    /* Bytes that have come but cannot be taken yet; an idle connection owns none. */
    uint8_t *in;
    uint32_t in_from, in_n, in_capacity;
    uint32_t in_needed; /* of the packet that has begun; 0: not known */

    /* What it may send, as CONNACK says: a reload is for those that come later. */
    struct {
        uint32_t packet_bytes;
        uint16_t topic_alias_maximum;
    } told;
    uint32_t maximum_packet_size; /* the client's; UINT32_MAX where it said nothing */
    uint16_t keep_alive_s;        /* as in force; 0: none */
    uint16_t topic_alias_maximum; /* broker to client */
    uint8_t state;                /* enum nj_conn_state */
    bool wants_reasons;           /* request problem information */
    bool is_assigned_id;
    bool is_our_keep_alive; /* not what it asked for */
    bool is_refused;        /* a stranger's: it was told that it is not let in, or kept back */
    bool is_kept_back : 1;
    bool is_busy : 1;   /* its last read brought much: see NJ_WORKER_MUCH */
    bool is_mute;       /* nothing more is to be said, not even DISCONNECT: the peer is gone, or
                           what was said could not be said whole */
    uint8_t mute_cause; /* then: why */
    int socket_error;   /* errno of the read or write that failed */
    struct nj_peer peer;
    char *client_id;     /* from CONNECT until the session has it */
    char *user_name;     /* as CONNECT says; NULL: none */
    uint64_t user_stamp; /* of the entry that its password fitted; 0: none was asked for */
};

/* Accept everything that waits at a door. */
void nj_conn_accept(struct nj_doorway *doorway);
/* It has come home: watch it here and read its CONNECT again. */
void nj_conn_arrive(struct nj_conn *c, struct nj_worker *w);
/* Go on with bytes that are here already. */
void nj_conn_continue(struct nj_conn *c);
/* Read it, whose turn has come. */
void nj_conn_read(struct nj_conn *c);
/* Write what waits. */
void nj_conn_flush(struct nj_conn *c);
/* Its client has come on another connection, to which its session will belong: what was sent here
 * before that, and waits to be read, comes first. It may be the DISCONNECT. */
void nj_conn_hear_out(struct nj_conn *c);
/* An answer has left, for which reading may have waited. */
void nj_conn_answered(struct nj_conn *c);

/**
 * End it: say why as far as the protocol allows, log it, take leave of the session; the socket
 * closes at the end of the turn. Does nothing when it is closing already.
 */
void nj_conn_end(struct nj_conn *c, enum nj_cause cause);
/* The same, when it is the session that has done with the connection and takes leave by itself. */
void nj_conn_end_link(struct nj_conn *c, enum nj_cause cause);
/* At the end of the turn: write once more, close, free. */
void nj_conn_close(struct nj_conn *c);

/* ---- between the files of this room ---- */

static inline const struct nj_listener_opts *
nj_conn_listener(const struct nj_conn *c)
{
    return &c->worker->opts->listeners[c->door->listener];
}

/* conn.c */
void nj_conn_enter(struct nj_conn *c, enum nj_conn_state to);
void nj_conn_dirty(struct nj_conn *c);
void nj_conn_start_keep_alive(struct nj_conn *c);
/* How it is called in log lines: client identifier, or address before one is known. */
struct nj_str nj_conn_name(const struct nj_conn *c);
bool nj_conn_is_known(const struct nj_conn *c);
bool nj_conn_has_output(const struct nj_conn *c);

/* input.c */
void nj_conn_on_ready(struct nj_io *io, unsigned events);
void nj_conn_set_reading(struct nj_conn *c, bool is_on);
/* Forget the bytes that are here, for good: a password may be among them. */
void nj_conn_drop_input(struct nj_conn *c);
/* `n` bytes are in the worker's buffer, or an NJ_IO_… (secure.h: NJ_SECURE_FAILED) below zero. */
void nj_conn_have_read(struct nj_conn *c, ssize_t n);

/* credentials.c */
/* Where the listener takes users from certificates or PSK identities: that is the user name. */
enum nj_cause nj_conn_take_identity(const struct nj_conn *c, struct nj_connect *p);
/* NJ_CAUSE_NONE: it may go on, or is CHECKING now; otherwise why it must end. */
enum nj_cause nj_conn_identify(struct nj_conn *c, const struct nj_connect *p);
/* The CONNECT will not be read again: its password is wiped where it came in. What is given back
 * before that is wiped whole (input.c). */
void nj_conn_forget_password(struct nj_conn *c, const struct nj_connect *p);
/* Its password has been checked; and when nobody asks any more. */
void nj_conn_logged_in(struct nj_letter *letter);
void nj_login_discard(struct nj_letter *letter);
/* It goes, and what is being checked for it, if anything, is of no use any more. */
void nj_conn_leave_login(struct nj_conn *c);
/* After a reload: end it if it would not be let in any more, as far as that can be told without its
 * password: its user is gone, has another one, or none is no longer enough. */
void nj_conn_reconsider(struct nj_conn *c);

/* connect.c: the packets before the session; NJ_CAUSE_NONE or why it must end */
enum nj_cause nj_conn_on_connect(struct nj_conn *c, const struct nj_frame *frame);
enum nj_cause nj_conn_on_auth(struct nj_conn *c, const struct nj_frame *frame);
void nj_exchange_free(struct nj_exchange *e);
/* For the CONNACK; empty without an exchange. */
struct nj_str nj_exchange_method(const struct nj_exchange *e);
struct nj_str nj_exchange_data(const struct nj_exchange *e);

/* packet.c: the packets of an open session. When c->asked is set afterwards, the packet is to come
 * again in a later turn. */
enum nj_cause nj_conn_on_packet(struct nj_conn *c, const struct nj_frame *frame);
/* More than message_size_limit allows. */
bool nj_conn_is_over_size_limit(const struct nj_conn *c, struct nj_str payload);
/* Topics that only the broker publishes to: `$SYS…`, but for the state of a bridge, `$share…`,
 * `$CONTROL…`. */
bool nj_conn_is_reserved(struct nj_str topic);

/* link.c: packets out */
extern const struct nj_link_ops nj_conn_link_ops;
void nj_conn_send_connack(struct nj_conn *c, bool session_present, enum nj_cause cause);
void nj_conn_send_pong(struct nj_conn *c);
void nj_conn_send_auth(struct nj_conn *c, enum nj_reason reason, struct nj_str method,
                       struct nj_str data);
void nj_conn_send_disconnect(struct nj_conn *c, enum nj_cause cause);

#endif
