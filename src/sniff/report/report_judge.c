/* SPDX-License-Identifier: Apache-2.0 */
/* report_judge.c — from conversations to listeners, and from what was seen of each to a verdict on
 * confidentiality, integrity and authentication. One conversation in clear spoils a listener. */
#include "base/hash.h"
#include "mqtt/packet.h"
#include "sniff/payload/tls_priv.h"
#include "sniff/report/report_priv.h"

#define ALERT_DECODE 50

/* ---- what was seen of a listener ---- */

static struct nj_listener_seen *
listener_of(struct nj_judgement *j, const struct nj_conversation *c)
{
    struct nj_listener_seen *l;

    for (size_t i = 0; i < j->listeners; i++)
        if (j->listener[i].port == c->ends.port[c->ends.server] &&
            strcmp(j->listener[i].address, c->ends.address[c->ends.server]) == 0)
            return &j->listener[i];
    if (j->listeners == NJ_REPORT_LISTENERS_MAX) {
        j->given_up++;
        return NULL;
    }
    l = &j->listener[j->listeners++];
    memcpy(l->address, c->ends.address[c->ends.server], sizeof(l->address));
    l->port = c->ends.port[c->ends.server];
    return l;
}

/* Has anything come of it? The handshake of 1.3 looks like application data itself: of the client
 * its Finished, and only then what it has to say. */
static bool
has_data(const struct nj_report_tls *t, unsigned client)
{
    return t->sent[client] >= (t->version == NJ_TLS_1_3 ? 2u : 1u) && t->sent[1 - client] >= 1 &&
           !t->has_alert;
}

static void
add_tls(struct nj_listener_seen *l, const struct nj_conversation *c)
{
    const struct nj_report_tls *t = &c->tls;
    bool is_good = c->is_opened || has_data(t, 1 - c->ends.server);

    l->in_tls++;
    l->opened += c->is_opened;
    l->has_data = l->has_data || is_good;
    l->failed += t->has_alert;
    if (t->has_alert && !l->has_alert) {
        l->has_alert = true;
        l->alert = t->alert;
    }
    l->has_hello_unanswered =
        l->has_hello_unanswered || (t->has_hello && !t->has_answer && !t->has_alert && !is_good);
    l->is_joined = l->is_joined ||
                   (!c->has_syn && !t->has_hello && !t->has_answer && !t->has_alert && !is_good);
    l->has_no_hello = l->has_no_hello || (!t->has_hello && !t->has_answer && c->has_syn);
    l->offers_weak = l->offers_weak || t->offers_weak;
    l->asks_certificate = l->asks_certificate || t->asks_certificate;
    l->has_client_certificate = l->has_client_certificate || t->client_certificate;
    l->has_clear_certificate =
        l->has_clear_certificate || (t->subject != NULL && t->version == NJ_TLS_1_2);
    l->has_same_names = l->has_same_names || (t->subject != NULL && t->issuer != NULL &&
                                              strcmp(t->subject, t->issuer) == 0);
    if (!t->has_answer)
        return;
    l->has_old_version = l->has_old_version || t->version < NJ_TLS_1_2;
    l->has_tls_1_3 = l->has_tls_1_3 || t->version == NJ_TLS_1_3;
    l->has_weak_suite = l->has_weak_suite || nj_suite_is_weak(t->suite);
    l->has_no_forward_secrecy =
        l->has_no_forward_secrecy || !nj_suite_has_forward_secrecy(t->suite);
}

static void
add_conversation(struct nj_judgement *j, const struct nj_conversation *c)
{
    struct nj_listener_seen *l;

    if (!c->is_clear_mqtt && !c->is_tls)
        return;
    l = listener_of(j, c);
    if (l == NULL)
        return;
    l->conversations++;
    l->in_clear += c->is_clear_mqtt;
    l->broken += c->has_rst;
    if (c->has_connect) {
        l->connects++;
        l->with_password += c->has_password;
        l->has_anonymous_in = l->has_anonymous_in || (!c->has_password && c->is_accepted);
    }
    if (c->is_tls)
        add_tls(l, c);
}

/* ---- the verdict ---- */

static void
add_spot(struct nj_listener_seen *l, bool is, enum nj_word spot)
{
    if (is && l->weak_spots < NJ_VERDICT_WEAK_SPOTS_MAX)
        l->weak[l->weak_spots++] = spot;
}

static void
add_step(struct nj_listener_seen *l, enum nj_word step)
{
    if (l->steps < NJ_VERDICT_STEPS_MAX)
        l->step[l->steps++] = step;
}

static void
judge_clear(struct nj_listener_seen *l)
{
    l->confidentiality = (struct nj_verdict_of){NJ_ANSWER_NO, NJ_WORD_C_NO};
    l->integrity = (struct nj_verdict_of){NJ_ANSWER_NO, NJ_WORD_I_NO};
    if (l->with_password > 0) {
        l->level = NJ_WORD_LEVEL_PASSWORD;
        l->authentication = (struct nj_verdict_of){NJ_ANSWER_WEAK, NJ_WORD_A_CLEAR};
    } else if (l->connects > 0) {
        l->level = NJ_WORD_LEVEL_OPEN;
        l->authentication = (struct nj_verdict_of){NJ_ANSWER_NO, NJ_WORD_A_NONE};
    } else {
        l->level = NJ_WORD_LEVEL_CLEAR;
        l->authentication = (struct nj_verdict_of){NJ_ANSWER_UNKNOWN, NJ_WORD_A_JOINED};
    }
    add_spot(l, l->with_password > 0 && l->has_anonymous_in, NJ_WORD_SPOT_ANONYMOUS);
    add_spot(l, l->has_data, NJ_WORD_SPOT_CLEAR_TOO);
    add_step(l, NJ_WORD_STEP_INIT);
    add_step(l, NJ_WORD_STEP_UPGRADE);
    add_step(l, NJ_WORD_STEP_PKI);
}

static void
judge_failed(struct nj_listener_seen *l)
{
    enum nj_word why = NJ_WORD_A_FAILED;

    if (l->has_alert && l->alert == ALERT_DECODE)
        why = NJ_WORD_A_NOT_TLS;
    else if (!l->has_alert)
        why = l->has_no_hello ? NJ_WORD_A_NOT_TLS : NJ_WORD_A_UNANSWERED;
    l->level = NJ_WORD_LEVEL_FAILED;
    l->confidentiality = (struct nj_verdict_of){NJ_ANSWER_UNKNOWN, NJ_WORD_C_FAILED};
    l->integrity = (struct nj_verdict_of){NJ_ANSWER_UNKNOWN, NJ_WORD_C_FAILED};
    l->authentication = (struct nj_verdict_of){NJ_ANSWER_NO, why};
    if (why == NJ_WORD_A_NOT_TLS) {
        l->confidentiality = (struct nj_verdict_of){NJ_ANSWER_NO, NJ_WORD_C_NOT_TLS};
        l->integrity = (struct nj_verdict_of){NJ_ANSWER_NO, NJ_WORD_I_NO};
    }
    add_step(l, NJ_WORD_STEP_DOCTOR);
    if (l->has_same_names)
        add_step(l, NJ_WORD_STEP_RENEW);
}

static void
judge_authentication_in_tls(struct nj_listener_seen *l)
{
    l->level = NJ_WORD_LEVEL_TLS;
    if (l->has_client_certificate) {
        l->level = NJ_WORD_LEVEL_MUTUAL;
        l->authentication = (struct nj_verdict_of){NJ_ANSWER_YES, NJ_WORD_A_MUTUAL};
    } else if (l->with_password > 0) {
        l->level = NJ_WORD_LEVEL_TLS_PASSWORD;
        l->authentication = (struct nj_verdict_of){NJ_ANSWER_YES, NJ_WORD_A_TLS_PASSWORD};
    } else if (l->asks_certificate) {
        l->authentication = (struct nj_verdict_of){NJ_ANSWER_YES, NJ_WORD_A_ASKED};
    } else if (l->has_anonymous_in) {
        l->authentication = (struct nj_verdict_of){NJ_ANSWER_WEAK, NJ_WORD_A_TLS_OPEN};
    } else if (l->has_tls_1_3) {
        l->authentication = (struct nj_verdict_of){NJ_ANSWER_UNKNOWN, NJ_WORD_A_HIDDEN};
    } else {
        l->authentication = (struct nj_verdict_of){NJ_ANSWER_WEAK, NJ_WORD_A_SERVER};
    }
}

static void
judge_tls(struct nj_listener_seen *l)
{
    bool is_old = l->has_old_version || l->has_weak_suite;

    l->confidentiality = (struct nj_verdict_of){NJ_ANSWER_YES, NJ_WORD_C_YES};
    if (l->opened > 0)
        l->confidentiality.why = NJ_WORD_C_OPENED;
    if (is_old)
        l->confidentiality = (struct nj_verdict_of){NJ_ANSWER_WEAK, NJ_WORD_C_WEAK};
    l->integrity = (struct nj_verdict_of){is_old ? NJ_ANSWER_WEAK : NJ_ANSWER_YES,
                                          is_old ? NJ_WORD_C_WEAK : NJ_WORD_I_YES};
    judge_authentication_in_tls(l);
    if (is_old)
        add_step(l, NJ_WORD_STEP_VERSION);
    if (l->failed > 0)
        add_step(l, NJ_WORD_STEP_DOCTOR);
    if (l->authentication.answer == NJ_ANSWER_WEAK)
        add_step(l, NJ_WORD_STEP_MUTUAL);
    if (l->steps == 0)
        add_step(l,
                 l->authentication.answer == NJ_ANSWER_YES ? NJ_WORD_STEP_NONE : NJ_WORD_STEP_SHOW);
}

/* It goes on, so that it has not failed; more is not known. */
static void
judge_joined(struct nj_listener_seen *l)
{
    l->level = NJ_WORD_LEVEL_JOINED;
    l->confidentiality = (struct nj_verdict_of){NJ_ANSWER_UNKNOWN, NJ_WORD_C_JOINED};
    l->integrity = (struct nj_verdict_of){NJ_ANSWER_UNKNOWN, NJ_WORD_I_JOINED};
    l->authentication = (struct nj_verdict_of){NJ_ANSWER_UNKNOWN, NJ_WORD_A_TLS_JOINED};
    add_step(l, l->failed > 0 ? NJ_WORD_STEP_DOCTOR : NJ_WORD_STEP_SHOW);
}

static void
judge(struct nj_listener_seen *l)
{
    if (l->in_clear > 0)
        judge_clear(l);
    else if (l->has_data)
        judge_tls(l);
    else if (l->is_joined)
        judge_joined(l);
    else
        judge_failed(l);
    add_spot(l, l->in_clear == 0 && l->has_anonymous_in, NJ_WORD_SPOT_ANONYMOUS);
    add_spot(l, l->has_old_version, NJ_WORD_SPOT_OLD_TLS);
    add_spot(l, l->has_weak_suite, NJ_WORD_SPOT_WEAK_SUITE);
    add_spot(l, l->offers_weak, NJ_WORD_SPOT_WEAK_OFFER);
    add_spot(l, l->has_no_forward_secrecy, NJ_WORD_SPOT_NO_FORWARD);
    add_spot(l, l->has_clear_certificate, NJ_WORD_SPOT_CERTIFICATE);
    add_spot(l, l->has_same_names, NJ_WORD_SPOT_SAME_NAMES);
}

void
nj_report_judge(const struct nj_report *r, struct nj_judgement *out)
{
    *out = (struct nj_judgement){0};
    for (size_t i = 0; i < r->conversations; i++)
        add_conversation(out, &r->conversation[i]);
    for (size_t i = 0; i < out->listeners; i++)
        judge(&out->listener[i]);
}
