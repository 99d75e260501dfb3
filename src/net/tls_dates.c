/* SPDX-License-Identifier: Apache-2.0 */
/* What a context is made of and when it ends, for whoever warns of it; and how long one may come
 * back by ticket: not longer than all that let it in would let it in again. */
#include "net/tls_priv.h"

#include "base/mem.h"
#include "pki/file.h"
#include "pki/finding.h"

#include <string.h>

static int64_t
seconds(const ASN1_TIME *at)
{
    return at != NULL ? nj_cert_time_s(at) : INT64_MAX;
}

static enum nj_err
add_date(struct nj_tls_context *x, enum nj_tls_dated what, const char *file, const X509_NAME *name,
         int64_t from_s, int64_t until_s)
{
    struct nj_tls_date *grown = nj_realloc(x->dates, (x->date_count + 1) * sizeof(*grown));
    struct nj_tls_date *d;

    if (grown == NULL)
        return NJ_ENOMEM;
    x->dates = grown;
    d = &grown[x->date_count++];
    *d = (struct nj_tls_date){.what = what,
                              .file = nj_str_dup(nj_str_of(file)),
                              .name = nj_tls_print_name(name),
                              .from_s = from_s,
                              .until_s = until_s};
    return d->file != NULL && d->name != NULL ? NJ_OK : NJ_ENOMEM;
}

enum nj_err
nj_tls_date_certificates(struct nj_tls_context *x, const char *path, const struct nj_pki_file *file)
{
    const X509 *first = file->certificates[0];
    int64_t until_s = INT64_MAX;

    for (size_t i = 0; i < file->certificate_count; i++)
        until_s = NJ_MIN(until_s, seconds(X509_get0_notAfter(file->certificates[i])));
    return add_date(x, NJ_TLS_DATED_CERTIFICATE, path, X509_get_subject_name(first),
                    seconds(X509_get0_notBefore(first)), until_s);
}

enum nj_err
nj_tls_date_authority(struct nj_tls_context *x, const char *path, const X509 *ca)
{
    return add_date(x, NJ_TLS_DATED_AUTHORITY, path, X509_get_subject_name(ca),
                    seconds(X509_get0_notBefore(ca)), seconds(X509_get0_notAfter(ca)));
}

enum nj_err
nj_tls_date_list(struct nj_tls_context *x, const char *path, const X509_CRL *list)
{
    return add_date(x, NJ_TLS_DATED_LIST, path, X509_CRL_get_issuer(list),
                    seconds(X509_CRL_get0_lastUpdate(list)),
                    seconds(X509_CRL_get0_nextUpdate(list)));
}

/* Of several answers in it, the one that ends first; one that does not say when counts for ever. */
enum nj_err
nj_tls_date_response(struct nj_tls_context *x, const char *path, OCSP_RESPONSE *response)
{
    const X509 *about = SSL_CTX_get0_certificate(x->shown[0]);
    OCSP_BASICRESP *answers = OCSP_response_get1_basic(response); /* NULL where it is an error */
    int64_t from_s = 0, until_s = INT64_MAX;

    for (int i = 0; answers != NULL && i < OCSP_resp_count(answers); i++) {
        ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;

        (void)OCSP_single_get0_status(OCSP_resp_get0(answers, i), NULL, NULL, &from, &until);
        if (until == NULL || seconds(until) >= until_s)
            continue;
        from_s = seconds(from);
        until_s = seconds(until);
    }
    OCSP_BASICRESP_free(answers);
    if (until_s == INT64_MAX || about == NULL)
        return NJ_OK;
    return add_date(x, NJ_TLS_DATED_RESPONSE, path, X509_get_subject_name(about), from_s, until_s);
}

void
nj_tls_dates_free(struct nj_tls_context *x)
{
    for (size_t i = 0; i < x->date_count; i++) {
        nj_free(x->dates[i].file);
        nj_free(x->dates[i].name);
    }
    nj_free(x->dates);
}

const struct nj_tls_date *
nj_tls_context_dates(const struct nj_tls_context *x, size_t *count)
{
    *count = x->date_count;
    return x->dates;
}

/* The peer's certificate was verified by these, its own among them; without one it is for ever. */
static int64_t
chain_ends_s(const struct nj_tls *t)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(t->ssl);
    int64_t until_s = INT64_MAX;

    for (int i = 0; i < sk_X509_num(chain) && !t->context->ignore_dates; i++)
        until_s = NJ_MIN(until_s, seconds(X509_get0_notAfter(sk_X509_value(chain, i))));
    return until_s;
}

int64_t
nj_tls_proof_ends_s(const struct nj_tls *t)
{
    const struct nj_tls_context *x = t->context;
    int64_t until_s = chain_ends_s(t);

    if (SSL_get0_peer_certificate(t->ssl) == NULL)
        return INT64_MAX;
    for (size_t i = 0; i < x->date_count; i++)
        if (x->dates[i].what == NJ_TLS_DATED_LIST)
            until_s = NJ_MIN(until_s, x->dates[i].until_s);
    return until_s;
}
