/* SPDX-License-Identifier: Apache-2.0 */
/* A message and its three parts are one block: one allocation, one release, one cache line first.
 */
#include "mqtt/msg.h"

#include "base/assert.h"
#include "base/slab.h"

static char *
append(char *at, struct nj_str s)
{
    if (s.n > 0)
        memcpy(at, s.p, s.n);
    return at + s.n;
}

struct nj_msg *
nj_msg_new(const struct nj_msg_parts *parts)
{
    struct nj_msg *m;
    char *at;

    /* What came in a packet is smaller by far. */
    NJ_ASSERT(parts->topic.n <= UINT16_MAX && parts->properties.n <= UINT32_MAX / 4 &&
              parts->payload.n <= UINT32_MAX / 4);
    m = nj_slab_alloc(sizeof(*m) + parts->topic.n + parts->properties.n + parts->payload.n);
    if (m == NULL)
        return NULL;
    atomic_init(&m->refs, 1);
    m->topic_n = (uint16_t)parts->topic.n;
    m->properties_n = (uint32_t)parts->properties.n;
    m->payload_n = (uint32_t)parts->payload.n;
    m->qos = parts->qos;
    m->retain = parts->retain;
    m->number = parts->number;
    m->arrived = parts->arrived;
    m->expires = parts->expires;
    m->source = parts->source;

    at = append(m->bytes, parts->topic);
    at = append(at, parts->properties);
    (void)append(at, parts->payload);
    return m;
}

void
nj_msg_unref(struct nj_msg *m)
{
    if (m == NULL)
        return;
    /* Release: what this thread read of the message, it has read before the count falls. Acquire:
     * the last one frees only after all others have; and who holds the only reference, so that
     * nobody can add one, need not take it off. */
    if (atomic_load_explicit(&m->refs, memory_order_acquire) == 1 ||
        atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) == 1)
        nj_slab_free(m, nj_msg_bytes(m));
}

uint32_t
nj_expiry_left_s(nj_time arrived, nj_time expires, nj_time now)
{
    nj_time left_ms = expires - NJ_MAX(now, arrived);

    return left_ms > 0 ? (uint32_t)NJ_MIN((left_ms + 999) / 1000, (nj_time)UINT32_MAX) : 0;
}
