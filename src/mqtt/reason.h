/* SPDX-License-Identifier: Apache-2.0 */
/* reason.h — reason codes (what a peer is told) and causes (what happened). */
#ifndef NJ_MQTT_REASON_H
#define NJ_MQTT_REASON_H

/* MQTT 5's reason codes; in CONNACK of 3.1 and 3.1.1 there are return codes instead. */
enum nj_reason {
#define NJ_REASON(name, code, words, packets) NJ_REASON_##name = (code),
#include "mqtt/reason.def"
#undef NJ_REASON
};

/* Why something was refused, ended or dropped: the one enumeration behind log, counter and reason
 * string. NJ_CAUSE_NONE is 0: all is well. */
enum nj_cause {
#define NJ_CAUSE(name, reason, counter, words) NJ_CAUSE_##name,
#include "mqtt/cause.def"
#undef NJ_CAUSE
    NJ_CAUSE_COUNT
};

/* The standard's words for a code ("Not authorized"); "Unknown reason" for a number that is none.
 * Static.
 */
const char *nj_reason_text(unsigned code);

enum nj_reason nj_cause_reason(enum nj_cause cause);
const char *nj_cause_text(enum nj_cause cause);
/* The last word of the counter's name. */
const char *nj_cause_counter(enum nj_cause cause);

/* The CONNACK return code (1..5) of MQTT 3.1 and 3.1.1 for a refusal, or -1 where those versions
 * have none and the connection is closed without an answer. [MQTT311-3.2.2-6] */
int nj_cause_return_code(enum nj_cause cause);

#endif
