/* SPDX-License-Identifier: Apache-2.0 */
/* form_mqtt.c — the fields of MQTT for people. The words for reason codes are the standard's; for
 * quality of service, return codes and properties they are Wireshark's, where it has others. */
#include "mqtt/property.h"
#include "mqtt/reason.h"
#include "sniff/payload/mqtt_priv.h"
#include "sniff/print/form.h"

#include <ctype.h>
#include <inttypes.h>

static const char *
words_of_type(uint64_t type)
{
    return nj_mqtt_packet_words((unsigned)type);
}

static const char *
words_of_version(uint64_t level)
{
    return level == 3 ? "MQTT v3.1" : level == 4 ? "MQTT v3.1.1" : level == 5 ? "MQTT v5.0" : NULL;
}

static const char *
words_of_qos(uint64_t qos)
{
    static const char *const words[] = {
        "At most once delivery (Fire and Forget)",
        "At least once delivery (Acknowledged deliver)",
        "Exactly once delivery (Assured Delivery)",
        "Reserved",
    };

    return qos < NJ_COUNT_OF(words) ? words[qos] : NULL;
}

static const char *
words_of_granted_qos(uint64_t qos)
{
    return qos == 0x80 ? "Failure" : words_of_qos(qos);
}

static const char *
words_of_return_code(uint64_t code)
{
    static const char *const words[] = {
        "Connection Accepted",
        "Connection Refused: unacceptable protocol version",
        "Connection Refused: identifier rejected",
        "Connection Refused: server unavailable",
        "Connection Refused: bad user name or password",
        "Connection Refused: not authorized",
    };

    return code < NJ_COUNT_OF(words) ? words[code] : NULL;
}

static const char *
words_of_retain_handling(uint64_t how)
{
    static const char *const words[] = {
        "Send msgs at subscription time",
        "Send msgs if subscription does not exist",
        "Do not send msgs at subscription time",
        "Reserved",
    };

    return how < NJ_COUNT_OF(words) ? words[how] : NULL;
}

static const char *
words_of_reason(uint64_t code)
{
    static const char *const unknown = "Unknown reason";
    const char *words = nj_reason_text((unsigned)code);

    if (code == NJ_REASON_GRANTED_QOS_1 || code == NJ_REASON_GRANTED_QOS_2 ||
        strcmp(words, unknown) == 0)
        return NULL;
    return words;
}

static const char *
words_of_subscribed(uint64_t code)
{
    if (code == NJ_REASON_SUCCESS)
        return "Granted QoS 0";
    return code < 3 ? nj_reason_text((unsigned)code) : words_of_reason(code);
}

static const char *
words_of_disconnect(uint64_t code)
{
    return code == NJ_REASON_SUCCESS ? "Normal disconnection" : words_of_reason(code);
}

static void
put_layer(struct nj_line *l)
{
    nj_item_put_shown(l->out, l->item);
}

/* In CONNACK of 3.1 a byte of its own. */
static void
put_reserved(struct nj_line *l)
{
    if (l->item->depth > 1)
        nj_line_put_bits(l, 8, 0xfe);
    nj_line_put_label(l);
    nj_text_put(l->out, l->item->number != 0 ? NJ_STR(": Set") : NJ_STR(": Not set"));
}

/* "Session Expiry Interval" of "session-expiry-interval". */
static void
put_property_name(struct nj_text *out, const char *name)
{
    bool is_first = true;

    for (; *name != '\0'; name++) {
        char c = is_first ? (char)toupper((unsigned char)*name) : *name;

        is_first = c == '-';
        nj_text_put(out, is_first ? NJ_STR(" ") : (struct nj_str){&c, 1});
    }
}

static void
put_property(struct nj_line *l)
{
    const char *name = nj_property_name((unsigned)l->item->number);

    nj_text_put(l->out, NJ_STR("ID: "));
    if (l->item->number == NJ_PROPERTY_MESSAGE_EXPIRY_INTERVAL)
        nj_text_put(l->out, NJ_STR("Publication Expiry Interval"));
    else if (l->item->number == NJ_PROPERTY_MAXIMUM_QOS)
        nj_text_put(l->out, NJ_STR("Maximum QoS"));
    else if (name != NULL)
        put_property_name(l->out, name);
    else
        nj_text_put(l->out, NJ_STR("Unknown"));
    nj_text_putf(l->out, " (0x%02" PRIx64 ")", l->item->number);
}

const struct nj_form *
nj_form_of_mqtt(enum nj_field field)
{
/* clang-format off */
#define WORDS(function)         {.words = (function)}
#define BITS(bits)              {.width = 8, .mask = (bits)}
#define BITS_WORDS(bits, words_) {.width = 8, .mask = (bits), .words = (words_)}
#define BIT(bit)                {.width = 8, .mask = (bit), .is_set = true}
#define PUT(function)           {.put = (function)}
    static const struct nj_form forms[NJ_FIELD_COUNT] = {
        [NJ_FIELD_MQTT] = PUT(put_layer),
        [NJ_FIELD_MQTT_INFERRED_VERSION] = {.is_inferred = true, .words = words_of_version},
        [NJ_FIELD_MQTT_ASSUMED_VERSION] = {.is_inferred = true, .words = words_of_version},
        [NJ_FIELD_MQTT_HDRFLAGS] = PUT(nj_line_put_summary),
        [NJ_FIELD_MQTT_MSGTYPE] = BITS_WORDS(0xf0, words_of_type),
        [NJ_FIELD_MQTT_HDR_RESERVED] = BITS(0x0f),
        [NJ_FIELD_MQTT_DUPFLAG] = BIT(0x08),
        [NJ_FIELD_MQTT_QOS] = BITS_WORDS(0x06, words_of_qos),
        [NJ_FIELD_MQTT_RETAIN] = BIT(0x01),
        [NJ_FIELD_MQTT_RETAIN_RESERVED] = BITS(0x01),
        [NJ_FIELD_MQTT_VER] = WORDS(words_of_version),
        [NJ_FIELD_MQTT_CONFLAGS] = PUT(nj_line_put_summary),
        [NJ_FIELD_MQTT_CONFLAG_UNAME] = BIT(0x80),
        [NJ_FIELD_MQTT_CONFLAG_PASSWD] = BIT(0x40),
        [NJ_FIELD_MQTT_CONFLAG_RETAIN] = BIT(0x20),
        [NJ_FIELD_MQTT_CONFLAG_QOS] = BITS_WORDS(0x18, words_of_qos),
        [NJ_FIELD_MQTT_CONFLAG_WILLFLAG] = BIT(0x04),
        [NJ_FIELD_MQTT_CONFLAG_CLEANSESS] = BIT(0x02),
        [NJ_FIELD_MQTT_CONFLAG_RESERVED] = BIT(0x01),
        [NJ_FIELD_MQTT_PROPERTIES] = PUT(nj_line_put_label),
        [NJ_FIELD_MQTT_WILL_PROPERTIES] = PUT(nj_line_put_label),
        [NJ_FIELD_MQTT_PROPERTY_ID] = PUT(put_property),
        [NJ_FIELD_MQTT_MAX_QOS] = WORDS(words_of_qos),
        [NJ_FIELD_MQTT_CONACK_FLAGS] = PUT(nj_line_put_summary),
        [NJ_FIELD_MQTT_CONACK_RESERVED] = PUT(put_reserved),
        [NJ_FIELD_MQTT_CONACK_SP] = BIT(0x01),
        [NJ_FIELD_MQTT_CONACK_VAL] = WORDS(words_of_return_code),
        [NJ_FIELD_MQTT_CONNACK_REASON] = WORDS(words_of_reason),
        [NJ_FIELD_MQTT_PUBACK_REASON] = WORDS(words_of_reason),
        [NJ_FIELD_MQTT_PUBREC_REASON] = WORDS(words_of_reason),
        [NJ_FIELD_MQTT_PUBREL_REASON] = WORDS(words_of_reason),
        [NJ_FIELD_MQTT_PUBCOMP_REASON] = WORDS(words_of_reason),
        [NJ_FIELD_MQTT_SUB_QOS] = WORDS(words_of_qos),
        [NJ_FIELD_MQTT_SUB_OPTIONS] = PUT(nj_line_put_summary),
        [NJ_FIELD_MQTT_SUB_OPT_RESERVED] = {.width = 8, .mask = 0xc0, .put = nj_line_put_hex},
        [NJ_FIELD_MQTT_SUB_OPT_RETAIN] = BITS_WORDS(0x30, words_of_retain_handling),
        [NJ_FIELD_MQTT_SUB_OPT_RAP] = BIT(0x08),
        [NJ_FIELD_MQTT_SUB_OPT_NL] = BIT(0x04),
        [NJ_FIELD_MQTT_SUB_OPT_QOS] = BITS_WORDS(0x03, words_of_qos),
        [NJ_FIELD_MQTT_SUBACK_QOS] = WORDS(words_of_granted_qos),
        [NJ_FIELD_MQTT_SUBACK_REASON] = WORDS(words_of_subscribed),
        [NJ_FIELD_MQTT_UNSUBACK_REASON] = WORDS(words_of_reason),
        [NJ_FIELD_MQTT_DISCONNECT_REASON] = WORDS(words_of_disconnect),
        [NJ_FIELD_MQTT_AUTH_REASON] = WORDS(words_of_reason),
    };
    /* clang-format on */
    return &forms[field];
}
