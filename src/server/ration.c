/* SPDX-License-Identifier: Apache-2.0 */
#include "server/ration.h"

#include "base/log.h"
#include "server/refusals.h"
#include "server/worker.h"

#define SECOND_MS 1000

static void
on_ration_time(struct nj_timer *t, nj_time now)
{
    (void)now;
    nj_ration_say(nj_container_of(t, struct nj_worker, ration.timer));
}

void
nj_ration_init(struct nj_worker *w)
{
    w->ration.left = NJ_RATION_MAX;
    nj_timer_init(&w->ration.timer, on_ration_time);
}

static void
fill(struct nj_ration *r, nj_time now)
{
    nj_time due = (now - r->filled_at) * NJ_RATION_PER_S / SECOND_MS;

    if (due <= 0)
        return;
    r->filled_at = now;
    r->left = (uint32_t)NJ_MIN((nj_time)NJ_RATION_MAX, r->left + due);
}

bool
nj_ration_take(struct nj_worker *w)
{
    struct nj_ration *r = &w->ration;

    fill(r, w->now);
    if (r->left > 0) {
        r->left--;
        return true;
    }
    if (r->kept_back++ == 0)
        nj_timer_set(w->wheel, &r->timer, w->now + SECOND_MS);
    return false;
}

bool
nj_ration_is_spent(const struct nj_worker *w)
{
    return w->ration.kept_back > 0;
}

void
nj_ration_say(struct nj_worker *w)
{
    if (w->ration.kept_back > 0)
        nj_log(
            NJ_LOG_NOTICE,
            "And %u more connections were not let in: they are counted, and SIGUSR2 shows the last "
            "%d refusals.",
            w->ration.kept_back, NJ_REFUSALS_MAX);
    w->ration.kept_back = 0;
}
