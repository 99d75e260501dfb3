/* SPDX-License-Identifier: Apache-2.0 */
/* mosquitto_db.h — Mosquitto's snapshot of its sessions and messages, told to a store.
 *
 *   magic, version │ CFG │ BASE_MSG … │ CLIENT, CLIENT_MSG … │ SUB … │ RETAIN …
 *
 * What Mosquitto keeps elsewhere than we do:
 *
 *   a QoS 2 message from a client is routed at its PUBREL: here it is taken, and routed at a start;
 *   QoS 1 under way has a packet identifier: here it waits, and gets a new one;
 *   wills are not in the file.
 *
 * Nothing in the file is believed: texts, sizes, dates and identifiers are as a packet could have
 * brought them, or what has them is left out. */
#ifndef NJ_COMPAT_MOSQUITTO_DB_H
#define NJ_COMPAT_MOSQUITTO_DB_H

#include "base/err.h"
#include "broker/ports.h"

struct nj_mosquitto_db_found {
    uint32_t version;
    uint64_t sessions, subscriptions, queued, taken, retained;
    uint64_t expired;      /* messages that nobody would be given any more */
    uint64_t incomplete;   /* of what is not there, or of nothing that makes sense: left out */
    uint64_t unread_bytes; /* at the end: of a record that is cut off, or has a damaged length */
    uint64_t told;         /* the number that `port` gave to the last change; 0: there was none */
};

/**
 * Tell `port` all that `file` holds.
 *
 * port     NULL: only count.
 * now      the monotonic clock, wall_ms the other one, at the same moment.
 * found    written also when it fails.
 * Cost     24 bytes of memory for each message and each session, and what `port` takes.
 * Errors   NJ_EINVAL: not such a file; NJ_ENOMEM;
 *          NJ_EUNSUPPORTED: a version that is not known, or of a machine with other integers.
 *          A file that is cut off is no error: what it holds is told.
 */
NJ_NODISCARD enum nj_err nj_mosquitto_db_tell(struct nj_str file, struct nj_store_port *port,
                                              nj_time now, int64_t wall_ms,
                                              struct nj_mosquitto_db_found *found,
                                              struct nj_diag *diag);

#endif
