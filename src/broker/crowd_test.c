/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/kit_test.h"

/* A publisher at home 1, and a subscriber of "t" at home 0 that takes one at a time and has room
 * for eight more. */
static struct kit_client p, c;

static void
meet(uint32_t expiry_s)
{
    kit.opts.max_queued_messages = 8;
    kit_connect(&p, 1, "p", 0);
    kit_connect(&c, 0, "c", expiry_s);
    c.link.receive_maximum = 1;
    kit_subscribe(&c, "t", 2);
    kit_settle();
}

/* Whether its publisher is to wait after it. */
static bool
is_held_after(struct kit_client *from, uint8_t qos)
{
    static uint16_t id;
    bool is_held;

    kit_publish(from, "t", "x", qos, ++id);
    kit_settle();
    is_held = from->session->is_held;
    from->session->is_held = false; /* as its connection does in the end */
    from->looked_at = from->count;
    return is_held;
}

/* One under way, and so many that wait. */
static void
publish_until(uint32_t waiting)
{
    while (c.session->queue.count < waiting)
        (void)is_held_after(&p, 1);
}

/* The client takes some; their identifiers begin with 1. */
static void
take(unsigned count)
{
    while (count-- > 0)
        assert_int_equal(
            nj_session_puback(c.session, nj_inflight_at(&c.session->inflight, 0)->packet_id, 0),
            NJ_CAUSE_NONE);
}

static bool
is_crowded(const struct kit_client *client)
{
    bool is = (atomic_load(&client->session->subscriber.status) & NJ_SUBSCRIBER_CROWDED) != 0;

    assert_int_equal(atomic_load(&kit.broker->crowded), is);
    return is;
}

static void
who_publishes_to_a_queue_that_is_half_full_waits_until_a_quarter_is_left(void **state)
{
    (void)state;
    meet(0);
    publish_until(4);
    assert_false(is_crowded(&c));
    assert_false(is_held_after(&p, 1)); /* its own home does not know yet */
    assert_true(is_crowded(&c));
    assert_true(is_held_after(&p, 1));
    assert_true(is_held_after(&p, 2));
    assert_false(is_held_after(&p, 0)); /* that does not wait in the queue */
    take(4);
    assert_int_equal(c.session->queue.count, 3);
    assert_true(is_crowded(&c));
    take(1);
    assert_false(is_crowded(&c));
    assert_false(is_held_after(&p, 1));
}

static void
bytes_count_like_messages(void **state)
{
    (void)state;
    kit.opts.max_queued_bytes = 400;
    meet(0);
    kit.opts.max_queued_messages = 0;
    publish_until(1);
    assert_false(is_crowded(&c));
    while (c.session->queue.bytes <= 200)
        (void)is_held_after(&p, 1);
    assert_true(is_crowded(&c));
    while (c.session->queue.bytes > 100)
        take(1);
    assert_false(is_crowded(&c));
}

static void
who_is_late_is_not_waited_for_before_its_queue_was_empty(void **state)
{
    (void)state;
    meet(0);
    publish_until(5);
    kit.now += NJ_PATIENCE_MS - 1;
    kit_settle();
    assert_true(is_held_after(&p, 1));
    assert_int_equal(nj_home_next(kit.home[0]), kit.now + 1);
    kit.now++;
    kit_settle();
    assert_false(is_crowded(&c));
    assert_false(is_held_after(&p, 1));
    take(6); /* one is left */
    publish_until(6);
    assert_false(is_crowded(&c));
    take(7);
    assert_int_equal(c.session->queue.count, 0);
    publish_until(5);
    assert_true(is_crowded(&c));
    assert_true(is_held_after(&p, 1));
}

/* What it is waited for may stand behind what it publishes. */
static void
who_has_something_to_acknowledge_is_not_held(void **state)
{
    (void)state;
    meet(0);
    kit_subscribe(&p, "t", 1);
    kit_settle();
    publish_until(5);
    assert_true(is_crowded(&c));
    assert_false(is_held_after(&p, 1));
}

static void
who_is_away_is_not_waited_for(void **state)
{
    (void)state;
    meet(100);
    publish_until(5);
    assert_true(is_crowded(&c));
    kit_leave(&c, true);
    assert_int_equal(atomic_load(&kit.broker->crowded), 0);
    assert_int_equal(kit.home[0]->crowd.count, 0);
    assert_int_equal(nj_home_next(kit.home[0]), kit.now + 100 * 1000);
    assert_false(is_held_after(&p, 1));
}

/* ---- what is in the mail ---- */

static unsigned
post(uint8_t qos, unsigned count)
{
    static uint16_t id;
    unsigned held = 0;

    for (; count-- > 0; held += p.session->is_held) {
        p.session->is_held = false;
        kit_publish(&p, "t", "x", qos, ++id);
    }
    p.session->is_held = false;
    return held;
}

static bool
is_clear(void)
{
    return atomic_load(&kit.broker->crowded) == 0 &&
           (c.session == NULL || atomic_load(&c.session->subscriber.mailed) == 0);
}

static void
who_has_mailed_a_quarter_of_a_queue_waits_until_it_is_taken(void **state)
{
    (void)state;
    meet(0);
    assert_int_equal(post(0, 5), 0);
    assert_int_equal(post(1, 2), 0);
    assert_int_equal(atomic_load(&kit.broker->crowded), 0);
    assert_int_equal(post(1, 1), 1);
    assert_int_equal(post(2, 1), 1);
    assert_int_equal(atomic_load(&kit.broker->crowded), 1);
    kit_settle();
    assert_true(is_clear());
    assert_int_equal(c.session->queue.count, 3);
    assert_int_equal(post(1, 2), 0);
    kit_settle();
    assert_true(is_crowded(&c)); /* by its queue */
}

static void
who_is_gone_has_no_mail_for_which_others_wait(void **state)
{
    (void)state;
    meet(0);
    assert_int_equal(post(1, 3), 1);
    kit_leave(&c, true);
    c.session = NULL;
    kit_settle();
    assert_true(is_clear());
    assert_int_equal(kit.dropped[NJ_CAUSE_SESSION_GONE], 3);
}

static void
a_queue_without_a_limit_lets_any_mail_come(void **state)
{
    (void)state;
    meet(0);
    kit.opts.max_queued_messages = 0;
    assert_int_equal(post(1, 100), 0);
    kit_settle();
    assert_true(is_clear());
}

static void
a_crowd_has_so_many_places(void **state)
{
    static struct nj_crowd crowd;
    nj_handle who;

    (void)state;
    assert_int_equal(nj_crowd_next(&crowd), NJ_NEVER);
    for (uint32_t i = 0; i < NJ_CROWD_PLACES; i++)
        assert_true(nj_crowd_join(&crowd, (nj_handle){i, 0}, i));
    assert_false(nj_crowd_join(&crowd, (nj_handle){NJ_CROWD_PLACES, 0}, 100));
    nj_crowd_leave(&crowd, (nj_handle){1, 0});
    assert_true(nj_crowd_join(&crowd, (nj_handle){NJ_CROWD_PLACES, 0}, 100));
    assert_int_equal(nj_crowd_next(&crowd), NJ_PATIENCE_MS);
    assert_false(nj_crowd_take_late(&crowd, NJ_PATIENCE_MS - 1, &who));
    for (uint32_t i = 0; i <= NJ_CROWD_PLACES; i++)
        if (i != 1) {
            assert_true(nj_crowd_take_late(&crowd, 100 + NJ_PATIENCE_MS, &who));
            assert_int_equal(who.slot, i);
        }
    assert_int_equal(crowd.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_begin, kit_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_publishes_to_a_queue_that_is_half_full_waits_until_a_quarter_is_left),
        TEST(bytes_count_like_messages),
        TEST(who_is_late_is_not_waited_for_before_its_queue_was_empty),
        TEST(who_has_something_to_acknowledge_is_not_held),
        TEST(who_is_away_is_not_waited_for),
        TEST(who_has_mailed_a_quarter_of_a_queue_waits_until_it_is_taken),
        TEST(who_is_gone_has_no_mail_for_which_others_wait),
        TEST(a_queue_without_a_limit_lets_any_mail_come),
        cmocka_unit_test(a_crowd_has_so_many_places),
    };

    return cmocka_run_group_tests_name("broker/crowd", tests, NULL, NULL);
}
