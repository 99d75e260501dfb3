/* SPDX-License-Identifier: Apache-2.0 */
/* What the tables hold, told session by session: a merge of all tables that begin with a session's
 * number, each read once, in the order of its keys. What makes no sense is put aside on the way;
 * what has no owner is deleted. Nothing is deleted that the reader is told of. */
#include "store/refuse.h"
#include "store/store_priv.h"

#include "base/log.h"
#include "base/mem.h"
#include "store/crash.h"

#include <stdlib.h>

/* A table, and where we are in it. */
struct stream {
    struct nj_cursor *cursor;
    struct nj_str key, value;
    bool has; /* a record */
};

struct release {
    uint64_t message;
    uint16_t packet_id;
};

struct load {
    struct nj_store *store;
    const struct nj_store_reader *reader;
    void *ctx;
    struct nj_snapshot *snapshot;
    struct stream streams[NJ_TABLE_COUNT];
    struct nj_refuse refuse;
    int64_t offset_ms;
    nj_time now, ends_since; /* see folder.h */

    /* Messages that were looked at: MISSING, DAMAGED, or where a struct nj_msg is, with a
     * reference.
     */
    struct nj_numbers messages;
    bool has_orphans; /* wills, or what was taken, of sessions that are not there */
    uint32_t *identifiers;
    size_t identifier_capacity;
    struct release *releases;
    size_t release_count, release_capacity;
    uint64_t expired;
    enum nj_err err; /* what ended it */
};
#define MISSING 1u /* expired, or deleted by a load that was killed before it was done */
#define DAMAGED 2u

static bool
fail(struct load *l, enum nj_err err)
{
    if (l->err == NJ_OK)
        l->err = err;
    return false;
}

static bool
fail_by(struct load *l, enum nj_end end)
{
    return fail(l, end == NJ_END_FULL ? NJ_ENOMEM : NJ_ESYS);
}

static bool
told(struct load *l, enum nj_err err)
{
    return err == NJ_OK || fail(l, err);
}

/* --- streams --- */

static bool
arrive(struct load *l, struct stream *s, enum nj_end end)
{
    s->has = end == NJ_END_DONE;
    return end == NJ_END_DONE || end == NJ_END_NONE || fail_by(l, end);
}

static bool
begin(struct load *l, enum nj_table table)
{
    struct stream *s = &l->streams[table];
    enum nj_end end = nj_cursor_open(&s->cursor, l->snapshot, table);

    if (end != NJ_END_DONE)
        return fail_by(l, end);
    return arrive(l, s, nj_cursor_first(s->cursor, &s->key, &s->value));
}

static void
stop(struct load *l, enum nj_table table)
{
    nj_cursor_close(l->streams[table].cursor);
    l->streams[table].cursor = NULL;
}

static bool
step(struct load *l, enum nj_table table)
{
    struct stream *s = &l->streams[table];

    return arrive(l, s, nj_cursor_next(s->cursor, &s->key, &s->value));
}

/* The checksum is right, and *value without it; else it is put aside. */
static bool
is_whole(struct load *l, enum nj_table table, struct nj_str *value)
{
    const struct stream *s = &l->streams[table];

    *value = s->value;
    if (nj_seal_check(&l->store->ledger.seal, table, s->key, value))
        return true;
    nj_refuse_put_aside(&l->refuse, table, s->key, s->value, "checksum");
    return false;
}

static void
make_no_sense(struct load *l, enum nj_table table)
{
    const struct stream *s = &l->streams[table];

    nj_refuse_put_aside(&l->refuse, table, s->key, s->value, "format");
}

/* --- messages --- */

/* A reference of `messages`; NULL: it is not there, damaged, expired, or there is no memory. */
static struct nj_msg *
make_message(struct load *l, enum nj_table table, struct nj_str key, struct nj_str value)
{
    struct nj_msg_parts parts;
    struct nj_str whole = value;
    struct nj_msg *msg;

    if (!nj_seal_check(&l->store->ledger.seal, table, key, &value)) {
        nj_refuse_put_aside(&l->refuse, table, key, whole, "checksum");
        return NULL;
    }
    if (!nj_record_message_read(value, l->offset_ms, &parts)) {
        nj_refuse_put_aside(&l->refuse, table, key, whole, "format");
        return NULL;
    }
    /* A clock that has gone back since makes no message younger, and none live longer. */
    if (parts.arrived > l->now) {
        if (parts.expires != NJ_NEVER)
            parts.expires -= parts.arrived - l->now;
        parts.arrived = l->now;
    }
    if (parts.expires <= l->now) {
        l->expired++;
        nj_refuse_add(&l->refuse, table, key);
        return NULL;
    }
    msg = nj_msg_new(&parts);
    if (msg == NULL)
        (void)fail(l, NJ_ENOMEM);
    return msg;
}

/* MISSING, DAMAGED, or where it is. */
static uint64_t
look_for_message(struct load *l, uint64_t number)
{
    uint64_t known = nj_numbers_find(&l->messages, nj_number(number));
    uint64_t damaged = l->refuse.quarantine.count;
    struct nj_key key = nj_key_number(number);
    struct nj_msg *msg = NULL;
    struct nj_str value;
    enum nj_end end;

    if (known != 0)
        return known;
    end = nj_snapshot_get(l->snapshot, NJ_TABLE_MESSAGES, &key, &value);
    if (end == NJ_END_DONE)
        msg = make_message(l, NJ_TABLE_MESSAGES, nj_key_str(&key), value);
    else if (end != NJ_END_NONE)
        (void)fail_by(l, end);
    known = l->refuse.quarantine.count > damaged ? DAMAGED : MISSING;
    if (msg != NULL)
        known = (uint64_t)(uintptr_t)msg;
    if (!nj_numbers_set(&l->messages, nj_number(number), known)) {
        nj_msg_unref(msg);
        (void)fail(l, NJ_ENOMEM);
        return MISSING;
    }
    return known;
}

static struct nj_msg *
message_of(uint64_t known)
{
    return known > DAMAGED ? (struct nj_msg *)(uintptr_t)known : NULL;
}

static void
unref(void *ctx, struct nj_number_key number, uint64_t known)
{
    (void)ctx, (void)number;
    nj_msg_unref(message_of(known));
}

static void
forget_messages(struct load *l)
{
    nj_numbers_each(&l->messages, unref, NULL);
    nj_numbers_fini(&l->messages);
}

/* --- one session --- */

static bool
tell_session(struct load *l, uint64_t number, bool *is_there)
{
    struct nj_session_state state;
    struct nj_str value;

    *is_there = false;
    if (!is_whole(l, NJ_TABLE_SESSIONS, &value))
        return true;
    if (!nj_record_session_read(value, l->offset_ms, &state)) {
        make_no_sense(l, NJ_TABLE_SESSIONS);
        return true;
    }
    state.left = NJ_MAX(state.left, l->ends_since);
    *is_there = true;
    if (!nj_ledger_add_session(&l->store->ledger, number))
        return fail(l, NJ_ENOMEM);
    return told(l, l->reader->session(l->ctx, number, &state));
}

static bool
tell_subscription(struct load *l)
{
    struct nj_sub_opts opts;
    struct nj_str value, filter;

    if (!is_whole(l, NJ_TABLE_SUBSCRIPTIONS, &value))
        return true;
    if (!nj_record_subscription_read(value, &filter, &opts)) {
        make_no_sense(l, NJ_TABLE_SUBSCRIPTIONS);
        return true;
    }
    return told(l, l->reader->subscription(l->ctx, filter, &opts));
}

static bool
tell_terms(struct load *l, struct nj_msg *msg, const struct nj_queued *queued)
{
    struct nj_terms terms = {
        .identifier_count = queued->identifier_count,
        .group = queued->group,
        .qos = queued->qos,
        .retain = queued->retain,
        .is_stored = true,
    };

    for (uint32_t i = 0; i < terms.identifier_count; i++) {
        if (!nj_array_grow((void **)&l->identifiers, &l->identifier_capacity, i, sizeof(uint32_t)))
            return fail(l, NJ_ENOMEM);
        l->identifiers[i] = nj_queued_identifier(queued, i);
    }
    terms.identifiers = l->identifiers;
    return told(l, l->reader->queued(l->ctx, msg, &terms, queued->packet_id));
}

static bool
tell_queued(struct load *l)
{
    const struct stream *s = &l->streams[NJ_TABLE_QUEUE];
    uint64_t number = nj_key_second(s->key), known;
    struct nj_queued queued;
    struct nj_str value;

    if (!is_whole(l, NJ_TABLE_QUEUE, &value))
        return true;
    if (!nj_record_queued_read(value, &queued)) {
        make_no_sense(l, NJ_TABLE_QUEUE);
        return true;
    }
    known = look_for_message(l, number);
    if (known == DAMAGED)
        nj_refuse_put_along(&l->refuse, NJ_TABLE_QUEUE, s->key, s->value, "message");
    else if (known == MISSING)
        nj_refuse_add(&l->refuse, NJ_TABLE_QUEUE, s->key);
    if (message_of(known) == NULL)
        return l->err == NJ_OK;
    if (!nj_ledger_add_wanted(&l->store->ledger, number))
        return fail(l, NJ_ENOMEM);
    return tell_terms(l, message_of(known), &queued);
}

static bool
keep_release(struct load *l)
{
    struct release r = {.packet_id = nj_key_packet_id(l->streams[NJ_TABLE_RELEASED].key)};
    struct nj_str value;

    if (!is_whole(l, NJ_TABLE_RELEASED, &value))
        return true;
    if (!nj_record_number_read(value, &r.message)) {
        make_no_sense(l, NJ_TABLE_RELEASED);
        return true;
    }
    if (!nj_array_grow((void **)&l->releases, &l->release_capacity, l->release_count, sizeof(r)))
        return fail(l, NJ_ENOMEM);
    l->releases[l->release_count++] = r;
    return true;
}

static int
by_message(const void *a, const void *b)
{
    const struct release *x = a, *y = b;

    return x->message < y->message ? -1 : x->message > y->message;
}

static bool
tell_releases(struct load *l)
{
    if (l->release_count > 1)
        qsort(l->releases, l->release_count, sizeof(*l->releases), by_message);
    for (size_t i = 0; i < l->release_count; i++) {
        if (!told(l, l->reader->released(l->ctx, l->releases[i].packet_id)))
            return false;
    }
    l->release_count = 0;
    return true;
}

/* NULL and true: nothing is to be routed. */
static bool
find_taken(struct load *l, uint64_t number, struct nj_msg **msg)
{
    *msg = number != 0 ? message_of(look_for_message(l, number)) : NULL;
    if (l->err != NJ_OK)
        return false;
    return *msg == NULL || nj_ledger_add_wanted(&l->store->ledger, number) || fail(l, NJ_ENOMEM);
}

static bool
tell_received(struct load *l, uint64_t session, bool is_there)
{
    const struct stream *s = &l->streams[NJ_TABLE_RECEIVED];
    struct nj_msg *msg = NULL;
    struct nj_str value;
    uint64_t number;

    if (!is_whole(l, NJ_TABLE_RECEIVED, &value))
        return true;
    if (!nj_record_number_read(value, &number)) {
        make_no_sense(l, NJ_TABLE_RECEIVED);
        return true;
    }
    if (!find_taken(l, number, &msg))
        return false;
    if (!is_there && msg == NULL) {
        nj_refuse_add(&l->refuse, NJ_TABLE_RECEIVED, s->key);
        return true;
    }
    return told(l, l->reader->received(l->ctx, session, nj_key_packet_id(s->key), msg));
}

static bool
tell_will(struct load *l, uint64_t session)
{
    struct nj_will will;
    struct nj_str value;

    if (!is_whole(l, NJ_TABLE_WILLS, &value))
        return true;
    if (!nj_record_will_read(value, &will)) {
        make_no_sense(l, NJ_TABLE_WILLS);
        return true;
    }
    return told(l, l->reader->will(l->ctx, session, &will));
}

/* --- all sessions --- */

/* One record of a session that is there. */
static bool
tell(struct load *l, enum nj_table table, uint64_t session)
{
    switch (table) {
    case NJ_TABLE_SUBSCRIPTIONS:
        return tell_subscription(l);
    case NJ_TABLE_QUEUE:
        return tell_queued(l);
    case NJ_TABLE_RELEASED:
        return keep_release(l);
    case NJ_TABLE_RECEIVED:
        return tell_received(l, session, true);
    case NJ_TABLE_WILLS:
        return tell_will(l, session);
    case NJ_TABLE_META:
    case NJ_TABLE_SESSIONS:
    case NJ_TABLE_MESSAGES:
    case NJ_TABLE_RETAINED:
    case NJ_TABLE_COUNT:
        break;
    }
    return true;
}

/* One of a session that is not there: what the sweep will delete is counted until then. Where the
 * session is damaged nobody has asked for its end, so it lies with it. */
static bool
pass_orphan(struct load *l, enum nj_table table, bool is_damaged, bool *is_to_sweep)
{
    const struct stream *s = &l->streams[table];

    if (table == NJ_TABLE_RECEIVED || table == NJ_TABLE_WILLS) {
        l->has_orphans = true; /* told last */
        return true;
    }
    if (is_damaged) {
        nj_refuse_put_along(&l->refuse, table, s->key, s->value, "session");
        return true;
    }
    *is_to_sweep = true;
    if (table == NJ_TABLE_QUEUE && !nj_ledger_add_wanted(&l->store->ledger, nj_key_second(s->key)))
        return fail(l, NJ_ENOMEM);
    return true;
}

static bool
pass_session(struct load *l, uint64_t number)
{
    static const enum nj_table parts[] = {NJ_TABLE_SUBSCRIPTIONS, NJ_TABLE_QUEUE, NJ_TABLE_RELEASED,
                                          NJ_TABLE_RECEIVED, NJ_TABLE_WILLS};
    struct stream *head = &l->streams[NJ_TABLE_SESSIONS];
    bool has_head = head->has && nj_key_first(head->key) == number;
    bool is_there = false, is_to_sweep = false;

    if (has_head && (!tell_session(l, number, &is_there) || !step(l, NJ_TABLE_SESSIONS)))
        return false;
    for (unsigned i = 0; i < NJ_COUNT_OF(parts); i++) {
        struct stream *s = &l->streams[parts[i]];

        while (s->has && nj_key_first(s->key) == number) {
            bool is_fine = is_there ? tell(l, parts[i], number)
                                    : pass_orphan(l, parts[i], has_head, &is_to_sweep);

            if (!is_fine || !step(l, parts[i]))
                return false;
        }
        if (parts[i] == NJ_TABLE_RELEASED && !tell_releases(l))
            return false;
    }
    if (is_to_sweep && !nj_ledger_add_ended(&l->store->ledger, number))
        return fail(l, NJ_ENOMEM);
    return true;
}

static const enum nj_table joined[] = {NJ_TABLE_SESSIONS, NJ_TABLE_SUBSCRIPTIONS, NJ_TABLE_QUEUE,
                                       NJ_TABLE_RELEASED, NJ_TABLE_RECEIVED,      NJ_TABLE_WILLS};

/* The lowest number that any of the tables has next. False: all are at their end. */
static bool
next_session(const struct load *l, uint64_t *number)
{
    bool has = false;

    for (unsigned i = 0; i < NJ_COUNT_OF(joined); i++) {
        const struct stream *s = &l->streams[joined[i]];

        if (s->has && (!has || nj_key_first(s->key) < *number)) {
            *number = nj_key_first(s->key);
            has = true;
        }
    }
    return has;
}

static bool
pass_sessions(struct load *l)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < NJ_COUNT_OF(joined); i++) {
        if (!begin(l, joined[i]))
            return false;
    }
    while (next_session(l, &number)) {
        if (!pass_session(l, number))
            return false;
    }
    for (unsigned i = 0; i < NJ_COUNT_OF(joined); i++)
        stop(l, joined[i]);
    return true;
}

/* --- what belongs to nobody, and to all --- */

static bool
pass_orphans(struct load *l, enum nj_table table)
{
    const struct stream *s = &l->streams[table];

    if (!l->has_orphans)
        return true;
    if (!begin(l, table))
        return false;
    while (s->has) {
        uint64_t session = nj_key_first(s->key);
        bool is_fine = true;

        if (nj_numbers_find(&l->store->ledger.sessions, nj_number(session)) == 0)
            is_fine =
                table == NJ_TABLE_WILLS ? tell_will(l, session) : tell_received(l, session, false);
        if (!is_fine || !step(l, table))
            return false;
    }
    stop(l, table);
    return true;
}

/* Two of one topic are left where one could not be deleted. False in *is_kept: it is the older one.
 */
static bool
know_retained(struct load *l, const struct nj_msg *msg, bool *is_kept)
{
    struct nj_ledger *ledger = &l->store->ledger;
    struct nj_str key = l->streams[NJ_TABLE_RETAINED].key;
    struct nj_number_key topic = nj_hash_topic(&ledger->seal, nj_msg_topic(msg));
    uint64_t other = nj_numbers_find(&ledger->retained, topic);
    uint64_t record = nj_key_is_number(key) ? nj_key_first(key) : NJ_LEDGER_BY_HASH;

    *is_kept = other == 0 || record != NJ_LEDGER_BY_HASH;
    if (other != 0) {
        struct nj_key older = nj_ledger_retained_key(topic, *is_kept ? other : record);

        nj_refuse_add(&l->refuse, NJ_TABLE_RETAINED, nj_key_str(&older));
    }
    return !*is_kept || nj_ledger_add_retained(ledger, topic, record) || fail(l, NJ_ENOMEM);
}

static bool
tell_retained(struct load *l)
{
    const struct stream *s = &l->streams[NJ_TABLE_RETAINED];
    struct nj_ledger *ledger = &l->store->ledger;
    struct nj_msg *msg = make_message(l, NJ_TABLE_RETAINED, s->key, s->value);
    bool is_kept, is_fine;

    /* Of what is put aside, too: if it cannot be deleted, its number is not given again. */
    if (nj_key_is_number(s->key))
        ledger->retained_top = NJ_MAX(ledger->retained_top, nj_key_first(s->key));
    if (msg == NULL)
        return l->err == NJ_OK;
    is_fine =
        know_retained(l, msg, &is_kept) && (!is_kept || told(l, l->reader->retained(l->ctx, msg)));
    nj_msg_unref(msg);
    return is_fine;
}

static bool
pass_retained(struct load *l)
{
    const struct stream *s = &l->streams[NJ_TABLE_RETAINED];

    if (!begin(l, NJ_TABLE_RETAINED))
        return false;
    while (s->has) {
        if (!tell_retained(l) || !step(l, NJ_TABLE_RETAINED))
            return false;
    }
    stop(l, NJ_TABLE_RETAINED);
    return true;
}

/* Messages that nobody waits for: of damaged records, and expired ones. */
static bool
pass_messages(struct load *l)
{
    const struct stream *s = &l->streams[NJ_TABLE_MESSAGES];

    if (!begin(l, NJ_TABLE_MESSAGES))
        return false;
    while (s->has) {
        if (nj_numbers_find(&l->store->ledger.wanted, nj_number(nj_key_first(s->key))) == 0)
            nj_refuse_add(&l->refuse, NJ_TABLE_MESSAGES, s->key);
        if (!step(l, NJ_TABLE_MESSAGES))
            return false;
    }
    stop(l, NJ_TABLE_MESSAGES);
    return true;
}

/* The highest number with which a key of the table begins. */
static bool
find_last(struct load *l, enum nj_table table, uint64_t *highest)
{
    struct nj_cursor *cursor;
    struct nj_str key, value;
    enum nj_end end = nj_cursor_open(&cursor, l->snapshot, table);

    if (end != NJ_END_DONE)
        return fail_by(l, end);
    end = nj_cursor_last(cursor, &key, &value);
    if (end == NJ_END_DONE)
        *highest = NJ_MAX(*highest, nj_key_first(key));
    nj_cursor_close(cursor);
    return end == NJ_END_DONE || end == NJ_END_NONE || fail_by(l, end);
}

static bool
find_numbers(struct load *l, struct nj_store_numbers *numbers)
{
    *numbers = (struct nj_store_numbers){0};
    for (unsigned i = 0; i < NJ_COUNT_OF(joined); i++) {
        if (!find_last(l, joined[i], &numbers->session))
            return false;
    }
    return find_last(l, NJ_TABLE_MESSAGES, &numbers->message);
}

static bool
pass_all(struct load *l, struct nj_store_numbers *numbers)
{
    return find_numbers(l, numbers) && pass_sessions(l) && pass_orphans(l, NJ_TABLE_WILLS) &&
           pass_orphans(l, NJ_TABLE_RECEIVED) && pass_messages(l) && pass_retained(l);
}

static void
fini(struct load *l)
{
    for (unsigned i = 0; i < NJ_TABLE_COUNT; i++)
        stop(l, i);
    nj_snapshot_close(l->snapshot);
    forget_messages(l);
    nj_refuse_fini(&l->refuse);
    nj_free(l->identifiers);
    nj_free(l->releases);
}

enum nj_err
nj_store_load(struct nj_store *store, const struct nj_store_reader *reader, void *ctx,
              struct nj_store_numbers *numbers, struct nj_diag *diag)
{
    struct nj_store_numbers found;
    struct load l = {.store = store, .reader = reader, .ctx = ctx, .now = nj_clock_monotonic_ms()};
    int64_t wall_ms = nj_clock_wall_ms();
    enum nj_end end;
    bool is_done;

    l.offset_ms = wall_ms - l.now;
    l.ends_since = NJ_MIN(store->folder.ends_since_ms, wall_ms) - l.offset_ms;
    if (nj_refuse_init(&l.refuse, store->db, &store->folder) != NJ_OK)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory for the store.");
    end = nj_snapshot_open(&l.snapshot, store->db);
    is_done = end == NJ_END_DONE ? pass_all(&l, &found) : fail_by(&l, end);
    NJ_CRASH(LOADED);
    if (is_done)
        nj_refuse_delete(&l.refuse);
    nj_metric_add(&store->metrics, NJ_METRIC_STORE_QUARANTINED, (int64_t)l.refuse.quarantine.count);
    if (l.expired > 0)
        nj_log(NJ_LOG_INFO, "%llu messages of the store have expired meanwhile.",
               (unsigned long long)l.expired);
    fini(&l);
    if (!is_done)
        return nj_diag_fail(diag, l.err, "Error: Unable to load the store %s: %s.",
                            store->folder.path,
                            l.err == NJ_ENOMEM ? "no memory" : nj_db_fault(store->db));
    *numbers = found;
    return NJ_OK;
}
