/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/kit_test.h"
#include "broker/restore.h"

static struct kit_client p, c;
static struct nj_restore *r;

/* ---- what a store would tell ---- */

static int
begin(void **state)
{
    (void)kit_begin(state);
    r = nj_restore_begin(kit.broker, kit.now);
    assert_non_null(r);
    return 0;
}

static int
end(void **state)
{
    nj_restore_free(r);
    return kit_end(state);
}

static unsigned
home_of(const char *id)
{
    return nj_broker_home_of(kit.broker, nj_str_of(id));
}

static void
tell_session(uint64_t number, const char *id, uint32_t expiry_s, nj_time left)
{
    const struct nj_session_state state = {
        .client_id = nj_str_of(id), .expiry_s = expiry_s, .left = left};

    assert_int_equal(nj_restore_reader.session(r, number, &state), NJ_OK);
}

static void
tell_subscription(const char *filter, uint8_t qos)
{
    const struct nj_sub_opts opts = {.qos = qos};

    assert_int_equal(nj_restore_reader.subscription(r, nj_str_of(filter), &opts), NJ_OK);
}

static struct nj_msg *
message(const char *topic, const char *payload, uint8_t qos, uint64_t number)
{
    const struct nj_msg_parts parts = {
        .topic = nj_str_of(topic),
        .payload = nj_str_of(payload),
        .qos = qos,
        .number = number,
        .arrived = kit.now,
        .expires = NJ_NEVER,
    };
    struct nj_msg *msg = nj_msg_new(&parts);

    assert_non_null(msg);
    return msg;
}

static void
tell_queued(const char *payload, uint8_t qos, uint64_t number, uint16_t packet_id)
{
    const uint32_t identifiers[2] = {7, 8};
    const struct nj_terms terms = {.qos = qos, .identifiers = identifiers, .identifier_count = 2};
    struct nj_msg *msg = message("t", payload, qos, number);

    assert_int_equal(nj_restore_reader.queued(r, msg, &terms, packet_id), NJ_OK);
    nj_msg_unref(msg);
}

static void
tell_received(uint64_t session, uint16_t packet_id, const char *payload)
{
    struct nj_msg *msg = payload != NULL ? message("t", payload, 2, 5000 + packet_id) : NULL;

    assert_int_equal(nj_restore_reader.received(r, session, packet_id, msg), NJ_OK);
    nj_msg_unref(msg);
}

static void
tell_will(uint64_t session, const char *payload, uint32_t delay_s)
{
    const struct nj_will will = {
        .topic = nj_str_of("t"),
        .payload = nj_str_of(payload),
        .qos = 1,
        .delay_s = delay_s,
        .expiry_s = NJ_NO_EXPIRY,
    };

    assert_int_equal(nj_restore_reader.will(r, session, &will), NJ_OK);
}

static void
finish(void)
{
    const struct nj_store_numbers numbers = {.session = 100, .message = 9000};

    assert_int_equal(nj_restore_finish(r, &numbers), NJ_OK);
    kit_settle();
}

/* `id` again, and its session is there. */
static void
come_back(struct kit_client *client, const char *id)
{
    kit_connect(client, home_of(id), id, 1000);
    assert_true(client->seen[0].session_present);
}

/* The packet identifier that its session, of which none is known, begins with. */
static uint16_t
first_given(const char *id)
{
    return (uint16_t)(nj_hash(nj_str_of(id)) % 65535 + 2);
}

/* ---- sessions ---- */

static void
a_session_is_there_again_with_what_it_subscribes_to_and_what_waits_for_it(void **state)
{
    const struct kit_packet *seen;

    (void)state;
    tell_session(3, "c", 1000, NJ_NEVER);
    tell_subscription("t", 1);
    tell_queued("a", 1, 1, 0);
    tell_queued("b", 1, 2, 0);
    finish();
    assert_int_equal(kit_gauge(NJ_METRIC_SUBSCRIPTIONS), 1);
    assert_int_equal(kit_gauge(NJ_METRIC_QUEUED_MESSAGES), 2);
    come_back(&c, "c");
    seen = kit_sees_publish(&c, "a", 1, first_given("c"));
    assert_int_equal(seen->identifier_count, 2);
    assert_int_equal(seen->identifiers[1], 8);
    assert_false(seen->dup);
    kit_sees_publish(&c, "b", 1, first_given("c") + 1);
    kit_connect(&p, 0, "p", 0);
    kit_publish(&p, "t", "new", 1, 1);
    kit_settle();
    kit_sees_publish(&c, "new", 1, first_given("c") + 2);
}

static void
numbers_go_on_behind_those_of_the_store(void **state)
{
    (void)state;
    tell_session(3, "c", 1000, NJ_NEVER);
    tell_subscription("t", 1);
    finish();
    kit_connect(&p, 1, "p", 0);
    assert_int_equal(p.session->subscriber.number, 101);
    kit_publish(&p, "t", "x", 1, 1);
    assert_true(kit_change(1, NJ_CHANGE_QUEUED, 0)->message > 9000);
    assert_int_equal(kit_change(1, NJ_CHANGE_QUEUED, 0)->session, 3);
}

static void
time_away_counts_from_when_the_connection_ended(void **state)
{
    unsigned home = home_of("c");

    (void)state;
    tell_session(3, "c", 10, kit.now - 4000);
    tell_session(4, "d", 10, NJ_NEVER); /* was connected: from the start */
    finish();
    kit_wait_s(5);
    assert_int_equal(kit_gauge(NJ_METRIC_SESSIONS), 2);
    kit_wait_s(1);
    assert_int_equal(kit_gauge(NJ_METRIC_SESSIONS), 1);
    assert_int_equal(kit_change(home, NJ_CHANGE_SESSION_END, 0)->session, 3);
    kit_wait_s(4);
    assert_int_equal(kit_gauge(NJ_METRIC_SESSIONS), 0);
}

static void
what_should_have_ended_ends_at_once(void **state)
{
    (void)state;
    tell_session(3, "c", 10, kit.now - 100000);
    tell_session(4, "d", 0, NJ_NEVER); /* its DISCONNECT had said so */
    finish();
    assert_int_equal(kit_gauge(NJ_METRIC_SESSIONS), 0);
}

/* ---- QoS 2 ---- */

/* [MQTT5-4.4.0-1] */
static void
the_window_of_qos_2_goes_on_under_its_identifiers(void **state)
{
    (void)state;
    tell_session(3, "c", 1000, NJ_NEVER);
    tell_subscription("t", 2);
    tell_queued("one", 2, 8, 1);
    tell_queued("waits", 2, 9, 0);
    assert_int_equal(nj_restore_reader.released(r, 65533), NJ_OK);
    finish();
    come_back(&c, "c");
    kit_sees_ack(&c, NJ_PUBREL, 65533, 0);
    assert_true(kit_sees_publish(&c, "one", 2, 1)->dup);
    kit_commit();
    assert_false(kit_sees_publish(&c, "waits", 2, 2 + NJ_INFLIGHT_LEAP)->dup);
    assert_int_equal(nj_session_pubcomp(c.session, 65533), NJ_CAUSE_NONE);
    assert_int_equal(kit_change(home_of("c"), NJ_CHANGE_COMPLETED, 0)->packet_id, 65533);
    assert_int_equal(nj_session_pubrec(c.session, 65534, 0), NJ_CAUSE_PACKET_ID_UNKNOWN);
    assert_int_equal(nj_session_pubrec(c.session, 1, 0), NJ_CAUSE_NONE);
    assert_int_equal(kit_change(home_of("c"), NJ_CHANGE_RECEIVED, 0)->message, 8);
}

/* Those of an end that has lost something are not known: with `durability interval`, say. */
static void
identifiers_begin_elsewhere_at_each_start(void **state)
{
    uint16_t before = first_given("c");

    (void)state;
    nj_hash_key_set(3, 4); /* each process draws one */
    assert_int_not_equal(first_given("c"), before);
    tell_session(3, "c", 1000, NJ_NEVER);
    tell_queued("waits", 1, 9, 0);
    finish();
    come_back(&c, "c");
    (void)kit_sees_publish(&c, "waits", 1, first_given("c"));
}

/* [MQTT5-4.3.3-10] */
static void
an_identifier_taken_before_is_known_again(void **state)
{
    (void)state;
    tell_session(3, "p", 1000, NJ_NEVER);
    tell_received(3, 7, NULL);
    finish();
    kit_connect(&c, 0, "c", 0);
    kit_subscribe(&c, "t", 2);
    come_back(&p, "p");
    kit_publish(&p, "t", "again", 2, 7);
    kit_settle();
    kit_sees_ack(&p, NJ_PUBREC, 7, 0);
    kit_sees_nothing(&c);
}

static void
what_was_taken_and_not_routed_is_routed(void **state)
{
    const struct nj_change *routed;

    (void)state;
    tell_session(3, "p", 1000, NJ_NEVER);
    tell_received(3, 8, "second");
    tell_received(3, 7, "first");
    tell_session(4, "c", 1000, NJ_NEVER);
    tell_subscription("t", 2);
    tell_received(99, 1, "of a clean session");
    finish();
    routed = kit_change(home_of("p"), NJ_CHANGE_ROUTED, home_of("p") == 0 ? 1 : 0);
    assert_int_equal(routed->session, 3);
    come_back(&c, "c");
    kit_sees_publish(&c, "of a clean session", 2, first_given("c"));
    kit_sees_publish(&c, "first", 2, first_given("c") + 1);
    kit_sees_publish(&c, "second", 2, first_given("c") + 2);
    come_back(&p, "p");
    nj_session_pubrel(p.session, 7);
    kit_settle();
    kit_sees_ack(&p, NJ_PUBCOMP, 7, 0);
}

/* What was taken before another acknowledgement was told, or before the limit was lowered. */
static void
what_was_taken_is_routed_though_the_queue_is_full(void **state)
{
    static const char *const receivers[] = {"a", "c"};

    (void)state;
    assert_int_not_equal(home_of("a"), home_of("c"));
    kit.opts.max_queued_messages = 1;
    tell_session(3, "p", 1000, NJ_NEVER);
    tell_received(3, 7, "first");
    tell_received(3, 8, "second");
    for (unsigned i = 0; i < NJ_COUNT_OF(receivers); i++) {
        tell_session(4 + i, receivers[i], 1000, NJ_NEVER);
        tell_subscription("t", 2);
        tell_queued("before", 2, 4000, 0);
    }
    finish();
    for (unsigned i = 0; i < NJ_COUNT_OF(receivers); i++) {
        come_back(&c, receivers[i]);
        kit_sees_publish(&c, "before", 2, first_given(receivers[i]));
        kit_sees_publish(&c, "first", 2, first_given(receivers[i]) + 1);
        kit_sees_publish(&c, "second", 2, first_given(receivers[i]) + 2);
        kit_leave(&c, true);
    }
}

/* A commit may have ended between two receivers, or two copies of one message. [MQTT5-4.3.3-1] */
static void
what_has_arrived_is_not_routed_to_its_receiver_again(void **state)
{
    (void)state;
    tell_session(3, "p", 1000, NJ_NEVER);
    tell_received(3, 7, "x"); /* message 5007 */
    tell_session(4, "has it", 1000, NJ_NEVER);
    tell_subscription("t", 2);
    tell_queued("x", 2, 5007, 0);
    tell_session(5, "is sent it", 1000, NJ_NEVER);
    tell_subscription("t", 2);
    tell_queued("x", 2, 5007, 9);
    tell_session(6, "has it not", 1000, NJ_NEVER);
    tell_subscription("t", 2);
    finish();
    come_back(&c, "has it");
    kit_sees_publish(&c, "x", 2, first_given("has it"));
    kit_settle();
    kit_sees_nothing(&c);
    kit_leave(&c, true);
    come_back(&c, "is sent it");
    assert_true(kit_sees_publish(&c, "x", 2, 9)->dup);
    kit_settle();
    kit_sees_nothing(&c);
    kit_leave(&c, true);
    come_back(&c, "has it not");
    kit_sees_publish(&c, "x", 2, first_given("has it not"));
    kit_settle();
    kit_sees_nothing(&c);
}

/* It was changing its member when the process ended. */
static void
stays_with_one(bool has_unsubscribed)
{
    const struct nj_terms terms = {.qos = 2, .group = 77};
    struct nj_msg *msg = message("t", "x", 2, 9);

    tell_session(3, "a", 1000, NJ_NEVER);
    if (!has_unsubscribed)
        tell_subscription("$share/g/t", 2);
    assert_int_equal(nj_restore_reader.queued(r, msg, &terms, 0), NJ_OK);
    tell_session(4, "b", 1000, NJ_NEVER);
    tell_subscription("$share/g/t", 2);
    assert_int_equal(nj_restore_reader.queued(r, msg, &terms, 5), NJ_OK);
    nj_msg_unref(msg);
    finish();
    assert_int_equal(kit_change(home_of("a"), NJ_CHANGE_DELIVERED, 0)->session, 3);
    come_back(&c, "a");
    kit_settle();
    kit_sees_nothing(&c);
    kit_leave(&c, true);
    come_back(&c, "b");
    assert_true(kit_sees_publish(&c, "x", 2, 5)->dup);
}

/* [MQTT5-4.8.2-5] */
static void
a_message_of_a_share_group_stays_with_one_member(void **state)
{
    (void)state;
    stays_with_one(false);
}

/* What it had before, its session still has. */
static void
it_does_not_stay_with_another_who_has_unsubscribed(void **state)
{
    (void)state;
    stays_with_one(true);
}

/* It may have been sent already, and is sent at most once. */
static void
what_was_taken_is_not_routed_again_at_qos_0(void **state)
{
    (void)state;
    kit.opts.queue_qos0_messages = true;
    tell_session(3, "p", 1000, NJ_NEVER);
    tell_received(3, 7, "x");
    tell_session(4, "c", 1000, NJ_NEVER);
    tell_subscription("t", 0);
    finish();
    come_back(&c, "c");
    kit_settle();
    kit_sees_nothing(&c);
}

/* ---- wills and retained messages ---- */

/* [MQTT5-3.1.2-8] */
static void
wills_of_those_who_were_connected_are_published(void **state)
{
    (void)state;
    tell_session(3, "gone", 1000, NJ_NEVER);
    tell_will(3, "late", 5);
    tell_session(5, "gone before", 1000, kit.now - 3000);
    tell_will(5, "sooner", 5);
    tell_session(4, "c", 1000, NJ_NEVER);
    tell_subscription("t", 1);
    tell_will(98, "of a clean session", 0);
    finish();
    assert_int_equal(kit_change(0, NJ_CHANGE_WILL, 0)->session, 98);
    assert_null(kit_change(0, NJ_CHANGE_WILL, 0)->will);
    come_back(&c, "c");
    kit_settle();
    kit_sees_publish(&c, "of a clean session", 1, first_given("c"));
    kit_sees_nothing(&c);
    kit_wait_s(2);
    kit_sees_publish(&c, "sooner", 1, first_given("c") + 1);
    kit_wait_s(3);
    kit_sees_publish(&c, "late", 1, first_given("c") + 2);
}

static void
retained_messages_are_there(void **state)
{
    struct nj_msg *msg = message("t", "kept", 1, 7);

    (void)state;
    assert_int_equal(nj_restore_reader.retained(r, msg), NJ_OK);
    nj_msg_unref(msg);
    finish();
    kit_connect(&c, 0, "c", 0);
    kit_subscribe(&c, "t", 1);
    nj_session_answer_subscribe(c.session, NJ_SUBACK, 1, nj_str_of("\1"));
    (void)kit_sees(&c, NJ_SUBACK);
    assert_true(kit_sees_publish(&c, "kept", 1, 1)->retain);
}

/* Also by another process, whose hashes have another key. [MQTT5-3.8.3-3] */
static void
a_retained_message_is_still_its_publishers(void **state)
{
    struct nj_subscription own = {.filter = NJ_STR("t"), .qos = 1, .no_local = true};
    struct nj_msg_parts parts = {.topic = NJ_STR("t"), .payload = NJ_STR("x"), .number = 7};
    struct nj_msg *msg;

    (void)state;
    kit_connect(&p, 0, "p", 0);
    parts.source = p.session->source;
    parts.expires = NJ_NEVER;
    kit_leave(&p, true);
    nj_hash_key_set(3, 4);
    msg = nj_msg_new(&parts);
    assert_non_null(msg);
    assert_int_equal(nj_restore_reader.retained(r, msg), NJ_OK);
    nj_msg_unref(msg);
    finish();
    kit_connect(&p, 0, "p", 0);
    assert_int_equal(kit_subscribe_with(&p, own, 0), 1);
    nj_session_answer_subscribe(p.session, NJ_SUBACK, 1, nj_str_of("\1"));
    (void)kit_sees(&p, NJ_SUBACK);
    kit_sees_nothing(&p);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
        TEST(a_session_is_there_again_with_what_it_subscribes_to_and_what_waits_for_it),
        TEST(numbers_go_on_behind_those_of_the_store),
        TEST(time_away_counts_from_when_the_connection_ended),
        TEST(what_should_have_ended_ends_at_once),
        TEST(the_window_of_qos_2_goes_on_under_its_identifiers),
        TEST(identifiers_begin_elsewhere_at_each_start),
        TEST(an_identifier_taken_before_is_known_again),
        TEST(what_was_taken_and_not_routed_is_routed),
        TEST(what_was_taken_is_routed_though_the_queue_is_full),
        TEST(what_has_arrived_is_not_routed_to_its_receiver_again),
        TEST(a_message_of_a_share_group_stays_with_one_member),
        TEST(it_does_not_stay_with_another_who_has_unsubscribed),
        TEST(what_was_taken_is_not_routed_again_at_qos_0),
        TEST(wills_of_those_who_were_connected_are_published),
        TEST(retained_messages_are_there),
        TEST(a_retained_message_is_still_its_publishers),
    };

    return cmocka_run_group_tests_name("broker/restore", tests, NULL, NULL);
}
