/* SPDX-License-Identifier: Apache-2.0 */
/* mqtt_walk.c — the steps of a walk, and the walk through a block of properties. */
#include "sniff/payload/mqtt_priv.h"

uint32_t
nj_walk_number(struct nj_walk *w, enum nj_field field, size_t bytes)
{
    struct nj_str range = nj_read_bytes(&w->r, bytes);
    uint32_t number = 0;

    if (w->r.is_short)
        return 0;
    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | (uint8_t)range.p[i];
    nj_tree_number(w->tree, field, number, range);
    return number;
}

void
nj_walk_bits(struct nj_walk *w, enum nj_field field, unsigned byte, unsigned mask)
{
    if (!w->r.is_short)
        nj_tree_number(w->tree, field, (byte & mask) / (mask & -mask),
                       (struct nj_str){(const char *)w->r.p - 1, 1});
}

/* Longer than needed is what a sniffer has to bear; nj_varint_read() does not. */
uint32_t
nj_walk_varint(struct nj_walk *w, enum nj_field field)
{
    const char *from = (const char *)w->r.p;
    uint32_t number = 0;
    unsigned shift = 0;
    uint8_t byte;

    do {
        byte = nj_read_u8(&w->r);
        number |= (uint32_t)(byte & 0x7f) << shift;
        shift += 7;
    } while ((byte & 0x80) != 0 && shift < 28);
    if ((byte & 0x80) != 0) {
        w->r.is_short = true;
        w->r.p = w->r.end;
    }
    if (w->r.is_short)
        return 0;
    nj_tree_number(w->tree, field, number,
                   (struct nj_str){from, (size_t)((const char *)w->r.p - from)});
    return number;
}

struct nj_str
nj_walk_bytes(struct nj_walk *w, enum nj_field field, size_t n)
{
    struct nj_str bytes = nj_read_bytes(&w->r, n);

    if (w->r.is_short)
        return bytes;
    nj_tree_bytes(w->tree, field, bytes);
    return bytes;
}

/* A string ends at a NUL, which is not allowed in it; what stands behind it should not be
 * overlooked. */
static void
remark_nul(struct nj_walk *w, struct nj_str s)
{
    const char *nul = s.n > 0 ? memchr(s.p, '\0', s.n) : NULL;

    if (nul == NULL)
        return;
    for (const char *p = nul; p < s.p + s.n; p++)
        if (*p != '\0') {
            nj_walk_expert(w, "Trailing stray characters");
            return;
        }
}

struct nj_str
nj_walk_text(struct nj_walk *w, enum nj_field field, size_t n)
{
    struct nj_str s = nj_walk_bytes(w, field, n);

    if (!w->r.is_short)
        remark_nul(w, s);
    return s;
}

struct nj_str
nj_walk_string(struct nj_walk *w, enum nj_field length, enum nj_field field)
{
    size_t n = nj_walk_number(w, length, 2);

    return nj_walk_text(w, field, n);
}

void
nj_walk_expert(struct nj_walk *w, const char *words)
{
    if (!w->r.is_short)
        nj_tree_bytes(w->tree, NJ_FIELD_EXPERT_MESSAGE, nj_str_of(words));
}

/* Its length is shown together with it. */
static void
walk_content_type(struct nj_walk *w)
{
    size_t n = nj_read_u16(&w->r);

    w->content_type = nj_walk_bytes(w, NJ_FIELD_MQTT_CONTENT_TYPE, n);
}

static enum nj_field
field_of_number(unsigned id)
{
    switch (id) {
    case NJ_PROPERTY_TOPIC_ALIAS:
        return NJ_FIELD_MQTT_TOPIC_ALIAS;
    case NJ_PROPERTY_MAXIMUM_QOS:
        return NJ_FIELD_MQTT_MAX_QOS;
    default:
        return NJ_FIELD_MQTT_PROP_NUMBER;
    }
}

/* One property; `left` bytes of the block are behind its identifier. */
static void
walk_property(struct nj_walk *w, unsigned id, size_t left)
{
    switch (nj_property_type(id)) {
    case NJ_PROPERTY_TYPE_BOOL:
        (void)nj_walk_number(w, field_of_number(id), 1);
        break;
    case NJ_PROPERTY_TYPE_U16:
        if (id == NJ_PROPERTY_TOPIC_ALIAS)
            w->topic_alias = (uint16_t)nj_walk_number(w, field_of_number(id), 2);
        else
            (void)nj_walk_number(w, field_of_number(id), 2);
        break;
    case NJ_PROPERTY_TYPE_U32:
        (void)nj_walk_number(w, field_of_number(id), 4);
        break;
    case NJ_PROPERTY_TYPE_VARINT:
        (void)nj_walk_varint(w, field_of_number(id));
        break;
    case NJ_PROPERTY_TYPE_STR:
    case NJ_PROPERTY_TYPE_BIN:
        if (id == NJ_PROPERTY_CONTENT_TYPE)
            walk_content_type(w);
        else
            (void)nj_walk_string(w, NJ_FIELD_MQTT_PROP_STRING_LEN, NJ_FIELD_MQTT_PROP_STRING);
        break;
    case NJ_PROPERTY_TYPE_PAIR:
        (void)nj_walk_string(w, NJ_FIELD_MQTT_PROP_KEY_LEN, NJ_FIELD_MQTT_PROP_KEY);
        (void)nj_walk_string(w, NJ_FIELD_MQTT_PROP_VALUE_LEN, NJ_FIELD_MQTT_PROP_VALUE);
        break;
    case NJ_PROPERTY_TYPE_NONE: /* where the next one begins nobody knows */
        (void)nj_walk_bytes(w, NJ_FIELD_MQTT_PROP_UNKNOWN, left);
        break;
    }
}

void
nj_walk_properties(struct nj_walk *w, enum nj_field field)
{
    size_t items = w->tree->count, length, before;
    const uint8_t *block;

    if (w->r.is_short)
        return;
    nj_tree_bytes(w->tree, field, (struct nj_str){(const char *)w->r.p, 0});
    w->tree->depth++;
    length = nj_walk_varint(w, NJ_FIELD_MQTT_PROPERTY_LEN);
    if (w->r.is_short)
        w->tree->count = items; /* a block whose length cannot be read is none */
    before = nj_walk_left(w);
    block = w->r.p;
    /* A property may claim more than the block has, and the block more than the packet. */
    while (!w->r.is_short && before - nj_walk_left(w) < length) {
        unsigned id = nj_walk_number(w, NJ_FIELD_MQTT_PROPERTY_ID, 1);
        size_t read = before - nj_walk_left(w);

        if (!w->r.is_short)
            walk_property(w, id, length - read);
    }
    if (!w->r.is_short && before - nj_walk_left(w) > length)
        w->r.p = block + length; /* the block is believed */
    w->tree->depth--;
}
