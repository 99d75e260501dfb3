/* SPDX-License-Identifier: Apache-2.0 */
/* manual.c — what `./dev install` puts in place and the table of commands knows: nightjar(1), and
 * completion for bash. */
#include "base/mdoc.h"
#include "cmd/cmd.h"

#include <stdbool.h>

static void
print_commands(FILE *out, bool is_later)
{
    fputs(".Bl -tag -width mosquitto\n", out);
    for (const struct nj_cmd *c = nj_cmds; c->name != NULL; c++) {
        if ((c->run == NULL) != is_later)
            continue;
        fprintf(out, ".It Cm %s\n%s.\n", c->name, c->does);
        if (c->mosquitto != NULL)
            fprintf(out, "Also under the name\n.Nm %s .\n", c->mosquitto);
        if (c->print_manual != NULL)
            fprintf(out, "See\n.Xr nightjar-%s 1 .\n", c->name);
    }
    fputs(".El\n", out);
}

void
nj_cmd_print_manual(FILE *out)
{
    nj_mdoc_begin(out, "nightjar", 1);
    fputs(".Nm nightjar\n"
          ".Nd an MQTT broker, its clients, and tools to secure them\n"
          ".Sh SYNOPSIS\n"
          ".Nm\n"
          ".Ar command\n"
          ".Op Ar option ...\n"
          ".Sh DESCRIPTION\n"
          "One program with these commands:\n",
          out);
    print_commands(out, false);
    fputs(".Pp\nThese come with later versions:\n", out);
    print_commands(out, true);
    fputs(".Pp\nCalled by the name of a program of Mosquitto's (a link is enough),\n"
          ".Nm\n"
          "is that program.\n"
          ".Sh EXIT STATUS\n"
          "Commands that stand in for a program of Mosquitto's end as that program does.\n"
          "All others end with 0 when all is well, 1 when they found a fault, 2 when they\n"
          "could not run.\n"
          ".Sh SEE ALSO\n"
          ".Xr nightjar.conf 5\n",
          out);
}

static void
print_names(FILE *out, const char *between, bool is_mosquitto)
{
    const char *before = "";

    for (const struct nj_cmd *c = nj_cmds; c->name != NULL; c++) {
        const char *name = is_mosquitto ? c->mosquitto : c->name;

        if (c->run == NULL || name == NULL)
            continue;
        fprintf(out, "%s%s", before, name);
        before = between;
    }
}

/* compgen takes words apart at blanks and line ends alike: the names stay one a line. */
void
nj_cmd_print_completion(FILE *out)
{
    fputs("# bash completion for nightjar and the programs of Mosquitto's that it stands in for\n"
          "_nightjar()\n"
          "{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[0]##*/} words=\n"
          "    if [[ $command == nightjar ]]; then\n"
          "        command=${COMP_WORDS[1]}\n"
          "        ((COMP_CWORD > 1)) || command=\n"
          "    fi\n"
          "    case $command in\n"
          "    '') words=\"",
          out);
    print_names(out, " ", false);
    fputs("\" ;;\n    help) words=\"", out);
    print_names(out, " ", false);
    fputs("\" ;;\n", out);
    for (const struct nj_cmd *c = nj_cmds; c->name != NULL; c++) {
        if (c->print_options == NULL)
            continue;
        fprintf(out, "    %s%s%s) words=\"\n", c->name, c->mosquitto != NULL ? " | " : "",
                c->mosquitto != NULL ? c->mosquitto : "");
        c->print_options(out);
        fputs("\" ;;\n", out);
    }
    fputs("    esac\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
          "}\n"
          "complete -o default -F _nightjar nightjar ",
          out);
    print_names(out, " ", true);
    fputc('\n', out);
}
