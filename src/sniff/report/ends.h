/* SPDX-License-Identifier: Apache-2.0 */
/* ends.h — both ends of a TCP conversation, and which of them is the server's: learnt from its SYN,
 * else from who says what, else guessed by the ports. */
#ifndef NJ_SNIFF_ENDS_H
#define NJ_SNIFF_ENDS_H

#include "sniff/dissector.h"

/* What a frame's tree says of its segment. */
struct nj_segment_seen {
    uint32_t stream;
    unsigned port[2]; /* source, destination */
    unsigned flags;   /* a sum of NJ_TCP_… */
    uint64_t bytes;   /* of payload */
    bool has_tls;
};

/* False: there is none. */
bool nj_segment_see(const struct nj_tree *tree, struct nj_segment_seen *out);

enum nj_ends_basis { /* the later, the better */
    NJ_ENDS_UNKNOWN,
    NJ_ENDS_BY_PORT,
    NJ_ENDS_BY_PACKET,
    NJ_ENDS_BY_SYN,
};

/* Zeroed before the first frame. */
struct nj_ends {
    char address[2][NJ_SNIFF_ADDRESS_BYTES]; /* of the first frame's source first */
    uint16_t port[2];
    uint8_t server; /* which end */
    uint8_t basis;
};

/* A frame of the conversation: returns which end it comes from. */
unsigned nj_ends_see(struct nj_ends *e, const struct nj_dissected *d,
                     const struct nj_segment_seen *segment);
/* An end has sent a packet of MQTT that is not malformed, and that only one side sends. */
void nj_ends_see_packet(struct nj_ends *e, unsigned from, unsigned type);
void nj_ends_learn(struct nj_ends *e, unsigned server, enum nj_ends_basis basis);

/* "192.168.1.74:1883", "[::1]:1883" */
#define NJ_END_NAME_BYTES (NJ_SNIFF_ADDRESS_BYTES + 10)
void nj_end_name(const char *address, unsigned port, char out[NJ_END_NAME_BYTES]);

#endif
