/* SPDX-License-Identifier: Apache-2.0 */
/* What a listener is told about TLS: the options with a meaning of their own, and what they must be
 * as a whole. The files themselves are read when the broker starts (net/tls.h). */
#include "base/mem.h"
#include "config/draft.h"
#include "config/value.h"

/* The next of up to NJ_LISTENER_CERTS_MAX. */
static enum nj_err
append(char *list[NJ_LISTENER_CERTS_MAX], unsigned *count, const char *as, struct nj_str value,
       struct nj_diag *diag)
{
    struct nj_str text;
    enum nj_err err = nj_value_text(&text, as, value, diag);

    if (err != NJ_OK)
        return err;
    if (*count == NJ_LISTENER_CERTS_MAX)
        return nj_diag_fail(diag, NJ_ECONFIG, "Error: A listener can have %d '%s' lines at most.",
                            NJ_LISTENER_CERTS_MAX, as);
    list[*count] = nj_str_dup(text);
    if (list[*count] == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    (*count)++;
    return NJ_OK;
}

enum nj_err
nj_set_certfile(struct nj_draft *d, const struct nj_option *o, const char *as, struct nj_str value,
                struct nj_diag *diag)
{
    struct nj_listener_tls *t = &d->listeners[d->current].files;

    (void)o;
    return append(t->certfiles, &t->cert_count, as, value, diag);
}

enum nj_err
nj_set_keyfile(struct nj_draft *d, const struct nj_option *o, const char *as, struct nj_str value,
               struct nj_diag *diag)
{
    struct nj_listener_tls *t = &d->listeners[d->current].files;

    (void)o;
    return append(t->keyfiles, &t->key_count, as, value, diag);
}

enum nj_err
nj_set_psk_file(struct nj_draft *d, const struct nj_option *o, const char *as, struct nj_str value,
                struct nj_diag *diag)
{
    char **slot = d->is_per_listener ? &d->listeners[d->current].files.psk_file : &d->psk_file;

    return nj_option_store(o, slot, as, value, diag);
}

/* It is a minimum; those that are older than the oldest we speak ask for nothing we could give. */
enum nj_err
nj_set_tls_version(struct nj_draft *d, const struct nj_option *o, const char *as,
                   struct nj_str value, struct nj_diag *diag)
{
    struct nj_str word = nj_value_word(&value);
    bool is_old = nj_str_eq(word, NJ_STR("tlsv1.1")) || nj_str_eq(word, NJ_STR("tlsv1"));
    bool is_1_3 = nj_str_eq(word, NJ_STR("tlsv1.3"));

    if (word.n == 0)
        return nj_value_empty(as, diag);
    if (!is_old && !is_1_3 && !nj_str_eq(word, NJ_STR("tlsv1.2")))
        return nj_value_invalid(as, o->form, word, diag);
    if (is_old)
        nj_log(NJ_LOG_WARNING,
               "Warning: '%s %" NJ_STR_FMT "': TLS 1.2 is the oldest version that is spoken.", as,
               NJ_STR_ARG(word));
    d->listeners[d->current].files.only_1_3 = is_1_3;
    return NJ_OK;
}

enum nj_err
nj_set_tls_keyform(struct nj_draft *d, const struct nj_option *o, const char *as,
                   struct nj_str value, struct nj_diag *diag)
{
    struct nj_str word = nj_value_word(&value);
    bool in_engine = nj_str_eq(word, NJ_STR("engine"));

    if (word.n == 0)
        return nj_value_empty(as, diag);
    if (!in_engine && !nj_str_eq(word, NJ_STR("pem")))
        return nj_value_invalid(as, o->form, word, diag);
    d->listeners[d->current].files.key_in_engine = in_engine;
    return NJ_OK;
}

static enum nj_err
fail(struct nj_diag *diag, const char *text)
{
    return nj_diag_fail(diag, NJ_ECONFIG, "%s", text);
}

enum nj_err
nj_listener_tls_check(const struct nj_listener_tls *t, struct nj_diag *diag)
{
    bool has_ca = t->cafile != NULL || t->capath != NULL;

    if (t->cert_count != t->key_count)
        return fail(diag, "Error: Both certfile and keyfile must be provided to enable a TLS "
                          "listener.");
    if (t->psk_hint != NULL && (t->cert_count > 0 || has_ca))
        return fail(diag, "Error: Cannot use both certificate and PSK encryption in one listener.");
    if (has_ca && t->cert_count == 0)
        return fail(diag, "Error: cafile specified without certfile and keyfile.");
    if (t->require_certificate && t->cert_count > 0 && !has_ca) {
        nj_diag_hint(diag, "Add the line: cafile FILE, with the certificate of the CA that signs "
                           "the clients' certificates.");
        return fail(diag, "Error: require_certificate is set, but neither cafile nor capath: every "
                          "client would be refused.");
    }
    if (t->psk_hint != NULL && t->psk_file == NULL) {
        nj_diag_hint(diag, "Add the line: psk_file FILE, with lines IDENTITY:KEY.");
        return fail(diag, "Error: psk_hint is set, but not psk_file.");
    }
    if (t->engine != NULL && !t->key_in_engine)
        nj_log(NJ_LOG_WARNING, "Warning: tls_engine %s is not used without 'tls_keyform engine'.",
               t->engine);
    return NJ_OK;
}

bool
nj_listener_tls_is_on(const struct nj_listener_tls *t)
{
    return t->cert_count > 0 || t->psk_hint != NULL;
}

void
nj_listener_tls_free(struct nj_listener_tls *t)
{
    char *texts[] = {t->cafile,       t->capath, t->crlfile,           t->ocspfile, t->ciphers,
                     t->ciphersuites, t->engine, t->engine_kpass_sha1, t->psk_hint, t->psk_file};

    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++)
        nj_free(texts[i]);
    for (unsigned i = 0; i < t->cert_count; i++)
        nj_free(t->certfiles[i]);
    for (unsigned i = 0; i < t->key_count; i++)
        nj_free(t->keyfiles[i]);
}
