/* SPDX-License-Identifier: Apache-2.0 */
/* cmd.h — the commands of the one binary, and how one is found.
 *
 * `nightjar NAME …` and, for those that stand in for a program of Mosquitto's, that program's name
 * as a link to the binary: both end in the command's `run`, with argv[0] the name it was called by.
 */
#ifndef NJ_CMD_CMD_H
#define NJ_CMD_CMD_H

#include "base/compiler.h"

#include <stdio.h>

/* How our own commands end; those of Mosquitto's end as Mosquitto's do. */
enum nj_exit {
    NJ_EXIT_GOOD = 0,
    NJ_EXIT_FOUND = 1,    /* ran, and found a fault */
    NJ_EXIT_COULD_NOT = 2 /* could not run */
};

struct nj_cmd {
    const char *name;
    const char *mosquitto; /* the program it stands in for; NULL: there is none */
    const char *does;      /* one line, for `nightjar help` */
    /* Its exit code. NULL: the command comes with a later version. */
    int (*run)(int argc, char **argv);
    /* Both from its table of options: its manual page in mdoc(7), and for completion the names of
     * its options, one a line. NULL: it has none. */
    void (*print_manual)(FILE *out);
    void (*print_options)(FILE *out);
};

/* Every command in the order of `nightjar help`; the last has no name. */
extern const struct nj_cmd nj_cmds[];

/* By name or by Mosquitto's name; NULL when there is none. */
const struct nj_cmd *nj_cmd_find(const char *name);

/* The installed texts that are made from the tables: the manual page of nightjar itself, and
 * completion for bash. */
void nj_cmd_print_manual(FILE *out);
void nj_cmd_print_completion(FILE *out);

/* The commands' entries, each in the file of its name. */
int nj_cmd_help(int argc, char **argv);
int nj_cmd_version(int argc, char **argv);
int nj_cmd_pub(int argc, char **argv);
int nj_cmd_sub(int argc, char **argv);
int nj_cmd_rr(int argc, char **argv);
int nj_cmd_doctor(int argc, char **argv);
int nj_cmd_passwd(int argc, char **argv);
int nj_cmd_pki(int argc, char **argv);
int nj_cmd_init(int argc, char **argv);
int nj_cmd_bench(int argc, char **argv);
int nj_cmd_migrate(int argc, char **argv);
int nj_cmd_store(int argc, char **argv);
int nj_cmd_sniff(int argc, char **argv);
int nj_cmd_replay(int argc, char **argv);
int nj_cmd_lab(int argc, char **argv);

/* What the commands' tables of options give besides; for nj_cmds. */
void nj_store_print_manual(FILE *out);
void nj_store_print_options(FILE *out);
void nj_migrate_print_manual(FILE *out);
void nj_migrate_print_options(FILE *out);
void nj_pub_print_manual(FILE *out);
void nj_pub_print_options(FILE *out);
void nj_sub_print_manual(FILE *out);
void nj_sub_print_options(FILE *out);
void nj_rr_print_manual(FILE *out);
void nj_rr_print_options(FILE *out);
void nj_passwd_print_manual(FILE *out);
void nj_passwd_print_options(FILE *out);
void nj_pki_print_manual(FILE *out);
void nj_pki_print_options(FILE *out);
void nj_init_print_manual(FILE *out);
void nj_init_print_options(FILE *out);
void nj_doctor_print_manual(FILE *out);
void nj_doctor_print_options(FILE *out);
void nj_bench_print_manual(FILE *out);
void nj_bench_print_options(FILE *out);
void nj_sniff_print_manual(FILE *out);
void nj_sniff_print_options(FILE *out);
void nj_replay_print_manual(FILE *out);
void nj_replay_print_options(FILE *out);
void nj_lab_print_manual(FILE *out);
void nj_lab_print_options(FILE *out);

#endif
