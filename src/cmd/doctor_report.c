/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/doctor_report.h"

#include "base/json.h"
#include "base/str.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

struct nj_step *
nj_report_step(struct nj_report *report, const char *name, const char *tried_fmt, ...)
{
    size_t at = NJ_MIN(report->count, (size_t)NJ_DOCTOR_STEPS_MAX - 1);
    struct nj_step *step = &report->steps[at];
    va_list ap;

    *step = (struct nj_step){.name = name, .from = report->findings.count};
    va_start(ap, tried_fmt);
    (void)vsnprintf(step->tried, sizeof(step->tried), tried_fmt, ap);
    va_end(ap);
    report->count = at + 1;
    return step;
}

void
nj_step_came(struct nj_step *step, enum nj_step_result result, const char *fmt, ...)
{
    va_list ap;

    step->result = result;
    va_start(ap, fmt);
    (void)vsnprintf(step->came, sizeof(step->came), fmt, ap);
    va_end(ap);
}

void
nj_report_fini(struct nj_report *report)
{
    nj_findings_fini(&report->findings);
}

static size_t
failed_steps(const struct nj_report *report)
{
    size_t count = 0;

    for (size_t i = 0; i < report->count; i++)
        count += report->steps[i].result == NJ_STEP_FAILED;
    return count;
}

bool
nj_report_is_bad(const struct nj_report *report)
{
    return failed_steps(report) > 0 || nj_findings_has(&report->findings, NJ_SEVERITY_FAULT);
}

static size_t
end_of(const struct nj_report *report, size_t step)
{
    return step + 1 < report->count ? report->steps[step + 1].from : report->findings.count;
}

static size_t
count_of(const struct nj_report *report, enum nj_severity severity)
{
    size_t count = 0;

    for (size_t i = 0; i < report->findings.count; i++)
        count += report->findings.at[i].severity == severity && !report->findings.at[i].is_guess;
    return count;
}

static const char *
date(int64_t at, char out[32])
{
    time_t t = (time_t)at;
    struct tm tm;

    if (gmtime_r(&t, &tm) == NULL || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        (void)snprintf(out, 32, "?");
    return out;
}

/* ---- for people ---- */

/* Text of several lines, each behind `indent`. */
static void
print_lines(const char *text, const char *first, const char *indent, FILE *out)
{
    const char *before = first;

    while (*text != '\0') {
        int n = (int)strcspn(text, "\n");

        (void)fprintf(out, "%s%.*s\n", before, n, text);
        text += n + (text[n] == '\n');
        before = indent;
    }
}

static void
print_certificate(const struct nj_finding *f, FILE *out)
{
    char from[32];
    char to[32];

    if (f->depth < 0)
        return;
    (void)fprintf(out,
                  "             certificate: subject %s, issuer %s,\n"
                  "             valid from %s to %s, names: %s\n",
                  f->cert.subject, f->cert.issuer, date(f->cert.not_before_s, from),
                  date(f->cert.not_after_s, to), f->cert.names[0] != '\0' ? f->cert.names : "none");
}

static void
print_finding(const struct nj_finding *f, FILE *out)
{
    (void)fprintf(out, "    %-8s %s", f->is_guess ? "perhaps" : nj_severity_name(f->severity),
                  nj_finding_name(f->id));
    if (f->file[0] != '\0')
        (void)fprintf(out, ", %s", f->file);
    (void)fputc('\n', out);
    print_lines(f->cause, "             ", "             ", out);
    print_certificate(f, out);
    if (f->mend[0] != '\0')
        print_lines(f->mend, "    mend:    ", "             ", out);
}

static void
print_step(const struct nj_step *step, FILE *out)
{
    static const char *const words[] = {"ok", "FAILED", "-"};

    (void)fprintf(out, "%-12s %-7s %s", step->name, words[step->result], step->tried);
    if (step->came[0] != '\0')
        (void)fprintf(out, ": %s", step->came);
    (void)fputc('\n', out);
}

/* "3 faults", "1 fault". */
static void
print_count(size_t count, const char *what, const char *end, FILE *out)
{
    (void)fprintf(out, "%zu %s%s%s", count, what, count == 1 ? "" : "s", end);
}

void
nj_report_print(const struct nj_report *report, FILE *out)
{
    for (size_t i = 0; i < report->count; i++) {
        print_step(&report->steps[i], out);
        for (size_t k = report->steps[i].from; k < end_of(report, i); k++)
            print_finding(&report->findings.at[k], out);
    }
    if (report->findings.is_cut)
        (void)fputs("There was more to say than there is room for.\n", out);
    if (failed_steps(report) > 0)
        print_count(failed_steps(report), "failed step", ", ", out);
    print_count(count_of(report, NJ_SEVERITY_FAULT), "fault", ", ", out);
    print_count(count_of(report, NJ_SEVERITY_WARNING), "warning", ".\n", out);
}

/* ---- for programs ---- */

static void
put(struct nj_json *into, const char *name, const char *text)
{
    nj_json_put_text(into, name, nj_str_of(text));
}

static void
put_certificate(struct nj_json *into, const struct nj_finding *f)
{
    struct nj_json *c = nj_json_put_object(into, "certificate");
    char at[32];

    nj_json_put_number(c, "depth", f->depth);
    put(c, "subject", f->cert.subject);
    put(c, "issuer", f->cert.issuer);
    put(c, "serial", f->cert.serial);
    put(c, "names", f->cert.names);
    put(c, "not_before", date(f->cert.not_before_s, at));
    put(c, "not_after", date(f->cert.not_after_s, at));
}

static void
put_finding(struct nj_json *list, const struct nj_finding *f)
{
    struct nj_json *o = nj_json_put_object(list, NULL);

    put(o, "name", nj_finding_name(f->id));
    put(o, "severity", nj_severity_name(f->severity));
    nj_json_put_bool(o, "is_guess", f->is_guess);
    put(o, "end", f->end == NJ_END_CLIENT ? "client" : "broker");
    if (f->file[0] != '\0')
        put(o, "file", f->file);
    if (f->depth >= 0)
        put_certificate(o, f);
    put(o, "cause", f->cause);
    put(o, "mend", f->mend);
}

bool
nj_report_print_json(const struct nj_report *report, FILE *out)
{
    static const char *const words[] = {"good", "failed", "skipped"};
    struct nj_json *root = nj_json_new();
    struct nj_json *steps = nj_json_put_array(root, "steps");

    for (size_t i = 0; i < report->count; i++) {
        const struct nj_step *step = &report->steps[i];
        struct nj_json *o = nj_json_put_object(steps, NULL);

        put(o, "step", step->name);
        put(o, "result", words[step->result]);
        put(o, "tried", step->tried);
        put(o, "came", step->came);
        struct nj_json *list = nj_json_put_array(o, "findings");
        for (size_t k = step->from; k < end_of(report, i); k++)
            put_finding(list, &report->findings.at[k]);
    }
    nj_json_put_number(root, "faults", (double)count_of(report, NJ_SEVERITY_FAULT));
    nj_json_put_number(root, "warnings", (double)count_of(report, NJ_SEVERITY_WARNING));
    nj_json_put_bool(root, "is_cut", report->findings.is_cut);
    return nj_json_write(out, root, true);
}
