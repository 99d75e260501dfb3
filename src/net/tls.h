/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h — TLS 1.2 and 1.3 as a layer of bytes: what the peer sent goes in, plaintext comes out, and
 * the other way round. No sockets, no waiting, for both roles. OpenSSL 3 does the work.
 *
 *     ciphertext in ──► io.in ──►┐        ┌──► plaintext   nj_tls_read()
 *                                │ nj_tls │
 *     ciphertext out ◄─ io.out ◄─┘        └◄── plaintext   nj_tls_write()
 *
 * A context holds what is read from files and never changes: certificates, keys, authorities,
 * lists of revoked ones, keys for tickets. It is counted, so that connections keep the one they
 * began with while new ones get another. A connection owns no buffer between two calls, but for a
 * record of which only a part has come. */
#ifndef NJ_NET_TLS_H
#define NJ_NET_TLS_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

struct nj_tls_context;
struct nj_tls;
struct nj_tls_fault;
struct nj_finding;
struct nj_findings;

/* ---- context ---- */

enum nj_tls_role {
    NJ_TLS_SERVER,
    NJ_TLS_CLIENT,
};

enum nj_tls_version {
    NJ_TLS_ANY, /* 1.2 and 1.3 */
    NJ_TLS_1_2,
    NJ_TLS_1_3,
};

/* A certificate, its chain behind it in the same file, and its key. */
struct nj_tls_pair {
    const char *certfile;
    const char *keyfile; /* a file, or the engine's name of a key */
};

/* Everything is lent for the call of nj_tls_context_new(). */
struct nj_tls_opts {
    enum nj_tls_role role;
    enum nj_tls_version oldest, newest;
    /* Server: at least one, unless there is a psk_hint; which one is shown is chosen by the name
     * that the client asks for (SNI), the first where none fits. Client: none or one. */
    const struct nj_tls_pair *pairs;
    size_t pair_count;
    const char *cafile;   /* authorities of the peer's certificate, in PEM */
    const char *capath;   /* the same as a directory of hashed names */
    bool use_os_certs;    /* and those of the system */
    const char *crlfile;  /* certificates that are revoked, in PEM */
    const char *ocspfile; /* server: an OCSP response, in DER, stapled to the first certificate */
    bool require_certificate; /* server: the client must show one that verifies */
    bool ignore_dates;        /* of the peer's certificates */
    bool insecure;            /* client: the certificate's names are not compared with the host */
    const char *ciphers;      /* of TLS 1.2; NULL: OpenSSL's default */
    const char *ciphersuites; /* of TLS 1.3 */
    const char *alpn;         /* client: the protocol to ask for; NULL: none */
    const char *engine;       /* NULL: none */
    bool key_in_engine;       /* tls_keyform engine */
    const char *engine_kpass_sha1; /* SHA-1 of the password of the engine's key, in hex */
    const char *psk_hint;          /* server: clients show a pre-shared key, no certificate */
    const char *psk_file;          /* server: lines `identity:key in hex` */
    const char *psk;               /* client: the key in hex */
    const char *psk_identity;
    const char *keylog; /* file to which the keys of all connections are appended, for Wireshark */
    /* Asked for the password of an encrypted key; NULL: at the terminal, if there is one. Fills in
     * up to `n` bytes, returns how many, or -1. */
    int (*password)(void *ctx, const char *file, char *out, int n);
    void *password_ctx;
};

/**
 * Read all files, check that they fit together.
 *
 * out     written on NJ_OK, with one reference.
 * diag    what is wrong, in Mosquitto's words as far as it has some: which file, what about it, and
 *         what to do.
 * Blocks  for files, for an engine, and for a person at the terminal.
 * Errors  NJ_ECONFIG, NJ_ESYS (a file cannot be read), NJ_ENOMEM.
 */
NJ_NODISCARD enum nj_err nj_tls_context_new(struct nj_tls_context **out,
                                            const struct nj_tls_opts *opts, struct nj_diag *diag);
/* Any thread. */
struct nj_tls_context *nj_tls_context_ref(struct nj_tls_context *x);
/* NULL is accepted. */
void nj_tls_context_unref(struct nj_tls_context *x);

/* What ends by itself, and lets nobody in from then on. */
enum nj_tls_dated {
    NJ_TLS_DATED_CERTIFICATE, /* of a pair, or one behind it in its file: the first that ends */
    NJ_TLS_DATED_AUTHORITY,   /* in cafile or capath, unless dates are ignored */
    NJ_TLS_DATED_LIST,        /* in crlfile */
    NJ_TLS_DATED_RESPONSE,    /* in ocspfile */
};
struct nj_tls_date {
    enum nj_tls_dated what;
    char *file;
    char *name; /* subject; of a list, who has made it; of a response, whom it is about */
    int64_t from_s, until_s; /* since 1970 */
};
/* Server: all that there is; of capath, which is looked into when somebody comes, as it was when
 * `x` was made. As long as `x`. */
const struct nj_tls_date *nj_tls_context_dates(const struct nj_tls_context *x, size_t *count);
/* Server: what is wrong, or soon will be, with files that can be used all the same. As long as `x`.
 */
const struct nj_findings *nj_tls_context_findings(const struct nj_tls_context *x);

/* Server: whom it lets in by certificate or key. Equal for contexts that let in the same ones, as
 * far as that can be told without a look into capath, which always makes another. */
uint64_t nj_tls_context_trust(const struct nj_tls_context *x);

/* Whether OpenSSL finds what is in a capath under this name: that of a certificate, or of a list of
 * revoked ones. *is_list is set where it does. */
bool nj_tls_capath_finds(const char *name, bool *is_list);

/* ---- connection ---- */

/**
 * host    client: what was typed; sent as SNI where it is a name, and compared with the certificate
 *         (an address with its addresses), unless the context is insecure. Server: NULL. Copied.
 * Returns NULL without memory. It holds a reference to the context.
 * Thread  one at a time; it may move.
 */
struct nj_tls *nj_tls_new(struct nj_tls_context *x, const char *host);
/* NULL is accepted. */
void nj_tls_free(struct nj_tls *t);
const struct nj_tls_context *nj_tls_context_of(const struct nj_tls *t);

/* What one call may take and give. */
struct nj_tls_io {
    struct nj_str in; /* ciphertext; what was taken is gone from its front */
    uint8_t *out;     /* room for ciphertext */
    size_t out_n, out_room;
};

enum nj_tls_result {
    NJ_TLS_DONE,   /* what was asked for */
    NJ_TLS_HUNGRY, /* all of `in` is taken, and more is needed to go on */
    NJ_TLS_FULL,   /* `out` is full: send it, and call again with the same */
    NJ_TLS_CLOSED, /* the peer has said that nothing more will come */
    NJ_TLS_FAILED, /* nj_tls_fault() says why; `out` may hold an alert to be sent */
};

/* One record, as large as it comes. */
#define NJ_TLS_RECORD_PLAIN 16384u
#define NJ_TLS_RECORD_BYTES (NJ_TLS_RECORD_PLAIN + 256u + 5u)

/* The handshake, as far as `in` reaches. DONE: it is over; `in` may hold more. */
enum nj_tls_result nj_tls_handshake(struct nj_tls *t, struct nj_tls_io *io);
bool nj_tls_is_open(const struct nj_tls *t);

/**
 * Plaintext of all records that have come whole. With `room` for the length of `in` and
 * NJ_TLS_RECORD_BYTES more nothing whole is left inside.
 *
 * got     how many bytes, in every case: also before a HUNGRY, CLOSED or FAILED.
 * Returns DONE when `buffer` is full, else why it ended.
 */
enum nj_tls_result nj_tls_read(struct nj_tls *t, struct nj_tls_io *io, void *buffer, size_t room,
                               size_t *got);
/* Server: what was read is wiped in the library's own buffers, since a password may be in it. From
 * here on there is none. */
void nj_tls_stop_wiping(struct nj_tls *t);
/**
 * Encrypt in records of up to 16 KiB.
 *
 * taken   how many bytes of `bytes` are encrypted in `out`; one not taken whole is offered again,
 *         perhaps from another address. With room for NJ_TLS_RECORD_BYTES for each begun
 *         NJ_TLS_RECORD_PLAIN all are taken.
 * Returns DONE, FULL or FAILED; HUNGRY where the peer has begun to say something about keys, which
 * honest peers say in one piece.
 */
enum nj_tls_result nj_tls_write(struct nj_tls *t, struct nj_tls_io *io, struct nj_str bytes,
                                size_t *taken);
/* Say that nothing more will come. */
void nj_tls_close(struct nj_tls *t, struct nj_tls_io *io);

/* The transport has ended before TLS has: note it as what went wrong, if nothing else has. */
void nj_tls_cut(struct nj_tls *t);
/* What went wrong (tls_fault.h); NULL while nothing has. Valid as long as `t`. */
const struct nj_tls_fault *nj_tls_fault(const struct nj_tls *t);

/* ---- who is there, once it is open ---- */

/* "TLSv1.3" and "TLS_AES_256_GCM_SHA384". Static. */
const char *nj_tls_version(const struct nj_tls *t);
const char *nj_tls_cipher(const struct nj_tls *t);
bool nj_tls_is_resumed(const struct nj_tls *t);

enum nj_tls_name {
    NJ_TLS_COMMON_NAME, /* of the certificate's subject, its first; or the PSK identity */
    NJ_TLS_SUBJECT,     /* all of it, as in RFC 2253 */
};
/* Of the peer, verified; on the heap, for nj_free(). NULL: it has none, or one with a NUL in it, or
 * there is no memory. */
char *nj_tls_peer_name(const struct nj_tls *t, enum nj_tls_name which);

/**
 * Server: would the peer's certificate or key, which its own context has let in, be let in under
 * `x`? Dates are not looked at again, and a list of revoked certificates that is missing or out of
 * date revokes nobody who is here already.
 *
 * out     written where it is not: why.
 * Cost    its certificate is read again, and one signature checked for each of the chain: 0.16 ms,
 *         about.
 */
bool nj_tls_is_still_trusted(const struct nj_tls *t, struct nj_tls_context *x,
                             struct nj_finding *out);

/* From here on all that OpenSSL takes for this process is counted by base/mem.h. It is never
 * refused, since not all of OpenSSL bears that: at memory_limit who comes is refused instead. For
 * programs, not for libraries; false once OpenSSL has allocated anything. */
bool nj_tls_count_memory(void);

/* "OpenSSL 3.0.15 3 Sep 2024": the library in use, for the version command. Static. */
const char *nj_tls_library(void);

#endif
