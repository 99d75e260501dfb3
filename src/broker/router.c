/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"

#define NOBODY UINT32_MAX

static size_t
slot_of_hash(uint64_t hash)
{
    return hash % NJ_ROUTER_CACHE_ROUTES;
}

static uint32_t
half_of_hash(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

static void
free_route(struct nj_route *route)
{
    nj_free(route); /* one block */
}

static void
forget_all(struct nj_router *r)
{
    for (size_t i = 0; i < NJ_ROUTER_CACHE_ROUTES; i++) {
        free_route(r->cache[i].route);
        r->cache[i].route = NULL;
    }
    r->cached_matches = 0;
}

void
nj_router_fini(struct nj_router *r)
{
    forget_all(r);
    free_route(r->uncached);
    nj_matches_fini(&r->matches);
    for (size_t i = 0; i < NJ_ROUTER_AHEAD; i++)
        nj_search_fini(&r->expected[i].search);
    nj_free(r->places);
    *r = (struct nj_router){0};
}

/* A block for a route that is to be kept, or the one that is used again and again. */
static struct nj_route *
new_block(struct nj_router *r, size_t bytes, bool is_kept)
{
    struct nj_route *route = r->uncached;

    if (is_kept || route == NULL || route->bytes < bytes) {
        route = nj_alloc(bytes);
        if (route == NULL)
            return NULL;
        route->bytes = bytes;
    }
    if (!is_kept && route != r->uncached) {
        free_route(r->uncached);
        r->uncached = route;
    }
    return route;
}

/* One block: the route, its targets, its identifiers, its topic. */
static struct nj_route *
new_route(struct nj_router *r, struct nj_str topic, size_t targets, size_t identifiers,
          bool is_kept)
{
    size_t bytes = sizeof(struct nj_route) + targets * sizeof(struct nj_target) +
                   identifiers * sizeof(uint32_t) + topic.n;
    struct nj_route *route = new_block(r, bytes, is_kept);
    char *text;

    if (route == NULL)
        return NULL;
    route->targets = (struct nj_target *)(void *)(route + 1);
    route->identifiers = (uint32_t *)(void *)(route->targets + targets);
    text = (char *)(route->identifiers + identifiers);
    memcpy(text, topic.p, topic.n);
    route->topic = (struct nj_str){text, topic.n};
    route->target_count = route->identifier_count = 0;
    route->match_count = (uint32_t)targets;
    return route;
}

/* Empty the table of places, at least twice as large as what goes into it. */
static bool
clear_places(struct nj_router *r, size_t count)
{
    size_t size = r->places_size > 0 ? r->places_size : 64;

    while (size < count * 2)
        size *= 2;
    if (size > r->places_size) {
        uint32_t *places = nj_realloc(r->places, size * sizeof(*places));

        if (places == NULL)
            return false;
        r->places = places;
        r->places_size = size;
    }
    memset(r->places, 0xff, r->places_size * sizeof(*r->places));
    return true;
}

/* The slot of the table in which the target of `who` is, or would be. */
static uint32_t *
slot_of(struct nj_router *r, const struct nj_route *route, const struct nj_subscriber *who)
{
    size_t i = (size_t)(((uintptr_t)who >> 4) * 0x9e3779b97f4a7c15u >> 20) & (r->places_size - 1);

    while (r->places[i] != NOBODY && route->targets[r->places[i]].who != who)
        i = (i + 1) & (r->places_size - 1);
    return &r->places[i];
}

static void
add_target(struct nj_route *route, const struct nj_match *m)
{
    struct nj_target *t = &route->targets[route->target_count++];

    *t = (struct nj_target){
        .who = m->who,
        .group = m->group,
        .qos = m->opts.qos,
        .audience = m->opts.no_local ? NJ_FROM_OTHERS : NJ_FROM_ALL,
        .retain_as_published = m->opts.retain_as_published,
    };
}

/* Overlapping subscriptions of one session become one delivery, at the highest QoS.
 * [MQTT5-3.3.4-2] [MQTT311-3.3.5-1] */
static void
merge(struct nj_target *t, const struct nj_match *m)
{
    t->qos = NJ_MAX(t->qos, m->opts.qos);
    t->retain_as_published = t->retain_as_published || m->opts.retain_as_published;
}

/* The second target of a session whose subscriptions differ about No Local: what it publishes
 * itself reaches it through those that do not say it. Rare, so it may look at all matches.
 * [MQTT5-3.8.3-3] */
static void
add_own_target(struct nj_route *route, const struct nj_matches *matches, uint32_t first)
{
    struct nj_subscriber *who = route->targets[first].who;
    struct nj_target *own = NULL;

    route->targets[first].audience = NJ_FROM_OTHERS;
    for (size_t i = 0; i < matches->count; i++) {
        const struct nj_match *m = &matches->list[i];

        if (m->who != who || m->opts.no_local)
            continue;
        if (own == NULL) {
            own = &route->targets[route->target_count];
            add_target(route, m);
            own->audience = NJ_FROM_ITSELF;
            own->first_identifier = route->identifier_count;
        } else {
            merge(own, m);
        }
        if (m->opts.identifier != 0) {
            route->identifiers[route->identifier_count++] = m->opts.identifier;
            own->identifier_count++;
        }
    }
}

/* The identifiers of each target lie together, so they are written after all targets are known.
 * [MQTT5-3.3.4-3] [MQTT5-3.3.4-4] */
static void
add_identifiers(struct nj_route *route, const struct nj_matches *matches, const uint32_t *target_of)
{
    uint32_t next = 0;

    for (size_t i = 0; i < matches->count; i++)
        if (matches->list[i].opts.identifier != 0)
            route->targets[target_of[i]].identifier_count++;
    for (uint32_t t = 0; t < route->target_count; t++) {
        route->targets[t].first_identifier = next;
        next += route->targets[t].identifier_count;
        route->targets[t].identifier_count = 0;
    }
    for (size_t i = 0; i < matches->count; i++) {
        struct nj_target *t = &route->targets[target_of[i]];

        if (matches->list[i].opts.identifier != 0)
            route->identifiers[t->first_identifier + t->identifier_count++] =
                matches->list[i].opts.identifier;
    }
    route->identifier_count = next;
}

static struct nj_route *
flatten(struct nj_router *r, struct nj_str topic, bool allow_duplicates, bool is_kept)
{
    const struct nj_matches *matches = &r->matches;
    uint32_t *target_of = NULL;
    size_t identifiers = 0;
    bool is_mixed = false;
    struct nj_route *route;

    for (size_t i = 0; i < matches->count; i++)
        identifiers += matches->list[i].who != NULL && matches->list[i].opts.identifier != 0;
    route = new_route(r, topic, matches->count, identifiers * 2, is_kept);
    if (route == NULL)
        return NULL;
    if (identifiers > 0) {
        target_of = nj_alloc_array(matches->count, sizeof(*target_of));
        if (target_of == NULL)
            goto fail;
    }
    if (matches->count > 1 && !clear_places(r, matches->count))
        goto fail;

    for (size_t i = 0; i < matches->count; i++) {
        struct nj_match *m = &matches->list[i];
        uint32_t target = route->target_count;

        if (m->who == NULL)
            m->opts.identifier = 0; /* the member's own is taken when it is picked */
        if (matches->count < 2 || m->who == NULL) {
            add_target(route, m);
        } else {
            uint32_t *place = slot_of(r, route, m->who);

            if (*place == NOBODY) {
                *place = target;
                add_target(route, m);
            } else if (allow_duplicates) {
                add_target(route, m);
                route->targets[target].is_again = true;
            } else {
                target = *place;
                merge(&route->targets[target], m);
                if ((route->targets[target].audience == NJ_FROM_OTHERS) != m->opts.no_local) {
                    route->targets[target].audience = NJ_FROM_ITSELF; /* marks it: see below */
                    is_mixed = true;
                }
            }
        }
        if (target_of != NULL)
            target_of[i] = target;
    }
    if (target_of != NULL)
        add_identifiers(route, matches, target_of);
    nj_free(target_of);
    for (uint32_t i = 0, count = route->target_count; is_mixed && i < count; i++)
        if (route->targets[i].audience == NJ_FROM_ITSELF)
            add_own_target(route, matches, i);
    return route;

fail:
    nj_free(target_of);
    if (is_kept)
        free_route(route);
    return NULL;
}

static void
keep(struct nj_router *r, struct nj_route *route)
{
    size_t i = slot_of_hash(route->hash);

    if (r->cached_matches + route->match_count > NJ_ROUTER_CACHE_TARGETS)
        forget_all(r);
    if (r->cache[i].route != NULL)
        r->cached_matches -= r->cache[i].route->match_count;
    free_route(r->cache[i].route);
    r->cache[i].route = route;
    r->cache[i].hash = half_of_hash(route->hash);
    r->cached_matches += route->match_count;
}

/* Whether the topic, looked for in vain, has been so before, and its route is not too large. */
static bool
is_worth_keeping(struct nj_router *r, struct nj_str topic, uint64_t hash)
{
    size_t i = slot_of_hash(hash);
    bool was_asked = r->cache[i].asked == half_of_hash(hash);

    r->cache[i].asked = half_of_hash(hash);
    return was_asked && r->matches.count <= NJ_ROUTER_CACHE_TARGETS / 4 &&
           topic.n <= NJ_ROUTER_CACHE_TOPIC;
}

static bool
is_for(const struct nj_route *route, struct nj_str topic, uint64_t generation,
       bool allow_duplicates)
{
    return route != NULL && route->generation == generation &&
           route->allows_duplicates == allow_duplicates && nj_str_eq(route->topic, topic);
}

/* ---- topics that are expected ---- */

void
nj_router_expect(struct nj_router *r, struct nj_index *index, const struct nj_str *topics,
                 uint32_t count)
{
    struct nj_search *search[NJ_ROUTER_AHEAD];
    uint32_t searches = 0;

    NJ_ASSERT(count <= NJ_ROUTER_AHEAD);
    r->expected_generation = nj_index_generation(index);
    r->expected_first = 0;
    r->expected_end = count;
    for (uint32_t i = 0; i < count; i++) {
        struct nj_expected *e = &r->expected[i];

        e->topic = topics[i];
        e->hash = nj_hash(e->topic);
        e->is_searched = r->cache[slot_of_hash(e->hash)].hash != half_of_hash(e->hash);
        if (!e->is_searched)
            continue;
        search[searches++] = &e->search;
        nj_search_begin(&e->search, index, e->topic, e->hash);
    }
    for (uint32_t i = 0; i < searches; i++)
        nj_search_follow(search[i]);
    for (uint32_t i = 0; i < searches; i++)
        nj_search_fetch(search[i]);
}

/* What is known of this topic, and the end of all that was expected before it; NULL: nothing. */
static NJ_NOINLINE struct nj_expected *
take_expected(struct nj_router *r, struct nj_str topic)
{
    for (uint32_t i = r->expected_first; i < r->expected_end; i++) {
        struct nj_expected *e = &r->expected[i];

        if (e->topic.p != topic.p || e->topic.n != topic.n)
            continue;
        r->expected_first = i + 1;
        return e;
    }
    return NULL;
}

/* Into r->matches. */
static NJ_NOINLINE enum nj_err
search(struct nj_router *r, struct nj_index *index, struct nj_str topic, uint64_t hash,
       struct nj_expected *e)
{
    r->matches.count = 0;
    if (e != NULL && e->is_searched && r->expected_generation == nj_index_generation(index))
        return nj_search_finish(&e->search, &r->matches);
    return nj_index_match(index, topic, hash, &r->matches);
}

const struct nj_route *
nj_router_find(struct nj_router *r, struct nj_index *index, struct nj_str topic,
               bool allow_duplicates)
{
    uint64_t generation = nj_index_generation(index), hash;
    struct nj_expected *expected =
        NJ_UNLIKELY(r->expected_first < r->expected_end) ? take_expected(r, topic) : NULL;
    struct nj_route *route = r->last;
    bool is_kept;

    r->is_worth_expecting = false;
    if (is_for(route, topic, generation, allow_duplicates))
        return route;
    hash = expected != NULL ? expected->hash : nj_hash(topic);
    route = r->cache[slot_of_hash(hash)].route;
    if (r->cache[slot_of_hash(hash)].hash == half_of_hash(hash) &&
        is_for(route, topic, generation, allow_duplicates)) {
        r->last = route;
        return route;
    }

    r->last = NULL;
    r->is_worth_expecting = true;
    if (search(r, index, topic, hash, expected) != NJ_OK)
        return NULL;
    is_kept = is_worth_keeping(r, topic, hash);
    route = flatten(r, topic, allow_duplicates, is_kept);
    if (route == NULL)
        return NULL;
    route->generation = generation;
    route->hash = hash;
    route->allows_duplicates = allow_duplicates;
    if (is_kept)
        keep(r, route);
    r->last = route;
    return route;
}
