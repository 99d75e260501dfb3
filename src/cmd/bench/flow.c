/* SPDX-License-Identifier: Apache-2.0 */
/* flow.c — the scenarios in which messages flow, measured from outside: open the scene, let it run
 * in, read the clocks twice, let all that is under way arrive, count what is missing. */
#include "cmd/bench/driver.h"
#include "cmd/bench/run.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <time.h>

static struct nj_scene_opts
scene_opts(const struct nj_bench_opts *asked)
{
    const struct nj_scenario *scenario = nj_scenario_get(asked->scenario);
    struct nj_scene_opts o = {
        .scenario = scenario,
        .qos = (uint8_t)asked->qos,
        .publishers = asked->publishers != 0 ? asked->publishers : scenario->publishers,
        .subscribers = asked->subscribers,
        .payload_bytes = asked->payload,
        .window = asked->window != 0 ? asked->window : scenario->window[asked->qos],
        .batch = asked->batch,
        .threads = asked->threads,
        .rate = asked->rate,
        .burst = asked->burst,
        .turn_us = asked->turn_us,
        .is_persistent = asked->is_persistent || asked->is_offline,
        .is_offline = asked->is_offline,
    };

    if (o.subscribers == 0)
        o.subscribers = scenario->is_paired ? o.publishers : scenario->subscribers;
    if (scenario->is_paired && o.publishers != o.subscribers)
        nj_bench_die("%s has as many subscribers as publishers", asked->name);
    if (o.batch == 0)
        o.batch = NJ_MAX(o.window / 2, 1u);
    return o;
}

static void
wait_until(int64_t when_ns)
{
    struct timespec t = {when_ns / 1000000000, when_ns % 1000000000};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
        ;
}

/* `ms` long, telling every second how fast it goes. */
static void
watch(const struct nj_bench_run *r, const struct nj_crew *crew, uint32_t ms)
{
    const int64_t second = 1000000000;
    int64_t now = nj_clock_monotonic_ns();
    int64_t end = now + ms * INT64_C(1000000);

    while (r->tells_progress && end - now > second) {
        uint64_t done = nj_crew_done(crew);
        struct nj_cost before = nj_cost_read(r->pid);

        wait_until(now += second);
        struct nj_cost spent = nj_cost_since(&before, r->pid);
        double part = 100.0 / (double)spent.wall_ns;

        (void)fprintf(stderr, "%" PRIu64 " messages in this second", nj_crew_done(crew) - done);
        if (r->pid != 0)
            (void)fprintf(stderr, ", broker %.0f %% of a core", (double)spent.broker_ns * part);
        (void)fprintf(stderr, ", generator %.0f %%\n", (double)spent.load_ns * part);
    }
    wait_until(end);
}

static void
add_opts(struct nj_figures *f, const struct nj_scene_opts *o)
{
    nj_figures_add(f, NJ_FIGURE_PUBLISHERS, o->publishers);
    nj_figures_add(f, NJ_FIGURE_SUBSCRIBERS, o->subscribers);
    nj_figures_add(f, NJ_FIGURE_PAYLOAD, o->payload_bytes);
    nj_figures_add(f, NJ_FIGURE_WINDOW, o->window);
    if (o->rate > 0)
        nj_figures_add(f, NJ_FIGURE_RATE, o->rate);
    else
        nj_figures_add(f, NJ_FIGURE_BATCH, o->batch);
    nj_figures_add(f, NJ_FIGURE_THREADS, o->threads);
}

static void
add_points(struct nj_figures *f, const struct nj_histogram *h, enum nj_figure first)
{
    static const double shares[] = {0.5, 0.9, 0.99, 0.999};

    for (unsigned i = 0; i < NJ_COUNT_OF(shares); i++)
        nj_figures_add(f, first + i, (double)nj_histogram_at(h, shares[i]) / 1e3);
    nj_figures_add(f, first + NJ_COUNT_OF(shares), (double)h->most_ns / 1e3);
}

static void
add_latency(struct nj_figures *f, const struct nj_scene_opts *o, const struct nj_latency *l)
{
    if (o->rate > 0) {
        if (!o->is_offline)
            add_points(f, &l->arrival, NJ_FIGURE_LATENCY_P50);
        nj_figures_add(f, NJ_FIGURE_LATE_P99, (double)nj_histogram_at(&l->sending, 0.99) / 1e3);
        nj_figures_add(f, NJ_FIGURE_LATE_MAX, (double)l->sending.most_ns / 1e3);
    }
    if (o->qos > 0)
        add_points(f, &l->ack, NJ_FIGURE_ACK_P50);
}

/* Those who were away take what came meanwhile. */
static void
take_all(struct nj_bench_run *r, struct nj_scene *scene, struct nj_latency *latency)
{
    struct nj_cost before = nj_cost_read(r->pid);
    struct nj_crew crew;

    nj_scene_call_back(scene, &r->broker);
    nj_crew_start(&crew, scene, false, 0, 0);
    if (!nj_crew_drain(&crew, (int)r->opts->patience_ms))
        r->is_complete = false;
    struct nj_cost spent = nj_cost_since(&before, r->pid);

    nj_bench_add_cost(r, &spent, nj_crew_done(&crew));
    nj_crew_join(&crew, &r->tally, &r->closed, latency);
}

void
nj_bench_flow(struct nj_bench_run *r)
{
    const struct nj_scene_opts opts = scene_opts(r->opts);
    struct nj_latency *latency = nj_zalloc(sizeof(*latency));
    struct nj_scene scene;
    struct nj_crew crew;

    NJ_ASSERT(latency != NULL);
    nj_scene_open(&scene, &opts, &r->broker);
    nj_crew_start(&crew, &scene, true, r->opts->warmup_ms, r->opts->measure_ms);
    watch(r, &crew, r->opts->warmup_ms);

    uint64_t done = nj_crew_done(&crew);
    struct nj_cost before = nj_cost_read(r->pid);

    watch(r, &crew, r->opts->measure_ms);
    struct nj_cost spent = nj_cost_since(&before, r->pid);

    done = nj_crew_done(&crew) - done;
    r->is_complete = nj_crew_drain(&crew, (int)r->opts->patience_ms);
    uint64_t bytes = nj_cost_memory_now(r->pid);

    nj_crew_join(&crew, &r->tally, &r->closed, latency);
    add_opts(&r->figures, &opts);
    nj_figures_add(&r->figures, NJ_FIGURE_SECONDS, (double)spent.wall_ns / 1e9);
    if (opts.is_offline) {
        nj_bench_add_filling(r, &spent, done);
        take_all(r, &scene, latency);
    } else {
        nj_bench_add_cost(r, &spent, done);
    }
    nj_scene_settle(&scene, &r->tally);
    nj_scene_close(&scene, &r->broker);

    add_latency(&r->figures, &opts, latency);
    if (r->pid != 0)
        nj_figures_add(&r->figures, NJ_FIGURE_BROKER_BYTES, (double)bytes);
    nj_free(latency);
}
