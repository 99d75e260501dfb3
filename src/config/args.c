/* SPDX-License-Identifier: Apache-2.0 */
#include "config/args.h"

#include "config/config.h"

#include <stdlib.h>
#include <string.h>

enum {
    FLAG_CONFIG,
    FLAG_DAEMON,
    FLAG_HELP,
    FLAG_PORT,
    FLAG_QUIET,
    FLAG_VERBOSE,
    FLAG_TEST,
    FLAG_TLS_KEYLOG,
    FLAG_VERSION,
};

/* clang-format off */
const struct nj_flag nj_flags[] = {
    [FLAG_CONFIG] = {"-c", "--config-file", "FILE",
        "Read the configuration file. Without one, only the loopback listens."},
    [FLAG_DAEMON] = {"-d", "--daemon", NULL,
        "Go to the background after starting."},
    [FLAG_HELP] = {"-h", "--help", NULL,
        "Print this help."},
    [FLAG_PORT] = {"-p", "--port", "PORT",
        "Listen on this port of the loopback; up to ten times. Without effect if the configuration "
        "file has a listener."},
    [FLAG_QUIET] = {"-q", "--quiet", NULL,
        "Log nothing, whatever the configuration file and -v say."},
    [FLAG_VERBOSE] = {"-v", "--verbose", NULL,
        "Log everything, whatever the configuration file says."},
    [FLAG_TEST] = {NULL, "--test-config", NULL,
        "Check the configuration file, and end."},
    [FLAG_TLS_KEYLOG] = {NULL, "--tls-keylog", "FILE",
        "Append the keys of all TLS connections to this file, from which Wireshark reads what was said: "
        "for debugging only."},
    [FLAG_VERSION] = {NULL, "--version", NULL,
        "Print the version."},
};
/* clang-format on */
const size_t nj_flag_count = NJ_COUNT_OF(nj_flags);

void
nj_config_print_usage(FILE *out)
{
    (void)fprintf(out,
                  "nightjar version %s\n\n"
                  "nightjar is an MQTT v5.0/v3.1.1/v3.1 broker.\n\n"
                  "Usage: nightjar broker",
                  NJ_CONFIG_VERSION);
    for (size_t i = 0; i < nj_flag_count; i++) {
        const struct nj_flag *f = &nj_flags[i];

        (void)fprintf(out, " [%s%s%s]", f->letter != NULL ? f->letter : f->name,
                      f->takes != NULL ? " " : "", f->takes != NULL ? f->takes : "");
    }
    (void)fputs("\n\n", out);
    for (size_t i = 0; i < nj_flag_count; i++) {
        const struct nj_flag *f = &nj_flags[i];

        (void)fprintf(out, " %s%s%s%s%s\n      %s\n", f->letter != NULL ? f->letter : "",
                      f->letter != NULL ? ", " : "", f->name, f->takes != NULL ? " " : "",
                      f->takes != NULL ? f->takes : "", f->text);
    }
    (void)fputs("\nThe configuration file is described in nightjar.conf(5).\n", out);
}

static void
print_version(void)
{
    (void)printf("nightjar %s\n"
                 "Behaves as Mosquitto 2.1 does.\n"
                 "License Apache-2.0.\n",
                 NJ_CONFIG_VERSION);
}

/* Index of the option, or -1. */
static int
find_flag(const char *word)
{
    for (size_t i = 0; i < nj_flag_count; i++)
        if (strcmp(word, nj_flags[i].name) == 0 ||
            (nj_flags[i].letter != NULL && strcmp(word, nj_flags[i].letter) == 0))
            return (int)i;
    return -1;
}

static bool
refuse_missing(int flag)
{
    switch (flag) {
    case FLAG_CONFIG:
        nj_log(NJ_LOG_ERROR, "Error: -c argument given, but no config file specified.");
        break;
    case FLAG_PORT:
        nj_log(NJ_LOG_ERROR, "Error: -p argument given, but no port specified.");
        break;
    default:
        nj_log(NJ_LOG_ERROR, "Error: %s argument given, but no file specified.",
               nj_flags[flag].name);
    }
    return false;
}

static bool
add_port(struct nj_config_args *args, const char *word)
{
    char *end;
    long port = strtol(word, &end, 10);

    if (*end != '\0' || port < 1 || port > UINT16_MAX) {
        nj_log(NJ_LOG_ERROR, "Error: Invalid port specified (%s).", word);
        return false;
    }
    if (args->port_count == NJ_CONFIG_PORTS_MAX) {
        nj_log(NJ_LOG_ERROR, "Error: Only %d ports can be specified on the command line.",
               NJ_CONFIG_PORTS_MAX);
        return false;
    }
    args->ports[args->port_count++] = (uint16_t)port;
    return true;
}

/* False if the command line is wrong; then it has been said how. */
static bool
take_flag(struct nj_config_args *args, int flag, const char *value)
{
    switch (flag) {
    case FLAG_CONFIG:
        if (args->file != NULL) {
            nj_log(NJ_LOG_ERROR, "Error: Only one config file can be specified.");
            return false;
        }
        args->file = value;
        return true;
    case FLAG_DAEMON:
        args->is_daemon = true;
        return true;
    case FLAG_PORT:
        return add_port(args, value);
    case FLAG_QUIET:
        args->is_quiet = true;
        return true;
    case FLAG_VERBOSE:
        args->is_verbose = true;
        return true;
    case FLAG_TEST:
        args->is_test = true;
        return true;
    case FLAG_TLS_KEYLOG:
        args->tls_keylog = value;
        return true;
    default:
        return true;
    }
}

bool
nj_config_args_parse(struct nj_config_args *args, int argc, char *const argv[], int *exit_code)
{
    *args = (struct nj_config_args){0};
    *exit_code = NJ_CONFIG_EXIT_CONFIG;
    for (int i = 1; i < argc; i++) {
        int flag = find_flag(argv[i]);

        if (flag < 0) {
            (void)fprintf(stderr, "Error: Unknown option '%s'.\n", argv[i]);
            nj_config_print_usage(stdout);
            return false;
        }
        if (flag == FLAG_HELP || flag == FLAG_VERSION) {
            if (flag == FLAG_HELP)
                nj_config_print_usage(stdout);
            else
                print_version();
            *exit_code = NJ_CONFIG_EXIT_GOOD;
            return false;
        }
        if (nj_flags[flag].takes != NULL && i + 1 == argc)
            return refuse_missing(flag);
        if (!take_flag(args, flag, nj_flags[flag].takes != NULL ? argv[++i] : ""))
            return false;
    }
    if (args->is_quiet)
        /* Relaxed: see nj_log_is_on(). */
        atomic_store_explicit(&nj_log_types, 0, memory_order_relaxed);
    *exit_code = NJ_CONFIG_EXIT_GOOD;
    return true;
}
