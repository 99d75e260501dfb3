/* SPDX-License-Identifier: Apache-2.0 */
/* SUBACK and UNSUBACK: one code for each topic filter, but for the UNSUBACK of 3.1 and 3.1.1, which
 * has none. */
#include "mqtt/packet_priv.h"

#define FAILURE_BEFORE_5 0x80u

/* [MQTT5-3.9.3-2] [MQTT5-3.11.3-2] [MQTT311-3.9.3-2] */
static bool
is_code(uint8_t code, enum nj_version v, enum nj_packet_type type)
{
    if (v < NJ_MQTT_5)
        return code <= 2 || code == FAILURE_BEFORE_5;
    return nj_reason_is_allowed(code, type, NJ_FROM_SERVER);
}

static enum nj_cause
check_codes(struct nj_str codes, enum nj_version v, enum nj_packet_type type)
{
    if (codes.n == 0)
        return NJ_CAUSE_PACKET_SHORT;
    for (size_t i = 0; i < codes.n; i++) {
        if (!is_code((uint8_t)codes.p[i], v, type))
            return NJ_CAUSE_REASON_CODE_UNKNOWN;
    }
    return NJ_CAUSE_NONE;
}

enum nj_cause
nj_suback_decode(const struct nj_frame *f, enum nj_version v, struct nj_suback *out)
{
    enum nj_packet_type type = (enum nj_packet_type)f->type;
    struct nj_reader r;
    enum nj_cause cause = nj_frame_begin(f, v, &r, &out->packet_id);

    out->codes = (struct nj_str){NULL, 0};
    nj_properties_clear(&out->properties);
    if (cause != NJ_CAUSE_NONE)
        return cause;
    if (v == NJ_MQTT_5) {
        cause = nj_properties_decode(&r, NJ_PROPERTIES_OF(type), &out->properties);
        if (cause != NJ_CAUSE_NONE)
            return cause;
    } else if (type == NJ_UNSUBACK) {
        return nj_reader_end(&r);
    }
    out->codes = nj_read_bytes(&r, nj_reader_left(&r));
    return check_codes(out->codes, v, type);
}

void
nj_suback_encode(struct nj_writer *w, enum nj_version v, enum nj_packet_type type,
                 uint16_t packet_id, struct nj_str properties, struct nj_str codes)
{
    if (v < NJ_MQTT_5 && type == NJ_UNSUBACK)
        codes.n = 0;
    nj_frame_put(w, type, 0, 2 + nj_properties_size(v, properties) + codes.n);
    nj_write_u16(w, packet_id);
    if (v == NJ_MQTT_5) {
        nj_properties_put(w, properties);
        nj_write_bytes(w, codes);
        return;
    }
    for (size_t i = 0; i < codes.n; i++) {
        uint8_t code = (uint8_t)codes.p[i];

        nj_write_u8(w, code < FAILURE_BEFORE_5 ? code : FAILURE_BEFORE_5);
    }
}
