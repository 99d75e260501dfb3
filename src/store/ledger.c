/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger.h"

#include "base/mem.h"
#include "store/crash.h"

#include <limits.h>

/* What a number was before it was changed. */
struct nj_undo {
    struct nj_numbers *numbers;
    struct nj_number_key key;
    uint64_t value;
};

void
nj_ledger_init(struct nj_ledger *ledger, struct nj_db *db, const struct nj_seal *seal)
{
    *ledger = (struct nj_ledger){.db = db, .seal = *seal, .retained = {.is_wide = true}};
}

void
nj_ledger_fini(struct nj_ledger *ledger)
{
    nj_numbers_fini(&ledger->sessions);
    nj_numbers_fini(&ledger->wanted);
    nj_numbers_fini(&ledger->retained);
    nj_free(ledger->undo);
    nj_free(ledger->ended);
    *ledger = (struct nj_ledger){0};
}

/* --- numbers that can be undone --- */

/* Room for one more. Not refused at memory_limit: it is the price of what was taken already. */
static bool
can_undo(struct nj_ledger *l)
{
    return nj_array_grow_uncapped((void **)&l->undo, &l->undo_capacity, l->undo_count,
                                  sizeof(struct nj_undo));
}

static enum nj_end
set(struct nj_ledger *l, struct nj_numbers *numbers, struct nj_number_key key, uint64_t value)
{
    struct nj_undo undo = {numbers, key, nj_numbers_find(numbers, key)};

    if (!can_undo(l) || !nj_numbers_set(numbers, key, value))
        return NJ_END_FULL;
    l->undo[l->undo_count++] = undo;
    return NJ_END_DONE;
}

static bool
is_there(const struct nj_ledger *l, uint64_t session)
{
    return nj_numbers_find(&l->sessions, nj_number(session)) != 0;
}

bool
nj_ledger_add_session(struct nj_ledger *ledger, uint64_t session)
{
    return nj_numbers_set(&ledger->sessions, nj_number(session), 1);
}

bool
nj_ledger_add_wanted(struct nj_ledger *ledger, uint64_t message)
{
    return nj_numbers_set(&ledger->wanted, nj_number(message),
                          nj_numbers_find(&ledger->wanted, nj_number(message)) + 1);
}

bool
nj_ledger_add_retained(struct nj_ledger *ledger, struct nj_number_key topic, uint64_t record)
{
    return nj_numbers_set(&ledger->retained, topic, record);
}

bool
nj_ledger_add_ended(struct nj_ledger *ledger, uint64_t session)
{
    if (!nj_array_grow_uncapped((void **)&ledger->ended, &ledger->ended_capacity,
                                ledger->ended_count, sizeof(uint64_t)))
        return false;
    ledger->ended[ledger->ended_count++] = session;
    ledger->ended_top = NJ_MAX(ledger->ended_top, session);
    return true;
}

/* --- transactions --- */

enum nj_end
nj_ledger_begin(struct nj_ledger *ledger)
{
    ledger->operations = 0;
    ledger->ended_before = ledger->ended_count;
    ledger->swept_before = ledger->swept;
    return nj_db_begin(ledger->db);
}

static void
undo_all(struct nj_ledger *l)
{
    while (l->undo_count > 0) {
        const struct nj_undo *u = &l->undo[--l->undo_count];

        (void)nj_numbers_set(u->numbers, u->key, u->value); /* needs no memory: it was there */
    }
    l->ended_count = l->ended_before;
    l->swept = l->swept_before;
}

enum nj_end
nj_ledger_commit(struct nj_ledger *ledger)
{
    enum nj_end end = nj_db_commit(ledger->db);

    if (end != NJ_END_DONE) {
        undo_all(ledger);
        return end;
    }
    ledger->undo_count = 0;
    nj_numbers_trim(&ledger->sessions);
    nj_numbers_trim(&ledger->wanted);
    nj_numbers_trim(&ledger->retained);
    if (ledger->swept == ledger->ended_count)
        ledger->swept = ledger->ended_count = 0;
    return NJ_END_DONE;
}

void
nj_ledger_abort(struct nj_ledger *ledger)
{
    nj_db_abort(ledger->db);
    undo_all(ledger);
}

/* --- tables --- */

static enum nj_end
put(struct nj_ledger *l, enum nj_table table, const struct nj_key *key, char *value, size_t n)
{
    l->operations++;
    nj_seal_put(&l->seal, table, key, value, n);
    return nj_db_put(l->db, table, key, (struct nj_str){value, n});
}

/* What is not there is none the less done. */
static enum nj_end
remove_one(struct nj_ledger *l, enum nj_table table, const struct nj_key *key)
{
    enum nj_end end = nj_db_remove(l->db, table, key);

    l->operations++;
    return end == NJ_END_NONE ? NJ_END_DONE : end;
}

static enum nj_end
put_number(struct nj_ledger *l, enum nj_table table, const struct nj_key *key, uint64_t number)
{
    char value[NJ_RECORD_NUMBER_SIZE];
    struct nj_writer w = nj_writer_of(value, sizeof(value));

    nj_record_number_write(&w, number);
    return put(l, table, key, value, sizeof(value));
}

/* 0: it is not there, or makes no sense. */
static uint64_t
get_number(struct nj_ledger *l, enum nj_table table, const struct nj_key *key, enum nj_end *end)
{
    struct nj_str value;
    uint64_t number;

    l->operations++;
    *end = nj_db_get(l->db, table, key, &value);
    if (*end == NJ_END_DONE && (!nj_seal_check(&l->seal, table, nj_key_str(key), &value) ||
                                !nj_record_number_read(value, &number)))
        return 0;
    return *end == NJ_END_DONE ? number : 0;
}

/* --- messages --- */

/* One more wants it: the first one brings it. */
static enum nj_end
want(struct nj_ledger *l, struct nj_body *body)
{
    uint64_t count = nj_numbers_find(&l->wanted, nj_number(body->message));

    if (count == 0) {
        struct nj_key key = nj_key_number(body->message);
        enum nj_end end = put(l, NJ_TABLE_MESSAGES, &key, body->bytes, body->n);

        if (end != NJ_END_DONE)
            return end;
    }
    return set(l, &l->wanted, nj_number(body->message), count + 1);
}

static enum nj_end
unwant(struct nj_ledger *l, uint64_t message)
{
    uint64_t count = nj_numbers_find(&l->wanted, nj_number(message));
    struct nj_key key;
    enum nj_end end;

    if (count == 0)
        return NJ_END_DONE;
    if (count > 1)
        return set(l, &l->wanted, nj_number(message), count - 1);
    key = nj_key_number(message);
    end = remove_one(l, NJ_TABLE_MESSAGES, &key);
    return end == NJ_END_DONE ? set(l, &l->wanted, nj_number(message), 0) : end;
}

/* --- changes --- */

static enum nj_end
apply_session(struct nj_ledger *l, struct nj_entry *e)
{
    struct nj_key key = nj_key_number(e->session);
    enum nj_end end = NJ_END_DONE;

    /* A number that comes back: what its last life left is not this one's. */
    if (!is_there(l, e->session) && e->session <= l->ended_top)
        end = nj_ledger_sweep(l, UINT_MAX);
    if (end == NJ_END_DONE)
        end = put(l, NJ_TABLE_SESSIONS, &key, e->value, e->value_n);
    return end == NJ_END_DONE ? set(l, &l->sessions, nj_number(e->session), 1) : end;
}

/* What was taken from the client, of this session or of one that is not stored: with it ends the
 * right to be routed. */
static enum nj_end
end_received(struct nj_ledger *l, uint64_t session)
{
    struct nj_key from = nj_key_packet(session, 0);

    for (;;) {
        struct nj_str found, value;
        enum nj_end end = nj_db_seek(l->db, NJ_TABLE_RECEIVED, &from, &found, &value);
        struct nj_key key;
        uint64_t message;

        l->operations++;
        if (end == NJ_END_NONE || (end == NJ_END_DONE && nj_key_first(found) != session))
            return NJ_END_DONE;
        if (end != NJ_END_DONE)
            return end;
        key = nj_key_packet(session, nj_key_packet_id(found));
        message = get_number(l, NJ_TABLE_RECEIVED, &key, &end);
        if (end == NJ_END_DONE)
            end = remove_one(l, NJ_TABLE_RECEIVED, &key);
        if (end == NJ_END_DONE)
            end = unwant(l, message);
        if (end != NJ_END_DONE)
            return end;
    }
}

static enum nj_end
apply_session_end(struct nj_ledger *l, const struct nj_entry *e)
{
    struct nj_key key = nj_key_number(e->session);
    enum nj_end end = end_received(l, e->session);

    if (end == NJ_END_DONE)
        end = remove_one(l, NJ_TABLE_WILLS, &key);
    if (end != NJ_END_DONE || !is_there(l, e->session))
        return end;
    end = remove_one(l, NJ_TABLE_SESSIONS, &key);
    if (end == NJ_END_DONE)
        end = set(l, &l->sessions, nj_number(e->session), 0);
    if (end == NJ_END_DONE && !nj_ledger_add_ended(l, e->session))
        end = NJ_END_FULL;
    return end;
}

static enum nj_end
apply_will(struct nj_ledger *l, struct nj_entry *e)
{
    struct nj_key key = nj_key_number(e->session);

    if (e->value_n == 0)
        return remove_one(l, NJ_TABLE_WILLS, &key);
    return put(l, NJ_TABLE_WILLS, &key, e->value, e->value_n);
}

static enum nj_end
apply_subscribed(struct nj_ledger *l, struct nj_entry *e)
{
    struct nj_str value = {e->value, e->value_n - NJ_SUM_BYTES}, filter;
    struct nj_sub_opts opts;
    struct nj_key key;

    if (!is_there(l, e->session) || !nj_record_subscription_read(value, &filter, &opts))
        return NJ_END_DONE;
    key = nj_key_filter(&l->seal, e->session, filter);
    return put(l, NJ_TABLE_SUBSCRIPTIONS, &key, e->value, e->value_n);
}

static enum nj_end
apply_unsubscribed(struct nj_ledger *l, const struct nj_entry *e)
{
    struct nj_key key = nj_key_filter(&l->seal, e->session, (struct nj_str){e->value, e->value_n});

    return remove_one(l, NJ_TABLE_SUBSCRIPTIONS, &key);
}

static enum nj_end
apply_taken(struct nj_ledger *l, struct nj_entry *e)
{
    struct nj_key key = nj_key_packet(e->session, e->packet_id);
    enum nj_end end;
    uint64_t before = get_number(l, NJ_TABLE_RECEIVED, &key, &end);

    if (end != NJ_END_DONE && end != NJ_END_NONE)
        return end;
    end = unwant(l, before);
    if (end == NJ_END_DONE)
        end = want(l, e->body);
    return end == NJ_END_DONE ? put(l, NJ_TABLE_RECEIVED, &key, e->value, e->value_n) : end;
}

/* The message is not wanted for the sake of its identifier any more. What was routed leaves the
 * identifier, until PUBREL; of a session that is not stored nothing is left to remember. */
static enum nj_end
apply_let_go(struct nj_ledger *l, const struct nj_entry *e, bool awaits_pubrel)
{
    struct nj_key key = nj_key_packet(e->session, e->packet_id);
    enum nj_end end;
    uint64_t message = get_number(l, NJ_TABLE_RECEIVED, &key, &end);

    if (end != NJ_END_DONE)
        return end == NJ_END_NONE ? NJ_END_DONE : end;
    end = unwant(l, message);
    if (end != NJ_END_DONE)
        return end;
    return awaits_pubrel && is_there(l, e->session) ? put_number(l, NJ_TABLE_RECEIVED, &key, 0)
                                                    : remove_one(l, NJ_TABLE_RECEIVED, &key);
}

/* Twice for the same session, where that is allowed: one record, with the higher QoS. */
static enum nj_end
apply_queued(struct nj_ledger *l, struct nj_entry *e)
{
    struct nj_key key = nj_key_pair(e->session, e->message);
    struct nj_str old;
    struct nj_queued before;
    enum nj_end end;

    if (!is_there(l, e->session))
        return NJ_END_DONE;
    l->operations++;
    nj_seal_put(&l->seal, NJ_TABLE_QUEUE, &key, e->value, e->value_n);
    end = nj_db_add(l->db, NJ_TABLE_QUEUE, &key, (struct nj_str){e->value, e->value_n}, &old);
    if (end == NJ_END_DONE)
        return want(l, e->body);
    if (end != NJ_END_THERE)
        return end;
    if (nj_seal_check(&l->seal, NJ_TABLE_QUEUE, nj_key_str(&key), &old) &&
        nj_record_queued_read(old, &before) && before.qos >= e->qos)
        return NJ_END_DONE;
    return put(l, NJ_TABLE_QUEUE, &key, e->value, e->value_n);
}

#define SMALL_BYTES 512u

static enum nj_end
apply_sending(struct nj_ledger *l, const struct nj_entry *e)
{
    struct nj_key key = nj_key_pair(e->session, e->message);
    struct nj_str value;
    enum nj_end end = nj_db_get(l->db, NJ_TABLE_QUEUE, &key, &value);
    char small[SMALL_BYTES], *copy = small;
    struct nj_str checked = value;

    l->operations++;
    if (end != NJ_END_DONE)
        return end == NJ_END_NONE ? NJ_END_DONE : end;
    if (!nj_seal_check(&l->seal, NJ_TABLE_QUEUE, nj_key_str(&key), &checked))
        return NJ_END_DONE; /* not to be sealed as if it were good; the next load puts it aside */
    if (value.n > sizeof(small) && (copy = nj_alloc_uncapped(value.n)) == NULL)
        return NJ_END_FULL;
    memcpy(copy, value.p, value.n);
    nj_record_queued_send(copy, e->packet_id);
    end = put(l, NJ_TABLE_QUEUE, &key, copy, value.n);
    if (copy != small)
        nj_free(copy);
    return end;
}

/* It does not wait any more. */
static enum nj_end
unqueue(struct nj_ledger *l, uint64_t session, uint64_t message)
{
    struct nj_key key = nj_key_pair(session, message);
    enum nj_end end = nj_db_remove(l->db, NJ_TABLE_QUEUE, &key);

    l->operations++;
    if (end != NJ_END_DONE)
        return end == NJ_END_NONE ? NJ_END_DONE : end;
    return unwant(l, message);
}

static enum nj_end
apply_received(struct nj_ledger *l, const struct nj_entry *e)
{
    struct nj_key key = nj_key_packet(e->session, e->packet_id);
    enum nj_end end = unqueue(l, e->session, e->message);

    if (end != NJ_END_DONE || !is_there(l, e->session))
        return end;
    return put_number(l, NJ_TABLE_RELEASED, &key, e->message);
}

struct nj_key
nj_ledger_retained_key(struct nj_number_key topic, uint64_t record)
{
    return record == NJ_LEDGER_BY_HASH ? nj_key_topic(topic) : nj_key_number(record);
}

static enum nj_end
remove_retained(struct nj_ledger *l, struct nj_number_key topic)
{
    uint64_t record = nj_numbers_find(&l->retained, topic);
    struct nj_key key;

    if (record == 0)
        return NJ_END_DONE;
    key = nj_ledger_retained_key(topic, record);
    return remove_one(l, NJ_TABLE_RETAINED, &key);
}

/* At the end of the table, wherever the one before lies: one page takes many that are set one after
 * the other. */
static enum nj_end
apply_retained(struct nj_ledger *l, struct nj_entry *e)
{
    struct nj_msg_parts parts = {.topic = {e->value, e->value_n}};
    uint64_t record = 0;
    struct nj_number_key topic;
    enum nj_end end;

    if (e->body != NULL &&
        !nj_record_message_read((struct nj_str){e->body->bytes, e->body->n - NJ_SUM_BYTES}, 0,
                                &parts))
        return NJ_END_DONE;
    topic = nj_hash_topic(&l->seal, parts.topic);
    end = remove_retained(l, topic);
    if (end == NJ_END_DONE && e->body != NULL) {
        struct nj_key key = nj_key_number(record = ++l->retained_top);

        end = put(l, NJ_TABLE_RETAINED, &key, e->body->bytes, e->body->n);
    }
    return end == NJ_END_DONE ? set(l, &l->retained, topic, record) : end;
}

enum nj_end
nj_ledger_apply(struct nj_ledger *ledger, struct nj_entry *entry)
{
    struct nj_key key;

    switch ((enum nj_change_kind)entry->kind) {
    case NJ_CHANGE_SESSION:
        return apply_session(ledger, entry);
    case NJ_CHANGE_SESSION_END:
        return apply_session_end(ledger, entry);
    case NJ_CHANGE_WILL:
        return apply_will(ledger, entry);
    case NJ_CHANGE_SUBSCRIBED:
        return apply_subscribed(ledger, entry);
    case NJ_CHANGE_UNSUBSCRIBED:
        return apply_unsubscribed(ledger, entry);
    case NJ_CHANGE_TAKEN:
        return apply_taken(ledger, entry);
    case NJ_CHANGE_ROUTED:
        return apply_let_go(ledger, entry, true);
    case NJ_CHANGE_RELEASED:
        return apply_let_go(ledger, entry, false);
    case NJ_CHANGE_QUEUED:
        return apply_queued(ledger, entry);
    case NJ_CHANGE_SENDING:
        return apply_sending(ledger, entry);
    case NJ_CHANGE_RECEIVED:
        return apply_received(ledger, entry);
    case NJ_CHANGE_COMPLETED:
        key = nj_key_packet(entry->session, entry->packet_id);
        return remove_one(ledger, NJ_TABLE_RELEASED, &key);
    case NJ_CHANGE_DELIVERED:
        return unqueue(ledger, entry->session, entry->message);
    case NJ_CHANGE_RETAINED:
        return apply_retained(ledger, entry);
    }
    return NJ_END_DONE;
}

/* --- what ended sessions had --- */

bool
nj_ledger_has_to_sweep(const struct nj_ledger *ledger)
{
    return ledger->swept < ledger->ended_count;
}

/* NJ_END_NONE: nothing of it is left in this table. */
static enum nj_end
sweep_one(struct nj_ledger *l, enum nj_table table, uint64_t session)
{
    struct nj_key from = nj_key_number(session), key;
    struct nj_str found, value;
    enum nj_end end = nj_db_seek(l->db, table, &from, &found, &value);

    if (end != NJ_END_DONE)
        return end;
    if (nj_key_first(found) != session)
        return NJ_END_NONE;
    if (found.n > sizeof(key.bytes))
        return NJ_END_FAILED;
    key.n = (uint8_t)found.n;
    memcpy(key.bytes, found.p, found.n);
    end = remove_one(l, table, &key);
    if (end != NJ_END_DONE || table != NJ_TABLE_QUEUE)
        return end;
    return unwant(l, nj_key_second(nj_key_str(&key)));
}

enum nj_end
nj_ledger_sweep(struct nj_ledger *ledger, unsigned most)
{
    static const enum nj_table tables[] = {NJ_TABLE_SUBSCRIPTIONS, NJ_TABLE_QUEUE,
                                           NJ_TABLE_RELEASED};
    unsigned i = 0;

    while (ledger->swept < ledger->ended_count && most > 0) {
        enum nj_end end = sweep_one(ledger, tables[i], ledger->ended[ledger->swept]);

        most--;
        if (end == NJ_END_NONE && ++i == NJ_COUNT_OF(tables)) {
            i = 0;
            ledger->swept++;
        } else if (end != NJ_END_NONE && end != NJ_END_DONE) {
            return end;
        }
        NJ_CRASH(SWEEPING);
    }
    return NJ_END_DONE;
}
