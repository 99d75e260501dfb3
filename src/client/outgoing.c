/* SPDX-License-Identifier: Apache-2.0 */
/* outgoing.c — messages on their way to the broker.
 *
 *             window open             PUBACK, PUBREC with a failure
 *   queued ───────────────► sent ──────────────────────────────────► done
 *      ▲                     │ PUBREC                                  ▲
 *      └──── reconnect ──────┤                 PUBCOMP                 │
 *                            └────► released ──────────────────────────┘
 *
 * The window is what both sides allow: our inflight maximum and the broker's receive maximum. After
 * a reconnect what was sent goes to the front of the queue in its old order, and what was released
 * is released again [MQTT5-4.4.0-1] [MQTT311-4.4.0-1] [MQTT5-4.6.0-1] [MQTT5-4.9.0-2], or, where
 * the session has gone, is done. */
#include "client/engine_priv.h"

#include "base/mem.h"
#include "mqtt/topic.h"

static struct nj_outgoing *
outgoing_of(struct nj_list *link)
{
    return nj_container_of(link, struct nj_outgoing, link);
}

static struct nj_str
topic_of(const struct nj_outgoing *m)
{
    return (struct nj_str){m->data, m->topic_n};
}

static uint32_t
window(const struct nj_engine *e)
{
    uint32_t ours = e->opts.inflight_maximum != 0 ? e->opts.inflight_maximum : UINT16_MAX;

    return NJ_MIN(ours, (uint32_t)e->send_maximum);
}

/* ---- PUBLISH onto the wire ---- */

struct going {
    struct nj_str topic, properties, payload;
    uint8_t qos;
    bool retain, dup;
    bool goes_by_alias;
    uint16_t packet_id;
    uint16_t topic_alias;
};

static struct nj_publish_head
head_of(const struct going *g)
{
    return (struct nj_publish_head){
        .dup = g->dup,
        .retain = g->retain,
        .qos = g->qos,
        .packet_id = g->qos > 0 ? g->packet_id : 0,
        .topic_alias = g->topic_alias,
        .topic = g->topic,
        .properties = g->properties,
        .payload_bytes = (uint32_t)g->payload.n,
    };
}

/* The topic may stay at home. */
static bool
is_known_by_alias(const struct nj_engine *e, const struct going *g)
{
    return g->goes_by_alias &&
           nj_str_eq(nj_client_aliases_topic(&e->aliases_out, g->topic_alias), g->topic);
}

/* [MQTT5-3.2.2-15] */
static bool
is_too_large(const struct nj_engine *e, const struct going *g)
{
    struct nj_publish_head head;
    size_t head_n;

    if (g->payload.n > NJ_PACKET_MAX_BYTES)
        return true;
    head = head_of(g);
    head.packet_id = 1;
    if (is_known_by_alias(e, g))
        head.topic.n = 0;
    head_n = nj_publish_head_size(&head, (enum nj_version)e->opts.version);
    return head_n == 0 || head_n + g->payload.n > e->send_packet_maximum;
}

static bool
is_too_large_with_alias(const struct nj_engine *e, struct going g)
{
    g.topic_alias = 1;
    return is_too_large(e, &g);
}

/* Which alias, and whether the topic itself may stay at home. One that nobody asked for makes no
 * packet larger than the broker takes. */
static void
settle_alias(struct nj_engine *e, struct going *g)
{
    bool is_new;

    if (g->topic_alias != 0) {
        if (is_known_by_alias(e, g))
            g->topic.n = 0;
        else if (!nj_client_aliases_set(&e->aliases_out, g->topic_alias, g->topic))
            g->topic_alias = 0; /* this broker takes fewer than the one before */
    } else if (e->opts.use_topic_aliases != 0 && !is_too_large_with_alias(e, *g)) {
        g->topic_alias = nj_client_aliases_give(&e->aliases_out, g->topic, &is_new);
        if (g->topic_alias != 0 && !is_new)
            g->topic.n = 0;
    }
}

/* False without memory. */
static bool
put_on_wire(struct nj_engine *e, struct going *g)
{
    enum nj_version version = (enum nj_version)e->opts.version;

    if (e->opts.log != NULL)
        nj_engine_trace(e,
                        "Client %s sending PUBLISH (d%d, q%d, r%d, m%d, '%.*s', ... (%ld bytes))",
                        nj_engine_trace_id(e), g->dup, g->qos, g->retain, g->packet_id,
                        NJ_STR_ARG(g->topic), (long)g->payload.n);
    if (nj_engine_is_v5(e))
        settle_alias(e, g);
    struct nj_publish_head head = head_of(g);
    size_t head_n = nj_publish_head_size(&head, version);
    uint8_t *p = nj_bytes_reserve(&e->out, head_n + g->payload.n);
    if (p == NULL)
        return false;
    struct nj_writer w = nj_writer_of(p, head_n + g->payload.n);
    nj_publish_head_encode(&w, version, &head);
    nj_write_bytes(&w, g->payload);
    nj_engine_wrote(e, &w);
    return true;
}

/* ---- the window ---- */

static struct going
going_of(const struct nj_outgoing *m)
{
    return (struct going){
        .topic = topic_of(m),
        .properties = {m->data + m->topic_n, m->properties_n},
        .payload = {m->data + m->topic_n + m->properties_n, m->payload_n},
        .qos = m->qos,
        .retain = m->retain,
        .dup = m->was_sent,
        .goes_by_alias = m->goes_by_alias,
        .packet_id = m->packet_id,
        .topic_alias = m->topic_alias,
    };
}

/* What was taken before the broker said what it cannot do. [MQTT5-3.2.2-11] [MQTT5-3.2.2-14]
 * [MQTT5-3.2.2-15] */
static uint8_t
refusal(const struct nj_engine *e, const struct going *g)
{
    return g->qos > e->send_qos_maximum  ? NJ_REASON_QOS_NOT_SUPPORTED
           : g->retain && !e->can_retain ? NJ_REASON_RETAIN_NOT_SUPPORTED
           : is_too_large(e, g)          ? NJ_REASON_PACKET_TOO_LARGE
                                         : 0;
}

/* Its `outcome` is known without the broker; on no list yet. */
static void
settle_message(struct nj_engine *e, struct nj_outgoing *m)
{
    nj_list_push(&e->settled, &m->link);
    m->stage = NJ_OUTGOING_SETTLED;
}

static void
send_outgoing(struct nj_engine *e, struct nj_outgoing *m)
{
    struct going g = going_of(m);

    m->outcome = refusal(e, &g);
    if (m->outcome != 0) {
        nj_list_remove(&m->link);
        settle_message(e, m);
        return;
    }
    if (!put_on_wire(e, &g)) {
        nj_engine_fail(e, NJ_CLIENT_ENOMEM, NJ_CAUSE_NONE);
        return;
    }
    nj_list_remove(&m->link);
    nj_list_push(&e->sent, &m->link);
    m->stage = NJ_OUTGOING_SENT;
    m->was_sent = true;
    e->inflight++;
}

void
nj_outgoing_pump(struct nj_engine *e)
{
    while (e->state == NJ_ENGINE_ACTIVE && !nj_list_is_empty(&e->queued) &&
           e->inflight < window(e) && !nj_engine_output_is_full(e))
        send_outgoing(e, outgoing_of(e->queued.next));
}

static void
send_pubrel(struct nj_engine *e, uint16_t packet_id, uint8_t reason)
{
    struct nj_writer w = nj_engine_write(e, NJ_SMALL_PACKET_BYTES(0));

    nj_ack_encode(&w, (enum nj_version)e->opts.version, NJ_PUBREL, packet_id, reason,
                  (struct nj_str){NULL, 0});
    nj_engine_wrote(e, &w);
    if (e->opts.log != NULL)
        nj_engine_trace(e, "Client %s sending PUBREL (m%u)", nj_engine_trace_id(e), packet_id);
}

/* ---- done ---- */

static void
done(struct nj_engine *e, struct nj_outgoing *m)
{
    if (m->stage == NJ_OUTGOING_SENT || m->stage == NJ_OUTGOING_RELEASED)
        e->inflight--;
    nj_list_remove(&m->link);
    nj_ids_release(&e->ids, m->packet_id);
    e->unacknowledged--;
    e->held_bytes -= m->bytes;
    nj_free(m);
}

void
nj_outgoing_free_all(struct nj_engine *e)
{
    struct nj_list *lists[] = {&e->queued, &e->sent, &e->released, &e->settled};

    for (size_t i = 0; i < NJ_COUNT_OF(lists); i++) {
        while (!nj_list_is_empty(lists[i]))
            done(e, outgoing_of(lists[i]->next));
    }
}

/* A new connection. Where the broker has forgotten the session, so do we [MQTT5-3.2.2-5]: what it
 * may not have received is published anew, as a message that it has not seen before; it may then
 * arrive twice; the alternative is that it is lost. What it said to have received (PUBREC) has
 * arrived. */
void
nj_outgoing_resume(struct nj_engine *e, bool session_present)
{
    struct nj_list *node;

    nj_list_each (node, &e->sent) {
        struct nj_outgoing *m = outgoing_of(node);

        m->stage = NJ_OUTGOING_QUEUED;
        m->was_sent = session_present;
        e->inflight--;
    }
    nj_list_move_all(&e->sent, &e->queued);
    nj_list_move_all(&e->queued, &e->sent);
    if (session_present) {
        nj_list_each (node, &e->released)
            send_pubrel(e, outgoing_of(node)->packet_id, 0); /* [MQTT5-4.3.3-4] [MQTT5-4.4.0-1] */
    } else {
        while ((node = nj_list_pop(&e->released)) != NULL) {
            settle_message(e, outgoing_of(node));
            e->inflight--;
        }
    }
    nj_outgoing_pump(e);
}

/* ---- acknowledgements ---- */

static bool
tell(struct nj_engine *e, struct nj_outgoing *m, const struct nj_ack *ack,
     struct nj_client_event *out)
{
    done(e, m);
    nj_outgoing_pump(e);
    *out = (struct nj_client_event){
        .type = NJ_CLIENT_PUBLISHED,
        .packet_id = ack->packet_id,
        .reason = ack->reason,
        .properties = nj_engine_block(&ack->properties),
    };
    /* PUBREC said already that the broker has it. */
    if (ack->reason == NJ_REASON_PACKET_IDENTIFIER_NOT_FOUND)
        out->reason = 0;
    return true;
}

bool
nj_outgoing_tell_settled(struct nj_engine *e, struct nj_client_event *out)
{
    struct nj_outgoing *m;

    if (nj_list_is_empty(&e->settled))
        return false;
    m = outgoing_of(e->settled.next);
    *out = (struct nj_client_event){
        .type = NJ_CLIENT_PUBLISHED, .packet_id = m->packet_id, .reason = m->outcome};
    done(e, m);
    return true;
}

static bool
wrong(struct nj_engine *e, enum nj_packet_type type, const struct nj_ack *ack)
{
    nj_engine_fail(e, NJ_CLIENT_EPROTOCOL, NJ_CAUSE_UNEXPECTED_PACKET);
    nj_engine_detail_set(e, "%s for packet identifier %u, which is not waiting for one",
                         nj_packet_name(type), ack->packet_id);
    return false;
}

static bool
on_pubrec(struct nj_engine *e, struct nj_outgoing *m, const struct nj_ack *ack,
          struct nj_client_event *out)
{
    if (m->stage == NJ_OUTGOING_SENT && ack->reason >= 0x80)
        return tell(e, m, ack, out); /* [MQTT5-4.4.0-2] the identifier is free, no PUBREL */
    if (m->stage == NJ_OUTGOING_SENT) {
        nj_list_remove(&m->link);
        nj_list_push(&e->released, &m->link);
        m->stage = NJ_OUTGOING_RELEASED;
    }
    send_pubrel(e, m->packet_id, 0);
    return false;
}

/* PUBACK, PUBREC, PUBCOMP. One for an identifier that nothing waits under may be the answer to an
 * earlier life of this client: it is answered as the standard says or passed over. One of the wrong
 * kind ends the connection. */
bool
nj_outgoing_on_ack(struct nj_engine *e, enum nj_packet_type type, const struct nj_ack *ack,
                   struct nj_client_event *out)
{
    struct nj_outgoing *m = nj_ids_find(&e->ids, ack->packet_id);

    if (m == NULL) {
        if (e->opts.log != NULL)
            nj_engine_trace(e, "Warning: Received %s from %s for an unknown packet identifier %u.",
                            nj_packet_name(type), nj_engine_trace_id(e), ack->packet_id);
        if (type == NJ_PUBREC && ack->reason < 0x80)
            send_pubrel(e, ack->packet_id,
                        nj_engine_is_v5(e) ? NJ_REASON_PACKET_IDENTIFIER_NOT_FOUND : 0);
        return false;
    }
    if (m->kind != NJ_OUTGOING_MESSAGE || m->stage == NJ_OUTGOING_QUEUED ||
        m->stage == NJ_OUTGOING_SETTLED || (m->qos == 1) != (type == NJ_PUBACK))
        return wrong(e, type, ack);
    if (type == NJ_PUBREC)
        return on_pubrec(e, m, ack, out);
    if (type == NJ_PUBCOMP && m->stage != NJ_OUTGOING_RELEASED)
        return wrong(e, type, ack);
    return tell(e, m, ack, out);
}

/* ---- publish ---- */

#define TOPIC_ALIAS_BYTES 3u /* of the property */

/* The properties without a topic alias, which belongs to one connection only; in memory of `copy`.
 * Returns how many bytes are left. */
static size_t
copy_without_alias(char *copy, struct nj_client_properties block)
{
    struct nj_reader r = nj_reader_of(nj_props_str(block));
    struct nj_property_view view;
    size_t n = 0;

    while (nj_property_next(&r, &view)) {
        if (view.id == NJ_PROPERTY_TOPIC_ALIAS)
            continue;
        memcpy(copy + n, view.bytes.p, view.bytes.n);
        n += view.bytes.n;
    }
    return n;
}

/* Check what can be checked before anything is taken. */
static enum nj_client_err
check(const struct nj_engine *e, const struct nj_client_message *m, struct going *g)
{
    struct nj_properties numbers = {0};

    if (m->qos > 2 || m->topic == NULL)
        return NJ_CLIENT_EINVAL;
    if (m->properties.n > 0) {
        if (!nj_engine_is_v5(e))
            return NJ_CLIENT_EUNSUPPORTED;
        if (nj_props_check(m->properties, NJ_PROPERTIES_OF(NJ_PUBLISH), &numbers) !=
                NJ_CAUSE_NONE ||
            numbers.subscription_identifier_count > 0) /* [MQTT5-3.3.4-6] */
            return NJ_CLIENT_EINVAL;
    }
    if (nj_properties_has(&numbers, NJ_PROPERTY_TOPIC_ALIAS)) /* else it is not written */
        g->topic_alias = numbers.topic_alias;
    if (g->topic.n == 0) {
        g->goes_by_alias = true;
        g->topic = nj_client_aliases_topic(&e->aliases_out, g->topic_alias);
        if (g->topic.p == NULL)
            return NJ_CLIENT_EINVAL;
    } else if (g->topic.n > UINT16_MAX || !nj_utf8_is_valid(g->topic) ||
               !nj_topic_name_is_valid(g->topic)) {
        return NJ_CLIENT_EINVAL;
    }
    if (g->topic_alias != 0 && e->opts.use_topic_aliases != 0)
        return NJ_CLIENT_EINVAL;
    if (e->state != NJ_ENGINE_ACTIVE)
        return m->qos == 0 ? NJ_CLIENT_ENOTCONN : NJ_CLIENT_OK;
    if (g->topic_alias > e->aliases_out.maximum)
        return NJ_CLIENT_EINVAL;
    if (m->qos > e->send_qos_maximum) /* [MQTT5-3.2.2-11] */
        return NJ_CLIENT_EQOS;
    if (m->retain && !e->can_retain) /* [MQTT5-3.2.2-14] */
        return NJ_CLIENT_ERETAIN;
    return NJ_CLIENT_OK;
}

static enum nj_client_err
publish_at_once(struct nj_engine *e, struct going *g, struct nj_client_properties given)
{
    char *copy = NULL;

    if (nj_engine_output_is_full(e))
        return NJ_CLIENT_EFULL;
    if (g->topic_alias != 0) {
        copy = nj_alloc(given.n);
        if (copy == NULL)
            return NJ_CLIENT_ENOMEM;
        g->properties = (struct nj_str){copy, copy_without_alias(copy, given)};
    }
    g->packet_id = nj_ids_pass(&e->ids);
    bool is_put = put_on_wire(e, g);
    nj_free(copy);
    return is_put ? NJ_CLIENT_OK : NJ_CLIENT_ENOMEM;
}

static enum nj_client_err
publish_later(struct nj_engine *e, struct going *g, struct nj_client_properties given)
{
    size_t bytes = sizeof(struct nj_outgoing) + g->topic.n + given.n + g->payload.n;
    struct nj_outgoing *m;

    if (e->ids.used == UINT16_MAX ||
        (e->held_bytes > 0 && e->held_bytes + bytes > e->opts.queue_bytes))
        return NJ_CLIENT_EFULL;
    m = nj_alloc(bytes);
    if (m == NULL)
        return NJ_CLIENT_ENOMEM;
    *m = (struct nj_outgoing){
        .kind = NJ_OUTGOING_MESSAGE,
        .stage = NJ_OUTGOING_QUEUED,
        .qos = g->qos,
        .retain = g->retain,
        .goes_by_alias = g->goes_by_alias,
        .topic_alias = g->topic_alias,
        .topic_n = (uint32_t)g->topic.n,
        .payload_n = (uint32_t)g->payload.n,
        .bytes = bytes,
    };
    g->packet_id = m->packet_id = nj_ids_take(&e->ids, m);
    if (m->packet_id == 0) {
        nj_free(m);
        return NJ_CLIENT_ENOMEM;
    }
    memcpy(m->data, g->topic.p, g->topic.n);
    m->properties_n = (uint32_t)copy_without_alias(m->data + m->topic_n, given);
    if (g->payload.n > 0)
        memcpy(m->data + m->topic_n + m->properties_n, g->payload.p, g->payload.n);
    nj_list_init(&m->link);
    nj_list_push(&e->queued, &m->link);
    e->unacknowledged++;
    e->held_bytes += bytes;
    nj_outgoing_pump(e);
    return NJ_CLIENT_OK;
}

enum nj_client_err
nj_engine_publish(struct nj_engine *e, const struct nj_client_message *m, uint16_t *packet_id)
{
    struct going g = {
        .payload = {m->payload, m->payload_n},
        .properties = nj_props_str(m->properties),
        .qos = m->qos,
        .retain = m->retain,
    };
    struct going sized;
    enum nj_client_err err;

    g.topic.p = m->topic;
    g.topic.n = m->topic_n != 0 || m->topic == NULL ? m->topic_n : strlen(m->topic);
    err = check(e, m, &g);
    if (err != NJ_CLIENT_OK)
        return err;
    sized = g;
    if (g.topic_alias != 0)
        sized.properties.n -= TOPIC_ALIAS_BYTES; /* it is counted by itself */
    if (is_too_large(e, &sized))
        return NJ_CLIENT_ETOOLARGE;
    err = m->qos == 0 ? publish_at_once(e, &g, m->properties) : publish_later(e, &g, m->properties);
    if (err == NJ_CLIENT_OK && packet_id != NULL)
        *packet_id = g.packet_id;
    return err;
}
