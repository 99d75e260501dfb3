/* SPDX-License-Identifier: Apache-2.0 */
/* delivery.h — from a publication to its receivers, here and on other homes. */
#ifndef NJ_BROKER_DELIVERY_H
#define NJ_BROKER_DELIVERY_H

#include "broker/home.h"

/* What routing found out, for the publisher's acknowledgement. */
struct nj_routed {
    uint32_t receivers; /* whose subscriptions match, No Local or not */
    uint64_t number;    /* of the store: safe when this is, for all receivers that have it stored */
    bool is_complete;   /* false: no memory for all of it; it may not be acknowledged */
    bool is_crowded;    /* its publisher is to wait, for one that has it at QoS 1 or 2: crowd.h */
};

/* Whether somebody will have it stored. */
bool nj_is_for_durable(struct nj_home *home, const struct nj_publication *pub);

/* Deliver to all who subscribe. Order: for each receiver, that of the calls. Whoever there is no
 * memory for does not get it; where it is stored for him it comes after the next start. */
void nj_deliver(struct nj_home *home, struct nj_publication *pub, struct nj_routed *result);
/* The same for a publisher who sends again what is not complete (QoS 1): for whom there is no
 * memory it is not stored either. */
void nj_deliver_or_refuse(struct nj_home *home, struct nj_publication *pub,
                          struct nj_routed *result);
/* And where nobody may get it twice (QoS 2): incomplete, it has reached nobody, nor the store. */
void nj_deliver_to_all_or_refuse(struct nj_home *home, struct nj_publication *pub,
                                 struct nj_routed *result);

/* A message that a session has already, at a start. */
struct nj_holding {
    uint64_t message, session;
    uint64_t group; /* nj_group_id() of the share group it came through, or 0 */
};
/* Sorted by message. */
struct nj_holdings {
    struct nj_holding *list;
    size_t count, capacity;
};
/* Deliver again what may have reached some of its receivers, at a start: not to those who have it,
 * nor to a share group of which a member has it; one copy for each session; nothing at QoS 0,
 * which is not sent twice. */
void nj_deliver_rest(struct nj_home *home, struct nj_publication *pub,
                     const struct nj_holdings *held, struct nj_routed *result);

/* Above QoS 0: tell the store that it is for `who`, if that session is durable; writes
 * terms->is_stored. */
void nj_store_for(struct nj_home *home, struct nj_publication *pub, const struct nj_subscriber *who,
                  struct nj_terms *terms);

/* A share group's message whose member cannot take it goes to another one; if there is none, false.
 * `avoid` may be NULL. */
bool nj_deliver_to_group(struct nj_home *home, struct nj_publication *pub, uint64_t group,
                         const struct nj_subscriber *avoid);

/* One target of a bundle, at home here. */
void nj_deliver_here(struct nj_home *home, struct nj_publication *pub,
                     const struct nj_bundle_target *target, const uint32_t *numbers,
                     bool is_one_of_many);

#endif
