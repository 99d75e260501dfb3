/* SPDX-License-Identifier: Apache-2.0 */
/* actor_priv.h — what the files of the actor share: actor.c (its life), actor_outgoing.c (what it
 * says), actor_receive.c (what it is sent). */
#ifndef NJ_SIM_ACTOR_PRIV_H
#define NJ_SIM_ACTOR_PRIV_H

#include "actor.h"

#include "base/assert.h"

static inline bool
chance(struct nj_actor *a, uint32_t percent)
{
    return nj_rand_below(a->rand, 100) < percent;
}

static inline uint32_t
below(struct nj_actor *a, uint32_t n)
{
    return nj_rand_below(a->rand, n);
}

static inline struct nj_twin_session *
session_of(struct nj_actor *a)
{
    return &a->twin->sessions[a->index];
}

static inline struct nj_str
written(const uint8_t *begin, const struct nj_writer *w)
{
    NJ_ASSERT(!w->is_full);
    return (struct nj_str){(const char *)begin, (size_t)(w->p - begin)};
}

/* ---- actor_outgoing.c ---- */

/* To be written, at some time. */
void nj_actor_put(struct nj_actor *a, const void *bytes, size_t n);
void nj_actor_put_ack(struct nj_actor *a, enum nj_packet_type type, uint16_t packet_id);
void nj_actor_ping(struct nj_actor *a);
/* One of its topics, one of its filters; not if the standard or the twin's tables forbid it. */
void nj_actor_publish(struct nj_actor *a);
void nj_actor_subscribe(struct nj_actor *a);
void nj_actor_unsubscribe(struct nj_actor *a);
/* On a new connection to a session that is still there: everything unfinished again, in order.
 * [MQTT5-4.4.0-1] [MQTT311-4.4.0-1] */
void nj_actor_send_again(struct nj_actor *a);
/* NULL: it is none of ours. */
struct nj_actor_sending *nj_actor_find_sending(struct nj_actor *a, uint16_t packet_id);
void nj_actor_finish_sending(struct nj_actor *a, struct nj_actor_sending *s);

/* ---- actor_receive.c ---- */

/* Take what is whole; how many bytes. */
size_t nj_actor_take_packets(struct nj_actor *a);
/* What has come; not all of it, if it is not `is_diligent`. */
void nj_actor_acknowledge(struct nj_actor *a, bool is_diligent);

#endif
