/* SPDX-License-Identifier: Apache-2.0 */
/* load.c — the load generator: one scenario against one broker, the result as one line of JSON.
 *
 * Exit code: 0 every message arrived once and in order, 1 something was lost, doubled, reordered,
 * damaged or cut off, 2 could not run. */
#include "connect.h"
#include "cost.h"
#include "driver.h"
#include "idle.h"
#include "scene.h"
#include "seal.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
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
    OPT_RESUME,
    OPT_COUNT,
};

enum file_opt {
    OPT_CAFILE,
    OPT_CERT,
    OPT_KEY,
    OPT_FILES,
};

struct args {
    uint32_t numbers[OPT_COUNT];
    const char *files[OPT_FILES]; /* NULL: not given */
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
    [OPT_CONNECTIONS] = {"connections", 10000, 1, NJ_IDLE_MAX, "for conns and connect"},
    [OPT_PAYLOAD] = {"payload", 64, NJ_PAYLOAD_HEAD_BYTES, 16u << 20, "bytes"},
    [OPT_WINDOW] = {"window", 0, 1, 60000, "messages under way, per publisher"},
    [OPT_BATCH] = {"batch", 0, 1, 60000, "least free window worth a write; default: half of it"},
    [OPT_THREADS] = {"threads", 1, 1, 64, "of the generator"},
    [OPT_TURN_US] = {"turn-us", 1000, 0, 1000000, "shortest turn of the generator"},
    [OPT_WARMUP_MS] = {"warmup-ms", 500, 0, 600000, "before measuring"},
    [OPT_MEASURE_MS] = {"measure-ms", 2000, 1, 600000, "measured"},
    [OPT_RESUME] = {"resume", 0, 0, 1, "1: connect takes up the TLS session of before"},
};

static const struct {
    const char *name;
    const char *text;
} file_opts[OPT_FILES] = {
    [OPT_CAFILE] = {"cafile", "speak TLS 1.3, with a broker whose certificate this CA signed"},
    [OPT_CERT] = {"cert", "show this certificate"},
    [OPT_KEY] = {"key", "its key"},
};

static void
usage(FILE *to)
{
    fputs("Usage: load p2p|fanout|fanin|share|conns|connect [options]\n", to);
    for (int i = 0; i < OPT_COUNT; i++)
        fprintf(to, "  --%-12s N     %s\n", number_opts[i].name, number_opts[i].text);
    for (int i = 0; i < OPT_FILES; i++)
        fprintf(to, "  --%-12s FILE  %s\n", file_opts[i].name, file_opts[i].text);
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
parse(int argc, char **argv, struct args *args)
{
    struct option longs[OPT_COUNT + OPT_FILES + 1] = {0};
    int index;
    int got;

    for (int i = 0; i < OPT_COUNT; i++) {
        longs[i] = (struct option){number_opts[i].name, required_argument, NULL, 0};
        args->numbers[i] = number_opts[i].initial;
    }
    for (int i = 0; i < OPT_FILES; i++)
        longs[OPT_COUNT + i] = (struct option){file_opts[i].name, required_argument, NULL, 0};
    while ((got = getopt_long(argc, argv, "", longs, &index)) == 0) {
        if (index < OPT_COUNT)
            args->numbers[index] = parse_number(index, optarg);
        else
            args->files[index - OPT_COUNT] = optarg;
    }
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
run_idle(const uint32_t *numbers, const struct nj_bench_broker *broker)
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

static int
run_connect(const uint32_t *numbers, const struct nj_bench_broker *broker)
{
    struct nj_connect_opts opts = {
        .connections = numbers[OPT_CONNECTIONS],
        .version = (uint8_t)numbers[OPT_VERSION],
        .resumes = numbers[OPT_RESUME] != 0,
        .pid = (pid_t)numbers[OPT_PID],
    };
    const struct nj_tally none = {0};
    struct nj_connect_result r;

    if (opts.pid == 0)
        nj_bench_die("connect measures the broker and wants its --pid");
    nj_connect_run(&opts, broker, &r);
    printf("{\"scenario\":\"connect\",\"connections\":%u,\"version\":%u,\"resumed\":%u,"
           "\"broker_us\":%.3f,",
           opts.connections, opts.version, r.resumed, (double)r.cpu_ns / 1e3 / opts.connections);
    print_faults(&none, 0);
    return 0;
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
         const struct nj_bench_broker *broker)
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

static int
run(const char *name, const struct args *args, const struct nj_bench_broker *broker)
{
    const struct nj_scenario *scenario = nj_scenario_find(name);

    if (strcmp(name, "conns") == 0)
        return run_idle(args->numbers, broker);
    if (strcmp(name, "connect") == 0)
        return run_connect(args->numbers, broker);
    if (scenario != NULL)
        return run_flow(scenario, args->numbers, broker);
    usage(stderr);
    return 2;
}

int
main(int argc, char **argv)
{
    struct args args = {0};

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    parse(argc, argv, &args);
    raise_descriptors();
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */

    struct nj_seal_opts seal = {args.files[OPT_CAFILE], args.files[OPT_CERT], args.files[OPT_KEY]};
    struct nj_bench_broker broker = {.address.sin_family = AF_INET,
                                     .address.sin_port = htons((uint16_t)args.numbers[OPT_PORT]),
                                     .address.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    if (seal.cafile != NULL)
        broker.tls = nj_seal_context_new(&seal);

    int result = run(argv[optind], &args, &broker);

    nj_seal_context_free(broker.tls);
    return result;
}
