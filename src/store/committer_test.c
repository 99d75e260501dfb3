/* SPDX-License-Identifier: Apache-2.0 */
#include "store/committer.h"

#include "store/kit_test.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

static uint64_t
metric(const struct kit *k, enum nj_metric which)
{
    return nj_store_metric(k->store, which);
}

static bool
is_full(const struct kit *k)
{
    return k->port->ops->is_full(k->port, 0);
}

/* The writer's thread says so within seconds, or the test ends by its time limit. */
#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        while (!(condition))                                                                       \
            (void)sched_yield();                                                                   \
    } while (0)

/* Open, and have commits fail once it runs: `times`, after so many. */
static void
open_to_fail(struct kit *k, int code, unsigned passes, unsigned times)
{
    assert_int_equal(kit_open_only(k, NULL), NJ_OK);
    kit_load(k);
    nj_db_fail_commits(k->store->db, code, passes, times);
    kit_run(k);
}

static void
a_full_disk_loses_nothing_and_heals(void **state)
{
    struct kit *k = *state;
    uint64_t last;

    open_to_fail(k, ENOSPC, 0, 2);
    (void)kit_session(k->port, 1, "anna");
    (void)kit_queued(k->port, 1, 10, 1);
    last = kit_step(k->port, NJ_CHANGE_SESSION_END, 2, 0, 0);
    UNTIL(is_full(k));
    assert_int_equal(metric(k, NJ_METRIC_STORE_COMMITS), 0);
    assert_int_equal(kit_safe(k->port), 0);
    kit_settle(k, last);
    UNTIL(!is_full(k));
    kit_reopen(k);
    assert_string_equal(k->tale.text, "session 1 anna 3600\n"
                                      " queued 10 t=x qos 1 group 0 packet 0\n");
    (void)kit_step(k->port, NJ_CHANGE_DELIVERED, 1, 10, 0);
    kit_reopen(k);
    assert_int_equal(k->numbers.message, 0); /* the counts were right, too */
}

/* The ends of sessions and the counts of messages are undone with their transaction. */
static void
what_is_undone_is_done_again_once(void **state)
{
    struct kit *k = *state;

    kit_open(k);
    (void)kit_session(k->port, 1, "anna");
    (void)kit_session(k->port, 2, "bert");
    (void)kit_queued(k->port, 1, 10, 1);
    (void)kit_queued(k->port, 2, 10, 1);
    (void)kit_queued(k->port, 2, 11, 2);
    kit_close(k);
    open_to_fail(k, ENOSPC, 0, 2);
    (void)kit_step(k->port, NJ_CHANGE_SESSION_END, 1, 0, 0);
    (void)kit_step(k->port, NJ_CHANGE_DELIVERED, 2, 11, 0);
    kit_settle(k, kit_queued(k->port, 2, 12, 1));
    kit_reopen(k);
    assert_string_equal(k->tale.text, "session 2 bert 3600\n"
                                      " queued 10 t=x qos 1 group 0 packet 0\n"
                                      " queued 12 t=x qos 1 group 0 packet 0\n");
    (void)kit_step(k->port, NJ_CHANGE_DELIVERED, 2, 10, 0);
    (void)kit_step(k->port, NJ_CHANGE_DELIVERED, 2, 12, 0);
    kit_reopen(k);
    assert_int_equal(k->numbers.message, 0);
}

static void
a_disk_that_fails_is_never_called_safe(void **state)
{
    struct kit *k = *state;

    open_to_fail(k, EIO, 1, 1);
    kit_settle(k, kit_session(k->port, 1, "anna"));
    (void)kit_session(k->port, 2, "bert");
    UNTIL(is_full(k));
    (void)kit_session(k->port, 3, "carl");
    nj_store_stop(k->store);
    assert_int_equal(kit_safe(k->port), 1);
    assert_true(is_full(k));
    assert_int_equal(metric(k, NJ_METRIC_STORE_FULL), 1);
    kit_reopen(k); /* not closed cleanly: all of it is looked at */
    assert_false(k->store->folder.was_clean);
    assert_string_equal(k->tale.text, "session 1 anna 3600\n");
}

static void
a_stop_before_a_full_disk_gives_up(void **state)
{
    struct kit *k = *state;

    open_to_fail(k, ENOSPC, 0, 1000);
    (void)kit_session(k->port, 1, "anna");
    kit_close(k);
    kit_open(k);
    assert_string_equal(k->tale.text, "");
    /* Who was let ahead is lost with it: ends are as doubtful as when it stopped. */
    assert_true(k->store->folder.ends_since_ms > 0);
}

/* A folder in its place cannot be unlinked by anybody. */
static void
ends_that_cannot_be_doubted_on_the_disk_are_not_for_homes(void **state)
{
    struct kit *k = *state;
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/ends", k->path);
    assert_int_equal(kit_open_only(k, NULL), NJ_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    kit_load(k);
    nj_db_fail_commits(k->store->db, ENOSPC, 0, UINT_MAX);
    kit_run(k);
    (void)kit_session(k->port, 1, "anna");
    UNTIL(is_full(k));
    assert_false(k->port->ops->doubts_ends(k->port));
    nj_store_stop(k->store);
    assert_int_equal(rmdir(path), 0);
}

static void
the_map_grows_with_what_is_in_it(void **state)
{
    static char payload[8192];
    struct kit *k = *state;
    struct nj_db_room before, after;
    uint64_t last = 0;

    kit_open(k);
    nj_db_room(k->store->db, &before);
    assert_int_equal(before.map_bytes, 1 << 20);
    (void)kit_session(k->port, 1, "anna");
    memset(payload, 'x', sizeof(payload) - 1);
    for (uint64_t i = 1; i <= 3000; i++)
        last = kit_publish(k->port, NJ_CHANGE_QUEUED, 1, i, 0, 1, payload);
    kit_settle(k, last);
    nj_store_stop(k->store);
    nj_db_room(k->store->db, &after);
    assert_in_range(after.map_bytes, 24 << 20, 1 << 30);
    kit_reopen(k);
    assert_int_equal(k->numbers.message, 3000);
}

static uint64_t
addresses_in_use(void)
{
    char pages[64];
    FILE *f = fopen("/proc/self/statm", "r");

    assert_non_null(f);
    assert_non_null(fgets(pages, sizeof(pages), f));
    (void)fclose(f);
    return strtoull(pages, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t
map_of(struct kit *k)
{
    struct nj_db_room room;

    kit_open(k);
    nj_store_stop(k->store);
    nj_db_room(k->store->db, &room);
    kit_close(k);
    return room.map_bytes;
}

/* Of 1.2 GiB the map could have one, and threads and heap no more than what that leaves. */
static void
where_addresses_are_few_the_map_takes_few(void **state)
{
    const uint64_t wide = (uint64_t)64 << 30, few = (uint64_t)64 << 20;
    struct kit *k = *state;
    struct rlimit before, limit;

    k->tuning.map_bytes = 0;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(map_of(k), before.rlim_cur == RLIM_INFINITY ? wide : few);
    limit = before;
    limit.rlim_cur = addresses_in_use() + ((uint64_t)1200 << 20);
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    assert_int_equal(map_of(k), few);
    k->tuning.map_bytes = wide; /* more than there are */
    assert_int_equal(map_of(k), few);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
}

static void
a_batch_of_many_changes_is_several_transactions(void **state)
{
    struct kit *k = *state;
    uint64_t last = 0;

    assert_int_equal(kit_open_only(k, NULL), NJ_OK);
    kit_load(k);
    (void)kit_session(k->port, 1, "anna");
    for (uint64_t i = 1; i <= 120000; i++)
        last = kit_queued(k->port, 1, i, 1);
    kit_run(k);
    kit_settle(k, last);
    nj_store_stop(k->store);
    assert_in_range(metric(k, NJ_METRIC_STORE_COMMITS), 3, 5);
    assert_int_equal(metric(k, NJ_METRIC_STORE_CHANGES), 120001);
}

static void
a_budget_is_kept_and_what_is_drained_makes_room(void **state)
{
    static char payload[4096];
    struct kit *k = *state;
    struct nj_db_room room;
    uint64_t n = 0;

    k->max_bytes = 8 << 20;
    kit_open(k);
    (void)kit_session(k->port, 1, "anna");
    memset(payload, 'x', sizeof(payload) - 1);
    while (!is_full(k)) {
        kit_settle(k, kit_publish(k->port, NJ_CHANGE_QUEUED, 1, ++n, 0, 1, payload));
        assert_in_range(n, 1, 4000);
    }
    assert_in_range(n, 300, 2000); /* 8 KiB each, of 7 MiB */
    for (uint64_t i = 1; i <= n; i++)
        (void)kit_step(k->port, NJ_CHANGE_DELIVERED, 1, i, 0);
    UNTIL(!is_full(k));
    kit_settle(k, kit_publish(k->port, NJ_CHANGE_QUEUED, 1, ++n, 0, 1, payload));
    nj_store_stop(k->store);
    nj_db_room(k->store->db, &room);
    assert_in_range(room.used_bytes, 1 << 20, 8 << 20);
    kit_reopen(k);
    assert_int_equal(k->numbers.message, n);
}

/* Appended without asking, as a will is. */
static void
what_was_taken_does_not_wait_for_the_room_that_it_makes(void **state)
{
    static char payload[133000];
    struct kit *k = *state;
    uint64_t n = 0;

    k->max_bytes = 1 << 20;
    kit_open(k);
    (void)kit_session(k->port, 1, "anna");
    memset(payload, 'x', sizeof(payload) - 1);
    UNTIL(k->port->ops->is_full(k->port, sizeof(payload)));
    assert_false(is_full(k));
    while (n < 10)
        kit_settle(k, kit_publish(k->port, NJ_CHANGE_QUEUED, 1, ++n, 0, 1, payload));
    UNTIL(is_full(k));
    for (uint64_t i = 1; i <= n; i++)
        kit_settle(k, kit_step(k->port, NJ_CHANGE_DELIVERED, 1, i, 0));
    UNTIL(!is_full(k));
    kit_reopen(k);
    assert_false(is_full(k));
}

static void
an_interval_gathers_and_a_stop_commits(void **state)
{
    struct kit *k = *state;

    k->durability = NJ_DURABILITY_INTERVAL;
    k->interval_ms = 3600 * 1000;
    kit_open(k);
    assert_int_equal(kit_session(k->port, 1, "anna"), 1);
    assert_int_equal(kit_safe(k->port), 1);
    assert_int_equal(metric(k, NJ_METRIC_STORE_COMMITS), 0);
    kit_reopen(k);
    assert_string_equal(k->tale.text, "session 1 anna 3600\n");
    k->interval_ms = 10;
    kit_reopen(k);
    (void)kit_session(k->port, 2, "bert");
    UNTIL(metric(k, NJ_METRIC_STORE_COMMITS) == 1);
}

static void
what_an_ended_session_had_is_swept_meanwhile(void **state)
{
    struct kit *k = *state;
    struct nj_snapshot *snapshot;
    uint64_t left;

    assert_int_equal(kit_open_only(k, NULL), NJ_OK);
    kit_load(k);
    (void)kit_session(k->port, 1, "anna");
    for (uint64_t i = 1; i <= 5000; i++)
        (void)kit_queued(k->port, 1, i, 1);
    (void)kit_step(k->port, NJ_CHANGE_SESSION_END, 1, 0, 0);
    kit_run(k);
    UNTIL(metric(k, NJ_METRIC_STORE_COMMITS) >= 5); /* 1,024 in each */
    nj_store_stop(k->store);
    assert_false(nj_ledger_has_to_sweep(&k->store->ledger));
    assert_int_equal(nj_snapshot_open(&snapshot, k->store->db), NJ_END_DONE);
    assert_int_equal(nj_snapshot_count(snapshot, NJ_TABLE_QUEUE, &left), NJ_END_DONE);
    assert_int_equal(left, 0);
    assert_int_equal(nj_snapshot_count(snapshot, NJ_TABLE_MESSAGES, &left), NJ_END_DONE);
    assert_int_equal(left, 0);
    nj_snapshot_close(snapshot);
}

/* A number that comes back before the sweep has come by keeps what is new. */
static void
the_sweep_takes_nothing_of_a_session_that_is_there(void **state)
{
    struct kit *k = *state;

    kit_open(k);
    (void)kit_session(k->port, 1, "anna");
    for (uint64_t i = 1; i <= 5000; i++)
        (void)kit_queued(k->port, 1, i, 2);
    (void)kit_step(k->port, NJ_CHANGE_SESSION_END, 1, 0, 0);
    (void)kit_session(k->port, 1, "anna");
    (void)kit_subscribed(k->port, 1, "f", 1, 0);
    (void)kit_queued(k->port, 1, 6000, 2);
    kit_reopen(k);
    assert_string_equal(k->tale.text, "session 1 anna 3600\n"
                                      " subscribed f 1 0\n"
                                      " queued 6000 t=x qos 2 group 0 packet 0\n");
}

/* Two homes on threads of their own, one of which acknowledges what the other queues. */
struct walker {
    struct kit *k;
    uint16_t home;
    uint64_t last;
};
#define PASSING 20000

static void *
pass(void *arg)
{
    struct walker *w = arg;
    struct nj_store_port *port = nj_store_port(w->k->store, w->home);

    for (uint64_t i = 1; i <= PASSING; i++) {
        w->last =
            w->home == 0 ? kit_queued(port, 1, i, 1) : kit_step(port, NJ_CHANGE_DELIVERED, 1, i, 0);
        if (i % 64 == 0)
            (void)kit_safe(port);
    }
    return NULL;
}

static void
homes_append_side_by_side(void **state)
{
    struct kit *k = *state;
    struct walker walkers[2] = {{.k = k, .home = 0}, {.k = k, .home = 1}};
    pthread_t threads[2];

    kit_open(k);
    kit_settle(k, kit_session(k->port, 1, "anna"));
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, pass, &walkers[i]), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    kit_settle_of(k, 0, walkers[0].last);
    kit_settle_of(k, 1, walkers[1].last);
    /* Some ends came before their messages; what is left goes now. */
    for (uint64_t i = 1; i <= PASSING; i++)
        (void)kit_step(k->port, NJ_CHANGE_DELIVERED, 1, i, 0);
    kit_reopen(k);
    assert_string_equal(k->tale.text, "session 1 anna 3600\n");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
    const struct CMUnitTest tests[] = {
        T(a_full_disk_loses_nothing_and_heals),
        T(what_is_undone_is_done_again_once),
        T(a_disk_that_fails_is_never_called_safe),
        T(a_stop_before_a_full_disk_gives_up),
        T(ends_that_cannot_be_doubted_on_the_disk_are_not_for_homes),
        T(the_map_grows_with_what_is_in_it),
        T(where_addresses_are_few_the_map_takes_few),
        T(a_batch_of_many_changes_is_several_transactions),
        T(a_budget_is_kept_and_what_is_drained_makes_room),
        T(what_was_taken_does_not_wait_for_the_room_that_it_makes),
        T(an_interval_gathers_and_a_stop_commits),
        T(what_an_ended_session_had_is_swept_meanwhile),
        T(the_sweep_takes_nothing_of_a_session_that_is_there),
        T(homes_append_side_by_side),
    };

    return cmocka_run_group_tests_name("store/committer", tests, NULL, NULL);
}
