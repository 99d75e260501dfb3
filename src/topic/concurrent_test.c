/* SPDX-License-Identifier: Apache-2.0 */
/* Readers beside writers, on both structures at once with what a broker does to them: sessions come
 * and go, routes are kept from turn to turn, cursors wait. What must hold is said by the readers;
 * ThreadSanitizer and AddressSanitizer say the rest. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/test.h"
#include "base/thread.h"
#include "topic/index.h"
#include "topic/retain.h"

#include <stdatomic.h>

#define READERS 4
#define WRITERS 2
#define STEPS   10000
#define MAGIC   0x5e55104eu

struct session {
    struct nj_rcu_head rcu;
    struct nj_subscriber subscriber;
    uint32_t magic; /* until it is freed */
};

struct stage {
    struct nj_index *index;
    struct nj_retain *shelf;
    struct session *steady; /* subscribed to all of `filters` from beginning to end */
    _Atomic unsigned writers_left;
    _Atomic uint64_t rounds; /* of readers */
};

struct actor {
    struct nj_thread thread;
    struct stage *stage;
    struct nj_rand r;
};

static const char *const filters[] = {"a/b",     "a/+",   "+/b", "#",          "a/b/c/#",
                                      "a/+/c/d", "/+/#",  "b",   "$share/g/#", "$share/g/a/b",
                                      "+/+/c",   "b/b/b", "c/#", "a/#",        "$share/h/a/+"};
static const char *const names[] = {"a/b", "a/b/c", "a/b/c/d", "/x/y", "b", "c", "b/b/b", "x/x/c"};

/* Whichever fields a reader sees, they belong together. */
static struct nj_sub_opts
opts_of(uint32_t n)
{
    return (struct nj_sub_opts){
        .qos = (uint8_t)(n % 3),
        .no_local = n & 1,
        .retain_as_published = n >> 1 & 1,
        .identifier = n,
    };
}

static void
check_session(const struct nj_subscriber *who, const struct nj_sub_opts *opts)
{
    struct session *session = nj_container_of((uintptr_t)who, struct session, subscriber);
    struct nj_sub_opts whole = opts_of(opts->identifier);

    assert_int_equal(session->magic, MAGIC);
    assert_int_equal(opts->qos, whole.qos);
    assert_int_equal(opts->no_local, whole.no_local);
    assert_int_equal(opts->retain_as_published, whole.retain_as_published);
}

/* ---- sessions come and go ---- */

static struct session *
session_new(void)
{
    struct session *s = nj_zalloc(sizeof(*s));

    assert_non_null(s);
    s->magic = MAGIC;
    atomic_store_explicit(&s->subscriber.status, NJ_SUBSCRIBER_ONLINE, memory_order_relaxed);
    return s;
}

static void
session_free(struct nj_rcu_head *head)
{
    struct session *s = nj_container_of(head, struct session, rcu);

    s->magic = 0;
    nj_free(s);
}

static void
session_end(struct stage *stage, struct session *s)
{
    nj_index_remove_all(stage->index, &s->subscriber);
    nj_rcu_call(&s->rcu, session_free);
}

static void
session_subscribe(struct stage *stage, struct session *s, const char *text, uint32_t n)
{
    struct nj_sub_opts opts = opts_of(n);
    struct nj_filter filter;
    bool existed;

    assert_true(nj_filter_parse(nj_str_of(text), &filter));
    assert_int_equal(nj_index_subscribe(stage->index, &s->subscriber, &filter, &opts, &existed),
                     NJ_OK);
}

static void
write_index(struct actor *a, struct session **s, uint32_t step)
{
    unsigned what = nj_rand_below(&a->r, 100);
    char text[32];

    snprintf(text, sizeof(text), "%s",
             filters[nj_rand_below(&a->r, (uint32_t)NJ_COUNT_OF(filters))]);
    if (what >= 70) /* never matched: tables that grow, branches that come and go */
        snprintf(text, sizeof(text), "z/%u/%s", nj_rand_below(&a->r, 500), what & 1 ? "#" : "q");
    if (what < 3) {
        session_end(a->stage, *s);
        *s = session_new();
    } else if (what % 5 < 3) {
        session_subscribe(a->stage, *s, text, step);
    } else {
        struct nj_filter filter;

        assert_true(nj_filter_parse(nj_str_of(text), &filter));
        (void)nj_index_unsubscribe(a->stage->index, &(*s)->subscriber, &filter);
    }
    if (what % 10 == 0)
        atomic_fetch_xor_explicit(&(*s)->subscriber.status, NJ_SUBSCRIBER_ONLINE,
                                  memory_order_relaxed);
}

/* ---- what is retained comes and goes ---- */

static void
retain(struct stage *stage, const char *topic, bool is_there, nj_time expires)
{
    struct nj_msg *msg = nj_msg_new(&(struct nj_msg_parts){
        .topic = nj_str_of(topic),
        .payload = is_there ? nj_str_of(topic) : NJ_STR(""),
        .retain = true,
        .expires = expires,
    });

    assert_non_null(msg);
    (void)nj_retain_set(stage->shelf, msg);
    nj_msg_unref(msg);
}

static void
write_shelf(struct actor *a)
{
    unsigned what = nj_rand_below(&a->r, 100);
    char topic[32];

    snprintf(topic, sizeof(topic), "%c/%u/%u", "stu"[what % 3], nj_rand_below(&a->r, 10),
             nj_rand_below(&a->r, 20));
    if (what >= 90) /* the steady ones are replaced, never removed */
        snprintf(topic, sizeof(topic), "%c/%u/steady", "stu"[what % 3], what % 10);
    retain(a->stage, topic, what >= 40, what % 7 == 0 && what < 90 ? 100 : NJ_NEVER);
}

static void
write_both(void *arg)
{
    struct session *session[8];
    struct actor *a = arg;

    nj_rcu_register();
    for (size_t i = 0; i < NJ_COUNT_OF(session); i++)
        session[i] = session_new();
    for (uint32_t step = 0; step < STEPS; step++) {
        write_index(a, &session[step % NJ_COUNT_OF(session)], step);
        write_shelf(a);
        nj_rcu_quiescent();
    }
    for (size_t i = 0; i < NJ_COUNT_OF(session); i++)
        session_end(a->stage, session[i]);
    /* Release: who counts the last writer out finds all that was written. */
    atomic_fetch_sub_explicit(&a->stage->writers_left, 1, memory_order_release);
    nj_rcu_unregister();
}

/* ---- readers ---- */

/* A route is used again only in a turn in which its generation was compared. */
struct route {
    const char *name;
    uint64_t generation;
    struct nj_matches m;
};

static void
use_route(const struct stage *stage, const struct route *route)
{
    unsigned steady = 0, expected = 0;

    for (size_t i = 0; i < route->m.count; i++) {
        struct nj_match one = route->m.list[i];

        if (one.group != NULL && !nj_group_pick(one.group, NULL, &one))
            continue;
        check_session(one.who, &one.opts);
        steady += one.who == &stage->steady->subscriber && route->m.list[i].group == NULL;
    }
    for (size_t i = 0; i < NJ_COUNT_OF(filters); i++)
        expected +=
            filters[i][0] != '$' && nj_topic_matches(nj_str_of(filters[i]), nj_str_of(route->name));
    assert_int_equal(steady, expected);
}

static void
read_index(struct actor *a, struct route *route)
{
    const struct stage *stage = a->stage;

    if (route->generation == nj_index_generation(stage->index)) {
        use_route(stage, route);
        return;
    }
    route->name = names[nj_rand_below(&a->r, (uint32_t)NJ_COUNT_OF(names))];
    route->generation = nj_index_generation(stage->index);
    route->m.count = 0;
    assert_int_equal(nj_index_match(stage->index, nj_str_of(route->name),
                                    nj_hash(nj_str_of(route->name)), &route->m),
                     NJ_OK);
    use_route(stage, route);
}

struct walk {
    struct nj_retain_cursor *cursor;
    unsigned steady;
};

static void
read_shelf(struct actor *a, struct walk *walk)
{
    struct nj_msg *msg;
    bool is_end;

    if (walk->cursor == NULL) {
        static const char *const ways[] = {"#", "+/+/#", "+/+/+"};

        *walk = (struct walk){
            .cursor = nj_retain_open(a->stage->shelf, nj_str_of(ways[nj_rand_below(&a->r, 3)])),
        };
        assert_non_null(walk->cursor);
    }
    msg = nj_retain_next(walk->cursor, 50, 1 + nj_rand_below(&a->r, 20), &is_end);
    if (msg != NULL) {
        struct nj_str topic = nj_msg_topic(msg);

        assert_true(nj_str_eq(topic, nj_msg_payload(msg)));
        walk->steady += topic.p[topic.n - 1] == 'y';
        nj_msg_unref(msg);
    } else if (is_end) {
        assert_int_equal(walk->steady, 30);
        nj_retain_close(walk->cursor);
        walk->cursor = NULL;
        atomic_fetch_add_explicit(&a->stage->rounds, 1, memory_order_relaxed);
    }
}

static void
read_both(void *arg)
{
    struct actor *a = arg;
    struct route route[4] = {{.generation = UINT64_MAX},
                             {.generation = UINT64_MAX},
                             {.generation = UINT64_MAX},
                             {.generation = UINT64_MAX}};
    struct walk walk[3] = {{.cursor = NULL}};

    nj_rcu_register();
    while (atomic_load_explicit(&a->stage->writers_left, memory_order_acquire) > 0 ||
           atomic_load_explicit(&a->stage->rounds, memory_order_relaxed) < 20) {
        for (size_t i = 0; i < NJ_COUNT_OF(route); i++)
            read_index(a, &route[i]);
        for (size_t i = 0; i < NJ_COUNT_OF(walk); i++)
            read_shelf(a, &walk[i]);
        if (nj_rand_below(&a->r, 10) == 0)
            (void)nj_retain_sweep(a->stage->shelf, 200, 20);
        nj_rcu_quiescent();
    }
    for (size_t i = 0; i < NJ_COUNT_OF(route); i++)
        nj_matches_fini(&route[i].m);
    for (size_t i = 0; i < NJ_COUNT_OF(walk); i++)
        nj_retain_close(walk[i].cursor);
    nj_rcu_unregister();
}

/* ---- the play ---- */

static void
set_the_stage(struct stage *stage)
{
    assert_int_equal(nj_index_new(&stage->index, &(struct nj_index_opts){0}), NJ_OK);
    assert_int_equal(nj_retain_new(&stage->shelf, &(struct nj_retain_opts){0, 1 << 30}), NJ_OK);
    stage->steady = session_new();
    for (uint32_t i = 0; i < NJ_COUNT_OF(filters); i++)
        session_subscribe(stage, stage->steady, filters[i], i);
    for (unsigned i = 0; i < 30; i++) {
        char topic[32];

        snprintf(topic, sizeof(topic), "%c/%u/steady", "stu"[i % 3], i % 10);
        retain(stage, topic, true, NJ_NEVER);
    }
    atomic_store_explicit(&stage->writers_left, WRITERS, memory_order_relaxed);
}

/* Taken down piece by piece, both books end at zero. */
static void
clear_the_stage(struct stage *stage)
{
    struct nj_index_stats index;
    struct nj_retain_stats shelf;

    session_end(stage, stage->steady);
    nj_index_stats(stage->index, &index);
    assert_int_equal(index.subscriptions, 0);
    assert_int_equal(index.filters, 0);
    assert_int_equal(index.nodes, 0);
    for (unsigned i = 0; i < 3 * 10; i++) {
        char topic[32];

        for (unsigned k = 0; k < 20; k++) {
            snprintf(topic, sizeof(topic), "%c/%u/%u", "stu"[i % 3], i / 3, k);
            retain(stage, topic, false, NJ_NEVER);
        }
        snprintf(topic, sizeof(topic), "%c/%u/steady", "stu"[i % 3], i % 10);
        retain(stage, topic, false, NJ_NEVER);
    }
    nj_retain_stats(stage->shelf, &shelf);
    assert_int_equal(shelf.messages, 0);
    assert_int_equal(shelf.bytes, 0);
    nj_index_free(stage->index);
    nj_retain_free(stage->shelf);
}

static void
readers_beside_writers_find_what_stays(void **state)
{
    static struct stage stage;
    static struct actor actor[READERS + WRITERS];

    (void)state;
    nj_rcu_register();
    set_the_stage(&stage);
    nj_rcu_offline();
    for (size_t i = 0; i < NJ_COUNT_OF(actor); i++) {
        actor[i].stage = &stage;
        nj_rand_seed(&actor[i].r, i);
        assert_int_equal(nj_thread_start(&actor[i].thread, "actor",
                                         i < READERS ? read_both : write_both, &actor[i]),
                         NJ_OK);
    }
    for (size_t i = 0; i < NJ_COUNT_OF(actor); i++)
        nj_thread_join(&actor[i].thread);
    nj_rcu_online();
    clear_the_stage(&stage);
    nj_rcu_barrier();
    nj_rcu_unregister();
}

/* ---- the ceilings under pressure ---- */

#define CEILING 50

static void
press_on_the_ceiling(void *arg)
{
    struct actor *a = arg;
    struct nj_retain_stats stats;

    nj_rcu_register();
    for (unsigned step = 0; step < 5000; step++) {
        char topic[32];

        snprintf(topic, sizeof(topic), "%u/x", nj_rand_below(&a->r, 200));
        retain(a->stage, topic, nj_rand_below(&a->r, 3) > 0, NJ_NEVER);
        nj_retain_stats(a->stage->shelf, &stats);
        assert_true(stats.messages <= CEILING);
        nj_rcu_quiescent();
    }
    nj_rcu_unregister();
}

static void
ceiling_is_never_passed_by_two_at_once(void **state)
{
    static struct stage stage;
    static struct actor actor[4];

    (void)state;
    nj_rcu_register();
    assert_int_equal(nj_retain_new(&stage.shelf, &(struct nj_retain_opts){CEILING, 1 << 30}),
                     NJ_OK);
    nj_rcu_offline();
    for (size_t i = 0; i < NJ_COUNT_OF(actor); i++) {
        actor[i].stage = &stage;
        nj_rand_seed(&actor[i].r, i);
        assert_int_equal(
            nj_thread_start(&actor[i].thread, "actor", press_on_the_ceiling, &actor[i]), NJ_OK);
    }
    for (size_t i = 0; i < NJ_COUNT_OF(actor); i++)
        nj_thread_join(&actor[i].thread);
    nj_rcu_online();
    nj_retain_free(stage.shelf);
    nj_rcu_barrier();
    nj_rcu_unregister();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_beside_writers_find_what_stays),
        cmocka_unit_test(ceiling_is_never_passed_by_two_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
