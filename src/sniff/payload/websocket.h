/* SPDX-License-Identifier: Apache-2.0 */
/* websocket.h — a connection that begins with HTTP and becomes a WebSocket: the heads of its
 * upgrade, its frames, and what its binary messages carry, in order.
 *
 *     bytes in order → │ heads, up to the response 101
 *                      └ frames → unmasked → binary messages, end to end → MQTT
 *
 * MQTT does not care where a message ends (MQTT 5.0, section 6), and neither does this. A message
 * that is compressed (permessage-deflate) is named, counted, and a gap in what is carried. Behind a
 * gap frames are looked for where a segment begins; so they are where the upgrade was not seen.
 *
 * Bounded: a head by NJ_HTTP_HEAD_MAX, a frame by what a flow keeps (NJ_REASSEMBLY_PENDING_MAX);
 * what waits in a connection is counted in the pool of all flows. Thread: one. */
#ifndef NJ_SNIFF_WEBSOCKET_H
#define NJ_SNIFF_WEBSOCKET_H

#include "sniff/tree/tree.h"
#include "sniff/wire/reassembly.h"

struct nj_websocket_stream;

/* NULL without memory. */
struct nj_websocket_stream *nj_websocket_stream_new(void);
void nj_websocket_stream_free(struct nj_websocket_stream *s, struct nj_reassembly_pool *pool);
/* Give back what waits. */
void nj_websocket_stream_drop(struct nj_websocket_stream *s, struct nj_reassembly_pool *pool);

/* What a frame's heads and frames add to its row. */
struct nj_websocket_row {
    struct nj_text *info;  /* words of its heads and of its last frame, behind what stands there */
    const char *protocol;  /* NULL: nothing was whole */
    bool is_awaited;       /* a head or a frame has begun and goes on in a later segment */
    bool is_over;          /* this becomes no WebSocket */
    bool is_mqtt;          /* by the protocol that the upgrade has settled */
    unsigned compressed;   /* messages, so that they are not read */
    struct nj_ready plain; /* of binary messages, with what was not taken of it before; lent until
                            * the next frame */
    bool has_more;         /* behind a gap in `plain`: to be read by another call, with the same row
                            * and what was not taken, when `plain` has been taken */
    size_t head_words;     /* private: of `info`; those of the last frame stand behind them */
};

/**
 * The whole heads and frames in what is ready. `row` is zeroed before the first call of a frame.
 *
 * direction  which side sent them, 0 or 1.
 * is_cut     the capture has cut the frame: nothing will follow what is there.
 * Returns    how many bytes were taken.
 */
size_t nj_websocket_stream_read(struct nj_websocket_stream *s, unsigned direction,
                                struct nj_ready ready, bool is_cut, struct nj_reassembly_pool *pool,
                                struct nj_tree *tree, struct nj_websocket_row *row);
/* Of what is carried, as nj_reassembly_take(). */
void nj_websocket_stream_take(struct nj_websocket_stream *s, unsigned direction,
                              struct nj_reassembly_pool *pool, size_t n);

/* Whether frames begin here, where nothing was seen of their beginning, that make sense to the end,
 * the first with a whole message, binary and in clear: that is put into `message`. *is_client: by
 * its mask. */
bool nj_websocket_begins(struct nj_str ready, struct nj_text *message, bool *is_client);
/* MQTT in frames that were met so: each side goes on where they make sense. */
void nj_websocket_stream_join(struct nj_websocket_stream *s, unsigned client);

#endif
