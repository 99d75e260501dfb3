/* SPDX-License-Identifier: Apache-2.0 */
/* What a message costs the store, without a broker before it: one home, 50 sessions, 128 bytes.
 *
 *   micro-store DIRECTORY [always|interval|none] [MESSAGES]
 *
 *   queued     kept for sessions that are away, 5,000 not yet safe at any time
 *   drained    and acknowledged by them, after all are queued
 *   passing    acknowledged while 500 others are under way
 *   alone      one at a time, each waits until it is safe
 *   loaded     as many queued again, the store closed, opened, and all of it told
 *
 * CPU is of all threads. The directory is left as it is. */
#include "store/store.h"
#include "base/clock.h"
#include "base/hash.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define SESSIONS 50u
#define WINDOW   5000u
#define PASSING  500u
#define ALONE    300u

static struct nj_store *store;
static struct nj_store_port *port;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static uint64_t appended;

static void
wake(void *ctx, uint16_t home)
{
    (void)ctx, (void)home;
    (void)pthread_mutex_lock(&mutex);
    (void)pthread_cond_signal(&news);
    (void)pthread_mutex_unlock(&mutex);
}

static void
wait_for(uint64_t number)
{
    if (port->ops->safe(port) >= number)
        return;
    (void)pthread_mutex_lock(&mutex);
    while (port->ops->safe(port) < number)
        (void)pthread_cond_wait(&news, &mutex);
    (void)pthread_mutex_unlock(&mutex);
}

static void
append(const struct nj_change *c)
{
    appended = port->ops->append(port, c);
    /* In halves of the window: a home that is woken finds many, and acknowledges them together. */
    if (appended % (WINDOW / 2) == 0 && appended > WINDOW / 2)
        wait_for(appended - WINDOW / 2);
}

static void
queue(uint64_t message)
{
    static char payload[128];
    const struct nj_terms terms = {.qos = 1};
    const struct nj_publication pub = {
        .topic = NJ_STR("bench/to/one"),
        .payload = {payload, sizeof(payload)},
        .qos = 1,
        .number = message,
        .arrived = nj_clock_monotonic_ms(),
        .expires = NJ_NEVER,
    };

    append(&(struct nj_change){.kind = NJ_CHANGE_QUEUED,
                               .session = 1 + message % SESSIONS,
                               .message = message,
                               .publication = &pub,
                               .terms = &terms});
}

static void
deliver(uint64_t message)
{
    append(&(struct nj_change){
        .kind = NJ_CHANGE_DELIVERED, .session = 1 + message % SESSIONS, .message = message});
}

/* ---- figures ---- */

struct mark {
    int64_t wall_ns;
    double cpu_us;
    uint64_t commits, changes, cancelled;
};

static struct mark
mark(void)
{
    struct rusage use;

    (void)getrusage(RUSAGE_SELF, &use);
    return (struct mark){
        .wall_ns = nj_clock_monotonic_ns(),
        .cpu_us = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e6 +
                  (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec),
        .commits = nj_store_metric(store, NJ_METRIC_STORE_COMMITS),
        .changes = nj_store_metric(store, NJ_METRIC_STORE_CHANGES),
        .cancelled = nj_store_metric(store, NJ_METRIC_STORE_CANCELLED),
    };
}

static void
report(const char *what, struct mark from, uint64_t messages)
{
    struct mark to = mark();
    double s = (double)(to.wall_ns - from.wall_ns) / 1e9;
    uint64_t commits = to.commits - from.commits;

    printf("%-8s %8.0f messages/s  CPU %6.2f us each  %6" PRIu64 " commits of %6.0f changes, "
           "%6.2f ms each  %4.1f %% never written\n",
           what, (double)messages / s, (to.cpu_us - from.cpu_us) / (double)messages, commits,
           commits > 0 ? (double)(to.changes - from.changes) / (double)commits : 0,
           commits > 0 ? s * 1e3 / (double)commits : 0,
           100 * (double)(to.cancelled - from.cancelled) /
               (double)(to.changes - from.changes + to.cancelled - from.cancelled + 1));
    (void)fflush(stdout);
}

static int
by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void
run(uint64_t messages)
{
    int64_t took[ALONE];
    uint64_t next = 1;
    struct mark from = mark();

    for (uint64_t i = 0; i < messages; i++)
        queue(next + i);
    wait_for(appended);
    report("queued", from, messages);

    from = mark();
    for (uint64_t i = 0; i < messages; i++)
        deliver(next + i);
    wait_for(appended);
    report("drained", from, messages);
    next += messages;

    from = mark();
    for (uint64_t i = 0; i < messages; i++) {
        queue(next + i);
        if (i >= PASSING)
            deliver(next + i - PASSING);
    }
    for (uint64_t i = messages - PASSING; i < messages; i++)
        deliver(next + i);
    wait_for(appended);
    report("passing", from, messages);
    next += messages;

    for (unsigned i = 0; i < ALONE; i++) {
        int64_t begun = nj_clock_monotonic_ns();

        queue(next + i);
        wait_for(appended);
        took[i] = nj_clock_monotonic_ns() - begun;
    }
    qsort(took, ALONE, sizeof(took[0]), by_size);
    printf("alone    safe after %" PRId64 " us (median), %" PRId64 " us (of a hundred, one takes "
           "longer)\n",
           took[ALONE / 2] / 1000, took[ALONE - ALONE / 100] / 1000);
}

/* Queue them for good. */
static void
fill(uint64_t messages)
{
    for (uint64_t i = 0; i < messages; i++)
        queue(10 * messages + i);
    wait_for(appended);
}

static int
fail(const struct nj_diag *diag)
{
    (void)fprintf(stderr, "micro-store: %s\n", diag->text);
    return 1;
}

#define NONE                                                                                       \
    (void)ctx;                                                                                     \
    return NJ_OK

static enum nj_err
no_session(void *ctx, uint64_t number, const struct nj_session_state *state)
{
    (void)number, (void)state;
    NONE;
}

static enum nj_err
no_queued(void *ctx, struct nj_msg *msg, const struct nj_terms *terms, uint16_t packet_id)
{
    (void)msg, (void)terms, (void)packet_id;
    NONE;
}

int
main(int argc, char **argv)
{
    static const struct nj_store_reader reader = {.session = no_session, .queued = no_queued};
    const char *mode = argc > 2 ? argv[2] : "always";
    uint64_t messages = argc > 3 ? strtoull(argv[3], NULL, 10) : 300000;
    struct nj_store_opts opts = {.directory = argc > 1 ? argv[1] : NULL,
                                 .durability.interval_ms = 1000};
    struct nj_store_numbers numbers;
    struct nj_diag diag = {0};

    if (argc < 2 || messages < PASSING) {
        (void)fputs("usage: micro-store DIRECTORY [always|interval|none] [MESSAGES]\n", stderr);
        return 2;
    }
    opts.durability.mode = strcmp(mode, "none") == 0       ? NJ_DURABILITY_NONE
                           : strcmp(mode, "interval") == 0 ? NJ_DURABILITY_INTERVAL
                                                           : NJ_DURABILITY_ALWAYS;
    if (nj_store_open(&store, &opts, 1, &diag) != NJ_OK)
        return fail(&diag);
    if (nj_store_load(store, &reader, NULL, &numbers, &diag) != NJ_OK ||
        nj_store_start(store, wake, NULL, &diag) != NJ_OK)
        return fail(&diag);
    port = nj_store_port(store, 0);
    for (uint64_t i = 1; i <= SESSIONS; i++) {
        const struct nj_session_state state = {.client_id = NJ_STR("bench"), .left = NJ_NEVER};

        append(&(struct nj_change){.kind = NJ_CHANGE_SESSION, .session = i, .state = &state});
    }
    run(messages);
    fill(messages);

    double cpu_us = mark().cpu_us;

    nj_store_close(store);

    int64_t begun = nj_clock_monotonic_ns();
    enum nj_err err = nj_store_open(&store, &opts, 1, &diag);

    if (err == NJ_OK)
        err = nj_store_load(store, &reader, NULL, &numbers, &diag);
    if (err != NJ_OK)
        return fail(&diag);
    printf("loaded   %.2f s for each million messages, CPU %.2f s\n",
           (double)(nj_clock_monotonic_ns() - begun) / 1e9 / (double)messages * 1e6,
           (mark().cpu_us - cpu_us) / (double)messages);
    nj_store_close(store);
    return 0;
}
