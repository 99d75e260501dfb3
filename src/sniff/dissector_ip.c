/* SPDX-License-Identifier: Apache-2.0 */
/* dissector_ip.c — a packet of IP, and what it carries but TCP. */
#include "base/reader.h"
#include "sniff/dissector_priv.h"

static const char *
name_of_protocol(unsigned protocol)
{
    switch (protocol) {
    case NJ_IP_ICMP:
        return "ICMP";
    case NJ_IP_TCP:
        return "TCP";
    case NJ_IP_UDP:
        return "UDP";
    case NJ_IP_ICMPV6:
        return "ICMPv6";
    default:
        return "IP";
    }
}

static void
put_v4_fields(struct nj_tree *tree, struct nj_str header, const struct nj_ip *ip)
{
    nj_tree_bytes(tree, NJ_FIELD_IP, (struct nj_str){NULL, 0});
    tree->depth++;
    nj_tree_bits(tree, NJ_FIELD_IP_VERSION, header, 0, 1, 0xf0);
    nj_tree_number(tree, NJ_FIELD_IP_HDR_LEN, ((uint8_t)header.p[0] & 0xf) * 4u,
                   (struct nj_str){header.p, 1});
    nj_tree_read(tree, NJ_FIELD_IP_DSFIELD, header, 1, 1);
    tree->depth++;
    nj_tree_bits(tree, NJ_FIELD_IP_DSCP, header, 1, 1, 0xfc);
    nj_tree_bits(tree, NJ_FIELD_IP_ECN, header, 1, 1, 0x03);
    tree->depth--;
    nj_tree_read(tree, NJ_FIELD_IP_LEN, header, 2, 2);
    nj_tree_read(tree, NJ_FIELD_IP_ID, header, 4, 2);
    nj_tree_bits(tree, NJ_FIELD_IP_FLAGS, header, 6, 1, 0xe0);
    tree->depth++;
    nj_tree_bits(tree, NJ_FIELD_IP_FLAGS_RB, header, 6, 1, 0x80);
    nj_tree_bits(tree, NJ_FIELD_IP_FLAGS_DF, header, 6, 1, 0x40);
    nj_tree_bits(tree, NJ_FIELD_IP_FLAGS_MF, header, 6, 1, 0x20);
    tree->depth--;
    nj_tree_bits(tree, NJ_FIELD_IP_FRAG_OFFSET, header, 6, 2, 0x1fff);
    nj_tree_read(tree, NJ_FIELD_IP_TTL, header, 8, 1);
    nj_tree_read(tree, NJ_FIELD_IP_PROTO, header, 9, 1);
    nj_tree_read(tree, NJ_FIELD_IP_CHECKSUM, header, 10, 2);
    nj_tree_number(tree, NJ_FIELD_IP_CHECKSUM_STATUS, NJ_CHECKSUM_UNVERIFIED,
                   (struct nj_str){NULL, 0});
    nj_tree_bytes(tree, NJ_FIELD_IP_SRC, ip->source);
    nj_tree_bytes(tree, NJ_FIELD_IP_ADDR, ip->source);
    nj_tree_bytes(tree, NJ_FIELD_IP_DST, ip->destination);
    nj_tree_bytes(tree, NJ_FIELD_IP_ADDR, ip->destination);
    tree->depth--;
}

static void
put_v6_fields(struct nj_tree *tree, struct nj_str header, const struct nj_ip *ip)
{
    nj_tree_bytes(tree, NJ_FIELD_IPV6, (struct nj_str){NULL, 0});
    tree->depth++;
    nj_tree_bits(tree, NJ_FIELD_IPV6_VERSION, header, 0, 1, 0xf0);
    nj_tree_bits(tree, NJ_FIELD_IPV6_TCLASS, header, 0, 4, 0x0ff00000);
    tree->depth++;
    nj_tree_bits(tree, NJ_FIELD_IPV6_DSCP, header, 0, 4, 0x0fc00000);
    nj_tree_bits(tree, NJ_FIELD_IPV6_ECN, header, 0, 4, 0x00300000);
    tree->depth--;
    nj_tree_bits(tree, NJ_FIELD_IPV6_FLOW, header, 1, 3, 0x0fffff);
    nj_tree_read(tree, NJ_FIELD_IPV6_PLEN, header, 4, 2);
    nj_tree_read(tree, NJ_FIELD_IPV6_NXT, header, 6, 1);
    nj_tree_read(tree, NJ_FIELD_IPV6_HLIM, header, 7, 1);
    nj_tree_bytes(tree, NJ_FIELD_IPV6_SRC, ip->source);
    nj_tree_bytes(tree, NJ_FIELD_IPV6_ADDR, ip->source);
    nj_tree_bytes(tree, NJ_FIELD_IPV6_DST, ip->destination);
    nj_tree_bytes(tree, NJ_FIELD_IPV6_ADDR, ip->destination);
    tree->depth--;
}

static void
put_fragment(struct nj_dissector *d, const struct nj_ip *ip)
{
    d->out.protocol = ip->version == 4 ? "IPv4" : "IPv6";
    if (ip->version == 4)
        nj_text_putf(&d->out.info, "Fragmented IP protocol (proto=%s %u, off=%u, ID=%04x)",
                     name_of_protocol(ip->protocol), ip->protocol, ip->fragment_offset,
                     ip->identification);
    else
        nj_text_putf(&d->out.info, "IPv6 fragment (off=%u more=%c ident=0x%08x nxt=%u)",
                     ip->fragment_offset, ip->has_more ? 'y' : 'n', ip->identification,
                     ip->protocol);
}

void
nj_dissector_read_ip(struct nj_dissector *d, struct nj_str packet)
{
    struct nj_ip ip;

    if (!nj_ip_read(packet, &ip)) {
        nj_text_put(&d->out.info, NJ_STR("[Malformed Packet]"));
        return;
    }
    nj_ip_address_text(ip.source, d->out.source);
    nj_ip_address_text(ip.destination, d->out.destination);
    if (ip.version == 4)
        put_v4_fields(&d->out.tree, packet, &ip);
    else
        put_v6_fields(&d->out.tree, packet, &ip);
    if (ip.is_fragment && !nj_fragments_add(d->fragments, &ip)) {
        put_fragment(d, &ip);
        nj_dissector_put_data(d, ip.payload);
        return;
    }
    if (ip.protocol == NJ_IP_TCP) {
        nj_dissector_read_tcp(d, &ip);
        return;
    }
    d->out.protocol = name_of_protocol(ip.protocol);
    if (ip.protocol == NJ_IP_UDP && ip.payload.n >= 8) {
        struct nj_reader r = nj_reader_of(ip.payload);
        unsigned from = nj_read_u16(&r), to = nj_read_u16(&r), length = nj_read_u16(&r);

        nj_text_putf(&d->out.info, "%u \xe2\x86\x92 %u Len=%u", from, to,
                     length >= 8 ? length - 8 : 0);
        nj_community_id(&ip, (uint16_t)from, (uint16_t)to, d->community_id);
    }
}
