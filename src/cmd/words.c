/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/words.h"

#include "cmd/cmd.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* In lines of up to 66 characters, each after the first behind 26 blanks. */
static void
fold(FILE *out, const char *text)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t n = strcspn(text, " ");

        if (column > 0 && column + 1 + n > 66) {
            (void)fprintf(out, "\n%26s", "");
            column = 0;
        } else if (column > 0) {
            (void)putc(' ', out);
            column++;
        }
        (void)fwrite(text, 1, n, out);
        column += n;
        text += n + (text[n] == ' ');
    }
    (void)putc('\n', out);
}

void
nj_words_row(FILE *out, const char *names, const char *text)
{
    (void)fprintf(out, "  %-23s ", names);
    if (strlen(names) > 23)
        (void)fprintf(out, "\n%26s", "");
    fold(out, text);
}

void
nj_words_option(FILE *out, const char *other, const char *name, const char *argument,
                const char *text)
{
    char names[96];

    (void)snprintf(names, sizeof(names), "%s%s%s%s%s", other != NULL ? other : "",
                   other != NULL ? ", " : "", name, argument != NULL ? " " : "",
                   argument != NULL ? argument : "");
    nj_words_row(out, names, text);
}

/* mdoc takes a backslash for one of its own, and a dot or an apostrophe at the beginning of a
 * line. */
void
nj_words_roff(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        (void)fputs("\\&", out);
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            (void)fputs("\\e", out);
        else
            (void)putc(*text, out);
    }
    (void)putc('\n', out);
}

const char *
nj_words_locale(const char *category)
{
    const char *const names[] = {"LC_ALL", category, "LANG"};

    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        const char *value = getenv(names[i]);

        if (value != NULL && value[0] != '\0')
            return value;
    }
    return "";
}

int
nj_words_mistake(const char *command, const char *fmt, ...)
{
    va_list args;

    (void)fprintf(stderr, "nightjar %s: ", command);
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fprintf(stderr, "\n`nightjar %s --help` lists the options.\n", command);
    return NJ_EXIT_COULD_NOT;
}

int
nj_words_no_option(const char *command, const char *option, const char *nearest)
{
    if (nearest == NULL)
        return nj_words_mistake(command, "there is no option '%s'.", option);
    return nj_words_mistake(command, "there is no option '%s'; did you mean '%s'?", option,
                            nearest);
}
