/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_live.h — what the rounds of a connection share. */
#ifndef NJ_CMD_DOCTOR_LIVE_H
#define NJ_CMD_DOCTOR_LIVE_H

#include "client/dial.h"
#include "cmd/doctor.h"

#define NJ_DOCTOR_PATIENCE_MS 10000

/* A patient's connection. */
struct nj_visit {
    struct nj_report *report;
    const struct nj_doctor *d;
    struct nj_client_opts opts; /* host, port and how to dial */
    struct nj_dial dial;        /* looked up */
    bool has_tls;
    bool is_hopeless;  /* a client would have stopped by now: no more steps */
    bool is_text_only; /* the host's name stands in the certificate, but only as text */
};

/* One more connected socket, non-blocking, the caller's; -1 and dial.error. */
int nj_visit_dial(struct nj_visit *v);
/* A finding of the step that runs; NULL without room. */
struct nj_finding *nj_visit_found(struct nj_visit *v, enum nj_finding_id id, enum nj_end end);

/* doctor_tls.c: first bytes, versions, chain, dates, names, our certificate. */
void nj_visit_tls(struct nj_visit *v);
/* doctor_mqtt.c: CONNECT, SUBSCRIBE, PUBLISH. */
void nj_visit_mqtt(struct nj_visit *v);
/* Does the port speak MQTT without TLS? Asked by a CONNECT on a connection of its own. */
bool nj_visit_is_plain(struct nj_visit *v);

#endif
