/* SPDX-License-Identifier: Apache-2.0 */
/* mqtt.c — the fixed header, and what is known of a stream: its version, its topic aliases. */
#include "sniff/payload/mqtt.h"

#include "base/mem.h"
#include "sniff/payload/mqtt_priv.h"

/* A packet that begins in what is there but does not end may be longer than this only when a stream
 * is read from its beginning. */
#define SENSIBLE_BYTES (1u << 20)

/* ---- aliases ---- */

static struct nj_mqtt_alias *
find_alias(const struct nj_mqtt_stream *s, unsigned direction, uint16_t alias)
{
    for (size_t i = 0; i < s->sent[direction].count; i++)
        if (s->sent[direction].alias[i].alias == alias)
            return &s->sent[direction].alias[i];
    return NULL;
}

struct nj_str
nj_mqtt_alias_find(const struct nj_mqtt_stream *s, unsigned direction, uint16_t alias)
{
    const struct nj_mqtt_alias *a = find_alias(s, direction, alias);

    return a != NULL ? (struct nj_str){a->topic, a->n} : (struct nj_str){NULL, 0};
}

void
nj_mqtt_alias_set(struct nj_mqtt_stream *s, unsigned direction, uint16_t alias, struct nj_str topic)
{
    struct nj_mqtt_alias *a = find_alias(s, direction, alias);
    char *copy;

    if (topic.n > NJ_MQTT_ALIAS_BYTES_MAX - s->sent[direction].bytes)
        return;
    if (a == NULL &&
        (s->sent[direction].count == NJ_MQTT_ALIASES_MAX ||
         !nj_array_grow((void **)&s->sent[direction].alias, &s->sent[direction].capacity,
                        s->sent[direction].count, sizeof(*a))))
        return;
    copy = nj_alloc(topic.n);
    if (copy == NULL)
        return;
    memcpy(copy, topic.p, topic.n);
    if (a == NULL) {
        a = &s->sent[direction].alias[s->sent[direction].count++];
    } else {
        s->sent[direction].bytes -= a->n;
        nj_free(a->topic);
    }
    *a = (struct nj_mqtt_alias){alias, copy, topic.n};
    s->sent[direction].bytes += topic.n;
}

void
nj_mqtt_alias_forget(struct nj_mqtt_stream *s)
{
    for (unsigned d = 0; d < 2; d++) {
        for (size_t i = 0; i < s->sent[d].count; i++)
            nj_free(s->sent[d].alias[i].topic);
        s->sent[d].count = s->sent[d].bytes = 0;
    }
}

void
nj_mqtt_stream_fini(struct nj_mqtt_stream *s)
{
    nj_mqtt_alias_forget(s);
    for (unsigned d = 0; d < 2; d++)
        nj_free(s->sent[d].alias);
    *s = (struct nj_mqtt_stream){0};
}

/* ---- where packets begin ---- */

size_t
nj_mqtt_packet_bytes(struct nj_str ready, bool *is_fault)
{
    size_t bytes = 0;

    *is_fault = false;
    for (unsigned i = 0; i < 4; i++) {
        uint8_t byte;

        if (ready.n < i + 2)
            return 0;
        byte = (uint8_t)ready.p[i + 1];
        bytes |= (size_t)(byte & 0x7f) << 7 * i;
        if ((byte & 0x80) == 0)
            return bytes + i + 2;
    }
    *is_fault = true;
    return 0;
}

/* Right in that version, whoever has sent it? */
static bool
is_right(const struct nj_frame *f, enum nj_version v)
{
    struct nj_packet ignored;

    return nj_packet_decode(f, v, NJ_FROM_CLIENT, &ignored) == NJ_CAUSE_NONE ||
           nj_packet_decode(f, v, NJ_FROM_SERVER, &ignored) == NJ_CAUSE_NONE;
}

bool
nj_mqtt_makes_sense(const struct nj_mqtt_stream *s, struct nj_str ready)
{
    struct nj_frame f;

    switch (nj_frame_find(ready, NJ_PACKET_MAX_BYTES, &f)) {
    case NJ_FRAME_WHOLE:
        return (s->level != NJ_MQTT_5 && (is_right(&f, NJ_MQTT_311) || is_right(&f, NJ_MQTT_31))) ||
               ((s->level == NJ_MQTT_5 || s->level == 0) && is_right(&f, NJ_MQTT_5));
    case NJ_FRAME_PART:
        return f.bytes > 0 && f.bytes <= SENSIBLE_BYTES &&
               (f.type == NJ_CONNECT || f.type == NJ_PUBLISH || f.type == NJ_SUBSCRIBE ||
                f.type == NJ_UNSUBSCRIBE || f.bytes <= 128);
    case NJ_FRAME_FAULT:
        break;
    }
    return false;
}

bool
nj_mqtt_may_make_sense(struct nj_str ready)
{
    struct nj_frame f;

    return nj_frame_find(ready, NJ_PACKET_MAX_BYTES, &f) == NJ_FRAME_PART && f.bytes == 0;
}

bool
nj_mqtt_is_packets(struct nj_str bytes)
{
    size_t at = 0;
    struct nj_frame f;

    while (at < bytes.n &&
           nj_frame_find(nj_str_from(bytes, at), NJ_PACKET_MAX_BYTES, &f) == NJ_FRAME_WHOLE &&
           (is_right(&f, NJ_MQTT_311) || is_right(&f, NJ_MQTT_5) || is_right(&f, NJ_MQTT_31)))
        at += f.bytes;
    return at > 0 && at == bytes.n;
}

/* ---- a packet ---- */

/* The version to read it in. Where none is known, a packet that is right in one only decides. */
static unsigned
level_of(struct nj_mqtt_stream *s, struct nj_str packet)
{
    struct nj_frame f;
    bool is_5, is_3;

    if (s->level != 0 || s->is_connected)
        return s->level;
    if (nj_frame_find(packet, NJ_PACKET_MAX_BYTES, &f) != NJ_FRAME_WHOLE)
        return NJ_MQTT_311;
    is_5 = is_right(&f, NJ_MQTT_5);
    is_3 = is_right(&f, NJ_MQTT_311);
    if (is_5 != is_3)
        s->level = is_5 ? NJ_MQTT_5 : NJ_MQTT_311;
    return is_5 && !is_3 ? NJ_MQTT_5 : NJ_MQTT_311;
}

static void
walk_first_byte(struct nj_walk *w, unsigned *type, unsigned *flags)
{
    unsigned byte = nj_walk_number(w, NJ_FIELD_MQTT_HDRFLAGS, 1);
    bool is_acknowledged;

    *type = byte >> 4;
    *flags = byte & 0xf;
    /* 3.1 sends these again with DUP, as a PUBLISH. */
    is_acknowledged = w->level == NJ_MQTT_31 &&
                      (*type == NJ_PUBREL || *type == NJ_SUBSCRIBE || *type == NJ_UNSUBSCRIBE);
    w->tree->depth++;
    nj_walk_bits(w, NJ_FIELD_MQTT_MSGTYPE, byte, 0xf0);
    if (*type == NJ_PUBLISH || is_acknowledged) {
        nj_walk_bits(w, NJ_FIELD_MQTT_DUPFLAG, byte, 0x08);
        nj_walk_bits(w, NJ_FIELD_MQTT_QOS, byte, 0x06);
        nj_walk_bits(w, is_acknowledged ? NJ_FIELD_MQTT_RETAIN_RESERVED : NJ_FIELD_MQTT_RETAIN,
                     byte, 0x01);
    } else {
        nj_walk_bits(w, NJ_FIELD_MQTT_HDR_RESERVED, byte, 0x0f);
    }
    w->tree->depth--;
}

void
nj_mqtt_dissect(struct nj_mqtt_stream *s, unsigned direction, struct nj_str packet, size_t bytes,
                struct nj_tree *tree, struct nj_mqtt_row *row)
{
    struct nj_walk w = {
        .r = nj_reader_of(packet), .stream = s, .direction = direction, .tree = tree, .row = row};
    unsigned type = packet.n > 0 ? (uint8_t)packet.p[0] >> 4 : 0;
    const char *words = nj_mqtt_packet_words(type);
    unsigned flags;

    if (row->info->n > 0)
        nj_text_put(row->info, NJ_STR(", "));
    nj_text_put(row->info, nj_str_of(words));
    nj_tree_number(tree, NJ_FIELD_MQTT, packet.n, nj_str_of(words));
    tree->depth++;
    w.level = type == NJ_CONNECT ? 0 : level_of(s, packet);
    if (type != NJ_CONNECT && !s->is_connected) {
        nj_tree_bytes(tree, NJ_FIELD_MQTT_UNKNOWN_VERSION, (struct nj_str){NULL, 0});
        nj_walk_expert(&w, nj_field_label(NJ_FIELD_MQTT_UNKNOWN_VERSION));
        nj_tree_number(
            tree, s->level != 0 ? NJ_FIELD_MQTT_INFERRED_VERSION : NJ_FIELD_MQTT_ASSUMED_VERSION,
            w.level, (struct nj_str){NULL, 0});
    }
    walk_first_byte(&w, &type, &flags);
    (void)nj_walk_varint(&w, NJ_FIELD_MQTT_LEN);
    nj_mqtt_walk_body(&w, type, flags);
    tree->depth = 0;
    if (!w.r.is_short)
        return;
    if (packet.n < bytes) {
        nj_text_put(row->info, NJ_STR("[Packet size limited during capture]"));
        nj_tree_bytes(tree, NJ_FIELD_SHORT, NJ_STR("MQTT"));
        return;
    }
    nj_text_put(row->info, NJ_STR("[Malformed Packet]"));
    nj_tree_bytes(tree, NJ_FIELD_MALFORMED, NJ_STR("MQTT"));
    row->is_malformed = true;
}
