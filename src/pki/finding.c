/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/finding.h"

#include "base/assert.h"
#include "base/mem.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FINDINGS_MAX 64

struct row {
    const char *word;
    enum nj_severity severity;
    const char *of_client, *of_broker;
    const char *advice;
};

static const struct row rows[] = {
#define X(name, word, severity, client, broker, mend)                                              \
    [NJ_FINDING_##name] = {word, NJ_SEVERITY_##severity, client, broker, mend},
#include "pki/finding.def"
#undef X
};

static const struct row *
row_of(enum nj_finding_id id)
{
    NJ_ASSERT((size_t)id < NJ_COUNT_OF(rows));
    return &rows[id];
}

const char *
nj_finding_name(enum nj_finding_id id)
{
    return row_of(id)->word;
}

const char *
nj_finding_words(enum nj_finding_id id, enum nj_end end)
{
    return end == NJ_END_CLIENT ? row_of(id)->of_client : row_of(id)->of_broker;
}

const char *
nj_severity_name(enum nj_severity severity)
{
    switch (severity) {
    case NJ_SEVERITY_NOTE:
        return "note";
    case NJ_SEVERITY_WARNING:
        return "warning";
    case NJ_SEVERITY_FAULT:
        return "fault";
    }
    return "";
}

/* ---- a certificate's facts ---- */

/* What `bio` holds, cut, with a mark where it was. */
static void
copy_bio(BIO *bio, char *out, size_t room)
{
    char *text = NULL;
    long n = BIO_get_mem_data(bio, &text);
    size_t length = n > 0 ? (size_t)n : 0;
    bool is_cut = length >= room;

    if (is_cut)
        length = room - 1;
    if (length > 0)
        memcpy(out, text, length);
    out[length] = '\0';
    if (is_cut && room > 4)
        memcpy(out + room - 4, "...", 4);
}

static void
read_name(const X509_NAME *name, char *out, size_t room)
{
    BIO *bio = BIO_new(BIO_s_mem());

    out[0] = '\0';
    if (bio == NULL)
        return;
    /* Control characters and what is no UTF-8 come out escaped. */
    if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
        copy_bio(bio, out, room);
    BIO_free(bio);
}

void
nj_cert_serial(const struct x509_st *certificate, char *out, size_t room)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *text = number != NULL ? BN_bn2hex(number) : NULL;

    (void)snprintf(out, room, "%s", text != NULL ? text : "");
    OPENSSL_free(text);
    BN_free(number);
}

int64_t
nj_cert_time_s(const struct asn1_string_st *at)
{
    struct tm tm;

    if (at == NULL || ASN1_TIME_to_tm(at, &tm) != 1)
        return 0;
    return (int64_t)timegm(&tm);
}

/* Only printable ASCII: a name in a certificate may hold anything. */
static void
make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e)
            *text = '?';
    }
}

static void
fill_names(const X509 *certificate, char *out, size_t room)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    BIO *bio = BIO_new(BIO_s_mem());

    out[0] = '\0';
    for (int i = 0; bio != NULL && names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        if (i > 0)
            (void)BIO_puts(bio, ", ");
        (void)GENERAL_NAME_print(bio, sk_GENERAL_NAME_value(names, i));
    }
    if (bio != NULL)
        copy_bio(bio, out, room);
    make_printable(out);
    BIO_free(bio);
    GENERAL_NAMES_free(names);
}

void
nj_cert_facts_read(struct nj_cert_facts *out, const struct x509_st *certificate)
{
    *out = (struct nj_cert_facts){0};
    read_name(X509_get_subject_name(certificate), out->subject, sizeof(out->subject));
    read_name(X509_get_issuer_name(certificate), out->issuer, sizeof(out->issuer));
    nj_cert_serial(certificate, out->serial, sizeof(out->serial));
    fill_names(certificate, out->names, sizeof(out->names));
    out->not_before_s = nj_cert_time_s(X509_get0_notBefore(certificate));
    out->not_after_s = nj_cert_time_s(X509_get0_notAfter(certificate));
    ERR_clear_error();
}

/* ---- findings ---- */

void
nj_finding_init(struct nj_finding *out, enum nj_finding_id id, enum nj_end end)
{
    *out = (struct nj_finding){.id = id, .severity = row_of(id)->severity, .end = end, .depth = -1};
    (void)snprintf(out->cause, sizeof(out->cause), "%s", nj_finding_words(id, end));
    (void)snprintf(out->mend, sizeof(out->mend), "%s", row_of(id)->advice);
}

struct nj_finding *
nj_findings_add(struct nj_findings *list, enum nj_finding_id id, enum nj_end end)
{
    struct nj_finding *larger = list->at;

    if (list->count < FINDINGS_MAX && list->count % 8 == 0)
        larger = nj_realloc(list->at, (list->count + 8) * sizeof(*larger));
    if (list->count >= FINDINGS_MAX || larger == NULL) {
        list->is_cut = true;
        return NULL;
    }
    list->at = larger;
    nj_finding_init(&list->at[list->count], id, end);
    return &list->at[list->count++];
}

void
nj_findings_fini(struct nj_findings *list)
{
    nj_free(list->at);
    *list = (struct nj_findings){0};
}

bool
nj_findings_has(const struct nj_findings *list, enum nj_severity at_least)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!list->at[i].is_guess && list->at[i].severity >= at_least)
            return true;
    }
    return false;
}

void
nj_finding_cause(struct nj_finding *f, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(f->cause, sizeof(f->cause), fmt, ap);
    va_end(ap);
}

void
nj_finding_mend(struct nj_finding *f, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(f->mend, sizeof(f->mend), fmt, ap);
    va_end(ap);
}

void
nj_finding_mend_more(struct nj_finding *f, const char *fmt, ...)
{
    size_t n = strlen(f->mend);
    va_list ap;

    if (n > 0 && n + 1 < sizeof(f->mend))
        f->mend[n++] = '\n';
    va_start(ap, fmt);
    (void)vsnprintf(f->mend + n, sizeof(f->mend) - n, fmt, ap);
    va_end(ap);
}

static const char *
day(int64_t at, char out[16])
{
    time_t t = (time_t)at;
    struct tm tm;

    if (gmtime_r(&t, &tm) == NULL || strftime(out, 16, "%Y-%m-%d", &tm) == 0)
        (void)snprintf(out, 16, "?");
    return out;
}

const char *
nj_finding_line(const struct nj_finding *f, char *out, size_t room)
{
    const struct nj_cert_facts *c = &f->cert;
    char from[16];
    char to[16];
    char cert[800] = "";

    if (f->depth >= 0)
        (void)snprintf(
            cert, sizeof(cert),
            " (certificate: subject %s, issuer %s, valid from %s to %s, names %s, depth %d)",
            c->subject, c->issuer, day(c->not_before_s, from), day(c->not_after_s, to),
            c->names[0] != '\0' ? c->names : "none", f->depth);
    (void)snprintf(out, room, "%s%s%s%s", f->cause, cert,
                   f->mend[0] != '\0' ? "; to mend it: " : "", f->mend);
    for (char *p = out; *p != '\0'; p++) {
        if (*p == '\n')
            *p = ';';
    }
    return out;
}
