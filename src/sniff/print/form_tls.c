/* SPDX-License-Identifier: Apache-2.0 */
/* form_tls.c — the fields of TLS for people, in Wireshark's words. Lists, extensions and what is in
 * a certificate stand one below the other, without levels of their own. */
#include "sniff/payload/tls_priv.h"
#include "sniff/print/form.h"
#include "sniff/print/form_tls_words.h"

#include <inttypes.h>

#define PORT_MQTTS 8883

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

/* What its port is for, whoever speaks on it. */
static bool
is_of_mqtts(const struct nj_tree *tree)
{
    for (size_t i = 0; i < tree->count && tree->item[i].field != NJ_FIELD_TLS; i++)
        if (tree->item[i].field == NJ_FIELD_TCP_PORT && tree->item[i].number == PORT_MQTTS)
            return true;
    return false;
}

static void
put_record(struct nj_line *l)
{
    const char *version = nj_tls_version_words((unsigned)l->item->number);
    const struct nj_item *message = find_within(l, NJ_FIELD_TLS_HS_TYPE);
    const struct nj_item *type = find_within(l, NJ_FIELD_TLS_CONTENT_TYPE);

    nj_text_putf(l->out, "%s Record Layer: ", version != NULL ? version : "TLS");
    if (message != NULL)
        nj_text_putf(l->out, "Handshake Protocol: %s",
                     or_unknown(words_of_message(message->number)));
    else if (find_within(l, NJ_FIELD_TLS_ALERT) != NULL)
        put_alert_of(l);
    else if (find_within(l, NJ_FIELD_TLS_CCS) != NULL)
        nj_text_put(l->out, NJ_STR("Change Cipher Spec Protocol: Change Cipher Spec"));
    else if (type != NULL && type->number == NJ_TLS_HANDSHAKE)
        nj_text_put(l->out, NJ_STR("Handshake Protocol: Encrypted Handshake Message"));
    else
        nj_text_putf(l->out, "Application Data Protocol: %s",
                     is_of_mqtts(l->tree) ? "MQ Telemetry Transport Protocol" : "Application Data");
}

static void
put_message(struct nj_line *l)
{
    const struct nj_item *type = find_within(l, NJ_FIELD_TLS_HS_TYPE);

    nj_text_putf(l->out, "Handshake Protocol: %s",
                 type != NULL ? or_unknown(words_of_message(type->number))
                              : "Encrypted Handshake "
                                "Message");
}

static const char *
words_of_name(uint64_t choice)
{
    return choice == 0 ? "rdnSequence" : NULL;
}

static void
put_serial(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_put(l->out, NJ_STR(": 0x"));
    nj_text_put_hex(l->out, l->item->range, '\0');
}

static void
put_alert(struct nj_line *l)
{
    nj_line_put_label(l);
    if (find_within(l, NJ_FIELD_TLS_ALERT_DESC) == NULL)
        nj_text_put(l->out, NJ_STR(": Encrypted Alert"));
}

static void
put_seconds(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_putf(l->out, ": %" PRIu64 " seconds", l->item->number);
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
        [NJ_FIELD_TLS_HS_COMP] = WORDS(words_of_compression),
        [NJ_FIELD_TLS_HS_SUITE] = WORDS(nj_tls_suite_name),
        [NJ_FIELD_TLS_EXT_TYPE] = WORDS(nj_tls_extension_name),
        [NJ_FIELD_TLS_GROUP] = WORDS(nj_tls_group_name),
        [NJ_FIELD_TLS_SIG_ALG] = WORDS(nj_tls_signature_name),
        [NJ_FIELD_TLS_CERT_TYPE] = WORDS(nj_tls_certificate_type_name),
        [NJ_FIELD_TLS_SNI_TYPE] = WORDS(words_of_name_type),
        [NJ_FIELD_TLS_VERSION] = WORDS(words_of_version),
        [NJ_FIELD_TLS_TICKET_LIFETIME] = PUT(put_seconds),
        [NJ_FIELD_X509_SERIAL] = PUT(put_serial),
        [NJ_FIELD_X509_ISSUER] = WORDS(words_of_name),
        [NJ_FIELD_X509_SUBJECT] = WORDS(words_of_name),
    };
    /* clang-format on */
    return &forms[field];
}
