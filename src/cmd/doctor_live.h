/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_live.h — what the rounds of a connection share. */
#ifndef NJ_CMD_DOCTOR_LIVE_H
#define NJ_CMD_DOCTOR_LIVE_H

#include "client/dial.h"
#include "cmd/doctor.h"
#include "net/tls_probe.h"

/* A patient's connection. */
struct nj_visit {
    struct nj_report *report;
    const struct nj_client_config *asked;
    struct nj_client_told told;
    struct nj_client_opts opts; /* what is told, with the doctor's patience; always a host */
    struct nj_dial dial;        /* looked up */
    struct nj_tls_pair pair;
    struct nj_tls_opts tls; /* what a probe offers; zeroed: nothing */
    int patience_ms;        /* for each answer */
    bool has_tls;
    bool is_hopeless;  /* a client would have stopped by now: no more steps */
    bool is_text_only; /* the host's name stands in the certificate, but only as text */
};

/* Where it is, for a sentence: "port 1883 of broker", or the path of a socket. Returns `out`. */
const char *nj_visit_place(const struct nj_visit *v, char *out, size_t room);
/* One more connected socket, non-blocking, the caller's; -1 and dial.error. */
int nj_visit_dial(struct nj_visit *v);
/* A finding of the step that runs; NULL without room. */
struct nj_finding *nj_visit_found(struct nj_visit *v, enum nj_finding_id id, enum nj_end end);

/* One more handshake that takes whatever is shown; versions as in tls_probe.h. False: there was no
 * connection, or no memory. */
bool nj_visit_probe(struct nj_visit *v, struct nj_tls_probe *out, int oldest, int newest);
/* doctor_tls.c: first bytes, versions, chain, dates, names, our certificate. */
void nj_visit_tls(struct nj_visit *v);
/* doctor_mqtt.c: CONNECT, SUBSCRIBE, PUBLISH. */
void nj_visit_mqtt(struct nj_visit *v);
/* What a CONNECT without TLS is answered by, on a connection of its own. */
struct nj_answer {
    unsigned char bytes[96];
    size_t n;
    bool is_ended; /* with n 0: it ended the connection without a word; else it kept silent */
};
void nj_visit_ask_plainly(struct nj_visit *v, struct nj_answer *out);
bool nj_answer_is_mqtt(const struct nj_answer *answer);
/* What answers so, where it is no broker. */
void nj_visit_say_stranger(struct nj_visit *v, const struct nj_answer *answer);

#endif
