/* SPDX-License-Identifier: Apache-2.0 */
#include "connect.h"

#include "cost.h"
#include "seal.h"

/* One comes and goes. What the next shall come with stands in `broker` afterwards. */
static void
visit(const struct nj_connect_opts *opts, struct nj_bench_broker *broker, uint32_t *resumed)
{
    struct nj_wire_welcome welcome;
    struct nj_caller caller;

    nj_caller_open(&caller, broker, 0, opts->version, "bench-connect", &welcome);
    if (caller.seal != NULL && nj_seal_is_resumed(caller.seal))
        (*resumed)++;
    if (caller.seal != NULL && opts->resumes) {
        nj_seal_session_free(broker->session);
        broker->session = nj_seal_session(caller.seal);
    }
    nj_caller_close(&caller);
}

static int64_t
cpu_of(pid_t pid)
{
    int64_t ns;

    if (!nj_cost_cpu_ns(pid, &ns))
        nj_bench_die("cannot read what process %d costs", (int)pid);
    return ns;
}

void
nj_connect_run(const struct nj_connect_opts *opts, const struct nj_bench_broker *broker,
               struct nj_connect_result *out)
{
    struct nj_bench_broker own = *broker;
    uint32_t first;

    /* The first one makes the broker set up what it sets up but once. */
    visit(opts, &own, &first);
    *out = (struct nj_connect_result){.cpu_ns = -cpu_of(opts->pid)};
    for (uint32_t i = 0; i < opts->connections; i++)
        visit(opts, &own, &out->resumed);
    out->cpu_ns += cpu_of(opts->pid);
    nj_seal_session_free(own.session);
}
