/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a TLS connection, and as a key log beside it. The first byte says how many bytes of
 * key log follow, in sixteens; the rest is what both sides send, in pieces: a byte for the
 * direction (bit 0) and a gap before it (bit 1), one for its length, and so many bytes. */
#include "base/assert.h"
#include "base/mem.h"
#include "base/reader.h"
#include "sniff/payload/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void
read_piece(struct nj_tls_reader *t, struct nj_tls_stream *s, struct nj_reassembly flow[2],
           struct nj_reassembly_pool *pool, unsigned how, struct nj_str piece)
{
    static uint32_t seq[2];
    unsigned direction = how & 1;
    struct nj_tree tree = {0};
    struct nj_text info = {0};
    struct nj_tls_row row = {.info = &info};
    struct nj_ready ready;
    size_t taken;

    if (!flow[direction].is_started)
        seq[direction] = 0;
    if ((how & 2) != 0)
        (void)nj_reassembly_feed(&flow[direction], pool, seq[direction]++, (struct nj_str){NULL, 0},
                                 1);
    ready = nj_reassembly_feed(&flow[direction], pool, seq[direction], piece, (uint32_t)piece.n);
    seq[direction] += (uint32_t)piece.n;
    taken = nj_tls_stream_read(t, s, direction, ready, (how & 4) != 0, pool, &tree, &row);
    NJ_ASSERT(taken <= ready.bytes.n);
    NJ_ASSERT(row.is_awaited == (taken < ready.bytes.n));
    nj_tls_stream_take(s, direction, pool, row.plain.bytes.n / 2);
    nj_reassembly_take(&flow[direction], pool, taken);
    nj_tree_fini(&tree);
    nj_text_fini(&info);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct nj_reader r = nj_reader_of((struct nj_str){(const char *)data, bytes});
    uint64_t before = nj_mem_used();
    struct nj_reassembly flow[2] = {0};
    struct nj_reassembly_pool pool = {0};
    struct nj_keylog *keys;
    struct nj_tls_reader *t;
    struct nj_tls_stream *s;

    NJ_ASSERT(nj_keylog_new(&keys) == NJ_OK && nj_tls_reader_new(&t, keys) == NJ_OK);
    s = nj_tls_stream_new();
    NJ_ASSERT(s != NULL);
    nj_keylog_add(keys, nj_read_bytes(&r, (size_t)nj_read_u8(&r) * 16));
    while (nj_reader_left(&r) > 0) {
        unsigned how = nj_read_u8(&r);
        size_t n = nj_read_u8(&r);

        read_piece(t, s, flow, &pool, how, nj_read_bytes(&r, NJ_MIN(n, nj_reader_left(&r))));
    }
    nj_tls_stream_free(s, &pool);
    for (unsigned i = 0; i < 2; i++)
        nj_reassembly_drop(&flow[i], &pool);
    nj_tls_reader_free(t);
    nj_keylog_free(keys);
    NJ_ASSERT(pool.used == 0 && nj_mem_used() == before);
    return 0;
}
