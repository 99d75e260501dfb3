/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/verbs.h"

#include "base/nearest.h"
#include "cmd/words.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- help --- */

static void
print_options(FILE *out, const struct nj_verbs *v, unsigned which)
{
    for (size_t i = 0; i < v->option_count; i++) {
        const struct nj_option *o = &v->option[i];

        if ((o->verbs & which) != 0)
            nj_words_option(out, o->other, o->name, o->argument, o->help);
    }
}

static void
print_in_capitals(FILE *out, const char *word)
{
    for (; *word != '\0'; word++)
        (void)fputc(toupper((unsigned char)*word), out);
}

static void
print_help(FILE *out, const struct nj_verbs *v)
{
    (void)fprintf(out, "nightjar %s: %s\n\nusage: nightjar %s ", v->command, v->does, v->command);
    print_in_capitals(out, v->kind);
    (void)fputs(" [OPTION]...", out);
    for (size_t i = 0; i < v->verb_count; i++) {
        if (v->verb[i].operand == NULL)
            continue;
        (void)fputs(" [OPERAND]", out);
        break;
    }
    (void)fputs("\n\n", out);
    for (size_t i = 0; i < v->verb_count; i++)
        nj_words_option(out, NULL, v->verb[i].name, v->verb[i].operand, v->verb[i].help);
    (void)fprintf(out, "\nOptions (`nightjar %s ", v->command);
    print_in_capitals(out, v->kind);
    (void)fprintf(out, " --help`: those of one %s):\n", v->kind);
    print_options(out, v, ~0u);
    (void)fprintf(out, "\n%s", v->end);
}

static void
print_verb_help(FILE *out, const struct nj_verbs *v, const struct nj_verb *verb)
{
    (void)fprintf(out, "usage: nightjar %s %s [OPTION]...%s%s\n\n", v->command, verb->name,
                  verb->operand != NULL ? " " : "", verb->operand != NULL ? verb->operand : "");
    nj_words_row(out, verb->name, verb->help);
    (void)fputc('\n', out);
    print_options(out, v, verb->bit);
}

void
nj_verbs_print_words(FILE *out, const struct nj_verbs *v)
{
    for (size_t i = 0; i < v->verb_count; i++)
        (void)fprintf(out, "%s\n", v->verb[i].name);
    for (size_t i = 0; i < v->option_count; i++)
        (void)fprintf(out, "%s\n", v->option[i].name);
    (void)fputs("--help\n", out);
}

static void
print_argument(FILE *out, const char *argument)
{
    (void)fprintf(out, "%s%s\n", argument != NULL ? " Ar " : "", argument != NULL ? argument : "");
}

void
nj_verbs_print_manual_verbs(FILE *out, const struct nj_verbs *v)
{
    for (size_t i = 0; i < v->verb_count; i++) {
        (void)fprintf(out, ".It Cm %s", v->verb[i].name);
        print_argument(out, v->verb[i].operand);
        nj_words_roff(out, v->verb[i].help);
    }
}

void
nj_verbs_print_manual_options(FILE *out, const struct nj_verbs *v)
{
    for (size_t i = 0; i < v->option_count; i++) {
        const struct nj_option *o = &v->option[i];

        (void)fputs(".It", out);
        if (o->other != NULL)
            (void)fprintf(out, " Fl %s ,", o->other + 1);
        (void)fprintf(out, " Fl %s", o->name + 1);
        print_argument(out, o->argument);
        nj_words_roff(out, o->help);
    }
}

/* --- parser --- */

enum nj_parsed
nj_verbs_mistake(const struct nj_verbs *v, const char *fmt, ...)
{
    va_list args;

    (void)fprintf(stderr, "nightjar %s: ", v->command);
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fprintf(stderr, "\n`nightjar %s --help` lists %ss and options.\n", v->command, v->kind);
    return NJ_PARSED_MISTAKE;
}

static enum nj_parsed
refuse_word(const struct nj_verbs *v, const char *word, bool is_verb)
{
    struct nj_nearest near = nj_nearest_to(nj_str_of(word));

    for (size_t i = 0; is_verb && i < v->verb_count; i++)
        nj_nearest_try(&near, v->verb[i].name);
    for (size_t i = 0; !is_verb && i < v->option_count; i++)
        nj_nearest_try(&near, v->option[i].name);
    if (near.name != NULL)
        return nj_verbs_mistake(v, "'%s' is not known; did you mean '%s'?", word, near.name);
    return nj_verbs_mistake(v, "'%s' is not known.", word);
}

static enum nj_parsed
read_number(const struct nj_verbs *v, uint32_t *out, const struct nj_option *o, const char *text)
{
    char *end;

    errno = 0;
    unsigned long n = strtoul(text, &end, 10);

    if (end == text || *end != '\0' || errno != 0 || text[0] == '-' || n < o->least ||
        n > o->most) {
        return nj_verbs_mistake(v, "%s takes a number from %u to %u, not '%.16s'.", o->name,
                                o->least, o->most, text);
    }
    *out = (uint32_t)n;
    return NJ_PARSED_RUN;
}

static enum nj_parsed
take_value_of(const struct nj_verbs *v, void *config, const struct nj_option *o, char *value)
{
    void *field = (char *)config + o->offset;

    switch (o->kind) {
    case NJ_OPTION_FLAG:
        *(bool *)field = true;
        return NJ_PARSED_RUN;
    case NJ_OPTION_TEXT:
        *(const char **)field = value;
        return NJ_PARSED_RUN;
    case NJ_OPTION_NUMBER:
        return read_number(v, field, o, value);
    default:
        return v->take(config, o, value);
    }
}

static const struct nj_option *
find_option_of(const struct nj_verbs *v, const char *word, size_t n)
{
    for (size_t i = 0; i < v->option_count; i++) {
        const struct nj_option *o = &v->option[i];

        if ((strlen(o->name) == n && strncmp(o->name, word, n) == 0) ||
            (o->other != NULL && strcmp(o->other, word) == 0))
            return o;
    }
    return NULL;
}

/* "--name value", "--name=value", "-n value"; *at moves on with the words that it takes. */
static enum nj_parsed
parse_option(const struct nj_verbs *v, const struct nj_verb *verb, void *config, int argc,
             char **argv, int *at)
{
    char *word = argv[*at];
    size_t n = strcspn(word, "=");
    const struct nj_option *o = find_option_of(v, word, n);
    char *value = word[n] == '=' ? word + n + 1 : NULL;

    if (o == NULL && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
        print_verb_help(stdout, v, verb);
        return NJ_PARSED_HELPED;
    }
    if (o == NULL)
        return refuse_word(v, word, false);
    if ((o->verbs & verb->bit) == 0)
        return nj_verbs_mistake(v, "`%s` has no option %s.", verb->name, o->name);
    if (o->argument == NULL && value != NULL)
        return nj_verbs_mistake(v, "%s takes no value.", o->name);
    if (o->argument != NULL && value == NULL && *at + 1 == argc)
        return nj_verbs_mistake(v, "%s needs its %s.", o->name, o->argument);
    if (value == NULL)
        value = o->argument != NULL ? argv[++*at] : word;
    return take_value_of(v, config, o, value);
}

static enum nj_parsed
parse_words(const struct nj_verbs *v, const struct nj_verb *verb, void *config,
            const char **operand, int argc, char **argv)
{
    enum nj_parsed parsed = NJ_PARSED_RUN;
    bool is_operand_only = false, has_operand = false;

    for (int i = 2; i < argc && parsed == NJ_PARSED_RUN; i++) {
        if (!is_operand_only && strcmp(argv[i], "--") == 0) {
            is_operand_only = true;
        } else if (!is_operand_only && argv[i][0] == '-') {
            parsed = parse_option(v, verb, config, argc, argv, &i);
        } else if (has_operand || verb->operand == NULL) {
            return nj_verbs_mistake(v, "`%s` takes no '%s'.", verb->name, argv[i]);
        } else {
            *operand = argv[i];
            has_operand = true;
        }
    }
    if (parsed == NJ_PARSED_RUN && !has_operand && verb->operand != NULL && verb->operand[0] != '[')
        return nj_verbs_mistake(v, "`%s` needs its %s.", verb->name, verb->operand);
    return parsed;
}

enum nj_parsed
nj_verbs_parse(const struct nj_verbs *v, void *config, const struct nj_verb **verb,
               const char **operand, int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr, v);
        return NJ_PARSED_MISTAKE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout, v);
        return NJ_PARSED_HELPED;
    }
    for (size_t i = 0; i < v->verb_count; i++) {
        if (strcmp(v->verb[i].name, argv[1]) == 0) {
            *verb = &v->verb[i];
            return parse_words(v, *verb, config, operand, argc, argv);
        }
    }
    return refuse_word(v, argv[1], true);
}
