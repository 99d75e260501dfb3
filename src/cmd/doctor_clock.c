/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_clock.c — certificates are judged by this machine's clock; who judges the clock? What was
 * written before now cannot lie in the future: this program, and the files that were given.
 *
 * Neither MQTT nor TLS says what time a broker has (the random bytes of TLS began with it once).
 * One thing tells of its clock: whether it takes a client's certificate, whose dates are known. */
#include "cmd/doctor.h"

#include "pki/file.h"

#include "base/compiler.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>

/* Two machines that share a folder differ by less. */
#define TOLERANCE_S 300

static int64_t
written_at(const char *path)
{
    struct stat st;

    return path != NULL && stat(path, &st) == 0 ? (int64_t)st.st_mtime : 0;
}

int64_t
nj_doctor_built_at(void)
{
    int64_t at = written_at("/proc/self/exe");

    return at > (int64_t)time(NULL) + TOLERANCE_S ? at : 0;
}

static bool
is_kept(void)
{
    struct timex state = {.modes = 0};

    return adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0;
}

static const char *
moment(int64_t at, char out[32])
{
    time_t t = (time_t)at;
    struct tm tm;

    if (gmtime_r(&t, &tm) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
        (void)snprintf(out, 32, "an impossible date");
    return out;
}

static void
say_behind(struct nj_report *report, const char *what, int64_t at, int64_t now)
{
    struct nj_finding *f =
        nj_findings_add(&report->findings, NJ_FINDING_CLOCK_BEHIND, NJ_END_CLIENT);
    char day[32];
    char today[32];

    if (f == NULL)
        return;
    f->severity = NJ_SEVERITY_WARNING; /* what is refused for it is said there */
    nj_finding_cause(f,
                     "the clock of this machine says %s, and %s was written on %s: the clock is "
                     "behind, or that of who wrote it was ahead",
                     moment(now, today), what, moment(at, day));
}

void
nj_doctor_check_clock(struct nj_report *report, const struct nj_client_config *asked)
{
    const char *const given[] = {asked->cafile, asked->cert, asked->key, asked->broker_config};
    struct nj_step *step = nj_report_step(report, "clock", "of this machine");
    int64_t now = (int64_t)time(NULL);
    const char *what = "this program";
    int64_t latest = written_at("/proc/self/exe");
    char today[32];

    for (size_t i = 0; i < NJ_COUNT_OF(given); i++) {
        int64_t at = written_at(given[i]);

        if (at > latest) {
            latest = at;
            what = given[i];
        }
    }
    nj_step_came(step, NJ_STEP_GOOD, "%s%s", moment(now, today),
                 is_kept() ? "" : ", kept by no time service");
    if (latest > now + TOLERANCE_S)
        say_behind(report, what, latest, now);
}

static bool
read_dates(const char *certfile, struct nj_cert_facts *out)
{
    const struct nj_pki_file_opts opts = {.wanted = NJ_PKI_CERTIFICATE};
    struct nj_pki_file file = {0};
    bool is_read = certfile != NULL && nj_pki_file_read(&file, certfile, &opts, NULL) == NJ_OK;

    if (is_read)
        nj_cert_facts_read(out, file.certificates[0]);
    nj_pki_file_fini(&file);
    return is_read;
}

static void
say_other_clock(struct nj_finding *f, enum nj_finding_id id, const char *certfile,
                const struct nj_cert_facts *dates)
{
    bool is_ahead = id == NJ_FINDING_CLOCK_AHEAD;
    char day[32];
    char today[32];

    nj_finding_init(f, id, NJ_END_BROKER);
    f->is_guess = true;
    nj_finding_cause(
        f, "the broker's clock is %s: %s is valid %s %s, and by the clock of this machine it is %s",
        is_ahead ? "ahead" : "behind", certfile, is_ahead ? "until" : "from",
        moment(is_ahead ? dates->not_after_s : dates->not_before_s, day),
        moment((int64_t)time(NULL), today));
    nj_finding_mend(f, "on the broker's machine: timedatectl set-ntp true");
}

void
nj_doctor_compare_clocks(struct nj_findings *causes, const char *certfile)
{
    int64_t now = (int64_t)time(NULL);
    struct nj_cert_facts dates;

    if (!read_dates(certfile, &dates) || now < dates.not_before_s || now > dates.not_after_s)
        return;
    size_t kept = 0;
    for (size_t i = 0; i < causes->count; i++) {
        struct nj_finding *f = &causes->at[kept];

        *f = causes->at[i];
        if (f->is_guess && (f->id == NJ_FINDING_NOT_YET_VALID || f->id == NJ_FINDING_EXPIRED))
            continue; /* by this clock it is good */
        if (f->is_guess && (f->id == NJ_FINDING_CLOCK_AHEAD || f->id == NJ_FINDING_CLOCK_BEHIND))
            say_other_clock(f, f->id, certfile, &dates);
        kept++;
    }
    causes->count = kept;
}

void
nj_doctor_doubt_clock(struct nj_report *report)
{
    bool has_expired = false;
    struct nj_finding *f;
    char today[32];

    for (size_t i = 0; i < report->findings.count; i++) {
        const struct nj_finding *known = &report->findings.at[i];

        has_expired |= !known->is_guess &&
                       (known->id == NJ_FINDING_EXPIRED || known->id == NJ_FINDING_CRL_EXPIRED);
    }
    if (!has_expired || is_kept())
        return;
    f = nj_findings_add(&report->findings, NJ_FINDING_CLOCK_AHEAD, NJ_END_CLIENT);
    if (f == NULL)
        return;
    f->is_guess = true;
    nj_finding_cause(f,
                     "no service keeps the clock of this machine: if it is not %s, nothing has "
                     "expired",
                     moment((int64_t)time(NULL), today));
}
