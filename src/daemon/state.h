/* SPDX-License-Identifier: Apache-2.0 */
/* state.h — what outlives the process: the store that the configuration asks for, and the way from
 * it into a server and back. Without persistence, stores that keep nothing.
 *
 *   place ──► open ──► ports for a server ──► load ──► start ──► … server stops … ──► stop ──►
 * close */
#ifndef NJ_DAEMON_STATE_H
#define NJ_DAEMON_STATE_H

#include "config/config.h"
#include "server/server.h"
#include "store/store.h"
#include "store/store_mem.h"

#include <limits.h>

/* Zeroed is closed. */
struct nj_state {
    char directory[PATH_MAX]; /* empty: nothing outlives the process */
    struct nj_store *store;   /* NULL: likewise */
    struct nj_store_mem memory[NJ_SHARDS];
    struct nj_store_port *ports[NJ_SHARDS]; /* one for each worker */
};

/* Fill in `directory`, while the process is still who it was started as. Errors: NJ_ENOENT (no
 * home), NJ_EINVAL. */
NJ_NODISCARD enum nj_err nj_state_place(struct nj_state *state, const struct nj_config *config,
                                        struct nj_diag *diag);
NJ_NODISCARD enum nj_err nj_state_open(struct nj_state *state, const struct nj_config *config,
                                       struct nj_diag *diag);
/* Into a server that does not run yet. */
NJ_NODISCARD enum nj_err nj_state_load(struct nj_state *state, struct nj_server *server,
                                       struct nj_diag *diag);
/* From here on changes become safe. */
NJ_NODISCARD enum nj_err nj_state_start(struct nj_state *state, struct nj_server *server,
                                        struct nj_diag *diag);
/* An operator asks for a backup. */
void nj_state_back_up(struct nj_state *state);
/* What the store counts; 0 without one. */
uint64_t nj_state_metric(const struct nj_state *state, enum nj_metric which);
/* The server has stopped: all that it has said is on the disk; what its end says is not heard. */
void nj_state_stop(struct nj_state *state);
void nj_state_close(struct nj_state *state);

#endif
