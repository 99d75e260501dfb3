/* SPDX-License-Identifier: Apache-2.0 */
/* community_id.h — the Community ID of a flow, version 1: a name that every tool which knows it
 * gives to the same conversation. https://github.com/corelight/community-id-spec */
#ifndef NJ_SNIFF_COMMUNITY_ID_H
#define NJ_SNIFF_COMMUNITY_ID_H

#include "sniff/wire/ip.h"

/* "1:", 28 characters and a NUL. */
#define NJ_COMMUNITY_ID_BYTES 31

/* Of TCP and UDP; both directions have the same. */
void nj_community_id(const struct nj_ip *ip, uint16_t source_port, uint16_t destination_port,
                     char out[NJ_COMMUNITY_ID_BYTES]);

#endif
