/* SPDX-License-Identifier: Apache-2.0 */
/* delivery.h — from a publication to its receivers, here and on other homes. */
#ifndef NJ_BROKER_DELIVERY_H
#define NJ_BROKER_DELIVERY_H

#include "broker/home.h"

/* What routing found out, for the publisher's acknowledgement. */
struct nj_routed {
    uint32_t receivers;
    bool is_durable;  /* some receiver's session outlives its connection */
    bool is_complete; /* false: no memory for all of it; nothing may be acknowledged */
};

/* Deliver to all who subscribe. Order: for each receiver, that of the calls. */
void nj_deliver(struct nj_home *home, struct nj_publication *pub, struct nj_routed *result);

/* A share group's message whose member cannot take it goes to another one; if there is none, false.
 * `avoid` may be NULL. */
bool nj_deliver_to_group(struct nj_home *home, struct nj_publication *pub, uint64_t group,
                         const struct nj_subscriber *avoid);

/* One target of a bundle, at home here. */
void nj_deliver_here(struct nj_home *home, struct nj_publication *pub,
                     const struct nj_bundle_target *target, const uint32_t *numbers,
                     bool is_one_of_many);

#endif
