/* SPDX-License-Identifier: Apache-2.0 */
/* server.h — the broker as it runs: workers, connections, and the doors to them.
 *
 *     listening sockets ──► worker 0 … worker W-1
 *                           each: reactor, timers, mailbox, home (its sessions), connections
 *
 * A connection is accepted by any worker, which reads its CONNECT and hands it to the home of its
 * client identifier. From there on one thread owns connection and session.
 * Linked with io's epoll it serves the network; linked with io's simulation, a test runs the turns.
 */
#ifndef NJ_SERVER_SERVER_H
#define NJ_SERVER_SERVER_H

#include "base/metric.h"
#include "broker/broker.h"
#include "server/opts.h"

struct nj_server;
struct nj_worker;
struct nj_refusals;

/* A listening socket, open. */
struct nj_door {
    int fd;
    uint16_t port;   /* 0: a Unix socket */
    size_t listener; /* which of opts->listeners it belongs to */
};

/* An authentication method of MQTT 5's AUTH exchange. One step: what the client has sent, and what
 * it is told next. */
enum nj_auth_step {
    NJ_AUTH_GO_ON, /* send `out` with "continue authentication" */
    NJ_AUTH_DONE,  /* the client is who it says; `out` goes with the CONNACK or the last AUTH */
    NJ_AUTH_REFUSED,
};
struct nj_auth_method {
    const char *name;
    /* Per exchange: *state is NULL at the first step. `out` is valid until the next step or end().
     */
    enum nj_auth_step (*step)(void **state, struct nj_str in, struct nj_str *out);
    void (*end)(void *state);
};

struct nj_server_deps {
    const struct nj_server_opts *opts;        /* frozen; lent until replaced or the end */
    const struct nj_broker_opts *broker_opts; /* the same */
    const struct nj_door *doors;
    size_t door_count;
    struct nj_store_port *const *stores;  /* one for each worker; lent until the end */
    const struct nj_auth_method *methods; /* may be none */
    size_t method_count;
    uint64_t seed; /* of identifiers that are assigned; from the system, or a simulation's */
};

/* Everything made, nothing running. */
NJ_NODISCARD enum nj_err nj_server_new(struct nj_server **out, const struct nj_server_deps *deps,
                                       struct nj_diag *diag);
/* Run each worker on a thread of its own. */
NJ_NODISCARD enum nj_err nj_server_start(struct nj_server *server, struct nj_diag *diag);

/* Or run them by hand: one turn of one worker, waiting for at most `timeout_ms`. For the
 * simulation; the caller is a registered RCU reader. */
void nj_server_turn(struct nj_server *server, unsigned worker, int timeout_ms);
/* When that worker has something to do by itself; NJ_NEVER. */
nj_time nj_server_next(struct nj_server *server, unsigned worker);

/* Publish all wills, close all connections with NJ_CAUSE_SHUTTING_DOWN, end the workers. Blocks
 * until they have ended; not from a worker. */
void nj_server_stop(struct nj_server *server);
/* Stopped, or never started. NULL is accepted. */
void nj_server_free(struct nj_server *server);

/* ---- from other threads ---- */

/* New options, for each worker from its next turn on. The old ones may be freed afterwards. The
 * listeners are the same ones in the same order. */
void nj_server_reload(struct nj_server *server, const struct nj_server_opts *opts,
                      const struct nj_broker_opts *broker_opts);
/* A message of the broker's own ($SYS, the log's topic); copied. Any thread, never blocks; false
 * without memory. `expiry_s` may be NJ_NO_EXPIRY. */
bool nj_server_publish(struct nj_server *server, struct nj_str topic, struct nj_str payload,
                       uint8_t qos, bool retain, uint64_t expiry_s);

/* What `worker` waits for has happened. Any thread. */
void nj_server_wake(struct nj_server *server, unsigned worker);

/* Numbers, added up over all workers. */
uint64_t nj_server_metric(const struct nj_server *server, enum nj_metric which);
uint64_t nj_server_cause(const struct nj_server *server, enum nj_cause cause);
struct nj_broker *nj_server_broker(struct nj_server *server);
/* Who was not let in, of late (refusals.h). */
struct nj_refusals *nj_server_refusals(struct nj_server *server);
unsigned nj_server_workers(const struct nj_server *server);

#endif
