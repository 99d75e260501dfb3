/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
nj_base64_encode(char *out, struct nj_str bytes, enum nj_base64 form)
{
    size_t n = 0;

    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t have = NJ_MIN(bytes.n - i, 3);
        uint32_t three = 0;

        for (size_t k = 0; k < 3; k++)
            three = three << 8 | (k < have ? (uint8_t)bytes.p[i + k] : 0);
        for (size_t k = 0; k <= have; k++)
            out[n++] = digits[three >> (18 - 6 * k) & 63];
        for (size_t k = have; k < 3 && form == NJ_BASE64_PADDED; k++)
            out[n++] = '=';
    }
    out[n] = '\0';
    return n;
}

static int
value_of(char digit)
{
    const char *at = digit != '\0' ? strchr(digits, digit) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* Take the padding off; false if it is not what the form asks for. */
static bool
unpad(struct nj_str *text, enum nj_base64 form)
{
    unsigned padding = 0;

    if (form == NJ_BASE64_BARE)
        return text->n % 4 != 1;
    if (text->n % 4 != 0)
        return false;
    for (; padding < 2 && text->n > 0 && text->p[text->n - 1] == '='; padding++)
        text->n--;
    return true;
}

bool
nj_base64_decode(uint8_t *out, size_t room, size_t *n, struct nj_str text, enum nj_base64 form)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t written = 0;

    if (!unpad(&text, form))
        return false;
    for (size_t i = 0; i < text.n; i++) {
        int value = value_of(text.p[i]);

        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held < 8)
            continue;
        if (written == room)
            return false;
        held -= 8;
        out[written++] = (uint8_t)(bits >> held);
        bits &= (1u << held) - 1;
    }
    if (bits != 0 || held >= 6)
        return false;
    *n = written;
    return true;
}
