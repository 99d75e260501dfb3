/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/queue.h"

#include "base/rand.h"
#include "base/test.h"

#define STEPS 60000u
#define MOST  700u /* six pages */

static struct nj_parcel
parcel(uint64_t number, nj_time expires)
{
    const struct nj_msg_parts parts = {
        .topic = NJ_STR("t"), .payload = NJ_STR("12345"), .number = number, .expires = expires};
    struct nj_parcel p = {.msg = nj_msg_new(&parts), .qos = 1};

    assert_non_null(p.msg);
    return p;
}

static void
push(struct nj_queue *q, uint64_t number, nj_time expires)
{
    struct nj_parcel p = parcel(number, expires);

    assert_true(nj_queue_push(q, &p));
}

static uint64_t
pop(struct nj_queue *q)
{
    struct nj_parcel p = nj_queue_pop(q);
    uint64_t number = p.msg->number;

    nj_parcel_fini(&p);
    return number;
}

struct told {
    uint64_t numbers[8];
    unsigned count;
};

static void
tell(void *ctx, const struct nj_parcel *p)
{
    struct told *t = ctx;

    assert_true(t->count < 8);
    t->numbers[t->count++] = p->msg->number;
}

static void
what_goes_in_first_comes_out_first(void **state)
{
    struct nj_queue q = {0};
    uint64_t in = 0, out = 0;

    (void)state;
    /* In and out at different rates, so that pages come and go. */
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 37; i++)
            push(&q, in++, NJ_NEVER);
        for (int i = 0; i < 19; i++)
            assert_int_equal(pop(&q), out++);
    }
    assert_int_equal(q.count, in - out);
    assert_int_equal(nj_queue_first(&q)->msg->number, out);
    while (q.count > 0)
        assert_int_equal(pop(&q), out++);
    assert_int_equal(out, in);
    nj_queue_fini(&q);
}

static void
an_empty_queue_owns_nothing(void **state)
{
    struct nj_queue q = {0};
    struct told told = {.count = 0};

    (void)state;
    assert_null(nj_queue_first(&q));
    push(&q, 1, NJ_NEVER);
    assert_non_null(q.pages.items);
    (void)pop(&q);
    assert_null(q.pages.items);
    push(&q, 2, 10);
    assert_int_equal(nj_queue_sweep(&q, 10, tell, &told), 1);
    assert_null(q.pages.items);
}

static void
its_bytes_are_those_of_its_messages(void **state)
{
    struct nj_queue q = {0};
    struct nj_parcel one = parcel(1, NJ_NEVER);
    size_t bytes = nj_msg_bytes(one.msg);
    struct told told = {.count = 0};

    (void)state;
    assert_true(nj_queue_push(&q, &one));
    push(&q, 2, 5);
    assert_int_equal(q.bytes, 2 * bytes);
    assert_int_equal(nj_queue_sweep(&q, 5, tell, &told), 1);
    assert_int_equal(q.bytes, bytes);
    (void)pop(&q);
    assert_int_equal(q.bytes, 0);
}

static void
a_sweep_removes_what_has_expired_and_keeps_the_order(void **state)
{
    struct nj_queue q = {0};
    struct told told = {.count = 0};

    (void)state;
    push(&q, 1, 50);
    push(&q, 2, NJ_NEVER);
    push(&q, 3, 100);
    push(&q, 4, 101);
    assert_int_equal(nj_queue_sweep(&q, 49, tell, &told), 0);
    assert_int_equal(nj_queue_sweep(&q, 100, tell, &told), 2);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.numbers[0], 1);
    assert_int_equal(told.numbers[1], 3);
    assert_int_equal(pop(&q), 2);
    /* It remembers when the rest will. */
    assert_int_equal(nj_queue_sweep(&q, 100, tell, &told), 0);
    assert_int_equal(nj_queue_sweep(&q, 101, tell, &told), 1);
}

static void
forget(void *ctx, const struct nj_parcel *p)
{
    (void)ctx, (void)p;
}

/* Over several pages: what is left where some are taken from the middle, and others expire. */
static void
what_is_left_stays_in_order(void **state)
{
    struct nj_queue q = {0};
    struct nj_parcel p;
    uint64_t used;

    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        push(&q, i, i % 10 == 0 ? NJ_NEVER : (nj_time)i);
    used = nj_mem_used();
    p = nj_queue_take(&q, 500);
    assert_int_equal(p.msg->number, 500);
    nj_parcel_fini(&p);
    assert_int_equal(nj_queue_at(&q, 500)->msg->number, 501);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(pop(&q), i);
    assert_int_equal(nj_queue_sweep(&q, 2000, forget, NULL), 810);
    assert_int_equal(q.count, 89);
    assert_true(nj_mem_used() < used);
    assert_int_equal(q.pages.count, 2); /* of the first one most has gone */
    for (uint64_t i = 100; i < 1000; i += 10) {
        if (i != 500)
            assert_int_equal(pop(&q), i);
    }
    assert_null(q.pages.items);
}

/* In and out in turn: a page that is half empty is used again, and none is left behind. */
static void
a_short_queue_stays_small(void **state)
{
    struct nj_queue q = {0};

    (void)state;
    for (uint64_t i = 0; i < 5; i++)
        push(&q, i, NJ_NEVER);
    for (uint64_t i = 5; i < 1000; i++) {
        push(&q, i, NJ_NEVER);
        assert_int_equal(pop(&q), i - 5);
    }
    assert_in_range(q.capacity, 8, 16);
    nj_queue_fini(&q);
}

static void
without_memory_nothing_changes(void **state)
{
    struct nj_queue q = {0};
    struct nj_parcel p = parcel(9, NJ_NEVER);

    (void)state;
    for (int i = 0; i < 8; i++)
        push(&q, (uint64_t)i, NJ_NEVER);
    nj_mem_limit_set(1);
    assert_false(nj_queue_push(&q, &p));
    nj_mem_limit_set(0);
    assert_int_equal(q.count, 8);
    assert_true(nj_queue_push(&q, &p));
    for (int i = 0; i < 8; i++)
        assert_int_equal(pop(&q), i);
    nj_queue_fini(&q);
    assert_int_equal(q.count, 0);
}

static void
it_ends_before_its_counts_do(void **state)
{
    struct nj_queue q = {.count = UINT32_MAX - 127, .capacity = UINT32_MAX - 127};

    (void)state;
    assert_false(nj_queue_reserve(&q));
    assert_int_equal(q.capacity, UINT32_MAX - 127);
}

/* A queue, and an array that has to hold the same; `group` tells parcels apart. */
struct pair {
    struct nj_queue queue;
    struct nj_parcel plain[MOST];
    uint32_t count;
    struct nj_msg *msgs[16]; /* they expire at their index, but for the first */
    nj_time now;
    uint64_t next;
    struct nj_rand rand;
};

static void
leaves(struct pair *x, const struct nj_parcel *p, uint32_t i)
{
    assert_int_equal(p->group, x->plain[i].group);
    assert_ptr_equal(p->msg, x->plain[i].msg);
    memmove(&x->plain[i], &x->plain[i + 1], (--x->count - i) * sizeof(*x->plain));
}

/* Three in eight without memory: it fails unless there is a place, and then changes nothing. */
static void
push_any(struct pair *x)
{
    struct nj_parcel p = {.group = ++x->next,
                          .qos = (uint8_t)nj_rand_below(&x->rand, 2),
                          .msg = x->msgs[nj_rand_below(&x->rand, NJ_COUNT_OF(x->msgs))]};
    uint32_t chance = nj_rand_below(&x->rand, 8);
    bool is_reserved = chance == 0 && nj_queue_reserve(&x->queue), is_in;

    nj_mem_limit_set(chance < 3);
    is_in = nj_queue_push(&x->queue, &p);
    nj_mem_limit_set(0);
    assert_true(is_in || (chance < 3 && !is_reserved));
    if (!is_in)
        return;
    (void)nj_msg_ref(p.msg);
    x->plain[x->count++] = p;
}

static void
take_any(struct pair *x)
{
    bool is_first = nj_rand_below(&x->rand, 4) > 0;
    uint32_t i = is_first ? 0 : nj_rand_below(&x->rand, x->count);
    struct nj_parcel p = is_first ? nj_queue_pop(&x->queue) : nj_queue_take(&x->queue, i);

    leaves(x, &p, i);
    nj_parcel_fini(&p);
}

static void
has_expired(void *ctx, const struct nj_parcel *p)
{
    struct pair *x = ctx;
    uint32_t i = 0;

    while (x->plain[i].msg->expires > x->now)
        i++;
    leaves(x, p, i);
}

static void
are_alike(const struct pair *x)
{
    const struct nj_queue *q = &x->queue;
    uint64_t bytes = 0;
    uint32_t qos0 = 0;

    assert_int_equal(q->count, x->count);
    for (uint32_t i = 0; i < x->count; i++) {
        const struct nj_parcel *p = nj_queue_at(q, i);

        assert_true(p->group == x->plain[i].group && p->msg == x->plain[i].msg);
        assert_true(q->expiring <= p->msg->expires);
        bytes += nj_msg_bytes(p->msg);
        qos0 += p->qos == 0;
    }
    assert_true(q->bytes == bytes && q->qos0 == qos0);
    assert_true((q->capacity == 0) == (q->count == 0));
    assert_true(q->head + q->count <= q->capacity && q->head < 128);
    assert_true(q->capacity <= 128 || q->capacity == q->pages.count * 128);
    assert_true(q->capacity < q->head + q->count + 256); /* and of no more than that is left */
}

static void
it_does_what_an_array_does(void **state)
{
    static struct pair x;
    uint64_t used;

    (void)state;
    nj_rand_seed(&x.rand, 5);
    for (uint64_t i = 0; i < NJ_COUNT_OF(x.msgs); i++) {
        struct nj_parcel p = parcel(i, i == 0 ? NJ_NEVER : (nj_time)i);

        x.msgs[i] = p.msg;
    }
    used = nj_mem_used();
    for (unsigned step = 0; step < STEPS; step++) {
        uint32_t chance = nj_rand_below(&x.rand, 1000);
        /* It gets long, is emptied, and stays short, in turn. */
        bool is_growing = step / 2000 % 3 == 0 || (step / 2000 % 3 == 2 && x.count < 20);
        uint32_t were = x.count, removed;

        if (chance == 0) {
            nj_queue_fini(&x.queue);
            x.count = 0;
        } else if (chance < 5) {
            x.now = (nj_time)nj_rand_below(&x.rand, chance == 1 ? 20 : 4);
            removed = nj_queue_sweep(&x.queue, x.now, has_expired, &x);
            assert_int_equal(removed, were - x.count);
        } else if (x.count < MOST && chance % 100 < (is_growing ? 95 : 40)) {
            push_any(&x);
        } else if (x.count > 0) {
            take_any(&x);
        }
        if (step % 16 == 0)
            are_alike(&x);
        if (x.count == 0)
            assert_int_equal(nj_mem_used(), used);
    }
    nj_queue_fini(&x.queue);
    assert_int_equal(nj_mem_used(), used);
    for (unsigned i = 0; i < NJ_COUNT_OF(x.msgs); i++) {
        assert_int_equal(atomic_load(&x.msgs[i]->refs), 1);
        nj_msg_unref(x.msgs[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_first_comes_out_first),
        cmocka_unit_test(an_empty_queue_owns_nothing),
        cmocka_unit_test(its_bytes_are_those_of_its_messages),
        cmocka_unit_test(a_sweep_removes_what_has_expired_and_keeps_the_order),
        cmocka_unit_test(what_is_left_stays_in_order),
        cmocka_unit_test(a_short_queue_stays_small),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(it_ends_before_its_counts_do),
        cmocka_unit_test(it_does_what_an_array_does),
    };

    return cmocka_run_group_tests_name("broker/queue", tests, NULL, NULL);
}
