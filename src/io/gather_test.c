/* SPDX-License-Identifier: Apache-2.0 */
/* A world of peers who send, are answered, and send again; one of them at a time, for they share a
 * processor. With many peers that is as good as sending at a fixed rate. */
#include "io/gather.h"

#include "base/compiler.h"
#include "base/test.h"

#define PEERS   1000
#define WORK_NS 5000 /* for each thing that came */
#define WAKE_NS 5000 /* to fall asleep and be woken */
#define SECOND  INT64_C(1000000000)

struct world {
    struct nj_gather gather;
    bool may_gather;
    int64_t now;
    int64_t send_ns; /* what sending costs the peers' processor */
    int64_t sent;    /* when it has sent all that it may */
    /* when each thing comes that has been sent: a ring, in order */
    int64_t at[PEERS];
    unsigned first, count;
    /* what is judged */
    uint64_t came, waits, gathered;
};

static void
send_one(struct world *w)
{
    w->sent = (w->sent > w->now ? w->sent : w->now) + w->send_ns;
    w->at[(w->first + w->count) % PEERS] = w->sent;
    w->count++;
}

static void
begin(struct world *w, unsigned peers, int64_t send_ns, bool may_gather)
{
    memset(w, 0, sizeof(*w));
    w->send_ns = send_ns;
    w->may_gather = may_gather;
    for (unsigned i = 0; i < peers; i++)
        send_one(w);
}

/* One wait, and the work and the answers after it. */
static void
turn(struct world *w)
{
    unsigned came = 0;
    int64_t before;

    if (w->may_gather && w->gather.is_on) {
        w->now += NJ_GATHER_NS;
        w->gathered++;
    }
    before = w->now;
    if (w->at[w->first] > w->now)
        w->now = w->at[w->first] + WAKE_NS;
    while (came < w->count && w->at[(w->first + came) % PEERS] <= w->now)
        came++;
    w->first = (w->first + came) % PEERS;
    w->count -= came;
    w->came += came;
    w->waits++;
    nj_gather_count(&w->gather, w->now, w->now - before, came);
    w->now += came * WORK_NS;
    while (came-- > 0)
        send_one(w);
}

static void
play(struct world *w, int64_t end)
{
    while (w->now < end)
        turn(w);
}

static void
many_peers_gather(void **state)
{
    static struct world plain, w;

    (void)state;
    begin(&plain, 200, 9000, false);
    play(&plain, SECOND);
    begin(&w, 200, 9000, true);
    play(&w, SECOND);
    assert_true(w.gathered > w.waits / 2);
    assert_true(w.waits < plain.waits / 3);
    assert_true(w.came * 100 >= plain.came * 98);
}

static void
nobody_loses_by_it(void **state)
{
    static const unsigned peers[] = {1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 64, 200, 1000};
    static const int64_t send_ns[] = {1000, 3000, 6000, 10000, 15000, 25000, 60000};
    static struct world plain, w;

    (void)state;
    for (size_t p = 0; p < NJ_COUNT_OF(peers); p++)
        for (size_t s = 0; s < NJ_COUNT_OF(send_ns); s++) {
            begin(&plain, peers[p], send_ns[s], false);
            play(&plain, SECOND);
            begin(&w, peers[p], send_ns[s], true);
            play(&w, SECOND);
            if (w.came * 100 < plain.came * 95)
                fail_msg("%u peers, one in %lld ns: %llu instead of %llu in a second", peers[p],
                         (long long)send_ns[s], (unsigned long long)w.came,
                         (unsigned long long)plain.came);
        }
}

static void
who_is_woken_seldom_never_tries(void **state)
{
    static struct world w;

    (void)state;
    begin(&w, 1000, NJ_GATHER_NS + WAKE_NS, true);
    play(&w, SECOND);
    assert_true(w.waits > 1000);
    assert_int_equal(w.gathered, 0);
}

static void
who_is_busy_never_tries(void **state)
{
    static struct world w;

    (void)state;
    begin(&w, 100, WORK_NS / 2, true);
    play(&w, SECOND);
    assert_true(w.waits > 1000);
    assert_int_equal(w.gathered, 0);
}

static void
few_peers_are_hardly_ever_made_to_wait(void **state)
{
    static struct world w;

    (void)state;
    for (unsigned peers = 1; peers <= 4; peers++) {
        begin(&w, peers, 10000, true);
        play(&w, SECOND);
        assert_true(w.gathered * 250 < w.waits);
    }
}

static void
a_lull_ends_it(void **state)
{
    static struct world w;
    uint64_t before;

    (void)state;
    begin(&w, 200, 9000, true);
    play(&w, SECOND);
    while (!w.gather.is_on)
        turn(&w);
    w.now += SECOND; /* nothing was due to be read, and nobody is there any more */
    before = w.gathered;
    for (unsigned i = 0; i < 1000; i++) {
        w.now += 10 * NJ_GATHER_NS;
        w.gathered += w.gather.is_on;
        nj_gather_count(&w.gather, w.now, 10 * NJ_GATHER_NS, 1);
    }
    assert_true(w.gathered - before <= 4);
}

static void
a_clock_that_stands_still_is_no_division_by_zero(void **state)
{
    struct nj_gather g = {0};

    (void)state;
    for (unsigned i = 0; i < 10000; i++)
        nj_gather_count(&g, 0, 0, 100);
    assert_true(g.plain_rate == 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_peers_gather),
        cmocka_unit_test(nobody_loses_by_it),
        cmocka_unit_test(who_is_woken_seldom_never_tries),
        cmocka_unit_test(who_is_busy_never_tries),
        cmocka_unit_test(few_peers_are_hardly_ever_made_to_wait),
        cmocka_unit_test(a_lull_ends_it),
        cmocka_unit_test(a_clock_that_stands_still_is_no_division_by_zero),
    };

    return cmocka_run_group_tests_name("io/gather", tests, NULL, NULL);
}
