/* SPDX-License-Identifier: Apache-2.0 */
/* request.c — SUBSCRIBE and UNSUBSCRIBE: sent at once, waiting for as many codes as there are topic
 * filters. They end with their connection; the application asks again. */
#include "client/engine_priv.h"

#include "base/mem.h"
#include "mqtt/topic.h"

static bool
filter_is_good(const char *filter, struct nj_filter *parts)
{
    struct nj_str text = nj_str_of(filter);

    return filter != NULL && text.n > 0 && text.n <= UINT16_MAX && nj_utf8_is_valid(text) &&
           nj_filter_parse(text, parts);
}

static bool
options_are_good(const struct nj_engine *e, const struct nj_client_subscription *s)
{
    bool is_shared = strncmp(s->filter, "$share/", 7) == 0;

    if (s->qos > 2 || s->retain_handling > 2)
        return false;
    if (is_shared && s->no_local) /* [MQTT5-3.8.3-4] */
        return false;
    return nj_engine_is_v5(e) ||
           (!s->no_local && !s->retain_as_published && s->retain_handling == 0);
}

/* The topic filters of a request. */
struct asked {
    enum nj_packet_type type;
    const struct nj_client_subscription *subscriptions; /* of SUBSCRIBE */
    const char *const *filters;                         /* of UNSUBSCRIBE */
    size_t count;
};

static struct nj_client_subscription
asked_at(const struct asked *a, size_t i)
{
    return a->type == NJ_SUBSCRIBE ? a->subscriptions[i]
                                   : (struct nj_client_subscription){.filter = a->filters[i]};
}

/* Whether they may be asked for, and how much room they take. */
static enum nj_client_err
check_asked(const struct nj_engine *e, const struct asked *a, size_t *bytes)
{
    *bytes = 0;
    if (a->count == 0 || a->count > UINT16_MAX) /* [MQTT5-3.8.3-2] [MQTT5-3.10.3-2] */
        return NJ_CLIENT_EINVAL;
    for (size_t i = 0; i < a->count; i++) {
        struct nj_client_subscription s = asked_at(a, i);
        struct nj_filter parts;

        if (!filter_is_good(s.filter, &parts) || !options_are_good(e, &s))
            return NJ_CLIENT_EINVAL;
        if (a->type == NJ_SUBSCRIBE && !e->can_wildcard && nj_topic_has_wildcard(parts.filter))
            return NJ_CLIENT_EWILDCARD;
        if (a->type == NJ_SUBSCRIBE && !e->can_share && parts.share.n > 0)
            return NJ_CLIENT_ESHARED;
        *bytes += strlen(s.filter) + 3;
    }
    return NJ_CLIENT_OK;
}

static struct nj_str
encode_asked(const struct nj_engine *e, const struct asked *a, uint8_t *p, size_t n)
{
    struct nj_writer w = nj_writer_of(p, n);

    for (size_t i = 0; i < a->count; i++) {
        struct nj_client_subscription asked = asked_at(a, i);
        struct nj_subscription s = {
            .filter = nj_str_of(asked.filter),
            .qos = asked.qos,
            .no_local = asked.no_local,
            .retain_as_published = asked.retain_as_published,
            .retain_handling = asked.retain_handling,
        };

        nj_subscription_put(&w, (enum nj_version)e->opts.version, a->type == NJ_SUBSCRIBE, &s);
    }
    return (struct nj_str){(char *)p, (size_t)(w.p - p)};
}

static void
trace_asked(struct nj_engine *e, const struct asked *a, uint16_t packet_id)
{
    for (size_t i = 0; e->opts.log != NULL && i < a->count; i++) {
        struct nj_client_subscription s = asked_at(a, i);

        if (a->type == NJ_SUBSCRIBE)
            nj_engine_trace(
                e, "Client %s sending SUBSCRIBE (Mid: %u, Topic: %s, QoS: %u, Options: 0x%02x)",
                nj_engine_trace_id(e), packet_id, s.filter, s.qos,
                (unsigned)s.no_local << 2 | (unsigned)s.retain_as_published << 3 |
                    (unsigned)s.retain_handling << 4);
        else
            nj_engine_trace(e, "Client %s sending UNSUBSCRIBE (Mid: %u, Topic: %s)",
                            nj_engine_trace_id(e), packet_id, s.filter);
    }
}

/* Note the request under a new packet identifier and put it on the wire. */
static enum nj_client_err
send_request(struct nj_engine *e, enum nj_packet_type type, struct nj_str list, size_t count,
             struct nj_client_properties properties, uint16_t *packet_id)
{
    enum nj_version version = (enum nj_version)e->opts.version;
    size_t bytes = nj_subscribe_size(version, nj_props_str(properties), list);
    struct nj_outgoing *request;

    if (bytes > e->send_packet_maximum) /* [MQTT5-3.2.2-15] */
        return NJ_CLIENT_ETOOLARGE;
    if (e->ids.used == UINT16_MAX || nj_engine_output_is_full(e))
        return NJ_CLIENT_EFULL;
    request = nj_zalloc(sizeof(*request));
    if (request == NULL)
        return NJ_CLIENT_ENOMEM;
    request->kind = type == NJ_SUBSCRIBE ? NJ_OUTGOING_SUBSCRIBE : NJ_OUTGOING_UNSUBSCRIBE;
    request->count = (uint32_t)count;
    nj_list_init(&request->link);
    uint8_t *p = nj_bytes_reserve(&e->out, bytes);
    if (p != NULL)
        request->packet_id = nj_ids_take(&e->ids, request);
    if (request->packet_id == 0) {
        nj_free(request);
        return NJ_CLIENT_ENOMEM;
    }
    struct nj_writer w = nj_writer_of(p, bytes);
    nj_subscribe_encode(&w, version, type, request->packet_id, nj_props_str(properties), list);
    nj_engine_wrote(e, &w);
    nj_list_push(&e->requests, &request->link);
    *packet_id = request->packet_id;
    return NJ_CLIENT_OK;
}

static enum nj_client_err
check_block(const struct nj_engine *e, struct nj_client_properties properties,
            enum nj_packet_type type)
{
    struct nj_properties numbers;

    if (properties.n == 0)
        return NJ_CLIENT_OK;
    if (!nj_engine_is_v5(e))
        return NJ_CLIENT_EUNSUPPORTED;
    if (nj_props_check(properties, NJ_PROPERTIES_OF(type), &numbers) != NJ_CAUSE_NONE)
        return NJ_CLIENT_EINVAL;
    return !e->can_identify && numbers.subscription_identifier_count > 0 ? NJ_CLIENT_EIDENTIFIER
                                                                         : NJ_CLIENT_OK;
}

static enum nj_client_err
request(struct nj_engine *e, const struct asked *a, struct nj_client_properties properties,
        uint16_t *packet_id)
{
    enum nj_client_err err;
    uint16_t id;
    size_t bytes;
    uint8_t *encoded;

    if (e->state != NJ_ENGINE_ACTIVE)
        return NJ_CLIENT_ENOTCONN;
    err = check_block(e, properties, a->type);
    if (err == NJ_CLIENT_OK)
        err = check_asked(e, a, &bytes);
    if (err != NJ_CLIENT_OK)
        return err;
    encoded = nj_alloc(bytes);
    if (encoded == NULL)
        return NJ_CLIENT_ENOMEM;
    err = send_request(e, a->type, encode_asked(e, a, encoded, bytes), a->count, properties, &id);
    nj_free(encoded);
    if (err != NJ_CLIENT_OK)
        return err;
    trace_asked(e, a, id);
    if (packet_id != NULL)
        *packet_id = id;
    return NJ_CLIENT_OK;
}

enum nj_client_err
nj_engine_subscribe(struct nj_engine *e, const struct nj_client_subscription *list, size_t count,
                    struct nj_client_properties properties, uint16_t *packet_id)
{
    const struct asked a = {.type = NJ_SUBSCRIBE, .subscriptions = list, .count = count};

    return request(e, &a, properties, packet_id);
}

enum nj_client_err
nj_engine_unsubscribe(struct nj_engine *e, const char *const *filters, size_t count,
                      struct nj_client_properties properties, uint16_t *packet_id)
{
    const struct asked a = {.type = NJ_UNSUBSCRIBE, .filters = filters, .count = count};

    return request(e, &a, properties, packet_id);
}

static void
drop_request(struct nj_engine *e, struct nj_outgoing *request)
{
    nj_list_remove(&request->link);
    nj_ids_release(&e->ids, request->packet_id);
    nj_free(request);
}

void
nj_request_free_all(struct nj_engine *e)
{
    while (!nj_list_is_empty(&e->requests))
        drop_request(e, nj_container_of(e->requests.next, struct nj_outgoing, link));
}

static bool
wrong_suback(struct nj_engine *e, enum nj_packet_type type, const struct nj_suback *ack,
             const char *how)
{
    nj_engine_fail(e, NJ_CLIENT_EPROTOCOL, NJ_CAUSE_UNEXPECTED_PACKET);
    nj_engine_detail_set(e, "%s for packet identifier %u %s", nj_packet_name(type), ack->packet_id,
                         how);
    return false;
}

bool
nj_request_on_suback(struct nj_engine *e, enum nj_packet_type type, const struct nj_suback *ack,
                     struct nj_client_event *out)
{
    struct nj_outgoing *request = nj_ids_find(&e->ids, ack->packet_id);
    enum nj_outgoing_kind kind =
        type == NJ_SUBACK ? NJ_OUTGOING_SUBSCRIBE : NJ_OUTGOING_UNSUBSCRIBE;
    bool has_codes = type == NJ_SUBACK || nj_engine_is_v5(e);

    if (request == NULL || request->kind != kind)
        return wrong_suback(e, type, ack, "answers no request");
    /* [MQTT5-3.9.3-1] [MQTT5-3.11.3-1] [MQTT311-3.9.3-1] */
    if (has_codes && ack->codes.n != request->count)
        return wrong_suback(e, type, ack, "has not one code for each topic filter");
    drop_request(e, request);
    *out = (struct nj_client_event){
        .type = type == NJ_SUBACK ? NJ_CLIENT_SUBSCRIBED : NJ_CLIENT_UNSUBSCRIBED,
        .packet_id = ack->packet_id,
        .codes = (const uint8_t *)ack->codes.p,
        .code_count = ack->codes.n,
        .properties = nj_engine_block(&ack->properties),
    };
    return true;
}
