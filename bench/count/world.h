/* SPDX-License-Identifier: Apache-2.0 */
/* world.h — a broker of one worker in io's simulated world, as nothing but `allow_anonymous true`
 * and what loss-free windows need would configure it. Everything that varies from run to run is
 * fixed: the hash key, the world's seed, the time.
 *
 * One at a time, one thread. Ends the process without memory. */
#ifndef NJ_BENCH_WORLD_H
#define NJ_BENCH_WORLD_H

#include "io/sim.h"

#include <stdbool.h>

/* Room between broker and client, in each direction. */
void nj_world_open(size_t pipe_bytes);
/* All clients have closed. */
void nj_world_close(void);
/* The client's end of a new connection: nj_sim_read(), nj_sim_write(), nj_sim_close(). */
int nj_world_connect(void);
/* Turns of the worker, as long as it has something to do. */
void nj_world_settle(void);
/* Whether its turns are counted from here on. Not to begin with. */
void nj_world_count(bool is_counted);

/* What valgrind counts: `fn(ctx)` and all that it calls. Nothing else in this program. */
void nj_counted(void (*fn)(void *ctx), void *ctx);

#endif
