/* SPDX-License-Identifier: Apache-2.0 */
/* retain.h — the last message published with RETAIN on each topic, one shelf for all workers.
 *
 * Invariant: a stored message is never empty, and the shelf's bytes equal the sum of what it holds.
 * Read and written under mutexes striped by the hash of the topic's first level. */
#ifndef NJ_TOPIC_RETAIN_H
#define NJ_TOPIC_RETAIN_H

#include "base/err.h"
#include "mqtt/msg.h"
#include "mqtt/topic.h"

struct nj_retain;

struct nj_retain_opts {
    uint64_t max_messages; /* 0: no limit */
    uint64_t max_bytes;    /* always in force, 0 too; counted by nj_msg_bytes() */
};

NJ_NODISCARD enum nj_err nj_retain_new(struct nj_retain **out, const struct nj_retain_opts *opts);
/* No reader and no cursor is left. */
void nj_retain_free(struct nj_retain *shelf);
/* What is beyond a lowered ceiling stays; it may be replaced by what is no larger. */
void nj_retain_limits(struct nj_retain *shelf, const struct nj_retain_opts *opts);

enum nj_retain_result {
    NJ_RETAIN_SET,
    NJ_RETAIN_REMOVED,
    NJ_RETAIN_NOTHING,       /* removal of what was not there */
    NJ_RETAIN_FULL_MESSAGES, /* refused by max_messages; the shelf is unchanged */
    NJ_RETAIN_FULL_BYTES,    /* refused by max_bytes; the shelf is unchanged */
    NJ_RETAIN_NO_MEMORY,     /* the shelf is unchanged */
};

/**
 * Make `msg` the retained message of its topic, replacing any other. An empty payload removes it.
 *
 * msg     kept by a reference of the shelf's own; the caller's is untouched in every case.
 * Thread  any; takes one stripe's mutex.   Cost  O(log n) comparisons of topics.
 * Spec    [MQTT5-3.3.1-5] [MQTT5-3.3.1-6] [MQTT5-3.3.1-7] [MQTT311-3.3.1-5] [MQTT311-3.3.1-10]
 */
enum nj_retain_result nj_retain_set(struct nj_retain *shelf, struct nj_msg *msg);

/* A reader's place in the shelf: delivery may stop after any message and go on turns later,
 * whatever is set or removed meanwhile. What is there from beginning to end is found once; what
 * comes or goes meanwhile may be found or not, and nothing is found twice. Between the calls it
 * holds a reference to the last message it has looked at. Thread: one at a time. */
struct nj_retain_cursor;

/* `filter` is valid, without share prefix, and copied. NULL without memory. */
struct nj_retain_cursor *nj_retain_open(struct nj_retain *shelf, struct nj_str filter);
/* The next message that matches, skipping those that have expired at `now`; a reference that the
 * caller gives back. NULL with *is_end true at the end; NULL with *is_end false when `steps` topics
 * were looked at without a find: call again, later. */
struct nj_msg *nj_retain_next(struct nj_retain_cursor *c, nj_time now, unsigned steps,
                              bool *is_end);
/* NULL is accepted. */
void nj_retain_close(struct nj_retain_cursor *c);

/* Remove what has expired, looking at no more than `steps` messages per call; goes round, and stops
 * where a round ends. Returns how many were removed. Thread: any. */
size_t nj_retain_sweep(struct nj_retain *shelf, nj_time now, unsigned steps);

struct nj_retain_stats {
    uint64_t messages, bytes;
};
void nj_retain_stats(const struct nj_retain *shelf, struct nj_retain_stats *out);

#endif
