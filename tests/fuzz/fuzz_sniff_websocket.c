/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a connection that is upgraded to WebSocket: what both sides send, in pieces: a byte
 * for the direction (bit 0), a gap before it (bit 1), a cut frame (bit 2) and a place to join it
 * (bit 3), one for its length, and so many bytes. */
#include "base/assert.h"
#include "base/mem.h"
#include "base/reader.h"
#include "sniff/payload/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void
read_piece(struct nj_websocket_stream *s, struct nj_reassembly flow[2], uint32_t seq[2],
           struct nj_reassembly_pool *pool, unsigned how, struct nj_str piece)
{
    unsigned direction = how & 1;
    struct nj_tree tree = {0};
    struct nj_text info = {0}, message = {0};
    bool is_client = false;
    struct nj_websocket_row row = {.info = &info};
    struct nj_ready ready;
    size_t taken = 0;
    unsigned calls = 0;

    if ((how & 2) != 0)
        (void)nj_reassembly_feed(&flow[direction], pool, seq[direction]++, (struct nj_str){NULL, 0},
                                 1);
    ready = nj_reassembly_feed(&flow[direction], pool, seq[direction], piece, (uint32_t)piece.n);
    seq[direction] += (uint32_t)piece.n;
    if ((how & 8) != 0 && nj_websocket_begins(ready.bytes, &message, &is_client))
        nj_websocket_stream_join(s, is_client ? direction : 1 - direction);
    do {
        struct nj_ready rest = {nj_str_from(ready.bytes, taken), ready.is_new,
                                ready.is_behind_gap && taken == 0};

        taken += nj_websocket_stream_read(s, direction, rest, (how & 4) != 0, pool, &tree, &row);
        NJ_ASSERT(taken <= ready.bytes.n && calls++ <= ready.bytes.n);
        nj_websocket_stream_take(s, direction, pool, row.plain.bytes.n / 2);
    } while (row.has_more);
    NJ_ASSERT(row.is_awaited == (taken < ready.bytes.n));
    nj_reassembly_take(&flow[direction], pool, taken);
    nj_tree_fini(&tree);
    nj_text_fini(&info);
    nj_text_fini(&message);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct nj_reader r = nj_reader_of((struct nj_str){(const char *)data, bytes});
    uint64_t before = nj_mem_used();
    struct nj_reassembly flow[2] = {0};
    struct nj_reassembly_pool pool = {0};
    uint32_t seq[2] = {0};
    struct nj_websocket_stream *s = nj_websocket_stream_new();

    NJ_ASSERT(s != NULL);
    while (nj_reader_left(&r) > 0) {
        unsigned how = nj_read_u8(&r);
        size_t n = nj_read_u8(&r);

        read_piece(s, flow, seq, &pool, how, nj_read_bytes(&r, NJ_MIN(n, nj_reader_left(&r))));
    }
    nj_websocket_stream_free(s, &pool);
    for (unsigned i = 0; i < 2; i++)
        nj_reassembly_drop(&flow[i], &pool);
    NJ_ASSERT(pool.used == 0 && nj_mem_used() == before);
    return 0;
}
