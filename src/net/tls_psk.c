/* SPDX-License-Identifier: Apache-2.0 */
/* Pre-shared keys: those of psk_file, or the one of a client. TLS 1.3 takes them for an external
 * PSK with SHA-256, as OpenSSL does for both sides. A listener with keys gives no tickets: the
 * identity must come with every handshake. */
#include "net/tls_priv.h"

#include "base/mem.h"
#include "base/secret.h"
#include "net/psk_file.h"

#include <string.h>

_Static_assert(NJ_PSK_KEY_MAX == PSK_MAX_PSK_LEN && NJ_PSK_IDENTITY_MAX == PSK_MAX_IDENTITY_LEN,
               "as OpenSSL has it");

struct nj_tls_psk {
    struct nj_psk_file *file; /* of a server */
    char *identity;           /* of a client */
    uint8_t key[NJ_PSK_KEY_MAX];
    size_t key_n;
};

bool
nj_tls_psk_is_same(const struct nj_tls_psk *a, const struct nj_tls_psk *b, const char *identity)
{
    uint8_t old[NJ_PSK_KEY_MAX], new[NJ_PSK_KEY_MAX];
    size_t old_n = a != NULL ? nj_psk_file_find(a->file, nj_str_of(identity), old) : 0;
    size_t new_n = nj_psk_file_find(b->file, nj_str_of(identity), new);
    bool is_same = old_n > 0 && old_n == new_n && nj_secret_is_same(old, new, old_n);

    nj_secret_wipe(old, sizeof(old));
    nj_secret_wipe(new, sizeof(new));
    return is_same;
}

/* ---- OpenSSL asks ---- */

static unsigned
on_server_psk(SSL *ssl, const char *identity, uint8_t *out, unsigned n)
{
    struct nj_tls *t = nj_tls_of(ssl);
    uint8_t key[NJ_PSK_KEY_MAX];
    size_t key_n = nj_psk_file_find(t->context->psk->file, nj_str_of(identity), key);

    nj_free(t->psk_identity);
    t->psk_identity = NULL;
    if (key_n == 0 || key_n > n)
        nj_tls_note_identity(t, identity);
    else
        t->psk_identity = nj_str_dup(nj_str_of(identity));
    if (t->psk_identity != NULL)
        memcpy(out, key, key_n);
    nj_secret_wipe(key, sizeof(key));
    return t->psk_identity != NULL ? (unsigned)key_n : 0;
}

static unsigned
on_client_psk(SSL *ssl, const char *hint, char *identity, unsigned identity_n, uint8_t *out,
              unsigned n)
{
    const struct nj_tls_psk *p = nj_tls_of(ssl)->context->psk;
    size_t length = strlen(p->identity);

    (void)hint;
    if (length >= identity_n || p->key_n > n)
        return 0;
    memcpy(identity, p->identity, length + 1);
    memcpy(out, p->key, p->key_n);
    return (unsigned)p->key_n;
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
    size_t identity_n = strlen(o->psk_identity);

    if (identity_n == 0 || identity_n > NJ_PSK_IDENTITY_MAX)
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "Error: What stands after --psk-identity is no name of 1 to %d bytes.",
                            NJ_PSK_IDENTITY_MAX);
    p->key_n = nj_psk_read(nj_str_of(o->psk), p->key);
    if (p->key_n == 0) {
        nj_diag_hint(diag, "A key is written in hex, an even number of digits, up to %d.",
                     NJ_PSK_KEY_MAX * 2);
        return nj_diag_fail(diag, NJ_ECONFIG, "Error: What stands after --psk is not a key.");
    }
    p->identity = nj_str_dup(nj_str_of(o->psk_identity));
    return p->identity != NULL ? NJ_OK : nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
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
        nj_diag_hint(diag, "Add the line: psk_file FILE, with lines IDENTITY:KEY.");
        return nj_diag_fail(diag, NJ_ECONFIG, "Error: psk_hint is set, but not psk_file.");
    }
    x->psk = nj_zalloc(sizeof(*x->psk));
    if (x->psk == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    err = o->psk != NULL ? own_key(x->psk, o, diag)
                         : nj_psk_file_load(&x->psk->file, o->psk_file, diag);
    if (err == NJ_OK && x->psk->file != NULL)
        nj_tls_trust_add(x, nj_psk_file_text(x->psk->file));
    for (size_t i = 0; i < x->shown_count && err == NJ_OK; i++)
        err = offer(x, x->shown[i], o, diag);
    return err;
}

void
nj_tls_psk_free(struct nj_tls_psk *p)
{
    if (p == NULL)
        return;
    nj_psk_file_free(p->file);
    nj_free(p->identity);
    nj_secret_wipe(p->key, sizeof(p->key));
    nj_free(p);
}
