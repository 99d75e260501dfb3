/* SPDX-License-Identifier: Apache-2.0 */
/* judge.c — a chain, verified as OpenSSL does. OpenSSL goes on after an error as if there were
 * none, so that a second mistake shows behind the first. */
#include "pki/judge_priv.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>

/* Errors of one verification. Beyond that they only repeat themselves. */
#define ERRORS_MAX 24

struct met {
    int error;
    int depth;
    X509 *at_fault; /* counted; NULL */
};

struct meeting {
    struct met at[ERRORS_MAX];
    size_t count;
};

/* Note it, and go on. */
static int
meet(int is_good, X509_STORE_CTX *ctx)
{
    struct meeting *m = X509_STORE_CTX_get_app_data(ctx);
    X509 *x = X509_STORE_CTX_get_current_cert(ctx);

    if (is_good || m->count == ERRORS_MAX)
        return 1;
    if (x != NULL)
        (void)X509_up_ref(x);
    m->at[m->count++] = (struct met){
        .error = X509_STORE_CTX_get_error(ctx),
        .depth = X509_STORE_CTX_get_error_depth(ctx),
        .at_fault = x,
    };
    return 1;
}

static X509_STORE *
make_store(const struct nj_judge_chain *c)
{
    X509_STORE *store = X509_STORE_new();

    if (store == NULL)
        return NULL;
    for (size_t i = 0; i < c->trusted_count; i++)
        (void)X509_STORE_add_cert(store, c->trusted[i]);
    for (size_t i = 0; i < c->crl_count; i++)
        (void)X509_STORE_add_crl(store, c->crls[i]);
    if (c->is_system_store)
        (void)X509_STORE_set_default_paths(store);
    if (c->capath != NULL)
        (void)X509_STORE_load_path(store, c->capath);
    ERR_clear_error();
    return store;
}

static void
set_terms(X509_VERIFY_PARAM *terms, const struct nj_judge_chain *c)
{
    (void)X509_VERIFY_PARAM_set_purpose(terms, c->end == NJ_END_BROKER ? X509_PURPOSE_SSL_SERVER
                                                                       : X509_PURPOSE_SSL_CLIENT);
    X509_VERIFY_PARAM_set_auth_level(terms, 2);
    X509_VERIFY_PARAM_set_time(terms, (time_t)nj_judge_now(c->now_s));
    if (c->crl_count > 0)
        (void)X509_VERIFY_PARAM_set_flags(terms, X509_V_FLAG_CRL_CHECK);
    if (c->host != NULL && c->end == NJ_END_BROKER &&
        X509_VERIFY_PARAM_set1_ip_asc(terms, c->host) != 1)
        (void)X509_VERIFY_PARAM_set1_host(terms, c->host, 0);
}

static void
verify(const struct nj_judge_chain *c, struct meeting *m)
{
    X509_STORE *store = make_store(c);
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *more = sk_X509_new_null();

    for (size_t i = 1; more != NULL && i < c->shown_count; i++)
        (void)sk_X509_push(more, c->shown[i]);
    if (store != NULL && ctx != NULL && more != NULL &&
        X509_STORE_CTX_init(ctx, store, c->shown[0], more) == 1) {
        set_terms(X509_STORE_CTX_get0_param(ctx), c);
        (void)X509_STORE_CTX_set_app_data(ctx, m);
        X509_STORE_CTX_set_verify_cb(ctx, meet);
        (void)X509_verify_cert(ctx);
    }
    sk_X509_free(more);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
}

/* Errors that are there only because the chain could not be built. */
static bool
is_consequence(const struct met *e)
{
    return e->error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
           e->error == X509_V_ERR_UNABLE_TO_GET_CRL;
}

static bool
is_broken_chain(const struct meeting *m)
{
    for (size_t i = 0; i < m->count; i++) {
        switch (m->at[i].error) {
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            return true;
        default:
            break;
        }
    }
    return false;
}

void
nj_judge_keep(struct nj_findings *out, const struct nj_finding *f)
{
    for (size_t i = 0; i < out->count; i++) {
        const struct nj_finding *old = &out->at[i];

        if (old->id == f->id && old->end == f->end &&
            strcmp(old->cert.serial, f->cert.serial) == 0 &&
            strcmp(old->cert.issuer, f->cert.issuer) == 0)
            return;
    }
    struct nj_finding *place = nj_findings_add(out, f->id, f->end);
    if (place != NULL)
        *place = *f;
}

void
nj_judge_chain(struct nj_findings *out, const struct nj_judge_chain *c)
{
    struct meeting m = {.count = 0};
    struct nj_finding f;

    if (c->shown_count == 0)
        return;
    verify(c, &m);
    bool is_broken = is_broken_chain(&m);
    for (size_t i = 0; i < m.count; i++) {
        if (!(is_broken && is_consequence(&m.at[i]))) {
            nj_judge_error(&f, c, m.at[i].error, m.at[i].depth, m.at[i].at_fault);
            nj_judge_keep(out, &f);
        }
        X509_free(m.at[i].at_fault);
    }
}
