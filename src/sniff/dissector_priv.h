/* SPDX-License-Identifier: Apache-2.0 */
/* dissector_priv.h — from layer to layer, each in its file: a step puts its fields into the tree
 * and its words into the row, and calls the next one. */
#ifndef NJ_SNIFF_DISSECTOR_PRIV_H
#define NJ_SNIFF_DISSECTOR_PRIV_H

#include "sniff/dissector.h"
#include "sniff/stream.h"
#include "sniff/wire/fragment.h"

struct nj_dissector {
    struct nj_dissected out;
    struct nj_fragments *fragments;
    struct nj_streams *streams;
    struct nj_tls_reader *tls;
    /* By what is spoken on the stream, in this frame. */
    struct nj_text said, said_by_tls, said_by_websocket;
    uint64_t compressed_messages;
    struct nj_text protocols;
    int64_t first_ns, last_ns, shown_ns;
    bool has_shown, shows_text;
    char community_id[NJ_COMMUNITY_ID_BYTES]; /* of this frame; empty: none */
    uint16_t port[NJ_DISSECTOR_PORTS_MAX];    /* of MQTT, with TLS or without, as the user says */
    size_t port_count;
};

/* As Wireshark's fields of checksums say it: a network card may have left them to be done, so that
 * nothing follows from one that is wrong. */
#define NJ_CHECKSUM_UNVERIFIED 2u

/* The frame in d->out. */
void nj_dissector_read_link(struct nj_dissector *d);
void nj_dissector_read_ip(struct nj_dissector *d, struct nj_str packet);
void nj_dissector_read_tcp(struct nj_dissector *d, const struct nj_ip *ip);
/* The fields of a segment that was judged. */
void nj_dissector_put_segment(struct nj_dissector *d, struct nj_stream *s, unsigned direction,
                              const struct nj_ip *ip, const struct nj_tcp *t,
                              const struct nj_segment *segment);
/* Bytes that nothing here understands. */
void nj_dissector_put_data(struct nj_dissector *d, struct nj_str bytes);
/* Nanoseconds between two times; 0 where they are too far apart. */
int64_t nj_dissector_between(int64_t later, int64_t earlier);
/* `remarks` bytes of the row's words are what TCP remarks; behind them speaks what is spoken on the
 * stream, where it has a packet or begins one, instead of TCP. */
void nj_dissector_read_stream(struct nj_dissector *d, struct nj_stream *s, unsigned direction,
                              const struct nj_tcp *t, size_t remarks);

#endif
