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
    SUBSCRIPTIONS,
    STORED_MESSAGES,
    STORED_BYTES,
    RETAINED_MESSAGES,
    HEAP,
    HEAP_PEAK,
    HEAP_REFUSED,
    LOG_DROPPED,
    LOG_ERRORS,
    STORE, /* a counter; from here on only where there is a store */
    STORE_CHANGES_EACH,
    STORE_MAXIMUM,
    STORE_REFUSED,
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
    {"subscriptions/count", SUBSCRIPTIONS, 0},
    {"shared_subscriptions/count", COUNTER, NJ_METRIC_SHARED_SUBSCRIPTIONS},
    {"retained messages/count", RETAINED_MESSAGES, 0},
    {"heap/current", HEAP, 0},
    {"heap/maximum", HEAP_PEAK, 0},
    {"heap/refused", HEAP_REFUSED, 0},
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
    /* Not below log/: who subscribes to that wants lines. */
    {"logging/lines/dropped", LOG_DROPPED, 0},
    {"logging/writes/failed", LOG_ERRORS, 0},
    /* Mosquitto's store/messages/, above, are all that are held, in memory too. */
    {"store/disk/sessions", STORE, NJ_METRIC_STORE_SESSIONS},
    {"store/disk/messages", STORE, NJ_METRIC_STORE_MESSAGES},
    {"store/disk/bytes", STORE, NJ_METRIC_STORE_BYTES},
    {"store/disk/bytes/maximum", STORE_MAXIMUM, 0},
    {"store/disk/full", STORE, NJ_METRIC_STORE_FULL},
    {"store/disk/errors", STORE, NJ_METRIC_STORE_FAULTS},
    {"store/disk/quarantined", STORE, NJ_METRIC_STORE_QUARANTINED},
    {"store/refused", STORE_REFUSED, 0},
    {"store/waits", STORE, NJ_METRIC_STORE_WAITS},
    {"store/commits/count", STORE, NJ_METRIC_STORE_COMMITS},
    {"store/commits/changes", STORE, NJ_METRIC_STORE_CHANGES},
    {"store/commits/changes/each", STORE_CHANGES_EACH, 0},
    {"store/commits/changes/cancelled", STORE, NJ_METRIC_STORE_CANCELLED},
    {"store/commits/microseconds", STORE, NJ_METRIC_STORE_COMMIT_US},
    {"store/commits/microseconds/maximum", STORE, NJ_METRIC_STORE_COMMIT_MOST_US},
    {"store/backups/count", STORE, NJ_METRIC_STORE_BACKUPS},
    {"store/backups/failed", STORE, NJ_METRIC_STORE_BACKUP_FAULTS},
    {"store/backups/milliseconds", STORE, NJ_METRIC_STORE_BACKUP_MS},
    {"store/backups/newest", STORE, NJ_METRIC_STORE_BACKUP_TIME},
};
_Static_assert(NJ_COUNT_OF(rows) == NJ_SYS_NUMBERS, "NJ_SYS_NUMBERS counts the rows");

static uint64_t
value_of(const struct nj_sys *sys, const struct numbers *n, size_t row)
{
    uint64_t all;

    switch (rows[row].source) {
    case COUNTER:
    case STORE:
        return metric(sys, rows[row].counter);
    case CLIENTS_TOTAL:
        return n->sessions;
    case CLIENTS_MAXIMUM:
        return sys->clients_maximum;
    case CLIENTS_CONNECTED:
        return n->connected;
    case CLIENTS_AWAY: /* the two are not read at the same instant */
        return n->sessions > n->connected ? n->sessions - n->connected : 0;
    case SUBSCRIPTIONS: /* that are not shared; the two are not read at the same instant either */
        all = metric(sys, NJ_METRIC_SUBSCRIPTIONS);
        return all - NJ_MIN(all, metric(sys, NJ_METRIC_SHARED_SUBSCRIPTIONS));
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
    case HEAP_REFUSED:
        return n->view.heap_refused;
    case LOG_DROPPED:
        return n->view.log_dropped;
    case LOG_ERRORS:
        return n->view.log_errors;
    case STORE_CHANGES_EACH: /* on average */
        return metric(sys, NJ_METRIC_STORE_CHANGES) /
               NJ_MAX(metric(sys, NJ_METRIC_STORE_COMMITS), (uint64_t)1);
    case STORE_MAXIMUM:
        return n->view.store_max_bytes;
    case STORE_REFUSED:
        return n->view.store_refused;
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

        if (rows[i].source >= STORE && !n.view.has_store)
            continue;
        if (sys->is_published[i] && sys->published[i] == value)
            continue;
        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
        publish(sys, rows[i].topic, text);
        sys->published[i] = value;
        sys->is_published[i] = true;
    }
}

/* ---- what ends by itself ---- */

static const char *const dates[NJ_SYS_DATES] = {
    "certificates/days left", "certificates/ca/days left", "certificates/crl/days left",
    "certificates/ocsp/days left"};

/* Whole days; -1 on the day after. */
static int64_t
days_until(int64_t at_s, int64_t now_s)
{
    int64_t left_s = at_s - now_s;

    return at_s == INT64_MAX ? at_s : (left_s - (left_s < 0 ? 86399 : 0)) / 86400;
}

/* A broker without TLS has none of these topics. */
static void
publish_dates(struct nj_sys *sys, int64_t wall_s)
{
    struct nj_sys_view view;
    bool has_any = false;
    char text[24];

    sys->ports.view(sys->ports.ctx, &view);
    for (size_t i = 0; i < NJ_SYS_DATES; i++) {
        int64_t days = days_until(view.ends_s[i], wall_s);

        has_any = has_any || days != INT64_MAX;
        (void)snprintf(text, sizeof(text), "%lld", (long long)days);
        if (days != sys->days_left[i])
            publish(sys, dates[i], days != INT64_MAX ? text : "");
        sys->days_left[i] = days;
    }
    if (!has_any || view.date_warnings == sys->date_warnings)
        return;
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)view.date_warnings);
    publish(sys, "certificates/warnings", text);
    sys->date_warnings = view.date_warnings;
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
    publish_dates(sys, sys->last_s);
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
        .date_warnings = UINT64_MAX,
    };
    for (size_t i = 0; i < NJ_SYS_DATES; i++)
        sys->days_left[i] = INT64_MAX;
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
        publish_dates(sys, wall_s);
        update_loads(sys, (double)dt);
        sys->last_s = wall_s;
    }
    wait_ms = (wall_s / interval + 1) * interval * 1000 - wall_ms;
    return (struct timespec){.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
}
