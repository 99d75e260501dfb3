/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/sys.h"

#include <math.h>
#include <stdbool.h>

#include "base/test.h"

#define KEPT 512

/* What the workers count, and what was published. */
static struct {
    uint64_t metric[NJ_METRIC_COUNT];
    struct nj_sys_view view;
    struct {
        char topic[64], payload[40];
    } sent[KEPT];
    unsigned count;
} world;

static struct nj_sys sys;

static uint64_t
metric(void *ctx, enum nj_metric which)
{
    (void)ctx;
    return world.metric[which];
}

static void
view(void *ctx, struct nj_sys_view *out)
{
    (void)ctx;
    *out = world.view;
}

static void
publish(void *ctx, struct nj_str topic, struct nj_str payload)
{
    (void)ctx;
    assert_true(world.count < KEPT);
    assert_true(topic.n < 64 && payload.n < 40);
    (void)snprintf(world.sent[world.count].topic, 64, "%" NJ_STR_FMT, NJ_STR_ARG(topic));
    (void)snprintf(world.sent[world.count++].payload, 40, "%" NJ_STR_FMT, NJ_STR_ARG(payload));
}

/* Begin at second 1000. */
static void
begin(uint32_t interval_s)
{
    const struct nj_sys_ports ports = {.metric = metric, .view = view, .publish = publish};

    memset(&world, 0, sizeof(world));
    for (size_t i = 0; i < NJ_SYS_DATES; i++)
        world.view.ends_s[i] = INT64_MAX;
    world.view.has_store = true;
    nj_sys_init(&sys, &ports, "nightjar test", interval_s, 1000);
}

static struct timespec
tick(int64_t second)
{
    world.count = 0;
    return nj_sys_tick(&sys, second * 1000);
}

/* What was published last under $SYS/broker/; NULL: nothing. */
static const char *
last(const char *name)
{
    char topic[64];

    (void)snprintf(topic, sizeof(topic), "$SYS/broker/%s", name);
    for (unsigned i = world.count; i-- > 0;)
        if (strcmp(world.sent[i].topic, topic) == 0)
            return world.sent[i].payload;
    return NULL;
}

static void
is_sent(const char *name, const char *payload)
{
    const char *sent = last(name);

    if (sent == NULL)
        fail_msg("%s was not published", name);
    else
        assert_string_equal(sent, payload);
}

static void
all_topics_are_there_from_the_beginning(void **state)
{
    (void)state;
    begin(10);
    is_sent("version", "nightjar test");
    is_sent("uptime", "0 seconds");
    is_sent("clients/total", "0");
    is_sent("load/messages/received/1min", "0.00");
    assert_int_equal(world.count, 2 + NJ_SYS_NUMBERS + NJ_SYS_LOADS * NJ_SYS_AVERAGES);
}

static void
only_what_has_changed_is_published_again(void **state)
{
    (void)state;
    begin(10);
    world.metric[NJ_METRIC_PUBLISH_DROPPED] = 0;
    world.view.heap = 5;
    (void)tick(1010);
    assert_int_equal(world.count, 2); /* uptime, heap */
    is_sent("uptime", "10 seconds");
    is_sent("heap/current", "5");
    (void)tick(1020);
    assert_int_equal(world.count, 1);
    world.view.heap = 0;
    (void)tick(1030);
    is_sent("heap/current", "0");
}

static void
it_speaks_when_the_second_is_a_multiple_of_the_interval(void **state)
{
    (void)state;
    begin(30);
    for (int64_t s = 1001; s < 1020; s++) {
        (void)tick(s);
        assert_int_equal(world.count, 0);
    }
    (void)tick(1020);
    is_sent("uptime", "20 seconds");
    (void)nj_sys_tick(&sys, 1020999);
    assert_int_equal(world.count, 1); /* once in this second */
}

static void
it_asks_to_be_called_at_the_next_multiple(void **state)
{
    struct timespec wait;

    (void)state;
    begin(10);
    wait = nj_sys_tick(&sys, 1003250);
    assert_int_equal(wait.tv_sec, 6);
    assert_int_equal(wait.tv_nsec, 750000000);
    wait = nj_sys_tick(&sys, 1010000);
    assert_int_equal(wait.tv_sec, 10);
    assert_int_equal(wait.tv_nsec, 0);
}

static void
an_interval_of_0_is_silence(void **state)
{
    (void)state;
    begin(0);
    assert_int_equal(world.count, 0);
    (void)tick(1010);
    assert_int_equal(world.count, 0);
    nj_sys_set_interval(&sys, 10);
    assert_non_null(last("version"));
}

/* x = difference * 60 / dt; new = x + exp(-dt / period) * (old - x). */
static void
loads_are_moving_averages_per_minute(void **state)
{
    const double period[] = {60, 300, 900};
    static const char *const name[] = {"load/publish/sent/1min", "load/publish/sent/5min",
                                       "load/publish/sent/15min"};
    char text[40];

    (void)state;
    begin(10);
    world.metric[NJ_METRIC_PUBLISH_SENT] = 1000; /* 6000 a minute */
    (void)tick(1010);
    for (int i = 0; i < 3; i++) {
        (void)snprintf(text, sizeof(text), "%.2f", 6000 * (1 - exp(-10 / period[i])));
        is_sent(name[i], text);
    }
    (void)tick(1020); /* nothing more was sent */
    for (int i = 0; i < 3; i++) {
        (void)snprintf(text, sizeof(text), "%.2f",
                       6000 * (1 - exp(-10 / period[i])) * exp(-10 / period[i]));
        is_sent(name[i], text);
    }
}

static void
a_load_that_hardly_changes_is_not_published(void **state)
{
    (void)state;
    begin(10);
    for (int64_t s = 1010; s < 20000; s += 10) {
        world.metric[NJ_METRIC_BYTES_SENT] += 100;
        (void)tick(s);
    }
    assert_null(last("load/bytes/sent/1min"));
    assert_true(fabs(sys.load[6][0] - 600) < 0.1);
}

static void
a_clock_that_was_set_back_counts_as_one_interval(void **state)
{
    char text[40];

    (void)state;
    begin(10);
    world.metric[NJ_METRIC_CONNECTS] = 10;
    (void)tick(500);
    (void)snprintf(text, sizeof(text), "%.2f", 60 * (1 - exp(-10 / 60.0)));
    is_sent("load/connections/1min", text);
}

static void
clients_are_counted_by_their_sessions(void **state)
{
    (void)state;
    begin(10);
    world.metric[NJ_METRIC_SESSIONS] = 7;
    world.metric[NJ_METRIC_CLIENTS_CONNECTED] = 4;
    (void)tick(1010);
    is_sent("clients/total", "7");
    is_sent("clients/maximum", "7");
    is_sent("clients/connected", "4");
    is_sent("clients/active", "4");
    is_sent("clients/disconnected", "3");
    is_sent("clients/inactive", "3");
    world.metric[NJ_METRIC_SESSIONS] = 3; /* read before a fourth had connected */
    (void)tick(1020);
    is_sent("clients/disconnected", "0");
    assert_null(last("clients/maximum"));
}

static void
stored_messages_are_the_retained_and_the_queued(void **state)
{
    (void)state;
    begin(10);
    world.view.retained_messages = 2;
    world.view.retained_bytes = 200;
    world.metric[NJ_METRIC_QUEUED_MESSAGES] = 3;
    world.metric[NJ_METRIC_QUEUED_BYTES] = 300;
    (void)tick(1010);
    is_sent("retained messages/count", "2");
    is_sent("messages/stored", "5");
    is_sent("store/messages/count", "5");
    is_sent("store/messages/bytes", "500");
}

static void
days_are_told_of_what_ends_and_of_nothing_else(void **state)
{
    (void)state;
    begin(10);
    assert_null(last("certificates/days left"));
    assert_null(last("certificates/warnings"));
    world.view.ends_s[0] = 1010 + 86400 * 3 + 5;
    world.view.ends_s[2] = 1010 - 1;
    world.view.ends_s[3] = 1010 + 86400 * 7;
    world.view.date_warnings = 1;
    (void)tick(1010);
    is_sent("certificates/days left", "3");
    is_sent("certificates/crl/days left", "-1");
    is_sent("certificates/ocsp/days left", "7");
    is_sent("certificates/warnings", "1");
    assert_null(last("certificates/ca/days left"));
    (void)tick(1020);
    is_sent("certificates/days left", "2");
    assert_null(last("certificates/crl/days left"));
    assert_null(last("certificates/warnings"));
    world.view.ends_s[2] = INT64_MAX; /* there is no list any more */
    world.view.date_warnings = 2;
    (void)tick(1030);
    is_sent("certificates/crl/days left", "");
    is_sent("certificates/warnings", "2");
}

static void
what_was_refused_and_lost_is_told(void **state)
{
    (void)state;
    begin(10);
    world.view.heap_refused = 11;
    world.view.log_dropped = 22;
    world.view.log_errors = 33;
    (void)tick(1010);
    is_sent("heap/refused", "11");
    is_sent("logging/lines/dropped", "22");
    is_sent("logging/writes/failed", "33");
}

static void
the_store_is_told_of(void **state)
{
    (void)state;
    begin(10);
    world.metric[NJ_METRIC_STORE_COMMITS] = 3;
    world.metric[NJ_METRIC_STORE_CHANGES] = 100;
    world.metric[NJ_METRIC_STORE_FAULTS] = 2;
    world.metric[NJ_METRIC_STORE_WAITS] = 4;
    world.view.store_max_bytes = 5000;
    world.view.store_refused = 7;
    (void)tick(1010);
    is_sent("store/commits/count", "3");
    is_sent("store/commits/changes", "100");
    is_sent("store/commits/changes/each", "33");
    is_sent("store/disk/errors", "2");
    is_sent("store/disk/bytes/maximum", "5000");
    is_sent("store/refused", "7");
    is_sent("store/waits", "4");
}

static void
without_a_store_nothing_is_told_of_one(void **state)
{
    (void)state;
    begin(0);
    world.view.has_store = false;
    nj_sys_set_interval(&sys, 10);
    is_sent("store/messages/count", "0");
    assert_null(last("store/commits/count"));
    assert_null(last("store/disk/full"));
    assert_null(last("store/refused"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_topics_are_there_from_the_beginning),
        cmocka_unit_test(only_what_has_changed_is_published_again),
        cmocka_unit_test(it_speaks_when_the_second_is_a_multiple_of_the_interval),
        cmocka_unit_test(it_asks_to_be_called_at_the_next_multiple),
        cmocka_unit_test(an_interval_of_0_is_silence),
        cmocka_unit_test(loads_are_moving_averages_per_minute),
        cmocka_unit_test(a_load_that_hardly_changes_is_not_published),
        cmocka_unit_test(a_clock_that_was_set_back_counts_as_one_interval),
        cmocka_unit_test(clients_are_counted_by_their_sessions),
        cmocka_unit_test(stored_messages_are_the_retained_and_the_queued),
        cmocka_unit_test(days_are_told_of_what_ends_and_of_nothing_else),
        cmocka_unit_test(what_was_refused_and_lost_is_told),
        cmocka_unit_test(the_store_is_told_of),
        cmocka_unit_test(without_a_store_nothing_is_told_of_one),
    };

    return cmocka_run_group_tests_name("admin/sys", tests, NULL, NULL);
}
