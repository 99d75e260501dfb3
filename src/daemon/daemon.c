/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include "admin/sys.h"
#include "auth/password_file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/rcu.h"
#include "broker/home.h"
#include "config/config.h"
#include "daemon/priv.h"
#include "daemon/secure.h"
#include "daemon/tree.h"
#include "net/listener.h"
#include "net/tls.h"
#include "server/refusals.h"
#include "server/server.h"
#include "store/store_mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct daemon {
    struct nj_config_args args;
    struct nj_config *config;
    struct nj_listening *sockets;
    struct nj_door *doors;
    size_t door_count;
    struct nj_store_mem stores[NJ_SHARDS];
    struct nj_store_port *ports[NJ_SHARDS];
    struct nj_server *server;
    _Atomic(struct nj_server *) log_server; /* for the log's thread, while the server runs */
    struct nj_sys sys;
    struct nj_passphrases passphrases;
    struct nj_secure_watch watch;
    struct nj_secure_expiry expiry;
    uint64_t descriptors;
    bool counts_openssl;
};

/* A failure before or beside the log's own lines. */
static void
say_failure(const struct nj_diag *diag)
{
    nj_log(NJ_LOG_ERROR, "%s", diag->text);
    if (diag->line > 0)
        nj_log(NJ_LOG_ERROR, "Error found at %s:%d.", diag->file, diag->line);
    if (diag->hint[0] != '\0')
        nj_log(NJ_LOG_ERROR, "%s", diag->hint);
}

/* ---- the log ---- */

/* The level's topic: $SYS/broker/log/E and so on. Debug is never sent: it would be about itself. */
static const char *
topic_of(enum nj_log_type type)
{
    switch (type) {
    case NJ_LOG_ERROR:
        return "$SYS/broker/log/E";
    case NJ_LOG_WARNING:
        return "$SYS/broker/log/W";
    case NJ_LOG_NOTICE:
        return "$SYS/broker/log/N";
    case NJ_LOG_INFO:
        return "$SYS/broker/log/I";
    case NJ_LOG_SUBSCRIBE:
        return "$SYS/broker/log/M/subscribe";
    case NJ_LOG_UNSUBSCRIBE:
        return "$SYS/broker/log/M/unsubscribe";
    case NJ_LOG_DEBUG:
    case NJ_LOG_WEBSOCKETS:
    case NJ_LOG_INTERNAL:
        break;
    }
    return NULL;
}

static void
log_to_topic(void *ctx, enum nj_log_type type, struct nj_str line)
{
    struct daemon *d = ctx;
    const char *topic = topic_of(type);
    /* Acquire: who finds the server finds its workers. */
    struct nj_server *server = atomic_load_explicit(&d->log_server, memory_order_acquire);

    if (topic != NULL && server != NULL)
        (void)nj_server_publish(server, nj_str_of(topic), line, 2, false, 20);
}

static struct nj_log_opts
log_opts(struct daemon *d, const struct nj_config *config)
{
    struct nj_log_opts opts = config->log;

    opts.to_topic = log_to_topic;
    opts.topic_ctx = d;
    return opts;
}

/* ---- who may connect ---- */

static void
forget_users(struct nj_config *config)
{
    struct nj_server_opts *o = &config->server;

    for (size_t i = 0; i < o->listener_count; i++) {
        nj_users_unref(o->listeners[i].users);
        o->listeners[i].users = NULL;
    }
}

/* The same file is read once, however many listeners use it. */
static struct nj_users *
find_users(const struct nj_server_opts *o, size_t before, const char *path)
{
    for (size_t i = 0; i < before; i++) {
        const struct nj_listener_opts *l = &o->listeners[i];

        if (l->password_file != NULL && strcmp(l->password_file, path) == 0)
            return nj_users_ref(l->users);
    }
    return NULL;
}

static enum nj_err
load_users(struct nj_config *config, struct nj_diag *diag)
{
    struct nj_server_opts *o = &config->server;

    for (size_t i = 0; i < o->listener_count; i++) {
        struct nj_listener_opts *l = &o->listeners[i];
        enum nj_err err = NJ_OK;

        if (l->password_file == NULL)
            continue;
        l->users = find_users(o, i, l->password_file);
        if (l->users == NULL)
            err = nj_password_file_load(&l->users, l->password_file, diag);
        if (err != NJ_OK) {
            forget_users(config);
            return err;
        }
    }
    return NJ_OK;
}

/* ---- what it listens on ---- */

static void
say_opened(const struct nj_listening *l)
{
    if (l->family == AF_UNIX)
        nj_log(NJ_LOG_INFO, "Opening unix listen socket on path %s.", l->address);
    else
        nj_log(NJ_LOG_INFO, "Opening %s listen socket on port %u.",
               l->family == AF_INET6 ? "ipv6" : "ipv4", l->port);
}

static enum nj_family
family_of(enum nj_socket_domain domain)
{
    switch (domain) {
    case NJ_SOCKET_ANY:
        return NJ_FAMILY_ANY;
    case NJ_SOCKET_IPV4:
        return NJ_FAMILY_IPV4;
    case NJ_SOCKET_IPV6:
        return NJ_FAMILY_IPV6;
    }
    return NJ_FAMILY_ANY;
}

static enum nj_err
open_listener(struct daemon *d, size_t i, struct nj_diag *diag)
{
    const struct nj_listener_opts *l = &d->config->server.listeners[i];
    struct nj_listen_opts opts = {
        .address = l->address,
        .port = l->port,
        .unix_path = l->unix_path,
        .bind_interface = l->bind_interface,
        .family = family_of(l->socket_domain),
    };
    struct nj_listening found[NJ_LISTEN_MAX];
    size_t count = 0;
    enum nj_err err = nj_listen(found, &count, &opts, diag);

    /* Of the loopback's two families one may be missing. */
    if (err != NJ_OK && l->is_local_only && errno == EADDRNOTAVAIL)
        return NJ_OK;
    if (err != NJ_OK)
        return err;
    for (size_t k = 0; k < count; k++) {
        d->sockets[d->door_count] = found[k];
        d->doors[d->door_count++] =
            (struct nj_door){.fd = found[k].fd, .port = found[k].port, .listener = i};
        say_opened(&found[k]);
    }
    return NJ_OK;
}

static enum nj_err
open_listeners(struct daemon *d, struct nj_diag *diag)
{
    size_t listeners = d->config->server.listener_count;

    d->sockets = nj_alloc_array(listeners * NJ_LISTEN_MAX, sizeof(*d->sockets));
    d->doors = nj_alloc_array(listeners * NJ_LISTEN_MAX, sizeof(*d->doors));
    if (d->sockets == NULL || d->doors == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    for (size_t i = 0; i < listeners; i++) {
        enum nj_err err = open_listener(d, i, diag);

        if (err != NJ_OK)
            return err;
    }
    if (d->door_count == 0)
        return nj_diag_fail(diag, NJ_ESYS,
                            "Error: Unable to start any listening sockets, exiting.");
    return NJ_OK;
}

/* ---- what a person sees at start ---- */

static bool
is_loopback(const struct nj_listening *l)
{
    return strncmp(l->address, "127.", 4) == 0 || strcmp(l->address, "::1") == 0;
}

static const char *
who_may_connect(const struct nj_listener_opts *o)
{
    if (o->use_identity_as_username || o->use_subject_as_username)
        return "whom the certificate or key names";
    if (o->users == NULL)
        return o->allow_anonymous ? "no password asked"
                                  : "nobody is let in (no password_file, allow_anonymous false)";
    return o->allow_anonymous ? "a password asked only of who gives a user name"
                              : "user name and password asked";
}

static const char *
how_it_is_sent(const struct nj_listener_opts *o)
{
    if (o->tls == NULL)
        return "not encrypted";
    if (o->files.psk_hint != NULL)
        return "TLS with pre-shared keys";
    return o->files.require_certificate ? "TLS with client certificates" : "TLS";
}

/* What it listens on, and how secure that is, in the terms of the course. */
static void
say_security(const struct daemon *d, const struct nj_listening *l, const struct nj_door *door)
{
    const struct nj_listener_opts *o = &d->config->server.listeners[door->listener];
    const char *who = who_may_connect(o);
    const char *how = how_it_is_sent(o);

    if (l->family == AF_UNIX)
        nj_log(NJ_LOG_INFO, "Listening on %s: %s, %s, only for this machine.", l->address, how,
               who);
    else if (is_loopback(l))
        nj_log(NJ_LOG_INFO, "Listening on %s port %u: %s, %s, only for this machine.", l->address,
               l->port, how, who);
    else if (o->tls != NULL)
        nj_log(NJ_LOG_INFO, "Listening on %s port %u: %s, %s.", l->address, l->port, how, who);
    else
        nj_log(
            NJ_LOG_WARNING,
            "Listening on %s port %u: %s, %s, for everybody who can reach it. What is sent can be "
            "read and changed on the way.",
            l->address, l->port, how, who);
}

/* The first one that takes who says no more than where; NULL: none. */
static const struct nj_listening *
open_to_all(const struct daemon *d)
{
    for (size_t i = 0; i < d->door_count; i++) {
        const struct nj_listener_opts *o = &d->config->server.listeners[d->doors[i].listener];

        if (o->tls == NULL && o->allow_anonymous)
            return &d->sockets[i];
    }
    return NULL;
}

static void
say_how_to_try(const struct daemon *d)
{
    const struct nj_listening *l = open_to_all(d);
    /* As it was typed, so that it can be typed again. */
    const char *program =
        strchr(program_invocation_name, '/') != NULL ? program_invocation_name : "nightjar";
    char where[160] = "";

    if (l == NULL)
        return;
    if (l->family == AF_UNIX)
        (void)snprintf(where, sizeof(where), " --unix %s", l->address);
    else if (l->port != 1883)
        (void)snprintf(where, sizeof(where), " -p %u", l->port);
    nj_log(NJ_LOG_INFO, "Try it, in two other terminals:");
    nj_log(NJ_LOG_INFO, "  %s sub%s -t '#' -v", program, where);
    nj_log(NJ_LOG_INFO, "  %s pub%s -t cheese/strudel -m hello", program, where);
}

static void
say_start(const struct daemon *d)
{
    nj_log(NJ_LOG_INFO, "nightjar version " NJ_VERSION " starting");
    if (d->config->file != NULL)
        nj_log(NJ_LOG_INFO, "Config loaded from %s.", d->config->file);
    else
        nj_log(NJ_LOG_INFO, "Using default config.");
    nj_log(NJ_LOG_INFO, "Bridge support NOT available.");
    nj_log(NJ_LOG_INFO, "Persistence support NOT available.");
    nj_log(NJ_LOG_INFO, "TLS support available.");
    nj_log(NJ_LOG_INFO, "TLS-PSK support available.");
    nj_log(NJ_LOG_INFO, "Websockets support NOT available.");
    if (d->config->is_local_only) {
        nj_log(NJ_LOG_WARNING,
               "Starting in local only mode. Connections will only be possible from "
               "clients running on this machine.");
        nj_log(NJ_LOG_WARNING,
               "Create a configuration file which defines a listener to allow remote access.");
        nj_log(NJ_LOG_WARNING, "For more details see "
                               "https://mosquitto.org/documentation/authentication-methods/");
    }
}

static void
say_running(const struct daemon *d)
{
    nj_log(NJ_LOG_INFO, "nightjar version " NJ_VERSION " running");
    nj_log(NJ_LOG_INFO, "%u worker threads, up to %llu open files.", nj_server_workers(d->server),
           (unsigned long long)d->descriptors);
    for (size_t i = 0; i < d->door_count; i++)
        say_security(d, &d->sockets[i], &d->doors[i]);
    if (!d->config->is_daemon)
        say_how_to_try(d);
}

/* ---- what $SYS is told ---- */

static uint64_t
sys_metric(void *ctx, enum nj_metric which)
{
    const struct daemon *d = ctx;

    return nj_server_metric(d->server, which);
}

static void
sys_view(void *ctx, struct nj_sys_view *out)
{
    const struct daemon *d = ctx;
    struct nj_retain_stats retained;

    nj_retain_stats(nj_server_broker(d->server)->retained, &retained);
    *out = (struct nj_sys_view){
        .retained_messages = retained.messages,
        .retained_bytes = retained.bytes,
        .heap = nj_mem_used(),
        .heap_peak = nj_mem_peak(),
    };
}

static void
sys_publish(void *ctx, struct nj_str topic, struct nj_str payload)
{
    const struct daemon *d = ctx;

    (void)nj_server_publish(d->server, topic, payload, 2, true, NJ_NO_EXPIRY);
}

/* ---- the pid file ---- */

static enum nj_err
write_pid_file(const char *path, struct nj_diag *diag)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    char text[24];
    int n = snprintf(text, sizeof(text), "%ld", (long)getpid());

    if (fd < 0)
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to write pid file '%s': %s.", path,
                            strerror(errno));
    if (write(fd, text, (size_t)n) != n) {
        (void)close(fd);
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to write pid file '%s': %s.", path,
                            strerror(errno));
    }
    (void)close(fd);
    return NJ_OK;
}

/* ---- signals ---- */

static void
fill_signals(sigset_t *set)
{
    static const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

    (void)sigemptyset(set);
    for (size_t i = 0; i < NJ_COUNT_OF(handled); i++)
        (void)sigaddset(set, handled[i]);
    (void)sigaddset(set, SIGRTMIN);
}

/* The configuration in force, with the users of its files. */
static void
free_config(struct nj_config *config)
{
    forget_users(config);
    nj_secure_forget(config);
    nj_config_free(config);
}

/* Everything that can fail; its reasons are in the log then. */
static enum nj_err
prepare_reload(struct daemon *d, struct nj_config **out)
{
    struct nj_diag diag = {0};
    struct nj_config *new;
    struct nj_log_opts opts;
    enum nj_err err = nj_config_load(&new, d->args.file, &d->args, &diag);

    if (err != NJ_OK)
        return err;
    err = nj_config_reload_check(d->config, new, &diag);
    if (err != NJ_OK) {
        nj_config_free(new);
        return err;
    }
    err = load_users(new, &diag);
    if (err == NJ_OK)
        err = nj_secure_load(new, d->config, d->args.tls_keylog, &d->passphrases, &diag);
    if (err == NJ_OK) {
        opts = log_opts(d, new);
        err = nj_log_reopen(&opts, &diag);
    }
    if (err != NJ_OK) {
        say_failure(&diag);
        free_config(new);
        return err;
    }
    *out = new;
    return NJ_OK;
}

static const char certificates_in_force[] = "The certificates on the disk are in force.";

static bool
has_tls(const struct daemon *d)
{
    for (size_t i = 0; i < d->config->server.listener_count; i++)
        if (d->config->server.listeners[i].tls != NULL)
            return true;
    return false;
}

/* All or nothing: until everything has been checked and the log's file is open, nothing changes. */
static void
reload(struct daemon *d)
{
    struct nj_config *old = d->config, *new;

    nj_log(NJ_LOG_INFO, "Reloading config.");
    if (prepare_reload(d, &new) != NJ_OK) {
        nj_log(NJ_LOG_ERROR, "The configuration in force stays as it was.");
        return;
    }
    nj_mem_limit_set(new->memory_limit);
    nj_server_reload(d->server, &new->server, &new->broker);
    nj_sys_set_interval(&d->sys, new->broker.sys_interval_s);
    d->config = new;
    nj_secure_watch_begin(&d->watch, new);
    free_config(old);
    if (has_tls(d))
        nj_log(NJ_LOG_INFO, "%s", certificates_in_force);
}

static void
reopen_log(struct daemon *d)
{
    struct nj_diag diag = {0};
    struct nj_log_opts opts = log_opts(d, d->config);

    if (nj_log_reopen(&opts, &diag) != NJ_OK)
        say_failure(&diag);
}

/* ---- TLS while it runs ---- */

/* Certificates that have changed on the disk, under the configuration in force. */
static void
renew_tls(struct daemon *d)
{
    struct nj_server_opts *o = &d->config->server;
    struct nj_config new = *d->config;
    struct nj_listener_opts *old = o->listeners;
    struct nj_diag diag = {0};

    nj_log(NJ_LOG_INFO, "Files of TLS have changed: loading them.");
    new.server.listeners = nj_alloc_array(o->listener_count, sizeof(*old));
    if (new.server.listeners == NULL)
        return;
    memcpy(new.server.listeners, old, o->listener_count * sizeof(*old));
    for (size_t i = 0; i < o->listener_count; i++)
        new.server.listeners[i].tls = NULL;
    if (nj_secure_load(&new, d->config, d->args.tls_keylog, &d->passphrases, &diag) != NJ_OK) {
        say_failure(&diag);
        nj_log(NJ_LOG_ERROR, "The certificates in force stay as they were.");
        nj_free(new.server.listeners);
        return;
    }
    /* The workers look at a copy while the original changes. */
    nj_server_reload(d->server, &new.server, &d->config->broker);
    o->listeners = new.server.listeners;
    nj_server_reload(d->server, o, &d->config->broker);
    for (size_t i = 0; i < o->listener_count; i++)
        nj_tls_context_unref(old[i].tls);
    nj_free(old);
    nj_log(NJ_LOG_INFO, "%s", certificates_in_force);
}

static void
publish_number(const struct daemon *d, const char *topic, int64_t n)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%lld", (long long)n);
    (void)nj_server_publish(d->server, nj_str_of(topic), nj_str_of(text), 2, true, NJ_NO_EXPIRY);
}

/* At start, and whenever it says something new. */
static void
look_at_dates(struct daemon *d, bool is_new)
{
    int64_t now_s = nj_clock_wall_ms() / 1000, before_s = d->expiry.soonest_s;
    uint64_t warnings = d->expiry.warnings;

    nj_secure_expiry_look(&d->expiry, d->config, now_s);
    if (d->expiry.soonest_s == INT64_MAX || d->config->broker.sys_interval_s == 0)
        return;
    if (is_new || before_s != d->expiry.soonest_s || warnings != d->expiry.warnings ||
        now_s % 3600 == 0) {
        publish_number(d, "$SYS/broker/certificates/days left",
                       (d->expiry.soonest_s - now_s) / 86400);
        publish_number(d, "$SYS/broker/certificates/warnings", (int64_t)d->expiry.warnings);
    }
}

static void
look_after_tls(struct daemon *d)
{
    if (!has_tls(d))
        return;
    if (nj_secure_watch_look(&d->watch, d->config))
        renew_tls(d);
    look_at_dates(d, false);
}

/* ---- what an operator asks for ---- */

static void
print_refusal(void *ctx, nj_time at, const char *why)
{
    const nj_time *now = ctx;

    nj_log(NJ_LOG_INFO, "%lld s ago: %s", (long long)(*now - at) / 1000, why);
}

static void
print_state(struct daemon *d)
{
    nj_time now = nj_clock_monotonic_ms();

    nj_tree_print(nj_server_broker(d->server)->index);
    nj_log(NJ_LOG_INFO, "%llu refusals since the start; the last %d at most, the oldest first:",
           (unsigned long long)nj_refusals_count(nj_server_refusals(d->server)), NJ_REFUSALS_MAX);
    nj_refusals_each(nj_server_refusals(d->server), print_refusal, &now);
}

/* Until a signal says stop. Between signals, $SYS. */
static void
serve(struct daemon *d)
{
    sigset_t set;
    int signal;

    fill_signals(&set);
    for (;;) {
        struct timespec wait = nj_sys_tick(&d->sys, nj_clock_wall_ms());

        look_after_tls(d);
        if (has_tls(d) && wait.tv_sec >= 1)
            wait = (struct timespec){.tv_sec = 1};
        signal = sigtimedwait(&set, NULL, &wait);
        if (signal == SIGINT || signal == SIGTERM)
            return;
        if (signal == SIGHUP)
            reload(d);
        else if (signal == SIGUSR1)
            nj_log(NJ_LOG_INFO, "SIGUSR1: there is no persistent state to save yet.");
        else if (signal == SIGUSR2)
            print_state(d);
        else if (signal == SIGRTMIN)
            reopen_log(d);
    }
}

/* ---- the life of the process ---- */

static void
close_listeners(struct daemon *d)
{
    for (size_t i = 0; i < d->door_count; i++)
        nj_listening_close(&d->sockets[i]);
    nj_free(d->sockets);
    nj_free(d->doors);
}

/* From open listeners to the last goodbye. */
static int
run(struct daemon *d)
{
    unsigned workers = d->config->server.workers;
    struct nj_server_deps deps = {.door_count = d->door_count, .doors = d->doors};
    struct nj_diag diag = {0};
    const struct nj_sys_ports sys_ports = {d, sys_metric, sys_view, sys_publish};
    enum nj_err err;

    deps.opts = &d->config->server;
    deps.broker_opts = &d->config->broker;
    for (unsigned i = 0; i < workers; i++) {
        nj_store_mem_init(&d->stores[i]);
        d->ports[i] = &d->stores[i].port;
    }
    deps.stores = d->ports;
    nj_rand_system(&deps.seed, sizeof(deps.seed));
    err = nj_server_new(&d->server, &deps, &diag);
    if (err == NJ_OK) {
        say_running(d); /* all of it, before anybody's lines can come in between */
        err = nj_server_start(d->server, &diag);
    }
    if (err != NJ_OK) {
        say_failure(&diag);
        nj_server_free(d->server);
        return NJ_CONFIG_EXIT_STARTUP;
    }
    atomic_store_explicit(&d->log_server, d->server, memory_order_release);
    nj_sys_init(&d->sys, &sys_ports, "nightjar version " NJ_VERSION,
                d->config->broker.sys_interval_s, nj_clock_wall_ms() / 1000);
    if (has_tls(d))
        look_at_dates(d, true);
    serve(d);
    nj_log(NJ_LOG_INFO, "nightjar version " NJ_VERSION " terminating");
    nj_server_stop(d->server);
    /* Relaxed: the flush waits for the line that is being written, and with it for the last use. */
    atomic_store_explicit(&d->log_server, NULL, memory_order_relaxed);
    nj_log_flush();
    nj_server_free(d->server);
    d->server = NULL;
    return NJ_CONFIG_EXIT_GOOD;
}

/* What must be done in this order: see priv.h. */
static int
prepare(struct daemon *d)
{
    struct nj_diag diag = {0};
    struct nj_log_opts log;

    if (nj_priv_drop(d->config->user, &diag) != NJ_OK ||
        (d->config->is_daemon && nj_priv_daemonise(&diag) != NJ_OK) ||
        (d->config->pid_file != NULL && write_pid_file(d->config->pid_file, &diag) != NJ_OK)) {
        say_failure(&diag);
        return NJ_CONFIG_EXIT_SYSTEM;
    }
    log = log_opts(d, d->config);
    if (nj_log_open(&log, &diag) != NJ_OK) {
        say_failure(&diag);
        return NJ_CONFIG_EXIT_STARTUP;
    }
    nj_mem_limit_set(d->config->memory_limit);
    d->descriptors = nj_descriptor_limit_raise();
    say_start(d);
    if (!d->counts_openssl)
        nj_log(NJ_LOG_WARNING,
               "Warning: What OpenSSL takes is not counted: memory_limit holds for the rest.");
    d->passphrases.may_ask = true;
    if (nj_secure_load(d->config, NULL, d->args.tls_keylog, &d->passphrases, &diag) != NJ_OK) {
        say_failure(&diag);
        return NJ_CONFIG_EXIT_STARTUP;
    }
    d->passphrases.may_ask = false;
    nj_secure_watch_begin(&d->watch, d->config);
    switch (load_users(d->config, &diag)) {
    case NJ_OK:
        break;
    case NJ_ESYS:
        say_failure(&diag);
        return NJ_CONFIG_EXIT_SECURITY;
    default:
        say_failure(&diag);
        return NJ_CONFIG_EXIT_CONFIG;
    }
    if (open_listeners(d, &diag) != NJ_OK) {
        say_failure(&diag);
        return NJ_CONFIG_EXIT_STARTUP;
    }
    return NJ_CONFIG_EXIT_GOOD;
}

int
nj_daemon_main(int argc, char **argv)
{
    static struct daemon d; /* one per process, and larger than a stack frame should be */
    sigset_t set;
    int code;

    d.counts_openssl = nj_tls_count_memory(); /* before anything asks OpenSSL for something */
    if (!nj_config_args_parse(&d.args, argc, argv, &code))
        return code;
    if (d.args.is_test)
        return nj_config_test(&d.args);
    if (nj_config_load(&d.config, d.args.file, &d.args, NULL) != NJ_OK)
        return NJ_CONFIG_EXIT_CONFIG;

    /* Before any thread is started, so that none of them is interrupted. */
    fill_signals(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    nj_hash_key_draw();

    code = prepare(&d);
    if (code == NJ_CONFIG_EXIT_GOOD)
        code = run(&d);
    close_listeners(&d);
    if (d.config->pid_file != NULL)
        (void)unlink(d.config->pid_file);
    nj_log_close();
    nj_passphrases_fini(&d.passphrases);
    free_config(d.config);
    return code;
}
