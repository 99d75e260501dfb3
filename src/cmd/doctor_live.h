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
    bool lacks_pair;   /* its own certificate and key are of no use, as was found */
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
/* Why the broker ended a handshake, as far as that can be told. */
void nj_visit_say_refused(struct nj_visit *v, const struct nj_tls_probe *p);
/* doctor_chain.c: what the broker showed. */
void nj_visit_check_shown(struct nj_visit *v, const struct nj_tls_probe *p);

/* doctor_own.c: whether the client's certificate and key can be used, for the handshakes to come;
 * in one try, since tokens count wrong PINs and lock themselves. */
void nj_visit_try_own(struct nj_visit *v);
/* Whether a client would get as far as connecting; what is wrong with its files was said. */
bool nj_visit_has_use(struct nj_visit *v);
/* What the broker said to it. */
void nj_visit_check_own(struct nj_visit *v, const struct nj_tls_probe *p);
/* What is wrong with it as far as the broker's configuration can tell, where that was given; else
 * as our own CA can: brokers mostly have the same. */
void nj_visit_judge_own(const struct nj_visit *v, struct nj_findings *out);

/* doctor_mqtt.c: CONNECT, then a message to ourselves. */
void nj_visit_mqtt(struct nj_visit *v);
struct nj_talk {
    struct nj_visit *v;
    struct nj_client *client;
    struct nj_client_opts opts; /* the client's */
    struct nj_client_tls tls;   /* opts.tls, where the visit's are not as they are */
    const char *topic;
    bool is_our_topic; /* none was asked for */
    char payload[64];
};
/* doctor_message.c: once connected, SUBSCRIBE and PUBLISH. */
void nj_talk_to_ourselves(struct nj_talk *t);
/* DISCONNECT; also of one that is not connected, or NULL. */
void nj_talk_end(struct nj_client *client);
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
