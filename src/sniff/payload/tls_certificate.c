/* SPDX-License-Identifier: Apache-2.0 */
/* tls_certificate.c — who a certificate is of, by whom and how long, read from its DER. It is
 * shown, not judged: what is no certificate is shown as far as it looks like one. */
#include "sniff/payload/tls_priv.h"

enum {
    INTEGER = 0x02,
    OCTETS = 0x04,
    OID = 0x06,
    UTF8 = 0x0c,
    PRINTABLE = 0x13,
    TELETEX = 0x14,
    UTC_TIME = 0x17,
    GENERALIZED_TIME = 0x18,
    SEQUENCE = 0x30,
    SET = 0x31,
    VERSION = 0xa0,    /* of a certificate */
    EXTENSIONS = 0xa3, /* of a certificate */
    DNS_NAME = 0x82,   /* of a GeneralName */
};

/* Tag, length and contents; a length of more than four bytes is longer than anything here. */
static unsigned
next_value(struct nj_reader *r, struct nj_str *contents)
{
    unsigned tag = nj_read_u8(r);
    size_t bytes = nj_read_u8(r);

    if (bytes >= 0x80) {
        unsigned n = bytes & 0x7f;

        bytes = 0;
        if (n == 0 || n > 4)
            r->is_short = true;
        for (unsigned i = 0; i < n && !r->is_short; i++)
            bytes = bytes << 8 | nj_read_u8(r);
    }
    if (r->is_short)
        r->p = r->end;
    *contents = nj_read_bytes(r, r->is_short ? 0 : bytes);
    return r->is_short ? 0 : tag;
}

/* The contents of the next value, when it is of that kind; else nothing. */
static struct nj_reader
enter(struct nj_reader *r, unsigned tag)
{
    struct nj_str contents;

    if (next_value(r, &contents) != tag)
        contents = (struct nj_str){NULL, 0};
    return nj_reader_of(contents);
}

static void
put_attribute(struct nj_tree *tree, struct nj_str oid, unsigned tag, struct nj_str value)
{
    if (nj_str_eq(oid, NJ_STR("\x55\x04\x06")))
        nj_tree_bytes(tree, NJ_FIELD_X509_COUNTRY, value);
    else if (tag == UTF8)
        nj_tree_bytes(tree, NJ_FIELD_X509_UTF8, value);
    else if (tag == PRINTABLE)
        nj_tree_bytes(tree, NJ_FIELD_X509_PRINTABLE, value);
    else if (tag == TELETEX)
        nj_tree_bytes(tree, NJ_FIELD_X509_TELETEX, value);
}

/* The relative names in a name. */
static void
walk_name(struct nj_reader name, struct nj_tree *tree)
{
    while (nj_reader_left(&name) > 0) {
        struct nj_reader set = enter(&name, SET);

        while (nj_reader_left(&set) > 0) {
            struct nj_reader pair = enter(&set, SEQUENCE);
            struct nj_str oid, value;

            if (next_value(&pair, &oid) == OID)
                put_attribute(tree, oid, next_value(&pair, &value), value);
        }
    }
}

void
nj_tls_walk_name(struct nj_str der, struct nj_tree *tree)
{
    struct nj_reader r = nj_reader_of(der);

    walk_name(enter(&r, SEQUENCE), tree);
}

/* YYMMDDhhmmssZ, or with four digits of the year, as a date that people read. [RFC5280-4.1.2.5] */
static void
put_time(struct nj_tree *tree, unsigned tag, struct nj_str time)
{
    size_t year = tag == UTC_TIME ? 2 : 4;
    struct nj_text text = {0};

    if ((tag != UTC_TIME && tag != GENERALIZED_TIME) || time.n != year + 11)
        return;
    for (size_t i = 0; i + 1 < time.n; i++)
        if (time.p[i] < '0' || time.p[i] > '9')
            return;
    if (tag == UTC_TIME)
        nj_text_put(&text, time.p[0] < '5' ? NJ_STR("20") : NJ_STR("19"));
    nj_text_putf(&text, "%.*s-%.2s-%.2s %.2s:%.2s:%.2s (UTC)", (int)year, time.p, time.p + year,
                 time.p + year + 2, time.p + year + 4, time.p + year + 6, time.p + year + 8);
    nj_tree_bytes(tree, tag == UTC_TIME ? NJ_FIELD_X509_UTC_TIME : NJ_FIELD_X509_GENERALIZED_TIME,
                  nj_tree_keep(tree, nj_text_str(&text)));
    nj_text_fini(&text);
}

static void
walk_alternative_names(struct nj_str der, struct nj_tree *tree)
{
    struct nj_reader r = nj_reader_of(der);
    struct nj_reader names = enter(&r, SEQUENCE);
    struct nj_str name;

    while (nj_reader_left(&names) > 0)
        if (next_value(&names, &name) == DNS_NAME)
            nj_tree_bytes(tree, NJ_FIELD_X509_DNS_NAME, name);
}

static void
walk_certificate_extensions(struct nj_reader r, struct nj_tree *tree)
{
    struct nj_reader all = enter(&r, SEQUENCE);

    while (nj_reader_left(&all) > 0) {
        struct nj_reader extension = enter(&all, SEQUENCE);
        struct nj_str oid, value = {NULL, 0};

        (void)next_value(&extension, &oid);
        while (nj_reader_left(&extension) > 0 && next_value(&extension, &value) != OCTETS)
            ; /* critical or not */
        if (nj_str_eq(oid, NJ_STR("\x55\x1d\x11")))
            walk_alternative_names(value, tree);
    }
}

void
nj_tls_walk_certificate(struct nj_str der, struct nj_tree *tree)
{
    struct nj_reader r = nj_reader_of(der);
    struct nj_reader certificate = enter(&r, SEQUENCE);
    struct nj_reader signed_part = enter(&certificate, SEQUENCE);
    struct nj_reader validity;
    struct nj_str value;
    unsigned tag = next_value(&signed_part, &value);

    if (tag == VERSION)
        tag = next_value(&signed_part, &value);
    if (tag != INTEGER)
        return;
    nj_tree_bytes(tree, NJ_FIELD_X509_SERIAL, value);
    (void)next_value(&signed_part, &value); /* the algorithm of its signature */
    nj_tree_number(tree, NJ_FIELD_X509_ISSUER, 0, (struct nj_str){NULL, 0});
    tree->depth++;
    walk_name(enter(&signed_part, SEQUENCE), tree);
    tree->depth--;
    validity = enter(&signed_part, SEQUENCE);
    while (nj_reader_left(&validity) > 0) {
        tag = next_value(&validity, &value);
        put_time(tree, tag, value);
    }
    nj_tree_number(tree, NJ_FIELD_X509_SUBJECT, 0, (struct nj_str){NULL, 0});
    tree->depth++;
    walk_name(enter(&signed_part, SEQUENCE), tree);
    tree->depth--;
    while (nj_reader_left(&signed_part) > 0)
        if (next_value(&signed_part, &value) == EXTENSIONS)
            walk_certificate_extensions(nj_reader_of(value), tree);
}
