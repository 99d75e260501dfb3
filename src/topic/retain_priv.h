/* SPDX-License-Identifier: Apache-2.0 */
/* retain_priv.h — the shelf's stripes: which one a topic lies in is told by its first level, and
 * within one all topics are in order (row_priv.h). */
#ifndef NJ_TOPIC_RETAIN_PRIV_H
#define NJ_TOPIC_RETAIN_PRIV_H

#include "base/mutex.h"
#include "topic/retain.h"
#include "topic/row_priv.h"

#include <stdatomic.h>

#define NJ_RETAIN_STRIPES 64

struct nj_retain_stripe {
    struct nj_mutex mutex; /* over the row; nothing else is locked while it is held */
    struct nj_row row;
    /* Written under the mutex. */
    _Atomic uint64_t count;
    _Atomic uint64_t mortals; /* messages here that expire some day */
};

/* A cursor on the whole shelf that the sweep goes round with. */
struct nj_retain_cursor *nj_retain_open_all(struct nj_retain *shelf);

struct nj_retain {
    struct nj_retain_stripe stripe[NJ_RETAIN_STRIPES];
    _Atomic uint64_t messages, bytes, max_messages, max_bytes;
    struct nj_mutex sweeping; /* taken before a stripe's */
    struct nj_retain_cursor *sweeper;
};

unsigned nj_retain_stripe_of(struct nj_str first_level);
/* Under the stripe's mutex: take the message at the place off the shelf and return it, for the
 * caller to unref. */
struct nj_msg *nj_retain_take(struct nj_retain *shelf, struct nj_retain_stripe *stripe,
                              const struct nj_row_place *place);

#endif
