/* SPDX-License-Identifier: Apache-2.0 */
/* received.h — the packet identifiers of QoS 2 messages taken from a client whose PUBREL has not
 * come yet: what makes "exactly once" out of a PUBLISH that is sent again. [MQTT5-4.3.3-10]
 *
 * A sorted array. Clients count their identifiers up, so that adding is appending and releasing is
 * mostly taking the first; an empty one owns nothing. At most 65,535.
 *
 * A client that uses one of them for another kind of packet meanwhile breaks a rule of its own side
 * [MQTT5-2.2.1-3]; nothing here is mixed up by it (SUBACK, UNSUBACK and PUBACK are not PUBCOMP),
 * and it is served. */
#ifndef NJ_BROKER_RECEIVED_H
#define NJ_BROKER_RECEIVED_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/* Zeroed is empty. */
struct nj_received {
    uint16_t *ids;
    uint32_t count, capacity;
};

bool nj_received_has(const struct nj_received *r, uint16_t packet_id);
/* It is not in yet. False without memory. */
bool nj_received_add(struct nj_received *r, uint16_t packet_id);
/* False when it was not in. */
bool nj_received_remove(struct nj_received *r, uint16_t packet_id);
void nj_received_fini(struct nj_received *r);

#endif
