/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_own.c — the client's own certificate and key: can they be used, and does the broker take
 * them? */
#include "cmd/doctor_live.h"

#include "net/tls_fault.h"
#include "pki/file.h"

#include <string.h>

void
nj_visit_judge_own(const struct nj_visit *v, struct nj_findings *out)
{
    const struct nj_judge_end client = nj_doctor_client(v->asked);
    const struct nj_judge_end own = {.certfile = client.certfile,
                                     .keyfile = client.keyfile,
                                     .key_in_engine = client.key_in_engine,
                                     .cafile = client.cafile,
                                     .passphrase = client.passphrase,
                                     .passphrase_ctx = client.passphrase_ctx};
    const struct nj_pki_file_opts opts = {.wanted = NJ_PKI_CERTIFICATE};
    struct nj_pki_file certs = {0};
    struct nj_pki_file ca = {0};

    if (nj_doctor_judge_with_listener(out, v->asked, v->opts.port))
        return;
    nj_judge_files(out, NULL, &own, NULL);
    if (v->asked->cert != NULL && v->asked->cafile != NULL &&
        nj_pki_file_read(&certs, v->asked->cert, &opts, NULL) == NJ_OK &&
        nj_pki_file_read(&ca, v->asked->cafile, &opts, NULL) == NJ_OK) {
        const struct nj_judge_chain chain = {
            .end = NJ_END_CLIENT,
            .shown = certs.certificates,
            .shown_count = certs.certificate_count,
            .shown_file = v->asked->cert,
            .trusted = ca.certificates,
            .trusted_count = ca.certificate_count,
            .trusted_file = v->asked->cafile,
        };

        nj_judge_chain(out, &chain);
    }
    nj_pki_file_fini(&certs);
    nj_pki_file_fini(&ca);
}

static void
say_diag(struct nj_visit *v, enum nj_finding_id id, const struct nj_diag *diag)
{
    struct nj_finding *f = nj_visit_found(v, id, NJ_END_CLIENT);
    const char *text = diag->text + (strncmp(diag->text, "Error: ", 7) == 0 ? 7 : 0);
    size_t n = strlen(text);

    if (f == NULL)
        return;
    nj_finding_cause(f, "%.*s", (int)(n > 0 && text[n - 1] == '.' ? n - 1 : n), text);
    if (diag->hint[0] != '\0')
        nj_finding_mend(f, "%s", diag->hint);
}

static bool
is_about(const struct nj_finding *f, const char *path)
{
    return path != NULL && f->end == NJ_END_CLIENT && f->severity == NJ_SEVERITY_FAULT &&
           strcmp(f->file, path) == 0;
}

/* What is wrong with certificate or key was said of the files. */
static bool
is_said(const struct nj_visit *v)
{
    const struct nj_findings *all = &v->report->findings;

    for (size_t i = 0; i < all->count; i++) {
        if (is_about(&all->at[i], v->asked->cert) || is_about(&all->at[i], v->asked->key))
            return true;
    }
    return false;
}

void
nj_visit_try_own(struct nj_visit *v)
{
    const struct nj_tls_opts pair = {
        .role = NJ_TLS_CLIENT,
        .pairs = v->tls.pairs,
        .pair_count = v->tls.pair_count,
        .engine = v->tls.engine,
        .key_in_engine = v->tls.key_in_engine,
        .engine_kpass_sha1 = v->tls.engine_kpass_sha1,
        .password = v->tls.password,
        .password_ctx = v->tls.password_ctx,
    };
    struct nj_tls_context *context = NULL;
    struct nj_diag diag = {0};

    if (v->asked->cert == NULL && v->asked->key == NULL)
        return;
    v->lacks_pair = v->asked->cert == NULL || v->asked->key == NULL ||
                    nj_tls_context_new(&context, &pair, &diag) != NJ_OK;
    nj_tls_context_unref(context);
    if (!v->lacks_pair)
        return;
    v->tls.pair_count = 0;
    if (is_said(v))
        return;
    nj_step_came(nj_report_step(v->report, "key", "of the client"), NJ_STEP_FAILED, "of no use");
    say_diag(v, v->tls.key_in_engine ? NJ_FINDING_KEY_IN_TOKEN : NJ_FINDING_OPTION_REFUSED, &diag);
}

bool
nj_visit_has_use(struct nj_visit *v)
{
    struct nj_tls_context *context = NULL;
    struct nj_diag diag = {0};

    if (nj_findings_has(&v->report->findings, NJ_SEVERITY_FAULT))
        return true; /* then it is rather that */
    bool is_of_use = nj_tls_context_new(&context, &v->tls, &diag) == NJ_OK;
    nj_tls_context_unref(context);
    if (is_of_use)
        return true;
    nj_step_came(nj_report_step(v->report, "options", "of TLS"), NJ_STEP_FAILED, "of no use");
    say_diag(v, NJ_FINDING_OPTION_REFUSED, &diag);
    return false;
}

void
nj_visit_check_own(struct nj_visit *v, const struct nj_tls_probe *p)
{
    struct nj_step *step = nj_report_step(
        v->report, "certificate", "%s",
        p->showed_certificate ? v->asked->cert : "without a certificate of the client's");

    if (v->lacks_pair) {
        v->is_hopeless = true; /* a client does not even begin */
        nj_step_came(step, NJ_STEP_SKIPPED, "the client has one that cannot be used, see above");
        return;
    }
    if (p->alert >= 0 || p->is_ended) {
        v->is_hopeless = true;
        if (p->alert >= 0)
            nj_step_came(step, NJ_STEP_FAILED, "the broker refused it with the alert %s (%d)",
                         nj_tls_alert_name(p->alert), p->alert);
        else
            nj_step_came(step, NJ_STEP_FAILED, "the broker ended the connection");
        nj_visit_say_refused(v, p);
    } else if (!p->asked_certificate) {
        nj_step_came(step, NJ_STEP_GOOD, "the broker asks for none");
    } else {
        nj_step_came(step, NJ_STEP_GOOD,
                     "the broker takes it, and compares its name with no host%s%s",
                     p->wants[0] != '\0' ? "; it asks for one of " : "", p->wants);
    }
}
