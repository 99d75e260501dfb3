/* SPDX-License-Identifier: Apache-2.0 */
/* Messages come first and are named by a number, clients before what is theirs: so places of
 * messages and names of clients are noted on a first walk through the file, and all is told on a
 * second one. */
#include "compat/mosquitto_db.h"

#include "base/mem.h"
#include "compat/mosquitto_record.h"
#include "mqtt/packet.h"
#include "mqtt/passed_on.h"
#include "mqtt/topic.h"
#include "store/numbers.h"

#include <stdlib.h>

#define OLDEST 2
#define NEWEST 6
/* Numbers of messages leave room for the home's, see nj_home_stamp(). */
#define SEQUENCE_STEP       1024
#define FARTHEST_S          (INT64_C(1) << 40) /* of the wall clock: no date lies behind it */
#define NO_LOCAL            0x04
#define RETAIN_AS_PUBLISHED 0x08
#define IDENTIFIERS_MAX     64

static const char magic[] = {0x00, (char)0xb5, 0x00, 'm', 'o', 's', 'q', 'u',
                             'i',  't',        't',  'o', ' ', 'd', 'b'};

/* A BASE_MSG: its number in the file, and its record. */
struct place {
    uint64_t id;
    struct nj_str record;
};

/* A CLIENT, by its name. */
struct name {
    struct nj_str id;
    uint64_t number;
};

struct walk {
    struct nj_str file;
    uint32_t version;
    nj_time now;
    int64_t wall_ms;
    struct nj_store_port *port;
    struct nj_mosquitto_db_found *found;

    struct place *places;
    size_t place_count, place_capacity;
    struct name *names;
    size_t name_count, name_capacity;
    struct nj_numbers packet_ids; /* in use: see is_first_of_its_packet_id() */
};

/* One that outlives its connection, under a name that a client may have. */
static bool
is_session(const struct nj_mosquitto_client *c)
{
    return c->id.n > 0 && nj_utf8_is_valid(c->id) && c->expiry_s > 0;
}

/* ---- the first walk ---- */

static int
by_id(const void *a, const void *b)
{
    uint64_t x = ((const struct place *)a)->id, y = ((const struct place *)b)->id;

    return x < y ? -1 : x > y;
}

static int
by_name(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    size_t n = NJ_MIN(x->id.n, y->id.n);
    int order = n > 0 ? memcmp(x->id.p, y->id.p, n) : 0;

    return order != 0 ? order : x->id.n < y->id.n ? -1 : x->id.n > y->id.n;
}

static enum nj_err
note(struct walk *w, struct nj_reader r)
{
    struct nj_reader body;
    struct nj_mosquitto_client client;
    uint32_t type;

    while (nj_mosquitto_record_next(w->version, &r, &type, &body)) {
        if (type == NJ_MOSQUITTO_BASE_MSG) {
            struct place place = {.record = {(const char *)body.p, nj_reader_left(&body)}};

            place.id = nj_mosquitto_read_u64(&body);
            if (!nj_array_grow((void **)&w->places, &w->place_capacity, w->place_count,
                               sizeof(place)))
                return NJ_ENOMEM;
            w->places[w->place_count++] = place;
        } else if (type == NJ_MOSQUITTO_CLIENT &&
                   nj_mosquitto_client_read(w->version, body, &client) && is_session(&client)) {
            if (!nj_array_grow((void **)&w->names, &w->name_capacity, w->name_count,
                               sizeof(*w->names)))
                return NJ_ENOMEM;
            w->names[w->name_count] = (struct name){.id = client.id, .number = w->name_count + 1};
            w->name_count++;
        }
    }
    if (w->place_count > 0)
        qsort(w->places, w->place_count, sizeof(*w->places), by_id);
    if (w->name_count > 0)
        qsort(w->names, w->name_count, sizeof(*w->names), by_name);
    return NJ_OK;
}

/* 0: there is none of that name. */
static uint64_t
session_of(const struct walk *w, struct nj_str client)
{
    const struct name key = {.id = client};
    const struct name *found =
        w->name_count > 0 ? bsearch(&key, w->names, w->name_count, sizeof(*w->names), by_name)
                          : NULL;

    return found != NULL ? found->number : 0;
}

/* ---- a message as ours ---- */

struct message {
    struct nj_publication pub;
    struct nj_passed_on properties;
};

/* Seconds of the wall clock as a time of ours. */
static nj_time
time_of(const struct walk *w, int64_t wall_s)
{
    int64_t date_s = NJ_MIN(NJ_MAX(wall_s, INT64_C(0)), FARTHEST_S);

    return w->now + (date_s * 1000 - w->wall_ms);
}

/* As it could have come in a packet. */
static bool
is_message(const struct nj_mosquitto_base_msg *m)
{
    return m->qos <= 2 && nj_utf8_is_valid(m->topic) && nj_topic_name_is_valid(m->topic) &&
           m->topic.n + m->properties.n + m->payload.n <= NJ_VARINT_MAX_VALUE;
}

/* What a PUBLISH may bring and its receivers get. */
static bool
take_properties(struct message *m, struct nj_str stored)
{
    struct nj_properties properties;
    struct nj_reader r = nj_reader_of(stored);

    if (stored.n == 0)
        return true;
    if (nj_properties_decode(&r, NJ_PROPERTIES_OF(NJ_PUBLISH), &properties) != NJ_CAUSE_NONE)
        return false;
    if (!nj_passed_on_make(&m->properties, &properties))
        return false;
    m->pub.properties = m->properties.block;
    return true;
}

/* What `id` names; false if it is not there, is not a message, or has expired. */
static bool
find_message(struct walk *w, uint64_t id, struct message *m)
{
    const struct place key = {.id = id};
    const struct place *found =
        w->place_count > 0 ? bsearch(&key, w->places, w->place_count, sizeof(*w->places), by_id)
                           : NULL;
    struct nj_mosquitto_base_msg base;
    nj_time expires;

    *m = (struct message){0};
    if (found == NULL ||
        !nj_mosquitto_base_msg_read(w->version, nj_reader_of(found->record), &base)) {
        w->found->incomplete++;
        return false;
    }
    expires = base.expiry_s > 0 ? time_of(w, base.expiry_s) : NJ_NEVER;
    if (expires <= w->now) {
        w->found->expired++;
        return false;
    }
    m->pub = (struct nj_publication){
        .topic = base.topic,
        .payload = base.payload,
        .qos = base.qos,
        .retain = base.retain,
        .number = ((uint64_t)(found - w->places) + 1) * SEQUENCE_STEP,
        .arrived = w->now,
        .expires = expires,
    };
    if (!is_message(&base) || !take_properties(m, base.properties)) {
        w->found->incomplete++;
        nj_passed_on_fini(&m->properties);
        return false;
    }
    return true;
}

/* ---- the second walk ---- */

static void
tell(struct walk *w, const struct nj_change *change)
{
    if (w->port != NULL)
        w->found->told = w->port->ops->append(w->port, change);
}

static void
tell_client(struct walk *w, struct nj_reader r)
{
    struct nj_session_state state;
    struct nj_change change = {.kind = NJ_CHANGE_SESSION, .state = &state};
    struct nj_mosquitto_client c;

    if (!nj_mosquitto_client_read(w->version, r, &c) || !is_session(&c)) {
        w->found->incomplete++;
        return;
    }
    state = (struct nj_session_state){.client_id = c.id, .expiry_s = c.expiry_s, .left = w->now};
    /* What it says is when it ends; a clock that was wrong then makes it no younger than now. */
    if (c.expiry_s != NJ_MOSQUITTO_FOR_EVER && c.expires_s > 0)
        state.left = NJ_MIN(time_of(w, c.expires_s - c.expiry_s), w->now);
    change.session = session_of(w, c.id);
    w->found->sessions++;
    tell(w, &change);
}

static void
tell_sub(struct walk *w, struct nj_reader r)
{
    struct nj_sub_opts opts;
    struct nj_change change = {.kind = NJ_CHANGE_SUBSCRIBED, .subscription = &opts};
    struct nj_filter filter;
    struct nj_mosquitto_sub s;

    if (!nj_mosquitto_sub_read(w->version, r, &s) || s.qos > 2 ||
        s.identifier > NJ_VARINT_MAX_VALUE || !nj_utf8_is_valid(s.filter) ||
        !nj_filter_parse(s.filter, &filter)) {
        w->found->incomplete++;
        return;
    }
    change.session = session_of(w, s.client);
    if (change.session == 0)
        return; /* of a session that ends with its connection */
    opts = (struct nj_sub_opts){
        .qos = s.qos,
        .no_local = (s.options & NO_LOCAL) != 0 && filter.share.n == 0,
        .retain_as_published = (s.options & RETAIN_AS_PUBLISHED) != 0,
        .identifier = s.identifier,
    };
    change.filter = s.filter;
    w->found->subscriptions++;
    tell(w, &change);
}

static uint32_t
read_identifiers(struct nj_str stored, uint32_t identifiers[IDENTIFIERS_MAX])
{
    struct nj_reader r = nj_reader_of(stored);
    struct nj_property_view view;
    struct nj_properties properties;
    uint32_t n = 0;

    if (stored.n == 0 ||
        nj_properties_decode(&r, NJ_PROPERTIES_OF(NJ_PUBLISH), &properties) != NJ_CAUSE_NONE)
        return 0;
    r = nj_reader_of(properties.block);
    while (n < IDENTIFIERS_MAX && nj_property_next(&r, &view))
        if (view.id == NJ_PROPERTY_SUBSCRIPTION_IDENTIFIER)
            identifiers[n++] = view.number;
    return n;
}

/* A packet identifier stands for one message in each direction; one that is there already is left
 * to who had it first. False also without memory. */
static bool
is_first_of_its_packet_id(struct walk *w, uint64_t session, const struct nj_mosquitto_client_msg *c)
{
    const struct nj_number_key key =
        nj_number(session << 17 | (uint64_t)c->is_out << 16 | c->packet_id);

    return nj_numbers_find(&w->packet_ids, key) == 0 && nj_numbers_set(&w->packet_ids, key, 1);
}

/* To a client. What has no packet identifier of its own, or one at QoS 1, waits. */
static void
tell_outgoing(struct walk *w, uint64_t session, const struct nj_mosquitto_client_msg *c,
              const struct message *m)
{
    uint32_t identifiers[IDENTIFIERS_MAX];
    const struct nj_terms terms = {
        .identifiers = identifiers,
        .identifier_count = read_identifiers(c->properties, identifiers),
        .qos = c->qos,
        .retain = c->retain,
    };
    struct nj_change change = {
        .kind = NJ_CHANGE_QUEUED,
        .session = session,
        .message = m->pub.number,
        .publication = &m->pub,
        .terms = &terms,
    };

    w->found->queued++;
    tell(w, &change);
    if (c->qos != 2 || c->packet_id == 0 || c->step == NJ_MOSQUITTO_QUEUED ||
        !is_first_of_its_packet_id(w, session, c))
        return;
    change.packet_id = c->packet_id;
    change.kind = NJ_CHANGE_SENDING;
    tell(w, &change);
    if (c->step == NJ_MOSQUITTO_RESEND_PUBREL || c->step == NJ_MOSQUITTO_WAIT_PUBCOMP) {
        change.kind = NJ_CHANGE_RECEIVED;
        tell(w, &change);
    }
}

/* From a client: Mosquitto has not delivered it yet. */
static void
tell_incoming(struct walk *w, uint64_t session, const struct nj_mosquitto_client_msg *c,
              const struct message *m)
{
    const struct nj_change change = {
        .kind = NJ_CHANGE_TAKEN,
        .session = session,
        .message = m->pub.number,
        .packet_id = c->packet_id,
        .publication = &m->pub,
    };

    if (c->qos != 2 || c->packet_id == 0 || !is_first_of_its_packet_id(w, session, c)) {
        w->found->incomplete++;
        return;
    }
    w->found->taken++;
    tell(w, &change);
}

static void
tell_client_msg(struct walk *w, struct nj_reader r)
{
    struct nj_mosquitto_client_msg c;
    struct message m;
    uint64_t session;

    if (!nj_mosquitto_client_msg_read(w->version, r, &c) || c.qos > 2) {
        w->found->incomplete++;
        return;
    }
    session = session_of(w, c.client);
    if (session == 0 || c.qos == 0)
        return; /* nothing that outlives a connection */
    if (!find_message(w, c.id, &m))
        return;
    if (c.is_out)
        tell_outgoing(w, session, &c, &m);
    else
        tell_incoming(w, session, &c, &m);
    nj_passed_on_fini(&m.properties);
}

static void
tell_retain(struct walk *w, struct nj_reader r)
{
    struct nj_change change = {.kind = NJ_CHANGE_RETAINED};
    uint64_t id = nj_mosquitto_read_u64(&r);
    struct message m;

    if (r.is_short) {
        w->found->incomplete++;
        return;
    }
    if (!find_message(w, id, &m))
        return;
    if (m.pub.payload.n > 0 && !nj_str_starts(m.pub.topic, nj_str_of("$SYS/"))) {
        m.pub.retain = true;
        change.message = m.pub.number;
        change.publication = &m.pub;
        w->found->retained++;
        tell(w, &change);
    }
    nj_passed_on_fini(&m.properties);
}

static void
tell_all(struct walk *w, struct nj_reader r)
{
    struct nj_reader body;
    uint32_t type;

    w->found->unread_bytes = nj_reader_left(&r);
    while (nj_mosquitto_record_next(w->version, &r, &type, &body)) {
        w->found->unread_bytes = nj_reader_left(&r);
        switch (type) {
        case NJ_MOSQUITTO_CLIENT:
            tell_client(w, body);
            break;
        case NJ_MOSQUITTO_CLIENT_MSG:
            tell_client_msg(w, body);
            break;
        case NJ_MOSQUITTO_SUB:
            tell_sub(w, body);
            break;
        case NJ_MOSQUITTO_RETAIN:
            tell_retain(w, body);
            break;
        case NJ_MOSQUITTO_CFG:
        case NJ_MOSQUITTO_BASE_MSG:
            break;
        default:
            w->found->incomplete++;
            break;
        }
    }
}

/* ---- the head of the file ---- */

/* What the numbers in it were written by must have integers like ours. */
static enum nj_err
check_cfg(struct walk *w, struct nj_reader r, struct nj_diag *diag)
{
    struct nj_reader body;
    uint32_t type;
    uint8_t id_bytes;

    if (!nj_mosquitto_record_next(w->version, &r, &type, &body) || type != NJ_MOSQUITTO_CFG)
        return nj_diag_fail(diag, NJ_EINVAL, "Error: The file ends before its first record.");
    id_bytes = nj_mosquitto_cfg_id_bytes(w->version, body);
    if (id_bytes != sizeof(uint64_t))
        return nj_diag_fail(diag, NJ_EUNSUPPORTED,
                            "Error: It was written by a machine with integers of %u bytes.",
                            id_bytes);
    return NJ_OK;
}

enum nj_err
nj_mosquitto_db_tell(struct nj_str file, struct nj_store_port *port, nj_time now, int64_t wall_ms,
                     struct nj_mosquitto_db_found *found, struct nj_diag *diag)
{
    struct walk w = {.file = file, .port = port, .now = now, .wall_ms = wall_ms, .found = found};
    struct nj_reader r = nj_reader_of(file);
    enum nj_err err;

    *found = (struct nj_mosquitto_db_found){0};
    if (!nj_str_eq(nj_read_bytes(&r, sizeof(magic)), (struct nj_str){magic, sizeof(magic)}))
        return nj_diag_fail(diag, NJ_EINVAL,
                            "Error: This is no mosquitto.db: it does not begin as one.");
    (void)nj_read_u32(&r); /* a checksum that Mosquitto never made */
    w.version = found->version = nj_read_u32(&r);
    if (r.is_short || w.version < OLDEST || w.version > NEWEST)
        return nj_diag_fail(diag, NJ_EUNSUPPORTED,
                            "Error: Version %u of mosquitto.db is not known (%u to %u are).",
                            w.version, OLDEST, NEWEST);
    err = check_cfg(&w, r, diag);
    if (err != NJ_OK)
        return err;
    err = note(&w, r);
    if (err == NJ_OK)
        tell_all(&w, r);
    else
        (void)nj_diag_fail(diag, err, "Error: Out of memory.");
    nj_free(w.places);
    nj_free(w.names);
    nj_numbers_fini(&w.packet_ids);
    return err;
}
