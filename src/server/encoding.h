/* SPDX-License-Identifier: Apache-2.0 */
/* encoding.h — one PUBLISH as the bytes that all receivers of a kind get: the same version, QoS and
 * retain flag, and only the packet identifier their own.
 *
 *   made   encoded for the first of many, and copied for the others
 *   lent   the packet in which the message came: for a receiver of its publisher's kind, encoding
 *          the message anew would give the same bytes
 *
 * That holds since properties are passed on unaltered and in order, lengths have one encoding only,
 * and what we would change (alias, expiry, prefix, DUP) is not lent. [MQTT5-1.5.5-1]
 * [MQTT5-3.3.2-4] [MQTT5-3.3.2-15] [MQTT5-3.3.2-16] [MQTT5-3.3.2-17] [MQTT5-3.3.2-18]
 * [MQTT5-3.3.2-20] Thread: the worker's; each has one. */
#ifndef NJ_SERVER_ENCODING_H
#define NJ_SERVER_ENCODING_H

#include "broker/ports.h"
#include "io/out.h"

/* Zeroed is of no message. */
struct nj_encoding {
    uint64_t number; /* of the message; 0: none */
    enum nj_version version;
    uint8_t qos;
    bool retain;
    uint32_t bytes;        /* head and payload */
    uint32_t packet_id_at; /* QoS 1 and 2 */
    const uint8_t *packet; /* lent, or `made` */
    uint8_t made[NJ_OUT_PIECE];
};

/* Encode the head and the payload behind it, which fit into NJ_OUT_PIECE. */
void nj_encoding_make(struct nj_encoding *e, enum nj_version v, const struct nj_publication *pub,
                      const struct nj_publish_head *head);
/* Lend the packet `f`, of version `v` and decoded as `p`, as the encoding of `pub`, until it is
 * given back. Nothing is lent if the publication's topic or properties are not those in the packet,
 * but copies, for then they are others. */
void nj_encoding_lend(struct nj_encoding *e, enum nj_version v, const struct nj_publication *pub,
                      const struct nj_frame *f, const struct nj_publish *p);
static inline void
nj_encoding_give_back(struct nj_encoding *e)
{
    e->number = 0;
}

/* Whether a receiver of version `v` gets it, who has no subscription identifiers, no aliases and no
 * prefix, and hears of this message for the first time. */
static inline bool
nj_encoding_fits(const struct nj_encoding *e, enum nj_version v, const struct nj_delivery *d)
{
    return e->number == d->publication->number && e->number != 0 && e->version == v &&
           e->qos == d->qos && e->retain == d->retain;
}

/* Into `room` of e->bytes. */
static inline void
nj_encoding_copy(const struct nj_encoding *e, uint8_t *room, uint16_t packet_id)
{
    memcpy(room, e->packet, e->bytes);
    if (e->qos == 0)
        return;
    room[e->packet_id_at] = (uint8_t)(packet_id >> 8);
    room[e->packet_id_at + 1] = (uint8_t)packet_id;
}

#endif
