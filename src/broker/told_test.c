/* SPDX-License-Identifier: Apache-2.0 */
/* What the store is told of what happens, and in which order; and what is refused while it is full.
 */
#include "broker/kit_test.h"

static struct kit_client p, c;

/* A publisher without a state of its own, and a receiver whose messages are to be stored. */
static void
meet(unsigned receivers_home)
{
    kit_connect(&p, 0, "p", 0);
    kit_connect(&c, receivers_home, "c", 100);
    kit_subscribe(&c, "t", 2);
    kit_commit();
}

static unsigned
count_of(unsigned home, enum nj_change_kind kind)
{
    unsigned count = 0;

    while (kit_place(home, kind, count) >= 0)
        count++;
    return count;
}

/* ---- deliveries ---- */

static void
a_message_is_told_to_be_for_a_session_before_what_that_does_with_it(void **state)
{
    (void)state;
    meet(0);
    kit_publish(&p, "t", "1", 1, 7);
    kit_sees_publish(&c, "1", 1, 1);
    assert_int_equal(nj_session_puback(c.session, 1, 0), NJ_CAUSE_NONE);
    assert_int_equal(kit_change(0, NJ_CHANGE_QUEUED, 0)->session, c.session->subscriber.number);
    assert_int_equal(kit_change(0, NJ_CHANGE_QUEUED, 0)->message,
                     kit_change(0, NJ_CHANGE_DELIVERED, 0)->message);
    assert_true(kit_order(0, NJ_CHANGE_QUEUED, 0) < kit_order(0, NJ_CHANGE_DELIVERED, 0));
    assert_string_equal(kit.store[0].texts[kit_place(0, NJ_CHANGE_QUEUED, 0)], "t");
}

static void
so_it_is_where_the_receiver_is_at_another_home(void **state)
{
    (void)state;
    meet(1);
    kit_publish(&p, "t", "2", 2, 7);
    kit_settle();
    kit_sees_publish(&c, "2", 2, 1);
    assert_int_equal(count_of(1, NJ_CHANGE_QUEUED), 0);
    assert_true(kit_order(0, NJ_CHANGE_QUEUED, 0) < kit_order(0, NJ_CHANGE_ROUTED, 0));
    assert_true(kit_order(0, NJ_CHANGE_ROUTED, 0) < kit_order(1, NJ_CHANGE_SENDING, 0));
    assert_int_equal(kit_change(1, NJ_CHANGE_SENDING, 0)->packet_id, 1);
    assert_int_equal(nj_session_pubrec(c.session, 1, 0), NJ_CAUSE_NONE);
    assert_int_equal(kit_change(1, NJ_CHANGE_RECEIVED, 0)->message,
                     kit_change(0, NJ_CHANGE_QUEUED, 0)->message);
    kit_commit();
    assert_int_equal(nj_session_pubcomp(c.session, 1), NJ_CAUSE_NONE);
    assert_int_equal(kit_change(1, NJ_CHANGE_COMPLETED, 0)->packet_id, 1);
    assert_int_equal(count_of(1, NJ_CHANGE_DELIVERED), 0);
}

/* However much there is for the other home: a start that routes it again knows who has it. */
static void
qos_2_leaves_its_home_when_the_store_has_heard_that_it_is_routed(void **state)
{
    char *payload = nj_zalloc(NJ_BUNDLE_FULL);
    struct nj_publication pub = kit_publication("t", "", 1);

    (void)state;
    assert_non_null(payload);
    meet(1);
    pub.payload = (struct nj_str){payload, NJ_BUNDLE_FULL};
    for (uint16_t id = 1; id <= 2; id++) /* a full bundle goes when there is more */
        assert_int_equal(kit_publish_full(&p, pub, id, NJ_NO_EXPIRY), NJ_CAUSE_NONE);
    assert_int_equal(kit.mail_count[1], 1);
    kit_settle();
    pub.qos = 2;
    for (uint16_t id = 3; id <= 4; id++)
        assert_int_equal(kit_publish_full(&p, pub, id, NJ_NO_EXPIRY), NJ_CAUSE_NONE);
    kit_commit();
    assert_int_equal(count_of(0, NJ_CHANGE_ROUTED), 2);
    assert_int_equal(kit.mail_count[1], 0);
    kit_settle();
    assert_int_equal(count_of(1, NJ_CHANGE_SENDING), 2);
    nj_free(payload);
}

static void
what_is_dropped_at_a_limit_is_told(void **state)
{
    (void)state;
    kit.opts.max_queued_messages = 1;
    meet(0);
    kit_leave(&c, true);
    kit_publish(&p, "t", "1", 1, 1);
    kit_publish(&p, "t", "2", 1, 2);
    assert_int_equal(count_of(0, NJ_CHANGE_QUEUED), 2);
    assert_int_equal(kit_change(0, NJ_CHANGE_DELIVERED, 0)->message,
                     kit_change(0, NJ_CHANGE_QUEUED, 1)->message);
    assert_int_equal(count_of(0, NJ_CHANGE_DELIVERED), 1);
}

static void
what_is_stored_is_told_to_its_end_though_the_session_is_not_kept_any_more(void **state)
{
    (void)state;
    meet(0);
    kit_publish(&p, "t", "1", 1, 1);
    kit_leave(&c, true);
    kit_connect(&c, 0, "c", 0);
    kit_sees_publish(&c, "1", 1, 1);
    assert_int_equal(nj_session_puback(c.session, 1, 0), NJ_CAUSE_NONE);
    assert_int_equal(count_of(0, NJ_CHANGE_DELIVERED), 1);
    kit_publish(&p, "t", "2", 1, 2);
    kit_sees_publish(&c, "2", 1, 2);
    assert_int_equal(nj_session_puback(c.session, 2, 0), NJ_CAUSE_NONE);
    assert_int_equal(count_of(0, NJ_CHANGE_QUEUED), 1);
    assert_int_equal(count_of(0, NJ_CHANGE_DELIVERED), 1);
}

/* The store would take the two for one. */
static void
one_more_copy_is_a_message_of_its_own(void **state)
{
    (void)state;
    kit.opts.allow_duplicate_messages = true;
    meet(1);
    kit_subscribe(&c, "+", 2);
    kit_publish(&p, "t", "x", 2, 1);
    kit_settle();
    kit_sees_publish(&c, "x", 2, 1);
    kit_sees_publish(&c, "x", 2, 2);
    assert_int_equal(count_of(0, NJ_CHANGE_QUEUED), 2);
    assert_int_not_equal(kit_change(1, NJ_CHANGE_SENDING, 0)->message,
                         kit_change(1, NJ_CHANGE_SENDING, 1)->message);
}

/* Retained messages follow the SUBACK. */
static void
subscribe_and_look(const char *filter, uint8_t qos)
{
    kit_subscribe(&c, filter, qos);
    nj_session_answer_subscribe(c.session, NJ_SUBACK, 1, nj_str_of("\1"));
    kit_settle();
    (void)kit_sees(&c, NJ_SUBACK);
}

static void
a_retained_copy_is_told_at_qos_2_and_as_a_message_of_its_own(void **state)
{
    struct nj_publication pub = kit_publication("t", "x", 2);

    (void)state;
    pub.retain = true;
    kit_connect(&p, 0, "p", 0);
    kit_connect(&c, 0, "c", 100);
    assert_int_equal(kit_publish_full(&p, pub, 1, NJ_NO_EXPIRY), NJ_CAUSE_NONE);
    kit_commit();
    subscribe_and_look("t", 1);
    kit_sees_publish(&c, "x", 1, 1);
    assert_int_equal(count_of(0, NJ_CHANGE_QUEUED), 0);
    subscribe_and_look("t", 2);
    kit_sees_publish(&c, "x", 2, 2);
    assert_int_equal(count_of(0, NJ_CHANGE_QUEUED), 1);
    assert_int_not_equal(kit_change(0, NJ_CHANGE_QUEUED, 0)->message,
                         kit_change(0, NJ_CHANGE_RETAINED, 0)->message);
    assert_int_equal(nj_session_puback(c.session, 1, 0), NJ_CAUSE_NONE);
    assert_int_equal(count_of(0, NJ_CHANGE_DELIVERED), 0);
}

/* ---- sessions ---- */

static void
subscriptions_are_told_as_they_were_written(void **state)
{
    (void)state;
    kit_connect(&c, 0, "c", 100);
    kit_subscribe(&c, "$share/g/t/#", 1);
    assert_int_equal(nj_session_unsubscribe(c.session, nj_str_of("$share/g/t/#")), 0);
    assert_int_equal(nj_session_unsubscribe(c.session, nj_str_of("never")),
                     NJ_REASON_NO_SUBSCRIPTION_EXISTED);
    assert_int_equal(count_of(0, NJ_CHANGE_SUBSCRIBED), 1);
    assert_int_equal(count_of(0, NJ_CHANGE_UNSUBSCRIBED), 1);
    assert_string_equal(kit.store[0].texts[kit_place(0, NJ_CHANGE_SUBSCRIBED, 0)], "$share/g/t/#");
    assert_string_equal(kit.store[0].texts[kit_place(0, NJ_CHANGE_UNSUBSCRIBED, 0)],
                        "$share/g/t/#");
    assert_true(kit_order(0, NJ_CHANGE_SESSION, 0) < kit_order(0, NJ_CHANGE_SUBSCRIBED, 0));
}

static void
a_will_is_told_and_that_there_is_none_any_more(void **state)
{
    const struct nj_msg_parts will = {
        .topic = nj_str_of("t"), .payload = nj_str_of("dead"), .qos = 1};
    struct nj_opening opening = kit_opening("w", 0);

    (void)state;
    meet(0);
    opening.will = &will;
    kit_client(&p);
    kit_connect_with(&p, 0, &opening);
    assert_string_equal(kit.store[0].texts[kit_place(0, NJ_CHANGE_WILL, 0)], "dead");
    kit_leave(&p, true);
    assert_null(kit_change(0, NJ_CHANGE_WILL, 1)->will);
    kit_client(&p);
    kit_connect_with(&p, 0, &opening);
    kit_leave(&p, false);
    assert_null(kit_change(0, NJ_CHANGE_WILL, 3)->will);
    assert_true(kit_order(0, NJ_CHANGE_QUEUED, 0) < kit_order(0, NJ_CHANGE_WILL, 3));
    kit_sees_publish(&c, "dead", 1, 1);
    assert_int_equal(count_of(0, NJ_CHANGE_WILL), 4);
}

static void
of_clean_sessions_nothing_is_told(void **state)
{
    (void)state;
    kit_connect(&p, 0, "p", 0);
    kit_connect(&c, 1, "c", 0);
    kit_subscribe(&c, "t", 2);
    kit_publish(&p, "t", "1", 1, 1);
    kit_publish(&p, "t", "2", 2, 2);
    kit_settle();
    kit_sees_publish(&c, "1", 1, 1);
    kit_sees_publish(&c, "2", 2, 2);
    assert_int_equal(nj_session_puback(c.session, 1, 0), NJ_CAUSE_NONE);
    assert_int_equal(nj_session_pubrec(c.session, 2, 0), NJ_CAUSE_NONE);
    assert_int_equal(nj_session_pubcomp(c.session, 2), NJ_CAUSE_NONE);
    nj_session_pubrel(p.session, 2);
    assert_int_equal(nj_session_unsubscribe(c.session, nj_str_of("t")), 0);
    kit_leave(&p, true);
    kit_leave(&c, false);
    assert_int_equal(kit.changes, 0);
}

/* The first CONNACK was lost, and with it the wait. [MQTT5-3.1.2-4] */
static void
the_end_of_a_session_is_waited_for_by_the_next_connection_too(void **state)
{
    struct nj_opening opening = kit_opening("c", 0);

    (void)state;
    kit_connect(&c, 0, "c", 100);
    kit_leave(&c, true);
    kit_commit();
    opening.clean_start = true;
    kit_client(&c);
    assert_int_equal(kit_try_open(&c, 0, &opening), NJ_CAUSE_NONE);
    kit_leave(&c, true);
    kit_client(&c);
    assert_int_equal(kit_try_open(&c, 0, &opening), NJ_CAUSE_NONE);
    kit_sees_nothing(&c);
    kit_commit();
    assert_false(kit_sees(&c, NJ_CONNACK)->session_present);
}

/* ---- QoS 2 from a client ---- */

static void
what_is_taken_is_told_and_its_receivers_and_that_there_are_no_more(void **state)
{
    uint64_t message;

    (void)state;
    kit_connect(&p, 0, "p", 100);
    kit_connect(&c, 1, "c", 100);
    kit_subscribe(&c, "t", 2);
    kit_commit();
    kit_publish(&p, "t", "2", 2, 7);
    assert_int_equal(kit_change(0, NJ_CHANGE_TAKEN, 0)->packet_id, 7);
    assert_int_equal(kit_change(0, NJ_CHANGE_TAKEN, 0)->session, p.session->subscriber.number);
    assert_int_equal(count_of(0, NJ_CHANGE_QUEUED), 0);
    message = kit_change(0, NJ_CHANGE_TAKEN, 0)->message;
    kit_commit();
    assert_int_equal(kit_change(0, NJ_CHANGE_QUEUED, 0)->message, message);
    assert_int_equal(kit_change(0, NJ_CHANGE_ROUTED, 0)->packet_id, 7);
    assert_true(kit_order(0, NJ_CHANGE_QUEUED, 0) < kit_order(0, NJ_CHANGE_ROUTED, 0));
    assert_int_equal(count_of(0, NJ_CHANGE_RELEASED), 0);
    nj_session_pubrel(p.session, 7);
    assert_int_equal(kit_change(0, NJ_CHANGE_RELEASED, 0)->packet_id, 7);
}

/* Only its own, which has ended with its connection, is waited for. */
static void
a_clean_session_waits_for_what_it_has_left_behind_and_for_nobody_else(void **state)
{
    struct kit_client q;

    (void)state;
    meet(0);
    kit_subscribe(&c, "u", 0);
    kit_commit();
    kit_publish(&p, "t", "taken", 2, 1);
    kit_connect(&q, 1, "q", 0); /* commits */
    kit_publish(&p, "t", "taken", 2, 2);
    kit_client(&q);
    assert_int_equal(kit_try_open(&q, 0, &(struct nj_opening){.client_id = nj_str_of("q2")}),
                     NJ_CAUSE_NONE);
    q.looked_at = 1;
    kit_publish(&q, "u", "at once", 2, 1);
    kit_sees_ack(&q, NJ_PUBREC, 1, 0);
    kit_leave(&p, true);
    kit_publish(&q, "u", "in its turn", 2, 2);
    kit_sees_nothing(&q);
    kit_commit();
    kit_sees_ack(&q, NJ_PUBREC, 2, 0);
}

/* ---- retained messages ---- */

static void
that_there_is_nothing_retained_is_to_be_safe_too(void **state)
{
    struct nj_publication pub = kit_publication("t", "", 1);

    (void)state;
    kit_connect(&p, 0, "p", 0);
    kit_retain(&p, "t", "x");
    kit_commit();
    kit_retain(&p, "t", "");
    pub.retain = true;
    assert_int_equal(kit_publish_full(&p, pub, 1, NJ_NO_EXPIRY), NJ_CAUSE_NONE);
    kit_sees_nothing(&p);
    kit_commit();
    kit_sees_ack(&p, NJ_PUBACK, 1, NJ_REASON_NO_MATCHING_SUBSCRIBERS);
}

/* ---- a store that is full ---- */

static void
fill(void)
{
    for (unsigned i = 0; i < KIT_HOMES; i++)
        kit.store[i].is_full = true;
}

static void
while_the_store_is_full_5_0_is_told_so(void **state)
{
    struct nj_publication pub = kit_publication("u", "x", 1);

    (void)state;
    meet(0);
    fill();
    kit_publish(&p, "t", "1", 1, 1);
    kit_sees_ack(&p, NJ_PUBACK, 1, NJ_REASON_QUOTA_EXCEEDED);
    kit_publish(&p, "t", "2", 2, 2);
    kit_sees_ack(&p, NJ_PUBREC, 2, NJ_REASON_QUOTA_EXCEEDED);
    pub.retain = true;
    assert_int_equal(kit_publish_full(&p, pub, 3, NJ_NO_EXPIRY), NJ_CAUSE_NONE);
    kit_sees_ack(&p, NJ_PUBACK, 3, NJ_REASON_QUOTA_EXCEEDED);
    kit_sees_nothing(&c);
    assert_int_equal(kit.dropped[NJ_CAUSE_STORE_FULL], 3);
    assert_int_equal(count_of(0, NJ_CHANGE_QUEUED) + count_of(0, NJ_CHANGE_RETAINED), 0);
    kit.store[0].is_full = false;
    kit_publish(&p, "t", "3", 1, 1);
    kit_commit();
    kit_sees_ack(&p, NJ_PUBACK, 1, 0);
    kit_sees_publish(&c, "3", 1, 1);
}

static void
before_5_0_the_connection_ends_without_an_acknowledgement(void **state)
{
    (void)state;
    meet(0);
    p.link.version = NJ_MQTT_311;
    fill();
    assert_int_equal(kit_publish_full(&p, kit_publication("t", "1", 1), 1, NJ_NO_EXPIRY),
                     NJ_CAUSE_STORE_FULL);
    assert_int_equal(kit_publish_full(&p, kit_publication("t", "2", 2), 2, NJ_NO_EXPIRY),
                     NJ_CAUSE_STORE_FULL);
    kit_sees_nothing(&p);
    kit_sees_nothing(&c);
}

static void
what_needs_no_store_goes_on_while_it_is_full(void **state)
{
    (void)state;
    meet(0);
    kit_publish(&p, "t", "before", 1, 1);
    kit_commit();
    kit_sees_publish(&c, "before", 1, 1);
    kit_sees_ack(&p, NJ_PUBACK, 1, 0);
    fill();
    kit_publish(&p, "nobody", "1", 1, 2);
    kit_sees_ack(&p, NJ_PUBACK, 2, NJ_REASON_NO_MATCHING_SUBSCRIBERS);
    kit_publish(&p, "t", "0", 0, 0);
    kit_sees_publish(&c, "0", 0, 0);
    assert_int_equal(nj_session_puback(c.session, 1, 0), NJ_CAUSE_NONE);
    assert_int_equal(count_of(0, NJ_CHANGE_DELIVERED), 1);
}

static void
nothing_is_retained_and_nothing_durable_subscribed_to_while_it_is_full(void **state)
{
    struct nj_subscription u = {.filter = nj_str_of("u"), .qos = 1};

    (void)state;
    meet(0);
    fill();
    kit_retain(&p, "u", "x");
    assert_int_equal(kit.dropped[NJ_CAUSE_STORE_FULL], 1);
    assert_int_equal(kit_subscribe_with(&c, u, 0), NJ_REASON_QUOTA_EXCEEDED);
    assert_int_equal(kit.dropped[NJ_CAUSE_STORE_FULL], 2);
    assert_int_equal(kit_subscribe_with(&p, u, 0), 1);
    kit_settle();
    kit_sees_nothing(&p); /* nothing is retained there */
    assert_int_equal(count_of(0, NJ_CHANGE_SUBSCRIBED), 1);
}

static void
a_store_that_has_failed_leaves_nobody_waiting(void **state)
{
    struct nj_opening opening = kit_opening("c", NJ_SESSION_FOR_EVER);
    struct kit_client d;
    struct nj_session *session;

    (void)state;
    meet(0);
    kit_leave(&c, true);
    kit_connect(&c, 0, "c", NJ_SESSION_FOR_EVER);
    kit_connect(&d, 0, "d", 100);
    session = d.session;
    kit_publish(&p, "t", "1", 1, 1);
    kit_publish(&d, "t", "2", 2, 2);
    assert_int_equal(session->received.count, 1);
    fill();
    nj_home_store_failed(kit.home[0]);
    assert_int_equal(p.closed, NJ_CAUSE_STORE_FULL);
    assert_int_equal(d.closed, NJ_CAUSE_STORE_FULL);
    kit_sees_nothing(&p);
    kit_sees_nothing(&d);
    assert_int_equal(session->received.count, 0); /* sent again, it is refused, and not known */
    assert_int_equal(c.closed, NJ_CAUSE_NONE);
    kit_sees_publish(&c, "1", 1, 1);
    kit_sees_nothing(&c);
    kit_leave(&c, true);
    kit_client(&c);
    assert_int_equal(kit_try_open(&c, 0, &opening), NJ_CAUSE_NONE); /* to fetch what waits */
    nj_home_store_failed(kit.home[0]);
    assert_true(kit_sees(&c, NJ_CONNACK)->session_present);
    assert_int_equal(c.closed, NJ_CAUSE_NONE);
}

/* So many CONNACKs had to wait for room in the store, and each was said. */
static void
assert_waits(unsigned count)
{
    assert_int_equal(kit.waiting, count);
    assert_int_equal(kit_gauge(NJ_METRIC_STORE_WAITS), count);
}

/* So what waits for it can be fetched, whatever the store waits for. */
static void
a_session_that_is_safe_comes_back_while_the_store_is_full(void **state)
{
    struct nj_opening opening = kit_opening("c", NJ_SESSION_FOR_EVER);

    (void)state;
    meet(0);
    for (unsigned i = 0; i < 2; i++) { /* taken over, too */
        kit.store[0].is_full = i == 1;
        kit_client(&c);
        assert_int_equal(kit_try_open(&c, 0, &opening), NJ_CAUSE_NONE);
        if (i == 0) {
            kit_sees_nothing(&c);
            kit_commit();
        }
        assert_true(kit_sees(&c, NJ_CONNACK)->session_present);
    }
    assert_waits(0);
    opening.session_expiry_s = 200; /* this is not */
    kit_client(&c);
    assert_int_equal(kit_try_open(&c, 0, &opening), NJ_CAUSE_NONE);
    kit_sees_nothing(&c);
    kit_client(&c); /* nor has it become so */
    assert_int_equal(kit_try_open(&c, 0, &opening), NJ_CAUSE_NONE);
    kit_sees_nothing(&c);
    opening.client_id = nj_str_of("new");
    kit_client(&p);
    assert_int_equal(kit_try_open(&p, 0, &opening), NJ_CAUSE_NONE);
    kit_sees_nothing(&p);
    assert_waits(3);
    kit_commit();
    assert_true(kit_sees(&c, NJ_CONNACK)->session_present);
    assert_false(kit_sees(&p, NJ_CONNACK)->session_present);
}

/* Its interval counts from the end of the connection before until it is safe that it is back, or a
 * start knows better: else it would end what the session was told is there. (sim 200000047) */
static void
a_session_that_expires_comes_back_when_its_interval_is_safe(void **state)
{
    const uint32_t asked[] = {100, NJ_SESSION_FOR_EVER}, most[] = {UINT32_MAX, 60};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct nj_opening opening = kit_opening("c", asked[i]);

        kit.store[0].is_full = kit.store[0].doubts_ends = false;
        kit.opts.persistent_client_expiration_s = most[i];
        kit_connect(&c, 0, "c", asked[i]);
        kit_leave(&c, true);
        kit_commit();
        kit.store[0].is_full = true;
        kit_client(&c);
        assert_int_equal(kit_try_open(&c, 0, &opening), NJ_CAUSE_NONE);
        kit_sees_nothing(&c);
        assert_waits(i + 1);
        kit_commit();
        assert_true(kit_sees(&c, NJ_CONNACK)->session_present);
        kit.store[0].doubts_ends = true; /* a start counts from itself */
        kit_client(&c);
        assert_int_equal(kit_try_open(&c, 0, &opening), NJ_CAUSE_NONE);
        assert_true(kit_sees(&c, NJ_CONNACK)->session_present);
        assert_waits(i + 1);
    }
}

/* What became of the will before is to be safe, and that there is another. */
static void
a_session_with_a_will_comes_back_when_that_is_safe(void **state)
{
    struct nj_opening opening = kit_opening("c", 100);
    const struct nj_msg_parts will = {.topic = NJ_STR("w"), .payload = NJ_STR("bye")};

    (void)state;
    kit_connect(&c, 0, "c", 100);
    kit_commit();
    kit.store[0].is_full = kit.store[0].doubts_ends = true;
    opening.will = &will;
    for (unsigned i = 0; i < 2; i++) {
        kit_client(&c);
        assert_int_equal(kit_try_open(&c, 0, &opening), NJ_CAUSE_NONE);
        kit_sees_nothing(&c);
        assert_waits(i + 1);
        kit_commit();
        assert_true(kit_sees(&c, NJ_CONNACK)->session_present);
        opening.will = NULL;
    }
}

/* What came on the connection before may not be safe, though CONNACK has left. */
static void
what_it_asks_for_then_waits_as_ever(void **state)
{
    struct nj_opening opening = kit_opening("p", NJ_SESSION_FOR_EVER);

    (void)state;
    kit_connect(&p, 0, "p", NJ_SESSION_FOR_EVER);
    kit_commit();
    kit_publish(&p, "t", "1", 2, 7);
    kit_sees_nothing(&p);
    kit.store[0].is_full = true;
    kit_client(&p);
    assert_int_equal(kit_try_open(&p, 0, &opening), NJ_CAUSE_NONE);
    assert_true(kit_sees(&p, NJ_CONNACK)->session_present);
    kit_publish(&p, "t", "1", 2, 7);
    kit_sees_nothing(&p);
    kit_commit();
    kit_sees_ack(&p, NJ_PUBREC, 7, 0);
    kit_sees_nothing(&p);
    nj_session_pubrel(p.session, 7);
    kit_commit();
    kit_sees_ack(&p, NJ_PUBCOMP, 7, 0);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_begin, kit_end)
        TEST(a_message_is_told_to_be_for_a_session_before_what_that_does_with_it),
        TEST(so_it_is_where_the_receiver_is_at_another_home),
        TEST(qos_2_leaves_its_home_when_the_store_has_heard_that_it_is_routed),
        TEST(what_is_dropped_at_a_limit_is_told),
        TEST(what_is_stored_is_told_to_its_end_though_the_session_is_not_kept_any_more),
        TEST(one_more_copy_is_a_message_of_its_own),
        TEST(a_retained_copy_is_told_at_qos_2_and_as_a_message_of_its_own),
        TEST(subscriptions_are_told_as_they_were_written),
        TEST(a_will_is_told_and_that_there_is_none_any_more),
        TEST(of_clean_sessions_nothing_is_told),
        TEST(the_end_of_a_session_is_waited_for_by_the_next_connection_too),
        TEST(what_is_taken_is_told_and_its_receivers_and_that_there_are_no_more),
        TEST(a_clean_session_waits_for_what_it_has_left_behind_and_for_nobody_else),
        TEST(that_there_is_nothing_retained_is_to_be_safe_too),
        TEST(while_the_store_is_full_5_0_is_told_so),
        TEST(before_5_0_the_connection_ends_without_an_acknowledgement),
        TEST(what_needs_no_store_goes_on_while_it_is_full),
        TEST(nothing_is_retained_and_nothing_durable_subscribed_to_while_it_is_full),
        TEST(a_store_that_has_failed_leaves_nobody_waiting),
        TEST(a_session_that_is_safe_comes_back_while_the_store_is_full),
        TEST(a_session_that_expires_comes_back_when_its_interval_is_safe),
        TEST(a_session_with_a_will_comes_back_when_that_is_safe),
        TEST(what_it_asks_for_then_waits_as_ever),
    };

    return cmocka_run_group_tests_name("broker/told", tests, NULL, NULL);
}
