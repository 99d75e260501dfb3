/* SPDX-License-Identifier: Apache-2.0 */
/* out.h — what waits to be written to one connection.
 *
 *   out ─► [block 4 KiB] ─► [reference to a payload] ─► [block] …
 *
 * Small packets are copied into blocks that come from a pool of the worker's, large payloads are
 * referenced. A connection without output owns no block: an idle one costs the struct alone.
 * Thread: the worker's. */
#ifndef NJ_IO_OUT_H
#define NJ_IO_OUT_H

#include "base/str.h"
#include "io/reactor.h"

struct nj_out_pool;
struct nj_out_block;

/* Keeps up to `max_free` empty blocks for reuse. NULL without memory. */
struct nj_out_pool *nj_out_pool_new(size_t max_free);
/* All outs are empty. */
void nj_out_pool_free(struct nj_out_pool *pool);

/* Zeroed is empty. */
struct nj_out {
    struct nj_out_block *first, *last;
    size_t bytes; /* waiting */
};

/* The most that nj_out_room() gives in one piece. */
#define NJ_OUT_PIECE 3968

/* `n` (up to NJ_OUT_PIECE) contiguous bytes at the end, to be filled by the caller and counted with
 * nj_out_add(). NULL without memory: nothing has changed. */
uint8_t *nj_out_room(struct nj_out_pool *pool, struct nj_out *out, size_t n);
void nj_out_add(struct nj_out *out, size_t n);
/* Copy any amount. False without memory: nothing has changed. */
bool nj_out_copy(struct nj_out_pool *pool, struct nj_out *out, struct nj_str bytes);
/* Refer to `bytes`, which stay valid until release(owner) is called once they are written or
 * dropped. False without memory: nothing has changed and release is not called. */
bool nj_out_refer(struct nj_out_pool *pool, struct nj_out *out, struct nj_str bytes, void *owner,
                  void (*release)(void *owner));

/* Write as much as the socket takes (in as few calls as possible), but no more than `most` bytes.
 * Bytes written, or an NJ_IO_… below zero when nothing could be. */
ssize_t nj_out_write(struct nj_out_pool *pool, struct nj_out *out, struct nj_io *io, size_t most);
/* The first bytes, up to `n`, in one piece: where they lie, or gathered in `room` (of `n` bytes)
 * where they lie scattered. Valid until the out changes. */
struct nj_str nj_out_front(const struct nj_out *out, uint8_t *room, size_t n);
/* The first `n` bytes are done with. */
void nj_out_drop(struct nj_out_pool *pool, struct nj_out *out, size_t n);
/* Drop all, release what is referred to. */
void nj_out_clear(struct nj_out_pool *pool, struct nj_out *out);

#endif
