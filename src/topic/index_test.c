/* SPDX-License-Identifier: Apache-2.0 */
/* The subscription index against the standard's examples, and against its plain twin:
 * nj_topic_matches() over a list. */
#include "topic/index.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/test.h"

/* ---- one index, a few subscribers ---- */

struct fixture {
    struct nj_index *index;
    struct nj_subscriber who[8];
    struct nj_matches m;
    struct nj_index_stats empty;
};

static int
open_index(void **state)
{
    struct fixture *f = nj_zalloc(sizeof(*f));

    nj_rcu_register();
    assert_non_null(f);
    assert_int_equal(nj_index_new(&f->index, &(struct nj_index_opts){.max_levels = 20}), NJ_OK);
    nj_index_stats(f->index, &f->empty);
    *state = f;
    return 0;
}

static int
close_index(void **state)
{
    struct fixture *f = *state;
    struct nj_index_stats stats;

    for (size_t i = 0; i < NJ_COUNT_OF(f->who); i++)
        nj_index_remove_all(f->index, &f->who[i]);
    nj_index_stats(f->index, &stats);
    assert_int_equal(stats.subscriptions, 0);
    assert_int_equal(stats.shared_subscriptions, 0);
    assert_int_equal(stats.filters, 0);
    assert_int_equal(stats.nodes, f->empty.nodes);
    nj_index_free(f->index);
    nj_matches_fini(&f->m);
    nj_free(f);
    nj_rcu_barrier();
    nj_rcu_unregister();
    return 0;
}

static struct nj_filter
filter_of(const char *text)
{
    struct nj_filter filter;

    assert_true(nj_filter_parse(nj_str_of(text), &filter));
    return filter;
}

static enum nj_err
subscribe(struct fixture *f, size_t who, const char *text, struct nj_sub_opts opts, bool *existed)
{
    struct nj_filter filter = filter_of(text);

    return nj_index_subscribe(f->index, &f->who[who], &filter, &opts, existed);
}

static void
subscribe_plainly(struct fixture *f, size_t who, const char *text)
{
    bool existed = true;

    assert_int_equal(subscribe(f, who, text, (struct nj_sub_opts){.qos = 1}, &existed), NJ_OK);
    assert_false(existed);
}

static bool
unsubscribe(struct fixture *f, size_t who, const char *text)
{
    struct nj_filter filter = filter_of(text);

    return nj_index_unsubscribe(f->index, &f->who[who], &filter);
}

static size_t
match(struct fixture *f, const char *name)
{
    f->m.count = 0;
    assert_int_equal(nj_index_match(f->index, nj_str_of(name), nj_hash(nj_str_of(name)), &f->m),
                     NJ_OK);
    return f->m.count;
}

/* [MQTT5-4.7.1-1] [MQTT311-4.7.1-2]: `#` stands for the parent and any number of levels. */
static void
hash_matches_the_parent_and_all_below(void **state)
{
    struct fixture *f = *state;

    subscribe_plainly(f, 0, "sport/tennis/player1/#");
    assert_int_equal(match(f, "sport/tennis/player1"), 1);
    assert_int_equal(match(f, "sport/tennis/player1/ranking"), 1);
    assert_int_equal(match(f, "sport/tennis/player1/score/wimbledon"), 1);
    assert_int_equal(match(f, "sport/tennis/player2"), 0);
    assert_int_equal(match(f, "sport/tennis"), 0);
    subscribe_plainly(f, 1, "sport/#");
    assert_int_equal(match(f, "sport"), 1);
    subscribe_plainly(f, 2, "#");
    assert_int_equal(match(f, "sport"), 2);
    assert_int_equal(match(f, "/"), 1);
}

/* [MQTT5-4.7.1-2] [MQTT311-4.7.1-3] */
static void
plus_matches_one_level_also_an_empty_one(void **state)
{
    struct fixture *f = *state;

    subscribe_plainly(f, 0, "sport/+");
    assert_int_equal(match(f, "sport"), 0);
    assert_int_equal(match(f, "sport/"), 1);
    assert_int_equal(match(f, "sport/a/b"), 0);
    subscribe_plainly(f, 1, "+/+");
    subscribe_plainly(f, 2, "/+");
    subscribe_plainly(f, 3, "+");
    assert_int_equal(match(f, "/finance"), 2);
    assert_int_equal(match(f, "finance"), 1);
}

/* [MQTT5-4.7.2-1] [MQTT311-4.7.2-1] */
static void
leading_wildcard_matches_no_dollar_topic(void **state)
{
    struct fixture *f = *state;

    subscribe_plainly(f, 0, "#");
    subscribe_plainly(f, 0, "+/monitor/Clients");
    subscribe_plainly(f, 0, "+");
    assert_int_equal(match(f, "$SYS/monitor/Clients"), 0);
    assert_int_equal(match(f, "$SYS"), 0);
    subscribe_plainly(f, 1, "$SYS/#");
    subscribe_plainly(f, 1, "$SYS/monitor/+");
    assert_int_equal(match(f, "$SYS/monitor/Clients"), 2);
    assert_int_equal(match(f, "a/$SYS"), 1);
}

/* [MQTT5-4.7.3-4] [MQTT311-4.7.3-4]: names compare byte by byte, nothing is normalized. */
static void
case_and_slashes_count(void **state)
{
    struct fixture *f = *state;

    subscribe_plainly(f, 0, "ACCOUNTS");
    subscribe_plainly(f, 0, "a//b");
    assert_int_equal(match(f, "Accounts"), 0);
    assert_int_equal(match(f, "/ACCOUNTS"), 0);
    assert_int_equal(match(f, "ACCOUNTS/"), 0);
    assert_int_equal(match(f, "a/b"), 0);
    assert_int_equal(match(f, "a//b"), 1);
}

/* [MQTT5-3.8.4-3] [MQTT311-3.8.4-3]: the same filter again replaces the options. */
static void
same_filter_again_replaces_the_options(void **state)
{
    static const char *const texts[] = {"a/b", "a/+", "$share/g/a/b", "$share/g/a/#"};
    struct nj_sub_opts opts = {2, true, true, 268435455};
    struct fixture *f = *state;

    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++) {
        uint64_t generation;
        bool existed = false;

        subscribe_plainly(f, 0, texts[i]);
        generation = nj_index_generation(f->index);
        assert_int_equal(subscribe(f, 0, texts[i], opts, &existed), NJ_OK);
        assert_true(existed);
        assert_true(nj_index_generation(f->index) > generation);
    }
    assert_int_equal(match(f, "a/b"), 4);
    for (size_t i = 0; i < 4; i++) {
        struct nj_match one = f->m.list[i];

        if (one.group != NULL)
            assert_true(nj_group_pick(one.group, NULL, &one));
        assert_ptr_equal(one.who, &f->who[0]);
        assert_int_equal(one.opts.qos, opts.qos);
        assert_true(one.opts.no_local && one.opts.retain_as_published);
        assert_int_equal(one.opts.identifier, opts.identifier);
    }
}

static void
unsubscribe_takes_exactly_that_filter(void **state)
{
    struct fixture *f = *state;

    subscribe_plainly(f, 0, "a/b");
    subscribe_plainly(f, 0, "a/+");
    subscribe_plainly(f, 1, "a/b");
    subscribe_plainly(f, 0, "$share/g/a/b");
    assert_false(unsubscribe(f, 1, "a/+"));
    assert_false(unsubscribe(f, 0, "a"));
    assert_false(unsubscribe(f, 0, "$share/h/a/b"));
    assert_int_equal(match(f, "a/b"), 4);
    assert_true(unsubscribe(f, 0, "a/b"));
    assert_false(unsubscribe(f, 0, "a/b"));
    assert_int_equal(match(f, "a/b"), 3);
    assert_true(unsubscribe(f, 0, "$share/g/a/b"));
    assert_int_equal(match(f, "a/b"), 2);
}

static void
every_change_raises_the_generation(void **state)
{
    struct fixture *f = *state;
    uint64_t before = nj_index_generation(f->index);

    subscribe_plainly(f, 0, "a/+");
    assert_true(nj_index_generation(f->index) > before);
    before = nj_index_generation(f->index);
    assert_false(unsubscribe(f, 1, "a/+"));
    assert_int_equal(nj_index_generation(f->index), before);
    assert_true(unsubscribe(f, 0, "a/+"));
    assert_true(nj_index_generation(f->index) > before);
    subscribe_plainly(f, 0, "$share/g/a");
    before = nj_index_generation(f->index);
    nj_index_remove_all(f->index, &f->who[0]);
    assert_true(nj_index_generation(f->index) > before);
}

static void
too_deep_or_too_long_is_refused(void **state)
{
    static char text[70001];
    struct nj_filter filter = {.filter = {text, 70000}};
    struct fixture *f = *state;
    bool existed;

    assert_int_equal(subscribe(f, 0, "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/+",
                               (struct nj_sub_opts){0}, &existed),
                     NJ_OK);
    assert_int_equal(subscribe(f, 0, "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/#",
                               (struct nj_sub_opts){0}, &existed),
                     NJ_EINVAL);
    assert_int_equal(subscribe(f, 0, "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21",
                               (struct nj_sub_opts){0}, &existed),
                     NJ_EINVAL);
    memset(text, 'x', 70000);
    assert_int_equal(
        nj_index_subscribe(f->index, &f->who[0], &filter, &(struct nj_sub_opts){0}, &existed),
        NJ_EINVAL);
    assert_int_equal(f->who[0].sub_count, 1);
    /* A name of any depth is looked up all the same. */
    memset(text, '/', 65535);
    text[65535] = '\0';
    assert_int_equal(match(f, text), 0);
    subscribe_plainly(f, 0, "+/+/#");
    assert_int_equal(match(f, text), 1);
}

/* ---- lists ---- */

struct texts {
    char text[16][128];
    struct nj_sub_opts opts[16];
    size_t subscribers[16];
    size_t count;
};

static void
note_sub(void *ctx, struct nj_str text, const struct nj_sub_opts *opts)
{
    struct texts *t = ctx;

    snprintf(t->text[t->count], sizeof(t->text[0]), "%" NJ_STR_FMT, NJ_STR_ARG(text));
    t->opts[t->count++] = *opts;
}

static void
note_line(void *ctx, struct nj_str filter, size_t subscribers)
{
    struct texts *t = ctx;

    snprintf(t->text[t->count], sizeof(t->text[0]), "%" NJ_STR_FMT, NJ_STR_ARG(filter));
    t->subscribers[t->count++] = subscribers;
}

static size_t
place_in(const struct texts *t, const char *text)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->text[i], text) == 0)
            return i;
    fail_msg("%s is not listed", text);
    return 0;
}

static void
each_spells_filters_as_they_were_subscribed(void **state)
{
    static const char *const texts[] = {"a/b",          "/",           "#",    "+/+/#",
                                        "$share/g/a/b", "$share/h//+", "a/b/+"};
    struct fixture *f = *state;
    struct texts t = {.count = 0};

    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++) {
        bool existed;

        assert_int_equal(
            subscribe(f, 0, texts[i],
                      (struct nj_sub_opts){.qos = (uint8_t)(i % 3), .identifier = (uint32_t)i + 1},
                      &existed),
            NJ_OK);
    }
    nj_index_each(f->index, &f->who[0], note_sub, &t);
    assert_int_equal(t.count, NJ_COUNT_OF(texts));
    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++) {
        const struct nj_sub_opts *opts = &t.opts[place_in(&t, texts[i])];

        assert_int_equal(opts->qos, i % 3);
        assert_int_equal(opts->identifier, i + 1);
    }
}

static void
summary_lists_filters_with_their_subscribers(void **state)
{
    struct fixture *f = *state;
    struct texts t = {.count = 0};
    struct nj_index_stats stats;

    subscribe_plainly(f, 0, "a/b");
    subscribe_plainly(f, 1, "a/b");
    subscribe_plainly(f, 1, "a/+/c");
    subscribe_plainly(f, 2, "$share/g/a/+/c");
    nj_index_summary(f->index, 10, note_line, &t);
    assert_int_equal(t.count, 3);
    assert_int_equal(t.subscribers[place_in(&t, "a/b")], 2);
    assert_int_equal(t.subscribers[place_in(&t, "a/+/c")], 1);
    assert_int_equal(t.subscribers[place_in(&t, "$share/g/a/+/c")], 1);
    t.count = 0;
    nj_index_summary(f->index, 2, note_line, &t);
    assert_int_equal(t.count, 2);

    nj_index_stats(f->index, &stats);
    assert_int_equal(stats.subscriptions, 4);
    assert_int_equal(stats.shared_subscriptions, 1);
    assert_int_equal(stats.filters, 2);
    assert_true(stats.bytes > f->empty.bytes);
}

/* ---- share groups ---- */

static struct nj_group *
group_at(struct fixture *f, const char *name)
{
    assert_int_equal(match(f, name), 1);
    assert_non_null(f->m.list[0].group);
    return f->m.list[0].group;
}

static void
set_status(struct fixture *f, size_t who, unsigned status)
{
    atomic_store_explicit(&f->who[who].status, (uint8_t)status, memory_order_relaxed);
}

static size_t
who_is(struct fixture *f, const struct nj_match *one)
{
    return (size_t)(one->who - f->who);
}

static void
present_members_get_equal_shares(void **state)
{
    struct fixture *f = *state;
    unsigned got[8] = {0};
    struct nj_match one;

    for (size_t i = 0; i < 8; i++) {
        subscribe_plainly(f, i, "$share/g/a/#");
        set_status(f, i, NJ_SUBSCRIBER_ONLINE);
    }
    set_status(f, 1, NJ_SUBSCRIBER_DURABLE);
    set_status(f, 2, NJ_SUBSCRIBER_ONLINE | NJ_SUBSCRIBER_FULL);
    assert_true(unsubscribe(f, 3, "$share/g/a/#"));
    for (int n = 0; n < 1000; n++) {
        assert_true(nj_group_pick(group_at(f, "a/b"), NULL, &one));
        got[who_is(f, &one)]++;
    }
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(got[i], i >= 1 && i <= 3 ? 0 : 200);
}

static void
who_is_avoided_or_absent_is_passed_over(void **state)
{
    struct fixture *f = *state;
    struct nj_match one;

    for (size_t i = 0; i < 3; i++)
        subscribe_plainly(f, i, "$share/g/a");
    for (int n = 0; n < 10; n++) { /* nobody online, nobody durable: any */
        assert_true(nj_group_pick(group_at(f, "a"), &f->who[0], &one));
        assert_int_not_equal(who_is(f, &one), 0);
    }
    set_status(f, 1, NJ_SUBSCRIBER_DURABLE);
    for (int n = 0; n < 10; n++) {
        assert_true(nj_group_pick(group_at(f, "a"), NULL, &one));
        assert_int_equal(who_is(f, &one), 1);
    }
    set_status(f, 2, NJ_SUBSCRIBER_ONLINE);
    for (int n = 0; n < 10; n++) {
        assert_true(nj_group_pick(group_at(f, "a"), NULL, &one));
        assert_int_equal(who_is(f, &one), 2);
        assert_true(nj_group_pick(group_at(f, "a"), &f->who[2], &one));
        assert_int_equal(who_is(f, &one), 1);
    }
    assert_true(unsubscribe(f, 0, "$share/g/a"));
    assert_true(unsubscribe(f, 1, "$share/g/a"));
    assert_false(nj_group_pick(group_at(f, "a"), &f->who[2], &one));
}

/* [MQTT5-4.8.2-1]: the name belongs to the subscription; the same name on another filter is another
 * group. */
static void
groups_are_told_apart_by_name_and_filter(void **state)
{
    struct fixture *f = *state;
    uint64_t id, again;

    subscribe_plainly(f, 0, "$share/g/a");
    subscribe_plainly(f, 1, "$share/h/a");
    subscribe_plainly(f, 2, "$share/g/+");
    subscribe_plainly(f, 3, "a");
    assert_int_equal(match(f, "a"), 4);
    assert_int_equal(match(f, "b"), 1);
    id = nj_group_id(f->m.list[0].group);
    assert_int_not_equal(id, 0);
    assert_true(unsubscribe(f, 2, "$share/g/+"));
    assert_int_equal(match(f, "b"), 0);
    subscribe_plainly(f, 2, "$share/g/+");
    again = nj_group_id(group_at(f, "b"));
    assert_int_equal(again, id); /* what is under way by it belongs to it */
    assert_int_equal(match(f, "a"), 4);
    for (unsigned i = 0; i < 4; i++)
        for (unsigned k = 0; k < i; k++)
            assert_true(f->m.list[i].group == NULL || f->m.list[k].group == NULL ||
                        nj_group_id(f->m.list[i].group) != nj_group_id(f->m.list[k].group));
}

/* ---- against the twin ---- */

#define TWIN_MAX 400

struct twin_sub {
    char text[80];
    struct nj_filter filter; /* views of the text */
    size_t who;
    struct nj_sub_opts opts;
    unsigned seen;
};

struct twin {
    struct twin_sub subs[TWIN_MAX];
    size_t count;
};

static void
random_topic(struct nj_rand *r, char *out, size_t size, bool is_filter)
{
    static const char *const levels[] = {"a", "b", "c", "", "$x", "a-longer-level"};
    unsigned depth = 1 + nj_rand_below(r, 5);
    size_t n = 0;

    if (is_filter && nj_rand_below(r, 3) == 0)
        n = (size_t)snprintf(out, size, "$share/%c/", "ghi"[nj_rand_below(r, 3)]);
    for (unsigned i = 0; i < depth; i++) {
        const char *level = levels[nj_rand_below(r, NJ_COUNT_OF(levels))];

        if (is_filter && nj_rand_below(r, 4) == 0)
            level = i + 1 == depth && nj_rand_below(r, 2) == 0 ? "#" : "+";
        n += (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? "/" : "", level);
    }
    if (depth == 1 && n > 0 && out[n - 1] == '/')
        snprintf(out + n, size - n, "a"); /* a filter is not empty */
    else if (n == 0)
        snprintf(out, size, "a");
}

static struct twin_sub *
twin_find(struct twin *t, size_t who, const char *text)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->subs[i].who == who && strcmp(t->subs[i].text, text) == 0)
            return &t->subs[i];
    return NULL;
}

static void
twin_move(struct twin_sub *to, const struct twin_sub *from)
{
    *to = *from;
    to->filter = filter_of(to->text);
}

static bool
twin_remove(struct twin *t, size_t who, const char *text)
{
    struct twin_sub *sub = twin_find(t, who, text);

    if (sub == NULL)
        return false;
    twin_move(sub, &t->subs[--t->count]);
    return true;
}

static struct twin_sub *
twin_by_identifier(struct twin *t, uint32_t identifier)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->subs[i].opts.identifier == identifier)
            return &t->subs[i];
    fail_msg("matched a subscription that is not there");
    return t->subs;
}

static void
twin_add(struct twin *t, size_t who, const char *text, struct nj_sub_opts opts)
{
    struct twin_sub *sub = twin_find(t, who, text);

    if (sub == NULL)
        sub = &t->subs[t->count++];
    snprintf(sub->text, sizeof(sub->text), "%s", text);
    sub->filter = filter_of(sub->text);
    sub->who = who;
    sub->opts = opts;
}

static bool
is_same_group(const struct twin_sub *a, const struct twin_sub *b)
{
    return nj_str_eq(a->filter.share, b->filter.share) &&
           nj_str_eq(a->filter.filter, b->filter.filter);
}

/* Each match marks its subscription, each group one of its members; then each that should be
 * marked is looked at. */
static void
compare_with_twin(struct fixture *f, struct twin *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++)
        t->subs[i].seen = 0;
    match(f, name);
    for (size_t i = 0; i < f->m.count; i++) {
        struct nj_match one = f->m.list[i];
        bool is_shared = one.group != NULL;
        struct twin_sub *sub;

        if (is_shared)
            assert_true(nj_group_pick(one.group, NULL, &one));
        sub = twin_by_identifier(t, one.opts.identifier);
        sub->seen++;
        assert_ptr_equal(one.who, &f->who[sub->who]);
        assert_int_equal(one.opts.qos, sub->opts.qos);
        assert_int_equal(one.opts.no_local, sub->opts.no_local);
        assert_int_equal(one.opts.retain_as_published, sub->opts.retain_as_published);
        assert_int_equal(is_shared, sub->filter.share.n > 0);
    }
    for (size_t i = 0; i < t->count; i++) {
        const struct twin_sub *sub = &t->subs[i];
        unsigned seen = sub->seen;

        for (size_t k = 0; k < t->count && sub->filter.share.n > 0; k++)
            if (k != i && is_same_group(sub, &t->subs[k]))
                seen += t->subs[k].seen;
        if (seen != nj_topic_matches(sub->filter.filter, nj_str_of(name)))
            fail_msg("%s: found %u times for %s", sub->text, seen, name);
    }
}

static void
take_a_random_step(struct fixture *f, struct twin *t, struct nj_rand *r, uint32_t step)
{
    size_t who = nj_rand_below(r, NJ_COUNT_OF(f->who));
    struct nj_sub_opts opts = {nj_rand_below(r, 3) & 3, step & 1, step >> 1 & 1, step + 1};
    unsigned what = nj_rand_below(r, 100);
    char text[80];

    random_topic(r, text, sizeof(text), what < 80);
    if (what < 45 && t->count < TWIN_MAX) {
        bool existed, twin_existed = twin_find(t, who, text) != NULL;

        assert_int_equal(subscribe(f, who, text, opts, &existed), NJ_OK);
        assert_int_equal(existed, twin_existed);
        twin_add(t, who, text, opts);
    } else if (what < 80) {
        if (t->count > 0 && what < 70) { /* most often one that is there */
            const struct twin_sub *sub = &t->subs[nj_rand_below(r, (uint32_t)t->count)];

            who = sub->who;
            snprintf(text, sizeof(text), "%s", sub->text);
        }
        assert_int_equal(unsubscribe(f, who, text), twin_remove(t, who, text));
    } else if (what == 99 && nj_rand_below(r, 5) == 0) {
        nj_index_remove_all(f->index, &f->who[who]);
        for (size_t i = t->count; i-- > 0;)
            if (t->subs[i].who == who)
                twin_move(&t->subs[i], &t->subs[--t->count]);
    } else {
        compare_with_twin(f, t, text);
    }
}

/* Random mixtures of plain and shared subscriptions, the ground on which CVE-2024-8376 grew. */
static void
finds_what_its_plain_twin_finds(void **state)
{
    static struct twin twin;
    struct fixture *f = *state;

    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct nj_index_stats stats;
        struct nj_rand r;

        nj_rand_seed(&r, seed);
        for (uint32_t step = 0; step < 3000; step++) {
            take_a_random_step(f, &twin, &r, step);
            nj_rcu_quiescent();
        }
        nj_index_stats(f->index, &stats);
        assert_int_equal(stats.subscriptions, twin.count);
        for (size_t i = 0; i < NJ_COUNT_OF(f->who); i++)
            nj_index_remove_all(f->index, &f->who[i]);
        twin.count = 0;
        nj_index_stats(f->index, &stats);
        assert_int_equal(stats.nodes, f->empty.nodes);
    }
}

/* ---- many, and little memory ---- */

static void
one_filter_takes_many_subscribers(void **state)
{
    static struct nj_subscriber crowd[3000];
    struct fixture *f = *state;
    struct nj_filter filter = filter_of("a/+");
    bool existed;

    for (size_t i = 0; i < NJ_COUNT_OF(crowd); i++)
        assert_int_equal(nj_index_subscribe(f->index, &crowd[i], &filter,
                                            &(struct nj_sub_opts){.qos = 1}, &existed),
                         NJ_OK);
    assert_int_equal(match(f, "a/b"), NJ_COUNT_OF(crowd));
    for (size_t left = NJ_COUNT_OF(crowd); left > 0; left--) {
        assert_true(nj_index_unsubscribe(f->index, &crowd[left * 7 % NJ_COUNT_OF(crowd)], &filter));
        if (left % 100 == 0)
            assert_int_equal(match(f, "a/b"), left - 1);
        nj_rcu_quiescent();
    }
    assert_int_equal(match(f, "a/b"), 0);
}

/* Let the allocations of one call fail, one after the other, until it succeeds. */
static void
without_memory_nothing_changes(void **state)
{
    static const char *const texts[] = {"$share/g/b/+/c", "b/+/c/d", "$share/g/a/b", "a/b", "c",
                                        "a/+/#"};
    struct fixture *f = *state;

    subscribe_plainly(f, 0, "a/b");
    subscribe_plainly(f, 0, "a/+/#");
    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++) {
        struct nj_index_stats before, after;
        unsigned failures = 0;
        bool existed;

        nj_index_stats(f->index, &before);
        for (uint64_t allowed = 0;; allowed += 16) {
            enum nj_err err;

            nj_rcu_barrier();
            nj_mem_limit_set(nj_mem_used() + allowed);
            err = subscribe(f, 1, texts[i], (struct nj_sub_opts){0}, &existed);
            nj_mem_limit_set(0);
            if (err == NJ_OK)
                break;
            assert_int_equal(err, NJ_ENOMEM);
            nj_index_stats(f->index, &after);
            assert_int_equal(after.nodes, before.nodes);
            assert_int_equal(after.subscriptions, before.subscriptions);
            assert_int_equal(after.filters, before.filters);
            failures++;
        }
        assert_true(failures > 1);
    }
    assert_int_equal(match(f, "a/b"), 5);
    assert_int_equal(match(f, "b/x/c"), 1);
}

/* Searches of several names side by side, some of which are given up. */
static void
each_step_may_be_done_for_several_names(void **state)
{
    static const char *const names[] = {"a/b", "b/x/c", "x", "a/b/c"};
    static const size_t matches[] = {3, 2, 1, 1};
    struct fixture *f = *state;
    struct nj_search search[4] = {{.depth = 0}};

    subscribe_plainly(f, 0, "a/b");
    subscribe_plainly(f, 1, "a/+");
    subscribe_plainly(f, 2, "+/x/#");
    subscribe_plainly(f, 3, "#");
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 4; i++)
            nj_search_begin(&search[i], f->index, nj_str_of(names[i]),
                            nj_hash(nj_str_of(names[i])));
        for (unsigned i = 0; i < 4; i++)
            if (i != round)
                nj_search_follow(&search[i]);
        for (unsigned i = 0; i < 4; i++)
            if (i != round)
                nj_search_fetch(&search[i]);
        for (unsigned i = 0; i < 4; i++) {
            if (i == round)
                continue;
            f->m.count = 0;
            assert_int_equal(nj_search_finish(&search[i], &f->m), NJ_OK);
            assert_int_equal(f->m.count, matches[i]);
        }
    }
    for (unsigned i = 0; i < 4; i++)
        nj_search_fini(&search[i]);
}

static void
match_without_memory_says_so(void **state)
{
    struct fixture *f = *state;

    subscribe_plainly(f, 0, "a/b");
    nj_mem_limit_set(1);
    assert_int_equal(nj_index_match(f->index, NJ_STR("a/b"), nj_hash(NJ_STR("a/b")), &f->m),
                     NJ_ENOMEM);
    nj_mem_limit_set(0);
    assert_int_equal(match(f, "a/b"), 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_index, close_index)
    const struct CMUnitTest tests[] = {
        TEST(hash_matches_the_parent_and_all_below),
        TEST(plus_matches_one_level_also_an_empty_one),
        TEST(leading_wildcard_matches_no_dollar_topic),
        TEST(case_and_slashes_count),
        TEST(same_filter_again_replaces_the_options),
        TEST(unsubscribe_takes_exactly_that_filter),
        TEST(every_change_raises_the_generation),
        TEST(too_deep_or_too_long_is_refused),
        TEST(each_spells_filters_as_they_were_subscribed),
        TEST(summary_lists_filters_with_their_subscribers),
        TEST(present_members_get_equal_shares),
        TEST(who_is_avoided_or_absent_is_passed_over),
        TEST(groups_are_told_apart_by_name_and_filter),
        TEST(finds_what_its_plain_twin_finds),
        TEST(one_filter_takes_many_subscribers),
        TEST(without_memory_nothing_changes),
        TEST(each_step_may_be_done_for_several_names),
        TEST(match_without_memory_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
