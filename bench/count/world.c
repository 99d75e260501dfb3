/* SPDX-License-Identifier: Apache-2.0 */
#include "count/world.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "config/config.h"
#include "server/server.h"
#include "store/store_mem.h"

/* As bench/run has them. */
#define MAX_QUEUED_MESSAGES   100000
#define MAX_INFLIGHT_MESSAGES 100

static struct {
    struct nj_config *config;
    struct nj_store_mem store;
    struct nj_server *server;
    int door;
    bool is_counted;
} world;

/* Called from elsewhere and not to be cloned: its name is what scripts/check-counts looks for. */
__attribute__((noinline, noclone)) void
nj_counted(void (*fn)(void *ctx), void *ctx)
{
    fn(ctx);
    __asm__ volatile(""); /* else the call is its last act, and a jump */
}

void
nj_world_open(size_t pipe_bytes)
{
    struct nj_sim_opts sim = {.seed = 1, .pipe_bytes = pipe_bytes};
    struct nj_store_port *port = &world.store.port;
    struct nj_door door = {.port = 1883};
    struct nj_server_deps deps = {.doors = &door, .door_count = 1, .stores = &port, .seed = 1};
    struct nj_diag diag = {0};

    nj_hash_key_set(1, 2);
    atomic_store_explicit(&nj_log_types, 0, memory_order_relaxed);
    nj_rcu_register();
    nj_sim_begin(&sim);
    NJ_ASSERT(nj_config_load(&world.config, NULL, NULL, &diag) == NJ_OK);
    world.config->server.workers = 1;
    world.config->broker.max_queued_messages = MAX_QUEUED_MESSAGES;
    world.config->broker.max_inflight_messages = MAX_INFLIGHT_MESSAGES;
    deps.opts = &world.config->server;
    deps.broker_opts = &world.config->broker;
    nj_mem_limit_set(world.config->memory_limit);
    nj_store_mem_init(&world.store);
    world.door = door.fd = nj_sim_listen();
    NJ_ASSERT(nj_server_new(&world.server, &deps, &diag) == NJ_OK);
}

void
nj_world_close(void)
{
    nj_world_settle();
    nj_rcu_quiescent();
    nj_rcu_unregister();
    nj_server_free(world.server);
    nj_config_free(world.config);
    nj_sim_close(world.door);
    nj_sim_end();
}

int
nj_world_connect(void)
{
    return nj_sim_connect(world.door);
}

static void
turn(void *server)
{
    nj_server_turn(server, 0, 0);
}

void
nj_world_settle(void)
{
    while (nj_server_next(world.server, 0) <= nj_sim_now() || !nj_sim_is_idle())
        if (world.is_counted)
            nj_counted(turn, world.server);
        else
            turn(world.server);
}

void
nj_world_count(bool is_counted)
{
    world.is_counted = is_counted;
}
