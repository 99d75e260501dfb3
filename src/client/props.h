/* SPDX-License-Identifier: Apache-2.0 */
/* props.h — blocks of properties that the application gives us: are they what they claim to be? */
#ifndef NJ_CLIENT_PROPS_H
#define NJ_CLIENT_PROPS_H

#include "mqtt/property.h"

#include <nightjar/client.h>

/**
 * Whether the block may stand in such a packet.
 *
 * packets  as for nj_properties_decode().
 * numbers  the numeric properties; its strings and its block are empty.
 */
enum nj_cause nj_props_check(struct nj_client_properties block, uint32_t packets,
                             struct nj_properties *numbers);

static inline struct nj_str
nj_props_str(struct nj_client_properties block)
{
    return (struct nj_str){(const char *)block.p, block.n};
}

#endif
