/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h — what a TLS connection says: its records and, as far as they are in clear or a key log
 * opens them, the messages in them.
 *
 *     bytes in order → records → │ handshake messages → versions, suites, names, certificates
 *                                │ alerts
 *                                └ application data, in order → MQTT
 *
 * What cannot be opened is shown as the record it is; where a key log was given, a remark says
 * why. A message or a record that breaks the rules is shown as far as it goes.
 *
 * Bounded: a record has at most 2^14 + 2,048 bytes, a handshake message NJ_TLS_MESSAGE_MAX; what
 * waits in a connection is counted in the pool of all flows. The library's contexts are one set for
 * all connections. Thread: one. */
#ifndef NJ_SNIFF_TLS_H
#define NJ_SNIFF_TLS_H

#include "base/err.h"
#include "sniff/payload/tls_keylog.h"
#include "sniff/tree/tree.h"
#include "sniff/wire/reassembly.h"

#define NJ_TLS_MESSAGE_MAX (256u << 10)

/* For all connections of a capture. */
struct nj_tls_reader;

/* `keys` is lent as long as this; secrets may be added to it at any time. NULL: there are none. */
NJ_NODISCARD enum nj_err nj_tls_reader_new(struct nj_tls_reader **out, struct nj_keylog *keys);
void nj_tls_reader_free(struct nj_tls_reader *t);
/* Records of a session for which there should have been keys, and were none that fit. */
uint64_t nj_tls_reader_closed(const struct nj_tls_reader *t);

/* One connection. */
struct nj_tls_stream;

/* NULL without memory. */
struct nj_tls_stream *nj_tls_stream_new(void);
void nj_tls_stream_free(struct nj_tls_stream *s, struct nj_reassembly_pool *pool);
/* Give back what waits. */
void nj_tls_stream_drop(struct nj_tls_stream *s, struct nj_reassembly_pool *pool);

/* Whether a record can begin here. */
bool nj_tls_makes_sense(struct nj_str ready);

/* What a frame's records add to its row. */
struct nj_tls_row {
    struct nj_text *info; /* words for each record or message, behind what stands there */
    const char *protocol;
    bool is_awaited;       /* a record has begun and goes on in a later segment */
    struct nj_ready plain; /* application data that could be opened, with what was not taken of it
                            * before; lent until the next frame */
    size_t last_bytes;   /* of it, at its end: of the frame's last record of application data … */
    size_t words_before; /* … and how many bytes of `info` there were with its words */
};

/**
 * The whole records in what is ready.
 *
 * direction  which side sent them, 0 or 1.
 * is_cut     the capture has cut the frame: nothing will follow what is there.
 * Returns    how many bytes were taken.
 */
size_t nj_tls_stream_read(struct nj_tls_reader *t, struct nj_tls_stream *s, unsigned direction,
                          struct nj_ready ready, bool is_cut, struct nj_reassembly_pool *pool,
                          struct nj_tree *tree, struct nj_tls_row *row);
/* Of the application data, as nj_reassembly_take(). */
void nj_tls_stream_take(struct nj_tls_stream *s, unsigned direction,
                        struct nj_reassembly_pool *pool, size_t n);

#endif
