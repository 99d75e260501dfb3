/* SPDX-License-Identifier: Apache-2.0 */
/* publication.h — an application message on its way: views of the packet it came in, and a
 * struct nj_msg only once somebody has to keep it.
 *
 * A QoS 0 message to connected sessions at home here never becomes a struct nj_msg. */
#ifndef NJ_BROKER_PUBLICATION_H
#define NJ_BROKER_PUBLICATION_H

#include "mqtt/msg.h"

struct nj_publication {
    struct nj_str topic;
    struct nj_str properties; /* encoded, as passed on */
    struct nj_str payload;
    uint8_t qos;
    bool retain;
    bool is_owed; /* acknowledged before this start: no limit of a queue refuses it any more */
    uint64_t number;
    nj_time arrived, expires;
    uint64_t source;    /* stands for the publisher's client identifier, for No Local; 0: nobody */
    struct nj_msg *msg; /* NULL until needed; a reference of the publication's */
};

/* A publication of a message that is kept already; takes a reference. */
void nj_publication_of(struct nj_publication *p, struct nj_msg *msg);
/* The message behind it, made on first demand; lent until nj_publication_fini(). NULL without
 * memory. */
struct nj_msg *nj_publication_msg(struct nj_publication *p);
/* The same, with a reference for the caller. */
struct nj_msg *nj_publication_keep(struct nj_publication *p);
void nj_publication_fini(struct nj_publication *p);

#endif
