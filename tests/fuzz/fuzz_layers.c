/* SPDX-License-Identifier: Apache-2.0 */
/* Any segments on one connection: two bytes say where each begins and which side sends it, one how
 * long it is. Whatever the order, what is put out stays within the ceilings. */
#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/writer.h"
#include "sniff/dissector.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct nj_str
segment(uint8_t p[static 512], struct nj_reader *r)
{
    unsigned where = nj_read_u16(r);
    struct nj_str payload = nj_read_bytes(r, NJ_MIN(nj_read_u8(r), nj_reader_left(r)));
    bool is_back = (where & 1) != 0;
    unsigned flags = (where & 2) != 0 ? 0x02 : 0x18;
    struct nj_writer w = nj_writer_of(p, 512);

    nj_write_u16(&w, 0x4500);
    nj_write_u16(&w, (uint16_t)(40 + payload.n));
    nj_write_u32(&w, 0);
    nj_write_u32(&w, 0x40060000);
    nj_write_u32(&w, is_back ? 0x0a000002 : 0x0a000001);
    nj_write_u32(&w, is_back ? 0x0a000001 : 0x0a000002);
    nj_write_u16(&w, is_back ? 1883 : 40000);
    nj_write_u16(&w, is_back ? 40000 : 1883);
    nj_write_u32(&w, 0xffffff00 + (where >> 4));
    nj_write_u32(&w, 0xffffff00 + (where >> 3 & 1) * 4096);
    nj_write_u16(&w, (uint16_t)(0x5000 | flags));
    nj_write_u16(&w, 1000);
    nj_write_u32(&w, 0);
    nj_write_bytes(&w, payload);
    return (struct nj_str){(const char *)p, (size_t)(w.p - p)};
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct nj_reader r = nj_reader_of((struct nj_str){(const char *)data, bytes});
    uint64_t before = nj_mem_used();
    struct nj_dissector *d;
    uint8_t p[512];

    nj_hash_key_set(1, 2);
    NJ_ASSERT(nj_dissector_new(&d) == NJ_OK);
    for (uint64_t number = 1; nj_reader_left(&r) >= 3; number++) {
        struct nj_captured f = {.number = number, .link_type = 101, .bytes = segment(p, &r)};
        struct nj_text text = {0};
        const struct nj_dissected *dissected;

        f.wire_bytes = (uint32_t)f.bytes.n;
        dissected = nj_dissector_read(d, &f);
        for (size_t i = 0; i < dissected->tree.count; i++) {
            nj_text_clear(&text);
            nj_item_put_shown(&text, &dissected->tree.item[i]);
        }
        nj_text_fini(&text);
    }
    nj_dissector_free(d);
    NJ_ASSERT(nj_mem_used() == before);
    return 0;
}
