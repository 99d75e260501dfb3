/* SPDX-License-Identifier: Apache-2.0 */
/* figures.h — what a run has found, in the order in which it is told: as a table for people, as one
 * JSON object for programs. Names, words and units stand in figure.def. Thread: one.
 *
 * Where the words have a *, the table says what the scenario adds: "subscription", "retained
 * message". */
#ifndef NJ_CMD_BENCH_FIGURES_H
#define NJ_CMD_BENCH_FIGURES_H

#include <stdbool.h>
#include <stdio.h>

enum nj_figure {
#define BENCH_FIGURE(id, name, unit, decimals, text) NJ_FIGURE_##id,
#include "cmd/bench/figure.def"
#undef BENCH_FIGURE
    NJ_FIGURES
};

#define NJ_FIGURES_MAX 64

/* Zeroed: none. */
struct nj_figures {
    struct {
        enum nj_figure which;
        double value;
        const char *text; /* NULL: a number */
    } list[NJ_FIGURES_MAX];
    unsigned count;
    const char *thing; /* for the *; lent */
};

void nj_figures_add(struct nj_figures *f, enum nj_figure which, double value);
/* `text` is lent. */
void nj_figures_say(struct nj_figures *f, enum nj_figure which, const char *text);

void nj_figures_print_table(const struct nj_figures *f, FILE *out);
/* False without memory. */
bool nj_figures_print_json(const struct nj_figures *f, FILE *out);
/* All there are, as a list of mdoc(7). */
void nj_figures_print_manual(FILE *out);

#endif
