/* SPDX-License-Identifier: Apache-2.0 */
/* A walk along the rows, which leaps over what the filter cannot match: from each topic it is told
 * where the next one that might match can lie at the earliest.
 *
 * Between two calls the walk is nowhere in a row: it keeps the last message it looked at, by a
 * reference, and goes on behind that topic, wherever this is by then. As long as nothing has come
 * or gone in the row, the place is still known, and the next message is the next one. The mutex of
 * a stripe is held for LOOKS messages at most. */
#include "topic/retain_priv.h"

#include "base/mem.h"

#define LOOKS 32u

/* A look at so much of a topic counts for one. */
#define LOOK_BYTES 1024u

struct nj_retain_cursor {
    struct nj_retain *shelf;
    struct nj_msg *last; /* looked at in this stripe; a reference. NULL: none yet */
    bool was_match;
    bool is_wild; /* begins with a wildcard: sees no `$`. [MQTT5-4.7.2-1] [MQTT311-4.7.2-1] */
    unsigned stripe, end_stripe;
    struct nj_row_page *page; /* where `last` is, while the row has not changed */
    unsigned at;
    uint64_t changes;
    uint32_t plain_n; /* the levels before the first wildcard */
    uint32_t filter_n;
    char filter[];
};

/* ---- opening ---- */

static struct nj_retain_cursor *
cursor_new(struct nj_retain *shelf, struct nj_str filter)
{
    struct nj_retain_cursor *c = nj_zalloc(sizeof(*c) + filter.n);

    if (c == NULL)
        return NULL;
    c->shelf = shelf;
    c->end_stripe = NJ_RETAIN_STRIPES;
    c->filter_n = (uint32_t)filter.n;
    memcpy(c->filter, filter.p, filter.n);
    return c;
}

struct nj_retain_cursor *
nj_retain_open_all(struct nj_retain *shelf)
{
    return cursor_new(shelf, NJ_STR("#"));
}

static bool
is_wildcard(struct nj_str level, char which)
{
    return level.n == 1 && level.p[0] == which;
}

struct nj_retain_cursor *
nj_retain_open(struct nj_retain *shelf, struct nj_str filter)
{
    struct nj_retain_cursor *c = cursor_new(shelf, filter);
    struct nj_str rest = filter, first = filter, level;
    bool done = false;

    if (c == NULL)
        return NULL;
    c->is_wild = true;
    while (!done) {
        level = nj_topic_level(&rest, &done);
        if (is_wildcard(level, '#') || is_wildcard(level, '+'))
            break;
        if (c->is_wild)
            first = level;
        c->is_wild = false;
        c->plain_n = (uint32_t)(level.p + level.n - filter.p);
    }
    if (!c->is_wild) {
        c->stripe = nj_retain_stripe_of(first);
        c->end_stripe = c->stripe + 1;
    }
    return c;
}

/* ---- leaping ---- */

enum verdict {
    VERDICT_MATCH,
    VERDICT_NO_MATCH,
    VERDICT_END, /* nor will anything behind it */
};

/* Over the topic alone: what lies below it comes next. */
static struct nj_row_key
behind(struct nj_str topic)
{
    return (struct nj_row_key){topic, NJ_STR("/")};
}

/* Over the topic's first `n` bytes, some levels, with all that lies below them. */
static struct nj_row_key
behind_all_below(struct nj_str topic, size_t n)
{
    /* No other text that is not below them comes earlier. */
    static const char least[] = {'\0'};

    return (struct nj_row_key){{topic.p, n}, {least, sizeof(least)}};
}

/* Whether the filter matches the topic, and where the next topic that it might match lies at the
 * earliest. */
static enum verdict
judge(const struct nj_retain_cursor *c, struct nj_str topic, struct nj_row_key *next)
{
    struct nj_str filter = {c->filter, c->filter_n}, rest = topic;
    bool filter_done = false, topic_done = false, has_plus = false;
    size_t plus_n = 0; /* up to the end of the last level that a `+` stands for */

    *next = behind(topic);
    if (c->is_wild && topic.n > 0 && topic.p[0] == '$') {
        *next = (struct nj_row_key){.head = NJ_STR("%")}; /* it comes next to `$` */
        return VERDICT_NO_MATCH;
    }
    do {
        struct nj_str wanted = nj_topic_level(&filter, &filter_done), level;

        if (is_wildcard(wanted, '#'))
            return VERDICT_MATCH;
        if (topic_done)
            return VERDICT_NO_MATCH; /* what might match lies below */
        level = nj_topic_level(&rest, &topic_done);
        if (is_wildcard(wanted, '+')) {
            has_plus = true;
            plus_n = (size_t)(level.p + level.n - topic.p);
        } else {
            int order = nj_row_order(wanted, level);

            if (order > 0) {
                *next = (struct nj_row_key){{topic.p, (size_t)(level.p - topic.p)}, wanted};
                return VERDICT_NO_MATCH;
            }
            if (order < 0)
                goto leap;
        }
    } while (!filter_done);
    if (topic_done)
        return VERDICT_MATCH;
leap:
    if (!has_plus)
        return VERDICT_END;
    *next = behind_all_below(topic, plus_n);
    return VERDICT_NO_MATCH;
}

/* ---- walking ---- */

/* A walk within one stripe, under its mutex. What it looks at is lent until it ends. */
struct walk {
    struct nj_retain_cursor *c;
    struct nj_row *row;
    struct nj_msg *at; /* looked at last; NULL: none yet */
    struct nj_row_place place;
    bool is_placed; /* `place` is that of `at` */
    bool is_end;    /* of this stripe */
    enum verdict verdict;
    struct nj_row_key next; /* where to go on, unless that is the next message */
};

static struct walk
begin_walk(struct nj_retain_cursor *c)
{
    struct walk w = {.c = c, .row = &c->shelf->stripe[c->stripe].row, .at = c->last};

    if (w.at == NULL) {
        w.next = (struct nj_row_key){.head = {c->filter, c->plain_n}};
        w.verdict = VERDICT_NO_MATCH;
    } else if (c->was_match) {
        w.next = behind(nj_msg_topic(w.at));
    } else {
        w.verdict = judge(c, nj_msg_topic(w.at), &w.next);
    }
    w.is_placed = w.at != NULL && c->changes == w.row->changes;
    w.place.page = c->page;
    w.place.at = c->at;
    return w;
}

/* Returns what the walk kept until now, for the caller to unref without the mutex. */
static struct nj_msg *
end_walk(struct walk *w)
{
    struct nj_retain_cursor *c = w->c;
    struct nj_msg *before = c->last;

    if (w->is_end) {
        c->last = NULL;
        c->stripe++;
        return before;
    }
    c->was_match = w->verdict == VERDICT_MATCH;
    c->page = w->place.page;
    c->at = w->place.at;
    c->changes = w->row->changes;
    if (w->at == before)
        return NULL;
    c->last = nj_msg_ref(w->at);
    return before;
}

/* To the next message that might match; false at the stripe's end. */
static bool
look(struct walk *w)
{
    if (w->is_placed && w->verdict == VERDICT_MATCH)
        w->place.at++;
    else if (w->is_placed)
        nj_row_seek_near(w->row, &w->next, &w->place);
    else
        nj_row_seek(w->row, &w->next, &w->place);
    if (w->place.page != NULL && w->place.at == w->place.page->n) {
        w->place.page = w->place.page->next[0];
        w->place.at = 0;
    }
    w->is_placed = true;
    if (w->place.page == NULL) {
        w->is_end = true;
        return false;
    }
    w->at = w->place.page->msg[w->place.at];
    w->verdict = judge(w->c, nj_msg_topic(w->at), &w->next);
    w->is_end = w->verdict == VERDICT_END;
    return !w->is_end;
}

static unsigned
steps_of(const struct nj_msg *msg)
{
    return 1 + msg->topic_n / LOOK_BYTES;
}

static void
pay(unsigned *steps, unsigned for_it)
{
    *steps -= NJ_MIN(*steps, for_it);
}

/* The next match in the stripe; a reference for the caller. NULL: the stripe is through, the steps
 * are, or others should have the mutex. */
static struct nj_msg *
find_in_stripe(struct nj_retain_cursor *c, nj_time now, unsigned *steps)
{
    struct nj_retain_stripe *stripe = &c->shelf->stripe[c->stripe];
    struct nj_msg *found = NULL, *before;
    struct walk w;

    nj_mutex_lock(&stripe->mutex);
    w = begin_walk(c);
    for (unsigned looks = 0; found == NULL && *steps > 0 && looks < LOOKS && look(&w); looks++) {
        pay(steps, steps_of(w.at));
        if (w.verdict == VERDICT_MATCH && w.at->expires > now)
            found = nj_msg_ref(w.at);
    }
    before = end_walk(&w);
    nj_mutex_unlock(&stripe->mutex);
    nj_msg_unref(before);
    return found;
}

/* Relaxed: what comes at this moment may be found or not. */
static bool
is_zero(const _Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed) == 0;
}

struct nj_msg *
nj_retain_next(struct nj_retain_cursor *c, nj_time now, unsigned steps, bool *is_end)
{
    struct nj_msg *found = NULL;

    while (c->stripe < c->end_stripe && steps > 0 && found == NULL) {
        unsigned stripe = c->stripe;

        if (c->last == NULL && is_zero(&c->shelf->stripe[stripe].count))
            c->stripe++;
        else
            found = find_in_stripe(c, now, &steps);
        if (c->stripe != stripe)
            pay(&steps, 1);
    }
    *is_end = found == NULL && c->stripe == c->end_stripe;
    return found;
}

void
nj_retain_close(struct nj_retain_cursor *c)
{
    if (c == NULL)
        return;
    nj_msg_unref(c->last);
    nj_free(c);
}

/* ---- sweeping ---- */

/* Remove the next message of the stripe that has expired; whether there was one. */
static bool
sweep_stripe(struct nj_retain_cursor *c, nj_time now, unsigned *steps)
{
    struct nj_retain_stripe *stripe = &c->shelf->stripe[c->stripe];
    struct nj_msg *expired = NULL, *before;
    struct walk w;

    nj_mutex_lock(&stripe->mutex);
    w = begin_walk(c);
    for (unsigned looks = 0; expired == NULL && *steps > 0 && looks < LOOKS && look(&w); looks++) {
        pay(steps, 1);
        if (w.at->expires <= now)
            expired = w.at;
    }
    before = end_walk(&w);
    if (expired != NULL)
        (void)nj_retain_take(c->shelf, stripe, &w.place);
    nj_mutex_unlock(&stripe->mutex);
    nj_msg_unref(before);
    nj_msg_unref(expired);
    return expired != NULL;
}

size_t
nj_retain_sweep(struct nj_retain *shelf, nj_time now, unsigned steps)
{
    struct nj_retain_cursor *c = shelf->sweeper;
    size_t removed = 0;

    nj_mutex_lock(&shelf->sweeping);
    while (steps > 0 && c->stripe < c->end_stripe) {
        unsigned stripe = c->stripe;

        if (c->last == NULL && is_zero(&shelf->stripe[stripe].mortals))
            c->stripe++;
        else
            removed += sweep_stripe(c, now, &steps);
        if (c->stripe != stripe)
            pay(&steps, 1);
    }
    if (c->stripe == c->end_stripe)
        c->stripe = 0; /* round: from the first stripe on, at the next call */
    nj_mutex_unlock(&shelf->sweeping);
    return removed;
}
