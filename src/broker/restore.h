/* SPDX-License-Identifier: Apache-2.0 */
/* restore.h — the broker again as its store remembers it.
 *
 * Before any worker runs, on one thread that is a registered RCU reader; all homes are made. What
 * was under way when the process ended goes on: wills of those who were connected are published
 * when they are due, what was taken at QoS 2 and not routed is routed. */
#ifndef NJ_BROKER_RESTORE_H
#define NJ_BROKER_RESTORE_H

#include "broker/home.h"

struct nj_restore;

/* `now` is the time in all homes. NULL without memory. */
struct nj_restore *nj_restore_begin(struct nj_broker *broker, nj_time now);
/* What the store's load calls; its `ctx` is the restore. */
extern const struct nj_store_reader nj_restore_reader;
/* All has been told: numbers go on from here, and what is owed is delivered. NJ_ENOMEM. */
NJ_NODISCARD enum nj_err nj_restore_finish(struct nj_restore *r,
                                           const struct nj_store_numbers *numbers);
/* NULL is accepted. */
void nj_restore_free(struct nj_restore *r);

#endif
