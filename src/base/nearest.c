/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

#include <string.h>

enum {
    MOST_LETTERS = 63,
    MOST_MISTAKES = 4
};

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = NJ_MIN(a, b);

    return NJ_MIN(ab, c);
}

/* Damerau and Levenshtein's distance, in the form where a swapped pair is not edited again. Three
 * rows of the table are enough: this one, the one above, and for swaps the one above that. */
static unsigned
mistakes_between(struct nj_str a, struct nj_str b)
{
    unsigned rows[3][MOST_LETTERS + 1];

    for (size_t j = 0; j <= b.n; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a.n; i++) {
        unsigned *now = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3];
        const unsigned *above_that = rows[(i + 1) % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b.n; j++) {
            char x = lower(a.p[i - 1]), y = lower(b.p[j - 1]);

            now[j] = least(above[j] + 1, now[j - 1] + 1, above[j - 1] + (x == y ? 0 : 1));
            if (i > 1 && j > 1 && x == lower(b.p[j - 2]) && y == lower(a.p[i - 2]))
                now[j] = NJ_MIN(now[j], above_that[j - 2] + 1);
        }
    }
    return rows[a.n % 3][b.n];
}

struct nj_nearest
nj_nearest_to(struct nj_str word)
{
    size_t forgiven = NJ_MIN(word.n / 3 + (word.n % 3 ? 1 : 0), (size_t)MOST_MISTAKES);

    return (struct nj_nearest){.word = word, .mistakes = (unsigned)forgiven + 1};
}

void
nj_nearest_try(struct nj_nearest *near, const char *name)
{
    struct nj_str known = {name, strlen(name)};

    if (near->word.n > MOST_LETTERS || known.n > MOST_LETTERS)
        return;
    unsigned mistakes = mistakes_between(near->word, known);
    if (mistakes < near->mistakes) {
        near->mistakes = mistakes;
        near->name = name;
    }
}
