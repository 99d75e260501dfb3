/* SPDX-License-Identifier: Apache-2.0 */
/* tls_certificate.c — who a certificate is of, by whom and how long, read from its DER. It is
 * shown, not judged: what is no certificate is shown as far as it looks like one. */
#include "sniff/payload/tls_priv.h"

enum {
    BOOLEAN = 0x01,
    INTEGER = 0x02,
    OCTETS = 0x04,
    OID = 0x06,
    UTF8 = 0x0c,
    PRINTABLE = 0x13,
    TELETEX = 0x14,
    IA5 = 0x16,
    UTC_TIME = 0x17,
    GENERALIZED_TIME = 0x18,
    SEQUENCE = 0x30,
    SET = 0x31,
    VERSION = 0xa0,    /* of a certificate */
    EXTENSIONS = 0xa3, /* of a certificate */
    GENERAL_NAME = 0x80,
    DNS_NAME = 0x82, /* of a GeneralName */
    IP_ADDRESS = 0x87,
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

/* How many values follow. */
static uint64_t
count_of(struct nj_reader r)
{
    struct nj_str value;
    uint64_t n = 0;

    while (nj_reader_left(&r) > 0 && next_value(&r, &value) != 0)
        n++;
    return n;
}

/* A level of the tree. */
static void
begin(struct nj_tree *tree, enum nj_field field, uint64_t number)
{
    nj_tree_number(tree, field, number, (struct nj_str){NULL, 0});
    tree->depth++;
}

static void
end(struct nj_tree *tree)
{
    tree->depth--;
}

/* "2.5.4.3"; a number of more than 32 bits ends it, there is none in use. */
static void
put_oid(struct nj_tree *tree, enum nj_field field, struct nj_str der)
{
    struct nj_text text = {0};
    struct nj_reader r = nj_reader_of(der);
    bool is_first = true;

    while (nj_reader_left(&r) > 0) {
        uint64_t number = 0;
        uint8_t byte;

        do {
            byte = nj_read_u8(&r);
            number = number << 7 | (byte & 0x7f);
        } while ((byte & 0x80) != 0 && number <= UINT32_MAX);
        if (number > UINT32_MAX)
            break;
        if (is_first)
            nj_text_putf(&text, "%u.", (unsigned)NJ_MIN(number / 40, (uint64_t)2));
        if (is_first)
            number -= NJ_MIN(number / 40, (uint64_t)2) * 40;
        nj_text_putf(&text, "%s%u", is_first ? "" : ".", (unsigned)number);
        is_first = false;
    }
    nj_tree_bytes(tree, field, nj_tree_keep(tree, nj_text_str(&text)));
    nj_text_fini(&text);
}

/* Of the kinds of a DirectoryString; those of two and four bytes are not laid out. */
static void
put_string(struct nj_tree *tree, unsigned tag, struct nj_str value)
{
    static const struct {
        unsigned tag, choice;
        enum nj_field field;
    } kinds[] = {
        {TELETEX, 0, NJ_FIELD_X509_TELETEX},
        {PRINTABLE, 1, NJ_FIELD_X509_PRINTABLE},
        {UTF8, 4, NJ_FIELD_X509_UTF8},
    };

    for (size_t i = 0; i < NJ_COUNT_OF(kinds); i++) {
        if (kinds[i].tag != tag)
            continue;
        begin(tree, NJ_FIELD_X509_STRING, kinds[i].choice);
        nj_tree_bytes(tree, kinds[i].field, value);
        end(tree);
    }
}

static void
walk_attribute(struct nj_reader pair, struct nj_tree *tree)
{
    struct nj_str oid, value;
    unsigned tag;

    if (next_value(&pair, &oid) != OID)
        return;
    tag = next_value(&pair, &value);
    begin(tree, NJ_FIELD_X509_ATTRIBUTE, 0);
    put_oid(tree, NJ_FIELD_X509_ATTRIBUTE_OID, oid);
    if (nj_str_eq(oid, NJ_STR("\x55\x04\x06")))
        nj_tree_bytes(tree, NJ_FIELD_X509_COUNTRY, value);
    else if (tag == IA5)
        nj_tree_bytes(tree, NJ_FIELD_X509_IA5, value);
    else
        put_string(tree, tag, value);
    end(tree);
}

/* The relative names in a name. */
static void
walk_name(struct nj_reader name, struct nj_tree *tree)
{
    while (nj_reader_left(&name) > 0) {
        struct nj_reader set = enter(&name, SET);

        begin(tree, NJ_FIELD_X509_RELATIVE, count_of(set));
        while (nj_reader_left(&set) > 0)
            walk_attribute(enter(&set, SEQUENCE), tree);
        end(tree);
    }
}

void
nj_tls_walk_name(struct nj_str der, struct nj_tree *tree)
{
    struct nj_reader r = nj_reader_of(der);

    walk_name(enter(&r, SEQUENCE), tree);
}

/* The issuer's, or the subject's. */
static void
walk_owner(struct nj_reader *r, enum nj_field owner, enum nj_field sequence, struct nj_tree *tree)
{
    struct nj_reader name = enter(r, SEQUENCE);

    begin(tree, owner, 0);
    begin(tree, sequence, count_of(name));
    walk_name(name, tree);
    end(tree);
    end(tree);
}

/* YYMMDDhhmmssZ, or with four digits of the year, as a date that people read. [RFC5280-4.1.2.5] */
static void
put_time(struct nj_tree *tree, enum nj_field field, unsigned tag, struct nj_str time)
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
    begin(tree, field, tag == UTC_TIME ? 0 : 1);
    nj_tree_bytes(tree, tag == UTC_TIME ? NJ_FIELD_X509_UTC_TIME : NJ_FIELD_X509_GENERALIZED_TIME,
                  nj_tree_keep(tree, nj_text_str(&text)));
    end(tree);
    nj_text_fini(&text);
}

static void
walk_alternative_names(struct nj_str der, struct nj_tree *tree)
{
    struct nj_reader r = nj_reader_of(der);
    struct nj_reader names = enter(&r, SEQUENCE);
    struct nj_str name;

    begin(tree, NJ_FIELD_X509_GENERAL_NAMES, count_of(names));
    while (nj_reader_left(&names) > 0) {
        unsigned tag = next_value(&names, &name);

        if ((tag & 0xc0) != GENERAL_NAME)
            continue;
        begin(tree, NJ_FIELD_X509_GENERAL_NAME, tag & 0x1f);
        if (tag == DNS_NAME)
            nj_tree_bytes(tree, NJ_FIELD_X509_DNS_NAME, name);
        else if (tag == IP_ADDRESS && name.n == 4)
            nj_tree_bytes(tree, NJ_FIELD_X509_IPV4, name);
        else if (tag == IP_ADDRESS && name.n == 16)
            nj_tree_bytes(tree, NJ_FIELD_X509_IPV6, name);
        end(tree);
    }
    end(tree);
}

static void
walk_certificate_extension(struct nj_reader extension, struct nj_tree *tree)
{
    struct nj_str oid, value = {NULL, 0};

    (void)next_value(&extension, &oid);
    begin(tree, NJ_FIELD_X509_EXTENSION, 0);
    put_oid(tree, NJ_FIELD_X509_EXTENSION_OID, oid);
    while (nj_reader_left(&extension) > 0) {
        unsigned tag = next_value(&extension, &value);

        if (tag == BOOLEAN && value.n == 1)
            nj_tree_number(tree, NJ_FIELD_X509_CRITICAL, value.p[0] != 0, value);
        if (tag == OCTETS && nj_str_eq(oid, NJ_STR("\x55\x1d\x11")))
            walk_alternative_names(value, tree);
    }
    end(tree);
}

static void
walk_certificate_extensions(struct nj_reader r, struct nj_tree *tree)
{
    struct nj_reader all = enter(&r, SEQUENCE);

    begin(tree, NJ_FIELD_X509_EXTENSIONS, count_of(all));
    while (nj_reader_left(&all) > 0)
        walk_certificate_extension(enter(&all, SEQUENCE), tree);
    end(tree);
}

static void
walk_validity(struct nj_reader validity, struct nj_tree *tree)
{
    struct nj_str value;
    unsigned tag = next_value(&validity, &value);

    begin(tree, NJ_FIELD_X509_VALIDITY, 0);
    put_time(tree, NJ_FIELD_X509_NOT_BEFORE, tag, value);
    tag = next_value(&validity, &value);
    put_time(tree, NJ_FIELD_X509_NOT_AFTER, tag, value);
    end(tree);
}

/* It says its version since the second, as a number one less. [RFC5280-4.1.2.1] */
static void
walk_version(struct nj_str contents, struct nj_tree *tree)
{
    struct nj_reader r = nj_reader_of(contents);
    struct nj_str value;

    if (next_value(&r, &value) == INTEGER && value.n == 1)
        nj_tree_number(tree, NJ_FIELD_X509_VERSION, (uint8_t)value.p[0], value);
}

void
nj_tls_walk_certificate(struct nj_str der, struct nj_tree *tree)
{
    struct nj_reader r = nj_reader_of(der);
    struct nj_reader certificate = enter(&r, SEQUENCE);
    struct nj_reader signed_part = enter(&certificate, SEQUENCE);
    struct nj_str value;
    unsigned tag = next_value(&signed_part, &value);
    struct nj_str version = {NULL, 0};

    if (tag == VERSION) {
        version = value;
        tag = next_value(&signed_part, &value);
    }
    if (tag != INTEGER)
        return;
    begin(tree, NJ_FIELD_X509_SIGNED, 0);
    walk_version(version, tree);
    nj_tree_bytes(tree, NJ_FIELD_X509_SERIAL, value);
    (void)next_value(&signed_part, &value); /* the algorithm of its signature */
    walk_owner(&signed_part, NJ_FIELD_X509_ISSUER, NJ_FIELD_X509_NAME, tree);
    walk_validity(enter(&signed_part, SEQUENCE), tree);
    walk_owner(&signed_part, NJ_FIELD_X509_SUBJECT, NJ_FIELD_X509_SUBJECT_NAME, tree);
    while (nj_reader_left(&signed_part) > 0)
        if (next_value(&signed_part, &value) == EXTENSIONS)
            walk_certificate_extensions(nj_reader_of(value), tree);
    end(tree);
}
