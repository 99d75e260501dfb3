/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/kit_test.h"

/* A publisher at home 1, and a subscriber of "t" at home 0. */
static struct kit_client p, c;

static void
meet(uint32_t expiry_s, uint8_t qos)
{
    kit_connect(&p, 1, "p", 0);
    kit_connect(&c, 0, "c", expiry_s);
    kit_subscribe(&c, "t", qos);
    nj_retained_start(c.session);
    kit_settle();
}

/* Published and arrived; with everything committed unless the kit is holding. */
static void
publish(const char *payload, uint8_t qos)
{
    static uint16_t id;

    kit_publish(&p, "t", payload, qos, ++id);
    kit_settle();
    p.looked_at = p.count;
}

static void
come_back(uint32_t expiry_s)
{
    kit_connect(&c, 0, "c", expiry_s);
}

static enum nj_cause
puback(uint16_t packet_id)
{
    return nj_session_puback(c.session, packet_id, 0);
}

/* ---- QoS ---- */

/* [MQTT5-3.8.4-8] [MQTT311-3.8.4-6] */
static void
a_message_comes_at_the_lower_of_both_qos(void **state)
{
    (void)state;
    meet(0, 1);
    publish("0", 0);
    publish("1", 1);
    publish("2", 2);
    kit_sees_publish(&c, "0", 0, 0);
    kit_sees_publish(&c, "1", 1, 1);
    kit_sees_publish(&c, "2", 1, 2);
    kit.opts.upgrade_outgoing_qos = true;
    publish("up", 0);
    kit_sees_publish(&c, "up", 1, 3);
}

/* [MQTT5-4.3.2-2] [MQTT311-4.3.2-1] */
static void
qos_1_is_under_way_until_puback(void **state)
{
    (void)state;
    meet(0, 1);
    publish("a", 1);
    kit_sees_publish(&c, "a", 1, 1);
    assert_int_equal(c.session->inflight.ring.count, 1);
    assert_int_equal(nj_session_pubrec(c.session, 1, 0), NJ_CAUSE_ACK_OF_ANOTHER_KIND);
    assert_int_equal(nj_session_pubcomp(c.session, 1), NJ_CAUSE_ACK_OF_ANOTHER_KIND);
    kit_sees_nothing(&c);
    assert_int_equal(puback(1), NJ_CAUSE_NONE);
    assert_int_equal(c.session->inflight.ring.count, 0);
    assert_int_equal(puback(1), NJ_CAUSE_PACKET_ID_UNKNOWN);
    assert_int_equal(puback(9), NJ_CAUSE_PACKET_ID_UNKNOWN);
    kit_sees_nothing(&c);
}

/* [MQTT5-4.3.3-2] [MQTT5-4.3.3-4] [MQTT5-4.3.3-5] [MQTT311-4.3.3-1] */
static void
qos_2_goes_through_pubrec_pubrel_and_pubcomp(void **state)
{
    (void)state;
    meet(0, 2);
    publish("a", 2);
    kit_sees_publish(&c, "a", 2, 1);
    assert_int_equal(puback(1), NJ_CAUSE_ACK_OF_ANOTHER_KIND);
    assert_int_equal(nj_session_pubcomp(c.session, 1), NJ_CAUSE_ACK_OF_ANOTHER_KIND);
    assert_int_equal(nj_session_pubrec(c.session, 1, 0), NJ_CAUSE_NONE);
    kit_sees_ack(&c, NJ_PUBREL, 1, 0);
    assert_int_equal(puback(1), NJ_CAUSE_ACK_OF_ANOTHER_KIND);
    assert_int_equal(nj_session_pubrec(c.session, 1, 0), NJ_CAUSE_NONE);
    kit_sees_ack(&c, NJ_PUBREL, 1, 0);
    assert_int_equal(nj_session_pubcomp(c.session, 1), NJ_CAUSE_NONE);
    assert_int_equal(c.session->inflight.ring.count, 0);
    kit_sees_nothing(&c);
}

/* [MQTT5-4.3.3-4] */
static void
pubrec_for_nothing_is_told_so(void **state)
{
    (void)state;
    meet(0, 2);
    assert_int_equal(nj_session_pubrec(c.session, 5, 0), NJ_CAUSE_PACKET_ID_UNKNOWN);
    kit_sees_ack(&c, NJ_PUBREL, 5, NJ_REASON_PACKET_IDENTIFIER_NOT_FOUND);
    assert_int_equal(nj_session_pubrec(c.session, 5, 0x80), NJ_CAUSE_PACKET_ID_UNKNOWN);
    kit_sees_nothing(&c);
}

/* [MQTT5-4.3.3-4] [MQTT5-4.4.0-2] */
static void
a_negative_acknowledgement_ends_the_delivery(void **state)
{
    (void)state;
    meet(0, 2);
    publish("a", 1);
    publish("b", 2);
    c.looked_at = c.count;
    assert_int_equal(nj_session_puback(c.session, 1, 0x97), NJ_CAUSE_NONE);
    assert_int_equal(nj_session_pubrec(c.session, 2, 0x83), NJ_CAUSE_NONE);
    kit_sees_nothing(&c);
    assert_int_equal(kit.dropped[NJ_CAUSE_REFUSED_BY_RECEIVER], 2);
    assert_int_equal(c.session->inflight.ring.count, 0);
}

/* ---- what waits for the store ---- */

static void
qos_2_to_a_kept_session_waits_until_it_is_safe(void **state)
{
    (void)state;
    meet(100, 2);
    publish("before", 1);
    kit_sees_publish(&c, "before", 1, 1);
    kit.is_holding = true;
    kit_publish(&p, "t", "a", 2, 1000);
    kit_commit_to(1, kit.store[1].appended); /* the publisher's home: now it is routed */
    kit_turn();
    kit_sees_nothing(&c);
    kit_commit_to(0, kit.store[0].appended);
    kit_sees_publish(&c, "a", 2, 2);
    assert_int_equal(nj_session_pubrec(c.session, 2, 0), NJ_CAUSE_NONE);
    kit_sees_nothing(&c);
    kit_commit_to(0, kit.store[0].appended);
    kit_sees_ack(&c, NJ_PUBREL, 2, 0);
}

/* One that must not leave yet does not hold up the acknowledgements of those that have left. */
static void
qos_1_overtakes_nothing_but_what_is_held(void **state)
{
    (void)state;
    meet(100, 2);
    kit_connect(&p, 0, "p", 0);
    kit.is_holding = true;
    kit_publish(&p, "t", "2", 2, 1);
    kit_commit_to(0, kit.store[0].appended);
    kit_publish(&p, "t", "1", 1, 2);
    kit_sees_publish(&c, "1", 1, 2);
    kit_commit_to(0, kit.store[0].appended);
    kit_sees_publish(&c, "2", 2, 1);
}

/* [MQTT5-3.1.2-24] */
static void
a_message_that_proves_too_large_after_it_was_safe_leaves_its_place(void **state)
{
    (void)state;
    meet(100, 2);
    c.link.receive_maximum = 1;
    c.max_payload = 3;
    kit_connect(&p, 0, "p", 0);
    kit.is_holding = true;
    kit_publish(&p, "t", "large", 2, 1);
    kit_publish(&p, "t", "ok", 2, 2);
    kit_commit();
    kit_sees_publish(&c, "ok", 2, 2);
    assert_int_equal(kit.dropped[NJ_CAUSE_RECEIVER_PACKET_SIZE], 1);
}

/* ---- reconnecting ---- */

/* [MQTT5-4.4.0-1] [MQTT5-3.3.1-1] [MQTT311-4.4.0-1] [MQTT311-3.3.1-1] */
static void
what_was_not_acknowledged_is_sent_again_with_dup_in_order(void **state)
{
    (void)state;
    meet(100, 2);
    publish("1", 1);
    publish("2", 2);
    publish("3", 1);
    publish("4", 2);
    assert_int_equal(puback(1), NJ_CAUSE_NONE);
    assert_int_equal(nj_session_pubrec(c.session, 2, 0), NJ_CAUSE_NONE);
    kit_settle();
    kit_leave(&c, true);
    publish("5", 1);
    come_back(100);
    kit_sees_ack(&c, NJ_PUBREL, 2, 0);
    assert_true(kit_sees_publish(&c, "3", 1, 3)->dup);
    assert_true(kit_sees_publish(&c, "4", 2, 4)->dup);
    assert_false(kit_sees_publish(&c, "5", 1, 5)->dup);
    kit_sees_nothing(&c);
    assert_int_equal(nj_session_pubcomp(c.session, 2), NJ_CAUSE_NONE);
}

/* [MQTT5-4.4.0-1] */
static void
a_lost_connection_between_pubrec_and_its_commit_still_gets_its_pubrel(void **state)
{
    (void)state;
    meet(100, 2);
    publish("a", 2);
    kit.is_holding = true;
    assert_int_equal(nj_session_pubrec(c.session, 1, 0), NJ_CAUSE_NONE);
    kit_leave(&c, true);
    come_back(100); /* commits everything */
    kit_sees_ack(&c, NJ_PUBREL, 1, 0);
    kit_sees_nothing(&c);
}

/* [MQTT5-3.3.1-1] */
static void
what_was_held_when_the_connection_was_lost_comes_without_dup(void **state)
{
    (void)state;
    meet(100, 2);
    kit_connect(&p, 0, "p", 0);
    kit.is_holding = true;
    kit_publish(&p, "t", "a", 2, 1);
    kit_commit_to(0, kit.store[0].appended);
    kit_leave(&c, true);
    come_back(100);
    assert_false(kit_sees_publish(&c, "a", 2, 1)->dup);
    kit_sees_nothing(&c);
}

static void
an_acknowledgement_before_it_was_sent_again_is_not_known(void **state)
{
    (void)state;
    meet(100, 1);
    publish("a", 1);
    publish("b", 1);
    kit_leave(&c, true);
    kit_client(&c);
    c.link.receive_maximum = 1;
    struct nj_opening opening = kit_opening("c", 100);
    kit_connect_with(&c, 0, &opening);
    kit_sees_publish(&c, "a", 1, 1);
    kit_sees_nothing(&c);
    assert_int_equal(puback(2), NJ_CAUSE_PACKET_ID_UNKNOWN);
    assert_int_equal(puback(1), NJ_CAUSE_NONE);
    assert_true(kit_sees_publish(&c, "b", 1, 2)->dup);
}

/* ---- the window ---- */

/* [MQTT5-3.3.4-9] [MQTT5-4.9.0-1] [MQTT5-4.9.0-2] */
static void
no_more_are_under_way_than_the_client_takes(void **state)
{
    (void)state;
    meet(0, 2);
    c.link.receive_maximum = 2;
    publish("1", 1);
    publish("2", 2);
    publish("3", 1);
    publish("0", 0);
    kit_sees_publish(&c, "1", 1, 1);
    kit_sees_publish(&c, "2", 2, 2);
    kit_sees_publish(&c, "0", 0, 0); /* QoS 0 takes no place */
    kit_sees_nothing(&c);
    assert_int_equal(nj_session_pubrec(c.session, 2, 0), NJ_CAUSE_NONE);
    kit_sees_ack(&c, NJ_PUBREL, 2, 0);
    kit_sees_nothing(&c); /* the place is free with the PUBCOMP only */
    assert_int_equal(nj_session_pubcomp(c.session, 2), NJ_CAUSE_NONE);
    kit_sees_publish(&c, "3", 1, 3);
}

static void
no_more_are_under_way_than_the_broker_allows(void **state)
{
    (void)state;
    kit.opts.max_inflight_messages = 2;
    meet(0, 1);
    for (int i = 0; i < 5; i++)
        publish("x", 1);
    assert_int_equal(c.count - c.looked_at, 2);
    c.looked_at = c.count;
    kit.opts.max_inflight_bytes = 1;
    assert_int_equal(puback(1), NJ_CAUSE_NONE);
    kit_sees_nothing(&c);
    assert_int_equal(puback(2), NJ_CAUSE_NONE);
    kit_sees_publish(&c, "x", 1, 3); /* one at least */
    kit_sees_nothing(&c);
}

/* ---- the queue and its limits ---- */

static void
what_comes_while_away_waits_in_order(void **state)
{
    (void)state;
    meet(100, 1);
    kit_leave(&c, true);
    publish("1", 1);
    publish("0", 0);
    publish("2", 1);
    assert_int_equal(kit.dropped[NJ_CAUSE_OFFLINE_QOS_0], 1);
    come_back(100);
    kit_sees_publish(&c, "1", 1, 1);
    kit_sees_publish(&c, "2", 1, 2);
    kit_sees_nothing(&c);
}

/* [MQTT5-4.6.0-5] [MQTT5-4.6.0-6] */
static void
qos_0_may_wait_too_and_then_keeps_its_order(void **state)
{
    (void)state;
    kit.opts.queue_qos0_messages = true;
    meet(100, 1);
    kit_leave(&c, true);
    publish("1", 1);
    publish("2", 0);
    kit_client(&c);
    c.link.receive_maximum = 1;
    struct nj_opening opening = kit_opening("c", 100);
    kit_connect_with(&c, 0, &opening);
    kit_sees_publish(&c, "1", 1, 1);
    kit_sees_publish(&c, "2", 0, 0);
    kit_leave(&c, true);
    publish("3", 1);
    publish("4", 0);
    kit_client(&c);
    c.link.receive_maximum = 1;
    kit_connect_with(&c, 0, &opening);
    assert_true(kit_sees_publish(&c, "1", 1, 1)->dup);
    publish("5", 0); /* not before 4, which waits behind 3 */
    kit_sees_nothing(&c);
    assert_int_equal(puback(1), NJ_CAUSE_NONE);
    kit_sees_publish(&c, "3", 1, 2);
    kit_sees_publish(&c, "4", 0, 0);
    kit_sees_publish(&c, "5", 0, 0);
    publish("6", 0);
    kit_sees_publish(&c, "6", 0, 0);
}

static void
each_limit_of_the_queue_has_its_cause(void **state)
{
    (void)state;
    kit.opts.max_queued_messages = 2;
    meet(100, 1);
    kit_leave(&c, true);
    for (int i = 0; i < 3; i++)
        publish("x", 1);
    assert_int_equal(kit.dropped[NJ_CAUSE_QUEUE_MESSAGES], 1);
    kit.opts.max_queued_messages = 0;
    kit.opts.max_queued_bytes = 1;
    publish("x", 1);
    assert_int_equal(kit.dropped[NJ_CAUSE_QUEUE_BYTES], 1);
    kit.opts.max_queued_bytes = 0;
    kit.opts.max_queued_messages_total = 2;
    publish("x", 1);
    assert_int_equal(kit.dropped[NJ_CAUSE_QUEUE_TOTAL], 1);
    kit.opts.max_queued_messages_total = 0;
    kit.opts.max_queued_bytes_total = 1;
    publish("x", 1);
    assert_int_equal(kit.dropped[NJ_CAUSE_QUEUE_TOTAL], 2);
    come_back(100);
    assert_int_equal(c.count - c.looked_at, 2);
}

static void
the_newest_is_dropped_where_the_queue_is_full(void **state)
{
    (void)state;
    kit.opts.max_queued_messages = 2;
    meet(100, 1);
    kit_leave(&c, true);
    publish("1", 1);
    publish("2", 1);
    publish("3", 1);
    come_back(100);
    kit_sees_publish(&c, "1", 1, 1);
    kit_sees_publish(&c, "2", 1, 2);
    kit_sees_nothing(&c);
}

/* ---- expiry ---- */

static void
publish_expiring(const char *payload, uint32_t expiry_s)
{
    struct nj_publication pub = kit_publication("t", payload, 1);

    assert_int_equal(kit_publish_full(&p, pub, 1, expiry_s), NJ_CAUSE_NONE);
    kit_settle();
}

/* [MQTT5-3.3.2-5] */
static void
what_has_expired_in_the_queue_is_not_sent(void **state)
{
    (void)state;
    meet(1000, 1);
    kit_leave(&c, true);
    publish_expiring("soon", 10);
    publish_expiring("later", 100);
    kit_wait_s(10);
    come_back(1000);
    kit_sees_publish(&c, "later", 1, 1);
    kit_sees_nothing(&c);
    assert_int_equal(kit.dropped[NJ_CAUSE_EXPIRED], 1);
}

/* Its time is over at once; who is there gets it all the same. [MQTT5-3.3.2-5] */
static void
an_expiry_interval_of_0_reaches_those_who_are_there(void **state)
{
    static struct kit_client here;

    (void)state;
    meet(1000, 1);
    kit_connect(&here, 1, "here", 0);
    kit_subscribe(&here, "t", 1);
    publish_expiring("now", 0);
    kit_wait_s(1);
    kit_sees_publish(&here, "now", 1, 1);
    kit_sees_publish(&c, "now", 1, 1); /* at home elsewhere, so some time later */
    assert_int_equal(kit.dropped[NJ_CAUSE_EXPIRED], 0);
}

/* The window is shut, the output is full, the client is away: no time to wait. */
static void
an_expiry_interval_of_0_waits_for_nobody(void **state)
{
    (void)state;
    meet(1000, 1);
    c.link.receive_maximum = 1;
    publish("first", 1);
    kit_sees_publish(&c, "first", 1, 1);
    publish_expiring("window", 0);
    assert_int_equal(kit.dropped[NJ_CAUSE_EXPIRED], 1);
    assert_int_equal(puback(1), NJ_CAUSE_NONE);
    c.has_no_memory = true;
    publish_expiring("memory", 0);
    c.has_no_memory = false;
    kit_settle();
    assert_int_equal(kit.dropped[NJ_CAUSE_EXPIRED], 2);
    kit_leave(&c, true);
    publish_expiring("away", 0);
    assert_int_equal(kit.dropped[NJ_CAUSE_EXPIRED], 3);
    come_back(1000);
    kit_sees_nothing(&c);
}

static void
an_expiry_interval_of_0_is_not_retained_for_later(void **state)
{
    struct nj_publication pub = kit_publication("t", "now", 1);
    static struct kit_client late;

    (void)state;
    meet(0, 1);
    pub.retain = true;
    assert_int_equal(kit_publish_full(&p, pub, 1, 0), NJ_CAUSE_NONE);
    kit_settle();
    kit_sees_publish(&c, "now", 1, 1);
    kit_connect(&late, 1, "late", 0);
    kit_subscribe(&late, "t", 1);
    nj_retained_start(late.session);
    kit_settle();
    kit_sees_nothing(&late);
}

static void
what_has_expired_makes_room_in_a_full_queue(void **state)
{
    (void)state;
    kit.opts.max_queued_messages = 2;
    meet(1000, 1);
    kit_leave(&c, true);
    publish_expiring("soon", 10);
    publish_expiring("later", 100);
    kit_wait_s(10);
    publish("new", 1);
    assert_int_equal(kit.dropped[NJ_CAUSE_EXPIRED], 1);
    assert_int_equal(kit.dropped[NJ_CAUSE_QUEUE_MESSAGES], 0);
    come_back(1000);
    kit_sees_publish(&c, "later", 1, 1);
    kit_sees_publish(&c, "new", 1, 2);
}

/* ---- a link that cannot take more ---- */

static void
a_full_link_drops_qos_0_and_lets_qos_1_wait(void **state)
{
    (void)state;
    meet(0, 1);
    c.link.is_full = true;
    publish("0", 0);
    publish("1", 1);
    kit_sees_nothing(&c);
    assert_int_equal(kit.dropped[NJ_CAUSE_OUTPUT_FULL], 1);
    c.link.is_full = false;
    nj_session_resume(c.session);
    kit_sees_publish(&c, "1", 1, 1);
    kit_sees_nothing(&c);
}

static void
what_there_was_no_memory_for_is_tried_again(void **state)
{
    (void)state;
    meet(0, 1);
    c.has_no_memory = true;
    publish("1", 1);
    publish("2", 1);
    kit_sees_nothing(&c);
    assert_true(nj_home_next(kit.home[0]) <= kit.now + 1000);
    assert_false(nj_home_has_work(kit.home[0]));
    c.has_no_memory = false;
    kit_turn();
    kit_sees_publish(&c, "1", 1, 1);
    kit_sees_publish(&c, "2", 1, 2);
    assert_int_equal(nj_home_next(kit.home[0]), NJ_NEVER);
}

static void
a_message_whose_identifiers_find_no_memory_takes_no_place(void **state)
{
    const struct nj_subscription narrow = {.filter = NJ_STR("t"), .qos = 1};
    const struct nj_subscription wide = {.filter = NJ_STR("#"), .qos = 1};
    const struct kit_packet *last;
    struct kit_client near;

    (void)state;
    meet(0, 1);
    kit_connect(&near, 0, "near", 0);
    (void)kit_subscribe_with(&c, narrow, 7);
    (void)kit_subscribe_with(&c, wide, 8);
    kit_publish(&near, "t", "1", 1, 1);
    kit_publish(&near, "t", "2", 1, 2);
    assert_int_equal(puback(2), NJ_CAUSE_NONE); /* its memory serves for the next message */
    nj_mem_limit_set(1);
    assert_int_equal(kit_publish_full(&near, kit_publication("t", "3", 1), 3, NJ_NO_EXPIRY),
                     NJ_CAUSE_OUT_OF_MEMORY);
    nj_mem_limit_set(0);
    kit_publish(&near, "t", "4", 1, 4);
    assert_string_equal(kit_sees(&c, NJ_PUBLISH)->payload, "1");
    assert_string_equal(kit_sees(&c, NJ_PUBLISH)->payload, "2");
    last = kit_sees(&c, NJ_PUBLISH);
    assert_string_equal(last->payload, "4");
    assert_int_equal(last->identifier_count, 2);
    assert_int_equal(c.session->inflight.counted, 2);
    assert_int_equal(puback(1), NJ_CAUSE_NONE);
    assert_int_equal(puback(last->packet_id), NJ_CAUSE_NONE);
    assert_int_equal(c.session->inflight.ring.count, 0);
}

/* [MQTT5-3.1.2-24] [MQTT5-3.1.2-25] */
static void
what_is_too_large_for_the_client_counts_as_delivered(void **state)
{
    (void)state;
    meet(100, 2);
    c.max_payload = 3;
    publish("large", 0);
    publish("large", 1);
    publish("large", 2);
    publish("ok", 1);
    kit_sees_publish(&c, "ok", 1, 3);
    kit_sees_nothing(&c);
    assert_int_equal(kit.dropped[NJ_CAUSE_RECEIVER_PACKET_SIZE], 3);
    kit_leave(&c, true);
    publish("large", 1);
    kit_client(&c);
    c.max_payload = 3;
    struct nj_opening opening = kit_opening("c", 100);
    kit_connect_with(&c, 0, &opening);
    kit_sees_publish(&c, "ok", 1, 3);
    kit_sees_nothing(&c);
    assert_int_equal(kit.dropped[NJ_CAUSE_RECEIVER_PACKET_SIZE], 4);
}

/* ---- retained messages ---- */

static void
subscribe_again(struct nj_subscription s, uint32_t identifier)
{
    (void)kit_subscribe_with(&c, s, identifier);
    nj_session_answer_subscribe(c.session, NJ_SUBACK, 1, NJ_STR("\1"));
    kit_commit();
    kit_sees(&c, NJ_SUBACK);
    kit_settle();
}

/* [MQTT5-3.3.1-8] [MQTT5-3.3.1-9] [MQTT5-3.8.4-4] [MQTT311-3.3.1-6] [MQTT311-3.3.1-8] */
static void
retained_messages_come_after_the_suback(void **state)
{
    (void)state;
    meet(0, 1);
    kit_retain(&p, "r/1", "1");
    kit_retain(&p, "r/2", "2");
    kit_retain(&p, "r/2", "");
    subscribe_again((struct nj_subscription){.filter = NJ_STR("r/#")}, 7);
    const struct kit_packet *packet = kit_sees_publish(&c, "1", 0, 0);
    assert_true(packet->retain);
    assert_int_equal(packet->identifier_count, 1);
    assert_int_equal(packet->identifiers[0], 7);
    kit_sees_nothing(&c);
    subscribe_again((struct nj_subscription){.filter = NJ_STR("r/#")}, 7);
    kit_sees_publish(&c, "1", 0, 0);
}

/* A SUBSCRIBE of many filters takes several turns, in which the session has other work. */
static void
retained_messages_wait_for_their_own_suback(void **state)
{
    const struct nj_subscription late = {.filter = NJ_STR("late")};

    (void)state;
    meet(0, 1);
    kit_retain(&p, "early", "1");
    kit_retain(&p, "late", "2");
    kit_subscribe(&c, "early", 0);
    nj_retained_start(c.session);
    (void)nj_session_subscribe(c.session, &late, 0);
    kit_settle();
    kit_sees_publish(&c, "1", 0, 0);
    kit_sees_nothing(&c);
    nj_session_answer_subscribe(c.session, NJ_SUBACK, 1, NJ_STR(""));
    kit_commit();
    kit_sees(&c, NJ_SUBACK);
    kit_sees_publish(&c, "2", 0, 0);
}

/* Its subscription may have been kept all the same. */
static void
retained_messages_whose_suback_was_lost_come_with_the_session(void **state)
{
    const struct nj_subscription s = {.filter = NJ_STR("r")};

    (void)state;
    meet(100, 1);
    kit_retain(&p, "r", "1");
    (void)nj_session_subscribe(c.session, &s, 0);
    kit_leave(&c, true);
    kit_client(&c);
    struct nj_opening opening = kit_opening("c", 100);
    kit_connect_with(&c, 0, &opening);
    kit_settle();
    kit_sees_publish(&c, "1", 0, 0);
    kit_sees_nothing(&c);
}

/* [MQTT5-3.3.1-10] [MQTT5-3.3.1-11] */
static void
retain_handling_says_whether_they_come(void **state)
{
    struct nj_subscription s = {.filter = NJ_STR("r"), .retain_handling = 1};

    (void)state;
    meet(0, 1);
    kit_retain(&p, "r", "1");
    subscribe_again(s, 0);
    kit_sees_publish(&c, "1", 0, 0);
    subscribe_again(s, 0);
    kit_sees_nothing(&c);
    assert_int_equal(nj_session_unsubscribe(c.session, s.filter), 0);
    s.retain_handling = 2;
    subscribe_again(s, 0);
    kit_sees_nothing(&c);
}

/* Whatever their number: the queue's limit does not cut them off. */
static void
retained_messages_are_paced_by_the_window(void **state)
{
    char topic[16];

    (void)state;
    kit.opts.max_queued_messages = 1;
    meet(0, 1);
    c.link.receive_maximum = 1;
    for (int i = 0; i < 100; i++) {
        struct nj_publication pub;

        (void)snprintf(topic, sizeof(topic), "r/%d", i);
        pub = kit_publication(topic, "x", 1);
        pub.retain = true;
        assert_int_equal(kit_publish_full(&p, pub, 1, NJ_NO_EXPIRY), NJ_CAUSE_NONE);
        kit_commit();
    }
    p.count = p.looked_at;
    subscribe_again((struct nj_subscription){.filter = NJ_STR("r/+"), .qos = 1}, 0);
    for (uint16_t i = 1; i <= 100; i++) {
        kit_sees_publish(&c, "x", 1, i);
        kit_sees_nothing(&c);
        assert_int_equal(puback(i), NJ_CAUSE_NONE);
        kit_turn();
    }
    kit_sees_nothing(&c);
    assert_null(c.session->retained);
}

/* [MQTT5-3.10.4-2] [MQTT311-3.10.4-2] */
static void
retained_messages_stop_with_unsubscribe(void **state)
{
    (void)state;
    meet(0, 1);
    kit_retain(&p, "r/1", "1");
    kit_retain(&p, "r/2", "2");
    c.link.is_full = true;
    subscribe_again((struct nj_subscription){.filter = NJ_STR("r/+")}, 0);
    assert_int_equal(nj_session_unsubscribe(c.session, NJ_STR("r/+")), 0);
    c.link.is_full = false;
    nj_session_resume(c.session);
    kit_settle();
    kit_sees_nothing(&c);
}

/* A client that never reads cannot pile up work. */
static void
subscribing_again_begins_anew_instead_of_once_more(void **state)
{
    (void)state;
    meet(0, 1);
    kit_retain(&p, "r/1", "1");
    c.link.is_full = true;
    for (uint32_t i = 1; i <= 50; i++)
        subscribe_again((struct nj_subscription){.filter = NJ_STR("r/+")}, i);
    subscribe_again((struct nj_subscription){.filter = NJ_STR("r/+"), .retain_handling = 2}, 99);
    c.link.is_full = false;
    nj_session_resume(c.session);
    kit_settle();
    assert_int_equal(kit_sees_publish(&c, "1", 0, 0)->identifiers[0], 99);
    kit_sees_nothing(&c);
}

static void
many_filters_have_their_retained_messages_one_after_the_other(void **state)
{
    char filter[16];

    (void)state;
    meet(100, 1);
    kit_retain(&p, "r", "1");
    c.link.is_full = true;
    for (int i = 0; i < 60; i++) {
        (void)snprintf(filter, sizeof(filter), "%s%d", i % 2 == 0 ? "r/" : "x/", i);
        kit_retain(&p, filter, filter);
        kit_subscribe(&c, filter, 1);
    }
    for (int i = 0; i < 60; i += 3) {
        (void)snprintf(filter, sizeof(filter), "%s%d", i % 2 == 0 ? "r/" : "x/", i);
        assert_int_equal(nj_session_unsubscribe(c.session, nj_str_of(filter)), 0);
    }
    kit_leave(&c, true);
    come_back(100); /* the rest is still owed */
    kit_settle();
    for (int i = 0; i < 60; i++) {
        (void)snprintf(filter, sizeof(filter), "%s%d", i % 2 == 0 ? "r/" : "x/", i);
        if (i % 3 != 0)
            kit_sees_publish(&c, filter, 0, 0);
    }
    kit_sees_nothing(&c);
}

static void
retained_qos_0_does_not_wait_for_acknowledgements(void **state)
{
    (void)state;
    meet(0, 1);
    c.link.receive_maximum = 1;
    kit_retain(&p, "r", "1");
    publish("blocks", 1);
    kit_sees_publish(&c, "blocks", 1, 1);
    publish("waits", 1);
    c.link.is_full = true;
    subscribe_again((struct nj_subscription){.filter = NJ_STR("r")}, 0);
    c.link.is_full = false;
    nj_session_resume(c.session);
    kit_settle();
    kit_sees_publish(&c, "1", 0, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_begin, kit_end)
    const struct CMUnitTest tests[] = {
        TEST(a_message_comes_at_the_lower_of_both_qos),
        TEST(qos_1_is_under_way_until_puback),
        TEST(qos_2_goes_through_pubrec_pubrel_and_pubcomp),
        TEST(pubrec_for_nothing_is_told_so),
        TEST(a_negative_acknowledgement_ends_the_delivery),
        TEST(qos_2_to_a_kept_session_waits_until_it_is_safe),
        TEST(qos_1_overtakes_nothing_but_what_is_held),
        TEST(a_message_that_proves_too_large_after_it_was_safe_leaves_its_place),
        TEST(what_was_not_acknowledged_is_sent_again_with_dup_in_order),
        TEST(a_lost_connection_between_pubrec_and_its_commit_still_gets_its_pubrel),
        TEST(what_was_held_when_the_connection_was_lost_comes_without_dup),
        TEST(an_acknowledgement_before_it_was_sent_again_is_not_known),
        TEST(no_more_are_under_way_than_the_client_takes),
        TEST(no_more_are_under_way_than_the_broker_allows),
        TEST(what_comes_while_away_waits_in_order),
        TEST(qos_0_may_wait_too_and_then_keeps_its_order),
        TEST(each_limit_of_the_queue_has_its_cause),
        TEST(the_newest_is_dropped_where_the_queue_is_full),
        TEST(what_has_expired_in_the_queue_is_not_sent),
        TEST(an_expiry_interval_of_0_reaches_those_who_are_there),
        TEST(an_expiry_interval_of_0_waits_for_nobody),
        TEST(an_expiry_interval_of_0_is_not_retained_for_later),
        TEST(what_has_expired_makes_room_in_a_full_queue),
        TEST(a_full_link_drops_qos_0_and_lets_qos_1_wait),
        TEST(what_there_was_no_memory_for_is_tried_again),
        TEST(a_message_whose_identifiers_find_no_memory_takes_no_place),
        TEST(what_is_too_large_for_the_client_counts_as_delivered),
        TEST(retained_messages_come_after_the_suback),
        TEST(retained_messages_wait_for_their_own_suback),
        TEST(retained_messages_whose_suback_was_lost_come_with_the_session),
        TEST(retain_handling_says_whether_they_come),
        TEST(retained_messages_are_paced_by_the_window),
        TEST(retained_messages_stop_with_unsubscribe),
        TEST(subscribing_again_begins_anew_instead_of_once_more),
        TEST(many_filters_have_their_retained_messages_one_after_the_other),
        TEST(retained_qos_0_does_not_wait_for_acknowledgements),
    };

    return cmocka_run_group_tests_name("broker/outbound", tests, NULL, NULL);
}
