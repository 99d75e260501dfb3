/* SPDX-License-Identifier: Apache-2.0 */
/* lab_show.c — the lab on a terminal, and as a page in Markdown. */
#include "cmd/lab.h"

#include <string.h>

#define COLUMNS 92u

const char *
nj_lab_in(const struct nj_lab *lab, const struct nj_lab_words *words)
{
    return words->in[lab->language];
}

/* Marks before which French has a blank. */
static bool
is_bound(const char *word)
{
    return strchr(";:?!", word[0]) != NULL || strncmp(word, "»", 2) == 0;
}

/* Folded between words. */
static void
put_folded(const char *words)
{
    size_t column = 0;

    while (*words != '\0') {
        size_t n = strcspn(words, " \n");

        while (words[n] == ' ' && is_bound(words + n + 1)) /* no line begins with it */
            n += 1 + strcspn(words + n + 1, " \n");

        if (column > 0 && column + 1 + n > COLUMNS) {
            (void)putchar('\n');
            column = 0;
        } else if (column > 0) {
            (void)putchar(' ');
            column++;
        }
        (void)fwrite(words, 1, n, stdout);
        column += n;
        words += n;
        if (*words == '\n') {
            (void)putchar('\n');
            column = 0;
        }
        words += *words != '\0';
    }
    (void)putchar('\n');
}

void
nj_lab_show_title(const struct nj_lab *lab, size_t number, const char *title)
{
    if (!lab->is_shown)
        return;
    (void)printf(lab->is_page ? "## %zu. %s\n\n" : "=== %zu. %s\n\n", number, title);
}

void
nj_lab_show_words(const struct nj_lab *lab, const char *words, bool is_question)
{
    if (!lab->is_shown)
        return;
    if (lab->is_page)
        (void)printf(is_question ? "**%s**\n" : "%s\n", words);
    else if (is_question)
        (void)printf("? %s\n", words);
    else
        put_folded(words);
    (void)putchar('\n');
}

static void
begin_block(const struct nj_lab *lab)
{
    if (lab->is_page)
        (void)puts("```");
}

static void
end_block(const struct nj_lab *lab)
{
    if (lab->is_page)
        (void)puts("```");
    (void)putchar('\n');
}

void
nj_lab_show_file(const struct nj_lab *lab, const char *name, const char *text)
{
    static const struct nj_lab_words colon = {{":", " :"}};

    if (!lab->is_shown)
        return;
    (void)printf(lab->is_page ? "`%s`%s\n\n" : "%s%s\n", name, nj_lab_in(lab, &colon));
    begin_block(lab);
    (void)fputs(text, stdout);
    end_block(lab);
}

void
nj_lab_show_command(const struct nj_lab *lab, const char *command, struct nj_str text)
{
    if (!lab->is_shown)
        return;
    begin_block(lab);
    (void)printf("$ %s\n", command);
    (void)fwrite(text.p, 1, text.n, stdout);
    end_block(lab);
}

void
nj_lab_show_output(const struct nj_lab *lab, const char *of, struct nj_str text)
{
    static const struct nj_lab_words says = {{"%s prints:\n\n", "Ce qu'affiche %s :\n\n"}};

    if (!lab->is_shown || text.n == 0)
        return;
    (void)printf(nj_lab_in(lab, &says), of);
    begin_block(lab);
    (void)fwrite(text.p, 1, text.n, stdout);
    end_block(lab);
}
