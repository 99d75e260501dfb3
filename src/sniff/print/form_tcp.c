/* SPDX-License-Identifier: Apache-2.0 */
/* form_tcp.c — the fields of TCP for people, in Wireshark's words. */
#include "sniff/print/form.h"
#include "sniff/wire/tcp.h"

#include <inttypes.h>

static void
put_tcp(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_putf(l->out, ", Src Port: %" PRIu64 ", Dst Port: %" PRIu64 ", Seq: %" PRIu64,
                 nj_line_number(l, NJ_FIELD_TCP_SRCPORT), nj_line_number(l, NJ_FIELD_TCP_DSTPORT),
                 nj_line_number(l, NJ_FIELD_TCP_SEQ));
    if (nj_line_number(l, NJ_FIELD_TCP_FLAGS_ACK) != 0)
        nj_text_putf(l->out, ", Ack: %" PRIu64, nj_line_number(l, NJ_FIELD_TCP_ACK));
    nj_text_putf(l->out, ", Len: %" PRIu64, nj_line_number(l, NJ_FIELD_TCP_LEN));
}

static const char *
words_of_completeness(uint64_t seen)
{
    bool has_begun = (seen & 7) == 7, has_data = (seen & 8) != 0, has_ended = (seen & 0x30) != 0;

    if (has_begun && has_ended)
        return has_data ? "Complete, WITH_DATA" : "Complete, NO_DATA";
    if (has_begun)
        return has_data ? "Incomplete, DATA" : "Incomplete, ESTABLISHED";
    return seen == 3   ? "Incomplete, CLIENT_ESTABLISHED"
           : seen == 1 ? "Incomplete, SYN_SENT"
                       : "Incomplete";
}

static void
put_relative(struct nj_line *l)
{
    bool is_ack = l->item->field == NJ_FIELD_TCP_ACK;

    nj_line_put_label(l);
    nj_text_putf(l->out, ": %" PRIu64, l->item->number);
    if (!is_ack)
        nj_text_put(l->out, NJ_STR("    (relative sequence number)"));
    else if (nj_line_number(l, NJ_FIELD_TCP_FLAGS_ACK) != 0)
        nj_text_put(l->out, NJ_STR("    (relative ack number)"));
}

static void
put_flags(struct nj_line *l)
{
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK",
                                        "URG", "ECE", "CWR", "AE"};
    const char *between = "";

    nj_text_putf(l->out, "Flags: 0x%03" PRIx64 " (", l->item->number);
    for (unsigned i = 0; i < NJ_COUNT_OF(names); i++) {
        if ((l->item->number >> i & 1) == 0)
            continue;
        nj_text_putf(l->out, "%s%s", between, names[i]);
        between = ", ";
    }
    nj_text_put(l->out, between[0] == '\0' ? NJ_STR("<None>)") : NJ_STR(")"));
}

static void
put_scale(struct nj_line *l)
{
    int64_t factor = (int64_t)l->item->number;

    nj_line_put_label(l);
    nj_text_putf(l->out, ": %" PRId64 "%s", factor,
                 factor == -1   ? " (unknown)"
                 : factor == -2 ? " (no window scaling used)"
                                : "");
}

/* ---- options ---- */

static bool
is_option(enum nj_field field)
{
    return field >= NJ_FIELD_TCP_OPT_EOL && field <= NJ_FIELD_TCP_OPT_UNKNOWN;
}

static void
put_options(struct nj_line *l)
{
    nj_text_put(l->out, NJ_STR("Options: ("));
    nj_line_put_count(l, l->item->range.n, "byte");
    nj_text_put(l->out, NJ_STR(")"));
    for (size_t i = l->at + 1;
         i < l->tree->count && l->tree->item[i].depth > l->tree->item[l->at].depth; i++)
        if (is_option((enum nj_field)l->tree->item[i].field))
            nj_text_putf(l->out, ", %s", nj_field_label((enum nj_field)l->tree->item[i].field));
}

static void
put_option(struct nj_line *l)
{
    nj_text_put(l->out, NJ_STR("TCP Option - "));
    nj_line_put_label(l);
}

static void
put_mss(struct nj_line *l)
{
    put_option(l);
    nj_text_put(l->out, NJ_STR(": "));
    nj_line_put_count(l, nj_line_number(l, NJ_FIELD_TCP_OPT_MSS_VAL), "byte");
}

static void
put_window_scale(struct nj_line *l)
{
    put_option(l);
    nj_text_putf(l->out, ": %" PRIu64 " (multiply by %" PRIu64 ")",
                 nj_line_number(l, NJ_FIELD_TCP_OPT_SHIFT),
                 nj_line_number(l, NJ_FIELD_TCP_OPT_MULTIPLIER));
}

static void
put_timestamps(struct nj_line *l)
{
    put_option(l);
    nj_text_putf(l->out, ": TSval %" PRIu64 ", TSecr %" PRIu64,
                 nj_line_number(l, NJ_FIELD_TCP_OPT_TSVAL),
                 nj_line_number(l, NJ_FIELD_TCP_OPT_TSECR));
}

static void
put_sack(struct nj_line *l)
{
    put_option(l);
    for (size_t i = l->at + 1;
         i < l->tree->count && l->tree->item[i].depth > l->tree->item[l->at].depth; i++) {
        const struct nj_item *item = &l->tree->item[i];

        if (item->field == NJ_FIELD_TCP_OPT_SACK_LE)
            nj_text_putf(l->out, " %" PRIu64, item->number);
        if (item->field == NJ_FIELD_TCP_OPT_SACK_RE)
            nj_text_putf(l->out, "-%" PRIu64, item->number);
    }
}

static void
put_edge(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_putf(l->out, " = %" PRIu64 " (relative)", l->item->number);
}

static const char *
words_of_kind(uint64_t kind)
{
    static const char *const words[] = {
        [0] = "End of Option List",
        [1] = "No-Operation",
        [NJ_TCP_OPTION_MSS] = "Maximum Segment Size",
        [NJ_TCP_OPTION_WINDOW_SCALE] = "Window Scale",
        [NJ_TCP_OPTION_SACK_PERMITTED] = "SACK Permitted",
        [NJ_TCP_OPTION_SACK] = "SACK",
        [NJ_TCP_OPTION_TIMESTAMP] = "Time Stamp Option",
        [19] = "MD5 Signature Option",
        [28] = "User Timeout Option",
        [29] = "The TCP Authentication Option",
        [30] = "Multipath TCP",
        [34] = "TCP Fast Open Cookie",
    };

    return kind < NJ_COUNT_OF(words) ? words[kind] : NULL;
}

static void
put_payload(struct nj_line *l)
{
    nj_text_put(l->out, NJ_STR("TCP payload ("));
    nj_line_put_count(l, l->item->number, "byte");
    nj_text_put(l->out, NJ_STR(")"));
}

const struct nj_form *
nj_form_of_tcp(enum nj_field field)
{
/* clang-format off */
#define PUT(function)  {.put = (function)}
#define INFERRED       {.is_inferred = true}
#define BIT(bit)       {.width = 12, .mask = (bit), .is_set = true}
    static const struct nj_form forms[NJ_FIELD_COUNT] = {
        [NJ_FIELD_TCP] = PUT(put_tcp),
        [NJ_FIELD_TCP_STREAM] = INFERRED,
        [NJ_FIELD_TCP_COMPLETENESS] = {.is_inferred = true, .words = words_of_completeness},
        [NJ_FIELD_TCP_LEN] = INFERRED,
        [NJ_FIELD_TCP_SEQ] = PUT(put_relative),
        [NJ_FIELD_TCP_NXTSEQ] = {.is_inferred = true, .put = put_relative},
        [NJ_FIELD_TCP_ACK] = PUT(put_relative),
        [NJ_FIELD_TCP_FLAGS] = PUT(put_flags),
        [NJ_FIELD_TCP_FLAGS_RES] = BIT(0xe00),
        [NJ_FIELD_TCP_FLAGS_AE] = BIT(0x100),
        [NJ_FIELD_TCP_FLAGS_CWR] = BIT(0x080),
        [NJ_FIELD_TCP_FLAGS_ECE] = BIT(0x040),
        [NJ_FIELD_TCP_FLAGS_URG] = BIT(0x020),
        [NJ_FIELD_TCP_FLAGS_ACK] = BIT(0x010),
        [NJ_FIELD_TCP_FLAGS_PUSH] = BIT(0x008),
        [NJ_FIELD_TCP_FLAGS_RESET] = BIT(0x004),
        [NJ_FIELD_TCP_FLAGS_SYN] = BIT(0x002),
        [NJ_FIELD_TCP_FLAGS_FIN] = BIT(0x001),
        [NJ_FIELD_TCP_FLAGS_STR] = INFERRED,
        [NJ_FIELD_TCP_WINDOW] = INFERRED,
        [NJ_FIELD_TCP_WINDOW_SCALE] = {.is_inferred = true, .put = put_scale},
        [NJ_FIELD_TCP_OPTIONS] = PUT(put_options),
        [NJ_FIELD_TCP_OPT_EOL] = PUT(put_option),
        [NJ_FIELD_TCP_OPT_NOP] = PUT(put_option),
        [NJ_FIELD_TCP_OPT_MSS] = PUT(put_mss),
        [NJ_FIELD_TCP_OPT_WSCALE] = PUT(put_window_scale),
        [NJ_FIELD_TCP_OPT_SACK_PERM] = PUT(put_option),
        [NJ_FIELD_TCP_OPT_SACK] = PUT(put_sack),
        [NJ_FIELD_TCP_OPT_TIMESTAMP] = PUT(put_timestamps),
        [NJ_FIELD_TCP_OPT_UNKNOWN] = PUT(put_option),
        [NJ_FIELD_TCP_OPT_KIND] = {.words = words_of_kind},
        [NJ_FIELD_TCP_OPT_MULTIPLIER] = INFERRED,
        [NJ_FIELD_TCP_OPT_SACK_LE] = PUT(put_edge),
        [NJ_FIELD_TCP_OPT_SACK_RE] = PUT(put_edge),
        [NJ_FIELD_TCP_OPT_SACK_COUNT] = INFERRED,
        [NJ_FIELD_TCP_TIMESTAMPS] = {.is_inferred = true, .put = nj_line_put_label},
        [NJ_FIELD_TCP_TIME_RELATIVE] = INFERRED,
        [NJ_FIELD_TCP_TIME_DELTA] = INFERRED,
        [NJ_FIELD_TCP_PAYLOAD] = PUT(put_payload),
    };
    /* clang-format on */
    return &forms[field];
}
