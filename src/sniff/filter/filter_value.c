/* SPDX-License-Identifier: Apache-2.0 */
/* filter_value.c — values of a display filter: read from its text, taken from a frame, compared. */
#include "sniff/filter/filter_priv.h"

#include <arpa/inet.h>
#include <inttypes.h>

#define NS_PER_S    1000000000
#define ALL_BITS    0xffu
#define ETHER_BYTES 6u

enum nj_dfilter_type
nj_dfilter_type_of(enum nj_field field)
{
    switch (nj_field_type(field)) {
    case NJ_FIELD_TYPE_LAYER:
        return NJ_DFILTER_LAYER;
    case NJ_FIELD_TYPE_NONE:
        return NJ_DFILTER_NOTHING;
    case NJ_FIELD_TYPE_NUMBER:
    case NJ_FIELD_TYPE_HEX8:
    case NJ_FIELD_TYPE_HEX16:
    case NJ_FIELD_TYPE_HEX24:
    case NJ_FIELD_TYPE_HEX32:
    case NJ_FIELD_TYPE_SIGNED:
        return NJ_DFILTER_NUMBER;
    case NJ_FIELD_TYPE_TEXT:
        return NJ_DFILTER_TEXT;
    case NJ_FIELD_TYPE_BYTES:
        return NJ_DFILTER_BYTES;
    case NJ_FIELD_TYPE_ADDRESS:
        return nj_str_starts(nj_str_of(nj_field_name(field)), NJ_STR("ipv6.")) ? NJ_DFILTER_IPV6
                                                                               : NJ_DFILTER_IPV4;
    case NJ_FIELD_TYPE_ETHER:
        return NJ_DFILTER_ETHER;
    case NJ_FIELD_TYPE_SECONDS:
    case NJ_FIELD_TYPE_TIME:
        return NJ_DFILTER_SECONDS;
    }
    return NJ_DFILTER_NOTHING;
}

/* ---- from the text ---- */

static bool
digits(struct nj_str s, int base, uint64_t *out)
{
    uint64_t number = 0;

    for (size_t i = 0; i < s.n; i++) {
        int digit = nj_hex_digit(s.p[i]);

        if (digit < 0 || digit >= base || __builtin_mul_overflow(number, (uint64_t)base, &number) ||
            __builtin_add_overflow(number, (uint64_t)digit, &number))
            return false;
    }
    *out = number;
    return s.n > 0;
}

static bool
starts_with_base(struct nj_str s, char small, char large)
{
    return s.n > 2 && s.p[0] == '0' && (s.p[1] == small || s.p[1] == large);
}

/* As in C, and True and False. */
static bool
number(struct nj_str s, struct nj_dfilter_value *out)
{
    if (nj_str_eq(s, NJ_STR("True")) || nj_str_eq(s, NJ_STR("TRUE")) ||
        nj_str_eq(s, NJ_STR("true"))) {
        out->number = 1;
        return true;
    }
    if (nj_str_eq(s, NJ_STR("False")) || nj_str_eq(s, NJ_STR("FALSE")) ||
        nj_str_eq(s, NJ_STR("false"))) {
        out->number = 0;
        return true;
    }
    if (starts_with_base(s, 'x', 'X'))
        return digits(nj_str_from(s, 2), 16, &out->number);
    if (starts_with_base(s, 'b', 'B'))
        return digits(nj_str_from(s, 2), 2, &out->number);
    return digits(s, s.n > 1 && s.p[0] == '0' ? 8 : 10, &out->number);
}

/* Up to nine digits behind the point. */
static bool
seconds(struct nj_str s, struct nj_dfilter_value *out)
{
    bool is_negative = nj_str_starts(s, NJ_STR("-"));
    struct nj_str whole = nj_str_from(s, is_negative ? 1 : 0), fraction = {"", 0};
    const char *dot = whole.n > 0 ? memchr(whole.p, '.', whole.n) : NULL;
    uint64_t of_whole = 0, of_fraction = 0;
    int64_t ns;

    if (dot != NULL) {
        fraction = nj_str_from(whole, (size_t)(dot - whole.p) + 1);
        whole.n -= fraction.n + 1;
    }
    if (whole.n + fraction.n == 0 || fraction.n > 9 ||
        (whole.n > 0 && !digits(whole, 10, &of_whole)) ||
        (fraction.n > 0 && !digits(fraction, 10, &of_fraction)))
        return false;
    for (size_t i = fraction.n; i < 9; i++)
        of_fraction *= 10;
    if (__builtin_mul_overflow(of_whole, (uint64_t)NS_PER_S, &of_whole) ||
        __builtin_add_overflow(of_whole, of_fraction, &ns))
        return false;
    out->number = (uint64_t)(is_negative ? -ns : ns);
    return true;
}

/* Two digits a byte, with or without : - . between them; one digit alone is a byte, too. */
static bool
hex(struct nj_dfilter_lexer *l, struct nj_str s, struct nj_dfilter_value *out)
{
    char *begin = l->room;
    size_t at = nj_str_starts(s, NJ_STR(":")) ? 1 : 0;

    while (at < s.n) {
        int high = s.n == 1 ? 0 : nj_hex_digit(s.p[at]);
        int low = s.n == 1 ? nj_hex_digit(s.p[at]) : at + 1 < s.n ? nj_hex_digit(s.p[at + 1]) : -1;

        if (high < 0 || low < 0)
            return false;
        *l->room++ = (char)(high << 4 | low);
        at += 2;
        if (at + 1 < s.n && strchr(":-.", s.p[at]) != NULL)
            at++;
    }
    out->bytes = (struct nj_str){begin, (size_t)(l->room - begin)};
    return out->bytes.n > 0;
}

/* With /BITS behind it a prefix. */
static bool
address(struct nj_str s, int family, struct nj_dfilter_value *out)
{
    const char *slash = memchr(s.p, '/', s.n);
    char text[64];
    uint64_t bits;

    out->own_bytes = family == AF_INET ? 4 : 16;
    if (slash != NULL) {
        struct nj_str behind = nj_str_from(s, (size_t)(slash - s.p) + 1);

        s.n -= behind.n + 1;
        if (!digits(behind, 10, &bits) || bits > out->own_bytes * 8u)
            return false;
        out->prefix = (uint8_t)bits;
    }
    if (s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(family, text, out->own) == 1;
}

static bool
read_string(struct nj_dfilter_lexer *l, const struct nj_dfilter_token *t, enum nj_dfilter_type type,
            struct nj_dfilter_value *out)
{
    if (type == NJ_DFILTER_NUMBER)
        return nj_dfilter_mistake(l, t->raw, "a number is wanted here; values have no names here");
    if (type != NJ_DFILTER_TEXT && type != NJ_DFILTER_BYTES)
        return nj_dfilter_mistake(l, t->raw, "no text is wanted here, but a value without quotes");
    out->bytes = t->bytes;
    return true;
}

bool
nj_dfilter_value_read(struct nj_dfilter_lexer *l, const struct nj_dfilter_token *t,
                      enum nj_dfilter_type type, struct nj_dfilter_value *out)
{
    *out = (struct nj_dfilter_value){.prefix = ALL_BITS};
    if (t->kind == NJ_DFILTER_STRING)
        return read_string(l, t, type, out);
    switch (type) {
    case NJ_DFILTER_NUMBER:
        return number(t->raw, out) || nj_dfilter_mistake(l, t->raw, "this is no number from 0 on");
    case NJ_DFILTER_SECONDS:
        return seconds(t->raw, out) ||
               nj_dfilter_mistake(l, t->raw, "these are no seconds, such as 1.5");
    case NJ_DFILTER_TEXT:
        out->bytes = t->raw;
        return true;
    case NJ_DFILTER_BYTES:
        return hex(l, t->raw, out) ||
               nj_dfilter_mistake(l, t->raw, "these are no bytes, such as 00:1f; text has quotes");
    case NJ_DFILTER_ETHER:
        return (hex(l, t->raw, out) && out->bytes.n == ETHER_BYTES) ||
               nj_dfilter_mistake(l, t->raw,
                                  "this is no address of Ethernet, such as 00:01:02:03:04:05");
    case NJ_DFILTER_IPV4:
        return address(t->raw, AF_INET, out) ||
               nj_dfilter_mistake(l, t->raw,
                                  "this is no address or prefix of IPv4, such as 10.0.0.0/8");
    case NJ_DFILTER_IPV6:
        return address(t->raw, AF_INET6, out) ||
               nj_dfilter_mistake(l, t->raw,
                                  "this is no address or prefix of IPv6, such as fe80::/10");
    case NJ_DFILTER_LAYER:
    case NJ_DFILTER_NOTHING:
        break;
    }
    return nj_dfilter_mistake(l, t->raw, "there is nothing to compare this with");
}

/* ---- from a frame ---- */

struct nj_dfilter_value
nj_dfilter_value_of(const struct nj_item *item, enum nj_dfilter_type type, struct nj_text *scratch)
{
    struct nj_dfilter_value v = {.number = item->number, .bytes = item->range, .prefix = ALL_BITS};

    if (type == NJ_DFILTER_TEXT) { /* what is printed, not what came */
        nj_text_clear(scratch);
        nj_text_put_foreign(scratch, item->range);
        v.bytes = nj_text_str(scratch);
    }
    if (v.bytes.p == NULL)
        v.bytes = (struct nj_str){"", 0};
    return v;
}

struct nj_str
nj_dfilter_value_bytes(const struct nj_dfilter_value *v)
{
    return v->bytes.p != NULL ? v->bytes : (struct nj_str){(const char *)v->own, v->own_bytes};
}

/* ---- compared ---- */

static int
order(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int
compare_text(struct nj_str a, struct nj_str b)
{
    size_t n = NJ_MIN(a.n, b.n);
    int found = n > 0 ? memcmp(a.p, b.p, n) : 0;

    return found != 0 ? found : order(a.n, b.n);
}

/* As tshark has it, the longer is the greater. */
static int
compare_bytes(struct nj_str a, struct nj_str b)
{
    return a.n != b.n ? order(a.n, b.n) : compare_text(a, b);
}

/* The first `bits` of both. */
static int
compare_prefix(struct nj_str a, struct nj_str b, unsigned bits)
{
    for (size_t i = 0; i < a.n && i < b.n && bits > 0; i++) {
        unsigned mask = bits >= 8 ? 0xff : 0xff00u >> bits & 0xff;
        int found = order((uint8_t)a.p[i] & mask, (uint8_t)b.p[i] & mask);

        if (found != 0)
            return found;
        bits -= NJ_MIN(bits, 8u);
    }
    return bits > 0 ? order(a.n, b.n) : 0;
}

int
nj_dfilter_value_compare(const struct nj_dfilter_value *a, const struct nj_dfilter_value *b,
                         enum nj_dfilter_type type)
{
    if (type == NJ_DFILTER_NUMBER)
        return order(a->number, b->number);
    if (type == NJ_DFILTER_SECONDS)
        return (int64_t)a->number < (int64_t)b->number ? -1
                                                       : (int64_t)a->number > (int64_t)b->number;
    if (a->prefix != ALL_BITS || b->prefix != ALL_BITS)
        return compare_prefix(nj_dfilter_value_bytes(a), nj_dfilter_value_bytes(b),
                              NJ_MIN(a->prefix, b->prefix));
    if (type == NJ_DFILTER_TEXT)
        return compare_text(nj_dfilter_value_bytes(a), nj_dfilter_value_bytes(b));
    return compare_bytes(nj_dfilter_value_bytes(a), nj_dfilter_value_bytes(b));
}
