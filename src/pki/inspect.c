/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/inspect.h"

#include "pki/file.h"
#include "pki/key_priv.h"
#include "pki/passphrase.h"

#define NAMES (XN_FLAG_ONELINE & ~(unsigned long)ASN1_STRFLGS_ESC_MSB)

static int
answer(void *ctx, const char *path, char *out, int room)
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
        (void)X509_print_ex(to, file->certificates[i], NAMES, 0);
        print_fingerprint(to, file->certificates[i]);
    }
    if (file->request != NULL)
        (void)X509_REQ_print_ex(to, file->request, NAMES, 0);
    for (size_t i = 0; i < file->crl_count; i++)
        (void)X509_CRL_print_ex(to, file->crls[i], NAMES);
    if (file->key != NULL)
        print_key(to, file);
}

enum nj_err
nj_inspect_print(const char *path, const struct nj_inspect_opts *opts, FILE *out,
                 struct nj_diag *diag)
{
    struct nj_inspect_opts copy = *opts;
    const struct nj_pki_file_opts how = {
        .wanted = NJ_PKI_ANY, .is_der_good = true, .passphrase = answer, .passphrase_ctx = &copy};
    NJ_CLEANUP(nj_drop_bio) BIO *to = BIO_new(BIO_s_mem());
    struct nj_pki_file file;
    enum nj_err err = nj_pki_file_read(&file, path, &how, diag);

    if (err == NJ_OK && to == NULL)
        err = nj_openssl_fail(diag, "print");
    if (err == NJ_OK) {
        struct nj_str text;

        print_all(to, &file);
        text = nj_bio_str(to);
        (void)fwrite(text.p, 1, text.n, out);
    }
    nj_pki_file_fini(&file);
    return err;
}
