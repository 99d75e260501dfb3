/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/wire/community_id.h"

#include "base/base64.h"
#include "base/writer.h"

#include <stdio.h>

#define BLOCK_BYTES 64u
#define HASH_BYTES  20u

static uint32_t
rotate(uint32_t v, unsigned bits)
{
    return v << bits | v >> (32 - bits);
}

/* SHA-1 (FIPS 180-4) of a message that is one block with its padding. A name is made here, nothing
 * is protected. */
static void
hash_block(const uint8_t block[BLOCK_BYTES], uint8_t out[HASH_BYTES])
{
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], w[80];

    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (unsigned i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (unsigned i = 0; i < 80; i++) {
        uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                     : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                     : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                              : (b ^ c ^ d) + 0xca62c1d6;
        uint32_t next = rotate(a, 5) + f + e + w[i];

        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
    for (unsigned i = 0; i < HASH_BYTES; i++)
        out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

/* The lower address first, and of one address the lower port: so both directions are the same. */
static bool
is_lower_first(const struct nj_ip *ip, uint16_t source_port, uint16_t destination_port)
{
    int order = memcmp(ip->source.p, ip->destination.p, ip->source.n);

    return order < 0 || (order == 0 && source_port < destination_port);
}

void
nj_community_id(const struct nj_ip *ip, uint16_t source_port, uint16_t destination_port,
                char out[NJ_COMMUNITY_ID_BYTES])
{
    bool is_in_order = is_lower_first(ip, source_port, destination_port);
    uint8_t block[BLOCK_BYTES] = {0}, hash[HASH_BYTES];
    struct nj_writer w = nj_writer_of(block, sizeof(block));
    char text[NJ_BASE64_ROOM(HASH_BYTES)];
    size_t bytes;

    nj_write_u16(&w, 0); /* the seed */
    nj_write_bytes(&w, is_in_order ? ip->source : ip->destination);
    nj_write_bytes(&w, is_in_order ? ip->destination : ip->source);
    nj_write_u8(&w, (uint8_t)ip->protocol);
    nj_write_u8(&w, 0);
    nj_write_u16(&w, is_in_order ? source_port : destination_port);
    nj_write_u16(&w, is_in_order ? destination_port : source_port);
    bytes = (size_t)(w.p - block);
    nj_write_u8(&w, 0x80);
    block[BLOCK_BYTES - 2] = (uint8_t)(bytes * 8 >> 8);
    block[BLOCK_BYTES - 1] = (uint8_t)(bytes * 8);
    hash_block(block, hash);
    (void)nj_base64_encode(text, (struct nj_str){(const char *)hash, sizeof(hash)},
                           NJ_BASE64_PADDED);
    (void)snprintf(out, NJ_COMMUNITY_ID_BYTES, "1:%s", text);
}
