/* SPDX-License-Identifier: Apache-2.0 */
/* CONNECT, and the AUTH exchange that may come before its CONNACK.
 *
 * The same checks run wherever the CONNECT is read; at home they run once more and then open the
 * session. [MQTT5-3.1.0-1] [MQTT5-3.1.0-2] [MQTT5-3.1.4-1] … [MQTT5-3.1.4-6] */
#include "server/conn.h"

#include "base/mem.h"
#include "mqtt/passed_on.h"
#include "server/mount.h"
#include "server/say.h"
#include "server/server_priv.h"

#include <stdio.h>

/* Longest generated identifier: prefix (50) and a UUID (36). */
#define GENERATED_MAX 96

/* ---- what a listener and the broker allow ---- */

static enum nj_cause
check_version(const struct nj_conn *c, const struct nj_connect *p)
{
    static const uint8_t bit[] = {
        [NJ_MQTT_31] = NJ_ACCEPT_V31, [NJ_MQTT_311] = NJ_ACCEPT_V311, [NJ_MQTT_5] = NJ_ACCEPT_V5};

    return (nj_conn_listener(c)->accepted_versions & bit[p->version]) != 0
               ? NJ_CAUSE_NONE
               : NJ_CAUSE_VERSION_NOT_ACCEPTED;
}

/* [MQTT5-3.2.2-12] [MQTT5-3.2.2-13] */
static enum nj_cause
check_will(const struct nj_conn *c, const struct nj_connect *p)
{
    if (!p->has_will)
        return NJ_CAUSE_NONE;
    if (p->will_qos > nj_conn_listener(c)->max_qos)
        return NJ_CAUSE_QOS_NOT_SUPPORTED;
    if (p->will_retain && !c->worker->home->opts->retain_available)
        return NJ_CAUSE_RETAIN_NOT_SUPPORTED;
    if (p->will_topic.n > c->worker->opts->max_topic_length ||
        !nj_mount_fits(nj_conn_listener(c)->mount_point, p->will_topic))
        return NJ_CAUSE_TOPIC_TOO_LONG;
    if (nj_topic_levels(p->will_topic) > c->worker->opts->max_topic_levels)
        return NJ_CAUSE_TOPIC_TOO_DEEP;
    if (nj_conn_is_over_size_limit(c, p->will_payload))
        return NJ_CAUSE_MESSAGE_SIZE_LIMIT;
    if (nj_conn_is_reserved(p->will_topic))
        return NJ_CAUSE_NOT_AUTHORIZED;
    return NJ_CAUSE_NONE;
}

/* A keep alive of 0 is none at all, so it is longer than any limit. */
static enum nj_cause
check_keep_alive(const struct nj_conn *c, const struct nj_connect *p)
{
    uint16_t limit = c->worker->home->opts->max_keepalive_s;

    if (limit == 0 || p->version == NJ_MQTT_5 || (p->keep_alive_s > 0 && p->keep_alive_s <= limit))
        return NJ_CAUSE_NONE;
    return NJ_CAUSE_MAX_KEEPALIVE;
}

/* Is there a name to go by, its own or one that we may give? [MQTT5-3.1.3-8] [MQTT311-3.1.3-8] */
static enum nj_cause
check_has_name(const struct nj_conn *c, const struct nj_connect *p)
{
    const struct nj_listener_opts *l = nj_conn_listener(c);

    if (l->use_username_as_clientid)
        return p->has_user_name && p->user_name.n > 0 ? NJ_CAUSE_NONE : NJ_CAUSE_NOT_AUTHORIZED;
    if (p->client_id.n == 0 && (!l->allow_zero_length_clientid || p->version == NJ_MQTT_31 ||
                                (p->version == NJ_MQTT_311 && !p->clean_start)))
        return NJ_CAUSE_CLIENT_ID_INVALID;
    return NJ_CAUSE_NONE;
}

static enum nj_cause
check_prefix(const struct nj_conn *c, const struct nj_connect *p)
{
    const char *prefix = c->worker->home->opts->clientid_prefixes;

    return prefix == NULL || nj_conn_listener(c)->use_username_as_clientid ||
                   nj_str_starts(p->client_id, nj_str_of(prefix))
               ? NJ_CAUSE_NONE
               : NJ_CAUSE_NOT_AUTHORIZED;
}

static enum nj_cause
check(const struct nj_conn *c, const struct nj_connect *p)
{
    enum nj_cause cause = check_prefix(c, p);

    if (cause == NJ_CAUSE_NONE)
        cause = check_will(c, p);
    if (cause == NJ_CAUSE_NONE)
        cause = check_keep_alive(c, p);
    if (cause == NJ_CAUSE_NONE &&
        (p->properties.user_property_count > c->worker->opts->max_user_properties ||
         (p->has_will &&
          p->will_properties.user_property_count > c->worker->opts->max_user_properties)))
        cause = NJ_CAUSE_USER_PROPERTIES;
    return cause;
}

/* ---- client identifiers ---- */

/* One whose home is here, so that the connection need not move. [MQTT5-3.1.3-6] [MQTT5-3.1.3-7] */
static char *
generate_client_id(struct nj_conn *c)
{
    struct nj_worker *w = c->worker;
    char id[GENERATED_MAX];

    do {
        uint64_t a = nj_rand_u64(&w->rand), b = nj_rand_u64(&w->rand);

        (void)snprintf(
            id, sizeof(id), "%.50s%08X-%04X-%04X-%04X-%012llX",
            nj_conn_listener(c)->auto_id_prefix != NULL ? nj_conn_listener(c)->auto_id_prefix : "",
            (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xffff),
            (unsigned)(b >> 48), (unsigned long long)(b & 0xffffffffffff));
    } while (nj_broker_home_of(w->server->broker, nj_str_of(id)) != w->id);
    return nj_str_dup(nj_str_of(id));
}

static enum nj_cause
name(struct nj_conn *c, const struct nj_connect *p)
{
    struct nj_str id = nj_conn_listener(c)->use_username_as_clientid ? p->user_name : p->client_id;

    nj_free(c->client_id);
    c->is_assigned_id = id.n == 0;
    c->client_id = c->is_assigned_id ? generate_client_id(c) : nj_str_dup(id);
    return c->client_id != NULL ? NJ_CAUSE_NONE : NJ_CAUSE_OUT_OF_MEMORY;
}

/* ---- opening the session ---- */

static uint32_t
session_expiry_of(const struct nj_conn *c, const struct nj_connect *p)
{
    uint32_t limit = c->worker->home->opts->persistent_client_expiration_s;

    if (p->version != NJ_MQTT_5)
        return p->clean_start ? 0 : limit; /* [MQTT311-3.1.2-4] … [MQTT311-3.1.2-6] */
    if (!nj_properties_has(&p->properties, NJ_PROPERTY_SESSION_EXPIRY_INTERVAL))
        return 0;
    return NJ_MIN(p->properties.session_expiry_interval_s, limit);
}

/* What of CONNECT concerns the connection. */
static void
note_limits(struct nj_conn *c, const struct nj_connect *p)
{
    const struct nj_properties *props = &p->properties;
    uint16_t limit = c->worker->home->opts->max_keepalive_s;

    c->link.receive_maximum = UINT16_MAX;
    c->keep_alive_s = p->keep_alive_s;
    c->is_our_keep_alive = limit > 0 && (c->keep_alive_s == 0 || c->keep_alive_s > limit);
    if (c->is_our_keep_alive)
        c->keep_alive_s = limit; /* told as Server Keep Alive [MQTT5-3.1.2-21] */
    if (p->version != NJ_MQTT_5)
        return;
    if (nj_properties_has(props, NJ_PROPERTY_RECEIVE_MAXIMUM))
        c->link.receive_maximum = props->receive_maximum;
    if (nj_properties_has(props, NJ_PROPERTY_MAXIMUM_PACKET_SIZE))
        c->maximum_packet_size = props->maximum_packet_size;
    if (nj_properties_has(props, NJ_PROPERTY_TOPIC_ALIAS_MAXIMUM))
        c->topic_alias_maximum =
            NJ_MIN(props->topic_alias_maximum, nj_conn_listener(c)->max_topic_alias_broker);
    if (nj_properties_has(props, NJ_PROPERTY_REQUEST_PROBLEM_INFORMATION))
        c->wants_reasons = props->request_problem_information != 0;
}

static enum nj_cause
open_session(struct nj_conn *c, const struct nj_connect *p)
{
    struct nj_opening opening = {
        .client_id = nj_str_of(c->client_id),
        .clean_start = p->clean_start,
        .is_bridge = p->is_bridge,
        .session_expiry_s = session_expiry_of(c, p),
        .will_expiry_s = NJ_NO_EXPIRY,
    };
    struct nj_msg_parts will;
    struct nj_passed_on passed = {0};
    struct nj_mounted mounted = {0};
    enum nj_cause cause;

    if (p->has_will) {
        if (!nj_mount(&mounted, nj_conn_listener(c)->mount_point, p->will_topic))
            return NJ_CAUSE_OUT_OF_MEMORY;
        if (!nj_passed_on_make(&passed, &p->will_properties)) {
            nj_mounted_fini(&mounted);
            return NJ_CAUSE_OUT_OF_MEMORY;
        }
        will = (struct nj_msg_parts){
            .topic = mounted.text,
            .properties = passed.block,
            .payload = p->will_payload,
            .qos = p->will_qos,
            .retain = p->will_retain,
            .expires = NJ_NEVER,
        };
        opening.will = &will;
        if (nj_properties_has(&p->will_properties, NJ_PROPERTY_WILL_DELAY_INTERVAL))
            opening.will_delay_s = p->will_properties.will_delay_interval_s;
        if (nj_properties_has(&p->will_properties, NJ_PROPERTY_MESSAGE_EXPIRY_INTERVAL))
            opening.will_expiry_s = p->will_properties.message_expiry_interval_s;
    }
    nj_say_connected(c, p);
    nj_conn_enter(c, NJ_CONN_OPENING);
    cause = nj_home_connect(c->worker->home, &opening, &c->link, &c->session);
    nj_passed_on_fini(&passed);
    nj_mounted_fini(&mounted);
    if (c->session != NULL) { /* it has the name now */
        nj_free(c->client_id);
        c->client_id = NULL;
    }
    return cause;
}

/* ---- the AUTH exchange ---- */

struct nj_exchange {
    const struct nj_auth_method *method;
    void *state;
    uint8_t *connect; /* the CONNECT that began it, to be read again when it is done */
    size_t connect_n;
    char *data; /* the last answer, for the CONNACK */
    size_t data_n;
    bool is_again; /* re-authentication of an open session */
};

void
nj_exchange_free(struct nj_exchange *e)
{
    if (e == NULL)
        return;
    if (e->method->end != NULL)
        e->method->end(e->state);
    nj_free(e->connect);
    nj_free(e->data);
    nj_free(e);
}

static const struct nj_auth_method *
find_method(const struct nj_server *server, struct nj_str name)
{
    for (size_t i = 0; i < server->method_count; i++)
        if (nj_str_eq(nj_str_of(server->methods[i].name), name))
            return &server->methods[i];
    return NULL;
}

/* [MQTT5-4.12.0-1] … [MQTT5-4.12.0-3] */
static enum nj_cause
begin_exchange(struct nj_conn *c, const struct nj_connect *p, const struct nj_frame *frame)
{
    const struct nj_auth_method *method =
        find_method(c->worker->server, p->properties.authentication_method);
    struct nj_exchange *e;

    if (method == NULL)
        return NJ_CAUSE_AUTH_METHOD;
    e = nj_zalloc(sizeof(*e));
    if (e == NULL)
        return NJ_CAUSE_OUT_OF_MEMORY;
    e->method = method;
    e->connect_n = frame->body.n;
    e->connect = nj_alloc(e->connect_n);
    c->exchange = e;
    if (e->connect == NULL)
        return NJ_CAUSE_OUT_OF_MEMORY;
    memcpy(e->connect, frame->body.p, e->connect_n);
    return NJ_CAUSE_NONE;
}

/* Done: the CONNECT that began it takes effect. Its frame was decoded once without fault. */
static enum nj_cause
finish_exchange(struct nj_conn *c, struct nj_str data)
{
    struct nj_exchange *e = c->exchange;
    struct nj_frame frame = {
        .type = NJ_CONNECT,
        .body = {(const char *)e->connect, e->connect_n},
    };
    struct nj_connect p;
    enum nj_cause cause = nj_connect_decode(&frame, &p);

    if (cause != NJ_CAUSE_NONE)
        return cause;
    if (data.n > 0) {
        e->data = nj_str_dup(data);
        if (e->data == NULL)
            return NJ_CAUSE_OUT_OF_MEMORY;
        e->data_n = data.n;
    }
    cause = open_session(c, &p);
    nj_free(e->connect);
    e->connect = NULL;
    return cause;
}

static enum nj_cause
step_exchange(struct nj_conn *c, struct nj_str in)
{
    struct nj_exchange *e = c->exchange;
    struct nj_str out = {NULL, 0};

    switch (e->method->step(&e->state, in, &out)) {
    case NJ_AUTH_GO_ON:
        nj_conn_send_auth(c, NJ_REASON_CONTINUE_AUTHENTICATION, nj_str_of(e->method->name), out);
        return NJ_CAUSE_NONE;
    case NJ_AUTH_DONE:
        if (!e->is_again)
            return finish_exchange(c, out);
        nj_conn_send_auth(c, NJ_REASON_SUCCESS, nj_str_of(e->method->name), out);
        e->is_again = false;
        return NJ_CAUSE_NONE;
    case NJ_AUTH_REFUSED:
        return NJ_CAUSE_NOT_AUTHORIZED;
    }
    return NJ_CAUSE_NOT_AUTHORIZED;
}

struct nj_str
nj_exchange_method(const struct nj_exchange *e)
{
    return nj_str_of(e != NULL ? e->method->name : "");
}

struct nj_str
nj_exchange_data(const struct nj_exchange *e)
{
    return e != NULL ? (struct nj_str){e->data, e->data_n} : (struct nj_str){NULL, 0};
}

/* The client gives up; there is no CONNACK for it any more. */
static enum nj_cause
leave_exchange(struct nj_conn *c, const struct nj_frame *frame)
{
    struct nj_disconnect p;
    enum nj_cause cause = nj_disconnect_decode(frame, c->link.version, NJ_FROM_CLIENT, &p);

    if (cause != NJ_CAUSE_NONE)
        return cause;
    nj_say_received(c, NJ_DISCONNECT);
    c->is_mute = true;
    return NJ_CAUSE_CLIENT_DISCONNECT;
}

/* Reason 0x18 goes on with an exchange; 0x19 begins one anew on an open session, with the method it
 * was opened with. [MQTT5-4.12.0-5] [MQTT5-4.12.1-1] [MQTT5-4.12.1-2] */
enum nj_cause
nj_conn_on_auth(struct nj_conn *c, const struct nj_frame *frame)
{
    struct nj_exchange *e = c->exchange;
    struct nj_auth p;
    enum nj_cause cause;

    if (frame->type != NJ_AUTH && frame->type != NJ_DISCONNECT)
        return NJ_CAUSE_UNEXPECTED_PACKET; /* [MQTT5-4.12.0-4] */
    if (frame->type == NJ_DISCONNECT)
        return leave_exchange(c, frame);
    cause = nj_auth_decode(frame, &p);
    if (cause != NJ_CAUSE_NONE)
        return cause;
    nj_say_auth(c, &p);
    if (e == NULL)
        return NJ_CAUSE_UNEXPECTED_PACKET;
    if (!nj_str_eq(p.properties.authentication_method, nj_exchange_method(e)))
        return NJ_CAUSE_AUTH_METHOD;
    if (c->state == NJ_CONN_ACTIVE && p.reason == NJ_REASON_RE_AUTHENTICATE) {
        if (e->method->end != NULL)
            e->method->end(e->state);
        e->state = NULL;
        e->is_again = true;
    } else if (p.reason != NJ_REASON_CONTINUE_AUTHENTICATION ||
               (c->state == NJ_CONN_ACTIVE && !e->is_again)) {
        return NJ_CAUSE_UNEXPECTED_PACKET;
    }
    return step_exchange(c, p.properties.authentication_data);
}

/* ---- CONNECT ---- */

enum nj_cause
nj_conn_on_connect(struct nj_conn *c, const struct nj_frame *frame)
{
    struct nj_worker *w = c->worker;
    struct nj_connect p = {.version = NJ_MQTT_311};
    enum nj_cause cause;

    if (frame->type != NJ_CONNECT)
        return NJ_CAUSE_FIRST_NOT_CONNECT;
    cause = nj_connect_decode(frame, &p);
    c->link.version = p.version;
    if (cause == NJ_CAUSE_NONE) {
        note_limits(c, &p); /* a refusal keeps to them, too */
        cause = check_version(c, &p);
    }
    if (cause == NJ_CAUSE_NONE)
        cause = nj_conn_take_identity(c, &p);
    if (cause == NJ_CAUSE_NONE)
        cause = check_has_name(c, &p);
    if (cause == NJ_CAUSE_NONE)
        cause = name(c, &p);
    if (cause == NJ_CAUSE_NONE)
        cause = check(c, &p);
    if (cause == NJ_CAUSE_NONE)
        cause = nj_conn_identify(c, &p);
    if (cause != NJ_CAUSE_NONE) {
        nj_conn_forget_password(c, &p);
        return cause;
    }
    if (c->state == NJ_CONN_CHECKING)
        return cause;
    if (nj_broker_home_of(w->server->broker, nj_str_of(c->client_id)) != w->id) {
        nj_conn_enter(c, NJ_CONN_MOVING);
        return NJ_CAUSE_NONE;
    }
    nj_conn_forget_password(c, &p);

    nj_metric_add(&w->metrics, NJ_METRIC_CONNECTS, 1);
    if (p.version == NJ_MQTT_5 &&
        nj_properties_has(&p.properties, NJ_PROPERTY_AUTHENTICATION_METHOD)) {
        cause = begin_exchange(c, &p, frame);
        if (cause != NJ_CAUSE_NONE)
            return cause;
        nj_conn_enter(c, NJ_CONN_AUTH);
        return step_exchange(c, p.properties.authentication_data);
    }
    return open_session(c, &p);
}
