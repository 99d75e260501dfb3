/* SPDX-License-Identifier: Apache-2.0 */
/* request.c — SUBSCRIBE and UNSUBSCRIBE: sent at once, waiting for as many codes as there are topic
 * filters. They end with their connection; the application asks again. */
#include "client/engine_priv.h"

#include "base/mem.h"
#include "mqtt/topic.h"

static enum nj_client_err
check_filter(const char *filter)
{
    struct nj_str text = nj_str_of(filter);
    struct nj_filter parts;

    return filter != NULL && text.n > 0 && text.n <= UINT16_MAX && nj_utf8_is_valid(text) &&
                   nj_filter_parse(text, &parts)
               ? NJ_CLIENT_OK
               : NJ_CLIENT_EINVAL;
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

/* Room for the list of filters, and for each of them as it is traced. */
static enum nj_client_err
list_bytes(size_t count, const char *(*filter_at)(const void *, size_t), const void *list,
           size_t *bytes)
{
    *bytes = 0;
    if (count == 0 || count > UINT16_MAX) /* [MQTT5-3.8.3-2] [MQTT5-3.10.3-2] */
        return NJ_CLIENT_EINVAL;
    for (size_t i = 0; i < count; i++) {
        const char *filter = filter_at(list, i);
        enum nj_client_err err = check_filter(filter);

        if (err != NJ_CLIENT_OK)
            return err;
        *bytes += strlen(filter) + 3;
    }
    return NJ_CLIENT_OK;
}

static const char *
subscription_at(const void *list, size_t i)
{
    return ((const struct nj_client_subscription *)list)[i].filter;
}

static const char *
filter_at(const void *list, size_t i)
{
    return ((const char *const *)list)[i];
}

/* Note the request under a new packet identifier and put it on the wire. */
static enum nj_client_err
send_request(struct nj_engine *e, enum nj_packet_type type, struct nj_str list, size_t count,
             struct nj_client_properties properties, uint16_t *packet_id)
{
    size_t bytes = NJ_SMALL_PACKET_BYTES(properties.n) + list.n;
    struct nj_outgoing *request;

    if (bytes > e->send_packet_maximum)
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
    nj_subscribe_encode(&w, (enum nj_version)e->opts.version, type, request->packet_id,
                        nj_props_str(properties), list);
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
    return nj_props_check(properties, NJ_PROPERTIES_OF(type), &numbers) == NJ_CAUSE_NONE
               ? NJ_CLIENT_OK
               : NJ_CLIENT_EINVAL;
}

enum nj_client_err
nj_engine_subscribe(struct nj_engine *e, const struct nj_client_subscription *list, size_t count,
                    struct nj_client_properties properties, uint16_t *packet_id)
{
    enum nj_version version = (enum nj_version)e->opts.version;
    enum nj_client_err err;
    uint16_t id;
    size_t bytes;
    uint8_t *encoded;

    if (e->state != NJ_ENGINE_ACTIVE)
        return NJ_CLIENT_ENOTCONN;
    err = check_block(e, properties, NJ_SUBSCRIBE);
    if (err == NJ_CLIENT_OK)
        err = list_bytes(count, subscription_at, list, &bytes);
    if (err != NJ_CLIENT_OK)
        return err;
    encoded = nj_alloc(bytes);
    if (encoded == NULL)
        return NJ_CLIENT_ENOMEM;
    struct nj_writer w = nj_writer_of(encoded, bytes);
    for (size_t i = 0; i < count && err == NJ_CLIENT_OK; i++) {
        struct nj_subscription s = {
            .filter = nj_str_of(list[i].filter),
            .qos = list[i].qos,
            .no_local = list[i].no_local,
            .retain_as_published = list[i].retain_as_published,
            .retain_handling = list[i].retain_handling,
        };
        if (!options_are_good(e, &list[i]))
            err = NJ_CLIENT_EINVAL;
        nj_subscription_put(&w, version, true, &s);
    }
    if (err == NJ_CLIENT_OK)
        err =
            send_request(e, NJ_SUBSCRIBE, (struct nj_str){(char *)encoded, (size_t)(w.p - encoded)},
                         count, properties, &id);
    nj_free(encoded);
    if (err != NJ_CLIENT_OK)
        return err;
    for (size_t i = 0; e->opts.log != NULL && i < count; i++)
        nj_engine_trace(
            e, "Client %s sending SUBSCRIBE (Mid: %u, Topic: %s, QoS: %u, Options: 0x%02x)",
            nj_engine_trace_id(e), id, list[i].filter, list[i].qos,
            (unsigned)list[i].no_local << 2 | (unsigned)list[i].retain_as_published << 3 |
                (unsigned)list[i].retain_handling << 4);
    if (packet_id != NULL)
        *packet_id = id;
    return NJ_CLIENT_OK;
}

enum nj_client_err
nj_engine_unsubscribe(struct nj_engine *e, const char *const *filters, size_t count,
                      struct nj_client_properties properties, uint16_t *packet_id)
{
    enum nj_client_err err;
    uint16_t id;
    size_t bytes;
    uint8_t *encoded;

    if (e->state != NJ_ENGINE_ACTIVE)
        return NJ_CLIENT_ENOTCONN;
    err = check_block(e, properties, NJ_UNSUBSCRIBE);
    if (err == NJ_CLIENT_OK)
        err = list_bytes(count, filter_at, filters, &bytes);
    if (err != NJ_CLIENT_OK)
        return err;
    encoded = nj_alloc(bytes);
    if (encoded == NULL)
        return NJ_CLIENT_ENOMEM;
    struct nj_writer w = nj_writer_of(encoded, bytes);
    for (size_t i = 0; i < count; i++) {
        struct nj_subscription s = {.filter = nj_str_of(filters[i])};

        nj_subscription_put(&w, (enum nj_version)e->opts.version, false, &s);
    }
    err = send_request(e, NJ_UNSUBSCRIBE, (struct nj_str){(char *)encoded, (size_t)(w.p - encoded)},
                       count, properties, &id);
    nj_free(encoded);
    if (err != NJ_CLIENT_OK)
        return err;
    for (size_t i = 0; e->opts.log != NULL && i < count; i++)
        nj_engine_trace(e, "Client %s sending UNSUBSCRIBE (Mid: %u, Topic: %s)",
                        nj_engine_trace_id(e), id, filters[i]);
    if (packet_id != NULL)
        *packet_id = id;
    return NJ_CLIENT_OK;
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
wrong(struct nj_engine *e, enum nj_packet_type type, const struct nj_suback *ack, const char *how)
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
        return wrong(e, type, ack, "answers no request");
    /* [MQTT5-3.9.3-1] [MQTT5-3.11.3-1] [MQTT311-3.9.3-1] */
    if (has_codes && ack->codes.n != request->count)
        return wrong(e, type, ack, "has not one code for each topic filter");
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
