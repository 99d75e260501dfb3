/* SPDX-License-Identifier: Apache-2.0 */
/* renew.c — the same certificate again, with new dates and a new serial number; for the same key,
 * or a new one. */
#include "pki/authority_priv.h"

#include "base/save.h"
#include "pki/export.h"
#include "pki/key_priv.h"
#include "pki/profile_priv.h"

#include <unistd.h>

/* "hosts/NAME", "clients/ID", or a name that only one of the two folders has. */
static enum nj_err
find(const struct nj_authority *a, const char *name, struct nj_issued *out,
     char relative[NJ_WHERE_SIZE], struct nj_diag *diag)
{
    bool is_host_only = strncmp(name, "hosts/", 6) == 0;
    bool is_client_only = strncmp(name, "clients/", 8) == 0;
    char option[NJ_DIR_OPTION_SIZE];
    bool is_host, is_client;
    enum nj_err err;

    name += is_host_only ? 6 : is_client_only ? 8 : 0;
    err = nj_names_check_folder(name, diag);
    if (err != NJ_OK)
        return err;
    nj_issue_place(a, NJ_ISSUE_SERVER, name, out, relative);
    is_host = !is_client_only && access(out->certificate, F_OK) == 0;
    nj_issue_place(a, NJ_ISSUE_CLIENT, name, out, relative);
    is_client = !is_host_only && access(out->certificate, F_OK) == 0;
    if (is_host && is_client) {
        nj_diag_hint(diag, "Say which: hosts/%s or clients/%s.", name, name);
        return nj_diag_fail(diag, NJ_EINVAL, "there are a host and a client called %s", name);
    }
    if (!is_host && !is_client) {
        nj_diag_hint(diag, "`nightjar pki list%s` shows what there is.",
                     nj_authority_dir_option(a->dir, option));
        return nj_diag_fail(diag, NJ_ENOENT, "there is no certificate of %s in %s", name, a->dir);
    }
    if (is_host)
        nj_issue_place(a, NJ_ISSUE_SERVER, name, out, relative);
    return NJ_OK;
}

static enum nj_err
check_origin(const struct nj_authority *a, X509 *was, const char *path, struct nj_diag *diag)
{
    if (X509_verify(was, X509_get0_pubkey(a->certificate)) == 1)
        return NJ_OK;
    nj_diag_hint(diag,
                 "Was the authority made anew since? Then make it new: `nightjar pki server` or "
                 "`client` with --force.");
    return nj_diag_fail(diag, NJ_EINVAL, "%s was not issued by this authority", path);
}

/* Whoever has the key that was revoked would be let in again. */
static enum nj_err
refuse_revoked(const struct nj_authority *a, X509 *was, const char *path, struct nj_diag *diag)
{
    char serial[NJ_SERIAL_SIZE];

    nj_serial_print(X509_get0_serialNumber(was), serial);
    for (size_t i = 0; i < nj_authority_count(a); i++) {
        struct nj_issued_row row = nj_authority_row(a, i);

        if (row.state != NJ_ISSUED_REVOKED || !nj_str_eq(row.serial, nj_str_of(serial)))
            continue;
        nj_diag_hint(diag, "With --new-key it gets another key, and is good again.");
        return nj_diag_fail(diag, NJ_EINVAL,
                            "%s is revoked: renewed for the same key, it would let in again whom "
                            "that shut out",
                            path);
    }
    return NJ_OK;
}

static enum nj_key_kind
kind_of(EVP_PKEY *key)
{
    if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return NJ_KEY_P256;
    return EVP_PKEY_get_bits(key) > 2048 ? NJ_KEY_RSA_3072 : NJ_KEY_RSA_2048;
}

static enum nj_err
new_key(struct nj_authority *a, X509 *was, const struct nj_issued *place, EVP_PKEY **out,
        struct nj_diag *diag)
{
    enum nj_err err;

    if (access(place->key, F_OK) != 0) {
        nj_diag_hint(diag,
                     "Have a new request made there, and sign it: nightjar pki sign --force.");
        return nj_diag_fail(diag, NJ_ENOENT,
                            "the key of %s is not here: it was made on its own host",
                            place->certificate);
    }
    err = nj_key_make(out, kind_of(X509_get0_pubkey(was)), diag);
    if (err == NJ_OK)
        nj_explain_key(&a->explain, *out, place->key);
    return err;
}

/* The certificate last, as when it was issued. */
static enum nj_err
save_renewed(struct nj_authority *a, X509 *made, EVP_PKEY *key, bool is_small,
             const struct nj_issued *place, struct nj_diag *diag)
{
    enum nj_err err;

    (void)nj_save_sweep(place->folder);
    err = nj_issue_copy_authority(a, place->folder, diag);
    if (err == NJ_OK && key != NULL)
        err = nj_key_save(key, is_small ? NJ_KEY_TRADITIONAL : NJ_KEY_PKCS8,
                          (struct nj_str){NULL, 0}, place->key, true, diag);
    if (err == NJ_OK)
        err = nj_certificate_save(made, place->certificate, true, diag);
    if (err != NJ_OK || place->header[0] == '\0')
        return err;
    return nj_export_header(place->folder, place->kind == NJ_ISSUE_SERVER ? "server" : "client",
                            place->header, true, diag);
}

/* A new key whose certificate was not written any more is no reason to certify the old one again.
 */
static enum nj_err
check_key(X509 *was, const struct nj_issued *place, struct nj_diag *diag)
{
    const struct nj_pki_file_opts opts = {.wanted = NJ_PKI_KEY, .is_der_good = true};
    struct nj_pki_file file;
    bool is_other = nj_pki_file_read(&file, place->key, &opts, NULL) == NJ_OK &&
                    EVP_PKEY_eq(file.key, X509_get0_pubkey(was)) != 1;

    nj_pki_file_fini(&file);
    if (!is_other)
        return NJ_OK;
    nj_diag_hint(diag, "With --new-key both are made anew.");
    return nj_diag_fail(diag, NJ_EINVAL,
                        "%s is not the key of %s: was a command ended before its time?", place->key,
                        place->certificate);
}

/* Subject, names and use of `was`, for its key or a new one. */
static enum nj_err
renew_one(struct nj_authority *a, X509 *was, const char *relative, const struct nj_renewal *how,
          struct nj_issued *out, struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_general_names)
    GENERAL_NAMES *list = X509_get_ext_d2i(was, NID_subject_alt_name, NULL, NULL);
    NJ_CLEANUP(nj_drop_key) EVP_PKEY *key = NULL;
    NJ_CLEANUP(nj_drop_x509) X509 *made = NULL;
    struct nj_names names = how->names;
    struct nj_issue_draft draft = {
        .subject = X509_get_subject_name(was),
        .public_key = X509_get0_pubkey(was),
        .kind = out->kind,
        .is_small = X509_get0_subject_key_id(was) == NULL,
        .names = &names,
        .days = how->days,
    };
    enum nj_err err =
        list != NULL && names.count == 0 ? nj_profile_names(&names, list, diag) : NJ_OK;

    if (err == NJ_OK && !how->is_new_key)
        err = check_key(was, out, diag);
    if (err == NJ_OK && how->is_new_key) {
        err = new_key(a, was, out, &key, diag);
        draft.public_key = key;
    }
    if (err == NJ_OK)
        err = nj_issue_certificate(a, &draft, relative, &made, out, diag);
    return err == NJ_OK ? save_renewed(a, made, key, draft.is_small, out, diag) : err;
}

enum nj_err
nj_authority_find(const struct nj_authority *authority, const char *name, struct nj_issued *out,
                  struct nj_diag *diag)
{
    char relative[NJ_WHERE_SIZE];
    enum nj_err err = find(authority, name, out, relative, diag);

    if (err != NJ_OK)
        return err;
    if (access(out->header, F_OK) != 0)
        out->header[0] = '\0';
    if (access(out->key, F_OK) != 0)
        out->key[0] = '\0';
    return NJ_OK;
}

enum nj_err
nj_authority_renew(struct nj_authority *authority, const char *name, const struct nj_renewal *how,
                   struct nj_issued *out, struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_x509) X509 *was = NULL;
    char relative[NJ_WHERE_SIZE];
    enum nj_err err = find(authority, name, out, relative, diag);

    if (err == NJ_OK)
        err = nj_certificate_read(&was, out->certificate, diag);
    if (err == NJ_OK)
        err = check_origin(authority, was, out->certificate, diag);
    if (err == NJ_OK && !how->is_new_key)
        err = refuse_revoked(authority, was, out->certificate, diag);
    if (err != NJ_OK)
        return err;
    if (access(out->header, F_OK) != 0)
        out->header[0] = '\0';
    err = renew_one(authority, was, relative, how, out, diag);
    if (access(out->key, F_OK) != 0)
        out->key[0] = '\0';
    return err;
}
