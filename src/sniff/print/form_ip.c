/* SPDX-License-Identifier: Apache-2.0 */
/* form_ip.c — the fields of IP for people, in Wireshark's words, and what TCP has in common with
 * it.
 */
#include "sniff/print/form.h"
#include "sniff/wire/ip.h"

#include <inttypes.h>

static void
put_ip(struct nj_line *l)
{
    bool is_4 = l->item->field == NJ_FIELD_IP;
    const struct nj_item *source = nj_line_find(l, is_4 ? NJ_FIELD_IP_SRC : NJ_FIELD_IPV6_SRC);
    const struct nj_item *destination = nj_line_find(l, is_4 ? NJ_FIELD_IP_DST : NJ_FIELD_IPV6_DST);

    nj_line_put_label(l);
    if (source == NULL || destination == NULL)
        return;
    nj_text_put(l->out, NJ_STR(", Src: "));
    nj_item_put_shown(l->out, source);
    nj_text_put(l->out, NJ_STR(", Dst: "));
    nj_item_put_shown(l->out, destination);
}

static void
put_header_length(struct nj_line *l)
{
    nj_text_putf(l->out, "Header Length: %" PRIu64 " bytes (%" PRIu64 ")", l->item->number,
                 l->item->number / 4);
}

static const char *
words_of_dscp(uint64_t code)
{
    static const char *const words[64] = {
        [0] = "Default",
        [1] = "Lower Effort",
        [8] = "Class Selector 1",
        [10] = "Assured Forwarding 11",
        [12] = "Assured Forwarding 12",
        [14] = "Assured Forwarding 13",
        [16] = "Class Selector 2",
        [18] = "Assured Forwarding 21",
        [20] = "Assured Forwarding 22",
        [22] = "Assured Forwarding 23",
        [24] = "Class Selector 3",
        [26] = "Assured Forwarding 31",
        [28] = "Assured Forwarding 32",
        [30] = "Assured Forwarding 33",
        [32] = "Class Selector 4",
        [34] = "Assured Forwarding 41",
        [36] = "Assured Forwarding 42",
        [38] = "Assured Forwarding 43",
        [40] = "Class Selector 5",
        [44] = "Voice Admit",
        [46] = "Expedited Forwarding",
        [48] = "Class Selector 6",
        [56] = "Class Selector 7",
    };

    return code < NJ_COUNT_OF(words) ? words[code] : NULL;
}

static const char *
words_of_ecn(uint64_t code)
{
    static const char *const words[] = {
        "Not ECN-Capable Transport",
        "ECN-Capable Transport codepoint '01'",
        "ECN-Capable Transport codepoint '10'",
        "Congestion Experienced",
    };

    return code < NJ_COUNT_OF(words) ? words[code] : NULL;
}

/* CS0, AF11, EF, VA, LE, or Unknown. */
static void
put_dscp_letters(struct nj_text *out, uint64_t code)
{
    if (code % 8 == 0)
        nj_text_putf(out, "CS%" PRIu64, code / 8);
    else if (code == 46)
        nj_text_put(out, NJ_STR("EF PHB"));
    else if (code == 44)
        nj_text_put(out, NJ_STR("VOICE-ADMIT"));
    else if (code == 1)
        nj_text_put(out, NJ_STR("LE"));
    else if (code >= 10 && code <= 38 && code % 2 == 0)
        nj_text_putf(out, "AF%" PRIu64 "%" PRIu64, code / 8, code % 8 / 2);
    else
        nj_text_put(out, NJ_STR("Unknown"));
}

static void
put_services(struct nj_line *l)
{
    static const char *const ecn[] = {"Not-ECT", "ECT(1)", "ECT(0)", "CE"};

    nj_line_put_label(l);
    nj_text_putf(l->out, ": 0x%02" PRIx64 " (DSCP: ", l->item->number);
    put_dscp_letters(l->out, l->item->number >> 2 & 0x3f);
    nj_text_putf(l->out, ", ECN: %s)", ecn[l->item->number & 3]);
}

static void
put_identification(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_putf(l->out, ": 0x%04" PRIx64 " (%" PRIu64 ")", l->item->number, l->item->number);
}

static void
put_ip_flags(struct nj_line *l)
{
    nj_text_putf(l->out, "Flags: 0x%" PRIx64, l->item->number);
    if ((l->item->number & 4) != 0)
        nj_text_put(l->out, NJ_STR(", Reserved bit"));
    if ((l->item->number & 2) != 0)
        nj_text_put(l->out, NJ_STR(", Don't fragment"));
    if ((l->item->number & 1) != 0)
        nj_text_put(l->out, NJ_STR(", More fragments"));
}

static void
put_fragment_offset(struct nj_line *l)
{
    nj_text_putf(l->out, "Fragment Offset: %" PRIu64, l->item->number * 8);
}

static const char *
words_of_protocol(uint64_t protocol)
{
    switch (protocol) {
    case 0:
        return "IPv6 Hop-by-Hop Option";
    case NJ_IP_ICMP:
        return "ICMP";
    case 2:
        return "IGMP";
    case NJ_IP_TCP:
        return "TCP";
    case NJ_IP_UDP:
        return "UDP";
    case 41:
        return "IPv6";
    case 43:
        return "Routing Header for IPv6";
    case 44:
        return "Fragment Header for IPv6";
    case 47:
        return "Generic Routing Encapsulation";
    case 50:
        return "Encap Security Payload";
    case 51:
        return "Authentication Header";
    case NJ_IP_ICMPV6:
        return "ICMPv6";
    case 59:
        return "No Next Header for IPv6";
    case 60:
        return "Destination Options for IPv6";
    case 132:
        return "SCTP";
    case 135:
        return "Mobile IPv6";
    default:
        return NULL;
    }
}

static void
put_checksum(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_putf(l->out, ": 0x%04" PRIx64 " [%s]", l->item->number,
                 l->item->field == NJ_FIELD_IP_CHECKSUM ? "validation disabled" : "unverified");
}

static void
put_checksum_status(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_put(l->out, NJ_STR(": Unverified"));
}

static void
put_flow(struct nj_line *l)
{
    nj_text_putf(l->out, "Flow Label: 0x%05" PRIx64, l->item->number);
}

const struct nj_form *
nj_form_of_ip(enum nj_field field)
{
/* clang-format off */
#define PUT(function)           {.put = (function)}
#define BITS_PUT(width_, bits, function) {.width = (width_), .mask = (bits), .put = (function)}
#define BIT(bit)                {.width = 8, .mask = (bit), .is_set = true}
    static const struct nj_form forms[NJ_FIELD_COUNT] = {
        [NJ_FIELD_IP] = PUT(put_ip),
        [NJ_FIELD_IP_VERSION] = {.width = 8, .mask = 0xf0},
        [NJ_FIELD_IP_HDR_LEN] = BITS_PUT(8, 0x0f, put_header_length),
        [NJ_FIELD_IP_DSFIELD] = PUT(put_services),
        [NJ_FIELD_IP_DSCP] = {.width = 8, .mask = 0xfc, .words = words_of_dscp},
        [NJ_FIELD_IP_ECN] = {.width = 8, .mask = 0x03, .words = words_of_ecn},
        [NJ_FIELD_IP_ID] = PUT(put_identification),
        [NJ_FIELD_IP_FLAGS] = BITS_PUT(8, 0xe0, put_ip_flags),
        [NJ_FIELD_IP_FLAGS_RB] = BIT(0x80),
        [NJ_FIELD_IP_FLAGS_DF] = BIT(0x40),
        [NJ_FIELD_IP_FLAGS_MF] = BIT(0x20),
        [NJ_FIELD_IP_FRAG_OFFSET] = BITS_PUT(16, 0x1fff, put_fragment_offset),
        [NJ_FIELD_IP_PROTO] = {.words = words_of_protocol},
        [NJ_FIELD_IP_CHECKSUM] = PUT(put_checksum),
        [NJ_FIELD_IP_CHECKSUM_STATUS] = {.is_inferred = true, .put = put_checksum_status},
        [NJ_FIELD_IPV6] = PUT(put_ip),
        [NJ_FIELD_IPV6_VERSION] = {.width = 8, .mask = 0xf0},
        [NJ_FIELD_IPV6_TCLASS] = BITS_PUT(32, 0x0ff00000, put_services),
        [NJ_FIELD_IPV6_DSCP] = {.width = 32, .mask = 0x0fc00000, .words = words_of_dscp},
        [NJ_FIELD_IPV6_ECN] = {.width = 32, .mask = 0x00300000, .words = words_of_ecn},
        [NJ_FIELD_IPV6_FLOW] = BITS_PUT(24, 0x0fffff, put_flow),
        [NJ_FIELD_IPV6_NXT] = {.words = words_of_protocol},
        [NJ_FIELD_TCP_HDR_LEN] = BITS_PUT(8, 0xf0, put_header_length),
        [NJ_FIELD_TCP_CHECKSUM] = PUT(put_checksum),
        [NJ_FIELD_TCP_CHECKSUM_STATUS] = {.is_inferred = true, .put = put_checksum_status},
    };
    /* clang-format on */
    return &forms[field];
}
