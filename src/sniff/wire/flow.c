/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/wire/flow.h"

/* What overtakes arrives soon after what it overtook; where no handshake tells how far apart the
 * two sides are, within this. */
#define OUT_OF_ORDER_NS  3000000
#define FAST_NS          20000000
#define DUPLICATES_LEAST 2u

#define OPENS_OR_ENDS (NJ_TCP_SYN | NJ_TCP_FIN | NJ_TCP_RST)

void
nj_flow_init(struct nj_flow *f)
{
    *f = (struct nj_flow){.window_scale = -1};
}

/* How many numbers a segment takes. */
static uint32_t
length_of(const struct nj_tcp *t)
{
    return t->wire_payload_bytes + ((t->flags & (NJ_TCP_SYN | NJ_TCP_FIN)) != 0);
}

/* Where no SYN was seen, the first number is called 1, as if one had been. */
static void
find_bases(struct nj_flow *from, struct nj_flow *to, const struct nj_tcp *t)
{
    if ((t->flags & NJ_TCP_SYN) != 0) {
        from->has_base = true;
        from->base = t->seq;
        from->window_scale = nj_tcp_window_scale(t);
        from->has_syn = true;
    }
    if (!from->has_base) {
        from->has_base = true;
        from->base = t->seq - 1;
    }
    if (!to->has_base && (t->flags & NJ_TCP_ACK) != 0) {
        to->has_base = true;
        to->base = t->ack - 1;
    }
}

/* Scaling takes both sides; in a SYN nothing is scaled. */
static uint64_t
window_of(const struct nj_flow *from, const struct nj_flow *to, uint32_t window)
{
    if (from->window_scale < 0 || to->window_scale < 0)
        return window;
    return (uint64_t)window << from->window_scale;
}

static bool
repeats_last(const struct nj_flow *from, const struct nj_tcp *t)
{
    return t->wire_payload_bytes == 0 && t->window != 0 && from->has_next && t->seq == from->next &&
           from->has_ack && t->ack == from->last_ack && (t->flags & OPENS_OR_ENDS) == 0;
}

static unsigned
judge_empty(struct nj_flow *from, const struct nj_flow *to, const struct nj_tcp *t)
{
    if (!repeats_last(from, t))
        return 0;
    if (t->window != from->window)
        return NJ_REMARK_WINDOW_UPDATE;
    return to->was_keep_alive ? NJ_REMARK_KEEP_ALIVE_ACK : NJ_REMARK_DUPLICATE_ACK;
}

/* Of numbers before `next`: why do they come again, or so late? */
static unsigned
judge_old(const struct nj_flow *from, const struct nj_flow *to, const struct nj_tcp *t,
          int64_t since_ns, int64_t round_trip_ns)
{
    uint32_t end = t->seq + length_of(t);
    bool is_known = nj_reassembly_has(&from->bytes, t->seq, t->wire_payload_bytes);
    int64_t patience_ns = round_trip_ns > 0 ? round_trip_ns : OUT_OF_ORDER_NS;

    if (to->duplicate_acks >= DUPLICATES_LEAST && to->last_ack == t->seq && since_ns < FAST_NS)
        return NJ_REMARK_FAST_RETRANSMISSION;
    if (!is_known && end != from->next && since_ns < patience_ns)
        return NJ_REMARK_OUT_OF_ORDER;
    if (to->has_ack && t->wire_payload_bytes > 0 && !nj_seq_before(to->last_ack, end))
        return NJ_REMARK_SPURIOUS_RETRANSMISSION;
    return NJ_REMARK_RETRANSMISSION;
}

static unsigned
judge_full(const struct nj_flow *from, const struct nj_flow *to, const struct nj_tcp *t)
{
    uint64_t window = window_of(to, from, to->window);
    bool is_full = t->wire_payload_bytes > 0 && to->has_ack && to->has_syn &&
                   (t->flags & OPENS_OR_ENDS) == 0 &&
                   t->seq + t->wire_payload_bytes == to->last_ack + (uint32_t)window;

    return is_full ? NJ_REMARK_WINDOW_FULL : 0;
}

static unsigned
judge_data(const struct nj_flow *from, const struct nj_flow *to, const struct nj_tcp *t,
           int64_t time_ns, int64_t round_trip_ns)
{
    unsigned remarks = judge_full(from, to, t);

    if (!from->has_next)
        return remarks;
    if (t->wire_payload_bytes == 1 && t->seq == from->next && to->has_ack && to->window == 0)
        return NJ_REMARK_ZERO_WINDOW_PROBE;
    if (nj_seq_before(from->next, t->seq))
        return (t->flags & NJ_TCP_RST) == 0 ? remarks | NJ_REMARK_PREVIOUS_MISSING : remarks;
    if (t->wire_payload_bytes <= 1 && t->seq == from->next - 1 && (t->flags & OPENS_OR_ENDS) == 0)
        return NJ_REMARK_KEEP_ALIVE;
    if (length_of(t) > 0 && nj_seq_before(t->seq, from->next))
        remarks |= judge_old(from, to, t, time_ns - from->next_time_ns, round_trip_ns);
    return remarks;
}

/* Beyond all that was seen without a gap: the capture has missed some of it. It is said once. */
static unsigned
judge_ack(struct nj_flow *to, const struct nj_tcp *t)
{
    if ((t->flags & NJ_TCP_ACK) == 0 || !to->has_next || !nj_seq_before(to->edge, t->ack))
        return 0;
    to->edge = to->next;
    return NJ_REMARK_ACKED_UNSEEN;
}

static void
remember(struct nj_flow *from, struct nj_flow *to, const struct nj_tcp *t, unsigned remarks,
         uint64_t frame, int64_t time_ns)
{
    uint32_t end = t->seq + length_of(t);

    if (!from->has_next || nj_seq_before(from->next, end)) {
        if (!from->has_next)
            from->edge = end;
        from->has_next = true;
        from->next = end;
        from->next_time_ns = time_ns;
    }
    if (!nj_seq_before(from->edge, t->seq) && nj_seq_before(from->edge, end))
        from->edge = end;
    from->was_keep_alive = (remarks & NJ_REMARK_KEEP_ALIVE) != 0;
    if ((t->flags & NJ_TCP_ACK) != 0) {
        if ((remarks & NJ_REMARK_DUPLICATE_ACK) != 0)
            from->duplicate_acks++;
        else {
            from->duplicate_acks = 0;
            from->duplicated_frame = frame;
        }
        from->has_ack = true;
        from->last_ack = t->ack;
        nj_reassembly_acknowledge(&to->bytes, t->ack);
    }
    from->window = t->window;
}

/* What was put in order since has moved the edge, as long as nothing was given up. */
static void
find_edge(struct nj_flow *f)
{
    if (nj_reassembly_is_whole(&f->bytes) && nj_seq_before(f->edge, f->bytes.next))
        f->edge = f->bytes.next;
}

struct nj_segment
nj_flow_judge(struct nj_flow *from, struct nj_flow *to, const struct nj_tcp *t, uint64_t frame,
              int64_t time_ns, int64_t round_trip_ns)
{
    struct nj_segment s = {0};

    find_bases(from, to, t);
    find_edge(from);
    find_edge(to);
    s.remarks = judge_data(from, to, t, time_ns, round_trip_ns) | judge_empty(from, to, t);
    if (t->window == 0 && (t->flags & OPENS_OR_ENDS) == 0)
        s.remarks |= NJ_REMARK_ZERO_WINDOW;
    if ((t->flags & OPENS_OR_ENDS) != NJ_TCP_RST)
        s.remarks |= judge_ack(to, t);
    remember(from, to, t, s.remarks, frame, time_ns);
    s.seq = t->seq - from->base;
    s.ack = (t->flags & NJ_TCP_ACK) != 0 ? t->ack - to->base : 0;
    s.window = (t->flags & NJ_TCP_SYN) != 0 ? t->window : window_of(from, to, t->window);
    s.duplicate_ack = (s.remarks & NJ_REMARK_DUPLICATE_ACK) != 0 ? from->duplicate_acks : 0;
    s.duplicated_frame = from->duplicated_frame;
    return s;
}
