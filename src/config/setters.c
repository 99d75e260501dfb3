/* SPDX-License-Identifier: Apache-2.0 */
/* The options that are more than one value for one field. */
#include "base/mem.h"
#include "config/draft.h"
#include "config/value.h"

#include <limits.h>
#include <string.h>
#include <sys/un.h>

/* A word, and what it means. */
struct word {
    const char *word;
    uint32_t means;
};

static const struct word *
find_word(const struct word *words, size_t count, struct nj_str word)
{
    for (size_t i = 0; i < count; i++)
        if (nj_str_eq(word, nj_str_of(words[i].word)))
            return &words[i];
    return NULL;
}

static enum nj_err
refuse_word(const struct nj_option *o, const char *as, struct nj_str word, struct nj_diag *diag)
{
    nj_diag_hint(diag, "Expected %s.", o->form);
    return nj_diag_fail(diag, NJ_ECONFIG, "Error: Invalid '%s' value (%" NJ_STR_FMT ").", as,
                        NJ_STR_ARG(word));
}

static enum nj_err
refuse_later(const char *as, struct nj_str word, struct nj_diag *diag)
{
    return nj_diag_fail(diag, NJ_EUNSUPPORTED,
                        "Error: The '%s' value '%" NJ_STR_FMT "' is not supported yet.", as,
                        NJ_STR_ARG(word));
}

static enum nj_err
replace_text(char **slot, struct nj_str text, struct nj_diag *diag)
{
    char *copy = nj_str_dup(text);

    if (copy == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    nj_free(*slot);
    *slot = copy;
    return NJ_OK;
}

/* --- Listeners --- */

static enum nj_err
check_unix_path(struct nj_str path, struct nj_diag *diag)
{
    const size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

    if (path.n == 0)
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "Error: A listener with port 0 must provide a Unix socket path.");
    if (path.n > most)
        return nj_diag_fail(
            diag, NJ_ECONFIG,
            "Error: The path of a Unix socket may have %zu bytes, this one has %zu.", most, path.n);
    return NJ_OK;
}

enum nj_err
nj_set_listener(struct nj_draft *d, const struct nj_option *o, const char *as, struct nj_str value,
                struct nj_diag *diag)
{
    enum nj_err err;
    struct nj_str where;
    long long port;
    size_t i;

    (void)o, (void)as;
    err = nj_value_number(&port, false, "listener port", &value, diag);
    if (err != NJ_OK)
        return err;
    if (port < 0 || port > UINT16_MAX)
        return nj_diag_fail(diag, NJ_ECONFIG, "Error: Invalid 'port' value (%lld).", port);
    where = nj_value_word(&value);
    if (where.n > 0 && where.p[0] == '#')
        where.n = 0;
    if (port == 0) {
        err = check_unix_path(where, diag);
        if (err != NJ_OK)
            return err;
    }
    if (nj_draft_add_listener(d, &i) != NJ_OK)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    d->is_listening = true;
    d->current = i;
    d->listeners[i].port = (uint16_t)port;
    if (where.n == 0)
        return NJ_OK;
    return replace_text(port == 0 ? &d->listeners[i].unix_path : &d->listeners[i].address, where,
                        diag);
}

enum nj_err
nj_set_port(struct nj_draft *d, const struct nj_option *o, const char *as, struct nj_str value,
            struct nj_diag *diag)
{
    struct nj_option into = *o;
    enum nj_err err = nj_draft_need_default_listener(d, as);

    if (err != NJ_OK)
        return nj_diag_fail(diag, err, "Error: Out of memory.");
    if (d->has_default_port)
        nj_log(NJ_LOG_WARNING, "Warning: Default listener port specified multiple times. Only the "
                               "latest will be used.");
    d->is_listening = d->has_default_port = true;
    d->current = d->default_listener;
    into.bytes = sizeof(uint16_t);
    return nj_option_store(&into, &d->listeners[d->default_listener].port, as, value, diag);
}

enum nj_err
nj_set_bind_address(struct nj_draft *d, const struct nj_option *o, const char *as,
                    struct nj_str value, struct nj_diag *diag)
{
    enum nj_err err = nj_draft_need_default_listener(d, as);

    if (err != NJ_OK)
        return nj_diag_fail(diag, err, "Error: Out of memory.");
    d->is_listening = true;
    d->current = d->default_listener;
    return nj_option_store(o, &d->listeners[d->default_listener].address,
                           "default listener bind_address", value, diag);
}

enum nj_err
nj_set_accept_protocol_versions(struct nj_draft *d, const struct nj_option *o, const char *as,
                                struct nj_str value, struct nj_diag *diag)
{
    static const struct word versions[] = {
        {"3", NJ_ACCEPT_V31}, {"4", NJ_ACCEPT_V311}, {"5", NJ_ACCEPT_V5}};
    struct nj_str all = nj_value_trim(value);
    unsigned accepted = 0;

    if (all.n == 0)
        return nj_value_empty(as, diag);
    for (size_t i = 0, n; i < all.n; i += n + 1) {
        const struct word *v;

        for (n = 0; i + n < all.n && strchr(", \t", all.p[i + n]) == NULL; n++)
            continue;
        v = find_word(versions, NJ_COUNT_OF(versions), (struct nj_str){all.p + i, n});
        if (v != NULL)
            accepted |= v->means;
        /* Others are passed over, as in Mosquitto. */
    }
    if (accepted == 0)
        return refuse_word(o, as, all, diag);
    d->listeners[d->current].accepted_versions = (uint8_t)accepted;
    return NJ_OK;
}

enum nj_err
nj_set_protocol(struct nj_draft *d, const struct nj_option *o, const char *as, struct nj_str value,
                struct nj_diag *diag)
{
    struct nj_str word = nj_value_word(&value);

    (void)d;
    if (word.n == 0)
        return nj_value_empty(as, diag);
    if (nj_str_eq(word, NJ_STR("mqtt")))
        return NJ_OK;
    if (nj_str_eq(word, NJ_STR("websockets")) || nj_str_eq(word, NJ_STR("http_api")))
        return refuse_later(as, word, diag);
    return refuse_word(o, as, word, diag);
}

enum nj_err
nj_set_socket_domain(struct nj_draft *d, const struct nj_option *o, const char *as,
                     struct nj_str value, struct nj_diag *diag)
{
    struct nj_str word = nj_value_word(&value);

    if (word.n == 0)
        return nj_value_empty(as, diag);
    if (nj_str_eq(word, NJ_STR("ipv4"))) {
        d->listeners[d->current].socket_domain = NJ_SOCKET_IPV4;
    } else if (nj_str_eq(word, NJ_STR("ipv6"))) {
        d->listeners[d->current].socket_domain = NJ_SOCKET_IPV6;
    } else {
        return nj_value_invalid(as, o->form, word, diag);
    }
    return NJ_OK;
}

enum nj_err
nj_set_mount_point(struct nj_draft *d, const struct nj_option *o, const char *as,
                   struct nj_str value, struct nj_diag *diag)
{
    struct nj_str text;
    enum nj_err err = nj_value_text(&text, as, value, diag);

    if (err != NJ_OK)
        return err;
    if (memchr(text.p, '+', text.n) != NULL || memchr(text.p, '#', text.n) != NULL)
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "Error: Invalid '%s' value (%" NJ_STR_FMT
                            "). Does it contain a wildcard character?",
                            as, NJ_STR_ARG(text));
    return nj_option_store_in(d, o, as, value, diag);
}

/* --- Who may connect, and as whom --- */

enum nj_err
nj_set_per_listener_settings(struct nj_draft *d, const struct nj_option *o, const char *as,
                             struct nj_str value, struct nj_diag *diag)
{
    bool is_true;
    enum nj_err err = nj_value_bool(&is_true, as, &value, diag);

    (void)o;
    if (err != NJ_OK)
        return err;
    if (is_true && (d->allow_anonymous >= 0 || !d->allow_zero_length_clientid ||
                    d->password_file != NULL || d->psk_file != NULL || d->auto_id_prefix != NULL))
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "Error: per_listener_settings must be set before any other security "
                            "settings.");
    d->is_per_listener = is_true;
    return NJ_OK;
}

/* Mosquitto's notice, where there is a newer way. */
static void
note_newer(const struct nj_draft *d, const char *as, const char *newer)
{
    if (d->is_per_listener)
        nj_log(NJ_LOG_NOTICE,
               "You are using the '%s' option with 'per_listener_settings true'. Please replace "
               "this with '%s'.",
               as, newer);
}

enum nj_err
nj_set_allow_anonymous(struct nj_draft *d, const struct nj_option *o, const char *as,
                       struct nj_str value, struct nj_diag *diag)
{
    bool is_allowed;
    enum nj_err err = nj_value_bool(&is_allowed, as, &value, diag);

    (void)o;
    if (err != NJ_OK)
        return err;
    note_newer(d, as, "listener_allow_anonymous");
    if (d->is_per_listener)
        d->listener_drafts[d->current].allow_anonymous = is_allowed;
    else
        d->allow_anonymous = is_allowed;
    return NJ_OK;
}

enum nj_err
nj_set_listener_allow_anonymous(struct nj_draft *d, const struct nj_option *o, const char *as,
                                struct nj_str value, struct nj_diag *diag)
{
    bool is_allowed;
    enum nj_err err = nj_value_bool(&is_allowed, as, &value, diag);

    (void)o;
    if (err == NJ_OK)
        d->listener_drafts[d->current].listener_allow_anonymous = is_allowed;
    return err;
}

enum nj_err
nj_set_allow_zero_length_clientid(struct nj_draft *d, const struct nj_option *o, const char *as,
                                  struct nj_str value, struct nj_diag *diag)
{
    bool *slot = d->is_per_listener ? &d->listeners[d->current].allow_zero_length_clientid
                                    : &d->allow_zero_length_clientid;

    (void)o;
    return nj_value_bool(slot, as, &value, diag);
}

enum nj_err
nj_set_password_file(struct nj_draft *d, const struct nj_option *o, const char *as,
                     struct nj_str value, struct nj_diag *diag)
{
    char **slot = d->is_per_listener ? &d->listeners[d->current].password_file : &d->password_file;

    return nj_option_store(o, slot, as, value, diag);
}

enum nj_err
nj_set_auto_id_prefix(struct nj_draft *d, const struct nj_option *o, const char *as,
                      struct nj_str value, struct nj_diag *diag)
{
    struct nj_option last_wins = *o;

    note_newer(d, as, "listener_auto_id_prefix");
    if (!d->is_per_listener)
        return nj_option_store(o, &d->auto_id_prefix, as, value, diag);
    last_wins.is_last_wins = true; /* the listener's own option may have been there before */
    return nj_option_store(&last_wins, &d->listeners[d->current].auto_id_prefix, as, value, diag);
}

/* --- The log --- */

/* The file is the rest of the line, blanks before it left out. */
static enum nj_err
set_log_file(struct nj_draft *d, struct nj_str rest, struct nj_diag *diag)
{
    if (d->config->log_file != NULL)
        return nj_diag_fail(diag, NJ_ECONFIG, "Error: Duplicate \"log_dest file\" value.");
    while (rest.n > 0 && (rest.p[0] == ' ' || rest.p[0] == '\t'))
        rest = nj_str_from(rest, 1);
    if (rest.n == 0)
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "Error: Empty \"log_dest file\" value in configuration.");
    return replace_text(&d->config->log_file, rest, diag);
}

enum nj_err
nj_set_log_dest(struct nj_draft *d, const struct nj_option *o, const char *as, struct nj_str value,
                struct nj_diag *diag)
{
    static const struct word dests[] = {
        {"none", 0},
        {"stdout", NJ_LOG_TO_STDOUT},
        {"stderr", NJ_LOG_TO_STDERR},
        {"syslog", NJ_LOG_TO_SYSLOG},
        {"topic", NJ_LOG_TO_TOPIC},
        {"file", NJ_LOG_TO_FILE},
    };
    struct nj_str word = nj_value_word(&value);
    const struct word *dest = find_word(dests, NJ_COUNT_OF(dests), word);
    enum nj_err err = NJ_OK;

    if (word.n == 0)
        return nj_value_empty(as, diag);
    if (nj_str_eq(word, NJ_STR("dlt")))
        return refuse_later(as, word, diag);
    if (dest == NULL)
        return refuse_word(o, as, word, diag);
    if (dest->means == NJ_LOG_TO_FILE)
        err = set_log_file(d, value, diag);
    if (err == NJ_OK) {
        d->log_dests = dest->means == 0 ? 0 : d->log_dests | dest->means;
        d->has_log_dests = true;
    }
    return err;
}

enum nj_err
nj_set_log_type(struct nj_draft *d, const struct nj_option *o, const char *as, struct nj_str value,
                struct nj_diag *diag)
{
    static const struct word types[] = {
        {"none", 0},
        {"information", NJ_LOG_INFO},
        {"notice", NJ_LOG_NOTICE},
        {"warning", NJ_LOG_WARNING},
        {"error", NJ_LOG_ERROR},
        {"debug", NJ_LOG_DEBUG},
        {"subscribe", NJ_LOG_SUBSCRIBE},
        {"unsubscribe", NJ_LOG_UNSUBSCRIBE},
        {"websockets", NJ_LOG_WEBSOCKETS},
        {"internal", NJ_LOG_INTERNAL},
        {"all", NJ_LOG_ALL},
    };
    struct nj_str word = nj_value_word(&value);
    const struct word *type = find_word(types, NJ_COUNT_OF(types), word);

    if (word.n == 0)
        return nj_value_empty(as, diag);
    if (type == NULL)
        return refuse_word(o, as, word, diag);
    d->log_types = type->means == 0 ? 0 : d->log_types | type->means;
    d->has_log_types = true;
    return NJ_OK;
}

/* --- Times --- */

enum nj_err
nj_set_durability(struct nj_draft *d, const struct nj_option *o, const char *as,
                  struct nj_str value, struct nj_diag *diag)
{
    static const struct word modes[] = {{"always", NJ_DURABILITY_ALWAYS},
                                        {"interval", NJ_DURABILITY_INTERVAL},
                                        {"none", NJ_DURABILITY_NONE}};
    struct nj_store_opts *store = &d->config->store;
    struct nj_str mode = nj_value_word(&value);
    const struct word *word = find_word(modes, NJ_COUNT_OF(modes), mode);
    long long interval = 0;

    if (mode.n == 0)
        return nj_value_empty(as, diag);
    if (word == NULL)
        return refuse_word(o, as, mode, diag);
    if (word->means == NJ_DURABILITY_INTERVAL) {
        enum nj_err err = nj_value_number(&interval, false, as, &value, diag);

        if (err != NJ_OK)
            return err;
        if (interval < 1 || interval > 3600 * 1000) {
            nj_diag_hint(diag, "Expected 1 to 3600000 milliseconds, for instance interval 100.");
            return nj_diag_fail(diag, NJ_ECONFIG, "Error: Invalid '%s' value (%lld).", as,
                                interval);
        }
    }
    mode = nj_value_word(&value);
    if (mode.n > 0)
        return refuse_word(o, as, mode, diag);
    store->durability.mode = (enum nj_durability)word->means;
    store->durability.interval_ms = (uint32_t)interval;
    return NJ_OK;
}

enum nj_err
nj_set_store_max_bytes(struct nj_draft *d, const struct nj_option *o, const char *as,
                       struct nj_str value, struct nj_diag *diag)
{
    const uint64_t *bytes = &d->config->store.max_bytes;
    enum nj_err err = nj_option_store_in(d, o, as, value, diag);

    if (err != NJ_OK || *bytes == 0 || *bytes >= NJ_STORE_LEAST_BYTES)
        return err;
    nj_diag_hint(diag, "A store needs %u bytes at least; 0 lets it be as large as the disk.",
                 NJ_STORE_LEAST_BYTES);
    return nj_diag_fail(diag, NJ_ECONFIG, "Error: Invalid '%s' value (%llu).", as,
                        (unsigned long long)*bytes);
}

enum nj_err
nj_set_persistent_client_expiration(struct nj_draft *d, const struct nj_option *o, const char *as,
                                    struct nj_str value, struct nj_diag *diag)
{
    static const struct word units[] = {{"s", 1},         {"h", 3600},       {"d", 86400},
                                        {"w", 86400 * 7}, {"m", 86400 * 30}, {"y", 86400 * 365}};
    struct nj_str word = nj_value_word(&value);
    const struct word *unit = NULL;
    uint64_t n = 0;

    if (word.n == 0)
        return nj_value_empty(as, diag);
    unit = find_word(units, NJ_COUNT_OF(units), nj_str_from(word, word.n - 1));
    for (size_t i = 0; i + 1 < word.n && unit != NULL; i++) {
        if (word.p[i] < '0' || word.p[i] > '9')
            unit = NULL;
        else
            n = NJ_MIN(n * 10 + (uint64_t)(word.p[i] - '0'), (uint64_t)UINT32_MAX);
    }
    if (unit == NULL || n == 0) {
        nj_diag_hint(diag, "Expected a number and one of s h d w m y, for instance 14d.");
        return nj_diag_fail(diag, NJ_ECONFIG, "Error: Invalid '%s' duration in configuration.", as);
    }
    (void)o;
    /* What takes 136 years never happens. */
    d->config->broker.persistent_client_expiration_s =
        (uint32_t)NJ_MIN(n * unit->means, (uint64_t)UINT32_MAX);
    return NJ_OK;
}

enum nj_err
nj_set_retain_expiry_interval(struct nj_draft *d, const struct nj_option *o, const char *as,
                              struct nj_str value, struct nj_diag *diag)
{
    const uint32_t most = 10000000;
    uint32_t *interval = &d->config->broker.retain_expiry_s;
    enum nj_err err = nj_option_store_in(d, o, as, value, diag);

    if (err != NJ_OK)
        return err;
    if (*interval > most) {
        nj_log(NJ_LOG_WARNING, "Warning: retain_expiry_interval being capped at 19 years.");
        *interval = most;
    }
    *interval *= 60;
    return NJ_OK;
}
