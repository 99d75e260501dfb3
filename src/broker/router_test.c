/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/rand.h"

#include "base/test.h"

static struct nj_index *subscriptions;
static struct nj_router router;
static struct nj_subscriber who[4];

static int
setup(void **state)
{
    struct nj_index_opts opts = {.max_levels = 0};

    (void)state;
    nj_hash_key_set(1, 2);
    nj_rcu_register();
    memset(&router, 0, sizeof(router));
    memset(who, 0, sizeof(who));
    return nj_index_new(&subscriptions, &opts) == NJ_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    nj_mem_limit_set(0);
    nj_router_fini(&router);
    for (int i = 0; i < 4; i++)
        nj_index_remove_all(subscriptions, &who[i]);
    nj_rcu_quiescent();
    nj_rcu_unregister();
    nj_rcu_barrier();
    nj_index_free(subscriptions);
    return 0;
}

static void
subscribe(int client, const char *text, struct nj_sub_opts opts)
{
    struct nj_filter filter;
    bool existed;

    assert_true(nj_filter_parse(nj_str_of(text), &filter));
    assert_int_equal(nj_index_subscribe(subscriptions, &who[client], &filter, &opts, &existed),
                     NJ_OK);
}

static const struct nj_route *
find(const char *topic)
{
    const struct nj_route *r = nj_router_find(&router, subscriptions, nj_str_of(topic), false);

    assert_non_null(r);
    return r;
}

/* [MQTT5-3.3.4-2] [MQTT311-3.3.5-1] */
static void
overlapping_subscriptions_become_one_target_at_the_highest_qos(void **state)
{
    const struct nj_route *r;

    (void)state;
    subscribe(0, "a/b", (struct nj_sub_opts){.qos = 0});
    subscribe(0, "a/+", (struct nj_sub_opts){.qos = 2});
    subscribe(0, "#", (struct nj_sub_opts){.qos = 1, .retain_as_published = true});
    subscribe(1, "a/b", (struct nj_sub_opts){.qos = 1});
    r = find("a/b");
    assert_int_equal(r->target_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct nj_target *t = &r->targets[i];

        assert_int_equal(t->qos, t->who == &who[0] ? 2 : 1);
        assert_int_equal(t->retain_as_published, t->who == &who[0]);
    }
}

/* [MQTT5-3.3.4-3] [MQTT5-3.3.4-4] [MQTT5-3.3.4-5] */
static void
all_identifiers_of_a_target_lie_together(void **state)
{
    const struct nj_route *r;

    (void)state;
    subscribe(0, "a/b", (struct nj_sub_opts){.identifier = 1});
    subscribe(1, "a/b", (struct nj_sub_opts){.identifier = 100});
    subscribe(0, "a/+", (struct nj_sub_opts){.identifier = 2});
    subscribe(0, "#", (struct nj_sub_opts){.qos = 0});
    subscribe(2, "#", (struct nj_sub_opts){.qos = 0});
    r = find("a/b");
    assert_int_equal(r->target_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct nj_target *t = &r->targets[i];
        const uint32_t *identifiers = r->identifiers + t->first_identifier;

        if (t->who == &who[0]) {
            assert_int_equal(t->identifier_count, 2);
            assert_int_equal(identifiers[0] + identifiers[1], 3);
        } else if (t->who == &who[1]) {
            assert_int_equal(t->identifier_count, 1);
            assert_int_equal(identifiers[0], 100);
        } else {
            assert_int_equal(t->identifier_count, 0);
        }
    }
}

static void
where_duplicates_are_allowed_each_subscription_is_a_target(void **state)
{
    (void)state;
    subscribe(0, "a", (struct nj_sub_opts){.identifier = 1});
    subscribe(0, "+", (struct nj_sub_opts){.identifier = 2});
    assert_int_equal(find("a")->target_count, 1);
    /* Not the route that was kept under the other rule. */
    assert_int_equal(nj_router_find(&router, subscriptions, NJ_STR("a"), true)->target_count, 2);
    assert_int_equal(find("a")->target_count, 1);
}

/* [MQTT5-3.8.3-3] */
static void
no_local_counts_for_each_subscription(void **state)
{
    const struct nj_route *r;

    (void)state;
    subscribe(0, "a", (struct nj_sub_opts){.no_local = true, .identifier = 1});
    assert_int_equal(find("a")->targets[0].audience, NJ_FROM_OTHERS);
    subscribe(0, "+", (struct nj_sub_opts){.identifier = 2});
    r = find("a");
    assert_int_equal(r->target_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct nj_target *t = &r->targets[i];

        assert_int_equal(t->identifier_count, t->audience == NJ_FROM_ITSELF ? 1 : 2);
        if (t->audience == NJ_FROM_ITSELF)
            assert_int_equal(r->identifiers[t->first_identifier], 2);
    }
}

static void
a_share_group_is_one_target_however_many_members_it_has(void **state)
{
    const struct nj_route *r;

    (void)state;
    subscribe(0, "$share/g/a", (struct nj_sub_opts){.identifier = 5});
    subscribe(1, "$share/g/a", (struct nj_sub_opts){.qos = 0});
    subscribe(2, "$share/h/a", (struct nj_sub_opts){.qos = 0});
    subscribe(0, "a", (struct nj_sub_opts){.qos = 0});
    r = find("a");
    assert_int_equal(r->target_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true((r->targets[i].who == NULL) != (r->targets[i].group == NULL));
        assert_int_equal(r->targets[i].identifier_count, 0);
    }
}

static void
a_route_is_kept_as_long_as_nothing_changes(void **state)
{
    const struct nj_route *r;

    (void)state;
    subscribe(0, "a", (struct nj_sub_opts){.qos = 0});
    r = find("a");
    assert_ptr_equal(find("a"), r); /* the last one */
    assert_int_equal(router.cached_matches, 0);
    (void)find("other");
    r = find("a"); /* now that it has come again */
    assert_int_equal(router.cached_matches, 1);
    for (int i = 0; i < 100; i++) {
        char once[16];

        (void)snprintf(once, sizeof(once), "once-%d", i);
        assert_int_equal(find(once)->target_count, 0);
        assert_ptr_equal(find("a"), r);
    }
    assert_int_equal(router.cached_matches, 1);
}

static void
any_change_of_subscriptions_makes_kept_routes_stale(void **state)
{
    (void)state;
    assert_int_equal(find("a")->target_count, 0);
    subscribe(0, "a", (struct nj_sub_opts){.qos = 0});
    assert_int_equal(find("a")->target_count, 1);
    subscribe(0, "a", (struct nj_sub_opts){.qos = 2});
    assert_int_equal(find("a")->targets[0].qos, 2);
    nj_index_remove_all(subscriptions, &who[0]);
    assert_int_equal(find("a")->target_count, 0);
}

static void
long_topics_are_routed_but_not_kept(void **state)
{
    static char topic[NJ_ROUTER_CACHE_TOPIC + 2];
    size_t kept = router.cached_matches;

    (void)state;
    memset(topic, 'x', sizeof(topic) - 1);
    subscribe(0, "#", (struct nj_sub_opts){.qos = 1});
    assert_int_equal(find(topic)->target_count, 1);
    assert_int_equal(router.cached_matches, kept);
    assert_non_null(router.uncached);
    assert_int_equal(find(topic)->target_count, 1);
}

static void
the_cache_never_holds_more_than_it_may(void **state)
{
    size_t most = 0;
    char text[32];

    (void)state;
    for (int i = 0; i < 64; i++) {
        (void)snprintf(text, sizeof(text), "$share/g%d/+", i);
        subscribe(0, text, (struct nj_sub_opts){.qos = 0});
    }
    for (int i = 0; i < 8000; i++) { /* each twice, with another one in between */
        (void)snprintf(text, sizeof(text), "topic-%d", i / 4 * 2 + i % 2);
        assert_int_equal(find(text)->target_count, 64);
        assert_true(router.cached_matches <= NJ_ROUTER_CACHE_TARGETS);
        most = NJ_MAX(most, router.cached_matches);
    }
    assert_true(most > NJ_ROUTER_CACHE_TARGETS / 2);
}

static void
without_memory_there_is_no_route_and_then_there_is(void **state)
{
    unsigned failed = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        subscribe(i, "a", (struct nj_sub_opts){.identifier = 1});
        subscribe(i, "+", (struct nj_sub_opts){.identifier = 2});
    }
    for (uint64_t room = 1; failed == 0 || router.cached_matches == 0; room += 32) {
        const struct nj_route *r;

        assert_true(room < 1 << 20);
        nj_mem_limit_set(nj_mem_used() + room);
        r = nj_router_find(&router, subscriptions, NJ_STR("a"), false);
        nj_mem_limit_set(0);
        failed += r == NULL;
        assert_true(r == NULL || r->target_count == 3);
    }
    assert_true(failed > 0);
}

static bool
is_same_route(const struct nj_route *a, const struct nj_route *b)
{
    if (a->target_count != b->target_count || !nj_str_eq(a->topic, b->topic))
        return false;
    for (uint32_t i = 0; i < a->target_count; i++)
        if (a->targets[i].who != b->targets[i].who || a->targets[i].qos != b->targets[i].qos)
            return false;
    return true;
}

/* Topics that were announced and come, come not, or come after others, with subscriptions that
 * change in between, beside a router to which nothing is announced. */
static void
what_is_expected_changes_no_route(void **state)
{
    static const char *const names[] = {"a", "a/b", "b/c/d", "a/x/c", "$SYS/a", "/", "b", "x/y"};
    static const char *const filters[] = {"a/b", "a/+", "#", "+/+/c", "/", "b/#", "+", "$SYS/+"};
    static struct nj_router plain;
    static char buffer[68][16];
    unsigned expected = 0, moved = 0;
    struct nj_rand r;

    (void)state;
    nj_rand_seed(&r, 7);
    for (int i = 0; i < 3000; i++) {
        uint32_t from = nj_rand_below(&r, 50);

        for (int k = 0; k < 68 && i % 10 == 0; k++)
            (void)snprintf(buffer[k], sizeof(buffer[k]), "%s",
                           names[nj_rand_below(&r, NJ_COUNT_OF(names))]);
        for (uint32_t k = from; k < from + 10; k++) {
            struct nj_str name = nj_str_of(buffer[k]), next[NJ_ROUTER_AHEAD];

            for (uint32_t n = 0; n < NJ_ROUTER_AHEAD; n++)
                next[n] = nj_str_of(buffer[k + n]);
            if (nj_rand_below(&r, 6) == 0 || router.expected_first == router.expected_end)
                nj_router_expect(&router, subscriptions, next,
                                 nj_rand_below(&r, NJ_ROUTER_AHEAD + 1));
            if (nj_rand_below(&r, 8) == 0) {
                subscribe((int)nj_rand_below(&r, 4), filters[nj_rand_below(&r, 8)],
                          (struct nj_sub_opts){.qos = nj_rand_below(&r, 3) & 3});
                moved += router.expected_first < router.expected_end;
            }
            if (nj_rand_below(&r, 8) == 0)
                continue;
            expected += router.expected_first < router.expected_end &&
                        router.expected[router.expected_first].topic.p == buffer[k];
            assert_true(is_same_route(nj_router_find(&router, subscriptions, name, false),
                                      nj_router_find(&plain, subscriptions, name, false)));
        }
        nj_router_expect_nothing(&router);
        if (i % 100 == 0)
            nj_index_remove_all(subscriptions, &who[i / 100 % 4]);
    }
    assert_in_range(expected, 10000, 30000);
    assert_true(moved > 1000);
    nj_router_fini(&plain);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(overlapping_subscriptions_become_one_target_at_the_highest_qos),
        TEST(all_identifiers_of_a_target_lie_together),
        TEST(where_duplicates_are_allowed_each_subscription_is_a_target),
        TEST(no_local_counts_for_each_subscription),
        TEST(a_share_group_is_one_target_however_many_members_it_has),
        TEST(a_route_is_kept_as_long_as_nothing_changes),
        TEST(any_change_of_subscriptions_makes_kept_routes_stale),
        TEST(long_topics_are_routed_but_not_kept),
        TEST(the_cache_never_holds_more_than_it_may),
        TEST(without_memory_there_is_no_route_and_then_there_is),
        TEST(what_is_expected_changes_no_route),
    };

    return cmocka_run_group_tests_name("broker/router", tests, NULL, NULL);
}
