/* SPDX-License-Identifier: Apache-2.0 */
/* mqtt.h — what a stream of MQTT says, packet by packet and field by field.
 *
 * A packet that breaks the standard is shown as far as it goes, and the next one after it: its
 * remaining length is believed, nothing else. The version is learnt from CONNECT. In a capture that
 * begins later it is inferred: the first packet that is right in one version only decides; until
 * then 3.1.1 is assumed. Each packet's fields say which, where it is not learnt.
 *
 * Bounded: topic aliases are remembered up to NJ_MQTT_ALIASES_MAX and NJ_MQTT_ALIAS_BYTES_MAX in
 * each direction. */
#ifndef NJ_SNIFF_MQTT_H
#define NJ_SNIFF_MQTT_H

#include "sniff/tree/tree.h"

#define NJ_MQTT_ALIASES_MAX     256u
#define NJ_MQTT_ALIAS_BYTES_MAX 65536u

struct nj_mqtt_alias {
    uint16_t alias;
    char *topic; /* on the heap, `n` bytes */
    size_t n;
};

/* What a connection's packets are read with; zeroed before its first. */
struct nj_mqtt_stream {
    uint8_t level;     /* the protocol level: 3, 4, 5, or whatever CONNECT said; 0: not known */
    bool is_connected; /* a CONNECT was seen: `level` is its */
    bool shows_text;   /* payloads stand in the tree as text, under other names than as bytes */
    struct {
        struct nj_mqtt_alias *alias;
        size_t count, capacity, bytes;
    } sent[2]; /* the aliases of each direction */
};

void nj_mqtt_stream_fini(struct nj_mqtt_stream *s);

/* How long the packet is that begins here; 0: its fixed header is not there yet, or cannot be one
 * (*is_fault: a remaining length of more than four bytes, after which nothing can be found). */
size_t nj_mqtt_packet_bytes(struct nj_str ready, bool *is_fault);
/* Whether a packet can begin here: asked where a stream is joined in its middle. */
bool nj_mqtt_makes_sense(const struct nj_mqtt_stream *s, struct nj_str ready);
/* Whether too little is ready to know that. */
bool nj_mqtt_may_make_sense(struct nj_str ready);
/* Whether these are packets, each of them right in some version, and nothing else. */
bool nj_mqtt_is_packets(struct nj_str bytes);

/* What a packet adds to the frame's row. */
struct nj_mqtt_row {
    struct nj_text *info; /* a sentence for each packet, behind what stands there */
    bool has_json;        /* a payload claims to be JSON */
    bool is_malformed;
};

/**
 * Lay out one packet. The number of its layer's item is packet.n, and its bytes begin with those of
 * mqtt.hdrflags.
 *
 * direction  which side sent it, 0 or 1.
 * packet     its bytes; lent as long as `tree` is used.
 * bytes      that it had; more than packet.n: the capture has cut it.
 */
void nj_mqtt_dissect(struct nj_mqtt_stream *s, unsigned direction, struct nj_str packet,
                     size_t bytes, struct nj_tree *tree, struct nj_mqtt_row *row);

#endif
