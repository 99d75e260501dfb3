/* SPDX-License-Identifier: Apache-2.0 */
/* CONNACK: what the server answers to CONNECT. */
#include "mqtt/packet_priv.h"

#define SESSION_PRESENT  0x01u
#define RETURN_CODE_LAST 5u /* of 3.1 and 3.1.1 */

/* In 3.1 the first byte is reserved and means nothing. [MQTT311-3.2.2-4] [MQTT5-3.2.2-1]
 * [MQTT5-3.2.2-6] */
static enum nj_cause
judge_flags(uint8_t flags, enum nj_version v, struct nj_connack *out)
{
    out->session_present = v > NJ_MQTT_31 && (flags & SESSION_PRESENT) != 0;
    if (v == NJ_MQTT_31)
        return NJ_CAUSE_NONE;
    if ((flags & ~SESSION_PRESENT) != 0 || (out->session_present && out->code != 0))
        return NJ_CAUSE_CONNECT_FLAGS;
    return NJ_CAUSE_NONE;
}

enum nj_cause
nj_connack_decode(const struct nj_frame *f, enum nj_version v, struct nj_connack *out)
{
    struct nj_reader r = nj_reader_of(f->body);
    struct nj_properties *p = &out->properties;
    enum nj_cause cause;
    uint8_t flags = nj_read_u8(&r);

    nj_properties_clear(p);
    out->code = nj_read_u8(&r);
    if (r.is_short)
        return NJ_CAUSE_PACKET_SHORT;
    cause = judge_flags(flags, v, out);
    if (cause != NJ_CAUSE_NONE)
        return cause;
    if (v < NJ_MQTT_5)
        return out->code > RETURN_CODE_LAST ? NJ_CAUSE_REASON_CODE_UNKNOWN : nj_reader_end(&r);

    /* A server that knows no 5.0 refuses it in its own version's form. */
    if (nj_reader_left(&r) == 0 && out->code == 1) {
        out->code = NJ_REASON_UNSUPPORTED_PROTOCOL_VERSION;
        return NJ_CAUSE_NONE;
    }
    if (!nj_reason_is_allowed(out->code, NJ_CONNACK, NJ_FROM_SERVER))
        return NJ_CAUSE_REASON_CODE_UNKNOWN;
    cause = nj_properties_decode(&r, NJ_PROPERTIES_OF(NJ_CONNACK), p);
    if (cause != NJ_CAUSE_NONE)
        return cause;
    if (nj_properties_has(p, NJ_PROPERTY_AUTHENTICATION_DATA) &&
        !nj_properties_has(p, NJ_PROPERTY_AUTHENTICATION_METHOD))
        return NJ_CAUSE_AUTH_DATA_WITHOUT_METHOD;
    return nj_reader_end(&r);
}

void
nj_connack_encode(struct nj_writer *w, enum nj_version v, bool session_present, uint8_t code,
                  struct nj_str properties)
{
    nj_frame_put(w, NJ_CONNACK, 0, 2 + nj_properties_size(v, properties));
    nj_write_u8(w, session_present && v > NJ_MQTT_31 ? SESSION_PRESENT : 0);
    nj_write_u8(w, code);
    if (v == NJ_MQTT_5)
        nj_properties_put(w, properties);
}
