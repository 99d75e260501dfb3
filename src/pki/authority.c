/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/authority_priv.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/save.h"
#include "base/shell.h"
#include "pki/file.h"
#include "pki/key_priv.h"
#include "pki/passphrase.h"
#include "pki/profile_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_MAX      256
#define DAY_S        86400
#define BACK_S       3600 /* how far a certificate begins in the past, for clocks that are behind */
#define SERIAL_BYTES 16

/* --- files --- */

void
nj_authority_path(const struct nj_authority *authority, char out[NJ_WHERE_SIZE], const char *folder,
                  const char *file)
{
    (void)snprintf(out, NJ_WHERE_SIZE, "%s%s%s/%s", authority->dir, folder != NULL ? "/" : "",
                   folder != NULL ? folder : "", file);
}

enum nj_err
nj_certificate_save(X509 *certificate, const char *path, bool is_replacing, struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_bio) BIO *bio = BIO_new(BIO_s_mem());

    if (bio == NULL || PEM_write_bio_X509(bio, certificate) != 1)
        return nj_openssl_fail(diag, "write the certificate");
    return nj_save(path, nj_bio_str(bio), NJ_SAVE_PUBLIC, is_replacing, diag);
}

enum nj_err
nj_certificate_read(X509 **out, const char *path, struct nj_diag *diag)
{
    const struct nj_pki_file_opts opts = {.wanted = NJ_PKI_CERTIFICATE, .is_der_good = true};
    struct nj_pki_file file;
    enum nj_err err = nj_pki_file_read(&file, path, &opts, diag);

    if (err == NJ_OK) {
        *out = file.certificates[0];
        (void)X509_up_ref(*out);
    }
    nj_pki_file_fini(&file);
    return err;
}

time_t
nj_certificate_time(const ASN1_TIME *time)
{
    struct tm tm;

    return ASN1_TIME_to_tm(time, &tm) == 1 ? timegm(&tm) : 0;
}

void
nj_serial_print(const ASN1_INTEGER *serial, char out[NJ_SERIAL_SIZE])
{
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *text = number != NULL ? BN_bn2hex(number) : NULL;

    (void)snprintf(out, NJ_SERIAL_SIZE, "%s", text != NULL && *text != '\0' ? text : "00");
    OPENSSL_free(text);
    BN_free(number);
}

void
nj_subject_print(const X509_NAME *name, char out[NJ_SUBJECT_SIZE])
{
    if (X509_NAME_oneline(name, out, NJ_SUBJECT_SIZE) == NULL)
        out[0] = '\0';
}

/* --- parts of a certificate --- */

/* One more than the last, which is what stands in ca.srl: as `openssl x509 -CAserial` counts. */
static enum nj_err
next_of_file(const char *path, BIGNUM **out, struct nj_diag *diag)
{
    struct nj_secret text = {0};
    NJ_CLEANUP(nj_drop_bn) BIGNUM *number = NULL;
    enum nj_err err = nj_save_read(&text, path, 256, diag);
    char *digits, line[NJ_SERIAL_SIZE];

    if (err != NJ_OK)
        return err;
    (void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(text.p, "\r\n"), text.p);
    nj_secret_fini(&text);
    if (line[0] == '-' || BN_hex2bn(&number, line) != (int)strlen(line) || line[0] == '\0') {
        nj_diag_hint(diag, "Remove it, and serial numbers are random.");
        return nj_diag_fail(diag, NJ_EINVAL, "%s holds no serial number", path);
    }
    if (BN_add_word(number, 1) != 1 || BN_num_bytes(number) > 20)
        return nj_diag_fail(diag, NJ_EINVAL, "%s holds the last serial number there is", path);
    digits = BN_bn2hex(number);
    if (digits == NULL)
        return nj_openssl_fail(diag, "count the serial number on");
    (void)snprintf(line, sizeof(line), "%s\n", digits);
    OPENSSL_free(digits);
    err = nj_save(path, nj_str_of(line), NJ_SAVE_PUBLIC, true, diag);
    if (err != NJ_OK)
        return err;
    *out = number;
    number = NULL;
    return NJ_OK;
}

/* Random, positive, and always of the same length. */
static BIGNUM *
random_serial(void)
{
    unsigned char bytes[SERIAL_BYTES];

    nj_rand_system(bytes, sizeof(bytes));
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
    return BN_bin2bn(bytes, sizeof(bytes), NULL);
}

enum nj_err
nj_authority_set_serial(struct nj_authority *authority, X509 *certificate, struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_bn) BIGNUM *number = NULL;
    char path[NJ_WHERE_SIZE];

    nj_authority_path(authority, path, NULL, "ca.srl");
    if (access(path, F_OK) == 0) {
        enum nj_err err = next_of_file(path, &number, diag);

        if (err != NJ_OK)
            return err;
    } else {
        number = random_serial();
    }
    if (number == NULL || BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) == NULL)
        return nj_openssl_fail(diag, "set the serial number");
    return NJ_OK;
}

enum nj_err
nj_authority_set_dates(X509 *certificate, time_t from, time_t until, struct nj_diag *diag)
{
    if (ASN1_TIME_set(X509_getm_notBefore(certificate), from) == NULL ||
        ASN1_TIME_set(X509_getm_notAfter(certificate), until) == NULL)
        return nj_openssl_fail(diag, "set the dates");
    return NJ_OK;
}

/* --- the lock --- */

/* Of the folder itself: nothing is left behind, and a reader needs no right to write. */
static enum nj_err
lock(struct nj_authority *a, struct nj_diag *diag)
{
    a->lock = open(a->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (a->lock >= 0 && flock(a->lock, LOCK_EX) == 0) {
        (void)nj_save_sweep(a->dir);
        return NJ_OK;
    }
    return nj_diag_fail(diag, NJ_ESYS, "cannot lock the folder %s: %s", a->dir, strerror(errno));
}

/* --- open and close --- */

static enum nj_err
new_authority(struct nj_authority **out, const struct nj_authority_opts *opts, struct nj_diag *diag)
{
    struct nj_authority *a;

    if (strlen(opts->dir) > DIR_MAX || opts->dir[0] == '\0')
        return nj_diag_fail(diag, NJ_EINVAL, "the name of the authority's folder is %s",
                            opts->dir[0] == '\0' ? "empty" : "longer than 256 bytes");
    a = nj_zalloc(sizeof(*a));
    if (a == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "no memory for the authority");
    a->dir = opts->dir;
    a->passin = opts->passin;
    a->explain.out = opts->explain;
    a->lock = -1;
    *out = a;
    return NJ_OK;
}

void
nj_authority_close(struct nj_authority *authority)
{
    if (authority == NULL)
        return;
    if (authority->lock >= 0)
        (void)close(authority->lock);
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
    nj_ca_ledger_fini(&authority->ledger);
    nj_free(authority);
}

const char *
nj_authority_dir_option(const char *dir, char out[NJ_DIR_OPTION_SIZE])
{
    char word[NJ_DIR_OPTION_SIZE - 8];

    out[0] = '\0';
    if (strcmp(dir, NJ_AUTHORITY_DIR) != 0)
        (void)snprintf(out, NJ_DIR_OPTION_SIZE, " --dir %s",
                       nj_shell_word(word, sizeof(word), nj_str_of(dir)));
    return out;
}

static enum nj_err
load(struct nj_authority *a, struct nj_diag *diag)
{
    char path[NJ_WHERE_SIZE], option[NJ_DIR_OPTION_SIZE];
    enum nj_err err;

    nj_authority_path(a, path, NULL, "ca.crt");
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        nj_diag_hint(diag, "Make one: nightjar pki init%s",
                     nj_authority_dir_option(a->dir, option));
        return nj_diag_fail(diag, NJ_ENOENT, "there is no authority in %s: no ca.crt", a->dir);
    }
    err = nj_certificate_read(&a->certificate, path, diag);
    if (err != NJ_OK)
        return err;
    if (X509_check_ca(a->certificate) == 0) {
        nj_diag_hint(diag,
                     "basicConstraints must say CA:TRUE, and keyUsage allow to sign "
                     "certificates. `nightjar pki init --force%s` makes a new authority.",
                     nj_authority_dir_option(a->dir, option));
        return nj_diag_fail(diag, NJ_EINVAL,
                            "%s is no certificate of an authority: what it signed "
                            "would be refused everywhere",
                            path);
    }
    nj_subject_print(X509_get_subject_name(a->certificate), a->subject);
    nj_authority_path(a, path, NULL, "index.txt");
    return nj_ca_ledger_read(&a->ledger, path, diag);
}

enum nj_err
nj_authority_open(struct nj_authority **out, const struct nj_authority_opts *opts,
                  struct nj_diag *diag)
{
    struct nj_authority *a = NULL;
    enum nj_err err = new_authority(&a, opts, diag);

    if (a == NULL)
        return err;
    if (!opts->is_reader && access(opts->dir, F_OK) == 0)
        err = lock(a, diag);
    if (err == NJ_OK)
        err = load(a, diag);
    if (err != NJ_OK) {
        nj_authority_close(a);
        return err;
    }
    *out = a;
    return NJ_OK;
}

const char *
nj_authority_subject(const struct nj_authority *authority)
{
    return authority->subject;
}

time_t
nj_authority_expires(const struct nj_authority *authority)
{
    return nj_certificate_time(X509_get0_notAfter(authority->certificate));
}

enum nj_err
nj_authority_save_index(struct nj_authority *authority, struct nj_diag *diag)
{
    char path[NJ_WHERE_SIZE];

    nj_authority_path(authority, path, NULL, "index.txt");
    return nj_ca_ledger_save(&authority->ledger, path, diag);
}

/* --- the private key --- */

static int
answer_for_key(void *ctx, const char *path, char *out, int room)
{
    struct nj_authority *a = ctx;
    struct nj_secret phrase = {0};
    char prompt[NJ_WHERE_SIZE + 32];
    int n = -1;

    if (a->no_phrase.text[0] != '\0')
        return -1; /* OpenSSL asks again */
    (void)snprintf(prompt, sizeof(prompt), "Pass phrase of %s", path);
    if (nj_passphrase_get(&phrase, a->passin, prompt, false, &a->no_phrase) == NJ_OK &&
        phrase.n <= (size_t)room) {
        memcpy(out, phrase.p, phrase.n);
        n = (int)phrase.n;
    }
    nj_secret_fini(&phrase);
    return n;
}

/* Why the key stayed closed, if it was for want of a pass phrase: what openssl can do about it is
 * no help here. */
static bool
say_no_phrase(const struct nj_authority *a, struct nj_diag *diag)
{
    if (a->no_phrase.text[0] == '\0')
        return false;
    *diag = a->no_phrase;
    return true;
}

static enum nj_err
read_key(struct nj_authority *a, struct nj_diag *diag)
{
    const struct nj_pki_file_opts opts = {.wanted = NJ_PKI_KEY,
                                          .is_der_good = true,
                                          .passphrase = answer_for_key,
                                          .passphrase_ctx = a};
    char path[NJ_WHERE_SIZE];
    char word[NJ_WHERE_SIZE];
    struct nj_pki_file file;
    enum nj_err err;

    nj_authority_path(a, path, NULL, "ca.key");
    err = nj_pki_file_read(&file, path, &opts, diag);
    if (err != NJ_OK && !say_no_phrase(a, diag) && file.fault == NJ_FILE_PASSPHRASE)
        nj_diag_hint(diag, "It is the one that was given when the authority was made.");
    if (err == NJ_OK && X509_check_private_key(a->certificate, file.key) != 1) {
        nj_diag_hint(diag, "Find the ca.key that was made together with this ca.crt.");
        err =
            nj_diag_fail(diag, NJ_EINVAL, "%s/ca.key is not the key of %s/ca.crt", a->dir, a->dir);
    }
    if (err == NJ_OK) {
        if ((file.mode & 077) != 0)
            nj_log_line(NJ_LOG_WARNING,
                        "Warning: others may read %s; whoever has it can make certificates that "
                        "everybody here trusts: chmod 600 %s",
                        path, nj_shell_word(word, sizeof(word), nj_str_of(path)));
        a->key = file.key;
        (void)EVP_PKEY_up_ref(a->key);
    }
    nj_pki_file_fini(&file);
    return err;
}

enum nj_err
nj_authority_unlock(struct nj_authority *authority, struct nj_diag *diag)
{
    char option[NJ_DIR_OPTION_SIZE];

    if (X509_cmp_current_time(X509_get0_notAfter(authority->certificate)) < 0) {
        nj_diag_hint(diag, "nightjar pki renew --ca%s",
                     nj_authority_dir_option(authority->dir, option));
        return nj_diag_fail(diag, NJ_EINVAL,
                            "the authority's own certificate has expired: what it "
                            "signs would be refused everywhere");
    }
    return authority->key != NULL ? NJ_OK : read_key(authority, diag);
}

/* --- the authority's own certificate --- */

static enum nj_err
set_name(X509_NAME *name, const char *text, struct nj_diag *diag)
{
    enum nj_err err = nj_names_check_text(nj_str_of(text), "the authority's name", diag);

    if (err != NJ_OK)
        return err;
    if (text[0] == '\0' || X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                                      (const unsigned char *)text, -1, -1, 0) != 1)
        return nj_diag_fail(diag, NJ_EINVAL,
                            "'%.80s' cannot be the name of an authority: 1 to 64 "
                            "letters of UTF-8",
                            text);
    return NJ_OK;
}

/* Another one on every machine and every day: two authorities of one name and two keys are a
 * mistake that is hard to find. */
static const char *
default_name(char *out, size_t bytes)
{
    char host[33], day[16];
    time_t now = time(NULL);
    struct tm tm;

    if (gethostname(host, sizeof(host)) != 0)
        (void)snprintf(host, sizeof(host), "unknown");
    host[sizeof(host) - 1] = '\0';
    (void)strftime(day, sizeof(day), "%Y-%m-%d", gmtime_r(&now, &tm));
    (void)snprintf(out, bytes, "nightjar CA of %s, %s", host, day);
    return out;
}

/* `was`: the one that it follows; NULL: it is the first. */
static enum nj_err
make_self(struct nj_authority *a, const X509_NAME *name, X509 *was, unsigned days, X509 **out,
          struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_x509) X509 *made = X509_new();
    time_t now = time(NULL);
    enum nj_err err;

    if (made == NULL || X509_set_version(made, X509_VERSION_3) != 1 ||
        X509_set_subject_name(made, name) != 1 || X509_set_issuer_name(made, name) != 1 ||
        X509_set_pubkey(made, a->key) != 1)
        return nj_openssl_fail(diag, "make the authority's certificate");
    err = nj_authority_set_serial(a, made, diag);
    if (err == NJ_OK)
        err = nj_authority_set_dates(
            made, now - BACK_S, now + (time_t)(days != 0 ? days : NJ_AUTHORITY_DAYS) * DAY_S, diag);
    if (err == NJ_OK)
        err = nj_profile_authority(made, was, diag);
    if (err != NJ_OK)
        return err;
    nj_explain_certificate(&a->explain, made);
    if (X509_sign(made, a->key, nj_key_hash(a->key)) == 0)
        return nj_openssl_fail(diag, "sign the authority's certificate");
    nj_explain_certificate_signature(&a->explain, made, a->key);
    *out = made;
    made = NULL;
    return NJ_OK;
}

/* A key alone, and an index without a line, are what an init leaves that was killed. */
static enum nj_err
refuse_existing_authority(const struct nj_authority *a, struct nj_diag *diag)
{
    char path[NJ_WHERE_SIZE];
    struct stat st;

    nj_authority_path(a, path, NULL, "ca.crt");
    if (access(path, F_OK) != 0) {
        nj_authority_path(a, path, NULL, "index.txt");
        if (stat(path, &st) != 0 || st.st_size == 0)
            return NJ_OK;
    }
    nj_diag_hint(diag, "With --force it is replaced, and all that it issued is worth nothing.");
    return nj_diag_fail(diag, NJ_EEXIST, "there is an authority in %s already: %s", a->dir, path);
}

static enum nj_err
make_key(struct nj_authority *a, const struct nj_authority_plan *plan, const char *path,
         struct nj_diag *diag)
{
    const struct nj_pki_file_opts opts = {
        .wanted = NJ_PKI_KEY,
        .passphrase = plan->is_encrypted ? answer_for_key : NULL,
        .passphrase_ctx = a,
    };
    struct nj_secret phrase = {0};
    enum nj_err err;

    if (!plan->is_replacing && access(path, F_OK) == 0) {
        err = nj_key_find(&a->key, path, plan->key, &opts, diag);
        if (err != NJ_OK)
            (void)say_no_phrase(a, diag);
        return err;
    }
    err = nj_key_make(&a->key, plan->key, diag);
    if (err == NJ_OK && plan->is_encrypted)
        err = nj_passphrase_get(&phrase, a->passin, "New pass phrase for the authority's key", true,
                                diag);
    if (err == NJ_OK)
        err = nj_key_save(a->key, NJ_KEY_PKCS8, nj_secret_lend(&phrase), path, plan->is_replacing,
                          diag);
    nj_secret_fini(&phrase);
    return err;
}

/* The certificate last: with it there is an authority. */
static enum nj_err
make(struct nj_authority *a, const struct nj_authority_plan *plan, struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_x509_name) X509_NAME *name = X509_NAME_new();
    char path[NJ_WHERE_SIZE], spare[80];
    enum nj_err err;

    if (name == NULL)
        return nj_openssl_fail(diag, "make the authority");
    err =
        set_name(name, plan->name != NULL ? plan->name : default_name(spare, sizeof(spare)), diag);
    nj_authority_path(a, path, NULL, "ca.key");
    if (err == NJ_OK)
        err = make_key(a, plan, path, diag);
    if (err != NJ_OK)
        return err;
    nj_explain_key(&a->explain, a->key, path);
    err = make_self(a, name, NULL, plan->days, &a->certificate, diag);
    if (err == NJ_OK)
        err = nj_authority_save_index(a, diag);
    if (err == NJ_OK)
        err = nj_authority_write_crl(a, 0, diag);
    if (err != NJ_OK)
        return err;
    nj_subject_print(X509_get_subject_name(a->certificate), a->subject);
    nj_authority_path(a, path, NULL, "ca.crt");
    return nj_certificate_save(a->certificate, path, plan->is_replacing, diag);
}

enum nj_err
nj_authority_init(struct nj_authority **out, const struct nj_authority_opts *opts,
                  const struct nj_authority_plan *plan, struct nj_diag *diag)
{
    struct nj_authority *a = NULL;
    enum nj_err err = new_authority(&a, opts, diag);

    if (a == NULL)
        return err;
    err = nj_save_folder(a->dir, diag);
    if (err == NJ_OK)
        err = lock(a, diag);
    if (err == NJ_OK && !plan->is_replacing)
        err = refuse_existing_authority(a, diag);
    if (err == NJ_OK)
        err = make(a, plan, diag);
    if (err != NJ_OK) {
        nj_authority_close(a);
        return err;
    }
    *out = a;
    return NJ_OK;
}

/* --- renewed --- */

/* Into every folder that has a copy, so that each stays complete. */
static enum nj_err
spread(struct nj_authority *a, struct nj_diag *diag)
{
    enum nj_err err = NJ_OK;

    for (size_t i = 0; err == NJ_OK && i < a->ledger.count; i++) {
        struct nj_str file = a->ledger.line[i].column[NJ_LEDGER_FILE];
        const char *slash = memrchr(file.p, '/', file.n);
        char folder[128], path[NJ_WHERE_SIZE];

        if (slash == NULL || file.p[0] == '/' || file.n > sizeof(folder))
            continue;
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - file.p), file.p);
        nj_authority_path(a, path, folder, "ca.crt");
        if (strstr(folder, "..") == NULL && access(path, F_OK) == 0)
            err = nj_certificate_save(a->certificate, path, true, diag);
    }
    return err;
}

enum nj_err
nj_authority_renew_self(struct nj_authority *authority, unsigned days, struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_x509) X509 *made = NULL;
    char path[NJ_WHERE_SIZE];
    X509 *was = authority->certificate;
    enum nj_err err = authority->key != NULL ? NJ_OK : read_key(authority, diag);

    if (err != NJ_OK)
        return err;
    if (X509_NAME_cmp(X509_get_subject_name(was), X509_get_issuer_name(was)) != 0)
        return nj_diag_fail(diag, NJ_EINVAL,
                            "the authority's certificate was issued by another "
                            "authority, which alone can renew it");
    err = make_self(authority, X509_get_subject_name(was), was, days, &made, diag);
    if (err != NJ_OK)
        return err;
    nj_authority_path(authority, path, NULL, "ca.crt");
    err = nj_certificate_save(made, path, true, diag);
    if (err != NJ_OK)
        return err;
    authority->certificate = made;
    made = was;
    err = spread(authority, diag);
    /* The list ends with the old certificate. */
    return err == NJ_OK ? nj_authority_write_crl(authority, 0, diag) : err;
}
