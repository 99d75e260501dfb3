/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include "base/assert.h"
#include "base/mem.h"
#include "mqtt/msg.h"

/* ---- lists of records ---- */

static void
add(struct nj_disk_list *list, struct nj_disk_record *r)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity > 0 ? list->capacity * 2 : 64;
        list->records = nj_realloc(list->records, list->capacity * sizeof(struct nj_disk_record *));
        NJ_ASSERT(list->records != NULL);
    }
    list->records[list->count++] = r;
}

static void
free_record(struct nj_disk_record *r)
{
    nj_msg_unref(r->msg);
    nj_free(r->identifiers);
    nj_free(r->bytes);
    nj_free(r);
}

static void
forget(struct nj_disk_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free_record(list->records[i]);
    list->count = 0;
}

static void
fini_list(struct nj_disk_list *list)
{
    forget(list);
    nj_free(list->records);
    *list = (struct nj_disk_list){0};
}

/* ---- copies ---- */

static struct nj_str
copy_to(char **at, struct nj_str s)
{
    struct nj_str copy = {*at, s.n};

    if (s.n > 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

static void
copy_publication(struct nj_disk_record *r, const struct nj_publication *p)
{
    struct nj_publication copy = *p;

    copy.msg = NULL; /* its message is another one, and ours from here on */
    r->msg = nj_publication_msg(&copy);
    NJ_ASSERT(r->msg != NULL);
}

static void
copy_terms(struct nj_disk_record *r, const struct nj_terms *terms)
{
    r->terms = *terms;
    if (terms->identifier_count > 0) {
        r->identifiers = nj_alloc_array(terms->identifier_count, sizeof(*r->identifiers));
        NJ_ASSERT(r->identifiers != NULL);
        memcpy(r->identifiers, terms->identifiers,
               terms->identifier_count * sizeof(*r->identifiers));
    }
    r->terms.identifiers = r->identifiers;
    r->change.terms = &r->terms;
}

static void
copy_will(struct nj_disk_record *r, const struct nj_will *will)
{
    char *at = r->bytes = nj_zalloc(will->topic.n + will->properties.n + will->payload.n + 1);

    NJ_ASSERT(at != NULL);
    r->will = *will;
    r->will.topic = copy_to(&at, will->topic);
    r->will.properties = copy_to(&at, will->properties);
    r->will.payload = copy_to(&at, will->payload);
    r->change.will = &r->will;
}

static struct nj_disk_record *
copy(const struct nj_change *c)
{
    struct nj_disk_record *r = nj_zalloc(sizeof(*r));

    NJ_ASSERT(r != NULL);
    r->change = *c;
    switch (c->kind) {
    case NJ_CHANGE_SESSION:
        r->state = *c->state;
        r->bytes = nj_str_dup(c->state->client_id);
        r->state.client_id.p = r->bytes;
        break;
    case NJ_CHANGE_WILL:
        if (c->will != NULL)
            copy_will(r, c->will);
        break;
    case NJ_CHANGE_SUBSCRIBED:
        r->subscription = *c->subscription;
        NJ_FALLTHROUGH;
    case NJ_CHANGE_UNSUBSCRIBED:
        r->bytes = nj_str_dup(c->filter);
        r->change.filter.p = r->bytes;
        break;
    case NJ_CHANGE_QUEUED:
        copy_terms(r, c->terms);
        NJ_FALLTHROUGH;
    case NJ_CHANGE_TAKEN:
    case NJ_CHANGE_RETAINED:
        copy_publication(r, c->publication);
        break;
    case NJ_CHANGE_SESSION_END:
    case NJ_CHANGE_ROUTED:
    case NJ_CHANGE_RELEASED:
    case NJ_CHANGE_SENDING:
    case NJ_CHANGE_RECEIVED:
    case NJ_CHANGE_COMPLETED:
    case NJ_CHANGE_DELIVERED:
        break;
    }
    return r;
}

/* ---- the image ---- */

static bool
is_same_kind(const struct nj_change *a, const struct nj_change *b)
{
    return a->kind == b->kind && a->session == b->session;
}

/* What `c` says makes void what `before` has said. */
static bool
is_struck_out(const struct nj_disk_record *before, const struct nj_disk_record *r)
{
    const struct nj_change *b = &before->change, *c = &r->change;

    if (b->kind != NJ_CHANGE_RETAINED && b->session != c->session)
        return false;
    switch (c->kind) {
    case NJ_CHANGE_SESSION_END:
        return b->kind != NJ_CHANGE_RETAINED;
    case NJ_CHANGE_SESSION:
    case NJ_CHANGE_WILL:
        return b->kind == c->kind;
    case NJ_CHANGE_SUBSCRIBED:
    case NJ_CHANGE_UNSUBSCRIBED:
        return b->kind == NJ_CHANGE_SUBSCRIBED && nj_str_eq(b->filter, c->filter);
    case NJ_CHANGE_TAKEN:
    case NJ_CHANGE_ROUTED:
    case NJ_CHANGE_RELEASED:
        return (b->kind == NJ_CHANGE_TAKEN || b->kind == NJ_CHANGE_ROUTED) &&
               b->packet_id == c->packet_id;
    case NJ_CHANGE_RECEIVED:
    case NJ_CHANGE_DELIVERED:
        return b->kind == NJ_CHANGE_QUEUED && b->message == c->message;
    case NJ_CHANGE_COMPLETED:
        return b->kind == NJ_CHANGE_RECEIVED && b->packet_id == c->packet_id;
    case NJ_CHANGE_RETAINED:
        return b->kind == NJ_CHANGE_RETAINED &&
               nj_str_eq(nj_msg_topic(before->msg), nj_msg_topic(r->msg));
    case NJ_CHANGE_QUEUED:
    case NJ_CHANGE_SENDING:
        return false;
    }
    return false;
}

static bool
has_session(const struct nj_disk *d, uint64_t session)
{
    const struct nj_change wanted = {.kind = NJ_CHANGE_SESSION, .session = session};

    for (size_t i = 0; i < d->image.count; i++)
        if (is_same_kind(&d->image.records[i]->change, &wanted))
            return true;
    return false;
}

static struct nj_disk_record *
find_queued(const struct nj_disk_list *list, const struct nj_change *c)
{
    for (size_t i = 0; i < list->count; i++) {
        struct nj_disk_record *r = list->records[i];

        if (r->change.kind == NJ_CHANGE_QUEUED && r->change.session == c->session &&
            r->change.message == c->message && !r->is_void)
            return r;
    }
    return NULL;
}

/* Whether it says something that lasts. */
static bool
is_kept(const struct nj_disk *d, const struct nj_disk_record *r, bool has_struck_out)
{
    const struct nj_change *c = &r->change;

    switch (c->kind) {
    case NJ_CHANGE_SESSION:
    case NJ_CHANGE_TAKEN:
        return true;
    case NJ_CHANGE_WILL:
        return c->will != NULL;
    case NJ_CHANGE_ROUTED: /* of a session that is not there nobody asks again */
        return has_struck_out && has_session(d, c->session);
    case NJ_CHANGE_SUBSCRIBED:
    case NJ_CHANGE_RECEIVED:
        return has_session(d, c->session);
    case NJ_CHANGE_QUEUED: /* routed again, it is there already */
        return has_session(d, c->session) && find_queued(&d->image, c) == NULL;
    case NJ_CHANGE_RETAINED:
        return nj_msg_payload(r->msg).n > 0;
    case NJ_CHANGE_SESSION_END:
    case NJ_CHANGE_UNSUBSCRIBED:
    case NJ_CHANGE_RELEASED:
    case NJ_CHANGE_SENDING:
    case NJ_CHANGE_COMPLETED:
    case NJ_CHANGE_DELIVERED:
        return false;
    }
    return false;
}

/* What a receiver does with a message is told after that the message is for it. */
static void
judge(const struct nj_disk *d, const struct nj_change *c)
{
    if (c->kind != NJ_CHANGE_SENDING && c->kind != NJ_CHANGE_RECEIVED &&
        c->kind != NJ_CHANGE_DELIVERED)
        return;
    if (has_session(d, c->session) && find_queued(&d->image, c) == NULL &&
        !d->twin->allow_duplicates)
        nj_twin_fail(d->twin, "the store hears of message %llu for session %llu (%d) too early",
                     (unsigned long long)c->message, (unsigned long long)c->session, (int)c->kind);
}

static void
write_down(struct nj_disk *d, struct nj_disk_record *r)
{
    struct nj_disk_record *queued;
    size_t kept = 0;
    bool has_struck_out;

    judge(d, &r->change);
    d->numbers.session = NJ_MAX(d->numbers.session, r->change.session);
    d->numbers.message = NJ_MAX(d->numbers.message, r->change.message);
    if (r->change.kind == NJ_CHANGE_SENDING) {
        queued = find_queued(&d->image, &r->change);
        if (queued != NULL)
            queued->change.packet_id = r->change.packet_id;
    }
    for (size_t i = 0; i < d->image.count; i++) {
        struct nj_disk_record *before = d->image.records[i];

        if (is_struck_out(before, r))
            free_record(before);
        else
            d->image.records[kept++] = before;
    }
    has_struck_out = kept < d->image.count;
    d->image.count = kept;
    if (is_kept(d, r, has_struck_out))
        add(&d->image, r);
    else
        free_record(r);
}

/* The first `count` of what is not committed. */
static void
commit(struct nj_disk *d, size_t count)
{
    if (count == d->log.count && !d->is_full)
        d->doubts_ends = false;
    for (size_t i = 0; i < count; i++)
        if (d->log.records[i]->is_void)
            free_record(d->log.records[i]);
        else
            write_down(d, d->log.records[i]);
    if (count == 0)
        return;
    d->log.count -= count;
    memmove(d->log.records, d->log.records + count, d->log.count * sizeof(struct nj_disk_record *));
}

/* ---- the port ---- */

/* What has come to nothing before it was written. */
static void
leave_out(struct nj_disk *d, struct nj_disk_record *delivered)
{
    struct nj_disk_record *queued = find_queued(&d->log, &delivered->change);

    if (queued == NULL || queued->terms.qos != 1)
        return;
    queued->is_void = delivered->is_void = true;
}

static uint64_t
append(struct nj_store_port *port, const struct nj_change *change)
{
    struct nj_disk_port *p = nj_container_of(port, struct nj_disk_port, port);
    struct nj_disk *d = p->disk;
    struct nj_disk_record *r;

    p->appended++;
    if (d->is_dead)
        return p->appended;
    r = copy(change);
    r->home = (uint16_t)(p - d->ports);
    r->number = p->appended;
    add(&d->log, r);
    if (d->leaves_out && change->kind == NJ_CHANGE_DELIVERED && !change->is_passed_on)
        leave_out(d, r);
    return p->appended;
}

/* What could be told to this home. */
static uint64_t
safe_for(const struct nj_disk_port *p)
{
    const struct nj_disk *d = p->disk;

    for (size_t i = 0; i < d->log.count; i++)
        if (&d->ports[d->log.records[i]->home] == p && !d->log.records[i]->is_void)
            return d->log.records[i]->number - 1;
    return p->appended;
}

static uint64_t
safe(struct nj_store_port *port)
{
    struct nj_disk_port *p = nj_container_of(port, struct nj_disk_port, port);

    if (p->disk->is_prompt && !p->disk->is_dead) {
        commit(p->disk, p->disk->log.count);
        p->told = p->appended;
    }
    if (p->disk->is_late)
        p->told = safe_for(p);
    return p->told;
}

static bool
is_full(struct nj_store_port *port, size_t bytes)
{
    (void)bytes;
    return nj_container_of(port, struct nj_disk_port, port)->disk->is_full;
}

static bool
doubts_ends(struct nj_store_port *port)
{
    struct nj_disk *d = nj_container_of(port, struct nj_disk_port, port)->disk;
    bool answer = d->is_full && d->doubts_ends;

    if (answer && d->heals_early) {
        nj_disk_set_full(d, false);
        commit(d, d->log.count);
    }
    return answer;
}

static bool
is_busy(struct nj_store_port *port)
{
    const struct nj_disk *d = nj_container_of(port, struct nj_disk_port, port)->disk;

    return d->is_busy && !d->is_full;
}

static bool
has_failed(struct nj_store_port *port)
{
    (void)port;
    return false;
}

static void
open_ports(struct nj_disk *d)
{
    static const struct nj_store_ops ops = {append,  safe,       is_full, doubts_ends,
                                            is_busy, has_failed, true};

    for (unsigned i = 0; i < NJ_DISK_HOMES; i++)
        d->ports[i] = (struct nj_disk_port){.port = {&ops}, .disk = d};
}

void
nj_disk_init(struct nj_disk *d, const struct nj_twin *twin)
{
    *d = (struct nj_disk){.twin = twin};
    open_ports(d);
}

void
nj_disk_fini(struct nj_disk *d)
{
    fini_list(&d->image);
    fini_list(&d->log);
}

/* ---- its moves ---- */

void
nj_disk_commit_some(struct nj_disk *d, struct nj_rand *rand)
{
    size_t count = nj_rand_below(rand, 2) == 0 ? d->log.count
                                               : nj_rand_below(rand, (uint32_t)d->log.count + 1);

    nj_twin_say(d->twin, "the disk commits %zu of %zu changes", count, d->log.count);
    commit(d, count);
}

static void
tell_some(struct nj_disk *d, struct nj_rand *rand)
{
    struct nj_disk_port *p = &d->ports[nj_rand_below(rand, NJ_DISK_HOMES)];
    uint64_t upto = safe_for(p);

    NJ_ASSERT(upto >= p->told);
    if (nj_rand_below(rand, 2) == 0)
        p->told = upto;
    else
        p->told += nj_rand_below(rand, (uint32_t)(upto - p->told) + 1);
}

void
nj_disk_set_full(struct nj_disk *d, bool is_full_now)
{
    d->is_prompt = false;
    d->is_full = is_full_now;
    d->heals_early = false;
    d->doubts_ends = d->doubts_ends || (is_full_now && !d->keeps_ends);
    nj_twin_say(d->twin, "the disk is%s full", is_full_now ? "" : " not");
}

void
nj_disk_move(struct nj_disk *d, struct nj_rand *rand)
{
    uint32_t dice = nj_rand_below(rand, 100);

    d->is_prompt = false;
    if (dice < 35) {
        nj_disk_commit_some(d, rand);
    } else if (dice < 75) {
        tell_some(d, rand);
    } else if (dice < 90) {
        d->is_prompt = true;
    } else if (d->fills) {
        nj_disk_set_full(d, !d->is_full);
    } else {
        d->is_busy = !d->is_busy;
    }
}

void
nj_disk_be_late(struct nj_disk *d)
{
    d->is_prompt = false;
    d->is_late = true;
}

void
nj_disk_release(struct nj_disk *d)
{
    d->is_prompt = true;
    d->is_full = d->is_busy = d->fills = false;
}

/* ---- the end of a process, and the start of the next ---- */

void
nj_disk_crash(struct nj_disk *d)
{
    nj_twin_say(d->twin, "of what the disk has heard, %zu changes are lost", d->log.count);
    d->is_dead = true;
    d->is_late = false;
    forget(&d->log);
}

static enum nj_err
tell_of_session(const struct nj_disk *d, uint64_t number, const struct nj_store_reader *reader,
                void *ctx)
{
    enum nj_err err = NJ_OK;

    for (size_t i = 0; i < d->image.count && err == NJ_OK; i++) {
        const struct nj_disk_record *r = d->image.records[i];
        const struct nj_change *c = &r->change;

        if (c->session != number)
            continue;
        switch (c->kind) {
        case NJ_CHANGE_SUBSCRIBED:
            err = reader->subscription(ctx, c->filter, &r->subscription);
            break;
        case NJ_CHANGE_QUEUED:
            err = reader->queued(ctx, r->msg, &r->terms, c->packet_id);
            break;
        case NJ_CHANGE_RECEIVED:
            err = reader->released(ctx, c->packet_id);
            break;
        case NJ_CHANGE_TAKEN:
        case NJ_CHANGE_ROUTED:
            err = reader->received(ctx, number, c->packet_id, r->msg);
            break;
        case NJ_CHANGE_WILL:
            err = reader->will(ctx, number, &r->will);
            break;
        default:
            break;
        }
    }
    return err;
}

enum nj_err
nj_disk_load(struct nj_disk *d, const struct nj_store_reader *reader, void *ctx,
             struct nj_store_numbers *numbers)
{
    enum nj_err err = NJ_OK;

    d->is_dead = false;
    if (d->doubts_ends)
        d->ends_since = d->twin->now;
    d->doubts_ends = d->is_full && (d->doubts_ends || !d->keeps_ends);
    open_ports(d);
    *numbers = d->numbers;
    for (size_t i = 0; i < d->image.count && err == NJ_OK; i++) {
        const struct nj_disk_record *r = d->image.records[i];
        struct nj_session_state state = r->state;

        if (r->change.kind != NJ_CHANGE_SESSION)
            continue;
        state.left = NJ_MAX(state.left, d->ends_since);
        err = reader->session(ctx, r->change.session, &state);
        if (err == NJ_OK)
            err = tell_of_session(d, r->change.session, reader, ctx);
    }
    for (size_t i = 0; i < d->image.count && err == NJ_OK; i++) {
        const struct nj_disk_record *r = d->image.records[i];
        const struct nj_change *c = &r->change;

        if (c->kind == NJ_CHANGE_RETAINED)
            err = reader->retained(ctx, r->msg);
        else if (c->kind == NJ_CHANGE_WILL && !has_session(d, c->session))
            err = reader->will(ctx, c->session, &r->will);
        else if (c->kind == NJ_CHANGE_TAKEN && !has_session(d, c->session))
            err = reader->received(ctx, c->session, c->packet_id, r->msg);
    }
    return err;
}
