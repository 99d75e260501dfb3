/* SPDX-License-Identifier: Apache-2.0 */
/* SUBSCRIBE and UNSUBSCRIBE: an identifier, properties, and a list of topic filters, in SUBSCRIBE
 * each with a byte of options. */
#include "mqtt/packet_priv.h"
#include "mqtt/topic.h"

enum option {
    QOS = 0x03,
    NO_LOCAL = 0x04,
    RETAIN_AS_PUBLISHED = 0x08,
    RETAIN_HANDLING = 0x30,
    RESERVED_IN_5 = 0xc0,
    RESERVED_BEFORE_5 = 0xfc,
};

/* [MQTT5-3.8.3-5] [MQTT311-3.8.3-4] */
static enum nj_cause
check_options(uint8_t options, enum nj_version v)
{
    if ((options & (v == NJ_MQTT_5 ? RESERVED_IN_5 : RESERVED_BEFORE_5)) != 0)
        return NJ_CAUSE_SUBSCRIBE_OPTIONS;
    if ((options & QOS) == QOS)
        return NJ_CAUSE_QOS_3;
    if ((options & RETAIN_HANDLING) == RETAIN_HANDLING)
        return NJ_CAUSE_RETAIN_HANDLING_3;
    return NJ_CAUSE_NONE;
}

/* [MQTT5-3.8.3-1] [MQTT5-3.8.3-4] [MQTT5-3.10.3-1] [MQTT311-3.8.3-1] [MQTT311-3.10.3-1] */
static enum nj_cause
check_filter(struct nj_str text, uint8_t options)
{
    struct nj_filter parts;

    if (text.n == 0)
        return NJ_CAUSE_TOPIC_FILTER_EMPTY;
    if (!nj_utf8_is_valid(text))
        return NJ_CAUSE_UTF8;
    if (!nj_filter_parse(text, &parts))
        return NJ_CAUSE_TOPIC_FILTER_GRAMMAR;
    if (parts.share.n > 0 && (options & NO_LOCAL) != 0)
        return NJ_CAUSE_SHARE_NO_LOCAL;
    return NJ_CAUSE_NONE;
}

static enum nj_cause
check_list(struct nj_str list, enum nj_version v, bool has_options, uint32_t *count)
{
    struct nj_reader r = nj_reader_of(list);

    *count = 0;
    while (nj_reader_left(&r) > 0) {
        struct nj_str filter = nj_read_lp16(&r);
        uint8_t options = has_options ? nj_read_u8(&r) : 0;
        enum nj_cause cause;

        if (r.is_short)
            return NJ_CAUSE_PACKET_SHORT;
        cause = check_options(options, v);
        if (cause == NJ_CAUSE_NONE)
            cause = check_filter(filter, options);
        if (cause != NJ_CAUSE_NONE)
            return cause;
        ++*count;
    }
    /* [MQTT5-3.8.3-2] [MQTT5-3.10.3-2] [MQTT311-3.8.3-3] [MQTT311-3.10.3-2] */
    return *count == 0 ? NJ_CAUSE_SUBSCRIBE_EMPTY : NJ_CAUSE_NONE;
}

static enum nj_cause
decode(const struct nj_frame *f, enum nj_version v, bool has_options, struct nj_subscribe *out)
{
    struct nj_reader r;
    enum nj_cause cause = nj_frame_begin(f, v, &r, &out->packet_id);

    nj_properties_clear(&out->properties);
    if (cause != NJ_CAUSE_NONE)
        return cause;
    if (v == NJ_MQTT_5) {
        cause = nj_properties_decode(&r, NJ_PROPERTIES_OF(f->type), &out->properties);
        if (cause != NJ_CAUSE_NONE)
            return cause;
    }
    out->filters = nj_read_bytes(&r, nj_reader_left(&r));
    return check_list(out->filters, v, has_options, &out->count);
}

enum nj_cause
nj_subscribe_decode(const struct nj_frame *f, enum nj_version v, struct nj_subscribe *out)
{
    return decode(f, v, true, out);
}

enum nj_cause
nj_unsubscribe_decode(const struct nj_frame *f, enum nj_version v, struct nj_subscribe *out)
{
    return decode(f, v, false, out);
}

bool
nj_subscription_next(struct nj_reader *r, enum nj_version v, bool has_options,
                     struct nj_subscription *out)
{
    uint8_t options = 0;

    if (nj_reader_left(r) == 0)
        return false;
    out->filter = nj_read_lp16(r);
    if (has_options)
        options = nj_read_u8(r);
    out->qos = options & QOS;
    out->no_local = v == NJ_MQTT_5 && (options & NO_LOCAL) != 0;
    out->retain_as_published = v == NJ_MQTT_5 && (options & RETAIN_AS_PUBLISHED) != 0;
    out->retain_handling = v == NJ_MQTT_5 ? (options & RETAIN_HANDLING) >> 4 : 0;
    return !r->is_short;
}

void
nj_subscription_put(struct nj_writer *w, enum nj_version v, bool has_options,
                    const struct nj_subscription *s)
{
    unsigned options = s->qos;

    if (v == NJ_MQTT_5) {
        options |= s->no_local ? NO_LOCAL : 0u;
        options |= s->retain_as_published ? RETAIN_AS_PUBLISHED : 0u;
        options |= (unsigned)s->retain_handling << 4;
    }
    nj_write_lp16(w, s->filter);
    if (has_options)
        nj_write_u8(w, (uint8_t)options);
}

static size_t
body_size(enum nj_version v, struct nj_str properties, struct nj_str list)
{
    return 2 + nj_properties_size(v, properties) + list.n;
}

size_t
nj_subscribe_size(enum nj_version v, struct nj_str properties, struct nj_str list)
{
    size_t body = body_size(v, properties, list);

    return 1 + nj_varint_size((uint32_t)NJ_MIN(body, NJ_VARINT_MAX_VALUE)) + body;
}

void
nj_subscribe_encode(struct nj_writer *w, enum nj_version v, enum nj_packet_type type,
                    uint16_t packet_id, struct nj_str properties, struct nj_str list)
{
    nj_frame_put(w, type, 0, body_size(v, properties, list));
    nj_write_u16(w, packet_id);
    if (v == NJ_MQTT_5)
        nj_properties_put(w, properties);
    nj_write_bytes(w, list);
}
