/* SPDX-License-Identifier: Apache-2.0 */
/* client_session.h — what pub, sub and rr share at run time: the client that the configuration asks
 * for, signals, deadlines, and how failures are worded and numbered. */
#ifndef NJ_CMD_CLIENT_SESSION_H
#define NJ_CMD_CLIENT_SESSION_H

#include "base/clock.h"
#include "cmd/client_config.h"

#include <poll.h>

/* Mosquitto's numbers, which are exit codes. */
enum nj_mosq_err {
    NJ_MOSQ_SUCCESS = 0,
    NJ_MOSQ_NOMEM = 1,
    NJ_MOSQ_PROTOCOL = 2,
    NJ_MOSQ_INVAL = 3,
    NJ_MOSQ_NO_CONN = 4,
    NJ_MOSQ_CONN_REFUSED = 5,
    NJ_MOSQ_CONN_LOST = 7,
    NJ_MOSQ_TLS = 8,
    NJ_MOSQ_NOT_SUPPORTED = 10,
    NJ_MOSQ_AUTH = 11,
    NJ_MOSQ_ERRNO = 14,
    NJ_MOSQ_EAI = 15,
    NJ_MOSQ_KEEPALIVE = 19,
    NJ_MOSQ_MALFORMED_PACKET = 21,
    NJ_MOSQ_QOS_NOT_SUPPORTED = 24,
    NJ_MOSQ_OVERSIZE_PACKET = 25,
    NJ_MOSQ_TIMEOUT = 27,
};

/* A signal before the broker has answered. */
#define NJ_EXIT_INTERRUPTED 255

/* One of them, or a reason code of MQTT 5, as a broker would have given it. */
int nj_mosq_number(enum nj_client_err err);
/* Mosquitto's words for its number, from 0x80 on MQTT 5's for its reason code. Static, strerror()'s
 * for NJ_MOSQ_ERRNO. */
const char *nj_mosq_text(int number, int error);

struct nj_client_session {
    const struct nj_client_config *config;
    struct nj_client *client;
    bool reconnects;
    bool was_up;          /* a connection was there once: CONNECT went out */
    bool was_connected;   /* CONNACK 0 came once */
    bool has_said_detail; /* of the first connection that was lost and is made again */
    nj_time until;        /* -W; NJ_NEVER */
    int signals_seen;     /* so many signals have been answered */
    bool is_ended;
    int code; /* exit code, once it has ended */
    /* One of QoS 2 whose PUBREL had not come when goodbye was said; NULL: nobody asks for them. */
    void (*on_last_message)(void *ctx, const struct nj_client_message *m);
    void *ctx;
};

/**
 * Make the client and catch SIGINT and SIGTERM. False: said why; the exit code is 1.
 *
 * reconnects  whether a lost connection is made again, every second.
 */
bool nj_client_session_open(struct nj_client_session *s, const struct nj_client_config *config,
                            bool reconnects);
void nj_client_session_close(struct nj_client_session *s);
/* End the program by the signal that has come, as if it had not been caught; without one it
 * returns. */
void nj_client_session_end_by_signal(void);

/* A signal has come, or the time of -W is over. */
bool nj_client_session_is_over(const struct nj_client_session *s);
/* Let I/O happen once: after nj_client_next() had nothing. Waits for the connection, for `also`
 * (may be NULL), and for something that is due at `at`, at most until -W; a signal ends it, also
 * one that has come before and was not answered by nj_client_session_leave(). */
void nj_client_session_wait(const struct nj_client_session *s, nj_time at, struct pollfd *also);

/* A connection ended, or could not be made: unless it will be made again, says what Mosquitto's
 * programs say, and ends with their exit code. */
void nj_client_session_lost(struct nj_client_session *s, const struct nj_client_event *ev);

/* Without a word; the program ends with this exit code. */
void nj_client_session_end(struct nj_client_session *s, int code);
/* Say goodbye and wait until it is said, or a second signal comes; then end. */
void nj_client_session_leave(struct nj_client_session *s, unsigned reason, int code);
/* As sub and rr do once it is over: with the will, and saying so if the time of -W is up. */
void nj_client_session_give_up(struct nj_client_session *s);

/* Subscribe as -t and -q and the subscription options say, in one packet; NULL `only` means all
 * topics. */
enum nj_client_err nj_client_session_subscribe(struct nj_client_session *s, const char *only);

/* SUBSCRIBED: with -d print the codes. The first code if all are refusals, which is said; else 0.
 */
int nj_client_session_subscribed(const struct nj_client_session *s,
                                 const struct nj_client_event *ev);

#endif
