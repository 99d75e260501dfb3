/* SPDX-License-Identifier: Apache-2.0 */
/* properties.h — which properties of a message its receivers get: all but those that are between
 * the publisher and us (topic alias, will delay), and the message expiry interval, which is counted
 * down and written anew for each receiver. Their order is kept. [MQTT5-3.3.2-17] [MQTT5-3.3.2-18]
 */
#ifndef NJ_SERVER_PROPERTIES_H
#define NJ_SERVER_PROPERTIES_H

#include "mqtt/property.h"

struct nj_passed_on {
    struct nj_str block; /* valid until fini, and as long as the properties it was made of */
    uint8_t *copy;       /* private: NULL where the block could be taken as it is */
};

/* False without memory. */
bool nj_passed_on_make(struct nj_passed_on *out, const struct nj_properties *p);
void nj_passed_on_fini(struct nj_passed_on *p);

#endif
