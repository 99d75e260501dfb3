/* SPDX-License-Identifier: Apache-2.0 */
#include "client/engine_priv.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

#define TO(name) (1u << NJ_ENGINE_##name)
static const struct {
    const char *name;
    unsigned next;
} states[] = {
#define NJ_X(name, word, next) [NJ_ENGINE_##name] = {word, next},
    NJ_ENGINE_STATES(NJ_X)
#undef NJ_X
};

void
nj_engine_enter(struct nj_engine *e, enum nj_engine_state to)
{
    NJ_ASSERT(states[e->state].next & (1u << to));
    e->state = to;
}

void
nj_engine_detail_set(struct nj_engine *e, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(e->detail, sizeof(e->detail), fmt, args);
    va_end(args);
}

void
nj_engine_trace(struct nj_engine *e, const char *fmt, ...)
{
    char line[1024];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    e->opts.log(e->opts.log_ctx, line);
}

const char *
nj_engine_trace_id(const struct nj_engine *e)
{
    return e->client_id[0] != '\0' ? e->client_id : "null";
}

/* ---- life ---- */

/* What the broker can do until CONNACK says otherwise. */
static void
expect_everything(struct nj_engine *e)
{
    e->keep_alive_s = e->opts.keep_alive_s;
    e->send_maximum = UINT16_MAX;
    e->send_packet_maximum = NJ_PACKET_MAX_BYTES;
    e->send_qos_maximum = 2;
    e->can_retain = true;
    e->can_wildcard = e->can_share = e->can_identify = true;
}

enum nj_client_err
nj_engine_new(struct nj_engine **out, struct nj_client_opts *opts)
{
    struct nj_engine *e = nj_zalloc(sizeof(*e));

    if (e == NULL)
        return NJ_CLIENT_ENOMEM;
    e->client_id = nj_str_dup(nj_str_of(opts->client_id));
    if (e->client_id == NULL) {
        nj_free(e);
        return NJ_CLIENT_ENOMEM;
    }
    e->opts = *opts;
    *opts = (struct nj_client_opts){0};
    nj_list_init(&e->queued);
    nj_list_init(&e->sent);
    nj_list_init(&e->released);
    nj_list_init(&e->requests);
    nj_list_init(&e->settled);
    nj_held_init(&e->held);
    expect_everything(e);
    *out = e;
    return NJ_CLIENT_OK;
}

void
nj_engine_free(struct nj_engine *e)
{
    if (e == NULL)
        return;
    nj_outgoing_free_all(e);
    nj_request_free_all(e);
    nj_ids_fini(&e->ids);
    nj_client_aliases_reset(&e->aliases_in, 0);
    nj_client_aliases_reset(&e->aliases_out, 0);
    nj_bytes_fini(&e->in);
    nj_bytes_fini(&e->out);
    nj_held_fini(&e->held);
    nj_free(e->received);
    nj_free(e->counted);
    nj_free(e->client_id);
    nj_free(e->topic);
    nj_client_opts_fini(&e->opts);
    nj_free(e);
}

/* ---- output ---- */

struct nj_writer
nj_engine_write(struct nj_engine *e, size_t n)
{
    uint8_t *p = nj_bytes_reserve(&e->out, n);

    if (p != NULL)
        return nj_writer_of(p, n);
    nj_engine_fail(e, NJ_CLIENT_ENOMEM, NJ_CAUSE_NONE);
    return (struct nj_writer){NULL, NULL, true};
}

void
nj_engine_wrote(struct nj_engine *e, const struct nj_writer *w)
{
    if (!w->is_full)
        e->out.end = (size_t)(w->p - e->out.p);
}

struct nj_str
nj_engine_output(const struct nj_engine *e)
{
    return nj_bytes_view(&e->out);
}

void
nj_engine_written(struct nj_engine *e, size_t n, nj_time now)
{
    nj_bytes_take(&e->out, n);
    e->last_sent = now;
    if (e->state == NJ_ENGINE_ACTIVE)
        nj_outgoing_pump(e);
}

/* ---- CONNECT ---- */

/* The caller's properties, and what we promise besides. */
static void
put_connect_properties(struct nj_engine *e, struct nj_writer *w)
{
    struct nj_properties given;

    nj_write_bytes(w, nj_props_str(e->opts.properties));
    (void)nj_props_check(e->opts.properties, NJ_PROPERTIES_OF(NJ_CONNECT), &given);
    if (nj_properties_has(&given, NJ_PROPERTY_RECEIVE_MAXIMUM))
        e->opts.receive_maximum = given.receive_maximum;
    else if (e->opts.receive_maximum != UINT16_MAX)
        nj_property_put_number(w, NJ_PROPERTY_RECEIVE_MAXIMUM, e->opts.receive_maximum);
    if (nj_properties_has(&given, NJ_PROPERTY_TOPIC_ALIAS_MAXIMUM))
        e->opts.topic_alias_maximum = given.topic_alias_maximum;
    else if (e->opts.topic_alias_maximum != 0)
        nj_property_put_number(w, NJ_PROPERTY_TOPIC_ALIAS_MAXIMUM, e->opts.topic_alias_maximum);
    if (nj_properties_has(&given, NJ_PROPERTY_MAXIMUM_PACKET_SIZE))
        e->opts.maximum_packet_size = given.maximum_packet_size;
    else if (e->opts.maximum_packet_size != NJ_PACKET_MAX_BYTES)
        nj_property_put_number(w, NJ_PROPERTY_MAXIMUM_PACKET_SIZE, e->opts.maximum_packet_size);
    e->is_authenticating = nj_properties_has(&given, NJ_PROPERTY_AUTHENTICATION_METHOD);
}

static enum nj_client_err
write_connect(struct nj_engine *e)
{
    const struct nj_client_opts *o = &e->opts;
    struct nj_connect_out connect = {
        .version = (enum nj_version)o->version,
        .clean_start = o->clean_start,
        .keep_alive_s = o->keep_alive_s,
        .client_id = nj_str_of(o->client_id),
        .has_user_name = o->user_name != NULL,
        .user_name = nj_str_of(o->user_name),
        .has_password = o->password != NULL,
        .password = {o->password, o->password != NULL ? o->password_n : 0},
    };
    size_t room = o->properties.n + 32;
    uint8_t *properties = nj_alloc(room);

    if (properties == NULL)
        return NJ_CLIENT_ENOMEM;
    struct nj_writer w = nj_writer_of(properties, room);
    if (o->version == NJ_MQTT_5)
        put_connect_properties(e, &w);
    connect.properties = (struct nj_str){(const char *)properties, (size_t)(w.p - properties)};
    if (o->will != NULL) {
        connect.has_will = true;
        connect.will_qos = o->will->qos;
        connect.will_retain = o->will->retain;
        connect.will_topic = nj_str_of(o->will->topic);
        connect.will_payload = (struct nj_str){o->will->payload, o->will->payload_n};
        connect.will_properties = nj_props_str(o->will->properties);
    }
    size_t bytes = nj_connect_size(&connect);
    uint8_t *p = nj_bytes_reserve(&e->out, bytes);
    if (p != NULL) {
        struct nj_writer packet = nj_writer_of(p, bytes);
        nj_connect_encode(&packet, &connect);
        nj_engine_wrote(e, &packet);
    }
    nj_free(properties);
    return p != NULL ? NJ_CLIENT_OK : NJ_CLIENT_ENOMEM;
}

enum nj_client_err
nj_engine_open(struct nj_engine *e, nj_time now)
{
    enum nj_client_err err;

    NJ_ASSERT(e->state == NJ_ENGINE_OFFLINE);
    nj_bytes_clear(&e->in);
    nj_bytes_clear(&e->out);
    e->in_used = 0;
    e->has_seen_part = true;
    err = write_connect(e);
    if (err != NJ_CLIENT_OK)
        return err;
    e->opened = e->last_sent = e->last_received = now;
    e->has_heard = e->is_answer_due = e->has_connack = false;
    e->end = NJ_CLIENT_OK;
    e->is_end_told = false;
    e->detail[0] = '\0';
    expect_everything(e);
    nj_client_aliases_reset(&e->aliases_in, e->opts.topic_alias_maximum);
    nj_client_aliases_reset(&e->aliases_out, 0);
    e->counted_n = 0;
    if (e->counted != NULL)
        memset(e->counted, 0, 8192);
    nj_engine_enter(e, NJ_ENGINE_CONNECTING);
    if (e->opts.log != NULL)
        nj_engine_trace(e, "Client %s sending CONNECT", nj_engine_trace_id(e));
    return NJ_CLIENT_OK;
}

/* ---- the end ---- */

/* False where it would be larger than the broker takes: it is not written. [MQTT5-3.2.2-15] */
static bool
write_disconnect(struct nj_engine *e, uint8_t reason, struct nj_str properties)
{
    uint8_t *p = nj_bytes_reserve(&e->out, NJ_SMALL_PACKET_BYTES(properties.n));

    if (p == NULL)
        return true; /* without memory the connection ends without a word */
    struct nj_writer w = nj_writer_of(p, NJ_SMALL_PACKET_BYTES(properties.n));
    nj_disconnect_encode(&w, (enum nj_version)e->opts.version, reason, properties);
    if ((size_t)(w.p - p) > e->send_packet_maximum)
        return false;
    nj_engine_wrote(e, &w);
    if (e->opts.log != NULL)
        nj_engine_trace(e, "Client %s sending DISCONNECT", nj_engine_trace_id(e));
    return true;
}

void
nj_engine_fail(struct nj_engine *e, enum nj_client_err err, enum nj_cause cause)
{
    if (e->state != NJ_ENGINE_CONNECTING && e->state != NJ_ENGINE_ACTIVE) {
        /* The transport is gone already: what is left of its bytes is bad, and nobody to tell. */
        if (e->state == NJ_ENGINE_LOST && !e->is_end_told) {
            e->end = err;
            e->in_used = nj_bytes_waiting(&e->in);
        }
        return;
    }
    if (cause != NJ_CAUSE_NONE)
        nj_engine_detail_set(e, "%s", nj_cause_text(cause));
    /* [MQTT5-4.13.1-1] Before 5.0 a DISCONNECT would withdraw the will. */
    if (e->state == NJ_ENGINE_ACTIVE && nj_engine_is_v5(e) && err != NJ_CLIENT_EDISCONNECTED &&
        cause != NJ_CAUSE_NONE)
        (void)write_disconnect(e, (uint8_t)nj_cause_reason(cause), (struct nj_str){NULL, 0});
    e->end = err;
    nj_engine_enter(e, NJ_ENGINE_FAILED);
}

enum nj_client_err
nj_engine_disconnect(struct nj_engine *e, unsigned reason, struct nj_client_properties properties,
                     nj_time now)
{
    struct nj_properties parsed;

    if (reason > 0xff || (!nj_engine_is_v5(e) && (reason != 0 || properties.n > 0)))
        return NJ_CLIENT_EUNSUPPORTED;
    if (nj_props_check(properties, NJ_PROPERTIES_OF(NJ_DISCONNECT), &parsed) != NJ_CAUSE_NONE)
        return NJ_CLIENT_EINVAL;
    if (e->state == NJ_ENGINE_CONNECTING)
        nj_bytes_clear(&e->out);
    else if (e->state != NJ_ENGINE_ACTIVE)
        return NJ_CLIENT_ENOTCONN;
    else if (!write_disconnect(e, (uint8_t)reason, nj_props_str(properties)) && properties.n > 0)
        return NJ_CLIENT_ETOOLARGE;
    e->end = NJ_CLIENT_OK;
    e->closing_since = now;
    nj_engine_enter(e, NJ_ENGINE_CLOSING);
    return NJ_CLIENT_OK;
}

static void
go_offline(struct nj_engine *e)
{
    nj_bytes_clear(&e->in);
    e->in_used = 0;
    nj_request_free_all(e);
    nj_engine_enter(e, NJ_ENGINE_OFFLINE);
}

void
nj_engine_close(struct nj_engine *e, enum nj_client_err why, const char *detail)
{
    switch (e->state) {
    case NJ_ENGINE_OFFLINE:
    case NJ_ENGINE_LOST:
        return;
    case NJ_ENGINE_CONNECTING:
    case NJ_ENGINE_ACTIVE:
        e->end = why;
        if (detail != NULL)
            nj_engine_detail_set(e, "%s", detail);
        break;
    case NJ_ENGINE_CLOSING:
    case NJ_ENGINE_FAILED:
        nj_bytes_clear(&e->in);
        e->in_used = 0;
        break;
    }
    nj_bytes_clear(&e->out);
    if (e->state == NJ_ENGINE_FAILED && e->is_end_told)
        go_offline(e);
    else
        nj_engine_enter(e, NJ_ENGINE_LOST);
}

bool
nj_engine_wants_close(const struct nj_engine *e)
{
    return e->state == NJ_ENGINE_FAILED ||
           (e->state == NJ_ENGINE_CLOSING && nj_bytes_waiting(&e->out) == 0);
}

bool
nj_engine_is_unanswered(const struct nj_engine *e)
{
    return e->state == NJ_ENGINE_CONNECTING && !e->has_heard;
}

bool
nj_engine_has_transport(const struct nj_engine *e)
{
    return e->state != NJ_ENGINE_OFFLINE && e->state != NJ_ENGINE_LOST;
}

void
nj_engine_stop_output(struct nj_engine *e)
{
    nj_bytes_clear(&e->out);
}

bool
nj_engine_is_offline(const struct nj_engine *e)
{
    return e->state == NJ_ENGINE_OFFLINE;
}

bool
nj_engine_is_active(const struct nj_engine *e)
{
    return e->state == NJ_ENGINE_ACTIVE;
}

/* ---- input ---- */

/* Room for what a frame that has begun still lacks, but never far ahead of what has come: a header
 * that claims 256 MB costs its sender 128 MB before we hold 256. */
void *
nj_engine_input_space(struct nj_engine *e, size_t *n)
{
    size_t room;
    uint8_t *p;

    nj_bytes_take(&e->in, e->in_used);
    e->in_used = 0;
    room = NJ_MAX((size_t)65536, nj_bytes_waiting(&e->in));
    room = NJ_MIN(room, (size_t)1 << 20);
    if (e->in.cap - e->in.end >= 4096)
        room = e->in.cap - e->in.end;
    p = nj_bytes_reserve(&e->in, room);
    if (p != NULL)
        *n = e->in.cap - e->in.end;
    return p;
}

void
nj_engine_input_filled(struct nj_engine *e, size_t n, nj_time now)
{
    e->in.end += n;
    e->has_seen_part = false;
    e->has_heard = true;
    e->last_received = now;
    if (e->state != NJ_ENGINE_CONNECTING && e->state != NJ_ENGINE_ACTIVE)
        nj_bytes_clear(&e->in);
}

bool
nj_engine_wants_input(const struct nj_engine *e)
{
    switch (e->state) {
    case NJ_ENGINE_CONNECTING:
    case NJ_ENGINE_ACTIVE:
        return (e->has_seen_part || nj_bytes_waiting(&e->in) == e->in_used) &&
               !nj_engine_output_is_full(e);
    case NJ_ENGINE_CLOSING:
        return true;
    case NJ_ENGINE_OFFLINE:
    case NJ_ENGINE_FAILED:
    case NJ_ENGINE_LOST:
        return false;
    }
    return false;
}

bool
nj_engine_may_have_event(const struct nj_engine *e)
{
    switch (e->state) {
    case NJ_ENGINE_OFFLINE:
    case NJ_ENGINE_CLOSING:
        return false;
    case NJ_ENGINE_FAILED:
        return !e->is_end_told;
    case NJ_ENGINE_LOST:
        return true;
    case NJ_ENGINE_CONNECTING:
    case NJ_ENGINE_ACTIVE:
        if (!nj_list_is_empty(&e->settled))
            return true;
        return !e->has_seen_part && nj_bytes_waiting(&e->in) > e->in_used &&
               !nj_engine_output_is_full(e);
    }
    return false;
}

/* Before its end what the connection has brought: for what is held no PUBREL comes any more that
 * could be relied on. One that does come is answered, and the message is not told again. */
static bool
tell_end(struct nj_engine *e, struct nj_client_event *out)
{
    if (nj_held_take_oldest(&e->held, out))
        return true;
    e->is_end_told = true;
    *out = (struct nj_client_event){.type = NJ_CLIENT_DISCONNECTED, .error = e->end};
    return true;
}

/* The first byte of an alert, and of no packet at all. */
static bool
is_alert_of_tls(const struct nj_engine *e, struct nj_str input)
{
    return !e->has_connack && e->opts.tls == NULL && input.p[0] == 0x15;
}

/* One frame off the input; 1: `out` is an event, 0: look again, -1: nothing (more). */
static int
step(struct nj_engine *e, struct nj_client_event *out)
{
    struct nj_frame frame;
    struct nj_str input = nj_bytes_view(&e->in);

    if (is_alert_of_tls(e, input)) {
        nj_engine_fail(e, NJ_CLIENT_EWANTSTLS, NJ_CAUSE_NONE);
        nj_engine_detail_set(e, "the broker answered CONNECT with an alert of TLS");
        e->in_used = input.n;
        return 0;
    }
    switch (nj_frame_find(input, e->opts.maximum_packet_size, &frame)) {
    case NJ_FRAME_PART:
        e->has_seen_part = true;
        return -1;
    case NJ_FRAME_FAULT:
        nj_engine_fail(e,
                       frame.cause == NJ_CAUSE_PACKET_TOO_LARGE ? NJ_CLIENT_ETOOLARGE
                                                                : NJ_CLIENT_EMALFORMED,
                       frame.cause);
        return 0;
    case NJ_FRAME_WHOLE:
        break;
    }
    /* It is the end and points into its frame: it stays there until what is held is told. */
    if (frame.type == NJ_DISCONNECT && nj_held_take_oldest(&e->held, out))
        return 1;
    e->in_used = frame.bytes;
    return nj_engine_receive(e, &frame, out) ? 1 : 0;
}

bool
nj_engine_next(struct nj_engine *e, struct nj_client_event *out)
{
    for (;;) {
        nj_bytes_take(&e->in, e->in_used);
        e->in_used = 0;
        nj_held_drop_taken(&e->held);
        if (e->state == NJ_ENGINE_OFFLINE || e->state == NJ_ENGINE_CLOSING)
            return false;
        if (e->state == NJ_ENGINE_FAILED)
            return e->is_end_told ? false : tell_end(e, out);
        if (e->state == NJ_ENGINE_LOST && e->is_end_told) {
            go_offline(e);
            return false;
        }
        if (nj_outgoing_tell_settled(e, out))
            return true;
        if (e->state != NJ_ENGINE_LOST && nj_engine_output_is_full(e))
            return false;
        int found = nj_bytes_waiting(&e->in) > 0 ? step(e, out) : -1;
        if (found > 0) {
            e->is_end_told |= out->type == NJ_CLIENT_DISCONNECTED;
            return true;
        }
        if (found < 0 && e->state == NJ_ENGINE_LOST) {
            nj_bytes_clear(&e->out);
            (void)tell_end(e, out);
            if (e->is_end_told)
                go_offline(e);
            return true;
        }
        if (found < 0)
            return false;
    }
}

/* ---- time ---- */

/* When the next PINGREQ is due. We ask also when nothing was heard: a link may be dead in one
 * direction only. While bytes wait to be written they are our sign of life.
 * [MQTT5-3.1.2-20] [MQTT311-3.1.2-23] */
static nj_time
ping_due(const struct nj_engine *e)
{
    nj_time wait = (nj_time)e->keep_alive_s * 1000;
    nj_time due = NJ_NEVER;

    if (nj_bytes_waiting(&e->out) == 0)
        due = e->last_sent + wait;
    if (!e->is_answer_due)
        due = NJ_MIN(due, e->last_received + wait);
    return due;
}

/* When silence means that the broker is gone. It is no silence while we do not listen because the
 * application does not take its events. */
static nj_time
silence_ends(const struct nj_engine *e)
{
    nj_time since = NJ_MAX(e->ping_sent, e->last_received);

    if (!e->is_answer_due)
        return NJ_NEVER;
    if (nj_engine_output_is_full(e))
        since = NJ_MAX(since, e->last_sent);
    else if (!nj_engine_wants_input(e))
        return NJ_NEVER;
    return since + (nj_time)e->keep_alive_s * 1000;
}

nj_time
nj_engine_deadline(const struct nj_engine *e)
{
    switch (e->state) {
    case NJ_ENGINE_CONNECTING:
        return e->opened + (nj_time)e->opts.connect_timeout_ms;
    case NJ_ENGINE_CLOSING:
        return e->closing_since + (nj_time)e->opts.connect_timeout_ms;
    case NJ_ENGINE_ACTIVE:
        return e->keep_alive_s != 0 ? NJ_MIN(ping_due(e), silence_ends(e)) : NJ_NEVER;
    case NJ_ENGINE_OFFLINE:
    case NJ_ENGINE_FAILED:
    case NJ_ENGINE_LOST:
        return NJ_NEVER;
    }
    return NJ_NEVER;
}

static void
keep_alive(struct nj_engine *e, nj_time now)
{
    if (now >= silence_ends(e)) {
        nj_engine_fail(e, NJ_CLIENT_EKEEPALIVE, NJ_CAUSE_NONE);
        nj_engine_detail_set(e, "no answer to PINGREQ within %u s", e->keep_alive_s);
        return;
    }
    struct nj_writer w = nj_engine_write(e, 2);
    nj_ping_encode(&w, NJ_PINGREQ);
    nj_engine_wrote(e, &w);
    if (!e->is_answer_due)
        e->ping_sent = now;
    e->is_answer_due = true;
    if (e->opts.log != NULL)
        nj_engine_trace(e, "Client %s sending PINGREQ", nj_engine_trace_id(e));
}

void
nj_engine_on_time(struct nj_engine *e, nj_time now)
{
    if (now < nj_engine_deadline(e))
        return;
    switch (e->state) {
    case NJ_ENGINE_CONNECTING:
        nj_engine_fail(e, NJ_CLIENT_ETIMEOUT, NJ_CAUSE_NONE);
        nj_engine_detail_set(e, "no CONNACK within %u ms", e->opts.connect_timeout_ms);
        break;
    case NJ_ENGINE_CLOSING:
        nj_bytes_clear(&e->out);
        break;
    case NJ_ENGINE_ACTIVE:
        keep_alive(e, now);
        break;
    case NJ_ENGINE_OFFLINE:
    case NJ_ENGINE_FAILED:
    case NJ_ENGINE_LOST:
        break;
    }
}

/* ---- questions ---- */

const struct nj_client_opts *
nj_engine_opts(const struct nj_engine *e)
{
    return &e->opts;
}

const char *
nj_engine_client_id(const struct nj_engine *e)
{
    return e->client_id;
}

const char *
nj_engine_detail(const struct nj_engine *e)
{
    return e->detail;
}

size_t
nj_engine_unacknowledged(const struct nj_engine *e)
{
    return e->unacknowledged;
}
