/* SPDX-License-Identifier: Apache-2.0 */
/* passed_on.h — which properties of a message its receivers get: all but those that are between
 * the publisher and us (topic alias, will delay), and the message expiry interval, which is counted
 * down and written anew for each receiver. Their order is kept. [MQTT5-3.3.2-17] [MQTT5-3.3.2-18]
 */
#ifndef NJ_MQTT_PASSED_ON_H
#define NJ_MQTT_PASSED_ON_H

#include "mqtt/property.h"

struct nj_passed_on {
    struct nj_str block; /* valid until fini, and as long as the properties it was made of */
    uint8_t *copy;       /* private: NULL where the block could be taken as it is */
};

#define NJ_PROPERTIES_NOT_PASSED_ON                                                                \
    (UINT64_C(1) << NJ_PROPERTY_TOPIC_ALIAS | UINT64_C(1) << NJ_PROPERTY_MESSAGE_EXPIRY_INTERVAL | \
     UINT64_C(1) << NJ_PROPERTY_WILL_DELAY_INTERVAL)

/* False without memory. Where there is nothing to leave out, the block is lent. */
bool nj_passed_on_copy(struct nj_passed_on *out, const struct nj_properties *p);
static inline bool
nj_passed_on_make(struct nj_passed_on *out, const struct nj_properties *p)
{
    if ((p->present & NJ_PROPERTIES_NOT_PASSED_ON) != 0)
        return nj_passed_on_copy(out, p);
    *out = (struct nj_passed_on){.block = p->block};
    return true;
}
void nj_passed_on_fini(struct nj_passed_on *p);

#endif
