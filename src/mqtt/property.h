/* SPDX-License-Identifier: Apache-2.0 */
/* property.h — the 27 properties of MQTT 5.
 *
 * Decoding checks a whole block for one kind of packet (unknown, not allowed here, twice, out of
 * range, ill-formed) and leaves a view: single-valued properties parsed, and the block itself, in
 * which those that may repeat are found by walking. Encoding is one call per property into a
 * struct nj_writer, in the order of the calls; the packet's encoder puts the length before it. */
#ifndef NJ_MQTT_PROPERTY_H
#define NJ_MQTT_PROPERTY_H

#include "base/reader.h"
#include "base/writer.h"
#include "mqtt/reason.h"

enum nj_property {
#define NJ_PROPERTY(name, identifier, type, packets, text) NJ_PROPERTY_##name = (identifier),
#include "mqtt/property.def"
#undef NJ_PROPERTY
};

/* How the value of a property is written. */
enum nj_property_type {
    NJ_PROPERTY_TYPE_NONE, /* there is no such property */
    NJ_PROPERTY_TYPE_BOOL,
    NJ_PROPERTY_TYPE_U16,
    NJ_PROPERTY_TYPE_U32,
    NJ_PROPERTY_TYPE_VARINT,
    NJ_PROPERTY_TYPE_STR,
    NJ_PROPERTY_TYPE_BIN,
    NJ_PROPERTY_TYPE_PAIR,
};
enum nj_property_type nj_property_type(unsigned identifier);

/* Packet types by number, for masks; bit 0 stands for the will properties. */
#define NJ_PROPERTIES_OF(type) (1u << (type))
#define NJ_PROPERTIES_OF_WILL  1u

struct nj_properties {
    struct nj_str block; /* as received, without its length; lent from the input */
    uint64_t present;    /* bit per identifier: 1 << 0x11 for the session expiry interval … */
    uint32_t user_property_count;
    uint32_t subscription_identifier_count;

    /* Valid where `present` says so; those of the authentication are empty elsewhere, for an
     * exchange may have neither. */
    uint32_t message_expiry_interval_s;
    uint32_t session_expiry_interval_s;
    uint32_t will_delay_interval_s;
    uint32_t maximum_packet_size;
    uint32_t subscription_identifier; /* the first */
    uint16_t server_keep_alive_s;
    uint16_t receive_maximum;
    uint16_t topic_alias_maximum;
    uint16_t topic_alias;
    uint8_t payload_format_indicator;
    uint8_t request_problem_information;
    uint8_t request_response_information;
    uint8_t maximum_qos;
    uint8_t retain_available;
    uint8_t wildcard_subscription_available;
    uint8_t subscription_identifier_available;
    uint8_t shared_subscription_available;
    struct nj_str content_type;
    struct nj_str response_topic;
    struct nj_str correlation_data;
    struct nj_str assigned_client_identifier;
    struct nj_str authentication_method;
    struct nj_str authentication_data;
    struct nj_str response_information;
    struct nj_str server_reference;
    struct nj_str reason_string;
};

static inline bool
nj_properties_has(const struct nj_properties *p, enum nj_property which)
{
    return (p->present >> which & 1) != 0;
}

/* As decoding leaves it where there are none: only what is looked at first is written. */
static inline void
nj_properties_clear(struct nj_properties *p)
{
    p->block = (struct nj_str){NULL, 0};
    p->present = 0;
    p->user_property_count = 0;
    p->subscription_identifier_count = 0;
    p->authentication_method = (struct nj_str){NULL, 0};
    p->authentication_data = (struct nj_str){NULL, 0};
}

/**
 * Read the length and the block that follows it.
 *
 * packets   NJ_PROPERTIES_OF(type), or NJ_PROPERTIES_OF_WILL: what may stand here.
 * out       always written; on a fault only `block` is not to be trusted.
 * Spec      [MQTT5-2.2.2-1]
 */
enum nj_cause nj_properties_decode(struct nj_reader *r, uint32_t packets,
                                   struct nj_properties *out);

/* One property of a checked block, as found by walking it. */
struct nj_property_view {
    enum nj_property id;
    uint32_t number;          /* numeric types */
    struct nj_str key, value; /* `value` for strings and binary; both for a user property */
    struct nj_str bytes;      /* the property as encoded, identifier included */
};
/* Walk: start with a reader over `block`; false at the end, and where the block is ill-formed. */
bool nj_property_next(struct nj_reader *r, struct nj_property_view *out);

/* Names as on a command line; 0 / NULL when unknown. */
unsigned nj_property_by_name(struct nj_str name);
const char *nj_property_name(unsigned id);
/* The largest number that its value has room for; 0 when that is no number, and for what is no
 * property. */
uint32_t nj_property_maximum(unsigned id);
/* May it stand in a packet (NJ_PROPERTIES_OF…)? */
bool nj_property_is_allowed(unsigned id, uint32_t packets);

/* Encoding; the type must be that of the property (asserted). */
void nj_property_put_number(struct nj_writer *w, enum nj_property id, uint32_t value);
void nj_property_put_string(struct nj_writer *w, enum nj_property id, struct nj_str value);
void nj_property_put_pair(struct nj_writer *w, struct nj_str key, struct nj_str value);
/* What stands in a packet: the length, then the encoded block. */
void nj_properties_put(struct nj_writer *w, struct nj_str block);

#endif
