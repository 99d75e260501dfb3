/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed header: type and flags in the first byte, then the remaining length. */
#include "mqtt/packet_priv.h"

/* What the low four bits have to be, for each type but PUBLISH. */
static const uint8_t fixed_flags[16] = {
    [NJ_PUBREL] = 2,
    [NJ_SUBSCRIBE] = 2,
    [NJ_UNSUBSCRIBE] = 2,
};

/* clang-format off */
#define R NJ_CAUSE_PACKET_TYPE /* reserved */
#define F NJ_CAUSE_HEADER_FLAGS
#define D NJ_CAUSE_DUP_AT_QOS_0
#define Q NJ_CAUSE_QOS_3
#define FLAGS_0 {0, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F}
#define FLAGS_2 {F, F, 0, F, F, F, F, F, F, F, 0, F, F, F, F, F} /* and in 3.1 with DUP */
const uint8_t nj_frame_first_byte[16][16] = {
    /* DUP, two bits of QoS, RETAIN:
     *              0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f */
    [0] =          {R, R, R, R, R, R, R, R, R, R, R, R, R, R, R, R},
    [NJ_PUBLISH] = {0, 0, 0, 0, 0, 0, Q, Q, D, D, 0, 0, 0, 0, Q, Q},
    [NJ_CONNECT] = FLAGS_0,
    [NJ_CONNACK] = FLAGS_0,
    [NJ_PUBACK] = FLAGS_0,
    [NJ_PUBREC] = FLAGS_0,
    [NJ_PUBREL] = FLAGS_2,
    [NJ_PUBCOMP] = FLAGS_0,
    [NJ_SUBSCRIBE] = FLAGS_2,
    [NJ_SUBACK] = FLAGS_0,
    [NJ_UNSUBSCRIBE] = FLAGS_2,
    [NJ_UNSUBACK] = FLAGS_0,
    [NJ_PINGREQ] = FLAGS_0,
    [NJ_PINGRESP] = FLAGS_0,
    [NJ_DISCONNECT] = FLAGS_0,
    [NJ_AUTH] = FLAGS_0,
};
#undef R
#undef F
#undef D
#undef Q
#undef FLAGS_0
#undef FLAGS_2
/* clang-format on */

enum nj_cause
nj_frame_check_flags(const struct nj_frame *f, enum nj_version v)
{
    return v > NJ_MQTT_31 && f->flags != fixed_flags[f->type] ? NJ_CAUSE_HEADER_FLAGS
                                                              : NJ_CAUSE_NONE;
}

static enum nj_framing
fault(struct nj_frame *out, enum nj_cause cause)
{
    out->cause = cause;
    return NJ_FRAME_FAULT;
}

/* With the remaining length known. */
static inline enum nj_framing
cut(struct nj_reader r, uint32_t remaining, uint32_t max_bytes, struct nj_frame *out)
{
    out->bytes = 1 + nj_varint_size(remaining) + remaining;
    if (NJ_UNLIKELY(out->bytes > max_bytes))
        return fault(out, NJ_CAUSE_PACKET_TOO_LARGE);
    if (nj_reader_left(&r) < remaining)
        return NJ_FRAME_PART;
    out->body = nj_read_bytes(&r, remaining);
    return NJ_FRAME_WHOLE;
}

static enum nj_framing
find_long(struct nj_reader r, uint32_t max_bytes, struct nj_frame *out)
{
    uint32_t remaining;
    enum nj_cause cause = nj_varint_read(&r, &remaining);

    if (cause == NJ_CAUSE_PACKET_SHORT)
        return NJ_FRAME_PART;
    if (cause != NJ_CAUSE_NONE)
        return fault(out, NJ_CAUSE_REMAINING_LENGTH);
    return cut(r, remaining, max_bytes, out);
}

enum nj_framing
nj_frame_find_plainly(struct nj_str in, uint32_t max_bytes, struct nj_frame *out)
{
    struct nj_reader r = nj_reader_of(in);
    enum nj_cause cause;
    uint32_t remaining;
    uint8_t first;

    *out = (struct nj_frame){0};
    if (in.n == 0)
        return NJ_FRAME_PART;
    first = nj_read_u8(&r);
    out->type = first >> 4;
    out->flags = first & 0xf;
    cause = (enum nj_cause)nj_frame_first_byte[out->type][out->flags];
    if (NJ_UNLIKELY(cause != NJ_CAUSE_NONE))
        return fault(out, cause);
    if (NJ_UNLIKELY(nj_reader_left(&r) == 0))
        return NJ_FRAME_PART;
    if (NJ_UNLIKELY(*r.p >= 128))
        return find_long(r, max_bytes, out);
    remaining = nj_read_u8(&r);
    return cut(r, remaining, max_bytes, out);
}

void
nj_frame_put(struct nj_writer *w, enum nj_packet_type type, unsigned flags, size_t body_bytes)
{
    nj_write_u8(w, (uint8_t)((unsigned)type << 4 | flags | fixed_flags[type]));
    nj_varint_write(w, body_bytes > NJ_VARINT_MAX_VALUE ? UINT32_MAX : (uint32_t)body_bytes);
}
