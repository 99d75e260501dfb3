/* SPDX-License-Identifier: Apache-2.0 */
/* parcel.h — one message for one session: the message, and how it is to be delivered. */
#ifndef NJ_BROKER_PARCEL_H
#define NJ_BROKER_PARCEL_H

#include "base/mem.h"
#include "mqtt/msg.h"

enum nj_parcel_state {
    NJ_PARCEL_QUEUED,   /* no packet identifier yet */
    NJ_PARCEL_HELD,     /* QoS 2: identifier chosen, PUBLISH waits for the store */
    NJ_PARCEL_SENT,     /* PUBLISH sent: waits for PUBACK or PUBREC */
    NJ_PARCEL_RECEIVED, /* QoS 2: PUBREC has come, PUBREL waits for the store */
    NJ_PARCEL_RELEASED, /* QoS 2: PUBREL sent: waits for PUBCOMP */
    NJ_PARCEL_DONE,     /* acknowledged; keeps its place until those before it are, too */
};

struct nj_parcel {
    struct nj_msg *msg; /* a reference of the parcel's; NULL once done or received */
    uint64_t group;     /* nj_group_id() of the share group it came through; 0: none */
    union {
        uint32_t identifier;   /* with identifier_count 1 */
        uint32_t *identifiers; /* with more: an array of the parcel's */
    };
    uint16_t identifier_count;
    uint16_t packet_id;
    uint8_t qos;
    uint8_t state; /* enum nj_parcel_state */
    bool retain : 1;
    bool is_stored : 1;  /* the store knows that it is for this session, and has to hear on */
    bool is_counted : 1; /* takes a place in the receiver's receive maximum */
};

static inline const uint32_t *
nj_parcel_identifiers(const struct nj_parcel *p)
{
    return p->identifier_count > 1 ? p->identifiers : &p->identifier;
}

/* Fill in the identifiers (copied). False without memory. */
bool nj_parcel_set_identifiers(struct nj_parcel *p, const uint32_t *identifiers, uint32_t count);
/* Give back what it holds. */
void nj_parcel_fini(struct nj_parcel *p);

#endif
