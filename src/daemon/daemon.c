/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include "admin/sys.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/rcu.h"
#include "broker/home.h"
#include "config/config.h"
#include "daemon/doors.h"
#include "daemon/expiry.h"
#include "daemon/greeting.h"
#include "daemon/password_files.h"
#include "daemon/priv.h"
#include "daemon/secure.h"
#include "daemon/state.h"
#include "daemon/tree.h"
#include "net/tls.h"
#include "server/refusals.h"
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct daemon {
    struct nj_config_args args;
    struct nj_config *config;
    struct nj_doors doors;
    struct nj_state state;
    struct nj_server *server;
    _Atomic(struct nj_server *) log_server; /* for the log's thread, while the server runs */
    struct nj_sys sys;
    struct nj_passphrases passphrases;
    struct nj_secure_watch watch;
    struct nj_expiry expiry;
    uint64_t descriptors;
    int parent; /* that waits until we are ready; -1: none */
    bool counts_openssl;
};

static void
say(struct daemon *d, const char *line)
{
    nj_log(NJ_LOG_ERROR, "%s", line);
    nj_priv_tell_parent(d->parent, line);
}

/* A failure before or beside the log's own lines. */
static void
say_failure(struct daemon *d, const struct nj_diag *diag)
{
    char place[sizeof(diag->file) + 64];

    say(d, diag->text);
    (void)snprintf(place, sizeof(place), "Error found at %s:%d.", diag->file, diag->line);
    if (diag->line > 0)
        say(d, place);
    if (diag->hint[0] != '\0')
        say(d, diag->hint);
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

static bool
log_to_topic(void *ctx, enum nj_log_type type, struct nj_str line)
{
    struct daemon *d = ctx;
    const char *topic = topic_of(type);
    /* Acquire: who finds the server finds its workers. */
    struct nj_server *server = atomic_load_explicit(&d->log_server, memory_order_acquire);

    if (topic == NULL || server == NULL)
        return true; /* nobody can have subscribed to it yet, or any more */
    return nj_server_publish(server, nj_str_of(topic), line, 2, false, 20);
}

static struct nj_log_opts
log_opts(struct daemon *d, const struct nj_config *config)
{
    struct nj_log_opts opts = config->log;

    opts.to_topic = log_to_topic;
    opts.topic_ctx = d;
    return opts;
}

/* ---- what $SYS is told ---- */

static uint64_t
sys_metric(void *ctx, enum nj_metric which)
{
    const struct daemon *d = ctx;

    return nj_server_metric(d->server, which) + nj_state_metric(&d->state, which);
}

static bool
has_tls(const struct daemon *d)
{
    for (size_t i = 0; i < d->config->server.listener_count; i++)
        if (d->config->server.listeners[i].tls != NULL)
            return true;
    return false;
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
        .heap_refused = nj_mem_refused(),
        .log_dropped = nj_log_dropped(),
        .log_errors = nj_log_errors(),
        .has_store = d->state.store != NULL,
        .store_max_bytes = d->config->store.max_bytes,
        .store_refused = nj_server_cause(d->server, NJ_CAUSE_STORE_FULL),
    };
    _Static_assert(NJ_SYS_DATES == NJ_EXPIRY_KINDS, "both know the same kinds, in this order");
    for (size_t i = 0; i < NJ_EXPIRY_KINDS; i++)
        out->ends_s[i] = has_tls(d) ? d->expiry.soonest_s[i] : INT64_MAX;
    out->date_warnings = d->expiry.warnings;
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
    nj_password_files_forget(config);
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
    err = nj_password_files_load(new, &diag);
    if (err == NJ_OK)
        err = nj_secure_load(new, d->config, d->args.tls_keylog, &d->passphrases, &diag);
    if (err == NJ_OK) {
        opts = log_opts(d, new);
        err = nj_log_reopen(&opts, &diag);
    }
    if (err != NJ_OK) {
        say_failure(d, &diag);
        free_config(new);
        return err;
    }
    *out = new;
    return NJ_OK;
}

static const char certificates_in_force[] = "The certificates on the disk are in force.";

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
        say_failure(d, &diag);
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
        say_failure(d, &diag);
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
look_at_dates(struct daemon *d)
{
    nj_expiry_look(&d->expiry, d->config->server.listeners, d->config->server.listener_count,
                   nj_clock_wall_ms() / 1000);
}

static void
look_after_tls(struct daemon *d)
{
    if (!has_tls(d))
        return;
    if (nj_secure_watch_look(&d->watch, d->config))
        renew_tls(d);
    look_at_dates(d);
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
            nj_state_back_up(&d->state);
        else if (signal == SIGUSR2)
            print_state(d);
        else if (signal == SIGRTMIN)
            reopen_log(d);
    }
}

/* ---- the life of the process ---- */

static void
greet(const struct daemon *d)
{
    const struct nj_greeting greeting = {
        .config = d->config,
        .doors = &d->doors,
        .workers = nj_server_workers(d->server),
        .descriptors = d->descriptors,
    };

    nj_greeting_running(&greeting);
}

/* The server, once its workers have ended. No line of the log may be on its way into it. */
static void
end_server(struct daemon *d)
{
    nj_state_stop(&d->state);
    /* Relaxed: the flush waits for the line that is being written, and with it for the last use. */
    atomic_store_explicit(&d->log_server, NULL, memory_order_relaxed);
    nj_log_flush();
    nj_server_free(d->server);
    d->server = NULL;
    nj_state_close(&d->state);
}

/* From open listeners to the last goodbye. */
static int
run(struct daemon *d)
{
    struct nj_server_deps deps = {.door_count = d->doors.count, .doors = d->doors.door};
    struct nj_diag diag = {0};
    const struct nj_sys_ports sys_ports = {d, sys_metric, sys_view, sys_publish};
    enum nj_err err;

    deps.opts = &d->config->server;
    deps.broker_opts = &d->config->broker;
    deps.stores = d->state.ports;
    nj_rand_system(&deps.seed, sizeof(deps.seed));
    err = nj_state_open(&d->state, d->config, &diag);
    if (err == NJ_OK)
        err = nj_server_new(&d->server, &deps, &diag);
    if (err == NJ_OK)
        err = nj_state_load(&d->state, d->server, &diag);
    if (err == NJ_OK)
        err = nj_state_start(&d->state, d->server, &diag);
    if (err == NJ_OK) {
        greet(d); /* all of it, before anybody's lines can come in between */
        /* Before the first client: what is said from its SUBACK on has its topic. */
        atomic_store_explicit(&d->log_server, d->server, memory_order_release);
        err = nj_server_start(d->server, &diag);
    }
    if (err != NJ_OK) {
        say_failure(d, &diag);
        end_server(d);
        return NJ_CONFIG_EXIT_STARTUP;
    }
    nj_priv_let_parent_go(&d->parent, NJ_CONFIG_EXIT_GOOD);
    if (has_tls(d))
        look_at_dates(d);
    nj_sys_init(&d->sys, &sys_ports, "nightjar version " NJ_VERSION,
                d->config->broker.sys_interval_s, nj_clock_wall_ms() / 1000);
    serve(d);
    nj_log(NJ_LOG_INFO, "nightjar version " NJ_VERSION " terminating");
    nj_server_stop(d->server);
    end_server(d);
    return NJ_CONFIG_EXIT_GOOD;
}

/* What must be done in this order: see priv.h. */
static int
prepare(struct daemon *d)
{
    struct nj_diag diag = {0};
    struct nj_log_opts log;

    if (nj_state_place(&d->state, d->config, &diag) != NJ_OK) {
        say_failure(d, &diag);
        return NJ_CONFIG_EXIT_STARTUP;
    }
    if (nj_priv_drop(d->config->user, d->state.directory, &diag) != NJ_OK ||
        (d->config->is_daemon && nj_priv_daemonise(&d->parent, &diag) != NJ_OK) ||
        (d->config->pid_file != NULL && write_pid_file(d->config->pid_file, &diag) != NJ_OK)) {
        say_failure(d, &diag);
        return NJ_CONFIG_EXIT_SYSTEM;
    }
    log = log_opts(d, d->config);
    if (nj_log_open(&log, &diag) != NJ_OK) {
        say_failure(d, &diag);
        return NJ_CONFIG_EXIT_STARTUP;
    }
    nj_mem_limit_set(d->config->memory_limit);
    d->descriptors = nj_descriptor_limit_raise();
    nj_greeting_start(d->config);
    if (!d->counts_openssl)
        nj_log(NJ_LOG_WARNING,
               "Warning: What OpenSSL takes is not counted: memory_limit holds for the rest.");
    d->passphrases.may_ask = true;
    if (nj_secure_load(d->config, NULL, d->args.tls_keylog, &d->passphrases, &diag) != NJ_OK) {
        say_failure(d, &diag);
        return NJ_CONFIG_EXIT_STARTUP;
    }
    d->passphrases.may_ask = false;
    nj_secure_watch_begin(&d->watch, d->config);
    switch (nj_password_files_load(d->config, &diag)) {
    case NJ_OK:
        break;
    case NJ_ESYS:
        say_failure(d, &diag);
        return NJ_CONFIG_EXIT_SECURITY;
    default:
        say_failure(d, &diag);
        return NJ_CONFIG_EXIT_CONFIG;
    }
    if (nj_doors_open(&d->doors, &d->config->server, &diag) != NJ_OK) {
        say_failure(d, &diag);
        return NJ_CONFIG_EXIT_STARTUP;
    }
    return NJ_CONFIG_EXIT_GOOD;
}

int
nj_daemon_main(int argc, char **argv)
{
    /* One per process, and larger than a stack frame should be. */
    static struct daemon d = {.parent = -1};
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
    nj_doors_close(&d.doors);
    if (d.config->pid_file != NULL)
        (void)unlink(d.config->pid_file);
    nj_log_close();
    nj_priv_let_parent_go(&d.parent, code);
    nj_passphrases_fini(&d.passphrases);
    nj_expiry_fini(&d.expiry);
    free_config(d.config);
    return code;
}
