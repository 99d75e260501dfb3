/* SPDX-License-Identifier: Apache-2.0 */
/* The whole broker, several workers of it, and its clients in one thread under one seed.
 *
 *   sim                the seeds that found something once, then random ones for some seconds
 *   sim SEED           that one, with a trace of all that is said and the broker's own log
 *   sim FIRST LAST     all of these
 *
 * Each step is a turn of some worker, a move of some client, a while that passes, or the store
 * holding back or letting go. In the end all clients come back, everything is delivered, and the
 * twin judges. NJ_SIM_SECONDS in the environment: how long random seeds are tried (3). */
#include "actor.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "broker/restore.h"
#include "disk.h"
#include "io/sim.h"
#include "server/server.h"
#include "store/store_mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS  (NJ_TWIN_CLIENTS - 1) /* the last one only looks at what is retained */
#define OBSERVER CLIENTS
#define WORKERS  3

/* Each has shown a fault that is mended: PUBLISH before a CONNACK that the store held, QoS 0
 * overtaken in the queue, retained messages under the terms of a subscription that was replaced,
 * aliases that the client had not learnt, a full output after which nothing was read again.
 *
 * From 16777244 on there are a disk and crashes: a retained copy and the message itself taken for
 * one by the store, a packet identifier of one of two copies forgotten, a message routed again to
 * those who had it, a removal acknowledged before the one that had removed it was safe, one routed
 * before what its client had sent on the connection before, a session that CONNACK had called
 * present and a start took for expired.
 *
 * From 200000000 on each finds what was broken by hand (docs/decisions/0022): a CONNACK that left
 * early though ends were not doubted; one for which that was asked before the store was told; ends
 * trusted before all that was told meanwhile was safe, and their doubt forgotten by the next start;
 * a will that was not safe when CONNACK left.
 *
 * From 300000000 on, of share groups, too: the end of what was passed on taken for an
 * acknowledgement, both members left with a message that was changing them, one routed again to a
 * group that had it. */
static const uint64_t known_seeds[] = {
    14,        19,        20,        34,        64,       178,      263,      280,       298,
    353,       529,       714,       767,       1122,     1727,     1983,     3540,      15086,
    1235249,   16777244,  16778455,  16781173,  16782509, 16782958, 16788835, 16791884,  16794618,
    16795458,  16797372,  16803294,  16805549,  16821363, 16888661, 16918938, 16928643,  30013179,
    30082730,  30101215,  40101778,  40112572,  40372579, 40537373, 40597475, 200000047, 200000102,
    200000364, 200004380, 300000243, 300000438, 300001111};

struct world {
    struct nj_rand rand;
    struct nj_rand fate; /* decides what the disk does, and when the process ends */
    struct nj_twin twin;
    struct nj_actor actors[NJ_TWIN_CLIENTS];
    struct nj_broker_opts broker_opts;
    struct nj_server_opts server_opts;
    struct nj_listener_opts listener_opts;
    uint64_t seed;
    bool has_disk;       /* and so the process may end, and start again */
    unsigned crash_turn; /* of 10,000 steps, how many are its end */
    struct nj_disk disk;
    struct nj_store_mem stores[WORKERS]; /* where there is no disk */
    struct nj_store_port *ports[WORKERS];
    struct nj_users users;
    struct nj_server *server;
    int listener;
    unsigned clients;
};

static struct world world;

/* ---- the seed, whatever happens ---- */

static char seed_text[40]; /* ready made, for a signal handler may not format */

static void
tell_seed(void)
{
    (void)!write(STDERR_FILENO, seed_text, strlen(seed_text));
}

static void
on_fault(int number)
{
    tell_seed();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* Of the sanitizers, where there are any. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

static void
prepare_for_faults(void)
{
    (void)signal(SIGABRT, on_fault);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(tell_seed);
    else
        (void)signal(SIGSEGV, on_fault);
}

/* ---- the broker ---- */

static uint32_t
below(struct world *w, uint32_t n)
{
    return nj_rand_below(&w->rand, n);
}

static bool
chance(struct world *w, uint32_t percent)
{
    return below(w, 100) < percent;
}

static void
choose_options(struct world *w)
{
    static const uint16_t windows[] = {1, 3, 20, 20};

    w->twin.is_lossy = chance(w, 10);
    w->twin.allow_duplicates = chance(w, 10);
    w->broker_opts = (struct nj_broker_opts){
        .max_inflight_messages = windows[below(w, NJ_COUNT_OF(windows))],
        .max_queued_messages = w->twin.is_lossy ? 1 + below(w, 5) : 0,
        .max_queued_bytes = 100 * 1024 * 1024,
        .max_queued_bytes_total = 1000 * 1024 * 1024,
        .queue_qos0_messages = chance(w, 30),
        .allow_duplicate_messages = w->twin.allow_duplicates,
        .retain_available = true,
        .retain_expiry_s = chance(w, 50) ? 1 + below(w, 60) : 0,
        .max_retained_bytes = 100 * 1024 * 1024,
        .persistent_client_expiration_s = UINT32_MAX,
        .global_max_clients = UINT32_MAX,
    };
    w->listener_opts = (struct nj_listener_opts){
        .max_connections = UINT32_MAX,
        .max_qos = 2,
        .accepted_versions = NJ_ACCEPT_ALL,
        .max_topic_alias = (uint16_t)below(w, 11),
        .max_topic_alias_broker = (uint16_t)below(w, 11),
        .allow_anonymous = true,
        .allow_zero_length_clientid = true,
    };
    w->server_opts = (struct nj_server_opts){
        .workers = 1 + below(w, WORKERS),
        .max_packet_size = 100000,
        .max_connections = UINT32_MAX,
        .connect_timeout_s = 10,
        .max_topic_length = 1000,
        .max_topic_levels = 20,
        .max_user_properties = 10,
        .max_output_bytes = chance(w, 20) ? 500 + below(w, 5000) : 1024 * 1024,
        .connection_messages = true,
        .listeners = &w->listener_opts,
        .listener_count = 1,
    };
}

/* Every client is known, by the same password; what takes its time is the check. */
static struct nj_user
find_user(const struct nj_users *users, struct nj_str name)
{
    (void)name;
    return (struct nj_user){users, 1};
}

static enum nj_err
check_user(const void *entry, struct nj_str password, bool *fits)
{
    (void)entry;
    *fits = nj_str_eq(password, NJ_STR("sesame"));
    return NJ_OK;
}

static void
keep_users(struct nj_users *users)
{
    (void)users;
}

/* Drawn from no generator: the seeds that found something once must find it again. */
static void
choose_users(struct world *w, uint64_t seed)
{
    static const struct nj_users_ops ops = {find_user, check_user, keep_users};

    w->twin.asks_passwords = seed >= 1u << 24 && seed % 2 == 0;
    if (!w->twin.asks_passwords)
        return;
    w->users.ops = &ops;
    atomic_init(&w->users.references, 1);
    w->listener_opts.users = &w->users;
    w->listener_opts.allow_anonymous = false;
}

/* The same holds here, so what has to do with it is decided by a generator of its own. */
static void
choose_store(struct world *w, uint64_t seed)
{
    w->has_disk = seed >= 1u << 24 && seed % 8 >= 2;
    nj_rand_seed(&w->fate, seed ^ 0xfa7e);
    nj_disk_init(&w->disk, &w->twin);
    for (unsigned i = 0; i < WORKERS; i++) {
        nj_store_mem_init(&w->stores[i]);
        w->ports[i] = w->has_disk ? &w->disk.ports[i].port : &w->stores[i].port;
    }
    if (!w->has_disk)
        return;
    w->disk.leaves_out = nj_rand_below(&w->fate, 2) == 0;
    w->disk.fills = nj_rand_below(&w->fate, 4) == 0;
    w->crash_turn = nj_rand_below(&w->fate, 4) * 25;
    w->twin.is_grouped = seed >= 1u << 28 && w->crash_turn > 0 && nj_rand_below(&w->fate, 2) == 0;
    w->twin.is_brief = seed >= 1u << 26 && w->disk.fills;
    if (w->twin.is_brief)
        w->disk.keeps_ends = nj_rand_below(&w->fate, 3) == 0;
}

static void
start_server(struct world *w)
{
    struct nj_door door = {.fd = w->listener, .port = 1883};
    struct nj_server_deps deps = {
        .opts = &w->server_opts,
        .broker_opts = &w->broker_opts,
        .doors = &door,
        .door_count = 1,
        .stores = w->ports,
        .seed = w->seed + w->twin.crash_count,
    };
    struct nj_diag diag = {0};

    if (nj_server_new(&w->server, &deps, &diag) != NJ_OK)
        nj_twin_fail(&w->twin, "%s", diag.text);
}

static void
begin(struct world *w, uint64_t seed, bool is_verbose)
{
    struct nj_sim_opts sim = {.seed = seed};

    w->seed = seed;
    (void)snprintf(seed_text, sizeof(seed_text), "seed %llu\n", (unsigned long long)seed);
    nj_rand_seed(&w->rand, seed ^ 0x5eed);
    nj_hash_key_set(seed, ~seed);
    sim.short_io_percent = chance(w, 70) ? below(w, 60) : 0;
    sim.pipe_bytes = 64u << below(w, 11);
    nj_twin_init(&w->twin, seed, is_verbose);
    nj_sim_begin(&sim);
    w->twin.now = nj_sim_now();
    choose_options(w);
    choose_users(w, seed);
    choose_store(w, seed);
    w->listener = nj_sim_listen();
    start_server(w);
    w->clients = w->twin.is_grouped ? CLIENTS : 2 + below(w, CLIENTS - 1);
    for (unsigned i = 0; i < NJ_TWIN_CLIENTS; i++)
        nj_actor_init(&w->actors[i], &w->twin, i, w->listener, &w->rand);
    nj_twin_say(&w->twin,
                "%u workers, %u clients, window %u, short %u %%, pipe %zu bytes, lossy %d, "
                "duplicates %d, output %llu bytes, passwords %d, disk %d (leaves out %d, fills %d, "
                "crashes %u)",
                w->server_opts.workers, w->clients, w->broker_opts.max_inflight_messages,
                sim.short_io_percent, sim.pipe_bytes, w->twin.is_lossy, w->twin.allow_duplicates,
                (unsigned long long)w->server_opts.max_output_bytes, w->twin.asks_passwords,
                w->has_disk, w->disk.leaves_out, w->disk.fills, w->crash_turn);
}

static void
end(struct world *w)
{
    for (unsigned i = 0; i < NJ_TWIN_CLIENTS; i++)
        nj_actor_fini(&w->actors[i]);
    nj_server_free(w->server);
    nj_disk_fini(&w->disk);
    nj_sim_close(w->listener);
    nj_sim_end();
}

/* ---- steps ---- */

/* The store lets some of what it has taken become safe, or all. */
static void
move_store(struct world *w)
{
    struct nj_store_mem *store;
    uint64_t waiting;

    if (w->has_disk) {
        nj_disk_move(&w->disk, &w->fate);
        return;
    }
    store = &w->stores[below(w, w->server_opts.workers)];
    waiting = store->appended - store->safe;
    if (chance(w, 50))
        nj_store_mem_hold(store, UINT64_MAX);
    else
        nj_store_mem_hold(store, store->safe + below(w, (uint32_t)waiting + 1));
}

static void
release_stores(struct world *w)
{
    for (unsigned i = 0; i < WORKERS; i++)
        nj_store_mem_hold(&w->stores[i], UINT64_MAX);
    nj_disk_release(&w->disk);
}

static void
pass_time(struct world *w, nj_time ms)
{
    nj_sim_advance(ms);
    w->twin.now = nj_sim_now();
    nj_twin_say(&w->twin, "%lld ms pass", (long long)ms);
    for (unsigned i = 0; i < NJ_TWIN_CLIENTS; i++)
        nj_actor_on_time(&w->actors[i]);
}

static void
pass_some_time(struct world *w)
{
    uint32_t dice = below(w, 100);

    if (dice < 60)
        pass_time(w, 1 + below(w, 20));
    else if (dice < 85)
        pass_time(w, 500 + below(w, 3000));
    else if (dice < 97)
        pass_time(w, 5000 + below(w, 20000));
    else
        pass_time(w, 100000 + below(w, 300000));
}

/* As daemon/state.c does it. */
static void
restore(struct world *w)
{
    struct nj_restore *r = nj_restore_begin(nj_server_broker(w->server), nj_sim_now());
    struct nj_store_numbers numbers;

    if (r == NULL || nj_disk_load(&w->disk, &nj_restore_reader, r, &numbers) != NJ_OK ||
        nj_restore_finish(r, &numbers) != NJ_OK)
        nj_twin_fail(&w->twin, "the start has failed");
    nj_rcu_quiescent();
    nj_restore_free(r);
}

/* The process ends between two turns, without a word, and another one is started. */
static void
crash(struct world *w)
{
    nj_twin_say(&w->twin, "---- the process ends ----");
    nj_disk_crash(&w->disk);
    for (unsigned i = 0; i < NJ_TWIN_CLIENTS; i++)
        nj_actor_on_crash(&w->actors[i]);
    nj_twin_crashed(&w->twin);
    nj_server_free(w->server);
    if (chance(w, 50))
        pass_some_time(w);
    nj_hash_key_set(w->seed + w->twin.crash_count, ~w->seed);
    w->server_opts.workers = 1 + below(w, WORKERS);
    nj_twin_say(&w->twin, "---- it starts again, with %u workers ----", w->server_opts.workers);
    start_server(w);
    restore(w);
}

static bool
may_crash(const struct world *w)
{
    return w->has_disk && w->crash_turn > 0 && w->twin.crash_count < NJ_TWIN_CRASHES;
}

static void
count_step(struct world *w)
{
    w->twin.step++;
    if (!w->disk.is_full)
        return;
    w->twin.was_full = w->twin.step;
    for (unsigned i = 0; i < w->clients; i++)
        nj_actor_on_full(&w->actors[i]);
}

/* What is under way gets on, for a while. */
static void
go_on(struct world *w)
{
    for (unsigned round = below(w, 20); round > 0; round--) {
        count_step(w);
        for (unsigned i = 0; i < w->server_opts.workers; i++)
            nj_server_turn(w->server, i, 0);
        for (unsigned i = 0; i < w->clients; i++)
            nj_actor_pump(&w->actors[i], true);
    }
}

static void
come_back(struct world *w)
{
    for (unsigned i = 0; i < w->clients; i++)
        if (w->actors[i].state == NJ_ACTOR_DOWN && w->actors[i].is_persistent)
            nj_actor_connect(&w->actors[i], false);
    go_on(w);
}

/* Some leave; the disk is full; they come back to it, and stay for long; the process ends, before
 * or soon after it is full no more. Left to chance alone this is rare. */
static void
come_back_to_a_full_disk(struct world *w)
{
    nj_disk_set_full(&w->disk, false);
    w->disk.is_prompt = true;
    come_back(w);
    for (unsigned i = 0; i < w->clients; i++)
        if (w->actors[i].state == NJ_ACTOR_UP && chance(w, 50))
            nj_actor_break(&w->actors[i]);
    go_on(w);
    nj_disk_set_full(&w->disk, true);
    w->disk.heals_early = chance(w, 20);
    come_back(w);
    pass_time(w, 1000 + below(w, 200000));
    if (chance(w, 50))
        nj_disk_set_full(&w->disk, false);
    for (unsigned i = below(w, 4); i > 0; i--)
        move_store(w);
    go_on(w);
    if (may_crash(w))
        crash(w);
}

/* Everybody who is there does something, again and again; now and then something is committed. */
static void
act(struct world *w)
{
    for (unsigned round = 1 + below(w, 10); round > 0; round--) {
        for (unsigned i = 0; i < w->clients; i++)
            if (w->actors[i].state == NJ_ACTOR_UP)
                nj_actor_act(&w->actors[i]);
        go_on(w);
        if (chance(w, 30))
            nj_disk_commit_some(&w->disk, &w->fate);
    }
}

/* Most members of the share group leave, others go on, and the process ends before all of that is
 * committed: what was acknowledged too early is lost. Left to chance alone this is rare. */
static void
crash_before_a_commit(struct world *w)
{
    nj_disk_set_full(&w->disk, false);
    w->disk.is_prompt = true;
    come_back(w);
    act(w);
    for (unsigned i = 0; i < w->clients; i++)
        if (w->actors[i].state == NJ_ACTOR_UP && chance(w, w->actors[i].is_member ? 80 : 20))
            nj_actor_break(&w->actors[i]);
    go_on(w);
    nj_disk_be_late(&w->disk);
    act(w);
    crash(w);
}

static void
end_process(struct world *w)
{
    if (w->twin.is_grouped)
        crash_before_a_commit(w);
    else
        crash(w);
}

static void
step(struct world *w)
{
    uint32_t dice = below(w, 100);

    count_step(w);
    if (w->twin.is_brief && nj_rand_below(&w->fate, 200) == 0) {
        come_back_to_a_full_disk(w);
        return;
    }
    if (may_crash(w) && nj_rand_below(&w->fate, 10000) < w->crash_turn) {
        end_process(w);
        return;
    }
    if (dice < 45)
        nj_server_turn(w->server, below(w, w->server_opts.workers), 0);
    else if (dice < 75)
        nj_actor_pump(&w->actors[below(w, w->clients)], false);
    else if (dice < 92)
        nj_actor_act(&w->actors[below(w, w->clients)]);
    else if (dice < 97)
        move_store(w);
    else
        pass_some_time(w);
}

/* ---- the end ---- */

static bool
is_quiet(struct world *w)
{
    for (unsigned i = 0; i < NJ_TWIN_CLIENTS; i++)
        if (!nj_actor_is_idle(&w->actors[i]))
            return false;
    for (unsigned i = 0; i < w->server_opts.workers; i++)
        if (nj_server_next(w->server, i) <= nj_sim_now())
            return false;
    return nj_sim_is_idle();
}

/* A worker that looks again in a millisecond holds publishers (broker/crowd.h). */
static bool
is_somebody_held(const struct world *w)
{
    for (unsigned i = 0; i < w->server_opts.workers; i++)
        if (nj_server_next(w->server, i) <= nj_sim_now() + 1)
            return true;
    return false;
}

/* Everybody does what there is to do, until there is nothing. The first round is for what the
 * stores have let go: a store of another kind would wake its worker for that. */
static void
settle(struct world *w)
{
    for (unsigned round = 0; round == 0 || !is_quiet(w); round++) {
        w->twin.step++;
        if (round > 200000)
            nj_twin_fail(&w->twin, "it never comes to rest");
        for (unsigned i = 0; i < w->server_opts.workers; i++)
            nj_server_turn(w->server, i, 0);
        for (unsigned i = 0; i < NJ_TWIN_CLIENTS; i++)
            nj_actor_pump(&w->actors[i], true);
        if (is_quiet(w) && is_somebody_held(w))
            pass_time(w, 1);
    }
}

static void
bring_all_back(struct world *w)
{
    release_stores(w);
    settle(w);
    w->twin.step++;
    for (unsigned i = 0; i < w->clients; i++) {
        struct nj_actor *a = &w->actors[i];

        if (a->state == NJ_ACTOR_DOWN && a->is_persistent)
            nj_actor_connect(a, false);
    }
    settle(w);
}

static void
judge_retained(struct world *w)
{
    struct nj_actor *a = &w->actors[OBSERVER];

    a->is_observer = true;
    a->version = NJ_MQTT_5;
    a->expiry_s = 0;
    a->keep_alive_s = 0;
    a->maximum_packet_size = 0;
    nj_actor_connect(a, true);
    settle(w);
    w->twin.step++;
    nj_actor_subscribe_all(a);
    settle(w);
    for (uint8_t topic = 0; topic < NJ_TWIN_TOPICS; topic++)
        nj_twin_judge_retained(&w->twin, topic, a->retained[topic]);
}

static void
judge(struct world *w)
{
    bring_all_back(w);
    for (unsigned i = 0; i < w->clients; i++)
        nj_actor_judge(&w->actors[i]);
    nj_twin_judge_deliveries(&w->twin);
    judge_retained(w);
}

/* All leave, and in the end nothing is left but sessions that never expire. */
static void
judge_expiry(struct world *w)
{
    uint64_t expected = 0;

    for (unsigned i = 0; i < NJ_TWIN_CLIENTS; i++) {
        struct nj_actor *a = &w->actors[i];

        if (a->state == NJ_ACTOR_UP)
            nj_actor_leave(a);
    }
    settle(w);
    pass_time(w, 100000000);
    settle(w);
    for (unsigned i = 0; i < w->clients; i++)
        expected +=
            w->actors[i].kept_s == UINT32_MAX && w->twin.sessions[i].knowledge == NJ_TWIN_ALIVE;
    if (atomic_load(&nj_server_broker(w->server)->session_count) < expected)
        nj_twin_fail(&w->twin, "sessions have ended that do not expire");
    for (unsigned i = 0; i < w->clients; i++)
        if (w->actors[i].kept_s != UINT32_MAX)
            w->twin.sessions[i].knowledge = NJ_TWIN_NONE;
    w->twin.step++;
    for (unsigned i = 0; i < w->clients; i++)
        if (w->actors[i].version != NJ_MQTT_31)
            nj_actor_connect(&w->actors[i], false);
    settle(w);
}

static void
run(uint64_t seed, bool is_verbose)
{
    struct world *w = &world;
    unsigned steps;

    begin(w, seed, is_verbose);
    steps = 50u << below(w, 6);
    for (unsigned i = 0; i < steps; i++)
        step(w);
    if (may_crash(w) && (w->twin.is_grouped || nj_rand_below(&w->fate, 2) == 0))
        end_process(w);
    nj_twin_say(&w->twin, "---- the end ----");
    judge(w);
    judge_expiry(w);
    end(w);
}

/* ---- main ---- */

static void
run_checking_leaks(uint64_t seed, bool is_verbose)
{
    uint64_t before = nj_mem_used();

    run(seed, is_verbose);
    if (nj_mem_used() != before)
        nj_twin_fail(&world.twin, "%lld bytes are left over", (long long)(nj_mem_used() - before));
}

static uint64_t
run_for(double seconds)
{
    int64_t end_ns = nj_clock_monotonic_ns() + (int64_t)(seconds * 1e9);
    uint64_t seed, count = 0;

    nj_rand_system(&seed, sizeof(seed));
    seed &= 0xffffffff; /* short enough to be typed */
    while (nj_clock_monotonic_ns() < end_ns) {
        run_checking_leaks(seed + count, false);
        count++;
    }
    return count;
}

int
main(int argc, char **argv)
{
    const char *seconds = getenv("NJ_SIM_SECONDS");

    prepare_for_faults();
    if (argc == 2) {
        atomic_store(&nj_log_types, NJ_LOG_ALL);
        run_checking_leaks(strtoull(argv[1], NULL, 10), true);
        return 0;
    }
    atomic_store(&nj_log_types, 0);
    if (argc == 3) {
        for (uint64_t seed = strtoull(argv[1], NULL, 10); seed <= strtoull(argv[2], NULL, 10);
             seed++)
            run_checking_leaks(seed, false);
        return 0;
    }
    printf("1..2\n");
    for (size_t i = 0; i < NJ_COUNT_OF(known_seeds); i++)
        run_checking_leaks(known_seeds[i], false);
    printf("ok 1 - broker_agrees_with_its_twin_under_known_seeds\n");
    fflush(stdout);
    uint64_t count = run_for(seconds != NULL ? strtod(seconds, NULL) : 3);
    printf("# %llu random seeds\n", (unsigned long long)count);
    printf("ok 2 - broker_agrees_with_its_twin_under_random_seeds\n");
    return 0;
}
