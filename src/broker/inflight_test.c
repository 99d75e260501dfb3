/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/inflight.h"

#include "base/test.h"

static struct nj_msg *
message(uint64_t number)
{
    const struct nj_msg_parts parts = {
        .topic = NJ_STR("t"), .payload = NJ_STR("12345"), .number = number, .expires = NJ_NEVER};
    struct nj_msg *msg = nj_msg_new(&parts);

    assert_non_null(msg);
    return msg;
}

/* Add one that is sent; its packet identifier. */
static uint16_t
add(struct nj_inflight *f, uint64_t number)
{
    struct nj_parcel *slot = nj_inflight_add(f, message(number));

    assert_non_null(slot);
    slot->state = NJ_PARCEL_SENT;
    nj_inflight_count(f, slot);
    f->next = f->ring.count;
    return slot->packet_id;
}

static void
done(struct nj_inflight *f, uint16_t packet_id)
{
    struct nj_parcel *p = nj_inflight_find(f, packet_id);

    assert_non_null(p);
    nj_inflight_done(f, p);
}

/* Give out and take back identifiers until the last one given is `packet_id`. */
static void
advance_to(struct nj_inflight *f, uint16_t packet_id)
{
    while (f->last_given != packet_id)
        done(f, add(f, 0));
}

/* [MQTT5-2.2.1-3] [MQTT5-2.2.1-4] [MQTT311-2.3.1-2] [MQTT311-2.3.1-4] */
static void
identifiers_begin_at_1_and_follow_one_another(void **state)
{
    struct nj_inflight f = {0};

    (void)state;
    for (uint16_t i = 1; i <= 100; i++)
        assert_int_equal(add(&f, i), i);
    for (uint16_t i = 1; i <= 100; i++)
        assert_int_equal(nj_inflight_find(&f, i)->msg->number, i);
    nj_inflight_fini(&f);
}

/* [MQTT5-2.2.1-3] [MQTT311-2.3.1-1] */
static void
identifier_65535_is_followed_by_1(void **state)
{
    struct nj_inflight f = {0};

    (void)state;
    advance_to(&f, 65533);
    assert_int_equal(add(&f, 100), 65534);
    assert_int_equal(add(&f, 101), 65535);
    assert_int_equal(add(&f, 102), 1);
    assert_int_equal(add(&f, 103), 2);
    assert_null(nj_inflight_find(&f, 0));
    assert_null(nj_inflight_find(&f, 3));
    assert_null(nj_inflight_find(&f, 65533));
    assert_int_equal(nj_inflight_find(&f, 65534)->msg->number, 100);
    assert_int_equal(nj_inflight_find(&f, 65535)->msg->number, 101);
    assert_int_equal(nj_inflight_find(&f, 1)->msg->number, 102);
    assert_int_equal(nj_inflight_find(&f, 2)->msg->number, 103);
    done(&f, 1);
    done(&f, 65534);
    done(&f, 2);
    done(&f, 65535);
    assert_int_equal(f.ring.count, 0);
    assert_int_equal(add(&f, 104), 3);
    nj_inflight_fini(&f);
}

/* [MQTT5-2.2.1-4] [MQTT311-2.3.1-2] */
static void
an_identifier_is_free_only_when_those_before_it_are_done(void **state)
{
    struct nj_inflight f = {0};

    (void)state;
    for (int i = 1; i <= 5; i++)
        (void)add(&f, (uint64_t)i);
    done(&f, 4);
    done(&f, 2);
    assert_int_equal(f.ring.count, 5);
    assert_int_equal(f.counted, 3);
    assert_null(nj_inflight_find(&f, 2));
    assert_null(nj_inflight_find(&f, 4));
    done(&f, 1);
    assert_int_equal(f.ring.count, 3); /* 3, 4 done, 5 */
    assert_int_equal(f.next, 3);
    done(&f, 3);
    assert_int_equal(f.ring.count, 1);
    assert_int_equal(nj_inflight_at(&f, 0)->packet_id, 5);
    done(&f, 5);
    assert_int_equal(f.ring.count, 0);
    assert_int_equal(f.next, 0);
    assert_int_equal(f.bytes, 0);
    assert_int_equal(f.counted, 0);
    nj_inflight_fini(&f);
}

/* However the receiver behaves, no identifier is under way twice. [MQTT5-2.2.1-4] */
static void
when_all_identifiers_are_in_use_none_is_given(void **state)
{
    struct nj_inflight f = {0};
    struct nj_msg *msg = message(0);

    (void)state;
    advance_to(&f, 7);
    (void)add(&f, 1); /* 8, never acknowledged */
    for (uint32_t i = 1; i < 65535; i++)
        done(&f, add(&f, 2));
    assert_int_equal(f.ring.count, 65535);
    assert_true(nj_inflight_is_exhausted(&f));
    assert_null(nj_inflight_add(&f, msg));
    assert_int_equal(f.last_given, 7);
    done(&f, 8);
    assert_int_equal(f.ring.count, 0);
    assert_int_equal(nj_inflight_add(&f, msg)->packet_id, 8);
    nj_inflight_fini(&f);
}

/* Under way before the process ended; the next one given is far from it. */
static void
restore(struct nj_inflight *f, uint16_t packet_id)
{
    const struct nj_parcel p = {
        .msg = message(packet_id), .state = NJ_PARCEL_SENT, .packet_id = packet_id};

    assert_true(nj_inflight_restore(f, &p));
}

static void
after_a_start_identifiers_lie_far_behind_those_known(void **state)
{
    struct nj_inflight f = {0};

    (void)state;
    restore(&f, 65530);
    restore(&f, 65534);
    restore(&f, 2);
    nj_inflight_leap(&f, 77);
    assert_int_equal(f.ring.count, 8); /* 65530 to 65535, 1, 2 */
    assert_int_equal(add(&f, 100), 2 + NJ_INFLIGHT_LEAP + 1);
    assert_int_equal(add(&f, 101), 2 + NJ_INFLIGHT_LEAP + 2);
    assert_int_equal(f.ring.count, 10); /* what is left out takes no place */
    assert_int_equal(nj_inflight_find(&f, 2)->msg->number, 2);
    assert_int_equal(nj_inflight_find(&f, 2 + NJ_INFLIGHT_LEAP + 1)->msg->number, 100);
    assert_int_equal(nj_inflight_find(&f, 2 + NJ_INFLIGHT_LEAP + 2)->msg->number, 101);
    assert_null(nj_inflight_find(&f, 2 + NJ_INFLIGHT_LEAP + 3));
    assert_null(nj_inflight_find(&f, 2 + NJ_INFLIGHT_LEAP));
    assert_null(nj_inflight_find(&f, 3));
    assert_null(nj_inflight_find(&f, 65529));

    /* Once all before it are done, they follow one another as ever. */
    done(&f, 2);
    done(&f, 65534);
    assert_int_equal(nj_inflight_find(&f, 2 + NJ_INFLIGHT_LEAP + 1)->msg->number, 100);
    done(&f, 65530);
    assert_int_equal(f.ring.count, 2);
    assert_int_equal(nj_inflight_find(&f, 2 + NJ_INFLIGHT_LEAP + 1)->msg->number, 100);
    done(&f, 2 + NJ_INFLIGHT_LEAP + 1);
    done(&f, 2 + NJ_INFLIGHT_LEAP + 2);
    assert_int_equal(add(&f, 102), 2 + NJ_INFLIGHT_LEAP + 3);
    nj_inflight_fini(&f);
}

static void
after_a_start_that_knows_none_identifiers_begin_where_they_are_drawn(void **state)
{
    static const struct {
        uint64_t drawn;
        uint16_t first;
    } cases[] = {{0, 2}, {65533, 65535}, {65534, 1}, {65535, 2}, {UINT64_MAX, 2}};

    (void)state;
    for (unsigned i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_inflight f = {0};

        nj_inflight_leap(&f, cases[i].drawn);
        assert_int_equal(add(&f, 1), cases[i].first);
        nj_inflight_fini(&f);
    }
}

/* [MQTT5-2.2.1-4] */
static void
what_was_left_out_is_given_to_nobody_while_it_lies_in_the_window(void **state)
{
    struct nj_inflight f = {0};
    struct nj_msg *msg = message(0);
    uint32_t given = 0;

    (void)state;
    restore(&f, 10);
    nj_inflight_leap(&f, 0);
    for (; !nj_inflight_is_exhausted(&f); given++)
        done(&f, add(&f, 2));
    assert_int_equal(given, 65535 - NJ_INFLIGHT_LEAP - 1);
    assert_int_equal(f.last_given, 9);
    assert_null(nj_inflight_add(&f, msg));
    done(&f, 10);
    assert_int_equal(f.ring.count, 0);
    assert_int_equal(nj_inflight_add(&f, msg)->packet_id, 10);
    nj_inflight_fini(&f);
}

/* A start looks for the widest gap: see first_flight() in restore.c. */
static void
a_wide_window_is_not_made_wider(void **state)
{
    struct nj_inflight f = {0};

    (void)state;
    restore(&f, 1);
    restore(&f, NJ_INFLIGHT_LEAP);
    nj_inflight_leap(&f, 0);
    assert_int_equal(add(&f, 1), NJ_INFLIGHT_LEAP + 1);
    nj_inflight_fini(&f);
}

static void
bytes_are_the_payloads_on_their_way(void **state)
{
    struct nj_inflight f = {0};

    (void)state;
    (void)add(&f, 1);
    assert_int_equal(f.bytes, 5);
    (void)add(&f, 2);
    nj_inflight_count(&f, nj_inflight_find(&f, 2));
    assert_int_equal(f.bytes, 10);
    nj_inflight_drop_message(&f, nj_inflight_find(&f, 1));
    nj_inflight_drop_message(&f, nj_inflight_find(&f, 1));
    assert_int_equal(f.bytes, 5);
    done(&f, 1);
    assert_int_equal(f.bytes, 5);
    nj_inflight_restart(&f);
    assert_int_equal(f.bytes, 0);
    done(&f, 2);
    assert_int_equal(f.bytes, 0);
    nj_inflight_fini(&f);
}

/* [MQTT5-4.4.0-1] [MQTT5-4.9.0-1] */
static void
a_restart_sends_from_the_first_on_with_the_window_unused(void **state)
{
    struct nj_inflight f = {0};

    (void)state;
    for (int i = 0; i < 3; i++)
        (void)add(&f, 0);
    assert_true(nj_inflight_is_passed(&f, nj_inflight_find(&f, 3)));
    nj_inflight_restart(&f);
    assert_int_equal(f.next, 0);
    assert_int_equal(f.counted, 0);
    assert_int_equal(f.ring.count, 3);
    assert_false(nj_inflight_is_passed(&f, nj_inflight_find(&f, 1)));
    /* Acknowledged before it was sent again: it had no place in the new window. */
    done(&f, 2);
    assert_int_equal(f.counted, 0);
    nj_inflight_fini(&f);
}

static void
without_memory_nothing_changes(void **state)
{
    struct nj_inflight f = {0};
    struct nj_msg *msg = message(9);

    (void)state;
    for (int i = 0; i < 4; i++)
        (void)add(&f, 0);
    nj_mem_limit_set(1);
    assert_null(nj_inflight_add(&f, msg));
    nj_mem_limit_set(0);
    assert_int_equal(f.last_given, 4);
    assert_int_equal(nj_inflight_add(&f, msg)->packet_id, 5);
    nj_inflight_fini(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identifiers_begin_at_1_and_follow_one_another),
        cmocka_unit_test(identifier_65535_is_followed_by_1),
        cmocka_unit_test(an_identifier_is_free_only_when_those_before_it_are_done),
        cmocka_unit_test(when_all_identifiers_are_in_use_none_is_given),
        cmocka_unit_test(after_a_start_identifiers_lie_far_behind_those_known),
        cmocka_unit_test(after_a_start_that_knows_none_identifiers_begin_where_they_are_drawn),
        cmocka_unit_test(what_was_left_out_is_given_to_nobody_while_it_lies_in_the_window),
        cmocka_unit_test(a_wide_window_is_not_made_wider),
        cmocka_unit_test(bytes_are_the_payloads_on_their_way),
        cmocka_unit_test(a_restart_sends_from_the_first_on_with_the_window_unused),
        cmocka_unit_test(without_memory_nothing_changes),
    };

    return cmocka_run_group_tests_name("broker/inflight", tests, NULL, NULL);
}
