/* SPDX-License-Identifier: Apache-2.0 */
/* secure.h — TLS between a connection's socket and its bytes. Private to the room.
 *
 *     socket ──► worker's ciphertext buffer ──► nj_tls ──► where packets are read
 *     socket ◄── `cipher` (what it did not take) ◄── nj_tls, records of 16 KiB ◄── conn's output
 *
 * A plain connection has none of this and pays one look at a pointer. Handshakes are made a few at
 * a time: each costs what a thousand messages do, and a storm of them must not delay who is
 * connected. What came whole is never left inside: whoever reads has room for all of it, so a
 * connection can move to another worker between any two reads. Thread: the worker's. */
#ifndef NJ_SERVER_SECURE_H
#define NJ_SERVER_SECURE_H

#include "base/list.h"
#include "io/out.h"
#include "io/reactor.h"
#include "net/tls.h"

struct nj_conn;
struct nj_worker;

/* Handshake steps in one turn of a worker, and certificates that are looked at again. */
#define NJ_SECURE_STEPS 4
#define NJ_SECURE_AGAIN 4
/* Room for plaintext beyond what is read from the socket: of a record that had come in part. */
#define NJ_SECURE_SLACK NJ_TLS_RECORD_BYTES
/* A result of reading, beside NJ_IO_…: nj_secure_refuse() says why. */
#define NJ_SECURE_FAILED (-4)

struct nj_secure {
    struct nj_conn *conn;
    struct nj_tls *tls;
    /* Encrypted, not yet written: of a handshake, and what nj_secure_write() could not write, less
     * than six records. An answer about keys goes with the next message, one for all requests. */
    struct nj_out cipher;
    char *user; /* from certificate or PSK identity, where the listener wants it; NULL: none */
    struct nj_list link_again; /* of those to be looked at again, after a reload */
    uint64_t trust;            /* nj_tls_context_trust() of the context it was let in under */
    bool is_said;              /* that it failed */
};

/* What a worker with TLS listeners sets aside. */
struct nj_secure_buffers {
    uint8_t in[256 * 1024];
    uint8_t out[4 * NJ_TLS_RECORD_BYTES];
    uint8_t plain[NJ_TLS_RECORD_PLAIN];
};

/* For a connection that was accepted at a listener with TLS. False without memory. */
NJ_NODISCARD bool nj_secure_begin(struct nj_conn *c, struct nj_tls_context *context);
void nj_secure_free(struct nj_conn *c);
bool nj_secure_is_open(const struct nj_conn *c);

/* The peer has sent something, and the handshake is not over: wait for a step. */
void nj_secure_wait(struct nj_conn *c);
/* After a reload: where other certificates or keys are trusted now, it will be looked at again, in
 * a turn to come, and end unless it would still be let in. */
void nj_secure_reconsider(struct nj_conn *c);
/* It leaves its worker. */
void nj_secure_leave(struct nj_conn *c);
/* What is due in this turn: steps of handshakes, looks at certificates. */
void nj_secure_work(struct nj_worker *w);

/* Read plaintext; as nj_io_read(), or NJ_SECURE_FAILED. `room` is more than NJ_SECURE_SLACK. */
ssize_t nj_secure_read(struct nj_conn *c, void *buffer, size_t room);
/* Encrypt and write as much as the socket takes, and no record more once it is `most`; as
 * nj_out_write(): bytes of plaintext. */
ssize_t nj_secure_write(struct nj_conn *c, size_t most);
bool nj_secure_has_output(const struct nj_conn *c);
/* At the end: what is encrypted, and that nothing more will come. */
void nj_secure_close(struct nj_conn *c);

/* It failed: log why, count it, end the connection. */
void nj_secure_refuse(struct nj_conn *c);
/* The socket has ended, or time is up, before the handshake has: say so. */
void nj_secure_cut(struct nj_conn *c);

#endif
