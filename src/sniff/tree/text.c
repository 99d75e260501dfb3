/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/tree/text.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define NS_PER_S    1000000000
#define REPLACEMENT NJ_STR("\xef\xbf\xbd")

void
nj_text_fini(struct nj_text *t)
{
    nj_free(t->p);
    *t = (struct nj_text){0};
}

void
nj_text_clear(struct nj_text *t)
{
    t->n = 0;
    t->is_cut = false;
    if (t->p != NULL)
        t->p[0] = '\0';
}

void
nj_text_forget(struct nj_text *t, size_t n)
{
    if (n == 0 || t->p == NULL)
        return;
    n = NJ_MIN(n, t->n);
    memmove(t->p, t->p + n, t->n - n + 1);
    t->n -= n;
}

void
nj_text_shorten(struct nj_text *t, size_t n)
{
    if (n >= t->n)
        return;
    t->n = n;
    t->p[n] = '\0';
}

/* Room for n more and a NUL. */
static bool
has_room(struct nj_text *t, size_t n)
{
    size_t wanted = t->n + n + 1;
    size_t capacity = NJ_MAX(wanted, NJ_MAX((size_t)256, t->capacity * 2));
    char *p;

    if (wanted <= t->capacity)
        return true;
    if (n > NJ_TEXT_MAX || wanted > NJ_TEXT_MAX) {
        t->is_cut = true;
        return false;
    }
    p = nj_realloc(t->p, capacity);
    if (p == NULL) {
        t->is_cut = true;
        return false;
    }
    t->p = p;
    t->capacity = capacity;
    return true;
}

void
nj_text_put(struct nj_text *t, struct nj_str s)
{
    if (s.n == 0 || !has_room(t, s.n))
        return;
    memcpy(t->p + t->n, s.p, s.n);
    t->n += s.n;
    t->p[t->n] = '\0';
}

void
nj_text_putf(struct nj_text *t, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n <= 0 || !has_room(t, (size_t)n))
        return;
    va_start(args, fmt);
    (void)vsnprintf(t->p + t->n, (size_t)n + 1, fmt, args);
    va_end(args);
    t->n += (size_t)n;
}

/* How many bytes follow the first of a character, and between what the second must lie; false: no
 * character begins so. (Unicode, table 3-7) */
static bool
begins_character(uint8_t first, unsigned *follow, uint8_t *low, uint8_t *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (first >= 0xc2 && first <= 0xdf)
        *follow = 1;
    else if (first >= 0xe0 && first <= 0xef)
        *follow = 2;
    else if (first >= 0xf0 && first <= 0xf4)
        *follow = 3;
    else
        return false;
    if (first == 0xe0)
        *low = 0xa0;
    if (first == 0xed)
        *high = 0x9f;
    if (first == 0xf0)
        *low = 0x90;
    if (first == 0xf4)
        *high = 0x8f;
    return true;
}

/* The bytes at `at` that are one character, or the maximal part of one. */
static size_t
character_at(struct nj_str s, size_t at, bool *is_good)
{
    const uint8_t *p = (const uint8_t *)s.p;
    unsigned follow = 0;
    uint8_t low, high;
    size_t n = 1;

    *is_good = p[at] < 0x80;
    if (*is_good || !begins_character(p[at], &follow, &low, &high))
        return 1;
    for (; n <= follow; n++) {
        if (at + n == s.n || p[at + n] < low || p[at + n] > high)
            return n;
        low = 0x80;
        high = 0xbf;
    }
    *is_good = true;
    return n;
}

static bool
is_control(struct nj_str character)
{
    const uint8_t *p = (const uint8_t *)character.p;

    return (character.n == 1 && (p[0] < 0x20 || p[0] == 0x7f)) ||
           (character.n == 2 && p[0] == 0xc2 && p[1] < 0xa0); /* U+0080 to U+009F */
}

static void
put_characters(struct nj_text *t, struct nj_str s, bool is_shown)
{
    size_t from = 0, at = 0;

    while (at < s.n && s.p[at] != '\0') {
        bool is_good;
        size_t n = character_at(s, at, &is_good);
        struct nj_str character = {s.p + at, n};

        if (!is_good || (is_shown && is_control(character))) {
            nj_text_put(t, (struct nj_str){s.p + from, at - from});
            if (is_good)
                nj_text_putf(t, "\\x%02x", (unsigned char)character.p[n - 1]);
            else
                nj_text_put(t, REPLACEMENT);
            from = at + n;
        }
        at += n;
    }
    nj_text_put(t, (struct nj_str){s.p + from, at - from});
}

void
nj_text_put_foreign(struct nj_text *t, struct nj_str s)
{
    put_characters(t, s, false);
}

void
nj_text_put_shown(struct nj_text *t, struct nj_str s)
{
    put_characters(t, s, true);
}

void
nj_text_put_hex(struct nj_text *t, struct nj_str s, char between)
{
    static const char digits[] = "0123456789abcdef";
    size_t each = between != '\0' ? 3 : 2;

    if (s.n == 0 || s.n > NJ_TEXT_MAX / 3 || !has_room(t, s.n * each))
        return;
    for (size_t i = 0; i < s.n; i++) {
        if (i > 0 && between != '\0')
            t->p[t->n++] = between;
        t->p[t->n++] = digits[(uint8_t)s.p[i] >> 4];
        t->p[t->n++] = digits[(uint8_t)s.p[i] & 0xf];
    }
    t->p[t->n] = '\0';
}

void
nj_text_put_time(struct nj_text *t, int64_t ns)
{
    time_t seconds = (time_t)(ns / NS_PER_S);
    long fraction = (long)(ns % NS_PER_S);
    char date[64], zone[32];
    struct tm tm;

    if (fraction < 0) {
        fraction += NS_PER_S;
        seconds--;
    }
    if (localtime_r(&seconds, &tm) == NULL)
        return;
    (void)strftime(date, sizeof(date), "%b %e, %Y %H:%M:%S", &tm);
    (void)strftime(zone, sizeof(zone), "%Z", &tm);
    nj_text_putf(t, "%s.%09ld %s", date, fraction, zone);
}
