/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/report/said.h"

#include "mqtt/packet.h"

static void
take_code(struct nj_said *out, const struct nj_item *item)
{
    out->has_code = true;
    if (item->number > out->code)
        out->code = (unsigned)item->number;
}

/* What MQTT before 5 has none of. */
static bool
is_of_5(enum nj_field field)
{
    switch (field) {
    case NJ_FIELD_MQTT_PROPERTIES:
    case NJ_FIELD_MQTT_CONNACK_REASON:
    case NJ_FIELD_MQTT_PUBACK_REASON:
    case NJ_FIELD_MQTT_PUBREC_REASON:
    case NJ_FIELD_MQTT_PUBREL_REASON:
    case NJ_FIELD_MQTT_PUBCOMP_REASON:
    case NJ_FIELD_MQTT_SUB_OPTIONS:
    case NJ_FIELD_MQTT_SUBACK_REASON:
    case NJ_FIELD_MQTT_UNSUBACK_REASON:
    case NJ_FIELD_MQTT_DISCONNECT_REASON:
    case NJ_FIELD_MQTT_AUTH_REASON:
        return true;
    default:
        return false;
    }
}

static void
take_of_connect(struct nj_said *out, const struct nj_item *item)
{
    switch (item->field) {
    case NJ_FIELD_MQTT_VER:
        out->level = (unsigned)item->number & 0x7fu; /* 0x80 is Mosquitto's, for bridges */
        break;
    case NJ_FIELD_MQTT_CONFLAGS:
        out->connect_flags = (unsigned)item->number;
        break;
    case NJ_FIELD_MQTT_CLIENTID:
        out->client_id = item->range;
        break;
    case NJ_FIELD_MQTT_WILLTOPIC:
        out->will_topic = item->range;
        break;
    case NJ_FIELD_MQTT_WILLMSG:
        out->will_payload = item->range;
        break;
    case NJ_FIELD_MQTT_USERNAME:
        out->user = item->range;
        break;
    case NJ_FIELD_MQTT_PASSWD:
        out->password = item->range;
        break;
    default:
        break;
    }
}

static void
take_of_all(struct nj_said *out, const struct nj_item *item)
{
    switch (item->field) {
    case NJ_FIELD_MQTT_UNKNOWN_VERSION:
        out->is_joined = true;
        break;
    case NJ_FIELD_MQTT_MSGID:
        out->packet_id = (unsigned)item->number;
        break;
    case NJ_FIELD_MQTT_TOPIC:
        out->topic = item->range;
        break;
    case NJ_FIELD_MQTT_MSG:
        out->payload = item->range;
        break;
    case NJ_FIELD_MQTT_CONACK_VAL:
    case NJ_FIELD_MQTT_CONNACK_REASON:
    case NJ_FIELD_MQTT_PUBACK_REASON:
    case NJ_FIELD_MQTT_PUBREC_REASON:
    case NJ_FIELD_MQTT_PUBREL_REASON:
    case NJ_FIELD_MQTT_PUBCOMP_REASON:
    case NJ_FIELD_MQTT_SUBACK_QOS:
    case NJ_FIELD_MQTT_SUBACK_REASON:
    case NJ_FIELD_MQTT_UNSUBACK_REASON:
    case NJ_FIELD_MQTT_DISCONNECT_REASON:
    case NJ_FIELD_MQTT_AUTH_REASON:
        take_code(out, item);
        break;
    default:
        break;
    }
}

bool
nj_said_next(const struct nj_tree *tree, size_t *at, struct nj_said *out)
{
    size_t i = *at, bytes;

    while (i < tree->count && tree->item[i].field != NJ_FIELD_MQTT)
        i++;
    if (i == tree->count) {
        *at = i;
        return false;
    }
    *out = (struct nj_said){.first = i + 1};
    bytes = tree->item[i++].number;
    for (; i < tree->count; i++) {
        const struct nj_item *item = &tree->item[i];

        if (item->field == NJ_FIELD_MALFORMED)
            out->is_malformed = true;
        if (nj_field_is_layer((enum nj_field)item->field))
            break;
        if (item->field == NJ_FIELD_MQTT_HDRFLAGS) {
            out->type = (unsigned)item->number >> 4;
            out->flags = (unsigned)item->number & 0xf;
            out->bytes = (struct nj_str){item->range.p, bytes};
        } else if (item->field == NJ_FIELD_MQTT_LEN) {
            out->is_whole = 1 + item->range.n + item->number == bytes;
        } else if (item->field == NJ_FIELD_EXPERT_MESSAGE &&
                   !nj_str_eq(item->range,
                              nj_str_of(nj_field_label(NJ_FIELD_MQTT_UNKNOWN_VERSION)))) {
            out->remark = item->range;
        }
        if (out->type == NJ_CONNECT)
            take_of_connect(out, item);
        take_of_all(out, item);
        out->is_of_5 = out->is_of_5 || is_of_5((enum nj_field)item->field);
    }
    out->end = *at = i;
    return true;
}

bool
nj_said_next_filter(const struct nj_tree *tree, const struct nj_said *s, size_t *at,
                    struct nj_said_filter *out)
{
    size_t i = *at;

    while (i < s->end && tree->item[i].field != NJ_FIELD_MQTT_TOPIC)
        i++;
    *at = i;
    if (i == s->end)
        return false;
    *out = (struct nj_said_filter){.filter = tree->item[i++].range};
    for (; i < s->end && tree->item[i].field != NJ_FIELD_MQTT_TOPIC; i++)
        if (tree->item[i].field == NJ_FIELD_MQTT_SUB_QOS ||
            tree->item[i].field == NJ_FIELD_MQTT_SUB_OPT_QOS)
            out->qos = (unsigned)tree->item[i].number & 3;
    *at = i;
    return true;
}

const char *
nj_said_code_words(const struct nj_said *s)
{
    static const char *const before_5[] = {
        "Connection Accepted", "unacceptable protocol version", "identifier rejected",
        "server unavailable",  "bad user name or password",     "not authorized",
    };

    if (s->type == NJ_CONNACK && s->code < NJ_COUNT_OF(before_5))
        return before_5[s->code];
    return nj_reason_text(s->code);
}
