/* SPDX-License-Identifier: Apache-2.0 */
/* The loop that all speed depends on: for a QoS 0 message to a session at home here it makes no
 * message, takes no lock and allocates nothing. */
#include "broker/delivery.h"

#include "base/assert.h"
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

static bool
post(struct nj_home *home, struct nj_publication *pub, const struct nj_subscriber *who,
     struct nj_bundle_target target, const uint32_t *numbers, uint32_t number_count)
{
    struct nj_bundle **bundle = &home->bundles[who->home];
    struct nj_msg *msg = nj_publication_msg(pub);

    if (msg == NULL)
        return false;
    if (*bundle == NULL) {
        *bundle = nj_bundle_new();
        if (*bundle == NULL)
            return false;
    }
    home->has_mail = true;
    target.session = who->handle;
    return nj_bundle_add(*bundle, msg, target, numbers, number_count);
}

/* To `who`, wherever it is at home. False: there was no memory, and it matters. */
static bool
deliver_to(struct nj_home *home, struct nj_publication *pub, struct nj_subscriber *who,
           const struct nj_terms *terms)
{
    struct nj_bundle_target target;

    if (who->home == home->id)
        return nj_session_deliver(session_of(who), pub, terms);
    target = (struct nj_bundle_target){
        .group = terms->group, .qos = terms->qos, .retain = terms->retain};
    if (post(home, pub, who, target, terms->identifiers, terms->identifier_count))
        return true;
    nj_home_dropped(home, NJ_CAUSE_OUT_OF_MEMORY, NULL, pub->topic);
    return false;
}

/* Whether `who` must have it stored. Relaxed: a session that becomes durable at this instant was
 * not when the message came. */
static bool
is_durable(const struct nj_subscriber *who)
{
    return (atomic_load_explicit(&who->status, memory_order_relaxed) & NJ_SUBSCRIBER_DURABLE) != 0;
}

static bool
deliver_to_member(struct nj_home *home, struct nj_publication *pub, struct nj_group *group,
                  struct nj_routed *result)
{
    struct nj_match member;
    struct nj_terms terms;

    if (!nj_group_pick(group, NULL, &member))
        return true;
    terms = (struct nj_terms){
        .identifiers = &member.opts.identifier,
        .identifier_count = member.opts.identifier != 0,
        .group = nj_group_id(group),
        .qos = qos_for(home, pub->qos, member.opts.qos),
        .retain = member.opts.retain_as_published && pub->retain,
    };
    result->receivers++;
    if (terms.qos > 0 && is_durable(member.who))
        result->is_durable = true;
    return deliver_to(home, pub, member.who, &terms);
}

void
nj_deliver(struct nj_home *home, struct nj_publication *pub, struct nj_routed *result)
{
    const struct nj_route *route = nj_router_find(&home->router, home->broker->index, pub->topic,
                                                  home->opts->allow_duplicate_messages);

    *result = (struct nj_routed){.is_complete = route != NULL};
    if (route == NULL) {
        nj_home_dropped(home, NJ_CAUSE_OUT_OF_MEMORY, NULL, pub->topic);
        return;
    }
    home->deliveries += route->target_count + 1;
    for (uint32_t i = 0; i < route->target_count; i++) {
        const struct nj_target *t = &route->targets[i];
        struct nj_terms terms;

        if (t->who == NULL) {
            if (!deliver_to_member(home, pub, t->group, result))
                result->is_complete = false;
            continue;
        }
        if (t->audience != NJ_FROM_ALL &&
            (session_of(t->who)->hash == pub->source) != (t->audience == NJ_FROM_ITSELF))
            continue; /* [MQTT5-3.8.3-3] */
        terms = (struct nj_terms){
            .identifiers = route->identifiers + t->first_identifier,
            .identifier_count = t->identifier_count,
            .qos = qos_for(home, pub->qos, t->qos),
            .retain = t->retain_as_published && pub->retain,
            .is_one_of_many = route->target_count > 1,
        };
        result->receivers++;
        if (terms.qos > 0 && is_durable(t->who))
            result->is_durable = true;
        if (!deliver_to(home, pub, t->who, &terms))
            result->is_complete = false;
    }
}

/* A message that changes its member is stored for the new one before the end of the old one is: the
 * record it came with knows only that one. */
static void
store_for(struct nj_home *home, struct nj_publication *pub, const struct nj_subscriber *who,
          uint8_t qos)
{
    struct nj_change change = {.kind = NJ_CHANGE_MESSAGE, .msg = nj_publication_msg(pub)};

    if (qos > 0 && is_durable(who) && change.msg != NULL)
        (void)nj_home_append(home, &change);
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
    if (nj_index_match(home->broker->index, pub->topic, &matches) == NJ_OK) {
        for (size_t i = 0; i < matches.count && !is_found; i++)
            if (matches.list[i].who == NULL && nj_group_id(matches.list[i].group) == group)
                is_found = nj_group_pick(matches.list[i].group, avoid, &member);
    }
    nj_matches_fini(&matches);
    if (!is_found)
        return false;

    struct nj_bundle_target target = {
        .session = member.who->handle,
        .group = group,
        .qos = qos_for(home, pub->qos, member.opts.qos),
        .retain = member.opts.retain_as_published && pub->retain,
        .number_count = member.opts.identifier != 0,
        .is_moved = true,
    };
    store_for(home, pub, member.who, target.qos);
    if (member.who->home == home->id) {
        nj_deliver_here(home, pub, &target, &member.opts.identifier, false);
        return true;
    }
    return post(home, pub, member.who, target, &member.opts.identifier, target.number_count);
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
    };

    /* A member of a group that has left: another. Its subscription has left the index before it, so
     * each try takes the end of one more session, and nothing goes round. A member that is away
     * while others are there: one more try. */
    if (target->group != 0 && (s == NULL || (!s->is_open && !target->is_moved)) &&
        nj_deliver_to_group(home, pub, target->group, s != NULL ? &s->subscriber : NULL))
        return;
    if (s == NULL) {
        nj_home_dropped(home, NJ_CAUSE_SESSION_GONE, NULL, pub->topic);
        return;
    }
    (void)nj_session_deliver(s, pub, &terms); /* if it got lost, that is counted */
}
