/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/kit_test.h"

static struct kit_client p, c;

/* A publisher and a subscriber of "t" at the same home; what the subscriber gets must be kept. */
static void
meet(uint32_t publisher_expiry_s)
{
    kit_connect(&p, 0, "p", publisher_expiry_s);
    kit_connect(&c, 0, "c", 100);
    kit_subscribe(&c, "t", 2);
    kit_commit();
}

/* ---- acknowledging ---- */

/* [MQTT5-4.3.2-4] [MQTT311-4.3.2-2] */
static void
puback_waits_until_the_message_is_safe(void **state)
{
    (void)state;
    meet(0);
    kit_publish(&p, "t", "a", 1, 7);
    kit_sees_publish(&c, "a", 1, 1); /* a connected receiver waits for nothing */
    kit_sees_nothing(&p);
    kit_commit();
    kit_sees_ack(&p, NJ_PUBACK, 7, 0);
}

static void
what_need_not_be_kept_is_acknowledged_at_once(void **state)
{
    (void)state;
    kit_connect(&p, 0, "p", 0);
    kit_connect(&c, 0, "c", 0);
    kit_subscribe(&c, "t", 1);
    kit_publish(&p, "t", "a", 1, 7);
    kit_sees_ack(&p, NJ_PUBACK, 7, 0);
    assert_int_equal(kit.store[0].appended, 0);
}

static void
who_publishes_for_nobody_is_told_so(void **state)
{
    (void)state;
    kit_connect(&p, 0, "p", 0);
    kit_publish(&p, "nobody", "a", 1, 7);
    kit_sees_ack(&p, NJ_PUBACK, 7, NJ_REASON_NO_MATCHING_SUBSCRIBERS);
    kit_publish(&p, "nobody", "a", 2, 8);
    kit_commit();
    kit_sees_ack(&p, NJ_PUBREC, 8, NJ_REASON_NO_MATCHING_SUBSCRIBERS);
}

/* [MQTT5-4.3.3-8] [MQTT5-4.3.3-9] [MQTT5-4.3.3-11] [MQTT311-4.3.3-2] */
static void
qos_2_is_routed_when_its_identifier_is_safe(void **state)
{
    (void)state;
    meet(100);
    kit_publish(&p, "t", "a", 2, 7);
    kit_sees_nothing(&p);
    kit_sees_nothing(&c);
    kit_commit();
    kit_sees_ack(&p, NJ_PUBREC, 7, 0);
    kit_sees_publish(&c, "a", 2, 1);
    nj_session_pubrel(p.session, 7);
    kit_sees_nothing(&p);
    kit_commit();
    kit_sees_ack(&p, NJ_PUBCOMP, 7, 0);
    nj_session_pubrel(p.session, 7);
    kit_sees_ack(&p, NJ_PUBCOMP, 7, NJ_REASON_PACKET_IDENTIFIER_NOT_FOUND);
}

/* [MQTT5-4.3.3-10] [MQTT311-4.3.3-2] */
static void
the_same_qos_2_message_again_is_not_a_new_one(void **state)
{
    (void)state;
    meet(0);
    kit_publish(&p, "t", "a", 2, 7);
    kit_publish(&p, "t", "a", 2, 7);
    kit_commit();
    kit_publish(&p, "t", "a", 2, 7);
    kit_sees_ack(&p, NJ_PUBREC, 7, 0);
    kit_sees_ack(&p, NJ_PUBREC, 7, 0);
    kit_sees_ack(&p, NJ_PUBREC, 7, 0);
    kit_sees_publish(&c, "a", 2, 1);
    kit_sees_nothing(&c);
}

/* [MQTT5-4.3.3-11] */
static void
after_pubrel_the_identifier_means_a_new_message(void **state)
{
    (void)state;
    meet(0);
    kit_publish(&p, "t", "a", 2, 7);
    kit_commit();
    nj_session_pubrel(p.session, 7);
    kit_publish(&p, "t", "b", 2, 7);
    kit_commit();
    kit_sees_publish(&c, "a", 2, 1);
    kit_sees_publish(&c, "b", 2, 2);
}

/* [MQTT5-4.3.3-10] [MQTT5-4.4.0-1] */
static void
exactly_once_holds_across_connections(void **state)
{
    (void)state;
    meet(100);
    kit_publish(&p, "t", "a", 2, 7);
    kit_leave(&p, true); /* before anything was safe */
    kit_commit();
    kit_sees_publish(&c, "a", 2, 1);
    kit_connect(&p, 0, "p", 100);
    kit_publish(&p, "t", "a", 2, 7);
    kit_commit();
    kit_sees_ack(&p, NJ_PUBREC, 7, 0);
    kit_sees_nothing(&c);
    nj_session_pubrel(p.session, 7);
    kit_commit();
    kit_sees_ack(&p, NJ_PUBCOMP, 7, 0);
}

static void
what_was_promised_outlives_the_session_that_asked(void **state)
{
    (void)state;
    meet(0);
    kit_publish(&p, "t", "2", 2, 7);
    kit_publish(&p, "t", "1", 1, 8);
    kit_leave(&p, true); /* the session ends, its slot is given out anew */
    kit_connect(&p, 0, "q", 0);
    kit_commit();
    kit_sees_publish(&c, "1", 1, 1);
    kit_sees_publish(&c, "2", 2, 2);
    kit_sees_nothing(&p);
}

/* ---- order ---- */

/* [MQTT5-4.6.0-2] [MQTT5-4.6.0-3] [MQTT5-4.6.0-4] [MQTT311-4.6.0-2] [MQTT311-4.6.0-3] */
static void
answers_leave_in_the_order_of_what_they_answer(void **state)
{
    uint64_t first;

    (void)state;
    meet(100);
    kit_publish(&p, "t", "a", 1, 1);
    first = kit.store[0].appended;
    kit_publish(&p, "nobody", "b", 1, 2); /* needs no store itself */
    kit_publish(&p, "t", "c", 2, 3);
    nj_session_pubrel(p.session, 9);
    kit_subscribe(&p, "x", 1);
    nj_session_answer_subscribe(p.session, NJ_SUBACK, 4, NJ_STR("\1"));
    kit_publish(&p, "t", "d", 1, 5);
    kit_sees_nothing(&p);
    kit_commit_to(0, first);
    kit_sees_ack(&p, NJ_PUBACK, 1, 0);
    kit_commit();
    kit_sees_ack(&p, NJ_PUBACK, 2, NJ_REASON_NO_MATCHING_SUBSCRIBERS);
    kit_sees_ack(&p, NJ_PUBREC, 3, 0);
    kit_sees_ack(&p, NJ_PUBCOMP, 9, NJ_REASON_PACKET_IDENTIFIER_NOT_FOUND);
    kit_sees_ack(&p, NJ_SUBACK, 4, 0);
    kit_sees_ack(&p, NJ_PUBACK, 5, 0);
    assert_int_equal(p.session->promised, 0);
    assert_int_equal(p.session->unanswered, 0);
}

static void
others_do_not_wait_for_answers_that_are_not_theirs(void **state)
{
    static struct kit_client q;

    (void)state;
    meet(0);
    kit_connect(&q, 0, "q", 0);
    kit_publish(&p, "t", "a", 1, 1);
    kit_publish(&q, "nobody", "b", 1, 1);
    kit_sees_ack(&q, NJ_PUBACK, 1, NJ_REASON_NO_MATCHING_SUBSCRIBERS);
    kit_sees_nothing(&p);
}

/* ---- receive maximum ---- */

/* [MQTT5-3.3.4-7] [MQTT5-3.3.4-8] [MQTT5-4.9.0-3] */
static void
more_than_the_receive_maximum_ends_the_connection(void **state)
{
    struct nj_publication pub = kit_publication("t", "x", 1);

    (void)state;
    kit.opts.max_inflight_messages = 3;
    meet(0);
    kit_publish(&p, "t", "a", 1, 1);
    kit_publish(&p, "t", "b", 2, 2);
    kit_publish(&p, "t", "c", 1, 3);
    kit_publish(&p, "t", "free", 0, 0);
    kit_publish(&p, "t", "b", 2, 2); /* the same again is none more */
    assert_int_equal(kit_publish_full(&p, pub, 4, NJ_NO_EXPIRY), NJ_CAUSE_RECEIVE_MAXIMUM);
    kit_commit();
    kit_publish(&p, "t", "d", 1, 4);
    kit_publish(&p, "t", "e", 1, 5);
    pub = kit_publication("t", "x", 2);
    assert_int_equal(kit_publish_full(&p, pub, 6, NJ_NO_EXPIRY), NJ_CAUSE_RECEIVE_MAXIMUM);
    nj_session_pubrel(p.session, 2);
    kit_publish(&p, "t", "f", 2, 6);
}

/* [MQTT5-4.9.0-1] */
static void
each_connection_begins_with_the_whole_receive_maximum(void **state)
{
    struct nj_publication pub = kit_publication("t", "x", 2);
    static struct kit_client durable;

    (void)state;
    kit.opts.max_inflight_messages = 2;
    kit_connect(&durable, 0, "durable", 100);
    kit_publish(&durable, "t", "a", 2, 1);
    kit_publish(&durable, "t", "b", 2, 2);
    kit_commit();
    kit_leave(&durable, true);
    kit_connect(&durable, 0, "durable", 100);
    kit_publish(&durable, "t", "c", 2, 3);
    kit_publish(&durable, "t", "d", 2, 4);
    assert_int_equal(kit_publish_full(&durable, pub, 5, NJ_NO_EXPIRY), NJ_CAUSE_RECEIVE_MAXIMUM);
    for (uint16_t id = 1; id < 5; id++)
        nj_session_pubrel(durable.session, id);
    kit_publish(&durable, "t", "e", 2, 5);
    kit_publish(&durable, "t", "f", 2, 6);
    assert_int_equal(kit_publish_full(&durable, pub, 7, NJ_NO_EXPIRY), NJ_CAUSE_RECEIVE_MAXIMUM);
}

/* [MQTT5-3.3.4-8] */
static void
a_reload_takes_nothing_from_a_receive_maximum_that_was_told(void **state)
{
    struct nj_publication pub = kit_publication("t", "x", 1);

    (void)state;
    kit.opts.max_inflight_messages = 2;
    meet(0);
    kit.opts.max_inflight_messages = 1;
    kit_publish(&p, "t", "a", 2, 1);
    kit_publish(&p, "t", "b", 2, 2);
    assert_int_equal(kit_publish_full(&p, pub, 3, NJ_NO_EXPIRY), NJ_CAUSE_RECEIVE_MAXIMUM);
}

static void
before_5_0_there_is_no_receive_maximum(void **state)
{
    (void)state;
    kit.opts.max_inflight_messages = 1;
    meet(0);
    p.link.version = NJ_MQTT_311;
    for (uint16_t i = 1; i < 20; i++)
        kit_publish(&p, "t", "a", 1 + i % 2, i);
}

/* ---- what is not taken ---- */

static void
a_refused_message_is_acknowledged_with_its_reason(void **state)
{
    struct nj_publication pub = kit_publication("t", "x", 1);

    (void)state;
    meet(0);
    nj_session_refuse(p.session, &pub, 7, NJ_CAUSE_NOT_AUTHORIZED);
    kit_sees_ack(&p, NJ_PUBACK, 7, NJ_REASON_NOT_AUTHORIZED);
    pub.qos = 2;
    nj_session_refuse(p.session, &pub, 8, NJ_CAUSE_MESSAGE_SIZE_LIMIT);
    kit_sees_ack(&p, NJ_PUBREC, 8, NJ_REASON_IMPLEMENTATION_SPECIFIC_ERROR);
    assert_int_equal(p.session->received.count, 0);
    pub.qos = 0;
    nj_session_refuse(p.session, &pub, 0, NJ_CAUSE_NOT_AUTHORIZED);
    kit_sees_nothing(&p);
    kit_sees_nothing(&c);
    assert_int_equal(kit.dropped[NJ_CAUSE_NOT_AUTHORIZED], 2);
}

static void
a_refusal_waits_for_its_turn(void **state)
{
    struct nj_publication pub = kit_publication("t", "x", 1);

    (void)state;
    meet(0);
    kit_publish(&p, "t", "a", 1, 1);
    nj_session_refuse(p.session, &pub, 2, NJ_CAUSE_NOT_AUTHORIZED);
    kit_sees_nothing(&p);
    kit_commit();
    kit_sees_ack(&p, NJ_PUBACK, 1, 0);
    kit_sees_ack(&p, NJ_PUBACK, 2, NJ_REASON_NOT_AUTHORIZED);
    assert_int_equal(p.session->unanswered, 0);
}

/* ---- retained messages ---- */

/* [MQTT5-3.3.1-5] [MQTT5-3.3.1-12] [MQTT5-3.3.1-13] [MQTT311-3.3.1-9] */
static void
a_retained_message_is_also_delivered_without_the_flag(void **state)
{
    struct nj_subscription as_published = {.filter = NJ_STR("u"), .retain_as_published = true};

    (void)state;
    meet(0);
    kit_retain(&p, "t", "a");
    assert_false(kit_sees_publish(&c, "a", 0, 0)->retain);
    (void)kit_subscribe_with(&c, as_published, 0);
    kit_retain(&p, "u", "b");
    assert_true(kit_sees_publish(&c, "b", 0, 0)->retain);
}

static void
puback_of_a_retained_message_waits_for_the_store(void **state)
{
    struct nj_publication pub = kit_publication("nobody", "x", 1);

    (void)state;
    kit_connect(&p, 0, "p", 0);
    pub.retain = true;
    assert_int_equal(kit_publish_full(&p, pub, 1, NJ_NO_EXPIRY), NJ_CAUSE_NONE);
    kit_sees_nothing(&p);
    assert_int_equal(kit.store[0].changes[0].kind, NJ_CHANGE_RETAINED);
    kit_commit();
    kit_sees_ack(&p, NJ_PUBACK, 1, NJ_REASON_NO_MATCHING_SUBSCRIBERS);
}

static void
where_retained_messages_are_full_5_0_hears_of_it_and_others_are_served(void **state)
{
    struct nj_publication pub = kit_publication("t", "more", 1);
    const struct nj_retain_opts one = {.max_messages = 1, .max_bytes = 1 << 20};

    (void)state;
    meet(0);
    nj_retain_limits(kit.broker->retained, &one);
    kit_retain(&p, "r", "first");
    kit_commit();
    pub.retain = true;
    assert_int_equal(kit_publish_full(&p, pub, 1, NJ_NO_EXPIRY), NJ_CAUSE_NONE);
    kit_sees_ack(&p, NJ_PUBACK, 1, NJ_REASON_QUOTA_EXCEEDED);
    kit_sees_nothing(&c);
    p.link.version = NJ_MQTT_311;
    assert_int_equal(kit_publish_full(&p, pub, 2, NJ_NO_EXPIRY), NJ_CAUSE_NONE);
    kit_sees_publish(&c, "more", 1, 1);
    assert_int_equal(kit.dropped[NJ_CAUSE_RETAINED_MESSAGES], 2);
    kit_commit();
    kit_sees_ack(&p, NJ_PUBACK, 2, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_begin, kit_end)
    const struct CMUnitTest tests[] = {
        TEST(puback_waits_until_the_message_is_safe),
        TEST(what_need_not_be_kept_is_acknowledged_at_once),
        TEST(who_publishes_for_nobody_is_told_so),
        TEST(qos_2_is_routed_when_its_identifier_is_safe),
        TEST(the_same_qos_2_message_again_is_not_a_new_one),
        TEST(after_pubrel_the_identifier_means_a_new_message),
        TEST(exactly_once_holds_across_connections),
        TEST(what_was_promised_outlives_the_session_that_asked),
        TEST(answers_leave_in_the_order_of_what_they_answer),
        TEST(others_do_not_wait_for_answers_that_are_not_theirs),
        TEST(more_than_the_receive_maximum_ends_the_connection),
        TEST(each_connection_begins_with_the_whole_receive_maximum),
        TEST(a_reload_takes_nothing_from_a_receive_maximum_that_was_told),
        TEST(before_5_0_there_is_no_receive_maximum),
        TEST(a_refused_message_is_acknowledged_with_its_reason),
        TEST(a_refusal_waits_for_its_turn),
        TEST(a_retained_message_is_also_delivered_without_the_flag),
        TEST(puback_of_a_retained_message_waits_for_the_store),
        TEST(where_retained_messages_are_full_5_0_hears_of_it_and_others_are_served),
    };

    return cmocka_run_group_tests_name("broker/inbound", tests, NULL, NULL);
}
