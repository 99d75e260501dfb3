/* SPDX-License-Identifier: Apache-2.0 */
/* say_packet.c — a line for each packet that comes or goes, at debug. */
#include "server/say.h"

/* printf("%" WHO) */
#define WHO     NJ_STR_FMT
#define NAME(c) NJ_STR_ARG(nj_conn_name(c))

void
nj_say_received_line(const struct nj_conn *c, enum nj_packet_type type)
{
    nj_log(NJ_LOG_DEBUG, "Received %s from %" WHO, nj_packet_name(type), NAME(c));
}

void
nj_say_sent(const struct nj_conn *c, enum nj_packet_type type)
{
    nj_log(NJ_LOG_DEBUG, "Sending %s to %" WHO, nj_packet_name(type), NAME(c));
}

void
nj_say_publish_received_line(const struct nj_conn *c, const struct nj_publish *p)
{
    nj_log(NJ_LOG_DEBUG,
           "Received PUBLISH from %" WHO " (d%d, q%d, r%d, m%u, '%" NJ_STR_FMT
           "', ... (%zu bytes))",
           NAME(c), p->dup, p->qos, p->retain, p->packet_id, NJ_STR_ARG(p->topic), p->payload.n);
}

void
nj_say_publish_sent_line(const struct nj_conn *c, const struct nj_delivery *d)
{
    nj_log(NJ_LOG_DEBUG,
           "Sending PUBLISH to %" WHO " (d%d, q%d, r%d, m%u, '%" NJ_STR_FMT "', ... (%zu bytes))",
           NAME(c), d->dup, d->qos, d->retain, d->packet_id, NJ_STR_ARG(d->publication->topic),
           d->publication->payload.n);
}

void
nj_say_publish_refused(const struct nj_conn *c, const struct nj_publish *p, enum nj_cause cause)
{
    const char *what =
        cause == NJ_CAUSE_MESSAGE_SIZE_LIMIT ? "Dropped too large PUBLISH" : "Denied PUBLISH";

    nj_log(NJ_LOG_DEBUG,
           "%s from %" WHO " (d%d, q%d, r%d, m%u, '%" NJ_STR_FMT "', ... (%zu bytes))", what,
           NAME(c), p->dup, p->qos, p->retain, p->packet_id, NJ_STR_ARG(p->topic), p->payload.n);
}

void
nj_say_too_large(const struct nj_conn *c, size_t bytes)
{
    nj_log(NJ_LOG_NOTICE, "Dropping too large outgoing PUBLISH for %" WHO " (%zu bytes)", NAME(c),
           bytes);
}

void
nj_say_ack_received_line(const struct nj_conn *c, enum nj_packet_type type, const struct nj_ack *p)
{
    if (type == NJ_PUBACK || type == NJ_PUBCOMP)
        nj_log(NJ_LOG_DEBUG, "Received %s from %" WHO " (Mid: %u, RC:%u)", nj_packet_name(type),
               NAME(c), p->packet_id, p->reason);
    else
        nj_log(NJ_LOG_DEBUG, "Received %s from %" WHO " (Mid: %u)", nj_packet_name(type), NAME(c),
               p->packet_id);
}

void
nj_say_ack_sent_line(const struct nj_conn *c, const struct nj_answer *a)
{
    if (a->type == NJ_PUBACK || a->type == NJ_PUBREC)
        nj_log(NJ_LOG_DEBUG, "Sending %s to %" WHO " (m%u, rc%u)", nj_packet_name(a->type), NAME(c),
               a->packet_id, c->link.version == NJ_MQTT_5 ? a->reason : 0);
    else
        nj_log(NJ_LOG_DEBUG, "Sending %s to %" WHO " (m%u)", nj_packet_name(a->type), NAME(c),
               a->packet_id);
}

void
nj_say_unknown_packet_id(const struct nj_conn *c, enum nj_packet_type type, uint16_t packet_id)
{
    nj_metric_add_cause(&c->worker->metrics, NJ_CAUSE_PACKET_ID_UNKNOWN);
    nj_log(NJ_LOG_WARNING,
           "Warning: Received %s from %" WHO " for an unknown packet identifier %u.",
           nj_packet_name(type), NAME(c), packet_id);
}

void
nj_say_connack(const struct nj_conn *c, bool session_present, int code)
{
    nj_log(NJ_LOG_DEBUG, "Sending CONNACK to %" WHO " (%d, %d)", NAME(c), session_present, code);
}

void
nj_say_disconnect_sent(const struct nj_conn *c, enum nj_reason reason)
{
    nj_log(NJ_LOG_DEBUG, "Sending DISCONNECT to %" WHO " (rc%d)", NAME(c), (int)reason);
}

void
nj_say_auth(const struct nj_conn *c, const struct nj_auth *p)
{
    nj_log(NJ_LOG_DEBUG, "Received AUTH from %" WHO " (rc%d, %" NJ_STR_FMT ")", NAME(c), p->reason,
           NJ_STR_ARG(p->properties.authentication_method));
}

void
nj_say_auth_sent(const struct nj_conn *c, enum nj_reason reason, struct nj_str method)
{
    nj_log(NJ_LOG_DEBUG, "Sending AUTH to %" WHO " (rc%d, %" NJ_STR_FMT ")", NAME(c), (int)reason,
           NJ_STR_ARG(method));
}

void
nj_say_subscribed(const struct nj_conn *c, const struct nj_subscription *s, uint8_t code)
{
    if (code >= NJ_REASON_UNSPECIFIED_ERROR) {
        nj_log(NJ_LOG_DEBUG, "\t%" NJ_STR_FMT " (denied)", NJ_STR_ARG(s->filter));
        return;
    }
    nj_log(NJ_LOG_DEBUG, "\t%" NJ_STR_FMT " (QoS %d)", NJ_STR_ARG(s->filter), code);
    nj_log(NJ_LOG_SUBSCRIBE, "%" WHO " %d %" NJ_STR_FMT, NAME(c), code, NJ_STR_ARG(s->filter));
}

void
nj_say_unsubscribed(const struct nj_conn *c, struct nj_str filter)
{
    nj_log(NJ_LOG_DEBUG, "\t%" NJ_STR_FMT, NJ_STR_ARG(filter));
    nj_log(NJ_LOG_UNSUBSCRIBE, "%" WHO " %" NJ_STR_FMT, NAME(c), NJ_STR_ARG(filter));
}
