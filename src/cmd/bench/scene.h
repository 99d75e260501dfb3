/* SPDX-License-Identifier: Apache-2.0 */
/* scene.h — who publishes what to whom: the scenarios in which messages flow.
 *
 *   p2p      publisher i ──bench/p2p/i──► subscriber i
 *   fanout   publisher ──bench/fanout──► every subscriber
 *   fanin    publisher i ──bench/fanin/i──► one subscriber of bench/fanin/+
 *   share    publisher i ──bench/share/i──► one of the members of $share/bench/bench/share/+
 *
 * A publisher has at most `window` messages under way, counted by what the subscribers have really
 * received (and the broker acknowledged), so that no queue of the broker has to overflow and a
 * message that is missing is a fault. It writes when at least `batch` of them are free, all in one
 * write: its share of a turn. With a rate it writes what is due, as far as the window has room.
 * While subscribers are offline, what is acknowledged is not under way any more.
 *
 * Payload: magic, publisher (u32), number (u64), then a fixed pattern up to `payload_bytes`. */
#ifndef NJ_BENCH_SCENE_H
#define NJ_BENCH_SCENE_H

#include "cmd/bench/caller.h"
#include "cmd/bench/ledger.h"
#include "cmd/bench/options.h"
#include "cmd/bench/timetable.h"

#define NJ_PAYLOAD_HEAD_BYTES 16u
#define NJ_PAYLOAD_MAGIC      0x6e6a6231u

struct nj_scenario {
    enum nj_bench_scenario which;
    uint32_t publishers; /* defaults, */
    uint32_t subscribers;
    uint32_t window[3]; /* by QoS */
    const char
        *topic; /* behind the prefix; with %u for the publisher's number where it has its own */
    const char *filter; /* the same with the subscriber's number */
    bool is_paired;     /* publisher i has subscriber i and no other */
    bool is_shared;     /* each message goes to one subscriber */
};

struct nj_scene_opts {
    const struct nj_scenario *scenario;
    uint8_t qos;
    uint32_t publishers;
    uint32_t subscribers;
    uint32_t payload_bytes; /* at least NJ_PAYLOAD_HEAD_BYTES */
    uint32_t window;
    uint32_t batch;
    uint32_t threads;
    uint32_t rate;      /* 0: as the windows let through */
    uint32_t burst;     /* of a rate: a publisher's messages that are due at once */
    uint32_t turn_us;   /* a turn of the generator takes at least so long */
    bool is_persistent; /* subscribers have sessions that outlive their connections */
    bool is_offline;    /* … and are not there */
};

struct nj_publisher {
    struct nj_caller caller;
    struct nj_wire_stencil stencil;
    uint64_t window;
    uint64_t batch;
    uint64_t sent;
    uint64_t released;   /* QoS 2: PUBREC came */
    uint64_t acked;      /* QoS 1, 2: PUBACK or PUBCOMP came */
    int64_t *written_ns; /* QoS 1, 2: of message n at n mod window; owned */
};

struct nj_subscriber {
    struct nj_caller caller;
    uint32_t first; /* the publishers it hears: first … first + count - 1 */
    uint32_t count;
    struct nj_lane *lanes; /* one for each of them; owned */
};

struct nj_scene {
    struct nj_scene_opts opts;
    struct nj_publisher *publishers;
    struct nj_subscriber *subscribers;
    struct nj_spread *spreads; /* shared: one for each publisher */
    uint8_t *filler;           /* what every payload holds behind its head */
};

/* One of those in which messages flow. */
const struct nj_scenario *nj_scenario_get(enum nj_bench_scenario which);

/* Connect and subscribe everybody; the callers are non-blocking afterwards. Subscribers that are to
 * be offline have gone again. */
void nj_scene_open(struct nj_scene *s, const struct nj_scene_opts *opts,
                   const struct nj_bench_broker *broker);
/* Who was offline comes back, and without a rate from here on. */
void nj_scene_call_back(struct nj_scene *s, const struct nj_bench_broker *broker);
/* After the last message: what is missing is counted as lost in `t`. */
void nj_scene_settle(struct nj_scene *s, struct nj_tally *t);
/* With the sessions of its subscribers. */
void nj_scene_close(struct nj_scene *s, const struct nj_bench_broker *broker);

#endif
