/* SPDX-License-Identifier: Apache-2.0 */
/* form_tls.c — the fields of TLS for people, in Wireshark's words. */
#include "sniff/payload/tls_priv.h"
#include "sniff/print/form.h"
#include "sniff/print/form_tls_words.h"

#include <inttypes.h>

static const char *
words_of_content(uint64_t type)
{
    switch (type) {
    case NJ_TLS_CHANGE_CIPHER_SPEC:
        return "Change Cipher Spec";
    case NJ_TLS_ALERT:
        return "Alert";
    case NJ_TLS_HANDSHAKE:
        return "Handshake";
    case NJ_TLS_APPLICATION_DATA:
        return "Application Data";
    case NJ_TLS_HEARTBEAT:
        return "Heartbeat";
    default:
        return NULL;
    }
}

static const char *
words_of_version(uint64_t version)
{
    switch (version) {
    case 0x0300:
        return "SSL 3.0";
    case 0x0301:
        return "TLS 1.0";
    case 0x0302:
        return "TLS 1.1";
    case 0x0303:
        return "TLS 1.2";
    case 0x0304:
        return "TLS 1.3";
    default:
        return NULL;
    }
}

static const char *
words_of_message(uint64_t type)
{
    return nj_tls_message_words((unsigned)type);
}

static const char *
words_of_level(uint64_t level)
{
    return nj_tls_level_words((unsigned)level);
}

static const char *
words_of_alert(uint64_t description)
{
    return nj_tls_alert_words((unsigned)description);
}

static const char *
words_of_name_type(uint64_t type)
{
    return type == 0 ? "host_name" : NULL;
}

static const char *
words_of_compression(uint64_t method)
{
    return method == 0 ? "null" : method == 1 ? "DEFLATE" : NULL;
}

static const char *
words_of_point_format(uint64_t format)
{
    static const char *const words[] = {"uncompressed", "ansiX962_compressed_prime",
                                        "ansiX962_compressed_char2"};

    return format < NJ_COUNT_OF(words) ? words[format] : NULL;
}

static const char *
words_of_hash(uint64_t hash)
{
    static const char *const words[] = {"None",   "MD5",    "SHA1",   "SHA224",
                                        "SHA256", "SHA384", "SHA512", "SM3"};

    return hash < NJ_COUNT_OF(words) ? words[hash] : NULL;
}

static const char *
words_of_signature(uint64_t signature)
{
    static const char *const words[] = {"Anonymous", "RSA", "DSA", "ECDSA", "SM2"};

    return signature < NJ_COUNT_OF(words) ? words[signature] : NULL;
}

static const char *
words_of_psk_mode(uint64_t mode)
{
    static const char *const words[] = {"PSK-only key establishment (psk_ke)",
                                        "PSK with (EC)DHE key establishment (psk_dhe_ke)"};

    return mode < NJ_COUNT_OF(words) ? words[mode] : NULL;
}

static const char *
words_of_curve_type(uint64_t type)
{
    static const char *const words[] = {
        [1] = "explicit_prime", [2] = "explicit_char2", [3] = "named_curve"};

    return type < NJ_COUNT_OF(words) ? words[type] : NULL;
}

/* ---- a record's line ---- */

/* The item of that field within a record. */
static const struct nj_item *
find_within(const struct nj_line *l, enum nj_field field)
{
    for (size_t i = l->at + 1;
         i < l->tree->count && l->tree->item[i].depth > l->tree->item[l->at].depth; i++)
        if (l->tree->item[i].field == field)
            return &l->tree->item[i];
    return NULL;
}

static const char *
or_unknown(const char *words)
{
    return words != NULL ? words : "Unknown";
}

static void
put_alert_of(struct nj_line *l)
{
    const struct nj_item *level = find_within(l, NJ_FIELD_TLS_ALERT_LEVEL);
    const struct nj_item *description = find_within(l, NJ_FIELD_TLS_ALERT_DESC);

    if (level == NULL || description == NULL)
        nj_text_put(l->out, NJ_STR("Encrypted Alert"));
    else
        nj_text_putf(l->out, "Alert (Level: %s, Description: %s)",
                     or_unknown(words_of_level(level->number)),
                     or_unknown(words_of_alert(description->number)));
}

/* A ServerHello that asks for another ClientHello has a name of its own. */
static void
put_message(struct nj_line *l)
{
    const struct nj_item *type = find_within(l, NJ_FIELD_TLS_HS_TYPE);
    const struct nj_item *random = find_within(l, NJ_FIELD_TLS_HS_RANDOM);
    const char *words = "Encrypted Handshake Message";

    if (random != NULL && nj_tls_is_retry(random->range))
        words = "Hello Retry Request";
    else if (type != NULL)
        words = or_unknown(words_of_message(type->number));
    nj_text_putf(l->out, "Handshake Protocol: %s", words);
}

static void
put_random(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_put(l->out, NJ_STR(": "));
    nj_item_put_line(l->out, l->item);
    if (nj_tls_is_retry(l->item->range))
        nj_text_put(l->out, NJ_STR(" (HelloRetryRequest magic)"));
}

static void
put_record(struct nj_line *l)
{
    const char *version = nj_tls_version_words((unsigned)l->item->number);
    const struct nj_item *message = find_within(l, NJ_FIELD_TLS_HS_TYPE);
    const struct nj_item *type = find_within(l, NJ_FIELD_TLS_CONTENT_TYPE);
    const struct nj_item *protocol = find_within(l, NJ_FIELD_TLS_APP_DATA_PROTO);

    nj_text_putf(l->out, "%s Record Layer: ", version != NULL ? version : "TLS");
    if (message != NULL)
        put_message(l);
    else if (find_within(l, NJ_FIELD_TLS_ALERT) != NULL)
        put_alert_of(l);
    else if (find_within(l, NJ_FIELD_TLS_CCS) != NULL)
        nj_text_put(l->out, NJ_STR("Change Cipher Spec Protocol: Change Cipher Spec"));
    else if (type != NULL && type->number == NJ_TLS_HANDSHAKE)
        nj_text_put(l->out, NJ_STR("Handshake Protocol: Encrypted Handshake Message"));
    else
        nj_text_putf(l->out, "Application Data Protocol: %" NJ_STR_FMT,
                     NJ_STR_ARG(protocol != NULL ? protocol->range : NJ_STR("Application Data")));
}

static void
put_alert(struct nj_line *l)
{
    nj_line_put_label(l);
    if (find_within(l, NJ_FIELD_TLS_ALERT_DESC) == NULL)
        nj_text_put(l->out, NJ_STR(": Encrypted Alert"));
}

/* ---- hellos, keys, tickets ---- */

static uint64_t
number_within(const struct nj_line *l, enum nj_field field)
{
    const struct nj_item *item = find_within(l, field);

    return item != NULL ? item->number : 0;
}

static void
put_extension(struct nj_line *l)
{
    const char *name = nj_tls_extension_name(number_within(l, NJ_FIELD_TLS_EXT_TYPE));

    nj_line_put_label(l);
    if (name != NULL)
        nj_text_putf(l->out, ": %s", name);
    else
        nj_text_putf(l->out, ": Unknown type %" PRIu64, number_within(l, NJ_FIELD_TLS_EXT_TYPE));
    nj_text_putf(l->out, " (len=%" PRIu64 ")", number_within(l, NJ_FIELD_TLS_EXT_LEN));
}

static void
put_share(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_putf(l->out, ": Group: %s, Key Exchange length: %" PRIu64,
                 or_unknown(nj_tls_group_name(number_within(l, NJ_FIELD_TLS_SHARE_GROUP))),
                 number_within(l, NJ_FIELD_TLS_SHARE_LEN));
}

/* "Cipher Suites (28 suites)" */
static void
put_list(struct nj_line *l)
{
    static const char *const items[NJ_FIELD_COUNT] = {
        [NJ_FIELD_TLS_HS_SUITES] = "suite", [NJ_FIELD_TLS_HS_COMPS] = "method",
        [NJ_FIELD_TLS_GROUPS] = "group",    [NJ_FIELD_TLS_SIG_ALGS] = "algorithm",
        [NJ_FIELD_TLS_CERT_TYPES] = "type", [NJ_FIELD_TLS_CERTIFICATES] = "byte",
    };
    const char *item = items[l->item->field];

    nj_line_put_label(l);
    nj_text_put(l->out, NJ_STR(" ("));
    if (item != NULL)
        nj_line_put_count(l, l->item->number, item);
    else
        nj_text_putf(l->out, "%" PRIu64, l->item->number);
    nj_text_put(l->out, NJ_STR(")"));
}

/* Of an extension, whose type is its number. */
static void
put_data(struct nj_line *l)
{
    nj_line_put_label(l);
    if (l->item->number == NJ_TLS_EXTENSION_TICKET) {
        nj_text_put(l->out, NJ_STR(" ("));
        nj_line_put_count(l, l->item->range.n, "byte");
        nj_text_put(l->out, NJ_STR(")"));
    } else {
        nj_text_put(l->out, NJ_STR(": "));
        nj_item_put_line(l->out, l->item);
    }
}

/* "7200 seconds (2 hours)"; below a minute the seconds alone. */
static void
put_lifetime(struct nj_line *l)
{
    static const struct {
        uint64_t seconds;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    uint64_t rest = l->item->number;
    const char *between = " (";

    nj_line_put_label(l);
    nj_text_put(l->out, NJ_STR(": "));
    nj_line_put_count(l, rest, "second");
    if (rest < 60)
        return;
    for (size_t i = 0; i < NJ_COUNT_OF(units); i++) {
        if (rest < units[i].seconds)
            continue;
        nj_text_put(l->out, nj_str_of(between));
        nj_line_put_count(l, rest / units[i].seconds, units[i].name);
        rest %= units[i].seconds;
        between = ", ";
    }
    nj_text_put(l->out, NJ_STR(")"));
}

const struct nj_form *
nj_form_of_tls(enum nj_field field)
{
/* clang-format off */
#define PUT(function)    {.put = (function)}
#define WORDS(function)  {.words = (function)}
    static const struct nj_form forms[NJ_FIELD_COUNT] = {
        [NJ_FIELD_TLS] = PUT(nj_line_put_label),
        [NJ_FIELD_TLS_RECORD] = PUT(put_record),
        [NJ_FIELD_TLS_CONTENT_TYPE] = WORDS(words_of_content),
        [NJ_FIELD_TLS_OPAQUE_TYPE] = WORDS(words_of_content),
        [NJ_FIELD_TLS_RECORD_VERSION] = WORDS(words_of_version),
        [NJ_FIELD_TLS_CCS] = PUT(nj_line_put_label),
        [NJ_FIELD_TLS_ALERT] = PUT(put_alert),
        [NJ_FIELD_TLS_ALERT_LEVEL] = WORDS(words_of_level),
        [NJ_FIELD_TLS_ALERT_DESC] = WORDS(words_of_alert),
        [NJ_FIELD_TLS_ALERT_CAUSE] = {.is_inferred = true},
        [NJ_FIELD_TLS_HANDSHAKE] = PUT(put_message),
        [NJ_FIELD_TLS_HS_TYPE] = WORDS(words_of_message),
        [NJ_FIELD_TLS_HS_VERSION] = WORDS(words_of_version),
        [NJ_FIELD_TLS_HS_RANDOM] = PUT(put_random),
        [NJ_FIELD_TLS_HS_COMP] = WORDS(words_of_compression),
        [NJ_FIELD_TLS_HS_SUITE] = WORDS(nj_tls_suite_name),
        [NJ_FIELD_TLS_EXT_TYPE] = WORDS(nj_tls_extension_name),
        [NJ_FIELD_TLS_GROUP] = WORDS(nj_tls_group_name),
        [NJ_FIELD_TLS_SIG_ALG] = WORDS(nj_tls_signature_name),
        [NJ_FIELD_TLS_CERT_TYPE] = WORDS(nj_tls_certificate_type_name),
        [NJ_FIELD_TLS_SNI_TYPE] = WORDS(words_of_name_type),
        [NJ_FIELD_TLS_VERSION] = WORDS(words_of_version),
        [NJ_FIELD_TLS_TICKET_LIFETIME] = PUT(put_lifetime),
        [NJ_FIELD_TLS_HS_SUITES] = PUT(put_list),
        [NJ_FIELD_TLS_HS_COMPS] = PUT(put_list),
        [NJ_FIELD_TLS_EXT] = PUT(put_extension),
        [NJ_FIELD_TLS_EXT_DATA] = PUT(put_data),
        [NJ_FIELD_TLS_SNI_EXT] = PUT(nj_line_put_label),
        [NJ_FIELD_TLS_ALPN_LIST] = PUT(nj_line_put_label),
        [NJ_FIELD_TLS_POINT_FORMATS] = PUT(put_list),
        [NJ_FIELD_TLS_POINT_FORMAT] = WORDS(words_of_point_format),
        [NJ_FIELD_TLS_GROUPS] = PUT(put_list),
        [NJ_FIELD_TLS_SIG_ALGS] = PUT(put_list),
        [NJ_FIELD_TLS_SIG_ALG_HASH] = WORDS(words_of_hash),
        [NJ_FIELD_TLS_SIG_ALG_SIGNATURE] = WORDS(words_of_signature),
        [NJ_FIELD_TLS_PSK_MODE] = WORDS(words_of_psk_mode),
        [NJ_FIELD_TLS_SHARES] = PUT(nj_line_put_label),
        [NJ_FIELD_TLS_SHARE] = PUT(put_share),
        [NJ_FIELD_TLS_SHARE_GROUP] = WORDS(nj_tls_group_name),
        [NJ_FIELD_TLS_SHARE_SELECTED] = WORDS(nj_tls_group_name),
        [NJ_FIELD_TLS_RENEGOTIATION] = PUT(nj_line_put_label),
        [NJ_FIELD_TLS_CERTIFICATES] = PUT(put_list),
        [NJ_FIELD_TLS_SERVER_PARAMS] = PUT(nj_line_put_label),
        [NJ_FIELD_TLS_CURVE_TYPE] = WORDS(words_of_curve_type),
        [NJ_FIELD_TLS_CURVE] = WORDS(nj_tls_group_name),
        [NJ_FIELD_TLS_CLIENT_PARAMS] = PUT(nj_line_put_label),
        [NJ_FIELD_TLS_VERIFY_DATA] = PUT(nj_line_put_label),
        [NJ_FIELD_TLS_CERT_TYPES] = PUT(put_list),
        [NJ_FIELD_TLS_NEW_TICKET] = PUT(nj_line_put_label),
    };
    /* clang-format on */
    return &forms[field];
}
