/* SPDX-License-Identifier: Apache-2.0 */
/* tunnel.h — TLS between the engine and the socket: a handshake that goes as far as it can without
 * waiting, then two functions that behave as send(2) and recv(2).
 *
 *   engine ── plaintext ──► nj_tunnel_send() ──► out ──► socket
 *   engine ◄─ plaintext ─── nj_tunnel_recv() ◄── in ◄─── socket
 *
 * What was read from files serves all connections of a client, until one fails: then the files are
 * read again, for they may have been mended meanwhile.
 *
 * Memory  Two buffers of some records (64 KiB each), while there is a connection. */
#ifndef NJ_CLIENT_TUNNEL_H
#define NJ_CLIENT_TUNNEL_H

#include "base/clock.h"
#include "client/bytes.h"
#include "net/tls.h"

#include <nightjar/client.h>
#include <sys/types.h>

/* Zeroed: no TLS is wished. */
struct nj_tunnel {
    struct nj_tls_context *context;
    struct nj_tls *tls;  /* of this connection; NULL: none, or it is plain */
    struct nj_bytes in;  /* ciphertext, not looked at */
    struct nj_bytes out; /* ciphertext, not sent */
    size_t owed;         /* bytes of plaintext that are taken once `out` is sent */
    bool is_answered;    /* the broker has sent something */
    bool is_open;        /* the handshake is over */
    bool has_heard;      /* the broker has said something behind the handshake */
    bool has_goodbye;    /* and that nothing more will come */
    bool lacks_memory;
    bool has_more;        /* plaintext may be left inside, for which no poll will wake anybody */
    bool waits_for_input; /* without which nothing can be sent */
    nj_time deadline;     /* of the handshake */
    char *detail;         /* how the last connection failed; NULL: without memory, or not at all */
    char in_use[64];
};

/* What a client wants of TLS, in its terms; the pair is the caller's, and all text is lent. */
struct nj_tls_opts nj_tunnel_opts(const struct nj_client_tls *t, struct nj_tls_pair *pair);

/**
 * Read the files, unless that was done; plain clients have none.
 *
 * Blocks  for files, and for whoever is asked for a password.
 * Errors  ETLSFILES: nj_tunnel_detail() says which and why; ENOMEM.
 */
enum nj_client_err nj_tunnel_prepare(struct nj_tunnel *s, const struct nj_client_opts *opts);
/* A connection begins. Only after nj_tunnel_prepare(). Errors: ENOMEM. */
enum nj_client_err nj_tunnel_begin(struct nj_tunnel *s, const struct nj_client_opts *opts,
                                   nj_time now);
/* Nothing is left of the connection but its detail. */
void nj_tunnel_end(struct nj_tunnel *s);
void nj_tunnel_fini(struct nj_tunnel *s);

static inline bool
nj_tunnel_is_on(const struct nj_tunnel *s)
{
    return s->tls != NULL;
}

enum nj_tunnel_step {
    NJ_TUNNEL_WAITING, /* for the socket */
    NJ_TUNNEL_OPEN,
    NJ_TUNNEL_FAILED, /* nj_tunnel_explain() says why */
};

enum nj_tunnel_step nj_tunnel_shake(struct nj_tunnel *s, int fd);

/* As send(2) and recv(2). A byte counts as sent when all of its record is; what was refused is
 * offered again. EPROTO: TLS itself has failed. */
ssize_t nj_tunnel_send(struct nj_tunnel *s, int fd, struct nj_str bytes);
ssize_t nj_tunnel_recv(struct nj_tunnel *s, int fd, void *buffer, size_t room);
/* The same without looking at the socket: what is inside already. EAGAIN: nothing. */
ssize_t nj_tunnel_recv_inside(struct nj_tunnel *s, void *buffer, size_t room);
/* Something of TLS's own waits to be sent. */
bool nj_tunnel_wants_write(const struct nj_tunnel *s);
/* Send that; what cannot go now still waits. */
void nj_tunnel_flush(struct nj_tunnel *s, int fd);
/* Send what waits and, as a last word, that nothing more will come; as far as it goes at once. */
void nj_tunnel_leave(struct nj_tunnel *s, int fd);

/**
 * The connection has ended: what TLS knows about it, in words for nj_tunnel_detail().
 *
 * Result  ETLS; OK: the end is no matter of TLS's; ENOMEM: it is that.
 * Blocks  for our own files, which are judged when only the broker knows why it refused.
 */
enum nj_client_err nj_tunnel_explain(struct nj_tunnel *s, const struct nj_client_opts *opts);
/* Empty where there is none. Until the next connection. */
const char *nj_tunnel_detail(const struct nj_tunnel *s);

#endif
