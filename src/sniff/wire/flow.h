/* SPDX-License-Identifier: Apache-2.0 */
/* flow.h — one direction of a TCP connection: where its numbers begin, how far it has come, and
 * what is remarkable in a segment of it.
 *
 * What each remark means is what Wireshark's manual says of "TCP Analysis"; "seen" means seen in
 * the capture. */
#ifndef NJ_SNIFF_FLOW_H
#define NJ_SNIFF_FLOW_H

#include "sniff/wire/reassembly.h"
#include "sniff/wire/tcp.h"

enum nj_remark {
    NJ_REMARK_PORTS_REUSED = 1u << 0,
    NJ_REMARK_PREVIOUS_MISSING = 1u << 1, /* a gap before it */
    NJ_REMARK_ACKED_UNSEEN = 1u << 2,     /* acknowledges what was not captured */
    NJ_REMARK_RETRANSMISSION = 1u << 3,
    NJ_REMARK_SPURIOUS_RETRANSMISSION = 1u << 4, /* of what was acknowledged */
    NJ_REMARK_FAST_RETRANSMISSION = 1u << 5,     /* after duplicate acknowledgements */
    NJ_REMARK_OUT_OF_ORDER = 1u << 6,
    NJ_REMARK_DUPLICATE_ACK = 1u << 7,
    NJ_REMARK_KEEP_ALIVE = 1u << 8,
    NJ_REMARK_KEEP_ALIVE_ACK = 1u << 9,
    NJ_REMARK_WINDOW_FULL = 1u << 10,
    NJ_REMARK_WINDOW_UPDATE = 1u << 11,
    NJ_REMARK_ZERO_WINDOW = 1u << 12,
    NJ_REMARK_ZERO_WINDOW_PROBE = 1u << 13,
};

struct nj_flow {
    struct nj_reassembly bytes;
    bool has_syn; /* its SYN was seen */
    /* private */
    bool has_base, has_next, has_ack, was_keep_alive;
    uint32_t base;        /* number 0 of this direction, for people */
    uint32_t next;        /* behind the last number seen */
    uint32_t edge;        /* behind the last one before the first gap */
    uint32_t last_ack;    /* its last acknowledgement of the other direction */
    uint32_t window;      /* its last, as it stood there */
    int window_scale;     /* -1: its SYN was not seen, or named none */
    int64_t next_time_ns; /* when `next` was raised */
    uint32_t duplicate_acks;
    uint64_t duplicated_frame;
};

/* A segment as it is shown. */
struct nj_segment {
    unsigned remarks;          /* a sum of NJ_REMARK_… */
    uint32_t seq, ack;         /* relative */
    uint64_t window;           /* scaled, where the scale is known */
    uint32_t duplicate_ack;    /* which one, from 1 … */
    uint64_t duplicated_frame; /* … of which frame */
};

void nj_flow_init(struct nj_flow *f);
/**
 * Judge a segment and remember it, before its payload is put in order.
 *
 * from, to    the direction it is of, and the other one.
 * round_trip_ns  of the handshake; 0: not known.
 */
struct nj_segment nj_flow_judge(struct nj_flow *from, struct nj_flow *to, const struct nj_tcp *t,
                                uint64_t frame, int64_t time_ns, int64_t round_trip_ns);

#endif
