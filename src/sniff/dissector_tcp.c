/* SPDX-License-Identifier: Apache-2.0 */
/* dissector_tcp.c — a segment: its fields, and the row of the list in the words of TCP. */
#include "base/reader.h"
#include "sniff/dissector_priv.h"

static void
put_flags(struct nj_text *info, unsigned flags)
{
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK",
                                        "URG", "ECE", "CWR", "AE"};
    const char *between = "";

    nj_text_put(info, NJ_STR("["));
    for (unsigned i = 0; i < NJ_COUNT_OF(names); i++) {
        if ((flags >> i & 1) == 0)
            continue;
        nj_text_putf(info, "%s%s", between, names[i]);
        between = ", ";
    }
    nj_text_put(info, flags == 0 ? NJ_STR("<None>]") : NJ_STR("]"));
}

/* Two edges for each block; relative to what they acknowledge. */
static void
put_sack(struct nj_text *info, struct nj_str blocks, uint32_t base)
{
    struct nj_reader r = nj_reader_of(blocks);

    while (nj_reader_left(&r) >= 8) {
        uint32_t left = nj_read_u32(&r);
        uint32_t right = nj_read_u32(&r);

        nj_text_putf(info, " SLE=%u SRE=%u", left - base, right - base);
    }
}

static void
put_options(struct nj_text *info, const struct nj_tcp *t, uint32_t base)
{
    struct nj_str rest = t->options;
    struct nj_tcp_option o;

    while (nj_tcp_next_option(&rest, &o)) {
        struct nj_reader r = nj_reader_of(o.value);
        uint32_t value;

        if (o.kind == NJ_TCP_OPTION_MSS && o.value.n == 2)
            nj_text_putf(info, " MSS=%u", nj_read_u16(&r));
        else if (o.kind == NJ_TCP_OPTION_WINDOW_SCALE && o.value.n == 1)
            nj_text_putf(info, " WS=%u", 1u << nj_tcp_window_scale(t));
        else if (o.kind == NJ_TCP_OPTION_SACK_PERMITTED)
            nj_text_put(info, NJ_STR(" SACK_PERM"));
        else if (o.kind == NJ_TCP_OPTION_SACK)
            put_sack(info, o.value, base);
        else if (o.kind == NJ_TCP_OPTION_TIMESTAMP && o.value.n == 8) {
            value = nj_read_u32(&r);
            nj_text_putf(info, " TSval=%u TSecr=%u", value, nj_read_u32(&r));
        }
    }
}

static void
put_remarks(struct nj_text *info, const struct nj_segment *s)
{
    static const struct {
        unsigned remark;
        const char *words;
    } table[] = {
        {NJ_REMARK_PORTS_REUSED, "TCP Port numbers reused"},
        {NJ_REMARK_PREVIOUS_MISSING, "TCP Previous segment not captured"},
        {NJ_REMARK_ACKED_UNSEEN, "TCP ACKed unseen segment"},
        {NJ_REMARK_RETRANSMISSION, "TCP Retransmission"},
        {NJ_REMARK_SPURIOUS_RETRANSMISSION, "TCP Spurious Retransmission"},
        {NJ_REMARK_FAST_RETRANSMISSION, "TCP Fast Retransmission"},
        {NJ_REMARK_OUT_OF_ORDER, "TCP Out-Of-Order"},
        {NJ_REMARK_KEEP_ALIVE, "TCP Keep-Alive"},
        {NJ_REMARK_KEEP_ALIVE_ACK, "TCP Keep-Alive ACK"},
        {NJ_REMARK_WINDOW_FULL, "TCP Window Full"},
        {NJ_REMARK_WINDOW_UPDATE, "TCP Window Update"},
        {NJ_REMARK_ZERO_WINDOW, "TCP ZeroWindow"},
        {NJ_REMARK_ZERO_WINDOW_PROBE, "TCP ZeroWindowProbe"},
    };

    for (size_t i = 0; i < NJ_COUNT_OF(table); i++)
        if ((s->remarks & table[i].remark) != 0)
            nj_text_putf(info, "[%s] ", table[i].words);
    if ((s->remarks & NJ_REMARK_DUPLICATE_ACK) != 0)
        nj_text_putf(info, "[TCP Dup ACK %llu#%u] ", (unsigned long long)s->duplicated_frame,
                     s->duplicate_ack);
}

static void
put_segment(struct nj_text *info, const struct nj_tcp *t, const struct nj_segment *s,
            uint32_t base_of_other)
{
    nj_text_putf(info, "%u \xe2\x86\x92 %u ", t->source_port, t->destination_port);
    put_flags(info, t->flags);
    nj_text_putf(info, " Seq=%u", s->seq);
    if ((t->flags & NJ_TCP_ACK) != 0)
        nj_text_putf(info, " Ack=%u", s->ack);
    nj_text_putf(info, " Win=%llu Len=%u", (unsigned long long)s->window, t->wire_payload_bytes);
    put_options(info, t, base_of_other);
}

/* How far the two sides are apart: from the SYN to the end of the handshake. */
static void
time_handshake(struct nj_stream *s, const struct nj_tcp *t, const struct nj_segment *segment,
               int64_t time_ns)
{
    if ((t->flags & NJ_TCP_SYN) != 0 && (t->flags & NJ_TCP_ACK) == 0)
        s->syn_ns = time_ns;
    else if (s->round_trip_ns == 0 && s->syn_ns != 0 && (t->flags & NJ_TCP_SYN) == 0 &&
             segment->seq == 1 && segment->ack == 1)
        s->round_trip_ns = time_ns - s->syn_ns;
}

void
nj_dissector_read_tcp(struct nj_dissector *d, const struct nj_ip *ip)
{
    struct nj_tcp t;
    struct nj_stream *s;
    struct nj_segment segment;
    unsigned direction;
    bool is_reused;
    size_t remarks;

    d->out.protocol = "TCP";
    if (!nj_tcp_read(ip->payload, ip->wire_payload_bytes, &t)) {
        nj_text_put(&d->out.info, NJ_STR("[Packet size limited during capture]"));
        return;
    }
    s = nj_streams_get(d->streams, ip, &t, &direction, &is_reused);
    if (s == NULL)
        return;
    segment = nj_flow_judge(&s->flow[direction], &s->flow[1 - direction], &t, d->out.frame.number,
                            d->out.frame.time_ns, s->round_trip_ns);
    if (is_reused)
        segment.remarks |= NJ_REMARK_PORTS_REUSED;
    time_handshake(s, &t, &segment, d->out.frame.time_ns);
    nj_dissector_put_segment(d, s, direction, ip, &t, &segment);
    put_remarks(&d->out.info, &segment);
    remarks = d->out.info.n;
    put_segment(&d->out.info, &t, &segment, s->flow[1 - direction].base);
    nj_dissector_read_stream(d, s, direction, &t, remarks);
}
