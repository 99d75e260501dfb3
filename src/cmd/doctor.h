/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.h — what the doctor was asked, and its rounds: each adds steps to the report. */
#ifndef NJ_CMD_DOCTOR_H
#define NJ_CMD_DOCTOR_H

#include "cmd/doctor_conf.h"
#include "cmd/doctor_report.h"
#include "pki/judge.h"

/* All text is lent by argv. */
struct nj_doctor {
    const char *host; /* NULL: not said */
    int port;         /* 0: not said */
    const char *config;
    bool is_offline; /* --files: connect nowhere */
    bool is_json;

    const char *cafile, *capath, *cert, *key;
    const char *tls_version, *ciphers;
    const char *user, *id, *topic;
    char *password; /* never argv's own */
    bool insecure, use_os_certs, no_tls;
    int version; /* of MQTT; 0: 3.1.1 */
};

/* Whether TLS was asked for, by an option or by the port. */
bool nj_doctor_wants_tls(const struct nj_doctor *d);
/* What the client was given, for the judgement. */
struct nj_judge_end nj_doctor_client(const struct nj_doctor *d);

/* doctor_broker.c: a configuration file, listener by listener. Offline, the client's files meet
 * each listener's. False: it cannot be read, which is said on stderr. */
bool nj_doctor_examine_broker(struct nj_report *report, const struct nj_doctor *d);
/* doctor_live.c: connect as a client would. */
void nj_doctor_connect(struct nj_report *report, const struct nj_doctor *d);

#endif
