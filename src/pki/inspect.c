/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/inspect.h"

#include "pki/file.h"
#include "pki/judge_priv.h"
#include "pki/key_priv.h"
#include "pki/passphrase.h"
#include "pki/request_priv.h"

#include <limits.h>
#include <openssl/err.h>

/* How a name is printed: as it is, or spelt out where it would not be seen as what it is. */
static unsigned long
flags_for(const X509_NAME *name)
{
    return nj_request_check_subject(name, NULL) == NJ_OK
               ? XN_FLAG_ONELINE & ~(unsigned long)ASN1_STRFLGS_ESC_MSB
               : XN_FLAG_ONELINE;
}

static int
answer_for_inspect(void *ctx, const char *path, char *out, int room)
{
    const struct nj_inspect_opts *opts = ctx;
    struct nj_secret phrase = {0};
    char prompt[600];
    int n = -1;

    (void)snprintf(prompt, sizeof(prompt), "Pass phrase of %.500s", path);
    if (nj_passphrase_get(&phrase, opts->passin, prompt, false, NULL) == NJ_OK &&
        phrase.n <= (size_t)room) {
        memcpy(out, phrase.p, phrase.n);
        n = (int)phrase.n;
    }
    nj_secret_fini(&phrase);
    return n;
}

static void
print_fingerprint(BIO *to, X509 *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n;

    if (X509_digest(certificate, EVP_sha256(), digest, &n) != 1)
        return;
    (void)BIO_puts(to, "    SHA-256 fingerprint: ");
    for (unsigned i = 0; i < n; i++)
        (void)BIO_printf(to, "%s%02X", i > 0 ? ":" : "", digest[i]);
    (void)BIO_puts(to, "\n");
}

static void
print_key(BIO *to, const struct nj_pki_file *file)
{
    char kind[64];

    (void)BIO_printf(to, "Private key: %s, %s; its secret half is not shown\n",
                     nj_key_describe(file->key, kind, sizeof(kind)),
                     file->is_key_encrypted ? "encrypted" : "not encrypted");
    (void)EVP_PKEY_print_public(to, file->key, 4, NULL);
}

static void
print_all(BIO *to, const struct nj_pki_file *file)
{
    for (size_t i = 0; i < file->certificate_count; i++) {
        X509 *one = file->certificates[i];

        (void)X509_print_ex(
            to, one, flags_for(X509_get_subject_name(one)) | flags_for(X509_get_issuer_name(one)),
            0);
        print_fingerprint(to, one);
    }
    if (file->request != NULL)
        (void)X509_REQ_print_ex(to, file->request,
                                flags_for(X509_REQ_get_subject_name(file->request)), 0);
    for (size_t i = 0; i < file->crl_count; i++)
        (void)X509_CRL_print_ex(to, file->crls[i], flags_for(X509_CRL_get_issuer(file->crls[i])));
    if (file->key != NULL)
        print_key(to, file);
}

/* --- the verdict --- */

static bool
say_findings(FILE *out, const struct nj_findings *found)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct nj_finding *f = &found->at[i];

        (void)fprintf(out, "Verdict: %s: %s.\n", nj_severity_name(f->severity), f->cause);
        if (f->mend[0] != '\0')
            (void)fprintf(out, "  %s\n", f->mend);
    }
    return !nj_findings_has(found, NJ_SEVERITY_FAULT);
}

/* A certificate is a broker's where it may be one's; a client's may not. */
static enum nj_end
end_it_is_for(X509 *certificate)
{
    return X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 0) == 1 ? NJ_END_BROKER
                                                                            : NJ_END_CLIENT;
}

/* A certificate of version 1 says nothing of it; then whether it signed itself, and not only bears
 * the name of who did. */
static bool
is_authority(X509 *certificate)
{
    int kind = X509_check_ca(certificate);

    return kind == 1 || (kind != 0 && X509_self_signed(certificate, 1) == 1);
}

static bool
judge_key(FILE *out, EVP_PKEY *key, const char *what)
{
    struct nj_diag why = {0};
    char kind[64];

    if (nj_key_check(key, &why) != NJ_OK) {
        (void)fprintf(out, "Verdict: fault: %s. %s\n", why.text, why.hint);
        return false;
    }
    (void)fprintf(out, "Verdict: good: %s, %s, long enough.\n", what,
                  nj_key_describe(key, kind, sizeof(kind)));
    return true;
}

/* An authority answers for itself: nobody's purpose, and no chain. */
static bool
judge_authority(FILE *out, X509 *certificate, const char *path)
{
    bool is_begun = X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0;

    if (!is_begun || X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
        struct nj_finding f = {0};

        if (is_begun)
            nj_judge_mend_by_new_dates_of_ca(&f, path);
        (void)fprintf(out, "Verdict: fault: the authority's certificate %s.\n%s%s%s",
                      is_begun ? "has expired, and with it all that it signed"
                               : "is not valid yet, by the clock of this machine",
                      is_begun ? "  " : "", f.mend, is_begun ? "\n" : "");
        return false;
    }
    return judge_key(out, X509_get0_pubkey(certificate), "the certificate of an authority");
}

/* By the authority beside it, if nobody names another; where it lies in that authority's folder,
 * also by its revocation list. */
static bool
judge_certificate(FILE *out, const struct nj_pki_file *file, const struct nj_pki_file *trusted,
                  const struct nj_pki_file *revoked, const char *host)
{
    X509 *leaf = file->certificates[0];
    const struct nj_judge_chain chain = {
        .end = end_it_is_for(leaf),
        .shown = file->certificates,
        .shown_count = file->certificate_count,
        .shown_file = file->path,
        .trusted = trusted->certificates,
        .trusted_count = trusted->certificate_count,
        .trusted_file = trusted->path,
        .crls = revoked->crls,
        .crl_count = revoked->crl_count,
        .crl_file = revoked->path,
        .host = host,
    };
    bool is_complete = trusted->certificate_count > 0, is_good;
    struct nj_findings found = {0};
    struct nj_cert_facts facts;

    if (is_authority(leaf))
        return judge_authority(out, leaf, file->path);
    nj_cert_facts_read(&facts, leaf);
    if (is_complete)
        nj_judge_chain(&found, &chain);
    is_good = say_findings(out, &found);
    if (is_good)
        (void)fprintf(out, "Verdict: good: a %s's certificate, %s%s%s%s.\n",
                      chain.end == NJ_END_BROKER ? "broker" : "client", facts.subject,
                      facts.names[0] != '\0' ? ", for " : "", facts.names,
                      is_complete ? ", and its chain is complete"
                                  : "; its issuer was not looked at, name it with --cafile");
    nj_findings_fini(&found);
    return is_good;
}

/* As `pki sign` would, without an authority to compare it with. */
static bool
judge_request(FILE *out, X509_REQ *request, const char *path)
{
    const struct nj_issue wish = {.kind = NJ_ISSUE_AS_ASKED};
    struct nj_diag why = {0};
    struct nj_request asked;

    if (nj_request_verify(request, path, &why) != NJ_OK ||
        nj_request_read(&asked, request, &wish, &why) != NJ_OK) {
        (void)fprintf(out, "Verdict: fault: %s.\n", why.text);
        if (why.hint[0] != '\0')
            (void)fprintf(out, "  %s\n", why.hint);
        return false;
    }
    (void)fprintf(out,
                  "Verdict: good: a request for a %s's certificate, signed with its own key.\n",
                  asked.kind == NJ_ISSUE_SERVER ? "broker" : "client");
    if (asked.ignored[0] != '\0')
        (void)fprintf(out, "  What it asks for besides is not granted: %s\n", asked.ignored);
    return true;
}

static bool
say_crl_verdict(FILE *out, X509_CRL *crl, const char *path)
{
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);

    if (next != NULL && X509_cmp_current_time(next) < 0) {
        struct nj_finding f = {0};

        nj_judge_mend_by_new_crl(&f, path);
        (void)fprintf(out,
                      "Verdict: fault: the revocation list has ended: brokers that read it refuse "
                      "every client.\n  %s\n",
                      f.mend);
        return false;
    }
    (void)fputs("Verdict: good: the revocation list has not ended.\n", out);
    return true;
}

static void
read_trusted(struct nj_pki_file *out, const char *path, const char *cafile)
{
    const struct nj_pki_file_opts how = {.wanted = NJ_PKI_CERTIFICATE, .is_der_good = true};
    const char *slash = strrchr(path, '/');
    char beside[PATH_MAX];

    (void)snprintf(beside, sizeof(beside), "%.*sca.crt",
                   slash != NULL ? (int)(slash - path) + 1 : 0, path);
    if (nj_pki_file_read(out, cafile != NULL ? cafile : beside, &how, NULL) != NJ_OK)
        out->certificate_count = 0;
}

static void
read_revoked(struct nj_pki_file *out, const char *path)
{
    const struct nj_pki_file_opts how = {.wanted = NJ_PKI_CRL, .is_der_good = true};
    struct nj_judge_home home;
    char list[PATH_MAX];

    if (!nj_judge_find_home(path, &home))
        return;
    (void)snprintf(list, sizeof(list), "%s/crl.pem", home.authority);
    if (nj_pki_file_read(out, list, &how, NULL) != NJ_OK)
        out->crl_count = 0;
}

static bool
judge(FILE *out, const struct nj_pki_file *file, const char *cafile, const char *host)
{
    struct nj_pki_file trusted = {0}, revoked = {0};
    bool is_good = true;

    (void)fputc('\n', out);
    if (file->certificate_count > 0) {
        read_trusted(&trusted, file->path, cafile);
        if (cafile == NULL)
            read_revoked(&revoked, file->path);
        is_good = judge_certificate(out, file, &trusted, &revoked, host);
        nj_pki_file_fini(&revoked);
        nj_pki_file_fini(&trusted);
    }
    if (file->request != NULL)
        is_good = judge_request(out, file->request, file->path) && is_good;
    for (size_t i = 0; i < file->crl_count; i++)
        is_good = say_crl_verdict(out, file->crls[i], file->path) && is_good;
    if (file->key != NULL)
        is_good = judge_key(out, file->key, "a private key") && is_good;
    return is_good;
}

enum nj_err
nj_inspect_file(const struct nj_pki_file *file, const char *cafile, const char *host, FILE *out,
                bool *is_good, struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_bio) BIO *to = BIO_new(BIO_s_mem());
    struct nj_str text;

    if (to == NULL)
        return nj_openssl_fail(diag, "print");
    print_all(to, file);
    ERR_clear_error();
    text = nj_bio_str(to);
    (void)fwrite(text.p, 1, text.n, out);
    *is_good = judge(out, file, cafile, host);
    return NJ_OK;
}

enum nj_err
nj_inspect_print(const char *path, const struct nj_inspect_opts *opts, FILE *out, bool *is_good,
                 struct nj_diag *diag)
{
    struct nj_inspect_opts copy = *opts;
    const struct nj_pki_file_opts how = {.wanted = NJ_PKI_ANY,
                                         .is_der_good = true,
                                         .passphrase = answer_for_inspect,
                                         .passphrase_ctx = &copy};
    struct nj_pki_file file;
    enum nj_err err = nj_pki_file_read(&file, path, &how, diag);

    if (err == NJ_OK)
        err = nj_inspect_file(&file, opts->cafile, opts->host, out, is_good, diag);
    nj_pki_file_fini(&file);
    return err;
}
