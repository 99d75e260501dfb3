/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_tls.c — TLS, looked at from all sides: a probe takes whatever is shown, and each check
 * that a client makes in one go is a step of its own. */
#include "cmd/doctor_live.h"

#include "net/tls_fault.h"
#include "pki/file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    TLS_1_0 = 0x0301,
    TLS_1_1 = 0x0302,
    TLS_1_2 = 0x0303,
    TLS_1_3 = 0x0304,
};

enum {
    ALERT_HANDSHAKE_FAILURE = 40,
    ALERT_PROTOCOL_VERSION = 70,
    ALERT_UNKNOWN_IDENTITY = 115,
    ALERT_CERTIFICATE_REQUIRED = 116,
};

bool
nj_visit_probe(struct nj_visit *v, struct nj_tls_probe *out, int oldest, int newest)
{
    const struct nj_tls_probe_opts opts = {
        .host = v->opts.host,
        .oldest = oldest,
        .newest = newest,
        .offer = v->has_tls ? &v->tls : NULL,
        .timeout_ms = (unsigned)v->patience_ms,
    };
    int fd = nj_visit_dial(v);

    if (fd < 0)
        return false;
    enum nj_err err = nj_tls_probe_run(out, fd, &opts);
    (void)close(fd);
    return err == NJ_OK;
}

/* ---- why it failed ---- */

static struct nj_tls_fault
fault_of(const struct nj_visit *v, const struct nj_tls_probe *p)
{
    struct nj_tls_fault fault = {
        .role = NJ_TLS_CLIENT,
        .ended = p->alert >= 0 ? NJ_TLS_BY_PEER : NJ_TLS_BY_SILENCE,
        .was_open = p->is_open,
        .is_tls13 = strcmp(p->version, "TLSv1.3") == 0,
        .showed_certificate = p->showed_certificate,
        .asked_certificate = p->asked_certificate,
        .offered_key = v->tls.psk != NULL,
        .alert = p->alert,
        .first_n = (uint8_t)p->first_n,
    };

    memcpy(fault.first, p->first, sizeof(fault.first));
    (void)snprintf(fault.reason, sizeof(fault.reason), "%s", p->reason);
    return fault;
}

/* The one of `list` that is about the same; NULL. */
static const struct nj_finding *
find(const struct nj_findings *list, enum nj_finding_id id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->at[i].id == id)
            return &list->at[i];
    }
    return NULL;
}

/* TLS 1.3 passes over a key that it does not know, TLS 1.2 says so: what a broker that found
 * nothing in common says to the client's key there, or to one made up. */
static enum nj_finding_id
ask_about_key(struct nj_visit *v)
{
    const struct nj_tls_opts asked = v->tls;
    enum nj_finding_id id = NJ_FINDING_NONE;
    struct nj_tls_probe p = {0};

    if (asked.psk == NULL) {
        v->tls.psk = "00";
        v->tls.psk_identity = "nightjar doctor";
    }
    v->tls.ciphers = NULL;
    (void)nj_visit_probe(v, &p, TLS_1_2, TLS_1_2);
    if (p.alert == ALERT_UNKNOWN_IDENTITY)
        id = asked.psk == NULL ? NJ_FINDING_NO_PSK : NJ_FINDING_UNKNOWN_IDENTITY;
    nj_tls_probe_fini(&p);
    v->tls = asked;
    return id;
}

/* ---- versions ---- */

static bool
speaks(struct nj_visit *v, int oldest, int newest)
{
    struct nj_tls_probe p = {0};
    bool is_spoken = nj_visit_probe(v, &p, oldest, newest) && (p.is_open || p.asked_certificate);

    nj_tls_probe_fini(&p);
    return is_spoken;
}

/* "1.3, 1.2"; empty: none. Whether one is older than these. */
static bool
list_versions(struct nj_visit *v, char *out, size_t room)
{
    bool has_13 = speaks(v, TLS_1_3, TLS_1_3);
    bool has_12 = speaks(v, TLS_1_2, TLS_1_2);
    bool has_old = speaks(v, TLS_1_0, TLS_1_1);

    (void)snprintf(out, room, "%s%s%s%s%s", has_13 ? "1.3" : "", has_13 && has_12 ? ", " : "",
                   has_12 ? "1.2" : "", (has_13 || has_12) && has_old ? ", " : "",
                   has_old ? "older than 1.2" : "");
    return has_old;
}

static void
ask_versions(struct nj_visit *v)
{
    struct nj_step *step = nj_report_step(v->report, "versions", "which TLS does the broker speak");
    char list[64];
    bool has_old = list_versions(v, list, sizeof(list));

    nj_step_came(step, NJ_STEP_GOOD, "%s", list);
    if (has_old)
        (void)nj_visit_found(v, NJ_FINDING_OLD_VERSION, NJ_END_BROKER);
}

/* The broker refused the client's; which would it take? False: nobody knows. */
static bool
say_versions(struct nj_visit *v)
{
    char list[64];
    struct nj_finding *f;

    (void)list_versions(v, list, sizeof(list));
    f = list[0] != '\0' ? nj_visit_found(v, NJ_FINDING_NO_VERSION, NJ_END_BROKER) : NULL;
    if (f == NULL)
        return false;
    nj_finding_cause(f,
                     "the broker speaks TLS %s, and the client does not: by its options, by its "
                     "system's limits (openssl.cnf), or because that is known to be broken",
                     list);
    if (strcmp(list, "older than 1.2") == 0)
        nj_finding_mend(f, "in the broker's configuration: tls_version tlsv1.2");
    return true;
}

void
nj_visit_say_refused(struct nj_visit *v, const struct nj_tls_probe *p)
{
    struct nj_tls_fault fault = fault_of(v, p);
    struct nj_findings own = {0};
    struct nj_findings causes = {0};
    enum nj_finding_id certain =
        p->alert == ALERT_HANDSHAKE_FAILURE ? ask_about_key(v) : NJ_FINDING_NONE;

    if (v->lacks_pair && p->asked_certificate)
        return; /* none could be shown, and why was said */
    if (p->alert == ALERT_CERTIFICATE_REQUIRED)
        certain = NJ_FINDING_NO_CERTIFICATE; /* it means nothing else */
    if (p->alert == ALERT_PROTOCOL_VERSION && say_versions(v))
        return;
    if (certain != NJ_FINDING_NONE) {
        (void)nj_visit_found(v, certain, NJ_END_CLIENT);
        return;
    }
    nj_visit_judge_own(v, &own);
    nj_tls_fault_guess(&fault, &own, &causes);
    nj_doctor_compare_clocks(&causes, v->asked->cert);
    for (size_t i = 0; i < causes.count; i++) {
        const struct nj_finding *known = find(&own, causes.at[i].id);
        struct nj_finding *f = nj_visit_found(v, causes.at[i].id, causes.at[i].end);

        if (f != NULL)
            *f = known != NULL ? *known : causes.at[i];
    }
    nj_findings_fini(&own);
    nj_findings_fini(&causes);
}

/* What came first was no TLS, or nothing came. */
static void
say_no_tls(struct nj_visit *v, struct nj_step *step, const struct nj_tls_probe *p)
{
    enum nj_tls_first first = nj_tls_look((struct nj_str){(const char *)p->first, p->first_n});
    struct nj_answer answer = {.n = 0};

    if (first == NJ_TLS_FIRST_HTTP) {
        nj_step_came(step, NJ_STEP_FAILED, "the answer is HTTP");
        (void)nj_visit_found(v, NJ_FINDING_PLAIN_HTTP, NJ_END_BROKER);
        return;
    }
    nj_step_came(step, NJ_STEP_FAILED, "%s",
                 p->is_timed_out   ? "nothing came"
                 : p->first_n == 0 ? "the broker ended the connection at the first byte of TLS"
                                   : "the answer is no TLS");
    if (p->is_timed_out) {
        nj_visit_say_stranger(v, &answer); /* who waits for more than a ClientHello is no broker */
        return;
    }
    nj_visit_ask_plainly(v, &answer);
    if (!nj_answer_is_mqtt(&answer)) {
        nj_visit_say_stranger(v, &answer);
        return;
    }
    struct nj_finding *f = nj_visit_found(v, NJ_FINDING_TLS_ON_PLAIN, NJ_END_CLIENT);
    char place[300];

    if (f != NULL)
        nj_finding_cause(f, "%s speaks MQTT without TLS, and the client was told to use TLS there",
                         nj_visit_place(v, place, sizeof(place)));
}

static bool
is_tls(const struct nj_tls_probe *p)
{
    return p->first_n > 0 &&
           nj_tls_look((struct nj_str){(const char *)p->first, p->first_n}) == NJ_TLS_FIRST_TLS;
}

/* The oldest version that the client is told to speak. */
static int
oldest_of(const struct nj_client_config *asked)
{
    return asked->tls_version != NULL && strcmp(asked->tls_version, "tlsv1.3") == 0 ? TLS_1_3
                                                                                    : TLS_1_2;
}

/* It ended before anything was sent: the client's own limits leave it nothing to say. */
static bool
is_mute(const struct nj_tls_probe *p)
{
    return !p->is_ended && !p->is_timed_out && p->first_n == 0;
}

/* A broker that does not take the key goes on as if there were none. */
static bool
shake_without_key(struct nj_visit *v, struct nj_step *step)
{
    struct nj_finding *f;

    nj_step_came(step, NJ_STEP_FAILED, "the broker does not take the key, and shows a certificate");
    f = nj_visit_found(v, NJ_FINDING_UNKNOWN_IDENTITY, NJ_END_CLIENT);
    if (f != NULL)
        nj_finding_cause(f,
                         "the broker takes no shared keys on this port, or knows none for the "
                         "identity %s",
                         v->tls.psk_identity);
    return false;
}

/* The handshake itself; false: there was none. */
static bool
shake_hands(struct nj_visit *v, struct nj_tls_probe *p)
{
    struct nj_step *step = nj_report_step(v->report, "tls", "handshake");

    if (!nj_visit_probe(v, p, oldest_of(v->asked), 0)) {
        nj_step_came(step, NJ_STEP_FAILED, "no second connection could be made");
        return false;
    }
    if (p->is_open) {
        bool has_key = v->tls.psk != NULL;

        if (has_key && p->shown_count > 0)
            return shake_without_key(v, step);
        nj_step_came(step, NJ_STEP_GOOD, "%s, %s%s%s", p->version, p->cipher,
                     has_key ? ", by the shared key of " : "", has_key ? v->tls.psk_identity : "");
        return true;
    }
    if (is_mute(p)) {
        nj_step_came(step, NJ_STEP_FAILED, "the client's own settings do not let it begin: %s",
                     p->reason);
        (void)nj_visit_found(v, NJ_FINDING_NO_VERSION, NJ_END_CLIENT);
        return false;
    }
    if (!is_tls(p)) {
        say_no_tls(v, step, p);
        return false;
    }
    if (p->alert >= 0)
        nj_step_came(step, NJ_STEP_FAILED, "the broker refused with the alert %s (%d)",
                     nj_tls_alert_name(p->alert), p->alert);
    else
        nj_step_came(step, NJ_STEP_FAILED, "%s",
                     p->reason[0] != '\0' ? p->reason : "the connection ended");
    nj_visit_say_refused(v, p);
    return false;
}

void
nj_visit_tls(struct nj_visit *v)
{
    struct nj_tls_probe p = {0};

    nj_visit_try_own(v);
    if (nj_visit_has_use(v) && shake_hands(v, &p)) {
        ask_versions(v);
        if (v->tls.psk == NULL) {
            nj_visit_check_shown(v, &p);
            nj_visit_check_own(v, &p);
        }
    } else {
        v->is_hopeless = true;
    }
    nj_tls_probe_fini(&p);
}
