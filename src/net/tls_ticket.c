/* SPDX-License-Identifier: Apache-2.0 */
/* A ticket is a session, sealed for ourselves and kept by the client. (RFC 5077, 4; RFC
 * 8446, 4.6.1)
 *
 * The keys are a context's own, made with it. So after a reload no ticket of before resumes: a
 * client whose certificate was revoked meanwhile shows it again, and is refused. And they are
 * changed while the context stays, since who gets hold of one reads what it has sealed: tickets are
 * taken for as long as they are valid, not longer than two changes.
 *
 * Sealed with the session is until when it counts: two hours after the certificate was shown, and
 * never longer than that certificate, those it was verified by and the lists of revoked ones. TLS
 * 1.3 gives a new ticket at each return, so without this one could come back for ever (RFC 8446,
 * 4.6.1). */
#include "net/tls_priv.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/mutex.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <string.h>

struct nj_tls_tickets {
    EVP_CIPHER *cipher;   /* looked up once: for each ticket it would cost as much as sealing it */
    struct nj_mutex lock; /* held to copy or to change keys */
    struct nj_tls_ticket_key now, before;
    nj_time change_at;
};

static bool
make_key(struct nj_tls_ticket_key *k)
{
    return RAND_priv_bytes((uint8_t *)k, sizeof(*k)) == 1;
}

struct nj_tls_tickets *
nj_tls_tickets_new(void)
{
    struct nj_tls_tickets *t = nj_zalloc(sizeof(*t));

    if (t == NULL)
        return NULL;
    nj_mutex_init(&t->lock);
    t->change_at = nj_time_after_s(nj_clock_monotonic_ms(), NJ_TLS_TICKET_S);
    t->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    if (t->cipher == NULL || !make_key(&t->now) || !make_key(&t->before)) {
        nj_tls_tickets_free(t);
        return NULL;
    }
    return t;
}

void
nj_tls_tickets_free(struct nj_tls_tickets *t)
{
    if (t == NULL)
        return;
    EVP_CIPHER_free(t->cipher);
    nj_mutex_fini(&t->lock);
    OPENSSL_cleanse(&t->now, sizeof(t->now));
    OPENSSL_cleanse(&t->before, sizeof(t->before));
    nj_free(t);
}

/* Under the lock. Without fresh bytes the old key stays. */
static void
change_when_due(struct nj_tls_tickets *t, nj_time now)
{
    struct nj_tls_ticket_key fresh;

    if (now < t->change_at || !make_key(&fresh))
        return;
    t->before = t->now;
    t->now = fresh;
    t->change_at = nj_time_after_s(now, NJ_TLS_TICKET_S);
    OPENSSL_cleanse(&fresh, sizeof(fresh));
}

enum nj_tls_ticket_age
nj_tls_tickets_find(struct nj_tls_tickets *t, const uint8_t *name, nj_time now,
                    struct nj_tls_ticket_key *out)
{
    enum nj_tls_ticket_age age = NJ_TLS_TICKET_UNKNOWN;

    nj_mutex_lock(&t->lock);
    change_when_due(t, now);
    if (name == NULL || memcmp(name, t->now.name, sizeof(t->now.name)) == 0) {
        *out = t->now;
        age = NJ_TLS_TICKET_CURRENT;
    } else if (memcmp(name, t->before.name, sizeof(t->before.name)) == 0) {
        *out = t->before;
        age = NJ_TLS_TICKET_OLD;
    }
    nj_mutex_unlock(&t->lock);
    return age;
}

static bool
use_key(struct nj_tls_tickets *t, struct nj_tls_ticket_key *k, uint8_t *iv, EVP_CIPHER_CTX *cipher,
        EVP_MAC_CTX *mac, int is_sealing)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof(k->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_CipherInit_ex(cipher, t->cipher, NULL, k->cipher, iv, is_sealing) == 1 &&
           EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* ---- until when a session counts ---- */

/* False: nothing is said, so it is none that has come by a ticket. */
static bool
find_end(SSL_SESSION *session, int64_t *until_s)
{
    void *data = NULL;
    size_t n = 0;

    if (SSL_SESSION_get0_ticket_appdata(session, &data, &n) != 1 || n != sizeof(*until_s))
        return false;
    memcpy(until_s, data, sizeof(*until_s));
    return true;
}

int
nj_tls_on_ticket_sealing(SSL *ssl, void *arg)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    int64_t until_s;

    (void)arg;
    if (!find_end(session, &until_s)) {
        until_s = NJ_MIN((int64_t)SSL_SESSION_get_time(session) + NJ_TLS_TICKET_S,
                         nj_tls_proof_ends_s(nj_tls_of(ssl)));
        if (SSL_SESSION_set1_ticket_appdata(session, &until_s, sizeof(until_s)) != 1)
            return 0;
    }
    /* Told to the client, sealed too, and looked at by OpenSSL when it is shown. */
    (void)SSL_SESSION_set_timeout(session,
                                  NJ_MAX(until_s - (int64_t)SSL_SESSION_get_time(session), 1));
    return 1;
}

/* ---- sealing ---- */

/* -1: it cannot be done; 0: the ticket is none of ours; 1: go on; 2: go on, and give a new one. */
int
nj_tls_on_ticket(SSL *ssl, uint8_t *name, uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                 int is_sealing)
{
    struct nj_tls_tickets *t = nj_tls_of(ssl)->context->tickets;
    struct nj_tls_ticket_key k;
    enum nj_tls_ticket_age age =
        nj_tls_tickets_find(t, is_sealing ? NULL : name, nj_clock_monotonic_ms(), &k);
    bool is_used;

    if (age == NJ_TLS_TICKET_UNKNOWN)
        return 0;
    if (is_sealing)
        memcpy(name, k.name, sizeof(k.name));
    is_used = (!is_sealing || RAND_bytes(iv, EVP_CIPHER_get_iv_length(t->cipher)) == 1) &&
              use_key(t, &k, iv, cipher, mac, is_sealing);
    OPENSSL_cleanse(&k, sizeof(k));
    if (!is_used)
        return -1;
    return age == NJ_TLS_TICKET_OLD ? 2 : 1;
}
