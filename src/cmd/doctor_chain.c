/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_chain.c — what the broker shows: its chain, its dates, its names, each a step that a
 * client takes in one go. */
#include "cmd/doctor_live.h"

#include "pki/file.h"

/* The CA file of the client, as long as its certificates are needed. */
struct trust {
    struct nj_pki_file ca;
    bool is_blank; /* none was given: the system's */
};

/* False: there is a CA file, and it is of no use, as was found among the files. */
static bool
read_trust(const struct nj_visit *v, struct trust *out)
{
    const struct nj_pki_file_opts opts = {.wanted = NJ_PKI_CERTIFICATE};

    out->is_blank = v->asked->cafile == NULL && v->asked->capath == NULL;
    return v->asked->cafile == NULL ||
           nj_pki_file_read(&out->ca, v->asked->cafile, &opts, NULL) == NJ_OK;
}

static bool
is_about_dates(enum nj_finding_id id)
{
    return id == NJ_FINDING_EXPIRED || id == NJ_FINDING_NOT_YET_VALID ||
           id == NJ_FINDING_CLOCK_BEHIND || id == NJ_FINDING_EXPIRES_SOON;
}

static bool
is_about_names(enum nj_finding_id id)
{
    return id == NJ_FINDING_HOST_NAME || id == NJ_FINDING_HOST_ADDRESS ||
           id == NJ_FINDING_HOST_AS_TEXT;
}

static bool
is_about_chain(enum nj_finding_id id)
{
    return !is_about_dates(id) && !is_about_names(id);
}

/* Put those that `belongs` takes into the report; whether a client stops at one of them. */
static bool
report_those(struct nj_visit *v, const struct nj_findings *all, bool (*belongs)(enum nj_finding_id))
{
    bool is_stopped = false;

    for (size_t i = 0; i < all->count; i++) {
        const struct nj_finding *f = &all->at[i];
        struct nj_finding *place = belongs(f->id) ? nj_visit_found(v, f->id, f->end) : NULL;

        if (place == NULL)
            continue;
        *place = *f;
        is_stopped = is_stopped || f->severity == NJ_SEVERITY_FAULT;
    }
    return is_stopped;
}

static void
check_step(struct nj_visit *v, const struct nj_findings *all, const char *name, const char *tried,
           const char *good, bool (*belongs)(enum nj_finding_id))
{
    struct nj_step *step = nj_report_step(v->report, name, "%s", tried);

    if (report_those(v, all, belongs)) {
        nj_step_came(step, NJ_STEP_FAILED, "a client stops here");
        v->is_hopeless = true;
    } else {
        nj_step_came(step, NJ_STEP_GOOD, "%s", good);
    }
}

static void
check_names(struct nj_visit *v, struct nj_findings *all)
{
    bool is_skipped = v->asked->insecure;

    for (size_t i = 0; i < all->count; i++) {
        if (is_about_names(all->at[i].id) && is_skipped)
            all->at[i].severity =
                NJ_SEVERITY_WARNING; /* --insecure looks away, and at nothing else */
        if (all->at[i].id == NJ_FINDING_HOST_AS_TEXT)
            v->is_text_only = true;
    }
    check_step(v, all, "names", v->opts.host,
               is_skipped ? "not compared, because of --insecure" : "stands in the certificate",
               is_about_names);
}

void
nj_visit_check_shown(struct nj_visit *v, const struct nj_tls_probe *p)
{
    struct nj_findings all = {0};
    struct trust trust = {0};

    if (!read_trust(v, &trust)) {
        nj_step_came(nj_report_step(v->report, "chain", "verify what the broker shows"),
                     NJ_STEP_SKIPPED, "there is no CA file to verify it by");
        nj_pki_file_fini(&trust.ca);
        v->is_hopeless = true;
        return;
    }
    const struct nj_judge_chain chain = {
        .end = NJ_END_BROKER,
        .shown = p->shown,
        .shown_count = p->shown_count,
        .trusted = trust.ca.certificates,
        .trusted_count = trust.ca.certificate_count,
        .trusted_file = v->asked->cafile,
        .capath = v->asked->capath,
        .is_system_store = trust.is_blank || v->asked->use_os_certs,
        .host = v->opts.host,
        .passed_s = nj_doctor_built_at(),
    };
    nj_judge_chain(&all, &chain);
    check_step(v, &all, "chain", "verify what the broker shows", "it leads to a CA that is trusted",
               is_about_chain);
    check_step(v, &all, "dates", "compare them with this clock", "all are valid now",
               is_about_dates);
    check_names(v, &all);
    nj_findings_fini(&all);
    nj_pki_file_fini(&trust.ca);
}
