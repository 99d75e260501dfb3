/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, by the table of well-formed byte sequences (Unicode, table 3-7): the second byte's range
 * is what excludes overlong forms, surrogates and numbers above U+10FFFF. Runs of ASCII go by
 * eight. */
#include "mqtt/packet.h"
#include "mqtt/swar_priv.h"

static inline bool
is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The length of the well-formed sequence of several bytes at p; 0: there is none. */
static size_t
sequence(const uint8_t *p, size_t left)
{
    uint8_t first = p[0];

    if (first < 0xc2 || first > 0xf4 || left < 2 || !is_continuation(p[1]))
        return 0;
    if (first < 0xe0)
        return 2;
    if ((first == 0xe0 && p[1] < 0xa0) || (first == 0xed && p[1] > 0x9f))
        return 0;
    if (left < 3 || !is_continuation(p[2]))
        return 0;
    if (first < 0xf0)
        return 3;
    if ((first == 0xf0 && p[1] < 0x90) || (first == 0xf4 && p[1] > 0x8f))
        return 0;
    if (left < 4 || !is_continuation(p[3]))
        return 0;
    return 4;
}

/* Eight bytes of which none is an unwanted NUL: how many of them are ASCII. */
static inline size_t
ascii_run(const uint8_t *p, size_t left, bool may_hold_nul)
{
    uint64_t word;

    if (left < 8)
        return 0;
    word = nj_swar_load(p);
    return may_hold_nul || !nj_swar_has_zero(word) ? nj_swar_ascii_run(word) : 0;
}

static inline bool
is_well_formed(struct nj_str s, bool may_hold_nul)
{
    const uint8_t *p = (const uint8_t *)s.p;
    size_t left = s.n;

    while (left > 0) {
        size_t n = ascii_run(p, left, may_hold_nul);

        if (n == 0 && *p >= 0x80) {
            n = sequence(p, left);
            if (n == 0)
                return false;
        } else if (n == 0) {
            if (*p == 0 && !may_hold_nul)
                return false;
            n = 1;
        }
        p += n;
        left -= n;
    }
    return true;
}

bool
nj_utf8_is_valid(struct nj_str s)
{
    return is_well_formed(s, false);
}

bool
nj_utf8_is_text(struct nj_str s)
{
    return is_well_formed(s, true);
}
