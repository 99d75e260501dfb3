/* SPDX-License-Identifier: Apache-2.0 */
/* report_tls.c — what a TLS handshake gives away, and how good what was agreed on is. */
#include "base/mem.h"
#include "sniff/payload/tls_priv.h"
#include "sniff/report/report_priv.h"

#include <stdio.h>

/* ---- cipher suites ---- */

enum {
    FORWARD = 1, /* keys of the connection's own: forward secrecy */
    WEAK = 2,
};

/* Those that OpenSSL 3 takes, and what was left behind:
 * https://www.iana.org/assignments/tls-parameters
 */
static const struct {
    uint16_t suite;
    uint8_t is;
    const char *name;
} suites[] = {
    {0x0001, WEAK, "TLS_RSA_WITH_NULL_MD5"},
    {0x0002, WEAK, "TLS_RSA_WITH_NULL_SHA"},
    {0x0004, WEAK, "TLS_RSA_WITH_RC4_128_MD5"},
    {0x0005, WEAK, "TLS_RSA_WITH_RC4_128_SHA"},
    {0x0009, WEAK, "TLS_RSA_WITH_DES_CBC_SHA"},
    {0x000a, WEAK, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"},
    {0x0016, WEAK | FORWARD, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"},
    {0x002f, 0, "TLS_RSA_WITH_AES_128_CBC_SHA"},
    {0x0033, FORWARD, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"},
    {0x0035, 0, "TLS_RSA_WITH_AES_256_CBC_SHA"},
    {0x0039, FORWARD, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"},
    {0x003b, WEAK, "TLS_RSA_WITH_NULL_SHA256"},
    {0x003c, 0, "TLS_RSA_WITH_AES_128_CBC_SHA256"},
    {0x003d, 0, "TLS_RSA_WITH_AES_256_CBC_SHA256"},
    {0x0067, FORWARD, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"},
    {0x006b, FORWARD, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"},
    {0x008c, 0, "TLS_PSK_WITH_AES_128_CBC_SHA"},
    {0x008d, 0, "TLS_PSK_WITH_AES_256_CBC_SHA"},
    {0x009c, 0, "TLS_RSA_WITH_AES_128_GCM_SHA256"},
    {0x009d, 0, "TLS_RSA_WITH_AES_256_GCM_SHA384"},
    {0x009e, FORWARD, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"},
    {0x009f, FORWARD, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"},
    {0x00a8, 0, "TLS_PSK_WITH_AES_128_GCM_SHA256"},
    {0x00a9, 0, "TLS_PSK_WITH_AES_256_GCM_SHA384"},
    {0x1301, FORWARD, "TLS_AES_128_GCM_SHA256"},
    {0x1302, FORWARD, "TLS_AES_256_GCM_SHA384"},
    {0x1303, FORWARD, "TLS_CHACHA20_POLY1305_SHA256"},
    {0x1304, FORWARD, "TLS_AES_128_CCM_SHA256"},
    {0x1305, FORWARD, "TLS_AES_128_CCM_8_SHA256"},
    {0xc007, WEAK | FORWARD, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"},
    {0xc009, FORWARD, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"},
    {0xc00a, FORWARD, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"},
    {0xc011, WEAK | FORWARD, "TLS_ECDHE_RSA_WITH_RC4_128_SHA"},
    {0xc012, WEAK | FORWARD, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"},
    {0xc013, FORWARD, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"},
    {0xc014, FORWARD, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"},
    {0xc023, FORWARD, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"},
    {0xc024, FORWARD, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"},
    {0xc027, FORWARD, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"},
    {0xc028, FORWARD, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"},
    {0xc02b, FORWARD, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
    {0xc02c, FORWARD, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
    {0xc02f, FORWARD, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
    {0xc030, FORWARD, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
    {0xcca8, FORWARD, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
    {0xcca9, FORWARD, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
    {0xccaa, FORWARD, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
    {0xccac, FORWARD, "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256"},
};

static int
find_suite(unsigned suite)
{
    for (size_t i = 0; i < NJ_COUNT_OF(suites); i++)
        if (suites[i].suite == suite)
            return (int)i;
    return -1;
}

const char *
nj_suite_name(unsigned suite)
{
    int i = find_suite(suite);

    return i >= 0 ? suites[i].name : NULL;
}

bool
nj_suite_is_weak(unsigned suite)
{
    int i = find_suite(suite);

    return i >= 0 && (suites[i].is & WEAK) != 0;
}

bool
nj_suite_has_forward_secrecy(unsigned suite)
{
    int i = find_suite(suite);

    return i < 0 ||
           (suites[i].is & FORWARD) != 0; /* of one that is not known nothing bad is said */
}

/* ---- the handshake ---- */

struct handshake {
    struct nj_report *r;
    struct nj_report_frame *f;
    unsigned type;   /* of the message whose fields are gone through */
    bool is_in_name; /* behind the issuer or the subject … */
    char **name;     /* … that is written here */
    unsigned certificates, dates;
};

/* The parts of a name as one text, the common name last, as they come. */
static void
add_to_name(struct handshake *h, struct nj_str part)
{
    struct nj_text text = {0};
    char *shown = nj_report_text(part), *joined;

    if (h->name == NULL || shown == NULL)
        goto done;
    if (*h->name != NULL)
        nj_text_putf(&text, "%s, ", *h->name);
    nj_text_put(&text, nj_str_of(shown));
    joined = text.n <= NJ_REPORT_TEXT_MAX ? nj_str_dup(nj_text_str(&text)) : NULL;
    if (joined != NULL) {
        nj_free(*h->name);
        *h->name = joined;
    }
done:
    nj_text_fini(&text);
    nj_free(shown);
}

/* Where a name of this certificate is kept: of the leaf only, and once. */
static char **
place_of(struct handshake *h, enum nj_field field)
{
    struct nj_report_tls *tls = &h->f->c->tls;
    char **place;

    if (h->certificates != 1)
        return NULL;
    if (nj_report_is_from_server(h->f))
        place = field == NJ_FIELD_X509_SUBJECT ? &tls->subject : &tls->issuer;
    else
        place = field == NJ_FIELD_X509_SUBJECT ? &tls->client_subject : NULL;
    return place != NULL && *place == NULL ? place : NULL;
}

static void
take_certificate(struct handshake *h, const struct nj_item *item)
{
    struct nj_report_tls *tls = &h->f->c->tls;

    switch (item->field) {
    case NJ_FIELD_TLS_CERTIFICATE:
        h->certificates++;
        h->name = NULL;
        h->dates = 0;
        if (!nj_report_is_from_server(h->f))
            tls->client_certificate = true;
        break;
    case NJ_FIELD_X509_ISSUER:
    case NJ_FIELD_X509_SUBJECT:
        h->name = place_of(h, (enum nj_field)item->field);
        break;
    case NJ_FIELD_X509_UTC_TIME:
    case NJ_FIELD_X509_GENERALIZED_TIME:
        h->name = NULL;
        if (++h->dates == 2 && h->certificates == 1 && nj_report_is_from_server(h->f) &&
            tls->not_after == NULL)
            tls->not_after = nj_report_text(item->range);
        break;
    case NJ_FIELD_X509_COUNTRY:
    case NJ_FIELD_X509_UTF8:
    case NJ_FIELD_X509_PRINTABLE:
    case NJ_FIELD_X509_TELETEX:
        add_to_name(h, item->range);
        break;
    case NJ_FIELD_X509_DNS_NAME:
        h->name = NULL;
        break;
    default:
        break;
    }
}

static void
take_client_hello(struct handshake *h, const struct nj_item *item)
{
    struct nj_report_tls *tls = &h->f->c->tls;

    if (item->field == NJ_FIELD_TLS_HS_SUITE && nj_suite_is_weak((unsigned)item->number))
        tls->offers_weak = true;
    if (item->field == NJ_FIELD_TLS_SNI && tls->server_name == NULL)
        tls->server_name = nj_report_text(item->range);
}

static void
take_server_hello(struct handshake *h, const struct nj_item *item)
{
    struct nj_report_tls *tls = &h->f->c->tls;

    tls->has_answer = true;
    if (item->field == NJ_FIELD_TLS_HS_SUITE)
        tls->suite = (unsigned)item->number;
    if (item->field == NJ_FIELD_TLS_HS_VERSION || item->field == NJ_FIELD_TLS_VERSION)
        tls->version = (unsigned)item->number;
}

static void
begin_message(struct handshake *h, unsigned type)
{
    h->type = type;
    h->name = NULL;
    h->certificates = 0;
    if (type == NJ_TLS_CLIENT_HELLO) {
        h->f->c->tls.has_hello = true;
        nj_ends_learn(&h->f->c->ends, 1 - h->f->from, NJ_ENDS_BY_PACKET);
    } else if (type == NJ_TLS_SERVER_HELLO) {
        nj_ends_learn(&h->f->c->ends, h->f->from, NJ_ENDS_BY_PACKET);
    } else if (type == NJ_TLS_CERTIFICATE_REQUEST) {
        h->f->c->tls.asks_certificate = true;
    }
}

#define LEVEL_FATAL 2

static void
take_alert(struct handshake *h, unsigned level, unsigned alert)
{
    struct nj_report_tls *tls = &h->f->c->tls;
    const char *name = nj_tls_alert_words(alert) != NULL ? nj_tls_alert_words(alert) : "?";

    if (level != LEVEL_FATAL || tls->has_alert)
        return;
    tls->has_alert = true;
    tls->alert = alert;
    tls->is_alert_of_server = nj_report_is_from_server(h->f);
    nj_report_fault(
        h->r, h->f,
        &(struct nj_fault_words){.where = "TLS Alert", .what = {name, name}, .code = (int)alert});
}

void
nj_report_take_tls(struct nj_report *r, struct nj_report_frame *f)
{
    struct handshake h = {.r = r, .f = f};
    unsigned level = 0;

    f->c->is_tls = true;
    for (size_t i = 0; i < f->d->tree.count; i++) {
        const struct nj_item *item = &f->d->tree.item[i];

        if (item->field == NJ_FIELD_TLS_HS_TYPE)
            begin_message(&h, (unsigned)item->number);
        else if (item->field == NJ_FIELD_TLS_RECORD)
            begin_message(&h, UINT16_MAX);
        else if (item->field == NJ_FIELD_TLS_ALERT_LEVEL)
            level = (unsigned)item->number;
        else if (item->field == NJ_FIELD_TLS_ALERT_DESC)
            take_alert(&h, level, (unsigned)item->number);
        else if (item->field == NJ_FIELD_TLS_APP_DATA)
            f->c->tls.sent[f->from]++;
        else if (h.type == NJ_TLS_CLIENT_HELLO)
            take_client_hello(&h, item);
        else if (h.type == NJ_TLS_SERVER_HELLO)
            take_server_hello(&h, item);
        else if (h.type == NJ_TLS_CERTIFICATE)
            take_certificate(&h, item);
    }
}
