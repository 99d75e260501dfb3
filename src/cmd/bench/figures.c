/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/bench/figures.h"

#include "base/assert.h"
#include "base/json.h"
#include "cmd/words.h"

#include <string.h>

static const struct {
    const char *name, *unit, *text;
    int decimals;
} facts[NJ_FIGURES] = {
#define BENCH_FIGURE(id, name, unit, decimals, text) {name, unit, text, decimals},
#include "cmd/bench/figure.def"
#undef BENCH_FIGURE
};

void
nj_figures_add(struct nj_figures *f, enum nj_figure which, double value)
{
    NJ_ASSERT(f->count < NJ_FIGURES_MAX);
    f->list[f->count].which = which;
    f->list[f->count].text = NULL;
    f->list[f->count++].value = value;
}

void
nj_figures_say(struct nj_figures *f, enum nj_figure which, const char *text)
{
    nj_figures_add(f, which, 0);
    f->list[f->count - 1].text = text;
}

/* Digits in groups of three. */
static void
group(char *out, size_t size, double value, int decimals)
{
    char plain[64];
    size_t at = 0;

    (void)snprintf(plain, sizeof(plain), "%.*f", decimals, value);
    size_t whole = strspn(plain, "-0123456789");

    for (size_t i = 0; plain[i] != '\0' && at + 2 < size; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0 && plain[i - 1] != '-')
            out[at++] = ',';
        out[at++] = plain[i];
    }
    out[at] = '\0';
}

/* The words of a figure, with `thing` for the *. */
static void
word(char *out, size_t size, const char *text, const char *thing)
{
    const char *star = strchr(text, '*');

    if (star == NULL || thing == NULL)
        (void)snprintf(out, size, "%s", text);
    else
        (void)snprintf(out, size, "%.*s%s%s", (int)(star - text), text, thing, star + 1);
}

void
nj_figures_print_table(const struct nj_figures *f, FILE *out)
{
    char shown[96];
    char words[96];

    for (unsigned i = 0; i < f->count; i++) {
        enum nj_figure which = f->list[i].which;

        word(words, sizeof(words), facts[which].text, f->thing);
        if (f->list[i].text != NULL)
            (void)snprintf(shown, sizeof(shown), "%s", f->list[i].text);
        else if (facts[which].decimals < 0)
            (void)snprintf(shown, sizeof(shown), "%s", f->list[i].value != 0 ? "yes" : "no");
        else
            group(shown, sizeof(shown), f->list[i].value, facts[which].decimals);
        (void)fprintf(out, "%-48s %16s%s%s\n", words, shown,
                      facts[which].unit[0] != '\0' ? " " : "", facts[which].unit);
    }
}

bool
nj_figures_print_json(const struct nj_figures *f, FILE *out)
{
    struct nj_json *root = nj_json_new();

    for (unsigned i = 0; root != NULL && i < f->count; i++) {
        enum nj_figure which = f->list[i].which;
        char number[64];

        (void)snprintf(number, sizeof(number), "%.*f", facts[which].decimals, f->list[i].value);
        if (f->list[i].text != NULL)
            nj_json_put_text(root, facts[which].name, nj_str_of(f->list[i].text));
        else if (facts[which].decimals < 0)
            nj_json_put_bool(root, facts[which].name, f->list[i].value != 0);
        else
            (void)nj_json_put_parsed(root, facts[which].name, nj_str_of(number));
    }
    return nj_json_write(out, root, false);
}

void
nj_figures_print_manual(FILE *out)
{
    char words[96];

    for (unsigned i = 0; i < NJ_FIGURES; i++) {
        (void)fprintf(out, ".It Li %s\n", facts[i].name);
        word(words, sizeof(words), facts[i].text, "thing");
        nj_words_roff(out, words);
        if (facts[i].unit[0] != '\0')
            (void)fprintf(out, ".Pq %s\n",
                          strcmp(facts[i].unit, "µs") == 0 ? "microseconds" : facts[i].unit);
    }
}
