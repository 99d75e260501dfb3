/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/action.h"

#include "cmd/cmd.h"

#include <string.h>

int
nj_actions_usage(const struct nj_actions *a, FILE *out, int code)
{
    (void)fprintf(out, "%s\n\n", a->does);
    for (size_t i = 0; i < a->count; i++)
        (void)fprintf(out, "Usage: nightjar %s %s\n           %s.\n", a->command, a->action[i].form,
                      a->action[i].does);
    return code;
}

int
nj_actions_fail(const struct nj_diag *diag)
{
    (void)fprintf(stderr, "%s\n", diag->text);
    if (diag->hint[0] != '\0')
        (void)fprintf(stderr, "%s\n", diag->hint);
    return NJ_EXIT_COULD_NOT;
}

void
nj_actions_print_words(const struct nj_actions *a, FILE *out)
{
    for (size_t i = 0; i < a->count; i++)
        (void)fprintf(out, "%.*s\n", (int)strcspn(a->action[i].form, " "), a->action[i].form);
}

void
nj_actions_print_synopsis(const struct nj_actions *a, FILE *out)
{
    (void)fputs(".Sh SYNOPSIS\n", out);
    for (size_t i = 0; i < a->count; i++)
        (void)fprintf(out, ".Nm nightjar %s\n.Li %s\n", a->command, a->action[i].form);
}

void
nj_actions_print_items(const struct nj_actions *a, FILE *out)
{
    for (size_t i = 0; i < a->count; i++)
        (void)fprintf(out, ".It Li %s\n%c%s.\n", a->action[i].form,
                      a->action[i].does[0] - 'a' + 'A', a->action[i].does + 1);
}
