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

#include "cmd/bench/wire.h"

#include "base/compiler.h"

#include <sys/socket.h>

struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

/* From each of 127.0.0.2, 127.0.0.3 … at most so many connections, well below the ports there are.
 */
#define NJ_CALLERS_PER_SOURCE 4000u
#define NJ_CALLERS_MAX        (253u * NJ_CALLERS_PER_SOURCE)

/* Where callers go, and how; lent to them for the call. */
struct nj_bench_broker {
    struct sockaddr_storage address;
    socklen_t address_bytes;
    const char *name; /* as it was given, for messages */
    uint8_t version;  /* 3: MQTT 3.1, 4: 3.1.1, 5 */
    const char *username;
    const char *password;
    const char *prefix;             /* of client identifiers and topics */
    struct ssl_ctx_st *tls;         /* seal.h; NULL: plain */
    struct ssl_session_st *session; /* to be taken up again; NULL: none */
};

/* Who calls: `role` and `index` make the client identifier. */
struct nj_caller_as {
    const char *role;
    uint32_t index;
    bool keeps_session;
};

struct nj_caller {
    int fd;
    struct ssl_st *seal; /* TLS; NULL: plain. Owned */
    const char *role;    /* who it is, for messages */
    uint32_t index;
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

/* The first address of `host` that takes a connection; ends the process when none does. */
void nj_bench_broker_find(struct nj_bench_broker *out, const char *host, uint16_t port);

/* So many connections are to stand at once: ends the process where it may not have the descriptors.
 */
void nj_callers_expect(uint64_t count);

/* nj_caller_dial(): connect, in TLS if the broker has that, and say CONNECT; nj_caller_greet():
 * wait for the CONNACK. nj_caller_open() is both. On a loopback the source address is
 * 127.0.0.(2 + index / NJ_CALLERS_PER_SOURCE), since one has no more than 28,000 ports, or the next
 * one that has a port left. */
void nj_caller_dial(struct nj_caller *p, const struct nj_bench_broker *broker,
                    const struct nj_caller_as *as);
void nj_caller_greet(struct nj_caller *p, struct nj_wire_welcome *out);
void nj_caller_open(struct nj_caller *p, const struct nj_bench_broker *broker,
                    const struct nj_caller_as *as, struct nj_wire_welcome *out);
/* Wait until the subscription stands. */
void nj_caller_subscribe(struct nj_caller *p, const char *filter, uint8_t qos);
/* From here on the socket does not block. */
void nj_caller_set_nonblocking(struct nj_caller *p);
/* Wait at most `timeout_ms` for a packet on a blocking caller; `buffer` holds it, `f` is a view
 * into it. What came behind it is kept for the next read. False when none came. */
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

/* Write all that is there, waiting for room; what the broker says meanwhile stays in the socket. */
void nj_caller_push(struct nj_caller *p);

/* One read into `buffer`, behind what was left of the last one. Returns the bytes that lie there
 * now; all of them must be eaten or given to nj_caller_keep(). */
size_t nj_caller_read(struct nj_caller *p, uint8_t *buffer, size_t bytes);
void nj_caller_keep(struct nj_caller *p, const uint8_t *rest, size_t n);
/* A whole packet was left: there is something to read, whatever poll() says. */
bool nj_caller_has_packet(const struct nj_caller *p);

#endif
