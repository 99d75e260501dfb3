/* SPDX-License-Identifier: Apache-2.0 */
/* ration.h — how many lines a worker may say about peers that it does not let in: who fails again
 * and again would fill the disk. A worker has 500, and gets 20 more in a second. What is kept back
 * is counted, and how many they were is said a second later. Private to the room; thread: the
 * worker's.
 */
#ifndef NJ_SERVER_RATION_H
#define NJ_SERVER_RATION_H

#include "io/timer.h"

#include <stdbool.h>

/* Connections, each with all of its lines. */
#define NJ_RATION_MAX   500
#define NJ_RATION_PER_S 20

struct nj_worker;

struct nj_ration {
    nj_time filled_at;
    uint32_t left, kept_back;
    struct nj_timer timer; /* runs while something is kept back */
};

void nj_ration_init(struct nj_worker *w);
/* Whether there may be a line about one more; else it is kept back. */
bool nj_ration_take(struct nj_worker *w);
/* Whether others are being kept back now. */
bool nj_ration_is_spent(const struct nj_worker *w);
/* Say how many were kept back, if any. */
void nj_ration_say(struct nj_worker *w);

#endif
