/* SPDX-License-Identifier: Apache-2.0 */
/* nightjar.c — main: which command is meant? The name that the binary was called by decides, then
 * the first word. */
#include "base/nearest.h"
#include "cmd/cmd.h"
#include "config/config.h"
#include "daemon/daemon.h"

#include <stdio.h>
#include <string.h>

const struct nj_cmd nj_cmds[] = {
    {"broker", "mosquitto", "the broker", nj_daemon_main, nj_config_print_broker_man,
     nj_config_print_completion},
    {"pub", "mosquitto_pub", "publish messages", nj_cmd_pub, nj_pub_print_manual,
     nj_pub_print_options},
    {"sub", "mosquitto_sub", "subscribe and print what comes", nj_cmd_sub, nj_sub_print_manual,
     nj_sub_print_options},
    {"rr", "mosquitto_rr", "send a request, wait for its response", nj_cmd_rr, nj_rr_print_manual,
     nj_rr_print_options},
    {"init", NULL, "write a working, secure set-up", nj_cmd_init, nj_init_print_manual,
     nj_init_print_options},
    {"passwd", "mosquitto_passwd", "password files", nj_cmd_passwd, nj_passwd_print_manual,
     nj_passwd_print_options},
    {"pki", NULL, "certificates: make, renew, inspect", nj_cmd_pki, nj_pki_print_manual,
     nj_pki_print_options},
    {"help", NULL, "this list, or the help of one command", nj_cmd_help, NULL, NULL},
    {"version", NULL, "version, commit and libraries", nj_cmd_version, NULL, NULL},
    {"ctrl", "mosquitto_ctrl", "run-time control", NULL, NULL, NULL},
    {"signal", "mosquitto_signal", "send a signal to a running broker", NULL, NULL, NULL},
    {"acl", NULL, "explain and check access rules", NULL, NULL, NULL},
    {"doctor", NULL, "find why a connection fails", nj_cmd_doctor, nj_doctor_print_manual,
     nj_doctor_print_options},
    {"sniff", NULL, "read captured traffic as MQTT", nj_cmd_sniff, nj_sniff_print_manual,
     nj_sniff_print_options},
    {"replay", NULL, "play the clients of a capture again", nj_cmd_replay, nj_replay_print_manual,
     nj_replay_print_options},
    {"store", NULL, "check, dump, compact, back up and restore what is stored", nj_cmd_store,
     nj_store_print_manual, nj_store_print_options},
    {"migrate", NULL, "take over what Mosquitto has saved", nj_cmd_migrate, nj_migrate_print_manual,
     nj_migrate_print_options},
    {"bench", NULL, "put a broker under load, and see what it costs", nj_cmd_bench,
     nj_bench_print_manual, nj_bench_print_options},
    {"lab", NULL, "the security lab, step by step", nj_cmd_lab, nj_lab_print_manual,
     nj_lab_print_options},
    {"top", NULL, "a live view of a running broker", NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};

const struct nj_cmd *
nj_cmd_find(const char *name)
{
    for (const struct nj_cmd *c = nj_cmds; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
        if (c->mosquitto != NULL && strcmp(c->mosquitto, name) == 0)
            return c;
    }
    return NULL;
}

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static int
refuse_unknown(const char *word)
{
    struct nj_nearest near = nj_nearest_to((struct nj_str){word, strlen(word)});

    for (const struct nj_cmd *c = nj_cmds; c->name != NULL; c++) {
        nj_nearest_try(&near, c->name);
        if (c->mosquitto != NULL)
            nj_nearest_try(&near, c->mosquitto);
    }
    fprintf(stderr, "nightjar: there is no command '%s'", word);
    if (near.name != NULL)
        fprintf(stderr, "; did you mean '%s'?\n", near.name);
    else
        fputs(".\n", stderr);
    fputs("`nightjar help` lists the commands.\n", stderr);
    return NJ_EXIT_COULD_NOT;
}

static int
run(const struct nj_cmd *command, int argc, char **argv)
{
    if (command->run != NULL)
        return command->run(argc, argv);
    fprintf(stderr, "nightjar %s: not available yet. It is meant to: %s.\n", command->name,
            command->does);
    return NJ_EXIT_COULD_NOT;
}

int
main(int argc, char **argv)
{
    const char *called = argc > 0 ? base_name(argv[0]) : "nightjar";
    const struct nj_cmd *command =
        strncmp(called, "mosquitto", 9) == 0 ? nj_cmd_find(called) : NULL;

    if (command != NULL)
        return run(command, argc, argv);
    if (argc < 2) {
        (void)nj_cmd_help(0, NULL);
        return NJ_EXIT_COULD_NOT;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        word = "help";
    if (strcmp(word, "--version") == 0)
        word = "version";
    command = nj_cmd_find(word);
    return command != NULL ? run(command, argc - 1, argv + 1) : refuse_unknown(word);
}
