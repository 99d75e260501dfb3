/* SPDX-License-Identifier: Apache-2.0 */
/* broker.h — what all homes share: the subscription index, the retained messages, the limits.
 *
 *   struct nj_broker            one
 *     struct nj_index           read under RCU, written under its mutex
 *     struct nj_retain          read under RCU, written under striped mutexes
 *     struct nj_home [W]        one for each worker; all its sessions; one thread
 *       struct nj_session       connection (link), in flight, queue, will; home's thread only
 */
#ifndef NJ_BROKER_BROKER_H
#define NJ_BROKER_BROKER_H

#include "base/metric.h"
#include "broker/opts.h"
#include "broker/ports.h"
#include "topic/retain.h"

/* Shards are fixed for the life of a store, homes follow from them. */
#define NJ_SHARDS 1024

struct nj_broker {
    struct nj_index *index;
    struct nj_retain *retained;
    uint16_t home_count;
    struct nj_home **homes;           /* set once, before any worker runs */
    _Atomic uint64_t session_number;  /* the last one given; numbers outlive the process */
    _Atomic uint32_t session_count;   /* in all homes, for global_max_clients */
    _Atomic uint64_t queued_messages; /* in all homes, for the limits of the whole broker */
    _Atomic uint64_t queued_bytes;
    _Atomic uint32_t crowded; /* sessions, in all homes, that their publishers wait for */
};

/* `homes` is the number of workers, 1 to NJ_SHARDS. */
NJ_NODISCARD enum nj_err nj_broker_new(struct nj_broker **out, uint16_t homes,
                                       const struct nj_broker_opts *opts, size_t max_levels);
/* All homes are freed. NULL is accepted. */
void nj_broker_free(struct nj_broker *b);

/* The home of the session with this client identifier. */
uint16_t nj_broker_home_of(const struct nj_broker *b, struct nj_str client_id);

#endif
