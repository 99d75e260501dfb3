/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/kit_test.h"

static struct kit_client c, d, p, w; /* of all tests: the kit parts from them when a test is over */

/* Opens it and tells whether the CONNACK said "session present". */
static bool
is_present(struct kit_client *client, unsigned home, const char *id, bool clean_start,
           uint32_t expiry_s)
{
    struct nj_opening opening = kit_opening(id, expiry_s);

    opening.clean_start = clean_start;
    kit_client(client);
    kit_connect_with(client, home, &opening);
    return client->seen[0].session_present;
}

/* ---- opening ---- */

/* [MQTT5-3.1.2-6] [MQTT5-3.2.2-2] [MQTT311-3.2.2-3] */
static void
a_new_session_is_not_present(void **state)
{
    (void)state;
    assert_false(is_present(&c, 0, "a", false, 100));
    kit_leave(&c, true);
}

/* [MQTT5-3.1.2-5] [MQTT5-3.2.2-3] [MQTT311-3.1.2-4] [MQTT311-3.2.2-2] */
static void
a_session_that_waits_is_resumed_with_its_subscriptions(void **state)
{
    (void)state;
    kit_connect(&c, 0, "a", 100);
    kit_subscribe(&c, "t", 1);
    kit_leave(&c, true);
    assert_true(is_present(&c, 0, "a", false, 100));
    kit_connect(&p, 0, "p", 0);
    kit_publish(&p, "t", "x", 0, 0);
    kit_sees_publish(&c, "x", 0, 0);
}

/* [MQTT5-3.1.2-4] [MQTT311-3.1.2-6] */
static void
a_clean_start_discards_what_was(void **state)
{
    (void)state;
    kit_connect(&c, 0, "a", 100);
    kit_subscribe(&c, "t", 1);
    kit_leave(&c, true);
    kit_connect(&p, 0, "p", 0);
    kit_publish(&p, "t", "x", 1, 1);
    assert_false(is_present(&c, 0, "a", true, 100));
    kit_publish(&p, "t", "y", 1, 2);
    kit_sees_nothing(&c);
    assert_int_equal(kit_gauge(NJ_METRIC_SUBSCRIPTIONS), 0);
}

/* [MQTT5-3.1.2-23] [MQTT311-3.1.2-6] */
static void
a_session_without_expiry_ends_with_its_connection(void **state)
{
    (void)state;
    kit_connect(&c, 0, "a", 0);
    kit_subscribe(&c, "t", 1);
    kit_leave(&c, true);
    assert_int_equal(kit_gauge(NJ_METRIC_SESSIONS), 0);
    assert_false(is_present(&c, 0, "a", false, 0));
}

/* [MQTT5-3.2.0-1] [MQTT311-3.2.0-1] */
static void
nothing_is_sent_before_the_connack(void **state)
{
    struct nj_opening opening = kit_opening("a", 100);

    (void)state;
    kit_connect(&c, 0, "a", 100);
    kit_subscribe(&c, "t", 2);
    kit_leave(&c, true);
    kit_connect(&p, 0, "p", 0);
    kit_publish(&p, "t", "away", 1, 1);
    kit_client(&c);
    assert_int_equal(kit_try_open(&c, 0, &opening), NJ_CAUSE_NONE);
    assert_int_equal(c.count, 0);
    kit_publish(&p, "t", "opening", 1, 2);
    kit_publish(&p, "t", "lost", 0, 0);
    assert_int_equal(c.count, 0);
    kit_commit();
    assert_true(kit_sees(&c, NJ_CONNACK)->session_present);
    kit_sees_publish(&c, "away", 1, 1);
    kit_sees_publish(&c, "opening", 1, 2);
    kit_sees_nothing(&c);
    assert_int_equal(kit.dropped[NJ_CAUSE_OFFLINE_QOS_0], 1);
}

static void
a_connack_waits_until_the_session_is_safe(void **state)
{
    struct nj_opening opening = kit_opening("a", 100);

    (void)state;
    kit_client(&c);
    assert_int_equal(kit_try_open(&c, 0, &opening), NJ_CAUSE_NONE);
    kit_sees_nothing(&c);
    kit_commit_to(0, 1);
    (void)kit_sees(&c, NJ_CONNACK);
}

static void
a_connack_needs_no_store_where_nothing_is_kept(void **state)
{
    struct nj_opening opening = kit_opening("a", 0);

    (void)state;
    kit_client(&c);
    assert_int_equal(kit_try_open(&c, 0, &opening), NJ_CAUSE_NONE);
    (void)kit_sees(&c, NJ_CONNACK);
    assert_int_equal(kit.store[0].appended, 0);
}

/* [MQTT5-3.1.2-4] */
static void
a_clean_start_waits_until_the_end_of_the_old_session_is_safe(void **state)
{
    struct nj_opening opening = kit_opening("a", 0);

    (void)state;
    kit_connect(&c, 0, "a", 100);
    kit_leave(&c, true);
    opening.clean_start = true;
    kit_client(&c);
    assert_int_equal(kit_try_open(&c, 0, &opening), NJ_CAUSE_NONE);
    kit_sees_nothing(&c);
    assert_int_equal(kit.store[0].changes[kit.store[0].appended - 1].kind, NJ_CHANGE_SESSION_END);
    kit_commit();
    (void)kit_sees(&c, NJ_CONNACK);
}

static void
the_limit_of_sessions_counts_those_that_are_away(void **state)
{
    struct nj_opening opening = kit_opening("c", 0);

    (void)state;
    kit.opts.global_max_clients = 2;
    kit_connect(&c, 0, "a", 100);
    kit_leave(&c, true);
    kit_connect(&c, 1, "b", 0);
    kit_client(&c);
    assert_int_equal(kit_try_open(&c, 0, &opening), NJ_CAUSE_GLOBAL_MAX_CLIENTS);
    assert_true(is_present(&c, 0, "a", false, 100));
}

/* ---- take-over ---- */

/* [MQTT5-3.1.4-3] [MQTT311-3.1.4-2] */
static void
a_second_connection_takes_the_session_over(void **state)
{
    static struct kit_client first, second;

    (void)state;
    kit_connect(&first, 0, "a", 100);
    kit_subscribe(&first, "t", 1);
    assert_true(is_present(&second, 0, "a", false, 100));
    assert_int_equal(first.closed, NJ_CAUSE_TAKEN_OVER);
    kit_publish(&second, "t", "x", 0, 0);
    kit_sees_publish(&second, "x", 0, 0);
    kit_sees_nothing(&first);
    assert_int_equal(kit_gauge(NJ_METRIC_CLIENTS_CONNECTED), 1);
}

static void
a_clean_take_over_leaves_nothing_of_the_first(void **state)
{
    static struct kit_client first, second;

    (void)state;
    kit_connect(&first, 0, "a", 100);
    kit_subscribe(&first, "t", 1);
    assert_false(is_present(&second, 0, "a", true, 100));
    assert_int_equal(first.closed, NJ_CAUSE_TAKEN_OVER);
    kit_publish(&second, "t", "x", 0, 0);
    kit_sees_nothing(&second);
    assert_int_equal(kit_gauge(NJ_METRIC_SESSIONS), 1);
}

static void
an_answer_is_not_for_the_next_connection(void **state)
{
    struct nj_opening opening = kit_opening("a", 100);
    static struct kit_client first, second, keeper;

    (void)state;
    kit_connect(&keeper, 0, "k", 100);
    kit_subscribe(&keeper, "t", 1);
    kit_connect(&first, 0, "a", 100);
    kit_commit();
    kit_publish(&first, "t", "x", 1, 7); /* its PUBACK waits */
    kit_client(&second);
    assert_int_equal(kit_try_open(&second, 0, &opening), NJ_CAUSE_NONE);
    kit_commit();
    (void)kit_sees(&second, NJ_CONNACK);
    kit_sees_nothing(&second);
    kit_sees_nothing(&first);
}

/* ---- wills ---- */

/* A client of home 0 with a will to "will", payload = its name. */
static void
connect_with_will(struct kit_client *client, const char *id, uint32_t expiry_s, uint32_t delay_s)
{
    const struct nj_msg_parts will = {
        .topic = NJ_STR("will"), .payload = nj_str_of(id), .qos = 1, .expires = NJ_NEVER};
    struct nj_opening opening = kit_opening(id, expiry_s);

    opening.will = &will;
    opening.will_delay_s = delay_s;
    kit_client(client);
    kit_connect_with(client, 0, &opening);
}

static void
watch_wills(void)
{
    kit_connect(&w, 1, "watcher", 0);
    kit_subscribe(&w, "will", 0);
}

/* [MQTT5-3.1.2-8] [MQTT311-3.1.2-8] */
static void
a_will_is_published_when_the_connection_is_lost(void **state)
{
    (void)state;
    watch_wills();
    connect_with_will(&c, "a", 0, 0);
    kit_settle();
    kit_sees_nothing(&w);
    kit_leave(&c, false);
    kit_settle();
    kit_sees_publish(&w, "a", 0, 0);
    kit_sees_nothing(&w);
}

/* [MQTT5-3.1.2-10] [MQTT5-3.14.4-3] [MQTT311-3.1.2-10] [MQTT311-3.14.4-3] */
static void
a_will_that_is_withdrawn_is_never_published(void **state)
{
    (void)state;
    watch_wills();
    connect_with_will(&c, "a", 10, 5);
    kit_leave(&c, true);
    kit_wait_s(20);
    kit_sees_nothing(&w);
    assert_int_equal(kit.expired, 1);
}

/* [MQTT5-3.1.2-8] */
static void
a_delayed_will_is_published_when_its_delay_has_passed(void **state)
{
    (void)state;
    watch_wills();
    connect_with_will(&c, "a", 100, 5);
    kit_leave(&c, false);
    kit_wait_s(4);
    kit_sees_nothing(&w);
    assert_int_equal(nj_home_next(kit.home[0]), kit.now + 1000);
    kit_wait_s(1);
    kit_sees_publish(&w, "a", 0, 0);
    kit_wait_s(100);
    kit_sees_nothing(&w);
    assert_int_equal(kit.expired, 1);
}

/* [MQTT5-3.1.3-9] */
static void
a_client_that_is_back_in_time_keeps_its_delayed_will_to_itself(void **state)
{
    (void)state;
    watch_wills();
    connect_with_will(&c, "a", 100, 5);
    kit_leave(&c, false);
    kit_wait_s(4);
    kit_connect(&c, 0, "a", 100);
    kit_wait_s(10);
    kit_sees_nothing(&w);
    kit_leave(&c, false);
    kit_wait_s(10);
    kit_sees_nothing(&w);
}

/* [MQTT5-3.1.2-8] */
static void
the_end_of_the_session_does_not_wait_for_the_delay(void **state)
{
    (void)state;
    watch_wills();
    connect_with_will(&c, "a", 3, 60);
    kit_leave(&c, false);
    kit_wait_s(2);
    kit_sees_nothing(&w);
    kit_wait_s(1);
    kit_sees_publish(&w, "a", 0, 0);
    connect_with_will(&c, "b", 0, 60);
    kit_leave(&c, false);
    kit_settle();
    kit_sees_publish(&w, "b", 0, 0);
    connect_with_will(&c, "c", 100, 60);
    kit_leave(&c, false);
    assert_false(is_present(&c, 0, "c", true, 0));
    kit_settle();
    kit_sees_publish(&w, "c", 0, 0);
}

/* [MQTT5-3.1.2-8] [MQTT5-3.1.3-9] */
static void
a_take_over_publishes_a_will_without_delay_and_forgets_one_with(void **state)
{
    (void)state;
    watch_wills();
    connect_with_will(&c, "a", 100, 0);
    kit_connect(&d, 0, "a", 100);
    kit_settle();
    kit_sees_publish(&w, "a", 0, 0);
    connect_with_will(&c, "b", 100, 1);
    kit_connect(&d, 0, "b", 100);
    kit_wait_s(5);
    kit_sees_nothing(&w);
}

static void
say_farewell(struct kit_client *client)
{
    kit_leave(client, true);
}

/* Its client said DISCONNECT and came back at once: the broker finds the new connection first.
 * [MQTT5-3.14.4-3] [MQTT311-3.14.4-3] */
static void
a_farewell_that_is_not_read_yet_comes_before_the_take_over(void **state)
{
    (void)state;
    watch_wills();
    connect_with_will(&c, "a", 100, 0);
    c.says_last = say_farewell;
    assert_true(is_present(&d, 0, "a", false, 100));
    assert_int_equal(c.closed, NJ_CAUSE_NONE);
    connect_with_will(&c, "b", 0, 0);
    c.says_last = say_farewell;
    assert_false(is_present(&d, 0, "b", false, 100));
    kit_settle();
    kit_sees_nothing(&w);
}

static void
a_stopping_broker_publishes_every_will_once(void **state)
{
    static struct kit_client away;

    (void)state;
    watch_wills();
    connect_with_will(&c, "here", 0, 0);
    connect_with_will(&away, "away", 100, 50);
    kit_leave(&away, false);
    nj_home_publish_wills(kit.home[0]);
    kit_settle();
    kit_sees_publish(&w, "here", 0, 0);
    kit_sees_publish(&w, "away", 0, 0);
    kit_leave(&c, false);
    kit_wait_s(100);
    kit_sees_nothing(&w);
}

/* Who comes back to the next process in time has vanished for nobody. [MQTT5-3.1.3-9] */
static void
a_stopping_broker_leaves_delayed_wills_to_the_next(void **state)
{
    static struct kit_client away, ends;
    static struct nj_store_ops lasting;

    (void)state;
    lasting = *kit.store[0].port.ops;
    lasting.outlives_process = true;
    kit.store[0].port.ops = &lasting;
    watch_wills();
    connect_with_will(&c, "here", 100, 50);
    connect_with_will(&away, "away", 100, 50);
    connect_with_will(&ends, "its session ends", 0, 50);
    kit_leave(&away, false);
    nj_home_publish_wills(kit.home[0]);
    kit_leave(&c, false);
    kit_settle();
    kit_sees_publish(&w, "its session ends", 0, 0);
    kit_sees_nothing(&w);
    kit_leave(&ends, false);
    kit_wait_s(50);
    kit_sees_publish(&w, "away", 0, 0); /* as the next process does */
    kit_sees_publish(&w, "here", 0, 0);
    kit_sees_nothing(&w);
}

/* [MQTT5-3.3.1-5] */
static void
a_will_may_be_retained_and_expire(void **state)
{
    const struct nj_msg_parts will = {
        .topic = NJ_STR("will"), .payload = NJ_STR("w"), .retain = true, .expires = NJ_NEVER};
    struct nj_opening opening = kit_opening("a", 0);

    (void)state;
    opening.will = &will;
    opening.will_expiry_s = 10;
    kit_client(&c);
    kit_connect_with(&c, 0, &opening);
    kit_wait_s(60); /* its time begins when it is published */
    kit_leave(&c, false);
    kit_wait_s(9);
    kit_connect(&w, 1, "w", 0);
    kit_subscribe(&w, "will", 0);
    nj_retained_start(w.session);
    kit_settle();
    assert_true(kit_sees_publish(&w, "w", 0, 0)->retain);
    kit_wait_s(1);
    kit_subscribe(&w, "will", 0);
    nj_retained_start(w.session);
    kit_settle();
    kit_sees_nothing(&w);
}

/* ---- expiry ---- */

/* [MQTT5-3.1.2-23] */
static void
a_session_that_is_away_too_long_ends(void **state)
{
    (void)state;
    kit_connect(&c, 0, "a", 10);
    kit_subscribe(&c, "t", 1);
    kit_wait_s(100); /* being connected is not being away */
    kit_leave(&c, true);
    kit_wait_s(9);
    assert_int_equal(kit_gauge(NJ_METRIC_SESSIONS), 1);
    assert_int_equal(kit.expired, 0);
    kit_wait_s(1);
    assert_int_equal(kit_gauge(NJ_METRIC_SESSIONS), 0);
    assert_int_equal(kit.expired, 1);
    assert_int_equal(kit_gauge(NJ_METRIC_SESSIONS_EXPIRED), 1);
    assert_int_equal(kit.store[0].changes[kit.store[0].appended - 1].kind, NJ_CHANGE_SESSION_END);
}

static void
for_ever_is_for_ever_unless_the_broker_limits_it(void **state)
{
    (void)state;
    kit_connect(&c, 0, "a", NJ_SESSION_FOR_EVER);
    kit_leave(&c, true);
    assert_int_equal(nj_home_next(kit.home[0]), NJ_NEVER);
    kit_connect(&c, 0, "a", NJ_SESSION_FOR_EVER);
    kit.opts.persistent_client_expiration_s = 60;
    kit_leave(&c, true);
    kit_wait_s(60);
    assert_int_equal(kit_gauge(NJ_METRIC_SESSIONS), 0);
}

/* [MQTT5-3.14.2-2] */
static void
disconnect_may_change_the_expiry_but_not_from_zero(void **state)
{
    (void)state;
    kit_connect(&c, 0, "a", 0);
    assert_false(nj_session_set_expiry(c.session, 10));
    assert_true(nj_session_set_expiry(c.session, 0));
    kit_leave(&c, true);
    kit_connect(&c, 0, "b", 10);
    assert_true(nj_session_set_expiry(c.session, 20));
    kit_leave(&c, true);
    kit_wait_s(19);
    assert_int_equal(kit_gauge(NJ_METRIC_SESSIONS), 1);
    kit_wait_s(1);
    assert_int_equal(kit_gauge(NJ_METRIC_SESSIONS), 0);
}

/* What the store has, it must be told to forget. */
static void
the_store_hears_of_the_end_also_when_disconnect_brought_it(void **state)
{
    (void)state;
    kit_connect(&c, 0, "a", 10);
    assert_true(nj_session_set_expiry(c.session, 0));
    kit_leave(&c, true);
    assert_int_equal(kit.store[0].changes[kit.store[0].appended - 1].kind, NJ_CHANGE_SESSION_END);
    kit_connect(&c, 0, "b", 10);
    kit_leave(&c, true);
    assert_true(is_present(&c, 0, "b", false, 0));
    kit_leave(&c, true);
    assert_int_equal(kit.store[0].changes[kit.store[0].appended - 1].kind, NJ_CHANGE_SESSION_END);
}

/* ---- subscribing ---- */

/* [MQTT5-3.8.4-3] [MQTT311-3.8.4-3] */
static void
the_same_filter_again_replaces_the_subscription(void **state)
{
    (void)state;
    kit_connect(&c, 0, "a", 0);
    kit_subscribe(&c, "t", 0);
    kit_subscribe(&c, "t", 1);
    assert_int_equal(kit_gauge(NJ_METRIC_SUBSCRIPTIONS), 1);
    kit_publish(&c, "t", "x", 1, 7);
    kit_sees_publish(&c, "x", 1, 1);
    (void)kit_sees_ack(&c, NJ_PUBACK, 7, 0);
    kit_sees_nothing(&c);
}

static void
the_limit_of_subscriptions_lets_replacements_pass(void **state)
{
    struct nj_subscription third = {.filter = NJ_STR("c")};

    (void)state;
    kit.opts.max_subscriptions_per_client = 2;
    kit_connect(&c, 0, "a", 0);
    kit_subscribe(&c, "a", 0);
    kit_subscribe(&c, "b", 0);
    assert_int_equal(kit_subscribe_with(&c, third, 0), NJ_REASON_QUOTA_EXCEEDED);
    assert_int_equal(kit.dropped[NJ_CAUSE_MAX_SUBSCRIPTIONS], 1);
    assert_int_equal(kit_gauge(NJ_METRIC_SUBSCRIPTIONS), 2);
    kit_publish(&c, "c", "x", 0, 0);
    kit_sees_nothing(&c);
    kit_subscribe(&c, "b", 2);
    assert_int_equal(nj_session_unsubscribe(c.session, NJ_STR("a")), 0);
    assert_int_equal(kit_subscribe_with(&c, third, 0), 0);
}

static void
a_filter_that_is_too_deep_is_refused(void **state)
{
    struct nj_subscription s = {.filter = NJ_STR("1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1")};

    (void)state;
    kit_connect(&c, 0, "a", 0);
    assert_int_equal(kit_subscribe_with(&c, s, 0), NJ_REASON_TOPIC_FILTER_INVALID);
    assert_int_equal(kit.dropped[NJ_CAUSE_TOPIC_TOO_DEEP], 1);
}

/* [MQTT5-3.10.4-1] [MQTT5-3.10.4-2] [MQTT311-3.10.4-1] [MQTT311-3.10.4-2] */
static void
what_is_unsubscribed_comes_no_more(void **state)
{
    (void)state;
    kit_connect(&c, 0, "a", 0);
    kit_subscribe(&c, "t", 1);
    assert_int_equal(nj_session_unsubscribe(c.session, NJ_STR("t")), NJ_REASON_SUCCESS);
    assert_int_equal(nj_session_unsubscribe(c.session, NJ_STR("t")),
                     NJ_REASON_NO_SUBSCRIPTION_EXISTED);
    kit_publish(&c, "t", "x", 0, 0);
    kit_sees_nothing(&c);
    assert_int_equal(kit_gauge(NJ_METRIC_SUBSCRIPTIONS), 0);
}

static void
a_suback_of_a_kept_session_waits_for_the_store(void **state)
{
    (void)state;
    kit_connect(&c, 0, "a", 10);
    kit_subscribe(&c, "t", 1);
    nj_session_answer_subscribe(c.session, NJ_SUBACK, 5, NJ_STR("\1"));
    kit_sees_nothing(&c);
    kit_commit();
    assert_int_equal(kit_sees_ack(&c, NJ_SUBACK, 5, 0)->codes[0], 1);
    assert_int_equal(nj_session_unsubscribe(c.session, NJ_STR("t")), 0);
    nj_session_answer_subscribe(c.session, NJ_UNSUBACK, 6, NJ_STR("\0"));
    kit_sees_nothing(&c);
    kit_commit();
    (void)kit_sees_ack(&c, NJ_UNSUBACK, 6, 0);
}

/* A bridge does not get back what it brought. */
static void
a_bridge_subscribes_with_no_local_and_retain_as_published(void **state)
{
    struct nj_opening opening = kit_opening("bridge", 0);
    static struct kit_client bridge;

    (void)state;
    opening.is_bridge = true;
    kit_client(&bridge);
    kit_connect_with(&bridge, 0, &opening);
    kit_subscribe(&bridge, "t", 0);
    kit_publish(&bridge, "t", "own", 0, 0);
    kit_sees_nothing(&bridge);
    kit_connect(&p, 0, "p", 0);
    kit_retain(&p, "t", "other");
    assert_true(kit_sees_publish(&bridge, "other", 0, 0)->retain);
}

/* What stays when its client has gone leaves the last sixteenth of the memory to others. */
static void
sessions_that_are_kept_leave_memory_to_who_comes(void **state)
{
    struct nj_subscription s = {.filter = NJ_STR("u"), .qos = 1};
    struct nj_publication pub = kit_publication("t", "x", 1);
    static struct kit_client away, kept, late, here;
    struct nj_opening opening = kit_opening("late", 100);
    void *ballast = nj_alloc(8u << 20);

    (void)state;
    assert_non_null(ballast);
    kit_connect(&away, 0, "away", 100);
    kit_subscribe(&away, "t", 1);
    kit_leave(&away, true);
    kit_connect(&kept, 0, "kept", 100);
    nj_mem_limit_set(nj_mem_used() + (256u << 10));
    kit_connect(&here, 0, "here", 0);
    kit_subscribe(&here, "u", 1);
    kit_publish(&here, "u", "x", 1, 1);
    kit_sees_publish(&here, "x", 1, 1);
    assert_int_equal(kit_publish_full(&here, pub, 2, NJ_NO_EXPIRY), NJ_CAUSE_OUT_OF_MEMORY);
    assert_int_equal(kit_subscribe_with(&kept, s, 0), NJ_REASON_QUOTA_EXCEEDED);
    kit_client(&late);
    assert_int_equal(kit_try_open(&late, 0, &opening), NJ_CAUSE_OUT_OF_MEMORY);
    kit_connect(&away, 0, "away", 100); /* what is there may be taken up */
    nj_free(ballast);
    assert_int_equal(kit_subscribe_with(&kept, s, 0), 1);
    assert_int_equal(kit_try_open(&late, 0, &opening), NJ_CAUSE_NONE);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_begin, kit_end)
    const struct CMUnitTest tests[] = {
        TEST(a_new_session_is_not_present),
        TEST(a_session_that_waits_is_resumed_with_its_subscriptions),
        TEST(a_clean_start_discards_what_was),
        TEST(a_session_without_expiry_ends_with_its_connection),
        TEST(nothing_is_sent_before_the_connack),
        TEST(a_connack_waits_until_the_session_is_safe),
        TEST(a_connack_needs_no_store_where_nothing_is_kept),
        TEST(a_clean_start_waits_until_the_end_of_the_old_session_is_safe),
        TEST(the_limit_of_sessions_counts_those_that_are_away),
        TEST(a_second_connection_takes_the_session_over),
        TEST(a_clean_take_over_leaves_nothing_of_the_first),
        TEST(an_answer_is_not_for_the_next_connection),
        TEST(a_will_is_published_when_the_connection_is_lost),
        TEST(a_will_that_is_withdrawn_is_never_published),
        TEST(a_delayed_will_is_published_when_its_delay_has_passed),
        TEST(a_client_that_is_back_in_time_keeps_its_delayed_will_to_itself),
        TEST(the_end_of_the_session_does_not_wait_for_the_delay),
        TEST(a_take_over_publishes_a_will_without_delay_and_forgets_one_with),
        TEST(a_farewell_that_is_not_read_yet_comes_before_the_take_over),
        TEST(a_stopping_broker_publishes_every_will_once),
        TEST(a_stopping_broker_leaves_delayed_wills_to_the_next),
        TEST(a_will_may_be_retained_and_expire),
        TEST(a_session_that_is_away_too_long_ends),
        TEST(for_ever_is_for_ever_unless_the_broker_limits_it),
        TEST(disconnect_may_change_the_expiry_but_not_from_zero),
        TEST(the_store_hears_of_the_end_also_when_disconnect_brought_it),
        TEST(the_same_filter_again_replaces_the_subscription),
        TEST(the_limit_of_subscriptions_lets_replacements_pass),
        TEST(a_filter_that_is_too_deep_is_refused),
        TEST(what_is_unsubscribed_comes_no_more),
        TEST(a_suback_of_a_kept_session_waits_for_the_store),
        TEST(a_bridge_subscribes_with_no_local_and_retain_as_published),
        TEST(sessions_that_are_kept_leave_memory_to_who_comes),
    };

    return cmocka_run_group_tests_name("broker/session", tests, NULL, NULL);
}
