/* SPDX-License-Identifier: Apache-2.0 */
/* What a file holds is told apart, and each fault by its own name. */
#include "base/folder_kit_test.h"
#include "base/mem.h"
#include "base/shell.h"
#include "base/test.h"
#include "pki/file.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

struct kit {
    EVP_PKEY *key;
    X509 *certificate;
    char folder[KIT_FOLDER_SIZE];
    char path[128];
    struct nj_diag diag;
};

static X509 *
make_certificate(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);

    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                (const unsigned char *)"x", -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(x, name), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 3600));
    assert_int_equal(X509_set_pubkey(x, key), 1);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    return x;
}

static int
set_up(void **state)
{
    struct kit *k = calloc(1, sizeof(*k));

    k->key = EVP_EC_gen("P-256");
    k->certificate = make_certificate(k->key);
    assert_int_equal(folder_make(k->folder), 0);
    assert_int_equal(chmod(k->folder, 0755), 0);
    (void)snprintf(k->path, sizeof(k->path), "%s/thing.crt", k->folder);
    *state = k;
    return 0;
}

static int
tear_down(void **state)
{
    struct kit *k = *state;

    (void)folder_remove(k->folder);
    X509_free(k->certificate);
    EVP_PKEY_free(k->key);
    free(k);
    return 0;
}

static void
write_file(const struct kit *k, const void *bytes, size_t n)
{
    FILE *f = fopen(k->path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void
write_bio(const struct kit *k, BIO *bio)
{
    char *bytes = NULL;
    long n = BIO_get_mem_data(bio, &bytes);

    write_file(k, bytes, (size_t)n);
    BIO_free(bio);
}

/* Read it, expect the fault; the file's object is to be finished. */
static struct nj_pki_file
expect(struct kit *k, unsigned wanted, enum nj_file_fault fault)
{
    struct nj_pki_file_opts opts = {.wanted = wanted};
    struct nj_pki_file file;

    k->diag = (struct nj_diag){0};
    enum nj_err err = nj_pki_file_read(&file, k->path, &opts, &k->diag);
    if (file.fault != fault)
        print_error("%s (%s)\n", k->diag.text, k->diag.hint);
    assert_int_equal(file.fault, fault);
    assert_int_equal(err == NJ_OK, fault == NJ_FILE_GOOD);
    assert_int_equal(k->diag.text[0] == '\0', fault == NJ_FILE_GOOD);
    return file;
}

static void
expect_only(struct kit *k, unsigned wanted, enum nj_file_fault fault)
{
    struct nj_pki_file file = expect(k, wanted, fault);

    nj_pki_file_fini(&file);
}

static void
certificates_and_key_of_one_file_are_all_there(void **state)
{
    struct kit *k = *state;
    BIO *bio = BIO_new(BIO_s_mem());
    char contents[100];

    assert_int_equal(BIO_puts(bio, "Bag Attributes: some text before\n") > 0, 1);
    assert_int_equal(PEM_write_bio_X509(bio, k->certificate), 1);
    assert_int_equal(PEM_write_bio_X509(bio, k->certificate), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(bio, k->key, NULL, NULL, 0, NULL, NULL), 1);
    write_bio(k, bio);
    struct nj_pki_file file = expect(k, NJ_PKI_CERTIFICATE, NJ_FILE_GOOD);
    assert_int_equal(file.certificate_count, 2);
    assert_int_equal(X509_cmp(file.certificates[1], k->certificate), 0);
    assert_int_equal(EVP_PKEY_eq(file.key, k->key), 1);
    assert_int_equal(file.holds, NJ_PKI_CERTIFICATE | NJ_PKI_KEY);
    assert_string_equal(nj_pki_file_contents(&file, contents, sizeof(contents)),
                        "2 certificates and a private key");
    nj_pki_file_fini(&file);
}

static void
missing_file_is_told_with_its_neighbour(void **state)
{
    struct kit *k = *state;

    write_file(k, "x", 1);
    char right[128];
    (void)snprintf(right, sizeof(right), "%s", k->path);
    (void)snprintf(k->path, sizeof(k->path), "%s/thimg.crt", k->folder);
    expect_only(k, NJ_PKI_CERTIFICATE, NJ_FILE_MISSING);
    assert_non_null(strstr(k->diag.text, "No such file"));
    assert_non_null(strstr(k->diag.hint, right));
    (void)snprintf(k->path, sizeof(k->path), "%s", right);
}

static void
folder_itself_is_nobodys_neighbour(void **state)
{
    struct kit *k = *state;
    char before[sizeof(k->path)];

    memcpy(before, k->path, sizeof(before));
    (void)snprintf(k->path, sizeof(k->path), "%s/x", k->folder);
    expect_only(k, NJ_PKI_CERTIFICATE, NJ_FILE_MISSING);
    assert_string_equal(k->diag.hint, "");
    memcpy(k->path, before, sizeof(before));
}

static void
path_without_its_first_slash_is_recognised(void **state)
{
    struct kit *k = *state;
    char whole[128];

    write_file(k, "x", 1);
    (void)snprintf(whole, sizeof(whole), "%s", k->path);
    (void)snprintf(k->path, sizeof(k->path), "%s", whole + 1);
    expect_only(k, NJ_PKI_CERTIFICATE, NJ_FILE_MISSING);
    assert_non_null(strstr(k->diag.hint, "first slash"));
    (void)snprintf(k->path, sizeof(k->path), "%s", whole);
}

/* --cafile "$CA" in a shell that has no CA. */
static void
empty_path_is_recognised(void **state)
{
    struct kit *k = *state;
    char whole[128];

    (void)snprintf(whole, sizeof(whole), "%s", k->path);
    k->path[0] = '\0';
    expect_only(k, NJ_PKI_CERTIFICATE, NJ_FILE_MISSING);
    assert_non_null(strstr(k->diag.hint, "empty"));
    (void)snprintf(k->path, sizeof(k->path), "%s", whole);
}

static void
file_that_may_not_be_read_names_owner_and_mode(void **state)
{
    struct kit *k = *state;

    if (geteuid() != 0)
        skip();
    write_file(k, "x", 1);
    assert_int_equal(chmod(k->path, 0600), 0);
    assert_int_equal(seteuid(65534), 0);
    expect_only(k, NJ_PKI_KEY, NJ_FILE_UNREADABLE);
    assert_int_equal(seteuid(0), 0);
    assert_non_null(strstr(k->diag.text, "Permission denied"));
    assert_non_null(strstr(k->diag.text, "root"));
    assert_non_null(strstr(k->diag.text, "0600"));
    assert_int_equal(chmod(k->folder, 0700), 0);
    assert_int_equal(seteuid(65534), 0);
    expect_only(k, NJ_PKI_KEY, NJ_FILE_UNREADABLE);
    assert_int_equal(seteuid(0), 0);
    assert_non_null(strstr(k->diag.hint, "chmod o+x"));
}

static void
what_is_no_file_is_not_opened(void **state)
{
    struct kit *k = *state;

    assert_int_equal(mkfifo(k->path, 0600), 0);
    expect_only(k, NJ_PKI_KEY, NJ_FILE_NOT_REGULAR);
    char fifo[128];
    (void)snprintf(fifo, sizeof(fifo), "%s", k->path);
    (void)snprintf(k->path, sizeof(k->path), "%s", k->folder);
    expect_only(k, NJ_PKI_CERTIFICATE, NJ_FILE_NOT_REGULAR);
    assert_non_null(strstr(k->diag.hint, "capath"));
    (void)snprintf(k->path, sizeof(k->path), "%s", fifo);
}

static void
empty_and_too_large_files_are_said(void **state)
{
    struct kit *k = *state;

    write_file(k, "", 0);
    expect_only(k, NJ_PKI_CERTIFICATE, NJ_FILE_EMPTY);
    assert_int_equal(truncate(k->path, (16 << 20) + 1), 0);
    expect_only(k, NJ_PKI_CERTIFICATE, NJ_FILE_TOO_LARGE);
}

static void
der_is_told_with_the_command_that_makes_pem(void **state)
{
    struct kit *k = *state;
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(i2d_X509_bio(bio, k->certificate), 1);
    write_bio(k, bio);
    expect_only(k, NJ_PKI_CERTIFICATE, NJ_FILE_DER);
    assert_non_null(strstr(k->diag.hint, "openssl x509 -inform der -in /tmp/"));
    expect_only(k, NJ_PKI_KEY, NJ_FILE_OTHER_KIND);

    struct nj_pki_file_opts opts = {.wanted = NJ_PKI_CERTIFICATE, .is_der_good = true};
    struct nj_pki_file file;
    assert_int_equal(nj_pki_file_read(&file, k->path, &opts, NULL), NJ_OK);
    assert_int_equal(file.certificate_count, 1);
    nj_pki_file_fini(&file);
}

static void
key_in_place_of_a_certificate_is_told(void **state)
{
    struct kit *k = *state;
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PrivateKey(bio, k->key, NULL, NULL, 0, NULL, NULL), 1);
    write_bio(k, bio);
    expect_only(k, NJ_PKI_CERTIFICATE, NJ_FILE_OTHER_KIND);
    assert_non_null(strstr(k->diag.text, "holds a private key, where a certificate is wanted"));
}

static int
says(void *ctx, const char *path, char *out, int room)
{
    (void)path;
    assert_true(room > (int)strlen(ctx));
    memcpy(out, ctx, strlen(ctx));
    return (int)strlen(ctx);
}

static void
encrypted_key_needs_its_passphrase(void **state)
{
    struct kit *k = *state;
    char right[] = "open sesame";
    char wrong[] = "open rice";
    struct nj_pki_file_opts opts = {.wanted = NJ_PKI_KEY, .passphrase = says};
    struct nj_pki_file file;

    for (int is_old = 0; is_old < 2; is_old++) { /* PKCS#8, and the header of old */
        BIO *bio = BIO_new(BIO_s_mem());

        if (is_old)
            assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, k->key, EVP_aes_128_cbc(),
                                                                  (unsigned char *)right, 11, NULL,
                                                                  NULL),
                             1);
        else
            assert_int_equal(PEM_write_bio_PrivateKey(bio, k->key, EVP_aes_128_cbc(),
                                                      (unsigned char *)right, 11, NULL, NULL),
                             1);
        write_bio(k, bio);
        expect_only(k, NJ_PKI_KEY, NJ_FILE_ENCRYPTED);
        assert_non_null(strstr(k->diag.hint, "openssl pkey -in"));

        opts.passphrase_ctx = wrong;
        assert_int_equal(nj_pki_file_read(&file, k->path, &opts, NULL), NJ_EINVAL);
        assert_int_equal(file.fault, NJ_FILE_PASSPHRASE);
        nj_pki_file_fini(&file);

        opts.passphrase_ctx = right;
        assert_int_equal(nj_pki_file_read(&file, k->path, &opts, NULL), NJ_OK);
        assert_true(file.is_key_encrypted);
        assert_int_equal(EVP_PKEY_eq(file.key, k->key), 1);
        nj_pki_file_fini(&file);
    }
}

static void
cut_and_altered_blocks_are_told(void **state)
{
    struct kit *k = *state;
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    char copy[4096];

    assert_int_equal(PEM_write_bio_X509(bio, k->certificate), 1);
    long n = BIO_get_mem_data(bio, &bytes);
    assert_true(n > 0 && n < (long)sizeof(copy));
    memcpy(copy, bytes, (size_t)n);
    write_file(k, copy, (size_t)n - 40); /* the end is missing */
    expect_only(k, NJ_PKI_CERTIFICATE, NJ_FILE_FOREIGN);
    assert_non_null(strstr(k->diag.text, "cut off"));
    copy[28] = 'N'; /* was the first byte of a SEQUENCE */
    write_file(k, copy, (size_t)n);
    expect_only(k, NJ_PKI_CERTIFICATE, NJ_FILE_BROKEN);
    write_bio(k, bio);
    write_file(k, "<html>404</html>", 16);
    expect_only(k, NJ_PKI_CERTIFICATE, NJ_FILE_FOREIGN);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(certificates_and_key_of_one_file_are_all_there),
        TEST(missing_file_is_told_with_its_neighbour),
        TEST(folder_itself_is_nobodys_neighbour),
        TEST(path_without_its_first_slash_is_recognised),
        TEST(empty_path_is_recognised),
        TEST(file_that_may_not_be_read_names_owner_and_mode),
        TEST(what_is_no_file_is_not_opened),
        TEST(empty_and_too_large_files_are_said),
        TEST(der_is_told_with_the_command_that_makes_pem),
        TEST(key_in_place_of_a_certificate_is_told),
        TEST(encrypted_key_needs_its_passphrase),
        TEST(cut_and_altered_blocks_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
