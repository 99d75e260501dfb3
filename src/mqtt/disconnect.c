/* SPDX-License-Identifier: Apache-2.0 */
/* DISCONNECT: the last packet, before 5.0 from clients only and without contents. */
#include "mqtt/packet_priv.h"

enum nj_cause
nj_disconnect_decode(const struct nj_frame *f, enum nj_version v, enum nj_side from,
                     struct nj_disconnect *out)
{
    struct nj_reader r = nj_reader_of(f->body);
    enum nj_cause cause;

    out->reason = 0;
    nj_properties_clear(&out->properties);
    if (v < NJ_MQTT_5)
        return from == NJ_FROM_SERVER ? NJ_CAUSE_UNEXPECTED_PACKET : nj_reader_end(&r);
    if (nj_reader_left(&r) == 0)
        return NJ_CAUSE_NONE;

    out->reason = nj_read_u8(&r);
    if (!nj_reason_is_allowed(out->reason, NJ_DISCONNECT, from))
        return NJ_CAUSE_REASON_CODE_UNKNOWN;
    if (nj_reader_left(&r) == 0)
        return NJ_CAUSE_NONE;
    cause = nj_properties_decode(&r, NJ_PROPERTIES_OF(NJ_DISCONNECT), &out->properties);
    if (cause != NJ_CAUSE_NONE)
        return cause;
    /* [MQTT5-3.14.2-2] */
    if (from == NJ_FROM_SERVER &&
        nj_properties_has(&out->properties, NJ_PROPERTY_SESSION_EXPIRY_INTERVAL))
        return NJ_CAUSE_PROPERTY_NOT_ALLOWED;
    return nj_reader_end(&r);
}

void
nj_disconnect_encode(struct nj_writer *w, enum nj_version v, uint8_t reason,
                     struct nj_str properties)
{
    bool has_properties = v == NJ_MQTT_5 && properties.n > 0;
    bool has_reason = v == NJ_MQTT_5 && (reason != 0 || has_properties);

    nj_frame_put(w, NJ_DISCONNECT, 0,
                 (has_reason ? 1u : 0u) + (has_properties ? nj_properties_size(v, properties) : 0));
    if (has_reason)
        nj_write_u8(w, reason);
    if (has_properties)
        nj_properties_put(w, properties);
}
