/* SPDX-License-Identifier: Apache-2.0 */
/* msg.h — an application message that outlives the packet it came in.
 *
 * Immutable after creation, counted, shared between workers. Topic, properties and payload lie
 * behind the struct in one block. Its identity is made once, at ingress: when it arrived, when it
 * expires, and its number. */
#ifndef NJ_MQTT_MSG_H
#define NJ_MQTT_MSG_H

#include "base/clock.h"
#include "base/str.h"

#include <stdatomic.h>

struct nj_msg {
    /* private */
    _Atomic uint32_t refs;
    /* public */
    uint32_t payload_n;
    uint16_t topic_n;
    uint8_t qos; /* as published */
    bool retain; /* as published */
    uint32_t properties_n;
    uint64_t number; /* unique in this broker's life */
    nj_time arrived; /* for the message expiry interval */
    nj_time expires; /* NJ_NEVER */
    uint64_t source; /* hash of the publisher's client identifier, for No Local; 0: none */
    char bytes[];    /* topic, properties, payload */
};

/* What a message is made of; everything is lent and copied. */
struct nj_msg_parts {
    struct nj_str topic;
    struct nj_str properties; /* encoded: what is passed on to subscribers, message expiry interval
                                 and topic alias not among them */
    struct nj_str payload;
    uint8_t qos;
    bool retain;
    uint64_t number;
    nj_time arrived, expires;
    uint64_t source;
};

/* NULL without memory. The caller holds the only reference. */
struct nj_msg *nj_msg_new(const struct nj_msg_parts *parts);

/* Relaxed: who adds a reference holds one already. */
static inline struct nj_msg *
nj_msg_ref(struct nj_msg *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}
/* The second reference of a message that was just made: nobody else has one. */
static inline struct nj_msg *
nj_msg_ref_new(struct nj_msg *m)
{
    atomic_init(&m->refs, 2);
    return m;
}
/* NULL is accepted. Any thread. */
void nj_msg_unref(struct nj_msg *m);

static inline struct nj_str
nj_msg_topic(const struct nj_msg *m)
{
    return (struct nj_str){m->bytes, m->topic_n};
}
static inline struct nj_str
nj_msg_properties(const struct nj_msg *m)
{
    return (struct nj_str){m->bytes + m->topic_n, m->properties_n};
}
static inline struct nj_str
nj_msg_payload(const struct nj_msg *m)
{
    return (struct nj_str){m->bytes + m->topic_n + m->properties_n, m->payload_n};
}
/* What it counts for in queues and budgets. */
static inline size_t
nj_msg_bytes(const struct nj_msg *m)
{
    return sizeof(*m) + m->topic_n + m->properties_n + m->payload_n;
}

/* Seconds left of a message expiry interval, for passing on: only whole seconds of waiting are
 * subtracted, and 0 means expired. A clock that a worker read before the message arrived on another
 * does not lengthen it. [MQTT5-3.3.2-6] */
uint32_t nj_expiry_left_s(nj_time arrived, nj_time expires, nj_time now);

#endif
