/* SPDX-License-Identifier: Apache-2.0 */
/* Pre-shared keys: lines `identity:key in hex` of psk_file, sorted by identity; or the one key of a
 * client. TLS 1.3 takes them for an external PSK with SHA-256, as OpenSSL does for both sides.
 * A listener with keys gives no tickets: the identity must come with every handshake. */
#include "net/tls_priv.h"

#include "base/mem.h"
#include "base/secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define KEY_MAX_BYTES  PSK_MAX_PSK_LEN
#define FILE_MAX_BYTES (64L * 1024 * 1024)

struct entry {
    char *identity; /* within `text` */
    uint8_t *key;   /* the same: the bytes lie where their digits were */
    uint32_t key_n;
};

struct nj_tls_psk {
    char *text;
    size_t text_n;
    struct entry *entries;
    size_t count;
    const char *hint;
    char hint_text[128 + 1];
};

static int
digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Digits to bytes, in place. How many bytes; 0: not a key. */
static uint32_t
unhex(char *text)
{
    size_t n = strlen(text);

    if (n == 0 || n % 2 != 0 || n / 2 > KEY_MAX_BYTES)
        return 0;
    for (size_t i = 0; i < n; i += 2) {
        int high = digit(text[i]), low = digit(text[i + 1]);

        if (high < 0 || low < 0)
            return 0;
        text[i / 2] = (char)(high << 4 | low);
    }
    return (uint32_t)(n / 2);
}

static int
by_identity(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->identity, ((const struct entry *)b)->identity);
}

static enum nj_err
add(struct nj_tls_psk *p, char *identity, char *key, const char *what, int line,
    struct nj_diag *diag)
{
    struct entry e = {.identity = identity, .key = (uint8_t *)key};

    e.key_n = unhex(key);
    if (e.key_n == 0 || identity[0] == '\0' || strlen(identity) > PSK_MAX_IDENTITY_LEN) {
        nj_diag_hint(diag, "A key is written in hex, an even number of digits, up to %d.",
                     KEY_MAX_BYTES * 2);
        return line > 0 ? nj_diag_fail(diag, NJ_ECONFIG,
                                       "Error: Line %d of psk_file \"%s\" is not identity:key.",
                                       line, what)
                        : nj_diag_fail(diag, NJ_ECONFIG, "Error: %s is not a key.", what);
    }
    p->entries[p->count++] = e;
    return NJ_OK;
}

/* The whole file, NUL-terminated. */
static enum nj_err
read_text(struct nj_tls_psk *p, const char *path, struct nj_diag *diag)
{
    FILE *f = fopen(path, "re");
    struct stat st;

    if (f == NULL)
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to open psk_file \"%s\": %s.", path,
                            strerror(errno));
    if (fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX_BYTES)
        p->text = nj_zalloc((size_t)st.st_size + 1);
    if (p->text != NULL)
        p->text_n = fread(p->text, 1, (size_t)st.st_size, f);
    (void)fclose(f);
    if (p->text == NULL)
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to read psk_file \"%s\".", path);
    return NJ_OK;
}

static enum nj_err
read_file(struct nj_tls_psk *p, const char *path, struct nj_diag *diag)
{
    enum nj_err err = read_text(p, path, diag);
    size_t lines = 1;
    int number = 0;
    char *line, *rest;

    if (err != NJ_OK)
        return err;
    for (size_t i = 0; i < p->text_n; i++)
        lines += p->text[i] == '\n';
    p->entries = nj_alloc_array(lines, sizeof(*p->entries));
    if (p->entries == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    rest = p->text;
    while (err == NJ_OK && (line = strsep(&rest, "\n")) != NULL) {
        char *key = strchr(line, ':');

        number++;
        line[strcspn(line, "\r")] = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (key != NULL)
            *key++ = '\0';
        err = add(p, line, key != NULL ? key : line + strlen(line), path, number, diag);
    }
    qsort(p->entries, p->count, sizeof(*p->entries), by_identity);
    return err;
}

static const struct entry *
find(const struct nj_tls_psk *p, const char *identity)
{
    struct entry wanted = {.identity = (char *)(uintptr_t)identity};

    return bsearch(&wanted, p->entries, p->count, sizeof(wanted), by_identity);
}

bool
nj_tls_psk_is_same(const struct nj_tls_psk *a, const struct nj_tls_psk *b, const char *identity)
{
    const struct entry *x = a != NULL ? find(a, identity) : NULL, *y = find(b, identity);

    return x != NULL && y != NULL && x->key_n == y->key_n &&
           nj_secret_is_same(x->key, y->key, x->key_n);
}

/* ---- OpenSSL asks ---- */

static unsigned
on_server_psk(SSL *ssl, const char *identity, uint8_t *out, unsigned n)
{
    struct nj_tls *t = nj_tls_of(ssl);
    const struct entry *e = find(t->context->psk, identity);

    nj_free(t->psk_identity);
    t->psk_identity = NULL;
    if (e == NULL || e->key_n > n) {
        nj_tls_note_identity(t, identity);
        return 0;
    }
    t->psk_identity = nj_str_dup(nj_str_of(identity));
    if (t->psk_identity == NULL)
        return 0;
    memcpy(out, e->key, e->key_n);
    return e->key_n;
}

static unsigned
on_client_psk(SSL *ssl, const char *hint, char *identity, unsigned identity_n, uint8_t *out,
              unsigned n)
{
    const struct nj_tls_psk *p = nj_tls_of(ssl)->context->psk;
    const struct entry *e = &p->entries[0];
    size_t length = strlen(e->identity);

    (void)hint;
    if (length >= identity_n || e->key_n > n)
        return 0;
    memcpy(identity, e->identity, length + 1);
    memcpy(out, e->key, e->key_n);
    return e->key_n;
}

/* TLS 1.3: the handshake goes on from a key; 1.2: the cipher says what it was made with. */
static bool
is_open_by_key(const SSL *ssl)
{
    switch (SSL_CIPHER_get_kx_nid(SSL_get_current_cipher(ssl))) {
    case NID_kx_psk:
    case NID_kx_dhe_psk:
    case NID_kx_ecdhe_psk:
    case NID_kx_rsa_psk:
        return true;
    default:
        return SSL_version(ssl) == TLS1_3_VERSION && SSL_session_reused(ssl) == 1;
    }
}

void
nj_tls_psk_settle(struct nj_tls *t)
{
    if (t->psk_identity == NULL || is_open_by_key(t->ssl))
        return;
    nj_free(t->psk_identity);
    t->psk_identity = NULL;
}

/* ---- loading ---- */

static enum nj_err
own_key(struct nj_tls_psk *p, const struct nj_tls_opts *o, struct nj_diag *diag)
{
    size_t identity_n = strlen(o->psk_identity) + 1, key_n = strlen(o->psk) + 1;

    p->text_n = identity_n + key_n;
    p->text = nj_alloc(p->text_n);
    p->entries = nj_alloc_array(1, sizeof(*p->entries));
    if (p->text == NULL || p->entries == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    memcpy(p->text, o->psk_identity, identity_n);
    memcpy(p->text + identity_n, o->psk, key_n);
    return add(p, p->text, p->text + identity_n, "What stands after --psk", 0, diag);
}

static enum nj_err
offer(struct nj_tls_context *x, SSL_CTX *ssl, const struct nj_tls_opts *o, struct nj_diag *diag)
{
    if (x->role == NJ_TLS_CLIENT) {
        SSL_CTX_set_psk_client_callback(ssl, on_client_psk);
    } else {
        SSL_CTX_set_psk_server_callback(ssl, on_server_psk);
        (void)SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
        (void)SSL_CTX_set_num_tickets(ssl, 0);
        if (SSL_CTX_use_psk_identity_hint(ssl, o->psk_hint) != 1)
            return nj_diag_fail(diag, NJ_ECONFIG, "Error: psk_hint is longer than %d bytes.",
                                PSK_MAX_IDENTITY_LEN);
    }
    /* OpenSSL's list for TLS 1.2 has ciphers with certificates alone in front, which is right where
     * there is one; without, only those with a key are of use. */
    if (o->ciphers == NULL && o->pair_count == 0 && SSL_CTX_set_cipher_list(ssl, "PSK") != 1)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    return NJ_OK;
}

enum nj_err
nj_tls_psk_load(struct nj_tls_context *x, const struct nj_tls_opts *o, struct nj_diag *diag)
{
    enum nj_err err;

    if (o->psk == NULL && o->psk_hint == NULL)
        return NJ_OK;
    if (o->psk == NULL && o->psk_file == NULL) {
        nj_diag_hint(diag, "Add the line: psk_file FILE, with lines identity:key.");
        return nj_diag_fail(diag, NJ_ECONFIG, "Error: psk_hint is set, but not psk_file.");
    }
    x->psk = nj_zalloc(sizeof(*x->psk));
    if (x->psk == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    err = o->psk != NULL ? own_key(x->psk, o, diag) : read_file(x->psk, o->psk_file, diag);
    if (err == NJ_OK)
        nj_tls_trust_add(x, (struct nj_str){x->psk->text, x->psk->text_n});
    for (size_t i = 0; i < x->shown_count && err == NJ_OK; i++)
        err = offer(x, x->shown[i], o, diag);
    return err;
}

void
nj_tls_psk_free(struct nj_tls_psk *p)
{
    if (p == NULL)
        return;
    if (p->text != NULL)
        OPENSSL_cleanse(p->text, p->text_n);
    nj_free(p->text);
    nj_free(p->entries);
    nj_free(p);
}
