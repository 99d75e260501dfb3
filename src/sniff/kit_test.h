/* SPDX-License-Identifier: Apache-2.0 */
/* kit_test.h — bytes of packets and captures, for the tests of this room. */
#ifndef NJ_SNIFF_KIT_TEST_H
#define NJ_SNIFF_KIT_TEST_H

#include "base/test.h"

#include "base/writer.h"
#include "sniff/capture/capture.h"
#include "sniff/wire/ip.h"
#include "sniff/wire/link.h"

struct bytes {
    uint8_t p[65536];
    struct nj_writer w;
};

static inline void
bytes_begin(struct bytes *b)
{
    b->w = nj_writer_of(b->p, sizeof(b->p));
}

static inline struct nj_str
bytes_str(const struct bytes *b)
{
    return (struct nj_str){(const char *)b->p, (size_t)(b->w.p - b->p)};
}

/* Numbers in the order of a file, which is the machine's. */
static inline void
put_number(struct bytes *b, bool is_big_endian, uint64_t number, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        nj_write_u8(&b->w, (uint8_t)(number >> 8 * (is_big_endian ? n - 1 - i : i)));
}

/* 10.0.0.1 and 10.0.0.2; `flags` and offset as in the header. */
static inline void
put_ipv4(struct bytes *b, bool is_back, unsigned protocol, unsigned fragment, size_t payload_bytes)
{
    nj_write_u8(&b->w, 0x45);
    nj_write_u8(&b->w, 0);
    nj_write_u16(&b->w, (uint16_t)(20 + payload_bytes));
    nj_write_u16(&b->w, 7);
    nj_write_u16(&b->w, (uint16_t)fragment);
    nj_write_u8(&b->w, 64);
    nj_write_u8(&b->w, (uint8_t)protocol);
    nj_write_u16(&b->w, 0);
    nj_write_u32(&b->w, is_back ? 0x0a000002 : 0x0a000001);
    nj_write_u32(&b->w, is_back ? 0x0a000001 : 0x0a000002);
}

/* Between port 40000 and 1883. */
static inline void
put_tcp(struct bytes *b, bool is_back, unsigned flags, uint32_t seq, uint32_t ack,
        struct nj_str payload)
{
    nj_write_u16(&b->w, is_back ? 1883 : 40000);
    nj_write_u16(&b->w, is_back ? 40000 : 1883);
    nj_write_u32(&b->w, seq);
    nj_write_u32(&b->w, ack);
    nj_write_u16(&b->w, (uint16_t)(0x5000 | flags));
    nj_write_u16(&b->w, 8192);
    nj_write_u32(&b->w, 0);
    nj_write_bytes(&b->w, payload);
}

/* The `number`th frame of a capture, in which one comes each millisecond: a segment in raw IP, made
 * in `b`, which it views. */
static inline struct nj_captured
put_frame(struct bytes *b, uint64_t number, bool is_back, unsigned flags, uint32_t seq,
          uint32_t ack, struct nj_str payload)
{
    bytes_begin(b);
    put_ipv4(b, is_back, NJ_IP_TCP, 0, 20 + payload.n);
    put_tcp(b, is_back, flags, seq, ack, payload);
    return (struct nj_captured){
        .number = number,
        .time_ns = (int64_t)number * 1000000,
        .time_digits = 6,
        .link_type = NJ_LINK_RAW,
        .wire_bytes = (uint32_t)bytes_str(b).n,
        .bytes = bytes_str(b),
    };
}

#endif
