/* SPDX-License-Identifier: Apache-2.0 */
/* config.h — what the broker was told, by file and command line, as one frozen whole made of the
 * small option structs of the rooms. The file format is Mosquitto's mosquitto.conf; options.def is
 * the list of what may stand in it.
 *
 *   args ──┐
 *   file ──┴─► draft, line by line ─► checked, gaps filled ─► struct nj_config, never changed again
 *
 * Everything is said to nj_log() in Mosquitto's words: what is loaded, what is deprecated, and the
 * mistake that ended the loading, with its file and line.
 * Thread: those who start and reload the broker; not more than one at a time. */
#ifndef NJ_CONFIG_CONFIG_H
#define NJ_CONFIG_CONFIG_H

#include "base/err.h"
#include "base/log.h"
#include "broker/opts.h"
#include "server/opts.h"
#include "store/opts.h"

#include <stdio.h>

/* How a broker ends, as Mosquitto's. */
enum nj_config_exit {
    NJ_CONFIG_EXIT_GOOD = 0,      /* a normal stop, help, version, a good --test-config */
    NJ_CONFIG_EXIT_STARTUP = 1,   /* no listener or log could be opened, no memory */
    NJ_CONFIG_EXIT_CONFIG = 3,    /* a mistake on the command line or in the file */
    NJ_CONFIG_EXIT_SECURITY = 13, /* a password or ACL file cannot be read */
    NJ_CONFIG_EXIT_SYSTEM = 14,   /* a system call failed: pid file, setuid */
};

#define NJ_CONFIG_PORTS_MAX 10

/* The command line. All text is lent by argv. */
struct nj_config_args {
    const char *file;                    /* -c; NULL: none */
    uint16_t ports[NJ_CONFIG_PORTS_MAX]; /* -p, for listeners on the loopback */
    unsigned port_count;
    const char *tls_keylog; /* --tls-keylog; NULL: none */
    bool is_daemon;         /* -d */
    bool is_quiet;          /* -q: no log, whatever the file and -v say */
    bool is_verbose;        /* -v: every log type, whatever the file says */
    bool is_test;           /* --test-config */
};

struct nj_config {
    struct nj_broker_opts broker;
    struct nj_server_opts server;
    struct nj_store_opts store;
    char *persistence_file; /* Mosquitto's, which is looked for beside the store; NULL: mosquitto.db
                             */
    bool persistence;       /* false: nothing outlives the process, and `store` says nothing */
    struct nj_log_opts log; /* its texts are those below; to_topic is for its user to fill in */

    /* For the process as a whole. */
    uint64_t memory_limit;
    char *user;     /* to become when started as root; NULL: "mosquitto", or else "nobody" */
    char *pid_file; /* NULL: none */
    bool is_daemon;
    bool is_local_only; /* nothing but the loopback listens, because no listener was asked for */

    char *file; /* where it came from; NULL: no file */
    /* private */
    char *log_file;
    char *log_timestamp_format;
};

/**
 * Read the command line of the broker. What has to be said (usage, version, mistakes) is said.
 *
 * Returns true if there is a broker to run (or, with is_test, a file to test); false if the process
 * shall end with *exit_code. With -q the log is silent from here on.
 */
NJ_NODISCARD bool nj_config_args_parse(struct nj_config_args *args, int argc, char *const argv[],
                                       int *exit_code);

/**
 * Load `path` (NULL: defaults only) under `args` (NULL: an empty command line).
 *
 * out       on NJ_OK a new configuration, the caller's; otherwise untouched.
 * diag      what went wrong, with file and line; may be NULL. It is logged as well.
 *
 * Blocks for the files. Errors NJ_ECONFIG, NJ_ENOMEM, NJ_EUNSUPPORTED for what is only to come; a
 * broker that starts ends with NJ_CONFIG_EXIT_CONFIG for any of them, one that runs goes on as it
 * was.
 */
NJ_NODISCARD enum nj_err nj_config_load(struct nj_config **out, const char *path,
                                        const struct nj_config_args *args, struct nj_diag *diag);
void nj_config_free(struct nj_config *config);

/**
 * May `new` take the place of `old` while the broker runs? Its listeners must be the same ones.
 *
 * On NJ_OK `new` has been made fit to follow: its listeners stand in `old`'s order, and what only a
 * restart can change is as in `old`, with a warning for each option that was to change. On
 * NJ_ECONFIG, said in diag and in the log, `new` is of no use.
 */
NJ_NODISCARD enum nj_err nj_config_reload_check(const struct nj_config *old, struct nj_config *new,
                                                struct nj_diag *diag);

/* --test-config: load args->file and say whether it is good. Returns the exit code. */
int nj_config_test(const struct nj_config_args *args);

/* From the tables: the usage, manual pages nightjar.conf(5) and nightjar-broker(1) in mdoc, and one
 * line per option of the command line, for shell completion. */
void nj_config_print_usage(FILE *out);
void nj_config_print_man(FILE *out);
void nj_config_print_broker_man(FILE *out);
void nj_config_print_completion(FILE *out);

#endif
