/* SPDX-License-Identifier: Apache-2.0 */
/* file.c — bytes from the disk, then block by block. OpenSSL's PEM reader finds the blocks; each
 * key is read once more by its own reader, which knows all ways of encrypting it. OpenSSL's queue
 * of errors is left empty. */
#include "pki/file.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "base/regular.h"
#include "base/secret.h"
#include "base/shell.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX  (16u << 20)
#define ITEMS_MAX 16384u /* certificates, or CRLs; all public CAs together are 150 */

struct reading {
    struct nj_pki_file *file;
    const struct nj_pki_file_opts *opts;
    struct nj_diag *diag;
    bool was_asked; /* for a passphrase */
    bool had_one;
    const char *odd; /* what else the file holds; NULL */
};

/* ---- saying what is wrong ---- */

static const char *
kind_name(unsigned kinds)
{
    if (kinds & NJ_PKI_CERTIFICATE)
        return "a certificate";
    if (kinds & NJ_PKI_KEY)
        return "a private key";
    if (kinds & NJ_PKI_CRL)
        return "a certificate revocation list";
    return "a signing request";
}

static void
add_count(char *out, size_t room, size_t count, const char *one, const char *many)
{
    size_t n = strlen(out);
    const char *between = n > 0 ? " and " : "";

    if (count == 1)
        (void)snprintf(out + n, room - n, "%s%s", between, one);
    else if (count > 1)
        (void)snprintf(out + n, room - n, "%s%zu %s", between, count, many);
}

const char *
nj_pki_file_contents(const struct nj_pki_file *file, char *out, size_t room)
{
    out[0] = '\0';
    add_count(out, room, file->certificate_count, "a certificate", "certificates");
    add_count(out, room, file->key_count,
              file->is_key_encrypted ? "an encrypted key" : "a private key", "private keys");
    add_count(out, room, file->request != NULL, "a signing request", "");
    add_count(out, room, file->crl_count, "a certificate revocation list",
              "certificate revocation lists");
    if (out[0] == '\0')
        (void)snprintf(out, room, "nothing");
    return out;
}

static enum nj_err
fail(struct reading *r, enum nj_file_fault fault, enum nj_err err)
{
    r->file->fault = fault;
    return err;
}

/* A file of nearly this name in the same directory; false: there is none. */
static bool
find_neighbour(const char *path, char *out, size_t room)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    struct nj_nearest near = nj_nearest_to(nj_str_of(base));
    char folder[512];
    int n = slash == NULL ? 0 : (int)(slash + 1 - path);

    if (n >= (int)sizeof(folder))
        return false;
    (void)snprintf(folder, sizeof(folder), "%.*s", n, n > 0 ? path : "");
    DIR *dir = opendir(n > 0 ? folder : ".");
    if (dir == NULL)
        return false;
    unsigned seen = 0;
    for (struct dirent *e = readdir(dir); e != NULL && seen < 1000; e = readdir(dir), seen++) {
        const char *before = near.name;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        nj_nearest_try(&near, e->d_name);
        if (near.name != before) { /* the entry is lent until the next one only */
            (void)snprintf(out, room, "%s%s", folder, e->d_name);
            near.name = strrchr(out, '/') != NULL ? strrchr(out, '/') + 1 : out;
        }
    }
    (void)closedir(dir);
    return near.name != NULL;
}

static enum nj_err
say_missing(struct reading *r)
{
    const char *path = r->file->path;
    char other[1024];
    char cwd[512];

    (void)nj_diag_fail(r->diag, NJ_ENOENT, "%s: %s", path, strerror(r->file->error));
    if (path[0] == '\0') {
        nj_diag_hint(r->diag, "the path is empty: is a variable of the shell not set?");
        return fail(r, NJ_FILE_MISSING, NJ_ENOENT);
    }
    if (path[0] != '/') {
        (void)snprintf(other, sizeof(other), "/%s", path);
        if (access(other, F_OK) == 0) {
            nj_diag_hint(r->diag, "the path lacks its first slash: %s", other);
            return fail(r, NJ_FILE_MISSING, NJ_ENOENT);
        }
    }
    if (find_neighbour(path, other, sizeof(other)))
        nj_diag_hint(r->diag, "did you mean %s?", other);
    else if (path[0] != '/' && getcwd(cwd, sizeof(cwd)) != NULL)
        nj_diag_hint(r->diag, "the path is relative: it was looked for in %s", cwd);
    return fail(r, NJ_FILE_MISSING, NJ_ENOENT);
}

static const char *
user_name(uid_t uid, char *out, size_t room)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char buffer[1024];

    if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL)
        (void)snprintf(out, room, "%s", found->pw_name);
    else
        (void)snprintf(out, room, "user %u", (unsigned)uid);
    return out;
}

/* The first directory on the way that this process may not pass; false: none. */
static bool
find_barrier(const char *path, char *out, size_t room)
{
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        if ((size_t)(slash - path) >= room)
            return false;
        (void)snprintf(out, room, "%.*s", (int)(slash - path), path);
        if (eaccess(out, X_OK) != 0)
            return true;
    }
    return false;
}

static enum nj_err
say_unreadable(struct reading *r)
{
    const struct nj_pki_file *file = r->file;
    char me[64];
    char owner[64];
    char at[512];
    char to[sizeof(me)];
    char word[512];

    (void)user_name(geteuid(), me, sizeof(me));
    if (file->error == EACCES && find_barrier(file->path, at, sizeof(at))) {
        (void)nj_diag_fail(r->diag, NJ_ESYS, "%s: %s: %s may not enter the directory %s",
                           file->path, strerror(file->error), me, at);
        nj_diag_hint(r->diag, "chmod o+x %s", nj_shell_word(word, sizeof(word), nj_str_of(at)));
    } else if (file->error == EACCES || file->error == EPERM) {
        (void)nj_diag_fail(
            r->diag, NJ_ESYS,
            "%s: %s: it belongs to %s, its mode is %04o, and this process runs as %s", file->path,
            strerror(file->error), user_name(file->owner, owner, sizeof(owner)),
            (unsigned)file->mode & 07777u, me);
        (void)nj_shell_word(word, sizeof(word), nj_str_of(file->path));
        if (file->owner == geteuid())
            nj_diag_hint(r->diag, "chmod u+r %s", word);
        else
            nj_diag_hint(r->diag, "chown %s %s", nj_shell_word(to, sizeof(to), nj_str_of(me)),
                         word);
    } else {
        (void)nj_diag_fail(r->diag, NJ_ESYS, "%s: %s", file->path, strerror(file->error));
    }
    return fail(r, NJ_FILE_UNREADABLE, NJ_ESYS);
}

static enum nj_err
say_not_regular(struct reading *r, mode_t mode)
{
    const char *what = S_ISDIR(mode) ? "a directory" : "not a regular file";

    (void)nj_diag_fail(r->diag, NJ_ESYS, "%s is %s, where a file with %s is wanted", r->file->path,
                       what, kind_name(r->opts->wanted));
    if (S_ISDIR(mode) && (r->opts->wanted & NJ_PKI_CERTIFICATE))
        nj_diag_hint(r->diag, "a directory of CA certificates is given by capath (--capath)");
    return fail(r, NJ_FILE_NOT_REGULAR, NJ_ESYS);
}

static enum nj_err
say_der(struct reading *r)
{
    const struct nj_pki_file *file = r->file;
    const char *tool = file->holds & NJ_PKI_CERTIFICATE ? "x509"
                       : file->holds & NJ_PKI_KEY       ? "pkey"
                       : file->holds & NJ_PKI_CRL       ? "crl"
                                                        : "req";
    char from[512];
    char pem[512];
    char to[512];

    (void)snprintf(pem, sizeof(pem), "%s.pem", file->path);
    (void)nj_diag_fail(r->diag, NJ_EINVAL, "%s holds %s in DER; only PEM is read here", file->path,
                       kind_name(file->holds));
    nj_diag_hint(r->diag, "openssl %s -inform der -in %s -out %s", tool,
                 nj_shell_word(from, sizeof(from), nj_str_of(file->path)),
                 nj_shell_word(to, sizeof(to), nj_str_of(pem)));
    return fail(r, NJ_FILE_DER, NJ_EINVAL);
}

static enum nj_err
say_other_kind(struct reading *r)
{
    const struct nj_pki_file *file = r->file;
    unsigned wanted = r->opts->wanted;
    char contents[128];
    char word[512];

    (void)nj_diag_fail(r->diag, NJ_EINVAL, "%s holds %s, where %s is wanted", file->path,
                       nj_pki_file_contents(file, contents, sizeof(contents)), kind_name(wanted));
    if ((wanted & NJ_PKI_CERTIFICATE) && (file->holds & NJ_PKI_REQUEST))
        nj_diag_hint(r->diag, "nightjar pki sign %s",
                     nj_shell_word(word, sizeof(word), nj_str_of(file->path)));
    else if ((wanted & NJ_PKI_CERTIFICATE) && (file->holds & NJ_PKI_KEY))
        nj_diag_hint(r->diag, "give the certificate (.crt) here, and hand keys to nobody");
    else if ((wanted & NJ_PKI_KEY) && (file->holds & NJ_PKI_CERTIFICATE))
        nj_diag_hint(r->diag, "give the private key (.key) that belongs to this certificate here");
    return fail(r, NJ_FILE_OTHER_KIND, NJ_EINVAL);
}

static enum nj_err
say_foreign(struct reading *r, struct nj_str bytes)
{
    const char *path = r->file->path;
    const char *what = r->odd;
    char word[512];

    if (what == NULL && bytes.n >= 2 &&
        (memcmp(bytes.p, "\xff\xfe", 2) == 0 || memcmp(bytes.p, "\xfe\xff", 2) == 0))
        what = "text in UTF-16, as an editor of Windows saves it";
    if (what == NULL && memmem(bytes.p, bytes.n, "-----BEGIN ", 11) != NULL)
        what = "a block of PEM without its end: it was cut off, or its lines were altered";
    (void)nj_diag_fail(r->diag, NJ_EINVAL, "%s holds no PEM with %s%s%s", path,
                       kind_name(r->opts->wanted), what != NULL ? ", but " : "",
                       what != NULL ? what : "");
    nj_shell_word(word, sizeof(word), nj_str_of(path));
    if (r->odd != NULL && strstr(r->odd, "PKCS#12") != NULL) {
        nj_diag_hint(r->diag, "openssl pkcs12 -in %s -nodes -out %s.pem", word, word);
    } else if (r->odd != NULL && strstr(r->odd, "PKCS#7") != NULL) {
        nj_diag_hint(r->diag, "openssl pkcs7 -in %s -print_certs -out %s.pem", word, word);
    } else {
        nj_diag_hint(r->diag, "copy the file again from where it was made");
    }
    return fail(r, NJ_FILE_FOREIGN, NJ_EINVAL);
}

static enum nj_err
say_broken(struct reading *r, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    (void)nj_diag_fail(r->diag, NJ_EINVAL, "%s: %s that cannot be decoded%s%s%s", r->file->path,
                       what, reason != NULL ? " (" : "", reason != NULL ? reason : "",
                       reason != NULL ? ")" : "");
    nj_diag_hint(r->diag, "copy the file again from where it was made");
    return fail(r, NJ_FILE_BROKEN, NJ_EINVAL);
}

static enum nj_err
say_closed_key(struct reading *r)
{
    char from[512];
    char open[512];
    char to[512];

    (void)snprintf(open, sizeof(open), "%s.open", r->file->path);
    (void)nj_diag_fail(r->diag, NJ_EINVAL,
                       r->had_one ? "%s: the passphrase does not open this key"
                                  : "%s: the key is encrypted, and nobody gave its passphrase",
                       r->file->path);
    nj_diag_hint(r->diag, "openssl pkey -in %s -out %s && chmod 600 %s",
                 nj_shell_word(from, sizeof(from), nj_str_of(r->file->path)),
                 nj_shell_word(to, sizeof(to), nj_str_of(open)), to);
    return fail(r, r->had_one ? NJ_FILE_PASSPHRASE : NJ_FILE_ENCRYPTED, NJ_EINVAL);
}

/* ---- taking in what was decoded ---- */

/* `array` of pointers with room for one more than `count`; it doubles at powers of two. NULL:
 * there is no memory, or there are too many, and the array is as it was. */
static void *
with_room(void *array, size_t count)
{
    if ((count & (count - 1)) != 0)
        return array;
    return count < ITEMS_MAX ? nj_realloc(array, (count == 0 ? 1 : count * 2) * sizeof(void *))
                             : NULL;
}

static enum nj_err
take_certificate(struct nj_pki_file *file, X509 *certificate)
{
    struct x509_st **array = with_room((void *)file->certificates, file->certificate_count);

    if (array == NULL) {
        X509_free(certificate);
        return NJ_ENOMEM;
    }
    array[file->certificate_count++] = certificate;
    file->certificates = array;
    file->holds |= NJ_PKI_CERTIFICATE;
    return NJ_OK;
}

static enum nj_err
take_crl(struct nj_pki_file *file, X509_CRL *crl)
{
    struct X509_crl_st **array = with_room((void *)file->crls, file->crl_count);

    if (array == NULL) {
        X509_CRL_free(crl);
        return NJ_ENOMEM;
    }
    array[file->crl_count++] = crl;
    file->crls = array;
    file->holds |= NJ_PKI_CRL;
    return NJ_OK;
}

static enum nj_err
take_request(struct nj_pki_file *file, X509_REQ *request)
{
    if (file->request == NULL)
        file->request = request;
    else
        X509_REQ_free(request);
    file->holds |= NJ_PKI_REQUEST;
    return NJ_OK;
}

static enum nj_err
take_key(struct nj_pki_file *file, EVP_PKEY *key)
{
    if (file->key == NULL)
        file->key = key;
    else
        EVP_PKEY_free(key);
    file->holds |= NJ_PKI_KEY;
    file->key_count++;
    return NJ_OK;
}

/* ---- PEM ---- */

/* OpenSSL's pem_password_cb. Without us it would ask at the terminal. */
static int
passphrase(char *out, int room, int is_for_writing, void *ctx)
{
    struct reading *r = ctx;

    (void)is_for_writing;
    r->was_asked = true;
    int n = r->opts->passphrase != NULL
                ? r->opts->passphrase(r->opts->passphrase_ctx, r->file->path, out, room)
                : -1;
    r->had_one = n >= 0;
    return n;
}

/* `block` is the whole block, from BEGIN to END. A key that stays closed is no failure here: what
 * is wanted decides. */
static enum nj_err
read_key_block(struct reading *r, struct nj_str block)
{
    BIO *bio = BIO_new_mem_buf(block.p, (int)block.n);

    if (bio == NULL)
        return NJ_ENOMEM;
    r->was_asked = false;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, passphrase, r);
    BIO_free(bio);
    if (r->was_asked)
        r->file->is_key_encrypted = true;
    if (key != NULL)
        return take_key(r->file, key);
    if (!r->was_asked)
        return say_broken(r, "a private key");
    r->file->holds |= NJ_PKI_KEY;
    r->file->key_count++;
    return NJ_OK;
}

static enum nj_err
read_block(struct reading *r, const char *name, struct nj_str block, const unsigned char *der,
           long n)
{
    X509 *certificate;
    X509_CRL *crl;
    X509_REQ *request;

    if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0) {
        certificate = d2i_X509(NULL, &der, n);
        return certificate != NULL ? take_certificate(r->file, certificate)
                                   : say_broken(r, "a certificate");
    }
    if (strcmp(name, PEM_STRING_X509_TRUSTED) == 0) {
        certificate = d2i_X509_AUX(NULL, &der, n);
        return certificate != NULL ? take_certificate(r->file, certificate)
                                   : say_broken(r, "a certificate");
    }
    if (strcmp(name, PEM_STRING_X509_CRL) == 0) {
        crl = d2i_X509_CRL(NULL, &der, n);
        return crl != NULL ? take_crl(r->file, crl)
                           : say_broken(r, "a certificate revocation list");
    }
    if (strcmp(name, PEM_STRING_X509_REQ) == 0 || strcmp(name, PEM_STRING_X509_REQ_OLD) == 0) {
        request = d2i_X509_REQ(NULL, &der, n);
        return request != NULL ? take_request(r->file, request)
                               : say_broken(r, "a signing request");
    }
    size_t length = strlen(name);
    if (strcmp(name, "OPENSSH PRIVATE KEY") == 0)
        r->odd = "a key of OpenSSH, which TLS has no use for";
    else if (length >= 11 && strcmp(name + length - 11, "PRIVATE KEY") == 0)
        return read_key_block(r, block);
    else if (strcmp(name, PEM_STRING_PUBLIC) == 0)
        r->odd = "a public key, which is neither a certificate nor a private key";
    else if (strcmp(name, PEM_STRING_PKCS7) == 0)
        r->odd = "a PKCS#7 bundle (.p7b)";
    return NJ_OK; /* EC PARAMETERS, DH PARAMETERS and the like */
}

static enum nj_err
read_pem(struct reading *r, struct nj_str bytes)
{
    BIO *bio = BIO_new_mem_buf(bytes.p, (int)bytes.n);
    enum nj_err err = NJ_OK;
    unsigned char *der = NULL;
    char *name = NULL;
    char *header = NULL;
    long n = 0;

    if (bio == NULL)
        return NJ_ENOMEM;
    while (err == NJ_OK) {
        size_t from = bytes.n - BIO_ctrl_pending(bio);

        if (PEM_read_bio(bio, &name, &header, &der, &n) != 1)
            break;
        size_t to = bytes.n - BIO_ctrl_pending(bio);
        err = read_block(r, name, (struct nj_str){bytes.p + from, to - from}, der, n);
        OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
        OPENSSL_free(name);
        OPENSSL_free(header);
    }
    if (err == NJ_OK && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE &&
        r->file->holds != 0)
        err = say_broken(r, "a block of PEM");
    BIO_free(bio);
    return err;
}

/* ---- DER ---- */

/* Whether a decoder that began at `bytes` has taken all of them. */
static bool
is_all(struct nj_str bytes, const unsigned char *at)
{
    return at == (const unsigned char *)bytes.p + bytes.n;
}

static enum nj_err
read_der(struct reading *r, struct nj_str bytes)
{
    const unsigned char *begin_reading = (const unsigned char *)bytes.p;
    const unsigned char *at = begin_reading;
    long n = (long)bytes.n;

    if (n == 0 || begin_reading[0] != 0x30) /* a SEQUENCE, all of them */
        return NJ_OK;
    r->file->is_der = true;
    X509 *certificate = d2i_X509(NULL, &at, n);
    if (certificate != NULL && is_all(bytes, at))
        return take_certificate(r->file, certificate);
    X509_free(certificate);
    at = begin_reading;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, n);
    if (crl != NULL)
        return take_crl(r->file, crl);
    at = begin_reading;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, n);
    if (request != NULL)
        return take_request(r->file, request);
    at = begin_reading;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, n);
    if (key != NULL)
        return take_key(r->file, key);
    at = begin_reading;
    PKCS12 *bundle = d2i_PKCS12(NULL, &at, n);
    if (bundle != NULL)
        r->odd = "a PKCS#12 bundle (.p12, .pfx)";
    PKCS12_free(bundle);
    r->file->is_der = false;
    return NJ_OK;
}

/* ---- the whole ---- */

static enum nj_err
judge_contents(struct reading *r, struct nj_str bytes)
{
    const struct nj_pki_file *file = r->file;

    if (file->holds == 0)
        return say_foreign(r, bytes);
    if ((file->holds & r->opts->wanted) == 0)
        return say_other_kind(r);
    if (file->is_der && !r->opts->is_der_good)
        return say_der(r);
    if ((r->opts->wanted & NJ_PKI_KEY) && file->key_count > 0 && file->key == NULL &&
        (file->holds & r->opts->wanted) == NJ_PKI_KEY)
        return say_closed_key(r);
    return NJ_OK;
}

static enum nj_err
parse(struct reading *r, struct nj_str bytes)
{
    enum nj_err err;

    if (bytes.n == 0) {
        (void)nj_diag_fail(r->diag, NJ_EINVAL, "%s is empty", r->file->path);
        nj_diag_hint(r->diag, "copy the file again from where it was made");
        return fail(r, NJ_FILE_EMPTY, NJ_EINVAL);
    }
    if (bytes.n > FILE_MAX) {
        (void)nj_diag_fail(r->diag, NJ_EQUOTA,
                           "%s has more than %u MiB; no file of certificates has", r->file->path,
                           FILE_MAX >> 20);
        return fail(r, NJ_FILE_TOO_LARGE, NJ_EQUOTA);
    }
    ERR_clear_error();
    err = read_pem(r, bytes);
    if (err == NJ_OK && r->file->holds == 0 && r->odd == NULL)
        err = read_der(r, bytes);
    if (err == NJ_OK)
        err = judge_contents(r, bytes);
    ERR_clear_error();
    return err;
}

/* All of it, or one byte more than it may have. */
static enum nj_err
read_open(struct reading *r, int fd, size_t size)
{
    struct nj_secret bytes = {0};
    enum nj_err err;

    if (!nj_secret_init(&bytes, NJ_MIN(size, (size_t)FILE_MAX) + 1))
        return NJ_ENOMEM;
    if (nj_regular_read(fd, bytes.p, &bytes.n)) {
        err = parse(r, nj_secret_lend(&bytes));
    } else {
        r->file->error = errno;
        err = say_unreadable(r);
    }
    nj_secret_fini(&bytes);
    return err;
}

static enum nj_err
begin_reading(struct reading *r, struct nj_pki_file *out, const char *path,
              const struct nj_pki_file_opts *opts, struct nj_diag *diag)
{
    *out = (struct nj_pki_file){.path = nj_str_dup(nj_str_of(path))};
    *r = (struct reading){.file = out, .opts = opts, .diag = diag};
    return out->path != NULL ? NJ_OK : nj_diag_fail(diag, NJ_ENOMEM, "%s: out of memory", path);
}

enum nj_err
nj_pki_file_parse(struct nj_pki_file *out, const char *path, struct nj_str bytes,
                  const struct nj_pki_file_opts *opts, struct nj_diag *diag)
{
    struct reading r;
    enum nj_err err = begin_reading(&r, out, path, opts, diag);

    return err == NJ_OK ? parse(&r, bytes) : err;
}

enum nj_err
nj_pki_file_read(struct nj_pki_file *out, const char *path, const struct nj_pki_file_opts *opts,
                 struct nj_diag *diag)
{
    struct reading r;
    struct stat st;
    enum nj_err err = begin_reading(&r, out, path, opts, diag);

    if (err != NJ_OK)
        return err;
    if (stat(path, &st) == 0) {
        out->mode = st.st_mode;
        out->owner = st.st_uid;
        out->group = st.st_gid;
        if (!S_ISREG(st.st_mode)) /* not even opened: a device may act on that */
            return say_not_regular(&r, st.st_mode);
    }
    int fd = nj_regular_open(path, 0, &st);
    if (fd < 0 && errno == 0) /* it was one just now */
        return say_not_regular(&r, st.st_mode);
    if (fd < 0) {
        out->error = errno;
        return errno == ENOENT || errno == ENOTDIR ? say_missing(&r) : say_unreadable(&r);
    }
    err = read_open(&r, fd, (size_t)st.st_size);
    (void)close(fd);
    if (err == NJ_ENOMEM)
        (void)nj_diag_fail(diag, NJ_ENOMEM, "%s: out of memory", path);
    return err;
}

void
nj_pki_file_fini(struct nj_pki_file *file)
{
    for (size_t i = 0; i < file->certificate_count; i++)
        X509_free(file->certificates[i]);
    for (size_t i = 0; i < file->crl_count; i++)
        X509_CRL_free(file->crls[i]);
    EVP_PKEY_free(file->key);
    X509_REQ_free(file->request);
    nj_free((void *)file->certificates);
    nj_free((void *)file->crls);
    nj_free(file->path);
    *file = (struct nj_pki_file){0};
}
