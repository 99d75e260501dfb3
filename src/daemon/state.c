/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/state.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rcu.h"
#include "base/shell.h"
#include "broker/restore.h"
#include "store/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The port of the first listener tells brokers of one user apart. */
static uint16_t
first_port(const struct nj_config *config)
{
    for (size_t i = 0; i < config->server.listener_count; i++)
        if (config->server.listeners[i].port != 0)
            return config->server.listeners[i].port;
    return 0;
}

static const char mend[] = "Name a directory for the store (persistence_location, or "
                           "XDG_STATE_HOME in the environment), or say persistence false: then "
                           "nothing outlives the process.";

enum nj_err
nj_state_place(struct nj_state *state, const struct nj_config *config, struct nj_diag *diag)
{
    const char *base = getenv("XDG_STATE_HOME"), *below = "";
    bool is_said = config->store.directory != NULL;
    int length;

    if (!config->persistence)
        return NJ_OK;
    if (base == NULL || base[0] != '/') {
        bool is_system = geteuid() == 0;

        base = is_system ? "/var/lib" : getenv("HOME");
        below = is_system ? "" : "/.local/state";
    }
    if (!is_said && (base == NULL || base[0] != '/')) {
        nj_diag_hint(diag, "%s", mend);
        return nj_diag_fail(diag, NJ_ENOENT,
                            "Error: There is no place for the store: HOME is not set.");
    }
    length = is_said ? snprintf(state->directory, PATH_MAX, "%s", config->store.directory)
                     : snprintf(state->directory, PATH_MAX, "%s%s/nightjar/%u", base, below,
                                first_port(config));
    if (length < 0 || length >= PATH_MAX)
        return nj_diag_fail(diag, NJ_EINVAL, "Error: The path of the store is too long.");
    return NJ_OK;
}

static void
say_promise(const struct nj_store_opts *opts)
{
    char when[64] = "";

    switch (opts->durability.mode) {
    case NJ_DURABILITY_ALWAYS:
        break;
    case NJ_DURABILITY_INTERVAL:
        (void)snprintf(when, sizeof(when), " %u ms later", opts->durability.interval_ms);
        break;
    case NJ_DURABILITY_NONE:
        (void)snprintf(when, sizeof(when), " when the system writes it");
        break;
    }
    nj_log(NJ_LOG_INFO,
           "Sessions, what waits for them and retained messages are kept in %s: what is "
           "acknowledged is on the disk%s.",
           opts->directory, when);
}

/* Who comes from Mosquitto finds nothing of what it had saved, and is told how to. */
static void
look_for_mosquittos(const char *directory, const char *name)
{
    char path[PATH_MAX];
    char from[PATH_MAX];
    char to[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", directory, name) < (int)sizeof(path) &&
        access(path, F_OK) == 0)
        nj_log(NJ_LOG_NOTICE,
               "%s is not read. To take over what Mosquitto has saved, stop this broker and run: "
               "nightjar migrate run %s %s",
               path, nj_shell_word(from, sizeof(from), nj_str_of(path)),
               nj_shell_word(to, sizeof(to), nj_str_of(directory)));
}

/* As `nightjar store restore` leaves it that root has run, or a broker that ran as root. */
static bool
is_anothers(const char *directory)
{
    static const char *const files[] = {".", "lock", "data.mdb"};
    char path[PATH_MAX];

    if (access(directory, F_OK) != 0) /* what lies above it keeps us out */
        return false;
    for (unsigned i = 0; i < NJ_COUNT_OF(files); i++) {
        if (snprintf(path, sizeof(path), "%s/%s", directory, files[i]) < (int)sizeof(path) &&
            access(path, R_OK | W_OK) != 0 && errno == EACCES)
            return true;
    }
    return false;
}

static void
say_mend(const char *directory, enum nj_err err, struct nj_diag *diag)
{
    char word[sizeof(diag->hint) / 2];

    if (err == NJ_EEXIST)
        nj_diag_hint(diag, "Two brokers need two directories: persistence_location.");
    else if (is_anothers(directory))
        nj_diag_hint(
            diag, "It belongs to another account than the broker's (%u). As root: chown -R %u %s",
            (unsigned)geteuid(), (unsigned)geteuid(),
            nj_shell_word(word, sizeof(word), nj_str_of(directory)));
    else
        nj_diag_hint(diag, "%s", mend);
}

enum nj_err
nj_state_open(struct nj_state *state, const struct nj_config *config, struct nj_diag *diag)
{
    struct nj_store_opts opts = config->store;
    unsigned workers = config->server.workers;
    bool is_new;
    enum nj_err err;

    for (unsigned i = 0; i < workers; i++) {
        nj_store_mem_init(&state->memory[i]);
        state->ports[i] = &state->memory[i].port;
    }
    if (!config->persistence) {
        nj_log(NJ_LOG_INFO, "Sessions, what waits for them and retained messages end with this "
                            "process (persistence false).");
        return NJ_OK;
    }
    opts.directory = state->directory;
    is_new = !nj_folder_has_store(opts.directory);
    err = nj_store_open(&state->store, &opts, (uint16_t)workers, diag);
    if (err != NJ_OK) {
        if (diag->hint[0] == '\0')
            say_mend(opts.directory, err, diag);
        return err;
    }
    for (unsigned i = 0; i < workers; i++)
        state->ports[i] = nj_store_port(state->store, (uint16_t)i);
    say_promise(&opts);
    if (is_new)
        look_for_mosquittos(opts.directory, config->persistence_file != NULL
                                                ? config->persistence_file
                                                : "mosquitto.db");
    return NJ_OK;
}

static enum nj_err
load(struct nj_store *store, struct nj_restore *restore, struct nj_diag *diag)
{
    struct nj_store_numbers numbers;
    enum nj_err err = nj_store_load(store, &nj_restore_reader, restore, &numbers, diag);

    if (err != NJ_OK)
        return err;
    err = nj_restore_finish(restore, &numbers);
    return err == NJ_OK ? err : nj_diag_fail(diag, err, "Error: Out of memory.");
}

enum nj_err
nj_state_load(struct nj_state *state, struct nj_server *server, struct nj_diag *diag)
{
    struct nj_restore *restore;
    enum nj_err err;

    if (state->store == NULL)
        return NJ_OK;
    restore = nj_restore_begin(nj_server_broker(server), nj_clock_monotonic_ms());
    if (restore == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    nj_rcu_register();
    err = load(state->store, restore, diag);
    nj_rcu_quiescent();
    nj_rcu_unregister();
    nj_restore_free(restore);
    if (err == NJ_OK)
        nj_log(NJ_LOG_INFO, "The store is loaded: %llu sessions, %llu messages waiting for them.",
               (unsigned long long)nj_server_metric(server, NJ_METRIC_SESSIONS),
               (unsigned long long)nj_server_metric(server, NJ_METRIC_QUEUED_MESSAGES));
    return err;
}

static void
wake(void *ctx, uint16_t home)
{
    nj_server_wake(ctx, home);
}

enum nj_err
nj_state_start(struct nj_state *state, struct nj_server *server, struct nj_diag *diag)
{
    return state->store == NULL ? NJ_OK : nj_store_start(state->store, wake, server, diag);
}

void
nj_state_back_up(struct nj_state *state)
{
    if (state->store == NULL)
        nj_log(NJ_LOG_INFO, "SIGUSR1: there is no store to back up (persistence false).");
    else if (!nj_store_back_up(state->store))
        nj_log(NJ_LOG_INFO, "SIGUSR1: no backups are made (store_backup_interval 0).");
}

uint64_t
nj_state_metric(const struct nj_state *state, enum nj_metric which)
{
    return state->store == NULL ? 0 : nj_store_metric(state->store, which);
}

void
nj_state_stop(struct nj_state *state)
{
    if (state->store != NULL)
        nj_store_stop(state->store);
}

void
nj_state_close(struct nj_state *state)
{
    nj_store_close(state->store);
    state->store = NULL;
}
