/* SPDX-License-Identifier: Apache-2.0 */
/* router.h — from a topic name to those who get the message.
 *
 * A route is what the index found, flattened: one target for each session (the highest QoS, all
 * subscription identifiers), or one for each subscription where duplicates are allowed. Routes are
 * cached by topic and used only while the index's generation is the one they were made under, which
 * is compared for each message; so the pointers in them are alive for this turn.
 *
 * Cost of a cached route: one hash and one comparison of the topic. A route is kept when its topic
 * is asked for twice before others take its place: where each message has a topic of its own, none
 * is worth an allocation, and those of topics that come back stay. The cache holds routes of at
 * most NJ_ROUTER_CACHE_TARGETS matches together, to topics of no more than NJ_ROUTER_CACHE_TOPIC
 * bytes, and forgets everything when it is full: a topic that matters is soon back. */
#ifndef NJ_BROKER_ROUTER_H
#define NJ_BROKER_ROUTER_H

#include "broker/ports.h"

#define NJ_ROUTER_CACHE_ROUTES  2048
#define NJ_ROUTER_CACHE_TARGETS 65536
#define NJ_ROUTER_CACHE_TOPIC   512

/* Whose messages a target is for. A session of which only some subscriptions say No Local has two
 * targets: all of them for what others publish, the rest for what it publishes itself. */
enum nj_audience {
    NJ_FROM_ALL,
    NJ_FROM_OTHERS,
    NJ_FROM_ITSELF,
};

struct nj_target {
    struct nj_subscriber *who; /* NULL: */
    struct nj_group *group;
    uint32_t first_identifier, identifier_count;
    uint8_t qos;
    uint8_t audience; /* enum nj_audience */
    bool retain_as_published;
    bool is_again; /* where duplicates are allowed: a target before it has the same session */
};

struct nj_route {
    uint64_t generation;
    uint64_t hash;
    struct nj_str topic; /* the route's own */
    uint32_t target_count, identifier_count;
    uint32_t match_count; /* before overlapping ones became one */
    size_t bytes;         /* of its block */
    bool allows_duplicates;
    struct nj_target *targets;
    uint32_t *identifiers;
};

/* A topic that is to come, and the search for it. */
struct nj_expected {
    struct nj_str topic;
    uint64_t hash;
    bool is_searched; /* no route of it was kept */
    struct nj_search search;
};

/* Searches that take each step together, so that they wait for memory together. */
#define NJ_ROUTER_AHEAD 8u

struct nj_router {
    struct {
        struct nj_route *route;
        uint32_t hash;  /* the upper half of the route's */
        uint32_t asked; /* and of the topic that was last looked for in vain */
    } cache[NJ_ROUTER_CACHE_ROUTES];
    size_t cached_matches;
    struct nj_matches matches; /* scratch */
    uint32_t *places;          /* scratch: an open hash table of targets by subscriber */
    size_t places_size;
    struct nj_route *uncached; /* the last one that is not kept; its memory is used again */
    struct nj_route *last;     /* who publishes much does so on one topic for a while */
    bool is_worth_expecting; /* the last topic had no route that was kept, nor may those after it */
    uint64_t expected_generation;          /* under which they were searched for */
    uint32_t expected_first, expected_end; /* those that may still come */
    struct nj_expected expected[NJ_ROUTER_AHEAD];
};

void nj_router_fini(struct nj_router *r);

/* Is it time to say what comes next? The last topic had no route that was kept, and all that were
 * expected have come. */
static inline bool
nj_router_wants_more(const struct nj_router *r)
{
    return r->is_worth_expecting && r->expected_first == r->expected_end;
}
/* These bytes will be asked for next, NJ_ROUTER_AHEAD topics at most: they are searched for
 * together. Without effect on what nj_router_find() returns. The topics are lent until they have
 * been asked for, or: */
void nj_router_expect(struct nj_router *r, struct nj_index *index, const struct nj_str *topics,
                      uint32_t count);
/* Nothing that was expected comes. */
static inline void
nj_router_expect_nothing(struct nj_router *r)
{
    r->expected_first = r->expected_end = 0;
}

/* The route of a topic name, valid until the next call. NULL without memory. */
const struct nj_route *nj_router_find(struct nj_router *r, struct nj_index *index,
                                      struct nj_str topic, bool allow_duplicates);

#endif
