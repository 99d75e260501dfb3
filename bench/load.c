/* SPDX-License-Identifier: Apache-2.0 */
/* load.c — the load generator: one scenario against one broker, the result as one line of JSON.
 *
 * Exit code: 0 every message arrived once and in order, 1 something was lost, doubled, reordered,
 * damaged or cut off, 2 could not run. */
#include "cost.h"
#include "driver.h"
#include "idle.h"
#include "scene.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 5000

enum number_opt {
    OPT_PORT,
    OPT_PID,
    OPT_VERSION,
    OPT_QOS,
    OPT_PUBLISHERS,
    OPT_SUBSCRIBERS,
    OPT_CONNECTIONS,
    OPT_PAYLOAD,
    OPT_WINDOW,
    OPT_BATCH,
    OPT_THREADS,
    OPT_TURN_US,
    OPT_WARMUP_MS,
    OPT_MEASURE_MS,
    OPT_COUNT,
};

/* 0 as a default: what the scenario says. */
static const struct {
    const char *name;
    uint32_t initial;
    uint32_t least;
    uint32_t most;
    const char *text;
} number_opts[OPT_COUNT] = {
    [OPT_PORT] = {"port", 1883, 1, 65535, "the broker's port on 127.0.0.1"},
    [OPT_PID] = {"pid", 0, 1, 4194304, "the broker's process, to measure what it costs"},
    [OPT_VERSION] = {"version", 4, 4, 5, "4: MQTT 3.1.1, 5: MQTT 5.0"},
    [OPT_QOS] = {"qos", 0, 0, 2, "of messages and subscriptions"},
    [OPT_PUBLISHERS] = {"publishers", 0, 1, 100000, "how many publish"},
    [OPT_SUBSCRIBERS] = {"subscribers", 0, 1, 100000, "how many subscribe"},
    [OPT_CONNECTIONS] = {"connections", 10000, 1, NJ_IDLE_MAX, "idle ones, for conns"},
    [OPT_PAYLOAD] = {"payload", 64, NJ_PAYLOAD_HEAD_BYTES, 16u << 20, "bytes"},
    [OPT_WINDOW] = {"window", 0, 1, 60000, "messages under way, per publisher"},
    [OPT_BATCH] = {"batch", 0, 1, 60000, "least free window worth a write; default: half of it"},
    [OPT_THREADS] = {"threads", 1, 1, 64, "of the generator"},
    [OPT_TURN_US] = {"turn-us", 1000, 0, 1000000, "shortest turn of the generator"},
    [OPT_WARMUP_MS] = {"warmup-ms", 500, 0, 600000, "before measuring"},
    [OPT_MEASURE_MS] = {"measure-ms", 2000, 1, 600000, "measured"},
};

static void
usage(FILE *to)
{
    fputs("Usage: load p2p|fanout|fanin|share|conns [options]\n", to);
    for (int i = 0; i < OPT_COUNT; i++)
        fprintf(to, "  --%-12s N  %s\n", number_opts[i].name, number_opts[i].text);
}

static uint32_t
parse_number(int opt, const char *text)
{
    char *end;

    errno = 0;
    unsigned long v = strtoul(text, &end, 10);

    if (end == text || *end != '\0' || errno != 0 || v < number_opts[opt].least ||
        v > number_opts[opt].most) {
        errno = 0;
        nj_bench_die("--%s wants a number from %u to %u, not '%s'", number_opts[opt].name,
                     number_opts[opt].least, number_opts[opt].most, text);
    }
    return (uint32_t)v;
}

static void
parse(int argc, char **argv, uint32_t *numbers)
{
    struct option longs[OPT_COUNT + 1] = {0};
    int index;
    int got;

    for (int i = 0; i < OPT_COUNT; i++) {
        longs[i] = (struct option){number_opts[i].name, required_argument, NULL, 0};
        numbers[i] = number_opts[i].initial;
    }
    while ((got = getopt_long(argc, argv, "", longs, &index)) == 0)
        numbers[index] = parse_number(index, optarg);
    if (got != -1 || argc - optind != 1) {
        usage(stderr);
        exit(2);
    }
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
print_faults(const struct nj_tally *t, uint64_t closed)
{
    printf("\"delivered\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"doubled\":%" PRIu64
           ",\"reordered\":%" PRIu64 ",\"strange\":%" PRIu64 ",\"closed\":%" PRIu64 "}\n",
           t->delivered, t->lost, t->doubled, t->reordered, t->strange, closed);
}

static int
run_idle(const uint32_t *numbers, const struct sockaddr_in *broker)
{
    struct nj_idle_opts opts = {
        .connections = numbers[OPT_CONNECTIONS],
        .version = (uint8_t)numbers[OPT_VERSION],
        .qos = (uint8_t)numbers[OPT_QOS],
        .pid = (pid_t)numbers[OPT_PID],
    };
    struct nj_idle_result r;

    if (opts.pid == 0)
        nj_bench_die("conns measures memory and wants the broker's --pid");
    nj_idle_run(&opts, broker, &r);

    double each = (double)((int64_t)r.bytes_after - (int64_t)r.bytes_before) / opts.connections;

    printf("{\"scenario\":\"conns\",\"connections\":%u,\"version\":%u,\"qos\":%u,"
           "\"bytes_before\":%" PRIu64 ",\"bytes_after\":%" PRIu64 ",\"bytes_each\":%.1f,"
           "\"broker_us_each\":%.3f,",
           opts.connections, opts.version, opts.qos, r.bytes_before, r.bytes_after, each,
           (double)r.cpu_ns / 1e3 / opts.connections);
    print_faults(&r.tally, 0);
    return nj_tally_is_clean(&r.tally) ? 0 : 1;
}

/* One reading of everything that is measured. */
struct reading {
    int64_t wall_ns;
    int64_t broker_ns;
    int64_t load_ns;
    uint64_t delivered;
};

static struct reading
read_now(const struct nj_crew *crew, pid_t pid)
{
    struct reading r = {0};

    if (pid != 0 && !nj_cost_cpu_ns(pid, &r.broker_ns))
        nj_bench_die("the broker, process %d, is gone", (int)pid);
    if (!nj_cost_cpu_ns(getpid(), &r.load_ns))
        nj_bench_die("cannot read the CPU clock");
    r.delivered = nj_crew_delivered(crew);
    r.wall_ns = nj_clock_monotonic_ns();
    return r;
}

static void
wait_ms(uint32_t ms)
{
    nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static struct nj_scene_opts
scene_opts(const struct nj_scenario *scenario, const uint32_t *numbers)
{
    struct nj_scene_opts o = {
        .scenario = scenario,
        .version = (uint8_t)numbers[OPT_VERSION],
        .qos = (uint8_t)numbers[OPT_QOS],
        .publishers = numbers[OPT_PUBLISHERS],
        .subscribers = numbers[OPT_SUBSCRIBERS],
        .payload_bytes = numbers[OPT_PAYLOAD],
        .window = numbers[OPT_WINDOW],
        .batch = numbers[OPT_BATCH],
        .threads = numbers[OPT_THREADS],
        .turn_us = numbers[OPT_TURN_US],
    };

    if (o.publishers == 0)
        o.publishers = scenario->publishers;
    if (o.subscribers == 0)
        o.subscribers = scenario->is_paired ? o.publishers : scenario->subscribers;
    if (scenario->is_paired && o.publishers != o.subscribers)
        nj_bench_die("%s has as many subscribers as publishers", scenario->name);
    if (o.window == 0)
        o.window = scenario->window[o.qos];
    if (o.batch == 0)
        o.batch = NJ_MAX(o.window / 2, 1u);
    return o;
}

static int
run_flow(const struct nj_scenario *scenario, const uint32_t *numbers,
         const struct sockaddr_in *broker)
{
    struct nj_scene_opts opts = scene_opts(scenario, numbers);
    pid_t pid = (pid_t)numbers[OPT_PID];
    struct nj_tally tally = {0};
    struct nj_scene scene;
    struct nj_crew crew;
    uint64_t closed;

    nj_scene_open(&scene, &opts, broker);
    nj_crew_start(&crew, &scene);
    wait_ms(numbers[OPT_WARMUP_MS]);
    struct reading from = read_now(&crew, pid);
    wait_ms(numbers[OPT_MEASURE_MS]);
    struct reading to = read_now(&crew, pid);
    bool is_complete = nj_crew_drain(&crew, PATIENCE_MS);
    nj_crew_join(&crew, &tally, &closed);
    nj_scene_settle(&scene, &tally);
    nj_scene_close(&scene);

    double n = (double)NJ_MAX(to.delivered - from.delivered, 1u);

    printf("{\"scenario\":\"%s\",\"version\":%u,\"qos\":%u,\"publishers\":%u,\"subscribers\":%u,"
           "\"payload\":%u,\"window\":%u,\"batch\":%u,\"threads\":%u,\"seconds\":%.3f,"
           "\"per_second\":%.0f,\"broker_us\":%.4f,\"load_us\":%.4f,\"complete\":%s,",
           scenario->name, opts.version, opts.qos, opts.publishers, opts.subscribers,
           opts.payload_bytes, opts.window, opts.batch, opts.threads,
           (double)(to.wall_ns - from.wall_ns) / 1e9, n * 1e9 / (double)(to.wall_ns - from.wall_ns),
           (double)(to.broker_ns - from.broker_ns) / 1e3 / n,
           (double)(to.load_ns - from.load_ns) / 1e3 / n, is_complete ? "true" : "false");
    print_faults(&tally, closed);
    return is_complete && closed == 0 && nj_tally_is_clean(&tally) ? 0 : 1;
}

int
main(int argc, char **argv)
{
    uint32_t numbers[OPT_COUNT];

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    parse(argc, argv, numbers);
    raise_descriptors();

    struct sockaddr_in broker = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)numbers[OPT_PORT]),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    if (strcmp(argv[optind], "conns") == 0)
        return run_idle(numbers, &broker);

    const struct nj_scenario *scenario = nj_scenario_find(argv[optind]);

    if (scenario == NULL) {
        usage(stderr);
        return 2;
    }
    return run_flow(scenario, numbers, &broker);
}
