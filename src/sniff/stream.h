/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h — the TCP connections of a capture, found by their addresses and ports, each with its
 * two flows and what is spoken on it.
 *
 * A SYN with another number on the same ports is a connection of its own. Bounded: beyond
 * NJ_STREAMS_MAX the one that was silent longest is forgotten; beyond NJ_STREAMS_BYTES_MAX of
 * waiting bytes the longest silent ones lose theirs. Both are counted. */
#ifndef NJ_SNIFF_STREAM_H
#define NJ_SNIFF_STREAM_H

#include "base/err.h"
#include "base/list.h"
#include "sniff/payload/mqtt.h"
#include "sniff/payload/tls.h"
#include "sniff/payload/websocket.h"
#include "sniff/wire/community_id.h"
#include "sniff/wire/flow.h"
#include "sniff/wire/ip.h"

#define NJ_STREAMS_MAX       100000u
#define NJ_STREAMS_BYTES_MAX (128u << 20)

/* What is spoken on a stream. */
enum nj_spoken {
    NJ_SPOKEN_UNKNOWN, /* nothing has been said yet */
    NJ_SPOKEN_MQTT,
    NJ_SPOKEN_TLS,
    NJ_SPOKEN_WEBSOCKET, /* from its upgrade on */
    NJ_SPOKEN_OTHER,
};

/* Both ends, the lower one first, so that both directions have the same key. */
struct nj_stream_key {
    uint8_t address[2][16];
    uint16_t port[2];
    uint16_t version; /* of IP */
};

struct nj_stream {
    uint32_t number; /* from 0, in the order of their first segments */
    struct nj_flow flow[2];
    enum nj_spoken spoken;
    enum nj_spoken spoken_inside; /* of TLS, where it can be opened */
    enum nj_spoken spoken_in_websocket;
    struct {
        bool is_searching;      /* for a place where a packet begins */
        bool is_ended;          /* nothing can be found any more */
        bool is_awaited;        /* a packet whose length is known has begun */
        bool is_record_awaited; /* the same of TLS, and of WebSocket */
    } packets[2];
    struct nj_mqtt_stream mqtt;
    struct nj_tls_stream *tls;                /* NULL where none is spoken */
    struct nj_websocket_stream *websocket;    /* the same */
    int64_t syn_ns, round_trip_ns;            /* 0: not seen */
    int64_t first_ns, last_ns;                /* of its segments */
    unsigned completeness;                    /* as Wireshark counts what was seen of it */
    char community_id[NJ_COMMUNITY_ID_BYTES]; /* empty: no segment yet */
    /* private */
    struct nj_stream_key key;
    struct nj_list recent; /* the longest silent first */
    struct nj_stream *next_in_bucket;
};

struct nj_streams;

NJ_NODISCARD enum nj_err nj_streams_new(struct nj_streams **out);
void nj_streams_free(struct nj_streams *s);

struct nj_streams_losses {
    uint64_t forgotten; /* streams */
    uint64_t gaps;
    uint64_t bytes;
};
void nj_streams_losses(const struct nj_streams *s, struct nj_streams_losses *out);

/**
 * The stream of a segment, made if need be; NULL without memory.
 *
 * direction  0 or 1: which of its flows the segment is of.
 * is_reused  the ports had another connection before.
 */
struct nj_stream *nj_streams_get(struct nj_streams *s, const struct nj_ip *ip,
                                 const struct nj_tcp *t, unsigned *direction, bool *is_reused);
/* The payload of a segment into its flow; see nj_reassembly_feed(). */
struct nj_ready nj_streams_feed(struct nj_streams *s, struct nj_stream *stream, unsigned direction,
                                const struct nj_tcp *t);
/* What its connections keep beside their flows is counted here, too. */
struct nj_reassembly_pool *nj_streams_pool(struct nj_streams *s);
void nj_streams_take(struct nj_streams *s, struct nj_stream *stream, unsigned direction, size_t n);

#endif
