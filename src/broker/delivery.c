/* SPDX-License-Identifier: Apache-2.0 */
/* The loop that all speed depends on: for a QoS 0 message to a session at home here it makes no
 * message, takes no lock and allocates nothing. */
#include "broker/delivery.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "broker/session.h"

/* The QoS and retain flag a target gets. [MQTT5-3.8.4-8] [MQTT5-3.3.1-12] [MQTT5-3.3.1-13] */
static uint8_t
qos_for(const struct nj_home *home, uint8_t published, uint8_t granted)
{
    return home->opts->upgrade_outgoing_qos ? granted : NJ_MIN(published, granted);
}

static struct nj_session *
session_of(struct nj_subscriber *who)
{
    return nj_container_of(who, struct nj_session, subscriber);
}

/* The bundle in which `pub` goes to `who`'s home; NULL without memory. */
static struct nj_bundle *
bundle_for(struct nj_home *home, const struct nj_publication *pub, const struct nj_subscriber *who)
{
    struct nj_bundle *bundle = home->bundles[who->home];

    /* Of QoS 2 nothing leaves before the store has heard that it is routed: nobody can have
     * finished with it then, and a start that routes it again knows who has it. */
    if (bundle != NULL && bundle->weight >= NJ_BUNDLE_FULL && pub->qos < 2) {
        home->ops->post(home->ctx, who->home, bundle);
        bundle = NULL;
    }
    if (bundle == NULL) {
        bundle = home->spare != NULL ? home->spare : nj_bundle_new();
        home->spare = NULL;
        home->bundles[who->home] = bundle;
    }
    return bundle;
}

/* A target in the bundle for `who`'s home; NULL without memory. */
static struct nj_bundle_target *
post(struct nj_home *home, struct nj_publication *pub, struct nj_subscriber *who,
     const struct nj_terms *terms)
{
    struct nj_bundle *bundle = bundle_for(home, pub, who);
    struct nj_bundle_target *target;

    if (bundle == NULL)
        return NULL;
    home->has_mail = true;
    target = nj_bundle_add(bundle, pub, who->handle, terms->identifiers, terms->identifier_count);
    if (target == NULL)
        return NULL;
    target->group = terms->group;
    target->qos = terms->qos;
    target->retain = terms->retain;
    target->is_stored = terms->is_stored;
    if (terms->qos > 0)
        nj_crowd_mail(home->broker, home->opts, bundle, who);
    return target;
}

/* Acquire: the store has heard of the session before it hears what is for it. */
static bool
is_durable(const struct nj_subscriber *who)
{
    return (atomic_load_explicit(&who->status, memory_order_acquire) & NJ_SUBSCRIBER_DURABLE) != 0;
}

/* Before anything is done with it: what its receiver does with it, at home here or elsewhere, is
 * told to the store after this. */
void
nj_store_for(struct nj_home *home, struct nj_publication *pub, const struct nj_subscriber *who,
             struct nj_terms *terms)
{
    const struct nj_change change = {
        .kind = NJ_CHANGE_QUEUED,
        .session = who->number,
        .message = pub->number,
        .publication = pub,
        .terms = terms,
    };

    if (!is_durable(who))
        return;
    terms->is_stored = true;
    (void)nj_home_append(home, &change);
}

/* Whether one that has it makes it needless for `who`. */
static bool
is_held(const struct nj_holdings *held, uint64_t message, uint64_t session, uint64_t group)
{
    size_t low = 0, high = held->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (held->list[middle].message < message)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < held->count && held->list[low].message == message; low++)
        if (held->list[low].group == group && (group != 0 || held->list[low].session == session))
            return true;
    return false;
}

/* How a publication is routed. */
struct manner {
    const struct nj_holdings *held; /* who has it already; NULL: nobody */
    bool is_refusable;              /* its publisher hears of what there is no memory for */
    bool is_picked;                 /* home->picks says which members it is for */
};

static void
refuse(struct nj_home *home, const struct nj_publication *pub, struct nj_routed *result)
{
    nj_home_dropped(home, NJ_CAUSE_OUT_OF_MEMORY, NULL, pub->topic);
    result->is_complete = false;
}

static inline void
tell(struct nj_home *home, struct nj_publication *pub, const struct nj_subscriber *who,
     struct nj_terms *terms, struct nj_routed *result)
{
    if (terms->qos == 0)
        return;
    nj_store_for(home, pub, who, terms);
    if (terms->is_stored)
        result->number = home->appended;
}

/* To one that is away, while there is little memory left. Relaxed: advice, for another home. */
static inline bool
is_too_much_for(const struct nj_subscriber *who)
{
    uint8_t status = atomic_load_explicit(&who->status, memory_order_relaxed);

    return (status & NJ_SUBSCRIBER_ONLINE) == 0 && nj_mem_is_scarce();
}

/* Without memory the store need not keep what is refused; what nobody sends again it does, and it
 * comes after the next start. */
static inline void
route_here(struct nj_home *home, struct nj_publication *pub, struct nj_session *s,
           struct nj_terms *terms, const struct manner *how, struct nj_routed *result)
{
    if (how->is_refusable && terms->qos > 0 && is_too_much_for(&s->subscriber)) {
        refuse(home, pub, result);
        return;
    }
    tell(home, pub, &s->subscriber, terms, result);
    if (nj_session_deliver(s, pub, terms))
        return;
    result->is_complete = false;
    if (how->is_refusable && terms->is_stored)
        nj_session_store_delivered(s, pub->number);
}

static void
route_there(struct nj_home *home, struct nj_publication *pub, struct nj_subscriber *who,
            struct nj_terms *terms, const struct manner *how, struct nj_routed *result)
{
    struct nj_bundle_target *target = NULL;

    if (!how->is_refusable || terms->qos == 0 || !is_too_much_for(who))
        target = post(home, pub, who, terms);
    if (target != NULL || !how->is_refusable)
        tell(home, pub, who, terms, result); /* and the bundle is still here */
    if (target == NULL) {
        refuse(home, pub, result);
        return;
    }
    target->is_stored = terms->is_stored;
}

/* To one receiver of those that routing has found. */
static inline void
route_to(struct nj_home *home, struct nj_publication *pub, struct nj_subscriber *who,
         struct nj_terms *terms, const struct manner *how, struct nj_routed *result)
{
    result->receivers++;
    if (how->held != NULL &&
        (terms->qos == 0 || is_held(how->held, pub->number, who->number, terms->group)))
        return;
    if (who->home == home->id)
        route_here(home, pub, session_of(who), terms, how, result);
    else
        route_there(home, pub, who, terms, how, result);
    if (terms->qos > 0 && (nj_is_crowded(who) || nj_is_mailed_much(who, home->opts)))
        result->is_crowded = true;
}

static void
route_to_member(struct nj_home *home, struct nj_publication *pub, const struct nj_match *member,
                const struct manner *how, struct nj_routed *result)
{
    struct nj_terms terms = {
        .identifiers = &member->opts.identifier,
        .identifier_count = member->opts.identifier != 0,
        .group = nj_group_id(member->group),
        .qos = qos_for(home, pub->qos, member->opts.qos),
        .retain = member->opts.retain_as_published && pub->retain,
    };

    route_to(home, pub, member->who, &terms, how, result);
}

bool
nj_is_for_durable(struct nj_home *home, const struct nj_publication *pub)
{
    const struct nj_route *route = nj_router_find(&home->router, home->broker->index, pub->topic,
                                                  home->opts->allow_duplicate_messages);

    for (uint32_t i = 0; route != NULL && i < route->target_count; i++) {
        const struct nj_target *t = &route->targets[i];

        /* Which member of a group it will be is not known yet. */
        if (t->who == NULL || (qos_for(home, pub->qos, t->qos) > 0 && is_durable(t->who)))
            return true;
    }
    return false;
}

/* One more to a session that has it by another of its subscriptions. The store knows a message for
 * a session by both their numbers, so this is a message of its own. */
static void
route_again(struct nj_home *home, const struct nj_publication *pub, struct nj_subscriber *who,
            struct nj_terms *terms, const struct manner *how, struct nj_routed *result)
{
    struct nj_publication copy = *pub;

    copy.number = nj_home_number(home);
    copy.msg = NULL;
    route_to(home, &copy, who, terms, how, result);
    nj_publication_fini(&copy);
}

/* [MQTT5-3.8.3-3] */
static inline bool
is_audience(const struct nj_target *t, const struct nj_publication *pub)
{
    return t->audience == NJ_FROM_ALL ||
           (session_of(t->who)->source == pub->source) == (t->audience == NJ_FROM_ITSELF);
}

/* Inlined: the manner is a constant of each caller. */
static inline __attribute__((always_inline)) void
deliver(struct nj_home *home, struct nj_publication *pub, const struct nj_route *route,
        const struct manner *how, struct nj_routed *result)
{
    const struct nj_match *picked = home->picks;

    home->deliveries += route->target_count + 1;
    for (uint32_t i = 0; i < route->target_count; i++) {
        const struct nj_target *t = &route->targets[i];
        struct nj_terms terms;

        if (t->who == NULL) {
            struct nj_match member;

            if (how->is_picked)
                member = *picked++;
            else if (!nj_group_pick(t->group, NULL, &member))
                member.who = NULL;
            if (member.who != NULL)
                route_to_member(home, pub, &member, how, result);
            continue;
        }
        if (!is_audience(t, pub)) {
            result->receivers++; /* it matches, though not for its own messages */
            continue;
        }
        terms = (struct nj_terms){
            .identifiers = route->identifiers + t->first_identifier,
            .identifier_count = t->identifier_count,
            .qos = qos_for(home, pub->qos, t->qos),
            .retain = t->retain_as_published && pub->retain,
            .is_one_of_many = route->target_count > 1,
        };
        if (t->is_again)
            route_again(home, pub, t->who, &terms, how, result);
        else
            route_to(home, pub, t->who, &terms, how, result);
    }
}

/* NULL without memory: refused. */
static const struct nj_route *
route_of(struct nj_home *home, const struct nj_publication *pub, bool allow_duplicates,
         struct nj_routed *result)
{
    const struct nj_route *route =
        nj_router_find(&home->router, home->broker->index, pub->topic, allow_duplicates);

    *result = (struct nj_routed){.is_complete = true};
    if (route == NULL)
        refuse(home, pub, result);
    return route;
}

void
nj_deliver(struct nj_home *home, struct nj_publication *pub, struct nj_routed *result)
{
    const struct nj_route *route =
        route_of(home, pub, home->opts->allow_duplicate_messages, result);

    if (route != NULL)
        deliver(home, pub, route, &(const struct manner){0}, result);
}

void
nj_deliver_or_refuse(struct nj_home *home, struct nj_publication *pub, struct nj_routed *result)
{
    const struct nj_route *route =
        route_of(home, pub, home->opts->allow_duplicate_messages, result);

    if (route != NULL)
        deliver(home, pub, route, &(const struct manner){.is_refusable = true}, result);
}

void
nj_deliver_rest(struct nj_home *home, struct nj_publication *pub, const struct nj_holdings *held,
                struct nj_routed *result)
{
    const struct nj_route *route = route_of(home, pub, false, result);

    if (route != NULL)
        deliver(home, pub, route, &(const struct manner){.held = held}, result);
}

/* ---- to all, or to nobody ---- */

static bool
reserve_for(struct nj_home *home, struct nj_publication *pub, struct nj_subscriber *who,
            uint32_t identifier_count)
{
    struct nj_bundle *bundle;

    if (nj_publication_msg(pub) == NULL)
        return false;
    if (who->home == home->id)
        return nj_session_reserve(session_of(who));
    if (is_too_much_for(who))
        return false;
    bundle = bundle_for(home, pub, who);
    return bundle != NULL && nj_bundle_reserve(bundle, pub, identifier_count);
}

static bool
reserve_for_member(struct nj_home *home, struct nj_publication *pub, struct nj_group *group)
{
    struct nj_match *member;

    if (!nj_array_grow((void **)&home->picks, &home->pick_capacity, home->pick_count,
                       sizeof(*home->picks)))
        return false;
    member = &home->picks[home->pick_count++];
    if (!nj_group_pick(group, NULL, member)) {
        member->who = NULL;
        return true;
    }
    return qos_for(home, pub->qos, member->opts.qos) == 0 ||
           reserve_for(home, pub, member->who, member->opts.identifier != 0);
}

/* Second copies apart: those are messages of their own, and allowed to come twice. */
static bool
reserve_for_all(struct nj_home *home, struct nj_publication *pub, const struct nj_route *route)
{
    bool is_reserved = true;

    home->pick_count = 0;
    for (uint32_t i = 0; is_reserved && i < route->target_count; i++) {
        const struct nj_target *t = &route->targets[i];

        if (t->who == NULL)
            is_reserved = reserve_for_member(home, pub, t->group);
        else if (!t->is_again && is_audience(t, pub) && qos_for(home, pub->qos, t->qos) > 0)
            is_reserved = reserve_for(home, pub, t->who, t->identifier_count);
    }
    return is_reserved;
}

void
nj_deliver_to_all_or_refuse(struct nj_home *home, struct nj_publication *pub,
                            struct nj_routed *result)
{
    const struct nj_route *route =
        route_of(home, pub, home->opts->allow_duplicate_messages, result);

    if (route == NULL)
        return;
    if (route->target_count == 1) { /* all or nobody, without a second look at them */
        deliver(home, pub, route, &(const struct manner){.is_refusable = true}, result);
        return;
    }
    if (!reserve_for_all(home, pub, route)) {
        refuse(home, pub, result);
        return;
    }
    deliver(home, pub, route, &(const struct manner){.is_picked = true}, result);
    result->is_complete = true; /* the store has what its receiver's home had no memory for */
}

/* Another member of the group has it, and the store has heard of that. */
static void
store_passed_on(struct nj_session *s, uint64_t message)
{
    const struct nj_change change = {
        .kind = NJ_CHANGE_DELIVERED,
        .session = s->subscriber.number,
        .message = message,
        .is_passed_on = true,
    };

    (void)nj_home_append(s->home, &change);
}

/* To a session at home here; NULL: it is gone. `is_moved`: it is the second member of its group
 * that this is for. */
static void
take(struct nj_home *home, struct nj_session *s, struct nj_publication *pub, struct nj_terms *terms,
     bool is_moved)
{
    /* A member of a group that has left: another. Its subscription has left the index before it, so
     * each try takes the end of one more session, and nothing goes round. A member that is away
     * while others are there: one more try. */
    if (terms->group != 0 && (s == NULL || (!s->is_open && !is_moved)) &&
        nj_deliver_to_group(home, pub, terms->group, s != NULL ? &s->subscriber : NULL)) {
        if (s != NULL && terms->is_stored)
            store_passed_on(s, pub->number);
        return;
    }
    if (s == NULL) {
        nj_home_dropped(home, NJ_CAUSE_SESSION_GONE, NULL, pub->topic);
        return;
    }
    if (terms->qos > 0 && !terms->is_stored) /* the session has become durable meanwhile */
        nj_store_for(home, pub, &s->subscriber, terms);
    (void)nj_session_deliver(s, pub, terms); /* if it got lost, that is counted */
}

bool
nj_deliver_to_group(struct nj_home *home, struct nj_publication *pub, uint64_t group,
                    const struct nj_subscriber *avoid)
{
    struct nj_matches matches = {0};
    struct nj_match member;
    bool is_found = false;

    /* A group pointer does not outlive a turn, so the group is looked up again by what identifies
     * it. */
    if (nj_index_match(home->broker->index, pub->topic, nj_hash(pub->topic), &matches) == NJ_OK) {
        for (size_t i = 0; i < matches.count && !is_found; i++)
            if (matches.list[i].who == NULL && nj_group_id(matches.list[i].group) == group)
                is_found = nj_group_pick(matches.list[i].group, avoid, &member);
    }
    nj_matches_fini(&matches);
    if (!is_found)
        return false;

    struct nj_terms terms = {
        .identifiers = &member.opts.identifier,
        .identifier_count = member.opts.identifier != 0,
        .group = group,
        .qos = qos_for(home, pub->qos, member.opts.qos),
        .retain = member.opts.retain_as_published && pub->retain,
    };
    struct nj_bundle_target *posted;

    /* For the new member before the end of the old one is told. */
    if (terms.qos > 0)
        nj_store_for(home, pub, member.who, &terms);
    if (member.who->home == home->id) {
        take(home, session_of(member.who), pub, &terms, true);
        return true;
    }
    posted = post(home, pub, member.who, &terms);
    if (posted == NULL)
        return false;
    posted->is_moved = true;
    return true;
}

void
nj_deliver_here(struct nj_home *home, struct nj_publication *pub,
                const struct nj_bundle_target *target, const uint32_t *numbers, bool is_one_of_many)
{
    struct nj_session *s = nj_home_session(home, target->session);
    struct nj_terms terms = {
        .identifiers = numbers,
        .identifier_count = target->number_count,
        .group = target->group,
        .qos = target->qos,
        .retain = target->retain,
        .is_one_of_many = is_one_of_many,
        .is_stored = target->is_stored,
    };

    if (s != NULL && terms.qos > 0)
        nj_crowd_got(&s->subscriber);
    take(home, s, pub, &terms, target->is_moved);
}
