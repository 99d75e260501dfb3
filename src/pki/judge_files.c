/* SPDX-License-Identifier: Apache-2.0 */
/* judge_files.c — each end by itself; then what one would say to what the other shows. */
#include "pki/judge_side_priv.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static bool
has_trust(const struct nj_judge_side *s)
{
    if (s->given->cafile != NULL)
        return s->has_ca; /* else it would not even start */
    if (s->given->capath != NULL)
        return nj_judge_capath(s->given->capath) == NJ_FINDING_NONE;
    return s->end == NJ_END_CLIENT || s->given->use_os_certs;
}

/* A key of its own that cannot be used ends it before anything is shown. */
static bool
can_show(const struct nj_judge_side *s)
{
    return s->has_certificate && s->has_key &&
           X509_check_private_key(s->certificate.certificates[0], s->key.key) == 1;
}

static void
judge_shown(struct nj_findings *out, const struct nj_judge_side *shows,
            const struct nj_judge_side *judges, const char *host)
{
    bool is_blank = judges->given->cafile == NULL && judges->given->capath == NULL;
    const struct nj_judge_chain c = {
        .end = shows->end,
        .shown = shows->certificate.certificates,
        .shown_count = shows->certificate.certificate_count,
        .shown_file = shows->given->certfile,
        .trusted = judges->ca.certificates,
        .trusted_count = judges->has_ca ? judges->ca.certificate_count : 0,
        .trusted_file = judges->given->cafile,
        .capath = judges->given->capath,
        .is_system_store = is_blank || judges->given->use_os_certs,
        .crls = judges->crl.crls,
        .crl_count = judges->has_crl ? judges->crl.crl_count : 0,
        .crl_file = judges->given->crlfile,
        .host = shows->end == NJ_END_BROKER ? host : NULL,
        .now_s = judges->given->now_s,
        .passed_s = judges->given->passed_s,
    };

    nj_judge_chain(out, &c);
    ERR_clear_error();
}

static void
check_user_name(struct nj_findings *out, const struct nj_judge_side *client)
{
    X509 *x = client->certificate.certificates[0];
    struct nj_finding f;

    if (X509_NAME_get_index_by_NID(X509_get_subject_name(x), NID_commonName, -1) >= 0)
        return;
    nj_finding_init(&f, NJ_FINDING_NO_COMMON_NAME, NJ_END_CLIENT);
    f.depth = 0;
    nj_cert_facts_read(&f.cert, x);
    nj_judge_place(&f, client->given->certfile);
    nj_finding_cause(
        &f,
        "the client's certificate has no common name (%s), and the broker takes the user "
        "name from it (use_identity_as_username)",
        f.cert.subject);
    nj_judge_side_reissue(&f, client);
    nj_judge_keep(out, &f);
}

static void
judge_both(struct nj_findings *out, const struct nj_judge_side *broker,
           const struct nj_judge_side *client, const char *host)
{
    if (can_show(broker) && has_trust(client))
        judge_shown(out, broker, client, host);
    if (broker->given->require_certificate && client->given->certfile == NULL &&
        client->given->keyfile == NULL) {
        (void)nj_findings_add(out, NJ_FINDING_NO_CERTIFICATE, NJ_END_CLIENT);
        return;
    }
    if (can_show(client) && has_trust(broker))
        judge_shown(out, client, broker, NULL);
    if (can_show(client) && broker->given->use_identity_as_username)
        check_user_name(out, client);
}

void
nj_judge_files(struct nj_findings *out, const struct nj_judge_end *broker,
               const struct nj_judge_end *client, const char *host)
{
    struct nj_judge_side b = {.end = NJ_END_BROKER, .given = broker, .host = host};
    struct nj_judge_side c = {.end = NJ_END_CLIENT, .given = client, .host = host};

    if (broker != NULL)
        nj_judge_side_alone(out, &b);
    if (client != NULL)
        nj_judge_side_alone(out, &c);
    if (broker != NULL && client != NULL) {
        judge_both(out, &b, &c, host);
    } else {
        nj_judge_side_chain(out, broker != NULL ? &b : &c);
        nj_judge_side_path(out, broker != NULL ? &b : &c);
    }
    nj_judge_side_close(&b);
    nj_judge_side_close(&c);
}

bool
nj_judge_is_for(const char *certfile, const char *host)
{
    const struct nj_pki_file_opts opts = {.wanted = NJ_PKI_CERTIFICATE};
    struct nj_pki_file file;
    bool is_for =
        nj_pki_file_read(&file, certfile, &opts, NULL) == NJ_OK &&
        (nj_judge_is_address(host) ? X509_check_ip_asc(file.certificates[0], host, 0) == 1
                                   : X509_check_host(file.certificates[0], host, 0, 0, NULL) == 1);

    nj_pki_file_fini(&file);
    return is_for;
}
