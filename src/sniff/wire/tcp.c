/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/wire/tcp.h"

#include "base/reader.h"

#define HEADER_BYTES 20u

bool
nj_tcp_read(struct nj_str bytes, uint32_t wire_bytes, struct nj_tcp *out)
{
    struct nj_reader r = nj_reader_of(bytes);
    unsigned offset_and_flags;
    size_t header_bytes;

    *out = (struct nj_tcp){0};
    out->source_port = nj_read_u16(&r);
    out->destination_port = nj_read_u16(&r);
    out->seq = nj_read_u32(&r);
    out->ack = nj_read_u32(&r);
    offset_and_flags = nj_read_u16(&r);
    out->window = nj_read_u16(&r);
    (void)nj_read_u32(&r); /* checksum, urgent pointer */
    header_bytes = (size_t)(offset_and_flags >> 12) * 4;
    out->flags = offset_and_flags & 0x1ff;
    if (r.is_short || header_bytes < HEADER_BYTES || header_bytes > wire_bytes)
        return false;
    out->options = nj_read_bytes(&r, header_bytes - HEADER_BYTES);
    out->wire_payload_bytes = wire_bytes - (uint32_t)header_bytes;
    out->payload = nj_read_bytes(&r, NJ_MIN(nj_reader_left(&r), (size_t)out->wire_payload_bytes));
    return !r.is_short;
}

bool
nj_tcp_next_option(struct nj_str *rest, struct nj_tcp_option *out)
{
    struct nj_reader r = nj_reader_of(*rest);
    unsigned kind = nj_read_u8(&r);
    size_t bytes;

    while (kind == 1 && !r.is_short) /* padding between options */
        kind = nj_read_u8(&r);
    if (r.is_short || kind == 0)
        return false;
    bytes = nj_read_u8(&r);
    out->kind = kind;
    out->value = nj_read_bytes(&r, bytes >= 2 ? bytes - 2 : SIZE_MAX);
    *rest = nj_read_bytes(&r, nj_reader_left(&r));
    return !r.is_short;
}

int
nj_tcp_window_scale(const struct nj_tcp *t)
{
    struct nj_str rest = t->options;
    struct nj_tcp_option o;

    while (nj_tcp_next_option(&rest, &o))
        if (o.kind == NJ_TCP_OPTION_WINDOW_SCALE && o.value.n == 1)
            return NJ_MIN((uint8_t)o.value.p[0], NJ_TCP_SCALE_MAX);
    return -1;
}
