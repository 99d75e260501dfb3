/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/crowd.h"

#include <string.h>

static void
remove_at(struct nj_crowd *crowd, uint32_t i)
{
    crowd->count--;
    memmove(&crowd->members[i], &crowd->members[i + 1],
            (crowd->count - i) * sizeof(crowd->members[0]));
}

bool
nj_crowd_join(struct nj_crowd *crowd, nj_handle who, nj_time now)
{
    if (crowd->count == NJ_CROWD_PLACES)
        return false;
    crowd->members[crowd->count].who = who;
    crowd->members[crowd->count].until = now + NJ_PATIENCE_MS;
    crowd->count++;
    return true;
}

void
nj_crowd_leave(struct nj_crowd *crowd, nj_handle who)
{
    for (uint32_t i = 0; i < crowd->count; i++)
        if (crowd->members[i].who.slot == who.slot) {
            remove_at(crowd, i);
            return;
        }
}

bool
nj_crowd_take_late(struct nj_crowd *crowd, nj_time now, nj_handle *who)
{
    if (crowd->count == 0 || now < crowd->members[0].until)
        return false;
    *who = crowd->members[0].who;
    remove_at(crowd, 0);
    return true;
}

nj_time
nj_crowd_next(const struct nj_crowd *crowd)
{
    return crowd->count > 0 ? crowd->members[0].until : NJ_NEVER;
}
