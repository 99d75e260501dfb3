/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/home.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "broker/delivery.h"
#include "broker/session.h"

#define NO_SLOT        UINT32_MAX
#define FIRST_SESSIONS 64
/* Where sending stopped for want of memory, it is tried again this often. */
#define STARVED_MS 100

enum nj_err
nj_home_new(struct nj_home **out, uint16_t id, const struct nj_home_deps *deps)
{
    struct nj_home *home = nj_zalloc(sizeof(*home));

    if (home == NULL)
        return NJ_ENOMEM;
    home->broker = deps->broker;
    home->opts = deps->opts;
    home->id = id;
    home->ops = deps->ops;
    home->ctx = deps->ctx;
    home->store = deps->store;
    home->metrics = deps->metrics;
    home->free_slot = NO_SLOT;
    home->table_size = FIRST_SESSIONS;
    nj_list_init(&home->work);
    nj_list_init(&home->starved);
    home->table = nj_zalloc(FIRST_SESSIONS * sizeof(struct nj_session *));
    home->bundles = nj_zalloc(deps->broker->home_count * sizeof(struct nj_bundle *));
    if (home->table == NULL || home->bundles == NULL) {
        nj_home_free(home);
        return NJ_ENOMEM;
    }
    deps->broker->homes[id] = home;
    *out = home;
    return NJ_OK;
}

void
nj_home_free(struct nj_home *home)
{
    if (home == NULL)
        return;
    for (uint32_t i = 0; i < home->slot_count; i++) {
        struct nj_session *s = home->slots[i].session;

        if (s == NULL)
            continue;
        nj_msg_unref(s->will);
        s->will = NULL;
        nj_session_end(s);
    }
    for (uint16_t i = 0; home->bundles != NULL && i < home->broker->home_count; i++)
        nj_bundle_free(home->bundles[i]);
    nj_free(home->bundles);
    nj_free(home->picks);
    nj_bundle_free(home->spare);
    nj_promises_fini(&home->promises);
    nj_router_fini(&home->router);
    nj_heap_fini(&home->deadlines);
    nj_free(home->slots);
    nj_free(home->table);
    nj_free(home);
}

/* ---- the turn ---- */

void
nj_home_begin(struct nj_home *home, nj_time now)
{
    struct nj_deadline *d;
    nj_handle late;

    home->now = now;
    while ((d = nj_heap_take_due(&home->deadlines, now)) != NULL)
        nj_session_on_deadline(nj_container_of(d, struct nj_session, deadline));
    while (nj_crowd_take_late(&home->crowd, now, &late))
        nj_session_be_late(nj_home_session(home, late));
}

nj_time
nj_home_next(const struct nj_home *home)
{
    nj_time next = NJ_MIN(nj_heap_next(&home->deadlines), nj_crowd_next(&home->crowd));

    return nj_list_is_empty(&home->starved) ? next : NJ_MIN(next, home->now + STARVED_MS);
}

void
nj_home_take(struct nj_home *home, struct nj_bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->item_count; i++) {
        struct nj_bundle_item *item = &bundle->items[i];

        for (uint32_t t = 0; t < item->target_count; t++) {
            const struct nj_bundle_target *target = &bundle->targets[item->first_target + t];

            nj_deliver_here(home, &item->publication, target,
                            bundle->numbers + target->first_number, item->target_count > 1);
        }
    }
    nj_crowd_took(home->broker, bundle);
    if (home->spare == NULL) {
        nj_bundle_clear(bundle);
        home->spare = bundle;
    } else {
        nj_bundle_free(bundle);
    }
}

void
nj_home_work(struct nj_home *home, unsigned budget)
{
    struct nj_list todo;
    struct nj_list *node;

    nj_list_init(&todo);
    nj_list_move_all(&todo, &home->work);
    nj_list_move_all(&todo, &home->starved);
    while ((node = nj_list_pop(&todo)) != NULL) {
        struct nj_session *s = nj_container_of(node, struct nj_session, work);

        if (s->is_starved) {
            s->is_starved = false;
            nj_session_resume(s);
        }
        if (nj_retained_continue(s, &budget))
            nj_home_work_on(s);
    }
}

bool
nj_home_has_work(const struct nj_home *home)
{
    return !nj_list_is_empty(&home->work);
}

void
nj_home_work_on(struct nj_session *s)
{
    if (nj_list_is_empty(&s->work))
        nj_list_push(&s->home->work, &s->work);
}

void
nj_home_starve(struct nj_session *s)
{
    s->is_starved = true;
    if (nj_list_is_empty(&s->work))
        nj_list_push(&s->home->starved, &s->work);
}

void
nj_home_committed(struct nj_home *home, uint64_t number)
{
    struct nj_promise p;

    NJ_ASSERT(number <= home->appended);
    home->committed = number;
    while (nj_promises_take(&home->promises, number, &p))
        nj_session_keep(home, &p);
}

void
nj_home_store_failed(struct nj_home *home)
{
    struct nj_promise p;

    while (nj_promises_take(&home->promises, UINT64_MAX, &p))
        nj_session_break(home, &p);
}

bool
nj_home_has_mail(const struct nj_home *home)
{
    return home->has_mail;
}

void
nj_home_post(struct nj_home *home)
{
    if (!home->has_mail)
        return;
    home->has_mail = false;
    for (uint16_t i = 0; i < home->broker->home_count; i++) {
        struct nj_bundle *bundle = home->bundles[i];

        if (bundle == NULL)
            continue;
        home->bundles[i] = NULL;
        home->ops->post(home->ctx, i, bundle);
    }
}

void
nj_home_publish_wills(struct nj_home *home)
{
    for (uint32_t i = 0; i < home->slot_count; i++) {
        struct nj_session *s = home->slots[i].session;

        if (s != NULL && !(nj_session_delays_will(s) && home->store->ops->outlives_process))
            nj_session_publish_will(s);
    }
}

uint64_t
nj_home_append(struct nj_home *home, const struct nj_change *change)
{
    home->appended = home->store->ops->append(home->store, change);
    return home->appended;
}

void
nj_home_dropped(struct nj_home *home, enum nj_cause cause, struct nj_session *session,
                struct nj_str topic)
{
    nj_metric_add(home->metrics, NJ_METRIC_PUBLISH_DROPPED, 1);
    nj_metric_add_cause(home->metrics, cause);
    home->ops->dropped(home->ctx, cause, session, topic);
}

uint64_t
nj_home_number(struct nj_home *home)
{
    return ++home->next_number * NJ_SHARDS + home->id;
}

void
nj_home_stamp(struct nj_home *home, struct nj_publication *pub, uint64_t expiry_s)
{
    pub->number = nj_home_number(home);
    pub->arrived = home->now;
    pub->expires =
        expiry_s == NJ_NO_EXPIRY ? NJ_NEVER : nj_time_after_s(home->now, (uint32_t)expiry_s);
}

/* ---- the table of sessions ---- */

static struct nj_session **
bucket_of(struct nj_home *home, uint64_t hash)
{
    return &home->table[hash & (home->table_size - 1)];
}

static struct nj_session *
find(struct nj_home *home, struct nj_str client_id, uint64_t hash)
{
    struct nj_session *s = *bucket_of(home, hash);

    while (s != NULL && (s->hash != hash || !nj_str_eq(nj_session_client_id(s), client_id)))
        s = s->next_in_table;
    return s;
}

/* Twice as many buckets. Without memory the chains grow longer, that is all. */
static void
grow_table(struct nj_home *home)
{
    struct nj_session **old = home->table;
    size_t old_size = home->table_size;
    struct nj_session **table = nj_zalloc(old_size * 2 * sizeof(struct nj_session *));

    if (table == NULL)
        return;
    home->table = table;
    home->table_size = old_size * 2;
    for (size_t i = 0; i < old_size; i++) {
        struct nj_session *s = old[i], *next;

        for (; s != NULL; s = next) {
            struct nj_session **bucket = bucket_of(home, s->hash);

            next = s->next_in_table;
            s->next_in_table = *bucket;
            *bucket = s;
        }
    }
    nj_free(old);
}

static bool
take_slot(struct nj_home *home, struct nj_session *s)
{
    uint32_t slot = home->free_slot;

    if (slot == NO_SLOT) {
        if (home->slot_count == home->slot_capacity) {
            uint32_t capacity = home->slot_capacity > 0 ? home->slot_capacity * 2 : 64;
            struct nj_slot *slots = nj_realloc(home->slots, capacity * sizeof(*slots));

            if (slots == NULL)
                return false;
            home->slots = slots;
            home->slot_capacity = capacity;
        }
        slot = home->slot_count++;
        home->slots[slot].generation = 0;
    } else {
        home->free_slot = home->slots[slot].next_free;
    }
    home->slots[slot].session = s;
    s->subscriber.handle = (nj_handle){slot, home->slots[slot].generation};
    return true;
}

struct nj_session *
nj_home_session(struct nj_home *home, nj_handle handle)
{
    const struct nj_slot *slot = &home->slots[handle.slot];

    return slot->generation == handle.generation ? slot->session : NULL;
}

void
nj_home_remove(struct nj_home *home, struct nj_session *s)
{
    struct nj_slot *slot = &home->slots[s->subscriber.handle.slot];
    struct nj_session **link = bucket_of(home, s->hash);

    while (*link != s)
        link = &(*link)->next_in_table;
    *link = s->next_in_table;
    slot->session = NULL;
    slot->generation++;
    slot->next_free = home->free_slot;
    home->free_slot = s->subscriber.handle.slot;
    home->session_count--;
    atomic_fetch_sub_explicit(&home->broker->session_count, 1, memory_order_relaxed);
    nj_metric_add(home->metrics, NJ_METRIC_SESSIONS, -1);
}

/* ---- opening ---- */

/* Under a key that all know, since it outlives the process with a retained message. Whoever takes
 * an identifier that stands for the same as another's hides his own messages from that one, no
 * more. */
static uint64_t
source_of(struct nj_str client_id)
{
    static const uint64_t known[2] = {0x6e696768746a6172, 0x7075626c69736865};

    return nj_hash_keyed(known, client_id);
}

static struct nj_session *
new_session(struct nj_home *home, struct nj_str client_id, uint64_t hash, uint64_t number)
{
    struct nj_session *s = nj_zalloc(sizeof(*s) + client_id.n);
    struct nj_session **bucket;

    if (s == NULL)
        return NULL;
    s->home = home;
    s->hash = hash;
    s->source = source_of(client_id);
    s->subscriber.home = home->id;
    s->subscriber.number = number;
    s->will_due = s->expires_at = NJ_NEVER;
    nj_list_init(&s->work);
    s->client_id_n = (uint16_t)client_id.n;
    memcpy(s->client_id, client_id.p, client_id.n);
    if (!nj_heap_reserve(&home->deadlines, home->session_count + 1) || !take_slot(home, s)) {
        nj_free(s);
        return NULL;
    }
    if (home->session_count > home->table_size)
        grow_table(home);
    bucket = bucket_of(home, hash);
    s->next_in_table = *bucket;
    *bucket = s;
    home->session_count++;
    atomic_fetch_add_explicit(&home->broker->session_count, 1, memory_order_relaxed);
    nj_metric_add(home->metrics, NJ_METRIC_SESSIONS, 1);
    return s;
}

struct nj_session *
nj_home_restore(struct nj_home *home, struct nj_str client_id, uint64_t number)
{
    return new_session(home, client_id, nj_hash(client_id), number);
}

/* Relaxed: that it is another one each time is all that counts. */
static uint64_t
next_number(struct nj_broker *broker)
{
    return atomic_fetch_add_explicit(&broker->session_number, 1, memory_order_relaxed) + 1;
}

/* Relaxed: workers that open sessions at the same instant may pass the limit by one each. */
static bool
is_room_for_session(const struct nj_home *home)
{
    uint32_t limit = home->opts->global_max_clients;

    return limit == UINT32_MAX ||
           atomic_load_explicit(&home->broker->session_count, memory_order_relaxed) < limit;
}

/* While the store is full it may not get any further before what waits in sessions is fetched: for
 * one that was there it is enough that it is, and will be. That of one that expires depends on from
 * when on a start counts its interval: not from the end of the connection before. */
static bool
may_answer_early(const struct nj_session *s)
{
    struct nj_store_port *store = s->home->store;

    return s->told <= s->home->committed &&
           (nj_session_expiry_s(s) == NJ_SESSION_FOR_EVER || store->ops->doubts_ends(store));
}

/* The CONNACK is promised, and when there will be room to keep that, nobody knows. */
static void
answer_while_full(struct nj_session *s, const struct nj_answer *connack)
{
    if (connack->session_present && may_answer_early(s)) {
        nj_session_answer_early(s, connack);
        return;
    }
    nj_metric_add(s->home->metrics, NJ_METRIC_STORE_WAITS, 1);
    s->home->ops->waits(s->home->ctx, s);
}

enum nj_cause
nj_home_connect(struct nj_home *home, const struct nj_opening *o, struct nj_link *link,
                struct nj_session **out)
{
    struct nj_answer connack = {.type = NJ_CONNACK};
    uint64_t hash = nj_hash(o->client_id), number;
    struct nj_session *s = find(home, o->client_id, hash);
    struct nj_msg *will = NULL;

    if (s != NULL && s->link != NULL) { /* its DISCONNECT may be there, and not read yet */
        s->link->ops->hear_out(s->link);
        s = find(home, o->client_id, hash);
    }
    if (s == NULL && !is_room_for_session(home))
        return NJ_CAUSE_GLOBAL_MAX_CLIENTS;
    if (s == NULL && o->session_expiry_s > 0 && nj_mem_is_scarce())
        return NJ_CAUSE_OUT_OF_MEMORY;
    if (o->will != NULL) {
        will = nj_msg_new(o->will);
        if (will == NULL)
            return NJ_CAUSE_OUT_OF_MEMORY;
    }
    if (s != NULL && o->clean_start)
        s->expiry_s = 0; /* it ends, connected or not, and its will is due */
    if (s != NULL && s->link != NULL)
        nj_session_lose_link(s, NJ_CAUSE_TAKEN_OVER);
    else if (s != NULL && o->clean_start)
        nj_session_end(s);

    s = find(home, o->client_id, hash);
    connack.session_present = s != NULL;
    if (s == NULL)
        s = new_session(home, o->client_id, hash, next_number(home->broker));
    if (s == NULL) {
        nj_msg_unref(will);
        return NJ_CAUSE_OUT_OF_MEMORY;
    }
    s->expiry_s = o->session_expiry_s;
    s->is_bridge = o->is_bridge;
    nj_session_attach(s, link);
    s->will = will;
    s->will_delay_s = o->will_delay_s;
    s->will_expiry_s = o->will_expiry_s;
    *out = s;

    nj_session_store_will(s);
    if (nj_session_is_durable(s) || s->is_stored)
        number = nj_session_store(s, NJ_NEVER);
    else
        number = home->ended; /* if the one before is among them, that, too, is to be safe */
    nj_session_answer(s, &connack, number);
    /* Where nothing is promised, there was no memory to promise it, and the link is gone. */
    if (!s->is_open && s->promised > 0 && home->store->ops->is_full(home->store, 0))
        answer_while_full(s, &connack);
    return NJ_CAUSE_NONE;
}
