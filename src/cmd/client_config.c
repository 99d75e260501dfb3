/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/client_config.h"

#include "base/mem.h"
#include "mqtt/packet.h"
#include "mqtt/topic.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAYLOAD_MAX 268435455u

/* ---- saying what is wrong ---- */

void
nj_client_say(const struct nj_client_config *c, const char *fmt, ...)
{
    va_list args;

    if (c->quiet)
        return;
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
}

bool
nj_client_mistake(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    return false;
}

/* ---- values ---- */

static bool
keep(char **field, const char *text)
{
    char *copy = nj_str_dup(nj_str_of(text));

    if (copy == NULL)
        return nj_client_mistake("Error: Out of memory.\n");
    nj_free(*field);
    *field = copy;
    return true;
}

static bool
append(struct nj_strings *list, const char *text)
{
    char **more = nj_realloc(list->at, (list->count + 1) * sizeof(*more));

    if (more == NULL)
        return nj_client_mistake("Error: Out of memory.\n");
    list->at = more;
    list->at[list->count] = nj_str_dup(nj_str_of(text));
    if (list->at[list->count] == NULL)
        return nj_client_mistake("Error: Out of memory.\n");
    list->count++;
    return true;
}

/* A whole number that fits; anything else reads as a number out of every range. */
static long
number(const char *text)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(text, &end, 10);
    return end == text || *end != '\0' || errno != 0 ? LONG_MIN : n;
}

static bool
is_text(const char *text)
{
    return nj_utf8_is_valid(nj_str_of(text));
}

static bool
check_name(const char *what, const char *option, const char *topic)
{
    if (!is_text(topic))
        return nj_client_mistake("Error: Malformed UTF-8 in %s argument.\n\n", option);
    if (strlen(topic) > UINT16_MAX || !nj_topic_name_is_valid(nj_str_of(topic)))
        return nj_client_mistake("Error: Invalid %s topic '%s', does it contain '+' or '#'?\n",
                                 what, topic);
    return true;
}

static bool
check_filter(const char *what, const char *option, const char *filter)
{
    struct nj_filter parts;

    if (!is_text(filter))
        return nj_client_mistake("Error: Malformed UTF-8 in %s argument.\n\n", option);
    if (strlen(filter) > UINT16_MAX || !nj_filter_parse(nj_str_of(filter), &parts))
        return nj_client_mistake(
            "Error: Invalid %s topic '%s', are all '+' and '#' wildcards correct?\n", what, filter);
    return true;
}

static bool
add_topic(struct nj_client_config *c, const char *option, const char *topic)
{
    bool is_good = (c->tool & (NJ_TOOL_SUB | NJ_TOOL_DOCTOR)) != 0
                       ? check_filter("subscription", option, topic)
                       : check_name("publish", option, topic);

    if (!is_good)
        return false;
    if (c->tool == NJ_TOOL_SUB || c->topics.count == 0)
        return append(&c->topics, topic);
    return keep(&c->topics.at[0], topic);
}

static bool
set_source(struct nj_client_config *c, enum nj_message_source source, const char *text)
{
    if (c->source != NJ_SOURCE_NONE)
        return nj_client_mistake("Error: Only one type of message can be sent at once.\n\n");
    c->source = source;
    return text == NULL || keep(&c->text, text);
}

/* ---- -L ---- */

static bool
later(const char *what)
{
    return nj_client_mistake("Error: %s is not supported yet.\n", what);
}

/* mqtt[s]://[user[:password]@]host[:port]/topic. The host ends at its first colon. */
static bool
read_url(struct nj_client_config *c, const char *url)
{
    char *text, *rest, *slash, *topic, *at, *colon;
    bool is_mqtts = strncasecmp(url, "mqtts://", 8) == 0;
    bool is_read = false;

    if (strncasecmp(url, "ws://", 5) == 0 || strncasecmp(url, "wss://", 6) == 0)
        return later("a URL with WebSocket");
    if (!is_mqtts && strncasecmp(url, "mqtt://", 7) != 0)
        return nj_client_mistake("Error: unsupported URL scheme.\n\n");
    url += is_mqtts ? 8 : 7;
    c->is_mqtts = is_mqtts;
    text = nj_str_dup(nj_str_of(url));
    if (text == NULL)
        return nj_client_mistake("Error: Out of memory.\n");
    rest = text;
    slash = strchr(rest, '/');
    if (slash == NULL && c->tool == NJ_TOOL_DOCTOR)
        slash = rest + strlen(rest);
    if (slash == NULL) {
        (void)nj_client_mistake("Error: Invalid URL for -L argument specified - topic missing.\n");
        goto out;
    }
    topic = slash + (*slash != '\0');
    *slash = '\0';
    at = strrchr(rest, '@');
    if (at != NULL) {
        *at = '\0';
        colon = strchr(rest, ':');
        if (colon != NULL) {
            *colon = '\0';
            if (!keep(&c->password, colon + 1))
                goto out;
        }
        if (!keep(&c->user, rest))
            goto out;
        rest = at + 1;
    }
    colon = strchr(rest, ':');
    if (colon != NULL) {
        long port = number(colon + 1);

        *colon = '\0';
        if (port < 1 || port > UINT16_MAX) {
            (void)nj_client_mistake("Error: Invalid port given: %s\n", colon + 1);
            goto out;
        }
        c->port = (int)port;
    }
    is_read = keep(&c->host, rest) && (*topic == '\0' || add_topic(c, "-L", topic));
out:
    explicit_bzero(text, strlen(url));
    nj_free(text);
    return is_read;
}

/* The doctor's own word: HOST, HOST:PORT, [ADDRESS]:PORT, an IPv6 address as it is, or a URL. */
static bool
read_host(struct nj_client_config *c, char *word)
{
    char *colon = strrchr(word, ':');
    char *host = word;

    if (strstr(word, "://") != NULL)
        return read_url(c, word);
    if (word[0] == '[' && strchr(word, ']') != NULL) {
        host = word + 1;
        colon = strchr(word, ']');
        *colon++ = '\0';
        colon = *colon == ':' ? colon : NULL;
    } else if (strchr(word, ':') != colon) {
        colon = NULL;
    }
    if (colon != NULL) {
        long port = number(colon + 1);

        *colon = '\0';
        if (port < 1 || port > UINT16_MAX)
            return nj_client_mistake("Error: Invalid port given: %s\n", colon + 1);
        c->port = (int)port;
    }
    return keep(&c->host, host);
}

/* ---- one function for each option ---- */

typedef bool (*set_fn)(struct nj_client_config *c, const char *value);

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
        return keep(&c->field, value);                                                             \
    }
#define NUMBER(name, field, least, most, ...)                                                      \
    static bool set_##name(struct nj_client_config *c, const char *value)                          \
    {                                                                                              \
        long n = number(value);                                                                    \
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
/* clang-format on */

static bool
set_URL(struct nj_client_config *c, const char *value)
{
    return read_url(c, value);
}

static bool
set_ID(struct nj_client_config *c, const char *value)
{
    if (c->id_prefix != NULL)
        return nj_client_mistake("Error: -i and -I argument cannot be used together.\n\n");
    return keep(&c->id, value);
}

static bool
set_ID_PREFIX(struct nj_client_config *c, const char *value)
{
    if (c->id != NULL)
        return nj_client_mistake("Error: -i and -I argument cannot be used together.\n\n");
    return keep(&c->id_prefix, value);
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
    long seconds = strcmp(value, "∞") == 0 ? -1 : number(value);

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
    return add_topic(c, "-t", value);
}

static bool
set_RESPONSE(struct nj_client_config *c, const char *value)
{
    return check_name("response", "-e", value) && keep(&c->response_topic, value);
}

static bool
set_FILTER_OUT(struct nj_client_config *c, const char *value)
{
    return check_filter("filter", "-T", value) && append(&c->filters_out, value);
}

static bool
set_UNSUBSCRIBE(struct nj_client_config *c, const char *value)
{
    return check_filter("unsubscribe", "-U", value) && append(&c->unsubscribes, value);
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
        "Error: Unknown --retain-handling argument '%s', it is one of always, new, "
        "never.\n\n",
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
    return nj_client_format_check(c, value) && keep(&c->format, value);
}

static bool
set_WILL_TOPIC(struct nj_client_config *c, const char *value)
{
    return check_name("will", "--will-topic", value) && keep(&c->will_topic, value);
}

static bool
set_WILL_PAYLOAD(struct nj_client_config *c, const char *value)
{
    c->will_payload_n = strlen(value);
    return keep(&c->will_payload, value);
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

enum option_id {
#define NJ_OPTION(id, ...) OPTION_##id,
#define NJ_LATER(...)
#include "cmd/client_option.def"
#undef NJ_OPTION
#undef NJ_LATER
    OPTION_LATER
};

#define PUB    NJ_TOOL_PUB
#define SUB    NJ_TOOL_SUB
#define RR     NJ_TOOL_RR
#define DOCTOR NJ_TOOL_DOCTOR
#define ALL    NJ_TOOLS_ALL
static const struct option {
    enum option_id id;
    const char *short_name, *long_name;
    unsigned tools;
    bool has_value;
    const char *missing;
    set_fn set;
} options[] = {
#define NJ_OPTION(id, short_name, long_name, tools, argument, missing, help)                       \
    {OPTION_##id, short_name, long_name, tools, (argument) != NULL, missing, set_##id},
#define NJ_LATER(name, tools, argument, help)                                                      \
    {OPTION_LATER, name, NULL, tools, (argument) != NULL, NULL, NULL},
#include "cmd/client_option.def"
#undef NJ_OPTION
#undef NJ_LATER
};
#undef PUB
#undef SUB
#undef RR
#undef DOCTOR
#undef ALL

static const struct option *
find_option(unsigned tools, const char *word)
{
    for (size_t i = 0; i < NJ_COUNT_OF(options); i++) {
        const struct option *o = &options[i];

        if ((o->tools & tools) == 0)
            continue;
        if ((o->short_name != NULL && strcmp(o->short_name, word) == 0) ||
            (o->long_name != NULL && strcmp(o->long_name, word) == 0))
            return o;
    }
    return NULL;
}

enum walk {
    WALK_ON,
    WALK_MISTAKE,
    WALK_HELP,
    WALK_VERSION,
};

/* A password is not for `ps`. */
static void
hide(char *word)
{
    for (; *word != '\0'; word++)
        *word = 'x';
}

static void
hide_url(char *url)
{
    char *at = strrchr(url, '@');
    char *colon = at != NULL ? strchr(url, ':') : NULL;

    colon = colon != NULL ? strchr(colon + 1, ':') : NULL;
    if (colon != NULL && colon < at)
        memset(colon + 1, 'x', (size_t)(at - colon - 1));
}

/* A key in a token may be named with its PIN. */
static void
hide_pin(char *key)
{
    char *pin = strstr(key, "pin-value=");

    if (pin == NULL)
        return;
    pin += sizeof("pin-value=") - 1;
    memset(pin, 'x', strcspn(pin, ";?&"));
}

/* A word that is no option of this tool: where the broker is, for the doctor. */
static bool
read_word(struct nj_client_config *c, char *word)
{
    if (c->tool == NJ_TOOL_DOCTOR && word[0] != '-')
        return read_host(c, word);
    if (c->tool == NJ_TOOL_DOCTOR && find_option(NJ_TOOLS_ALL, word) != NULL)
        return nj_client_mistake("Error: Option '%s' is not for the doctor: whether a connection "
                                 "works does not depend on it. Leave it out.\n",
                                 word);
    return nj_client_mistake("Error: Unknown option '%s'.\n", word);
}

/* Options and their values, in order. What is taken from argv is copied. */
static enum walk
walk(struct nj_client_config *c, char **words, int count)
{
    for (int i = 0; i < count; i++) {
        const struct option *o = find_option(c->tool, words[i]);

        if (o == NULL && read_word(c, words[i])) {
            hide_url(words[i]);
            continue;
        }
        if (o != NULL && o->id == OPTION_LATER)
            (void)later(words[i]);
        if (o == NULL || o->id == OPTION_LATER)
            return WALK_MISTAKE;
        if (o->id == OPTION_HELP)
            return WALK_HELP;
        if (o->id == OPTION_TOOL_VERSION)
            return WALK_VERSION;
        if (o->id == OPTION_PROPERTY) {
            int used = 0;

            if (i + 3 >= count) {
                (void)nj_client_mistake("Error: %s.\n\n", o->missing);
                return WALK_MISTAKE;
            }
            if (!nj_client_config_property(c, words[i + 1], words + i + 2, count - i - 2, &used))
                return WALK_MISTAKE;
            i += 1 + used;
            continue;
        }
        if (o->has_value && i + 1 == count) {
            (void)nj_client_mistake("Error: %s.\n\n", o->missing);
            return WALK_MISTAKE;
        }
        if (!o->set(c, o->has_value ? words[i + 1] : NULL))
            return WALK_MISTAKE;
        if (o->id == OPTION_PASSWORD || o->id == OPTION_PSK ||
            o->id == OPTION_TLS_ENGINE_KPASS_SHA1)
            hide(words[i + 1]);
        if (o->id == OPTION_URL)
            hide_url(words[i + 1]);
        if (o->id == OPTION_KEY)
            hide_pin(words[i + 1]);
        i += o->has_value;
    }
    return WALK_ON;
}

/* ---- the options file ---- */

/* "-opt value": the value is the rest of the line; that of -D has blanks between its parts. */
static enum walk
walk_line(struct nj_client_config *c, char *line)
{
    char *words[5] = {line + strspn(line, " ")};
    int count = 1;
    char *blank = strchr(words[0], ' ');
    int most =
        strncmp(words[0], "-D ", 3) == 0 || strncmp(words[0], "--property ", 11) == 0 ? 5 : 2;

    if (words[0][0] == '\0')
        return WALK_ON;
    while (blank != NULL && count < most) {
        *blank = '\0';
        if (blank[1] == '\0')
            break; /* a flag with a blank behind it has no value */
        words[count++] = blank + 1;
        blank = strchr(blank + 1, ' ');
    }
    return walk(c, words, count);
}

static enum walk
walk_file(struct nj_client_config *c, const char *path)
{
    char line[UINT16_MAX + 64]; /* the longest password has room */
    FILE *file = fopen(path, "re");
    enum walk result = WALK_ON;

    if (file == NULL)
        return WALK_ON; /* none is fine */
    while (result == WALK_ON && fgets(line, sizeof(line), file) != NULL) {
        if (strlen(line) == sizeof(line) - 1 && line[sizeof(line) - 2] != '\n') {
            (void)nj_client_mistake("Error: A line of %s is too long.\n", path);
            result = WALK_MISTAKE;
            break;
        }
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] != '#')
            result = walk_line(c, line);
    }
    explicit_bzero(line, sizeof(line));
    (void)fclose(file);
    return result;
}

static enum walk
walk_usual_file(struct nj_client_config *c)
{
    const char *xdg = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    char path[PATH_MAX];
    int n;

    if (xdg != NULL && xdg[0] != '\0')
        n = snprintf(path, sizeof(path), "%s/%s", xdg, c->file_name);
    else if (home != NULL)
        n = snprintf(path, sizeof(path), "%s/.config/%s", home, c->file_name);
    else
        return WALK_ON;
    return n > 0 && (size_t)n < sizeof(path) ? walk_file(c, path) : WALK_ON;
}

/* Where -o stands on the command line does not matter: its file comes first. */
static enum walk
walk_all(struct nj_client_config *c, int argc, char **argv)
{
    const char *path = NULL;
    enum walk result;

    for (int i = 1; i < argc; i++) {
        const struct option *o = find_option(c->tool, argv[i]);

        if (o != NULL && o->id == OPTION_OPTIONS_FILE && i + 1 < argc)
            path = argv[i + 1];
        if (o != NULL && o->has_value)
            i++;
    }
    result = path != NULL ? walk_file(c, path) : walk_usual_file(c);
    return result == WALK_ON ? walk(c, argv + 1, argc - 1) : result;
}

/* ---- the payload ---- */

/* All of a stream; false without memory or beyond what MQTT can carry. */
static bool
read_all(struct nj_client_config *c, FILE *file)
{
    size_t cap = 65536;

    c->payload = nj_alloc(cap);
    while (c->payload != NULL) {
        c->payload_n += fread(c->payload + c->payload_n, 1, cap - c->payload_n, file);
        if (c->payload_n > PAYLOAD_MAX) {
            nj_client_say(c, "Error: Message length must be less than %u bytes.\n\n", PAYLOAD_MAX);
            return false;
        }
        if (c->payload_n < cap)
            return ferror(file) == 0;
        cap *= 2;
        char *bigger = nj_realloc(c->payload, cap);
        if (bigger == NULL)
            break;
        c->payload = bigger;
    }
    nj_client_say(c, "Error: Out of memory.\n");
    return false;
}

static bool
load_file(struct nj_client_config *c)
{
    FILE *file = fopen(c->text, "rbe");
    struct stat st;
    bool is_loaded;

    if (file == NULL) {
        nj_client_say(c, "Error: Unable to open file \"%s\".\n", c->text);
        return false;
    }
    if (fstat(fileno(file), &st) == 0 && S_ISDIR(st.st_mode)) {
        nj_client_say(c, "Error: Unable to determine size of file \"%s\".\n", c->text);
        is_loaded = false;
    } else {
        is_loaded = read_all(c, file);
    }
    (void)fclose(file);
    return is_loaded;
}

static bool
load_payload(struct nj_client_config *c)
{
    switch (c->source) {
    case NJ_SOURCE_TEXT:
        c->payload_n = strlen(c->text);
        if (c->payload_n > PAYLOAD_MAX)
            return nj_client_mistake("Error: Message length must be less than %u bytes.\n\n",
                                     PAYLOAD_MAX);
        return keep(&c->payload, c->text);
    case NJ_SOURCE_FILE:
        if (load_file(c))
            return true;
        nj_client_say(c, "Error loading input file \"%s\".\n", c->text);
        return false;
    case NJ_SOURCE_STDIN_FILE:
        if (!read_all(c, stdin)) {
            nj_client_say(c, "Error loading input from stdin.\n");
            return false;
        }
        if (c->payload_n > 0)
            return true;
        nj_client_say(c, "Error: Zero length input.\nError loading input from stdin.\n");
        return false;
    case NJ_SOURCE_NONE:
    case NJ_SOURCE_NULL:
    case NJ_SOURCE_STDIN_LINE:
        return true;
    }
    return true;
}

/* ---- all together ---- */

static bool
check_will(const struct nj_client_config *c)
{
    if (c->will_payload != NULL && c->will_topic == NULL)
        return nj_client_mistake("Error: Will payload given, but no will topic given.\n");
    if (c->will_retain && c->will_topic == NULL)
        return nj_client_mistake("Error: Will retain given, but no will topic given.\n");
    return true;
}

static bool
check_session(struct nj_client_config *c)
{
    bool has_id = c->id != NULL || c->id_prefix != NULL;

    if (c->version == NJ_MQTT_5 && c->is_persistent && !c->has_expiry) {
        c->has_expiry = true;
        c->expiry_s = NJ_SESSION_NEVER_EXPIRES;
    }
    if (c->version == NJ_MQTT_5 && c->has_expiry && c->expiry_s == NJ_SESSION_NEVER_EXPIRES &&
        !has_id)
        return nj_client_mistake(
            "Error: You must provide a client id if you are using an infinite session "
            "expiry interval.\n");
    if (c->version != NJ_MQTT_5 && c->is_persistent && !has_id)
        return nj_client_mistake(
            "Error: You must provide a client id if you are using the -c option.\n");
    return true;
}

static bool
check_srv(const struct nj_client_config *c)
{
    if (c->srv && c->unix_path != NULL)
        return nj_client_mistake("Error: -S and --unix cannot be used together.\n");
    if (c->srv && c->host == NULL && nj_client_config_has_tls(c))
        return nj_client_mistake("Error: -S with TLS needs -h: the broker's certificate has to be "
                                 "for that domain.\n");
    return true;
}

static bool
check_all(struct nj_client_config *c)
{
    if (!check_will(c))
        return false;
    if (c->version == 0)
        c->version = c->tool == NJ_TOOL_RR ? NJ_MQTT_5 : NJ_MQTT_311;
    if (!check_session(c))
        return false;
    if (c->tool == NJ_TOOL_SUB && c->topics.count == 0 && c->unsubscribes.count == 0)
        return nj_client_mistake("Error: You must specify a topic to subscribe to.\n");
    if (!nj_client_config_check_tls(c) || !check_srv(c))
        return false;
    if (c->port < 0 && c->tool != NJ_TOOL_DOCTOR) /* who asks which listener was meant */
        c->port = nj_client_config_has_tls(c) ? 8883 : 1883;
    return nj_client_config_properties_check(c) && nj_client_config_find_password(c);
}

/* What a tool says when something it cannot do without is missing; empty: all is there. */
static const char *
missing_words(const struct nj_client_config *c)
{
    bool has_message = c->source != NJ_SOURCE_NONE;

    switch (c->tool) {
    case NJ_TOOL_PUB:
        return c->topics.count == 0 || !has_message
                   ? "Error: Both topic and message must be supplied.\n"
                   : "";
    case NJ_TOOL_SUB:
        return c->no_retained && c->retained_only
                   ? "\nError: Combining '-R' and '--retained-only' makes no sense.\n"
                   : "";
    case NJ_TOOL_RR:
        return c->topics.count == 0 || !has_message || c->response_topic == NULL
                   ? "Error: All of topic, message, and response topic must be supplied.\n"
                   : "";
    case NJ_TOOL_DOCTOR:
        return "";
    }
    return "";
}

static void
set_defaults(struct nj_client_config *c, enum nj_client_tool tool, const char *called)
{
    static const char *const names[][3] = {
        [NJ_TOOL_PUB] = {"mosquitto_pub", "nightjar pub", "nightjar-pub"},
        [NJ_TOOL_SUB] = {"mosquitto_sub", "nightjar sub", "nightjar-sub"},
        [NJ_TOOL_RR] = {"mosquitto_rr", "nightjar rr", "nightjar-rr"},
        [NJ_TOOL_DOCTOR] = {NULL, "nightjar doctor", "nightjar-doctor"},
    };
    const char *slash = strrchr(called, '/');
    bool is_mosquitto = strncmp(slash != NULL ? slash + 1 : called, "mosquitto", 9) == 0;

    *c = (struct nj_client_config){
        .tool = tool,
        .name = names[tool][is_mosquitto ? 0 : 1],
        .file_name = names[tool][is_mosquitto ? 0 : 2],
        .port = -1,
        .keep_alive_s = 60,
        .inflight = 20,
        .repeat = 1,
        .random_filter = 10000,
        .qos = tool == NJ_TOOL_DOCTOR ? 1 : 0,
    };
}

int
nj_client_config_load(struct nj_client_config *c, enum nj_client_tool tool, int argc, char **argv)
{
    const char *missing;

    set_defaults(c, tool, argc > 0 ? argv[0] : "nightjar");
    switch (walk_all(c, argc, argv)) {
    case WALK_ON:
        if (check_all(c))
            break;
        NJ_FALLTHROUGH;
    case WALK_MISTAKE:
        (void)nj_client_mistake("\nUse '%s --help' to see usage.\n", c->name);
        return 1;
    case WALK_HELP:
        nj_client_print_help(c, stdout);
        c->is_told = true;
        return 1;
    case WALK_VERSION:
        nj_client_print_version(c, stdout);
        c->is_told = true;
        return 1;
    }
    missing = missing_words(c);
    if (missing[0] != '\0') {
        (void)nj_client_mistake("%s", missing);
        if (tool == NJ_TOOL_PUB)
            nj_client_print_help(c, stdout);
        if (tool == NJ_TOOL_RR)
            (void)nj_client_mistake("\nUse '%s --help' to see usage.\n", c->name);
        return 1;
    }
    return load_payload(c) ? 0 : 1;
}

static void
drop(struct nj_strings *list)
{
    for (size_t i = 0; i < list->count; i++)
        nj_free(list->at[i]);
    nj_free(list->at);
}

void
nj_client_config_fini(struct nj_client_config *c)
{
    char *const texts[] = {
        c->host,       c->unix_path,    c->bind_address, c->user,       c->password,
        c->id,         c->id_prefix,    c->text,         c->payload,    c->response_topic,
        c->format,     c->will_topic,   c->will_payload, c->cafile,     c->capath,
        c->cert,       c->key,          c->keyform,      c->ciphers,    c->tls_version,
        c->tls_alpn,   c->psk,          c->psk_identity, c->tls_engine, c->tls_engine_kpass_sha1,
        c->tls_keylog, c->broker_config};

    if (c->password != NULL)
        explicit_bzero(c->password, strlen(c->password));
    if (c->psk != NULL)
        explicit_bzero(c->psk, strlen(c->psk));
    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++)
        nj_free(texts[i]);
    drop(&c->topics);
    drop(&c->filters_out);
    drop(&c->unsubscribes);
    for (size_t i = 0; i < NJ_FOR_COUNT; i++)
        nj_client_property_list_free(c->properties[i]);
    *c = (struct nj_client_config){0};
}
