/* SPDX-License-Identifier: Apache-2.0 */
/* driver.h — one thread that keeps its share of a scene's callers busy.
 *
 * A turn: wait, read every caller that has something (once each, acknowledging in one write), say
 * how far each publisher's messages have come, let every publisher with a free batch write it; with
 * a rate, let those write that have something due.
 *
 * Threads share two things: `reached`, how far a publisher's messages have come at the subscribers
 * of a thread, written by that thread and read by the publisher's; and the phase, written by the
 * main thread. A thread whose subscribers have moved wakes the others through their eventfd. */
#ifndef NJ_BENCH_DRIVER_H
#define NJ_BENCH_DRIVER_H

#include "cmd/bench/histogram.h"
#include "cmd/bench/scene.h"

#include <pthread.h>
#include <stdatomic.h>

enum nj_phase {
    NJ_PHASE_FLOW,  /* publish */
    NJ_PHASE_DRAIN, /* nothing new; take what is under way */
    NJ_PHASE_END,
};

struct nj_driver;

struct nj_latency {
    struct nj_histogram arrival; /* of a rate: from when it was due */
    struct nj_histogram sending; /* … to its being written */
    struct nj_histogram ack;     /* QoS 1, 2: from then to PUBACK or PUBCOMP */
};

struct nj_crew {
    struct nj_scene *scene;
    struct nj_timetable timetable; /* without a rate: what is measured, no more */
    uint64_t slots_in_all;         /* of the timetable */
    struct nj_driver *drivers;
    uint32_t count;
    _Atomic int phase; /* enum nj_phase */
};

/* Start `scene->opts.threads` threads over an open scene, which publish if it `flows`. With a rate
 * the first message is due now, latency counts after `warmup_ms`, and nothing is due after
 * `measure_ms` more. */
void nj_crew_start(struct nj_crew *c, struct nj_scene *scene, bool flows, uint32_t warmup_ms,
                   uint32_t measure_ms);
/* Messages received so far, or acknowledged while subscribers are offline, up to the last finished
 * turn of each thread. Thread: main. */
uint64_t nj_crew_done(const struct nj_crew *c);
/* Publish no more than what was due until the end; true when all that was sent has arrived, false
 * when nothing has come for `patience_ms` although something is missing. */
bool nj_crew_drain(struct nj_crew *c, int patience_ms);
/* End the threads, after late packets have been taken for 100 ms more; their tallies, latencies and
 * the number of connections the broker has cut are added. */
void nj_crew_join(struct nj_crew *c, struct nj_tally *t, uint64_t *closed,
                  struct nj_latency *latency);

#endif
