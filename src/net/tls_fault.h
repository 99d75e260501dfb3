/* SPDX-License-Identifier: Apache-2.0 */
/* tls_fault.h — what went wrong in TLS, as data, and in words that a person can act on.
 *
 * Who refuses knows why: the check that failed, and on which certificate. Who is refused gets an
 * alert, a number behind which several mistakes hide, or sees the connection end: then the possible
 * mistakes are listed, most likely first, unless our own files show which it is.
 * What each mistake is called and how it is mended stands in pki/finding.def. */
#ifndef NJ_NET_TLS_FAULT_H
#define NJ_NET_TLS_FAULT_H

#include "net/tls.h"
#include "pki/judge.h"

enum nj_tls_ended {
    NJ_TLS_BY_US,      /* a check of ours has failed: `finding` says which */
    NJ_TLS_BY_PEER,    /* it sent `alert` */
    NJ_TLS_BY_SILENCE, /* the connection ended, nothing was said */
};

struct nj_tls_fault {
    enum nj_tls_role role; /* ours */
    enum nj_tls_ended ended;
    bool was_open; /* the handshake was over on our side */
    bool is_tls13;
    bool showed_certificate;   /* we did */
    char shown_serial[48];     /* and this is its serial number; empty: not known */
    bool shows_issued;         /* and its issuer has another name than it has itself */
    bool shows_chain;          /* and intermediates behind it */
    bool asked_certificate;    /* the server did, of the client */
    bool offered_key;          /* client: a pre-shared one */
    int alert;                 /* that came or was sent; -1: none */
    int verify_error;          /* OpenSSL's X509_V_ERR_…; 0: none */
    uint8_t first[8];          /* what came first */
    uint8_t first_n;           /* 0: nothing came */
    char identity[128];        /* the PSK identity that is not known; empty: none */
    char reason[128];          /* OpenSSL's words, for who searches for them; may be empty */
    struct nj_finding finding; /* NJ_FINDING_NONE where only the peer knows */
    struct nj_finding also;    /* what would have failed next; NJ_FINDING_NONE: nothing known */
};

/* What may have happened where only the peer knows, most likely first. `own` is what is wrong with
 * our own files, NULL where that is not known: where one of these explains it, there is nothing to
 * guess (is_guess is not set), and what they would have shown comes last. For nj_findings_fini().
 */
void nj_tls_fault_guess(const struct nj_tls_fault *f, const struct nj_findings *own,
                        struct nj_findings *out);

/* All of it in one line, without the name of the peer and without a full stop: who refused, what,
 * which certificate, what to do. At most `n` bytes with its NUL. */
void nj_tls_fault_line(const struct nj_tls_fault *f, const struct nj_findings *own, char *out,
                       size_t n);

/* "unknown_ca" for 48. Static. */
const char *nj_tls_alert_name(int alert);

/* What the first bytes of a connection are; five are enough. */
enum nj_tls_first {
    NJ_TLS_FIRST_TLS,
    NJ_TLS_FIRST_MQTT,
    NJ_TLS_FIRST_HTTP,
    NJ_TLS_FIRST_SSH,
    NJ_TLS_FIRST_PROXY, /* a header of the PROXY protocol, of either version */
    NJ_TLS_FIRST_OTHER,
    NJ_TLS_FIRST_NONE, /* none has come */
};
enum nj_tls_first nj_tls_look(struct nj_str first);

#endif
