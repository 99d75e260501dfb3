/* SPDX-License-Identifier: Apache-2.0 */
/* issue.c — certificates for hosts and clients. There is one way: a request, ours or another's, is
 * read for its subject, names and key; the rest is the authority's. */
#include "pki/authority_priv.h"

#include "base/mem.h"
#include "base/save.h"
#include "pki/export.h"
#include "pki/file.h"
#include "pki/key_priv.h"
#include "pki/profile_priv.h"

#include <errno.h>
#include <openssl/pem.h>
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
refuse_existing(const struct nj_issued *place, struct nj_diag *diag)
{
    const char *const paths[] = {place->certificate, place->key};

    for (size_t i = 0; i < NJ_COUNT_OF(paths); i++) {
        if (access(paths[i], F_OK) != 0)
            continue;
        nj_diag_hint(diag, "`nightjar pki renew` makes a new certificate for the same key; --force "
                           "replaces all.");
        return nj_diag_fail(diag, NJ_EEXIST, "%s is there already", paths[i]);
    }
    return NJ_OK;
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
verify(struct nj_authority *a, X509 *made, enum nj_issue_kind kind, struct nj_diag *diag)
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
    err = nj_ledger_append(&a->ledger, about->expires, about->serial, file, subject);
    if (err != NJ_OK)
        return nj_diag_fail(diag, err, "no memory for the index");
    err = nj_authority_save_index(a, diag);
    if (err != NJ_OK)
        nj_ledger_drop_last(&a->ledger);
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
    err = verify(authority, made, draft->kind, diag);
    if (err == NJ_OK)
        err = enter_in_index(authority, made, file, about, diag);
    if (err != NJ_OK)
        return err;
    about->names = *draft->names;
    *out = made;
    made = NULL;
    return NJ_OK;
}

/* --- requests --- */

bool
nj_issue_common_name(X509_NAME *subject, char *out, size_t bytes)
{
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *text = NULL;
    int n = at < 0 ? -1
                   : ASN1_STRING_to_UTF8(
                         &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    bool is_good = n > 0 && (size_t)n < bytes && memchr(text, '\0', (size_t)n) == NULL;

    if (is_good) {
        memcpy(out, text, (size_t)n);
        out[n] = '\0';
    }
    OPENSSL_free(text);
    return is_good;
}

static enum nj_err
set_common_name(X509_NAME *subject, const char *name, struct nj_diag *diag)
{
    return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)name, -1, -1, 0) == 1
               ? NJ_OK
               : nj_openssl_fail(diag, "write the name");
}

static enum nj_err
ask_for_names(X509_REQ *request, const struct nj_names *names, struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_general_names) GENERAL_NAMES *list = NULL;
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    enum nj_err err;
    bool is_done;

    if (names->count == 0)
        return NJ_OK;
    err = nj_profile_general_names(&list, names, diag);
    if (err != NJ_OK)
        return err;
    is_done =
        X509V3_add1_i2d(&extensions, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) == 1 &&
        X509_REQ_add_extensions(request, extensions) == 1;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return is_done ? NJ_OK : nj_openssl_fail(diag, "write the names into the request");
}

/* Ours: what another host would send. */
static enum nj_err
make_request(const char *name, const struct nj_names *names, EVP_PKEY *key, X509_REQ **out,
             struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_req) X509_REQ *request = X509_REQ_new();
    enum nj_err err;

    if (request == NULL || X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_pubkey(request, key) != 1)
        return nj_openssl_fail(diag, "make the request");
    err = set_common_name(X509_REQ_get_subject_name(request), name, diag);
    if (err == NJ_OK)
        err = ask_for_names(request, names, diag);
    if (err != NJ_OK)
        return err;
    if (X509_REQ_sign(request, key, nj_key_hash(key)) == 0)
        return nj_openssl_fail(diag, "sign the request");
    *out = request;
    request = NULL;
    return NJ_OK;
}

static enum nj_err
read_names(struct nj_names *out, const STACK_OF(X509_EXTENSION) * extensions, struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_general_names)
    GENERAL_NAMES *list = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    struct nj_diag why = {0};
    enum nj_err err = list != NULL ? nj_profile_names(out, list, &why) : NJ_OK;

    if (err == NJ_OK)
        return NJ_OK;
    nj_diag_hint(diag, "Make the request anew, or name them here: --san NAME,ADDRESS.");
    return nj_diag_fail(diag, err, "the names that the request asks for cannot be granted: %s",
                        why.text);
}

static bool
asks_for_server(const STACK_OF(X509_EXTENSION) * extensions, unsigned names)
{
    EXTENDED_KEY_USAGE *uses = X509V3_get_d2i(extensions, NID_ext_key_usage, NULL, NULL);
    bool is_server = uses == NULL && names > 0;

    for (int i = 0; uses != NULL && i < sk_ASN1_OBJECT_num(uses); i++)
        is_server = is_server || OBJ_obj2nid(sk_ASN1_OBJECT_value(uses, i)) == NID_server_auth;
    EXTENDED_KEY_USAGE_free(uses);
    return is_server;
}

/* A request of another's, as far as it is believed. */
struct asked {
    X509_NAME *subject; /* lent by the request */
    struct nj_names names;
    enum nj_issue_kind kind;
    char common_name[65]; /* empty: none */
};

/* A host without names would be refused by every client: the lab's second mistake. */
static enum nj_err
name_server(struct asked *asked, struct nj_diag *diag)
{
    if (asked->names.count > 0 ||
        (asked->common_name[0] != '\0' &&
         nj_names_add(&asked->names, nj_str_of(asked->common_name), NULL) == NJ_OK))
        return NJ_OK;
    nj_diag_hint(diag, "Name them here: --san NAME,ADDRESS; or --as client, if it is a client.");
    return nj_diag_fail(diag, NJ_EINVAL,
                        "the request has neither names nor addresses: clients look "
                        "for the host that they typed, and would refuse the certificate");
}

static enum nj_err
name_subject(struct asked *asked, struct nj_diag *diag)
{
    const char *first;

    if (X509_NAME_entry_count(asked->subject) > 0)
        return NJ_OK;
    if (asked->names.count == 0)
        return nj_diag_fail(diag, NJ_EINVAL, "the request has neither a subject nor a name");
    first = strchr(asked->names.at[0], ':') + 1;
    if (strlen(first) >= sizeof(asked->common_name))
        return NJ_OK;
    memcpy(asked->common_name, first, strlen(first) + 1);
    return set_common_name(asked->subject, first, diag);
}

/* Brokers take one of them for the user, some the first and some the last. */
static enum nj_err
refuse_two_common_names(X509_NAME *subject, struct nj_diag *diag)
{
    int first = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

    if (first < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, first) < 0)
        return NJ_OK;
    nj_diag_hint(diag, "Have the request made anew, with one common name.");
    return nj_diag_fail(diag, NJ_EINVAL,
                        "the subject of the request has more than one common name: whoever reads "
                        "it may take its owner for somebody else");
}

static enum nj_err
read_request(struct asked *out, X509_REQ *request, const struct nj_issue *wish,
             struct nj_diag *diag)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    enum nj_err err;

    out->subject = X509_REQ_get_subject_name(request);
    (void)nj_issue_common_name(out->subject, out->common_name, sizeof(out->common_name));
    err = refuse_two_common_names(out->subject, diag);
    if (wish->names.count > 0)
        out->names = wish->names;
    else if (err == NJ_OK)
        err = read_names(&out->names, extensions, diag);
    out->kind = wish->kind;
    if (wish->kind == NJ_ISSUE_AS_ASKED)
        out->kind =
            asks_for_server(extensions, out->names.count) ? NJ_ISSUE_SERVER : NJ_ISSUE_CLIENT;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    if (err == NJ_OK && out->kind == NJ_ISSUE_SERVER)
        err = name_server(out, diag);
    return err == NJ_OK ? name_subject(out, diag) : err;
}

/* --- from request to files --- */

/* The certificate of `request`; its place has been chosen. */
static enum nj_err
certify(struct nj_authority *a, X509_REQ *request, const struct asked *asked,
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

static enum nj_err
save(struct nj_authority *a, const struct nj_issue *wish, EVP_PKEY *key, X509 *made,
     const struct nj_issued *place, struct nj_diag *diag)
{
    enum nj_err err = nj_save_folder(place->folder, diag);

    if (err == NJ_OK && key != NULL)
        err = nj_key_save(key, wish->is_small ? NJ_KEY_TRADITIONAL : NJ_KEY_PKCS8,
                          (struct nj_str){NULL, 0}, place->key, wish->is_replacing, diag);
    if (err == NJ_OK)
        err = nj_certificate_save(made, place->certificate, wish->is_replacing, diag);
    return err == NJ_OK ? nj_issue_copy_authority(a, place->folder, diag) : err;
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
    struct asked asked = {.names = *names, .kind = wish->kind};
    enum nj_err err;

    nj_issue_place(a, wish->kind, wish->name, out, relative);
    err = wish->is_replacing ? NJ_OK : refuse_existing(out, diag);
    if (err == NJ_OK)
        err = nj_authority_unlock(a, diag); /* before a key is made in vain */
    if (err == NJ_OK)
        err = nj_key_make(&key, wish->is_small ? NJ_KEY_P256 : wish->key, diag);
    if (err != NJ_OK)
        return err;
    nj_explain_key(&a->explain, key, out->key);
    err = make_request(wish->name, names, key, &request, diag);
    if (err != NJ_OK)
        return err;
    nj_explain_request(&a->explain, request);
    asked.subject = X509_REQ_get_subject_name(request);
    err = certify(a, request, &asked, wish, relative, &made, out, diag);
    if (err == NJ_OK)
        err = save(a, wish, key, made, out, diag);
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

static enum nj_err
check_signature(X509_REQ *request, const char *path, struct nj_diag *diag)
{
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);

    if (key == NULL)
        return nj_openssl_fail(diag, "read the public key of the request");
    if (X509_REQ_verify(request, key) == 1)
        return NJ_OK;
    nj_diag_hint(diag, "Have the request made anew, on the host that has the key.");
    return nj_diag_fail(
        diag, NJ_EINVAL,
        "%s is not signed with the key in it: it was altered on its way, or whoever "
        "sent it does not have the key",
        path);
}

/* Chosen here, or what the request calls itself. */
static enum nj_err
choose_folder(const struct asked *asked, const struct nj_issue *wish, const char **out,
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
    struct asked asked = {0};
    struct nj_pki_file file;
    const char *name = NULL;
    enum nj_err err = nj_pki_file_read(&file, path, &opts, diag);

    if (err == NJ_OK)
        err = check_signature(file.request, path, diag);
    if (err == NJ_OK) {
        nj_explain_request(&authority->explain, file.request);
        err = read_request(&asked, file.request, wish, diag);
    }
    if (err == NJ_OK)
        err = choose_folder(&asked, wish, &name, diag);
    if (err == NJ_OK) {
        nj_issue_place(authority, asked.kind, name, out, relative);
        err = wish->is_replacing ? NJ_OK : refuse_existing(out, diag);
    }
    if (err == NJ_OK)
        err = certify(authority, file.request, &asked, wish, relative, &made, out, diag);
    if (err == NJ_OK)
        err = save(authority, wish, NULL, made, out, diag);
    out->key[0] = out->header[0] = '\0';
    nj_pki_file_fini(&file);
    return err;
}
