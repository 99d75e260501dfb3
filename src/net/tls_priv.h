/* SPDX-License-Identifier: Apache-2.0 */
/* tls_priv.h — what the files of tls share: how a context and a connection are made. */
#ifndef NJ_NET_TLS_PRIV_H
#define NJ_NET_TLS_PRIV_H

#include "base/clock.h"
#include "net/tls.h"
#include "net/tls_fault.h"

#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

struct nj_tls_psk;     /* tls_psk.c */
struct nj_tls_tickets; /* tls_ticket.c */

struct nj_tls_context {
    _Atomic uint32_t references;
    enum nj_tls_role role;
    bool insecure;
    bool ignore_dates;
    char *cafile, *capath, *crlfile; /* for the words about a refusal; NULL: none */
    struct nj_findings own; /* server: what is wrong with its own files, though they can be used */
    /* One for each certificate that is chosen by name; the first is where every connection begins.
     * Certificates for the same names with keys of two kinds share one. */
    SSL_CTX **shown;
    size_t shown_count;
    struct nj_tls_date *dates; /* server */
    size_t date_count;
    uint64_t trust;                 /* nj_tls_context_trust() */
    struct nj_tls_psk *psk;         /* NULL: none */
    struct nj_tls_tickets *tickets; /* server */
    uint8_t *ocsp;                  /* NULL: none */
    size_t ocsp_n;
    uint8_t alpn[256]; /* as it is sent: length, name; alpn[0] 0: none */
    int keylog;        /* descriptor; -1: none */
    /* In whose place the thread's default stands while hands are shaken; NULL: it stays. */
    OSSL_LIB_CTX *library;
};

/* Of a client's certificates, before it has shown that one of them is good for anything. */
#define NJ_TLS_CHAIN_MAX (32u * 1024)
/* Of its ClientHello: the ticket in it may hold a certificate. */
#define NJ_TLS_HELLO_MAX (NJ_TLS_CHAIN_MAX + 4u * 1024)
/* What a peer may say at once besides data, and one more each second: 27 bytes make us change keys,
 * which takes 290,000 instructions, a ninth of a handshake. */
#define NJ_TLS_ASIDES_MAX 32

/* Where a ClientHello is. */
struct nj_tls_hello {
    uint8_t record_n; /* bytes of the record's head that have come */
    uint8_t type;     /* of the record */
    uint16_t body;    /* of the record: what is left */
    uint8_t message_n;
    bool has_come; /* one, whole */
    bool is_over;  /* what comes is none */
    uint32_t claimed;
};

struct nj_tls {
    SSL *ssl;
    struct nj_tls_context *context;
    struct nj_tls_io *io; /* of the call that runs */
    struct nj_tls_fault *fault;
    char *host;         /* client: to compare with */
    char *psk_identity; /* server: as the client showed it, and once it is open, has proved */
    struct nj_tls_hello hello; /* server */
    uint32_t asides;           /* NJ_TLS_ASIDES_MAX and one: enough */
    nj_time aside_at;          /* since when they have not become fewer */
    uint8_t first[8];          /* bytes that came: what they speak where it is not TLS */
    uint8_t first_n;
    bool asks_anew; /* for a renegotiation */
    bool is_open;   /* the handshake is over; what the peer says of new keys does not change it */
    bool is_broken; /* nothing more is to be done with it */
};

/* tls.c: before the first context. Idempotent. */
void nj_tls_begin(void);

/* tls_hello.c: `n` bytes that came, before OpenSSL sees them. False: the ClientHello claims more
 * than NJ_TLS_HELLO_MAX bytes, and they must not be passed on. */
bool nj_tls_hello_take(struct nj_tls_hello *h, const SSL *ssl, const uint8_t *bytes, size_t n);

/* tls_files.c: read what the options name into `x`. */
enum nj_err nj_tls_load(struct nj_tls_context *x, const struct nj_tls_opts *o,
                        struct nj_diag *diag);

/* tls_engine.c: the key that the engine knows by `name`; *out is the caller's. */
enum nj_err nj_tls_engine_key(EVP_PKEY **out, const struct nj_tls_opts *o, const char *name,
                              struct nj_diag *diag);
#define NJ_TLS_NAME_SIZE 512
/* The name of a key, fit to be shown: without the PIN that may stand in it. */
const char *nj_tls_engine_name(const char *name, char *out, size_t room);

/* tls_trust.c: `what` is part of whom it lets in. */
void nj_tls_trust_add(struct nj_tls_context *x, struct nj_str what);

/* tls_dates.c: note when it ends what was read from the file at `path`. Errors: NJ_ENOMEM. */
struct nj_pki_file;
NJ_NODISCARD enum nj_err nj_tls_date_certificates(struct nj_tls_context *x, const char *path,
                                                  const struct nj_pki_file *file);
NJ_NODISCARD enum nj_err nj_tls_date_authority(struct nj_tls_context *x, const char *path,
                                               const X509 *ca);
NJ_NODISCARD enum nj_err nj_tls_date_list(struct nj_tls_context *x, const char *path,
                                          const X509_CRL *list);
/* About the first certificate, which has been loaded. */
NJ_NODISCARD enum nj_err nj_tls_date_response(struct nj_tls_context *x, const char *path,
                                              OCSP_RESPONSE *response);
void nj_tls_dates_free(struct nj_tls_context *x);
/* Server: until when what the peer has shown in a whole handshake is good, seconds since 1970;
 * INT64_MAX where it showed no certificate. */
int64_t nj_tls_proof_ends_s(const struct nj_tls *t);

/* tls.c: as in RFC 2253; on the heap, NULL without memory. */
char *nj_tls_print_name(const X509_NAME *name);

/* tls_decoders.c: for the server's handshakes, one for all contexts and as long as the process;
 * NULL: the default does it. Any thread. */
OSSL_LIB_CTX *nj_tls_library_for_handshakes(void);

/* tls_ticket.c */
/* How long after a whole handshake one may come back by tickets, and how long a key seals new
 * ones. */
#define NJ_TLS_TICKET_S 7200u

struct nj_tls_ticket_key {
    uint8_t name[16]; /* as the ticket begins */
    uint8_t cipher[32];
    uint8_t mac[32];
};

enum nj_tls_ticket_age {
    NJ_TLS_TICKET_UNKNOWN,
    NJ_TLS_TICKET_CURRENT,
    NJ_TLS_TICKET_OLD,
};

/* NULL without memory or random bytes. */
struct nj_tls_tickets *nj_tls_tickets_new(void);
/* NULL is accepted. */
void nj_tls_tickets_free(struct nj_tls_tickets *t);
/* The key with this name, or (`name` NULL) the one to seal with. Any thread. */
enum nj_tls_ticket_age nj_tls_tickets_find(struct nj_tls_tickets *t, const uint8_t *name,
                                           nj_time now, struct nj_tls_ticket_key *out);
/* OpenSSL's callback, SSL_CTX_set_tlsext_ticket_key_evp_cb(). */
int nj_tls_on_ticket(SSL *ssl, uint8_t *name, uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                     int is_sealing);
/* And SSL_CTX_set_session_ticket_cb(): how long a ticket counts. */
int nj_tls_on_ticket_sealing(SSL *ssl, void *arg);

/* tls_psk.c */
enum nj_err nj_tls_psk_load(struct nj_tls_context *x, const struct nj_tls_opts *o,
                            struct nj_diag *diag);
void nj_tls_psk_free(struct nj_tls_psk *p);
/* Whether the key of this identity is the same in both. */
bool nj_tls_psk_is_same(const struct nj_tls_psk *a, const struct nj_tls_psk *b,
                        const char *identity);
/* The handshake is over: an identity that was shown, but whose key was not used, proves nothing. */
void nj_tls_psk_settle(struct nj_tls *t);

/* tls_fault.c */
/* It is ended from here, for what this sentence says. */
void nj_tls_refuse(struct nj_tls *t, const char *why);
/* Which mistake a failed check is; and a second one that does not follow from it, into `also` where
 * that is zeroed and not NULL. */
void nj_tls_judge_check(struct nj_finding *out, struct nj_finding *also, const struct nj_tls *t,
                        const struct nj_tls_context *x, X509_STORE_CTX *store);
/* A check of a certificate has failed. The first one counts; one that does not follow from it is
 * kept beside it. */
void nj_tls_note_check(struct nj_tls *t, X509_STORE_CTX *store);
/* The connection has failed; the reasons stand in OpenSSL's queue. */
void nj_tls_note_failure(struct nj_tls *t);
void nj_tls_note_alert(struct nj_tls *t, bool is_ours, int alert);
void nj_tls_note_hello(struct nj_tls *t);
void nj_tls_note_identity(struct nj_tls *t, const char *identity);

/* Whether a host is written as an address: certificates are asked for it in another way. */
bool nj_tls_is_address(const char *host);

/* The connection that an SSL belongs to. */
static inline struct nj_tls *
nj_tls_of(const SSL *ssl)
{
    return SSL_get_ex_data(ssl, 0);
}

#endif
