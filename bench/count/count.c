/* SPDX-License-Identifier: Apache-2.0 */
/* count.c — fixed work for valgrind to count the instructions of: scripts/check-counts runs it.
 *
 *   count        the names of what it can play
 *   count NAME   plays it, and says how many messages (or look-ups) were in nj_counted()
 *
 * The work is that of src/cmd/bench/scene.c, with batches of half its windows. */
#include "count/flow.h"
#include "count/world.h"
#include "crowd.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CROWD 100000u

/* clang-format off */
static const struct {
    const char *name;
    struct nj_flow flow;
} rows[] = {
    /*             version, QoS, publishers, subscribers, topic, filter, batch, rounds, receivers */
    {"p2p-q0",    {NJ_MQTT_311, 0,  10,  10, "bench/p2p/%u", "bench/p2p/%u",              500,  4, 1}},
    {"p2p-q1",    {NJ_MQTT_5,   1,  10,  10, "bench/p2p/%u", "bench/p2p/%u",               50, 20, 1}},
    {"p2p-q2",    {NJ_MQTT_311, 2,  10,  10, "bench/p2p/%u", "bench/p2p/%u",               50, 20, 1}},
    {"fanout-q0", {NJ_MQTT_311, 0,   1, 200, "bench/fanout", "bench/fanout",               25,  4, 200}},
    {"fanout-q1", {NJ_MQTT_5,   1,   1, 200, "bench/fanout", "bench/fanout",               10,  8, 200}},
    {"fanin-q0",  {NJ_MQTT_311, 0, 200,   1, "bench/fanin/%u", "bench/fanin/+",            25,  4, 1}},
    {"share-q0",  {NJ_MQTT_311, 0, 100,   4, "bench/share/%u", "$share/b/bench/share/+",   25,  8, 1}},
};
/* clang-format on */

static void
look_up_all(void *crowd)
{
    for (uint32_t i = 0; i < NJ_CROWD_TOPICS; i++)
        nj_crowd_look_up(crowd, i);
}

static uint64_t
play_lookup(void)
{
    struct nj_crowd crowd;

    nj_hash_key_set(1, 2);
    nj_rcu_register();
    nj_crowd_init(&crowd, CROWD);
    look_up_all(&crowd);
    nj_counted(look_up_all, &crowd);
    nj_crowd_fini(&crowd);
    nj_rcu_barrier();
    nj_rcu_unregister();
    return NJ_CROWD_TOPICS;
}

static uint64_t
play(const char *name)
{
    if (strcmp(name, "lookup") == 0)
        return play_lookup();
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++)
        if (strcmp(name, rows[i].name) == 0)
            return nj_flow_play(&rows[i].flow);
    return 0;
}

int
main(int argc, char *argv[])
{
    uint64_t messages;

    if (argc != 2) {
        for (size_t i = 0; i < NJ_COUNT_OF(rows); i++)
            puts(rows[i].name);
        puts("lookup");
        return 0;
    }
    messages = play(argv[1]);
    if (messages == 0) {
        fprintf(stderr, "count: there is no '%s'\n", argv[1]);
        return 2;
    }
    printf("%" PRIu64 "\n", messages);
    return 0;
}
