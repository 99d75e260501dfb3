/* SPDX-License-Identifier: Apache-2.0 */
/* issue.c — certificates for hosts and clients. There is one way: a request, ours or another's, is
 * read for its subject, names and key; the rest is the authority's. */
#include "pki/authority_priv.h"

#include "base/mem.h"
#include "base/save.h"
#include "base/shell.h"
#include "pki/export.h"
#include "pki/file.h"
#include "pki/key_priv.h"
#include "pki/profile_priv.h"
#include "pki/request_priv.h"

#include <strings.h>
#include <unistd.h>

#define DAY_S  86400
#define BACK_S 3600

/* --- where things lie --- */

void
nj_issue_place(const struct nj_authority *authority, enum nj_issue_kind kind, const char *name,
               struct nj_issued *out, char relative[NJ_WHERE_SIZE])
{
    const char *kinds = kind == NJ_ISSUE_SERVER ? "hosts" : "clients";
    const char *file = kind == NJ_ISSUE_SERVER ? "server" : "client";

    out->kind = kind;
    (void)snprintf(relative, NJ_WHERE_SIZE, "%s/%s/%s.crt", kinds, name, file);
    (void)snprintf(out->folder, NJ_WHERE_SIZE, "%s/%s/%s", authority->dir, kinds, name);
    (void)snprintf(out->certificate, NJ_WHERE_SIZE, "%s/%s", authority->dir, relative);
    (void)snprintf(out->key, NJ_WHERE_SIZE, "%s/%s/%s/%s.key", authority->dir, kinds, name, file);
    (void)snprintf(out->header, NJ_WHERE_SIZE, "%s/%s/%s/%s.h", authority->dir, kinds, name, file);
}

enum nj_err
nj_issue_copy_authority(struct nj_authority *authority, const char *folder, struct nj_diag *diag)
{
    char path[NJ_WHERE_SIZE + 8];

    (void)snprintf(path, sizeof(path), "%s/ca.crt", folder);
    return nj_certificate_save(authority->certificate, path, true, diag);
}

static enum nj_err
refuse_existing(const struct nj_authority *a, const char *path, const char *name,
                struct nj_diag *diag)
{
    char option[NJ_DIR_OPTION_SIZE];

    if (access(path, F_OK) != 0)
        return NJ_OK;
    nj_diag_hint(diag, "For the same key: nightjar pki renew %s%s; --force replaces all.", name,
                 nj_authority_dir_option(a->dir, option));
    return nj_diag_fail(diag, NJ_EEXIST, "%s is there already", path);
}

/* --- the certificate --- */

/* The lab's first mistake. */
static enum nj_err
refuse_equal_subject(const struct nj_authority *a, X509_NAME *subject, struct nj_diag *diag)
{
    if (X509_NAME_cmp(subject, X509_get_subject_name(a->certificate)) != 0)
        return NJ_OK;
    nj_diag_hint(diag, "Choose another name for it; the authority keeps its own.");
    return nj_diag_fail(diag, NJ_EINVAL,
                        "the subject %s is that of the authority itself: a certificate whose "
                        "subject equals its issuer looks self-signed, and every handshake ends "
                        "with \"unknown ca\"",
                        a->subject);
}

static enum nj_err
set_dates(struct nj_authority *a, X509 *made, unsigned days, struct nj_issued *about,
          struct nj_diag *diag)
{
    time_t now = time(NULL), from = now - BACK_S;
    time_t until = now + (time_t)(days != 0 ? days : NJ_ISSUE_DAYS) * DAY_S;
    time_t first = nj_certificate_time(X509_get0_notBefore(a->certificate));
    time_t last = nj_authority_expires(a);

    about->is_shortened = until > last;
    about->expires = NJ_MIN(until, last);
    return nj_authority_set_dates(made, NJ_MAX(from, first), about->expires, diag);
}

/* As a client or broker will: the chain up to the authority, the purpose, the dates. */
static enum nj_err
verify_as_peer(struct nj_authority *a, X509 *made, enum nj_issue_kind kind, struct nj_diag *diag)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    int purpose = kind == NJ_ISSUE_SERVER ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT;
    enum nj_err err = NJ_OK;

    if (store == NULL || ctx == NULL || X509_STORE_add_cert(store, a->certificate) != 1 ||
        X509_STORE_CTX_init(ctx, store, made, NULL) != 1 ||
        X509_STORE_CTX_set_purpose(ctx, purpose) != 1)
        err = nj_openssl_fail(diag, "verify the certificate");
    else if (X509_verify_cert(ctx) != 1)
        err = nj_diag_fail(diag, NJ_EINVAL,
                           "the certificate would be refused, so none is written: %s (at depth %d)",
                           X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)),
                           X509_STORE_CTX_get_error_depth(ctx));
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return err;
}

static enum nj_err
fill(struct nj_authority *a, const struct nj_issue_draft *draft, X509 *made,
     struct nj_issued *about, struct nj_diag *diag)
{
    enum nj_err err;

    if (X509_set_version(made, X509_VERSION_3) != 1 ||
        X509_set_issuer_name(made, X509_get_subject_name(a->certificate)) != 1 ||
        X509_set_subject_name(made, draft->subject) != 1 ||
        X509_set_pubkey(made, draft->public_key) != 1)
        return nj_openssl_fail(diag, "make the certificate");
    err = set_dates(a, made, draft->days, about, diag);
    if (err == NJ_OK)
        err =
            nj_profile_leaf(made, a->certificate, draft->kind, draft->is_small, draft->names, diag);
    return err == NJ_OK ? nj_authority_set_serial(a, made, diag) : err;
}

static enum nj_err
enter_in_index(struct nj_authority *a, X509 *made, const char *file, struct nj_issued *about,
               struct nj_diag *diag)
{
    char subject[NJ_SUBJECT_SIZE];
    enum nj_err err;

    nj_serial_print(X509_get0_serialNumber(made), about->serial);
    nj_subject_print(X509_get_subject_name(made), subject);
    err = nj_ca_ledger_append(&a->ledger, about->expires, about->serial, file, subject);
    if (err != NJ_OK)
        return nj_diag_fail(diag, err, "no memory for the index");
    err = nj_authority_save_index(a, diag);
    if (err != NJ_OK)
        nj_ca_ledger_drop_last(&a->ledger);
    return err;
}

enum nj_err
nj_issue_certificate(struct nj_authority *authority, const struct nj_issue_draft *draft,
                     const char *file, X509 **out, struct nj_issued *about, struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_x509) X509 *made = X509_new();
    enum nj_err err = made != NULL ? NJ_OK : nj_openssl_fail(diag, "make the certificate");

    if (err == NJ_OK)
        err = refuse_equal_subject(authority, draft->subject, diag);
    if (err == NJ_OK)
        err = nj_key_check(draft->public_key, diag);
    if (err == NJ_OK)
        err = nj_authority_unlock(authority, diag);
    if (err == NJ_OK)
        err = fill(authority, draft, made, about, diag);
    if (err != NJ_OK)
        return err;
    nj_explain_certificate(&authority->explain, made);
    if (X509_sign(made, authority->key, nj_key_hash(authority->key)) == 0)
        return nj_openssl_fail(diag, "sign the certificate");
    nj_explain_certificate_signature(&authority->explain, made, authority->key);
    err = verify_as_peer(authority, made, draft->kind, diag);
    if (err == NJ_OK)
        err = enter_in_index(authority, made, file, about, diag);
    if (err != NJ_OK)
        return err;
    about->names = *draft->names;
    nj_subject_print(draft->subject, about->subject);
    *out = made;
    made = NULL;
    return NJ_OK;
}

/* --- whose name is it? --- */

/* Does a line of openssl's kind ("/O=Lab/CN=x") have this part? */
static bool
has_part(struct nj_str subject, const char *part)
{
    size_t n = strlen(part);

    for (size_t i = 0; i + n <= subject.n; i++) {
        if (memcmp(subject.p + i, part, n) == 0 && (i + n == subject.n || subject.p[i + n] == '/'))
            return true;
    }
    return false;
}

/* A broker that takes the user from the certificate knows a client by its common name alone. */
static bool
is_same_client(const struct nj_request *asked, const struct nj_issued_row *row)
{
    NJ_CLEANUP(nj_drop_x509_name) X509_NAME *name = X509_NAME_new();
    char part[NJ_SUBJECT_SIZE];

    if (asked->kind != NJ_ISSUE_CLIENT || asked->common_name[0] == '\0' ||
        nj_str_starts(row->file, NJ_STR("hosts/")) || name == NULL ||
        X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                   (const unsigned char *)asked->common_name, -1, -1, 0) != 1)
        return false;
    nj_subject_print(name, part);
    return has_part(row->subject, part);
}

/* All machines have these. */
static bool
is_loopback(const char *name)
{
    return strcasecmp(name, "DNS:localhost") == 0 || strcmp(name, "IP:::1") == 0 ||
           strncmp(name, "IP:127.", 7) == 0;
}

static const char *
find_shared(const struct nj_names *a, const struct nj_names *b)
{
    for (unsigned i = 0; i < a->count; i++) {
        for (unsigned k = 0; k < b->count; k++) {
            if (strcasecmp(a->at[i], b->at[k]) == 0 && !is_loopback(a->at[i]))
                return a->at[i];
        }
    }
    return NULL;
}

/* A name of the request's that is another host's; NULL: none. */
static const char *
find_taken(const struct nj_authority *a, const struct nj_request *asked,
           const struct nj_issued_row *row)
{
    NJ_CLEANUP(nj_drop_x509) X509 *other = NULL;
    struct nj_names names = {0};
    char path[NJ_WHERE_SIZE];
    GENERAL_NAMES *list;

    if (!nj_str_starts(row->file, NJ_STR("hosts/")) || row->file.n > 128)
        return NULL;
    (void)snprintf(path, sizeof(path), "%s/%" NJ_STR_FMT, a->dir, NJ_STR_ARG(row->file));
    if (nj_certificate_read(&other, path, NULL) != NJ_OK)
        return NULL;
    list = X509_get_ext_d2i(other, NID_subject_alt_name, NULL, NULL);
    if (list != NULL)
        (void)!nj_profile_names(&names, list, NULL);
    GENERAL_NAMES_free(list);
    return find_shared(&asked->names, &names);
}

/* Whoever sends a request may call himself as somebody else is called already; only the operator
 * can know that they are one. `file`: where the certificate will lie. */
static enum nj_err
refuse_taken(const struct nj_authority *a, const struct nj_request *asked, bool is_named_here,
             const char *file, struct nj_diag *diag)
{
    for (size_t i = 0; i < nj_authority_count(a); i++) {
        struct nj_issued_row row = nj_authority_row(a, i);
        char option[NJ_DIR_OPTION_SIZE];
        char word[NJ_NAME_SIZE];
        const char *name;

        if (row.state != NJ_ISSUED_GOOD || nj_str_eq(row.file, nj_str_of(file)))
            continue;
        if (is_same_client(asked, &row)) {
            nj_diag_hint(diag,
                         "If that one is no more: nightjar pki revoke %" NJ_STR_FMT
                         "%s; else have the request made with another common name.",
                         NJ_STR_ARG(row.serial), nj_authority_dir_option(a->dir, option));
            return nj_diag_fail(diag, NJ_EINVAL,
                                "the request's common name is '%s', as in %" NJ_STR_FMT
                                ": brokers would take its owner for that client",
                                asked->common_name, NJ_STR_ARG(row.file));
        }
        name = is_named_here ? NULL : find_taken(a, asked, &row);
        if (name != NULL) {
            nj_diag_hint(diag,
                         "If they are one, or share it: name all of its names here, --san %s,…",
                         nj_shell_word(word, sizeof(word), nj_str_of(name)));
            return nj_diag_fail(diag, NJ_EINVAL,
                                "the request asks for %s, which is a name of %" NJ_STR_FMT
                                ": its owner could pass for that host",
                                name, NJ_STR_ARG(row.file));
        }
    }
    return NJ_OK;
}

/* --- from request to files --- */

/* The certificate of `request`; its place has been chosen. */
static enum nj_err
certify(struct nj_authority *a, X509_REQ *request, const struct nj_request *asked,
        const struct nj_issue *wish, const char *relative, X509 **out, struct nj_issued *about,
        struct nj_diag *diag)
{
    const struct nj_issue_draft draft = {
        .subject = asked->subject,
        .public_key = X509_REQ_get0_pubkey(request),
        .kind = asked->kind,
        .is_small = wish->is_small,
        .names = &asked->names,
        .days = wish->days,
    };

    return nj_issue_certificate(a, &draft, relative, out, about, diag);
}

/* The certificate last: with it the folder is complete. */
static enum nj_err
save(struct nj_authority *a, const struct nj_issue *wish, EVP_PKEY *key, X509 *made,
     const struct nj_issued *place, struct nj_diag *diag)
{
    enum nj_err err = nj_save_folder(place->folder, diag);

    (void)nj_save_sweep(place->folder);
    if (err == NJ_OK)
        err = nj_issue_copy_authority(a, place->folder, diag);
    if (err == NJ_OK && key != NULL)
        err = nj_key_save(key, wish->is_small ? NJ_KEY_TRADITIONAL : NJ_KEY_PKCS8,
                          (struct nj_str){NULL, 0}, place->key, wish->is_replacing, diag);
    return err == NJ_OK ? nj_certificate_save(made, place->certificate, wish->is_replacing, diag)
                        : err;
}

/* What a command made that was ended before it had a certificate; else a new one. */
static enum nj_err
obtain_key(const struct nj_issue *wish, const char *path, EVP_PKEY **out, bool *is_found,
           struct nj_diag *diag)
{
    const struct nj_pki_file_opts opts = {.wanted = NJ_PKI_KEY};
    enum nj_key_kind kind = wish->is_small ? NJ_KEY_P256 : wish->key;

    *is_found = !wish->is_replacing && access(path, F_OK) == 0;
    return *is_found ? nj_key_find(out, path, kind, &opts, diag) : nj_key_make(out, kind, diag);
}

/* `names`: all of them, the host's own first. */
static enum nj_err
issue(struct nj_authority *a, const struct nj_issue *wish, const struct nj_names *names,
      struct nj_issued *out, struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_key) EVP_PKEY *key = NULL;
    NJ_CLEANUP(nj_drop_req) X509_REQ *request = NULL;
    NJ_CLEANUP(nj_drop_x509) X509 *made = NULL;
    char relative[NJ_WHERE_SIZE];
    struct nj_request asked = {.names = *names, .kind = wish->kind};
    bool is_found = false;
    enum nj_err err;

    nj_issue_place(a, wish->kind, wish->name, out, relative);
    err = wish->is_replacing ? NJ_OK : refuse_existing(a, out->certificate, wish->name, diag);
    if (err == NJ_OK)
        err = nj_authority_unlock(a, diag); /* before a key is made in vain */
    if (err == NJ_OK)
        err = obtain_key(wish, out->key, &key, &is_found, diag);
    if (err != NJ_OK)
        return err;
    nj_explain_key(&a->explain, key, out->key);
    err = nj_request_make(wish->name, names, key, &request, diag);
    if (err != NJ_OK)
        return err;
    nj_explain_request(&a->explain, request);
    asked.subject = X509_REQ_get_subject_name(request);
    err = certify(a, request, &asked, wish, relative, &made, out, diag);
    if (err == NJ_OK)
        err = save(a, wish, is_found ? NULL : key, made, out, diag);
    if (err != NJ_OK || !wish->is_small) {
        out->header[0] = '\0';
        return err;
    }
    return nj_export_header(out->folder, "client", out->header, wish->is_replacing, diag);
}

enum nj_err
nj_authority_issue(struct nj_authority *authority, const struct nj_issue *wish,
                   struct nj_issued *out, struct nj_diag *diag)
{
    struct nj_names names = {0};
    enum nj_err err = nj_names_check_folder(wish->name, diag);

    if (err == NJ_OK && wish->kind == NJ_ISSUE_SERVER)
        err = nj_names_add(&names, nj_str_of(wish->name), diag);
    for (unsigned i = 0; err == NJ_OK && i < wish->names.count; i++)
        err = nj_names_add(&names, nj_str_of(wish->names.at[i]), diag);
    return err == NJ_OK ? issue(authority, wish, &names, out, diag) : err;
}

/* Chosen here, or what the request calls itself. */
static enum nj_err
choose_folder(const struct nj_request *asked, const struct nj_issue *wish, const char **out,
              struct nj_diag *diag)
{
    enum nj_err err;

    *out = wish->name;
    if (*out == NULL && asked->common_name[0] != '\0')
        *out = asked->common_name;
    if (*out == NULL && asked->names.count > 0)
        *out = strchr(asked->names.at[0], ':') + 1;
    err = nj_names_check_folder(*out != NULL ? *out : "", diag);
    if (err != NJ_OK)
        nj_diag_hint(diag,
                     "Say what to call it here: --name NAME. The certificate's subject stays.");
    return err;
}

enum nj_err
nj_authority_sign(struct nj_authority *authority, const char *path, const struct nj_issue *wish,
                  struct nj_issued *out, struct nj_diag *diag)
{
    const struct nj_pki_file_opts opts = {.wanted = NJ_PKI_REQUEST, .is_der_good = true};
    NJ_CLEANUP(nj_drop_x509) X509 *made = NULL;
    char relative[NJ_WHERE_SIZE];
    struct nj_request asked;
    struct nj_pki_file file;
    const char *name = NULL;
    enum nj_err err = nj_pki_file_read(&file, path, &opts, diag);

    if (err == NJ_OK)
        err = nj_request_verify(file.request, path, diag);
    if (err == NJ_OK) {
        nj_explain_request(&authority->explain, file.request);
        err = nj_request_read(&asked, file.request, wish, diag);
    }
    if (err == NJ_OK)
        err = choose_folder(&asked, wish, &name, diag);
    if (err == NJ_OK) {
        nj_issue_place(authority, asked.kind, name, out, relative);
        err = wish->is_replacing ? NJ_OK : refuse_existing(authority, out->certificate, name, diag);
        if (err == NJ_OK && !wish->is_replacing)
            err = refuse_existing(authority, out->key, name, diag);
    }
    if (err == NJ_OK)
        err = refuse_taken(authority, &asked, wish->names.count > 0, relative, diag);
    if (err == NJ_OK)
        err = certify(authority, file.request, &asked, wish, relative, &made, out, diag);
    if (err == NJ_OK)
        memcpy(out->ignored, asked.ignored, sizeof(out->ignored));
    if (err == NJ_OK)
        err = save(authority, wish, NULL, made, out, diag);
    out->key[0] = out->header[0] = '\0';
    nj_pki_file_fini(&file);
    return err;
}
