/* SPDX-License-Identifier: Apache-2.0 */
/* queue.h — parcels in order of arrival that have no packet identifier yet.
 *
 * They lie in pages of 128, of which the first is smaller while it is the only one. So nothing that
 * waits is moved when more comes: where many queues grow at once, as those of sessions that are
 * away do, no worker is held up by it. An empty queue owns nothing. Its ceilings are the session's
 * to keep. */
#ifndef NJ_BROKER_QUEUE_H
#define NJ_BROKER_QUEUE_H

#include "base/ring.h"
#include "broker/parcel.h"

/* Zeroed is empty. */
struct nj_queue {
    struct nj_ring pages;    /* of struct nj_parcel * */
    uint32_t head, capacity; /* in parcels, from the first page on */
    uint32_t count;
    uint32_t qos0;    /* of these, how many are QoS 0 */
    uint64_t bytes;   /* of the messages */
    nj_time expiring; /* none of them expires before; meaningless when empty */
};

/* Memory for one more: the next push cannot fail. False without it. */
bool nj_queue_reserve(struct nj_queue *q);
/* The parcel's contents move in. False without memory: nothing has changed. */
bool nj_queue_push(struct nj_queue *q, const struct nj_parcel *p);
/* The oldest, or NULL; valid until the next call. */
struct nj_parcel *nj_queue_first(struct nj_queue *q);
/* Counted from the oldest; the same. */
struct nj_parcel *nj_queue_at(const struct nj_queue *q, uint32_t i);
/* Move the oldest out. There is one. */
struct nj_parcel nj_queue_pop(struct nj_queue *q);
/* Move out one that is not the oldest, perhaps; `i` as above. Cost: all behind it. */
struct nj_parcel nj_queue_take(struct nj_queue *q, uint32_t i);
/* Remove those that have expired at `now`; tells each to `expired` before its message is given
 * back. How many. Costs nothing while none can have. */
uint32_t nj_queue_sweep(struct nj_queue *q, nj_time now,
                        void (*expired)(void *ctx, const struct nj_parcel *p), void *ctx);
void nj_queue_fini(struct nj_queue *q);

#endif
