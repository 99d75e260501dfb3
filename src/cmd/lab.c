/* SPDX-License-Identifier: Apache-2.0 */
/* lab.c — `nightjar lab`: the command line of the lab. */
#include "cmd/lab.h"

#include "base/mdoc.h"
#include "base/nearest.h"
#include "cmd/cmd.h"
#include "cmd/words.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT 11883u
#define LARGEST_PORT (65535u - 7000u)

enum lab_option {
    STEP,
    EXAM,
    KEEP,
    LANGUAGE,
    PORT,
    PAGE,
    HELP,
};

static const struct {
    const char *name, *argument, *help;
} lab_options[] = {
    [STEP] = {"--step", "N",
              "This step alone, from 1 on; what it builds on is done first, without a word."},
    [EXAM] = {"--exam", "[N]",
              "A mistake is planted and has to be found: by chance, or the one of that number."},
    [KEEP] = {"--keep", NULL, "Leave the directory behind, and print its name at the end."},
    [LANGUAGE] = {"--lang", "en|fr",
                  "English or French. Default: what LC_ALL, LC_MESSAGES or LANG say."},
    [PORT] = {"--port", "PORT",
              "Where the broker listens; with TLS 7000 above that. Default: 11883, so 18883."},
    [PAGE] = {"--page", NULL, "Print Markdown: the pages in docs/lab/ are made so."},
    [HELP] = {"--help", NULL, "Print this."},
};

struct lab_config {
    unsigned step; /* 0: all */
    unsigned exam;
    bool is_exam, is_kept;
};

static void
print_help(FILE *out)
{
    (void)fputs("nightjar lab: the lab on MQTT and its security, on this machine alone.\n\n"
                "usage: nightjar lab [OPTION]...\n\n",
                out);
    for (size_t i = 0; i < NJ_COUNT_OF(lab_options); i++)
        nj_words_option(out, NULL, lab_options[i].name, lab_options[i].argument,
                        lab_options[i].help);
}

void
nj_lab_print_options(FILE *out)
{
    for (size_t i = 0; i < NJ_COUNT_OF(lab_options); i++)
        (void)fprintf(out, "%s\n", lab_options[i].name);
}

void
nj_lab_print_manual(FILE *out)
{
    nj_mdoc_begin(out, "nightjar-lab", 1);
    (void)fputs(
        ".Nm nightjar-lab\n.Nd the security lab, step by step\n.Sh SYNOPSIS\n.Nm nightjar lab\n"
        ".Op Ar option ...\n.Sh DESCRIPTION\n"
        "A broker, a subscriber and a publisher on the loopback; what goes over the wire; "
        "certificates;\n"
        "why TLS fails and how it works; a capture in which nothing can be read.\nEach step prints "
        "what "
        "is typed and what comes of it, and answers the questions of a course.\nIt works in a "
        "directory of its own, which is removed at the end, and ends by itself.\n"
        "Steps that listen to the wire take the right to capture, and are left out without it.\n"
        ".Bl -tag -width Ds\n",
        out);
    for (size_t i = 0; i < NJ_COUNT_OF(lab_options); i++) {
        (void)fprintf(out, ".It Fl %s%s%s\n", lab_options[i].name + 1,
                      lab_options[i].argument != NULL ? " Ar " : "",
                      lab_options[i].argument != NULL ? lab_options[i].argument : "");
        nj_words_roff(out, lab_options[i].help);
    }
    (void)fputs(".El\n.Sh EXIT STATUS\n0 all went as it has to, or the mistake was found; 1 a step "
                "did not go as it has to, or\nthe mistake was not found; 2 it could not begin.\n"
                ".Sh EXAMPLES\n.Bd -literal -offset indent\nnightjar lab\nnightjar lab --step 6\n"
                "nightjar lab --exam\n.Ed\n.Sh SEE ALSO\n.Xr nightjar-sniff 1 ,\n"
                ".Xr nightjar-pki 1 ,\n.Xr nightjar-doctor 1\n",
                out);
}

/* --- the command line --- */

static bool
take_number(const char *name, const char *text, unsigned most, unsigned *out)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text >= '0' && *text <= '9' && *end == '\0' && value >= 1 && value <= most) {
        *out = (unsigned)value;
        return true;
    }
    (void)nj_words_mistake("lab", "%s wants a number, 1 to %u.", name, most);
    return false;
}

static bool
take_language(struct nj_lab *lab, const char *text)
{
    if (strcmp(text, "en") != 0 && strcmp(text, "fr") != 0) {
        (void)nj_words_mistake("lab", "--lang %s: en or fr.", text);
        return false;
    }
    lab->language = text[0] == 'f' ? NJ_LAB_FRENCH : NJ_LAB_ENGLISH;
    return true;
}

static bool
refuse(const char *word)
{
    struct nj_nearest near = nj_nearest_to(nj_str_of(word));

    for (size_t i = 0; i < NJ_COUNT_OF(lab_options); i++)
        nj_nearest_try(&near, lab_options[i].name);
    (void)nj_words_no_option("lab", word, near.name);
    return false;
}

static bool
take(struct lab_config *config, struct nj_lab *lab, enum lab_option option, const char *value)
{
    switch (option) {
    case STEP:
        return take_number("--step", value, (unsigned)nj_lab_step_count, &config->step);
    case EXAM:
        config->is_exam = true;
        return value == NULL ||
               take_number("--exam", value, (unsigned)nj_lab_mistake_count, &config->exam);
    case KEEP:
        config->is_kept = true;
        return true;
    case LANGUAGE:
        return take_language(lab, value);
    case PORT:
        return take_number("--port", value, LARGEST_PORT, &lab->port);
    case PAGE:
        lab->is_page = true;
        return true;
    case HELP:
        return true;
    }
    return false;
}

static bool
parse(struct lab_config *config, struct nj_lab *lab, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        size_t option = 0;
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        while (option < NJ_COUNT_OF(lab_options) && strcmp(argv[i], lab_options[option].name) != 0)
            option++;
        if (option == NJ_COUNT_OF(lab_options))
            return refuse(argv[i]);
        if (lab_options[option].argument == NULL ||
            (option == EXAM && value != NULL && value[0] == '-')) {
            value = NULL;
        } else if (value == NULL && option != EXAM) {
            (void)nj_words_mistake("lab", "%s wants %s.", argv[i], lab_options[option].argument);
            return false;
        }
        i += value != NULL;
        if (!take(config, lab, (enum lab_option)option, value))
            return false;
    }
    return true;
}

/* --- the work --- */

static int
run_steps(struct nj_lab *lab, unsigned step)
{
    static const struct nj_lab_words head = {
        {"# The lab: MQTT and its security\n\nMade by `nightjar lab --page --lang en` "
         "(`scripts/lab-pages`): everything below was typed and printed so.\n",
         "# Le TP : MQTT et sa sécurité\n\nPage produite par `nightjar lab --page --lang fr` "
         "(`scripts/lab-pages`) : tout ce qui suit a été tapé et affiché ainsi.\n"}};
    size_t last = step > 0 ? step : nj_lab_step_count;

    if (lab->is_page)
        (void)puts(nj_lab_in(lab, &head));

    for (size_t i = 0; i < last; i++) {
        const struct nj_lab_step *s = &nj_lab_steps[i];

        lab->is_shown = step == 0 || i + 1 == step;
        nj_lab_show_title(lab, i + 1, nj_lab_in(lab, &s->title));
        for (size_t k = 0; k < s->count; k++)
            if (!nj_lab_act(lab, &s->acts[k]))
                return NJ_EXIT_FOUND;
    }
    return NJ_EXIT_GOOD;
}

int
nj_cmd_lab(int argc, char **argv)
{
    struct nj_lab lab = {.port = DEFAULT_PORT};
    struct lab_config config = {0};
    int code = NJ_EXIT_COULD_NOT;

    if (strncmp(nj_words_locale("LC_MESSAGES"), "fr", 2) == 0)
        lab.language = NJ_LAB_FRENCH;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(stdout);
            return NJ_EXIT_GOOD;
        }
    if (!parse(&config, &lab, argc, argv))
        return NJ_EXIT_COULD_NOT;
    if (nj_lab_begin(&lab))
        code = config.is_exam ? nj_lab_exam(&lab, config.exam) : run_steps(&lab, config.step);
    nj_lab_end(&lab, config.is_kept);
    return code;
}
