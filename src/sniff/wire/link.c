/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/wire/link.h"

#include "base/reader.h"

enum {
    TAG_8021Q = 0x8100,
    TAG_8021AD = 0x88a8,
    TAG_QINQ_OLD = 0x9100,
};

static void
read_ethernet(struct nj_reader *r, struct nj_link *out)
{
    out->destination = nj_read_bytes(r, 6);
    out->source = nj_read_bytes(r, 6);
    out->ethertype = nj_read_u16(r);
    while (out->vlan_count < NJ_LINK_VLANS_MAX &&
           (out->ethertype == TAG_8021Q || out->ethertype == TAG_8021AD ||
            out->ethertype == TAG_QINQ_OLD)) {
        out->vlan[out->vlan_count++] = nj_read_u16(r);
        out->ethertype = nj_read_u16(r);
    }
}

static void
read_linux_sll(struct nj_reader *r, struct nj_link *out)
{
    size_t address_bytes;

    (void)nj_read_u32(r); /* direction, kind of device */
    address_bytes = nj_read_u16(r);
    out->source = nj_read_bytes(r, 8);
    out->source.n = NJ_MIN(out->source.n, address_bytes);
    out->ethertype = nj_read_u16(r);
}

static void
read_linux_sll2(struct nj_reader *r, struct nj_link *out)
{
    size_t address_bytes;

    out->ethertype = nj_read_u16(r);
    (void)nj_read_bytes(r, 2 + 4 + 2 + 1); /* reserved, interface, kind of device, direction */
    address_bytes = nj_read_u8(r);
    out->source = nj_read_bytes(r, 8);
    out->source.n = NJ_MIN(out->source.n, address_bytes);
}

/* The number of an address family, in the order of the machine that captured. Those of IPv6 differ
 * from system to system. */
static void
read_null(struct nj_reader *r, struct nj_link *out)
{
    uint32_t family = nj_read_u32(r);

    if (family > 0xffff)
        family = __builtin_bswap32(family);
    if (family == 2)
        out->ethertype = NJ_ETHERTYPE_IPV4;
    if (family == 10 || family == 24 || family == 28 || family == 30)
        out->ethertype = NJ_ETHERTYPE_IPV6;
}

/* No header at all: the first four bits of an IP packet are its version. */
static void
read_raw(const struct nj_reader *r, struct nj_link *out)
{
    unsigned version = nj_reader_left(r) > 0 ? *r->p >> 4 : 0;

    out->ethertype = version == 4 ? NJ_ETHERTYPE_IPV4 : version == 6 ? NJ_ETHERTYPE_IPV6 : 0;
}

bool
nj_link_is_known(uint32_t link_type)
{
    struct nj_link ignored;

    return nj_link_read(link_type, NJ_STR("1234567890123456789012345678"), &ignored);
}

bool
nj_link_read(uint32_t link_type, struct nj_str frame, struct nj_link *out)
{
    struct nj_reader r = nj_reader_of(frame);

    *out = (struct nj_link){0};
    switch (link_type) {
    case NJ_LINK_ETHERNET:
        read_ethernet(&r, out);
        break;
    case NJ_LINK_LINUX_SLL:
        read_linux_sll(&r, out);
        break;
    case NJ_LINK_LINUX_SLL2:
        read_linux_sll2(&r, out);
        break;
    case NJ_LINK_NULL:
    case NJ_LINK_LOOP:
        read_null(&r, out);
        break;
    case NJ_LINK_RAW:
    case NJ_LINK_RAW_BSD:
    case NJ_LINK_RAW_OPENBSD:
        read_raw(&r, out);
        break;
    case NJ_LINK_IPV4:
        out->ethertype = NJ_ETHERTYPE_IPV4;
        break;
    case NJ_LINK_IPV6:
        out->ethertype = NJ_ETHERTYPE_IPV6;
        break;
    default:
        return false;
    }
    out->payload = nj_read_bytes(&r, nj_reader_left(&r));
    return !r.is_short;
}
