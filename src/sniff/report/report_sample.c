/* SPDX-License-Identifier: Apache-2.0 */
/* report_sample.c — foreign bytes as a report keeps them: already fit to be shown. */
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "mqtt/packet.h"
#include "sniff/report/report_priv.h"

#define HEX_BYTES_MAX  32u    /* of a binary payload */
#define JSON_BYTES_MAX 65536u /* longer ones are not looked at as JSON */

/* A part of `s` of at most NJ_REPORT_TEXT_MAX bytes that ends between two characters. */
static struct nj_str
beginning_of(struct nj_str s)
{
    size_t n = NJ_MIN(s.n, (size_t)NJ_REPORT_TEXT_MAX);

    if (n < s.n)
        while (n > NJ_REPORT_TEXT_MAX - 4 && ((uint8_t)s.p[n] & 0xc0) == 0x80)
            n--;
    return (struct nj_str){s.p, n};
}

char *
nj_report_text(struct nj_str s)
{
    struct nj_str part = beginning_of(s);
    struct nj_text text = {0};
    size_t from = 0;
    char *kept;

    for (size_t i = 0; i <= part.n; i++) {
        if (i < part.n && part.p[i] != '\0')
            continue;
        nj_text_put_shown(&text, (struct nj_str){part.p + from, i - from});
        if (i < part.n)
            nj_text_put(&text, NJ_STR("\\x00"));
        from = i + 1;
    }
    if (part.n < s.n)
        nj_text_put(&text, NJ_STR("\xe2\x80\xa6"));
    kept = nj_str_dup(nj_text_str(&text));
    nj_text_fini(&text);
    return kept;
}

static bool
is_json(struct nj_str s)
{
    struct nj_json *root;
    bool is;

    if (s.n < 2 || s.n > JSON_BYTES_MAX || (s.p[0] != '{' && s.p[0] != '['))
        return false;
    root = nj_json_new();
    is = nj_json_put_parsed(root, "payload", s);
    nj_json_free(root);
    return is;
}

static char *
hex_of(struct nj_str s)
{
    struct nj_text text = {0};
    char *kept;

    nj_text_put_hex(&text, (struct nj_str){s.p, NJ_MIN(s.n, (size_t)HEX_BYTES_MAX)}, ' ');
    if (s.n > HEX_BYTES_MAX)
        nj_text_put(&text, NJ_STR(" \xe2\x80\xa6"));
    kept = nj_str_dup(nj_text_str(&text));
    nj_text_fini(&text);
    return kept;
}

/* Printable, but for what ends lines and columns. */
static bool
is_text(struct nj_str s)
{
    if (!nj_utf8_is_valid(s))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (((uint8_t)s.p[i] < 0x20 && strchr("\t\r\n", s.p[i]) == NULL) || s.p[i] == 0x7f)
            return false;
    return true;
}

struct nj_sample
nj_sample_of(struct nj_str payload)
{
    struct nj_sample s = {.bytes = payload.n, .hash = nj_hash(payload)};

    if (payload.n == 0)
        s.kind = NJ_PAYLOAD_EMPTY;
    else if (!is_text(payload))
        s.kind = NJ_PAYLOAD_BINARY;
    else
        s.kind = is_json(payload) ? NJ_PAYLOAD_JSON : NJ_PAYLOAD_TEXT;
    if (s.kind != NJ_PAYLOAD_EMPTY)
        s.text = s.kind == NJ_PAYLOAD_BINARY ? hex_of(payload) : nj_report_text(payload);
    return s;
}
