/* SPDX-License-Identifier: Apache-2.0 */
/* judge_files.c — what each end was given, file by file; then what one end would say to what the
 * other shows. */
#include "pki/judge.h"

#include "base/shell.h"
#include "pki/judge_priv.h"

#include <grp.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SOON_S       (30 * 86400)
#define STRONG_BITS  112 /* OpenSSL's security level 2 */
#define LOOK_AT_EACH 8   /* a CA file with more is somebody's store */

/* One end, read. */
struct side {
    enum nj_end end;
    const struct nj_judge_end *given;
    const char *host; /* by which the broker is reached; NULL */
    struct nj_pki_file certificate, key, ca, crl;
    bool has_certificate, has_key, has_ca, has_crl;
    bool is_out_of_order; /* the first certificate is not its own */
};

/* ---- files ---- */

static enum nj_finding_id
id_of(enum nj_file_fault fault)
{
    switch (fault) {
    case NJ_FILE_GOOD:
        return NJ_FINDING_NONE;
    case NJ_FILE_MISSING:
        return NJ_FINDING_FILE_MISSING;
    case NJ_FILE_UNREADABLE:
        return NJ_FINDING_FILE_UNREADABLE;
    case NJ_FILE_NOT_REGULAR:
        return NJ_FINDING_FILE_NOT_REGULAR;
    case NJ_FILE_TOO_LARGE:
        return NJ_FINDING_FILE_TOO_LARGE;
    case NJ_FILE_EMPTY:
        return NJ_FINDING_FILE_EMPTY;
    case NJ_FILE_DER:
        return NJ_FINDING_FILE_DER;
    case NJ_FILE_OTHER_KIND:
        return NJ_FINDING_FILE_OTHER_KIND;
    case NJ_FILE_FOREIGN:
        return NJ_FINDING_FILE_FOREIGN;
    case NJ_FILE_BROKEN:
        return NJ_FINDING_FILE_BROKEN;
    case NJ_FILE_ENCRYPTED:
        return NJ_FINDING_KEY_ENCRYPTED;
    case NJ_FILE_PASSPHRASE:
        return NJ_FINDING_KEY_PASSPHRASE;
    }
    return NJ_FINDING_FILE_FOREIGN;
}

static void
place(struct nj_finding *f, const char *path)
{
    (void)snprintf(f->file, sizeof(f->file), "%s", path);
}

static void
reissue(struct nj_finding *f, const struct side *s)
{
    const struct nj_judge_worn worn = {.end = s->end,
                                       .facts = &f->cert,
                                       .certfile = s->given->certfile,
                                       .ca_file = s->given->cafile};

    nj_judge_mend_by_reissue(f, &worn);
}

/* Read one file of `kind`; what is wrong with it becomes a finding. */
static bool
read_file(struct nj_findings *out, const struct side *s, struct nj_pki_file *file, const char *path,
          enum nj_pki_kind kind)
{
    const struct nj_pki_file_opts opts = {
        .wanted = kind,
        .passphrase = s->given->passphrase,
        .passphrase_ctx = s->given->passphrase_ctx,
    };
    struct nj_diag diag = {0};

    if (path == NULL)
        return false;
    enum nj_err err = nj_pki_file_read(file, path, &opts, &diag);
    if (err == NJ_OK)
        return true;
    struct nj_finding *f = nj_findings_add(out, id_of(file->fault), s->end);
    if (f == NULL)
        return false;
    place(f, path);
    nj_finding_cause(f, "%s", diag.text);
    if (diag.hint[0] != '\0')
        nj_finding_mend(f, "%s", diag.hint);
    return false;
}

static bool
is_swapped(const struct side *s)
{
    return s->certificate.fault == NJ_FILE_OTHER_KIND && s->key.fault == NJ_FILE_OTHER_KIND &&
           (s->certificate.holds & NJ_PKI_KEY) && (s->key.holds & NJ_PKI_CERTIFICATE);
}

static const char *
option(const struct side *s, const char *of_broker, const char *of_client)
{
    return s->end == NJ_END_BROKER ? of_broker : of_client;
}

/* Two findings about a swapped pair are one. */
static void
say_swapped(struct nj_findings *out, const struct side *s)
{
    struct nj_finding *f = &out->at[out->count - 2];
    char a[300];
    char b[300];

    out->count--;
    nj_finding_cause(f, "certificate and key are swapped: %s holds the key, %s the certificate",
                     s->given->certfile, s->given->keyfile);
    nj_finding_mend(f, "%s %s %s %s", option(s, "certfile", "--cert"),
                    nj_shell_word(a, sizeof(a), nj_str_of(s->given->keyfile)),
                    option(s, "keyfile", "--key"),
                    nj_shell_word(b, sizeof(b), nj_str_of(s->given->certfile)));
}

static void
check_rights(struct nj_findings *out, const struct side *s)
{
    char word[300];

    if ((s->key.mode & (S_IROTH | S_IWOTH)) == 0)
        return;
    struct nj_finding *f = nj_findings_add(out, NJ_FINDING_KEY_EXPOSED, s->end);
    if (f == NULL)
        return;
    place(f, s->given->keyfile);
    nj_finding_cause(f, "every user of this machine can read the private key %s: its mode is %04o",
                     s->given->keyfile, (unsigned)s->key.mode & 07777u);
    nj_finding_mend(f, "chmod 600 %s",
                    nj_shell_word(word, sizeof(word), nj_str_of(s->given->keyfile)));
}

/* Whether `user` may read what belongs to these; true where nobody knows the user. */
static bool
may_read(const char *user, const struct nj_pki_file *file)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char buffer[1024];
    gid_t groups[64];
    int count = NJ_COUNT_OF(groups);

    if (getpwnam_r(user, &entry, buffer, sizeof(buffer), &found) != 0 || found == NULL ||
        entry.pw_uid == 0)
        return true;
    if (entry.pw_uid == file->owner)
        return (file->mode & S_IRUSR) != 0;
    if (getgrouplist(user, entry.pw_gid, groups, &count) < 0)
        count = NJ_COUNT_OF(groups);
    for (int i = 0; i < count; i++) {
        if (groups[i] == file->group)
            return (file->mode & S_IRGRP) != 0;
    }
    return (file->mode & S_IROTH) != 0;
}

static void
check_reader(struct nj_findings *out, const struct side *s, const struct nj_pki_file *file)
{
    const char *user = s->given->user;
    char word[300];

    if (user == NULL || file->path == NULL || may_read(user, file))
        return;
    for (size_t i = 0; i < out->count; i++) {
        if (out->at[i].id == NJ_FINDING_FILE_OF_ANOTHER && strcmp(out->at[i].file, file->path) == 0)
            return; /* given twice */
    }
    struct nj_finding *f = nj_findings_add(out, NJ_FINDING_FILE_OF_ANOTHER, s->end);
    if (f == NULL)
        return;
    place(f, file->path);
    nj_finding_cause(
        f,
        "the broker becomes the user %s, who may not read %s (mode %04o): Mosquitto does "
        "not start, and no broker can load it again",
        user, file->path, (unsigned)file->mode & 07777u);
    nj_finding_mend(f, "chown %s %s", user,
                    nj_shell_word(word, sizeof(word), nj_str_of(file->path)));
}

static void
check_pair(struct nj_findings *out, struct side *s)
{
    const struct nj_pki_file *certs = &s->certificate;

    if (X509_check_private_key(certs->certificates[0], s->key.key) == 1)
        return;
    ERR_clear_error();
    size_t at = 1;
    while (at < certs->certificate_count &&
           X509_check_private_key(certs->certificates[at], s->key.key) != 1)
        at++;
    ERR_clear_error();
    bool is_order = at < certs->certificate_count;
    s->is_out_of_order = is_order;
    struct nj_finding *f =
        nj_findings_add(out, is_order ? NJ_FINDING_CHAIN_ORDER : NJ_FINDING_KEY_MISMATCH, s->end);
    if (f == NULL)
        return;
    place(f, s->given->certfile);
    f->depth = 0;
    nj_cert_facts_read(&f->cert, certs->certificates[0]);
    if (is_order)
        nj_finding_cause(f,
                         "%s begins with %s; the certificate of the key is number %zu in it, and "
                         "must come first, then its intermediates",
                         s->given->certfile, f->cert.subject, at + 1);
    else
        nj_finding_cause(f, "the key %s does not belong to the certificate %s (%s)",
                         s->given->keyfile, s->given->certfile, f->cert.subject);
    if (!is_order)
        reissue(f, s);
}

static void
say_half(struct nj_findings *out, const struct side *s)
{
    const struct nj_judge_end *g = s->given;
    struct nj_finding *f = nj_findings_add(out, NJ_FINDING_HALF_A_PAIR, s->end);

    if (f == NULL)
        return;
    place(f, g->certfile != NULL ? g->certfile : g->keyfile);
    nj_finding_cause(f, "there is %s (%s), but no %s: both are needed",
                     g->certfile != NULL ? "a certificate" : "a key",
                     g->certfile != NULL ? g->certfile : g->keyfile,
                     g->certfile != NULL ? option(s, "keyfile", "--key")
                                         : option(s, "certfile", "--cert"));
}

static void
check_capath(struct nj_findings *out, const struct side *s)
{
    enum nj_finding_id id =
        s->given->capath != NULL ? nj_judge_capath(s->given->capath) : NJ_FINDING_NONE;

    if (id == NJ_FINDING_NONE)
        return;
    struct nj_finding *f = nj_findings_add(out, id, s->end);
    if (f != NULL)
        nj_judge_say_capath(f, s->given->capath);
}

static void
read_side(struct nj_findings *out, struct side *s)
{
    const struct nj_judge_end *g = s->given;

    s->has_certificate = read_file(out, s, &s->certificate, g->certfile, NJ_PKI_CERTIFICATE);
    s->has_key = read_file(out, s, &s->key, g->keyfile, NJ_PKI_KEY);
    if (g->certfile != NULL && g->keyfile != NULL && is_swapped(s) && out->count >= 2)
        say_swapped(out, s);
    if ((g->certfile == NULL) != (g->keyfile == NULL) && !g->key_in_engine)
        say_half(out, s);
    if (s->has_key)
        check_rights(out, s);
    if (s->has_certificate && s->has_key)
        check_pair(out, s);
    s->has_ca = read_file(out, s, &s->ca, g->cafile, NJ_PKI_CERTIFICATE);
    s->has_crl = read_file(out, s, &s->crl, g->crlfile, NJ_PKI_CRL);
    check_capath(out, s);
    check_reader(out, s, &s->certificate);
    check_reader(out, s, &s->key);
    check_reader(out, s, &s->ca);
    check_reader(out, s, &s->crl);
}

/* ---- a certificate by itself ---- */

static void
say(struct nj_findings *out, const struct side *s, int error, int depth, X509 *x, const char *path)
{
    struct nj_judge_chain c = {
        .end = s->end,
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
    if (f.id == NJ_FINDING_CLOCK_BEHIND)
        f.end = s->end; /* it is this end that reads its own files */
    place(&f, path);
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
check_dates(struct nj_findings *out, const struct side *s, int depth, X509 *x, const char *path)
{
    int64_t now_s = nj_judge_now(s->given->now_s);
    struct nj_cert_facts facts;
    char day[32];

    nj_cert_facts_read(&facts, x);
    if (facts.not_before_s > now_s)
        say(out, s, X509_V_ERR_CERT_NOT_YET_VALID, depth, x, path);
    else if (facts.not_after_s < now_s)
        say(out, s, X509_V_ERR_CERT_HAS_EXPIRED, depth, x, path);
    else if (facts.not_after_s - now_s < SOON_S) {
        struct nj_finding f;

        nj_finding_init(&f, NJ_FINDING_EXPIRES_SOON, s->end);
        f.depth = depth;
        f.cert = facts;
        place(&f, path);
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
check_subject(struct nj_findings *out, const struct side *s, X509 *x)
{
    if (!nj_judge_is_issuer_by_name(x, x) || nj_judge_has_signed(x, x))
        return;
    const ASN1_OCTET_STRING *issuer = X509_get0_authority_key_id(x);
    const ASN1_OCTET_STRING *own = X509_get0_subject_key_id(x);

    say(out, s, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, 0, x, s->given->certfile);
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
check_purpose(struct nj_findings *out, const struct side *s, X509 *x)
{
    int purpose = s->end == NJ_END_BROKER ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT;

    if (X509_check_purpose(x, purpose, 0) != 1)
        say(out, s, X509_V_ERR_INVALID_PURPOSE, 0, x, s->given->certfile);
    ERR_clear_error();
}

static void
check_names(struct nj_findings *out, const struct side *s, X509 *x)
{
    struct nj_finding f;

    if (s->end != NJ_END_BROKER || s->host != NULL)
        return; /* with a host, the client says more */
    nj_finding_init(&f, NJ_FINDING_NO_NAMES, s->end);
    f.depth = 0;
    nj_cert_facts_read(&f.cert, x);
    if (f.cert.names[0] != '\0')
        return;
    place(&f, s->given->certfile);
    reissue(&f, s);
    nj_judge_keep(out, &f);
}

static void
check_own(struct nj_findings *out, const struct side *s)
{
    X509 *x = s->certificate.certificates[0];
    const char *path = s->given->certfile;

    check_subject(out, s, x);
    for (size_t i = 0; i < s->certificate.certificate_count && i < LOOK_AT_EACH; i++)
        check_dates(out, s, (int)i, s->certificate.certificates[i], path);
    if (is_weak_key(x))
        say(out, s, X509_V_ERR_EE_KEY_TOO_SMALL, 0, x, path);
    if (is_weak_digest(x))
        say(out, s, X509_V_ERR_CA_MD_TOO_WEAK, 0, x, path);
    check_purpose(out, s, x);
    check_names(out, s, x);
}

/* ---- the CA's certificates, and its list ---- */

static void
check_authority(struct nj_findings *out, const struct side *s, X509 *x)
{
    const char *path = s->given->cafile;
    struct nj_finding f;

    check_dates(out, s, 1, x, path);
    if (is_weak_key(x))
        say(out, s, X509_V_ERR_CA_KEY_TOO_SMALL, 1, x, path);
    if (!nj_judge_has_signed(x, x))
        return; /* an intermediate, or no CA at all: the chain will tell */
    if (X509_get_version(x) == 0) {
        nj_finding_init(&f, NJ_FINDING_CA_OF_VERSION_1, s->end);
        f.depth = 1;
        nj_cert_facts_read(&f.cert, x);
        place(&f, path);
        nj_judge_keep(out, &f);
    } else if (X509_check_ca(x) == 0) {
        say(out, s, X509_V_ERR_INVALID_CA, 1, x, path);
    }
}

static void
check_authorities(struct nj_findings *out, const struct side *s)
{
    if (s->ca.certificate_count > LOOK_AT_EACH)
        return;
    for (size_t i = 0; i < s->ca.certificate_count; i++)
        check_authority(out, s, s->ca.certificates[i]);
}

/* Whether a CA of the file made this list. */
static bool
is_crl_of(const struct side *s, X509_CRL *crl)
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
say_crl(struct nj_findings *out, const struct side *s, int error)
{
    struct nj_judge_chain c = {
        .end = s->end == NJ_END_BROKER ? NJ_END_CLIENT : NJ_END_BROKER,
        .crls = s->crl.crls,
        .crl_count = s->crl.crl_count,
        .crl_file = s->given->crlfile,
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
check_crls(struct nj_findings *out, const struct side *s)
{
    time_t now = (time_t)nj_judge_now(s->given->now_s);
    bool is_of_ca = s->given->capath != NULL || !s->has_ca;

    for (size_t i = 0; i < s->crl.crl_count; i++) {
        X509_CRL *crl = s->crl.crls[i];
        const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);

        if (X509_cmp_time(X509_CRL_get0_lastUpdate(crl), &now) > 0)
            say_crl(out, s, X509_V_ERR_CRL_NOT_YET_VALID);
        if (next != NULL && X509_cmp_time(next, &now) < 0)
            say_crl(out, s, X509_V_ERR_CRL_HAS_EXPIRED);
        is_of_ca = is_of_ca || is_crl_of(s, crl);
    }
    if (!is_of_ca)
        say_crl(out, s, X509_V_ERR_UNABLE_TO_GET_CRL);
}

/* The broker's own mistake: it asks for certificates, and nobody can satisfy it. */
static void
check_trust(struct nj_findings *out, const struct side *s)
{
    const struct nj_judge_end *g = s->given;

    if (s->end != NJ_END_BROKER || !g->require_certificate || g->cafile != NULL ||
        g->capath != NULL || g->use_os_certs)
        return;
    struct nj_finding *f = nj_findings_add(out, NJ_FINDING_CA_NOT_GIVEN, s->end);
    if (f != NULL)
        nj_finding_mend(f, "in the broker's configuration: cafile ca.crt");
}

static void
judge_side(struct nj_findings *out, struct side *s)
{
    read_side(out, s);
    if (s->has_certificate && !s->is_out_of_order)
        check_own(out, s);
    if (s->has_ca)
        check_authorities(out, s);
    if (s->has_crl)
        check_crls(out, s);
    check_trust(out, s);
}

/* ---- the one before the other ---- */

static bool
has_trust(const struct side *s)
{
    if (s->given->cafile != NULL)
        return s->has_ca; /* else it would not even start */
    if (s->given->capath != NULL)
        return nj_judge_capath(s->given->capath) == NJ_FINDING_NONE;
    return s->end == NJ_END_CLIENT || s->given->use_os_certs;
}

/* A key of its own that cannot be used ends it before anything is shown. */
static bool
can_show(const struct side *s)
{
    return s->has_certificate && s->has_key &&
           X509_check_private_key(s->certificate.certificates[0], s->key.key) == 1;
}

static void
judge_shown(struct nj_findings *out, const struct side *shows, const struct side *judges,
            const char *host)
{
    bool is_blank = judges->given->cafile == NULL && judges->given->capath == NULL;
    const struct nj_judge_chain c = {
        .end = shows->end,
        .shown = shows->certificate.certificates,
        .shown_count = shows->certificate.certificate_count,
        .shown_file = shows->given->certfile,
        .trusted = judges->ca.certificates,
        .trusted_count = judges->has_ca ? judges->ca.certificate_count : 0,
        .trusted_file = judges->given->cafile,
        .capath = judges->given->capath,
        .is_system_store = is_blank || judges->given->use_os_certs,
        .crls = judges->crl.crls,
        .crl_count = judges->has_crl ? judges->crl.crl_count : 0,
        .crl_file = judges->given->crlfile,
        .host = shows->end == NJ_END_BROKER ? host : NULL,
        .now_s = judges->given->now_s,
        .passed_s = judges->given->passed_s,
    };

    nj_judge_chain(out, &c);
    ERR_clear_error();
}

static void
check_user_name(struct nj_findings *out, const struct side *client)
{
    X509 *x = client->certificate.certificates[0];
    struct nj_finding f;

    if (X509_NAME_get_index_by_NID(X509_get_subject_name(x), NID_commonName, -1) >= 0)
        return;
    nj_finding_init(&f, NJ_FINDING_NO_COMMON_NAME, NJ_END_CLIENT);
    f.depth = 0;
    nj_cert_facts_read(&f.cert, x);
    place(&f, client->given->certfile);
    nj_finding_cause(
        &f,
        "the client's certificate has no common name (%s), and the broker takes the user "
        "name from it (use_identity_as_username)",
        f.cert.subject);
    reissue(&f, client);
    nj_judge_keep(out, &f);
}

static void
judge_both(struct nj_findings *out, const struct side *broker, const struct side *client,
           const char *host)
{
    if (can_show(broker) && has_trust(client))
        judge_shown(out, broker, client, host);
    if (broker->given->require_certificate && client->given->certfile == NULL &&
        client->given->keyfile == NULL) {
        (void)nj_findings_add(out, NJ_FINDING_NO_CERTIFICATE, NJ_END_CLIENT);
        return;
    }
    if (can_show(client) && has_trust(broker))
        judge_shown(out, client, broker, NULL);
    if (can_show(client) && broker->given->use_identity_as_username)
        check_user_name(out, client);
}

static void
close_side(struct side *s)
{
    nj_pki_file_fini(&s->certificate);
    nj_pki_file_fini(&s->key);
    nj_pki_file_fini(&s->ca);
    nj_pki_file_fini(&s->crl);
}

void
nj_judge_files(struct nj_findings *out, const struct nj_judge_end *broker,
               const struct nj_judge_end *client, const char *host)
{
    struct side b = {.end = NJ_END_BROKER, .given = broker, .host = host};
    struct side c = {.end = NJ_END_CLIENT, .given = client, .host = host};

    if (broker != NULL)
        judge_side(out, &b);
    if (client != NULL)
        judge_side(out, &c);
    if (broker != NULL && client != NULL)
        judge_both(out, &b, &c, host);
    close_side(&b);
    close_side(&c);
}
