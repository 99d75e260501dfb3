/* SPDX-License-Identifier: Apache-2.0 */
/* mqtt_priv.h — a walk through one packet: each step reads a field and puts it into the tree. A
 * step that finds too few bytes puts nothing, nor does any after it, so that a packet is written as
 * if it were right, and one look at the end suffices. */
#ifndef NJ_SNIFF_MQTT_PRIV_H
#define NJ_SNIFF_MQTT_PRIV_H

#include "base/reader.h"
#include "mqtt/packet.h"
#include "sniff/payload/mqtt.h"

struct nj_walk {
    struct nj_reader r; /* of the packet; r.is_short: it ended too early */
    struct nj_mqtt_stream *stream;
    unsigned direction;
    unsigned level;
    struct nj_tree *tree;
    struct nj_mqtt_row *row;
    /* From the properties of a PUBLISH. */
    uint16_t topic_alias;
    struct nj_str content_type;
};

/* Big-endian, of 1, 2 or 4 bytes. */
uint32_t nj_walk_number(struct nj_walk *w, enum nj_field field, size_t bytes);
/* Bits of the byte that was read last, as a field of their own. */
void nj_walk_bits(struct nj_walk *w, enum nj_field field, unsigned byte, unsigned mask);
uint32_t nj_walk_varint(struct nj_walk *w, enum nj_field field);
/* `n` bytes. */
struct nj_str nj_walk_bytes(struct nj_walk *w, enum nj_field field, size_t n);
/* The same as text, which ends at a NUL: what stands behind one is remarked. */
struct nj_str nj_walk_text(struct nj_walk *w, enum nj_field field, size_t n);
/* A length of two bytes, and so many bytes of text. */
struct nj_str nj_walk_string(struct nj_walk *w, enum nj_field length, enum nj_field field);
/* A remark on the field before it, in words. */
void nj_walk_expert(struct nj_walk *w, const char *words);
/* A block of properties with its length. */
void nj_walk_properties(struct nj_walk *w, enum nj_field field);

static inline size_t
nj_walk_left(const struct nj_walk *w)
{
    return w->r.is_short ? 0 : nj_reader_left(&w->r);
}

/* The fields behind the fixed header, by the packet's type. */
void nj_mqtt_walk_body(struct nj_walk *w, unsigned type, unsigned flags);
/* As Wireshark calls the packets; "Reserved" for what is none. */
const char *nj_mqtt_packet_words(unsigned type);

/* The topic that `alias` stands for in this direction; p is NULL where it is not known. */
struct nj_str nj_mqtt_alias_find(const struct nj_mqtt_stream *s, unsigned direction,
                                 uint16_t alias);
void nj_mqtt_alias_set(struct nj_mqtt_stream *s, unsigned direction, uint16_t alias,
                       struct nj_str topic);
void nj_mqtt_alias_forget(struct nj_mqtt_stream *s);

#endif
