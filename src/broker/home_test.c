/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/kit_test.h"

static struct kit_client p, a, b; /* of all tests: the kit parts from them when a test is over */

/* ---- between homes ---- */

static void
a_message_for_another_home_travels_in_one_bundle(void **state)
{
    (void)state;
    kit_connect(&p, 0, "p", 0);
    kit_connect(&a, 1, "a", 0);
    kit_connect(&b, 1, "b", 0);
    kit_subscribe(&a, "t", 0);
    kit_subscribe(&b, "t", 1);
    assert_false(nj_home_has_mail(kit.home[0]));
    kit_publish(&p, "t", "1", 1, 1);
    kit_publish(&p, "t", "2", 0, 0);
    kit_sees_nothing(&a);
    assert_true(nj_home_has_mail(kit.home[0]));
    nj_home_post(kit.home[0]);
    assert_false(nj_home_has_mail(kit.home[0]));
    assert_int_equal(kit.mail_count[1], 1);
    kit_turn();
    kit_sees_publish(&a, "1", 0, 0);
    kit_sees_publish(&a, "2", 0, 0);
    kit_sees_publish(&b, "1", 1, 1);
    kit_sees_publish(&b, "2", 0, 0);
}

/* [MQTT5-3.3.4-3] */
static void
identifiers_and_flags_travel_along(void **state)
{
    struct nj_subscription s = {.filter = NJ_STR("t"), .retain_as_published = true};
    const struct kit_packet *packet;

    (void)state;
    kit_connect(&p, 0, "p", 0);
    kit_connect(&a, 1, "a", 0);
    (void)kit_subscribe_with(&a, s, 7);
    s.filter = NJ_STR("+");
    (void)kit_subscribe_with(&a, s, 8);
    kit_retain(&p, "t", "x");
    kit_turn();
    packet = kit_sees_publish(&a, "x", 0, 0);
    assert_true(packet->retain);
    assert_int_equal(packet->identifier_count, 2);
    assert_int_equal(packet->identifiers[0] + packet->identifiers[1], 15);
}

/* Mail outlives a session: its place may be another's by the time it arrives. */
static void
mail_is_not_for_the_next_session_in_the_same_slot(void **state)
{
    nj_handle first;

    (void)state;
    kit_connect(&p, 0, "p", 0);
    kit_connect(&a, 1, "a", 0);
    kit_subscribe(&a, "t", 1);
    first = a.session->subscriber.handle;
    kit_publish(&p, "t", "x", 1, 1);
    kit_leave(&a, true);
    kit_connect(&b, 1, "b", 0);
    kit_subscribe(&b, "t", 1);
    assert_int_equal(b.session->subscriber.handle.slot, first.slot);
    assert_int_not_equal(b.session->subscriber.handle.generation, first.generation);
    assert_null(nj_home_session(kit.home[1], first));
    kit_turn();
    kit_sees_nothing(&b);
    assert_int_equal(kit.dropped[NJ_CAUSE_SESSION_GONE], 1);
}

/* [MQTT5-3.8.3-3] */
static void
no_local_holds_between_homes_and_for_retained_messages(void **state)
{
    struct nj_subscription s = {.filter = NJ_STR("t"), .no_local = true};

    (void)state;
    kit_connect(&a, 0, "a", 0);
    kit_connect(&p, 1, "p", 0);
    (void)kit_subscribe_with(&a, s, 0);
    kit_publish(&a, "t", "own", 0, 0);
    kit_publish(&p, "t", "other", 0, 0);
    kit_publish(&a, "t", "own", 1, 7);
    kit_commit();
    kit_sees_ack(&a, NJ_PUBACK, 7, NJ_REASON_SUCCESS); /* somebody has subscribed */
    kit_settle();
    kit_sees_publish(&a, "other", 0, 0);
    kit_retain(&a, "t", "own");
    (void)kit_subscribe_with(&a, s, 0);
    nj_retained_start(a.session);
    kit_settle();
    kit_sees_nothing(&a);
}

static void
many_sessions_are_found_by_their_names(void **state)
{
    static struct kit_client c[300];
    char id[16];

    (void)state;
    for (int i = 0; i < 300; i++) {
        (void)snprintf(id, sizeof(id), "client-%d", i);
        kit_connect(&c[i], 0, id, 1000);
        kit_leave(&c[i], true);
    }
    assert_int_equal(kit_gauge(NJ_METRIC_SESSIONS), 300);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(id, sizeof(id), "client-%d", i);
        kit_connect(&c[i], 0, id, 1000);
        assert_true(c[i].seen[0].session_present);
    }
}

/* ---- share groups ---- */

#define SHARED "$share/g/t"

/* Member `id` of the group at a home; without `expiry_s` it ends with its connection. */
static void
join(struct kit_client *c, unsigned home, const char *id, uint32_t expiry_s, uint8_t qos)
{
    kit_connect(c, home, id, expiry_s);
    kit_subscribe(c, SHARED, qos);
    kit_commit();
}

/* [MQTT5-4.8.2-1] */
static void
members_take_turns_wherever_they_are_at_home(void **state)
{
    (void)state;
    kit_connect(&p, 0, "p", 0);
    join(&a, 0, "a", 0, 0);
    join(&b, 1, "b", 0, 0);
    for (int i = 0; i < 10; i++)
        kit_publish(&p, "t", "x", 0, 0);
    kit_settle();
    assert_int_equal(a.count - a.looked_at, 5);
    assert_int_equal(b.count - b.looked_at, 5);
}

/* [MQTT5-4.8.2-3] */
static void
a_member_gets_it_at_its_own_qos_with_its_own_identifier(void **state)
{
    struct nj_subscription s = {.filter = NJ_STR(SHARED), .qos = 1};
    const struct kit_packet *packet;

    (void)state;
    kit_connect(&p, 0, "p", 0);
    kit_connect(&a, 1, "a", 0);
    assert_int_equal(kit_subscribe_with(&a, s, 9), 1);
    kit_publish(&p, "t", "x", 2, 1);
    kit_settle();
    packet = kit_sees_publish(&a, "x", 1, 1);
    assert_int_equal(packet->identifier_count, 1);
    assert_int_equal(packet->identifiers[0], 9);
}

static void
members_that_are_away_or_full_are_passed_over(void **state)
{
    static struct kit_client away, full;

    (void)state;
    kit.opts.max_queued_messages = 1;
    kit_connect(&p, 0, "p", 0);
    join(&a, 0, "a", 0, 1);
    join(&away, 0, "away", 100, 1);
    kit_leave(&away, true);
    join(&full, 0, "full", 0, 1);
    kit_subscribe(&full, "own", 1);
    full.link.receive_maximum = 1;
    kit_publish(&p, "own", "1", 1, 1);
    kit_publish(&p, "own", "2", 1, 2);
    full.looked_at = full.count;
    for (uint16_t i = 3; i < 9; i++)
        kit_publish(&p, "t", "x", 1, i);
    kit_sees_nothing(&full);
    assert_int_equal(a.count - a.looked_at, 6);
    kit_connect(&away, 0, "away", 100);
    kit_sees_nothing(&away);
}

static void
where_nobody_is_there_it_waits_for_one_who_comes_back(void **state)
{
    (void)state;
    kit_connect(&p, 0, "p", 0);
    join(&a, 1, "a", 100, 1);
    kit_leave(&a, true);
    kit_publish(&p, "t", "x", 1, 1);
    kit_settle();
    kit_connect(&a, 1, "a", 100);
    kit_sees_publish(&a, "x", 1, 1);
}

/* The member left while the message was under way to its home. */
static void
mail_for_a_member_that_has_left_goes_to_another(void **state)
{
    (void)state;
    kit_connect(&p, 0, "p", 0);
    join(&a, 1, "a", 0, 1);
    kit_publish(&p, "t", "x", 1, 1);
    join(&b, 0, "b", 0, 1);
    kit_leave(&a, true);
    kit_settle();
    kit_sees_publish(&b, "x", 1, 1);
    kit_sees_nothing(&b);
    assert_int_equal(kit.dropped[NJ_CAUSE_SESSION_GONE], 0);
}

/* Two members that end one after the other: while there is a third, it is not lost; when the
 * last has gone, it does not go round for ever. */
static void
a_message_moves_on_as_long_as_members_end(void **state)
{
    static struct kit_client third;

    (void)state;
    kit_connect(&p, 0, "p", 0);
    join(&a, 1, "a", 0, 1);
    kit_publish(&p, "t", "x", 1, 1);
    nj_home_post(kit.home[0]);
    join(&b, 0, "b", 0, 1);
    kit_leave(&a, true);
    /* Home 1 finds that its member has gone and posts it to b's home. */
    nj_home_take(kit.home[1], kit.mail[1][0]);
    kit.mail_count[1] = 0;
    nj_home_post(kit.home[1]);
    assert_int_equal(kit.mail_count[0], 1);
    assert_true(kit.mail[0][0]->targets[0].is_moved);
    join(&third, 1, "third", 0, 1);
    kit_leave(&b, true);
    kit_settle();
    kit_sees_publish(&third, "x", 1, 1);
    kit_sees_nothing(&third);
    assert_int_equal(kit.dropped[NJ_CAUSE_SESSION_GONE], 0);
    kit_leave(&third, true);
    kit_settle();
    assert_int_equal(kit.dropped[NJ_CAUSE_SESSION_GONE], 1);
}

/* [MQTT5-4.8.2-5] */
static void
qos_1_that_was_not_acknowledged_goes_to_another_member(void **state)
{
    (void)state;
    kit_connect(&p, 0, "p", 0);
    join(&a, 0, "a", 0, 1);
    a.link.receive_maximum = 1;
    kit_publish(&p, "t", "sent", 1, 1);
    kit_publish(&p, "t", "queued", 1, 2);
    kit_sees_publish(&a, "sent", 1, 1);
    join(&b, 1, "b", 0, 1);
    kit_leave(&a, true);
    kit_settle();
    kit_sees_publish(&b, "sent", 1, 1);
    kit_sees_publish(&b, "queued", 1, 2);
    kit_sees_nothing(&b);
}

/* Stored for the second member before the first one's end takes it away. */
static void
what_is_given_to_another_member_is_stored_for_it_first(void **state)
{
    int given;

    (void)state;
    kit_connect(&p, 1, "p", 0);
    join(&a, 0, "a", 100, 1);
    kit_publish(&p, "t", "x", 1, 1);
    kit_settle();
    kit_sees_publish(&a, "x", 1, 1);
    assert_int_equal(kit_place(0, NJ_CHANGE_QUEUED, 0), -1); /* in its publisher's home */
    join(&b, 1, "b", 100, 1);
    assert_true(nj_session_set_expiry(a.session, 0));
    kit_leave(&a, true);
    given = kit_place(0, NJ_CHANGE_QUEUED, 0);
    assert_in_range(given, 0, kit_place(0, NJ_CHANGE_SESSION_END, 0) - 1);
    assert_int_equal(kit_place(0, NJ_CHANGE_QUEUED, 1), -1);
    kit_settle();
    kit_sees_publish(&b, "x", 1, 1);
}

/* The store is told that it did not come to nothing. */
static void
what_one_who_is_away_passes_on_is_told_to_be_so(void **state)
{
    const struct nj_change *end;
    uint64_t old;

    (void)state;
    kit_connect(&p, 0, "p", 0);
    join(&a, 1, "a", 100, 1);
    old = a.session->subscriber.number;
    kit_publish(&p, "t", "x", 1, 1);
    join(&b, 0, "b", 100, 1);
    kit_leave(&a, true);
    kit_settle();
    kit_sees_publish(&b, "x", 1, 1);
    assert_int_equal(kit_change(1, NJ_CHANGE_QUEUED, 0)->session, b.session->subscriber.number);
    end = kit_change(1, NJ_CHANGE_DELIVERED, 0);
    assert_int_equal(end->session, old);
    assert_true(end->is_passed_on);
    assert_true(kit_order(1, NJ_CHANGE_QUEUED, 0) < kit_order(1, NJ_CHANGE_DELIVERED, 0));
    assert_int_equal(nj_session_puback(b.session, 1, 0), NJ_CAUSE_NONE);
    assert_false(kit_change(0, NJ_CHANGE_DELIVERED, 0)->is_passed_on);
}

/* [MQTT5-4.8.2-4] */
static void
qos_2_in_flight_is_never_given_to_another_member(void **state)
{
    (void)state;
    kit_connect(&p, 0, "p", 0);
    join(&a, 0, "a", 0, 2);
    a.link.receive_maximum = 1;
    kit_publish(&p, "t", "sent", 2, 1);
    kit_publish(&p, "t", "queued", 2, 2);
    kit_commit();
    kit_sees_publish(&a, "sent", 2, 1);
    join(&b, 0, "b", 0, 2);
    kit_leave(&a, true);
    kit_settle();
    kit_sees_publish(&b, "queued", 2, 1);
    kit_sees_nothing(&b);
    assert_int_equal(kit.dropped[NJ_CAUSE_SHARE_MEMBER_GONE], 1);
}

/* [MQTT5-4.8.2-4] */
static void
qos_2_in_flight_is_completed_with_the_same_member(void **state)
{
    (void)state;
    kit_connect(&p, 0, "p", 0);
    join(&a, 0, "a", 100, 2);
    kit_publish(&p, "t", "x", 2, 1);
    kit_commit();
    kit_sees_publish(&a, "x", 2, 1);
    join(&b, 0, "b", 100, 2);
    kit_leave(&a, true);
    kit_settle();
    kit_connect(&a, 0, "a", 100);
    assert_true(kit_sees_publish(&a, "x", 2, 1)->dup);
    kit_sees_nothing(&b);
}

/* [MQTT5-4.8.2-6] */
static void
a_negative_acknowledgement_ends_it_for_the_whole_group(void **state)
{
    (void)state;
    kit_connect(&p, 0, "p", 0);
    join(&a, 0, "a", 0, 1);
    kit_publish(&p, "t", "x", 1, 1);
    join(&b, 0, "b", 0, 1);
    assert_int_equal(nj_session_puback(a.session, 1, 0x80), NJ_CAUSE_NONE);
    kit_leave(&a, true);
    kit_settle();
    kit_sees_nothing(&b);
}

static void
the_last_member_takes_its_messages_with_it(void **state)
{
    (void)state;
    kit_connect(&p, 0, "p", 0);
    join(&a, 0, "a", 0, 1);
    kit_publish(&p, "t", "x", 1, 1);
    kit_leave(&a, true);
    assert_int_equal(kit.dropped[NJ_CAUSE_SESSION_GONE], 1);
    kit_publish(&p, "t", "y", 1, 2);
    p.looked_at = p.count - 1;
    kit_sees_ack(&p, NJ_PUBACK, 2, NJ_REASON_NO_MATCHING_SUBSCRIBERS);
}

/* [MQTT5-3.8.4-4] */
static void
a_share_group_gets_no_retained_messages(void **state)
{
    (void)state;
    kit_connect(&p, 0, "p", 0);
    kit_retain(&p, "t", "x");
    join(&a, 0, "a", 0, 1);
    nj_retained_start(a.session);
    kit_settle();
    kit_sees_nothing(&a);
    assert_null(a.session->retained);
}

/* ---- memory that runs out ---- */

/* Everything at once, with memory running out at ever later moments. Whatever fails, what was
 * acknowledged to the publisher has reached the queue of its receiver, and nothing leaks. */
static void
play(uint64_t room)
{
    struct nj_opening opening = kit_opening("q", 100);
    static struct kit_client c, q;
    struct nj_subscription s = {.filter = NJ_STR("t"), .qos = 2};
    unsigned acknowledged = 0, received = 0;

    kit_connect(&c, 0, "c", 1000);
    kit_subscribe(&c, "t", 2);
    kit_connect(&p, 0, "p", 0);
    kit_retain(&p, "t/r", "r");
    kit_commit();
    kit_leave(&c, true);
    kit_client(&q);
    nj_mem_limit_set(nj_mem_used() + room);
    if (kit_try_open(&q, 1, &opening) == NJ_CAUSE_NONE && q.session != NULL)
        (void)kit_subscribe_with(&q, s, 3);
    for (uint16_t i = 1; i < 20 && p.session != NULL; i++) {
        struct nj_publication pub = kit_publication("t", "a payload", 1 + i % 2);
        enum nj_cause cause = kit_publish_full(&p, pub, i, NJ_NO_EXPIRY);

        if (cause != NJ_CAUSE_NONE && p.session != NULL) {
            assert_int_equal(cause, NJ_CAUSE_OUT_OF_MEMORY);
            kit_leave(&p, true);
        }
        kit_turn();
    }
    nj_mem_limit_set(0);
    kit_settle();
    for (unsigned i = 0; i < p.count; i++)
        acknowledged += p.seen[i].type == NJ_PUBACK || p.seen[i].type == NJ_PUBREC;
    kit_connect(&c, 0, "c", 1000);
    kit_settle();
    for (unsigned i = 0; i < c.count; i++)
        received += c.seen[i].type == NJ_PUBLISH;
    assert_true(received >= acknowledged);
    assert_true(room < 60000 || acknowledged == 19);
}

static void
when_memory_runs_out_nothing_is_acknowledged_that_was_not_kept(void **state)
{
    for (uint64_t room = 1; room < 70000; room += room < 4000 ? 40 : 700) {
        assert_int_equal(kit_begin(state), 0);
        kit.opts.max_inflight_messages = 100;
        play(room);
        assert_int_equal(kit_end(state), 0);
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_begin, kit_end)
    const struct CMUnitTest tests[] = {
        TEST(a_message_for_another_home_travels_in_one_bundle),
        TEST(identifiers_and_flags_travel_along),
        TEST(mail_is_not_for_the_next_session_in_the_same_slot),
        TEST(no_local_holds_between_homes_and_for_retained_messages),
        TEST(many_sessions_are_found_by_their_names),
        TEST(members_take_turns_wherever_they_are_at_home),
        TEST(a_member_gets_it_at_its_own_qos_with_its_own_identifier),
        TEST(members_that_are_away_or_full_are_passed_over),
        TEST(where_nobody_is_there_it_waits_for_one_who_comes_back),
        TEST(mail_for_a_member_that_has_left_goes_to_another),
        TEST(a_message_moves_on_as_long_as_members_end),
        TEST(qos_1_that_was_not_acknowledged_goes_to_another_member),
        TEST(what_is_given_to_another_member_is_stored_for_it_first),
        TEST(what_one_who_is_away_passes_on_is_told_to_be_so),
        TEST(qos_2_in_flight_is_never_given_to_another_member),
        TEST(qos_2_in_flight_is_completed_with_the_same_member),
        TEST(a_negative_acknowledgement_ends_it_for_the_whole_group),
        TEST(the_last_member_takes_its_messages_with_it),
        TEST(a_share_group_gets_no_retained_messages),
        cmocka_unit_test(when_memory_runs_out_nothing_is_acknowledged_that_was_not_kept),
    };

    return cmocka_run_group_tests_name("broker/home", tests, NULL, NULL);
}
