/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is. The cursor counts turns; a turn that would be an absent member's goes to the
 * next present one, and the cursor moves past him, too, so that his neighbour does not get two
 * shares. The standard leaves the choice to the server (MQTT 5, 4.8.2). */
#include "topic/place_priv.h"

/* Ever less is asked of a member. */
enum demand {
    DEMAND_READY,   /* online, and with room in its queue */
    DEMAND_DURABLE, /* it will be queued */
    DEMAND_ANY,
};

static bool
meets(const struct nj_subscriber *who, enum demand demand)
{
    /* Relaxed: a hint. Its home judges again when the message arrives there. */
    uint8_t status = atomic_load_explicit(&who->status, memory_order_relaxed);

    switch (demand) {
    case DEMAND_READY:
        return (status & (NJ_SUBSCRIBER_ONLINE | NJ_SUBSCRIBER_FULL)) == NJ_SUBSCRIBER_ONLINE;
    case DEMAND_DURABLE:
        return (status & NJ_SUBSCRIBER_DURABLE) != 0;
    case DEMAND_ANY:
        return true;
    }
    return false;
}

/* The member who meets the demand and comes first from turn `turn` on; `passed` counts the others.
 */
static struct nj_sub *
first_from(const struct nj_sub_view *members, uint32_t turn, const struct nj_subscriber *avoid,
           enum demand demand, uint32_t *passed)
{
    uint32_t at = turn % members->count;

    for (*passed = 0; *passed < members->count; ++*passed) {
        struct nj_sub *sub = nj_sub_view_at(members, at);

        if (sub != NULL && sub->who != avoid && meets(sub->who, demand))
            return sub;
        at = at + 1 < members->count ? at + 1 : 0;
    }
    return NULL;
}

bool
nj_group_pick(struct nj_group *group, const struct nj_subscriber *avoid, struct nj_match *out)
{
    struct nj_sub_view members = nj_sub_set_view(&group->place.subs);
    uint32_t turn, passed;

    if (members.count == 0)
        return false;
    /* Relaxed: turns are only counted. */
    turn = atomic_fetch_add_explicit(&group->cursor, 1, memory_order_relaxed);
    for (enum demand demand = DEMAND_READY; demand <= DEMAND_ANY; demand++) {
        struct nj_sub *sub = first_from(&members, turn, avoid, demand, &passed);

        if (sub == NULL)
            continue;
        if (passed > 0)
            atomic_fetch_add_explicit(&group->cursor, passed, memory_order_relaxed);
        *out = (struct nj_match){sub->who, group, nj_sub_opts_of(sub)};
        return true;
    }
    return false;
}

uint64_t
nj_group_id(const struct nj_group *group)
{
    return group->id;
}
