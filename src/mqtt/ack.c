/* SPDX-License-Identifier: Apache-2.0 */
/* PUBACK, PUBREC, PUBREL, PUBCOMP: the four steps of acknowledgement have one form. */
#include "mqtt/packet_priv.h"

enum nj_cause
nj_ack_decode_plainly(const struct nj_frame *f, enum nj_version v, struct nj_ack *out)
{
    struct nj_reader r;
    enum nj_cause cause = nj_frame_begin(f, v, &r, &out->packet_id);

    out->reason = 0;
    nj_properties_clear(&out->properties);
    if (cause != NJ_CAUSE_NONE)
        return cause;
    if (v < NJ_MQTT_5 || nj_reader_left(&r) == 0)
        return nj_reader_end(&r);

    out->reason = nj_read_u8(&r);
    /* PUBACK and PUBREC are the only ones whose sides differ, and only in that a client has no use
     * for 0x10: nothing is gained by refusing it. */
    if (!nj_reason_is_allowed(out->reason, (enum nj_packet_type)f->type, NJ_FROM_SERVER))
        return NJ_CAUSE_REASON_CODE_UNKNOWN;
    if (nj_reader_left(&r) == 0)
        return NJ_CAUSE_NONE;
    cause = nj_properties_decode(&r, NJ_PROPERTIES_OF(f->type), &out->properties);
    return cause != NJ_CAUSE_NONE ? cause : nj_reader_end(&r);
}

void
nj_ack_encode(struct nj_writer *w, enum nj_version v, enum nj_packet_type type, uint16_t packet_id,
              uint8_t reason, struct nj_str properties)
{
    bool has_properties = v == NJ_MQTT_5 && properties.n > 0;
    bool has_reason = v == NJ_MQTT_5 && (reason != 0 || has_properties);

    nj_frame_put(w, type, 0,
                 2 + (has_reason ? 1u : 0u) +
                     (has_properties ? nj_properties_size(v, properties) : 0));
    nj_write_u16(w, packet_id);
    if (has_reason)
        nj_write_u8(w, reason);
    if (has_properties)
        nj_properties_put(w, properties);
}
