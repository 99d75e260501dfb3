/* SPDX-License-Identifier: Apache-2.0 */
/* server_priv.h — what the workers share, beside the broker. Private to the room. */
#ifndef NJ_SERVER_SERVER_PRIV_H
#define NJ_SERVER_SERVER_PRIV_H

#include "io/pool.h"
#include "server/server.h"
#include "server/worker.h"

struct nj_refusals;

struct nj_count {
    _Atomic uint32_t n;
};

/* Something to run between two turns; the caller waits for all of them. */
struct nj_call {
    struct nj_letter letter;
    void (*fn)(struct nj_worker *w, void *arg);
    void *arg;
    struct nj_calls *of;
};
void nj_call_done(struct nj_call *call);

/* A message of the broker's own on its way to a worker. */
struct nj_own_message {
    struct nj_letter letter;
    uint64_t expiry_s;
    uint32_t topic_n, payload_n;
    uint8_t qos;
    bool retain;
    char bytes[]; /* topic, payload */
};

struct nj_server {
    struct nj_call *calls; /* one for each worker, set aside: stopping works without memory, too */
    struct nj_broker *broker;
    struct nj_refusals *refusals;
    struct nj_pool *pool; /* where passwords are checked */
    struct nj_worker *workers;
    unsigned worker_count;
    const struct nj_auth_method *methods;
    size_t method_count;
    struct nj_door *doors;
    size_t door_count;
    _Atomic uint32_t connections;          /* open, in all */
    struct nj_count *listener_connections; /* and at each listener */
    bool is_started;
};

#endif
