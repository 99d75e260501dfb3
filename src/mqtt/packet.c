/* SPDX-License-Identifier: Apache-2.0 */
/* Any packet: which decoder its type asks for, and whether that side sends such packets at all. */
#include "mqtt/packet_priv.h"

static const struct {
    const char *name;
    bool from_client, from_server;
} types[16] = {
    [0] = {"RESERVED", false, false},
    [NJ_CONNECT] = {"CONNECT", true, false},
    [NJ_CONNACK] = {"CONNACK", false, true},
    [NJ_PUBLISH] = {"PUBLISH", true, true},
    [NJ_PUBACK] = {"PUBACK", true, true},
    [NJ_PUBREC] = {"PUBREC", true, true},
    [NJ_PUBREL] = {"PUBREL", true, true},
    [NJ_PUBCOMP] = {"PUBCOMP", true, true},
    [NJ_SUBSCRIBE] = {"SUBSCRIBE", true, false},
    [NJ_SUBACK] = {"SUBACK", false, true},
    [NJ_UNSUBSCRIBE] = {"UNSUBSCRIBE", true, false},
    [NJ_UNSUBACK] = {"UNSUBACK", false, true},
    [NJ_PINGREQ] = {"PINGREQ", true, false},
    [NJ_PINGRESP] = {"PINGRESP", false, true},
    [NJ_DISCONNECT] = {"DISCONNECT", true, true},
    [NJ_AUTH] = {"AUTH", true, true},
};

const char *
nj_packet_name(unsigned type)
{
    return types[type < NJ_COUNT_OF(types) ? type : 0].name;
}

static enum nj_cause
decode_auth(const struct nj_frame *f, enum nj_version v, enum nj_side from, struct nj_auth *out)
{
    enum nj_cause cause = v < NJ_MQTT_5 ? NJ_CAUSE_PACKET_TYPE : nj_auth_decode(f, out);

    if (cause == NJ_CAUSE_NONE && !nj_reason_is_allowed(out->reason, NJ_AUTH, from))
        return NJ_CAUSE_REASON_CODE_UNKNOWN;
    return cause;
}

enum nj_cause
nj_packet_decode(const struct nj_frame *f, enum nj_version v, enum nj_side from,
                 struct nj_packet *out)
{
    if (f->type == 0 || f->type >= NJ_COUNT_OF(types))
        return NJ_CAUSE_PACKET_TYPE;
    if (!(from == NJ_FROM_CLIENT ? types[f->type].from_client : types[f->type].from_server))
        return NJ_CAUSE_UNEXPECTED_PACKET;

    out->type = (enum nj_packet_type)f->type;
    switch (out->type) {
    case NJ_CONNECT:
        return nj_connect_decode(f, &out->connect);
    case NJ_CONNACK:
        return nj_connack_decode(f, v, &out->connack);
    case NJ_PUBLISH:
        return nj_publish_decode(f, v, from, &out->publish);
    case NJ_PUBACK:
    case NJ_PUBREC:
    case NJ_PUBREL:
    case NJ_PUBCOMP:
        return nj_ack_decode(f, v, &out->ack);
    case NJ_SUBSCRIBE:
        return nj_subscribe_decode(f, v, &out->subscribe);
    case NJ_UNSUBSCRIBE:
        return nj_unsubscribe_decode(f, v, &out->subscribe);
    case NJ_SUBACK:
    case NJ_UNSUBACK:
        return nj_suback_decode(f, v, &out->suback);
    case NJ_PINGREQ:
    case NJ_PINGRESP:
        return nj_ping_decode(f);
    case NJ_DISCONNECT:
        return nj_disconnect_decode(f, v, from, &out->disconnect);
    case NJ_AUTH:
        return decode_auth(f, v, from, &out->auth);
    }
    return NJ_CAUSE_PACKET_TYPE;
}
