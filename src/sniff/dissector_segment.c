/* SPDX-License-Identifier: Apache-2.0 */
/* dissector_segment.c — the fields of a TCP segment, with those that follow from the segments
 * before it on its stream. */
#include "base/reader.h"
#include "sniff/dissector_priv.h"

static const struct nj_str nowhere = {NULL, 0};

/* As Wireshark counts what was seen of a connection before a segment: tcp.completeness. */
enum {
    SEEN_SYN = 1,
    SEEN_SYN_ACK = 2,
    SEEN_ACK = 4,
    SEEN_DATA = 8,
    SEEN_FIN = 16,
    SEEN_RST = 32,
};

static void
count_segment(struct nj_stream *s, const struct nj_tcp *t)
{
    unsigned of_handshake = t->flags & (NJ_TCP_SYN | NJ_TCP_ACK);

    if ((of_handshake & NJ_TCP_SYN) != 0)
        s->completeness |= (of_handshake & NJ_TCP_ACK) != 0 ? SEEN_SYN_ACK : SEEN_SYN;
    else if (t->wire_payload_bytes == 0 && of_handshake == NJ_TCP_ACK)
        s->completeness |= SEEN_ACK;
    if (t->wire_payload_bytes > 0 && (s->completeness & SEEN_ACK) != 0)
        s->completeness |= SEEN_DATA;
    if ((t->flags & NJ_TCP_FIN) != 0)
        s->completeness |= SEEN_FIN;
    if ((t->flags & NJ_TCP_RST) != 0)
        s->completeness |= SEEN_RST;
}

static void
put_flags(struct nj_dissector *d, struct nj_str header)
{
    static const char letters[] = "RRRACEUAPRSF";
    struct nj_tree *tree = &d->out.tree;
    unsigned flags = ((uint8_t)header.p[12] << 8 | (uint8_t)header.p[13]) & 0xfff;
    char text[2 * 12 + 1];
    size_t n = 0;

    nj_tree_bits(tree, NJ_FIELD_TCP_FLAGS, header, 12, 2, 0x0fff);
    tree->depth++;
    nj_tree_bits(tree, NJ_FIELD_TCP_FLAGS_RES, header, 12, 2, 0x0e00);
    nj_tree_bits(tree, NJ_FIELD_TCP_FLAGS_AE, header, 12, 2, 0x0100);
    nj_tree_bits(tree, NJ_FIELD_TCP_FLAGS_CWR, header, 12, 2, 0x0080);
    nj_tree_bits(tree, NJ_FIELD_TCP_FLAGS_ECE, header, 12, 2, 0x0040);
    nj_tree_bits(tree, NJ_FIELD_TCP_FLAGS_URG, header, 12, 2, 0x0020);
    nj_tree_bits(tree, NJ_FIELD_TCP_FLAGS_ACK, header, 12, 2, 0x0010);
    nj_tree_bits(tree, NJ_FIELD_TCP_FLAGS_PUSH, header, 12, 2, 0x0008);
    nj_tree_bits(tree, NJ_FIELD_TCP_FLAGS_RESET, header, 12, 2, 0x0004);
    nj_tree_bits(tree, NJ_FIELD_TCP_FLAGS_SYN, header, 12, 2, 0x0002);
    nj_tree_bits(tree, NJ_FIELD_TCP_FLAGS_FIN, header, 12, 2, 0x0001);
    /* A letter for each that is set, a middle dot for each other. */
    for (unsigned i = 0; i < 12; i++) {
        if ((flags >> (11 - i) & 1) != 0) {
            text[n++] = letters[i];
        } else {
            text[n++] = '\xc2';
            text[n++] = '\xb7';
        }
    }
    nj_tree_bytes(tree, NJ_FIELD_TCP_FLAGS_STR, nj_tree_keep(tree, (struct nj_str){text, n}));
    tree->depth--;
}

/* ---- options ---- */

static enum nj_field
field_of_option(unsigned kind)
{
    switch (kind) {
    case 0:
        return NJ_FIELD_TCP_OPT_EOL;
    case 1:
        return NJ_FIELD_TCP_OPT_NOP;
    case NJ_TCP_OPTION_MSS:
        return NJ_FIELD_TCP_OPT_MSS;
    case NJ_TCP_OPTION_WINDOW_SCALE:
        return NJ_FIELD_TCP_OPT_WSCALE;
    case NJ_TCP_OPTION_SACK_PERMITTED:
        return NJ_FIELD_TCP_OPT_SACK_PERM;
    case NJ_TCP_OPTION_SACK:
        return NJ_FIELD_TCP_OPT_SACK;
    case NJ_TCP_OPTION_TIMESTAMP:
        return NJ_FIELD_TCP_OPT_TIMESTAMP;
    default:
        return NJ_FIELD_TCP_OPT_UNKNOWN;
    }
}

/* Two edges for each block, relative to what they acknowledge. */
static void
put_blocks(struct nj_tree *tree, struct nj_str option, uint32_t base)
{
    struct nj_reader r = nj_reader_of(nj_str_from(option, 2));
    uint64_t count = 0;

    while (nj_reader_left(&r) >= 8) {
        const char *edge = (const char *)r.p;

        nj_tree_number(tree, NJ_FIELD_TCP_OPT_SACK_LE, nj_read_u32(&r) - base,
                       (struct nj_str){edge, 4});
        nj_tree_number(tree, NJ_FIELD_TCP_OPT_SACK_RE, nj_read_u32(&r) - base,
                       (struct nj_str){edge + 4, 4});
        count++;
    }
    nj_tree_number(tree, NJ_FIELD_TCP_OPT_SACK_COUNT, count, nowhere);
}

static void
put_option(struct nj_tree *tree, struct nj_str option, uint32_t base)
{
    unsigned kind = (uint8_t)option.p[0];

    nj_tree_bytes(tree, field_of_option(kind), option);
    tree->depth++;
    nj_tree_read(tree, NJ_FIELD_TCP_OPT_KIND, option, 0, 1);
    if (option.n > 1)
        nj_tree_read(tree, NJ_FIELD_TCP_OPT_LEN, option, 1, 1);
    if (kind == NJ_TCP_OPTION_MSS)
        nj_tree_read(tree, NJ_FIELD_TCP_OPT_MSS_VAL, option, 2, 2);
    if (kind == NJ_TCP_OPTION_WINDOW_SCALE && option.n == 3) {
        nj_tree_read(tree, NJ_FIELD_TCP_OPT_SHIFT, option, 2, 1);
        nj_tree_number(tree, NJ_FIELD_TCP_OPT_MULTIPLIER,
                       1u << NJ_MIN((uint8_t)option.p[2], NJ_TCP_SCALE_MAX),
                       (struct nj_str){option.p + 2, 1});
    }
    if (kind == NJ_TCP_OPTION_SACK)
        put_blocks(tree, option, base);
    if (kind == NJ_TCP_OPTION_TIMESTAMP) {
        nj_tree_read(tree, NJ_FIELD_TCP_OPT_TSVAL, option, 2, 4);
        nj_tree_read(tree, NJ_FIELD_TCP_OPT_TSECR, option, 6, 4);
    }
    tree->depth--;
}

static void
put_options(struct nj_tree *tree, struct nj_str options, uint32_t base)
{
    struct nj_reader r = nj_reader_of(options);
    bool is_end = false;

    if (options.n == 0)
        return;
    nj_tree_bytes(tree, NJ_FIELD_TCP_OPTIONS, options);
    tree->depth++;
    while (nj_reader_left(&r) > 0 && !is_end) {
        const char *from = (const char *)r.p;
        unsigned kind = nj_read_u8(&r);
        size_t bytes = kind < 2 ? 1 : nj_read_u8(&r);

        if (kind >= 2)
            (void)nj_read_bytes(&r, bytes >= 2 ? bytes - 2 : SIZE_MAX);
        is_end = kind == 0 || r.is_short;
        if (!r.is_short)
            put_option(tree, (struct nj_str){from, bytes}, base);
    }
    tree->depth--;
}

/* ---- the segment ---- */

/* The factor of the window, and -1 where it is not known, -2 where there is none. */
static int64_t
scale_of(const struct nj_flow *from, const struct nj_flow *to)
{
    if (from->window_scale >= 0 && to->window_scale >= 0)
        return (int64_t)1 << from->window_scale;
    return from->has_syn && to->has_syn ? -2 : -1;
}

static void
put_numbers(struct nj_tree *tree, struct nj_str header, const struct nj_tcp *t,
            const struct nj_segment *segment)
{
    uint32_t next = segment->seq + t->wire_payload_bytes;

    if ((t->flags & (NJ_TCP_SYN | NJ_TCP_FIN)) != 0)
        next++;
    nj_tree_number(tree, NJ_FIELD_TCP_LEN, t->wire_payload_bytes, nowhere);
    nj_tree_number(tree, NJ_FIELD_TCP_SEQ, segment->seq, (struct nj_str){header.p + 4, 4});
    nj_tree_read(tree, NJ_FIELD_TCP_SEQ_RAW, header, 4, 4);
    nj_tree_number(tree, NJ_FIELD_TCP_NXTSEQ, next, nowhere);
    nj_tree_number(tree, NJ_FIELD_TCP_ACK, segment->ack, (struct nj_str){header.p + 8, 4});
    nj_tree_read(tree, NJ_FIELD_TCP_ACK_RAW, header, 8, 4);
    nj_tree_number(tree, NJ_FIELD_TCP_HDR_LEN, header.n, (struct nj_str){header.p + 12, 1});
}

static void
put_times(struct nj_tree *tree, const struct nj_stream *s, int64_t now_ns)
{
    nj_tree_bytes(tree, NJ_FIELD_TCP_TIMESTAMPS, nowhere);
    tree->depth++;
    nj_tree_number(tree, NJ_FIELD_TCP_TIME_RELATIVE,
                   (uint64_t)nj_dissector_between(now_ns, s->first_ns), nowhere);
    nj_tree_number(tree, NJ_FIELD_TCP_TIME_DELTA,
                   (uint64_t)nj_dissector_between(now_ns, s->last_ns), nowhere);
    tree->depth--;
}

void
nj_dissector_put_segment(struct nj_dissector *d, struct nj_stream *s, unsigned direction,
                         const struct nj_ip *ip, const struct nj_tcp *t,
                         const struct nj_segment *segment)
{
    const struct nj_flow *from = &s->flow[direction], *to = &s->flow[1 - direction];
    struct nj_str header = {ip->payload.p, 20 + t->options.n};
    int64_t now_ns = d->out.frame.time_ns;
    struct nj_tree *tree = &d->out.tree;

    if (s->community_id[0] == '\0') {
        nj_community_id(ip, t->source_port, t->destination_port, s->community_id);
        s->first_ns = s->last_ns = now_ns;
    }
    memcpy(d->community_id, s->community_id, sizeof(d->community_id));
    nj_tree_bytes(tree, NJ_FIELD_TCP, nowhere);
    tree->depth++;
    nj_tree_read(tree, NJ_FIELD_TCP_SRCPORT, header, 0, 2);
    nj_tree_read(tree, NJ_FIELD_TCP_DSTPORT, header, 2, 2);
    nj_tree_read(tree, NJ_FIELD_TCP_PORT, header, 0, 2);
    nj_tree_read(tree, NJ_FIELD_TCP_PORT, header, 2, 2);
    nj_tree_number(tree, NJ_FIELD_TCP_STREAM, s->number, nowhere);
    nj_tree_number(tree, NJ_FIELD_TCP_COMPLETENESS, s->completeness, nowhere);
    put_numbers(tree, header, t, segment);
    put_flags(d, header);
    nj_tree_read(tree, NJ_FIELD_TCP_WINDOW_VALUE, header, 14, 2);
    nj_tree_number(tree, NJ_FIELD_TCP_WINDOW, segment->window, (struct nj_str){header.p + 14, 2});
    if ((t->flags & NJ_TCP_SYN) == 0)
        nj_tree_number(tree, NJ_FIELD_TCP_WINDOW_SCALE, (uint64_t)scale_of(from, to),
                       (struct nj_str){header.p + 14, 2});
    nj_tree_read(tree, NJ_FIELD_TCP_CHECKSUM, header, 16, 2);
    nj_tree_number(tree, NJ_FIELD_TCP_CHECKSUM_STATUS, NJ_CHECKSUM_UNVERIFIED, nowhere);
    nj_tree_read(tree, NJ_FIELD_TCP_URGENT_POINTER, header, 18, 2);
    put_options(tree, t->options, to->base);
    put_times(tree, s, now_ns);
    if (t->payload.n > 0)
        nj_tree_number(tree, NJ_FIELD_TCP_PAYLOAD, t->wire_payload_bytes, t->payload);
    tree->depth--;
    s->last_ns = now_ns;
    count_segment(s, t);
}
