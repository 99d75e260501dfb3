/* SPDX-License-Identifier: Apache-2.0 */
/* bench.c — `nightjar bench`: one scenario against one broker, and what it found.
 *
 * Exit code: 0 every message arrived once and in order, 1 something was lost, doubled, reordered,
 * damaged or cut off, 2 could not run. */
#include "base/clock.h"
#include "cmd/bench/run.h"
#include "cmd/bench/seal.h"
#include "cmd/cmd.h"

#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#define TELL_NS INT64_C(1000000000)

static const struct {
    enum nj_bench_scenario scenario;
    void (*run)(struct nj_bench_run *r);
} doors[] = {
    {NJ_BENCH_P2P, nj_bench_flow},          {NJ_BENCH_FANOUT, nj_bench_flow},
    {NJ_BENCH_FANIN, nj_bench_flow},        {NJ_BENCH_SHARE, nj_bench_flow},
    {NJ_BENCH_CONNS, nj_bench_conns},       {NJ_BENCH_SUBS, nj_bench_subs},
    {NJ_BENCH_RETAINED, nj_bench_retained}, {NJ_BENCH_QUEUE, nj_bench_queue},
    {NJ_BENCH_CHURN, nj_bench_churn},       {NJ_BENCH_CONNECT, nj_bench_connect},
};

void
nj_bench_tell(struct nj_bench_run *r, const char *doing, uint64_t done, uint64_t all)
{
    int64_t now = r->tells_progress ? nj_clock_monotonic_ns() : 0;

    if (!r->tells_progress || now - r->told_ns < TELL_NS)
        return;
    r->told_ns = now;
    (void)fprintf(stderr, "%s: %" PRIu64 " of %" PRIu64 "\n", doing, done, all);
}

static double
us_each(int64_t ns, uint64_t count)
{
    return (double)ns / 1e3 / (double)NJ_MAX(count, 1u);
}

static double
per_second(const struct nj_cost *spent, uint64_t count)
{
    return (double)count * 1e9 / (double)NJ_MAX(spent->wall_ns, 1);
}

void
nj_bench_add_cost(struct nj_bench_run *r, const struct nj_cost *spent, uint64_t count)
{
    bool is_client = (r->opts->scenario & (NJ_BENCH_CHURN | NJ_BENCH_CONNECT)) != 0;

    nj_figures_add(&r->figures, is_client ? NJ_FIGURE_CLIENTS_PER_S : NJ_FIGURE_PER_SECOND,
                   per_second(spent, count));
    if (r->pid != 0)
        nj_figures_add(&r->figures, is_client ? NJ_FIGURE_BROKER_US_CLIENT : NJ_FIGURE_BROKER_US,
                       us_each(spent->broker_ns, count));
    nj_figures_add(&r->figures, NJ_FIGURE_LOAD_US, us_each(spent->load_ns, count));
}

void
nj_bench_add_filling(struct nj_bench_run *r, const struct nj_cost *spent, uint64_t count)
{
    nj_figures_add(&r->figures, NJ_FIGURE_ADD_PER_SECOND, per_second(spent, count));
    if (r->pid != 0)
        nj_figures_add(&r->figures, NJ_FIGURE_ADD_US, us_each(spent->broker_ns, count));
    nj_figures_add(&r->figures, NJ_FIGURE_ADD_LOAD_US, us_each(spent->load_ns, count));
}

void
nj_bench_add_memory(struct nj_bench_run *r, uint64_t before, uint64_t after, uint64_t count)
{
    if (r->pid == 0)
        return;
    nj_figures_add(&r->figures, NJ_FIGURE_BYTES_BEFORE, (double)before);
    nj_figures_add(&r->figures, NJ_FIGURE_BYTES_AFTER, (double)after);
    nj_figures_add(&r->figures, NJ_FIGURE_BYTES_EACH,
                   ((double)after - (double)before) / (double)NJ_MAX(count, 1u));
}

/* As many descriptors as the system gives. */
static void
raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void
find_broker(struct nj_bench_run *r)
{
    const struct nj_bench_opts *o = r->opts;
    struct nj_bench_broker *b = &r->broker;
    const struct nj_seal_opts seal = {o->cafile, o->certfile, o->keyfile};

    nj_bench_broker_find(b, o->host, (uint16_t)o->port);
    b->version = o->version;
    b->username = o->username;
    b->password = o->password.p;
    b->prefix = o->prefix;
    if (seal.cafile != NULL)
        b->tls = nj_seal_context_new(&seal);
}

static void
add_head(struct nj_bench_run *r)
{
    static const char *const versions[] = {[3] = "3.1", [4] = "3.1.1", [5] = "5.0"};

    r->figures.thing = r->opts->thing;
    nj_figures_say(&r->figures, NJ_FIGURE_SCENARIO, r->opts->name);
    nj_figures_say(&r->figures, NJ_FIGURE_VERSION, versions[r->opts->version]);
    if (r->opts->scenario != NJ_BENCH_CONNECT)
        nj_figures_add(&r->figures, NJ_FIGURE_QOS, r->opts->qos);
}

/* True when there was no fault. */
static bool
add_faults(struct nj_bench_run *r)
{
    const struct nj_tally *t = &r->tally;

    nj_figures_add(&r->figures, NJ_FIGURE_COMPLETE, r->is_complete);
    nj_figures_add(&r->figures, NJ_FIGURE_DELIVERED, (double)t->delivered);
    nj_figures_add(&r->figures, NJ_FIGURE_LOST, (double)t->lost);
    nj_figures_add(&r->figures, NJ_FIGURE_DOUBLED, (double)t->doubled);
    nj_figures_add(&r->figures, NJ_FIGURE_REORDERED, (double)t->reordered);
    nj_figures_add(&r->figures, NJ_FIGURE_STRANGE, (double)t->strange);
    nj_figures_add(&r->figures, NJ_FIGURE_CLOSED, (double)r->closed);
    return r->is_complete && r->closed == 0 && nj_tally_is_clean(t);
}

static int
run(const struct nj_bench_opts *opts)
{
    struct nj_bench_run r = {.opts = opts, .pid = (pid_t)opts->pid, .is_complete = true};

    r.tells_progress = opts->tells_progress || (!opts->is_quiet && isatty(STDERR_FILENO) == 1);
    raise_descriptors();
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    find_broker(&r);
    add_head(&r);
    r.told_ns = nj_clock_monotonic_ns();
    for (size_t i = 0; i < NJ_COUNT_OF(doors); i++)
        if (doors[i].scenario == opts->scenario)
            doors[i].run(&r);

    bool is_clean = add_faults(&r);

    nj_seal_context_free(r.broker.tls);
    if (!opts->is_json)
        nj_figures_print_table(&r.figures, stdout);
    else if (!nj_figures_print_json(&r.figures, stdout))
        return NJ_EXIT_COULD_NOT;
    return is_clean ? NJ_EXIT_GOOD : NJ_EXIT_FOUND;
}

int
nj_cmd_bench(int argc, char **argv)
{
    struct nj_bench_opts opts;
    int code = NJ_EXIT_COULD_NOT;

    switch (nj_bench_opts_load(&opts, argc, argv)) {
    case NJ_PARSED_RUN:
        code = run(&opts);
        break;
    case NJ_PARSED_HELPED:
        code = NJ_EXIT_GOOD;
        break;
    case NJ_PARSED_MISTAKE:
        break;
    }
    nj_bench_opts_fini(&opts);
    return code;
}
