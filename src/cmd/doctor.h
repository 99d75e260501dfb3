/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.h — the doctor's rounds: each adds steps to the report. What is judged is what the client
 * was given, as pub and sub read it (client_config.h). */
#ifndef NJ_CMD_DOCTOR_H
#define NJ_CMD_DOCTOR_H

#include "cmd/client_config.h"
#include "cmd/doctor_conf.h"
#include "cmd/doctor_report.h"
#include "pki/judge.h"

/* What the client was given, for the judgement. */
struct nj_judge_end nj_doctor_client(const struct nj_client_config *asked);

/* doctor_clock.c: the time of this machine, and what speaks against it. */
void nj_doctor_check_clock(struct nj_report *report, const struct nj_client_config *asked);
/* Where something has expired: rather the clock? */
void nj_doctor_doubt_clock(struct nj_report *report);
/* What a broker may have meant by refusing a certificate for its dates: those that are good by this
 * clock speak of the broker's. `certfile` NULL: none was shown. */
void nj_doctor_compare_clocks(struct nj_findings *causes, const char *certfile);
/* When this program was built, where this machine's clock has not come so far; else 0. */
int64_t nj_doctor_built_at(void);

/* doctor_broker.c: a configuration file, listener by listener. Offline, the client's files meet
 * each listener's. False: it cannot be read, which is said on stderr. */
bool nj_doctor_examine_broker(struct nj_report *report, const struct nj_client_config *asked);
/* What is wrong between the client's files and those of the configuration's listener on `port`,
 * added to `out`. False: no configuration was given, or it has no TLS there. */
bool nj_doctor_judge_with_listener(struct nj_findings *out, const struct nj_client_config *asked,
                                   int port);
/* Who the broker will be, where root starts it; NULL: who we are. */
const char *nj_doctor_becomes(const struct nj_conf *conf);
/* doctor_files.c: the files beside those of TLS. */
void nj_doctor_examine_files(struct nj_report *report, const struct nj_conf *conf);
/* doctor_live.c: connect as a client would. False: no memory. */
bool nj_doctor_connect(struct nj_report *report, const struct nj_client_config *asked);

#endif
