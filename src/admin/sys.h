/* SPDX-License-Identifier: Apache-2.0 */
/* sys.h — the $SYS/broker/ topics, as Mosquitto 2.1 publishes them: retained, QoS 2, each only when
 * it has changed, when the wall clock's seconds are a multiple of sys_interval. Beside Mosquitto's
 * stand some of ours, about what was refused and lost.
 *
 * It reads counters, never live state, and speaks through two functions that its owner gives.
 * Thread: the control thread. */
#ifndef NJ_ADMIN_SYS_H
#define NJ_ADMIN_SYS_H

#include "base/metric.h"
#include "base/str.h"

#include <stdbool.h>
#include <time.h>

#define NJ_SYS_DATES 4

/* What no counter of the workers says. */
struct nj_sys_view {
    uint64_t retained_messages, retained_bytes;
    uint64_t heap, heap_peak, heap_refused;
    uint64_t log_dropped, log_errors;
    bool has_store;
    uint64_t store_max_bytes; /* 0: no budget */
    uint64_t store_refused;   /* messages and subscriptions, for want of room */
    /* The first certificate of a listener that ends, CA of clients, list of revoked ones, stapled
     * response: since 1970; INT64_MAX: there is none. */
    int64_t ends_s[NJ_SYS_DATES];
    uint64_t date_warnings;
};

struct nj_sys_ports {
    void *ctx;
    uint64_t (*metric)(void *ctx, enum nj_metric which);
    void (*view)(void *ctx, struct nj_sys_view *out);
    /* QoS 2, retained, without expiry. */
    void (*publish)(void *ctx, struct nj_str topic, struct nj_str payload);
};

#define NJ_SYS_NUMBERS  49
#define NJ_SYS_LOADS    9
#define NJ_SYS_AVERAGES 3

struct nj_sys {
    struct nj_sys_ports ports;
    const char *version;
    uint32_t interval_s; /* 0: silent */
    int64_t started_s, last_s;
    uint64_t clients_maximum;
    uint64_t published[NJ_SYS_NUMBERS];
    bool is_published[NJ_SYS_NUMBERS];
    int64_t days_left[NJ_SYS_DATES]; /* published; INT64_MAX: nothing is */
    uint64_t date_warnings;          /* published; UINT64_MAX: nothing is */
    uint64_t counted[NJ_SYS_LOADS];
    double load[NJ_SYS_LOADS][NJ_SYS_AVERAGES];
};

/* Publishes what is known at the start. `version` is lent for good. */
void nj_sys_init(struct nj_sys *sys, const struct nj_sys_ports *ports, const char *version,
                 uint32_t interval_s, int64_t wall_s);
void nj_sys_set_interval(struct nj_sys *sys, uint32_t interval_s);
/* Publish if it is time. How long to wait before the next call. */
struct timespec nj_sys_tick(struct nj_sys *sys, int64_t wall_ms);

#endif
