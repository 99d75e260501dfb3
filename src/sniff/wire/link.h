/* SPDX-License-Identifier: Apache-2.0 */
/* link.h — from a captured frame to the packet of the network layer in it. */
#ifndef NJ_SNIFF_LINK_H
#define NJ_SNIFF_LINK_H

#include "base/str.h"

/* As the files name them: https://www.tcpdump.org/linktypes.html */
enum nj_link_type {
    NJ_LINK_NULL = 0,
    NJ_LINK_ETHERNET = 1,
    NJ_LINK_RAW_BSD = 12, /* what raw IP is called by some systems */
    NJ_LINK_RAW_OPENBSD = 14,
    NJ_LINK_RAW = 101,
    NJ_LINK_LOOP = 108,
    NJ_LINK_LINUX_SLL = 113,
    NJ_LINK_IPV4 = 228,
    NJ_LINK_IPV6 = 229,
    NJ_LINK_LINUX_SLL2 = 276,
};

enum {
    NJ_ETHERTYPE_IPV4 = 0x0800,
    NJ_ETHERTYPE_ARP = 0x0806,
    NJ_ETHERTYPE_IPV6 = 0x86dd,
};

#define NJ_LINK_VLANS_MAX 2u /* QinQ; more tags than that are no network we know */

struct nj_link {
    uint16_t ethertype;                /* of the payload; below 1536 in 802.3: a length */
    struct nj_str source, destination; /* addresses; empty where the link has none */
    uint16_t vlan[NJ_LINK_VLANS_MAX];  /* tags, the outer one first */
    unsigned vlan_count;
    struct nj_str payload; /* with the padding that a short frame ends with */
};

/* False: the link type is not known, or the frame ends before its header does. */
bool nj_link_read(uint32_t link_type, struct nj_str frame, struct nj_link *out);
bool nj_link_is_known(uint32_t link_type);

#endif
