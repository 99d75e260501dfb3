/* SPDX-License-Identifier: Apache-2.0 */
/* say.h — the log lines about connections and packets: Mosquitto's words, since people and scripts
 * know them. Each is one load where its type is off. Private to the room. */
#ifndef NJ_SERVER_SAY_H
#define NJ_SERVER_SAY_H

#include "base/log.h"
#include "server/conn.h"

struct nj_finding;
struct nj_tls_fault;

/* ---- connections ----
 *
 * Lines about those who are not let in have a ration (ration.h); each is kept among the last
 * refusals, whether it is said or not. */
void nj_say_new_connection(const struct nj_conn *c);
void nj_say_denied(struct nj_worker *w, const struct nj_peer *peer, enum nj_cause cause);
void nj_say_accept_failed(struct nj_worker *w, int error);
void nj_say_connected(const struct nj_conn *c, const struct nj_connect *p);
/* A read or write failed; 0: the peer has closed. Remembered for the line about the end. */
void nj_say_socket(struct nj_conn *c, int error);
/* Which credentials were wrong: for the operator, who is told more than the client. Nothing for
 * other causes. */
void nj_say_refused(struct nj_conn *c, enum nj_cause cause);
/* Why TLS has failed: one line, with what to do. NULL: for want of memory. */
void nj_say_tls_fault(struct nj_conn *c, const struct nj_tls_fault *f);
/* It was let in, and would not be any more. */
void nj_say_no_longer_trusted(struct nj_conn *c, const struct nj_finding *why);
/* What was wrong with a packet, which lies at the front of `bytes`. */
void nj_say_fault(struct nj_conn *c, enum nj_cause cause, const struct nj_frame *frame,
                  struct nj_str bytes);
void nj_say_disconnected(struct nj_conn *c, enum nj_cause cause);

/* ---- packets, at debug: say_packet.c ---- */
void nj_say_received_line(const struct nj_conn *c, enum nj_packet_type type);
void nj_say_sent(const struct nj_conn *c, enum nj_packet_type type);
void nj_say_publish_received_line(const struct nj_conn *c, const struct nj_publish *p);
void nj_say_publish_sent_line(const struct nj_conn *c, const struct nj_delivery *d);
void nj_say_publish_refused(const struct nj_conn *c, const struct nj_publish *p,
                            enum nj_cause cause);
void nj_say_too_large(const struct nj_conn *c, size_t bytes);
void nj_say_ack_received_line(const struct nj_conn *c, enum nj_packet_type type,
                              const struct nj_ack *p);
void nj_say_ack_sent_line(const struct nj_conn *c, const struct nj_answer *a);
void nj_say_unknown_packet_id(const struct nj_conn *c, enum nj_packet_type type,
                              uint16_t packet_id);
void nj_say_connack(const struct nj_conn *c, bool session_present, int code);
void nj_say_disconnect_sent(const struct nj_conn *c, enum nj_reason reason);
void nj_say_auth(const struct nj_conn *c, const struct nj_auth *p);
void nj_say_auth_sent(const struct nj_conn *c, enum nj_reason reason, struct nj_str method);
void nj_say_subscribed(const struct nj_conn *c, const struct nj_subscription *s, uint8_t code);
void nj_say_unsubscribed(const struct nj_conn *c, struct nj_str filter);

/* ---- the broker's own ---- */
void nj_say_dropped(struct nj_worker *w, enum nj_cause cause, struct nj_session *session,
                    struct nj_str topic);
void nj_say_expired(const struct nj_session *session);
/* Its CONNACK, for room in the store. */
void nj_say_waits(const struct nj_session *session);

/* On the path of every message: no call where debug is off. */
static inline void
nj_say_received(const struct nj_conn *c, enum nj_packet_type type)
{
    if (NJ_UNLIKELY(nj_log_is_on(NJ_LOG_DEBUG)))
        nj_say_received_line(c, type);
}
static inline void
nj_say_publish_received(const struct nj_conn *c, const struct nj_publish *p)
{
    if (NJ_UNLIKELY(nj_log_is_on(NJ_LOG_DEBUG)))
        nj_say_publish_received_line(c, p);
}
static inline void
nj_say_publish_sent(const struct nj_conn *c, const struct nj_delivery *d)
{
    if (NJ_UNLIKELY(nj_log_is_on(NJ_LOG_DEBUG)))
        nj_say_publish_sent_line(c, d);
}
static inline void
nj_say_ack_received(const struct nj_conn *c, enum nj_packet_type type, const struct nj_ack *p)
{
    if (NJ_UNLIKELY(nj_log_is_on(NJ_LOG_DEBUG)))
        nj_say_ack_received_line(c, type, p);
}
static inline void
nj_say_ack_sent(const struct nj_conn *c, const struct nj_answer *a)
{
    if (NJ_UNLIKELY(nj_log_is_on(NJ_LOG_DEBUG)))
        nj_say_ack_sent_line(c, a);
}

#endif
