/* SPDX-License-Identifier: Apache-2.0 */
/* connect.c — the scenario `connect`: clients that come one after the other, hear CONNACK and go.
 *
 * What is counted is the broker's CPU time from accept() to the end of a connection. */
#include "cmd/bench/run.h"
#include "cmd/bench/seal.h"

/* One comes and goes. What the next shall come with stands in `broker` afterwards. */
static void
visit(const struct nj_bench_opts *opts, struct nj_bench_broker *broker, uint32_t *resumed)
{
    struct nj_wire_welcome welcome;
    struct nj_caller caller;

    nj_caller_open(&caller, broker, &(struct nj_caller_as){.role = "connect"}, &welcome);
    if (caller.seal != NULL && nj_seal_is_resumed(caller.seal))
        (*resumed)++;
    if (caller.seal != NULL && opts->resumes) {
        nj_seal_session_free(broker->session);
        broker->session = nj_seal_session(caller.seal);
    }
    nj_caller_close(&caller);
}

void
nj_bench_connect(struct nj_bench_run *r)
{
    struct nj_bench_broker own = r->broker;
    uint32_t first = 0;
    uint32_t resumed = 0;

    /* The first one makes the broker set up what it sets up but once. */
    visit(r->opts, &own, &first);
    struct nj_cost before = nj_cost_read(r->pid);

    for (uint32_t i = 0; i < r->opts->count; i++) {
        visit(r->opts, &own, &resumed);
        nj_bench_tell(r, "connections", i, r->opts->count);
    }
    struct nj_cost spent = nj_cost_since(&before, r->pid);

    nj_figures_add(&r->figures, NJ_FIGURE_CONNECTIONS, r->opts->count);
    nj_figures_add(&r->figures, NJ_FIGURE_RESUMED, resumed);
    nj_bench_add_cost(r, &spent, r->opts->count);
    nj_seal_session_free(own.session);
}
