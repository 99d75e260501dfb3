/* SPDX-License-Identifier: Apache-2.0 */
/* crowd.h — receivers that their publishers wait for.
 *
 * Who publishes at QoS 1 or 2 may be faster than a receiver, if only because that one is not given
 * a processor for some milliseconds. What the receiver's queue has no room for is dropped, although
 * it was acknowledged. So a session that is connected and whose queue is half full is crowded: who
 * publishes to it is not read until a quarter is left.
 *
 * But not for longer than NJ_PATIENCE_MS. Who is crowded still is late, and nobody waits for it
 * again before its queue was empty: who does not read costs others one such moment, and who reads
 * too slowly lets through half a queue in each.
 *
 * Its home learns of what others have published when it takes their mail, which may be some
 * milliseconds and thousands of messages later. So what is on its way to a session is counted, and
 * while that is more than a quarter of the queue its publishers wait, too, until the mail is taken.
 *
 * The members of one home, oldest first. Nobody waits for more of them than there are places.
 * Thread: the home's. Cost: O(places), where a session joins or leaves. */
#ifndef NJ_BROKER_CROWD_H
#define NJ_BROKER_CROWD_H

#include "base/clock.h"
#include "broker/broker.h"
#include "broker/bundle.h"

#include <stdbool.h>

#define NJ_PATIENCE_MS  50
#define NJ_CROWD_PLACES 64

/* Whether its publishers wait for it. Relaxed: advice, for another home. Thread: any. */
static inline bool
nj_is_crowded(const struct nj_subscriber *who)
{
    return (atomic_load_explicit(&who->status, memory_order_relaxed) & NJ_SUBSCRIBER_CROWDED) != 0;
}

/* ---- mail: thread: any home's; relaxed: advice ---- */

/* So many at QoS 1 and 2 may be on their way to one session before its publishers wait. */
static inline uint32_t
nj_crowd_mail_limit(const struct nj_broker_opts *opts)
{
    return opts->max_queued_messages > 0 ? opts->max_queued_messages / 4 : UINT32_MAX;
}

static inline bool
nj_is_mailed_much(const struct nj_subscriber *who, const struct nj_broker_opts *opts)
{
    return atomic_load_explicit(&who->mailed, memory_order_relaxed) > nj_crowd_mail_limit(opts);
}

/* One more is put into the bundle for `who`. The one that is too many makes a crowd of the bundle,
 * which is there until its receiver has taken it. */
static inline void
nj_crowd_mail(struct nj_broker *broker, const struct nj_broker_opts *opts, struct nj_bundle *bundle,
              struct nj_subscriber *who)
{
    if (atomic_fetch_add_explicit(&who->mailed, 1, memory_order_relaxed) !=
        nj_crowd_mail_limit(opts))
        return;
    bundle->crowds++;
    atomic_fetch_add_explicit(&broker->crowded, 1, memory_order_relaxed);
}

/* One of them has come. */
static inline void
nj_crowd_got(struct nj_subscriber *who)
{
    atomic_fetch_sub_explicit(&who->mailed, 1, memory_order_relaxed);
}

/* All that was in the bundle has. */
static inline void
nj_crowd_took(struct nj_broker *broker, const struct nj_bundle *bundle)
{
    if (bundle->crowds > 0)
        atomic_fetch_sub_explicit(&broker->crowded, bundle->crowds, memory_order_relaxed);
}

/* ---- the members of one home ---- */

/* Zeroed is empty. */
struct nj_crowd {
    struct {
        nj_handle who;
        nj_time until;
    } members[NJ_CROWD_PLACES];
    uint32_t count;
};

/* Of one that is no member. False: there is no place. */
bool nj_crowd_join(struct nj_crowd *crowd, nj_handle who, nj_time now);
/* Of a member. */
void nj_crowd_leave(struct nj_crowd *crowd, nj_handle who);
/* The one that was waited for longest, where that is long enough; it has left. */
bool nj_crowd_take_late(struct nj_crowd *crowd, nj_time now, nj_handle *who);
/* When there will be such a one; NJ_NEVER. */
nj_time nj_crowd_next(const struct nj_crowd *crowd);

#endif
