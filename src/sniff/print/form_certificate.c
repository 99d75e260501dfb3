/* SPDX-License-Identifier: Apache-2.0 */
/* form_certificate.c — the fields of certificates for people, in Wireshark's words. */
#include "sniff/print/form.h"

#include <inttypes.h>

static const char *
words_of_version(uint64_t version)
{
    static const char *const words[] = {"v1", "v2", "v3"};

    return version < NJ_COUNT_OF(words) ? words[version] : NULL;
}

static const char *
words_of_owner(uint64_t choice)
{
    return choice == 0 ? "rdnSequence" : NULL;
}

static const char *
words_of_time(uint64_t choice)
{
    return choice == 0 ? "utcTime" : "generalizedTime";
}

static const char *
words_of_string(uint64_t choice)
{
    static const char *const words[] = {"teletexString", "printableString", "universalString",
                                        "bmpString", "uTF8String"};

    return choice < NJ_COUNT_OF(words) ? words[choice] : NULL;
}

static const char *
words_of_general_name(uint64_t choice)
{
    static const char *const words[] = {"otherName",
                                        "rfc822Name",
                                        "dNSName",
                                        "x400Address",
                                        "directoryName",
                                        "ediPartyName",
                                        "uniformResourceIdentifier",
                                        "iPAddress",
                                        "registeredID"};

    return choice < NJ_COUNT_OF(words) ? words[choice] : NULL;
}

/* ---- object identifiers ---- */

/* NULL: it has no name here. */
static const char *
name_of(struct nj_str oid)
{
    static const struct {
        const char *oid, *name;
    } names[] = {
        {"1.2.840.113549.1.9.1", "pkcs-9-at-emailAddress"},
        {"2.5.4.3", "id-at-commonName"},
        {"2.5.4.6", "id-at-countryName"},
        {"2.5.4.7", "id-at-localityName"},
        {"2.5.4.8", "id-at-stateOrProvinceName"},
        {"2.5.4.10", "id-at-organizationName"},
        {"2.5.4.11", "id-at-organizationalUnitName"},
        {"2.5.29.14", "id-ce-subjectKeyIdentifier"},
        {"2.5.29.15", "id-ce-keyUsage"},
        {"2.5.29.17", "id-ce-subjectAltName"},
        {"2.5.29.19", "id-ce-basicConstraints"},
        {"2.5.29.35", "id-ce-authorityKeyIdentifier"},
        {"2.5.29.37", "id-ce-extKeyUsage"},
    };

    for (size_t i = 0; i < NJ_COUNT_OF(names); i++)
        if (nj_str_eq(oid, nj_str_of(names[i].oid)))
            return names[i].name;
    return NULL;
}

static void
put_name_of(struct nj_text *out, struct nj_str oid)
{
    const char *name = name_of(oid);

    nj_text_put(out, name != NULL ? nj_str_of(name) : oid);
}

static void
put_oid(struct nj_line *l)
{
    const char *name = name_of(l->item->range);

    nj_line_put_label(l);
    nj_text_putf(l->out, ": %" NJ_STR_FMT, NJ_STR_ARG(l->item->range));
    if (name != NULL)
        nj_text_putf(l->out, " (%s)", name);
}

/* ---- names ---- */

/* Behind the last item below item `at`. */
static size_t
end_of(const struct nj_tree *tree, size_t at)
{
    size_t i = at + 1;

    while (i < tree->count && tree->item[i].depth > tree->item[at].depth)
        i++;
    return i;
}

/* "id-at-countryName=FR" for each attribute below item `at`. */
static void
put_attributes(struct nj_line *l, size_t at)
{
    size_t end = end_of(l->tree, at);
    const char *between = "";

    for (size_t i = at + 1; i < end; i++) {
        const struct nj_item *item = &l->tree->item[i];

        switch (item->field) {
        case NJ_FIELD_X509_ATTRIBUTE_OID:
            nj_text_put(l->out, nj_str_of(between));
            put_name_of(l->out, item->range);
            between = "+";
            break;
        case NJ_FIELD_X509_COUNTRY:
        case NJ_FIELD_X509_UTF8:
        case NJ_FIELD_X509_PRINTABLE:
        case NJ_FIELD_X509_TELETEX:
        case NJ_FIELD_X509_IA5:
            nj_text_put(l->out, NJ_STR("="));
            nj_text_put_shown(l->out, item->range);
            break;
        default:
            break;
        }
    }
}

static void
put_own_attributes(struct nj_line *l)
{
    nj_text_put(l->out, NJ_STR(" ("));
    put_attributes(l, l->at);
    nj_text_put(l->out, NJ_STR(")"));
}

static void
put_items(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_put(l->out, NJ_STR(": "));
    nj_line_put_count(l, l->item->number, "item");
}

/* The last part of a name comes first. */
static void
put_sequence(struct nj_line *l)
{
    const char *between = "";

    put_items(l);
    nj_text_put(l->out, NJ_STR(" ("));
    for (size_t i = end_of(l->tree, l->at) - 1; i > l->at; i--) {
        if (l->tree->item[i].field != NJ_FIELD_X509_RELATIVE)
            continue;
        nj_text_put(l->out, nj_str_of(between));
        put_attributes(l, i);
        between = ",";
    }
    nj_text_put(l->out, NJ_STR(")"));
}

static void
put_relative(struct nj_line *l)
{
    put_items(l);
    put_own_attributes(l);
}

static void
put_attribute(struct nj_line *l)
{
    nj_line_put_label(l);
    put_own_attributes(l);
}

/* ---- the rest ---- */

static void
put_serial(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_put(l->out, NJ_STR(": 0x"));
    nj_text_put_hex(l->out, l->item->range, '\0');
}

/* Its identifier is the item below it. */
static void
put_extension(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_put(l->out, NJ_STR(" ("));
    if (end_of(l->tree, l->at) > l->at + 1)
        put_name_of(l->out, l->tree->item[l->at + 1].range);
    nj_text_put(l->out, NJ_STR(")"));
}

const struct nj_form *
nj_form_of_certificate(enum nj_field field)
{
/* clang-format off */
#define PUT(function)    {.put = (function)}
#define WORDS(function)  {.words = (function)}
    static const struct nj_form forms[NJ_FIELD_COUNT] = {
        [NJ_FIELD_X509_SIGNED] = PUT(nj_line_put_label),
        [NJ_FIELD_X509_VERSION] = WORDS(words_of_version),
        [NJ_FIELD_X509_SERIAL] = PUT(put_serial),
        [NJ_FIELD_X509_ISSUER] = WORDS(words_of_owner),
        [NJ_FIELD_X509_SUBJECT] = WORDS(words_of_owner),
        [NJ_FIELD_X509_NAME] = PUT(put_sequence),
        [NJ_FIELD_X509_SUBJECT_NAME] = PUT(put_sequence),
        [NJ_FIELD_X509_RELATIVE] = PUT(put_relative),
        [NJ_FIELD_X509_ATTRIBUTE] = PUT(put_attribute),
        [NJ_FIELD_X509_ATTRIBUTE_OID] = PUT(put_oid),
        [NJ_FIELD_X509_STRING] = WORDS(words_of_string),
        [NJ_FIELD_X509_VALIDITY] = PUT(nj_line_put_label),
        [NJ_FIELD_X509_NOT_BEFORE] = WORDS(words_of_time),
        [NJ_FIELD_X509_NOT_AFTER] = WORDS(words_of_time),
        [NJ_FIELD_X509_EXTENSIONS] = PUT(put_items),
        [NJ_FIELD_X509_EXTENSION] = PUT(put_extension),
        [NJ_FIELD_X509_EXTENSION_OID] = PUT(put_oid),
        [NJ_FIELD_X509_CRITICAL] = PUT(nj_line_put_truth),
        [NJ_FIELD_X509_GENERAL_NAMES] = PUT(put_items),
        [NJ_FIELD_X509_GENERAL_NAME] = WORDS(words_of_general_name),
    };
    /* clang-format on */
    return &forms[field];
}
