/* SPDX-License-Identifier: Apache-2.0 */
/* packet_priv.h — what the packets' files share among themselves. */
#ifndef NJ_MQTT_PACKET_PRIV_H
#define NJ_MQTT_PACKET_PRIV_H

#include "mqtt/packet.h"

/* The fixed header. A body longer than NJ_VARINT_MAX_VALUE leaves the writer full. */
void nj_frame_put(struct nj_writer *w, enum nj_packet_type type, unsigned flags, size_t body_bytes);

/* Flags that only 3.1 knows: DUP in PUBREL, SUBSCRIBE and UNSUBSCRIBE. */
enum nj_cause nj_frame_check_flags(const struct nj_frame *f, enum nj_version v);

/* How a decoder of a packet begins whose body has its packet identifier first: what has to be
 * acknowledged, and the acknowledgements. `r` is behind it then. */
static inline enum nj_cause
nj_frame_begin(const struct nj_frame *f, enum nj_version v, struct nj_reader *r,
               uint16_t *packet_id)
{
    enum nj_cause cause = nj_frame_check_flags(f, v);

    *r = nj_reader_of(f->body);
    *packet_id = nj_read_u16(r);
    if (cause != NJ_CAUSE_NONE)
        return cause;
    if (r->is_short)
        return NJ_CAUSE_PACKET_SHORT;
    return *packet_id == 0 ? NJ_CAUSE_PACKET_ID_ZERO : NJ_CAUSE_NONE;
}

/* How a decoder ends: everything read, and nothing left over. */
static inline enum nj_cause
nj_reader_end(const struct nj_reader *r)
{
    if (r->is_short)
        return NJ_CAUSE_PACKET_SHORT;
    return nj_reader_left(r) > 0 ? NJ_CAUSE_PACKET_LONG : NJ_CAUSE_NONE;
}

/* A topic name as it comes from the wire, UTF-8 and wildcards at once; empty ones pass.
 * nj_topic_check_plainly() is its twin, without the fast path. */
enum nj_cause nj_topic_check(struct nj_str name);
enum nj_cause nj_topic_check_plainly(struct nj_str name);

/* Bytes of a block of properties with the length before it; 0 before 5.0. */
static inline size_t
nj_properties_size(enum nj_version v, struct nj_str block)
{
    if (v < NJ_MQTT_5)
        return 0;
    return nj_varint_size(block.n > NJ_VARINT_MAX_VALUE ? NJ_VARINT_MAX_VALUE : (uint32_t)block.n) +
           block.n;
}

#endif
