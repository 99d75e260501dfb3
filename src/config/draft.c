/* SPDX-License-Identifier: Apache-2.0 */
#include "config/draft.h"

#include "base/assert.h"
#include "base/mem.h"
#include "config/value.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PORT             1883
#define DEFAULT_MAX_QUEUED_BYTES (64u << 20)
#define DEFAULT_MAX_OUTPUT_BYTES (16u << 20)

enum nj_err
nj_draft_no_memory(struct nj_diag *diag)
{
    return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
}

/* --- Values into fields --- */

static void
store_number(void *field, size_t bytes, long long value)
{
    switch (bytes) {
    case 1:
        *(uint8_t *)field = (uint8_t)value;
        return;
    case 2:
        *(uint16_t *)field = (uint16_t)value;
        return;
    case 4:
        *(uint32_t *)field = (uint32_t)value;
        return;
    default:
        NJ_ASSERT(bytes == 8);
        *(uint64_t *)field = (uint64_t)value;
    }
}

static enum nj_err
read_number(long long *out, const struct nj_option *o, const char *as, struct nj_str value,
            struct nj_diag *diag)
{
    long long n;
    enum nj_err err = nj_value_number(&n, o->type == NJ_TYPE_WIDE, as, &value, diag);

    if (err != NJ_OK)
        return err;
    if (n < 0 && o->is_zero_from_negative)
        n = 0;
    if (n < o->min || n > o->max) {
        nj_diag_hint(diag, "Expected a number from %lld to %lld (%s).", o->min, o->max, o->form);
        if (o->wrong != NULL)
            return nj_diag_fail(diag, NJ_ECONFIG, "%s", o->wrong);
        return nj_diag_fail(diag, NJ_ECONFIG, "Error: Invalid '%s' value (%lld).", as, n);
    }
    *out = n < 1 && o->is_unlimited_from_zero ? -1 : n;
    return NJ_OK;
}

static enum nj_err
read_text(struct nj_str *out, const struct nj_option *o, const char *as, struct nj_str value,
          struct nj_diag *diag)
{
    enum nj_err err = nj_value_text(out, as, value, diag);

    if (err == NJ_OK && o->max > 0 && out->n > (size_t)o->max)
        return nj_diag_fail(diag, NJ_ECONFIG, "%s", o->wrong);
    return err;
}

enum nj_err
nj_option_store(const struct nj_option *o, void *base, const char *as, struct nj_str value,
                struct nj_diag *diag)
{
    void *field = (char *)base + o->offset;
    enum nj_err err = NJ_OK;
    struct nj_str text;
    char **slot = field;
    long long n = 0;
    char *copy;

    switch (o->type) {
    case NJ_TYPE_ANY:
    case NJ_TYPE_WORDS:
        break;
    case NJ_TYPE_BOOL:
        return nj_value_bool(field, as, &value, diag);
    case NJ_TYPE_INT:
    case NJ_TYPE_WIDE:
        err = read_number(&n, o, as, value, diag);
        if (err == NJ_OK)
            store_number(field, o->bytes, n);
        return err;
    case NJ_TYPE_STRING:
        if (*slot != NULL && !o->is_last_wins)
            return nj_diag_fail(diag, NJ_ECONFIG, "Error: Duplicate '%s' value in configuration.",
                                as);
        err = read_text(&text, o, as, value, diag);
        if (err != NJ_OK)
            return err;
        copy = nj_str_dup(text);
        if (copy == NULL)
            return nj_draft_no_memory(diag);
        nj_free(*slot);
        *slot = copy;
        return NJ_OK;
    }
    return err;
}

/* The same, without storing it. */
static enum nj_err
check_option(const struct nj_option *o, const char *as, struct nj_str value, struct nj_diag *diag)
{
    struct nj_str text;
    long long n;
    bool is_true;

    switch (o->type) {
    case NJ_TYPE_ANY:
        return NJ_OK;
    case NJ_TYPE_BOOL:
        return nj_value_bool(&is_true, as, &value, diag);
    case NJ_TYPE_INT:
    case NJ_TYPE_WIDE:
        return read_number(&n, o, as, value, diag);
    case NJ_TYPE_STRING:
        return read_text(&text, o, as, value, diag);
    case NJ_TYPE_WORDS:
        return nj_value_word(&value).n > 0 ? NJ_OK : nj_value_empty(as, diag);
    }
    return NJ_OK;
}

enum nj_err
nj_option_store_in(struct nj_draft *d, const struct nj_option *o, const char *as,
                   struct nj_str value, struct nj_diag *diag)
{
    void *base = nj_option_is_of_listener(o) ? (void *)&d->listeners[d->current] : d->config;

    return nj_option_store(o, base, as, value, diag);
}

/* What the table says about every field that it knows. */
static void
store_defaults(void *base, bool is_listener)
{
    for (size_t i = 0; i < nj_option_count; i++) {
        const struct nj_option *o = &nj_options[i];

        if (o->initial == NULL || o->bytes == 0 || nj_option_is_of_listener(o) != is_listener)
            continue;
        NJ_ASSERT(nj_option_store(o, base, o->name, nj_str_of(o->initial), NULL) == NJ_OK);
    }
}

/* --- Listeners --- */

static void
free_listener(struct nj_listener_opts *l)
{
    nj_free(l->address);
    nj_free(l->unix_path);
    nj_free(l->bind_interface);
    nj_free(l->mount_point);
    nj_free(l->auto_id_prefix);
    nj_free(l->password_file);
    nj_listener_tls_free(&l->files);
}

enum nj_err
nj_draft_add_listener(struct nj_draft *d, size_t *out)
{
    size_t n = d->listener_count + 1;
    struct nj_listener_opts *listeners;
    struct nj_listener_draft *drafts;

    listeners = nj_realloc(d->listeners, n * sizeof(*listeners));
    if (listeners == NULL)
        return NJ_ENOMEM;
    d->listeners = listeners;
    drafts = nj_realloc(d->listener_drafts, n * sizeof(*drafts));
    if (drafts == NULL)
        return NJ_ENOMEM;
    d->listener_drafts = drafts;

    d->listeners[n - 1] = (struct nj_listener_opts){.accepted_versions = NJ_ACCEPT_ALL,
                                                    .allow_zero_length_clientid = true};
    store_defaults(&d->listeners[n - 1], true);
    d->listener_drafts[n - 1] = (struct nj_listener_draft){-1, -1};
    d->listener_count = n;
    *out = n - 1;
    return NJ_OK;
}

enum nj_err
nj_draft_need_default_listener(struct nj_draft *d, const char *as)
{
    enum nj_err err;

    if (d->default_listener != NJ_NO_LISTENER)
        return NJ_OK;
    nj_log(NJ_LOG_INFO, "Creating default listener due to '%s' option.", as);
    nj_log(NJ_LOG_INFO,
           "It is best practice to define a 'listener' first. Using the '%s' option without a "
           "listener will be disabled in the future.",
           as);
    err = nj_draft_add_listener(d, &d->default_listener);
    if (err == NJ_OK)
        d->listeners[d->default_listener].port = DEFAULT_PORT;
    return err;
}

/* --- One directive --- */

static enum nj_err
need_listener(const struct nj_draft *d, const char *as, struct nj_diag *diag)
{
    if (d->current != NJ_NO_LISTENER)
        return NJ_OK;
    return nj_diag_fail(diag, NJ_ECONFIG,
                        "Error: The '%s' option requires a listener to be defined first.", as);
}

static enum nj_err
check_scope(const struct nj_draft *d, const struct nj_option *o, const char *as,
            struct nj_diag *diag)
{
    switch (o->scope) {
    case NJ_SCOPE_GLOBAL:
    case NJ_SCOPE_DEFAULT_LISTENER:
        break;
    case NJ_SCOPE_SECURITY:
        return d->is_per_listener && o->status == NJ_STATUS_NOW ? need_listener(d, as, diag)
                                                                : NJ_OK;
    case NJ_SCOPE_LISTENER:
        return need_listener(d, as, diag);
    case NJ_SCOPE_BRIDGE:
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "Error: The '%s' option requires a bridge to be defined first.", as);
    case NJ_SCOPE_PLUGIN:
        return nj_diag_fail(
            diag, NJ_ECONFIG,
            "Error: The '%s' option requires plugin/global_plugin/plugin_load to be "
            "defined first.",
            as);
    }
    return NJ_OK;
}

static void
give_notice(const struct nj_option *o, const char *as)
{
    if (o->deprecated != NULL)
        nj_log(NJ_LOG_NOTICE,
               "The '%s' option is now deprecated and will be removed in version 3.0. %s", as,
               o->deprecated);
    if (o->notice == NULL)
        return;
    if (o->status == NJ_STATUS_IGNORED)
        nj_log(NJ_LOG_NOTICE, "The '%s' option has no effect: %s.", as, o->notice);
    else if (nj_str_starts(nj_str_of(o->notice), NJ_STR("Warning")))
        nj_log(NJ_LOG_WARNING, "%s", o->notice);
    else
        nj_log(NJ_LOG_NOTICE, "%s", o->notice);
}

/* Of an option that is not supported yet: does the value ask for what already is? */
static bool
asks_for_what_is(const struct nj_option *o, struct nj_str value)
{
    struct nj_str accepted = o->accepts != NULL ? nj_str_of(o->accepts) : (struct nj_str){0};
    bool is_true, has_to_be;

    if (o->accepts == NULL)
        return false;
    if (o->type != NJ_TYPE_BOOL)
        return nj_str_eq(nj_value_trim(value), accepted);
    return nj_value_bool(&is_true, o->name, &value, NULL) == NJ_OK &&
           nj_value_bool(&has_to_be, o->name, &accepted, NULL) == NJ_OK && is_true == has_to_be;
}

static enum nj_err
check_status(const struct nj_option *o, const char *as, struct nj_str value, struct nj_diag *diag)
{
    enum nj_err err;

    if (o->status == NJ_STATUS_NOW)
        return NJ_OK;
    err = check_option(o, as, value, diag);
    if (err != NJ_OK || o->status == NJ_STATUS_IGNORED || asks_for_what_is(o, value))
        return err;
    if (o->accepts != NULL)
        nj_diag_hint(diag, "For now, only '%s %s' is accepted.", as, o->accepts);
    else
        nj_diag_hint(diag, "It comes with a later version; remove the line to go on without it.");
    return nj_diag_fail(diag, NJ_EUNSUPPORTED, "Error: The '%s' option is not supported yet.", as);
}

static enum nj_err
refuse_unknown(struct nj_str name, struct nj_diag *diag)
{
    const char *near = nj_option_nearest(name);

    if (near != NULL)
        nj_diag_hint(diag, "Did you mean '%s'?", near);
    else
        nj_diag_hint(diag, "nightjar.conf(5) lists all that there are.");
    return nj_diag_fail(diag, NJ_ECONFIG,
                        "Error: Unknown configuration variable '%" NJ_STR_FMT "'.",
                        (int)NJ_MIN(name.n, 400), name.p);
}

enum nj_err
nj_draft_apply(struct nj_draft *d, struct nj_str name, struct nj_str value, struct nj_diag *diag)
{
    const struct nj_option *o = nj_option_find(name);
    char as[128];
    enum nj_err err;

    if (o == NULL)
        return refuse_unknown(name, diag);
    (void)snprintf(as, sizeof(as), "%" NJ_STR_FMT, (int)NJ_MIN(name.n, sizeof(as)), name.p);

    err = check_scope(d, o, as, diag);
    if (err != NJ_OK)
        return err;
    give_notice(o, as);
    err = check_status(o, as, value, diag);
    if (err != NJ_OK)
        return err;
    if (o->scope == NJ_SCOPE_DEFAULT_LISTENER && d->current == NJ_NO_LISTENER) {
        err = nj_draft_need_default_listener(d, as);
        if (err != NJ_OK)
            return nj_draft_no_memory(diag);
        d->current = d->default_listener;
    }
    if (o->status != NJ_STATUS_NOW)
        return NJ_OK;
    if (o->set != NULL)
        return o->set(d, o, as, value, diag);
    return nj_option_store_in(d, o, as, value, diag);
}

/* --- The whole --- */

enum nj_err
nj_draft_new(struct nj_draft *d)
{
    *d = (struct nj_draft){.default_listener = NJ_NO_LISTENER,
                           .current = NJ_NO_LISTENER,
                           .allow_anonymous = -1,
                           .allow_zero_length_clientid = true};
    d->config = nj_zalloc(sizeof(*d->config));
    if (d->config == NULL)
        return NJ_ENOMEM;
    store_defaults(d->config, false);
    d->config->log.facility = -1;
    d->config->broker.persistent_client_expiration_s = UINT32_MAX;
    return NJ_OK;
}

void
nj_draft_free(struct nj_draft *d)
{
    for (size_t i = 0; i < d->listener_count; i++)
        free_listener(&d->listeners[i]);
    nj_free(d->listeners);
    nj_free(d->listener_drafts);
    nj_free(d->password_file);
    nj_free(d->psk_file);
    nj_free(d->auto_id_prefix);
    nj_config_free(d->config);
    *d = (struct nj_draft){0};
}

void
nj_config_free(struct nj_config *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->server.listener_count; i++)
        free_listener(&c->server.listeners[i]);
    nj_free(c->server.listeners);
    nj_free(c->broker.clientid_prefixes);
    nj_free(c->store.directory);
    nj_free(c->persistence_file);
    nj_free(c->user);
    nj_free(c->pid_file);
    nj_free(c->file);
    nj_free(c->log_file);
    nj_free(c->log_timestamp_format);
    nj_free(c);
}

/* NULL stays NULL. */
static bool
copy_text(char **to, const char *from)
{
    *to = from != NULL ? nj_str_dup(nj_str_of(from)) : NULL;
    return from == NULL || *to != NULL;
}

/* A listener on the loopback, otherwise like the default listener, if options have made one. */
static enum nj_err
add_local(struct nj_draft *d, const char *address, uint16_t port)
{
    struct nj_listener_opts *l;
    size_t i;
    enum nj_err err = nj_draft_add_listener(d, &i);

    if (err != NJ_OK)
        return err;
    l = &d->listeners[i];
    if (d->default_listener != NJ_NO_LISTENER) {
        const struct nj_listener_opts *like = &d->listeners[d->default_listener];

        l->socket_domain = like->socket_domain;
        l->max_connections = like->max_connections;
        l->max_qos = like->max_qos;
        l->use_username_as_clientid = like->use_username_as_clientid;
        l->allow_zero_length_clientid = like->allow_zero_length_clientid;
        if (!copy_text(&l->bind_interface, like->bind_interface) ||
            !copy_text(&l->auto_id_prefix, like->auto_id_prefix) ||
            !copy_text(&l->password_file, like->password_file))
            return NJ_ENOMEM;
    }
    l->is_local_only = true;
    l->port = port;
    return copy_text(&l->address, address) ? NJ_OK : NJ_ENOMEM;
}

/* Nobody asked for a listener: only this machine may connect, on each port of the command line. */
static enum nj_err
listen_locally(struct nj_draft *d, const struct nj_config_args *args)
{
    static const uint16_t usual[] = {DEFAULT_PORT};
    bool has_ports = args != NULL && args->port_count > 0;
    const uint16_t *ports = has_ports ? args->ports : usual;
    enum nj_err err = NJ_OK;

    for (unsigned i = 0; i < (has_ports ? args->port_count : 1) && err == NJ_OK; i++) {
        err = add_local(d, "127.0.0.1", ports[i]);
        if (err == NJ_OK)
            err = add_local(d, "::1", ports[i]);
    }
    if (err == NJ_OK && d->default_listener != NJ_NO_LISTENER) {
        /* It was no more than a pattern. */
        if (d->is_per_listener)
            d->allow_anonymous = d->listener_drafts[d->default_listener].allow_anonymous;
        free_listener(&d->listeners[d->default_listener]);
        memmove(d->listeners, d->listeners + 1, (d->listener_count - 1) * sizeof(*d->listeners));
        d->listener_count--;
    }
    return err;
}

/* The first of those that were said, from the nearest to the farthest. */
static bool
may_be_anonymous(const struct nj_draft *d, size_t i)
{
    const struct nj_listener_draft *own = &d->listener_drafts[i];

    if (d->is_listening && own->listener_allow_anonymous >= 0)
        return own->listener_allow_anonymous;
    if (d->is_listening && own->allow_anonymous >= 0)
        return own->allow_anonymous;
    return d->allow_anonymous >= 0 ? d->allow_anonymous : !d->is_listening;
}

static enum nj_err
finish_listeners(struct nj_draft *d, const struct nj_config_args *args)
{
    enum nj_err err = d->is_listening ? NJ_OK : listen_locally(d, args);

    for (size_t i = 0; i < d->listener_count && err == NJ_OK; i++) {
        struct nj_listener_opts *l = &d->listeners[i];

        l->allow_anonymous = may_be_anonymous(d, i);
        l->allow_zero_length_clientid &= d->allow_zero_length_clientid;
        if (l->files.psk_file == NULL && !copy_text(&l->files.psk_file, d->psk_file))
            err = NJ_ENOMEM;
        if (l->password_file == NULL && !copy_text(&l->password_file, d->password_file))
            err = NJ_ENOMEM;
        if (l->auto_id_prefix == NULL &&
            !copy_text(&l->auto_id_prefix, d->auto_id_prefix != NULL ? d->auto_id_prefix : "auto-"))
            err = NJ_ENOMEM;
    }
    return err;
}

/* What the machine, or the control group that we live in, has. */
static uint64_t
memory_bytes(void)
{
    uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    FILE *f = fopen("/sys/fs/cgroup/memory.max", "re");
    uint64_t allowed = 0; /* what "max" is read as, too */
    char line[32];

    if (f != NULL && fgets(line, sizeof(line), f) != NULL)
        allowed = strtoull(line, NULL, 10);
    if (f != NULL)
        (void)fclose(f);
    return allowed > 0 ? NJ_MIN(bytes, allowed) : bytes;
}

/* One processor core is left to all that is not a worker: the store's thread, the log's, the
 * pool's, and the kernel's part of the network. */
static unsigned
worker_count(void)
{
    cpu_set_t set;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        cores = CPU_COUNT(&set);
    return (unsigned)NJ_MAX(cores - 1, 1);
}

/* Where 0 means "you choose". A count of 0 is left alone: it means that there is no limit. */
static void
finish_ceilings(struct nj_config *c)
{
    if (c->memory_limit == 0)
        c->memory_limit = memory_bytes() / 2;
    if (c->broker.max_queued_bytes_total == 0)
        c->broker.max_queued_bytes_total = c->memory_limit / 2;
    if (c->broker.max_retained_bytes == 0)
        c->broker.max_retained_bytes = c->memory_limit / 4;
    if (c->broker.max_queued_bytes == 0)
        c->broker.max_queued_bytes = DEFAULT_MAX_QUEUED_BYTES;
    if (c->server.max_output_bytes == 0)
        c->server.max_output_bytes = DEFAULT_MAX_OUTPUT_BYTES;
    /* Else the largest message could never leave. */
    c->server.max_output_bytes = NJ_MAX(c->server.max_output_bytes, c->server.max_packet_size);
    if (c->server.workers == 0)
        c->server.workers = worker_count();
}

static void
finish_log(struct nj_draft *d, const struct nj_config_args *args)
{
    struct nj_config *c = d->config;

    c->log.types = d->has_log_types ? d->log_types : NJ_LOG_DEFAULT;
    c->log.dests = d->has_log_dests ? d->log_dests : NJ_LOG_TO_STDERR;
    if (args != NULL && args->is_verbose)
        c->log.types = NJ_LOG_ALL;
    if (args != NULL && args->is_quiet)
        c->log.types = 0;
    c->log.file = c->log_file;
    c->log.timestamp_format = c->log_timestamp_format;
}

/* Those of the default listener would be lost where nobody asked for a listener. */
static enum nj_err
check_tls(const struct nj_draft *d, struct nj_diag *diag)
{
    if (d->is_listening || d->default_listener == NJ_NO_LISTENER ||
        !nj_listener_tls_is_on(&d->listeners[d->default_listener].files))
        return NJ_OK;
    nj_diag_hint(diag, "Add the line: listener 8883, before the options for TLS.");
    return nj_diag_fail(diag, NJ_ECONFIG,
                        "Error: The 'certfile' option requires a listener to be defined first.");
}

enum nj_err
nj_draft_finish(struct nj_draft *d, const struct nj_config_args *args, struct nj_config **out,
                struct nj_diag *diag)
{
    struct nj_config *c = d->config;
    enum nj_err err = check_tls(d, diag);

    if (err != NJ_OK)
        return err;
    err = finish_listeners(d, args);
    if (err != NJ_OK)
        return nj_draft_no_memory(diag);
    for (size_t i = 0; i < d->listener_count && err == NJ_OK; i++)
        err = nj_listener_tls_check(&d->listeners[i].files, diag);
    if (err != NJ_OK)
        return err;
    finish_ceilings(c);
    finish_log(d, args);
    c->is_daemon = args != NULL && args->is_daemon;
    c->is_local_only = !d->is_listening;
    c->server.listeners = d->listeners;
    c->server.listener_count = d->listener_count;
    d->listeners = NULL;
    d->listener_count = 0;
    d->config = NULL;
    *out = c;
    return NJ_OK;
}
