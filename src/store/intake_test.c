/* SPDX-License-Identifier: Apache-2.0 */
#include "store/intake.h"

#include "store/kit_test.h"

#include <limits.h>

#define HOMES 2

struct world {
    struct nj_intake *intake;
    struct nj_store_port *a, *b;
    unsigned woken[HOMES];
};

static void
count_wake(void *ctx, uint16_t home)
{
    ((struct world *)ctx)->woken[home]++;
}

static void
open_world(struct world *w, bool is_prompt)
{
    const struct nj_intake_opts opts = {
        .home_count = HOMES, .is_prompt = is_prompt, .full_bytes = 1 << 20};

    *w = (struct world){0};
    assert_int_equal(nj_intake_new(&w->intake, &opts), NJ_OK);
    nj_intake_wake_by(w->intake, count_wake, w);
    w->a = nj_intake_port(w->intake, 0);
    w->b = nj_intake_port(w->intake, 1);
}

/* ---- what cmocka calls ---- */

static int
begin(void **state)
{
    static struct world w;

    open_world(&w, false);
    *state = &w;
    return 0;
}

static int
begin_prompt(void **state)
{
    static struct world w;

    open_world(&w, true);
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    const struct world *w = *state;

    nj_intake_free(w->intake);
    return 0;
}

/* ---- steps ---- */

/* What can be taken at once; NULL: nothing. */
static struct nj_batch *
take(struct world *w)
{
    bool is_stopping;

    return nj_intake_take(w->intake, 0, 0, &is_stopping);
}

/* At most `most` entries from *e on are committed; how many. */
static unsigned
commit(struct world *w, struct nj_entry **e, unsigned most)
{
    struct nj_entry *last[HOMES] = {NULL, NULL};
    unsigned count = 0;

    for (; *e != NULL && count < most; *e = (*e)->following, count++)
        last[(*e)->home] = *e;
    nj_intake_commit(w->intake, last);
    return count;
}

static void
commit_all(struct world *w, struct nj_batch *batch)
{
    struct nj_entry *e = batch->first;

    (void)commit(w, &e, UINT_MAX);
    nj_intake_done(w->intake);
}

static uint64_t
delivered(struct nj_store_port *port, uint64_t session, uint64_t message)
{
    return kit_step(port, NJ_CHANGE_DELIVERED, session, message, 0);
}

static void
numbers_count_for_each_home_and_are_safe_when_committed(void **state)
{
    struct world *w = *state;

    assert_int_equal(kit_session(w->a, 1, "a"), 1);
    assert_int_equal(kit_session(w->b, 2, "b"), 1);
    assert_int_equal(kit_session(w->a, 3, "c"), 2);
    assert_int_equal(kit_safe(w->a), 0);
    commit_all(w, take(w));
    assert_int_equal(kit_safe(w->a), 2);
    assert_int_equal(kit_safe(w->b), 1);
    assert_null(take(w));
}

static void
a_batch_is_the_sequence_of_all_homes(void **state)
{
    static const uint64_t sessions[] = {1, 2, 3, 4};
    struct nj_entry *e;
    struct world *w = *state;
    unsigned i = 0;

    (void)kit_session(w->b, 1, "a");
    (void)kit_session(w->a, 2, "b");
    (void)kit_session(w->a, 3, "c");
    (void)kit_session(w->b, 4, "d");
    for (e = take(w)->first; e != NULL; e = e->following)
        assert_int_equal(e->session, sessions[i++]);
    assert_int_equal(i, 4);
}

static void
what_is_acknowledged_before_it_is_taken_is_never_written(void **state)
{
    struct world *w = *state;

    (void)kit_queued(w->a, 1, 10, 1);
    assert_int_equal(kit_safe(w->a), 0);
    assert_int_equal(delivered(w->a, 1, 10), 2);
    assert_int_equal(kit_safe(w->a), 2); /* without a commit */
    assert_null(take(w));
}

static void
only_when_all_receivers_have_acknowledged_is_a_message_safe(void **state)
{
    struct world *w = *state;

    (void)kit_queued(w->a, 1, 10, 1);
    (void)kit_queued(w->a, 2, 10, 1);
    (void)delivered(w->a, 1, 10);
    assert_int_equal(kit_safe(w->a), 1);
    (void)delivered(w->a, 2, 10);
    assert_int_equal(kit_safe(w->a), 4);
}

/* Its publisher waits for who has it now. */
static void
what_is_passed_on_is_safe_with_its_new_receiver(void **state)
{
    const struct nj_change passed_on = {
        .kind = NJ_CHANGE_DELIVERED, .session = 1, .message = 10, .is_passed_on = true};
    struct nj_batch *batch;
    struct world *w = *state;

    (void)kit_queued(w->a, 1, 10, 1);
    (void)kit_queued(w->b, 2, 10, 1);
    (void)kit_append(w->b, &passed_on);
    assert_int_equal(kit_safe(w->a), 0);
    (void)delivered(w->b, 2, 10);
    assert_int_equal(kit_safe(w->a), 0); /* the end of the first has to be written */
    batch = take(w);
    assert_int_equal(batch->living, 2);
    commit_all(w, batch);
    assert_int_equal(kit_safe(w->a), 1);
    assert_int_equal(kit_safe(w->b), 3);
}

static void
at_qos_2_all_is_written(void **state)
{
    struct nj_batch *batch;
    struct world *w = *state;

    (void)kit_queued(w->a, 1, 10, 2);
    (void)delivered(w->a, 1, 10);
    assert_int_equal(kit_safe(w->a), 0);
    batch = take(w);
    assert_int_equal(batch->living, 2);
    commit_all(w, batch);
    assert_int_equal(kit_safe(w->a), 2);
}

static void
what_is_dead_behind_something_that_lives_waits_for_it(void **state)
{
    struct nj_batch *batch;
    struct world *w = *state;

    (void)kit_session(w->a, 1, "a");
    (void)kit_queued(w->a, 1, 10, 1);
    (void)delivered(w->a, 1, 10);
    assert_int_equal(kit_safe(w->a), 0);
    batch = take(w);
    assert_int_equal(batch->living, 1);
    assert_int_equal(batch->cancelled, 2);
    commit_all(w, batch);
    assert_int_equal(kit_safe(w->a), 3);
}

static void
what_is_in_hand_is_written_though_it_is_acknowledged(void **state)
{
    struct nj_batch *first, *second;
    struct world *w = *state;

    (void)kit_queued(w->a, 1, 10, 1);
    first = take(w);
    (void)delivered(w->a, 1, 10);
    (void)kit_queued(w->a, 1, 11, 1);
    (void)delivered(w->a, 1, 11);
    assert_int_equal(first->living, 1);
    assert_int_equal(kit_safe(w->a), 0);
    commit_all(w, first);
    assert_int_equal(kit_safe(w->a), 1);
    second = take(w);
    assert_int_equal(second->living, 1);
    commit_all(w, second);
    assert_int_equal(kit_safe(w->a), 4);
}

static void
another_home_is_woken_when_its_message_is_acknowledged_here(void **state)
{
    struct world *w = *state;

    (void)kit_queued(w->a, 1, 10, 1);
    (void)delivered(w->b, 1, 10);
    assert_int_equal(w->woken[0], 1);
    assert_int_equal(w->woken[1], 0);
    assert_int_equal(kit_safe(w->a), 1);
    assert_int_equal(kit_safe(w->b), 1);
}

static void
a_home_is_woken_once_until_it_asks(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 3; i++) {
        (void)kit_session(w->a, 1, "a");
        commit_all(w, take(w));
    }
    assert_int_equal(w->woken[0], 1);
    assert_int_equal(kit_safe(w->a), 3);
    (void)kit_session(w->a, 1, "a");
    commit_all(w, take(w));
    assert_int_equal(w->woken[0], 2);
    assert_int_equal(w->woken[1], 0);
}

static void
a_part_of_a_batch_makes_a_part_safe(void **state)
{
    struct nj_entry *e;
    struct world *w = *state;

    (void)kit_session(w->a, 1, "a");
    (void)kit_queued(w->a, 1, 10, 1);
    (void)delivered(w->a, 1, 10);
    (void)kit_session(w->a, 2, "b");
    e = take(w)->first;
    (void)kit_queued(w->a, 1, 11, 1);
    (void)delivered(w->a, 1, 11);
    assert_int_equal(commit(w, &e, 1), 1);
    assert_int_equal(kit_safe(w->a), 3); /* the dead behind it, too */
    assert_int_equal(commit(w, &e, UINT_MAX), 3);
    assert_int_equal(kit_safe(w->a), 6);
    nj_intake_done(w->intake);
}

static void
the_same_again_is_another_one(void **state)
{
    struct nj_batch *batch;
    struct world *w = *state;

    (void)kit_queued(w->a, 1, 10, 1);
    (void)kit_queued(w->a, 1, 10, 1);
    (void)delivered(w->a, 1, 10); /* the second one */
    assert_int_equal(kit_safe(w->a), 0);
    (void)delivered(w->a, 1, 10); /* to be written: it ends the first one */
    batch = take(w);
    assert_int_equal(batch->living, 2);
}

static void
prompt_is_safe_at_once_and_gathers(void **state)
{
    bool is_stopping;
    struct world *w = *state;

    (void)kit_session(w->a, 1, "a");
    (void)kit_queued(w->b, 1, 10, 1);
    (void)delivered(w->a, 1, 10);
    assert_int_equal(kit_safe(w->a), 2);
    assert_int_equal(kit_safe(w->b), 1);
    assert_null(nj_intake_take(w->intake, INT64_MAX, 0, &is_stopping));
    commit_all(w, take(w));
    assert_int_equal(kit_safe(w->a), 2);
    assert_int_equal(w->woken[0] + w->woken[1], 0);
}

static void
much_that_waits_is_busy_then_full_until_it_is_taken(void **state)
{
    struct world *w = *state;
    uint64_t n = 0;

    while (!w->a->ops->is_busy(w->a)) {
        (void)kit_queued(w->a, 1, ++n, 1);
        assert_in_range(n, 1, 10000);
    }
    assert_in_range(n, 1500, 10000); /* of half a MiB */
    assert_true(w->b->ops->is_busy(w->b));
    while (!w->a->ops->is_full(w->a, 0)) {
        (void)kit_queued(w->a, 1, ++n, 1);
        assert_in_range(n, 1, 20000);
    }
    assert_in_range(n, 3000, 20000); /* of a MiB */
    assert_true(w->a->ops->is_busy(w->a));
    nj_intake_set_full(w->intake, true, false, UINT64_MAX);
    assert_false(w->a->ops->is_busy(w->a)); /* to wait would not help */
    nj_intake_set_full(w->intake, false, false, UINT64_MAX);
    assert_non_null(take(w));
    assert_false(w->a->ops->is_full(w->a, 0) || w->a->ops->is_busy(w->a));
    nj_intake_set_full(w->intake, true, false, UINT64_MAX);
    assert_true(w->b->ops->is_full(w->b, 0));
}

/* Nobody takes it then. */
static void
what_came_to_nothing_is_not_much(void **state)
{
    struct world *w = *state;
    uint64_t n = 0;

    while (!w->a->ops->is_full(w->a, 0))
        (void)kit_queued(w->a, 1, ++n, 1);
    for (uint64_t i = 1; i <= n; i++)
        (void)delivered(w->a, 1, i);
    assert_false(w->a->ops->is_full(w->a, 0) || w->a->ops->is_busy(w->a));
}

/* Also while a batch is in hand for long, which its home waits for. */
static void
what_is_dead_holds_no_memory(void **state)
{
    struct nj_batch *first;
    struct world *w = *state;

    (void)kit_session(w->a, 1, "a");
    first = take(w);
    for (uint64_t i = 1; i <= 50000; i++) {
        (void)kit_queued(w->a, 1, i, 1);
        (void)delivered(w->a, 1, i);
        assert_false(w->a->ops->is_full(w->a, 0));
    }
    assert_int_equal(kit_safe(w->a), 0);
    commit_all(w, first);
    assert_int_equal(kit_safe(w->a), 100001);
}

/* Wherever the open batch has begun anew, with nothing in it or with something. */
static void
what_was_forgotten_is_safe_with_the_batch_in_hand(void **state)
{
    (void)state;
    for (uint64_t n = 500; n <= 1500; n++) {
        struct nj_batch *first;
        struct world w;

        open_world(&w, false);
        (void)kit_session(w.a, 1, "a");
        first = take(&w);
        for (uint64_t i = 1; i <= n; i++) {
            (void)kit_queued(w.a, 1, i, 1);
            (void)delivered(w.a, 1, i);
        }
        commit_all(&w, first);
        assert_int_equal(kit_safe(w.a), 1 + 2 * n);
        nj_intake_free(w.intake);
    }
}

static void
after_a_failure_nothing_becomes_safe(void **state)
{
    struct nj_batch *batch;
    struct world *w = *state;

    (void)kit_session(w->a, 1, "a");
    batch = take(w);
    (void)kit_queued(w->a, 1, 10, 1);
    nj_intake_fail(w->intake);
    commit_all(w, batch);
    assert_int_equal(delivered(w->a, 1, 10), 3);
    assert_int_equal(kit_safe(w->a), 0);
    assert_true(w->a->ops->is_full(w->a, 0));
    nj_intake_set_full(w->intake, false, false, UINT64_MAX);
    assert_true(w->a->ops->is_full(w->a, 0));
}

/* ---- against a model that says the rule and nothing else ---- */

#define CHANGES 4000

struct model {
    struct {
        bool is_dead, is_committed;
        uint64_t session, message;
        uint8_t qos;
        unsigned batch;
    } changes[HOMES][CHANGES + 1];
    uint64_t count[HOMES];
    unsigned batch; /* the open one */
};

static uint64_t
model_safe(const struct model *m, unsigned home)
{
    uint64_t n = 0;

    while (n < m->count[home] &&
           (m->changes[home][n + 1].is_dead || m->changes[home][n + 1].is_committed))
        n++;
    return n;
}

static void
model_cancel(struct model *m, unsigned home, uint64_t session, uint64_t message)
{
    for (unsigned h = 0; h < HOMES; h++) {
        for (uint64_t i = 1; i <= m->count[h]; i++) {
            if (m->changes[h][i].batch == m->batch && m->changes[h][i].qos == 1 &&
                !m->changes[h][i].is_dead && m->changes[h][i].session == session &&
                m->changes[h][i].message == message) {
                m->changes[h][i].is_dead = true;
                m->changes[home][m->count[home]].is_dead = true;
                return;
            }
        }
    }
}

static void
what_is_safe_follows_the_rule(void **state)
{
    static struct model m;
    struct nj_batch *batch = NULL;
    struct nj_entry *e = NULL;
    struct nj_rand rand;
    struct world *w = *state;

    nj_rand_seed(&rand, 11);
    for (unsigned step = 0; step < CHANGES; step++) {
        unsigned home = nj_rand_below(&rand, HOMES), kind = nj_rand_below(&rand, 100);
        uint64_t session, message;

        if (kind < 80) {
            struct nj_store_port *port = nj_intake_port(w->intake, (uint16_t)home);
            uint8_t qos = kind < 40 ? kind % 9 == 0 ? 2 : 1 : 0;
            uint64_t number;

            /* A new message, or the end of one of the last that there may have been. */
            message = 1 + step - (qos == 0 && step > 12 ? nj_rand_below(&rand, 12) : 0);
            session = 1 + message % 3;
            number = qos > 0 ? kit_queued(port, session, message, qos)
                             : delivered(port, session, message);
            assert_int_equal(number, ++m.count[home]);
            m.changes[home][number].session = session;
            m.changes[home][number].message = message;
            m.changes[home][number].qos = qos;
            m.changes[home][number].batch = m.batch;
            if (qos == 0)
                model_cancel(&m, home, session, message);
        } else if (batch == NULL) {
            batch = take(w);
            if (batch != NULL) {
                e = batch->first;
                m.batch++;
            }
        } else {
            struct nj_entry *from = e;

            (void)commit(w, &e, 1 + nj_rand_below(&rand, 20));
            for (; from != e; from = from->following)
                m.changes[from->home][from->number].is_committed = true;
            if (e == NULL) {
                nj_intake_done(w->intake);
                batch = NULL;
            }
        }
        for (unsigned h = 0; h < HOMES; h++)
            assert_int_equal(kit_safe(nj_intake_port(w->intake, (uint16_t)h)), model_safe(&m, h));
    }
    assert_in_range(m.batch, 50, CHANGES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_count_for_each_home_and_are_safe_when_committed),
        TEST(a_batch_is_the_sequence_of_all_homes),
        TEST(what_is_acknowledged_before_it_is_taken_is_never_written),
        TEST(only_when_all_receivers_have_acknowledged_is_a_message_safe),
        TEST(what_is_passed_on_is_safe_with_its_new_receiver),
        TEST(at_qos_2_all_is_written),
        TEST(what_is_dead_behind_something_that_lives_waits_for_it),
        TEST(what_is_in_hand_is_written_though_it_is_acknowledged),
        TEST(another_home_is_woken_when_its_message_is_acknowledged_here),
        TEST(a_home_is_woken_once_until_it_asks),
        TEST(a_part_of_a_batch_makes_a_part_safe),
        TEST(the_same_again_is_another_one),
        cmocka_unit_test_setup_teardown(prompt_is_safe_at_once_and_gathers, begin_prompt, end),
        TEST(much_that_waits_is_busy_then_full_until_it_is_taken),
        TEST(what_came_to_nothing_is_not_much),
        TEST(what_is_dead_holds_no_memory),
        cmocka_unit_test(what_was_forgotten_is_safe_with_the_batch_in_hand),
        TEST(after_a_failure_nothing_becomes_safe),
        TEST(what_is_safe_follows_the_rule),
    };

    return cmocka_run_group_tests_name("store/intake", tests, NULL, NULL);
}
