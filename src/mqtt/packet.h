/* SPDX-License-Identifier: Apache-2.0 */
/* packet.h — every control packet of MQTT 3.1, 3.1.1 and 5.0, in both directions, as bytes and
 * back.
 *
 * Decoding gives views into the input: nothing is copied, nothing allocated, and the view is valid
 * as long as the input is. It answers with a cause; NJ_CAUSE_NONE means every rule that can be
 * checked on this packet alone holds. Encoding writes into a struct nj_writer and never past it:
 * look at `is_full` afterwards. Client and broker use the same code.
 * Thread: any, no state.   Cost: linear in the packet's bytes. */
#ifndef NJ_MQTT_PACKET_H
#define NJ_MQTT_PACKET_H

#include "mqtt/property.h"

enum nj_packet_type {
    NJ_CONNECT = 1,
    NJ_CONNACK = 2,
    NJ_PUBLISH = 3,
    NJ_PUBACK = 4,
    NJ_PUBREC = 5,
    NJ_PUBREL = 6,
    NJ_PUBCOMP = 7,
    NJ_SUBSCRIBE = 8,
    NJ_SUBACK = 9,
    NJ_UNSUBSCRIBE = 10,
    NJ_UNSUBACK = 11,
    NJ_PINGREQ = 12,
    NJ_PINGRESP = 13,
    NJ_DISCONNECT = 14,
    NJ_AUTH = 15,
};

/* The protocol level as it stands in CONNECT. */
enum nj_version {
    NJ_MQTT_31 = 3,
    NJ_MQTT_311 = 4,
    NJ_MQTT_5 = 5,
};

enum nj_side {
    NJ_FROM_CLIENT,
    NJ_FROM_SERVER,
};

#define NJ_PACKET_MAX_BYTES      (268435455u + 5u) /* [MQTT5-1.5.5-1] */
#define NJ_FIXED_HEADER_MAX      5
#define NJ_VARINT_MAX_VALUE      268435455u
#define NJ_SESSION_NEVER_EXPIRES UINT32_MAX

/* "CONNECT", "PUBLISH" …; "RESERVED" for 0 and "AUTH" for 15. */
const char *nj_packet_name(unsigned type);

/* Whether a packet of MQTT 5 from that side may carry the reason code. [MQTT5-3.2.2-8]
 * [MQTT5-3.4.2-1] [MQTT5-3.5.2-1] [MQTT5-3.6.2-1] [MQTT5-3.7.2-1] [MQTT5-3.9.3-2] [MQTT5-3.11.3-2]
 * [MQTT5-3.14.2-1] [MQTT5-3.15.2-1] */
bool nj_reason_is_allowed(unsigned code, enum nj_packet_type type, enum nj_side from);

/* ---- variable byte integers and strings ---- */

/* Bytes that `value` (up to NJ_VARINT_MAX_VALUE) takes: 1 to 4. */
static inline unsigned
nj_varint_size(uint32_t value)
{
    return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : 4;
}
/* A larger value does not fit: the writer is full then. */
void nj_varint_write(struct nj_writer *w, uint32_t value);
/* NJ_CAUSE_VARIABLE_LENGTH when longer than needed or than four bytes, NJ_CAUSE_PACKET_SHORT when
 * the input ends before it does. [MQTT5-1.5.5-1] */
enum nj_cause nj_varint_read(struct nj_reader *r, uint32_t *out);

/* Well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF) without U+0000.
 * Control characters and U+FEFF are text like any other. [MQTT5-1.5.4-1] [MQTT5-1.5.4-2]
 * [MQTT5-1.5.4-3] [MQTT311-1.5.3-1] [MQTT311-1.5.3-2] [MQTT311-1.5.3-3] nj_utf8_is_text() is the
 * same but lets U+0000 pass, for payloads that claim to be text. */
bool nj_utf8_is_valid(struct nj_str s);
bool nj_utf8_is_text(struct nj_str s);

/* ---- framing ---- */

enum nj_framing {
    NJ_FRAME_WHOLE, /* a frame lies at the beginning of the input */
    NJ_FRAME_PART,  /* not yet: more bytes are needed */
    NJ_FRAME_FAULT, /* never: see cause */
};

struct nj_frame {
    uint8_t type;        /* 0..15 as on the wire */
    uint8_t flags;       /* low four bits of the first byte */
    struct nj_str body;  /* after the fixed header */
    uint32_t bytes;      /* of the whole packet; with NJ_FRAME_PART 0 while the length is unknown */
    enum nj_cause cause; /* with NJ_FRAME_FAULT */
};

/* What is wrong with a first byte, by type and flags: an enum nj_cause. */
extern const uint8_t nj_frame_first_byte[16][16];

/**
 * Find the packet at the beginning of `in`. Only the fixed header is looked at, flags included, so
 * a packet that is too large is refused before its body arrives, and what is no packet at its first
 * byte. DUP in PUBREL, SUBSCRIBE and UNSUBSCRIBE passes here, for 3.1 has it; the decoders of later
 * versions refuse it.
 *
 * max_bytes  of a whole packet; beyond it: NJ_CAUSE_PACKET_TOO_LARGE.
 * Spec       [MQTT5-2.1.3-1] [MQTT311-2.2.2-1] [MQTT311-2.2.2-2] [MQTT5-3.1.2-24]
 *            [MQTT5-3.3.1-2] [MQTT5-3.3.1-4] [MQTT311-3.3.1-2] [MQTT311-3.3.1-4]
 *            [MQTT5-3.6.1-1] [MQTT5-3.8.1-1] [MQTT5-3.10.1-1] [MQTT5-3.14.1-1] [MQTT5-3.15.1-1]
 *            [MQTT311-3.6.1-1] [MQTT311-3.8.1-1] [MQTT311-3.10.1-1] [MQTT311-3.14.1-1]
 */
enum nj_framing nj_frame_find_plainly(struct nj_str in, uint32_t max_bytes, struct nj_frame *out);
/* The same, and at once for what is whole, right, and shorter than 128 bytes after its fixed
 * header, as nearly all are. */
static inline enum nj_framing
nj_frame_find(struct nj_str in, uint32_t max_bytes, struct nj_frame *out)
{
    struct nj_reader r = nj_reader_of(in);
    unsigned first = nj_read_u8(&r);
    uint32_t remaining = nj_read_u8(&r);
    struct nj_str body = nj_read_bytes(&r, remaining);

    if (NJ_UNLIKELY(r.is_short || remaining >= 128 || 2 + remaining > max_bytes ||
                    nj_frame_first_byte[first >> 4][first & 0xf] != NJ_CAUSE_NONE))
        return nj_frame_find_plainly(in, max_bytes, out);
    out->type = (uint8_t)(first >> 4);
    out->flags = first & 0xf;
    out->body = body;
    out->bytes = 2 + remaining;
    out->cause = NJ_CAUSE_NONE;
    return NJ_FRAME_WHOLE;
}

/* ---- the packets ---- */

struct nj_connect {
    enum nj_version version;
    bool is_bridge;   /* Mosquitto's private bit 0x80 in the level of 3.1 and 3.1.1 */
    bool clean_start; /* clean session before 5.0 */
    bool has_will, will_retain;
    bool has_user_name, has_password;
    uint8_t will_qos;
    uint16_t keep_alive_s;
    struct nj_str client_id;
    struct nj_str will_topic, will_payload;
    struct nj_str user_name, password;
    struct nj_properties properties;
    struct nj_properties will_properties;
};

struct nj_connack {
    bool session_present;
    uint8_t code; /* reason code in 5.0, return code before */
    struct nj_properties properties;
};

struct nj_publish {
    bool dup, retain;
    uint8_t qos;
    uint16_t packet_id;  /* 0 at QoS 0 */
    struct nj_str topic; /* empty: by alias (5.0 only) */
    struct nj_str payload;
    struct nj_properties properties;
};

/* PUBACK, PUBREC, PUBREL, PUBCOMP. */
struct nj_ack {
    uint16_t packet_id;
    uint8_t reason; /* 0 where absent, and before 5.0 */
    struct nj_properties properties;
};

/* One topic filter of a SUBSCRIBE or UNSUBSCRIBE. */
struct nj_subscription {
    struct nj_str filter; /* as sent, `$share/…` included */
    uint8_t qos;
    bool no_local;
    bool retain_as_published;
    uint8_t retain_handling; /* 0 send, 1 send if new, 2 do not send */
};

/* SUBSCRIBE, UNSUBSCRIBE: `filters` is checked as a whole; walk it with nj_subscription_next(). */
struct nj_subscribe {
    uint16_t packet_id;
    uint32_t count; /* of topic filters, at least 1 */
    struct nj_properties properties;
    struct nj_str filters; /* encoded list */
};

/* SUBACK, UNSUBACK. `codes` is empty in an UNSUBACK before 5.0; one byte per filter otherwise. */
struct nj_suback {
    uint16_t packet_id;
    struct nj_str codes;
    struct nj_properties properties;
};

struct nj_disconnect {
    uint8_t reason; /* 0 where absent, and before 5.0 */
    struct nj_properties properties;
};

struct nj_auth {
    uint8_t reason;
    struct nj_properties properties;
};

/**
 * Each decoder takes a whole frame of its type. Session state is not looked at: whether the packet
 * may come now, topic alias limits, receive maximum, which client identifiers are accepted and so
 * on are the session's to judge. On a fault `out` is not to be trusted, but for two fields:
 * nj_connect_decode() always writes `version` (3.1.1 where the level is none or could not be read),
 * so that the refusal can be put in the peer's version; nj_connack_decode() writes `code` also
 * where it is NJ_CAUSE_REASON_CODE_UNKNOWN, with no properties. `from` matters where the two
 * directions differ (properties, reason codes, subscription identifiers in PUBLISH).
 * nj_auth_decode() accepts the reason codes of both sides.
 *
 * Every packet
 *   [MQTT5-2.2.1-2] [MQTT5-2.2.1-3] [MQTT5-2.2.1-4] [MQTT311-2.3.1-1]  identifiers are not 0
 *   [MQTT5-2.2.2-1] properties have a length   [MQTT5-4.13.1-1] malformed packets end the
 * connection
 */
enum nj_cause nj_connect_decode(const struct nj_frame *f, struct nj_connect *out);
enum nj_cause nj_connack_decode(const struct nj_frame *f, enum nj_version v,
                                struct nj_connack *out);
enum nj_cause nj_publish_decode(const struct nj_frame *f, enum nj_version v, enum nj_side from,
                                struct nj_publish *out);
enum nj_cause nj_subscribe_decode(const struct nj_frame *f, enum nj_version v,
                                  struct nj_subscribe *out);
enum nj_cause nj_unsubscribe_decode(const struct nj_frame *f, enum nj_version v,
                                    struct nj_subscribe *out);
enum nj_cause nj_suback_decode(const struct nj_frame *f, enum nj_version v,
                               struct nj_suback *out);  /* UNSUBACK too */
enum nj_cause nj_ping_decode(const struct nj_frame *f); /* PINGREQ, PINGRESP */
enum nj_cause nj_disconnect_decode(const struct nj_frame *f, enum nj_version v, enum nj_side from,
                                   struct nj_disconnect *out);
enum nj_cause nj_auth_decode(const struct nj_frame *f, struct nj_auth *out);

/* An acknowledgement in its bare form, which nearly all have: a packet identifier and nothing else.
 */
#define NJ_BARE_ACK_BYTES 4u

static inline uint8_t
nj_ack_flags(unsigned type)
{
    return type == NJ_PUBREL ? 2 : 0; /* [MQTT5-3.6.1-1] */
}

/* PUBACK, PUBREC, PUBREL, PUBCOMP. The plain twin takes every form; what is not bare goes there. */
enum nj_cause nj_ack_decode_plainly(const struct nj_frame *f, enum nj_version v,
                                    struct nj_ack *out);
static inline enum nj_cause
nj_ack_decode(const struct nj_frame *f, enum nj_version v, struct nj_ack *out)
{
    struct nj_reader r = nj_reader_of(f->body);

    if (NJ_UNLIKELY(f->body.n != 2 || f->flags != nj_ack_flags(f->type)))
        return nj_ack_decode_plainly(f, v, out);
    out->packet_id = nj_read_u16(&r);
    out->reason = 0;
    nj_properties_clear(&out->properties);
    return out->packet_id != 0 ? NJ_CAUSE_NONE : NJ_CAUSE_PACKET_ID_ZERO;
}

/* Walk a checked list of topic filters: begin with a reader over `filters`; false at the end.
 * `has_options` is true for SUBSCRIBE, false for UNSUBSCRIBE. */
bool nj_subscription_next(struct nj_reader *r, enum nj_version v, bool has_options,
                          struct nj_subscription *out);

/* Any packet, by its frame's type. Before 5.0 there is no AUTH. */
struct nj_packet {
    enum nj_packet_type type;
    union {
        struct nj_connect connect;
        struct nj_connack connack;
        struct nj_publish publish;
        struct nj_ack ack;
        struct nj_subscribe subscribe; /* UNSUBSCRIBE too */
        struct nj_suback suback;       /* UNSUBACK too */
        struct nj_disconnect disconnect;
        struct nj_auth auth;
    };
};
enum nj_cause nj_packet_decode(const struct nj_frame *f, enum nj_version v, enum nj_side from,
                               struct nj_packet *out);

/* ---- encoding ----
 * `properties` are encoded blocks without their length (nj_property_put_…); ignored before 5.0.
 * An encoder needs at most what nj_…_size() says, or for the small ones: */
#define NJ_SMALL_PACKET_BYTES(properties_n) ((size_t)(properties_n) + 16)

struct nj_connect_out {
    enum nj_version version;
    bool clean_start, is_bridge;
    uint16_t keep_alive_s;
    struct nj_str client_id, properties;
    bool has_will, will_retain;
    uint8_t will_qos;
    struct nj_str will_topic, will_payload, will_properties;
    bool has_user_name, has_password;
    struct nj_str user_name, password;
};
size_t nj_connect_size(const struct nj_connect_out *c);
void nj_connect_encode(struct nj_writer *w, const struct nj_connect_out *c);

void nj_connack_encode(struct nj_writer *w, enum nj_version v, bool session_present, uint8_t code,
                       struct nj_str properties);

/* Everything of a PUBLISH but its payload, which the caller sends after it. */
struct nj_publish_head {
    bool dup, retain;
    uint8_t qos;
    uint16_t packet_id;
    uint16_t topic_alias; /* 0: none */
    bool has_expiry;
    uint32_t message_expiry_interval_s;
    struct nj_str topic;
    struct nj_str properties; /* encoded, passed on as they are, first */
    const uint32_t *subscription_identifiers;
    uint32_t subscription_identifier_count;
    uint32_t payload_bytes;
};
/* Bytes of the head; adding payload_bytes gives the packet. More than NJ_PACKET_MAX_BYTES in all
 * cannot be sent: the result is 0 then. */
size_t nj_publish_head_size(const struct nj_publish_head *h, enum nj_version v);
void nj_publish_head_encode(struct nj_writer *w, enum nj_version v,
                            const struct nj_publish_head *h);
/* Where the packet identifier lies in an encoded PUBLISH of QoS 1 or 2, so that one encoding serves
 * many receivers. */
size_t nj_publish_packet_id_offset(const uint8_t *packet);

/* PUBACK, PUBREC, PUBREL, PUBCOMP: short form when the reason is 0 and there are no properties. */
void nj_ack_encode(struct nj_writer *w, enum nj_version v, enum nj_packet_type type,
                   uint16_t packet_id, uint8_t reason, struct nj_str properties);
/* The short form alone. */
static inline void
nj_ack_encode_bare(uint8_t packet[NJ_BARE_ACK_BYTES], enum nj_packet_type type, uint16_t packet_id)
{
    packet[0] = (uint8_t)((unsigned)type << 4 | nj_ack_flags(type));
    packet[1] = 2;
    packet[2] = (uint8_t)(packet_id >> 8);
    packet[3] = (uint8_t)packet_id;
}

/* `list` is encoded with nj_subscription_put(). The size is exact. */
size_t nj_subscribe_size(enum nj_version v, struct nj_str properties, struct nj_str list);
void nj_subscribe_encode(struct nj_writer *w, enum nj_version v, enum nj_packet_type type,
                         uint16_t packet_id, struct nj_str properties, struct nj_str list);
void nj_subscription_put(struct nj_writer *w, enum nj_version v, bool has_options,
                         const struct nj_subscription *s);
/* `codes`: one reason code per filter; ignored for UNSUBACK before 5.0, and in a SUBACK before 5.0
 * every failure becomes 0x80. [MQTT311-3.9.3-2] */
void nj_suback_encode(struct nj_writer *w, enum nj_version v, enum nj_packet_type type,
                      uint16_t packet_id, struct nj_str properties, struct nj_str codes);
void nj_ping_encode(struct nj_writer *w, enum nj_packet_type type);
void nj_disconnect_encode(struct nj_writer *w, enum nj_version v, uint8_t reason,
                          struct nj_str properties);
void nj_auth_encode(struct nj_writer *w, uint8_t reason, struct nj_str properties);

#endif
