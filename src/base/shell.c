/* SPDX-License-Identifier: Apache-2.0 */
#include "base/shell.h"

#include "base/assert.h"

static bool
is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_-./:@%+=,", c) != NULL);
}

static bool
is_plain_word(struct nj_str word)
{
    for (size_t i = 0; i < word.n; i++) {
        if (!is_plain(word.p[i]))
            return false;
    }
    return word.n > 0;
}

const char *
nj_shell_word(char *out, size_t room, struct nj_str word)
{
    size_t n = 0;

    NJ_ASSERT(room >= 3);
    if (is_plain_word(word) && word.n < room) {
        memcpy(out, word.p, word.n);
        out[word.n] = '\0';
        return out;
    }
    out[n++] = '\'';
    for (size_t i = 0; i < word.n; i++) {
        /* A quote cannot stand within quotes: close them, write it with a backslash, open again. */
        const char *as = word.p[i] == '\'' ? "'\\''" : NULL;
        size_t more = as != NULL ? 4 : 1;

        if (n + more + 2 > room)
            break;
        memcpy(out + n, as != NULL ? as : word.p + i, more);
        n += more;
    }
    out[n++] = '\'';
    out[n] = '\0';
    return out;
}
