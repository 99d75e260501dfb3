/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h — one thread: its reactor, its mailbox, its home, its connections. Private to the room.
 */
#ifndef NJ_SERVER_WORKER_H
#define NJ_SERVER_WORKER_H

#include "base/rand.h"
#include "base/thread.h"
#include "broker/home.h"
#include "io/mailbox.h"
#include "io/out.h"
#include "io/reactor.h"
#include "io/timer.h"
#include "server/encoding.h"
#include "server/ration.h"
#include "server/server.h"

/* What a worker may read at once, and what it may deliver in one turn for those who publish much,
 * in shares of at least LEAST. Counted in deliveries: one read holds 3,500 small PUBLISHes, and
 * each may have 200 receivers. */
#define NJ_WORKER_READ_BYTES (256 * 1024)
#define NJ_WORKER_BUDGET     16384
#define NJ_WORKER_LEAST      256
/* Who published much when it was read last is read after all others; and when those have brought so
 * many deliveries, the rest of them in the next turn: what is not much waits for no more than that,
 * the share of the one that was read last, and theirs whose bytes are here already.
 */
#define NJ_WORKER_MUCH 64
#define NJ_WORKER_TURN 512
/* What it may write in one turn, again in shares: 250 slow readers whose sockets have room for a
 * megabyte each would keep everybody else waiting for a tenth of a second. */
#define NJ_WORKER_WRITE_BYTES (2u * 1024 * 1024)
#define NJ_WORKER_WRITE_LEAST (16u * 1024)
/* What may wait for one connection where memory is tight: those that do not read do not take it
 * from those that do. */
#define NJ_WORKER_TIGHT_BYTES (64u * 1024)
/* Mail of more weight (broker/bundle.h) stops its senders from reading publishers: what comes after
 * it waits for it. */
#define NJ_MAILBOX_SOFT_LIMIT (2u * NJ_BUNDLE_FULL)

enum nj_letter_kind {
    NJ_LETTER_BUNDLE,  /* deliveries for sessions at home here */
    NJ_LETTER_CONN,    /* a connection that has come home */
    NJ_LETTER_CALL,    /* something to run between two turns */
    NJ_LETTER_PUBLISH, /* a message of the broker's own */
    NJ_LETTER_LOGIN,   /* a password that has been checked */
};

/* One listening socket as one worker watches it. */
struct nj_doorway {
    struct nj_io io;
    struct nj_worker *worker;
    const struct nj_door *door;
    struct nj_timer again; /* after descriptors ran out */
};

struct nj_worker {
    struct nj_server *server;
    const struct nj_server_opts *opts; /* replaced between turns */
    uint16_t id;
    struct nj_reactor *reactor;
    struct nj_wheel *wheel;
    struct nj_out_pool *pool;
    /* Shares of this turn, and how many asked for much of the last one. */
    uint32_t share;     /* deliveries for one connection */
    size_t write_share; /* bytes to one connection */
    unsigned busy, flushed;
    uint64_t output_ceiling; /* bytes that may wait for one connection, as memory stands */
    struct nj_home *home;
    struct nj_store_port *store;
    struct nj_doorway *doorways;
    struct nj_list conns;   /* all of them */
    struct nj_list ready;   /* with bytes read but not yet looked at */
    struct nj_list later;   /* to be read after all others, in this turn or the next */
    struct nj_list dirty;   /* with output */
    struct nj_list closing; /* to be closed at the end of the turn */
    struct nj_list shaking; /* with bytes for a TLS handshake that is not over */
    unsigned shakes_due;    /* steps of those; NJ_SECURE_STEPS: this turn has no more to give */
    struct nj_list again;   /* of struct nj_secure: whose certificates are to be looked at again */
    struct nj_list paused;  /* not read while it is stalled */
    bool is_stalled;        /* another worker's mailbox is full, or the store is busy */
    struct nj_list held;    /* not read while those they publish to are crowded: broker/crowd.h */
    nj_time held_until;     /* at most */
    bool is_stopping;
    struct nj_timer sweep;   /* of expired retained messages; worker 0 only */
    struct nj_timer trim;    /* of memory that has been given back */
    struct nj_ration ration; /* of lines about those that are not let in */
    struct nj_rand rand;
    nj_time now;
    struct nj_encoding encoding;
    struct nj_thread thread;
    uint8_t *buffer;                  /* NJ_WORKER_READ_BYTES */
    struct nj_secure_buffers *secure; /* NULL: no listener has TLS */
    struct nj_letter *mail;           /* taken out of the mailbox, not opened yet; oldest first */
    _Alignas(64) struct nj_mailbox mailbox;
    _Alignas(64) struct nj_metrics metrics;
};

/* One turn: wait, read, route, answer, write. */
void nj_worker_turn(struct nj_worker *w, int timeout_ms);
/* Before anything is done about what a wait has delivered. */
void nj_worker_look_at_clock(struct nj_worker *w);
/* How long it may wait: 0 when there is work already. */
int nj_worker_timeout(const struct nj_worker *w);

NJ_NODISCARD enum nj_err nj_worker_init(struct nj_worker *w, struct nj_server *server, uint16_t id,
                                        const struct nj_server_deps *deps, struct nj_diag *diag);
/* Its thread has ended: throw its letters away, close its connections. */
void nj_worker_drain(struct nj_worker *w);
/* Accepts a zeroed one; all workers are drained. */
void nj_worker_fini(struct nj_worker *w);
void nj_worker_close_conns(struct nj_worker *w, enum nj_cause cause);
/* After a reload: end those that would not be let in any more. */
void nj_worker_reconsider_conns(struct nj_worker *w);
/* Who knocks from here on waits at the socket until that is closed. */
void nj_worker_stop_accepting(struct nj_worker *w);
/* Whether those that may publish are to wait. */
static inline bool
nj_worker_is_stalled(struct nj_worker *w)
{
    if (!w->is_stalled && w->store->ops->is_busy(w->store))
        w->is_stalled = true;
    return w->is_stalled;
}
/* The thread's body: turns, until it is told to stop. */
void nj_worker_run(void *worker);

struct nj_conn;
/* To the home of its client identifier; not ours any more. */
void nj_worker_send_home(struct nj_conn *c);

/* Post a letter; wakes the worker when that is needed. Any thread. */
void nj_worker_post(struct nj_worker *w, struct nj_letter *letter);

#endif
