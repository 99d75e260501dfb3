/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, keys, authorities, lists of revoked ones and an OCSP response, from their files
 * into a context. pki/file.h says what is wrong with a file as such; here is said what is wrong
 * with two that do not fit together. */
#include "net/tls_priv.h"

#include "base/mem.h"
#include "base/shell.h"
#include "pki/file.h"
#include "pki/staple.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <string.h>

/* Names of authorities that a client is told, to choose its certificate by. */
#define TOLD_CAS_MAX 32

static enum nj_err
no_memory(struct nj_diag *diag)
{
    return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
}

/* Put Mosquitto's sentence before what is wrong. */
static enum nj_err
say_before(struct nj_diag *diag, enum nj_err err, const char *fmt, const char *file)
{
    size_t n = strlen(file);
    char why[sizeof(diag->text)];
    char first[sizeof(diag->text)];

    if (diag == NULL || err == NJ_ENOMEM)
        return err == NJ_ENOMEM ? no_memory(diag) : err;
    (void)snprintf(why, sizeof(why), "%s", diag->text);
    (void)snprintf(first, sizeof(first), fmt, file);
    /* Both name the file: once is enough. */
    bool is_named = strncmp(why, file, n) == 0 && (why[n] == ':' || why[n] == ' ');
    if (is_named)
        first[strlen(first) - 1] = ':';
    (void)nj_diag_fail(diag, err, "%s%s%s", first,
                       is_named && why[n] == ' ' ? " it"
                       : is_named                ? ""
                                                 : " ",
                       is_named ? why + n + (why[n] == ':') : why);
    return err == NJ_ENOENT || err == NJ_ESYS ? NJ_ESYS : NJ_ECONFIG;
}

/* ---- authorities and revoked certificates ---- */

static enum nj_err
add_ca(struct nj_tls_context *x, X509_STORE *store, STACK_OF(X509_NAME) * told, const char *path,
       X509 *ca)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    X509_NAME *name;

    if (X509_digest(ca, EVP_sha256(), digest, NULL) == 1)
        nj_tls_trust_add(x, (struct nj_str){(const char *)digest, sizeof(digest)});
    if (X509_STORE_add_cert(store, ca) != 1)
        return NJ_ENOMEM;
    if (told == NULL)
        return NJ_OK;
    if (sk_X509_NAME_num(told) < TOLD_CAS_MAX &&
        (name = X509_NAME_dup(X509_get_subject_name(ca))) != NULL &&
        sk_X509_NAME_push(told, name) == 0)
        X509_NAME_free(name);
    return x->ignore_dates ? NJ_OK : nj_tls_date_authority(x, path, ca);
}

static enum nj_err
add_cas(struct nj_tls_context *x, X509_STORE *store, STACK_OF(X509_NAME) * told, const char *path,
        struct nj_diag *diag)
{
    const struct nj_pki_file_opts wanted = {.wanted = NJ_PKI_CERTIFICATE};
    struct nj_pki_file file;
    enum nj_err err = nj_pki_file_read(&file, path, &wanted, diag);

    for (size_t i = 0; err == NJ_OK && i < file.certificate_count; i++)
        err = add_ca(x, store, told, path, file.certificates[i]);
    nj_pki_file_fini(&file);
    return err == NJ_OK
               ? NJ_OK
               : say_before(diag, err,
                            "Error: Unable to load CA certificates. Check cafile \"%s\".", path);
}

bool
nj_tls_capath_finds(const char *name, bool *is_list)
{
    size_t digits = strspn(name, "0123456789abcdefABCDEF");
    const char *number = name + 9;

    if (digits != 8 || name[8] != '.')
        return false;
    *is_list = *number == 'r';
    number += *is_list;
    return strspn(number, "0123456789") == strlen(number);
}

/* What stands in a file that OpenSSL will find. Where it cannot be read, OpenSSL says nothing
 * either. */
static enum nj_err
date_found(struct nj_tls_context *x, const char *directory, const char *name, bool is_list)
{
    const struct nj_pki_file_opts wanted = {.wanted = is_list ? NJ_PKI_CRL : NJ_PKI_CERTIFICATE};
    struct nj_pki_file file;
    struct nj_diag unsaid;
    char link[PATH_MAX];
    char path[PATH_MAX]; /* two links to one file are about the same */
    enum nj_err err = NJ_OK;

    if (snprintf(link, sizeof(link), "%s/%s", directory, name) >= (int)sizeof(link) ||
        realpath(link, path) == NULL)
        return NJ_OK;
    if (nj_pki_file_read(&file, path, &wanted, &unsaid) == NJ_OK) {
        for (size_t i = 0; err == NJ_OK && !is_list && i < file.certificate_count; i++)
            err = nj_tls_date_authority(x, path, file.certificates[i]);
        for (size_t i = 0; err == NJ_OK && is_list && i < file.crl_count; i++)
            err = nj_tls_date_list(x, path, file.crls[i]);
    }
    nj_pki_file_fini(&file);
    return err;
}

static enum nj_err
look_into_capath(struct nj_tls_context *x, const struct nj_tls_opts *o, bool is_dated,
                 struct nj_diag *diag)
{
    const char *path = o->capath;
    DIR *dir = opendir(path);
    const struct dirent *entry;
    enum nj_err err = NJ_OK;
    bool has_any = false, is_list;
    char word[NJ_TLS_NAME_SIZE];

    if (dir == NULL)
        return nj_diag_fail(diag, NJ_ESYS,
                            "Error: Unable to load CA certificates. Check capath \"%s\": %s.", path,
                            strerror(errno));
    while (err == NJ_OK && (!has_any || is_dated) && (entry = readdir(dir)) != NULL) {
        if (!nj_tls_capath_finds(entry->d_name, &is_list))
            continue;
        has_any |= !is_list;
        /* OpenSSL asks lists of the directory only where it asks lists at all: with a crlfile. */
        if (is_dated && (!is_list || o->crlfile != NULL))
            err = date_found(x, path, entry->d_name, is_list);
    }
    (void)closedir(dir);
    if (err != NJ_OK)
        return no_memory(diag);
    if (has_any)
        return NJ_OK;
    nj_diag_hint(diag, "openssl rehash %s", nj_shell_word(word, sizeof(word), nj_str_of(path)));
    return nj_diag_fail(diag, NJ_ECONFIG,
                        "Error: Unable to load CA certificates. Check capath \"%s\": the directory "
                        "has no file under a hashed name, which alone are found.",
                        path);
}

static enum nj_err
add_crls(struct nj_tls_context *x, X509_STORE *store, const struct nj_tls_opts *o,
         struct nj_diag *diag)
{
    const struct nj_pki_file_opts wanted = {.wanted = NJ_PKI_CRL};
    struct nj_pki_file file;
    enum nj_err err = nj_pki_file_read(&file, o->crlfile, &wanted, diag);

    for (size_t i = 0; err == NJ_OK && i < file.crl_count; i++) {
        uint8_t digest[SHA256_DIGEST_LENGTH];

        if (X509_CRL_digest(file.crls[i], EVP_sha256(), digest, NULL) == 1)
            nj_tls_trust_add(x, (struct nj_str){(const char *)digest, sizeof(digest)});
        if (X509_STORE_add_crl(store, file.crls[i]) != 1)
            err = NJ_ENOMEM;
        else if (o->require_certificate)
            err = nj_tls_date_list(x, o->crlfile, file.crls[i]);
    }
    nj_pki_file_fini(&file);
    if (err != NJ_OK)
        return say_before(
            diag, err, "Error: Unable to load certificate revocation file \"%s\". Check crlfile.",
            o->crlfile);
    (void)X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    return NJ_OK;
}

/* A directory is looked into when somebody comes: nobody knows what has become of it. */
static void
trust_no_other_directory(struct nj_tls_context *x)
{
    static _Atomic uint64_t count;
    /* Relaxed: all that counts is that no two are the same. */
    uint64_t number = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);

    nj_tls_trust_add(x, (struct nj_str){(const char *)&number, sizeof(number)});
}

static enum nj_err
load_trust(struct nj_tls_context *x, const struct nj_tls_opts *o, X509_STORE *store,
           STACK_OF(X509_NAME) * told, struct nj_diag *diag)
{
    enum nj_err err = NJ_OK;

    if (o->require_certificate)
        nj_tls_trust_add(x, NJ_STR("certificate"));
    if (o->cafile != NULL)
        err = add_cas(x, store, told, o->cafile, diag);
    if (o->capath != NULL)
        trust_no_other_directory(x);
    if (err == NJ_OK && o->capath != NULL)
        err = look_into_capath(x, o, told != NULL && !x->ignore_dates, diag);
    if (err == NJ_OK && o->capath != NULL && X509_STORE_load_path(store, o->capath) != 1)
        err = no_memory(diag);
    if (err == NJ_OK && o->use_os_certs && X509_STORE_set_default_paths(store) != 1)
        err = nj_diag_fail(diag, NJ_ESYS, "Error: Unable to load the system's CA certificates.");
    if (err == NJ_OK && o->crlfile != NULL)
        err = add_crls(x, store, o, diag);
    return err;
}

/* One store for all that are shown. */
static enum nj_err
set_trust(struct nj_tls_context *x, const struct nj_tls_opts *o, struct nj_diag *diag)
{
    X509_STORE *store = SSL_CTX_get_cert_store(x->shown[0]);
    STACK_OF(X509_NAME) *told = NULL;
    enum nj_err err;

    if (o->role == NJ_TLS_SERVER && o->require_certificate) {
        told = sk_X509_NAME_new_null();
        if (told == NULL)
            return no_memory(diag);
    }
    err = load_trust(x, o, store, told, diag);
    for (size_t i = 0; i < x->shown_count && err == NJ_OK; i++) {
        if (i > 0)
            SSL_CTX_set1_cert_store(x->shown[i], store);
        if (told != NULL)
            SSL_CTX_set_client_CA_list(x->shown[i], SSL_dup_CA_list(told));
    }
    sk_X509_NAME_pop_free(told, X509_NAME_free);
    return err;
}

/* ---- keys ---- */

/* The terminal, where there is one. */
static int
ask_terminal(void *ctx, const char *path, char *out, int room)
{
    FILE *terminal = fopen("/dev/tty", "r+e");
    char prompt[256];

    (void)ctx;
    if (terminal == NULL)
        return -1;
    (void)fclose(terminal);
    (void)snprintf(prompt, sizeof(prompt), "Enter PEM pass phrase for %.200s: ", path);
    if (EVP_read_pw_string(out, room, prompt, 0) != 0)
        return -1;
    return (int)strlen(out);
}

static enum nj_err
read_key(EVP_PKEY **out, const struct nj_tls_opts *o, const char *path, struct nj_diag *diag)
{
    const struct nj_pki_file_opts wanted = {
        .wanted = NJ_PKI_KEY,
        .passphrase = o->password != NULL ? o->password : ask_terminal,
        .passphrase_ctx = o->password_ctx,
    };
    struct nj_pki_file file;
    enum nj_err err;

    if (o->key_in_engine)
        return nj_tls_engine_key(out, o, path, diag);
    err = nj_pki_file_read(&file, path, &wanted, diag);
    if (err == NJ_OK && EVP_PKEY_up_ref(file.key) == 1)
        *out = file.key;
    nj_pki_file_fini(&file);
    return err == NJ_OK ? NJ_OK
                        : say_before(diag, err,
                                     o->role == NJ_TLS_SERVER
                                         ? "Error: Unable to load server key file \"%s\". Check "
                                           "keyfile."
                                         : "Error: Unable to load client key file \"%s\".",
                                     path);
}

/* ---- certificates ---- */

static const char *
certificate_sentence(const struct nj_tls_opts *o)
{
    return o->role == NJ_TLS_SERVER
               ? "Error: Unable to load server certificate \"%s\". Check certfile."
               : "Error: Unable to load client certificate \"%s\".";
}

/* OpenSSL has refused a certificate or key that reads well. */
static enum nj_err
say_refused(const struct nj_tls_opts *o, const struct nj_tls_pair *pair, struct nj_diag *diag)
{
    switch (ERR_GET_REASON(ERR_peek_last_error())) {
    case SSL_R_EE_KEY_TOO_SMALL:
    case SSL_R_CA_KEY_TOO_SMALL:
        nj_diag_hint(diag, "Make a new one: P-256, or RSA with 2048 bits.");
        (void)nj_diag_fail(diag, NJ_ECONFIG, "Its key is too small.");
        break;
    case SSL_R_CA_MD_TOO_WEAK:
        nj_diag_hint(diag, "Have it signed again, with -sha256.");
        (void)nj_diag_fail(diag, NJ_ECONFIG,
                           "It is signed with an old digest (SHA-1 or MD5), which nobody accepts "
                           "any more.");
        break;
    default:
        (void)nj_diag_fail(diag, NJ_ECONFIG, "OpenSSL says: %s.",
                           ERR_reason_error_string(ERR_peek_last_error()));
        break;
    }
    return say_before(diag, NJ_ECONFIG, certificate_sentence(o), pair->certfile);
}

/* The key belongs to none of the file's certificates, or to one that is not the first. */
static enum nj_err
say_no_fit(const struct nj_tls_opts *o, const struct nj_tls_pair *pair,
           const struct nj_pki_file *file, EVP_PKEY *key, struct nj_diag *diag)
{
    const char *sentence = o->role == NJ_TLS_SERVER
                               ? "Error: Unable to load server key file \"%s\". Check keyfile."
                               : "Error: Unable to load client key file \"%s\".";
    char shown[NJ_TLS_NAME_SIZE];
    char cert[NJ_TLS_NAME_SIZE];
    char key_word[NJ_TLS_NAME_SIZE];
    const char *keyfile =
        o->key_in_engine ? nj_tls_engine_name(pair->keyfile, shown, sizeof(shown)) : pair->keyfile;

    for (size_t i = 1; i < file->certificate_count; i++) {
        if (X509_check_private_key(file->certificates[i], key) != 1)
            continue;
        nj_diag_hint(diag, "Put that certificate first, then the intermediates.");
        (void)nj_diag_fail(diag, NJ_ECONFIG,
                           "The key belongs to certificate %zu in \"%s\", not to the first.", i + 1,
                           pair->certfile);
        return say_before(diag, NJ_ECONFIG, sentence, keyfile);
    }
    nj_diag_hint(diag, "Compare: openssl x509 -noout -pubkey -in %s; openssl pkey -pubout -in %s",
                 nj_shell_word(cert, sizeof(cert), nj_str_of(pair->certfile)),
                 nj_shell_word(key_word, sizeof(key_word), nj_str_of(keyfile)));
    (void)nj_diag_fail(diag, NJ_ECONFIG, "The key does not belong to the certificate \"%s\".",
                       pair->certfile);
    return say_before(diag, NJ_ECONFIG, sentence, keyfile);
}

static enum nj_err
use_pair(SSL_CTX *ssl, const struct nj_tls_opts *o, const struct nj_tls_pair *pair,
         const struct nj_pki_file *file, EVP_PKEY *key, struct nj_diag *diag)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *first = SSL_CTX_get0_certificate(ssl);
    int done;

    if (chain == NULL)
        return no_memory(diag);
    for (size_t i = 1; i < file->certificate_count; i++)
        if (sk_X509_push(chain, file->certificates[i]) == 0) {
            sk_X509_free(chain);
            return no_memory(diag);
        }
    done = SSL_CTX_use_cert_and_key(ssl, file->certificates[0], key, chain, 1);
    sk_X509_free(chain);
    if (first != NULL) /* it may have more names: it stands for those beside it */
        (void)SSL_CTX_select_current_cert(ssl, first);
    return done == 1 ? NJ_OK : say_refused(o, pair, diag);
}

static bool
has_kind_of(SSL_CTX *ssl, const X509 *cert)
{
    X509 *first = SSL_CTX_get0_certificate(ssl);
    bool has = false;

    for (long more = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_FIRST); more == 1 && !has;
         more = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_NEXT))
        has = EVP_PKEY_get_base_id(X509_get0_pubkey(SSL_CTX_get0_certificate(ssl))) ==
              EVP_PKEY_get_base_id(X509_get0_pubkey(cert));
    (void)SSL_CTX_select_current_cert(ssl, first);
    return has;
}

/* Another certificate for the same names, with a key of another kind, is shown beside the first: a
 * client that knows only one of the kinds gets that. */
static bool
goes_beside(SSL_CTX *ssl, X509 *cert)
{
    X509 *there = SSL_CTX_get0_certificate(ssl);
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool fits = there != NULL && names != NULL && !has_kind_of(ssl, cert);

    for (int i = 0; fits && i < sk_GENERAL_NAME_num(names); i++) {
        int kind;
        const ASN1_STRING *name = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);

        if (kind == GEN_DNS)
            fits = X509_check_host(there, (const char *)ASN1_STRING_get0_data(name),
                                   (size_t)ASN1_STRING_length(name), 0, NULL) == 1;
    }
    GENERAL_NAMES_free(names);
    return fits;
}

static SSL_CTX *
shelf_for(struct nj_tls_context *x, size_t *used, X509 *cert)
{
    for (size_t i = 0; i < *used; i++)
        if (goes_beside(x->shown[i], cert))
            return x->shown[i];
    return x->shown[(*used)++];
}

static enum nj_err
load_pair(struct nj_tls_context *x, size_t *used, const struct nj_tls_opts *o,
          const struct nj_tls_pair *pair, struct nj_diag *diag)
{
    const struct nj_pki_file_opts wanted = {.wanted = NJ_PKI_CERTIFICATE};
    struct nj_pki_file file;
    EVP_PKEY *key = NULL;
    enum nj_err err = nj_pki_file_read(&file, pair->certfile, &wanted, diag);

    if (err != NJ_OK)
        err = say_before(diag, err, certificate_sentence(o), pair->certfile);
    else
        err = read_key(&key, o, pair->keyfile, diag);
    if (err == NJ_OK && X509_check_private_key(file.certificates[0], key) != 1)
        err = say_no_fit(o, pair, &file, key, diag);
    if (err == NJ_OK)
        err = use_pair(shelf_for(x, used, file.certificates[0]), o, pair, &file, key, diag);
    if (err == NJ_OK && o->role == NJ_TLS_SERVER &&
        nj_tls_date_certificates(x, pair->certfile, &file) != NJ_OK)
        err = no_memory(diag);
    EVP_PKEY_free(key);
    nj_pki_file_fini(&file);
    return err;
}

/* ---- the stapled response ---- */

/* One about another certificate is not sent, and the judgement of the files says so: a certificate
 * that was renewed has none for a while, no reason to refuse the new one. */
static enum nj_err
load_ocsp(struct nj_tls_context *x, const struct nj_tls_opts *o, struct nj_diag *diag)
{
    OCSP_RESPONSE *response = NULL;
    enum nj_err err = NJ_OK;
    uint8_t *p;
    int n;

    if (o->ocspfile == NULL)
        return NJ_OK;
    err = nj_staple_read(&response, o->ocspfile, diag);
    if (err != NJ_OK)
        return err;
    if (nj_staple_is_about(response, SSL_CTX_get0_certificate(x->shown[0]))) {
        err = o->role == NJ_TLS_SERVER ? nj_tls_date_response(x, o->ocspfile, response) : NJ_OK;
        n = i2d_OCSP_RESPONSE(response, NULL);
        p = x->ocsp = n > 0 ? nj_alloc((size_t)n) : NULL;
        if (p != NULL)
            x->ocsp_n = (size_t)i2d_OCSP_RESPONSE(response, &p);
        if (err != NJ_OK || x->ocsp == NULL)
            err = no_memory(diag);
    }
    OCSP_RESPONSE_free(response);
    return err;
}

enum nj_err
nj_tls_load(struct nj_tls_context *x, const struct nj_tls_opts *o, struct nj_diag *diag)
{
    size_t used = 0;
    enum nj_err err = NJ_OK;

    for (size_t i = 0; i < o->pair_count && err == NJ_OK; i++)
        err = load_pair(x, &used, o, &o->pairs[i], diag);
    if (err != NJ_OK)
        return err;
    for (size_t i = NJ_MAX(used, 1); i < x->shown_count; i++)
        SSL_CTX_free(x->shown[i]);
    x->shown_count = NJ_MAX(used, 1);
    err = set_trust(x, o, diag);
    return err == NJ_OK ? load_ocsp(x, o, diag) : err;
}
