/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH: the steps of extended authentication, 5.0 only. */
#include "mqtt/packet_priv.h"

enum nj_cause
nj_auth_decode(const struct nj_frame *f, struct nj_auth *out)
{
    struct nj_reader r = nj_reader_of(f->body);
    struct nj_properties *p = &out->properties;
    enum nj_cause cause;

    out->reason = NJ_REASON_SUCCESS;
    nj_properties_clear(p);
    /* The short form has no room for the method; whether it may come is the session's to say. */
    if (nj_reader_left(&r) == 0)
        return NJ_CAUSE_NONE;
    out->reason = nj_read_u8(&r);
    if (!nj_reason_is_allowed(out->reason, NJ_AUTH, NJ_FROM_CLIENT) &&
        !nj_reason_is_allowed(out->reason, NJ_AUTH, NJ_FROM_SERVER))
        return NJ_CAUSE_REASON_CODE_UNKNOWN;
    cause = nj_properties_decode(&r, NJ_PROPERTIES_OF(NJ_AUTH), p);
    if (cause != NJ_CAUSE_NONE)
        return cause;
    if (!nj_properties_has(p, NJ_PROPERTY_AUTHENTICATION_METHOD))
        return nj_properties_has(p, NJ_PROPERTY_AUTHENTICATION_DATA)
                   ? NJ_CAUSE_AUTH_DATA_WITHOUT_METHOD
                   : NJ_CAUSE_AUTH_WITHOUT_METHOD;
    return nj_reader_end(&r);
}

void
nj_auth_encode(struct nj_writer *w, uint8_t reason, struct nj_str properties)
{
    bool is_short = reason == NJ_REASON_SUCCESS && properties.n == 0;

    nj_frame_put(w, NJ_AUTH, 0, is_short ? 0 : 1 + nj_properties_size(NJ_MQTT_5, properties));
    if (is_short)
        return;
    nj_write_u8(w, reason);
    nj_properties_put(w, properties);
}
