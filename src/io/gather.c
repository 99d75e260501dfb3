/* SPDX-License-Identifier: Apache-2.0 */
#include "io/gather.h"

#include "base/compiler.h"

/* Waits in a stretch without gathering. */
#define PLAIN_WAITS 64
/* Who sleeps for less than this part of the time is busy, and has nothing to save. */
#define SLEEPS 8
/* Waits until a try is judged, and judged again. Few, for it may be in vain. */
#define JUDGED_WAITS 4
/* Things that each has to bring on average; with half of that it is not tried to the end. */
#define WORTH 8
/* What has to come in the same time, as a part of what came without. */
#define KEEPS 0.95
/* Waits until a stretch without shows again what comes then. */
#define KEPT_WAITS 512
/* Stretches without between two tries, after several in vain. */
#define PAUSE_MOST 31

static void
begin(struct nj_gather *g, int64_t now_ns, bool is_on)
{
    g->is_on = is_on;
    g->began_ns = now_ns;
    g->slept_ns = 0;
    g->came = 0;
    g->waits = 0;
}

/* Things in a nanosecond. Nothing, where the clock has not moved, is less than any. */
static double
rate(const struct nj_gather *g, int64_t now_ns)
{
    return now_ns > g->began_ns ? (double)g->came / (double)(now_ns - g->began_ns) : 0;
}

static void
end_plain(struct nj_gather *g, int64_t now_ns)
{
    int64_t lasted_ns = now_ns - g->began_ns;
    bool is_woken_often = lasted_ns <= PLAIN_WAITS * NJ_GATHER_NS;
    bool is_idle_between = g->slept_ns * SLEEPS >= lasted_ns;

    g->plain_rate = rate(g, now_ns);
    if (g->left > 0)
        g->left--;
    begin(g, now_ns, is_woken_often && is_idle_between && g->left == 0);
}

static void
give_up(struct nj_gather *g, int64_t now_ns)
{
    g->pause = NJ_MIN(2 * g->pause + 1, (uint32_t)PAUSE_MOST);
    g->left = g->pause;
    begin(g, now_ns, false);
}

static void
judge(struct nj_gather *g, int64_t now_ns)
{
    if (g->came < WORTH * g->waits || rate(g, now_ns) < KEEPS * g->plain_rate) {
        give_up(g, now_ns);
        return;
    }
    g->pause /= 2;
    if (g->waits >= KEPT_WAITS)
        begin(g, now_ns, false);
}

void
nj_gather_count(struct nj_gather *g, int64_t now_ns, int64_t slept_ns, uint32_t came)
{
    g->slept_ns += slept_ns;
    g->came += came;
    g->waits++;
    if (!g->is_on) {
        if (g->waits == PLAIN_WAITS)
            end_plain(g, now_ns);
    } else if (g->waits == 2 && g->came < WORTH / 2 * g->waits) {
        give_up(g, now_ns);
    } else if (g->waits % JUDGED_WAITS == 0) {
        judge(g, now_ns);
    }
}
