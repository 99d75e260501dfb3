/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/sys.h"

#include "base/compiler.h"

#include <math.h>
#include <stdio.h>

/* ---- plain numbers ---- */

struct numbers {
    struct nj_sys_view view;
    uint64_t sessions, connected;
};

static uint64_t
metric(const struct nj_sys *sys, enum nj_metric which)
{
    return sys->ports.metric(sys->ports.ctx, which);
}

/* Where a topic's value comes from: a counter, or something that is worked out. */
enum source {
    COUNTER,
    CLIENTS_TOTAL,
    CLIENTS_MAXIMUM,
    CLIENTS_CONNECTED,
    CLIENTS_AWAY,
    STORED_MESSAGES,
    STORED_BYTES,
    RETAINED_MESSAGES,
    HEAP,
    HEAP_PEAK,
};

static const struct {
    const char *topic; /* under $SYS/broker/ */
    enum source source;
    enum nj_metric counter;
} rows[] = {
    {"clients/total", CLIENTS_TOTAL, 0},
    {"clients/maximum", CLIENTS_MAXIMUM, 0},
    {"clients/connected", CLIENTS_CONNECTED, 0},
    {"clients/active", CLIENTS_CONNECTED, 0},
    {"clients/disconnected", CLIENTS_AWAY, 0},
    {"clients/inactive", CLIENTS_AWAY, 0},
    {"clients/expired", COUNTER, NJ_METRIC_SESSIONS_EXPIRED},
    {"messages/received", COUNTER, NJ_METRIC_PACKETS_RECEIVED},
    {"messages/sent", COUNTER, NJ_METRIC_PACKETS_SENT},
    {"messages/stored", STORED_MESSAGES, 0},
    {"store/messages/count", STORED_MESSAGES, 0},
    {"store/messages/bytes", STORED_BYTES, 0},
    {"subscriptions/count", COUNTER, NJ_METRIC_SUBSCRIPTIONS},
    {"shared_subscriptions/count", COUNTER, NJ_METRIC_SHARED_SUBSCRIPTIONS},
    {"retained messages/count", RETAINED_MESSAGES, 0},
    {"heap/current", HEAP, 0},
    {"heap/maximum", HEAP_PEAK, 0},
    {"bytes/received", COUNTER, NJ_METRIC_BYTES_RECEIVED},
    {"bytes/sent", COUNTER, NJ_METRIC_BYTES_SENT},
    {"publish/messages/dropped", COUNTER, NJ_METRIC_PUBLISH_DROPPED},
    {"publish/messages/received", COUNTER, NJ_METRIC_PUBLISH_RECEIVED},
    {"publish/messages/sent", COUNTER, NJ_METRIC_PUBLISH_SENT},
    {"publish/bytes/received", COUNTER, NJ_METRIC_PUBLISH_BYTES_RECEIVED},
    {"publish/bytes/sent", COUNTER, NJ_METRIC_PUBLISH_BYTES_SENT},
    {"packet/out/count", COUNTER, NJ_METRIC_OUT_PACKETS},
    {"packet/out/bytes", COUNTER, NJ_METRIC_OUT_BYTES},
    {"connections/socket/count", COUNTER, NJ_METRIC_SOCKETS_ACCEPTED},
};
_Static_assert(NJ_COUNT_OF(rows) == NJ_SYS_NUMBERS, "NJ_SYS_NUMBERS counts the rows");

static uint64_t
value_of(const struct nj_sys *sys, const struct numbers *n, size_t row)
{
    switch (rows[row].source) {
    case COUNTER:
        return metric(sys, rows[row].counter);
    case CLIENTS_TOTAL:
        return n->sessions;
    case CLIENTS_MAXIMUM:
        return sys->clients_maximum;
    case CLIENTS_CONNECTED:
        return n->connected;
    case CLIENTS_AWAY: /* the two are not read at the same instant */
        return n->sessions > n->connected ? n->sessions - n->connected : 0;
    case STORED_MESSAGES:
        return n->view.retained_messages + metric(sys, NJ_METRIC_QUEUED_MESSAGES);
    case STORED_BYTES:
        return n->view.retained_bytes + metric(sys, NJ_METRIC_QUEUED_BYTES);
    case RETAINED_MESSAGES:
        return n->view.retained_messages;
    case HEAP:
        return n->view.heap;
    case HEAP_PEAK:
        return n->view.heap_peak;
    }
    return 0;
}

static void
publish(const struct nj_sys *sys, const char *name, const char *payload)
{
    char topic[96];
    int n = snprintf(topic, sizeof(topic), "$SYS/broker/%s", name);

    sys->ports.publish(sys->ports.ctx, (struct nj_str){topic, (size_t)n}, nj_str_of(payload));
}

static void
publish_numbers(struct nj_sys *sys)
{
    struct numbers n;
    char text[24];

    sys->ports.view(sys->ports.ctx, &n.view);
    n.sessions = metric(sys, NJ_METRIC_SESSIONS);
    n.connected = metric(sys, NJ_METRIC_CLIENTS_CONNECTED);
    sys->clients_maximum = NJ_MAX(sys->clients_maximum, n.sessions);
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        uint64_t value = value_of(sys, &n, i);

        if (sys->is_published[i] && sys->published[i] == value)
            continue;
        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
        publish(sys, rows[i].topic, text);
        sys->published[i] = value;
        sys->is_published[i] = true;
    }
}

/* ---- moving averages ---- */

static const struct {
    const char *name;
    enum nj_metric counter;
} loads[] = {
    {"load/messages/received", NJ_METRIC_PACKETS_RECEIVED},
    {"load/messages/sent", NJ_METRIC_PACKETS_SENT},
    {"load/publish/dropped", NJ_METRIC_PUBLISH_DROPPED},
    {"load/publish/received", NJ_METRIC_PUBLISH_RECEIVED},
    {"load/publish/sent", NJ_METRIC_PUBLISH_SENT},
    {"load/bytes/received", NJ_METRIC_BYTES_RECEIVED},
    {"load/bytes/sent", NJ_METRIC_BYTES_SENT},
    {"load/sockets", NJ_METRIC_SOCKETS_ACCEPTED},
    {"load/connections", NJ_METRIC_CONNECTS},
};
_Static_assert(NJ_COUNT_OF(loads) == NJ_SYS_LOADS, "NJ_SYS_LOADS counts the loads");

static const struct {
    const char *name;
    double seconds;
} averages[] = {{"1min", 60}, {"5min", 300}, {"15min", 900}};

static void
publish_load(const struct nj_sys *sys, size_t load, size_t average)
{
    char name[64], text[40];

    (void)snprintf(name, sizeof(name), "%s/%s", loads[load].name, averages[average].name);
    (void)snprintf(text, sizeof(text), "%.2f", sys->load[load][average]);
    publish(sys, name, text);
}

/* Per minute: x = difference * 60 / dt; new = x + exp(-dt / period) * (old - x). */
static void
update_loads(struct nj_sys *sys, double dt)
{
    for (size_t i = 0; i < NJ_SYS_LOADS; i++) {
        uint64_t now = metric(sys, loads[i].counter);
        double rate = (double)(now - sys->counted[i]) * 60 / dt;

        sys->counted[i] = now;
        for (size_t a = 0; a < NJ_SYS_AVERAGES; a++) {
            double old = sys->load[i][a];
            double new = rate + exp(-dt / averages[a].seconds) * (old - rate);

            if (fabs(new - old) >= 0.01) {
                sys->load[i][a] = new;
                publish_load(sys, i, a);
            }
        }
    }
}

/* ---- time ---- */

static void
publish_uptime(const struct nj_sys *sys, int64_t wall_s)
{
    char text[40];

    (void)snprintf(text, sizeof(text), "%lld seconds", (long long)(wall_s - sys->started_s));
    publish(sys, "uptime", text);
}

static void
publish_beginning(struct nj_sys *sys)
{
    publish(sys, "version", sys->version);
    publish_uptime(sys, sys->last_s);
    publish_numbers(sys);
    for (size_t i = 0; i < NJ_SYS_LOADS; i++)
        for (size_t a = 0; a < NJ_SYS_AVERAGES; a++)
            publish_load(sys, i, a);
}

void
nj_sys_init(struct nj_sys *sys, const struct nj_sys_ports *ports, const char *version,
            uint32_t interval_s, int64_t wall_s)
{
    *sys = (struct nj_sys){
        .ports = *ports,
        .version = version,
        .interval_s = interval_s,
        .started_s = wall_s,
        .last_s = wall_s,
    };
    if (interval_s > 0)
        publish_beginning(sys);
}

void
nj_sys_set_interval(struct nj_sys *sys, uint32_t interval_s)
{
    bool was_silent = sys->interval_s == 0;

    sys->interval_s = interval_s;
    if (was_silent && interval_s > 0)
        publish_beginning(sys);
}

struct timespec
nj_sys_tick(struct nj_sys *sys, int64_t wall_ms)
{
    int64_t wall_s = wall_ms / 1000, interval = sys->interval_s, wait_ms;

    if (interval == 0)
        return (struct timespec){.tv_sec = 3600};
    if (wall_s % interval == 0 && wall_s != sys->last_s) {
        /* A clock that was set back counts as one interval. */
        int64_t dt = wall_s > sys->last_s ? wall_s - sys->last_s : interval;

        publish_uptime(sys, wall_s);
        publish_numbers(sys);
        update_loads(sys, (double)dt);
        sys->last_s = wall_s;
    }
    wait_ms = (wall_s / interval + 1) * interval * 1000 - wall_ms;
    return (struct timespec){.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
}
