/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/export.h"

#include "base/save.h"
#include "pki/file.h"
#include "pki/openssl_priv.h"

#include <ctype.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>

/* What a folder holds. */
struct bundle {
    struct nj_pki_file certificate, authority, key;
    bool has_key;
};

static void
drop_bundle(struct bundle *b)
{
    nj_pki_file_fini(&b->certificate);
    nj_pki_file_fini(&b->authority);
    nj_pki_file_fini(&b->key);
}

static enum nj_err
read_one(struct nj_pki_file *out, const char *folder, const char *stem, const char *ending,
         unsigned wanted, struct nj_diag *diag)
{
    const struct nj_pki_file_opts opts = {.wanted = wanted};
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s.%s", folder, stem, ending);
    return nj_pki_file_read(out, path, &opts, diag);
}

static enum nj_err
read_bundle(struct bundle *b, const char *folder, const char *stem, bool needs_key,
            struct nj_diag *diag)
{
    enum nj_err err = read_one(&b->certificate, folder, stem, "crt", NJ_PKI_CERTIFICATE, diag);

    if (err == NJ_OK)
        err = read_one(&b->authority, folder, "ca", "crt", NJ_PKI_CERTIFICATE, diag);
    if (err != NJ_OK)
        return err;
    err = read_one(&b->key, folder, stem, "key", NJ_PKI_KEY, diag);
    b->has_key = err == NJ_OK;
    if (err == NJ_ENOENT && !needs_key)
        return NJ_OK;
    if (err == NJ_ENOENT)
        nj_diag_hint(diag, "A key that was made on its own host is exported there.");
    if (err == NJ_OK && X509_check_private_key(b->certificate.certificates[0], b->key.key) != 1)
        return nj_diag_fail(diag, NJ_EINVAL, "%s is not the key of %s", b->key.path,
                            b->certificate.path);
    return err;
}

/* In the form that it has on disk: traditional for the small. */
static bool
print_key_file(BIO *bio, const struct bundle *b, const char *folder, const char *stem)
{
    char path[PATH_MAX];
    struct nj_secret text = {0};
    bool is_done;

    if (!b->has_key)
        return true;
    (void)snprintf(path, sizeof(path), "%s/%s.key", folder, stem);
    if (nj_save_read(&text, path, 1 << 20, NULL) != NJ_OK)
        return false;
    is_done = BIO_write(bio, text.p, (int)text.n) == (int)text.n;
    nj_secret_fini(&text);
    return is_done;
}

enum nj_err
nj_export_pem(const char *folder, const char *stem, const char *path, bool is_replacing,
              struct nj_diag *diag)
{
    NJ_CLEANUP(drop_bundle) struct bundle b = {0};
    NJ_CLEANUP(nj_drop_bio) BIO *bio = BIO_new(BIO_s_secmem());
    enum nj_err err = read_bundle(&b, folder, stem, true, diag);

    if (err != NJ_OK)
        return err;
    if (bio == NULL || PEM_write_bio_X509(bio, b.certificate.certificates[0]) != 1 ||
        PEM_write_bio_X509(bio, b.authority.certificates[0]) != 1 ||
        !print_key_file(bio, &b, folder, stem))
        return nj_openssl_fail(diag, "write the PEM file");
    return nj_save(path, nj_bio_str(bio), NJ_SAVE_SECRET, is_replacing, diag);
}

/* --- a header of C --- */

static void
print_string(BIO *out, const char *name, const char *ending, struct nj_str text)
{
    (void)BIO_printf(out, "static const char %s_%s[] =\n", name, ending);
    while (text.n > 0) {
        struct nj_str line = nj_str_cut(&text, '\n');

        (void)BIO_printf(out, "    \"%" NJ_STR_FMT "\\n\"%s\n", NJ_STR_ARG(line),
                         text.n == 0 ? ";" : "");
    }
    (void)BIO_puts(out, "\n");
}

static bool
print_certificate(BIO *out, const char *name, X509 *certificate)
{
    NJ_CLEANUP(nj_drop_bio) BIO *pem = BIO_new(BIO_s_mem());

    if (pem == NULL || PEM_write_bio_X509(pem, certificate) != 1)
        return false;
    print_string(out, name, "crt", nj_bio_str(pem));
    return true;
}

enum nj_err
nj_export_header(const char *folder, const char *stem, const char *path, bool is_replacing,
                 struct nj_diag *diag)
{
    NJ_CLEANUP(drop_bundle) struct bundle b = {0};
    NJ_CLEANUP(nj_drop_bio) BIO *bio = BIO_new(BIO_s_secmem());
    NJ_CLEANUP(nj_drop_bio) BIO *key = BIO_new(BIO_s_secmem());
    enum nj_err err = read_bundle(&b, folder, stem, false, diag);

    if (err != NJ_OK)
        return err;
    if (bio == NULL || key == NULL)
        return nj_openssl_fail(diag, "write the header");
    (void)BIO_puts(bio,
                   "/* For a device with TLS: the authority it trusts, its certificate, its key. "
                   "Keep it as secret as\n * the key. Made by `nightjar pki`. */\n"
                   "#pragma once\n\n");
    if (!print_certificate(bio, "ca", b.authority.certificates[0]) ||
        !print_certificate(bio, stem, b.certificate.certificates[0]) ||
        !print_key_file(key, &b, folder, stem))
        return nj_openssl_fail(diag, "write the header");
    if (b.has_key)
        print_string(bio, stem, "key", nj_bio_str(key));
    return nj_save(path, nj_bio_str(bio), NJ_SAVE_SECRET, is_replacing, diag);
}

/* --- PKCS#12 --- */

enum nj_err
nj_export_p12(const char *folder, const char *stem, const char *label, struct nj_str phrase,
              const char *path, bool is_replacing, struct nj_diag *diag)
{
    NJ_CLEANUP(drop_bundle) struct bundle b = {0};
    NJ_CLEANUP(nj_drop_bio) BIO *bio = BIO_new(BIO_s_secmem());
    STACK_OF(X509) *authorities = sk_X509_new_null();
    PKCS12 *p12 = NULL;
    enum nj_err err = read_bundle(&b, folder, stem, true, diag);

    if (err == NJ_OK && authorities != NULL &&
        sk_X509_push(authorities, b.authority.certificates[0]) > 0)
        p12 = PKCS12_create(phrase.p, label, b.key.key, b.certificate.certificates[0], authorities,
                            0, 0, 0, 0, 0);
    if (err == NJ_OK && (p12 == NULL || bio == NULL || i2d_PKCS12_bio(bio, p12) != 1))
        err = nj_openssl_fail(diag, "make the PKCS#12 file");
    if (err == NJ_OK)
        err = nj_save(path, nj_bio_str(bio), NJ_SAVE_SECRET, is_replacing, diag);
    PKCS12_free(p12);
    sk_X509_free(authorities);
    return err;
}
