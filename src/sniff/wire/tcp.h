/* SPDX-License-Identifier: Apache-2.0 */
/* tcp.h — the header of one segment, and the options in it that a reader of captures needs. */
#ifndef NJ_SNIFF_TCP_H
#define NJ_SNIFF_TCP_H

#include "base/str.h"

enum {
    NJ_TCP_FIN = 0x01,
    NJ_TCP_SYN = 0x02,
    NJ_TCP_RST = 0x04,
    NJ_TCP_PSH = 0x08,
    NJ_TCP_ACK = 0x10,
    NJ_TCP_URG = 0x20,
    NJ_TCP_ECE = 0x40,
    NJ_TCP_CWR = 0x80,
    NJ_TCP_AE = 0x100,
};

enum {
    NJ_TCP_OPTION_MSS = 2,
    NJ_TCP_OPTION_WINDOW_SCALE = 3,
    NJ_TCP_OPTION_SACK_PERMITTED = 4,
    NJ_TCP_OPTION_SACK = 5,
    NJ_TCP_OPTION_TIMESTAMP = 8,
};

struct nj_tcp {
    uint16_t source_port, destination_port;
    uint32_t seq, ack;
    unsigned flags;
    uint16_t window; /* as it stands there */
    struct nj_str options;
    struct nj_str payload;
    uint32_t wire_payload_bytes; /* more than payload.n: the frame was cut */
};

/* `bytes` from the transport header on, of which there were `wire_bytes`. False: it was cut in its
 * header, or is none. */
bool nj_tcp_read(struct nj_str bytes, uint32_t wire_bytes, struct nj_tcp *out);

#define NJ_TCP_SCALE_MAX 14 /* of windows: RFC 7323 */

struct nj_tcp_option {
    unsigned kind;
    struct nj_str value;
};
/* Walk: begin with *rest = options; false at the end, and where they are malformed. */
bool nj_tcp_next_option(struct nj_str *rest, struct nj_tcp_option *out);
/* The shift of the window scale option, at most 14; -1 where there is none. */
int nj_tcp_window_scale(const struct nj_tcp *t);

/* a before b on the circle of sequence numbers. */
static inline bool
nj_seq_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

#endif
