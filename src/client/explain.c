/* SPDX-License-Identifier: Apache-2.0 */
#include "client/explain.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ROOM 4096

struct text {
    char *p;
    size_t n;
};

static void NJ_PRINTF(2, 3) add(struct text *t, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(t->p + t->n, ROOM - t->n, fmt, args);
    va_end(args);
    if (n > 0)
        t->n = NJ_MIN(t->n + (size_t)n, (size_t)ROOM - 1);
}

static void
add_day(struct text *t, const char *before, int64_t at)
{
    time_t seconds = (time_t)at;
    char day[16] = "?";
    struct tm tm;

    if (gmtime_r(&seconds, &tm) != NULL)
        (void)strftime(day, sizeof(day), "%Y-%m-%d", &tm);
    add(t, "%s%s", before, day);
}

static void
add_certificate(struct text *t, const struct nj_finding *f)
{
    if (f->depth < 0)
        return;
    add(t, "\nCertificate: subject %s, issuer %s", f->cert.subject, f->cert.issuer);
    add_day(t, ", valid from ", f->cert.not_before_s);
    add_day(t, " to ", f->cert.not_after_s);
    add(t, ", names: %s", f->cert.names[0] != '\0' ? f->cert.names : "none");
}

/* One line each. */
static void
add_mend(struct text *t, const char *before, const char *mend)
{
    if (mend[0] == '\0')
        return;
    add(t, "\n%s:", before);
    while (*mend != '\0') {
        size_t n = strcspn(mend, "\n");

        add(t, "\n    %.*s", (int)n, mend);
        mend += n + (mend[n] == '\n');
    }
}

/* The certificate that it is about, and what mends it. */
static void
add_particulars(struct text *t, const struct nj_finding *f)
{
    add_certificate(t, f);
    add_mend(t, "To mend it", f->mend);
}

/* ---- who refused ---- */

static void
add_refused_here(struct text *t, const struct nj_tls_fault *f)
{
    add(t, "%s", f->finding.cause);
    if (f->reason[0] != '\0')
        add(t, " (OpenSSL: %s)", f->reason);
    add_particulars(t, &f->finding);
    if (f->also.id == NJ_FINDING_NONE)
        return;
    add(t, "\nAnd once that is mended: %s", f->also.cause);
    if (strcmp(f->also.mend, f->finding.mend) != 0)
        add_mend(t, "To mend that", f->also.mend);
}

/* What our own files show to be so, with the words that name file and certificate. */
static void
add_known(struct text *t, const struct nj_findings *causes, const struct nj_findings *own)
{
    for (size_t i = 0; i < causes->count; i++) {
        for (size_t k = 0; k < own->count && !causes->at[i].is_guess; k++) {
            if (own->at[k].id != causes->at[i].id)
                continue;
            add(t, ": %s", own->at[k].cause);
            add_particulars(t, &own->at[k]);
            return;
        }
    }
}

static void
add_guesses(struct text *t, const struct nj_findings *causes)
{
    if (causes->count == 1) {
        add(t, ": probably %s", causes->at[0].cause);
        add_mend(t, "To mend it", causes->at[0].mend);
        return;
    }
    if (causes->count > 0)
        add(t, "\nPossible causes, most likely first:");
    for (size_t i = 0; i < causes->count; i++)
        add(t, "\n    %s", causes->at[i].cause);
    if (causes->count > 0)
        add_mend(t, "To mend the first", causes->at[0].mend);
}

/* The broker knows why. We know what usually is, and what is wrong with the files here. */
static void
add_refused_there(struct text *t, const struct nj_tls_fault *f, const struct nj_client_opts *opts)
{
    const struct nj_judge_end end = {
        .certfile = opts->tls->cert,
        .keyfile = opts->tls->key,
        .cafile = opts->tls->cafile,
        .capath = opts->tls->capath,
        .use_os_certs = opts->tls->use_os_certs,
    };
    struct nj_findings own = {0}, causes = {0};

    if (f->ended == NJ_TLS_BY_PEER)
        add(t, "the broker refused the connection with alert %d %s", f->alert,
            nj_tls_alert_name(f->alert));
    else
        add(t, "the broker ended the connection %s",
            f->was_open       ? "right after the handshake, without a word"
            : f->first_n == 0 ? "before it sent anything"
                              : "in the middle of the handshake");
    if (f->finding.id != NJ_FINDING_NONE) {
        add(t, ": %s", f->finding.cause);
        add_mend(t, "To mend it", f->finding.mend);
        return;
    }
    nj_judge_files(&own, NULL, &end, NULL);
    nj_tls_fault_guess(f, &own, &causes);
    if (causes.count > 0 && !causes.at[0].is_guess)
        add_known(t, &causes, &own);
    else
        add_guesses(t, &causes);
    nj_findings_fini(&causes);
    nj_findings_fini(&own);
}

/* ---- all of it ---- */

/* No longer than it has to be. */
static char *
finished(struct text *t)
{
    char *copy = t->p != NULL ? nj_str_dup((struct nj_str){t->p, t->n}) : NULL;

    nj_free(t->p);
    return copy;
}

char *
nj_explain_fault(const struct nj_tls_fault *f, const struct nj_client_opts *opts)
{
    struct text t = {.p = nj_zalloc(ROOM)};

    if (t.p == NULL)
        return NULL;
    if (f->ended == NJ_TLS_BY_US)
        add_refused_here(&t, f);
    else
        add_refused_there(&t, f, opts);
    return finished(&t);
}

char *
nj_explain_diag(const struct nj_diag *diag)
{
    static const char before[] = "Error: ";
    bool has_before = strncmp(diag->text, before, sizeof(before) - 1) == 0;
    struct text t = {.p = nj_zalloc(ROOM)};

    if (t.p == NULL)
        return NULL;
    add(&t, "%s", diag->text + (has_before ? sizeof(before) - 1 : 0));
    add_mend(&t, "To mend it", diag->hint);
    return finished(&t);
}
