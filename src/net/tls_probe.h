/* SPDX-License-Identifier: Apache-2.0 */
/* tls_probe.h — knock at a port with TLS and look at everything that comes back: for the doctor.
 *
 * A probe believes nobody and trusts nothing that it gets: it takes any certificate, at any key
 * length, so that what is shown can be judged (pki/judge.h) where a client would only have refused.
 * So no word of MQTT, no password and no message ever goes through one. */
#ifndef NJ_NET_TLS_PROBE_H
#define NJ_NET_TLS_PROBE_H

#include "base/clock.h"
#include "net/tls.h"

struct nj_tls_probe_opts {
    const char *host;   /* sent as SNI where it is a name; NULL */
    int oldest, newest; /* 0: any; else as on the wire: 0x0301 TLS 1.0, …, 0x0304 TLS 1.3 */
    /* What a client would offer: its ciphers (NULL: all), the protocol it asks for, its shared key,
     * its certificate if the broker wants one. What cannot be read is as none. NULL: nothing. */
    const struct nj_tls_opts *offer;
    unsigned timeout_ms; /* of the whole */
};

struct nj_tls_probe {
    bool is_open;            /* the handshake was over on our side */
    bool is_timed_out;       /* nobody answered in time */
    bool is_ended;           /* the other side ended the connection */
    bool asked_certificate;  /* of us */
    bool showed_certificate; /* we did */
    int alert;               /* that came; -1: none */
    uint8_t first[8];        /* what came first; first_n 0: nothing */
    size_t first_n;
    char version[16], cipher[64]; /* once open */
    char wants[512];              /* the names of the CAs whose certificates the broker asks for */
    char reason[128];             /* OpenSSL's words about what ended it; may be empty */
    struct x509_st **shown;       /* the broker's certificate, then what it sent along */
    size_t shown_count;
};

/**
 * One handshake over `fd`, a connected socket that does not block; it stays the caller's, and is of
 * no further use. With a certificate asked for, waits up to a second for what the broker says to
 * it.
 *
 * out     written on NJ_OK: also where the handshake failed. nj_tls_probe_fini().
 * Blocks  up to timeout_ms.
 * Errors  NJ_ENOMEM.
 */
NJ_NODISCARD enum nj_err nj_tls_probe_run(struct nj_tls_probe *out, int fd,
                                          const struct nj_tls_probe_opts *opts);
/* Accepts a zeroed object. */
void nj_tls_probe_fini(struct nj_tls_probe *probe);

#endif
