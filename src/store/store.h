/* SPDX-License-Identifier: Apache-2.0 */
/* store.h — what is to outlive the process, on the disk.
 *
 *   homes ── append ──► intake ──► writer's thread ──► LMDB, one transaction, one sync
 *     ▲                (one sequence,               │
 *     └───────────── "safe up to n", wake ──────────┘
 *
 * The writer takes all that has come since it last began to commit: the more there is, the less
 * each change costs. What is undone before it is taken (a message that all its receivers have
 * acknowledged) is never written, and is safe at once.
 *
 *   nj_store_open()    the directory is ours; damage is found, put aside and reported; where the
 *                      file cannot be read, the newest backup takes its place
 *   nj_store_load()    into homes that do not run yet
 *   nj_store_start()   from here on changes become safe
 *   nj_store_stop()    all that was appended is committed; the thread has ended
 *   nj_store_close() */
#ifndef NJ_STORE_STORE_H
#define NJ_STORE_STORE_H

#include "base/err.h"
#include "base/metric.h"
#include "broker/ports.h"
#include "store/opts.h"

struct nj_store;

/* With a port for each of `homes`. NJ_EEXIST: another process has the directory; the diag says
 * which. */
NJ_NODISCARD enum nj_err nj_store_open(struct nj_store **out, const struct nj_store_opts *opts,
                                       uint16_t homes, struct nj_diag *diag);

/**
 * Tell all that the store holds, in a stream: memory for one session's worth of keys, and for the
 * messages that are handed on.
 *
 * Cost    2.5 s of a processor for a million messages.
 * Errors  NJ_ENOMEM, NJ_ESYS; what a reader returned.
 */
NJ_NODISCARD enum nj_err nj_store_load(struct nj_store *store, const struct nj_store_reader *reader,
                                       void *ctx, struct nj_store_numbers *numbers,
                                       struct nj_diag *diag);

/* What it counts, in all its threads. */
uint64_t nj_store_metric(const struct nj_store *store, enum nj_metric which);

/* The port of one home, lent as long as the store is there. */
struct nj_store_port *nj_store_port(struct nj_store *store, uint16_t home);

/* `wake` is called from the writer's thread or from another home's when `home` has something safe
 * that it has not asked for yet; once until it asks. */
NJ_NODISCARD enum nj_err nj_store_start(struct nj_store *store,
                                        void (*wake)(void *ctx, uint16_t home), void *ctx,
                                        struct nj_diag *diag);
/* Make a backup now, beside all else; the log says what comes of it. False: no backups are made. */
bool nj_store_back_up(struct nj_store *store);
void nj_store_stop(struct nj_store *store);
/* NULL is accepted. */
void nj_store_close(struct nj_store *store);

#endif
