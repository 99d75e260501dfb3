/* SPDX-License-Identifier: Apache-2.0 */
/* caller.h — one connection of the load generator: opened with blocking calls, then driven by
 * epoll.
 *
 * What goes out is gathered in `out` and written once per turn. What comes in is read into one
 * large buffer that all callers of a thread share; only a packet that is cut off at its end is kept
 * here. Thread: one at a time. Errors: a network that fails ends the process with exit code 2,
 * since there is nothing left to measure; a caller that the broker has closed says so. */
#ifndef NJ_BENCH_CALLER_H
#define NJ_BENCH_CALLER_H

#include "wire.h"

#include "base/compiler.h"

#include <netinet/in.h>

struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

/* Where callers go, and how; lent to them for the call. */
struct nj_bench_broker {
    struct sockaddr_in address;
    struct ssl_ctx_st *tls;         /* seal.h; NULL: plain */
    struct ssl_session_st *session; /* to be taken up again; NULL: none */
};

struct nj_caller {
    int fd;
    struct ssl_st *seal; /* TLS; NULL: plain. Owned */
    uint8_t version;
    bool is_closed;   /* by the broker */
    bool wants_write; /* its socket was full */
    /* private */
    uint8_t *out; /* owned */
    size_t out_from;
    size_t out_to;
    size_t out_size;
    uint8_t *rest; /* the beginning of a packet; owned */
    size_t rest_bytes;
    size_t rest_size;
};

/* `text` and errno on stderr, exit code 2: could not run. */
NJ_NORETURN void nj_bench_die(const char *fmt, ...) NJ_PRINTF(1, 2);

/* Connect to `broker` from 127.0.0.`source` (0: any), in TLS if it has that, say CONNECT with a
 * clean session, wait for the CONNACK. */
void nj_caller_open(struct nj_caller *p, const struct nj_bench_broker *broker, uint8_t source,
                    uint8_t version, const char *client_id, struct nj_wire_welcome *out);
/* Wait until the subscription stands. */
void nj_caller_subscribe(struct nj_caller *p, const char *filter, uint8_t qos);
/* From here on the socket does not block. */
void nj_caller_set_nonblocking(struct nj_caller *p);
/* Wait at most `timeout_ms` for a packet on a blocking caller; `buffer` holds it, `f` is a view
 * into it. False when none came. */
bool nj_caller_wait_packet(struct nj_caller *p, int timeout_ms, uint8_t *buffer, size_t bytes,
                           struct nj_wire_frame *f);
void nj_caller_send(struct nj_caller *p, const void *bytes, size_t n);
/* Says DISCONNECT when the connection still stands. */
void nj_caller_close(struct nj_caller *p);

/* Room for `n` more bytes of output; the caller fills it. */
uint8_t *nj_caller_reserve(struct nj_caller *p, size_t n);
static inline bool
nj_caller_has_output(const struct nj_caller *p)
{
    return p->out_from != p->out_to;
}
/* One write. What the socket does not take stays. */
void nj_caller_flush(struct nj_caller *p);

/* One read into `buffer`, behind what was left of the last one. Returns the bytes that lie there
 * now; all of them must be eaten or given to nj_caller_keep(). */
size_t nj_caller_read(struct nj_caller *p, uint8_t *buffer, size_t bytes);
void nj_caller_keep(struct nj_caller *p, const uint8_t *rest, size_t n);

#endif
