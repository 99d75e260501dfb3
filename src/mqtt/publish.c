/* SPDX-License-Identifier: Apache-2.0 */
/* PUBLISH, the packet for which the others exist. */
#include "mqtt/packet_priv.h"

#define RETAIN    0x1u
#define QOS_SHIFT 1
#define DUP       0x8u

/* What follows the variable header's fixed part, where there are properties. A client may not name
 * subscriptions. [MQTT5-3.3.4-6] */
static enum nj_cause
decode_with_properties(struct nj_reader r, enum nj_side from, struct nj_publish *out)
{
    struct nj_properties *p = &out->properties;
    enum nj_cause cause = nj_properties_decode(&r, NJ_PROPERTIES_OF(NJ_PUBLISH), p);

    if (cause != NJ_CAUSE_NONE)
        return cause;
    if (from == NJ_FROM_CLIENT && p->subscription_identifier_count > 0)
        return NJ_CAUSE_PROPERTY_NOT_ALLOWED;
    if (out->topic.n == 0 && !nj_properties_has(p, NJ_PROPERTY_TOPIC_ALIAS))
        return NJ_CAUSE_TOPIC_NAME_EMPTY;
    out->payload = nj_read_bytes(&r, nj_reader_left(&r));
    return NJ_CAUSE_NONE;
}

/* Without properties, and before 5.0, everything is done here, and the reader stays in registers:
 * nobody else takes its address. */
enum nj_cause
nj_publish_decode(const struct nj_frame *f, enum nj_version v, enum nj_side from,
                  struct nj_publish *out)
{
    struct nj_reader r = nj_reader_of(f->body);
    enum nj_cause cause;

    out->dup = (f->flags & DUP) != 0;
    out->retain = (f->flags & RETAIN) != 0;
    out->qos = (uint8_t)(f->flags >> QOS_SHIFT & 3);
    out->topic = nj_read_lp16(&r);
    out->packet_id = out->qos > 0 ? nj_read_u16(&r) : 0;
    nj_properties_clear(&out->properties);
    if (NJ_UNLIKELY(r.is_short))
        return NJ_CAUSE_PACKET_SHORT;
    cause = nj_topic_check(out->topic);
    if (NJ_UNLIKELY(cause != NJ_CAUSE_NONE))
        return cause;
    if (NJ_UNLIKELY(out->qos > 0 && out->packet_id == 0))
        return NJ_CAUSE_PACKET_ID_ZERO;

    if (v == NJ_MQTT_5) {
        if (nj_reader_left(&r) == 0 || *r.p != 0)
            return decode_with_properties(r, from, out);
        (void)nj_read_u8(&r);
    }
    if (NJ_UNLIKELY(out->topic.n == 0))
        return NJ_CAUSE_TOPIC_NAME_EMPTY;
    out->payload = nj_read_bytes(&r, nj_reader_left(&r));
    return NJ_CAUSE_NONE;
}

/* Sizes are summed in 64 bits, where what callers can hold cannot overflow. */
static uint64_t
properties_bytes(const struct nj_publish_head *h)
{
    uint64_t n = h->properties.n;

    if (h->has_expiry)
        n += 1 + 4;
    if (h->topic_alias != 0)
        n += 1 + 2;
    for (uint32_t i = 0; i < h->subscription_identifier_count; i++)
        n += 1 + nj_varint_size(h->subscription_identifiers[i]);
    return n;
}

/* What the remaining length counts, payload included; more than NJ_VARINT_MAX_VALUE where it cannot
 * be sent. */
static uint64_t
remaining_bytes(const struct nj_publish_head *h, enum nj_version v, uint64_t properties_n)
{
    uint64_t n = 2 + (uint64_t)h->topic.n + (h->qos > 0 ? 2 : 0) + h->payload_bytes;

    if (h->topic.n > UINT16_MAX || properties_n > NJ_VARINT_MAX_VALUE)
        return UINT64_MAX;
    if (v == NJ_MQTT_5)
        n += nj_varint_size((uint32_t)properties_n) + properties_n;
    return n;
}

size_t
nj_publish_head_size(const struct nj_publish_head *h, enum nj_version v)
{
    uint64_t n = remaining_bytes(h, v, v == NJ_MQTT_5 ? properties_bytes(h) : 0);

    if (n > NJ_VARINT_MAX_VALUE)
        return 0;
    return 1 + nj_varint_size((uint32_t)n) + (size_t)(n - h->payload_bytes);
}

static void
put_properties(struct nj_writer *w, const struct nj_publish_head *h, uint32_t properties_n)
{
    nj_varint_write(w, properties_n);
    nj_write_bytes(w, h->properties);
    if (h->has_expiry)
        nj_property_put_number(w, NJ_PROPERTY_MESSAGE_EXPIRY_INTERVAL,
                               h->message_expiry_interval_s);
    if (h->topic_alias != 0)
        nj_property_put_number(w, NJ_PROPERTY_TOPIC_ALIAS, h->topic_alias);
    for (uint32_t i = 0; i < h->subscription_identifier_count; i++)
        nj_property_put_number(w, NJ_PROPERTY_SUBSCRIPTION_IDENTIFIER,
                               h->subscription_identifiers[i]);
}

void
nj_publish_head_encode(struct nj_writer *w, enum nj_version v, const struct nj_publish_head *h)
{
    uint64_t properties_n = v == NJ_MQTT_5 ? properties_bytes(h) : 0;
    uint64_t n = remaining_bytes(h, v, properties_n);
    unsigned flags = (h->dup ? DUP : 0) | (unsigned)h->qos << QOS_SHIFT | (h->retain ? RETAIN : 0);

    if (NJ_UNLIKELY(n > NJ_VARINT_MAX_VALUE)) {
        w->is_full = true;
        return;
    }
    nj_frame_put(w, NJ_PUBLISH, flags, (size_t)n);
    nj_write_lp16(w, h->topic);
    if (h->qos > 0)
        nj_write_u16(w, h->packet_id);
    if (v == NJ_MQTT_5)
        put_properties(w, h, (uint32_t)properties_n);
}

size_t
nj_publish_packet_id_offset(const uint8_t *packet)
{
    size_t at = 1;

    while ((packet[at] & 0x80) != 0)
        at++;
    at++;
    return at + 2 + ((size_t)packet[at] << 8 | packet[at + 1]);
}
