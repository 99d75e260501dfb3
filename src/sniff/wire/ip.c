/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/wire/ip.h"

#include "base/reader.h"

#include <arpa/inet.h>

enum {
    HOP_BY_HOP = 0,
    ROUTING = 43,
    FRAGMENT = 44,
    AUTHENTICATION = 51,
    DESTINATION_OPTIONS = 60,
    MOBILITY = 135,
};

#define MORE_FRAGMENTS 0x2000u
#define OFFSET_OF_8    0x1fffu

/* What is left is the payload, but for what the link added; `bytes` long on the wire. */
static void
take_payload(struct nj_reader *r, size_t bytes, struct nj_ip *out)
{
    out->wire_payload_bytes = (uint32_t)bytes;
    out->payload = nj_read_bytes(r, NJ_MIN(bytes, nj_reader_left(r)));
}

static bool
read_v4(struct nj_reader *r, struct nj_ip *out)
{
    size_t before = nj_reader_left(r);
    size_t header_bytes = (size_t)(nj_read_u8(r) & 0xf) * 4;
    size_t total_bytes;
    unsigned fragment;

    (void)nj_read_u8(r); /* services */
    total_bytes = nj_read_u16(r);
    out->identification = nj_read_u16(r);
    fragment = nj_read_u16(r);
    (void)nj_read_u8(r); /* time to live */
    out->protocol = nj_read_u8(r);
    (void)nj_read_u16(r); /* checksum */
    out->source = nj_read_bytes(r, 4);
    out->destination = nj_read_bytes(r, 4);
    if (header_bytes < 20)
        return false;
    (void)nj_read_bytes(r, header_bytes - 20);
    out->has_more = (fragment & MORE_FRAGMENTS) != 0;
    out->fragment_offset = (fragment & OFFSET_OF_8) * 8;
    out->is_fragment = out->has_more || out->fragment_offset != 0;
    if (total_bytes == 0) /* the network card has yet to cut it into packets */
        total_bytes = before;
    if (r->is_short || total_bytes < header_bytes)
        return false;
    take_payload(r, total_bytes - header_bytes, out);
    return true;
}

static bool
read_v6(struct nj_reader *r, struct nj_ip *out)
{
    size_t bytes, left_before;
    unsigned offset;

    (void)nj_read_u32(r); /* version, class, flow */
    bytes = nj_read_u16(r);
    out->protocol = nj_read_u8(r);
    (void)nj_read_u8(r); /* hop limit */
    out->source = nj_read_bytes(r, 16);
    out->destination = nj_read_bytes(r, 16);
    if (bytes == 0) /* a jumbogram, or one that is yet to be cut */
        bytes = nj_reader_left(r);
    while (!r->is_short && !out->is_fragment) {
        unsigned next;

        left_before = nj_reader_left(r);
        switch (out->protocol) {
        case HOP_BY_HOP:
        case ROUTING:
        case DESTINATION_OPTIONS:
        case MOBILITY:
            next = nj_read_u8(r);
            (void)nj_read_bytes(r, (size_t)nj_read_u8(r) * 8 + 6);
            break;
        case AUTHENTICATION:
            next = nj_read_u8(r);
            (void)nj_read_bytes(r, (size_t)nj_read_u8(r) * 4 + 6);
            break;
        case FRAGMENT:
            next = nj_read_u8(r);
            (void)nj_read_u8(r);
            offset = nj_read_u16(r);
            out->identification = nj_read_u32(r);
            out->fragment_offset = offset & ~7u;
            out->has_more = (offset & 1) != 0;
            /* Whole in spite of its header: an atomic fragment (RFC 6946). */
            out->is_fragment = out->has_more || out->fragment_offset != 0;
            break;
        default:
            take_payload(r, bytes, out);
            return true;
        }
        if (left_before - nj_reader_left(r) > bytes)
            return false;
        bytes -= left_before - nj_reader_left(r);
        out->protocol = next;
    }
    if (r->is_short)
        return false;
    take_payload(r, bytes, out);
    return true;
}

bool
nj_ip_read(struct nj_str packet, struct nj_ip *out)
{
    struct nj_reader r = nj_reader_of(packet);

    *out = (struct nj_ip){0};
    if (packet.n == 0)
        return false;
    out->version = *r.p >> 4;
    if (out->version == 4)
        return read_v4(&r, out);
    return out->version == 6 && read_v6(&r, out);
}

void
nj_ip_address_text(struct nj_str address, char text[NJ_IP_TEXT_BYTES])
{
    int family = address.n == 4 ? AF_INET : AF_INET6;

    if ((address.n != 4 && address.n != 16) ||
        inet_ntop(family, address.p, text, NJ_IP_TEXT_BYTES) == NULL)
        text[0] = '\0';
}
