/* SPDX-License-Identifier: Apache-2.0 */
/* help.c — `nightjar help`: the commands there are, those to come, and the help of one of them. The
 * build asks it for what is installed, too: `help --man COMMAND`, `help --completion bash`. */
#include "cmd/cmd.h"
#include "config/config.h"

#include <stdbool.h>
#include <string.h>

static void
list_commands(bool is_later)
{
    for (const struct nj_cmd *c = nj_cmds; c->name != NULL; c++) {
        if ((c->run == NULL) != is_later)
            continue;
        printf("  %-9s %s", c->name, c->does);
        if (c->mosquitto != NULL)
            printf(" (as %s)", c->mosquitto);
        putchar('\n');
    }
}

static int
help_of_all(void)
{
    puts("nightjar: an MQTT broker, its clients, and tools to secure them.\n");
    puts("usage: nightjar COMMAND [OPTION]...\n");
    list_commands(false);
    puts("\nNot yet:");
    list_commands(true);
    puts("\n`nightjar COMMAND --help` says more of one. Called by the name of a Mosquitto program "
         "(a\n"
         "link is enough), nightjar is that program.");
    return NJ_EXIT_GOOD;
}

static int
help_of_one(char *name)
{
    const struct nj_cmd *command = nj_cmd_find(name);
    char help_option[] = "--help";
    char *asked[] = {name, help_option, NULL};

    if (command == NULL) {
        fprintf(stderr, "nightjar help: there is no command '%s'.\n", name);
        return NJ_EXIT_COULD_NOT;
    }
    if (command->run != NULL && command->run != nj_cmd_help)
        return command->run(2, asked);
    printf("nightjar %s: %s.%s\n", command->name, command->does,
           command->run == NULL ? " Not available yet." : "");
    return NJ_EXIT_GOOD;
}

static int
manual_of(const char *name)
{
    const struct nj_cmd *command = nj_cmd_find(name);

    if (strcmp(name, "nightjar") == 0) {
        nj_cmd_print_manual(stdout);
        return NJ_EXIT_GOOD;
    }
    if (strcmp(name, "nightjar.conf") == 0) {
        nj_config_print_man(stdout);
        return NJ_EXIT_GOOD;
    }
    if (command == NULL || command->print_manual == NULL) {
        fprintf(stderr, "nightjar help --man: there is no manual page of '%s'.\n", name);
        return NJ_EXIT_COULD_NOT;
    }
    command->print_manual(stdout);
    return NJ_EXIT_GOOD;
}

static int
completion_for(const char *shell)
{
    if (strcmp(shell, "bash") != 0) {
        fprintf(stderr, "nightjar help --completion: only for bash, not for '%s'.\n", shell);
        return NJ_EXIT_COULD_NOT;
    }
    nj_cmd_print_completion(stdout);
    return NJ_EXIT_GOOD;
}

int
nj_cmd_help(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0)
        return help_of_all();
    if (argc > 2 && strcmp(argv[1], "--man") == 0)
        return manual_of(argv[2]);
    if (argc > 2 && strcmp(argv[1], "--completion") == 0)
        return completion_for(argv[2]);
    return help_of_one(argv[1]);
}
