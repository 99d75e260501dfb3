/* SPDX-License-Identifier: Apache-2.0 */
/* opts.h — what the rules of the broker may be told: limits of sessions, queues and retained
 * messages. src/config fills it in; frozen from then on. Counts of 0 mean "no limit" only where it
 * says so; byte ceilings always hold. */
#ifndef NJ_BROKER_OPTS_H
#define NJ_BROKER_OPTS_H

#include <stdbool.h>
#include <stdint.h>

struct nj_broker_opts {
    /* QoS 1 and 2 messages on their way to one client. 0: as many as there are packet identifiers,
     * 65535. */
    uint16_t max_inflight_messages; /* 20 */
    uint64_t max_inflight_bytes;    /* 0: no limit but that of the count */

    /* What waits for one client, and for all of them together. */
    uint32_t max_queued_messages; /* 1000; 0: no limit */
    uint64_t max_queued_bytes;
    uint64_t max_queued_messages_total; /* 0: no limit */
    uint64_t max_queued_bytes_total;
    bool queue_qos0_messages; /* also QoS 0 for persistent sessions that are away */

    bool upgrade_outgoing_qos;     /* deliver at the subscription's QoS, not at the lower of two */
    bool allow_duplicate_messages; /* false: one copy at the highest QoS of overlapping filters */

    bool retain_available;
    bool check_retain_source; /* ask again whether the publisher may write before delivering */
    uint32_t retain_expiry_s; /* between two searches for expired ones; 0: they go when met */
    uint64_t max_retained_messages; /* 0: no limit */
    uint64_t max_retained_bytes;

    /* A session that is away this long ends, whatever it asked for. UINT32_MAX: never. */
    uint32_t persistent_client_expiration_s;
    uint32_t max_subscriptions_per_client; /* 0: no limit */
    uint32_t global_max_clients;           /* sessions, also those away; UINT32_MAX: no limit */
    uint32_t message_size_limit;           /* bytes of payload; 0: only max_packet_size limits it */
    uint16_t max_keepalive_s;              /* 0: any, also none */

    char *clientid_prefixes; /* a client id must begin with it; NULL: any may */

    uint32_t sys_interval_s; /* of $SYS; 0: never */
};

#endif
