/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_fault.h"

#include "base/mem.h"
#include "net/tls_priv.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- words ---- */

const char *
nj_tls_alert_name(int alert)
{
    static const struct {
        int alert;
        const char *name;
    } names[] = {
        {SSL_AD_UNEXPECTED_MESSAGE, "unexpected_message"},
        {SSL_AD_BAD_RECORD_MAC, "bad_record_mac"},
        {SSL_AD_RECORD_OVERFLOW, "record_overflow"},
        {SSL_AD_HANDSHAKE_FAILURE, "handshake_failure"},
        {SSL_AD_BAD_CERTIFICATE, "bad_certificate"},
        {SSL_AD_UNSUPPORTED_CERTIFICATE, "unsupported_certificate"},
        {SSL_AD_CERTIFICATE_REVOKED, "certificate_revoked"},
        {SSL_AD_CERTIFICATE_EXPIRED, "certificate_expired"},
        {SSL_AD_CERTIFICATE_UNKNOWN, "certificate_unknown"},
        {SSL_AD_ILLEGAL_PARAMETER, "illegal_parameter"},
        {SSL_AD_UNKNOWN_CA, "unknown_ca"},
        {SSL_AD_ACCESS_DENIED, "access_denied"},
        {SSL_AD_DECODE_ERROR, "decode_error"},
        {SSL_AD_DECRYPT_ERROR, "decrypt_error"},
        {SSL_AD_PROTOCOL_VERSION, "protocol_version"},
        {SSL_AD_INSUFFICIENT_SECURITY, "insufficient_security"},
        {SSL_AD_INTERNAL_ERROR, "internal_error"},
        {SSL_AD_INAPPROPRIATE_FALLBACK, "inappropriate_fallback"},
        {SSL_AD_USER_CANCELLED, "user_canceled"},
        {SSL_AD_NO_RENEGOTIATION, "no_renegotiation"},
        {SSL_AD_MISSING_EXTENSION, "missing_extension"},
        {SSL_AD_UNSUPPORTED_EXTENSION, "unsupported_extension"},
        {SSL_AD_UNRECOGNIZED_NAME, "unrecognized_name"},
        {SSL_AD_UNKNOWN_PSK_IDENTITY, "unknown_psk_identity"},
        {SSL_AD_CERTIFICATE_REQUIRED, "certificate_required"},
        {SSL_AD_NO_APPLICATION_PROTOCOL, "no_application_protocol"},
    };

    for (size_t i = 0; i < NJ_COUNT_OF(names); i++)
        if (names[i].alert == alert)
            return names[i].name;
    return "an alert without a name";
}

enum nj_tls_first
nj_tls_look(struct nj_str first)
{
    static const struct nj_str http[] = {NJ_STR("GET "), NJ_STR("POST"), NJ_STR("HEAD"),
                                         NJ_STR("PUT "), NJ_STR("OPTI"), NJ_STR("HTTP"),
                                         NJ_STR("PRI "), NJ_STR("CONN")};

    if (first.n == 0)
        return NJ_TLS_FIRST_NONE;
    if (first.p[0] == 0x16 || first.p[0] == 0x15)
        return NJ_TLS_FIRST_TLS;
    if (first.p[0] == 0x10 || first.p[0] == 0x20)
        return NJ_TLS_FIRST_MQTT;
    for (size_t i = 0; i < NJ_COUNT_OF(http); i++)
        if (nj_str_starts(first, http[i]))
            return NJ_TLS_FIRST_HTTP;
    if (nj_str_starts(first, NJ_STR("SSH-")))
        return NJ_TLS_FIRST_SSH;
    if (nj_str_starts(first, NJ_STR("PROXY")) || nj_str_starts(first, NJ_STR("\r\n\r\n\0")))
        return NJ_TLS_FIRST_PROXY;
    return NJ_TLS_FIRST_OTHER;
}

/* ---- noting it ---- */

/* Certificates of a chain that are looked at to tell one mistake from another. */
#define SHOWN_MAX 16

static void
note_shown(struct nj_tls_fault *f, SSL *ssl)
{
    const X509 *own = SSL_get_certificate(ssl);
    STACK_OF(X509) *more = NULL;

    f->showed_certificate = own != NULL;
    if (own != NULL) {
        nj_cert_serial(own, f->shown_serial, sizeof(f->shown_serial));
        f->shows_issued = X509_NAME_cmp(X509_get_subject_name(own), X509_get_issuer_name(own)) != 0;
    }
    f->shows_chain = SSL_get0_chain_certs(ssl, &more) == 1 && sk_X509_num(more) > 0;
}

/* The fault, begun if there is none; NULL without memory. */
static struct nj_tls_fault *
fault_of(struct nj_tls *t)
{
    struct nj_tls_fault *f = t->fault;

    if (f != NULL)
        return f;
    f = t->fault = nj_zalloc(sizeof(*f));
    if (f == NULL)
        return NULL;
    f->role = t->context->role;
    f->alert = -1;
    f->was_open = nj_tls_is_open(t);
    f->is_tls13 = SSL_version(t->ssl) == TLS1_3_VERSION;
    note_shown(f, t->ssl);
    f->asked_certificate = t->context->role == NJ_TLS_SERVER
                               ? (SSL_get_verify_mode(t->ssl) & SSL_VERIFY_PEER) != 0
                               : SSL_get0_peer_CA_list(t->ssl) != NULL;
    f->offered_key = t->context->role == NJ_TLS_CLIENT && t->context->psk != NULL;
    return f;
}

/* Found here, against the peer. */
static void
note(struct nj_tls_fault *f, enum nj_finding_id id)
{
    f->ended = NJ_TLS_BY_US;
    nj_finding_init(&f->finding, id, f->role == NJ_TLS_SERVER ? NJ_END_CLIENT : NJ_END_BROKER);
}

/* All that are trusted, or of many those that could be the issuer. */
static STACK_OF(X509) * trusted_of(X509_STORE_CTX *store, const X509 *cert)
{
    STACK_OF(X509) *all = X509_STORE_get1_all_certs(X509_STORE_CTX_get0_store(store));

    if (all == NULL || sk_X509_num(all) <= SHOWN_MAX || cert == NULL)
        return all;
    sk_X509_pop_free(all, X509_free);
    return X509_STORE_CTX_get1_certs(store, X509_get_issuer_name(cert));
}

/* What is wrong with a certificate whoever is trusted, and whatever else is wrong with it. */
static bool
stands_alone(enum nj_finding_id id)
{
    switch (id) { /* NOLINT(clang-diagnostic-switch-enum): all others have to do with the chain */
    case NJ_FINDING_EXPIRED:
    case NJ_FINDING_NOT_YET_VALID:
    case NJ_FINDING_WRONG_PURPOSE:
    case NJ_FINDING_WEAK_KEY:
    case NJ_FINDING_WEAK_DIGEST:
    case NJ_FINDING_HOST_NAME:
    case NJ_FINDING_HOST_ADDRESS:
    case NJ_FINDING_HOST_AS_TEXT:
        return true;
    default:
        return false;
    }
}

/* Verification has stopped at the first error. A second mistake would be found only once that is
 * mended, so look on. A store that is a file for each CA, as the system's, a broker does not read
 * for whoever comes. */
static void
look_on(struct nj_finding *also, const struct nj_finding *first, const struct nj_tls_context *x,
        const struct nj_judge_chain *chain)
{
    struct nj_judge_chain c = *chain;
    struct nj_findings all = {0};

    if (x->role == NJ_TLS_SERVER && (c.is_system_store || c.capath != NULL))
        return;
    if (x->insecure)
        c.host = NULL;
    nj_judge_chain(&all, &c);
    for (size_t i = 0; i < all.count && also->id == NJ_FINDING_NONE; i++) {
        const struct nj_finding *other = &all.at[i];
        bool is_date = other->id == NJ_FINDING_EXPIRED || other->id == NJ_FINDING_NOT_YET_VALID;

        /* Names are looked at before signatures: the chain's mistake may be the second. */
        if (other->id != first->id && !(is_date && x->ignore_dates) &&
            (stands_alone(other->id) || stands_alone(first->id)) &&
            other->severity != NJ_SEVERITY_NOTE)
            *also = *other;
    }
    nj_findings_fini(&all);
}

void
nj_tls_judge_check(struct nj_finding *out, struct nj_finding *also, const struct nj_tls *t,
                   const struct nj_tls_context *x, X509_STORE_CTX *store)
{
    STACK_OF(X509) *shown = X509_STORE_CTX_get0_untrusted(store);
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    STACK_OF(X509) *trusted = trusted_of(store, cert);
    X509 *shown_list[SHOWN_MAX], *trusted_list[SHOWN_MAX];
    struct nj_judge_chain c = {
        .end = x->role == NJ_TLS_SERVER ? NJ_END_CLIENT : NJ_END_BROKER,
        .shown = shown_list,
        .trusted = trusted_list,
        .trusted_file = x->cafile,
        .capath = x->capath,
        .crl_file = x->crlfile,
        .is_system_store = x->cafile == NULL && x->capath == NULL,
        .host = t->host,
    };

    for (int i = 0; i < sk_X509_num(shown) && i < SHOWN_MAX; i++)
        shown_list[c.shown_count++] = sk_X509_value(shown, i);
    for (int i = 0; i < sk_X509_num(trusted) && i < SHOWN_MAX; i++)
        trusted_list[c.trusted_count++] = sk_X509_value(trusted, i);
    nj_judge_error(out, &c, X509_STORE_CTX_get_error(store), X509_STORE_CTX_get_error_depth(store),
                   cert);
    if (also != NULL)
        look_on(also, out, x, &c);
    sk_X509_pop_free(trusted, X509_free);
}

void
nj_tls_note_check(struct nj_tls *t, X509_STORE_CTX *store)
{
    struct nj_tls_fault *f = fault_of(t);

    if (f == NULL || f->verify_error != 0)
        return;
    f->ended = NJ_TLS_BY_US;
    f->verify_error = X509_STORE_CTX_get_error(store);
    nj_tls_judge_check(&f->finding, &f->also, t, t->context, store);
    (void)snprintf(f->reason, sizeof(f->reason), "%s",
                   X509_verify_cert_error_string(f->verify_error));
}

void
nj_tls_note_identity(struct nj_tls *t, const char *identity)
{
    struct nj_tls_fault *f = fault_of(t);

    if (f == NULL)
        return;
    note(f, NJ_FINDING_UNKNOWN_IDENTITY);
    (void)snprintf(f->identity, sizeof(f->identity), "%s", identity);
    nj_finding_cause(&f->finding, "the identity \"%s\" that the client showed is not in psk_file",
                     identity);
}

void
nj_tls_note_hello(struct nj_tls *t)
{
    struct nj_tls_fault *f = fault_of(t);

    if (f == NULL)
        return;
    note(f, NJ_FINDING_TOO_LARGE);
    f->alert = SSL_AD_DECODE_ERROR;
    nj_finding_cause(&f->finding,
                     "the client's first message (ClientHello) claims to be of %u bytes, and more "
                     "than %u are not waited for",
                     t->hello.claimed, NJ_TLS_HELLO_MAX);
    nj_finding_mend(&f->finding, "%s", "");
}

void
nj_tls_note_alert(struct nj_tls *t, bool is_ours, int alert)
{
    struct nj_tls_fault *f;

    if (alert == SSL_AD_CLOSE_NOTIFY || alert == SSL_AD_USER_CANCELLED)
        return;
    f = fault_of(t);
    if (f == NULL)
        return;
    f->alert = alert;
    f->ended = is_ours ? NJ_TLS_BY_US : NJ_TLS_BY_PEER;
}

/* What OpenSSL's reason means, where no certificate is to blame. */
static enum nj_finding_id
finding_of_reason(const struct nj_tls *t, int reason)
{
    switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return NJ_FINDING_NO_CERTIFICATE;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_UNSUPPORTED_SSL_VERSION:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
        return NJ_FINDING_NO_VERSION;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_CIPHERS_AVAILABLE:
        return t->context->psk != NULL ? NJ_FINDING_NO_PSK : NJ_FINDING_NO_CIPHER;
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
        return NJ_FINDING_NO_CIPHER;
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
        return t->context->psk != NULL ? NJ_FINDING_NO_PSK : NJ_FINDING_NO_SIGNATURE;
    case SSL_R_BAD_SIGNATURE:
        return NJ_FINDING_WRONG_KEY;
    case SSL_R_BINDER_DOES_NOT_VERIFY:
        return NJ_FINDING_WRONG_PSK;
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
    case SSL_R_DIGEST_CHECK_FAILED:
        return t->psk_identity != NULL ? NJ_FINDING_WRONG_PSK : NJ_FINDING_MALFORMED;
    case SSL_R_PSK_IDENTITY_NOT_FOUND:
        return NJ_FINDING_UNKNOWN_IDENTITY;
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return NJ_FINDING_NO_PROTOCOL;
    case SSL_R_EXCESSIVE_MESSAGE_SIZE:
        return NJ_FINDING_TOO_LARGE;
    case ERR_R_MALLOC_FAILURE:
        return NJ_FINDING_NO_MEMORY;
    default:
        return NJ_FINDING_MALFORMED;
    }
}

static enum nj_finding_id
finding_of_first(const struct nj_tls *t)
{
    switch (nj_tls_look((struct nj_str){(const char *)t->first, t->first_n})) {
    case NJ_TLS_FIRST_MQTT:
        return NJ_FINDING_PLAIN_MQTT;
    case NJ_TLS_FIRST_HTTP:
        return NJ_FINDING_PLAIN_HTTP;
    case NJ_TLS_FIRST_SSH:
    case NJ_TLS_FIRST_PROXY:
    case NJ_TLS_FIRST_OTHER:
        return NJ_FINDING_NOT_TLS;
    case NJ_TLS_FIRST_TLS:
    case NJ_TLS_FIRST_NONE:
        break;
    }
    return NJ_FINDING_NONE;
}

static void
copy_first(struct nj_tls_fault *f, const struct nj_tls *t)
{
    memcpy(f->first, t->first, sizeof(f->first));
    f->first_n = t->first_n;
}

/* What the peer speaks instead, as exactly as its first bytes say it. */
static void
note_first(struct nj_tls_fault *f, enum nj_finding_id id)
{
    const char *peer = f->role == NJ_TLS_SERVER ? "the client" : "the broker";

    note(f, id);
    switch (nj_tls_look((struct nj_str){(const char *)f->first, f->first_n})) {
    case NJ_TLS_FIRST_SSH:
        nj_finding_cause(&f->finding, "%s speaks SSH, not TLS", peer);
        break;
    case NJ_TLS_FIRST_PROXY:
        nj_finding_cause(&f->finding,
                         "%s begins with a header of the PROXY protocol, which is not taken here",
                         peer);
        nj_finding_mend(&f->finding, "tell the proxy between not to send one");
        break;
    case NJ_TLS_FIRST_TLS:
    case NJ_TLS_FIRST_MQTT:
    case NJ_TLS_FIRST_HTTP:
    case NJ_TLS_FIRST_OTHER:
    case NJ_TLS_FIRST_NONE:
        break;
    }
}

void
nj_tls_note_failure(struct nj_tls *t)
{
    unsigned long error = ERR_peek_error();
    struct nj_tls_fault *f = fault_of(t);
    enum nj_finding_id first = finding_of_first(t);

    if (f == NULL)
        return;
    copy_first(f, t);
    if (f->reason[0] == '\0' && ERR_reason_error_string(error) != NULL)
        (void)snprintf(f->reason, sizeof(f->reason), "%s", ERR_reason_error_string(error));
    if (first != NJ_FINDING_NONE && !f->was_open) {
        note_first(f, first);
        return;
    }
    /* The peer's alert stands in the queue as a reason, too. */
    if (f->ended == NJ_TLS_BY_PEER || f->finding.id != NJ_FINDING_NONE)
        return;
    note(f, finding_of_reason(t, ERR_GET_REASON(error)));
}

void
nj_tls_refuse(struct nj_tls *t, const char *why)
{
    struct nj_tls_fault *f = fault_of(t);

    t->is_broken = true;
    if (f == NULL)
        return;
    note(f, NJ_FINDING_MALFORMED);
    nj_finding_cause(&f->finding, "%s", why);
    nj_finding_mend(&f->finding, "%s", "");
}

void
nj_tls_cut(struct nj_tls *t)
{
    struct nj_tls_fault *f;

    if (t->is_broken || t->fault != NULL)
        return;
    f = fault_of(t);
    if (f == NULL)
        return;
    copy_first(f, t);
    if (finding_of_first(t) != NJ_FINDING_NONE)
        note_first(f, finding_of_first(t));
    f->ended = NJ_TLS_BY_SILENCE;
}

/* ---- guessing ---- */

static enum nj_end
end_of(enum nj_tls_role role)
{
    return role == NJ_TLS_SERVER ? NJ_END_BROKER : NJ_END_CLIENT;
}

/* Whether it is about a certificate of ours that was not the one shown. */
static bool
is_about_another(const struct nj_finding *own, const struct nj_tls_fault *f)
{
    return own->depth == 0 && f->shown_serial[0] != '\0' &&
           strcmp(own->cert.serial, f->shown_serial) != 0;
}

static const struct nj_finding *
find_fault(const struct nj_findings *own, enum nj_finding_id id, const struct nj_tls_fault *f)
{
    for (size_t i = 0; own != NULL && i < own->count; i++)
        if (own->at[i].id == id && own->at[i].severity == NJ_SEVERITY_FAULT &&
            !is_about_another(&own->at[i], f))
            return &own->at[i];
    return NULL;
}

/* Files that are without such a fault rule it out, but for a peer with another clock or stricter
 * rules. */
static bool
is_in_files(enum nj_finding_id id)
{
    switch (id) { /* NOLINT(clang-diagnostic-switch-enum): all others lie with the peer, too */
    case NJ_FINDING_EXPIRED:
    case NJ_FINDING_NOT_YET_VALID:
    case NJ_FINDING_WRONG_PURPOSE:
    case NJ_FINDING_WEAK_KEY:
    case NJ_FINDING_WEAK_DIGEST:
        return true;
    default:
        return false;
    }
}

static void
copy_guesses(struct nj_findings *out, const struct nj_findings *guesses, bool in_files)
{
    for (size_t i = 0; i < guesses->count; i++) {
        struct nj_finding *copy = NULL;

        if (is_in_files(guesses->at[i].id) == in_files)
            copy = nj_findings_add(out, guesses->at[i].id, guesses->at[i].end);
        if (copy != NULL)
            *copy = guesses->at[i];
    }
}

void
nj_tls_fault_guess(const struct nj_tls_fault *f, const struct nj_findings *own,
                   struct nj_findings *out)
{
    const struct nj_judge_alert seen = {
        .self = end_of(f->role),
        .alert = f->ended == NJ_TLS_BY_PEER ? f->alert : -1,
        .is_tls13 = f->is_tls13,
        .was_open = f->was_open,
        .showed_certificate = f->showed_certificate,
        .shows_issued = f->shows_issued,
        .shows_chain = f->shows_chain,
        .asked_certificate = f->asked_certificate,
        .offered_key = f->offered_key,
        .heard_nothing = f->first_n == 0,
    };
    struct nj_findings guesses = {0};

    nj_judge_alert(&guesses, &seen);
    for (size_t i = 0; i < guesses.count; i++) {
        const struct nj_finding *certain = find_fault(own, guesses.at[i].id, f);
        struct nj_finding *copy = NULL;

        if (certain != NULL)
            copy = nj_findings_add(out, certain->id, certain->end);
        if (copy != NULL)
            *copy = *certain;
    }
    if (out->count == 0 && own != NULL) {
        copy_guesses(out, &guesses, false);
        copy_guesses(out, &guesses, true);
    } else if (out->count == 0) {
        *out = guesses;
        return;
    }
    nj_findings_fini(&guesses);
}

/* ---- the line ---- */

struct line {
    char *p;
    size_t n, room;
};

static void NJ_PRINTF(2, 3) add(struct line *l, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(l->p + l->n, l->room - l->n, fmt, args);
    va_end(args);
    if (n > 0)
        l->n = NJ_MIN(l->n + (size_t)n, l->room - 1);
}

/* What it says of itself, in one line. */
static void
add_finding(struct line *l, const struct nj_finding *f)
{
    char text[1000];

    add(l, "%s", nj_finding_line(f, text, sizeof(text)));
}

/* As many as there is room for beside what mends the first. */
static void
add_causes(struct line *l, const struct nj_findings *list)
{
    static const char before_mend[] = ". To mend the first: ";
    const char *mend = list->at[0].mend;
    size_t room = l->room - NJ_MIN(l->room, sizeof(before_mend) + strlen(mend));

    add(l, "%s%s", list->count > 1 ? ". Possible causes, most likely first: " : ". Probably ",
        list->at[0].cause);
    for (size_t i = 1; i < list->count; i++) {
        if (l->n + strlen("; or ") + strlen(list->at[i].cause) < room)
            add(l, "; or %s", list->at[i].cause);
    }
    if (mend[0] != '\0')
        add(l, "%s%s", before_mend, mend);
}

static void
add_guesses(struct line *l, const struct nj_tls_fault *f, const struct nj_findings *own)
{
    struct nj_findings list = {0};

    nj_tls_fault_guess(f, own, &list);
    if (list.count > 0 && list.at[0].is_guess) {
        add_causes(l, &list);
    } else if (list.count > 0) {
        add(l, ", and our own files show why: ");
        add_finding(l, &list.at[0]);
    }
    nj_findings_fini(&list);
}

void
nj_tls_fault_line(const struct nj_tls_fault *f, const struct nj_findings *own, char *out, size_t n)
{
    struct line l = {out, 0, n};
    const char *peer = f->role == NJ_TLS_SERVER ? "the client" : "the broker";

    out[0] = '\0';
    switch (f->ended) {
    case NJ_TLS_BY_US:
        add(&l, "refused here: ");
        add_finding(&l, &f->finding);
        if (f->reason[0] != '\0')
            add(&l, " (OpenSSL: %s)", f->reason);
        if (f->also.id != NJ_FINDING_NONE)
            add(&l, "; and once that is mended: %s", f->also.cause);
        break;
    case NJ_TLS_BY_PEER:
        add(&l, "refused by %s with alert %d %s", peer, f->alert, nj_tls_alert_name(f->alert));
        add_guesses(&l, f, own);
        break;
    case NJ_TLS_BY_SILENCE:
        add(&l, "%s ended the connection %s", peer,
            f->first_n == 0 ? "before it sent anything" : "in the middle of the handshake");
        if (f->finding.id != NJ_FINDING_NONE) {
            add(&l, ": ");
            add_finding(&l, &f->finding);
        } else {
            add_guesses(&l, f, own);
        }
        break;
    }
}
