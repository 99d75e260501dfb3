/* SPDX-License-Identifier: Apache-2.0 */
/* inflight.h — parcels under way to a client, each with a packet identifier.
 *
 *   ring:  [DONE] [SENT 18] [RECEIVED 19] [SENT 20] …        identifiers follow one another
 *          first                                              (65535 is followed by 1)
 *
 * Since identifiers are given out in order, the place of one is found by subtraction. A parcel that
 * is done keeps its place until all before it are done: an identifier is free for reuse only then.
 * After a start some are left out once: see nj_inflight_leap().
 * [MQTT5-2.2.1-3] [MQTT5-2.2.1-4] [MQTT311-2.3.1-2] [MQTT311-2.3.1-4] */
#ifndef NJ_BROKER_INFLIGHT_H
#define NJ_BROKER_INFLIGHT_H

#include "base/ring.h"
#include "broker/parcel.h"

#define NJ_INFLIGHT_LEAP 16384u

/* Zeroed is empty. */
struct nj_inflight {
    struct nj_ring ring; /* of struct nj_parcel */
    uint32_t counted;    /* parcels that take a place in the receive maximum */
    uint32_t next;       /* from `first`: where sending goes on; those before it are sent */
    uint64_t bytes;      /* of their payloads, until PUBREC: what Mosquitto counts */
    uint16_t last_given; /* packet identifier; 0: none yet */
    uint16_t leapt_from; /* the identifier behind which NJ_INFLIGHT_LEAP were left out, as long as
                            it is in the ring; 0: none were */
    uint32_t regrown;    /* parcels that a ring begins with after one that grew large */
};

/* All 65,535 packet identifiers are in use. */
bool nj_inflight_is_exhausted(const struct nj_inflight *f);
/* Memory for one more; false without it. They are not exhausted. */
bool nj_inflight_reserve(struct nj_inflight *f);
/* A parcel with this message, whose reference it takes, and the next packet identifier, last; all
 * else is the caller's to fill in. Valid until the next add. NULL without memory, or when the
 * identifiers are exhausted: nothing has changed. */
struct nj_parcel *nj_inflight_add(struct nj_inflight *f, struct nj_msg *msg);
/* Put it last under the identifier that it has, after places that are done for those between; in
 * the order of identifiers. Before anything is added. False without memory: places may have been.
 */
bool nj_inflight_restore(struct nj_inflight *f, const struct nj_parcel *p);
/* All is restored. The process before may have given more identifiers than its store remembers, and
 * the client may hold those at QoS 2: a new message under one would be taken for the old. So the
 * next ones given lie far behind the last that is known; where none is, at a place that `drawn`
 * chooses. */
void nj_inflight_leap(struct nj_inflight *f, uint64_t drawn);
/* The parcel with this identifier that is not done; NULL when there is none. */
struct nj_parcel *nj_inflight_find(struct nj_inflight *f, uint16_t packet_id);
struct nj_parcel *nj_inflight_at(struct nj_inflight *f, uint32_t i);
/* Whether sending has passed it on this connection. */
bool nj_inflight_is_passed(struct nj_inflight *f, const struct nj_parcel *p);
/* It goes out on this connection, with its message: it takes its place, and its payload counts.
 * [MQTT5-4.9.0-1] [MQTT5-3.3.4-9] */
void nj_inflight_count(struct nj_inflight *f, struct nj_parcel *p);
/* QoS 2 after PUBREC: the message is the receiver's, its bytes are given back. */
void nj_inflight_drop_message(struct nj_inflight *f, struct nj_parcel *p);
/* Acknowledged: gives back what it holds, frees the place as soon as those before it are done. */
void nj_inflight_done(struct nj_inflight *f, struct nj_parcel *p);
/* A new connection: everything is to be sent again, the receive maximum is unused. */
void nj_inflight_restart(struct nj_inflight *f);
void nj_inflight_fini(struct nj_inflight *f);

#endif
