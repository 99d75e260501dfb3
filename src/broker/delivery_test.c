/* SPDX-License-Identifier: Apache-2.0 */
/* A delivery for which there is not enough memory: whom it reaches, and what the store is told.
 * Each test is played again and again with a little more memory, until there is enough. */
#include "broker/kit_test.h"

#define TRIES 100000u
#define STEP  48u

/* `here`, `there` and `member` are connected; `slow` is stored, and takes one message at a time.
 * All that is held for `here` and `slow` fills its array, so that one more needs another. */
static struct kit_client p, here, slow, there, member;

static void
meet(void)
{
    kit_connect(&p, 0, "p", 0);
    kit_connect(&here, 0, "here", 0);
    kit_subscribe(&here, "t", 2);
    kit_connect(&slow, 0, "slow", 100);
    slow.link.receive_maximum = 1;
    kit_subscribe(&slow, "+", 2);
    kit_connect(&there, 1, "there", 0);
    kit_subscribe(&there, "t", 2);
    kit_connect(&member, 1, "member", 0);
    kit_subscribe(&member, "$share/g/t", 2);
    kit_publish(&p, "u", "before", 1, 1);
    for (uint16_t id = 2; id <= 17; id++)
        kit_publish(&p, "t", "before", 1, id);
    kit_settle();
    assert_int_equal(here.session->inflight.ring.count, here.session->inflight.ring.capacity);
    assert_int_equal(slow.session->queue.count, slow.session->queue.capacity);
}

static unsigned
times_seen(const struct kit_client *c, const char *payload)
{
    unsigned times = 0;

    for (unsigned i = 0; i < c->count; i++)
        times += c->seen[i].type == NJ_PUBLISH && strcmp(c->seen[i].payload, payload) == 0;
    return times;
}

static unsigned
times_queued(struct kit_client *c, const char *payload)
{
    unsigned times = 0;

    for (uint32_t i = 0; i < c->session->queue.count; i++)
        times +=
            nj_str_eq(nj_msg_payload(nj_queue_at(&c->session->queue, i)->msg), nj_str_of(payload));
    return times;
}

/* How many more were stored for it than were finished with, since there were `from` changes. */
static int
times_stored(uint64_t from)
{
    int times = 0;

    for (uint64_t i = from; i < kit.store[0].appended; i++) {
        times += kit.store[0].changes[i].kind == NJ_CHANGE_QUEUED;
        times -= kit.store[0].changes[i].kind == NJ_CHANGE_DELIVERED;
    }
    return times;
}

/* With so much memory. True: it was acknowledged. */
static bool
is_taken(const char *topic, uint8_t qos, uint16_t packet_id, uint64_t room)
{
    unsigned seen;

    if (p.session == NULL)
        kit_connect(&p, 0, "p", 0);
    seen = p.count;
    if (room > 0)
        nj_mem_limit_set(nj_mem_used() + room);
    if (kit_publish_full(&p, kit_publication(topic, "m", qos), packet_id, NJ_NO_EXPIRY) !=
        NJ_CAUSE_NONE)
        kit_leave(&p, true);
    kit_commit();
    nj_mem_limit_set(0);
    kit_settle();
    return p.session != NULL && p.count > seen &&
           p.seen[p.count - 1].type == (qos == 2 ? NJ_PUBREC : NJ_PUBACK);
}

static void
qos_2_reaches_all_or_nobody(void **state)
{
    bool is_enough = false;

    for (uint64_t room = 1; !is_enough && room < TRIES; room += STEP) {
        assert_int_equal(kit_begin(state), 0);
        meet();
        is_enough = is_taken("t", 2, 100, room);
        assert_int_equal(times_seen(&here, "m"), is_enough);
        assert_int_equal(times_queued(&slow, "m"), is_enough);
        assert_int_equal(times_seen(&there, "m"), is_enough);
        assert_int_equal(times_seen(&member, "m"), is_enough);
        if (!is_enough)
            assert_true(is_taken("t", 2, 100, 0));
        assert_int_equal(times_seen(&here, "m"), 1);
        assert_int_equal(times_queued(&slow, "m"), 1);
        assert_int_equal(times_seen(&there, "m"), 1);
        assert_int_equal(times_seen(&member, "m"), 1);
        assert_int_equal(kit_end(state), 0);
    }
    assert_true(is_enough);
}

/* For one alone nothing is reserved first. */
static void
qos_2_that_is_refused_to_its_only_receiver_is_not_stored(void **state)
{
    struct kit_client *const receivers[] = {&here, &slow, &there, &member};

    for (unsigned i = 0; i < NJ_COUNT_OF(receivers); i++) {
        struct kit_client *c = receivers[i];
        bool is_enough = false;

        for (uint64_t room = 1; !is_enough && room < TRIES; room += STEP) {
            uint64_t from;

            assert_int_equal(kit_begin(state), 0);
            meet();
            kit_subscribe(c, c == &member ? "$share/g/a/b" : "a/b", 2);
            kit_commit();
            from = kit.store[0].appended;
            is_enough = is_taken("a/b", 2, 100, room);
            assert_int_equal(times_seen(c, "m") + times_queued(c, "m"), is_enough);
            assert_int_equal(times_stored(from), c == &slow && is_enough);
            if (!is_enough)
                assert_true(is_taken("a/b", 2, 100, 0));
            assert_int_equal(times_seen(c, "m") + times_queued(c, "m"), 1);
            assert_int_equal(times_stored(from), c == &slow);
            assert_int_equal(kit_end(state), 0);
        }
        assert_true(is_enough);
    }
}

static void
qos_1_that_is_refused_is_not_stored(void **state)
{
    bool is_enough = false;

    for (uint64_t room = 1; !is_enough && room < TRIES; room += STEP) {
        uint64_t from;

        assert_int_equal(kit_begin(state), 0);
        meet();
        from = kit.store[0].appended;
        is_enough = is_taken("t", 1, 100, room);
        assert_int_equal(times_stored(from), times_queued(&slow, "m"));
        if (is_enough) {
            assert_int_equal(times_seen(&here, "m"), 1);
            assert_int_equal(times_queued(&slow, "m"), 1);
            assert_int_equal(times_seen(&there, "m"), 1);
            assert_int_equal(times_seen(&member, "m"), 1);
        }
        assert_int_equal(kit_end(state), 0);
    }
    assert_true(is_enough);
}

/* Nobody sends it again. */
static void
a_will_is_stored_for_whom_there_is_no_memory(void **state)
{
    const struct nj_msg_parts will = {.topic = nj_str_of("t"), .payload = nj_str_of("m"), .qos = 1};
    bool is_enough = false;

    for (uint64_t room = 1; !is_enough && room < TRIES; room += STEP) {
        struct nj_opening opening = kit_opening("q", 0);
        struct kit_client q;
        uint64_t from;

        assert_int_equal(kit_begin(state), 0);
        meet();
        opening.will = &will;
        kit_client(&q);
        kit_connect_with(&q, 0, &opening);
        from = kit.store[0].appended;
        nj_mem_limit_set(nj_mem_used() + room);
        kit_leave(&q, false);
        nj_mem_limit_set(0);
        kit_settle();
        assert_int_equal(times_stored(from), 1);
        is_enough = times_queued(&slow, "m") == 1;
        assert_int_equal(kit_end(state), 0);
    }
    assert_true(is_enough);
}

/* The home of the publisher does not promise what that of the receiver would not keep. */
static void
for_who_is_away_nothing_is_taken_while_memory_is_scarce(void **state)
{
    (void)state;
    for (uint16_t home = 0; home < 2; home++) {
        struct kit_client away;

        kit_connect(&away, home, home == 0 ? "a" : "b", 100);
        kit_subscribe(&away, "t", 2);
        kit_leave(&away, true);
        kit_settle();
        for (uint8_t qos = 1; qos <= 2; qos++) {
            uint64_t from = kit.store[0].appended;

            nj_mem_limit_set(nj_mem_used() + nj_mem_used() / 32);
            kit_connect(&p, 0, "p", 0);
            assert_false(is_taken("t", qos, 1, nj_mem_used() / 32));
            assert_int_equal(times_stored(from), 0);
            assert_true(is_taken("t", qos, 1, 0));
            assert_int_equal(times_stored(from), 1);
        }
        kit_connect(&away, home, home == 0 ? "a" : "b", 0);
        kit_leave(&away, true);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qos_2_reaches_all_or_nobody),
        cmocka_unit_test(qos_2_that_is_refused_to_its_only_receiver_is_not_stored),
        cmocka_unit_test(qos_1_that_is_refused_is_not_stored),
        cmocka_unit_test(a_will_is_stored_for_whom_there_is_no_memory),
        cmocka_unit_test_setup_teardown(for_who_is_away_nothing_is_taken_while_memory_is_scarce,
                                        kit_begin, kit_end),
    };

    return cmocka_run_group_tests_name("broker/delivery", tests, NULL, NULL);
}
