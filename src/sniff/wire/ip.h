/* SPDX-License-Identifier: Apache-2.0 */
/* ip.h — a packet of IPv4, or of IPv6 with its extension headers, up to what it carries. */
#ifndef NJ_SNIFF_IP_H
#define NJ_SNIFF_IP_H

#include "base/str.h"

enum {
    NJ_IP_ICMP = 1,
    NJ_IP_TCP = 6,
    NJ_IP_UDP = 17,
    NJ_IP_ICMPV6 = 58,
};

struct nj_ip {
    unsigned version;                  /* 4 or 6 */
    unsigned protocol;                 /* of the payload */
    struct nj_str source, destination; /* 4 or 16 bytes */
    struct nj_str payload;             /* without what the link has padded */
    uint32_t wire_payload_bytes;       /* more than payload.n: the frame was cut */

    bool is_fragment; /* of a larger datagram; the payload is then a part of its payload */
    bool has_more;
    uint32_t identification;
    uint32_t fragment_offset;
};

/* False: it is none, or it was cut in its header. */
bool nj_ip_read(struct nj_str packet, struct nj_ip *out);

/* Room for the longest address and its NUL. */
#define NJ_IP_TEXT_BYTES 46
/* As RFC 5952 has it. */
void nj_ip_address_text(struct nj_str address, char text[NJ_IP_TEXT_BYTES]);

#endif
