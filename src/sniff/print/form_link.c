/* SPDX-License-Identifier: Apache-2.0 */
/* form_link.c — the fields of frames and links for people, in Wireshark's words. */
#include "sniff/print/form.h"
#include "sniff/tree/vendor.h"
#include "sniff/wire/ip.h"
#include "sniff/wire/link.h"

#include <inttypes.h>

struct word {
    uint32_t value;
    const char *words;
};

static const char *
find_word(const struct word *table, size_t count, uint64_t value)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].value == value)
            return table[i].words;
    return NULL;
}

/* ---- frame ---- */

static const char *
words_of_encapsulation(uint64_t number)
{
    static const struct word table[] = {{0, "Unknown"},
                                        {1, "Ethernet"},
                                        {7, "Raw IP"},
                                        {15, "NULL/Loopback"},
                                        {25, "Linux cooked-mode capture v1"},
                                        {210, "Linux cooked-mode capture v2"}};

    return find_word(table, NJ_COUNT_OF(table), number);
}

static void
put_size(struct nj_line *l, uint64_t bytes)
{
    nj_line_put_count(l, bytes, "byte");
}

static void
put_frame(struct nj_line *l)
{
    uint64_t wire = nj_line_number(l, NJ_FIELD_FRAME_LEN);
    uint64_t captured = nj_line_number(l, NJ_FIELD_FRAME_CAP_LEN);

    nj_text_putf(l->out, "Frame %" PRIu64 ": ", nj_line_number(l, NJ_FIELD_FRAME_NUMBER));
    put_size(l, wire);
    nj_text_putf(l->out, " on wire (%" PRIu64 " bits), ", wire * 8);
    put_size(l, captured);
    nj_text_putf(l->out, " captured (%" PRIu64 " bits)", captured * 8);
}

static void
put_length(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_put(l->out, NJ_STR(": "));
    put_size(l, l->item->number);
    nj_text_putf(l->out, " (%" PRIu64 " bits)", l->item->number * 8);
}

/* ---- links ---- */

static const char *
words_of_ethertype(uint64_t type)
{
    static const struct word table[] = {
        {NJ_ETHERTYPE_IPV4, "IPv4"},
        {NJ_ETHERTYPE_ARP, "ARP"},
        {NJ_ETHERTYPE_IPV6, "IPv6"},
        {0x8035, "RARP"},
        {0x8100, "802.1Q Virtual LAN"},
        {0x8847, "MPLS label switched packet"},
        {0x8863, "PPPoE Discovery"},
        {0x8864, "PPPoE Session"},
        {0x888e, "802.1X Authentication"},
        {0x88a8, "802.1ad Provider Bridge (Q-in-Q)"},
        {0x88cc, "802.1 Link Layer Discovery Protocol (LLDP)"},
        {0x9100, "QinQ: old non-standard 802.1ad"},
    };

    return find_word(table, NJ_COUNT_OF(table), type);
}

/* "TP-Link_75:32:ae (48:22:54:75:32:ae)", or the address alone. */
static void
put_address(struct nj_line *l, struct nj_str address)
{
    const char *vendor = l->has_vendors ? nj_vendor_find(address) : NULL;

    if (vendor != NULL) {
        nj_text_putf(l->out, "%s_", vendor);
        nj_text_put_hex(l->out, nj_str_from(address, 3), ':');
        nj_text_put(l->out, NJ_STR(" ("));
    }
    nj_text_put_hex(l->out, address, ':');
    if (vendor != NULL)
        nj_text_put(l->out, NJ_STR(")"));
}

static void
put_ether(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_put(l->out, NJ_STR(": "));
    put_address(l, l->item->range);
}

static void
put_ethernet(struct nj_line *l)
{
    const struct nj_item *source = nj_line_find(l, NJ_FIELD_ETH_SRC);
    const struct nj_item *destination = nj_line_find(l, NJ_FIELD_ETH_DST);

    nj_line_put_label(l);
    if (source == NULL || destination == NULL)
        return;
    nj_text_put(l->out, NJ_STR(", Src: "));
    put_address(l, source->range);
    nj_text_put(l->out, NJ_STR(", Dst: "));
    put_address(l, destination->range);
}

static void
put_lg(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_put(l->out, l->item->number != 0
                            ? NJ_STR(": Locally administered address (this is NOT the factory "
                                     "default)")
                            : NJ_STR(": Globally unique address (factory default)"));
}

static void
put_ig(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_put(l->out, l->item->number != 0 ? NJ_STR(": Group address (multicast/broadcast)")
                                             : NJ_STR(": Individual address (unicast)"));
}

static void
put_vlan(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_putf(l->out, ", PRI: %" PRIu64 ", DEI: %" PRIu64 ", ID: %" PRIu64,
                 nj_line_number(l, NJ_FIELD_VLAN_PRIORITY), nj_line_number(l, NJ_FIELD_VLAN_DEI),
                 nj_line_number(l, NJ_FIELD_VLAN_ID));
}

static const char *
words_of_priority(uint64_t priority)
{
    static const char *const words[] = {
        "Best Effort (default)",
        "Background",
        "Excellent Effort",
        "Critical Applications",
        "Video, < 100ms latency and jitter",
        "Voice, < 10ms latency and jitter",
        "Internetwork Control",
        "Network Control",
    };

    return priority < NJ_COUNT_OF(words) ? words[priority] : NULL;
}

static void
put_dei(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_put(l->out, l->item->number != 0 ? NJ_STR(": Eligible") : NJ_STR(": Ineligible"));
}

static void
put_cooked(struct nj_line *l)
{
    nj_text_putf(l->out, "Linux cooked capture v%" PRIu64, l->item->number);
}

static const char *
words_of_packet_type(uint64_t type)
{
    static const char *const words[] = {"Unicast to us", "Broadcast", "Multicast",
                                        "Unicast to another host", "Sent by us"};

    return type < NJ_COUNT_OF(words) ? words[type] : NULL;
}

static const char *
words_of_device(uint64_t type)
{
    static const struct word table[] = {{1, "Ethernet"},
                                        {512, "PPP"},
                                        {768, "IPIP tunnel"},
                                        {772, "Loopback"},
                                        {776, "sit0 device - IPv6-in-IPv4"},
                                        {778, "GRE over IP"},
                                        {801, "IEEE 802.11"},
                                        {803, "IEEE 802.11 + radiotap header"},
                                        {65534, "zero header length"}};

    return find_word(table, NJ_COUNT_OF(table), type);
}

static const char *
words_of_family(uint64_t family)
{
    return family == 2 ? "IP" : family == 24 || family == 28 || family == 30 ? "IPv6" : NULL;
}

static const char *
words_of_hardware(uint64_t type)
{
    return type == 1 ? "Ethernet" : NULL;
}

static const char *
words_of_operation(uint64_t operation)
{
    return operation == 1 ? "request" : operation == 2 ? "reply" : NULL;
}

static void
put_arp(struct nj_line *l)
{
    const char *operation = words_of_operation(nj_line_number(l, NJ_FIELD_ARP_OPCODE));

    nj_line_put_label(l);
    if (operation != NULL)
        nj_text_putf(l->out, " (%s)", operation);
}

static void
put_data(struct nj_line *l)
{
    nj_text_put(l->out, NJ_STR("Data ("));
    put_size(l, nj_line_number(l, NJ_FIELD_DATA_LEN));
    nj_text_put(l->out, NJ_STR(")"));
}

static void
put_short(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_putf(l->out, ": %" NJ_STR_FMT " truncated", NJ_STR_ARG(l->item->range));
}

const struct nj_form *
nj_form_of_link(enum nj_field field)
{
/* clang-format off */
#define PUT(function)            {.put = (function)}
#define INFERRED(function)       {.is_inferred = true, .put = (function)}
#define WORDS(function)          {.words = (function)}
#define BITS_PUT(width_, bits, function) {.width = (width_), .mask = (bits), .put = (function)}
    static const struct nj_form forms[NJ_FIELD_COUNT] = {
        [NJ_FIELD_FRAME] = PUT(put_frame),
        [NJ_FIELD_FRAME_ENCAP] = WORDS(words_of_encapsulation),
        [NJ_FIELD_FRAME_OFFSET_SHIFT] = {.is_inferred = true},
        [NJ_FIELD_FRAME_TIME_DELTA] = {.is_inferred = true},
        [NJ_FIELD_FRAME_TIME_DELTA_SHOWN] = {.is_inferred = true},
        [NJ_FIELD_FRAME_TIME_RELATIVE] = {.is_inferred = true},
        [NJ_FIELD_FRAME_LEN] = PUT(put_length),
        [NJ_FIELD_FRAME_CAP_LEN] = PUT(put_length),
        [NJ_FIELD_FRAME_MARKED] = INFERRED(nj_line_put_truth),
        [NJ_FIELD_FRAME_IGNORED] = INFERRED(nj_line_put_truth),
        [NJ_FIELD_FRAME_PROTOCOLS] = {.is_inferred = true},
        [NJ_FIELD_ETH] = PUT(put_ethernet),
        [NJ_FIELD_ETH_DST] = PUT(put_ether),
        [NJ_FIELD_ETH_SRC] = PUT(put_ether),
        [NJ_FIELD_ETH_ADDR] = PUT(put_ether),
        [NJ_FIELD_ETH_DST_LG] = BITS_PUT(24, 0x020000, put_lg),
        [NJ_FIELD_ETH_SRC_LG] = BITS_PUT(24, 0x020000, put_lg),
        [NJ_FIELD_ETH_DST_IG] = BITS_PUT(24, 0x010000, put_ig),
        [NJ_FIELD_ETH_SRC_IG] = BITS_PUT(24, 0x010000, put_ig),
        [NJ_FIELD_ETH_TYPE] = WORDS(words_of_ethertype),
        [NJ_FIELD_VLAN] = PUT(put_vlan),
        [NJ_FIELD_VLAN_PRIORITY] = {.width = 16, .mask = 0xe000, .words = words_of_priority},
        [NJ_FIELD_VLAN_DEI] = BITS_PUT(16, 0x1000, put_dei),
        [NJ_FIELD_VLAN_ID] = {.width = 16, .mask = 0x0fff},
        [NJ_FIELD_VLAN_TYPE] = WORDS(words_of_ethertype),
        [NJ_FIELD_SLL] = PUT(put_cooked),
        [NJ_FIELD_SLL_PACKET_TYPE] = WORDS(words_of_packet_type),
        [NJ_FIELD_SLL_DEVICE_TYPE] = WORDS(words_of_device),
        [NJ_FIELD_SLL_SOURCE] = PUT(put_ether),
        [NJ_FIELD_SLL_TYPE] = WORDS(words_of_ethertype),
        [NJ_FIELD_NULL] = PUT(nj_line_put_label),
        [NJ_FIELD_NULL_FAMILY] = WORDS(words_of_family),
        [NJ_FIELD_RAW] = PUT(nj_line_put_label),
        [NJ_FIELD_ARP] = PUT(put_arp),
        [NJ_FIELD_ARP_HW_TYPE] = WORDS(words_of_hardware),
        [NJ_FIELD_ARP_PROTO_TYPE] = WORDS(words_of_ethertype),
        [NJ_FIELD_ARP_OPCODE] = WORDS(words_of_operation),
        [NJ_FIELD_ARP_SRC_ETHER] = PUT(put_ether),
        [NJ_FIELD_ARP_DST_ETHER] = PUT(put_ether),
        [NJ_FIELD_DATA] = PUT(put_data),
        [NJ_FIELD_DATA_LEN] = {.is_inferred = true},
        [NJ_FIELD_SHORT] = INFERRED(put_short),
        [NJ_FIELD_COMMUNITY_ID] = {.is_inferred = true},
    };
    /* clang-format on */
    return &forms[field];
}
