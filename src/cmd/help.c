/* SPDX-License-Identifier: Apache-2.0 */
/* help.c — `nightjar help`: the commands there are, those to come, and the help of one of them. */
#include "cmd/cmd.h"

#include <stdbool.h>
#include <stdio.h>
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

static void
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
}

int
nj_cmd_help(int argc, char **argv)
{
    char help_option[] = "--help";

    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        help_of_all();
        return NJ_EXIT_GOOD;
    }
    const struct nj_cmd *command = nj_cmd_find(argv[1]);
    if (command == NULL) {
        fprintf(stderr, "nightjar help: there is no command '%s'.\n", argv[1]);
        return NJ_EXIT_COULD_NOT;
    }
    if (command->run == NULL) {
        printf("nightjar %s: %s. Not available yet.\n", command->name, command->does);
        return NJ_EXIT_GOOD;
    }
    char *asked[] = {argv[1], help_option, NULL};
    return command->run(2, asked);
}
