/* SPDX-License-Identifier: Apache-2.0 */
/* client_option.c — the options of pub, sub, rr and doctor, and what each one sets.
 *
 * A row of client_option.def names an option; here it gets its function, set_ID. Most are one of
 * three kinds, a flag, a text, a number within bounds, and take one line. An option that other
 * tools lack is no option to them, so the same letter may mean two things (-t is a topic to pub and
 * a trial to the doctor): a search is always for a tool. */
#include "cmd/client_config_priv.h"

#include "mqtt/packet.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static bool
set_source(struct nj_client_config *c, enum nj_message_source source, const char *text)
{
    if (c->source != NJ_SOURCE_NONE)
        return nj_client_mistake("Error: Only one type of message can be sent at once.\n\n");
    c->source = source;
    return text == NULL || nj_client_keep(&c->text, text);
}

#define FLAG(name, field)                                                                          \
    static bool set_##name(struct nj_client_config *c, const char *value)                          \
    {                                                                                              \
        (void)value;                                                                               \
        c->field = true;                                                                           \
        return true;                                                                               \
    }
#define TEXT(name, field)                                                                          \
    static bool set_##name(struct nj_client_config *c, const char *value)                          \
    {                                                                                              \
        return nj_client_keep(&c->field, value);                                                   \
    }
#define NUMBER(name, field, least, most, ...)                                                      \
    static bool set_##name(struct nj_client_config *c, const char *value)                          \
    {                                                                                              \
        long n = nj_client_number(value);                                                          \
                                                                                                   \
        if (n < (least) || n > (most))                                                             \
            return nj_client_mistake(__VA_ARGS__);                                                 \
        c->field = (__typeof__(c->field))n;                                                        \
        return true;                                                                               \
    }

/* clang-format off */
FLAG(SRV, srv)
FLAG(NODELAY, nodelay)
FLAG(PERSISTENT, is_persistent)
FLAG(RETAIN, retain)
FLAG(EXIT_AFTER_SUB, exit_after_sub)
FLAG(NO_RETAINED, no_retained)
FLAG(RETAINED_ONLY, retained_only)
FLAG(REMOVE_RETAINED, remove_retained)
FLAG(RETAIN_AS_PUBLISHED, retain_as_published)
FLAG(VERBOSE, verbose)
FLAG(NO_EOL, no_eol)
FLAG(PRETTY, pretty)
FLAG(WATCH, watch)
FLAG(MESSAGE_RATE, message_rate)
FLAG(LATENCY, latency)
FLAG(WILL_RETAIN, will_retain)
FLAG(DEBUG, debug)
FLAG(QUIET, quiet)
FLAG(NO_TLS, no_tls)
FLAG(ASK_PASSWORD, asks_password)
FLAG(USE_OS_CERTS, use_os_certs)
FLAG(INSECURE, insecure)
FLAG(FILES, is_offline)
FLAG(JSON, is_json)
TEXT(CONFIG, broker_config)
TEXT(CAFILE, cafile)
TEXT(CAPATH, capath)
TEXT(CERT, cert)
TEXT(KEY, key)
TEXT(KEYFORM, keyform)
TEXT(CIPHERS, ciphers)
TEXT(TLS_VERSION, tls_version)
TEXT(TLS_ALPN, tls_alpn)
TEXT(PSK, psk)
TEXT(PSK_IDENTITY, psk_identity)
TEXT(TLS_ENGINE, tls_engine)
TEXT(TLS_ENGINE_KPASS_SHA1, tls_engine_kpass_sha1)
TEXT(TLS_KEYLOG, tls_keylog)
TEXT(HOST, host)
TEXT(UNIX, unix_path)
TEXT(BIND, bind_address)
TEXT(USER, user)
TEXT(PASSWORD, password)
NUMBER(PORT, port, 0, UINT16_MAX, "Error: Invalid port given: %s\n", value)
NUMBER(QOS, qos, 0, 2, "Error: Invalid QoS given: %s\n", value)
NUMBER(WILL_QOS, will_qos, 0, 2, "Error: Invalid will QoS %s.\n\n", value)
NUMBER(INFLIGHT, inflight, 1, UINT16_MAX, "Error: Maximum inflight messages must be greater than 0.\n\n")
NUMBER(REPEAT, repeat, 1, INT_MAX, "Error: --repeat argument must be >0.\n\n")
NUMBER(COUNT, count, 1, INT_MAX, "Error: Invalid message count \"%s\".\n\n", value)
NUMBER(TIMEOUT, timeout_s, 1, INT_MAX, "Error: Invalid timeout \"%s\".\n\n", value)
NUMBER(KEEPALIVE, keep_alive_s, 5, UINT16_MAX,
       "Error: Invalid keepalive given, it must be between 5 and 65535 inclusive.\n\n")
#undef FLAG
#undef TEXT
#undef NUMBER
/* clang-format on */

static bool
set_URL(struct nj_client_config *c, const char *value)
{
    return nj_client_read_url(c, value);
}

static bool
set_ID(struct nj_client_config *c, const char *value)
{
    if (c->id_prefix != NULL)
        return nj_client_mistake("Error: -i and -I argument cannot be used together.\n\n");
    return nj_client_keep(&c->id, value);
}

static bool
set_ID_PREFIX(struct nj_client_config *c, const char *value)
{
    if (c->id != NULL)
        return nj_client_mistake("Error: -i and -I argument cannot be used together.\n\n");
    return nj_client_keep(&c->id_prefix, value);
}

static bool
set_VERSION(struct nj_client_config *c, const char *value)
{
    static const struct {
        const char *word;
        int version;
    } words[] = {
        {"mqttv31", NJ_MQTT_31}, {"31", NJ_MQTT_31},    {"mqttv311", NJ_MQTT_311},
        {"311", NJ_MQTT_311},    {"mqttv5", NJ_MQTT_5}, {"5", NJ_MQTT_5},
    };

    for (size_t i = 0; i < NJ_COUNT_OF(words); i++) {
        if (strcmp(words[i].word, value) == 0) {
            c->version = words[i].version;
            return true;
        }
    }
    return nj_client_mistake("Error: Invalid protocol version argument given.\n\n");
}

static bool
set_EXPIRY(struct nj_client_config *c, const char *value)
{
    long seconds = strcmp(value, "∞") == 0 ? -1 : nj_client_number(value);

    if (seconds == LONG_MIN)
        return nj_client_mistake("Error: session-expiry-interval not a number.\n\n");
    if (seconds < -1 || seconds > (long)UINT32_MAX)
        return nj_client_mistake("Error: session-expiry-interval out of range.\n\n");
    c->expiry_s = seconds == -1 ? NJ_SESSION_NEVER_EXPIRES : (uint32_t)seconds;
    c->has_expiry = true;
    c->version = NJ_MQTT_5;
    return true;
}

static bool
set_TOPIC(struct nj_client_config *c, const char *value)
{
    return nj_client_add_topic(c, "-t", value);
}

static bool
set_RESPONSE(struct nj_client_config *c, const char *value)
{
    return nj_client_check_name("response", "-e", value) &&
           nj_client_keep(&c->response_topic, value);
}

static bool
set_FILTER_OUT(struct nj_client_config *c, const char *value)
{
    return nj_client_check_filter("filter", "-T", value) &&
           nj_client_append(&c->filters_out, value);
}

static bool
set_UNSUBSCRIBE(struct nj_client_config *c, const char *value)
{
    return nj_client_check_filter("unsubscribe", "-U", value) &&
           nj_client_append(&c->unsubscribes, value);
}

static bool
set_MESSAGE(struct nj_client_config *c, const char *value)
{
    return set_source(c, NJ_SOURCE_TEXT, value);
}

static bool
set_NULL_MESSAGE(struct nj_client_config *c, const char *value)
{
    (void)value;
    return set_source(c, NJ_SOURCE_NULL, NULL);
}

static bool
set_FILE(struct nj_client_config *c, const char *value)
{
    return set_source(c, NJ_SOURCE_FILE, value);
}

static bool
set_STDIN_FILE(struct nj_client_config *c, const char *value)
{
    (void)value;
    return set_source(c, NJ_SOURCE_STDIN_FILE, NULL);
}

static bool
set_STDIN_LINE(struct nj_client_config *c, const char *value)
{
    (void)value;
    return set_source(c, NJ_SOURCE_STDIN_LINE, NULL);
}

static bool
set_REPEAT_DELAY(struct nj_client_config *c, const char *value)
{
    char *end;
    double seconds = strtod(value, &end);

    if (end == value || !(seconds >= 0.0) || seconds > 1e9)
        return nj_client_mistake("Error: --repeat-delay argument must be >=0.0.\n\n");
    c->repeat_delay_us = (int64_t)(seconds * 1e6 + 0.5);
    return true;
}

static bool
set_RETAIN_HANDLING(struct nj_client_config *c, const char *value)
{
    static const char *const words[] = {"always", "new", "never"};

    for (size_t i = 0; i < NJ_COUNT_OF(words); i++) {
        if (strcmp(words[i], value) == 0) {
            c->retain_handling = (int)i;
            return true;
        }
    }
    return nj_client_mistake(
        "Error: Unknown value '%s' for --retain-handling. It is one of always, new, never.\n\n",
        value);
}

static bool
set_RANDOM_FILTER(struct nj_client_config *c, const char *value)
{
    char *end;
    double percent = strtod(value, &end);

    if (end == value || !(percent >= 0.1) || percent > 1000.0)
        return nj_client_mistake("Error: --random-filter chance must be between 0.1-100.0\n\n");
    c->random_filter = (int)(percent * 10.0 * 10.0);
    return true;
}

static bool
set_FORMAT(struct nj_client_config *c, const char *value)
{
    return nj_client_format_check(c, value) && nj_client_keep(&c->format, value);
}

static bool
set_WILL_TOPIC(struct nj_client_config *c, const char *value)
{
    return nj_client_check_name("will", "--will-topic", value) &&
           nj_client_keep(&c->will_topic, value);
}

static bool
set_WILL_PAYLOAD(struct nj_client_config *c, const char *value)
{
    c->will_payload_n = strlen(value);
    return nj_client_keep(&c->will_payload, value);
}

/* These four are seen to where the words are walked. */
static bool
set_elsewhere(struct nj_client_config *c, const char *value)
{
    (void)c;
    (void)value;
    return true;
}
#define set_TRIAL_TOPIC  set_TOPIC
#define set_TRIAL_QOS    set_QOS
#define set_PATIENCE     set_TIMEOUT
#define set_PROPERTY     set_elsewhere
#define set_OPTIONS_FILE set_elsewhere
#define set_HELP         set_elsewhere
#define set_TOOL_VERSION set_elsewhere

#define PUB    NJ_TOOL_PUB
#define SUB    NJ_TOOL_SUB
#define RR     NJ_TOOL_RR
#define DOCTOR NJ_TOOL_DOCTOR
#define ALL    NJ_TOOLS_ALL
static const struct nj_client_option client_options[] = {
#define NJ_OPTION(id, short_name, long_name, tools, argument, missing, help)                       \
    {NJ_OPTION_##id, short_name, long_name, tools, (argument) != NULL, missing, set_##id},
#define NJ_LATER(name, tools, argument, help)                                                      \
    {NJ_OPTION_LATER, name, NULL, tools, (argument) != NULL, NULL, NULL},
#include "cmd/client_option.def"
#undef NJ_OPTION
#undef NJ_LATER
};
#undef PUB
#undef SUB
#undef RR
#undef DOCTOR
#undef ALL

const struct nj_client_option *
nj_client_option_find(unsigned tools, const char *word)
{
    for (size_t i = 0; i < NJ_COUNT_OF(client_options); i++) {
        const struct nj_client_option *o = &client_options[i];

        if ((o->tools & tools) == 0)
            continue;
        if ((o->short_name != NULL && strcmp(o->short_name, word) == 0) ||
            (o->long_name != NULL && strcmp(o->long_name, word) == 0))
            return o;
    }
    return NULL;
}
