/* SPDX-License-Identifier: Apache-2.0 */
#include "twin.h"

#include "base/assert.h"
#include "mqtt/topic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const nj_twin_topics[NJ_TWIN_TOPICS] = {
    "t/0",   "t/1",   "t/a/b", "t/a",   "u/1",   "$x/1",  "s/a",   "s/b",
    "r/0/a", "r/0/b", "r/1/a", "r/1/b", "r/2/a", "r/2/b", "r/3/a", "r/3/b",
    "r/4/a", "r/4/b", "r/5/a", "r/5/b", "r/6/a", "r/6/b", "r/7/a", "r/7/b",
    "w/0",   "w/1",   "w/2",   "w/3",   "w/4",   "w/5",   "w/6",   "w/7",
};

void
nj_twin_init(struct nj_twin *t, uint64_t seed, bool is_verbose)
{
    memset(t, 0, sizeof(*t));
    t->seed = seed;
    t->step = 1;
    t->is_verbose = is_verbose;
}

void
nj_twin_say(const struct nj_twin *t, const char *fmt, ...)
{
    va_list ap;

    if (!t->is_verbose)
        return;
    va_start(ap, fmt);
    fprintf(stderr, "%6llu ", (unsigned long long)t->step);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

void
nj_twin_fail(const struct nj_twin *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fflush(stdout);
    fprintf(stderr, "seed %llu, step %llu: ", (unsigned long long)t->seed,
            (unsigned long long)t->step);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\nSee it again: sim %llu\n", (unsigned long long)t->seed);
    va_end(ap);
    fflush(stderr);
    _Exit(1);
}

/* ---- publishing ---- */

static void
note_event(struct nj_twin *t, unsigned message)
{
    if (t->messages[message].retain && t->event_count < NJ_COUNT_OF(t->events))
        t->events[t->event_count++] = (struct nj_twin_event){.message = (uint16_t)message,
                                                             .topic = t->messages[message].topic};
}

unsigned
nj_twin_publish(struct nj_twin *t, const struct nj_twin_message *what)
{
    struct nj_twin_message *m = &t->messages[t->count];

    *m = *what;
    m->sent = t->step;
    m->sent_at = t->now;
    m->sends = 1;
    note_event(t, t->count);
    return t->count++;
}

size_t
nj_twin_payload(const struct nj_twin *t, unsigned message, uint8_t *out, size_t room)
{
    const struct nj_twin_message *m = &t->messages[message];
    size_t n = m->bytes;

    if (m->is_empty)
        return 0;
    NJ_ASSERT(n >= 2 && n <= room);
    out[0] = (uint8_t)(message >> 8);
    out[1] = (uint8_t)message;
    for (size_t i = 2; i < n; i++)
        out[i] = (uint8_t)(message * 31 + i);
    return n;
}

void
nj_twin_again(struct nj_twin *t, unsigned message)
{
    t->messages[message].sends++;
    note_event(t, message);
}

/* ---- subscribing ---- */

static void
doubt(const struct nj_twin *t, struct nj_twin_subscription *s)
{
    if (s->doubted > t->step)
        s->doubted = t->step;
}

static void
end(const struct nj_twin *t, struct nj_twin_subscription *s)
{
    doubt(t, s);
    if (s->gone > t->step)
        s->gone = t->step;
}

struct nj_twin_subscription *
nj_twin_subscribe(struct nj_twin *t, unsigned client, const struct nj_twin_subscription *what)
{
    struct nj_twin_session *session = &t->sessions[client];
    struct nj_twin_subscription *s;

    nj_twin_unsubscribe(t, client, what->text); /* it is replaced, at some time from now on */
    s = &session->subscriptions[session->count++];
    *s = *what;
    if (!nj_filter_parse(nj_str_of(s->text), &s->filter))
        abort();
    s->asked = t->step;
    s->granted = s->doubted = s->gone = NJ_TWIN_NEVER;
    return s;
}

void
nj_twin_unsubscribe(struct nj_twin *t, unsigned client, const char *text)
{
    struct nj_twin_session *session = &t->sessions[client];

    for (unsigned i = 0; i < session->count; i++)
        if (strcmp(session->subscriptions[i].text, text) == 0)
            doubt(t, &session->subscriptions[i]);
}

void
nj_twin_unsubscribed(struct nj_twin *t, unsigned client, const char *text, uint64_t step)
{
    struct nj_twin_session *session = &t->sessions[client];

    for (unsigned i = 0; i < session->count; i++)
        if (strcmp(session->subscriptions[i].text, text) == 0 &&
            session->subscriptions[i].asked < step)
            end(t, &session->subscriptions[i]);
}

void
nj_twin_doubt(struct nj_twin *t, unsigned client)
{
    struct nj_twin_session *session = &t->sessions[client];

    for (unsigned i = 0; i < session->count; i++) {
        doubt(t, &session->subscriptions[i]);
        session->subscriptions[i].is_lost = true;
    }
    if (session->knowledge == NJ_TWIN_ALIVE)
        session->knowledge = NJ_TWIN_MAYBE;
}

void
nj_twin_session_is(struct nj_twin *t, unsigned client, bool is_present, bool is_clean_start)
{
    struct nj_twin_session *session = &t->sessions[client];

    if (is_present && is_clean_start) /* [MQTT5-3.2.2-2] */
        nj_twin_fail(t, "c%u: session present after a clean start", client);
    if (is_present && session->knowledge == NJ_TWIN_NONE)
        nj_twin_fail(t, "c%u: session present, but there can be none", client);
    if (!is_present && !is_clean_start && session->knowledge == NJ_TWIN_ALIVE)
        nj_twin_fail(t, "c%u: its session is lost", client); /* [MQTT5-3.1.2-5] */
    session->knowledge = NJ_TWIN_ALIVE;
    if (!is_present)
        for (unsigned i = 0; i < session->count; i++)
            end(t, &session->subscriptions[i]);
}

/* ---- crashes ---- */

/* Nobody waits until the store knows of a will, but that a session which outlives its connection is
 * told of (CONNACK) after it. */
void
nj_twin_crashed(struct nj_twin *t)
{
    NJ_ASSERT(t->crash_count < NJ_TWIN_CRASHES);
    t->crashes[t->crash_count++] = t->step;
    for (unsigned c = 0; c < NJ_TWIN_CLIENTS; c++)
        memcpy(t->sessions[c].again, t->sessions[c].below_qos2, sizeof(t->sessions[c].again));
    for (unsigned i = 0; i < t->count; i++) {
        struct nj_twin_message *m = &t->messages[i];

        if (!m->is_will || m->is_settled)
            continue;
        m->is_withdrawn = false;
        m->is_due = m->is_due && m->is_kept;
    }
}

unsigned
nj_twin_crashes_since(const struct nj_twin *t, uint64_t step)
{
    unsigned count = 0;

    for (unsigned i = 0; i < t->crash_count; i++)
        count += t->crashes[i] >= step;
    return count;
}

void
nj_twin_wills_are_settled(struct nj_twin *t, unsigned client, int will)
{
    for (unsigned i = 0; i < (will >= 0 ? (unsigned)will : t->count); i++)
        if (t->messages[i].is_will && t->messages[i].publisher == client)
            t->messages[i].is_settled = true;
}

/* ---- judging what arrives ---- */

static bool
matches(const struct nj_twin_subscription *s, const struct nj_twin_message *m)
{
    return nj_topic_matches(s->filter.filter, nj_str_of(nj_twin_topics[m->topic]));
}

static bool
is_shared(const struct nj_twin_subscription *s)
{
    return s->filter.share.n > 0;
}

/* It may have been in force when the broker took the message. What a member of a share group leaves
 * behind may go to one that joined later. */
static bool
may_apply(const struct nj_twin_subscription *s, const struct nj_twin_message *m)
{
    return matches(s, m) && s->gone > m->sent &&
           (m->taken == 0 || s->asked < m->taken || is_shared(s));
}

/* It was in force when the broker took the message. */
static bool
must_apply(const struct nj_twin_subscription *s, const struct nj_twin_message *m)
{
    return matches(s, m) && s->granted < m->sent && s->doubted == NJ_TWIN_NEVER;
}

/* "No matching subscribers" is wrong while somebody surely has subscribed. [MQTT5-3.4.2-1] */
static void
judge_no_subscribers(const struct nj_twin *t, unsigned number)
{
    const struct nj_twin_message *m = &t->messages[number];

    for (unsigned c = 0; c < NJ_TWIN_CLIENTS; c++)
        for (unsigned i = 0; i < t->sessions[c].count; i++) {
            const struct nj_twin_subscription *s = &t->sessions[c].subscriptions[i];

            if (must_apply(s, m) && !(s->no_local && m->publisher == c))
                nj_twin_fail(t, "message %u has no subscriber, says the broker, but c%u has '%s'",
                             number, c, s->text);
        }
}

void
nj_twin_taken(struct nj_twin *t, unsigned message, uint8_t reason)
{
    struct nj_twin_message *m = &t->messages[message];

    if (reason >= 0x80) {
        if (reason != NJ_REASON_QUOTA_EXCEEDED || t->was_full < m->sent)
            nj_twin_fail(t, "message %u is refused with 0x%02x", message, reason);
        m->is_refused = m->sends == 1; /* else an earlier one may have been taken */
        return;
    }
    if (reason == NJ_REASON_NO_MATCHING_SUBSCRIBERS)
        judge_no_subscribers(t, message);
    if (m->taken == 0) {
        m->taken = t->step;
        m->taken_at = t->now;
    }
}

/* Retained copies belong to a SUBSCRIBE that came later. One that replaces another before all of
 * them have come, does not ask for them again, perhaps, but the rest comes by its terms. */
static bool
may_bring_retained(const struct nj_twin_session *session, const struct nj_twin_subscription *s,
                   const struct nj_twin_message *m)
{
    bool has_asked = s->retain_handling != 2;

    for (const struct nj_twin_subscription *before = session->subscriptions; before < s; before++)
        has_asked =
            has_asked || (before->retain_handling != 2 && strcmp(before->text, s->text) == 0);
    return has_asked && matches(s, m) && m->retain && !is_shared(s) && s->gone > m->sent;
}

static unsigned
find_message(const struct nj_twin *t, unsigned client, const struct nj_publish *p,
             struct nj_str topic)
{
    static uint8_t expected[65536];
    const uint8_t *bytes = (const uint8_t *)p->payload.p;
    unsigned number;

    if (p->payload.n == 0)
        return NJ_TWIN_EMPTY;
    if (p->payload.n < 2)
        nj_twin_fail(t, "c%u: got a payload of %zu bytes that nobody published", client,
                     p->payload.n);
    number = (unsigned)bytes[0] << 8 | bytes[1];
    if (number >= t->count)
        nj_twin_fail(t, "c%u: got message %u, which is not published yet", client, number);
    if (nj_twin_payload(t, number, expected, sizeof(expected)) != p->payload.n ||
        memcmp(expected, bytes, p->payload.n) != 0)
        nj_twin_fail(t, "c%u: message %u has another payload than it was published with", client,
                     number);
    if (!nj_str_eq(topic, nj_str_of(nj_twin_topics[t->messages[number].topic])))
        nj_twin_fail(t, "c%u: message %u came on topic '%" NJ_STR_FMT "'", client, number,
                     NJ_STR_ARG(topic));
    return number;
}

/* The QoS is the lower of published and granted; with overlapping subscriptions, the highest of
 * those. [MQTT5-3.3.4-2] [MQTT311-3.3.5-1] [MQTT5-3.8.4-8] */
static void
judge_qos(const struct nj_twin *t, unsigned client, const struct nj_twin_message *m,
          const struct nj_publish *p, unsigned number)
{
    const struct nj_twin_session *session = &t->sessions[client];
    bool is_possible = false;
    uint8_t least = 0;

    for (unsigned i = 0; i < session->count; i++) {
        const struct nj_twin_subscription *s = &session->subscriptions[i];
        uint8_t qos = NJ_MIN(s->qos, m->qos);

        if (s->no_local && m->publisher == client) /* [MQTT5-3.8.3-3] */
            continue;
        if (p->retain ? may_bring_retained(session, s, m) || may_apply(s, m) : may_apply(s, m))
            is_possible = is_possible || qos == p->qos;
        if (!p->retain && !is_shared(s) && !s->no_local && must_apply(s, m))
            least = NJ_MAX(least, qos);
    }
    if (!is_possible)
        nj_twin_fail(t,
                     "c%u: message %u (QoS %u) came with QoS %u and retain %d, which no "
                     "subscription asks for",
                     client, number, m->qos, p->qos, p->retain);
    if (p->qos < least && !t->allow_duplicates)
        nj_twin_fail(t, "c%u: message %u came with QoS %u instead of %u", client, number, p->qos,
                     least);
}

/* All identifiers of what matches, and no others. [MQTT5-3.3.4-3] [MQTT5-3.3.4-4] [MQTT5-3.3.4-5]
 */
static void
judge_identifiers(const struct nj_twin *t, unsigned client, const struct nj_twin_message *m,
                  const struct nj_publish *p, unsigned number)
{
    const struct nj_twin_session *session = &t->sessions[client];
    struct nj_reader r = nj_reader_of(p->properties.block);
    struct nj_property_view view;
    bool has[NJ_TWIN_SUBSCRIPTIONS + 1] = {false};

    while (p->properties.subscription_identifier_count > 0 && nj_property_next(&r, &view)) {
        bool is_possible = false;

        if (view.id != NJ_PROPERTY_SUBSCRIPTION_IDENTIFIER)
            continue;
        for (unsigned i = 0; i < session->count; i++) {
            const struct nj_twin_subscription *s = &session->subscriptions[i];

            if (s->identifier == view.number &&
                (may_apply(s, m) || (p->retain && may_bring_retained(session, s, m)))) {
                is_possible = true;
                has[i] = true;
            }
        }
        if (!is_possible)
            nj_twin_fail(t,
                         "c%u: message %u came with subscription identifier %u of nothing that "
                         "matches",
                         client, number, (unsigned)view.number);
    }
    if (p->retain || t->allow_duplicates)
        return;
    for (unsigned i = 0; i < session->count; i++) {
        const struct nj_twin_subscription *s = &session->subscriptions[i];
        bool is_alone = true; /* a member of a group gets copies of its own */

        for (unsigned j = 0; j < session->count; j++)
            is_alone = is_alone && !(is_shared(&session->subscriptions[j]) &&
                                     may_apply(&session->subscriptions[j], m));
        if (is_alone && !s->no_local && s->identifier != 0 && must_apply(s, m) && !has[i])
            nj_twin_fail(t, "c%u: message %u came without subscription identifier %u", client,
                         number, (unsigned)s->identifier);
    }
}

static unsigned
allowed_copies(const struct nj_twin *t, unsigned client, const struct nj_twin_message *m)
{
    const struct nj_twin_session *session = &t->sessions[client];
    unsigned allowed = 0;
    bool has_own = false;

    for (unsigned i = 0; i < session->count; i++) {
        const struct nj_twin_subscription *s = &session->subscriptions[i];
        bool is_counted = false;

        if (!may_apply(s, m) || (s->no_local && m->publisher == client))
            continue;
        for (unsigned j = 0; j < i; j++) {
            const struct nj_twin_subscription *before = &session->subscriptions[j];

            is_counted =
                is_counted || (strcmp(before->text, s->text) == 0 && may_apply(before, m) &&
                               !(before->no_local && m->publisher == client));
        }
        if (is_counted)
            continue;
        if (is_shared(s) || t->allow_duplicates)
            allowed++;
        else
            has_own = true;
    }
    return allowed + has_own;
}

static bool
may_come_by_group(const struct nj_twin *t, unsigned client, const struct nj_twin_message *m)
{
    const struct nj_twin_session *session = &t->sessions[client];

    for (unsigned i = 0; i < session->count; i++)
        if (is_shared(&session->subscriptions[i]) && may_apply(&session->subscriptions[i], m))
            return true;
    return false;
}

/* Came at QoS 1 before a crash: that it was acknowledged, the store may not have known. Or it comes
 * by an older subscription, as the store does not know the one by which it came at QoS 0 or 1. */
static bool
is_repeated(struct nj_twin_session *session, unsigned number, const struct nj_publish *p)
{
    for (int before = 0; before < 2; before++)
        if (session->again[before][number] > 0 && (before > 0 || p->qos > 0)) {
            session->again[before][number]--;
            return true;
        }
    if (p->qos < 2)
        session->below_qos2[p->qos][number]++;
    return false;
}

static void
judge_copies(struct nj_twin *t, unsigned client, const struct nj_twin_message *m, unsigned number,
             const struct nj_publish *p)
{
    struct nj_twin_session *session = &t->sessions[client];
    unsigned allowed = allowed_copies(t, client, m);

    /* What the publisher sends again at QoS 1 is a new message for the broker; what members of a
     * group leave behind may come to a member more than once. */
    if (m->qos == 1)
        allowed *= may_come_by_group(t, client, m) ? 8u * m->sends : m->sends;
    /* That a will was published, the store may not have known. */
    if (m->is_will)
        allowed *= 1 + nj_twin_crashes_since(t, m->sent);
    if (is_repeated(session, number, p))
        return;
    session->copies[number]++;
    if (session->copies[number] > allowed)
        nj_twin_fail(t, "c%u: message %u (QoS %u, sent %u times) came as copy %u of %u at QoS %u",
                     client, number, m->qos, m->sends, session->copies[number], allowed, p->qos);
}

/* [MQTT5-4.6.0-5] [MQTT5-4.6.0-6] [MQTT311-4.6.0-5] [MQTT311-4.6.0-6] What is sent again at QoS 1
 * may come after later ones, if those were the first that met a subscription; so may at QoS 2 what
 * was refused at first. */
static void
judge_order(struct nj_twin *t, unsigned client, const struct nj_twin_message *m, unsigned number,
            const struct nj_publish *p)
{
    struct nj_twin_session *session = &t->sessions[client];
    uint16_t *last = &session->last[m->publisher][m->topic][m->qos][p->qos];

    if (session->arrivals[number] > 0 || may_come_by_group(t, client, m) || t->allow_duplicates ||
        m->is_will || (m->sends > 1 && (m->qos == 1 || t->was_full >= m->sent)))
        return;
    if (number < *last)
        nj_twin_fail(t,
                     "c%u: message %u came after message %u of the same publisher, topic and "
                     "QoS",
                     client, number, *last - 1u);
    *last = (uint16_t)(number + 1);
}

static void
judge_expiry(const struct nj_twin *t, unsigned client, const struct nj_twin_message *m,
             unsigned number, const struct nj_publish *p)
{
    bool has = nj_properties_has(&p->properties, NJ_PROPERTY_MESSAGE_EXPIRY_INTERVAL);

    if (m->expiry_s == UINT32_MAX && has)
        nj_twin_fail(t, "c%u: message %u came with an expiry that it does not have", client,
                     number);
    if (m->expiry_s != UINT32_MAX && has && p->properties.message_expiry_interval_s > m->expiry_s)
        nj_twin_fail(t, "c%u: message %u came with more time to live than it had", client, number);
}

/* Among retained messages of one publisher, one that was replaced for sure before anybody asked. */
static void
judge_freshness(const struct nj_twin *t, unsigned client, const struct nj_twin_message *m,
                unsigned number)
{
    const struct nj_twin_session *session = &t->sessions[client];
    uint64_t asked = 0;

    for (unsigned i = 0; i < session->count; i++) {
        const struct nj_twin_subscription *s = &session->subscriptions[i];

        if (!matches(s, m))
            continue;
        if (s->retain_as_published)
            return; /* it may be a live one */
        asked = NJ_MAX(asked, s->asked);
    }
    if (m->sends > 1)
        return;
    for (unsigned i = number + 1; i < t->count; i++) {
        const struct nj_twin_message *later = &t->messages[i];

        if (later->retain && later->topic == m->topic && later->taken != 0 && m->taken != 0 &&
            m->taken < later->sent && session->count > 0) {
            bool is_old_to_all = true;

            for (unsigned j = 0; j < session->count; j++)
                is_old_to_all = is_old_to_all && (!matches(&session->subscriptions[j], m) ||
                                                  session->subscriptions[j].asked > later->taken);
            if (is_old_to_all && later->taken < asked)
                nj_twin_fail(t, "c%u: retained message %u came, which message %u has replaced",
                             client, number, i);
        }
    }
}

unsigned
nj_twin_arrived(struct nj_twin *t, unsigned client, const struct nj_twin_arrival *a)
{
    const struct nj_publish *p = a->packet;
    unsigned number = find_message(t, client, p, a->topic);
    const struct nj_twin_message *m = &t->messages[number];
    struct nj_twin_session *session = &t->sessions[client];

    nj_twin_say(t, "c%u <- message %u (d%d q%u r%d m%u) %" NJ_STR_FMT, client, number, p->dup,
                p->qos, p->retain, p->packet_id, NJ_STR_ARG(a->topic));
    if (number == NJ_TWIN_EMPTY)
        return number;
    if (m->is_withdrawn)
        nj_twin_fail(t, "c%u: got will %u, which was taken back", client, number);
    if (m->is_refused)
        nj_twin_fail(t, "c%u: got message %u, which was refused", client, number);
    if (p->retain && !m->retain)
        nj_twin_fail(t, "c%u: message %u came with RETAIN, but has none", client, number);
    judge_qos(t, client, m, p, number);
    judge_expiry(t, client, m, number, p);
    judge_identifiers(t, client, m, p, number);
    if (p->retain && !p->dup)
        judge_freshness(t, client, m, number);
    if (!p->retain && !a->is_known) {
        if (!p->dup || p->qos == 2)
            judge_copies(t, client, m, number, p);
        judge_order(t, client, m, number, p);
    }
    if (session->arrivals[number] < UINT8_MAX)
        session->arrivals[number]++;
    return number;
}

/* ---- judging in the end ---- */

static bool
must_arrive(const struct nj_twin *t, const struct nj_twin_message *m)
{
    if (m->is_will)
        return m->is_due && m->qos > 0;
    return m->taken != 0 && !m->is_refused && m->qos > 0 && !m->is_empty &&
           (m->expiry_s == UINT32_MAX || t->now - m->sent_at < (nj_time)m->expiry_s * 1000);
}

static void
judge_own(const struct nj_twin *t, unsigned number, unsigned client)
{
    const struct nj_twin_message *m = &t->messages[number];
    const struct nj_twin_session *session = &t->sessions[client];

    for (unsigned i = 0; i < session->count; i++) {
        const struct nj_twin_subscription *s = &session->subscriptions[i];

        if (is_shared(s) || s->qos == 0 || !must_apply(s, m) ||
            (s->no_local && m->publisher == client) || session->is_limited)
            continue;
        if (session->arrivals[number] == 0)
            nj_twin_fail(t,
                         "c%u: message %u (QoS %u, '%s', taken at step %llu) never came, though "
                         "it has '%s' at QoS %u since step %llu",
                         client, number, m->qos, nj_twin_topics[m->topic],
                         (unsigned long long)m->taken, s->text, s->qos,
                         (unsigned long long)s->granted);
    }
}

/* Only clients with odd numbers are in groups, and these have no other subscription to s/…: what
 * they get there, they get as members. [MQTT5-4.8.2-4] [MQTT5-4.8.2-5] */
static void
judge_group(const struct nj_twin *t, unsigned number, const char *text)
{
    const struct nj_twin_message *m = &t->messages[number];
    bool has_lasting_member = false, has_lost_member = false, has_clean_member = false;
    unsigned arrivals = 0, copies = 0, crashes = nj_twin_crashes_since(t, m->sent);

    for (unsigned c = 1; c < NJ_TWIN_CLIENTS; c += 2) {
        const struct nj_twin_session *session = &t->sessions[c];

        if (session->is_limited)
            return;
        for (unsigned i = 0; i < session->count; i++) {
            const struct nj_twin_subscription *s = &session->subscriptions[i];

            if (strcmp(s->text, text) != 0 || !may_apply(s, m))
                continue;
            has_lasting_member = has_lasting_member || must_apply(s, m);
            has_lost_member = has_lost_member || s->is_lost;
            has_clean_member = has_clean_member || !s->is_kept;
        }
        arrivals += session->arrivals[number];
        copies += session->copies[number];
    }
    /* What went to a clean member just before a crash, the store need not know of. */
    if (m->qos == 2 && copies > 1 && (crashes == 0 || !has_clean_member))
        nj_twin_fail(t, "group %s: message %u (QoS 2) came %u times", text, number, copies);
    if (!has_lost_member && crashes == 0 && copies > m->sends)
        nj_twin_fail(t, "group %s: message %u, sent %u times, came %u times", text, number,
                     m->sends, copies);
    /* QoS 2 that is under way to a member which is lost, is lost with it; and with a crash all that
     * was under way to a clean one. */
    if (has_lasting_member && must_arrive(t, m) && arrivals == 0 &&
        (m->qos == 1 ? crashes == 0 || !has_clean_member : !has_lost_member))
        nj_twin_fail(t, "group %s: message %u (QoS %u) came to no member", text, number, m->qos);
}

/* The last message on its topic, retained before somebody subscribed. */
static bool
is_retained_to_stay(const struct nj_twin *t, unsigned number)
{
    const struct nj_twin_message *m = &t->messages[number];
    unsigned last = NJ_TWIN_EMPTY;

    for (unsigned i = 0; i < t->event_count; i++)
        if (t->events[i].topic == m->topic)
            last = t->events[i].message;
    return last == number && m->sends == 1 && m->taken != 0 && !m->is_refused && !m->is_empty &&
           m->expiry_s == UINT32_MAX;
}

/* [MQTT5-3.3.1-9] [MQTT5-3.3.1-10] [MQTT311-3.3.1-6] */
static void
judge_retained_arrival(const struct nj_twin *t, unsigned number, unsigned client)
{
    const struct nj_twin_message *m = &t->messages[number];
    const struct nj_twin_session *session = &t->sessions[client];

    for (unsigned i = 0; i < session->count; i++) {
        const struct nj_twin_subscription *s = &session->subscriptions[i];

        if (is_shared(s) || !matches(s, m) || s->retain_handling != 0 || s->qos == 0 ||
            s->granted == NJ_TWIN_NEVER || s->doubted != NJ_TWIN_NEVER || s->asked <= m->taken ||
            nj_twin_crashes_since(t, s->asked) > 0 || /* what is still to come is not kept */
            (s->no_local && m->publisher == client) || session->is_limited)
            continue;
        if (session->arrivals[number] == 0)
            nj_twin_fail(t, "c%u: retained message %u never came, though it subscribed to '%s'",
                         client, number, s->text);
    }
}

void
nj_twin_judge_deliveries(const struct nj_twin *t)
{
    for (unsigned i = 0; i < t->count; i++) {
        const struct nj_twin_message *m = &t->messages[i];

        for (unsigned c = 0; c < NJ_TWIN_CLIENTS && m->retain && m->qos > 0; c++)
            if (is_retained_to_stay(t, i))
                judge_retained_arrival(t, i, c);
        if (t->is_lossy)
            continue;
        for (unsigned c = 0; c < NJ_TWIN_CLIENTS && must_arrive(t, m); c++)
            judge_own(t, i, c);
        if (strcmp(nj_twin_topics[m->topic], "s/a") == 0)
            judge_group(t, i, "$share/g/s/a");
        if (strcmp(nj_twin_topics[m->topic], "s/b") == 0)
            judge_group(t, i, "$share/h/s/b/#");
    }
}

/* Each sending of a retained message replaces what was sent before it. Which sendings came through
 * is known of the last one that was acknowledged (at QoS 2 it may be an earlier one that counts):
 * the retained message is that one or a later one. [MQTT5-3.3.1-5] [MQTT5-3.3.1-6]
 * [MQTT311-3.3.1-7] */
void
nj_twin_judge_retained(const struct nj_twin *t, uint8_t topic, int message)
{
    unsigned barrier = 0;
    bool may_be_none = true, is_possible = false;

    for (unsigned i = 0; i < t->event_count; i++) {
        const struct nj_twin_message *m = &t->messages[t->events[i].message];
        bool is_first = true;

        if (t->events[i].topic != topic || m->taken == 0 || m->is_refused)
            continue;
        for (unsigned j = 0; j < i; j++)
            is_first = is_first && t->events[j].message != t->events[i].message;
        if (m->qos == 2 && !is_first)
            continue;
        barrier = i;
        may_be_none = false;
    }
    for (unsigned i = barrier; i < t->event_count; i++) {
        const struct nj_twin_message *m = &t->messages[t->events[i].message];

        if (t->events[i].topic != topic || m->is_refused)
            continue;
        may_be_none =
            may_be_none || m->is_empty ||
            (m->expiry_s != UINT32_MAX && t->now - m->sent_at >= (nj_time)m->expiry_s * 1000);
        is_possible = is_possible || (!m->is_empty && (int)t->events[i].message == message);
    }
    if (message < 0 && !may_be_none)
        nj_twin_fail(t, "'%s' has no retained message, but should have", nj_twin_topics[topic]);
    if (message >= 0 && !is_possible)
        nj_twin_fail(t, "'%s' has message %d as its retained one, which is an old one",
                     nj_twin_topics[topic], message);
}
