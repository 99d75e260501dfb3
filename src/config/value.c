/* SPDX-License-Identifier: Apache-2.0 */
#include "config/value.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

struct nj_str
nj_value_word(struct nj_str *rest)
{
    while (rest->n > 0 && rest->p[0] == ' ')
        *rest = nj_str_from(*rest, 1);
    return nj_str_cut(rest, ' ');
}

struct nj_str
nj_value_trim(struct nj_str text)
{
    while (text.n > 0 && isspace((unsigned char)text.p[0]))
        text = nj_str_from(text, 1);
    while (text.n > 0 && isspace((unsigned char)text.p[text.n - 1]))
        text.n--;
    return text;
}

enum nj_err
nj_value_empty(const char *as, struct nj_diag *diag)
{
    return nj_diag_fail(diag, NJ_ECONFIG, "Error: Empty '%s' value in configuration.", as);
}

enum nj_err
nj_value_invalid(const char *as, const char *form, struct nj_str word, struct nj_diag *diag)
{
    nj_diag_hint(diag, "Expected %s.", form);
    return nj_diag_fail(diag, NJ_ECONFIG,
                        "Error: Invalid '%s' value '%" NJ_STR_FMT "' in configuration.", as,
                        NJ_STR_ARG(word));
}

enum nj_err
nj_value_bool(bool *out, const char *as, struct nj_str *rest, struct nj_diag *diag)
{
    struct nj_str word = nj_value_word(rest);

    if (word.n == 0)
        return nj_value_empty(as, diag);
    if (nj_str_eq(word, NJ_STR("true")) || nj_str_eq(word, NJ_STR("1"))) {
        *out = true;
    } else if (nj_str_eq(word, NJ_STR("false")) || nj_str_eq(word, NJ_STR("0"))) {
        *out = false;
    } else {
        nj_diag_hint(diag, "Expected true or false, in lower case.");
        return nj_diag_fail(diag, NJ_ECONFIG, "Error: Invalid '%s' value (%" NJ_STR_FMT ").", as,
                            NJ_STR_ARG(word));
    }
    return NJ_OK;
}

enum nj_err
nj_value_number(long long *out, bool is_wide, const char *as, struct nj_str *rest,
                struct nj_diag *diag)
{
    struct nj_str word = nj_value_word(rest);
    char digits[64], *end;
    long long value;

    if (word.n == 0)
        return nj_value_empty(as, diag);
    /* strtoll() would skip a tab or the like. */
    if (word.n < sizeof(digits) && !isspace((unsigned char)word.p[0])) {
        memcpy(digits, word.p, word.n);
        digits[word.n] = '\0';
        errno = 0;
        value = strtoll(digits, &end, 0);
        if (end == digits + word.n &&
            !(errno == 0 && (is_wide || (value >= INT_MIN && value <= INT_MAX))))
            return nj_diag_fail(diag, NJ_ECONFIG, "Error: '%s' value out of range.", as);
        if (end == digits + word.n) {
            *out = value;
            return NJ_OK;
        }
    }
    nj_diag_hint(diag, "Expected a whole number, not '%" NJ_STR_FMT "'.", NJ_STR_ARG(word));
    return nj_diag_fail(diag, NJ_ECONFIG, "Error: '%s' value not a number.", as);
}

/* The bytes of the code point that `s` begins with, if a configuration may have it; else 0. As
 * Mosquitto: no control characters, no code points that are no characters. */
static size_t
code_point(struct nj_str s)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = (uint8_t)s.p[0];
    size_t n = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? lead : lead & (0x7fu >> n);

    if (n == 0 || lead > 0xf4 || n > s.n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if (((uint8_t)s.p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | ((uint8_t)s.p[i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || c < 0x20 ||
        (c >= 0x7f && c <= 0x9f) || (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe)
        return 0;
    return n;
}

enum nj_err
nj_value_text(struct nj_str *out, const char *as, struct nj_str rest, struct nj_diag *diag)
{
    struct nj_str text = nj_value_trim(rest);

    if (text.n == 0)
        return nj_value_empty(as, diag);
    if (text.n > UINT16_MAX)
        return nj_diag_fail(diag, NJ_ECONFIG, "Error: '%s' value too long.", as);
    for (size_t i = 0, n; i < text.n; i += n) {
        n = code_point(nj_str_from(text, i));
        if (n == 0)
            return nj_diag_fail(diag, NJ_ECONFIG, "Error: Malformed UTF-8 in configuration.");
    }
    *out = text;
    return NJ_OK;
}
