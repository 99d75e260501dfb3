/* SPDX-License-Identifier: Apache-2.0 */
/* filter_lex.c — the tokens of a display filter, and a mistake shown at its place. */
#include "sniff/filter/filter_priv.h"

#include <stdarg.h>
#include <stdio.h>

#define SHOWN_BYTES 72u /* of the text around a mistake */

static const struct {
    const char *text;
    enum nj_dfilter_kind kind;
    enum nj_dfilter_relation relation;
    bool is_of_all;
} fixed[] = {
    /* the longer first */
    {"===", NJ_DFILTER_RELATION, NJ_DFILTER_EQ, true},
    {"!==", NJ_DFILTER_RELATION, NJ_DFILTER_NE, false},
    {"==", NJ_DFILTER_RELATION, NJ_DFILTER_EQ, false},
    {"!=", NJ_DFILTER_RELATION, NJ_DFILTER_NE, true},
    {"~=", NJ_DFILTER_RELATION, NJ_DFILTER_NE, false},
    {">=", NJ_DFILTER_RELATION, NJ_DFILTER_GE, false},
    {"<=", NJ_DFILTER_RELATION, NJ_DFILTER_LE, false},
    {">", NJ_DFILTER_RELATION, NJ_DFILTER_GT, false},
    {"<", NJ_DFILTER_RELATION, NJ_DFILTER_LT, false},
    {"~", NJ_DFILTER_RELATION, NJ_DFILTER_MATCHES, false},
    {"&&", NJ_DFILTER_AND, NJ_DFILTER_IS_THERE, false},
    {"||", NJ_DFILTER_OR, NJ_DFILTER_IS_THERE, false},
    {"!", NJ_DFILTER_NOT, NJ_DFILTER_IS_THERE, false},
    {"(", NJ_DFILTER_OPEN, NJ_DFILTER_IS_THERE, false},
    {")", NJ_DFILTER_CLOSE, NJ_DFILTER_IS_THERE, false},
    {"{", NJ_DFILTER_SET_OPEN, NJ_DFILTER_IS_THERE, false},
    {"}", NJ_DFILTER_SET_CLOSE, NJ_DFILTER_IS_THERE, false},
    {",", NJ_DFILTER_COMMA, NJ_DFILTER_IS_THERE, false},
    {"..", NJ_DFILTER_TO, NJ_DFILTER_IS_THERE, false},
    /* words */
    {"and", NJ_DFILTER_AND, NJ_DFILTER_IS_THERE, false},
    {"or", NJ_DFILTER_OR, NJ_DFILTER_IS_THERE, false},
    {"not", NJ_DFILTER_NOT, NJ_DFILTER_IS_THERE, false},
    {"eq", NJ_DFILTER_RELATION, NJ_DFILTER_EQ, false},
    {"any_eq", NJ_DFILTER_RELATION, NJ_DFILTER_EQ, false},
    {"all_eq", NJ_DFILTER_RELATION, NJ_DFILTER_EQ, true},
    {"ne", NJ_DFILTER_RELATION, NJ_DFILTER_NE, true},
    {"all_ne", NJ_DFILTER_RELATION, NJ_DFILTER_NE, true},
    {"any_ne", NJ_DFILTER_RELATION, NJ_DFILTER_NE, false},
    {"gt", NJ_DFILTER_RELATION, NJ_DFILTER_GT, false},
    {"ge", NJ_DFILTER_RELATION, NJ_DFILTER_GE, false},
    {"lt", NJ_DFILTER_RELATION, NJ_DFILTER_LT, false},
    {"le", NJ_DFILTER_RELATION, NJ_DFILTER_LE, false},
    {"contains", NJ_DFILTER_RELATION, NJ_DFILTER_CONTAINS, false},
    {"matches", NJ_DFILTER_RELATION, NJ_DFILTER_MATCHES, false},
    {"in", NJ_DFILTER_RELATION, NJ_DFILTER_IN, false},
};

/* ---- a mistake ---- */

static bool
continues_character(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* What is shown of the text: all of it, or what stands around `at`. */
static struct nj_str
around(struct nj_str text, size_t at)
{
    size_t from = text.n > SHOWN_BYTES && at > SHOWN_BYTES / 2 ? at - SHOWN_BYTES / 2 : 0;
    size_t to;

    while (from > 0 && from < text.n && continues_character(text.p[from]))
        from--;
    to = NJ_MIN(text.n, from + SHOWN_BYTES);
    while (to < text.n && to > from && continues_character(text.p[to]))
        to--;
    return (struct nj_str){text.p + from, to - from};
}

bool
nj_dfilter_mistake(const struct nj_dfilter_lexer *l, struct nj_str where, const char *fmt, ...)
{
    size_t at = (size_t)(where.p - l->text.p);
    struct nj_str shown = around(l->text, at);
    size_t first = at - (size_t)(shown.p - l->text.p);
    struct nj_text line = {0};
    char said[256];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(said, sizeof(said), fmt, args);
    va_end(args);
    (void)nj_diag_fail(l->diag, NJ_EINVAL, "%s", said);
    nj_text_put(&line, NJ_STR("    "));
    for (size_t i = 0; i < shown.n; i++)
        nj_text_putf(&line, "%c", (unsigned char)shown.p[i] < 0x20 ? ' ' : shown.p[i]);
    nj_text_put(&line, NJ_STR("\n    "));
    for (size_t i = 0; i < first && i < shown.n; i++)
        if (!continues_character(shown.p[i]))
            nj_text_put(&line, NJ_STR(" "));
    nj_text_put(&line, NJ_STR("^"));
    for (size_t i = first + 1; i < first + where.n && i < shown.n; i++)
        if (!continues_character(shown.p[i]))
            nj_text_put(&line, NJ_STR("~"));
    nj_diag_hint(l->diag, "%s", nj_text_c(&line));
    nj_text_fini(&line);
    return false;
}

/* ---- strings ---- */

/* So many digits, from `least` to `most`; false: fewer. */
static bool
take_digits(struct nj_dfilter_lexer *l, int base, unsigned least, unsigned most, uint32_t *out)
{
    unsigned n = 0;

    *out = 0;
    for (; n < most && l->at < l->text.n; n++) {
        int digit = nj_hex_digit(l->text.p[l->at]);

        if (digit < 0 || digit >= base)
            break;
        *out = *out * (uint32_t)base + (uint32_t)digit;
        l->at++;
    }
    return n >= least;
}

static bool
put_character(struct nj_dfilter_lexer *l, uint32_t c)
{
    if (c >= 0x110000 || (c >= 0xd800 && c < 0xe000))
        return false;
    if (c < 0x80) {
        *l->room++ = (char)c;
    } else if (c < 0x800) {
        *l->room++ = (char)(0xc0 | c >> 6);
        *l->room++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *l->room++ = (char)(0xe0 | c >> 12);
        *l->room++ = (char)(0x80 | (c >> 6 & 0x3f));
        *l->room++ = (char)(0x80 | (c & 0x3f));
    } else {
        *l->room++ = (char)(0xf0 | c >> 18);
        *l->room++ = (char)(0x80 | (c >> 12 & 0x3f));
        *l->room++ = (char)(0x80 | (c >> 6 & 0x3f));
        *l->room++ = (char)(0x80 | (c & 0x3f));
    }
    return true;
}

/* Behind a backslash. An escape is never shorter than what it stands for. */
static bool
take_escape(struct nj_dfilter_lexer *l)
{
    static const char letters[] = "abfnrtv\\\"'", meant[] = "\a\b\f\n\r\t\v\\\"'";
    char c = l->text.p[l->at++];
    const char *found = c != '\0' ? strchr(letters, c) : NULL;
    uint32_t number;

    if (found != NULL) {
        *l->room++ = meant[found - letters];
        return true;
    }
    if (c == 'u')
        return take_digits(l, 16, 4, 4, &number) && put_character(l, number);
    if (c == 'U')
        return take_digits(l, 16, 8, 8, &number) && put_character(l, number);
    if (c == 'x') {
        if (!take_digits(l, 16, 1, 2, &number))
            return false;
    } else {
        l->at--;
        if (!take_digits(l, 8, 1, 3, &number) || number > 0xff)
            return false;
    }
    *l->room++ = (char)number;
    return true;
}

static bool
lex_string(struct nj_dfilter_lexer *l, struct nj_dfilter_token *out)
{
    size_t from = l->at;
    bool is_raw = l->text.p[from] != '"';
    char *begin = l->room;

    l->at += is_raw ? 2 : 1;
    while (l->at < l->text.n && l->text.p[l->at] != '"') {
        char c = l->text.p[l->at++];
        size_t escape = l->at - 1;

        if (c == '\\' && l->at < l->text.n && !is_raw) {
            if (!take_escape(l))
                return nj_dfilter_mistake(l, (struct nj_str){l->text.p + escape, 2},
                                          "there is no such escape in \"text\"; a backslash of its "
                                          "own is \\\\, or r\"text\" has no escapes");
            continue;
        }
        *l->room++ = c;
        if (c == '\\' && l->at < l->text.n)
            *l->room++ = l->text.p[l->at++];
    }
    if (l->at == l->text.n)
        return nj_dfilter_mistake(l, (struct nj_str){l->text.p + from, 1},
                                  "the quote that ends this is missing");
    l->at++;
    out->kind = NJ_DFILTER_STRING;
    out->raw = (struct nj_str){l->text.p + from, l->at - from};
    out->bytes = (struct nj_str){begin, (size_t)(l->room - begin)};
    return true;
}

/* ---- tokens ---- */

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool
begins_word(char c)
{
    return is_letter(c) || c == ':' || c == '-';
}

/* Two dots end a word: {1..5}. */
static size_t
word_bytes(struct nj_str rest)
{
    size_t n = 1;

    while (n < rest.n && (is_letter(rest.p[n]) || strchr(":-/.", rest.p[n]) != NULL) &&
           rest.p[n] != '\0' && !(rest.p[n] == '.' && n + 1 < rest.n && rest.p[n + 1] == '.'))
        n++;
    return n;
}

static bool
take_fixed(struct nj_dfilter_lexer *l, struct nj_str rest, bool is_word,
           struct nj_dfilter_token *out)
{
    for (size_t i = 0; i < NJ_COUNT_OF(fixed); i++) {
        struct nj_str text = nj_str_of(fixed[i].text);

        if (is_word ? !nj_str_eq(rest, text) : !nj_str_starts(rest, text))
            continue;
        *out = (struct nj_dfilter_token){.kind = fixed[i].kind,
                                         .relation = fixed[i].relation,
                                         .is_of_all = fixed[i].is_of_all,
                                         .raw = {rest.p, text.n}};
        l->at += text.n;
        return true;
    }
    return false;
}

bool
nj_dfilter_lex(struct nj_dfilter_lexer *l, struct nj_dfilter_token *out)
{
    struct nj_str rest, word;

    while (l->at < l->text.n && l->text.p[l->at] != '\0' &&
           strchr(" \t\r\n", l->text.p[l->at]) != NULL)
        l->at++;
    rest = nj_str_from(l->text, l->at);
    *out = (struct nj_dfilter_token){.kind = NJ_DFILTER_END, .raw = rest};
    if (rest.n == 0)
        return true;
    if (rest.p[0] == '"' || nj_str_starts(rest, NJ_STR("r\"")) ||
        nj_str_starts(rest, NJ_STR("R\"")))
        return lex_string(l, out);
    if (begins_word(rest.p[0])) {
        word = (struct nj_str){rest.p, word_bytes(rest)};
        if (take_fixed(l, word, true, out))
            return true;
        l->at += word.n;
        *out = (struct nj_dfilter_token){.kind = NJ_DFILTER_WORD, .raw = word};
        return true;
    }
    if (take_fixed(l, rest, false, out))
        return true;
    word = (struct nj_str){rest.p, 1};
    while (word.n < rest.n && continues_character(rest.p[word.n]))
        word.n++;
    return nj_dfilter_mistake(l, word, "a character that can only stand in \"text\"");
}
