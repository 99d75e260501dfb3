/* SPDX-License-Identifier: Apache-2.0 */
/* Reason codes and causes, read off their tables. */
#include "mqtt/reason.h"

#include "mqtt/packet.h"

static const char *const reason_words[256] = {
#define NJ_REASON(name, code, words, packets) [code] = (words),
#include "mqtt/reason.def"
#undef NJ_REASON
};

const char *
nj_reason_text(unsigned code)
{
    return code < NJ_COUNT_OF(reason_words) && reason_words[code] != NULL ? reason_words[code]
                                                                          : "Unknown reason";
}

/* Packet types by number; the two packets in which the sides differ have one more name for each
 * side, on the numbers of types that carry no reason code. */
enum {
    CONNACK = 1u << NJ_CONNACK,
    PUBACK = 1u << NJ_PUBACK,
    PUBREC = 1u << NJ_PUBREC,
    PUBREL = 1u << NJ_PUBREL,
    PUBCOMP = 1u << NJ_PUBCOMP,
    SUBACK = 1u << NJ_SUBACK,
    UNSUBACK = 1u << NJ_UNSUBACK,
    DISCONNECT_BY_CLIENT = 1u << NJ_DISCONNECT,
    AUTH_BY_CLIENT = 1u << NJ_AUTH,
    DISCONNECT_BY_SERVER = 1u << NJ_PINGREQ,
    AUTH_BY_SERVER = 1u << NJ_PINGRESP,
    DISCONNECT = DISCONNECT_BY_CLIENT | DISCONNECT_BY_SERVER,
    AUTH = AUTH_BY_CLIENT | AUTH_BY_SERVER,
};

static const uint16_t reason_packets[256] = {
#define NJ_REASON(name, code, words, packets) [code] = (packets),
#include "mqtt/reason.def"
#undef NJ_REASON
};

bool
nj_reason_is_allowed(unsigned code, enum nj_packet_type type, enum nj_side from)
{
    unsigned bit = 1u << type;

    if (type == NJ_PINGREQ || type == NJ_PINGRESP || code >= NJ_COUNT_OF(reason_packets))
        return false;
    if (from == NJ_FROM_SERVER && type == NJ_DISCONNECT)
        bit = DISCONNECT_BY_SERVER;
    if (from == NJ_FROM_SERVER && type == NJ_AUTH)
        bit = AUTH_BY_SERVER;
    return (reason_packets[code] & bit) != 0;
}

static const struct {
    enum nj_reason reason;
    const char *counter;
    const char *words;
} causes[NJ_CAUSE_COUNT] = {
#define NJ_CAUSE(name, reason, counter, words) {NJ_REASON_##reason, (counter), (words)},
#include "mqtt/cause.def"
#undef NJ_CAUSE
};

enum nj_reason
nj_cause_reason(enum nj_cause cause)
{
    return causes[cause].reason;
}

const char *
nj_cause_text(enum nj_cause cause)
{
    return causes[cause].words;
}

const char *
nj_cause_counter(enum nj_cause cause)
{
    return causes[cause].counter;
}

/* From the reason code, where the two versions mean the same, and from the cause, where 5.0 can say
 * what 3.1.1 could not: a keep alive that is too long has to pass for a wrong identifier there (as
 * Mosquitto has it), and of the unsupported versions only a wrong level is answered. */
int
nj_cause_return_code(enum nj_cause cause)
{
    if (cause == NJ_CAUSE_PROTOCOL_NAME)
        return -1;
    if (cause == NJ_CAUSE_MAX_KEEPALIVE)
        return 2;
    if (cause == NJ_CAUSE_MESSAGE_SIZE_LIMIT) /* of a will; Mosquitto's choice */
        return 5;
    switch ((unsigned)nj_cause_reason(cause)) {
    case NJ_REASON_UNSUPPORTED_PROTOCOL_VERSION:
        return 1;
    case NJ_REASON_CLIENT_IDENTIFIER_NOT_VALID:
        return 2;
    case NJ_REASON_SERVER_UNAVAILABLE:
    case NJ_REASON_SERVER_BUSY:
    case NJ_REASON_SERVER_SHUTTING_DOWN:
        return 3;
    case NJ_REASON_BAD_USER_NAME_OR_PASSWORD:
        return 4;
    case NJ_REASON_NOT_AUTHORIZED:
        return 5;
    default:
        return cause == NJ_CAUSE_OUT_OF_MEMORY ? 3 : -1;
    }
}
