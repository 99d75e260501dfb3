/* SPDX-License-Identifier: Apache-2.0 */
/* driver.h — one thread that keeps its share of a scene's callers busy.
 *
 * A turn: wait, read every caller that has something (once each, acknowledging in one write), say
 * how far each publisher's messages have come, let every publisher with a free batch write it.
 *
 * Threads share two things: `reached`, how far a publisher's messages have come at the subscribers
 * of a thread, written by that thread and read by the publisher's; and the phase, written by the
 * main thread. A thread whose subscribers have moved wakes the others through their eventfd. */
#ifndef NJ_BENCH_DRIVER_H
#define NJ_BENCH_DRIVER_H

#include "scene.h"

#include <pthread.h>
#include <stdatomic.h>

enum nj_phase {
    NJ_PHASE_FLOW,  /* publish */
    NJ_PHASE_DRAIN, /* nothing new; take what is under way */
    NJ_PHASE_END,
};

struct nj_driver;

struct nj_crew {
    struct nj_scene *scene;
    struct nj_driver *drivers;
    uint32_t count;
    _Atomic int phase; /* enum nj_phase */
};

/* Start `scene->opts.threads` threads over an open scene. */
void nj_crew_start(struct nj_crew *c, struct nj_scene *scene);
/* Messages received so far, up to the last finished turn of each thread. Thread: main. */
uint64_t nj_crew_delivered(const struct nj_crew *c);
/* Publish no more; true when all that was sent has arrived, false when nothing has come for
 * `patience_ms` although something is missing. Late packets are then still taken for 100 ms. */
bool nj_crew_drain(struct nj_crew *c, int patience_ms);
/* End the threads; their tallies and the number of connections the broker has cut are added up. */
void nj_crew_join(struct nj_crew *c, struct nj_tally *t, uint64_t *closed);

#endif
