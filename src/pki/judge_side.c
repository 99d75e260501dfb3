/* SPDX-License-Identifier: Apache-2.0 */
/* judge_side.c — one end by itself: its certificate, its CA's, the list of the revoked. */
#include "pki/judge_side_priv.h"
#include "pki/staple.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define SOON_S       (30 * 86400)
#define LIST_SOON_S  (7 * 86400) /* a list is made anew more often than a certificate */
#define STRONG_BITS  112         /* OpenSSL's security level 2 */
#define LOOK_AT_EACH 8           /* a CA file with more is somebody's store */

/* ---- its certificate ---- */

static void
add_certificate_finding(struct nj_findings *out, const struct nj_judge_side *s, int error,
                        int depth, X509 *x, const char *path)
{
    struct nj_judge_chain c = {
        .end = s->end,
        .is_own = true,
        .shown = s->has_certificate ? s->certificate.certificates : NULL,
        .shown_count = s->has_certificate ? s->certificate.certificate_count : 0,
        .shown_file = s->given->certfile,
        .trusted = s->has_ca ? s->ca.certificates : NULL,
        .trusted_count = s->has_ca ? s->ca.certificate_count : 0,
        .trusted_file = s->given->cafile,
        .host = s->host,
        .now_s = s->given->now_s,
        .passed_s = s->given->passed_s,
    };
    struct nj_finding f;

    nj_judge_error(&f, &c, error, depth, x);
    nj_judge_place(&f, path);
    nj_judge_keep(out, &f);
}

static bool
is_weak_digest(X509 *x)
{
    int bits = 0;

    return X509_get_signature_info(x, NULL, NULL, &bits, NULL) == 1 && bits < STRONG_BITS &&
           !nj_judge_is_issuer_by_name(x, x);
}

static bool
is_weak_key(X509 *x)
{
    EVP_PKEY *key = X509_get0_pubkey(x);

    return key != NULL && EVP_PKEY_get_security_bits(key) < STRONG_BITS;
}

static void
check_dates(struct nj_findings *out, const struct nj_judge_side *s, int depth, X509 *x,
            const char *path)
{
    int64_t now_s = nj_judge_now(s->given->now_s);
    struct nj_cert_facts facts;
    char day[32];

    nj_cert_facts_read(&facts, x);
    if (facts.not_before_s > now_s)
        add_certificate_finding(out, s, X509_V_ERR_CERT_NOT_YET_VALID, depth, x, path);
    else if (facts.not_after_s < now_s)
        add_certificate_finding(out, s, X509_V_ERR_CERT_HAS_EXPIRED, depth, x, path);
    else if (facts.not_after_s - now_s < SOON_S) {
        struct nj_finding f;

        nj_finding_init(&f, NJ_FINDING_EXPIRES_SOON, s->end);
        f.depth = depth;
        f.cert = facts;
        nj_judge_place(&f, path);
        nj_finding_cause(&f, "%s (%s) expires in %d days, on %s", path, facts.subject,
                         (int)((facts.not_after_s - now_s) / 86400),
                         nj_judge_day(facts.not_after_s, day));
        if (depth == 0)
            nj_judge_mend_by_renewal(&f, &(struct nj_judge_worn){.end = s->end,
                                                                 .facts = &facts,
                                                                 .certfile = path,
                                                                 .ca_file = s->given->cafile});
        else if (path == s->given->certfile)
            nj_finding_mend(&f, NJ_JUDGE_NEW_INTERMEDIATE);
        else
            nj_judge_mend_by_new_dates_of_ca(&f, path);
        nj_judge_keep(out, &f);
    }
}

/* Its name is its issuer's: harmless only where a key identifier tells them apart. */
static void
check_subject(struct nj_findings *out, const struct nj_judge_side *s, X509 *x)
{
    if (!nj_judge_is_issuer_by_name(x, x) || nj_judge_has_signed(x, x))
        return;
    const ASN1_OCTET_STRING *issuer = X509_get0_authority_key_id(x);
    const ASN1_OCTET_STRING *own = X509_get0_subject_key_id(x);

    add_certificate_finding(out, s, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, 0, x,
                            s->given->certfile);
    if (issuer == NULL || own == NULL || ASN1_OCTET_STRING_cmp(issuer, own) == 0)
        return;
    struct nj_finding *f = out->count > 0 ? &out->at[out->count - 1] : NULL;
    if (f == NULL || f->id != NJ_FINDING_SAME_NAME_AS_CA)
        return;
    f->severity = NJ_SEVERITY_NOTE;
    nj_finding_cause(
        f,
        "%s has the same subject as the CA that signed it (%s); only its key identifiers "
        "tell them apart, which not every program looks at",
        s->given->certfile, f->cert.subject);
}

static void
check_purpose(struct nj_findings *out, const struct nj_judge_side *s, X509 *x)
{
    int purpose = s->end == NJ_END_BROKER ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT;

    if (X509_check_purpose(x, purpose, 0) != 1)
        add_certificate_finding(out, s, X509_V_ERR_INVALID_PURPOSE, 0, x, s->given->certfile);
    ERR_clear_error();
}

static void
check_names(struct nj_findings *out, const struct nj_judge_side *s, X509 *x)
{
    struct nj_finding f;

    if (s->end != NJ_END_BROKER || s->host != NULL)
        return; /* with a host, the client says more */
    nj_finding_init(&f, NJ_FINDING_NO_NAMES, s->end);
    f.depth = 0;
    nj_cert_facts_read(&f.cert, x);
    if (f.cert.names[0] != '\0')
        return;
    nj_judge_place(&f, s->given->certfile);
    nj_judge_side_reissue(&f, s);
    nj_judge_keep(out, &f);
}

static void
check_own(struct nj_findings *out, const struct nj_judge_side *s)
{
    X509 *x = s->certificate.certificates[0];
    const char *path = s->given->certfile;

    check_subject(out, s, x);
    for (size_t i = 0; i < s->certificate.certificate_count && i < LOOK_AT_EACH; i++)
        check_dates(out, s, (int)i, s->certificate.certificates[i], path);
    if (is_weak_key(x))
        add_certificate_finding(out, s, X509_V_ERR_EE_KEY_TOO_SMALL, 0, x, path);
    if (is_weak_digest(x))
        add_certificate_finding(out, s, X509_V_ERR_CA_MD_TOO_WEAK, 0, x, path);
    check_purpose(out, s, x);
    check_names(out, s, x);
}

/* Its signer lies beside it, is no root, and does not go along: as the other end would say. */
void
nj_judge_side_chain(struct nj_findings *out, const struct nj_judge_side *s)
{
    const struct nj_pki_file *certs = &s->certificate;
    X509 *last = s->has_certificate ? certs->certificates[certs->certificate_count - 1] : NULL;
    const struct nj_judge_chain c = {.shown_file = s->given->certfile,
                                     .trusted_file = s->given->cafile};
    struct nj_judge_beside beside;

    if (last == NULL || s->is_out_of_order || nj_judge_is_issuer_by_name(last, last))
        return;
    for (size_t i = 0; s->has_ca && i < s->ca.certificate_count; i++) {
        if (nj_judge_is_issuer_by_name(last, s->ca.certificates[i]))
            return; /* OpenSSL sends what it finds there */
    }
    if (nj_judge_find_issuer(&c, last, &beside) && !beside.is_self_signed)
        add_certificate_finding(out, s, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                                (int)certs->certificate_count - 1, last, s->given->certfile);
}

static X509 *
find_above(const struct nj_judge_side *s, X509 *x, const char **file)
{
    const struct nj_pki_file *files[] = {&s->certificate, &s->ca};
    size_t counts[] = {s->certificate.certificate_count, s->has_ca ? s->ca.certificate_count : 0};

    for (size_t k = 0; k < NJ_COUNT_OF(files); k++) {
        for (size_t i = 0; i < counts[k] && i < LOOK_AT_EACH; i++) {
            X509 *other = files[k]->certificates[i];

            *file = k == 0 ? s->given->certfile : s->given->cafile;
            if (other != x && nj_judge_is_issuer_by_name(x, other) && nj_judge_has_signed(other, x))
                return other;
        }
    }
    return NULL;
}

/* A CA says how many intermediates may be below it; as far as the chain is at hand, that can be
 * counted. */
void
nj_judge_side_path(struct nj_findings *out, const struct nj_judge_side *s)
{
    const char *file = NULL;
    X509 *x = s->has_certificate ? s->certificate.certificates[0] : NULL;
    long below = 0;

    if (x == NULL || s->is_out_of_order)
        return;
    for (int depth = 1; depth <= LOOK_AT_EACH; depth++) {
        if (nj_judge_is_issuer_by_name(x, x) && depth > 1)
            return;
        x = find_above(s, x, &file);
        if (x == NULL)
            return;
        long allowed = X509_get_pathlen(x); /* -1: as many as there are */

        if (allowed >= 0 && below > allowed) {
            add_certificate_finding(out, s, X509_V_ERR_PATH_LENGTH_EXCEEDED, depth, x, file);
            return;
        }
        below += !nj_judge_is_issuer_by_name(x, x);
    }
}

/* ---- the CA's certificates, and its list ---- */

static void
check_authority(struct nj_findings *out, const struct nj_judge_side *s, X509 *x)
{
    const char *path = s->given->cafile;
    struct nj_finding f;

    check_dates(out, s, 1, x, path);
    if (is_weak_key(x))
        add_certificate_finding(out, s, X509_V_ERR_CA_KEY_TOO_SMALL, 1, x, path);
    if (!nj_judge_has_signed(x, x))
        return; /* an intermediate, or no CA at all: the chain will tell */
    if (X509_get_version(x) == 0) {
        nj_finding_init(&f, NJ_FINDING_CA_OF_VERSION_1, s->end);
        f.depth = 1;
        nj_cert_facts_read(&f.cert, x);
        nj_judge_place(&f, path);
        nj_judge_keep(out, &f);
    } else if (X509_check_ca(x) == 0) {
        add_certificate_finding(out, s, X509_V_ERR_INVALID_CA, 1, x, path);
    }
}

static void
check_authorities(struct nj_findings *out, const struct nj_judge_side *s)
{
    if (s->ca.certificate_count > LOOK_AT_EACH)
        return;
    for (size_t i = 0; i < s->ca.certificate_count; i++)
        check_authority(out, s, s->ca.certificates[i]);
}

/* Nothing in the file can vouch for anybody: neither a CA nor what is signed by itself. */
static void
check_any_authority(struct nj_findings *out, const struct nj_judge_side *s)
{
    struct nj_finding f;

    if (s->end != NJ_END_BROKER || !s->given->require_certificate || s->given->capath != NULL)
        return;
    for (size_t i = 0; i < s->ca.certificate_count; i++) {
        X509 *x = s->ca.certificates[i];

        if (X509_check_ca(x) != 0 || nj_judge_has_signed(x, x))
            return;
    }
    nj_finding_init(&f, NJ_FINDING_LEAF_AS_CA, s->end);
    f.depth = 0;
    nj_cert_facts_read(&f.cert, s->ca.certificates[0]);
    nj_judge_place(&f, s->given->cafile);
    nj_finding_cause(
        &f,
        "%s holds a certificate that is no CA's (%s), so every client is refused; what "
        "is wanted there is the certificate of the CA that signs the clients'",
        s->given->cafile, f.cert.subject);
    nj_judge_keep(out, &f);
}

/* Whether a CA of the file made this list. */
static bool
is_crl_of(const struct nj_judge_side *s, X509_CRL *crl)
{
    bool is_found = false;

    for (size_t i = 0; i < s->ca.certificate_count && !is_found; i++) {
        X509 *ca = s->ca.certificates[i];
        EVP_PKEY *key = X509_get0_pubkey(ca);

        is_found = X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(ca)) == 0 &&
                   key != NULL && X509_CRL_verify(crl, key) == 1;
    }
    ERR_clear_error();
    return is_found;
}

static void
say_crl(struct nj_findings *out, const struct nj_judge_side *s, int error)
{
    struct nj_judge_chain c = {
        .end = s->end == NJ_END_BROKER ? NJ_END_CLIENT : NJ_END_BROKER,
        .crls = s->crl.crls,
        .crl_count = s->crl.crl_count,
        .crl_file = s->given->crlfile,
        .trusted_file = s->given->cafile,
        .now_s = s->given->now_s,
    };
    struct nj_finding f;

    nj_judge_error(&f, &c, error, 0, NULL);
    if (f.id == NJ_FINDING_NO_CRL)
        nj_finding_cause(&f, "%s is not the list of the CA in %s, so every client is refused",
                         s->given->crlfile, s->given->cafile);
    nj_judge_keep(out, &f);
}

static void
say_crl_ends(struct nj_findings *out, const struct nj_judge_side *s, const ASN1_TIME *next)
{
    struct nj_finding f;
    struct tm tm;
    char day[32];

    nj_finding_init(&f, NJ_FINDING_CRL_EXPIRES_SOON, s->end);
    nj_judge_place(&f, s->given->crlfile);
    if (ASN1_TIME_to_tm(next, &tm) == 1)
        nj_finding_cause(&f, "%s ends on %s; from then on every client is refused",
                         s->given->crlfile, nj_judge_day((int64_t)timegm(&tm), day));
    nj_judge_mend_by_new_crl(&f, s->given->crlfile);
    nj_judge_keep(out, &f);
}

static void
check_crls(struct nj_findings *out, const struct nj_judge_side *s)
{
    time_t now = (time_t)nj_judge_now(s->given->now_s);
    time_t soon = now + LIST_SOON_S;
    bool is_of_ca = s->given->capath != NULL || !s->has_ca;

    for (size_t i = 0; i < s->crl.crl_count; i++) {
        X509_CRL *crl = s->crl.crls[i];
        const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);

        if (X509_cmp_time(X509_CRL_get0_lastUpdate(crl), &now) > 0)
            say_crl(out, s, X509_V_ERR_CRL_NOT_YET_VALID);
        if (next != NULL && X509_cmp_time(next, &now) < 0)
            say_crl(out, s, X509_V_ERR_CRL_HAS_EXPIRED);
        else if (next != NULL && X509_cmp_time(next, &soon) < 0)
            say_crl_ends(out, s, next);
        is_of_ca = is_of_ca || is_crl_of(s, crl);
    }
    if (!is_of_ca)
        say_crl(out, s, X509_V_ERR_UNABLE_TO_GET_CRL);
}

/* ---- the stapled response ---- */

static void
check_staple(struct nj_findings *out, const struct nj_judge_side *s)
{
    const char *path = s->given->ocspfile;
    const struct nj_judge_chain c = {
        .end = s->end,
        .is_own = true,
        .shown = s->certificate.certificates,
        .shown_count = s->certificate.certificate_count,
        .shown_file = s->given->certfile,
        .trusted = s->ca.certificates,
        .trusted_count = s->has_ca ? s->ca.certificate_count : 0,
        .trusted_file = s->given->cafile,
        .now_s = s->given->now_s,
    };
    OCSP_RESPONSE *response = NULL;
    struct nj_diag diag = {0};
    struct nj_finding f;
    enum nj_err err = nj_staple_read(&response, path, &diag);

    if (err == NJ_ECONFIG) { /* else it is not there: that is not about what it says */
        nj_finding_init(&f, NJ_FINDING_FILE_FOREIGN, s->end);
        nj_judge_place(&f, path);
        nj_finding_cause(&f, "%s is no OCSP response in DER", path);
        nj_finding_mend(&f, "%s", diag.hint);
        nj_judge_keep(out, &f);
    } else if (err == NJ_OK && nj_staple_judge(&f, response, &c, path)) {
        nj_judge_keep(out, &f);
    }
    OCSP_RESPONSE_free(response);
}

/* The broker's own mistake: it asks for certificates, and nobody can satisfy it. */
static void
check_trust(struct nj_findings *out, const struct nj_judge_side *s)
{
    const struct nj_judge_end *g = s->given;

    if (s->end != NJ_END_BROKER || !g->require_certificate || g->cafile != NULL ||
        g->capath != NULL || g->use_os_certs)
        return;
    struct nj_finding *f = nj_findings_add(out, NJ_FINDING_CA_NOT_GIVEN, s->end);
    if (f != NULL)
        nj_finding_mend(f, "in the broker's configuration: cafile ca.crt");
}

void
nj_judge_side_alone(struct nj_findings *out, struct nj_judge_side *s)
{
    nj_judge_side_read(out, s);
    if (s->has_certificate && !s->is_out_of_order)
        check_own(out, s);
    if (s->given->ocspfile != NULL && s->has_certificate && !s->is_out_of_order)
        check_staple(out, s);
    if (s->has_ca) {
        check_authorities(out, s);
        check_any_authority(out, s);
    }
    if (s->has_crl)
        check_crls(out, s);
    check_trust(out, s);
}
