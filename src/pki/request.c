/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/request_priv.h"

#include "base/shell.h"
#include "pki/key_priv.h"
#include "pki/profile_priv.h"

#include <openssl/err.h>

#define SUBJECT_MAX 256 /* bytes of DER; every handshake carries them */

/* --- ours --- */

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

enum nj_err
nj_request_make(const char *name, const struct nj_names *names, EVP_PKEY *key, X509_REQ **out,
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

/* --- its signature --- */

/* Whoever makes two texts of one SHA-1 has one of them signed, and shows the other. */
static enum nj_err
refuse_weak_hash(const X509_REQ *request, const char *path, struct nj_diag *diag)
{
    int signature = X509_REQ_get_signature_nid(request), hash = NID_undef;

    (void)OBJ_find_sigid_algs(signature, &hash, NULL);
    if (hash != NID_md5 && hash != NID_sha1 && hash != NID_md5_sha1)
        return NJ_OK;
    nj_diag_hint(diag, "Have the request made anew: openssl req -new -sha256 …");
    return nj_diag_fail(diag, NJ_EINVAL,
                        "%s is signed by way of %s, which can be forged: it proves nothing", path,
                        OBJ_nid2sn(hash));
}

enum nj_err
nj_request_verify(X509_REQ *request, const char *path, struct nj_diag *diag)
{
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    enum nj_err err;

    ERR_clear_error();
    err = nj_key_check(key, diag);
    if (err == NJ_OK)
        err = refuse_weak_hash(request, path, diag);
    if (err != NJ_OK || X509_REQ_verify(request, key) == 1)
        return err;
    ERR_clear_error();
    nj_diag_hint(diag, "Have the request made anew, on the host that has the key.");
    return nj_diag_fail(
        diag, NJ_EINVAL,
        "%s is not signed with the key in it: it was altered on its way, or whoever "
        "sent it does not have the key",
        path);
}

/* --- extensions --- */

/* NULL with NJ_OK: it does not ask for that. What is there twice, or cannot be read, is no
 * question that could be answered. */
static enum nj_err
read_extension(void **out, const STACK_OF(X509_EXTENSION) * extensions, int nid,
               struct nj_diag *diag)
{
    int found;

    *out = X509V3_get_d2i(extensions, nid, &found, NULL);
    ERR_clear_error();
    if (*out != NULL || found == -1)
        return NJ_OK;
    nj_diag_hint(diag, "Have the request made anew.");
    return nj_diag_fail(diag, NJ_EINVAL, "the request's %s %s", OBJ_nid2ln(nid),
                        found == -2 ? "is there more than once" : "cannot be read");
}

static void
ignore(struct nj_request *r, const char *what)
{
    size_t n = strlen(r->ignored);

    (void)snprintf(r->ignored + n, sizeof(r->ignored) - n, "%s%s", n > 0 ? ", " : "", what);
}

static void
ignore_object(struct nj_request *r, const ASN1_OBJECT *object)
{
    char name[80];

    (void)OBJ_obj2txt(name, sizeof(name), object, 0);
    ignore(r, name);
}

static enum nj_err
read_constraints(struct nj_request *out, const STACK_OF(X509_EXTENSION) * extensions,
                 struct nj_diag *diag)
{
    void *value;
    enum nj_err err = read_extension(&value, extensions, NID_basic_constraints, diag);

    if (value != NULL && ((BASIC_CONSTRAINTS *)value)->ca != 0)
        ignore(out, "to be an authority (CA:TRUE)");
    BASIC_CONSTRAINTS_free(value);
    return err;
}

static enum nj_err
read_usage(struct nj_request *out, const STACK_OF(X509_EXTENSION) * extensions,
           struct nj_diag *diag)
{
    static const struct {
        int bit;
        const char *name;
    } bits[] = {{1, "nonRepudiation"}, {5, "keyCertSign"}, {6, "cRLSign"}};
    void *value;
    enum nj_err err = read_extension(&value, extensions, NID_key_usage, diag);

    for (size_t i = 0; value != NULL && i < NJ_COUNT_OF(bits); i++) {
        if (ASN1_BIT_STRING_get_bit(value, bits[i].bit) != 0)
            ignore(out, bits[i].name);
    }
    ASN1_BIT_STRING_free(value);
    return err;
}

/* Sets the kind, where the wish leaves it to the request. */
static enum nj_err
read_purposes(struct nj_request *out, const STACK_OF(X509_EXTENSION) * extensions,
              struct nj_diag *diag)
{
    void *value;
    enum nj_err err = read_extension(&value, extensions, NID_ext_key_usage, diag);
    const EXTENDED_KEY_USAGE *uses = value;
    bool is_server = uses == NULL && out->names.count > 0;

    for (int i = 0; i < sk_ASN1_OBJECT_num(uses); i++)
        is_server = is_server || OBJ_obj2nid(sk_ASN1_OBJECT_value(uses, i)) == NID_server_auth;
    if (out->kind == NJ_ISSUE_AS_ASKED)
        out->kind = is_server ? NJ_ISSUE_SERVER : NJ_ISSUE_CLIENT;
    for (int i = 0; i < sk_ASN1_OBJECT_num(uses); i++) {
        const ASN1_OBJECT *use = sk_ASN1_OBJECT_value(uses, i);

        if (OBJ_obj2nid(use) != (out->kind == NJ_ISSUE_SERVER ? NID_server_auth : NID_client_auth))
            ignore_object(out, use);
    }
    EXTENDED_KEY_USAGE_free(value);
    return err;
}

static void
ignore_others(struct nj_request *out, const STACK_OF(X509_EXTENSION) * extensions)
{
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++) {
        const ASN1_OBJECT *object =
            X509_EXTENSION_get_object(sk_X509_EXTENSION_value(extensions, i));

        switch (OBJ_obj2nid(object)) {
        case NID_subject_alt_name:
        case NID_basic_constraints:
        case NID_key_usage:
        case NID_ext_key_usage:
        case NID_subject_key_identifier:
            break;
        default:
            ignore_object(out, object);
        }
    }
}

/* --- names --- */

/* Names that let their owner be many, or that no client of MQTT compares, are the operator's to
 * give. */
static enum nj_err
refuse_generous(const struct nj_names *names, bool allows_wildcard, struct nj_diag *diag)
{
    for (unsigned i = 0; i < names->count; i++) {
        const char *name = names->at[i];
        char word[NJ_NAME_SIZE * 2];

        if (strncmp(name, "DNS:*", 5) == 0 && !allows_wildcard) {
            nj_diag_hint(diag, "If it shall have it: --allow-wildcard; or name its names here: "
                               "--san NAME,ADDRESS.");
            return nj_diag_fail(diag, NJ_EINVAL,
                                "the request asks for %s: with it its owner could pass for every "
                                "host of that domain",
                                name);
        }
        if (strncmp(name, "DNS:", 4) != 0 && strncmp(name, "IP:", 3) != 0) {
            nj_diag_hint(diag, "If it shall have it, name all of its names here: --san %s,…",
                         nj_shell_word(word, sizeof(word), nj_str_of(name)));
            return nj_diag_fail(diag, NJ_EINVAL,
                                "the request asks for %s, which no client of MQTT compares and "
                                "other programs may believe",
                                name);
        }
    }
    return NJ_OK;
}

static enum nj_err
read_names(struct nj_request *out, const STACK_OF(X509_EXTENSION) * extensions,
           struct nj_diag *diag)
{
    void *list;
    struct nj_diag why = {0};
    enum nj_err err = read_extension(&list, extensions, NID_subject_alt_name, diag);

    if (list == NULL)
        return err;
    err = nj_profile_names(&out->names, list, &why);
    GENERAL_NAMES_free(list);
    if (err == NJ_OK)
        return NJ_OK;
    nj_diag_hint(diag, "Make the request anew, or name them here: --san NAME,ADDRESS.");
    return nj_diag_fail(diag, err, "the names that the request asks for cannot be granted: %s",
                        why.text);
}

/* A host without names would be refused by every client: the lab's second mistake. */
static enum nj_err
name_server(struct nj_request *r, struct nj_diag *diag)
{
    if (r->names.count > 0 || (r->common_name[0] != '\0' &&
                               nj_names_add(&r->names, nj_str_of(r->common_name), NULL) == NJ_OK))
        return NJ_OK;
    nj_diag_hint(diag, "Name them here: --san NAME,ADDRESS; or --as client, if it is a client.");
    return nj_diag_fail(diag, NJ_EINVAL,
                        "the request has neither names nor addresses: clients look "
                        "for the host that they typed, and would refuse the certificate");
}

/* --- the subject --- */

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
check_text(const X509_NAME_ENTRY *entry, struct nj_diag *diag)
{
    unsigned char *text = NULL;
    int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
    char what[80], of[120];
    enum nj_err err;

    (void)OBJ_obj2txt(what, sizeof(what), X509_NAME_ENTRY_get_object(entry), 0);
    (void)snprintf(of, sizeof(of), "the request's %s", what);
    ERR_clear_error();
    err = n < 0 ? nj_diag_fail(diag, NJ_EINVAL, "%s is no text", of)
                : nj_names_check_text((struct nj_str){(const char *)text, (size_t)n}, of, diag);
    OPENSSL_free(text);
    return err;
}

/* The first one. */
static void
read_common_name(X509_NAME *subject, char *out, size_t bytes)
{
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *text = NULL;
    int n = at < 0 ? -1
                   : ASN1_STRING_to_UTF8(
                         &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));

    if (n > 0 && (size_t)n < bytes) {
        memcpy(out, text, (size_t)n);
        out[n] = '\0';
    }
    OPENSSL_free(text);
}

enum nj_err
nj_request_check_subject(const X509_NAME *subject, struct nj_diag *diag)
{
    enum nj_err err = NJ_OK;

    for (int i = 0; err == NJ_OK && i < X509_NAME_entry_count(subject); i++)
        err = check_text(X509_NAME_get_entry(subject, i), diag);
    return err;
}

static enum nj_err
read_subject(struct nj_request *out, struct nj_diag *diag)
{
    enum nj_err err = refuse_two_common_names(out->subject, diag);
    int bytes = i2d_X509_NAME(out->subject, NULL);

    if (err == NJ_OK && (bytes < 0 || bytes > SUBJECT_MAX))
        err = nj_diag_fail(diag, NJ_EINVAL,
                           "the subject of the request is longer than %d bytes, which every "
                           "handshake would carry",
                           SUBJECT_MAX);
    if (err == NJ_OK)
        err = nj_request_check_subject(out->subject, diag);
    if (err == NJ_OK)
        read_common_name(out->subject, out->common_name, sizeof(out->common_name));
    return err;
}

/* It may become a user name, and that a part of a topic in an ACL. */
static enum nj_err
check_user(const struct nj_request *r, struct nj_diag *diag)
{
    if (r->kind != NJ_ISSUE_CLIENT || strpbrk(r->common_name, "+#/") == NULL)
        return NJ_OK;
    nj_diag_hint(diag, "Have the request made anew, with a common name without + # /.");
    return nj_diag_fail(diag, NJ_EINVAL,
                        "the request's common name, '%s', means something in a topic: as a user "
                        "name it would reach more than its own",
                        r->common_name);
}

static enum nj_err
name_subject(struct nj_request *r, struct nj_diag *diag)
{
    const char *first;

    if (X509_NAME_entry_count(r->subject) > 0)
        return NJ_OK;
    if (r->names.count == 0)
        return nj_diag_fail(diag, NJ_EINVAL, "the request has neither a subject nor a name");
    first = strchr(r->names.at[0], ':') + 1;
    if (strlen(first) >= sizeof(r->common_name))
        return NJ_OK;
    memcpy(r->common_name, first, strlen(first) + 1);
    return set_common_name(r->subject, first, diag);
}

/* --- the whole --- */

static enum nj_err
read_extensions(struct nj_request *out, const STACK_OF(X509_EXTENSION) * extensions,
                const struct nj_issue *wish, struct nj_diag *diag)
{
    enum nj_err err = NJ_OK;

    out->kind = wish->kind;
    if (wish->names.count > 0)
        out->names = wish->names;
    else
        err = read_names(out, extensions, diag);
    if (err == NJ_OK)
        err = read_constraints(out, extensions, diag);
    if (err == NJ_OK)
        err = read_usage(out, extensions, diag);
    if (err == NJ_OK)
        err = read_purposes(out, extensions, diag);
    ignore_others(out, extensions);
    return err;
}

enum nj_err
nj_request_read(struct nj_request *out, X509_REQ *request, const struct nj_issue *wish,
                struct nj_diag *diag)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    enum nj_err err;

    *out = (struct nj_request){.subject = X509_REQ_get_subject_name(request)};
    err = read_subject(out, diag);
    if (err == NJ_OK)
        err = read_extensions(out, extensions, wish, diag);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    if (err == NJ_OK && out->kind == NJ_ISSUE_SERVER)
        err = name_server(out, diag);
    if (err == NJ_OK && wish->names.count == 0)
        err = refuse_generous(&out->names, wish->allows_wildcard, diag);
    if (err == NJ_OK)
        err = check_user(out, diag);
    return err == NJ_OK ? name_subject(out, diag) : err;
}
