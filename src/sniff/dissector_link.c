/* SPDX-License-Identifier: Apache-2.0 */
/* dissector_link.c — Ethernet and its like, and ARP on it. */
#include "base/reader.h"
#include "sniff/dissector_priv.h"
#include "sniff/wire/link.h"

#include <stdio.h>

static void
put_ether(char out[NJ_SNIFF_ADDRESS_BYTES], struct nj_str address)
{
    const uint8_t *p = (const uint8_t *)address.p;

    if (address.n == 6)
        (void)snprintf(out, NJ_SNIFF_ADDRESS_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x", p[0], p[1],
                       p[2], p[3], p[4], p[5]);
}

static void
put_arp_fields(struct nj_tree *tree, struct nj_str packet)
{
    nj_tree_bytes(tree, NJ_FIELD_ARP, (struct nj_str){NULL, 0});
    tree->depth++;
    nj_tree_read(tree, NJ_FIELD_ARP_HW_TYPE, packet, 0, 2);
    nj_tree_read(tree, NJ_FIELD_ARP_PROTO_TYPE, packet, 2, 2);
    nj_tree_read(tree, NJ_FIELD_ARP_HW_SIZE, packet, 4, 1);
    nj_tree_read(tree, NJ_FIELD_ARP_PROTO_SIZE, packet, 5, 1);
    nj_tree_read(tree, NJ_FIELD_ARP_OPCODE, packet, 6, 2);
    nj_tree_bytes(tree, NJ_FIELD_ARP_SRC_ETHER, (struct nj_str){packet.p + 8, 6});
    nj_tree_bytes(tree, NJ_FIELD_ARP_SRC_IP, (struct nj_str){packet.p + 14, 4});
    nj_tree_bytes(tree, NJ_FIELD_ARP_DST_ETHER, (struct nj_str){packet.p + 18, 6});
    nj_tree_bytes(tree, NJ_FIELD_ARP_DST_IP, (struct nj_str){packet.p + 24, 4});
    tree->depth--;
}

/* Who has an address of IPv4 on Ethernet? All others are only named. */
static void
read_arp(struct nj_dissector *d, struct nj_str packet)
{
    struct nj_reader r = nj_reader_of(packet);
    uint32_t kinds = nj_read_u32(&r);
    unsigned sizes = nj_read_u16(&r);
    unsigned operation = nj_read_u16(&r);
    struct nj_str sender_ether = nj_read_bytes(&r, 6), sender = nj_read_bytes(&r, 4);
    struct nj_str target;
    char of_sender[NJ_IP_TEXT_BYTES], of_target[NJ_IP_TEXT_BYTES], ether[NJ_SNIFF_ADDRESS_BYTES];

    (void)nj_read_bytes(&r, 6);
    target = nj_read_bytes(&r, 4);
    d->out.protocol = "ARP";
    if (r.is_short || kinds != 0x00010800 || sizes != 0x0604)
        return;
    put_arp_fields(&d->out.tree, packet);
    nj_ip_address_text(sender, of_sender);
    nj_ip_address_text(target, of_target);
    put_ether(ether, sender_ether);
    if (operation == 1)
        nj_text_putf(&d->out.info, "Who has %s? Tell %s", of_target, of_sender);
    else if (operation == 2)
        nj_text_putf(&d->out.info, "%s is at %s", of_sender, ether);
}

static void
put_address_bits(struct nj_tree *tree, struct nj_str frame, size_t at, enum nj_field lg,
                 enum nj_field ig)
{
    tree->depth++;
    nj_tree_bytes(tree, NJ_FIELD_ETH_ADDR, (struct nj_str){frame.p + at, 6});
    nj_tree_bits(tree, lg, frame, at, 3, 0x020000);
    nj_tree_bits(tree, NJ_FIELD_ETH_LG, frame, at, 3, 0x020000);
    nj_tree_bits(tree, ig, frame, at, 3, 0x010000);
    nj_tree_bits(tree, NJ_FIELD_ETH_IG, frame, at, 3, 0x010000);
    tree->depth--;
}

#define LEAST_FRAME_BYTES 60u /* without its checksum: shorter ones are padded */

/* What stands behind the packet, if it says where it ends. */
static void
put_padding(struct nj_tree *tree, const struct nj_captured *frame, const struct nj_link *l)
{
    struct nj_reader r = nj_reader_of(l->payload);
    size_t bytes = 28; /* of ARP */

    if (l->ethertype == NJ_ETHERTYPE_IPV4) {
        (void)nj_read_u16(&r);
        bytes = nj_read_u16(&r);
    } else if (l->ethertype == NJ_ETHERTYPE_IPV6) {
        (void)nj_read_u32(&r);
        bytes = nj_read_u16(&r) + 40u;
    } else if (l->ethertype != NJ_ETHERTYPE_ARP) {
        return;
    }
    if (r.is_short || bytes == 0 || bytes >= l->payload.n || frame->bytes.n < frame->wire_bytes)
        return;
    nj_tree_bytes(
        tree, frame->wire_bytes <= LEAST_FRAME_BYTES ? NJ_FIELD_ETH_PADDING : NJ_FIELD_ETH_TRAILER,
        nj_str_from(l->payload, bytes));
}

static void
put_ethernet(struct nj_tree *tree, const struct nj_captured *frame, const struct nj_link *l)
{
    struct nj_str bytes = frame->bytes;

    nj_tree_bytes(tree, NJ_FIELD_ETH, (struct nj_str){NULL, 0});
    tree->depth++;
    nj_tree_bytes(tree, NJ_FIELD_ETH_DST, l->destination);
    put_address_bits(tree, bytes, 0, NJ_FIELD_ETH_DST_LG, NJ_FIELD_ETH_DST_IG);
    nj_tree_bytes(tree, NJ_FIELD_ETH_SRC, l->source);
    put_address_bits(tree, bytes, 6, NJ_FIELD_ETH_SRC_LG, NJ_FIELD_ETH_SRC_IG);
    nj_tree_read(tree, NJ_FIELD_ETH_TYPE, bytes, 12, 2);
    put_padding(tree, frame, l);
    tree->depth--;
    for (unsigned i = 0; i < l->vlan_count; i++) {
        size_t at = 14 + 4 * i;

        nj_tree_bytes(tree, NJ_FIELD_VLAN, (struct nj_str){NULL, 0});
        tree->depth++;
        nj_tree_bits(tree, NJ_FIELD_VLAN_PRIORITY, bytes, at, 2, 0xe000);
        nj_tree_bits(tree, NJ_FIELD_VLAN_DEI, bytes, at, 2, 0x1000);
        nj_tree_bits(tree, NJ_FIELD_VLAN_ID, bytes, at, 2, 0x0fff);
        nj_tree_read(tree, NJ_FIELD_VLAN_TYPE, bytes, at + 2, 2);
        tree->depth--;
    }
}

static void
put_cooked_source(struct nj_tree *tree, const struct nj_link *l, struct nj_str bytes, size_t at)
{
    if (l->source.n == 6)
        nj_tree_bytes(tree, NJ_FIELD_SLL_SOURCE, l->source);
    if (l->source.n < 8)
        nj_tree_bytes(tree, NJ_FIELD_SLL_UNUSED,
                      (struct nj_str){bytes.p + at + l->source.n, 8 - l->source.n});
}

static void
put_cooked_1(struct nj_tree *tree, struct nj_str bytes, const struct nj_link *l)
{
    nj_tree_number(tree, NJ_FIELD_SLL, 1, (struct nj_str){NULL, 0});
    tree->depth++;
    nj_tree_read(tree, NJ_FIELD_SLL_PACKET_TYPE, bytes, 0, 2);
    nj_tree_read(tree, NJ_FIELD_SLL_DEVICE_TYPE, bytes, 2, 2);
    nj_tree_read(tree, NJ_FIELD_SLL_ADDRESS_LEN, bytes, 4, 2);
    put_cooked_source(tree, l, bytes, 6);
    nj_tree_read(tree, NJ_FIELD_SLL_TYPE, bytes, 14, 2);
    tree->depth--;
}

static void
put_cooked_2(struct nj_tree *tree, struct nj_str bytes, const struct nj_link *l)
{
    nj_tree_number(tree, NJ_FIELD_SLL, 2, (struct nj_str){NULL, 0});
    tree->depth++;
    nj_tree_read(tree, NJ_FIELD_SLL_TYPE, bytes, 0, 2);
    nj_tree_read(tree, NJ_FIELD_SLL_INTERFACE, bytes, 4, 4);
    nj_tree_read(tree, NJ_FIELD_SLL_DEVICE_TYPE, bytes, 8, 2);
    nj_tree_read(tree, NJ_FIELD_SLL_PACKET_TYPE, bytes, 10, 1);
    nj_tree_read(tree, NJ_FIELD_SLL_ADDRESS_LEN, bytes, 11, 1);
    put_cooked_source(tree, l, bytes, 12);
    tree->depth--;
}

/* In the order of the machine that captured: the bytes that are 0 say which it was. */
static void
put_null(struct nj_tree *tree, struct nj_str bytes)
{
    struct nj_reader r = nj_reader_of(bytes);
    uint32_t family = nj_read_u32(&r);

    if (family > 0xffff)
        family = __builtin_bswap32(family);
    nj_tree_bytes(tree, NJ_FIELD_NULL, (struct nj_str){NULL, 0});
    tree->depth++;
    nj_tree_number(tree, NJ_FIELD_NULL_FAMILY, family, (struct nj_str){bytes.p, 4});
    tree->depth--;
}

static void
put_link_fields(struct nj_tree *tree, const struct nj_captured *frame, const struct nj_link *l)
{
    switch (frame->link_type) {
    case NJ_LINK_ETHERNET:
        put_ethernet(tree, frame, l);
        break;
    case NJ_LINK_LINUX_SLL:
        put_cooked_1(tree, frame->bytes, l);
        break;
    case NJ_LINK_LINUX_SLL2:
        put_cooked_2(tree, frame->bytes, l);
        break;
    case NJ_LINK_NULL:
    case NJ_LINK_LOOP:
        put_null(tree, frame->bytes);
        break;
    default:
        nj_tree_bytes(tree, NJ_FIELD_RAW, (struct nj_str){NULL, 0});
        break;
    }
}

void
nj_dissector_read_link(struct nj_dissector *d)
{
    struct nj_link l;

    if (!nj_link_read(d->out.frame.link_type, d->out.frame.bytes, &l)) {
        if (!nj_link_is_known(d->out.frame.link_type))
            nj_text_putf(&d->out.info, "Link type %u is not known", d->out.frame.link_type);
        else
            nj_text_put(&d->out.info, NJ_STR("[Packet size limited during capture]"));
        return;
    }
    put_link_fields(&d->out.tree, &d->out.frame, &l);
    put_ether(d->out.source, l.source);
    put_ether(d->out.destination, l.destination);
    if (l.ethertype == NJ_ETHERTYPE_IPV4 || l.ethertype == NJ_ETHERTYPE_IPV6)
        nj_dissector_read_ip(d, l.payload);
    else if (l.ethertype == NJ_ETHERTYPE_ARP)
        read_arp(d, l.payload);
    else
        nj_text_putf(&d->out.info, "Ethertype 0x%04x", l.ethertype);
}
