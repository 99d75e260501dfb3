/* SPDX-License-Identifier: Apache-2.0 */
/* topics.h — which record is a topic's, in memory: by the topic's hash, of which 128 bits never
 * meet. Zeroed is empty. 24 bytes a slot, at most three quarters in use.
 * Thread: the owner's. */
#ifndef NJ_STORE_TOPICS_H
#define NJ_STORE_TOPICS_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct nj_topic_hash {
    uint64_t a, b; /* of a keyed hash: a peer does not choose where it lies */
};

struct nj_topic_record {
    struct nj_topic_hash hash;
    uint64_t record; /* 0: the slot is empty */
};

struct nj_topics {
    struct nj_topic_record *slots;
    uint64_t capacity, count; /* the capacity is a power of two, or 0 */
};

/* 0 where it is not there. */
uint64_t nj_topics_find(const struct nj_topics *t, struct nj_topic_hash hash);
/* `record` 0 removes it; that never fails, and to put back what was removed does not fail either,
 * until nj_topics_trim(). False without memory: nothing has changed. */
bool nj_topics_set(struct nj_topics *t, struct nj_topic_hash hash, uint64_t record);
/* Give back memory, where most of it is unused. */
void nj_topics_trim(struct nj_topics *t);
void nj_topics_fini(struct nj_topics *t);

#endif
